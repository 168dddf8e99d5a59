/*
 * One writer for every command that prints rows: an aligned table for a terminal, TSV for a pipe,
 * CSV, JSON lines, NUL-separated. Cells are evidence: each format escapes them for where it goes.
 */
#ifndef KONSEKI_BASE_TABLE_H
#define KONSEKI_BASE_TABLE_H

#include "base/event.h"

#include <stdio.h>

enum table_format { TABLE_AUTO, TABLE_ALIGNED, TABLE_TSV, TABLE_CSV, TABLE_JSONL };

/* "table", "tsv", "csv", "jsonl" or NULL (auto: aligned on a terminal, TSV else). False: no such
 * format. */
bool table_format_of(const char *text, enum table_format *format);

struct table;
/* Columns are static strings. The table writes to `to`, which the caller keeps and checks. */
struct table *table_open(FILE *to, enum table_format format, const char *const *columns,
			 size_t count, bool header);
/* One cell, in column order; the row ends by itself after the last column. */
void table_cell(struct table *t, const struct value *v);
void table_text(struct table *t, const char *s); /* NULL is an empty cell, null in JSON */
void table_view(struct table *t, struct view v);
void table_signed(struct table *t, int64_t n);
/* Writes what is held back (the aligned form holds up to some hundred rows to find widths); frees.
 */
void table_close(struct table *t);
/* True when the table is aligned and the terminal takes colour (isatty, NO_COLOR unset, TERM not
 * dumb). */
bool table_colour(FILE *to);

#endif
