#include "parsers/ese.h"

#include "base/text.h"

#include <stdlib.h>
#include <string.h>

#define PAGE_BRANCH 4u
#define PAGE_LEAF   2u
#define PAGE_ROOT   1u
#define DEPTH_MAX   16u
#define VALUE_MAX   ((size_t)1 << 20)

struct page {
	struct view body; /* behind the head; tags count from its end */
	struct view whole;
	uint32_t flags, next;
	unsigned tags;
	bool large;
};

static bool page_load(const struct ese *e, uint32_t number, struct page *p)
{
	uint64_t at = ((uint64_t)number + 1) * e->page_size;
	struct view v;
	size_t head;

	if (number == 0 || at > e->file.len || !view_has(e->file, (size_t)at, e->page_size))
		return false;
	v = view_sub(e->file, (size_t)at, e->page_size);
	*p = (struct page){.whole = v,
			   .next = view_get32(v, 20),
			   .tags = view_get16(v, 34),
			   .flags = view_get32(v, 36)};
	p->large = e->revision >= 17 && e->page_size >= 16384;
	head = p->large ? 80 : 40;
	p->body = view_from(v, head);
	if (p->tags > p->body.len / 4)
		return false;
	return p->flags != 0;
}

/* The bytes of a tag, and its flags. */
static struct view tag(const struct page *p, unsigned n, unsigned *flags)
{
	size_t at = p->body.len - 4 * ((size_t)n + 1);
	uint16_t size = view_get16(p->body, at), offset = view_get16(p->body, at + 2);
	struct view v;

	if (!p->large) {
		*flags = offset >> 13;
		return view_sub(p->body, offset & 0x1fff, size & 0x1fff);
	}
	v = view_sub(p->body, offset & 0x7fff, size & 0x7fff);
	*flags = view_get16(v, 0) >> 13;
	return v;
}

struct entry {
	uint8_t key[512];
	size_t key_len;
	struct view data;
	bool deleted;
};

static bool entry_read(const struct page *p, unsigned n, struct entry *x)
{
	unsigned flags, ignored;
	struct view v = tag(p, n, &flags), common;
	size_t off = 0, shared = 0, local;
	uint16_t mask = 0x1fff;

	if (!v.len)
		return false;
	x->deleted = flags & 2;
	if (flags & 4) {
		shared = view_get16(v, 0) & mask;
		off = 2;
		local = view_get16(v, off);
	} else {
		local = view_get16(v, off) & mask;
	}
	off += 2;
	if (local > v.len || off > v.len - local)
		return false;
	common = p->flags & PAGE_ROOT ? VIEW_EMPTY : tag(p, 0, &ignored);
	common = view_clip(common, 0, shared);
	x->key_len = 0;
	if (common.len + local <= sizeof(x->key)) {
		if (common.len)
			memcpy(x->key, common.data, common.len);
		if (local)
			memcpy(x->key + common.len, v.data + off, local);
		x->key_len = common.len + local;
	}
	x->data = view_from(v, off + local);
	return true;
}

static bool first_visit(struct ese *e, uint32_t number)
{
	uint64_t bit = UINT64_C(1) << (number % 64);

	if (number >= e->file.len / e->page_size || e->visited[number / 64] & bit)
		return false;
	e->visited[number / 64] |= bit;
	return true;
}

typedef int leaf_fn(void *data, const struct page *p, const struct entry *x);

static int walk(struct ese *e, uint32_t number, unsigned depth, leaf_fn *leaf, void *data)
{
	struct page p;
	struct entry x;
	int status = OK;

	if (depth > DEPTH_MAX || !first_visit(e, number) || !page_load(e, number, &p)) {
		e->bad++;
		return OK;
	}
	for (unsigned i = 1; i < p.tags && status >= 0; i++) {
		if (!entry_read(&p, i, &x) ||
		    (x.deleted && !(e->with_deleted && p.flags & PAGE_LEAF)))
			continue;
		e->deleted = x.deleted;
		if (p.flags & PAGE_LEAF)
			status = leaf(data, &p, &x);
		else if (x.data.len >= 4)
			status = walk(e, view_get32(x.data, 0), depth + 1, leaf, data);
	}
	return status;
}

static int walk_tree(struct ese *e, uint32_t root, uint32_t object, leaf_fn *leaf, void *data)
{
	unsigned bad = e->bad;
	int status;

	memset(e->visited, 0, (e->file.len / e->page_size / 64 + 1) * sizeof(uint64_t));
	status = walk(e, root, 0, leaf, data);
	/* Where a branch is lost its leaves still say whose they are: no space tree, index or long
	 * values. */
	for (uint32_t n = 1; e->bad > bad && status >= 0 && n < e->file.len / e->page_size; n++) {
		struct page p;

		if (page_load(e, n, &p) && view_get32(p.whole, 24) == object &&
		    (p.flags & 0xee) == PAGE_LEAF && !(e->visited[n / 64] >> (n % 64) & 1))
			status = walk(e, n, DEPTH_MAX, leaf, data);
	}
	return status;
}

/* ---- catalogue ---- */

static struct ese_table *table_of(struct ese *e, uint32_t object, bool make)
{
	for (size_t i = e->count; i-- > 0;)
		if (e->tables[i].object == object)
			return &e->tables[i];
	if (!make || e->count >= 4096)
		return NULL;
	e->tables = xgrow(e->tables, &e->cap, e->count + 1, sizeof(*e->tables));
	e->tables[e->count] = (struct ese_table){.object = object, .name = ""};
	return &e->tables[e->count++];
}

/* A row of MSysObjects: its fixed columns stand at known places, its name is variable column 128.
 */
static int catalogue_row(void *data, const struct page *p, const struct entry *x)
{
	struct ese *e = data;
	struct view r = x->data;
	uint16_t variable = view_get16(r, 2), type = view_get16(r, 8), end;
	unsigned last = view_get8(r, 1);
	struct ese_table *t;
	const char *name = "";

	(void)p;
	if (r.len < 30 || variable > r.len)
		return OK;
	if (last >= 128) {
		unsigned n = last - 127;

		end = view_get16(r, variable);
		if (!(end & 0x8000)) {
			struct view raw = view_sub(r, variable + 2 * (size_t)n, end);
			struct buffer b = {0};

			text_cp1252(&b, raw);
			name = arena_strndup(e->arena, b.data, b.len);
			buffer_release(&b);
			if (!name)
				return ERR_LIMIT;
		}
	}
	t = table_of(e, view_get32(r, 4), type == 1);
	if (!t)
		return OK;
	if (type == 1) {
		t->page = view_get32(r, 14);
		t->name = name;
	} else if (type == 4) {
		t->long_page = view_get32(r, 14);
	} else if (type == 2 && t->count < ESE_COLUMNS_MAX) {
		t->columns = xgrow(t->columns, &t->cap, t->count + 1, sizeof(*t->columns));
		t->columns[t->count++] = (struct ese_column){
			.id = view_get32(r, 10),
			.type = view_get32(r, 14),
			.size = view_get32(r, 18),
			.codepage = view_get32(r, 26),
			/* Column 9 of the catalogue, where the record goes
							      * that far. */
			.offset = view_get8(r, 0) >= 9 && variable >= 33 ? view_get16(r, 31) : 0,
			.name = name};
	}
	return OK;
}

static int by_id(const void *a, const void *b)
{
	uint32_t x = ((const struct ese_column *)a)->id, y = ((const struct ese_column *)b)->id;

	return x < y ? -1 : x > y;
}

int ese_open(struct ese *e, struct view file, struct arena *arena)
{
	int status;

	*e = (struct ese){.file = file, .arena = arena};
	if (view_get32(file, 4) != 0x89abcdef)
		return ERR_FORMAT;
	e->page_size = view_get32(file, 236);
	e->revision = view_get32(file, 232);
	e->dirty = view_get32(file, 52) != 3; /* 3: clean shutdown */
	if (e->page_size == 0)
		e->page_size = 4096;
	if (e->page_size != 2048 && e->page_size != 4096 && e->page_size != 8192 &&
	    e->page_size != 16384 && e->page_size != 32768)
		return ERR_UNSUPPORTED;
	e->visited = xcalloc(file.len / e->page_size / 64 + 1, sizeof(uint64_t));
	status = walk_tree(e, 4, 2, catalogue_row, e);
	for (size_t i = 0; i < e->count; i++)
		if (e->tables[i].count)
			qsort(e->tables[i].columns, e->tables[i].count, sizeof(struct ese_column),
			      by_id);
	return status;
}

void ese_close(struct ese *e)
{
	for (size_t i = 0; i < e->count; i++)
		free(e->tables[i].columns);
	free(e->tables);
	free(e->visited);
	*e = (struct ese){0};
}

const struct ese_table *ese_table_find(const struct ese *e, const char *name)
{
	for (size_t i = 0; i < e->count; i++)
		if (strcmp(e->tables[i].name, name) == 0)
			return &e->tables[i];
	return NULL;
}

/* ---- compression ("Compressed data") ---- */

/* 7 bits a character; the low bits of the first byte say how many of the last byte are used. */
static struct view seven_bits(struct arena *a, struct view v, bool wide)
{
	size_t bits = (v.len - 1) * 8, n;
	uint8_t *out;

	bits -= v.len > 1 ? 7u - (view_get8(v, 0) & 7u) : 0;
	n = bits / 7;
	if (!(out = arena_alloc(a, n * (wide ? 2 : 1) + 1)))
		return VIEW_EMPTY;
	for (size_t i = 0; i < n; i++) {
		size_t bit = i * 7;
		unsigned pair = view_get8(v, 1 + bit / 8) | (unsigned)view_get8(v, 2 + bit / 8)
								    << 8;
		uint8_t c = (uint8_t)(pair >> (bit % 8) & 0x7f);

		if (wide) {
			out[2 * i] = c;
			out[2 * i + 1] = 0;
		} else {
			out[i] = c;
		}
	}
	return view_of(out, n * (wide ? 2 : 1));
}

/* Plain LZ77 ([MS-XCA] 2.4). */
static struct view plain_lz77(struct arena *a, struct view in, size_t size)
{
	uint8_t *out = size && size <= VALUE_MAX ? arena_alloc(a, size) : NULL;
	size_t at = 0, made = 0, half = 0;
	uint32_t flags = 0;
	unsigned left = 0;

	while (out && made < size) {
		uint16_t match;
		size_t distance, len;

		if (left == 0) {
			if (!view_u32le(in, at, &flags))
				break;
			at += 4;
			left = 32;
		}
		left--;
		if (!(flags >> left & 1)) {
			if (at >= in.len)
				break;
			out[made++] = in.data[at++];
			continue;
		}
		if (!view_u16le(in, at, &match))
			break;
		at += 2;
		distance = match / 8 + 1;
		len = match % 8;
		if (len == 7) {
			if (half == 0) {
				half = at;
				len = view_get8(in, at++) & 15;
			} else {
				len = view_get8(in, half) >> 4;
				half = 0;
			}
			if (len == 15) {
				len = view_get8(in, at++);
				if (len == 255) {
					len = view_get16(in, at);
					at += 2;
					if (len == 0) {
						len = view_get32(in, at);
						at += 4;
					}
					if (len < 15 + 7)
						break;
					len -= 15 + 7;
				}
				len += 15;
			}
			len += 7;
		}
		len += 3;
		if (distance > made)
			break;
		for (; len && made < size; len--, made++)
			out[made] = out[made - distance];
	}
	return view_of(out, out ? made : 0);
}

static struct view decompressed(struct arena *a, struct view v)
{
	switch (view_get8(v, 0) >> 3) {
	case 1:
		return seven_bits(a, v, false);
	case 2:
		return seven_bits(a, v, true);
	case 3:
		return plain_lz77(a, view_from(v, 3), view_get16(v, 1));
	}
	return v;
}

/* ---- long values: a tree whose keys are the id (big-endian) and, for segments, the offset ---- */

#define LONG_SEGMENTS 256u

struct long_value {
	uint8_t key[8]; /* of the value: its id, big-endian */
	size_t key_len; /* 4, or 8 in tables with long ids */
	uint64_t size;	/* of the whole, as its root says */
	struct segment {
		struct view data;
		uint32_t offset;
	} list[LONG_SEGMENTS];
	size_t count, bytes;
};

static void long_collect(struct ese *e, uint32_t root, struct long_value *l)
{
	uint32_t number = root;
	struct page p;
	struct entry x;
	bool past = false;

	for (unsigned depth = 0; page_load(e, number, &p) && !(p.flags & PAGE_LEAF); depth++) {
		uint32_t next = 0;

		if (depth > DEPTH_MAX)
			return;
		for (unsigned i = 1; i < p.tags && !next; i++)
			/* The first child whose separator does not come before; the last one has
			 * none. */
			if (entry_read(&p, i, &x) && !x.deleted && x.data.len >= 4 &&
			    (x.key_len < 1 ||
			     memcmp(x.key, l->key,
				    x.key_len < l->key_len ? x.key_len : l->key_len) >= 0 ||
			     i + 1 == p.tags))
				next = view_get32(x.data, 0);
		if (!next)
			return;
		number = next;
	}
	/* The branches lead to the leaf that it begins in, or to the one before: pages without any of it end the search, or hostile
	 * chains would be walked for each record. */
	for (unsigned idle = 0; !past && idle < 2 && l->count < LONG_SEGMENTS &&
				l->bytes < VALUE_MAX && page_load(e, number, &p) &&
				p.flags & PAGE_LEAF;) {
		size_t before = l->count;

		for (unsigned i = 1; i < p.tags && !past; i++) {
			int order;

			if (!entry_read(&p, i, &x) || x.deleted || x.key_len < l->key_len)
				continue;
			order = memcmp(x.key, l->key, l->key_len);
			past = order > 0;
			if (order == 0 && x.key_len == l->key_len) {
				l->size = view_get32(x.data, 4);
			} else if (order == 0 && x.key_len >= l->key_len + 4 &&
				   l->count < LONG_SEGMENTS && l->bytes < VALUE_MAX) {
				uint32_t at;

				memcpy(&at, x.key + l->key_len, 4);
				l->list[l->count++] =
					(struct segment){x.data, __builtin_bswap32(at)};
				l->bytes += x.data.len;
			}
		}
		idle = l->count > before ? 0 : idle + 1;
		number = p.next;
	}
}

/* A segment is compressed, each by itself, when it is not as long as it is far to the next one. */
static struct view long_value(struct ese *e, const struct ese_table *t, struct view id,
			      struct arena *a)
{
	struct long_value l = {.key_len = id.len == 8 ? 8 : 4};
	struct buffer b = {0};
	struct view v;
	uint8_t *copy;

	if (!t->long_page || id.len < 4)
		return VIEW_EMPTY;
	for (size_t i = 0; i < l.key_len; i++)
		l.key[i] = id.data[l.key_len - 1 - i];
	long_collect(e, t->long_page, &l);
	for (size_t i = 0; i < l.count; i++) {
		uint64_t end = i + 1 < l.count ? l.list[i + 1].offset : l.size;
		bool plain = end - l.list[i].offset == l.list[i].data.len || end < l.list[i].offset;

		buffer_view(&b, plain ? l.list[i].data : decompressed(a, l.list[i].data));
	}
	copy = (uint8_t *)arena_strndup(a, b.data, b.len);
	v = view_of(copy, copy ? b.len : 0);
	buffer_release(&b);
	return v;
}

/* ---- records ---- */

static size_t fixed_size(const struct ese_column *c)
{
	static const uint8_t sizes[] = {0, 1, 1, 2, 4, 8, 4, 8, 8, 0, 0, 0, 0, 0, 4, 8, 16, 2};

	if (c->type < sizeof(sizes) && sizes[c->type])
		return sizes[c->type];
	return c->size;
}

static const struct ese_column *column_of(const struct ese_table *t, uint32_t id)
{
	size_t low = 0, high = t->count;

	while (low < high) {
		size_t mid = (low + high) / 2;

		if (t->columns[mid].id == id)
			return &t->columns[mid];
		if (t->columns[mid].id < id)
			low = mid + 1;
		else
			high = mid;
	}
	return NULL;
}

struct rows {
	struct ese *e;
	const struct ese_table *t;
	struct arena *scratch;
	int (*record)(void *data, const struct ese_value *values, size_t count, uint64_t offset);
	void *data;
	struct ese_value *values;
	size_t count, cap;
};

static void put(struct rows *w, const struct ese_column *c, struct view v)
{
	if (!v.len || w->count >= ESE_VALUES_MAX)
		return;
	w->values = xgrow(w->values, &w->cap, w->count + 1, sizeof(*w->values));
	w->values[w->count++] = (struct ese_value){c, v};
}

/* Flags of a tagged value ("Tagged data types"). */
enum {
	TAGGED_COMPRESSED = 2,
	TAGGED_LONG = 4, /* the value is the id of a long one */
	TAGGED_SEVERAL = 8,
	TAGGED_TWO = 0x10, /* of several, just two */
	TAGGED_NULL = 0x20,
};

/* Several values: the offsets of 16 bits stand in front; of two, the size of the first. */
static void several(struct rows *w, const struct ese_column *c, struct view v, unsigned flags)
{
	size_t n = (view_get16(v, 0) & 0x7fff) / 2;
	struct view first;

	if (flags & TAGGED_TWO) {
		first = view_sub(v, 1, view_get8(v, 0));
		put(w, c,
		    flags & TAGGED_COMPRESSED && first.len ? decompressed(w->scratch, first)
							   : first);
		put(w, c, view_from(v, 1 + (size_t)view_get8(v, 0)));
		return;
	}
	for (size_t i = 0; i < n && view_has(v, 2 * i, 2); i++) {
		uint16_t at = view_get16(v, 2 * i);
		size_t from = at & 0x7fff,
		       to = i + 1 < n ? view_get16(v, 2 * i + 2) & 0x7fff : v.len;
		struct view one = from < to ? view_sub(v, from, to - from) : VIEW_EMPTY;

		if (at & 0x8000)
			one = long_value(w->e, w->t, one, w->scratch);
		else if (i == 0 && flags & TAGGED_COMPRESSED && one.len)
			one = decompressed(w->scratch, one);
		put(w, c, one);
	}
}

/* Pairs of id and offset, then their data. */
static void tagged_columns(struct rows *w, const struct page *p, struct view t)
{
	uint16_t mask = p->large ? 0x7fff : 0x3fff;
	size_t pairs = (view_get16(t, 2) & mask) / 4;

	for (size_t i = 0; i < pairs && view_has(t, 4 * i, 4); i++) {
		const struct ese_column *c = column_of(w->t, view_get16(t, 4 * i));
		uint16_t raw = view_get16(t, 4 * i + 2);
		size_t from = raw & mask,
		       to = i + 1 < pairs ? view_get16(t, 4 * i + 6) & mask : t.len;
		struct view v = from < to ? view_sub(t, from, to - from) : VIEW_EMPTY;
		unsigned flags = 0;

		if (!c || !v.len)
			continue;
		if (p->large || raw & 0x4000) {
			flags = view_get8(v, 0);
			v = view_from(v, 1);
		}
		if (flags & TAGGED_NULL)
			continue;
		if (flags & (TAGGED_SEVERAL | TAGGED_TWO))
			several(w, c, v, flags);
		else if (flags & TAGGED_LONG)
			put(w, c, long_value(w->e, w->t, v, w->scratch));
		else
			put(w, c,
			    flags & TAGGED_COMPRESSED && v.len ? decompressed(w->scratch, v) : v);
	}
}

static int row(void *data, const struct page *p, const struct entry *x)
{
	struct rows *w = data;
	struct view r = x->data;
	unsigned last_fixed = view_get8(r, 0), last_variable = view_get8(r, 1);
	size_t variable = view_get16(r, 2), at = 4, nulls, end = 0, tagged;
	unsigned n_variable = last_variable >= 128 ? last_variable - 127 : 0;

	if (r.len < 4 || variable > r.len || variable < 4)
		return OK;
	arena_reset(w->scratch);
	w->count = 0;
	/* Fixed columns, then a bit for each that is null just before the variable ones. */
	nulls = (last_fixed + 7) / 8 <= variable - 4 ? variable - (last_fixed + 7) / 8 : variable;
	for (size_t i = 0;
	     i < w->t->count && w->t->columns[i].id <= last_fixed && w->t->columns[i].id < 128;
	     i++) {
		const struct ese_column *c = &w->t->columns[i];
		size_t size = fixed_size(c);

		if (c->offset >= 4) /* a column before it may have been deleted */
			at = c->offset;
		if (size > nulls || at > nulls - size)
			break;
		if (!(view_get8(r, nulls + (c->id - 1) / 8) >> ((c->id - 1) % 8) & 1))
			put(w, c, view_sub(r, at, size));
		at += size;
	}
	/* Variable columns: the end of each, then their data. */
	for (unsigned i = 0; i < n_variable; i++) {
		uint16_t to = view_get16(r, variable + 2 * (size_t)i);
		const struct ese_column *c = column_of(w->t, 128 + i);

		if (!(to & 0x8000) && c && (to & 0x7fff) > end)
			put(w, c,
			    view_sub(r, variable + 2 * (size_t)n_variable + end,
				     (to & 0x7fff) - end));
		if ((to & 0x7fff) > end)
			end = to & 0x7fff;
	}
	tagged = variable + 2 * (size_t)n_variable + end;
	if (tagged + 4 <= r.len)
		tagged_columns(w, p, view_from(r, tagged));
	return w->record(w->data, w->values, w->count, (uint64_t)(x->data.data - w->e->file.data));
}

int ese_records(struct ese *e, const struct ese_table *t, struct arena *scratch,
		int (*record)(void *data, const struct ese_value *values, size_t count,
			      uint64_t offset),
		void *data)
{
	struct rows *w = xcalloc(1, sizeof(*w));
	int status;

	w->e = e;
	w->t = t;
	w->scratch = scratch;
	w->record = record;
	w->data = data;
	status = walk_tree(e, t->page, t->object, row, w);
	e->deleted = false;
	free(w->values);
	free(w);
	return status;
}

/* ---- values ---- */

const struct ese_value *ese_find(const struct ese_value *values, size_t count, const char *name)
{
	for (size_t i = 0; i < count; i++)
		if (strcmp(values[i].column->name, name) == 0)
			return &values[i];
	return NULL;
}

int64_t ese_number(const struct ese_value *v)
{
	if (!v)
		return 0;
	switch (v->column->type) {
	case ESE_BIT:
		return view_get8(v->data, 0) != 0;
	case ESE_U8:
		return view_get8(v->data, 0);
	case ESE_I16:
		return (int16_t)view_get16(v->data, 0);
	case ESE_U16:
		return view_get16(v->data, 0);
	case ESE_I32:
		return (int32_t)view_get32(v->data, 0);
	case ESE_U32:
		return view_get32(v->data, 0);
	case ESE_I64:
	case ESE_CURRENCY:
		return (int64_t)view_get64(v->data, 0);
	}
	return 0;
}

int64_t ese_time(const struct ese_value *v)
{
	uint64_t raw = v ? view_get64(v->data, 0) : 0;
	double days;

	if (!v || v->data.len != 8)
		return TIME_NONE;
	if (raw > UINT64_C(0x0180000000000000) && raw < UINT64_C(0x0280000000000000))
		return time_from_filetime(raw);
	/* Windows Search sorts by some: big-endian. */
	if (v->column->type == ESE_BINARY &&
	    __builtin_bswap64(raw) > UINT64_C(0x0180000000000000) &&
	    __builtin_bswap64(raw) < UINT64_C(0x0280000000000000))
		return time_from_filetime(__builtin_bswap64(raw));
	if (v->column->type != ESE_DATETIME)
		return TIME_NONE;
	memcpy(&days, &raw, sizeof(days));
	return raw ? time_from_ole(days) : TIME_NONE;
}

const char *ese_text(const struct ese_value *v, struct arena *a)
{
	struct buffer b = {0};
	const char *text;

	if (!v)
		return "";
	if (v->column->codepage == 1200 ||
	    (v->column->codepage == 0 && v->data.len % 2 == 0 && view_get8(v->data, 1) == 0))
		text_utf16z(&b, v->data);
	else
		text_cp1252(&b, v->data);
	while (b.len && b.data[b.len - 1] == '\0')
		b.len--;
	text = arena_strndup(a, b.data, b.len);
	buffer_release(&b);
	return text ? text : "";
}

struct value ese_value(const struct ese_value *v, struct arena *a)
{
	float f;
	double d;

	switch (v->column->type) {
	case ESE_BIT:
		return value_bool(view_get8(v->data, 0) != 0);
	case ESE_U8:
	case ESE_I16:
	case ESE_I32:
	case ESE_U16:
	case ESE_U32:
	case ESE_I64:
	case ESE_CURRENCY:
		return value_signed(ese_number(v));
	case ESE_F32:
		if (v->data.len < 4)
			break;
		memcpy(&f, v->data.data, 4);
		return (struct value){.type = VALUE_FLOAT, .f = (double)f};
	case ESE_F64:
		if (v->data.len < 8)
			break;
		memcpy(&d, v->data.data, 8);
		return (struct value){.type = VALUE_DOUBLE, .f = d};
	case ESE_DATETIME:
		return value_time(ese_time(v));
	case ESE_TEXT:
	case ESE_LONG_TEXT:
		return value_text(ese_text(v, a));
	case ESE_GUID:
		if (v->data.len >= 16)
			return value_guid(v->data.data);
		break;
	}
	return value_binary(view_clip(v->data, 0, 256));
}
