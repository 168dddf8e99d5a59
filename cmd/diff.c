/* konseki diff: what one host or collection has and another has not. */
#include "cmd/command.h"

#include "analysis/diff.h"
#include "base/table.h"
#include "timeline/case.h"

struct printing {
	struct table *table;
	unsigned long counts[128];
};

static int print(void *data, const struct diff_row *r)
{
	struct printing *p = data;
	const char side[2] = {(char)r->side, '\0'};

	table_text(p->table, side);
	table_text(p->table, r->kind);
	table_text(p->table, r->what);
	table_text(p->table, r->change);
	table_signed(p->table, r->event);
	p->counts[(unsigned char)r->side & 127]++;
	return ferror(stdout) ? ERR_STOPPED : OK;
}

static const char *case_file, *kinds, *format_text;
static bool no_header;
static const struct option options[] = {
	{OPTION_TEXT, 'c', "case", "FILE", "the case (or $KONSEKI_CASE)", &case_file},
	{OPTION_TEXT, 0, "kind", "KIND,...",
	 "only these: persistence, account_seen, network_listen, process_seen, module_seen",
	 &kinds},
	{OPTION_TEXT, 0, "format", "FORMAT", "table, tsv, csv or jsonl", &format_text},
	{OPTION_FLAG, 0, "no-header", NULL, "rows only", &no_header},
	{OPTION_END},
};
static const struct command_help help = {"diff", "A B",
					 "show what one host or collection has and another has not",
					 "A and B are a host's name, or a bundle as it was "
					 "ingested (its path, or the last part of it)."};

static int run(int argc, char **argv)
{
	static const char *const columns[] = {"side", "kind", "what", "change", "event"};
	struct printing p = {0};
	struct problem problem = {0};
	enum table_format format;
	struct case_db *c;
	const char *path;
	int n, status;

	switch (option_parse(&help, options, argc, argv, &n)) {
	case OPTION_EXIT_OK:
		return EXIT_COMPLETE;
	case OPTION_MISUSE:
		return EXIT_MISUSE;
	case OPTION_GO:
		break;
	}
	if (n != 2) {
		option_usage(stderr, &help, options);
		return EXIT_MISUSE;
	}
	if (!table_format_of(format_text, &format)) {
		complainf("diff", "%s: no such format", format_text);
		return EXIT_MISUSE;
	}
	path = case_path(case_file);
	if (!path)
		return EXIT_MISUSE;
	if (case_open(path, CASE_READ, &c, &problem) < 0) {
		complain(path, &problem);
		return EXIT_MISUSE;
	}
	p.table = table_open(stdout, format, columns, 5, !no_header);
	status = diff_run(c, argv[1], argv[2], kinds, print, &p, &problem);
	table_close(p.table);
	case_close(c);
	if (status < 0 && status != ERR_STOPPED) {
		complain(path, &problem);
		return EXIT_MISUSE;
	}
	complainf(NULL, "%lu only in %s, %lu only in %s, %lu changed", p.counts['-'], argv[1],
		  p.counts['+'], argv[2], p.counts['~']);
	return EXIT_COMPLETE;
}

const struct command command_diff = {&help, run};
