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

/* What UTF-16 becomes. A constant wherever it is passed: each style is compiled for itself. */
enum style { STYLE_UTF8, STYLE_JSON, STYLE_FLAT, STYLE_XML };

/*
 * ASCII in XML: what forbids itself is empty, a carriage return would become a line feed in a
 * parser. [XML10] 2.2, 2.4, 2.11. Texts are copied whole: what is behind them is written over.
 */
static const struct xml_text {
	char text[7];
	uint8_t len;
} xml_texts[256] = {
	['\t'] = {"\t", 1},   ['\n'] = {"\n", 1},     ['\r'] = {"&#xD;", 5}, ['"'] = {"&quot;", 6},
	['&'] = {"&amp;", 5}, ['\''] = {"&apos;", 6}, ['<'] = {"&lt;", 4},   ['>'] = {"&gt;", 4},
};

static inline bool xml_plain(uint8_t c)
{
	return !xml_texts[c].len && c >= 0x20;
}

static inline char *xml_text(char *p, uint8_t c)
{
	memcpy(p, xml_texts[c].text, sizeof(xml_texts[c].text));
	return p + xml_texts[c].len;
}

static inline char *put_ascii(char *p, uint8_t c, enum style style)
{
	if (style == STYLE_XML && !xml_plain(c))
		return xml_text(p, c);
	if ((style == STYLE_JSON || style == STYLE_FLAT) && json_escapes[c])
		return json_escape(p, c, style == STYLE_FLAT);
	*p = (char)c;
	return p + 1;
}

/* One character of UTF-16; at least one unit is there. A lone surrogate is U+FFFD. */
static inline char *put_one(char *p, const uint8_t **data, const uint8_t *end, enum style style)
{
	const uint8_t *at = *data;
	uint32_t c = (uint32_t)(at[0] | at[1] << 8);

	*data = at + 2;
	if (c < 0x80)
		return put_ascii(p, (uint8_t)c, style);
	if (c < 0x800) {
		p[0] = (char)(0xc0 | c >> 6);
		p[1] = (char)(0x80 | (c & 63));
		return p + 2;
	}
	if (c - 0xd800 < 0x800) {
		uint32_t low = c < 0xdc00 && end - at >= 4 ? (uint32_t)(at[2] | at[3] << 8) : 0;

		if (low - 0xdc00 < 0x400) {
			*data = at + 4;
			c = 0x10000 + ((c - 0xd800) << 10) + (low - 0xdc00);
			p[0] = (char)(0xf0 | c >> 18);
			p[1] = (char)(0x80 | (c >> 12 & 63));
			p[2] = (char)(0x80 | (c >> 6 & 63));
			p[3] = (char)(0x80 | (c & 63));
			return p + 4;
		}
		c = 0xfffd;
	}
	if (style == STYLE_XML && c >= 0xfffe)
		return p;
	p[0] = (char)(0xe0 | c >> 12);
	p[1] = (char)(0x80 | (c >> 6 & 63));
	p[2] = (char)(0x80 | (c & 63));
	return p + 3;
}

/* The way that always works. */
static inline char *put_units(char *p, const uint8_t *data, const uint8_t *end, enum style style)
{
	while (data < end)
		p = put_one(p, &data, end, style);
	return p;
}

static char *utf8_plain(char *p, const uint8_t *data, const uint8_t *end)
{
	return put_units(p, data, end, STYLE_UTF8);
}

static char *json_plain(char *p, const uint8_t *data, const uint8_t *end)
{
	return put_units(p, data, end, STYLE_JSON);
}

static char *flat_plain(char *p, const uint8_t *data, const uint8_t *end)
{
	return put_units(p, data, end, STYLE_FLAT);
}

static char *xml_plain_way(char *p, const uint8_t *data, const uint8_t *end)
{
	return put_units(p, data, end, STYLE_XML);
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

/* Characters of XML that are written otherwise: the low half of each picks it from a table. */
AVX2 static inline uint32_t xml_special32(__m256i ascii)
{
	const __m256i table = _mm256_broadcastsi128_si256(
		_mm_setr_epi8(0, 0, '"', 0, 0, 0, '&', '\'', 0, 0, 0, 0, '<', 0, '>', 0));
	__m256i same = _mm256_cmpeq_epi8(_mm256_shuffle_epi8(table, ascii), ascii);
	__m256i control = _mm256_cmpgt_epi8(_mm256_set1_epi8(0x20), ascii);

	return (uint32_t)_mm256_movemask_epi8(_mm256_or_si256(same, control));
}

AVX2 static inline uint32_t xml_special16(__m128i ascii)
{
	const __m128i table =
		_mm_setr_epi8(0, 0, '"', 0, 0, 0, '&', '\'', 0, 0, 0, 0, '<', 0, '>', 0);
	__m128i same = _mm_cmpeq_epi8(_mm_shuffle_epi8(table, ascii), ascii);
	__m128i control = _mm_cmpgt_epi8(_mm_set1_epi8(0x20), ascii);

	return (uint32_t)_mm_movemask_epi8(_mm_or_si128(same, control));
}

/* What of ASCII cannot stay as it is: in `other` what a backslash does not help. */
AVX2 static inline struct special marks32(__m256i ascii, enum style style)
{
	if (style == STYLE_UTF8)
		return (struct special){0, 0};
	if (style == STYLE_XML)
		return (struct special){0, xml_special32(ascii)};
	return special32(ascii);
}

AVX2 static inline struct special marks16(__m128i ascii, enum style style)
{
	if (style == STYLE_UTF8)
		return (struct special){0, 0};
	if (style == STYLE_XML)
		return (struct special){0, xml_special16(ascii)};
	return special16(ascii);
}

/*
 * Eight units that are not all ASCII: all below 0x800, or all of three bytes and no surrogates.
 * NULL for a mixture. `packed` says for each mask of ASCII among them which bytes stay.
 */
static uint8_t packed[256][16] __attribute__((aligned(16)));

static void make_packed(void)
{
	for (unsigned mask = 0; mask < 256; mask++) {
		unsigned n = 0;

		for (unsigned i = 0; i < 8; i++) {
			packed[mask][n++] = (uint8_t)(i * 2);
			if (!(mask >> i & 1))
				packed[mask][n++] = (uint8_t)(i * 2 + 1);
		}
		while (n < 16)
			packed[mask][n++] = 0x80;
	}
}

AVX2 static inline char *put_wide(char *p, __m128i units, enum style style)
{
	const __m128i high = _mm_set1_epi16((short)0xf800), zero = _mm_setzero_si128();
	__m128i top = _mm_and_si128(units, high), two, narrow, ascii;
	uint32_t mask;

	if (_mm_testz_si128(units, high)) {
		two = _mm_or_si128(_mm_srli_epi16(units, 6),
				   _mm_slli_epi16(_mm_and_si128(units, _mm_set1_epi16(63)), 8));
		two = _mm_or_si128(two, _mm_set1_epi16((short)0x80c0));
		narrow = _mm_cmpgt_epi16(_mm_set1_epi16(0x80), units);
		/* Only the ASCII among them can be special: the others become a letter. */
		ascii = _mm_blendv_epi8(_mm_set1_epi16('a'), units, narrow);
		ascii = _mm_packus_epi16(ascii, ascii);
		struct special s = marks16(ascii, style);

		if (s.escape | s.other)
			return NULL;
		mask = (uint32_t)_mm_movemask_epi8(_mm_packs_epi16(narrow, zero));
		two = _mm_blendv_epi8(two, units, narrow);
		two = _mm_shuffle_epi8(two,
				       _mm_load_si128((const __m128i *)(const void *)packed[mask]));
		_mm_storeu_si128((__m128i *)(void *)p, two);
		return p + 16 - __builtin_popcount(mask);
	}
	if (_mm_movemask_epi8(_mm_or_si128(
		    _mm_cmpeq_epi16(top, zero),
		    _mm_or_si128(_mm_cmpeq_epi16(top, _mm_set1_epi16((short)0xd800)),
				 _mm_cmpeq_epi16(_mm_or_si128(units, _mm_set1_epi16(1)),
						 _mm_set1_epi16((short)0xffff))))))
		return NULL;
	__m256i u = _mm256_cvtepu16_epi32(units);
	__m256i three = _mm256_or_si256(
		_mm256_srli_epi32(u, 12),
		_mm256_or_si256(
			_mm256_and_si256(_mm256_slli_epi32(u, 2), _mm256_set1_epi32(0x3f00)),
			_mm256_and_si256(_mm256_slli_epi32(u, 16), _mm256_set1_epi32(0x3f0000))));
	three = _mm256_or_si256(three, _mm256_set1_epi32(0x8080e0));
	three = _mm256_shuffle_epi8(
		three, _mm256_broadcastsi128_si256(_mm_setr_epi8(0, 1, 2, 4, 5, 6, 8, 9, 10, 12, 13,
								 14, -1, -1, -1, -1)));
	_mm_storeu_si128((__m128i *)(void *)p, _mm256_castsi256_si128(three));
	_mm_storeu_si128((__m128i *)(void *)(p + 12), _mm256_extracti128_si256(three, 1));
	return p + 24;
}

AVX2 __attribute__((always_inline)) static inline char *
put_avx2(char *p, const uint8_t *data, const uint8_t *end, enum style style)
{
	const __m256i wide = _mm256_set1_epi16((short)0xff80);
	const __m128i narrow = _mm_set1_epi16((short)0xff80);
	const uint8_t *begin = data;

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
			s = marks32(bytes, style);
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
			s = marks16(bytes, style);
			if (s.other | s.escape) {
				_mm_storeu_si128((__m128i *)(void *)p, bytes);
				if (s.other)
					goto control;
				p = put16(p, bytes, s.escape);
			} else {
				_mm_storeu_si128((__m128i *)(void *)p, bytes);
				p += 16;
			}
			data += 32;
		} else if (left >= 16) {
			__m128i a = _mm_loadu_si128((const __m128i *)(const void *)data), bytes;

			if (!_mm_testz_si128(a, narrow))
				goto careful;
			bytes = _mm_packus_epi16(a, a);
			s = marks16(bytes, style);
			s.other &= 0xff;
			if (s.other) {
				_mm_storel_epi64((__m128i *)(void *)p, bytes);
				s.escape &= 0xff;
				goto control;
			}
			p = put8(p, bytes, s.escape);
			data += 16;
		} else if (left == 0) {
			return p;
		} else if (end - begin >= 16) {
			/* The last 8 units, of which the first ones are written already. */
			unsigned n = (unsigned)left / 2;
			__m128i a = _mm_loadu_si128((const __m128i *)(const void *)(end - 16));
			__m128i bytes = _mm_packus_epi16(a, a);

			if (!_mm_testz_si128(a, narrow))
				return put_units(p, data, end, style);
			bytes = _mm_cvtsi64_si128(
				(long long)((uint64_t)_mm_cvtsi128_si64(bytes) >> ((8 - n) * 8)));
			s = marks16(bytes, style);
			if (s.other & ((1u << n) - 1))
				return put_units(p, data, end, style);
			return put_some(p, bytes, n, s);
		} else if (left >= 8) {
			/* 4 to 7 units: the first four and the last four, laid over each other. */
			unsigned n = (unsigned)left / 2;
			__m128i a = _mm_loadl_epi64((const __m128i *)(const void *)data);
			__m128i b = _mm_loadl_epi64((const __m128i *)(const void *)(end - 8));
			uint64_t first, last;

			if (!_mm_testz_si128(_mm_or_si128(a, b), narrow))
				return put_units(p, data, end, style);
			a = _mm_packus_epi16(a, a);
			b = _mm_packus_epi16(b, b);
			first = (uint32_t)_mm_cvtsi128_si32(a);
			last = (uint32_t)_mm_cvtsi128_si32(b);
			a = _mm_cvtsi64_si128((long long)(first | last << ((n - 4) * 8)));
			s = marks16(a, style);
			if (s.other & ((1u << n) - 1))
				return put_units(p, data, end, style);
			return put_some(p, a, n, s);
		} else {
			return put_units(p, data, end, style);
		}
		continue;
	control:
		/* All of it is ASCII and stands at p; up to the first special one it may stay. */
		p += __builtin_ctz(s.escape | s.other);
		data += 2 * (size_t)__builtin_ctz(s.escape | s.other);
		do {
			p = put_ascii(p, *data, style);
			data += 2;
		} while (data < end && data[1] == 0 &&
			 (style == STYLE_XML ? *data < 0x80 && !xml_plain(*data) : *data < 0x20));
		continue;
	careful:
		/* Until the text is ASCII again. */
		for (unsigned i = 0; i < 8 && end - data >= 16; i++) {
			__m128i a = _mm_loadu_si128((const __m128i *)(const void *)data);
			char *done;

			if (i && _mm_testz_si128(a, narrow))
				break;
			done = put_wide(p, a, style);
			if (done) {
				p = done;
				data += 16;
				continue;
			}
			for (const uint8_t *stop = data + 16; data < stop;)
				p = put_one(p, &data, end, style);
		}
		if (end - data < 16)
			return put_units(p, data, end, style);
	}
}

AVX2 static char *utf8_avx2(char *p, const uint8_t *data, const uint8_t *end)
{
	return put_avx2(p, data, end, STYLE_UTF8);
}

AVX2 static char *json_avx2(char *p, const uint8_t *data, const uint8_t *end)
{
	return put_avx2(p, data, end, STYLE_JSON);
}

AVX2 static char *flat_avx2(char *p, const uint8_t *data, const uint8_t *end)
{
	return put_avx2(p, data, end, STYLE_FLAT);
}

AVX2 static char *xml_avx2(char *p, const uint8_t *data, const uint8_t *end)
{
	return put_avx2(p, data, end, STYLE_XML);
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

#endif

/* What the processor has, chosen at the first call. Threads that choose at once choose the same. */
typedef char *put_text(char *p, const uint8_t *data, const uint8_t *end);
typedef char *put_json8(char *p, const uint8_t *data, size_t len, bool flat);
static put_text utf8_choose, json_choose, flat_choose, xml_choose;
static put_json8 json8_choose;
static put_text *utf8 = utf8_choose, *json16 = json_choose, *flat16 = flat_choose,
		*xml16 = xml_choose;
static put_json8 *json8 = json8_choose;

static void choose(void)
{
	bool vectors = false;

#if defined(__x86_64__)
	vectors = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("popcnt");
	if (vectors) {
		make_spread();
		make_packed();
	}
#else
#define utf8_avx2  utf8_plain
#define json_avx2  json_plain
#define flat_avx2  flat_plain
#define xml_avx2   xml_plain_way
#define json8_avx2 json8_plain
#endif
	__atomic_store_n(&utf8, vectors ? utf8_avx2 : utf8_plain, __ATOMIC_RELEASE);
	__atomic_store_n(&json16, vectors ? json_avx2 : json_plain, __ATOMIC_RELEASE);
	__atomic_store_n(&flat16, vectors ? flat_avx2 : flat_plain, __ATOMIC_RELEASE);
	__atomic_store_n(&xml16, vectors ? xml_avx2 : xml_plain_way, __ATOMIC_RELEASE);
	__atomic_store_n(&json8, vectors ? json8_avx2 : json8_plain, __ATOMIC_RELEASE);
}

static char *utf8_choose(char *p, const uint8_t *data, const uint8_t *end)
{
	choose();
	return utf8(p, data, end);
}

static char *json_choose(char *p, const uint8_t *data, const uint8_t *end)
{
	choose();
	return json16(p, data, end);
}

static char *flat_choose(char *p, const uint8_t *data, const uint8_t *end)
{
	choose();
	return flat16(p, data, end);
}

static char *xml_choose(char *p, const uint8_t *data, const uint8_t *end)
{
	choose();
	return xml16(p, data, end);
}

static char *json8_choose(char *p, const uint8_t *data, size_t len, bool flat)
{
	choose();
	return json8(p, data, len, flat);
}

static const uint8_t *last_unit(struct view utf16)
{
	return utf16.data + (utf16.len & ~(size_t)1);
}

void text_utf16(struct buffer *out, struct view v)
{
	char *p;

	if (!v.data)
		return;
	p = buffer_reserve(out, v.len / 2 * 3 + 64);
	out->len += (size_t)(utf8(p, v.data, last_unit(v)) - p);
}

char *text_put_json16(char *p, struct view v, bool flat)
{
	return v.data ? (flat ? flat16 : json16)(p, v.data, last_unit(v)) : p;
}

char *text_put_xml16(char *p, struct view v)
{
	return v.data ? xml16(p, v.data, last_unit(v)) : p;
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
	while (v.len) {
		size_t n = 0;
		uint32_t code;
		char *p;

		while (n < v.len && v.data[n] < 0x80 && xml_plain(v.data[n]))
			n++;
		buffer_append(out, v.data, n);
		v = view_from(v, n);
		if (!text_decode(&v, &code))
			break;
		p = buffer_reserve(out, 8);
		if (code < 0x80)
			out->len += (size_t)(xml_text(p, (uint8_t)code) - p);
		else if (code != 0xfffe && code != 0xffff)
			out->len += text_encode(code, (uint8_t *)p);
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
