#include "detect/internal.h"

#include <stdio.h>
#include <stdlib.h>

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
