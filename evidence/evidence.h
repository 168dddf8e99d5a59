/*
 * Read-only inputs behind one walk: a bundle, a directory, an archive, another tool's collection, a
 * disk image or a loose file yields its files one after the other. Nothing is ever extracted to a
 * path that the evidence names: a content is a descriptor, of the file itself, of memory, or of a
 * temporary file without a name.
 *
 * Archives and images are parsed here, so whoever opens one does it in a process that may crash.
 */
#ifndef KONSEKI_EVIDENCE_EVIDENCE_H
#define KONSEKI_EVIDENCE_EVIDENCE_H

#include "base/event.h"
#include "base/status.h"

enum evidence_kind {
	EVIDENCE_FILE, /* nothing with files inside */
	EVIDENCE_FOLDER,
	EVIDENCE_ARCHIVE, /* tar, zip, 7z, ..., compressed or not; bundles and collections too */
	EVIDENCE_IMAGE,	  /* of a disk or a volume */
	EVIDENCE_UNSUPPORTED, /* known, and not readable here */
};

/*
 * What a file is, by its first bytes (64 KiB or all), its size and its name. *why (may be NULL)
 * gets a static text for EVIDENCE_UNSUPPORTED. Reads few bytes, allocates nothing.
 */
enum evidence_kind evidence_look(struct view head, uint64_t size, const char *name,
				 const char **why);
/* True for a file that is one compressed stream: gz, bz2, xz, zst, lz4, Z. See evidence_expand. */
bool evidence_compressed(struct view head);

/* One file of the evidence. Strings live during the call. */
struct item {
	const char
		*path; /* original path as the host had it: "/var/log/auth.log", "C:/Windows/..." */
	const char *
		member; /* where it is in the input ("files/var/log/auth.log", "p2/..."), or NULL */
	const char *host;   /* of the machine it came from, or NULL where nothing tells */
	uint64_t size;	    /* bytes; UINT64_MAX when it is not known before reading */
	int64_t mtime;	    /* ns, or TIME_NONE */
	const char *sha256; /* hex, as a manifest states it; NULL where none does */
	const char *error;  /* why it cannot be read (whole), by the collector or by us; or NULL */
	/* Of files in an image, else not known; times as mtime. */
	bool has_meta;
	uint32_t mode, uid, gid; /* mode: permission bits */
	uint64_t inode;
	int64_t atime, ctime, btime;
	bool deleted;	 /* its name is deleted, its content may be another's */
	bool unreadable; /* there is no content to ask for */
};

/* The content of an item: a descriptor that the caller closes. */
struct content {
	int fd;
	uint64_t memory; /* bytes of memory that it takes, 0 when it is on disk */
	struct problem
		problem; /* what of it was lost (cut, bomb, checksum); reason empty when nothing */
};

struct evidence;

struct evidence_options {
	uint64_t max_file; /* bytes; larger contents are cut there; 0 for LIMIT_MEMBER */
	bool by_name;	   /* the path is real: files beside it (E02, 002) may be opened too */
	void (*alive)(void *data); /* called now and then while something is read, or NULL */
	void *alive_data;
	int scratch; /* an open folder for unnamed temporary files, or -1: memory only */
};

/*
 * Opens an input. fd (the caller's, kept open as long as the evidence) and path name the same file
 * or folder. NULL with *problem when it cannot be read at all. After this, nothing is opened by
 * name any more, except in folders.
 */
struct evidence *evidence_open(const char *path, int fd, enum evidence_kind kind,
			       const struct evidence_options *options, struct problem *problem);
/* What it turned out to be: "Velociraptor collection", "NTFS, ext4", ... Static or the evidence's.
 */
const char *evidence_type(const struct evidence *e);
/* The manifest of a bundle (manifest.json), or NULL; the host, or NULL. The evidence's. */
const char *evidence_manifest(const struct evidence *e);
const char *evidence_host(const struct evidence *e);
/* True when it is nobody's collection, just files. */
bool evidence_is_loose(const struct evidence *e);
/* True for an archive that is nobody's collection: its names are relative to where it lies. */
bool evidence_is_plain_archive(const struct evidence *e);
/* Bytes of the input that are behind the walk, for progress; 0 where that is not known. */
uint64_t evidence_position(const struct evidence *e);
/*
 * Calls fn for each file, in a stable order. fn returns 0 to go on or a negative status, which ends
 * the walk and is returned. Parts that cannot be read are told by *problem at the end, the rest is
 * walked.
 */
int evidence_walk(struct evidence *e,
		  int (*fn)(void *data, struct evidence *e, const struct item *item), void *data,
		  struct problem *problem);
/* Inside fn: the first bytes of the item, up to 64 KiB. */
struct view evidence_head(struct evidence *e);
/* Inside fn: the whole content. A negative status with *problem where there is none. */
int evidence_content(struct evidence *e, struct content *content, struct problem *problem);
/*
 * Inside fn, of images only: the content, piece by piece, without a copy of it anywhere. fn says
 * whether to go on. ERR_IO with *problem where the rest cannot be read; ERR_UNSUPPORTED for other
 * evidence.
 */
int evidence_stream(struct evidence *e, bool (*fn)(void *data, const void *piece, size_t n),
		    void *data, struct problem *problem);
/* True for a bundle whose collector listed autoruns and accounts itself. */
bool evidence_lists_autoruns(const struct evidence *e);
/* Inside fn: the content of the item's sibling of that name: its own name plus the suffix.
 * ERR_NOT_FOUND. */
int evidence_companion(struct evidence *e, const char *suffix, struct content *content);
void evidence_close(struct evidence *e);

/* The one stream inside a compressed file. ERR_FORMAT when it is none. *content has what could be
 * read. */
int evidence_expand(int fd, const struct evidence_options *options, struct content *content);

#endif
