/*
 * A growable byte buffer, for building text. Memory exhaustion ends the process (memory.h), so no
 * call fails. Released with buffer_release; a zeroed struct is an empty buffer.
 */
#ifndef KONSEKI_BASE_BUFFER_H
#define KONSEKI_BASE_BUFFER_H

#include "base/memory.h"
#include "base/view.h"

struct buffer {
	char *data; /* not NUL-terminated; see buffer_text */
	size_t len, cap;
};

void buffer_grow(struct buffer *b, size_t extra); /* room for `extra` more bytes */

/* Room for n bytes at the end; the caller writes them and adds to b->len. */
static inline char *buffer_reserve(struct buffer *b, size_t n)
{
	if (__builtin_expect(b->cap - b->len < n, 0))
		buffer_grow(b, n);
	return b->data + b->len;
}

/* The same for who writes at p, behind b->len, and sets b->len when it is done. */
static inline char *buffer_room(struct buffer *b, char *p, size_t n)
{
	if (__builtin_expect((size_t)(b->data + b->cap - p) < n, 0)) {
		b->len = (size_t)(p - b->data);
		p = buffer_reserve(b, n);
	}
	return p;
}

static inline void buffer_append(struct buffer *b, const void *data, size_t n)
{
	if (n) {
		memcpy(buffer_reserve(b, n), data, n);
		b->len += n;
	}
}

static inline void buffer_char(struct buffer *b, char c)
{
	*buffer_reserve(b, 1) = c;
	b->len++;
}

static inline void buffer_string(struct buffer *b, const char *s)
{
	buffer_append(b, s, strlen(s));
}

static inline void buffer_view(struct buffer *b, struct view v)
{
	buffer_append(b, v.data, v.len);
}

__attribute__((format(printf, 2, 3))) void buffer_printf(struct buffer *b, const char *fmt, ...);
void buffer_unsigned(struct buffer *b, uint64_t n); /* decimal */
void buffer_signed(struct buffer *b, int64_t n);
void buffer_hex(struct buffer *b, const void *data, size_t n, bool upper); /* two digits a byte */

/* The content as a C string; valid until the next change. */
const char *buffer_text(struct buffer *b);
static inline struct view buffer_as_view(const struct buffer *b)
{
	return view_of(b->data, b->len);
}
void buffer_release(struct buffer *b);

#endif
