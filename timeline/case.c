#include "timeline/case_internal.h"

#include "timeline/schema.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define CACHE_KIB 65536

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

int case_fail(struct case_db *c)
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

int case_run(struct case_db *c, const char *sql)
{
	return sqlite3_exec(c->db, sql, NULL, NULL, NULL) == SQLITE_OK ? OK : case_fail(c);
}

sqlite3_stmt *case_prepare(struct case_db *c, const char *sql)
{
	sqlite3_stmt *s = NULL;

	if (sqlite3_prepare_v2(c->db, sql, -1, &s, NULL) != SQLITE_OK)
		(void)case_fail(c);
	return s;
}

/* One integer, or `otherwise` when there is no row. */
int64_t case_scalar(struct case_db *c, const char *sql, int64_t otherwise)
{
	sqlite3_stmt *s = case_prepare(c, sql);
	int64_t n = otherwise;

	if (s && sqlite3_step(s) == SQLITE_ROW)
		n = sqlite3_column_int64(s, 0);
	sqlite3_finalize(s);
	return n;
}

sqlite3_stmt *case_statement(struct case_db *c, enum statement which)
{
	if (!c->stmt[which] &&
	    sqlite3_prepare_v3(c->db, statements[which], -1, SQLITE_PREPARE_PERSISTENT,
			       &c->stmt[which], NULL) != SQLITE_OK)
		(void)case_fail(c);
	return c->stmt[which];
}

int case_done(struct case_db *c, sqlite3_stmt *s)
{
	int status = sqlite3_step(s);

	if (sqlite3_reset(s) != SQLITE_OK || (status != SQLITE_DONE && status != SQLITE_ROW))
		return case_fail(c);
	return OK;
}

/* Runs a statement with one id. */
int case_run_id(struct case_db *c, const char *sql, int64_t id)
{
	sqlite3_stmt *s = case_prepare(c, sql);
	int status;

	if (!s)
		return ERR_DATABASE;
	sqlite3_bind_int64(s, 1, id);
	status = case_done(c, s);
	sqlite3_finalize(s);
	return status;
}

/* ---- open, close ---- */

int case_batch_begin(struct case_db *c)
{
	if (c->in_batch)
		return OK;
	if (case_run(c, "BEGIN IMMEDIATE") < 0)
		return ERR_DATABASE;
	c->in_batch = true;
	c->batch_bytes = 0;
	c->batch_start = time(NULL);
	return OK;
}

int case_batch_commit(struct case_db *c)
{
	if (!c->in_batch)
		return OK;
	if (block_rows_group(c->db, &c->signatures) < 0)
		return case_fail(c);
	if (case_run(c, "COMMIT") < 0)
		return ERR_DATABASE;
	c->in_batch = false;
	return OK;
}

static int remove_artifact(struct case_db *c, int64_t id);

static bool has_index(struct case_db *c)
{
	return case_scalar(c,
			   "SELECT count(*) FROM sqlite_master WHERE type = 'index' AND name = "
			   "'event_ts'",
			   0) == 1;
}

/* Creates the tables in an empty file, or removes what a killed process left. */
static int prepare_writing(struct case_db *c)
{
	sqlite3_stmt *s;
	int64_t id;

	if (case_run(c, "PRAGMA journal_mode = TRUNCATE; PRAGMA synchronous = NORMAL") < 0)
		return ERR_DATABASE;
	if (case_batch_begin(c) < 0)
		return ERR_DATABASE;
	if (case_scalar(c, "SELECT count(*) FROM sqlite_master", 0) == 0) {
		char sql[120];

		(void)snprintf(sql, sizeof(sql),
			       "PRAGMA application_id = %d; PRAGMA user_version = %d",
			       CASE_APPLICATION, CASE_SCHEMA);
		if (case_run(c, schema_sql) < 0 || case_run(c, sql) < 0)
			return ERR_DATABASE;
	}
	while ((id = case_scalar(c, "SELECT id FROM artifact WHERE status = 'loading' LIMIT 1",
				 0)) > 0)
		if (remove_artifact(c, id) < 0)
			return ERR_DATABASE;
	if (case_batch_commit(c) < 0)
		return ERR_DATABASE;
	/* Past the last block too: a merge may have taken all its events, and it keeps its place. */
	c->next_event =
		case_scalar(c,
			    "SELECT max(coalesce((SELECT max(id) FROM event), 0),"
			    " coalesce((SELECT last FROM block ORDER BY first DESC LIMIT 1), 0),"
			    " coalesce((SELECT max(last) FROM signature_group), 0))",
			    0) +
		1;
	c->events_before = (uint64_t)case_scalar(c, "SELECT sum(events) FROM shape_host", 0);
	if (block_rows_count(c->db, &c->signatures) < 0)
		return case_fail(c);
	c->indexed = has_index(c);
	s = case_statement(c, INSERT_EVENT);
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
		(void)case_fail(c);
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
	if (case_run(c, "PRAGMA cell_size_check = 1") < 0)
		goto out;
	tables = case_scalar(c, "SELECT count(*) FROM sqlite_master", -1);
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
	if (case_run(c, "PRAGMA page_size = 16384") < 0)
		goto out;
	(void)snprintf(c->problem.reason, sizeof(c->problem.reason), "PRAGMA cache_size = -%d",
		       CACHE_KIB);
	if (case_run(c, c->problem.reason) < 0)
		goto out;
	if (mode == CASE_READ &&
	    case_run(c, "PRAGMA mmap_size = 1099511627776; PRAGMA query_only = 1") < 0)
		goto out;
	c->problem.reason[0] = '\0';
	application = case_scalar(c, "PRAGMA application_id", 0);
	version = case_scalar(c, "PRAGMA user_version", 0);
	if ((tables > 0 || mode == CASE_READ) && application != CASE_APPLICATION) {
		status = problem_set(&c->problem, ERR_FORMAT, PROBLEM_NO_OFFSET, "%s",
				     tables ? "an SQLite database, but not a case" : "not a case");
		goto out;
	}
	if (tables > 0 && version != CASE_SCHEMA) {
		status = problem_set(
			&c->problem, ERR_UNSUPPORTED, PROBLEM_NO_OFFSET,
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

	if (case_batch_begin(c) < 0 || (host = case_host_id(c, view_text(b->host))) < 0)
		return ERR_DATABASE;
	if (!(s = case_prepare(c, "SELECT id FROM bundle WHERE path = ? AND manifest IS ?")))
		return ERR_DATABASE;
	bind_text(s, 1, b->path);
	bind_text(s, 2, b->manifest);
	if (sqlite3_step(s) == SQLITE_ROW)
		id = sqlite3_column_int64(s, 0);
	sqlite3_finalize(s);
	if (id)
		return id;
	if (!(s = case_prepare(c,
			       "INSERT INTO bundle(path, type, host, manifest) VALUES(?,?,?,?)")))
		return ERR_DATABASE;
	bind_text(s, 1, b->path);
	bind_text(s, 2, b->type);
	bind_id(s, 3, host);
	bind_text(s, 4, b->manifest);
	id = case_done(c, s) < 0 ? ERR_DATABASE : sqlite3_last_insert_rowid(c->db);
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
	if (!(s = case_prepare(c, sql)))
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

struct loading *case_loading_of(struct case_db *c, int64_t id)
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

	if (case_batch_begin(c) < 0 || (host = case_host_id(c, view_text(a->host))) < 0)
		return ERR_DATABASE;
	if (!(s = case_prepare(
		      c,
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
	id = case_done(c, s) < 0 ? ERR_DATABASE : sqlite3_last_insert_rowid(c->db);
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

int case_artifact_end(struct case_db *c, int64_t artifact, const struct case_end *end)
{
	struct loading *l = case_loading_of(c, artifact);
	sqlite3_stmt *s;
	const char *sha256;
	int status = ERR_DATABASE;

	if (!l)
		return ERR_USAGE;
	if (case_batch_begin(c) < 0 || case_write_tallies(c, l) < 0 ||
	    !(s = case_prepare(
		      c,
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
	if (case_done(c, s) < 0) {
		sqlite3_finalize(s);
		return ERR_DATABASE;
	}
	sqlite3_finalize(s);
	if (end->problem && end->problem->reason[0] &&
	    (s = case_prepare(
		     c,
		     "INSERT INTO ingest_error(artifact, bundle, path, offset, reason) SELECT "
		     "id, bundle, path, error_offset, error"
		     " FROM artifact WHERE id = ?"))) {
		sqlite3_bind_int64(s, 1, artifact);
		status = case_done(c, s);
		sqlite3_finalize(s);
		if (status < 0)
			return status;
	}
	loading_free(c, l);
	c->totals.artifacts++;
	if (case_run_id(
		    c,
		    "INSERT INTO shape_host SELECT shape, host, events FROM artifact_shape WHERE"
		    " artifact = ?1 ON CONFLICT DO UPDATE SET events = events + excluded.events",
		    artifact) < 0)
		return ERR_DATABASE;

	/* An older reading of the same file: by another version, or one that crashed. */
	if (!(s = case_prepare(
		      c,
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
		status = case_batch_commit(c);
	return status;
}

int case_artifact_drop(struct case_db *c, int64_t artifact)
{
	struct loading *l = case_loading_of(c, artifact);

	if (!l)
		return ERR_USAGE;
	loading_free(c, l);
	return case_batch_begin(c) < 0 ? ERR_DATABASE : remove_artifact(c, artifact);
}

int case_error(struct case_db *c, int64_t bundle, const char *path, const struct problem *problem)
{
	sqlite3_stmt *s;
	int status;

	/* The same complaint of a second run is the same. */
	if (case_batch_begin(c) < 0 ||
	    !(s = case_prepare(
		      c,
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
	status = case_done(c, s);
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
		if (case_run_id(c, steps[i], id) < 0)
			return ERR_DATABASE;
	return OK;
}

/* SQLite calls this now and then while it works. */
static int tick(void *data)
{
	const struct case_db *c = data;

	c->progress(c->progress_data, c->doing, c->share);
	return 0;
}

int case_finish(struct case_db *c, case_progress *progress, void *data)
{
	int status;

	c->progress = progress;
	c->progress_data = data;
	if (progress)
		sqlite3_progress_handler(c->db, 1000000, tick, c);
	c->doing = "merging";
	c->share = -1;
	status = case_batch_begin(c) < 0 || case_merge(c) < 0 || case_batch_commit(c) < 0
			 ? ERR_DATABASE
			 : OK;
	c->doing = "indexing";
	c->share = -1;
	/* With what is there sorted on all processors; a transaction of its own. */
	(void)sqlite3_exec(c->db, "PRAGMA threads = 2", NULL, NULL, NULL);
	if (status == OK)
		status = case_run(c, SCHEMA_INDEX);
	sqlite3_progress_handler(c->db, 0, NULL, NULL);
	if (status < 0)
		return status;
	c->indexed = true;
	c->events_before += c->events_new;
	c->events_new = 0;
	return OK;
}
