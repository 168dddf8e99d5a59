/* Detections on their way into a case: what `ingest --rules` and `detect -c` both write. */
#ifndef KONSEKI_CMD_DETECTION_H
#define KONSEKI_CMD_DETECTION_H

#include "detect/correlate.h"
#include "timeline/case.h"
#include "timeline/row.h"

/* What the case is told of a rule. The tags are built in the buffer. */
struct row_hit detection_rule(const struct rule *rule, struct buffer *tags);
/* A detection of that event; events: the list of a correlation (struct correlated), or NULL. */
int detection_write(struct case_db *c, int64_t event, const struct rule *rule, struct view matched,
		    const char *events);
/*
 * All correlations anew, of the hits that the case remembers from loading. ERR_DATABASE: case_problem
 * tells; ERR_IO: no room for temporary files. left_out: hits that another version of the rules made.
 */
int detection_correlate(struct case_db *c, const struct ruleset *set, uint64_t *left_out);

#endif
