#include "analysis/filter.h"

#include "base/event.h"
#include "timeline/query.h"

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

bool filter_is_column(const char *name)
{
	static const char *const columns[] = {"id",	"time",	  "host",    "kind",   "user",
					      "source", "parser", "ts_desc", "message"};

	for (size_t i = 0; i < sizeof(columns) / sizeof(columns[0]); i++)
		if (strcmp(name, columns[i]) == 0)
			return true;
	return false;
}

void filter_column(struct buffer *sql, const char *name)
{
	struct buffer path = {0};

	if (filter_is_column(name)) {
		buffer_string(sql, name);
		return;
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

		buffer_printf(sql, "%s%s %s ", any ? " OR " : "", column,
			      strpbrk(text, "*?") ? "GLOB" : "=");
		filter_quote(sql, text);
		free(text);
		any = true;
	}
	buffer_char(sql, ')');
}

void filter_events(struct buffer *sql, const struct filter *f)
{
	size_t fields = 0;

	buffer_string(sql, " AND id IN (SELECT e.id FROM event e WHERE 1");
	if (f->since != TIME_NONE)
		buffer_printf(sql, " AND e.ts >= %lld", (long long)f->since);
	if (f->until != TIME_NONE)
		buffer_printf(sql, " AND e.ts < %lld", (long long)f->until);
	if (f->hosts) {
		buffer_string(sql, " AND e.host IN (SELECT id FROM host WHERE 1");
		filter_list(sql, "name", f->hosts);
		buffer_char(sql, ')');
	}
	for (size_t i = 0; i < f->name_count; i++)
		fields += !filter_is_column(f->names[i]);
	if (f->kinds || fields) {
		buffer_string(sql, " AND e.shape IN (SELECT id FROM shape WHERE 1");
		filter_list(sql, "kind", f->kinds);
		if (fields) {
			buffer_string(
				sql,
				" AND EXISTS (SELECT 1 FROM json_each(names) n WHERE n.value IN (");
			fields = 0;
			for (size_t i = 0; i < f->name_count; i++) {
				if (filter_is_column(f->names[i]))
					continue;
				buffer_string(sql, fields++ ? ", " : "");
				filter_quote(sql, f->names[i]);
			}
			buffer_string(sql, "))");
		}
		buffer_char(sql, ')');
	}
	buffer_char(sql, ')');
}

void filter_lists_read(struct filter_lists *lists, const char *kinds, const char *hosts,
		       struct case_filter *filter)
{
	size_t cap = 0;

	for (unsigned kind = 0; kinds && kind < KIND_COUNT; kind++) {
		const char *name = event_kind_text((enum event_kind)kind);
		struct view rest = view_text(kinds), item;
		bool any = false;

		while (!any && view_token(&rest, ',', &item)) {
			char *glob = xmemdup0(item.data, item.len);

			any = view_glob(view_text(name), glob);
			free(glob);
		}
		if (!any)
			continue;
		if (!lists->kinds)
			lists->kinds = xcalloc(KIND_COUNT, sizeof(*lists->kinds));
		lists->kinds[filter->kind_count++] = name;
	}
	filter->kinds = lists->kinds;
	if (!hosts)
		return;
	lists->text = xstrdup(hosts);
	for (char *at = lists->text, *next; at; at = next) {
		next = strchr(at, ',');
		if (next)
			*next++ = '\0';
		lists->hosts =
			xgrow(lists->hosts, &cap, filter->host_count + 1, sizeof(*lists->hosts));
		lists->hosts[filter->host_count++] = at;
	}
	filter->hosts = lists->hosts;
}

void filter_lists_release(struct filter_lists *lists)
{
	free(lists->hosts);
	free(lists->kinds);
	free(lists->text);
}
