/* What the parent does with an input: files to workers, what has files inside to a reader. */
#define _GNU_SOURCE /* nftw, memfd_create */
#include "cmd/pipeline_internal.h"

#include <fcntl.h>
#include <ftw.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>

static int take_file(struct pipeline *p, const struct artefact *a, int fd,
		     const struct companion *companions, size_t count, const char *real_path,
		     unsigned depth);

static void input_problem(struct pipeline *p, uint64_t number, const char *shown,
			  const struct problem *problem)
{
	progress_clear(p);
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
	pid = server_ask(p, &request, real_path ? real_path : name, fds);
	(void)close(pair[1]);
	if (pid <= 0) {
		complainf(shown, "no reader process: %s", strerror(-pid));
		(void)close(pair[0]);
		free(packet);
		return p->stopped = ERR_IO;
	}
	p->reader_fd = pair[0];
	p->containers = true;
	while (!p->stopped && !ended) {
		int files[1 + COMPANIONS];
		unsigned count;
		struct companion companions[COMPANIONS] = {0};
		struct item_message m;
		const char *texts[TEXT_COUNT], *at;
		ssize_t n = packet_receive(pair[0], packet, sizeof(m) + ITEM_TEXT_MAX, files,
					   &count, MSG_DONTWAIT);
		struct artefact a;
		char *label, *path;

		if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
			p->reader_fd = pair[0];
			pipeline_pump(p, true);
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
			status = m.flags & ITEM_UNCLAIMED
					 ? pipeline_add_done(p, &a, OUTCOME_UNCLAIMED, NULL)
				 : a.note && strncmp(a.note, "left out: ", 10) == 0
					 ? pipeline_add_done(p, &a, OUTCOME_LEFT_OUT, NULL)
					 : pipeline_add_done(p, &a, OUTCOME_FAILED,
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
		status = pipeline_add_done(p, a, OUTCOME_FAILED,
					   why ? why : "evidence nested too deep");
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
		status = pipeline_add_done(p, &a, OUTCOME_FAILED,
					   item->error ? item->error : problem.reason);
	} else {
		const char *const *suffix = companions_of(evidence_head(e), item->path);
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

/*
 * What can be read only once becomes an unnamed file, whose size is then known. The descriptor, or
 * -1 with errno. Closes fd.
 */
static int keep_stream(struct pipeline *p, int fd, uint64_t *memory)
{
	static char piece[1 << 18];
	int kept = p->scratch_fd < 0
			   ? -1
			   : openat(p->scratch_fd, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	bool in_memory = kept < 0;
	int error = 0;
	ssize_t n;

	if (in_memory)
		kept = memfd_create("input", MFD_CLOEXEC);
	(void)fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) & ~O_NONBLOCK);
	while (kept >= 0 && (n = read(fd, piece, sizeof(piece))) != 0) {
		if (n < 0 && errno == EINTR)
			continue;
		for (ssize_t done = 0, m; n > 0 && done < n; done += m) {
			m = write(kept, piece + done, (size_t)(n - done));
			if (m < 0 && errno == EINTR)
				m = 0;
			else if (m < 0)
				n = -1;
		}
		if (n < 0) {
			error = errno;
			(void)close(kept);
			kept = -1;
			break;
		}
		*memory += in_memory ? (uint64_t)n : 0;
	}
	(void)close(fd);
	if (error)
		errno = error;
	return kept;
}

/* Is it the user's word for something open already? A pipe of that kind has its writer. */
static bool is_stream_name(const char *path)
{
	return strcmp(path, "-") == 0 || strcmp(path, "/dev/stdin") == 0 ||
	       strncmp(path, "/dev/fd/", 8) == 0 || strncmp(path, "/proc/self/fd/", 14) == 0;
}

int pipeline_input(struct pipeline *p, const char *path)
{
	char *real = p->options.absolute ? realpath(path, NULL) : NULL;
	struct artefact a = {.path = real ? real : path,
			     .shown = path,
			     .mtime = TIME_NONE,
			     .input = p->totals.inputs++};
	const struct evidence_options options = {.scratch = -1};
	bool input = strcmp(path, "-") == 0;
	int fd = input ? fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3)
		       : open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	struct problem problem = {.offset = PROBLEM_NO_OFFSET};
	int status = OK;
	struct stat st;

	if (input)
		a.path = a.shown = path = "stdin";
	if (fd >= 0 && fstat(fd, &st) == 0 && (S_ISFIFO(st.st_mode) || S_ISSOCK(st.st_mode)) &&
	    (input || is_stream_name(path)))
		fd = keep_stream(p, fd, &a.memory);
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
			     companions_of(view_of(head, n > 0 ? (size_t)n : 0), path);
		     *suffix; suffix++) {
			const char *slash = strrchr(path, '/');
			size_t folder = slash ? (size_t)(slash - path) + 1 : 0;
			char *beside = **suffix == '/'
					       ? xasprintf("%.*s%s", (int)folder, path, *suffix + 1)
					       : xasprintf("%s%s", path, *suffix);
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
