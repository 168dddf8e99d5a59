/*
 * Read-only inputs behind one iterator: a bundle, a directory, an archive, another tool's
 * collection, a disk image or a loose file yields its files one after the other. Nothing is ever
 * extracted to a path that the evidence names; contents are mapped from the input, from memory or from an unlinked
 * temporary file.
 */
#ifndef KONSEKI_EVIDENCE_EVIDENCE_H
#define KONSEKI_EVIDENCE_EVIDENCE_H

#include "base/event.h"
#include "base/status.h"

/* One file of the evidence. Strings belong to the evidence and live until the next evidence_next. */
struct item {
	const char *path;    /* original path as the host had it: "/var/log/auth.log", "C:/Windows/..." */
	const char *member;  /* where it is in the input ("files/var/log/auth.log", "p2/..."), or NULL */
	const char *host;    /* of the machine it came from, or NULL where nothing tells */
	uint64_t size;       /* bytes, decompressed; UINT64_MAX when it is not known before reading */
	int64_t mtime;       /* ns, or TIME_NONE */
	const char *sha256;  /* hex, as a manifest states it; NULL where none does */
	const char *error;   /* the collector's own note that it could not read it whole, or NULL */
};

/* The content of an item. Released with content_release; independent of the iterator afterwards. */
struct content {
	struct view bytes;
	bool mapped;         /* bytes is a mapping of a file (parse.bytes may be set) */
	int fd;              /* of that file, or -1 */
	struct problem problem; /* what of it was lost (cut, bomb, CRC), reason empty when nothing */
	void *owner;
};

struct evidence;

struct evidence_options {
	const char *host;    /* name given by the user: wins over what the evidence says */
	unsigned long max_file; /* bytes; larger files are listed but not read; 0 for LIMIT_MEMBER */
};

/* Looks at the input and opens it as what it is. NULL with *problem set when it cannot be read at all. */
struct evidence *evidence_open(const char *input, const struct evidence_options *options,
			       struct problem *problem);
/* What it turned out to be: "bundle", "directory", "zip", "disk image (NTFS, ext4)", "file", ... */
const char *evidence_type(const struct evidence *e);
/* 1 and the item, 0 at the end, or a negative status with *problem (the rest cannot be read). */
int evidence_next(struct evidence *e, struct item *item, struct problem *problem);
/* The content of the item that evidence_next gave last. */
int evidence_content(struct evidence *e, struct content *content, struct problem *problem);
/* Bytes of another file of the same evidence, beside or at a path; for companions. May be ERR_NOT_FOUND. */
int evidence_companion(struct evidence *e, const char *path, struct content *content);
void content_release(struct content *content);
void evidence_close(struct evidence *e);

#endif
