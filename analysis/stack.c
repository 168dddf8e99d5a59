#include "analysis/stack.h"

#include "analysis/filter.h"

int stack_prepare(sqlite3 *db, const struct stack_options *o, sqlite3_stmt **out,
		  struct buffer *text, struct problem *problem)
{
	struct buffer sql = {0};
	unsigned any = 0;
	int status = OK;

	buffer_string(&sql, "SELECT ");
	for (size_t i = 0; i < o->field_count; i++) {
		filter_column(&sql, o->fields[i]);
		buffer_printf(&sql, " AS f%zu, ", i);
	}
	/* min() and max() of the names stand for up to two of the hosts; one host is named alone.
	 */
	buffer_string(&sql,
		      "count(DISTINCT ifnull(host, '')) AS hosts, count(*) AS events, min(time) AS "
		      "first, max(time) AS last, "
		      "CASE WHEN min(host) = max(host) THEN min(host) ELSE min(host) || ', ' || "
		      "max(host) || "
		      "CASE WHEN count(DISTINCT host) > 2 THEN ', ...' ELSE '' END END AS \"on\" "
		      "FROM timeline WHERE kind <> 'damage'");
	for (size_t i = 0; i < o->field_count; i++) {
		if (filter_is_column(o->fields[i]))
			continue;
		buffer_string(&sql, any++ ? " OR " : " AND (");
		filter_column(&sql, o->fields[i]);
		buffer_string(&sql, " IS NOT NULL");
	}
	buffer_string(&sql, any ? ")" : "");
	filter_events(&sql, &(struct filter){o->kinds, o->hosts, o->since, o->until, o->fields,
					     o->field_count});
	buffer_string(&sql, " GROUP BY ");
	for (size_t i = 0; i < o->field_count; i++)
		buffer_printf(&sql, "%sf%zu", i ? ", " : "", i);
	if (o->max_hosts)
		buffer_printf(&sql, " HAVING hosts <= %lu", o->max_hosts);
	buffer_printf(&sql, " ORDER BY hosts%s, events%s", o->common_first ? " DESC" : "",
		      o->common_first ? " DESC" : "");
	for (size_t i = 0; i < o->field_count; i++)
		buffer_printf(&sql, ", f%zu", i);
	if (o->limit)
		buffer_printf(&sql, " LIMIT %lu", o->limit);
	if (text)
		buffer_view(text, buffer_as_view(&sql));
	if (sqlite3_prepare_v2(db, buffer_text(&sql), -1, out, NULL) != SQLITE_OK)
		status = problem_set(problem, ERR_DATABASE, PROBLEM_NO_OFFSET, "%s",
				     sqlite3_errmsg(db));
	buffer_release(&sql);
	return status;
}
