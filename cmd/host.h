/*
 * What the collector's command needs of the operating system: host.c for Linux, windows/host.c for
 * Windows. Paths are UTF-8. What fails returns false, NULL or -1 and sets errno.
 */
#ifndef KONSEKI_CMD_HOST_H
#define KONSEKI_CMD_HOST_H

#include "base/buffer.h"

#include <stdio.h>

/* Between a folder and a name: "/", "\". */
extern const char host_separator[];
/* Who sees everything of a host: "root", "an administrator". */
extern const char host_privilege[];

int64_t host_clock(void); /* ns; goes on evenly, from any start */
int64_t host_cpu(void);	  /* ns of processor that this program used */
void host_sleep(int64_t ns);
void host_lowest_priority(void); /* of processor and disk */
bool host_is_terminal(FILE *f);
bool host_is_folder(const char *path);

/* A file that is being written. */
struct host_file;
struct host_file *host_standard_output(void);
/* A new file, never one that is there; a pipe or a device of that name is opened. */
struct host_file *host_create(const char *path);
/* How many bytes were written, at least one. */
ptrdiff_t host_write(struct host_file *f, const void *data, size_t n);
bool host_sync(struct host_file *f); /* true where nothing can be synced */
/* Device and number of a regular file; false for others. */
bool host_identity(const struct host_file *f, uint64_t *device, uint64_t *number);
void host_close(struct host_file *f); /* NULL is allowed */
void host_remove(const char *path);

/* A whole file, mapped: not empty. */
bool host_map(const char *path, struct view *bytes);
void host_unmap(struct view bytes);

#endif
