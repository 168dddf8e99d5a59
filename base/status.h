/*
 * Status codes. Zero is success, every failure is a negative enum status. Libraries return a status
 * and, where a person must be told more, fill a struct problem; only cmd/ prints.
 */
#ifndef KONSEKI_BASE_STATUS_H
#define KONSEKI_BASE_STATUS_H

#include <stdint.h>

enum status {
	OK = 0,
	ERR_IO = -1,	      /* the operating system said no; errno has the reason */
	ERR_MEMORY = -2,      /* a limit of limits.h or the allocator said no */
	ERR_TRUNCATED = -3,   /* bytes end before the structure does */
	ERR_FORMAT = -4,      /* bytes that the format does not allow */
	ERR_UNSUPPORTED = -5, /* a version or feature that we do not read */
	ERR_LIMIT = -6,	      /* a limit of limits.h was reached */
	ERR_STOPPED = -7,     /* the sink or the user asked to stop */
	ERR_USAGE = -8,	      /* arguments that make no sense */
	ERR_NOT_FOUND = -9,
	ERR_DATABASE = -10,
	ERR_INTEGRITY = -11, /* a hash or signature is not the recorded one */
};

/* A short English phrase for a status: never NULL, never freed. */
const char *status_text(int status);

/* What went wrong, for one line on stderr. Offset is in bytes, or PROBLEM_NO_OFFSET. */
#define PROBLEM_NO_OFFSET UINT64_MAX
struct problem {
	uint64_t offset;
	char reason[240];
};

/* Fills the problem (which may be NULL) and returns the status, so that a caller can `return` it.
 */
__attribute__((format(printf, 4, 5))) int problem_set(struct problem *p, int status,
						      uint64_t offset, const char *fmt, ...);

#endif
