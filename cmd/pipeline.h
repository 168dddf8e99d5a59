/*
 * The road from evidence to results: artefacts go in, sandboxed worker processes parse them, and
 * what their sinks make comes out, either printed by the workers themselves in the order of the
 * input (task_output), or as bytes in the hands of the one parent (task_send -> ops->data).
 *
 * Use:  p = pipeline_open(&options, &ops, data);
 *       pipeline_input(p, "evidence.zip") or pipeline_add(p, &file, fd) ...;
 *       status = pipeline_close(p);
 *
 * A crash or a timeout costs one artefact: it is told on stderr, handed to ops->done, and a new
 * worker takes the place. The parent parses nothing itself.
 */
#ifndef KONSEKI_CMD_PIPELINE_H
#define KONSEKI_CMD_PIPELINE_H

#include "parsers/parser.h"

struct pipeline;

/* What became of an artefact. */
enum outcome {
	OUTCOME_PARSED,	   /* to its end; losses may have been told */
	OUTCOME_UNCLAIMED, /* no parser wants it */
	OUTCOME_LEFT_OUT, /* on purpose, by the collector (a secret, a size limit): note says why */
	OUTCOME_SKIPPED,  /* its content has the SHA-256 that ops->known gave */
	OUTCOME_FAILED,	  /* the parser, or what reads the content, gave it up: problem says why */
	OUTCOME_CRASHED,  /* the worker died: signal says of what; 0: of no more memory; negative:
			     its exit status */
	OUTCOME_TIMED_OUT,
};

/* A file to parse, and in the end what came of it. Strings are copied by pipeline_add. */
struct artefact {
	const char *path;   /* original path */
	const char *shown;  /* what messages call it */
	const char *host;   /* or NULL */
	const char *member; /* where it is in its input, or NULL */
	const char *stated; /* SHA-256 in hex that a manifest states, or NULL */
	const char *note;   /* the collector's own note of what it could not read, or NULL */
	int64_t mtime;	    /* ns, or TIME_NONE */
	uint64_t size;	    /* bytes of the content as stored */
	uint64_t memory; /* bytes of memory that the descriptor stands for (a memfd), 0 for a file
			    on disk */
	uint64_t input;	 /* number of the input it came from, from 0 */

	enum outcome outcome;
	int signal;
	const struct parser *parser; /* NULL: none claimed it */
	struct problem problem;	     /* first loss or failure; reason empty when there is none */
	uint64_t events, losses;
	int64_t first, last; /* times of events, or TIME_NONE */
	char sha256[65];     /* hex, where options.hash */
	bool collected;	     /* from a bundle: see struct parse */
	bool loose;	     /* a file of its own, also when it has a member's name */
	void *tag;	     /* the user's own */
};

/* One job in a worker: an artefact or a range of its segments. */
struct task {
	const char *path, *host; /* as of the artefact */
	const struct parser *parser;
	struct parse *parse; /* ready to run, but for the sink, which ops->begin sets */
	struct view bytes;
	uint32_t artefact; /* number of the artefact in this run, from 0 */
	bool first_part,
		last_part;    /* the first, the last of the artefact's segments are in this job */
	unsigned shapes_made; /* changes when parse->shapes is another table: caches by shape are
				 void */
	int64_t first, last;  /* for ops to set: earliest and latest time, or TIME_NONE */
	size_t flush_at;      /* see task_output */
	struct worker *worker;
};

struct pipeline_ops {
	/* In a worker, sandboxed: makes what its sink needs over its whole life. May be NULL. */
	void *(*start)(void *data);
	/* Before a job: sets task->parse->sink. */
	int (*begin)(void *self, struct task *task);
	/* The job itself; NULL: task->parser->parse. */
	int (*run)(void *self, struct task *task);
	/* After it, whatever its status: sends what is left. */
	void (*end)(void *self, struct task *task, int status);

	/* In the parent; all may be NULL. */
	/* An input is open: what it is, whose. type is NULL for a loose file or a folder of them.
	 */
	int (*input)(void *data, uint64_t number, const char *path, const char *type,
		     const char *host, const char *manifest);
	/* The input could not be read whole. */
	void (*input_problem)(void *data, uint64_t number, const char *shown,
			      const struct problem *problem);
	/* The SHA-256 (hex) of this artefact if it was done before, or NULL. It is skipped when its
	 * content still has it. */
	const char *(*known)(void *data, const struct artefact *file);
	/* Bytes of one artefact in order, cut where task_send was called. A negative status stops
	 * everything. */
	int (*data)(void *data, struct artefact *file, struct view bytes);
	int (*done)(void *data, struct artefact *file);
};

struct pipeline_totals {
	uint64_t inputs, artefacts, parsed, unclaimed, skipped, left_out, failed,
		damaged; /* failed: crashed and timed out too */
	uint64_t damaged_inputs;
	uint64_t bytes, events, losses;
};

struct pipeline_options {
	unsigned threads; /* workers; 0: as many as there are processors */
	bool ordered;	  /* data and done come in the order of the input */
	bool prints;	  /* workers use task_output; wants ordered */
	bool carve, hash;
	bool absolute;		     /* files and folders are called by their absolute paths */
	bool quiet;		     /* done() tells of problems, not the pipeline */
	const char *host;	     /* of all artefacts, or NULL */
	const struct parser *parser; /* for all artefacts, or NULL: the highest bidder */
	const char *scratch;	     /* folder for unnamed temporary files; NULL: $TMPDIR or /tmp */
	struct pipeline_totals *totals; /* filled by pipeline_close; NULL: not wanted */
	const char *verb; /* "parsing": progress on stderr when it is a terminal, or NULL */
};

/* Before the caller opens what workers must not inherit (the case). NULL with errno. */
struct pipeline *pipeline_open(const struct pipeline_options *options,
			       const struct pipeline_ops *ops, void *data);
/* A file that belongs to another one: suffix as parse.companion names it ("-wal", ".LOG1"). */
struct companion {
	char suffix[24];
	int fd;
};
#define COMPANIONS 6
/* Takes a file with its companions; closes the descriptors. Blocks while too much is under way.
 * Negative: stopped. */
int pipeline_add(struct pipeline *p, const struct artefact *file, int fd,
		 const struct companion *companions, size_t count);
/* Takes an input of any kind and everything in it. Says on stderr what could not be read. 0, or
 * negative: stopped. */
int pipeline_input(struct pipeline *p, const char *path);
/* Tells beforehand what will be taken, for the progress line: sizes of files, counted in folders.
 */
void pipeline_expect(struct pipeline *p, const char *path);
/* Waits for all of it. The exit status: EXIT_DAMAGED where something was damaged or (not quiet)
 * unclaimed. */
int pipeline_close(struct pipeline *p);

/* ---- in a worker ---- */

/*
 * Prints to stdout in the order of the input. Called when out->len >= task->flush_at: writes and
 * empties the buffer if it is this job's turn, lets it grow up to a bound if it is not. Whole lines
 * only.
 */
int task_flush(struct task *t, struct buffer *out);
/* The rest, waiting for the turn. */
int task_finish(struct task *t, struct buffer *out);
/* Hands bytes to ops->data in the parent. */
int task_send(struct task *t, const void *data, size_t n);

/* What a sink of a command is, mostly: a buffer, and where the events come from. */
struct task_sink {
	struct sink sink;
	struct buffer out;
	struct event_origin origin;
	struct task *task; /* NULL: not in a worker, the bytes stay in the buffer */
};
/* For ops->begin, where struct task_sink comes first in what ops->start made. */
int task_sink_begin(void *self, struct task *task);
/* Hands the buffer to ops->data. */
int task_sink_send(struct task_sink *s);
/* After a job: gives back what the buffer grew by in waiting. */
void task_sink_shrink(struct task_sink *s);

static inline int task_output(struct task *t, struct buffer *out)
{
	return __builtin_expect(out->len >= t->flush_at, 0) ? task_flush(t, out) : OK;
}

#endif
