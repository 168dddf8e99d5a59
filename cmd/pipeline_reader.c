/* A reader of the pipeline: walks an archive or an image in the sandbox, and sends what is in it. */
#define _GNU_SOURCE /* MSG_NOSIGNAL */
#include "cmd/pipeline_internal.h"

#include <stdio.h>
#include <sys/prctl.h>
#include <signal.h>

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

const char *const *companions_of(struct view head, const char *path)
{
	static const char *const hive[] = {".LOG1", ".LOG2", ".LOG", ".log1",
					   ".log2", ".log",  NULL},
				 *const database[] = {"-wal", "-journal", NULL},
				 *const wmi[] = {"/MAPPING1.MAP",
						 "/MAPPING2.MAP",
						 "/MAPPING3.MAP",
						 "/mapping1.map",
						 "/mapping2.map",
						 "/mapping3.map",
						 NULL},
				 *const none[] = {NULL};
	const char *slash = strrchr(path, '/');

	if (view_starts(head, "regf", 4))
		return hive;
	if (view_starts(head, "SQLite format 3", 16))
		return database;
	if (strcasecmp(slash ? slash + 1 : path, "objects.data") == 0)
		return wmi;
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
			const char *const *suffix = companions_of(head, item->path);

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

_Noreturn void reader_main(struct pipeline *p, const struct server_request *request,
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
