/*
 * Whether an event is what a filter asks for: first what its shape and host say, once, then what is in the
 * row. After match_init nothing is changed, so that any number of threads may ask.
 */
#ifndef KONSEKI_TIMELINE_MATCH_H
#define KONSEKI_TIMELINE_MATCH_H

#include "timeline/query.h"
#include "timeline/shapes.h"
#include "timeline/signature.h"

#define MATCH_TEXTS 32 /* greps, and fields: each has a bit of known_shape.look */

/* Ids of a table, sorted; 0 stands for "none". */
struct id_set {
	int64_t *ids;
	size_t count, cap;
};
bool id_set_has(const struct id_set *set, int64_t id);

struct match {
	const struct case_filter *filter;
	bool all_shapes, all_hosts; /* every event there is passes */
	struct id_set hosts;	    /* else these */
	struct match_text {
		struct view text;	 /* lower case, as text */
		struct view escaped;	 /* lower case, as JSON holds it */
		const char *name, *glob; /* of a field */
		struct signature_need need;
		struct id_set hosts, users; /* which of them match by their name */
	} greps[MATCH_TEXTS], fields[MATCH_TEXTS];
	struct arena arena;
};

/* A row of `event`. Ids are 0 where there is none. */
struct match_row {
	int64_t id, ts, shape, host, user;
	struct view message, values;
};

/* What one thread needs. */
struct match_scratch {
	struct row_spans spans;
	struct buffer text;
};

/* Reads the filter and judges the shapes: sets wanted and look. ERR_USAGE: a filter that makes no
 * sense; ERR_DATABASE. */
int match_init(struct match *m, const struct case_filter *filter, sqlite3 *db,
	       struct shape_list *shapes, struct problem *problem);
void match_release(struct match *m);

bool match_host(const struct match *m, int64_t host);
bool match_time(const struct match *m, int64_t ts);
/* A row of that shape. */
bool match_event(const struct match *m, struct match_scratch *scratch,
		 const struct known_shape *shape, const struct match_row *row);
/* What a signature knows of all texts, as one question. */
void match_need(const struct match *m, struct signature_need *need);

#endif
