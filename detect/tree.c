/*
 * Trees of texts that were read before, as bytes: reading YAML is most of the time that thousands of rules take to load.
 * A tree is found by the SHA-256 of its text and by nothing else, so a text that changed is read anew.
 *
 * Bytes, all numbers little-endian: for each text its hash (32), the length of what follows (4), then its documents, each a
 * node: type and, with 0x80, quoted (1), line (4), count (4); of a scalar that many bytes and a NUL, else that many nodes.
 */
#include "detect/tree.h"

#include "base/limits.h"
#include "base/sha256.h"

#include <stdlib.h>

#define QUOTED	  0x80u
#define NODE_HEAD 9u

struct kept {
	uint8_t key[SHA256_SIZE];
	struct view bytes;
};

struct trees {
	struct kept *old; /* of the blob */
	size_t old_count, old_cap, at;
	struct kept *now; /* of the texts that were read since */
	size_t now_count, now_cap;
	bool changed;
	struct arena arena; /* trees that are not in the blob */
};

struct trees *trees_new(struct view blob)
{
	struct trees *t = xcalloc(1, sizeof(*t));
	uint64_t at = 0;
	uint32_t len;

	t->arena.limit = SIZE_MAX; /* as much as the texts, which their reader bounds */
	while (at < blob.len) {
		struct kept *k;

		if (!view_u32le(blob, at + SHA256_SIZE, &len) ||
		    !view_has(blob, at + SHA256_SIZE + 4, len)) {
			t->old_count = 0; /* not ours: as if it were not there */
			break;
		}
		t->old = xgrow(t->old, &t->old_cap, t->old_count + 1, sizeof(*t->old));
		k = &t->old[t->old_count++];
		memcpy(k->key, blob.data + at, SHA256_SIZE);
		k->bytes = view_sub(blob, at + SHA256_SIZE + 4, len);
		at += SHA256_SIZE + 4 + (uint64_t)len;
	}
	return t;
}

void trees_free(struct trees *t)
{
	if (!t)
		return;
	free(t->old);
	free(t->now);
	arena_release(&t->arena);
	free(t);
}

size_t trees_count(const struct trees *t)
{
	return t->now_count;
}

bool trees_changed(const struct trees *t)
{
	return t->changed || t->now_count != t->old_count;
}

void trees_save(const struct trees *t, struct buffer *out)
{
	for (size_t i = 0; i < t->now_count; i++) {
		const struct kept *k = &t->now[i];
		uint32_t len = (uint32_t)k->bytes.len;

		buffer_append(out, k->key, SHA256_SIZE);
		buffer_append(out, &len, sizeof(len));
		buffer_view(out, k->bytes);
	}
}

static void put(struct buffer *out, const struct yaml *n)
{
	uint32_t numbers[2] = {n->line, n->type == YAML_SCALAR ? (uint32_t)n->text.len : n->count};

	buffer_char(out, (char)((unsigned)n->type | (n->quoted ? QUOTED : 0)));
	buffer_append(out, numbers, sizeof(numbers));
	if (n->type == YAML_SCALAR) {
		buffer_view(out, n->text);
		buffer_char(out, '\0');
		return;
	}
	for (uint32_t i = 0; i < n->count; i++)
		put(out, n->items[i]);
}

/* The node at *at, which moves behind it; NULL when the bytes are no tree. */
static struct yaml *take(struct view bytes, uint64_t *at, struct arena *arena, unsigned depth)
{
	uint32_t line, count;
	struct yaml *n;
	uint8_t head;

	if (depth > LIMIT_DEPTH || !view_u8(bytes, *at, &head) ||
	    !view_u32le(bytes, *at + 1, &line) || !view_u32le(bytes, *at + 5, &count) ||
	    (head & ~QUOTED) > YAML_MAPPING || !(n = arena_zalloc(arena, sizeof(*n))))
		return NULL;
	*at += NODE_HEAD;
	n->type = (enum yaml_type)(head & ~QUOTED);
	n->quoted = head & QUOTED;
	n->line = line;
	if (n->type == YAML_SCALAR) {
		if (!view_has(bytes, *at, (uint64_t)count + 1) || bytes.data[*at + count] != '\0')
			return NULL;
		n->text = view_sub(bytes, *at, count);
		*at += (uint64_t)count + 1;
		return n;
	}
	if (count > (bytes.len - *at) / NODE_HEAD || (n->type == YAML_MAPPING && count % 2))
		return NULL;
	n->count = count;
	if (count && !(n->items = arena_alloc(arena, count * sizeof(*n->items))))
		return NULL;
	for (uint32_t i = 0; i < count; i++) {
		n->items[i] = take(bytes, at, arena, depth + 1);
		if (!n->items[i] ||
		    (n->type == YAML_MAPPING && i % 2 == 0 && n->items[i]->type != YAML_SCALAR))
			return NULL;
	}
	return n;
}

static const struct kept *find(struct trees *t, const uint8_t key[SHA256_SIZE])
{
	/* The texts mostly come in the order of last time. */
	for (size_t i = 0; i < t->old_count; i++) {
		const struct kept *k = &t->old[(t->at + i) % t->old_count];

		if (memcmp(k->key, key, SHA256_SIZE) == 0) {
			t->at = (t->at + i + 1) % t->old_count;
			return k;
		}
	}
	return NULL;
}

static void keep(struct trees *t, const uint8_t key[SHA256_SIZE], struct view bytes)
{
	struct kept *k;

	t->now = xgrow(t->now, &t->now_cap, t->now_count + 1, sizeof(*t->now));
	k = &t->now[t->now_count++];
	memcpy(k->key, key, SHA256_SIZE);
	k->bytes = bytes;
}

/* All documents of the bytes, or none: false. */
static bool load(struct view bytes, struct arena *arena, struct yaml *documents)
{
	uint64_t at = 0;
	size_t cap = 0;

	while (at < bytes.len) {
		struct yaml *n = take(bytes, &at, arena, 0);

		if (!n)
			return false;
		documents->items = xgrow(documents->items, &cap, documents->count + 1,
					 sizeof(*documents->items));
		documents->items[documents->count++] = n;
	}
	return true;
}

struct passing {
	yaml_document *fn;
	void *data;
	struct buffer bytes;
};

static int pass(void *data, struct yaml *document)
{
	struct passing *p = data;

	put(&p->bytes, document);
	return p->fn(p->data, document);
}

int trees_read(struct trees *t, struct view text, struct arena *arena, yaml_document *fn,
	       void *data, struct problem *problem, uint32_t *line)
{
	struct passing p = {.fn = fn, .data = data};
	struct yaml documents = {.type = YAML_SEQUENCE};
	uint8_t key[SHA256_SIZE];
	const struct kept *k;
	char *copy;
	int status;

	if (!t)
		return yaml_read(text, arena, fn, data, problem, line);
	sha256(text, key);
	k = find(t, key);
	if (k && load(k->bytes, arena, &documents)) {
		keep(t, key, k->bytes);
		status = OK;
		for (uint32_t i = 0; i < documents.count && status >= 0; i++)
			status = fn(data, documents.items[i]);
		free(documents.items);
		return status;
	}
	free(documents.items);
	status = yaml_read(text, arena, pass, &p, problem, line);
	if (status == OK && p.bytes.len <= UINT32_MAX &&
	    (copy = arena_strndup(&t->arena, p.bytes.data ? p.bytes.data : "", p.bytes.len))) {
		keep(t, key, view_of(copy, p.bytes.len));
		t->changed = true;
	}
	buffer_release(&p.bytes);
	return status;
}
