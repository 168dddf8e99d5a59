/* What the parts of the Windows collector share. */
#ifndef KONSEKI_COLLECTORS_WINDOWS_WINDOWS_H
#define KONSEKI_COLLECTORS_WINDOWS_WINDOWS_H

#include "collectors/bundle.h"
#include "collectors/profile.h"
#include "collectors/windows/port.h"

struct windows_options {
	bool secrets;
	const char *drives; /* letters to collect from ("CE"); NULL: every fixed drive */
	const char *case_id, *operator_name, *reference_time;
	int64_t reference; /* the time of reference_time or TIME_NONE */
	/* Not NULL: nothing is collected, each file is told here (path with '/'; error: why it
	 * would not be taken). */
	void (*list)(void *data, const char *group, const char *path, uint64_t size,
		     const char *error);
	/* May be NULL: what is being read now. */
	void (*progress)(void *data, const char *item, const struct bundle_counts *n);
	void *data;
};

struct windows_result {
	char *host;
	int64_t start, end;
	char sha256[2 * SHA256_SIZE + 1]; /* of the bundle */
	struct bundle_counts counts;
	struct buffer failures; /* "path: reason", each with a NUL behind it */
	uint64_t processes, autoruns, raw_volumes;
	bool elevated, near_empty;
};

/* The whole collection. ERR_IO when the output failed (errno). `out` is not used with o->list.
 * Release the result always. */
int windows_collect(const struct windows_options *o, struct bundle_output *out,
		    struct windows_result *r);
void windows_result_release(struct windows_result *r);
/* The host's name, for a file's name too. The caller's. */
char *windows_host(void);

/* ---- inside ---- */

struct windows_collector {
	const struct windows_options *o;
	struct windows_result *r;
	struct bundle_writer *w; /* NULL with --list */
	int status;		 /* of the first failed write: nothing goes on after it */
};

/* Rules; paths are on a drive, '/' between the parts. "~/" is every folder of Users, "**" any
 * folders (or all below, at the end), "name:stream" one stream. */
extern const struct profile_rule windows_triage[];

void windows_files(struct windows_collector *c);
void windows_live(struct windows_collector *c);
void windows_autoruns(struct windows_collector *c);
/* A member of live/ from its lines; an empty one is left out. */
void windows_member(struct windows_collector *c, const char *member, const char *collector,
		    struct buffer *lines);
/* "SHA256=..." of a file by its path with '/' or '\', kept for the next who asks; "" when it cannot
 * be read. */
const char *windows_hash(const char *path);
/* The file that a command starts, as a path ("%SystemRoot%\x.exe -k y" gives C:\Windows\x.exe), or
 * NULL. The caller's. */
char *windows_image(const char *command);

#endif
