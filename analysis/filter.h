/* Conditions on the view `timeline` that several analyses share, as SQL text with the values quoted. */
#ifndef KONSEKI_ANALYSIS_FILTER_H
#define KONSEKI_ANALYSIS_FILTER_H

#include "base/buffer.h"

/* 'text' with quotes doubled: for literals in SQL. NUL bytes end the text. */
void filter_quote(struct buffer *sql, const char *text);
/* The expression of a column of the view, or of a field by its name: json_extract(fields, '$."NAME"'). */
void filter_column(struct buffer *sql, const char *name);
/* column IN ('a', 'b') for a comma-separated list; GLOB for items with * or ?. Nothing when list is NULL. */
void filter_list(struct buffer *sql, const char *column, const char *list);
/* time >= ... AND time < ...; nothing for TIME_NONE. */
void filter_time(struct buffer *sql, int64_t since, int64_t until);

#endif
