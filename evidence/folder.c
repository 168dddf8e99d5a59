/* A folder: a mounted tree, an unpacked collection, or loose files. Links are never followed. */
#define _GNU_SOURCE /* O_NOATIME, O_PATH */
#include "evidence/internal.h"

#include "base/memory.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define FOLDER_DEPTH 200 /* folders in folders; real ones stay under 40 */
#define METADATA_MAX (256 << 20)

struct state {
	struct buffer path; /* with the input's before it */
	struct buffer name; /* of the file at hand, relative to the input */
	size_t name_at;	    /* where its last part begins in `name` */
	int folder, fd;	    /* of that folder, of the file */
	uint8_t *head;
};

struct names {
	char **items;
	size_t count, cap;
};

static int by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* The entries of a folder, sorted; "." and ".." left out. */
static int list(int fd, struct names *names)
{
	int copy = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = copy < 0 ? NULL : fdopendir(copy);
	struct dirent *entry;

	*names = (struct names){0};
	if (!d) {
		if (copy >= 0)
			(void)close(copy);
		return ERR_IO;
	}
	while ((entry = readdir(d))) {
		if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
			continue;
		names->items =
			xgrow(names->items, &names->cap, names->count + 1, sizeof(*names->items));
		names->items[names->count++] = xstrdup(entry->d_name);
	}
	(void)closedir(d);
	if (names->count)
		qsort(names->items, names->count, sizeof(*names->items), by_name);
	return OK;
}

static void names_release(struct names *names)
{
	for (size_t i = 0; i < names->count; i++)
		free(names->items[i]);
	free(names->items);
}

/* Opens without waiting for pipes, without following a link, and without touching the access time
 * where we may. */
static int open_file(int folder, const char *name, struct stat *st)
{
	int flags = O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY,
	    fd = openat(folder, name, flags | O_NOATIME);

	if (fd < 0 && errno == EPERM)
		fd = openat(folder, name, flags);
	if (fd >= 0 && (fstat(fd, st) < 0 || !S_ISREG(st->st_mode))) {
		(void)close(fd);
		errno = EINVAL;
		return -1;
	}
	return fd;
}

typedef int visit(void *data, struct evidence *e, const char *name, int fd, const struct stat *st,
		  int error);

/* Every regular file below, names relative to the input. */
static int descend(struct evidence *e, int folder, unsigned depth, unsigned max_depth, visit *fn,
		   void *data)
{
	struct state *s = e->state;
	struct names names;
	size_t at = s->name.len;
	int status = OK;

	if (list(folder, &names) < 0)
		return fn(data, e, buffer_text(&s->name), -1, NULL, errno);
	for (size_t i = 0; status == OK && i < names.count; i++) {
		struct stat st;
		int fd;

		s->name.len = at;
		buffer_printf(&s->name, "%s%s", at ? "/" : "", names.items[i]);
		s->name_at = s->name.len - strlen(names.items[i]);
		if (s->name.len > LIMIT_PATH ||
		    fstatat(folder, names.items[i], &st, AT_SYMLINK_NOFOLLOW) < 0)
			continue;
		if (S_ISDIR(st.st_mode)) {
			fd = openat(folder, names.items[i],
				    O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
			if (fd < 0)
				status = fn(data, e, buffer_text(&s->name), -1, NULL, errno);
			else if (depth < max_depth)
				status = descend(e, fd, depth + 1, max_depth, fn, data);
			if (fd >= 0)
				(void)close(fd);
		} else if (S_ISREG(st.st_mode)) {
			fd = open_file(folder, names.items[i], &st);
			s->folder = folder;
			status = fn(data, e, buffer_text(&s->name), fd, &st, fd < 0 ? errno : 0);
			if (fd >= 0)
				(void)close(fd);
		}
	}
	s->name.len = at;
	names_release(&names);
	return status;
}

/* What tells the layout stands near the top. */
static int note(void *data, struct evidence *e, const char *name, int fd, const struct stat *st,
		int error)
{
	(void)data;
	(void)error;
	if (fd >= 0 && layout_name(e->layout, name) && st->st_size <= METADATA_MAX) {
		struct buffer b = {0};
		ssize_t n;

		while ((n = read(fd, buffer_reserve(&b, 1u << 16), 1u << 16)) > 0)
			b.len += (size_t)n;
		layout_read(e->layout, name, buffer_as_view(&b));
		buffer_release(&b);
	}
	return OK;
}

static int open_folder(struct evidence *e, struct problem *problem)
{
	struct state *s = e->state = xcalloc(1, sizeof(*s));

	s->fd = -1;
	s->head = xmalloc(HEAD_SIZE);
	(void)problem;
	(void)descend(e, e->fd, 0, 3, note, NULL);
	layout_decide(e->layout);
	(void)snprintf(e->type, sizeof(e->type), "%s (folder)", layout_text(e->layout));
	return OK;
}

struct walker {
	int (*fn)(void *, struct evidence *, const struct item *);
	void *data;
};

static int found(void *data, struct evidence *e, const char *name, int fd, const struct stat *st,
		 int error)
{
	struct walker *w = data;
	struct state *s = e->state;
	struct item item = {.member = name, .size = UINT64_MAX, .mtime = TIME_NONE};

	s->fd = fd;
	if (fd >= 0) {
		item.size = (uint64_t)st->st_size;
		item.mtime = (int64_t)st->st_mtim.tv_sec * TIME_SECOND + st->st_mtim.tv_nsec;
	} else {
		item.error = strerror(error);
		item.unreadable = true;
	}
	if (!layout_map(e->layout, name, &item))
		return OK;
	if (layout_kind(e->layout) == LAYOUT_PLAIN) { /* loose files: called as the user would */
		s->path.len = 0;
		buffer_printf(&s->path, "%s%s%s", e->path,
			      e->path[0] && e->path[strlen(e->path) - 1] == '/' ? "" : "/", name);
		item.path = buffer_text(&s->path);
	}
	return w->fn(w->data, e, &item);
}

static int walk(struct evidence *e, int (*fn)(void *, struct evidence *, const struct item *),
		void *data, struct problem *problem)
{
	struct walker w = {fn, data};
	int status = descend(e, e->fd, 0, FOLDER_DEPTH, found, &w);

	(void)problem;
	return status < 0 ? status : layout_missing(e->layout, fn, data, e);
}

static struct view head(struct evidence *e)
{
	struct state *s = e->state;
	ssize_t n = s->fd < 0 ? -1 : pread(s->fd, s->head, HEAD_SIZE, 0);

	return view_of(s->head, n > 0 ? (size_t)n : 0);
}

static int content(struct evidence *e, struct content *content, struct problem *problem)
{
	struct state *s = e->state;

	content->fd = s->fd < 0 ? -1 : fcntl(s->fd, F_DUPFD_CLOEXEC, 3);
	if (content->fd < 0)
		return problem_set(problem, ERR_IO, PROBLEM_NO_OFFSET, "%s", strerror(errno));
	return OK;
}

static int companion(struct evidence *e, const char *suffix, struct content *content)
{
	struct state *s = e->state;
	const char *own = buffer_text(&s->name) + s->name_at;
	char *name = suffix[0] == '/' ? xstrdup(suffix + 1) : xasprintf("%s%s", own, suffix);
	struct stat st;

	content->fd = strchr(name, '/') ? -1 : open_file(s->folder, name, &st);
	free(name);
	return content->fd < 0 ? ERR_NOT_FOUND : OK;
}

static void close_folder(struct evidence *e)
{
	struct state *s = e->state;

	if (!s)
		return;
	buffer_release(&s->name);
	buffer_release(&s->path);
	free(s->head);
	free(s);
}

const struct evidence_kind_ops evidence_folder = {open_folder, walk,	     head, content,
						  companion,   close_folder, NULL, NULL};
