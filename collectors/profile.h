/*
 * What to take: a list of rules, each a pattern of paths. Patterns are absolute, `*` and `?` within
 * a part, `**` as last part for everything below, in the middle for any folders between ("**2": two at most); "~/" stands for the home folder of every account.
 * Case matters not. On Windows they begin behind the drive ("Windows/System32/x"; "C:/x" for one
 * drive), `**` may stand in the middle, and "name:stream" is one stream.
 */
#ifndef KONSEKI_COLLECTORS_PROFILE_H
#define KONSEKI_COLLECTORS_PROFILE_H

#include "base/buffer.h"
#include "base/status.h"
#include "base/view.h"

struct profile_rule {
	const char *collector; /* group of the manifest: "log", "etc", "home", ... */
	const char *pattern;
	uint64_t limit;	  /* bytes of a file; 0: PROFILE_LIMIT */
	uint64_t total;	  /* bytes of all files of the rule; 0: none */
	unsigned seconds; /* of all files of the rule, what comes later is left out; 0: none */
	bool secret;	  /* only when asked for */
	bool live;	  /* only on the running system */
};

struct profile {
	const char *name, *summary;
	const struct profile_rule *rules; /* ended by a NULL pattern */
	const char *const
		*exclude;	   /* patterns where * also crosses '/'; not taken; ended by NULL */
	const char *const *secret; /* the same, taken only when asked for */
	bool processes, walk;	   /* live lines; the walk of the whole tree */
	bool autoruns;		   /* every file of base/autorun_place.h, too */
	unsigned timeout;	   /* seconds of a read; 0: not said */
};

/* Larger files are left out, and said. */
#define PROFILE_LIMIT (2ull << 30)

/* What the default profile takes of Windows: from a running one, or from an image of it. */
extern const struct profile_rule windows_triage[];

extern const struct profile *const profiles[]; /* NULL-terminated; the first is the default */
const struct profile *profile_find(const char *name);

/*
 * A profile from a file: ours,
 *	name: mine
 *	live: true                 live lines and autoruns (the default)
 *	walk: false                no walk of the whole tree (default: true)
 *	timeout: 10                seconds of a read (default: 20)
 *	rules:
 *	  - group: log
 *	    path: /var/log/nginx
 *	    limit: 10M             of a file
 *	    total: 1G              of the rule
 *	    time: 60               seconds of the rule
 *	    secret: true           only with --secrets
 *	exclude: ['*.old']
 *	secret: [/etc/shadow]      (default: as the built-in ones)
 * or a file of ForensicArtifacts' definitions, of which the FILE sources for Linux, or Windows, are
 * taken; what else there is for this system is told in `notes` (may be NULL), a line each, with why.
 * NULL with the reason.
 */
struct profile *profile_read(struct view yaml, bool windows, struct problem *problem,
			     struct buffer *notes);

/*
 * A path of a profile for Windows as a pattern of ours: "%SystemRoot%\x", "%%users.appdata%%\x",
 * "C:\x", "\x" or "~\x" with '/' between the parts. Without a drive it is looked for on every one.
 * The caller's; NULL for an empty one or an unknown variable.
 */
char *profile_windows_path(const char *path);
void profile_free(struct profile *p);

#endif
