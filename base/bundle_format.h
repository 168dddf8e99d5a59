/*
 * The bundle on disk: what the writer (collectors/bundle.c), `konseki verify` and the evidence
 * layer share. Reading side; everything here takes hostile bytes.
 *
 * FORMAT, version 1. Numbers are little endian. A bundle is a POSIX tar (ustar with pax headers
 * where needed) cut at its members, each piece a zstd frame of its own (RFC 8878), so that `tar
 * --zstd` reads it:
 *
 *	bundle  := (frame receipt)* index
 *	frame   := zstd frame with content size and checksum: [pax header] ustar header, content,
 *		   zeros up to 512. The last frame holds the tar's end, 1024 zeros.
 *	receipt := zstd skippable frame, magic 0x184D2A5C, 88 bytes of content:
 *		 0  8  "konsekiR"
 *		 8  8  offset of the frame in the bundle
 *		16  8  length of the frame, bytes
 *		24 32  SHA-256 of the frame as it is stored
 *		56 32  SHA-256 of the file's content (of the 1024 zeros for the end)
 *	index   := zstd skippable frame, magic 0x184D2A5D, content:
 *		 0  8  "konsekiX"
 *		 8  4  version of the format, 1
 *		12  4  count of entries
 *		16  8  offset of the index frame in the bundle
 *		24 32  SHA-256 of all bytes before the index frame
 *		56     entries, in the order of the bundle:
 *			 0  8  offset of the frame
 *			 8  8  length of the frame
 *			16  8  size of the file, bytes
 *			24  4  offset of the file's content in the frame's content
 *			28  4  length of the name, bytes
 *			32     name (the member, as in the tar)
 *		-48 32  SHA-256 of the index's content before this field
 *		-16  8  length of the index frame with its header: where it begins, from the end
 *		 -8  8  "konsekiE"
 *
 * So no bit can change unseen: those before the index are hashed in it, its own content in its last
 * field, and its header and the two fields behind the hash have one legal value. Receipts name the
 * file that was hit, and prove whole members of a bundle whose end is missing.
 *
 * Members: "live/..." first, then "files/...", then "manifest.jsonl", "manifest.json", and of a
 * signed bundle "manifest.json.sig" (base/ssh.h). A path becomes a member by bundle_member_name.
 */
#ifndef KONSEKI_BASE_BUNDLE_FORMAT_H
#define KONSEKI_BASE_BUNDLE_FORMAT_H

#include "base/buffer.h"
#include "base/sha256.h"
#include "base/status.h"

#define BUNDLE_VERSION	     1
#define BUNDLE_RECEIPT_MAGIC 0x184D2A5Cu
#define BUNDLE_INDEX_MAGIC   0x184D2A5Du
#define BUNDLE_RECEIPT_SIZE  (8 + 88) /* with the frame's header */
#define BUNDLE_INDEX_HEAD    56
#define BUNDLE_ENTRY_HEAD    32
#define BUNDLE_INDEX_TAIL    48
#define BUNDLE_TAR_BLOCK     512
#define BUNDLE_SIGNATURE     "manifest.json.sig" /* of manifest.json, which has the hash of all lines */
/* Headers of one member: two ustar headers and a pax record of a path of LIMIT_PATH, escaped
 * threefold. */
#define BUNDLE_HEAD_LIMIT (128u << 10)

/*
 * "/var/log/x" to "files/var/log/x", "C:/Windows" to "files/C/Windows". Bytes that are not UTF-8,
 * control characters, '%', '\' and (not on a drive) names "." and ".." become %XX; the components
 * stay. What follows the "files/" turns back by bundle_member_path.
 */
void bundle_member_name(struct buffer *out, struct view path);
/* "files/var/log/x%0Ay" to "/var/log/x\ny"; a member outside of files/ as it is. The manifest's
 * `path` wins where it differs (drives). */
void bundle_member_path(struct buffer *out, struct view member);

/* True for the members that are about the bundle and no evidence: the manifests, the signature. */
bool bundle_own_member(const char *member);

/* The tar headers at the start of a frame's content. */
struct bundle_tar {
	struct view name;     /* points into head */
	uint64_t size;	      /* of the file */
	uint64_t data_offset; /* of the file's content */
	bool end;	      /* the tar's end: no name, no file */
};
/* `head` is the beginning of the content. ERR_TRUNCATED when the headers do not end in it,
 * ERR_FORMAT when they are none. */
int bundle_tar_parse(struct view head, struct bundle_tar *tar);

struct bundle_entry {
	uint64_t offset, length; /* of the frame in the bundle */
	uint64_t size;		 /* of the file */
	uint32_t data_offset;	 /* of the file's content in the frame's content */
	char *name;		 /* member; no NUL inside */
};

struct bundle_index {
	struct bundle_entry *entries; /* the tar's end is not among them */
	size_t count, cap;
	bool complete; /* the index at the end was there and whole */
	uint64_t end;  /* bytes of whole members (offset of the index, or of the first byte that
			  cannot be read) */
	uint64_t index_offset;	     /* of the index frame; only when complete */
	uint8_t digest[SHA256_SIZE]; /* of the bytes before it; only when complete */
};

/* True when the bytes begin like a bundle: a zstd frame whose first tar header is ours.
 * Decompresses one header. */
bool bundle_probe(struct view bytes);

/*
 * Reads the index, or where it is missing or damaged goes over the frames from the start and makes
 * one of the whole members (`complete` is false then, and *problem says where it ends and why).
 * Hashes are not checked here, but every range is inside of `bytes`. ERR_FORMAT when it is no
 * bundle at all.
 */
int bundle_index_load(struct view bytes, struct bundle_index *index, struct problem *problem);
/* The entry of a member, or NULL. */
const struct bundle_entry *bundle_index_find(const struct bundle_index *index, const char *name);
void bundle_index_release(struct bundle_index *index);

/*
 * The content of one entry. Decompresses into `out` what there is of it; ERR_TRUNCATED or
 * ERR_FORMAT with *problem when that is not all. Capped by `limit` bytes (ERR_LIMIT).
 */
int bundle_read(struct view bytes, const struct bundle_entry *entry, uint64_t limit,
		struct buffer *out, struct problem *problem);

/*
 * A value of a flat JSON object on one line, as the manifests are: text unescaped into `out`
 * (numbers, true, false and null as written). False when the object has no such name or is not well
 * formed.
 */
bool bundle_json_value(struct view line, const char *name, struct buffer *out);

#endif
