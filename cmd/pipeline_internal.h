/*
 * What the processes of a pipeline share: pipeline.c (the parent and the server), pipeline_input.c (what
 * the parent does with inputs), pipeline_worker.c, pipeline_reader.c, pipeline_progress.c.
 */
#ifndef KONSEKI_CMD_PIPELINE_INTERNAL_H
#define KONSEKI_CMD_PIPELINE_INTERNAL_H

#include "cmd/pipeline.h"

#include "cmd/command.h"
#include "cmd/sandbox.h"
#include "evidence/evidence.h"

#include <errno.h>
#include <limits.h>
#include <linux/futex.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define WORKERS_MAX 64
#define RING_SIZE   (4u << 20)
#define MESSAGE_MAX (256u << 10) /* bytes of one message in a ring */
#define BATCH	    (64u << 10)	 /* task_send gathers this much before it publishes */
#define WINDOW	    512		 /* jobs under way; a power of two */
#define PRINT_CHUNK (256u << 10) /* written at once by the job whose turn it is */
#define PRINT_HELD  (24u << 20)	 /* held by a job whose turn it is not */
#define SEGMENTED   (4u << 20)	 /* artefacts below are one job without asking the parser */
#define MEMORY_HELD (96u << 20)	 /* bytes of contents in memory that wait or are worked on */
#ifdef KONSEKI_TESTING
#define JOB_SECONDS 1 /* of CPU, and more for its size */
#else
#define JOB_SECONDS LIMIT_WORKER_SECONDS
#endif
#define JOB_TEXT (3 * (LIMIT_PATH + 16))

/* ---- shared memory ---- */

struct slot {
	_Alignas(64) _Atomic uint64_t head; /* bytes written by the worker since it began */
	_Alignas(64) _Atomic uint64_t tail; /* bytes taken by the parent */
	_Atomic uint32_t space;		    /* futex: changes when the parent took something */
	_Atomic uint32_t wants_space;
	_Alignas(64) _Atomic uint32_t job; /* sequence + 1 of the job in work; 0: none */
	_Atomic uint32_t
		parser; /* index + 1 of the parser that runs; for the message when it dies */
	_Atomic uint32_t writing; /* in a write to stdout: no time counts */
};

struct shared {
	_Atomic uint32_t turn; /* futex: the job that may print */
	_Atomic uint32_t waiting_turn;
	_Atomic uint32_t parent_sleeps;
	_Atomic uint32_t reader_alive; /* changes while the reader gets on */
	_Atomic int32_t print_error;   /* errno of a failed write to stdout */
	struct slot slots[WORKERS_MAX];
};

enum message_type { MESSAGE_DATA = 1, MESSAGE_MORE, MESSAGE_END, MESSAGE_PAD };

struct message {
	uint32_t type, len; /* of the payload; messages begin at multiples of 16 */
	uint32_t job, spare;
};

struct end {
	int32_t parser; /* index, or -1 */
	int32_t status;
	int32_t outcome;
	uint32_t hashed;
	uint64_t events, losses;
	int64_t first, last;
	struct problem problem;
	uint8_t sha256[32];
};

/* ---- jobs ---- */

enum job_flag {
	JOB_CARVE = 1,
	JOB_HASH = 2,
	JOB_FIRST = 4,
	JOB_LAST = 8,
	JOB_HASH_ONLY = 16,
	JOB_KNOWN = 32,
	JOB_FORCED = 64,
	JOB_COLLECTED = 128
};

/* What the server is asked for, followed by the path of a reader's input. A reader comes with two
 * descriptors: input, socket. */
struct server_request {
	uint32_t reader; /* 0: a worker for slot `index` */
	uint32_t index;
	int32_t kind;	  /* enum evidence_kind */
	uint32_t by_name; /* the path is the user's: files beside it may be opened */
};

/* From a reader, an item of the evidence; its texts follow, each with its NUL, absent ones empty.
 */
enum item_flag {
	ITEM_UNREADABLE = 1,
	ITEM_DELETED = 2,
	ITEM_UNCLAIMED = 4,
	ITEM_END = 8,
	ITEM_TYPE = 16,
	ITEM_PLAIN = 32,
	ITEM_COLLECTED = 64
};
struct item_message {
	uint32_t flags, texts;
	uint64_t size, memory, offset, position;
	int64_t mtime;
	uint32_t companions;
	char suffix[COMPANIONS][24];
};
enum item_text {
	TEXT_PATH,
	TEXT_MEMBER,
	TEXT_HOST,
	TEXT_SHA256,
	TEXT_ERROR,
	TEXT_PROBLEM,
	TEXT_COUNT
};
#define ITEM_TEXT_MAX (2 * (LIMIT_PATH + 1) + 8192)
#define READER_AHEAD  64 /* items that a reader may be ahead of the parent */
/* Seconds of CPU without a block read: libtsk looks at every inode for orphans, and loops for ever
 * on some damaged tables. A small image needs no time to speak of. */
#define READER_SECONDS	   12
#define READER_SECONDS_MAX 120
#define READER_RATE	   (8u << 20) /* bytes of the input for each second more */
#define NESTING		   3	      /* evidence inside evidence */

/* What goes through the socket, followed by the texts path and host, NUL-terminated. */
struct job_message {
	uint32_t job, artefact;
	uint32_t flags;
	int32_t parser; /* index, or -1: probe */
	uint32_t segment_from, segment_to;
	int64_t mtime, now;
	uint32_t path_len, host_len; /* with the NUL; host_len 0: none */
	uint32_t companions;
	uint8_t known[32];
	char suffix[COMPANIONS][24];
};

struct artefact_state {
	struct artefact file; /* with strings of its own */
	uint32_t number;
	uint32_t jobs, jobs_done;
	uint32_t segments; /* 0: it is one job */
	bool all_submitted;
	bool loose;    /* no part of an archive: its bytes count for progress */
	uint64_t held; /* bytes of memory that its content takes */
	uint32_t problem_job;
	char *strings[6];
};

struct job {
	struct artefact_state *artefact;
	uint32_t sequence;
	bool done;
	uint64_t seconds; /* of CPU that it may take */
};

struct worker_handle {
	pid_t pid; /* 0: none */
	int pidfd;
	bool dead;
	int wait_status;
	bool timed_out;
	uint64_t tail;	   /* own copy of slot.tail */
	uint32_t seen_job; /* as of the last look at the clock */
	int64_t cpu_at_start;
	struct buffer partial; /* MESSAGE_MORE gathered */
};

struct pipeline {
	struct pipeline_options options;
	const struct pipeline_ops *ops;
	void *data;
	unsigned threads, alive;
	struct shared *shared;
	uint8_t *rings;
	struct worker_handle workers[WORKERS_MAX];
	pid_t server;
	int server_fd, jobs_fd, jobs_child_fd, event_fd, scratch_fd;
	int reader_fd; /* socket of the reader at work, or -1: pump waits for it too */
	struct job jobs[WINDOW];
	uint32_t next, base; /* sequences: the next to make, the oldest not done */
	uint32_t artefacts;
	uint64_t held;
	int stopped; /* negative status: nothing goes on */
	bool broken_pipe;
	int64_t next_watch;
	uint8_t *copy;
	struct pipeline_totals totals;
	int64_t began, next_progress;
	bool progress_shown;
	bool progress_wanted;
	bool containers;		   /* inputs that hold files nobody has counted */
	uint64_t expected, expected_files; /* bytes and files told by pipeline_expect */
	uint64_t loose_bytes;		   /* of loose files that are done */
	uint64_t expected_done,
		position; /* bytes of them that are behind us; in the archive at work */
	uint64_t job_bytes, job_events; /* of jobs that ended */
	unsigned lost_ticks; /* looks at the clock for which the oldest job was nobody's */
};

/* What a worker is. */
struct worker {
	struct pipeline *p;
	struct slot *slot;
	uint8_t *ring;
	uint32_t job;
	uint8_t *batch;
	size_t batched;
	void *self;
	struct shape_table *shapes;
	unsigned shapes_made;
	struct parse parse;
	/* The artefact that is mapped, kept for its next segments. */
	bool mapped;
	uint32_t artefact;
	struct view bytes;
	struct view companions[COMPANIONS];
	char suffix[COMPANIONS][24];
	unsigned companion_count;
};

static inline long futex(_Atomic uint32_t *at, int op, uint32_t value,
			 const struct timespec *timeout)
{
	return syscall(SYS_futex, at, op, value, timeout, NULL, 0);
}

static inline int64_t clock_ns(clockid_t id)
{
	struct timespec ts;

	return clock_gettime(id, &ts) ? -1 : (int64_t)ts.tv_sec * TIME_SECOND + ts.tv_nsec;
}

/* A packet with descriptors: the count of bytes, 0 at the end, or -1. */
ssize_t packet_receive(int socket, void *data, size_t size, int *fds, unsigned *fd_count,
		       int flags);
struct view map_fd(int fd);
void map_release(struct view v);
void hash_bytes(struct view bytes, uint8_t out[32]);
/* The turn goes to the next job: in a worker after its last print, and in the parent for one that died. */
void turn_pass(struct shared *shared, uint32_t job);
/* Suffixes of what belongs to a file of this kind, up to NULL. */
const char *const *companions_of(struct view head, const char *path);

/* The lives of a worker and of a reader. */
_Noreturn void worker_main(struct pipeline *p, unsigned index);
_Noreturn void reader_main(struct pipeline *p, const struct server_request *request,
			   const char *path, int input, int socket);

/* ---- in the parent ---- */

/* The pid of a new process, or -errno. fds: two, for a reader, or NULL. */
int32_t server_ask(struct pipeline *p, const struct server_request *request, const char *path,
		   const int *fds);
/* Moves what can be moved; waits for something when nothing could and `wait` says so. */
void pipeline_pump(struct pipeline *p, bool wait);
/* An artefact that needs no worker: unclaimed or unreadable; in its place in the order. */
int pipeline_add_done(struct pipeline *p, const struct artefact *file, enum outcome outcome,
		      const char *why);
void progress_show(struct pipeline *p, int64_t now);
void progress_clear(struct pipeline *p);

#endif
