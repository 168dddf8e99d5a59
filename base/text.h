/*
 * Text from evidence: UTF-16 to UTF-8, and escaping for each place that text can go to. Every
 * function takes any bytes at all and produces valid UTF-8 (but text_wtf8): what is not (lone
 * surrogates, stray bytes) becomes U+FFFD.
 */
#ifndef KONSEKI_BASE_TEXT_H
#define KONSEKI_BASE_TEXT_H

#include "base/buffer.h"

/* UTF-16LE (an odd last byte is dropped) to UTF-8. */
void text_utf16(struct buffer *out, struct view utf16);

/* The same, stopping at the first NUL unit. */
void text_utf16z(struct buffer *out, struct view utf16);

/*
 * The same, but a lone surrogate as the three bytes that UTF-8 would have for it (WTF-8): names of
 * Windows that differ only there stay apart. The one function here whose output may be no UTF-8.
 */
void text_wtf8(struct buffer *out, struct view utf16);

/* Repairs: appends the bytes as valid UTF-8. */
void text_utf8(struct buffer *out, struct view bytes);
bool text_is_utf8(struct view bytes);

/* Windows code page 1252 (a superset of Latin-1) to UTF-8. */
void text_cp1252(struct buffer *out, struct view bytes);

/* The inside of a JSON string (no quotes around it). */
void text_json(struct buffer *out, struct view utf8);
void text_json_utf16(struct buffer *out, struct view utf16);
/* The same with the quotes. */
void text_json_quoted(struct buffer *out, struct view utf8);

/*
 * The same into memory that the caller provides: at least as many bytes as the macros say (bytes of
 * input, the worst case of escapes, and what vectors write too much). Returns the end. `flat`
 * writes a blank for each control character instead of its escape, for what must be one line.
 */
#define TEXT_JSON_ROOM(len)   ((len)*6 + 64)
#define TEXT_JSON16_ROOM(len) ((len)*3 + 64)
char *text_put_json(char *p, struct view utf8, bool flat);
char *text_put_json16(char *p, struct view utf16, bool flat);

/*
 * Character data or attribute value of XML 1.0: & < > " ' and carriage returns escaped, characters
 * that XML forbids left out.
 */
void text_xml(struct buffer *out, struct view utf8);
/* The same of UTF-16, into TEXT_XML16_ROOM bytes that the caller provides. Returns the end. */
#define TEXT_XML16_ROOM(len) ((len)*3 + 64)
char *text_put_xml16(char *p, struct view utf16);

/* For a terminal: control characters, bidirectional overrides and invalid bytes as \xNN or \u{N}.
 */
void text_terminal(struct buffer *out, struct view utf8);

/* A TSV cell: tab, newline, return and backslash as \t \n \r \\. */
void text_tsv(struct buffer *out, struct view utf8);

/* A CSV cell (RFC 4180): quoted where it must be. */
void text_csv(struct buffer *out, struct view utf8);

/* One code point as UTF-8 into out[4]; returns the count of bytes. U+FFFD for what is no scalar. */
size_t text_encode(uint32_t code, uint8_t out[4]);

/* Takes a code point off the view; U+FFFD and one byte for an invalid one; false at the end. */
bool text_decode(struct view *rest, uint32_t *code);

/* ASCII letters to lower case, in place. */
void text_lower(char *s, size_t n);

#endif
