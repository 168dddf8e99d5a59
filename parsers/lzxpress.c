#include "parsers/lzxpress.h"

#define SYMBOLS	   512
#define TABLE_BITS 15
#define BLOCK	   65536 /* bytes of output that one code table serves; [MS-XCA] 2.1.4.1 */

struct bits {
	struct view in;
	size_t at;
	uint32_t next;
	int extra;	 /* bits of `next` beyond the 16 that are always there */
	unsigned beyond; /* words asked for behind the end */
};

static uint32_t word(struct bits *b)
{
	uint16_t w = 0;

	if (view_u16le(b->in, b->at, &w))
		b->at += 2;
	else
		b->beyond++;
	return w;
}

static void skip(struct bits *b, unsigned n)
{
	b->next = n < 32 ? b->next << n : 0;
	b->extra -= (int)n;
	if (b->extra < 0) {
		b->next |= word(b) << -b->extra;
		b->extra += 16;
	}
}

/* Lengths of 4 bits for each symbol become a table of all 15-bit prefixes: length << 9 | symbol. */
static bool build(struct view lengths, uint16_t *table)
{
	size_t fill = 0;

	for (unsigned length = 1; length <= TABLE_BITS; length++)
		for (unsigned symbol = 0; symbol < SYMBOLS; symbol++) {
			unsigned byte = lengths.data[symbol / 2];
			size_t n = (size_t)1 << (TABLE_BITS - length);

			if ((symbol & 1 ? byte >> 4 : byte & 15) != length)
				continue;
			if (n > ((size_t)1 << TABLE_BITS) - fill)
				return false;
			while (n--)
				table[fill++] = (uint16_t)(length << 9 | symbol);
		}
	return fill == (size_t)1 << TABLE_BITS;
}

int lzxpress_huffman(struct view in, uint8_t *out, size_t size, size_t *made)
{
	static _Thread_local uint16_t table[1 << TABLE_BITS];
	struct bits b = {.in = in};
	size_t done = 0;
	int status = OK;

	while (done < size && status == OK) {
		size_t block_end = size - done > BLOCK ? done + BLOCK : size;

		if (!view_has(in, b.at, SYMBOLS / 2)) {
			status = ERR_TRUNCATED;
			break;
		}
		if (!build(view_sub(in, b.at, SYMBOLS / 2), table)) {
			status = ERR_FORMAT;
			break;
		}
		b.at += SYMBOLS / 2;
		b.next = word(&b) << 16;
		b.next |= word(&b);
		b.extra = 16;
		while (done < block_end) {
			unsigned code = table[b.next >> (32 - TABLE_BITS)], symbol = code & 511,
				 bits;
			size_t length, distance;

			/* Two words are read ahead of need; more than that is past the end. */
			if (b.beyond > 2) {
				status = ERR_TRUNCATED;
				break;
			}
			skip(&b, code >> 9);
			if (symbol < 256) {
				out[done++] = (uint8_t)symbol;
				continue;
			}
			bits = (symbol - 256) >> 4;
			length = symbol & 15;
			if (length == 15) {
				length = view_get8(in, b.at++) + (size_t)15;
				if (length == 255 + 15) {
					length = view_get16(in, b.at);
					b.at += 2;
					if (length == 0) {
						length = view_get32(in, b.at);
						b.at += 4;
					}
					if (length < 15) {
						status = ERR_FORMAT;
						break;
					}
				}
			}
			length += 3;
			distance = ((size_t)1 << bits) + (bits ? b.next >> (32 - bits) : 0);
			skip(&b, bits);
			if (distance > done) {
				status = ERR_FORMAT;
				break;
			}
			if (length > size - done)
				length = size - done;
			for (size_t i = 0; i < length; i++, done++)
				out[done] = out[done - distance];
		}
	}
	*made = done;
	return status;
}
