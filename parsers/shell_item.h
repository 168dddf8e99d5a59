/*
 * Shell items: how the Windows shell names a place (a folder, a file in a ZIP, a control panel
 * page), as found in shortcuts, jump lists and the registry (BagMRU, OpenSavePidlMRU, ...). A list
 * (ITEMIDLIST, [MS-SHLLINK] 2.2.1) is items, each begun by its size in 16 bits, ended by a size of
 * zero; the inside of an item is not documented by its maker. Facts: libyal's documentation
 * "Windows Shell Item format".
 *
 * The FAT times inside are UTC with steps of 2 seconds.
 */
#ifndef KONSEKI_PARSERS_SHELL_ITEM_H
#define KONSEKI_PARSERS_SHELL_ITEM_H

#include "base/event.h"
#include "base/limits.h"

struct shell_item {
	uint8_t type;	/* class type indicator */
	bool directory; /* a file entry that is a folder */
	bool rooted;	/* the name begins a path by itself: drive, share, URL, root folder */
	const char
		*name; /* UTF-8, long form; never NULL; "{GUID}" for a folder with no known name */
	const char *short_name;		     /* 8.3 form, or NULL */
	int64_t modified, created, accessed; /* ns, or TIME_NONE */
	uint32_t size;			     /* of the file, modulo 2^32 */
	uint32_t attributes;		     /* FILE_ATTRIBUTE_* of a file entry */
	uint64_t reference;  /* NTFS file reference (48 bits entry, 16 bits sequence), or 0 */
	const uint8_t *guid; /* 16 bytes inside the item, or NULL */
	struct view bytes;   /* the whole item, its size included */
};

/* Takes the next item off *list; strings live in the arena. False at the end mark, and at damage.
 */
bool shell_item_next(struct view *list, struct arena *a, struct shell_item *item);

/* Bytes of the list at the start of the view, its end mark included; at most v.len. */
size_t shell_item_list_size(struct view v);

/* The path that a list names: names joined with '\'; "" when it holds none. Never NULL. */
const char *shell_item_path(struct view list, struct arena *a);

/* The path and, in *last (may be NULL), the last item; times absent where there is none. */
const char *shell_item_path_last(struct view list, struct arena *a, struct shell_item *last);

/* Joins one item's name to a path that stands. Never NULL. */
const char *shell_item_join(struct arena *a, const char *path, const struct shell_item *item);

/* Name of a known shell or program folder by its GUID (16 bytes as stored), or NULL. */
const char *shell_folder_name(const uint8_t guid[16]);

#endif
