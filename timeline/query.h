/*
 * Reading a case: events by filters, in the order of their times, rendered as the parser made them.
 *
 * How an answer is found: the blocks' signatures say which blocks may hold what is asked for
 * (timeline/blocks.h). These are read in the order of their times, by all processors, and what matches is
 * given as soon as no block that is left can hold an earlier event. Where only times are asked for, or
 * where the first blocks say that it is nearer, the index by time is walked instead.
 */
#ifndef KONSEKI_TIMELINE_QUERY_H
#define KONSEKI_TIMELINE_QUERY_H

#include "timeline/case.h"

struct case_filter {
	const char *const *hosts; /* * and ? allowed, no case; any of them */
	size_t host_count;
	bool one_host; /* instead of hosts: this row of `host`, or with 0 events of none */
	int64_t host;
	const char *const *kinds; /* any of them */
	size_t kind_count;
	int64_t since, until; /* ns, both inclusive; TIME_NONE: open. With either, events without a
				 time are left out */
	const char *const *greps; /* substrings of a value, user, host or message, ASCII letters
				     without case; all of them */
	size_t grep_count;
	const char *const *fields; /* "NAME=VALUE", * and ? in VALUE, no case; all of them */
	size_t field_count;
	const char *const *having; /* names of fields: the event has one of them, at least */
	size_t having_count;
	int64_t id;	/* this event only; 0: any */
	uint64_t limit; /* 0: none */
	bool any_order; /* in whatever order is fastest */
};

struct case_query;

/* An event. Texts are NULL where there is none; all of it is valid during the call only. */
struct case_event {
	int64_t id, ts;
	const char *ts_desc, *kind, *host, *user, *provider, *channel, *source, *parser;
	int64_t event_id, record, offset, process, artifact; /* -1: none */
	int64_t host_id;				     /* row of `host`; 0: none */
	struct case_query *query;
	const void *shape;
	struct view own_message, values;
};

/* Calls put for each event; what it returns other than 0 ends the walk and is returned. ERR_USAGE:
 * a filter that makes no sense. */
int case_select(struct case_db *c, const struct case_filter *filter,
		int (*put)(void *data, struct case_event *e), void *data, struct problem *problem);

void case_event_message(struct case_event *e, struct buffer *out);
/* {"name":value,...}, as event_fields_json made it. */
void case_event_fields(struct case_event *e, struct buffer *out);
/* The line of the output contract: parse's object, with "id" first. */
void case_event_json(struct case_event *e, struct buffer *out);
/* Text of the first value of that field; false when the event has none. */
bool case_event_field(struct case_event *e, const char *name, struct buffer *out);
/* JSON of the field's value, an array where it has several; false when the event has none. */
bool case_event_value(struct case_event *e, const char *name, struct buffer *out);

/* ASCII letters without case: offset of the needle (already in lower case), or SIZE_MAX. */
size_t case_find_folded(struct view text, struct view lower);

#endif
