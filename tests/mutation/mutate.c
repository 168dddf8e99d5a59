/*
 * Every parser against damaged copies of its own fixtures: bits flipped, telling integers, zeroed
 * and swapped pages, cut, doubled, spliced. A mutant must come back with OK or an error, in time,
 * and every event that it gives must render. Runs in a child per batch, so that a crash names the
 * parser, file and seed.
 *
 *	mutate [-n MUTANTS_PER_FIXTURE] [-s SEED] [-p PARSER] FOLDER...
 *
 * Each FOLDER holds PARSER/NAME fixtures. Prints TAP.
 */
#include "parsers/parser.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static uint64_t state;

static uint64_t next_random(void)
{
	/* xorshift64*; Vigna 2016 */
	state ^= state >> 12;
	state ^= state << 25;
	state ^= state >> 27;
	return state * UINT64_C(2685821657736338717);
}

static size_t below(size_t n)
{
	return n ? (size_t)(next_random() % n) : 0;
}

static const uint64_t telling[] = {0,	   1,	   0x7f,       0x80,	   0xff,       0x7fff,
				   0x8000, 0xffff, 0x7fffffff, 0x80000000, 0xfffffffe, 0xffffffff};

static void mutate(struct buffer *b)
{
	for (size_t rounds = (size_t)1 << below(5); rounds; rounds--) {
		size_t at = below(next_random() & 1 ? b->len : b->len < 4096 ? b->len : 4096);
		size_t page = (size_t)16 << (4 * below(3)), n;
		uint64_t value;

		if (b->len < 16)
			break;
		switch (below(8)) {
		case 0:
			b->data[at] = (char)(b->data[at] ^ (1 << below(8)));
			break;
		case 1:
			b->data[at] = (char)telling[below(sizeof(telling) / sizeof(telling[0]))];
			break;
		case 2:
		case 3:
			n = (size_t)2 << below(3);
			value = next_random() & 1 ? telling[below(12)]
				: below(2)	  ? at
						  : b->len - at;
			at = at > b->len - 8 ? b->len - 8 : at;
			memcpy(b->data + at, &value, n);
			break;
		case 4:
			if (below(4) == 0)
				b->len = at;
			break;
		case 5:
			n = page < b->len - at ? page : b->len - at;
			memset(b->data + at, 0, n);
			break;
		case 6: {
			size_t from = below(b->len);

			n = page < b->len - at ? page : b->len - at;
			n = n < b->len - from ? n : b->len - from;
			memmove(b->data + at, b->data + from, n);
			break;
		}
		default:
			n = page < b->len - at ? page : b->len - at;
			buffer_reserve(b, n);
			memmove(b->data + at + n, b->data + at, b->len - at);
			b->len += n;
		}
	}
}

/* Renders every event, as any consumer would, so that bad spans are touched. */
static struct buffer rendered;
static uint64_t rendered_events;
static int render(struct sink *sink, const struct event *e)
{
	struct event_origin origin = {.source = "mutant", .parser = "mutant"};

	(void)sink;
	rendered.len = 0;
	event_json(&rendered, e, &origin);
	/* A parser that multiplies its input without bound is a bug of its own. */
	return ++rendered_events > 5000000 ? ERR_LIMIT : OK;
}

static void run(const struct parser *parser, const char *name, struct view bytes)
{
	static struct parse p;
	struct sink sink = {render};
	struct shape_table *shapes = shape_table_new();
	/* A copy of exactly its size, so that the sanitizer sees a read past the end. */
	uint8_t *exact = xmalloc(bytes.len);
	struct probe probe = {.size = bytes.len, .path = name, .name = name};

	if (bytes.len)
		memcpy(exact, bytes.data, bytes.len);
	bytes.data = exact;
	probe.head = view_clip(bytes, 0, PROBE_HEAD);
	for (const struct parser *const *other = parsers; *other; other++)
		(void)(*other)->probe(&probe);
	if (parser->segments)
		(void)parser->segments(bytes);
	rendered_events = 0;
	parse_init(&p, &sink, shapes);
	p.path = name;
	p.now = INT64_C(1600000000) * TIME_SECOND;
	(void)parser->parse(&p, bytes);
	parse_done(&p);
	parse_init(&p, &sink, shapes);
	p.path = name;
	p.carve = true;
	if (next_random() % 8 == 0)
		(void)parser->parse(&p, bytes);
	parse_done(&p);
	shape_table_free(shapes);
	free(exact);
}

static bool read_file(const char *path, struct buffer *out)
{
	FILE *f = fopen(path, "rb");
	size_t n;

	out->len = 0;
	if (!f)
		return false;
	do {
		n = fread(buffer_reserve(out, 65536), 1, 65536, f);
		out->len += n;
	} while (n);
	(void)fclose(f);
	return true;
}

static unsigned test, failures;
/* Static, so that the leak check of a child that exits still sees them held. */
static char *folder, *path;
static DIR *dir;

static void fixture(const struct parser *parser, const char *name, unsigned count, uint64_t seed)
{
	struct buffer original = {0}, mutant = {0};
	int pipe_ends[2], status = 0;
	uint64_t reached = 0;
	pid_t child;

	if (!read_file(path, &original) || original.len == 0 || pipe(pipe_ends) < 0) {
		buffer_release(&original);
		return;
	}
	(void)fflush(stdout);
	child = fork();
	if (child == 0) {
		for (uint64_t i = 0; i < count; i++) {
			state = (seed << 32) + i * 2654435761u + 88172645463325252u;
			mutant.len = 0;
			buffer_view(&mutant, buffer_as_view(&original));
			if (i)
				mutate(&mutant);
			(void)!write(pipe_ends[1], &i, sizeof(i));
			(void)alarm(20);
			run(parser, name, buffer_as_view(&mutant));
		}
		buffer_release(&mutant);
		buffer_release(&original);
		buffer_release(&rendered);
		exit(0);
	}
	(void)close(pipe_ends[1]);
	for (uint64_t i; read(pipe_ends[0], &i, sizeof(i)) == (ssize_t)sizeof(i);)
		reached = i + 1;
	(void)close(pipe_ends[0]);
	(void)waitpid(child, &status, 0);
	test++;
	if (status == 0 && reached == count) {
		printf("ok %u - %s: %s: %u mutants\n", test, parser->name, name, count);
	} else {
		printf("not ok %u - %s: %s: mutant %llu of seed %llu: %s %d\n", test, parser->name,
		       path, (unsigned long long)(reached ? reached - 1 : 0),
		       (unsigned long long)seed, WIFSIGNALED(status) ? "signal" : "exit",
		       WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
		failures++;
	}
	buffer_release(&original);
}

int main(int argc, char **argv)
{
	unsigned count = 200;
	uint64_t seed = 1;
	const char *only = NULL;
	int option;

	while ((option = getopt(argc, argv, "n:s:p:")) != -1) {
		if (option == 'n')
			count = (unsigned)strtoul(optarg, NULL, 10);
		else if (option == 's')
			seed = strtoull(optarg, NULL, 10);
		else if (option == 'p')
			only = optarg;
		else
			return 2;
	}
	for (const struct parser *const *p = parsers; *p; p++) {
		unsigned before = test;

		if (only && strcmp(only, (*p)->name) != 0)
			continue;
		for (int i = optind; i < argc; i++) {
			folder = xasprintf("%s/%s", argv[i], (*p)->name);
			dir = opendir(folder);

			for (struct dirent *e; dir && (e = readdir(dir));) {
				path = xasprintf("%s/%s", folder, e->d_name);
				struct stat st;

				if (e->d_name[0] != '.' && stat(path, &st) == 0 &&
				    S_ISREG(st.st_mode) && st.st_size <= 8 << 20)
					fixture(*p, e->d_name,
						st.st_size > 1 << 20 ? count / 10 + 1 : count,
						seed);
				free(path);
			}
			if (dir)
				(void)closedir(dir);
			free(folder);
		}
		if (test == before) {
			printf("not ok %u - %s: no fixture\n", ++test, (*p)->name);
			failures++;
		}
	}
	printf("1..%u\n", test);
	return failures != 0;
}
