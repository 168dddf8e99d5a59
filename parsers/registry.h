/*
 * What registry keys mean: tables of "key path pattern -> function", one table for each family of
 * artefacts, on top of the walk of regf.c. A function is called once for each key that its pattern
 * names, and emits events.
 */
#ifndef KONSEKI_PARSERS_REGISTRY_H
#define KONSEKI_PARSERS_REGISTRY_H

#include "base/persistence.h"
#include "parsers/hive.h"
#include "parsers/parser.h"

struct registry {
	struct parse *p;
	struct hive hive;
	unsigned on;	    /* one of registry_on */
	const char *prefix; /* "HKLM\\SYSTEM", "HKU\\alice", ... */
	const char *user;   /* of a user's hive, or NULL */
	struct hive_key root;
	uint32_t control_set; /* SYSTEM: number of the current control set, or 0 */
	struct arena arena;   /* text for one key: reset before its functions are called */
	struct buffer path;   /* of the key at hand, prefix included; see registry_path */
	struct buffer text;   /* scratch of the walk */
	unsigned depth;	      /* of the key at hand; the root has 0 */
#define REGISTRY_BAGS 128
	char *bags[REGISTRY_BAGS]; /* shell bags: path of the folder at each depth */
};

struct registry_rule;
typedef int registry_fn(struct registry *r, const struct hive_key *k,
			const struct registry_rule *rule);

/* Patterns as those of persistence_places. */
struct registry_rule {
	unsigned on;
	const char *pattern;
	registry_fn *fn;
	const char *place; /* for persistence: what kind of place it is */
	const char *value; /* which value; NULL: all */
};

/* A rule for an entry of persistence_places. */
struct registry_place {
	struct registry_rule rule;
	const struct place *entry;
};
registry_fn registry_place;

extern const struct registry_rule registry_system_rules[], registry_user_rules[],
	registry_account_rules[], registry_amcache_rules[];

/* Full path of the key at hand; valid until the arena is reset. */
const char *registry_path(struct registry *r);

/* ---- values; text lives in r->arena ---- */

/* Text of a value (strings; the parts of a multi-string joined with ", "; numbers as decimal), or
 * NULL. */
const char *registry_text(struct registry *r, const struct hive_key *k, const char *name);
const char *registry_value_text(struct registry *r, const struct hive_value *v);
/* Data of a value, at most 4 MiB; empty when there is none. */
struct view registry_bytes(struct registry *r, const struct hive_key *k, const char *name);
struct view registry_data(struct registry *r, const struct hive_value *v);
/* A number of 4 or 8 bytes; false when there is none. */
bool registry_number(struct registry *r, const struct hive_key *k, const char *name, uint64_t *n);
const char *registry_name(struct registry *r, struct view name, bool ascii);
/* The same out of a subkey given by its path. */
const char *registry_text_in(struct registry *r, const struct hive_key *k, const char *path,
			     const char *name);

/* "12/31/2015 23:59:58", with AM or PM or without a time; read as UTC. TIME_NONE when it is no
 * date. */
int64_t registry_american_time(const char *text);

/* ---- events ---- */

/* Starts an event of this key: user, offset, TargetObject (the key's path, or path and value where
 * one is given). */
void registry_event(struct registry *r, const struct hive_key *k, enum event_kind kind, int64_t ts,
		    const char *ts_desc, const char *value);
/* A field that is left out when the text is NULL or empty. */
void registry_add(struct registry *r, const char *name, const char *text);

/* One persistence event. Silent for entries of a control set that is not the current one. */
int registry_persist(struct registry *r, const struct hive_key *k, const struct persistence *e);

/* Parses a hive: the whole of regf.c, for the parser of a hive with its own name. */
int registry_parse(struct parse *p, struct view bytes);

#endif
