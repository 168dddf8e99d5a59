/* A worker of the pipeline: takes jobs, parses in the sandbox, hands over what its sink makes. */
#define _GNU_SOURCE /* MSG_CMSG_CLOEXEC */
#include "cmd/pipeline_internal.h"

#include "base/sha256.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>

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

int task_sink_begin(void *self, struct task *task)
{
	struct task_sink *s = self;

	s->task = task;
	s->out.len = 0;
	s->origin = (struct event_origin){
		.host = task->host, .source = task->path, .parser = task->parser->name};
	task->parse->sink = &s->sink;
	return OK;
}

int task_sink_send(struct task_sink *s)
{
	int status = OK;

	if (s->task && s->out.len) {
		status = task_send(s->task, s->out.data, s->out.len);
		s->out.len = 0;
	}
	return status;
}

void task_sink_shrink(struct task_sink *s)
{
	if (s->out.cap > 4u << 20)
		buffer_release(&s->out);
}

void turn_pass(struct shared *shared, uint32_t job)
{
	uint32_t mine = job;

	if (atomic_compare_exchange_strong(&shared->turn, &mine, job + 1) &&
	    atomic_load(&shared->waiting_turn))
		(void)futex(&shared->turn, FUTEX_WAKE, INT_MAX, NULL);
}

struct view map_fd(int fd)
{
	struct stat st;
	void *at;

	if (fstat(fd, &st) < 0 || st.st_size <= 0)
		return VIEW_EMPTY;
	at = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_SHARED, fd, 0);
	return at == MAP_FAILED ? VIEW_EMPTY : view_of(at, (size_t)st.st_size);
}

void map_release(struct view v)
{
	if (v.data)
		(void)munmap((void *)(uintptr_t)v.data, v.len);
}

static void forget(struct worker *w)
{
	if (!w->mapped)
		return;
	map_release(w->bytes);
	for (unsigned i = 0; i < w->companion_count; i++)
		map_release(w->companions[i]);
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
	map_release(w->bytes);
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

void hash_bytes(struct view bytes, uint8_t out[32])
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
#else
#define misbehave(path) ((void)0)
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
	if (!w->shapes || shape_table_full(w->shapes)) {
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
		turn_pass(w->p->shared, w->job);
	}
	ring_put(w, MESSAGE_END, &end, sizeof(end));
	if (begun)
		parse_done(p);
}

ssize_t packet_receive(int socket, void *data, size_t size, int *fds, unsigned *fd_count, int flags)
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

_Noreturn void worker_main(struct pipeline *p, unsigned index)
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

		if (packet_receive(p->jobs_child_fd, text, sizeof(text), fds, &count, 0) <
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
