/*
 * Windows event logs: records to XML, as Windows renders them (one line a record, single quotes).
 * What Windows leaves out is left out here: attributes and elements that want a value which is not
 * there. An element that holds an array stands once for each item.
 *
 * Format: [MS-EVEN6] 2.2.12 and its rules for rendering, 2.2.12.4.
 */
#include "parsers/evtx.h"

#include "base/text.h"

#include <stdlib.h>

/* Text of one record's XML: a template can use one value, or itself, again and again. */
#define RECORD_MAX ((size_t)8 << 20)

struct writer {
	struct evtx *e;
	struct buffer *out;
	size_t limit;	     /* of out->len */
	struct buffer text;  /* being escaped */
	bool slow;	     /* no programs: the record is larger than `limit` */
	enum evtx_loss loss; /* of the record */
};

static void write_value(struct writer *w, const struct evtx_hole *h)
{
	struct value v = evtx_value(w->e, h);
	char *p;

	if (v.type == VALUE_UTF16) {
		p = buffer_reserve(w->out, TEXT_XML16_ROOM((size_t)v.len));
		w->out->len = (size_t)(text_put_xml16(p, view_of(v.data, v.len)) - w->out->data);
	} else if (v.type == VALUE_UTF8 || v.type == VALUE_LIST) {
		w->text.len = 0;
		value_append(&w->text, &v);
		text_xml(w->out, buffer_as_view(&w->text));
	} else {
		value_append(w->out, &v);
	}
}

static void write_cdata(struct buffer *out, struct view text)
{
	struct buffer clean = {0};
	size_t at;

	/* Only what XML allows; and no early end. */
	while (text.len) {
		uint32_t code;
		char *to = buffer_reserve(&clean, 4);

		(void)text_decode(&text, &code);
		if ((code >= 0x20 || code == '\t' || code == '\n' || code == '\r') &&
		    code != 0xfffe && code != 0xffff)
			clean.len += text_encode(code, (uint8_t *)to);
	}
	text = buffer_as_view(&clean);
	buffer_string(out, "<![CDATA[");
	while ((at = view_find(text, 0, "]]>", 3)) < text.len) {
		buffer_view(out, view_clip(text, 0, at + 2));
		buffer_string(out, "]]><![CDATA[");
		text = view_from(text, at + 2);
	}
	buffer_view(out, text);
	buffer_string(out, "]]>");
	buffer_release(&clean);
}

static void write_pi(struct buffer *out, struct view target, struct view data)
{
	buffer_append(out, "<?", 2);
	buffer_view(out, target);
	if (data.len && view_find(data, 0, "?>", 2) == data.len) {
		buffer_char(out, ' ');
		text_xml(out, data);
	}
	buffer_append(out, "?>", 2);
}

static void write_ops(struct writer *w, const struct evtx_ops *ops, uint32_t from, uint32_t to,
		      const struct evtx_instance *instance, unsigned depth);

static void write_instance(struct writer *w, const struct evtx_instance *instance, unsigned depth);

static void note_loss(struct writer *w, const struct evtx_instance *i)
{
	enum evtx_loss loss = i->cut	       ? EVTX_LOSS_VALUES
			      : i->t->stand_in ? EVTX_LOSS_NAMES
			      : i->borrowed    ? EVTX_LOSS_TEMPLATE
					       : EVTX_LOSS_NONE;

	w->loss = loss > w->loss ? loss : w->loss;
}

static void write_nested(struct writer *w, const struct evtx_hole *h, unsigned depth)
{
	struct evtx *e = w->e;
	size_t pos = evtx_position(e, h->data);
	struct evtx_instance inner;
	struct evtx_ops ops;
	uint32_t used = e->holes_used;

	if (depth > LIMIT_DEPTH || h->data < e->chunk.data || pos > e->chunk.len)
		return;
	if (evtx_sole_instance(e, pos, pos + h->size, depth, &inner)) {
		note_loss(w, &inner);
		write_instance(w, &inner, depth + 1);
	} else if (!*e->why && evtx_fragment(e, pos, pos + h->size, depth, &ops)) {
		write_ops(w, &ops, 0, ops.count, NULL, depth + 1);
	} else {
		w->loss = EVTX_LOSS_VALUES;
	}
	e->holes_used = used;
}

/* Where an element's content begins; its end when it has none. */
static uint32_t content_of(const struct evtx_ops *ops, uint32_t at)
{
	uint32_t i = at + 1, end = ops->op[at].end;

	while (i < end && ops->op[i].type != EVTX_OP_CONTENT)
		i++;
	return i + (i < end);
}

/* The first hole from i on that is not inside of a child; `end` when there is none. */
static uint32_t next_hole(const struct evtx_ops *ops, uint32_t i, uint32_t end)
{
	for (; i < end && ops->op[i].type != EVTX_OP_HOLE; i++)
		if (ops->op[i].type == EVTX_OP_OPEN)
			i = ops->op[i].end;
	return i < end ? i : end;
}

static bool is_missing(const struct evtx_op *hole, const struct evtx_instance *instance)
{
	return hole->optional && evtx_is_null(evtx_hole(instance, hole->hole));
}

/* Where the value of the attribute at i ends. */
static uint32_t attribute_end(const struct evtx_ops *ops, uint32_t i, uint32_t end)
{
	for (i++;
	     i < end && ops->op[i].type != EVTX_OP_CONTENT && ops->op[i].type != EVTX_OP_ATTRIBUTE;
	     i++)
		;
	return i;
}

static void write_element(struct writer *w, const struct evtx_ops *ops, uint32_t at,
			  const struct evtx_instance *instance, unsigned depth)
{
	const struct evtx_op *open = &ops->op[at];
	uint32_t content = content_of(ops, at), end;

	buffer_char(w->out, '<');
	buffer_view(w->out, open->text);
	for (uint32_t i = at + 1; i < content; i = end) {
		size_t before = w->out->len;
		bool missing = false;

		end = attribute_end(ops, i, content);
		if (ops->op[i].type != EVTX_OP_ATTRIBUTE)
			continue;
		buffer_char(w->out, ' ');
		buffer_view(w->out, ops->op[i].text);
		buffer_append(w->out, "='", 2);
		for (i++; i < end; i++) {
			const struct evtx_op *op = &ops->op[i];

			if (op->type == EVTX_OP_HOLE) {
				missing |= is_missing(op, instance);
				write_value(w, evtx_hole(instance, op->hole));
			} else if (op->type == EVTX_OP_VALUE) {
				write_value(w, &op->value);
			} else {
				text_xml(w->out, op->text);
			}
		}
		buffer_char(w->out, '\'');
		if (missing)
			w->out->len = before;
	}
	if (content >= open->end) {
		buffer_append(w->out, "/>", 2);
		return;
	}
	buffer_char(w->out, '>');
	write_ops(w, ops, content, open->end, instance, depth + 1);
	buffer_append(w->out, "</", 2);
	buffer_view(w->out, open->text);
	buffer_char(w->out, '>');
}

/*
 * An element that what it holds makes go or come again: [MS-EVEN6] 3.1.4.7.2, it is left out when a
 * value is missing that is optional right inside of it; 3.1.4.7.5, it stands once for each item of
 * an array that it holds.
 */
static void write_elements(struct writer *w, const struct evtx_ops *ops, uint32_t at,
			   const struct evtx_instance *instance, unsigned depth)
{
	const struct evtx_op *open = &ops->op[at];
	struct evtx_hole *array = NULL, whole, rest;
	uint32_t content = content_of(ops, at);

	if (open->dependency != EVTX_NO_DEPENDENCY &&
	    evtx_is_null(evtx_hole(instance, open->dependency)))
		return;
	for (uint32_t i = at + 1; (i = next_hole(ops, i, open->end)) < open->end; i++) {
		const struct evtx_op *op = &ops->op[i];

		if (i >= content && is_missing(op, instance))
			return;
		if (!array && evtx_hole(instance, op->hole)->type & EVTX_ARRAY)
			array = &instance->holes[op->hole];
	}
	if (!array) {
		write_element(w, ops, at, instance, depth);
		return;
	}
	whole = rest = *array;
	*array = (struct evtx_hole){whole.data, 0, EVTX_NULL, 0}; /* of no items: once, empty */
	(void)evtx_next_item(&rest, array);
	do
		write_element(w, ops, at, instance, depth);
	while (w->out->len < w->limit && evtx_next_item(&rest, array));
	*array = whole;
}

static void write_ops(struct writer *w, const struct evtx_ops *ops, uint32_t from, uint32_t to,
		      const struct evtx_instance *instance, unsigned depth)
{
	if (depth > LIMIT_DEPTH)
		return;
	for (uint32_t i = from; i < to && w->out->len < w->limit; i++) {
		const struct evtx_op *op = &ops->op[i];
		const struct evtx_hole *h;

		switch (op->type) {
		case EVTX_OP_OPEN:
			write_elements(w, ops, i, instance, depth);
			i = op->end;
			break;
		case EVTX_OP_TEXT:
			text_xml(w->out, op->text);
			break;
		case EVTX_OP_CDATA:
			write_cdata(w->out, op->text);
			break;
		case EVTX_OP_VALUE:
			write_value(w, &op->value);
			break;
		case EVTX_OP_HOLE:
			h = evtx_hole(instance, op->hole);
			if (h->type == EVTX_BINXML && h->size)
				write_nested(w, h, depth);
			else
				write_value(w, h);
			break;
		case EVTX_OP_PI:
			write_pi(w->out, op->text,
				 i + 1 < to && op[1].type == EVTX_OP_PI_DATA ? op[1].text
									     : VIEW_EMPTY);
			break;
		case EVTX_OP_INSTANCE:
			write_instance(w, op->instance, depth + 1);
			break;
		default:
			break;
		}
	}
}

/* ---- programs: a template compiled into constant text and the values between ---- */

enum step_what {
	STEP_END,
	STEP_TEXT,	/* nothing but text */
	STEP_VALUE,	/* the value of the hole */
	STEP_ATTRIBUTE, /* the same inside of quotes, where no element can stand */
	STEP_UNLESS,	/* on at `to` when the hole is null */
	STEP_ARRAY,	/* when the hole is an array: element `op` once for each item, on at `to` */
};

struct step {
	const char *text; /* what stands before it; STEP_COPY more bytes can be read */
	uint32_t len;
	uint16_t hole;
	uint8_t what;
	uint32_t to, op;
};

struct evtx_program {
	const struct step *steps;
	uint32_t needs; /* values that an instance must have, so that no hole is missing */
};

#define STEP_COPY 64
#define STEP_ROOM (STEP_COPY + VALUE_PUT_ROOM)

struct compiler {
	struct writer w; /* of the constant text */
	size_t begun;	 /* in it: text that no step has yet */
	struct step *steps;
	size_t step_cap;
	uint32_t count, needs;
	bool arrays;
};

static uint32_t add_step(struct compiler *c, enum step_what what, unsigned hole)
{
	struct step *s;

	c->steps = xgrow(c->steps, &c->step_cap, (size_t)c->count + 1, sizeof(*c->steps));
	s = &c->steps[c->count];
	*s = (struct step){.len = (uint32_t)(c->w.out->len - c->begun),
			   .hole = (uint16_t)hole,
			   .what = (uint8_t)what};
	c->begun = c->w.out->len;
	if (what > STEP_TEXT && hole >= c->needs)
		c->needs = hole + 1;
	return c->count++;
}

/* The steps [from, to) go on here. */
static void go_on(struct compiler *c, uint32_t from, uint32_t to)
{
	if (from < to && c->w.out->len > c->begun)
		(void)add_step(c, STEP_TEXT, 0);
	for (; from < to; from++)
		c->steps[from].to = c->count;
}

static void compile_text(struct compiler *c, const struct evtx_op *op)
{
	if (op->type == EVTX_OP_VALUE)
		write_value(&c->w, &op->value);
	else
		text_xml(c->w.out, op->text);
}

static void compile_ops(struct compiler *c, const struct evtx_ops *ops, uint32_t from, uint32_t to);

static void compile_element(struct compiler *c, const struct evtx_ops *ops, uint32_t at)
{
	const struct evtx_op *open = &ops->op[at];
	struct buffer *out = c->w.out;
	uint32_t content = content_of(ops, at), end, from = c->count, to;

	if (open->dependency != EVTX_NO_DEPENDENCY)
		(void)add_step(c, STEP_UNLESS, open->dependency);
	for (uint32_t i = at + 1; (i = next_hole(ops, i, open->end)) < open->end; i++) {
		const struct evtx_op *op = &ops->op[i];

		if (i >= content && op->optional && op->hole != open->dependency)
			(void)add_step(c, STEP_UNLESS, op->hole);
		if (c->arrays) {
			uint32_t step = add_step(c, STEP_ARRAY, op->hole);

			c->steps[step].op = at;
		}
	}
	to = c->count;
	buffer_char(out, '<');
	buffer_view(out, open->text);
	for (uint32_t i = at + 1; i < content; i = end) {
		uint32_t first = c->count, last;

		end = attribute_end(ops, i, content);
		if (ops->op[i].type != EVTX_OP_ATTRIBUTE)
			continue;
		for (uint32_t k = i + 1; k < end; k++)
			if (ops->op[k].type == EVTX_OP_HOLE && ops->op[k].optional)
				(void)add_step(c, STEP_UNLESS, ops->op[k].hole);
		last = c->count;
		buffer_char(out, ' ');
		buffer_view(out, ops->op[i].text);
		buffer_append(out, "='", 2);
		for (i++; i < end; i++) {
			if (ops->op[i].type == EVTX_OP_HOLE)
				(void)add_step(c, STEP_ATTRIBUTE, ops->op[i].hole);
			else
				compile_text(c, &ops->op[i]);
		}
		buffer_char(out, '\'');
		go_on(c, first, last);
	}
	if (content >= open->end) {
		buffer_append(out, "/>", 2);
	} else {
		buffer_char(out, '>');
		compile_ops(c, ops, content, open->end);
		buffer_append(out, "</", 2);
		buffer_view(out, open->text);
		buffer_char(out, '>');
	}
	go_on(c, from, to);
}

/* A definition's ops: their depth is that of its elements, which the decoder bounds. */
static void compile_ops(struct compiler *c, const struct evtx_ops *ops, uint32_t from, uint32_t to)
{
	for (uint32_t i = from; i < to; i++) {
		const struct evtx_op *op = &ops->op[i];

		switch (op->type) {
		case EVTX_OP_OPEN:
			compile_element(c, ops, i);
			i = op->end;
			break;
		case EVTX_OP_TEXT:
		case EVTX_OP_VALUE:
			compile_text(c, op);
			break;
		case EVTX_OP_CDATA:
			write_cdata(c->w.out, op->text);
			break;
		case EVTX_OP_HOLE:
			(void)add_step(c, STEP_VALUE, op->hole);
			break;
		case EVTX_OP_PI:
			write_pi(c->w.out, op->text,
				 i + 1 < to && op[1].type == EVTX_OP_PI_DATA ? op[1].text
									     : VIEW_EMPTY);
			break;
		default: /* no instance stands in a definition: evtx_binxml.c */
			break;
		}
	}
}

/* NULL: memory has run out. */
static struct evtx_program *compile(struct evtx *e, const struct evtx_template *t, bool arrays)
{
	struct buffer text = {0};
	struct compiler c = {.w = {.e = e, .out = &text, .limit = SIZE_MAX}, .arrays = arrays};
	struct evtx_program *program = arena_zalloc(&e->arena, sizeof(*program));
	struct step *steps;
	const char *copy;

	compile_ops(&c, &t->ops, 0, t->ops.count);
	(void)add_step(&c, STEP_END, 0);
	buffer_reserve(&text, STEP_COPY);
	memset(text.data + text.len, 0, STEP_COPY);
	copy = arena_strndup(&e->arena, text.data, text.len + STEP_COPY);
	steps = arena_alloc(&e->arena, c.count * sizeof(*steps));
	if (program && copy && steps) {
		memcpy(steps, c.steps, c.count * sizeof(*steps));
		for (uint32_t i = 0; i < c.count; i++) {
			steps[i].text = copy;
			copy += steps[i].len;
		}
		program->steps = steps;
		program->needs = c.needs;
	} else {
		program = NULL;
	}
	free(c.steps);
	buffer_release(&text);
	buffer_release(&c.w.text);
	return program;
}

/* A value at p, where STEP_ROOM bytes are free; leaves as much. */
static inline char *put_hole(struct writer *w, char *p, const struct evtx_hole *h, bool content,
			     unsigned depth)
{
	struct buffer *out = w->out;
	struct value v;
	char *end = NULL;

	if (__builtin_expect(evtx_common_value(h, &v), 1)) {
		if (v.type == VALUE_UTF16) {
			p = buffer_room(out, p, TEXT_XML16_ROOM((size_t)v.len) + STEP_ROOM);
			return text_put_xml16(p, view_of(v.data, v.len));
		}
		end = value_put(p, &v);
	} else if (evtx_is_null(h)) {
		return p;
	}
	if (!end) {
		out->len = (size_t)(p - out->data);
		if (content && h->type == EVTX_BINXML && h->size)
			write_nested(w, h, depth);
		else
			write_value(w, h);
		end = out->data + out->len;
	}
	return buffer_room(out, end, STEP_ROOM);
}

/* Sets w->slow when the text is too long: it is cut, and worth nothing. */
static void run(struct writer *w, const struct evtx_program *program,
		const struct evtx_instance *instance, unsigned depth)
{
	struct buffer *out = w->out;
	char *p = buffer_reserve(out, STEP_ROOM);

	for (const struct step *s = program->steps;; s++) {
		const struct evtx_hole *h = &instance->holes[s->hole];

		memcpy(p, s->text, STEP_COPY);
		if (__builtin_expect(s->len > STEP_COPY, 0)) {
			p = buffer_room(out, p, s->len + STEP_ROOM);
			memcpy(p, s->text, s->len);
		}
		p = buffer_room(out, p + s->len, STEP_ROOM);
		switch ((enum step_what)s->what) {
		case STEP_END:
			out->len = (size_t)(p - out->data);
			return;
		case STEP_TEXT:
			break;
		case STEP_VALUE:
			p = put_hole(w, p, h, true, depth);
			break;
		case STEP_ATTRIBUTE:
			p = put_hole(w, p, h, false, depth);
			break;
		case STEP_UNLESS:
			if (evtx_is_null(h))
				s = program->steps + s->to - 1;
			break;
		case STEP_ARRAY:
			if (!(h->type & EVTX_ARRAY))
				break;
			out->len = (size_t)(p - out->data);
			write_ops(w, &instance->t->ops, s->op, s->op + 1, instance, depth);
			p = buffer_reserve(out, STEP_ROOM);
			s = program->steps + s->to - 1;
			break;
		}
		if (__builtin_expect((size_t)(p - out->data) > w->limit, 0) || w->slow) {
			w->slow = true;
			out->len = (size_t)(p - out->data);
			return;
		}
	}
}

static void write_instance(struct writer *w, const struct evtx_instance *instance, unsigned depth)
{
	struct evtx_template *t = instance->t;
	struct evtx_program **program = &t->program[instance->arrays];

	/* Many a template is used once: compiling it would cost more than walking it. */
	if (!*program && !w->slow && t->uses++ > 0)
		*program = compile(w->e, t, instance->arrays);
	if (*program && instance->count >= (*program)->needs && !w->slow)
		run(w, *program, instance, depth);
	else
		write_ops(w, &t->ops, 0, t->ops.count, instance, depth);
}

/* The same; what is too long for the programs is cut where it stays well-formed. */
static void write_whole(struct writer *w, const struct evtx_instance *instance)
{
	size_t before = w->out->len;

	w->limit = before + RECORD_MAX;
	write_instance(w, instance, 0);
	if (__builtin_expect(w->slow, 0)) {
		w->out->len = before;
		write_instance(w, instance, 0);
		w->slow = false;
	}
}

void evtx_xml_nested(struct evtx *e, struct buffer *out, const struct evtx_hole *h, unsigned depth)
{
	struct writer w = {.e = e, .out = out, .limit = out->len + RECORD_MAX, .slow = true};

	write_nested(&w, h, depth);
	buffer_release(&w.text);
}

struct to_xml {
	struct writer w;
	int (*flush)(void *data, struct buffer *out);
	void *data;
};

static int write_record(struct evtx *e, const struct evtx_record *r, void *data)
{
	struct to_xml *x = data;
	struct buffer *out = x->w.out;
	struct evtx_instance instance;
	struct evtx_ops ops;
	size_t before = out->len, begin;
	int status;

	x->w.limit = before + RECORD_MAX;
	if (e->scratch.used)
		arena_reset(&e->scratch);
	e->holes_used = 0;
	e->why = "";
	x->w.loss = EVTX_LOSS_NONE;
	if (r->flags)
		buffer_printf(out, "<!-- %s, at offset %llu -->\n",
			      r->flags & EVENT_RECOVERED ? "recovered" : "cut",
			      (unsigned long long)r->offset);
	begin = out->len;
	if (evtx_sole_instance(e, r->pos, r->end, 0, &instance)) {
		note_loss(&x->w, &instance);
		write_whole(&x->w, &instance);
	} else if (!*e->why && evtx_fragment(e, r->pos, r->end, 0, &ops)) {
		write_ops(&x->w, &ops, 0, ops.count, NULL, 0);
	} else if (r->flags & EVENT_CUT) {
		out->len = before;
		return OK;
	} else {
		out->len = before;
		return parse_lost(e->p, r->offset, "record %llu: %s", (unsigned long long)r->number,
				  e->why);
	}
	if (out->len > begin) {
		buffer_char(out, '\n');
		e->p->events++;
	}
	status = evtx_tell(e, r, x->w.loss, "");
	if (status < 0)
		return status;
	return out->len > (1u << 18) ? x->flush(x->data, out) : OK;
}

int evtx_to_xml(struct parse *p, struct view bytes, struct buffer *out,
		int (*flush)(void *data, struct buffer *out), void *data)
{
	struct evtx e;
	struct to_xml x = {.w = {.e = &e, .out = out}, .flush = flush, .data = data};
	int status;

	evtx_begin(&e, p, bytes);
	status = evtx_walk(&e, write_record, &x);
	evtx_end(&e);
	buffer_release(&x.w.text);
	return status >= 0 && out->len ? flush(data, out) : status;
}
