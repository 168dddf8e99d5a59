#include "base/text.h"

#include <stdio.h>

size_t text_encode(uint32_t code, uint8_t out[4])
{
	if (code > 0x10ffff || (code >= 0xd800 && code < 0xe000))
		code = 0xfffd;
	if (code < 0x80) {
		out[0] = (uint8_t)code;
		return 1;
	}
	if (code < 0x800) {
		out[0] = (uint8_t)(0xc0 | code >> 6);
		out[1] = (uint8_t)(0x80 | (code & 63));
		return 2;
	}
	if (code < 0x10000) {
		out[0] = (uint8_t)(0xe0 | code >> 12);
		out[1] = (uint8_t)(0x80 | (code >> 6 & 63));
		out[2] = (uint8_t)(0x80 | (code & 63));
		return 3;
	}
	out[0] = (uint8_t)(0xf0 | code >> 18);
	out[1] = (uint8_t)(0x80 | (code >> 12 & 63));
	out[2] = (uint8_t)(0x80 | (code >> 6 & 63));
	out[3] = (uint8_t)(0x80 | (code & 63));
	return 4;
}

/* Unicode 15, table 3-7: the well-formed sequences. Returns their length, or 0. */
static size_t sequence(const uint8_t *p, size_t n, uint32_t *code)
{
	uint8_t a = p[0];

	if (a < 0x80) {
		*code = a;
		return 1;
	}
	if (a >= 0xc2 && a <= 0xdf && n >= 2 && (p[1] & 0xc0) == 0x80) {
		*code = (uint32_t)(a & 31) << 6 | (p[1] & 63u);
		return 2;
	}
	if (a >= 0xe0 && a <= 0xef && n >= 3 && (p[1] & 0xc0) == 0x80 && (p[2] & 0xc0) == 0x80) {
		*code = (uint32_t)(a & 15) << 12 | (uint32_t)(p[1] & 63) << 6 | (p[2] & 63u);
		return *code >= 0x800 && (*code < 0xd800 || *code >= 0xe000) ? 3 : 0;
	}
	if (a >= 0xf0 && a <= 0xf4 && n >= 4 && (p[1] & 0xc0) == 0x80 && (p[2] & 0xc0) == 0x80 &&
	    (p[3] & 0xc0) == 0x80) {
		*code = (uint32_t)(a & 7) << 18 | (uint32_t)(p[1] & 63) << 12 |
			(uint32_t)(p[2] & 63) << 6 | (p[3] & 63u);
		return *code >= 0x10000 && *code <= 0x10ffff ? 4 : 0;
	}
	return 0;
}

bool text_decode(struct view *rest, uint32_t *code)
{
	size_t n;

	if (rest->len == 0)
		return false;
	n = sequence(rest->data, rest->len, code);
	if (n == 0) {
		*code = 0xfffd;
		n = 1;
	}
	*rest = view_from(*rest, n);
	return true;
}

bool text_is_utf8(struct view v)
{
	uint32_t code;

	for (size_t i = 0; i < v.len;) {
		size_t n = sequence(v.data + i, v.len - i, &code);

		if (n == 0)
			return false;
		i += n;
	}
	return true;
}

void text_utf8(struct buffer *out, struct view v)
{
	size_t start = 0, i = 0;
	uint32_t code;

	while (i < v.len) {
		size_t n = sequence(v.data + i, v.len - i, &code);

		if (n) {
			i += n;
			continue;
		}
		buffer_append(out, v.data + start, i - start);
		buffer_append(out, "\xef\xbf\xbd", 3);
		start = ++i;
	}
	buffer_append(out, v.data + start, i - start);
}

/* Takes a code point off UTF-16LE; a lone surrogate is U+FFFD. */
static bool decode16(struct view *rest, uint32_t *code)
{
	uint32_t unit;

	if (rest->len < 2)
		return false;
	unit = (uint32_t)(rest->data[0] | rest->data[1] << 8);
	*rest = view_from(*rest, 2);
	if (unit >= 0xd800 && unit < 0xdc00 && rest->len >= 2) {
		uint32_t low = (uint32_t)(rest->data[0] | rest->data[1] << 8);

		if (low >= 0xdc00 && low < 0xe000) {
			*rest = view_from(*rest, 2);
			unit = 0x10000 + ((unit - 0xd800) << 10) + (low - 0xdc00);
		}
	}
	*code = unit >= 0xd800 && unit < 0xe000 ? 0xfffd : unit;
	return true;
}

void text_utf16z(struct buffer *out, struct view v)
{
	size_t n = 0;

	while (n + 2 <= v.len && (v.data[n] || v.data[n + 1]))
		n += 2;
	text_utf16(out, view_clip(v, 0, n));
}

void text_wtf8(struct buffer *out, struct view v)
{
	for (size_t i = 0; i + 2 <= v.len; i += 2) {
		uint32_t c = view_get16(v, i), low = view_get16(v, i + 2);
		char *at = buffer_reserve(out, 4);

		if (c >= 0xd800 && c < 0xdc00 && low >= 0xdc00 && low < 0xe000) {
			c = 0x10000 + ((c - 0xd800) << 10) + (low - 0xdc00);
			i += 2;
		}
		if (c >= 0xd800 && c < 0xe000) {
			at[0] = (char)(0xe0 | c >> 12);
			at[1] = (char)(0x80 | (c >> 6 & 0x3f));
			at[2] = (char)(0x80 | (c & 0x3f));
			out->len += 3;
		} else {
			out->len += text_encode(c, (uint8_t *)at);
		}
	}
}

void text_cp1252(struct buffer *out, struct view v)
{
	static const uint16_t high[32] = {0x20ac, 0x81,	  0x201a, 0x0192, 0x201e, 0x2026, 0x2020,
					  0x2021, 0x02c6, 0x2030, 0x0160, 0x2039, 0x0152, 0x8d,
					  0x017d, 0x8f,	  0x90,	  0x2018, 0x2019, 0x201c, 0x201d,
					  0x2022, 0x2013, 0x2014, 0x02dc, 0x2122, 0x0161, 0x203a,
					  0x0153, 0x9d,	  0x017e, 0x0178};

	for (size_t i = 0; i < v.len; i++) {
		uint8_t c = v.data[i];
		char *at = buffer_reserve(out, 4);

		out->len += text_encode(c >= 0x80 && c < 0xa0 ? high[c - 0x80] : c, (uint8_t *)at);
	}
}

/* What JSON writes with a backslash. One byte for the short forms, 'u' for \u00XX, 0 for plain
 * characters. */
static const char json_escapes[128] = {
	'u', 'u', 'u', 'u', 'u', 'u', 'u', 'u', 'u',	     't',	    'n',	  'u',
	'u', 'r', 'u', 'u', 'u', 'u', 'u', 'u', 'u',	     'u',	    'u',	  'u',
	'u', 'u', 'u', 'u', 'u', 'u', 'u', 'u', ['"'] = '"', ['\\'] = '\\', [0x7f] = 'u',
};

/* The escape of an ASCII character that has one; `flat` puts a blank for a control character. */
static inline char *json_escape(char *p, uint8_t c, bool flat)
{
	static const char digits[] = "0123456789abcdef";
	char form = json_escapes[c];

	if (flat && form != '"' && form != '\\') {
		*p++ = ' ';
		return p;
	}
	*p++ = '\\';
	*p++ = form;
	if (form == 'u') {
		*p++ = '0';
		*p++ = '0';
		*p++ = digits[c >> 4];
		*p++ = digits[c & 15];
	}
	return p;
}

/* A character that is not plain ASCII, or one at the edge: the way that always works. */
static char *json16_one(char *p, struct view *rest, bool flat)
{
	uint32_t code = 0;

	(void)decode16(rest, &code);
	if (code >= 0x80)
		return p + text_encode(code, (uint8_t *)p);
	if (json_escapes[code])
		return json_escape(p, (uint8_t)code, flat);
	*p++ = (char)code;
	return p;
}

static char *json16_plain(char *p, const uint8_t *data, size_t len, bool flat)
{
	struct view rest = {data, len & ~(size_t)1};

	while (rest.len >= 2)
		p = json16_one(p, &rest, flat);
	return p;
}

static char *json8_plain(char *p, const uint8_t *data, size_t len, bool flat)
{
	const uint8_t *end = data + len;

	while (data < end) {
		struct view rest = {data, (size_t)(end - data)};
		uint32_t code = 0;

		if (*data >= 0x80) {
			(void)text_decode(&rest, &code);
			p += text_encode(code, (uint8_t *)p);
			data = end - rest.len;
		} else if (json_escapes[*data]) {
			p = json_escape(p, *data++, flat);
		} else {
			*p++ = (char)*data++;
		}
	}
	return p;
}

static char *utf8_plain(char *p, const uint8_t *data, size_t len)
{
	struct view rest = {data, len};
	uint32_t code = 0;

	while (decode16(&rest, &code)) {
		if (code < 0x80)
			*p++ = (char)code;
		else
			p += text_encode(code, (uint8_t *)p);
	}
	return p;
}

#if defined(__x86_64__)
#include <immintrin.h>

/*
 * With vectors: 32, 16 or 8 units at a time become bytes, and the same registers tell whether one
 * of them is not ASCII or needs an escape. A byte plus one is below 0x21 as a signed number exactly
 * for control characters, DEL and whatever is not ASCII.
 */
#define AVX2 __attribute__((target("avx2,popcnt")))

/* What a vector of characters holds: bit n for character n. */
struct special {
	uint32_t escape; /* " and \: a backslash before it is all they need */
	uint32_t other;	 /* controls, DEL, not ASCII */
};

AVX2 static inline struct special special32(__m256i bytes)
{
	__m256i low = _mm256_cmpgt_epi8(_mm256_set1_epi8(0x21),
					_mm256_add_epi8(bytes, _mm256_set1_epi8(1)));
	__m256i quote = _mm256_cmpeq_epi8(bytes, _mm256_set1_epi8('"'));
	__m256i slash = _mm256_cmpeq_epi8(bytes, _mm256_set1_epi8('\\'));

	return (struct special){(uint32_t)_mm256_movemask_epi8(_mm256_or_si256(quote, slash)),
				(uint32_t)_mm256_movemask_epi8(low)};
}

AVX2 static inline struct special special16(__m128i bytes)
{
	__m128i low = _mm_cmpgt_epi8(_mm_set1_epi8(0x21), _mm_add_epi8(bytes, _mm_set1_epi8(1)));
	__m128i quote = _mm_cmpeq_epi8(bytes, _mm_set1_epi8('"'));
	__m128i slash = _mm_cmpeq_epi8(bytes, _mm_set1_epi8('\\'));

	return (struct special){(uint32_t)_mm_movemask_epi8(_mm_or_si128(quote, slash)),
				(uint32_t)_mm_movemask_epi8(low)};
}

/*
 * Eight characters, those of `mask` with a backslash before them, without a branch: the mask picks
 * a shuffle of the characters and of backslashes from the upper half. Paths are full of them.
 */
static uint8_t spread[256][16] __attribute__((aligned(16)));

static void make_spread(void)
{
	for (unsigned mask = 0; mask < 256; mask++) {
		unsigned n = 0;

		for (unsigned i = 0; i < 8; i++) {
			if (mask >> i & 1)
				spread[mask][n++] = 8;
			spread[mask][n++] = (uint8_t)i;
		}
		while (n < 16)
			spread[mask][n++] = 8;
	}
}

/* Writes 16 bytes, of which those behind the result count for nothing. */
AVX2 static inline char *put8(char *p, __m128i eight, uint32_t mask)
{
	__m128i both = _mm_unpacklo_epi64(eight, _mm_set1_epi8('\\'));

	both = _mm_shuffle_epi8(both,
				_mm_load_si128((const __m128i *)(const void *)spread[mask & 0xff]));
	_mm_storeu_si128((__m128i *)(void *)p, both);
	return p + 8 + __builtin_popcount(mask & 0xff);
}

AVX2 static inline char *put16(char *p, __m128i bytes, uint32_t mask)
{
	p = put8(p, bytes, mask);
	return put8(p, _mm_srli_si128(bytes, 8), mask >> 8);
}

/* Up to 8 characters in the low bytes. */
AVX2 static inline char *put_some(char *p, __m128i bytes, unsigned n, struct special s)
{
	uint32_t mask = s.escape & ((1u << n) - 1);

	return put8(p, bytes, mask) - 8 + n;
}

AVX2 static char *json16_avx2(char *p, const uint8_t *data, size_t len, bool flat)
{
	const __m256i wide = _mm256_set1_epi16((short)0xff80);
	const __m128i narrow = _mm_set1_epi16((short)0xff80);
	const uint8_t *end = data + (len & ~(size_t)1), *begin = data;

	for (;;) {
		size_t left = (size_t)(end - data);
		struct special s;

		if (left >= 64) {
			__m256i a = _mm256_loadu_si256((const __m256i *)(const void *)data);
			__m256i b = _mm256_loadu_si256((const __m256i *)(const void *)(data + 32));
			__m256i bytes;

			if (!_mm256_testz_si256(_mm256_or_si256(a, b), wide))
				goto careful;
			bytes = _mm256_permute4x64_epi64(_mm256_packus_epi16(a, b), 0xd8);
			s = special32(bytes);
			if (s.other) {
				_mm256_storeu_si256((__m256i *)(void *)p, bytes);
				goto control;
			}
			data += 64;
			if (!s.escape) {
				_mm256_storeu_si256((__m256i *)(void *)p, bytes);
				p += 32;
				continue;
			}
			p = put16(p, _mm256_castsi256_si128(bytes), s.escape);
			p = put16(p, _mm256_extracti128_si256(bytes, 1), s.escape >> 16);
		} else if (left >= 32) {
			__m128i a = _mm_loadu_si128((const __m128i *)(const void *)data);
			__m128i b = _mm_loadu_si128((const __m128i *)(const void *)(data + 16)),
				bytes;

			if (!_mm_testz_si128(_mm_or_si128(a, b), narrow))
				goto careful;
			bytes = _mm_packus_epi16(a, b);
			s = special16(bytes);
			if (s.other) {
				_mm_storeu_si128((__m128i *)(void *)p, bytes);
				goto control;
			}
			p = put16(p, bytes, s.escape);
			data += 32;
		} else if (left >= 16) {
			__m128i a = _mm_loadu_si128((const __m128i *)(const void *)data), bytes;

			if (!_mm_testz_si128(a, narrow))
				goto careful;
			bytes = _mm_packus_epi16(a, a);
			s = special16(bytes);
			if (s.other)
				goto careful;
			p = put8(p, bytes, s.escape);
			data += 16;
		} else if (left == 0) {
			return p;
		} else if (end - begin >= 16) {
			/* The last 8 units, of which the first ones are written already. A unit of
			 * 0x8000 and more is negative: packed to zero, which is special, like 0xff
			 * for the others. */
			unsigned n = (unsigned)left / 2;
			__m128i a = _mm_loadu_si128((const __m128i *)(const void *)(end - 16));

			a = _mm_packus_epi16(a, a);
			a = _mm_cvtsi64_si128(
				(long long)((uint64_t)_mm_cvtsi128_si64(a) >> ((8 - n) * 8)));
			s = special16(a);
			if (s.other & ((1u << n) - 1))
				goto careful;
			return put_some(p, a, n, s);
		} else if (left >= 8) {
			/* 4 to 7 units: the first four and the last four, laid over each other. */
			unsigned n = (unsigned)left / 2;
			__m128i a = _mm_loadl_epi64((const __m128i *)(const void *)data);
			__m128i b = _mm_loadl_epi64((const __m128i *)(const void *)(end - 8));
			uint64_t first, last;

			a = _mm_packus_epi16(a, a);
			b = _mm_packus_epi16(b, b);
			first = (uint32_t)_mm_cvtsi128_si32(a);
			last = (uint32_t)_mm_cvtsi128_si32(b);
			a = _mm_cvtsi64_si128((long long)(first | last << ((n - 4) * 8)));
			s = special16(a);
			if (s.other & ((1u << n) - 1))
				return json16_plain(p, data, left, flat);
			return put_some(p, a, n, s);
		} else {
			return json16_plain(p, data, left, flat);
		}
		continue;
	control:
		/* All of it is ASCII and stands at p; up to the first special one it may stay. */
		p += __builtin_ctz(s.escape | s.other);
		data += 2 * (size_t)__builtin_ctz(s.escape | s.other);
		do {
			p = json_escape(p, *data, flat);
			data += 2;
		} while (data < end && data[1] == 0 && data[0] < 0x20);
		continue;
	careful : {
		struct view rest = {data, left};

		for (unsigned i = 0; i < 16 && rest.len; i++)
			p = json16_one(p, &rest, flat);
		data = end - rest.len;
	}
	}
}

AVX2 static char *json8_avx2(char *p, const uint8_t *data, size_t len, bool flat)
{
	const uint8_t *end = data + len, *begin = data;

	for (;;) {
		size_t left = (size_t)(end - data);
		struct special s;

		if (left >= 32) {
			__m256i bytes = _mm256_loadu_si256((const __m256i *)(const void *)data);

			s = special32(bytes);
			if (s.other)
				goto careful;
			data += 32;
			if (!s.escape) {
				_mm256_storeu_si256((__m256i *)(void *)p, bytes);
				p += 32;
				continue;
			}
			p = put16(p, _mm256_castsi256_si128(bytes), s.escape);
			p = put16(p, _mm256_extracti128_si256(bytes, 1), s.escape >> 16);
		} else if (left >= 16) {
			__m128i bytes = _mm_loadu_si128((const __m128i *)(const void *)data);

			s = special16(bytes);
			if (s.other)
				goto careful;
			p = put16(p, bytes, s.escape);
			data += 16;
		} else if (left >= 8) {
			__m128i bytes = _mm_loadl_epi64((const __m128i *)(const void *)data);

			s = special16(bytes);
			if (s.other & 0xff)
				goto careful;
			p = put8(p, bytes, s.escape);
			data += 8;
		} else if (left == 0) {
			return p;
		} else if (end - begin >= 8) {
			uint64_t last;
			__m128i a;

			memcpy(&last, end - 8, 8);
			a = _mm_cvtsi64_si128((long long)(last >> ((8 - left) * 8)));
			s = special16(a);
			if (s.other & ((1u << left) - 1))
				return json8_plain(p, data, left, flat);
			return put_some(p, a, (unsigned)left, s);
		} else {
			return json8_plain(p, data, left, flat);
		}
		continue;
	careful : {
		struct view rest = {data, left};
		uint32_t code = 0;

		for (unsigned i = 0; i < 16 && rest.len; i++) {
			(void)text_decode(&rest, &code);
			if (code < 0x80 && json_escapes[code])
				p = json_escape(p, (uint8_t)code, flat);
			else
				p += text_encode(code, (uint8_t *)p);
		}
		data = end - rest.len;
	}
	}
}

/* Plain UTF-8: the same without escapes. */
AVX2 static char *utf8_avx2(char *p, const uint8_t *data, size_t len)
{
	const __m256i wide = _mm256_set1_epi16((short)0xff80);
	const __m128i narrow = _mm_set1_epi16((short)0xff80);
	const uint8_t *end = data + (len & ~(size_t)1), *begin = data;

	for (;;) {
		size_t left = (size_t)(end - data);

		if (left >= 64) {
			__m256i a = _mm256_loadu_si256((const __m256i *)(const void *)data);
			__m256i b = _mm256_loadu_si256((const __m256i *)(const void *)(data + 32));

			if (!_mm256_testz_si256(_mm256_or_si256(a, b), wide))
				goto careful;
			a = _mm256_permute4x64_epi64(_mm256_packus_epi16(a, b), 0xd8);
			_mm256_storeu_si256((__m256i *)(void *)p, a);
			p += 32;
			data += 64;
		} else if (left >= 16) {
			__m128i a = _mm_loadu_si128((const __m128i *)(const void *)data);

			if (!_mm_testz_si128(a, narrow))
				goto careful;
			_mm_storel_epi64((__m128i *)(void *)p, _mm_packus_epi16(a, a));
			p += 8;
			data += 16;
		} else if (left == 0) {
			return p;
		} else if (end - begin >= 16) {
			/* The last 8 units, of which the first ones are written already. */
			__m128i a = _mm_loadu_si128((const __m128i *)(const void *)(end - 16));
			unsigned n = (unsigned)left / 2;
			uint64_t last;

			last = (uint64_t)_mm_cvtsi128_si64(_mm_packus_epi16(a, a)) >> ((8 - n) * 8);
			if (!_mm_testz_si128(a, narrow))
				return utf8_plain(p, data, left);
			memcpy(p, &last, 8);
			return p + n;
		} else {
			return utf8_plain(p, data, left);
		}
		continue;
	careful : {
		struct view rest = {data, left};
		uint32_t code = 0;

		for (unsigned i = 0; i < 16 && decode16(&rest, &code); i++)
			p += text_encode(code, (uint8_t *)p);
		data = end - rest.len;
	}
	}
}

/* Chosen at the first call. Two threads that choose at once choose and write the same. */
static char *json16_choose(char *p, const uint8_t *data, size_t len, bool flat);
static char *json8_choose(char *p, const uint8_t *data, size_t len, bool flat);
static char *utf8_choose(char *p, const uint8_t *data, size_t len);
static char *(*utf8)(char *p, const uint8_t *data, size_t len) = utf8_choose;
static char *(*json16)(char *p, const uint8_t *data, size_t len, bool flat) = json16_choose;
static char *(*json8)(char *p, const uint8_t *data, size_t len, bool flat) = json8_choose;

static void choose(void)
{
	bool avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("popcnt");

	if (avx2)
		make_spread();
	__atomic_store_n(&utf8, avx2 ? utf8_avx2 : utf8_plain, __ATOMIC_RELEASE);
	__atomic_store_n(&json16, avx2 ? json16_avx2 : json16_plain, __ATOMIC_RELEASE);
	__atomic_store_n(&json8, avx2 ? json8_avx2 : json8_plain, __ATOMIC_RELEASE);
}

static char *json16_choose(char *p, const uint8_t *data, size_t len, bool flat)
{
	choose();
	return json16(p, data, len, flat);
}

static char *json8_choose(char *p, const uint8_t *data, size_t len, bool flat)
{
	choose();
	return json8(p, data, len, flat);
}

static char *utf8_choose(char *p, const uint8_t *data, size_t len)
{
	choose();
	return utf8(p, data, len);
}
#else
#define utf8   utf8_plain
#define json16 json16_plain
#define json8  json8_plain
#endif

void text_utf16(struct buffer *out, struct view v)
{
	char *p;

	if (!v.data)
		return;
	p = buffer_reserve(out, v.len / 2 * 3 + 64);
	out->len += (size_t)(utf8(p, v.data, v.len) - p);
}

char *text_put_json16(char *p, struct view utf16, bool flat)
{
	return utf16.data ? json16(p, utf16.data, utf16.len, flat) : p;
}

char *text_put_json(char *p, struct view bytes, bool flat)
{
	return bytes.data ? json8(p, bytes.data, bytes.len, flat) : p;
}

void text_json(struct buffer *out, struct view v)
{
	char *p = buffer_reserve(out, TEXT_JSON_ROOM(v.len));

	out->len += (size_t)(text_put_json(p, v, false) - p);
}

void text_json_utf16(struct buffer *out, struct view v)
{
	char *p = buffer_reserve(out, TEXT_JSON16_ROOM(v.len));

	out->len += (size_t)(text_put_json16(p, v, false) - p);
}

void text_json_quoted(struct buffer *out, struct view v)
{
	buffer_char(out, '"');
	text_json(out, v);
	buffer_char(out, '"');
}

void text_xml(struct buffer *out, struct view v)
{
	uint32_t code;

	while (text_decode(&v, &code)) {
		if (code == '&')
			buffer_string(out, "&amp;");
		else if (code == '<')
			buffer_string(out, "&lt;");
		else if (code == '>')
			buffer_string(out, "&gt;");
		else if (code == '"')
			buffer_string(out, "&quot;");
		else if ((code >= 0x20 || code == '\t' || code == '\n' || code == '\r') &&
			 code != 0xfffe && code != 0xffff) {
			char *at = buffer_reserve(out, 4);

			out->len += text_encode(code, (uint8_t *)at);
		}
	}
}

void text_terminal(struct buffer *out, struct view v)
{
	while (v.len) {
		struct view before = v;
		uint32_t code;

		(void)text_decode(&v, &code);
		if (code == 0xfffd && before.len - v.len == 1)
			buffer_printf(out, "\\x%02x", before.data[0]);
		else if (code < 0x20 || code == 0x7f)
			buffer_printf(out, "\\x%02x", code);
		else if ((code >= 0x80 && code < 0xa0) || (code >= 0x200b && code <= 0x200f) ||
			 (code >= 0x2028 && code <= 0x202e) || (code >= 0x2066 && code <= 0x2069) ||
			 code == 0xfeff || (code >= 0xe0000 && code <= 0xe007f))
			buffer_printf(out, "\\u{%x}", code);
		else
			buffer_append(out, before.data, before.len - v.len);
	}
}

void text_tsv(struct buffer *out, struct view v)
{
	struct buffer repaired = {0};

	text_utf8(&repaired, v);
	for (size_t i = 0; i < repaired.len; i++) {
		char c = repaired.data[i];

		if (c == '\t')
			buffer_append(out, "\\t", 2);
		else if (c == '\n')
			buffer_append(out, "\\n", 2);
		else if (c == '\r')
			buffer_append(out, "\\r", 2);
		else if (c == '\\')
			buffer_append(out, "\\\\", 2);
		else if (c == '\0')
			buffer_append(out, "\\0", 2);
		else
			buffer_char(out, c);
	}
	buffer_release(&repaired);
}

void text_csv(struct buffer *out, struct view v)
{
	bool quote = false;

	for (size_t i = 0; i < v.len && !quote; i++)
		quote = v.data[i] == '"' || v.data[i] == ',' || v.data[i] == '\n' ||
			v.data[i] == '\r';
	if (!quote) {
		text_utf8(out, v);
		return;
	}
	buffer_char(out, '"');
	while (v.len) {
		const uint8_t *mark = memchr(v.data, '"', v.len);
		size_t n = mark ? (size_t)(mark - v.data) + 1 : v.len;

		text_utf8(out, view_clip(v, 0, n));
		if (mark)
			buffer_char(out, '"');
		v = view_from(v, n);
	}
	buffer_char(out, '"');
}

void text_lower(char *s, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (s[i] >= 'A' && s[i] <= 'Z')
			s[i] = (char)(s[i] + 32);
}
