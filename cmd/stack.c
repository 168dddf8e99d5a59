/* konseki stack: how many hosts and events share each value, rarest first. */
#include "cmd/command.h"
#include "cmd/rows.h"

#include "analysis/stack.h"
#include "base/table.h"
#include "timeline/case.h"

#include <stdlib.h>

static const char *case_file, *format_text, *kinds, *hosts, *since_text, *until_text;
static unsigned long limit, max_hosts;
static bool no_header, common_first, show_sql;
static const struct option options[] = {
	{OPTION_TEXT, 'c', "case", "FILE", "the case (or $KONSEKI_CASE)", &case_file},
	{OPTION_TEXT, 0, "kind", "KIND,...", "only events of these kinds", &kinds},
	{OPTION_TEXT, 0, "host", "HOST,...", "only these hosts (* and ? allowed)", &hosts},
	{OPTION_TEXT, 0, "since", "TIME", "only from then on", &since_text},
	{OPTION_TEXT, 0, "until", "TIME", "only before", &until_text},
	{OPTION_NUMBER, 0, "max-hosts", "N", "only values that at most N hosts have", &max_hosts},
	{OPTION_NUMBER, 0, "limit", "N", "the first N rows", &limit},
	{OPTION_FLAG, 0, "common", NULL, "most frequent first", &common_first},
	{OPTION_TEXT, 0, "format", "FORMAT", "table, tsv, csv or jsonl", &format_text},
	{OPTION_FLAG, 0, "no-header", NULL, "rows only", &no_header},
	{OPTION_FLAG, 0, "show-sql", NULL, "print the SQL and stop", &show_sql},
	{OPTION_END},
};
static const struct command_help help = {"stack", "FIELD...",
					 "count the values of fields over hosts, rarest first",
					 "FIELD is a column of the timeline (host, kind, user, "
					 "source, parser, ts_desc, message) or a field's name."};

static int run(int argc, char **argv)
{
	struct stack_options o = {.since = TIME_NONE, .until = TIME_NONE};
	struct problem problem = {0};
	struct buffer sql = {0};
	enum table_format format;
	struct stack stack = {0};
	struct case_db *c = NULL;
	const char **columns;
	struct table *t;
	const char *path;
	int n, step, status = EXIT_MISUSE;

	switch (option_parse(&help, options, argc, argv, &n)) {
	case OPTION_EXIT_OK:
		return EXIT_COMPLETE;
	case OPTION_MISUSE:
		return EXIT_MISUSE;
	case OPTION_GO:
		break;
	}
	if (n == 0) {
		option_usage(stderr, &help, options);
		return EXIT_MISUSE;
	}
	if (!table_format_of(format_text, &format)) {
		complainf("stack", "%s: no such format", format_text);
		return EXIT_MISUSE;
	}
	if ((since_text && !time_parse_user(view_text(since_text), time_now(), &o.since)) ||
	    (until_text && !time_parse_user(view_text(until_text), time_now(), &o.until))) {
		complainf("stack",
			  "not a time: --since and --until take 2026-11-23T10:00:00Z, -2h, \"3 "
			  "days ago\"");
		return EXIT_MISUSE;
	}
	path = case_path(case_file);
	if (!path)
		return EXIT_MISUSE;
	o.fields = (const char *const *)argv + 1;
	o.field_count = (size_t)n;
	o.kinds = kinds;
	o.hosts = hosts;
	o.max_hosts = max_hosts;
	o.limit = limit;
	o.common_first = common_first;
	columns = xcalloc((size_t)n + 5, sizeof(*columns));
	for (int i = 0; i < n; i++)
		columns[i] = argv[i + 1];
	columns[n] = "hosts";
	columns[n + 1] = "events";
	columns[n + 2] = "first";
	columns[n + 3] = "last";
	columns[n + 4] = "on";
	if (show_sql) {
		stack_sql(&sql, &o);
		printf("%s;\n", buffer_text(&sql));
		status = EXIT_COMPLETE;
		goto out;
	}
	if (case_open(path, CASE_READ, &c, &problem) < 0 ||
	    stack_run(c, &o, &stack, &problem) < 0) {
		complain(path, &problem);
		goto out;
	}
	t = table_open(stdout, format, columns, (size_t)n + 5, !no_header);
	step = print_rows(t, stack.rows);
	table_close(t);
	if (step != SQLITE_DONE && step != SQLITE_ROW)
		complainf(path, "%s", sqlite3_errmsg(stack.db));
	else
		status = EXIT_COMPLETE;
out:
	stack_release(&stack);
	case_close(c);
	buffer_release(&sql);
	free(columns);
	return status;
}

const struct command command_stack = {&help, run};
