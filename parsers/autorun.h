/*
 * Autoruns found as files in a mounted tree, an image or a loose folder: one event of kind
 * persistence for each entry, with the fields of the collector's lines of type "autorun"
 * (collectors/live.h). A bundle brings these lines itself (live/autoruns.jsonl); there the files'
 * parsers stay silent (parse.collected), so that nothing is told twice.
 */
#ifndef KONSEKI_PARSERS_AUTORUN_H
#define KONSEKI_PARSERS_AUTORUN_H

#include "parsers/parser.h"

struct autorun {
	const char *place; /* "cron", "systemd-service", ... */
	struct view name;  /* empty: the file's */
	struct view command, user, schedule, trigger, comment, key_type, options;
	uint64_t line; /* 0: the file as a whole */
	int enabled;   /* 0, 1, or -1 when the file alone cannot tell */
};

int autorun_emit(struct parse *p, const struct autorun *a, uint64_t offset);

/* Empty, or begins with # or ; */
bool autorun_comment(struct view line);
/* The value of "KEY=value" (blanks around the sign), or an empty view when it is another key. */
struct view autorun_value(struct view line, const char *key);
/* The last part of a path. */
struct view autorun_name(const char *path);

#endif
