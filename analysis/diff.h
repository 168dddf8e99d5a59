/*
 * Two hosts, or two collections of one host, side by side: autoruns, accounts, listening sockets,
 * processes, kernel modules. What one has and the other has not, and what both have in another
 * state.
 */
#ifndef KONSEKI_ANALYSIS_DIFF_H
#define KONSEKI_ANALYSIS_DIFF_H

#include "timeline/case.h"

enum diff_side { DIFF_ONLY_A = '-', DIFF_ONLY_B = '+', DIFF_CHANGED = '~' };

struct diff_row {
	enum diff_side side;
	const char *kind;   /* event kind */
	const char *what;   /* "Place: cron, CommandLine: ..." */
	const char *change; /* changed: "Hashes: A -> B", else "" */
	int64_t event;	    /* the row of B, or of A where B has none */
};

/*
 * A and B are a bundle (its path, or the last part of it) or a host's name. kinds: comma-separated
 * event kinds, or NULL for all that have a state. Calls row for each difference, in the order of
 * kind and text; a non-zero return of it ends the list. ERR_NOT_FOUND: the case has no such host or
 * bundle.
 */
int diff_run(struct case_db *c, const char *a, const char *b, const char *kinds,
	     int (*row)(void *data, const struct diff_row *row), void *data,
	     struct problem *problem);

#endif
