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

/* ---- shapes ---- */

struct shape_table {
	struct shape **slots; /* open addressing, by hash */
	size_t mask, count;
	struct arena arena;
};

struct shape_table *shape_table_new(void)
{
	struct shape_table *t = xcalloc(1, sizeof(*t));

	t->mask = 255;
	t->slots = xcalloc(t->mask + 1, sizeof(struct shape *));
	return t;
}

size_t shape_table_count(const struct shape_table *t)
{
	return t->count;
}

void shape_table_free(struct shape_table *t)
{
	if (!t)
		return;
	arena_release(&t->arena);
	free(t->slots);
	free(t);
}

/* FNV-1a with a separator, then mixed: stable over processes and runs, for the case's shape table. */
static uint64_t hash_names(const struct view *names, size_t count)
{
	uint64_t h = UINT64_C(0xcbf29ce484222325);

	for (size_t i = 0; i < count; i++) {
		for (size_t j = 0; j < names[i].len; j++)
			h = (h ^ names[i].data[j]) * UINT64_C(0x100000001b3);
		h = (h ^ 0xff) * UINT64_C(0x100000001b3);
	}
	h ^= h >> 32;
	return h * UINT64_C(0x9e3779b97f4a7c15);
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

static struct shape *shape_new(struct shape_table *t, const struct view *names, size_t count)
{
	struct buffer key = { 0 };
	struct shape *s = arena_zalloc(&t->arena, sizeof(*s));

	if (!s || !(s->names = arena_zalloc(&t->arena, count * sizeof(struct view) + 1)) ||
	    !(s->keys = arena_zalloc(&t->arena, count * sizeof(struct view) + 1)) ||
	    !(s->next_same = arena_zalloc(&t->arena, count * sizeof(uint32_t) + 1)) ||
	    !(s->repeats = arena_zalloc(&t->arena, count * sizeof(bool) + 1)))
		return NULL;
	s->count = (uint32_t)count;
	s->unique = true;
	for (uint32_t i = 0; i < count; i++) {
		char *copy;

		key.len = 0;
		text_json_quoted(&key, names[i]);
		buffer_char(&key, ':');
		copy = arena_strndup(&t->arena, key.data, key.len);
		s->keys[i] = view_of(copy, copy ? key.len : 0);
		copy = arena_strndup(&t->arena, names[i].data, names[i].len);
		s->names[i] = view_of(copy, copy ? names[i].len : 0);
		for (uint32_t j = i; j-- > 0;) {
			if (view_equal(s->names[j], names[i])) {
				s->next_same[j] = i;
				s->repeats[i] = true;
				s->unique = false;
				break;
			}
		}
	}
	buffer_release(&key);
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

static void append_sid(struct buffer *out, struct view v)
{
	uint64_t authority = 0;
	unsigned count = view_get8(v, 1);

	if (v.len < 8 || v.len < 8 + 4 * (size_t)count) { /* [MS-DTYP] 2.4.2.2 */
		buffer_hex(out, v.data, v.len, true);
		return;
	}
	for (unsigned i = 2; i < 8; i++)
		authority = authority << 8 | v.data[i];
	buffer_string(out, "S-");
	buffer_unsigned(out, v.data[0]);
	buffer_char(out, '-');
	if (authority >> 32)
		buffer_printf(out, "0x%llx", (unsigned long long)authority);
	else
		buffer_unsigned(out, authority);
	for (unsigned i = 0; i < count; i++) {
		buffer_char(out, '-');
		buffer_unsigned(out, view_get32(v, 8 + 4 * i));
	}
}

static void append_guid(struct buffer *out, const uint8_t *g)
{
	static const uint8_t order[16] = { 3, 2, 1, 0, 5, 4, 7, 6, 8, 9, 10, 11, 12, 13, 14, 15 };
	static const char digits[] = "0123456789ABCDEF";
	char *p = buffer_reserve(out, 38);

	*p++ = '{';
	for (unsigned i = 0; i < 16; i++) {
		if (i == 4 || i == 6 || i == 8 || i == 10)
			*p++ = '-';
		*p++ = digits[g[order[i]] >> 4];
		*p++ = digits[g[order[i]] & 15];
	}
	*p = '}';
	out->len += 38;
}

static void append_filetime(struct buffer *out, uint64_t ticks)
{
	/* Not through int64 nanoseconds: FILETIME begins in 1601 and they reach back to 1677. */
	struct civil c = time_civil_of_seconds((int64_t)(ticks / 10000000) - INT64_C(11644473600));

	buffer_printf(out, "%04lld-%02u-%02uT%02u:%02u:%02u.%06uZ", (long long)c.year, c.month, c.day,
		      c.hour, c.minute, c.second, (unsigned)(ticks % 10000000 / 10));
}

static void append_double(struct buffer *out, double f, int precision)
{
	char text[40];

	(void)snprintf(text, sizeof(text), "%.*g", precision - 2, f);
	if (precision > 9 ? strtod(text, NULL) != f : strtof(text, NULL) != (float)f)
		(void)snprintf(text, sizeof(text), "%.*g", precision, f);
	buffer_string(out, text);
}

void value_append(struct buffer *out, const struct value *v)
{
	struct view bytes;

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
		buffer_signed(out, v->i);
		break;
	case VALUE_UNSIGNED:
		buffer_unsigned(out, v->u);
		break;
	case VALUE_HEX:
		buffer_printf(out, "0x%llx", (unsigned long long)v->u);
		break;
	case VALUE_BOOL:
		buffer_string(out, v->u ? "true" : "false");
		break;
	case VALUE_DOUBLE:
		append_double(out, v->f, 17);
		break;
	case VALUE_FLOAT:
		append_double(out, v->f, 9);
		break;
	case VALUE_TIME:
		time_append(out, v->i);
		break;
	case VALUE_FILETIME:
		append_filetime(out, v->u);
		break;
	case VALUE_GUID:
		append_guid(out, v->data);
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

void value_json(struct buffer *out, const struct value *v)
{
	switch ((enum value_type)v->type) {
	case VALUE_ABSENT:
		buffer_append(out, "null", 4);
		break;
	case VALUE_UTF8:
		text_json_quoted(out, view_of(v->data, v->len));
		break;
	case VALUE_UTF16:
		buffer_char(out, '"');
		text_json_utf16(out, view_of(v->data, v->len));
		buffer_char(out, '"');
		break;
	case VALUE_DOUBLE:
	case VALUE_FLOAT:
		if (!isfinite(v->f)) {
			buffer_string(out, isnan(v->f) ? "\"NaN\"" : v->f < 0 ? "\"-Infinity\"" : "\"Infinity\"");
			break;
		}
		value_append(out, v);
		break;
	case VALUE_SIGNED:
	case VALUE_UNSIGNED:
	case VALUE_BOOL:
	case VALUE_JSON:
		if (v->type == VALUE_JSON)
			buffer_append(out, v->data, v->len);
		else
			value_append(out, v);
		break;
	case VALUE_HEX:
	case VALUE_TIME:
	case VALUE_FILETIME:
	case VALUE_GUID:
	case VALUE_SID:
	case VALUE_BINARY:
		buffer_char(out, '"');
		value_append(out, v);
		buffer_char(out, '"');
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
	}
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
		if (e->values[i].type == VALUE_ABSENT || (e->values[i].type == VALUE_LIST && present > 1 && !e->values[i].len))
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

void event_fields_json(struct buffer *out, const struct event *e)
{
	const struct shape *s = e->shape;
	bool any = false;

	buffer_char(out, '{');
	for (uint32_t i = 0; s && i < s->count; i++) {
		size_t before = out->len;

		if (s->repeats[i])
			continue;
		if (any)
			buffer_char(out, ',');
		if (s->next_same[i]) {
			if (!repeated_json(out, e, i)) {
				out->len = before;
				continue;
			}
		} else if (e->values[i].type == VALUE_ABSENT) {
			out->len = before;
			continue;
		} else {
			buffer_view(out, s->keys[i]);
			value_json(out, &e->values[i]);
		}
		any = true;
	}
	buffer_char(out, '}');
}

#define MESSAGE_MAX ((size_t)4096)

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

void event_message(struct buffer *out, const struct event *e)
{
	size_t start = out->len;
	unsigned shown = 0;

	if (e->message.type != VALUE_ABSENT) {
		value_append(out, &e->message);
		flatten(out, start);
		return;
	}
	if (e->part_count) {
		for (uint32_t i = 0; i < e->part_count; i++) {
			const struct message_part *part = &e->parts[i];

			if (part->field < 0)
				buffer_view(out, part->text);
			else if (part->format)
				part->format(out, &e->values[part->field]);
			else
				value_append(out, &e->values[part->field]);
		}
		flatten(out, start);
		return;
	}
	for (uint32_t i = 0; e->shape && i < e->shape->count && shown < 8; i++) {
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

static void member_value(struct buffer *out, const char *key, const struct value *v,
			 const char *otherwise)
{
	struct value text = value_text(otherwise);

	buffer_string(out, key);
	if (v->type == VALUE_SIGNED || v->type == VALUE_UNSIGNED || v->type == VALUE_LIST) {
		struct buffer b = { 0 };

		value_append(&b, v);
		text_json_quoted(out, buffer_as_view(&b));
		buffer_release(&b);
	} else {
		value_json(out, v->type == VALUE_ABSENT ? &text : v);
	}
}

void event_json(struct buffer *out, const struct event *e, const struct event_origin *origin)
{
	static const struct value absent = { .type = VALUE_ABSENT };
	struct value text;

	buffer_string(out, "{\"ts\":");
	if (e->ts == TIME_NONE) {
		buffer_string(out, "null");
	} else {
		buffer_char(out, '"');
		time_append(out, e->ts);
		buffer_char(out, '"');
	}
	text = value_text(e->ts_desc);
	member_value(out, ",\"ts_desc\":", &text, NULL);
	buffer_string(out, ",\"kind\":\"");
	buffer_string(out, event_kind_text(e->kind));
	buffer_string(out, "\",\"message\":");
	{
		struct buffer message = { 0 };

		event_message(&message, e);
		text_json_quoted(out, buffer_as_view(&message));
		buffer_release(&message);
	}
	member_value(out, ",\"host\":", &e->host, origin->host);
	member_value(out, ",\"user\":", &e->user, NULL);
	member_value(out, ",\"parser\":", &absent, origin->parser);
	member_value(out, ",\"source\":", &absent, origin->source);
	buffer_string(out, ",\"fields\":");
	event_fields_json(out, e);
	buffer_append(out, "}\n", 2);
}
