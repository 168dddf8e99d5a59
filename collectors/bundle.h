/* clang-format off */
/*
 * Writes a bundle (format: base/bundle_format.h). Streaming: nothing is ever read back, so the
 * output may be a pipe; no temporary file is made. After a failed write (a full disk, a closed
 * pipe) every call returns ERR_IO at once and what was written stays readable up to its last whole
 * member.
 *
 * manifest.jsonl, a line for every file taken and for every one that could not be, in this order:
 *	path       the original path (text: bytes that are not UTF-8 as U+FFFD; the member is exact)
 *	member     its name in the bundle; absent when nothing of it was taken
 *	size       bytes in the bundle
 *	sha256     of these
 *	mtime, atime, ctime, btime   RFC 3339 with nanoseconds; absent when it has no such time
 *	uid, gid, mode, inode        mode as octal text: "0644"; absent for live/ members
 *	                             (of Windows only inode: the number in the $MFT)
 *	collector  what took it: "processes", "log", "etc", ...
 *	error      why it is not whole, or not there
 *	left_out   true: that was on purpose; same_as: the member that has the same content
 */
/* clang-format on */
#ifndef KONSEKI_COLLECTORS_BUNDLE_H
#define KONSEKI_COLLECTORS_BUNDLE_H

#include "base/buffer.h"
#include "base/sha256.h"
#include "base/ssh.h"
#include "base/status.h"
#include "base/timestamp.h"

/* What is known of a file before it is read. Strings need to live until bundle_end. */
struct bundle_file {
	const char *path;   /* original; NULL: the member is the path */
	const char *member; /* NULL: made of the path */
	const char *collector;
	bool has_stat;		 /* the fields below mean something */
	bool no_owner;		 /* but uid, gid and mode: not a Unix file */
	uint32_t uid, gid, mode; /* mode: permission bits with SUID, SGID, sticky */
	uint64_t inode;
	int64_t mtime, atime, ctime, btime; /* ns or TIME_NONE */
	const char *same_as; /* of one left out: the member that has its content, or NULL */
};

struct bundle_writer;

/* Where the bytes go. Returns false on failure, with errno set. */
struct bundle_output {
	bool (*write)(struct bundle_output *out, const void *data, size_t n);
};

/* `level` is zstd's. The output is the caller's. */
struct bundle_writer *bundle_writer_new(struct bundle_output *out, int level);
void bundle_writer_free(struct bundle_writer *w);
/* bundle_finish signs with this key, which must live until then. */
void bundle_writer_sign(struct bundle_writer *w, const struct ssh_key *key);

/*
 * One member: bundle_begin, bundle_data until `size` bytes are given, bundle_end. The size is fixed
 * at the start: further bytes are left out, missing ones are written as zeros and the line gets an
 * error that says so (or the one given). All return OK or ERR_IO with errno.
 */
int bundle_begin(struct bundle_writer *w, const struct bundle_file *file, uint64_t size);
int bundle_data(struct bundle_writer *w, const void *data, size_t n);
int bundle_end(struct bundle_writer *w, const char *error);
/* The three in one. `error` may be NULL. */
int bundle_whole(struct bundle_writer *w, const struct bundle_file *file, struct view content,
		 const char *error);
/* SHA-256 of the member that was ended last. */
const uint8_t *bundle_last_digest(const struct bundle_writer *w);
/* Only the manifest's line of a file that could not be taken. */
void bundle_missing(struct bundle_writer *w, const struct bundle_file *file, const char *error);
/* The same for a file left out on purpose (a secret, unchanged since another bundle): no failure.
 */
void bundle_left_out(struct bundle_writer *w, const struct bundle_file *file, const char *why);

struct bundle_counts {
	uint64_t members;  /* files in the bundle, manifests not counted */
	uint64_t bytes;	   /* of these, uncompressed */
	uint64_t failures; /* lines with an error */
	uint64_t left_out; /* on purpose; their lines have an error too */
	uint64_t written;  /* bytes of the bundle so far */
};
struct bundle_counts bundle_counts(const struct bundle_writer *w);
/* The first errors with their paths, one a line ("path: reason\n"), at most some hundred. */
struct view bundle_failures(const struct bundle_writer *w);

/*
 * manifest.jsonl, manifest.json, its signature where there is a key, the tar's end and the index.
 * `head` is manifest.json's inside up to the counts: `"schema":1,...` without the braces, ending
 * without a comma; the writer adds "counts", "failures", "signer" and "manifest_sha256". Then
 * digest is that of the whole bundle.
 */
int bundle_finish(struct bundle_writer *w, struct view head, uint8_t digest[SHA256_SIZE]);

#endif
