/* ChaCha20-Poly1305 (RFC 8439), HMAC and HKDF with SHA-256 (RFC 2104, RFC 5869). */
#ifndef KONSEKI_BASE_AEAD_H
#define KONSEKI_BASE_AEAD_H

#include "base/sha256.h"

#define AEAD_KEY   32
#define AEAD_NONCE 12
#define AEAD_TAG   16

/* No additional data. Encrypts n bytes in place and makes the tag. */
void aead_seal(const uint8_t key[AEAD_KEY], const uint8_t nonce[AEAD_NONCE], uint8_t *data,
	       size_t n, uint8_t tag[AEAD_TAG]);
/* False, with the data untouched, when the tag is not right. */
bool aead_open(const uint8_t key[AEAD_KEY], const uint8_t nonce[AEAD_NONCE], uint8_t *data,
	       size_t n, const uint8_t tag[AEAD_TAG]);
/* With additional data, as RFC 8439 has it; for the vectors. */
void aead_tag(const uint8_t key[AEAD_KEY], const uint8_t nonce[AEAD_NONCE], struct view more,
	      struct view cipher, uint8_t tag[AEAD_TAG]);

void hmac_sha256(struct view key, struct view data, uint8_t out[SHA256_SIZE]);
/* n up to 32 * 255. */
void hkdf_sha256(struct view secret, struct view salt, struct view info, uint8_t *out, size_t n);

#endif
