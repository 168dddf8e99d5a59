/*
 * The case: one SQLite file that holds the timeline of any number of hosts. This is its writing
 * side; timeline/query.h reads. Stock sqlite3 reads all of it: `SELECT * FROM timeline`.
 *
 * Loading:
 *	case_open(path, CASE_WRITE, &c, &problem)
 *	bundle = case_bundle(c, ...)                             for each input
 *	case_known(c, ...) says whether an artefact is there already; else
 *	id = case_artifact_begin(c, ...); case_load(c, id, bytes, n) ...; case_artifact_end(c, id,
 *...) case_finish(c): merges records seen twice, builds indexes, commits; case_close
 *
 * Batches are committed on the way. An artefact counts only once it is ended: what a killed process
 * left of one that was not is removed at the next CASE_WRITE open, so that the same run again gives
 * the same case. Every failure of SQLite is ERR_DATABASE with the reason in case_problem.
 */
#ifndef KONSEKI_TIMELINE_CASE_H
#define KONSEKI_TIMELINE_CASE_H

#include "base/event.h"
#include "base/sha256.h"
#include "base/status.h"

#include <sqlite3.h>

#define CASE_APPLICATION 0x6b6e736b /* "knsk" */
#define CASE_SCHEMA	 3	    /* raised with every change of tables, layouts or signatures */

struct case_db;

enum case_mode {
	CASE_READ,  /* it has to exist */
	CASE_WRITE, /* made when it does not exist; waits for another writer up to a minute */
};

/* OK; ERR_NOT_FOUND; ERR_FORMAT: a file that is not a case; ERR_UNSUPPORTED: of another schema;
 * ERR_DATABASE. */
int case_open(const char *path, enum case_mode mode, struct case_db **out, struct problem *problem);
/* Without case_finish: what was not committed is lost, as after a kill. */
void case_close(struct case_db *c);
const struct problem *case_problem(const struct case_db *c);
/* For analysis and queries: the connection itself. On a CASE_READ case it is read-only. */
sqlite3 *case_handle(struct case_db *c);

/* An input. manifest: its JSON text, or NULL. The same path and manifest again is the same bundle.
 * Returns its id, or a negative status. */
struct case_bundle {
	const char *path, *type; /* as given; what it is ("bundle", "directory", ...) */
	const char *host, *manifest;
};
int64_t case_bundle(struct case_db *c, const struct case_bundle *bundle);

/* A file to be loaded. Strings may be NULL where not known. */
struct case_artifact {
	int64_t bundle;		   /* of case_bundle, or 0 */
	const char *host;	   /* of the machine */
	const char *path, *member; /* original; in the bundle */
	uint64_t size;
	int64_t mtime;	    /* ns or TIME_NONE */
	const char *sha256; /* hex */
	const char *parser; /* NULL: nobody claims it */
	unsigned parser_version;
};

/* The complete artefact of this host, path and member (and input, when bundle is not 0): its
 * content hash and parser; false when there is none. */
struct case_known {
	char sha256[2 * SHA256_SIZE + 1], parser[64];
	unsigned parser_version;
	int64_t id;
};
bool case_known(struct case_db *c, const struct case_artifact *a, struct case_known *known);

/*
 * Begins an artefact. What is there of the same host, path, member and SHA-256 (older parser) is
 * replaced. SHA-256 and parser may still be unknown, and are told at the end. Returns its id, or a
 * negative status.
 */
int64_t case_artifact_begin(struct case_db *c, const struct case_artifact *a);
/* Loads whole blocks (timeline/row.h). ERR_FORMAT: not such blocks; the artefact is to be ended as
 * failed. */
int case_load(struct case_db *c, int64_t artifact, struct view blocks);

struct case_end {
	const char *status; /* "complete", "damaged", "failed", "crashed", "timeout", "unclaimed",
			       "unreadable" */
	const char *sha256, *parser; /* hex; NULL: as at the beginning */
	unsigned parser_version;
	uint64_t size; /* 0: as at the beginning */
	uint64_t losses;
	const struct problem *problem; /* first loss or failure, or NULL */
	bool replaces; /* whatever is there of the same path, member, input and host, of any content */
};
int case_artifact_end(struct case_db *c, int64_t artifact, const struct case_end *end);
/* Undoes an artefact that was begun (skipped after all). */
int case_artifact_drop(struct case_db *c, int64_t artifact);
/* Something that is no artefact went wrong: a member that cannot be read, an input that ends early.
 */
int case_error(struct case_db *c, int64_t bundle, const char *path, const struct problem *problem);

/* A detection of an event that is in the case; for those during loading see row_encode_hit. */
struct row_hit;
int case_detection(struct case_db *c, int64_t event, const struct row_hit *hit,
		   const char *events_json);
/* Removes the detections of all rules, before they are made anew; of one. */
int case_detections_clear(struct case_db *c);
int case_detections_clear_rule(struct case_db *c, const struct row_hit *rule);
/* The events that a rule hit while they were loaded and that correlations want to know of. */
struct case_input {
	int64_t event, ts;	   /* ts: ns or TIME_NONE */
	const char *host, *source; /* host: "" where there is none */
	uint64_t record;	   /* number or offset */
	struct view encoded;
};
int case_inputs(struct case_db *c, const struct row_hit *rule,
		int (*put)(void *data, const struct case_input *input), void *data);

/*
 * Ends a run: merges, indexes, commits. `progress` (may be NULL) is called now and then with what is
 * done ("merging", "indexing") and its share of 0 to 1, or -1 where that is not known.
 */
typedef void case_progress(void *data, const char *what, double share);
int case_finish(struct case_db *c, case_progress *progress, void *data);

struct case_totals {
	uint64_t artifacts, events, merged, detections; /* of this run */
};
const struct case_totals *case_totals(const struct case_db *c);

#endif
