/*
 * load CASE REPEAT FILE...: parses each FILE into blocks in memory, then times the writer alone:
 * loads the blocks REPEAT times under other paths and times, and finishes the case. For figures of
 * the writer without the pipeline. With OVERLAP in the environment, the files of one round keep
 * their times, so that equal records are merged.
 * load CASE -: the same once, as they are, for the files that standard input names, a line each;
 * each is removed when it is loaded.
 */
#include "base/text.h"
#include "parsers/parser.h"
#include "timeline/case.h"
#include "timeline/row.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

struct loader {
	struct sink sink;
	struct row_encoder *encoder;
	struct buffer *out;
	int64_t shift;
};

static int put(struct sink *sink, const struct event *e)
{
	struct loader *l = (struct loader *)sink;
	struct event moved = *e;

	if (moved.ts != TIME_NONE)
		moved.ts += l->shift;
	return row_encode(l->encoder, l->out, &moved);
}

static double cpu(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static double wall(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

struct figures {
	double parsing, loading, wall;
	uint64_t bytes;
};

/* Loads the file, its events moved by so much. Negative: the case failed. */
static int load(struct case_db *c, const char *name, const char *as, int64_t shift,
		struct figures *sum)
{
	struct buffer blocks = {0};
	struct loader l = {
		.sink = {put}, .encoder = row_encoder_new(), .out = &blocks, .shift = shift};
	struct shape_table *shapes = shape_table_new();
	struct probe probe = {.path = name, .name = name};
	const struct parser *parser;
	int fd = open(name, O_RDONLY), status = OK;
	struct parse p;
	struct stat st;
	int64_t id;
	double start;
	void *map;

	if (fd < 0 || fstat(fd, &st) < 0 || st.st_size == 0)
		return perror(name), OK;
	map = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	close(fd);
	probe.head = view_of(map, st.st_size < PROBE_HEAD ? (size_t)st.st_size : PROBE_HEAD);
	probe.size = (uint64_t)st.st_size;
	if (!(parser = parser_pick(&probe, NULL)))
		return OK;
	sum->bytes += (uint64_t)st.st_size;
	start = cpu();
	parse_init(&p, &l.sink, shapes);
	p.path = name;
	row_encoder_begin(l.encoder);
	(void)parser->parse(&p, view_of(map, (size_t)st.st_size));
	row_encoder_end(l.encoder, &blocks);
	parse_done(&p);
	shape_table_free(shapes);
	row_encoder_free(l.encoder);
	munmap(map, (size_t)st.st_size);
	sum->parsing += cpu() - start;
	start = cpu();
	sum->wall -= wall();
	id = case_artifact_begin(c, &(struct case_artifact){.path = as,
							    .parser = parser->name,
							    .parser_version = parser->version,
							    .mtime = TIME_NONE,
							    .size = (uint64_t)st.st_size});
	status = id < 0 ? (int)id : OK;
	/* As the pipeline does: a piece at a time. */
	for (size_t at = 0; status == OK && at < blocks.len;) {
		size_t n = 0;

		while (at + n < blocks.len && n < 1u << 20)
			n += view_get32(buffer_as_view(&blocks), at + n);
		status = case_load(c, id, view_of(blocks.data + at, n));
		at += n;
	}
	if (status == OK)
		status = case_artifact_end(c, id, &(struct case_end){.status = "complete"});
	sum->loading += cpu() - start;
	sum->wall += wall();
	buffer_release(&blocks);
	return status;
}

int main(int argc, char **argv)
{
	struct problem problem = {0};
	struct figures sum = {0};
	bool distinct = !getenv("OVERLAP");
	double finishing, wall_finish;
	int status = OK, files = argc - 3;
	char path[4200];
	struct rusage usage;
	struct case_db *c;
	struct stat st;

	if (argc < 3 || case_open(argv[1], CASE_WRITE, &c, &problem) < 0) {
		fprintf(stderr, "load: %s\n", argc < 3 ? "usage" : problem.reason);
		return 2;
	}
	while (files == 0 && status == OK && fgets(path, sizeof(path), stdin)) {
		path[strcspn(path, "\n")] = '\0';
		status = load(c, path, path, 0, &sum);
		unlink(path);
	}
	for (int n = 0; n < atoi(argv[2]) * files && status == OK; n++) {
		const char *name = argv[3 + n % files];

		(void)snprintf(path, sizeof(path), "%d/%s", n, name);
		status = load(c, name, path,
			      (distinct ? n : n / files) * INT64_C(86400000000000) * 360, &sum);
	}
	finishing = cpu();
	wall_finish = wall();
	if (status < 0 || case_finish(c, NULL, NULL) < 0) {
		fprintf(stderr, "load: %s\n", case_problem(c)->reason);
		return 2;
	}
	finishing = cpu() - finishing;
	wall_finish = wall() - wall_finish;
	getrusage(RUSAGE_SELF, &usage);
	stat(argv[1], &st);
	printf("%llu events of %.1f MB: parse and encode %.2f s, load %.2f s cpu %.2f s wall (%.0f "
	       "rows/s), finish %.2f s cpu %.2f s wall,"
	       " case %.1f MB (%.3f), %llu merged, peak %ld MiB\n",
	       (unsigned long long)case_totals(c)->events, (double)sum.bytes / 1e6, sum.parsing,
	       sum.loading, sum.wall, (double)case_totals(c)->events / sum.loading, finishing,
	       wall_finish, (double)st.st_size / 1e6, (double)st.st_size / (double)sum.bytes,
	       (unsigned long long)case_totals(c)->merged, usage.ru_maxrss / 1024);
	case_close(c);
	return 0;
}
