/* The commands: one file each, one line each in list.h. cmd/ is the only layer that prints or
 * exits. */
#ifndef KONSEKI_CMD_COMMAND_H
#define KONSEKI_CMD_COMMAND_H

#include "base/buffer.h"
#include "base/option.h"
#include "base/status.h"

/* Exit status, everywhere. */
enum { EXIT_COMPLETE = 0, EXIT_DAMAGED = 1, EXIT_MISUSE = 2 };

struct command {
	const struct command_help *help;
	/* argv[0] is the command's name; returns the exit status. */
	int (*run)(int argc, char **argv);
};

#define COMMAND(name) extern const struct command command_##name;
#include "cmd/list.h"
#undef COMMAND

/* One line on stderr: "konseki: FILE: offset N: reason"; FILE and reason are escaped for the
 * terminal. */
void complain(const char *file, const struct problem *problem);
__attribute__((format(printf, 2, 3))) void complainf(const char *file, const char *fmt, ...);

/* Appends a file that the user named (a pipe too) to `out`. False with errno; EFBIG when it has more
 * than `limit` bytes. */
bool file_slurp(const char *path, size_t limit, struct buffer *out);

/* Before anything is opened: what a program writes to a standard descriptor that it was started
 * without would go into the first file that it opens. */
void keep_standard_descriptors(void);

/* Flushes stdout and says whether all of it was written; on failure complains. Returns the exit
 * status to use. */
int finish_stdout(int status);

/* The case of -c or $KONSEKI_CASE; complains and returns NULL when there is none. */
const char *case_path(const char *option);

#endif
