#include "detect/internal.h"

#include "base/text.h"

#include <stdio.h>
#include <stdlib.h>

/* ---- contexts: what is the same for all events of a kind ---- */

static void key_value(struct buffer *key, const struct event *e, int32_t index)
{
	const struct value *v = index < 0 ? NULL : &e->values[index];
	uint32_t head[2] = {v ? v->type : VALUE_ABSENT, 0};

	if (!v || v->type == VALUE_ABSENT) {
		buffer_append(key, head, sizeof(head));
		return;
	}
	if (v->type == VALUE_UTF8 || v->type == VALUE_UTF16 || v->type == VALUE_JSON) {
		head[1] = v->len;
		buffer_append(key, head, sizeof(head));
		buffer_append(key, v->data, v->len);
	} else if (v->type == VALUE_UNSIGNED || v->type == VALUE_SIGNED || v->type == VALUE_HEX ||
		   v->type == VALUE_BOOL) {
		head[1] = 8;
		buffer_append(key, head, sizeof(head));
		buffer_append(key, &v->u, 8);
	} else {
		size_t at = key->len;

		buffer_append(key, head, sizeof(head));
		value_append(key, v);
		head[1] = (uint32_t)(key->len - at - sizeof(head));
		memcpy(key->data + at, head, sizeof(head));
	}
}

static const char *parser_of(const struct event *e, const struct event_origin *origin)
{
	if (e->parser)
		return e->parser;
	return origin && origin->parser ? origin->parser : "";
}

static void key_make(struct engine_state *s, const struct event *e,
		     const struct event_origin *origin)
{
	static const struct shape none = {.provider = -1, .channel = -1, .event_id = -1};
	const struct shape *shape = e->shape ? e->shape : &none;

	s->context_key.len = 0;
	if (shape->channel >= 0 || shape->provider >= 0) {
		buffer_char(&s->context_key, 'c');
		key_value(&s->context_key, e, shape->channel);
		key_value(&s->context_key, e, shape->provider);
		key_value(&s->context_key, e, shape->event_id);
	} else {
		const char *parser = parser_of(e, origin);
		uint32_t kind = e->kind;

		buffer_char(&s->context_key, 'k');
		buffer_append(&s->context_key, &kind, sizeof(kind));
		key_value(&s->context_key, e, shape->event_id);
		buffer_string(&s->context_key, parser);
	}
}

static bool any_glob(const struct texts *list, struct view text)
{
	for (uint32_t i = 0; i < list->count; i++)
		if (view_glob(text, list->items[i]))
			return true;
	return false;
}

/* System's own value where a name stands again in the event's data: read back, both are one list. */
static void append_first(struct buffer *out, const struct value *v)
{
	value_append(out, v->type == VALUE_LIST && v->len ? v->list : v);
}

static bool source_fits(const struct source *source, const struct event *e,
			const struct event_origin *origin, struct engine_state *s)
{
	const struct shape *shape = e->shape;
	bool logged = shape && (shape->channel >= 0 || shape->provider >= 0);
	struct buffer *b = &s->scratch_text;
	uint64_t id = 0;

	if (source->channel.count || source->provider.count) {
		bool fits = false;

		if (!logged)
			return false;
		b->len = 0;
		if (shape->channel >= 0)
			append_first(b, &e->values[shape->channel]);
		if (b->len) {
			fits = !source->channel.count ||
			       any_glob(&source->channel, buffer_as_view(b));
			if (fits && source->provider.count) {
				b->len = 0;
				if (shape->provider >= 0)
					append_first(b, &e->values[shape->provider]);
				fits = any_glob(&source->provider, buffer_as_view(b));
			}
		} else if (source->provider
				   .count) { /* a record without a channel: its provider alone */
			b->len = 0;
			if (shape->provider >= 0)
				append_first(b, &e->values[shape->provider]);
			fits = any_glob(&source->provider, buffer_as_view(b));
		}
		if (!fits)
			return false;
	} else if (logged) {
		return false;
	}
	if (source->event_id_count) {
		bool fits = false;

		if (!shape || shape->event_id < 0)
			return false;
		b->len = 0;
		append_first(b, &e->values[shape->event_id]);
		if (!view_decimal(view_trim(buffer_as_view(b)), &id))
			return false;
		for (uint32_t i = 0; i < source->event_id_count; i++)
			fits |= source->event_ids[i] == id;
		if (!fits)
			return false;
	}
	if (source->kind.count && !any_glob(&source->kind, view_text(event_kind_text(e->kind))))
		return false;
	if (source->parser.count && !any_glob(&source->parser, view_text(parser_of(e, origin))))
		return false;
	for (uint32_t i = 0; i < source->has.count; i++)
		if (!shape || shape_find(shape, view_text(source->has.items[i])) < 0)
			return false;
	return true;
}

enum truth { FALSE, TRUE, OPEN };

/* Truth as far as the leaves that are known tell. */
static enum truth partial(struct engine_state *s, const struct node *n,
			  enum truth (*leaf)(struct engine_state *s, uint32_t predicate))
{
	enum truth kid, all = TRUE, one = FALSE;
	uint32_t yes = 0, open = 0;

	switch ((enum node_type)n->type) {
	case NODE_PREDICATE:
		return leaf(s, n->predicate);
	case NODE_SELECTION:
		return partial(s, n->kids[0], leaf);
	case NODE_NOT:
		kid = partial(s, n->kids[0], leaf);
		return kid == OPEN ? OPEN : kid == TRUE ? FALSE : TRUE;
	case NODE_NEVER:
		return FALSE;
	case NODE_AND:
		for (uint32_t i = 0; i < n->count; i++) {
			kid = partial(s, n->kids[i], leaf);
			if (kid == FALSE)
				return FALSE;
			if (kid == OPEN)
				all = OPEN;
		}
		return all;
	case NODE_OR:
		for (uint32_t i = 0; i < n->count; i++) {
			kid = partial(s, n->kids[i], leaf);
			if (kid == TRUE)
				return TRUE;
			if (kid == OPEN)
				one = OPEN;
		}
		return one;
	case NODE_COUNT:
		for (uint32_t i = 0; i < n->count; i++) {
			kid = partial(s, n->kids[i], leaf);
			yes += kid == TRUE;
			open += kid == OPEN;
		}
		return yes >= n->need ? TRUE : yes + open >= n->need ? OPEN : FALSE;
	}
	return OPEN;
}

/* What the context's constants decide. */
static enum truth constant_leaf(struct engine_state *s, uint32_t predicate)
{
	const struct predicate *p = &s->engine->set->predicates[predicate];

	if (p->field == FIELD_ANY || !s->engine->fields[p->field].constant ||
	    p->type == PREDICATE_FIELDREF)
		return OPEN;
	return predicate_eval(s, predicate) ? TRUE : FALSE;
}

/* What the scan alone decides: the same for all events with the same findings. */
static enum truth found_leaf(struct engine_state *s, uint32_t predicate)
{
	if (s->mark[predicate] == MARK_TRUE)
		return TRUE;
	return s->mark[predicate] == MARK_UNKNOWN && s->engine->how[predicate] != HOW_LAZY ? FALSE
											   : OPEN;
}

static void context_free(struct context *c)
{
	free(c->key);
	free(c->slot_of_field);
	free(c->slots);
	free(c->plans);
	free(c->plan_fields);
	free(c->loose);
	free(c->relevant);
	free(c->constant);
	free(c->rules);
	free(c->always);
	free(c->rule_sources);
	free(c);
}

static void contexts_drop(struct engine_state *s)
{
	for (uint32_t i = 0; i < CONTEXT_SLOTS; i++) {
		while (s->contexts[i]) {
			struct context *c = s->contexts[i];

			s->contexts[i] = c->next;
			context_free(c);
		}
	}
	s->context_count = 0;
	s->last = NULL;
}

static void event_begin(struct engine_state *s, const struct event *e,
			const struct event_origin *origin)
{
	s->event = e;
	s->origin = origin;
	if (++s->serial == 0) {
		memset(s->lists, 0, (s->engine->list_count + 1) * sizeof(*s->lists));
		s->serial = 1;
	}
	s->raw.len = s->folded.len = 0;
	s->text_count = 0;
	s->matched_count = 0;
}

/* Forgets what was found of the event, so that the next one starts clean. */
static void event_end(struct engine_state *s)
{
	const struct context *c = s->context;
	size_t n = c ? (size_t)c->slot_count + 1 : 0;

	for (size_t i = 0; i < s->touched_count; i++)
		s->mark[s->touched[i]] = MARK_UNKNOWN;
	s->touched_count = 0;
	if (n > s->list_cap)
		n = s->list_cap;
	if (n) {
		memset(s->raw_list, 0, n * sizeof(*s->raw_list));
		memset(s->folded_list, 0, n * sizeof(*s->folded_list));
	}
	s->event = NULL;
	/* One huge event must not keep its memory for ever. */
	if (s->raw.cap > 4u << 20)
		buffer_release(&s->raw);
	if (s->folded.cap > 4u << 20)
		buffer_release(&s->folded);
}

/* The fields that a source's condition looks at: no rule may want them, and they are scanned all the same. */
static void want_fields(const struct ruleset *set, const struct node *n, uint8_t *wanted)
{
	if (n->type == NODE_PREDICATE)
		wanted[set->predicates[n->predicate].field] = 1;
	for (uint32_t i = 0; i < n->count; i++)
		want_fields(set, n->kids[i], wanted);
}

static void want_predicates(const struct engine *e, const struct node *n, struct context *c)
{
	if (n->type == NODE_PREDICATE) {
		c->relevant[n->predicate / 64] |= UINT64_C(1) << (n->predicate % 64);
		if (e->set->predicates[n->predicate].field == FIELD_ANY)
			c->any_plain |= e->plain_predicates[n->predicate];
	}
	for (uint32_t i = 0; i < n->count; i++)
		want_predicates(e, n->kids[i], c);
}

struct planned {
	int32_t index;
	uint32_t field;
};

static int by_index(const void *a, const void *b)
{
	const struct planned *x = a, *y = b;

	if (x->index != y->index)
		return x->index < y->index ? -1 : 1;
	return x->field < y->field ? -1 : x->field > y->field;
}

/*
 * Which values to scan, each for which fields. A value that several fields are made of, or keywords
 * are looked for in, is then met once an event.
 */
static void plan(struct engine_state *s, struct context *c, const uint8_t *wanted)
{
	const struct engine *e = s->engine;
	const struct event *event = s->event;
	uint32_t values = event->shape ? event->shape->count : 0;
	struct planned *list = NULL;
	size_t count = 0, cap = 0;

	c->loose = xcalloc(e->set->field_count + 1, sizeof(*c->loose));
	for (uint32_t f = 0; f < e->set->field_count; f++) {
		const struct slot *slot;
		uint32_t sources = 0;
		int32_t at = SLOT_NONE;

		if (!wanted[f] || !e->fields[f].scanned)
			continue;
		if (f == FIELD_ANY) {
			for (uint32_t i = 0; i < values; i++) {
				list = xgrow(list, &cap, count + 1, sizeof(*list));
				list[count++] = (struct planned){(int32_t)i, f};
			}
			if (!c->has_channel) {
				list = xgrow(list, &cap, count + 1, sizeof(*list));
				list[count++] = (struct planned){SLOT_MESSAGE, f};
			}
			continue;
		}
		(void)slot_resolve(s, c, f); /* may move the slots */
		slot = &c->slots[c->slot_of_field[f] - 1];
		at = slot->index;
		if (at == SLOT_NONE)
			continue;
		if (at == SLOT_DERIVED) {
			for (uint32_t i = 0; i < 8; i++) {
				if (slot->from[i] < 0)
					continue;
				sources++;
				at = slot->from[i];
			}
			if (sources != 1) {
				c->loose[c->loose_count++] = f;
				continue;
			}
		}
		for (;;) {
			list = xgrow(list, &cap, count + 1, sizeof(*list));
			list[count++] = (struct planned){at, f};
			if (at < 0 || sources || !event->shape->next_same[at])
				break;
			at = (int32_t)event->shape->next_same[at];
		}
	}
	if (count)
		qsort(list, count, sizeof(*list), by_index);
	c->plans = xcalloc(count + 1, sizeof(*c->plans));
	c->plan_fields = xcalloc(count + 1, sizeof(*c->plan_fields));
	for (size_t i = 0, fields = 0; i < count; i++) {
		struct plan *p = c->plan_count ? &c->plans[c->plan_count - 1] : NULL;

		if (!p || p->index != list[i].index) {
			const struct shape *shape = event->shape;

			p = &c->plans[c->plan_count++];
			p->index = list[i].index;
			p->first = (uint32_t)fields;
			/* A list's key is its text: two lists may have one. */
			p->constant = p->index >= 0 && event->values[p->index].type != VALUE_LIST &&
				      (p->index == shape->event_id ||
				       (c->has_channel && (p->index == shape->channel ||
							   p->index == shape->provider)));
		}
		if (list[i].field == FIELD_ANY) {
			p->any = true;
		} else {
			c->plan_fields[fields++] = list[i].field;
			p->count++;
		}
	}
	free(list);
}

static void scan_constants(struct engine_state *s, struct context *c);

static struct context *context_make(struct engine_state *s, uint64_t hash)
{
	const struct engine *e = s->engine;
	const struct ruleset *set = e->set;
	struct context *c = xcalloc(1, sizeof(*c));
	uint8_t *wanted = xcalloc(set->field_count + 1, 1);

	c->hash = hash;
	c->shape_hash = s->event->shape ? s->event->shape->hash : 0;
	c->shape_count = s->event->shape ? s->event->shape->count : 0;
	c->key = (uint8_t *)xmemdup0(s->context_key.data, s->context_key.len);
	c->key_len = s->context_key.len;
	c->has_channel = s->event->shape &&
			 (s->event->shape->channel >= 0 || s->event->shape->provider >= 0);
	c->slot_of_field = xcalloc(set->field_count + 1, sizeof(*c->slot_of_field));
	c->rules = xcalloc(e->words + 1, sizeof(*c->rules));
	c->always = xcalloc(e->words + 1, sizeof(*c->always));
	s->context = c;
	for (size_t i = 0; i < e->mapping->count && c->source_count < CONTEXT_SOURCES; i++) {
		const struct source *source = e->mapping->sources[i];

		if (!source_fits(source, s->event, s->origin, s))
			continue;
		c->sources[c->source_count] = source;
		if (e->guards[i].node) {
			c->guarded = true;
			want_fields(set, e->guards[i].node, wanted);
		}
		for (uint32_t w = 0; w < e->words; w++)
			c->rules[w] |= e->source_rules[i][w];
		c->source_count++;
	}
	/* Aliases may make a constant field, too, so that all sources are known before rules are looked at. */
	for (uint32_t w = 0; w < e->words; w++) {
		for (uint64_t bits = c->rules[w]; bits; bits &= bits - 1) {
			uint32_t r = w * 64 + (uint32_t)__builtin_ctzll(bits);

			if (partial(s, set->rules[r]->condition, constant_leaf) == FALSE) {
				c->rules[w] &= ~(UINT64_C(1) << (r % 64));
				continue;
			}
			for (uint32_t k = 0; k < e->rule_fields[r].count; k++)
				wanted[e->rule_field[e->rule_fields[r].first + k]] = 1;
		}
		c->always[w] = c->rules[w] & e->uncovered[w];
	}
	for (uint32_t i = 0; i < c->source_count; i++)
		for (uint32_t k = 0; k < c->sources[i]->where_count; k++)
			wanted[ruleset_field_find(set, c->sources[i]->where[k].field)] = 1;
	if (c->guarded) {
		c->rule_sources = xcalloc(set->rule_count + 1, sizeof(*c->rule_sources));
		for (uint32_t i = 0; i < c->source_count; i++)
			for (uint32_t r = 0; r < set->rule_count; r++)
				if (e->source_rules[c->sources[i]->index][r / 64] >> (r % 64) & 1)
					c->rule_sources[r] |= UINT32_C(1) << i;
	}
	c->serial = ++s->serials;
	c->relevant = xcalloc(set->predicate_count / 64 + 1, sizeof(*c->relevant));
	for (uint32_t w = 0; w < e->words; w++)
		for (uint64_t bits = c->rules[w]; bits; bits &= bits - 1)
			want_predicates(
				e, set->rules[w * 64 + (uint32_t)__builtin_ctzll(bits)]->condition,
				c);
	for (uint32_t i = 0; i < c->source_count; i++)
		if (e->guards[c->sources[i]->index].node)
			want_predicates(e, e->guards[c->sources[i]->index].node, c);
	plan(s, c, wanted);
	scan_constants(s, c);
	free(wanted);
	return c;
}

static struct context *context_find(struct engine_state *s, const struct event *e,
				    const struct event_origin *origin)
{
	uint64_t hash, shape_hash = e->shape ? e->shape->hash : 0;
	uint32_t count = e->shape ? e->shape->count : 0;
	struct context *c;

	key_make(s, e, origin);
	c = s->last;
	if (c && c->shape_hash == shape_hash && c->shape_count == count &&
	    c->key_len == s->context_key.len &&
	    memcmp(c->key, s->context_key.data, s->context_key.len) == 0)
		return c;
	hash = hash_of(shape_hash, s->context_key.data, s->context_key.len);
	for (c = s->contexts[hash % CONTEXT_SLOTS]; c; c = c->next)
		if (c->hash == hash && c->shape_hash == shape_hash && c->shape_count == count &&
		    c->key_len == s->context_key.len &&
		    memcmp(c->key, s->context_key.data, s->context_key.len) == 0)
			return s->last = c;
	if (s->context_count >= CONTEXT_MAX)
		contexts_drop(s);
	c = context_make(s, hash);
	c->next = s->contexts[hash % CONTEXT_SLOTS];
	s->contexts[hash % CONTEXT_SLOTS] = c;
	s->context_count++;
	return s->last = c;
}

/* ---- scanning ---- */

static inline void find(struct engine_state *s, uint32_t predicate)
{
	if (s->epochs[predicate] == s->epoch ||
	    (s->relevant && !(s->relevant[predicate / 64] >> (predicate % 64) & 1)))
		return;
	s->epochs[predicate] = s->epoch;
	s->finds[s->find_count++] = predicate;
}

struct scan {
	struct engine_state *s;
	size_t len;
};

static int on_literal(unsigned id, unsigned long long from, unsigned long long to, unsigned flags,
		      void *data)
{
	const struct scan *scan = data;
	const struct engine *e = scan->s->engine;
	const struct literal *l = &e->literals[id];

	(void)from;
	(void)flags;
	for (uint32_t i = 0; i < l->use_count; i++) {
		const struct use *u = &e->uses[l->use_first + i];

		if (u->anchor == ANCHOR_INSIDE ||
		    (u->anchor == ANCHOR_START && to == l->text.len) ||
		    (u->anchor == ANCHOR_END && to == scan->len))
			find(scan->s, u->predicate);
	}
	return 0;
}

static void find_whole(struct engine_state *s, uint32_t field, struct view text, bool number)
{
	const struct engine *e = s->engine;
	uint64_t hash = hash_of(field, text.data, text.len);

	for (uint32_t at = e->whole_slots[hash & e->whole_mask]; at; at = e->wholes[at - 1].next) {
		const struct whole *w = &e->wholes[at - 1];

		if (w->hash == hash && w->field == field && view_equal(w->text, text) &&
		    (!number || e->set->predicates[w->predicate].type == PREDICATE_NUMBER))
			find(s, w->predicate);
	}
}

/* Finds the predicates of the field that the folded text makes true, or perhaps true. */
static void scan_text(struct engine_state *s, uint32_t field, struct view text)
{
	const struct field_index *f = &s->engine->fields[field];
	struct scan scan = {s, text.len};

	if (f->whole_max && text.len < f->whole_max)
		find_whole(s, field, text, false);
	if (f->numbers && text.len > 2 && text.len < 20 && text.data[0] == '0' &&
	    text.data[1] == 'x') {
		char number[32], *end;
		unsigned long long x;

		memcpy(number, text.data + 2, text.len - 2);
		number[text.len - 2] = '\0';
		x = strtoull(number, &end, 16);
		if (*end == '\0' && number[0] != '-' && number[0] != '+' && number[0] != ' ') {
			int n = snprintf(number, sizeof(number), "%llu", x);

			find_whole(s, field, view_of(number, (size_t)n), true);
		}
	}
	if (f->database && text.len)
		(void)hs_scan(f->database, (const char *)text.data, (unsigned)text.len, 0,
			      s->scratch, on_literal, &scan);
}

static void epoch_next(struct engine_state *s)
{
	s->find_count = 0;
	if (++s->epoch == 0) {
		memset(s->epochs, 0, (s->engine->set->predicate_count + 1) * sizeof(*s->epochs));
		s->epoch = 1;
	}
}

/* Notes what was found, for the evaluation of rules. */
static void mark_found(struct engine_state *s, const uint32_t *found, size_t count)
{
	const struct engine *e = s->engine;

	for (size_t i = 0; i < count; i++) {
		uint32_t p = found[i] & ~FOUND_TRUE;
		bool sure = found[i] & FOUND_TRUE || e->how[p] == HOW_EXACT;

		if (s->mark[p] != MARK_UNKNOWN) {
			if (sure)
				s->mark[p] = MARK_TRUE;
			continue;
		}
		s->mark[p] = sure ? MARK_TRUE : MARK_MAYBE;
		s->touched[s->touched_count++] = p;
		for (uint32_t k = 0; k < e->lists_of[p].count; k++)
			s->lists[e->in_list[e->lists_of[p].first + k]] = s->serial;
	}
}

/* The rules that cannot do without what was found. */
static void feed(struct engine_state *s, const uint32_t *found, size_t count)
{
	const struct engine *e = s->engine;

	for (size_t i = 0; i < count; i++) {
		uint32_t p = found[i] & ~FOUND_TRUE;
		struct list one = e->feeds[0].of[p], two = e->feeds[1].of[p];

		for (const struct fed *f = e->feeds[0].fed + one.first, *end = f + one.count;
		     f < end; f++)
			s->candidates[f->word] |= f->rules;
		for (const struct fed *f = e->feeds[1].fed + two.first, *end = f + two.count;
		     f < end; f++)
			s->seconds[f->word] |= f->rules;
	}
}

/* Numbers, times, identifiers: rendered of few characters only; no other literal can be in them. */
static bool value_is_plain(const struct value *v)
{
	switch ((enum value_type)v->type) {
	case VALUE_SIGNED:
	case VALUE_UNSIGNED:
	case VALUE_HEX:
	case VALUE_TIME:
	case VALUE_FILETIME:
	case VALUE_GUID:
		return true;
	case VALUE_UTF8:
		for (uint32_t i = 0; i < v->len; i++)
			if (!text_plain[v->data[i]])
				return false;
		return true;
	case VALUE_UTF16:
		for (uint32_t i = 0; i + 1 < v->len; i += 2)
			if (v->data[i + 1] || !text_plain[v->data[i]])
				return false;
		return true;
	case VALUE_ABSENT:
	case VALUE_BOOL:
	case VALUE_DOUBLE:
	case VALUE_FLOAT:
	case VALUE_SID:
	case VALUE_BINARY:
	case VALUE_LIST:
	case VALUE_JSON:
		break;
	}
	return false;
}

/* The texts of a field that are being scanned. */
struct scanned {
	uint32_t field;
	const struct value *value; /* NULL: a derived field, whose texts the event keeps */
	struct text_list folded, raw;
};

static const struct text_list *scanned_texts(struct engine_state *s, struct scanned *x, bool folded)
{
	if (folded)
		return &x->folded;
	if (!x->raw.made) {
		if (x->value) {
			x->raw.first = (uint32_t)s->text_count;
			value_texts(s, x->value, false, &x->raw);
		} else {
			x->raw = *field_texts(s, x->field, false);
		}
		x->raw.made = true;
	}
	return &x->raw;
}

static bool scanned_holds(struct engine_state *s, struct scanned *x, uint32_t predicate)
{
	bool folded = predicate_wants_folded(&s->engine->set->predicates[predicate]);
	const struct text_list *list = scanned_texts(s, x, folded);

	for (uint32_t i = 0; i < list->count; i++)
		if (predicate_text(s, predicate, text_view(s, &s->texts[list->first + i], folded)))
			return true;
	return false;
}

/* Decides, where the texts are short, what a literal only hints at; `from`: the first of s->finds that is this field's. */
static void settle(struct engine_state *s, struct scanned *x, size_t from)
{
	const struct engine *e = s->engine;
	const struct field_index *f = &e->fields[x->field];
	size_t bytes = 0, kept = from;
	bool brief;

	for (uint32_t i = 0; i < x->folded.count; i++)
		bytes += s->texts[x->folded.first + i].len;
	brief = bytes <= SETTLE_MAX && x->field != FIELD_ANY;
	for (size_t i = from; i < s->find_count; i++) {
		uint32_t p = s->finds[i];

		if (brief && e->how[p] == HOW_VERIFY) {
			if (!scanned_holds(s, x, p))
				continue;
			p |= FOUND_TRUE;
		}
		s->finds[kept++] = p;
	}
	s->find_count = kept;
	for (uint32_t i = 0; i < f->eager_count && x->folded.count; i++) {
		uint32_t p = e->eager[f->eager_first + i];

		if (s->relevant && !(s->relevant[p / 64] >> (p % 64) & 1))
			continue;
		if (!brief)
			s->finds[s->find_count++] = p;
		else if (scanned_holds(s, x, p))
			s->finds[s->find_count++] = p | FOUND_TRUE;
	}
}

/* Looks for a field's predicates in the texts of a value. */
static void scan_value(struct engine_state *s, uint32_t field, const struct value *v)
{
	struct scanned x = {.field = field, .value = v, .folded.first = (uint32_t)s->text_count};
	size_t texts = s->text_count, folded = s->folded.len, raw = s->raw.len,
	       from = s->find_count;

	value_texts(s, v, true, &x.folded);
	for (uint32_t i = 0; i < x.folded.count; i++)
		scan_text(s, field, text_view(s, &s->texts[x.folded.first + i], true));
	settle(s, &x, from);
	s->text_count = texts;
	s->folded.len = folded;
	s->raw.len = raw;
}

static void scan_derived(struct engine_state *s, uint32_t field)
{
	struct scanned x = {.field = field, .folded = *field_texts(s, field, true)};
	size_t from = s->find_count;

	for (uint32_t i = 0; i < x.folded.count; i++)
		scan_text(s, field, text_view(s, &s->texts[x.folded.first + i], true));
	settle(s, &x, from);
}

/* The bytes that a value is told by, or NULL where it is not remembered. */
static const uint8_t *value_bytes(const struct value *v, uint32_t *len)
{
	switch ((enum value_type)v->type) {
	case VALUE_UTF8:
	case VALUE_UTF16:
	case VALUE_GUID:
	case VALUE_SID:
	case VALUE_BINARY:
	case VALUE_JSON:
		*len = v->len;
		return v->len <= MEMO_BYTES ? (v->data ? v->data : (const uint8_t *)"") : NULL;
	case VALUE_SIGNED:
	case VALUE_UNSIGNED:
	case VALUE_HEX:
	case VALUE_BOOL:
	case VALUE_DOUBLE:
	case VALUE_FLOAT:
	case VALUE_TIME:
	case VALUE_FILETIME:
		*len = sizeof(v->u);
		return (const uint8_t *)&v->u;
	case VALUE_ABSENT:
	case VALUE_LIST:
		break;
	}
	return NULL;
}

static bool memo_is(const struct memo *m, const struct context *c, const struct plan *p,
		    const struct value *v, const uint8_t *data, uint32_t len)
{
	return m->data && m->context == c->serial && m->index == p->index && m->type == v->type &&
	       m->len == len && memcmp(m->data, data, len) == 0;
}

static void remember(struct engine_state *s, struct memo *m, const struct context *c,
		     const struct plan *p, const struct value *v, const uint8_t *data, uint32_t len,
		     const struct found *found)
{
	m->context = 0; /* none */
	if (!m->data || m->cap < len) {
		if (s->memo_bytes + len + 64 - m->cap > MEMO_TOTAL)
			return;
		s->memo_bytes += len + 64 - m->cap;
		free(m->data);
		m->cap = len + 64;
		m->data = xmalloc(m->cap);
	}
	memcpy(m->data, data, len);
	m->context = c->serial;
	m->index = p->index;
	m->type = v->type;
	m->len = len;
	m->found = found;
}

/* Findings and verdicts go together: what is remembered of values points to them. */
static void verdicts_drop(struct engine_state *s)
{
	memset(s->found_sets, 0, FOUND_SLOTS * sizeof(*s->found_sets));
	memset(s->verdicts, 0, VERDICT_SLOTS * sizeof(*s->verdicts));
	for (uint32_t i = 0; i < MEMO_SLOTS; i++)
		s->memo[i].context = 0;
	arena_reset(&s->verdict_arena);
}

static void *verdict_alloc(struct engine_state *s, size_t n)
{
	void *p = arena_alloc(&s->verdict_arena, n);

	if (!p) /* far past VERDICT_TOTAL, which is looked at between events */
		(void)xcalloc(1, SIZE_MAX / 2);
	return p;
}

static int by_number(const void *a, const void *b)
{
	const uint32_t *x = a, *y = b;

	return *x < *y ? -1 : *x > *y;
}

/* The one copy of what was just found; NULL for nothing. */
static const struct found *found_intern(struct engine_state *s)
{
	size_t bytes = s->find_count * sizeof(*s->finds);
	struct found *f;
	uint64_t hash;

	if (!s->find_count)
		return NULL;
	if (s->find_count > 1)
		qsort(s->finds, s->find_count, sizeof(*s->finds), by_number);
	hash = hash_of(s->find_count, s->finds, bytes);
	for (f = s->found_sets[hash % FOUND_SLOTS]; f; f = f->next)
		if (f->hash == hash && f->count == s->find_count &&
		    memcmp(f->predicates, s->finds, bytes) == 0)
			return f;
	f = verdict_alloc(s, sizeof(*f) + bytes);
	f->hash = hash;
	f->count = (uint32_t)s->find_count;
	memcpy(f->predicates, s->finds, bytes);
	f->next = s->found_sets[hash % FOUND_SLOTS];
	return s->found_sets[hash % FOUND_SLOTS] = f;
}

/* What the value makes true in all of its fields. */
static void scan_planned(struct engine_state *s, struct context *c, const struct plan *p,
			 const struct value *v, bool any)
{
	epoch_next(s);
	/* Derived texts stay for the event; those of the value itself go. */
	for (uint32_t i = 0; i < p->count; i++)
		if (c->slots[c->slot_of_field[c->plan_fields[p->first + i]] - 1].index ==
		    SLOT_DERIVED)
			scan_derived(s, c->plan_fields[p->first + i]);
	for (uint32_t i = 0; i < p->count; i++) {
		uint32_t field = c->plan_fields[p->first + i];

		if (c->slots[c->slot_of_field[field] - 1].index != SLOT_DERIVED &&
		    !(v->type == VALUE_JSON && v->len == 4 && memcmp(v->data, "null", 4) == 0))
			scan_value(s, field, v);
	}
	if (any)
		scan_value(s, FIELD_ANY, v);
}

/* The same values come by the thousand: what was found in one before is not looked for again. */
static const struct found *scan_plan(struct engine_state *s, struct context *c, struct plan *p)
{
	const struct event *e = s->event;
	const struct value *v = p->index >= 0		? &e->values[p->index]
				: p->index == SLOT_USER ? &e->user
				: p->index == SLOT_HOST ? &e->host
							: &e->message;
	const struct found *found;
	const uint8_t *data;
	uint32_t len = 0;
	struct memo *m;
	uint64_t hash;
	bool any;

	if (v->type == VALUE_ABSENT)
		return NULL;
	/* Numbers and the like are left out unless some keyword could be one. */
	any = p->any && (c->any_plain || !value_is_plain(v));
	if (!any && !p->count)
		return NULL;
	data = value_bytes(v, &len);
	if (!data) {
		scan_planned(s, c, p, v, any);
		return found_intern(s);
	}
	m = p->last;
	if (m && memo_is(m, c, p, v, data, len))
		return m->found;
	hash = hash_of(c->serial << 16 ^ (uint32_t)p->index, data, len);
	p->last = m = &s->memo[hash % MEMO_SLOTS];
	if (m->hash == hash && memo_is(m, c, p, v, data, len))
		return m->found;
	scan_planned(s, c, p, v, any);
	found = found_intern(s);
	remember(s, m, c, p, v, data, len, found);
	m->hash = hash;
	return found;
}

static void scan_constants(struct engine_state *s, struct context *c)
{
	size_t cap = 0;

	s->relevant = c->relevant;
	for (uint32_t i = 0; i < c->plan_count; i++) {
		const struct plan *p = &c->plans[i];
		const struct value *v;

		if (!p->constant)
			continue;
		v = &s->event->values[p->index];
		if (v->type == VALUE_ABSENT)
			continue;
		scan_planned(s, c, p, v, p->any);
		c->constant = xgrow(c->constant, &cap, c->constant_count + s->find_count + 1,
				    sizeof(*c->constant));
		if (s->find_count)
			memcpy(c->constant + c->constant_count, s->finds,
			       s->find_count * sizeof(*s->finds));
		c->constant_count += (uint32_t)s->find_count;
	}
}

/* The findings of the event's values: s->key. */
static void scan_event(struct engine_state *s, struct context *c)
{
	s->relevant = c->relevant;
	s->key_count = 0;
	s->key = xgrow(s->key, &s->key_cap, (size_t)c->plan_count + c->loose_count + 1,
		       sizeof(*s->key));
	for (uint32_t i = 0; i < c->plan_count; i++)
		s->key[s->key_count++] =
			c->plans[i].constant ? NULL : scan_plan(s, c, &c->plans[i]);
	for (uint32_t i = 0; i < c->loose_count; i++) {
		epoch_next(s);
		scan_derived(s, c->loose[i]);
		s->key[s->key_count++] = found_intern(s);
	}
}

static void mark_event(struct engine_state *s, const struct context *c)
{
	mark_found(s, c->constant, c->constant_count);
	for (size_t i = 0; i < s->key_count; i++)
		if (s->key[i])
			mark_found(s, s->key[i]->predicates, s->key[i]->count);
}

/* The rules of the event's context that its findings, now marked, do not make false. */
static struct verdict *verdict_make(struct engine_state *s, const struct context *c, uint64_t hash)
{
	const struct engine *e = s->engine;
	struct verdict *v = verdict_alloc(s, sizeof(*v) + s->key_count * sizeof(*v->key));
	size_t count = 0;

	feed(s, c->constant, c->constant_count);
	for (size_t i = 0; i < s->key_count; i++)
		if (s->key[i])
			feed(s, s->key[i]->predicates, s->key[i]->count);
	for (uint32_t w = 0; w < e->words; w++) {
		uint64_t bits = (s->candidates[w] & (s->seconds[w] | e->single[w]) & c->rules[w]) |
				c->always[w];

		s->candidates[w] = s->seconds[w] = 0;
		for (; bits; bits &= bits - 1) {
			uint32_t r = w * 64 + (uint32_t)__builtin_ctzll(bits);

			if (partial(s, e->conditions[r], found_leaf) == FALSE)
				continue;
			s->undecided = xgrow(s->undecided, &s->undecided_cap, count + 1,
					     sizeof(*s->undecided));
			s->undecided[count++] = r;
		}
	}
	*v = (struct verdict){.hash = hash, .context = c->serial, .rule_count = (uint32_t)count};
	memcpy(v->key, s->key, s->key_count * sizeof(*s->key));
	if (count) {
		uint32_t *rules = verdict_alloc(s, count * sizeof(*rules));

		memcpy(rules, s->undecided, count * sizeof(*rules));
		v->rules = rules;
	}
	v->next = s->verdicts[hash % VERDICT_SLOTS];
	return s->verdicts[hash % VERDICT_SLOTS] = v;
}

/* What there is to evaluate of the event; its findings are marked where that is anything. */
static const struct verdict *verdict_of(struct engine_state *s, const struct context *c)
{
	size_t bytes = s->key_count * sizeof(*s->key);
	uint64_t hash = hash_of(c->serial, s->key, bytes);

	for (struct verdict *v = s->verdicts[hash % VERDICT_SLOTS]; v; v = v->next) {
		if (v->hash == hash && v->context == c->serial &&
		    memcmp(v->key, s->key, bytes) == 0) {
			if (v->rule_count)
				mark_event(s, c);
			return v;
		}
	}
	mark_event(s, c);
	return verdict_make(s, c, hash);
}

/* All literals of one field, whatever the context wants. */
static void scan_field(struct engine_state *s, uint32_t field)
{
	const struct slot *slot;
	const struct value *v;
	int32_t at = -1;

	epoch_next(s);
	s->relevant = NULL;
	at = field == FIELD_ANY ? 0 : slot_resolve(s, s->context, field);
	slot = at ? &s->context->slots[at - 1] : NULL;
	at = -1;
	if (!slot || slot->index == SLOT_DERIVED) {
		scan_derived(s, field);
	} else {
		while ((v = slot_value(s, slot, &at)))
			scan_value(s, field, v);
	}
	mark_found(s, s->finds, s->find_count);
}

/* ---- evaluation ---- */

static bool truth(struct engine_state *s, uint32_t p)
{
	uint8_t mark = s->mark[p];
	bool holds;

	if (mark == MARK_TRUE)
		return true;
	if (mark == MARK_FALSE)
		return false;
	if (mark == MARK_UNKNOWN && s->engine->how[p] != HOW_LAZY)
		return false;
	holds = predicate_eval(s, p);
	if (mark == MARK_UNKNOWN)
		s->touched[s->touched_count++] = p;
	s->mark[p] = holds ? MARK_TRUE : MARK_FALSE;
	return holds;
}

static bool holds(struct engine_state *s, const struct node *n)
{
	uint32_t yes = 0;

	switch ((enum node_type)n->type) {
	case NODE_PREDICATE:
		return truth(s, n->predicate);
	case NODE_SELECTION:
		return holds(s, n->kids[0]);
	case NODE_NOT:
		return !holds(s, n->kids[0]);
	case NODE_NEVER:
		return false;
	case NODE_AND:
		for (uint32_t i = 0; i < n->count; i++)
			if (!holds(s, n->kids[i]))
				return false;
		return true;
	case NODE_OR:
		if (n->list) {
			if (s->lists[n->list - 1] != s->serial)
				return false;
			if (n->exact)
				return true;
		}
		for (uint32_t i = 0; i < n->count; i++)
			if (holds(s, n->kids[i]))
				return true;
		return false;
	case NODE_COUNT:
		for (uint32_t i = 0; i < n->count; i++) {
			yes += holds(s, n->kids[i]);
			if (yes >= n->need)
				return true;
		}
		return false;
	}
	return false;
}

/* The text that makes the predicate true, as the event has it. */
static struct view matching_text(struct engine_state *s, uint32_t index, bool *present)
{
	const struct predicate *p = &s->engine->set->predicates[index];
	bool folded = predicate_wants_folded(p);
	struct text_list *list, *raw;
	uint32_t which = 0;

	*present = p->field == FIELD_ANY || field_present(s, p->field);
	if (!*present)
		return VIEW_EMPTY;
	(void)field_texts(s, p->field, true);
	list = field_texts(s, p->field, folded);
	for (uint32_t i = 0; i < list->count && p->type != PREDICATE_FIELDREF; i++) {
		if (predicate_text(s, index, text_view(s, &s->texts[list->first + i], folded))) {
			which = i;
			break;
		}
	}
	raw = field_texts(s, p->field, false);
	return which < raw->count ? text_view(s, &s->texts[raw->first + which], false) : VIEW_EMPTY;
}

#define MATCHED_MAX 256

/*
 * Collects what made the node true. Raw texts are all made before views of them are taken, because
 * making one may move the others.
 */
static void collect(struct engine_state *s, const struct node *n, const char *selection, bool take)
{
	switch ((enum node_type)n->type) {
	case NODE_PREDICATE: {
		const struct predicate *p = &s->engine->set->predicates[n->predicate];
		struct matched m = {.selection = selection,
				    .field = s->engine->set->fields[p->field]};
		bool present;

		if (!truth(s, n->predicate) || s->matched_count >= MATCHED_MAX)
			return;
		m.value = matching_text(s, n->predicate, &present);
		if (!take)
			return;
		for (size_t i = 0; i < s->matched_count; i++)
			if (s->matched[i].selection == selection &&
			    s->matched[i].field == m.field &&
			    view_equal(s->matched[i].value, m.value))
				return;
		s->matched = xgrow(s->matched, &s->matched_cap, s->matched_count + 1,
				   sizeof(*s->matched));
		s->matched[s->matched_count++] = m;
		return;
	}
	case NODE_SELECTION:
		if (holds(s, n->kids[0]))
			collect(s, n->kids[0], n->name, take);
		return;
	case NODE_AND:
	case NODE_OR:
	case NODE_COUNT:
		for (uint32_t i = 0; i < n->count; i++)
			if (holds(s, n->kids[i]))
				collect(s, n->kids[i], selection, take);
		return;
	case NODE_NOT:
	case NODE_NEVER:
		return;
	}
}

static int report(struct engine_state *s, const struct rule *rule, engine_hit *fn, void *data)
{
	struct hit hit = {.rule = rule, .state = s};

	s->matched_count = 0;
	collect(s, rule->condition, "", false);
	collect(s, rule->condition, "", true);
	hit.matched = s->matched;
	hit.count = s->matched_count;
	return fn(data, &hit);
}

static int match(const struct engine *e, struct engine_state *s, const struct event *event,
		 const struct event_origin *origin, engine_hit *fn, void *data)
{
	const struct verdict *verdict;
	struct context *c;
	uint32_t guards = UINT32_MAX;
	int status = OK;

	if (event->kind == KIND_DAMAGE && !event->shape)
		return OK;
	if (s->verdict_arena.used > VERDICT_TOTAL)
		verdicts_drop(s);
	event_begin(s, event, origin);
	s->context = NULL;
	c = s->context = context_find(s, event, origin);
	scan_event(s, c);
	verdict = verdict_of(s, c);
	if (c->guarded && verdict->rule_count) {
		guards = 0;
		for (uint32_t i = 0; i < c->source_count; i++) {
			const struct node *g = e->guards[c->sources[i]->index].node;

			if (!g || holds(s, g))
				guards |= UINT32_C(1) << i;
		}
	}
	for (uint32_t i = 0; i < verdict->rule_count && status >= 0; i++) {
		uint32_t r = verdict->rules[i];

		if (c->guarded && !(c->rule_sources[r] & guards))
			continue;
		if (holds(s, e->conditions[r]))
			status = report(s, e->set->rules[r], fn, data);
	}
	event_end(s);
	return status;
}

/* The hits of a whole, without those of its parts. */
struct sum {
	engine_hit *fn;
	void *data;
	uint64_t *parts; /* a bit for each rule that a part hit */
	bool is_part;
};

static int sum_hit(void *data, const struct hit *hit)
{
	struct sum *w = data;
	uint64_t *word = &w->parts[hit->rule->index / 64], bit = UINT64_C(1)
								 << (hit->rule->index % 64);

	if (w->is_part)
		*word |= bit;
	return w->is_part || *word & bit ? OK : w->fn(w->data, hit);
}

static int match_sum(const struct engine *e, struct engine_state *s, const struct event *event,
		     const struct event_origin *origin, engine_hit *fn, void *data)
{
	int at = shape_find(event->shape, view_text("ScriptBlockText")),
	    lengths_at = shape_find(event->shape, view_text("PartLengths"));
	struct sum w = {.fn = fn, .data = data, .is_part = true};
	struct event part = *event;
	struct buffer text = {0}, lengths = {0};
	struct value *values;
	struct view rest, item;
	size_t from = 0;
	uint64_t n;
	int status = OK;

	if (at < 0 || lengths_at < 0 || event->values[lengths_at].type == VALUE_ABSENT)
		return match(e, s, event, origin, fn, data);
	value_append(&text, &event->values[at]);
	value_append(&lengths, &event->values[lengths_at]);
	w.parts = xcalloc(e->words + 1, sizeof(*w.parts));
	values = xmalloc(event->shape->count * sizeof(*values));
	memcpy(values, event->values, event->shape->count * sizeof(*values));
	part.values = values;
	/* "12, 20": how a list is put as text, and as JSON without its brackets. */
	rest = view_trim(buffer_as_view(&lengths));
	if (rest.len && rest.data[0] == '[')
		rest = view_sub(rest, 1, rest.len - 2);
	while (status >= 0 && view_token(&rest, ',', &item) && view_decimal(view_trim(item), &n)) {
		struct view v = view_clip(buffer_as_view(&text), from, n);

		if (!v.len)
			break;
		values[at] = value_view(v);
		from += v.len;
		status = match(e, s, &part, origin, sum_hit, &w);
	}
	w.is_part = false;
	if (status >= 0)
		status = match(e, s, event, origin, sum_hit, &w);
	free(w.parts);
	free(values);
	buffer_release(&text);
	buffer_release(&lengths);
	return status;
}

int engine_match(const struct engine *e, struct engine_state *s, const struct event *event,
		 const struct event_origin *origin, engine_hit *fn, void *data)
{
	return event->kind == KIND_SCRIPT_BLOCK ? match_sum(e, s, event, origin, fn, data)
						: match(e, s, event, origin, fn, data);
}

bool engine_value(struct engine_state *s, const char *field, struct buffer *out)
{
	const struct ruleset *set = s->engine->set;
	struct text_list *list;
	uint32_t f;

	if (!s->event)
		return false;
	f = ruleset_field_find(set, field);
	if (f == FIELD_ANY) {
		const struct value *v = event_find(s->event, field);

		if (v)
			value_append(out, v);
		return v != NULL;
	}
	list = field_texts(s, f, false);
	for (uint32_t i = 0; i < list->count; i++) {
		if (i)
			buffer_string(out, ", ");
		buffer_view(out, text_view(s, &s->texts[list->first + i], false));
	}
	return list->count > 0;
}

/* ---- explaining ---- */

static void explain(struct engine_state *s, const struct node *n, unsigned depth,
		    void (*fn)(void *data, const struct explained *part), void *data)
{
	struct explained part = {.depth = depth, .node = n};

	if (n->type == NODE_PREDICATE) {
		part.predicate = &s->engine->set->predicates[n->predicate];
		part.holds = predicate_eval(s, n->predicate);
		(void)matching_text(s, n->predicate, &part.present);
		part.value = matching_text(s, n->predicate, &part.present);
	} else {
		part.holds = holds(s, n);
	}
	fn(data, &part);
	for (uint32_t i = 0; i < n->count; i++)
		explain(s, n->kids[i], depth + 1, fn, data);
}

bool engine_explain(const struct engine *e, struct engine_state *s, const struct rule *rule,
		    const struct event *event, const struct event_origin *origin,
		    void (*fn)(void *data, const struct explained *part), void *data)
{
	struct context *c;
	bool fits = false;

	event_begin(s, event, origin);
	s->context = NULL;
	c = s->context = context_find(s, event, origin);
	for (uint32_t f = 0; f < e->set->field_count; f++) {
		if (e->fields[f].scanned)
			scan_field(s, f);
	}
	for (uint32_t i = 0; i < c->source_count; i++) {
		const struct node *g = e->guards[c->sources[i]->index].node;

		if ((e->source_rules[c->sources[i]->index][rule->index / 64] >> (rule->index % 64) &
		     1) &&
		    (!g || holds(s, g)))
			fits = true;
	}
	if (rule->condition)
		explain(s, rule->condition, 0, fn, data);
	event_end(s);
	return fits;
}

/* ---- states ---- */

struct engine_state *engine_state_new(const struct engine *e)
{
	struct engine_state *s = xcalloc(1, sizeof(*s));
	size_t n = e->set->predicate_count + 1;

	s->engine = e;
	s->mark = xcalloc(n, sizeof(*s->mark));
	s->touched = xcalloc(n, sizeof(*s->touched));
	s->epochs = xcalloc(n, sizeof(*s->epochs));
	s->finds = xcalloc(n, sizeof(*s->finds));
	s->found_sets = xcalloc(FOUND_SLOTS, sizeof(*s->found_sets));
	s->verdicts = xcalloc(VERDICT_SLOTS, sizeof(*s->verdicts));
	s->candidates = xcalloc(e->words + 1, sizeof(*s->candidates));
	s->seconds = xcalloc(e->words + 1, sizeof(*s->seconds));
	s->lists = xcalloc(e->list_count + 1, sizeof(*s->lists));
	s->memo = xcalloc(MEMO_SLOTS, sizeof(*s->memo));
	for (size_t f = 0; f < e->set->field_count; f++)
		if (e->fields[f].database &&
		    hs_alloc_scratch(e->fields[f].database, &s->scratch) != HS_SUCCESS)
			(void)xcalloc(1, SIZE_MAX / 2);
	s->match_data = pcre2_match_data_create(1, NULL);
	s->list_cap = 64;
	s->raw_list = xcalloc(s->list_cap, sizeof(*s->raw_list));
	s->folded_list = xcalloc(s->list_cap, sizeof(*s->folded_list));
	return s;
}

void engine_state_free(struct engine_state *s)
{
	if (!s)
		return;
	contexts_drop(s);
	for (uint32_t i = 0; i < MEMO_SLOTS; i++)
		free(s->memo[i].data);
	free(s->found_sets);
	free(s->verdicts);
	free(s->key);
	free(s->undecided);
	arena_release(&s->verdict_arena);
	free(s->memo);
	free(s->mark);
	free(s->touched);
	free(s->epochs);
	free(s->finds);
	free(s->candidates);
	free(s->seconds);
	free(s->lists);
	free(s->texts);
	free(s->raw_list);
	free(s->folded_list);
	free(s->matched);
	buffer_release(&s->context_key);
	buffer_release(&s->raw);
	buffer_release(&s->folded);
	buffer_release(&s->scratch_text);
	buffer_release(&s->derived);
	if (s->scratch)
		(void)hs_free_scratch(s->scratch);
	pcre2_match_data_free(s->match_data);
	free(s);
}
