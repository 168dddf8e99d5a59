/* SHA-256 (FIPS 180-4). Own code, because the static collector links nothing that has it. */
#ifndef KONSEKI_BASE_SHA256_H
#define KONSEKI_BASE_SHA256_H

#include "base/view.h"

#define SHA256_SIZE 32
struct sha256 {
	uint32_t state[8];
	uint64_t total; /* bytes */
	uint8_t block[64];
};

void sha256_init(struct sha256 *h);
void sha256_update(struct sha256 *h, const void *data, size_t n);
void sha256_final(struct sha256 *h, uint8_t out[SHA256_SIZE]);
void sha256(struct view v, uint8_t out[SHA256_SIZE]);

/* Lower-case hex with a NUL. */
void sha256_hex(const uint8_t digest[SHA256_SIZE], char out[2 * SHA256_SIZE + 1]);

#endif
