#include "base/curve25519.h"

#include <string.h>

/* Numbers modulo 2^255 - 19 in five limbs of 51 bits; limbs may be a little larger between the
 * steps. */
typedef uint64_t fe[5];
__extension__ typedef unsigned __int128 wide;
#define MASK ((UINT64_C(1) << 51) - 1)

static uint64_t load64(const uint8_t *p)
{
	uint64_t n;

	memcpy(&n, p, 8);
	return n;
}

static void fe_load(fe h, const uint8_t s[32])
{
	h[0] = load64(s) & MASK;
	h[1] = load64(s + 6) >> 3 & MASK;
	h[2] = load64(s + 12) >> 6 & MASK;
	h[3] = load64(s + 19) >> 1 & MASK;
	h[4] = load64(s + 24) >> 12 & MASK; /* the top bit is left out: RFC 7748, 5 */
}

static void fe_add(fe h, const fe f, const fe g)
{
	for (unsigned i = 0; i < 5; i++)
		h[i] = f[i] + g[i];
}

/* f - g + 8p, so that no limb goes below zero. */
static void fe_sub(fe h, const fe f, const fe g)
{
	h[0] = f[0] + ((MASK - 18) << 3) - g[0];
	for (unsigned i = 1; i < 5; i++)
		h[i] = f[i] + (MASK << 3) - g[i];
}

static void fe_carry(fe h, wide r[5])
{
	uint64_t carry;

	for (unsigned i = 0; i < 4; i++) {
		r[i + 1] += (uint64_t)(r[i] >> 51);
		h[i] = (uint64_t)r[i] & MASK;
	}
	carry = (uint64_t)(r[4] >> 51);
	h[4] = (uint64_t)r[4] & MASK;
	h[0] += carry * 19;
	h[1] += h[0] >> 51;
	h[0] &= MASK;
}

static void fe_mul(fe h, const fe f, const fe g)
{
	wide r[5] = {0};

	for (unsigned i = 0; i < 5; i++)
		for (unsigned j = 0; j < 5; j++) {
			/* 2^255 is 19: what goes past the top comes back times 19. */
			uint64_t other = i + j >= 5 ? g[j] * 19 : g[j];

			r[(i + j) % 5] += (wide)f[i] * other;
		}
	fe_carry(h, r);
}

static void fe_small(fe h, const fe f, uint64_t n)
{
	wide r[5];

	for (unsigned i = 0; i < 5; i++)
		r[i] = (wide)f[i] * n;
	fe_carry(h, r);
}

static void fe_store(uint8_t out[32], const fe f)
{
	uint64_t h[5], q, word;

	memcpy(h, f, sizeof(h));
	for (unsigned round = 0; round < 2; round++) {
		for (unsigned i = 0; i < 4; i++) {
			h[i + 1] += h[i] >> 51;
			h[i] &= MASK;
		}
		h[0] += (h[4] >> 51) * 19;
		h[4] &= MASK;
	}
	/* q is 1 when h is p or more: h + 19 then reaches 2^255. */
	q = (h[0] + 19) >> 51;
	for (unsigned i = 1; i < 5; i++)
		q = (h[i] + q) >> 51;
	h[0] += 19 * q;
	for (unsigned i = 0; i < 4; i++) {
		h[i + 1] += h[i] >> 51;
		h[i] &= MASK;
	}
	h[4] &= MASK;
	word = h[0] | h[1] << 51;
	memcpy(out, &word, 8);
	word = h[1] >> 13 | h[2] << 38;
	memcpy(out + 8, &word, 8);
	word = h[2] >> 26 | h[3] << 25;
	memcpy(out + 16, &word, 8);
	word = h[3] >> 39 | h[4] << 12;
	memcpy(out + 24, &word, 8);
}

/* f^(p-2), the inverse: all bits of 2^255 - 21 are set but the third and the fifth. */
static void fe_invert(fe h, const fe f)
{
	fe r = {1};

	for (int i = 254; i >= 0; i--) {
		fe_mul(r, r, r);
		if (i != 2 && i != 4)
			fe_mul(r, r, f);
	}
	memcpy(h, r, sizeof(fe));
}

static void fe_swap(fe f, fe g, uint64_t yes)
{
	uint64_t mask = -yes;

	for (unsigned i = 0; i < 5; i++) {
		uint64_t both = mask & (f[i] ^ g[i]);

		f[i] ^= both;
		g[i] ^= both;
	}
}

/* RFC 7748, 5: the Montgomery ladder with its names. */
bool x25519(uint8_t out[32], const uint8_t scalar[32], const uint8_t point[32])
{
	fe x1, x2 = {1}, z2 = {0}, x3, z3 = {1};
	uint8_t k[32], any = 0;
	uint64_t swap = 0;

	memcpy(k, scalar, 32);
	k[0] &= 248;
	k[31] = (uint8_t)((k[31] & 127) | 64);
	fe_load(x1, point);
	memcpy(x3, x1, sizeof(fe));
	for (int t = 254; t >= 0; t--) {
		uint64_t bit = k[t / 8] >> (t % 8) & 1;
		fe a, aa, b, bb, e, c, d, da, cb, tmp;

		swap ^= bit;
		fe_swap(x2, x3, swap);
		fe_swap(z2, z3, swap);
		swap = bit;
		fe_add(a, x2, z2);
		fe_mul(aa, a, a);
		fe_sub(b, x2, z2);
		fe_mul(bb, b, b);
		fe_sub(e, aa, bb);
		fe_add(c, x3, z3);
		fe_sub(d, x3, z3);
		fe_mul(da, d, a);
		fe_mul(cb, c, b);
		fe_add(tmp, da, cb);
		fe_mul(x3, tmp, tmp);
		fe_sub(tmp, da, cb);
		fe_mul(tmp, tmp, tmp);
		fe_mul(z3, x1, tmp);
		fe_mul(x2, aa, bb);
		fe_small(tmp, e, 121665);
		fe_add(tmp, aa, tmp);
		fe_mul(z2, e, tmp);
	}
	fe_swap(x2, x3, swap);
	fe_swap(z2, z3, swap);
	fe_invert(z2, z2);
	fe_mul(x2, x2, z2);
	fe_store(out, x2);
	explicit_bzero(k, sizeof(k));
	for (unsigned i = 0; i < 32; i++)
		any |= out[i];
	return any != 0;
}

void x25519_base(uint8_t out[32], const uint8_t scalar[32])
{
	static const uint8_t nine[32] = {9};

	(void)x25519(out, scalar, nine);
}
