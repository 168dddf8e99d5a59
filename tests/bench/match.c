/*
 * match RULES REPEAT FILE...: the matcher alone, in one process and without a sandbox, for profilers: loads the rules, then
 * parses each FILE and matches its events REPEAT times. Prints CPU seconds of loading, and microseconds of an event. RULES -
 * parses only, to compare with.
 */
#include "detect/engine.h"
#include "parsers/parser.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

struct matcher {
	struct sink sink;
	const struct engine *engine;
	struct engine_state *state;
	uint64_t events, hits;
};

static int on_hit(void *data, const struct hit *hit)
{
	struct matcher *m = data;

	(void)hit;
	m->hits++;
	return OK;
}

static int match(struct sink *sink, const struct event *e)
{
	static const struct event_origin origin = {.parser = "evtx"};
	struct matcher *m = (struct matcher *)sink;

	m->events++;
	return m->engine ? engine_match(m->engine, m->state, e, &origin, on_hit, m) : OK;
}

static double cpu(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static int match_file(struct matcher *m, const char *path)
{
	struct probe probe = {.path = path, .name = path};
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	const struct parser *parser;
	struct shape_table *shapes;
	struct view bytes;
	struct parse p;
	struct stat st;
	void *map;

	if (fd < 0 || fstat(fd, &st) < 0 || st.st_size == 0) {
		perror(path);
		return 2;
	}
	map = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	close(fd);
	if (map == MAP_FAILED) {
		perror(path);
		return 2;
	}
	bytes = view_of(map, (size_t)st.st_size);
	probe.head = view_clip(bytes, 0, PROBE_HEAD);
	probe.size = bytes.len;
	parser = parser_pick(&probe, NULL);
	if (!parser) {
		fprintf(stderr, "match: %s: no parser\n", path);
		return 2;
	}
	shapes = shape_table_new();
	parse_init(&p, &m->sink, shapes);
	p.path = path;
	p.bytes = bytes;
	p.segment_to = UINT32_MAX;
	if (parser->parse(&p, bytes) < 0)
		fprintf(stderr, "match: %s: %s\n", path, p.problem.reason);
	parse_done(&p);
	shape_table_free(shapes);
	munmap(map, (size_t)st.st_size);
	return 0;
}

int main(int argc, char **argv)
{
	struct matcher m = {.sink = {match}};
	struct problem problem = {0};
	struct engine *engine = NULL;
	double start = cpu();

	if (argc < 4) {
		fputs("usage: match RULES|- REPEAT FILE...\n", stderr);
		return 2;
	}
	if (strcmp(argv[1], "-") != 0) {
		const char *const rules[] = {argv[1]};

		engine = engine_load(&(struct engine_options){.rules = rules, .rule_count = 1},
				     &problem);
		if (!engine) {
			fprintf(stderr, "match: %s\n", problem.reason);
			return 2;
		}
		m.engine = engine;
		m.state = engine_state_new(engine);
	}
	printf("loading %.3f s", cpu() - start);
	start = cpu();
	for (int r = 0; r < atoi(argv[2]); r++)
		for (int i = 3; i < argc; i++)
			if (match_file(&m, argv[i]))
				return 2;
	printf(", %llu events, %llu hits, %.3f us an event\n", (unsigned long long)m.events,
	       (unsigned long long)m.hits, m.events ? (cpu() - start) * 1e6 / (double)m.events : 0);
	engine_state_free(m.state);
	engine_free(engine);
	return 0;
}
