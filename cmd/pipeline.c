/*
 * Processes. The parent forks a small server first, before it opens anything that a worker must not
 * have; the server makes workers as siblings of its own (CLONE_PARENT), so that the parent is the
 * one that sees them die. All workers take jobs from one packet socket, so that a job goes to
 * whoever is free, in order, with its file descriptors. What they make comes back through a ring in
 * shared memory each. Nothing in shared memory is trusted by the parent: numbers are checked, bytes
 * copied first.
 */
#define _GNU_SOURCE /* CLONE_PARENT, CPU_COUNT */
#include "cmd/pipeline.h"

#include "base/sha256.h"
#include "evidence/evidence.h"
#include "cmd/command.h"
#include "cmd/sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <linux/futex.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
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
#define SHAPES_KEPT 4096	 /* shapes after which a worker starts a new table */
#define JOB_TEXT    (3 * (LIMIT_PATH + 16))

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

static long futex(_Atomic uint32_t *at, int op, uint32_t value, const struct timespec *timeout)
{
	return syscall(SYS_futex, at, op, value, timeout, NULL, 0);
}

static int64_t clock_ns(clockid_t id)
{
	struct timespec ts;

	return clock_gettime(id, &ts) ? -1 : (int64_t)ts.tv_sec * TIME_SECOND + ts.tv_nsec;
}

/* ---- a worker's side ---- */

/* Puts one message into the ring, waiting for room. */
static void ring_put(struct worker *w, uint32_t type, const void *data, size_t len)
{
	struct slot *slot = w->slot;
	uint64_t head = atomic_load_explicit(&slot->head, memory_order_relaxed);
	size_t need = (sizeof(struct message) + len + 15) & ~(size_t)15;
	size_t to_end = RING_SIZE - (size_t)(head % RING_SIZE), pad = to_end < need ? to_end : 0;
	struct message m = {.type = type, .len = (uint32_t)len, .job = w->job};

	for (;;) {
		uint32_t space = atomic_load(&slot->space);
		struct timespec timeout = {1, 0};

		if (RING_SIZE - (head - atomic_load(&slot->tail)) >= need + pad)
			break;
		atomic_store(&slot->wants_space, 1);
		if (RING_SIZE - (head - atomic_load(&slot->tail)) >= need + pad)
			break;
		(void)futex(&slot->space, FUTEX_WAIT, space, &timeout);
	}
	atomic_store_explicit(&slot->wants_space, 0, memory_order_relaxed);
	if (pad) {
		struct message padding = {.type = MESSAGE_PAD,
					  .len = (uint32_t)(pad - sizeof(padding))};

		memcpy(w->ring + head % RING_SIZE, &padding, sizeof(padding));
		head += pad;
	}
	memcpy(w->ring + head % RING_SIZE, &m, sizeof(m));
	if (len)
		memcpy(w->ring + head % RING_SIZE + sizeof(m), data, len);
	atomic_store(&slot->head, head + need);
	if (atomic_load(&w->p->shared->parent_sleeps)) {
		uint64_t one = 1;

		if (write(w->p->event_fd, &one, sizeof(one)) < 0)
			return; /* the counter is full: the parent wakes anyway */
	}
}

static void batch_out(struct worker *w)
{
	if (w->batched)
		ring_put(w, MESSAGE_DATA, w->batch, w->batched);
	w->batched = 0;
}

int task_send(struct task *t, const void *data, size_t n)
{
	struct worker *w = t->worker;
	const uint8_t *bytes = data;

	if (n > BATCH - w->batched)
		batch_out(w);
	if (n <= BATCH) {
		memcpy(w->batch + w->batched, bytes, n);
		w->batched += n;
		return OK;
	}
	for (; n > MESSAGE_MAX; n -= MESSAGE_MAX, bytes += MESSAGE_MAX)
		ring_put(w, MESSAGE_MORE, bytes, MESSAGE_MAX);
	ring_put(w, MESSAGE_DATA, bytes, n);
	return OK;
}

static int print(struct worker *w, struct buffer *out)
{
	struct shared *shared = w->p->shared;
	int status = OK;

	atomic_store(&w->slot->writing, 1);
	for (size_t done = 0; done < out->len;) {
		ssize_t n = write(STDOUT_FILENO, out->data + done, out->len - done);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0) {
			atomic_store(&shared->print_error, errno);
			status = ERR_STOPPED;
			break;
		}
		done += (size_t)n;
	}
	atomic_store(&w->slot->writing, 0);
	out->len = 0;
	return status;
}

static void wait_turn(struct worker *w)
{
	struct shared *shared = w->p->shared;
	uint32_t turn;

	while ((turn = atomic_load(&shared->turn)) != w->job) {
		struct timespec timeout = {1, 0};

		atomic_fetch_add(&shared->waiting_turn, 1);
		(void)futex(&shared->turn, FUTEX_WAIT, turn, &timeout);
		atomic_fetch_sub(&shared->waiting_turn, 1);
	}
}

int task_flush(struct task *t, struct buffer *out)
{
	struct worker *w = t->worker;

	if (atomic_load(&w->p->shared->turn) != w->job) {
		if (out->len < PRINT_HELD) {
			t->flush_at = out->len + PRINT_CHUNK;
			return OK;
		}
		wait_turn(w);
	}
	t->flush_at = PRINT_CHUNK;
	return print(w, out);
}

int task_finish(struct task *t, struct buffer *out)
{
	if (out->len == 0)
		return OK;
	wait_turn(t->worker);
	return print(t->worker, out);
}

/* The turn goes to the next job. In a worker after its last print, and in the parent for one that
 * died. */
static void pass_turn(struct shared *shared, uint32_t job)
{
	uint32_t mine = job;

	if (atomic_compare_exchange_strong(&shared->turn, &mine, job + 1) &&
	    atomic_load(&shared->waiting_turn))
		(void)futex(&shared->turn, FUTEX_WAKE, INT_MAX, NULL);
}

static struct view map_fd(int fd)
{
	struct stat st;
	void *at;

	if (fstat(fd, &st) < 0 || st.st_size <= 0)
		return VIEW_EMPTY;
	at = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_SHARED, fd, 0);
	return at == MAP_FAILED ? VIEW_EMPTY : view_of(at, (size_t)st.st_size);
}

static void unmap(struct view v)
{
	if (v.data)
		(void)munmap((void *)(uintptr_t)v.data, v.len);
}

static void forget(struct worker *w)
{
	if (!w->mapped)
		return;
	unmap(w->bytes);
	for (unsigned i = 0; i < w->companion_count; i++)
		unmap(w->companions[i]);
	w->companion_count = 0;
	w->bytes = VIEW_EMPTY;
	w->mapped = false;
}

/*
 * A compressed log becomes what is in it. The path loses the suffix for the parsers; the source
 * keeps it.
 */
static const char *expand(struct worker *w, const struct job_message *m, const char *path, int fd,
			  struct end *end)
{
	static char inner[LIMIT_PATH + 1];
	const struct evidence_options options = {.scratch = w->p->scratch_fd};
	struct view head = view_clip(w->bytes, 0, PROBE_HEAD);
	struct probe probe = {.head = head,
			      .size = w->bytes.len,
			      .path = path,
			      .name = strrchr(path, '/') ? strrchr(path, '/') + 1 : path};
	struct content content;
	char *dot;

	if (!evidence_compressed(head) ||
	    (m->parser >= 0 ? parsers[m->parser]->probe(&probe) > 0
			    : parser_pick(&probe, NULL) != NULL) ||
	    evidence_expand(fd, &options, &content) != OK)
		return path;
	unmap(w->bytes);
	w->bytes = map_fd(content.fd);
	(void)close(content.fd);
	end->problem = content.problem;
	memcpy(inner, path, strnlen(path, LIMIT_PATH));
	inner[strnlen(path, LIMIT_PATH)] = 0;
	dot = strrchr(inner, '.');
	if (dot && strlen(dot) <= 5 && !strchr(dot, '/'))
		*dot = 0;
	return inner;
}

static struct view companion(struct parse *parse, const char *suffix)
{
	struct worker *w = parse->companion_data;

	for (unsigned i = 0; i < w->companion_count; i++)
		if (strcmp(w->suffix[i], suffix) == 0)
			return w->companions[i];
	return VIEW_EMPTY;
}

static void hash_bytes(struct view bytes, uint8_t out[32])
{
	struct sha256 h;

	sha256_init(&h);
	for (size_t at = 0; at < bytes.len; at += 8u << 20) {
		struct view piece = view_clip(bytes, at, 8u << 20);

		sha256_update(&h, piece.data, piece.len);
		if (bytes.len > 64u << 20) /* large files do not stay mapped in */
			(void)madvise((void *)(uintptr_t)piece.data, piece.len & ~(size_t)4095,
				      MADV_DONTNEED);
	}
	sha256_final(&h, out);
}

#ifdef KONSEKI_TESTING
/* What a parser with a mistake could do, told by the file's name: only in the tests' own build. */
static void misbehave(const char *path)
{
	if (strstr(path, "crash-me"))
		(void)raise(SIGSEGV);
	if (strstr(path, "spin-me"))
		for (volatile int i = 0;; i++)
			;
	if (strstr(path, "eat-me"))
		for (;;)
			memset(xmalloc(16u << 20), 1, 16u << 20);
	if (strstr(path, "fork-me"))
		(void)syscall(SYS_execve, "/bin/true", NULL, NULL);
	if (strstr(path, "open-me") && open("/etc/passwd", O_RDONLY | O_CLOEXEC) >= 0)
		_exit(0);
}
#define JOB_SECONDS 1
#else
#define misbehave(path) ((void)0)
#define JOB_SECONDS	LIMIT_WORKER_SECONDS
#endif

/* Runs one job. The fds are the artefact and its companions. */
static void run_job(struct worker *w, const struct job_message *m, const char *path,
		    const char *host, const int *fds, unsigned fd_count)
{
	const struct pipeline_ops *ops = w->p->ops;
	struct parse *p = &w->parse;
	struct task task = {.path = path,
			    .host = host,
			    .parse = p,
			    .artefact = m->artefact,
			    .worker = w,
			    .first = TIME_NONE,
			    .last = TIME_NONE,
			    .flush_at = PRINT_CHUNK};
	struct end end = {
		.parser = -1, .first = TIME_NONE, .last = TIME_NONE, .outcome = OUTCOME_PARSED};
	const struct parser *parser = NULL;
	const char *inner = path;
	int status = OK;
	bool begun = false;

	if (!w->mapped || w->artefact != m->artefact) {
		forget(w);
		w->bytes = map_fd(fds[0]);
		for (unsigned i = 1; i < fd_count && i <= COMPANIONS; i++) {
			memcpy(w->suffix[w->companion_count], m->suffix[i - 1],
			       sizeof(m->suffix[0]));
			w->companions[w->companion_count++] = map_fd(fds[i]);
		}
		w->artefact = m->artefact;
		w->mapped = true;
	}
	if (m->flags & JOB_HASH) {
		hash_bytes(w->bytes, end.sha256);
		end.hashed = 1;
	}
	if (!(m->flags & JOB_HASH_ONLY) && m->segment_to == UINT32_MAX)
		inner = expand(w, m, path, fds[0], &end);
	if ((m->flags & JOB_KNOWN) && memcmp(m->known, end.sha256, sizeof(end.sha256)) == 0) {
		end.outcome = OUTCOME_SKIPPED;
		goto out;
	}
	if (m->flags & JOB_HASH_ONLY)
		goto out;
	if (m->parser >= 0) {
		parser = parsers[m->parser];
	} else {
		struct probe probe = {.head = view_clip(w->bytes, 0, PROBE_HEAD),
				      .size = w->bytes.len,
				      .path = inner,
				      .name = strrchr(inner, '/') ? strrchr(inner, '/') + 1
								  : inner};

		parser = parser_pick(&probe, NULL);
	}
	if (!parser) {
		end.outcome = OUTCOME_UNCLAIMED;
		goto out;
	}
	for (int i = 0; parsers[i]; i++)
		if (parsers[i] == parser)
			end.parser = i;
	if (!w->shapes || shape_table_count(w->shapes) > SHAPES_KEPT) {
		shape_table_free(w->shapes);
		w->shapes = shape_table_new();
		w->shapes_made++;
	}
	atomic_store(&w->slot->parser, (uint32_t)end.parser + 1);
	parse_init(p, NULL, w->shapes);
	p->path = inner;
	p->host = host;
	p->mtime = m->mtime;
	p->now = m->now;
	p->carve = m->flags & JOB_CARVE;
	p->collected = m->flags & JOB_COLLECTED;
	p->segment_from = m->segment_from;
	p->segment_to = m->segment_to;
	p->companion = companion;
	p->companion_data = w;
	p->bytes = w->bytes; /* a shared mapping: its pages can go and come back */
	task.parser = parser;
	task.bytes = w->bytes;
	task.shapes_made = w->shapes_made;
	task.first_part = m->flags & JOB_FIRST;
	task.last_part = m->flags & JOB_LAST;
	begun = true;
	status = ops->begin(w->self, &task);
	misbehave(path);
	if (status == OK)
		status = ops->run ? ops->run(w->self, &task) : parser->parse(p, w->bytes);
	if (ops->end)
		ops->end(w->self, &task, status);
	batch_out(w);
	end.events = p->events;
	end.losses = p->losses;
	if (p->problem.reason[0])
		end.problem = p->problem;
	end.first = task.first;
	end.last = task.last;
	if (status < 0 && status != ERR_STOPPED) {
		end.outcome = OUTCOME_FAILED;
		if (!end.problem.reason[0])
			(void)problem_set(&end.problem, status, PROBLEM_NO_OFFSET, "%s",
					  status_text(status));
	}
	if (w->bytes.len > SEGMENTED)
		(void)madvise((void *)(uintptr_t)w->bytes.data, w->bytes.len, MADV_DONTNEED);
out:
	for (unsigned i = 0; i < fd_count; i++)
		(void)close(fds[i]);
	end.status = status;
	if (w->p->options.prints && !atomic_load(&w->p->shared->print_error)) {
		/* Also when nothing was printed: the turn must come by here, in order. */
		wait_turn(w);
		pass_turn(w->p->shared, w->job);
	}
	ring_put(w, MESSAGE_END, &end, sizeof(end));
	if (begun)
		parse_done(p);
}

/* Takes a packet with descriptors. The count of bytes, 0 at the end, or -1. */
static ssize_t receive(int socket, void *data, size_t size, int *fds, unsigned *fd_count, int flags)
{
	_Alignas(struct cmsghdr) char control[CMSG_SPACE(sizeof(int) * (1 + COMPANIONS))];
	struct iovec iov = {data, size};
	struct msghdr msg = {.msg_iov = &iov,
			     .msg_iovlen = 1,
			     .msg_control = control,
			     .msg_controllen = sizeof(control)};
	struct cmsghdr *c;
	ssize_t n;

	*fd_count = 0;
	do
		n = recvmsg(socket, &msg, MSG_CMSG_CLOEXEC | flags);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return -1;
	c = CMSG_FIRSTHDR(&msg);
	if (c && c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS) {
		*fd_count = (unsigned)((c->cmsg_len - CMSG_LEN(0)) / sizeof(int));
		memcpy(fds, CMSG_DATA(c), *fd_count * sizeof(int));
	}
	return n;
}

_Noreturn static void worker_main(struct pipeline *p, unsigned index)
{
	static struct worker w;
	static _Alignas(16) char text[sizeof(struct job_message) + JOB_TEXT];
	const int keep[] = {p->jobs_child_fd, p->event_fd, p->scratch_fd};

	w.p = p;
	w.slot = &p->shared->slots[index];
	w.ring = p->rings + (size_t)index * RING_SIZE;
	w.batch = xmalloc(BATCH);
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	(void)signal(SIGINT, SIG_DFL);
	sandbox_close_others(keep, sizeof(keep) / sizeof(keep[0]));
	sandbox_limits(LIMIT_WORKER_MEMORY);
	if (p->ops->start)
		w.self = p->ops->start(p->data);
	if (sandbox_enter() < 0)
		_exit(3);
	for (;;) {
		struct job_message m;
		int fds[1 + COMPANIONS];
		unsigned count;

		if (receive(p->jobs_child_fd, text, sizeof(text), fds, &count, 0) <
		    (ssize_t)sizeof(m))
			_exit(0);
		memcpy(&m, text, sizeof(m));
		if (count == 0)
			_exit(3);
		w.job = m.job;
		atomic_store(&w.slot->parser, 0);
		atomic_store(&w.slot->job, m.job + 1);
		run_job(&w, &m, text + sizeof(m), m.host_len ? text + sizeof(m) + m.path_len : NULL,
			fds, count);
		atomic_store(&w.slot->job, 0);
	}
}

/* ---- a reader: walks an archive or an image, and sends what is in it ---- */

struct reader {
	struct pipeline *p;
	int socket;
	unsigned ahead; /* items sent and not yet taken */
	uint64_t held;
	struct {
		uint64_t memory;
	} sent[READER_AHEAD];
	unsigned first; /* of sent */
};

static void reader_send(struct reader *r, const struct item_message *m,
			const char *const texts[TEXT_COUNT], const int *fds, unsigned fd_count)
{
	static char empty[1];
	_Alignas(struct cmsghdr) char control[CMSG_SPACE(sizeof(int) * (1 + COMPANIONS))] = {0};
	struct iovec iov[1 + TEXT_COUNT] = {{(void *)(uintptr_t)m, sizeof(*m)}};
	struct msghdr msg = {.msg_iov = iov, .msg_iovlen = 1 + TEXT_COUNT};

	for (unsigned i = 0; i < TEXT_COUNT; i++) {
		iov[1 + i].iov_base = texts[i] ? (void *)(uintptr_t)texts[i] : empty;
		iov[1 + i].iov_len = texts[i] ? strlen(texts[i]) + 1 : 1;
	}
	if (fd_count) {
		struct cmsghdr *c;

		msg.msg_control = control;
		msg.msg_controllen = CMSG_SPACE(sizeof(int) * fd_count);
		c = CMSG_FIRSTHDR(&msg);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(sizeof(int) * fd_count);
		memcpy(CMSG_DATA(c), fds, fd_count * sizeof(int));
	}
	while (sendmsg(r->socket, &msg, MSG_NOSIGNAL) < 0)
		if (errno != EINTR && errno != ETOOMANYREFS)
			_exit(0);
}

/* Waits until the parent has taken enough of what was sent. */
static void reader_wait(struct reader *r)
{
	while (r->ahead == READER_AHEAD || (r->ahead && r->held > MEMORY_HELD / 2)) {
		char byte;
		ssize_t n = read(r->socket, &byte, 1);

		if (n < 0 && errno == EINTR)
			continue;
		if (n != 1)
			_exit(0);
		r->held -= r->sent[r->first].memory;
		r->first = (r->first + 1) % READER_AHEAD;
		r->ahead--;
	}
}

/* Suffixes of what belongs to a file of this kind. */
static const char *const *companions_of(struct view head)
{
	static const char
		*const hive[] = {".LOG1", ".LOG2", ".LOG", ".log1", ".log2", ".log", NULL},
		       *const database[] = {"-wal", "-journal", NULL}, *const none[] = {NULL};

	if (view_starts(head, "regf", 4))
		return hive;
	if (view_starts(head, "SQLite format 3", 16))
		return database;
	return none;
}

static void reader_alive(void *data)
{
	atomic_fetch_add(&((struct pipeline *)data)->shared->reader_alive, 1);
}

static int reader_item(void *data, struct evidence *e, const struct item *item)
{
	struct reader *r = data;
	struct item_message m = {.flags = (item->unreadable ? ITEM_UNREADABLE : 0u) |
					  (item->deleted ? ITEM_DELETED : 0u) |
					  (evidence_lists_autoruns(e) ? ITEM_COLLECTED : 0u),
				 .size = item->size,
				 .mtime = item->mtime,
				 .offset = PROBLEM_NO_OFFSET};
	const char *texts[TEXT_COUNT] = {item->path,   item->member, item->host,
					 item->sha256, item->error,  NULL};
	int fds[1 + COMPANIONS];
	unsigned count = 0;
	struct content content;
	struct problem problem = {0};

	reader_wait(r);
	if (!item->unreadable) {
		struct view head = evidence_head(e);
		const char *name =
			strrchr(item->path, '/') ? strrchr(item->path, '/') + 1 : item->path;
		struct probe probe = {
			.head = head, .size = item->size, .path = item->path, .name = name};

		if (probe.size == UINT64_MAX)
			probe.size = head.len;
		if (!r->p->options.parser && !parser_pick(&probe, NULL) &&
		    !evidence_compressed(head) &&
		    evidence_look(head, item->size, name, NULL) == EVIDENCE_FILE) {
			m.flags |= ITEM_UNCLAIMED;
		} else if (evidence_content(e, &content, &problem) < 0) {
			m.flags |= ITEM_UNREADABLE;
			texts[TEXT_ERROR] = problem.reason;
		} else {
			const char *const *suffix = companions_of(head);

			m.memory = content.memory;
			fds[count++] = content.fd;
			if (content.problem.reason[0]) {
				texts[TEXT_PROBLEM] = content.problem.reason;
				m.offset = content.problem.offset;
			}
			for (; *suffix && m.companions < COMPANIONS; suffix++)
				if (evidence_companion(e, *suffix, &content) == OK) {
					(void)snprintf(m.suffix[m.companions++],
						       sizeof(m.suffix[0]), "%s", *suffix);
					m.memory += content.memory;
					fds[count++] = content.fd;
				}
		}
	}
	m.position = evidence_position(e);
	reader_send(r, &m, texts, fds, count);
	r->sent[(r->first + r->ahead++) % READER_AHEAD].memory = m.memory;
	r->held += m.memory;
	for (unsigned i = 0; i < count; i++)
		(void)close(fds[i]);
	return OK;
}

_Noreturn static void reader_main(struct pipeline *p, const struct server_request *request,
				  const char *path, int input, int socket)
{
	static struct reader r;
	const struct evidence_options options = {.scratch = p->scratch_fd,
						 .by_name = request->by_name,
						 .alive = reader_alive,
						 .alive_data = p};
	const int keep[] = {input, socket, p->scratch_fd};
	struct item_message m = {.offset = PROBLEM_NO_OFFSET};
	const char *texts[TEXT_COUNT] = {0};
	struct problem problem = {.offset = PROBLEM_NO_OFFSET};
	struct evidence *e;

	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	sandbox_close_others(keep, sizeof(keep) / sizeof(keep[0]));
	sandbox_limits(LIMIT_WORKER_MEMORY);
	r.p = p;
	r.socket = socket;
	e = evidence_open(path, input, (enum evidence_kind)request->kind, &options, &problem);
	if (sandbox_enter() < 0)
		_exit(3);
	if (e) {
		m.flags = ITEM_TYPE | (evidence_is_plain_archive(e) ? ITEM_PLAIN : 0u);
		texts[TEXT_PATH] = evidence_type(e);
		texts[TEXT_HOST] = evidence_host(e);
		texts[TEXT_PROBLEM] = evidence_manifest(e);
		reader_send(&r, &m, texts, NULL, 0);
		(void)evidence_walk(e, reader_item, &r, &problem);
	}
	m.flags = ITEM_END;
	m.offset = problem.offset;
	texts[TEXT_PATH] = texts[TEXT_HOST] = NULL;
	texts[TEXT_PROBLEM] = problem.reason[0] ? problem.reason : NULL;
	reader_send(&r, &m, texts, NULL, 0);
	_exit(0);
}

/* ---- the server ---- */

/* Makes a process for each request, and answers with its pid. */
_Noreturn static void server_main(struct pipeline *p, int fd)
{
	const int keep[] = {fd, p->jobs_child_fd, p->event_fd, p->scratch_fd};
	static char packet[sizeof(struct server_request) + LIMIT_PATH + 1];

	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	(void)signal(SIGINT, SIG_DFL);
	sandbox_close_others(keep, sizeof(keep) / sizeof(keep[0]));
	for (;;) {
		struct server_request request;
		int fds[1 + COMPANIONS];
		unsigned count;
		int32_t pid;
		ssize_t n = receive(fd, packet, sizeof(packet), fds, &count, 0);

		if (n < (ssize_t)sizeof(request))
			_exit(0);
		memcpy(&request, packet, sizeof(request));
		pid = (int32_t)syscall(SYS_clone, CLONE_PARENT | SIGCHLD, NULL, NULL, NULL, NULL);
		if (pid == 0 && request.reader && count == 2)
			reader_main(p, &request, packet + sizeof(request), fds[0], fds[1]);
		if (pid == 0)
			worker_main(p, request.index);
		if (pid < 0)
			pid = -errno;
		for (unsigned i = 0; i < count; i++)
			(void)close(fds[i]);
		if (write(fd, &pid, sizeof(pid)) != sizeof(pid))
			_exit(0);
	}
}

/* ---- the parent's side ---- */

/* The pid of a new process, or -errno. fds: two, for a reader, or NULL. */
static int32_t ask_server(struct pipeline *p, const struct server_request *request,
			  const char *path, const int *fds)
{
	_Alignas(struct cmsghdr) char control[CMSG_SPACE(sizeof(int) * 2)] = {0};
	struct iovec iov[2] = {{(void *)(uintptr_t)request, sizeof(*request)},
			       {(void *)(uintptr_t)path, strlen(path) + 1}};
	struct msghdr msg = {.msg_iov = iov, .msg_iovlen = 2};
	int32_t pid;

	if (fds) {
		struct cmsghdr *c;

		msg.msg_control = control;
		msg.msg_controllen = sizeof(control);
		c = CMSG_FIRSTHDR(&msg);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(sizeof(int) * 2);
		memcpy(CMSG_DATA(c), fds, sizeof(int) * 2);
	}
	if (sendmsg(p->server_fd, &msg, MSG_NOSIGNAL) < 0)
		return -errno;
	return read(p->server_fd, &pid, sizeof(pid)) == sizeof(pid) ? pid : -ECHILD;
}

static int start_worker(struct pipeline *p)
{
	uint32_t index = 0;
	int32_t pid;
	struct worker_handle *h;

	while (index < p->threads && p->workers[index].pid)
		index++;
	if (index == p->threads)
		return OK;
	h = &p->workers[index];
	memset(&p->shared->slots[index], 0, sizeof(p->shared->slots[index]));
	pid = ask_server(p, &(struct server_request){.index = index}, "", NULL);
	if (pid <= 0) {
		complainf(NULL, "no worker process: %s", strerror(-pid));
		return p->stopped = ERR_IO;
	}
	*h = (struct worker_handle){.pid = pid, .pidfd = (int)syscall(SYS_pidfd_open, pid, 0)};
	p->alive++;
	return OK;
}

struct pipeline *pipeline_open(const struct pipeline_options *options,
			       const struct pipeline_ops *ops, void *data)
{
	struct pipeline *p = xcalloc(1, sizeof(*p));
	int pair[2], jobs[2];
	const char *scratch;
	cpu_set_t cpus;

	p->options = *options;
	p->ops = ops;
	p->data = data;
	p->threads = options->threads;
	if (p->threads == 0)
		p->threads = sched_getaffinity(0, sizeof(cpus), &cpus) == 0
				     ? (unsigned)CPU_COUNT(&cpus)
				     : 1;
	if (p->threads > WORKERS_MAX)
		p->threads = WORKERS_MAX;
	p->shared = mmap(NULL, sizeof(*p->shared), PROT_READ | PROT_WRITE,
			 MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	p->rings = mmap(NULL, (size_t)RING_SIZE * p->threads, PROT_READ | PROT_WRITE,
			MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (p->shared == MAP_FAILED || p->rings == MAP_FAILED ||
	    socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		goto fail;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, jobs) < 0)
		goto fail;
	scratch = options->scratch ? options->scratch : getenv("TMPDIR");
	p->scratch_fd =
		open(scratch && *scratch ? scratch : "/tmp", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	p->reader_fd = -1;
	p->event_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	if (p->event_fd < 0)
		goto fail;
	p->server_fd = pair[0];
	p->jobs_fd = jobs[0];
	p->jobs_child_fd = jobs[1];
	(void)fflush(NULL);
	p->server = fork();
	if (p->server < 0)
		goto fail;
	if (p->server == 0)
		server_main(p, pair[1]);
	(void)close(pair[1]);
	p->copy = xmalloc(MESSAGE_MAX);
	p->began = clock_ns(CLOCK_MONOTONIC);
	p->progress_wanted = options->verb && isatty(STDERR_FILENO);
	return p;
fail:
	free(p);
	return NULL;
}

static void clear_progress(struct pipeline *p)
{
	if (p->progress_shown)
		fputs("\r\033[K", stderr);
	p->progress_shown = false;
}

/* Tells on stderr what went wrong with it. */
static void tell(struct pipeline *p, const struct artefact *a)
{
	const char *name = a->parser ? a->parser->name : "any";

	if (a->outcome == OUTCOME_LEFT_OUT || (p->options.quiet && a->outcome == OUTCOME_UNCLAIMED))
		return;
	if (a->outcome != OUTCOME_PARSED || a->problem.reason[0])
		clear_progress(p);
	switch (a->outcome) {
	case OUTCOME_CRASHED:
		if (a->signal > 0)
			complainf(a->shown, "%s parser crashed (signal %d)", name, a->signal);
		else if (a->signal < 0)
			complainf(a->shown, "%s parser crashed (exit status %d)", name, -a->signal);
		else
			complainf(a->shown, "%s parser gave up: out of memory", name);
		break;
	case OUTCOME_TIMED_OUT:
		complainf(a->shown, "%s parser timed out", name);
		break;
	case OUTCOME_UNCLAIMED:
		complainf(a->shown, "no parser claims this file");
		break;
	case OUTCOME_PARSED:
	case OUTCOME_FAILED:
		if (a->problem.reason[0])
			complain(a->shown, &a->problem);
		break;
	case OUTCOME_LEFT_OUT:
	case OUTCOME_SKIPPED:
		break;
	}
}

static void finish_artefact(struct pipeline *p, struct artefact_state *s)
{
	struct artefact *a = &s->file;
	int status;

	p->held -= s->held;
	p->totals.bytes += a->size == UINT64_MAX ? 0 : a->size;
	p->totals.events += a->events;
	p->totals.losses += a->losses;
	switch (a->outcome) {
	case OUTCOME_PARSED:
		p->totals.parsed++;
		p->totals.damaged += a->problem.reason[0] != 0;
		break;
	case OUTCOME_UNCLAIMED:
		p->totals.unclaimed++;
		break;
	case OUTCOME_SKIPPED:
		p->totals.skipped++;
		break;
	case OUTCOME_LEFT_OUT:
		p->totals.left_out++;
		break;
	default:
		p->totals.failed++;
	}
	if (!p->stopped) {
		tell(p, a);
		if (p->ops->done && (status = p->ops->done(p->data, a)) < 0)
			p->stopped = status;
	}
	for (size_t i = 0; i < sizeof(s->strings) / sizeof(s->strings[0]); i++)
		free(s->strings[i]);
	free(s);
}

static struct job *job_at(struct pipeline *p, uint32_t sequence)
{
	return sequence - p->base < p->next - p->base ? &p->jobs[sequence % WINDOW] : NULL;
}

static void advance(struct pipeline *p)
{
	while (p->base != p->next && p->jobs[p->base % WINDOW].done) {
		struct artefact_state *s = p->jobs[p->base % WINDOW].artefact;

		pass_turn(p->shared, p->base); /* a worker that died has not */
		p->base++;
		if (++s->jobs_done == s->jobs && s->all_submitted)
			finish_artefact(p, s);
	}
}

/* What a job told at its end goes into its artefact. */
static void job_ended(struct pipeline *p, struct job *job, const struct end *end)
{
	struct artefact_state *s = job->artefact;
	struct artefact *a = &s->file;
	unsigned count = 0;

	while (parsers[count])
		count++;
	job->done = true;
	if (a->size != UINT64_MAX && !(end->hashed && s->segments > 1)) {
		uint64_t bytes = a->size / (s->segments ? s->segments : 1);

		p->job_bytes += bytes;
		if (s->loose)
			p->loose_bytes += bytes;
	}
	p->job_events += end->events;
	if (end->hashed)
		sha256_hex(end->sha256, a->sha256);
	if (end->parser >= 0 && (unsigned)end->parser < count)
		a->parser = parsers[end->parser];
	a->events += end->events;
	a->losses += end->losses;
	if (end->first != TIME_NONE && (a->first == TIME_NONE || end->first < a->first))
		a->first = end->first;
	if (end->last != TIME_NONE && (a->last == TIME_NONE || end->last > a->last))
		a->last = end->last;
	if (end->problem.reason[0] && (!a->problem.reason[0] || job->sequence < s->problem_job)) {
		a->problem = end->problem;
		a->problem.reason[sizeof(a->problem.reason) - 1] = 0;
		s->problem_job = job->sequence;
	}
	/* The worst of its jobs is the artefact's outcome. */
	if (end->outcome > (int)a->outcome && end->outcome <= OUTCOME_FAILED)
		a->outcome = (enum outcome)end->outcome;
}

/* Takes what lies in a worker's ring, as far as order allows. True when something moved. */
static bool take(struct pipeline *p, unsigned index)
{
	struct worker_handle *h = &p->workers[index];
	struct slot *slot = &p->shared->slots[index];
	const uint8_t *ring = p->rings + (size_t)index * RING_SIZE;
	bool moved = false;

	for (;;) {
		uint64_t head = atomic_load(&slot->head);
		struct message m;
		struct job *job = NULL;
		size_t at = (size_t)(h->tail % RING_SIZE), step;

		if (head == h->tail)
			break;
		memcpy(&m, ring + at, sizeof(m));
		step = (sizeof(m) + (size_t)m.len + 15) & ~(size_t)15;
		if (head - h->tail > RING_SIZE || m.len > RING_SIZE || step > RING_SIZE - at ||
		    step > head - h->tail || (m.type != MESSAGE_PAD && m.len > MESSAGE_MAX))
			goto rogue;
		if (m.type != MESSAGE_PAD) {
			job = job_at(p, m.job);
			if (!job || job->done)
				goto rogue;
			if (p->options.ordered && m.job != p->base)
				break;
			memcpy(p->copy, ring + at + sizeof(m), m.len);
		}
		h->tail += step;
		atomic_store(&slot->tail, h->tail);
		atomic_fetch_add(&slot->space, 1);
		if (atomic_load(&slot->wants_space))
			(void)futex(&slot->space, FUTEX_WAKE, 1, NULL);
		moved = true;
		if (m.type == MESSAGE_MORE) {
			if (h->partial.len > LIMIT_ARENA)
				goto rogue;
			buffer_append(&h->partial, p->copy, m.len);
		} else if (m.type == MESSAGE_DATA && !p->stopped && p->ops->data) {
			struct view v = view_of(p->copy, m.len);
			int status;

			if (h->partial.len) {
				buffer_append(&h->partial, p->copy, m.len);
				v = buffer_as_view(&h->partial);
			}
			status = p->ops->data(p->data, &job->artefact->file, v);
			h->partial.len = 0;
			if (status < 0)
				p->stopped = status;
		} else if (m.type == MESSAGE_END) {
			struct end end;

			if (m.len != sizeof(end))
				goto rogue;
			memcpy(&end, p->copy, sizeof(end));
			job_ended(p, job, &end);
			advance(p);
		}
	}
	return moved;
rogue: /* a worker that writes nonsense is not one any more */
	if (!h->dead)
		(void)kill(h->pid, SIGKILL);
	h->tail = atomic_load(&slot->head);
	return true;
}

/* A dead worker whose ring is empty: its job, if it had one, is over. */
static bool bury(struct pipeline *p, unsigned index)
{
	struct worker_handle *h = &p->workers[index];
	struct slot *slot = &p->shared->slots[index];
	uint32_t number = atomic_load(&slot->job) - 1;
	struct job *job = atomic_load(&slot->job) ? job_at(p, number) : NULL;

	if (job && !job->done) {
		struct artefact *a = &job->artefact->file;
		uint32_t parser = atomic_load(&slot->parser);

		for (uint32_t i = 0; parser && parsers[i]; i++)
			if (i + 1 == parser)
				a->parser = parsers[i];
		if (p->options.ordered && number != p->base)
			return false;
		if (atomic_load(&p->shared->print_error) ||
		    (WIFSIGNALED(h->wait_status) && WTERMSIG(h->wait_status) == SIGPIPE)) {
			p->stopped = ERR_STOPPED;
			p->broken_pipe = true;
		} else if (h->timed_out) {
			a->outcome = OUTCOME_TIMED_OUT;
		} else {
			a->outcome = OUTCOME_CRASHED;
			a->signal = WIFSIGNALED(h->wait_status) ? WTERMSIG(h->wait_status)
				    : WEXITSTATUS(h->wait_status) == EXIT_MISUSE
					    ? 0
					    : -WEXITSTATUS(h->wait_status);
		}
		job->done = true;
	} else if (WIFSIGNALED(h->wait_status) && WTERMSIG(h->wait_status) == SIGPIPE) {
		p->stopped = ERR_STOPPED;
		p->broken_pipe = true;
	}
	buffer_release(&h->partial);
	if (h->pidfd >= 0)
		(void)close(h->pidfd);
	*h = (struct worker_handle){0};
	p->alive--;
	advance(p);
	/* Jobs that nobody has taken want another worker. */
	if (!p->stopped && p->base != p->next && p->alive < p->threads)
		(void)start_worker(p);
	return true;
}

static void reap(struct pipeline *p)
{
	for (unsigned i = 0; i < p->threads; i++) {
		struct worker_handle *h = &p->workers[i];

		if (h->pid && !h->dead && waitpid(h->pid, &h->wait_status, WNOHANG) == h->pid)
			h->dead = true;
	}
}

/* Kills workers that used more CPU time than their job's size allows. Waiting costs nothing. */
static void watch(struct pipeline *p)
{
	struct job *oldest = job_at(p, p->base);
	bool idle = false, taken = false;

	for (unsigned i = 0; i < p->threads; i++) {
		struct worker_handle *h = &p->workers[i];
		uint32_t number = h->pid ? atomic_load(&p->shared->slots[i].job) : 0;
		struct job *job = number ? job_at(p, number - 1) : NULL;
		clockid_t clock;
		int64_t used;

		if (!job || h->dead || clock_getcpuclockid(h->pid, &clock) ||
		    (used = clock_ns(clock)) < 0)
			continue;
		if (h->seen_job != number) {
			h->seen_job = number;
			h->cpu_at_start = used;
		} else if ((uint64_t)(used - h->cpu_at_start) / TIME_SECOND > job->seconds &&
			   !h->timed_out) {
			h->timed_out = true;
			(void)kill(h->pid, SIGKILL);
		}
	}
	/* Jobs are taken in order, so when a worker has nothing to do and none has the oldest job,
	 * the one that took it has lied about it. */
	for (unsigned i = 0; i < p->threads; i++) {
		uint32_t number =
			p->workers[i].pid ? atomic_load(&p->shared->slots[i].job) : UINT32_MAX;

		idle |= number == 0;
		taken |= number == p->base + 1 ||
			 (p->workers[i].pid &&
			  atomic_load(&p->shared->slots[i].head) != p->workers[i].tail);
	}
	p->lost_ticks = oldest && !oldest->done && idle && !taken ? p->lost_ticks + 1 : 0;
	if (p->lost_ticks > 10) {
		oldest->done = true;
		oldest->artefact->file.outcome = OUTCOME_CRASHED;
		advance(p);
	}
}

/* 12345678 as "12.3 M". */
static const char *human(double n, char text[16])
{
	static const char units[] = " kMGT";
	unsigned i = 0;

	for (; n >= 1000 && i < 4; i++)
		n /= 1000;
	if (i == 0)
		(void)snprintf(text, 16, "%.0f", n);
	else
		(void)snprintf(text, 16, "%.*f %c", n < 10 ? 2 : n < 100 ? 1 : 0, n, units[i]);
	return text;
}

static void progress(struct pipeline *p, int64_t now)
{
	double seconds = (double)(now - p->began) / (double)TIME_SECOND, share, left;
	uint64_t files =
		p->totals.parsed + p->totals.unclaimed + p->totals.skipped + p->totals.failed;
	uint64_t behind = p->expected_done + p->position + p->loose_bytes;
	char a[16], b[16], c[16];

	if (!p->progress_wanted || seconds < 2 || now < p->next_progress)
		return;
	p->next_progress = now + TIME_SECOND / 4;
	p->progress_shown = true;
	fprintf(stderr, "\r\033[K%s: %llu/%llu files, %s events, %s events/s, %sB/s",
		p->options.verb, (unsigned long long)files,
		(unsigned long long)(p->totals.artefacts > p->expected_files ? p->totals.artefacts
									     : p->expected_files),
		human((double)p->job_events, a), human((double)p->job_events / seconds, b),
		human((double)p->job_bytes / seconds, c));
	share = p->expected ? (double)behind / (double)p->expected : 0;
	left = share > 0.01 && share <= 1 ? seconds / share - seconds : -1;
	if (left >= 0)
		fprintf(stderr, ", %.0f %s left", left < 120 ? left : left / 60,
			left < 120 ? "s" : "min");
	(void)fflush(stderr);
}

/* Moves what can be moved; waits for something when nothing could and `wait` says so. */
static void pump(struct pipeline *p, bool wait)
{
	bool moved = false;
	int64_t now;

	for (;;) {
		bool again = false;

		for (unsigned i = 0; i < p->threads; i++)
			if (p->workers[i].pid) {
				again |= take(p, i);
				if (p->workers[i].dead &&
				    (atomic_load(&p->shared->slots[i].head) == p->workers[i].tail ||
				     p->stopped))
					again |= bury(p, i);
			}
		moved |= again;
		if (atomic_load(&p->shared->print_error) && !p->stopped) {
			p->stopped = ERR_STOPPED;
			p->broken_pipe = atomic_load(&p->shared->print_error) == EPIPE;
		}
		if (!again || p->stopped)
			break;
	}
	now = clock_ns(CLOCK_MONOTONIC);
	if (now >= p->next_watch) {
		p->next_watch = now + TIME_SECOND / 5;
		watch(p);
		reap(p);
	}
	progress(p, now);
	if (wait && !moved && !p->stopped) {
		struct pollfd fds[WORKERS_MAX + 2] = {{p->event_fd, POLLIN, 0},
						      {p->reader_fd, POLLIN, 0}};
		nfds_t n = 2;
		uint64_t ignored;

		for (unsigned i = 0; i < p->threads; i++)
			if (p->workers[i].pid && !p->workers[i].dead && p->workers[i].pidfd >= 0)
				fds[n++] = (struct pollfd){p->workers[i].pidfd, POLLIN, 0};
		atomic_store(&p->shared->parent_sleeps, 1);
		for (unsigned i = 0; i < p->threads && !moved; i++) {
			struct message m;

			if (!p->workers[i].pid ||
			    atomic_load(&p->shared->slots[i].head) == p->workers[i].tail)
				continue;
			/* what waits for its turn does not count */
			memcpy(&m,
			       p->rings + (size_t)i * RING_SIZE + p->workers[i].tail % RING_SIZE,
			       sizeof(m));
			moved = !p->options.ordered || m.job == p->base || m.type == MESSAGE_PAD;
		}
		if (!moved && poll(fds, n, 200) > 0) {
			if (fds[0].revents && read(p->event_fd, &ignored, sizeof(ignored)) < 0)
				ignored = 0;
			for (nfds_t i = 2; i < n; i++)
				if (fds[i].revents)
					reap(p);
		}
		atomic_store(&p->shared->parent_sleeps, 0);
	}
}

static char *keep(struct artefact_state *s, unsigned i, const char *text)
{
	return s->strings[i] = text ? xstrdup(text) : NULL;
}

/* Sends one job; waits for room. The descriptors stay open. */
static int submit(struct pipeline *p, struct artefact_state *s, struct job_message *m,
		  const int *fds, unsigned fd_count)
{
	_Alignas(struct cmsghdr) char control[CMSG_SPACE(sizeof(int) * (1 + COMPANIONS))] = {0};
	struct iovec iov[3] = {
		{m, sizeof(*m)},
		{(void *)(uintptr_t)s->file.path, strlen(s->file.path) + 1},
		{(void *)(uintptr_t)s->file.host, s->file.host ? strlen(s->file.host) + 1 : 0}};
	struct msghdr msg = {.msg_iov = iov,
			     .msg_iovlen = 3,
			     .msg_control = control,
			     .msg_controllen = CMSG_SPACE(sizeof(int) * fd_count)};
	struct cmsghdr *c = CMSG_FIRSTHDR(&msg);
	uint64_t size = s->file.size == UINT64_MAX ? 0 : s->file.size;

	while (!p->stopped && p->next != p->base &&
	       (p->next - p->base >= WINDOW || p->held > MEMORY_HELD))
		pump(p, true);
	if (p->stopped)
		return p->stopped;
	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(sizeof(int) * fd_count);
	memcpy(CMSG_DATA(c), fds, fd_count * sizeof(int));
	m->job = p->next;
	m->artefact = s->number;
	m->path_len = (uint32_t)iov[1].iov_len;
	m->host_len = (uint32_t)iov[2].iov_len;
	p->jobs[p->next % WINDOW] = (struct job){.artefact = s,
						 .sequence = p->next,
						 .seconds = JOB_SECONDS + size / LIMIT_WORKER_RATE};
	s->jobs++;
	p->next++;
	/* One more worker while there are jobs that none may have taken. */
	if (p->alive < p->threads && p->next - p->base > p->alive && start_worker(p) < 0)
		return p->stopped;
	while (sendmsg(p->jobs_fd, &msg, MSG_DONTWAIT | MSG_NOSIGNAL) < 0) {
		if (errno == EINTR)
			continue;
		if (errno != EAGAIN && errno != ENOBUFS && errno != ETOOMANYREFS) {
			complainf(s->file.shown, "%s", strerror(errno));
			p->jobs[(p->next - 1) % WINDOW].done = true;
			s->file.outcome = OUTCOME_FAILED;
			advance(p);
			return OK;
		}
		pump(p, true);
		if (p->stopped)
			return p->stopped;
	}
	pump(p, false);
	return p->stopped;
}

static bool from_hex(const char *hex, uint8_t out[32])
{
	if (!hex || strlen(hex) != 64)
		return false;
	for (unsigned i = 0; i < 32; i++) {
		char pair[3] = {hex[2 * i], hex[2 * i + 1], 0}, *end;

		out[i] = (uint8_t)strtoul(pair, &end, 16);
		if (*end)
			return false;
	}
	return true;
}

/* The parser and the segments of a large file: a look at its head and what segments() reads, on a
 * mapping. */
static uint32_t segments_of(const struct pipeline *p, const struct artefact *a, int fd,
			    int32_t *parser)
{
	struct view bytes = map_fd(fd);
	struct probe probe = {.head = view_clip(bytes, 0, PROBE_HEAD),
			      .size = bytes.len,
			      .path = a->path,
			      .name = strrchr(a->path, '/') ? strrchr(a->path, '/') + 1 : a->path};
	const struct parser *pick = p->options.parser ? p->options.parser
				    : bytes.len	      ? parser_pick(&probe, NULL)
						      : NULL;
	uint32_t n = 0;

	*parser = -1;
	for (int i = 0; pick && parsers[i]; i++)
		if (parsers[i] == pick)
			*parser = i;
	if (pick && pick->segments)
		n = pick->segments(bytes);
	unmap(bytes);
	return n;
}

/* Makes the strings of a new artefact its own, and counts it. */
static void adopt(struct pipeline *p, struct artefact_state *s)
{
	struct artefact *a = &s->file;
	const struct artefact file = *a;

	a->path = keep(s, 0, file.path ? file.path : "");
	a->shown = keep(s, 1, file.shown ? file.shown : a->path);
	a->host = keep(s, 2, p->options.host ? p->options.host : file.host);
	a->member = keep(s, 3, file.member);
	a->stated = keep(s, 4, file.stated);
	a->note = keep(s, 5, file.note);
	a->outcome = OUTCOME_PARSED;
	a->first = a->last = TIME_NONE;
	if (strlen(a->path) > LIMIT_PATH)
		s->strings[0][LIMIT_PATH] = 0;
	if (a->host && strlen(a->host) > LIMIT_PATH)
		s->strings[2][LIMIT_PATH] = 0;
	s->number = p->artefacts++;
	s->held = a->memory;
	p->held += s->held;
	p->totals.artefacts++;
}

int pipeline_add(struct pipeline *p, const struct artefact *file, int fd,
		 const struct companion *companions, size_t count)
{
	struct artefact_state *s = xcalloc(1, sizeof(*s));
	struct artefact *a = &s->file;
	struct job_message m = {.parser = -1, .segment_to = UINT32_MAX};
	int fds[1 + COMPANIONS] = {fd};
	unsigned fd_count = 1;
	uint32_t segments = 0;
	struct stat st;

	*a = *file;
	adopt(p, s);
	if (fstat(fd, &st) == 0)
		a->size = (uint64_t)st.st_size;
	m.mtime = a->mtime;
	m.now = time_now();
	m.flags = (a->collected ? JOB_COLLECTED : 0u) | (p->options.carve ? JOB_CARVE : 0u) |
		  (p->options.hash ? JOB_HASH : 0u);
	for (size_t i = 0; i < count && i < COMPANIONS; i++) {
		memcpy(m.suffix[i], companions[i].suffix, sizeof(m.suffix[i]));
		m.suffix[i][sizeof(m.suffix[i]) - 1] = 0;
		fds[fd_count++] = companions[i].fd;
	}
	m.companions = fd_count - 1;
	if (p->options.parser)
		for (int i = 0; parsers[i]; i++)
			if (parsers[i] == p->options.parser)
				m.parser = i;
	if (p->ops->known && from_hex(p->ops->known(p->data, a), m.known))
		m.flags |= JOB_HASH | JOB_KNOWN;
	if (a->size > SEGMENTED && p->threads > 1)
		segments = segments_of(p, a, fd, &m.parser);
	s->loose = !file->member || file->loose;
	s->segments = segments;
	if (segments > 1) {
		bool same = false;

		if (m.flags & JOB_KNOWN) {
			struct view bytes = map_fd(fd);
			uint8_t digest[32];

			hash_bytes(bytes, digest);
			unmap(bytes);
			same = memcmp(digest, m.known, sizeof(digest)) == 0;
			if (same)
				sha256_hex(digest, a->sha256);
		}
		if (same) {
			a->outcome = OUTCOME_SKIPPED;
			s->all_submitted = true;
			while (p->base != p->next && p->options.ordered && !p->stopped)
				pump(p, true);
			finish_artefact(p, s);
		} else {
			uint32_t flags = m.flags & ~(uint32_t)(JOB_HASH | JOB_KNOWN);

			for (uint32_t i = 0; i < segments && !p->stopped; i++) {
				m.segment_from = i;
				m.segment_to = i + 1;
				m.flags = flags | (i == 0 ? JOB_FIRST : 0u) |
					  (i + 1 == segments ? JOB_LAST : 0u);
				if (i + 1 == segments && !p->options.hash)
					s->all_submitted = true;
				(void)submit(p, s, &m, fds, fd_count);
			}
			if (p->options.hash && !p->stopped) {
				m.flags = JOB_HASH | JOB_HASH_ONLY;
				s->all_submitted = true;
				(void)submit(p, s, &m, fds, fd_count);
			}
		}
	} else {
		m.flags |= JOB_FIRST | JOB_LAST;
		s->all_submitted = true;
		(void)submit(p, s, &m, fds, fd_count);
	}
	for (unsigned i = 0; i < fd_count; i++)
		(void)close(fds[i]);
	return p->stopped;
}

/* An artefact that needs no worker: unclaimed or unreadable; in its place in the order. */
static int add_done(struct pipeline *p, const struct artefact *file, enum outcome outcome,
		    const char *why)
{
	struct artefact_state *s = xcalloc(1, sizeof(*s));

	while (!p->stopped && p->next - p->base >= WINDOW)
		pump(p, true);
	s->file = *file;
	adopt(p, s);
	s->file.outcome = outcome;
	if (why)
		(void)problem_set(&s->file.problem, ERR_IO, PROBLEM_NO_OFFSET, "%s", why);
	s->jobs = 1;
	s->all_submitted = true;
	p->jobs[p->next % WINDOW] = (struct job){.artefact = s, .sequence = p->next, .done = true};
	p->next++;
	advance(p);
	return p->stopped;
}

static int take_file(struct pipeline *p, const struct artefact *a, int fd,
		     const struct companion *companions, size_t count, const char *real_path,
		     unsigned depth);

static void input_problem(struct pipeline *p, uint64_t number, const char *shown,
			  const struct problem *problem)
{
	clear_progress(p);
	complain(shown, problem);
	p->totals.damaged_inputs++;
	if (p->ops->input_problem)
		p->ops->input_problem(p->data, number, shown, problem);
}

static void input_problem_errno(struct pipeline *p, uint64_t number, const char *shown)
{
	struct problem problem;

	(void)problem_set(&problem, ERR_IO, PROBLEM_NO_OFFSET, "%s", strerror(errno));
	input_problem(p, number, shown, &problem);
}

static int input_open(struct pipeline *p, uint64_t number, const char *path, const char *type,
		      const char *host)
{
	int status = p->ops->input ? p->ops->input(p->data, number, path, type, host, NULL) : OK;

	if (status < 0)
		p->stopped = status;
	return p->stopped;
}

/* Evidence with files inside: a reader walks it. */
static int take_container(struct pipeline *p, const char *shown, const char *name,
			  const char *real_path, int fd, enum evidence_kind kind, unsigned depth,
			  const struct artefact *outer)
{
	struct server_request request = {
		.reader = 1, .kind = (int32_t)kind, .by_name = real_path != NULL};
	struct stat st;
	char *packet = xmalloc(sizeof(struct item_message) + ITEM_TEXT_MAX);
	int pair[2], fds[2], outer_reader = p->reader_fd, status;
	bool ended = false, timed_out = false, inside = false;
	struct problem problem = {.offset = PROBLEM_NO_OFFSET};
	uint32_t alive = UINT32_MAX;
	int64_t cpu = 0, patience = READER_SECONDS * TIME_SECOND, idle_cpu = -1, idle_since = 0,
		used;
	clockid_t clock;
	int32_t pid;
	/* Given by the user, alone or in a folder of such: an input. What lies deeper belongs to
	 * that. */
	bool own = depth == 0 || (depth == 1 && outer->loose);
	uint64_t number = own && depth ? p->totals.inputs++ : outer->input;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0) {
		input_problem_errno(p, number, shown);
		free(packet);
		return OK;
	}
	if (fstat(fd, &st) == 0 && st.st_size > 0)
		patience += (int64_t)st.st_size / READER_RATE * TIME_SECOND;
	if (patience > READER_SECONDS_MAX * TIME_SECOND)
		patience = READER_SECONDS_MAX * TIME_SECOND;
	fds[0] = fd;
	fds[1] = pair[1];
	pid = ask_server(p, &request, real_path ? real_path : name, fds);
	(void)close(pair[1]);
	if (pid <= 0) {
		complainf(shown, "no reader process: %s", strerror(-pid));
		(void)close(pair[0]);
		free(packet);
		return p->stopped = ERR_IO;
	}
	p->reader_fd = pair[0];
	while (!p->stopped && !ended) {
		int files[1 + COMPANIONS];
		unsigned count;
		struct companion companions[COMPANIONS] = {0};
		struct item_message m;
		const char *texts[TEXT_COUNT], *at;
		ssize_t n = receive(pair[0], packet, sizeof(m) + ITEM_TEXT_MAX, files, &count,
				    MSG_DONTWAIT);
		struct artefact a;
		char *label, *path;

		if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
			p->reader_fd = pair[0];
			pump(p, true);
			/* One that computes nothing for long has locked itself out (libtsk, on some damaged
			 * images): nobody but the parent could make it wait, and the parent waits here. */
			if (clock_getcpuclockid(pid, &clock) != 0)
				continue;
			used = clock_ns(clock);
			if (used != idle_cpu) {
				idle_cpu = used;
				idle_since = clock_ns(CLOCK_MONOTONIC);
			} else if (clock_ns(CLOCK_MONOTONIC) - idle_since >
				   READER_SECONDS * TIME_SECOND) {
				timed_out = true;
				(void)kill(pid, SIGKILL);
			}
			if (used - cpu > patience) {
				timed_out = alive == atomic_load(&p->shared->reader_alive);
				if (timed_out)
					(void)kill(pid, SIGKILL);
				alive = atomic_load(&p->shared->reader_alive);
				cpu = used;
			}
			continue;
		}
		if (n < 0 && errno == ECONNRESET)
			continue; /* it ended before it read our last acknowledgement; what it sent
				     is still there */
		if (n < (ssize_t)(sizeof(m) + TEXT_COUNT) || packet[n - 1] != 0)
			break; /* it died, or sends nonsense */
		memcpy(&m, packet, sizeof(m));
		at = packet + sizeof(m);
		for (unsigned i = 0; i < TEXT_COUNT; i++) {
			texts[i] = at < packet + n && *at ? at : NULL;
			at += at < packet + n ? strlen(at) + 1 : 0;
		}
		if (clock_getcpuclockid(pid, &clock) == 0)
			cpu = clock_ns(clock);
		alive = atomic_load(&p->shared->reader_alive);
		if (m.flags & (ITEM_END | ITEM_TYPE)) {
			/* An archive that the host had: its files are called by where it lies. */
			inside = inside || (!own && (m.flags & ITEM_PLAIN));
			if (m.flags & ITEM_END) {
				ended = true;
				problem.offset = m.offset;
				(void)snprintf(problem.reason, sizeof(problem.reason), "%s",
					       texts[TEXT_PROBLEM] ? texts[TEXT_PROBLEM] : "");
			} else if (own && p->ops->input &&
				   (status = p->ops->input(p->data, number, outer->path,
							   texts[TEXT_PATH], texts[TEXT_HOST],
							   texts[TEXT_PROBLEM])) < 0) {
				p->stopped = status;
			}
			continue;
		}
		if (own)
			p->position = m.position;
		label = xasprintf("%s:%s", shown, texts[TEXT_PATH] ? texts[TEXT_PATH] : "");
		path = inside ? xasprintf("%s/%s", outer->path,
					  texts[TEXT_PATH] ? texts[TEXT_PATH] : "")
			      : NULL;
		a = (struct artefact){.path = path		 ? path
					      : texts[TEXT_PATH] ? texts[TEXT_PATH]
								 : "",
				      .shown = label,
				      .host = texts[TEXT_HOST] ? texts[TEXT_HOST] : outer->host,
				      .member = texts[TEXT_MEMBER],
				      .stated = texts[TEXT_SHA256],
				      .note = texts[TEXT_ERROR],
				      .mtime = m.mtime,
				      .size = m.size,
				      .memory = m.memory,
				      .input = number,
				      .collected = (m.flags & ITEM_COLLECTED) != 0};
		if (texts[TEXT_PROBLEM])
			(void)problem_set(&a.problem, ERR_TRUNCATED, m.offset, "%s",
					  texts[TEXT_PROBLEM]);
		if (count == 0) {
			status = m.flags & ITEM_UNCLAIMED ? add_done(p, &a, OUTCOME_UNCLAIMED, NULL)
				 : a.note && strncmp(a.note, "left out: ", 10) == 0
					 ? add_done(p, &a, OUTCOME_LEFT_OUT, NULL)
					 : add_done(p, &a, OUTCOME_FAILED,
						    a.note ? a.note : "cannot be read");
		} else {
			for (unsigned i = 1; i < count; i++) {
				companions[i - 1].fd = files[i];
				memcpy(companions[i - 1].suffix, m.suffix[i - 1],
				       sizeof(m.suffix[0]));
				companions[i - 1].suffix[sizeof(m.suffix[0]) - 1] = 0;
			}
			status = take_file(p, &a, files[0], companions, count - 1, NULL, depth + 1);
		}
		free(label);
		free(path);
		(void)status;
		(void)send(pair[0], "", 1,
			   MSG_NOSIGNAL); /* one taken; the reader may have ended already */
	}
	p->reader_fd = outer_reader;
	(void)close(pair[0]);
	if (!ended)
		(void)kill(pid, SIGKILL);
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	free(packet);
	if (p->stopped)
		return p->stopped;
	if (!ended) {
		if (timed_out)
			(void)problem_set(&problem, ERR_LIMIT, PROBLEM_NO_OFFSET,
					  "reading what is in it timed out");
		else if (WIFSIGNALED(status))
			(void)problem_set(&problem, ERR_FORMAT, PROBLEM_NO_OFFSET,
					  "reading what is in it crashed (signal %d)",
					  WTERMSIG(status));
		else
			(void)problem_set(&problem, ERR_MEMORY, PROBLEM_NO_OFFSET,
					  "reading what is in it ended too early%s",
					  WEXITSTATUS(status) == EXIT_MISUSE ? ": out of memory"
									     : "");
	}
	if (problem.reason[0])
		input_problem(p, number, shown, &problem);
	if (own) {
		p->position = 0;
		p->expected_done += outer->size;
	}
	return OK;
}

/* A file: evidence with files inside, or an artefact. Closes the descriptors. */
static int take_file(struct pipeline *p, const struct artefact *a, int fd,
		     const struct companion *companions, size_t count, const char *real_path,
		     unsigned depth)
{
	static uint8_t head[PROBE_HEAD];
	const char *name = strrchr(a->path, '/') ? strrchr(a->path, '/') + 1 : a->path, *why = NULL;
	enum evidence_kind kind = EVIDENCE_FILE;
	struct stat st;
	ssize_t n;
	int status;

	if (fstat(fd, &st) == 0 && !p->options.parser) {
		n = pread(fd, head, sizeof(head), 0);
		kind = evidence_look(view_of(head, n > 0 ? (size_t)n : 0), (uint64_t)st.st_size,
				     name, &why);
	}
	if (kind == EVIDENCE_UNSUPPORTED || (kind != EVIDENCE_FILE && depth >= NESTING)) {
		status = add_done(p, a, OUTCOME_FAILED, why ? why : "evidence nested too deep");
	} else if (kind == EVIDENCE_FILE) {
		if (depth == 0)
			(void)input_open(p, a->input, a->path, NULL, NULL);
		return pipeline_add(p, a, fd, companions, count);
	} else {
		status = take_container(p, a->shown ? a->shown : a->path, name, real_path, fd, kind,
					depth, a);
	}
	for (size_t i = 0; i < count; i++)
		(void)close(companions[i].fd);
	(void)close(fd);
	return status;
}

static uint64_t expected_now, expected_files_now; /* nftw has no argument for its function */

struct folder_walk {
	struct pipeline *p;
	const char *input;
	uint64_t number;
};

static int folder_item(void *data, struct evidence *e, const struct item *item)
{
	struct folder_walk *w = data;
	struct pipeline *p = w->p;
	char *shown =
		xasprintf("%s%s%s", w->input, w->input[strlen(w->input) - 1] == '/' ? "" : "/",
			  item->member ? item->member : item->path);
	struct artefact a = {.path = item->path,
			     .shown = shown,
			     .host = item->host,
			     .member = item->member,
			     .stated = item->sha256,
			     .note = item->error,
			     .mtime = item->mtime,
			     .size = item->size,
			     .input = w->number,
			     .loose = true};
	struct companion companions[COMPANIONS] = {0};
	struct content content;
	struct problem problem = {0};
	size_t count = 0;
	int status;

	if (item->unreadable || evidence_content(e, &content, &problem) < 0) {
		status =
			add_done(p, &a, OUTCOME_FAILED, item->error ? item->error : problem.reason);
	} else {
		const char *const *suffix = companions_of(evidence_head(e));
		struct content other;

		for (; *suffix && count < COMPANIONS; suffix++)
			if (evidence_companion(e, *suffix, &other) == OK) {
				(void)snprintf(companions[count].suffix,
					       sizeof(companions[0].suffix), "%s", *suffix);
				companions[count++].fd = other.fd;
			}
		status = take_file(p, &a, content.fd, companions, count, shown, 1);
	}
	free(shown);
	return status;
}

static int expect(const char *path, const struct stat *st, int type, struct FTW *at)
{
	(void)path;
	(void)at;
	if (type == FTW_F && S_ISREG(st->st_mode)) {
		expected_now += (uint64_t)st->st_size;
		expected_files_now++;
	}
	return 0;
}

void pipeline_expect(struct pipeline *p, const char *path)
{
	if (!p->progress_wanted)
		return;
	expected_now = expected_files_now = 0;
	(void)nftw(path, expect, 32, FTW_PHYS | FTW_MOUNT);
	p->expected += expected_now;
	p->expected_files += expected_files_now;
}

int pipeline_input(struct pipeline *p, const char *path)
{
	char *real = p->options.absolute ? realpath(path, NULL) : NULL;
	struct artefact a = {.path = real ? real : path,
			     .shown = path,
			     .mtime = TIME_NONE,
			     .input = p->totals.inputs++};
	const struct evidence_options options = {.scratch = -1};
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK), status = OK;
	struct problem problem = {.offset = PROBLEM_NO_OFFSET};
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0) {
		input_problem_errno(p, a.input, path);
	} else if (S_ISDIR(st.st_mode)) {
		struct folder_walk w = {p, a.path, a.input};
		struct evidence *e = evidence_open(a.path, fd, EVIDENCE_FOLDER, &options, &problem);

		if (!e)
			input_problem(p, a.input, path, &problem);
		else if ((status = input_open(p, a.input, a.path,
					      evidence_is_loose(e) ? NULL : evidence_type(e),
					      evidence_host(e))) == OK)
			status = evidence_walk(e, folder_item, &w, &problem);
		evidence_close(e);
		(void)close(fd);
	} else if (S_ISREG(st.st_mode) || S_ISBLK(st.st_mode)) {
		struct companion companions[COMPANIONS] = {0};
		size_t count = 0;
		uint8_t head[16];
		ssize_t n = pread(fd, head, sizeof(head), 0);

		a.mtime = (int64_t)st.st_mtim.tv_sec * TIME_SECOND + st.st_mtim.tv_nsec;
		for (const char *const *suffix =
			     companions_of(view_of(head, n > 0 ? (size_t)n : 0));
		     *suffix; suffix++) {
			char *beside = xasprintf("%s%s", path, *suffix);
			int other = open(beside, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);

			free(beside);
			if (other >= 0 && fstat(other, &st) == 0 && S_ISREG(st.st_mode)) {
				(void)snprintf(companions[count].suffix,
					       sizeof(companions[0].suffix), "%s", *suffix);
				companions[count++].fd = other;
			} else if (other >= 0) {
				(void)close(other);
			}
		}
		status = take_file(p, &a, fd, companions, count, path, 0);
	} else {
		(void)problem_set(&problem, ERR_UNSUPPORTED, PROBLEM_NO_OFFSET,
				  "neither a file nor a folder");
		input_problem(p, a.input, path, &problem);
		(void)close(fd);
	}
	free(real);
	return status;
}

int pipeline_close(struct pipeline *p)
{
	int status, error;

	while (p->base != p->next && !p->stopped)
		pump(p, true);
	clear_progress(p);
	for (unsigned i = 0; i < p->threads; i++)
		if (p->workers[i].pid && !p->workers[i].dead && p->stopped)
			(void)kill(p->workers[i].pid, SIGKILL);
	(void)close(p->jobs_fd);
	(void)close(p->jobs_child_fd);
	(void)close(p->server_fd);
	for (unsigned i = 0; i < p->threads; i++)
		if (p->workers[i].pid) {
			if (!p->workers[i].dead)
				(void)waitpid(p->workers[i].pid, NULL, 0);
			if (p->workers[i].pidfd >= 0)
				(void)close(p->workers[i].pidfd);
			buffer_release(&p->workers[i].partial);
		}
	(void)waitpid(p->server, NULL, 0);
	(void)close(p->event_fd);
	if (p->scratch_fd >= 0)
		(void)close(p->scratch_fd);
	error = atomic_load(&p->shared->print_error);
	if (p->broken_pipe && (error == 0 || error == EPIPE)) {
		(void)signal(SIGPIPE, SIG_DFL);
		(void)raise(SIGPIPE);
	}
	if (error)
		complainf(NULL, "standard output: %s", strerror(error));
	if (error || p->stopped)
		status = EXIT_MISUSE;
	else
		status = p->totals.failed || p->totals.damaged || p->totals.damaged_inputs ||
					 (p->totals.unclaimed && !p->options.quiet)
				 ? EXIT_DAMAGED
				 : EXIT_COMPLETE;
	if (p->options.totals)
		*p->options.totals = p->totals;
	(void)munmap(p->rings, (size_t)RING_SIZE * p->threads);
	(void)munmap(p->shared, sizeof(*p->shared));
	free(p->copy);
	free(p);
	return status;
}
