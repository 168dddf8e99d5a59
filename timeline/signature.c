#include "timeline/signature.h"

#define R4(n)  n, n + 1, n + 2, n + 3
#define R16(n) R4(n), R4(n + 4), R4(n + 8), R4(n + 12)
#define R64(n) R16(n), R16(n + 16), R16(n + 32), R16(n + 48)
const uint8_t signature_fold[256] = {
	R64(0), '@', 'a', 'b',	'c', 'd', 'e', 'f',	  'g',	     'h',	'i',	  'j', 'k',
	'l',	'm', 'n', 'o',	'p', 'q', 'r', 's',	  't',	     'u',	'v',	  'w', 'x',
	'y',	'z', '[', '\\', ']', '^', '_', R16(0x60), R16(0x70), R64(0x80), R64(0xc0)};

void signature_add(uint8_t bits[SIGNATURE_BYTES], struct view text)
{
	const uint8_t *p = text.data, *end = p + text.len;
	uint32_t tri;

	if (text.len < 3)
		return;
	tri = (uint32_t)signature_fold[p[0]] << 8 | signature_fold[p[1]];
	for (p += 2; p < end; p++) {
		uint32_t bit;

		tri = (tri << 8 | signature_fold[*p]) & 0xffffff;
		bit = signature_bit(tri);
		bits[bit >> 3] |= (uint8_t)(1u << (bit & 7));
	}
}

void signature_write(struct buffer *out, const uint8_t bits[SIGNATURE_BYTES])
{
	uint8_t folded[SIGNATURE_BYTES];
	size_t bytes = SIGNATURE_BYTES;

	memcpy(folded, bits, SIGNATURE_BYTES);
	while (bytes > 32) {
		size_t set = 0;

		for (size_t i = 0; i < bytes; i += 8) {
			uint64_t word;

			memcpy(&word, folded + i, 8);
			set += (size_t)__builtin_popcountll(word);
		}
		if (set * 8 >
		    bytes * 8) /* over an eighth: the halves together would be over a quarter */
			break;
		bytes /= 2;
		for (size_t i = 0; i < bytes; i++)
			folded[i] |= folded[i + bytes];
	}
	buffer_append(out, folded, bytes);
}

size_t signature_need(struct view literal, uint16_t *bits, size_t max)
{
	size_t count = 0;

	for (size_t i = 0; i + 3 <= literal.len && count < max; i++) {
		uint32_t tri = (uint32_t)signature_fold[literal.data[i]] << 16 |
			       (uint32_t)signature_fold[literal.data[i + 1]] << 8 |
			       signature_fold[literal.data[i + 2]];
		uint16_t bit = (uint16_t)signature_bit(tri);
		size_t k = 0;

		while (k < count && bits[k] != bit)
			k++;
		if (k == count)
			bits[count++] = bit;
	}
	return count;
}

bool signature_may(struct view signature, const uint16_t *bits, size_t count)
{
	uint32_t mask = (uint32_t)(signature.len * 8) - 1;

	/* What is not a filter that we write excludes nothing. */
	if (signature.len < 32 || signature.len > SIGNATURE_BYTES ||
	    (signature.len & (signature.len - 1)))
		return true;
	for (size_t i = 0; i < count; i++) {
		uint32_t bit = bits[i] & mask;

		if (!(signature.data[bit >> 3] >> (bit & 7) & 1))
			return false;
	}
	return true;
}
