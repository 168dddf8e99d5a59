#include "base/fe25519.h"

#include <string.h>

__extension__ typedef unsigned __int128 wide;
#define MASK ((UINT64_C(1) << 51) - 1)

static uint64_t load64(const uint8_t *p)
{
	uint64_t n;

	memcpy(&n, p, 8);
	return n;
}

void fe_load(fe h, const uint8_t s[32])
{
	h[0] = load64(s) & MASK;
	h[1] = load64(s + 6) >> 3 & MASK;
	h[2] = load64(s + 12) >> 6 & MASK;
	h[3] = load64(s + 19) >> 1 & MASK;
	h[4] = load64(s + 24) >> 12 & MASK; /* the top bit is left out: RFC 7748, 5 */
}

void fe_add(fe h, const fe f, const fe g)
{
	for (unsigned i = 0; i < 5; i++)
		h[i] = f[i] + g[i];
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

/* f - g + 8p, so that no limb goes below zero. */
void fe_sub(fe h, const fe f, const fe g)
{
	wide r[5];

	r[0] = f[0] + ((MASK - 18) << 3) - g[0];
	for (unsigned i = 1; i < 5; i++)
		r[i] = f[i] + (MASK << 3) - g[i];
	fe_carry(h, r);
}

void fe_mul(fe h, const fe f, const fe g)
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

void fe_small(fe h, const fe f, uint64_t n)
{
	wide r[5];

	for (unsigned i = 0; i < 5; i++)
		r[i] = (wide)f[i] * n;
	fe_carry(h, r);
}

void fe_store(uint8_t out[32], const fe f)
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

/* f^e, where all bits of e below `bits` are set but two. The exponent is no secret. */
static void power(fe h, const fe f, int bits, int clear, int clear_too)
{
	fe r = {1};

	for (int i = bits - 1; i >= 0; i--) {
		fe_mul(r, r, r);
		if (i != clear && i != clear_too)
			fe_mul(r, r, f);
	}
	memcpy(h, r, sizeof(fe));
}

void fe_invert(fe h, const fe f)
{
	power(h, f, 255, 2, 4); /* 2^255 - 21 */
}

void fe_root_power(fe h, const fe f)
{
	power(h, f, 252, 1, 1); /* 2^252 - 3 */
}

void fe_swap(fe f, fe g, uint64_t yes)
{
	uint64_t mask = -yes;

	for (unsigned i = 0; i < 5; i++) {
		uint64_t both = mask & (f[i] ^ g[i]);

		f[i] ^= both;
		g[i] ^= both;
	}
}
