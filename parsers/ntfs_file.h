/*
 * Structures that several NTFS artefacts share ($MFT, $I30, $LogFile). Layout: "NTFS Documentation"
 * of the Linux-NTFS project (attributes $STANDARD_INFORMATION, $FILE_NAME; concept "Fixup").
 */
#ifndef KONSEKI_PARSERS_NTFS_FILE_H
#define KONSEKI_PARSERS_NTFS_FILE_H

#include "parsers/parser.h"

#define NTFS_REF(x)	 ((x)&UINT64_C(0xffffffffffff)) /* record number of a file reference */
#define NTFS_SEQUENCE(x) ((uint16_t)((x) >> 48))

enum { TIME_CREATED, TIME_MODIFIED, TIME_CHANGED, TIME_ACCESSED };
extern const char *const ntfs_time_descs[4];

/* $FILE_NAME: the content of the attribute, and of a $I30 entry. */
struct ntfs_name {
	uint64_t parent;
	uint64_t times[4]; /* FILETIME */
	uint64_t allocated, size;
	uint32_t flags;	  /* FILE_ATTRIBUTE_*; 0x10000000: a directory */
	uint8_t space;	  /* 0 POSIX, 1 Win32, 2 DOS, 3 both */
	struct view name; /* UTF-16LE */
};
bool ntfs_name_read(struct view content, struct ntfs_name *n);

/*
 * Undoes the update sequence of a record ("FILE", "INDX", "RCRD") in place: the last two bytes of
 * each sector of 512 come back from the array. False when a sector was not written whole (its bytes
 * are restored all the same).
 */
bool ntfs_fixup(uint8_t *record, size_t len);

#endif
