/* Proves a bundle against itself: receipts, index and manifest (base/bundle_format.h). */
#ifndef KONSEKI_BASE_BUNDLE_VERIFY_H
#define KONSEKI_BASE_BUNDLE_VERIFY_H

#include "base/bundle_format.h"

struct bundle_verified {
	uint64_t members, good; /* found; proved */
	uint64_t bytes;		/* uncompressed, of the good ones */
	uint64_t notes;	 /* lines of the manifest with an error: what the collector could not read
			    whole */
	uint64_t faults; /* told through `fault` */
	bool complete;	 /* the bundle has its end */
};

struct bundle_verifier {
	/* A fault: member is NULL where it concerns the bundle. `offset` is in the bundle or
	 * PROBLEM_NO_OFFSET. */
	void (*fault)(struct bundle_verifier *v, const char *member, const struct problem *problem);
	/* After each member; may be NULL. */
	void (*progress)(struct bundle_verifier *v, const char *member, uint64_t done,
			 uint64_t total);
	struct bundle_verified result;
};

/* OK when all of it is proved; ERR_INTEGRITY after faults; ERR_FORMAT (also told as a fault) when
 * it is no bundle. */
int bundle_verify(struct view bytes, struct bundle_verifier *v);

#endif
