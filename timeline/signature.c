#include "timeline/signature.h"

#define R4(n)  n, n + 1, n + 2, n + 3
#define R16(n) R4(n), R4(n + 4), R4(n + 8), R4(n + 12)
#define R64(n) R16(n), R16(n + 16), R16(n + 32), R16(n + 48)
const uint8_t signature_fold[256] = {
	R64(0), '@', 'a', 'b',	'c', 'd', 'e', 'f',	  'g',	     'h',	'i',	  'j', 'k',
	'l',	'm', 'n', 'o',	'p', 'q', 'r', 's',	  't',	     'u',	'v',	  'w', 'x',
	'y',	'z', '[', '\\', ']', '^', '_', R16(0x60), R16(0x70), R64(0x80), R64(0xc0)};

static const uint8_t hex_digit[256] = {
	['0'] = 1, ['1'] = 1, ['2'] = 1, ['3'] = 1, ['4'] = 1, ['5'] = 1, ['6'] = 1, ['7'] = 1,
	['8'] = 1, ['9'] = 1, ['a'] = 1, ['b'] = 1, ['c'] = 1, ['d'] = 1, ['e'] = 1, ['f'] = 1,
	['A'] = 1, ['B'] = 1, ['C'] = 1, ['D'] = 1, ['E'] = 1, ['F'] = 1,
};

/* The bit of what begins at p, of which `left` bytes are there; SIGNATURE_BITS: it needs none. */
static inline uint32_t gram_bit(const uint8_t *p, size_t left)
{
	const uint8_t *f = signature_fold;
	uint32_t tri = (uint32_t)f[p[0]] << 16 | (uint32_t)f[p[1]] << 8 | f[p[2]];

	if (!(hex_digit[p[0]] & hex_digit[p[1]] & hex_digit[p[2]]))
		return signature_bit(tri);
	/* Three hexadecimal digits are in every block that has a hash or a GUID: five of whatever
	 * follows them tell. */
	if (left < 5)
		return SIGNATURE_BITS;
	return ((tri * 0x85ebca6bu) ^ (((uint32_t)f[p[3]] << 8 | f[p[4]]) * 0xc2b2ae35u)) *
		       0x9e3779b1u >>
	       16;
}

void signature_add(uint8_t bits[SIGNATURE_BYTES], struct view text)
{
	for (size_t i = 0; i + 3 <= text.len; i++) {
		uint32_t bit = gram_bit(text.data + i, text.len - i);

		if (bit < SIGNATURE_BITS)
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
		uint32_t gram = gram_bit(literal.data + i, literal.len - i);
		uint16_t bit = (uint16_t)gram;
		size_t k = 0;

		if (gram >= SIGNATURE_BITS)
			continue;
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
