#include "timeline/blocks.h"

#include "base/status.h"
#include "base/timestamp.h"

#include <stdlib.h>

#define ROW_BYTES                                                                                  \
	(BLOCK_GROUP / 8) /* of bits of all blocks of a group, for one bit of the filter */
#define SLICE_BITS  SIGNATURE_SLICE /* of the filter, in a row of signature_slice */
#define SLICE_BYTES (SLICE_BITS * ROW_BYTES)
#define SLICES_MAX  (SIGNATURE_BITS / SLICE_BITS) /* of a group: its rows are id * SLICES_MAX + n */
#define ENTRY	    32u				  /* bytes of a block in signature_group */

static unsigned size_class(size_t bytes)
{
	unsigned i = 0;

	while (i < SIGNATURE_SIZES && (SIGNATURE_MIN << i) != bytes)
		i++;
	return i;
}

/* ---- writing ---- */

int block_rows_count(sqlite3 *db, struct block_rows *rows)
{
	sqlite3_stmt *s = NULL;
	int step = SQLITE_ERROR;

	memset(rows, 0, sizeof(*rows));
	if (sqlite3_prepare_v2(db, "SELECT length(bits), count(*) FROM signature GROUP BY 1", -1,
			       &s, NULL) == SQLITE_OK)
		while ((step = sqlite3_step(s)) == SQLITE_ROW) {
			unsigned class = size_class((size_t)sqlite3_column_int64(s, 0));

			if (class < SIGNATURE_SIZES)
				rows->count[class] = (size_t)sqlite3_column_int64(s, 1);
		}
	sqlite3_finalize(s);
	return step == SQLITE_DONE ? OK : ERR_DATABASE;
}

void block_rows_add(struct block_rows *rows, size_t signature_bytes)
{
	unsigned class = size_class(signature_bytes);

	if (class < SIGNATURE_SIZES)
		rows->count[class]++;
}

/* One slice: filters' bits become rows of the blocks' bits. */
static void turn_over(const uint8_t *filters, size_t bytes, size_t slice, uint8_t out[SLICE_BYTES])
{
	static const size_t column = SLICE_BITS / 8;
	uint8_t local[BLOCK_GROUP * (SLICE_BITS / 8)];

	for (size_t b = 0; b < BLOCK_GROUP; b++)
		memcpy(local + b * column, filters + b * bytes + slice * column, column);
	for (size_t byte = 0; byte < column; byte++)
		for (size_t b = 0; b < BLOCK_GROUP; b += 8) {
			uint64_t x = 0, t;

			for (size_t i = 0; i < 8; i++)
				x |= (uint64_t)local[(b + i) * column + byte] << (8 * i);
			/* An 8 by 8 matrix of bits, turned by its halves, quarters and eighths. */
			t = (x ^ x >> 7) & UINT64_C(0x00aa00aa00aa00aa);
			x ^= t ^ t << 7;
			t = (x ^ x >> 14) & UINT64_C(0x0000cccc0000cccc);
			x ^= t ^ t << 14;
			t = (x ^ x >> 28) & UINT64_C(0x00000000f0f0f0f0);
			x ^= t ^ t << 28;
			for (size_t bit = 0; bit < 8; bit++)
				out[(byte * 8 + bit) * ROW_BYTES + b / 8] =
					(uint8_t)(x >> (8 * bit));
		}
}

static void put64(struct buffer *b, int64_t n)
{
	buffer_append(b, &n, 8);
}

static int64_t time_column(sqlite3_stmt *s, int at)
{
	return sqlite3_column_type(s, at) == SQLITE_NULL ? TIME_NONE : sqlite3_column_int64(s, at);
}

static int insert_group(sqlite3 *db, size_t bytes, int64_t last, const struct buffer *blocks,
			const uint8_t *filters)
{
	sqlite3_stmt *group = NULL, *slice = NULL;
	uint8_t out[SLICE_BYTES];
	int status = ERR_DATABASE;
	int64_t id;

	if (sqlite3_prepare_v2(db, "INSERT INTO signature_group(bytes, last, blocks) VALUES(?,?,?)",
			       -1, &group, NULL) != SQLITE_OK ||
	    sqlite3_prepare_v2(db, "INSERT INTO signature_slice VALUES(?,?)", -1, &slice, NULL) !=
		    SQLITE_OK)
		goto out;
	sqlite3_bind_int64(group, 1, (int64_t)bytes);
	sqlite3_bind_int64(group, 2, last);
	sqlite3_bind_blob64(group, 3, blocks->data, blocks->len, SQLITE_STATIC);
	if (sqlite3_step(group) != SQLITE_DONE)
		goto out;
	id = sqlite3_last_insert_rowid(db);
	for (size_t i = 0; i < bytes * 8 / SLICE_BITS; i++) {
		turn_over(filters, bytes, i, out);
		sqlite3_bind_int64(slice, 1, id * SLICES_MAX + (int64_t)i);
		sqlite3_bind_blob(slice, 2, out, SLICE_BYTES, SQLITE_STATIC);
		if (sqlite3_step(slice) != SQLITE_DONE || sqlite3_reset(slice) != SQLITE_OK)
			goto out;
	}
	status = OK;
out:
	sqlite3_finalize(group);
	sqlite3_finalize(slice);
	return status;
}

/* One group of signatures of that size. ERR_NOT_FOUND: there are too few of them, *have. */
static int make_group(sqlite3 *db, size_t bytes, size_t *have)
{
	sqlite3_stmt *s = NULL, *gone = NULL;
	uint8_t *filters = xcalloc(BLOCK_GROUP, bytes);
	struct buffer blocks = {0};
	int64_t last = 0;
	int status = ERR_DATABASE, step = SQLITE_ROW;
	size_t n = 0;

	if (sqlite3_prepare_v2(
		    db,
		    "SELECT b.first, b.last, b.ts_first, b.ts_last, s.bits FROM signature s"
		    " JOIN block b ON b.first = s.block WHERE length(s.bits) = ? ORDER BY"
		    " s.block LIMIT ?",
		    -1, &s, NULL) != SQLITE_OK ||
	    sqlite3_prepare_v2(db, "DELETE FROM signature WHERE block = ?", -1, &gone, NULL) !=
		    SQLITE_OK)
		goto out;
	sqlite3_bind_int64(s, 1, (int64_t)bytes);
	sqlite3_bind_int64(s, 2, BLOCK_GROUP);
	while (n < BLOCK_GROUP && (step = sqlite3_step(s)) == SQLITE_ROW) {
		memcpy(filters + n++ * bytes, sqlite3_column_blob(s, 4), bytes);
		put64(&blocks, sqlite3_column_int64(s, 0));
		put64(&blocks, sqlite3_column_int64(s, 1));
		put64(&blocks, time_column(s, 2));
		put64(&blocks, time_column(s, 3));
		if (sqlite3_column_int64(s, 1) > last)
			last = sqlite3_column_int64(s, 1);
	}
	if (step != SQLITE_ROW && step != SQLITE_DONE)
		goto out;
	*have = n;
	if (n < BLOCK_GROUP) {
		status = ERR_NOT_FOUND;
		goto out;
	}
	sqlite3_reset(s);
	for (size_t i = 0; i < n; i++) {
		int64_t first;

		memcpy(&first, blocks.data + i * ENTRY, 8);
		sqlite3_bind_int64(gone, 1, first);
		if (sqlite3_step(gone) != SQLITE_DONE || sqlite3_reset(gone) != SQLITE_OK)
			goto out;
	}
	status = insert_group(db, bytes, last, &blocks, filters);
out:
	sqlite3_finalize(s);
	sqlite3_finalize(gone);
	buffer_release(&blocks);
	free(filters);
	return status;
}

int block_rows_group(sqlite3 *db, struct block_rows *rows)
{
	for (unsigned i = 0; i < SIGNATURE_SIZES; i++) {
		while (rows->count[i] >= BLOCK_GROUP) {
			size_t have = 0;
			int status = make_group(db, SIGNATURE_MIN << i, &have);

			if (status == ERR_NOT_FOUND) /* some were taken out */
				rows->count[i] = have;
			else if (status < 0)
				return status;
			else
				rows->count[i] -= BLOCK_GROUP;
		}
	}
	return OK;
}

/* ---- reading ---- */

static struct block *add_block(struct block_list *l)
{
	l->items = xgrow(l->items, &l->cap, l->count + 1, sizeof(*l->items));
	return &l->items[l->count++];
}

int block_list_load(sqlite3 *db, struct block_list *l)
{
	sqlite3_stmt *s = NULL;
	int step = SQLITE_ERROR;

	if (sqlite3_prepare_v2(db, "SELECT id, bytes, blocks FROM signature_group ORDER BY id", -1,
			       &s, NULL) == SQLITE_OK)
		while ((step = sqlite3_step(s)) == SQLITE_ROW) {
			const uint8_t *p = sqlite3_column_blob(s, 2);
			size_t n = (size_t)sqlite3_column_bytes(s, 2) / ENTRY;
			struct block_group *g;

			l->groups = xgrow(l->groups, &l->group_cap, l->group_count + 1,
					  sizeof(*l->groups));
			g = &l->groups[l->group_count++];
			*g = (struct block_group){.id = sqlite3_column_int64(s, 0),
						  .bytes = (uint32_t)sqlite3_column_int64(s, 1),
						  .at = l->count,
						  .count = n < BLOCK_GROUP ? n : BLOCK_GROUP};
			for (size_t i = 0; i < g->count; i++, p += ENTRY)
				memcpy(add_block(l), p, ENTRY);
		}
	sqlite3_finalize(s);
	if (step != SQLITE_DONE)
		return ERR_DATABASE;
	l->singles = l->count;
	step = SQLITE_ERROR;
	if (sqlite3_prepare_v2(db,
			       "SELECT b.first, b.last, b.ts_first, b.ts_last FROM signature s JOIN"
			       " block b ON b.first = s.block ORDER BY s.block",
			       -1, &s, NULL) == SQLITE_OK)
		while ((step = sqlite3_step(s)) == SQLITE_ROW)
			*add_block(l) = (struct block){.first = sqlite3_column_int64(s, 0),
						       .last = sqlite3_column_int64(s, 1),
						       .ts_first = time_column(s, 2),
						       .ts_last = time_column(s, 3)};
	sqlite3_finalize(s);
	return step == SQLITE_DONE ? OK : ERR_DATABASE;
}

void block_list_release(struct block_list *l)
{
	free(l->items);
	free(l->groups);
	memset(l, 0, sizeof(*l));
}

static int ascending(const void *x, const void *y)
{
	uint32_t a = *(const uint32_t *)x, b = *(const uint32_t *)y;

	return a < b ? -1 : a > b;
}

static int ask_group(sqlite3 *db, sqlite3_blob **slice, const struct block_group *g,
		     const struct signature_need *need, uint8_t *may)
{
	uint32_t places[SIGNATURE_NEED] = {0};
	uint8_t all[ROW_BYTES], row[ROW_BYTES];
	int64_t open = -1;

	memset(all, 0xff, sizeof(all));
	for (size_t i = 0; i < need->count; i++)
		places[i] = need->bits[i] & (g->bytes * 8 - 1);
	qsort(places, need->count, sizeof(places[0]), ascending);
	for (size_t i = 0; i < need->count; i++) {
		int64_t id = g->id * SLICES_MAX + places[i] / SLICE_BITS;
		uint8_t any = 0;
		int status = SQLITE_OK;

		if (!*slice)
			status = sqlite3_blob_open(db, "main", "signature_slice", "bits", id, 0,
						   slice);
		else if (id != open)
			status = sqlite3_blob_reopen(*slice, id);
		if (status != SQLITE_OK ||
		    sqlite3_blob_read(*slice, row, ROW_BYTES,
				      (int)(places[i] % SLICE_BITS * ROW_BYTES)) != SQLITE_OK)
			return ERR_DATABASE;
		open = id;
		for (size_t k = 0; k < ROW_BYTES; k++)
			any |= all[k] &= row[k];
		if (!any)
			return OK;
	}
	for (size_t i = 0; i < g->count; i++)
		may[g->at + i] |= (uint8_t)(all[i >> 3] >> (i & 7) & 1);
	return OK;
}

int block_list_ask(sqlite3 *db, const struct block_list *l, const struct signature_need *need,
		   uint8_t *may)
{
	sqlite3_blob *slice = NULL;
	sqlite3_stmt *s = NULL;
	int status = OK, step = SQLITE_ERROR;
	size_t at = l->singles;

	if (need->count == 0) {
		memset(may, 1, l->count);
		return OK;
	}
	for (size_t i = 0; i < l->group_count && status == OK; i++)
		status = ask_group(db, &slice, &l->groups[i], need, may);
	sqlite3_blob_close(slice);
	if (status < 0)
		return status;
	if (sqlite3_prepare_v2(db, "SELECT block, bits FROM signature ORDER BY block", -1, &s,
			       NULL) == SQLITE_OK)
		while ((step = sqlite3_step(s)) == SQLITE_ROW) {
			int64_t first = sqlite3_column_int64(s, 0);
			const void *bits = sqlite3_column_blob(s, 1);

			while (at < l->count && l->items[at].first < first)
				at++;
			if (at < l->count && l->items[at].first == first)
				may[at] |= signature_may(
					view_of(bits, (size_t)sqlite3_column_bytes(s, 1)), need);
		}
	sqlite3_finalize(s);
	return step == SQLITE_DONE ? OK : ERR_DATABASE;
}
