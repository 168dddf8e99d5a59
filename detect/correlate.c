#define _GNU_SOURCE /* qsort_r */
#include "detect/correlate.h"

#include "base/text.h"
#include "detect/hash.h"
#include "detect/hit.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>
#include <time.h>

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

/* ---- what was fed: records, sorted by group and time, in runs ---- */

struct record {
	int64_t ts;
	uint64_t number;
	int64_t id;
	uint64_t order;			      /* of feeding: the last resort */
	uint32_t size;			      /* of all of it, with the bytes behind */
	uint32_t correlation, rule, position; /* position: of the rule in the correlation */
	uint32_t group, values, host, source; /* bytes of each, behind this struct in this order */
};

struct run {
	FILE *file;
	struct buffer next; /* the record to be taken, empty at the end */
};

/* Records of the correlations of one level: those that refer to rules only, then those that refer to those, ... */
struct sorter {
	struct buffer memory;
	size_t *offsets, offset_count, offset_cap;
	struct run *runs;
	size_t run_count, run_cap;
};

struct held { /* an event in a window */
	int64_t ts;
	uint64_t record;
	int64_t id;
	uint64_t hash; /* of the value */
	double number;
	const char *host, *source; /* in the correlator's pool */
	uint32_t rule, position;
};

/* temporal_ordered: an event and the shortest chain of events before it. */
struct link {
	struct link *before;
	struct held held;
	int64_t from; /* time of the chain's first event */
	unsigned references;
};

struct distinct {
	uint64_t hash;
	uint32_t count;
};

/* Numbers in order, so that a rank is found without sorting them all again: blocks of sorted numbers. */
#define RANK_BLOCK 512u
struct rank_block {
	uint32_t count;
	double numbers[RANK_BLOCK];
};
struct ranks {
	struct rank_block **blocks;
	size_t count, cap;
};

/* Of one group of one correlation: all there is at a time, since records come group by group. */
struct window {
	uint32_t correlation;
	struct buffer group; /* texts of group-by */
	struct held *held;   /* a ring */
	size_t head, count, cap;
	struct distinct *values;
	size_t value_mask, value_used; /* slots; value_used: also those whose count fell to 0 */
	size_t distinct;
	size_t of_rule[LIMIT_CORRELATION_RULES]; /* events by position of their rule */
	struct ranks ranks;
	long double sum;
	uint64_t pushed, fired; /* events so far; of these, at the last hit */
	bool cut;
	struct link **chains; /* [length - 1][position of the last] */
	struct held
		*ties; /* events of the latest time, for which the order of two files is unknown */
	size_t tie_count, tie_cap;
};

struct correlator {
	const struct ruleset *set;
	uint32_t *level; /* by rule: of its sorter; 0 for what is no correlation */
	struct sorter *sorters;
	uint32_t levels;
	uint32_t reading; /* level that is being walked: its records stay where they are */
	uint64_t order, timeless, seed;
	char **pool; /* hosts and sources, by hash */
	size_t pool_mask, pool_count;
	struct window window;
	correlated_hit *fn;
	void *data;
};

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

static uint32_t level_of_rule(struct correlator *c, uint32_t rule)
{
	const struct correlation *own = c->set->rules[rule]->correlation;
	uint32_t level = 1;

	if (!own || c->level[rule])
		return c->level[rule];
	for (uint32_t i = 0; i < own->rule_count;
	     i++) { /* without circles: ruleset_finish saw to it */
		uint32_t below = level_of_rule(c, own->rules[i]) + 1;

		level = below > level ? below : level;
	}
	return c->level[rule] = level;
}

struct correlator *correlator_new(const struct ruleset *set)
{
	struct correlator *c = xcalloc(1, sizeof(*c));

	c->set = set;
	c->level = xcalloc(set->rule_count + 1, sizeof(*c->level));
	for (uint32_t i = 0; i < set->rule_count; i++) {
		uint32_t level = level_of_rule(c, i);

		c->levels = level + 1 > c->levels ? level + 1 : c->levels;
	}
	c->sorters = xcalloc(c->levels + 1, sizeof(*c->sorters));
	c->pool_mask = 1023;
	c->pool = xcalloc(c->pool_mask + 1, sizeof(*c->pool));
	/* Evidence must not choose values that collide. */
	if (getrandom(&c->seed, sizeof(c->seed), GRND_NONBLOCK) != sizeof(c->seed))
		c->seed = (uint64_t)(uintptr_t)c ^ (uint64_t)time(NULL);
	return c;
}

static size_t pool_slot(const struct correlator *c, const char *text, size_t n)
{
	size_t at = hash_of(c->seed, text, n) & c->pool_mask;

	while (c->pool[at] && (strncmp(c->pool[at], text, n) != 0 || c->pool[at][n]))
		at = (at + 1) & c->pool_mask;
	return at;
}

/* One copy of each host and source: there are as many as files, and events without number name them. */
static const char *pooled(struct correlator *c, const char *text, size_t n)
{
	size_t at;

	n = strnlen(text, n);
	if (2 * c->pool_count > c->pool_mask) {
		char **old = c->pool;
		size_t count = c->pool_mask + 1;

		c->pool_mask = 2 * count - 1;
		c->pool = xcalloc(c->pool_mask + 1, sizeof(*c->pool));
		for (size_t i = 0; i < count; i++)
			if (old[i])
				c->pool[pool_slot(c, old[i], strlen(old[i]))] = old[i];
		free(old);
	}
	at = pool_slot(c, text, n);
	if (!c->pool[at]) {
		c->pool[at] = xmemdup0(text, n);
		c->pool_count++;
	}
	return c->pool[at];
}

static void link_release(struct link *l)
{
	while (l && --l->references == 0) {
		struct link *before = l->before;

		free(l);
		l = before;
	}
}

static void chains_release(struct window *w, const struct correlation *own)
{
	for (size_t i = 0; w->chains && i < (size_t)own->rule_count * own->rule_count; i++)
		link_release(w->chains[i]);
	free(w->chains);
	w->chains = NULL;
}

static void ranks_release(struct ranks *r)
{
	for (size_t i = 0; i < r->count; i++)
		free(r->blocks[i]);
	free(r->blocks);
	memset(r, 0, sizeof(*r));
}

/* Empties the window; what it allocated serves the next group. */
static void window_clear(struct correlator *c)
{
	struct window *w = &c->window;

	if (w->chains)
		chains_release(w, c->set->rules[w->correlation]->correlation);
	ranks_release(&w->ranks);
	if (w->value_used)
		memset(w->values, 0, (w->value_mask + 1) * sizeof(*w->values));
	memset(w->of_rule, 0, sizeof(w->of_rule));
	w->head = w->count = w->value_used = w->distinct = w->tie_count = 0;
	w->sum = 0;
	w->pushed = w->fired = 0;
	w->cut = false;
	w->group.len = 0;
}

void correlator_free(struct correlator *c)
{
	if (!c)
		return;
	window_clear(c);
	free(c->window.held);
	free(c->window.values);
	free(c->window.ties);
	buffer_release(&c->window.group);
	for (uint32_t i = 0; i < c->levels; i++) {
		struct sorter *s = &c->sorters[i];

		for (size_t k = 0; k < s->run_count; k++) {
			if (s->runs[k].file)
				(void)fclose(s->runs[k].file);
			buffer_release(&s->runs[k].next);
		}
		free(s->runs);
		free(s->offsets);
		buffer_release(&s->memory);
	}
	free(c->sorters);
	for (size_t i = 0; i <= c->pool_mask; i++)
		free(c->pool[i]);
	free(c->pool);
	free(c->level);
	free(c);
}

static int by_bytes(const char *a, uint32_t n, const char *b, uint32_t m)
{
	int order = memcmp(a, b, n < m ? n : m);

	return order ? order : n < m ? -1 : n > m;
}

/* By correlation, group and time; equal times by their place in one file, so that the way there does not matter. */
static int by_group_and_time(const char *a, const char *b)
{
	struct record x, y;
	int order;

	memcpy(&x, a, sizeof(x));
	memcpy(&y, b, sizeof(y));
	a += sizeof(x);
	b += sizeof(y);
	if (x.correlation != y.correlation)
		return x.correlation < y.correlation ? -1 : 1;
	if ((order = by_bytes(a, x.group, b, y.group)) != 0)
		return order;
	if (x.ts != y.ts)
		return x.ts < y.ts ? -1 : 1;
	a += x.group + x.values + x.host;
	b += y.group + y.values + y.host;
	if ((order = by_bytes(a, x.source, b, y.source)) != 0)
		return order;
	if (x.number != y.number)
		return x.number < y.number ? -1 : 1;
	if (x.position != y.position)
		return x.position < y.position ? -1 : 1;
	return x.order < y.order ? -1 : x.order > y.order;
}

static int offsets_order(const void *a, const void *b, void *memory)
{
	return by_group_and_time((const char *)memory + *(const size_t *)a,
				 (const char *)memory + *(const size_t *)b);
}

static void sort_offsets(struct sorter *s)
{
	if (s->offset_count)
		qsort_r(s->offsets, s->offset_count, sizeof(*s->offsets), offsets_order,
			s->memory.data);
}

static int spill(struct sorter *s)
{
	FILE *f = tmpfile();

	if (!f)
		return ERR_IO;
	sort_offsets(s);
	for (size_t i = 0; i < s->offset_count; i++) {
		struct record r;

		memcpy(&r, s->memory.data + s->offsets[i], sizeof(r));
		if (fwrite(s->memory.data + s->offsets[i], 1, r.size, f) != r.size) {
			(void)fclose(f);
			return ERR_IO;
		}
	}
	if (fflush(f) != 0) {
		(void)fclose(f);
		return ERR_IO;
	}
	rewind(f);
	s->runs = xgrow(s->runs, &s->run_cap, s->run_count + 1, sizeof(*s->runs));
	s->runs[s->run_count++] = (struct run){.file = f};
	/* The other levels need the memory now. */
	buffer_release(&s->memory);
	free(s->offsets);
	s->offsets = NULL;
	s->offset_count = s->offset_cap = 0;
	return OK;
}

static size_t sorter_bytes(const struct sorter *s)
{
	return s->memory.len + s->offset_count * sizeof(*s->offsets);
}

/* Puts a record where its level reads it. The correlation's group and values are in `texts`. */
static int record_add(struct correlator *c, uint32_t correlation, uint32_t rule,
		      const struct hit_place *place, struct view texts)
{
	const struct correlation *own = c->set->rules[correlation]->correlation;
	struct sorter *s = &c->sorters[c->level[correlation]], *largest = s;
	struct record r = {.ts = place->ts,
			   .number = place->record,
			   .id = place->id,
			   .correlation = correlation,
			   .rule = rule};
	struct view rest = texts, text;
	size_t total = 0;
	bool there;

	/* A field that an event lacks leaves the event out. */
	for (uint32_t i = 0; i < own->group_count + own->field_count; i++) {
		if (i == own->group_count)
			r.group = (uint32_t)(texts.len - rest.len);
		if (!text_next(&rest, &text, &there) || !there)
			return OK;
	}
	if (!own->field_count)
		r.group = (uint32_t)(texts.len - rest.len);
	r.values = (uint32_t)(texts.len - rest.len) - r.group;
	r.order = c->order++;
	r.host = (uint32_t)place->host.len;
	r.source = (uint32_t)place->source.len;
	r.size = (uint32_t)(sizeof(r) + r.group + r.values + r.host + r.source);
	for (r.position = 0; r.position < own->rule_count && own->rules[r.position] != rule;)
		r.position++;
	if (r.position == own->rule_count)
		return ERR_FORMAT;
	s->offsets = xgrow(s->offsets, &s->offset_cap, s->offset_count + 1, sizeof(*s->offsets));
	s->offsets[s->offset_count++] = s->memory.len;
	buffer_append(&s->memory, &r, sizeof(r));
	buffer_view(&s->memory, view_clip(texts, 0, r.group + r.values));
	buffer_view(&s->memory, place->host);
	buffer_view(&s->memory, place->source);
	for (uint32_t i = 0; i < c->levels; i++) {
		if (i <= c->reading)
			continue;
		total += sorter_bytes(&c->sorters[i]);
		if (sorter_bytes(&c->sorters[i]) > sorter_bytes(largest))
			largest = &c->sorters[i];
	}
	return total > LIMIT_CORRELATION_MEMORY ? spill(largest) : OK;
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
		uint32_t index, size;
		int status;

		if (!view_u32le(encoded, at, &index) || !view_u32le(encoded, at + 4, &size) ||
		    !view_has(encoded, at + 8, size) || index >= c->set->rule_count ||
		    !c->set->rules[index]->correlation)
			return ERR_FORMAT;
		status = record_add(c, index, rule, place, view_sub(encoded, at + 8, size));
		if (status < 0)
			return status;
		at += 8 + (size_t)size;
	}
	return OK;
}

/* ---- windows ---- */

static struct distinct *value_slot(struct window *w, uint64_t hash)
{
	size_t at;

	if (w->value_used * 2 >= w->value_mask) {
		struct distinct *old = w->values;
		size_t n = w->values ? w->value_mask + 1 : 0, mask = 15;

		while (mask < 4 * (w->distinct + 1))
			mask = mask * 2 + 1;
		w->values = xcalloc(mask + 1, sizeof(*w->values));
		w->value_mask = mask;
		w->value_used = 0;
		for (size_t i = 0; i < n; i++)
			if (old[i].count)
				*value_slot(w, old[i].hash) = old[i];
		free(old);
	}
	for (at = hash & w->value_mask; w->values[at].hash != hash; at = (at + 1) & w->value_mask) {
		if (w->values[at].hash == 0) {
			w->values[at].hash = hash;
			w->value_used++;
			break;
		}
	}
	return &w->values[at];
}

/* The block where the number stands or belongs. */
static size_t rank_find(const struct ranks *r, double number)
{
	size_t low = 0, high = r->count - 1;

	while (low < high) {
		size_t middle = (low + high) / 2;

		if (r->blocks[middle]->numbers[r->blocks[middle]->count - 1] < number)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static void rank_block_add(struct ranks *r, size_t at, struct rank_block *block)
{
	r->blocks = xgrow(r->blocks, &r->cap, r->count + 1, sizeof(struct rank_block *));
	memmove(&r->blocks[at + 1], &r->blocks[at], (r->count - at) * sizeof(struct rank_block *));
	r->blocks[at] = block;
	r->count++;
}

static void rank_add(struct ranks *r, double number)
{
	struct rank_block *b;
	size_t at;
	uint32_t i;

	if (!r->count)
		rank_block_add(r, 0, xcalloc(1, sizeof(*b)));
	at = r->blocks[0]->count ? rank_find(r, number) : 0;
	b = r->blocks[at];
	if (b->count == RANK_BLOCK) {
		struct rank_block *half = xcalloc(1, sizeof(*half));

		b->count = RANK_BLOCK / 2;
		half->count = RANK_BLOCK - b->count;
		memcpy(half->numbers, b->numbers + b->count, half->count * sizeof(double));
		rank_block_add(r, at + 1, half);
		if (b->numbers[b->count - 1] < number)
			b = half;
	}
	for (i = b->count; i > 0 && b->numbers[i - 1] > number; i--)
		b->numbers[i] = b->numbers[i - 1];
	b->numbers[i] = number;
	b->count++;
}

static void rank_remove(struct ranks *r, double number)
{
	size_t at = rank_find(r, number);
	struct rank_block *b = r->blocks[at];
	uint32_t i = 0;

	while (i + 1 < b->count && b->numbers[i] < number)
		i++;
	memmove(&b->numbers[i], &b->numbers[i + 1], (b->count - i - 1) * sizeof(double));
	if (--b->count == 0 && r->count > 1) {
		free(b);
		memmove(&r->blocks[at], &r->blocks[at + 1],
			(r->count - at - 1) * sizeof(struct rank_block *));
		r->count--;
	}
}

static double rank_get(const struct ranks *r, size_t rank)
{
	for (size_t i = 0; i < r->count; i++) {
		if (rank < r->blocks[i]->count)
			return r->blocks[i]->numbers[rank];
		rank -= r->blocks[i]->count;
	}
	return 0;
}

static bool is_ranked(const struct correlation *c)
{
	return c->type == CORRELATE_VALUE_PERCENTILE || c->type == CORRELATE_VALUE_MEDIAN;
}

static void window_pop(struct window *w, const struct correlation *own)
{
	struct held *h = &w->held[w->head];

	if (own->type == CORRELATE_VALUE_COUNT) {
		struct distinct *d = value_slot(w, h->hash);

		if (d->count && --d->count == 0)
			w->distinct--;
	}
	if (is_ranked(own))
		rank_remove(&w->ranks, h->number);
	w->sum -= h->number;
	w->of_rule[h->position]--;
	w->head = (w->head + 1) % w->cap;
	if (--w->count == 0)
		w->sum = 0;
}

static void window_push(struct window *w, const struct correlation *own, const struct held *h)
{
	if (w->count >= LIMIT_WINDOW) {
		window_pop(w, own);
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
	if (own->type == CORRELATE_VALUE_COUNT && value_slot(w, h->hash)->count++ == 0)
		w->distinct++;
	if (is_ranked(own))
		rank_add(&w->ranks, h->number);
	w->sum += h->number;
	w->of_rule[h->position]++;
	w->pushed++;
}

/* Linear interpolation between the ranks around p (0..100), as spreadsheets and numpy do. */
static double percentile(const struct window *w, double p)
{
	double rank = p / 100 * (double)(w->count - 1), result;
	size_t low = (size_t)rank;

	result = rank_get(&w->ranks, low);
	if (low + 1 < w->count)
		result += (rank - (double)low) * (rank_get(&w->ranks, low + 1) - result);
	return result;
}

static double measure(const struct correlation *c, const struct window *w)
{
	switch (c->type) {
	case CORRELATE_VALUE_COUNT:
		return (double)w->distinct;
	case CORRELATE_VALUE_SUM:
		return (double)w->sum;
	case CORRELATE_VALUE_AVG:
		return w->count ? (double)(w->sum / (long double)w->count) : 0;
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

static bool expression(const struct window *w, const struct node *n)
{
	switch ((enum node_type)n->type) {
	case NODE_PREDICATE:
		return w->of_rule[n->predicate] > 0;
	case NODE_NOT:
		return !expression(w, n->kids[0]);
	case NODE_AND:
		for (uint32_t i = 0; i < n->count; i++)
			if (!expression(w, n->kids[i]))
				return false;
		return true;
	case NODE_OR:
		for (uint32_t i = 0; i < n->count; i++)
			if (expression(w, n->kids[i]))
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
	*value = 0;
	if (w->count == 0)
		return false;
	if (c->type != CORRELATE_TEMPORAL) {
		*value = measure(c, w);
		return in_range(c, *value);
	}
	for (uint32_t i = 0; i < c->rule_count; i++)
		*value += w->of_rule[i] > 0;
	if (c->condition)
		return expression(w, c->condition);
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
	json_text(out, "\",\"host\":", *h->host ? h->host : NULL);
	json_text(out, ",\"source\":", h->source);
	buffer_string(out, ",\"record\":");
	buffer_unsigned(out, h->record);
	if (h->id)
		buffer_printf(out, ",\"id\":%lld}", (long long)h->id);
	else
		buffer_string(out, ",\"id\":null}");
}

/* What refers to this correlation sees it as an event with the fields of its group. */
static int feed_outer(struct correlator *c, const struct rule *rule, struct view group,
		      const struct hit_place *place)
{
	const struct correlation *own = rule->correlation;
	int status = OK;

	for (uint32_t i = 0; rule->referenced && status >= 0 && i < c->set->rule_count; i++) {
		const struct correlation *outer = c->set->rules[i]->correlation;
		struct buffer texts = {0};

		if (!outer || !refers(outer, rule->index))
			continue;
		for (uint32_t k = 0; k < outer->group_count + outer->field_count; k++) {
			const char *name = field_of(outer,
						    k < outer->group_count
							    ? outer->group_by[k]
							    : outer->fields[k - outer->group_count],
						    rule->index);
			struct view rest = group, text = VIEW_EMPTY;
			bool there = false, found = false;

			for (uint32_t g = 0;
			     !found && g < own->group_count && text_next(&rest, &text, &there); g++)
				found = strcmp(own->group_by[g], name) == 0;
			put_text(&texts, found && there, text);
		}
		status = record_add(c, i, rule->index, place, buffer_as_view(&texts));
		buffer_release(&texts);
	}
	return status;
}

static int fire(struct correlator *c, const struct held *const *events, size_t count, double value)
{
	const struct window *w = &c->window;
	const struct rule *rule = c->set->rules[w->correlation];
	const struct correlation *own = rule->correlation;
	const struct held *last = events[count - 1];
	struct buffer list = {0}, group = {0};
	struct view rest = buffer_as_view(&w->group),
		    *values = xcalloc(own->group_count + 1, sizeof(*values));
	struct hit_place place = {.ts = last->ts,
				  .host = view_text(last->host),
				  .source = view_text(last->source),
				  .record = last->record,
				  .id = last->id};
	struct correlated hit = {.rule = rule,
				 .first = events[0]->ts,
				 .last = last->ts,
				 .place = &place,
				 .count = count,
				 .value = value,
				 .group_by = own->group_by,
				 .group_values = values,
				 .group_count = own->group_count,
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
		hit.one_host &= strcmp(events[i]->host, last->host) == 0;
	buffer_char(&list, ']');
	buffer_char(&group, '{');
	for (uint32_t i = 0; i < own->group_count && text_next(&rest, &values[i], &there); i++) {
		json_text(&group, i ? "," : "", own->group_by[i]);
		buffer_char(&group, ':');
		text_json_quoted(&group, values[i]);
	}
	buffer_char(&group, '}');
	hit.group = buffer_text(&group);
	hit.events = buffer_text(&list);
	if (!rule->silent)
		status = c->fn(c->data, &hit);
	if (status >= 0)
		status = feed_outer(c, rule, buffer_as_view(&w->group), &place);
	buffer_release(&list);
	buffer_release(&group);
	free(values);
	return status;
}

static int fire_window(struct correlator *c, double value)
{
	const struct window *w = &c->window;
	const struct held **events = xmalloc((w->count + 1) * sizeof(*events));
	int status;

	for (size_t i = 0; i < w->count; i++)
		events[i] = &w->held[(w->head + i) % w->cap];
	status = fire(c, events, w->count, value);
	free(events);
	return status;
}

/* How many rules must have happened in their order. */
static uint32_t chain_length(const struct correlation *own)
{
	if (own->has_equal)
		return (uint32_t)own->equal;
	return !own->has_lower ? own->rule_count : (uint32_t)own->lower + own->lower_open;
}

/*
 * For each length and last position the chain whose first event is the latest: it is the shortest that can
 * still be finished. *longer when the event made one; *hit when one is whole.
 */
static void extend_chains(struct window *w, const struct correlation *own, const struct held *h,
			  struct link **whole, bool *longer)
{
	uint32_t n = own->rule_count, p = h->position, need = chain_length(own);

	for (uint32_t length = need; length-- > 0;) {
		struct link **at = &w->chains[(size_t)length * n + p], *before = NULL, *made;

		for (uint32_t q = 0; length > 0 && q < p; q++) {
			struct link *l = w->chains[(size_t)(length - 1) * n + q];

			if (l && h->ts - l->from <= own->timespan &&
			    (!before || l->from > before->from))
				before = l;
		}
		if (length > 0 && !before)
			continue;
		/* A second look at an event of the same time: only a later beginning is better. */
		if (*at && (*at)->held.ts == h->ts &&
		    (before ? before->from : h->ts) <= (*at)->from)
			continue;
		made = xcalloc(1, sizeof(*made));
		*made = (struct link){.before = before,
				      .held = *h,
				      .from = before ? before->from : h->ts,
				      .references = 1};
		if (before)
			before->references++;
		link_release(*at);
		*at = made;
		*longer = true;
		if (length + 1 == need)
			*whole = made;
	}
}

static int ordered(struct correlator *c, const struct correlation *own, const struct held *h)
{
	const struct held *events[LIMIT_CORRELATION_RULES] = {0};
	struct window *w = &c->window;
	uint32_t need = chain_length(own), n = need;
	struct link *whole = NULL;
	bool longer = false;
	int status;

	if (!w->chains)
		w->chains =
			xcalloc((size_t)own->rule_count * own->rule_count, sizeof(struct link *));
	if (w->tie_count && w->ties[0].ts != h->ts)
		w->tie_count = 0;
	extend_chains(w, own, h, &whole, &longer);
	/* Of two files nobody knows which came first at the same time: both orders count. */
	for (uint32_t round = 0; longer && !whole && w->tie_count && round < need; round++) {
		longer = false;
		for (size_t i = 0; i < w->tie_count && !whole; i++)
			if (w->ties[i].source != h->source)
				extend_chains(w, own, &w->ties[i], &whole, &longer);
	}
	if (w->tie_count < LIMIT_TIES) {
		w->ties = xgrow(w->ties, &w->tie_cap, w->tie_count + 1, sizeof(*w->ties));
		w->ties[w->tie_count++] = *h;
	}
	if (!whole)
		return OK;
	for (const struct link *l = whole; l; l = l->before)
		events[--n] = &l->held;
	status = fire(c, events, need, need);
	chains_release(w, own); /* each event counts for one hit */
	w->tie_count = 0;
	return status;
}

static bool has_not(const struct node *n)
{
	if (n->type == NODE_NOT)
		return true;
	for (uint32_t i = 0; i < n->count; i++)
		if (has_not(n->kids[i]))
			return true;
	return false;
}

/* Whether more events can end what holds: then a window is judged when no more can come into it. */
static bool judged_late(const struct correlation *c)
{
	return c->has_upper || c->has_equal || c->has_unequal ||
	       (c->condition && has_not(c->condition));
}

/* A hit when the window holds and none of its events stands in the hit before: an event is in one at most. */
static int judge(struct correlator *c, const struct correlation *own)
{
	struct window *w = &c->window;
	double value;

	if (w->pushed - w->count < w->fired || !window_holds(own, w, &value))
		return OK;
	w->fired = w->pushed;
	return fire_window(c, value);
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

/* The next event of the window's group. */
static int feed_window(struct correlator *c, struct held *h, struct view values)
{
	const struct correlation *own = c->set->rules[c->window.correlation]->correlation;
	struct window *w = &c->window;
	struct view rest = values, text;
	int status = OK;
	bool there;

	if (own->type >= CORRELATE_VALUE_SUM &&
	    (!text_next(&rest, &text, &there) || !number_text(text, &h->number)))
		return OK;
	if (own->type == CORRELATE_TEMPORAL_ORDERED) {
		/* A rule that stands twice is met at each place, the last first: an event is no two of a chain. */
		for (uint32_t p = own->rule_count; p-- > 0 && status >= 0;) {
			h->position = p;
			if (own->rules[p] == h->rule)
				status = ordered(c, own, h);
		}
		return status;
	}
	h->hash = hash_of(c->seed, values.data, values.len) | 1;
	if (w->count && h->ts - w->held[w->head].ts > own->timespan) {
		if (judged_late(own))
			status = judge(c, own);
		while (w->count && h->ts - w->held[w->head].ts > own->timespan)
			window_pop(w, own);
		if (w->count == 0)
			w->cut = false;
	}
	window_push(w, own, h);
	return status < 0 || judged_late(own) ? status : judge(c, own);
}

/* The group is over. */
static int close_window(struct correlator *c)
{
	const struct correlation *own;
	int status = OK;

	if (c->window.count) {
		own = c->set->rules[c->window.correlation]->correlation;
		if (judged_late(own))
			status = judge(c, own);
	}
	window_clear(c);
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
	struct window *w = &c->window;
	struct record r;
	struct held h = {0};
	struct view group, values;
	const char *at = bytes + sizeof(r);
	int status = OK;

	memcpy(&r, bytes, sizeof(r));
	group = view_of(at, r.group);
	values = view_of(at + r.group, r.values);
	at += r.group + r.values;
	h = (struct held){.ts = r.ts,
			  .rule = r.rule,
			  .position = r.position,
			  .record = r.number,
			  .id = r.id,
			  .host = pooled(c, at, r.host),
			  .source = pooled(c, at + r.host, r.source)};
	if (w->correlation != r.correlation || !view_equal(buffer_as_view(&w->group), group)) {
		status = close_window(c);
		w->correlation = r.correlation;
		w->group.len = 0;
		buffer_view(&w->group, group);
	}
	return status < 0 ? status : feed_window(c, &h, values);
}

static int walk(struct correlator *c, struct sorter *s)
{
	size_t at = 0;
	int status = OK;

	sort_offsets(s);
	for (size_t i = 0; i < s->run_count; i++)
		(void)run_read(&s->runs[i]);
	while (status >= 0) {
		const char *best = NULL;
		struct run *from = NULL;

		for (size_t i = 0; i <= s->run_count; i++) {
			const char *p = NULL;

			if (i < s->run_count)
				p = s->runs[i].next.len ? s->runs[i].next.data : NULL;
			else if (at < s->offset_count)
				p = s->memory.data + s->offsets[at];
			if (!p || (best && by_group_and_time(p, best) >= 0))
				continue;
			best = p;
			from = i < s->run_count ? &s->runs[i] : NULL;
		}
		if (!best)
			break;
		status = take(c, best);
		if (from)
			(void)run_read(from);
		else
			at++;
	}
	for (size_t i = 0; i < s->run_count; i++)
		if (s->runs[i].file && ferror(s->runs[i].file))
			status = status < 0 ? status : ERR_IO;
	return status;
}

int correlator_finish(struct correlator *c, correlated_hit *fn, void *data)
{
	int status = OK;

	c->fn = fn;
	c->data = data;
	/* What a level finds is fed to levels above it only. */
	for (c->reading = 1; c->reading < c->levels && status >= 0; c->reading++) {
		c->window.correlation = UINT32_MAX;
		status = walk(c, &c->sorters[c->reading]);
		if (status >= 0)
			status = close_window(c);
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
