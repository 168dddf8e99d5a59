/* konseki: one multicall binary. `konseki NAME ...` and a link `konseki-NAME` both run command
 * NAME. */
#include "cmd/command.h"

#include "base/text.h"
#include "base/version.h"

#include <errno.h>
#include <locale.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

static const struct command *const commands[] = {
#define COMMAND(name) &command_##name,
#include "cmd/list.h"
#undef COMMAND
};
#define COMMANDS (sizeof(commands) / sizeof(commands[0]))

static void usage(FILE *to)
{
	fputs("usage: konseki COMMAND [options] ...\n\n"
	      "Offline forensic triage and timelines.\n\n",
	      to);
	for (size_t i = 0; i < COMMANDS; i++)
		fprintf(to, "  %-10s %s\n", commands[i]->help->name, commands[i]->help->summary);
	fputs("\n`konseki COMMAND --help` tells more of a command, `man konseki` of the whole.\n",
	      to);
}

static int dispatch(const char *name, int argc, char **argv)
{
	for (size_t i = 0; i < COMMANDS; i++)
		if (strcmp(commands[i]->help->name, name) == 0)
			return finish_stdout(commands[i]->run(argc, argv));
	complainf(name, "no such command (see konseki --help)");
	return EXIT_MISUSE;
}

int main(int argc, char **argv)
{
	const char *self = strrchr(argv[0], '/');

	keep_standard_descriptors();
	(void)setlocale(LC_CTYPE, "C.UTF-8");
	self = self ? self + 1 : argv[0];
	if (strncmp(self, "konseki-", 8) == 0 && self[8])
		return dispatch(self + 8, argc, argv);
	if (argc < 2) {
		usage(stderr);
		return EXIT_MISUSE;
	}
	if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "help") == 0) {
		usage(stdout);
		return finish_stdout(EXIT_COMPLETE);
	}
	if (strcmp(argv[1], "--version") == 0) {
		puts("konseki " KONSEKI_VERSION);
		return finish_stdout(EXIT_COMPLETE);
	}
	return dispatch(argv[1], argc - 1, argv + 1);
}
