/*
 * Log files of text: lines in whatever encoding Windows programs write, and times in whatever form.
 */
#ifndef KONSEKI_PARSERS_TEXTFILE_H
#define KONSEKI_PARSERS_TEXTFILE_H

#include "parsers/parser.h"

/*
 * The text of a file as UTF-8: UTF-16 (by its byte order mark, or by its zero bytes) is converted,
 * a UTF-8 mark is left out, other bytes stay as they are. Offsets of lines are then in the
 * converted text. Released with textfile_release.
 */
struct textfile {
	struct view text;
	struct view rest; /* not read yet */
	uint64_t line;	  /* number of the line that textfile_line gave last, from 1 */
	uint64_t offset;  /* of that line, in the text */
	struct buffer own;
	bool converted;
};

void textfile_open(struct textfile *t, struct view bytes);
bool textfile_line(struct textfile *t, struct view *line);
void textfile_release(struct textfile *t);

/* The same for a probe: the start of the file as UTF-8 in `out`, ASCII only (other units become
 * '?'). */
struct view textfile_head(const struct probe *p, char *out, size_t size);

/*
 * Reads a time: %Y (four digits) %y (two: 2000 + n) %m %d %H %I %M %S (one or two digits each) %p
 * (AM, PM) %b (month's name) %f (fraction, 1 to 9 digits) %z ("+hh:mm", "-hhmm", "+hh", "Z"), a
 * blank for any number of blanks; other characters stand for themselves (a date left out is
 * 1970-01-01; a year alone left out is 1972, see time_in_year). False when the text does not begin so, or the time is none. *used gets the bytes
 * read; both may be NULL.
 */
bool time_scan(struct view text, const char *format, int64_t *ts, size_t *used);

/*
 * A date and time as the machine's own language writes them: "6/5/2013 10:00:32 AM", "05.06.2013
 * 10:00:32", "2013-06-05 10:00:32", "20130605 10:00:32". Between "/", where nothing else tells, the
 * month comes first.
 */
bool time_scan_local(struct view text, int64_t *ts, size_t *used);

/* A time whose year is left out, in the last year in which it is not later than `latest` (or p->now)
 * by more than a day: logs have times of the past. Flags the event that is being built. */
int64_t time_in_year(struct parse *p, int64_t ts);

/* "2019.." beginning with this, letters exact. */
static inline bool view_begins(struct view v, const char *s)
{
	return view_starts(v, s, strlen(s));
}
/* Offset of the text, or v.len. */
static inline size_t view_index(struct view v, const char *s)
{
	return view_find(v, 0, s, strlen(s));
}
/* The text up to (and *rest after) the first occurrence; false and everything when there is none.
 */
bool view_cut(struct view *rest, const char *sep, struct view *head);

#endif
