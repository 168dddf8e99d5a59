/* Selections of rules: fields, modifiers and values, to trees of predicates. */
#include "detect/reading.h"

#include "base/limits.h"
#include "base/base64.h"
#include "base/text.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

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
	it->name = ruleset_keep(set, (const char *)token.data, token.len);
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
			it->chain[it->chain_count++] = ruleset_text(set, mod);
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

int nodes_add(struct ruleset *set, struct nodes *list, struct node *n, const struct yaml *at)
{
	if (list->count >= LIMIT_RULE_PREDICATES ||
	    set->private->predicates > LIMIT_RULE_PREDICATES)
		return refuse(set, at, "more than %d values", LIMIT_RULE_PREDICATES);
	list->items = xgrow(list->items, &list->cap, list->count + 1, sizeof(*list->items));
	list->items[list->count++] = n;
	return OK;
}

struct node *nodes_join(struct ruleset *set, struct nodes *list, enum node_type type)
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

int selection_read(struct ruleset *set, const struct yaml *y, struct node **out, unsigned depth)
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
