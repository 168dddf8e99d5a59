#include "base/timestamp.h"

#include <ctype.h>
#include <math.h>
#include <strings.h>
#include <time.h>

#define DAY (INT64_C(86400))

/* Seconds between 1601 and 1970, and between 1970 and 2001. */
#define EPOCH_1601 INT64_C(11644473600)
#define EPOCH_2001 INT64_C(978307200)

static int64_t scaled(int64_t n, int64_t per_second, int64_t shift_seconds)
{
	int64_t seconds = n / per_second, rest = n % per_second, ts;

	if (__builtin_sub_overflow(seconds, shift_seconds, &seconds) ||
	    __builtin_mul_overflow(seconds, TIME_SECOND, &ts) ||
	    __builtin_add_overflow(ts, rest * (TIME_SECOND / per_second), &ts))
		return TIME_NONE;
	return ts;
}

int64_t time_from_filetime(uint64_t ticks)
{
	if (ticks == 0 || ticks > INT64_MAX)
		return TIME_NONE;
	return scaled((int64_t)ticks, 10000000, EPOCH_1601);
}

int64_t time_from_unix(int64_t seconds)
{
	return seconds ? scaled(seconds, 1, 0) : TIME_NONE;
}

int64_t time_from_unix_scaled(int64_t n, int64_t per_second)
{
	return n ? scaled(n, per_second, 0) : TIME_NONE;
}

int64_t time_from_webkit(int64_t microseconds)
{
	return microseconds ? scaled(microseconds, 1000000, EPOCH_1601) : TIME_NONE;
}

static int64_t from_double(double seconds)
{
	double whole = floor(seconds);

	if (!isfinite(seconds) || fabs(seconds) > 9.2e9)
		return TIME_NONE;
	/* Doubles of this size hold microseconds, not more. */
	return scaled((int64_t)whole * 1000000 + (int64_t)llround((seconds - whole) * 1e6), 1000000,
		      0);
}

int64_t time_from_cocoa(double seconds)
{
	return seconds == 0 ? TIME_NONE : from_double(seconds + (double)EPOCH_2001);
}

int64_t time_from_ole(double days)
{
	return days == 0 ? TIME_NONE : from_double((days - 25569) * (double)DAY);
}

/* Days since 1970-01-01 of a civil date; see Hinnant, "chrono-compatible low-level date
 * algorithms". */
static int64_t days_of(int64_t year, unsigned month, unsigned day)
{
	int64_t y = month <= 2 ? year - 1 : year;
	int64_t era = (y >= 0 ? y : y - 399) / 400;
	int64_t of_era = y - era * 400;
	int64_t of_year = (153 * ((int64_t)month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;

	return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719468;
}

static unsigned month_length(int64_t year, unsigned month)
{
	static const uint8_t length[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
	bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;

	return month == 2 && leap ? 29 : length[month - 1];
}

/* Seconds since 1970 of a civil time that there is. */
static bool seconds_of(int64_t year, unsigned month, unsigned day, unsigned hour, unsigned minute,
		       unsigned second, int64_t *seconds)
{
	if (year < 1601 || month < 1 || month > 12 || day < 1 || day > month_length(year, month) ||
	    hour > 23 || minute > 59 || second > 60)
		return false;
	*seconds = days_of(year, month, day) * DAY + hour * 3600 + minute * 60 +
		   (second == 60 ? 59 : second);
	return true;
}

int64_t time_from_civil(int64_t year, unsigned month, unsigned day, unsigned hour, unsigned minute,
			unsigned second, unsigned nanosecond)
{
	int64_t ts;

	if (year > 2400 || nanosecond > 999999999 ||
	    !seconds_of(year, month, day, hour, minute, second, &ts) ||
	    __builtin_mul_overflow(ts, TIME_SECOND, &ts) ||
	    __builtin_add_overflow(ts, (int64_t)nanosecond, &ts))
		return TIME_NONE;
	return ts;
}

int64_t time_from_dos(uint16_t date, uint16_t time)
{
	return date ? time_from_civil(1980 + (date >> 9), date >> 5 & 15, date & 31, time >> 11,
				      time >> 5 & 63, (time & 31) * 2u, 0)
		    : TIME_NONE;
}

int64_t time_from_systemtime(struct view v)
{
	if (v.len < 16)
		return TIME_NONE;
	return time_from_civil(view_get16(v, 0), view_get16(v, 2), view_get16(v, 6),
			       view_get16(v, 8), view_get16(v, 10), view_get16(v, 12),
			       view_get16(v, 14) * 1000000u);
}

bool time_systemtime_ticks(struct view v, uint64_t *ticks)
{
	unsigned ms = view_get16(v, 14);
	int64_t seconds;

	if (v.len < 16 || ms > 999 || view_get16(v, 0) > 30827 ||
	    !seconds_of(view_get16(v, 0), view_get16(v, 2), view_get16(v, 6), view_get16(v, 8),
			view_get16(v, 10), view_get16(v, 12), &seconds))
		return false;
	*ticks = (uint64_t)(seconds + EPOCH_1601) * 10000000 + ms * 10000u;
	return true;
}

struct civil time_civil_of_seconds(int64_t seconds)
{
	int64_t days = seconds / DAY, clock = seconds % DAY;
	struct civil c;

	if (clock < 0) {
		clock += DAY;
		days--;
	}
	c.nanosecond = 0;
	c.hour = (unsigned)(clock / 3600);
	c.minute = (unsigned)(clock / 60 % 60);
	c.second = (unsigned)(clock % 60);
	c.weekday = (unsigned)(((days + 4) % 7 + 7) % 7);
	days += 719468;
	int64_t era = (days >= 0 ? days : days - 146096) / 146097;
	int64_t of_era = days - era * 146097;
	int64_t y = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
	int64_t of_year = of_era - (365 * y + y / 4 - y / 100);
	int64_t m = (5 * of_year + 2) / 153;

	c.day = (unsigned)(of_year - (153 * m + 2) / 5 + 1);
	c.month = (unsigned)(m < 10 ? m + 3 : m - 9);
	c.year = y + era * 400 + (c.month <= 2);
	return c;
}

struct civil time_to_civil(int64_t ts)
{
	int64_t seconds = ts / TIME_SECOND, rest = ts % TIME_SECOND;
	struct civil c;

	if (rest < 0) {
		rest += TIME_SECOND;
		seconds--;
	}
	c = time_civil_of_seconds(seconds);
	c.nanosecond = (unsigned)rest;
	return c;
}

unsigned time_month(struct view name)
{
	static const char names[] = "janfebmaraprmayjunjulaugsepoctnovdec";

	if (name.len != 3)
		return 0;
	for (unsigned i = 0; i < 12; i++)
		if (strncasecmp((const char *)name.data, names + i * 3, 3) == 0)
			return i + 1;
	return 0;
}

/* Exactly n digits at *at. */
static bool digits(struct view v, size_t *at, size_t n, unsigned *out)
{
	unsigned x = 0;

	if (!view_has(v, *at, n))
		return false;
	for (size_t i = 0; i < n; i++) {
		unsigned d = (unsigned)v.data[*at + i] - '0';

		if (d > 9)
			return false;
		x = x * 10 + d;
	}
	*at += n;
	*out = x;
	return true;
}

static bool literal(struct view v, size_t *at, const char *any)
{
	if (*at >= v.len || v.data[*at] == 0 || !strchr(any, v.data[*at]))
		return false;
	++*at;
	return true;
}

bool time_parse_iso(struct view v, int64_t *ts, bool *zoned, size_t *used)
{
	unsigned year, month, day, hour = 0, minute = 0, second = 0, nano = 0, zh = 0, zm = 0;
	size_t at = 0, mark;
	int64_t t;
	int sign = 0;
	bool zone = false;

	if (!digits(v, &at, 4, &year) || !literal(v, &at, "-/") || !digits(v, &at, 2, &month) ||
	    !literal(v, &at, "-/") || !digits(v, &at, 2, &day))
		return false;
	mark = at;
	if (literal(v, &at, "T t") && digits(v, &at, 2, &hour) && literal(v, &at, ":") &&
	    digits(v, &at, 2, &minute)) {
		mark = at;
		if (literal(v, &at, ":") && digits(v, &at, 2, &second)) {
			mark = at;
			if (literal(v, &at, ".,") && at < v.len && isdigit(v.data[at])) {
				unsigned scale = 100000000;

				for (; at < v.len && isdigit(v.data[at]); at++, scale /= 10)
					nano += (unsigned)(v.data[at] - '0') * scale;
				mark = at;
			}
		}
		at = mark;
		if (literal(v, &at, "Zz")) {
			zone = true;
			mark = at;
		} else {
			if (at < v.len && v.data[at] == ' ' && at + 1 < v.len &&
			    (v.data[at + 1] == '+' || v.data[at + 1] == '-'))
				at++;
			if (literal(v, &at, "+-")) {
				sign = v.data[at - 1] == '-' ? -1 : 1;
				if (digits(v, &at, 2, &zh) && zh < 24) {
					size_t back = at;

					(void)literal(v, &at, ":");
					if (!digits(v, &at, 2, &zm) || zm > 59) {
						at = back;
						zm = 0;
					}
					zone = true;
					mark = at;
				}
			}
		}
	} else {
		hour = minute = 0;
	}
	if (used)
		*used = mark;
	else if (mark != v.len)
		return false;
	t = time_from_civil(year, month, day, hour, minute, second, nano);
	if (t == TIME_NONE)
		return false;
	if (zone && sign &&
	    __builtin_sub_overflow(t, sign * (int64_t)(zh * 3600 + zm * 60) * TIME_SECOND, &t))
		return false;
	*ts = t;
	if (zoned)
		*zoned = zone;
	return true;
}

bool time_parse_user(struct view v, int64_t now, int64_t *ts)
{
	static const struct {
		const char *name;
		int64_t seconds;
	} units[] = {{"s", 1},	       {"sec", 1},	   {"second", 1},  {"m", 60},
		     {"min", 60},      {"minute", 60},	   {"h", 3600},	   {"hour", 3600},
		     {"d", DAY},       {"day", DAY},	   {"w", 7 * DAY}, {"week", 7 * DAY},
		     {"y", 365 * DAY}, {"year", 365 * DAY}};
	struct view unit;
	uint64_t n;
	size_t at = 0;

	v = view_trim(v);
	if (time_parse_iso(v, ts, NULL, NULL))
		return true;
	if (view_is(v, "now")) {
		*ts = now;
		return true;
	}
	if (view_is(v, "today")) {
		*ts = now - now % (DAY * TIME_SECOND);
		return true;
	}
	if (v.len && v.data[0] == '-')
		v = view_from(v, 1);
	while (at < v.len && isdigit(v.data[at]))
		at++;
	if (!view_decimal(view_clip(v, 0, at), &n) || n > 100000000)
		return false;
	unit = view_trim(view_from(v, at));
	if (unit.len > 4 && memcmp(unit.data + unit.len - 4, " ago", 4) == 0)
		unit = view_trim(view_clip(unit, 0, unit.len - 4));
	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
		size_t len = strlen(units[i].name);
		int64_t back;

		if (!(unit.len == len ||
		      (len > 1 && unit.len == len + 1 && unit.data[len] == 's')) ||
		    memcmp(unit.data, units[i].name, len) != 0)
			continue;
		if (__builtin_mul_overflow((int64_t)n * units[i].seconds, TIME_SECOND, &back) ||
		    __builtin_sub_overflow(now, back, ts))
			return false;
		return true;
	}
	return false;
}

static char *two(char *p, unsigned n)
{
	p[0] = (char)('0' + n / 10);
	p[1] = (char)('0' + n % 10);
	return p + 2;
}

size_t time_format(int64_t ts, char out[TIME_TEXT])
{
	struct civil c;
	char *p = out;

	if (ts == TIME_NONE) {
		*out = '\0';
		return 0;
	}
	c = time_to_civil(ts);
	p = two(p, (unsigned)c.year / 100);
	p = two(p, (unsigned)c.year % 100);
	*p++ = '-';
	p = two(p, c.month);
	*p++ = '-';
	p = two(p, c.day);
	*p++ = 'T';
	p = two(p, c.hour);
	*p++ = ':';
	p = two(p, c.minute);
	*p++ = ':';
	p = two(p, c.second);
	if (c.nanosecond) {
		unsigned n = c.nanosecond, width = 9;

		if (n % 1000000 == 0) {
			n /= 1000000;
			width = 3;
		} else if (n % 1000 == 0) {
			n /= 1000;
			width = 6;
		} else if (n % 100 == 0) {
			n /= 100;
			width = 7;
		}
		*p++ = '.';
		for (unsigned i = width; i-- > 0; n /= 10)
			p[i] = (char)('0' + n % 10);
		p += width;
	}
	*p++ = 'Z';
	*p = '\0';
	return (size_t)(p - out);
}

void time_append(struct buffer *b, int64_t ts)
{
	char text[TIME_TEXT];
	size_t n = time_format(ts, text);

	buffer_append(b, text, n);
}

int64_t time_now(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_REALTIME, &now);
	return (int64_t)now.tv_sec * TIME_SECOND + now.tv_nsec;
}
