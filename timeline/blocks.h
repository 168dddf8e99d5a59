/*
 * Blocks: some hundred events of one artefact that were loaded together, and what their signatures
 * say of them.
 *
 * A block's signature begins as a row of `signature`. When BLOCK_GROUP signatures of one size are
 * there they are turned over into a group: for each bit of the filter one row of bits, one for each
 * block. So a question reads as many short rows of bits as it needs bits, and not every filter. The
 * rows of 128 bits each are a row of `signature_slice`, which fills a page; `signature_group` says which
 * blocks they are. A block that is taken out of the case stays in its group: its ids name nothing.
 */
#ifndef KONSEKI_TIMELINE_BLOCKS_H
#define KONSEKI_TIMELINE_BLOCKS_H

#include "timeline/signature.h"

#include <sqlite3.h>

#define BLOCK_GROUP 1016u /* 127 bytes of bits; 128 times that fit a page of 16 KiB */

struct block {
	int64_t first, last;	   /* ids of events */
	int64_t ts_first, ts_last; /* ns; TIME_NONE: no event of it has a time */
};

/* How many signatures of each size (SIGNATURE_MIN << i bytes) are rows. */
#define SIGNATURE_SIZES 9u
struct block_rows {
	size_t count[SIGNATURE_SIZES];
};

/* Writing; negative: ERR_DATABASE, and sqlite3_errmsg tells. */
int block_rows_count(sqlite3 *db, struct block_rows *rows);
void block_rows_add(struct block_rows *rows, size_t signature_bytes);
/* Makes the groups that can be made. */
int block_rows_group(sqlite3 *db, struct block_rows *rows);

/* Reading. */
struct block_list {
	struct block *items;
	size_t count, cap;
	struct block_group {
		int64_t id;
		uint32_t bytes; /* of each signature */
		size_t at, count;
	} * groups;
	size_t group_count, group_cap, singles; /* from there on blocks have rows */
};
int block_list_load(sqlite3 *db, struct block_list *list);
void block_list_release(struct block_list *list);
/* Sets may[i] of every block that may hold all of it; leaves the others. */
int block_list_ask(sqlite3 *db, const struct block_list *list, const struct signature_need *need,
		   uint8_t *may);

#endif
