#include "base/ed25519.h"

#include "base/fe25519.h"
#include "base/sha512.h"

__extension__ typedef unsigned __int128 wide;

/* ---- the curve: RFC 8032, 5.1; extended coordinates, x = X/Z, y = Y/Z, T = XY/Z ---- */

struct point {
	fe x, y, z, t;
};

static const fe curve_d = {0x34dca135978a3, 0x1a8283b156ebd, 0x5e7a26001c029, 0x739c663a03cbb,
			   0x52036cee2b6ff};
static const fe curve_2d = {0x69b9426b2f159, 0x35050762add7a, 0x3cf44c0038052, 0x6738cc7407977,
			    0x2406d9dc56dff};
/* 2^((p-1)/4), a square root of -1 */
static const fe root_of_minus_one = {0x61b274a0ea0b0, 0x0d5a5fc8f189d, 0x7ef5e9cbd0c60,
				     0x78595a6804c9e, 0x2b8324804fc1d};
static const struct point base_point = {
	{0x62d608f25d51a, 0x412a4b4f6592a, 0x75b7171a4b31d, 0x1ff60527118fe, 0x216936d3cd6e5},
	{0x6666666666658, 0x4cccccccccccc, 0x1999999999999, 0x3333333333333, 0x6666666666666},
	{1},
	{0x68ab3a5b7dda3, 0x00eea2a5eadbb, 0x2af8df483c27e, 0x332b375274732, 0x67875f0fd78b7},
};

/* 5.1.4. The formula holds for any two points, so that none is a special case. */
static void point_add(struct point *r, const struct point *p, const struct point *q)
{
	fe a, b, c, d, e, f, g, h, u, v;

	fe_sub(u, p->y, p->x);
	fe_sub(v, q->y, q->x);
	fe_mul(a, u, v);
	fe_add(u, p->y, p->x);
	fe_add(v, q->y, q->x);
	fe_mul(b, u, v);
	fe_mul(c, p->t, curve_2d);
	fe_mul(c, c, q->t);
	fe_mul(d, p->z, q->z);
	fe_add(d, d, d);
	fe_sub(e, b, a);
	fe_sub(f, d, c);
	fe_add(g, d, c);
	fe_add(h, b, a);
	fe_mul(r->x, e, f);
	fe_mul(r->y, g, h);
	fe_mul(r->t, e, h);
	fe_mul(r->z, f, g);
}

static void point_double(struct point *r, const struct point *p)
{
	fe a, b, c, e, f, g, h, u;

	fe_mul(a, p->x, p->x);
	fe_mul(b, p->y, p->y);
	fe_mul(c, p->z, p->z);
	fe_add(c, c, c);
	fe_add(h, a, b);
	fe_add(u, p->x, p->y);
	fe_mul(u, u, u);
	fe_sub(e, h, u);
	fe_sub(g, a, b);
	fe_add(f, c, g);
	fe_mul(r->x, e, f);
	fe_mul(r->y, g, h);
	fe_mul(r->t, e, h);
	fe_mul(r->z, f, g);
}

/* Every bit costs the same: doubled, added, and one of both kept. */
static void point_times(struct point *out, const uint8_t scalar[32], const struct point *p)
{
	struct point r = {{0}, {1}, {1}, {0}}, sum;

	for (int i = 255; i >= 0; i--) {
		uint64_t bit = scalar[i / 8] >> (i % 8) & 1;

		point_double(&r, &r);
		point_add(&sum, &r, p);
		fe_swap(r.x, sum.x, bit);
		fe_swap(r.y, sum.y, bit);
		fe_swap(r.z, sum.z, bit);
		fe_swap(r.t, sum.t, bit);
	}
	*out = r;
	explicit_bzero(&r, sizeof(r));
	explicit_bzero(&sum, sizeof(sum));
}

/* 5.1.2 */
static void point_store(uint8_t out[32], const struct point *p)
{
	fe inverse, x, y;
	uint8_t low[32];

	fe_invert(inverse, p->z);
	fe_mul(x, p->x, inverse);
	fe_mul(y, p->y, inverse);
	fe_store(out, y);
	fe_store(low, x);
	out[31] |= (uint8_t)(low[0] << 7);
}

/* 5.1.3; of public values only. */
static bool point_load(struct point *p, const uint8_t in[32])
{
	static const fe one = {1};
	static const uint8_t nothing[32];
	uint8_t have[32], want[32];
	fe u, v, v3, x, vxx, minus_u;
	bool odd = in[31] >> 7;

	fe_load(p->y, in);
	fe_store(have, p->y);
	have[31] |= (uint8_t)(in[31] & 0x80);
	if (memcmp(have, in, 32) != 0)
		return false; /* y is not below p */
	fe_mul(u, p->y, p->y);
	fe_mul(v, u, curve_d);
	fe_sub(u, u, one);
	fe_add(v, v, one);
	/* x = u v^3 (u v^7)^((p-5)/8) */
	fe_mul(v3, v, v);
	fe_mul(v3, v3, v);
	fe_mul(x, v3, v3);
	fe_mul(x, x, v);
	fe_mul(x, x, u);
	fe_root_power(x, x);
	fe_mul(x, x, v3);
	fe_mul(x, x, u);
	fe_mul(vxx, x, x);
	fe_mul(vxx, vxx, v);
	fe_store(have, vxx);
	fe_store(want, u);
	if (memcmp(have, want, 32) != 0) {
		fe_sub(minus_u, (const fe){0}, u);
		fe_store(want, minus_u);
		if (memcmp(have, want, 32) != 0)
			return false;
		fe_mul(x, x, root_of_minus_one);
	}
	fe_store(have, x);
	if (odd && memcmp(have, nothing, 32) == 0)
		return false;
	if ((have[0] & 1) != odd) {
		fe_sub(x, (const fe){0}, x);
	}
	memcpy(p->x, x, sizeof(fe));
	memcpy(p->z, one, sizeof(fe));
	fe_mul(p->t, p->x, p->y);
	return true;
}

/* ---- numbers modulo the order L = 2^252 + 27742317777372353535851937790883648493 ---- */

static const uint64_t order[4] = {0x5812631a5cf5d3ed, 0x14def9dea2f79cd6, 0, 0x1000000000000000};

/* out = a - L; 1 when that is below zero. */
static uint64_t minus_order(uint64_t out[4], const uint64_t a[4])
{
	uint64_t borrow = 0;

	for (unsigned i = 0; i < 4; i++) {
		wide t = (wide)a[i] - order[i] - borrow;

		out[i] = (uint64_t)t;
		borrow = (uint64_t)(t >> 64) & 1;
	}
	return borrow;
}

/* Bit by bit, from the top: r stays below L, so that 2r + 1 has room. */
static void reduce(uint8_t out[32], const uint64_t n[8])
{
	uint64_t r[4] = {0}, less[4];

	for (int bit = 511; bit >= 0; bit--) {
		uint64_t keep;

		for (unsigned i = 3; i > 0; i--)
			r[i] = r[i] << 1 | r[i - 1] >> 63;
		r[0] = r[0] << 1 | (n[bit / 64] >> (bit % 64) & 1);
		keep = -minus_order(less, r);
		for (unsigned i = 0; i < 4; i++)
			r[i] = (r[i] & keep) | (less[i] & ~keep);
	}
	memcpy(out, r, 32);
	explicit_bzero(r, sizeof(r));
	explicit_bzero(less, sizeof(less));
}

static void reduce_digest(uint8_t out[32], const uint8_t digest[SHA512_SIZE])
{
	uint64_t n[8];

	memcpy(n, digest, sizeof(n));
	reduce(out, n);
	explicit_bzero(n, sizeof(n));
}

/* out = a * b + c modulo L, all below 2^256 and a * b + c below 2^512. */
static void multiply_add(uint8_t out[32], const uint8_t a[32], const uint8_t b[32],
			 const uint8_t c[32])
{
	uint64_t x[4], y[4], n[8] = {0};

	memcpy(x, a, 32);
	memcpy(y, b, 32);
	memcpy(n, c, 32);
	for (unsigned i = 0; i < 4; i++) {
		uint64_t carry = 0;

		for (unsigned j = 0; j < 4; j++) {
			wide t = (wide)x[i] * y[j] + n[i + j] + carry;

			n[i + j] = (uint64_t)t;
			carry = (uint64_t)(t >> 64);
		}
		n[i + 4] = carry;
	}
	reduce(out, n);
	explicit_bzero(x, sizeof(x));
	explicit_bzero(y, sizeof(y));
	explicit_bzero(n, sizeof(n));
}

/* ---- signatures ---- */

/* 5.1.5: the scalar, and the prefix that the nonce is made of. */
static void expand(const uint8_t secret[32], uint8_t scalar[32], uint8_t prefix[32])
{
	uint8_t h[SHA512_SIZE];

	sha512(view_of(secret, 32), h);
	h[0] &= 248;
	h[31] = (uint8_t)((h[31] & 127) | 64);
	memcpy(scalar, h, 32);
	memcpy(prefix, h + 32, 32);
	explicit_bzero(h, sizeof(h));
}

/* k = SHA-512(R || A || M) modulo L */
static void challenge(uint8_t out[32], const uint8_t r[32], const uint8_t key[32],
		      struct view message)
{
	struct sha512 h;
	uint8_t digest[SHA512_SIZE];

	sha512_init(&h);
	sha512_update(&h, r, 32);
	sha512_update(&h, key, 32);
	sha512_update(&h, message.data, message.len);
	sha512_final(&h, digest);
	reduce_digest(out, digest);
}

void ed25519_public(uint8_t out[ED25519_KEY], const uint8_t secret[ED25519_KEY])
{
	uint8_t scalar[32], prefix[32];
	struct point p;

	expand(secret, scalar, prefix);
	point_times(&p, scalar, &base_point);
	point_store(out, &p);
	explicit_bzero(scalar, sizeof(scalar));
	explicit_bzero(prefix, sizeof(prefix));
	explicit_bzero(&p, sizeof(p));
}

/* 5.1.6 */
void ed25519_sign(uint8_t out[ED25519_SIGNATURE], const uint8_t secret[ED25519_KEY],
		  struct view message)
{
	uint8_t scalar[32], prefix[32], key[32], nonce[32], k[32], digest[SHA512_SIZE];
	struct sha512 h;
	struct point p;

	ed25519_public(key, secret);
	expand(secret, scalar, prefix);
	sha512_init(&h);
	sha512_update(&h, prefix, 32);
	sha512_update(&h, message.data, message.len);
	sha512_final(&h, digest);
	reduce_digest(nonce, digest);
	point_times(&p, nonce, &base_point);
	point_store(out, &p);
	challenge(k, out, key, message);
	multiply_add(out + 32, k, scalar, nonce);
	explicit_bzero(scalar, sizeof(scalar));
	explicit_bzero(prefix, sizeof(prefix));
	explicit_bzero(nonce, sizeof(nonce));
	explicit_bzero(digest, sizeof(digest));
	explicit_bzero(&p, sizeof(p));
}

/* 5.1.7, without the cofactor: [S]B - [k]A has the one encoding R. */
bool ed25519_verify(const uint8_t signature[ED25519_SIGNATURE], const uint8_t key[ED25519_KEY],
		    struct view message)
{
	uint64_t s[4], unused[4];
	struct point a, sum, other;
	uint8_t k[32], r[32];

	memcpy(s, signature + 32, 32);
	if (!minus_order(unused, s) || !point_load(&a, key))
		return false;
	fe_sub(a.x, (const fe){0}, a.x);
	fe_mul(a.t, a.x, a.y);
	challenge(k, signature, key, message);
	point_times(&sum, signature + 32, &base_point);
	point_times(&other, k, &a);
	point_add(&sum, &sum, &other);
	point_store(r, &sum);
	return memcmp(r, signature, 32) == 0;
}
