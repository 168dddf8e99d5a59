#define _GNU_SOURCE
#include "collectors/tree.h"

#include "base/limits.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#define LINKS_FOLLOWED 40
#define FOLDERS_OPEN   48 /* of a walk; the ones above are opened again through ".." */
#define AHEAD	       32 /* folders that a walk lists in one call of the guard: each costs two switches */
#define AHEAD_ENTRIES  5000 /* of all of them; a walk's memory does not grow with its luck */

/* ---- mounts ---- */

static bool is_one_of(const char *text, const char *const *list)
{
	for (; *list; list++)
		if (strcmp(text, *list) == 0)
			return true;
	return false;
}

/* A server or a user's process answers for these, or does not. */
static bool is_network(const char *type)
{
	static const char *const names[] = {"nfs",	"nfs4",	  "cifs",      "smb3",	   "smbfs",
					    "9p",	"afs",	  "ceph",      "autofs",   "coda",
					    "ncpfs",	"lustre", "glusterfs", "fuse",	   "beegfs",
					    "orangefs", "gfs2",	  "ocfs2",     "virtiofs", NULL};

	return is_one_of(type, names) || strncmp(type, "fuse.", 5) == 0;
}

static bool is_pseudo(const char *type)
{
	static const char *const names[] = {
		"proc",	     "sysfs",	    "devpts",	"cgroup",     "cgroup2",  "debugfs",
		"tracefs",   "securityfs",  "pstore",	"bpf",	      "configfs", "hugetlbfs",
		"mqueue",    "binfmt_misc", "efivarfs", "rpc_pipefs", "nsfs",	  "fusectl",
		"selinuxfs", "devtmpfs",    "overlay",	"squashfs",   NULL};

	return is_one_of(type, names);
}

/* proc(5): \ooo stands for blank, tab, newline and backslash. */
static char *unescape(struct view v)
{
	char *text = xmemdup0(v.data, v.len), *to = text;

	for (const char *s = text; *s; to++) {
		if (s[0] == '\\' && s[1] >= '0' && s[1] <= '3' && s[2] >= '0' && s[2] <= '7' &&
		    s[3] >= '0' && s[3] <= '7') {
			*to = (char)((s[1] - '0') << 6 | (s[2] - '0') << 3 | (s[3] - '0'));
			s += 4;
		} else {
			*to = *s++;
		}
	}
	*to = '\0';
	return text;
}

/* `real`: the root, its links resolved, or NULL. */
static void read_mounts(struct tree *t, const char *real)
{
	struct buffer text = {0};
	struct view rest, line, word;
	size_t n = real && strcmp(real, "/") != 0 ? strlen(real) : 0;
	int fd = open("/proc/self/mountinfo", O_RDONLY | O_CLOEXEC);
	ssize_t got = 0;

	while (fd >= 0 && (got = read(fd, buffer_reserve(&text, 65536), 65536)) > 0)
		text.len += (size_t)got;
	if (fd >= 0)
		(void)close(fd);
	rest = buffer_as_view(&text);
	while (view_line(&rest, &line)) {
		size_t dash = view_find(line, 0, " - ", 3);
		struct view tail = view_from(line, dash + 3), type = VIEW_EMPTY, point = VIEW_EMPTY;
		char *path, *name;

		for (unsigned i = 0; i < 5 && view_token(&line, ' ', &word); i++)
			point = word;
		if (!view_token(&tail, ' ', &type))
			continue;
		path = unescape(point);
		name = xmemdup0(type.data, type.len);
		if ((is_network(name) || is_pseudo(name)) &&
		    strncmp(path, real ? real : "", n) == 0 && path[n] == '/' && path[n + 1]) {
			t->mounts = xgrow(t->mounts, &t->mount_cap, t->mount_count + 1,
					  sizeof(*t->mounts));
			t->mounts[t->mount_count++] =
				(struct tree_mount){xstrdup(path + n), name, is_network(name)};
			name = NULL;
		}
		free(path);
		free(name);
	}
	buffer_release(&text);
}

static const struct tree_mount *mount_at(const struct tree *t, const char *path)
{
	for (size_t i = 0; i < t->mount_count; i++)
		if (strcmp(t->mounts[i].path, path) == 0)
			return &t->mounts[i];
	return NULL;
}

bool tree_is_pseudo(const struct tree *t, const char *path)
{
	const struct tree_mount *m = mount_at(t, path);

	return m && !m->network;
}

/* ---- the tree ---- */

struct opening {
	char *root, *real;
	int fd, error;
};

static void open_root(void *arg)
{
	struct opening *o = arg;

	o->fd = open(o->root, O_PATH | O_DIRECTORY | O_CLOEXEC);
	o->error = errno;
	if (o->fd >= 0) {
		struct stat st;

		o->real = realpath(o->root, NULL);
		/* A dead mount can be opened; the first look into it hangs. */
		(void)fstatat(o->fd, "etc", &st, AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT);
	}
}

int tree_open(struct tree *t, const char *root, unsigned seconds)
{
	struct opening *o = xcalloc(1, sizeof(*o));

	*t = (struct tree){.root = root ? root : "/", .live = !root, .guard.seconds = seconds};
	t->root_fd = -1;
	o->root = xstrdup(t->root);
	/* The root itself may be a mount that is dead. */
	if (!guard_call(&t->guard, open_root, o)) {
		errno = ETIMEDOUT;
		return ERR_IO;
	}
	t->root_fd = o->fd;
	if (o->fd >= 0)
		read_mounts(t, o->real);
	errno = o->error;
	free(o->root);
	free(o->real);
	free(o);
	return t->root_fd < 0 ? ERR_IO : OK;
}

void tree_close(struct tree *t)
{
	guard_done(&t->guard);
	if (t->root_fd >= 0)
		(void)close(t->root_fd);
	for (size_t i = 0; i < t->mount_count; i++) {
		free(t->mounts[i].path);
		free(t->mounts[i].type);
	}
	free(t->mounts);
}

const char *tree_error(int status)
{
	switch (status) {
	case ERR_LIMIT:
		return "did not answer in time";
	case ERR_UNSUPPORTED:
		return "on a network file system: not touched";
	case ERR_NOT_FOUND:
		return "not there";
	default:
		return strerror(errno);
	}
}

static int64_t nanoseconds(struct statx_timestamp t)
{
	int64_t ts;

	if ((t.tv_sec == 0 && t.tv_nsec == 0) ||
	    __builtin_mul_overflow(t.tv_sec, TIME_SECOND, &ts) ||
	    __builtin_add_overflow(ts, (int64_t)t.tv_nsec, &ts))
		return TIME_NONE;
	return ts;
}

static int64_t of_timespec(struct timespec t)
{
	return nanoseconds(
		(struct statx_timestamp){.tv_sec = t.tv_sec, .tv_nsec = (uint32_t)t.tv_nsec});
}

/* errno, or 0. */
static int get_stat(int fd, const char *name, int flags, struct tree_stat *out)
{
	struct statx s;

	*out = (struct tree_stat){
		.mtime = TIME_NONE, .atime = TIME_NONE, .ctime = TIME_NONE, .btime = TIME_NONE};
	if (statx(fd, name, flags | AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT | AT_STATX_DONT_SYNC,
		  STATX_BASIC_STATS | STATX_BTIME, &s) == 0) {
		out->mode = s.stx_mode;
		out->uid = s.stx_uid;
		out->gid = s.stx_gid;
		out->links = s.stx_nlink;
		out->dev = makedev(s.stx_dev_major, s.stx_dev_minor);
		out->inode = s.stx_ino;
		out->size = s.stx_size;
		out->mtime = nanoseconds(s.stx_mtime);
		out->atime = nanoseconds(s.stx_atime);
		out->ctime = nanoseconds(s.stx_ctime);
		if (s.stx_mask & STATX_BTIME)
			out->btime = nanoseconds(s.stx_btime);
		out->immutable = s.stx_attributes & STATX_ATTR_IMMUTABLE;
		return 0;
	}
	if (errno == ENOSYS) { /* before Linux 4.11 */
		struct stat st;

		if (fstatat(fd, name, &st, flags | AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT) == 0) {
			out->mode = st.st_mode;
			out->uid = st.st_uid;
			out->gid = st.st_gid;
			out->links = (uint32_t)st.st_nlink;
			out->dev = st.st_dev;
			out->inode = st.st_ino;
			out->size = (uint64_t)st.st_size;
			out->mtime = of_timespec(st.st_mtim);
			out->atime = of_timespec(st.st_atim);
			out->ctime = of_timespec(st.st_ctim);
			return 0;
		}
	}
	return errno ? errno : EIO;
}

static int open_noatime(int dir_fd, const char *name, int flags)
{
	int fd = openat(dir_fd, name,
			flags | O_NOATIME | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);

	/* Only a file's owner and root may ask for it. */
	if (fd < 0 && errno == EPERM)
		fd = openat(dir_fd, name, flags | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	return fd;
}

/* ---- resolving ---- */

struct resolve {
	struct tree *tree;
	char *path;
	bool follow;
	int status, error, dir_fd;
	struct buffer canonical, name;
};

/* Opens a path that has no links from the root; -1 with errno. */
static int open_plain(struct tree *t, struct view path)
{
	int fd = fcntl(t->root_fd, F_DUPFD_CLOEXEC, 0);
	struct view part;

	while (fd >= 0 && view_token(&path, '/', &part)) {
		char name[256];
		int next;

		if (part.len == 0)
			continue;
		if (part.len > 255) {
			(void)close(fd);
			errno = ENAMETOOLONG;
			return -1;
		}
		memcpy(name, part.data, part.len);
		name[part.len] = '\0';
		next = openat(fd, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		(void)close(fd);
		fd = next;
	}
	return fd;
}

static void resolve(void *arg)
{
	struct resolve *r = arg;
	struct buffer todo = {0}, again = {0};
	unsigned links = 0;
	int fd = open_plain(r->tree, VIEW_EMPTY);
	size_t at = 0;

	buffer_string(&todo, r->path);
	buffer_string(&r->name, ".");
	r->status = ERR_IO;
	r->dir_fd = -1;
	while (fd >= 0) {
		struct view rest = view_from(buffer_as_view(&todo), at), part, peek;
		char name[256];
		struct stat st;
		bool last;

		if (rest.len == 0 || !view_token(&rest, '/', &part)) {
			r->status = OK;
			break;
		}
		at = todo.len - rest.len;
		if (part.len == 0 || view_is(part, "."))
			continue;
		if (view_is(part, "..")) {
			while (r->canonical.len && r->canonical.data[--r->canonical.len] != '/')
				;
			(void)close(fd);
			fd = open_plain(r->tree, buffer_as_view(&r->canonical));
			continue;
		}
		if (part.len > 255) {
			errno = ENAMETOOLONG;
			break;
		}
		memcpy(name, part.data, part.len);
		name[part.len] = '\0';
		peek = rest;
		last = true;
		while (last && view_token(&peek, '/', &part))
			last = part.len == 0;
		{
			size_t was = r->canonical.len;
			const struct tree_mount *m;

			buffer_char(&r->canonical, '/');
			buffer_string(&r->canonical, name);
			m = mount_at(r->tree, buffer_text(&r->canonical));
			if (m && m->network) {
				r->status = ERR_UNSUPPORTED;
				break;
			}
			if (fstatat(fd, name, &st, AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT) < 0)
				break;
			if (S_ISLNK(st.st_mode) && (!last || r->follow)) {
				char target[PATH_MAX];
				ssize_t n = readlinkat(fd, name, target, sizeof(target));

				if (n <= 0 || ++links > LINKS_FOLLOWED) {
					errno = n <= 0 ? errno : ELOOP;
					break;
				}
				r->canonical.len = was;
				again.len = 0;
				buffer_append(&again, target, (size_t)n);
				buffer_char(&again, '/');
				buffer_view(&again, rest);
				todo.len = 0;
				buffer_append(&todo, again.data, again.len);
				at = 0;
				if (target[0] == '/') {
					r->canonical.len = 0;
					(void)close(fd);
					fd = open_plain(r->tree, VIEW_EMPTY);
				}
				continue;
			}
		}
		if (last) {
			r->name.len = 0;
			buffer_string(&r->name, name);
			r->status = OK;
			break;
		} else {
			int next = openat(fd, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

			(void)close(fd);
			fd = next;
		}
	}
	r->error = errno;
	if (r->status == OK) {
		r->dir_fd = fd;
		if (r->canonical.len == 0)
			buffer_char(&r->canonical, '/');
	} else {
		if (r->status == ERR_IO && (r->error == ENOENT || r->error == ENOTDIR))
			r->status = ERR_NOT_FOUND;
		if (fd >= 0)
			(void)close(fd);
	}
	buffer_release(&todo);
	buffer_release(&again);
}

int tree_resolve(struct tree *t, const char *path, bool follow, int *dir_fd, char **name,
		 char **canonical)
{
	struct resolve *r = xcalloc(1, sizeof(*r));
	int status;

	r->tree = t;
	r->path = xstrdup(path);
	r->follow = follow;
	if (!guard_call(&t->guard, resolve, r))
		return ERR_LIMIT;
	status = r->status;
	if (status == OK) {
		*dir_fd = r->dir_fd;
		*name = xstrdup(buffer_text(&r->name));
		*canonical = xstrdup(buffer_text(&r->canonical));
	}
	errno = r->error;
	buffer_release(&r->name);
	buffer_release(&r->canonical);
	free(r->path);
	free(r);
	return status;
}

/* ---- listing ---- */

struct listing {
	struct tree *tree;
	int dir_fd;
	char *name, *path;
	bool capabilities;
	struct tree_list *list;
};

static int by_name(const void *a, const void *b)
{
	const struct tree_entry *x = a, *y = b;

	return strcmp(x->name, y->name);
}

static int by_inode(const void *a, const void *b)
{
	uint64_t x = ((const struct tree_entry *)a)->stat.inode,
		 y = ((const struct tree_entry *)b)->stat.inode;

	return x < y ? -1 : x > y;
}

/* capabilities(7), struct vfs_cap_data: magic with the revision, then pairs of permitted and
 * inheritable. */
static uint64_t capabilities_of(int fd, const char *name)
{
	uint8_t raw[24];
	char path[300];
	struct view v;
	ssize_t n;

	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d/%s", fd, name);
	n = lgetxattr(path, "security.capability", raw, sizeof(raw));
	if (n < 12)
		return 0;
	v = view_of(raw, (size_t)n);
	return view_get32(v, 4) | (uint64_t)view_get32(v, 12) << 32;
}

static void list(void *arg)
{
	struct listing *l = arg;
	struct tree_list *out = l->list;
	struct buffer path = {0};
	struct dirent *d;
	size_t base;
	DIR *dir;
	int copy;

	out->fd = open_noatime(l->dir_fd, l->name, O_RDONLY | O_DIRECTORY);
	if (out->fd < 0) {
		out->error = errno;
		return;
	}
	(void)get_stat(out->fd, "", AT_EMPTY_PATH, &out->stat);
	copy = fcntl(out->fd, F_DUPFD_CLOEXEC, 0);
	dir = copy < 0 ? NULL : fdopendir(copy);
	if (!dir) {
		out->error = errno;
		if (copy >= 0)
			(void)close(copy);
		return;
	}
	if (strcmp(l->path, "/") != 0)
		buffer_string(&path, l->path);
	buffer_char(&path, '/');
	base = path.len;
	for (errno = 0; (d = readdir(dir)); errno = 0) {
		struct tree_entry *e;

		if (strcmp(d->d_name, ".") == 0 || strcmp(d->d_name, "..") == 0)
			continue;
		if (out->count == LIMIT_ENTRIES) {
			out->cut = true;
			break;
		}
		out->entries =
			xgrow(out->entries, &out->cap, out->count + 1, sizeof(*out->entries));
		e = &out->entries[out->count++];
		*e = (struct tree_entry){.name = xstrdup(d->d_name), .stat.inode = d->d_ino};
	}
	if (!d && errno)
		out->error = errno;
	(void)closedir(dir);
	/* In the order of the inodes, which is that of the disk: a folder lists them by hash. */
	if (out->count > 1)
		qsort(out->entries, out->count, sizeof(*out->entries), by_inode);
	for (size_t i = 0; i < out->count; i++) {
		struct tree_entry *e = &out->entries[i];
		const struct tree_mount *m;

		path.len = base;
		buffer_string(&path, e->name);
		m = l->tree->mount_count ? mount_at(l->tree, buffer_text(&path)) : NULL;
		if (m && m->network) {
			e->skipped = true;
			continue;
		}
		e->error = get_stat(out->fd, e->name, 0, &e->stat);
		if (e->error)
			continue;
		if (S_ISLNK(e->stat.mode)) {
			char target[PATH_MAX];
			ssize_t n = readlinkat(out->fd, e->name, target, sizeof(target));

			if (n > 0)
				e->target = xmemdup0(target, (size_t)n);
		} else if (l->capabilities && S_ISREG(e->stat.mode) && (e->stat.mode & 0111)) {
			e->capabilities = capabilities_of(out->fd, e->name);
		}
	}
	buffer_release(&path);
	if (out->count)
		qsort(out->entries, out->count, sizeof(*out->entries), by_name);
}

struct listings {
	struct listing each[AHEAD];
	unsigned count, done;
};

static void list_all(void *arg)
{
	struct listings *all = arg;
	size_t entries = 0;

	for (; all->done < all->count && entries < AHEAD_ENTRIES; all->done++) {
		struct tree_list *l = all->each[all->done].list;

		list(&all->each[all->done]);
		entries += l->count;
		/* Only the first is entered now; the others are opened when it is their turn. */
		if (all->done && l->fd >= 0) {
			(void)close(l->fd);
			l->fd = -1;
		}
	}
}

static void add_listing(struct listings *all, struct tree *t, int dir_fd, const char *name,
			const char *path, bool capabilities)
{
	struct listing *l = &all->each[all->count++];

	l->tree = t;
	l->dir_fd = dir_fd;
	l->name = xstrdup(name);
	l->path = xstrdup(path);
	l->capabilities = capabilities;
	l->list = xcalloc(1, sizeof(*l->list));
	l->list->fd = -1;
}

/* NULL when the time is up; else the first list, and those of the others in `ahead` of `entries`. */
static struct tree_list *run_listings(struct listings *all, int dir_fd, struct tree *t,
				      struct tree_entry **entries)
{
	struct tree_list *first;

	if (!guard_call(&t->guard, list_all, all))
		return NULL;
	first = all->each[0].list;
	for (unsigned i = 0; i < all->count; i++) {
		if (i && i < all->done)
			entries[i]->ahead = all->each[i].list;
		else if (i)
			free(all->each[i].list);
		free(all->each[i].name);
		free(all->each[i].path);
	}
	if (dir_fd >= 0)
		(void)close(dir_fd);
	free(all);
	return first;
}

struct tree_list *tree_list(struct tree *t, int dir_fd, const char *name, const char *path,
			    bool capabilities)
{
	struct listings *all = xcalloc(1, sizeof(*all));
	int copy = fcntl(dir_fd, F_DUPFD_CLOEXEC, 0);

	add_listing(all, t, copy, name, path, capabilities);
	return run_listings(all, copy, t, NULL);
}

void tree_list_free(struct tree_list *l)
{
	if (!l)
		return;
	for (size_t i = 0; i < l->count; i++) {
		free(l->entries[i].name);
		free(l->entries[i].target);
		tree_list_free(l->entries[i].ahead);
	}
	free(l->entries);
	if (l->fd >= 0)
		(void)close(l->fd);
	free(l);
}

/* ---- walking ---- */

struct level {
	struct tree_list *list;
	size_t next;	 /* entry */
	size_t path_len; /* of the folder's own path */
};

/* Lists the folder at `at` of a list, and with it folders that come after it there. `path` is that
 * of the list's own folder. */
static struct tree_list *list_ahead(struct tree *t, const struct tree_walker *w,
				    struct tree_list *in, size_t at, struct view path)
{
	struct listings *all = xcalloc(1, sizeof(*all));
	struct tree_entry *entries[AHEAD];
	struct buffer name = {0};
	int copy = fcntl(in->fd, F_DUPFD_CLOEXEC, 0);
	struct tree_list *first;

	/* Where something did not answer, one by one: all of a call is lost with it. */
	for (; at < in->count && all->count < (t->guard.abandoned ? 1 : AHEAD); at++) {
		struct tree_entry *e = &in->entries[at];

		if (e->error || e->skipped || !S_ISDIR(e->stat.mode))
			continue;
		name.len = 0;
		buffer_view(&name, path);
		buffer_char(&name, '/');
		buffer_string(&name, e->name);
		if (all->count && t->mount_count && mount_at(t, buffer_text(&name)))
			continue;
		entries[all->count] = e;
		add_listing(all, t, copy, e->name, buffer_text(&name), w->capabilities);
	}
	buffer_release(&name);
	first = run_listings(all, copy, t, entries);
	return first;
}

/* Opens a folder that was listed ahead: only when it is still the same. */
static bool open_listed(int dir_fd, const char *name, struct tree_list *l)
{
	struct tree_stat st;

	l->fd = openat(dir_fd, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (l->fd < 0)
		return false;
	if (!get_stat(l->fd, "", AT_EMPTY_PATH, &st) && st.dev == l->stat.dev &&
	    st.inode == l->stat.inode)
		return true;
	(void)close(l->fd);
	l->fd = -1;
	return false;
}

void tree_walk(struct tree *t, struct tree_walker *w, const char *start)
{
	struct level *levels = NULL;
	size_t cap = 0, depth = 0;
	struct buffer path = {0};
	char *name = NULL, *canonical = NULL;
	struct tree_list *l;
	const struct tree_mount *m;
	int fd, status = tree_resolve(t, start, true, &fd, &name, &canonical);

	if (status < 0) {
		if (status != ERR_NOT_FOUND)
			w->trouble(w, start, tree_error(status));
		return;
	}
	m = mount_at(t, canonical);
	if (m && !w->pseudo) {
		(void)close(fd);
		goto out;
	}
	l = tree_list(t, fd, name, canonical, w->capabilities);
	(void)close(fd);
	buffer_string(&path, strcmp(canonical, "/") == 0 ? "" : canonical);
	if (!l || l->fd < 0) {
		w->trouble(w, canonical, l ? strerror(l->error) : tree_error(ERR_LIMIT));
		tree_list_free(l);
		goto out;
	}
	levels = xgrow(levels, &cap, 1, sizeof(*levels));
	levels[depth++] = (struct level){l, 0, path.len};
	if (l->error || l->cut)
		w->trouble(w, canonical,
			   l->cut ? "too many entries: the rest is left out" : strerror(l->error));
	while (depth) {
		struct level *top = &levels[depth - 1];
		struct tree_entry *e;

		if (top->next == top->list->count) {
			/* Back to the folder above, whose descriptor may have been given away. */
			if (depth > 1 && levels[depth - 2].list->fd < 0) {
				struct tree_list *above = levels[depth - 2].list;
				struct tree_stat st;

				above->fd = openat(top->list->fd, "..",
						   O_PATH | O_DIRECTORY | O_CLOEXEC);
				if (above->fd >= 0 &&
				    (get_stat(above->fd, "", AT_EMPTY_PATH, &st) ||
				     st.dev != above->stat.dev || st.inode != above->stat.inode)) {
					(void)close(above->fd);
					above->fd = -1;
				}
				if (above->fd < 0) {
					path.len = levels[depth - 2].path_len;
					w->trouble(
						w, buffer_text(&path),
						"moved while it was walked: the rest is left out");
					while (depth > 1 && levels[depth - 2].list->fd < 0)
						tree_list_free(levels[--depth].list);
					if (depth && levels[depth - 1].list->fd < 0)
						tree_list_free(levels[--depth].list);
					continue;
				}
			}
			tree_list_free(top->list);
			depth--;
			continue;
		}
		e = &top->list->entries[top->next++];
		path.len = top->path_len;
		buffer_char(&path, '/');
		buffer_string(&path, e->name);
		if (e->skipped) {
			w->trouble(w, buffer_text(&path), tree_error(ERR_UNSUPPORTED));
			continue;
		}
		if (e->error) {
			if (e->error != ENOENT)
				w->trouble(w, buffer_text(&path), strerror(e->error));
			continue;
		}
		if (!w->visit(w, top->list->fd, e, buffer_text(&path)) || !S_ISDIR(e->stat.mode))
			continue;
		m = t->mount_count ? mount_at(t, buffer_text(&path)) : NULL;
		if ((m && !w->pseudo) || (w->depth && depth >= w->depth))
			continue;
		if (path.len > LIMIT_PATH) {
			w->trouble(w, buffer_text(&path),
				   "deeper than a path may be long: not entered");
			continue;
		}
		l = e->ahead;
		e->ahead = NULL;
		if (!l) {
			unsigned lost = t->guard.abandoned;

			l = list_ahead(t, w, top->list, top->next - 1,
				       view_of(path.data, top->path_len));
			/* One of them did not answer: which, is found one by one. */
			if (!l && !lost)
				l = tree_list(t, top->list->fd, e->name, buffer_text(&path),
					      w->capabilities);
		} else if (l->count && !open_listed(top->list->fd, e->name, l)) {
			w->trouble(w, buffer_text(&path), "moved while it was walked: not entered");
			tree_list_free(l);
			continue;
		}
		if (!l || (l->fd < 0 && (l->error || l->count))) {
			w->trouble(w, buffer_text(&path),
				   l ? strerror(l->error) : tree_error(ERR_LIMIT));
			tree_list_free(l);
			continue;
		}
		if (l->error || l->cut)
			w->trouble(w, buffer_text(&path),
				   l->cut ? "too many entries: the rest is left out"
					  : strerror(l->error));
		if (!l->count) {
			tree_list_free(l);
			continue;
		}
		if (depth >= FOLDERS_OPEN) {
			struct tree_list *far = levels[depth - FOLDERS_OPEN].list;

			if (far->fd >= 0) {
				(void)close(far->fd);
				far->fd = -1;
			}
		}
		levels = xgrow(levels, &cap, depth + 1, sizeof(*levels));
		levels[depth++] = (struct level){l, 0, path.len};
	}
out:
	free(levels);
	free(name);
	free(canonical);
	buffer_release(&path);
}

/* ---- reading ---- */

struct tree_job {
	int dir_fd, fd, error;
	char *name;
	struct tree_stat stat;
	size_t len;
	uint8_t data[TREE_PIECE];
	bool special, seen; /* not a regular file; the first piece was handed out */
	bool exe;	    /* name is /proc/PID/exe */
};

static void read_piece(void *arg)
{
	struct tree_job *j = arg;

	j->len = 0;
	while (j->len < sizeof(j->data)) {
		ssize_t n = read(j->fd, j->data + j->len, sizeof(j->data) - j->len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			j->error = errno;
		if (n <= 0)
			break;
		j->len += (size_t)n;
	}
}

static void open_file(void *arg)
{
	struct tree_job *j = arg;
	struct stat st;

	/* Looked at before it is opened: opening some devices does something. */
	if (fstatat(j->dir_fd, j->name, &st, (j->exe ? 0 : AT_SYMLINK_NOFOLLOW) | AT_NO_AUTOMOUNT) <
	    0) {
		j->error = errno;
		return;
	}
	j->special = !S_ISREG(st.st_mode);
	if (j->special)
		return;
	j->fd = j->exe ? open(j->name, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY)
		       : open_noatime(j->dir_fd, j->name, O_RDONLY);
	if (j->fd < 0) {
		j->error = errno;
		return;
	}
	j->error = get_stat(j->fd, "", AT_EMPTY_PATH, &j->stat);
	j->special = !S_ISREG(j->stat.mode);
	if (!j->error && !j->special)
		read_piece(j);
}

static const char *open_guarded(struct tree *t, struct tree_file *f, int dir_fd, const char *name,
				bool exe)
{
	struct tree_job *j = xmalloc(sizeof(*j));
	const char *why = NULL;

	*f = (struct tree_file){.fd = -1, .tree = t};
	j->dir_fd = fcntl(dir_fd, F_DUPFD_CLOEXEC, 0);
	j->fd = -1;
	j->error = 0;
	j->name = xstrdup(name);
	j->len = 0;
	j->special = j->seen = false;
	j->exe = exe;
	if (!guard_call(&t->guard, open_file, j))
		return tree_error(ERR_LIMIT);
	f->job = j;
	f->fd = j->fd;
	f->stat = j->stat;
	(void)close(j->dir_fd);
	free(j->name);
	j->name = NULL;
	if (j->special)
		why = "not a regular file";
	else if (j->error && j->len == 0)
		why = strerror(j->error);
	if (why)
		tree_file_close(f);
	return why;
}

const char *tree_file_open(struct tree *t, struct tree_file *f, int dir_fd, const char *name)
{
	return open_guarded(t, f, dir_fd, name, false);
}

const char *tree_file_open_exe(struct tree *t, struct tree_file *f, const char *path)
{
	return open_guarded(t, f, t->root_fd, path, true);
}

struct view tree_file_read(struct tree_file *f, const char **why)
{
	struct tree_job *j = f->job;

	if (!j)
		return VIEW_EMPTY;
	if (j->seen && !j->error && j->len && !guard_call(&f->tree->guard, read_piece, j)) {
		f->job = NULL; /* lost with its thread and its descriptor */
		f->fd = -1;
		*why = tree_error(ERR_LIMIT);
		return VIEW_EMPTY;
	}
	if (j->seen && j->error && j->len) {
		j->len = 0; /* the piece before the error was handed out */
	}
	j->seen = true;
	if (j->error && j->len == 0)
		*why = strerror(j->error);
	return view_of(j->data, j->len);
}

void tree_file_close(struct tree_file *f)
{
	if (f->fd >= 0)
		(void)close(f->fd);
	free(f->job);
	f->job = NULL;
	f->fd = -1;
}

int tree_slurp(struct tree *t, const char *path, size_t limit, struct buffer *out)
{
	char *name = NULL, *canonical = NULL;
	struct tree_file f;
	const char *why = NULL;
	struct view piece;
	int fd, status = tree_resolve(t, path, true, &fd, &name, &canonical);

	out->len = 0;
	if (status < 0)
		return status;
	if (tree_file_open(t, &f, fd, name)) {
		status = ERR_IO;
	} else {
		while (out->len < limit && (piece = tree_file_read(&f, &why)).len)
			buffer_view(out, view_clip(piece, 0, limit - out->len));
		tree_file_close(&f);
	}
	(void)close(fd);
	free(name);
	free(canonical);
	return status;
}
