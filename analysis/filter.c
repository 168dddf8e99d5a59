#include "analysis/filter.h"

#include "base/timestamp.h"

#include <stdlib.h>

void filter_quote(struct buffer *sql, const char *text)
{
	buffer_char(sql, '\'');
	for (; *text; text++) {
		if (*text == '\'')
			buffer_char(sql, '\'');
		buffer_char(sql, *text);
	}
	buffer_char(sql, '\'');
}

void filter_column(struct buffer *sql, const char *name)
{
	static const char *const columns[] = { "id", "time", "host", "kind", "user", "source", "parser", "ts_desc", "message" };
	struct buffer path = { 0 };

	for (size_t i = 0; i < sizeof(columns) / sizeof(columns[0]); i++) {
		if (strcmp(name, columns[i]) == 0) {
			buffer_string(sql, name);
			return;
		}
	}
	/* SQLite's paths quote a key with "; a key that holds one cannot be named. */
	buffer_string(&path, "$.\"");
	for (const char *c = name; *c; c++)
		if (*c != '"')
			buffer_char(&path, *c);
	buffer_char(&path, '"');
	buffer_string(sql, "json_extract(fields, ");
	filter_quote(sql, buffer_text(&path));
	buffer_char(sql, ')');
	buffer_release(&path);
}

void filter_list(struct buffer *sql, const char *column, const char *list)
{
	struct view rest = view_text(list), item;
	bool any = false;

	if (!list || !*list)
		return;
	buffer_string(sql, " AND (");
	while (view_token(&rest, ',', &item)) {
		char *text = xmemdup0(item.data, item.len);

		buffer_printf(sql, "%s%s %s ", any ? " OR " : "", column, strpbrk(text, "*?") ? "GLOB" : "=");
		filter_quote(sql, text);
		free(text);
		any = true;
	}
	buffer_char(sql, ')');
}

void filter_time(struct buffer *sql, int64_t since, int64_t until)
{
	/* Texts without fraction sort wrongly beside those with one only inside the same second: cut the Z off. */
	if (since != TIME_NONE) {
		buffer_string(sql, " AND time >= '");
		time_append(sql, since);
		sql->len--;
		buffer_char(sql, '\'');
	}
	if (until != TIME_NONE) {
		buffer_string(sql, " AND time < '");
		time_append(sql, until);
		sql->len--;
		buffer_char(sql, '\'');
	}
}
