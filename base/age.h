/*
 * The age v1 file format (c2sp.org/age) with X25519 recipients: what we write `age -d` opens, and
 * the other way round. Streaming, 64 KiB at a time.
 */
#ifndef KONSEKI_BASE_AGE_H
#define KONSEKI_BASE_AGE_H

#include "base/buffer.h"
#include "base/status.h"

#define AGE_KEY	 32
#define AGE_TEXT 80 /* room for "age1..." or "AGE-SECRET-KEY-1..." with a NUL */

struct age_key {
	uint8_t bytes[AGE_KEY];
};

/* A new identity. ERR_IO when the system has no randomness. */
int age_generate(struct age_key *secret);
void age_public(const struct age_key *secret, struct age_key *recipient);
void age_recipient_text(const struct age_key *recipient, char out[AGE_TEXT]);
void age_identity_text(const struct age_key *secret, char out[AGE_TEXT]);
/* "age1...", "AGE-SECRET-KEY-1...". False when it is not one, or a letter of it is wrong. */
bool age_recipient_parse(struct view text, struct age_key *recipient);
bool age_identity_parse(struct view text, struct age_key *secret);
/* The identities of a file as `age-keygen` writes it: lines, # comments. The count; *keys is
 * malloced. */
size_t age_identities_parse(struct view file, struct age_key **keys);

/* True when the bytes begin an age file. */
bool age_probe(struct view bytes);

typedef bool age_write(void *data, const void *bytes, size_t n);

struct age_encrypt;
/* Writes the header at once. NULL when that failed, or there is no randomness. */
struct age_encrypt *age_encrypt_new(const struct age_key *recipients, size_t count,
				    age_write *write, void *data);
bool age_encrypt_data(struct age_encrypt *a, const void *bytes, size_t n);
/* The last chunk; without it the file does not open whole. */
bool age_encrypt_end(struct age_encrypt *a);
void age_encrypt_free(struct age_encrypt *a);

/*
 * Decrypts a whole age file. ERR_FORMAT: none, or damaged; ERR_NOT_FOUND: no identity of these
 * opens it; ERR_TRUNCATED: ends too early; ERR_INTEGRITY: a chunk was altered. What is whole before
 * the fault was written. ERR_STOPPED: `write` said no.
 */
int age_decrypt(struct view file, const struct age_key *identities, size_t count, age_write *write,
		void *data, struct problem *problem);

#endif
