/*
 * The bodyfile of Sleuthkit's mactime (body file format, version 3):
 * MD5|name|inode|mode_as_string|UID|GID|size|atime|mtime|ctime|crtime, times in seconds of UTC,
 * perhaps with a fraction. In the name
 * \| is a bar and \\ a backslash (mactime's input by fls does not escape, log2timeline's does); the
 * collector writes %7C.
 */
#include "parsers/parser.h"

#define FIELDS 11

/* The eleven fields; a bar behind a backslash does not part them. */
static unsigned split(struct view line, struct view out[FIELDS])
{
	unsigned n = 0;
	size_t start = 0;

	for (size_t i = 0; i <= line.len && n < FIELDS; i++) {
		if (i < line.len && line.data[i] != '|')
			continue;
		if (i > 0 && i < line.len && line.data[i - 1] == '\\' &&
		    !(i > 1 && line.data[i - 2] == '\\'))
			continue;
		out[n++] = view_sub(line, start, i - start);
		start = i + 1;
	}
	return start > line.len ? n : FIELDS + 1;
}

/* Seconds, with a fraction or not; up to nine of its digits count. False when it is none. */
static bool seconds(struct view v, int64_t *ts)
{
	size_t dot = view_find(v, 0, ".", 1);
	struct view fraction = view_from(v, dot < v.len ? dot + 1 : dot);
	bool negative = v.len > 0 && v.data[0] == '-';
	uint64_t whole, nano = 0;

	if (!view_decimal(view_sub(v, negative, dot - negative), &whole) ||
	    whole > (uint64_t)INT64_MAX / TIME_SECOND)
		return false;
	for (size_t i = 0; i < 9; i++) {
		if (i < fraction.len && (fraction.data[i] < '0' || fraction.data[i] > '9'))
			return false;
		nano = nano * 10 + (i < fraction.len ? (uint64_t)(fraction.data[i] - '0') : 0);
	}
	*ts = time_from_unix(negative ? -(int64_t)whole : (int64_t)whole);
	if (*ts != TIME_NONE)
		*ts += (int64_t)nano;
	return true;
}

static bool good(struct view f[FIELDS])
{
	int64_t ts;

	for (unsigned i = 7; i < FIELDS; i++)
		if (f[i].len && !seconds(f[i], &ts))
			return false;
	return f[1].len > 0 && (f[0].len == 1 || f[0].len == 32 || f[0].len == 0);
}

static int probe(const struct probe *p)
{
	struct view rest = p->head, line, f[FIELDS];
	unsigned fine = 0;

	for (unsigned i = 0; i < 10 && view_line(&rest, &line); i++) {
		if (line.len == 0 || line.data[0] == '#')
			continue;
		if (split(line, f) != FIELDS || !good(f))
			return fine ? BID_CONTENT : BID_NO;
		fine++;
	}
	return fine ? BID_CONTENT + 10 : BID_NO;
}

static int parse(struct parse *p, struct view bytes)
{
	static const struct {
		unsigned field;
		const char *desc;
	} times[] = {{7, "Last Access Time"},
		     {8, "Content Modification Time"},
		     {9, "Metadata Modification Time"},
		     {10, "Creation Time"}};
	static const char *const names[] = {"MD5", "TargetFilename", "inode", "mode", "uid", "gid",
					    "size"};
	struct view rest = bytes, line, f[FIELDS];
	uint64_t number = 0, n;
	int status = OK;

	while (status >= 0 && view_line(&rest, &line)) {
		uint64_t offset = (uint64_t)(line.data - bytes.data);
		bool any = false;

		number++;
		if (line.len == 0 || line.data[0] == '#')
			continue;
		parse_release(p, offset);
		if (split(line, f) != FIELDS || f[1].len == 0) {
			status = parse_lost(p, offset, "not eleven fields");
			continue;
		}
		event_start(p, KIND_FILE_METADATA, TIME_NONE, "Not a time", offset);
		p->event.record = number;
		for (unsigned i = 0; i < sizeof(names) / sizeof(names[0]); i++)
			if (f[i].len && !(i == 0 && view_is(f[i], "0"))) {
				if (i >= 4 && view_decimal(f[i], &n))
					event_add(p, names[i], value_unsigned(n));
				else
					event_add(p, names[i], value_view(f[i]));
			}
		event_messagef(p, "%.*s", (int)(f[1].len > 4000 ? 4000 : f[1].len),
			       (const char *)f[1].data);
		for (unsigned i = 0; i < 4 && status >= 0; i++) {
			int64_t ts = TIME_NONE;

			if (f[times[i].field].len && !seconds(f[times[i].field], &ts)) {
				status = parse_lost(p, offset, "field %u is no time",
						    times[i].field + 1);
				continue;
			}
			if (ts == TIME_NONE)
				continue;
			any = true;
			status = event_emit_at(p, ts, times[i].desc);
		}
		if (status >= 0 && !any)
			status = event_emit_at(p, TIME_NONE, "Not a time");
	}
	return status;
}

const struct parser parser_bodyfile = {
	.name = "bodyfile",
	.title = "Bodyfile (mactime)",
	.version = 1,
	.probe = probe,
	.parse = parse,
};
