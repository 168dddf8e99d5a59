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

static void json_control(struct buffer *out, uint32_t code)
{
	switch (code) {
	case '"':
		buffer_append(out, "\\\"", 2);
		break;
	case '\\':
		buffer_append(out, "\\\\", 2);
		break;
	case '\n':
		buffer_append(out, "\\n", 2);
		break;
	case '\r':
		buffer_append(out, "\\r", 2);
		break;
	case '\t':
		buffer_append(out, "\\t", 2);
		break;
	default:
		buffer_printf(out, "\\u%04x", code);
	}
}

static inline bool json_plain(uint32_t code)
{
	return code >= 0x20 && code != '"' && code != '\\' && code != 0x7f;
}

void text_json(struct buffer *out, struct view v)
{
	while (v.len) {
		size_t n = 0;
		uint32_t code;

		while (n < v.len && v.data[n] < 0x80 && json_plain(v.data[n]))
			n++;
		buffer_append(out, v.data, n);
		v = view_from(v, n);
		if (!text_decode(&v, &code))
			break;
		if (json_plain(code)) {
			char *at = buffer_reserve(out, 4);

			out->len += text_encode(code, (uint8_t *)at);
		} else {
			json_control(out, code);
		}
	}
}

void text_json_utf16(struct buffer *out, struct view v)
{
	uint32_t code;

	while (decode16(&v, &code)) {
		if (json_plain(code)) {
			char *at = buffer_reserve(out, 4);

			out->len += text_encode(code, (uint8_t *)at);
		} else {
			json_control(out, code);
		}
	}
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
