/*
 * Windows event logs: records to events.
 *
 * Every record is an instance of a template, often with one more inside for its EventData. For each
 * such pair a plan is made once: the shape of its events, and for each field where its value is.
 * A record then costs a pass over its table of values and one over the plan; nothing is copied.
 *
 * Format: libyal, "Windows XML Event Log (EVTX) format"; [MS-EVEN6] 2.2.12. Names of the fields:
 * the System part as Element or Element_Attribute, EventData by the name of each Data, the leaves
 * of UserData by their element's name.
 */
#define _GNU_SOURCE /* memrchr */
#include "parsers/evtx.h"

#include "base/sha256.h"
#include "base/text.h"
#include "parsers/encoded.h"

#include <stdlib.h>

/* Templates of one record that a plan can follow; more than two are rare. */
#define INSTANCES 16

/* Bytes of all the values of one event. A record has 64 KiB; a template can use a value again and
 * again. */
#define VALUES_MAX ((size_t)1 << 20)

enum section { SECTION_NONE, SECTION_SYSTEM, SECTION_EVENT_DATA, SECTION_USER_DATA, SECTION_OTHER };

enum source_how { SOURCE_CONSTANT, SOURCE_HOLE, SOURCE_PIECES };

struct piece {
	const struct evtx_op *op;
	uint8_t instance;
};

/* Where a field's value is. */
struct source {
	uint8_t how;
	uint8_t instance; /* HOLE */
	bool empty;	  /* a null is an empty text, not absent */
	bool depends;	  /* absent when the hole below is null */
	uint8_t dependency_instance;
	uint16_t dependency;
	uint16_t hole;
	uint32_t count; /* PIECES */
	union {
		struct value constant;
		struct piece *pieces;
	};
};

/* What a plan knows of one event id of its. */
struct resolved {
	const struct evtx_known *known;		  /* or NULL */
	const struct evtx_refinement *refinement; /* or NULL */
	int refined;				  /* the field that it looks at */
	int user;				  /* the field of who did it, or -1 */
	bool writer; /* Security_UserID is the account that wrote the log, not one that did
			something */
	struct message_part *parts;
	uint32_t count;
	struct resolved *next;
};

/* A template that is the value of a hole of another. */
struct nested {
	uint8_t instance;
	uint16_t hole;
};

#define USERS	 7
#define COMMANDS 8

struct evtx_plan {
	struct evtx_plan *next;
	uint32_t instances;
	const struct evtx_template *template[INSTANCES];
	struct nested nested[INSTANCES]; /* of instance i; the first is the record's own */
	const struct shape *shape;
	struct source *sources;
	uint32_t needs[INSTANCES]; /* values that each instance must have, so that no hole is
				      missing */
	bool plain; /* no value stands twice: what they take together is bounded by the record */
	int time, user[USERS];
	bool script;		   /* a part of a script block */
	int commands[COMMANDS];	   /* fields that may hide one; -1 behind the last */
	struct resolved *resolved; /* all */
	struct {
		uint64_t id;
		struct view provider; /* a copy; empty when the template states it */
		struct resolved *resolved;
	} last;
	struct resolved unknown;
};

/* Everything about the record at hand. */
struct state {
	struct evtx_instance instance[INSTANCES];
	struct nested nested[INSTANCES];
	uint32_t count;
};

/* ---- values ---- */

static uint64_t number(const struct evtx_hole *h, size_t size)
{
	uint64_t n = 0;

	memcpy(&n, h->data, size);
	return n;
}

static struct value text_of(const struct evtx_hole *h)
{
	uint32_t n = h->size & ~1u;

	while (n && h->data[n - 1] == 0 && h->data[n - 2] == 0)
		n -= 2;
	return (struct value){.type = VALUE_UTF16, .len = n, .data = h->data};
}

static struct value raw_of(const struct evtx_hole *h)
{
	return value_binary(view_of(h->data, h->size));
}

static struct value ansi_of(struct evtx *e, const struct evtx_hole *h)
{
	struct view v = view_of(h->data, h->size);
	struct buffer b = {0};
	char *copy;

	while (v.len && v.data[v.len - 1] == 0)
		v.len--;
	text_cp1252(&b, v);
	copy = arena_strndup(&e->scratch, b.data, b.len);
	v = copy ? view_of(copy, b.len) : VIEW_EMPTY;
	buffer_release(&b);
	return value_view(v);
}

/* One item's size in an array of this type, or 0 when items end with a NUL or are not known. */
static size_t item_size(unsigned type, size_t size)
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
		return 8;
	case EVTX_SIZE:
		return size % 8 ? 4 : 8;
	case EVTX_GUID:
	case EVTX_SYSTIME:
		return 16;
	default:
		return 0;
	}
}

/* Takes the next item of an array off the hole. */
bool evtx_next_item(struct evtx_hole *rest, struct evtx_hole *item)
{
	unsigned type = rest->type & ~EVTX_ARRAY;
	size_t n = item_size(type, rest->size), used;

	if (!rest->size)
		return false;
	if (n) {
		used = n <= rest->size ? n : rest->size;
		n = used;
	} else if (type == EVTX_STRING) {
		for (n = 0; n + 1 < rest->size && (rest->data[n] || rest->data[n + 1]); n += 2)
			;
		used = n + 2 <= rest->size ? n + 2 : rest->size;
	} else if (type == EVTX_ANSI) {
		for (n = 0; n < rest->size && rest->data[n]; n++)
			;
		used = n + 1 <= rest->size ? n + 1 : rest->size;
	} else if (type == EVTX_SID && rest->size >= 8 &&
		   8 + 4 * (size_t)rest->data[1] <= rest->size) {
		used = n = 8 + 4 * (size_t)rest->data[1]; /* [MS-DTYP] 2.4.2.2 */
	} else {
		used = n = rest->size;
	}
	*item = (struct evtx_hole){rest->data, (uint16_t)n, (uint8_t)type, 0};
	rest->data += used;
	rest->size = (uint16_t)(rest->size - used);
	return true;
}

static struct value list_of(struct evtx *e, const struct evtx_hole *h)
{
	struct evtx_hole rest = *h, item;
	struct value *list;
	uint32_t n = 0;

	while (evtx_next_item(&rest, &item))
		n++;
	list = arena_alloc(&e->scratch, n * sizeof(*list) + 1);
	if (!list)
		return raw_of(h);
	rest = *h;
	for (n = 0; evtx_next_item(&rest, &item); n++)
		list[n] = evtx_value(e, &item);
	return (struct value){.type = VALUE_LIST, .len = n, .list = list};
}

static struct value nested_text(struct evtx *e, const struct evtx_hole *h)
{
	struct buffer b = {0};
	struct view v;
	char *copy;

	evtx_xml_nested(e, &b, h, 1);
	copy = arena_strndup(&e->scratch, b.data, b.len);
	v = copy ? view_of(copy, b.len) : VIEW_EMPTY;
	buffer_release(&b);
	return value_view(v);
}

struct value evtx_value(struct evtx *e, const struct evtx_hole *h)
{
	uint64_t ticks;
	float f;
	double d;

#define NEED(n)                                                                                    \
	if (h->size < (n))                                                                         \
		return h->size ? raw_of(h) : (struct value)                                        \
		{                                                                                  \
			.type = VALUE_ABSENT                                                       \
		}
	switch (h->type) {
	case EVTX_NULL:
		return (struct value){.type = VALUE_ABSENT};
	case EVTX_STRING:
	case EVTX_XML:
		return text_of(h);
	case EVTX_ANSI:
		return ansi_of(e, h);
	case EVTX_INT8:
		NEED(1);
		return value_signed((int8_t)h->data[0]);
	case EVTX_UINT8:
		NEED(1);
		return value_unsigned(h->data[0]);
	case EVTX_INT16:
		NEED(2);
		return value_signed((int16_t)number(h, 2));
	case EVTX_UINT16:
		NEED(2);
		return value_unsigned(number(h, 2));
	case EVTX_INT32:
		NEED(4);
		return value_signed((int32_t)number(h, 4));
	case EVTX_UINT32:
		NEED(4);
		return value_unsigned(number(h, 4));
	case EVTX_INT64:
		NEED(8);
		return value_signed((int64_t)number(h, 8));
	case EVTX_UINT64:
		NEED(8);
		return value_unsigned(number(h, 8));
	case EVTX_REAL32:
		NEED(4);
		memcpy(&f, h->data, 4);
		return (struct value){.type = VALUE_FLOAT, .f = (double)f};
	case EVTX_REAL64:
		NEED(8);
		memcpy(&d, h->data, 8);
		return (struct value){.type = VALUE_DOUBLE, .f = d};
	case EVTX_BOOL:
		NEED(1);
		return value_bool(number(h, h->size < 4 ? h->size : 4) != 0);
	case EVTX_GUID:
		NEED(16);
		return value_guid(h->data);
	case EVTX_SIZE:
		NEED(4);
		return value_hex(number(h, h->size < 8 ? 4 : 8));
	case EVTX_FILETIME:
		NEED(8);
		return value_filetime(number(h, 8));
	case EVTX_SYSTIME:
		return time_systemtime_ticks(view_of(h->data, h->size), &ticks)
			       ? value_filetime(ticks)
			       : raw_of(h);
	case EVTX_SID:
		return (struct value){.type = h->size ? VALUE_SID : VALUE_ABSENT,
				      .len = h->size,
				      .data = h->data};
	case EVTX_HEX32:
		NEED(4);
		return value_hex(number(h, 4));
	case EVTX_HEX64:
		NEED(8);
		return value_hex(number(h, 8));
	case EVTX_BINXML:
		return h->size ? nested_text(e, h) : (struct value){.type = VALUE_ABSENT};
	default:
		return h->type & EVTX_ARRAY && h->type != EVTX_BINXML + EVTX_ARRAY ? list_of(e, h)
										   : raw_of(h);
	}
#undef NEED
}

/* ---- plans ---- */

struct frame {
	struct view name;  /* of the element */
	struct view field; /* EventData: the Name of a Data */
	unsigned level;	   /* 1: Event */
	enum section section;
	bool children;
	bool depends;
	uint8_t dependency_instance;
	uint16_t dependency;
	uint32_t first; /* of its pieces in build.pieces */
};

struct build {
	struct evtx *e;
	struct state *s;
	struct arena *arena;
	struct source *sources;
	uint32_t count;
	struct piece *pieces;
	size_t piece_cap;
	uint32_t piece_count;
	struct evtx_instance *extra[INSTANCES]; /* templates inside raw binary XML */
	uint32_t extras;
	bool once; /* good for this record only */
	bool many; /* fields were left out */
};

static const struct evtx_instance *instance_of(const struct build *b, unsigned i)
{
	if (i < INSTANCES)
		return i < b->s->count ? &b->s->instance[i] : NULL;
	return i - INSTANCES < b->extras ? b->extra[i - INSTANCES] : NULL;
}

static struct view joined(struct arena *a, struct view x, struct view y)
{
	char *copy = arena_alloc(a, x.len + 1 + y.len);

	if (!copy)
		return x;
	memcpy(copy, x.data, x.len);
	copy[x.len] = '_';
	memcpy(copy + x.len + 1, y.data, y.len);
	return view_of(copy, x.len + 1 + y.len);
}

/* The text of pieces, in the scratch arena. */
static struct view pieces_text(struct evtx *e, const struct piece *pieces, uint32_t count,
			       const struct evtx_instance *(*of)(const void *, unsigned),
			       const void *data)
{
	struct buffer b = {0};
	struct view v;
	char *copy;

	for (uint32_t i = 0; i < count && b.len < VALUES_MAX; i++) {
		const struct evtx_op *op = pieces[i].op;
		struct value value;

		switch (op->type) {
		case EVTX_OP_HOLE:
			value = evtx_value(e, evtx_hole(of(data, pieces[i].instance), op->hole));
			value_append(&b, &value);
			break;
		case EVTX_OP_VALUE:
			value = evtx_value(e, &op->value);
			value_append(&b, &value);
			break;
		default:
			buffer_view(&b, op->text);
		}
	}
	copy = arena_strndup(&e->scratch, b.data, b.len);
	v = copy ? view_of(copy, b.len) : VIEW_EMPTY;
	buffer_release(&b);
	return v;
}

static const struct evtx_instance *of_build(const void *data, unsigned i)
{
	return instance_of(data, i);
}

static void add_field(struct build *b, struct view name, const struct frame *f, uint32_t first,
		      bool empty)
{
	struct source s = {.how = SOURCE_CONSTANT,
			   .empty = empty,
			   .depends = f->depends,
			   .dependency_instance = f->dependency_instance,
			   .dependency = f->dependency};
	uint32_t n = b->piece_count - first;
	bool constant = true;

	b->piece_count = first;
	if (!name.len)
		return;
	if (b->count == LIMIT_EVENT_FIELDS) {
		b->many = true;
		return;
	}
	for (uint32_t i = 0; i < n; i++)
		constant = constant && b->pieces[first + i].op->type != EVTX_OP_HOLE;
	if (n == 1 && !constant) {
		s.how = SOURCE_HOLE;
		s.instance = b->pieces[first].instance;
		s.hole = b->pieces[first].op->hole;
		/* [MS-EVEN6] 3.1.4.7.2: the element is not there without the value. */
		s.empty = empty && !b->pieces[first].op->optional;
	} else if (n == 1 && b->pieces[first].op->type == EVTX_OP_VALUE) {
		s.constant = evtx_value(b->e, &b->pieces[first].op->value);
		if (s.constant.type == VALUE_LIST || s.constant.type == VALUE_UTF8)
			b->once = true; /* made in the scratch arena */
	} else if (n == 1) {
		s.constant = value_view(b->pieces[first].op->text);
	} else if (constant) {
		struct view text = pieces_text(b->e, b->pieces + first, n, of_build, b);
		char *copy = arena_strndup(b->arena, text.data, text.len);

		s.constant = value_view(copy ? view_of(copy, text.len) : VIEW_EMPTY);
	} else {
		s.how = SOURCE_PIECES;
		s.pieces = arena_alloc(b->arena, n * sizeof(*s.pieces));
		if (!s.pieces)
			return;
		memcpy(s.pieces, b->pieces + first, n * sizeof(*s.pieces));
		s.count = n;
	}
	b->sources[b->count] = s;
	b->e->p->names[b->count++] = name;
}

static void add_piece(struct build *b, const struct evtx_op *op, unsigned instance)
{
	b->pieces = xgrow(b->pieces, &b->piece_cap, (size_t)b->piece_count + 1, sizeof(*b->pieces));
	b->pieces[b->piece_count++] = (struct piece){op, (uint8_t)instance};
}

static void build_content(struct build *b, const struct evtx_ops *ops, uint32_t from, uint32_t to,
			  unsigned instance, struct frame *parent, unsigned depth);

static enum section section_of(struct view name)
{
	if (view_is(name, "System"))
		return SECTION_SYSTEM;
	if (view_is(name, "EventData"))
		return SECTION_EVENT_DATA;
	if (view_is(name, "UserData"))
		return SECTION_USER_DATA;
	return SECTION_OTHER;
}

/* The value of an attribute's pieces as a name: it becomes part of the shape. */
static struct view name_of_pieces(struct build *b, uint32_t first)
{
	uint32_t n = b->piece_count - first;
	struct view text;

	b->piece_count = first;
	if (n == 1 && (b->pieces[first].op->type == EVTX_OP_TEXT))
		return b->pieces[first].op->text;
	for (uint32_t i = 0; i < n; i++)
		if (b->pieces[first + i].op->type == EVTX_OP_HOLE)
			b->once = true;
	text = pieces_text(b->e, b->pieces + first, n, of_build, b);
	if (!b->once && text.len) {
		char *copy = arena_strndup(b->arena, text.data, text.len);

		text = view_of(copy, copy ? text.len : 0);
	}
	return text;
}

static void attribute(struct build *b, struct frame *f, struct view section, struct view name,
		      uint32_t first)
{
	bool name_of_data =
		f->section == SECTION_EVENT_DATA && f->level > 2 && view_is(name, "Name");

	if (name_of_data) {
		f->field = name_of_pieces(b, first);
	} else if (f->level < 2 || view_starts(name, "xmlns", 5)) {
		b->piece_count = first;
	} else {
		struct view field = joined(b->arena, f->field.len ? f->field : f->name, name);

		if (f->section == SECTION_OTHER && f->level > 2)
			field = joined(b->arena, section, field);
		add_field(b, field, f, first, false);
	}
}

static bool blank(const struct build *b, uint32_t first)
{
	for (uint32_t i = first; i < b->piece_count; i++) {
		const struct evtx_op *op = b->pieces[i].op;

		if (op->type == EVTX_OP_HOLE &&
		    evtx_is_null(evtx_hole(instance_of(b, b->pieces[i].instance), op->hole)))
			continue;
		if (op->type != EVTX_OP_TEXT || view_trim(op->text).len)
			return false;
	}
	return true;
}

static void build_element(struct build *b, const struct evtx_ops *ops, uint32_t at,
			  unsigned instance, const struct frame *parent, unsigned depth)
{
	const struct evtx_op *open = &ops->op[at];
	struct frame f = {.name = open->text,
			  .level = parent->level + 1,
			  .section = parent->section,
			  .depends = parent->depends,
			  .dependency_instance = parent->dependency_instance,
			  .dependency = parent->dependency,
			  .field = VIEW_EMPTY};
	struct view section = parent->field, name = VIEW_EMPTY;
	uint32_t i = at + 1, first = b->piece_count;

	if (f.level == 2) {
		f.section = section_of(f.name);
		section = f.name;
	}
	if (open->dependency != EVTX_NO_DEPENDENCY) {
		f.depends = true;
		f.dependency_instance = (uint8_t)instance;
		f.dependency = open->dependency;
	}
	for (; i < open->end && ops->op[i].type != EVTX_OP_CONTENT; i++) {
		if (ops->op[i].type == EVTX_OP_ATTRIBUTE) {
			if (name.len)
				attribute(b, &f, section, name, first);
			name = ops->op[i].text;
		} else if (name.len) {
			add_piece(b, &ops->op[i], instance);
		}
	}
	if (name.len)
		attribute(b, &f, section, name, first);
	name = f.field.len ? f.field : f.name;
	if (f.section == SECTION_OTHER && f.level > 2)
		name = joined(b->arena, section, name);
	/* Below, `field` of a frame hands the section's name down. */
	f.field = section;
	f.first = b->piece_count = first;
	build_content(b, ops, i + (i < open->end), open->end, instance, &f, depth);
	if (f.level < 2 || (f.children && blank(b, first)) ||
	    (b->piece_count == first && (f.section != SECTION_EVENT_DATA || f.level < 3))) {
		b->piece_count = first;
		return;
	}
	if (b->piece_count == first) {
		static const struct evtx_op nothing = {.type = EVTX_OP_TEXT};

		add_piece(b, &nothing, 0);
	}
	add_field(b, name, &f, first, f.section == SECTION_EVENT_DATA && f.level > 2);
}

/* Binary XML as the value of a hole: its elements stand where the hole is. */
static void build_nested(struct build *b, const struct evtx_hole *h, unsigned instance,
			 unsigned number_, struct frame *parent, unsigned depth)
{
	size_t pos = evtx_position(b->e, h->data);
	struct evtx_ops ops;

	for (uint32_t i = 1; i < b->s->count; i++) {
		if (b->s->nested[i].instance == instance && b->s->nested[i].hole == number_) {
			const struct evtx_ops *inner = &b->s->instance[i].t->ops;

			build_content(b, inner, 0, inner->count, i, parent, depth + 1);
			return;
		}
	}
	b->once = true;
	if (evtx_fragment(b->e, pos, pos + h->size, depth + 1, &ops))
		build_content(b, &ops, 0, ops.count, 255, parent, depth + 1);
	else
		b->s->instance[0].cut = true;
}

static void build_content(struct build *b, const struct evtx_ops *ops, uint32_t from, uint32_t to,
			  unsigned instance, struct frame *parent, unsigned depth)
{
	if (depth > LIMIT_DEPTH)
		return;
	for (uint32_t i = from; i < to; i++) {
		const struct evtx_op *op = &ops->op[i];
		const struct evtx_hole *h;

		switch (op->type) {
		case EVTX_OP_OPEN:
			parent->children = true;
			build_element(b, ops, i, instance, parent, depth + 1);
			i = op->end;
			break;
		case EVTX_OP_HOLE:
			h = evtx_hole(instance_of(b, instance), op->hole);
			if (h->type == EVTX_BINXML && h->size) {
				parent->children = true;
				build_nested(b, h, instance, op->hole, parent, depth);
				break;
			}
			add_piece(b, op, instance);
			break;
		case EVTX_OP_TEXT:
		case EVTX_OP_CDATA:
		case EVTX_OP_VALUE:
			add_piece(b, op, instance);
			break;
		case EVTX_OP_INSTANCE:
			b->once = true;
			if (b->extras < INSTANCES) {
				unsigned n = INSTANCES + b->extras;

				b->extra[b->extras++] = op->instance;
				build_content(b, &op->instance->t->ops, 0,
					      op->instance->t->ops.count, n, parent, depth + 1);
			}
			break;
		default:
			break;
		}
	}
}

static int find_name(const struct shape *s, const char *name)
{
	return shape_find(s, view_text(name));
}

/* What can be checked once instead of for each value. */
static void measure(struct evtx_plan *plan)
{
	uint64_t used[INSTANCES][4] = {{0}};

	plan->plain = true;
	for (uint32_t i = 0; i < plan->shape->count; i++) {
		const struct source *s = &plan->sources[i];
		uint64_t bit = UINT64_C(1) << (s->hole & 63);

		if (s->how == SOURCE_PIECES)
			plan->plain = false;
		if (s->depends && (s->dependency_instance >= plan->instances))
			plan->plain = false;
		if (s->depends && s->dependency_instance < plan->instances &&
		    plan->needs[s->dependency_instance] <= s->dependency)
			plan->needs[s->dependency_instance] = s->dependency + 1u;
		if (s->how != SOURCE_HOLE)
			continue;
		if (s->instance >= plan->instances || s->hole >= 256 ||
		    used[s->instance][s->hole >> 6] & bit) {
			plan->plain = false;
			continue;
		}
		used[s->instance][s->hole >> 6] |= bit;
		if (plan->needs[s->instance] <= s->hole)
			plan->needs[s->instance] = s->hole + 1u;
	}
}

/* The fields that hold commands and scripts. */
static void find_commands(struct evtx_plan *plan)
{
	unsigned n = 0;

	plan->script = script_shape(plan->shape);
	for (uint32_t i = 0; i < plan->shape->count && n < COMMANDS; i++)
		if (encoded_field(plan->shape->names[i]))
			plan->commands[n++] = (int)i;
	if (n < COMMANDS)
		plan->commands[n] = -1;
}

/* Where the plan of these templates is, each in its place. */
static struct evtx_plan **plans_of(struct evtx *e, const struct state *s)
{
	uint64_t hash = 0;

	for (uint32_t i = 0; i < s->count; i++)
		hash = (hash ^ (uintptr_t)s->instance[i].t ^ s->nested[i].hole) *
		       UINT64_C(0x9e3779b97f4a7c15);
	return &e->plans[hash >> 54];
}

static bool plan_fits(const struct evtx_plan *plan, const struct state *s)
{
	if (plan->instances != s->count)
		return false;
	for (uint32_t i = 0; i < s->count; i++)
		if (plan->template[i] != s->instance[i].t ||
		    plan->nested[i].instance != s->nested[i].instance ||
		    plan->nested[i].hole != s->nested[i].hole)
			return false;
	return true;
}

/* The plan that was used last comes first. */
static struct evtx_plan *find_plan(struct evtx *e, const struct state *s)
{
	struct evtx_plan **first = plans_of(e, s), **at = first, *plan;

	for (; (plan = *at) != NULL; at = &plan->next) {
		if (!plan_fits(plan, s))
			continue;
		if (at != first) {
			*at = plan->next;
			plan->next = *first;
			*first = plan;
		}
		return plan;
	}
	return NULL;
}

/* Makes the plan of the record at hand. NULL when it has no shape (too many fields, no memory). */
static struct evtx_plan *build(struct evtx *e, struct state *s, const struct evtx_ops *raw,
			       bool once)
{
	static const char *const users[USERS] = {"TargetUserName", "User",	  "SubjectUserName",
						 "UserName",	   "UserContext", "TargetUser",
						 "Security_UserID"};
	struct build b = {.e = e, .s = s, .once = once};
	struct frame root = {.level = 0};
	struct evtx_plan *plan = NULL;
	const struct shape *shape;

	b.arena = once ? &e->scratch : &e->arena;
	b.sources = xmalloc(LIMIT_EVENT_FIELDS * sizeof(*b.sources));
	if (raw)
		build_content(&b, raw, 0, raw->count, 255, &root, 0);
	else
		build_content(&b, &s->instance[0].t->ops, 0, s->instance[0].t->ops.count, 0, &root,
			      0);
	shape = shape_intern(e->p->shapes, e->p->names, b.count);
	/* A plan for one record keeps nothing; whatever was built in the long-lived arena meanwhile
	 * is small and bounded. */
	if (b.once)
		b.arena = &e->scratch;
	plan = shape ? arena_zalloc(b.arena, sizeof(*plan)) : NULL;
	if (plan)
		plan->sources = arena_alloc(b.arena, b.count * sizeof(*plan->sources) + 1);
	if (plan && plan->sources) {
		memcpy(plan->sources, b.sources, b.count * sizeof(*plan->sources));
		plan->shape = shape;
		plan->instances = s->count;
		for (uint32_t i = 0; i < s->count; i++) {
			plan->template[i] = s->instance[i].t;
			plan->nested[i] = s->nested[i];
		}
		measure(plan);
		plan->unknown.user = -1;
		plan->time = find_name(shape, "TimeCreated_SystemTime");
		for (unsigned i = 0; i < USERS; i++)
			plan->user[i] = find_name(shape, users[i]);
		find_commands(plan);
		if (!b.once) {
			struct evtx_plan **bucket = plans_of(e, s);

			plan->next = *bucket;
			*bucket = plan;
		}
		if (b.many)
			s->instance[0].cut = true;
	} else {
		plan = NULL;
	}
	free(b.sources);
	free(b.pieces);
	return plan;
}

/* ---- events ---- */

static const struct evtx_instance *of_state(const void *data, unsigned i)
{
	const struct state *s = data;

	return i < s->count ? &s->instance[i] : NULL;
}

static inline struct value source_value(struct evtx *e, const struct source *s,
					const struct state *state)
{
	static const struct value empty = {.type = VALUE_UTF8};
	struct value v;

	if (s->depends &&
	    evtx_is_null(evtx_hole(of_state(state, s->dependency_instance), s->dependency)))
		return (struct value){.type = VALUE_ABSENT};
	switch (s->how) {
	case SOURCE_CONSTANT:
		return s->constant;
	case SOURCE_HOLE:
		v = evtx_value(e, evtx_hole(of_state(state, s->instance), s->hole));
		return v.type == VALUE_ABSENT && s->empty ? empty : v;
	default:
		return value_view(pieces_text(e, s->pieces, s->count, of_state, state));
	}
}

/*
 * The values of a plain plan whose instances have all that it needs: the common case of
 * source_value, for all fields at once.
 */
static void plain_values(struct evtx *e, const struct evtx_plan *plan, const struct state *state,
			 struct value *values)
{
	const struct evtx_hole *holes[INSTANCES] = {NULL};
	const struct source *s = plan->sources, *end = s + plan->shape->count;

	for (uint32_t i = 0; i < state->count; i++)
		holes[i] = state->instance[i].holes;
	for (; s < end; s++, values++) {
		const struct evtx_hole *h;

		if (s->how == SOURCE_CONSTANT && !s->depends) {
			*values = s->constant;
			continue;
		}
		if (s->depends && evtx_is_null(&holes[s->dependency_instance][s->dependency])) {
			values->type = VALUE_ABSENT;
			continue;
		}
		if (s->how == SOURCE_CONSTANT) {
			*values = s->constant;
			continue;
		}
		h = &holes[s->instance][s->hole];
		if (evtx_is_null(h)) {
			*values = (struct value){.type = s->empty ? VALUE_UTF8 : VALUE_ABSENT};
			continue;
		}
		if (__builtin_expect(evtx_common_value(h, values), 1))
			continue;
		*values = evtx_value(e, h);
		if (values->type == VALUE_ABSENT && s->empty)
			values->type = VALUE_UTF8;
	}
}

/* The time of a record whose SystemTime is no FILETIME: what it is instead, or when it was written.
 */
static int64_t other_time(const struct value *v, const struct evtx_record *r)
{
	int64_t ts = TIME_NONE;

	if (v && v->type == VALUE_TIME) {
		ts = v->i;
	} else if (v && (v->type == VALUE_UTF8 || v->type == VALUE_UTF16)) {
		struct buffer text = {0};

		value_append(&text, v);
		if (!time_parse_iso(buffer_as_view(&text), &ts, NULL, NULL))
			ts = TIME_NONE;
		buffer_release(&text);
	}
	return ts == TIME_NONE ? time_from_filetime(r->written) : ts;
}

/* Does the value name somebody? "-" is how Windows writes nobody. */
static bool names_somebody(const struct value *v)
{
	if (v->type == VALUE_UTF16)
		return v->len > 2 || (v->len == 2 && v->data[0] != '-');
	if (v->type == VALUE_UTF8)
		return v->len > 1 || (v->len == 1 && v->data[0] != '-');
	return v->type != VALUE_ABSENT;
}

/* Index of the first of "A|B" that the shape has, or -1. */
static int field_of(const struct shape *shape, struct view names)
{
	struct view name;

	while (view_token(&names, '|', &name)) {
		int i = shape_find(shape, name);

		if (i >= 0)
			return i;
	}
	return -1;
}

#define PARTS 32

/* The n-th of the fields that have the name of this one; nothing where there are fewer. */
static struct message_part nth_field(const struct shape *shape, int field, int n)
{
	uint32_t at = (uint32_t)field;

	while (--n > 0 && (at = shape->next_same[at]) != 0)
		;
	return (struct message_part){.field = n > 0 ? -1 : (int)at};
}

/*
 * Compiles "Account {User} did {A|B:format}" for a shape. What the shape lacks is a question mark,
 * or nothing where a format makes a part of a sentence of it. {Data:2} is the second of the fields
 * of that name, or the second item of its value.
 */
static void compile_message(struct arena *a, const struct shape *shape, const char *pattern,
			    struct resolved *r)
{
	struct message_part parts[PARTS];
	uint32_t n = 0;
	const char *p = pattern;

	while (*p && n < PARTS) {
		size_t len = strcspn(p, "{");
		const char *close, *colon, *end;
		int field;

		if (len)
			parts[n++] = (struct message_part){.text = view_of(p, len), .field = -1};
		p += len;
		close = strchr(p, '}');
		if (!*p || !close || n == PARTS)
			break;
		colon = memchr(p, ':', (size_t)(close - p));
		end = colon ? colon : close;
		field = field_of(shape, view_of(p + 1, (size_t)(end - p - 1)));
		parts[n] = (struct message_part){.text = view_text("?"), .field = field};
		if (colon)
			parts[n].format =
				evtx_format_named(view_of(colon + 1, (size_t)(close - colon - 1)));
		if (field < 0 && parts[n].format)
			parts[n].text = VIEW_EMPTY;
		if (field >= 0 && colon && colon[1] >= '1' && colon[1] <= '8') {
			/* An item is meant of the last name only. */
			const char *bar = memrchr(p, '|', (size_t)(colon - p)),
				   *last = bar ? bar : p;
			bool counted = view_equal(shape->names[field],
						  view_of(last + 1, (size_t)(colon - last - 1)));

			if (!counted || shape->next_same[field])
				parts[n].format = NULL;
			if (counted && shape->next_same[field])
				parts[n] = nth_field(shape, field, colon[1] - '0');
		}
		n++;
		p = close + 1;
	}
	r->parts = arena_alloc(a, n * sizeof(*parts) + 1);
	if (r->parts) {
		memcpy(r->parts, parts, n * sizeof(*parts));
		r->count = n;
	}
}

/* Is it a name of the System part? */
static bool of_system(struct view name)
{
#define NAME(text)                                                                                 \
	{                                                                                          \
		(const uint8_t *)(text), sizeof(text) - 1                                          \
	}
	static const struct view system[] = {
		NAME("Provider_"),    NAME("EventID"),	    NAME("Version"),
		NAME("Level"),	      NAME("Task"),	    NAME("Opcode"),
		NAME("Keywords"),     NAME("TimeCreated_"), NAME("EventRecordID"),
		NAME("Correlation_"), NAME("Execution_"),   NAME("Channel"),
		NAME("Computer"),     NAME("Security_")};
#undef NAME

	for (size_t k = 0; k < sizeof(system) / sizeof(system[0]); k++)
		if (name.len && name.data[0] == system[k].data[0] &&
		    view_starts(name, system[k].data, system[k].len))
			return true;
	return false;
}

/* "text" and "name: " behind each other in the arena. */
static struct view label(struct arena *a, const char *text, struct view name)
{
	size_t n = strlen(text);
	char *copy = arena_alloc(a, n + name.len + 2);

	if (!copy)
		return view_text(text);
	memcpy(copy, text, n);
	memcpy(copy + n, name.data, name.len);
	memcpy(copy + n + name.len, ": ", 2);
	return view_of(copy, n + name.len + 2);
}

/* An event that no table knows: its provider and number, and the first of its own fields. */
static void generic_message(struct arena *a, const struct shape *shape, struct resolved *r)
{
	struct message_part parts[PARTS];
	uint32_t n = 0, shown = 0, i = 0;

	if (shape->provider >= 0)
		parts[n++] = (struct message_part){.field = shape->provider};
	if (shape->event_id >= 0) {
		parts[n] = (struct message_part){.text = view_text(n ? " event " : "Event "),
						 .field = -1};
		n++;
		parts[n++] = (struct message_part){.field = shape->event_id};
	}
	while (i < shape->count && of_system(shape->names[i]))
		i++;
	for (; i < shape->count && shown < 4; i++, shown++) {
		const char *joint = shown ? ", " : ": ";

		parts[n++] = (struct message_part){
			.text = view_is(shape->names[i], "Data") ? view_text(joint)
								 : label(a, joint, shape->names[i]),
			.field = -1,
		};
		parts[n++] = (struct message_part){.field = (int)i};
	}
	r->parts = arena_alloc(a, n * sizeof(*parts) + 1);
	if (r->parts) {
		memcpy(r->parts, parts, n * sizeof(*parts));
		r->count = n;
	}
}

static bool same_provider(struct view kept, const struct value *v)
{
	return (v->type == VALUE_UTF16 || v->type == VALUE_UTF8) &&
	       view_equal(kept, view_of(v->data, v->len));
}

/* What is known of this event; remembered in the plan, because a plan rarely has more than one
 * event id. */
static const struct resolved *resolve(struct evtx *e, struct evtx_plan *plan,
				      const struct value *values, bool once)
{
	const struct shape *shape = plan->shape;
	struct arena *a = once ? &e->scratch : &e->arena;
	struct value none = {.type = VALUE_ABSENT};
	const struct value *provider = shape->provider >= 0 ? &values[shape->provider] : &none;
	uint64_t id = shape->event_id >= 0 && values[shape->event_id].type == VALUE_UNSIGNED
			      ? values[shape->event_id].u
			      : UINT64_MAX;
	const struct evtx_known *known;
	struct resolved *r;
	struct buffer name = {0};
	char *copy;

	if (plan->last.resolved && plan->last.id == id &&
	    same_provider(plan->last.provider, provider))
		return plan->last.resolved;
	value_append(&name, provider);
	known = evtx_known(buffer_as_view(&name), id);
	buffer_release(&name);
	for (r = plan->resolved; r; r = r->next)
		if (r->known == known)
			break;
	if (!r) {
		r = arena_zalloc(a, sizeof(*r));
		if (!r)
			return &plan->unknown;
		r->known = known;
		r->user = -1;
		if (known) {
			const char *user = evtx_user_field(known);

			if (user)
				r->user = find_name(shape, user);
			r->writer = strcmp(known->provider, "Microsoft-Windows-Sysmon") == 0;
			r->refinement = evtx_refinement(known);
			r->refined = r->refinement ? find_name(shape, r->refinement->field) : -1;
			if (r->refined < 0)
				r->refinement = NULL;
		}
		if (known && known->message)
			compile_message(a, shape, known->message, r);
		else
			generic_message(a, shape, r);
		r->next = plan->resolved;
		plan->resolved = r;
	}
	plan->last.resolved = NULL;
	if (provider->type == VALUE_UTF16 || provider->type == VALUE_UTF8) {
		/* One copy per change: a hostile log could change it with each record, so it is
		 * bounded by reuse. */
		if (plan->last.provider.len >= provider->len && plan->last.provider.data)
			copy = (char *)(uintptr_t)plan->last.provider.data;
		else
			copy = arena_alloc(a, provider->len + 1);
		if (copy) {
			memcpy(copy, provider->data, provider->len);
			plan->last.provider = view_of(copy, provider->len);
			plan->last.id = id;
			plan->last.resolved = r;
		}
	}
	return r;
}

/* Finds the instances of a record. False when some of it is binary XML that is no sole template. */
static bool gather(struct evtx *e, struct state *s)
{
	bool plain = true;

	for (uint32_t k = 0; k < s->count; k++) {
		uint32_t left = s->instance[k].nested;

		for (uint32_t i = 0; left && i < s->instance[k].count; i++) {
			const struct evtx_hole *h = &s->instance[k].holes[i];
			size_t pos;

			if (h->type != EVTX_BINXML)
				continue;
			left--;
			if (!h->size)
				continue;
			pos = evtx_position(e, h->data);
			if (s->count == INSTANCES ||
			    !evtx_sole_instance(e, pos, pos + h->size, k, &s->instance[s->count])) {
				plain = false;
				continue;
			}
			s->nested[s->count] = (struct nested){(uint8_t)k, (uint16_t)i};
			s->count++;
		}
	}
	return plain;
}

/* Fields of our own behind those of the record: what its commands hide. The shape with them, or the plan's. */
#define OWN_FIELDS ENCODED_FIELDS
static const struct shape *own_fields(struct evtx *e, const struct evtx_plan *plan,
				      struct value *values)
{
	struct parse *p = e->p;
	const struct shape *shape = plan->shape, *with;
	struct view names[OWN_FIELDS];
	struct value own[OWN_FIELDS];
	struct encoded found = {0};
	size_t n = 0;

	for (unsigned i = 0; i < COMMANDS && plan->commands[i] >= 0; i++) {
		const struct value *v = &values[plan->commands[i]];

		if (encoded_likely(v))
			encoded_find(&e->scratch, view_text(parse_value_text(&e->scratch, v)),
				     &found);
	}
	n += encoded_fields(&e->scratch, &found, names + n, own + n);
	if (!n || shape->count + n > LIMIT_EVENT_FIELDS)
		return shape;
	memcpy(p->names, shape->names, shape->count * sizeof(*p->names));
	memcpy(p->names + shape->count, names, n * sizeof(*names));
	with = shape_intern(p->shapes, p->names, shape->count + n);
	if (!with)
		return shape;
	memcpy(values + shape->count, own, n * sizeof(*own));
	return with;
}

static int emit(struct evtx *e, const struct evtx_record *r, void *data)
{
	struct parse *p = e->p;
	struct state *s = data;
	struct evtx_plan *plan = NULL;
	const struct resolved *resolved;
	struct evtx_ops raw;
	struct event event;
	struct value *values = p->values;
	size_t bytes = 0;
	bool plain, cut = false, borrowed = false, lost = false, long_ = false, fits;
	enum evtx_loss loss;
	const char *why;
	int status = OK;

	if (e->scratch.used)
		arena_reset(&e->scratch);
	e->holes_used = 0;
	e->why = "";
	s->count = 0;
	if (evtx_sole_instance(e, r->pos, r->end, 0, &s->instance[0])) {
		s->nested[0] = (struct nested){0, 0};
		s->count = 1;
		plain = gather(e, s);
		why = e->why;
		for (uint32_t i = 0; i < s->count; i++)
			lost |= s->instance[i].t->stand_in;
		plain = plain && !lost;
		if (plain)
			plan = find_plan(e, s);
		if (!plan)
			plan = build(e, s, NULL, !plain);
		if (!plain && (*why || lost))
			cut = true;
	} else if (*e->why || !evtx_fragment(e, r->pos, r->end, 0, &raw)) {
		return r->flags & EVENT_CUT ? OK : /* its damage was told */
			       parse_lost(p, r->offset, "record %llu: %s",
					  (unsigned long long)r->number, e->why);
	} else {
		plain = false;
		plan = build(e, s, &raw, true);
		why = "";
	}
	if (!plan || !plan->shape->count)
		return parse_lost(p, r->offset, "record %llu: %s", (unsigned long long)r->number,
				  plan ? "nothing in it is a field" : "too many fields");
	for (uint32_t i = 0; i < s->count; i++) {
		cut |= s->instance[i].cut;
		borrowed |= s->instance[i].borrowed;
	}
	fits = plan->plain;
	for (uint32_t i = 0; i < s->count; i++)
		fits = fits && s->instance[i].count >= plan->needs[i];
	if (fits)
		plain_values(e, plan, s, values);
	for (uint32_t i = 0; !fits && i < plan->shape->count; i++) {
		values[i] = source_value(e, &plan->sources[i], s);
		bytes += values[i].len;
		if (__builtin_expect(bytes > VALUES_MAX, 0)) {
			values[i] = (struct value){.type = VALUE_ABSENT};
			long_ = true;
		}
	}
	event = (struct event){
		.ts = TIME_NONE,
		.ts_desc = "Creation Time",
		.offset = r->offset,
		.record = r->number,
		.flags = r->flags | (cut ? EVENT_CUT : 0),
		.shape = plan->shape,
		.values = values,
	};
	if (plan->time >= 0 && values[plan->time].type == VALUE_FILETIME)
		event.ts = time_from_filetime(values[plan->time].u);
	else
		event.ts = other_time(plan->time >= 0 ? &values[plan->time] : NULL, r);
	if (plan->shape->computer >= 0)
		event.host = values[plan->shape->computer];
	resolved = resolve(e, plan, values, !plain || !s->count);
	if (resolved->user >= 0 && names_somebody(&values[resolved->user]))
		event.user = values[resolved->user];
	for (unsigned i = 0;
	     event.user.type == VALUE_ABSENT && i < (resolved->writer ? USERS - 1u : USERS); i++) {
		if (plan->user[i] >= 0 && names_somebody(&values[plan->user[i]])) {
			event.user = values[plan->user[i]];
			break;
		}
	}
	event.kind = resolved->known ? (enum event_kind)resolved->known->kind : KIND_OTHER;
	if (resolved->refinement && evtx_refines(resolved->refinement, &values[resolved->refined]))
		event.kind = (enum event_kind)resolved->refinement->kind;
	event.parts = resolved->parts;
	event.part_count = resolved->count;
	if (plan->script || plan->commands[0] >= 0)
		event.shape = own_fields(e, plan, values);
	status = parse_emit(p, &event);
	loss = lost	  ? EVTX_LOSS_NAMES
	       : cut	  ? EVTX_LOSS_VALUES
	       : borrowed ? EVTX_LOSS_TEMPLATE
			  : EVTX_LOSS_NONE;
	if (status >= 0 && loss)
		status = evtx_tell(e, r, loss, why);
	else if (status >= 0 && long_)
		status = parse_lost(p, r->offset, "record %llu: values of more than %zu bytes",
				    (unsigned long long)r->number, VALUES_MAX);
	if (status >= 0 && plan->script)
		status = scripts_add(&e->scripts, p, &event, e->base);
	return status;
}

/* ---- scripts that reach over the ends of a segment ---- */

/*
 * A script whose parts lie in two segments belongs to the one with its first part; that one looks
 * on for the rest, the other one looks back and leaves it. Parts are written one behind the other:
 * what is farther than this from the last one is not looked for.
 */
#define NEAR ((size_t)16 * EVTX_CHUNK)

struct around {
	struct sink sink;
	struct evtx e;
	struct parse p;
	struct state s;
	struct scripts *into;
	struct parse *out; /* of scripts that must be let go; NULL: of none */
	size_t end;	   /* stop behind it */
};

/* Damage and events that are no parts were told by the segment's own worker. */
static int around_event(struct sink *sink, const struct event *event)
{
	struct around *a = (struct around *)sink;
	size_t base = a->e.base, bytes = a->into->bytes;
	int status;

	if (base >= a->end || (a->into->known_only && a->into->whole == a->into->count))
		return ERR_LIMIT;
	if (event->kind == KIND_DAMAGE || !script_shape(event->shape))
		return OK;
	status = scripts_add(a->into, a->out, event, base);
	if (a->into->known_only && a->into->bytes > bytes && base + NEAR > a->end)
		a->end = base + NEAR;
	return status;
}

static void look_around(const struct evtx *e, size_t from, size_t to, struct scripts *into,
			struct parse *out)
{
	struct around *a = xcalloc(1, sizeof(*a));

	a->sink.event = around_event;
	a->into = into;
	a->out = out;
	a->end = from + NEAR;
	parse_init(&a->p, &a->sink, e->p->shapes);
	evtx_begin(&a->e, &a->p, e->bytes);
	a->e.scripts.known_only = true; /* and none is known: they go to `into` */
	(void)evtx_walk_range(&a->e, from, to, emit, &a->s);
	evtx_end(&a->e);
	parse_done(&a->p);
	free(a);
}

static void scripts_around(struct evtx *e)
{
	size_t first, from, to, end = e->bytes.len;
	struct scripts back = {.silent = true};
	bool before = false, behind = false;

	evtx_range(e, &first, &from, &to);
	if ((from <= first && to >= end) || !e->scripts.open)
		return;
	for (struct script *x = e->scripts.open; x; x = x->next) {
		before |= x->first_at < from + NEAR;
		behind |= x->last_at + NEAR >= to;
	}
	/* A log is a ring: its last chunk stands before its first. */
	if (before) {
		size_t stop = from > first ? from : end;

		look_around(e, stop > first + NEAR ? stop - NEAR : first, stop, &back, NULL);
		for (struct script *x = e->scripts.open; x; x = x->next)
			for (struct script *y = back.open; y && !x->elsewhere; y = y->next)
				x->elsewhere = x->hash == y->hash && strcmp(x->id, y->id) == 0 &&
					       strcmp(x->computer, y->computer) == 0;
		scripts_release(&back);
	}
	if (behind) {
		e->scripts.known_only = e->scripts.silent = true;
		look_around(e, to < end ? to : first, to < end ? end : from, &e->scripts, e->p);
	}
}

static int parse(struct parse *p, struct view bytes)
{
	struct evtx e;
	struct state s;
	int status;

	evtx_begin(&e, p, bytes);
	status = evtx_walk(&e, emit, &s);
	if (status >= 0) {
		scripts_around(&e);
		status = scripts_end(&e.scripts, p);
	}
	scripts_release(&e.scripts);
	evtx_end(&e);
	return status;
}

static int probe(const struct probe *probe)
{
	if (view_starts(probe->head, "ElfFile", 8))
		return BID_MAGIC;
	/* A log whose first page is lost. */
	return view_starts(view_from(probe->head, EVTX_FILE_HEAD), "ElfChnk", 8) ? BID_MAGIC
	       : view_starts(probe->head, "ElfChnk", 8)				 ? BID_MAGIC
										 : BID_NO;
}

const struct parser parser_evtx = {
	.name = "evtx",
	.title = "Windows event log",
	.version = 3,
	.probe = probe,
	.parse = parse,
	.segments = evtx_segments,
};
