/* The truth of one predicate on one event, by itself. */
#include "detect/internal.h"

#include "base/text.h"

#include <arpa/inet.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

/* Where a code point that begins at i ends. */
static size_t after(struct view t, size_t i)
{
	i++;
	while (i < t.len && (t.data[i] & 0xc0) == 0x80)
		i++;
	return i;
}

bool pattern_matches(struct view p, struct view t)
{
	size_t pi = 0, ti = 0, star = SIZE_MAX, mark = 0;

	/* Backtracks only to the last '*': linear times the text in the worst case. */
	while (ti < t.len) {
		if (pi < p.len && p.data[pi] == PATTERN_ANY) {
			star = pi++;
			mark = ti;
			if (pi == p.len)
				return true;
			continue;
		}
		if (pi < p.len && p.data[pi] == PATTERN_ONE) {
			pi++;
			ti = after(t, ti);
			continue;
		}
		if (pi < p.len && p.data[pi] == t.data[ti]) {
			pi++;
			ti++;
			continue;
		}
		if (star == SIZE_MAX)
			return false;
		pi = star + 1;
		mark = after(t, mark);
		if (pi < p.len && p.data[pi] < PATTERN_ANY) {
			const uint8_t *next =
				mark < t.len ? memchr(t.data + mark, p.data[pi], t.len - mark)
					     : NULL;

			if (!next)
				return false;
			mark = (size_t)(next - t.data);
		}
		ti = mark;
	}
	while (pi < p.len && p.data[pi] == PATTERN_ANY)
		pi++;
	return pi == p.len;
}

static bool text_number(struct view t, double *number)
{
	char copy[64], *end;

	t = view_trim(t);
	if (t.len == 0 || t.len >= sizeof(copy))
		return false;
	memcpy(copy, t.data, t.len);
	copy[t.len] = '\0';
	if (strspn(copy, "0123456789abcdefABCDEFxX.+-") != t.len)
		return false;
	if (copy[0] == '0' && (copy[1] == 'x' || copy[1] == 'X'))
		*number = (double)strtoull(copy + 2, &end, 16);
	else if (strspn(copy, "0123456789.+-eE") == t.len)
		*number = strtod(copy, &end);
	else
		return false;
	return *end == '\0' && isfinite(*number);
}

/* ISO 8601: the week that has the year's first Thursday is week 1. */
static unsigned iso_week(int64_t ts)
{
	int64_t day = ts / TIME_SECOND / 86400 - (ts % (86400 * TIME_SECOND) < 0);
	/* 1970-01-01 was a Thursday: days since the Monday of that week. */
	int64_t monday = day + 3 - ((day + 3) % 7 + 7) % 7 - 3;
	struct civil thursday = time_to_civil((monday + 3) * 86400 * TIME_SECOND);
	int64_t first = time_from_civil(thursday.year, 1, 1, 0, 0, 0, 0) / TIME_SECOND / 86400;

	return (unsigned)((monday + 3 - first) / 7) + 1;
}

static bool time_number(struct view t, enum time_part part, double *number)
{
	struct civil c;
	int64_t ts;

	if (!time_parse_iso(view_trim(t), &ts, NULL, NULL) || ts == TIME_NONE)
		return false;
	c = time_to_civil(ts);
	switch (part) {
	case PART_NONE:
		return false;
	case PART_MINUTE:
		*number = c.minute;
		break;
	case PART_HOUR:
		*number = c.hour;
		break;
	case PART_DAY:
		*number = c.day;
		break;
	case PART_WEEK:
		*number = iso_week(ts);
		break;
	case PART_MONTH:
		*number = c.month;
		break;
	case PART_YEAR:
		*number = (double)c.year;
		break;
	}
	return true;
}

static bool compares(const struct predicate *p, struct view t)
{
	double x;

	if (!(p->part != PART_NONE ? time_number(t, (enum time_part)p->part, &x)
				   : text_number(t, &x)))
		return false;
	switch ((enum compare_op)p->op) {
	case COMPARE_EQ:
		return x == p->number;
	case COMPARE_LT:
		return x < p->number;
	case COMPARE_LTE:
		return x <= p->number;
	case COMPARE_GT:
		return x > p->number;
	case COMPARE_GTE:
		return x >= p->number;
	}
	return false;
}

static bool in_network(const struct predicate *p, struct view t)
{
	static const uint8_t mapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
	uint8_t address[16];
	const uint8_t *a = address;
	char copy[64], *zone;
	unsigned bits = p->prefix;

	t = view_trim(t);
	if (t.len == 0 || t.len >= sizeof(copy))
		return false;
	memcpy(copy, t.data, t.len);
	copy[t.len] = '\0';
	zone = strchr(copy, '%'); /* fe80::1%eth0 */
	if (zone)
		*zone = '\0';
	if (inet_pton(AF_INET, copy, address) == 1) {
		if (p->family != 4)
			return false;
	} else if (inet_pton(AF_INET6, copy, address) == 1) {
		if (p->family == 4) { /* ::ffff:192.0.2.1 is an IPv4 address, written as IPv6 */
			if (memcmp(address, mapped, sizeof(mapped)) != 0)
				return false;
			a += 12;
		}
	} else {
		return false;
	}
	if (memcmp(a, p->address, bits / 8) != 0)
		return false;
	return bits % 8 == 0 ||
	       ((a[bits / 8] ^ p->address[bits / 8]) & (uint8_t)(0xff00u >> bits % 8)) == 0;
}

static bool number_is(const struct predicate *p, struct view t)
{
	char text[32];
	double x;

	if (p->integral) {
		int n = snprintf(text, sizeof(text), "%lld", (long long)p->integer);

		if (view_equal(t, view_of(text, (size_t)n)))
			return true;
		if (t.len < 3 || t.data[0] != '0' || (t.data[1] | 32) != 'x')
			return false;
	}
	return text_number(t, &x) && x == p->number;
}

static bool regex_matches(struct engine_state *s, uint32_t index, struct view t)
{
	pcre2_code *code = s->engine->regex[index];
	int n;

	if (!code)
		return false;
	n = pcre2_match(code, t.data ? t.data : (const uint8_t *)"", t.len, 0, PCRE2_NO_UTF_CHECK,
			s->match_data, s->engine->match_context);
	if (n < 0 && n != PCRE2_ERROR_NOMATCH)
		s->limits++;
	return n >= 0;
}

bool predicate_wants_folded(const struct predicate *p)
{
	return (p->type == PREDICATE_STRING || p->type == PREDICATE_FIELDREF) && !p->cased;
}

bool predicate_text(struct engine_state *s, uint32_t index, struct view text)
{
	const struct predicate *p = &s->engine->set->predicates[index];

	switch ((enum predicate_type)p->type) {
	case PREDICATE_STRING:
		return pattern_matches(p->text, text);
	case PREDICATE_REGEX:
		return regex_matches(s, index, text);
	case PREDICATE_CIDR:
		return in_network(p, text);
	case PREDICATE_NUMBER:
		return number_is(p, text);
	case PREDICATE_COMPARE:
		return compares(p, text);
	case PREDICATE_NULL:
	case PREDICATE_EXISTS:
	case PREDICATE_FIELDREF:
		break;
	}
	return false;
}

static bool related(struct view a, struct view b, enum anchor anchor)
{
	switch (anchor) {
	case ANCHOR_WHOLE:
		return view_equal(a, b);
	case ANCHOR_START:
		return a.len >= b.len && (b.len == 0 || memcmp(a.data, b.data, b.len) == 0);
	case ANCHOR_END:
		return a.len >= b.len &&
		       (b.len == 0 || memcmp(a.data + a.len - b.len, b.data, b.len) == 0);
	case ANCHOR_INSIDE:
		return b.len == 0 || view_find(a, 0, b.data, b.len) < a.len;
	}
	return false;
}

bool predicate_eval(struct engine_state *s, uint32_t index)
{
	const struct predicate *p = &s->engine->set->predicates[index];
	bool folded = predicate_wants_folded(p);
	struct text_list *list, *other;

	if (p->type == PREDICATE_NULL)
		return !field_present(s, p->field);
	if (p->type == PREDICATE_EXISTS)
		return field_present(s, p->field);
	list = field_texts(s, p->field, folded);
	if (p->type == PREDICATE_FIELDREF) {
		other = field_texts(s, p->other, folded);
		list = field_texts(s, p->field, folded); /* the first may have moved */
		for (uint32_t i = 0; i < list->count; i++)
			for (uint32_t k = 0; k < other->count; k++)
				if (related(text_view(s, &s->texts[list->first + i], folded),
					    text_view(s, &s->texts[other->first + k], folded),
					    (enum anchor)p->anchor))
					return true;
		return false;
	}
	for (uint32_t i = 0; i < list->count; i++)
		if (predicate_text(s, index, text_view(s, &s->texts[list->first + i], folded)))
			return true;
	return false;
}
