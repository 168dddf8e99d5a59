/*
 * Numbers modulo 2^255 - 19, for X25519 (RFC 7748) and Ed25519 (RFC 8032). Constant time: no branch
 * and no index depends on a value.
 *
 * Five limbs of 51 bits. What a function gives has limbs below 2^52, but fe_add, which only adds
 * them: the sum of up to three may go into any function.
 */
#ifndef KONSEKI_BASE_FE25519_H
#define KONSEKI_BASE_FE25519_H

#include <stdint.h>

typedef uint64_t fe[5];

/* Little endian; the top bit is left out (RFC 7748, 5). */
void fe_load(fe h, const uint8_t s[32]);
/* The one least value. */
void fe_store(uint8_t out[32], const fe f);
void fe_add(fe h, const fe f, const fe g);
void fe_sub(fe h, const fe f, const fe g);
void fe_mul(fe h, const fe f, const fe g);
void fe_small(fe h, const fe f, uint64_t n); /* n below 2^20 */
/* f^(p-2). */
void fe_invert(fe h, const fe f);
/* f^((p-5)/8), of which square roots are made (RFC 8032, 5.1.3). */
void fe_root_power(fe h, const fe f);
/* Swaps when `yes` is 1, not when it is 0. */
void fe_swap(fe f, fe g, uint64_t yes);

#endif
