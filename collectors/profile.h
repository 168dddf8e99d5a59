/*
 * What to take: a list of rules, each a pattern of paths. Patterns are absolute, `*` and `?` within a
 * part, `**` as last part for everything below; "~/" stands for the home folder of every account. Case matters not.
 */
#ifndef KONSEKI_COLLECTORS_PROFILE_H
#define KONSEKI_COLLECTORS_PROFILE_H

#include <stdbool.h>
#include <stdint.h>

struct profile_rule {
	const char *collector; /* group of the manifest: "log", "etc", "home", ... */
	const char *pattern;
	uint64_t limit; /* bytes of a file; 0: PROFILE_LIMIT */
	uint64_t total; /* bytes of all files of the rule; 0: none */
	bool secret;	/* only when asked for */
	bool live;	/* only on the running system */
};

struct profile {
	const char *name, *summary;
	const struct profile_rule *rules; /* ended by a NULL pattern */
	const char *const *exclude;	  /* patterns where * also crosses '/'; not taken; ended by NULL */
	const char *const *secret;	  /* the same, taken only when asked for */
	bool processes, walk;		  /* live lines; the walk of the whole tree */
};

/* Larger files are left out, and said. */
#define PROFILE_LIMIT (2ull << 30)

extern const struct profile *const profiles[]; /* NULL-terminated; the first is the default */
const struct profile *profile_find(const char *name);

#endif
