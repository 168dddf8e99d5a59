/*
 * A collection of a Linux system, running or mounted, into a bundle. collect_run does all of it;
 * the rest is shared by its parts (linux_live.c, linux_autoruns.c, linux_files.c).
 */
#ifndef KONSEKI_COLLECTORS_COLLECT_H
#define KONSEKI_COLLECTORS_COLLECT_H

#include "collectors/bundle.h"
#include "collectors/profile.h"
#include "collectors/tree.h"

struct collector;

struct collect_options {
	const char *root; /* a mounted tree, or NULL for the running system */
	const struct profile *profile;
	bool secrets;	       /* also password hashes and private keys */
	bool no_walk;	       /* leaves out the one walk of the whole tree (bodyfile) */
	unsigned item_seconds; /* time limit of a read */
	uint64_t
		max_file; /* bytes; larger files are left out, and said; 0: each rule's own limit */
	const char *case_id, *operator_name, *reference_time; /* as given, or NULL */
	const struct ssh_key *key; /* signs the manifest; NULL: nobody does */
	int64_t reference;	   /* reference_time read, at the start; or TIME_NONE */
	/* Not to be collected: the bundle that is being written. */
	uint64_t output_dev, output_inode;
	/* Of an earlier bundle: true when the file was in it with these values. May be NULL. */
	bool (*unchanged)(void *data, const char *path, uint64_t size, int64_t mtime,
			  int64_t ctime);
	/* After each file and now and then; `item` is what is being read. May be NULL. */
	void (*progress)(void *data, const char *item, const struct bundle_counts *counts);
	/* Instead of collecting: each file that would be taken. Then no bundle is written. */
	void (*list)(void *data, const char *collector, const char *path, uint64_t size,
		     const char *error);
	void *data;
};

struct collect_result {
	struct bundle_counts counts;
	char sha256[2 * SHA256_SIZE + 1]; /* of the bundle */
	char *host;
	int64_t start, end;
	uint64_t unchanged; /* left out because of --since */
	uint64_t processes, accounts, autoruns, walked;
	unsigned lost; /* reads that did not come back */
	bool near_empty;
	int error;		/* errno of the output, after ERR_IO */
	struct buffer failures; /* "path: reason" and NUL each */
};

/* ERR_IO when the root cannot be opened (before anything is written) or the output failed. */
int collect_run(const struct collect_options *o, struct bundle_output *out,
		struct collect_result *r);
void collect_result_release(struct collect_result *r);

/* The host's name for a file name: of the running system, or of DIR/etc/hostname; letters, digits,
 * '-', '.', '_'. Freed by the caller. */
char *collect_host(const char *root);

/* ---- for the parts ---- */

struct account {
	char *name, *home, *shell, *comment;
	uint32_t uid, gid;
};

struct collector {
	const struct collect_options *o;
	struct bundle_writer *w; /* NULL when only listing */
	struct tree tree;
	struct account *accounts;
	size_t account_count, account_cap;
	struct path_set {
		char **slots;
		size_t count, size;
	} taken;
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
