/* Contexts: what is the same for all events of a kind, worked out once. */
#include "detect/internal.h"

#include <stdlib.h>

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

/* Truth as far as the leaves that are known tell. */
enum truth node_partial(struct engine_state *s, const struct node *n,
			enum truth (*leaf)(struct engine_state *s, uint32_t predicate))
{
	enum truth kid, all = TRUE, one = FALSE;
	uint32_t yes = 0, open = 0;

	switch ((enum node_type)n->type) {
	case NODE_PREDICATE:
		return leaf(s, n->predicate);
	case NODE_SELECTION:
		return node_partial(s, n->kids[0], leaf);
	case NODE_NOT:
		kid = node_partial(s, n->kids[0], leaf);
		return kid == OPEN ? OPEN : kid == TRUE ? FALSE : TRUE;
	case NODE_NEVER:
		return FALSE;
	case NODE_AND:
		for (uint32_t i = 0; i < n->count; i++) {
			kid = node_partial(s, n->kids[i], leaf);
			if (kid == FALSE)
				return FALSE;
			if (kid == OPEN)
				all = OPEN;
		}
		return all;
	case NODE_OR:
		for (uint32_t i = 0; i < n->count; i++) {
			kid = node_partial(s, n->kids[i], leaf);
			if (kid == TRUE)
				return TRUE;
			if (kid == OPEN)
				one = OPEN;
		}
		return one;
	case NODE_COUNT:
		for (uint32_t i = 0; i < n->count; i++) {
			kid = node_partial(s, n->kids[i], leaf);
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

void contexts_drop(struct engine_state *s)
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

			if (node_partial(s, set->rules[r]->condition, constant_leaf) == FALSE) {
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

struct context *context_find(struct engine_state *s, const struct event *e,
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
