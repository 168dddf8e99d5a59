#include "parsers/hive.h"

#include "base/text.h"

#include <stdlib.h>
#include <string.h>

/* Sizes past this are not copied for a replay: a worker's memory is bounded. Real hives stay below
 * 200 MiB. */
#define OVERLAY_MAX ((size_t)256 << 20)

/* ---- Marvin32: the hash of log entries ("Format of a log entry") ---- */

#define MARVIN_SEED UINT64_C(0x82ef4d887a4e55c5)

static uint32_t rotate(uint32_t x, unsigned n)
{
	return x << n | x >> (32 - n);
}

static void marvin_mix(uint32_t *lo, uint32_t *hi)
{
	*hi ^= *lo;
	*lo = rotate(*lo, 20) + *hi;
	*hi = rotate(*hi, 9) ^ *lo;
	*lo = rotate(*lo, 27) + *hi;
	*hi = rotate(*hi, 19);
}

uint64_t hive_marvin32(uint64_t seed, struct view v)
{
	uint32_t lo = (uint32_t)seed, hi = (uint32_t)(seed >> 32), last = 0x80;
	size_t at = 0;

	for (; v.len - at >= 4; at += 4) {
		lo += view_get32(v, at);
		marvin_mix(&lo, &hi);
	}
	for (size_t i = v.len; i-- > at;)
		last = last << 8 | v.data[i];
	lo += last;
	marvin_mix(&lo, &hi);
	marvin_mix(&lo, &hi);
	return (uint64_t)hi << 32 | lo;
}

/* ---- base block ---- */

struct base_block {
	uint32_t primary, secondary, major, minor, type, root, size;
	uint64_t written;
	bool checksum_good;
};

/* "Base block": XOR of the first 127 words; 0 and all ones have substitutes. */
static bool base_block(struct view v, struct base_block *b)
{
	uint32_t sum = 0;

	if (!view_starts(v, "regf", 4) || v.len < 512)
		return false;
	for (size_t i = 0; i < 508; i += 4)
		sum ^= view_get32(v, i);
	sum = sum == UINT32_MAX ? UINT32_MAX - 1 : sum == 0 ? 1 : sum;
	*b = (struct base_block){
		.primary = view_get32(v, 4),
		.secondary = view_get32(v, 8),
		.written = view_get64(v, 12),
		.major = view_get32(v, 20),
		.minor = view_get32(v, 24),
		.type = view_get32(v, 28),
		.root = view_get32(v, 36),
		.size = view_get32(v, 40),
		.checksum_good = sum == view_get32(v, 508),
	};
	return true;
}

/* ---- replay ---- */

static bool overlay_size(struct hive *h, size_t size)
{
	if (size > OVERLAY_MAX) {
		h->log_note = "the hive is too large to replay its log";
		return false;
	}
	if (size > h->file.len || !h->overlay) {
		size_t have = h->file.len, want = size > have ? size : have;
		uint8_t *copy;

		if (want > OVERLAY_MAX) {
			h->log_note = "the hive is too large to replay its log";
			return false;
		}
		copy = xcalloc(1, want);
		memcpy(copy, h->file.data, have);
		free(h->overlay);
		h->overlay = copy;
		h->file = view_of(copy, want);
	}
	return true;
}

static void overlay_write(struct hive *h, size_t offset, struct view bytes)
{
	if (bytes.len && view_has(h->file, HIVE_BASE + offset, bytes.len))
		memcpy(h->overlay + HIVE_BASE + offset, bytes.data, bytes.len);
	h->pages++;
}

/* A log of the new format: where its good entries begin and end, and their first sequence number.
 */
struct new_log {
	struct view bytes;
	struct base_block base;
	bool good;
	uint32_t first; /* sequence number of the first entry */
};

/* "Format of a log entry": the entry at `off`, whole and with both hashes right. */
static bool log_entry(struct view log, size_t off, struct view *entry)
{
	uint32_t size, count;
	struct view v;

	if (!view_starts(view_from(log, off), "HvLE", 4) || !view_u32le(log, off + 4, &size) ||
	    size < 512 || size % 512 || !view_has(log, off, size))
		return false;
	v = view_sub(log, off, size);
	count = view_get32(v, 20);
	if (count > (size - 40) / 8)
		return false;
	*entry = v;
	return hive_marvin32(MARVIN_SEED, view_from(v, 40)) == view_get64(v, 24) &&
	       hive_marvin32(MARVIN_SEED, view_sub(v, 0, 32)) == view_get64(v, 32);
}

static bool new_log_open(struct new_log *l, struct view bytes)
{
	struct view entry;

	*l = (struct new_log){.bytes = bytes};
	if (!base_block(bytes, &l->base) || l->base.type != 6 || !l->base.checksum_good ||
	    !log_entry(bytes, 512, &entry))
		return false;
	l->first = view_get32(entry, 12);
	return l->good = true;
}

/* "Log entries", notes 5 to 8: older entries are in the primary file already; the others must follow each other without a gap, the
 * first of them with the number that the primary file waits for. */
static void new_log_apply(struct hive *h, const struct new_log *l, uint32_t *next)
{
	struct view entry;

	for (size_t off = 512; log_entry(l->bytes, off, &entry); off += entry.len) {
		uint32_t sequence = view_get32(entry, 12), size = view_get32(entry, 16),
			 count = view_get32(entry, 20);
		size_t data = 40 + (size_t)count * 8;

		if ((int32_t)(sequence - *next) < 0)
			continue; /* already in the primary file */
		if (sequence != *next) {
			h->log_note = "log entries are missing between the hive and its log";
			break;
		}
		if (size % 4096)
			break;
		if (!overlay_size(h, HIVE_BASE + (size_t)size))
			return;
		for (uint32_t i = 0; i < count; i++) {
			uint32_t at = view_get32(entry, 40 + 8 * (size_t)i),
				 n = view_get32(entry, 44 + 8 * (size_t)i);

			if (!view_has(entry, data, n) || at > size || n > size - at)
				break;
			overlay_write(h, at, view_sub(entry, data, n));
			data += n;
		}
		h->replayed++;
		*next = sequence + 1;
	}
}

/* "Old format": DIRT, a bit for each sector of 512 bytes of hive bins, then the dirty sectors. */
static bool old_log_fits(const struct hive *h, struct view log, const struct base_block *l,
			 const struct base_block *b)
{
	return l->checksum_good && l->type != 6 && l->primary == l->secondary &&
	       view_starts(view_from(log, 512), "DIRT", 4) &&
	       /* Where the base block is bad, the first hive bin's time stands for its own. */
	       l->written == (h->header_bad ? view_get64(h->file, HIVE_BASE + 20) : b->written);
}

static void old_log_apply(struct hive *h, struct view log, const struct base_block *l)
{
	size_t bytes = l->size / 4096, data = (512 + 4 + bytes + 511) & ~(size_t)511;
	struct view bitmap = view_clip(log, 516, bytes);

	if (!overlay_size(h, HIVE_BASE + (size_t)l->size))
		return;
	for (size_t i = 0; i < bitmap.len * 8; i++) {
		if (!(bitmap.data[i / 8] >> (i % 8) & 1))
			continue;
		if (!view_has(log, data, 512)) {
			h->log_note = "the log ends before its last dirty sector";
			break;
		}
		overlay_write(h, i * 512, view_sub(log, data, 512));
		data += 512;
	}
	h->replayed++;
}

static void header_from(struct hive *h, const struct base_block *b)
{
	h->root = b->root;
	h->major = b->major;
	h->minor = b->minor;
	h->written = b->written;
}

/* "Dirty hives", as Windows would: see hive.h. */
static void replay(struct hive *h, const struct base_block *b, struct view *logs, size_t count)
{
	struct new_log found[3], *first, *second = NULL;
	struct base_block l;
	size_t n = 0;
	uint32_t next = h->header_bad ? 0 : b->secondary;

	for (size_t i = 0; i < count; i++)
		n += new_log_open(&found[n], logs[i]);
	if (n > 0) {
		first = &found[0];
		if (n > 1)
			second = &found[1];
		if (h->header_bad) {
			/* Only the log of the newest base block stands for the header. */
			if (second && second->base.written > first->base.written)
				first = second;
			second = NULL;
			header_from(h, &first->base);
			next = first->first;
		} else if (second && (int32_t)(second->first - first->first) < 0) {
			struct new_log *swap = first;

			first = second;
			second = swap;
		}
		new_log_apply(h, first, &next);
		if (second)
			new_log_apply(h, second, &next);
		if (!h->replayed && !h->log_note)
			h->log_note = "the log's entries are older than the hive";
		return;
	}
	/* Old format: of two that fit, the newer. */
	struct view best = VIEW_EMPTY;
	struct base_block best_base = {0};

	for (size_t i = 0; i < count; i++) {
		if (!base_block(logs[i], &l))
			continue;
		if (!old_log_fits(h, logs[i], &l, b)) {
			h->log_note = "the log does not belong to this state of the hive";
			continue;
		}
		if (!best.len || l.written > best_base.written) {
			best = logs[i];
			best_base = l;
		}
	}
	if (best.len) {
		h->log_note = NULL;
		if (h->header_bad)
			header_from(h, &best_base);
		old_log_apply(h, best, &best_base);
	}
}

int hive_open(struct hive *h, struct view file, struct view log, struct view log1, struct view log2)
{
	struct view logs[3] = {log1, log2, log};
	struct base_block b;

	*h = (struct hive){.file = file, .root = HIVE_NONE};
	if (!base_block(file, &b))
		return ERR_FORMAT;
	header_from(h, &b);
	h->primary = b.primary;
	h->secondary = b.secondary;
	h->header_bad = !b.checksum_good;
	h->dirty = h->header_bad || b.primary != b.secondary;
	h->name = view_sub(file, 48, 64);
	if (h->dirty)
		replay(h, &b, logs, 3);
	h->cells = view_from(h->file, HIVE_BASE);
	return OK;
}

void hive_release(struct hive *h)
{
	free(h->overlay);
	*h = (struct hive){.root = HIVE_NONE};
}

/* ---- cells ---- */

struct view hive_cell(const struct hive *h, uint32_t offset)
{
	int32_t size;
	uint32_t n;

	if (offset % 8 || !view_i32le(h->cells, offset, &size))
		return VIEW_EMPTY;
	n = size < 0 ? 0u - (uint32_t)size : (uint32_t)size;
	if (n < 8)
		return VIEW_EMPTY;
	/* A cell that runs over the end of the file (cut evidence) is given as far as it goes. */
	return view_clip(h->cells, (size_t)offset + 4, n - 4);
}

bool hive_key_in(struct view c, uint32_t offset, struct hive_key *k)
{
	uint16_t name;

	if (!view_starts(c, "nk", 2) || c.len < 76)
		return false;
	/* "Key node" */
	*k = (struct hive_key){
		.offset = offset,
		.flags = view_get16(c, 2),
		.written = view_get64(c, 4),
		.parent = view_get32(c, 16),
		.subkeys = view_get32(c, 20),
		.subkey_list = view_get32(c, 28),
		.values = view_get32(c, 36),
		.value_list = view_get32(c, 40),
		.class_cell = view_get32(c, 48),
		.class_len = view_get16(c, 74),
	};
	name = view_get16(c, 72);
	k->ascii = k->flags & 0x20;
	k->name = view_clip(c, 76, name);
	return true;
}

bool hive_key_at(const struct hive *h, uint32_t offset, struct hive_key *k)
{
	return hive_key_in(hive_cell(h, offset), offset, k);
}

struct subkey_walk {
	const struct hive *h;
	uint32_t **list;
	size_t *cap, *count, limit;
	unsigned *bad;
};

static void subkeys_of(struct subkey_walk *w, uint32_t offset, unsigned depth)
{
	struct view c = hive_cell(w->h, offset);
	uint16_t n = view_get16(c, 2);
	size_t step;

	if (view_starts(c, "lf", 2) || view_starts(c, "lh", 2)) {
		step = 8;
	} else if (view_starts(c, "li", 2) || view_starts(c, "ri", 2)) {
		step = 4;
	} else {
		++*w->bad;
		return;
	}
	for (uint16_t i = 0; i < n && *w->count < w->limit; i++) {
		uint32_t at;

		if (!view_u32le(c, 4 + i * step, &at)) {
			++*w->bad;
			break;
		}
		if (c.data[0] == 'r') {
			if (depth > 1)
				++*w->bad;
			else
				subkeys_of(w, at, depth + 1);
			continue;
		}
		*w->list = xgrow(*w->list, w->cap, *w->count + 1, sizeof(uint32_t));
		(*w->list)[(*w->count)++] = at;
	}
}

void hive_subkeys(const struct hive *h, const struct hive_key *k, uint32_t **list, size_t *cap,
		  size_t *count, unsigned *bad)
{
	/* A key's cell takes 80 bytes: no hive has more of them. */
	struct subkey_walk w = {h, list, cap, count, *count + h->cells.len / 80 + 1, bad};

	if (k->subkeys && k->subkey_list != HIVE_NONE)
		subkeys_of(&w, k->subkey_list, 0);
}

uint32_t hive_value_count(const struct hive *h, const struct hive_key *k)
{
	size_t have;

	if (!k->values || k->value_list == HIVE_NONE)
		return 0;
	have = hive_cell(h, k->value_list).len / 4;
	return k->values < have ? k->values : (uint32_t)have;
}

bool hive_value_in(const struct hive *h, struct view c, uint32_t offset, struct hive_value *v)
{
	uint32_t size, at;

	if (!view_starts(c, "vk", 2) || c.len < 20)
		return false;
	/* "Key value" */
	*v = (struct hive_value){
		.offset = offset, .type = view_get32(c, 12), .ascii = view_get16(c, 16) & 1};
	v->name = view_clip(c, 20, view_get16(c, 2));
	size = view_get32(c, 4);
	at = view_get32(c, 8);
	if (size & 0x80000000) {
		v->size = size & 0x7fffffff;
		v->data = view_sub(c, 8, v->size > 4 ? 4 : v->size);
		v->cut = v->size > 4;
		return true;
	}
	v->size = size;
	if (size == 0)
		return true;
	c = hive_cell(h, at);
	if (size > 16344 && view_starts(c, "db", 2) && h->minor > 3) { /* "Big data" */
		struct view list = hive_cell(h, view_get32(c, 4));

		v->big = true;
		v->data = view_clip(hive_cell(h, view_get32(list, 0)), 0, 16344);
		return true;
	}
	v->data = view_clip(c, 0, size);
	v->cut = v->data.len < size;
	return true;
}

bool hive_value_at(const struct hive *h, const struct hive_key *k, uint32_t index,
		   struct hive_value *v)
{
	struct view list = hive_cell(h, k->value_list);
	uint32_t at;

	return view_u32le(list, (size_t)index * 4, &at) &&
	       hive_value_in(h, hive_cell(h, at), at, v);
}

struct view hive_data(const struct hive *h, const struct hive_value *v, struct arena *a,
		      size_t most)
{
	struct view cell, head, list;
	size_t want = v->size < most ? v->size : most, have = 0;
	uint16_t count;
	uint8_t *to;

	if (!v->big || want <= v->data.len)
		return view_clip(v->data, 0, want);
	cell = hive_cell(h, v->offset);
	head = hive_cell(h, view_get32(cell, 8));
	count = view_get16(head, 2);
	list = hive_cell(h, view_get32(head, 4));
	if (count > list.len / 4)
		count = (uint16_t)(list.len / 4);
	if (want > (size_t)count * 16344)
		want = (size_t)count * 16344;
	if (!(to = arena_alloc(a, want)))
		return v->data;
	for (uint16_t i = 0; i < count && have < want; i++) {
		struct view part =
			view_clip(hive_cell(h, view_get32(list, 4 * (size_t)i)), 0, 16344);

		if (part.len > want - have)
			part.len = want - have;
		if (!part.len)
			break;
		memcpy(to + have, part.data, part.len);
		have += part.len;
	}
	return view_of(to, have);
}

/* ---- names ---- */

bool hive_name_is(struct view name, bool ascii, const char *text)
{
	size_t step = ascii ? 1 : 2, n = strlen(text);

	if (name.len / step != n)
		return false;
	for (size_t i = 0; i < n; i++) {
		uint8_t c = name.data[i * step];

		if (!ascii && name.data[i * 2 + 1])
			return false;
		if (c >= 'A' && c <= 'Z')
			c |= 0x20;
		if (c != (uint8_t)(text[i] >= 'A' && text[i] <= 'Z' ? text[i] | 0x20 : text[i]))
			return false;
	}
	return true;
}

void hive_name_append(struct buffer *out, struct view name, bool ascii)
{
	if (!ascii) {
		text_utf16(out, name);
		return;
	}
	for (size_t i = 0; i < name.len; i++) {
		uint8_t c[4];

		if (name.data[i] < 0x80)
			buffer_char(out, (char)name.data[i]);
		else
			buffer_append(out, c, text_encode(name.data[i], c));
	}
}

static bool child(const struct hive *h, const struct hive_key *from, const char *name,
		  struct hive_key *k)
{
	uint32_t *list = NULL;
	size_t cap = 0, count = 0;
	unsigned bad = 0;
	bool found = false;

	hive_subkeys(h, from, &list, &cap, &count, &bad);
	for (size_t i = 0; i < count && !found; i++)
		found = hive_key_at(h, list[i], k) && hive_name_is(k->name, k->ascii, name);
	free(list);
	return found;
}

bool hive_find(const struct hive *h, const struct hive_key *from, const char *path,
	       struct hive_key *k)
{
	struct hive_key at = *from;
	char part[256];

	while (*path) {
		size_t n = strcspn(path, "\\");
		struct hive_key next;

		if (n >= sizeof(part))
			return false;
		memcpy(part, path, n);
		part[n] = '\0';
		if (!child(h, &at, part, &next))
			return false;
		at = next;
		path += n + (path[n] == '\\');
	}
	*k = at;
	return true;
}

bool hive_find_value(const struct hive *h, const struct hive_key *k, const char *name,
		     struct hive_value *v)
{
	uint32_t n = hive_value_count(h, k);

	for (uint32_t i = 0; i < n; i++)
		if (hive_value_at(h, k, i, v) && hive_name_is(v->name, v->ascii, name))
			return true;
	return false;
}

/* ---- scan ---- */

int hive_scan(const struct hive *h,
	      int (*cell)(void *data, uint32_t offset, struct view content, bool allocated),
	      int (*bad)(void *data, uint32_t offset, const char *why), void *data)
{
	struct view v = h->cells;
	size_t stated = view_get32(h->file, 40);
	int status = OK;

	/* What lies behind the stated size is left from before; a size that cannot be is not
	 * believed. */
	if (!h->overlay && !h->header_bad && stated && stated < v.len && stated % 4096 == 0)
		v.len = stated;
	for (size_t bin = 0; bin < v.len && status >= 0;) {
		uint32_t size = view_get32(v, bin + 8);

		/* "Hive bin": signature, offset, size */
		if (!view_starts(view_from(v, bin), "hbin", 4)) {
			/* Zeros up to the end of the file are unused space, not damage. */
			bool zero = true;
			struct view page = view_clip(v, bin, 4096);

			for (size_t i = 0; i < page.len && zero; i++)
				zero = page.data[i] == 0;
			if (!zero)
				status = bad(data, (uint32_t)bin,
					     "no hive bin where one must begin");
			bin += 4096;
			continue;
		}
		if (size < 4096 || size % 4096 || size > v.len - bin) {
			status = bad(data, (uint32_t)bin, "a hive bin's size does not fit");
			size = 4096;
		}
		if (size > v.len - bin)
			size = (uint32_t)(v.len - bin);
		for (size_t at = bin + 32, end = bin + size; at + 8 <= end && status >= 0;) {
			int32_t raw = 0;
			uint32_t n;

			(void)view_i32le(v, at, &raw);
			n = raw < 0 ? 0u - (uint32_t)raw : (uint32_t)raw;
			if (n < 8 || n % 8 || n > end - at) {
				status = bad(data, (uint32_t)at, "a cell's size does not fit");
				break;
			}
			status = cell(data, (uint32_t)at, view_sub(v, at + 4, n - 4), raw < 0);
			at += n;
		}
		bin += size;
	}
	return status;
}
