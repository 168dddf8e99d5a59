/*
 * Program Compatibility Assistant of Windows 11 22H2 and later: what ran, in plain text under
 * Windows\appcompat\pca. PcaAppLaunchDic.txt: PATH|TIME. PcaGeneralDb0.txt and PcaGeneralDb1.txt:
 * TIME|STATUS|PATH|PRODUCT|COMPANY|VERSION|PROGRAM ID|EXIT. Times are UTC.
 */
#include "parsers/textfile.h"

#define WHEN "%Y-%m-%d %H:%M:%S.%f"

static int probe(const struct probe *p)
{
	char text[512];
	struct view head = textfile_head(p, text, sizeof(text)), line, rest = head, a;
	bool named = view_glob(view_text(p->name), "pca*.txt");
	size_t used;

	if (!view_line(&rest, &line))
		return BID_NO;
	if (time_scan(line, WHEN, NULL, &used) && view_starts(view_from(line, used), "|", 1) &&
	    named)
		return BID_BOTH;
	if (view_cut(&line, "|", &a) && time_scan(line, WHEN, NULL, &used) &&
	    view_trim(view_from(line, used)).len == 0)
		return named ? BID_BOTH : a.len > 3 && a.data[1] == ':' ? BID_CONTENT : BID_NO;
	return BID_NO;
}

static int parse(struct parse *p, struct view bytes)
{
	static const char *const names[] = {"RunStatus",   "Image",	"Product", "Company",
					    "FileVersion", "ProgramId", "ExitText"};
	struct textfile t;
	struct view line;
	int status = OK;

	textfile_open(&t, bytes);
	while (status >= 0 && textfile_line(&t, &line)) {
		struct view head, rest = line;
		const char *image = "";
		int64_t ts = TIME_NONE;
		size_t used;

		line = rest = view_trim(line);
		if (line.len == 0)
			continue;
		if (time_scan(line, WHEN, &ts, &used) &&
		    view_starts(view_from(line, used), "|", 1)) {
			event_start(p, KIND_PROCESS_SEEN, ts, "Last Time Executed", t.offset);
			rest = view_from(line, used + 1);
			for (size_t i = 0; i < sizeof(names) / sizeof(names[0]) && rest.len; i++) {
				(void)view_cut(&rest, "|", &head);
				if (head.len)
					event_add(p, names[i], value_view(head));
				if (i == 1)
					image = parse_text(&p->scratch, head);
			}
			event_messagef(p, "%s ran", image);
		} else if (view_cut(&rest, "|", &head) && time_scan(rest, WHEN, &ts, NULL)) {
			event_start(p, KIND_PROCESS_SEEN, ts, "Last Time Executed", t.offset);
			event_add(p, "Image", value_view(head));
			event_messagef(p, "%s ran", parse_text(&p->scratch, head));
		} else {
			status = parse_lost(
				p, t.offset,
				"line %llu is none of the Program Compatibility Assistant",
				(unsigned long long)t.line);
			continue;
		}
		p->event.record = t.line;
		status = event_emit(p);
	}
	textfile_release(&t);
	return status;
}

const struct parser parser_winpca = {
	.name = "winpca",
	.title = "Program Compatibility Assistant (PcaAppLaunchDic, PcaGeneralDb)",
	.version = 1,
	.probe = probe,
	.parse = parse,
};
