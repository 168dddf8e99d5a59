/* konseki-collect: the collector alone, in one static binary for hosts with nothing installed. */
#include "cmd/command.h"

#include <string.h>

int main(int argc, char **argv)
{
	keep_standard_descriptors();
	if (argc > 1 && strcmp(argv[1], "verify") == 0)
		return finish_stdout(command_verify.run(argc - 1, argv + 1));
	/* The name of the command may be said, too. */
	if (argc > 1 && strcmp(argv[1], "collect") == 0)
		return finish_stdout(command_collect.run(argc - 1, argv + 1));
	return finish_stdout(command_collect.run(argc, argv));
}
