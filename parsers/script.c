#include "parsers/script.h"

#include "base/sha256.h"
#include "base/text.h"

#include <stdlib.h>

#define OPEN_MAX 1024 /* scripts that are not whole, at a time */

bool script_shape(const struct shape *shape)
{
	return shape_find(shape, view_text("ScriptBlockText")) >= 0 &&
	       shape_find(shape, view_text("ScriptBlockId")) >= 0 &&
	       shape_find(shape, view_text("MessageNumber")) >= 0 &&
	       shape_find(shape, view_text("MessageTotal")) >= 0;
}

static uint32_t number_of(const struct event *e, const char *name)
{
	const struct value *v = event_find(e, name);
	struct buffer text = {0};
	uint64_t n = 0;

	if (!v)
		return 0;
	value_append(&text, v);
	if (!view_decimal(buffer_as_view(&text), &n) || n > LIMIT_SCRIPT_PARTS)
		n = 0;
	buffer_release(&text);
	return (uint32_t)n;
}

static char *text_of(const struct value *v)
{
	struct buffer b = {0};
	char *copy;

	if (v)
		value_append(&b, v);
	copy = xmemdup0(b.data, b.len);
	buffer_release(&b);
	return copy;
}

static void script_free(struct scripts *s, struct script *x)
{
	s->count--;
	s->bytes -= x->bytes;
	for (size_t i = 0; i < x->count; i++)
		free(x->parts[i].text);
	free(x->parts);
	free(x->id);
	free(x->computer);
	free(x->path);
	free(x->user);
	free(x);
}

/* Appends the code point of a pair that the cut between two parts went through. */
static void join(struct buffer *text, uint16_t tail, uint16_t head)
{
	uint8_t out[4];
	uint32_t code = 0xfffd; /* a half alone */
	size_t n;

	if (!tail && !head)
		return;
	if (tail && head)
		code = 0x10000 + ((uint32_t)(tail - 0xd800) << 10) + (uint32_t)(head - 0xdc00);
	n = text_encode(code, out);
	buffer_append(text, out, n);
}

/* "3", "1, 3-5": the numbers that are not there. */
static void missing(const struct script *x, struct buffer *out, uint32_t *count)
{
	uint32_t next = 1;

	*count = 0;
	for (size_t i = 0; i <= x->count; i++) {
		uint32_t have = i < x->count ? x->parts[i].number : x->total + 1;

		if (have > next) {
			buffer_printf(out, out->len ? ", %u" : "%u", next);
			if (have - next > 1)
				buffer_printf(out, "-%u", have - 1);
			*count += have - next;
		}
		next = have + 1;
	}
}

static int script_emit(struct parse *p, const struct script *x)
{
	struct buffer text = {0}, gaps = {0};
	struct value *records, *lengths, list = {.type = VALUE_LIST, .len = (uint32_t)x->count};
	uint8_t digest[SHA256_SIZE];
	char hex[2 * SHA256_SIZE + 1];
	uint32_t lost;
	const char *name = *x->path ? x->path : x->id;
	int status;

	missing(x, &gaps, &lost);
	event_start(p, KIND_SCRIPT_BLOCK, x->ts,
		    x->ts == TIME_NONE ? "Not a time" : "Creation Time", x->offset);
	p->event.record = x->record;
	p->event.flags |= lost ? EVENT_CUT : 0;
	records = arena_alloc(&p->scratch, x->count * sizeof(*records));
	lengths = arena_alloc(&p->scratch, x->count * sizeof(*lengths));
	if (!records || !lengths) {
		buffer_release(&gaps);
		return ERR_LIMIT;
	}
	for (size_t i = 0; i < x->count; i++) {
		const struct script_part *part = &x->parts[i];
		const struct script_part *before = i ? part - 1 : NULL;
		bool next = before && before->number + 1 == part->number;
		size_t at = text.len;

		/* Nothing is to look as if it stood side by side that did not. */
		if (before && !next)
			buffer_char(&text, '\n');
		join(&text, next ? before->tail : 0, part->head);
		buffer_append(&text, part->text, part->len);
		if (part->tail && (i + 1 == x->count || part[1].number != part->number + 1))
			join(&text, part->tail, 0);
		records[i] = value_unsigned(part->record);
		lengths[i] = value_unsigned(text.len - at);
	}
	sha256(buffer_as_view(&text), digest);
	sha256_hex(digest, hex);
	event_add(p, "ScriptBlockText", value_view(buffer_as_view(&text)));
	event_add(p, "ScriptBlockId", value_text(x->id));
	if (*x->path)
		event_add(p, "Path", value_text(x->path));
	event_add(p, "MessageTotal", value_unsigned(x->total));
	if (lost)
		event_add(p, "MissingParts", value_text(buffer_text(&gaps)));
	else
		event_add(p, "ScriptSha256", value_text(hex));
	list.list = records;
	event_add(p, "PartRecords", list);
	list.list = lengths;
	event_add(p, "PartLengths", list);
	if (*x->computer) {
		event_add(p, "Computer", value_text(x->computer));
		event_host(p, value_text(x->computer));
	}
	if (*x->user)
		event_user(p, value_text(x->user));
	if (lost)
		event_messagef(p,
			       "PowerShell script %s put together of %zu parts, part%s %s of %u "
			       "missing: %s",
			       name, x->count, lost > 1 ? "s" : "", buffer_text(&gaps), x->total,
			       parse_text(&p->scratch, view_clip(buffer_as_view(&text), 0, 2000)));
	else
		event_messagef(p, "PowerShell script %s put together of its %u parts: %s", name,
			       x->total,
			       parse_text(&p->scratch, view_clip(buffer_as_view(&text), 0, 2000)));
	status = event_emit(p);
	buffer_release(&text);
	buffer_release(&gaps);
	return status;
}

static void unlink_script(struct scripts *s, struct script *x)
{
	for (struct script **at = &s->open; *at; at = &(*at)->next) {
		if (*at == x) {
			*at = x->next;
			return;
		}
	}
}

/* Takes it off the list, told unless somebody else does that. */
static int finish(struct scripts *s, struct parse *p, struct script *x)
{
	bool told = p && x->count && !x->elsewhere && (x->several || !s->across);
	int status = told ? script_emit(p, x) : OK;

	unlink_script(s, x);
	script_free(s, x);
	return status;
}

static struct script *find(struct scripts *s, const char *id, const char *computer, uint64_t hash)
{
	for (struct script *x = s->open; x; x = x->next)
		if (x->hash == hash && strcmp(x->id, id) == 0 && strcmp(x->computer, computer) == 0)
			return x;
	return NULL;
}

static uint64_t hash_of(const char *a, const char *b)
{
	uint64_t h = UINT64_C(14695981039346656037);

	for (; *a; a++)
		h = (h ^ (uint8_t)*a) * UINT64_C(1099511628211);
	for (; *b; b++)
		h = (h ^ (uint8_t)*b) * UINT64_C(1099511628211);
	return h;
}

/* The text of the part as UTF-8, halves of pairs at its ends apart. */
static void part_text(struct script_part *part, const struct value *v)
{
	struct buffer b = {0};

	if (v->type == VALUE_UTF16) {
		struct view t = view_of(v->data, v->len & ~1u);

		if (t.len && (view_get16(t, 0) & 0xfc00) == 0xdc00) {
			part->head = view_get16(t, 0);
			t = view_from(t, 2);
		}
		if (t.len && (view_get16(t, t.len - 2) & 0xfc00) == 0xd800) {
			part->tail = view_get16(t, t.len - 2);
			t.len -= 2;
		}
		text_utf16(&b, t);
	} else {
		value_append(&b, v);
	}
	part->text = xmemdup0(b.data, b.len);
	part->len = b.len;
	buffer_release(&b);
}

/* Takes over id and computer. */
static struct script *begin(struct scripts *s, const struct event *e, char *id, char *computer,
			    uint64_t hash, uint32_t total)
{
	struct script *x = xcalloc(1, sizeof(*x)), **last = &s->open;

	x->hash = hash;
	x->id = id;
	x->computer = computer;
	x->path = text_of(event_find(e, "Path"));
	x->user = text_of(e->user.type != VALUE_ABSENT ? &e->user : NULL);
	x->ts = e->ts;
	x->offset = e->offset;
	x->record = e->record;
	x->total = total;
	while (*last)
		last = &(*last)->next;
	*last = x;
	s->count++;
	return x;
}

static const struct value *computer_of(const struct event *e)
{
	return e->host.type != VALUE_ABSENT ? &e->host : event_find(e, "Computer");
}

void scripts_expect(struct scripts *s, const struct event *e)
{
	uint32_t total = number_of(e, "MessageTotal");
	char *id = text_of(event_find(e, "ScriptBlockId")), *computer = text_of(computer_of(e));
	uint64_t hash = hash_of(id, computer);

	if (total > 1 && s->count < OPEN_MAX && !find(s, id, computer, hash)) {
		(void)begin(s, e, id, computer, hash, total);
		return;
	}
	free(id);
	free(computer);
}

int scripts_add(struct scripts *s, struct parse *p, const struct event *e, uint64_t place)
{
	const struct value *text = event_find(e, "ScriptBlockText"),
			   *record = event_find(e, "EventRecordID");
	uint32_t total = number_of(e, "MessageTotal"), number = number_of(e, "MessageNumber");
	char *id, *computer;
	struct script *x;
	uint64_t hash;
	size_t at;
	int status = OK;

	if (total < 2 || !number || number > total || !text || text->type == VALUE_ABSENT)
		return OK;
	id = text_of(event_find(e, "ScriptBlockId"));
	computer = text_of(computer_of(e));
	hash = hash_of(id, computer);
	x = find(s, id, computer, hash);
	if (!x && !s->known_only) {
		x = begin(s, e, id, computer, hash, total);
		id = computer = NULL;
	}
	free(id);
	free(computer);
	if (!x || x->total != total)
		return OK;
	for (at = x->count; at && x->parts[at - 1].number >= number; at--)
		if (x->parts[at - 1].number == number)
			return OK; /* the same part again, of a copy */
	if (!x->count)
		x->first_at = place;
	x->several |= x->count && place != x->first_at;
	x->last_at = place;
	if (e->ts != TIME_NONE && (x->ts == TIME_NONE || e->ts < x->ts))
		x->ts = e->ts;
	if (at == 0) {
		x->offset = e->offset;
		x->record = e->record;
	}
	x->parts = xgrow(x->parts, &x->cap, x->count + 1, sizeof(*x->parts));
	memmove(x->parts + at + 1, x->parts + at, (x->count - at) * sizeof(*x->parts));
	x->parts[at] = (struct script_part){
		.number = number,
		.record = record && record->type == VALUE_UNSIGNED ? record->u : e->record};
	part_text(&x->parts[at], text);
	x->count++;
	x->bytes += x->parts[at].len + sizeof(*x->parts);
	s->bytes += x->parts[at].len + sizeof(*x->parts);
	if (x->count == x->total) {
		if (!s->silent)
			return finish(s, p, x);
		s->whole++;
	}
	/* The event was read: its values may go (they can be those of p). */
	while (s->open && (s->bytes > LIMIT_SCRIPTS || s->count > OPEN_MAX) && status >= 0)
		status = finish(s, p, s->open);
	return status;
}

int scripts_end(struct scripts *s, struct parse *p)
{
	int status = OK;

	while (s->open && status >= 0)
		status = finish(s, p, s->open);
	scripts_release(s);
	return status;
}

void scripts_release(struct scripts *s)
{
	while (s->open) {
		struct script *x = s->open;

		s->open = x->next;
		script_free(s, x);
	}
}
