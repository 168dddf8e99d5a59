/* From the names that rules use to the texts of the event at hand. */
#include "detect/internal.h"

#include "base/text.h"

#include <stdlib.h>

const bool text_plain[256] = {
	['0' ... '9'] = true, ['a' ... 'f'] = true, ['A' ... 'F'] = true, ['x'] = true,
	['X'] = true,	      ['t'] = true,	    ['T'] = true,	  ['z'] = true,
	['Z'] = true,	      ['{'] = true,	    ['}'] = true,	  ['-'] = true,
	[':'] = true,	      ['.'] = true,	    [' '] = true,
};

/* ---- which value ---- */

/* Without case, and without the blanks of "Threat Name" (rules write ThreatName or Threat_Name). */
static bool loosely_same(struct view name, const char *field)
{
	bool blanks = memchr(name.data, ' ', name.len) != NULL;
	size_t i = 0;

	for (; *field; field++) {
		if (blanks && *field == '_' && (i >= name.len || name.data[i] != '_')) {
			if (i < name.len && name.data[i] == ' ') {
				i++;
				continue;
			}
			return false;
		}
		while (i < name.len && name.data[i] == ' ' && *field != ' ')
			i++;
		if (i >= name.len || fold_code(name.data[i]) != fold_code((uint8_t)*field))
			return false;
		i++;
	}
	return i == name.len;
}

static int32_t find_name(const struct shape *shape, const char *field)
{
	int i;

	if (!shape)
		return SLOT_NONE;
	i = shape_find(shape, view_text(field));
	if (i >= 0)
		return i;
	for (uint32_t k = 0; k < shape->count; k++)
		if (loosely_same(shape->names[k], field))
			return (int32_t)k;
	return SLOT_NONE;
}

static const struct derive *find_derive(const struct context *c, const struct shape *shape,
					const char *field, bool same_name)
{
	for (uint32_t i = 0; i < c->source_count; i++) {
		const struct source *source = c->sources[i];

		for (uint32_t k = 0; k < source->field_count; k++) {
			const struct derive *d = &source->fields[k];
			bool own = false, there = false;

			if (strcmp(d->field, field) != 0)
				continue;
			for (uint32_t j = 0; j < d->from.count; j++) {
				own |= strcmp(d->from.items[j], field) == 0;
				there |= find_name(shape, d->from.items[j]) >= 0;
			}
			if (there && own == same_name)
				return d;
		}
	}
	return NULL;
}

uint16_t slot_resolve(struct engine_state *s, struct context *c, uint32_t field)
{
	const struct shape *shape = s->event->shape;
	const char *name = s->engine->set->fields[field];
	const struct derive *d;
	struct slot slot = {.field = field, .index = SLOT_NONE};
	size_t cap = c->slot_cap;

	if (c->slot_of_field[field])
		return c->slot_of_field[field];
	d = find_derive(c, shape, name, true);
	if (!d)
		slot.index = shape ? shape_find(shape, view_text(name)) : -1;
	if (!d && slot.index < 0)
		d = find_derive(c, shape, name, false);
	if (d) {
		slot.index = SLOT_DERIVED;
		slot.derive = d;
		for (uint32_t i = 0; i < 8; i++)
			slot.from[i] = i < d->from.count ? find_name(shape, d->from.items[i]) : -1;
	} else if (slot.index < 0) {
		slot.index = find_name(shape, name);
		if (slot.index < 0 && !c->has_channel) {
			if (strcmp(name, "User") == 0)
				slot.index = SLOT_USER;
			else if (strcmp(name, "Computer") == 0 || strcmp(name, "Hostname") == 0)
				slot.index = SLOT_HOST;
			else if (strcmp(name, "Message") == 0)
				slot.index = SLOT_MESSAGE;
		}
	}
	c->slots = xgrow(c->slots, &cap, (size_t)c->slot_count + 1, sizeof(*c->slots));
	c->slot_cap = (uint32_t)cap;
	c->slots[c->slot_count++] = slot;
	c->slot_of_field[field] = (uint16_t)c->slot_count;
	return (uint16_t)c->slot_count;
}

const struct value *slot_value(const struct engine_state *s, const struct slot *slot, int32_t *at)
{
	const struct event *e = s->event;
	const struct value *v;

	if (*at == INT32_MAX)
		return NULL;
	switch (slot->index) {
	case SLOT_NONE:
	case SLOT_DERIVED:
		return NULL;
	case SLOT_USER:
	case SLOT_HOST:
	case SLOT_MESSAGE:
		*at = INT32_MAX;
		v = slot->index == SLOT_USER   ? &e->user
		    : slot->index == SLOT_HOST ? &e->host
					       : &e->message;
		return v->type == VALUE_ABSENT ? NULL : v;
	default:
		break;
	}
	for (;;) {
		uint32_t next;

		if (*at == INT32_MAX)
			return NULL;
		if (*at < 0)
			*at = slot->index;
		v = &e->values[*at];
		next = e->shape->next_same[*at];
		*at = next ? (int32_t)next : INT32_MAX;
		if (v->type != VALUE_ABSENT &&
		    !(v->type == VALUE_JSON && v->len == 4 && memcmp(v->data, "null", 4) == 0))
			return v;
	}
}

/* ---- texts ---- */

static void text_add(struct engine_state *s, struct view utf8, bool folded, struct text_list *into)
{
	struct buffer *b = folded ? &s->folded : &s->raw;
	size_t at = b->len;

	if (folded)
		fold_utf8(b, utf8);
	else
		text_utf8(b, utf8);
	s->texts = xgrow(s->texts, &s->text_cap, s->text_count + 1, sizeof(*s->texts));
	s->texts[s->text_count++] = (struct text){at, b->len - at};
	into->count++;
}

static int hex_digit(uint8_t c)
{
	return c >= '0' && c <= '9'		    ? c - '0'
	       : (c | 32) >= 'a' && (c | 32) <= 'f' ? (c | 32) - 'a' + 10
						    : -1;
}

static bool json_unit(struct view v, size_t at, uint32_t *code)
{
	*code = 0;
	for (size_t i = 0; i < 4; i++) {
		int d = at + i < v.len ? hex_digit(v.data[at + i]) : -1;

		if (d < 0)
			return false;
		*code = *code << 4 | (uint32_t)d;
	}
	return true;
}

/* The text of a JSON string whose quote stands at v[0]; returns the bytes that it takes. */
static size_t json_string(struct buffer *out, struct view v)
{
	size_t i = 1;

	while (i < v.len && v.data[i] != '"') {
		uint8_t c = v.data[i++];
		uint32_t code, low;

		if (c != '\\' || i >= v.len) {
			buffer_char(out, (char)c);
			continue;
		}
		c = v.data[i++];
		switch (c) {
		case 'n':
			buffer_char(out, '\n');
			break;
		case 't':
			buffer_char(out, '\t');
			break;
		case 'r':
			buffer_char(out, '\r');
			break;
		case 'b':
			buffer_char(out, '\b');
			break;
		case 'f':
			buffer_char(out, '\f');
			break;
		case 'u':
			if (!json_unit(v, i, &code))
				break;
			i += 4;
			if (code >= 0xd800 && code < 0xdc00 && i + 1 < v.len && v.data[i] == '\\' &&
			    v.data[i + 1] == 'u' && json_unit(v, i + 2, &low) && low >= 0xdc00 &&
			    low < 0xe000) {
				code = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
				i += 6;
			}
			out->len += text_encode(code, (uint8_t *)buffer_reserve(out, 4));
			break;
		default:
			buffer_char(out, (char)c);
			break;
		}
	}
	return i < v.len ? i + 1 : i;
}

/* The bytes that the JSON value at v[0] takes, as far as its own brackets and quotation marks say. */
static size_t json_extent(struct view v)
{
	size_t depth = 0, i = 0;
	bool quoted = false;

	for (; i < v.len; i++) {
		uint8_t c = v.data[i];

		if (quoted) {
			if (c == '\\')
				i++;
			else if (c == '"')
				quoted = false;
		} else if (c == '"') {
			quoted = true;
		} else if (c == '[' || c == '{') {
			depth++;
		} else if (c == ']' || c == '}' || c == ',') {
			if (depth == 0)
				break;
			depth -= c != ',';
		}
	}
	return i < v.len ? i : v.len;
}

/* A JSON value: a text, or an array's members but for null and arrays in it; objects stay as they are written. */
static void json_texts(struct engine_state *s, struct view v, bool folded, struct text_list *into)
{
	struct buffer b = {0};

	if (v.len && v.data[0] == '"') {
		(void)json_string(&b, v);
		text_add(s, buffer_as_view(&b), folded, into);
	} else if (v.len && v.data[0] == '[') {
		for (v = view_clip(view_from(v, 1), 0, v.len - 2); v.len;) {
			struct view member = view_trim(view_clip(v, 0, json_extent(v)));

			v = view_from(v, json_extent(v) + 1);
			b.len = 0;
			if (member.len && member.data[0] == '"') {
				(void)json_string(&b, member);
				text_add(s, buffer_as_view(&b), folded, into);
			} else if (member.len && member.data[0] != '[' &&
				   !view_is(member, "null")) {
				text_add(s, member, folded, into);
			}
		}
	} else {
		text_add(s, v, folded, into);
	}
	buffer_release(&b);
}

void value_texts(struct engine_state *s, const struct value *v, bool folded, struct text_list *into)
{
	size_t at;

	switch ((enum value_type)v->type) {
	case VALUE_ABSENT:
		return;
	case VALUE_UTF8:
		text_add(s, view_of(v->data, v->len), folded, into);
		return;
	case VALUE_UTF16:
		at = folded ? s->folded.len : s->raw.len;
		if (folded)
			fold_utf16(&s->folded, view_of(v->data, v->len));
		else
			text_utf16(&s->raw, view_of(v->data, v->len));
		s->texts = xgrow(s->texts, &s->text_cap, s->text_count + 1, sizeof(*s->texts));
		s->texts[s->text_count++] =
			(struct text){at, (folded ? s->folded.len : s->raw.len) - at};
		into->count++;
		return;
	case VALUE_LIST:
		for (uint32_t i = 0; i < v->len; i++)
			if (v->list[i].type != VALUE_LIST)
				value_texts(s, &v->list[i], folded, into);
		return;
	case VALUE_JSON:
		json_texts(s, view_of(v->data, v->len), folded, into);
		return;
	case VALUE_SIGNED:
	case VALUE_UNSIGNED:
	case VALUE_HEX:
	case VALUE_BOOL:
	case VALUE_DOUBLE:
	case VALUE_FLOAT:
	case VALUE_TIME:
	case VALUE_FILETIME:
	case VALUE_GUID:
	case VALUE_SID:
	case VALUE_BINARY:
		break;
	}
	s->scratch_text.len = 0;
	value_append(&s->scratch_text, v);
	text_add(s, buffer_as_view(&s->scratch_text), folded, into);
}

static bool same_folded(struct view a, struct view b)
{
	if (a.len != b.len)
		return false;
	for (size_t i = 0; i < a.len; i++)
		if (fold_code(a.data[i]) != fold_code(b.data[i]))
			return false;
	return true;
}

/* How many bytes of v a beginning takes ('#': digits), or 0. */
static size_t begins(struct view v, const char *start)
{
	size_t i = 0;

	for (; *start; start++) {
		if (*start == '#') {
			size_t digits = i;

			while (i < v.len && v.data[i] >= '0' && v.data[i] <= '9')
				i++;
			if (i == digits)
				return 0;
			continue;
		}
		if (i >= v.len || fold_code(v.data[i]) != fold_code((uint8_t)*start))
			return 0;
		i++;
	}
	return i;
}

/* "MD5=..,SHA256=..": the member of that name. */
static struct view hash_part(struct view v, const char *part)
{
	struct view token;

	while (view_token(&v, ',', &token)) {
		size_t n = strlen(part);

		token = view_trim(token);
		if (token.len > n && token.data[n] == '=' &&
		    same_folded(view_clip(token, 0, n), view_text(part)))
			return view_from(token, n + 1);
		if (!v.data)
			break;
	}
	return VIEW_EMPTY;
}

/* The texts of a derived field: what the mapping makes, and where it only translates, the original too. */
static void derived_texts(struct engine_state *s, const struct slot *slot, bool folded,
			  struct text_list *into)
{
	const struct derive *d = slot->derive;
	const struct event *e = s->event;
	struct buffer *b = &s->derived;
	struct view v;
	bool any = false, own = false;

	b->len = 0;
	for (uint32_t i = 0; i < d->from.count && i < 8; i++) {
		if (slot->from[i] < 0 || e->values[slot->from[i]].type == VALUE_ABSENT)
			continue;
		if (d->every) {
			value_texts(s, &e->values[slot->from[i]], folded, into);
			continue;
		}
		if (d->join) {
			struct buffer piece = {0};

			value_append(&piece, &e->values[slot->from[i]]);
			/* Windows writes "-" for a part that is not there. */
			if (piece.len && !(piece.len == 1 && piece.data[0] == '-')) {
				if (b->len)
					buffer_string(b, d->with);
				buffer_view(b, buffer_as_view(&piece));
			}
			buffer_release(&piece);
			any = true;
			continue;
		}
		if (!d->part && !d->after && !d->replace_count && !d->value_count) {
			value_texts(s, &e->values[slot->from[i]], folded, into);
			return;
		}
		own = strcmp(d->from.items[i], d->field) == 0;
		value_append(b, &e->values[slot->from[i]]);
		any = true;
		break;
	}
	if (!any)
		return;
	v = buffer_as_view(b);
	if (d->part) {
		v = hash_part(v, d->part);
		if (v.len == 0)
			return;
	}
	if (d->after) {
		size_t n = strlen(d->after), at = view_find(v, 0, d->after, n);

		if (at == v.len)
			return;
		v = view_from(v, at + n);
		for (size_t i = 0; i < v.len; i++)
			if (v.data[i] == '\n' || v.data[i] == '\r')
				v = view_clip(v, 0, i);
	}
	for (uint32_t i = 0; i < d->value_count; i++) {
		if (same_folded(v, view_text(d->values[2 * i]))) {
			text_add(s, view_text(d->values[2 * i + 1]), folded, into);
			if (own)
				text_add(s, v, folded, into);
			return;
		}
	}
	for (uint32_t i = 0; i < d->replace_count; i++) {
		size_t n = begins(v, d->replace[2 * i]);

		if (n) {
			struct buffer made = {0};

			buffer_string(&made, d->replace[2 * i + 1]);
			buffer_view(&made, view_from(v, n));
			text_add(s, buffer_as_view(&made), folded, into);
			buffer_release(&made);
			if (own)
				text_add(s, v, folded, into);
			return;
		}
	}
	text_add(s, v, folded, into);
}

struct text_list *field_texts(struct engine_state *s, uint32_t field, bool folded)
{
	struct context *c = s->context;
	uint16_t at = field == FIELD_ANY ? 0 : slot_resolve(s, c, field);
	struct text_list *list;
	const struct value *v;
	int32_t i = -1;

	if ((size_t)c->slot_count + 1 > s->list_cap) {
		size_t cap = s->list_cap, cap2 = s->list_cap;

		s->raw_list =
			xgrow(s->raw_list, &cap, (size_t)c->slot_count + 1, sizeof(*s->raw_list));
		s->folded_list = xgrow(s->folded_list, &cap2, (size_t)c->slot_count + 1,
				       sizeof(*s->folded_list));
		memset(s->raw_list + s->list_cap, 0, (cap - s->list_cap) * sizeof(*s->raw_list));
		memset(s->folded_list + s->list_cap, 0,
		       (cap - s->list_cap) * sizeof(*s->folded_list));
		s->list_cap = cap;
	}
	list = folded ? &s->folded_list[at] : &s->raw_list[at];
	if (list->made)
		return list;
	list->made = true;
	list->first = (uint32_t)s->text_count;
	list->count = 0;
	if (field == FIELD_ANY) {
		for (uint32_t k = 0; s->event->shape && k < s->event->shape->count; k++)
			value_texts(s, &s->event->values[k], folded, list);
		/* An event log's message is our own wording; a text log's is its line. */
		if (!c->has_channel && s->event->message.type != VALUE_ABSENT)
			value_texts(s, &s->event->message, folded, list);
		return list;
	}
	if (c->slots[at - 1].index == SLOT_DERIVED) {
		derived_texts(s, &c->slots[at - 1], folded, list);
		return list;
	}
	while ((v = slot_value(s, &c->slots[at - 1], &i)))
		value_texts(s, v, folded, list);
	return list;
}

bool field_present(struct engine_state *s, uint32_t field)
{
	const struct slot *slot;
	uint16_t at;
	int32_t i = -1;

	if (field == FIELD_ANY)
		return true;
	at = slot_resolve(s, s->context, field);
	slot = &s->context->slots[at - 1];
	if (slot->index == SLOT_DERIVED) {
		/* Of several values the one of the field's own name says whether it is there. */
		for (uint32_t k = 0; slot->derive->every && k < slot->derive->from.count && k < 8;
		     k++)
			if (strcmp(slot->derive->from.items[k], slot->derive->field) == 0)
				return slot->from[k] >= 0 &&
				       s->event->values[slot->from[k]].type != VALUE_ABSENT;
		return field_texts(s, field, false)->count > 0;
	}
	return slot_value(s, &s->context->slots[at - 1], &i) != NULL;
}
