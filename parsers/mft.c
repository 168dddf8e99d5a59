/*
 * $MFT: an event for each distinct time of a file. A record has four times in $STANDARD_INFORMATION
 * and four in each $FILE_NAME; most are equal, so that one event stands for all that are the same
 * moment: ts_desc names the first of them (creation, modification, change of the record, access),
 * field Macb all of $STANDARD_INFORMATION (M modified, A accessed, C record changed, B created),
 * FnMacb those of $FILE_NAME.
 *
 * Paths come from parent references, read when they are needed: a directory's record stands at its
 * number times the record size. So the artefact can be read in segments, and memory is a cache of
 * directories. Layout: "NTFS Documentation" of the Linux-NTFS project.
 */
#include "parsers/ntfs_file.h"

#include "base/text.h"

#include <stdlib.h>

#define RECORD_MAX  4096
#define SEGMENT	    ((size_t)4 << 20)
#define NAMES_MAX   64 /* hard links of one file that are listed */
#define STREAMS_MAX 64
#define PARTS_MAX   64 /* extension records of one file that are read */
#define TIMES_MAX   (4 + 4 * NAMES_MAX)
#define CHAIN_MAX                                                                                  \
	256 /* nested folders: a path of 32,767 characters has fewer than that in practice */
#define CACHE_TEXT ((size_t)48 << 20)
#define RESIDENT_MAX                                                                               \
	256 /* bytes of resident content that are shown of what is not text; text is shown whole */

struct directory {
	uint64_t reference; /* with its sequence number; 0 is a free slot */
	uint32_t at, len;   /* of the path in text */
};

struct stream {
	struct view name; /* UTF-16LE; empty: the content */
	uint64_t size;
	struct view resident;
};

struct file {
	uint64_t reference;
	uint16_t flags, links;
	bool has_si, has_names;
	uint64_t si[4];
	uint32_t attributes;
	uint64_t usn;
	struct ntfs_name names[NAMES_MAX];
	unsigned name_count;
	struct stream streams[STREAMS_MAX];
	unsigned stream_count;
	struct view list; /* $ATTRIBUTE_LIST, when resident */
	bool list_elsewhere;
	struct view reparse;
};

/* An extension record, and the file whose attributes it holds. */
struct part {
	uint64_t base, number;
};

struct mft {
	struct parse *p;
	struct view bytes;
	size_t record_size;
	const char *root;	 /* "C:" or "" */
	struct directory *slots; /* open addressing */
	size_t mask, used;
	struct buffer text; /* of the cached paths */
	struct buffer path; /* of the file at hand, "[deleted] " in front */
	uint8_t *record;    /* fixed-up copy, and those of its extension records */
	uint8_t *extensions[PARTS_MAX];
	struct part *parts; /* all of the volume, by base; made when a file needs it */
	size_t part_count, part_cap;
	bool parts_known;
	struct file file;
};

static size_t record_size_of(struct view bytes)
{
	uint32_t n = view_get32(bytes, 28);

	return n == 4096 ? 4096 : 1024;
}

/* ---- records ---- */

/* A fixed-up copy of the record; empty when there is none of that number. */
static struct view record_load(const struct mft *m, uint64_t number, uint8_t *to, bool *whole)
{
	struct view v;

	if (number > m->bytes.len / m->record_size)
		return VIEW_EMPTY;
	v = view_sub(m->bytes, (size_t)number * m->record_size, m->record_size);
	if (!view_starts(v, "FILE", 4))
		return VIEW_EMPTY;
	memcpy(to, v.data, m->record_size);
	*whole = ntfs_fixup(to, m->record_size);
	return view_of(to, m->record_size);
}

struct attribute {
	uint32_t type;
	bool resident;
	struct view name;
	struct view content; /* resident */
	uint64_t size, first_vcn;
};

static bool attribute_next(struct view record, size_t *off, struct attribute *a)
{
	uint32_t used = view_get32(record, 24), type, len;
	struct view v;

	if (used > record.len)
		used = (uint32_t)record.len;
	if (*off >= used || !view_u32le(record, *off, &type) || type == UINT32_MAX ||
	    !view_u32le(record, *off + 4, &len) || len < 24 || len > used - *off)
		return false;
	v = view_sub(record, *off, len);
	*a = (struct attribute){.type = type, .resident = view_get8(v, 8) == 0};
	a->name = view_sub(v, view_get16(v, 10), 2 * (size_t)view_get8(v, 9));
	if (a->resident) {
		a->content = view_sub(v, view_get16(v, 20), view_get32(v, 16));
		a->size = view_get32(v, 16);
	} else {
		a->first_vcn = view_get64(v, 16);
		a->size = view_get64(v, 48);
	}
	*off += len;
	return true;
}

static void attributes_read(struct file *f, struct view record)
{
	struct attribute a;

	for (size_t off = view_get16(record, 20); attribute_next(record, &off, &a);) {
		switch (a.type) {
		case 0x10:
			if (a.resident && a.content.len >= 48) {
				f->has_si = true;
				for (unsigned i = 0; i < 4; i++)
					f->si[i] = view_get64(a.content, 8 * (size_t)i);
				f->attributes = view_get32(a.content, 32);
				f->usn = view_get64(a.content, 64);
			}
			break;
		case 0x20:
			f->list = a.content;
			f->list_elsewhere = !a.resident;
			break;
		case 0x30:
			if (f->name_count < NAMES_MAX &&
			    ntfs_name_read(a.content, &f->names[f->name_count]))
				f->name_count++;
			break;
		case 0x80:
			if (a.first_vcn == 0 && f->stream_count < STREAMS_MAX)
				f->streams[f->stream_count++] =
					(struct stream){a.name, a.size, a.content};
			break;
		case 0xc0:
			f->reparse = a.content;
			break;
		}
	}
}

static void extension_read(struct mft *m, struct file *f, uint64_t number, unsigned n)
{
	struct view record;
	bool whole;

	if (!m->extensions[n])
		m->extensions[n] = xmalloc(RECORD_MAX);
	record = record_load(m, number, m->extensions[n], &whole);
	if (record.len && NTFS_REF(view_get64(record, 32)) == NTFS_REF(f->reference))
		attributes_read(f, record);
}

static int by_base(const void *a, const void *b)
{
	const struct part *x = a, *y = b;

	if (x->base != y->base)
		return x->base < y->base ? -1 : 1;
	return x->number < y->number ? -1 : x->number > y->number;
}

/*
 * A list of attributes that is not in the record cannot be read from the $MFT alone: the extension records are found by what they
 * say of themselves. That looks at all records once; files in so many pieces are few, and most volumes have some.
 */
static void extensions_find(struct mft *m, struct file *f)
{
	size_t low = 0, high;
	unsigned n = 0;

	if (!m->parts_known) {
		m->parts_known = true;
		for (size_t at = 0; view_has(m->bytes, at, m->record_size); at += m->record_size) {
			uint64_t base = view_get64(m->bytes, at + 32);

			if (!NTFS_REF(base) || !view_starts(view_from(m->bytes, at), "FILE", 4) ||
			    !(view_get16(m->bytes, at + 22) & 1))
				continue;
			m->parts =
				xgrow(m->parts, &m->part_cap, m->part_count + 1, sizeof(*m->parts));
			m->parts[m->part_count++] = (struct part){base, at / m->record_size};
		}
		if (m->part_count)
			qsort(m->parts, m->part_count, sizeof(*m->parts), by_base);
	}
	for (high = m->part_count; low < high;) {
		size_t mid = (low + high) / 2;

		if (m->parts[mid].base < f->reference)
			low = mid + 1;
		else
			high = mid;
	}
	for (; low < m->part_count && m->parts[low].base == f->reference && n < PARTS_MAX; low++)
		extension_read(m, f, m->parts[low].number, n++);
}

/* Attributes that stand in other records, by the list. */
static void extensions_read(struct mft *m, struct file *f)
{
	struct view list = f->list;
	uint64_t done[PARTS_MAX];
	unsigned count = 0;
	uint16_t len;

	for (; view_u16le(list, 4, &len) && len >= 26 && len <= list.len && count < PARTS_MAX;
	     list = view_from(list, len)) {
		uint64_t reference = view_get64(list, 16);
		bool known = NTFS_REF(reference) == NTFS_REF(f->reference);

		for (unsigned i = 0; i < count; i++)
			known = known || done[i] == reference;
		if (known)
			continue;
		extension_read(m, f, NTFS_REF(reference), count);
		done[count++] = reference;
	}
}

/* The name that people see: DOS names only when there is no other. */
static const struct ntfs_name *best_name(const struct file *f)
{
	for (unsigned i = 0; i < f->name_count; i++)
		if (f->names[i].space != 2)
			return &f->names[i];
	return f->name_count ? &f->names[0] : NULL;
}

/* ---- paths ---- */

static struct directory *slot_of(struct mft *m, uint64_t reference)
{
	uint64_t h = reference * UINT64_C(0x9e3779b97f4a7c15);
	size_t at = (size_t)(h >> 20) & m->mask;

	while (m->slots[at].reference && m->slots[at].reference != reference)
		at = (at + 1) & m->mask;
	return &m->slots[at];
}

static void cache_put(struct mft *m, uint64_t reference, struct view path)
{
	struct directory *d;

	if (m->text.len + path.len > CACHE_TEXT) {
		memset(m->slots, 0, (m->mask + 1) * sizeof(*m->slots));
		m->text.len = m->used = 0;
	}
	if (m->used * 2 > m->mask) {
		struct directory *old = m->slots;
		size_t n = m->mask + 1;

		m->mask = m->mask * 2 + 1;
		m->slots = xcalloc(m->mask + 1, sizeof(*m->slots));
		for (size_t i = 0; i < n; i++)
			if (old[i].reference)
				*slot_of(m, old[i].reference) = old[i];
		free(old);
	}
	d = slot_of(m, reference);
	if (!d->reference)
		m->used++;
	*d = (struct directory){reference, (uint32_t)m->text.len, (uint32_t)path.len};
	buffer_view(&m->text, path);
}

struct link {
	uint64_t reference;
	uint8_t name[512];
	size_t len;
};

/* Appends the path of a directory. A parent that is gone, or whose number another file has now, is
 * an orphan's. */
static void directory_append(struct mft *m, struct buffer *out, uint64_t reference)
{
	static struct link chain[CHAIN_MAX];
	uint8_t record[RECORD_MAX];
	unsigned n = 0;
	bool orphan = false;

	for (;;) {
		struct directory *d;
		const struct ntfs_name *best = NULL;
		struct ntfs_name name;
		struct attribute a;
		struct view v;
		uint16_t sequence, flags;
		bool whole;

		if (NTFS_REF(reference) == 5) {
			buffer_string(out, m->root);
			break;
		}
		d = slot_of(m, reference);
		if (d->reference) {
			buffer_append(out, m->text.data + d->at, d->len);
			break;
		}
		v = record_load(m, NTFS_REF(reference), record, &whole);
		sequence = view_get16(v, 16);
		flags = view_get16(v, 22);
		/* Deleting a file raises its record's sequence number. */
		if (!v.len || n == CHAIN_MAX ||
		    (sequence != NTFS_SEQUENCE(reference) &&
		     (flags & 1 || sequence != (uint16_t)(NTFS_SEQUENCE(reference) + 1)))) {
			orphan = true;
			break;
		}
		for (size_t off = view_get16(v, 20);
		     attribute_next(v, &off, &a) && (!best || best->space == 2);) {
			struct ntfs_name next;

			if (a.type == 0x30 && ntfs_name_read(a.content, &next) &&
			    (!best || next.space != 2)) {
				name = next;
				best = &name;
			}
		}
		for (unsigned i = 0; i < n && best; i++)
			if (chain[i].reference == reference)
				best = NULL; /* folders inside each other */
		if (!best) {
			orphan = true;
			break;
		}
		chain[n].reference = reference;
		chain[n].len = best->name.len;
		memcpy(chain[n].name, best->name.data, best->name.len);
		n++;
		reference = best->parent;
	}
	if (orphan)
		buffer_string(out, "$Orphan");
	while (n-- > 0) {
		buffer_char(out, '\\');
		text_utf16(out, view_of(chain[n].name, chain[n].len));
		if (out->len > LIMIT_PATH)
			out->len = LIMIT_PATH;
		/* "[deleted] " may stand in front; the path begins behind it. */
		cache_put(m, chain[n].reference, view_of(m->path.data + 10, m->path.len - 10));
	}
}

/* m->path: "[deleted] " and the path. */
static struct view path_of(struct mft *m, const struct ntfs_name *name)
{
	m->path.len = 0;
	buffer_append(&m->path, "[deleted] ", 10);
	directory_append(m, &m->path, name->parent);
	if (!(NTFS_REF(name->parent) == 5 && name->name.len == 2 && name->name.data[0] == '.')) {
		buffer_char(&m->path, '\\');
		text_utf16(&m->path, name->name);
	} else {
		buffer_char(&m->path, '\\');
	}
	return view_from(buffer_as_view(&m->path), 10);
}

/* ---- events ---- */

static const char *letters(unsigned mask)
{
	static const char *const texts[16] = {
		"....", "...B", "M...", "M..B", "..C.", "..CB", "M.C.", "M.CB",
		".A..", ".A.B", "MA..", "MA.B", ".AC.", ".ACB", "MAC.", "MACB",
	};

	return texts[mask & 15];
}

/* "[ZoneTransfer]" as the shell writes it for downloads: lines of name=value. */
static int zone_identifier(struct mft *m, struct view path, struct view text)
{
	struct parse *p = m->p;
	struct view rest = text, line, name;
	struct view url = VIEW_EMPTY, referrer = VIEW_EMPTY, zone = VIEW_EMPTY;
	int64_t ts = m->file.has_si ? time_from_filetime(m->file.si[TIME_CREATED]) : TIME_NONE;

	while (view_line(&rest, &line)) {
		struct view value = line;

		if (!view_token(&value, '=', &name) || !value.data)
			continue;
		if (view_glob(name, "HostUrl"))
			url = value;
		else if (view_glob(name, "ReferrerUrl"))
			referrer = value;
		else if (view_glob(name, "ZoneId"))
			zone = value;
	}
	event_start(p, KIND_DOWNLOAD, ts, ts == TIME_NONE ? "Not a time" : "Creation Time",
		    NTFS_REF(m->file.reference) * m->record_size);
	p->event.record = NTFS_REF(m->file.reference);
	event_add(p, "TargetFilename", value_view(path));
	if (url.len)
		event_add(p, "Url", value_view(url));
	if (referrer.len)
		event_add(p, "ReferrerUrl", value_view(referrer));
	if (zone.len)
		event_add(p, "ZoneId", value_view(zone));
	event_add(p, "Contents", value_view(text));
	event_messagef(p, "%.*s came from %.*s", (int)path.len, (const char *)path.data,
		       url.len ? (int)url.len : 12,
		       url.len ? (const char *)url.data : "another zone");
	return event_emit(p);
}

static bool plain_text(struct view v)
{
	for (size_t i = 0; i < v.len; i++)
		if (v.data[i] < 0x20 && v.data[i] != '\n' && v.data[i] != '\r' && v.data[i] != '\t')
			return false;
	return text_is_utf8(v);
}

/* Small files stand in their record whole: scripts, shortcuts, notes. */
static struct value contents(struct view v)
{
	if (view_starts(v, "\xff\xfe", 2) && v.len % 2 == 0)
		return value_utf16(view_from(v, 2));
	return plain_text(v) ? value_view(v) : value_binary(view_clip(v, 0, RESIDENT_MAX));
}

static struct value name_value(struct mft *m, struct view utf16, uint64_t size)
{
	struct buffer b = {0};
	const char *text;

	text_utf16(&b, utf16);
	text = arena_printf(&m->p->scratch, "%.*s (%llu bytes)", (int)b.len, b.data,
			    (unsigned long long)size);
	buffer_release(&b);
	return value_text(text);
}

static int file_events(struct mft *m)
{
	struct file *f = &m->file;
	struct parse *p = m->p;
	const struct ntfs_name *name = best_name(f);
	uint64_t number = NTFS_REF(f->reference);
	static int64_t times[TIMES_MAX];
	static bool done[TIMES_MAX];
	unsigned count = 4;
	struct view path;
	bool deleted = !(f->flags & 1), early = false, whole_seconds = false, any = false;
	unsigned streams = 0;
	const struct stream *content = NULL;
	size_t fields;
	int status = OK;

	if (!f->has_si && !name)
		return OK; /* never used, or only an extension */
	if (name) {
		path = path_of(m, name);
	} else {
		m->path.len = 0;
		buffer_append(&m->path, "[deleted] ", 10);
		buffer_printf(&m->path, "$Orphan\\[record %llu]", (unsigned long long)number);
		path = view_from(buffer_as_view(&m->path), 10);
	}
	/* Those of $STANDARD_INFORMATION, then of the name that is shown, then of others: a hard link has its own. */
	for (unsigned i = 0; i < 4; i++)
		times[i] = f->has_si ? time_from_filetime(f->si[i]) : TIME_NONE;
	for (unsigned n = 0; name && n < f->name_count; n++) {
		const struct ntfs_name *other = n == 0		       ? name
						: &f->names[n] == name ? &f->names[0]
								       : &f->names[n];

		if (n && memcmp(other->times, name->times, sizeof(name->times)) == 0)
			continue;
		for (unsigned i = 0; i < 4; i++)
			times[count++] = time_from_filetime(other->times[i]);
	}
	memset(done, 0, count * sizeof(done[0]));
	if (f->has_si && name && number > 23) {
		early = f->si[TIME_CREATED] < name->times[TIME_CREATED];
		whole_seconds = f->si[TIME_CREATED] % 10000000 == 0 &&
				f->si[TIME_MODIFIED] % 10000000 == 0 &&
				name->times[TIME_CREATED] % 10000000;
	}

	event_start(p, KIND_FILE_METADATA, TIME_NONE, "Not a time", number * m->record_size);
	p->event.record = number;
	if (deleted)
		p->event.flags = EVENT_RECOVERED;
	p->event.message = value_view(deleted ? buffer_as_view(&m->path) : path);
	event_add(p, "TargetFilename", value_view(path));
	event_add(p, "Macb", (struct value){.type = VALUE_ABSENT});
	event_addf(p, "FileReference", "%llu-%u", (unsigned long long)number,
		   NTFS_SEQUENCE(f->reference));
	event_add(p, "FileAttributes", value_hex(f->attributes));
	if (f->flags & 2)
		event_add(p, "Directory", value_bool(true));
	if (deleted)
		event_add(p, "Deleted", value_bool(true));
	for (unsigned i = 0; i < f->stream_count; i++) {
		if (f->streams[i].name.len)
			streams++;
		else if (!content)
			content = &f->streams[i];
	}
	if (content)
		event_add(p, "FileSize", value_unsigned(content->size));
	if (early || whole_seconds)
		event_add(p, "TimestompSigns",
			  value_text(early && whole_seconds
					     ? "created before its name, times without fractions"
				     : early ? "created before its name"
					     : "times without fractions"));
	if (streams) {
		struct value *list = arena_alloc(&p->scratch, streams * sizeof(*list));
		unsigned n = 0;

		for (unsigned i = 0; list && i < f->stream_count; i++)
			if (f->streams[i].name.len)
				list[n++] = name_value(m, f->streams[i].name, f->streams[i].size);
		if (n)
			event_add(p, "Streams",
				  (struct value){.type = VALUE_LIST, .len = n, .list = list});
	}
	if (f->name_count > 1) { /* hard links, and the DOS name */
		struct value *list = arena_alloc(&p->scratch, f->name_count * sizeof(*list));
		unsigned n = 0;

		for (unsigned i = 0; list && i < f->name_count; i++) {
			struct view other;
			size_t keep = m->path.len;

			if (&f->names[i] == name)
				continue;
			if (f->names[i].space == 2) {
				event_add(p, "ShortName", value_utf16(f->names[i].name));
				continue;
			}
			/* The buffer holds the file's own path: put the other behind a copy. */
			{
				struct buffer saved = m->path;

				m->path = (struct buffer){0};
				other = path_of(m, &f->names[i]);
				list[n++] = value_text(
					arena_strndup(&p->scratch, other.data, other.len));
				buffer_release(&m->path);
				m->path = saved;
			}
			m->path.len = keep;
		}
		if (n)
			event_add(p, "HardLinks",
				  (struct value){.type = VALUE_LIST, .len = n, .list = list});
	}
	if (f->reparse.len >= 4)
		event_add(p, "ReparseTag", value_hex(view_get32(f->reparse, 0)));
	fields = p->count;
	for (unsigned i = 0; i < count && status >= 0; i++) {
		unsigned si = 0, fn = 0;

		if (done[i] || times[i] == TIME_NONE)
			continue;
		any = true;
		/* bits in the order of letters(): B, M, C, A */
		for (unsigned j = i; j < count; j++) {
			if (times[j] != times[i])
				continue;
			done[j] = true;
			if (j < 4)
				si |= 1u << j;
			else
				fn |= 1u << (j & 3);
		}
		p->count = fields;
		if (si)
			event_add(p, "Macb", value_text(letters(si)));
		if (fn)
			event_add(p, "FnMacb", value_text(letters(fn)));
		if (i == 0 && content && content->resident.len)
			event_add(p, "Contents", contents(content->resident));
		status = event_emit_at(p, times[i], ntfs_time_descs[i & 3]);
	}
	if (!any && status >= 0)
		status = event_emit(p);
	for (unsigned i = 0; i < f->stream_count && status >= 0; i++)
		if (f->streams[i].resident.len && f->streams[i].name.len == 30 &&
		    memcmp(f->streams[i].name.data, "Z\0o\0n\0e\0.\0I\0d\0e\0n\0t\0i\0f\0i\0e\0r\0",
			   30) == 0)
			status = zone_identifier(m, view_from(buffer_as_view(&m->path), 10),
						 f->streams[i].resident);
	return status;
}

static int record_events(struct mft *m, uint64_t number)
{
	struct file *f = &m->file;
	struct view v = view_sub(m->bytes, (size_t)number * m->record_size, m->record_size), record;
	uint64_t base;
	bool whole = true;

	if (!view_starts(v, "FILE", 4)) {
		if (view_starts(v, "BAAD", 4))
			return parse_lost(m->p, number * m->record_size,
					  "record %llu was marked bad by the file system",
					  (unsigned long long)number);
		for (size_t i = 0; i < v.len; i++)
			if (v.data[i])
				return parse_lost(m->p, number * m->record_size,
						  "no record where number %llu must be",
						  (unsigned long long)number);
		return OK;
	}
	record = record_load(m, number, m->record, &whole);
	if (!whole) {
		int status =
			parse_lost(m->p, number * m->record_size,
				   "record %llu was not written whole", (unsigned long long)number);

		if (status < 0)
			return status;
	}
	base = view_get64(record, 32);
	f->has_si = f->list_elsewhere = false;
	f->name_count = f->stream_count = 0;
	f->list = f->reparse = VIEW_EMPTY;
	f->attributes = 0;
	f->flags = view_get16(record, 22);
	f->links = view_get16(record, 18);
	f->reference = number | (uint64_t)view_get16(record, 16) << 48;
	if (NTFS_REF(base)) {
		/* An extension: read with its base record, unless that one is gone. */
		uint8_t other[RECORD_MAX];
		struct view v2 = record_load(m, NTFS_REF(base), other, &whole);

		if (v2.len && NTFS_SEQUENCE(base) == view_get16(v2, 16))
			return OK;
	}
	attributes_read(f, record);
	if (f->list_elsewhere)
		extensions_find(m, f);
	else if (f->list.len)
		extensions_read(m, f);
	return file_events(m);
}

static uint32_t segments(struct view bytes)
{
	return (uint32_t)((bytes.len + SEGMENT - 1) / SEGMENT);
}

static int parse(struct parse *p, struct view bytes)
{
	static struct mft m;
	struct view path = view_text(p->path);
	size_t size = record_size_of(bytes), per = SEGMENT / size;
	uint64_t from = (uint64_t)p->segment_from * per, to = (uint64_t)p->segment_to * per,
		 count = bytes.len / size;
	int status = OK;

	m = (struct mft){.p = p, .bytes = bytes, .record_size = size, .root = "", .mask = 4095};
	if (!view_starts(bytes, "FILE", 4))
		return parse_fail(p, ERR_FORMAT, 0, "not a $MFT");
	if (path.len >= 2 && path.data[1] == ':') /* the volume, where the evidence names it */
		m.root = arena_strndup(&p->arena, path.data, 2);
	if (!m.root)
		m.root = "";
	m.slots = xcalloc(m.mask + 1, sizeof(*m.slots));
	m.record = xmalloc(RECORD_MAX);
	if (to > count)
		to = count;
	for (uint64_t n = from; n < to && status >= 0; n++) {
		status = record_events(&m, n);
		if (n % 4096 == 0)
			parse_release(p, n * size);
	}
	if (status >= 0 && bytes.len % size && to == count)
		status = parse_lost(p, count * size, "the last record is cut");
	free(m.slots);
	free(m.parts);
	free(m.record);
	for (unsigned i = 0; i < PARTS_MAX; i++)
		free(m.extensions[i]);
	buffer_release(&m.text);
	buffer_release(&m.path);
	return status;
}

static int probe(const struct probe *p)
{
	bool named = view_glob(view_text(p->name), "$mft*") ||
		     view_glob(view_text(p->name), "*_mft*") ||
		     view_glob(view_text(p->name), "mft*");

	if (!view_starts(p->head, "FILE", 4) || view_get16(p->head, 4) < 40 ||
	    view_get16(p->head, 4) > 64 ||
	    (view_get16(p->head, 6) != 3 && view_get16(p->head, 6) != 9))
		return BID_NO;
	return named ? BID_EXACT : BID_MAGIC;
}

const struct parser parser_mft = {
	.name = "mft",
	.title = "NTFS master file table ($MFT)",
	.version = 1,
	.probe = probe,
	.parse = parse,
	.segments = segments,
};
