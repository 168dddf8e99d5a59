/* konseki decrypt: opens what was collected with --encrypt. */
#include "cmd/command.h"

#include "base/age.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static const char *output, *identity;
static const struct option options[] = {
	{OPTION_TEXT, 'i', "identity", "FILE",
	 "the file with the identity (konseki keygen, age-keygen)", &identity},
	{OPTION_TEXT, 'o', "output", "FILE",
	 "write there; - is standard output (default: FILE without .age)", &output},
	{OPTION_END},
};
static const struct command_help help = {
	"decrypt",
	"FILE",
	"decrypt a collection that was made with --encrypt",
	"Exit status 1 when the file is cut or altered: what is whole before that was written.",
};

static bool to_fd(void *data, const void *bytes, size_t n)
{
	const char *at = bytes;

	while (n) {
		ssize_t done = write(*(int *)data, at, n);

		if (done < 0 && errno == EINTR)
			continue;
		if (done <= 0)
			return false;
		at += done;
		n -= (size_t)done;
	}
	return true;
}

/* A mapping of the whole file; NULL data after a complaint. */
static struct view map(const char *path)
{
	struct view v = VIEW_EMPTY;
	struct stat st;
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	void *at = MAP_FAILED;

	if (fd >= 0 && fstat(fd, &st) == 0 && st.st_size > 0)
		at = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	if (at == MAP_FAILED)
		complainf(path, "%s", fd >= 0 && st.st_size == 0 ? "is empty" : strerror(errno));
	else
		v = view_of(at, (size_t)st.st_size);
	if (fd >= 0)
		(void)close(fd);
	return v;
}

static int run(int argc, char **argv)
{
	struct problem problem = {PROBLEM_NO_OFFSET, ""};
	struct age_key *keys = NULL;
	struct view file = VIEW_EMPTY, text;
	char *path = NULL;
	size_t count = 0;
	int n, fd = -1, result = EXIT_MISUSE, status;

	switch (option_parse(&help, options, argc, argv, &n)) {
	case OPTION_EXIT_OK:
		return EXIT_COMPLETE;
	case OPTION_MISUSE:
		return EXIT_MISUSE;
	case OPTION_GO:
		break;
	}
	if (n != 1 || !identity) {
		option_usage(stderr, &help, options);
		return EXIT_MISUSE;
	}
	text = map(identity);
	if (!text.data)
		goto out;
	count = age_identities_parse(text, &keys);
	(void)munmap((void *)(uintptr_t)text.data, text.len);
	if (!count) {
		complainf(identity, "holds no identity (AGE-SECRET-KEY-1...)");
		goto out;
	}
	file = map(argv[1]);
	if (!file.data)
		goto out;
	if (output) {
		path = xstrdup(output);
	} else {
		size_t len = strlen(argv[1]);

		if (len <= 4 || strcmp(argv[1] + len - 4, ".age") != 0) {
			complainf(argv[1], "does not end in .age: give -o FILE");
			goto out;
		}
		path = xmemdup0(argv[1], len - 4);
	}
	if (strcmp(path, "-") == 0)
		fd = STDOUT_FILENO;
	else
		fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0) {
		complainf(path, "%s", strerror(errno));
		goto out;
	}
	status = age_decrypt(file, keys, count, to_fd, &fd, &problem);
	if (status == ERR_STOPPED) {
		complainf(path, "%s", strerror(errno));
	} else if (status < 0) {
		complain(argv[1], &problem);
		result = EXIT_DAMAGED;
	} else {
		result = EXIT_COMPLETE;
	}
	/* Nothing came of it: no empty file either. */
	if (status == ERR_FORMAT || status == ERR_NOT_FOUND)
		if (fd != STDOUT_FILENO)
			(void)unlink(path);
	if (fd != STDOUT_FILENO && close(fd) < 0 && result == EXIT_COMPLETE) {
		complainf(path, "%s", strerror(errno));
		result = EXIT_MISUSE;
	}
out:
	if (file.data)
		(void)munmap((void *)(uintptr_t)file.data, file.len);
	if (keys)
		explicit_bzero(keys, count * sizeof(*keys));
	free(keys);
	free(path);
	return result;
}

const struct command command_decrypt = {&help, run};
