/*
 * Processes. The parent forks a small server first, before it opens anything that a worker must not
 * have; the server makes workers as siblings of its own (CLONE_PARENT), so that the parent is the
 * one that sees them die. All workers take jobs from one packet socket, so that a job goes to
 * whoever is free, in order, with its file descriptors. What they make comes back through a ring in
 * shared memory each. Nothing in shared memory is trusted by the parent: numbers are checked, bytes
 * copied first.
 */
#define _GNU_SOURCE /* CLONE_PARENT, CPU_COUNT */
#include "cmd/pipeline_internal.h"

#include "base/sha256.h"

#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>

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
		ssize_t n = packet_receive(fd, packet, sizeof(packet), fds, &count, 0);

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

/* ---- the parent ---- */

int32_t server_ask(struct pipeline *p, const struct server_request *request, const char *path,
		   const int *fds)
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
	pid = server_ask(p, &(struct server_request){.index = index}, "", NULL);
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

/* Tells on stderr what went wrong with it. */
static void tell(struct pipeline *p, const struct artefact *a)
{
	const char *name = a->parser ? a->parser->name : "any";

	if (a->outcome == OUTCOME_LEFT_OUT || (p->options.quiet && a->outcome == OUTCOME_UNCLAIMED))
		return;
	if (a->outcome != OUTCOME_PARSED || a->problem.reason[0])
		progress_clear(p);
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

		turn_pass(p->shared, p->base); /* a worker that died has not */
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

void pipeline_pump(struct pipeline *p, bool wait)
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
	progress_show(p, now);
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
		pipeline_pump(p, true);
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
		pipeline_pump(p, true);
		if (p->stopped)
			return p->stopped;
	}
	pipeline_pump(p, false);
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
	map_release(bytes);
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
			map_release(bytes);
			same = memcmp(digest, m.known, sizeof(digest)) == 0;
			if (same)
				sha256_hex(digest, a->sha256);
		}
		if (same) {
			a->outcome = OUTCOME_SKIPPED;
			s->all_submitted = true;
			while (p->base != p->next && p->options.ordered && !p->stopped)
				pipeline_pump(p, true);
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

int pipeline_add_done(struct pipeline *p, const struct artefact *file, enum outcome outcome,
		      const char *why)
{
	struct artefact_state *s = xcalloc(1, sizeof(*s));

	while (!p->stopped && p->next - p->base >= WINDOW)
		pipeline_pump(p, true);
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

int pipeline_close(struct pipeline *p)
{
	int status, error;

	while (p->base != p->next && !p->stopped)
		pipeline_pump(p, true);
	progress_clear(p);
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
