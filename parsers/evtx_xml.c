/*
 * Windows event logs: records to XML, as Windows renders them (one line a record, single quotes).
 * What Windows leaves out is left out here: optional attributes without a value, and elements that
 * depend on a value that is not there. An element whose only content is an array stands once for
 * each item.
 *
 * Format: [MS-EVEN6] 2.2.12 and its rules for rendering, 2.2.12.4.
 */
#include "parsers/evtx.h"

#include "base/text.h"

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

/* Text of one record's XML: a template can use one value, or itself, again and again. */
#define RECORD_MAX ((size_t)8 << 20)

struct writer {
	struct evtx *e;
	struct buffer *out;
	size_t limit;	    /* of out->len */
	struct buffer text; /* being escaped */
};

/* What is written otherwise than it is: 1 for escapes and what XML forbids. [XML10] 2.2, 2.4. */
static const uint8_t special[256] =
	{
		1, 1, 1,	 1,	    1,		1,	   1,	      1,	  1, 0,
		0, 1, 1,	 1,	    1,		1,	   1,	      1,	  1, 1,
		1, 1, 1,	 1,	    1,		1,	   1,	      1,	  1, 1,
		1, 1, ['"'] = 1, ['&'] = 1, ['\''] = 1, ['<'] = 1, ['>'] = 1, [0xef] = 1, /* U+FFFE
											     begins
											     so */
};

/* How many bytes can be written as they are. */
static size_t plain_bytes(struct view v)
{
	size_t n = 0;

#if defined(__SSE2__)
	for (; v.len - n >= 16; n += 16) {
		__m128i b = _mm_loadu_si128((const __m128i *)(const void *)(v.data + n));
		__m128i low = _mm_cmpeq_epi8(_mm_min_epu8(b, _mm_set1_epi8(0x1f)), b);
		__m128i quotes = _mm_or_si128(_mm_cmpeq_epi8(b, _mm_set1_epi8('"')),
					      _mm_cmpeq_epi8(b, _mm_set1_epi8('\'')));
		__m128i angles = _mm_or_si128(_mm_cmpeq_epi8(b, _mm_set1_epi8('<')),
					      _mm_cmpeq_epi8(b, _mm_set1_epi8('>')));
		__m128i others = _mm_or_si128(_mm_cmpeq_epi8(b, _mm_set1_epi8('&')),
					      _mm_cmpeq_epi8(b, _mm_set1_epi8((char)0xef)));
		unsigned mask = (unsigned)_mm_movemask_epi8(
			_mm_or_si128(_mm_or_si128(low, quotes), _mm_or_si128(angles, others)));

		for (; mask; mask &= mask - 1) /* tabs and line feeds are fine */
			if (special[v.data[n + (unsigned)__builtin_ctz(mask)]])
				return n + (unsigned)__builtin_ctz(mask);
	}
#endif
	while (n < v.len && !special[v.data[n]])
		n++;
	return n;
}

/* Character data, or an attribute's value in single quotes. The text is valid UTF-8. */
static void escape(struct buffer *out, struct view utf8)
{
	while (utf8.len) {
		uint32_t code = 0;
		size_t n = plain_bytes(utf8);

		buffer_append(out, utf8.data, n);
		utf8 = view_from(utf8, n);
		if (!text_decode(&utf8, &code))
			break;
		switch (code) {
		case '&':
			buffer_append(out, "&amp;", 5);
			break;
		case '<':
			buffer_append(out, "&lt;", 4);
			break;
		case '>':
			buffer_append(out, "&gt;", 4);
			break;
		case '\'':
			buffer_append(out, "&apos;", 6);
			break;
		case '"':
			buffer_append(out, "&quot;", 6);
			break;
		case '\r': /* a parser would turn it into a line feed */
			buffer_append(out, "&#xD;", 5);
			break;
		default:
			if (code >= 0x20 && code != 0xfffe && code != 0xffff) {
				char *at = buffer_reserve(out, 4);

				out->len += text_encode(code, (uint8_t *)at);
			}
		}
	}
}

static void write_value(struct writer *w, const struct evtx_hole *h)
{
	struct value v = evtx_value(w->e, h);
	size_t before = w->out->len;

	value_append(w->out, &v);
	/* Only texts can hold what must be escaped, and few of them do. */
	if (v.type != VALUE_UTF16 && v.type != VALUE_UTF8 && v.type != VALUE_LIST)
		return;
	before += plain_bytes(view_from(buffer_as_view(w->out), before));
	if (before < w->out->len) {
		w->text.len = 0;
		buffer_append(&w->text, w->out->data + before, w->out->len - before);
		w->out->len = before;
		escape(w->out, buffer_as_view(&w->text));
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

static void write_ops(struct writer *w, const struct evtx_ops *ops, uint32_t from, uint32_t to,
		      const struct evtx_instance *instance, unsigned depth);

static void write_nested(struct writer *w, const struct evtx_hole *h, unsigned depth)
{
	struct evtx *e = w->e;
	size_t pos = evtx_position(e, h->data);
	struct evtx_instance inner;
	struct evtx_ops ops;
	uint32_t used = e->holes_used;

	if (depth > LIMIT_DEPTH || h->data < e->chunk.data || pos > e->chunk.len)
		return;
	if (evtx_sole_instance(e, pos, pos + h->size, depth, &inner))
		write_ops(w, &inner.t->ops, 0, inner.t->ops.count, &inner, depth + 1);
	else if (evtx_fragment(e, pos, pos + h->size, depth, &ops))
		write_ops(w, &ops, 0, ops.count, NULL, depth + 1);
	e->holes_used = used;
}

/* One element; `item` stands for its only content when that is an array. */
static void write_element(struct writer *w, const struct evtx_ops *ops, uint32_t at,
			  const struct evtx_instance *instance, const struct evtx_hole *item,
			  unsigned depth)
{
	const struct evtx_op *open = &ops->op[at], *op;
	uint32_t i = at + 1;

	buffer_char(w->out, '<');
	buffer_view(w->out, open->text);
	while (i < open->end && ops->op[i].type != EVTX_OP_CONTENT) {
		size_t before = w->out->len;
		bool keep = true;

		op = &ops->op[i++];
		if (op->type != EVTX_OP_ATTRIBUTE)
			continue;
		buffer_char(w->out, ' ');
		buffer_view(w->out, op->text);
		buffer_append(w->out, "='", 2);
		for (uint32_t n = 0; i < open->end && ops->op[i].type != EVTX_OP_CONTENT &&
				     ops->op[i].type != EVTX_OP_ATTRIBUTE;
		     i++, n++) {
			op = &ops->op[i];
			if (op->type == EVTX_OP_HOLE) {
				const struct evtx_hole *h = evtx_hole(instance, op->hole);

				if (n == 0 && op->optional && evtx_is_null(h))
					keep = false;
				write_value(w, h);
			} else if (op->type == EVTX_OP_VALUE) {
				write_value(w, &op->value);
			} else {
				escape(w->out, op->text);
			}
		}
		buffer_char(w->out, '\'');
		if (!keep)
			w->out->len = before;
	}
	i += i < open->end;
	if (i >= open->end) {
		buffer_append(w->out, "/>", 2);
		return;
	}
	buffer_char(w->out, '>');
	if (item)
		write_value(w, item);
	else
		write_ops(w, ops, i, open->end, instance, depth + 1);
	buffer_append(w->out, "</", 2);
	buffer_view(w->out, open->text);
	buffer_char(w->out, '>');
}

/* The array that is all that an element holds, or NULL. */
static const struct evtx_hole *only_array(const struct evtx_ops *ops, uint32_t at,
					  const struct evtx_instance *instance)
{
	uint32_t end = ops->op[at].end;
	const struct evtx_hole *h;

	if (end < at + 3 || ops->op[end - 1].type != EVTX_OP_HOLE ||
	    ops->op[end - 2].type != EVTX_OP_CONTENT)
		return NULL;
	h = evtx_hole(instance, ops->op[end - 1].hole);
	return h->type & EVTX_ARRAY ? h : NULL;
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
			h = only_array(ops, i, instance);
			if (op->dependency != EVTX_NO_DEPENDENCY &&
			    evtx_is_null(evtx_hole(instance, op->dependency))) {
				;
			} else if (h) {
				struct evtx_hole rest = *h, item;
				bool any = false;

				while (w->out->len < w->limit && evtx_next_item(&rest, &item)) {
					write_element(w, ops, i, instance, &item, depth);
					any = true;
				}
				if (!any)
					write_element(w, ops, i, instance, NULL, depth);
			} else {
				write_element(w, ops, i, instance, NULL, depth);
			}
			i = op->end;
			break;
		case EVTX_OP_TEXT:
			escape(w->out, op->text);
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
			buffer_append(w->out, "<?", 2);
			buffer_view(w->out, op->text);
			if (i + 1 < to && ops->op[i + 1].type == EVTX_OP_PI_DATA &&
			    view_find(ops->op[i + 1].text, 0, "?>", 2) == ops->op[i + 1].text.len) {
				buffer_char(w->out, ' ');
				text_xml(w->out, ops->op[++i].text);
			}
			buffer_append(w->out, "?>", 2);
			break;
		case EVTX_OP_INSTANCE:
			write_ops(w, &op->instance->t->ops, 0, op->instance->t->ops.count,
				  op->instance, depth + 1);
			break;
		default:
			break;
		}
	}
}

void evtx_xml_nested(struct evtx *e, struct buffer *out, const struct evtx_hole *h, unsigned depth)
{
	struct writer w = {.e = e, .out = out, .limit = out->len + RECORD_MAX};

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
	size_t before = out->len;

	x->w.limit = before + RECORD_MAX;
	arena_reset(&e->scratch);
	e->holes_used = 0;
	e->why = "";
	if (evtx_sole_instance(e, r->pos, r->end, 0, &instance)) {
		write_ops(&x->w, &instance.t->ops, 0, instance.t->ops.count, &instance, 0);
	} else if (!*e->why && evtx_fragment(e, r->pos, r->end, 0, &ops)) {
		write_ops(&x->w, &ops, 0, ops.count, NULL, 0);
	} else if (r->flags & EVENT_CUT) {
		return OK;
	} else {
		return parse_lost(e->p, r->offset, "record %llu: %s", (unsigned long long)r->number,
				  e->why);
	}
	if (out->len > before) {
		buffer_char(out, '\n');
		e->p->events++;
	}
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
