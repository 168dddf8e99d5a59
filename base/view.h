/*
 * A bounded, read-only view of bytes. All bytes of evidence are read through these calls: a read
 * past the end returns false (or zero bytes), never more. A view owns nothing.
 */
#ifndef KONSEKI_BASE_VIEW_H
#define KONSEKI_BASE_VIEW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct view {
	const uint8_t *data;
	size_t len;
};

#define VIEW_EMPTY ((struct view){NULL, 0})

static inline struct view view_of(const void *data, size_t len)
{
	return (struct view){(const uint8_t *)data, len};
}

static inline struct view view_text(const char *s)
{
	return (struct view){(const uint8_t *)s, s ? strlen(s) : 0};
}

/* True when [off, off+n) lies inside. */
static inline bool view_has(struct view v, size_t off, size_t n)
{
	return off <= v.len && n <= v.len - off;
}

/* The part [off, off+n), or an empty view when it does not lie inside. */
static inline struct view view_sub(struct view v, size_t off, size_t n)
{
	return view_has(v, off, n) ? (struct view){v.data + off, n} : VIEW_EMPTY;
}

/* Everything from off on; empty when off is past the end. */
static inline struct view view_from(struct view v, size_t off)
{
	return off <= v.len ? (struct view){v.data + off, v.len - off} : VIEW_EMPTY;
}

/* At most n bytes from off on: what is there. */
static inline struct view view_clip(struct view v, size_t off, size_t n)
{
	v = view_from(v, off);
	if (v.len > n)
		v.len = n;
	return v;
}

static inline bool view_equal(struct view a, struct view b)
{
	return a.len == b.len && (a.len == 0 || memcmp(a.data, b.data, a.len) == 0);
}

static inline bool view_is(struct view v, const char *s)
{
	return view_equal(v, view_text(s));
}

static inline bool view_starts(struct view v, const void *magic, size_t n)
{
	return v.len >= n && memcmp(v.data, magic, n) == 0;
}

/* VIEW_READ(u16le, uint16_t): bool view_u16le(struct view, size_t off, uint16_t *out). */
#define VIEW_READ(name, type, convert)                                                             \
	static inline bool view_##name(struct view v, size_t off, type *out)                       \
	{                                                                                          \
		type raw;                                                                          \
		if (!view_has(v, off, sizeof(raw)))                                                \
			return false;                                                              \
		memcpy(&raw, v.data + off, sizeof(raw));                                           \
		*out = convert(raw);                                                               \
		return true;                                                                       \
	}

#if __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "konseki is built for little-endian machines"
#endif
#define VIEW_SAME(x) (x)
VIEW_READ(u8, uint8_t, VIEW_SAME)
VIEW_READ(u16le, uint16_t, VIEW_SAME)
VIEW_READ(u32le, uint32_t, VIEW_SAME)
VIEW_READ(u64le, uint64_t, VIEW_SAME)
VIEW_READ(i32le, int32_t, VIEW_SAME)
VIEW_READ(i64le, int64_t, VIEW_SAME)
VIEW_READ(u16be, uint16_t, __builtin_bswap16)
VIEW_READ(u32be, uint32_t, __builtin_bswap32)
VIEW_READ(u64be, uint64_t, __builtin_bswap64)
#undef VIEW_READ
#undef VIEW_SAME

/* The same without a report: zero when it does not lie inside. For fields whose absence is zero. */
static inline uint32_t view_get32(struct view v, size_t off)
{
	uint32_t x = 0;
	(void)view_u32le(v, off, &x);
	return x;
}
static inline uint16_t view_get16(struct view v, size_t off)
{
	uint16_t x = 0;
	(void)view_u16le(v, off, &x);
	return x;
}
static inline uint64_t view_get64(struct view v, size_t off)
{
	uint64_t x = 0;
	(void)view_u64le(v, off, &x);
	return x;
}
static inline uint8_t view_get8(struct view v, size_t off)
{
	uint8_t x = 0;
	(void)view_u8(v, off, &x);
	return x;
}

/* Offset of the first occurrence of the needle at or after `from`, or v.len when there is none. */
size_t view_find(struct view v, size_t from, const void *needle, size_t n);

/* Takes the next line off the front of *rest (without its \n or \r\n); false at the end, with an
 * empty line. */
bool view_line(struct view *rest, struct view *line);

/*
 * Splits at the first `sep`: head gets what is before it, *rest what is after; false at the end,
 * with an empty head. After the last part *rest has no data (NULL), which is the end; an empty view
 * that has data is one more, empty, part.
 */
bool view_token(struct view *rest, char sep, struct view *head);

/* Takes a word off the front, blanks and tabs around it. Empty when there is none. */
struct view view_word(struct view *rest);

/* Without blanks at both ends. */
struct view view_trim(struct view v);

/* Decimal digits only, the whole view, no overflow. */
bool view_decimal(struct view v, uint64_t *out);

/* True when the view matches the pattern of * and ?, ASCII letters without case. */
bool view_glob(struct view v, const char *pattern);

#endif
