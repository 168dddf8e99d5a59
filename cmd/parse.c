/* konseki parse: any artefact to JSON lines on stdout, no case needed. */
#include "cmd/command.h"

#include "parsers/parser.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

struct json_sink {
	struct sink sink;
	struct buffer out;
	struct event_origin origin;
};

static int put(struct sink *sink, const struct event *e)
{
	struct json_sink *s = (struct json_sink *)sink;

	event_json(&s->out, e, &s->origin);
	if (s->out.len > 1 << 16) {
		fwrite(s->out.data, 1, s->out.len, stdout);
		s->out.len = 0;
	}
	return ferror(stdout) ? ERR_STOPPED : OK;
}

static int parse_file(const char *path, const char *name)
{
	static struct parse p;
	struct json_sink sink = { .sink.event = put };
	struct shape_table *shapes;
	struct probe probe;
	struct stat st;
	struct view bytes = VIEW_EMPTY;
	const struct parser *parser;
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY), status;

	if (fd < 0 || fstat(fd, &st) < 0) {
		complainf(path, "%s", strerror(errno));
		return EXIT_DAMAGED;
	}
	if (st.st_size > 0) {
		void *at = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);

		if (at == MAP_FAILED) {
			complainf(path, "%s", strerror(errno));
			(void)close(fd);
			return EXIT_DAMAGED;
		}
		bytes = view_of(at, (size_t)st.st_size);
	}
	(void)close(fd);
	probe = (struct probe){ .head = view_clip(bytes, 0, PROBE_HEAD), .size = bytes.len, .path = path,
				.name = strrchr(path, '/') ? strrchr(path, '/') + 1 : path };
	parser = name ? parser_find(name) : parser_pick(&probe, NULL);
	if (!parser) {
		complainf(path, "%s", name ? "no such parser" : "no parser claims this file");
		return EXIT_DAMAGED;
	}
	shapes = shape_table_new();
	parse_init(&p, &sink.sink, shapes);
	p.path = path;
	p.bytes = bytes;
	p.mtime = (int64_t)st.st_mtim.tv_sec * TIME_SECOND + st.st_mtim.tv_nsec;
	sink.origin = (struct event_origin){ .source = path, .parser = parser->name };
	status = parser->parse(&p, bytes);
	fwrite(sink.out.data, 1, sink.out.len, stdout);
	if (status < 0 || p.losses)
		complain(path, &p.problem);
	status = status < 0 || p.losses ? EXIT_DAMAGED : EXIT_COMPLETE;
	parse_done(&p);
	shape_table_free(shapes);
	buffer_release(&sink.out);
	if (bytes.data)
		(void)munmap((void *)(uintptr_t)bytes.data, bytes.len);
	return status;
}

static const char *parser_name;
static const struct option options[] = {
	{ OPTION_TEXT, 0, "parser", "NAME", "read every file as this format", &parser_name },
	{ OPTION_END },
};
static const struct command_help help = { "parse", "FILE...", "print the events of artefacts as JSON lines",
					  NULL };

static int run(int argc, char **argv)
{
	int n, status = EXIT_COMPLETE;

	switch (option_parse(&help, options, argc, argv, &n)) {
	case OPTION_EXIT_OK:
		return EXIT_COMPLETE;
	case OPTION_MISUSE:
		return EXIT_MISUSE;
	case OPTION_GO:
		break;
	}
	if (n == 0) {
		option_usage(stderr, &help, options);
		return EXIT_MISUSE;
	}
	for (int i = 1; i <= n; i++)
		if (parse_file(argv[i], parser_name))
			status = EXIT_DAMAGED;
	return status;
}

const struct command command_parse = { &help, run };
