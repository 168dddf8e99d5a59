/* Base64 (RFC 4648, 4). */
#ifndef KONSEKI_BASE_BASE64_H
#define KONSEKI_BASE_BASE64_H

#include "base/buffer.h"

void base64_write(struct buffer *out, struct view bytes, bool padding);
/*
 * Decodes from the front: up to the first byte that is no digit. Returns how many bytes of the text
 * it took. Bits that are no whole byte at the end are left out; *rest (may be NULL) gets them.
 */
size_t base64_read(struct view text, struct buffer *out, unsigned *rest);

#endif
