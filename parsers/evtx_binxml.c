/*
 * Binary XML: from tokens to ops, and the templates of a file.
 *
 * Format: [MS-EVEN6] 2.2.12 for the grammar; libyal, EVTX documentation, "Binary XML", for what
 * differs inside a log: names and definitions stand once per chunk and are referred to by offset.
 */
#include "parsers/evtx.h"

#include "base/text.h"

#include <stdlib.h>

enum { CHECK_RAW, CHECK_SIZE, CHECK_NAME };

/* Size of a definition's head: offset of the next one, GUID, size of the body. */
#define DEFINITION_HEAD 24u

void evtx_begin(struct evtx *e, struct parse *p, struct view bytes)
{
	memset(e, 0, sizeof(*e));
	e->p = p;
	e->bytes = bytes;
	e->holes = xcalloc(EVTX_HOLES, sizeof(*e->holes));
	e->why = "";
}

void evtx_end(struct evtx *e)
{
	arena_release(&e->arena);
	arena_release(&e->scratch);
	free(e->holes);
	free(e->op);
	free(e->check);
	buffer_release(&e->same);
	buffer_release(&e->text);
}

/* A hostile log could fill memory with definitions: past this the cache starts anew. */
#define CACHE_MAX ((size_t)8 << 20)

void evtx_set_chunk(struct evtx *e, size_t base, size_t len)
{
	e->base = base;
	e->chunk = view_clip(e->bytes, base, len);
	e->generation++;
	e->compiled = 0;
	if (e->arena.used > CACHE_MAX) {
		memset(e->buckets, 0, sizeof(e->buckets));
		memset(e->plans, 0, sizeof(e->plans));
		arena_reset(&e->arena);
	}
}

/* ---- names ---- */

/* A name's entry: offset of the next, hash, units, text, NUL. */
static bool name_at(struct view chunk, size_t off, struct view *utf16)
{
	uint16_t units;

	if (!view_u16le(chunk, off + 6, &units) || !view_has(chunk, off + 8, (size_t)units * 2))
		return false;
	*utf16 = view_sub(chunk, off + 8, (size_t)units * 2);
	return true;
}

/* hash = hash * 65599 + unit, its low 16 bits stored. */
static bool name_sound(struct view chunk, size_t off)
{
	struct view name;
	uint32_t hash = 0;

	if (!name_at(chunk, off, &name))
		return false;
	for (size_t i = 0; i + 1 < name.len; i += 2)
		hash = hash * 65599 + view_get16(name, i);
	return (uint16_t)hash == view_get16(chunk, off + 4);
}

/* ---- decoding ---- */

struct decoder {
	struct evtx *e;
	struct view v; /* the chunk up to the end of what is decoded */
	size_t pos;
	struct arena *arena; /* for names, texts and instances */
	unsigned depth;	     /* of fragments in fragments */
	int dependency;	     /* elements name the hole they depend on: 1, 0, -1 not known yet */
	bool definition;     /* a template's: record how to recognise it elsewhere */
	size_t raw;	     /* definition: where the bytes begin that are not yet in a check */
	bool lenient;	     /* a name that is lost becomes a placeholder */
	uint32_t first;	     /* of its ops in e->op: behind those of a fragment that it stands in */
	uint32_t ops, checks;
};

static bool fail(struct decoder *d, const char *why)
{
	d->e->why = why;
	return false;
}

static struct evtx_op *add(struct decoder *d, enum evtx_op_type type)
{
	struct evtx *e = d->e;
	struct evtx_op *op;

	e->op = xgrow(e->op, &e->op_cap, (size_t)d->first + d->ops + 1, sizeof(*e->op));
	op = &e->op[d->first + d->ops++];
	e->op_used = d->first + d->ops;
	*op = (struct evtx_op){.type = (uint8_t)type, .dependency = EVTX_NO_DEPENDENCY};
	return op;
}

static void add_check(struct decoder *d, unsigned type, struct view same, unsigned len)
{
	struct evtx *e = d->e;

	e->check = xgrow(e->check, &e->check_cap, (size_t)d->checks + 1, sizeof(*e->check));
	e->check[d->checks++] =
		(struct evtx_check){(uint32_t)e->same.len, (uint16_t)len, (uint8_t)type};
	buffer_view(&e->same, same);
}

/* Everything from d->raw to `to` is the same wherever the definition stands. */
static void check_raw(struct decoder *d, size_t to)
{
	if (!d->definition)
		return;
	if (to > d->raw)
		add_check(d, CHECK_RAW, view_sub(d->v, d->raw, to - d->raw),
			  (unsigned)(to - d->raw));
	d->raw = to;
}

/* A size field: it depends on which names stand inside. */
static bool skip_size(struct decoder *d)
{
	if (!view_has(d->v, d->pos, 4))
		return fail(d, "an element is cut");
	check_raw(d, d->pos);
	if (d->definition)
		add_check(d, CHECK_SIZE, VIEW_EMPTY, 0);
	d->pos += 4;
	d->raw = d->pos;
	return true;
}

static struct view utf8_of(struct decoder *d, struct view utf16)
{
	struct buffer *text = &d->e->text;
	char *copy;

	text->len = 0;
	text_utf16(text, utf16);
	copy = arena_strndup(d->arena, text->data, text->len);
	return copy ? view_of(copy, text->len) : VIEW_EMPTY;
}

/* XML names cannot hold everything that UTF-16 can: what damage put there would break the output.
 */
static struct view clean_name(struct view name)
{
	char *c = (char *)(uintptr_t)name.data;

	if (!name.len)
		return view_text("_");
	for (size_t i = 0; i < name.len; i++) {
		bool good = (c[i] >= 'a' && c[i] <= 'z') || (c[i] >= 'A' && c[i] <= 'Z') ||
			    (c[i] & 0x80) || c[i] == '_' || c[i] == ':';

		if (!good && !(i && ((c[i] >= '0' && c[i] <= '9') || c[i] == '-' || c[i] == '.')))
			c[i] = '_';
	}
	return name;
}

static bool read_name(struct decoder *d, struct view *name)
{
	struct view chunk = d->e->chunk, utf16;
	uint32_t off;
	size_t at;

	if (!view_u32le(d->v, d->pos, &off))
		return fail(d, "a name is cut");
	check_raw(d, d->pos);
	at = d->pos + 4;
	if (d->lenient && !name_sound(chunk, off)) {
		d->pos = d->raw = at;
		*name = view_text("Unreadable");
		return true;
	}
	if (!name_at(chunk, off, &utf16))
		return fail(d, "a name lies outside the chunk");
	if (off == at) {
		at += 8 + utf16.len + 2;
		if (at > d->v.len)
			return fail(d, "a name is cut");
	}
	d->pos = d->raw = at;
	if (d->definition)
		add_check(d, CHECK_NAME, utf16, (unsigned)utf16.len / 2);
	*name = clean_name(utf8_of(d, utf16));
	return true;
}

/* UTF-16 text with its count of units before it. */
static bool read_text(struct decoder *d, struct view *text)
{
	uint16_t units;

	if (!view_u16le(d->v, d->pos, &units) || !view_has(d->v, d->pos + 2, (size_t)units * 2))
		return fail(d, "a text is cut");
	*text = utf8_of(d, view_sub(d->v, d->pos + 2, (size_t)units * 2));
	d->pos += 2 + (size_t)units * 2;
	return true;
}

/* Does an element's head make sense here, with or without the number of the hole it depends on? */
static bool element_fits(struct decoder *d, bool dependency)
{
	size_t at = d->pos + (dependency ? 2 : 0);
	uint32_t size, name;

	return view_u32le(d->v, at, &size) && view_u32le(d->v, at + 4, &name) &&
	       size <= d->v.len - at && name_sound(d->e->chunk, name) &&
	       (name == at + 8 || name < d->pos || name > d->pos + size);
}

static bool read_element(struct decoder *d, bool attributes)
{
	struct evtx_op *op;
	struct view name;
	uint16_t dependency = EVTX_NO_DEPENDENCY;

	if (d->dependency < 0)
		d->dependency = !element_fits(d, false) && element_fits(d, true);
	if (d->dependency) {
		if (!view_u16le(d->v, d->pos, &dependency))
			return fail(d, "an element is cut");
		d->pos += 2;
	}
	if (!skip_size(d) || !read_name(d, &name) || (attributes && !skip_size(d)))
		return false;
	op = add(d, EVTX_OP_OPEN);
	op->text = name;
	op->dependency = dependency;
	return true;
}

/* Bytes that a literal of this type takes, or 0 where the type has no size of its own. */
static size_t fixed_size(unsigned type)
{
	switch (type) {
	case EVTX_INT8:
	case EVTX_UINT8:
		return 1;
	case EVTX_INT16:
	case EVTX_UINT16:
		return 2;
	case EVTX_INT32:
	case EVTX_UINT32:
	case EVTX_REAL32:
	case EVTX_BOOL:
	case EVTX_HEX32:
		return 4;
	case EVTX_INT64:
	case EVTX_UINT64:
	case EVTX_REAL64:
	case EVTX_FILETIME:
	case EVTX_HEX64:
	case EVTX_SIZE:
		return 8;
	case EVTX_GUID:
	case EVTX_SYSTIME:
		return 16;
	default:
		return 0;
	}
}

static bool read_literal(struct decoder *d)
{
	uint8_t type;
	size_t size;

	if (!view_u8(d->v, d->pos, &type))
		return fail(d, "a value is cut");
	d->pos++;
	if (type == EVTX_NULL)
		return true;
	if (type == EVTX_STRING) {
		struct view text;

		if (!read_text(d, &text))
			return false;
		add(d, EVTX_OP_TEXT)->text = text;
		return true;
	}
	size = fixed_size(type);
	if (size == 0 || !view_has(d->v, d->pos, size))
		return fail(d, "a literal of an unknown type");
	/* A definition outlives its chunk. */
	char *copy = arena_strndup(d->arena, d->v.data + d->pos, size);

	if (!copy)
		return fail(d, "out of memory");
	add(d, EVTX_OP_VALUE)->value =
		(struct evtx_hole){(const uint8_t *)copy, (uint16_t)size, type, 0};
	d->pos += size;
	return true;
}

static bool read_reference(struct decoder *d, bool entity)
{
	static const struct {
		const char *name, *text;
	} known[] = {{"amp", "&"}, {"lt", "<"}, {"gt", ">"}, {"quot", "\""}, {"apos", "'"}};
	struct view text = VIEW_EMPTY;

	if (entity) {
		struct view name;
		char *copy;

		if (!read_name(d, &name))
			return false;
		for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
			if (view_is(name, known[i].name))
				text = view_text(known[i].text);
		if (!text.len && (copy = arena_alloc(d->arena, name.len + 2))) {
			copy[0] = '&';
			memcpy(copy + 1, name.data, name.len);
			copy[name.len + 1] = ';';
			text = view_of(copy, name.len + 2);
		}
	} else {
		uint8_t *copy = arena_alloc(d->arena, 4);
		uint16_t code;

		if (!view_u16le(d->v, d->pos, &code) || !copy)
			return fail(d, "a character reference is cut");
		d->pos += 2;
		text = view_of(copy, text_encode(code, copy));
	}
	add(d, EVTX_OP_TEXT)->text = text;
	return true;
}

static bool read_hole(struct decoder *d, bool optional)
{
	struct evtx_op *op;
	uint16_t number;

	if (!view_u16le(d->v, d->pos, &number) || !view_has(d->v, d->pos, 3))
		return fail(d, "a substitution is cut");
	op = add(d, EVTX_OP_HOLE);
	op->hole = number;
	op->optional = optional;
	d->pos += 3; /* number, then the type, which the value states again */
	return true;
}

static bool read_nested(struct decoder *d)
{
	struct evtx_instance *i = arena_zalloc(d->arena, sizeof(*i));

	/* Its values lie in the chunk: ops that hold them cannot serve anywhere else. */
	if (d->definition)
		return fail(d, "a template inside a template's definition");
	if (!i || d->depth >= LIMIT_DEPTH)
		return fail(d, "nested too deep");
	if (!evtx_instance(d->e, &d->pos, d->v.len, d->depth + 1, i))
		return false;
	add(d, EVTX_OP_INSTANCE)->instance = i;
	return true;
}

/* Tokens to the end-of-fragment token or the end of the view; [MS-EVEN6] 2.2.12. */
static bool read_tokens(struct decoder *d)
{
	uint32_t open[LIMIT_DEPTH];
	unsigned level = 0;
	bool start = false; /* between an element's name and its > */
	struct view text;
	uint8_t token;

	while (view_u8(d->v, d->pos, &token)) {
		d->pos++;
		switch (token & ~0x40) {
		case 0x00: /* EOF */
			if (level)
				return fail(d, "an element is not closed");
			check_raw(d, d->pos);
			return true;
		case 0x01: /* OpenStartElement */
			if (start)
				return fail(d, "an element inside a start tag");
			if (level == LIMIT_DEPTH)
				return fail(d, "nested too deep");
			if (!read_element(d, token & 0x40))
				return false;
			open[level++] = d->ops - 1;
			start = true;
			break;
		case 0x02: /* CloseStartElement */
			if (!start)
				return fail(d, "a start tag is not open");
			start = false;
			add(d, EVTX_OP_CONTENT);
			break;
		case 0x03: /* CloseEmptyElement */
		case 0x04: /* EndElement */
			if (!level || start != ((token & ~0x40) == 0x03))
				return fail(d, "an end tag without its start");
			if (start)
				add(d, EVTX_OP_CONTENT);
			start = false;
			level--;
			d->e->op[d->first + open[level]].end = d->ops;
			add(d, EVTX_OP_CLOSE);
			break;
		case 0x05: /* Value */
			if (!read_literal(d))
				return false;
			break;
		case 0x06: /* Attribute */
			if (!start)
				return fail(d, "an attribute outside a start tag");
			if (!read_name(d, &text))
				return false;
			add(d, EVTX_OP_ATTRIBUTE)->text = text;
			break;
		case 0x07: /* CDATASection */
			if (!read_text(d, &text))
				return false;
			add(d, start ? EVTX_OP_TEXT : EVTX_OP_CDATA)->text = text;
			break;
		case 0x08: /* CharRef */
		case 0x09: /* EntityRef */
			if (!read_reference(d, (token & ~0x40) == 0x09))
				return false;
			break;
		case 0x0a: /* PITarget */
			if (!read_name(d, &text))
				return false;
			add(d, EVTX_OP_PI)->text = text;
			break;
		case 0x0b: /* PIData */
			if (!read_text(d, &text))
				return false;
			add(d, EVTX_OP_PI_DATA)->text = text;
			break;
		case 0x0c: /* TemplateInstance */
			if (start || !read_nested(d))
				return start ? fail(d, "a template inside a start tag") : false;
			break;
		case 0x0d: /* NormalSubstitution */
		case 0x0e: /* OptionalSubstitution */
			if (!read_hole(d, (token & ~0x40) == 0x0e))
				return false;
			break;
		case 0x0f: /* FragmentHeader: version 1.1, flags */
			if (!view_has(d->v, d->pos, 3))
				return fail(d, "a fragment header is cut");
			d->pos += 3;
			break;
		default:
			return fail(d, "an unknown binary XML token");
		}
	}
	if (level || start)
		return fail(d, "binary XML ends inside an element");
	check_raw(d, d->pos);
	return true;
}

static bool decode(struct decoder *d, struct evtx_ops *ops)
{
	struct evtx *e = d->e;
	bool good;

	d->first = e->op_used;
	good = read_tokens(d);
	e->op_used = d->first;
	if (!good)
		return false;
	ops->count = d->ops;
	ops->op = arena_alloc(d->arena, d->ops * sizeof(*ops->op) + 1);
	if (!ops->op)
		return fail(d, "out of memory");
	if (d->ops)
		memcpy(ops->op, e->op + d->first, d->ops * sizeof(*ops->op));
	return true;
}

bool evtx_fragment(struct evtx *e, size_t pos, size_t end, unsigned depth, struct evtx_ops *ops)
{
	struct decoder d = {.e = e,
			    .v = view_clip(e->chunk, 0, end),
			    .pos = pos,
			    .depth = depth,
			    .arena = &e->scratch,
			    .dependency = -1};

	return decode(&d, ops);
}

/* ---- templates ---- */

static struct evtx_template **bucket_of(struct evtx *e, const uint8_t *guid)
{
	uint32_t id;

	memcpy(&id, guid, 4);
	return &e->buckets[(id ^ id >> 10 ^ id >> 20) % EVTX_BUCKETS];
}

/* Is the definition at `off` the compiled one? */
static bool same_definition(struct view chunk, size_t off, const struct evtx_template *t)
{
	size_t pos = off + DEFINITION_HEAD;
	struct view name;
	uint32_t at;

	for (uint32_t i = 0; i < t->check_count; i++) {
		const struct evtx_check *c = &t->checks[i];
		const uint8_t *same = t->same + c->offset;

		switch (c->type) {
		case CHECK_RAW:
			if (!view_has(chunk, pos, c->len) ||
			    memcmp(chunk.data + pos, same, c->len) != 0)
				return false;
			pos += c->len;
			break;
		case CHECK_SIZE:
			pos += 4;
			break;
		default:
			if (!view_u32le(chunk, pos, &at) || !name_at(chunk, at, &name) ||
			    name.len != (size_t)c->len * 2 ||
			    memcmp(name.data, same, name.len) != 0)
				return false;
			pos += 4;
			if (at == pos)
				pos += 8 + name.len + 2;
		}
	}
	return true;
}

static struct evtx_template *compile(struct evtx *e, size_t off, bool lenient)
{
	uint32_t size = view_get32(e->chunk, off + 20);
	struct decoder d = {.e = e,
			    .arena = &e->arena,
			    .dependency = 1,
			    .definition = true,
			    .lenient = lenient};
	struct evtx_template *t;

	if (!view_has(e->chunk, off, DEFINITION_HEAD))
		return e->why = "a template lies outside the chunk", NULL;
	d.v = view_clip(e->chunk, 0, off + DEFINITION_HEAD + size);
	d.pos = d.raw = off + DEFINITION_HEAD;
	e->same.len = 0;
	t = arena_zalloc(&e->arena, sizeof(*t));
	if (!t || !decode(&d, &t->ops))
		return NULL;
	memcpy(t->guid, e->chunk.data + off + 4, 16);
	t->check_count = d.checks;
	t->checks = arena_alloc(&e->arena, d.checks * sizeof(*t->checks) + 1);
	t->same = arena_alloc(&e->arena, e->same.len + 1);
	if (!t->checks || !t->same)
		return e->why = "out of memory", NULL;
	if (d.checks)
		memcpy(t->checks, e->check, d.checks * sizeof(*t->checks));
	if (e->same.len)
		memcpy(t->same, e->same.data, e->same.len);
	return t;
}

/* The template of the definition at `off` of the chunk; compiled when the file has not shown it
 * yet. */
static struct evtx_template *template_at(struct evtx *e, uint32_t off, bool *lenient)
{
	struct evtx_near *near = &e->near[(off ^ off >> 8) % EVTX_NEAR];
	struct evtx_template **bucket, *t;

	if (near->generation == e->generation && near->offset == off) {
		e->why = near->t ? "" : "a template that does not parse";
		*lenient = near->lenient;
		return near->t;
	}
	if (!view_has(e->chunk, off, DEFINITION_HEAD)) {
		e->why = "a template lies outside the chunk";
		return NULL;
	}
	bucket = bucket_of(e, e->chunk.data + off + 4);
	for (t = *bucket; t; t = t->next)
		if (memcmp(t->guid, e->chunk.data + off + 4, 16) == 0 &&
		    same_definition(e->chunk, off, t))
			break;
	if (!t) {
		/* Each definition stands once in a chunk, so that all of them are smaller than it.
		 */
		size_t size = view_get32(e->chunk, off + 20);

		e->compiled += size < EVTX_CHUNK ? size : EVTX_CHUNK;
		if (e->compiled > 4 * EVTX_CHUNK) {
			e->why = "more template definitions than fit a chunk";
			return NULL;
		}
		t = compile(e, off, false);
		if (t) {
			t->next = *bucket;
			*bucket = t;
		}
	}
	*near = (struct evtx_near){e->generation, off, t, false};
	return t;
}

/* When the chunk's own definition is lost: one that the file has under the same number. */
static struct evtx_template *template_by_id(struct evtx *e, uint32_t id)
{
	uint8_t guid[16] = {0};

	memcpy(guid, &id, 4);
	for (struct evtx_template *t = *bucket_of(e, guid); t; t = t->next)
		if (memcmp(t->guid, guid, 4) == 0)
			return t;
	return NULL;
}

/*
 * The same for one that the file has not shown yet: a record of a chunk nearby may bring it along.
 * Searching costs a pass over these bytes, so that it is done for a few numbers only.
 */
#define SEARCH ((size_t)32 << 20)
static struct evtx_template *template_elsewhere(struct evtx *e, uint32_t id)
{
	struct view chunk = e->chunk;
	size_t base = e->base, at = base > SEARCH ? base - SEARCH : 0;
	struct view near = view_clip(e->bytes, 0, base + SEARCH);
	struct evtx_template *t = NULL;
	uint8_t pattern[6] = {0x0c, 1};

	for (unsigned i = 0; i < e->sought_count; i++)
		if (e->sought[i] == id)
			return NULL;
	if (e->sought_count == EVTX_SOUGHT)
		return NULL;
	e->sought[e->sought_count++] = id;
	memcpy(pattern + 2, &id, 4);
	while (!t && (at = view_find(near, at, pattern, sizeof(pattern))) < near.len) {
		size_t place = at + 10;
		uint32_t off = view_get32(e->bytes, at + 6);

		at++;
		if (view_get32(e->bytes, place + 4) != id || off > place || off < EVTX_CHUNK_HEAD ||
		    off >= EVTX_CHUNK ||
		    !view_starts(view_from(e->bytes, place - off), "ElfChnk", 8))
			continue;
		e->base = place - off;
		e->chunk = view_clip(e->bytes, e->base, EVTX_CHUNK);
		t = compile(e, off, false);
	}
	e->base = base;
	e->chunk = chunk;
	if (t) {
		struct evtx_template **bucket = bucket_of(e, t->guid);

		t->next = *bucket;
		*bucket = t;
	}
	return t;
}

/* A definition that is damaged and stands nowhere else: what names it still has are used. */
static struct evtx_template *template_lenient(struct evtx *e, uint32_t off)
{
	struct evtx_template *t;

	if (e->compiled > 4 * EVTX_CHUNK)
		return NULL;
	e->compiled += EVTX_CHUNK / 4;
	t = compile(e, off, true);
	if (t)
		e->near[(off ^ off >> 8) % EVTX_NEAR] =
			(struct evtx_near){e->generation, off, t, true};
	return t;
}

/* ---- stand-ins: the template is nowhere, but a record has its values ---- */

struct builder {
	struct evtx_op *op;
	uint32_t count, cap;
};

static struct evtx_op *push(struct builder *b, enum evtx_op_type type, const char *text, int hole)
{
	struct evtx_op *op = &b->op[b->count < b->cap ? b->count++ : b->cap - 1];

	*op = (struct evtx_op){.type = (uint8_t)type,
			       .dependency = EVTX_NO_DEPENDENCY,
			       .text = text ? view_text(text) : VIEW_EMPTY,
			       .hole = hole < 0 ? 0 : (uint16_t)hole,
			       .optional = true};
	return op;
}

static uint32_t open_element(struct builder *b, const char *name)
{
	(void)push(b, EVTX_OP_OPEN, name, -1);
	(void)push(b, EVTX_OP_CONTENT, NULL, -1);
	return b->count - 2;
}

static void close_element(struct builder *b, uint32_t open)
{
	b->op[open].end = b->count;
	(void)push(b, EVTX_OP_CLOSE, NULL, -1);
}

/* An element with up to two attributes and a content, by the numbers of their values; -1: none. */
static void push_element(struct builder *b, const char *name, const char *first, int first_hole,
			 const char *second, int second_hole, int content)
{
	uint32_t open = b->count;

	(void)push(b, EVTX_OP_OPEN, name, -1);
	if (first) {
		(void)push(b, EVTX_OP_ATTRIBUTE, first, -1);
		(void)push(b, EVTX_OP_HOLE, NULL, first_hole);
	}
	if (second) {
		(void)push(b, EVTX_OP_ATTRIBUTE, second, -1);
		(void)push(b, EVTX_OP_HOLE, NULL, second_hole);
	}
	(void)push(b, EVTX_OP_CONTENT, NULL, -1);
	if (content >= 0)
		(void)push(b, EVTX_OP_HOLE, NULL, content);
	close_element(b, open);
}

/* Does a value have this type, or none? */
static bool is_of(const struct evtx_instance *i, unsigned n, unsigned type)
{
	const struct evtx_hole *h = evtx_hole(i, n);

	return h->type == type || h->type == EVTX_NULL;
}

/*
 * The head of every event has its values in this order, whatever the provider: seen in all logs
 * from Vista to Windows 11. Templates made at run time have provider and channel as values too.
 */
static bool has_system(const struct evtx_instance *i)
{
	static const uint8_t types[] = {EVTX_UINT8,  EVTX_UINT8,  EVTX_UINT16,	 EVTX_UINT16,
					EVTX_UINT16, EVTX_HEX64,  EVTX_FILETIME, EVTX_GUID,
					EVTX_UINT32, EVTX_UINT32, EVTX_UINT64,	 EVTX_UINT8,
					EVTX_SID,    EVTX_GUID};

	for (unsigned n = 0; n < sizeof(types); n++)
		if (!is_of(i, n, types[n]))
			return false;
	return i->count > sizeof(types) && evtx_hole(i, 3)->type == EVTX_UINT16 &&
	       evtx_hole(i, 6)->type == EVTX_FILETIME && evtx_hole(i, 10)->type == EVTX_UINT64;
}

static void push_system(struct builder *b, const struct evtx_instance *i)
{
	uint32_t system = open_element(b, "System");
	bool named = evtx_hole(i, 14)->type == EVTX_STRING && is_of(i, 15, EVTX_GUID) &&
		     evtx_hole(i, 16)->type == EVTX_STRING;

	if (named)
		push_element(b, "Provider", "Name", 14, "Guid", 15, -1);
	push_element(b, "EventID", "Qualifiers", 4, NULL, -1, 3);
	push_element(b, "Version", NULL, -1, NULL, -1, 11);
	push_element(b, "Level", NULL, -1, NULL, -1, 0);
	push_element(b, "Task", NULL, -1, NULL, -1, 2);
	push_element(b, "Opcode", NULL, -1, NULL, -1, 1);
	push_element(b, "Keywords", NULL, -1, NULL, -1, 5);
	push_element(b, "TimeCreated", "SystemTime", 6, NULL, -1, -1);
	push_element(b, "EventRecordID", NULL, -1, NULL, -1, 10);
	push_element(b, "Correlation", "ActivityID", 7, "RelatedActivityID", 13, -1);
	push_element(b, "Execution", "ProcessID", 8, "ThreadID", 9, -1);
	if (named)
		push_element(b, "Channel", NULL, -1, NULL, -1, 16);
	push_element(b, "Security", "UserID", 12, NULL, -1, -1);
	close_element(b, system);
	for (uint32_t n = 14; n < i->count; n++) /* EventData */
		if (evtx_hole(i, n)->type == EVTX_BINXML)
			push(b, EVTX_OP_HOLE, NULL, (int)n)->optional = false;
}

/* A record's number, where its values do not say it. */
static void push_number(struct builder *b, struct arena *a, uint64_t number)
{
	uint32_t system = open_element(b, "System"), id = open_element(b, "EventRecordID");
	char *text = arena_printf(a, "%llu", (unsigned long long)number);

	(void)push(b, EVTX_OP_TEXT, text, -1);
	close_element(b, id);
	close_element(b, system);
}

/*
 * A template that gives the values of an instance, of a whole record or of one inside, without
 * their names. NULL: memory has run out.
 */
static struct evtx_template *stand_in(struct evtx *e, const struct evtx_instance *i, bool whole)
{
	struct evtx_template *t = arena_zalloc(&e->scratch, sizeof(*t));
	struct builder b = {.cap = i->count * 4 + 96};
	uint32_t event, data;

	b.op = arena_alloc(&e->scratch, b.cap * sizeof(*b.op));
	if (!t || !b.op)
		return NULL;
	event = whole ? open_element(&b, "Event") : 0;
	if (whole && has_system(i)) {
		push_system(&b, i);
	} else {
		if (whole)
			push_number(&b, &e->scratch, e->record->number);
		data = open_element(&b, "EventData");
		for (uint32_t n = 0; n < i->count; n++)
			if (!evtx_is_null(evtx_hole(i, n)))
				push_element(&b, "Data", NULL, -1, NULL, -1, (int)n);
		close_element(&b, data);
	}
	if (whole)
		close_element(&b, event);
	t->ops = (struct evtx_ops){b.op, b.count};
	t->stand_in = true;
	return t;
}

/* Are these values, and do they end where the record does? A table that is none hardly would. */
static bool is_sound(const struct evtx_instance *i, size_t rest)
{
	for (uint32_t n = 0; n < i->count; n++)
		if ((i->holes[n].type & ~EVTX_ARRAY) > EVTX_XML)
			return false;
	return !i->cut && i->count && i->count <= 256 && rest <= 8;
}

bool evtx_instance(struct evtx *e, size_t *pos, size_t end, unsigned depth,
		   struct evtx_instance *out)
{
	struct view v = view_clip(e->chunk, 0, end);
	size_t at = *pos, data;
	const char *why = "";
	uint32_t id, off, count, nested = 0, types = 0;
	bool inside, there;

	(void)depth;
	if (!view_u32le(v, at + 1, &id) || !view_u32le(v, at + 5, &off)) { /* version, id, offset */
		e->why = "a template instance is cut";
		return false;
	}
	at += 9;
	there = view_has(e->chunk, off, DEFINITION_HEAD) &&
		view_get32(e->chunk, (size_t)off + 4) == id;
	/* Where bytes were lost or gained, the definition is behind the record's head all the same.
	 */
	inside = off == at || (!there && view_get32(v, at + 4) == id);
	out->borrowed = false;
	out->t = NULL;
	if (there)
		out->t = template_at(e, off, &out->borrowed);
	else
		e->why = "a template is not where the record says";
	if (__builtin_expect(!out->t, 0)) {
		why = e->why;
		out->borrowed = true;
		out->t = template_by_id(e, id);
		if (!out->t)
			out->t = template_elsewhere(e, id);
		if (!out->t && there)
			out->t = template_lenient(e, off);
		e->why = why;
	}
	if (inside) {
		uint32_t size;

		if (!view_u32le(v, at + 20, &size) || !view_has(v, at + DEFINITION_HEAD, size)) {
			e->why = "a template's definition is cut";
			return false;
		}
		at += DEFINITION_HEAD + size;
	}
	if (!view_u32le(v, at, &count) || count > (v.len - at - 4) / 4) {
		e->why = "a table of values is cut";
		return false;
	}
	if (count > EVTX_HOLES - e->holes_used) {
		e->why = "too many values";
		return false;
	}
	out->holes = e->holes + e->holes_used;
	out->count = count;
	out->cut = false;
	e->holes_used += count;
	at += 4;
	data = at + (size_t)count * 4;
	/* 16,384 values of 64 KiB at most: the sum cannot wrap, and is held against the end once.
	 */
	for (uint32_t i = 0; i < count; i++, at += 4) {
		struct evtx_hole *h = &out->holes[i];

		_Static_assert(sizeof(*h) == 16,
			       "size, type and the byte behind them are copied at once");
		h->data = v.data + data;
		memcpy(&h->size, v.data + at, 4); /* inside, by the count's check */
		data += h->size;
		nested += h->type == EVTX_BINXML;
		types |= h->type;
	}
	if (__builtin_expect(data > v.len, 0)) {
		out->cut = true;
		for (uint32_t i = 0; i < count; i++) {
			struct evtx_hole *h = &out->holes[i];

			if (h->size > v.len - (size_t)(h->data - v.data) ||
			    h->data > v.data + v.len)
				*h = (struct evtx_hole){v.data, 0, EVTX_NULL, 0};
		}
		data = v.len;
	}
	if (__builtin_expect(!out->t, 0)) {
		bool whole = e->record && *pos <= e->record->pos + 5;

		if (is_sound(out, v.len - data))
			out->t = stand_in(e, out, whole);
		e->why = why;
		if (!out->t)
			return false;
	}
	out->nested = nested;
	out->arrays = types & EVTX_ARRAY;
	*pos = data;
	return true;
}

bool evtx_sole_instance(struct evtx *e, size_t pos, size_t end, unsigned depth,
			struct evtx_instance *out)
{
	struct view v = view_clip(e->chunk, 0, end);
	uint8_t token = view_get8(v, pos);

	if (token == 0x0f) {
		pos += 4;
		token = view_get8(v, pos);
	}
	if (pos >= v.len || token != 0x0c) {
		e->why = "";
		return false;
	}
	pos++;
	if (!evtx_instance(e, &pos, end, depth, out))
		return false;
	e->why = "";
	return view_get8(v, pos) == 0; /* the end token, or the end of the bytes */
}
