#include "timeline/row.h"

#include "base/limits.h"
#include "base/sha256.h"
#include "base/text.h"
#include "timeline/signature.h"

#include <stdlib.h>

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

#define HEAD_SIZE 28u /* of a block */
#define ROW_HEAD  52u
#define NONE	  UINT32_MAX

/* ---- encoder ---- */

enum how { HOW_VALUE, HOW_GROUP, HOW_FORMAT };

/* A value of the row: what it is made of. */
struct step {
	uint16_t field; /* HOW_FORMAT: index of the message part */
	uint8_t how;
	bool said;     /* the message shows it */
	uint64_t name; /* signature_name of the field */
};

/* Events of one make: same fields present, same fixed values, same kind, ... (row.h) */
struct variant {
	struct variant *next; /* of the same slot */
	struct view key;
	uint64_t key_hash;
	struct view definition;
	uint8_t hash[ROW_HASH];
	struct step *steps;
	uint32_t count;
	size_t said;	/* bytes of the message's fixed texts */
	uint16_t *bits; /* of the signature: what all of its events share */
	uint32_t bit_count;
	bool sent;
	uint32_t block, index; /* in which block it was used last, and its number there */
	uint64_t host_name;    /* signature_name of the field that is the row's host, or 0 */
	uint32_t host_block, host_index; /* the block and the host that have its term already */
};

/* What the encoder knows of a shape of base/event.h. */
struct plan {
	const struct shape *shape;
	uint16_t *fixed; /* fields that go into the layout as text */
	uint32_t fixed_count;
	int32_t time, computer, process;
	struct variant *last;
};

#define SLOTS 1024u
#define SEEN  1024u
#define STRINGS                                                                                    \
	1024u /* slots; a block has at most 2 * ROW_BLOCK_ROWS strings, half of them in use at     \
		 most */

struct row_encoder {
	struct arena arena; /* plans and variants of this stream */
	struct plan **plans;
	size_t plan_cap;
	struct variant *slots[SLOTS];
	size_t variants;
	struct buffer key, scratch, text;

	/* The block being filled. */
	uint32_t block;
	struct variant *used[ROW_BLOCK_ROWS];
	uint32_t used_count, row_count, hit_count, string_count;
	struct buffer rows, hits, strings;
	struct {
		uint32_t at, len, index;
	} table[STRINGS];
	uint32_t user_at, host_at; /* index of the last user, host; 0: none yet */
	struct buffer last_user, last_host;
	uint32_t last_user_type, last_host_type;
	uint8_t bits[SIGNATURE_BYTES];
	uint64_t seen[SEEN];
};

struct row_encoder *row_encoder_new(void)
{
	return xcalloc(1, sizeof(struct row_encoder));
}

void row_encoder_free(struct row_encoder *e)
{
	if (!e)
		return;
	arena_release(&e->arena);
	free(e->plans);
	buffer_release(&e->key);
	buffer_release(&e->scratch);
	buffer_release(&e->text);
	buffer_release(&e->rows);
	buffer_release(&e->hits);
	buffer_release(&e->strings);
	buffer_release(&e->last_user);
	buffer_release(&e->last_host);
	free(e);
}

static void block_clear(struct row_encoder *e)
{
	e->block++;
	e->used_count = e->row_count = e->hit_count = e->string_count = 0;
	e->rows.len = e->hits.len = e->strings.len = 0;
	e->user_at = e->host_at = 0;
	memset(e->table, 0, sizeof(e->table));
	memset(e->bits, 0, sizeof(e->bits));
	memset(e->seen, 0, sizeof(e->seen));
}

static void forget(struct row_encoder *e)
{
	arena_reset(&e->arena);
	if (e->plans)
		memset(e->plans, 0, e->plan_cap * sizeof(*e->plans));
	memset(e->slots, 0, sizeof(e->slots));
	e->variants = 0;
}

void row_encoder_begin(struct row_encoder *e)
{
	forget(e);
	block_clear(e);
}

static void put32(struct buffer *b, uint32_t n)
{
	buffer_append(b, &n, 4);
}

static void put_text(struct buffer *b, struct view v)
{
	put32(b, (uint32_t)v.len);
	buffer_view(b, v);
}

static void block_close(struct row_encoder *e, struct buffer *out)
{
	size_t start = out->len, signature;
	uint32_t head[7] = {
		0, ROW_MAGIC, e->used_count, e->string_count, e->row_count, e->hit_count, 0};

	if (e->row_count == 0)
		return;
	signature_add(e->bits, buffer_as_view(&e->strings));
	buffer_append(out, head, HEAD_SIZE);
	for (uint32_t i = 0; i < e->used_count; i++) {
		struct variant *v = e->used[i];

		buffer_append(out, v->hash, ROW_HASH);
		put_text(out, v->sent ? VIEW_EMPTY : v->definition);
		v->sent = true;
	}
	buffer_view(out, buffer_as_view(&e->strings));
	buffer_view(out, buffer_as_view(&e->rows));
	buffer_view(out, buffer_as_view(&e->hits));
	signature = out->len;
	signature_write(out, e->bits);
	head[0] = (uint32_t)(out->len - start);
	head[6] = (uint32_t)(out->len - signature);
	memcpy(out->data + start, head, HEAD_SIZE);
	block_clear(e);
}

static bool fixed_name(struct view name)
{
	static const char *const names[] = {"Provider_Name",
					    "Provider_Guid",
					    "Provider_EventSourceName",
					    "EventID",
					    "EventID_Qualifiers",
					    "Version",
					    "Level",
					    "Task",
					    "Opcode",
					    "Keywords",
					    "Channel",
					    "Security_UserID"};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (view_is(name, names[i]))
			return true;
	return false;
}

static struct plan *plan_of(struct row_encoder *e, const struct shape *s)
{
	/* The process that the event is about, before the one that logged it. */
	static const char *const process[] = {"NewProcessId", "ProcessId", "ProcessID",
					      "pid",	      "_PID",	   "Execution_ProcessID"};
	struct plan *p = s->id < e->plan_cap ? e->plans[s->id] : NULL;

	if (p && p->shape == s)
		return p;
	if (s->id >= e->plan_cap) {
		size_t before = e->plan_cap;

		e->plans = xgrow(e->plans, &e->plan_cap, (size_t)s->id + 1, sizeof(*e->plans));
		memset(e->plans + before, 0, (e->plan_cap - before) * sizeof(*e->plans));
	}
	p = arena_zalloc(&e->arena, sizeof(*p));
	if (!p || !(p->fixed = arena_alloc(&e->arena, s->count * sizeof(*p->fixed) + 1)))
		return NULL;
	p->shape = s;
	for (uint32_t i = 0; i < s->count; i++)
		if (fixed_name(s->names[i]) && !s->repeats[i] && !s->next_same[i])
			p->fixed[p->fixed_count++] = (uint16_t)i;
	p->time = shape_find(s, view_text("TimeCreated_SystemTime"));
	p->computer = s->computer;
	if (p->time >= 0 && (s->repeats[p->time] || s->next_same[p->time]))
		p->time = -1;
	if (p->computer >= 0 && (s->repeats[p->computer] || s->next_same[p->computer]))
		p->computer = -1;
	p->process = -1;
	for (size_t i = 0; p->process < 0 && i < sizeof(process) / sizeof(process[0]); i++)
		p->process = shape_find(s, view_text(process[i]));
	return e->plans[s->id] = p;
}

/* Values that seldom change are part of the variant; long ones (a user's SID) change with the host.
 */
static bool fixed_value(const struct value *v)
{
	switch ((enum value_type)v->type) {
	case VALUE_UTF8:
	case VALUE_UTF16:
		return v->len <= 256;
	case VALUE_SID:
		return v->len <= 12;
	case VALUE_ABSENT:
	case VALUE_LIST:
	case VALUE_JSON:
	case VALUE_BINARY:
		return false;
	case VALUE_SIGNED:
	case VALUE_UNSIGNED:
	case VALUE_HEX:
	case VALUE_BOOL:
	case VALUE_DOUBLE:
	case VALUE_FLOAT:
	case VALUE_TIME:
	case VALUE_FILETIME:
	case VALUE_GUID:
		return true;
	}
	return false;
}

static bool spans(const struct value *v)
{
	return v->type == VALUE_UTF8 || v->type == VALUE_UTF16 || v->type == VALUE_GUID ||
	       v->type == VALUE_SID || v->type == VALUE_BINARY || v->type == VALUE_JSON;
}

static bool same_value(const struct value *a, const struct value *b)
{
	if (a->type != b->type || a->len != b->len)
		return false;
	return spans(a) ? a->len == 0 || memcmp(a->data, b->data, a->len) == 0 : a->u == b->u;
}

#define KEY_TIME	1u
#define KEY_HOST	2u
#define KEY_OWN_MESSAGE 4u

/* All that makes two events of one variant. */
static void make_key(struct row_encoder *e, const struct plan *p, const struct event *ev,
		     bool own_message)
{
	const struct shape *s = p->shape;
	struct buffer *k = &e->key;
	const char *desc = ev->ts_desc ? ev->ts_desc : "";
	uint32_t head[4] = {s->id, (uint32_t)ev->kind, ev->flags, 0};
	uint64_t word = 0;

	if (p->time >= 0 && ev->values[p->time].type == VALUE_FILETIME && ev->ts != TIME_NONE &&
	    time_from_filetime(ev->values[p->time].u) == ev->ts)
		head[3] |= KEY_TIME;
	if (p->computer >= 0 && ev->host.type != VALUE_ABSENT &&
	    ev->values[p->computer].type == ev->host.type && spans(&ev->host) && ev->host.len &&
	    ev->host.len <= 1024 && /* a longer one is cut */
	    same_value(&ev->values[p->computer], &ev->host))
		head[3] |= KEY_HOST;
	if (own_message)
		head[3] |= KEY_OWN_MESSAGE;
	k->len = 0;
	buffer_append(k, head, sizeof(head));
	if (!own_message)
		buffer_append(k, &ev->parts, sizeof(ev->parts));
	for (uint32_t i = 0; i < s->count; i++) {
		word |= (uint64_t)(ev->values[i].type != VALUE_ABSENT) << (i & 63);
		if ((i & 63) == 63 || i + 1 == s->count) {
			buffer_append(k, &word, 8);
			word = 0;
		}
	}
	for (uint32_t i = 0; i < p->fixed_count; i++) {
		const struct value *v = &ev->values[p->fixed[i]];
		uint32_t tag = v->type << 16 | (v->len < 0xffff ? v->len : 0xffff);

		if (!fixed_value(v)) {
			buffer_char(k, 0);
			continue;
		}
		buffer_append(k, &tag, 4);
		if (spans(v))
			buffer_append(k, v->data, v->len);
		else
			buffer_append(k, &v->u, 8);
	}
	buffer_append(k, desc, strlen(desc) + 1);
	if (!s->unique) /* which of the names that stand twice hold a list: such a group is one
			   value */
		for (uint32_t i = 0; i < s->count; i++)
			if (s->repeats[i] || s->next_same[i])
				buffer_char(k, ev->values[i].type == VALUE_LIST ? '1' : '0');
}

static uint64_t hash_key(struct view v)
{
	uint64_t h = UINT64_C(0x9e3779b97f4a7c15) ^ v.len, word;
	size_t i = 0;

	for (; i + 8 <= v.len; i += 8) {
		memcpy(&word, v.data + i, 8);
		h = (h ^ word) * UINT64_C(0xff51afd7ed558ccd);
		h ^= h >> 32;
	}
	for (; i < v.len; i++)
		h = (h ^ v.data[i]) * UINT64_C(0x100000001b3);
	return h ^ h >> 29;
}

/* A layout being made: text gathers, holes close it. */
struct layout {
	struct buffer json, text;
};

static void layout_text(struct layout *l)
{
	if (l->text.len) {
		buffer_char(&l->json, l->json.len ? ',' : '[');
		text_json_quoted(&l->json, buffer_as_view(&l->text));
		l->text.len = 0;
	}
}

static void layout_hole(struct layout *l, int64_t hole)
{
	layout_text(l);
	buffer_char(&l->json, l->json.len ? ',' : '[');
	buffer_signed(&l->json, hole);
}

static struct view layout_done(struct layout *l)
{
	layout_text(l);
	if (l->json.len == 0)
		buffer_char(&l->json, '[');
	buffer_char(&l->json, ']');
	return buffer_as_view(&l->json);
}

/* Where the value of a field went. */
#define AT_TEXT	 (-1000)
#define AT_GROUP (-1001)
#define AT_NONE	 (-1002)

struct adding {
	uint8_t *bits;
	uint64_t name;
	uint64_t *seen; /* terms that the bits have already, or NULL */
};

static bool add_text(void *data, struct view text)
{
	struct adding *a = data;
	uint64_t term = signature_term(a->name, text);

	/* Events of a block have much in common: most values are there already. */
	if (a->seen) {
		if (a->seen[term % SEEN] == term)
			return false;
		a->seen[term % SEEN] = term;
	}
	signature_add_term(a->bits, term);
	signature_add(a->bits, text);
	return false;
}

/* A value: as a whole, and its text. */
static void add_value(struct adding a, struct view json, struct buffer *scratch)
{
	if (json.len >= 2 && json.data[0] == '"' && !memchr(json.data, '\\', json.len))
		(void)add_text(&a, view_sub(json, 1, json.len - 2));
	else if (json.len)
		(void)row_each_text(json, scratch, add_text, &a);
}

/* What the layouts hold themselves goes into the signature of every block that uses them. */
static bool fixed_bits(struct row_encoder *e, struct variant *v, const struct plan *p,
		       const struct event *ev, struct view message)
{
	uint8_t bits[SIGNATURE_BYTES] = {0};
	struct arena arena = {0};
	struct row_part *parts;
	struct buffer text = {0};
	size_t count, n = 0;

	for (uint32_t k = 0; k < p->fixed_count; k++) {
		const struct value *value = &ev->values[p->fixed[k]];

		if (!fixed_value(value))
			continue;
		text.len = 0;
		value_json(&text, value);
		add_value((struct adding){bits, signature_name(p->shape->names[p->fixed[k]]), NULL},
			  buffer_as_view(&text), &e->text);
	}
	if (message.len && row_layout(&arena, message, v->count, &parts, &count))
		for (size_t i = 0; i < count; i++)
			signature_add(bits, parts[i].text);
	for (size_t i = 0; i < SIGNATURE_BYTES; i++)
		v->bit_count += (uint32_t)__builtin_popcount(bits[i]);
	v->bits = arena_alloc(&e->arena, v->bit_count * sizeof(*v->bits) + 1);
	for (size_t i = 0; v->bits && i < SIGNATURE_BYTES; i++)
		for (unsigned byte = bits[i]; byte; byte &= byte - 1)
			v->bits[n++] = (uint16_t)(i * 8 + (size_t)__builtin_ctz(byte));
	buffer_release(&text);
	arena_release(&arena);
	return v->bits != NULL;
}

static struct variant *make_variant(struct row_encoder *e, struct plan *p, const struct event *ev,
				    uint32_t mode)
{
	const struct shape *s = p->shape;
	struct layout fields = {0}, message = {0};
	struct buffer names = {0}, def = {0}, text = {0};
	struct variant *v = arena_zalloc(&e->arena, sizeof(*v));
	int32_t *at = xmalloc((s->count + 1) * sizeof(*at));
	uint8_t digest[SHA256_SIZE];
	uint32_t head[3] = {(uint32_t)ev->kind, ev->flags, 0};
	int64_t event_id = -1;
	bool any = false;

	if (!v || !(v->steps = arena_alloc(&e->arena,
					   (s->count + ev->part_count + 8) * sizeof(*v->steps)))) {
		v = NULL;
		goto out;
	}
	for (uint32_t i = 0; i < s->count; i++)
		at[i] = AT_NONE;
	for (uint32_t k = 0; k < p->fixed_count; k++)
		if (fixed_value(&ev->values[p->fixed[k]]))
			at[p->fixed[k]] = AT_TEXT;

	buffer_char(&fields.text, '{');
	buffer_char(&names, '[');
	for (uint32_t i = 0; i < s->count; i++) {
		uint32_t present = 0, k = i, shown = 0;
		bool list = false;

		if (s->repeats[i])
			continue;
		do {
			present += ev->values[k].type != VALUE_ABSENT;
			list = list || ev->values[k].type == VALUE_LIST;
		} while ((k = s->next_same[k]) != 0);
		if (!present)
			continue;
		if (any) {
			buffer_char(&fields.text, ',');
			buffer_char(&names, ',');
		}
		any = true;
		buffer_view(&fields.text, s->keys[i]);
		text_json_quoted(&names, s->names[i]);
		if (present > 1 && list) {
			k = i;
			do
				at[k] = AT_GROUP;
			while ((k = s->next_same[k]) != 0);
			layout_hole(&fields, v->count);
			v->steps[v->count++] = (struct step){.field = (uint16_t)i,
							     .how = HOW_GROUP,
							     .name = signature_name(s->names[i])};
			continue;
		}
		if (present > 1)
			buffer_char(&fields.text, '[');
		k = i;
		do {
			if (ev->values[k].type == VALUE_ABSENT)
				continue;
			if (shown++)
				buffer_char(&fields.text, ',');
			if (at[k] == AT_TEXT) {
				value_json(&fields.text, &ev->values[k]);
			} else if ((int32_t)k == p->time && mode & KEY_TIME) {
				layout_hole(&fields, at[k] = ROW_TIME);
			} else if ((int32_t)k == p->computer && mode & KEY_HOST) {
				layout_hole(&fields, at[k] = ROW_HOST);
				v->host_name = signature_name(s->names[k]);
			} else {
				layout_hole(&fields, at[k] = (int32_t)v->count);
				v->steps[v->count++] =
					(struct step){.field = (uint16_t)k,
						      .how = HOW_VALUE,
						      .name = signature_name(s->names[k])};
			}
		} while ((k = s->next_same[k]) != 0);
		if (present > 1)
			buffer_char(&fields.text, ']');
	}
	buffer_char(&fields.text, '}');
	buffer_char(&names, ']');

	if (!(mode & KEY_OWN_MESSAGE)) {
		/* event_message, with holes */
		uint32_t n = ev->part_count ? ev->part_count : s->count, shown = 0;

		for (uint32_t i = 0; i < n && (ev->part_count || shown < 8); i++) {
			const struct message_part *part = ev->part_count ? &ev->parts[i] : NULL;
			uint32_t field = part ? (uint32_t)part->field : i;

			if (part && part->field < 0) {
				buffer_view(&message.text, part->text);
				v->said += part->text.len;
				continue;
			}
			if (ev->values[field].type == VALUE_ABSENT && !(part && part->format))
				continue;
			if (!part) {
				if (shown++)
					buffer_append(&message.text, ", ", 2);
				buffer_view(&message.text, s->names[i]);
				buffer_append(&message.text, ": ", 2);
				v->said += s->names[i].len + 4;
			}
			text.len = 0;
			if (part && part->format) {
				if (at[field] == AT_TEXT) {
					part->format(&text, &ev->values[field]);
				} else {
					layout_hole(&message, v->count);
					v->steps[v->count++] = (struct step){.field = (uint16_t)i,
									     .how = HOW_FORMAT,
									     .said = true};
				}
			} else if (at[field] == AT_TEXT) {
				value_append(&text, &ev->values[field]);
			} else if (at[field] < 0) {
				layout_hole(
					&message,
					at[field]); /* the time, the host; AT_GROUP is told below */
				v->said += 64;
			} else {
				v->steps[at[field]].said = true;
				layout_hole(&message, at[field]);
			}
			buffer_view(&message.text, buffer_as_view(&text));
			v->said += text.len;
		}
		for (size_t i = 0; i < message.text.len; i++)
			if ((uint8_t)message.text.data[i] < 0x20)
				message.text.data[i] = ' ';
	}

	text.len = 0;
	if (s->event_id >= 0) {
		uint64_t id;

		value_append(&text, &ev->values[s->event_id]);
		if (view_decimal(buffer_as_view(&text), &id) && id <= UINT32_MAX)
			event_id = (int64_t)id;
	}
	head[2] = v->count;
	buffer_append(&def, head, sizeof(head));
	buffer_append(&def, &event_id, 8);
	put_text(&def, view_text(ev->ts_desc ? ev->ts_desc : ""));
	for (unsigned i = 0; i < 2; i++) {
		int32_t field = i ? s->channel : s->provider;

		text.len = 0;
		if (field >= 0 && ev->values[field].len <= 4096)
			value_append(&text, &ev->values[field]);
		put_text(&def, buffer_as_view(&text));
	}
	put_text(&def, buffer_as_view(&names));
	put_text(&def, layout_done(&fields));
	put_text(&def, mode & KEY_OWN_MESSAGE ? VIEW_EMPTY : layout_done(&message));
	if (!fixed_bits(e, v, p, ev, buffer_as_view(&message.json))) {
		v = NULL;
		goto out;
	}
	sha256(buffer_as_view(&def), digest);
	memcpy(v->hash, digest, ROW_HASH);
	{
		char *d = arena_strndup(&e->arena, def.data, def.len),
		     *k = arena_strndup(&e->arena, e->key.data, e->key.len);

		v->definition = view_of(d, d ? def.len : 0);
		v->key = view_of(k, k ? e->key.len : 0);
		if (!d || !k)
			v = NULL;
	}
out:
	free(at);
	buffer_release(&fields.json);
	buffer_release(&fields.text);
	buffer_release(&message.json);
	buffer_release(&message.text);
	buffer_release(&names);
	buffer_release(&def);
	buffer_release(&text);
	return v;
}

/* Hostile input makes a variant of every event: after so many the encoder starts afresh, and so
 * stays small. */
#define VARIANTS_MAX 20000

static struct variant *variant_of(struct row_encoder *e, struct plan *p, const struct event *ev,
				  bool own_message)
{
	struct variant *v = p->last;
	uint32_t mode;

	make_key(e, p, ev, own_message);
	if (v && v->key.len == e->key.len && memcmp(v->key.data, e->key.data, e->key.len) == 0)
		return v;
	uint64_t h = hash_key(buffer_as_view(&e->key));
	for (v = e->slots[h % SLOTS]; v; v = v->next)
		if (v->key_hash == h && view_equal(v->key, buffer_as_view(&e->key)))
			return p->last = v;
	memcpy(&mode, e->key.data + 12, 4);
	v = make_variant(e, p, ev, mode);
	if (!v)
		return NULL;
	v->key_hash = h;
	v->next = e->slots[h % SLOTS];
	e->slots[h % SLOTS] = v;
	e->variants++;
	return p->last = v;
}

/* The index (from 1) of a text among the block's strings. */
static uint32_t string_index(struct row_encoder *e, struct view text)
{
	size_t slot = hash_key(text) % STRINGS;

	for (; e->table[slot].index; slot = (slot + 1) % STRINGS)
		if (e->table[slot].len == text.len &&
		    memcmp(e->strings.data + e->table[slot].at, text.data, text.len) == 0)
			return e->table[slot].index;
	put32(&e->strings, (uint32_t)text.len);
	e->table[slot].at = (uint32_t)e->strings.len;
	e->table[slot].len = (uint32_t)text.len;
	e->table[slot].index = ++e->string_count;
	buffer_view(&e->strings, text);
	return e->string_count;
}

/* The same for a value; the last one is remembered as it came, because events repeat it. */
static uint32_t value_index(struct row_encoder *e, const struct value *v, uint32_t *at,
			    struct buffer *last, uint32_t *last_type)
{
	if (v->type == VALUE_ABSENT)
		return 0;
	if (*at && *last_type == v->type && spans(v) && last->len == v->len &&
	    (v->len == 0 || memcmp(last->data, v->data, v->len) == 0))
		return *at;
	e->text.len = 0;
	value_append(&e->text, v);
	if (e->text.len > 4096) {
		e->text.len = 4096;
		while (e->text.len && ((uint8_t)e->text.data[e->text.len] & 0xc0) == 0x80)
			e->text.len--;
	}
	*at = string_index(e, buffer_as_view(&e->text));
	last->len = 0;
	*last_type = VALUE_ABSENT;
	if (spans(v)) {
		buffer_append(last, v->data, v->len);
		*last_type = v->type;
	}
	return *at;
}

static int64_t number_of(const struct value *v)
{
	uint64_t n;

	switch ((enum value_type)v->type) {
	case VALUE_UNSIGNED:
	case VALUE_HEX:
	case VALUE_SIGNED:
		return v->u <= INT64_MAX ? (int64_t)v->u : -1;
	case VALUE_UTF8:
	case VALUE_JSON:
		return view_decimal(view_of(v->data, v->len), &n) && n <= INT64_MAX ? (int64_t)n
										    : -1;
	default:
		return -1;
	}
}

/* True when the layout's way of showing this value in a message is value_append's: one line, no
 * brackets. */
static bool plain(struct view json)
{
	const uint8_t *p = json.data, *end = p + json.len;

	if (json.len == 0 || *p != '"')
		return json.len && *p != '[' && *p != '{';
	while ((p = memchr(p, '\\', (size_t)(end - p))) != NULL) {
		if (p + 1 >= end || (p[1] != '\\' && p[1] != '"' && p[1] != '/'))
			return false;
		p += 2;
	}
	return true;
}

static void group_json(struct buffer *out, const struct event *ev, uint32_t first)
{
	const struct shape *s = ev->shape;
	uint32_t i = first, shown = 0;

	buffer_char(out, '[');
	do {
		const struct value *v = &ev->values[i];
		uint32_t n = v->type == VALUE_ABSENT ? 0 : v->type == VALUE_LIST ? v->len : 1;

		for (uint32_t k = 0; k < n; k++) {
			if (shown++)
				buffer_char(out, ',');
			value_json(out, v->type == VALUE_LIST ? &v->list[k] : v);
		}
	} while ((i = s->next_same[i]) != 0);
	buffer_char(out, ']');
}

/* Renders the values; false when the message cannot be made of them. */
static bool render(struct row_encoder *e, const struct variant *v, const struct event *ev)
{
	struct buffer *b = &e->rows;
	size_t said = v->said;
	bool good = true;

	buffer_char(b, '[');
	for (uint32_t i = 0; i < v->count; i++) {
		const struct step *step = &v->steps[i];
		size_t start;

		if (i)
			buffer_char(b, ',');
		start = b->len;
		switch ((enum how)step->how) {
		case HOW_VALUE:
			value_json(b, &ev->values[step->field]);
			break;
		case HOW_GROUP:
			group_json(b, ev, step->field);
			break;
		case HOW_FORMAT:
			e->text.len = 0;
			ev->parts[step->field].format(&e->text,
						      &ev->values[ev->parts[step->field].field]);
			text_json_quoted(b, buffer_as_view(&e->text));
			break;
		}
		if (step->how == HOW_FORMAT)
			signature_add(e->bits, buffer_as_view(&e->text));
		else
			add_value((struct adding){e->bits, step->name, e->seen},
				  view_of((const uint8_t *)b->data + start, b->len - start),
				  &e->text);
		if (step->said) {
			said += b->len - start;
			good = good &&
			       ev->values[step->how == HOW_FORMAT
						  ? (uint32_t)ev->parts[step->field].field
						  : step->field]
					       .type != VALUE_JSON &&
			       plain(view_of(b->data + start, b->len - start));
		}
	}
	buffer_char(b, ']');
	return good && said <= 4096;
}

/* A message part that shows one of several fields of a name that became one value. */
static bool says_group(const struct event *ev)
{
	const struct shape *s = ev->shape;

	if (s->unique)
		return false;
	for (uint32_t i = 0; i < s->count; i++)
		if ((s->repeats[i] || s->next_same[i]) && ev->values[i].type == VALUE_LIST)
			return true;
	return false;
}

int row_encode(struct row_encoder *e, struct buffer *out, const struct event *event)
{
	static const struct shape nothing = {.unique = true,
					     .provider = -1,
					     .channel = -1,
					     .event_id = -1,
					     .computer = -1,
					     .record_id = -1,
					     .process_id = -1,
					     .id = 0};
	struct event ev = *event;
	bool own = ev.message.type != VALUE_ABSENT;
	struct variant *v;
	struct plan *p;
	struct view message = VIEW_EMPTY;
	uint32_t head[5];
	int64_t times[4];
	size_t start, values;

	if (e->row_count >= ROW_BLOCK_ROWS || e->rows.len >= ROW_BLOCK_BYTES ||
	    e->hits.len >= ROW_BLOCK_BYTES)
		block_close(e, out);
	if (e->variants >= VARIANTS_MAX || e->arena.used > LIMIT_ARENA / 4) {
		block_close(e, out);
		forget(e);
	}
	if (!ev.shape)
		ev.shape = &nothing;
	if (!own && says_group(&ev))
		own = true;
	p = plan_of(e, ev.shape);
	if (!p)
		return ERR_LIMIT;
	start = e->rows.len;
	for (;;) {
		v = variant_of(e, p, &ev, own);
		if (!v)
			return ERR_LIMIT;
		buffer_reserve(&e->rows, ROW_HEAD);
		e->rows.len += ROW_HEAD;
		if (own) {
			e->scratch.len = 0;
			event_message(&e->scratch, &ev);
			message = buffer_as_view(&e->scratch);
			buffer_view(&e->rows, message);
		}
		values = e->rows.len;
		if (render(e, v, &ev) || own)
			break;
		e->rows.len = start;
		own = true;
	}
	if (e->rows.len - start > ROW_BLOCK_MAX / 2) {
		e->rows.len = start;
		return ERR_LIMIT;
	}
	if (v->block != e->block) {
		v->block = e->block;
		v->index = e->used_count;
		e->used[e->used_count++] = v;
		for (uint32_t i = 0; i < v->bit_count; i++)
			e->bits[v->bits[i] >> 3] |= (uint8_t)(1u << (v->bits[i] & 7));
	}
	head[0] = v->index;
	head[1] = value_index(e, &ev.host, &e->host_at, &e->last_host, &e->last_host_type);
	head[2] = value_index(e, &ev.user, &e->user_at, &e->last_user, &e->last_user_type);
	head[3] = (uint32_t)message.len;
	head[4] = (uint32_t)(e->rows.len - values);
	times[0] = ev.ts;
	times[1] = (int64_t)ev.record;
	times[2] = (int64_t)ev.offset;
	times[3] = p->process >= 0 ? number_of(&ev.values[p->process]) : -1;
	memcpy(e->rows.data + start, head, 20);
	memcpy(e->rows.data + start + 20, times, 32);
	e->row_count++;
	if (v->host_name && head[1] && (v->host_block != e->block || v->host_index != head[1])) {
		e->text.len = 0;
		value_append(&e->text, &ev.host);
		signature_add_term(e->bits, signature_term(v->host_name, buffer_as_view(&e->text)));
		v->host_block = e->block;
		v->host_index = head[1];
	}
	signature_add(e->bits, message);
	return OK;
}

void row_encode_hit(struct row_encoder *e, const struct row_hit *hit)
{
	if (e->row_count == 0)
		return;
	put32(&e->hits, e->row_count - 1);
	put32(&e->hits, hit->silent);
	put_text(&e->hits, hit->rule_id);
	put_text(&e->hits, hit->title);
	put_text(&e->hits, hit->level);
	put_text(&e->hits, hit->tags);
	put_text(&e->hits, hit->path);
	put_text(&e->hits, hit->matched);
	put_text(&e->hits, hit->correlated);
	e->hit_count++;
}

void row_encoder_end(struct row_encoder *e, struct buffer *out)
{
	block_close(e, out);
}

/* ---- decoder ---- */

static bool take32(struct view *v, uint32_t *out)
{
	if (!view_u32le(*v, 0, out))
		return false;
	*v = view_from(*v, 4);
	return true;
}

static bool take_bytes(struct view *v, size_t n, struct view *out)
{
	if (n > v->len)
		return false;
	*out = view_of(v->data, n);
	*v = view_from(*v, n);
	return true;
}

static bool take_text(struct view *v, struct view *out)
{
	uint32_t n;

	return take32(v, &n) && take_bytes(v, n, out) && text_is_utf8(*out);
}

/* Layouts of one shape, checked: whatever the values, `fields` is one JSON object. */
static bool shape_valid(const struct row_shape *s)
{
	struct arena arena = {0};
	struct row_part *parts;
	struct buffer text = {0};
	struct view spans_of[2];
	size_t count;
	bool good = false;

	if (s->kind >= KIND_COUNT || s->values > 2 * LIMIT_EVENT_FIELDS ||
	    row_values(s->names, NULL, 0) < 0 ||
	    !row_layout(&arena, s->layout, s->values, &parts, &count))
		goto out;
	buffer_char(&text, '[');
	for (size_t i = 0; i < count; i++) {
		if (parts[i].hole == ROW_NO_HOLE)
			buffer_view(&text, parts[i].text);
		else
			buffer_char(&text, '0');
	}
	buffer_char(&text, ']');
	if (row_values(buffer_as_view(&text), spans_of, 1) != 1 || spans_of[0].data[0] != '{')
		goto out;
	if (s->message.len && !row_layout(&arena, s->message, s->values, &parts, &count))
		goto out;
	good = true;
out:
	buffer_release(&text);
	arena_release(&arena);
	return good;
}

static bool open_shape(struct view *v, struct row_shape *s)
{
	struct view hash, def;
	uint8_t digest[SHA256_SIZE];
	uint32_t n;

	memset(s, 0, sizeof(*s));
	if (!take_bytes(v, ROW_HASH, &hash) || !take32(v, &n) || !take_bytes(v, n, &def))
		return false;
	memcpy(s->hash, hash.data, ROW_HASH);
	if (n == 0)
		return true;
	/* Content-addressed: no stream can define what another one means by a hash. */
	sha256(def, digest);
	if (memcmp(digest, s->hash, ROW_HASH) != 0 || def.len < 20)
		return false;
	s->defined = true;
	s->kind = view_get32(def, 0);
	s->flags = view_get32(def, 4);
	s->values = view_get32(def, 8);
	s->event_id = (int64_t)view_get64(def, 12);
	def = view_from(def, 20);
	return take_text(&def, &s->ts_desc) && take_text(&def, &s->provider) &&
	       take_text(&def, &s->channel) && take_text(&def, &s->names) &&
	       take_text(&def, &s->layout) && take_text(&def, &s->message) && def.len == 0 &&
	       shape_valid(s);
}

int row_block_open(struct row_block *b, struct view *bytes)
{
	uint32_t size, signature;
	struct view v;

	if (bytes->len == 0)
		return ERR_NOT_FOUND;
	if (!view_u32le(*bytes, 0, &size) || size < HEAD_SIZE || size > bytes->len ||
	    view_get32(*bytes, 4) != ROW_MAGIC)
		return ERR_FORMAT;
	v = view_sub(*bytes, 0, size);
	*bytes = view_from(*bytes, size);
	b->shape_count = view_get32(v, 8);
	b->string_count = view_get32(v, 12);
	b->row_count = view_get32(v, 16);
	b->hit_count = view_get32(v, 20);
	signature = view_get32(v, 24);
	b->read = b->read_hits = 0;
	v = view_from(v, HEAD_SIZE);
	if (signature > ROW_SIGNATURE_MAX || signature > v.len || b->row_count > ROW_BLOCK_ROWS ||
	    b->shape_count > ROW_BLOCK_ROWS || b->string_count > 2 * ROW_BLOCK_ROWS)
		return ERR_FORMAT;
	b->signature = view_sub(v, v.len - signature, signature);
	v.len -= signature;
	b->shapes = xgrow(b->shapes, &b->shape_cap, (size_t)b->shape_count + 1, sizeof(*b->shapes));
	b->strings =
		xgrow(b->strings, &b->string_cap, (size_t)b->string_count + 1, sizeof(*b->strings));
	for (uint32_t i = 0; i < b->shape_count; i++)
		if (!open_shape(&v, &b->shapes[i]))
			return ERR_FORMAT;
	for (uint32_t i = 0; i < b->string_count; i++)
		if (!take_text(&v, &b->strings[i]) || b->strings[i].len > 4096)
			return ERR_FORMAT;
	b->rest = v;
	return OK;
}

int row_block_next(struct row_block *b, const uint32_t *values, struct row *row)
{
	uint32_t head[5];
	int64_t times[4];
	struct view v;

	if (b->read == b->row_count) {
		b->hits = b->rest;
		return 0;
	}
	if (!view_has(b->rest, 0, ROW_HEAD))
		return ERR_FORMAT;
	memcpy(head, b->rest.data, 20);
	memcpy(times, b->rest.data + 20, 32);
	v = view_from(b->rest, ROW_HEAD);
	if (head[0] >= b->shape_count || head[1] > b->string_count || head[2] > b->string_count ||
	    !take_bytes(&v, head[3], &row->message) || !take_bytes(&v, head[4], &row->values) ||
	    (row->message.len && !text_is_utf8(row->message)) ||
	    row_values(row->values, NULL, 0) != (int64_t)values[head[0]] || times[3] < -1)
		return ERR_FORMAT;
	row->shape = head[0];
	row->host_index = head[1];
	row->user_index = head[2];
	row->host = head[1] ? b->strings[head[1] - 1] : VIEW_EMPTY;
	row->user = head[2] ? b->strings[head[2] - 1] : VIEW_EMPTY;
	row->ts = times[0];
	row->record = (uint64_t)times[1];
	row->offset = (uint64_t)times[2];
	row->process = times[3];
	b->rest = v;
	b->read++;
	return 1;
}

int row_block_hit(struct row_block *b, uint32_t *index, struct row_hit *hit)
{
	uint32_t silent, n;

	if (b->read_hits == b->hit_count)
		return b->hits.len == 0 ? 0 : ERR_FORMAT;
	if (!take32(&b->hits, index) || *index >= b->row_count || !take32(&b->hits, &silent) ||
	    !take_text(&b->hits, &hit->rule_id) || !take_text(&b->hits, &hit->title) ||
	    !take_text(&b->hits, &hit->level) || !take_text(&b->hits, &hit->tags) ||
	    !take_text(&b->hits, &hit->path) || !take_text(&b->hits, &hit->matched) ||
	    !take32(&b->hits, &n) || !take_bytes(&b->hits, n, &hit->correlated) ||
	    row_values(hit->tags, NULL, 0) < 0 || row_values(hit->matched, NULL, 0) < 0)
		return ERR_FORMAT;
	hit->silent = silent != 0;
	b->read_hits++;
	return 1;
}

void row_block_release(struct row_block *b)
{
	free(b->shapes);
	free(b->strings);
	memset(b, 0, sizeof(*b));
}

/* ---- JSON ---- */

/* Past the closing quote of the string whose inside begins at p, or NULL. */
static const uint8_t *skip_string(const uint8_t *p, const uint8_t *end)
{
	for (;;) {
#if defined(__SSE2__)
		while (end - p >= 16) {
			__m128i v = _mm_loadu_si128((const __m128i *)(const void *)p);
			/* Signed: below 0x20 takes in 0x80 and above, which need a look anyway. */
			__m128i odd =
				_mm_or_si128(_mm_cmplt_epi8(v, _mm_set1_epi8(0x20)),
					     _mm_or_si128(_mm_cmpeq_epi8(v, _mm_set1_epi8('"')),
							  _mm_cmpeq_epi8(v, _mm_set1_epi8('\\'))));
			unsigned mask = (unsigned)_mm_movemask_epi8(odd);

			if (mask) {
				p += __builtin_ctz(mask);
				break;
			}
			p += 16;
		}
#endif
		if (p >= end)
			return NULL;
		if (*p == '"')
			return p + 1;
		if (*p < 0x20)
			return NULL;
		if (*p == '\\') {
			if (end - p < 2)
				return NULL;
			switch (p[1]) {
			case '"':
			case '\\':
			case '/':
			case 'b':
			case 'f':
			case 'n':
			case 'r':
			case 't':
				p += 2;
				continue;
			case 'u':
				if (end - p < 6)
					return NULL;
				for (unsigned i = 2; i < 6; i++)
					if (!((p[i] >= '0' && p[i] <= '9') ||
					      ((p[i] | 0x20) >= 'a' && (p[i] | 0x20) <= 'f')))
						return NULL;
				p += 6;
				continue;
			default:
				return NULL;
			}
		}
		if (*p < 0x80) {
			p++;
			continue;
		}
		/* UTF-8, RFC 3629 section 4 */
		if (*p >= 0xc2 && *p <= 0xdf && end - p >= 2 && (p[1] & 0xc0) == 0x80) {
			p += 2;
		} else if ((*p & 0xf0) == 0xe0 && end - p >= 3 && (p[1] & 0xc0) == 0x80 &&
			   (p[2] & 0xc0) == 0x80 && !(*p == 0xe0 && p[1] < 0xa0) &&
			   !(*p == 0xed && p[1] > 0x9f)) {
			p += 3;
		} else if (*p >= 0xf0 && *p <= 0xf4 && end - p >= 4 && (p[1] & 0xc0) == 0x80 &&
			   (p[2] & 0xc0) == 0x80 && (p[3] & 0xc0) == 0x80 &&
			   !(*p == 0xf0 && p[1] < 0x90) && !(*p == 0xf4 && p[1] > 0x8f)) {
			p += 4;
		} else {
			return NULL;
		}
	}
}

/* Past the number (RFC 8259 section 6), or NULL. */
static const uint8_t *skip_number(const uint8_t *p, const uint8_t *end)
{
#define DIGIT(p) ((p) < end && *(p) >= '0' && *(p) <= '9')
	if (*p == '-')
		p++;
	if (!DIGIT(p))
		return NULL;
	if (*p == '0') {
		p++;
	} else {
		while (DIGIT(p))
			p++;
	}
	if (p < end && *p == '.') {
		if (!DIGIT(p + 1))
			return NULL;
		for (p++; DIGIT(p); p++)
			;
	}
	if (p < end && (*p | 0x20) == 'e') {
		p++;
		if (p < end && (*p == '+' || *p == '-'))
			p++;
		if (!DIGIT(p))
			return NULL;
		while (DIGIT(p))
			p++;
	}
#undef DIGIT
	return p;
}

#define JSON_DEPTH 128

int64_t row_values(struct view json, struct view *spans_out, size_t max)
{
	const uint8_t *p = json.data, *end = p + json.len, *start = NULL;
	bool object[JSON_DEPTH];
	size_t depth = 0;
	int64_t count = 0;
	enum { VALUE, VALUE_OR_CLOSE, KEY, KEY_OR_CLOSE, AFTER } want = VALUE_OR_CLOSE;

#define BLANKS                                                                                     \
	while (p < end && (*p == ' ' || *p == '\t' || *p == '\n' || *p == '\r'))                   \
	p++
	BLANKS;
	if (p >= end || *p != '[')
		return -1;
	object[depth++] = false;
	p++;
	for (;;) {
		BLANKS;
		if (p >= end)
			return -1;
		if (want == AFTER) {
			if (*p == ',') {
				p++;
				want = object[depth - 1] ? KEY : VALUE;
				continue;
			}
			if (*p != (object[depth - 1] ? '}' : ']'))
				return -1;
			goto close;
		}
		if (want == KEY || want == KEY_OR_CLOSE) {
			if (*p == '}' && want == KEY_OR_CLOSE)
				goto close;
			if (*p != '"' || !(p = skip_string(p + 1, end)))
				return -1;
			BLANKS;
			if (p >= end || *p++ != ':')
				return -1;
			want = VALUE;
			continue;
		}
		if (*p == ']' && want == VALUE_OR_CLOSE)
			goto close;
		if (depth == 1)
			start = p;
		want = AFTER;
		switch (*p) {
		case '"':
			p = skip_string(p + 1, end);
			break;
		case '[':
		case '{':
			if (depth == JSON_DEPTH)
				return -1;
			object[depth++] = *p == '{';
			want = *p == '{' ? KEY_OR_CLOSE : VALUE_OR_CLOSE;
			p++;
			continue;
		case 't':
			p = end - p >= 4 && memcmp(p, "true", 4) == 0 ? p + 4 : NULL;
			break;
		case 'f':
			p = end - p >= 5 && memcmp(p, "false", 5) == 0 ? p + 5 : NULL;
			break;
		case 'n':
			p = end - p >= 4 && memcmp(p, "null", 4) == 0 ? p + 4 : NULL;
			break;
		default:
			p = skip_number(p, end);
		}
		if (!p)
			return -1;
		if (depth == 1) {
			if ((size_t)count < max)
				spans_out[count] = view_of(start, (size_t)(p - start));
			count++;
		}
		continue;
	close:
		p++;
		want = AFTER;
		if (--depth == 0)
			break;
		if (depth == 1) {
			if ((size_t)count < max)
				spans_out[count] = view_of(start, (size_t)(p - start));
			count++;
		}
	}
	BLANKS;
#undef BLANKS
	return p == end ? count : -1;
}

static uint32_t hex4(const uint8_t *p)
{
	uint32_t n = 0;

	for (unsigned i = 0; i < 4; i++)
		n = n << 4 | (uint32_t)(p[i] <= '9' ? p[i] - '0' : (p[i] | 0x20) - 'a' + 10);
	return n;
}

void row_unescape(struct buffer *out, struct view json)
{
	const uint8_t *p = json.data + 1, *end = json.data + json.len - 1;

	if (json.len < 2)
		return;
	while (p < end) {
		const uint8_t *slash = memchr(p, '\\', (size_t)(end - p));
		uint8_t utf8[4];
		uint32_t code;

		if (!slash)
			slash = end;
		buffer_append(out, p, (size_t)(slash - p));
		p = slash;
		if (end - p < 2)
			break;
		switch (p[1]) {
		case 'b':
			buffer_char(out, '\b');
			break;
		case 'f':
			buffer_char(out, '\f');
			break;
		case 'n':
			buffer_char(out, '\n');
			break;
		case 'r':
			buffer_char(out, '\r');
			break;
		case 't':
			buffer_char(out, '\t');
			break;
		case 'u':
			if (end - p < 6)
				return;
			code = hex4(p + 2);
			p += 4;
			if (code >= 0xd800 && code < 0xdc00 && end - p >= 8 && p[2] == '\\' &&
			    p[3] == 'u') {
				uint32_t low = hex4(p + 4);

				if (low >= 0xdc00 && low < 0xe000) {
					code = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
					p += 6;
				}
			}
			buffer_append(out, utf8, text_encode(code, utf8));
			break;
		default:
			buffer_char(out, (char)p[1]);
		}
		p += 2;
	}
}

bool row_each_text(struct view json, struct buffer *scratch,
		   bool (*each)(void *data, struct view text), void *data)
{
	if (json.len && json.data[0] == '"') {
		scratch->len = 0;
		row_unescape(scratch, json);
		return each(data, buffer_as_view(scratch));
	}
	if (json.len && json.data[0] == '[') {
		int64_t n = row_values(json, NULL, 0);
		struct view *items = n > 0 ? xmalloc((size_t)n * sizeof(*items)) : NULL;
		bool any = false;

		if (n > 0)
			(void)row_values(json, items, (size_t)n);
		for (int64_t i = 0; i < n && !any; i++) /* arrays in arrays: by their JSON only */
			any = items[i].data[0] == '['
				      ? each(data, items[i])
				      : row_each_text(items[i], scratch, each, data);
		free(items);
		if (any)
			return true;
	}
	return each(data, json);
}

bool row_layout(struct arena *a, struct view json, uint32_t values, struct row_part **parts,
		size_t *count)
{
	size_t max = 4 * LIMIT_EVENT_FIELDS + 16;
	struct view *items = xmalloc(max * sizeof(*items));
	struct buffer text = {0};
	int64_t n = row_values(json, items, max);
	bool good = false;

	if (n < 0 || (size_t)n > max || !(*parts = arena_alloc(a, (size_t)n * sizeof(**parts) + 1)))
		goto out;
	for (int64_t i = 0; i < n; i++) {
		struct row_part *part = &(*parts)[i];
		struct view v = items[i];

		*part = (struct row_part){.hole = ROW_NO_HOLE};
		if (v.data[0] == '"') {
			char *copy;

			text.len = 0;
			row_unescape(&text, v);
			if (!(copy = arena_strndup(a, text.data, text.len)))
				goto out;
			part->text = view_of(copy, text.len);
		} else {
			bool minus = v.data[0] == '-';
			uint64_t number;

			if (!view_decimal(view_from(v, minus), &number) ||
			    (minus ? number - 1 > 1 : number >= values))
				goto out;
			part->hole = minus ? -(int32_t)number : (int32_t)number;
		}
	}
	*count = (size_t)n;
	good = true;
out:
	free(items);
	buffer_release(&text);
	return good;
}
