/* Events of a case as struct event, for those who match rules on them. */
#ifndef KONSEKI_CMD_CASEFEED_H
#define KONSEKI_CMD_CASEFEED_H

#include "base/event.h"
#include "timeline/query.h"

/* Where an event stands. */
struct case_place {
	int64_t id;
	const char *source, *parser;
};
/* 0 to go on. The event is valid during the call; its offset is the one in the artefact. */
typedef int case_feed_event(void *data, const struct event *event, const struct case_place *place);

int case_feed(struct case_db *c, const struct case_filter *filter, case_feed_event *put, void *data,
	      struct problem *problem);

#endif
