/*
 * Known good: hits that somebody looked at and said why they are none. A YAML list
 *	- rule: ID or title (* and ?)      which rules; left out: all
 *	  host: NAME (* and ?)             which hosts; left out: all
 *	  field: Image                     with `value`: what the event must hold, without case,
 *	  value: C:\Tools\*                * and ? (a list: any of them)
 *	  who: name
 *	  why: reason                      both must be given
 * Suppressed hits are counted, never lost: `detect` tells how many, by rule.
 */
#ifndef KONSEKI_DETECT_SUPPRESS_H
#define KONSEKI_DETECT_SUPPRESS_H

#include "detect/correlate.h"

struct suppress;
/* NULL with *problem: not such a list. */
struct suppress *suppress_load(const char *path, struct problem *problem);
void suppress_free(struct suppress *s);
size_t suppress_count(const struct suppress *s);
/* Inside an engine_hit: the number of the entry (from 0) that suppresses it, or -1. */
int suppress_match(const struct suppress *s, const struct hit *hit, struct view host);
/* The same of a correlation: its fields are those of its group, its host the one that all its events have. */
int suppress_correlated(const struct suppress *s, const struct correlated *hit);

#endif
