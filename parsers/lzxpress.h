/*
 * LZ77+Huffman of Windows ([MS-XCA] 2.1 and 2.2), as in prefetch files since Windows 10.
 */
#ifndef KONSEKI_PARSERS_LZXPRESS_H
#define KONSEKI_PARSERS_LZXPRESS_H

#include "base/status.h"
#include "base/view.h"

/*
 * Decompresses into out[0, size). *made gets the bytes that could be had, also at damage.
 * ERR_TRUNCATED: the input ends early; ERR_FORMAT: a code table or a match that cannot be.
 */
int lzxpress_huffman(struct view in, uint8_t *out, size_t size, size_t *made);

#endif
