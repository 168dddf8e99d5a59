#include "timeline/case_internal.h"

#include <stdlib.h>

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
	return case_done(m->c, s);
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
			    case_add_tally(m->c, &m->dropped,
					   &(struct tally){.shape = t->shape,
							   .host = t->host,
							   .events = 1}) < 0)
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
		if (case_done(m->c, m->set) < 0)
			goto out;
		for (size_t i = 0, same = 0; sources > 1 && i < n; i++) {
			same = i && t[i].artifact == t[i - 1].artifact ? same + 1 : 0;
			if (same != k)
				continue;
			sqlite3_bind_int64(m->add, 1, ids[k]);
			sqlite3_bind_int64(m->add, 2, t[i].artifact);
			bind_place(m->add, 3, t[i].record);
			bind_place(m->add, 4, t[i].offset);
			if (case_done(m->c, m->add) < 0)
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
	return sqlite3_reset(s) == SQLITE_OK ? OK : case_fail(m->c);
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
	sqlite3_stmt *s = case_prepare(
		c, "UPDATE shape_host SET events = events - ? WHERE shape = ? AND host = ?");
	int status = s ? OK : ERR_DATABASE;

	for (size_t i = 0; dropped->tallies && i <= dropped->mask && status == OK; i++) {
		const struct tally *t = &dropped->tallies[i];

		if (!t->used)
			continue;
		sqlite3_bind_int64(s, 1, (int64_t)t->events);
		sqlite3_bind_int64(s, 2, t->shape);
		sqlite3_bind_int64(s, 3, t->host);
		status = case_done(c, s);
	}
	sqlite3_finalize(s);
	return status;
}

static int merge_twins(struct case_db *c)
{
	struct merge m = {
		.c = c,
		.has_sources = case_scalar(c, "SELECT EXISTS (SELECT 1 FROM event_source)", 1) != 0,
		.has_hits = case_scalar(c,
					"SELECT EXISTS (SELECT 1 FROM detection) OR EXISTS (SELECT"
					" 1 FROM correlation_input)",
					1) != 0};
	sqlite3_stmt *s = NULL;
	double all = (double)case_scalar(c, "SELECT count(*) FROM temp.twin", 1), done = 0;
	int64_t hash = 0;
	int status = ERR_DATABASE, step;

	if (!(m.load = case_prepare(c,
				    "SELECT e.ts, e.shape, e.host, e.user, e.process, e.message, "
				    "e.vals, a.parser FROM event e"
				    " JOIN artifact a ON a.id = e.artifact WHERE e.id = ?")) ||
	    !(m.sources = case_prepare(
		      c,
		      "SELECT es.artifact, es.record, es.offset, r.rank FROM event_source es"
		      " JOIN temp.rank r ON r.artifact = es.artifact WHERE es.event = ? ORDER BY "
		      "es.artifact")) ||
	    !(m.set = case_prepare(
		      c,
		      "UPDATE event SET artifact = ?2, record = ?3, offset = ?4 WHERE id = ?1")) ||
	    !(m.add = case_prepare(c, "INSERT INTO event_source VALUES(?,?,?,?)")) ||
	    !(m.forget = case_prepare(c, "DELETE FROM event_source WHERE event = ?")) ||
	    !(m.drop = case_prepare(c, "DELETE FROM event WHERE id = ?")) ||
	    !(m.move = case_prepare(
		      c, "UPDATE OR IGNORE detection SET event = ?2 WHERE event = ?1")) ||
	    !(m.drop_hits = case_prepare(c, "DELETE FROM detection WHERE event = ?")) ||
	    !(m.move_input = case_prepare(
		      c, "UPDATE OR IGNORE correlation_input SET event = ?2 WHERE event = ?1")) ||
	    !(m.drop_input = case_prepare(c, "DELETE FROM correlation_input WHERE event = ?")) ||
	    /* Sorted on disk where it must be; what is equal stands together. By time first: so
	     * both copies are read from their beginning to their end. */
	    !(s = case_prepare(
		      c,
		      "SELECT t.hash, t.event, t.artifact, r.rank, e.record, e.offset FROM "
		      "temp.twin t"
		      " JOIN event e ON e.id = t.event JOIN temp.rank r ON r.artifact = "
		      "t.artifact ORDER BY t.ts, t.hash, t.event")))
		goto out;
	for (;;) {
		struct twin t;

		step = sqlite3_step(s);
		if (step != SQLITE_ROW && step != SQLITE_DONE) {
			(void)case_fail(c);
			goto out;
		}
		if (m.count && (step == SQLITE_DONE || sqlite3_column_int64(s, 0) != hash)) {
			if (m.count > 1 && merge_hash(&m) < 0)
				goto out;
			m.count = 0;
		}
		if (step == SQLITE_DONE)
			break;
		c->share = ++done / all;
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
int case_merge(struct case_db *c)
{
	if (case_scalar(c, "SELECT count(*) FROM artifact WHERE merged = 0 AND status <> 'loading'",
			0) == 0)
		return OK;
	if (case_run(
		    c,
		    "DROP TABLE IF EXISTS temp.overlap; DROP TABLE IF EXISTS temp.twin; DROP TABLE "
		    "IF "
		    "EXISTS temp.rank;"
		    "DROP TABLE IF EXISTS temp.near; DROP TABLE IF EXISTS temp.tally; DROP TABLE "
		    "IF "
		    "EXISTS temp.sweep;"
		    "CREATE TEMP TABLE rank(artifact INTEGER PRIMARY KEY, rank INTEGER);"
		    "INSERT INTO temp.rank SELECT id, row_number() OVER (ORDER BY path, "
		    "coalesce(member, ''), coalesce(sha256, ''),"
		    " coalesce(bundle, 0), id) FROM artifact;"
		    "CREATE TEMP TABLE tally AS SELECT s.shape, s.host, a.parser, s.artifact, "
		    "s.first, "
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
		    " CASE WHEN merged THEN min(CASE WHEN NOT merged THEN first END) OVER down "
		    "ELSE "
		    "min(first) OVER down END AS next"
		    " FROM temp.tally WHERE first IS NOT NULL"
		    " WINDOW up AS (PARTITION BY shape, host, parser ORDER BY first, artifact"
		    "  ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING),"
		    " down AS (PARTITION BY shape, host, parser ORDER BY first DESC, artifact DESC"
		    "  ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING);"
		    "INSERT INTO temp.overlap SELECT artifact, shape, host, min(lo), max(hi), "
		    "max(untimed) FROM ("
		    " SELECT artifact, shape, host, first AS lo, min(last, reach) AS hi, 0 AS "
		    "untimed "
		    "FROM temp.sweep WHERE reach >= first"
		    " UNION ALL SELECT artifact, shape, host, next, last, 0 FROM temp.sweep WHERE "
		    "next "
		    "<= last"
		    " UNION ALL SELECT artifact, shape, host, NULL, NULL, 1 FROM (SELECT artifact, "
		    "shape, host, sha256,"
		    "  count(*) OVER path AS paths, sum(NOT merged) OVER path AS new_paths,"
		    "  count(*) OVER sum AS sums, sum(NOT merged) OVER sum AS new_sums FROM "
		    "temp.tally "
		    "WHERE untimed > 0"
		    "  WINDOW path AS (PARTITION BY shape, host, parser, path), sum AS (PARTITION "
		    "BY "
		    "shape, host, parser, sha256))"
		    " WHERE (paths > 1 AND new_paths > 0) OR (sha256 IS NOT NULL AND sums > 1 AND "
		    "new_sums > 0)) GROUP BY 1, 2, 3;"
		    "DROP TABLE temp.sweep;") < 0)
		return ERR_DATABASE;
	if (case_scalar(c, "SELECT count(*) FROM temp.overlap", 0) > 0) {
		if (sqlite3_create_function_v2(c->db, "event_hash", -1,
					       SQLITE_UTF8 | SQLITE_DETERMINISTIC, NULL, hash_event,
					       NULL, NULL, NULL) != SQLITE_OK)
			return case_fail(c);
		/* Untimed events hash with their path or sum only by way of the exact comparison of
		 * artefacts: see below. */
		if (case_run(
			    c,
			    /* The blocks to read: those of these artefacts, those of others that hold an
			 * event without a time that is one of theirs, and those of artefacts that
			 * were taken out and left events to whom else has them. */
			    "CREATE TEMP TABLE near(first INTEGER PRIMARY KEY, last INTEGER);"
			    "INSERT INTO temp.near SELECT k.first, k.last FROM (SELECT artifact, "
			    "min(lo)"
			    " AS lo, max(hi) AS hi, max(untimed) AS untimed FROM temp.overlap "
			    "GROUP BY"
			    " artifact) o JOIN block k ON k.artifact = o.artifact WHERE "
			    "(k.ts_first <="
			    " o.hi AND k.ts_last >= o.lo) OR o.untimed;"
			    "INSERT OR IGNORE INTO temp.near SELECT k.first, k.last FROM "
			    "event_source "
			    "es"
			    " JOIN block k ON k.first = (SELECT max(first) FROM block WHERE first "
			    "<="
			    " es.event) WHERE es.artifact IN (SELECT artifact FROM temp.overlap "
			    "WHERE"
			    " untimed);"
			    "INSERT OR IGNORE INTO temp.near SELECT first, last FROM block WHERE "
			    "artifact"
			    " NOT IN (SELECT id FROM artifact);"
			    "CREATE TEMP TABLE twin(ts INTEGER, hash INTEGER, event INTEGER, "
			    "artifact "
			    "INTEGER);"
			    "INSERT INTO temp.twin SELECT e.ts, event_hash(e.ts, e.shape, e.host, "
			    "e.user, e.process, e.message, e.vals,"
			    " CASE WHEN e.ts IS NULL THEN (SELECT min(p.path) FROM artifact p JOIN "
			    "artifact q ON q.id = e.artifact"
			    "  WHERE p.sha256 = q.sha256 OR p.id = q.id) END), e.id, e.artifact"
			    " FROM temp.near k"
			    " JOIN event e ON e.id BETWEEN k.first AND k.last"
			    " JOIN temp.overlap o ON o.artifact = e.artifact AND o.shape = e.shape "
			    "AND "
			    "o.host = coalesce(e.host, 0)"
			    " WHERE e.ts BETWEEN o.lo AND o.hi OR (e.ts IS NULL AND o.untimed);") <
			    0 ||
		    merge_twins(c) < 0)
			return ERR_DATABASE;
	}
	return case_run(
		c,
		"UPDATE artifact SET merged = 1 WHERE merged = 0 AND status <> 'loading';"
		"DROP TABLE IF EXISTS temp.twin; DROP TABLE IF EXISTS temp.near; DROP TABLE "
		"temp.overlap; DROP TABLE temp.rank; DROP TABLE temp.tally");
}
