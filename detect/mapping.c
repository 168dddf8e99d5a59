#include "detect/mapping.h"

#include <errno.h>
#include <stdlib.h>

/* mapping.yml as it stands, so that konseki needs no file beside it. */
extern const uint8_t mapping_text[], mapping_text_end[];
__asm__(".section .rodata\n"
	".global mapping_text\n"
	".global mapping_text_end\n"
	"mapping_text:\n"
	".incbin \"detect/mapping.yml\"\n"
	"mapping_text_end:\n"
	".byte 0\n"
	".previous\n");

struct adder {
	struct mapping *m;
	struct problem *problem;
};

static int fail(struct adder *a, const struct yaml *at, const char *reason)
{
	return problem_set(a->problem, ERR_FORMAT, PROBLEM_NO_OFFSET, "line %u: %s", at->line,
			   reason);
}

static void *need(struct adder *a, size_t n)
{
	void *p = arena_zalloc(&a->m->arena, n ? n : 1);

	return p ? p : xcalloc(1, SIZE_MAX / 2); /* ends the process: a mapping of 256 MiB */
}

static const char *keep(struct adder *a, const struct yaml *y)
{
	char *p = need(a, y->text.len + 1);

	memcpy(p, y->text.data, y->text.len);
	return p;
}

static int texts(struct adder *a, const struct yaml *y, struct texts *out)
{
	if (!y)
		return OK;
	if (y->type == YAML_MAPPING)
		return fail(a, y, "neither a text nor a list of texts");
	out->items = need(a, (y->type == YAML_SCALAR ? 1 : y->count) * sizeof(*out->items));
	if (y->type == YAML_SCALAR)
		out->items[out->count++] = keep(a, y);
	for (uint32_t i = 0; i < y->count; i++) {
		if (y->items[i]->type != YAML_SCALAR)
			return fail(a, y->items[i], "not a text");
		out->items[out->count++] = keep(a, y->items[i]);
	}
	return OK;
}

static int pairs(struct adder *a, const struct yaml *y, const char ***out, uint32_t *count)
{
	if (!y)
		return OK;
	if (y->type != YAML_MAPPING)
		return fail(a, y, "no mapping of texts");
	*out = need(a, y->count * sizeof(**out));
	for (uint32_t i = 0; i < y->count; i++) {
		if (y->items[i]->type != YAML_SCALAR)
			return fail(a, y->items[i], "not a text");
		(*out)[i] = keep(a, y->items[i]);
	}
	*count = y->count / 2;
	return OK;
}

static int derive(struct adder *a, const struct yaml *key, const struct yaml *y, struct derive *d)
{
	static const char *const known[] = {"from", "join",  "every",	"with",
					    "part", "after", "replace", "values"};
	int status;

	d->field = keep(a, key);
	if (y->type != YAML_MAPPING)
		return texts(a, y, &d->from);
	for (uint32_t i = 0; i < y->count; i += 2) {
		bool found = false;

		for (size_t k = 0; k < sizeof(known) / sizeof(known[0]); k++)
			found |= view_is(y->items[i]->text, known[k]);
		if (!found)
			return fail(a, y->items[i], "unknown key of a field");
	}
	d->join = yaml_get(y, "join") != NULL;
	d->every = yaml_get(y, "every") != NULL;
	if ((status = texts(a,
			    yaml_get(y, d->join	   ? "join"
					: d->every ? "every"
						   : "from"),
			    &d->from)) < 0 ||
	    (status = pairs(a, yaml_get(y, "replace"), &d->replace, &d->replace_count)) < 0 ||
	    (status = pairs(a, yaml_get(y, "values"), &d->values, &d->value_count)) < 0)
		return status;
	if (d->from.count == 0)
		return fail(a, y, "a field that is made of none");
	d->with = yaml_get(y, "with") ? keep(a, yaml_get(y, "with")) : "";
	d->part = yaml_get(y, "part") ? keep(a, yaml_get(y, "part")) : NULL;
	d->after = yaml_get(y, "after") ? keep(a, yaml_get(y, "after")) : NULL;
	return OK;
}

static int source(struct adder *a, const struct yaml *y)
{
	static const char *const known[] = {"name",    "product",  "category", "service",
					    "channel", "provider", "event_id", "kind",
					    "parser",  "has",	   "where",    "fields"};
	struct source *s = need(a, sizeof(*s)), **at = NULL;
	const struct yaml *v;
	int status;

	if (y->type != YAML_MAPPING || !yaml_string(y, "name"))
		return fail(a, y, "a source needs a name");
	for (uint32_t i = 0; i < y->count; i += 2) {
		bool found = false;

		for (size_t k = 0; k < sizeof(known) / sizeof(known[0]); k++)
			found |= view_is(y->items[i]->text, known[k]);
		if (!found)
			return fail(a, y->items[i], "unknown key of a source");
	}
	s->name = keep(a, yaml_get(y, "name"));
	if (yaml_string(y, "product"))
		s->product = keep(a, yaml_get(y, "product"));
	if ((status = texts(a, yaml_get(y, "category"), &s->category)) < 0 ||
	    (status = texts(a, yaml_get(y, "service"), &s->service)) < 0 ||
	    (status = texts(a, yaml_get(y, "channel"), &s->channel)) < 0 ||
	    (status = texts(a, yaml_get(y, "provider"), &s->provider)) < 0 ||
	    (status = texts(a, yaml_get(y, "kind"), &s->kind)) < 0 ||
	    (status = texts(a, yaml_get(y, "parser"), &s->parser)) < 0 ||
	    (status = texts(a, yaml_get(y, "has"), &s->has)) < 0)
		return status;
	if (!s->channel.count && !s->provider.count && !s->kind.count && !s->parser.count &&
	    !s->has.count)
		return fail(a, y, "a source without channel, provider, kind, parser or has");
	v = yaml_get(y, "event_id");
	if (v) {
		uint32_t n = v->type == YAML_SCALAR ? 1 : v->count;

		s->event_ids = need(a, n * sizeof(*s->event_ids));
		for (uint32_t i = 0; i < n; i++) {
			const struct yaml *x = v->type == YAML_SCALAR ? v : v->items[i];

			if (x->type != YAML_SCALAR ||
			    !view_decimal(x->text, &s->event_ids[s->event_id_count++]))
				return fail(a, x, "an event id is a number");
		}
	}
	v = yaml_get(y, "where");
	if (v) {
		if (v->type != YAML_MAPPING)
			return fail(a, v, "where wants fields with their values");
		s->where = need(a, v->count / 2 * sizeof(*s->where));
		for (uint32_t i = 0; i + 1 < v->count; i += 2) {
			s->where[s->where_count].field = keep(a, v->items[i]);
			if ((status = texts(a, v->items[i + 1],
					    &s->where[s->where_count++].values)) < 0)
				return status;
		}
	}
	v = yaml_get(y, "fields");
	if (v) {
		if (v->type != YAML_MAPPING)
			return fail(a, v, "fields wants a mapping");
		s->fields = need(a, v->count / 2 * sizeof(*s->fields));
		for (uint32_t i = 0; i + 1 < v->count; i += 2)
			if ((status = derive(a, v->items[i], v->items[i + 1],
					     &s->fields[s->field_count++])) < 0)
				return status;
	}
	for (size_t i = 0; i < a->m->count && !at; i++)
		if (strcmp(a->m->sources[i]->name, s->name) == 0)
			at = &a->m->sources[i];
	if (!at) {
		a->m->sources =
			xgrow(a->m->sources, &a->m->cap, a->m->count + 1, sizeof(*a->m->sources));
		at = &a->m->sources[a->m->count++];
	}
	*at = s;
	s->index = (uint32_t)(at - a->m->sources);
	return OK;
}

static int document(void *data, struct yaml *doc)
{
	struct adder *a = data;
	const struct yaml *list = yaml_get(doc, "sources");

	if (!list || list->type != YAML_SEQUENCE)
		return fail(a, doc, "no mapping: a list `sources` is missing");
	for (uint32_t i = 0; i < list->count; i++) {
		int status = source(a, list->items[i]);

		if (status < 0)
			return status;
	}
	return OK;
}

int mapping_add_text(struct mapping *m, struct view text, struct problem *problem)
{
	struct arena nodes = {0};
	struct problem own = {.reason = ""};
	struct adder a = {m, &own};
	uint32_t line = 0;
	struct problem yaml = {.reason = ""};
	int status = yaml_read(text, &nodes, document, &a, &yaml, &line);

	if (status < 0 && yaml.reason[0])
		(void)problem_set(problem, status, PROBLEM_NO_OFFSET, "line %u: %s", line,
				  yaml.reason);
	else if (status < 0)
		(void)problem_set(problem, status, PROBLEM_NO_OFFSET, "%s", own.reason);
	arena_release(&nodes);
	return status;
}

int mapping_add(struct mapping *m, const char *path, struct problem *problem)
{
	struct buffer text = {0};
	int status = yaml_slurp(path, &text);

	if (status < 0)
		(void)problem_set(problem, status, PROBLEM_NO_OFFSET, "%s",
				  status == ERR_LIMIT ? "larger than a mapping may be"
						      : strerror(errno));
	else
		status = mapping_add_text(m, buffer_as_view(&text), problem);
	buffer_release(&text);
	return status;
}

struct mapping *mapping_new(struct problem *problem)
{
	struct mapping *m = xcalloc(1, sizeof(*m));

	if (mapping_add_text(m, view_of(mapping_text, (size_t)(mapping_text_end - mapping_text)),
			     problem) == OK)
		return m;
	mapping_free(m);
	return NULL;
}

void mapping_free(struct mapping *m)
{
	if (!m)
		return;
	free(m->sources);
	arena_release(&m->arena);
	free(m);
}
