#include "parsers/encoded.h"

#include "base/sha256.h"
#include "base/text.h"
#include "parsers/inflate.h"

#define RUN_LEAST    16 /* letters of base64 in a row without which nothing is looked at */
#define RUN_PLAIN    24 /* ... where nothing else says that they are base64 */
#define RUN_ZEROS    3	/* how many A a short one has: zero bytes of UTF-16 */
#define HASHED_LEAST 64 /* bytes of a binary that deserve a hash */

/* The number of a letter of base64, and one; 0 for anything else. */
static const uint8_t letters[256] = {
	['A'] = 1,  2,	3,  4,	5,  6,	7,  8,	9,  10, 11,	    12,		13,
	14,	    15, 16, 17, 18, 19, 20, 21, 22, 23, 24,	    25,		26,
	['a'] = 27, 28, 29, 30, 31, 32, 33, 34, 35, 36, 37,	    38,		39,
	40,	    41, 42, 43, 44, 45, 46, 47, 48, 49, 50,	    51,		52,
	['0'] = 53, 54, 55, 56, 57, 58, 59, 60, 61, 62, ['+'] = 63, ['/'] = 64,
};

static int sextet(uint8_t c)
{
	return letters[c] - 1;
}

static inline uint8_t letter(const uint8_t *text, size_t i, size_t wide)
{
	return wide == 2 && text[i * 2 + 1] ? 0 : letters[text[i * wide]];
}

/* Whether there is a run of base64 that is worth a look, in n units of `wide` bytes. */
static inline bool run_in(const uint8_t *text, size_t n, size_t wide)
{
	/* Every run of that length has a letter at one of these places: look there, and only then
	 * back. */
	for (size_t at = RUN_LEAST - 1; at < n; at += RUN_LEAST) {
		size_t back = 0, zeros = 0;
		uint8_t c;

		for (; back <= at && (c = letter(text, at - back, wide)); back++)
			zeros += c == 1;
		for (; back && at + 1 < n && back < RUN_PLAIN && (c = letter(text, at + 1, wide));
		     back++, at++)
			zeros += c == 1;
		if (back >= RUN_PLAIN || (back >= RUN_LEAST && zeros >= RUN_ZEROS))
			return true;
	}
	return false;
}

bool encoded_likely(const struct value *v)
{
	if (v->type == VALUE_LIST) {
		for (uint32_t i = 0; i < v->len; i++)
			if (v->list[i].type != VALUE_LIST && encoded_likely(&v->list[i]))
				return true;
		return false;
	}
	return (v->type == VALUE_UTF16 && run_in(v->data, v->len / 2, 2)) ||
	       (v->type == VALUE_UTF8 && run_in(v->data, v->len, 1));
}

static bool mentions(struct view text, const char *word)
{
	size_t n = strlen(word);

	for (size_t i = 0; view_has(text, i, n); i++) {
		size_t k = 0;

		while (k < n && (text.data[i + k] | 0x20) == word[k])
			k++;
		if (k == n)
			return true;
	}
	return false;
}

struct work {
	struct arena *arena;
	struct encoded *out;
	size_t left; /* bytes that may still be decoded */
};

/* The end of a run of base64 that begins at `at`; its letters go to `run` (carets that cmd.exe
 * drops, line breaks and 'abc' + 'def' in it left out). */
static size_t take_run(struct view text, size_t at, struct buffer *run)
{
	uint8_t quote = at ? text.data[at - 1] : 0;
	size_t i = at;

	run->len = 0;
	if (quote != '\'' && quote != '"')
		quote = 0;
	while (i < text.len) {
		uint8_t c = text.data[i];
		size_t j = i;

		if (sextet(c) >= 0) {
			buffer_char(run, (char)c);
			i++;
			continue;
		}
		if (c == '^') {
			i++;
			continue;
		}
		/* Base64 that was broken into lines. */
		while (j < text.len && (text.data[j] == '\r' || text.data[j] == '\n'))
			j++;
		if (j > i && run->len >= RUN_LEAST && j < text.len && sextet(text.data[j]) >= 0) {
			size_t k = j;

			while (k < text.len && sextet(text.data[k]) >= 0)
				k++;
			/* The next line is all base64 too, up to its end or the quote. */
			if (k == text.len || strchr("=\r\n'\"", text.data[k])) {
				i = j;
				continue;
			}
		}
		if (quote && c == quote) {
			bool plus = false;

			for (j = i + 1; j < text.len && strchr(" \t\r\n+`", text.data[j]); j++)
				plus |= text.data[j] == '+';
			if (plus && j + 1 < text.len && text.data[j] == quote &&
			    sextet(text.data[j + 1]) >= 0) {
				i = j + 1;
				continue;
			}
		}
		break;
	}
	return i;
}

static void decode64(struct view run, struct buffer *out)
{
	uint32_t bits = 0;
	unsigned have = 0;

	for (size_t i = 0; i < run.len; i++) {
		bits = bits << 6 | (uint32_t)(sextet(run.data[i]) & 63);
		have += 6;
		if (have >= 8) {
			have -= 8;
			buffer_char(out, (char)(bits >> have));
		}
	}
}

static bool control(uint32_t c)
{
	return (c < 0x20 && c != '\t' && c != '\r' && c != '\n') || c == 0x7f;
}

/* Text of UTF-16LE: nearly all of it ASCII; `any`: other scripts too, as long as it is valid. */
static bool is_utf16(struct view v, bool any)
{
	size_t plain = 0, n = v.len / 2;

	if (n < 2 || v.len % 2)
		return false;
	for (size_t i = 0; i < n; i++) {
		uint16_t u = view_get16(v, i * 2);

		if (u < 0x80 && control(u))
			return false;
		if (u >= 0xdc00 && u < 0xe000)
			return false;
		if (u >= 0xd800 && u < 0xdc00 && (view_get16(v, ++i * 2) & 0xfc00) != 0xdc00)
			return false;
		plain += u < 0x80;
	}
	return plain * 5 >= n * 4 || (any && plain * 5 >= n);
}

static bool is_text(struct view v)
{
	struct view rest = v;
	uint32_t c;

	if (v.len < 4 || !text_is_utf8(v))
		return false;
	while (text_decode(&rest, &c))
		if (control(c))
			return false;
	return true;
}

/* What one run of base64 may be, by where it stands. */
struct hint {
	bool option;  /* behind -EncodedCommand */
	bool decoded; /* the text decodes base64 itself */
	bool deflate; /* ... and inflates */
};

static void find(struct work *w, struct view text, unsigned depth);

static void found_text(struct work *w, const char *how, struct view utf8, unsigned depth)
{
	char *copy;

	/* The same command stands in several fields of some events. */
	for (size_t i = 0; i < w->out->count; i++)
		if (view_equal(view_of(w->out->text[i].data, w->out->text[i].len), utf8))
			return;
	copy = w->out->count < ENCODED_MAX ? arena_strndup(w->arena, utf8.data, utf8.len) : NULL;
	if (!copy)
		return;
	w->out->how[w->out->count] = how;
	w->out->text[w->out->count++] = value_view(view_of(copy, utf8.len));
	find(w, view_of(copy, utf8.len), depth + 1);
}

static void found_binary(struct work *w, struct view bytes)
{
	uint8_t digest[SHA256_SIZE];
	char hex[2 * SHA256_SIZE + 1];

	if (bytes.len < HASHED_LEAST || w->out->hash_count == ENCODED_MAX)
		return;
	sha256(bytes, digest);
	sha256_hex(digest, hex);
	w->out->hash[w->out->hash_count++] =
		value_text(arena_strndup(w->arena, hex, sizeof(hex) - 1));
}

enum pack { PLAIN, GZIP, ZLIB, DEFLATE };

static void decode(struct work *w, struct view run, struct hint hint, unsigned depth)
{
	static const char *const wide[] = {"base64 UTF-16LE", "base64 gzip UTF-16LE",
					   "base64 zlib UTF-16LE", "base64 deflate UTF-16LE"};
	static const char *const narrow[] = {"base64 UTF-8", "base64 gzip UTF-8",
					     "base64 zlib UTF-8", "base64 deflate UTF-8"};
	struct buffer bytes = {0}, unpacked = {0}, utf8 = {0};
	enum pack pack = PLAIN;
	struct view v;

	run = view_clip(run, 0, w->left / 3 * 4);
	decode64(run, &bytes);
	w->left -= bytes.len;
	v = buffer_as_view(&bytes);
	if (view_starts(v, "\x1f\x8b\x08", 3)) {
		(void)inflate_gzip(v, w->left, &unpacked);
		pack = GZIP;
	} else if (v.len > 2 && v.data[0] == 0x78 && (v.data[0] * 256u + v.data[1]) % 31 == 0) {
		(void)inflate_raw(view_from(v, 2), w->left, &unpacked); /* RFC 1950 */
		pack = ZLIB;
	} else if (hint.deflate && !is_text(v) && !is_utf16(v, false)) {
		if (inflate_raw(v, w->left, &unpacked) < 0)
			unpacked.len = 0;
		pack = DEFLATE;
	}
	if (unpacked.len) {
		v = buffer_as_view(&unpacked);
		w->left -= v.len < w->left ? v.len : w->left;
	} else {
		pack = PLAIN;
	}
	/* By chance alone, bytes are hardly ever UTF-16 of ASCII or packed: these need no hint. */
	if (is_utf16(v, hint.option) && (v.len >= 16 || hint.option || hint.decoded)) {
		text_utf16(&utf8, view_starts(v, "\xff\xfe", 2) ? view_from(v, 2) : v);
		found_text(w, wide[pack], buffer_as_view(&utf8), depth);
	} else if ((hint.option || hint.decoded || pack != PLAIN) && is_text(v)) {
		found_text(w, narrow[pack], view_starts(v, "\xef\xbb\xbf", 3) ? view_from(v, 3) : v,
			   depth);
	} else if (hint.decoded || pack != PLAIN) {
		found_binary(w, v);
	}
	buffer_release(&bytes);
	buffer_release(&unpacked);
	buffer_release(&utf8);
}

/*
 * Does "-EncodedCommand" or a beginning of it (-e, -ec, -enc, ...; with / or a typographic dash too)
 * end at `at`, with blanks, a colon or quotes between?
 */
static bool behind_option(struct view text, size_t at)
{
	static const char name[] = "encodedcommand";
	char word[24];
	size_t n = 0, i = at;
	bool apart = false;

	while (i && strchr(" \t\"'\\^:", text.data[i - 1])) {
		i--;
		apart = true;
	}
	if (!apart)
		return false;
	while (i && n < sizeof(word)) {
		uint8_t c = text.data[i - 1];

		if (c == '^' || c == '`' || c == '"') {
			i--;
			continue;
		}
		if ((c | 0x20) < 'a' || (c | 0x20) > 'z')
			break;
		word[n++] = (char)(c | 0x20);
		i--;
	}
	if (!n || n > sizeof(name) - 1 || !i)
		return false;
	for (size_t k = 0; k < n / 2; k++) {
		char c = word[k];

		word[k] = word[n - 1 - k];
		word[n - 1 - k] = c;
	}
	if (memcmp(word, name, n) != 0 && !(n == 2 && memcmp(word, "ec", 2) == 0))
		return false;
	/* U+2013 to U+2015 serve as dashes: e2 80 93 to 95 */
	return text.data[i - 1] == '-' || text.data[i - 1] == '/' ||
	       (i >= 3 && text.data[i - 3] == 0xe2 && text.data[i - 2] == 0x80 &&
		text.data[i - 1] >= 0x93 && text.data[i - 1] <= 0x95);
}

static void find(struct work *w, struct view text, unsigned depth)
{
	struct buffer run = {0};
	struct hint hint = {.decoded = mentions(text, "base64"),
			    .deflate = mentions(text, "deflate")};
	size_t at = 0;

	if (depth >= ENCODED_DEPTH)
		return;
	while (at < text.len && w->left && w->out->count < ENCODED_MAX) {
		size_t end;

		if (sextet(text.data[at]) < 0) {
			at++;
			continue;
		}
		end = take_run(text, at, &run);
		hint.option = run.len >= 4 && behind_option(text, at);
		if (run.len >= (hint.option ? 4 : hint.decoded ? RUN_LEAST : RUN_PLAIN))
			decode(w, buffer_as_view(&run), hint, depth);
		at = end > at ? end : at + 1;
	}
	buffer_release(&run);
}

void encoded_find(struct arena *a, struct view utf8, struct encoded *out)
{
	struct work w = {.arena = a, .out = out, .left = LIMIT_DECODED};

	find(&w, utf8, 0);
}

static struct value list(struct arena *a, const struct value *values, size_t n)
{
	struct value *copy;

	if (n == 1)
		return values[0];
	copy = n ? arena_alloc(a, n * sizeof(*copy)) : NULL;
	if (!copy)
		return (struct value){.type = VALUE_ABSENT};
	memcpy(copy, values, n * sizeof(*copy));
	return (struct value){.type = VALUE_LIST, .len = (uint32_t)n, .list = copy};
}

size_t encoded_fields(struct arena *a, const struct encoded *found, struct view *names,
		      struct value *values)
{
	struct value how[ENCODED_MAX];
	size_t n = 0;

	for (size_t i = 0; i < found->count; i++)
		how[i] = value_text(found->how[i]);
	if (found->count) {
		names[n] = view_text("DecodedCommand");
		values[n++] = list(a, found->text, found->count);
		names[n] = view_text("Decoding");
		values[n++] = list(a, how, found->count);
	}
	if (found->hash_count) {
		names[n] = view_text("DecodedSha256");
		values[n++] = list(a, found->hash, found->hash_count);
	}
	return n;
}

bool encoded_field(struct view name)
{
#define NAME(text)                                                                                 \
	{                                                                                          \
		(const uint8_t *)(text), sizeof(text) - 1                                          \
	}
	static const struct view names[] = {NAME("CommandLine"),
					    NAME("ScriptBlockText"),
					    NAME("HostApplication"),
					    NAME("Payload"),
					    NAME("ContextInfo"),
					    NAME("ImagePath"),
					    NAME("ServiceFileName"),
					    NAME("TaskContent"),
					    NAME("TaskContentNew"),
					    NAME("Data"),
					    NAME("Text"),
					    NAME("ActionArguments")};
#undef NAME

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (view_equal(name, names[i]))
			return true;
	return false;
}
