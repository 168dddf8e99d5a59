/*
 * Reading through blocks of a case for events that match, with all processors where the case is open for
 * reading only: each has a connection of its own.
 */
#ifndef KONSEKI_TIMELINE_SCAN_H
#define KONSEKI_TIMELINE_SCAN_H

#include "timeline/blocks.h"
#include "timeline/match.h"

struct scan;

struct scan_hit {
	int64_t ts, id;
};
struct scan_hits {
	struct scan_hit *items;
	size_t count, cap;
};

/* All that is given has to outlive the scan. */
struct scan *scan_open(sqlite3 *db, const struct match *match, const struct shape_list *shapes);
void scan_close(struct scan *s);
/* What matches in these blocks, in parts, which live until the next call. OK or ERR_DATABASE. */
int scan_blocks(struct scan *s, const struct block *blocks, size_t count, struct scan_hits **hits,
		size_t *parts);
const char *scan_problem(const struct scan *s);

#endif
