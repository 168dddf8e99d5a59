/* From rules to the engine's index: literals, databases, covers, sources. */
#include "detect/internal.h"

#include "base/sha256.h"
#include "base/version.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

/* Longer literals are looked for by their first bytes; the pattern then decides. */
#define LITERAL_MAX 128u

static double seconds(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* ---- what each predicate is looked for by ---- */

struct wanted { /* a literal of one predicate, before equal ones are put together */
	uint32_t field, predicate, anchor;
	struct view text;
};

struct builder {
	struct engine *e;
	struct wanted *list;
	size_t count, cap;
	size_t whole_cap;
};

static bool special(uint8_t c)
{
	return c >= PATTERN_ANY;
}

/* Texts that are numbers, times, identifiers hold none but text_plain's characters. */
static bool plain_text(struct view text)
{
	for (size_t i = 0; i < text.len; i++)
		if (!text_plain[text.data[i]])
			return false;
	return true;
}

static void whole_add(struct builder *b, uint32_t predicate, uint32_t field, struct view text)
{
	struct engine *e = b->e;

	e->wholes = xgrow(e->wholes, &b->whole_cap, e->whole_count + 1, sizeof(*e->wholes));
	e->wholes[e->whole_count++] = (struct whole){.hash = hash_of(field, text.data, text.len),
						     .text = text,
						     .field = field,
						     .predicate = predicate};
	if (e->fields[field].whole_max < text.len + 1)
		e->fields[field].whole_max = (uint32_t)text.len + 1;
	e->fields[field].scanned = true;
	e->plain_predicates[predicate] |= plain_text(text);
}

static void literal_add(struct builder *b, uint32_t predicate, uint32_t field, enum anchor anchor,
			struct view text)
{
	b->list = xgrow(b->list, &b->cap, b->count + 1, sizeof(*b->list));
	b->list[b->count++] = (struct wanted){field, predicate, anchor, text};
	b->e->fields[field].scanned = true;
	b->e->plain_predicates[predicate] |= plain_text(text);
}

static struct view arena_copy(struct engine *e, struct view v)
{
	char *p = arena_strndup(&e->set->arena, v.data, v.len);

	return view_of(p ? p : "", p ? v.len : 0);
}

/* The pattern without case, as values are scanned. */
static struct view folded_pattern(struct engine *e, const struct predicate *p)
{
	struct buffer b = {0};
	struct view rest = p->text, done;

	if (!p->cased)
		return p->text;
	while (rest.len) {
		size_t n = 0;

		while (n < rest.len && !special(rest.data[n]))
			n++;
		fold_utf8(&b, view_clip(rest, 0, n));
		rest = view_from(rest, n);
		if (rest.len) {
			buffer_char(&b, (char)rest.data[0]);
			rest = view_from(rest, 1);
		}
	}
	done = arena_copy(e, buffer_as_view(&b));
	buffer_release(&b);
	return done;
}

static void string_index(struct builder *b, uint32_t index)
{
	struct engine *e = b->e;
	const struct predicate *p = &e->set->predicates[index];
	struct view text = folded_pattern(e, p), best = VIEW_EMPTY;
	size_t inner = 0, from = 0;
	enum anchor anchor;

	for (size_t i = 0; i < text.len; i++)
		inner += special(text.data[i]);
	e->how[index] = p->cased ? HOW_VERIFY : HOW_EXACT;
	if (inner == 0) {
		whole_add(b, index, p->field, text);
		return;
	}
	/* [*] literal [*] */
	{
		bool head = text.data[0] == PATTERN_ANY,
		     tail = text.data[text.len - 1] == PATTERN_ANY;
		struct view middle =
			view_sub(text, head, text.len - head - (tail && text.len > head));

		if (inner == (size_t)head + (tail && text.len > (size_t)head) && middle.len) {
			anchor = head && tail ? ANCHOR_INSIDE : head ? ANCHOR_END : ANCHOR_START;
			if (middle.len > LITERAL_MAX) {
				e->how[index] = HOW_VERIFY;
				middle = anchor == ANCHOR_END
						 ? view_from(middle, middle.len - LITERAL_MAX)
						 : view_clip(middle, 0, LITERAL_MAX);
			}
			literal_add(b, index, p->field, anchor, middle);
			return;
		}
	}
	/* Wildcards inside: the longest piece says perhaps. */
	for (size_t i = 0; i <= text.len; i++) {
		if (i == text.len || special(text.data[i])) {
			if (i - from > best.len)
				best = view_sub(text, from, i - from);
			from = i + 1;
		}
	}
	if (best.len < 2) {
		e->how[index] = HOW_LAZY;
		return;
	}
	e->how[index] = HOW_VERIFY;
	literal_add(b, index, p->field, ANCHOR_INSIDE, view_clip(best, 0, LITERAL_MAX));
}

/*
 * A text that every match of the expression contains, folded; empty when none is certain. Reads only
 * what stands outside of groups and classes, and gives up at what could change the meaning of letters.
 */
static void regex_literal(const struct predicate *p, struct buffer *best)
{
	struct view t = p->text;
	struct buffer run = {0};
	unsigned depth = 0;
	bool caseless = p->regex_i;

	best->len = 0;
	for (size_t i = 0; i + 1 < t.len; i++) {
		if (t.data[i] == '\\' && (t.data[i + 1] == 'Q' || t.data[i + 1] == 'E'))
			return;
		if (t.data[i] == '(' && (t.data[i + 1] == '?' || t.data[i + 1] == '*'))
			caseless = true; /* flags may stand there; extended mode ends it below */
	}
	for (size_t i = 0; i <= t.len; i++) {
		uint8_t c = i < t.len ? t.data[i] : 0, next = i + 1 < t.len ? t.data[i + 1] : 0;
		bool literal = false;

		if (i < t.len && c == '(' && next == '?') {
			/* (?x) and (?flags: x in them makes blanks and # mean nothing */
			for (size_t k = i + 2; k < t.len && t.data[k] != ')' && t.data[k] != ':';
			     k++) {
				if (t.data[k] == 'x') {
					best->len = 0;
					goto out;
				}
			}
		}
		if (c == '(') {
			depth++;
		} else if (c == ')') {
			depth -= depth > 0;
		} else if (c == '[') { /* a class: to its end, a first ] belongs to it */
			i += next == '^' ? 2 : 1;
			if (i < t.len && t.data[i] == ']')
				i++;
			for (; i < t.len && t.data[i] != ']'; i++) {
				if (t.data[i] == '\\')
					i++;
				else if (t.data[i] == '[' && i + 1 < t.len && t.data[i + 1] == ':')
					goto none; /* POSIX classes: not worth it */
			}
			next = i + 1 < t.len ? t.data[i + 1] : 0;
		} else if (c == '|' && depth == 0) {
			goto none;
		} else if (c == '\\') {
			i++;
			c = i < t.len ? t.data[i] : 0;
			next = i + 1 < t.len ? t.data[i + 1] : 0;
			if ((c >= '0' && c <= '9') || c == 'x' || c == 'c' || c == 'o' ||
			    c == 'p' || c == 'P' || c == 'g' || c == 'k' || c == 'N' || c == 'u' ||
			    c == 'U')
				goto none; /* what follows belongs to it */
			literal = c && c < 0x80 &&
				  !((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'));
		} else if (c && c < 0x80 && !strchr(".^$*+?{}|", c)) {
			literal = true;
		}
		/* Unicode knows other letters that are s or k without case. */
		if (literal && caseless && ((c | 32) == 's' || (c | 32) == 'k'))
			literal = false;
		if (literal && depth == 0 && next != '*' && next != '?' && next != '{') {
			buffer_char(&run, (char)(c >= 'A' && c <= 'Z' ? c + 32 : c));
			if (next != '+')
				continue;
		}
		if (run.len > best->len) {
			best->len = 0;
			buffer_view(best, buffer_as_view(&run));
		}
		run.len = 0;
		if (c == '{' && depth == 0) /* {2,5} is no text */
			while (i < t.len && t.data[i] != '}')
				i++;
	}
	goto out;
none:
	best->len = 0;
out:
	buffer_release(&run);
}

static void regex_index(struct builder *b, uint32_t index)
{
	const struct predicate *p = &b->e->set->predicates[index];
	struct buffer literal = {0};

	regex_literal(p, &literal);
	if (literal.len >= 3) {
		b->e->how[index] = HOW_VERIFY;
		literal_add(b, index, p->field, ANCHOR_INSIDE,
			    arena_copy(b->e, view_clip(buffer_as_view(&literal), 0, LITERAL_MAX)));
	}
	buffer_release(&literal);
}

static int by_literal(const void *a, const void *b)
{
	const struct wanted *x = a, *y = b;
	size_t n = x->text.len < y->text.len ? x->text.len : y->text.len;
	int order;

	if (x->field != y->field)
		return x->field < y->field ? -1 : 1;
	order = memcmp(x->text.data, y->text.data, n);
	if (order)
		return order;
	if (x->text.len != y->text.len)
		return x->text.len < y->text.len ? -1 : 1;
	return x->predicate < y->predicate ? -1 : x->predicate > y->predicate;
}

static void index_predicates(struct engine *e)
{
	struct builder b = {.e = e};
	size_t n = e->set->predicate_count;

	for (uint32_t i = 0; i < n; i++) {
		const struct predicate *p = &e->set->predicates[i];

		e->how[i] = HOW_LAZY;
		if (e->plain)
			continue;
		if (p->type == PREDICATE_STRING) {
			string_index(&b, i);
		} else if (p->type == PREDICATE_REGEX) {
			regex_index(&b, i);
		} else if (p->type == PREDICATE_NUMBER && p->integral) {
			char text[32];
			int len = snprintf(text, sizeof(text), "%lld", (long long)p->integer);

			e->how[i] = HOW_EXACT;
			e->fields[p->field].numbers = true;
			whole_add(&b, i, p->field, arena_copy(e, view_of(text, (size_t)len)));
		}
	}
	if (b.count)
		qsort(b.list, b.count, sizeof(*b.list), by_literal);
	e->uses = xcalloc(b.count + 1, sizeof(*e->uses));
	e->literals = xcalloc(b.count + 1, sizeof(*e->literals));
	for (size_t i = 0; i < b.count; i++) {
		const struct wanted *w = &b.list[i];
		struct literal *l = e->literal_count ? &e->literals[e->literal_count - 1] : NULL;

		if (!l || l->field != w->field || !view_equal(l->text, w->text)) {
			struct field_index *f = &e->fields[w->field];

			if (!f->literal_count)
				f->literal_first = (uint32_t)e->literal_count;
			f->literal_count++;
			l = &e->literals[e->literal_count++];
			*l = (struct literal){.text = w->text,
					      .field = w->field,
					      .use_first = (uint32_t)e->use_count};
		}
		e->uses[e->use_count++] = (struct use){w->predicate, w->anchor};
		l->use_count++;
	}
	free(b.list);
	e->whole_mask = 1023;
	while (e->whole_mask < e->whole_count * 2)
		e->whole_mask = e->whole_mask * 2 + 1;
	e->whole_slots = xcalloc(e->whole_mask + 1, sizeof(*e->whole_slots));
	for (size_t i = 0; i < e->whole_count; i++) {
		uint32_t *slot = &e->whole_slots[e->wholes[i].hash & e->whole_mask];

		e->wholes[i].next = *slot;
		*slot = (uint32_t)i + 1;
	}
}

/* ---- covers ---- */

struct cover {
	uint32_t *predicates;
	size_t count, cap;
	double cost; /* how often, by a rough guess, one of them is found */
	bool none;
};

/* How often a literal of that length and place is found, by guess. Only the order matters. */
static double guess(const struct engine *e, uint32_t index)
{
	const struct predicate *p = &e->set->predicates[index];
	double length = (double)p->text.len;
	bool anchored = p->text.len && (p->text.data[0] != PATTERN_ANY ||
					p->text.data[p->text.len - 1] != PATTERN_ANY);
	const char *field = e->set->fields[p->field];
	double cost = e->how[index] == HOW_EAGER ? 0.02
		      : length <= 3		 ? 0.5
		      : length <= 5		 ? 0.2
		      : anchored		 ? 0.04
						 : 0.5 / length;

	/* Everybody starts shells: a path's end says little, what stands in a command line much. */
	if (strstr(field, "Image") || strcmp(field, "OriginalFileName") == 0)
		cost = cost < 0.05 ? 0.05 : cost;
	return cost;
}

static struct cover cover_of(const struct engine *e, const struct node *n)
{
	struct cover best = {.none = true};

	switch ((enum node_type)n->type) {
	case NODE_PREDICATE:
		if (e->how[n->predicate] == HOW_LAZY ||
		    e->fields[e->set->predicates[n->predicate].field].constant)
			return best;
		best.none = false;
		best.predicates = xgrow(NULL, &best.cap, 1, sizeof(*best.predicates));
		best.predicates[best.count++] = n->predicate;
		best.cost = guess(e, n->predicate);
		return best;
	case NODE_SELECTION:
		return cover_of(e, n->kids[0]);
	case NODE_NOT:
		return best;
	case NODE_NEVER:
		best.none = false; /* needs no rule to be looked at */
		return best;
	case NODE_AND:
		for (uint32_t i = 0; i < n->count; i++) {
			struct cover c = cover_of(e, n->kids[i]);

			if (!c.none && (best.none || c.cost < best.cost)) {
				free(best.predicates);
				best = c;
			} else {
				free(c.predicates);
			}
		}
		return best;
	case NODE_OR:
	case NODE_COUNT:
		best.none = n->count == 0;
		for (uint32_t i = 0; i < n->count; i++) {
			struct cover c = cover_of(e, n->kids[i]);

			if (c.none) {
				free(best.predicates);
				best = (struct cover){.none = true};
				return best;
			}
			best.predicates = xgrow(best.predicates, &best.cap,
						best.count + c.count + 1, sizeof(*best.predicates));
			if (c.count)
				memcpy(best.predicates + best.count, c.predicates,
				       c.count * sizeof(*c.predicates));
			best.count += c.count;
			best.cost += c.cost;
			free(c.predicates);
		}
		return best;
	}
	return best;
}

struct pair {
	uint32_t predicate, rule;
};

static int by_predicate(const void *a, const void *b)
{
	const struct pair *x = a, *y = b;

	return x->predicate != y->predicate ? (x->predicate < y->predicate ? -1 : 1)
	       : x->rule < y->rule	    ? -1
					    : x->rule > y->rule;
}

static void fields_of(const struct engine *e, const struct node *n, uint32_t stamp, uint32_t *seen,
		      uint32_t **out, size_t *count, size_t *cap)
{
	if (n->type == NODE_PREDICATE) {
		uint32_t f = e->set->predicates[n->predicate].field;

		if (seen[f] == stamp)
			return;
		seen[f] = stamp;
		*out = xgrow(*out, cap, *count + 1, sizeof(**out));
		(*out)[(*count)++] = f;
		return;
	}
	for (uint32_t i = 0; i < n->count; i++)
		fields_of(e, n->kids[i], stamp, seen, out, count, cap);
}

/* Long lists of values are asked for by every rule that names them: whether one was found is noted once. */
#define LIST_MIN 3

struct lists {
	struct pair *pairs; /* predicate, list */
	size_t count, cap;
};

static void lists_of(struct engine *e, struct node *n, struct lists *all)
{
	bool scanned = n->type == NODE_OR && n->count >= LIST_MIN, exact = true;

	if (n->list || n->type == NODE_PREDICATE)
		return;
	for (uint32_t i = 0; i < n->count; i++) {
		const struct node *kid = n->kids[i];

		if (kid->type != NODE_PREDICATE) {
			lists_of(e, n->kids[i], all);
			scanned = false;
		} else {
			/* A constant field is not scanned where it decides whether a rule is looked at at all. */
			scanned &= e->how[kid->predicate] != HOW_LAZY;
			exact &= e->how[kid->predicate] == HOW_EXACT;
		}
	}
	if (!scanned)
		return;
	n->list = ++e->list_count;
	n->exact = exact;
	for (uint32_t i = 0; i < n->count; i++) {
		all->pairs = xgrow(all->pairs, &all->cap, all->count + 1, sizeof(*all->pairs));
		all->pairs[all->count++] = (struct pair){n->kids[i]->predicate, n->list - 1};
	}
}

static void index_lists(struct engine *e)
{
	struct lists all = {0};

	for (size_t i = 0; i < e->set->rule_count; i++)
		if (e->set->rules[i]->condition)
			lists_of(e, e->set->rules[i]->condition, &all);
	if (all.count)
		qsort(all.pairs, all.count, sizeof(*all.pairs), by_predicate);
	e->lists_of = xcalloc(e->set->predicate_count + 1, sizeof(*e->lists_of));
	e->in_list = xcalloc(all.count + 1, sizeof(*e->in_list));
	for (size_t i = 0; i < all.count; i++) {
		struct list *l = &e->lists_of[all.pairs[i].predicate];

		if (!l->count)
			l->first = (uint32_t)i;
		l->count++;
		e->in_list[i] = all.pairs[i].rule;
	}
	free(all.pairs);
}

struct pairs {
	struct pair *list;
	size_t count, cap;
};

static void feeds_make(const struct engine *e, struct feeds *feeds, struct pairs *pairs)
{
	uint32_t n = 0;

	if (pairs->count)
		qsort(pairs->list, pairs->count, sizeof(*pairs->list), by_predicate);
	feeds->of = xcalloc(e->set->predicate_count + 1, sizeof(*feeds->of));
	feeds->fed = xcalloc(pairs->count + 1, sizeof(*feeds->fed));
	for (size_t i = 0; i < pairs->count; i++) {
		struct list *l = &feeds->of[pairs->list[i].predicate];
		uint32_t rule = pairs->list[i].rule;

		if (!l->count)
			l->first = n;
		if (!l->count || feeds->fed[n - 1].word != rule / 64) {
			feeds->fed[n++].word = rule / 64;
			l->count++;
		}
		feeds->fed[n - 1].rules |= UINT64_C(1) << (rule % 64);
	}
}

/* The two best covers of what must all be true: a rule is looked at only where both have something. */
static void covers_of(const struct engine *e, const struct node *n, struct cover best[2])
{
	struct cover c;

	if (n->type == NODE_AND || n->type == NODE_SELECTION) {
		for (uint32_t i = 0; i < n->count; i++)
			covers_of(e, n->kids[i], best);
		return;
	}
	c = cover_of(e, n);
	for (size_t k = 0; k < 2 && !c.none; k++) {
		if (best[k].none || c.cost < best[k].cost) {
			struct cover old = best[k];

			best[k] = c;
			c = old;
		}
	}
	free(c.predicates);
}

/* Whether a value of its field alone decides the predicate. */
static bool may_be_eager(const struct engine *e, uint32_t index)
{
	const struct predicate *p = &e->set->predicates[index];

	return e->how[index] == HOW_LAZY && p->field != FIELD_ANY &&
	       !e->fields[p->field].constant &&
	       (p->type == PREDICATE_STRING || p->type == PREDICATE_REGEX ||
		p->type == PREDICATE_CIDR || p->type == PREDICATE_NUMBER ||
		p->type == PREDICATE_COMPARE);
}

static void make_eager(struct engine *e, const struct node *n)
{
	if (n->type == NODE_PREDICATE && may_be_eager(e, n->predicate)) {
		struct field_index *f = &e->fields[e->set->predicates[n->predicate].field];

		e->how[n->predicate] = HOW_EAGER;
		f->eager_count++;
		f->scanned = true;
	}
	for (uint32_t i = 0; i < n->count; i++)
		make_eager(e, n->kids[i]);
}

static void index_eager(struct engine *e)
{
	uint32_t at = 0;

	for (uint32_t f = 0; f < e->set->field_count; f++) {
		e->fields[f].eager_first = at;
		at += e->fields[f].eager_count;
		e->fields[f].eager_count = 0;
	}
	e->eager = xcalloc((size_t)at + 1, sizeof(*e->eager));
	for (uint32_t i = 0; i < e->set->predicate_count; i++) {
		struct field_index *f = &e->fields[e->set->predicates[i].field];

		if (e->how[i] == HOW_EAGER)
			e->eager[f->eager_first + f->eager_count++] = i;
	}
}

static void index_rules(struct engine *e, enum level level)
{
	struct ruleset *set = e->set;
	size_t field_count = 0, field_cap = 0;
	struct pairs pairs[2] = {0};
	uint32_t *seen = xcalloc(set->field_count + 1, sizeof(*seen));

	e->words = (uint32_t)(set->rule_count + 63) / 64;
	e->uncovered = xcalloc(e->words + 1, sizeof(*e->uncovered));
	e->single = xcalloc(e->words + 1, sizeof(*e->single));
	e->conditions = xcalloc(set->rule_count + 1, sizeof(*e->conditions));
	e->rule_fields = xcalloc(set->rule_count + 1, sizeof(*e->rule_fields));
	for (uint32_t r = 0; r < set->rule_count; r++) {
		const struct rule *rule = set->rules[r];
		struct cover best[2] = {{.none = true}, {.none = true}};

		e->conditions[r] = rule->condition;
		if (!rule->condition || (rule->level < level && !rule->referenced))
			continue;
		covers_of(e, rule->condition, best);
		if (best[0].none && !e->plain) {
			make_eager(e, rule->condition);
			covers_of(e, rule->condition, best);
		}
		if (best[0].none)
			e->uncovered[r / 64] |= UINT64_C(1) << (r % 64);
		if (best[1].none)
			e->single[r / 64] |= UINT64_C(1) << (r % 64);
		for (size_t k = 0; k < 2; k++) {
			for (size_t i = 0; i < best[k].count; i++) {
				pairs[k].list = xgrow(pairs[k].list, &pairs[k].cap,
						      pairs[k].count + 1, sizeof(*pairs[k].list));
				pairs[k].list[pairs[k].count++] =
					(struct pair){best[k].predicates[i], r};
			}
			free(best[k].predicates);
		}
		e->rule_fields[r].first = (uint32_t)field_count;
		fields_of(e, rule->condition, r + 1, seen, &e->rule_field, &field_count,
			  &field_cap);
		e->rule_fields[r].count = (uint32_t)field_count - e->rule_fields[r].first;
	}
	for (size_t k = 0; k < 2; k++) {
		feeds_make(e, &e->feeds[k], &pairs[k]);
		free(pairs[k].list);
	}
	index_eager(e);
	free(seen);
}

/* ---- sources ---- */

static bool among(const struct texts *list, const char *text)
{
	for (uint32_t i = 0; i < list->count; i++)
		if (strcasecmp(list->items[i], text) == 0)
			return true;
	return false;
}

/* All that the rule's logsource says must be true of the source. */
bool engine_source_is_for(const struct source *source, const struct logsource *l)
{
	if (l->product && (!source->product || strcasecmp(l->product, source->product) != 0))
		return false;
	if (l->category && !among(&source->category, l->category))
		return false;
	return !l->service || among(&source->service, l->service);
}

/* The conditions of a source as a node over predicates of the set. */
static struct node *guard_make(struct engine *e, const struct source *source)
{
	struct node *all = node_make(e->set, NODE_AND, source->where_count);

	for (uint32_t i = 0; i < source->where_count; i++) {
		const struct where *w = &source->where[i];
		struct node *any = node_make(e->set, NODE_OR, w->values.count);

		for (uint32_t k = 0; k < w->values.count; k++) {
			struct predicate p = {.type = PREDICATE_STRING};
			struct buffer b = {0};

			any->kids[k] = node_make(e->set, NODE_PREDICATE, 0);
			fold_utf8(&b, view_text(w->values.items[k]));
			for (size_t j = 0; j < b.len; j++) {
				if (b.data[j] == '*')
					b.data[j] = (char)PATTERN_ANY;
				else if (b.data[j] == '?')
					b.data[j] = (char)PATTERN_ONE;
			}
			p.field = ruleset_field(e->set, w->field);
			p.text = buffer_as_view(&b);
			any->kids[k]->predicate = ruleset_predicate(e->set, &p);
			buffer_release(&b);
		}
		all->kids[i] = any;
	}
	return all;
}

static void index_sources(struct engine *e, enum level level)
{
	const struct mapping *m = e->mapping;

	e->source_rules = xcalloc(m->count + 1, sizeof(*e->source_rules));
	for (size_t i = 0; i < m->count; i++) {
		e->source_rules[i] = xcalloc(e->words + 1, sizeof(**e->source_rules));
		for (uint32_t r = 0; r < e->set->rule_count; r++) {
			const struct rule *rule = e->set->rules[r];

			if (rule->condition && (rule->level >= level || rule->referenced) &&
			    engine_source_is_for(m->sources[i], &rule->logsource))
				e->source_rules[i][r / 64] |= UINT64_C(1) << (r % 64);
		}
	}
}

/* ---- regular expressions ---- */

static void compile_regexes(struct engine *e)
{
	const struct ruleset *set = e->set;

	e->regex = xcalloc(set->predicate_count + 1, sizeof(*e->regex));
	e->match_context = pcre2_match_context_create(NULL);
	if (e->match_context) {
		(void)pcre2_set_match_limit(e->match_context, 1000000);
		(void)pcre2_set_heap_limit(e->match_context, 20000); /* KiB */
	}
	for (uint32_t i = 0; i < set->predicate_count; i++) {
		const struct predicate *p = &set->predicates[i];
		uint32_t options = PCRE2_UTF | PCRE2_NEVER_BACKSLASH_C | PCRE2_DUPNAMES;
		PCRE2_SIZE where;
		int error;

		if (p->type != PREDICATE_REGEX)
			continue;
		options |= (p->regex_i ? PCRE2_CASELESS : 0) | (p->regex_m ? PCRE2_MULTILINE : 0) |
			   (p->regex_s ? PCRE2_DOTALL : 0);
		e->regex[i] =
			pcre2_compile(p->text.data, p->text.len, options, &error, &where, NULL);
		if (e->regex[i])
			(void)pcre2_jit_compile(e->regex[i], PCRE2_JIT_COMPLETE);
	}
}

/* ---- databases ---- */

/* What the databases depend on: our version, hyperscan's, the machine, and every literal. */
static void databases_key(const struct engine *e, uint8_t key[SHA256_SIZE])
{
	hs_platform_info_t platform = {0};
	struct sha256 h;

	sha256_init(&h);
	sha256_update(&h, KONSEKI_VERSION " databases 2", sizeof(KONSEKI_VERSION " databases 2"));
	sha256_update(&h, hs_version(), strlen(hs_version()));
	if (hs_populate_platform(&platform) == HS_SUCCESS) {
		sha256_update(&h, &platform.tune, sizeof(platform.tune));
		sha256_update(&h, &platform.cpu_features, sizeof(platform.cpu_features));
	}
	for (size_t i = 0; i < e->literal_count; i++) {
		const struct literal *l = &e->literals[i];
		bool inside = true;
		uint32_t head[3];

		for (uint32_t k = 0; k < l->use_count; k++)
			inside &= e->uses[l->use_first + k].anchor == ANCHOR_INSIDE;
		head[0] = l->field;
		head[1] = (uint32_t)l->text.len;
		head[2] = inside;
		sha256_update(&h, head, sizeof(head));
		sha256_update(&h, l->text.data, l->text.len);
	}
	sha256_final(&h, key);
}

static bool database_compile(struct engine *e, struct field_index *f)
{
	uint32_t n = f->literal_count;
	const char **texts = xcalloc(n, sizeof(*texts));
	size_t *lengths = xcalloc(n, sizeof(*lengths));
	unsigned *flags = xcalloc(n, sizeof(*flags)), *ids = xcalloc(n, sizeof(*ids));
	hs_compile_error_t *error = NULL;
	bool done;

	for (uint32_t i = 0; i < n; i++) {
		const struct literal *l = &e->literals[f->literal_first + i];
		bool inside = true;

		for (uint32_t k = 0; k < l->use_count; k++)
			inside &= e->uses[l->use_first + k].anchor == ANCHOR_INSIDE;
		texts[i] = (const char *)l->text.data;
		lengths[i] = l->text.len;
		ids[i] = f->literal_first + i;
		/* The first place is enough, unless the end must be hit. */
		flags[i] = inside ? HS_FLAG_SINGLEMATCH : 0;
	}
	done = hs_compile_lit_multi(texts, flags, ids, lengths, n, HS_MODE_BLOCK, NULL,
				    &f->database, &error) == HS_SUCCESS;
	if (error)
		(void)hs_free_compile_error(error);
	free(texts);
	free(lengths);
	free(flags);
	free(ids);
	return done;
}

/* A blob: for each field with literals its number, size and serialized database. */
static bool databases_load(struct engine *e, struct view blob)
{
	size_t at = 0;

	for (uint32_t f = 0; f < e->set->field_count; f++) {
		struct field_index *index = &e->fields[f];
		uint32_t field, len;

		if (!index->literal_count)
			continue;
		if (!view_u32le(blob, at, &field) || !view_u32le(blob, at + 4, &len) ||
		    field != f || !view_has(blob, at + 8, len) ||
		    hs_deserialize_database((const char *)blob.data + at + 8, len,
					    &index->database) != HS_SUCCESS)
			return false;
		at += 8 + (size_t)len;
	}
	return at == blob.len;
}

static void databases_store(const struct engine *e, const uint8_t key[SHA256_SIZE])
{
	struct buffer blob = {0};

	for (uint32_t f = 0; f < e->set->field_count; f++) {
		char *bytes = NULL;
		size_t len = 0;
		uint32_t head[2];

		if (!e->fields[f].literal_count)
			continue;
		if (!e->fields[f].database ||
		    hs_serialize_database(e->fields[f].database, &bytes, &len) != HS_SUCCESS ||
		    len > UINT32_MAX) {
			buffer_release(&blob);
			return;
		}
		head[0] = f;
		head[1] = (uint32_t)len;
		buffer_append(&blob, head, sizeof(head));
		buffer_append(&blob, bytes, len);
		free(bytes);
	}
	cache_write(key, buffer_as_view(&blob));
	buffer_release(&blob);
}

/* Without a database a field's predicates are computed when a rule asks. */
static void field_give_up(struct engine *e, uint32_t field)
{
	for (uint32_t i = 0; i < e->set->predicate_count; i++)
		if (e->set->predicates[i].field == field)
			e->how[i] = HOW_LAZY;
	e->fields[field].literal_count = 0;
	e->fields[field].whole_max = 0;
	e->fields[field].numbers = false;
	e->fields[field].scanned = false;
}

static void make_databases(struct engine *e, bool use_cache)
{
	uint8_t key[SHA256_SIZE];
	struct buffer file = {0};
	struct view blob;
	bool whole = true;

	if (!e->literal_count)
		return;
	databases_key(e, key);
	if (use_cache && cache_read(key, &file, &blob)) {
		e->cost.cached = databases_load(e, blob);
		for (uint32_t f = 0; !e->cost.cached && f < e->set->field_count; f++) {
			(void)hs_free_database(e->fields[f].database);
			e->fields[f].database = NULL;
		}
	}
	buffer_release(&file);
	for (uint32_t f = 0; !e->cost.cached && f < e->set->field_count; f++) {
		if (e->fields[f].literal_count && !database_compile(e, &e->fields[f])) {
			field_give_up(e, f);
			whole = false;
		}
	}
	if (use_cache && !e->cost.cached && whole)
		databases_store(e, key);
	for (uint32_t f = 0; f < e->set->field_count; f++) {
		size_t size = 0;

		if (!e->fields[f].database)
			continue;
		e->cost.databases++;
		if (hs_database_size(e->fields[f].database, &size) == HS_SUCCESS)
			e->cost.bytes += size;
	}
	e->cost.literals = e->literal_count;
}

/* ---- all of it ---- */

int engine_build(struct engine *e, const struct engine_options *options, struct problem *problem)
{
	static const char *const constant[] = {"EventID", "Channel", "Provider_Name"};
	struct ruleset *set = e->set;
	double from = seconds();

	(void)problem;
	e->plain = options->plain || hs_valid_platform() != HS_SUCCESS;
	e->guards = xcalloc(e->mapping->count + 1, sizeof(*e->guards));
	for (size_t i = 0; i < e->mapping->count; i++)
		if (e->mapping->sources[i]->where_count)
			e->guards[i].node = guard_make(e, e->mapping->sources[i]);
	for (size_t i = 0; i < set->rule_count; i++) {
		const struct correlation *c = set->rules[i]->correlation;

		for (uint32_t k = 0; c && k < c->group_count; k++)
			(void)ruleset_field(set, c->group_by[k]);
		for (uint32_t k = 0; c && k < c->field_count; k++)
			(void)ruleset_field(set, c->fields[k]);
		for (uint32_t k = 0; c && k < c->alias_count; k++)
			for (uint32_t j = 0; j < c->aliases[k].count; j++)
				(void)ruleset_field(set, c->aliases[k].fields[j]);
	}
	e->how = xcalloc(set->predicate_count + 1, sizeof(*e->how));
	e->plain_predicates = xcalloc(set->predicate_count + 1, sizeof(*e->plain_predicates));
	e->fields = xcalloc(set->field_count + 1, sizeof(*e->fields));
	for (size_t i = 0; i < sizeof(constant) / sizeof(constant[0]); i++)
		e->fields[ruleset_field_find(set, constant[i])].constant = true;
	e->fields[FIELD_ANY].constant = false;
	index_predicates(e);
	compile_regexes(e);
	make_databases(e, !options->no_cache);
	index_rules(e, options->level);
	index_lists(e);
	index_sources(e, options->level);
	e->cost.compile_seconds = seconds() - from;
	return OK;
}

/* Few files are read sooner than their trees. */
#define TREES_MIN 64

static void trees_key(const struct engine_options *options, uint8_t key[SHA256_SIZE])
{
	struct sha256 h;

	sha256_init(&h);
	sha256_update(&h, KONSEKI_VERSION " trees 1", sizeof(KONSEKI_VERSION " trees 1"));
	for (size_t i = 0; i < options->rule_count; i++)
		sha256_update(&h, options->rules[i], strlen(options->rules[i]) + 1);
	sha256_final(&h, key);
}

static int add_rules(struct engine *e, const struct engine_options *options,
		     struct problem *problem)
{
	uint8_t key[SHA256_SIZE];
	struct view blob = VIEW_EMPTY;
	struct problem own;

	if (!options->no_cache) {
		trees_key(options, key);
		if (!cache_read(key, &e->trees_file, &blob))
			blob = VIEW_EMPTY;
		e->trees = trees_new(blob);
		ruleset_trees(e->set, e->trees);
	}
	for (size_t i = 0; i < options->rule_count; i++)
		if (ruleset_add(e->set, options->rules[i], &own) < 0)
			return problem_set(problem, ERR_IO, PROBLEM_NO_OFFSET, "%.100s: %.120s",
					   options->rules[i], own.reason);
	if (e->trees && trees_count(e->trees) >= TREES_MIN && trees_changed(e->trees)) {
		struct buffer all = {0};

		trees_save(e->trees, &all);
		cache_write(key, buffer_as_view(&all));
		buffer_release(&all);
	}
	ruleset_finish(e->set);
	return OK;
}

struct engine *engine_load(const struct engine_options *options, struct problem *problem)
{
	struct engine *e = xcalloc(1, sizeof(*e));
	double from = seconds();
	struct problem own;

	e->set = ruleset_new();
	e->mapping = mapping_new(problem);
	if (!e->mapping)
		goto fail;
	for (size_t i = 0; i < options->mapping_count; i++) {
		if (mapping_add(e->mapping, options->mappings[i], &own) < 0) {
			(void)problem_set(problem, ERR_FORMAT, PROBLEM_NO_OFFSET, "%.100s: %.120s",
					  options->mappings[i], own.reason);
			goto fail;
		}
	}
	if (options->placeholders &&
	    ruleset_placeholders(e->set, options->placeholders, &own) < 0) {
		(void)problem_set(problem, ERR_FORMAT, PROBLEM_NO_OFFSET, "%.100s: %.120s",
				  options->placeholders, own.reason);
		goto fail;
	}
	if (add_rules(e, options, problem) < 0)
		goto fail;
	e->cost.read_seconds = seconds() - from;
	if (engine_build(e, options, problem) < 0)
		goto fail;
	return e;
fail:
	engine_free(e);
	return NULL;
}

void engine_free(struct engine *e)
{
	if (!e)
		return;
	for (size_t f = 0; e->fields && f < e->set->field_count; f++)
		(void)hs_free_database(e->fields[f].database);
	for (size_t i = 0; e->regex && i < e->set->predicate_count; i++)
		pcre2_code_free(e->regex[i]);
	for (size_t i = 0; e->source_rules && i < e->mapping->count; i++)
		free(e->source_rules[i]);
	pcre2_match_context_free(e->match_context);
	free(e->regex);
	free(e->how);
	free(e->plain_predicates);
	for (size_t k = 0; k < 2; k++) {
		free(e->feeds[k].of);
		free(e->feeds[k].fed);
	}
	free(e->single);
	free(e->conditions);
	free(e->lists_of);
	free(e->eager);
	free(e->in_list);
	free(e->fields);
	free(e->literals);
	free(e->uses);
	free(e->wholes);
	free(e->whole_slots);
	free(e->uncovered);
	free(e->source_rules);
	free(e->rule_fields);
	free(e->rule_field);
	free(e->guards);
	ruleset_free(e->set);
	trees_free(e->trees);
	buffer_release(&e->trees_file);
	mapping_free(e->mapping);
	free(e);
}

const struct ruleset *engine_rules(const struct engine *e)
{
	return e->set;
}

const struct mapping *engine_mapping(const struct engine *e)
{
	return e->mapping;
}

struct engine_cost engine_cost(const struct engine *e)
{
	return e->cost;
}

bool engine_rule_is_fed(const struct engine *e, const struct rule *rule, const char **why)
{
	for (size_t i = 0; !rule->correlation && i < e->mapping->count; i++)
		if (engine_source_is_for(e->mapping->sources[i], &rule->logsource))
			return true;
	if (why)
		*why = rule->correlation ? "a correlation: its rules decide"
					 : "no source of the mapping feeds its logsource";
	return rule->correlation != NULL;
}
