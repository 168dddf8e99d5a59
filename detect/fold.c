/* Case folding that rules and values share: one code point to one, as towlower of Unicode does it. */
#include "detect/rule.h"

#include "base/text.h"

#include <locale.h>
#include <stdlib.h>
#include <wctype.h>

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

void fold_utf8(struct buffer *out, struct view text)
{
	uint32_t code;

	while (text.len) {
		char *at = buffer_reserve(out, text.len + 4);
		size_t n = 0;

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

		for (; i < units; i++) {
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
