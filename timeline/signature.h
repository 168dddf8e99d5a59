/*
 * Signatures: a Bloom filter for each block of events, which says what the block cannot hold.
 *
 * Two kinds of things are in it. Trigrams of all text, ASCII letters lower-cased (what begins with
 * three hexadecimal digits counts by five bytes), one bit each, for substrings. And a term for each
 * pair of a field's name and its value, each kind and each host, SIGNATURE_TERM_BITS bits each, for
 * whole values: short numbers have no trigram that tells, and a long value may be made of trigrams
 * that are everywhere.
 * A filter is filled at its full size and then folded (halves OR-ed) while it stays sparse, so that
 * a small block has a small one. It is stored as it stands in the case: the hashes are part of the
 * schema.
 */
#ifndef KONSEKI_TIMELINE_SIGNATURE_H
#define KONSEKI_TIMELINE_SIGNATURE_H

#include "base/buffer.h"

#define SIGNATURE_BITS	    65536u
#define SIGNATURE_BYTES	    (SIGNATURE_BITS / 8)
#define SIGNATURE_MIN	    32u	 /* bytes of the smallest; sizes are powers of two */
#define SIGNATURE_SLICE	    128u /* bits that lie together in a case */
#define SIGNATURE_TERM_BITS 7u

extern const uint8_t signature_fold[256]; /* ASCII letters to lower case */

/* Hash of a field's name, and of a value of that field: equal for values that differ in the case of
 * ASCII letters only. */
uint64_t signature_name(struct view name);
uint64_t signature_term(uint64_t name, struct view value);
uint64_t signature_kind(const char *kind);
uint64_t signature_host(int64_t id); /* in the case; 0: none */

/* Adds the text's trigrams to the filter; a term. */
void signature_add(uint8_t bits[SIGNATURE_BYTES], struct view text);
void signature_add_term(uint8_t bits[SIGNATURE_BYTES], uint64_t term);
/* The same to one that is folded. */
void signature_folded_add(struct buffer *folded, struct view text);
void signature_folded_add_term(struct buffer *folded, uint64_t term);
/* Appends the filter, folded. */
void signature_write(struct buffer *out, const uint8_t bits[SIGNATURE_BYTES]);

/* The bits that a query needs, each once. */
#define SIGNATURE_NEED 32u
struct signature_need {
	uint16_t bits[SIGNATURE_NEED];
	size_t count;
};
/*
 * Adds those of a literal as a person writes it, as many as there is room for. It is found by them
 * both in plain text and in JSON: what JSON escapes is passed over. A literal under three bytes
 * needs none.
 */
void signature_need_text(struct signature_need *need, struct view literal);
void signature_need_term(struct signature_need *need, uint64_t term);
/* False: none of the block's texts holds it. */
bool signature_may(struct view signature, const struct signature_need *need);

#endif
