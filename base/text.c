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

void text_utf16(struct buffer *out, struct view v)
{
	uint32_t code;

	buffer_reserve(out, v.len / 2 * 3 + 4);
	while (decode16(&v, &code)) {
		if (code < 0x80)
			out->data[out->len++] = (char)code;
		else
			out->len += text_encode(code, (uint8_t *)out->data + out->len);
	}
}

void text_utf16z(struct buffer *out, struct view v)
{
	size_t n = 0;

	while (n + 2 <= v.len && (v.data[n] || v.data[n + 1]))
		n += 2;
	text_utf16(out, view_clip(v, 0, n));
}

void text_cp1252(struct buffer *out, struct view v)
{
	static const uint16_t high[32] = { 0x20ac, 0x81,   0x201a, 0x0192, 0x201e, 0x2026, 0x2020,
					   0x2021, 0x02c6, 0x2030, 0x0160, 0x2039, 0x0152, 0x8d,
					   0x017d, 0x8f,   0x90,   0x2018, 0x2019, 0x201c, 0x201d,
					   0x2022, 0x2013, 0x2014, 0x02dc, 0x2122, 0x0161, 0x203a,
					   0x0153, 0x9d,   0x017e, 0x0178 };

	for (size_t i = 0; i < v.len; i++) {
		uint8_t c = v.data[i];
		char *at = buffer_reserve(out, 4);

		out->len += text_encode(c >= 0x80 && c < 0xa0 ? high[c - 0x80] : c, (uint8_t *)at);
	}
}

/* What JSON writes with a backslash. One byte for the short forms, 'u' for \u00XX, 0 for plain characters. */
static const char json_escapes[128] = {
	'u', 'u', 'u', 'u', 'u', 'u', 'u', 'u', 'u', 't', 'n', 'u', 'u', 'r', 'u', 'u',
	'u', 'u', 'u', 'u', 'u', 'u', 'u', 'u', 'u', 'u', 'u', 'u', 'u', 'u', 'u', 'u',
	['"'] = '"', ['\\'] = '\\', [0x7f] = 'u',
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
	struct view rest = { data, len & ~(size_t)1 };

	while (rest.len >= 2)
		p = json16_one(p, &rest, flat);
	return p;
}

static char *json8_plain(char *p, const uint8_t *data, size_t len, bool flat)
{
	struct view v = { data, len };
	uint32_t code = 0;

	while (v.len) {
		uint8_t c = v.data[0];

		if (c < 0x80) {
			v.data++;
			v.len--;
			if (json_escapes[c])
				p = json_escape(p, c, flat);
			else
				*p++ = (char)c;
			continue;
		}
		(void)text_decode(&v, &code);
		p += text_encode(code, (uint8_t *)p);
	}
	return p;
}

#if defined(__x86_64__)
#include <immintrin.h>

/*
 * With vectors: 32 (or 8) units at a time become bytes, and the same registers tell whether one of
 * them is not ASCII or needs an escape. A byte plus one is below 0x21 as a signed number exactly for
 * control characters, DEL and whatever is not ASCII.
 */
#define AVX2 __attribute__((target("avx2,bmi")))

AVX2 static inline uint32_t special32(__m256i bytes)
{
	__m256i low = _mm256_cmpgt_epi8(_mm256_set1_epi8(0x21), _mm256_add_epi8(bytes, _mm256_set1_epi8(1)));
	__m256i quote = _mm256_cmpeq_epi8(bytes, _mm256_set1_epi8('"'));
	__m256i slash = _mm256_cmpeq_epi8(bytes, _mm256_set1_epi8('\\'));

	return (uint32_t)_mm256_movemask_epi8(_mm256_or_si256(low, _mm256_or_si256(quote, slash)));
}

AVX2 static inline uint32_t special16(__m128i bytes)
{
	__m128i low = _mm_cmpgt_epi8(_mm_set1_epi8(0x21), _mm_add_epi8(bytes, _mm_set1_epi8(1)));
	__m128i quote = _mm_cmpeq_epi8(bytes, _mm_set1_epi8('"'));
	__m128i slash = _mm_cmpeq_epi8(bytes, _mm_set1_epi8('\\'));

	return (uint32_t)_mm_movemask_epi8(_mm_or_si128(low, _mm_or_si128(quote, slash)));
}

AVX2 static char *json16_avx2(char *p, const uint8_t *data, size_t len, bool flat)
{
	const __m256i wide = _mm256_set1_epi16((short)0xff80);
	const __m128i narrow = _mm_set1_epi16((short)0xff80);
	const uint8_t *end = data + (len & ~(size_t)1), *begin = data;

	for (;;) {
		size_t left = (size_t)(end - data);
		uint32_t mask;

		if (left >= 64) {
			__m256i a = _mm256_loadu_si256((const __m256i *)(const void *)data);
			__m256i b = _mm256_loadu_si256((const __m256i *)(const void *)(data + 32));
			__m256i bytes;

			if (!_mm256_testz_si256(_mm256_or_si256(a, b), wide))
				goto careful;
			bytes = _mm256_permute4x64_epi64(_mm256_packus_epi16(a, b), 0xd8);
			mask = special32(bytes);
			_mm256_storeu_si256((__m256i *)(void *)p, bytes);
			if (!mask) {
				p += 32;
				data += 64;
				continue;
			}
		} else if (left >= 16) {
			__m128i a = _mm_loadu_si128((const __m128i *)(const void *)data), bytes;

			if (left >= 32) {
				__m128i b = _mm_loadu_si128((const __m128i *)(const void *)(data + 16));

				if (!_mm_testz_si128(_mm_or_si128(a, b), narrow))
					goto careful;
				bytes = _mm_packus_epi16(a, b);
				mask = special16(bytes);
				_mm_storeu_si128((__m128i *)(void *)p, bytes);
				if (!mask) {
					p += 16;
					data += 32;
					continue;
				}
			} else {
				if (!_mm_testz_si128(a, narrow))
					goto careful;
				bytes = _mm_packus_epi16(a, a);
				mask = special16(bytes) & 0xff;
				_mm_storel_epi64((__m128i *)(void *)p, bytes);
				if (!mask) {
					p += 8;
					data += 16;
					continue;
				}
			}
		} else if (left == 0) {
			return p;
		} else if (end - begin >= 16) {
			/* The last 8 units, of which the first ones are written already. */
			unsigned skip = 8 - (unsigned)left / 2;
			__m128i a = _mm_loadu_si128((const __m128i *)(const void *)(end - 16)), bytes;
			uint64_t out;

			bytes = _mm_packus_epi16(a, a);
			mask = special16(bytes) | (uint32_t)_mm_movemask_epi8(_mm_packs_epi16(
							  _mm_cmpgt_epi16(a, _mm_set1_epi16(0x7f)), _mm_setzero_si128()));
			mask = (mask & 0xff) >> skip;
			/* A unit of 0x8000 and more is negative: packed to zero, which is special. */
			out = (uint64_t)_mm_cvtsi128_si64(bytes) >> (skip * 8);
			memcpy(p, &out, 8);
			if (!mask)
				return p + left / 2;
			if (data[__builtin_ctz(mask) * 2 + 1] || data[__builtin_ctz(mask) * 2] >= 0x80)
				goto careful;
		} else if (left >= 8) {
			/* 4 to 7 units: the first four and the last four. */
			__m128i a = _mm_loadl_epi64((const __m128i *)(const void *)data);
			__m128i b = _mm_loadl_epi64((const __m128i *)(const void *)(end - 8)), bytes;
			uint64_t out;

			a = _mm_unpacklo_epi64(a, b);
			if (!_mm_testz_si128(a, narrow))
				goto careful;
			bytes = _mm_packus_epi16(a, a);
			if (special16(bytes) & 0xff)
				return json16_plain(p, data, left, flat);
			out = (uint64_t)_mm_cvtsi128_si64(bytes);
			memcpy(p, &out, 4);
			out >>= 32;
			memcpy(p + left / 2 - 4, &out, 4);
			return p + left / 2;
		} else {
			return json16_plain(p, data, left, flat);
		}
		/* The first special one is ASCII: everything before it is written. */
		p += __builtin_ctz(mask);
		data += 2 * (size_t)__builtin_ctz(mask);
		p = json_escape(p, *data, flat);
		data += 2;
		continue;
careful: {
		struct view rest = { data, left };

		for (unsigned i = 0; i < 8 && rest.len; i++)
			p = json16_one(p, &rest, flat);
		data = rest.data;
	}
	}
}

AVX2 static char *json8_avx2(char *p, const uint8_t *data, size_t len, bool flat)
{
	const uint8_t *end = data + len;

	while (end - data >= 16) {
		uint32_t mask;

		if (end - data >= 32) {
			__m256i bytes = _mm256_loadu_si256((const __m256i *)(const void *)data);

			mask = special32(bytes);
			_mm256_storeu_si256((__m256i *)(void *)p, bytes);
			if (!mask) {
				p += 32;
				data += 32;
				continue;
			}
		} else {
			__m128i bytes = _mm_loadu_si128((const __m128i *)(const void *)data);

			mask = special16(bytes);
			_mm_storeu_si128((__m128i *)(void *)p, bytes);
			if (!mask) {
				p += 16;
				data += 16;
				continue;
			}
		}
		p += __builtin_ctz(mask);
		data += __builtin_ctz(mask);
		if (*data < 0x80) {
			p = json_escape(p, *data++, flat);
		} else {
			struct view rest = { data, (size_t)(end - data) };
			uint32_t code = 0;

			(void)text_decode(&rest, &code);
			p += text_encode(code, (uint8_t *)p);
			data = rest.data;
		}
	}
	return json8_plain(p, data, (size_t)(end - data), flat);
}

/* Chosen at the first call. Two threads that choose at once choose the same. */
static char *json16_choose(char *p, const uint8_t *data, size_t len, bool flat);
static char *json8_choose(char *p, const uint8_t *data, size_t len, bool flat);
static char *(*json16)(char *p, const uint8_t *data, size_t len, bool flat) = json16_choose;
static char *(*json8)(char *p, const uint8_t *data, size_t len, bool flat) = json8_choose;

static void choose(void)
{
	bool avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("bmi");

	__atomic_store_n(&json16, avx2 ? json16_avx2 : json16_plain, __ATOMIC_RELAXED);
	__atomic_store_n(&json8, avx2 ? json8_avx2 : json8_plain, __ATOMIC_RELAXED);
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
#else
#define json16 json16_plain
#define json8 json8_plain
#endif

char *text_put_json16(char *p, struct view utf16, bool flat)
{
	return json16(p, utf16.data, utf16.len, flat);
}

char *text_put_json(char *p, struct view utf8, bool flat)
{
	return json8(p, utf8.data, utf8.len, flat);
}

void text_json(struct buffer *out, struct view v)
{
	char *p = buffer_reserve(out, TEXT_JSON_ROOM(v.len));

	out->len += (size_t)(json8(p, v.data, v.len, false) - p);
}

void text_json_utf16(struct buffer *out, struct view v)
{
	char *p = buffer_reserve(out, TEXT_JSON16_ROOM(v.len));

	out->len += (size_t)(json16(p, v.data, v.len, false) - p);
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
	struct buffer repaired = { 0 };

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
