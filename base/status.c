#include "base/status.h"

#include <stdarg.h>
#include <stdio.h>

const char *status_text(int status)
{
	switch (status) {
	case OK:
		return "success";
	case ERR_IO:
		return "input/output error";
	case ERR_MEMORY:
		return "out of memory";
	case ERR_TRUNCATED:
		return "truncated";
	case ERR_FORMAT:
		return "not well-formed";
	case ERR_UNSUPPORTED:
		return "not supported";
	case ERR_LIMIT:
		return "limit reached";
	case ERR_STOPPED:
		return "stopped";
	case ERR_USAGE:
		return "wrong usage";
	case ERR_NOT_FOUND:
		return "not found";
	case ERR_DATABASE:
		return "database error";
	case ERR_INTEGRITY:
		return "does not verify";
	}
	return "unknown error";
}

int problem_set(struct problem *p, int status, uint64_t offset, const char *fmt, ...)
{
	if (p) {
		va_list args;

		va_start(args, fmt);
		p->offset = offset;
		(void)vsnprintf(p->reason, sizeof(p->reason), fmt, args);
		va_end(args);
	}
	return status;
}
