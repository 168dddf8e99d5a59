#include "detect/yaml.h"

#include "base/limits.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include <yaml.h>

struct reader {
	yaml_parser_t parser;
	struct arena *arena;
	struct problem *problem;
	uint32_t line;
	uint32_t nodes; /* of this document */
	unsigned depth;
	struct anchor {
		const char *name;
		struct yaml *node;
		bool open; /* still being read */
	} * anchors;
	size_t anchor_count, anchor_cap;
};

static int fail(struct reader *r, int status, size_t line, const char *reason)
{
	r->line = (uint32_t)line + 1;
	return problem_set(r->problem, status, PROBLEM_NO_OFFSET, "%s", reason);
}

static int next(struct reader *r, yaml_event_t *event)
{
	if (yaml_parser_parse(&r->parser, event))
		return OK;
	r->line = (uint32_t)r->parser.problem_mark.line + 1;
	return problem_set(r->problem, ERR_FORMAT, PROBLEM_NO_OFFSET, "not YAML: %s%s%s",
			   r->parser.problem ? r->parser.problem : "unreadable",
			   r->parser.context ? ", " : "",
			   r->parser.context ? r->parser.context : "");
}

static struct yaml *node_new(struct reader *r, enum yaml_type type, size_t line)
{
	struct yaml *n;

	if (++r->nodes > LIMIT_YAML_NODES) {
		(void)fail(r, ERR_LIMIT, line,
			   "more nodes than a rule can need (aliases included)");
		return NULL;
	}
	n = arena_zalloc(r->arena, sizeof(*n));
	if (!n) {
		(void)fail(r, ERR_MEMORY, line, "the rules need more memory than allowed");
		return NULL;
	}
	n->type = type;
	n->line = (uint32_t)line + 1;
	return n;
}

static struct yaml *copy(struct reader *r, const struct yaml *from, size_t line)
{
	struct yaml *n = node_new(r, from->type, line);

	if (!n)
		return NULL;
	n->quoted = from->quoted;
	n->text = from->text;
	n->count = from->count;
	if (from->count) {
		n->items = arena_alloc(r->arena, from->count * sizeof(*n->items));
		if (!n->items) {
			(void)fail(r, ERR_MEMORY, line, "the rules need more memory than allowed");
			return NULL;
		}
	}
	for (uint32_t i = 0; i < from->count; i++)
		if (!(n->items[i] = copy(r, from->items[i], line)))
			return NULL;
	return n;
}

static struct anchor *anchor_find(struct reader *r, const char *name)
{
	for (size_t i = r->anchor_count; i-- > 0;)
		if (strcmp(r->anchors[i].name, name) == 0)
			return &r->anchors[i];
	return NULL;
}

static size_t anchor_add(struct reader *r, const yaml_char_t *name)
{
	if (!name)
		return SIZE_MAX;
	r->anchors = xgrow(r->anchors, &r->anchor_cap, r->anchor_count + 1, sizeof(*r->anchors));
	r->anchors[r->anchor_count] = (struct anchor){
		.name = arena_strndup(r->arena, name, strlen((const char *)name)), .open = true};
	if (!r->anchors[r->anchor_count].name)
		return SIZE_MAX;
	return r->anchor_count++;
}

static void anchor_close(struct reader *r, size_t at, struct yaml *node)
{
	if (at == SIZE_MAX)
		return;
	r->anchors[at].node = node;
	r->anchors[at].open = false;
}

/* The node that the event begins; NULL with the problem set. Frees the event. */
static struct yaml *node_read(struct reader *r, yaml_event_t *event);

static struct yaml *scalar_read(struct reader *r, const yaml_event_t *event)
{
	struct yaml *n = node_new(r, YAML_SCALAR, event->start_mark.line);
	char *text;

	if (!n)
		return NULL;
	text = arena_strndup(r->arena, event->data.scalar.value, event->data.scalar.length);
	if (!text) {
		(void)fail(r, ERR_MEMORY, event->start_mark.line, "out of memory");
		return NULL;
	}
	n->text = view_of(text, event->data.scalar.length);
	n->quoted = event->data.scalar.style != YAML_PLAIN_SCALAR_STYLE;
	anchor_close(r, anchor_add(r, event->data.scalar.anchor), n);
	return n;
}

static struct yaml *collection_read(struct reader *r, const yaml_event_t *begin)
{
	bool mapping = begin->type == YAML_MAPPING_START_EVENT;
	struct yaml *n =
		node_new(r, mapping ? YAML_MAPPING : YAML_SEQUENCE, begin->start_mark.line);
	struct yaml **items = NULL, *result = NULL;
	size_t anchor, cap = 0, count = 0;
	yaml_event_t event;

	if (!n)
		return NULL;
	anchor = anchor_add(r, mapping ? begin->data.mapping_start.anchor
				       : begin->data.sequence_start.anchor);
	if (++r->depth > LIMIT_DEPTH) {
		(void)fail(r, ERR_LIMIT, begin->start_mark.line, "nested too deep");
		goto out;
	}
	for (;;) {
		struct yaml *item;

		if (next(r, &event) < 0)
			goto out;
		if (event.type == YAML_MAPPING_END_EVENT || event.type == YAML_SEQUENCE_END_EVENT)
			break;
		if (!(item = node_read(r, &event)))
			goto out;
		if (mapping && count % 2 == 0) {
			if (item->type != YAML_SCALAR) {
				(void)fail(r, ERR_FORMAT, item->line - 1, "a key that is no text");
				goto out;
			}
			for (size_t i = 0; i < count; i += 2) {
				if (view_equal(items[i]->text, item->text)) {
					r->line = item->line;
					(void)problem_set(r->problem, ERR_FORMAT, PROBLEM_NO_OFFSET,
							  "the key '%s' stands twice",
							  (const char *)item->text.data);
					goto out;
				}
			}
		}
		items = xgrow(items, &cap, count + 1, sizeof(*items));
		items[count++] = item;
	}
	yaml_event_delete(&event);
	n->count = (uint32_t)count;
	if (count) {
		n->items = arena_alloc(r->arena, count * sizeof(*items));
		if (!n->items) {
			(void)fail(r, ERR_MEMORY, begin->start_mark.line, "out of memory");
			goto out;
		}
		memcpy(n->items, items, count * sizeof(*items));
	}
	anchor_close(r, anchor, n);
	result = n;
out:
	r->depth--;
	free(items);
	return result;
}

static struct yaml *node_read(struct reader *r, yaml_event_t *event)
{
	struct yaml *n = NULL;
	struct anchor *a;

	switch (event->type) {
	case YAML_SCALAR_EVENT:
		n = scalar_read(r, event);
		break;
	case YAML_MAPPING_START_EVENT:
	case YAML_SEQUENCE_START_EVENT:
		n = collection_read(r, event);
		break;
	case YAML_ALIAS_EVENT:
		a = anchor_find(r, (const char *)event->data.alias.anchor);
		if (!a)
			(void)fail(r, ERR_FORMAT, event->start_mark.line,
				   "an alias without its anchor");
		else if (a->open)
			(void)fail(r, ERR_FORMAT, event->start_mark.line,
				   "an alias inside its own anchor");
		else
			n = copy(r, a->node, event->start_mark.line);
		break;
	default:
		(void)fail(r, ERR_FORMAT, event->start_mark.line, "not a value");
		break;
	}
	yaml_event_delete(event);
	return n;
}

int yaml_read(struct view text, struct arena *arena, yaml_document *fn, void *data,
	      struct problem *problem, uint32_t *line)
{
	struct reader r = {.arena = arena, .problem = problem};
	struct problem own = {0};
	yaml_event_t event;
	int status = OK;
	bool done = false;

	if (!problem)
		r.problem = &own;
	r.problem->reason[0] = '\0';
	if (!yaml_parser_initialize(&r.parser))
		return fail(&r, ERR_MEMORY, 0, "out of memory");
	yaml_parser_set_input_string(&r.parser, text.data ? text.data : (const uint8_t *)"",
				     text.len);
	while (!done && status == OK) {
		struct yaml *root;

		status = next(&r, &event);
		if (status < 0)
			break;
		switch (event.type) {
		case YAML_STREAM_END_EVENT:
			done = true;
			/* fall through */
		case YAML_STREAM_START_EVENT:
		case YAML_DOCUMENT_END_EVENT:
			yaml_event_delete(&event);
			break;
		case YAML_DOCUMENT_START_EVENT:
			yaml_event_delete(&event);
			r.nodes = 0;
			r.anchor_count = 0;
			status = next(&r, &event);
			if (status < 0)
				break;
			root = node_read(&r, &event);
			status = root ? fn(data, root) : ERR_FORMAT;
			break;
		default:
			yaml_event_delete(&event);
			status = fail(&r, ERR_FORMAT, 0, "not a document");
			break;
		}
	}
	yaml_parser_delete(&r.parser);
	free(r.anchors);
	if (line)
		*line = r.line;
	return status;
}

struct yaml *yaml_get(const struct yaml *mapping, const char *key)
{
	if (!mapping || mapping->type != YAML_MAPPING)
		return NULL;
	for (uint32_t i = 0; i + 1 < mapping->count; i += 2)
		if (view_is(mapping->items[i]->text, key))
			return mapping->items[i + 1];
	return NULL;
}

const char *yaml_string(const struct yaml *mapping, const char *key)
{
	struct yaml *n = yaml_get(mapping, key);

	if (!n || n->type != YAML_SCALAR || yaml_scalar(n, NULL, NULL, NULL) == YAML_NULL)
		return NULL;
	return (const char *)n->text.data;
}

static bool is_any(struct view v, const char *const *list)
{
	for (; *list; list++)
		if (view_is(v, *list))
			return true;
	return false;
}

enum yaml_scalar yaml_scalar(const struct yaml *n, int64_t *integer, double *number, bool *truth)
{
	static const char *const nulls[] = {"", "~", "null", "Null", "NULL", NULL};
	static const char *const trues[] = {"true", "True", "TRUE", NULL};
	static const char *const falses[] = {"false", "False", "FALSE", NULL};
	const char *s = (const char *)n->text.data, *p = s;
	bool digits = false, real = false, is_true;
	char *end;

	if (n->quoted)
		return YAML_STRING;
	if (is_any(n->text, nulls))
		return YAML_NULL;
	is_true = is_any(n->text, trues);
	if (is_true || is_any(n->text, falses)) {
		if (truth)
			*truth = is_true;
		return YAML_BOOL;
	}
	if (n->text.len > 40 || strlen(s) != n->text.len)
		return YAML_STRING;
	if (*p == '-' || *p == '+')
		p++;
	if (p[0] == '0' && p[1] == 'x' && p[2] &&
	    strspn(p + 2, "0123456789abcdefABCDEF") == strlen(p + 2)) {
		long long x;

		errno = 0;
		x = strtoll(s, &end, 16);
		if (errno || *end)
			return YAML_STRING;
		if (integer)
			*integer = x;
		if (number)
			*number = (double)x;
		return YAML_INTEGER;
	}
	for (const char *q = p; *q; q++) {
		if (*q >= '0' && *q <= '9')
			digits = true;
		else if (*q == '.' || ((*q == 'e' || *q == 'E') && digits && strchr(s, '.')))
			real = true;
		else if ((*q == '-' || *q == '+') && q > p && (q[-1] == 'e' || q[-1] == 'E'))
			;
		else
			return YAML_STRING;
	}
	if (!digits || (p[0] == '0' && p[1] >= '0' && p[1] <= '9'))
		return YAML_STRING;
	if (real) {
		double f = strtod(s, &end);

		if (*end || end == s)
			return YAML_STRING;
		if (number)
			*number = f;
		return YAML_FLOAT;
	} else {
		long long x;

		errno = 0;
		x = strtoll(s, &end, 10);
		if (errno || *end)
			return YAML_STRING;
		if (integer)
			*integer = x;
		if (number)
			*number = (double)x;
		return YAML_INTEGER;
	}
}

int yaml_slurp(const char *path, struct buffer *out)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY), status = OK;
	size_t want = 65536;
	struct stat st;

	if (fd < 0)
		return ERR_IO;
	if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode)) {
		if ((uint64_t)st.st_size > LIMIT_YAML_BYTES) {
			(void)close(fd);
			return ERR_LIMIT;
		}
		/* Rules are small and many: no more memory than the file and its end need. */
		if (st.st_size > 0)
			want = (size_t)st.st_size + 512;
	}
	for (;;) {
		ssize_t n = read(fd, buffer_reserve(out, want), want);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			status = ERR_IO;
		if (n <= 0)
			break;
		out->len += (size_t)n;
		if (out->len > LIMIT_YAML_BYTES) {
			status = ERR_LIMIT;
			break;
		}
		want = out->cap - out->len > 0 ? out->cap - out->len : 65536;
	}
	(void)close(fd);
	return status;
}
