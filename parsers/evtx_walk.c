/*
 * The container: file header, chunks, records. What is damaged is told and stepped over.
 *
 * Format: libyal, "Windows XML Event Log (EVTX) format", sections 2 (file header), 3 (chunk) and 4
 * (event record).
 */
#include "parsers/evtx.h"

#include "base/crc32.h"

#define SEGMENT ((uint64_t)64 * EVTX_CHUNK)

static const uint8_t chunk_magic[8] = "ElfChnk";
static const uint8_t record_magic[4] = {0x2a, 0x2a, 0, 0};

static bool chunk_at(struct view bytes, size_t at)
{
	return view_has(bytes, at, 8) && memcmp(bytes.data + at, chunk_magic, 8) == 0;
}

/* A chunk where none is due: the magic alone may be anybody's text. */
static size_t find_chunk(struct view bytes, size_t from, size_t to)
{
	struct view v = view_clip(bytes, 0, to);

	while ((from = view_find(v, from, chunk_magic, 8)) < v.len) {
		if (view_get32(bytes, from + 40) == 128) /* size of its header */
			return from;
		from++;
	}
	return to;
}

static bool all_zero(struct view v)
{
	return v.len == 0 || (v.data[0] == 0 && memcmp(v.data, v.data + 1, v.len - 1) == 0);
}

/* ---- records ---- */

struct walk {
	struct evtx *e;
	int (*record)(struct evtx *e, const struct evtx_record *r, void *data);
	void *data;
	bool log;      /* the artefact is an event log, not just bytes that may hold some */
	uint64_t seen; /* chunks and records found */
};

/* The whole record at `at` of the view: magic, size, and the copy of the size at its end. */
static bool record_at(struct view v, size_t at, uint32_t *size)
{
	uint32_t copy;

	return view_has(v, at, EVTX_RECORD_MIN) && memcmp(v.data + at, record_magic, 4) == 0 &&
	       view_u32le(v, at + 4, size) && *size >= EVTX_RECORD_MIN && *size <= v.len - at &&
	       view_u32le(v, at + *size - 4, &copy) && copy == *size;
}

static size_t find_record(struct view v, size_t from, uint32_t *size)
{
	while ((from = view_find(v, from, record_magic, 4)) < v.len) {
		if (record_at(v, from, size))
			return from;
		from++;
	}
	return v.len;
}

int evtx_tell(struct evtx *e, const struct evtx_record *r, enum evtx_loss loss, const char *why)
{
	unsigned long long n = r->number;

	switch (loss) {
	case EVTX_LOSS_TEMPLATE: /* a carved record has seldom its own, and is marked as such */
		if (r->flags & EVENT_RECOVERED)
			return OK;
		return parse_lost(e->p, r->offset,
				  "record %llu: its template is damaged, another copy or what is "
				  "left of it served",
				  n);
	case EVTX_LOSS_NAMES:
		return parse_lost(e->p, r->offset,
				  "record %llu: its template is lost, values stand without names",
				  n);
	case EVTX_LOSS_VALUES:
		if (r->flags & EVENT_CUT)
			return OK;
		return parse_lost(e->p, r->offset, "record %llu: %s", n,
				  *why ? why : "some of its values are cut");
	case EVTX_LOSS_NONE:
		break;
	}
	return OK;
}

/* The record at `at` of the chunk, `size` bytes of it. */
static int give(struct walk *w, size_t at, size_t size, unsigned flags)
{
	struct evtx *e = w->e;
	struct evtx_record r = {
		.pos = at + EVTX_RECORD_HEAD,
		.end = at + size - 4,
		.offset = e->base + at,
		.number = view_get64(e->chunk, at + 8),
		.written = view_get64(e->chunk, at + 16),
		.flags = flags,
	};

	w->seen++;
	e->record = &r;
	return w->record(e, &r, w->data);
}

/*
 * Records at [from, to) of the artefact, where no chunk says where they are. Offsets inside a
 * record count from its chunk's start: it is `base` when that is known; and a record that brings
 * its template with it tells, because it names the definition's offset.
 */
static int scan(struct walk *w, size_t from, size_t to, size_t base, unsigned flags)
{
	struct evtx *e = w->e;
	size_t at = from;
	uint32_t size;
	int status;

	while ((at = view_find(view_clip(e->bytes, 0, to), at, record_magic, 4)) < to) {
		struct view here = view_clip(e->bytes, 0, at + EVTX_CHUNK);
		size_t body = at + EVTX_RECORD_HEAD, start = base;
		uint32_t id = view_get32(here, body + 6), off = view_get32(here, body + 10);

		if (!record_at(here, at, &size)) {
			at++;
			continue;
		}
		if (view_get8(here, body) == 0x0f && view_get8(here, body + 4) == 0x0c &&
		    view_get32(here, body + 18) == id && off >= EVTX_CHUNK_HEAD && off <= body + 14)
			start = base = body + 14 - off;
		if (start > at || at - start >= EVTX_CHUNK)
			start = at;
		evtx_set_chunk(e, start, EVTX_CHUNK);
		status = give(w, at - start, size, flags);
		if (status < 0)
			return status;
		at += size;
	}
	return OK;
}

/* The same inside the current chunk, which keeps its templates. */
static int scan_chunk(struct walk *w, size_t at, unsigned flags)
{
	uint32_t size;
	int status;

	while ((at = find_record(w->e->chunk, at, &size)) < w->e->chunk.len) {
		status = give(w, at, size, flags);
		if (status < 0)
			return status;
		at += size;
	}
	return OK;
}

static int read_chunk(struct walk *w, size_t base, size_t extent)
{
	struct evtx *e = w->e;
	size_t at = EVTX_CHUNK_HEAD, live;
	uint64_t number = 0;
	uint32_t free_at, size;
	bool any = false, cut = false;
	int status = OK;

	evtx_set_chunk(e, base, extent);
	w->seen++;
	free_at = view_get32(e->chunk, 48);
	if (free_at < EVTX_CHUNK_HEAD || free_at > EVTX_CHUNK) {
		status = parse_lost(e->p, base + 48, "chunk: offset of its free space is %u",
				    free_at);
		free_at = EVTX_CHUNK;
	}
	if (free_at > extent) {
		status = parse_lost(e->p, base + extent, "chunk cut after %zu of %u bytes", extent,
				    free_at);
		free_at = (uint32_t)extent;
		cut = true;
	}
	/* A record that was changed may still parse: only this tells. */
	if (status >= 0 && !cut &&
	    crc32_add(0, view_sub(e->chunk, EVTX_CHUNK_HEAD, free_at - EVTX_CHUNK_HEAD)) !=
		    view_get32(e->chunk, 52))
		status = parse_lost(e->p, base + 52, "chunk: wrong checksum of its records");
	if (status >= 0 && extent >= EVTX_CHUNK_HEAD &&
	    crc32_add(crc32_add(0, view_sub(e->chunk, 0, 120)), view_sub(e->chunk, 128, 384)) !=
		    view_get32(e->chunk, 124))
		status = parse_lost(e->p, base + 124, "chunk: wrong checksum of its header");
	live = free_at;
	while (status >= 0 && at < e->chunk.len) {
		if (record_at(e->chunk, at, &size)) {
			uint64_t n = view_get64(e->chunk, at + 8);

			/* A log that was not closed has records behind what its chunk's header
			 * admits. */
			if (at >= free_at && (!any || n != number + 1))
				break;
			number = n;
			any = true;
			status = give(w, at, size, 0);
			at += size;
			live = at > live ? at : live;
			continue;
		}
		if (at >= live)
			break;
		/* Damage: step to the next record that is whole. */
		struct view rest = view_clip(e->chunk, 0, live);
		size_t next = find_record(rest, at + 1, &size);
		bool begins = view_starts(view_from(rest, at), record_magic, 4) &&
			      next - at > EVTX_RECORD_MIN;

		if (all_zero(view_sub(rest, at, next - at)))
			status = parse_lost(e->p, base + at, "%zu bytes of records are zero",
					    next - at);
		else if (!begins)
			status = parse_lost(e->p, base + at, "%zu bytes that are no record",
					    next - at);
		else
			status = parse_lost(e->p, base + at,
					    "record %llu: its size is %u, and %u at its end",
					    (unsigned long long)view_get64(rest, at + 8),
					    view_get32(rest, at + 4),
					    view_get32(rest, at + view_get32(rest, at + 4) - 4));
		if (status >= 0 && begins)
			status = give(w, at, next - at, EVENT_CUT);
		at = next;
	}
	if (status >= 0 && e->p->carve)
		status = scan_chunk(w, at, EVENT_RECOVERED);
	return status;
}

/* Where the first chunk is due. */
static size_t first_chunk(struct view bytes)
{
	uint16_t size = view_get16(bytes, 40);

	if (!view_starts(bytes, "ElfFile", 8))
		return chunk_at(bytes, EVTX_FILE_HEAD) ? EVTX_FILE_HEAD : 0;
	return size >= 128 && chunk_at(bytes, size) ? size : EVTX_FILE_HEAD;
}

uint32_t evtx_segments(struct view bytes)
{
	size_t first = first_chunk(bytes);
	uint64_t n = bytes.len > first ? (bytes.len - first + SEGMENT - 1) / SEGMENT : 1;

	return n > UINT32_MAX - 1 ? UINT32_MAX - 1 : (uint32_t)n;
}

static int read_head(struct walk *w)
{
	struct evtx *e = w->e;
	struct view head = view_clip(e->bytes, 0, 128);

	w->log = view_starts(head, "ElfFile", 8);
	if (e->p->segment_from > 0 || (!w->log && e->p->carve))
		return OK;
	if (!w->log)
		return parse_lost(e->p, 0, "the file header is not that of an event log");
	if (head.len < 128)
		return parse_lost(e->p, head.len, "the file header is cut");
	if (crc32_add(0, view_sub(head, 0, 120)) != view_get32(head, 124))
		return parse_lost(e->p, 124, "wrong checksum of the file header");
	return OK;
}

void evtx_range(const struct evtx *e, size_t *first, size_t *from, size_t *to)
{
	size_t last = e->bytes.len / SEGMENT + 1, end = e->bytes.len;

	*first = first_chunk(e->bytes);
	*from = e->p->segment_from > last ? end : *first + (size_t)(e->p->segment_from * SEGMENT);
	*to = e->p->segment_to < last ? *first + (size_t)(e->p->segment_to * SEGMENT) : end;
	*from = *from < end ? *from : end;
	*to = *to < end ? *to : end;
}

/* The chunks of [pos, to), and records where none is. */
static int walk_range(struct walk *w, size_t pos, size_t to)
{
	struct evtx *e = w->e;
	struct view bytes = e->bytes;
	unsigned flags;
	int status;

	while (pos < to) {
		size_t end = pos + EVTX_CHUNK < bytes.len ? pos + EVTX_CHUNK : bytes.len;

		if (chunk_at(bytes, pos)) {
			if (end < bytes.len && !chunk_at(bytes, end))
				end = find_chunk(bytes, pos + EVTX_CHUNK_HEAD, end);
			status = read_chunk(w, pos, end - pos);
			if (status < 0)
				return status;
			pos = end;
			parse_release(e->p, pos);
			continue;
		}
		end = find_chunk(bytes, pos, to);
		if (!all_zero(view_sub(bytes, pos, end - pos))) {
			flags = EVENT_RECOVERED;
			if (w->log) {
				status = parse_lost(
					e->p, pos,
					"no chunk where one is due, next one %zu bytes on",
					end - pos);
				if (status < 0)
					return status;
			}
			/* As long as chunks stand side by side, each begins 64 KiB after the last.
			 */
			for (size_t slot = pos; slot < end; slot += EVTX_CHUNK) {
				size_t stop = end - slot < EVTX_CHUNK ? end : slot + EVTX_CHUNK;

				status = scan(w, slot, stop, slot, flags);
				if (status < 0)
					return status;
				parse_release(e->p, stop);
			}
		}
		pos = end;
	}
	return OK;
}

int evtx_walk_range(struct evtx *e, size_t from, size_t to,
		    int (*record)(struct evtx *e, const struct evtx_record *r, void *data),
		    void *data)
{
	struct walk w = {.e = e, .record = record, .data = data};

	return walk_range(&w, from, to);
}

int evtx_walk(struct evtx *e,
	      int (*record)(struct evtx *e, const struct evtx_record *r, void *data), void *data)
{
	struct walk w = {.e = e, .record = record, .data = data};
	struct view bytes = e->bytes;
	size_t first, pos, to;
	int status = read_head(&w);

	if (status < 0)
		return status;
	evtx_range(e, &first, &pos, &to);
	if (e->p->segment_from > bytes.len / SEGMENT + 1)
		return OK;
	if (e->p->segment_from > 0 && pos < bytes.len && !chunk_at(bytes, pos)) {
		/* Bytes were lost or gained before: the last chunk of the segment before reaches in
		 * here. */
		size_t from = pos > first + EVTX_CHUNK ? pos - EVTX_CHUNK + 1 : first, last = pos,
		       at = from;

		while ((at = find_chunk(bytes, at, pos)) < pos)
			last = at++;
		if (last < pos) {
			at = find_chunk(bytes, last + EVTX_CHUNK_HEAD,
					last + EVTX_CHUNK < bytes.len ? last + EVTX_CHUNK
								      : bytes.len);
			pos = at;
		}
	}
	status = walk_range(&w, pos, to);
	if (status < 0)
		return status;
	/* Only the one that reads the whole file can know that there is nothing in it. */
	if (!w.log && !w.seen && !e->p->carve && e->p->segment_from == 0 && to == bytes.len)
		return parse_fail(
			e->p, ERR_FORMAT, 0,
			"no event log: neither its header nor a chunk or record is there");
	return OK;
}
