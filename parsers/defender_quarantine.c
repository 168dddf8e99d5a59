/*
 * Windows Defender's quarantine: ProgramData\Microsoft\Windows Defender\Quarantine\Entries\{GUID}
 * (what was found, where and when) and ResourceData\XX\HASH (the file itself, of which the hash is
 * told, and where it had come from). Both are encrypted with RC4 and a key that is the same everywhere.
 *
 * Not documented by its maker; facts: cuckoo-modified (the key); Fox-IT, "Reverse, Reveal, Recover:
 * Windows Defender Quarantine Forensics" (the entries); Microsoft, WIN32_STREAM_ID (the file).
 */
#include "parsers/parser.h"

#include "base/sha256.h"

#include <stdlib.h>

static const uint8_t key[256] = {
	0x1e, 0x87, 0x78, 0x1b, 0x8d, 0xba, 0xa8, 0x44, 0xce, 0x69, 0x70, 0x2c, 0x0c, 0x78, 0xb7,
	0x86, 0xa3, 0xf6, 0x23, 0xb7, 0x38, 0xf5, 0xed, 0xf9, 0xaf, 0x83, 0x53, 0x0f, 0xb3, 0xfc,
	0x54, 0xfa, 0xa2, 0x1e, 0xb9, 0xcf, 0x13, 0x31, 0xfd, 0x0f, 0x0d, 0xa9, 0x54, 0xf6, 0x87,
	0xcb, 0x9e, 0x18, 0x27, 0x96, 0x97, 0x90, 0x0e, 0x53, 0xfb, 0x31, 0x7c, 0x9c, 0xbc, 0xe4,
	0x8e, 0x23, 0xd0, 0x53, 0x71, 0xec, 0xc1, 0x59, 0x51, 0xb8, 0xf3, 0x64, 0x9d, 0x7c, 0xa3,
	0x3e, 0xd6, 0x8d, 0xc9, 0x04, 0x7e, 0x82, 0xc9, 0xba, 0xad, 0x97, 0x99, 0xd0, 0xd4, 0x58,
	0xcb, 0x84, 0x7c, 0xa9, 0xff, 0xbe, 0x3c, 0x8a, 0x77, 0x52, 0x33, 0x55, 0x7d, 0xde, 0x13,
	0xa8, 0xb1, 0x40, 0x87, 0xcc, 0x1b, 0xc8, 0xf1, 0x0f, 0x6e, 0xcd, 0xd0, 0x83, 0xa9, 0x59,
	0xcf, 0xf8, 0x4a, 0x9d, 0x1d, 0x50, 0x75, 0x5e, 0x3e, 0x19, 0x18, 0x18, 0xaf, 0x23, 0xe2,
	0x29, 0x35, 0x58, 0x76, 0x6d, 0x2c, 0x07, 0xe2, 0x57, 0x12, 0xb2, 0xca, 0x0b, 0x53, 0x5e,
	0xd8, 0xf6, 0xc5, 0x6c, 0xe7, 0x3d, 0x24, 0xbd, 0xd0, 0x29, 0x17, 0x71, 0x86, 0x1a, 0x54,
	0xb4, 0xc2, 0x85, 0xa9, 0xa3, 0xdb, 0x7a, 0xca, 0x6d, 0x22, 0x4a, 0xea, 0xcd, 0x62, 0x1d,
	0xb9, 0xf2, 0xa2, 0x2e, 0xd1, 0xe9, 0xe1, 0x1d, 0x75, 0xbe, 0xd7, 0xdc, 0x0e, 0xcb, 0x0a,
	0x8e, 0x68, 0xa2, 0xff, 0x12, 0x63, 0x40, 0x8d, 0xc8, 0x08, 0xdf, 0xfd, 0x16, 0x4b, 0x11,
	0x67, 0x74, 0xcd, 0x0b, 0x9b, 0x8d, 0x05, 0x41, 0x1e, 0xd6, 0x26, 0x2e, 0x42, 0x9b, 0xa4,
	0x95, 0x67, 0x6b, 0x83, 0x98, 0xdb, 0x2f, 0x35, 0xd3, 0xc1, 0xb9, 0xce, 0xd5, 0x26, 0x36,
	0xf2, 0x76, 0x5e, 0x1a, 0x95, 0xcb, 0x7c, 0xa4, 0xc3, 0xdd, 0xab, 0xdd, 0xbf, 0xf3, 0x82,
	0x53};

struct rc4 {
	uint8_t box[256], i, j;
};

static void rc4_begin(struct rc4 *r)
{
	uint8_t j = 0, t;

	for (unsigned i = 0; i < 256; i++)
		r->box[i] = (uint8_t)i;
	for (unsigned i = 0; i < 256; i++) {
		j = (uint8_t)(j + r->box[i] + key[i]);
		t = r->box[i];
		r->box[i] = r->box[j];
		r->box[j] = t;
	}
	r->i = r->j = 0;
}

static void rc4(struct rc4 *r, const uint8_t *in, uint8_t *out, size_t n)
{
	for (size_t k = 0; k < n; k++) {
		uint8_t t;

		r->j = (uint8_t)(r->j + r->box[++r->i]);
		t = r->box[r->i];
		r->box[r->i] = r->box[r->j];
		r->box[r->j] = t;
		out[k] = in[k] ^ r->box[(uint8_t)(r->box[r->i] + r->box[r->j])];
	}
}

/* Sections are encrypted each by itself. */
static struct view section(struct parse *p, struct view v, size_t at, size_t n)
{
	struct view in = view_sub(v, at, n);
	uint8_t *out = in.data ? arena_alloc(&p->arena, n + 1) : NULL;
	struct rc4 r;

	if (!out)
		return VIEW_EMPTY;
	rc4_begin(&r);
	rc4(&r, in.data, out, n);
	return view_of(out, n);
}

/* ---- entries ---- */

#define HEAD 60 /* magic, sizes at 40, checksums */

static bool head_of(struct view bytes, uint64_t size, uint32_t *first, uint32_t *second)
{
	uint8_t head[HEAD];
	struct rc4 r;
	struct view v = view_of(head, HEAD);

	if (!view_has(bytes, 0, HEAD))
		return false;
	rc4_begin(&r);
	rc4(&r, bytes.data, head, HEAD);
	*first = view_get32(v, 40);
	*second = view_get32(v, 44);
	return *first >= 53 && *first <= size - HEAD && *second >= 4 && *second <= LIMIT_PATH * 64u;
}

static const char *ascii(struct parse *p, struct view v, size_t at)
{
	struct view rest = view_from(v, at);

	return parse_text(&p->arena, view_clip(rest, 0, view_find(rest, 0, "", 1)));
}

/* Field identifiers of a resource (12 bits; above them the type). */
enum { FILE_ID = 0x02, PHYSICAL_PATH = 0x0c, CREATED = 0x0f, ACCESSED = 0x10, WRITTEN = 0x11 };

static int resource(struct parse *p, struct view first, struct view second, size_t at)
{
	struct view rest = view_from(second, at), id = VIEW_EMPTY;
	const char *path = parse_utf16z(&p->arena, rest), *type;
	int64_t found = time_from_filetime(view_get64(first, 32)), created = TIME_NONE,
		accessed = TIME_NONE, written = TIME_NONE;
	uint16_t fields;
	size_t end = at;
	int status;

	while (view_has(second, end, 2) && view_get16(second, end))
		end += 2;
	end += 2;
	if (!view_u16le(second, end, &fields))
		return parse_lost(p, 0, "resource %s is cut", path);
	type = ascii(p, second, end + 2);
	end += 2 + strlen(type) + 1;
	for (unsigned i = 0; i < fields; i++) {
		struct view data;
		uint16_t size = 0, what;

		end = (end + 3) & ~(size_t)3;
		if (!view_u16le(second, end, &size) || !view_u16le(second, end + 2, &what) ||
		    !view_has(second, end + 4, size))
			break;
		data = view_sub(second, end + 4, size);
		switch (what & 0xfff) {
		case FILE_ID:
			id = data;
			break;
		case PHYSICAL_PATH:
			path = parse_utf16z(&p->arena, data);
			break;
		case CREATED:
			created = time_from_filetime(view_get64(data, 0));
			break;
		case ACCESSED:
			accessed = time_from_filetime(view_get64(data, 0));
			break;
		case WRITTEN:
			written = time_from_filetime(view_get64(data, 0));
			break;
		default:
			break;
		}
		end += 4 + (size_t)size;
	}
	event_start(p, KIND_MALWARE_FOUND, found, "Recorded Time", 0);
	event_add(p, "Product", value_text("Windows Defender"));
	event_add(p, "ThreatName", value_text(ascii(p, first, 52)));
	event_add(p, "ThreatId", value_unsigned(view_get64(first, 40)));
	event_add(p, "TargetFilename", value_text(path));
	event_add(p, "ResourceType", value_text(type));
	event_add(p, "QuarantineId", value_guid(view_sub(first, 0, 16).data));
	event_add(p, "ScanId", value_guid(view_sub(first, 16, 16).data));
	if (id.len)
		event_add(p, "ResourceId", value_binary(id));
	event_add(p, "Action", value_text("quarantine"));
	event_messagef(p, "Windows Defender put %s into quarantine: %s", path, ascii(p, first, 52));
	status = found == TIME_NONE ? event_emit_at(p, TIME_NONE, "Not a time") : event_emit(p);
	p->event.kind = KIND_FILE_METADATA;
	event_messagef(p, "%s, which Windows Defender has in quarantine", path);
	if (status >= 0 && created != TIME_NONE)
		status = event_emit_at(p, created, "Creation Time");
	if (status >= 0 && written != TIME_NONE)
		status = event_emit_at(p, written, "Content Modification Time");
	if (status >= 0 && accessed != TIME_NONE)
		status = event_emit_at(p, accessed, "Last Access Time");
	return status;
}

static int entry(struct parse *p, struct view v, uint32_t one, uint32_t two)
{
	uint32_t left = (uint32_t)(v.len - HEAD - one), count;
	struct view first = section(p, v, HEAD, one),
		    second = section(p, v, HEAD + one, two < left ? two : left);
	int status = OK;

	count = view_get32(second, 0);
	if (two > left && (status = parse_lost(p, v.len, "the entry is cut")) < 0)
		return status;

	if (!first.data || !second.data)
		return parse_fail(p, ERR_LIMIT, HEAD, "sections of %u and %u bytes", one, two);
	if (count == 0)
		return parse_lost(p, HEAD + one, "an entry without a resource");
	for (uint32_t i = 0; i < count && status >= 0; i++) {
		uint32_t at;

		if (!view_u32le(second, 4 + 4 * (size_t)i, &at) || at >= second.len)
			return parse_lost(p, HEAD + one, "resource %u of %u is not there", i + 1,
					  count);
		status = resource(p, first, second, at);
	}
	return status;
}

/* ---- the file ---- */

enum { STREAM_DATA = 1, STREAM_ALTERNATE = 4 };

/* WIN32_STREAM_ID: id, attributes, size (64 bits), size of the name; the name; the content. */
static bool stream_head(const uint8_t head[20], uint64_t left, uint32_t *id, uint64_t *size,
			uint32_t *name)
{
	struct view v = view_of(head, 20);

	*id = view_get32(v, 0);
	*size = view_get64(v, 8);
	*name = view_get32(v, 16);
	return *id >= 1 && *id <= 11 && *name <= 1024 && *name <= left && *size <= left - *name;
}

static int file(struct parse *p, struct view v)
{
	struct rc4 r;
	struct sha256 hash;
	uint8_t block[4096], head[20], digest[SHA256_SIZE];
	char hex[2 * SHA256_SIZE + 1] = "";
	const char *mark = NULL, *name = strrchr(p->path, '/');
	uint64_t size = 0, content = 0;
	size_t at = 0;
	int status = OK;

	rc4_begin(&r);
	while (view_has(v, at, 20)) {
		uint32_t id, name_size;
		struct buffer text = {0};

		rc4(&r, v.data + at, head, 20);
		at += 20;
		if (!stream_head(head, v.len - at, &id, &size, &name_size)) {
			if (id < 1 || id > 11)
				return at > 20 ? parse_lost(p, at - 20, "no stream")
					       : parse_fail(p, ERR_FORMAT, 0,
							    "no file of the quarantine");
			content = id == STREAM_DATA ? size : content;
			status = parse_lost(p, at - 20, "a stream of %llu bytes is cut",
					    (unsigned long long)size);
			break;
		}
		if (id == STREAM_DATA)
			sha256_init(&hash);
		for (uint64_t left = name_size + size, done = 0; left;) {
			size_t n = left < sizeof(block) ? (size_t)left : sizeof(block);

			if (done < name_size && n > name_size - done)
				n = (size_t)(name_size - done);
			rc4(&r, v.data + at, block, n);
			if (done >= name_size && id == STREAM_DATA)
				sha256_update(&hash, block, n);
			if (done >= name_size && id == STREAM_ALTERNATE && text.len < 4096)
				buffer_append(&text, block, n);
			at += n;
			done += n;
			left -= n;
		}
		if (id == STREAM_DATA) {
			content = size;
			sha256_final(&hash, digest);
			sha256_hex(digest, hex);
		}
		/* The mark of the web: text. */
		if (text.len && view_find(buffer_as_view(&text), 0, "ZoneId", 6) < text.len)
			mark = parse_text(&p->arena, buffer_as_view(&text));
		buffer_release(&text);
	}
	if (status < 0)
		return status;
	event_start(p, KIND_MALWARE_FOUND, p->mtime,
		    p->mtime == TIME_NONE ? "Not a time" : "Content Modification Time", 0);
	event_add(p, "Product", value_text("Windows Defender"));
	event_add(p, "ResourceId", value_text(name ? name + 1 : p->path));
	event_add(p, "FileSize", value_unsigned(content));
	if (*hex)
		event_addf(p, "Hashes", "SHA256=%s", hex);
	if (mark)
		event_add(p, "ZoneIdentifier", value_text(mark));
	event_add(p, "Action", value_text("quarantine"));
	event_messagef(p, "Windows Defender has a file of %llu bytes in quarantine%s%s",
		       (unsigned long long)content, *hex ? ", SHA-256 " : "", hex);
	return event_emit(p);
}

static int probe(const struct probe *p)
{
	uint32_t first, second, id, name;
	uint64_t size;
	uint8_t head[20];
	struct rc4 r;

	/* Encrypted bytes say nothing to whoever does not know where they are from. */
	if (!view_glob(view_text(p->path), "*quarantine/entries/{*") &&
	    !view_glob(view_text(p->path), "*quarantine/resourcedata/*"))
		return BID_NO;
	if (p->name[0] == '{')
		return head_of(p->head, p->size, &first, &second) ? BID_MAGIC : BID_NAME;
	if (!view_has(p->head, 0, 20))
		return BID_NO;
	rc4_begin(&r);
	rc4(&r, p->head.data, head, 20);
	return stream_head(head, p->size - 20, &id, &size, &name) ? BID_MAGIC : BID_NAME;
}

static int parse(struct parse *p, struct view v)
{
	uint32_t first, second;

	if (view_has(v, 0, HEAD) && head_of(v, v.len, &first, &second))
		return entry(p, v, first, second);
	if (view_glob(view_text(p->path), "*entries/*"))
		return parse_fail(p, ERR_FORMAT, 0, "no entry of the quarantine");
	return file(p, v);
}

const struct parser parser_defender_quarantine = {
	.name = "defender_quarantine",
	.title = "Windows Defender's quarantine",
	.version = 1,
	.probe = probe,
	.parse = parse,
};
