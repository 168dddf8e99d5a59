/*
 * The writing side of a case, for its own files only: case.c (files, artefacts), load.c (rows), detection.c,
 * merge.c.
 */
#ifndef KONSEKI_TIMELINE_CASE_INTERNAL_H
#define KONSEKI_TIMELINE_CASE_INTERNAL_H

#include "timeline/blocks.h"
#include "timeline/case.h"
#include "timeline/row.h"

#include <time.h>

enum statement {
	INSERT_EVENT,
	INSERT_BLOCK,
	INSERT_SIGNATURE,
	UPSERT_ARTIFACT_SHAPE,
	FIND_HOST,
	INSERT_HOST,
	FIND_NAME,
	INSERT_NAME,
	FIND_SHAPE,
	INSERT_SHAPE,
	FIND_RULE,
	INSERT_RULE,
	INSERT_DETECTION,
	INSERT_INPUT,
	STATEMENTS
};

/* Texts to ids, as many as fit. */
struct cache {
	struct entry {
		uint64_t hash;
		struct view key; /* data NULL: free */
		int64_t id;
		uint32_t values; /* of a shape */
		enum event_kind kind;
	} * slots; /* 2 * CACHE_ENTRIES */
	size_t count;
	struct arena arena;
};

/* What one artefact has of one shape on one host. */
struct tally {
	int64_t shape, host;
	uint64_t events, untimed;
	int64_t first, last;
	bool used;
};

struct loading {
	int64_t id, host;
	char *host_name;
	uint64_t events;
	int64_t first, last;
	struct tally *tallies; /* open addressing */
	size_t mask, count;
	struct loading *next;
};

struct case_db {
	sqlite3 *db;
	bool writing, in_batch;
	sqlite3_stmt *stmt[STATEMENTS];
	struct problem problem;
	int64_t next_event;
	uint64_t events_before, events_new; /* when the index was last there, and since */
	bool indexed;
	uint64_t batch_bytes;
	time_t batch_start;
	struct cache hosts, names, shapes, rules;
	struct row_block block;
	struct block_rows signatures;
	struct loading *loading;
	struct case_totals totals;
	struct buffer key;

	/* Of case_finish. */
	case_progress *progress;
	void *progress_data;
	const char *doing;
	double share;

	/* Of the block in work, by shape of the block. */
	int64_t *shape_ids;
	uint32_t *shape_values;
	enum event_kind *shape_kinds;
	struct buffer signature;
	struct tally *counts; /* (shape, host) of the block */
	size_t count_used, count_cap, shape_cap;
	int64_t *host_ids, *name_ids; /* by string of the block */
	size_t string_cap;
};

/* A batch ends after so many bytes of blocks, or at the first artefact that ends after so many seconds. */
#define BATCH_BYTES   (48u << 20)
#define BATCH_SECONDS 5
int case_batch_commit(struct case_db *c);

/* ---- SQLite; every failure goes to c->problem and is ERR_DATABASE ---- */

int case_fail(struct case_db *c);
int case_run(struct case_db *c, const char *sql);
sqlite3_stmt *case_prepare(struct case_db *c, const char *sql);
/* One integer, or `otherwise` when there is no row. */
int64_t case_scalar(struct case_db *c, const char *sql, int64_t otherwise);
/* A prepared one of those above; reset by case_done. */
sqlite3_stmt *case_statement(struct case_db *c, enum statement which);
int case_done(struct case_db *c, sqlite3_stmt *s);
int case_run_id(struct case_db *c, const char *sql, int64_t id);
int case_batch_begin(struct case_db *c);

static inline void bind_text(sqlite3_stmt *s, int at, const char *text)
{
	if (text)
		sqlite3_bind_text(s, at, text, -1, SQLITE_STATIC);
	else
		sqlite3_bind_null(s, at);
}

static inline void bind_view(sqlite3_stmt *s, int at, struct view v)
{
	if (v.len)
		sqlite3_bind_text64(s, at, (const char *)v.data, v.len, SQLITE_STATIC, SQLITE_UTF8);
	else
		sqlite3_bind_null(s, at);
}

static inline void bind_id(sqlite3_stmt *s, int at, int64_t id)
{
	if (id > 0)
		sqlite3_bind_int64(s, at, id);
	else
		sqlite3_bind_null(s, at);
}

static inline void bind_time(sqlite3_stmt *s, int at, int64_t ts)
{
	if (ts != TIME_NONE)
		sqlite3_bind_int64(s, at, ts);
	else
		sqlite3_bind_null(s, at);
}
/* Also where it is empty. */
static inline void bind_always(sqlite3_stmt *s, int at, struct view v)
{
	sqlite3_bind_text64(s, at, v.len ? (const char *)v.data : "", v.len, SQLITE_STATIC,
			    SQLITE_UTF8);
}

/* ---- texts and their ids ---- */

uint64_t cache_hash(struct view v);
struct entry *cache_get(struct cache *t, struct view key);
struct entry *cache_put(struct cache *t, struct view key, int64_t id);
void cache_release(struct cache *t);
void cache_clear(struct cache *t);
/* The id of a text in a table of texts, made when it is not there. Negative: a status. */
int64_t case_text_id(struct case_db *c, struct cache *cache, enum statement find,
		     enum statement insert, struct view text);
int64_t case_host_id(struct case_db *c, struct view name);

/* ---- loading ---- */

struct loading *case_loading_of(struct case_db *c, int64_t id);
int case_add_tally(struct case_db *c, struct loading *l, const struct tally *add);
int case_write_tallies(struct case_db *c, struct loading *l);
/* A hit while its event is loaded. */
int case_add_hit(struct case_db *c, int64_t event, const struct row_hit *hit);

/* ---- records seen twice ---- */

int case_merge(struct case_db *c);

#endif
