/*
 * What Windows starts by itself, by its registry: the places, and what an entry of each looks like.
 * Over any reader of a registry, so that a hive in a file (parsers/) and the registry of a running
 * system (collectors/windows/) tell of the same entry in the same words.
 */
#ifndef KONSEKI_BASE_PERSISTENCE_H
#define KONSEKI_BASE_PERSISTENCE_H

#include "base/buffer.h"
#include "base/memory.h"

/* Which hive it is. A place names several. */
enum registry_on {
	ON_SYSTEM = 1,
	ON_SOFTWARE = 2,
	ON_USER = 4,	/* NTUSER.DAT, and config\DEFAULT */
	ON_CLASSES = 8, /* UsrClass.dat */
	ON_SAM = 16,
	ON_SECURITY = 32,
	ON_AMCACHE = 64,
	ON_OTHER = 128,
};

struct persistence {
	const char *place;   /* "Run key", "Service", "Scheduled task", ... */
	const char *name;    /* of the entry */
	const char *command; /* as it stands there */
	const char *image;   /* file that it runs; NULL: taken from the command */
	const char *module;  /* library that the image loads; NULL: taken from the command */
	const char *value;   /* name of the value, or NULL */
	const char *user;    /* account that it runs as, or NULL: the hive's user */
	const char *names[10], *texts[10]; /* more fields; NULL-terminated */
	int64_t ts;			   /* ns; 0: the key's last write time */
	const char *ts_desc;
};

struct place_value {
	const char *name;
	uint32_t type; /* REG_SZ is 1, ... */
	struct view data;
	uint32_t size; /* as stated: more than there is of a cut one */
};

/* Keys are the reader's own; what it hands out lives until its arena is reset, which is for it to
 * do between keys. */
struct place_reader {
	struct arena *arena;
	uint32_t (*count)(struct place_reader *r, const void *key); /* of values */
	bool (*value)(struct place_reader *r, const void *key, uint32_t i, struct place_value *v);
	bool (*find)(struct place_reader *r, const void *key, const char *name,
		     struct place_value *v);
	/* By its path below a key, or below the hive's root (key NULL); NULL: not there. */
	const void *(*open)(struct place_reader *r, const void *key, const char *path);
	const char *(*path)(struct place_reader *r, const void *key); /* in full: HKLM\... */
	int (*found)(struct place_reader *r, const void *key, const struct persistence *e);
};

struct place;
/* Calls r->found for each entry of the key. Returns what that returned when it is negative. */
typedef int place_fn(struct place_reader *r, const void *key, const struct place *place);

/*
 * Patterns: names separated with '\', letters without case; * and ? inside a name, "**" alone for
 * any number of names but at least one. "~\" at the start stands for a place of software:
 * SOFTWARE's root and its Wow6432Node, and the same under Software of a user's hive. "^\" stands
 * for the classes of the machine (both word sizes) and of a user. "=" alone is the root.
 */
struct place {
	unsigned on;
	const char *pattern;
	place_fn *fn;
	const char *place;
	const char *value; /* which value; NULL: all */
};
extern const struct place persistence_places[]; /* ended by a NULL pattern */

/* What "~\" or "^\" at the front of a pattern stands for in such a hive (one of registry_on), ended
 * by NULL; *rest is the pattern behind it. */
const char *const *place_prefixes(unsigned on, const char *pattern, const char **rest);

/* The program that a command line starts, its path as Windows would look for it; in the arena.
 * Never NULL. */
const char *command_image(struct arena *a, const char *command);
/* What rundll32, regsvr32 or cmd start further: the first argument that is a file, or NULL. */
const char *command_module(struct arena *a, const char *command, const char *image);

/* Data of a value as text: strings, the parts of a multi-string joined with ", ", numbers decimal,
 * else hexadecimal of at most so many bytes. */
void registry_data_text(struct buffer *out, uint32_t type, struct view data, uint32_t size,
			size_t binary_max);

/* TaskCache's Actions: command lines joined with " && " and COM classes; *context is the account's
 * id in the task (winreg-kb, "Task scheduler"). */
const char *task_actions(struct arena *a, struct view data, const char **context);

#endif
