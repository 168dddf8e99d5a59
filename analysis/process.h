/*
 * Processes of one host, put together from whatever recorded them: starts (Sysmon 1, 4688, auditd),
 * stops, and processes seen at collection. Safe against reuse of process ids: a process is (id,
 * start), an id means the youngest process of that id that had started by then and had not stopped.
 */
#ifndef KONSEKI_ANALYSIS_PROCESS_H
#define KONSEKI_ANALYSIS_PROCESS_H

#include "base/event.h"

#define PROCESS_NONE SIZE_MAX

struct process {
	int64_t start, stop; /* ns or TIME_NONE: not recorded */
	int64_t event;	     /* row of the event that recorded it, 0 when only a child names it */
	uint64_t pid, ppid;  /* UINT64_MAX: not known */
	const char *image, *command_line, *user, *guid, *parent_guid, *parent_image,
		*parent_command_line;
	size_t parent;			  /* index, or PROCESS_NONE */
	size_t first_child, next_sibling; /* indices in start order, or PROCESS_NONE */
	bool seen_only; /* seen running, or named by a child: its start is not in the evidence */
};

struct process_table;
struct process_table *process_table_new(void);
void process_table_free(struct process_table *t);

/* What one event says of a process. Texts may be NULL; they are copied. */
struct process_record {
	enum { PROCESS_STARTED, PROCESS_STOPPED, PROCESS_SEEN } what;
	int64_t ts, event;
	uint64_t pid, ppid; /* UINT64_MAX: not told */
	const char *image, *command_line, *user, *guid, *parent_guid, *parent_image,
		*parent_command_line;
};

/* Records may come in any order; the same start told by several sources becomes one process. */
void process_table_add(struct process_table *t, const struct process_record *r);
/* Finds parents and children; parents that only their children name are added. Call once, after the
 * last add. */
void process_table_link(struct process_table *t);

size_t process_count(const struct process_table *t);
const struct process *process_at(const struct process_table *t, size_t index);
/* The process that had this guid, or this id at this time; PROCESS_NONE when none had. After link
 * only. */
size_t process_find(const struct process_table *t, const char *guid, uint64_t pid, int64_t ts);

#endif
