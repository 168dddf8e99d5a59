#include "base/buffer.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

void buffer_grow(struct buffer *b, size_t extra)
{
	size_t need;

	if (__builtin_add_overflow(b->len, extra, &need))
		need = SIZE_MAX;
	b->data = xgrow(b->data, &b->cap, need, 1);
}

void buffer_printf(struct buffer *b, const char *fmt, ...)
{
	va_list args;
	char *at = buffer_reserve(b, 64); /* before cap is read: the order of arguments is free */
	int n;

	va_start(args, fmt);
	n = vsnprintf(at, b->cap - b->len, fmt, args);
	va_end(args);
	if (n > 0 && (size_t)n >= b->cap - b->len) {
		buffer_grow(b, (size_t)n + 1);
		va_start(args, fmt);
		n = vsnprintf(b->data + b->len, b->cap - b->len, fmt, args);
		va_end(args);
	}
	if (n > 0)
		b->len += (size_t)n;
}

void buffer_unsigned(struct buffer *b, uint64_t n)
{
	char digits[20];
	size_t i = sizeof(digits);

	do {
		digits[--i] = (char)('0' + n % 10);
		n /= 10;
	} while (n);
	buffer_append(b, digits + i, sizeof(digits) - i);
}

void buffer_signed(struct buffer *b, int64_t n)
{
	if (n < 0)
		buffer_char(b, '-');
	buffer_unsigned(b, n < 0 ? 0 - (uint64_t)n : (uint64_t)n);
}

void buffer_hex(struct buffer *b, const void *data, size_t n, bool upper)
{
	const char *digits = upper ? "0123456789ABCDEF" : "0123456789abcdef";
	const uint8_t *p = data;
	char *out = buffer_reserve(b, n * 2);
	size_t i = 0;

#if defined(__SSE2__)
	const __m128i letters = _mm_set1_epi8(upper ? 'A' - '0' - 10 : 'a' - '0' - 10);

	for (; n - i >= 16; i += 16, out += 32) {
		__m128i bytes = _mm_loadu_si128((const __m128i *)(const void *)(p + i));
		__m128i high = _mm_and_si128(_mm_srli_epi16(bytes, 4), _mm_set1_epi8(15));
		__m128i low = _mm_and_si128(bytes, _mm_set1_epi8(15));
		__m128i halves[2] = {_mm_unpacklo_epi8(high, low), _mm_unpackhi_epi8(high, low)};

		for (unsigned k = 0; k < 2; k++) {
			__m128i past = _mm_cmpgt_epi8(halves[k], _mm_set1_epi8(9));

			halves[k] = _mm_add_epi8(_mm_add_epi8(halves[k], _mm_set1_epi8('0')),
						 _mm_and_si128(past, letters));
			_mm_storeu_si128((__m128i *)(void *)(out + 16 * k), halves[k]);
		}
	}
#endif
	for (; i < n; i++) {
		*out++ = digits[p[i] >> 4];
		*out++ = digits[p[i] & 15];
	}
	b->len += n * 2;
}

const char *buffer_text(struct buffer *b)
{
	*buffer_reserve(b, 1) = '\0';
	return b->data;
}

void buffer_release(struct buffer *b)
{
	free(b->data);
	*b = (struct buffer){0};
}
