/*
 * Where a Linux system keeps what runs by itself: the one list, for the collector, which looks
 * there (collectors/linux_autoruns.c), and for the parsers of files that came some other way
 * (parsers/startup_file.c).
 */
#ifndef KONSEKI_BASE_AUTORUN_PLACE_H
#define KONSEKI_BASE_AUTORUN_PLACE_H

#include "base/buffer.h"

enum autorun_reading {
	AUTORUN_FILE,	 /* the file itself is run, sourced or obeyed */
	AUTORUN_LINES,	 /* every line that is no comment */
	AUTORUN_CRON,	 /* crontab(5) with a user's field */
	AUTORUN_CRONTAB, /* crontab(5) of the user that the file is named after */
	AUTORUN_ANACRON, /* anacrontab(5) */
	AUTORUN_UNIT,	 /* systemd.service(5), .timer, .socket, .path */
	AUTORUN_DESKTOP, /* Exec= of a desktop entry or D-Bus service */
	AUTORUN_KEYS,	 /* authorized_keys, sshd(8) */
	AUTORUN_MATCH,	 /* lines that hold one of the words */
	AUTORUN_DOCKER,	 /* config.v2.json of a container: Name, Path, Args */
};

enum {
	AUTORUN_LIVE = 1, /* of the running system's own file systems, in no tree */
	AUTORUN_WALK = 2, /* may be anywhere: found by a walk, not looked for */
};

struct autorun_place {
	const char *place;   /* "cron", ...: collectors/live.h has all */
	const char *pattern; /* as those of collectors/profile.h */
	enum autorun_reading reading;
	const char *words; /* of AUTORUN_MATCH, by | ; lower case. "|" alone: begins with one */
	unsigned flags;
};

/* Ended by a NULL place. */
extern const struct autorun_place autorun_places[];

/* The place that a path is one of, wherever its root and the homes are; NULL. */
const struct autorun_place *autorun_place_of(struct view path);
/* True when the line holds one of the words, letters without case. */
bool autorun_holds(struct view line, const char *words);
/* What a container's config.v2.json starts: its name, and program with arguments (a JSON list). */
bool autorun_docker(struct view json, struct buffer *name, struct buffer *command);
/* Files that lie in such a place and start nothing. */
bool autorun_left_out(const struct autorun_place *place, struct view name);

#endif
