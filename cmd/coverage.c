/* konseki coverage: what was recorded, and what was not: a silence may be an attacker's. */
#include "cmd/filter.h"

#include "base/table.h"

#include <stdlib.h>

static const char *case_name, *format_name;
static bool no_header;
static const struct option options[] = {
	{OPTION_TEXT, 'c', "case", "FILE", "the case; else $KONSEKI_CASE", &case_name},
	{OPTION_TEXT, 0, "format", "FORMAT", "table, tsv, csv or jsonl", &format_name},
	{OPTION_FLAG, 0, "no-header", NULL, "no line of column names", &no_header},
	{OPTION_END},
};
static const struct command_help help = {"coverage", "",
					 "what was recorded: per host and source, how far back, "
					 "gaps, cleared logs, audit policy off",
					 "A row for each source of each host, then a row for each "
					 "finding about it (gap, records missing,\n"
					 "log cleared, policy changed, damaged, not parsed, ...)."};

static const char *const columns[] = {"host", "source", "what", "first", "last", "count", "note"};

struct coverage {
	sqlite3 *db;
	struct table *table;
	struct problem problem;
};

static sqlite3_stmt *prepare(struct coverage *v, const char *sql)
{
	sqlite3_stmt *s = NULL;

	if (sqlite3_prepare_v2(v->db, sql, -1, &s, NULL) != SQLITE_OK)
		(void)problem_set(&v->problem, ERR_DATABASE, PROBLEM_NO_OFFSET, "%s",
				  sqlite3_errmsg(v->db));
	return s;
}

static void time_cell(struct table *t, int64_t ts)
{
	char text[TIME_TEXT];

	if (ts == TIME_NONE)
		table_text(t, NULL);
	else
		table_view(t, view_of(text, time_format(ts, text)));
}

static void row(struct coverage *v, const char *host, const char *source, const char *what,
		int64_t first, int64_t last, int64_t count, const char *note)
{
	struct value none = {.type = VALUE_ABSENT};

	table_text(v->table, host);
	table_text(v->table, source);
	table_text(v->table, what);
	time_cell(v->table, first);
	time_cell(v->table, last);
	if (count < 0)
		table_cell(v->table, &none);
	else
		table_signed(v->table, count);
	table_text(v->table, note);
}

static int64_t time_column(sqlite3_stmt *s, int at)
{
	return sqlite3_column_type(s, at) == SQLITE_NULL ? TIME_NONE : sqlite3_column_int64(s, at);
}

static const char *span_text(int64_t ns, char out[40])
{
	int64_t seconds = ns / TIME_SECOND;

	if (seconds >= 2 * 86400)
		(void)snprintf(out, 40, "%lld days", (long long)(seconds / 86400));
	else if (seconds >= 7200)
		(void)snprintf(out, 40, "%lld hours", (long long)(seconds / 3600));
	else
		(void)snprintf(out, 40, "%lld minutes", (long long)(seconds / 60));
	return out;
}

/*
 * Gaps of one source: times without events that are unusual for it. Usual is what its own distances
 * say: a gap is reported when it is over an hour, over twenty times the distance that all but one
 * in a hundred stay under, and over a hundredth of the whole. The five largest are told.
 */
#define GAPS	5
#define SAMPLES 4096

struct gaps {
	int64_t before, first, last;
	struct {
		int64_t from, to;
	} largest[GAPS];
	int64_t sample[SAMPLES]; /* of distances, every step-th */
	size_t samples, step, seen;
};

static int by_size(const void *x, const void *y)
{
	int64_t a = *(const int64_t *)x, b = *(const int64_t *)y;

	return a < b ? -1 : a > b;
}

static void gaps_add(struct gaps *g, int64_t ts)
{
	int64_t distance;

	if (g->before == TIME_NONE) {
		g->first = g->last = g->before = ts;
		return;
	}
	distance = ts - g->before;
	for (size_t i = 0; i < GAPS; i++) {
		if (distance > g->largest[i].to - g->largest[i].from) {
			memmove(&g->largest[i + 1], &g->largest[i],
				(GAPS - i - 1) * sizeof(g->largest[0]));
			g->largest[i].from = g->before;
			g->largest[i].to = ts;
			break;
		}
	}
	if (g->seen++ % g->step == 0) {
		if (g->samples ==
		    SAMPLES) { /* every second of them, and half as often from here on */
			for (size_t i = 0; i < SAMPLES / 2; i++)
				g->sample[i] = g->sample[2 * i];
			g->samples = SAMPLES / 2;
			g->step *= 2;
		}
		g->sample[g->samples++] = distance;
	}
	g->before = g->last = ts;
}

static void gaps_tell(struct coverage *v, struct gaps *g, const char *host, const char *source)
{
	int64_t usual;
	char text[40];

	if (g->seen < 50)
		return; /* too few to say what is usual */
	qsort(g->sample, g->samples, sizeof(g->sample[0]), by_size);
	usual = g->sample[g->samples - 1 - g->samples / 100];
	for (size_t i = 0; i < GAPS; i++) {
		int64_t size = g->largest[i].to - g->largest[i].from;

		if (size < 3600 * TIME_SECOND || size / 20 < usual ||
		    size < (g->last - g->first) / 100)
			break;
		row(v, host, source, "gap", g->largest[i].from, g->largest[i].to, -1,
		    span_text(size, text));
	}
}

/* Sources of a host are its channels, and the parsers of what has none. */
#define SOURCE "coalesce(s.channel, a.parser, '?')"

/* Which source the events of a shape on a host are of. */
struct place {
	int64_t shape, host;
	struct gaps *gaps;
};

static int by_place(const void *x, const void *y)
{
	const struct place *a = x, *b = y;

	if (a->shape != b->shape)
		return a->shape < b->shape ? -1 : 1;
	return a->host < b->host ? -1 : a->host > b->host;
}

/* All times, once, each to the gaps of its source. */
static void walk_times(struct coverage *v, struct place *places, size_t count)
{
	sqlite3_stmt *s = prepare(
		v,
		"SELECT ts, shape, coalesce(host, 0) FROM event WHERE ts IS NOT NULL ORDER BY"
		" ts");
	const struct place *last = NULL;

	if (count)
		qsort(places, count, sizeof(*places), by_place);
	while (s && sqlite3_step(s) == SQLITE_ROW) {
		const struct place want = {.shape = sqlite3_column_int64(s, 1),
					   .host = sqlite3_column_int64(s, 2)};

		if (!last || by_place(last, &want) != 0)
			last = count ? bsearch(&want, places, count, sizeof(*places), by_place)
				     : NULL;
		if (last)
			gaps_add(last->gaps, sqlite3_column_int64(s, 0));
	}
	sqlite3_finalize(s);
}

static int sources(struct coverage *v)
{
	sqlite3_stmt *s = prepare(
		v, "SELECT t.host, h.name, " SOURCE
		   ", sum(t.events), min(t.first), max(t.last), count(DISTINCT t.artifact),"
		   " group_concat(DISTINCT t.shape) FROM artifact_shape t JOIN shape s ON s.id = "
		   "t.shape"
		   " JOIN artifact a ON a.id = t.artifact LEFT JOIN host h ON h.id = t.host"
		   " WHERE s.kind <> 'damage' GROUP BY t.host, " SOURCE " ORDER BY h.name, 3");
	struct place *places = NULL;
	struct gaps **all = NULL;
	size_t count = 0, cap = 0, sources = 0, source_cap = 0, n = 0;

	while (s && sqlite3_step(s) == SQLITE_ROW) {
		const char *shapes = (const char *)sqlite3_column_text(s, 7), *at = shapes;
		struct gaps *g = xcalloc(1, sizeof(*g));

		g->before = TIME_NONE;
		g->step = 1;
		all = xgrow(all, &source_cap, sources + 1, sizeof(*all));
		all[sources++] = g;
		while (at && *at) {
			char *end;

			places = xgrow(places, &cap, count + 1, sizeof(*places));
			places[count++] = (struct place){.shape = strtoll(at, &end, 10),
							 .host = sqlite3_column_int64(s, 0),
							 .gaps = g};
			at = *end == ',' ? end + 1 : NULL;
		}
	}
	walk_times(v, places, count);
	if (s)
		sqlite3_reset(s);
	while (s && n < sources && sqlite3_step(s) == SQLITE_ROW) {
		const char *host = (const char *)sqlite3_column_text(s, 1),
			   *source = (const char *)sqlite3_column_text(s, 2);
		int64_t files = sqlite3_column_int64(s, 6);
		char note[60];

		(void)snprintf(note, sizeof(note), files == 1 ? "1 file" : "%lld files",
			       (long long)files);
		row(v, host, source, "source", time_column(s, 4), time_column(s, 5),
		    sqlite3_column_int64(s, 3), note);
		gaps_tell(v, all[n++], host, source);
	}
	sqlite3_finalize(s);
	for (size_t i = 0; i < sources; i++)
		free(all[i]);
	free(all);
	free(places);
	return v->problem.reason[0] ? ERR_DATABASE : OK;
}

/* Record numbers of a Windows log rise by one: what is missing between was deleted, or its chunk
 * was damaged. */
static int records(struct coverage *v)
{
	sqlite3_stmt *s = prepare(v,
				  "SELECT id, path FROM artifact WHERE parser = 'evtx' AND events "
				  "> 1 ORDER BY path"),
		     *e = prepare(v,
				  "SELECT e.record, e.ts, h.name FROM block b JOIN event e ON e.id "
				  "BETWEEN b.first AND b.last"
				  " LEFT JOIN host h ON h.id = e.host WHERE b.artifact = ?1 AND "
				  "e.record IS NOT NULL"
				  " UNION ALL SELECT es.record, NULL, NULL FROM event_source es "
				  "WHERE es.artifact = ?1"
				  " AND es.record IS NOT NULL ORDER BY 1");

	while (s && e && sqlite3_step(s) == SQLITE_ROW) {
		int64_t before = -1, before_ts = TIME_NONE, missing = 0, first = TIME_NONE,
			last = TIME_NONE, from = 0, to = 0, holes = 0;
		struct buffer host = {0};

		sqlite3_bind_int64(e, 1, sqlite3_column_int64(s, 0));
		while (sqlite3_step(e) == SQLITE_ROW) {
			int64_t record = sqlite3_column_int64(e, 0), ts = time_column(e, 1);

			if (sqlite3_column_text(e, 2) && host.len == 0)
				buffer_string(&host, (const char *)sqlite3_column_text(e, 2));
			if (before >= 0 && record > before + 1) {
				if (!holes++) {
					first = before_ts;
					from = before + 1;
				}
				missing += record - before - 1;
				last = ts;
				to = record - 1;
			}
			before = record;
			if (ts != TIME_NONE)
				before_ts = ts;
		}
		sqlite3_reset(e);
		if (holes) {
			char note[120];

			(void)snprintf(note, sizeof(note),
				       "%lld hole%s in EventRecordID, from %lld to %lld",
				       (long long)holes, holes == 1 ? "" : "s", (long long)from,
				       (long long)to);
			row(v, host.len ? buffer_text(&host) : NULL,
			    (const char *)sqlite3_column_text(s, 1), "records missing", first, last,
			    missing, note);
		}
		buffer_release(&host);
	}
	sqlite3_finalize(s);
	sqlite3_finalize(e);
	return v->problem.reason[0] ? ERR_DATABASE : OK;
}

struct found {
	struct coverage *v;
	const char *what;
};

static int tell_event(void *data, struct case_event *e)
{
	struct found *f = data;
	struct buffer message = {0};

	case_event_message(e, &message);
	row(f->v, e->host, e->channel ? e->channel : e->source, f->what, e->ts, e->ts, -1,
	    buffer_text(&message));
	buffer_release(&message);
	return OK;
}

/* Audit categories that were switched off: event 4719 with a change of "removed" (%%8448, %%8450),
 * and what parsers call a policy change to less. */
static int events(struct coverage *v, struct case_db *c, const char *what, const char *kind,
		  const char *field)
{
	struct case_filter filter = {.kinds = kind ? &kind : NULL,
				     .kind_count = kind != NULL,
				     .fields = field ? &field : NULL,
				     .field_count = field != NULL,
				     .since = TIME_NONE,
				     .until = TIME_NONE,
				     .limit = 1000};
	struct found f = {v, what};

	return case_select(c, &filter, tell_event, &f, &v->problem);
}

static int artifacts(struct coverage *v)
{
	sqlite3_stmt *s = prepare(v,
				  "SELECT h.name, a.path, a.status, a.first, a.last, a.losses, "
				  "a.error, a.error_offset FROM artifact a"
				  " LEFT JOIN host h ON h.id = a.host WHERE a.status <> 'complete' "
				  "ORDER BY a.status = 'unclaimed', a.path");

	while (s && sqlite3_step(s) == SQLITE_ROW) {
		const char *status = (const char *)sqlite3_column_text(s, 2);
		char note[320];

		note[0] = '\0';
		if (strcmp(status, "unclaimed") == 0)
			(void)snprintf(note, sizeof(note), "no parser claims it");
		else if (sqlite3_column_type(s, 6) != SQLITE_NULL &&
			 sqlite3_column_type(s, 7) != SQLITE_NULL)
			(void)snprintf(note, sizeof(note), "offset %lld: %s",
				       (long long)sqlite3_column_int64(s, 7),
				       (const char *)sqlite3_column_text(s, 6));
		else if (sqlite3_column_type(s, 6) != SQLITE_NULL)
			(void)snprintf(note, sizeof(note), "%s",
				       (const char *)sqlite3_column_text(s, 6));
		row(v, (const char *)sqlite3_column_text(s, 0),
		    (const char *)sqlite3_column_text(s, 1),
		    strcmp(status, "unclaimed") == 0 ? "not parsed" : status, time_column(s, 3),
		    time_column(s, 4), sqlite3_column_int64(s, 5), note);
	}
	sqlite3_finalize(s);
	s = v->problem.reason[0] ? NULL
				 : prepare(v,
					   "SELECT b.path, i.path, i.reason FROM ingest_error i "
					   "LEFT JOIN bundle b ON b.id = i.bundle"
					   " WHERE i.artifact IS NULL ORDER BY i.id");
	while (s && sqlite3_step(s) == SQLITE_ROW)
		row(v, NULL,
		    (const char *)sqlite3_column_text(
			    s, sqlite3_column_type(s, 1) == SQLITE_NULL ? 0 : 1),
		    "not read", TIME_NONE, TIME_NONE, -1, (const char *)sqlite3_column_text(s, 2));
	sqlite3_finalize(s);
	return v->problem.reason[0] ? ERR_DATABASE : OK;
}

static int run(int argc, char **argv)
{
	struct filter_options only_case = {0};
	struct coverage v = {0};
	enum table_format format;
	struct case_db *c;
	int n, status;

	switch (option_parse(&help, options, argc, argv, &n)) {
	case OPTION_EXIT_OK:
		return EXIT_COMPLETE;
	case OPTION_MISUSE:
		return EXIT_MISUSE;
	case OPTION_GO:
		break;
	}
	if (n || !table_format_of(format_name, &format)) {
		complainf(NULL, n ? "coverage takes no operands" : "no such format: %s",
			  format_name);
		return EXIT_MISUSE;
	}
	only_case.case_name = case_name;
	if (!(c = filter_case(&only_case)))
		return EXIT_MISUSE;
	v.db = case_handle(c);
	v.table = table_open(stdout, format, columns, sizeof(columns) / sizeof(columns[0]),
			     !no_header);
	status = sources(&v);
	if (status == OK)
		status = records(&v);
	if (status == OK)
		status = events(&v, c, "log cleared", "log_cleared", NULL);
	/* 4719: success (8448) or failure (8450) auditing removed */
	if (status == OK)
		status = events(&v, c, "audit off", NULL, "AuditPolicyChanges=*%%8448*");
	if (status == OK)
		status = events(&v, c, "audit off", NULL, "AuditPolicyChanges=*%%8450*");
	if (status == OK)
		status = artifacts(&v);
	table_close(v.table);
	status = finish_stdout(filter_status(&only_case, status, &v.problem));
	case_close(c);
	return status;
}

const struct command command_coverage = {&help, run};
