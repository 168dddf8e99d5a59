/* konseki query: the timeline of a case, by filters or by SQL. */
#include "cmd/filter.h"
#include "cmd/rows.h"

#include "base/table.h"

#include <signal.h>
#include <stdlib.h>

static struct filter_options filters;
static const char *format_name, *sql;
static bool no_header;
static const struct option options[] = {
	FILTER_OPTIONS(filters),
	{OPTION_TEXT, 0, "sql", "TEXT", "run this SELECT over the case's tables and views instead",
	 &sql},
	{OPTION_TEXT, 0, "format", "FORMAT", "table, tsv, csv or jsonl", &format_name},
	{OPTION_FLAG, 0, "no-header", NULL, "no line of column names", &no_header},
	{OPTION_END},
};
static const struct command_help help = {"query", "",
					 "the timeline of a case: filtered, in the order of time",
					 "Filters of one name widen (--host, --kind) or narrow "
					 "(--grep, --field) the result; different ones narrow it."};

static const char *const columns[] = {"time", "host", "kind", "user", "message"};

struct output {
	struct table *table; /* NULL: JSON lines */
	struct buffer text;
};

static int put(void *data, struct case_event *e)
{
	struct output *o = data;

	o->text.len = 0;
	if (!o->table) {
		case_event_json(e, &o->text);
		return fwrite(o->text.data, 1, o->text.len, stdout) == o->text.len ? OK
										   : ERR_STOPPED;
	}
	time_append(&o->text, e->ts);
	table_view(o->table, buffer_as_view(&o->text));
	table_text(o->table, e->host);
	table_text(o->table, e->kind);
	table_text(o->table, e->user);
	o->text.len = 0;
	case_event_message(e, &o->text);
	table_view(o->table, buffer_as_view(&o->text));
	return ferror(stdout) ? ERR_STOPPED : OK;
}

/* ---- SQL ---- */

static volatile sig_atomic_t interrupted;

static void interrupt(int sig)
{
	(void)sig;
	interrupted = 1;
}

static int progress(void *unused)
{
	(void)unused;
	return interrupted;
}

/* What reads; nothing that writes, attaches, or loads. The file is open read-only besides. */
static int allow(void *unused, int action, const char *a, const char *b, const char *database,
		 const char *inner)
{
	(void)unused;
	(void)database;
	(void)inner;
	switch (action) {
	case SQLITE_SELECT:
	case SQLITE_READ:
	case SQLITE_RECURSIVE:
		return SQLITE_OK;
	case SQLITE_FUNCTION:
		return b && sqlite3_stricmp(b, "load_extension") == 0 ? SQLITE_DENY : SQLITE_OK;
	case SQLITE_PRAGMA:
		/* Those that only tell. */
		return a && !b &&
				       (sqlite3_stricmp(a, "table_list") == 0 ||
					sqlite3_stricmp(a, "user_version") == 0 ||
					sqlite3_stricmp(a, "application_id") == 0 ||
					sqlite3_stricmp(a, "page_count") == 0 ||
					sqlite3_stricmp(a, "integrity_check") == 0)
			       ? SQLITE_OK
		       : a && b &&
				       (sqlite3_stricmp(a, "table_info") == 0 ||
					sqlite3_stricmp(a, "index_list") == 0)
			       ? SQLITE_OK
			       : SQLITE_DENY;
	default:
		return SQLITE_DENY;
	}
}

static int run_sql(struct case_db *c, enum table_format format)
{
	sqlite3 *db = case_handle(c);
	sqlite3_stmt *s = NULL;
	const char **names = NULL;
	struct table *t = NULL;
	const char *tail = NULL;
	int step, status = EXIT_MISUSE, n;

	(void)signal(SIGINT, interrupt);
	sqlite3_progress_handler(db, 10000, progress, NULL);
	sqlite3_set_authorizer(db, allow, NULL);
	if (sqlite3_prepare_v2(db, sql, -1, &s, &tail) != SQLITE_OK) {
		complainf(NULL, "--sql: %s",
			  sqlite3_errcode(db) == SQLITE_AUTH ? "only reading is allowed"
							     : sqlite3_errmsg(db));
		goto out;
	}
	if (!s) {
		complainf(NULL, "--sql: no statement");
		goto out;
	}
	while (tail &&
	       (*tail == ';' || *tail == ' ' || *tail == '\n' || *tail == '\t' || *tail == '\r'))
		tail++;
	if (tail && *tail) {
		complainf(NULL, "--sql: one statement, please: %.40s", tail);
		goto out;
	}
	n = sqlite3_column_count(s);
	names = xcalloc((size_t)n + 1, sizeof(*names));
	for (int i = 0; i < n; i++)
		names[i] = sqlite3_column_name(s, i);
	if (n)
		t = table_open(stdout, format, names, (size_t)n, !no_header);
	step = print_rows(t, s);
	status = EXIT_COMPLETE;
	if (step != SQLITE_DONE && step != SQLITE_ROW) {
		complainf(NULL, "--sql: %s",
			  step == SQLITE_INTERRUPT ? "interrupted" : sqlite3_errmsg(db));
		status = EXIT_MISUSE;
	}
out:
	if (t)
		table_close(t);
	sqlite3_finalize(s);
	free(names);
	return status;
}

static int run(int argc, char **argv)
{
	enum table_format format;
	struct case_filter filter;
	struct problem problem = {0};
	struct output o = {0};
	struct case_db *c = NULL;
	int n, status = EXIT_MISUSE;

	switch (option_parse(&help, options, argc, argv, &n)) {
	case OPTION_EXIT_OK:
		return EXIT_COMPLETE;
	case OPTION_MISUSE:
		return EXIT_MISUSE;
	case OPTION_GO:
		break;
	}
	if (n) {
		complainf(NULL, "query takes no operands: %s", argv[1]);
		return EXIT_MISUSE;
	}
	if (!table_format_of(format_name, &format)) {
		complainf(NULL, "no such format: %s", format_name);
		return EXIT_MISUSE;
	}
	if (!filter_read(&filters, &filter) || !(c = filter_case(&filters)))
		goto out;
	if (sql) {
		status = finish_stdout(run_sql(c, format));
		goto out;
	}
	if (format != TABLE_JSONL)
		o.table = table_open(stdout, format, columns, sizeof(columns) / sizeof(columns[0]),
				     !no_header);
	status = case_select(c, &filter, put, &o, &problem);
	if (o.table)
		table_close(o.table);
	status = finish_stdout(filter_status(&filters, status, &problem));
out:
	buffer_release(&o.text);
	filter_release(&filters);
	case_close(c);
	return status;
}

const struct command command_query = {&help, run};
