/*
 * $I30: the index of a folder's names (the stream $INDEX_ALLOCATION). Each entry repeats a file's
 * $FILE_NAME; behind the entries in use stand former ones, which are often all that is left of a
 * deleted file's name and times. Layout: "NTFS Documentation" of the Linux-NTFS project, concept
 * "Index Record".
 */
#include "parsers/ntfs_file.h"

#include "base/text.h"

#define RECORD 4096u

struct index {
	struct parse *p;
	struct buffer name;
};

static bool plausible(const struct ntfs_name *n)
{
	for (unsigned i = 0; i < 4; i++) /* 1980 to 2100 */
		if (n->times[i] < UINT64_C(0x01a8e79fe1d58000) ||
		    n->times[i] > UINT64_C(0x022f716377640000))
			return false;
	return NTFS_SEQUENCE(n->parent) && NTFS_REF(n->parent) < (UINT64_C(1) << 40) &&
	       n->size <= n->allocated + (UINT64_C(1) << 44) && n->size >> 48 == 0;
}

static int entry(struct index *x, uint64_t offset, uint64_t reference, const struct ntfs_name *n,
		 bool slack)
{
	static const char *const letters[16] = {"....", "...B", "M...", "M..B", "..C.", "..CB",
						"M.C.", "M.CB", ".A..", ".A.B", "MA..", "MA.B",
						".AC.", ".ACB", "MAC.", "MACB"};
	struct parse *p = x->p;
	unsigned done = 0;
	size_t fields;
	int status = OK;

	x->name.len = 0;
	text_utf16(&x->name, n->name);
	event_start(p, KIND_FILE_METADATA, TIME_NONE, "Not a time", offset);
	if (slack)
		p->event.flags = EVENT_RECOVERED;
	event_add(p, "TargetFilename", value_view(buffer_as_view(&x->name)));
	if (reference)
		event_addf(p, "FileReference", "%llu-%u", (unsigned long long)NTFS_REF(reference),
			   NTFS_SEQUENCE(reference));
	event_addf(p, "ParentReference", "%llu-%u", (unsigned long long)NTFS_REF(n->parent),
		   NTFS_SEQUENCE(n->parent));
	event_add(p, "FileAttributes", value_hex(n->flags));
	if (n->flags & 0x10000000)
		event_add(p, "Directory", value_bool(true));
	event_add(p, "FileSize", value_unsigned(n->size));
	if (slack)
		event_add(p, "Slack", value_bool(true));
	event_messagef(p, "%s%.*s", slack ? "[index slack] " : "", (int)x->name.len, x->name.data);
	fields = p->count;
	for (unsigned i = 0; i < 4 && status >= 0; i++) {
		unsigned same = 0;

		if (done >> i & 1 || time_from_filetime(n->times[i]) == TIME_NONE)
			continue;
		for (unsigned j = i; j < 4; j++)
			if (n->times[j] == n->times[i])
				same |= 1u << j;
		done |= same;
		p->count = fields;
		event_add(p, "FnMacb", value_text(letters[same]));
		status = event_emit_at(p, time_from_filetime(n->times[i]), ntfs_time_descs[i]);
	}
	return done || status < 0 ? status : event_emit(p);
}

static int record(struct index *x, size_t at, const uint8_t *raw)
{
	uint8_t copy[RECORD];
	struct view v = view_of(copy, RECORD);
	size_t off, used, end;
	uint16_t len;
	int status = OK;

	memcpy(copy, raw, RECORD);
	if (!ntfs_fixup(copy, RECORD) &&
	    (status = parse_lost(x->p, at, "an index record was not written whole")) < 0)
		return status;
	off = 24 + (size_t)view_get32(v, 24);
	used = 24 + (size_t)view_get32(v, 28);
	end = 24 + (size_t)view_get32(v, 32);
	if (used > RECORD)
		used = RECORD;
	if (end > RECORD || end < used)
		end = RECORD;
	for (; off + 16 <= used && view_u16le(v, off + 8, &len) && status >= 0; off += len) {
		struct ntfs_name n;

		if (view_get32(v, off + 12) & 2) { /* the last one has no name */
			off += len >= 16 ? len : 16;
			break;
		}
		if (len < 16 || len > used - off)
			return parse_lost(x->p, at + off, "an index entry's size does not fit");
		if (ntfs_name_read(view_sub(v, off + 16, view_get16(v, off + 10)), &n) &&
		    n.space != 2)
			status = entry(x, at + off, view_get64(v, off), &n, false);
	}
	/* Former entries: the head of one may be overwritten, its name is told by its own form. */
	off = off < used ? used : off;
	for (off = (off + 7) & ~(size_t)7; off + 66 < end && status >= 0;) {
		struct ntfs_name n;

		if (ntfs_name_read(view_sub(v, off, end - off), &n) && plausible(&n)) {
			bool head = off >= 16 && off - 16 >= used &&
				    view_get16(v, off - 6) >= 66 + n.name.len &&
				    view_get16(v, off - 6) < 1024;

			if (n.space != 2)
				status = entry(x, at + off, head ? view_get64(v, off - 16) : 0, &n,
					       true);
			off += (66 + n.name.len + 7) & ~(size_t)7;
		} else {
			off += 8;
		}
	}
	return status;
}

static int parse(struct parse *p, struct view bytes)
{
	struct index x = {.p = p};
	int status = OK;
	size_t at;

	for (at = 0; at + RECORD <= bytes.len && status >= 0; at += RECORD) {
		if (view_starts(view_from(bytes, at), "INDX", 4)) {
			status = record(&x, at, bytes.data + at);
		} else {
			bool zero = true;

			for (size_t i = 0; i < RECORD && zero; i++)
				zero = bytes.data[at + i] == 0;
			if (!zero)
				status = parse_lost(p, at, "no index record");
		}
		parse_release(p, at);
	}
	if (status >= 0 && at < bytes.len)
		status = parse_lost(p, at, "the last index record is cut");
	buffer_release(&x.name);
	return status;
}

static int probe(const struct probe *p)
{
	uint32_t first = view_get32(p->head, 24);

	/* Other indexes ($SII, $O, ...) have the same records with other entries. */
	if (!view_starts(p->head, "INDX", 4) || view_get16(p->head, 6) != 9 || first > RECORD)
		return BID_NO;
	return view_glob(view_text(p->name), "*$i30*") ? BID_EXACT
	       : view_get16(p->head, 24 + first + 10) >= 66 ||
			       view_get32(p->head, 24 + first + 12) & 2
		       ? BID_MAGIC
		       : BID_NO;
}

const struct parser parser_i30 = {
	.name = "i30",
	.title = "NTFS folder index ($I30)",
	.version = 1,
	.probe = probe,
	.parse = parse,
};
