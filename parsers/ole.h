/*
 * OLE compound files ([MS-CFB]): a file system in a file, as in jump lists, documents and
 * installers.
 */
#ifndef KONSEKI_PARSERS_OLE_H
#define KONSEKI_PARSERS_OLE_H

#include "base/memory.h"
#include "base/status.h"
#include "base/view.h"

struct ole {
	struct view file;
	struct arena *arena;
	unsigned sector_shift, mini_shift;
	uint32_t cutoff;       /* streams below it live in the mini stream */
	uint32_t *fat_sectors; /* where the FAT is */
	size_t fat_count;
	struct view directory, mini_fat, mini; /* copies in the arena */
	size_t entries;			       /* of the directory */
};

struct ole_entry {
	const char *name; /* UTF-8, in the arena; control characters as they are */
	uint8_t type;	  /* 1 storage, 2 stream, 5 root */
	uint32_t left, right, child, start;
	uint64_t created, modified, size; /* FILETIME, bytes */
	uint64_t offset;		  /* of the entry's number in the directory, times 128 */
};

/* ERR_FORMAT when it is none. What of its tables is damaged is left out. */
int ole_open(struct ole *o, struct view file, struct arena *a);
/* False when there is no such entry or it is unused. */
bool ole_entry(const struct ole *o, size_t index, struct ole_entry *e);
/* The stream's bytes, in the arena; shorter than e->size when the file is damaged. */
struct view ole_stream(const struct ole *o, const struct ole_entry *e);

#endif
