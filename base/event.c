#include "base/event.h"

#include "base/limits.h"
#include "base/text.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

static const char *const kind_texts[] = {
#define KIND(name, text) text,
	EVENT_KINDS(KIND)
#undef KIND
};

const char *event_kind_text(enum event_kind kind)
{
	return (unsigned)kind < KIND_COUNT ? kind_texts[kind] : "other";
}

enum event_kind event_kind_of(struct view text)
{
	for (unsigned i = 0; i < KIND_COUNT; i++)
		if (view_is(text, kind_texts[i]))
			return (enum event_kind)i;
	return KIND_COUNT;
}

const char *event_flag_text(unsigned flag)
{
	switch (flag) {
	case EVENT_RECOVERED:
		return "recovered";
	case EVENT_YEAR_INFERRED:
		return "year_inferred";
	case EVENT_ZONE_ASSUMED:
		return "zone_assumed";
	case EVENT_SECOND_PRECISION:
		return "second_precision";
	case EVENT_CUT:
		return "cut";
	default:
		return NULL;
	}
}

/* ---- shapes ---- */

#define SHAPES_KEPT  4096u
#define SHAPES_BYTES (16u << 20)

struct shape_table {
	struct shape **slots; /* open addressing, by hash */
	size_t mask, count;
	struct arena arena;
	struct buffer text; /* of a shape that is being made */
};

struct shape_table *shape_table_new(void)
{
	struct shape_table *t = xcalloc(1, sizeof(*t));

	t->mask = 255;
	t->slots = xcalloc(t->mask + 1, sizeof(struct shape *));
	return t;
}

bool shape_table_full(const struct shape_table *t)
{
	return t->count > SHAPES_KEPT || t->arena.used > SHAPES_BYTES;
}

void shape_table_free(struct shape_table *t)
{
	if (!t)
		return;
	arena_release(&t->arena);
	buffer_release(&t->text);
	free(t->slots);
	free(t);
}

/* Eight bytes at a time; each name begins with its length. */
static uint64_t hash_names(const struct view *names, size_t count)
{
	const uint64_t factor = UINT64_C(0x9e3779b97f4a7c15);
	uint64_t h = count, word;

	for (size_t i = 0; i < count; i++) {
		struct view v = names[i];

		h = (h ^ v.len) * factor;
		for (; v.len >= sizeof(word); v = view_from(v, sizeof(word))) {
			memcpy(&word, v.data, sizeof(word));
			h = (h ^ h >> 29 ^ word) * factor;
		}
		word = 0;
		if (v.len)
			memcpy(&word, v.data, v.len);
		h = (h ^ h >> 29 ^ word) * factor;
	}
	return h ^ h >> 32;
}

static bool same_names(const struct shape *s, const struct view *names, size_t count)
{
	if (s->count != count)
		return false;
	for (size_t i = 0; i < count; i++)
		if (!view_equal(s->names[i], names[i]))
			return false;
	return true;
}

int shape_find(const struct shape *s, struct view name)
{
	for (uint32_t i = 0; i < s->count; i++)
		if (view_equal(s->names[i], name))
			return (int)i;
	return -1;
}

/* Readable bytes behind a key, so that copying one needs no loop. */
#define KEY_PAD 32

static struct shape *shape_new(struct shape_table *t, const struct view *names, size_t count)
{
	struct buffer *text = &t->text;
	struct shape *s = arena_zalloc(&t->arena, sizeof(*s));
	const char *copy;

	if (!s || !(s->names = arena_alloc(&t->arena, count * sizeof(struct view) + 1)) ||
	    !(s->keys = arena_alloc(&t->arena, count * sizeof(struct view) + 1)) ||
	    !(s->next_same = arena_zalloc(&t->arena, count * sizeof(uint32_t) + 1)) ||
	    !(s->repeats = arena_zalloc(&t->arena, count * sizeof(bool) + 1)))
		return NULL;
	s->count = (uint32_t)count;
	s->unique = true;
	/* All keys, then all names, in one piece of memory. */
	text->len = 0;
	for (size_t i = 0; i < count; i++) {
		size_t before = text->len;

		text_json_quoted(text, names[i]);
		buffer_char(text, ':');
		s->keys[i].len = text->len - before;
	}
	for (size_t i = 0; i < count; i++)
		buffer_view(text, names[i]);
	memset(buffer_reserve(text, KEY_PAD), 0, KEY_PAD);
	copy = arena_strndup(&t->arena, text->data, text->len + KEY_PAD);
	if (!copy)
		return NULL;
	for (size_t i = 0; i < count; i++) {
		s->keys[i] = view_of(copy, s->keys[i].len);
		copy += s->keys[i].len;
	}
	for (uint32_t i = 0; i < count; i++) {
		s->names[i] = view_of(copy, names[i].len);
		copy += names[i].len;
		for (uint32_t j = i; j-- > 0;) {
			if (names[j].len == names[i].len &&
			    (!names[i].len || names[j].data[0] == names[i].data[0]) &&
			    view_equal(names[j], names[i])) {
				s->next_same[j] = i;
				s->repeats[i] = true;
				s->unique = false;
				break;
			}
		}
	}
	s->provider = shape_find(s, view_text("Provider_Name"));
	s->channel = shape_find(s, view_text("Channel"));
	s->event_id = shape_find(s, view_text("EventID"));
	s->computer = shape_find(s, view_text("Computer"));
	s->record_id = shape_find(s, view_text("EventRecordID"));
	s->process_id = shape_find(s, view_text("Execution_ProcessID"));
	return s;
}

const struct shape *shape_intern(struct shape_table *t, const struct view *names, size_t count)
{
	uint64_t hash = hash_names(names, count);
	size_t at = hash & t->mask;
	struct shape *s;

	if (count > LIMIT_EVENT_FIELDS)
		return NULL;
	for (; t->slots[at]; at = (at + 1) & t->mask)
		if (t->slots[at]->hash == hash && same_names(t->slots[at], names, count))
			return t->slots[at];
	s = shape_new(t, names, count);
	if (!s)
		return NULL;
	s->hash = hash;
	s->id = (uint32_t)t->count++;
	t->slots[at] = s;
	if (t->count * 2 > t->mask) {
		size_t mask = t->mask * 2 + 1;
		struct shape **slots = xcalloc(mask + 1, sizeof(struct shape *));

		for (size_t i = 0; i <= t->mask; i++) {
			if (!t->slots[i])
				continue;
			for (at = t->slots[i]->hash & mask; slots[at]; at = (at + 1) & mask)
				;
			slots[at] = t->slots[i];
		}
		free(t->slots);
		t->slots = slots;
		t->mask = mask;
	}
	return s;
}

/* ---- values ---- */

/*
 * Writers of single values: they take a place with at least VALUE_ROOM bytes and return the end.
 * What repeats in a log (the second of a time, an account's SID) is kept per thread.
 */
#define VALUE_ROOM 96

static const char two_digits[200] =
	"00010203040506070809101112131415161718192021222324252627282930313233343536373839"
	"40414243444546474849505152535455565758596061626364656667686970717273747576777879"
	"8081828384858687888990919293949596979899";

static char *put_two(char *p, uint32_t n)
{
	memcpy(p, two_digits + n * 2, 2);
	return p + 2;
}

static char *put_unsigned32(char *p, uint32_t n)
{
	char digits[12], *d = digits + 10;

	if (n < 10) {
		*p = (char)('0' + n);
		return p + 1;
	}
	while (n >= 100) {
		d -= 2;
		memcpy(d, two_digits + n % 100 * 2, 2);
		n /= 100;
	}
	if (n >= 10) {
		d -= 2;
		memcpy(d, two_digits + n * 2, 2);
	} else {
		*--d = (char)('0' + n);
	}
	/* All ten at once: the place has room, and what is too much is written over. */
	n = (uint32_t)(digits + 10 - d);
	memcpy(p, d, n);
	return p + n;
}

static char *put_unsigned(char *p, uint64_t n)
{
	char digits[24], *d = digits + 20;

	if (n <= UINT32_MAX)
		return put_unsigned32(p, (uint32_t)n);
	while (n >= 100) {
		d -= 2;
		memcpy(d, two_digits + n % 100 * 2, 2);
		n /= 100;
	}
	if (n >= 10) {
		d -= 2;
		memcpy(d, two_digits + n * 2, 2);
	} else {
		*--d = (char)('0' + n);
	}
	memcpy(p, d, (size_t)(digits + 20 - d));
	return p + (digits + 20 - d);
}

static char *put_hex(char *p, uint64_t n)
{
	static const char digits[] = "0123456789abcdef";
	unsigned width = n ? (67 - (unsigned)__builtin_clzll(n)) / 4 : 1;

	*p++ = '0';
	*p++ = 'x';
	for (unsigned i = width; i-- > 0; n >>= 4)
		p[i] = digits[n & 15];
	return p + width;
}

/* [MS-DTYP] 2.4.2.2; at most 15 parts are allowed, 255 can be written. */
static void append_sid(struct buffer *out, struct view v)
{
	uint64_t authority = 0;
	unsigned count = view_get8(v, 1);
	char *p;

	if (v.len < 8 || v.len < 8 + 4 * (size_t)count) {
		buffer_hex(out, v.data, v.len, true);
		return;
	}
	for (unsigned i = 2; i < 8; i++)
		authority = authority << 8 | v.data[i];
	p = buffer_reserve(out, 48 + count * 11);
	*p++ = 'S';
	*p++ = '-';
	p = put_unsigned(p, v.data[0]);
	*p++ = '-';
	p = authority >> 32 ? put_hex(p, authority) : put_unsigned(p, authority);
	for (unsigned i = 0; i < count; i++) {
		*p++ = '-';
		p = put_unsigned32(p, view_get32(v, 8 + 4 * i));
	}
	out->len = (size_t)(p - out->data);
}

#define SID_KEPT 68 /* bytes: 15 parts */

static char *put_sid(char *p, struct view v)
{
	static _Thread_local struct {
		uint8_t sid[SID_KEPT];
		uint32_t len, text_len;
		char text[200];
	} kept[8];
	unsigned slot = (v.data[v.len - 1] ^ v.data[v.len - 4] ^ v.data[v.len - 3]) & 7;
	struct buffer b = {0};

	if (kept[slot].len != v.len || memcmp(kept[slot].sid, v.data, v.len) != 0) {
		append_sid(&b, v);
		memcpy(kept[slot].sid, v.data, v.len);
		kept[slot].len = (uint32_t)v.len;
		memcpy(kept[slot].text, b.data, b.len);
		kept[slot].text_len = (uint32_t)b.len;
		buffer_release(&b);
	}
	memcpy(p, kept[slot].text, 64);
	if (kept[slot].text_len > 64)
		memcpy(p + 64, kept[slot].text + 64, kept[slot].text_len - 64);
	return p + kept[slot].text_len;
}

static bool usual_sid(const struct value *v)
{
	return v->len >= 8 && v->len <= SID_KEPT && v->len >= 8 + 4 * (uint32_t)v->data[1];
}

/* "00" to "FF". */
#define HEX_ROW(h)                                                                                 \
	h "0" h "1" h "2" h "3" h "4" h "5" h "6" h "7" h "8" h "9" h "A" h "B" h "C" h "D" h      \
	  "E" h "F"
static const char hex_pairs[] = HEX_ROW("0") HEX_ROW("1") HEX_ROW("2") HEX_ROW("3") HEX_ROW("4")
	HEX_ROW("5") HEX_ROW("6") HEX_ROW("7") HEX_ROW("8") HEX_ROW("9") HEX_ROW("A") HEX_ROW("B")
		HEX_ROW("C") HEX_ROW("D") HEX_ROW("E") HEX_ROW("F");

/* [MS-DTYP] 2.3.4: the first three parts are little-endian numbers. */
static char *put_guid(char *p, const uint8_t *g)
{
#define PAIR(at, i) memcpy(p + (at), hex_pairs + g[i] * 2, 2)
	p[0] = '{';
	PAIR(1, 3), PAIR(3, 2), PAIR(5, 1), PAIR(7, 0);
	p[9] = '-';
	PAIR(10, 5), PAIR(12, 4);
	p[14] = '-';
	PAIR(15, 7), PAIR(17, 6);
	p[19] = '-';
	PAIR(20, 8), PAIR(22, 9);
	p[24] = '-';
	PAIR(25, 10), PAIR(27, 11), PAIR(29, 12), PAIR(31, 13), PAIR(33, 14), PAIR(35, 15);
	p[37] = '}';
#undef PAIR
	return p + 38;
}

/* "YYYY-MM-DDTHH:MM:SS" of seconds since 1970; a year past 9999 makes it longer. */
static char *put_second(char *p, int64_t seconds)
{
	static _Thread_local struct {
		int64_t second;
		uint32_t len;
		char text[32];
	} kept = {.second = INT64_MIN};
	struct civil c;
	char *q;

	if (kept.second != seconds || !kept.len) {
		c = time_civil_of_seconds(seconds);
		q = kept.text;
		if (c.year >= 0 && c.year <= 9999) {
			q = put_two(q, (uint32_t)c.year / 100);
			q = put_two(q, (uint32_t)c.year % 100);
		} else {
			if (c.year < 0)
				*q++ = '-';
			q = put_unsigned(q, (uint64_t)(c.year < 0 ? -c.year : c.year));
		}
		*q++ = '-';
		q = put_two(q, c.month);
		*q++ = '-';
		q = put_two(q, c.day);
		*q++ = 'T';
		q = put_two(q, c.hour);
		*q++ = ':';
		q = put_two(q, c.minute);
		*q++ = ':';
		q = put_two(q, c.second);
		kept.second = seconds;
		kept.len = (uint32_t)(q - kept.text);
	}
	memcpy(p, kept.text, sizeof(kept.text));
	return p + kept.len;
}

static char *put_micro(char *p, uint32_t micro)
{
	p = put_two(p, micro / 10000);
	p = put_two(p, micro / 100 % 100);
	return put_two(p, micro % 100);
}

static char *put_filetime(char *p, uint64_t ticks)
{
	/* Not through int64 nanoseconds: FILETIME begins in 1601 and they reach back to 1677. */
	p = put_second(p, (int64_t)(ticks / 10000000) - INT64_C(11644473600));
	*p++ = '.';
	p = put_micro(p, (uint32_t)(ticks % 10000000) / 10);
	*p++ = 'Z';
	return p;
}

/* As time_format writes it. */
static char *put_time(char *p, int64_t ts)
{
	int64_t seconds = ts / TIME_SECOND, rest = ts % TIME_SECOND;
	uint32_t n;

	if (rest < 0) {
		rest += TIME_SECOND;
		seconds--;
	}
	n = (uint32_t)rest;
	p = put_second(p, seconds);
	if (n) {
		*p++ = '.';
		if (n % 100 == 0) {
			uint32_t micro = n / 1000;

			if (n % 1000) {
				p = put_micro(p, micro);
				*p++ = (char)('0' + n / 100 % 10);
			} else if (micro % 1000) {
				p = put_micro(p, micro);
			} else {
				p = put_micro(p, micro) - 3;
			}
		} else {
			p = put_micro(p, n / 1000);
			*p++ = (char)('0' + n / 100 % 10);
			p = put_two(p, n % 100);
		}
	}
	*p++ = 'Z';
	return p;
}

static void append_double(struct buffer *out, double f, int precision)
{
	char text[40];

	if (!isfinite(f)) { /* as xs:double has them */
		buffer_string(out, isnan(f) ? "NaN" : f < 0 ? "-INF" : "INF");
		return;
	}
	(void)snprintf(text, sizeof(text), "%.*g", precision - 2, f);
	if (precision > 9 ? strtod(text, NULL) != f : strtof(text, NULL) != (float)f)
		(void)snprintf(text, sizeof(text), "%.*g", precision, f);
	buffer_string(out, text);
}

/* Types whose text is bounded and ASCII: VALUE_ROOM holds it. NULL for the others. */
static inline char *put_short(char *p, const struct value *v)
{
	switch ((enum value_type)v->type) {
	case VALUE_SIGNED:
		if (v->i < 0)
			*p++ = '-';
		return put_unsigned(p, v->i < 0 ? 0 - (uint64_t)v->i : (uint64_t)v->i);
	case VALUE_UNSIGNED:
		return put_unsigned(p, v->u);
	case VALUE_HEX:
		return put_hex(p, v->u);
	case VALUE_BOOL:
		memcpy(p, v->u ? "true" : "false", 5);
		return p + (v->u ? 4 : 5);
	case VALUE_TIME:
		return v->i == TIME_NONE ? p : put_time(p, v->i);
	case VALUE_FILETIME:
		return put_filetime(p, v->u);
	case VALUE_GUID:
		return put_guid(p, v->data);
	default:
		return NULL;
	}
}

char *value_put(char *p, const struct value *v)
{
	if (v->type == VALUE_SID)
		return usual_sid(v) ? put_sid(p, view_of(v->data, v->len)) : NULL;
	return put_short(p, v);
}

void value_append(struct buffer *out, const struct value *v)
{
	struct view bytes;
	char *p;

	switch ((enum value_type)v->type) {
	case VALUE_ABSENT:
		break;
	case VALUE_UTF8:
		text_utf8(out, view_of(v->data, v->len));
		break;
	case VALUE_JSON:
		bytes = view_of(v->data, v->len);
		if (bytes.len >= 2 && bytes.data[0] == '"' &&
		    memchr(bytes.data, '\\', bytes.len) == NULL)
			bytes = view_sub(bytes, 1, bytes.len - 2);
		buffer_view(out, bytes);
		break;
	case VALUE_UTF16:
		text_utf16(out, view_of(v->data, v->len));
		break;
	case VALUE_SIGNED:
	case VALUE_UNSIGNED:
	case VALUE_HEX:
	case VALUE_BOOL:
	case VALUE_TIME:
	case VALUE_FILETIME:
	case VALUE_GUID:
		p = buffer_reserve(out, VALUE_ROOM);
		out->len += (size_t)(put_short(p, v) - p);
		break;
	case VALUE_DOUBLE:
		append_double(out, v->f, 17);
		break;
	case VALUE_FLOAT:
		append_double(out, v->f, 9);
		break;
	case VALUE_SID:
		append_sid(out, view_of(v->data, v->len));
		break;
	case VALUE_BINARY:
		buffer_hex(out, v->data, v->len, true);
		break;
	case VALUE_LIST:
		for (uint32_t i = 0; i < v->len; i++) {
			if (i)
				buffer_append(out, ", ", 2);
			value_append(out, &v->list[i]);
		}
		break;
	}
}

/* Everything that is rare in a log. */
static void slow_json(struct buffer *out, const struct value *v)
{
	switch ((enum value_type)v->type) {
	case VALUE_ABSENT:
		buffer_append(out, "null", 4);
		break;
	case VALUE_DOUBLE:
	case VALUE_FLOAT:
		if (!isfinite(v->f)) {
			buffer_char(out, '"');
			value_append(out, v);
			buffer_char(out, '"');
			break;
		}
		value_append(out, v);
		break;
	case VALUE_JSON:
		buffer_append(out, v->data, v->len);
		break;
	case VALUE_LIST:
		buffer_char(out, '[');
		for (uint32_t i = 0; i < v->len; i++) {
			if (i)
				buffer_char(out, ',');
			value_json(out, &v->list[i]);
		}
		buffer_char(out, ']');
		break;
	default:
		buffer_char(out, '"');
		value_append(out, v);
		buffer_char(out, '"');
		break;
	}
}

/* The value at p, where VALUE_ROOM bytes are free; leaves room for a few more. */
static inline char *put_json(struct buffer *out, char *p, const struct value *v)
{
	switch ((enum value_type)v->type) {
	case VALUE_UTF16:
		p = buffer_room(out, p, TEXT_JSON16_ROOM((size_t)v->len) + VALUE_ROOM);
		*p++ = '"';
		p = text_put_json16(p, view_of(v->data, v->len), false);
		*p++ = '"';
		return p;
	case VALUE_UTF8:
		p = buffer_room(out, p, TEXT_JSON_ROOM((size_t)v->len) + VALUE_ROOM);
		*p++ = '"';
		p = text_put_json(p, view_of(v->data, v->len), false);
		*p++ = '"';
		return p;
	case VALUE_SIGNED:
	case VALUE_UNSIGNED:
	case VALUE_BOOL:
		return put_short(p, v);
	case VALUE_HEX:
	case VALUE_TIME:
	case VALUE_FILETIME:
	case VALUE_GUID:
		*p++ = '"';
		p = put_short(p, v);
		*p++ = '"';
		return p;
	case VALUE_SID:
		if (!usual_sid(v))
			break;
		p = buffer_room(out, p, 256 + VALUE_ROOM);
		*p++ = '"';
		p = put_sid(p, view_of(v->data, v->len));
		*p++ = '"';
		return p;
	default:
		break;
	}
	out->len = (size_t)(p - out->data);
	slow_json(out, v);
	return buffer_reserve(out, VALUE_ROOM);
}

void value_json(struct buffer *out, const struct value *v)
{
	char *p = put_json(out, buffer_reserve(out, VALUE_ROOM), v);

	out->len = (size_t)(p - out->data);
}

/* ---- events ---- */

const struct value *event_find(const struct event *e, const char *name)
{
	int i = e->shape ? shape_find(e->shape, view_text(name)) : -1;

	return i < 0 || e->values[i].type == VALUE_ABSENT ? NULL : &e->values[i];
}

/* The values of a name that stands more than once, as an array; a single one stays bare. */
static bool repeated_json(struct buffer *out, const struct event *e, uint32_t first)
{
	const struct shape *s = e->shape;
	uint32_t present = 0, i = first, done = 0;

	do
		present += e->values[i].type != VALUE_ABSENT;
	while ((i = s->next_same[i]) != 0);
	if (!present)
		return false;
	buffer_view(out, s->keys[first]);
	if (present > 1)
		buffer_char(out, '[');
	i = first;
	do {
		if (e->values[i].type == VALUE_ABSENT ||
		    (e->values[i].type == VALUE_LIST && present > 1 && !e->values[i].len))
			continue;
		if (done++)
			buffer_char(out, ',');
		if (e->values[i].type == VALUE_LIST && present > 1) {
			/* One flat array: the list's items stand among the others. */
			for (uint32_t k = 0; k < e->values[i].len; k++) {
				if (k)
					buffer_char(out, ',');
				value_json(out, &e->values[i].list[k]);
			}
			continue;
		}
		value_json(out, &e->values[i]);
	} while ((i = s->next_same[i]) != 0);
	if (present > 1)
		buffer_char(out, ']');
	return true;
}

/* The fields with commas between them; leaves room for a few more bytes. */
static char *put_fields(struct buffer *out, char *p, const struct event *e)
{
	const struct shape *s = e->shape;
	bool any = false;

	p = buffer_room(out, p, VALUE_ROOM);
	for (uint32_t i = 0; s && i < s->count; i++) {
		const struct value *v = &e->values[i];
		struct view key = s->keys[i];

		if (!s->unique && (s->repeats[i] || s->next_same[i])) {
			if (s->repeats[i])
				continue;
			out->len = (size_t)(p - out->data);
			if (repeated_json(out, e, i)) {
				buffer_char(out, ',');
				any = true;
			}
			p = buffer_reserve(out, VALUE_ROOM);
			continue;
		}
		if (v->type == VALUE_ABSENT)
			continue;
		any = true;
		p = buffer_room(out, p, key.len + KEY_PAD + VALUE_ROOM);
		memcpy(p, key.data, KEY_PAD);
		if (__builtin_expect(key.len > KEY_PAD, 0))
			memcpy(p + KEY_PAD, key.data + KEY_PAD, key.len - KEY_PAD);
		p = put_json(out, p + key.len, v);
		*p++ = ',';
	}
	return p - any;
}

void event_fields_json(struct buffer *out, const struct event *e)
{
	char *p = buffer_reserve(out, VALUE_ROOM);

	*p++ = '{';
	p = put_fields(out, p, e);
	*p++ = '}';
	out->len = (size_t)(p - out->data);
}

#define MESSAGE_MAX ((size_t)4096)

/* Of a message made of parts: characters of one value, and of all of them. */
#define MESSAGE_VALUE  256u
#define MESSAGE_VALUES 1000u

static _Thread_local struct buffer scratch;

/* One line, bounded, whole code points. */
static void flatten(struct buffer *out, size_t start)
{
	if (out->len - start > MESSAGE_MAX) {
		out->len = start + MESSAGE_MAX;
		while (out->len > start && ((uint8_t)out->data[out->len] & 0xc0) == 0x80)
			out->len--;
		buffer_string(out, "\xe2\x80\xa6");
	}
	for (size_t i = start; i < out->len; i++)
		if ((uint8_t)out->data[i] < 0x20)
			out->data[i] = ' ';
}

/*
 * Cuts a text for a message, between characters, and takes what it needs off the budget. True when
 * something was cut: an ellipsis follows.
 */
static bool clip(struct value *v, uint32_t *budget)
{
	uint32_t most = *budget < MESSAGE_VALUE ? *budget : MESSAGE_VALUE,
		 width = v->type == VALUE_UTF16 ? 2 : 1;
	uint32_t n = v->type == VALUE_UTF16 || v->type == VALUE_UTF8 ? v->len / width
		     : most < 40				     ? most
								     : 40;

	if (n <= most) {
		*budget -= n;
		return false;
	}
	*budget -= most;
	if (v->type == VALUE_UTF16 && most && (v->data[most * 2 - 1] & 0xfc) == 0xd8)
		most--; /* half of a pair */
	while (v->type == VALUE_UTF8 && most && (v->data[most] & 0xc0) == 0x80)
		most--;
	v->len = most * width;
	return true;
}

/* The text of a part that is neither short nor plain text, in the scratch buffer, clipped. */
static struct value part_text(const struct message_part *part, const struct value *v)
{
	scratch.len = 0;
	if (part->format)
		part->format(&scratch, v);
	else
		value_append(&scratch, v);
	return value_view(buffer_as_view(&scratch));
}

static bool is_text(const struct value *v)
{
	return v->type == VALUE_UTF16 || v->type == VALUE_UTF8;
}

void event_message(struct buffer *out, const struct event *e)
{
	size_t start = out->len;
	uint32_t budget = MESSAGE_VALUES;
	unsigned shown = 0;

	if (e->message.type != VALUE_ABSENT) {
		value_append(out, &e->message);
		flatten(out, start);
		return;
	}
	for (uint32_t i = 0; i < e->part_count; i++) {
		const struct message_part *part = &e->parts[i];
		struct value v;
		bool cut;

		if (part->field < 0) {
			buffer_view(out, part->text);
			continue;
		}
		v = e->values[part->field];
		if (v.type == VALUE_ABSENT)
			continue;
		if (part->format || !is_text(&v))
			v = part_text(part, &v);
		cut = clip(&v, &budget);
		value_append(out, &v);
		if (cut)
			buffer_string(out, "\xe2\x80\xa6");
	}
	for (uint32_t i = 0; !e->part_count && e->shape && i < e->shape->count && shown < 8; i++) {
		if (e->values[i].type == VALUE_ABSENT)
			continue;
		if (shown++)
			buffer_append(out, ", ", 2);
		buffer_view(out, e->shape->names[i]);
		buffer_append(out, ": ", 2);
		value_append(out, &e->values[i]);
	}
	flatten(out, start);
}

/* The same as the inside of a JSON string, straight from the values. */
static char *put_message(struct buffer *out, char *p, const struct event *e)
{
	uint32_t budget = MESSAGE_VALUES;

	if (e->message.type != VALUE_ABSENT || !e->part_count) {
		/* Not in `scratch`: a value's text may be in there. */
		struct buffer text = {0};

		out->len = (size_t)(p - out->data);
		event_message(&text, e);
		text_json(out, buffer_as_view(&text));
		buffer_release(&text);
		return buffer_reserve(out, VALUE_ROOM);
	}
	for (uint32_t i = 0; i < e->part_count; i++) {
		const struct message_part *part = &e->parts[i];
		struct value v;
		bool cut;

		if (part->field < 0) {
			p = buffer_room(out, p, TEXT_JSON_ROOM(part->text.len) + VALUE_ROOM);
			p = text_put_json(p, part->text, true);
			continue;
		}
		v = e->values[part->field];
		if (v.type == VALUE_ABSENT)
			continue;
		if (part->format || !is_text(&v))
			v = part_text(part, &v);
		cut = clip(&v, &budget);
		if (v.type == VALUE_UTF16) {
			p = buffer_room(out, p, TEXT_JSON16_ROOM((size_t)v.len) + VALUE_ROOM);
			p = text_put_json16(p, view_of(v.data, v.len), true);
		} else {
			p = buffer_room(out, p, TEXT_JSON_ROOM((size_t)v.len) + VALUE_ROOM);
			p = text_put_json(p, view_of(v.data, v.len), true);
		}
		if (cut) {
			memcpy(p, "\xe2\x80\xa6", 3);
			p += 3;
		}
	}
	return p;
}

#define PUT(text) (memcpy(p, text, sizeof(text) - 1), p += sizeof(text) - 1)

/* The value as a JSON string, whatever its type; null when it is absent. */
static char *put_string(struct buffer *out, char *p, const struct value *v)
{
	p = buffer_room(out, p, VALUE_ROOM * 2);
	switch ((enum value_type)v->type) {
	case VALUE_ABSENT:
		PUT("null");
		return p;
	case VALUE_SIGNED:
	case VALUE_UNSIGNED:
	case VALUE_LIST:
	case VALUE_BOOL: {
		struct buffer text = {0};

		value_append(&text, v);
		out->len = (size_t)(p - out->data);
		text_json_quoted(out, buffer_as_view(&text));
		buffer_release(&text);
		return buffer_reserve(out, VALUE_ROOM);
	}
	default:
		return put_json(out, p, v);
	}
}

static char *put_text(struct buffer *out, char *p, const char *text)
{
	struct value v = value_text(text);

	return put_string(out, p, &v);
}

/* What stands between the time and the message: few combinations, each of them made once. */
static char *put_kind(struct buffer *out, char *p, const struct event *e)
{
	static _Thread_local struct {
		const char *ts_desc;
		uint32_t len;
		char text[124];
	} kept[KIND_COUNT];
	struct buffer text = {0};
	struct value v;

	if ((unsigned)e->kind < KIND_COUNT && kept[e->kind].len &&
	    kept[e->kind].ts_desc == e->ts_desc) {
		memcpy(p, kept[e->kind].text, sizeof(kept[e->kind].text));
		return p + kept[e->kind].len;
	}
	buffer_string(&text, ",\"ts_desc\":");
	v = value_text(e->ts_desc);
	value_json(&text, &v);
	buffer_string(&text, ",\"kind\":\"");
	buffer_string(&text, event_kind_text(e->kind));
	buffer_string(&text, "\",\"message\":\"");
	p = buffer_room(out, p, text.len + VALUE_ROOM);
	memcpy(p, text.data, text.len);
	p += text.len;
	if ((unsigned)e->kind < KIND_COUNT && text.len <= sizeof(kept[0].text)) {
		memcpy(kept[e->kind].text, text.data, text.len);
		kept[e->kind].len = (uint32_t)text.len;
		kept[e->kind].ts_desc = e->ts_desc;
	}
	buffer_release(&text);
	return p;
}

/* Parser and source: the same for a whole artefact. */
static char *put_origin(struct buffer *out, char *p, const struct event_origin *origin)
{
	static _Thread_local struct buffer kept, parser, source;
	const char *name = origin->parser ? origin->parser : "",
		   *path = origin->source ? origin->source : "";

	if (!kept.len || strcmp(buffer_text(&source), path) != 0 ||
	    strcmp(buffer_text(&parser), name) != 0) {
		struct value v = value_text(origin->parser);

		kept.len = parser.len = source.len = 0;
		buffer_string(&kept, ",\"parser\":");
		value_json(&kept, &v);
		buffer_string(&kept, ",\"source\":");
		v = value_text(origin->source);
		value_json(&kept, &v);
		buffer_string(&kept, ",\"fields\":{");
		buffer_string(&parser, name);
		buffer_string(&source, path);
	}
	p = buffer_room(out, p, kept.len + VALUE_ROOM);
	memcpy(p, kept.data, kept.len);
	return p + kept.len;
}

/* ,"flags":["recovered",...] where there are any. */
static char *put_flags(struct buffer *out, char *p, unsigned flags)
{
	const char *before = ",\"flags\":[\"";

	out->len = (size_t)(p - out->data);
	for (unsigned bit = 1; bit && bit <= flags; bit <<= 1) {
		const char *text = flags & bit ? event_flag_text(bit) : NULL;

		if (!text)
			continue;
		buffer_string(out, before);
		buffer_string(out, text);
		before = "\",\"";
	}
	if (*before == '"')
		buffer_append(out, "\"]", 2);
	return buffer_reserve(out, VALUE_ROOM);
}

void event_json(struct buffer *out, const struct event *e, const struct event_origin *origin)
{
	char *p = buffer_reserve(out, 512);

	PUT("{\"ts\":");
	if (e->ts == TIME_NONE) {
		PUT("null");
	} else {
		*p++ = '"';
		p = put_time(p, e->ts);
		*p++ = '"';
	}
	p = put_kind(out, p, e);
	p = put_message(out, p, e);
	PUT("\",\"host\":");
	p = e->host.type == VALUE_ABSENT ? put_text(out, p, origin->host)
					 : put_string(out, p, &e->host);
	PUT(",\"user\":");
	p = put_string(out, p, &e->user);
	if (e->flags)
		p = put_flags(out, p, e->flags);
	if (e->parser) { /* read back: who parsed it then */
		struct event_origin first = {
			.host = origin->host, .source = origin->source, .parser = e->parser};

		p = put_origin(out, p, &first);
	} else {
		p = put_origin(out, p, origin);
	}
	p = put_fields(out, p, e);
	PUT("}}\n");
	out->len = (size_t)(p - out->data);
}
