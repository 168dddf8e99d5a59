#include "base/crc32.h"

/* Eight bytes a step: table[n][b] is what byte b does to the checksum n bytes later. */
static uint32_t table[8][256];
static int ready;

static void make_table(void)
{
	for (uint32_t i = 0; i < 256; i++) {
		uint32_t c = i;

		for (int bit = 0; bit < 8; bit++)
			c = c & 1 ? c >> 1 ^ 0xedb88320u : c >> 1;
		table[0][i] = c;
	}
	for (uint32_t i = 0; i < 256; i++)
		for (int n = 1; n < 8; n++)
			table[n][i] = table[n - 1][i] >> 8 ^ table[0][table[n - 1][i] & 255];
	__atomic_store_n(&ready, 1, __ATOMIC_RELEASE);
}

static uint32_t by_table(uint32_t c, const uint8_t *p, size_t len)
{
	if (!__atomic_load_n(&ready, __ATOMIC_ACQUIRE))
		make_table(); /* two threads at once write the same */
	for (; len >= 8; p += 8, len -= 8) {
		uint32_t low, high;

		memcpy(&low, p, 4);
		memcpy(&high, p + 4, 4);
		low ^= c;
		c = table[7][low & 255] ^ table[6][low >> 8 & 255] ^ table[5][low >> 16 & 255] ^
		    table[4][low >> 24] ^ table[3][high & 255] ^ table[2][high >> 8 & 255] ^
		    table[1][high >> 16 & 255] ^ table[0][high >> 24];
	}
	while (len--)
		c = c >> 8 ^ table[0][(c ^ *p++) & 255];
	return c;
}

#if defined(__x86_64__)
#include <immintrin.h>

#define CLMUL __attribute__((target("pclmul,sse4.1")))

CLMUL static inline __m128i fold(__m128i x, __m128i k, __m128i next)
{
	__m128i low = _mm_clmulepi64_si128(x, k, 0x00), high = _mm_clmulepi64_si128(x, k, 0x11);

	return _mm_xor_si128(_mm_xor_si128(low, high), next);
}

CLMUL static inline __m128i load(const uint8_t *p)
{
	return _mm_loadu_si128((const __m128i *)(const void *)p);
}

/*
 * Folding by carry-less multiplication: Gopal et al., "Fast CRC Computation for Generic Polynomials
 * Using PCLMULQDQ Instruction", Intel 2009; its constants for this polynomial, reflected. Takes a
 * multiple of 16 bytes, at least 64.
 */
CLMUL static uint32_t by_clmul(uint32_t c, const uint8_t *p, size_t len)
{
	const __m128i k64 = _mm_set_epi64x(0x1c6e41596, 0x154442bd4),
		      k16 = _mm_set_epi64x(0x0ccaa009e, 0x1751997d0);
	const __m128i k5 = _mm_set_epi64x(0, 0x163cd6124),
		      poly = _mm_set_epi64x(0x1f7011641, 0x1db710641);
	const __m128i mask = _mm_setr_epi32(-1, 0, -1, 0);
	__m128i a = _mm_xor_si128(load(p), _mm_cvtsi32_si128((int)c)), b = load(p + 16),
		d = load(p + 32), e = load(p + 48), t;

	for (p += 64, len -= 64; len >= 64; p += 64, len -= 64) {
		a = fold(a, k64, load(p));
		b = fold(b, k64, load(p + 16));
		d = fold(d, k64, load(p + 32));
		e = fold(e, k64, load(p + 48));
	}
	a = fold(a, k16, b);
	a = fold(a, k16, d);
	a = fold(a, k16, e);
	for (; len >= 16; p += 16, len -= 16)
		a = fold(a, k16, load(p));
	t = _mm_clmulepi64_si128(a, k16, 0x10);
	a = _mm_xor_si128(_mm_srli_si128(a, 8), t);
	t = _mm_srli_si128(a, 4);
	a = _mm_xor_si128(_mm_clmulepi64_si128(_mm_and_si128(a, mask), k5, 0x00), t);
	t = _mm_clmulepi64_si128(_mm_and_si128(a, mask), poly, 0x10);
	t = _mm_clmulepi64_si128(_mm_and_si128(t, mask), poly, 0x00);
	return (uint32_t)_mm_extract_epi32(_mm_xor_si128(a, t), 1);
}
#endif

uint32_t crc32_add(uint32_t crc, struct view bytes)
{
	uint32_t c = ~crc;

#if defined(__x86_64__)
	size_t whole = bytes.len & ~(size_t)15;

	if (whole >= 64 && __builtin_cpu_supports("pclmul") && __builtin_cpu_supports("sse4.1")) {
		c = by_clmul(c, bytes.data, whole);
		bytes = view_from(bytes, whole);
	}
#endif
	return ~by_table(c, bytes.data, bytes.len);
}
