/*
 * Registry hives: every key's last write time with its values, deleted keys and values, and what
 * the keys mean (registry_*.c). The container is hive.c's.
 */
#include "parsers/registry.h"

#include "base/text.h"

#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

/* Of one key's values, in its registry_key event: what payloads hidden in values need (commands of some thousand characters), and
 * what keeps one key with thousands of values from a line of megabytes. */
#define VALUES_MAX	1000
#define VALUES_TEXT_MAX 65536
#define VALUE_TEXT_MAX	16384
#define BINARY_TEXT_MAX 256

/* Bytes of one value that functions get. */
#define DATA_MAX ((size_t)4 << 20)

/* ---- rules: a tree of patterns, walked along with the keys ---- */

struct node {
	const char *name; /* of this level; globbed when it holds * or ? */
	size_t len;
	bool glob;
	struct node *children, *next;
	const struct registry_rule *rules[8];
	unsigned count;
};

/* Patterns that can be followed at the same time: bounded by how many of them share a place. */
#define ACTIVE_MAX 16

/* Rules that can mean one key. */
#define RULES_MAX 32

struct frame {
	struct node *active[ACTIVE_MAX];
	unsigned count;
	size_t path_len;
};

struct pending {
	uint32_t offset;
	uint32_t depth;
};

struct walk {
	struct registry *r;
	struct node root;
	struct frame *frames; /* HIVE_DEPTH + 2, by depth */
	uint64_t *seen; /* a bit for each 8 bytes of hive bins: keys (and recovered values) that
			   were read */
	uint32_t *stack_list;
	size_t list_cap;
	struct pending *stack;
	size_t stack_cap, stack_count;
	uint32_t *loose; /* free cells with a value's signature */
	size_t loose_cap, loose_count;
	const char *root_name;
};

static bool seen(struct walk *w, uint32_t offset)
{
	size_t bit = offset / 8;
	uint64_t mask = 1ull << (bit % 64);

	if (offset >= w->r->hive.cells.len)
		return true;
	if (w->seen[bit / 64] & mask)
		return true;
	w->seen[bit / 64] |= mask;
	return false;
}

static void rule_insert(struct arena *a, struct node *at, const char *pattern,
			const struct registry_rule *rule)
{
	while (*pattern) {
		size_t n = strcspn(pattern, "\\");
		struct node *c;

		for (c = at->children; c; c = c->next)
			if (c->len == n && strncmp(c->name, pattern, n) == 0)
				break;
		if (!c) {
			if (!(c = arena_zalloc(a, sizeof(*c))))
				return;
			c->name = arena_strndup(a, pattern, n);
			c->len = n;
			c->glob = memchr(pattern, '*', n) || memchr(pattern, '?', n);
			c->next = at->children;
			at->children = c;
		}
		at = c;
		pattern += n + (pattern[n] == '\\');
	}
	if (at->count < sizeof(at->rules) / sizeof(at->rules[0]))
		at->rules[at->count++] = rule;
}

static void rules_insert(struct walk *w, const struct registry_rule *rule)
{
	struct arena *a = &w->r->p->arena;
	const char *rest, *const *before = place_prefixes(w->r->on, rule->pattern, &rest);

	if (!(rule->on & w->r->on))
		return;
	if (strcmp(rest, "=") == 0) {
		rule_insert(a, &w->root, "", rule);
		return;
	}
	for (; *before; before++) {
		const char *pattern = arena_printf(a, "%s%s", *before, rest);

		if (pattern)
			rule_insert(a, &w->root, pattern, rule);
	}
}

static void rules_load(struct walk *w)
{
	static const struct registry_rule *const tables[] = {
		registry_system_rules, registry_user_rules, registry_account_rules,
		registry_amcache_rules};

	for (const struct place *at = persistence_places; at->pattern; at++) {
		struct registry_place *place = arena_zalloc(&w->r->p->arena, sizeof(*place));

		if (!place)
			return;
		place->rule.on = at->on;
		place->rule.pattern = at->pattern;
		place->rule.fn = registry_place;
		place->entry = at;
		rules_insert(w, &place->rule);
	}
	for (size_t t = 0; t < sizeof(tables) / sizeof(tables[0]); t++)
		for (const struct registry_rule *rule = tables[t]; rule->pattern; rule++)
			rules_insert(w, rule);
}

/* Follows the patterns one level down. */
static void step(const struct frame *from, struct frame *to, const char *name)
{
	size_t len = strlen(name);

	to->count = 0;
	for (unsigned i = 0; i < from->count; i++) {
		/* "**" stands for any number of levels: it stays. */
		if (from->active[i]->len == 2 && from->active[i]->glob &&
		    from->active[i]->name[1] == '*' && to->count < ACTIVE_MAX)
			to->active[to->count++] = from->active[i];
		for (struct node *c = from->active[i]->children; c; c = c->next) {
			if (c->glob ? !view_glob(view_of(name, len), c->name)
				    : c->len != len || strncasecmp(c->name, name, len) != 0)
				continue;
			if (to->count < ACTIVE_MAX)
				to->active[to->count++] = c;
		}
	}
}

/* ---- text of values ---- */

static const char *type_text(uint32_t type)
{
	static const char *const texts[] = {"REG_NONE",
					    "REG_SZ",
					    "REG_EXPAND_SZ",
					    "REG_BINARY",
					    "REG_DWORD",
					    "REG_DWORD_BIG_ENDIAN",
					    "REG_LINK",
					    "REG_MULTI_SZ",
					    "REG_RESOURCE_LIST",
					    "REG_FULL_RESOURCE_DESCRIPTOR",
					    "REG_RESOURCE_REQUIREMENTS_LIST",
					    "REG_QWORD"};

	return type < sizeof(texts) / sizeof(texts[0]) ? texts[type] : NULL;
}

static bool is_text(uint32_t type)
{
	return type == REG_SZ || type == REG_EXPAND_SZ || type == REG_LINK || type == REG_MULTI_SZ;
}

const char *registry_path(struct registry *r)
{
	const char *text = arena_strndup(&r->arena, r->path.data, r->path.len);

	return text ? text : "";
}

static const char *arena_keep(struct arena *a, struct buffer *b)
{
	const char *text = arena_strndup(a, b->data, b->len);

	buffer_release(b);
	return text ? text : "";
}

const char *registry_name(struct registry *r, struct view name, bool ascii)
{
	struct buffer b = {0};

	hive_name_append(&b, name, ascii);
	return arena_keep(&r->arena, &b);
}

struct view registry_data(struct registry *r, const struct hive_value *v)
{
	return hive_data(&r->hive, v, &r->arena, DATA_MAX);
}

const char *registry_value_text(struct registry *r, const struct hive_value *v)
{
	struct buffer b = {0};

	registry_data_text(&b, v->type, registry_data(r, v), v->size, 4096);
	return arena_keep(&r->arena, &b);
}

const char *registry_text(struct registry *r, const struct hive_key *k, const char *name)
{
	struct hive_value v;

	return hive_find_value(&r->hive, k, name, &v) ? registry_value_text(r, &v) : NULL;
}

const char *registry_text_in(struct registry *r, const struct hive_key *k, const char *path,
			     const char *name)
{
	struct hive_key at;

	return hive_find(&r->hive, k, path, &at) ? registry_text(r, &at, name) : NULL;
}

struct view registry_bytes(struct registry *r, const struct hive_key *k, const char *name)
{
	struct hive_value v;

	return hive_find_value(&r->hive, k, name, &v) ? registry_data(r, &v) : VIEW_EMPTY;
}

bool registry_number(struct registry *r, const struct hive_key *k, const char *name, uint64_t *n)
{
	struct view v = registry_bytes(r, k, name);

	if (v.len == 8)
		*n = view_get64(v, 0);
	else if (v.len == 4)
		*n = view_get32(v, 0);
	else
		return false;
	return true;
}

int64_t registry_american_time(const char *text)
{
	static const char separators[] = "//\0::";
	unsigned n[6] = {0}; /* month, day, year, hour, minute, second */
	unsigned i = 0;

	for (; text && i < 6; i++) {
		unsigned digits = 0;

		while (*text == ' ')
			text++;
		for (; *text >= '0' && *text <= '9' && digits < 4; text++, digits++)
			n[i] = n[i] * 10 + (unsigned)(*text - '0');
		if (!digits)
			break;
		if (i < 5 && separators[i] && *text++ != separators[i])
			return TIME_NONE;
	}
	if (i != 3 && i != 6)
		return TIME_NONE;
	while (i == 6 && *text == ' ')
		text++;
	if (i == 6 && (*text == 'P' || *text == 'p') && n[3] < 12)
		n[3] += 12;
	if (i == 6 && (*text == 'A' || *text == 'a') && n[3] == 12)
		n[3] = 0;
	return time_from_civil(n[2], n[0], n[1], n[3], n[4], n[5], 0);
}

/* ---- events ---- */

void registry_event(struct registry *r, const struct hive_key *k, enum event_kind kind, int64_t ts,
		    const char *ts_desc, const char *value)
{
	const char *path;

	event_start(r->p, kind, ts, ts_desc, HIVE_BASE + (uint64_t)k->offset);
	if (r->user)
		event_user(r->p, value_text(r->user));
	if (value && (path = arena_printf(&r->p->scratch, "%.*s\\%s", (int)r->path.len,
					  r->path.data, *value ? value : "(Default)")))
		event_add(r->p, "TargetObject", value_text(path));
	else
		event_add(r->p, "TargetObject", value_view(buffer_as_view(&r->path)));
}

void registry_add(struct registry *r, const char *name, const char *text)
{
	if (text && *text)
		event_add(r->p, name, value_text(text));
}

/* Text of segmented data needs its segments put together; of other types the start is enough. */
static void value_append_text(struct walk *w, const struct hive_value *v)
{
	struct registry *r = w->r;
	struct view d = v->big && is_text(v->type)
				? hive_data(&r->hive, v, &r->p->scratch, 2 * VALUE_TEXT_MAX)
				: view_clip(v->data, 0, 2 * VALUE_TEXT_MAX);

	registry_data_text(&r->text, v->type, d, v->size, BINARY_TEXT_MAX);
}

/* The values of a key as a list of "name: TYPE: data", bounded in count and bytes. */
static void add_values(struct walk *w, const struct hive_key *k)
{
	struct registry *r = w->r;
	uint32_t n = hive_value_count(&r->hive, k), shown = n < VALUES_MAX ? n : VALUES_MAX,
		 count = 0;
	struct value *list;
	size_t *ends;

	if (n == 0)
		return;
	list = arena_alloc(&r->p->scratch, (shown + 1) * sizeof(*list));
	ends = arena_alloc(&r->p->scratch, (shown + 1) * sizeof(*ends));
	if (!list || !ends)
		return;
	r->text.len = 0;
	for (uint32_t i = 0; i < shown && r->text.len < VALUES_TEXT_MAX; i++) {
		struct hive_value v;
		size_t start;

		if (!hive_value_at(&r->hive, k, i, &v))
			continue;
		if (v.name.len)
			hive_name_append(&r->text, v.name, v.ascii);
		else
			buffer_string(&r->text, "(Default)");
		if (type_text(v.type))
			buffer_printf(&r->text, ": %s: ", type_text(v.type));
		else
			buffer_printf(&r->text, ": 0x%08x: ", v.type);
		start = r->text.len;
		value_append_text(w, &v);
		if (r->text.len - start > VALUE_TEXT_MAX) {
			r->text.len = start + VALUE_TEXT_MAX;
			while (r->text.len > start &&
			       ((uint8_t)r->text.data[r->text.len] & 0xc0) == 0x80)
				r->text.len--;
			buffer_string(&r->text, "\xe2\x80\xa6");
		}
		ends[count++] = r->text.len;
	}
	if (count < n) {
		buffer_printf(&r->text, "%u more values", n - count);
		ends[count++] = r->text.len;
	}
	for (uint32_t i = 0; i < count; i++) {
		size_t from = i ? ends[i - 1] : 0;

		list[i] = value_view(view_of(r->text.data + from, ends[i] - from));
	}
	event_add(r->p, "Values", (struct value){.type = VALUE_LIST, .len = count, .list = list});
}

static int key_event(struct walk *w, const struct hive_key *k, unsigned flags)
{
	struct registry *r = w->r;
	uint32_t values = hive_value_count(&r->hive, k);

	registry_event(r, k, KIND_REGISTRY_KEY, time_from_filetime(k->written),
		       "Content Modification Time", NULL);
	r->p->event.flags = flags;
	add_values(w, k);
	if (k->class_len && k->class_cell != HIVE_NONE)
		event_add(r->p, "ClassName",
			  value_utf16(
				  view_clip(hive_cell(&r->hive, k->class_cell), 0, k->class_len)));
	if (r->p->event.ts == TIME_NONE) {
		r->p->event.ts_desc = "Not a time";
		event_add(r->p, "LastWritten", value_hex(k->written));
	}
	event_messagef(r->p, "%.*s%s (%u values, %u subkeys)", (int)r->path.len, r->path.data,
		       flags & EVENT_RECOVERED ? " [recovered key]" : "", values, k->subkeys);
	return event_emit(r->p);
}

static bool same(const char *a, const char *b)
{
	return a && b ? strcmp(a, b) == 0 : a == b;
}

/* Patterns may name a key in two ways (a name and a *): a meaning is told once. */
static bool ran(const struct registry_rule *const *done, unsigned count,
		const struct registry_rule *rule)
{
	for (unsigned i = 0; i < count; i++) {
		const struct place *a, *b;

		if (done[i] == rule)
			return true;
		if (done[i]->fn != rule->fn || rule->fn != registry_place)
			continue;
		a = ((const struct registry_place *)done[i])->entry;
		b = ((const struct registry_place *)rule)->entry;
		if (a->fn == b->fn && strcmp(a->place, b->place) == 0 && same(a->value, b->value))
			return true;
	}
	return false;
}

static int run_rules(struct walk *w, const struct frame *f, const struct hive_key *k)
{
	const struct registry_rule *done[RULES_MAX];
	unsigned count = 0;
	int status = OK;

	for (unsigned i = 0; i < f->count; i++) {
		for (unsigned j = 0; j < f->active[i]->count && status >= 0; j++) {
			const struct registry_rule *rule = f->active[i]->rules[j];

			if (count == RULES_MAX || ran(done, count, rule))
				continue;
			done[count++] = rule;
			arena_reset(&w->r->arena);
			status = rule->fn(w->r, k, rule);
		}
	}
	return status;
}

static void push(struct walk *w, uint32_t offset, uint32_t depth)
{
	w->stack = xgrow(w->stack, &w->stack_cap, w->stack_count + 1, sizeof(*w->stack));
	w->stack[w->stack_count++] = (struct pending){offset, depth};
}

static int walk_key(struct walk *w, struct pending at)
{
	struct registry *r = w->r;
	struct frame *f = &w->frames[at.depth];
	struct hive_key k;
	size_t count = 0, base;
	unsigned bad = 0;
	int status;

	if (at.depth)
		r->path.len = f[-1].path_len;
	if (!hive_key_at(&r->hive, at.offset, &k))
		return parse_lost(r->p, HIVE_BASE + (uint64_t)at.offset,
				  "no key where %.*s names one", (int)r->path.len, r->path.data);
	if (at.depth) {
		buffer_char(&r->path, '\\');
		base = r->path.len;
		hive_name_append(&r->path, k.name, k.ascii);
		buffer_char(&r->path, '\0');
		r->path.len--;
		step(&f[-1], f, r->path.data + base);
	} else {
		f->active[0] = &w->root;
		f->count = 1;
	}
	f->path_len = r->path.len;
	r->depth = at.depth;
	if ((status = key_event(w, &k, 0)) < 0)
		return status;
	if (f->count && (status = run_rules(w, f, &k)) < 0)
		return status;
	if (k.subkeys == 0 || k.subkey_list == HIVE_NONE)
		return OK;
	if (at.depth + 1 >= HIVE_DEPTH || r->path.len > LIMIT_PATH)
		return parse_lost(r->p, HIVE_BASE + (uint64_t)at.offset, "keys nested too deep");
	hive_subkeys(&r->hive, &k, &w->stack_list, &w->list_cap, &count, &bad);
	if (bad || count < k.subkeys)
		status = parse_lost(r->p, HIVE_BASE + (uint64_t)k.subkey_list,
				    "the list of subkeys of %.*s is damaged", (int)r->path.len,
				    r->path.data);
	for (size_t i = count; i-- > 0 && status >= 0;) {
		/* A key stands in one list: what was met before is a loop or a cross link. */
		if (seen(w, w->stack_list[i]))
			status = parse_lost(r->p, HIVE_BASE + (uint64_t)w->stack_list[i],
					    "a key that %.*s names was met before, or lies outside",
					    (int)r->path.len, r->path.data);
		else
			push(w, w->stack_list[i], at.depth + 1);
	}
	return status;
}

/* ---- what the tree does not reach ---- */

#define FILETIME_1990 UINT64_C(0x01b41e2a18d64000)
#define FILETIME_2100 UINT64_C(0x022f716377640000)

static bool plausible_key(struct view c, struct hive_key *k)
{
	if (!hive_key_in(c, 0, k) || k->name.len == 0 || k->name.len > 512 ||
	    view_get16(c, 72) != k->name.len || k->flags & 0xff00 ||
	    (!k->ascii && k->name.len % 2) || k->written < FILETIME_1990 ||
	    k->written > FILETIME_2100)
		return false;
	for (size_t i = 0; k->ascii && i < k->name.len; i++)
		if (k->name.data[i] < 0x20 || k->name.data[i] == '\\')
			return false;
	return true;
}

static bool plausible_value(struct view c)
{
	uint16_t n = view_get16(c, 2);
	struct view name = view_sub(c, 20, n);

	if (!view_starts(c, "vk", 2) || n == 0 || n > 512 || name.len != n ||
	    view_get32(c, 12) > REG_QWORD || (view_get32(c, 4) & 0x7fffffff) > (16u << 20) ||
	    view_get16(c, 16) > 1)
		return false;
	for (size_t i = 0; view_get16(c, 16) && i < n; i++)
		if (name.data[i] < 0x20)
			return false;
	return true;
}

/* The path of a key that no list names, by its parents. */
static void parents_path(struct walk *w, const struct hive_key *k)
{
	struct registry *r = w->r;
	struct hive_key chain[64], at = *k;
	unsigned n = 0;

	r->path.len = 0;
	buffer_string(&r->path, r->prefix);
	chain[n++] = *k;
	while (n < 64 && !(at.flags & 4) && at.parent != r->root.offset) {
		if (!hive_key_at(&r->hive, at.parent, &at)) {
			buffer_string(&r->path, "\\?");
			break;
		}
		if (at.flags & 4)
			break;
		chain[n++] = at;
	}
	while (n-- > 0) {
		buffer_char(&r->path, '\\');
		hive_name_append(&r->path, chain[n].name, chain[n].ascii);
	}
	if (r->path.len > LIMIT_PATH)
		r->path.len = LIMIT_PATH;
}

static int recovered_key(struct walk *w, struct hive_key *k)
{
	uint32_t n = hive_value_count(&w->r->hive, k);
	struct view list = hive_cell(&w->r->hive, k->value_list);

	for (uint32_t i = 0; i < n; i++)
		(void)seen(w, view_get32(list, (size_t)i * 4));
	parents_path(w, k);
	return key_event(w, k, EVENT_RECOVERED);
}

static int scan_cell(void *data, uint32_t offset, struct view c, bool allocated)
{
	struct walk *w = data;
	struct hive_key k;
	int status = OK;

	if (allocated) {
		if (!view_starts(c, "nk", 2) || !plausible_key(c, &k) || seen(w, offset))
			return OK;
		k.offset = offset;
		return recovered_key(w, &k);
	}
	/* Free cells are joined: former cells stand inside, at any multiple of 8. */
	for (size_t i = 0; i + 24 <= c.len && status >= 0; i += 8) {
		struct view inner;

		if (c.data[i + 1] != 'k' || (c.data[i] != 'n' && c.data[i] != 'v'))
			continue;
		inner = view_from(c, i);
		if (c.data[i] == 'n' && plausible_key(inner, &k)) {
			k.offset = offset + (uint32_t)i;
			if (!seen(w, k.offset))
				status = recovered_key(w, &k);
		} else if (c.data[i] == 'v' && plausible_value(inner)) {
			w->loose = xgrow(w->loose, &w->loose_cap, w->loose_count + 1,
					 sizeof(*w->loose));
			w->loose[w->loose_count++] = offset + (uint32_t)i;
		}
	}
	return status;
}

static int scan_bad(void *data, uint32_t offset, const char *why)
{
	struct walk *w = data;

	return parse_lost(w->r->p, HIVE_BASE + (uint64_t)offset, "%s", why);
}

/* Deleted values whose key is gone. */
static int loose_values(struct walk *w)
{
	struct registry *r = w->r;
	int status = OK;

	for (size_t i = 0; i < w->loose_count && status >= 0; i++) {
		uint32_t offset = w->loose[i];
		struct hive_value v;
		const char *name;

		if (seen(w, offset) ||
		    !hive_value_in(&r->hive, view_clip(r->hive.cells, (size_t)offset + 4, 1024),
				   offset, &v))
			continue;
		arena_reset(&r->arena);
		name = registry_name(r, v.name, v.ascii);
		r->text.len = 0;
		value_append_text(w, &v);
		event_start(r->p, KIND_REGISTRY_KEY, TIME_NONE, "Not a time",
			    HIVE_BASE + (uint64_t)offset);
		r->p->event.flags = EVENT_RECOVERED;
		if (r->user)
			event_user(r->p, value_text(r->user));
		event_addf(r->p, "TargetObject", "%s\\?\\%s", r->prefix, name);
		event_add(r->p, "ValueType", value_text(type_text(v.type)));
		event_add(r->p, "Details", value_view(buffer_as_view(&r->text)));
		event_messagef(r->p, "Deleted registry value %s: %.*s", name,
			       (int)(r->text.len < 200 ? r->text.len : 200), r->text.data);
		status = event_emit(r->p);
	}
	return status;
}

static int find_root(void *data, uint32_t offset, struct view c, bool allocated)
{
	struct walk *w = data;

	if (allocated && view_starts(c, "nk", 2) && view_get16(c, 2) & 4 &&
	    w->r->hive.root == HIVE_NONE)
		w->r->hive.root = offset;
	return OK;
}

static int find_nothing(void *data, uint32_t offset, const char *why)
{
	(void)data;
	(void)offset;
	(void)why;
	return OK;
}

/* ---- which hive ---- */

static const char *last_part(struct view path)
{
	static char name[64];
	size_t at = path.len;

	while (at > 0 && path.data[at - 1] != '/' && path.data[at - 1] != '\\')
		at--;
	(void)snprintf(name, sizeof(name), "%.*s", (int)(path.len - at),
		       (const char *)path.data + at);
	return name;
}

static const char *hive_user(struct registry *r)
{
	struct view path = view_text(r->p->path), user = parse_path_user(r->p->path);
	const char *name;

	if (user.len)
		return arena_strndup(&r->p->arena, user.data, user.len);
	if (view_glob(path, "*serviceprofiles/localservice/*"))
		return "LOCAL SERVICE";
	if (view_glob(path, "*serviceprofiles/networkservice/*"))
		return "NETWORK SERVICE";
	if (view_glob(path, "*config/systemprofile/*") || view_glob(path, "*config/default"))
		return "SYSTEM";
	name = registry_text_in(r, &r->root,
				"Software\\Microsoft\\Windows\\CurrentVersion\\Explorer",
				"Logon User Name");
	if (!name || !*name)
		name = registry_text_in(r, &r->root, "Volatile Environment", "USERNAME");
	if (name && *name)
		return arena_printf(&r->p->arena, "%s", name);
	/* The base block keeps the tail of the path: ...\alice\ntuser.dat */
	name = parse_utf16z(&r->arena, view_clip(r->hive.name, 0, 64));
	if (r->on == ON_USER && view_glob(view_text(name), "*\\ntuser.dat")) {
		size_t end = strlen(name) - strlen("\\ntuser.dat"), at = end;

		while (at > 0 && name[at - 1] != '\\')
			at--;
		if (at > 0 && end > at)
			return arena_strndup(&r->p->arena, name + at, end - at);
	}
	return NULL;
}

static bool has(const struct registry *r, const char *path)
{
	struct hive_key k;

	return hive_find(&r->hive, &r->root, path, &k);
}

static void identify(struct registry *r)
{
	struct view loaded = view_clip(r->hive.name, 0, 64);
	const char *name = parse_utf16z(&r->p->arena, loaded);
	const char *own = last_part(view_text(r->p->path));
	bool class_name = view_glob(view_text(name), "*usrclass.dat*") ||
			  view_glob(view_text(own), "*usrclass*");

	r->on = ON_OTHER;
	if (view_glob(view_text(own), "*amcache*") || view_glob(view_text(name), "*amcache*") ||
	    has(r, "Root\\InventoryApplicationFile") || has(r, "Root\\File")) {
		r->on = ON_AMCACHE;
		r->prefix = "Amcache";
	} else if (class_name || (has(r, "Local Settings") && !has(r, "Software"))) {
		r->on = ON_CLASSES;
	} else if (has(r, "Select") || has(r, "ControlSet001")) {
		r->on = ON_SYSTEM;
		r->prefix = "HKLM\\SYSTEM";
	} else if (has(r, "SAM\\Domains") || has(r, "SAM")) {
		r->on = ON_SAM;
		r->prefix = "HKLM\\SAM";
	} else if (has(r, "Policy\\PolAdtEv") || has(r, "Policy\\Accounts") ||
		   has(r, "Policy\\Secrets")) {
		r->on = ON_SECURITY;
		r->prefix = "HKLM\\SECURITY";
	} else if (has(r, "Software")) {
		r->on = ON_USER;
	} else if (has(r, "Microsoft\\Windows NT") ||
		   has(r, "Microsoft\\Windows\\CurrentVersion") || has(r, "Classes\\CLSID")) {
		r->on = ON_SOFTWARE;
		r->prefix = "HKLM\\SOFTWARE";
	} else if (view_glob(view_text(own), "*ntuser*.dat*") ||
		   view_glob(view_text(name), "*ntuser.dat")) {
		r->on = ON_USER;
	}
	if (r->on & (ON_USER | ON_CLASSES)) {
		r->user = hive_user(r);
		r->prefix = r->user	       ? arena_printf(&r->p->arena,
						      r->on == ON_USER ? "HKU\\%s" : "HKU\\%s_Classes",
							      r->user)
			    : r->on == ON_USER ? "HKCU"
					       : "HKCU\\Software\\Classes";
	}
	if (!r->prefix) /* the name that the root itself has, or the file's */
		r->prefix = r->root.name.len && r->root.name.len < 128
				    ? arena_printf(&r->p->arena, "%s",
						   registry_name(r, r->root.name, r->root.ascii))
				    : arena_printf(&r->p->arena, "%s", own);
	if (!r->prefix)
		r->prefix = "?";
	if (r->on == ON_SYSTEM) {
		struct hive_key k;
		uint64_t n;

		if (hive_find(&r->hive, &r->root, "Select", &k) &&
		    registry_number(r, &k, "Current", &n) && n < 1000)
			r->control_set = (uint32_t)n;
	}
}

static int hive_event(struct registry *r)
{
	const char *name = parse_utf16z(&r->p->arena, view_clip(r->hive.name, 0, 64));
	const struct hive *h = &r->hive;

	event_start(r->p, KIND_OTHER, time_from_filetime(h->written), "Content Modification Time",
		    0);
	if (r->user)
		event_user(r->p, value_text(r->user));
	event_add(r->p, "Hive", value_text(r->prefix));
	registry_add(r, "HiveName", name);
	event_addf(r->p, "Version", "%u.%u", h->major, h->minor);
	event_add(r->p, "PrimarySequence", value_unsigned(h->primary));
	event_add(r->p, "SecondarySequence", value_unsigned(h->secondary));
	event_add(r->p, "Dirty", value_bool(h->dirty));
	if (h->dirty)
		event_add(r->p, "LogEntriesReplayed", value_unsigned(h->replayed));
	if (h->replayed)
		event_add(r->p, "PagesReplayed", value_unsigned(h->pages));
	registry_add(r, "LogNote", h->log_note);
	event_messagef(r->p, "Registry hive %s%s%s%s written", r->prefix, *name ? " (" : "", name,
		       *name ? ")" : "");
	if (h->dirty)
		event_messagef(r->p,
			       "Registry hive %s%s%s%s written, dirty, %u log entries replayed",
			       r->prefix, *name ? " (" : "", name, *name ? ")" : "", h->replayed);
	return event_emit(r->p);
}

static struct view log_of(struct parse *p, const char *upper, const char *lower)
{
	struct view v = VIEW_EMPTY;

	if (p->companion) {
		v = p->companion(p, upper);
		if (!v.len)
			v = p->companion(p, lower);
	}
	return v;
}

int registry_parse(struct parse *p, struct view bytes)
{
	static struct registry r;
	struct walk w = {.r = &r};
	int status;

	r = (struct registry){.p = p};
	if (hive_open(&r.hive, bytes, log_of(p, ".LOG", ".log"), log_of(p, ".LOG1", ".log1"),
		      log_of(p, ".LOG2", ".log2")) < 0)
		return parse_fail(p, ERR_FORMAT, 0, "not a registry hive");
	if (r.hive.header_bad && !r.hive.replayed &&
	    (status = parse_lost(p, 508, "the base block's checksum is wrong")) < 0)
		goto out;
	if (!hive_key_at(&r.hive, r.hive.root, &r.root)) {
		r.hive.root = HIVE_NONE;
		status = hive_scan(&r.hive, find_root, find_nothing, &w);
		if (status < 0 || !hive_key_at(&r.hive, r.hive.root, &r.root)) {
			status = parse_lost(p, HIVE_BASE, "the root key is lost");
			if (status < 0)
				goto out;
			r.root = (struct hive_key){.offset = HIVE_NONE,
						   .value_list = HIVE_NONE,
						   .subkey_list = HIVE_NONE};
		}
	}
	w.seen = xcalloc(r.hive.cells.len / 512 + 1, sizeof(uint64_t));
	w.frames = xcalloc(HIVE_DEPTH + 2, sizeof(struct frame));
	identify(&r);
	rules_load(&w);
	buffer_string(&r.path, r.prefix);
	if ((status = hive_event(&r)) < 0)
		goto out;
	if (r.root.offset != HIVE_NONE) {
		(void)seen(&w, r.root.offset);
		push(&w, r.root.offset, 0);
	}
	while (w.stack_count && status >= 0)
		status = walk_key(&w, w.stack[--w.stack_count]);
	if (status >= 0)
		status = hive_scan(&r.hive, scan_cell, scan_bad, &w);
	if (status >= 0)
		status = loose_values(&w);
out:
	free(w.seen);
	free(w.frames);
	free(w.stack);
	free(w.stack_list);
	free(w.loose);
	buffer_release(&r.path);
	buffer_release(&r.text);
	arena_release(&r.arena);
	for (size_t i = 0; i < REGISTRY_BAGS; i++)
		free(r.bags[i]);
	hive_release(&r.hive);
	return status;
}

static int probe(const struct probe *p)
{
	if (!view_starts(p->head, "regf", 4) || p->size < 4096)
		return BID_NO;
	/* Logs begin with a base block too. */
	return view_get32(p->head, 28) == 0 ? BID_MAGIC : BID_NO;
}

const struct parser parser_regf = {
	.name = "regf",
	.title = "Windows registry hive",
	.version = 1,
	.probe = probe,
	.parse = registry_parse,
};
