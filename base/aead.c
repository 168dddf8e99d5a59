#include "base/aead.h"

static uint32_t load32(const uint8_t *p)
{
	uint32_t n;

	memcpy(&n, p, 4);
	return n;
}

static inline uint32_t rotate(uint32_t x, unsigned n)
{
	return x << n | x >> (32 - n);
}

/* RFC 8439, 2.1 */
static inline void quarter(uint32_t *a, uint32_t *b, uint32_t *c, uint32_t *d)
{
	*a += *b;
	*d = rotate(*d ^ *a, 16);
	*c += *d;
	*b = rotate(*b ^ *c, 12);
	*a += *b;
	*d = rotate(*d ^ *a, 8);
	*c += *d;
	*b = rotate(*b ^ *c, 7);
}

/* RFC 8439, 2.3 */
static void chacha_block(const uint32_t start[16], uint8_t out[64])
{
	uint32_t x[16];

	memcpy(x, start, sizeof(x));
	for (unsigned i = 0; i < 10; i++) {
		quarter(&x[0], &x[4], &x[8], &x[12]);
		quarter(&x[1], &x[5], &x[9], &x[13]);
		quarter(&x[2], &x[6], &x[10], &x[14]);
		quarter(&x[3], &x[7], &x[11], &x[15]);
		quarter(&x[0], &x[5], &x[10], &x[15]);
		quarter(&x[1], &x[6], &x[11], &x[12]);
		quarter(&x[2], &x[7], &x[8], &x[13]);
		quarter(&x[3], &x[4], &x[9], &x[14]);
	}
	for (unsigned i = 0; i < 16; i++)
		x[i] += start[i];
	memcpy(out, x, 64);
}

static void chacha_start(uint32_t state[16], const uint8_t key[32], uint32_t counter,
			 const uint8_t nonce[12])
{
	state[0] = 0x61707865;
	state[1] = 0x3320646e;
	state[2] = 0x79622d32;
	state[3] = 0x6b206574;
	for (unsigned i = 0; i < 8; i++)
		state[4 + i] = load32(key + 4 * i);
	state[12] = counter;
	for (unsigned i = 0; i < 3; i++)
		state[13 + i] = load32(nonce + 4 * i);
}

static void chacha_xor(const uint8_t key[32], const uint8_t nonce[12], uint8_t *data, size_t n)
{
	uint32_t state[16];
	uint8_t block[64];

	chacha_start(state, key, 1, nonce);
	while (n) {
		size_t take = n < 64 ? n : 64;

		chacha_block(state, block);
		state[12]++;
		for (size_t i = 0; i < take; i++)
			data[i] ^= block[i];
		data += take;
		n -= take;
	}
}

/* RFC 8439, 2.5: the number in five limbs of 26 bits. */
struct poly {
	uint32_t r[5], h[5], pad[4];
};

static void poly_start(struct poly *p, const uint8_t key[32])
{
	p->r[0] = load32(key) & 0x3ffffff;
	p->r[1] = load32(key + 3) >> 2 & 0x3ffff03;
	p->r[2] = load32(key + 6) >> 4 & 0x3ffc0ff;
	p->r[3] = load32(key + 9) >> 6 & 0x3f03fff;
	p->r[4] = load32(key + 12) >> 8 & 0x00fffff;
	memset(p->h, 0, sizeof(p->h));
	for (unsigned i = 0; i < 4; i++)
		p->pad[i] = load32(key + 16 + 4 * i);
}

static void poly_block(struct poly *p, const uint8_t b[16])
{
	uint64_t d[5] = {0};
	uint32_t carry = 0;

	p->h[0] += load32(b) & 0x3ffffff;
	p->h[1] += load32(b + 3) >> 2 & 0x3ffffff;
	p->h[2] += load32(b + 6) >> 4 & 0x3ffffff;
	p->h[3] += load32(b + 9) >> 6 & 0x3ffffff;
	p->h[4] += load32(b + 12) >> 8 | 1u << 24;
	for (unsigned i = 0; i < 5; i++)
		for (unsigned j = 0; j < 5; j++)
			/* 2^130 is 5. */
			d[(i + j) % 5] += (uint64_t)p->h[i] * (i + j >= 5 ? p->r[j] * 5 : p->r[j]);
	for (unsigned i = 0; i < 5; i++) {
		d[i] += carry;
		carry = (uint32_t)(d[i] >> 26);
		p->h[i] = (uint32_t)d[i] & 0x3ffffff;
	}
	p->h[0] += carry * 5;
	p->h[1] += p->h[0] >> 26;
	p->h[0] &= 0x3ffffff;
}

/* Each part is filled with zeros to 16 bytes, as the AEAD construction wants (2.8). */
static void poly_padded(struct poly *p, struct view v)
{
	for (; v.len >= 16; v = view_from(v, 16))
		poly_block(p, v.data);
	if (v.len) {
		uint8_t last[16] = {0};

		memcpy(last, v.data, v.len);
		poly_block(p, last);
	}
}

static void poly_end(struct poly *p, uint8_t tag[16])
{
	uint32_t g[5], *h = p->h, carry, mask;
	uint64_t sum;

	for (unsigned round = 0; round < 2; round++) {
		carry = 0;
		for (unsigned i = 0; i < 5; i++) {
			h[i] += carry;
			carry = h[i] >> 26;
			h[i] &= 0x3ffffff;
		}
		h[0] += carry * 5;
	}
	/* h - p, taken when it is not negative. */
	carry = 5;
	for (unsigned i = 0; i < 5; i++) {
		g[i] = h[i] + carry;
		carry = g[i] >> 26;
		g[i] &= 0x3ffffff;
	}
	mask = -carry;
	for (unsigned i = 0; i < 5; i++)
		h[i] = (h[i] & ~mask) | (g[i] & mask);
	{
		uint32_t words[4] = {h[0] | h[1] << 26, h[1] >> 6 | h[2] << 20,
				     h[2] >> 12 | h[3] << 14, h[3] >> 18 | h[4] << 8};

		sum = 0;
		for (unsigned i = 0; i < 4; i++) {
			sum += (uint64_t)words[i] + p->pad[i];
			words[i] = (uint32_t)sum;
			sum >>= 32;
		}
		memcpy(tag, words, 16);
	}
}

void aead_tag(const uint8_t key[AEAD_KEY], const uint8_t nonce[AEAD_NONCE], struct view more,
	      struct view cipher, uint8_t tag[AEAD_TAG])
{
	uint32_t state[16];
	uint8_t block[64];
	uint64_t lengths[2] = {more.len, cipher.len};
	struct poly p;

	chacha_start(state, key, 0, nonce);
	chacha_block(state, block);
	poly_start(&p, block);
	poly_padded(&p, more);
	poly_padded(&p, cipher);
	poly_padded(&p, view_of(lengths, 16));
	poly_end(&p, tag);
}

void aead_seal(const uint8_t key[AEAD_KEY], const uint8_t nonce[AEAD_NONCE], uint8_t *data,
	       size_t n, uint8_t tag[AEAD_TAG])
{
	chacha_xor(key, nonce, data, n);
	aead_tag(key, nonce, VIEW_EMPTY, view_of(data, n), tag);
}

bool aead_open(const uint8_t key[AEAD_KEY], const uint8_t nonce[AEAD_NONCE], uint8_t *data,
	       size_t n, const uint8_t tag[AEAD_TAG])
{
	uint8_t want[AEAD_TAG], other = 0;

	aead_tag(key, nonce, VIEW_EMPTY, view_of(data, n), want);
	for (unsigned i = 0; i < AEAD_TAG; i++)
		other |= want[i] ^ tag[i];
	if (other)
		return false;
	chacha_xor(key, nonce, data, n);
	return true;
}

/* RFC 2104 over two parts and a byte. */
static void hmac_parts(struct view key, struct view a, struct view b, int last,
		       uint8_t out[SHA256_SIZE])
{
	uint8_t block[64] = {0}, pad[64], final = (uint8_t)last;
	struct sha256 h;

	if (key.len > 64)
		sha256(key, block);
	else if (key.len)
		memcpy(block, key.data, key.len);
	for (unsigned i = 0; i < 64; i++)
		pad[i] = block[i] ^ 0x36;
	sha256_init(&h);
	sha256_update(&h, pad, 64);
	if (a.len)
		sha256_update(&h, a.data, a.len);
	if (b.len)
		sha256_update(&h, b.data, b.len);
	if (last >= 0)
		sha256_update(&h, &final, 1);
	sha256_final(&h, out);
	for (unsigned i = 0; i < 64; i++)
		pad[i] = block[i] ^ 0x5c;
	sha256_init(&h);
	sha256_update(&h, pad, 64);
	sha256_update(&h, out, SHA256_SIZE);
	sha256_final(&h, out);
	explicit_bzero(block, sizeof(block));
	explicit_bzero(pad, sizeof(pad));
}

void hmac_sha256(struct view key, struct view data, uint8_t out[SHA256_SIZE])
{
	hmac_parts(key, data, VIEW_EMPTY, -1, out);
}

void hkdf_sha256(struct view secret, struct view salt, struct view info, uint8_t *out, size_t n)
{
	uint8_t key[SHA256_SIZE], t[SHA256_SIZE];
	struct view before = VIEW_EMPTY;

	hmac_sha256(salt, secret, key);
	for (int i = 1; n; i++) {
		size_t take = n < SHA256_SIZE ? n : SHA256_SIZE;
		uint8_t next[SHA256_SIZE];

		hmac_parts(view_of(key, sizeof(key)), before, info, i, next);
		memcpy(t, next, sizeof(t));
		before = view_of(t, sizeof(t));
		memcpy(out, t, take);
		out += take;
		n -= take;
	}
	explicit_bzero(key, sizeof(key));
}
