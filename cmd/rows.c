#include "cmd/rows.h"

#include "base/event.h"

static struct value column_value(sqlite3_stmt *s, int at)
{
	switch (sqlite3_column_type(s, at)) {
	case SQLITE_INTEGER:
		return value_signed(sqlite3_column_int64(s, at));
	case SQLITE_FLOAT:
		return (struct value){.type = VALUE_DOUBLE, .f = sqlite3_column_double(s, at)};
	case SQLITE_TEXT: {
		const void *p = sqlite3_column_text(s, at);

		return value_view(view_of(p, (size_t)sqlite3_column_bytes(s, at)));
	}
	case SQLITE_BLOB: {
		const void *p = sqlite3_column_blob(s, at);

		return value_binary(view_of(p, (size_t)sqlite3_column_bytes(s, at)));
	}
	default:
		return (struct value){.type = VALUE_ABSENT};
	}
}

int print_rows(struct table *t, sqlite3_stmt *s)
{
	int step, n = sqlite3_column_count(s);

	while ((step = sqlite3_step(s)) == SQLITE_ROW && !ferror(stdout))
		for (int i = 0; i < n; i++) {
			struct value v = column_value(s, i);

			table_cell(t, &v);
		}
	return step;
}
