/* Ed25519 signatures (RFC 8032, 5.1). Constant time in the secret: no branch and no index depends
 * on it. */
#ifndef KONSEKI_BASE_ED25519_H
#define KONSEKI_BASE_ED25519_H

#include "base/view.h"

#define ED25519_KEY	  32
#define ED25519_SIGNATURE 64

/* The public key of a secret one (the seed). */
void ed25519_public(uint8_t out[ED25519_KEY], const uint8_t secret[ED25519_KEY]);
void ed25519_sign(uint8_t out[ED25519_SIGNATURE], const uint8_t secret[ED25519_KEY],
		  struct view message);
/* False also for a key or a signature that is not in its one form (S not below the order, y not
 * below p). */
bool ed25519_verify(const uint8_t signature[ED25519_SIGNATURE], const uint8_t key[ED25519_KEY],
		    struct view message);

#endif
