/* Proves a bundle against itself: receipts, index and manifest (base/bundle_format.h). */
#ifndef KONSEKI_BASE_BUNDLE_VERIFY_H
#define KONSEKI_BASE_BUNDLE_VERIFY_H

#include "base/bundle_format.h"
#include "base/ssh.h"

struct bundle_verified {
	uint64_t members, good; /* found; proved */
	uint64_t bytes;		/* uncompressed, of the good ones */
	uint64_t notes;	   /* lines of the manifest with an error: what the collector could not read
			    whole */
	uint64_t left_out; /* lines of what it left out on purpose */
	uint64_t faults;   /* told through `fault` */
	bool complete;	   /* the bundle has its end */
	bool is_signed;	   /* there is a signature, and it is one of this manifest */
	uint8_t signer[ED25519_KEY]; /* by whom; means something only to who knows the key */
};

struct bundle_verifier {
	/* A fault: member is NULL where it concerns the bundle. `offset` is in the bundle or
	 * PROBLEM_NO_OFFSET. */
	void (*fault)(struct bundle_verifier *v, const char *member, const struct problem *problem);
	/* After each member; may be NULL. */
	void (*progress)(struct bundle_verifier *v, const char *member, uint64_t done,
			 uint64_t total);
	/* The keys of which one must have signed it, ED25519_KEY bytes each. NULL: nobody needs to;
	 * a signature that is there is held against its own key. */
	const uint8_t *signers;
	size_t signer_count;
	struct bundle_verified result;
};

/* OK when all of it is proved; ERR_INTEGRITY after faults; ERR_FORMAT (also told as a fault) when
 * it is no bundle. */
int bundle_verify(struct view bytes, struct bundle_verifier *v);

#endif
