/*
 * A small read-only NTFS reader, for files that a running Windows keeps locked: it reads the raw
 * volume and follows the file system by itself. The volume belongs to a suspect: every structure is
 * bounds-checked, loops are bounded, and nothing is ever written.
 *
 * Read: boot sector, $MFT (also fragmented, with an attribute list), resident and non-resident
 * attributes, sparse and LZNT1-compressed data, named streams, directory indexes.
 * Not read: encrypted data (the ciphertext is given), WOF-compressed files (their reparse point
 * tells). On-disk layout: "NTFS Documentation" of the Linux-NTFS project; [MS-XCA] 2.5 for LZNT1.
 */
#ifndef KONSEKI_COLLECTORS_NTFS_H
#define KONSEKI_COLLECTORS_NTFS_H

#include "base/buffer.h"
#include "base/status.h"
#include "base/timestamp.h"

/* Where the volume's bytes come from. read() fills n bytes at the offset or returns a negative
 * status. */
struct ntfs_source {
	int (*read)(void *data, uint64_t offset, void *out, size_t n);
	void *data;
};

struct ntfs;
struct ntfs_stream;

#define NTFS_ROOT 5 /* record number of the root directory */
#define NTFS_DATA 0x80u

/* Opens a volume; *out is freed with ntfs_close. ERR_FORMAT when it is no NTFS. */
int ntfs_open(struct ntfs **out, const struct ntfs_source *source, struct problem *problem);
void ntfs_close(struct ntfs *n);
uint64_t ntfs_volume_size(const struct ntfs *n);  /* bytes, from the boot sector */
uint64_t ntfs_serial(const struct ntfs *n);	  /* of the volume: its copies have the same */
uint64_t ntfs_record_count(const struct ntfs *n); /* of the $MFT */

struct ntfs_info {
	int64_t created, modified, changed, accessed; /* ns; $STANDARD_INFORMATION */
	uint32_t attributes;			      /* FILE_ATTRIBUTE_* */
	uint16_t sequence, links;
	bool directory, in_use, reparse;
};
int ntfs_info(struct ntfs *n, uint64_t record, struct ntfs_info *info);

/* The tag of a reparse point (IO_REPARSE_TAG_*), or 0. */
uint32_t ntfs_reparse_tag(struct ntfs *n, uint64_t record);

/* The record of a path such as "Windows/System32/config/SAM" (names without case), or
 * ERR_NOT_FOUND. */
int ntfs_lookup(struct ntfs *n, const char *path, uint64_t *record);

/* Entries of a directory, DOS names left out. The callback returns OK to go on; any other value
 * ends the list and is returned. */
struct ntfs_entry {
	const char *name; /* UTF-8; lone surrogates as text_wtf8 */
	uint64_t record, size;
	bool directory, reparse;
};
int ntfs_list(struct ntfs *n, uint64_t record, int (*entry)(void *data, const struct ntfs_entry *e),
	      void *data);

/* Names and sizes of the data streams of a file; the unnamed one is "". */
int ntfs_streams(struct ntfs *n, uint64_t record,
		 int (*stream)(void *data, const char *name, uint64_t size), void *data);

/* A stream's content: of $DATA, or of another attribute type by its number. "": the unnamed one. */
int ntfs_stream_open(struct ntfs *n, uint64_t record, uint32_t type, const char *name,
		     struct ntfs_stream **out);
uint64_t ntfs_stream_size(const struct ntfs_stream *s);
bool ntfs_stream_whole(const struct ntfs_stream *s);	 /* no part of it is a hole */
bool ntfs_stream_encrypted(const struct ntfs_stream *s); /* EFS: what is read is ciphertext */
/* First offset at or after `from` that has clusters behind it (sparse ranges are skipped); the size
 * at the end. */
uint64_t ntfs_stream_data(const struct ntfs_stream *s, uint64_t from);
/* Fills up to n bytes; *got is less only at the end of the stream or on an error. */
int ntfs_stream_read(struct ntfs_stream *s, uint64_t offset, void *out, size_t n, size_t *got);
void ntfs_stream_close(struct ntfs_stream *s);

#endif
