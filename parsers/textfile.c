#include "parsers/textfile.h"

#include "base/text.h"

#include <stdlib.h>

#define MAX_CONVERTED                                                                              \
	(128u << 20) /* bytes of UTF-16 that are converted; what is behind them is left */

/* 0: bytes; 1: little-endian UTF-16; 2: big-endian. *skip gets the mark's length. */
static int utf16_kind(struct view v, size_t *skip)
{
	size_t n = v.len < 64 ? v.len & ~(size_t)1 : 64, odd = 0, even = 0;

	*skip = 2;
	if (view_starts(v, "\xff\xfe", 2))
		return 1;
	if (view_starts(v, "\xfe\xff", 2))
		return 2;
	*skip = view_starts(v, "\xef\xbb\xbf", 3) ? 3 : 0;
	for (size_t i = 0; i < n; i += 2) {
		even += v.data[i] == 0;
		odd += v.data[i + 1] == 0;
	}
	/* Latin text: every other byte is zero. */
	if (n >= 8 && odd * 2 > n / 2 && even == 0)
		return 1;
	if (n >= 8 && even * 2 > n / 2 && odd == 0)
		return 2;
	return 0;
}

void textfile_open(struct textfile *t, struct view bytes)
{
	size_t skip;
	int kind = utf16_kind(bytes, &skip);

	*t = (struct textfile){0};
	bytes = view_from(bytes, skip);
	if (kind) {
		bytes = view_clip(bytes, 0, MAX_CONVERTED);
		t->converted = true;
		if (kind == 2) {
			uint8_t *swapped = xmalloc(bytes.len + 1);

			for (size_t i = 0; i + 1 < bytes.len; i += 2) {
				swapped[i] = bytes.data[i + 1];
				swapped[i + 1] = bytes.data[i];
			}
			text_utf16(&t->own, view_of(swapped, bytes.len & ~(size_t)1));
			free(swapped);
		} else {
			text_utf16(&t->own, bytes);
		}
		bytes = buffer_as_view(&t->own);
	}
	t->text = t->rest = bytes;
}

bool textfile_line(struct textfile *t, struct view *line)
{
	if (!view_line(&t->rest, line))
		return false;
	t->line++;
	t->offset = line->data ? (uint64_t)(line->data - t->text.data) : t->text.len;
	if (line->len > LIMIT_LINE)
		line->len = LIMIT_LINE;
	return true;
}

void textfile_release(struct textfile *t)
{
	buffer_release(&t->own);
}

struct view textfile_head(const struct probe *p, char *out, size_t size)
{
	size_t skip, n = 0;
	int kind = utf16_kind(p->head, &skip);

	if (!kind)
		return view_clip(p->head, skip, size);
	for (size_t i = skip; n < size && view_has(p->head, i, 2); i += 2) {
		unsigned unit = kind == 1 ? view_get16(p->head, i)
					  : __builtin_bswap16(view_get16(p->head, i));

		out[n++] = unit < 0x80 ? (char)unit : '?';
	}
	return view_of(out, n);
}

bool view_cut(struct view *rest, const char *sep, struct view *head)
{
	size_t at = view_index(*rest, sep);

	*head = view_clip(*rest, 0, at);
	if (at == rest->len) {
		*rest = view_from(*rest, at);
		return false;
	}
	*rest = view_from(*rest, at + strlen(sep));
	return true;
}

static bool digits(struct view v, size_t *at, size_t least, size_t most, unsigned *out)
{
	size_t n = 0;
	unsigned x = 0;

	while (n < most && *at + n < v.len && v.data[*at + n] >= '0' && v.data[*at + n] <= '9')
		x = x * 10 + (v.data[*at + n++] - (unsigned)'0');
	*at += n;
	*out = x;
	return n >= least;
}

static bool zone(struct view v, size_t *at, int64_t *seconds)
{
	unsigned h, m = 0;
	int sign;

	if (*at >= v.len)
		return false;
	if (v.data[*at] == 'Z') {
		++*at;
		*seconds = 0;
		return true;
	}
	if (v.data[*at] != '+' && v.data[*at] != '-')
		return false;
	sign = v.data[(*at)++] == '-' ? -1 : 1;
	if (!digits(v, at, 2, 2, &h))
		return false;
	if (*at < v.len && v.data[*at] == ':')
		++*at;
	if (*at < v.len && v.data[*at] >= '0' && v.data[*at] <= '9' && !digits(v, at, 2, 2, &m))
		return false;
	if (h > 14 || m > 59)
		return false;
	*seconds = sign * (int64_t)(h * 3600 + m * 60);
	return true;
}

bool time_scan(struct view v, const char *format, int64_t *ts, size_t *used)
{
	unsigned year = 1970, month = 1, day = 1, hour = 0, minute = 0, second = 0, nano = 0;
	int64_t offset = 0, made;
	bool pm = false, am = false;
	size_t at = 0, before;

	if (!strstr(format, "%Y") && !strstr(format, "%y") &&
	    (strstr(format, "%m") || strstr(format, "%b")))
		year = 1972; /* a leap year */
	for (const char *f = format; *f; f++) {
		if (*f == ' ') {
			before = at;
			while (at < v.len && (v.data[at] == ' ' || v.data[at] == '\t'))
				at++;
			if (at == before)
				return false;
			continue;
		}
		if (*f != '%') {
			if (at >= v.len || v.data[at] != (uint8_t)*f)
				return false;
			at++;
			continue;
		}
		switch (*++f) {
		case 'Y':
			if (!digits(v, &at, 4, 4, &year))
				return false;
			break;
		case 'y':
			if (!digits(v, &at, 2, 2, &year))
				return false;
			year += 2000;
			break;
		case 'm':
			if (!digits(v, &at, 1, 2, &month))
				return false;
			break;
		case 'd':
			if (!digits(v, &at, 1, 2, &day))
				return false;
			break;
		case 'H':
		case 'I':
			if (!digits(v, &at, 1, 2, &hour))
				return false;
			break;
		case 'M':
			if (!digits(v, &at, 1, 2, &minute))
				return false;
			break;
		case 'S':
			if (!digits(v, &at, 1, 2, &second))
				return false;
			break;
		case 'f':
			before = at;
			if (!digits(v, &at, 1, 9, &nano))
				return false;
			for (size_t n = at - before; n < 9; n++)
				nano *= 10;
			break;
		case 'b':
			month = time_month(view_clip(v, at, 3));
			at += 3;
			if (!month)
				return false;
			break;
		case 'p':
			if (!view_has(v, at, 2) || (v.data[at + 1] | 0x20) != 'm')
				return false;
			am = (v.data[at] | 0x20) == 'a';
			pm = (v.data[at] | 0x20) == 'p';
			if (!am && !pm)
				return false;
			at += 2;
			break;
		case 'z':
			if (!zone(v, &at, &offset))
				return false;
			break;
		default:
			return false;
		}
	}
	if ((am || pm) && (hour < 1 || hour > 12))
		return false;
	if (pm && hour < 12)
		hour += 12;
	if (am && hour == 12)
		hour = 0;
	made = time_from_civil(year, month, day, hour, minute, second, nano);
	if (made == TIME_NONE)
		return false;
	if (ts)
		*ts = made - offset * TIME_SECOND;
	if (used)
		*used = at;
	return true;
}

int64_t time_in_year(struct parse *p, int64_t ts)
{
	int64_t latest = (p->mtime == TIME_NONE ? p->now : p->mtime) + 86400 * TIME_SECOND, made;
	struct civil c = time_to_civil(ts), last = time_to_civil(latest);

	if (ts == TIME_NONE)
		return ts;
	p->event.flags |= EVENT_YEAR_INFERRED;
	/* Eight years back there is a 29 February, 1900 and the like aside. */
	for (int64_t year = last.year; year > last.year - 9; year--) {
		made = time_from_civil(year, c.month, c.day, c.hour, c.minute, c.second,
				       c.nanosecond);
		if (made != TIME_NONE && made <= latest)
			return made;
	}
	return TIME_NONE;
}

bool time_scan_local(struct view v, int64_t *ts, size_t *used)
{
	static const char *const year_first[] = {"%Y-%m-%d %H:%M:%S", "%Y/%m/%d %H:%M:%S",
						 "%Y.%m.%d %H:%M:%S"};
	unsigned a, b, year, hour, minute, second;
	size_t at = 0, end;
	bool month_first, pm, am;
	uint8_t sep;

	for (size_t i = 0; i < sizeof(year_first) / sizeof(year_first[0]); i++)
		if (time_scan(v, year_first[i], ts, used))
			return true;
	if (digits(v, &at, 8, 8, &year) && at < v.len && v.data[at] == ' ') { /* 20130605 */
		a = year / 100 % 100;
		b = year % 100;
		year /= 10000;
		month_first = true;
	} else {
		at = 0;
		if (!digits(v, &at, 1, 2, &a) || at >= v.len)
			return false;
		sep = v.data[at++];
		if ((sep != '/' && sep != '.' && sep != '-') || !digits(v, &at, 1, 2, &b) ||
		    at >= v.len || v.data[at++] != sep || !digits(v, &at, 4, 4, &year))
			return false;
		month_first = sep == '/' && a <= 12;
	}
	while (at < v.len && v.data[at] == ' ')
		at++;
	if (!digits(v, &at, 1, 2, &hour) || at >= v.len || v.data[at++] != ':' ||
	    !digits(v, &at, 1, 2, &minute) || at >= v.len || v.data[at++] != ':' ||
	    !digits(v, &at, 1, 2, &second))
		return false;
	for (end = at; end < v.len && v.data[end] == ' '; end++)
		;
	am = view_has(v, end, 2) && (v.data[end] | 0x20) == 'a' && (v.data[end + 1] | 0x20) == 'm';
	pm = view_has(v, end, 2) && (v.data[end] | 0x20) == 'p' && (v.data[end + 1] | 0x20) == 'm';
	if (am || pm) {
		if (hour < 1 || hour > 12)
			return false;
		hour = hour % 12 + (pm ? 12 : 0);
		at = end + 2;
	}
	*ts = time_from_civil(year, month_first ? a : b, month_first ? b : a, hour, minute, second,
			      0);
	if (used)
		*used = at;
	return *ts != TIME_NONE;
}
