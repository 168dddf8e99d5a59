#include "timeline/case.h"

#include "base/limits.h"
#include "timeline/blocks.h"
#include "timeline/row.h"
#include "timeline/schema.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

/* A batch ends after so many bytes of blocks, or at the first artefact that ends after so many
 * seconds. */
#define BATCH_BYTES   (48u << 20)
#define BATCH_SECONDS 5
#define CACHE_KIB     65536
/* Entries that a cache of ids may hold; then it starts afresh. */
#define CACHE_ENTRIES 32768u
/* Below so many events an index is cheaper to build anew than to keep; and above that share of what
 * is there. */
#define REBUILD_EVENTS 200000
#define REBUILD_SHARE  4

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

static const char *const statements[STATEMENTS] = {
	[INSERT_EVENT] = "INSERT INTO event VALUES(?,?,?,?,?,?,?,?,?,?,?)",
	[INSERT_BLOCK] = "INSERT INTO block VALUES(?,?,?,?,?)",
	[INSERT_SIGNATURE] = "INSERT INTO signature VALUES(?,?)",
	[UPSERT_ARTIFACT_SHAPE] =
		"INSERT INTO artifact_shape VALUES(?1,?2,?3,?4,?5,?6,?7) ON CONFLICT DO UPDATE SET"
		" events = events + ?4, untimed = untimed + ?5,"
		" first = min(coalesce(first, ?6), coalesce(?6, first)),"
		" last = max(coalesce(last, ?7), coalesce(?7, last))",
	[FIND_HOST] = "SELECT id FROM host WHERE name = ?",
	[INSERT_HOST] = "INSERT INTO host(name) VALUES(?)",
	[FIND_NAME] = "SELECT id FROM name WHERE text = ?",
	[INSERT_NAME] = "INSERT INTO name(text) VALUES(?)",
	[FIND_SHAPE] = "SELECT id, vals, kind FROM shape WHERE hash = ?",
	[INSERT_SHAPE] = "INSERT INTO shape VALUES(NULL,?,?,?,?,?,?,?,?,?,?,?)",
	[FIND_RULE] = "SELECT id FROM rule WHERE path = ? AND rule_id = ? AND title = ?",
	[INSERT_RULE] = "INSERT INTO rule(path, rule_id, title, level, tags) VALUES(?,?,?,?,?)",
	[INSERT_DETECTION] =
		"INSERT OR REPLACE INTO detection(rule, event, matched, events) VALUES(?,?,?,?)",
	[INSERT_INPUT] = "INSERT OR REPLACE INTO correlation_input VALUES(?,?,?)",
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
	uint64_t events_before; /* in the case when it was opened */
	bool indexed;
	uint64_t batch_bytes;
	time_t batch_start;
	struct cache hosts, names, shapes, rules;
	struct row_block block;
	struct block_rows signatures;
	struct loading *loading;
	struct case_totals totals;
	struct buffer key;

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

static int fail(struct case_db *c)
{
	return problem_set(&c->problem, ERR_DATABASE, PROBLEM_NO_OFFSET, "%s",
			   sqlite3_errmsg(c->db));
}

const struct problem *case_problem(const struct case_db *c)
{
	return &c->problem;
}

sqlite3 *case_handle(struct case_db *c)
{
	return c->db;
}

const struct case_totals *case_totals(const struct case_db *c)
{
	return &c->totals;
}

static int run(struct case_db *c, const char *sql)
{
	return sqlite3_exec(c->db, sql, NULL, NULL, NULL) == SQLITE_OK ? OK : fail(c);
}

static sqlite3_stmt *prepare(struct case_db *c, const char *sql)
{
	sqlite3_stmt *s = NULL;

	if (sqlite3_prepare_v2(c->db, sql, -1, &s, NULL) != SQLITE_OK)
		(void)fail(c);
	return s;
}

/* One integer, or `otherwise` when there is no row. */
static int64_t scalar(struct case_db *c, const char *sql, int64_t otherwise)
{
	sqlite3_stmt *s = prepare(c, sql);
	int64_t n = otherwise;

	if (s && sqlite3_step(s) == SQLITE_ROW)
		n = sqlite3_column_int64(s, 0);
	sqlite3_finalize(s);
	return n;
}

static sqlite3_stmt *statement(struct case_db *c, enum statement which)
{
	if (!c->stmt[which] &&
	    sqlite3_prepare_v3(c->db, statements[which], -1, SQLITE_PREPARE_PERSISTENT,
			       &c->stmt[which], NULL) != SQLITE_OK)
		(void)fail(c);
	return c->stmt[which];
}

static int done(struct case_db *c, sqlite3_stmt *s)
{
	int status = sqlite3_step(s);

	if (sqlite3_reset(s) != SQLITE_OK || (status != SQLITE_DONE && status != SQLITE_ROW))
		return fail(c);
	return OK;
}

/* Runs a statement with one id. */
static int run_id(struct case_db *c, const char *sql, int64_t id)
{
	sqlite3_stmt *s = prepare(c, sql);
	int status;

	if (!s)
		return ERR_DATABASE;
	sqlite3_bind_int64(s, 1, id);
	status = done(c, s);
	sqlite3_finalize(s);
	return status;
}

static void bind_text(sqlite3_stmt *s, int at, const char *text)
{
	if (text)
		sqlite3_bind_text(s, at, text, -1, SQLITE_STATIC);
	else
		sqlite3_bind_null(s, at);
}

static void bind_view(sqlite3_stmt *s, int at, struct view v)
{
	if (v.len)
		sqlite3_bind_text64(s, at, (const char *)v.data, v.len, SQLITE_STATIC, SQLITE_UTF8);
	else
		sqlite3_bind_null(s, at);
}

static void bind_id(sqlite3_stmt *s, int at, int64_t id)
{
	if (id > 0)
		sqlite3_bind_int64(s, at, id);
	else
		sqlite3_bind_null(s, at);
}

static void bind_time(sqlite3_stmt *s, int at, int64_t ts)
{
	if (ts != TIME_NONE)
		sqlite3_bind_int64(s, at, ts);
	else
		sqlite3_bind_null(s, at);
}

/* ---- caches ---- */

static uint64_t hash_of(struct view v)
{
	uint64_t h = UINT64_C(0xcbf29ce484222325) ^ v.len;

	for (size_t i = 0; i < v.len; i++)
		h = (h ^ v.data[i]) * UINT64_C(0x100000001b3);
	return h ^ h >> 31;
}

static struct entry *cache_get(struct cache *t, struct view key)
{
	uint64_t h = hash_of(key);
	size_t mask = 2 * CACHE_ENTRIES - 1;

	if (!t->slots)
		t->slots = xcalloc(mask + 1, sizeof(*t->slots));
	for (size_t at = h & mask; t->slots[at].key.data; at = (at + 1) & mask)
		if (t->slots[at].hash == h && view_equal(t->slots[at].key, key))
			return &t->slots[at];
	return NULL;
}

static struct entry *cache_put(struct cache *t, struct view key, int64_t id)
{
	static const uint8_t empty[1];
	uint64_t h = hash_of(key);
	size_t mask = 2 * CACHE_ENTRIES - 1, at = h & mask;
	char *copy;

	if (t->count >= CACHE_ENTRIES || t->arena.used > (16u << 20)) {
		memset(t->slots, 0, (mask + 1) * sizeof(*t->slots));
		arena_reset(&t->arena);
		t->count = 0;
	}
	copy = arena_strndup(&t->arena, key.data, key.len);
	while (t->slots[at].key.data)
		at = (at + 1) & mask;
	t->slots[at] =
		(struct entry){.hash = h,
			       .key = view_of(copy ? (uint8_t *)copy : empty, copy ? key.len : 0),
			       .id = id};
	t->count++;
	return &t->slots[at];
}

static void cache_release(struct cache *t)
{
	free(t->slots);
	arena_release(&t->arena);
}

static void cache_clear(struct cache *t)
{
	cache_release(t);
	memset(t, 0, sizeof(*t));
}

/* The id of a text in a table of texts, made when it is not there. Negative: a status. */
static int64_t text_id(struct case_db *c, struct cache *cache, enum statement find,
		       enum statement insert, struct view text)
{
	struct entry *known = cache_get(cache, text);
	sqlite3_stmt *s;
	int64_t id = 0;

	if (known)
		return known->id;
	if (!(s = statement(c, find)))
		return ERR_DATABASE;
	sqlite3_bind_text64(s, 1, (const char *)text.data, text.len, SQLITE_STATIC, SQLITE_UTF8);
	if (sqlite3_step(s) == SQLITE_ROW)
		id = sqlite3_column_int64(s, 0);
	sqlite3_reset(s);
	if (!id) {
		if (!(s = statement(c, insert)))
			return ERR_DATABASE;
		sqlite3_bind_text64(s, 1, (const char *)text.data, text.len, SQLITE_STATIC,
				    SQLITE_UTF8);
		if (done(c, s) < 0)
			return ERR_DATABASE;
		id = sqlite3_last_insert_rowid(c->db);
	}
	cache_put(cache, text, id);
	return id;
}

static int64_t host_id(struct case_db *c, struct view name)
{
	return name.len ? text_id(c, &c->hosts, FIND_HOST, INSERT_HOST, name) : 0;
}

/* ---- open, close ---- */

static int batch_begin(struct case_db *c)
{
	if (c->in_batch)
		return OK;
	if (run(c, "BEGIN IMMEDIATE") < 0)
		return ERR_DATABASE;
	c->in_batch = true;
	c->batch_bytes = 0;
	c->batch_start = time(NULL);
	return OK;
}

static int batch_commit(struct case_db *c)
{
	if (!c->in_batch)
		return OK;
	if (block_rows_group(c->db, &c->signatures) < 0)
		return fail(c);
	if (run(c, "COMMIT") < 0)
		return ERR_DATABASE;
	c->in_batch = false;
	return OK;
}

static int remove_artifact(struct case_db *c, int64_t id);

static bool has_index(struct case_db *c)
{
	return scalar(c,
		      "SELECT count(*) FROM sqlite_master WHERE type = 'index' AND name = "
		      "'event_ts'",
		      0) == 1;
}

/* Creates the tables in an empty file, or removes what a killed process left. */
static int prepare_writing(struct case_db *c)
{
	sqlite3_stmt *s;
	int64_t id;

	if (run(c, "PRAGMA journal_mode = TRUNCATE; PRAGMA synchronous = NORMAL") < 0)
		return ERR_DATABASE;
	if (batch_begin(c) < 0)
		return ERR_DATABASE;
	if (scalar(c, "SELECT count(*) FROM sqlite_master", 0) == 0) {
		char sql[120];

		(void)snprintf(sql, sizeof(sql),
			       "PRAGMA application_id = %d; PRAGMA user_version = %d",
			       CASE_APPLICATION, CASE_SCHEMA);
		if (run(c, schema_sql) < 0 || run(c, sql) < 0)
			return ERR_DATABASE;
	}
	while ((id = scalar(c, "SELECT id FROM artifact WHERE status = 'loading' LIMIT 1", 0)) > 0)
		if (remove_artifact(c, id) < 0)
			return ERR_DATABASE;
	if (batch_commit(c) < 0)
		return ERR_DATABASE;
	/* Past the last block too: a merge may have taken all its events, and it keeps its place. */
	c->next_event = scalar(c,
			       "SELECT max(coalesce((SELECT max(id) FROM event), 0),"
			       " coalesce((SELECT last FROM block ORDER BY first DESC LIMIT 1), 0),"
			       " coalesce((SELECT max(last) FROM signature_group), 0))",
			       0) +
			1;
	c->events_before = (uint64_t)scalar(c, "SELECT sum(events) FROM shape_host", 0);
	if (block_rows_count(c->db, &c->signatures) < 0)
		return fail(c);
	c->indexed = has_index(c);
	s = statement(c, INSERT_EVENT);
	return s ? OK : ERR_DATABASE;
}

int case_open(const char *path, enum case_mode mode, struct case_db **out, struct problem *problem)
{
	struct case_db *c = xcalloc(1, sizeof(*c));
	int status = ERR_DATABASE, flags = mode == CASE_WRITE
						   ? SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE
						   : SQLITE_OPEN_READONLY;
	int64_t application, version, tables;
	struct stat st;

	*out = NULL;
	if (stat(path, &st) != 0 && (mode == CASE_READ || errno != ENOENT)) {
		status = problem_set(&c->problem, errno == ENOENT ? ERR_NOT_FOUND : ERR_IO,
				     PROBLEM_NO_OFFSET, "%s",
				     errno == ENOENT ? "no such case" : strerror(errno));
		goto out;
	}
reopen:
	if (sqlite3_open_v2(path, &c->db, flags | SQLITE_OPEN_NOMUTEX, NULL) != SQLITE_OK) {
		(void)fail(c);
		goto out;
	}
	c->writing = mode == CASE_WRITE;
	sqlite3_extended_result_codes(c->db, 1);
	sqlite3_busy_timeout(c->db, 60000);
	/*
	 * A case may come from anywhere: its cells are checked, and its schema can call built-in
	 * functions only, of which none writes. (Not trusting the schema at all would forbid the
	 * views their JSON operators.)
	 */
	sqlite3_db_config(c->db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
	if (run(c, "PRAGMA page_size = 16384; PRAGMA cell_size_check = 1") < 0)
		goto out;
	(void)snprintf(c->problem.reason, sizeof(c->problem.reason), "PRAGMA cache_size = -%d",
		       CACHE_KIB);
	if (run(c, c->problem.reason) < 0)
		goto out;
	if (mode == CASE_READ &&
	    run(c, "PRAGMA mmap_size = 1099511627776; PRAGMA query_only = 1") < 0)
		goto out;
	c->problem.reason[0] = '\0';
	tables = scalar(c, "SELECT count(*) FROM sqlite_master", -1);
	if (tables < 0 && flags == SQLITE_OPEN_READONLY &&
	    ((sqlite3_errcode(c->db) & 0xff) == SQLITE_READONLY ||
	     (sqlite3_errcode(c->db) & 0xff) == SQLITE_CANTOPEN)) {
		/* A killed writer left its journal: only who may write can roll it back. */
		sqlite3_close(c->db);
		c->db = NULL;
		flags = SQLITE_OPEN_READWRITE;
		goto reopen;
	}
	if (tables < 0) /* no database, or a damaged one */
		goto out;
	application = scalar(c, "PRAGMA application_id", 0);
	version = scalar(c, "PRAGMA user_version", 0);
	if ((tables > 0 || mode == CASE_READ) && application != CASE_APPLICATION) {
		status = problem_set(&c->problem, ERR_FORMAT, PROBLEM_NO_OFFSET, "%s",
				     tables ? "an SQLite database, but not a case" : "not a case");
		goto out;
	}
	if (tables > 0 && version != CASE_SCHEMA) {
		status = problem_set(&c->problem, ERR_UNSUPPORTED, PROBLEM_NO_OFFSET,
				     "a case of schema %lld, this konseki reads %d: ingest the evidence again",
				     (long long)version, CASE_SCHEMA);
		goto out;
	}
	if (mode == CASE_WRITE && prepare_writing(c) < 0)
		goto out;
	*out = c;
	return OK;
out:
	if (status == ERR_DATABASE && (sqlite3_errcode(c->db) & 0xff) == SQLITE_NOTADB)
		status = problem_set(&c->problem, ERR_FORMAT, PROBLEM_NO_OFFSET, "not a case");
	if (problem)
		*problem = c->problem;
	case_close(c);
	return status;
}

static void loading_free(struct case_db *c, struct loading *gone)
{
	struct loading **at = &c->loading;

	while (*at && *at != gone)
		at = &(*at)->next;
	if (*at)
		*at = gone->next;
	free(gone->tallies);
	free(gone->host_name);
	free(gone);
}

void case_close(struct case_db *c)
{
	if (!c)
		return;
	for (unsigned i = 0; i < STATEMENTS; i++)
		sqlite3_finalize(c->stmt[i]);
	if (c->in_batch)
		(void)sqlite3_exec(c->db, "ROLLBACK", NULL, NULL, NULL);
	sqlite3_close(c->db);
	while (c->loading)
		loading_free(c, c->loading);
	cache_release(&c->hosts);
	cache_release(&c->names);
	cache_release(&c->shapes);
	cache_release(&c->rules);
	row_block_release(&c->block);
	buffer_release(&c->key);
	free(c->shape_ids);
	free(c->shape_values);
	free(c->shape_kinds);
	buffer_release(&c->signature);
	free(c->counts);
	free(c->host_ids);
	free(c->name_ids);
	free(c);
}

/* ---- bundles, artefacts ---- */

int64_t case_bundle(struct case_db *c, const struct case_bundle *b)
{
	sqlite3_stmt *s;
	int64_t id = 0, host;

	if (batch_begin(c) < 0 || (host = host_id(c, view_text(b->host))) < 0)
		return ERR_DATABASE;
	if (!(s = prepare(c, "SELECT id FROM bundle WHERE path = ? AND manifest IS ?")))
		return ERR_DATABASE;
	bind_text(s, 1, b->path);
	bind_text(s, 2, b->manifest);
	if (sqlite3_step(s) == SQLITE_ROW)
		id = sqlite3_column_int64(s, 0);
	sqlite3_finalize(s);
	if (id)
		return id;
	if (!(s = prepare(c, "INSERT INTO bundle(path, type, host, manifest) VALUES(?,?,?,?)")))
		return ERR_DATABASE;
	bind_text(s, 1, b->path);
	bind_text(s, 2, b->type);
	bind_id(s, 3, host);
	bind_text(s, 4, b->manifest);
	id = done(c, s) < 0 ? ERR_DATABASE : sqlite3_last_insert_rowid(c->db);
	sqlite3_finalize(s);
	return id;
}

static sqlite3_stmt *same_artifact(struct case_db *c, const struct case_artifact *a,
				   const char *columns, const char *where)
{
	char sql[400];
	sqlite3_stmt *s;

	(void)snprintf(sql, sizeof(sql),
		       "SELECT %s FROM artifact WHERE path = ?1 AND member IS ?2 AND (SELECT name "
		       "FROM host WHERE id = artifact.host) IS ?3"
		       " AND (?4 = 0 OR bundle IS ?4) AND %s ORDER BY id",
		       columns, where);
	if (!(s = prepare(c, sql)))
		return NULL;
	bind_text(s, 1, a->path);
	bind_text(s, 2, a->member);
	bind_text(s, 3, a->host && *a->host ? a->host : NULL);
	sqlite3_bind_int64(s, 4, a->bundle);
	return s;
}

bool case_known(struct case_db *c, const struct case_artifact *a, struct case_known *known)
{
	/* Crashed and timed-out ones are tried again. The sum is all that tells two files of one
	 * name apart. */
	sqlite3_stmt *s = same_artifact(c, a, "id, sha256, parser, parser_version",
					"status IN ('complete', 'damaged', 'failed', 'unclaimed') "
					"AND sha256 IS NOT NULL AND (?5 IS NULL OR sha256 = ?5)");
	bool found = false;

	if (!s)
		return false;
	bind_text(s, 5, a->sha256);
	while (sqlite3_step(s) == SQLITE_ROW) {
		const char *parser = (const char *)sqlite3_column_text(s, 2);

		found = true;
		known->id = sqlite3_column_int64(s, 0);
		(void)snprintf(known->sha256, sizeof(known->sha256), "%s",
			       (const char *)sqlite3_column_text(s, 1));
		(void)snprintf(known->parser, sizeof(known->parser), "%s", parser ? parser : "");
		known->parser_version = (unsigned)sqlite3_column_int(s, 3);
	}
	sqlite3_finalize(s);
	return found;
}

static struct loading *loading_of(struct case_db *c, int64_t id)
{
	struct loading *l = c->loading;

	while (l && l->id != id)
		l = l->next;
	return l;
}

int64_t case_artifact_begin(struct case_db *c, const struct case_artifact *a)
{
	struct loading *l;
	sqlite3_stmt *s;
	int64_t id, host;

	if (batch_begin(c) < 0 || (host = host_id(c, view_text(a->host))) < 0)
		return ERR_DATABASE;
	if (!(s = prepare(c,
			  "INSERT INTO artifact(bundle, host, path, member, size, mtime, sha256, "
			  "parser, parser_version, status)"
			  " VALUES(?,?,?,?,?,?,?,?,?,'loading')")))
		return ERR_DATABASE;
	bind_id(s, 1, a->bundle);
	bind_id(s, 2, host);
	bind_text(s, 3, a->path);
	bind_text(s, 4, a->member);
	sqlite3_bind_int64(s, 5, (int64_t)a->size);
	bind_time(s, 6, a->mtime);
	bind_text(s, 7, a->sha256);
	bind_text(s, 8, a->parser);
	if (a->parser)
		sqlite3_bind_int64(s, 9, a->parser_version);
	id = done(c, s) < 0 ? ERR_DATABASE : sqlite3_last_insert_rowid(c->db);
	sqlite3_finalize(s);
	if (id < 0)
		return id;
	l = xcalloc(1, sizeof(*l));
	*l = (struct loading){.id = id,
			      .host = host,
			      .host_name = host ? xstrdup(a->host) : NULL,
			      .first = TIME_NONE,
			      .last = TIME_NONE,
			      .next = c->loading};
	c->loading = l;
	return id;
}

static int write_tallies(struct case_db *c, struct loading *l)
{
	sqlite3_stmt *s = statement(c, UPSERT_ARTIFACT_SHAPE);

	if (!s)
		return ERR_DATABASE;
	for (size_t i = 0; l->tallies && i <= l->mask; i++) {
		const struct tally *t = &l->tallies[i];

		if (!t->used)
			continue;
		sqlite3_bind_int64(s, 1, l->id);
		sqlite3_bind_int64(s, 2, t->shape);
		sqlite3_bind_int64(s, 3, t->host);
		sqlite3_bind_int64(s, 4, (int64_t)t->events);
		sqlite3_bind_int64(s, 5, (int64_t)t->untimed);
		bind_time(s, 6, t->first);
		bind_time(s, 7, t->last);
		if (done(c, s) < 0)
			return ERR_DATABASE;
	}
	free(l->tallies);
	l->tallies = NULL;
	l->mask = l->count = 0;
	return OK;
}

static void widen(int64_t ts, int64_t *first, int64_t *last)
{
	if (ts == TIME_NONE)
		return;
	if (*first == TIME_NONE || ts < *first)
		*first = ts;
	if (*last == TIME_NONE || ts > *last)
		*last = ts;
}

static struct tally *tally_slot(struct tally *table, size_t mask, int64_t shape, int64_t host)
{
	size_t at = ((uint64_t)shape * 31 + (uint64_t)host * 1009) & mask;

	while (table[at].used && (table[at].shape != shape || table[at].host != host))
		at = (at + 1) & mask;
	return &table[at];
}

static int add_tally(struct case_db *c, struct loading *l, const struct tally *add)
{
	struct tally *t;

	if (l->count > 65536 && l->id && write_tallies(c, l) < 0)
		return ERR_DATABASE;
	if (!l->tallies || l->count * 2 > l->mask) {
		size_t mask = l->tallies ? l->mask * 2 + 1 : 15;
		struct tally *bigger = xcalloc(mask + 1, sizeof(*bigger));

		for (size_t i = 0; l->tallies && i <= l->mask; i++)
			if (l->tallies[i].used)
				*tally_slot(bigger, mask, l->tallies[i].shape, l->tallies[i].host) =
					l->tallies[i];
		free(l->tallies);
		l->tallies = bigger;
		l->mask = mask;
	}
	t = tally_slot(l->tallies, l->mask, add->shape, add->host);
	if (!t->used) {
		*t = *add;
		t->used = true;
		l->count++;
		return OK;
	}
	t->events += add->events;
	t->untimed += add->untimed;
	widen(add->first, &t->first, &t->last);
	widen(add->last, &t->first, &t->last);
	return OK;
}

/* ---- loading ---- */

static int shape_id(struct case_db *c, const struct row_shape *shape, int64_t *id, uint32_t *values,
		    enum event_kind *kind)
{
	struct view hash = view_of(shape->hash, ROW_HASH);
	struct entry *known = cache_get(&c->shapes, hash);
	sqlite3_stmt *s;

	if (known) {
		*id = known->id;
		*values = known->values;
		*kind = known->kind;
		return OK;
	}
	if (!(s = statement(c, FIND_SHAPE)))
		return ERR_DATABASE;
	*id = 0;
	sqlite3_bind_blob(s, 1, shape->hash, ROW_HASH, SQLITE_STATIC);
	if (sqlite3_step(s) == SQLITE_ROW) {
		*id = sqlite3_column_int64(s, 0);
		*values = (uint32_t)sqlite3_column_int64(s, 1);
		*kind = event_kind_of(view_text((const char *)sqlite3_column_text(s, 2)));
	}
	sqlite3_reset(s);
	if (!*id) {
		if (!shape->defined)
			return ERR_FORMAT;
		if (!(s = statement(c, INSERT_SHAPE)))
			return ERR_DATABASE;
		sqlite3_bind_blob(s, 1, shape->hash, ROW_HASH, SQLITE_STATIC);
		bind_text(s, 2, event_kind_text((enum event_kind)shape->kind));
		sqlite3_bind_text64(s, 3,
				    shape->ts_desc.len ? (const char *)shape->ts_desc.data : "",
				    shape->ts_desc.len, SQLITE_STATIC, SQLITE_UTF8);
		bind_view(s, 4, shape->provider);
		bind_view(s, 5, shape->channel);
		if (shape->event_id >= 0)
			sqlite3_bind_int64(s, 6, shape->event_id);
		else
			sqlite3_bind_null(s, 6);
		sqlite3_bind_int64(s, 7, shape->flags);
		sqlite3_bind_int64(s, 8, shape->values);
		bind_view(s, 9, shape->names);
		bind_view(s, 10, shape->layout);
		bind_view(s, 11, shape->message);
		if (done(c, s) < 0)
			return ERR_DATABASE;
		*id = sqlite3_last_insert_rowid(c->db);
		*values = shape->values;
		*kind = (enum event_kind)shape->kind;
	}
	known = cache_put(&c->shapes, hash, *id);
	known->values = *values;
	known->kind = *kind;
	return OK;
}

/* What tells rules apart, in c->key. */
static void rule_key(struct case_db *c, const struct row_hit *hit)
{
	c->key.len = 0;
	buffer_view(&c->key, hit->path);
	buffer_char(&c->key, '\0');
	buffer_view(&c->key, hit->rule_id);
	buffer_char(&c->key, '\0');
	buffer_view(&c->key, hit->title);
}

static int64_t rule_id(struct case_db *c, const struct row_hit *hit)
{
	struct entry *known;
	sqlite3_stmt *s;
	int64_t id = 0;

	rule_key(c, hit);
	if ((known = cache_get(&c->rules, buffer_as_view(&c->key))))
		return known->id;
#define TEXT(s, at, v)                                                                             \
	sqlite3_bind_text64(s, at, (v).len ? (const char *)(v).data : "", (v).len, SQLITE_STATIC,  \
			    SQLITE_UTF8)
	if (!(s = statement(c, FIND_RULE)))
		return ERR_DATABASE;
	TEXT(s, 1, hit->path);
	TEXT(s, 2, hit->rule_id);
	TEXT(s, 3, hit->title);
	if (sqlite3_step(s) == SQLITE_ROW)
		id = sqlite3_column_int64(s, 0);
	sqlite3_reset(s);
	if (!id) {
		if (!(s = statement(c, INSERT_RULE)))
			return ERR_DATABASE;
		TEXT(s, 1, hit->path);
		TEXT(s, 2, hit->rule_id);
		TEXT(s, 3, hit->title);
		TEXT(s, 4, hit->level);
		TEXT(s, 5, hit->tags);
		if (done(c, s) < 0)
			return ERR_DATABASE;
		id = sqlite3_last_insert_rowid(c->db);
	}
	cache_put(&c->rules, buffer_as_view(&c->key), id);
	return id;
}

static int add_detection(struct case_db *c, int64_t event, const struct row_hit *hit,
			 const char *events)
{
	sqlite3_stmt *s = statement(c, INSERT_DETECTION);
	int64_t rule = rule_id(c, hit);

	if (!s || rule < 0)
		return ERR_DATABASE;
	sqlite3_bind_int64(s, 1, rule);
	sqlite3_bind_int64(s, 2, event);
	TEXT(s, 3, hit->matched);
	bind_text(s, 4, events);
	if (done(c, s) < 0)
		return ERR_DATABASE;
	c->totals.detections++;
	return OK;
}

/* A hit while its event is loaded. */
static int add_hit(struct case_db *c, int64_t event, const struct row_hit *hit)
{
	sqlite3_stmt *s;

	if (!hit->silent && add_detection(c, event, hit, NULL) < 0)
		return ERR_DATABASE;
	if (hit->correlated.len == 0)
		return OK;
	if (!(s = statement(c, INSERT_INPUT)))
		return ERR_DATABASE;
	rule_key(c, hit);
	sqlite3_bind_int64(s, 1, (int64_t)hash_of(buffer_as_view(&c->key)));
	sqlite3_bind_int64(s, 2, event);
	sqlite3_bind_blob64(s, 3, hit->correlated.data, hit->correlated.len, SQLITE_STATIC);
	return done(c, s);
}

static int count_row(struct case_db *c, int64_t shape, int64_t host, int64_t ts)
{
	struct tally *t = NULL;

	/* Few of them in a block, and mostly the one before. */
	for (size_t i = c->count_used; i-- > 0;) {
		if (c->counts[i].shape == shape && c->counts[i].host == host) {
			t = &c->counts[i];
			break;
		}
	}
	if (!t) {
		c->counts = xgrow(c->counts, &c->count_cap, c->count_used + 1, sizeof(*c->counts));
		t = &c->counts[c->count_used++];
		*t = (struct tally){
			.shape = shape, .host = host, .first = TIME_NONE, .last = TIME_NONE};
	}
	t->events++;
	t->untimed += ts == TIME_NONE;
	widen(ts, &t->first, &t->last);
	return OK;
}

static int insert_row(struct case_db *c, const struct loading *l, sqlite3_stmt *s,
		      const struct row *r)
{
	int64_t host = l->host, user = 0;

	if (r->host_index) {
		int64_t *known = &c->host_ids[r->host_index - 1];

		if (*known < 0 && (*known = host_id(c, r->host)) < 0)
			return ERR_DATABASE;
		host = *known ? *known : l->host;
	}
	if (r->user_index) {
		int64_t *known = &c->name_ids[r->user_index - 1];

		if (*known < 0 &&
		    (*known = r->user.len ? text_id(c, &c->names, FIND_NAME, INSERT_NAME, r->user)
					  : 0) < 0)
			return ERR_DATABASE;
		user = *known;
	}
	sqlite3_bind_int64(s, 1, c->next_event);
	bind_time(s, 2, r->ts);
	sqlite3_bind_int64(s, 3, c->shape_ids[r->shape]);
	bind_id(s, 4, host);
	bind_id(s, 6, user);
	/* A record number says where it is; without one the offset does. */
	bind_id(s, 7, (int64_t)r->record);
	if (r->record)
		sqlite3_bind_null(s, 8);
	else
		sqlite3_bind_int64(s, 8, (int64_t)r->offset);
	if (r->process >= 0)
		sqlite3_bind_int64(s, 9, r->process);
	else
		sqlite3_bind_null(s, 9);
	bind_view(s, 10, r->message);
	sqlite3_bind_text(s, 11, (const char *)r->values.data, (int)r->values.len, SQLITE_STATIC);
	if (sqlite3_step(s) != SQLITE_DONE) {
		(void)sqlite3_reset(s);
		return fail(c);
	}
	(void)sqlite3_reset(s);
	c->next_event++;
	return count_row(c, c->shape_ids[r->shape], host, r->ts);
}

/* Bulk: an index that would more than so much grow is dropped now and built again at the end. */
static int consider_index(struct case_db *c)
{
	if (!c->indexed || (c->events_before > REBUILD_EVENTS &&
			    c->totals.events < c->events_before / REBUILD_SHARE))
		return OK;
	if (run(c, "DROP INDEX IF EXISTS event_ts") < 0)
		return ERR_DATABASE;
	c->indexed = false;
	return OK;
}

/* The worker's signature, and what only the case knows: kinds and hosts. */
static void sign_block(struct case_db *c, const struct loading *l)
{
	c->signature.len = 0;
	buffer_view(&c->signature, c->block.signature);
	for (uint32_t i = 0; i < c->block.shape_count; i++)
		signature_folded_add_term(&c->signature,
					  signature_kind(event_kind_text(c->shape_kinds[i])));
	for (size_t i = 0; i < c->count_used; i++) {
		signature_folded_add_term(&c->signature, signature_host(c->counts[i].host));
		if (c->counts[i].host == l->host && l->host)
			signature_folded_add(&c->signature, view_text(l->host_name));
	}
}

static int load_block(struct case_db *c, struct loading *l)
{
	struct row_block *b = &c->block;
	sqlite3_stmt *s = statement(c, INSERT_EVENT);
	int64_t first = c->next_event, ts_first = TIME_NONE, ts_last = TIME_NONE;
	struct row row;
	struct row_hit hit;
	uint32_t index;
	int status;

	if (!s)
		return ERR_DATABASE;
	if (b->shape_count > c->shape_cap) {
		c->shape_cap = b->shape_count;
		c->shape_ids = xrealloc(c->shape_ids, c->shape_cap * sizeof(*c->shape_ids));
		c->shape_values =
			xrealloc(c->shape_values, c->shape_cap * sizeof(*c->shape_values));
		c->shape_kinds = xrealloc(c->shape_kinds, c->shape_cap * sizeof(*c->shape_kinds));
	}
	if (b->string_count > c->string_cap) {
		c->string_cap = b->string_count;
		c->host_ids = xrealloc(c->host_ids, c->string_cap * sizeof(*c->host_ids));
		c->name_ids = xrealloc(c->name_ids, c->string_cap * sizeof(*c->name_ids));
	}
	for (uint32_t i = 0; i < b->shape_count; i++)
		if ((status = shape_id(c, &b->shapes[i], &c->shape_ids[i], &c->shape_values[i],
				       &c->shape_kinds[i])) < 0)
			return status;
	for (uint32_t i = 0; i < b->string_count; i++)
		c->host_ids[i] = c->name_ids[i] = -1;
	c->count_used = 0;
	sqlite3_bind_int64(s, 5, l->id);
	while ((status = row_block_next(b, c->shape_values, &row)) > 0)
		if ((status = insert_row(c, l, s, &row)) < 0)
			break;
	sqlite3_clear_bindings(s);
	while (status == 0 && (status = row_block_hit(b, &index, &hit)) > 0)
		status = add_hit(c, first + index, &hit);
	if (status < 0) { /* rows without a block would be found by nobody */
		char sql[200];

		(void)snprintf(
			sql, sizeof(sql),
			"DELETE FROM event WHERE id >= %lld; DELETE FROM detection WHERE event >="
			" %lld; DELETE FROM correlation_input WHERE event >= %lld",
			(long long)first, (long long)first, (long long)first);
		if (run(c, sql) < 0)
			return ERR_DATABASE;
		c->next_event = first;
		return status;
	}
	if (c->next_event == first)
		return OK;
	for (size_t i = 0; i < c->count_used; i++) {
		struct tally *t = &c->counts[i];

		widen(t->first, &ts_first, &ts_last);
		widen(t->last, &ts_first, &ts_last);
		if (add_tally(c, l, t) < 0)
			return ERR_DATABASE;
	}
	if (!(s = statement(c, INSERT_BLOCK)))
		return ERR_DATABASE;
	sqlite3_bind_int64(s, 1, first);
	sqlite3_bind_int64(s, 2, c->next_event - 1);
	sqlite3_bind_int64(s, 3, l->id);
	bind_time(s, 4, ts_first);
	bind_time(s, 5, ts_last);
	if (done(c, s) < 0 || !(s = statement(c, INSERT_SIGNATURE)))
		return ERR_DATABASE;
	sign_block(c, l);
	sqlite3_bind_int64(s, 1, first);
	sqlite3_bind_blob64(s, 2, c->signature.data, c->signature.len, SQLITE_STATIC);
	if (done(c, s) < 0)
		return ERR_DATABASE;
	block_rows_add(&c->signatures, b->signature.len);
	widen(ts_first, &l->first, &l->last);
	widen(ts_last, &l->first, &l->last);
	l->events += (uint64_t)(c->next_event - first);
	c->totals.events += (uint64_t)(c->next_event - first);
	return OK;
}

int case_load(struct case_db *c, int64_t artifact, struct view blocks)
{
	struct loading *l = loading_of(c, artifact);
	int status;

	if (!l)
		return ERR_USAGE;
	if (batch_begin(c) < 0 || consider_index(c) < 0)
		return ERR_DATABASE;
	c->batch_bytes += blocks.len;
	while ((status = row_block_open(&c->block, &blocks)) == OK)
		if ((status = load_block(c, l)) < 0)
			break;
	if (status == ERR_FORMAT)
		return problem_set(&c->problem, ERR_FORMAT, PROBLEM_NO_OFFSET,
				   "the parser's process sent nonsense");
	if (status != ERR_NOT_FOUND)
		return status;
	if (c->batch_bytes >= BATCH_BYTES) {
		/* What is counted of the artefacts under way is in memory, and goes with them. */
		return batch_commit(c);
	}
	return OK;
}

int case_artifact_end(struct case_db *c, int64_t artifact, const struct case_end *end)
{
	struct loading *l = loading_of(c, artifact);
	sqlite3_stmt *s;
	const char *sha256;
	int status = ERR_DATABASE;

	if (!l)
		return ERR_USAGE;
	if (batch_begin(c) < 0 || write_tallies(c, l) < 0 ||
	    !(s = prepare(c,
			  "UPDATE artifact SET status = ?2, sha256 = coalesce(?3, sha256), parser "
			  "= coalesce(?4, parser),"
			  " parser_version = coalesce(?5, parser_version), losses = ?6, error = "
			  "?7, error_offset = ?8,"
			  " events = ?9, first = ?10, last = ?11, size = coalesce(?12, size) WHERE "
			  "id = ?1")))
		return ERR_DATABASE;
	sha256 = end->sha256 && *end->sha256 ? end->sha256 : NULL;
	sqlite3_bind_int64(s, 1, artifact);
	bind_text(s, 2, end->status);
	bind_text(s, 3, sha256);
	bind_text(s, 4, end->parser);
	if (end->parser)
		sqlite3_bind_int64(s, 5, end->parser_version);
	sqlite3_bind_int64(s, 6, (int64_t)end->losses);
	if (end->problem && end->problem->reason[0]) {
		bind_text(s, 7, end->problem->reason);
		if (end->problem->offset != PROBLEM_NO_OFFSET)
			sqlite3_bind_int64(s, 8, (int64_t)end->problem->offset);
	}
	sqlite3_bind_int64(s, 9, (int64_t)l->events);
	bind_time(s, 10, l->first);
	bind_time(s, 11, l->last);
	bind_id(s, 12, (int64_t)end->size);
	if (done(c, s) < 0) {
		sqlite3_finalize(s);
		return ERR_DATABASE;
	}
	sqlite3_finalize(s);
	if (end->problem && end->problem->reason[0] &&
	    (s = prepare(c,
			 "INSERT INTO ingest_error(artifact, bundle, path, offset, reason) SELECT "
			 "id, bundle, path, error_offset, error"
			 " FROM artifact WHERE id = ?"))) {
		sqlite3_bind_int64(s, 1, artifact);
		status = done(c, s);
		sqlite3_finalize(s);
		if (status < 0)
			return status;
	}
	loading_free(c, l);
	c->totals.artifacts++;
	if (run_id(c,
		   "INSERT INTO shape_host SELECT shape, host, events FROM artifact_shape WHERE"
		   " artifact = ?1 ON CONFLICT DO UPDATE SET events = events + excluded.events",
		   artifact) < 0)
		return ERR_DATABASE;

	/* An older reading of the same file: by another version, or one that crashed. */
	if (!(s = prepare(c,
			  "SELECT o.id FROM artifact o, artifact n WHERE n.id = ?1 AND o.id <> "
			  "n.id AND o.path = n.path AND"
			  " o.member IS n.member AND o.host IS n.host AND o.bundle IS n.bundle AND "
			  "o.status <> 'loading' AND"
			  " (?2 OR o.sha256 = n.sha256 OR o.sha256 IS NULL OR n.sha256 IS NULL)")))
		return ERR_DATABASE;
	sqlite3_bind_int64(s, 1, artifact);
	sqlite3_bind_int(s, 2, end->replaces);
	status = OK;
	while (status == OK && sqlite3_step(s) == SQLITE_ROW)
		status = remove_artifact(c, sqlite3_column_int64(s, 0));
	sqlite3_finalize(s);
	if (status == OK && time(NULL) - c->batch_start >= BATCH_SECONDS)
		status = batch_commit(c);
	return status;
}

int case_artifact_drop(struct case_db *c, int64_t artifact)
{
	struct loading *l = loading_of(c, artifact);

	if (!l)
		return ERR_USAGE;
	loading_free(c, l);
	return batch_begin(c) < 0 ? ERR_DATABASE : remove_artifact(c, artifact);
}

int case_error(struct case_db *c, int64_t bundle, const char *path, const struct problem *problem)
{
	sqlite3_stmt *s;
	int status;

	/* The same complaint of a second run is the same. */
	if (batch_begin(c) < 0 ||
	    !(s = prepare(c,
			  "INSERT INTO ingest_error(bundle, path, offset, reason) SELECT ?1, ?2, "
			  "?3, ?4 WHERE NOT EXISTS"
			  " (SELECT 1 FROM ingest_error WHERE bundle IS ?1 AND path IS ?2 AND "
			  "offset IS ?3 AND reason = ?4)")))
		return ERR_DATABASE;
	bind_id(s, 1, bundle);
	bind_text(s, 2, path);
	if (problem->offset != PROBLEM_NO_OFFSET)
		sqlite3_bind_int64(s, 3, (int64_t)problem->offset);
	bind_text(s, 4, problem->reason);
	status = done(c, s);
	sqlite3_finalize(s);
	return status;
}

int case_detection(struct case_db *c, int64_t event, const struct row_hit *hit,
		   const char *events_json)
{
	return batch_begin(c) < 0 ? ERR_DATABASE : add_detection(c, event, hit, events_json);
}

int case_detections_clear(struct case_db *c)
{
	if (batch_begin(c) < 0)
		return ERR_DATABASE;
	cache_clear(&c->rules);
	return run(c, "DELETE FROM detection; DELETE FROM rule");
}

int case_detections_clear_rule(struct case_db *c, const struct row_hit *rule)
{
	sqlite3_stmt *s;
	int64_t id = 0;

	if (batch_begin(c) < 0 || !(s = statement(c, FIND_RULE)))
		return ERR_DATABASE;
	TEXT(s, 1, rule->path);
	TEXT(s, 2, rule->rule_id);
	TEXT(s, 3, rule->title);
	if (sqlite3_step(s) == SQLITE_ROW)
		id = sqlite3_column_int64(s, 0);
	sqlite3_reset(s);
	return id ? run_id(c, "DELETE FROM detection WHERE rule = ?", id) : OK;
}

int case_inputs(struct case_db *c, const struct row_hit *rule,
		int (*put)(void *data, const struct case_input *input), void *data)
{
	sqlite3_stmt *s = prepare(
		c,
		"SELECT e.id, e.ts, coalesce(h.name, ''), a.path, coalesce(e.record, e.offset, 0),"
		" i.encoded FROM correlation_input i JOIN event e ON e.id = i.event JOIN artifact a"
		" ON a.id = e.artifact LEFT JOIN host h ON h.id = e.host WHERE i.rule = ?");
	int status = s ? OK : ERR_DATABASE, step = SQLITE_DONE;

	rule_key(c, rule);
	if (s)
		sqlite3_bind_int64(s, 1, (int64_t)hash_of(buffer_as_view(&c->key)));
	while (status == OK && (step = sqlite3_step(s)) == SQLITE_ROW) {
		const struct case_input input = {
			.event = sqlite3_column_int64(s, 0),
			.ts = sqlite3_column_type(s, 1) == SQLITE_NULL ? TIME_NONE
								       : sqlite3_column_int64(s, 1),
			.host = (const char *)sqlite3_column_text(s, 2),
			.source = (const char *)sqlite3_column_text(s, 3),
			.record = (uint64_t)sqlite3_column_int64(s, 4),
			.encoded = view_of(sqlite3_column_blob(s, 5),
					   (size_t)sqlite3_column_bytes(s, 5))};

		status = put(data, &input);
	}
	if (status == OK && step != SQLITE_DONE)
		status = fail(c);
	sqlite3_finalize(s);
	return status;
}

/*
 * Takes an artefact out, with all that only it has. An event that another one has too stays, and
 * counts from then on as that one's.
 */
static int remove_artifact(struct case_db *c, int64_t id)
{
	static const char *const steps[] = {
		/* Events of several sources, this one among them: they pass to the next of their
		   sources. */
		"CREATE TEMP TABLE IF NOT EXISTS gone(event INTEGER PRIMARY KEY)",
		"DELETE FROM temp.gone",
		"INSERT INTO temp.gone SELECT event FROM event_source WHERE artifact = ?1",
		"DELETE FROM event_source WHERE artifact = ?1",
		"UPDATE event SET (artifact, record, offset) = (SELECT es.artifact, es.record, "
		"es.offset FROM event_source es"
		" JOIN artifact a ON a.id = es.artifact WHERE es.event = event.id ORDER BY a.path, "
		"a.id LIMIT 1)"
		" WHERE id IN (SELECT event FROM temp.gone) AND artifact = ?1",
		"DELETE FROM event_source WHERE event IN (SELECT event FROM temp.gone) AND"
		" (SELECT count(*) FROM event_source x WHERE x.event = event_source.event) = 1",
		/* The rest lies in its blocks. */
		"DELETE FROM detection WHERE event IN (SELECT e.id FROM block b JOIN event e ON "
		"e.id BETWEEN b.first AND b.last"
		" WHERE b.artifact = ?1 AND e.artifact = ?1)",
		"DELETE FROM correlation_input WHERE event IN (SELECT e.id FROM block b JOIN event "
		"e"
		" ON e.id BETWEEN b.first AND b.last WHERE b.artifact = ?1 AND e.artifact = ?1)",
		"INSERT INTO shape_host SELECT e.shape, coalesce(e.host, 0), -count(*) FROM block b"
		" JOIN event e ON e.id BETWEEN b.first AND b.last WHERE b.artifact = ?1 AND "
		"e.artifact = ?1 AND (SELECT status FROM artifact WHERE id = ?1) <> 'loading'"
		" GROUP BY 1, 2 ON CONFLICT DO UPDATE SET events = events + excluded.events",
		"DELETE FROM event WHERE id IN (SELECT e.id FROM block b JOIN event e ON e.id "
		"BETWEEN b.first AND b.last"
		" WHERE b.artifact = ?1 AND e.artifact = ?1)",
		"DELETE FROM signature WHERE block IN (SELECT first FROM block b WHERE artifact = "
		"?1 AND NOT EXISTS (SELECT 1 FROM event e WHERE e.id BETWEEN b.first AND b.last))",
		"DELETE FROM block WHERE artifact = ?1 AND NOT EXISTS (SELECT 1 FROM event e "
		"WHERE e.id BETWEEN block.first AND block.last)",
		"DELETE FROM artifact_shape WHERE artifact = ?1",
		"DELETE FROM ingest_error WHERE artifact = ?1",
		"DELETE FROM artifact WHERE id = ?1",
	};

	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++)
		if (run_id(c, steps[i], id) < 0)
			return ERR_DATABASE;
	return OK;
}

/* ---- records seen twice ---- */

static void hash_event(sqlite3_context *context, int argc, sqlite3_value **argv)
{
	uint64_t h = UINT64_C(0x2545f4914f6cdd1d);

	for (int i = 0; i < argc; i++) {
		const uint8_t *p = sqlite3_value_blob(argv[i]);
		size_t n = (size_t)sqlite3_value_bytes(argv[i]);
		uint64_t word;

		h = (h ^ n) * UINT64_C(0xff51afd7ed558ccd);
		for (; n >= 8; n -= 8, p += 8) {
			memcpy(&word, p, 8);
			h = (h ^ word) * UINT64_C(0xff51afd7ed558ccd);
			h ^= h >> 32;
		}
		for (; n > 0; n--, p++)
			h = (h ^ *p) * UINT64_C(0x100000001b3);
		h ^= h >> 29;
	}
	sqlite3_result_int64(context, (int64_t)h);
}

/* An event that may be there twice, with one of its sources. */
struct twin {
	int64_t event, artifact, rank; /* rank: place of the artefact by its path */
	int64_t record, offset;	       /* -1: none */
	int64_t shape, host;
	uint32_t group; /* of events that are equal */
};

struct merge {
	struct case_db *c;
	struct twin *twins;
	size_t count, cap;
	bool has_sources, has_hits; /* before this merge */
	sqlite3_stmt *load, *sources, *set, *add, *forget, *drop, *move, *drop_hits, *move_input,
		*drop_input;
	int64_t shape, host;	/* of the event that `load` read last */
	struct loading dropped; /* how many events of each shape and host */
};

static int by_group(const void *x, const void *y)
{
	const struct twin *a = x, *b = y;

#define ORDER(field)                                                                               \
	if (a->field != b->field)                                                                  \
	return a->field < b->field ? -1 : 1
	ORDER(group);
	ORDER(artifact);
	ORDER(event);
	return 0;
}

static int by_event(const void *x, const void *y)
{
	const struct twin *a = x, *b = y;

	ORDER(group);
	ORDER(event);
	ORDER(artifact);
#undef ORDER
	return 0;
}

static int step_id(struct merge *m, sqlite3_stmt *s, int64_t a, int64_t b)
{
	sqlite3_bind_int64(s, 1, a);
	if (sqlite3_bind_parameter_count(s) > 1)
		sqlite3_bind_int64(s, 2, b);
	return done(m->c, s);
}

static void bind_place(sqlite3_stmt *s, int at, int64_t n)
{
	if (n >= 0)
		sqlite3_bind_int64(s, at, n);
	else
		sqlite3_bind_null(s, at);
}

/*
 * Equal events, with their sources. As many of them stay as the source that has most of them has:
 * identical lines of one file are different events, the same line in two files is one. The k-th
 * that stays has as sources all that have at least k. That depends on nothing but what the sources
 * hold.
 */
static int merge_equal(struct merge *m, struct twin *t, size_t n)
{
	size_t events = 0, most = 0;
	int64_t *ids;
	int status = ERR_DATABASE;

	qsort(t, n, sizeof(*t), by_event);
	ids = xmalloc(n * sizeof(*ids));
	for (size_t i = 0; i < n; i++)
		if (i == 0 || t[i].event != t[i - 1].event)
			ids[events++] = t[i].event;
	qsort(t, n, sizeof(*t), by_group);
	for (size_t i = 0, same = 0; i < n; i++) {
		same = i && t[i].artifact == t[i - 1].artifact ? same + 1 : 1;
		if (same > most)
			most = same;
	}
	if (most ==
	    events) { /* nothing to merge, unless the sources stand otherwise: they cannot */
		free(ids);
		return OK;
	}
	for (size_t k = 0; k < events; k++) {
		const struct twin *first = NULL;
		size_t sources = 0;

		if (m->has_sources && step_id(m, m->forget, ids[k], 0) < 0)
			goto out;
		if (k >= most) {
			int64_t keep = ids[k % most];

			if ((m->has_hits && (step_id(m, m->move, ids[k], keep) < 0 ||
					     step_id(m, m->drop_hits, ids[k], 0) < 0 ||
					     step_id(m, m->move_input, ids[k], keep) < 0 ||
					     step_id(m, m->drop_input, ids[k], 0) < 0)) ||
			    step_id(m, m->drop, ids[k], 0) < 0 ||
			    add_tally(m->c, &m->dropped,
				      &(struct tally){
					      .shape = t->shape, .host = t->host, .events = 1}) < 0)
				goto out;
			m->c->totals.merged++;
			continue;
		}
		for (size_t i = 0, same = 0; i < n; i++) {
			same = i && t[i].artifact == t[i - 1].artifact ? same + 1 : 0;
			if (same != k)
				continue;
			sources++;
			if (!first || t[i].rank < first->rank)
				first = &t[i];
		}
		if (!first)
			continue;
		sqlite3_bind_int64(m->set, 1, ids[k]);
		sqlite3_bind_int64(m->set, 2, first->artifact);
		bind_place(m->set, 3, first->record);
		bind_place(m->set, 4, first->offset);
		if (done(m->c, m->set) < 0)
			goto out;
		for (size_t i = 0, same = 0; sources > 1 && i < n; i++) {
			same = i && t[i].artifact == t[i - 1].artifact ? same + 1 : 0;
			if (same != k)
				continue;
			sqlite3_bind_int64(m->add, 1, ids[k]);
			sqlite3_bind_int64(m->add, 2, t[i].artifact);
			bind_place(m->add, 3, t[i].record);
			bind_place(m->add, 4, t[i].offset);
			if (done(m->c, m->add) < 0)
				goto out;
		}
	}
	status = OK;
out:
	free(ids);
	return status;
}

/* Content of an event as bytes: what has to be equal. */
static int event_bytes(struct merge *m, int64_t id, struct buffer *out)
{
	sqlite3_stmt *s = m->load;

	out->len = 0;
	sqlite3_bind_int64(s, 1, id);
	if (sqlite3_step(s) == SQLITE_ROW) {
		m->shape = sqlite3_column_int64(s, 1);
		m->host = sqlite3_column_int64(s, 2);
		for (int i = 0; i < sqlite3_column_count(s); i++) {
			int type = sqlite3_column_type(s, i), n;
			const void *p = sqlite3_column_blob(s, i);

			n = sqlite3_column_bytes(s, i);
			buffer_append(out, &type, sizeof(type));
			buffer_append(out, &n, sizeof(n));
			buffer_append(out, p, (size_t)n);
		}
	}
	return sqlite3_reset(s) == SQLITE_OK ? OK : fail(m->c);
}

/* Events of one hash: those that are equal are merged, whatever else has the hash is left alone. */
static int merge_hash(struct merge *m)
{
	struct buffer one = {0};
	struct {
		struct buffer bytes;
	} *kinds = NULL;
	size_t kind_cap = 0, kinds_used = 0, from = 0;
	int status = OK;

	for (size_t i = 0; i < m->count && status == OK; i++) {
		struct twin *t = &m->twins[i];
		size_t k = 0;

		if (i && t->event == t[-1].event) { /* another source of the same */
			t->group = t[-1].group;
			t->shape = t[-1].shape;
			t->host = t[-1].host;
			continue;
		}
		if ((status = event_bytes(m, t->event, &one)) < 0)
			break;
		t->shape = m->shape;
		t->host = m->host;
		while (k < kinds_used &&
		       !view_equal(buffer_as_view(&kinds[k].bytes), buffer_as_view(&one)))
			k++;
		if (k == kinds_used) {
			kinds = xgrow(kinds, &kind_cap, kinds_used + 1, sizeof(*kinds));
			kinds[kinds_used++].bytes = one;
			memset(&one, 0, sizeof(one));
		}
		t->group = (uint32_t)k;
	}
	qsort(m->twins, m->count, sizeof(*m->twins), by_group);
	for (size_t i = 1; i <= m->count && status == OK; i++) {
		if (i < m->count && m->twins[i].group == m->twins[from].group)
			continue;
		if (i - from > 1)
			status = merge_equal(m, m->twins + from, i - from);
		from = i;
	}
	for (size_t i = 0; i < kinds_used; i++)
		buffer_release(&kinds[i].bytes);
	free(kinds);
	buffer_release(&one);
	return status;
}

static struct twin *add_twin(struct merge *m)
{
	m->twins = xgrow(m->twins, &m->cap, m->count + 1, sizeof(*m->twins));
	return &m->twins[m->count++];
}

static int64_t place(sqlite3_stmt *s, int at)
{
	return sqlite3_column_type(s, at) == SQLITE_NULL ? -1 : sqlite3_column_int64(s, at);
}

static int write_dropped(struct case_db *c, const struct loading *dropped)
{
	sqlite3_stmt *s = prepare(
		c, "UPDATE shape_host SET events = events - ? WHERE shape = ? AND host = ?");
	int status = s ? OK : ERR_DATABASE;

	for (size_t i = 0; dropped->tallies && i <= dropped->mask && status == OK; i++) {
		const struct tally *t = &dropped->tallies[i];

		if (!t->used)
			continue;
		sqlite3_bind_int64(s, 1, (int64_t)t->events);
		sqlite3_bind_int64(s, 2, t->shape);
		sqlite3_bind_int64(s, 3, t->host);
		status = done(c, s);
	}
	sqlite3_finalize(s);
	return status;
}

static int merge_twins(struct case_db *c)
{
	struct merge m = {
		.c = c,
		.has_sources = scalar(c, "SELECT EXISTS (SELECT 1 FROM event_source)", 1) != 0,
		.has_hits = scalar(c,
				   "SELECT EXISTS (SELECT 1 FROM detection) OR EXISTS (SELECT"
				   " 1 FROM correlation_input)",
				   1) != 0};
	sqlite3_stmt *s = NULL;
	int64_t hash = 0;
	int status = ERR_DATABASE, step;

	if (!(m.load = prepare(c,
			       "SELECT e.ts, e.shape, e.host, e.user, e.process, e.message, "
			       "e.vals, a.parser FROM event e"
			       " JOIN artifact a ON a.id = e.artifact WHERE e.id = ?")) ||
	    !(m.sources = prepare(
		      c,
		      "SELECT es.artifact, es.record, es.offset, r.rank FROM event_source es"
		      " JOIN temp.rank r ON r.artifact = es.artifact WHERE es.event = ? ORDER BY "
		      "es.artifact")) ||
	    !(m.set = prepare(
		      c,
		      "UPDATE event SET artifact = ?2, record = ?3, offset = ?4 WHERE id = ?1")) ||
	    !(m.add = prepare(c, "INSERT INTO event_source VALUES(?,?,?,?)")) ||
	    !(m.forget = prepare(c, "DELETE FROM event_source WHERE event = ?")) ||
	    !(m.drop = prepare(c, "DELETE FROM event WHERE id = ?")) ||
	    !(m.move = prepare(c, "UPDATE OR IGNORE detection SET event = ?2 WHERE event = ?1")) ||
	    !(m.drop_hits = prepare(c, "DELETE FROM detection WHERE event = ?")) ||
	    !(m.move_input = prepare(
		      c, "UPDATE OR IGNORE correlation_input SET event = ?2 WHERE event = ?1")) ||
	    !(m.drop_input = prepare(c, "DELETE FROM correlation_input WHERE event = ?")) ||
	    /* Sorted on disk where it must be; what is equal stands together. By time first: so
	     * both copies are read from their beginning to their end. */
	    !(s = prepare(c,
			  "SELECT t.hash, t.event, t.artifact, r.rank, e.record, e.offset FROM "
			  "temp.twin t"
			  " JOIN event e ON e.id = t.event JOIN temp.rank r ON r.artifact = "
			  "t.artifact ORDER BY t.ts, t.hash, t.event")))
		goto out;
	for (;;) {
		struct twin t;

		step = sqlite3_step(s);
		if (step != SQLITE_ROW && step != SQLITE_DONE) {
			(void)fail(c);
			goto out;
		}
		if (m.count && (step == SQLITE_DONE || sqlite3_column_int64(s, 0) != hash)) {
			if (m.count > 1 && merge_hash(&m) < 0)
				goto out;
			m.count = 0;
		}
		if (step == SQLITE_DONE)
			break;
		hash = sqlite3_column_int64(s, 0);
		t = (struct twin){.event = sqlite3_column_int64(s, 1),
				  .artifact = sqlite3_column_int64(s, 2),
				  .rank = sqlite3_column_int64(s, 3),
				  .record = place(s, 4),
				  .offset = place(s, 5)};
		sqlite3_bind_int64(m.sources, 1, t.event);
		if (!m.has_sources || sqlite3_step(m.sources) != SQLITE_ROW) {
			*add_twin(&m) = t;
		} else {
			do {
				t.artifact = sqlite3_column_int64(m.sources, 0);
				t.record = place(m.sources, 1);
				t.offset = place(m.sources, 2);
				t.rank = sqlite3_column_int64(m.sources, 3);
				*add_twin(&m) = t;
			} while (sqlite3_step(m.sources) == SQLITE_ROW);
		}
		sqlite3_reset(m.sources);
	}
	status = write_dropped(c, &m.dropped);
out:
	free(m.dropped.tallies);
	sqlite3_finalize(s);
	sqlite3_finalize(m.load);
	sqlite3_finalize(m.sources);
	sqlite3_finalize(m.set);
	sqlite3_finalize(m.add);
	sqlite3_finalize(m.forget);
	sqlite3_finalize(m.drop);
	sqlite3_finalize(m.move);
	sqlite3_finalize(m.drop_hits);
	sqlite3_finalize(m.move_input);
	sqlite3_finalize(m.drop_input);
	free(m.twins);
	return status;
}

/*
 * Which events may be there twice: those of a shape and host that two artefacts of one parser
 * share, where their times overlap. Where nothing overlaps this reads `artifact_shape` and no
 * event. Events without a time are taken for the same only in copies of one file: by its path, or
 * by its content.
 */
static int merge(struct case_db *c)
{
	if (scalar(c, "SELECT count(*) FROM artifact WHERE merged = 0 AND status <> 'loading'",
		   0) == 0)
		return OK;
	if (run(c,
		"DROP TABLE IF EXISTS temp.overlap; DROP TABLE IF EXISTS temp.twin; DROP TABLE IF "
		"EXISTS temp.rank;"
		"DROP TABLE IF EXISTS temp.near; DROP TABLE IF EXISTS temp.tally; DROP TABLE IF "
		"EXISTS temp.sweep;"
		"CREATE TEMP TABLE rank(artifact INTEGER PRIMARY KEY, rank INTEGER);"
		"INSERT INTO temp.rank SELECT id, row_number() OVER (ORDER BY path, "
		"coalesce(member, ''), coalesce(sha256, ''),"
		" coalesce(bundle, 0), id) FROM artifact;"
		"CREATE TEMP TABLE tally AS SELECT s.shape, s.host, a.parser, s.artifact, s.first, "
		"s.last, s.untimed, a.merged,"
		" a.path, a.sha256 FROM artifact_shape s JOIN artifact a ON a.id = s.artifact "
		"WHERE a.status <> 'loading';"
		/*
		 * Every artefact gets the range that others reach into: of those that begin before
		 * it the latest end, of those that begin after it the earliest beginning. In order
		 * of the beginnings, because to compare each with each takes a minute for 10,000
		 * files. One that is merged already minds only new ones.
		 */
		"CREATE TEMP TABLE overlap(artifact INTEGER, shape INTEGER, host INTEGER, lo "
		"INTEGER, hi INTEGER, untimed INTEGER,"
		" PRIMARY KEY(artifact, shape, host)) WITHOUT ROWID;"
		"CREATE TEMP TABLE sweep AS SELECT artifact, shape, host, first, last,"
		" CASE WHEN merged THEN max(CASE WHEN NOT merged THEN last END) OVER up ELSE "
		"max(last) OVER up END AS reach,"
		" CASE WHEN merged THEN min(CASE WHEN NOT merged THEN first END) OVER down ELSE "
		"min(first) OVER down END AS next"
		" FROM temp.tally WHERE first IS NOT NULL"
		" WINDOW up AS (PARTITION BY shape, host, parser ORDER BY first, artifact"
		"  ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING),"
		" down AS (PARTITION BY shape, host, parser ORDER BY first DESC, artifact DESC"
		"  ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING);"
		"INSERT INTO temp.overlap SELECT artifact, shape, host, min(lo), max(hi), "
		"max(untimed) FROM ("
		" SELECT artifact, shape, host, first AS lo, min(last, reach) AS hi, 0 AS untimed "
		"FROM temp.sweep WHERE reach >= first"
		" UNION ALL SELECT artifact, shape, host, next, last, 0 FROM temp.sweep WHERE next "
		"<= last"
		" UNION ALL SELECT artifact, shape, host, NULL, NULL, 1 FROM (SELECT artifact, "
		"shape, host, sha256,"
		"  count(*) OVER path AS paths, sum(NOT merged) OVER path AS new_paths,"
		"  count(*) OVER sum AS sums, sum(NOT merged) OVER sum AS new_sums FROM temp.tally "
		"WHERE untimed > 0"
		"  WINDOW path AS (PARTITION BY shape, host, parser, path), sum AS (PARTITION BY "
		"shape, host, parser, sha256))"
		" WHERE (paths > 1 AND new_paths > 0) OR (sha256 IS NOT NULL AND sums > 1 AND "
		"new_sums > 0)) GROUP BY 1, 2, 3;"
		"DROP TABLE temp.sweep;") < 0)
		return ERR_DATABASE;
	if (scalar(c, "SELECT count(*) FROM temp.overlap", 0) > 0) {
		if (sqlite3_create_function_v2(c->db, "event_hash", -1,
					       SQLITE_UTF8 | SQLITE_DETERMINISTIC, NULL, hash_event,
					       NULL, NULL, NULL) != SQLITE_OK)
			return fail(c);
		/* Untimed events hash with their path or sum only by way of the exact comparison of
		 * artefacts: see below. */
		if (run(c,
			/* The blocks to read: those of these artefacts, those of others that hold an
			 * event without a time that is one of theirs, and those of artefacts that
			 * were taken out and left events to whom else has them. */
			"CREATE TEMP TABLE near(first INTEGER PRIMARY KEY, last INTEGER);"
			"INSERT INTO temp.near SELECT k.first, k.last FROM (SELECT artifact, "
			"min(lo)"
			" AS lo, max(hi) AS hi, max(untimed) AS untimed FROM temp.overlap GROUP BY"
			" artifact) o JOIN block k ON k.artifact = o.artifact WHERE (k.ts_first <="
			" o.hi AND k.ts_last >= o.lo) OR o.untimed;"
			"INSERT OR IGNORE INTO temp.near SELECT k.first, k.last FROM event_source "
			"es"
			" JOIN block k ON k.first = (SELECT max(first) FROM block WHERE first <="
			" es.event) WHERE es.artifact IN (SELECT artifact FROM temp.overlap WHERE"
			" untimed);"
			"INSERT OR IGNORE INTO temp.near SELECT first, last FROM block WHERE "
			"artifact"
			" NOT IN (SELECT id FROM artifact);"
			"CREATE TEMP TABLE twin(ts INTEGER, hash INTEGER, event INTEGER, artifact "
			"INTEGER);"
			"INSERT INTO temp.twin SELECT e.ts, event_hash(e.ts, e.shape, e.host, "
			"e.user, e.process, e.message, e.vals,"
			" CASE WHEN e.ts IS NULL THEN (SELECT min(p.path) FROM artifact p JOIN "
			"artifact q ON q.id = e.artifact"
			"  WHERE p.sha256 = q.sha256 OR p.id = q.id) END), e.id, e.artifact"
			" FROM temp.near k"
			" JOIN event e ON e.id BETWEEN k.first AND k.last"
			" JOIN temp.overlap o ON o.artifact = e.artifact AND o.shape = e.shape AND "
			"o.host = coalesce(e.host, 0)"
			" WHERE e.ts BETWEEN o.lo AND o.hi OR (e.ts IS NULL AND o.untimed);") < 0 ||
		    merge_twins(c) < 0)
			return ERR_DATABASE;
	}
	return run(c,
		   "UPDATE artifact SET merged = 1 WHERE merged = 0 AND status <> 'loading';"
		   "DROP TABLE IF EXISTS temp.twin; DROP TABLE IF EXISTS temp.near; DROP TABLE "
		   "temp.overlap; DROP TABLE temp.rank; DROP TABLE temp.tally");
}

int case_finish(struct case_db *c, void (*progress)(void *data, const char *what, double done),
		void *data)
{
	if (progress)
		progress(data, "merging", 0);
	if (batch_begin(c) < 0 || merge(c) < 0 || batch_commit(c) < 0)
		return ERR_DATABASE;
	/* With what is there sorted on all processors; a transaction of its own. */
	(void)sqlite3_exec(c->db, "PRAGMA threads = 2", NULL, NULL, NULL);
	if (progress)
		progress(data, "indexing", 0);
	if (run(c, SCHEMA_INDEX) < 0)
		return ERR_DATABASE;
	c->indexed = true;
	c->events_before += c->totals.events;
	if (progress)
		progress(data, "indexing", 1);
	return OK;
}
