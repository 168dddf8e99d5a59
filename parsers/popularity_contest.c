/*
 * Debian's popularity contest (/var/log/popularity-contest; popcon.debian.org, "FAQ"): for each package
 * its most recently used program, with the times of last access and last change of its inode:
 * "ATIME CTIME PACKAGE PROGRAM <TAG>" between "POPULARITY-CONTEST-0 TIME:..." and "END-...".
 */
#include "parsers/textfile.h"

#define HEAD "POPULARITY-CONTEST-"

static int probe(const struct probe *p)
{
	return view_begins(p->head, HEAD) && view_index(view_clip(p->head, 0, 128), " TIME:") < 128
		       ? BID_MAGIC
		       : BID_NO;
}

static int border(struct parse *p, struct view line, const struct textfile *t, bool end)
{
	struct view rest = line, skip, number;
	uint64_t n;

	if (!view_cut(&rest, "TIME:", &skip))
		return OK;
	(void)view_token(&rest, ' ', &number);
	event_start(p, KIND_OTHER,
		    view_decimal(number, &n) && n < UINT32_MAX ? time_from_unix((int64_t)n)
							       : TIME_NONE,
		    end ? "End Time" : "Start Time", t->offset);
	p->event.record = t->line;
	event_add(p, "Text", value_view(line));
	event_messagef(p, "Popularity contest %s", end ? "ended" : "began");
	return event_emit(p);
}

static int parse(struct parse *p, struct view bytes)
{
	struct textfile t;
	struct view line;
	int status = OK;

	textfile_open(&t, bytes);
	while (status >= 0 && textfile_line(&t, &line)) {
		struct view rest = line, cells[5];
		uint64_t accessed, changed;
		size_t n = 0;

		if (view_begins(line, HEAD) || view_begins(line, "END-" HEAD)) {
			status = border(p, line, &t, view_begins(line, "END"));
			continue;
		}
		while (n < 5 && view_token(&rest, ' ', &cells[n]))
			n++;
		if (n < 3 || !view_decimal(cells[0], &accessed) ||
		    !view_decimal(cells[1], &changed) || accessed > UINT32_MAX ||
		    changed > UINT32_MAX)
			continue;
		event_start(p, KIND_FILE_METADATA, TIME_NONE, "Not a time", t.offset);
		p->event.record = t.line;
		p->event.flags |= EVENT_SECOND_PRECISION;
		event_add(p, "Package", value_view(cells[2]));
		if (n > 3)
			event_add(p, "TargetFilename", value_view(cells[3]));
		if (n > 4)
			event_add(p, "Tag", value_view(cells[4]));
		event_messagef(p, "%s of the package %s was used last",
			       n > 3 ? parse_text(&p->scratch, cells[3]) : "Something",
			       parse_text(&p->scratch, cells[2]));
		if (accessed)
			status = event_emit_at(p, time_from_unix((int64_t)accessed),
					       "Last Access Time");
		if (status >= 0 && changed)
			status = event_emit_at(p, time_from_unix((int64_t)changed),
					       "Metadata Modification Time");
		if (status >= 0 && !accessed && !changed)
			status = event_emit(p);
	}
	textfile_release(&t);
	return status;
}

const struct parser parser_popularity_contest = {
	.name = "popularity_contest",
	.title = "Debian's popularity contest: when programs were used last",
	.version = 1,
	.probe = probe,
	.parse = parse,
};
