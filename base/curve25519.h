/* X25519 (RFC 7748). Constant time in the secret: no branch and no index depends on it. */
#ifndef KONSEKI_BASE_CURVE25519_H
#define KONSEKI_BASE_CURVE25519_H

#include <stdbool.h>
#include <stdint.h>

/* out = scalar * point (u-coordinates). False when the result is all zeros (a point of low order).
 */
bool x25519(uint8_t out[32], const uint8_t scalar[32], const uint8_t point[32]);
/* The public key of a secret one. */
void x25519_base(uint8_t out[32], const uint8_t scalar[32]);

#endif
