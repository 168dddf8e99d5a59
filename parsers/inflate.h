/*
 * DEFLATE (RFC 1951) and the gzip wrapper (RFC 1952), for formats that have them inside.
 */
#ifndef KONSEKI_PARSERS_INFLATE_H
#define KONSEKI_PARSERS_INFLATE_H

#include "base/buffer.h"
#include "base/status.h"

/*
 * Appends the decompressed bytes to out, at most `most` of them. OK at the stream's end;
 * ERR_TRUNCATED, ERR_FORMAT or ERR_LIMIT otherwise, with what could be had in out. Sums are not
 * checked: damaged evidence is read as far as it goes.
 */
int inflate_raw(struct view in, size_t most, struct buffer *out);
int inflate_gzip(struct view in, size_t most, struct buffer *out);

#endif
