/*
 * The shapes of a case as a reader knows them: where in a row the values of a field are, and how
 * fields and message are put together (timeline/row.h).
 */
#ifndef KONSEKI_TIMELINE_SHAPES_H
#define KONSEKI_TIMELINE_SHAPES_H

#include "base/limits.h"
#include "timeline/row.h"

#include <sqlite3.h>

#define SHAPE_VALUES (2 * LIMIT_EVENT_FIELDS) /* of a row */

/* A value of a field: either fixed or a hole. A field that holds several has a member for each. */
struct member {
	struct view name; /* unescaped */
	struct view json; /* the value, where it is fixed */
	int32_t hole;	  /* as in struct row_part */
};

struct known_shape {
	int64_t id;
	char *ts_desc, *kind, *provider, *channel; /* the last two may be NULL */
	int64_t event_id;			   /* or -1 */
	uint32_t values;
	struct view layout_json, message_json;
	/* After known_shape_parse; nothing of it where the layout is broken. */
	bool parsed, broken;
	struct row_part *layout, *message;
	size_t layout_count, message_count;
	struct member *members;
	size_t member_count;
	/* What the filters say (timeline/match.h). */
	bool wanted;
	uint64_t look; /* texts that each of its events has to be looked at for */
};

struct shape_list {
	struct arena arena;
	struct known_shape *items; /* by id */
	size_t count, cap;
};

/* OK, ERR_DATABASE, or ERR_FORMAT: they are damaged. */
int shape_list_load(sqlite3 *db, struct shape_list *list);
void shape_list_release(struct shape_list *list);
struct known_shape *shape_list_find(const struct shape_list *list, int64_t id);
void known_shape_parse(struct shape_list *list, struct known_shape *shape);

/* The values of one row, taken apart when the first is wanted. */
struct row_spans {
	struct view spans[SHAPE_VALUES];
	int64_t count; /* -1: not yet */
	struct buffer text;
};
/* JSON of what is in a hole; it lives in the row or in r->text. host: NULL where there is none. */
struct view row_spans_hole(struct row_spans *r, int32_t hole, int64_t ts, const char *host,
			   struct view values);

#endif
