/* What is found in the values of an event, what is remembered of it, and which rules it leaves undecided. */
#include "detect/internal.h"

#include <stdio.h>
#include <stdlib.h>

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
void verdicts_drop(struct engine_state *s)
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

void scan_constants(struct engine_state *s, struct context *c)
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
void scan_event(struct engine_state *s, struct context *c)
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

/* What the scan alone decides: the same for all events with the same findings. */
static enum truth found_leaf(struct engine_state *s, uint32_t predicate)
{
	if (s->mark[predicate] == MARK_TRUE)
		return TRUE;
	return s->mark[predicate] == MARK_UNKNOWN && s->engine->how[predicate] != HOW_LAZY ? FALSE
											   : OPEN;
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

			if (node_partial(s, e->conditions[r], found_leaf) == FALSE)
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
const struct verdict *verdict_of(struct engine_state *s, const struct context *c)
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
void scan_field(struct engine_state *s, uint32_t field)
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
