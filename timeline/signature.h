/*
 * Signatures for text search: a Bloom filter, one hash, of the trigrams of a block's text, with
 * ASCII letters lower-cased; what begins with three hexadecimal digits counts by five bytes. The
 * filter is filled at its full size and then folded (halves OR-ed) while it stays sparse, so that a
 * small block has a small one. Stored as it stands in the case: the hash is part of the schema.
 */
#ifndef KONSEKI_TIMELINE_SIGNATURE_H
#define KONSEKI_TIMELINE_SIGNATURE_H

#include "base/buffer.h"

#define SIGNATURE_BITS	65536u
#define SIGNATURE_BYTES (SIGNATURE_BITS / 8)

extern const uint8_t signature_fold[256]; /* ASCII letters to lower case */

static inline uint32_t signature_bit(uint32_t trigram)
{
	return (trigram * 0x9e3779b1u) >> 16;
}

/* Adds the text's trigrams to the filter. */
void signature_add(uint8_t bits[SIGNATURE_BYTES], struct view text);
/* Appends the filter, folded. */
void signature_write(struct buffer *out, const uint8_t bits[SIGNATURE_BYTES]);
/* The bits that a literal needs, each once; returns their number, at most max. A literal under
 * three bytes needs none. */
size_t signature_need(struct view literal, uint16_t *bits, size_t max);
/* False: none of the block's texts holds the literal. */
bool signature_may(struct view signature, const uint16_t *bits, size_t count);

#endif
