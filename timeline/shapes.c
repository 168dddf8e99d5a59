#include "timeline/shapes.h"

#include "base/text.h"
#include "base/timestamp.h"

#include <stdlib.h>

static char *column_text(struct arena *a, sqlite3_stmt *s, int at)
{
	const void *p = sqlite3_column_text(s, at);

	return p ? arena_strndup(a, p, (size_t)sqlite3_column_bytes(s, at)) : NULL;
}

static const uint8_t *past_string(const uint8_t *p, const uint8_t *end)
{
	for (p++; p < end && *p != '"'; p++)
		if (*p == '\\')
			p++;
	return p < end ? p + 1 : end;
}

/* Takes the layout apart into names and values. A hole within is written as byte 1, its number,
 * byte 1. */
static void read_members(struct arena *a, struct known_shape *s)
{
	struct buffer b = {0};
	size_t cap = 0;
	struct member *list = NULL;
	char *text;
	const uint8_t *p, *end;

	for (size_t i = 0; i < s->layout_count; i++) {
		if (s->layout[i].hole == ROW_NO_HOLE)
			buffer_view(&b, s->layout[i].text);
		else
			buffer_printf(&b, "\001%d\001", s->layout[i].hole);
	}
	text = arena_strndup(a, b.data, b.len);
	p = (const uint8_t *)text;
	end = p ? p + b.len : p;
	if (p < end && *p == '{')
		p++;
	while (p && p < end && *p == '"') {
		const uint8_t *name = p, *value;
		struct view unescaped;
		unsigned depth = 0;

		p = past_string(p, end);
		b.len = 0;
		row_unescape(&b, view_of(name, (size_t)(p - name)));
		unescaped = view_of(arena_strndup(a, b.data, b.len), b.len);
		if (p < end)
			p++; /* : */
		/* One value, or the values of an array, each a member of that name. */
		for (value = p; p < end;) {
			if (*p == '"') {
				p = past_string(p, end);
				continue;
			}
			if (*p == '[' || *p == '{') {
				depth++;
				p++;
				if (depth == 1)
					value = p;
				continue;
			}
			if ((*p == ',' && depth <= 1) || ((*p == ']' || *p == '}') && depth <= 1)) {
				bool ends = depth == 0 || *p != ',';

				if (p > value) {
					list = xgrow(list, &cap, s->member_count + 1,
						     sizeof(*list));
					list[s->member_count++] = (struct member){
						.name = unescaped,
						.json = view_of(value, (size_t)(p - value)),
						/* a number that row_layout wrote. NOLINTNEXTLINE(cert-err34-c) */
						.hole = *value == 1 ? atoi((const char *)value + 1)
								    : ROW_NO_HOLE};
				}
				if (depth == 1 && ends)
					p++;
				if (ends)
					break;
				value = ++p;
				continue;
			}
			if (*p == ']' || *p == '}')
				depth--;
			p++;
		}
		if (p < end && *p == ',')
			p++;
	}
	s->members = arena_alloc(a, s->member_count * sizeof(*list) + 1);
	if (s->members && s->member_count)
		memcpy(s->members, list, s->member_count * sizeof(*list));
	else
		s->member_count = 0;
	free(list);
	buffer_release(&b);
}

void known_shape_parse(struct shape_list *list, struct known_shape *s)
{
	if (s->parsed)
		return;
	s->parsed = true;
	s->broken = !row_layout(&list->arena, s->layout_json, s->values, &s->layout,
				&s->layout_count) ||
		    (s->message_json.len && !row_layout(&list->arena, s->message_json, s->values,
							&s->message, &s->message_count));
	if (s->broken)
		s->layout_count = s->message_count = 0;
	else
		read_members(&list->arena, s);
}

static int by_id(const void *x, const void *y)
{
	int64_t a = *(const int64_t *)x, b = ((const struct known_shape *)y)->id;

	return a < b ? -1 : a > b;
}

struct known_shape *shape_list_find(const struct shape_list *list, int64_t id)
{
	/* Ids are given in order, from 1: mostly the place tells. */
	if (id > 0 && (uint64_t)id <= list->count && list->items[id - 1].id == id)
		return &list->items[id - 1];
	return list->count ? bsearch(&id, list->items, list->count, sizeof(*list->items), by_id)
			   : NULL;
}

int shape_list_load(sqlite3 *db, struct shape_list *list)
{
	sqlite3_stmt *s = NULL;
	int step = SQLITE_ERROR;
	bool damaged = false;

	list->arena.limit = SIZE_MAX;
	if (sqlite3_prepare_v2(
		    db,
		    "SELECT id, ts_desc, kind, provider, channel, event_id, vals, layout,"
		    " message FROM shape ORDER BY id",
		    -1, &s, NULL) == SQLITE_OK)
		while ((step = sqlite3_step(s)) == SQLITE_ROW) {
			struct known_shape *k;

			list->items = xgrow(list->items, &list->cap, list->count + 1,
					    sizeof(*list->items));
			k = &list->items[list->count++];
			memset(k, 0, sizeof(*k));
			k->id = sqlite3_column_int64(s, 0);
			k->ts_desc = column_text(&list->arena, s, 1);
			k->kind = column_text(&list->arena, s, 2);
			k->provider = column_text(&list->arena, s, 3);
			k->channel = column_text(&list->arena, s, 4);
			k->event_id = sqlite3_column_type(s, 5) == SQLITE_NULL
					      ? -1
					      : sqlite3_column_int64(s, 5);
			k->values = (uint32_t)sqlite3_column_int64(s, 6);
			k->values = k->values > SHAPE_VALUES ? SHAPE_VALUES : k->values;
			k->layout_json = view_text(column_text(&list->arena, s, 7));
			k->message_json = view_text(column_text(&list->arena, s, 8));
			damaged = damaged || !k->kind || !k->ts_desc;
		}
	sqlite3_finalize(s);
	return step != SQLITE_DONE ? ERR_DATABASE : damaged ? ERR_FORMAT : OK;
}

void shape_list_release(struct shape_list *list)
{
	free(list->items);
	arena_release(&list->arena);
}

struct view row_spans_hole(struct row_spans *r, int32_t hole, int64_t ts, const char *host,
			   struct view values)
{
	if (hole >= 0) {
		if (r->count < 0) {
			r->count = row_values(values, r->spans, SHAPE_VALUES);
			if (r->count < 0 || r->count > SHAPE_VALUES)
				r->count = 0;
		}
		return hole < r->count ? r->spans[hole] : VIEW_EMPTY;
	}
	r->text.len = 0;
	if (hole == ROW_TIME) {
		struct civil c = time_to_civil(ts);

		buffer_printf(&r->text, "\"%04lld-%02u-%02uT%02u:%02u:%02u.%06uZ\"",
			      (long long)c.year, c.month, c.day, c.hour, c.minute, c.second,
			      c.nanosecond / 1000);
	} else if (host) {
		text_json_quoted(&r->text, view_text(host));
	} else {
		buffer_string(&r->text, "null");
	}
	return buffer_as_view(&r->text);
}
