/* Case folding that rules and values share: one code point to one, as towlower of Unicode does it. */
#include "detect/rule.h"

#include "base/text.h"

#include <locale.h>
#include <stdlib.h>
#include <wctype.h>
#ifdef __SSE2__
#include <emmintrin.h>
#endif

static uint16_t *bmp; /* of each code point below 0x10000 */
static locale_t unicode;

static void fold_init(void)
{
	uint16_t *t = xmalloc(0x10000 * sizeof(*t));

	unicode = newlocale(LC_CTYPE_MASK, "C.UTF-8", (locale_t)0);
	for (uint32_t c = 0; c < 0x10000; c++) {
		uint32_t low = c >= 'A' && c <= 'Z' ? c + 32 : c;

		if (c >= 0x80 && unicode && (c < 0xd800 || c >= 0xe000)) {
			wint_t w = towlower_l((wint_t)c, unicode);

			/* A folding that leaves the plane or becomes ASCII markup would change what a text is. */
			low = w < 0x10000 ? (uint32_t)w : c;
		}
		t[c] = (uint16_t)low;
	}
	bmp = t;
}

uint32_t fold_code(uint32_t code)
{
	if (code < 0x80)
		return code >= 'A' && code <= 'Z' ? code + 32 : code;
	if (!bmp)
		fold_init();
	if (code < 0x10000)
		return bmp[code];
	return unicode ? (uint32_t)towlower_l((wint_t)code, unicode) : code;
}

#ifdef __SSE2__
static __m128i lower(__m128i ascii)
{
	__m128i upper = _mm_and_si128(_mm_cmpgt_epi8(ascii, _mm_set1_epi8('A' - 1)),
				      _mm_cmplt_epi8(ascii, _mm_set1_epi8('Z' + 1)));

	return _mm_add_epi8(ascii, _mm_and_si128(upper, _mm_set1_epi8(32)));
}
#endif

/* ASCII at the beginning of UTF-8, sixteen at a time: how many were folded into out. */
static size_t ascii8(const uint8_t *in, size_t n, char *out)
{
	size_t i = 0;
#ifdef __SSE2__
	for (; i + 16 <= n; i += 16) {
		__m128i x = _mm_loadu_si128((const __m128i *)(const void *)(in + i));

		if (_mm_movemask_epi8(x))
			break;
		_mm_storeu_si128((__m128i *)(void *)(out + i), lower(x));
	}
#else
	(void)in;
	(void)n;
	(void)out;
#endif
	return i;
}

/* The same of UTF-16: units. */
static size_t ascii16(const uint8_t *in, size_t units, char *out)
{
	size_t i = 0;
#ifdef __SSE2__
	for (; i + 16 <= units; i += 16) {
		__m128i x = _mm_loadu_si128((const __m128i *)(const void *)(in + 2 * i)),
			y = _mm_loadu_si128((const __m128i *)(const void *)(in + 2 * i + 16)),
			high = _mm_and_si128(_mm_or_si128(x, y), _mm_set1_epi16((short)0xff80));

		if (_mm_movemask_epi8(_mm_cmpeq_epi16(high, _mm_setzero_si128())) != 0xffff)
			break;
		_mm_storeu_si128((__m128i *)(void *)(out + i), lower(_mm_packus_epi16(x, y)));
	}
#else
	(void)in;
	(void)units;
	(void)out;
#endif
	return i;
}

bool fold_is_letter(uint32_t code)
{
	if (!bmp)
		fold_init();
	return unicode && iswalnum_l((wint_t)code, unicode);
}

void fold_utf8(struct buffer *out, struct view text)
{
	uint32_t code;

	while (text.len) {
		char *at = buffer_reserve(out, text.len + 4);
		size_t n = ascii8(text.data, text.len, at);

		while (n < text.len && text.data[n] < 0x80) {
			uint8_t c = text.data[n];

			at[n++] = (char)(c >= 'A' && c <= 'Z' ? c + 32 : c);
		}
		out->len += n;
		text = view_from(text, n);
		if (!text_decode(&text, &code))
			break;
		at = buffer_reserve(out, 4);
		out->len += text_encode(fold_code(code), (uint8_t *)at);
	}
}

void fold_utf16(struct buffer *out, struct view v)
{
	size_t units = v.len / 2, i = 0;

	while (i < units) {
		/* At most three bytes a unit. */
		char *at = buffer_reserve(out, 3 * (units - i) + 4);
		char *start = at;
		size_t n = ascii16(v.data + 2 * i, units - i, at);

		at += n;
		for (i += n; i < units; i++) {
			uint32_t c = (uint32_t)v.data[2 * i] | (uint32_t)v.data[2 * i + 1] << 8;

			if (c >= 0x80)
				break;
			*at++ = (char)(c >= 'A' && c <= 'Z' ? c + 32 : c);
		}
		out->len += (size_t)(at - start);
		for (; i < units; i++) {
			uint32_t c = (uint32_t)v.data[2 * i] | (uint32_t)v.data[2 * i + 1] << 8;

			if (c < 0x80)
				break;
			if (c >= 0xd800 && c < 0xdc00 && i + 1 < units) {
				uint32_t d = (uint32_t)v.data[2 * i + 2] |
					     (uint32_t)v.data[2 * i + 3] << 8;

				if (d >= 0xdc00 && d < 0xe000) {
					c = 0x10000 + ((c - 0xd800) << 10) + (d - 0xdc00);
					i++;
				}
			}
			out->len += text_encode(fold_code(c), (uint8_t *)out->data + out->len);
		}
	}
}
