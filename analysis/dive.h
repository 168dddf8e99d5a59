/*
 * The deep dive: around one event, the process behind it, its parents up to the first that anything
 * recorded, its children, what each of them touched, the logon that it ran under, and what else
 * happened on the host at that moment.
 */
#ifndef KONSEKI_ANALYSIS_DIVE_H
#define KONSEKI_ANALYSIS_DIVE_H

#include "analysis/process.h"
#include "timeline/query.h"

struct dive_event {
	int64_t id, ts;
	const char *time, *kind, *user, *message, *source;
	size_t process; /* index in the process table, or PROCESS_NONE */
};

struct dive_list {
	struct dive_event *items; /* in time order */
	size_t count, cap;
	uint64_t more; /* left out for `limit` */
};

/* What one process of the tree did. */
struct dive_touched {
	uint64_t kinds[KIND_COUNT]; /* events of each kind, all of them */
	struct dive_list events;    /* the first `limit` of them */
};

struct dive {
	struct dive_event focus;
	char *host;	 /* NULL: not known */
	int64_t host_id; /* row of table host, 0: none */
	struct process_table *processes;
	size_t process;		      /* behind the focus, or PROCESS_NONE */
	struct dive_touched *touched; /* for each process of the table; empty outside the tree */
	bool *in_tree;		      /* the process and its descendants */
	struct dive_list logons;      /* that opened the session it ran in */
	struct dive_list
		around; /* same host, within `window` of the focus, other than the tree's */
	struct arena arena;
};

struct dive_options {
	size_t limit;	/* events listed for each process and around */
	int64_t window; /* ns before and after the focus */
};

/* Fills *d, released with dive_release also on failure. ERR_NOT_FOUND: no such event. */
int dive_run(struct case_db *c, int64_t event, const struct dive_options *options, struct dive *d,
	     struct problem *problem);
void dive_release(struct dive *d);

#endif
