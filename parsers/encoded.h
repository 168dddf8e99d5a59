/*
 * Commands that are handed to PowerShell encoded: what is inside of them.
 *
 * Read are the argument of -EncodedCommand (any beginning of that name that PowerShell takes;
 * base64 of UTF-16LE) and texts in base64 that a script decodes itself (FromBase64String), gzip,
 * zlib or DEFLATE below it, UTF-16LE or UTF-8 at the end, one inside another. What is found stands
 * in fields of its own; the original stays as it is.
 */
#ifndef KONSEKI_PARSERS_ENCODED_H
#define KONSEKI_PARSERS_ENCODED_H

#include "parsers/parser.h"

#define ENCODED_MAX 16 /* layers and texts that are kept of one command */

struct encoded {
	size_t count, hash_count;
	struct value text[ENCODED_MAX]; /* the outermost first; UTF-8 in the arena */
	const char *how[ENCODED_MAX];	/* "base64 UTF-16LE": of each text, static */
	struct value hash[ENCODED_MAX]; /* SHA-256 (hex) of what is no text: programs, shellcode */
};

/* Cheap: whether there is a run of base64 letters long enough to be looked at. */
bool encoded_likely(const struct value *v);

/* Adds what is encoded in the text to *out, zeroed at first. */
void encoded_find(struct arena *a, struct view utf8, struct encoded *out);

/*
 * The fields of what was found: DecodedCommand (a list when there are several), Decoding and
 * DecodedSha256, into names and values that have room for ENCODED_FIELDS. Returns how many.
 */
#define ENCODED_FIELDS 3
size_t encoded_fields(struct arena *a, const struct encoded *found, struct view *names,
		      struct value *values);

/* Whether a field of that name holds a command. */
bool encoded_field(struct view name);

#endif
