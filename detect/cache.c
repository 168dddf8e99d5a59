/*
 * What was made of rules on disk, under $XDG_CACHE_HOME/konseki: compiled databases, one file a set of rules, named by the hash
 * of what they were compiled from; trees of rule files, one file a list of paths. Only a file that is ours alone (owner, mode
 * 0600, no link) and whose content has the hash that it states is used; anything else is as if it were not there. The newest
 * CACHE_FILES stay.
 */
#include "detect/internal.h"

#include "base/sha256.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define MAGIC	    "konsekiC"
#define HEAD	    (8 + SHA256_SIZE + SHA256_SIZE)
#define LIMIT_CACHE ((off_t)256 << 20)
#define CACHE_FILES 32

/* The folder, opened; made when it is not there. -1 where there is none that is ours. */
static int folder(bool make)
{
	const char *base = getenv("XDG_CACHE_HOME"), *home = getenv("HOME");
	char *path = NULL;
	struct stat st;
	int fd;

	if (base && base[0] == '/')
		path = xasprintf("%s/konseki", base);
	else if (home && home[0] == '/')
		path = xasprintf("%s/.cache/konseki", home);
	if (!path)
		return -1;
	if (make) {
		for (char *p = path + 1; *p; p++) {
			if (*p != '/')
				continue;
			*p = '\0';
			(void)mkdir(path, 0700);
			*p = '/';
		}
		(void)mkdir(path, 0700);
	}
	fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	free(path);
	if (fd >= 0 && (fstat(fd, &st) < 0 || st.st_uid != geteuid() || (st.st_mode & 022))) {
		(void)close(fd);
		fd = -1;
	}
	return fd;
}

static void name_of(const uint8_t key[SHA256_SIZE], char out[80])
{
	char hex[2 * SHA256_SIZE + 1];

	sha256_hex(key, hex);
	(void)snprintf(out, 80, "rules-%.40s", hex);
}

static void digest(const uint8_t key[SHA256_SIZE], struct view blob, uint8_t out[SHA256_SIZE])
{
	struct sha256 h;

	sha256_init(&h);
	sha256_update(&h, key, SHA256_SIZE);
	sha256_update(&h, blob.data, blob.len);
	sha256_final(&h, out);
}

bool cache_read(const uint8_t key[SHA256_SIZE], struct buffer *out, struct view *blob)
{
	int dir = folder(false), fd = -1;
	uint8_t hash[SHA256_SIZE];
	struct stat st;
	char name[80];
	bool good = false;

	if (dir < 0)
		return false;
	name_of(key, name);
	fd = openat(dir, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || st.st_uid != geteuid() ||
	    (st.st_mode & 077) || st.st_nlink != 1 || st.st_size < (off_t)HEAD ||
	    st.st_size > LIMIT_CACHE)
		goto out;
	out->len = 0;
	(void)buffer_reserve(out, (size_t)st.st_size);
	while (out->len < (size_t)st.st_size) {
		ssize_t n = read(fd, out->data + out->len, (size_t)st.st_size - out->len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			goto out;
		out->len += (size_t)n;
	}
	if (memcmp(out->data, MAGIC, 8) != 0 || memcmp(out->data + 8, key, SHA256_SIZE) != 0)
		goto out;
	digest(key, view_from(buffer_as_view(out), HEAD), hash);
	if (memcmp(out->data + 8 + SHA256_SIZE, hash, SHA256_SIZE) != 0)
		goto out;
	*blob = view_from(buffer_as_view(out), HEAD);
	good = true;
out:
	if (fd >= 0)
		(void)close(fd);
	(void)close(dir);
	return good;
}

struct aged {
	char name[80];
	struct timespec time;
};

static int newest_first(const void *a, const void *b)
{
	const struct timespec *x = &((const struct aged *)a)->time,
			      *y = &((const struct aged *)b)->time;

	if (x->tv_sec != y->tv_sec)
		return x->tv_sec > y->tv_sec ? -1 : 1;
	return x->tv_nsec > y->tv_nsec ? -1 : x->tv_nsec < y->tv_nsec;
}

/* Rules change, and what was made of the old ones stays behind. */
static void trim(int dir)
{
	struct aged *files = NULL;
	size_t count = 0, cap = 0;
	int fd = dup(dir);
	DIR *d = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *entry;
	struct stat st;

	if (!d) {
		if (fd >= 0)
			(void)close(fd);
		return;
	}
	rewinddir(d);
	while ((entry = readdir(d))) {
		if (strncmp(entry->d_name, "rules-", 6) != 0 || strlen(entry->d_name) >= 80 ||
		    fstatat(dir, entry->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0)
			continue;
		files = xgrow(files, &cap, count + 1, sizeof(*files));
		(void)snprintf(files[count].name, sizeof(files[count].name), "%s", entry->d_name);
		files[count++].time = st.st_mtim;
	}
	(void)closedir(d);
	if (count > CACHE_FILES) {
		qsort(files, count, sizeof(*files), newest_first);
		for (size_t i = CACHE_FILES; i < count; i++)
			(void)unlinkat(dir, files[i].name, 0);
	}
	free(files);
}

void cache_write(const uint8_t key[SHA256_SIZE], struct view blob)
{
	int dir, fd;
	uint8_t hash[SHA256_SIZE];
	char name[80], temporary[120];
	struct buffer all = {0};
	size_t done = 0;

	if (blob.len > (size_t)LIMIT_CACHE - HEAD || (dir = folder(true)) < 0)
		return;
	name_of(key, name);
	(void)snprintf(temporary, sizeof(temporary), "%s.%ld", name, (long)getpid());
	fd = openat(dir, temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0) {
		(void)close(dir);
		return;
	}
	digest(key, blob, hash);
	buffer_append(&all, MAGIC, 8);
	buffer_append(&all, key, SHA256_SIZE);
	buffer_append(&all, hash, SHA256_SIZE);
	buffer_view(&all, blob);
	while (done < all.len) {
		ssize_t n = write(fd, all.data + done, all.len - done);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			break;
		done += (size_t)n;
	}
	if (close(fd) < 0 || done < all.len || renameat(dir, temporary, dir, name) < 0)
		(void)unlinkat(dir, temporary, 0);
	trim(dir);
	buffer_release(&all);
	(void)close(dir);
}
