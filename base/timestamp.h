/*
 * Times: int64 nanoseconds since 1970-01-01T00:00:00 UTC. TIME_NONE is "no time": what a source
 * gives as zero, as its own "never", or outside the range (1677 to 2262) is no time.
 */
#ifndef KONSEKI_BASE_TIMESTAMP_H
#define KONSEKI_BASE_TIMESTAMP_H

#include "base/buffer.h"

#define TIME_NONE   INT64_MIN
#define TIME_SECOND INT64_C(1000000000)

int64_t time_from_filetime(uint64_t ticks); /* 100 ns since 1601; [MS-DTYP] 2.3.3 */
int64_t time_from_unix(int64_t seconds);    /* zero is no time */
int64_t time_from_unix_scaled(int64_t n, int64_t per_second); /* 1000: ms, 1000000: us */
int64_t time_from_webkit(int64_t microseconds);		      /* since 1601: Chromium */
int64_t time_from_cocoa(double seconds);		      /* since 2001 */
int64_t time_from_ole(double days);			 /* since 1899-12-30: OLE automation date */
int64_t time_from_dos(uint16_t date, uint16_t time);	 /* FAT, 2 s steps, local time */
int64_t time_from_systemtime(struct view sixteen_bytes); /* SYSTEMTIME; [MS-DTYP] 2.3.13 */
/* The same as 100 ns since 1601, which all its years have; false when there is no such time. */
bool time_systemtime_ticks(struct view sixteen_bytes, uint64_t *ticks);

/* Civil time, proleptic Gregorian. Month 1..12, day 1..31; out of range is TIME_NONE. A second of
 * 60 (leap) counts as 59. */
int64_t time_from_civil(int64_t year, unsigned month, unsigned day, unsigned hour, unsigned minute,
			unsigned second, unsigned nanosecond);
struct civil {
	int64_t year;
	unsigned month, day, hour, minute, second, nanosecond;
	unsigned weekday; /* 0 = Sunday */
};
struct civil time_to_civil(int64_t ts);
struct civil time_civil_of_seconds(
	int64_t seconds); /* since 1970; for years that int64 nanoseconds do not reach */

/* Month of an English three-letter name (any case), or 0. */
unsigned time_month(struct view name);

/*
 * ISO 8601 and its relatives: "2026-11-23", "2026-11-23 10:20:30",
 * "2026-11-23T10:20:30.123456789Z",
 * "...+02:00", "...+0200"; a comma may stand for the point. *zoned tells whether it named a zone
 * (without one it is read as UTC). *used gets the bytes read; NULL demands the whole view.
 */
bool time_parse_iso(struct view text, int64_t *ts, bool *zoned, size_t *used);

/* What users type: ISO as above, "now", "today", "-2h", "2 days ago", "7d" (before `now`). */
bool time_parse_user(struct view text, int64_t now, int64_t *ts);

/* RFC 3339, UTC, "Z"; the fraction has as many digits as it needs (0, 3, 6, 7 or 9). "" for
 * TIME_NONE. */
#define TIME_TEXT 36
size_t time_format(int64_t ts, char out[TIME_TEXT]);
void time_append(struct buffer *b, int64_t ts);

int64_t time_now(void);

#endif
