#include "base/age.h"

#include "base/aead.h"
#include "base/base64.h"
#include "base/curve25519.h"

#include <stdlib.h>
#include <string.h>
#ifndef _WIN32 /* collectors/windows/missing.h has it there */
#include <sys/random.h>
#endif

#define CHUNK	 65536
#define FILE_KEY 16
#define VERSION	 "age-encryption.org/v1\n"
#define WRAP	 "age-encryption.org/v1/X25519"
#define BODY	 (FILE_KEY + AEAD_TAG)

static bool random_bytes(void *out, size_t n)
{
	uint8_t *at = out;

	while (n) {
		ssize_t got = getrandom(at, n, 0);

		if (got <= 0)
			return false;
		at += got;
		n -= (size_t)got;
	}
	return true;
}

/* ---- Bech32: BIP 173, without its limit of 90 characters ---- */

static const char bech32_digits[] = "qpzry9x8gf2tvdw0s3jn54khce6mua7l";

static uint32_t bech32_step(uint32_t sum, uint8_t value)
{
	static const uint32_t generator[5] = {0x3b6a57b2, 0x26508e6d, 0x1ea119fa, 0x3d4233dd,
					      0x2a1462b3};
	uint8_t top = (uint8_t)(sum >> 25);

	sum = (sum & 0x1ffffff) << 5 ^ value;
	for (unsigned i = 0; i < 5; i++)
		if (top >> i & 1)
			sum ^= generator[i];
	return sum;
}

static uint32_t bech32_prefix(const char *prefix)
{
	uint32_t sum = 1;

	for (const char *s = prefix; *s; s++)
		sum = bech32_step(sum, (uint8_t)*s >> 5);
	sum = bech32_step(sum, 0);
	for (const char *s = prefix; *s; s++)
		sum = bech32_step(sum, *s & 31);
	return sum;
}

static void bech32_write(const char *prefix, const uint8_t key[AGE_KEY], char out[AGE_TEXT])
{
	uint32_t sum = bech32_prefix(prefix), bits = 0;
	size_t at = strlen(prefix);
	unsigned have = 0;

	memcpy(out, prefix, at);
	out[at++] = '1';
	/* 256 bits are 51 digits and one bit more, filled with zeros. */
	for (unsigned i = 0; i <= AGE_KEY; i++) {
		if (i < AGE_KEY) {
			bits = (bits & 0xff) << 8 | key[i];
			have += 8;
		} else {
			bits <<= 5 - have;
			have = 5;
		}
		while (have >= 5) {
			uint8_t value = bits >> (have - 5) & 31;

			have -= 5;
			sum = bech32_step(sum, value);
			out[at++] = bech32_digits[value];
		}
	}
	for (unsigned i = 0; i < 6; i++)
		sum = bech32_step(sum, 0);
	sum ^= 1;
	for (unsigned i = 0; i < 6; i++)
		out[at++] = bech32_digits[sum >> (25 - 5 * i) & 31];
	out[at] = '\0';
}

/* All lower or all upper case; the prefix here is in lower case. */
static bool bech32_read(const char *prefix, struct view text, uint8_t key[AGE_KEY])
{
	uint32_t sum = bech32_prefix(prefix), bits = 0;
	size_t n = strlen(prefix), count = 0;
	unsigned have = 0;
	bool lower = false, upper = false;

	if (text.len != n + 1 + 52 + 6)
		return false;
	for (size_t i = 0; i < text.len; i++) {
		lower = lower || (text.data[i] >= 'a' && text.data[i] <= 'z');
		upper = upper || (text.data[i] >= 'A' && text.data[i] <= 'Z');
	}
	if (lower && upper)
		return false;
	for (size_t i = 0; i < text.len; i++) {
		uint8_t c = text.data[i];
		const char *digit;

		if (c >= 'A' && c <= 'Z')
			c |= 0x20;
		if (i <= n) {
			if (c != (i < n ? (uint8_t)prefix[i] : '1'))
				return false;
			continue;
		}
		digit = c ? strchr(bech32_digits, c) : NULL;
		if (!digit)
			return false;
		sum = bech32_step(sum, (uint8_t)(digit - bech32_digits));
		if (i >= text.len - 6)
			continue;
		bits = bits << 5 | (uint32_t)(digit - bech32_digits);
		have += 5;
		if (have >= 8) {
			have -= 8;
			key[count++] = (uint8_t)(bits >> have);
			bits &= (1u << have) - 1;
		}
	}
	return sum == 1 && count == AGE_KEY && bits == 0;
}

/* ---- keys ---- */

int age_generate(struct age_key *secret)
{
	return random_bytes(secret->bytes, AGE_KEY) ? OK : ERR_IO;
}

void age_public(const struct age_key *secret, struct age_key *recipient)
{
	x25519_base(recipient->bytes, secret->bytes);
}

void age_recipient_text(const struct age_key *recipient, char out[AGE_TEXT])
{
	bech32_write("age", recipient->bytes, out);
}

void age_identity_text(const struct age_key *secret, char out[AGE_TEXT])
{
	bech32_write("age-secret-key-", secret->bytes, out);
	for (char *s = out; *s; s++)
		if (*s >= 'a' && *s <= 'z')
			*s = (char)(*s - 0x20);
}

bool age_recipient_parse(struct view text, struct age_key *recipient)
{
	return bech32_read("age", view_trim(text), recipient->bytes);
}

bool age_identity_parse(struct view text, struct age_key *secret)
{
	return bech32_read("age-secret-key-", view_trim(text), secret->bytes);
}

size_t age_identities_parse(struct view file, struct age_key **keys)
{
	struct view line;
	size_t count = 0, cap = 0;
	struct age_key one;

	*keys = NULL;
	while (view_line(&file, &line)) {
		if (!age_identity_parse(line, &one))
			continue;
		*keys = xgrow(*keys, &cap, count + 1, sizeof(one));
		(*keys)[count++] = one;
	}
	explicit_bzero(&one, sizeof(one));
	return count;
}

bool age_probe(struct view bytes)
{
	return view_starts(bytes, VERSION, sizeof(VERSION) - 1);
}

/* Base64 without padding of exactly n bytes. */
static bool read_exactly(struct view text, uint8_t *out, size_t n)
{
	struct buffer raw = {0};
	unsigned rest;
	bool ok = base64_read(text, &raw, &rest) == text.len && raw.len == n && rest == 0 &&
		  text.len == (n * 8 + 5) / 6;

	if (ok)
		memcpy(out, raw.data, n);
	buffer_release(&raw);
	return ok;
}

/* ---- the format ---- */

static void derive(const uint8_t *secret, size_t n, struct view salt, const char *info,
		   uint8_t out[32])
{
	hkdf_sha256(view_of(secret, n), salt, view_text(info), out, 32);
}

static void wrap_key(const uint8_t shared[32], const uint8_t share[32], const uint8_t recipient[32],
		     uint8_t out[32])
{
	uint8_t salt[64];

	memcpy(salt, share, 32);
	memcpy(salt + 32, recipient, 32);
	derive(shared, 32, view_of(salt, 64), WRAP, out);
}

/* The nonce of a chunk: 11 bytes of a counter, big endian, and whether it is the last. */
static void chunk_nonce(uint8_t nonce[AEAD_NONCE], uint64_t counter, bool last)
{
	memset(nonce, 0, AEAD_NONCE);
	for (unsigned i = 0; i < 8; i++)
		nonce[10 - i] = (uint8_t)(counter >> (8 * i));
	nonce[11] = last;
}

struct age_encrypt {
	age_write *write;
	void *data;
	uint8_t key[32];
	uint64_t counter;
	size_t held;
	uint8_t chunk[CHUNK + AEAD_TAG];
};

struct age_encrypt *age_encrypt_new(const struct age_key *recipients, size_t count,
				    age_write *write, void *data)
{
	static const uint8_t zero[AEAD_NONCE];
	struct age_encrypt *a = xcalloc(1, sizeof(*a));
	struct buffer head = {0};
	uint8_t file_key[FILE_KEY], nonce[16], mac[32], key[32];
	bool ok = count > 0 && random_bytes(file_key, sizeof(file_key)) &&
		  random_bytes(nonce, sizeof(nonce));

	a->write = write;
	a->data = data;
	buffer_string(&head, VERSION);
	for (size_t i = 0; i < count && ok; i++) {
		uint8_t secret[32], share[32], shared[32], body[BODY];

		ok = random_bytes(secret, sizeof(secret));
		x25519_base(share, secret);
		ok = ok && x25519(shared, secret, recipients[i].bytes);
		wrap_key(shared, share, recipients[i].bytes, key);
		memcpy(body, file_key, FILE_KEY);
		aead_seal(key, zero, body, FILE_KEY, body + FILE_KEY);
		buffer_string(&head, "-> X25519 ");
		base64_write(&head, view_of(share, sizeof(share)), false);
		buffer_char(&head, '\n');
		base64_write(&head, view_of(body, sizeof(body)), false);
		buffer_char(&head, '\n');
		explicit_bzero(secret, sizeof(secret));
		explicit_bzero(shared, sizeof(shared));
	}
	buffer_string(&head, "---");
	derive(file_key, FILE_KEY, VIEW_EMPTY, "header", key);
	hmac_sha256(view_of(key, 32), buffer_as_view(&head), mac);
	buffer_char(&head, ' ');
	base64_write(&head, view_of(mac, sizeof(mac)), false);
	buffer_char(&head, '\n');
	buffer_append(&head, nonce, sizeof(nonce));
	derive(file_key, FILE_KEY, view_of(nonce, sizeof(nonce)), "payload", a->key);
	ok = ok && write(data, head.data, head.len);
	explicit_bzero(file_key, sizeof(file_key));
	explicit_bzero(key, sizeof(key));
	buffer_release(&head);
	if (!ok) {
		age_encrypt_free(a);
		return NULL;
	}
	return a;
}

static bool flush(struct age_encrypt *a, bool last)
{
	uint8_t nonce[AEAD_NONCE];
	size_t n = a->held;

	chunk_nonce(nonce, a->counter++, last);
	aead_seal(a->key, nonce, a->chunk, n, a->chunk + n);
	a->held = 0;
	return a->write(a->data, a->chunk, n + AEAD_TAG);
}

bool age_encrypt_data(struct age_encrypt *a, const void *bytes, size_t n)
{
	const uint8_t *at = bytes;

	while (n) {
		size_t take = CHUNK - a->held;

		/* A full chunk is kept until more comes: the last one is marked. */
		if (take == 0) {
			if (!flush(a, false))
				return false;
			continue;
		}
		if (take > n)
			take = n;
		memcpy(a->chunk + a->held, at, take);
		a->held += take;
		at += take;
		n -= take;
	}
	return true;
}

bool age_encrypt_end(struct age_encrypt *a)
{
	return flush(a, true);
}

void age_encrypt_free(struct age_encrypt *a)
{
	if (!a)
		return;
	explicit_bzero(a, sizeof(*a));
	free(a);
}

/* The body of a stanza: lines of 64 digits and a shorter last one. Only what fits our kind is
 * decoded. */
static bool open_stanza(struct view arguments, struct view body, const struct age_key *identities,
			size_t count, uint8_t file_key[FILE_KEY])
{
	static const uint8_t zero[AEAD_NONCE];
	uint8_t share[32], raw[BODY], shared[32], key[32];
	struct view type;
	bool found = false;

	if (!view_token(&arguments, ' ', &type) || !view_is(type, "X25519") ||
	    !read_exactly(arguments, share, sizeof(share)) || !read_exactly(body, raw, sizeof(raw)))
		return false;
	for (size_t i = 0; i < count && !found; i++) {
		struct age_key public;

		age_public(&identities[i], &public);
		if (!x25519(shared, identities[i].bytes, share))
			continue;
		wrap_key(shared, share, public.bytes, key);
		memcpy(file_key, raw, FILE_KEY);
		found = aead_open(key, zero, file_key, FILE_KEY, raw + FILE_KEY);
	}
	explicit_bzero(shared, sizeof(shared));
	explicit_bzero(key, sizeof(key));
	return found;
}

int age_decrypt(struct view file, const struct age_key *identities, size_t count, age_write *write,
		void *data, struct problem *problem)
{
	uint8_t file_key[FILE_KEY] = {0}, key[32], mac[32], want[32], nonce[AEAD_NONCE], other = 0;
	struct view rest = file, line, arguments, body = VIEW_EMPTY;
	uint8_t *chunk = NULL;
	bool opened = false, end = false;
	size_t at = 0;
	int status = OK;

	if (!age_probe(file))
		return problem_set(problem, ERR_FORMAT, 0, "not an age file");
	(void)view_line(&rest, &line);
	while (!end && view_line(&rest, &line)) {
		if (view_starts(line, "-> ", 3)) {
			arguments = view_from(line, 3);
			body = VIEW_EMPTY;
			if (!view_line(&rest, &body))
				break;
			if (!opened)
				opened = open_stanza(arguments, body, identities, count, file_key);
		} else if (view_starts(line, "--- ", 4)) {
			end = true;
		} /* else more of a body that is not ours */
	}
	if (!end)
		return problem_set(problem, ERR_TRUNCATED, file.len, "the header does not end");
	if (!opened)
		return problem_set(problem, ERR_NOT_FOUND, 0, "none of the identities opens it");
	at = (size_t)(line.data - file.data);
	derive(file_key, FILE_KEY, VIEW_EMPTY, "header", key);
	hmac_sha256(view_of(key, 32), view_clip(file, 0, at + 3), want);
	if (!read_exactly(view_from(line, 4), mac, sizeof(mac)))
		return problem_set(problem, ERR_FORMAT, at, "no header MAC");
	for (unsigned i = 0; i < 32; i++)
		other |= mac[i] ^ want[i];
	if (other)
		return problem_set(problem, ERR_INTEGRITY, at, "the header is altered (MAC)");
	at = file.len - rest.len;
	if (rest.len < 16 + AEAD_TAG)
		return problem_set(problem, ERR_TRUNCATED, at, "the payload is missing");
	derive(file_key, FILE_KEY, view_clip(rest, 0, 16), "payload", key);
	explicit_bzero(file_key, sizeof(file_key));
	rest = view_from(rest, 16);
	chunk = xmalloc(CHUNK);
	for (uint64_t counter = 0;; counter++) {
		bool last = rest.len <= CHUNK + AEAD_TAG;
		struct view one = view_clip(rest, 0, CHUNK + AEAD_TAG);
		size_t n = one.len - AEAD_TAG;

		at = file.len - rest.len;
		if (one.len < AEAD_TAG || (n == 0 && counter)) {
			status = problem_set(problem, ERR_TRUNCATED, at,
					     "ends without its last chunk");
			break;
		}
		memcpy(chunk, one.data, n);
		chunk_nonce(nonce, counter, last);
		if (!aead_open(key, nonce, chunk, n, one.data + n)) {
			/* A full chunk that opens as one in the middle: the file was cut behind it.
			 */
			chunk_nonce(nonce, counter, false);
			if (last && n == CHUNK && aead_open(key, nonce, chunk, n, one.data + n) &&
			    write(data, chunk, n))
				status = problem_set(problem, ERR_TRUNCATED, file.len,
						     "ends without its last chunk");
			else
				status = problem_set(problem, last ? ERR_TRUNCATED : ERR_INTEGRITY,
						     at,
						     last ? "the last chunk is cut or altered"
							  : "a chunk is altered");
			break;
		}
		if (n && !write(data, chunk, n)) {
			status = problem_set(problem, ERR_STOPPED, at, "could not be written");
			break;
		}
		if (last)
			break;
		rest = view_from(rest, one.len);
	}
	explicit_bzero(key, sizeof(key));
	free(chunk);
	return status;
}
