/*
 * A tree of files that is read as evidence: the running system's "/" or a mounted one at --root.
 * Nothing here ever leaves the tree: links are read and resolved inside of it, each step is opened
 * with O_NOFOLLOW from the folder before it. Network and FUSE file systems are never touched;
 * access times stay where O_NOATIME is allowed; only regular files are opened.
 */
#ifndef KONSEKI_COLLECTORS_TREE_H
#define KONSEKI_COLLECTORS_TREE_H

#include "base/buffer.h"
#include "base/status.h"
#include "base/timestamp.h"
#include "collectors/guard.h"

#include <sys/stat.h>

struct tree {
	int root_fd;
	const char *root; /* as given; "/" for the running system */
	bool live;	  /* it is the running system */
	struct guard guard;
	/* Places below which nothing is read, as paths in the tree, and why ("nfs4"). */
	struct tree_mount {
		char *path, *type;
		bool network; /* never touched; else a pseudo file system, which walks leave out */
	} * mounts;
	size_t mount_count, mount_cap;
};

/* ERR_IO with errno. */
int tree_open(struct tree *t, const char *root, unsigned seconds);
void tree_close(struct tree *t);

/* True for the mount point of a pseudo file system (proc, sysfs, ...). */
bool tree_is_pseudo(const struct tree *t, const char *path);

/* What statx says. */
struct tree_stat {
	uint32_t mode, uid, gid, links;
	uint64_t dev, inode, size;
	int64_t mtime, atime, ctime, btime; /* ns, or TIME_NONE */
	bool immutable;
};

/*
 * A path, its links resolved inside the tree (also the last, when `follow`). On OK *dir_fd is the
 * open folder of the last part (the caller closes it), *name that part ("." for the root) and
 * *canonical the resolved path, both malloced. Guarded: ERR_LIMIT when the time is up.
 * ERR_NOT_FOUND, ERR_UNSUPPORTED (on a network file system), ERR_IO with errno.
 */
int tree_resolve(struct tree *t, const char *path, bool follow, int *dir_fd, char **name,
		 char **canonical);

struct tree_entry {
	char *name;
	char *target; /* of a link, else NULL */
	struct tree_stat stat;
	uint64_t capabilities;	 /* permitted set of the file's, when asked for */
	int error;		 /* errno of its stat, 0 */
	bool skipped;		 /* a mount point that is not touched; no stat */
	struct tree_list *ahead; /* of a walk: the folder's own list, read with its neighbours' */
};

struct tree_list {
	struct tree_entry *entries; /* sorted by name */
	size_t count, cap;
	int fd;		       /* of the folder, open; -1 */
	struct tree_stat stat; /* of the folder */
	int error;	       /* errno of opening or reading, 0 */
	bool cut;	       /* more entries than LIMIT_ENTRIES */
};
#define LIMIT_ENTRIES 1000000

/* Lists `name` in dir_fd (path: where that is in the tree). Guarded. NULL when the time is up.
 * tree_list_free also closes its fd. */
struct tree_list *tree_list(struct tree *t, int dir_fd, const char *name, const char *path,
			    bool capabilities);
void tree_list_free(struct tree_list *l);

/*
 * Every entry below the folder at `path` (resolved first), depth first. `visit` gets the open
 * folder, the entry and its path; for a folder it returns whether to enter it. `trouble` gets
 * folders that could not be read. Both may not keep what they get.
 */
struct tree_walker {
	bool (*visit)(struct tree_walker *w, int dir_fd, const struct tree_entry *e,
		      const char *path);
	void (*trouble)(struct tree_walker *w, const char *path, const char *reason);
	bool capabilities;
	bool pseudo;	/* enters pseudo file systems too */
	unsigned depth; /* 0: no limit but the length of a path */
};
void tree_walk(struct tree *t, struct tree_walker *w, const char *path);

/* An open regular file. Reads are guarded. */
struct tree_file {
	int fd;
	struct tree_stat stat;
	struct tree_job *job; /* holds the buffer */
	struct tree *tree;
};
/* Opens `name` in dir_fd for reading and reads its first piece. NULL, or why not. */
const char *tree_file_open(struct tree *t, struct tree_file *f, int dir_fd, const char *name);
/* The same by path for /proc/PID/exe, whose link the kernel itself resolves: to the file also when
 * it has no name any more. */
const char *tree_file_open_exe(struct tree *t, struct tree_file *f, const char *path);
/* The next piece; empty at the end; *why is set when the rest cannot be read. The first one is
 * there already. */
struct view tree_file_read(struct tree_file *f, const char **why);
void tree_file_close(struct tree_file *f);
#define TREE_PIECE (1u << 20)

/* A small file by path, resolved, at most `limit` bytes. OK or as tree_resolve. */
int tree_slurp(struct tree *t, const char *path, size_t limit, struct buffer *out);

/* The text of a status of this header or of errno. */
const char *tree_error(int status);

#endif
