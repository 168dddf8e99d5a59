#ifndef KONSEKI_DETECT_HASH_H
#define KONSEKI_DETECT_HASH_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* For tables of our own; not safe against somebody who makes collisions, so everything is compared too. */
static inline uint64_t mix(uint64_t h, uint64_t x)
{
	h = (h ^ x) * UINT64_C(0x9e3779b97f4a7c15);
	return h ^ h >> 32;
}

static inline uint64_t hash_of(uint64_t h, const void *data, size_t n)
{
	const uint8_t *p = data;
	uint64_t x, y, other = ~h;

	for (; n >= 16;
	     p += 16, n -= 16) { /* two lanes, because one waits for its multiplications */
		memcpy(&x, p, 8);
		/* Not out of bounds: n is at least 16. */
		/* cppcheck-suppress pointerOutOfBounds */
		memcpy(&y, p + 8, 8);
		h = mix(h, x);
		other = mix(other, y);
	}
	h = mix(h, other);
	if (n >= 8) {
		memcpy(&x, p, 8);
		h = mix(h, x);
		p += 8;
		n -= 8;
	}
	x = n;
	for (size_t i = 0; i < n; i++)
		x = x << 8 | p[i];
	return mix(h, x);
}

#endif
