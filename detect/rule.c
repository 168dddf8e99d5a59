#include "detect/rule.h"
#include "detect/tree.h"

#include "base/base64.h"
#include "base/limits.h"
#include "base/text.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <dirent.h>
#include <stdarg.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

static const char *const level_texts[] = {"informational", "low", "medium", "high", "critical"};

const char *level_text(enum level level)
{
	return (unsigned)level < LEVEL_COUNT ? level_texts[level] : "informational";
}

enum level level_of(const char *text)
{
	for (unsigned i = 0; i < LEVEL_COUNT; i++)
		if (strcmp(level_texts[i], text) == 0)
			return (enum level)i;
	return LEVEL_COUNT;
}

/* ---- the set ---- */

struct filter {
	const char **rules; /* ids or names; count 0: any */
	uint32_t rule_count;
	struct logsource logsource;
	struct rule *body; /* selections and condition */
	const char *path;
	uint32_t line;
};

struct placeholder {
	const char *name;
	struct texts_list {
		const char **items;
		uint32_t count;
	} values;
};

struct ruleset_private {
	uint32_t *predicate_slots, *field_slots; /* index + 1, open addressing */
	size_t predicate_mask, field_mask;
	struct filter *filters;
	size_t filter_count, filter_cap;
	struct placeholder *placeholders;
	size_t placeholder_count, placeholder_cap;
	struct trees *trees; /* or NULL */
	/* of the document being read */
	struct problem problem;
	uint32_t line;
	uint32_t predicates; /* of this rule */
	const char *path;
};

struct ruleset *ruleset_new(void)
{
	struct ruleset *set = xcalloc(1, sizeof(*set));

	set->arena.limit = LIMIT_RULES_MEMORY;
	set->private = xcalloc(1, sizeof(*set->private));
	set->private->predicate_mask = set->private->field_mask = 1023;
	set->private->predicate_slots = xcalloc(1024, sizeof(uint32_t));
	set->private->field_slots = xcalloc(1024, sizeof(uint32_t));
	(void)ruleset_field(set, "");
	return set;
}

void ruleset_free(struct ruleset *set)
{
	if (!set)
		return;
	free(set->private->predicate_slots);
	free(set->private->field_slots);
	free(set->private->filters);
	free(set->private->placeholders);
	free(set->private);
	free(set->rules);
	free(set->problems);
	free(set->warnings);
	free(set->predicates);
	free(set->fields);
	arena_release(&set->arena);
	free(set);
}

void ruleset_trees(struct ruleset *set, struct trees *trees)
{
	set->private->trees = trees;
}

/* Rules are bounded in number by their files' size and in memory by the arena: past its limit the
 * process ends, as for any other lack of memory. */
static void *need(struct ruleset *set, size_t n)
{
	void *p = arena_zalloc(&set->arena, n ? n : 1);

	if (!p) {
		errno = ENOMEM;
		(void)xmalloc(SIZE_MAX / 2);
	}
	return p;
}

static const char *keep(struct ruleset *set, const char *s, size_t n)
{
	char *p = need(set, n + 1);

	memcpy(p, s, n);
	return p;
}

static const char *keep_text(struct ruleset *set, const char *s)
{
	return s ? keep(set, s, strlen(s)) : NULL;
}

static uint64_t hash_bytes(uint64_t h, const void *data, size_t n)
{
	const uint8_t *p = data;
	uint64_t x;

	for (; n >= 8; p += 8, n -= 8) {
		memcpy(&x, p, 8);
		h = (h ^ x) * UINT64_C(0x9e3779b97f4a7c15);
		h ^= h >> 32;
	}
	for (size_t i = 0; i < n; i++)
		h = (h ^ p[i]) * UINT64_C(0x100000001b3);
	return h ^ h >> 29;
}

uint32_t ruleset_field(struct ruleset *set, const char *name)
{
	struct ruleset_private *x = set->private;
	uint64_t h = hash_bytes(UINT64_C(0xcbf29ce484222325), name, strlen(name));
	size_t at = h & x->field_mask;

	for (; x->field_slots[at]; at = (at + 1) & x->field_mask)
		if (strcmp(set->fields[x->field_slots[at] - 1], name) == 0)
			return x->field_slots[at] - 1;
	set->fields =
		xgrow(set->fields, &set->field_cap, set->field_count + 1, sizeof(*set->fields));
	set->fields[set->field_count++] = keep_text(set, name);
	x->field_slots[at] = (uint32_t)set->field_count;
	if (set->field_count * 2 > x->field_mask) {
		x->field_mask = x->field_mask * 2 + 1;
		free(x->field_slots);
		x->field_slots = xcalloc(x->field_mask + 1, sizeof(uint32_t));
		for (uint32_t i = 0; i < set->field_count; i++) {
			const char *s = set->fields[i];

			h = hash_bytes(UINT64_C(0xcbf29ce484222325), s, strlen(s));
			for (at = h & x->field_mask; x->field_slots[at];
			     at = (at + 1) & x->field_mask)
				;
			x->field_slots[at] = i + 1;
		}
	}
	return (uint32_t)set->field_count - 1;
}

uint32_t ruleset_field_find(const struct ruleset *set, const char *name)
{
	const struct ruleset_private *x = set->private;
	uint64_t h = hash_bytes(UINT64_C(0xcbf29ce484222325), name, strlen(name));

	for (size_t at = h & x->field_mask; x->field_slots[at]; at = (at + 1) & x->field_mask)
		if (strcmp(set->fields[x->field_slots[at] - 1], name) == 0)
			return x->field_slots[at] - 1;
	return FIELD_ANY;
}

static uint64_t predicate_hash(const struct predicate *p)
{
	uint64_t h = UINT64_C(0xcbf29ce484222325);
	uint32_t head[] = {(uint32_t)p->type | (uint32_t)p->cased << 8 | (uint32_t)p->op << 16 |
				   (uint32_t)p->part << 24,
			   (uint32_t)p->anchor | (uint32_t)p->prefix << 8 |
				   (uint32_t)p->regex_i << 16,
			   p->field, p->other};

	h = hash_bytes(h, head, sizeof(head));
	h = hash_bytes(h, p->address, sizeof(p->address));
	h = hash_bytes(h, &p->number, sizeof(p->number));
	h = hash_bytes(h, p->text.data, p->text.len);
	return h ^ h >> 29;
}

static bool predicate_same(const struct predicate *a, const struct predicate *b)
{
	return a->type == b->type && a->cased == b->cased && a->op == b->op && a->part == b->part &&
	       a->anchor == b->anchor && a->regex_i == b->regex_i && a->regex_m == b->regex_m &&
	       a->regex_s == b->regex_s && a->family == b->family && a->prefix == b->prefix &&
	       memcmp(a->address, b->address, 16) == 0 && a->field == b->field &&
	       a->other == b->other && a->integral == b->integral && a->integer == b->integer &&
	       /* the same bits, NaN included. NOLINTNEXTLINE(bugprone-suspicious-memory-comparison) */
	       memcmp(&a->number, &b->number, sizeof(a->number)) == 0 &&
	       view_equal(a->text, b->text);
}

uint32_t ruleset_predicate(struct ruleset *set, const struct predicate *p)
{
	struct ruleset_private *x = set->private;
	size_t at = predicate_hash(p) & x->predicate_mask;

	for (; x->predicate_slots[at]; at = (at + 1) & x->predicate_mask)
		if (predicate_same(&set->predicates[x->predicate_slots[at] - 1], p))
			return x->predicate_slots[at] - 1;
	set->predicates = xgrow(set->predicates, &set->predicate_cap, set->predicate_count + 1,
				sizeof(*set->predicates));
	set->predicates[set->predicate_count] = *p;
	set->predicates[set->predicate_count].text =
		view_of(keep(set, (const char *)(p->text.data ? p->text.data : (const uint8_t *)""),
			     p->text.len),
			p->text.len);
	x->predicate_slots[at] = (uint32_t)++set->predicate_count;
	if (set->predicate_count * 2 > x->predicate_mask) {
		x->predicate_mask = x->predicate_mask * 2 + 1;
		free(x->predicate_slots);
		x->predicate_slots = xcalloc(x->predicate_mask + 1, sizeof(uint32_t));
		for (uint32_t i = 0; i < set->predicate_count; i++) {
			for (at = predicate_hash(&set->predicates[i]) & x->predicate_mask;
			     x->predicate_slots[at]; at = (at + 1) & x->predicate_mask)
				;
			x->predicate_slots[at] = i + 1;
		}
	}
	return (uint32_t)set->predicate_count - 1;
}

struct node *node_make(struct ruleset *set, enum node_type type, uint32_t count)
{
	struct node *n = need(set, sizeof(*n));

	n->type = (uint8_t)type;
	n->count = count;
	n->kids = need(set, count * sizeof(*n->kids));
	return n;
}

const struct rule *ruleset_find(const struct ruleset *set, const char *text)
{
	for (size_t i = 0; i < set->rule_count; i++)
		if (set->rules[i]->id && strcasecmp(set->rules[i]->id, text) == 0)
			return set->rules[i];
	for (size_t i = 0; i < set->rule_count; i++)
		if (set->rules[i]->name && strcmp(set->rules[i]->name, text) == 0)
			return set->rules[i];
	for (size_t i = 0; i < set->rule_count; i++)
		if (strcmp(set->rules[i]->title, text) == 0)
			return set->rules[i];
	return NULL;
}

/* ---- refusing ---- */

#define refuse(set, at, ...) refuse_at(set, (at) ? (at)->line : 0, __VA_ARGS__)
__attribute__((format(printf, 3, 4))) static int refuse_at(struct ruleset *set, uint32_t line,
							   const char *fmt, ...)
{
	va_list args;

	set->private->line = line;
	set->private->problem.offset = PROBLEM_NO_OFFSET;
	va_start(args, fmt);
	(void)vsnprintf(set->private->problem.reason, sizeof(set->private->problem.reason), fmt,
			args);
	va_end(args);
	return ERR_FORMAT;
}

void ruleset_warn(struct ruleset *set, const char *path, uint32_t line, const char *fmt, ...)
{
	char reason[400];
	va_list args;

	if (!set->lint)
		return;
	va_start(args, fmt);
	(void)vsnprintf(reason, sizeof(reason), fmt, args);
	va_end(args);
	set->warnings = xgrow(set->warnings, &set->warning_cap, set->warning_count + 1,
			      sizeof(*set->warnings));
	set->warnings[set->warning_count++] = (struct rule_problem){
		.path = keep_text(set, path), .line = line, .reason = keep_text(set, reason)};
}

/* What lint says of a document that loads nevertheless. */
#define warn(set, at, ...) ruleset_warn(set, (set)->private->path, (at)->line, __VA_ARGS__)

static void problem_add(struct ruleset *set, const char *path, uint32_t line, const char *title,
			const char *id, const char *reason)
{
	set->problems = xgrow(set->problems, &set->problem_cap, set->problem_count + 1,
			      sizeof(*set->problems));
	set->problems[set->problem_count++] =
		(struct rule_problem){.path = keep_text(set, path),
				      .line = line,
				      .title = keep_text(set, title),
				      .id = keep_text(set, id),
				      .reason = keep_text(set, reason)};
}

/* ---- values and modifiers ---- */

struct variant {
	struct buffer text; /* UTF-8 with PATTERN_ANY, PATTERN_ONE; bytes when `raw` */
	bool raw;
};
struct variants {
	struct variant *items;
	size_t count, cap;
};

static void variants_release(struct variants *v)
{
	for (size_t i = 0; i < v->count; i++)
		buffer_release(&v->items[i].text);
	free(v->items);
	memset(v, 0, sizeof(*v));
}

static struct buffer *variant_add(struct variants *v)
{
	v->items = xgrow(v->items, &v->cap, v->count + 1, sizeof(*v->items));
	v->items[v->count] = (struct variant){0};
	return &v->items[v->count++].text;
}

/* In a value with placeholders until they are expanded: a '%' that begins none. */
#define PLAIN_PERCENT ((uint8_t)0xfd)

/*
 * Escapes (specification, "Escape Character"): a backslash stands for itself unless a wildcard or another
 * backslash follows it; under expand also a '%' ("Placeholders").
 */
static void unescape(struct buffer *out, struct view v, bool expands)
{
	for (size_t i = 0; i < v.len; i++) {
		char c = (char)v.data[i];

		if (c == '\\' && i + 1 < v.len &&
		    (v.data[i + 1] == '*' || v.data[i + 1] == '?' || v.data[i + 1] == '\\'))
			buffer_char(out, (char)v.data[++i]);
		else if (expands && c == '\\' && i + 1 < v.len && v.data[i + 1] == '%' &&
			 i++ < v.len)
			buffer_char(out, (char)PLAIN_PERCENT);
		else if (c == '*')
			buffer_char(out, (char)PATTERN_ANY);
		else if (c == '?')
			buffer_char(out, (char)PATTERN_ONE);
		else
			buffer_char(out, c);
	}
}

/* The dash that begins at i, or 0: '-', '/', en dash, em dash, horizontal bar. Its bytes go to *len. */
static uint32_t dash_at(struct view t, size_t i, size_t *len)
{
	*len = 1;
	if (t.data[i] == '-' || t.data[i] == '/')
		return t.data[i];
	*len = 3;
	if (i + 2 < t.len && t.data[i] == 0xe2 && t.data[i + 1] == 0x80 && t.data[i + 2] >= 0x93 &&
	    t.data[i + 2] <= 0x95)
		return 0x2000u + (t.data[i + 2] & 0x3f);
	*len = 0;
	return 0;
}

static bool word_code(uint32_t code)
{
	return code == '_' || (code < 0x80 ? isalnum((int)code) : fold_is_letter(code));
}

static bool word_before(struct view t, size_t i)
{
	struct view rest;
	uint32_t code;

	if (i == 0 || t.data[i - 1] >= PLAIN_PERCENT)
		return false;
	do
		i--;
	while (i > 0 && (t.data[i] & 0xc0) == 0x80);
	rest = view_from(t, i);
	return text_decode(&rest, &code) && word_code(code);
}

static bool word_after(struct view t, size_t i)
{
	struct view rest = view_from(t, i);
	uint32_t code;

	return rest.len && rest.data[0] < PLAIN_PERCENT && text_decode(&rest, &code) &&
	       word_code(code);
}

/*
 * windash: each of five dashes that begins a word stands for all five; all permutations. Dashes inside words
 * (`a-b`) and before none (`- `) stay what they are, as in pySigma: the specification names flags.
 */
static int windash(struct ruleset *set, const struct yaml *at, struct variants *v)
{
	static const char *const dashes[] = {"-", "/", "\xe2\x80\x93", "\xe2\x80\x94",
					     "\xe2\x80\x95"};
	struct variants out = {0};

	for (size_t i = 0; i < v->count; i++) {
		struct view text = buffer_as_view(&v->items[i].text);
		size_t places = 0, total = 1;

		for (int pass = 0; pass < 2; pass++) {
			for (size_t k = 0; k < (pass ? total : 1); k++) {
				struct buffer *b = pass ? variant_add(&out) : NULL;
				size_t rest = k, n;

				for (size_t j = 0; j < text.len; j += n) {
					if (dash_at(text, j, &n) && !word_before(text, j) &&
					    word_after(text, j + n)) {
						if (!pass) {
							places++;
						} else {
							buffer_string(b, dashes[rest % 5]);
							rest /= 5;
						}
						continue;
					}
					n = 1;
					if (pass)
						buffer_char(b, (char)text.data[j]);
				}
			}
			if (!pass) {
				for (size_t k = 0; k < places && total <= LIMIT_VARIANTS; k++)
					total *= 5;
				if (total + out.count > LIMIT_VARIANTS) {
					variants_release(&out);
					return refuse(set, at,
						      "windash makes more than %d variants",
						      LIMIT_VARIANTS);
				}
			}
		}
	}
	variants_release(v);
	*v = out;
	return OK;
}

/* UTF-16 of the text, as bytes: for base64. `bom`: FF FE before it (the utf16 modifier). */
static int utf16(struct ruleset *set, const struct yaml *at, struct variants *v, bool big, bool bom)
{
	for (size_t i = 0; i < v->count; i++) {
		struct view text = buffer_as_view(&v->items[i].text);
		struct buffer out = {0};
		uint32_t code;

		if (v->items[i].raw) {
			return refuse(set, at, "an encoding after another");
		}
		if (bom)
			buffer_append(&out, "\xff\xfe", 2);
		while (text.len) {
			uint32_t units[2], n = 1;

			if (text.data[0] >= PATTERN_ANY) {
				buffer_release(&out);
				return refuse(set, at,
					      "a wildcard in a value that is to be encoded");
			}
			(void)text_decode(&text, &code);
			units[0] = code;
			if (code >= 0x10000) {
				units[0] = 0xd800 + ((code - 0x10000) >> 10);
				units[1] = 0xdc00 + ((code - 0x10000) & 0x3ff);
				n = 2;
			}
			for (uint32_t k = 0; k < n; k++) {
				buffer_char(&out, (char)(big ? units[k] >> 8 : units[k] & 255));
				buffer_char(&out, (char)(big ? units[k] & 255 : units[k] >> 8));
			}
		}
		buffer_release(&v->items[i].text);
		v->items[i].text = out;
		v->items[i].raw = true;
	}
	return OK;
}

static int base64(struct ruleset *set, const struct yaml *at, struct variants *v, bool offsets)
{
	/* Of the three alignments: how many characters at each end depend on what stands beside the value. */
	static const size_t start[3] = {0, 2, 3}, end[3] = {0, 3, 2};
	struct variants out = {0};

	for (size_t i = 0; i < v->count; i++) {
		struct view text = buffer_as_view(&v->items[i].text);

		if (!v->items[i].raw &&
		    (memchr(text.data ? text.data : (const uint8_t *)"", PATTERN_ANY, text.len) ||
		     memchr(text.data ? text.data : (const uint8_t *)"", PATTERN_ONE, text.len))) {
			variants_release(&out);
			return refuse(set, at, "a wildcard in a value that is to be encoded");
		}
		for (size_t o = 0; o < (offsets ? 3 : 1); o++) {
			struct buffer padded = {0}, coded = {0}, *b;
			size_t n;

			buffer_append(&padded, "   ", o);
			buffer_view(&padded, text);
			base64_write(&coded, buffer_as_view(&padded), true);
			n = coded.len;
			if (offsets) {
				size_t cut = end[padded.len % 3];

				n = coded.len > start[o] + cut ? coded.len - start[o] - cut : 0;
			}
			b = variant_add(&out);
			buffer_append(b, coded.data + (offsets ? start[o] : 0), n);
			buffer_release(&padded);
			buffer_release(&coded);
			if (n == 0) {
				variants_release(&out);
				return refuse(set, at, "too short a value for base64offset");
			}
		}
	}
	variants_release(v);
	*v = out;
	return OK;
}

static const struct placeholder *placeholder_find(const struct ruleset *set, struct view name)
{
	for (size_t i = 0; i < set->private->placeholder_count; i++)
		if (view_is(name, set->private->placeholders[i].name))
			return &set->private->placeholders[i];
	return NULL;
}

/* The first placeholder from `at` on: from its '%' to behind the second one. False when there is none. */
static bool placeholder_next(struct view text, size_t at, bool re, size_t *from, size_t *to)
{
	for (; at < text.len; at++) {
		if (re && text.data[at] == '\\') { /* an expression's own escape, of '%' too */
			at++;
			continue;
		}
		if (text.data[at] != '%')
			continue;
		for (*to = at + 1; *to < text.len && text.data[*to] != '%' &&
				   text.data[*to] != '\\' && text.data[*to] < PLAIN_PERCENT;)
			++*to;
		if (*to < text.len && text.data[*to] == '%' && *to > at + 1) {
			*from = at;
			++*to;
			return true;
		}
	}
	return false;
}

/* expand: %name% stands for each value of the placeholder; values are not expanded again. */
static int expand(struct ruleset *set, const struct yaml *at, struct variants *v, bool re)
{
	struct variants all = {0};
	int status = OK;

	for (size_t i = 0; i < v->count && status == OK; i++) {
		struct view text = buffer_as_view(&v->items[i].text);
		struct variants out = {0};
		size_t done = 0, from, to;

		(void)variant_add(&out);
		while (status == OK && placeholder_next(text, done, re, &from, &to)) {
			struct view name = view_sub(text, from + 1, to - from - 2);
			const struct placeholder *p = placeholder_find(set, name);
			struct variants next = {0};

			if (!p)
				status = refuse(
					set, at,
					"the placeholder %%%.*s%% has no values (give them with "
					"--placeholders FILE)",
					(int)name.len, (const char *)name.data);
			else if (out.count * p->values.count + all.count > LIMIT_RULE_PREDICATES)
				status = refuse(set, at, "placeholders make too many values");
			for (size_t k = 0; status == OK && k < out.count; k++) {
				for (uint32_t m = 0; m < p->values.count; m++) {
					struct buffer *b = variant_add(&next);

					buffer_view(b, buffer_as_view(&out.items[k].text));
					buffer_view(b, view_sub(text, done, from - done));
					if (re)
						buffer_string(b, p->values.items[m]);
					else
						unescape(b, view_text(p->values.items[m]), false);
				}
			}
			variants_release(&out);
			out = next;
			done = to;
		}
		for (size_t k = 0; status == OK && k < out.count; k++) {
			struct buffer *b = variant_add(&all);

			buffer_view(b, buffer_as_view(&out.items[k].text));
			buffer_view(b, view_from(text, done));
			for (size_t j = 0; !re && j < b->len; j++)
				if ((uint8_t)b->data[j] == PLAIN_PERCENT)
					b->data[j] = '%';
		}
		if (status == OK && done == 0)
			warn(set, at, "expand, but no %%placeholder%% in '%s'",
			     (const char *)at->text.data);
		variants_release(&out);
	}
	variants_release(v);
	*v = all;
	return status;
}

/* The modifiers of one item, read. */
struct item {
	const char *name; /* of the field */
	uint32_t field;
	const char *chain[16]; /* those that change values, in order */
	unsigned chain_count;
	enum anchor anchor;
	bool all, cased, re, re_i, re_m, re_s, cidr, exists, fieldref, neq, compare;
	enum compare_op op;
	enum time_part part;
};

static int item_modifiers(struct ruleset *set, const struct yaml *key, struct item *it)
{
	static const struct {
		const char *name;
		enum time_part part;
	} parts[] = {{"minute", PART_MINUTE}, {"hour", PART_HOUR},   {"day", PART_DAY},
		     {"week", PART_WEEK},     {"month", PART_MONTH}, {"year", PART_YEAR}};
	struct view rest = key->text, token;
	char mod[64];

	memset(it, 0, sizeof(*it));
	(void)view_token(&rest, '|', &token);
	it->name = keep(set, (const char *)token.data, token.len);
	it->field = *it->name ? ruleset_field(set, it->name) : FIELD_ANY;
	while (rest.len || (rest.data && rest.data > key->text.data && rest.data[-1] == '|')) {
		bool last = !view_token(&rest, '|', &token);

		if (last)
			break;
		if (token.len == 0 || token.len >= sizeof(mod))
			return refuse(set, key, "an empty modifier in '%s'",
				      (const char *)key->text.data);
		memcpy(mod, token.data, token.len);
		mod[token.len] = '\0';
		if (strcmp(mod, "contains") == 0 || strcmp(mod, "startswith") == 0 ||
		    strcmp(mod, "endswith") == 0) {
			enum anchor a = mod[0] == 'c'	? ANCHOR_INSIDE
					: mod[0] == 's' ? ANCHOR_START
							: ANCHOR_END;

			if (it->anchor != ANCHOR_WHOLE && it->anchor != a)
				return refuse(set, key, "'%s' after another place in the value",
					      mod);
			it->anchor = a;
		} else if (strcmp(mod, "all") == 0) {
			it->all = true;
		} else if (strcmp(mod, "cased") == 0) {
			it->cased = true;
		} else if (strcmp(mod, "re") == 0) {
			it->re = true;
		} else if (strcmp(mod, "i") == 0 || strcmp(mod, "ignorecase") == 0) {
			it->re_i = true;
		} else if (strcmp(mod, "m") == 0 || strcmp(mod, "multiline") == 0) {
			it->re_m = true;
		} else if (strcmp(mod, "s") == 0 || strcmp(mod, "dotall") == 0) {
			it->re_s = true;
		} else if (strcmp(mod, "cidr") == 0) {
			it->cidr = true;
		} else if (strcmp(mod, "exists") == 0) {
			it->exists = true;
		} else if (strcmp(mod, "fieldref") == 0) {
			it->fieldref = true;
		} else if (strcmp(mod, "neq") == 0) {
			it->neq = true;
		} else if (strcmp(mod, "lt") == 0 || strcmp(mod, "lte") == 0 ||
			   strcmp(mod, "gt") == 0 || strcmp(mod, "gte") == 0) {
			if (it->compare)
				return refuse(set, key, "two comparisons");
			it->compare = true;
			it->op = mod[0] == 'l' ? (mod[2] ? COMPARE_LTE : COMPARE_LT)
					       : (mod[2] ? COMPARE_GTE : COMPARE_GT);
		} else if (strcmp(mod, "windash") == 0 || strcmp(mod, "base64") == 0 ||
			   strcmp(mod, "base64offset") == 0 || strcmp(mod, "utf16le") == 0 ||
			   strcmp(mod, "wide") == 0 || strcmp(mod, "utf16be") == 0 ||
			   strcmp(mod, "utf16") == 0 || strcmp(mod, "expand") == 0) {
			if (it->chain_count == 16)
				return refuse(set, key, "too many modifiers");
			it->chain[it->chain_count++] = keep_text(set, mod);
		} else {
			bool found = false;

			for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
				if (strcmp(parts[i].name, mod) == 0) {
					it->part = parts[i].part;
					found = true;
				}
			}
			if (!found)
				return refuse(set, key, "there is no modifier '%s'", mod);
		}
	}
	if (it->re + it->cidr + it->exists + it->fieldref + (it->compare || it->part) > 1)
		return refuse(set, key, "modifiers that exclude each other in '%s'",
			      (const char *)key->text.data);
	if ((it->re_i || it->re_m || it->re_s) && !it->re)
		return refuse(set, key, "i, m and s belong to re");
	if ((it->cidr || it->exists || it->compare || it->part) &&
	    (it->anchor != ANCHOR_WHOLE || it->chain_count > (it->cidr ? 1u : 0u)))
		return refuse(set, key, "modifiers that exclude each other in '%s'",
			      (const char *)key->text.data);
	if (it->field == FIELD_ANY && (it->exists || it->fieldref || it->compare || it->part))
		return refuse(set, key, "a keyword cannot have the modifiers of '%s'",
			      (const char *)key->text.data);
	return OK;
}

static struct node *leaf(struct ruleset *set, const struct predicate *p)
{
	struct node *n = node_make(set, NODE_PREDICATE, 0);

	n->predicate = ruleset_predicate(set, p);
	set->private->predicates++;
	return n;
}

/* A growing list of nodes. */
struct nodes {
	struct node **items;
	size_t count, cap;
};

static int nodes_add(struct ruleset *set, struct nodes *list, struct node *n, const struct yaml *at)
{
	if (list->count >= LIMIT_RULE_PREDICATES ||
	    set->private->predicates > LIMIT_RULE_PREDICATES)
		return refuse(set, at, "more than %d values", LIMIT_RULE_PREDICATES);
	list->items = xgrow(list->items, &list->cap, list->count + 1, sizeof(*list->items));
	list->items[list->count++] = n;
	return OK;
}

static struct node *nodes_join(struct ruleset *set, struct nodes *list, enum node_type type)
{
	struct node *n;

	if (list->count == 1) {
		n = list->items[0];
	} else {
		n = node_make(set, type, (uint32_t)list->count);
		if (list->count)
			memcpy(n->kids, list->items, list->count * sizeof(*n->kids));
	}
	free(list->items);
	memset(list, 0, sizeof(*list));
	return n;
}

static int cidr_parse(struct ruleset *set, const struct yaml *at, const char *text,
		      struct predicate *p)
{
	char address[64];
	const char *slash = strchr(text, '/');
	size_t n = slash ? (size_t)(slash - text) : strlen(text);
	uint64_t bits = 0;

	if (n >= sizeof(address))
		return refuse(set, at, "'%s' is no network", text);
	memcpy(address, text, n);
	address[n] = '\0';
	p->type = PREDICATE_CIDR;
	if (inet_pton(AF_INET, address, p->address) == 1)
		p->family = 4;
	else if (inet_pton(AF_INET6, address, p->address) == 1)
		p->family = 6;
	else
		return refuse(set, at, "'%s' is no network", text);
	bits = p->family == 4 ? 32 : 128;
	if (slash &&
	    (!view_decimal(view_text(slash + 1), &bits) || bits > (p->family == 4 ? 32 : 128)))
		return refuse(set, at, "'%s' is no network", text);
	p->prefix = (uint8_t)bits;
	/* Bits behind the prefix do not count. */
	for (unsigned i = 0; i < 16; i++) {
		unsigned left = bits > 8 * i ? (unsigned)(bits - 8 * i) : 0;

		if (left < 8)
			p->address[i] &= (uint8_t)(0xff00u >> left);
	}
	p->text = view_text(text);
	return OK;
}

static int regex_check(struct ruleset *set, const struct yaml *at, const struct predicate *p)
{
	int error = 0;
	PCRE2_SIZE where = 0;
	PCRE2_UCHAR reason[120] = "";
	pcre2_code *code = pcre2_compile(p->text.data, p->text.len,
					 PCRE2_UTF | PCRE2_NEVER_BACKSLASH_C | PCRE2_DUPNAMES,
					 &error, &where, NULL);

	if (code) {
		pcre2_code_free(code);
		return OK;
	}
	(void)pcre2_get_error_message(error, reason, sizeof(reason));
	return refuse(set, at, "no regular expression: %s at character %zu", (const char *)reason,
		      (size_t)where);
}

/* One value of an item. */
static int value_read(struct ruleset *set, const struct yaml *v, const struct item *it,
		      struct nodes *out)
{
	struct predicate p = {.field = it->field};
	struct variants list = {0};
	int64_t integer = 0;
	double number = 0;
	bool truth = false, expands = false;
	enum yaml_scalar type;
	int status = OK;

	if (v->type != YAML_SCALAR)
		return refuse(set, v, "a value that is no text, number, boolean or null");
	type = yaml_scalar(v, &integer, &number, &truth);
	if (memchr(v->text.data, PLAIN_PERCENT, v->text.len) ||
	    memchr(v->text.data, PATTERN_ANY, v->text.len) ||
	    memchr(v->text.data, PATTERN_ONE, v->text.len))
		return refuse(set, v, "a value that is no UTF-8");

	if (it->exists) {
		if (type != YAML_BOOL)
			return refuse(set, v, "exists wants true or false");
		p.type = truth ? PREDICATE_EXISTS : PREDICATE_NULL;
		return nodes_add(set, out, leaf(set, &p), v);
	}
	if (it->compare || it->part) {
		if (type != YAML_INTEGER && type != YAML_FLOAT)
			return refuse(set, v, "a comparison wants a number, not '%s'",
				      (const char *)v->text.data);
		p.type = PREDICATE_COMPARE;
		p.op = it->compare ? (uint8_t)it->op : COMPARE_EQ;
		p.part = (uint8_t)it->part;
		p.number = number;
		return nodes_add(set, out, leaf(set, &p), v);
	}
	if (it->fieldref) {
		if (v->text.len == 0)
			return refuse(set, v, "fieldref wants the name of a field");
		p.type = PREDICATE_FIELDREF;
		p.anchor = (uint8_t)it->anchor;
		p.cased = it->cased;
		p.other = ruleset_field(set, (const char *)v->text.data);
		return nodes_add(set, out, leaf(set, &p), v);
	}
	if (type == YAML_NULL) {
		if (it->anchor != ANCHOR_WHOLE || it->re || it->cidr || it->chain_count ||
		    it->field == FIELD_ANY)
			return refuse(set, v, "null with a modifier, or as a keyword");
		p.type = PREDICATE_NULL;
		return nodes_add(set, out, leaf(set, &p), v);
	}
	if (it->re) {
		buffer_view(variant_add(&list), v->text);
		for (unsigned i = 0; i < it->chain_count && status == OK; i++)
			status = strcmp(it->chain[i], "expand") == 0
					 ? expand(set, v, &list, true)
					 : refuse(set, v, "re with '%s'", it->chain[i]);
		for (size_t i = 0; i < list.count && status == OK; i++) {
			p.type = PREDICATE_REGEX;
			p.regex_i = it->re_i;
			p.regex_m = it->re_m;
			p.regex_s = it->re_s;
			p.text = buffer_as_view(&list.items[i].text);
			status = regex_check(set, v, &p);
			if (status == OK)
				status = nodes_add(set, out, leaf(set, &p), v);
		}
		variants_release(&list);
		return status;
	}
	if ((type == YAML_INTEGER || type == YAML_FLOAT) && it->anchor == ANCHOR_WHOLE &&
	    !it->chain_count && !it->cidr && it->field != FIELD_ANY) {
		p.type = PREDICATE_NUMBER;
		p.number = number;
		p.integral = type == YAML_INTEGER;
		p.integer = integer;
		return nodes_add(set, out, leaf(set, &p), v);
	}
	for (unsigned i = 0; i < it->chain_count; i++)
		expands |= strcmp(it->chain[i], "expand") == 0;
	/* YAML's True and TRUE are the same truth: events have it as Windows and JSON write it. */
	unescape(variant_add(&list),
		 type == YAML_BOOL ? view_text(truth ? "true" : "false") : v->text, expands);
	for (unsigned i = 0; i < it->chain_count && status == OK; i++) {
		const char *mod = it->chain[i];

		if (strcmp(mod, "windash") == 0)
			status = windash(set, v, &list);
		else if (strcmp(mod, "base64") == 0 || strcmp(mod, "base64offset") == 0)
			status = base64(set, v, &list, mod[6] != '\0');
		else if (strcmp(mod, "expand") == 0)
			status = expand(set, v, &list, false);
		else
			status = utf16(set, v, &list, strcmp(mod, "utf16be") == 0,
				       strcmp(mod, "utf16") == 0);
	}
	for (size_t i = 0; i < list.count && status == OK; i++) {
		struct buffer whole = {0}, *text = &list.items[i].text;
		struct buffer folded = {0};

		if (it->cidr) {
			memset(&p, 0, sizeof(p));
			p.field = it->field;
			status = cidr_parse(set, v, buffer_text(text), &p);
			if (status == OK)
				status = nodes_add(set, out, leaf(set, &p), v);
			continue;
		}
		if (list.items[i].raw && !text_is_utf8(buffer_as_view(text))) {
			status = refuse(set, v,
					"an encoded value that is no text (base64 must follow)");
			continue;
		}
		/* A keyword is looked for anywhere in each value. */
		if (it->anchor == ANCHOR_INSIDE || it->anchor == ANCHOR_END ||
		    it->field == FIELD_ANY)
			buffer_char(&whole, (char)PATTERN_ANY);
		for (size_t j = 0; j < text->len; j++) {
			char c = text->data[j];

			if ((uint8_t)c == PATTERN_ANY && whole.len &&
			    (uint8_t)whole.data[whole.len - 1] == PATTERN_ANY)
				continue;
			buffer_char(&whole, c);
		}
		if ((it->anchor == ANCHOR_INSIDE || it->anchor == ANCHOR_START ||
		     it->field == FIELD_ANY) &&
		    !(whole.len && (uint8_t)whole.data[whole.len - 1] == PATTERN_ANY))
			buffer_char(&whole, (char)PATTERN_ANY);
		p.type = PREDICATE_STRING;
		p.cased = it->cased;
		if (it->cased) {
			buffer_view(&folded, buffer_as_view(&whole));
		} else {
			struct view rest = buffer_as_view(&whole);

			while (rest.len) {
				size_t n = 0;

				while (n < rest.len && rest.data[n] < PATTERN_ANY)
					n++;
				fold_utf8(&folded, view_clip(rest, 0, n));
				rest = view_from(rest, n);
				if (rest.len) {
					buffer_char(&folded, (char)rest.data[0]);
					rest = view_from(rest, 1);
				}
			}
		}
		p.text = buffer_as_view(&folded);
		status = nodes_add(set, out, leaf(set, &p), v);
		buffer_release(&whole);
		buffer_release(&folded);
	}
	variants_release(&list);
	return status;
}

/* A list in a list counts as its values. */
static int values_read(struct ruleset *set, const struct yaml *v, const struct item *it,
		       struct nodes *out, unsigned depth)
{
	int status = OK;

	if (depth > LIMIT_DEPTH)
		return refuse(set, v, "nested too deep");
	if (v->type != YAML_SEQUENCE)
		return value_read(set, v, it, out);
	for (uint32_t i = 0; i < v->count && status == OK; i++) {
		/* The variants of one value are alternatives also under `all`. */
		struct nodes variants = {0};

		if (v->items[i]->type == YAML_SEQUENCE) {
			status = values_read(set, v->items[i], it, out, depth + 1);
			continue;
		}
		status = value_read(set, v->items[i], it, &variants);
		if (status == OK)
			status = nodes_add(set, out, nodes_join(set, &variants, NODE_OR), v);
		free(variants.items);
	}
	return status;
}

static int item_read(struct ruleset *set, const struct yaml *key, const struct yaml *value,
		     struct nodes *out)
{
	struct nodes list = {0};
	struct item it;
	struct node *n;
	int status = item_modifiers(set, key, &it);

	if (status < 0)
		return status;
	if (value->type == YAML_MAPPING)
		return refuse(set, value, "'%s' holds a mapping where values must stand", it.name);
	if (value->type == YAML_SEQUENCE && value->count == 0)
		return refuse(set, value, "'%s' has an empty list", it.name);
	if (it.all && (value->type != YAML_SEQUENCE || value->count == 1))
		warn(set, key, "all, but '%s' has a single value", it.name);
	if (it.all && value->type != YAML_SEQUENCE)
		it.all = false;
	for (uint32_t i = 0; value->type == YAML_SEQUENCE && i < value->count; i++)
		if (value->items[i]->type == YAML_SCALAR &&
		    yaml_scalar(value->items[i], NULL, NULL, NULL) == YAML_NULL)
			warn(set, value->items[i],
			     "null in a list of values: the specification wants a selection of its "
			     "own for it");
	status = values_read(set, value, &it, &list, 0);
	if (status < 0) {
		free(list.items);
		return status;
	}
	if (list.count == 0) {
		free(list.items);
		return refuse(set, value, "'%s' has no value", it.name);
	}
	n = nodes_join(set, &list, it.all ? NODE_AND : NODE_OR);
	if (it.neq) {
		struct node *other = node_make(set, NODE_NOT, 1);

		other->kids[0] = n;
		n = other;
	}
	return nodes_add(set, out, n, key);
}

static int selection_read(struct ruleset *set, const struct yaml *y, struct node **out,
			  unsigned depth)
{
	static const struct item keyword = {.name = "", .field = FIELD_ANY};
	struct nodes list = {0};
	int status = OK;

	if (depth > LIMIT_DEPTH)
		return refuse(set, y, "nested too deep");
	switch (y->type) {
	case YAML_MAPPING:
		if (y->count == 0)
			return refuse(set, y, "an empty selection");
		for (uint32_t i = 0; i + 1 < y->count && status == OK; i += 2)
			status = item_read(set, y->items[i], y->items[i + 1], &list);
		break;
	case YAML_SEQUENCE:
		if (y->count == 0)
			return refuse(set, y, "an empty selection");
		for (uint32_t i = 0; i < y->count && status == OK; i++) {
			if (y->items[i]->type == YAML_SCALAR) {
				status = value_read(set, y->items[i], &keyword, &list);
			} else {
				struct node *n = NULL;

				status = selection_read(set, y->items[i], &n, depth + 1);
				if (status == OK)
					status = nodes_add(set, &list, n, y);
			}
		}
		break;
	case YAML_SCALAR:
		status = value_read(set, y, &keyword, &list);
		break;
	}
	if (status < 0) {
		free(list.items);
		return status;
	}
	*out = nodes_join(set, &list, y->type == YAML_MAPPING ? NODE_AND : NODE_OR);
	return OK;
}

/* ---- conditions ---- */

struct lexer {
	struct ruleset *set;
	struct rule *rule;
	const struct yaml *at;
	const char *p;
	char token[256];
	unsigned depth;
	/* Looks a name up: a selection, or (temporal correlations) a rule. */
	struct node *(*lookup)(struct lexer *l, const char *name);
};

static int lex(struct lexer *l)
{
	size_t n = 0;

	while (*l->p == ' ' || *l->p == '\t' || *l->p == '\n' || *l->p == '\r')
		l->p++;
	l->token[0] = '\0';
	if (!*l->p)
		return OK;
	if (*l->p == '(' || *l->p == ')' || *l->p == '|') {
		l->token[0] = *l->p++;
		l->token[1] = '\0';
		return OK;
	}
	while (*l->p && !strchr(" \t\n\r()|", *l->p)) {
		if (n + 1 >= sizeof(l->token))
			return refuse(l->set, l->at, "condition: a word of more than 255 bytes");
		l->token[n++] = *l->p++;
	}
	l->token[n] = '\0';
	return OK;
}

static struct node *selection_node(struct lexer *l, const char *name)
{
	struct rule *r = l->rule;

	for (uint32_t i = 0; i < r->selection_count; i++) {
		if (strcmp(r->selection_names[i], name) == 0) {
			struct node *n = node_make(l->set, NODE_SELECTION, 1);

			n->name = r->selection_names[i];
			n->kids[0] = r->selections[i];
			return n;
		}
	}
	return NULL;
}

static bool name_glob(const char *pattern, const char *name)
{
	for (; *pattern; pattern++, name++) {
		if (*pattern == '*') {
			while (pattern[1] == '*')
				pattern++;
			for (;; name++) {
				if (name_glob(pattern + 1, name))
					return true;
				if (!*name)
					return false;
			}
		}
		if (*pattern != *name)
			return false;
	}
	return !*name;
}

static int condition_or(struct lexer *l, struct node **out);

static int condition_of(struct lexer *l, struct node **out)
{
	char quantity[16];
	struct nodes list = {0};
	struct node *n;
	uint64_t wanted = 0;
	bool all, them;
	int status;

	(void)snprintf(quantity, sizeof(quantity), "%.15s", l->token);
	all = strcasecmp(quantity, "all") == 0;
	if (strcasecmp(quantity, "any") == 0)
		wanted = 1;
	else if (!all && (!view_decimal(view_text(quantity), &wanted) || wanted == 0))
		return refuse(l->set, l->at, "condition: '%s of' asks for nothing", quantity);
	status = lex(l); /* "of", then the pattern */
	if (status >= 0)
		status = lex(l);
	if (status < 0)
		return status;
	if (!l->token[0] || l->token[0] == '(')
		return refuse(l->set, l->at, "condition: '%s of' what?", quantity);
	them = strcasecmp(l->token, "them") == 0;
	for (uint32_t i = 0; i < l->rule->selection_count; i++) {
		const char *name = l->rule->selection_names[i];

		/* Names that begin with _ are left out of `them` (specification, "1/all of them"). */
		if (them ? name[0] != '_' : name_glob(l->token, name)) {
			n = selection_node(l, name);
			if ((status = nodes_add(l->set, &list, n, l->at)) < 0) {
				free(list.items);
				return status;
			}
		}
	}
	if (list.count == 0)
		return refuse(l->set, l->at, "condition: no selection is called '%s'", l->token);
	if (!all && wanted > list.count) {
		free(list.items);
		return refuse(l->set, l->at, "condition: %s of '%s', but there are fewer", quantity,
			      l->token);
	}
	if (all || wanted == 1) {
		*out = nodes_join(l->set, &list, all ? NODE_AND : NODE_OR);
	} else {
		n = node_make(l->set, NODE_COUNT, (uint32_t)list.count);
		memcpy(n->kids, list.items, list.count * sizeof(*n->kids));
		n->need = (uint32_t)wanted;
		free(list.items);
		*out = n;
	}
	return lex(l);
}

static int condition_not(struct lexer *l, struct node **out)
{
	const char *ahead;
	int status;

	if (++l->depth > LIMIT_DEPTH)
		return refuse(l->set, l->at, "condition: nested too deep");
	if (strcasecmp(l->token, "not") == 0) {
		struct node *n = node_make(l->set, NODE_NOT, 1);

		if ((status = lex(l)) < 0 || (status = condition_not(l, &n->kids[0])) < 0)
			return status;
		*out = n;
		l->depth--;
		return OK;
	}
	if (l->token[0] == '(') {
		if ((status = lex(l)) < 0 || (status = condition_or(l, out)) < 0)
			return status;
		if (l->token[0] != ')')
			return refuse(l->set, l->at, "condition: a parenthesis stays open");
		l->depth--;
		return lex(l);
	}
	if (!l->token[0] || l->token[0] == ')' || l->token[0] == '|' ||
	    strcasecmp(l->token, "and") == 0 || strcasecmp(l->token, "or") == 0)
		return refuse(l->set, l->at, "condition: something is missing before '%s'",
			      l->token[0] ? l->token : "the end");
	l->depth--;
	ahead = l->p + strspn(l->p, " \t\r\n");
	if (strncasecmp(ahead, "of", 2) == 0 && strchr(" \t\r\n", ahead[2]) && !l->lookup)
		return condition_of(l, out);
	*out = l->lookup ? l->lookup(l, l->token) : selection_node(l, l->token);
	if (!*out)
		return refuse(l->set, l->at, "condition: there is no %s '%s'",
			      l->lookup ? "rule" : "selection", l->token);
	return lex(l);
}

static int condition_and(struct lexer *l, struct node **out)
{
	struct nodes list = {0};
	int status = OK;

	for (;;) {
		struct node *n = NULL;

		if ((status = condition_not(l, &n)) < 0 ||
		    (status = nodes_add(l->set, &list, n, l->at)) < 0)
			break;
		if (strcasecmp(l->token, "and") != 0) {
			*out = nodes_join(l->set, &list, NODE_AND);
			return OK;
		}
		if ((status = lex(l)) < 0)
			break;
	}
	free(list.items);
	return status;
}

static int condition_or(struct lexer *l, struct node **out)
{
	struct nodes list = {0};
	int status = OK;

	for (;;) {
		struct node *n = NULL;

		if ((status = condition_and(l, &n)) < 0 ||
		    (status = nodes_add(l->set, &list, n, l->at)) < 0)
			break;
		if (strcasecmp(l->token, "or") != 0) {
			*out = nodes_join(l->set, &list, NODE_OR);
			return OK;
		}
		if ((status = lex(l)) < 0)
			break;
	}
	free(list.items);
	return status;
}

static int condition_text(struct lexer *l, struct node **out)
{
	int status;

	if (strlen((const char *)l->at->text.data) != l->at->text.len)
		return refuse(l->set, l->at, "condition: a NUL in the text");
	l->p = (const char *)l->at->text.data;
	if ((status = lex(l)) < 0)
		return status;
	if (!l->token[0])
		return refuse(l->set, l->at, "condition: empty");
	if ((status = condition_or(l, out)) < 0)
		return status;
	if (l->token[0] == '|')
		return refuse(l->set, l->at,
			      "condition: aggregations behind '|' are not part of Sigma 2 (use a "
			      "correlation)");
	if (l->token[0])
		return refuse(l->set, l->at, "condition: unexpected '%s'", l->token);
	return OK;
}

static int condition_read(struct ruleset *set, struct rule *rule, const struct yaml *y,
			  struct node **out)
{
	struct lexer l = {.set = set, .rule = rule, .at = y};
	struct nodes list = {0};
	int status = OK;

	if (y->type == YAML_SCALAR)
		return condition_text(&l, out);
	if (y->type != YAML_SEQUENCE || y->count == 0)
		return refuse(set, y, "condition: neither a text nor a list of texts");
	for (uint32_t i = 0; i < y->count && status == OK;
	     i++) { /* several conditions: any of them */
		struct node *n = NULL;

		l.at = y->items[i];
		l.depth = 0;
		status = l.at->type == YAML_SCALAR ? condition_text(&l, &n)
						   : refuse(set, l.at, "condition: not a text");
		if (status == OK)
			status = nodes_add(set, &list, n, y);
	}
	if (status < 0) {
		free(list.items);
		return status;
	}
	*out = nodes_join(set, &list, NODE_OR);
	return OK;
}

static int detection_read(struct ruleset *set, struct rule *rule, const struct yaml *detection,
			  const struct yaml *condition)
{
	uint32_t n = detection->count / 2;
	int status = OK;

	rule->selection_names = need(set, n * sizeof(*rule->selection_names));
	rule->selections = need(set, n * sizeof(*rule->selections));
	rule->selection_lines = need(set, n * sizeof(*rule->selection_lines));
	for (uint32_t i = 0; i + 1 < detection->count && status == OK; i += 2) {
		const struct yaml *key = detection->items[i];

		if (detection->items[i + 1] == condition)
			continue;
		if (view_is(key->text, "timeframe")) {
			warn(set, key, "a timeframe without a correlation means nothing");
			continue;
		}
		if (key->text.len > 200)
			return refuse(set, key, "a selection's name of more than 200 bytes");
		status = selection_read(set, detection->items[i + 1],
					&rule->selections[rule->selection_count], 0);
		if (status == OK) {
			rule->selection_lines[rule->selection_count] = key->line;
			rule->selection_names[rule->selection_count++] =
				keep_text(set, (const char *)key->text.data);
		}
	}
	if (status < 0)
		return status;
	if (!condition)
		return refuse(set, detection, "no condition");
	if (rule->selection_count == 0)
		return refuse(set, detection, "no selection");
	return condition_read(set, rule, condition, &rule->condition);
}

/* ---- documents ---- */

static int texts_read(struct ruleset *set, const struct yaml *y, const char ***items,
		      uint32_t *count)
{
	*count = 0;
	*items = NULL;
	if (!y || (y->type == YAML_SCALAR && yaml_scalar(y, NULL, NULL, NULL) == YAML_NULL))
		return OK;
	if (y->type == YAML_SCALAR) {
		*items = need(set, sizeof(**items));
		(*items)[(*count)++] = keep_text(set, (const char *)y->text.data);
		return OK;
	}
	if (y->type != YAML_SEQUENCE)
		return refuse(set, y, "neither a text nor a list of texts");
	*items = need(set, y->count * sizeof(**items));
	for (uint32_t i = 0; i < y->count; i++) {
		if (y->items[i]->type != YAML_SCALAR)
			return refuse(set, y->items[i], "not a text");
		(*items)[(*count)++] = keep_text(set, (const char *)y->items[i]->text.data);
	}
	return OK;
}

static const char *const logsource_keys[] = {"product", "category", "service", "definition", NULL};
static const char *const correlation_keys[] = {"type",	    "rules",	 "group-by",
					       "timespan",  "timeframe", "generate",
					       "condition", "aliases",	 NULL};
/* What the specification names; rules may have keys of their own beside them. */
static const char *const rule_keys[] = {
	"title",  "id",		 "related",	"name",		  "taxonomy", "status",
	"author", "license",	 "references",	"date",		  "modified", "logsource",
	"fields", "detection",	 "description", "falsepositives", "level",    "tags",
	"scope",  "correlation", "filter",	"generate",	  "action",   NULL};

static bool is_one_of(struct view text, const char *const *list)
{
	for (; *list; list++)
		if (view_is(text, *list))
			return true;
	return false;
}

/* One letter too many, too few, another, or two of them the wrong way round; or only the case differs. */
static bool nearly(const char *a, const char *b)
{
	if (strcasecmp(a, b) == 0)
		return true;
	while (*a && *a == *b) {
		a++;
		b++;
	}
	if (!*a || !*b)
		return strlen(a) + strlen(b) == 1;
	return strcmp(a + 1, b) == 0 || strcmp(a, b + 1) == 0 || strcmp(a + 1, b + 1) == 0 ||
	       (a[0] == b[1] && a[1] == b[0] && strcmp(a + 2, b + 2) == 0);
}

/* A key that is nearly one of the specification: a slip of the pen, and what it holds is not read. */
static void keys_check(struct ruleset *set, const struct yaml *y, const char *const *known,
		       bool closed)
{
	for (uint32_t i = 0; i + 1 < y->count; i += 2) {
		const char *key = (const char *)y->items[i]->text.data, *meant = NULL;

		if (is_one_of(y->items[i]->text, known))
			continue;
		for (const char *const *k = known; *k && !meant; k++)
			if (nearly(key, *k))
				meant = *k;
		if (meant)
			warn(set, y->items[i], "'%s' is not read: is '%s' meant?", key, meant);
		else if (closed)
			warn(set, y->items[i], "'%s' is not read", key);
	}
}

static int logsource_read(struct ruleset *set, const struct yaml *doc, struct logsource *out)
{
	const struct yaml *y = yaml_get(doc, "logsource");

	if (!y)
		return refuse(set, doc, "no logsource");
	if (y->type != YAML_MAPPING)
		return refuse(set, y, "the logsource is no mapping");
	for (uint32_t i = 0; i + 1 < y->count; i += 2)
		if (!is_one_of(y->items[i]->text, logsource_keys))
			warn(set, y->items[i], "'%s' of a logsource chooses no events",
			     (const char *)y->items[i]->text.data);
	out->product = keep_text(set, yaml_string(y, "product"));
	out->category = keep_text(set, yaml_string(y, "category"));
	out->service = keep_text(set, yaml_string(y, "service"));
	if (!out->product && !out->category && !out->service)
		return refuse(set, y, "the logsource has no product, category or service");
	return OK;
}

/* 30s, 5m, 1h, 2d, 1w, 1M (30 days), 1y (365 days): specification of correlations, "timespan". */
static bool timespan_parse(const char *text, int64_t *ns)
{
	size_t n = strspn(text, "0123456789");
	uint64_t count;
	int64_t unit;

	if (!n || !text[n] || text[n + 1] || !view_decimal(view_of(text, n), &count))
		return false;
	switch (text[n]) {
	case 's':
		unit = 1;
		break;
	case 'm':
		unit = 60;
		break;
	case 'h':
		unit = 3600;
		break;
	case 'd':
		unit = 86400;
		break;
	case 'w':
		unit = 7 * 86400;
		break;
	case 'M':
		unit = 30 * 86400;
		break;
	case 'y':
		unit = 365 * 86400;
		break;
	default:
		return false;
	}
	if (count == 0 || count > (uint64_t)(INT64_MAX / 4 / 1000000000 / unit))
		return false;
	*ns = (int64_t)count * unit * 1000000000;
	return true;
}

static struct node *rule_reference(struct lexer *l, const char *name)
{
	struct correlation *c = l->rule->correlation;

	for (uint32_t i = 0; i < c->rule_count; i++) {
		if (strcmp(c->references[i], name) == 0) {
			struct node *n = node_make(l->set, NODE_PREDICATE, 0);

			n->predicate = i;
			return n;
		}
	}
	return NULL;
}

static int correlation_read(struct ruleset *set, struct rule *rule, const struct yaml *doc)
{
	static const char *const types[] = {"event_count",	"value_count", "temporal",
					    "temporal_ordered", "value_sum",   "value_avg",
					    "value_percentile", "value_median"};
	const struct yaml *y = yaml_get(doc, "correlation"), *v;
	struct correlation *c = rule->correlation = need(set, sizeof(*c));
	const char *type, *span;
	bool found = false, truth = false, counts;
	int status;

	if (y->type != YAML_MAPPING)
		return refuse(set, y, "the correlation is no mapping");
	keys_check(set, y, correlation_keys, true);
	type = yaml_string(y, "type");
	for (unsigned i = 0; type && i < sizeof(types) / sizeof(types[0]); i++) {
		if (strcmp(types[i], type) == 0) {
			c->type = (enum correlation_type)i;
			found = true;
		}
	}
	if (!found)
		return refuse(set, y, "there is no correlation type '%s'", type ? type : "");
	if ((status = texts_read(set, yaml_get(y, "rules"), &c->references, &c->rule_count)) < 0)
		return status;
	if (c->rule_count == 0)
		return refuse(set, y, "a correlation without rules");
	if (c->rule_count > LIMIT_CORRELATION_RULES)
		return refuse(set, y, "a correlation of more than %d rules",
			      LIMIT_CORRELATION_RULES);
	if ((status = texts_read(set, yaml_get(y, "group-by"), &c->group_by, &c->group_count)) < 0)
		return status;
	span = yaml_string(y, "timespan");
	if (!span)
		span = yaml_string(y, "timeframe");
	if (!span || !timespan_parse(span, &c->timespan))
		return refuse(set, y,
			      "the timespan '%s' is none (a count and s, m, h, d, w, M or y)",
			      span ? span : "");
	v = yaml_get(y, "generate");
	if (!v)
		v = yaml_get(doc, "generate");
	if (v) {
		if (v->type != YAML_SCALAR || yaml_scalar(v, NULL, NULL, &truth) != YAML_BOOL)
			return refuse(set, v, "generate wants true or false");
		c->generate = truth;
	}
	v = yaml_get(y, "aliases");
	if (v) {
		if (v->type != YAML_MAPPING)
			return refuse(set, v, "the aliases are no mapping");
		c->aliases = need(set, v->count / 2 * sizeof(*c->aliases));
		for (uint32_t i = 0; i + 1 < v->count; i += 2) {
			const struct yaml *m = v->items[i + 1];
			struct alias *a = &c->aliases[c->alias_count++];

			if (m->type != YAML_MAPPING)
				return refuse(set, m, "an alias is no mapping of rules to fields");
			a->name = keep_text(set, (const char *)v->items[i]->text.data);
			a->references = need(set, m->count / 2 * sizeof(*a->references));
			a->fields = need(set, m->count / 2 * sizeof(*a->fields));
			for (uint32_t k = 0; k + 1 < m->count; k += 2) {
				if (m->items[k + 1]->type != YAML_SCALAR)
					return refuse(set, m,
						      "an alias is no mapping of rules to fields");
				a->references[a->count] =
					keep_text(set, (const char *)m->items[k]->text.data);
				a->fields[a->count++] =
					keep_text(set, (const char *)m->items[k + 1]->text.data);
			}
		}
	}
	v = yaml_get(y, "condition");
	counts = c->type != CORRELATE_TEMPORAL && c->type != CORRELATE_TEMPORAL_ORDERED;
	if (!v) {
		if (counts)
			return refuse(set, y, "a correlation without a condition");
		return OK;
	}
	if (v->type == YAML_SCALAR && !counts) {
		struct lexer l = {.set = set, .rule = rule, .at = v, .lookup = rule_reference};

		if (c->type == CORRELATE_TEMPORAL_ORDERED)
			return refuse(
				set, v,
				"temporal_ordered takes no expression: its rules are its order");
		return condition_text(&l, &c->condition);
	}
	if (v->type != YAML_MAPPING)
		return refuse(set, v, "the correlation's condition is no mapping");
	for (uint32_t i = 0; i + 1 < v->count; i += 2) {
		const char *key = (const char *)v->items[i]->text.data;
		const struct yaml *x = v->items[i + 1];
		double number = 0;
		enum yaml_scalar t;

		if (strcmp(key, "field") == 0) {
			if ((status = texts_read(set, x, &c->fields, &c->field_count)) < 0)
				return status;
			continue;
		}
		t = x->type == YAML_SCALAR ? yaml_scalar(x, NULL, &number, NULL) : YAML_STRING;
		if (t != YAML_INTEGER && t != YAML_FLOAT)
			return refuse(set, x, "'%s' of a correlation's condition wants a number",
				      key);
		if (strcmp(key, "percentile") == 0) {
			c->percentile = number;
		} else if (strcmp(key, "gt") == 0 || strcmp(key, "gte") == 0) {
			if (c->has_lower)
				return refuse(set, x, "two lower bounds");
			c->has_lower = true;
			c->lower = number;
			c->lower_open = key[2] == '\0';
		} else if (strcmp(key, "lt") == 0 || strcmp(key, "lte") == 0) {
			if (c->has_upper)
				return refuse(set, x, "two upper bounds");
			c->has_upper = true;
			c->upper = number;
			c->upper_open = key[2] == '\0';
		} else if (strcmp(key, "eq") == 0) {
			c->has_equal = true;
			c->equal = number;
		} else if (strcmp(key, "neq") == 0) {
			c->has_unequal = true;
			c->unequal = number;
		} else {
			return refuse(set, x, "a correlation's condition has no '%s'", key);
		}
	}
	if (counts && !c->has_lower && !c->has_upper && !c->has_equal && !c->has_unequal)
		return refuse(set, v, "the correlation's condition compares nothing");
	/* What no window can hold is no rule that waits in silence. */
	if (c->type <= CORRELATE_VALUE_COUNT && ((c->has_lower && c->lower > LIMIT_WINDOW) ||
						 (c->has_equal && c->equal > LIMIT_WINDOW)))
		return refuse(set, v, "a window holds no more than %d events", LIMIT_WINDOW);
	if (c->type == CORRELATE_TEMPORAL_ORDERED) {
		double least = c->has_equal ? c->equal : c->lower + c->lower_open;

		if (c->has_upper || c->has_unequal || (c->has_equal && c->equal != c->rule_count))
			return refuse(set, v,
				      "temporal_ordered counts the rules that happened in their "
				      "order: gte or gt");
		if ((c->has_equal || c->has_lower) &&
		    (least < 1 || least > c->rule_count || least != (double)(uint32_t)least))
			return refuse(set, v, "temporal_ordered of %u rules cannot count to %.15g",
				      c->rule_count, least);
	}
	if (counts && c->type != CORRELATE_EVENT_COUNT && c->field_count == 0)
		return refuse(set, v, "the correlation's condition names no field");
	if (c->type != CORRELATE_VALUE_COUNT && c->field_count > 1)
		return refuse(set, v, "more than one field");
	if (c->type == CORRELATE_VALUE_PERCENTILE &&
	    (c->percentile < 0 || c->percentile > 100 || !yaml_get(v, "percentile")))
		return refuse(set, v, "value_percentile wants a percentile of 0 to 100");
	return OK;
}

static int filter_read(struct ruleset *set, const struct yaml *doc, const char *path)
{
	const struct yaml *y = yaml_get(doc, "filter"), *rules;
	struct ruleset_private *x = set->private;
	struct filter f = {.path = keep_text(set, path), .line = doc->line};
	int status;

	if (y->type != YAML_MAPPING)
		return refuse(set, y, "the filter is no mapping");
	if ((status = logsource_read(set, doc, &f.logsource)) < 0)
		return status;
	rules = yaml_get(y, "rules");
	if (!rules) /* one word less must not silence every rule */
		return refuse(set, y, "a filter without rules (a list of them, or any)");
	if (!(rules->type == YAML_SCALAR &&
	      (view_is(rules->text, "any") || view_is(rules->text, "Any"))))
		if ((status = texts_read(set, rules, &f.rules, &f.rule_count)) < 0)
			return status;
	if (rules->type == YAML_SEQUENCE && rules->count == 0)
		return refuse(set, rules, "a filter for no rule");
	f.body = need(set, sizeof(*f.body));
	/* `rules` is no selection: leave it out of the detection. */
	{
		struct yaml *copy = need(set, sizeof(*copy));

		*copy = *y;
		copy->items = need(set, y->count * sizeof(*copy->items));
		copy->count = 0;
		for (uint32_t i = 0; i + 1 < y->count; i += 2) {
			if (y->items[i + 1] == rules)
				continue;
			copy->items[copy->count++] = y->items[i];
			copy->items[copy->count++] = y->items[i + 1];
		}
		if ((status = detection_read(set, f.body, copy, yaml_get(y, "condition"))) < 0)
			return status;
	}
	x->filters = xgrow(x->filters, &x->filter_cap, x->filter_count + 1, sizeof(*x->filters));
	x->filters[x->filter_count++] = f;
	return OK;
}

static int rule_read(struct ruleset *set, const struct yaml *doc, const char *path)
{
	const struct yaml *detection = yaml_get(doc, "detection"), *v;
	const char *level;
	struct rule *r;
	int status;

	set->private->predicates = 0;
	if (doc->type != YAML_MAPPING)
		return refuse(set, doc, "not a rule: no mapping");
	if (yaml_get(doc, "filter"))
		return filter_read(set, doc, path);
	if (!detection && !yaml_get(doc, "correlation"))
		return refuse(set, doc, "not a rule: neither detection, correlation nor filter");
	r = need(set, sizeof(*r));
	r->path = keep_text(set, path);
	r->line = doc->line;
	r->title = keep_text(set, yaml_string(doc, "title"));
	r->id = keep_text(set, yaml_string(doc, "id"));
	r->name = keep_text(set, yaml_string(doc, "name"));
	r->status = keep_text(set, yaml_string(doc, "status"));
	r->description = keep_text(set, yaml_string(doc, "description"));
	r->author = keep_text(set, yaml_string(doc, "author"));
	r->date = keep_text(set, yaml_string(doc, "date"));
	if (!r->title)
		return refuse(set, doc, "no title");
	keys_check(set, doc, rule_keys, false);
	r->taxonomy = keep_text(set, yaml_string(doc, "taxonomy"));
	level = yaml_string(doc, "level");
	if (level) {
		enum level l = level_of(level);

		if (l == LEVEL_COUNT)
			return refuse(set, yaml_get(doc, "level"), "there is no level '%s'", level);
		r->level = (uint8_t)l;
	}
	if ((status = texts_read(set, yaml_get(doc, "tags"), &r->tags, &r->tag_count)) < 0)
		return status;
	v = yaml_get(doc, "fields");
	if (v && (status = texts_read(set, v, &r->output_fields, &r->output_count)) < 0)
		return status;
	if (!detection) {
		status = correlation_read(set, r, doc);
	} else if (detection->type != YAML_MAPPING) {
		status = refuse(set, detection, "the detection is no mapping");
	} else if ((status = logsource_read(set, doc, &r->logsource)) == OK) {
		status = detection_read(set, r, detection, yaml_get(detection, "condition"));
	}
	if (status < 0)
		return status;
	set->rules = xgrow(set->rules, &set->rule_cap, set->rule_count + 1, sizeof(*set->rules));
	r->index = (uint32_t)set->rule_count;
	set->rules[set->rule_count++] = r;
	return OK;
}

/* What `action: global` puts under each rule: a rule's own keys win, mappings merge. */
static struct yaml *merge(struct ruleset *set, struct yaml *under, struct yaml *over,
			  unsigned depth)
{
	struct yaml *n;

	if (!under)
		return over;
	if (under->type != YAML_MAPPING || over->type != YAML_MAPPING || depth > LIMIT_DEPTH)
		return over;
	n = need(set, sizeof(*n));
	*n = *over;
	n->items = need(set, (size_t)(under->count + over->count) * sizeof(*n->items));
	n->count = 0;
	for (uint32_t i = 0; i + 1 < under->count; i += 2) {
		struct yaml *own = yaml_get(over, (const char *)under->items[i]->text.data);

		n->items[n->count++] = under->items[i];
		n->items[n->count++] =
			own ? merge(set, under->items[i + 1], own, depth + 1) : under->items[i + 1];
	}
	for (uint32_t i = 0; i + 1 < over->count; i += 2) {
		if (yaml_get(under, (const char *)over->items[i]->text.data))
			continue;
		n->items[n->count++] = over->items[i];
		n->items[n->count++] = over->items[i + 1];
	}
	return n;
}

struct file {
	struct ruleset *set;
	const char *path;
	struct yaml *global, *last;
};

static int document(void *data, struct yaml *doc)
{
	struct file *f = data;
	struct ruleset *set = f->set;
	const char *action = yaml_string(doc, "action");

	if (doc->type == YAML_SCALAR && yaml_scalar(doc, NULL, NULL, NULL) == YAML_NULL)
		return OK;
	if (action && strcmp(action, "global") == 0) {
		f->global = merge(set, f->global, doc, 0);
		return OK;
	}
	if (action && strcmp(action, "reset") == 0) {
		f->global = NULL;
		if (!yaml_get(doc, "detection") && !yaml_get(doc, "correlation"))
			return OK;
	} else if (action && strcmp(action, "repeat") == 0) {
		if (!f->last) {
			problem_add(set, f->path, doc->line, yaml_string(doc, "title"),
				    yaml_string(doc, "id"),
				    "action: repeat without a rule before it");
			return OK;
		}
		doc = merge(set, f->last, doc, 0);
	} else if (action) {
		char reason[100];

		(void)snprintf(reason, sizeof(reason), "there is no action '%.60s'", action);
		problem_add(set, f->path, doc->line, yaml_string(doc, "title"),
			    yaml_string(doc, "id"), reason);
		return OK;
	}
	if (f->global)
		doc = merge(set, f->global, doc, 0);
	f->last = doc;
	if (rule_read(set, doc, f->path) < 0)
		problem_add(set, f->path, set->private->line ? set->private->line : doc->line,
			    yaml_string(doc, "title"), yaml_string(doc, "id"),
			    set->private->problem.reason);
	return OK;
}

void ruleset_add_text(struct ruleset *set, const char *path, struct view text)
{
	struct file f = {.set = set, .path = path};
	struct problem problem;
	uint32_t line = 0;

	set->files++;
	set->private->path = path;
	/* The nodes stay until the set goes: global and repeat refer to them. */
	if (trees_read(set->private->trees, text, &set->arena, document, &f, &problem, &line) < 0)
		problem_add(set, path, line, NULL, NULL, problem.reason);
}

static int file_add(struct ruleset *set, const char *path, struct problem *problem)
{
	struct buffer text = {0};
	int status = yaml_slurp(path, &text);

	if (status == ERR_LIMIT)
		problem_add(set, path, 0, NULL, NULL, "larger than a rule file may be");
	else if (status < 0)
		(void)problem_set(problem, status, PROBLEM_NO_OFFSET, "%s", strerror(errno));
	else
		ruleset_add_text(set, path, buffer_as_view(&text));
	buffer_release(&text);
	return status == ERR_LIMIT ? OK : status;
}

static int by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static int folder_add(struct ruleset *set, const char *path, struct problem *problem,
		      unsigned depth)
{
	DIR *dir = opendir(path);
	struct dirent *entry;
	char **names = NULL;
	size_t count = 0, cap = 0;
	int status = OK;

	if (!dir)
		return problem_set(problem, ERR_IO, PROBLEM_NO_OFFSET, "%s", strerror(errno));
	while ((entry = readdir(dir))) {
		if (entry->d_name[0] == '.')
			continue;
		names = xgrow(names, &cap, count + 1, sizeof(*names));
		names[count++] = xstrdup(entry->d_name);
	}
	(void)closedir(dir);
	if (count)
		qsort(names, count, sizeof(*names), by_name);
	for (size_t i = 0; i < count; i++) {
		size_t n = strlen(path);
		char *full =
			xasprintf("%s%s%s", path, n && path[n - 1] == '/' ? "" : "/", names[i]);
		const char *dot = strrchr(names[i], '.');
		struct problem own;
		struct stat st;

		if (lstat(full, &st) == 0 && S_ISDIR(st.st_mode)) {
			if (depth < LIMIT_DEPTH && folder_add(set, full, &own, depth + 1) < 0)
				problem_add(set, full, 0, NULL, NULL, own.reason);
		} else if (dot && (strcasecmp(dot, ".yml") == 0 || strcasecmp(dot, ".yaml") == 0) &&
			   S_ISREG(st.st_mode)) {
			if (file_add(set, full, &own) < 0)
				problem_add(set, full, 0, NULL, NULL, own.reason);
		}
		free(full);
		free(names[i]);
	}
	free(names);
	return status;
}

int ruleset_add(struct ruleset *set, const char *path, struct problem *problem)
{
	struct stat st;

	if (stat(path, &st) < 0)
		return problem_set(problem, ERR_IO, PROBLEM_NO_OFFSET, "%s", strerror(errno));
	return S_ISDIR(st.st_mode) ? folder_add(set, path, problem, 0)
				   : file_add(set, path, problem);
}

/* ---- placeholders ---- */

static int placeholders_document(void *data, struct yaml *doc)
{
	struct ruleset *set = data;
	struct ruleset_private *x = set->private;
	const struct yaml *inner = yaml_get(doc, "placeholders");

	if (inner)
		doc = (struct yaml *)(uintptr_t)inner;
	if (doc->type != YAML_MAPPING)
		return refuse(set, doc, "no mapping of placeholders to values");
	for (uint32_t i = 0; i + 1 < doc->count; i += 2) {
		struct placeholder p = {
			.name = keep_text(set, (const char *)doc->items[i]->text.data)};
		int status = texts_read(set, doc->items[i + 1], &p.values.items, &p.values.count);

		if (status < 0)
			return status;
		x->placeholders = xgrow(x->placeholders, &x->placeholder_cap,
					x->placeholder_count + 1, sizeof(*x->placeholders));
		x->placeholders[x->placeholder_count++] = p;
	}
	return OK;
}

int ruleset_placeholders(struct ruleset *set, const char *path, struct problem *problem)
{
	struct buffer text = {0};
	struct problem why = {.reason = ""};
	uint32_t line = 0;
	int status = yaml_slurp(path, &text);

	if (status < 0) {
		(void)problem_set(problem, status, PROBLEM_NO_OFFSET, "%s",
				  status == ERR_LIMIT ? "too large" : strerror(errno));
	} else {
		status = yaml_read(buffer_as_view(&text), &set->arena, placeholders_document, set,
				   &why, &line);
		if (status < 0)
			(void)problem_set(problem, status, PROBLEM_NO_OFFSET, "line %u: %s",
					  why.reason[0] ? line : set->private->line,
					  why.reason[0] ? why.reason
							: set->private->problem.reason);
	}
	buffer_release(&text);
	return status;
}

/* ---- the end ---- */

static bool same_or_open(const char *filter, const char *rule)
{
	return !filter || (rule && strcmp(filter, rule) == 0);
}

static bool filter_is_for(const struct filter *f, const struct rule *r)
{
	if (r->correlation || !same_or_open(f->logsource.product, r->logsource.product) ||
	    !same_or_open(f->logsource.category, r->logsource.category) ||
	    !same_or_open(f->logsource.service, r->logsource.service))
		return false;
	for (uint32_t i = 0; i < f->rule_count; i++)
		if ((r->id && strcasecmp(f->rules[i], r->id) == 0) ||
		    (r->name && strcmp(f->rules[i], r->name) == 0))
			return true;
	return f->rule_count == 0;
}

static struct rule *by_reference(struct ruleset *set, const char *text)
{
	for (size_t i = 0; i < set->rule_count; i++) {
		struct rule *r = set->rules[i];

		if ((r->name && strcmp(r->name, text) == 0) ||
		    (r->id && strcasecmp(r->id, text) == 0))
			return r;
	}
	return NULL;
}

/* Resolves what a correlation refers to; false with the reason when something is not there. */
static bool resolve(struct ruleset *set, struct rule *rule, const char **missing)
{
	struct correlation *c = rule->correlation;

	c->rules = need(set, c->rule_count * sizeof(*c->rules));
	for (uint32_t i = 0; i < c->rule_count; i++) {
		struct rule *r = by_reference(set, c->references[i]);

		if (!r || r == rule) {
			*missing = c->references[i];
			return false;
		}
		c->rules[i] = r->index;
	}
	for (uint32_t i = 0; i < c->alias_count; i++) {
		struct alias *a = &c->aliases[i];

		a->rules = need(set, a->count * sizeof(*a->rules));
		for (uint32_t k = 0; k < a->count; k++) {
			struct rule *r = by_reference(set, a->references[k]);

			if (!r) {
				*missing = a->references[k];
				return false;
			}
			a->rules[k] = r->index;
		}
	}
	return true;
}

/* Whether a correlation reaches itself over others. */
static bool cyclic(const struct ruleset *set, uint32_t at, uint8_t *colour)
{
	const struct correlation *c = set->rules[at]->correlation;

	if (!c || colour[at] == 2)
		return false;
	if (colour[at] == 1)
		return true;
	colour[at] = 1;
	for (uint32_t i = 0; i < c->rule_count; i++)
		if (cyclic(set, c->rules[i], colour))
			return true;
	colour[at] = 2;
	return false;
}

static void rule_remove(struct ruleset *set, struct rule *r, const char *reason)
{
	problem_add(set, r->path, r->line, r->title, r->id, reason);
	memmove(&set->rules[r->index], &set->rules[r->index + 1],
		(set->rule_count - r->index - 1) * sizeof(*set->rules));
	set->rule_count--;
	for (size_t i = r->index; i < set->rule_count; i++)
		set->rules[i]->index = (uint32_t)i;
}

void ruleset_finish(struct ruleset *set)
{
	struct ruleset_private *x = set->private;
	bool again = true;

	for (size_t i = 0; i < x->filter_count; i++) {
		struct filter *f = &x->filters[i];
		bool used = false;

		for (size_t k = 0; k < set->rule_count; k++) {
			struct rule *r = set->rules[k];
			struct node *both;

			if (!filter_is_for(f, r))
				continue;
			both = node_make(set, NODE_AND, 2);
			both->kids[0] = r->condition;
			both->kids[1] = f->body->condition;
			r->condition = both;
			used = true;
		}
		set->filters += used;
		if (!used)
			problem_add(set, f->path, f->line, NULL, NULL,
				    "a filter that no loaded rule is meant by");
	}
	while (again) { /* a correlation of a refused correlation is refused too */
		again = false;
		for (size_t i = 0; i < set->rule_count && !again; i++) {
			struct rule *r = set->rules[i];
			const char *missing = NULL;

			if (r->correlation && !resolve(set, r, &missing)) {
				char reason[200];

				(void)snprintf(reason, sizeof(reason),
					       "refers to '%.120s', which is no loaded rule",
					       missing);
				rule_remove(set, r, reason);
				again = true;
			}
		}
		for (size_t i = 0; i < set->rule_count && !again; i++) {
			uint8_t *colour =
				set->rules[i]->correlation ? xcalloc(set->rule_count, 1) : NULL;

			if (colour && cyclic(set, (uint32_t)i, colour)) {
				rule_remove(set, set->rules[i],
					    "a correlation that refers to itself");
				again = true;
			}
			free(colour);
		}
	}
	for (size_t i = 0; i < set->rule_count; i++) {
		const struct correlation *c = set->rules[i]->correlation;

		for (uint32_t k = 0; c && k < c->rule_count; k++) {
			struct rule *r = set->rules[c->rules[k]];

			if (!r->referenced)
				r->silent = true;
			r->referenced = true;
			if (c->generate)
				r->silent = false;
		}
	}
	/* A rule that one correlation wants silent and another generates is generated. */
	for (size_t i = 0; i < set->rule_count; i++) {
		const struct correlation *c = set->rules[i]->correlation;

		for (uint32_t k = 0; c && c->generate && k < c->rule_count; k++)
			set->rules[c->rules[k]]->silent = false;
	}
}
