/*
 * Stacking: how many hosts and events share each value of some fields, rarest first. What one host
 * of a hundred runs at start-up is worth a look; what ninety run is not.
 */
#ifndef KONSEKI_ANALYSIS_STACK_H
#define KONSEKI_ANALYSIS_STACK_H

#include "base/buffer.h"
#include "base/status.h"

#include <sqlite3.h>

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
 * The statement: a column for each field, then hosts, events, first, last, on (up to three hosts).
 * The caller steps and finalises it. The text of the SQL is appended to sql when that is not NULL.
 */
int stack_prepare(sqlite3 *db, const struct stack_options *o, sqlite3_stmt **out,
		  struct buffer *sql, struct problem *problem);

#endif
