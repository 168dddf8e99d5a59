/*
 * One libFuzzer target for each parser: the binary is linked once and hard-linked as fuzz_NAME for
 * every line of parsers/list.h; its own name says which parser it feeds. `make fuzz` builds them,
 * build/fuzz/fuzz_NAME CORPUS runs one.
 */
#include "base/crc32.h"
#include "parsers/parser.h"

#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t max);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max, unsigned seed);

static const struct parser *parser;

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	const char *name = strrchr((*argv)[0], '/');

	(void)argc;
	name = name ? name + 1 : (*argv)[0];
	parser = strncmp(name, "fuzz_", 5) == 0 ? parser_find(name + 5) : NULL;
	if (!parser) {
		(void)fprintf(stderr, "%s: no parser of that name\n", name);
		exit(2);
	}
	return 0;
}

static struct buffer rendered;
static uint64_t events;

static int render(struct sink *sink, const struct event *e)
{
	struct event_origin origin = {.source = "fuzz", .parser = parser->name};

	(void)sink;
	rendered.len = 0;
	event_json(&rendered, e, &origin);
	return ++events > 1000000 ? ERR_LIMIT : OK;
}

/* ---- event logs: a blind change of 64 KiB hardly ever meets what steers the reader ---- */

static unsigned state;

static unsigned below(size_t n)
{
	state = state * 1103515245u + 12345u;
	return n ? (state >> 8) % (unsigned)n : 0;
}

static void put(uint8_t *data, size_t size, size_t at, const void *bytes, size_t n)
{
	if (at <= size && n <= size - at)
		memcpy(data + at, bytes, n);
}

/* A record of the chunk at `base`, picked by its magic; SIZE_MAX when it has none. */
static size_t pick_record(struct view chunk)
{
	size_t at = 512 + below(chunk.len), begin = at;

	at = view_find(chunk, at, "**\0", 4);
	if (at >= chunk.len)
		at = view_find(view_clip(chunk, 0, begin), 512, "**\0", 4);
	return at + 64 < chunk.len ? at : SIZE_MAX;
}

static void fix_checksums(uint8_t *data, size_t size, size_t base)
{
	struct view v = view_of(data + base, size - base);
	uint32_t free_at = view_get32(v, 48), crc;

	if (v.len < 512)
		return;
	if (free_at >= 512) {
		crc = crc32_add(0, view_clip(v, 512, free_at - 512));
		put(data, size, base + 52, &crc, 4);
	}
	crc = crc32_add(crc32_add(0, view_sub(v, 0, 120)), view_sub(v, 128, 384));
	put(data, size, base + 124, &crc, 4);
}

static size_t mutate_log(uint8_t *data, size_t size, size_t max)
{
	static const uint8_t tokens[] = {0,    1,    2,	   3,	 4,    5,    6,	   7,	 8,
					 9,    0x0a, 0x0b, 0x0c, 0x0d, 0x0e, 0x0f, 0x41, 0x45,
					 0x46, 0x47, 0x48, 0x49, 0x4d, 0x4e, 0xff};
	size_t chunks = size > 4096 ? (size - 4096 + 65535) / 65536 : 0,
	       base = 4096 + 65536 * (size_t)below(chunks), at, other, n;
	struct view chunk = view_clip(view_of(data, size), base, 65536);
	uint32_t number;
	uint16_t half;
	uint8_t byte;

	at = chunks ? pick_record(chunk) : SIZE_MAX;
	if (at == SIZE_MAX || below(6) == 0)
		return LLVMFuzzerMutate(data, size, max);
	n = view_get32(chunk, at + 4);
	n = n < 64 || n > chunk.len - at ? 64 : n;
	at += base;
	switch (below(8)) {
	case 0: /* its head */
		byte = (uint8_t)below(256);
		put(data, size, at + below(28), &byte, 1);
		break;
	case 1: /* a token somewhere in it */
	case 2:
		byte = tokens[below(sizeof(tokens))];
		put(data, size, at + 24 + below(n), &byte, 1);
		break;
	case 3: /* another type, or size, in what may be its table of values: size, type, 0 */
		for (unsigned tries = 0; tries < 64; tries++) {
			other = at + 24 + below(n);
			if (view_get8(view_of(data, size), other + 3) == 0 &&
			    (view_get8(view_of(data, size), other + 2) & 0x7f) < 0x24)
				break;
		}
		byte = (uint8_t)(below(0x24) | (below(3) ? 0 : 0x80));
		half = (uint16_t)below(below(3) ? 64 : 65536);
		if (below(2))
			put(data, size, other + 2, &byte, 1);
		else
			put(data, size, other, &half, 2);
		break;
	case 4: /* an offset in the chunk: of a record, of its template, of a name */
		number = below(4) ? (uint32_t)(at - base) + below(n) : below(65536);
		put(data, size, at + (below(2) ? 34 : 24 + below(n)), &number, 4);
		break;
	case 5: /* some of it comes from another place of the chunk */
		other = pick_record(chunk);
		if (other != SIZE_MAX && n <= chunk.len - other)
			memmove(data + at, data + base + other, n);
		break;
	case 6: /* the chunk's header */
		number = below(65536);
		put(data, size, base + (below(2) ? 48 : below(128)), &number, below(2) ? 4 : 1);
		break;
	default:
		(void)LLVMFuzzerMutate(data + at, n, n);
		break;
	}
	if (below(4))
		fix_checksums(data, size, base);
	return size;
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max, unsigned seed)
{
	state = seed;
	if (strcmp(parser->name, "evtx") != 0)
		return LLVMFuzzerMutate(data, size, max);
	do
		size = mutate_log(data, size, max);
	while (below(2));
	return size;
}

static int drop_text(void *data, struct buffer *out)
{
	(void)data;
	out->len = 0;
	return OK;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct parse p;
	struct sink sink = {render};
	struct shape_table *shapes = shape_table_new();
	struct probe probe = {.head = view_clip(view_of(data, size), 0, PROBE_HEAD),
			      .size = size,
			      .path = "/x/fuzz",
			      .name = "fuzz"};

	(void)parser->probe(&probe);
	events = 0;
	parse_init(&p, &sink, shapes);
	p.now = INT64_C(1600000000) * TIME_SECOND;
	p.carve = size % 2;
	(void)parser->parse(&p, view_of(data, size));
	parse_done(&p);
	if (strcmp(parser->name, "evtx") == 0) {
		struct buffer out = {0};

		parse_init(&p, &sink, shapes);
		p.carve = size % 2;
		(void)evtx_to_xml(&p, view_of(data, size), &out, drop_text, NULL);
		parse_done(&p);
		buffer_release(&out);
	}
	shape_table_free(shapes);
	return 0;
}
