/* SHA-512, Ed25519, and OpenSSH's keys and signatures: the RFCs' vectors, what must be refused, and
 * each bit. ssh-keygen's own word is in tests/cmd/collect.t. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/base64.h"
#include "base/sha512.h"
#include "base/ssh.h"

#include <stdlib.h>

static size_t unhex(const char *text, uint8_t *out)
{
	size_t n = 0;

	for (; text[0] && text[1]; text += 2) {
		char two[3] = {text[0], text[1], '\0'};

		out[n++] = (uint8_t)strtoul(two, NULL, 16);
	}
	return n;
}

static void digest_is(struct view v, const char *hex)
{
	uint8_t want[SHA512_SIZE], have[SHA512_SIZE];
	struct sha512 h;

	unhex(hex, want);
	sha512(v, have);
	assert_memory_equal(have, want, sizeof(have));
	/* And in pieces. */
	for (size_t step = 1; step < 200; step += 37) {
		sha512_init(&h);
		for (size_t at = 0; at < v.len; at += step) {
			struct view piece = view_clip(v, at, step);

			sha512_update(&h, piece.data, piece.len);
		}
		sha512_final(&h, have);
		assert_memory_equal(have, want, sizeof(have));
	}
}

/* FIPS 180-4's examples; lengths around the padding's edge by the independent word of sha512sum. */
static void test_sha512(void **unused)
{
	static char many[1000000];

	(void)unused;
	digest_is(view_text("abc"),
		  "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a"
		  "2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f");
	digest_is(VIEW_EMPTY,
		  "cf83e1357eefb8bdf1542850d66d8007d620e4050b5715dc83f4a921d36ce9ce"
		  "47d0d13c5d85f2b0ff8318d2877eec2f63b931bd47417a81a538327af927da3e");
	digest_is(view_text("abcdefghbcdefghicdefghijdefghijkefghijklfghijklmghijklmn"
			    "hijklmnoijklmnopjklmnopqklmnopqrlmnopqrsmnopqrstnopqrstu"),
		  "8e959b75dae313da8cf4f72814fc143f8f7779c6eb9f7fa17299aeadb6889018"
		  "501d289e4900f7e4331b99dec4b5433ac7d329eeb6dd26545e96e55b874be909");
	memset(many, 'a', sizeof(many));
	digest_is(view_of(many, sizeof(many)),
		  "e718483d0ce769644e2e42c7bc15b4638e1f98b13b2044285632a803afa973eb"
		  "de0ff244877ea60a4cb0432ce577c31beb009c5c2c49aa2e4eadb217ad8cc09b");
}

/* RFC 8032, 7.1 */
static const struct vector {
	const char *secret, *public, *message, *signature;
} vectors[] = {
	{"9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
	 "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a", "",
	 "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e3970"
	 "1cf9b46bd25bf5f0595bbe24655141438e7a100b"},
	{"4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
	 "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c", "72",
	 "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613"
	 "d0f11d8c387b2eaeb4302aeeb00d291612bb0c00"},
	{"c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
	 "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025", "af82",
	 "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760"
	 "984dc6594a7c15e9716ed28dc027beceea1ec40a"},
	{"833fe62409237b9d62ec77587520911e9a759cec1d19755b7da901b96dca3d42",
	 "ec172b93ad5e563bf4932c70e1245034c35467ef2efd4d64ebf819683467e2bf",
	 "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a"
	 "2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f",
	 "dc2a4459e7369633a52b1bf277839a00201009a3efbf3ecb69bea2186c26b58909351fc9ac90b3ecfdfbc7c6"
	 "6431e0303dca179c138ac17ad9bef1177331a704"},
};

/* A little-endian number plus L; false when it does not fit. */
static bool add_order(uint8_t s[32])
{
	uint8_t order[32];
	unsigned carry = 0;

	unhex("edd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010", order);
	for (unsigned i = 0; i < 32; i++) {
		carry += (unsigned)s[i] + order[i];
		s[i] = (uint8_t)carry;
		carry >>= 8;
	}
	return carry == 0;
}

static void test_ed25519(void **unused)
{
	(void)unused;
	for (size_t i = 0; i < sizeof(vectors) / sizeof(vectors[0]); i++) {
		uint8_t secret[32], public[32], want[64], have[64], key[32], message[64];
		struct view m = view_of(message, unhex(vectors[i].message, message));

		unhex(vectors[i].secret, secret);
		unhex(vectors[i].public, public);
		unhex(vectors[i].signature, want);
		ed25519_public(key, secret);
		assert_memory_equal(key, public, 32);
		ed25519_sign(have, secret, m);
		assert_memory_equal(have, want, 64);
		assert_true(ed25519_verify(want, public, m));
		/* No bit of signature, key or message may be another. */
		for (unsigned bit = 0; bit < 512; bit += i ? 7 : 1) {
			have[bit / 8] ^= (uint8_t)(1u << bit % 8);
			assert_false(ed25519_verify(have, public, m));
			have[bit / 8] ^= (uint8_t)(1u << bit % 8);
		}
		for (unsigned bit = 0; bit < 256; bit += 5) {
			key[bit / 8] ^= (uint8_t)(1u << bit % 8);
			assert_false(ed25519_verify(have, key, m));
			key[bit / 8] ^= (uint8_t)(1u << bit % 8);
		}
		for (size_t bit = 0; bit < m.len * 8; bit += 3) {
			message[bit / 8] ^= (uint8_t)(1u << bit % 8);
			assert_false(ed25519_verify(have, public, m));
			message[bit / 8] ^= (uint8_t)(1u << bit % 8);
		}
		/* S is one number below L, not any that is congruent (RFC 8032, 8.4). */
		while (add_order(have + 32))
			assert_false(ed25519_verify(have, public, m));
		memset(have, 0, 64);
		assert_false(ed25519_verify(have, public, m));
	}
}

/* Keys that are no points, or points in another than their one form (RFC 8032, 5.1.3). */
static void test_bad_keys(void **unused)
{
	static const char *const keys[] = {
		/* y = 2: x^2 is no square */
		"0200000000000000000000000000000000000000000000000000000000000000",
		/* p, p + 1: y not below p */
		"edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
		"eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
		/* y = 1 and y = -1 with the sign of an x that is zero */
		"0100000000000000000000000000000000000000000000000000000000000080",
		"ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
	};
	uint8_t key[32], signature[64] = {0};

	(void)unused;
	/* R = the neutral point, S = 0: right for every message under the neutral key. */
	signature[0] = 1;
	unhex("0100000000000000000000000000000000000000000000000000000000000000", key);
	assert_true(ed25519_verify(signature, key, view_text("x")));
	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		unhex(keys[i], key);
		assert_false(ed25519_verify(signature, key, view_text("x")));
	}
}

/* RFC 4648, 10 */
static void test_base64(void **unused)
{
	static const char *const pairs[][2] = {{"", ""},
					       {"f", "Zg=="},
					       {"fo", "Zm8="},
					       {"foo", "Zm9v"},
					       {"foob", "Zm9vYg=="},
					       {"fooba", "Zm9vYmE="},
					       {"foobar", "Zm9vYmFy"}};
	struct buffer b = {0};
	unsigned rest;

	(void)unused;
	for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
		struct view coded = view_text(pairs[i][1]);

		b.len = 0;
		base64_write(&b, view_text(pairs[i][0]), true);
		assert_string_equal(buffer_text(&b), pairs[i][1]);
		b.len = 0;
		base64_write(&b, view_text(pairs[i][0]), false);
		assert_int_equal(b.len, strcspn(pairs[i][1], "="));
		b.len = 0;
		assert_int_equal(base64_read(coded, &b, &rest), strcspn(pairs[i][1], "="));
		assert_string_equal(buffer_text(&b), pairs[i][0]);
		assert_int_equal(rest, 0);
	}
	b.len = 0;
	assert_int_equal(base64_read(view_text("Zh!"), &b, &rest), 2);
	assert_int_equal(rest, 1);
	buffer_release(&b);
}

static void test_signature(void **unused)
{
	struct ssh_key key;
	struct buffer text = {0}, changed = {0};
	struct problem problem;
	uint8_t by[32];
	struct view message = view_text("{\"schema\":1}\n");
	size_t refused = 0;

	(void)unused;
	unhex(vectors[0].secret, key.secret);
	unhex(vectors[0].public, key.public);
	ssh_sign(&text, &key, message);
	assert_int_equal(ssh_verify(buffer_as_view(&text), message, by, &problem), OK);
	assert_memory_equal(by, key.public, 32);
	assert_int_equal(ssh_verify(buffer_as_view(&text), view_text("other"), by, &problem),
			 ERR_INTEGRITY);
	/* Every character of it counts, but for the line ends. */
	for (size_t i = 0; i < text.len; i++) {
		changed.len = 0;
		buffer_append(&changed, text.data, text.len);
		if (changed.data[i] == '\n')
			continue;
		changed.data[i] = changed.data[i] == 'A' ? 'B' : 'A';
		refused += ssh_verify(buffer_as_view(&changed), message, by, &problem) < 0;
		/* Cut anywhere it must not be read past its end. */
		(void)ssh_verify(view_clip(buffer_as_view(&text), 0, i), message, by, &problem);
	}
	/* All but the bits of the last digit that are no whole byte. */
	assert_in_range(refused, text.len - 10, text.len);
	buffer_release(&text);
	buffer_release(&changed);
}

static void test_refused_keys(void **unused)
{
	static const struct {
		const char *text, *reason;
		int status;
	} cases[] = {
		{"", "no private key", ERR_FORMAT},
		{"-----BEGIN RSA PRIVATE KEY-----\n", "RSA", ERR_UNSUPPORTED},
		{"-----BEGIN PRIVATE KEY-----\nMC4=\n-----END PRIVATE KEY-----\n", "PKCS#8",
		 ERR_UNSUPPORTED},
		{"ssh-ed25519 AAAA x\n", "public key", ERR_UNSUPPORTED},
		{"AGE-SECRET-KEY-1X", "age", ERR_UNSUPPORTED},
		{"-----BEGIN OPENSSH PRIVATE KEY-----\n!!\n-----END OPENSSH PRIVATE KEY-----\n",
		 "no private key", ERR_FORMAT},
		{"-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\n-----END OPENSSH PRIVATE KEY-----\n",
		 "damaged", ERR_FORMAT},
		{"-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\n", "no private key", ERR_FORMAT},
	};
	struct problem problem;
	struct ssh_key key;

	(void)unused;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_int_equal(ssh_private_key(view_text(cases[i].text), &key, &problem),
				 cases[i].status);
		assert_non_null(strstr(problem.reason, cases[i].reason));
	}
}

static void test_public_keys(void **unused)
{
	/* The one of vector 1 in its three places, a damaged one, an RSA key, one with options. */
	static const char file[] =
		"# comment\n"
		"ssh-ed25519 "
		"AAAAC3NzaC1lZDI1NTE5AAAAINdamAGCsQq31Uv+08lkBzoO4XLz2qYjJa8CGmj3B1Ea me@here\n"
		"me@here ssh-ed25519 "
		"AAAAC3NzaC1lZDI1NTE5AAAAINdamAGCsQq31Uv+08lkBzoO4XLz2qYjJa8CGmj3B1Ea\n"
		"me cert-authority ssh-ed25519 "
		"AAAAC3NzaC1lZDI1NTE5AAAAINdamAGCsQq31Uv+08lkBzoO4XLz2qYjJa8CGmj3B1Ea\n"
		"ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAINdamAGC\n"
		"ssh-rsa AAAAB3NzaC1yc2E=\n";
	uint8_t *keys, want[32];
	unsigned skipped;

	(void)unused;
	unhex(vectors[0].public, want);
	assert_int_equal(ssh_public_keys(view_text(file), &keys, &skipped), 2);
	assert_int_equal(skipped, 3);
	assert_memory_equal(keys, want, 32);
	assert_memory_equal(keys + 32, want, 32);
	free(keys);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sha512),	   cmocka_unit_test(test_ed25519),
		cmocka_unit_test(test_bad_keys),   cmocka_unit_test(test_base64),
		cmocka_unit_test(test_signature),  cmocka_unit_test(test_refused_keys),
		cmocka_unit_test(test_public_keys)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
