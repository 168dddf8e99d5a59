#include "detect/correlate.h"

#include "base/text.h"
#include "detect/hit.h"

#include <stdio.h>
#include <stdlib.h>

/* ---- what is needed of an event ---- */

/* The field that correlation c means by this name on events of rule r: an alias, or the name itself. */
static const char *field_of(const struct correlation *c, const char *name, uint32_t rule)
{
	for (uint32_t i = 0; i < c->alias_count; i++)
		for (uint32_t k = 0; k < c->aliases[i].count; k++)
			if (strcmp(c->aliases[i].name, name) == 0 && c->aliases[i].rules[k] == rule)
				return c->aliases[i].fields[k];
	return name;
}

static bool refers(const struct correlation *c, uint32_t rule)
{
	for (uint32_t i = 0; i < c->rule_count; i++)
		if (c->rules[i] == rule)
			return true;
	return false;
}

static void put_text(struct buffer *out, bool there, struct view text)
{
	uint32_t n = there ? (uint32_t)text.len : UINT32_MAX;

	buffer_append(out, &n, sizeof(n));
	if (there)
		buffer_view(out, text);
}

/* { correlation, size, texts of group-by, texts of fields } for each correlation. */
void correlate_encode(struct buffer *out, const struct engine *engine, const struct hit *hit)
{
	const struct ruleset *set = engine_rules(engine);
	struct buffer text = {0};

	for (uint32_t i = 0; hit->rule->referenced && i < set->rule_count; i++) {
		const struct correlation *c = set->rules[i]->correlation;
		uint32_t head[2] = {i, 0};
		size_t at = out->len;

		if (!c || !refers(c, hit->rule->index))
			continue;
		buffer_append(out, head, sizeof(head));
		for (uint32_t k = 0; k < c->group_count + c->field_count; k++) {
			const char *name =
				k < c->group_count ? c->group_by[k] : c->fields[k - c->group_count];
			bool there;

			text.len = 0;
			there = engine_value(hit->state, field_of(c, name, hit->rule->index),
					     &text);
			put_text(out, there, view_clip(buffer_as_view(&text), 0, 8192));
		}
		head[1] = (uint32_t)(out->len - at - sizeof(head));
		memcpy(out->data + at, head, sizeof(head));
	}
	buffer_release(&text);
}

/* ---- what was fed: records, sorted in runs ---- */

struct record {
	int64_t ts;
	uint64_t order; /* of feeding: equal times keep it */
	uint32_t size;	/* of all of it, with the bytes behind */
	uint32_t correlation, rule;
	uint32_t host, source, texts; /* bytes of each, behind this struct in this order */
	uint64_t number;
	int64_t id;
};

struct run {
	FILE *file;
	struct buffer next; /* the record to be taken, empty at the end */
};

struct held { /* an event in a window */
	int64_t ts;
	uint32_t rule;
	uint64_t hash; /* of the value */
	double number;
	char *host, *source;
	uint64_t record;
	int64_t id;
};

struct distinct {
	uint64_t hash;
	uint32_t count;
};

struct window {
	struct window *next; /* same slot */
	uint64_t hash;
	uint32_t correlation;
	struct buffer group; /* texts of group-by */
	struct held *held;   /* a ring */
	size_t head, count, cap;
	struct distinct *values;
	size_t value_mask, value_count; /* used slots; distinct ones are counted apart */
	size_t distinct;
	double sum;
	bool holds, cut;
	int64_t begun;
	struct held **
		chains; /* temporal_ordered: by position, the events of the latest chain that ends there */
	int64_t *chain_from;
};

struct correlator {
	const struct ruleset *set;
	struct buffer memory;
	size_t *offsets, offset_count, offset_cap;
	struct run *runs;
	size_t run_count, run_cap;
	uint64_t order, timeless;
	struct window **slots;
	size_t mask, windows;
	correlated_hit *fn;
	void *data;
	unsigned depth;
	int64_t swept;
};

struct correlator *correlator_new(const struct ruleset *set)
{
	struct correlator *c = xcalloc(1, sizeof(*c));

	c->set = set;
	c->mask = 4095;
	c->slots = xcalloc(c->mask + 1, sizeof(struct window *));
	return c;
}

static void held_release(struct held *h)
{
	free(h->host);
	free(h->source);
	h->host = h->source = NULL;
}

static void window_free(struct window *w, uint32_t positions)
{
	for (size_t i = 0; i < w->count; i++)
		held_release(&w->held[(w->head + i) % w->cap]);
	for (uint32_t i = 0; w->chains && i < positions; i++) {
		for (uint32_t k = 0; w->chains[i] && k <= i; k++)
			held_release(&w->chains[i][k]);
		free(w->chains[i]);
	}
	free(w->chains);
	free(w->chain_from);
	free(w->held);
	free(w->values);
	buffer_release(&w->group);
	free(w);
}

void correlator_free(struct correlator *c)
{
	if (!c)
		return;
	for (size_t i = 0; i <= c->mask; i++) {
		while (c->slots[i]) {
			struct window *w = c->slots[i];

			c->slots[i] = w->next;
			window_free(w, c->set->rules[w->correlation]->correlation->rule_count);
		}
	}
	for (size_t i = 0; i < c->run_count; i++) {
		if (c->runs[i].file)
			(void)fclose(c->runs[i].file);
		buffer_release(&c->runs[i].next);
	}
	free(c->runs);
	free(c->slots);
	free(c->offsets);
	buffer_release(&c->memory);
	free(c);
}

static int by_time(const void *a, const void *b, void *data)
{
	const struct correlator *c = data;
	struct record x, y;

	memcpy(&x, c->memory.data + *(const size_t *)a, sizeof(x));
	memcpy(&y, c->memory.data + *(const size_t *)b, sizeof(y));
	if (x.ts != y.ts)
		return x.ts < y.ts ? -1 : 1;
	return x.order < y.order ? -1 : x.order > y.order;
}

/* A heap sort of offsets: qsort has no place for the memory they point into, and no recursion here. */
static void sort_offsets(struct correlator *c)
{
	size_t n = c->offset_count, *a = c->offsets;

	for (size_t end = n, start = n / 2; end > 1;) {
		size_t root, child, t;

		if (start > 0) {
			start--;
		} else {
			end--;
			t = a[end];
			a[end] = a[0];
			a[0] = t;
		}
		root = start;
		while ((child = 2 * root + 1) < end) {
			if (child + 1 < end && by_time(&a[child], &a[child + 1], c) < 0)
				child++;
			if (by_time(&a[root], &a[child], c) >= 0)
				break;
			t = a[root];
			a[root] = a[child];
			a[child] = t;
			root = child;
		}
	}
}

static int spill(struct correlator *c)
{
	FILE *f = tmpfile();

	if (!f)
		return ERR_IO;
	sort_offsets(c);
	for (size_t i = 0; i < c->offset_count; i++) {
		struct record r;

		memcpy(&r, c->memory.data + c->offsets[i], sizeof(r));
		if (fwrite(c->memory.data + c->offsets[i], 1, r.size, f) != r.size) {
			(void)fclose(f);
			return ERR_IO;
		}
	}
	if (fflush(f) != 0) {
		(void)fclose(f);
		return ERR_IO;
	}
	rewind(f);
	c->runs = xgrow(c->runs, &c->run_cap, c->run_count + 1, sizeof(*c->runs));
	c->runs[c->run_count++] = (struct run){.file = f};
	c->memory.len = 0;
	c->offset_count = 0;
	return OK;
}

int correlator_feed(struct correlator *c, uint32_t rule, const struct hit_place *place,
		    struct view encoded)
{
	size_t at = 0;

	if (rule >= c->set->rule_count)
		return ERR_FORMAT;
	if (place->ts == TIME_NONE) {
		c->timeless++;
		return OK;
	}
	while (at < encoded.len) {
		struct record r = {
			.ts = place->ts, .rule = rule, .number = place->record, .id = place->id};
		uint32_t index, size;

		if (!view_u32le(encoded, at, &index) || !view_u32le(encoded, at + 4, &size) ||
		    !view_has(encoded, at + 8, size) || index >= c->set->rule_count ||
		    !c->set->rules[index]->correlation)
			return ERR_FORMAT;
		r.correlation = index;
		r.order = c->order++;
		r.host = (uint32_t)place->host.len;
		r.source = (uint32_t)place->source.len;
		r.texts = size;
		r.size = (uint32_t)(sizeof(r) + place->host.len + place->source.len + size);
		c->offsets =
			xgrow(c->offsets, &c->offset_cap, c->offset_count + 1, sizeof(*c->offsets));
		c->offsets[c->offset_count++] = c->memory.len;
		buffer_append(&c->memory, &r, sizeof(r));
		buffer_view(&c->memory, place->host);
		buffer_view(&c->memory, place->source);
		buffer_view(&c->memory, view_sub(encoded, at + 8, size));
		at += 8 + (size_t)size;
	}
	return c->memory.len > LIMIT_CORRELATION_MEMORY ? spill(c) : OK;
}

/* ---- windows ---- */

static uint64_t hash_bytes(uint64_t h, const void *data, size_t n)
{
	const uint8_t *p = data;

	for (size_t i = 0; i < n; i++)
		h = (h ^ p[i]) * UINT64_C(0x100000001b3);
	return h ^ h >> 29;
}

static struct window *window_find(struct correlator *c, uint32_t correlation, struct view group)
{
	uint64_t hash =
		hash_bytes(UINT64_C(0xcbf29ce484222325) ^ correlation, group.data, group.len);
	struct window *w;

	for (w = c->slots[hash & c->mask]; w; w = w->next)
		if (w->hash == hash && w->correlation == correlation &&
		    view_equal(buffer_as_view(&w->group), group))
			return w;
	w = xcalloc(1, sizeof(*w));
	w->hash = hash;
	w->correlation = correlation;
	w->begun = TIME_NONE;
	buffer_view(&w->group, group);
	w->next = c->slots[hash & c->mask];
	c->slots[hash & c->mask] = w;
	c->windows++;
	return w;
}

static struct distinct *value_slot(struct window *w, uint64_t hash)
{
	size_t at;

	if (w->value_count * 2 >= w->value_mask) {
		size_t mask = w->value_mask ? w->value_mask * 2 + 1 : 15;
		struct distinct *old = w->values;
		size_t n = w->values ? w->value_mask + 1 : 0;

		w->values = xcalloc(mask + 1, sizeof(*w->values));
		w->value_mask = mask;
		w->value_count = 0;
		for (size_t i = 0; i < n; i++)
			if (old[i].count)
				*value_slot(w, old[i].hash) = old[i];
		free(old);
	}
	for (at = hash & w->value_mask; w->values[at].hash != hash; at = (at + 1) & w->value_mask) {
		if (w->values[at].hash == 0) {
			w->values[at].hash = hash;
			w->value_count++;
			break;
		}
	}
	return &w->values[at];
}

static void window_pop(struct window *w)
{
	struct held *h = &w->held[w->head];
	struct distinct *d = value_slot(w, h->hash);

	if (d->count && --d->count == 0)
		w->distinct--;
	w->sum -= h->number;
	held_release(h);
	w->head = (w->head + 1) % w->cap;
	if (--w->count == 0)
		w->sum = 0;
}

static void window_push(struct window *w, struct held *h)
{
	if (w->count >= LIMIT_WINDOW) {
		window_pop(w);
		w->cut = true;
	}
	if (w->count == w->cap) {
		size_t cap = w->cap ? w->cap * 2 : 8;
		struct held *ring = xcalloc(cap, sizeof(*ring));

		for (size_t i = 0; i < w->count; i++)
			ring[i] = w->held[(w->head + i) % w->cap];
		free(w->held);
		w->held = ring;
		w->head = 0;
		w->cap = cap;
	}
	w->held[(w->head + w->count++) % w->cap] = *h;
	if (value_slot(w, h->hash)->count++ == 0)
		w->distinct++;
	w->sum += h->number;
}

static int by_number(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

/* Linear interpolation between the ranks around p (0..100), as spreadsheets and numpy do. */
static double percentile(const struct window *w, double p)
{
	double *all = xmalloc(w->count * sizeof(*all)), rank = p / 100 * (double)(w->count - 1),
	       result;
	size_t low = (size_t)rank;

	for (size_t i = 0; i < w->count; i++)
		all[i] = w->held[(w->head + i) % w->cap].number;
	qsort(all, w->count, sizeof(*all), by_number);
	result = all[low];
	if (low + 1 < w->count)
		result += (rank - (double)low) * (all[low + 1] - all[low]);
	free(all);
	return result;
}

static double measure(const struct correlation *c, const struct window *w)
{
	switch (c->type) {
	case CORRELATE_VALUE_COUNT:
		return (double)w->distinct;
	case CORRELATE_VALUE_SUM:
		return w->sum;
	case CORRELATE_VALUE_AVG:
		return w->count ? w->sum / (double)w->count : 0;
	case CORRELATE_VALUE_MEDIAN:
		return w->count ? percentile(w, 50) : 0;
	case CORRELATE_VALUE_PERCENTILE:
		return w->count ? percentile(w, c->percentile) : 0;
	case CORRELATE_EVENT_COUNT:
	case CORRELATE_TEMPORAL:
	case CORRELATE_TEMPORAL_ORDERED:
		break;
	}
	return (double)w->count;
}

static bool in_range(const struct correlation *c, double x)
{
	if (c->has_lower && !(c->lower_open ? x > c->lower : x >= c->lower))
		return false;
	if (c->has_upper && !(c->upper_open ? x < c->upper : x <= c->upper))
		return false;
	return (!c->has_equal || x == c->equal) && (!c->has_unequal || x != c->unequal);
}

static bool seen(const struct correlation *c, const struct window *w, uint32_t position)
{
	for (size_t i = 0; i < w->count; i++)
		if (w->held[(w->head + i) % w->cap].rule == c->rules[position])
			return true;
	return false;
}

static bool expression(const struct correlation *c, const struct window *w, const struct node *n)
{
	switch ((enum node_type)n->type) {
	case NODE_PREDICATE:
		return seen(c, w, n->predicate);
	case NODE_NOT:
		return !expression(c, w, n->kids[0]);
	case NODE_AND:
		for (uint32_t i = 0; i < n->count; i++)
			if (!expression(c, w, n->kids[i]))
				return false;
		return true;
	case NODE_OR:
		for (uint32_t i = 0; i < n->count; i++)
			if (expression(c, w, n->kids[i]))
				return true;
		return false;
	case NODE_COUNT:
	case NODE_SELECTION:
	case NODE_NEVER:
		break;
	}
	return false;
}

static bool window_holds(const struct correlation *c, const struct window *w, double *value)
{
	if (c->type != CORRELATE_TEMPORAL) {
		*value = measure(c, w);
		return w->count > 0 && in_range(c, *value);
	}
	*value = 0;
	for (uint32_t i = 0; i < c->rule_count; i++)
		*value += seen(c, w, i);
	if (c->condition)
		return expression(c, w, c->condition);
	/* A range of temporal says how many of the rules; without one all of them. */
	if (c->has_lower || c->has_upper || c->has_equal || c->has_unequal)
		return in_range(c, *value);
	return *value == (double)c->rule_count;
}

/* ---- hits ---- */

static void json_text(struct buffer *out, const char *key, const char *text)
{
	buffer_string(out, key);
	if (text)
		text_json_quoted(out, view_text(text));
	else
		buffer_string(out, "null");
}

static void event_ref(struct buffer *out, const struct ruleset *set, const struct held *h)
{
	json_text(out, "{\"rule_id\":", set->rules[h->rule]->id);
	buffer_string(out, ",\"ts\":\"");
	time_append(out, h->ts);
	json_text(out, "\",\"host\":", h->host && *h->host ? h->host : NULL);
	json_text(out, ",\"source\":", h->source);
	buffer_string(out, ",\"record\":");
	buffer_unsigned(out, h->record);
	if (h->id)
		buffer_printf(out, ",\"id\":%lld}", (long long)h->id);
	else
		buffer_string(out, ",\"id\":null}");
}

/* Reads the next of a list of texts; false at the end or where it is none. */
static bool text_next(struct view *rest, struct view *text, bool *there)
{
	uint32_t n;

	if (!view_u32le(*rest, 0, &n))
		return false;
	*there = n != UINT32_MAX;
	*text = *there ? view_sub(*rest, 4, n) : VIEW_EMPTY;
	if (*there && text->len != n)
		return false;
	*rest = view_from(*rest, 4 + (size_t)(*there ? n : 0));
	return true;
}

static int feed_window(struct correlator *c, uint32_t correlation, struct held *h,
		       struct view texts);

static int fire(struct correlator *c, struct window *w, const struct held *const *events,
		size_t count, uint64_t total, double value)
{
	const struct rule *rule = c->set->rules[w->correlation];
	const struct correlation *own = rule->correlation;
	const struct held *last = events[count - 1];
	struct buffer list = {0}, group = {0};
	struct view rest = buffer_as_view(&w->group), text;
	struct hit_place place = {.ts = last->ts,
				  .host = view_text(last->host),
				  .source = view_text(last->source),
				  .record = last->record,
				  .id = last->id};
	struct correlated hit = {.rule = rule,
				 .first = events[0]->ts,
				 .last = last->ts,
				 .place = &place,
				 .count = total,
				 .value = value,
				 .one_host = true,
				 .cut = w->cut};
	bool there;
	int status = OK;

	buffer_char(&list, '[');
	for (size_t i = count > LIMIT_CORRELATION_EVENTS ? count - LIMIT_CORRELATION_EVENTS : 0;
	     i < count; i++) {
		if (list.len > 1)
			buffer_char(&list, ',');
		event_ref(&list, c->set, events[i]);
	}
	for (size_t i = 0; i < count; i++)
		hit.one_host &= strcmp(events[i]->host ? events[i]->host : "",
				       last->host ? last->host : "") == 0;
	buffer_char(&list, ']');
	buffer_char(&group, '{');
	for (uint32_t i = 0; i < own->group_count && text_next(&rest, &text, &there); i++) {
		json_text(&group, i ? "," : "", own->group_by[i]);
		buffer_char(&group, ':');
		text_json_quoted(&group, text);
	}
	buffer_char(&group, '}');
	hit.group = buffer_text(&group);
	hit.events = buffer_text(&list);
	if (!rule->silent)
		status = c->fn(c->data, &hit);
	/* What refers to this correlation sees it as an event with the fields of its group. */
	for (uint32_t i = 0;
	     rule->referenced && status >= 0 && c->depth < 32 && i < c->set->rule_count; i++) {
		const struct correlation *outer = c->set->rules[i]->correlation;
		struct buffer texts = {0};
		struct held h = *last;

		if (!outer || !refers(outer, rule->index))
			continue;
		for (uint32_t k = 0; k < outer->group_count + outer->field_count; k++) {
			const char *name = field_of(outer,
						    k < outer->group_count
							    ? outer->group_by[k]
							    : outer->fields[k - outer->group_count],
						    rule->index);
			bool found = false;

			rest = buffer_as_view(&w->group);
			for (uint32_t g = 0;
			     g < own->group_count && text_next(&rest, &text, &there); g++) {
				if (strcmp(own->group_by[g], name) == 0) {
					put_text(&texts, there, text);
					found = true;
				}
			}
			if (!found)
				put_text(&texts, false, VIEW_EMPTY);
		}
		h.rule = rule->index;
		h.host = last->host ? xstrdup(last->host) : NULL;
		h.source = last->source ? xstrdup(last->source) : NULL;
		c->depth++;
		status = feed_window(c, i, &h, buffer_as_view(&texts));
		c->depth--;
		buffer_release(&texts);
	}
	buffer_release(&list);
	buffer_release(&group);
	return status;
}

static int fire_window(struct correlator *c, struct window *w, double value)
{
	const struct held **events = xmalloc((w->count + 1) * sizeof(*events));
	int status;

	for (size_t i = 0; i < w->count; i++)
		events[i] = &w->held[(w->head + i) % w->cap];
	status = fire(c, w, events, w->count, w->count, value);
	free(events);
	return status;
}

static struct held held_copy(const struct held *h)
{
	struct held copy = *h;

	copy.host = h->host ? xstrdup(h->host) : NULL;
	copy.source = h->source ? xstrdup(h->source) : NULL;
	return copy;
}

/* For each position the chain whose first event is the latest: it is the shortest that can still be finished. */
static int ordered(struct correlator *c, const struct correlation *own, struct window *w,
		   struct held *h)
{
	uint32_t n = own->rule_count;
	int status = OK;

	if (!w->chains) {
		w->chains = xcalloc(n, sizeof(struct held *));
		w->chain_from = xcalloc(n, sizeof(*w->chain_from));
	}
	for (uint32_t k = n; k-- > 0;) {
		struct held *chain;

		if (own->rules[k] != h->rule)
			continue;
		if (k > 0 && (!w->chains[k - 1] || h->ts - w->chain_from[k - 1] > own->timespan))
			continue;
		chain = xcalloc(k + 1, sizeof(*chain));
		for (uint32_t i = 0; i < k; i++)
			chain[i] = held_copy(&w->chains[k - 1][i]);
		chain[k] = held_copy(h);
		for (uint32_t i = 0; w->chains[k] && i <= k; i++)
			held_release(&w->chains[k][i]);
		free(w->chains[k]);
		w->chains[k] = chain;
		w->chain_from[k] = chain[0].ts;
	}
	w->begun = h->ts; /* of the latest event: tells when the window may go */
	if (w->chains[n - 1]) {
		const struct held *events[64] = {0};

		for (uint32_t i = 0; i < n; i++)
			events[i] = &w->chains[n - 1][i];
		status = fire(c, w, events, n, n, n);
		for (uint32_t k = 0; k < n; k++) { /* each event counts for one hit */
			for (uint32_t i = 0; w->chains[k] && i <= k; i++)
				held_release(&w->chains[k][i]);
			free(w->chains[k]);
			w->chains[k] = NULL;
		}
	}
	held_release(h);
	return status;
}

static bool judged_late(const struct correlation *c)
{
	return c->has_upper || c->has_equal || c->has_unequal ||
	       (c->type == CORRELATE_TEMPORAL && c->condition && c->condition->type != NODE_AND &&
		c->condition->type != NODE_OR && c->condition->type != NODE_PREDICATE);
}

/* A window that is judged when it is over. */
static int close_window(struct correlator *c, struct window *w)
{
	const struct correlation *own = c->set->rules[w->correlation]->correlation;
	double value;
	int status = OK;

	if (w->count && window_holds(own, w, &value))
		status = fire_window(c, w, value);
	while (w->count)
		window_pop(w);
	w->begun = TIME_NONE;
	w->cut = false;
	return status;
}

static bool number_text(struct view t, double *number)
{
	char copy[64], *end;

	t = view_trim(t);
	if (t.len == 0 || t.len >= sizeof(copy))
		return false;
	memcpy(copy, t.data, t.len);
	copy[t.len] = '\0';
	*number = copy[0] == '0' && (copy[1] | 32) == 'x' ? (double)strtoull(copy + 2, &end, 16)
							  : strtod(copy, &end);
	return *end == '\0' && *number == *number && *number - *number == 0;
}

/* Takes over h's texts. */
static int feed_window(struct correlator *c, uint32_t correlation, struct held *h,
		       struct view texts)
{
	const struct correlation *own = c->set->rules[correlation]->correlation;
	struct view rest = texts, text, group, value;
	struct window *w;
	bool there, missing = false, held;
	double compared = 0;
	int status = OK;

	for (uint32_t i = 0; i < own->group_count && !missing; i++)
		missing = !text_next(&rest, &text, &there) || !there;
	group = view_clip(texts, 0, texts.len - rest.len);
	value = rest;
	for (uint32_t i = 0; i < own->field_count && !missing; i++)
		missing = !text_next(&rest, &text, &there) || !there;
	h->number = 0;
	if (!missing && own->type >= CORRELATE_VALUE_SUM)
		missing = !number_text(text, &h->number);
	if (missing) {
		held_release(h);
		return OK;
	}
	h->hash = hash_bytes(UINT64_C(0xcbf29ce484222325), value.data, value.len) | 1;
	w = window_find(c, correlation, group);
	if (own->type == CORRELATE_TEMPORAL_ORDERED)
		return ordered(c, own, w, h);
	if (judged_late(own)) {
		if (w->begun != TIME_NONE && h->ts - w->begun > own->timespan)
			status = close_window(c, w);
		if (w->begun == TIME_NONE)
			w->begun = h->ts;
		window_push(w, h);
		return status;
	}
	while (w->count && h->ts - w->held[w->head].ts > own->timespan)
		window_pop(w);
	if (w->count == 0)
		w->cut = w->holds = false;
	else if (w->holds)
		w->holds = window_holds(own, w, &compared);
	w->begun = h->ts;
	window_push(w, h);
	held = window_holds(own, w, &compared);
	if (held && !w->holds) {
		w->holds = true;
		status = fire_window(c, w, compared);
	}
	w->holds = held;
	return status;
}

/* Windows that are over go, so that memory holds only what can still become a hit. */
static int sweep(struct correlator *c, int64_t now, bool all)
{
	int status = OK;

	for (size_t i = 0; i <= c->mask; i++) {
		struct window **at = &c->slots[i];

		while (*at) {
			struct window *w = *at;
			const struct correlation *own = c->set->rules[w->correlation]->correlation;

			if (!all && (w->begun == TIME_NONE || now - w->begun <= own->timespan)) {
				at = &w->next;
				continue;
			}
			if (judged_late(own) && own->type != CORRELATE_TEMPORAL_ORDERED &&
			    status >= 0)
				status = close_window(c, w);
			/* Closing may have made windows of outer correlations, but never moves this link's owner. */
			for (at = &c->slots[i]; *at != w; at = &(*at)->next)
				;
			*at = w->next;
			window_free(w, own->rule_count);
			c->windows--;
		}
	}
	return status;
}

static bool run_read(struct run *run)
{
	struct record r;

	run->next.len = 0;
	if (fread(&r, 1, sizeof(r), run->file) != sizeof(r) || r.size < sizeof(r))
		return false;
	buffer_append(&run->next, &r, sizeof(r));
	(void)buffer_reserve(&run->next, r.size - sizeof(r));
	if (fread(run->next.data + sizeof(r), 1, r.size - sizeof(r), run->file) !=
	    r.size - sizeof(r)) {
		run->next.len = 0;
		return false;
	}
	run->next.len = r.size;
	return true;
}

static int take(struct correlator *c, const char *bytes)
{
	struct record r;
	struct held h = {0};
	const char *at = bytes + sizeof(r);
	int status = OK;

	memcpy(&r, bytes, sizeof(r));
	h.ts = r.ts;
	h.rule = r.rule;
	h.record = r.number;
	h.id = r.id;
	h.host = xmemdup0(at, r.host);
	h.source = xmemdup0(at + r.host, r.source);
	/* Now and then; at once when there are very many. */
	if (c->windows > 4096 && r.ts - c->swept > TIME_SECOND) {
		c->swept = r.ts;
		status = sweep(c, r.ts, false);
	}
	if (status < 0) {
		held_release(&h);
		return status;
	}
	return feed_window(c, r.correlation, &h, view_of(at + r.host + r.source, r.texts));
}

int correlator_finish(struct correlator *c, correlated_hit *fn, void *data)
{
	int status = OK;
	size_t at = 0;

	c->fn = fn;
	c->data = data;
	c->swept = INT64_MIN / 2;
	sort_offsets(c);
	for (size_t i = 0; i < c->run_count; i++)
		(void)run_read(&c->runs[i]);
	while (status >= 0) {
		struct record best = {0}, r;
		const char *bytes = NULL;
		struct run *from = NULL;

		for (size_t i = 0; i <= c->run_count; i++) {
			const char *p = NULL;

			if (i < c->run_count)
				p = c->runs[i].next.len ? c->runs[i].next.data : NULL;
			else if (at < c->offset_count)
				p = c->memory.data + c->offsets[at];
			if (!p)
				continue;
			memcpy(&r, p, sizeof(r));
			if (!bytes || r.ts < best.ts || (r.ts == best.ts && r.order < best.order)) {
				best = r;
				bytes = p;
				from = i < c->run_count ? &c->runs[i] : NULL;
			}
		}
		if (!bytes)
			break;
		status = take(c, bytes);
		if (from)
			(void)run_read(from);
		else
			at++;
	}
	/* Closing windows may open outer ones: until nothing is left. */
	for (unsigned round = 0; c->windows && round < 64; round++) {
		int swept = sweep(c, INT64_MAX, true);

		if (status >= 0)
			status = swept;
	}
	return status;
}

uint64_t correlator_timeless(const struct correlator *c)
{
	return c->timeless;
}

void correlated_json(struct buffer *out, const struct correlated *hit)
{
	buffer_char(out, '{');
	rule_json(out, hit->rule);
	buffer_string(out, ",\"ts\":\"");
	time_append(out, hit->last);
	buffer_string(out, "\",\"host\":");
	if (hit->one_host && hit->place->host.len)
		text_json_quoted(out, hit->place->host);
	else
		buffer_string(out, "null");
	buffer_string(out, ",\"source\":");
	text_json_quoted(out, hit->place->source);
	buffer_string(out, ",\"record\":");
	buffer_unsigned(out, hit->place->record);
	if (hit->place->id)
		buffer_printf(out, ",\"id\":%lld", (long long)hit->place->id);
	else
		buffer_string(out, ",\"id\":null");
	buffer_string(out, ",\"matched\":[],\"first\":\"");
	time_append(out, hit->first);
	buffer_printf(out, "\",\"count\":%llu,\"value\":%.15g,\"group\":%s,\"events\":%s%s}\n",
		      (unsigned long long)hit->count, hit->value, hit->group, hit->events,
		      hit->cut ? ",\"cut\":true" : "");
}
