/*
 * Correlations (Sigma correlation rules 2.1). Workers encode what a correlation needs of each hit of a
 * rule it refers to; the parent feeds that to one correlator, in any order, from any file and host. At the
 * end it is put in order of correlation, group and time (sorted runs on disk when it is much) and walked
 * once, so that one window is in memory at a time, however many groups there are. Correlations of
 * correlations are walked after those that they refer to.
 *
 * Windows slide. With lower bounds only (and for temporal without "not") a hit comes when the condition
 * begins to hold; with an upper bound, eq, neq or "not" a window is judged when no further event fits
 * into it, because one more may end what holds. No event stands in two hits of one group. A group-by field
 * that an event lacks leaves the event out. At equal times the order is that of the file; between two
 * files it is unknown, and temporal_ordered takes both.
 */
#ifndef KONSEKI_DETECT_CORRELATE_H
#define KONSEKI_DETECT_CORRELATE_H

#include "detect/engine.h"

/* Events that one correlation's line lists; the count tells of all. */
#define LIMIT_CORRELATION_EVENTS 1000
/* Events of one time that temporal_ordered tries in both orders. */
#define LIMIT_TIES 256
/* Bytes kept in memory before a sorted run goes to disk. */
#define LIMIT_CORRELATION_MEMORY ((size_t)64 << 20)

struct correlator;

/* Where an event of a hit is. */
struct hit_place {
	int64_t ts;
	struct view host, source;
	uint64_t record;
	int64_t id; /* row in the case, or 0 */
};

/* In a worker: appends what the correlations that refer to hit->rule need of its event. */
void correlate_encode(struct buffer *out, const struct engine *engine, const struct hit *hit);

struct correlator *correlator_new(const struct ruleset *set);
void correlator_free(struct correlator *c);
/* A hit: encoded as above, by somebody who is not trusted. ERR_FORMAT, ERR_IO (a run could not be written). */
int correlator_feed(struct correlator *c, uint32_t rule, const struct hit_place *place,
		    struct view encoded);

/* A correlation that holds. */
struct correlated {
	const struct rule *rule;
	int64_t first, last;		 /* ns, of its events */
	const struct hit_place *place;	 /* of the last */
	uint64_t count;			 /* of events in the window */
	double value;			 /* what was compared */
	const char *group;		 /* JSON object */
	const char *const *group_by;	 /* the same as names... */
	const struct view *group_values; /* ...and values */
	uint32_t group_count;
	const char *events; /* JSON array */
	bool one_host;	    /* all events are of place->host */
	bool cut;	    /* LIMIT_WINDOW was reached */
};
typedef int correlated_hit(void *data, const struct correlated *hit);
/* Walks everything. Status of fn, or ERR_IO. */
int correlator_finish(struct correlator *c, correlated_hit *fn, void *data);
/* Hits without a time: they cannot be correlated. */
uint64_t correlator_timeless(const struct correlator *c);

/* Appends the line of `detect --format jsonl`. */
void correlated_json(struct buffer *out, const struct correlated *hit);

#endif
