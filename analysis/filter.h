/* Conditions on the view `timeline` that several analyses share, as SQL text with the values
 * quoted. */
#ifndef KONSEKI_ANALYSIS_FILTER_H
#define KONSEKI_ANALYSIS_FILTER_H

#include "base/buffer.h"

/* 'text' with quotes doubled: for literals in SQL. NUL bytes end the text. */
void filter_quote(struct buffer *sql, const char *text);
/* The expression of a column of the view, or of a field by its name: json_extract(fields,
 * '$."NAME"'). */
void filter_column(struct buffer *sql, const char *name);
bool filter_is_column(const char *name);
/* column IN ('a', 'b') for a comma-separated list; GLOB for items with * or ?. Nothing when list is
 * NULL. */
void filter_list(struct buffer *sql, const char *column, const char *list);

/*
 * " AND id IN (SELECT ...)": which rows of the view to make at all, told by the integers of the
 * tables below it, so that a case of millions is not rendered to be thrown away.
 */
struct filter {
	const char *kinds, *hosts; /* comma-separated, or NULL; * and ? allowed */
	int64_t since, until;	   /* ns or TIME_NONE; until is exclusive */
	const char *const
		*names; /* any of these fields; columns of the view among them do not count */
	size_t name_count;
};
void filter_events(struct buffer *sql, const struct filter *f);

/* The same lists as a filter of events wants them. Kinds are what there is, * and ? taken out. */
struct filter_lists {
	const char **hosts, **kinds;
	char *text;
};
struct case_filter;
void filter_lists_read(struct filter_lists *lists, const char *kinds, const char *hosts,
		       struct case_filter *filter);
void filter_lists_release(struct filter_lists *lists);

#endif
