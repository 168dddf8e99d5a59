/* The set of rules: what they share, the files they come from, what ties them to each other. */
#include "detect/reading.h"

#include "base/limits.h"
#include "detect/hash.h"
#include "detect/tree.h"

#include <dirent.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

static const char *const level_texts[] = {"informational", "low", "medium", "high", "critical"};

const char *level_text(enum level level)
{
	return (unsigned)level < LEVEL_COUNT ? level_texts[level] : "informational";
}

enum level level_of(const char *text)
{
	for (unsigned i = 0; i < LEVEL_COUNT; i++)
		if (strcmp(level_texts[i], text) == 0)
			return (enum level)i;
	return LEVEL_COUNT;
}

struct ruleset *ruleset_new(void)
{
	struct ruleset *set = xcalloc(1, sizeof(*set));

	set->arena.limit = LIMIT_RULES_MEMORY;
	set->private = xcalloc(1, sizeof(*set->private));
	set->private->predicate_mask = set->private->field_mask = 1023;
	set->private->predicate_slots = xcalloc(1024, sizeof(uint32_t));
	set->private->field_slots = xcalloc(1024, sizeof(uint32_t));
	(void)ruleset_field(set, "");
	return set;
}

void ruleset_free(struct ruleset *set)
{
	if (!set)
		return;
	free(set->private->predicate_slots);
	free(set->private->field_slots);
	free(set->private->filters);
	free(set->private->placeholders);
	free(set->private);
	free(set->rules);
	free(set->problems);
	free(set->warnings);
	free(set->predicates);
	free(set->fields);
	arena_release(&set->arena);
	free(set);
}

void ruleset_trees(struct ruleset *set, struct trees *trees)
{
	set->private->trees = trees;
}

/* Rules are bounded in number by their files' size and in memory by the arena: past its limit the
 * process ends, as for any other lack of memory. */
void *ruleset_need(struct ruleset *set, size_t n)
{
	void *p = arena_zalloc(&set->arena, n ? n : 1);

	if (!p) {
		errno = ENOMEM;
		(void)xmalloc(SIZE_MAX / 2);
	}
	return p;
}

const char *ruleset_keep(struct ruleset *set, const char *s, size_t n)
{
	char *p = ruleset_need(set, n + 1);

	memcpy(p, s, n);
	return p;
}

const char *ruleset_text(struct ruleset *set, const char *s)
{
	return s ? ruleset_keep(set, s, strlen(s)) : NULL;
}

uint32_t ruleset_field(struct ruleset *set, const char *name)
{
	struct ruleset_private *x = set->private;
	uint64_t h = hash_of(UINT64_C(0xcbf29ce484222325), name, strlen(name));
	size_t at = h & x->field_mask;

	for (; x->field_slots[at]; at = (at + 1) & x->field_mask)
		if (strcmp(set->fields[x->field_slots[at] - 1], name) == 0)
			return x->field_slots[at] - 1;
	set->fields =
		xgrow(set->fields, &set->field_cap, set->field_count + 1, sizeof(*set->fields));
	set->fields[set->field_count++] = ruleset_text(set, name);
	x->field_slots[at] = (uint32_t)set->field_count;
	if (set->field_count * 2 > x->field_mask) {
		x->field_mask = x->field_mask * 2 + 1;
		free(x->field_slots);
		x->field_slots = xcalloc(x->field_mask + 1, sizeof(uint32_t));
		for (uint32_t i = 0; i < set->field_count; i++) {
			const char *s = set->fields[i];

			h = hash_of(UINT64_C(0xcbf29ce484222325), s, strlen(s));
			for (at = h & x->field_mask; x->field_slots[at];
			     at = (at + 1) & x->field_mask)
				;
			x->field_slots[at] = i + 1;
		}
	}
	return (uint32_t)set->field_count - 1;
}

uint32_t ruleset_field_find(const struct ruleset *set, const char *name)
{
	const struct ruleset_private *x = set->private;
	uint64_t h = hash_of(UINT64_C(0xcbf29ce484222325), name, strlen(name));

	for (size_t at = h & x->field_mask; x->field_slots[at]; at = (at + 1) & x->field_mask)
		if (strcmp(set->fields[x->field_slots[at] - 1], name) == 0)
			return x->field_slots[at] - 1;
	return FIELD_ANY;
}

static uint64_t predicate_hash(const struct predicate *p)
{
	uint64_t h = UINT64_C(0xcbf29ce484222325);
	uint32_t head[] = {(uint32_t)p->type | (uint32_t)p->cased << 8 | (uint32_t)p->op << 16 |
				   (uint32_t)p->part << 24,
			   (uint32_t)p->anchor | (uint32_t)p->prefix << 8 |
				   (uint32_t)p->regex_i << 16,
			   p->field, p->other};

	h = hash_of(h, head, sizeof(head));
	h = hash_of(h, p->address, sizeof(p->address));
	h = hash_of(h, &p->number, sizeof(p->number));
	h = hash_of(h, p->text.data, p->text.len);
	return h ^ h >> 29;
}

static bool predicate_same(const struct predicate *a, const struct predicate *b)
{
	return a->type == b->type && a->cased == b->cased && a->op == b->op && a->part == b->part &&
	       a->anchor == b->anchor && a->regex_i == b->regex_i && a->regex_m == b->regex_m &&
	       a->regex_s == b->regex_s && a->family == b->family && a->prefix == b->prefix &&
	       memcmp(a->address, b->address, 16) == 0 && a->field == b->field &&
	       a->other == b->other && a->integral == b->integral && a->integer == b->integer &&
	       /* the same bits, NaN included. NOLINTNEXTLINE(bugprone-suspicious-memory-comparison) */
	       memcmp(&a->number, &b->number, sizeof(a->number)) == 0 &&
	       view_equal(a->text, b->text);
}

uint32_t ruleset_predicate(struct ruleset *set, const struct predicate *p)
{
	struct ruleset_private *x = set->private;
	size_t at = predicate_hash(p) & x->predicate_mask;

	for (; x->predicate_slots[at]; at = (at + 1) & x->predicate_mask)
		if (predicate_same(&set->predicates[x->predicate_slots[at] - 1], p))
			return x->predicate_slots[at] - 1;
	set->predicates = xgrow(set->predicates, &set->predicate_cap, set->predicate_count + 1,
				sizeof(*set->predicates));
	set->predicates[set->predicate_count] = *p;
	set->predicates[set->predicate_count].text = view_of(
		ruleset_keep(set, (const char *)(p->text.data ? p->text.data : (const uint8_t *)""),
			     p->text.len),
		p->text.len);
	x->predicate_slots[at] = (uint32_t)++set->predicate_count;
	if (set->predicate_count * 2 > x->predicate_mask) {
		x->predicate_mask = x->predicate_mask * 2 + 1;
		free(x->predicate_slots);
		x->predicate_slots = xcalloc(x->predicate_mask + 1, sizeof(uint32_t));
		for (uint32_t i = 0; i < set->predicate_count; i++) {
			for (at = predicate_hash(&set->predicates[i]) & x->predicate_mask;
			     x->predicate_slots[at]; at = (at + 1) & x->predicate_mask)
				;
			x->predicate_slots[at] = i + 1;
		}
	}
	return (uint32_t)set->predicate_count - 1;
}

struct node *node_make(struct ruleset *set, enum node_type type, uint32_t count)
{
	struct node *n = ruleset_need(set, sizeof(*n));

	n->type = (uint8_t)type;
	n->count = count;
	n->kids = ruleset_need(set, count * sizeof(*n->kids));
	return n;
}

const struct rule *ruleset_find(const struct ruleset *set, const char *text)
{
	for (size_t i = 0; i < set->rule_count; i++)
		if (set->rules[i]->id && strcasecmp(set->rules[i]->id, text) == 0)
			return set->rules[i];
	for (size_t i = 0; i < set->rule_count; i++)
		if (set->rules[i]->name && strcmp(set->rules[i]->name, text) == 0)
			return set->rules[i];
	for (size_t i = 0; i < set->rule_count; i++)
		if (strcmp(set->rules[i]->title, text) == 0)
			return set->rules[i];
	return NULL;
}

/* ---- refusing ---- */

int ruleset_refuse(struct ruleset *set, uint32_t line, const char *fmt, ...)
{
	va_list args;

	set->private->line = line;
	set->private->problem.offset = PROBLEM_NO_OFFSET;
	va_start(args, fmt);
	(void)vsnprintf(set->private->problem.reason, sizeof(set->private->problem.reason), fmt,
			args);
	va_end(args);
	return ERR_FORMAT;
}

void ruleset_warn(struct ruleset *set, const char *path, uint32_t line, const char *fmt, ...)
{
	char reason[400];
	va_list args;

	if (!set->lint)
		return;
	va_start(args, fmt);
	(void)vsnprintf(reason, sizeof(reason), fmt, args);
	va_end(args);
	set->warnings = xgrow(set->warnings, &set->warning_cap, set->warning_count + 1,
			      sizeof(*set->warnings));
	set->warnings[set->warning_count++] = (struct rule_problem){
		.path = ruleset_text(set, path), .line = line, .reason = ruleset_text(set, reason)};
}

void ruleset_problem(struct ruleset *set, const char *path, uint32_t line, const char *title,
		     const char *id, const char *reason)
{
	set->problems = xgrow(set->problems, &set->problem_cap, set->problem_count + 1,
			      sizeof(*set->problems));
	set->problems[set->problem_count++] =
		(struct rule_problem){.path = ruleset_text(set, path),
				      .line = line,
				      .title = ruleset_text(set, title),
				      .id = ruleset_text(set, id),
				      .reason = ruleset_text(set, reason)};
}

/* ---- files ---- */

void ruleset_add_text(struct ruleset *set, const char *path, struct view text)
{
	struct file f = {.set = set, .path = path};
	struct problem problem;
	uint32_t line = 0;

	set->files++;
	set->private->path = path;
	/* The nodes stay until the set goes: global and repeat refer to them. */
	if (trees_read(set->private->trees, text, &set->arena, rule_document, &f, &problem, &line) <
	    0)
		ruleset_problem(set, path, line, NULL, NULL, problem.reason);
}

static int file_add(struct ruleset *set, const char *path, struct problem *problem)
{
	struct buffer text = {0};
	int status = yaml_slurp(path, &text);

	if (status == ERR_LIMIT)
		ruleset_problem(set, path, 0, NULL, NULL, "larger than a rule file may be");
	else if (status < 0)
		(void)problem_set(problem, status, PROBLEM_NO_OFFSET, "%s", strerror(errno));
	else
		ruleset_add_text(set, path, buffer_as_view(&text));
	buffer_release(&text);
	return status == ERR_LIMIT ? OK : status;
}

static int by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static int folder_add(struct ruleset *set, const char *path, struct problem *problem,
		      unsigned depth)
{
	DIR *dir = opendir(path);
	struct dirent *entry;
	char **names = NULL;
	size_t count = 0, cap = 0;
	int status = OK;

	if (!dir)
		return problem_set(problem, ERR_IO, PROBLEM_NO_OFFSET, "%s", strerror(errno));
	while ((entry = readdir(dir))) {
		if (entry->d_name[0] == '.')
			continue;
		names = xgrow(names, &cap, count + 1, sizeof(*names));
		names[count++] = xstrdup(entry->d_name);
	}
	(void)closedir(dir);
	if (count)
		qsort(names, count, sizeof(*names), by_name);
	for (size_t i = 0; i < count; i++) {
		size_t n = strlen(path);
		char *full =
			xasprintf("%s%s%s", path, n && path[n - 1] == '/' ? "" : "/", names[i]);
		const char *dot = strrchr(names[i], '.');
		struct problem own;
		struct stat st;

		if (lstat(full, &st) == 0 && S_ISDIR(st.st_mode)) {
			if (depth < LIMIT_DEPTH && folder_add(set, full, &own, depth + 1) < 0)
				ruleset_problem(set, full, 0, NULL, NULL, own.reason);
		} else if (dot && (strcasecmp(dot, ".yml") == 0 || strcasecmp(dot, ".yaml") == 0) &&
			   S_ISREG(st.st_mode)) {
			if (file_add(set, full, &own) < 0)
				ruleset_problem(set, full, 0, NULL, NULL, own.reason);
		}
		free(full);
		free(names[i]);
	}
	free(names);
	return status;
}

int ruleset_add(struct ruleset *set, const char *path, struct problem *problem)
{
	struct stat st;

	if (stat(path, &st) < 0)
		return problem_set(problem, ERR_IO, PROBLEM_NO_OFFSET, "%s", strerror(errno));
	return S_ISDIR(st.st_mode) ? folder_add(set, path, problem, 0)
				   : file_add(set, path, problem);
}

/* ---- placeholders ---- */

static int placeholders_document(void *data, struct yaml *doc)
{
	struct ruleset *set = data;
	struct ruleset_private *x = set->private;
	const struct yaml *inner = yaml_get(doc, "placeholders");

	if (inner)
		doc = (struct yaml *)(uintptr_t)inner;
	if (doc->type != YAML_MAPPING)
		return refuse(set, doc, "no mapping of placeholders to values");
	for (uint32_t i = 0; i + 1 < doc->count; i += 2) {
		struct placeholder p = {
			.name = ruleset_text(set, (const char *)doc->items[i]->text.data)};
		int status = texts_read(set, doc->items[i + 1], &p.values.items, &p.values.count);

		if (status < 0)
			return status;
		x->placeholders = xgrow(x->placeholders, &x->placeholder_cap,
					x->placeholder_count + 1, sizeof(*x->placeholders));
		x->placeholders[x->placeholder_count++] = p;
	}
	return OK;
}

int ruleset_placeholders(struct ruleset *set, const char *path, struct problem *problem)
{
	struct buffer text = {0};
	struct problem why = {.reason = ""};
	uint32_t line = 0;
	int status = yaml_slurp(path, &text);

	if (status < 0) {
		(void)problem_set(problem, status, PROBLEM_NO_OFFSET, "%s",
				  status == ERR_LIMIT ? "too large" : strerror(errno));
	} else {
		status = yaml_read(buffer_as_view(&text), &set->arena, placeholders_document, set,
				   &why, &line);
		if (status < 0)
			(void)problem_set(problem, status, PROBLEM_NO_OFFSET, "line %u: %s",
					  why.reason[0] ? line : set->private->line,
					  why.reason[0] ? why.reason
							: set->private->problem.reason);
	}
	buffer_release(&text);
	return status;
}

/* ---- the end ---- */

static bool same_or_open(const char *filter, const char *rule)
{
	return !filter || (rule && strcmp(filter, rule) == 0);
}

static bool filter_is_for(const struct filter *f, const struct rule *r)
{
	if (r->correlation || !same_or_open(f->logsource.product, r->logsource.product) ||
	    !same_or_open(f->logsource.category, r->logsource.category) ||
	    !same_or_open(f->logsource.service, r->logsource.service))
		return false;
	for (uint32_t i = 0; i < f->rule_count; i++)
		if ((r->id && strcasecmp(f->rules[i], r->id) == 0) ||
		    (r->name && strcmp(f->rules[i], r->name) == 0))
			return true;
	return f->rule_count == 0;
}

static struct rule *by_reference(struct ruleset *set, const char *text)
{
	for (size_t i = 0; i < set->rule_count; i++) {
		struct rule *r = set->rules[i];

		if ((r->name && strcmp(r->name, text) == 0) ||
		    (r->id && strcasecmp(r->id, text) == 0))
			return r;
	}
	return NULL;
}

/* Resolves what a correlation refers to; false with the reason when something is not there. */
static bool resolve(struct ruleset *set, struct rule *rule, const char **missing)
{
	struct correlation *c = rule->correlation;

	c->rules = ruleset_need(set, c->rule_count * sizeof(*c->rules));
	for (uint32_t i = 0; i < c->rule_count; i++) {
		struct rule *r = by_reference(set, c->references[i]);

		if (!r || r == rule) {
			*missing = c->references[i];
			return false;
		}
		c->rules[i] = r->index;
	}
	for (uint32_t i = 0; i < c->alias_count; i++) {
		struct alias *a = &c->aliases[i];

		a->rules = ruleset_need(set, a->count * sizeof(*a->rules));
		for (uint32_t k = 0; k < a->count; k++) {
			struct rule *r = by_reference(set, a->references[k]);

			if (!r) {
				*missing = a->references[k];
				return false;
			}
			a->rules[k] = r->index;
		}
	}
	return true;
}

/* Whether a correlation reaches itself over others. */
static bool cyclic(const struct ruleset *set, uint32_t at, uint8_t *colour)
{
	const struct correlation *c = set->rules[at]->correlation;

	if (!c || colour[at] == 2)
		return false;
	if (colour[at] == 1)
		return true;
	colour[at] = 1;
	for (uint32_t i = 0; i < c->rule_count; i++)
		if (cyclic(set, c->rules[i], colour))
			return true;
	colour[at] = 2;
	return false;
}

static void rule_remove(struct ruleset *set, struct rule *r, const char *reason)
{
	ruleset_problem(set, r->path, r->line, r->title, r->id, reason);
	memmove(&set->rules[r->index], &set->rules[r->index + 1],
		(set->rule_count - r->index - 1) * sizeof(*set->rules));
	set->rule_count--;
	for (size_t i = r->index; i < set->rule_count; i++)
		set->rules[i]->index = (uint32_t)i;
}

void ruleset_finish(struct ruleset *set)
{
	struct ruleset_private *x = set->private;
	bool again = true;

	for (size_t i = 0; i < x->filter_count; i++) {
		struct filter *f = &x->filters[i];
		bool used = false;

		for (size_t k = 0; k < set->rule_count; k++) {
			struct rule *r = set->rules[k];
			struct node *both;

			if (!filter_is_for(f, r))
				continue;
			both = node_make(set, NODE_AND, 2);
			both->kids[0] = r->condition;
			both->kids[1] = f->body->condition;
			r->condition = both;
			used = true;
		}
		set->filters += used;
		if (!used)
			ruleset_problem(set, f->path, f->line, NULL, NULL,
					"a filter that no loaded rule is meant by");
	}
	while (again) { /* a correlation of a refused correlation is refused too */
		again = false;
		for (size_t i = 0; i < set->rule_count && !again; i++) {
			struct rule *r = set->rules[i];
			const char *missing = NULL;

			if (r->correlation && !resolve(set, r, &missing)) {
				char reason[200];

				(void)snprintf(reason, sizeof(reason),
					       "refers to '%.120s', which is no loaded rule",
					       missing);
				rule_remove(set, r, reason);
				again = true;
			}
		}
		for (size_t i = 0; i < set->rule_count && !again; i++) {
			uint8_t *colour =
				set->rules[i]->correlation ? xcalloc(set->rule_count, 1) : NULL;

			if (colour && cyclic(set, (uint32_t)i, colour)) {
				rule_remove(set, set->rules[i],
					    "a correlation that refers to itself");
				again = true;
			}
			free(colour);
		}
	}
	for (size_t i = 0; i < set->rule_count; i++) {
		const struct correlation *c = set->rules[i]->correlation;

		for (uint32_t k = 0; c && k < c->rule_count; k++) {
			struct rule *r = set->rules[c->rules[k]];

			if (!r->referenced)
				r->silent = true;
			r->referenced = true;
			if (c->generate)
				r->silent = false;
		}
	}
	/* A rule that one correlation wants silent and another generates is generated. */
	for (size_t i = 0; i < set->rule_count; i++) {
		const struct correlation *c = set->rules[i]->correlation;

		for (uint32_t k = 0; c && c->generate && k < c->rule_count; k++)
			set->rules[c->rules[k]]->silent = false;
	}
}
