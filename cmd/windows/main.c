/* konseki-collect.exe: the collector alone, for a Windows host with nothing installed. */
#include "collectors/windows/port.h"

#include "cmd/command.h"

#include <fcntl.h>
#include <io.h>
#include <stdlib.h>

int wmain(int argc, wchar_t **wide);
int wmain(int argc, wchar_t **wide)
{
	char **argv = xcalloc((size_t)argc + 1, sizeof(char *));
	UINT before = GetConsoleOutputCP();
	int result, skip;

	for (int i = 0; i < argc; i++)
		argv[i] = utf8_of(wide[i]);
	/* Our text is UTF-8, and a newline is one byte. A missing disk is no question for a window,
	 * and no DLL comes from the current folder. */
	(void)SetConsoleOutputCP(CP_UTF8);
	(void)SetErrorMode(SEM_FAILCRITICALERRORS | SEM_NOOPENFILEERRORBOX | SEM_NOGPFAULTERRORBOX);
	(void)SetDllDirectoryW(L"");
	(void)_setmode(_fileno(stdout), _O_BINARY);
	(void)_setmode(_fileno(stderr), _O_BINARY);
	/* The name of the command may be said, too. */
	skip = argc > 1 && strcmp(argv[1], "collect") == 0;
	result = finish_stdout(command_collect.run(argc - skip, argv + skip));
	(void)fflush(stderr);
	if (before)
		(void)SetConsoleOutputCP(before);
	for (int i = 0; i < argc; i++)
		free(argv[i]);
	free(argv);
	/* Not by way of the DLLs' farewells: a thread that hangs in one may hold its lock. */
	(void)TerminateProcess(GetCurrentProcess(), (UINT)result);
	return result;
}
