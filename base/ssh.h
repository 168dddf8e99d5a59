/*
 * Keys and signatures in OpenSSH's formats, of which only Ed25519 is ours: private keys
 * (PROTOCOL.key), public keys (RFC 4253, 6.6; RFC 8709), signatures of files (PROTOCOL.sshsig).
 */
#ifndef KONSEKI_BASE_SSH_H
#define KONSEKI_BASE_SSH_H

#include "base/buffer.h"
#include "base/ed25519.h"
#include "base/status.h"

/* What signatures of bundles are made for: `ssh-keygen -Y verify -n file`. */
#define SSH_NAMESPACE "file"

struct ssh_key {
	uint8_t secret[ED25519_KEY], public[ED25519_KEY];
};

/*
 * A private key file as `ssh-keygen -t ed25519` writes it, without a passphrase. ERR_UNSUPPORTED
 * with a reason that names what it is instead (encrypted, another type or format, a public key),
 * ERR_FORMAT when it is damaged.
 */
int ssh_private_key(struct view file, struct ssh_key *key, struct problem *problem);

/*
 * The Ed25519 keys of a file: lines of NAME.pub, authorized_keys or allowed_signers. Lines with
 * options are left out and counted in *skipped: what they forbid is not judged here. Returns the
 * count; *keys is malloced, ED25519_KEY bytes each.
 */
size_t ssh_public_keys(struct view file, uint8_t **keys, unsigned *skipped);

/* "SHA256:..." of a key's blob in base64, as `ssh-keygen -l` shows it. */
void ssh_fingerprint(struct buffer *out, struct view base64);
/* The same of an Ed25519 key. */
void ssh_key_fingerprint(struct buffer *out, const uint8_t key[ED25519_KEY]);

/* Appends an armored signature, as `ssh-keygen -Y sign -n file` makes it. */
void ssh_sign(struct buffer *out, const struct ssh_key *key, struct view message);
/*
 * OK when the armored signature is one of the message for SSH_NAMESPACE, by `key` (which is set
 * also when it is not). ERR_FORMAT: no signature; ERR_UNSUPPORTED: another kind of key or hash;
 * ERR_INTEGRITY: of something else.
 */
int ssh_verify(struct view armored, struct view message, uint8_t key[ED25519_KEY],
	       struct problem *problem);

#endif
