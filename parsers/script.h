/*
 * PowerShell writes a long script block as several 4104 events, parts of at most 20,000 characters
 * (MessageNumber of MessageTotal, one ScriptBlockId). Here they are put together: one event more, of
 * kind script_block, with the whole text in ScriptBlockText, its SHA-256 (of the UTF-8), the records
 * that it was made of, and the parts that are missing. It has no EventID and no Channel, for it is no
 * record of a log; detect/mapping.yml knows it by its fields.
 *
 * Parts may come in any order. What is kept is bounded (LIMIT_SCRIPTS); the oldest unfinished script
 * goes first, as far as it is there.
 */
#ifndef KONSEKI_PARSERS_SCRIPT_H
#define KONSEKI_PARSERS_SCRIPT_H

#include "parsers/parser.h"

struct script_part {
	uint32_t number;
	uint16_t head, tail; /* halves of a surrogate pair that the cut went through, or 0 */
	uint64_t record;
	char *text; /* UTF-8 */
	size_t len;
};

struct script {
	struct script *next;
	uint64_t hash;
	char *id, *computer, *path, *user;
	int64_t ts; /* of the earliest part */
	uint64_t record, offset;
	uint32_t total;
	struct script_part *parts; /* ordered by number */
	size_t count, cap, bytes;
	uint64_t first_at,
		last_at; /* places of the first and last part that came, see scripts_add */
	bool several;	 /* parts came from several places */
	bool elsewhere;	 /* told by somebody else: left out by scripts_end */
};

struct scripts {
	struct script *open; /* oldest first */
	size_t count, bytes;
	bool known_only; /* take only parts of scripts that are open */
	bool silent;	 /* emit nothing when a script is whole: scripts_end does */
	bool across;	 /* emit only what comes from several places */
	size_t whole;	 /* how many of `open` are whole (silent) */
};

/* Whether events of this shape are parts of scripts. */
bool script_shape(const struct shape *shape);

/* Takes the event when it is a part of several; a script that is whole with it is emitted (p NULL:
 * nothing is). `place` is the caller's: where the part was found. */
int scripts_add(struct scripts *s, struct parse *p, const struct event *e, uint64_t place);
/* The script that the event is about (one with MissingParts), to be waited for. */
void scripts_expect(struct scripts *s, const struct event *e);
/* Emits what is left, with what is missing, and frees it. */
int scripts_end(struct scripts *s, struct parse *p);
void scripts_release(struct scripts *s);

#endif
