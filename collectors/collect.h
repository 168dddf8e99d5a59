/*
 * What the parts of the Linux collector share (linux_live.c, linux_autoruns.c, linux_files.c).
 */
#ifndef KONSEKI_COLLECTORS_COLLECT_H
#define KONSEKI_COLLECTORS_COLLECT_H

#include "collectors/collection.h"
#include "collectors/tree.h"

struct collector;

struct account {
	char *name, *home, *shell, *comment;
	uint32_t uid, gid;
	bool no_home; /* not there, none, or another account's: no "~/" of its own */
};

struct path_set {
	char **slots;
	size_t count, size;
};
/* False when it was there. */
bool path_set_add(struct path_set *set, const char *path);
void path_set_release(struct path_set *set);

/* RFC 7468: a text that begins with a private key. */
bool collect_is_private_key(struct view v);

struct collector {
	const struct collect_options *o;
	struct bundle_writer *w; /* NULL when only listing */
	struct tree tree;
	struct account *accounts;
	size_t account_count, account_cap;
	struct path_set taken;
	struct digest_cache *digests;
	unsigned autorun_parts; /* of live/autoruns.jsonl */
	char *host;
	int64_t start;
	struct collect_result *result;
	int status; /* of the output */
};

/* The account of a uid, or NULL. */
const struct account *collect_account(const struct collector *c, uint32_t uid);
const char *collect_user(const struct collector *c, uint32_t uid); /* name or NULL */

/* A live/ member of lines: parts of some MiB each, the first NAME, then NAME with .2, .3 before its
 * extension. */
struct lines {
	struct collector *c;
	const char *name;      /* "live/processes.jsonl" */
	const char *collector; /* "processes" */
	struct buffer text;
	unsigned part;
};
/* Call after each line; writes a part when it is large. */
void lines_check(struct lines *l);
/* Writes what is left (an empty member when nothing came, so that "none" can be told from "not
 * looked"); releases. */
void lines_finish(struct lines *l);

/* Takes an open-able file; says in the manifest what went wrong. `member` NULL: files/PATH. */
void collect_file(struct collector *c, int dir_fd, const char *name, const char *path,
		  const char *member, const char *collector, uint64_t limit);
void collect_trouble(struct collector *c, const char *collector, const char *path,
		     const char *reason);
void collect_progress(struct collector *c, const char *item);

/* SHA-256 (hex) of a file, cached by device, inode, size and mtime. False when it cannot be read.
 */
bool collect_digest(struct collector *c, int dir_fd, const char *name,
		    char hex[2 * SHA256_SIZE + 1]);
/* The same of /proc/PID/exe. */
bool collect_digest_exe(struct collector *c, const char *path, char hex[2 * SHA256_SIZE + 1]);
/* The same by path in the tree. */
bool collect_digest_path(struct collector *c, const char *path, char hex[2 * SHA256_SIZE + 1]);

/*
 * Everything that a profile's pattern matches, "~/" in the home folder of every account. `entry` is
 * NULL where the pattern has no wildcard. `trouble` may be NULL.
 */
struct matcher {
	void (*match)(struct matcher *m, int dir_fd, const char *name,
		      const struct tree_entry *entry, const char *path);
	void (*trouble)(struct matcher *m, const char *path, const char *reason);
	const struct account *account; /* whose home it is, or NULL */
};
void collect_match(struct collector *c, struct matcher *m, const char *pattern);

/* A line of the bodyfile (live.h). `target` of a link, or NULL. */
void body_line(struct buffer *b, const char *path, const char *target, const struct tree_stat *st);

void linux_live(struct collector *c);
void linux_accounts_load(struct collector *c);
void linux_accounts(struct collector *c);
void linux_autoruns(struct collector *c);
/* Those that may be anywhere, as a walk comes by (AUTORUN_WALK); they go on in autoruns.N.jsonl. */
struct autoruns *linux_autoruns_start(struct collector *c);
void linux_autoruns_file(struct autoruns *a, int dir_fd, const struct tree_entry *e,
			 const char *path);
void linux_autoruns_finish(struct autoruns *a);
void linux_files(struct collector *c);
void linux_walk(struct collector *c);

#endif
