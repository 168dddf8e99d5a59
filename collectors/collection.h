/*
 * A collection of a system into a bundle: of Linux, running or mounted (linux_*.c), or of the running
 * Windows (windows/).
 */
#ifndef KONSEKI_COLLECTORS_COLLECTION_H
#define KONSEKI_COLLECTORS_COLLECTION_H

#include "collectors/bundle.h"
#include "collectors/profile.h"

struct collect_options {
	const char *root;  /* a mounted tree (Linux), or NULL for the running system */
	const char *image; /* an image or a device instead (cmd/image.c), or NULL */
	const struct profile *profile;
	bool secrets;	    /* also password hashes and private keys */
	bool no_walk;	    /* leaves out the one walk of the whole tree (bodyfile; Linux) */
	const char *drives; /* Windows: letters to collect from ("CE"); NULL: every fixed drive */
	unsigned item_seconds; /* time limit of a read */
	uint64_t
		max_file; /* bytes; larger files are left out, and said; 0: each rule's own limit */
	const char *since; /* the earlier bundle's hash, "sha256:...", or NULL */
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

/* The error of a file that is as it was in the earlier bundle. */
#define COLLECT_UNCHANGED "left out: unchanged since the earlier bundle"

struct collect_result {
	struct bundle_counts counts;
	char sha256[2 * SHA256_SIZE + 1]; /* of the bundle */
	char *host;
	int64_t start, end;
	uint64_t unchanged; /* left out because of --since */
	uint64_t processes, accounts, autoruns, walked;
	uint64_t raw_volumes, shadow_copies; /* Windows */
	uint64_t shadow_unchanged;	     /* files of shadow copies that the drive has just so */
	unsigned lost;			     /* reads that did not come back */
	bool privileged;		     /* sees everything of the host */
	bool near_empty;
	int error;		/* errno of the output, after ERR_IO */
	struct buffer failures; /* "path: reason" and NUL each */
};

/* ERR_IO when the root cannot be opened (before anything is written) or the output failed. */
int collect_run(const struct collect_options *o, struct bundle_output *out,
		struct collect_result *r);
void collect_result_release(struct collect_result *r);

/* The beginning of manifest.json (bundle_finish): who collected what, when, by which clock. */
void collection_head(struct buffer *b, const struct collect_options *o,
		     const struct collect_result *r, const char *collector);

/* The host's name for a file name: of the running system, or of DIR/etc/hostname; letters, digits,
 * '-', '.', '_'. Freed by the caller. */
char *collect_host(const char *root);

#endif
