/* SHA-512 (FIPS 180-4), for Ed25519 and ssh-keygen's signatures. Own code, because the static
 * collector links nothing that has it. */
#ifndef KONSEKI_BASE_SHA512_H
#define KONSEKI_BASE_SHA512_H

#include "base/view.h"

#define SHA512_SIZE 64
struct sha512 {
	uint64_t state[8];
	uint64_t total; /* bytes */
	uint8_t block[128];
};

void sha512_init(struct sha512 *h);
void sha512_update(struct sha512 *h, const void *data, size_t n);
void sha512_final(struct sha512 *h, uint8_t out[SHA512_SIZE]);
void sha512(struct view v, uint8_t out[SHA512_SIZE]);

#endif
