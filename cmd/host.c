/* host.h for Linux; and files that the user names. */
#define _GNU_SOURCE
#include "cmd/host.h"

#include "base/memory.h"
#include "base/timestamp.h"
#include "cmd/command.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

const char host_separator[] = "/";
const char host_privilege[] = "root";

static int64_t read_clock(clockid_t id)
{
	struct timespec t;

	(void)clock_gettime(id, &t);
	return t.tv_sec * TIME_SECOND + t.tv_nsec;
}

int64_t host_clock(void)
{
	return read_clock(CLOCK_MONOTONIC);
}

int64_t host_cpu(void)
{
	return read_clock(CLOCK_PROCESS_CPUTIME_ID);
}

void host_sleep(int64_t ns)
{
	struct timespec t = {ns / TIME_SECOND, ns % TIME_SECOND};

	/* Not nanosleep: the sandbox of --image has no such call. */
	if (ns > 0)
		(void)ppoll(NULL, 0, &t, NULL);
}

void host_lowest_priority(void)
{
	(void)!nice(19);
	(void)syscall(SYS_ioprio_set, 1, 0,
		      3 << 13); /* this process, the idle class: ioprio_set(2) */
}

bool host_is_terminal(FILE *f)
{
	return isatty(fileno(f));
}

bool host_is_folder(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

struct host_file {
	int fd;
};

static struct host_file *file_of(int fd)
{
	struct host_file *f;

	if (fd < 0)
		return NULL;
	f = xmalloc(sizeof(*f));
	f->fd = fd;
	return f;
}

struct host_file *host_standard_output(void)
{
	return file_of(STDOUT_FILENO);
}

struct host_file *host_create(const char *path)
{
	struct stat st;
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOCTTY, 0600);

	if (fd < 0 && errno == EEXIST && stat(path, &st) == 0 && !S_ISREG(st.st_mode))
		fd = open(path, O_WRONLY | O_CLOEXEC | O_NOCTTY);
	return file_of(fd);
}

ptrdiff_t host_write(struct host_file *f, const void *data, size_t n)
{
	ssize_t done;

	do
		done = write(f->fd, data, n);
	while (done < 0 && errno == EINTR);
	return done > 0 ? done : -1;
}

bool host_sync(struct host_file *f)
{
	return f->fd == STDOUT_FILENO || fsync(f->fd) == 0 || errno == EINVAL || errno == EROFS;
}

bool host_identity(const struct host_file *f, uint64_t *device, uint64_t *number)
{
	struct stat st;

	if (fstat(f->fd, &st) < 0 || !S_ISREG(st.st_mode))
		return false;
	*device = st.st_dev;
	*number = st.st_ino;
	return true;
}

void host_close(struct host_file *f)
{
	if (f && f->fd > STDERR_FILENO)
		(void)close(f->fd);
	free(f);
}

void host_remove(const char *path)
{
	(void)unlink(path);
}

bool host_map(const char *path, struct view *bytes)
{
	struct stat st;
	int fd = open(path, O_RDONLY | O_CLOEXEC), error;
	void *at = MAP_FAILED;

	if (fd >= 0 && fstat(fd, &st) == 0) {
		if (st.st_size == 0)
			errno = ENODATA;
		else
			at = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	}
	error = errno;
	if (fd >= 0)
		(void)close(fd);
	errno = error;
	if (at == MAP_FAILED)
		return false;
	*bytes = view_of(at, (size_t)st.st_size);
	return true;
}

void host_unmap(struct view bytes)
{
	(void)munmap((void *)(uintptr_t)bytes.data, bytes.len);
}

bool file_slurp(const char *path, size_t limit, struct buffer *out)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY), error = 0;
	size_t start = out->len;
	ssize_t n = 1;

	if (fd < 0)
		return false;
	while (n > 0 && out->len - start <= limit) {
		n = read(fd, buffer_reserve(out, 65536), 65536);
		if (n > 0)
			out->len += (size_t)n;
		else if (n < 0 && errno == EINTR)
			n = 1;
	}
	error = n < 0 ? errno : out->len - start > limit ? EFBIG : 0;
	(void)close(fd);
	errno = error;
	return !error;
}
