/*
 * Stacking: how many hosts and events share each value of some fields, rarest first. What one host
 * of a hundred runs at start-up is worth a look; what ninety run is not.
 */
#ifndef KONSEKI_ANALYSIS_STACK_H
#define KONSEKI_ANALYSIS_STACK_H

#include "base/status.h"
#include "timeline/query.h"

struct stack_options {
	const char *const *fields; /* columns of the view (host, kind, user, source, parser,
				      ts_desc, message) or names of fields */
	size_t field_count;
	const char *kinds, *hosts; /* comma-separated, or NULL; hosts with * and ? */
	int64_t since, until;	   /* ns or TIME_NONE */
	unsigned long max_hosts;   /* 0: no limit */
	unsigned long limit;	   /* rows; 0: no limit */
	bool common_first;
};

/*
 * Counts, and gives the rows as a statement: a column for each field, then hosts, events, first, last,
 * on (up to three hosts). The caller steps it; stack_release finalises it. What does not fit into
 * memory is counted in a temporary database.
 */
struct stack {
	sqlite3 *db;
	sqlite3_stmt *rows;
};
int stack_run(struct case_db *c, const struct stack_options *o, struct stack *stack,
	      struct problem *problem);
void stack_release(struct stack *stack);
/* The same question as SQL over the view `timeline`, for who wants to take it further. */
void stack_sql(struct buffer *sql, const struct stack_options *o);

#endif
