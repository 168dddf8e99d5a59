#include "tests/lib/evtx_writer.h"

#include <stdio.h>
#include <stdlib.h>

#define CHUNK 65536u

/* Bit by bit: nothing here is shared with what is tested. */
static uint32_t crc_table[256];

static uint32_t crc(uint32_t c, const uint8_t *p, size_t n)
{
	if (!crc_table[1]) {
		for (uint32_t i = 0; i < 256; i++) {
			uint32_t x = i;

			for (int bit = 0; bit < 8; bit++)
				x = x & 1 ? x >> 1 ^ 0xedb88320u : x >> 1;
			crc_table[i] = x;
		}
	}
	c = ~c;
	while (n--)
		c = c >> 8 ^ crc_table[(c ^ *p++) & 255];
	return ~c;
}

static void put16(uint8_t *p, uint32_t n)
{
	p[0] = (uint8_t)n;
	p[1] = (uint8_t)(n >> 8);
}

static void put32(uint8_t *p, uint32_t n)
{
	put16(p, n);
	put16(p + 2, n >> 16);
}

static void put64(uint8_t *p, uint64_t n)
{
	put32(p, (uint32_t)n);
	put32(p + 4, (uint32_t)(n >> 32));
}

/* ---- bytes of the current chunk ---- */

static void bytes(struct evtx_writer *w, const void *data, size_t n)
{
	if (n > CHUNK - w->pos) {
		w->overflow = true;
		return;
	}
	if (n)
		memcpy(w->chunk + w->pos, data, n);
	w->pos += n;
}

static void byte(struct evtx_writer *w, unsigned n)
{
	uint8_t b = (uint8_t)n;

	bytes(w, &b, 1);
}

static void word(struct evtx_writer *w, unsigned n)
{
	uint8_t b[2];

	put16(b, n);
	bytes(w, b, 2);
}

static void dword(struct evtx_writer *w, uint32_t n)
{
	uint8_t b[4];

	put32(b, n);
	bytes(w, b, 4);
}

/* Fills a size that was written as zero at `at` with what came behind it. */
static void size_at(struct evtx_writer *w, size_t at)
{
	if (!w->overflow)
		put32(w->chunk + at, (uint32_t)(w->pos - at - 4));
}

/* UTF-8 (valid: it is ours) to UTF-16; returns the units. */
static unsigned utf16(struct evtx_writer *w, const char *text, size_t len)
{
	const uint8_t *p = (const uint8_t *)text, *end = p + len;
	unsigned units = 0;

	while (p < end) {
		uint32_t code = *p++;
		unsigned more = code >= 0xf0 ? 3 : code >= 0xe0 ? 2 : code >= 0xc0 ? 1 : 0;

		if (more)
			code &= 0x3fu >> more;
		while (more-- && p < end)
			code = code << 6 | (*p++ & 0x3f);
		if (code >= 0x10000) {
			word(w, 0xd800 + ((code - 0x10000) >> 10));
			code = 0xdc00 + ((code - 0x10000) & 0x3ff);
			units++;
		}
		word(w, code);
		units++;
	}
	return units;
}

/* A text with its count of units before it. */
static void counted(struct evtx_writer *w, const char *text, size_t len)
{
	size_t at = w->pos;
	unsigned units;

	word(w, 0);
	units = utf16(w, text, len);
	if (!w->overflow)
		put16(w->chunk + at, units);
}

/* A name's offset, and the name itself when the chunk has not got it yet. Chained by hash from the
 * table at 128. */
static void name(struct evtx_writer *w, const char *text, size_t len)
{
	uint32_t hash = 0, bucket;
	size_t at;

	for (uint32_t i = 0; i < w->name_count; i++) {
		if (w->names[i].len == len && memcmp(w->names[i].text, text, len) == 0) {
			dword(w, w->names[i].offset);
			return;
		}
	}
	for (size_t i = 0; i < len; i++)
		hash = hash * 65599 + (uint8_t)text[i]; /* names are ASCII */
	at = w->pos + 4;
	dword(w, (uint32_t)at);
	bucket = 128 + (hash & 63) * 4;
	bytes(w, w->chunk + bucket, 4); /* next */
	word(w, hash & 0xffff);
	word(w, (unsigned)len);
	(void)utf16(w, text, len);
	word(w, 0);
	if (w->overflow)
		return;
	put32(w->chunk + bucket, (uint32_t)at);
	if (w->name_count < sizeof(w->names) / sizeof(w->names[0]))
		w->names[w->name_count++] =
			(struct evtx_writer_name){text, (uint32_t)len, (uint32_t)at};
}

/* ---- binary XML from text ---- */

struct source {
	const char *p;
	bool dependency; /* elements have the field */
};

static bool name_char(char c)
{
	return c && !strchr(" \t\n<>/='\"@?", c);
}

static size_t name_length(const char *p)
{
	size_t n = 0;

	while (name_char(p[n]))
		n++;
	return n;
}

/* A piece of text or a substitution, up to a character of `stop`. */
static void content(struct evtx_writer *w, struct source *s, const char *stop)
{
	while (*s->p && !strchr(stop, *s->p)) {
		char c = *s->p;

		if ((c == '%' || c == '?') && s->p[1] >= '0' && s->p[1] <= '9') {
			char *end;

			byte(w, c == '%' ? 0x0d : 0x0e);
			word(w, (unsigned)strtoul(s->p + 1, &end, 10));
			byte(w, 1);
			s->p = end;
		} else if (c == '&' && s->p[1] == '#') {
			char *end;

			byte(w, 0x08);
			word(w, (unsigned)strtoul(s->p + 2, &end, 10));
			s->p = end + 1;
		} else if (c == '&') {
			size_t n = strcspn(s->p, ";");

			byte(w, 0x09);
			name(w, s->p + 1, n - 1);
			s->p += n + 1;
		} else {
			size_t n = 0;
			char text[4096];

			while (s->p[0] && !strchr(stop, s->p[0]) && s->p[0] != '&' &&
			       n < sizeof(text)) {
				if (s->p[0] == '%' || s->p[0] == '?') {
					if (s->p[1] >= '0' && s->p[1] <= '9')
						break;
					if (s->p[1] == s->p[0])
						s->p++;
				}
				text[n++] = *s->p++;
			}
			byte(w, 0x05);
			byte(w, 1);
			counted(w, text, n);
		}
	}
}

static void element(struct evtx_writer *w, struct source *s)
{
	const char *start = ++s->p;
	size_t len = name_length(start), token = w->pos, size, attributes = 0;
	unsigned depends = 0xffff;
	bool any;

	s->p += len;
	if (*s->p == '@') {
		char *end;

		depends = (unsigned)strtoul(s->p + 1, &end, 10);
		s->p = end;
	}
	any = s->p[strspn(s->p, " \t\n")] != '>' && s->p[strspn(s->p, " \t\n")] != '/';
	byte(w, any ? 0x41 : 0x01);
	if (s->dependency)
		word(w, depends);
	size = w->pos;
	dword(w, 0);
	name(w, start, len);
	if (any) {
		attributes = w->pos;
		dword(w, 0);
	}
	for (;;) {
		size_t n;
		char quote[2] = {0};

		s->p += strspn(s->p, " \t\n");
		if (!*s->p || *s->p == '>' || *s->p == '/')
			break;
		n = name_length(s->p);
		start = s->p;
		s->p += n + 1;
		quote[0] = *s->p++;
		byte(w, s->p[strcspn(s->p, quote) + 1] == ' ' ? 0x46 : 0x06);
		name(w, start, n);
		content(w, s, quote);
		s->p++;
	}
	if (any)
		size_at(w, attributes);
	(void)token;
	if (*s->p == '/') {
		s->p += 2;
		byte(w, 0x03);
		size_at(w, size);
		return;
	}
	s->p++;
	byte(w, 0x02);
	while (*s->p && strncmp(s->p, "</", 2) != 0) {
		if (strncmp(s->p, "<![CDATA[", 9) == 0) {
			const char *end = strstr(s->p, "]]>");

			byte(w, 0x07);
			counted(w, s->p + 9, (size_t)(end - s->p - 9));
			s->p = end + 3;
		} else if (strncmp(s->p, "<?", 2) == 0) {
			const char *end = strstr(s->p, "?>");
			size_t n = name_length(s->p + 2);

			byte(w, 0x0a);
			name(w, s->p + 2, n);
			byte(w, 0x0b);
			counted(w, s->p + 2 + n + 1, (size_t)(end - s->p) - 2 - n - 1);
			s->p = end + 2;
		} else if (*s->p == '<') {
			element(w, s);
		} else {
			content(w, s, "<");
		}
	}
	s->p += strcspn(s->p, ">") + (*s->p != 0);
	byte(w, 0x04);
	size_at(w, size);
}

static void fragment_header(struct evtx_writer *w)
{
	bytes(w, "\x0f\x01\x01\x00", 4);
}

static void xml(struct evtx_writer *w, const char *text, bool dependency)
{
	struct source s = {text, dependency};

	while (*s.p) {
		if (*s.p == '<')
			element(w, &s);
		else
			content(w, &s, "<");
	}
}

static void identify(struct evtx_writer_template *t)
{
	uint64_t a = UINT64_C(0xcbf29ce484222325), b = UINT64_C(0x84222325cbf29ce4);

	for (const char *p = t->xml; *p; p++) {
		a = (a ^ (uint8_t)*p) * UINT64_C(0x100000001b3);
		b = (b ^ a) * UINT64_C(0x9e3779b97f4a7c15);
	}
	put64(t->guid, a);
	put64(t->guid + 8, b);
	t->known = true;
}

static void value_bytes(struct evtx_writer *w, const struct evtx_writer_value *v);

static void instance(struct evtx_writer *w, struct evtx_writer_template *t,
		     const struct evtx_writer_value *values, uint16_t count)
{
	size_t table;

	if (!t->known)
		identify(t);
	byte(w, 0x0c);
	byte(w, 1);
	bytes(w, t->guid, 4);
	if (t->chunk == w->number && t->offset < w->pos) {
		dword(w, t->offset);
	} else {
		size_t at = w->pos + 4, size;
		uint32_t bucket = 384 + (t->guid[0] & 31u) * 4;

		dword(w, (uint32_t)at);
		bytes(w, w->chunk + bucket, 4);
		bytes(w, t->guid, 16);
		size = w->pos;
		dword(w, 0);
		fragment_header(w);
		xml(w, t->xml, true);
		byte(w, 0);
		size_at(w, size);
		if (w->overflow)
			return;
		put32(w->chunk + bucket, (uint32_t)at);
		t->chunk = w->number;
		t->offset = (uint32_t)at;
	}
	dword(w, count);
	table = w->pos;
	for (unsigned i = 0; i < count; i++)
		dword(w, 0);
	for (unsigned i = 0; i < count; i++) {
		size_t at = w->pos;

		value_bytes(w, &values[i]);
		if (w->overflow)
			return;
		put16(w->chunk + table + i * 4, (uint32_t)(w->pos - at));
		w->chunk[table + i * 4 + 2] = values[i].type;
	}
}

static void value_bytes(struct evtx_writer *w, const struct evtx_writer_value *v)
{
	if (v->type == 0x21) {
		fragment_header(w);
		if (v->fragment)
			xml(w, v->fragment, false);
		if (v->nested)
			instance(w, v->nested, v->values, v->count);
		byte(w, 0);
	} else if (v->type == 0x81) {
		for (const char *p = v->text; *p; p += strcspn(p, "\n") + 1) {
			(void)utf16(w, p, strcspn(p, "\n"));
			word(w, 0);
		}
	} else if (v->type == 0x01 || v->type == 0x23) {
		(void)utf16(w, v->text, strlen(v->text));
	} else if (v->type == 0x02) {
		bytes(w, v->text, strlen(v->text));
	} else {
		bytes(w, v->data, v->size);
	}
}

/* ---- chunks and records ---- */

static void begin_chunk(struct evtx_writer *w)
{
	memset(w->chunk, 0, sizeof(w->chunk));
	w->pos = 512;
	w->number++;
	w->first = w->record;
	w->last = 0;
	w->name_count = 0;
}

void evtx_writer_init(struct evtx_writer *w, int (*put)(void *data, const void *bytes, size_t n),
		      void *data)
{
	memset(w, 0, sizeof(*w));
	w->put = put;
	w->put_data = data;
	w->record = 1;
	begin_chunk(w);
}

static int end_chunk(struct evtx_writer *w)
{
	uint8_t *c = w->chunk;

	memcpy(c, "ElfChnk", 8);
	put64(c + 8, w->first);
	put64(c + 16, w->record - 1);
	put64(c + 24, w->first);
	put64(c + 32, w->record - 1);
	put32(c + 40, 128);
	put32(c + 44, (uint32_t)w->last);
	put32(c + 48, (uint32_t)w->pos);
	put32(c + 52, crc(0, c + 512, w->pos - 512));
	put32(c + 124, crc(crc(0, c, 120), c + 128, 384));
	return w->put(w->put_data, c, CHUNK);
}

static int record(struct evtx_writer *w, uint64_t written, struct evtx_writer_template *t,
		  const struct evtx_writer_value *values, uint16_t count, const char *text)
{
	for (int attempt = 0; attempt < 2; attempt++) {
		size_t start = w->pos;
		uint32_t names = w->name_count, size;
		uint8_t tables[384];

		memcpy(tables, w->chunk + 128, sizeof(tables));
		w->overflow = false;
		bytes(w, "**\0\0\0\0\0\0", 8);
		dword(w, (uint32_t)w->record);
		dword(w, (uint32_t)(w->record >> 32));
		dword(w, (uint32_t)written);
		dword(w, (uint32_t)(written >> 32));
		fragment_header(w);
		if (t)
			instance(w, t, values, count);
		else
			xml(w, text, true);
		byte(w, 0);
		while ((w->pos + 4) % 8 && !w->overflow)
			byte(w, 0);
		size = (uint32_t)(w->pos + 4 - start);
		dword(w, size);
		if (!w->overflow) {
			put32(w->chunk + start + 4, size);
			w->last = start;
			w->record++;
			return 0;
		}
		/* It did not fit: take it back, and begin a chunk with it. */
		memset(w->chunk + start, 0, CHUNK - start);
		memcpy(w->chunk + 128, tables, sizeof(tables));
		w->pos = start;
		w->name_count = names;
		if (start == 512)
			return -1;
		if (end_chunk(w) < 0)
			return -1;
		begin_chunk(w);
	}
	return -1;
}

int evtx_writer_record(struct evtx_writer *w, uint64_t written, struct evtx_writer_template *t,
		       const struct evtx_writer_value *values, uint16_t count)
{
	return record(w, written, t, values, count, NULL);
}

int evtx_writer_fragment(struct evtx_writer *w, uint64_t written, const char *text)
{
	return record(w, written, NULL, NULL, 0, text);
}

int evtx_writer_end(struct evtx_writer *w)
{
	return w->record > w->first ? end_chunk(w) : 0;
}

void evtx_writer_head(const struct evtx_writer *w, uint8_t head[4096])
{
	uint32_t chunks = w->number - (w->record == w->first);

	memset(head, 0, 4096);
	memcpy(head, "ElfFile", 8);
	put64(head + 16, chunks ? chunks - 1 : 0);
	put64(head + 24, w->record);
	put32(head + 32, 128);
	put16(head + 36, 1);
	put16(head + 38, 3);
	put16(head + 40, 4096);
	put16(head + 42, chunks);
	put32(head + 120, w->dirty);
	put32(head + 124, crc(0, head, 120));
}
