/* The ciphers against their RFCs' vectors, age files there and back, cut and altered. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/aead.h"
#include "base/age.h"
#include "base/curve25519.h"

#include <stdlib.h>

static void unhex(const char *text, uint8_t *out)
{
	for (; text[0] && text[1]; text += 2) {
		char two[3] = {text[0], text[1], '\0'};

		*out++ = (uint8_t)strtoul(two, NULL, 16);
	}
}

/* RFC 7748, 5.2 and 6.1 */
static void test_x25519(void **unused)
{
	uint8_t k[32], u[32], want[32], out[32], shared[32];

	(void)unused;
	unhex("a546e36bf0527c9d3b16154b82465edd62144c0ac1fc5a18506a2244ba449ac4", k);
	unhex("e6db6867583030db3594c1a424b15f7c726624ec26b3353b10a903a6d0ab1c4c", u);
	unhex("c3da55379de9c6908e94ea4df28d084f32eccf03491c71f754b4075577a28552", want);
	assert_true(x25519(out, k, u));
	assert_memory_equal(out, want, 32);
	unhex("4b66e9d4d1b4673c5ad22691957d6af5c11b6421e0ea01d42ca4169e7918ba0d", k);
	unhex("e5210f12786811d3f4b7959d0538ae2c31dbe7106fc03c3efc4cd549c715a493", u);
	unhex("95cbde9476e8907d7aade45cb4b873f88b595a68799fa152e6f8f7647aac7957", want);
	assert_true(x25519(out, k, u));
	assert_memory_equal(out, want, 32);
	/* A thousand times, 5.2 */
	memset(k, 0, 32);
	k[0] = 9;
	memcpy(u, k, 32);
	for (unsigned i = 0; i < 1000; i++) {
		assert_true(x25519(out, k, u));
		memcpy(u, k, 32);
		memcpy(k, out, 32);
	}
	unhex("684cf59ba83309552800ef566f2f4d3c1c3887c49360e3875f2eb94d99532c51", want);
	assert_memory_equal(k, want, 32);
	unhex("77076d0a7318a57d3c16c17251b26645c6c2f6e5ed6b3a2b1e0d6f4c3e2f1a00",
	      k); /* any two secrets agree */
	unhex("5dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0eb", u);
	x25519_base(out, k);
	x25519_base(want, u);
	assert_true(x25519(shared, k, want));
	assert_true(x25519(want, u, out));
	assert_memory_equal(shared, want, 32);
	memset(u, 0, 32);
	assert_false(x25519(out, k, u));
}

/* RFC 8439, 2.8.2 and 2.4.2 */
static void test_aead(void **unused)
{
	static const char text[] =
		"Ladies and Gentlemen of the class of '99: If I could offer you only one tip for "
		"the future, "
		"sunscreen would be it.";
	uint8_t key[32], nonce[12], more[12], data[200], tag[16], want[200];
	size_t n = sizeof(text) - 1;

	(void)unused;
	unhex("808182838485868788898a8b8c8d8e8f909192939495969798999a9b9c9d9e9f", key);
	unhex("070000004041424344454647", nonce);
	unhex("50515253c0c1c2c3c4c5c6c7", more);
	memcpy(data, text, n);
	aead_seal(key, nonce, data, n, tag);
	unhex("d31a8d34648e60db7b86afbc53ef7ec2a4aded51296e08fea9e2b5a736ee62d63dbea45e8ca9671282fa"
	      "fb69da92728b1a71de0a9e060b2905d6a5b67ecd3b36"
	      "92ddbd7f2d778b8c9803aee328091b58fab324e4fad675945585808b4831d7bc3ff4def08e4b7a9de576"
	      "d26586cec64b6116",
	      want);
	assert_memory_equal(data, want, n);
	aead_tag(key, nonce, view_of(more, 12), view_of(data, n), tag);
	unhex("1ae10b594f09e26a7e902ecbd0600691", want);
	assert_memory_equal(tag, want, 16);
	aead_tag(key, nonce, VIEW_EMPTY, view_of(data, n), tag);
	assert_true(aead_open(key, nonce, data, n, tag));
	assert_memory_equal(data, text, n);
	tag[3] ^= 1;
	assert_false(aead_open(key, nonce, data, n, tag));
}

/* RFC 5869, A.1 and A.3; RFC 4231, 4.2 and 4.7 */
static void test_hkdf(void **unused)
{
	uint8_t secret[22], salt[13], info[10], out[42], want[42], long_key[131], mac[32];

	(void)unused;
	memset(secret, 0x0b, sizeof(secret));
	unhex("000102030405060708090a0b0c", salt);
	unhex("f0f1f2f3f4f5f6f7f8f9", info);
	hkdf_sha256(view_of(secret, 22), view_of(salt, 13), view_of(info, 10), out, 42);
	unhex("3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b88718586"
	      "5",
	      want);
	assert_memory_equal(out, want, 42);
	hkdf_sha256(view_of(secret, 22), VIEW_EMPTY, VIEW_EMPTY, out, 42);
	unhex("8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d9d201395faa4b61a96c"
	      "8",
	      want);
	assert_memory_equal(out, want, 42);
	memset(long_key, 0xaa, sizeof(long_key));
	hmac_sha256(view_of(long_key, 131),
		    view_text("Test Using Larger Than Block-Size Key - Hash Key First"), mac);
	unhex("60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54", want);
	assert_memory_equal(mac, want, 32);
}

static bool append(void *data, const void *bytes, size_t n)
{
	buffer_append(data, bytes, n);
	return true;
}

static void encrypt(struct buffer *out, const struct age_key *to, size_t count, const char *plain,
		    size_t n)
{
	struct age_encrypt *a = age_encrypt_new(to, count, append, out);

	assert_non_null(a);
	/* In uneven pieces. */
	for (size_t i = 0; i < n; i += 1000)
		assert_true(age_encrypt_data(a, plain + i, n - i < 1000 ? n - i : 1000));
	assert_true(age_encrypt_end(a));
	age_encrypt_free(a);
}

static void test_files(void **unused)
{
	static const size_t sizes[] = {0, 1, 65535, 65536, 65537, 131072, 200000};
	struct age_key secret[2], public[2], wrong;
	char *plain = xmalloc(200000);

	(void)unused;
	for (size_t i = 0; i < 200000; i++)
		plain[i] = (char)(i * 7 >> 3);
	for (unsigned i = 0; i < 2; i++) {
		assert_int_equal(age_generate(&secret[i]), OK);
		age_public(&secret[i], &public[i]);
	}
	assert_int_equal(age_generate(&wrong), OK);
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		struct buffer file = {0}, back = {0};
		struct problem p;

		encrypt(&file, public, 2, plain, sizes[i]);
		for (unsigned k = 0; k < 2; k++) {
			back.len = 0;
			assert_int_equal(age_decrypt(buffer_as_view(&file), &secret[k], 1, append,
						     &back, &p),
					 OK);
			assert_int_equal(back.len, sizes[i]);
			if (sizes[i])
				assert_memory_equal(back.data, plain, sizes[i]);
		}
		assert_int_equal(age_decrypt(buffer_as_view(&file), &wrong, 1, append, &back, &p),
				 ERR_NOT_FOUND);
		/* Cut: an error, and only true bytes before it. */
		for (size_t cut = 0; cut < file.len; cut += file.len < 1000 ? 1 : 997) {
			char *copy = xmemdup0(file.data, cut);

			back.len = 0;
			assert_true(age_decrypt(view_of(copy, cut), secret, 2, append, &back, &p) <
				    0);
			assert_true(back.len <= sizes[i]);
			if (back.len)
				assert_memory_equal(back.data, plain, back.len);
			free(copy);
		}
		for (size_t at = 0; at < file.len; at += file.len < 1000 ? 1 : 997) {
			file.data[at] ^= 0x10;
			back.len = 0;
			/* Another recipient's stanza may be hit and ours still open: the MAC must
			 * tell. */
			assert_true(age_decrypt(buffer_as_view(&file), &secret[0], 1, append, &back,
						&p) < 0);
			file.data[at] ^= 0x10;
		}
		buffer_release(&file);
		buffer_release(&back);
	}
	free(plain);
}

static void test_keys(void **unused)
{
	struct age_key secret, public, again, *list;
	char text[AGE_TEXT];
	struct buffer file = {0};

	(void)unused;
	assert_int_equal(age_generate(&secret), OK);
	age_public(&secret, &public);
	age_recipient_text(&public, text);
	assert_int_equal(strlen(text), 62);
	assert_true(age_recipient_parse(view_text(text), &again));
	assert_memory_equal(&again, &public, sizeof(again));
	text[20] = text[20] == 'q' ? 'p' : 'q';
	assert_false(age_recipient_parse(view_text(text), &again));
	assert_false(age_recipient_parse(view_text("age1"), &again));
	age_identity_text(&secret, text);
	assert_int_equal(strlen(text), 74);
	buffer_printf(&file, "# created: now\n\n%s\nnonsense\n%s\n", text, text);
	assert_int_equal(age_identities_parse(buffer_as_view(&file), &list), 2);
	assert_memory_equal(&list[1], &secret, sizeof(secret));
	free(list);
	buffer_release(&file);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_x25519), cmocka_unit_test(test_aead),
		cmocka_unit_test(test_hkdf),   cmocka_unit_test(test_keys),
		cmocka_unit_test(test_files),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
