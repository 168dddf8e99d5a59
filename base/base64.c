#include "base/base64.h"

void base64_write(struct buffer *out, struct view bytes, bool padding)
{
	static const char digits[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

	for (size_t i = 0; i < bytes.len; i += 3) {
		size_t n = bytes.len - i < 3 ? bytes.len - i : 3;
		uint32_t bits = (uint32_t)bytes.data[i] << 16 |
				(n > 1 ? (uint32_t)bytes.data[i + 1] << 8 : 0) |
				(n > 2 ? bytes.data[i + 2] : 0u);

		for (size_t k = 0; k < 4; k++) {
			if (k <= n)
				buffer_char(out, digits[bits >> (18 - 6 * k) & 63]);
			else if (padding)
				buffer_char(out, '=');
		}
	}
}

static int value_of(uint8_t c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	return c == '+' ? 62 : c == '/' ? 63 : -1;
}

size_t base64_read(struct view text, struct buffer *out, unsigned *rest)
{
	uint32_t bits = 0;
	unsigned have = 0;
	size_t i = 0;

	for (; i < text.len; i++) {
		int value = value_of(text.data[i]);

		if (value < 0)
			break;
		bits = bits << 6 | (uint32_t)value;
		have += 6;
		if (have >= 8) {
			have -= 8;
			buffer_char(out, (char)(bits >> have));
			bits &= (1u << have) - 1;
		}
	}
	if (rest)
		*rest = bits;
	return i;
}
