#include "parsers/ole.h"

#include "base/limits.h"
#include "parsers/parser.h"

#define END  0xfffffffe
#define ROOT 5

static size_t sector_size(const struct ole *o)
{
	return (size_t)1 << o->sector_shift;
}

/* 2.1: sector 0 follows the header, which takes a whole sector. */
static struct view sector(const struct ole *o, uint32_t n)
{
	return view_clip(o->file, ((size_t)n + 1) << o->sector_shift, sector_size(o));
}

static uint32_t next(const struct ole *o, uint32_t n)
{
	size_t per = sector_size(o) / 4, index = n / per;
	uint32_t x;

	if (index >= o->fat_count ||
	    !view_u32le(sector(o, o->fat_sectors[index]), (n % per) * 4, &x))
		return END;
	return x;
}

/* A chain of sectors as one run of bytes, at most `most`. A chain cannot be longer than the file.
 */
static struct view chain(const struct ole *o, uint32_t start, uint64_t most)
{
	uint8_t *out;
	size_t len = 0, steps = 0, limit = (o->file.len >> o->sector_shift) + 1;

	if (most > o->file.len)
		most = o->file.len;
	if (most == 0 || !(out = arena_alloc(o->arena, (size_t)most)))
		return VIEW_EMPTY;
	for (uint32_t n = start; n < 0xfffffffa && len < most && steps < limit;
	     n = next(o, n), steps++) {
		struct view s = sector(o, n);

		if (s.len > most - len)
			s.len = (size_t)most - len;
		if (s.len == 0)
			break;
		memcpy(out + len, s.data, s.len);
		len += s.len;
	}
	return view_of(out, len);
}

int ole_open(struct ole *o, struct view file, struct arena *a)
{
	size_t most, per;
	uint32_t count, difat, steps = 0;
	struct ole_entry root;

	*o = (struct ole){.file = file, .arena = a};
	if (!view_starts(file, "\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", 8) || file.len < 512)
		return ERR_FORMAT;
	o->sector_shift = view_get16(file, 30);
	o->mini_shift = view_get16(file, 32);
	if (o->sector_shift < 7 || o->sector_shift > 16 || o->mini_shift < 4 ||
	    o->mini_shift >= o->sector_shift)
		return ERR_FORMAT;
	o->cutoff = view_get32(file, 56);
	per = sector_size(o) / 4;
	/* The list of the FAT's sectors: 109 in the header, more in a chain of sectors (2.5). */
	most = file.len / sector_size(o) + 1;
	count = view_get32(file, 44);
	if (count > most)
		count = (uint32_t)most;
	o->fat_sectors = arena_alloc(a, (size_t)(count + 1) * sizeof(*o->fat_sectors));
	if (!o->fat_sectors)
		return ERR_LIMIT;
	for (size_t i = 0; i < 109 && o->fat_count < count; i++)
		o->fat_sectors[o->fat_count++] = view_get32(file, 76 + i * 4);
	difat = view_get32(file, 68);
	while (o->fat_count < count && difat < 0xfffffffa && steps++ < most) {
		struct view s = sector(o, difat);

		for (size_t i = 0; i + 1 < per && o->fat_count < count; i++)
			o->fat_sectors[o->fat_count++] = view_get32(s, i * 4);
		difat = s.len ? view_get32(s, (per - 1) * 4) : END;
	}
	o->directory = chain(o, view_get32(file, 48), file.len);
	o->entries = o->directory.len / 128;
	o->mini_fat =
		chain(o, view_get32(file, 60), (uint64_t)view_get32(file, 64) << o->sector_shift);
	if (ole_entry(o, 0, &root) && root.type == ROOT)
		o->mini = chain(o, root.start, root.size);
	return OK;
}

bool ole_entry(const struct ole *o, size_t index, struct ole_entry *e)
{
	struct view d = view_sub(o->directory, index * 128, 128);
	uint16_t name;

	if (index >= o->entries || !d.data)
		return false;
	*e = (struct ole_entry){.type = d.data[66],
				.left = view_get32(d, 68),
				.right = view_get32(d, 72),
				.child = view_get32(d, 76),
				.created = view_get64(d, 100),
				.modified = view_get64(d, 108),
				.start = view_get32(d, 116),
				.size = view_get64(d, 120),
				.offset = index * 128};
	if (e->type != 1 && e->type != 2 && e->type != ROOT)
		return false;
	/* 2.6.1: version 3 uses the low half only. */
	if (o->sector_shift == 9)
		e->size &= UINT32_MAX;
	name = view_get16(d, 64);
	e->name = parse_utf16z(o->arena, view_clip(d, 0, name < 64 ? name : 64));
	return true;
}

struct view ole_stream(const struct ole *o, const struct ole_entry *e)
{
	size_t size = (size_t)1 << o->mini_shift, len = 0, steps = 0,
	       limit = o->mini.len / size + 1;
	uint64_t most = e->size;
	uint8_t *out;

	if (e->size >= o->cutoff)
		return chain(o, e->start, e->size);
	if (most > o->mini.len)
		most = o->mini.len;
	if (most == 0 || !(out = arena_alloc(o->arena, (size_t)most)))
		return VIEW_EMPTY;
	for (uint32_t n = e->start; n < 0xfffffffa && len < most && steps < limit; steps++) {
		struct view s = view_clip(o->mini, (size_t)n * size, size);

		if (s.len > most - len)
			s.len = (size_t)most - len;
		if (s.len == 0)
			break;
		memcpy(out + len, s.data, s.len);
		len += s.len;
		if (!view_u32le(o->mini_fat, (size_t)n * 4, &n))
			break;
	}
	return view_of(out, len);
}
