#include "timeline/signature.h"

#include "base/text.h"

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

/*
 * A quarter of the bits is for trigrams, two each: a short needle has only one trigram, and the same
 * trigrams are in all blocks of a case, so that what falls together with one of them does so everywhere.
 * Their places are multiples of four, also after folding; all else has the rest.
 */
static inline uint32_t trigram_places(uint32_t trigram, uint32_t *second)
{
	uint32_t hash = trigram * 0x9e3779b1u;

	hash ^= hash >> 15;
	*second = (hash * 0x85ebca6bu) >> 18 << 2;
	return hash >> 18 << 2;
}

static inline uint32_t other_place(uint32_t hash)
{
	uint32_t n = (uint32_t)((uint64_t)hash * (SIGNATURE_BITS / 4 * 3) >> 32);

	return n / 3 * 4 + 1 + n % 3;
}

/* Three hexadecimal digits are in every block that has a hash or a GUID: five of whatever follows
 * them tell. p: folded or not. */
static inline uint32_t hex_place(uint32_t trigram, const uint8_t *p)
{
	const uint8_t *f = signature_fold;

	return other_place(
		((trigram * 0x85ebca6bu) ^ (((uint32_t)f[p[3]] << 8 | f[p[4]]) * 0xc2b2ae35u)) *
		0x9e3779b1u);
}

static inline void set_bit(uint8_t bits[SIGNATURE_BYTES], uint32_t bit)
{
	bits[bit >> 3] |= (uint8_t)(1u << (bit & 7));
}

/* Does it for every place of every gram of the text. What JSON escapes stands in none: nobody asks. */
#define EACH_GRAM(text, place, DO)                                                                 \
	do {                                                                                       \
		uint32_t tri = 0, hex = 0, place, second;                                          \
		size_t good = 0;                                                                   \
                                                                                                   \
		for (size_t end = 0; end < (text).len; end++) {                                    \
			uint8_t c = (text).data[end];                                              \
                                                                                                   \
			tri = (tri << 8 | signature_fold[c]) & 0xffffff;                           \
			hex = hex << 1 | hex_digit[c];                                             \
			good = c == '"' || c == '\\' ? 0 : good + 1;                               \
			if (good < 3)                                                              \
				continue;                                                          \
			if (__builtin_expect((hex & 7) != 7, 1)) {                                 \
				place = trigram_places(tri, &second);                              \
				DO;                                                                \
				place = second;                                                    \
			} else if (end + 2 < (text).len) {                                         \
				place = hex_place(tri, (text).data + end - 2);                     \
			} else {                                                                   \
				continue;                                                          \
			}                                                                          \
			DO;                                                                        \
		}                                                                                  \
	} while (0)

void signature_add(uint8_t bits[SIGNATURE_BYTES], struct view text)
{
	EACH_GRAM(text, place, set_bit(bits, place));
}

/* ---- terms ---- */

#define MIX UINT64_C(0xff51afd7ed558ccd)

/* ASCII letters of eight bytes to lower case. */
static inline uint64_t fold8(uint64_t x)
{
	const uint64_t each = UINT64_C(0x0101010101010101), low = x & 0x7f * each;
	uint64_t from_a = low + (0x80 - 'A') * each, past_z = low + (0x80 - ('Z' + 1)) * each;

	return x | ((from_a & ~past_z & ~x & 0x80 * each) >> 2);
}

#define HASHED 24u /* bytes of the beginning and of the end */

static uint64_t hash_folded(uint64_t h, struct view v, bool fold)
{
	h = (h ^ v.len) * MIX;
	for (size_t i = 0; i < v.len; i += 8) {
		uint64_t word = 0;

		if (i == HASHED && v.len > 2 * HASHED) /* the middle of a long one tells little */
			i = v.len - HASHED;
		memcpy(&word, v.data + i, v.len - i < 8 ? v.len - i : 8);
		h = (h ^ (fold ? fold8(word) : word)) * MIX;
		h ^= h >> 32;
	}
	return h;
}

uint64_t signature_name(struct view name)
{
	return hash_folded(UINT64_C(0x6b6e736b), name, false);
}

uint64_t signature_term(uint64_t name, struct view value)
{
	uint64_t h = hash_folded(name, value, true) * UINT64_C(0xc4ceb9fe1a85ec53);

	return h ^ h >> 29;
}

uint64_t signature_kind(const char *kind)
{
	return signature_term(UINT64_C(0x6b696e64), view_text(kind));
}

uint64_t signature_host(int64_t id)
{
	return signature_term(UINT64_C(0x686f7374), view_of(&id, sizeof(id)));
}

/* All bits of a term stand in one row of signature_slice (timeline/blocks.h), so that to ask for it is to
 * read one page of each group. */
static inline uint32_t term_bit(uint64_t term, unsigned i)
{
	uint32_t row = (uint32_t)(term >> 55) * SIGNATURE_SLICE;
	uint32_t n = (uint32_t)(term >> (7 * i) & 0x7f) * (SIGNATURE_SLICE / 4 * 3) >> 7;

	return row + n / 3 * 4 + 1 + n % 3;
}

void signature_add_term(uint8_t bits[SIGNATURE_BYTES], uint64_t term)
{
	for (unsigned i = 0; i < SIGNATURE_TERM_BITS; i++)
		set_bit(bits, term_bit(term, i));
}

static void set_folded(struct buffer *folded, uint32_t bit)
{
	bit &= (uint32_t)(folded->len * 8 - 1);
	folded->data[bit >> 3] = (char)((uint8_t)folded->data[bit >> 3] | 1u << (bit & 7));
}

void signature_folded_add(struct buffer *folded, struct view text)
{
	if (folded->len)
		EACH_GRAM(text, place, set_folded(folded, place));
}

void signature_folded_add_term(struct buffer *folded, uint64_t term)
{
	for (unsigned i = 0; i < SIGNATURE_TERM_BITS && folded->len; i++)
		set_folded(folded, term_bit(term, i));
}

/* ---- writing, asking ---- */

void signature_write(struct buffer *out, const uint8_t bits[SIGNATURE_BYTES])
{
	uint8_t folded[SIGNATURE_BYTES];
	size_t bytes = SIGNATURE_BYTES;

	memcpy(folded, bits, SIGNATURE_BYTES);
	while (bytes > SIGNATURE_MIN) {
		size_t set = 0;

		for (size_t i = 0; i < bytes; i += 8) {
			uint64_t word;

			memcpy(&word, folded + i, 8);
			set += (size_t)__builtin_popcountll(word);
		}
		if (set * 10 > bytes * 8 * 3) /* the halves together would be over half full */
			break;
		bytes /= 2;
		for (size_t i = 0; i < bytes; i++)
			folded[i] |= folded[i + bytes];
	}
	buffer_append(out, folded, bytes);
}

static void need_bit(struct signature_need *need, uint32_t bit)
{
	if (need->count == SIGNATURE_NEED)
		return;
	for (size_t i = 0; i < need->count; i++)
		if (need->bits[i] == bit)
			return;
	need->bits[need->count++] = (uint16_t)bit;
}

void signature_need_text(struct signature_need *need, struct view literal)
{
	if (!text_is_utf8(literal)) /* JSON has other bytes for it */
		return;
	for (size_t from = 0, to; from < literal.len; from = to + 1) {
		for (to = from; to < literal.len && literal.data[to] >= 0x20 &&
				literal.data[to] != '"' && literal.data[to] != '\\' &&
				literal.data[to] != 0x7f;)
			to++;
		EACH_GRAM(view_sub(literal, from, to - from), place, need_bit(need, place));
	}
}

void signature_need_term(struct signature_need *need, uint64_t term)
{
	for (unsigned i = 0; i < SIGNATURE_TERM_BITS; i++)
		need_bit(need, term_bit(term, i));
}

bool signature_may(struct view signature, const struct signature_need *need)
{
	uint32_t mask = (uint32_t)(signature.len * 8) - 1;

	/* What is not a filter that we write excludes nothing. */
	if (signature.len < SIGNATURE_MIN || signature.len > SIGNATURE_BYTES ||
	    (signature.len & (signature.len - 1)))
		return true;
	for (size_t i = 0; i < need->count; i++) {
		uint32_t bit = need->bits[i] & mask;

		if (!(signature.data[bit >> 3] >> (bit & 7) & 1))
			return false;
	}
	return true;
}
