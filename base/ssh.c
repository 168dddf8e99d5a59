#include "base/ssh.h"

#include "base/base64.h"
#include "base/sha256.h"
#include "base/sha512.h"

#include <stdio.h>

#define KEY_TYPE "ssh-ed25519"

/* ---- RFC 4251, 5: strings with their length in front, big endian ---- */

static void put32(struct buffer *b, uint32_t n)
{
	n = __builtin_bswap32(n);
	buffer_append(b, &n, 4);
}

static void put_string(struct buffer *b, struct view v)
{
	put32(b, (uint32_t)v.len);
	buffer_view(b, v);
}

static bool take32(struct view *rest, uint32_t *n)
{
	if (!view_u32be(*rest, 0, n))
		return false;
	*rest = view_from(*rest, 4);
	return true;
}

static bool take_string(struct view *rest, struct view *out)
{
	uint32_t n;

	if (!take32(rest, &n) || !view_has(*rest, 0, n))
		return false;
	*out = view_sub(*rest, 0, n);
	*rest = view_from(*rest, n);
	return true;
}

/* RFC 8709, 4 */
static void put_key(struct buffer *b, const uint8_t key[ED25519_KEY])
{
	put_string(b, view_text(KEY_TYPE));
	put_string(b, view_of(key, ED25519_KEY));
}

static bool take_key(struct view blob, uint8_t key[ED25519_KEY])
{
	struct view type, point;

	if (!take_string(&blob, &type) || !view_is(type, KEY_TYPE) || !take_string(&blob, &point) ||
	    point.len != ED25519_KEY || blob.len)
		return false;
	memcpy(key, point.data, ED25519_KEY);
	return true;
}

/* ---- armor: base64 between two lines ---- */

/* False when the lines are not there or something else is between them. */
static bool unarmor(struct view text, const char *what, struct buffer *out)
{
	struct buffer digits = {0};
	char begin[60], end[60];
	struct view line;
	bool inside = false, whole = false;
	size_t n = 0;

	(void)snprintf(begin, sizeof(begin), "-----BEGIN %s-----", what);
	(void)snprintf(end, sizeof(end), "-----END %s-----", what);
	while (!whole && view_line(&text, &line)) {
		line = view_trim(line);
		if (!inside)
			inside = view_is(line, begin);
		else if (view_is(line, end))
			whole = true;
		else
			buffer_view(&digits, line);
	}
	if (whole) {
		struct view v = buffer_as_view(&digits);

		n = base64_read(v, out, NULL);
		while (n < v.len && v.data[n] == '=')
			n++;
		whole = n && n == v.len;
	}
	if (digits.data)
		explicit_bzero(digits.data, digits.cap);
	buffer_release(&digits);
	return whole;
}

/* ---- private keys: openssh-portable, PROTOCOL.key ---- */

/* What a file is that we do not take. */
static const char *other_kind(struct view file)
{
	static const struct {
		const char *begins, *what;
	} kinds[] = {
		{"-----BEGIN ENCRYPTED PRIVATE KEY-----", "an encrypted PKCS#8 key"},
		{"-----BEGIN PRIVATE KEY-----", "a PKCS#8 key"},
		{"-----BEGIN RSA PRIVATE KEY-----", "an RSA key in PEM"},
		{"-----BEGIN EC PRIVATE KEY-----", "an ECDSA key in PEM"},
		{"-----BEGIN DSA PRIVATE KEY-----", "a DSA key in PEM"},
		{"PuTTY-User-Key-File", "PuTTY's key file"},
		{"AGE-SECRET-KEY-1", "an age identity, which encrypts and does not sign"},
		{"# created:", "an age identity, which encrypts and does not sign"},
		{"ssh-", "a public key: the private one is beside it, without .pub"},
		{"ecdsa-", "a public key"},
		{"sk-", "a public key"},
	};

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (view_starts(file, kinds[i].begins, strlen(kinds[i].begins)))
			return kinds[i].what;
	return NULL;
}

int ssh_private_key(struct view file, struct ssh_key *key, struct problem *problem)
{
	struct buffer raw = {0};
	struct view rest, cipher, kdf, kdf_options, public, secret, type, point, comment;
	uint32_t count, check[2];
	const char *other = other_kind(file), *why = "is damaged";
	int status = ERR_FORMAT;

	if (other)
		return problem_set(problem, ERR_UNSUPPORTED, PROBLEM_NO_OFFSET,
				   "is %s; wanted is what ssh-keygen -t ed25519 writes", other);
	if (!unarmor(file, "OPENSSH PRIVATE KEY", &raw)) {
		why = "is no private key of OpenSSH";
		goto out;
	}
	rest = buffer_as_view(&raw);
	if (!view_starts(rest, "openssh-key-v1", 15))
		goto out;
	rest = view_from(rest, 15);
	if (!take_string(&rest, &cipher) || !take_string(&rest, &kdf) ||
	    !take_string(&rest, &kdf_options) || !take32(&rest, &count) || count != 1 ||
	    !take_string(&rest, &public) || !take_string(&rest, &secret))
		goto out;
	if (!view_is(cipher, "none") || !view_is(kdf, "none")) {
		status = ERR_UNSUPPORTED;
		why = "has a passphrase, which is not asked for here; a copy without one: "
		      "ssh-keygen -p -N '' -f COPY";
		goto out;
	}
	rest = secret;
	if (!take32(&rest, &check[0]) || !take32(&rest, &check[1]) || check[0] != check[1] ||
	    !take_string(&rest, &type))
		goto out;
	if (!view_is(type, KEY_TYPE)) {
		(void)problem_set(problem, ERR_UNSUPPORTED, PROBLEM_NO_OFFSET,
				  "is a key of type %.*s; only ssh-ed25519 signs here",
				  (int)(type.len < 60 ? type.len : 60), (const char *)type.data);
		status = ERR_UNSUPPORTED;
		why = NULL;
		goto out;
	}
	if (!take_string(&rest, &point) || !take_string(&rest, &secret) ||
	    !take_string(&rest, &comment) || point.len != ED25519_KEY ||
	    secret.len != 2 * ED25519_KEY)
		goto out;
	memcpy(key->secret, secret.data, ED25519_KEY);
	ed25519_public(key->public, key->secret);
	/* Three copies of the public key: a signature for another than the secret's would give the
	 * secret away. */
	if (memcmp(key->public, point.data, ED25519_KEY) != 0 ||
	    memcmp(key->public, secret.data + ED25519_KEY, ED25519_KEY) != 0) {
		explicit_bzero(key, sizeof(*key));
		why = "is damaged: its public and its secret part do not belong together";
		goto out;
	}
	status = OK;
out:
	if (raw.data)
		explicit_bzero(raw.data, raw.cap);
	buffer_release(&raw);
	if (status < 0 && why)
		(void)problem_set(problem, status, PROBLEM_NO_OFFSET, "%s", why);
	return status;
}

/* ---- public keys ---- */

size_t ssh_public_keys(struct view file, uint8_t **keys, unsigned *skipped)
{
	size_t count = 0, cap = 0;
	struct view line;

	*keys = NULL;
	*skipped = 0;
	while (view_line(&file, &line)) {
		struct buffer blob = {0};
		struct view first, type;
		uint8_t key[ED25519_KEY];

		line = view_trim(line);
		if (line.len == 0 || line.data[0] == '#')
			continue;
		/* "ssh-ed25519 KEY", or "PRINCIPALS ssh-ed25519 KEY" (ssh-keygen(1), ALLOWED
		 * SIGNERS) */
		first = view_word(&line);
		type = view_is(first, KEY_TYPE) ? first : view_word(&line);
		if (!view_is(type, KEY_TYPE)) {
			++*skipped;
			continue;
		}
		(void)base64_read(view_word(&line), &blob, NULL);
		if (take_key(buffer_as_view(&blob), key)) {
			*keys = xgrow(*keys, &cap, (count + 1) * ED25519_KEY, 1);
			memcpy(*keys + count++ * ED25519_KEY, key, ED25519_KEY);
		} else {
			++*skipped;
		}
		buffer_release(&blob);
	}
	return count;
}

static void fingerprint(struct buffer *out, struct view blob)
{
	uint8_t digest[SHA256_SIZE];

	sha256(blob, digest);
	buffer_string(out, "SHA256:");
	base64_write(out, view_of(digest, sizeof(digest)), false);
}

void ssh_fingerprint(struct buffer *out, struct view base64)
{
	struct buffer blob = {0};

	(void)base64_read(base64, &blob, NULL);
	fingerprint(out, buffer_as_view(&blob));
	buffer_release(&blob);
}

void ssh_key_fingerprint(struct buffer *out, const uint8_t key[ED25519_KEY])
{
	struct buffer blob = {0};

	put_key(&blob, key);
	fingerprint(out, buffer_as_view(&blob));
	buffer_release(&blob);
}

/* ---- signatures: openssh-portable, PROTOCOL.sshsig ---- */

#define SIGNATURE_MAGIC "SSHSIG"

/* What is signed: not the message but its digest, and what it is for. */
static void signed_text(struct buffer *out, struct view hash, struct view digest)
{
	buffer_string(out, SIGNATURE_MAGIC);
	put_string(out, view_text(SSH_NAMESPACE));
	put_string(out, VIEW_EMPTY);
	put_string(out, hash);
	put_string(out, digest);
}

void ssh_sign(struct buffer *out, const struct ssh_key *key, struct view message)
{
	struct buffer text = {0}, blob = {0}, part = {0}, coded = {0};
	uint8_t digest[SHA512_SIZE], signature[ED25519_SIGNATURE];
	struct view hash = view_text("sha512"), rest;

	sha512(message, digest);
	signed_text(&text, hash, view_of(digest, sizeof(digest)));
	ed25519_sign(signature, key->secret, buffer_as_view(&text));
	buffer_string(&blob, SIGNATURE_MAGIC);
	put32(&blob, 1);
	put_key(&part, key->public);
	put_string(&blob, buffer_as_view(&part));
	put_string(&blob, view_text(SSH_NAMESPACE));
	put_string(&blob, VIEW_EMPTY);
	put_string(&blob, hash);
	part.len = 0;
	put_string(&part, view_text(KEY_TYPE));
	put_string(&part, view_of(signature, sizeof(signature)));
	put_string(&blob, buffer_as_view(&part));
	base64_write(&coded, buffer_as_view(&blob), true);
	buffer_string(out, "-----BEGIN SSH SIGNATURE-----\n");
	for (rest = buffer_as_view(&coded); rest.len;
	     rest = view_from(rest, rest.len < 70 ? rest.len : 70)) {
		buffer_view(out, view_clip(rest, 0, 70));
		buffer_char(out, '\n');
	}
	buffer_string(out, "-----END SSH SIGNATURE-----\n");
	buffer_release(&text);
	buffer_release(&blob);
	buffer_release(&part);
	buffer_release(&coded);
}

int ssh_verify(struct view armored, struct view message, uint8_t key[ED25519_KEY],
	       struct problem *problem)
{
	struct buffer raw = {0}, text = {0};
	struct view rest, public, name, reserved, hash, signature, type, bytes;
	uint8_t digest[SHA512_SIZE];
	const char *why = "is no signature of ssh-keygen";
	int status = ERR_FORMAT;
	uint32_t version;

	if (!unarmor(armored, "SSH SIGNATURE", &raw))
		goto out;
	rest = buffer_as_view(&raw);
	if (!view_starts(rest, SIGNATURE_MAGIC, 6))
		goto out;
	rest = view_from(rest, 6);
	if (!take32(&rest, &version) || version != 1 || !take_string(&rest, &public) ||
	    !take_string(&rest, &name) || !take_string(&rest, &reserved) ||
	    !take_string(&rest, &hash) || !take_string(&rest, &signature) || rest.len)
		goto out;
	status = ERR_UNSUPPORTED;
	why = "is made with another key than ssh-ed25519";
	if (!take_key(public, key) || !take_string(&signature, &type) || !view_is(type, KEY_TYPE) ||
	    !take_string(&signature, &bytes) || bytes.len != ED25519_SIGNATURE || signature.len)
		goto out;
	why = "is not over SHA-256 or SHA-512";
	if (view_is(hash, "sha512")) {
		sha512(message, digest);
		signed_text(&text, hash, view_of(digest, SHA512_SIZE));
	} else if (view_is(hash, "sha256")) {
		sha256(message, digest);
		signed_text(&text, hash, view_of(digest, SHA256_SIZE));
	} else {
		goto out;
	}
	status = ERR_INTEGRITY;
	why = "is made for another purpose than \"" SSH_NAMESPACE "\"";
	if (!view_is(name, SSH_NAMESPACE))
		goto out;
	why = "is not a signature of this text by this key";
	if (ed25519_verify(bytes.data, key, buffer_as_view(&text)))
		status = OK;
out:
	buffer_release(&raw);
	buffer_release(&text);
	return status == OK ? OK : problem_set(problem, status, PROBLEM_NO_OFFSET, "%s", why);
}
