/*
 * Extensible Storage Engine databases (JET Blue: .edb, .dat, .mdb), read-only, own reader: header,
 * pages of a B+ tree, catalogue, records with fixed, variable and tagged columns, long values, the
 * engine's own compression. Facts: libyal, "Extensible Storage Engine (ESE) Database File (EDB)
 * format".
 *
 * A database that was not shut down cleanly is read as its pages stand; its logs are not replayed.
 */
#ifndef KONSEKI_PARSERS_ESE_H
#define KONSEKI_PARSERS_ESE_H

#include "base/event.h"
#include "base/limits.h"
#include "base/status.h"

enum ese_type {
	ESE_NIL,
	ESE_BIT,
	ESE_U8,
	ESE_I16,
	ESE_I32,
	ESE_CURRENCY,
	ESE_F32,
	ESE_F64,
	ESE_DATETIME,
	ESE_BINARY,
	ESE_TEXT,
	ESE_LONG_BINARY,
	ESE_LONG_TEXT,
	ESE_SLV,
	ESE_U32,
	ESE_I64,
	ESE_GUID,
	ESE_U16
};

struct ese_column {
	uint32_t id, type, size, codepage;
	uint32_t offset; /* in the record, of fixed columns; 0: behind the one before */
	const char *name;
};

struct ese_table {
	uint32_t object, page; /* of the tree of records */
	uint32_t long_page;    /* of the tree of long values, or 0 */
	const char *name;
	struct ese_column *columns; /* in the order of their ids */
	size_t count, cap;
};

struct ese {
	struct view file;
	uint32_t page_size, revision;
	bool dirty;
	struct arena *arena; /* of the catalogue and of values that must be put together */
	struct ese_table *tables;
	size_t count, cap;
	uint64_t *visited; /* a bit for each page of the walk at hand */
	bool with_deleted; /* deleted records are wanted too: set by the caller */
	bool deleted;	   /* the record at hand was deleted, its page not cleaned yet */
	unsigned bad;	   /* pages that a tree names and that could not be read */
};

/* "JET_ccolTableMost": 127 fixed, 128 variable, 64,993 tagged. */
#define ESE_COLUMNS_MAX 65248
/* Of one record: columns have several values where they are defined so. */
#define ESE_VALUES_MAX 8192

struct ese_value {
	const struct ese_column *column;
	struct view data; /* as stored: numbers little-endian, text in the column's code page */
};

/* ERR_FORMAT: no database; ERR_UNSUPPORTED: a page size that cannot be. Released with ese_close. */
int ese_open(struct ese *e, struct view file, struct arena *arena);
void ese_close(struct ese *e);
const struct ese_table *ese_table_find(const struct ese *e, const char *name);

/*
 * Calls back for each record, with e->with_deleted those too that were deleted and are still there (e->deleted): the columns that have a value, ordered by id, a column with several
 * values once for each; long values and compressed ones are put together in `scratch`, which is
 * reset before each record. A negative return ends the walk and is returned.
 */
int ese_records(struct ese *e, const struct ese_table *t, struct arena *scratch,
		int (*record)(void *data, const struct ese_value *values, size_t count,
			      uint64_t offset),
		void *data);

/* The value of a column by name, or NULL. */
const struct ese_value *ese_find(const struct ese_value *values, size_t count, const char *name);
/* As a whole number; 0 for NULL or another type. */
int64_t ese_number(const struct ese_value *v);
/* Date and time, or a FILETIME in a column of numbers; TIME_NONE where it is none. */
int64_t ese_time(const struct ese_value *v);
/* Text as UTF-8 in the arena; "" for NULL. */
const char *ese_text(const struct ese_value *v, struct arena *a);
/* As an event's value. */
struct value ese_value(const struct ese_value *v, struct arena *a);

#endif
