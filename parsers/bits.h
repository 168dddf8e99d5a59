/*
 * Jobs of the Background Intelligent Transfer Service, as its queue holds them: qmgr0.dat and
 * qmgr1.dat (to Windows 8.1; parsers/bits.c) and the tables Jobs and Files of qmgr.db (Windows 10;
 * parsers/esedb.c).
 *
 * Not documented by its maker; facts: ANSSI, bits_parser; Fox-IT, dissect.target; Microsoft's
 * documentation of the enumerations (BG_JOB_TYPE, BG_JOB_PRIORITY, BG_JOB_STATE).
 */
#ifndef KONSEKI_PARSERS_BITS_H
#define KONSEKI_PARSERS_BITS_H

#include "parsers/parser.h"

struct bits_file {
	const char *target, *url, *temporary, *volume;
	uint64_t received, size; /* UINT64_MAX: not known */
	bool known;
};

struct bits_job {
	uint32_t type, priority, state, notify;
	const uint8_t *id; /* GUID */
	const char *name, *description, *program, *arguments, *sid;
	struct view files; /* what stands behind the marker of the files, their number first */
	int64_t created, modified, touched, completed; /* ns or TIME_NONE */
	bool recovered;				       /* not of the queue as it is */
};

/* The job at or behind `from` (SIZE_MAX: none; else where it begins), in which *job gets what could be
 * read and *end where to look for the next one. Texts are in the arena. */
size_t bits_job_find(struct arena *a, struct view v, size_t from, struct bits_job *job,
		     size_t *end);
/* A file at *at, moved behind it; false when there is none. */
bool bits_file_read(struct arena *a, struct view v, size_t *at, struct bits_file *file);

/* The events of a job and one of its files (NULL: it has none). */
int bits_emit(struct parse *p, const struct bits_job *job, const struct bits_file *file,
	      uint64_t offset);
/* The persistence event of a job that starts a program. */
int bits_emit_command(struct parse *p, const struct bits_job *job, uint64_t offset);

#endif
