/* Messages and the end of stdout: of the whole konseki and of the small static collector. */
#include "cmd/command.h"

#include "base/text.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void complain(const char *file, const struct problem *problem)
{
	if (problem->offset == PROBLEM_NO_OFFSET)
		complainf(file, "%s", problem->reason);
	else
		complainf(file, "offset %llu: %s", (unsigned long long)problem->offset,
			  problem->reason);
}

void complainf(const char *file, const char *fmt, ...)
{
	struct buffer line = {0}, text = {0};
	char reason[1024];
	va_list args;

	va_start(args, fmt);
	(void)vsnprintf(reason, sizeof(reason), fmt, args);
	va_end(args);
	buffer_string(&line, "konseki: ");
	if (file) {
		text_terminal(&line, view_text(file));
		buffer_string(&line, ": ");
	}
	text_terminal(&text, view_text(reason));
	buffer_view(&line, buffer_as_view(&text));
	buffer_char(&line, '\n');
	(void)fflush(stdout);
	(void)fwrite(line.data, 1, line.len, stderr);
	buffer_release(&line);
	buffer_release(&text);
}

#ifdef _WIN32
void keep_standard_descriptors(void)
{
}
#else
void keep_standard_descriptors(void)
{
	for (int fd = 0; fd <= STDERR_FILENO; fd++)
		if (fcntl(fd, F_GETFD) < 0 && errno == EBADF)
			(void)!open("/dev/null",
				    fd ? O_WRONLY : O_RDONLY); /* the lowest free one */
}
#endif

int finish_stdout(int status)
{
	if (fflush(stdout) != 0 || ferror(stdout)) {
		if (errno != EPIPE)
			complainf(NULL, "standard output: %s", strerror(errno));
		return EXIT_MISUSE;
	}
	return status;
}

const char *case_path(const char *option)
{
	const char *path = option ? option : getenv("KONSEKI_CASE");

	if (!path || !*path) {
		complainf(NULL, "which case? give -c FILE or set KONSEKI_CASE");
		return NULL;
	}
	return path;
}
