#include "parsers/parser.h"

#include "base/text.h"
#include "parsers/encoded.h"

#include <stdarg.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#define PARSER(name) extern const struct parser parser_##name;
#include "parsers/list.h"
#undef PARSER

const struct parser *const parsers[] = {
#define PARSER(name) &parser_##name,
#include "parsers/list.h"
#undef PARSER
	NULL};

const struct parser *parser_find(const char *name)
{
	for (const struct parser *const *p = parsers; *p; p++)
		if (strcmp((*p)->name, name) == 0)
			return *p;
	return NULL;
}

const struct parser *parser_pick(const struct probe *probe, int *bid)
{
	const struct parser *best = NULL;
	int highest = BID_NO;

	for (const struct parser *const *p = parsers; *p; p++) {
		int offer = (*p)->probe(probe);

		if (offer > highest) {
			highest = offer;
			best = *p;
		}
	}
	if (bid)
		*bid = highest;
	return best;
}

void parse_init(struct parse *p, struct sink *sink, struct shape_table *shapes)
{
	memset(p, 0, sizeof(*p));
	p->path = "";
	p->mtime = TIME_NONE;
	p->now = time_now();
	p->segment_to = UINT32_MAX;
	p->sink = sink;
	p->shapes = shapes;
}

void parse_done(struct parse *p)
{
	arena_release(&p->arena);
	arena_release(&p->scratch);
}

int parse_emit(struct parse *p, const struct event *e)
{
	p->events++;
	return p->sink->event(p->sink, e);
}

int parse_lost(struct parse *p, uint64_t offset, const char *fmt, ...)
{
	static const struct view names[] = {{(const uint8_t *)"Offset", 6},
					    {(const uint8_t *)"Reason", 6}};
	struct value values[2] = {value_unsigned(offset), {0}};
	char reason[240], message[300];
	struct event e = {.ts = TIME_NONE,
			  .ts_desc = "Not a time",
			  .kind = KIND_DAMAGE,
			  .offset = offset,
			  .values = values};
	va_list args;

	if (p->losses++ >= LIMIT_LOSSES)
		return OK;
	va_start(args, fmt);
	(void)vsnprintf(reason, sizeof(reason), fmt, args);
	va_end(args);
	if (p->losses == 1)
		(void)problem_set(&p->problem, OK, offset, "%s", reason);
	values[1] = value_text(reason);
	(void)snprintf(message, sizeof(message), "Damaged at offset %llu: %s",
		       (unsigned long long)offset, reason);
	e.message = value_text(message);
	e.shape = shape_intern(p->shapes, names, 2);
	return p->sink->event(p->sink, &e);
}

void parse_release(struct parse *p, uint64_t offset)
{
	const uint64_t step = 16u << 20;

	/* Only a mapped file can give pages back; for memory the advice would lose the bytes, so
	 * the caller of parse() maps the artefact and sets `bytes` only then. */
	if (!p->bytes.data || offset < p->released + step || offset > p->bytes.len)
		return;
	offset &= ~(uint64_t)0xffff;
	(void)madvise((void *)(uintptr_t)(p->bytes.data + p->released), offset - p->released,
		      MADV_DONTNEED);
	p->released = offset;
}

void event_start(struct parse *p, enum event_kind kind, int64_t ts, const char *ts_desc,
		 uint64_t offset)
{
	arena_reset(&p->scratch);
	p->count = 0;
	p->decoded = false;
	p->event = (struct event){.ts = ts, .ts_desc = ts_desc, .kind = kind, .offset = offset};
}

void event_add_named(struct parse *p, struct view name, struct value value)
{
	if (value.type == VALUE_ABSENT || name.len == 0 || p->count >= LIMIT_EVENT_FIELDS)
		return;
	p->names[p->count] = name;
	p->values[p->count++] = value;
}

void event_add(struct parse *p, const char *name, struct value value)
{
	event_add_named(p, view_text(name), value);
}

static char *format(struct arena *a, const char *fmt, va_list args)
{
	va_list again;
	char *text;
	int n;

	va_copy(again, args);
	n = vsnprintf(NULL, 0, fmt, again);
	va_end(again);
	text = n < 0 ? NULL : arena_alloc(a, (size_t)n + 1);
	if (text)
		(void)vsnprintf(text, (size_t)n + 1, fmt, args);
	return text;
}

void event_addf(struct parse *p, const char *name, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	event_add(p, name, value_text(format(&p->scratch, fmt, args)));
	va_end(args);
}

void event_messagef(struct parse *p, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	p->event.message = value_text(format(&p->scratch, fmt, args));
	va_end(args);
}

/* What the commands of the event hide, in fields of its own. */
static void add_decoded(struct parse *p)
{
	struct view names[ENCODED_FIELDS];
	struct value values[ENCODED_FIELDS];
	struct encoded found = {0};
	size_t n;

	p->decoded = true;
	for (size_t i = 0; i < p->count; i++)
		if (encoded_likely(&p->values[i]) && encoded_field(p->names[i]))
			encoded_find(&p->scratch,
				     view_text(parse_value_text(&p->scratch, &p->values[i])),
				     &found);
	n = encoded_fields(&p->scratch, &found, names, values);
	for (size_t i = 0; i < n; i++)
		event_add_named(p, names[i], values[i]);
}

int event_emit(struct parse *p)
{
	if (!p->decoded)
		add_decoded(p);
	p->event.shape = shape_intern(p->shapes, p->names, p->count);
	p->event.values = p->values;
	if (!p->event.shape)
		return ERR_LIMIT;
	return parse_emit(p, &p->event);
}

int event_emit_at(struct parse *p, int64_t ts, const char *ts_desc)
{
	p->event.ts = ts;
	p->event.ts_desc = ts_desc;
	return event_emit(p);
}

static const char *kept(struct arena *a, struct buffer *b)
{
	const char *text = arena_strndup(a, b->data, b->len);

	buffer_release(b);
	return text ? text : "";
}

const char *parse_utf16z(struct arena *a, struct view utf16)
{
	struct buffer b = {0};

	text_utf16z(&b, utf16);
	return kept(a, &b);
}

const char *parse_text(struct arena *a, struct view bytes)
{
	struct buffer b = {0};

	text_utf8(&b, bytes);
	return kept(a, &b);
}

const char *parse_value_text(struct arena *a, const struct value *v)
{
	struct buffer b = {0};

	value_append(&b, v);
	return kept(a, &b);
}

struct view parse_path_user(const char *path)
{
	static const char *const homes[] = {"home/", "Users/", "Documents and Settings/"};
	struct view v = view_text(path);

	for (size_t i = 0; i < sizeof(homes) / sizeof(homes[0]); i++) {
		size_t n = strlen(homes[i]), at = view_find(v, 0, homes[i], n);
		struct view user, rest;

		if (at == v.len || (at > 0 && v.data[at - 1] != '/'))
			continue;
		rest = view_from(v, at + n);
		if (view_token(&rest, '/', &user) && rest.data && user.len)
			return user;
	}
	if (view_find(v, 0, "/root/", 6) != v.len || view_starts(v, "root/", 5))
		return view_text("root");
	return VIEW_EMPTY;
}
