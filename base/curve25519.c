#include "base/curve25519.h"

#include "base/fe25519.h"

#include <string.h>

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
