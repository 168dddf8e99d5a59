/*
 * load CASE REPEAT FILE...: parses each FILE into blocks in memory, then times the writer alone:
 * loads the blocks REPEAT times under other paths and times, and finishes the case. For figures of
 * the writer without the pipeline. With OVERLAP in the environment, the files of one round keep
 * their times, so that equal records are merged.
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

int main(int argc, char **argv)
{
	struct problem problem = {0};
	struct case_db *c;
	double parsing = 0, loading = 0, finishing, start, wall_load = 0, wall_finish;
	uint64_t bytes = 0;
	struct stat st;
	struct rusage usage;
	bool distinct = !getenv("OVERLAP");

	if (argc < 4 || case_open(argv[1], CASE_WRITE, &c, &problem) < 0) {
		fprintf(stderr, "load: %s\n", problem.reason);
		return 2;
	}
	for (int r = 0; r < atoi(argv[2]); r++) {
		for (int i = 3; i < argc; i++) {
			struct buffer blocks = {0};
			struct loader l = {.sink = {put},
					   .encoder = row_encoder_new(),
					   .out = &blocks,
					   .shift = (r * (argc - 3) + (distinct ? i : 0)) *
						    INT64_C(86400000000000) * 360};
			struct shape_table *shapes = shape_table_new();
			struct parse p;
			struct probe probe = {.path = argv[i], .name = argv[i]};
			const struct parser *parser;
			int fd = open(argv[i], O_RDONLY), status;
			char path[4096];
			int64_t id;
			void *map;

			if (fd < 0 || fstat(fd, &st) < 0 || st.st_size == 0)
				continue;
			map = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
			close(fd);
			probe.head = view_of(map, st.st_size < PROBE_HEAD ? (size_t)st.st_size
									  : PROBE_HEAD);
			probe.size = (uint64_t)st.st_size;
			parser = parser_pick(&probe, NULL);
			if (!parser)
				continue;
			bytes += (uint64_t)st.st_size;
			start = cpu();
			parse_init(&p, &l.sink, shapes);
			p.path = argv[i];
			row_encoder_begin(l.encoder);
			(void)parser->parse(&p, view_of(map, (size_t)st.st_size));
			row_encoder_end(l.encoder, &blocks);
			parse_done(&p);
			shape_table_free(shapes);
			row_encoder_free(l.encoder);
			munmap(map, (size_t)st.st_size);
			parsing += cpu() - start;
			(void)snprintf(path, sizeof(path), "%d/%d/%s", r, i, argv[i]);
			start = cpu();
			wall_load -= wall();
			id = case_artifact_begin(
				c, &(struct case_artifact){.path = path,
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
			if (status < 0 ||
			    case_artifact_end(c, id, &(struct case_end){.status = "complete"}) <
				    0) {
				fprintf(stderr, "load: %s\n", case_problem(c)->reason);
				return 2;
			}
			loading += cpu() - start;
			wall_load += wall();
			buffer_release(&blocks);
		}
	}
	start = cpu();
	wall_finish = wall();
	if (case_finish(c, NULL, NULL) < 0) {
		fprintf(stderr, "load: %s\n", case_problem(c)->reason);
		return 2;
	}
	finishing = cpu() - start;
	wall_finish = wall() - wall_finish;
	getrusage(RUSAGE_SELF, &usage);
	stat(argv[1], &st);
	printf("%llu events of %.1f MB: parse and encode %.2f s, load %.2f s cpu %.2f s wall (%.0f "
	       "rows/s), finish %.2f s cpu %.2f s wall,"
	       " case %.1f MB (%.3f), %llu merged, peak %ld MiB\n",
	       (unsigned long long)case_totals(c)->events, (double)bytes / 1e6, parsing, loading,
	       wall_load, (double)case_totals(c)->events / loading, finishing, wall_finish,
	       (double)st.st_size / 1e6, (double)st.st_size / (double)bytes,
	       (unsigned long long)case_totals(c)->merged, usage.ru_maxrss / 1024);
	case_close(c);
	return 0;
}
