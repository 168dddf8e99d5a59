/*
 * Shell links ([MS-SHLLINK]), alone or inside jump lists.
 */
#ifndef KONSEKI_PARSERS_LNK_H
#define KONSEKI_PARSERS_LNK_H

#include "parsers/parser.h"

struct lnk {
	size_t size; /* bytes that it takes, the terminal block included */
	uint32_t flags, attributes, file_size;
	uint64_t created, accessed,
		modified;   /* FILETIME of the target when the link was made; 2.1 */
	const char *target; /* best path of the target: local, network, shell items, environment;
			       never NULL */
	const char *name, *relative, *folder, *arguments, *icon; /* 2.4; NULL when absent */
	const char *volume_label, *drive_type, *share;		 /* NULL when absent */
	uint32_t serial;     /* of the volume; valid when drive_type is set */
	struct view items;   /* the target's shell items; 2.2 */
	const char *machine; /* 2.5.10: NetBIOS name; NULL when absent */
	struct view droid;   /* volume and file GUID, birth volume and birth file GUID: 64 bytes, or
				empty */
	const char *app_id;  /* System.AppUserModel.ID of the property store */
	const char *properties[32]; /* "{format}/id: value" */
	size_t property_count;
	struct problem damage; /* reason empty when whole; offset in the link */
};

/* True when a link's header stands at the start of the view. */
bool lnk_is(struct view v);
/* Reads one; text lives in the arena. ERR_FORMAT when it is none; a damaged one is read as far as
 * it goes (damage). */
int lnk_read(struct view v, struct arena *a, struct lnk *out);
/*
 * Emits its events: the target's times, the birth of the file's tracking id, the times of its shell
 * items. Offsets count from `offset`. `list` says which jump list it stands in, or is NULL; `entry`
 * its number there, or 0.
 */
int lnk_emit(struct parse *p, const struct lnk *l, uint64_t offset, const char *list,
	     uint64_t entry);

/* Time of a version 1 GUID as stored (RFC 9562, 5.1), ns, or TIME_NONE; and its node as
 * "00:0c:29:..." into mac[18], or "". */
int64_t guid_time(struct view guid, char mac[18]);

#endif
