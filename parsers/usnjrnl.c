/*
 * $UsnJrnl:$J, the change journal of NTFS and ReFS: records of versions 2, 3 and 4. Layout:
 * USN_RECORD_V2, _V3, _V4 and the reason codes in Microsoft's winioctl.h reference. Records are
 * aligned to 8 bytes and do not cross a page of 4096 bytes; the front of the stream is usually
 * sparse, which reads as zeros.
 */
#include "parsers/ntfs_file.h"

#include "base/text.h"

#define PAGE	((size_t)4096)
#define SEGMENT ((size_t)8 << 20)

static const struct {
	uint32_t bit;
	const char *name;
} reasons[] = {
	{0x00000001, "DATA_OVERWRITE"},
	{0x00000002, "DATA_EXTEND"},
	{0x00000004, "DATA_TRUNCATION"},
	{0x00000010, "NAMED_DATA_OVERWRITE"},
	{0x00000020, "NAMED_DATA_EXTEND"},
	{0x00000040, "NAMED_DATA_TRUNCATION"},
	{0x00000100, "FILE_CREATE"},
	{0x00000200, "FILE_DELETE"},
	{0x00000400, "EA_CHANGE"},
	{0x00000800, "SECURITY_CHANGE"},
	{0x00001000, "RENAME_OLD_NAME"},
	{0x00002000, "RENAME_NEW_NAME"},
	{0x00004000, "INDEXABLE_CHANGE"},
	{0x00008000, "BASIC_INFO_CHANGE"},
	{0x00010000, "HARD_LINK_CHANGE"},
	{0x00020000, "COMPRESSION_CHANGE"},
	{0x00040000, "ENCRYPTION_CHANGE"},
	{0x00080000, "OBJECT_ID_CHANGE"},
	{0x00100000, "REPARSE_POINT_CHANGE"},
	{0x00200000, "STREAM_CHANGE"},
	{0x00400000, "TRANSACTED_CHANGE"},
	{0x00800000, "INTEGRITY_CHANGE"},
	{0x01000000, "DESIRED_STORAGE_CLASS_CHANGE"},
	{0x80000000, "CLOSE"},
};
#define KNOWN_REASONS UINT32_C(0x81ffff77)

struct record {
	size_t len;
	uint64_t file, parent;
	struct view file128, parent128; /* version 3 on ReFS: 16 bytes */
	uint64_t usn, time;
	uint32_t reason, source, attributes;
	struct view name;
	unsigned version;
};

/* Texts of reason sets that were met: there are few. */
#define REASON_SLOTS 256
struct journal {
	struct parse *p;
	struct {
		uint32_t reason;
		const char *text;
	} texts[REASON_SLOTS];
	const struct shape *plain, *renamed;
	uint64_t old_file; /* of the last RENAME_OLD_NAME */
	uint8_t old_name[512];
	size_t old_len;
	struct buffer message;
};

static bool record_read(struct view v, size_t off, struct record *r)
{
	uint32_t len = view_get32(v, off);
	uint16_t version = view_get16(v, off + 4), minor = view_get16(v, off + 6);
	struct view b;
	size_t at;

	if (len < 56 || len > 1024 || len % 8 || minor > 1 || version < 2 || version > 4 ||
	    !view_has(v, off, len))
		return false;
	b = view_sub(v, off, len);
	*r = (struct record){.len = len, .version = version};
	if (version == 2) {
		r->file = view_get64(b, 8);
		r->parent = view_get64(b, 16);
		at = 24;
	} else {
		r->file = view_get64(b, 8);
		r->parent = view_get64(b, 24);
		if (view_get64(b, 16) || view_get64(b, 32)) {
			r->file128 = view_sub(b, 8, 16);
			r->parent128 = view_sub(b, 24, 16);
		}
		at = 40;
	}
	r->usn = view_get64(b, at);
	if (version == 4) { /* ranges of changed data, no name and no time */
		r->reason = view_get32(b, 48);
		r->source = view_get32(b, 52);
		return (r->reason & ~KNOWN_REASONS) == 0 && view_get16(b, 62) == 16 &&
		       64 + 16 * (size_t)view_get16(b, 60) <= len;
	}
	r->time = view_get64(b, at + 8);
	r->reason = view_get32(b, at + 16);
	r->source = view_get32(b, at + 20);
	r->attributes = view_get32(b, at + 28);
	r->name = view_sub(b, view_get16(b, at + 34), view_get16(b, at + 32));
	/* 1990 to 2100: what else is there is no record */
	return r->name.len >= 2 && r->name.len % 2 == 0 && view_get16(b, at + 34) >= at + 36 &&
	       (r->reason & ~KNOWN_REASONS) == 0 && r->reason &&
	       r->time > UINT64_C(0x01b41e2a18d64000) && r->time < UINT64_C(0x022f716377640000);
}

static const char *reason_text(struct journal *j, uint32_t reason)
{
	size_t at = (reason ^ reason >> 8 ^ reason >> 24) % REASON_SLOTS;
	struct buffer b = {0};

	if (j->texts[at].text && j->texts[at].reason == reason)
		return j->texts[at].text;
	for (size_t i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++)
		if (reason & reasons[i].bit)
			buffer_printf(&b, "%s%s", b.len ? "|" : "", reasons[i].name);
	j->texts[at].reason = reason;
	j->texts[at].text = arena_strndup(&j->p->arena, b.data, b.len);
	buffer_release(&b);
	return j->texts[at].text ? j->texts[at].text : "";
}

static struct view put_number(char *to, uint64_t n)
{
	char *p = to + 20;

	do
		*--p = (char)('0' + n % 10);
	while (n /= 10);
	return view_of(p, (size_t)(to + 20 - p));
}

/* "record-sequence", or 32 hex digits. */
static struct value reference_value(char to[44], uint64_t reference, struct view wide)
{
	struct view a;

	if (wide.len)
		return value_binary(wide);
	/* Digits end at to[20], "-" follows, then the sequence. */
	a = put_number(to, NTFS_REF(reference));
	to[20] = '-';
	{
		char digits[20];
		struct view b = put_number(digits, NTFS_SEQUENCE(reference));

		memcpy(to + 21, b.data, b.len);
		return value_view(view_of(a.data, a.len + 1 + b.len));
	}
}

static int emit(struct journal *j, const struct record *r, uint64_t offset, bool recovered)
{
	static const char *const verbs[] = {
		"Changed: ", "Deleted: ", "Created: ", "Renamed: ", "Written: "};
	bool renamed = r->reason & 0x2000 && j->old_file == r->file && j->old_len;
	char file[44], parent[44];
	struct value values[9];
	unsigned verb = 0;
	struct event e = {.ts = time_from_filetime(r->time),
			  .ts_desc = "Metadata Modification Time",
			  .kind = KIND_FILE_METADATA,
			  .flags = recovered ? EVENT_RECOVERED : 0,
			  .offset = offset,
			  .record = r->usn,
			  .values = values};

	if (r->reason & 0x200) {
		e.kind = KIND_FILE_DELETE;
		verb = 1;
	} else if (r->reason & 0x100) {
		e.kind = KIND_FILE_CREATE;
		verb = 2;
	} else if (r->reason & 0x3000) {
		e.kind = KIND_FILE_RENAME;
		verb = 3;
	} else if (r->reason & 0x77) {
		e.kind = KIND_FILE_WRITE;
		verb = 4;
	}
	if (e.ts == TIME_NONE)
		e.ts_desc = "Not a time";
	values[0] = r->name.len ? value_utf16(r->name) : (struct value){.type = VALUE_ABSENT};
	values[1] = value_text(reason_text(j, r->reason));
	values[2] = reference_value(file, r->file, r->file128);
	values[3] = reference_value(parent, r->parent, r->parent128);
	values[4] = value_hex(r->attributes);
	values[5] = value_unsigned(r->usn);
	values[6] = r->source ? value_hex(r->source) : (struct value){.type = VALUE_ABSENT};
	if (renamed)
		values[7] = value_utf16(view_of(j->old_name, j->old_len));
	e.shape = renamed ? j->renamed : j->plain;
	j->message.len = 0;
	buffer_append(&j->message, verbs[verb], 9);
	if (renamed) {
		text_utf16(&j->message, view_of(j->old_name, j->old_len));
		buffer_append(&j->message, " to ", 4);
	}
	if (r->name.len)
		text_utf16(&j->message, r->name);
	else
		buffer_string(&j->message, "ranges of a file");
	e.message = value_view(buffer_as_view(&j->message));
	if (r->reason & 0x1000 && r->name.len <= sizeof(j->old_name)) {
		j->old_file = r->file;
		j->old_len = r->name.len;
		memcpy(j->old_name, r->name.data, r->name.len);
	}
	return parse_emit(j->p, &e);
}

/* First byte at or after `off` that is not zero, rounded down to 8; len when there is none. */
static size_t skip_zeros(struct parse *p, struct view v, size_t off)
{
	while (v.len - off >= 64 && off % 8 == 0) {
		uint64_t word[8];

		memcpy(word, v.data + off, 64);
		if (word[0] | word[1] | word[2] | word[3] | word[4] | word[5] | word[6] | word[7])
			break;
		off += 64;
		if (off % (16u << 20) == 0)
			parse_release(p, off);
	}
	while (off < v.len && !v.data[off])
		off++;
	return off == v.len ? off : off & ~(size_t)7;
}

static uint32_t segments(struct view bytes)
{
	return bytes.len / SEGMENT < 0xfffffff0 ? (uint32_t)((bytes.len + SEGMENT - 1) / SEGMENT)
						: 0xfffffff0;
}

static int parse(struct parse *p, struct view bytes)
{
	static const char *const names[] = {"TargetFilename",  "Reason",	 "FileReference",
					    "ParentReference", "FileAttributes", "Usn",
					    "SourceInfo",      "SourceFilename"};
	static struct journal j;
	struct view keys[8], v = bytes;
	uint64_t from = (uint64_t)p->segment_from * SEGMENT, to = (uint64_t)p->segment_to * SEGMENT;
	size_t off, damage = SIZE_MAX;
	int status = OK;

	j = (struct journal){.p = p};
	for (unsigned i = 0; i < 8; i++)
		keys[i] = view_text(names[i]);
	j.plain = shape_intern(p->shapes, keys, 7);
	j.renamed = shape_intern(p->shapes, keys, 8);
	if (!j.plain || !j.renamed)
		return ERR_LIMIT;
	if (to < v.len)
		v.len = (size_t)to;
	off = from < v.len ? (size_t)from : v.len;
	while (off < v.len && status >= 0) {
		struct record r;

		if (record_read(v, off, &r)) {
			status = emit(&j, &r, off, p->carve && damage != SIZE_MAX);
			off += r.len;
			damage = SIZE_MAX;
		} else {
			size_t zeros = skip_zeros(p, v, off);

			/* Zeros end a page; anything else is looked through, 8 bytes at a time, for
			 * the next record. */
			if (zeros > off) {
				off = zeros;
			} else {
				if (damage == SIZE_MAX && !p->carve)
					status = parse_lost(p, off, "no journal record");
				damage = off;
				off += 8;
			}
		}
		parse_release(p, off);
	}
	buffer_release(&j.message);
	return status;
}

static int probe(const struct probe *p)
{
	bool named =
		view_glob(view_text(p->name), "$j") || view_glob(view_text(p->name), "*usnjrnl*");
	struct record r;
	size_t off = 0;

	while (off + 8 <= p->head.len && view_get64(p->head, off) == 0)
		off += 8;
	if (record_read(p->head, off, &r)) {
		/* A second one behind it, so that chance finds nothing. */
		bool second = record_read(p->head, off + r.len, &r) || off + r.len >= p->head.len ||
			      view_get64(p->head, off + r.len) == 0;

		return !second ? BID_NO : named ? BID_EXACT : BID_MAGIC;
	}
	/* A long sparse front tells nothing: then the name must. */
	return named && off + 8 > p->head.len ? BID_NAME : BID_NO;
}

const struct parser parser_usnjrnl = {
	.name = "usnjrnl",
	.title = "NTFS change journal ($UsnJrnl:$J)",
	.version = 1,
	.probe = probe,
	.parse = parse,
	.segments = segments,
};
