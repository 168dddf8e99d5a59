/*
 * Calls with a time limit: a read of a dead mount or of a stuck process never comes back, so it
 * runs in a thread that the collector can leave behind.
 */
#ifndef KONSEKI_COLLECTORS_GUARD_H
#define KONSEKI_COLLECTORS_GUARD_H

#include <stdbool.h>

struct guard {
	struct guard_worker *worker; /* NULL until the first call */
	/* Limit of a call. Each one that did not come back halves it for the next, down to
	 * half a second: where one thing is dead there are more, and all of them together may not
	 * cost hours. */
	unsigned seconds;
	unsigned abandoned; /* calls that did not come back */
};

/*
 * Runs fn(arg) and waits. False when it did not return in time: then `arg`, and everything that fn
 * uses, belongs to the lost thread and must never be touched or freed.
 */
bool guard_call(struct guard *g, void (*fn)(void *arg), void *arg);
void guard_done(struct guard *g);

#endif
