#include "detect/suppress.h"

#include <errno.h>
#include <stdlib.h>

struct entry {
	const char *rule, *host, *field;
	struct texts values;
};

struct suppress {
	struct arena arena;
	struct entry *entries;
	size_t count, cap;
	struct problem why;
};

static int fail(struct suppress *s, const struct yaml *at, const char *reason)
{
	return problem_set(&s->why, ERR_FORMAT, PROBLEM_NO_OFFSET, "line %u: %s", at->line, reason);
}

static int entry_read(struct suppress *s, const struct yaml *y)
{
	static const char *const known[] = {"rule", "host", "field", "value", "who", "why", "when"};
	const struct yaml *value = yaml_get(y, "value");
	struct entry e = {.rule = yaml_string(y, "rule"),
			  .host = yaml_string(y, "host"),
			  .field = yaml_string(y, "field")};

	if (y->type != YAML_MAPPING)
		return fail(s, y, "an entry is a mapping of rule, host, field, value, who and why");
	for (uint32_t i = 0; i + 1 < y->count; i += 2) {
		bool found = false;

		for (size_t k = 0; k < sizeof(known) / sizeof(known[0]); k++)
			found |= view_is(y->items[i]->text, known[k]);
		if (!found)
			return fail(s, y->items[i], "unknown key");
	}
	if (!yaml_string(y, "who") || !yaml_string(y, "why"))
		return fail(s, y, "who says so, and why?");
	if (!e.rule && !e.host && !e.field)
		return fail(s, y, "an entry that would suppress everything");
	if ((e.field != NULL) != (value != NULL))
		return fail(s, y, "field and value belong together");
	if (value) {
		uint32_t n = value->type == YAML_SCALAR ? 1 : value->count;

		e.values.items = arena_zalloc(&s->arena, n * sizeof(*e.values.items) + 1);
		for (uint32_t i = 0; i < n && e.values.items; i++) {
			const struct yaml *v = value->type == YAML_SCALAR ? value : value->items[i];

			if (v->type != YAML_SCALAR)
				return fail(s, v, "a value is a text");
			e.values.items[e.values.count++] = (const char *)v->text.data;
		}
	}
	s->entries = xgrow(s->entries, &s->cap, s->count + 1, sizeof(*s->entries));
	s->entries[s->count++] = e;
	return OK;
}

static int document(void *data, struct yaml *doc)
{
	struct suppress *s = data;
	const struct yaml *list = yaml_get(doc, "suppress") ? yaml_get(doc, "suppress") : doc;

	if (list->type != YAML_SEQUENCE)
		return fail(s, doc, "no list of entries");
	for (uint32_t i = 0; i < list->count; i++) {
		int status = entry_read(s, list->items[i]);

		if (status < 0)
			return status;
	}
	return OK;
}

struct suppress *suppress_load(const char *path, struct problem *problem)
{
	struct suppress *s = xcalloc(1, sizeof(*s));
	struct buffer text = {0};
	struct problem yaml = {.reason = ""};
	uint32_t line = 0;
	int status = yaml_slurp(path, &text);

	if (status < 0) {
		(void)problem_set(problem, status, PROBLEM_NO_OFFSET, "%s",
				  status == ERR_LIMIT ? "larger than such a list may be"
						      : strerror(errno));
	} else {
		status = yaml_read(buffer_as_view(&text), &s->arena, document, s, &yaml, &line);
		if (status < 0 && yaml.reason[0])
			(void)problem_set(problem, status, PROBLEM_NO_OFFSET, "line %u: %s", line,
					  yaml.reason);
		else if (status < 0)
			(void)problem_set(problem, status, PROBLEM_NO_OFFSET, "%s", s->why.reason);
	}
	buffer_release(&text);
	if (status == OK)
		return s;
	suppress_free(s);
	return NULL;
}

void suppress_free(struct suppress *s)
{
	if (!s)
		return;
	free(s->entries);
	arena_release(&s->arena);
	free(s);
}

size_t suppress_count(const struct suppress *s)
{
	return s ? s->count : 0;
}

static bool is_meant(const struct entry *e, const struct rule *rule, struct view host)
{
	return (!e->rule || (rule->id && view_glob(view_text(rule->id), e->rule)) ||
		view_glob(view_text(rule->title), e->rule)) &&
	       (!e->host || view_glob(host, e->host));
}

static bool is_value(const struct entry *e, struct view text)
{
	for (uint32_t k = 0; k < e->values.count; k++)
		if (view_glob(text, e->values.items[k]))
			return true;
	return false;
}

int suppress_correlated(const struct suppress *s, const struct correlated *hit)
{
	struct view host = hit->one_host ? hit->place->host : VIEW_EMPTY;

	for (size_t i = 0; s && i < s->count; i++) {
		const struct entry *e = &s->entries[i];

		if (!is_meant(e, hit->rule, host))
			continue;
		if (!e->field)
			return (int)i;
		for (uint32_t k = 0; k < hit->group_count; k++)
			if (strcmp(hit->group_by[k], e->field) == 0 &&
			    is_value(e, hit->group_values[k]))
				return (int)i;
	}
	return -1;
}

int suppress_match(const struct suppress *s, const struct hit *hit, struct view host)
{
	struct buffer text = {0};
	int found = -1;

	for (size_t i = 0; s && i < s->count && found < 0; i++) {
		const struct entry *e = &s->entries[i];
		bool fits = e->field == NULL;

		if (!is_meant(e, hit->rule, host))
			continue;
		if (e->field) {
			text.len = 0;
			if (!engine_value(hit->state, e->field, &text))
				continue;
			fits = is_value(e, buffer_as_view(&text));
		}
		if (fits)
			found = (int)i;
	}
	buffer_release(&text);
	return found;
}
