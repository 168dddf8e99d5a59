/* LZ77+Huffman: the example of [MS-XCA] 3.2, and inputs that lie. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "parsers/lzxpress.h"

/* "abcdefghijklmnopqrstuvwxyz": a..v have 5 bits, w..z and the symbol 256 have 4. */
static size_t alphabet(uint8_t in[320])
{
	static const uint8_t codes[] = {0xd8, 0x52, 0x3e, 0xd7, 0x94, 0x11, 0x5b, 0xe9, 0x19, 0x5f,
					0xf9, 0xd6, 0x7c, 0xdf, 0x8d, 0x04, 0x00, 0x00, 0x00, 0x00};

	memset(in, 0, 320);
	in[0x30] = 0x50;
	memset(in + 0x31, 0x55, 10);
	in[0x3b] = 0x45;
	in[0x3c] = 0x44;
	in[0x3d] = 0x04;
	in[0x80] = 0x04;
	memcpy(in + 256, codes, sizeof(codes));
	return 256 + sizeof(codes);
}

static void test_example(void **state)
{
	uint8_t in[320], out[26];
	size_t n = alphabet(in), made;

	(void)state;
	assert_int_equal(lzxpress_huffman(view_of(in, n), out, sizeof(out), &made), OK);
	assert_int_equal(made, 26);
	assert_memory_equal(out, "abcdefghijklmnopqrstuvwxyz", 26);
}

static void test_damage(void **state)
{
	uint8_t in[320], out[1000];
	size_t n = alphabet(in), made;

	(void)state;
	/* A size beyond what the codes give: what is there comes out, and an error. */
	assert_true(lzxpress_huffman(view_of(in, n), out, sizeof(out), &made) < 0 ||
		    made == sizeof(out));
	assert_int_equal(lzxpress_huffman(view_of(in, 100), out, sizeof(out), &made),
			 ERR_TRUNCATED);
	assert_int_equal(made, 0);
	in[0x31] = 0x11; /* more codes than there is room for */
	assert_int_equal(lzxpress_huffman(view_of(in, n), out, sizeof(out), &made), ERR_FORMAT);
	/* A match before the start: the first symbol is one of distance 1. */
	memset(in, 0x99, 256);
	in[256] = 0x00;
	in[257] = 0x80;
	assert_int_equal(lzxpress_huffman(view_of(in, 260), out, 10, &made), ERR_FORMAT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_example),
					   cmocka_unit_test(test_damage)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
