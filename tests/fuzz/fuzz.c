/*
 * One libFuzzer target for each parser: the binary is linked once and hard-linked as fuzz_NAME for
 * every line of parsers/list.h; its own name says which parser it feeds. `make fuzz` builds them,
 * build/fuzz/fuzz_NAME CORPUS runs one.
 */
#include "parsers/parser.h"

#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

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
	shape_table_free(shapes);
	return 0;
}
