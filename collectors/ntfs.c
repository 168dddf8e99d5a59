#include "collectors/ntfs.h"

#include "base/text.h"

#include <stdlib.h>

#define RECORD_MAX  ((uint32_t)65536)
#define INDEX_MAX   ((uint32_t)65536)
#define CLUSTER_MAX ((uint32_t)2 << 20) /* since Windows 10 1709 */
#define RUNS_MAX    ((size_t)1 << 21)	/* Windows stops near 1.5 million extents */
#define EXTENTS_MAX ((size_t)4096)	/* records that one attribute may be spread over */
#define LIST_MAX    ((uint64_t)1 << 20) /* bytes of an attribute list; Windows: 256 KiB */
#define ENTRIES_MAX ((uint64_t)16 << 20)
#define VCN_MAX	    (UINT64_C(1) << 48)

enum {
	ATTR_STANDARD = 0x10,
	ATTR_LIST = 0x20,
	ATTR_INDEX_ROOT = 0x90,
	ATTR_INDEX_ALLOCATION = 0xa0
};

#define REFERENCE(x) ((x)&UINT64_C(0xffffffffffff)) /* record number of a file reference */

struct run {
	uint64_t vcn, count;
	uint64_t lcn; /* UINT64_MAX: sparse */
};

struct ntfs_stream {
	struct ntfs *volume;
	uint64_t size, initialised;
	bool encrypted;
	struct run *runs;		 /* sorted, without gaps */
	size_t run_count, run_cap, last; /* last: found last; reads are mostly sequential */
	uint8_t *resident;
	uint32_t unit;	    /* clusters of a compression unit, 0: not compressed */
	uint8_t *unit_data; /* the unit read last, unpacked */
	uint64_t unit_index;
};

struct ntfs {
	struct ntfs_source source;
	uint32_t cluster, record_size;
	uint64_t size, clusters, serial;
	struct ntfs_stream *mft;
};

static int volume_read(struct ntfs *n, uint64_t offset, void *out, size_t len)
{
	if (offset > n->size || len > n->size - offset)
		return ERR_TRUNCATED;
	return n->source.read(n->source.data, offset, out, len);
}

/* Update sequence: the last two bytes of each 512-byte stride stand in an array at the front. */
static bool fix_up(uint8_t *record, size_t len)
{
	struct view v = view_of(record, len);
	uint16_t at = view_get16(v, 4), count = view_get16(v, 6);

	if (count < 2 || (size_t)(count - 1) * 512 > len || !view_has(v, at, (size_t)count * 2))
		return false;
	for (unsigned i = 1; i < count; i++) {
		uint8_t *end = record + (size_t)i * 512 - 2;

		if (memcmp(end, record + at, 2) != 0)
			return false;
		memcpy(end, record + at + 2 * (size_t)i, 2);
	}
	return true;
}

struct attribute {
	struct view bytes, name; /* header included; UTF-16LE */
	uint32_t type;
	uint16_t flags, id;
	bool nonresident;
};

/* Takes the attribute at *at of a record; false at the end or where it makes no sense. */
static bool next_attribute(struct view record, size_t *at, struct attribute *a)
{
	uint32_t length;

	if (!view_u32le(record, *at, &a->type) || a->type == 0xffffffff ||
	    !view_u32le(record, *at + 4, &length) || length < 24 || !view_has(record, *at, length))
		return false;
	a->bytes = view_sub(record, *at, length);
	a->nonresident = view_get8(a->bytes, 8) != 0;
	a->name = view_sub(a->bytes, view_get16(a->bytes, 10), (size_t)view_get8(a->bytes, 9) * 2);
	a->flags = view_get16(a->bytes, 12);
	a->id = view_get16(a->bytes, 14);
	*at += length;
	return true;
}

static struct view resident_content(const struct attribute *a)
{
	return view_sub(a->bytes, view_get16(a->bytes, 20), view_get32(a->bytes, 16));
}

static int record_read(struct ntfs *n, uint64_t number, uint8_t *out)
{
	size_t got;
	int status;

	if (number > VCN_MAX)
		return ERR_FORMAT;
	status = ntfs_stream_read(n->mft, number * n->record_size, out, n->record_size, &got);
	if (status < 0)
		return status;
	if (got < n->record_size)
		return ERR_NOT_FOUND;
	return memcmp(out, "FILE", 4) == 0 && fix_up(out, n->record_size) ? OK : ERR_FORMAT;
}

/* ---- streams ---- */

/* The run list of one extent, appended. */
static int add_runs(struct ntfs_stream *s, struct view attribute)
{
	uint64_t vcn = view_get64(attribute, 16), end = view_get64(attribute, 24);
	const struct run *before = s->run_count ? &s->runs[s->run_count - 1] : NULL;
	struct view list = view_from(attribute, view_get16(attribute, 32));
	uint64_t lcn = 0;
	size_t at = 0;

	if (vcn != (before ? before->vcn + before->count : 0))
		return ERR_FORMAT;
	while (at < list.len && list.data[at] != 0) {
		unsigned count_len = list.data[at] & 15, lcn_len = list.data[at] >> 4;
		uint64_t count = 0, delta = 0;

		if (count_len == 0 || count_len > 8 || lcn_len > 8 ||
		    !view_has(list, at + 1, count_len + lcn_len) || s->run_count >= RUNS_MAX)
			return ERR_FORMAT;
		for (unsigned i = 0; i < count_len; i++)
			count |= (uint64_t)list.data[at + 1 + i] << (8 * i);
		for (unsigned i = 0; i < lcn_len; i++)
			delta |= (uint64_t)list.data[at + 1 + count_len + i] << (8 * i);
		if (lcn_len && lcn_len < 8 && delta >> (8 * lcn_len - 1)) /* signed */
			delta |= ~UINT64_C(0) << (8 * lcn_len);
		at += 1 + count_len + lcn_len;
		lcn += delta;
		if (count == 0 || count > VCN_MAX || vcn > VCN_MAX ||
		    (lcn_len && (lcn > s->volume->clusters || count > s->volume->clusters - lcn)))
			return ERR_FORMAT;
		s->runs = xgrow(s->runs, &s->run_cap, s->run_count + 1, sizeof(*s->runs));
		s->runs[s->run_count++] = (struct run){vcn, count, lcn_len ? lcn : UINT64_MAX};
		vcn += count;
	}
	return end + 1 == vcn ? OK : ERR_FORMAT;
}

/* The header of the first extent: sizes and compression. */
static int set_sizes(struct ntfs_stream *s, const struct attribute *a)
{
	uint16_t unit = view_get16(a->bytes, 34);

	s->size = view_get64(a->bytes, 48);
	s->initialised = view_get64(a->bytes, 56);
	if (s->size > (UINT64_C(1) << 60) || s->initialised > s->size)
		return ERR_FORMAT;
	if ((a->flags & 0xff) == 1 && unit) { /* 1: LZNT1 */
		if (unit > 10 || ((uint64_t)s->volume->cluster << unit) > (1u << 20))
			return ERR_FORMAT;
		s->unit = 1u << unit;
		s->unit_index = UINT64_MAX;
	}
	return OK;
}

static bool is_named(struct view utf16, const char *name)
{
	struct buffer b = {0};
	bool same;

	text_wtf8(&b, utf16);
	same = view_is(buffer_as_view(&b), name);
	buffer_release(&b);
	return same;
}

/* Adds what one record holds of a stream (of one attribute id, where the list names it). *found
 * counts. */
static int take_extent(struct ntfs_stream *s, struct view record, uint32_t type, const char *name,
		       const uint16_t *id, unsigned *found)
{
	size_t at = view_get16(record, 20);
	struct attribute a;

	while (next_attribute(record, &at, &a)) {
		int status = OK;

		if (a.type != type || (id && a.id != *id) || !is_named(a.name, name))
			continue;
		s->encrypted = s->encrypted || (a.flags & 0x4000);
		if (!a.nonresident) {
			struct view content = resident_content(&a);

			if (*found)
				return ERR_FORMAT;
			s->resident = (uint8_t *)xmemdup0(content.data, content.len);
			s->size = s->initialised = content.len;
		} else {
			if (s->resident)
				return ERR_FORMAT;
			if (view_get64(a.bytes, 16) == 0)
				status = set_sizes(s, &a);
			if (status >= 0)
				status = add_runs(s, a.bytes);
			if (status < 0)
				return status;
		}
		++*found;
		if (id || s->resident)
			break;
	}
	return OK;
}

static struct ntfs_stream *stream_new(struct ntfs *n)
{
	struct ntfs_stream *s = xcalloc(1, sizeof(*s));

	s->volume = n;
	return s;
}

/* An attribute list's entry: type, length, name, first cluster, record, id. False at its end. */
struct list_entry {
	uint32_t type;
	uint64_t record;
	uint16_t id;
	struct view name;
};
static bool next_entry(struct view list, size_t *at, struct list_entry *e)
{
	struct view v = view_from(list, *at);
	uint16_t length = view_get16(v, 4);

	if (v.len < 26 || length < 26)
		return false;
	*at += length;
	e->type = view_get32(v, 0);
	e->record = REFERENCE(view_get64(v, 16));
	e->id = view_get16(v, 24);
	e->name = view_sub(v, view_get8(v, 7), (size_t)view_get8(v, 6) * 2);
	return true;
}

static int follow_list(struct ntfs_stream *s, struct view list, uint64_t base, uint32_t type,
		       const char *name, unsigned *found)
{
	struct ntfs *n = s->volume;
	uint8_t *bytes = xmalloc(n->record_size);
	struct view record = view_of(bytes, n->record_size);
	size_t at = 0, extents = 0;
	struct list_entry e;
	int status = OK;

	while (status >= 0 && next_entry(list, &at, &e)) {
		if (e.type != type || !is_named(e.name, name))
			continue;
		if (++extents > EXTENTS_MAX)
			status = ERR_LIMIT;
		else
			status = record_read(n, e.record, bytes);
		/* An extent record names its base; one that does not was reused since. */
		if (status >= 0 && e.record != base && REFERENCE(view_get64(record, 32)) != base)
			status = ERR_FORMAT;
		if (status >= 0)
			status = take_extent(s, record, type, name, &e.id, found);
	}
	free(bytes);
	return status;
}

/* The attribute list of a record, in a new block; NULL when it has none. */
static int read_list(struct ntfs *n, struct view record, uint8_t **out, size_t *len)
{
	size_t at = view_get16(record, 20);
	struct ntfs_stream *s;
	struct attribute a;
	int status;

	*out = NULL;
	*len = 0;
	while (next_attribute(record, &at, &a) && a.type != ATTR_LIST)
		if (a.type > ATTR_LIST)
			return OK;
	if (at == view_get16(record, 20) || a.type != ATTR_LIST)
		return OK;
	if (!a.nonresident) {
		struct view content = resident_content(&a);

		*out = (uint8_t *)xmemdup0(content.data, content.len);
		*len = content.len;
		return OK;
	}
	s = stream_new(n);
	status = set_sizes(s, &a);
	if (status >= 0)
		status = add_runs(s, a.bytes);
	if (status >= 0 && s->size > LIST_MAX)
		status = ERR_LIMIT;
	if (status >= 0) {
		*out = xmalloc((size_t)s->size);
		status = ntfs_stream_read(s, 0, *out, (size_t)s->size, len);
	}
	ntfs_stream_close(s);
	return status;
}

static int stream_of_record(struct ntfs *n, uint64_t number, struct view record, uint32_t type,
			    const char *name, struct ntfs_stream **out)
{
	struct ntfs_stream *s = stream_new(n);
	unsigned found = 0;
	uint8_t *list;
	size_t len;
	int status = read_list(n, record, &list, &len);

	if (status >= 0)
		status = list ? follow_list(s, view_of(list, len), number, type, name, &found)
			      : take_extent(s, record, type, name, NULL, &found);
	free(list);
	if (status >= 0 && !found)
		status = ERR_NOT_FOUND;
	if (status < 0)
		ntfs_stream_close(s);
	else
		*out = s;
	return status;
}

int ntfs_stream_open(struct ntfs *n, uint64_t number, uint32_t type, const char *name,
		     struct ntfs_stream **out)
{
	uint8_t *record = xmalloc(n->record_size);
	int status = record_read(n, number, record);

	if (status >= 0)
		status = stream_of_record(n, number, view_of(record, n->record_size), type, name,
					  out);
	free(record);
	return status;
}

void ntfs_stream_close(struct ntfs_stream *s)
{
	if (!s)
		return;
	free(s->runs);
	free(s->resident);
	free(s->unit_data);
	free(s);
}

uint64_t ntfs_stream_size(const struct ntfs_stream *s)
{
	return s->size;
}

bool ntfs_stream_whole(const struct ntfs_stream *s)
{
	for (size_t i = 0; i < s->run_count; i++)
		if (s->runs[i].lcn == UINT64_MAX)
			return false;
	return true;
}

bool ntfs_stream_encrypted(const struct ntfs_stream *s)
{
	return s->encrypted;
}

/* The run that holds a cluster, or run_count. */
static size_t find_run(struct ntfs_stream *s, uint64_t vcn)
{
	size_t low = 0, high = s->run_count;

	if (s->last < high && vcn >= s->runs[s->last].vcn &&
	    vcn - s->runs[s->last].vcn < s->runs[s->last].count)
		return s->last;
	while (low < high) {
		size_t middle = (low + high) / 2;

		if (vcn < s->runs[middle].vcn)
			high = middle;
		else if (vcn - s->runs[middle].vcn >= s->runs[middle].count)
			low = middle + 1;
		else
			return s->last = middle;
	}
	return s->run_count;
}

uint64_t ntfs_stream_data(const struct ntfs_stream *s, uint64_t from)
{
	uint64_t cluster = s->volume->cluster;

	if (s->resident || s->unit)
		return from < s->size ? from : s->size;
	for (size_t i = 0; i < s->run_count; i++) {
		const struct run *r = &s->runs[i];

		if (r->lcn == UINT64_MAX || (r->vcn + r->count) * cluster <= from)
			continue;
		from = r->vcn * cluster > from ? r->vcn * cluster : from;
		return from < s->size ? from : s->size;
	}
	return s->size;
}

/* Clusters as they are on disk; sparse ones are zeros. */
static int read_plain(struct ntfs_stream *s, uint64_t offset, uint8_t *out, size_t n)
{
	uint64_t cluster = s->volume->cluster;

	while (n) {
		size_t i = find_run(s, offset / cluster), take;
		uint64_t into, left;
		int status;

		if (i == s->run_count)
			return ERR_FORMAT;
		into = offset - s->runs[i].vcn * cluster;
		left = s->runs[i].count * cluster - into;
		take = left < n ? (size_t)left : n;
		if (s->runs[i].lcn == UINT64_MAX)
			memset(out, 0, take);
		else if ((status = volume_read(s->volume, s->runs[i].lcn * cluster + into, out,
					       take)) < 0)
			return status;
		out += take;
		offset += take;
		n -= take;
	}
	return OK;
}

/* One LZNT1 chunk ([MS-XCA] 2.5.1.4): flag bytes, then literals and pairs whose split moves with
 * the position. */
static int lznt1_chunk(struct view in, uint8_t *out, size_t size, size_t *made)
{
	size_t i = 0, pos = 0;

	while (i < in.len && pos < size) {
		uint8_t flags = in.data[i++];

		for (unsigned bit = 0; bit < 8 && i < in.len && pos < size; bit++) {
			unsigned shift = 12, length, back;
			uint16_t pair;

			if (!(flags >> bit & 1)) {
				out[pos++] = in.data[i++];
				continue;
			}
			if (pos == 0 || !view_u16le(in, i, &pair))
				return ERR_FORMAT;
			i += 2;
			for (size_t p = pos - 1; p >= 16; p >>= 1)
				shift--;
			length = (pair & ((1u << shift) - 1)) + 3;
			back = (unsigned)(pair >> shift) + 1;
			if (back > pos)
				return ERR_FORMAT;
			for (; length && pos < size; length--, pos++)
				out[pos] = out[pos - back];
		}
	}
	*made = pos;
	return OK;
}

static int lznt1(struct view in, uint8_t *out, size_t size)
{
	size_t at = 0, base = 0;
	uint16_t header;

	while (base < size && view_u16le(in, at, &header) && header) {
		struct view chunk = view_clip(in, at + 2, (size_t)(header & 0xfff) + 1);
		size_t room = size - base < 4096 ? size - base : 4096,
		       made = chunk.len < room ? chunk.len : room;

		at += 2 + chunk.len;
		if (header & 0x8000) {
			int status = lznt1_chunk(chunk, out + base, room, &made);

			if (status < 0)
				return status;
		} else {
			memcpy(out + base, chunk.data, made);
		}
		memset(out + base + made, 0, room - made);
		base += room;
	}
	memset(out + base, 0, size - base);
	return OK;
}

static int load_unit(struct ntfs_stream *s, uint64_t index)
{
	size_t bytes = (size_t)s->unit * s->volume->cluster, packed = 0, raw_len;
	uint8_t *raw;
	int status;

	if (s->unit_index == index)
		return OK;
	if (!s->unit_data)
		s->unit_data = xmalloc(bytes);
	s->unit_index = UINT64_MAX;
	/* With all its clusters a unit is stored as it is, with none it is zeros, else it is
	 * packed. */
	for (; packed < s->unit; packed++) {
		size_t i = find_run(s, index * s->unit + packed);

		if (i == s->run_count || s->runs[i].lcn == UINT64_MAX)
			break;
	}
	raw_len = packed * s->volume->cluster;
	if (packed == s->unit) {
		status = read_plain(s, index * bytes, s->unit_data, bytes);
	} else {
		raw = xmalloc(raw_len);
		status = read_plain(s, index * bytes, raw, raw_len);
		if (status >= 0)
			status = lznt1(view_of(raw, raw_len), s->unit_data, bytes);
		free(raw);
	}
	if (status >= 0)
		s->unit_index = index;
	return status;
}

int ntfs_stream_read(struct ntfs_stream *s, uint64_t offset, void *out, size_t n, size_t *got)
{
	uint8_t *to = out;

	*got = 0;
	if (offset >= s->size)
		return OK;
	if (n > s->size - offset)
		n = (size_t)(s->size - offset);
	while (n) {
		size_t take = n;
		int status = OK;

		if (s->resident) {
			memcpy(to, s->resident + offset, n);
		} else if (offset >=
			   s->initialised) { /* what the disk holds past it is somebody else's */
			memset(to, 0, n);
		} else {
			if (take > s->initialised - offset)
				take = (size_t)(s->initialised - offset);
			if (s->unit) {
				size_t bytes = (size_t)s->unit * s->volume->cluster,
				       into = (size_t)(offset % bytes);

				take = take < bytes - into ? take : bytes - into;
				status = load_unit(s, offset / bytes);
				if (status >= 0)
					memcpy(to, s->unit_data + into, take);
			} else {
				status = read_plain(s, offset, to, take);
			}
			if (status < 0)
				return status;
		}
		to += take;
		offset += take;
		n -= take;
		*got += take;
	}
	return OK;
}

/* ---- the volume ---- */

/* A size that is a count of clusters, or the negative power of two of bytes. */
static uint32_t coded_size(uint8_t code, uint32_t cluster)
{
	return code < 128 ? cluster * code : 256 - code < 31 ? 1u << (256 - code) : 0;
}

static int open_mft(struct ntfs *n, uint64_t cluster)
{
	uint8_t *bytes = xmalloc(n->record_size), *list = NULL;
	struct view record = view_of(bytes, n->record_size);
	struct ntfs_stream *whole;
	unsigned found = 0;
	size_t len;
	int status = cluster < n->clusters
			     ? volume_read(n, cluster * n->cluster, bytes, n->record_size)
			     : ERR_FORMAT;

	if (status >= 0 && (memcmp(bytes, "FILE", 4) != 0 || !fix_up(bytes, n->record_size)))
		status = ERR_FORMAT;
	if (status >= 0) {
		/* The $MFT describes itself: the part in its own base record opens the rest. */
		n->mft = stream_new(n);
		status = take_extent(n->mft, record, NTFS_DATA, "", NULL, &found);
		if (status >= 0 && !found)
			status = ERR_FORMAT;
		if (status >= 0)
			status = read_list(n, record, &list, &len);
		if (status >= 0 && list &&
		    stream_of_record(n, 0, record, NTFS_DATA, "", &whole) >= 0) {
			ntfs_stream_close(n->mft);
			n->mft = whole;
		}
	}
	free(list);
	free(bytes);
	return status;
}

int ntfs_open(struct ntfs **out, const struct ntfs_source *source, struct problem *problem)
{
	uint8_t boot[512];
	struct view v = view_of(boot, sizeof(boot));
	struct ntfs *n = xcalloc(1, sizeof(*n));
	uint64_t sectors, mft;
	uint32_t sector;
	uint8_t per_cluster;
	int status = source->read(source->data, 0, boot, sizeof(boot));

	n->source = *source;
	if (status < 0) {
		problem_set(problem, status, 0, "the boot sector cannot be read");
		goto out;
	}
	sector = view_get16(v, 11);
	per_cluster = view_get8(v, 13);
	sectors = view_get64(v, 40);
	mft = view_get64(v, 48);
	if (memcmp(boot + 3, "NTFS    ", 8) != 0 || sector < 256 || sector > 4096 ||
	    (sector & (sector - 1)) || per_cluster == 0 ||
	    (per_cluster > 128 && 256 - per_cluster > 12)) {
		status = problem_set(problem, ERR_FORMAT, 0, "not an NTFS boot sector");
		goto out;
	}
	/* Above 128 it is a negative power of two: clusters of more than 64 KiB. */
	n->cluster = per_cluster <= 128 ? sector * per_cluster : sector << (256 - per_cluster);
	n->record_size = coded_size(view_get8(v, 64), n->cluster);
	if (n->cluster > CLUSTER_MAX || n->record_size < 512 || n->record_size > RECORD_MAX ||
	    sectors == 0 || sectors > UINT64_MAX / sector / 2) {
		status = problem_set(problem, ERR_FORMAT, 0,
				     "the boot sector's sizes make no sense");
		goto out;
	}
	n->size = (sectors + 1) * sector; /* the last sector is the boot sector's copy */
	n->clusters = n->size / n->cluster;
	n->serial = view_get64(v, 72);
	status = open_mft(n, mft);
	if (status < 0)
		problem_set(problem, status, mft * n->cluster, "the $MFT cannot be read: %s",
			    status_text(status));
out:
	if (status < 0)
		ntfs_close(n);
	else
		*out = n;
	return status;
}

void ntfs_close(struct ntfs *n)
{
	if (!n)
		return;
	ntfs_stream_close(n->mft);
	free(n);
}

uint64_t ntfs_volume_size(const struct ntfs *n)
{
	return n->size;
}

uint64_t ntfs_serial(const struct ntfs *n)
{
	return n->serial;
}

uint64_t ntfs_record_count(const struct ntfs *n)
{
	return n->mft->size / n->record_size;
}

int ntfs_info(struct ntfs *n, uint64_t number, struct ntfs_info *info)
{
	uint8_t *bytes = xmalloc(n->record_size);
	struct view record = view_of(bytes, n->record_size);
	int status = record_read(n, number, bytes);
	size_t at = view_get16(record, 20);
	struct attribute a;

	if (status >= 0) {
		uint16_t flags = view_get16(record, 22);

		*info = (struct ntfs_info){TIME_NONE,
					   TIME_NONE,
					   TIME_NONE,
					   TIME_NONE,
					   0,
					   view_get16(record, 16),
					   view_get16(record, 18),
					   (flags & 2) != 0,
					   flags & 1,
					   false};
	}
	while (status >= 0 && next_attribute(record, &at, &a)) {
		struct view c = resident_content(&a);

		if (a.type != ATTR_STANDARD || a.nonresident || c.len < 36)
			continue;
		info->created = time_from_filetime(view_get64(c, 0));
		info->modified = time_from_filetime(view_get64(c, 8));
		info->changed = time_from_filetime(view_get64(c, 16));
		info->accessed = time_from_filetime(view_get64(c, 24));
		info->attributes = view_get32(c, 32);
		info->reparse = (info->attributes & 0x400) != 0;
	}
	free(bytes);
	return status;
}

#define ATTR_REPARSE 0xc0u
uint32_t ntfs_reparse_tag(struct ntfs *n, uint64_t record)
{
	struct ntfs_stream *s = NULL;
	uint8_t bytes[4];
	uint32_t tag = 0;
	size_t got = 0;

	if (ntfs_stream_open(n, record, ATTR_REPARSE, "", &s) >= 0 &&
	    ntfs_stream_read(s, 0, bytes, sizeof(bytes), &got) >= 0 && got == sizeof(bytes))
		tag = view_get32(view_of(bytes, sizeof(bytes)), 0);
	ntfs_stream_close(s);
	return tag;
}

/* ---- directories ---- */

struct listing {
	int (*entry)(void *data, const struct ntfs_entry *e);
	void *data;
	uint64_t seen;
};

/* Index entries of a node, up to the one that says it is the last. */
static int list_entries(struct listing *l, struct view node, size_t at)
{
	struct buffer name = {0};
	int status = OK;

	while (status == OK && view_has(node, at, 16)) {
		struct view e = view_from(node, at), key;
		uint16_t length = view_get16(e, 8);

		if ((view_get16(e, 12) & 2) || length < 16 || length > e.len)
			break;
		at += length;
		key = view_sub(view_clip(e, 0, length), 16, view_get16(e, 10));
		if (key.len < 66 || view_get8(key, 65) == 2) /* a $FILE_NAME; 2: only a DOS name */
			continue;
		if (++l->seen > ENTRIES_MAX) {
			status = ERR_LIMIT;
			break;
		}
		name.len = 0;
		text_wtf8(&name, view_sub(key, 66, (size_t)view_get8(key, 64) * 2));
		status = l->entry(
			l->data,
			&(struct ntfs_entry){.name = buffer_text(&name),
					     .record = REFERENCE(view_get64(e, 0)),
					     .size = view_get64(key, 48),
					     .directory = (view_get32(key, 56) & 0x10000000) != 0,
					     .reparse = (view_get32(key, 56) & 0x400) != 0});
	}
	buffer_release(&name);
	return status;
}

int ntfs_list(struct ntfs *n, uint64_t number, int (*entry)(void *data, const struct ntfs_entry *e),
	      void *data)
{
	struct listing l = {entry, data, 0};
	struct ntfs_stream *root = NULL, *blocks = NULL;
	uint8_t *block = NULL;
	uint32_t size;
	struct view v;
	size_t got;
	int status = ntfs_stream_open(n, number, ATTR_INDEX_ROOT, "$I30", &root);

	if (status < 0)
		return status;
	v = view_of(root->resident, root->resident ? (size_t)root->size : 0);
	size = view_get32(v, 8);
	status = v.len < 32 ? ERR_FORMAT : list_entries(&l, view_from(v, 16), view_get32(v, 16));
	if (status != OK)
		goto out;
	status = ntfs_stream_open(n, number, ATTR_INDEX_ALLOCATION, "$I30", &blocks);
	if (status == ERR_NOT_FOUND) {
		status = OK;
		goto out;
	}
	if (status >= 0 && (size < 512 || size > INDEX_MAX))
		status = ERR_FORMAT;
	if (status < 0)
		goto out;
	block = xmalloc(size);
	for (uint64_t at = 0; status == OK && at + size <= blocks->size; at += size) {
		status = ntfs_stream_read(blocks, at, block, size, &got);
		/* A slot that is free has no signature. */
		if (status < 0 || memcmp(block, "INDX", 4) != 0 || !fix_up(block, size))
			continue;
		v = view_from(view_of(block, size), 24);
		status = list_entries(&l, view_clip(v, 0, view_get32(v, 4)), view_get32(v, 0));
	}
out:
	free(block);
	ntfs_stream_close(blocks);
	ntfs_stream_close(root);
	return status;
}

struct wanted {
	struct view name;
	uint64_t record;
};

/* Upper case where names of a profile need it: ASCII and Latin-1. */
static uint32_t upper(uint32_t c)
{
	return (c >= 'a' && c <= 'z') || (c >= 0xe0 && c <= 0xfe && c != 0xf7) ? c - 32 : c;
}

static int compare_entry(void *data, const struct ntfs_entry *e)
{
	struct wanted *w = data;
	struct view a = w->name, b = view_text(e->name);
	uint32_t x = 0, y = 0;

	while (a.len && b.len) {
		(void)text_decode(&a, &x);
		(void)text_decode(&b, &y);
		if (upper(x) != upper(y))
			return OK;
	}
	if (a.len || b.len)
		return OK;
	w->record = e->record;
	return 1;
}

int ntfs_lookup(struct ntfs *n, const char *path, uint64_t *record)
{
	struct view rest = view_text(path), part;
	struct wanted w = {.record = NTFS_ROOT};

	while (view_token(&rest, '/', &part)) {
		int status;

		if (part.len == 0)
			continue;
		w.name = part;
		status = ntfs_list(n, w.record, compare_entry, &w);
		if (status != 1)
			return status < 0 ? status : ERR_NOT_FOUND;
	}
	*record = w.record;
	return OK;
}

/* ---- the streams of a file ---- */

struct told {
	struct buffer names; /* NUL-terminated, one after the other: a stream in several extents is
				told once */
	int (*stream)(void *data, const char *name, uint64_t size);
	void *data;
};

static int tell_stream(struct ntfs *n, uint64_t number, struct told *t, struct view utf16)
{
	struct buffer name = {0};
	struct ntfs_stream *s;
	int status = OK;

	text_wtf8(&name, utf16);
	(void)buffer_text(&name);
	for (size_t at = 0; at < t->names.len; at += strlen(t->names.data + at) + 1)
		if (strcmp(t->names.data + at, name.data) == 0)
			goto out;
	buffer_append(&t->names, name.data, strlen(name.data) + 1);
	if (ntfs_stream_open(n, number, NTFS_DATA, name.data, &s) >= 0) {
		uint64_t size = s->size;

		ntfs_stream_close(s);
		status = t->stream(t->data, name.data, size);
	}
out:
	buffer_release(&name);
	return status;
}

int ntfs_streams(struct ntfs *n, uint64_t number,
		 int (*stream)(void *data, const char *name, uint64_t size), void *data)
{
	uint8_t *bytes = xmalloc(n->record_size), *list = NULL;
	struct view record = view_of(bytes, n->record_size);
	struct told t = {.stream = stream, .data = data};
	size_t len = 0, at = 0;
	int status = record_read(n, number, bytes);

	if (status >= 0)
		status = read_list(n, record, &list, &len);
	if (status >= 0 && list) {
		struct list_entry e;

		while (status == OK && next_entry(view_of(list, len), &at, &e))
			if (e.type == NTFS_DATA)
				status = tell_stream(n, number, &t, e.name);
	} else if (status >= 0) {
		struct attribute a;

		at = view_get16(record, 20);
		while (status == OK && next_attribute(record, &at, &a))
			if (a.type == NTFS_DATA)
				status = tell_stream(n, number, &t, a.name);
	}
	buffer_release(&t.names);
	free(list);
	free(bytes);
	return status;
}
