/* The running system, most volatile first. Lines: live.h. Sources: proc(5), utmp(5), packet and
 * socket tables of the kernel's Documentation/networking/proc_net_tcp. */
#define _GNU_SOURCE
#include "collectors/collect.h"
#include "collectors/lines.h"
#include "collectors/live.h"

#include "base/bundle_format.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ifaddrs.h>
#include <inttypes.h>
#include <linux/bpf.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/klog.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

#define FIELD_LIMIT  ((size_t)256 << 10) /* bytes of a command line, an environment, ... */
#define MAPS_LIMIT   ((size_t)4 << 20)
#define TABLE_LIMIT  ((size_t)64 << 20) /* of /proc/net/tcp and its like */
#define NAMESPACES   256		/* of a kind; more are containers of one kind */
#define FDS_LIMIT    100000
#define FDS_TEXT     ((size_t)4 << 20)	 /* bytes of what a process has open */
#define LINE_LIMIT   ((size_t)512 << 10) /* a longer list goes on in another line */
#define RECOVER_FILE (64ull << 20)	 /* an executable recovered from a process */
#define RECOVER_ALL  (512ull << 20)

/* ---- reading /proc ---- */

enum namespace { NS_MNT, NS_NET, NS_PID, NS_USER, NS_UTS, NS_IPC, NS_CGROUP, NS_COUNT };
static const char *const namespace_names[NS_COUNT] = {"mnt", "net", "pid",   "user",
						      "uts", "ipc", "cgroup"};

struct process {
	uint32_t pid, parent, uid, euid, login, session, threads, tracer, tgid;
	char state;
	int64_t start; /* ns */
	uint64_t start_ticks;
	char *exe, *cwd, *root;
	struct buffer name, command, cgroup, environment, maps;
	struct buffer all_maps; /* /proc/PID/maps */
	struct buffer files;	/* "fd", NUL, what it is, NUL, ... */
	uint32_t *programs;	/* ids of BPF programs that it holds */
	size_t program_count, program_cap;
	uint64_t namespaces[NS_COUNT];
	uint64_t *sockets; /* inodes */
	size_t socket_count, socket_cap;
	uint64_t effective; /* capabilities */
	unsigned tty;
	bool kernel, no_new_privileges, exe_unreadable, fds_unreadable, gone;
	bool stuck; /* did not answer: only what needs neither its memory nor its files was read */
	uint64_t exe_dev, exe_inode;
	bool exe_missing; /* its file is not at its path any more */
};

static void read_at(int dir_fd, const char *name, size_t limit, struct buffer *out)
{
	int fd = openat(dir_fd, name, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	ssize_t n = 0;

	out->len = 0;
	if (fd < 0)
		return;
	while (out->len < limit) {
		size_t want = limit - out->len < 65536 ? limit - out->len : 65536;

		n = read(fd, buffer_reserve(out, want), want);
		if (n <= 0)
			break;
		out->len += (size_t)n;
	}
	(void)close(fd);
}

static char *read_link(int dir_fd, const char *name)
{
	char target[4096];
	ssize_t n = readlinkat(dir_fd, name, target, sizeof(target));

	return n > 0 ? xmemdup0(target, (size_t)n) : NULL;
}

/* The number behind "NAME:" in a status file, in base 10 or 16; the n-th of them. */
static uint64_t status_number(struct view text, const char *name, unsigned nth, int base)
{
	struct view line;
	size_t n = strlen(name);

	while (view_line(&text, &line)) {
		char digits[200], *at = digits;
		uint64_t value = 0;

		if (!view_starts(line, name, n) || line.len <= n || line.data[n] != ':')
			continue;
		line = view_clip(line, n + 1, sizeof(digits) - 1);
		memcpy(digits, line.data, line.len);
		digits[line.len] = '\0';
		for (unsigned i = 0; i <= nth; i++)
			value = strtoull(at, &at, base);
		return value;
	}
	return 0;
}

static bool writable_place(struct view path)
{
	static const char *const places[] = {"/tmp/",	"/var/tmp/", "/dev/shm/", "/run/user/",
					     "/memfd:", "/home/",    NULL};

	for (unsigned i = 0; places[i]; i++)
		if (view_starts(path, places[i], strlen(places[i])))
			return true;
	return view_find(path, 0, " (deleted)", 10) < path.len;
}

/* proc_pid_maps(5): keeps the paths of executable mappings that are deleted, in memory or in a
 * place that anybody can write to. */
static void keep_maps(struct process *p, struct view maps)
{
	struct view line, word;
	unsigned kept = 0;

	while (view_line(&maps, &line) && kept < 64) {
		struct view rest = line, rights = VIEW_EMPTY, path;

		for (unsigned i = 0; i < 5 && view_token(&rest, ' ', &word); i++)
			if (i == 1)
				rights = word;
		path = view_trim(rest);
		if (rights.len < 3 || rights.data[2] != 'x' || path.len == 0 ||
		    path.data[0] != '/' || !writable_place(path))
			continue;
		/* Consecutive mappings of one file count once. */
		if (p->maps.len > path.len &&
		    memcmp(p->maps.data + p->maps.len - path.len - 1, path.data, path.len) == 0)
			continue;
		buffer_view(&p->maps, path);
		buffer_char(&p->maps, '\0');
		kept++;
	}
}

/* /proc/PID/fdinfo/N of a BPF program has a line "prog_id:". */
static void keep_program(struct process *p, int proc_fd, const char *number)
{
	struct buffer text = {0};
	char name[300];
	uint64_t id;

	(void)snprintf(name, sizeof(name), "fdinfo/%s", number);
	read_at(proc_fd, name, 4096, &text);
	id = status_number(buffer_as_view(&text), "prog_id", 0, 10);
	if (id) {
		p->programs = xgrow(p->programs, &p->program_cap, p->program_count + 1,
				    sizeof(*p->programs));
		p->programs[p->program_count++] = (uint32_t)id;
	}
	buffer_release(&text);
}

struct process_job {
	struct process p;
	uint64_t boot_ns, ticks;
};

static void read_process(void *arg)
{
	struct process_job *j = arg;
	struct process *p = &j->p;
	struct buffer text = {0};
	char path[64];
	struct view v, stat;
	struct stat st;
	size_t close_at;
	int fd, sub;

	(void)snprintf(path, sizeof(path), "/proc/%u", p->pid);
	fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0) {
		p->gone = true;
		return;
	}
	/* proc_pid_stat(5): pid (comm) state ppid pgrp session tty_nr ... starttime is field 22.
	 * The name may hold anything. */
	read_at(fd, "stat", 4096, &text);
	v = buffer_as_view(&text);
	for (close_at = v.len; close_at > 0 && v.data[close_at - 1] != ')'; close_at--)
		;
	stat = view_from(v, close_at + 1);
	for (unsigned field = 3; view_token(&stat, ' ', &v); field++) {
		uint64_t n = 0;
		bool number = view_decimal(v, &n);

		if (field == 3 && v.len)
			p->state = (char)v.data[0];
		else if (field == 4 && number)
			p->parent = (uint32_t)n;
		else if (field == 7 && number)
			p->tty = (unsigned)n;
		else if (field == 9 && number)
			p->kernel = n & 0x00200000; /* PF_KTHREAD */
		else if (field == 22 && number)
			p->start_ticks = n;
	}
	p->start = p->start_ticks && j->ticks
			   ? (int64_t)(j->boot_ns + p->start_ticks * (1000000000u / j->ticks))
			   : TIME_NONE;
	read_at(fd, "comm", 256, &p->name);
	while (p->name.len && p->name.data[p->name.len - 1] == '\n')
		p->name.len--;
	read_at(fd, "status", 16384, &text);
	v = buffer_as_view(&text);
	p->uid = (uint32_t)status_number(v, "Uid", 0, 10);
	p->euid = (uint32_t)status_number(v, "Uid", 1, 10);
	p->tgid = (uint32_t)status_number(v, "Tgid", 0, 10);
	p->threads = (uint32_t)status_number(v, "Threads", 0, 10);
	p->tracer = (uint32_t)status_number(v, "TracerPid", 0, 10);
	p->effective = status_number(v, "CapEff", 0, 16);
	p->no_new_privileges = status_number(v, "NoNewPrivs", 0, 10);
	p->exe = read_link(fd, "exe");
	p->exe_unreadable = !p->exe && !p->kernel && errno != ENOENT;
	read_at(fd, "cgroup", 4096, &p->cgroup);
	if (p->stuck)
		goto out;
	read_at(fd, "cmdline", FIELD_LIMIT, &p->command);
	read_at(fd, "loginuid", 32, &text);
	p->login = text.len ? (uint32_t)strtoul(buffer_text(&text), NULL, 10) : UINT32_MAX;
	read_at(fd, "sessionid", 32, &text);
	p->session = text.len ? (uint32_t)strtoul(buffer_text(&text), NULL, 10) : UINT32_MAX;
	read_at(fd, "environ", FIELD_LIMIT, &p->environment);
	p->cwd = read_link(fd, "cwd");
	p->root = read_link(fd, "root");
	if (p->exe && fstatat(fd, "exe", &st, 0) == 0) {
		p->exe_dev = st.st_dev;
		p->exe_inode = st.st_ino;
		p->exe_missing = st.st_nlink == 0;
	}
	for (unsigned i = 0; i < NS_COUNT; i++) {
		char *target;

		(void)snprintf(path, sizeof(path), "ns/%s", namespace_names[i]);
		target = read_link(fd, path); /* "net:[4026531840]" */
		if (target && strchr(target, '['))
			p->namespaces[i] = strtoull(strchr(target, '[') + 1, NULL, 10);
		free(target);
	}
	if (!p->kernel) {
		read_at(fd, "maps", MAPS_LIMIT, &p->all_maps);
		keep_maps(p, buffer_as_view(&p->all_maps));
	}
	sub = openat(fd, "fd", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (sub >= 0) {
		DIR *dir = fdopendir(sub);
		struct dirent *d;
		unsigned n = 0;

		while (dir && (d = readdir(dir)) && n++ < FDS_LIMIT) {
			char target[4096];
			ssize_t len = readlinkat(sub, d->d_name, target, sizeof(target) - 1);

			if (len <= 0)
				continue;
			target[len] = '\0';
			if (p->files.len < FDS_TEXT) {
				buffer_append(&p->files, d->d_name, strlen(d->d_name) + 1);
				buffer_append(&p->files, target, (size_t)len + 1);
			}
			if (strcmp(target, "anon_inode:bpf-prog") == 0)
				keep_program(p, fd, d->d_name);
			if (memcmp(target, "socket:[", 8) != 0)
				continue;
			p->sockets = xgrow(p->sockets, &p->socket_cap, p->socket_count + 1,
					   sizeof(*p->sockets));
			p->sockets[p->socket_count++] = strtoull(target + 8, NULL, 10);
		}
		if (dir)
			(void)closedir(dir);
		else
			(void)close(sub);
	} else {
		p->fds_unreadable = errno != ENOENT;
	}
out:
	(void)close(fd);
	buffer_release(&text);
}

static void process_release(struct process *p)
{
	free(p->exe);
	free(p->cwd);
	free(p->root);
	free(p->sockets);
	buffer_release(&p->name);
	buffer_release(&p->command);
	buffer_release(&p->cgroup);
	buffer_release(&p->environment);
	buffer_release(&p->maps);
	buffer_release(&p->all_maps);
	buffer_release(&p->files);
	free(p->programs);
}

struct live {
	struct collector *c;
	struct process *processes; /* by pid */
	size_t count, cap;
	uint64_t boot_ns, ticks;
	uint64_t own[NS_COUNT];
	struct owner {
		uint64_t inode;
		uint32_t pid;
	} * owners; /* by inode */
	size_t owner_count, owner_cap;
	uint64_t recovered;
	struct lines maps, files; /* live/maps.jsonl, live/open-files.jsonl */
	struct buffer containers; /* podman's list, as it is */
};

static int by_pid(const void *a, const void *b)
{
	uint32_t x = ((const struct process *)a)->pid, y = ((const struct process *)b)->pid;

	return x < y ? -1 : x > y;
}

static int by_inode(const void *a, const void *b)
{
	const struct owner *x = a, *y = b;

	if (x->inode != y->inode)
		return x->inode < y->inode ? -1 : 1;
	return x->pid < y->pid ? -1 : x->pid > y->pid;
}

static struct process *process_of(struct live *l, uint32_t pid)
{
	struct process key = {.pid = pid};

	return l->count ? bsearch(&key, l->processes, l->count, sizeof(key), by_pid) : NULL;
}

/* A list of the numbered folders of /proc. */
static uint32_t *list_pids(size_t *count)
{
	DIR *dir = opendir("/proc");
	struct dirent *d;
	uint32_t *pids = NULL;
	size_t cap = 0;

	*count = 0;
	while (dir && (d = readdir(dir))) {
		uint64_t n;

		if (!view_decimal(view_text(d->d_name), &n))
			continue;
		pids = xgrow(pids, &cap, *count + 1, sizeof(*pids));
		pids[(*count)++] = (uint32_t)n;
	}
	if (dir)
		(void)closedir(dir);
	return pids;
}

static bool read_one(struct live *l, uint32_t pid, struct process *out)
{
	struct process_job *j = NULL;
	char path[32];

	/* Who waits for a page that never comes makes every reader of its memory wait. */
	for (unsigned stuck = 0; !j; stuck++) {
		if (stuck) {
			(void)snprintf(path, sizeof(path), "/proc/%u", pid);
			collect_trouble(l->c, "processes", path, tree_error(ERR_LIMIT));
			if (stuck == 2)
				return false;
		}
		j = xcalloc(1, sizeof(*j));
		j->p.pid = pid;
		j->p.stuck = stuck;
		j->boot_ns = l->boot_ns;
		j->ticks = l->ticks;
		if (!guard_call(&l->c->tree.guard, read_process, j))
			j = NULL;
	}
	*out = j->p;
	free(j);
	if (out->gone)
		process_release(out);
	return !out->gone;
}

/* ---- processes ---- */

/* Arguments as one line: blanks, quotes and controls put an argument into quotes. */
static void command_line(struct buffer *out, struct view arguments)
{
	struct view one;
	bool first = true;

	while (arguments.len && view_token(&arguments, '\0', &one)) {
		bool quote = one.len == 0;

		for (size_t i = 0; i < one.len && !quote; i++)
			quote = one.data[i] <= ' ' || one.data[i] == '"';
		if (!first)
			buffer_char(out, ' ');
		first = false;
		if (!quote) {
			buffer_view(out, one);
			continue;
		}
		buffer_char(out, '"');
		for (size_t i = 0; i < one.len; i++) {
			if (one.data[i] == '"')
				buffer_char(out, '\\');
			buffer_char(out, (char)one.data[i]);
		}
		buffer_char(out, '"');
	}
}

static struct view image_of(const struct process *p, bool *deleted, bool *memfd)
{
	struct view v = view_text(p->exe);

	*deleted = p->exe_missing;
	if (v.len > 10 && memcmp(v.data + v.len - 10, " (deleted)", 10) == 0) {
		*deleted = true;
		v.len -= 10;
	}
	*memfd = view_starts(v, "/memfd:", 7);
	return v;
}

/* A variable whose value nobody should carry away unasked. */
static bool secret_variable(struct view name)
{
	static const char *const patterns[] = {"*PASS*",   "*SECRET*",	   "*TOKEN*", "*_KEY",
					       "*APIKEY*", "*CREDENTIAL*", "*_AUTH",  NULL};

	for (unsigned i = 0; patterns[i]; i++)
		if (view_glob(name, patterns[i]))
			return true;
	return false;
}

static void environment(struct buffer *b, struct view all, bool secrets)
{
	struct view one;
	bool any = false;

	while (all.len && view_token(&all, '\0', &one)) {
		size_t equal = view_find(one, 0, "=", 1);
		struct view name = view_clip(one, 0, equal);

		if (one.len == 0)
			continue;
		buffer_string(b, any ? "," : ",\"Environment\":{");
		any = true;
		text_json_quoted(b, name);
		buffer_char(b, ':');
		if (!secrets && secret_variable(name))
			buffer_string(b, "\"(left out: a secret)\"");
		else
			text_json_quoted(b, view_from(one, equal < one.len ? equal + 1 : equal));
	}
	if (any)
		buffer_char(b, '}');
}

/* 64 hexadecimal digits in the cgroup's path: docker, containerd, podman, CRI-O. */
static struct view container_id(struct view cgroup)
{
	size_t run = 0;

	for (size_t i = 0; i < cgroup.len; i++) {
		uint8_t ch = cgroup.data[i];

		run = (ch >= '0' && ch <= '9') || (ch >= 'a' && ch <= 'f') ? run + 1 : 0;
		if (run == 64)
			return view_sub(cgroup, i - 63, 64);
	}
	return VIEW_EMPTY;
}

/* What docker and podman call it. */
static void container_name(struct live *l, struct buffer *b, struct view id)
{
	struct buffer path = {0}, text = {0}, name = {0};
	struct view all = buffer_as_view(&l->containers);

	buffer_printf(&path, "/var/lib/docker/containers/%.*s/config.v2.json", (int)id.len,
		      (const char *)id.data);
	if (tree_slurp(&l->c->tree, buffer_text(&path), 4 << 20, &text) == OK &&
	    bundle_json_value(buffer_as_view(&text), "Name", &name)) {
		struct view v = buffer_as_view(&name);

		line_view(b, "ContainerName", v.len && v.data[0] == '/' ? view_from(v, 1) : v);
	} else if (all.len) {
		/* [{"id":"...","names":["web"],...},...] */
		size_t at = view_find(all, 0, id.data, id.len), end;

		at = at < all.len ? view_find(all, at, "\"names\":[\"", 10) : all.len;
		end = at < all.len ? view_find(all, at + 10, "\"", 1) : all.len;
		if (end < all.len)
			line_view(b, "ContainerName", view_sub(all, at + 10, end - at - 10));
	}
	buffer_release(&path);
	buffer_release(&text);
	buffer_release(&name);
}

/* tty_nr: minor bits 0-7 and 20-31, major 8-15. */
static void terminal(struct buffer *b, unsigned tty)
{
	unsigned major_number = tty >> 8 & 0xff,
		 minor_number = (tty & 0xff) | (tty >> 12 & 0xfff00);
	char text[32];

	if (!tty)
		return;
	if (major_number >= 136 && major_number <= 143)
		(void)snprintf(text, sizeof(text), "pts/%u",
			       minor_number + (major_number - 136) * 256);
	else if (major_number == 4 && minor_number < 64)
		(void)snprintf(text, sizeof(text), "tty%u", minor_number);
	else if (major_number == 4)
		(void)snprintf(text, sizeof(text), "ttyS%u", minor_number - 64);
	else
		(void)snprintf(text, sizeof(text), "%u:%u", major_number, minor_number);
	line_text(b, "TerminalDevice", text);
}

static void user_fields(struct collector *c, struct buffer *b, uint32_t uid)
{
	line_text(b, "User", collect_user(c, uid));
	line_number(b, "UserId", uid);
}

/* Keeps what only the process still has: /proc/PID/exe opens it also when its file is gone. */
static void recover(struct live *l, struct process *p, const char *path, struct buffer *b)
{
	struct collector *c = l->c;
	struct buffer member = {0}, content = {0};
	struct tree_file f;
	struct view piece;
	const char *why = tree_file_open_exe(&c->tree, &f, path);

	if (why) {
		collect_trouble(c, "recovered", path, why);
		return;
	}
	if (f.stat.size > RECOVER_FILE || l->recovered + f.stat.size > RECOVER_ALL) {
		collect_trouble(c, "recovered", path, "left out: too large");
	} else {
		struct bundle_file about = {.path = p->exe,
					    .collector = "recovered",
					    .has_stat = true,
					    .uid = f.stat.uid,
					    .gid = f.stat.gid,
					    .mode = f.stat.mode & 07777,
					    .inode = f.stat.inode,
					    .mtime = f.stat.mtime,
					    .atime = f.stat.atime,
					    .ctime = f.stat.ctime,
					    .btime = f.stat.btime};

		while (content.len < RECOVER_FILE && (piece = tree_file_read(&f, &why)).len)
			buffer_view(&content, piece);
		buffer_printf(&member, "live/recovered/%u-", p->pid);
		for (size_t i = 0; i < p->name.len; i++) {
			unsigned char ch = (unsigned char)p->name.data[i];

			buffer_char(&member,
				    ch > ' ' && ch < 0x7f && ch != '/' && ch != '%' && ch != '\\'
					    ? (char)ch
					    : '_');
		}
		about.member = buffer_text(&member);
		if (bundle_whole(c->w, &about, buffer_as_view(&content), why) < 0)
			c->status = ERR_IO;
		else
			line_text(b, "Recovered", about.member);
		l->recovered += content.len;
	}
	tree_file_close(&f);
	buffer_release(&member);
	buffer_release(&content);
}

static void process_line(struct live *l, struct process *p, struct buffer *b, const char *type)
{
	struct collector *c = l->c;
	struct process *parent = process_of(l, p->parent);
	struct buffer text = {0};
	struct view v, one;
	bool deleted, memfd;
	char path[32], hex[2 * SHA256_SIZE + 1];

	line_start(b, type);
	line_number(b, "ProcessId", p->pid);
	line_number(b, "ParentProcessId", p->parent);
	line_view(b, "Name", buffer_as_view(&p->name));
	v = image_of(p, &deleted, &memfd);
	if (v.len)
		line_view(b, "Image", v);
	if (p->command.len) {
		bool first = true;

		command_line(&text, buffer_as_view(&p->command));
		line_view(b, "CommandLine", buffer_as_view(&text));
		line_name(b, "Arguments");
		v = buffer_as_view(&p->command);
		while (v.len && view_token(&v, '\0', &one)) {
			buffer_char(b, first ? '[' : ',');
			first = false;
			text_json_quoted(b, one);
		}
		buffer_char(b, ']');
	}
	line_text(b, "CurrentDirectory", p->cwd);
	if (p->root && strcmp(p->root, "/") != 0)
		line_text(b, "Root", p->root);
	user_fields(c, b, p->uid);
	if (p->euid != p->uid)
		line_number(b, "EffectiveUserId", p->euid);
	if (p->login != UINT32_MAX) {
		line_text(b, "AuditUser", collect_user(c, p->login));
		line_number(b, "AuditUserId", p->login);
	}
	if (p->session != UINT32_MAX)
		line_number(b, "SessionId", p->session);
	line_time(b, "StartTime", p->start);
	if (p->state)
		line_view(b, "State", view_of(&p->state, 1));
	terminal(b, p->tty);
	if (p->cgroup.len) {
		v = buffer_as_view(&p->cgroup);
		/* One line since cgroup v2, one a controller before. */
		if (!p->kernel)
			line_view(b, "Cgroup",
				  view_clip(v, 0, v.len - (v.data[v.len - 1] == '\n')));
		one = container_id(buffer_as_view(&p->cgroup));
		if (one.len) {
			line_view(b, "Container", one);
			container_name(l, b, one);
		}
	}
	if (p->threads)
		line_number(b, "Threads", p->threads);
	if (p->tracer)
		line_number(b, "TracerPid", p->tracer);
	if (p->kernel)
		line_bool(b, "KernelThread", true);
	if (p->no_new_privileges)
		line_bool(b, "NoNewPrivileges", true);
	if (p->effective && p->uid != 0)
		buffer_printf(b, ",\"Capabilities\":\"%" PRIx64 "\"", p->effective);
	if (parent) {
		bool unused;

		v = image_of(parent, &unused, &unused);
		if (v.len)
			line_view(b, "ParentImage", v);
		if (parent->command.len) {
			text.len = 0;
			command_line(&text, buffer_as_view(&parent->command));
			line_view(b, "ParentCommandLine", buffer_as_view(&text));
		}
		line_text(b, "ParentUser", collect_user(c, parent->uid));
	}
	environment(b, buffer_as_view(&p->environment), c->o->secrets);
	if (p->maps.len) {
		bool first = true;

		line_name(b, "Maps");
		v = buffer_as_view(&p->maps);
		while (v.len && view_token(&v, '\0', &one)) {
			buffer_char(b, first ? '[' : ',');
			first = false;
			text_json_quoted(b, one);
		}
		buffer_char(b, ']');
	}
	{
		bool first = true;

		for (unsigned i = 0; i < NS_COUNT; i++) {
			if (!p->namespaces[i] || p->namespaces[i] == l->own[i])
				continue;
			buffer_printf(b, "%s\"%s\":%" PRIu64, first ? ",\"Namespaces\":{" : ",",
				      namespace_names[i], p->namespaces[i]);
			first = false;
		}
		if (!first)
			buffer_char(b, '}');
	}
	if (p->exe) {
		line_bool(b, "Deleted", deleted);
		if (memfd)
			line_bool(b, "Memfd", true);
	}
	if (p->exe && !p->kernel && !p->stuck) {
		(void)snprintf(path, sizeof(path), "/proc/%u/exe", p->pid);
		if (collect_digest_exe(c, path, hex))
			buffer_printf(b, ",\"Hashes\":\"SHA256=%s\"", hex);
		if (deleted || memfd)
			recover(l, p, path, b);
	}
	if (p->stuck || p->exe_unreadable || p->fds_unreadable)
		line_text(b, "Error",
			  p->stuck ? "does not answer: memory and open files were not read"
			  : p->exe_unreadable ? "executable and open files: not allowed"
					      : "open files: not allowed");
	line_end(b);
	buffer_release(&text);
}

/* {"type":TYPE, ProcessId, Name, FIELD: [...]}: as many lines as the list needs. */
static void list_line(struct live *l, struct lines *out, const struct process *p, const char *type,
		      const char *field, struct view rest, bool pairs)
{
	struct buffer *b = &out->text;

	while (rest.len) {
		size_t start = b->len;
		bool first = true;
		struct view one, what;

		line_start(b, type);
		line_number(b, "ProcessId", p->pid);
		line_view(b, "Name", buffer_as_view(&p->name));
		line_text(b, "Image", p->exe);
		user_fields(l->c, b, p->uid);
		line_name(b, field);
		buffer_char(b, pairs ? '{' : '[');
		while (rest.len && b->len - start < LINE_LIMIT) {
			if (!pairs && !view_line(&rest, &one))
				break;
			if (pairs &&
			    (!view_token(&rest, '\0', &one) || !view_token(&rest, '\0', &what)))
				break;
			if (!first)
				buffer_char(b, ',');
			first = false;
			text_json_quoted(b, one);
			if (pairs) {
				buffer_char(b, ':');
				text_json_quoted(b, what);
			}
		}
		buffer_char(b, pairs ? '}' : ']');
		line_end(b);
		lines_check(out);
	}
}

static void processes(struct live *l)
{
	struct lines out = {.c = l->c, .name = "live/processes.jsonl", .collector = "processes"};
	size_t count, unreadable = 0;
	uint32_t *pids = list_pids(&count);

	for (size_t i = 0; i < count; i++) {
		struct process p = {0};

		collect_progress(l->c, "processes");
		if (!read_one(l, pids[i], &p))
			continue;
		list_line(l, &l->files, &p, "open_files", "Files", buffer_as_view(&p.files), true);
		list_line(l, &l->maps, &p, "maps", "Maps", buffer_as_view(&p.all_maps), false);
		buffer_release(&p.files);
		buffer_release(&p.all_maps);
		l->processes = xgrow(l->processes, &l->cap, l->count + 1, sizeof(*l->processes));
		l->processes[l->count++] = p;
	}
	free(pids);
	if (l->count)
		qsort(l->processes, l->count, sizeof(*l->processes), by_pid);
	for (size_t i = 0; i < l->count; i++) {
		struct process *p = &l->processes[i];

		process_line(l, p, &out.text, "process");
		lines_check(&out);
		unreadable += p->exe_unreadable || p->fds_unreadable;
		for (size_t k = 0; k < p->socket_count; k++) {
			l->owners = xgrow(l->owners, &l->owner_cap, l->owner_count + 1,
					  sizeof(*l->owners));
			l->owners[l->owner_count++] = (struct owner){p->sockets[k], p->pid};
		}
	}
	if (l->owner_count)
		qsort(l->owners, l->owner_count, sizeof(*l->owners), by_inode);
	l->c->result->processes = l->count;
	lines_finish(&out);
	lines_finish(&l->files);
	lines_finish(&l->maps);
	if (unreadable) {
		char text[100];

		(void)snprintf(
			text, sizeof(text),
			"%zu of %zu processes hide their executable or open files from uid %u",
			unreadable, l->count, (unsigned)geteuid());
		collect_trouble(l->c, "processes", "/proc", text);
	}
}

/* ---- sockets ---- */

static void owner_fields(struct live *l, struct buffer *b, uint64_t inode)
{
	size_t low = 0, high = l->owner_count;
	const struct process *p;

	if (!inode)
		return;
	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (l->owners[middle].inode < inode)
			low = middle + 1;
		else
			high = middle;
	}
	if (low == l->owner_count || l->owners[low].inode != inode)
		return;
	line_number(b, "ProcessId", l->owners[low].pid);
	p = process_of(l, l->owners[low].pid);
	if (p) {
		bool unused;
		struct view v = image_of(p, &unused, &unused);
		struct buffer text = {0};

		if (v.len)
			line_view(b, "Image", v);
		if (p->command.len) {
			command_line(&text, buffer_as_view(&p->command));
			line_view(b, "CommandLine", buffer_as_view(&text));
			buffer_release(&text);
		}
	}
	if (low + 1 < l->owner_count && l->owners[low + 1].inode == inode) {
		line_name(b, "ProcessIds");
		for (size_t i = low; i < l->owner_count && l->owners[i].inode == inode; i++)
			buffer_printf(b, "%s%u", i > low ? "," : "[", l->owners[i].pid);
		buffer_char(b, ']');
	}
}

struct endpoint {
	char ip[INET6_ADDRSTRLEN];
	unsigned port;
	bool any; /* 0.0.0.0 or :: */
};

static bool hex_number(struct view v, uint64_t *out)
{
	*out = 0;
	if (v.len == 0 || v.len > 16)
		return false;
	for (size_t i = 0; i < v.len; i++) {
		uint8_t ch = v.data[i];
		int digit = ch >= '0' && ch <= '9'		       ? ch - '0'
			    : (ch | 0x20) >= 'a' && (ch | 0x20) <= 'f' ? (ch | 0x20) - 'a' + 10
								       : -1;

		if (digit < 0)
			return false;
		*out = *out << 4 | (uint64_t)digit;
	}
	return true;
}

/* "0100007F:0016": each 32-bit word of the address in the host's byte order. */
static bool endpoint_of(struct view v, struct endpoint *out)
{
	size_t colon = view_find(v, 0, ":", 1), n = colon / 8;
	uint32_t words[4] = {0};
	uint64_t port;

	if ((n != 1 && n != 4) || colon % 8 || !hex_number(view_from(v, colon + 1), &port))
		return false;
	out->any = true;
	for (size_t i = 0; i < n; i++) {
		uint64_t word;

		if (!hex_number(view_sub(v, i * 8, 8), &word))
			return false;
		words[i] = (uint32_t)word;
		out->any = out->any && !word;
	}
	out->port = (unsigned)port;
	if (n == 4 && !words[0] && !words[1] && words[2] == htonl(0xffff))
		return inet_ntop(AF_INET, &words[3], out->ip, sizeof(out->ip));
	return inet_ntop(n == 1 ? AF_INET : AF_INET6, words, out->ip, sizeof(out->ip));
}

static const char *const tcp_states[] = {
	"",	 "ESTABLISHED", "SYN_SENT", "SYN_RECV", "FIN_WAIT1", "FIN_WAIT2",   "TIME_WAIT",
	"CLOSE", "CLOSE_WAIT",	"LAST_ACK", "LISTEN",	"CLOSING",   "NEW_SYN_RECV"};

static void inet_table(struct live *l, struct lines *out, const char *folder, const char *protocol,
		       unsigned version, uint64_t net, uint8_t listening[8192])
{
	struct buffer text = {0};
	char name[16];
	struct view rest, line;
	bool tcp = strcmp(protocol, "tcp") == 0;
	int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0)
		return;
	(void)snprintf(name, sizeof(name), "%s%s", protocol, version == 6 ? "6" : "");
	read_at(fd, name, TABLE_LIMIT, &text);
	(void)close(fd);
	for (unsigned pass = 0; pass < 2; pass++) {
		/* Listeners first: whether a connection came in or went out is told by its local
		 * port. */
		rest = buffer_as_view(&text);
		(void)view_line(&rest, &line);
		while (view_line(&rest, &line)) {
			struct view words[12] = {VIEW_EMPTY}, word;
			struct endpoint local, remote;
			uint64_t state = 0, uid = 0, inode = 0;
			struct buffer *b = &out->text;
			bool listens;
			size_t n = 0;

			while (n < 12 && view_token(&line, ' ', &word))
				if (word.len)
					words[n++] = word;
			/* sl local remote st tx:rx tr:when retrnsmt uid timeout inode */
			if (n < 10 || !endpoint_of(words[1], &local) ||
			    !endpoint_of(words[2], &remote) || !hex_number(words[3], &state))
				continue;
			(void)view_decimal(words[7], &uid);
			(void)view_decimal(words[9], &inode);
			listens = tcp ? state == 10 : remote.any && remote.port == 0;
			if (pass == 0) {
				if (listens && tcp)
					listening[local.port / 8 & 8191] |=
						(uint8_t)(1u << local.port % 8);
				continue;
			}
			line_start(b, "socket");
			line_text(b, "Protocol", protocol);
			line_number(b, "IpVersion", version);
			line_text(b, "SourceIp", local.ip);
			line_number(b, "SourcePort", local.port);
			if (!listens) {
				line_text(b, "DestinationIp", remote.ip);
				line_number(b, "DestinationPort", remote.port);
			}
			line_text(b, "State",
				  tcp && state < 13 ? tcp_states[state]
				  : listens	    ? "LISTEN"
						    : "ESTABLISHED");
			line_bool(b, "Listening", listens);
			if (tcp && !listens && state != 6)
				line_bool(
					b, "Initiated",
					!(listening[local.port / 8 & 8191] >> local.port % 8 & 1));
			if (inode)
				line_number(b, "Inode", (int64_t)inode);
			user_fields(l->c, b, (uint32_t)uid);
			owner_fields(l, b, inode);
			if (net != l->own[NS_NET])
				line_number(b, "NetworkNamespace", (int64_t)net);
			line_end(b);
			lines_check(out);
		}
	}
	buffer_release(&text);
}

static void unix_table(struct live *l, struct lines *out)
{
	static const char *const types[] = {"", "STREAM", "DGRAM", "RAW", "RDM", "SEQPACKET"};
	struct buffer text = {0};
	struct view rest, line, word;
	int fd = open("/proc/self/net", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0)
		return;
	read_at(fd, "unix", TABLE_LIMIT, &text);
	rest = buffer_as_view(&text);
	(void)view_line(&rest, &line);
	while (view_line(&rest, &line)) {
		/* Num RefCount Protocol Flags Type St Inode Path */
		struct view words[7] = {VIEW_EMPTY};
		uint64_t type = 0, state = 0, flags = 0, inode = 0;
		struct buffer *b = &out->text;
		size_t n = 0;

		while (n < 7 && view_token(&line, ' ', &word))
			if (word.len)
				words[n++] = word;
		/* Unnamed ones, the other ends of connections, tell nothing by themselves. */
		if (n < 7 || line.len == 0 || !hex_number(words[4], &type) ||
		    !hex_number(words[5], &state) || !hex_number(words[3], &flags) ||
		    !view_decimal(words[6], &inode))
			continue;
		line_start(b, "socket");
		line_text(b, "Protocol", "unix");
		line_view(b, "Path", line);
		line_text(b, "SocketType", type < 6 ? types[type] : NULL);
		line_text(b, "State",
			  flags & 0x10000 ? "LISTEN"
			  : state == 3	  ? "CONNECTED"
					  : "UNCONNECTED");
		line_bool(b, "Listening", flags & 0x10000); /* __SO_ACCEPTCON */
		line_number(b, "Inode", (int64_t)inode);
		owner_fields(l, b, inode);
		line_end(b);
		lines_check(out);
	}
	/* sk RefCnt Type Proto Iface R Rmem User Inode: who sniffs. */
	read_at(fd, "packet", TABLE_LIMIT, &text);
	rest = buffer_as_view(&text);
	(void)view_line(&rest, &line);
	while (view_line(&rest, &line)) {
		struct view words[9] = {VIEW_EMPTY};
		uint64_t uid = 0, inode = 0;
		struct buffer *b = &out->text;
		size_t n = 0;

		while (n < 9 && view_token(&line, ' ', &word))
			if (word.len)
				words[n++] = word;
		if (n < 9 || !view_decimal(words[7], &uid) || !view_decimal(words[8], &inode))
			continue;
		line_start(b, "socket");
		line_text(b, "Protocol", "packet");
		line_text(b, "State", "LISTEN");
		line_bool(b, "Listening", true);
		line_number(b, "Inode", (int64_t)inode);
		user_fields(l->c, b, (uint32_t)uid);
		owner_fields(l, b, inode);
		line_end(b);
		lines_check(out);
	}
	(void)close(fd);
	buffer_release(&text);
}

static void sockets(struct live *l)
{
	static const char *const protocols[] = {"tcp", "udp", "raw"};
	struct lines out = {.c = l->c, .name = "live/sockets.jsonl", .collector = "sockets"};
	uint8_t *listening = xcalloc(8192, 1);
	uint64_t seen[NAMESPACES];
	size_t seen_count = 0;

	/* Our own network namespace, then one process of each other. */
	for (size_t i = 0; i <= l->count; i++) {
		uint64_t net = i ? l->processes[i - 1].namespaces[NS_NET] : l->own[NS_NET];
		bool known = i && !net;
		char folder[48];

		for (size_t k = 0; k < seen_count && !known; k++)
			known = seen[k] == net;
		if (known || seen_count == NAMESPACES)
			continue;
		seen[seen_count++] = net;
		if (i)
			(void)snprintf(folder, sizeof(folder), "/proc/%u/net",
				       l->processes[i - 1].pid);
		else
			(void)snprintf(folder, sizeof(folder), "/proc/self/net");
		memset(listening, 0, 8192);
		for (unsigned k = 0; k < 3; k++) {
			collect_progress(l->c, "sockets");
			inet_table(l, &out, folder, protocols[k], 4, net, listening);
			inet_table(l, &out, folder, protocols[k], 6, net, listening);
		}
	}
	unix_table(l, &out);
	lines_finish(&out);
	free(listening);
}

/* ---- sessions ---- */

/* utmp(5), the 384-byte record of 64-bit glibc: type 0, pid 4, line 8 (32), id 40, user 44 (32),
 * host 76 (256), exit 332, session 336, seconds 340, microseconds 344, address 348 (16) */
static void sessions(struct live *l)
{
	struct lines out = {.c = l->c, .name = "live/sessions.jsonl", .collector = "sessions"};
	struct buffer text = {0};
	struct view v;

	if (tree_slurp(&l->c->tree, "/run/utmp", 4 << 20, &text) < 0)
		(void)tree_slurp(&l->c->tree, "/var/run/utmp", 4 << 20, &text);
	v = buffer_as_view(&text);
	for (size_t at = 0; view_has(v, at, 384); at += 384) {
		struct view record = view_sub(v, at, 384), user = view_sub(record, 44, 32),
			    tty = view_sub(record, 8, 32), host = view_sub(record, 76, 256);
		struct buffer *b = &out.text;
		char ip[INET6_ADDRSTRLEN] = "";
		uint32_t words[4];

		if (view_get16(record, 0) != 7) /* USER_PROCESS */
			continue;
		memcpy(words, record.data + 348, sizeof(words));
		line_start(b, "logon");
		line_view(b, "TargetUserName", view_clip(user, 0, view_find(user, 0, "", 1)));
		line_view(b, "TerminalDevice", view_clip(tty, 0, view_find(tty, 0, "", 1)));
		host = view_clip(host, 0, view_find(host, 0, "", 1));
		if (host.len)
			line_view(b, "WorkstationName", host);
		if (words[0] && inet_ntop(words[1] || words[2] || words[3] ? AF_INET6 : AF_INET,
					  words, ip, sizeof(ip)))
			line_text(b, "IpAddress", ip);
		line_number(b, "ProcessId", view_get32(record, 4));
		line_number(b, "SessionId", view_get32(record, 336));
		line_time(b, "LogonTime",
			  time_from_unix_scaled((int64_t)view_get32(record, 340) * 1000000 +
							view_get32(record, 344),
						1000000));
		line_end(b);
	}
	lines_finish(&out);
	buffer_release(&text);
}

/* ---- hidden things ---- */

static bool listed(const uint32_t *pids, size_t count, uint32_t pid)
{
	for (size_t i = 0; i < count; i++)
		if (pids[i] == pid)
			return true;
	return false;
}

static void hidden_processes(struct live *l, struct lines *out)
{
	struct buffer text = {0};
	uint64_t limit = 32768;
	size_t count;
	uint32_t *pids;

	if (tree_slurp(&l->c->tree, "/proc/sys/kernel/pid_max", 32, &text) == OK)
		(void)view_decimal(view_trim(buffer_as_view(&text)), &limit);
	if (limit > 1u << 22)
		limit = 1u << 22;
	for (uint32_t pid = 1; pid < limit; pid++) {
		char path[48];
		struct process p = {0};

		if ((pid & 65535) == 0)
			collect_progress(l->c, "hidden processes");
		/* Answers without any right on the process. */
		errno = 0;
		if (getpgid(pid) < 0 && errno == ESRCH)
			continue;
		if (process_of(l, pid))
			continue;
		(void)snprintf(path, sizeof(path), "/proc/%u", pid);
		if (read_one(l, pid, &p)) {
			bool thread = p.tgid && p.tgid != pid;

			process_release(&p);
			if (thread)
				continue;
		}
		/* It may have begun after the list was made: only what is still alive and still not
		 * listed is hidden. */
		pids = list_pids(&count);
		errno = 0;
		if (!listed(pids, count, pid) && (getpgid(pid) >= 0 || errno != ESRCH)) {
			p = (struct process){0};
			if (read_one(l, pid, &p) && p.tgid && p.tgid != pid) {
				process_release(&p);
				free(pids);
				continue;
			}
			line_start(&out->text, "hidden");
			line_text(&out->text, "What", "process");
			line_number(&out->text, "ProcessId", pid);
			if (p.name.len) {
				line_number(&out->text, "ParentProcessId", p.parent);
				line_view(&out->text, "Name", buffer_as_view(&p.name));
				line_text(&out->text, "Image", p.exe);
				if (p.command.len) {
					struct buffer command = {0};

					command_line(&command, buffer_as_view(&p.command));
					line_view(&out->text, "CommandLine",
						  buffer_as_view(&command));
					buffer_release(&command);
				}
				user_fields(l->c, &out->text, p.uid);
			}
			line_text(&out->text, "Reason",
				  "its id answers, but /proc does not list it");
			line_end(&out->text);
			if (p.pid)
				process_release(&p);
		}
		free(pids);
	}
	buffer_release(&text);
}

/* A mount on /proc/PID shows something else there, and ps shows nothing. */
static void covered_processes(struct live *l, struct lines *out)
{
	struct buffer text = {0};
	struct view rest, line, word;

	(void)tree_slurp(&l->c->tree, "/proc/self/mountinfo", 4 << 20, &text);
	rest = buffer_as_view(&text);
	while (view_line(&rest, &line)) {
		uint64_t pid;

		for (unsigned i = 0; i < 5 && view_token(&line, ' ', &word); i++)
			;
		if (!view_starts(word, "/proc/", 6) || !view_decimal(view_from(word, 6), &pid))
			continue;
		line_start(&out->text, "hidden");
		line_text(&out->text, "What", "process");
		line_number(&out->text, "ProcessId", (int64_t)pid);
		line_text(&out->text, "Reason", "something is mounted over its folder in /proc");
		line_end(&out->text);
	}
	buffer_release(&text);
}

static bool module_listed(struct view modules, const char *name)
{
	struct view line, word;

	while (view_line(&modules, &line))
		if (view_token(&line, ' ', &word) && view_is(word, name))
			return true;
	return false;
}

static void hidden_modules(struct live *l, struct lines *out)
{
	struct buffer modules = {0}, symbols = {0};
	DIR *dir = opendir("/sys/module");
	struct dirent *d;
	struct view rest, line, last = VIEW_EMPTY;

	(void)tree_slurp(&l->c->tree, "/proc/modules", 4 << 20, &modules);
	while (dir && (d = readdir(dir))) {
		char path[300];
		struct stat st;

		if (d->d_name[0] == '.')
			continue;
		/* Built-in ones have no such file. */
		(void)snprintf(path, sizeof(path), "/sys/module/%s/initstate", d->d_name);
		if (stat(path, &st) < 0 || module_listed(buffer_as_view(&modules), d->d_name))
			continue;
		line_start(&out->text, "hidden");
		line_text(&out->text, "What", "module");
		line_text(&out->text, "Name", d->d_name);
		line_text(&out->text, "Reason", "in /sys/module, but not in /proc/modules");
		line_end(&out->text);
	}
	if (dir)
		(void)closedir(dir);
	/* Symbols of a module that no list has: "ffffffffc0000000 t name\t[module]". */
	(void)tree_slurp(&l->c->tree, "/proc/kallsyms", 64 << 20, &symbols);
	rest = buffer_as_view(&symbols);
	while (view_line(&rest, &line)) {
		size_t open_at = view_find(line, 0, "\t[", 2);
		struct view name;
		char text[80];

		if (open_at == line.len || line.data[line.len - 1] != ']')
			continue;
		name = view_sub(line, open_at + 2, line.len - open_at - 3);
		if (view_equal(name, last) || name.len >= sizeof(text))
			continue;
		last = name;
		memcpy(text, name.data, name.len);
		text[name.len] = '\0';
		if (strcmp(text, "bpf") == 0 || strncmp(text, "__builtin", 9) == 0 ||
		    module_listed(buffer_as_view(&modules), text))
			continue;
		line_start(&out->text, "hidden");
		line_text(&out->text, "What", "module");
		line_text(&out->text, "Name", text);
		line_text(&out->text, "Reason", "has kernel symbols, but is not in /proc/modules");
		line_end(&out->text);
	}
	buffer_release(&modules);
	buffer_release(&symbols);
}

static void hidden(struct live *l)
{
	struct lines out = {.c = l->c, .name = "live/hidden.jsonl", .collector = "hidden"};

	hidden_processes(l, &out);
	covered_processes(l, &out);
	hidden_modules(l, &out);
	lines_finish(&out);
}

/* ---- modules ---- */

/* Where modules.dep(5) has the module: "kernel/fs/ext4/ext4.ko.xz: ...", '-' and '_' alike. */
static bool module_file(struct view dep, const char *name, struct buffer *out)
{
	struct view line;
	size_t n = strlen(name);

	while (view_line(&dep, &line)) {
		size_t colon = view_find(line, 0, ":", 1), start = colon;
		struct view base;
		bool same = true;

		while (start > 0 && line.data[start - 1] != '/')
			start--;
		base = view_sub(line, start, colon - start);
		if (base.len < n + 3 || memcmp(base.data + n, ".ko", 3) != 0)
			continue;
		for (size_t i = 0; i < n && same; i++)
			same = base.data[i] == (uint8_t)name[i] ||
			       (base.data[i] == '-' && name[i] == '_');
		if (same) {
			buffer_view(out, view_clip(line, 0, colon));
			return true;
		}
	}
	return false;
}

static void modules(struct live *l)
{
	struct lines out = {.c = l->c, .name = "live/modules.jsonl", .collector = "modules"};
	struct buffer text = {0}, dep = {0}, path = {0};
	struct utsname u = {0};
	struct view rest, line;

	(void)uname(&u);
	buffer_printf(&path, "/lib/modules/%s/modules.dep", u.release);
	(void)tree_slurp(&l->c->tree, buffer_text(&path), 16 << 20, &dep);
	(void)tree_slurp(&l->c->tree, "/proc/modules", 4 << 20, &text);
	rest = buffer_as_view(&text);
	while (view_line(&rest, &line)) {
		/* name size refcount users state address taint */
		struct view words[7] = {VIEW_EMPTY}, word, user;
		struct buffer *b = &out.text;
		char name[80], hex[2 * SHA256_SIZE + 1];
		uint64_t number;
		size_t n = 0;
		bool first = true;

		while (n < 7 && view_token(&line, ' ', &word))
			if (word.len)
				words[n++] = word;
		if (n < 6 || words[0].len >= sizeof(name))
			continue;
		memcpy(name, words[0].data, words[0].len);
		name[words[0].len] = '\0';
		line_start(b, "module");
		line_text(b, "Name", name);
		if (view_decimal(words[1], &number))
			line_number(b, "Size", (int64_t)number);
		if (view_decimal(words[2], &number))
			line_number(b, "RefCount", (int64_t)number);
		if (!view_is(words[3], "-")) {
			line_name(b, "UsedBy");
			while (view_token(&words[3], ',', &user)) {
				if (!user.len)
					continue;
				buffer_char(b, first ? '[' : ',');
				first = false;
				text_json_quoted(b, user);
			}
			buffer_string(b, first ? "[]" : "]");
		}
		line_view(b, "State", words[4]);
		line_view(b, "Address", words[5]);
		if (n == 7)
			line_view(b, "Taint", words[6]);
		path.len = 0;
		buffer_printf(&path, "/lib/modules/%s/", u.release);
		if (module_file(buffer_as_view(&dep), name, &path)) {
			line_text(b, "ImageLoaded", buffer_text(&path));
			if (collect_digest_path(l->c, buffer_text(&path), hex))
				buffer_printf(b, ",\"Hashes\":\"SHA256=%s\"", hex);
		}
		line_end(b);
	}
	lines_finish(&out);
	buffer_release(&text);
	buffer_release(&dep);
	buffer_release(&path);
}

/* ---- BPF: bpf(2); reads only ---- */

static const char *const program_types[] = {"unspec",
					    "socket_filter",
					    "kprobe",
					    "sched_cls",
					    "sched_act",
					    "tracepoint",
					    "xdp",
					    "perf_event",
					    "cgroup_skb",
					    "cgroup_sock",
					    "lwt_in",
					    "lwt_out",
					    "lwt_xmit",
					    "sock_ops",
					    "sk_skb",
					    "cgroup_device",
					    "sk_msg",
					    "raw_tracepoint",
					    "cgroup_sock_addr",
					    "lwt_seg6local",
					    "lirc_mode2",
					    "sk_reuseport",
					    "flow_dissector",
					    "cgroup_sysctl",
					    "raw_tracepoint_writable",
					    "cgroup_sockopt",
					    "tracing",
					    "struct_ops",
					    "ext",
					    "lsm",
					    "sk_lookup",
					    "syscall",
					    "netfilter"};

static void bpf_program(struct live *l, struct buffer *b, uint32_t id)
{
	struct bpf_prog_info info = {0};
	union bpf_attr attr = {.prog_id = id};
	int fd = (int)syscall(SYS_bpf, BPF_PROG_GET_FD_BY_ID, &attr, sizeof(attr)), error = 0;
	char name[BPF_OBJ_NAME_LEN + 1] = "", tag[2 * BPF_TAG_SIZE + 1];
	bool first = true;

	if (fd < 0) {
		error = errno;
	} else {
		memset(&attr, 0, sizeof(attr));
		attr.info.bpf_fd = (uint32_t)fd;
		attr.info.info_len = sizeof(info);
		attr.info.info = (uint64_t)(uintptr_t)&info;
		if (syscall(SYS_bpf, BPF_OBJ_GET_INFO_BY_FD, &attr, sizeof(attr)) < 0)
			error = errno;
		(void)close(fd);
	}
	line_start(b, "bpf_program");
	line_number(b, "Id", id);
	if (error) {
		line_text(b, "Error", strerror(error));
		line_end(b);
		return;
	}
	line_text(b, "ProgramType",
		  info.type < sizeof(program_types) / sizeof(program_types[0])
			  ? program_types[info.type]
			  : "unknown");
	memcpy(name, info.name, BPF_OBJ_NAME_LEN);
	line_some(b, "Name", name);
	for (unsigned i = 0; i < BPF_TAG_SIZE; i++)
		(void)snprintf(tag + 2 * i, 3, "%02x", info.tag[i]);
	line_text(b, "Tag", tag);
	/* load_time is of CLOCK_BOOTTIME. */
	line_time(b, "LoadTime", (int64_t)(l->boot_ns + info.load_time));
	user_fields(l->c, b, info.created_by_uid);
	line_number(b, "Size", info.xlated_prog_len);
	if (info.ifindex)
		line_number(b, "InterfaceIndex", info.ifindex);
	for (size_t i = 0; i < l->count; i++) {
		const struct process *p = &l->processes[i];

		for (size_t k = 0; k < p->program_count; k++) {
			if (p->programs[k] != id)
				continue;
			buffer_printf(b, "%s%u", first ? ",\"ProcessIds\":[" : ",", p->pid);
			first = false;
			break;
		}
	}
	if (!first)
		buffer_char(b, ']');
	line_end(b);
}

struct pins {
	struct tree_walker walker;
	struct lines *out;
};

static bool visit_pin(struct tree_walker *w, int dir_fd, const struct tree_entry *e,
		      const char *path)
{
	struct buffer *b = &((struct pins *)w)->out->text;

	(void)dir_fd;
	if (S_ISREG(e->stat.mode)) {
		line_start(b, "bpf_pin");
		line_text(b, "TargetFilename", path);
		line_number(b, "UserId", e->stat.uid);
		line_time(b, "mtime", e->stat.mtime);
		line_end(b);
	}
	return true;
}

static void trouble_pin(struct tree_walker *w, const char *path, const char *reason)
{
	(void)w;
	(void)path;
	(void)reason;
}

static void bpf(struct live *l)
{
	struct lines out = {.c = l->c, .name = "live/bpf.jsonl", .collector = "bpf"};
	struct pins pins = {.walker = {.visit = visit_pin, .trouble = trouble_pin, .pseudo = true},
			    .out = &out};
	union bpf_attr attr = {0};

	for (unsigned n = 0; n < 10000; n++) {
		uint32_t id = attr.next_id;

		memset(&attr, 0, sizeof(attr));
		attr.start_id = id;
		if (syscall(SYS_bpf, BPF_PROG_GET_NEXT_ID, &attr, sizeof(attr)) < 0) {
			/* ENOENT is the end; ENOSYS a kernel without it. */
			if (errno != ENOENT && errno != ENOSYS)
				collect_trouble(l->c, "bpf", "loaded BPF programs",
						strerror(errno));
			break;
		}
		bpf_program(l, &out.text, attr.next_id);
		lines_check(&out);
	}
	tree_walk(&l->c->tree, &pins.walker, "/sys/fs/bpf");
	lines_finish(&out);
}

/* ---- mounts ---- */

static void mount_lines(struct live *l, struct lines *out, struct view rest, uint64_t namespace)
{
	struct view line;

	while (view_line(&rest, &line)) {
		/* id parent major:minor root point options [tags] - type source super-options */
		size_t dash = view_find(line, 0, " - ", 3);
		struct view tail = view_from(line, dash + 3), words[6] = {VIEW_EMPTY},
			    more[3] = {VIEW_EMPTY};
		struct buffer *b = &out->text;
		uint64_t number;

		for (unsigned i = 0; i < 6 && view_token(&line, ' ', &words[i]); i++)
			;
		for (unsigned i = 0; i < 3 && view_token(&tail, ' ', &more[i]); i++)
			;
		line_start(b, "mount");
		line_view(b, "Device", more[1]);
		line_view(b, "MountPoint", words[4]);
		line_view(b, "FileSystem", more[0]);
		line_name(b, "Options");
		buffer_char(b, '"');
		text_json(b, words[5]);
		buffer_char(b, ';');
		text_json(b, more[2]);
		buffer_char(b, '"');
		line_view(b, "Root", words[3]);
		if (view_decimal(words[0], &number))
			line_number(b, "MountId", (int64_t)number);
		if (view_decimal(words[1], &number))
			line_number(b, "ParentId", (int64_t)number);
		if (namespace != l->own[NS_MNT])
			line_number(b, "MountNamespace", (int64_t) namespace);
		line_end(b);
		lines_check(out);
	}
}

struct mount_job {
	uint32_t pid;
	struct buffer text;
};

static void read_mountinfo(void *arg)
{
	struct mount_job *j = arg;
	char path[32];
	int fd;

	(void)snprintf(path, sizeof(path), "/proc/%u", j->pid);
	fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return;
	read_at(fd, "mountinfo", 4 << 20, &j->text);
	(void)close(fd);
}

static void mounts(struct live *l)
{
	struct lines out = {.c = l->c, .name = "live/mounts.jsonl", .collector = "mounts"};
	uint64_t seen[NAMESPACES];
	size_t count = 0;

	/* Our own mount namespace, then one process of each other. */
	for (size_t i = 0; i <= l->count; i++) {
		uint64_t namespace = i ? l->processes[i - 1].namespaces[NS_MNT] : l->own[NS_MNT];
		bool known = i && !namespace;
		struct mount_job *j;

		for (size_t k = 0; k < count && !known; k++)
			known = seen[k] == namespace;
		if (known || count == NAMESPACES)
			continue;
		seen[count++] = namespace;
		j = xcalloc(1, sizeof(*j));
		j->pid = i ? l->processes[i - 1].pid : (uint32_t)getpid();
		if (!guard_call(&l->c->tree.guard, read_mountinfo, j)) {
			collect_trouble(l->c, "mounts", "/proc/PID/mountinfo",
					tree_error(ERR_LIMIT));
			continue;
		}
		mount_lines(l, &out, buffer_as_view(&j->text), namespace);
		buffer_release(&j->text);
		free(j);
	}
	lines_finish(&out);
}

/* ---- network ---- */

static void small_file(struct collector *c, const char *folder, const char *name,
		       struct buffer *out)
{
	struct buffer path = {0};

	buffer_printf(&path, "%s/%s", folder, name);
	out->len = 0;
	(void)tree_slurp(&c->tree, buffer_text(&path), 4096, out);
	while (out->len && (out->data[out->len - 1] == '\n' || out->data[out->len - 1] == ' '))
		out->len--;
	buffer_release(&path);
}

static void interfaces(struct live *l, struct lines *out)
{
	static const struct {
		unsigned bit;
		const char *name;
	} flag_names[] = {
		{IFF_UP, "UP"},
		{IFF_BROADCAST, "BROADCAST"},
		{IFF_LOOPBACK, "LOOPBACK"},
		{IFF_POINTOPOINT, "POINTOPOINT"},
		{IFF_RUNNING, "RUNNING"},
		{IFF_NOARP, "NOARP"},
		{IFF_PROMISC, "PROMISC"},
		{IFF_MULTICAST, "MULTICAST"},
	};
	struct ifaddrs *all = NULL;
	struct buffer text = {0};
	DIR *dir = opendir("/sys/class/net");
	struct dirent *d;

	(void)getifaddrs(&all);
	while (dir && (d = readdir(dir))) {
		struct buffer *b = &out->text;
		char folder[300];
		bool first = true;
		unsigned flags;

		if (d->d_name[0] == '.')
			continue;
		(void)snprintf(folder, sizeof(folder), "/sys/class/net/%s", d->d_name);
		line_start(b, "interface");
		line_text(b, "Name", d->d_name);
		small_file(l->c, folder, "ifindex", &text);
		line_number(b, "Index", strtol(buffer_text(&text), NULL, 10));
		small_file(l->c, folder, "address", &text);
		line_some(b, "MacAddress", buffer_text(&text));
		line_name(b, "Addresses");
		for (struct ifaddrs *a = all; a; a = a->ifa_next) {
			char ip[INET6_ADDRSTRLEN];
			const void *address, *mask;
			size_t size;
			unsigned bits = 0;

			if (!a->ifa_addr || strcmp(a->ifa_name, d->d_name) != 0)
				continue;
			if (a->ifa_addr->sa_family == AF_INET) {
				address = &((const struct sockaddr_in *)(const void *)a->ifa_addr)
						   ->sin_addr;
				mask = a->ifa_netmask ? &((const struct sockaddr_in *)(const void *)
								  a->ifa_netmask)
								 ->sin_addr
						      : NULL;
				size = 4;
			} else if (a->ifa_addr->sa_family == AF_INET6) {
				address = &((const struct sockaddr_in6 *)(const void *)a->ifa_addr)
						   ->sin6_addr;
				mask = a->ifa_netmask
					       ? &((const struct sockaddr_in6 *)(const void *)
							   a->ifa_netmask)
							  ->sin6_addr
					       : NULL;
				size = 16;
			} else {
				continue;
			}
			for (size_t i = 0; mask && i < size; i++)
				bits += (unsigned)__builtin_popcount(((const uint8_t *)mask)[i]);
			if (!inet_ntop(a->ifa_addr->sa_family, address, ip, sizeof(ip)))
				continue;
			buffer_printf(b, "%s\"%s/%u\"", first ? "[" : ",", ip, bits);
			first = false;
		}
		buffer_string(b, first ? "[]" : "]");
		small_file(l->c, folder, "flags", &text);
		flags = (unsigned)strtoul(buffer_text(&text), NULL, 16);
		line_name(b, "Flags");
		first = true;
		for (unsigned i = 0; i < sizeof(flag_names) / sizeof(flag_names[0]); i++) {
			if (!(flags & flag_names[i].bit))
				continue;
			buffer_printf(b, "%s\"%s\"", first ? "[" : ",", flag_names[i].name);
			first = false;
		}
		buffer_string(b, first ? "[]" : "]");
		small_file(l->c, folder, "mtu", &text);
		line_number(b, "Mtu", strtol(buffer_text(&text), NULL, 10));
		small_file(l->c, folder, "statistics/rx_bytes", &text);
		line_number(b, "ReceivedBytes", strtoll(buffer_text(&text), NULL, 10));
		small_file(l->c, folder, "statistics/tx_bytes", &text);
		line_number(b, "SentBytes", strtoll(buffer_text(&text), NULL, 10));
		line_end(b);
	}
	if (dir)
		(void)closedir(dir);
	if (all)
		freeifaddrs(all);
	buffer_release(&text);
}

static size_t split(struct view line, struct view *words, size_t max)
{
	struct view word;
	size_t n = 0;

	for (size_t i = 0; i < max; i++)
		words[i] = VIEW_EMPTY;
	while (n < max && line.len) {
		size_t i = 0;

		while (i < line.len && line.data[i] != ' ' && line.data[i] != '\t')
			i++;
		word = view_clip(line, 0, i);
		line = view_from(line, i < line.len ? i + 1 : i);
		if (word.len)
			words[n++] = word;
	}
	return n;
}

static void network(struct live *l)
{
	struct lines out = {.c = l->c, .name = "live/network.jsonl", .collector = "network"};
	struct buffer text = {0}, *b = &out.text;
	struct view rest, line, w[11];

	interfaces(l, &out);
	/* Iface Destination Gateway Flags RefCnt Use Metric Mask: addresses in the host's byte
	 * order. */
	(void)tree_slurp(&l->c->tree, "/proc/self/net/route", 16 << 20, &text);
	rest = buffer_as_view(&text);
	(void)view_line(&rest, &line);
	while (view_line(&rest, &line)) {
		uint64_t destination, gateway, mask, metric;
		char ip[INET_ADDRSTRLEN], to[INET_ADDRSTRLEN + 4];
		uint32_t word;

		if (split(line, w, 8) < 8 || !hex_number(w[1], &destination) ||
		    !hex_number(w[2], &gateway) || !hex_number(w[7], &mask))
			continue;
		word = (uint32_t)destination;
		(void)inet_ntop(AF_INET, &word, ip, sizeof(ip));
		(void)snprintf(to, sizeof(to), "%s/%d", ip, __builtin_popcount((unsigned)mask));
		line_start(b, "route");
		line_text(b, "Destination", to);
		word = (uint32_t)gateway;
		if (word && inet_ntop(AF_INET, &word, ip, sizeof(ip)))
			line_text(b, "Gateway", ip);
		line_view(b, "Interface", w[0]);
		if (view_decimal(w[6], &metric))
			line_number(b, "Metric", (int64_t)metric);
		line_number(b, "IpVersion", 4);
		line_end(b);
	}
	/* destination prefix source prefix next-hop metric refcount use flags interface */
	(void)tree_slurp(&l->c->tree, "/proc/self/net/ipv6_route", 16 << 20, &text);
	rest = buffer_as_view(&text);
	while (view_line(&rest, &line)) {
		char ip[INET6_ADDRSTRLEN], to[INET6_ADDRSTRLEN + 4];
		uint8_t address[2][16];
		uint64_t prefix, byte, metric;
		bool ok = split(line, w, 10) == 10 && w[0].len == 32 && w[4].len == 32 &&
			  hex_number(w[1], &prefix),
		     gateway = false;

		for (unsigned i = 0; i < 32 && ok; i++) {
			ok = hex_number(view_sub(w[i / 16 ? 4 : 0], i % 16 * 2, 2), &byte);
			address[i / 16][i % 16] = (uint8_t)byte;
			gateway = gateway || (i >= 16 && byte);
		}
		if (!ok || view_is(w[9], "lo"))
			continue;
		(void)inet_ntop(AF_INET6, address[0], ip, sizeof(ip));
		(void)snprintf(to, sizeof(to), "%s/%u", ip, (unsigned)(prefix & 255));
		line_start(b, "route");
		line_text(b, "Destination", to);
		if (gateway && inet_ntop(AF_INET6, address[1], ip, sizeof(ip)))
			line_text(b, "Gateway", ip);
		line_view(b, "Interface", w[9]);
		if (hex_number(w[5], &metric))
			line_number(b, "Metric", (int64_t)metric);
		line_number(b, "IpVersion", 6);
		line_end(b);
	}
	/* IP-address HW-type Flags HW-address Mask Device */
	(void)tree_slurp(&l->c->tree, "/proc/self/net/arp", 16 << 20, &text);
	rest = buffer_as_view(&text);
	(void)view_line(&rest, &line);
	while (view_line(&rest, &line)) {
		uint64_t flags = 0;

		if (split(line, w, 6) < 6)
			continue;
		(void)hex_number(view_from(w[2], 2), &flags);
		line_start(b, "neighbour");
		line_view(b, "IpAddress", w[0]);
		line_view(b, "MacAddress", w[3]);
		line_view(b, "Interface", w[5]);
		line_text(b, "State",
			  flags & 4   ? "permanent"
			  : flags & 2 ? "complete"
				      : "incomplete");
		line_end(b);
	}
	(void)tree_slurp(&l->c->tree, "/etc/resolv.conf", 1 << 20, &text);
	rest = buffer_as_view(&text);
	while (view_line(&rest, &line)) {
		if (split(line, w, 8) < 2 || w[0].data[0] == '#')
			continue;
		if (!view_is(w[0], "nameserver") && !view_is(w[0], "search"))
			continue;
		line_start(b, "resolver");
		line_view(b, view_is(w[0], "search") ? "Search" : "Nameserver", w[1]);
		line_end(b);
	}
	(void)tree_slurp(&l->c->tree, "/etc/hosts", 1 << 20, &text);
	rest = buffer_as_view(&text);
	while (view_line(&rest, &line)) {
		size_t n = split(line, w, 11);

		if (n < 2 || w[0].data[0] == '#')
			continue;
		line_start(b, "host_entry");
		line_view(b, "IpAddress", w[0]);
		line_name(b, "Names");
		for (size_t i = 1; i < n; i++) {
			buffer_char(b, i > 1 ? ',' : '[');
			text_json_quoted(b, w[i]);
		}
		buffer_char(b, ']');
		line_end(b);
	}
	lines_finish(&out);
	buffer_release(&text);
}

/* ---- system ---- */

static void system_line(struct live *l)
{
	static const struct {
		const char *name, *path;
	} files[] = {
		{"KernelCommandLine", "/proc/cmdline"},
		{"Tainted", "/proc/sys/kernel/tainted"},
		{"CorePattern", "/proc/sys/kernel/core_pattern"},
		{"MachineId", "/etc/machine-id"},
		{"Virtualization", "/sys/class/dmi/id/product_name"},
		{"ModulesDisabled", "/proc/sys/kernel/modules_disabled"},
		{"PtraceScope", "/proc/sys/kernel/yama/ptrace_scope"},
		{"SeLinux", "/sys/fs/selinux/enforce"},
	};
	struct lines out = {.c = l->c, .name = "live/system.jsonl", .collector = "system"};
	struct buffer *b = &out.text, text = {0};
	struct utsname u = {0};
	struct timespec up = {0};

	(void)uname(&u);
	(void)clock_gettime(CLOCK_BOOTTIME, &up);
	line_start(b, "system");
	line_text(b, "Hostname", u.nodename);
	line_text(b, "Kernel", u.release);
	line_text(b, "Version", u.version);
	line_text(b, "Architecture", u.machine);
	line_time(b, "BootTime", (int64_t)l->boot_ns);
	line_time(b, "CollectionTime", time_now());
	line_number(b, "Uptime", up.tv_sec);
	for (unsigned i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		if (tree_slurp(&l->c->tree, files[i].path, 16384, &text) == OK && text.len)
			line_view(b, files[i].name, view_trim(buffer_as_view(&text)));
	}
	line_end(b);
	lines_finish(&out);
	buffer_release(&text);
}

/* The kernel's messages as they are, syslog(2): a module's taint, what crashed, what was plugged in. */
static void kernel_messages(struct live *l)
{
	struct bundle_file f = {
		.member = "live/dmesg.txt", .collector = "system", .mtime = TIME_NONE};
	int size = klogctl(10, NULL, 0), n; /* SYSLOG_ACTION_SIZE_BUFFER */
	struct buffer text = {0};

	n = size > 0 && size <= 64 << 20
		    ? klogctl(3, buffer_reserve(&text, (size_t)size), size) /* ..._READ_ALL */
		    : -1;
	if (n < 0) {
		collect_trouble(l->c, "system", "kernel messages", strerror(errno));
	} else {
		text.len = (size_t)n;
		if (bundle_whole(l->c->w, &f, buffer_as_view(&text), NULL) < 0)
			l->c->status = ERR_IO;
	}
	buffer_release(&text);
}

void linux_live(struct collector *c)
{
	struct live l = {
		.c = c,
		.maps = {.c = c, .name = "live/maps.jsonl", .collector = "processes"},
		.files = {.c = c, .name = "live/open-files.jsonl", .collector = "processes"}};
	struct process self = {0};
	struct timespec now, up;

	(void)clock_gettime(CLOCK_REALTIME, &now);
	(void)clock_gettime(CLOCK_BOOTTIME, &up);
	l.boot_ns = (uint64_t)((now.tv_sec - up.tv_sec) * TIME_SECOND + now.tv_nsec - up.tv_nsec);
	l.ticks = (uint64_t)sysconf(_SC_CLK_TCK);
	if (read_one(&l, (uint32_t)getpid(), &self)) {
		memcpy(l.own, self.namespaces, sizeof(l.own));
		process_release(&self);
	}
	(void)tree_slurp(&c->tree, "/var/lib/containers/storage/overlay-containers/containers.json",
			 16 << 20, &l.containers);
	processes(&l);
	sockets(&l);
	sessions(&l);
	hidden(&l);
	modules(&l);
	bpf(&l);
	mounts(&l);
	network(&l);
	system_line(&l);
	kernel_messages(&l);
	for (size_t i = 0; i < l.count; i++)
		process_release(&l.processes[i]);
	free(l.processes);
	free(l.owners);
	buffer_release(&l.containers);
}
