/*
 * $LogFile: the journal of NTFS' own structures. What it says of names: file records that were
 * initialised, index entries that were entered or removed. A record has no time of its own; the
 * names carry theirs, and the LSN orders. Layout: "NTFS Documentation" of the Linux-NTFS project
 * ($LogFile); Jeonghyeon Oh et al., "NTFS data tracker".
 */
#include "parsers/ntfs_file.h"

#include "base/text.h"

#include <stdlib.h>

#define PAGE	    4096u
#define PAGE_HEAD   64u
#define RECORD_HEAD 48u
#define RECORD_MAX  (256u << 10)

enum {
	OP_INIT_RECORD = 0x02,
	OP_FREE_RECORD = 0x03,
	OP_ADD_ROOT = 0x0c,
	OP_DELETE_ROOT = 0x0d,
	OP_ADD_ALLOCATION = 0x0e,
	OP_DELETE_ALLOCATION = 0x0f
};

struct ntfs_log {
	struct parse *p;
	struct view bytes;
	uint8_t page[PAGE]; /* fixed-up copy of the page at hand */
	size_t page_at;	    /* SIZE_MAX: none */
	uint8_t *record;    /* a record put together */
	struct buffer name;
	/* The last entry that left an index: an entry of the same file in the same transaction is a
	 * rename. */
	uint32_t gone_transaction;
	uint64_t gone_file;
	uint8_t gone_name[512];
	size_t gone_len;
};

static bool page_load(struct ntfs_log *l, size_t at)
{
	if (l->page_at == at)
		return true;
	if (!view_has(l->bytes, at, PAGE) || !view_starts(view_from(l->bytes, at), "RCRD", 4))
		return false;
	memcpy(l->page, l->bytes.data + at, PAGE);
	(void)ntfs_fixup(l->page, PAGE);
	l->page_at = at;
	return true;
}

static int name_event(struct ntfs_log *l, enum event_kind kind, const char *verb, uint64_t offset,
		      uint64_t lsn, uint64_t file, uint32_t transaction, const struct ntfs_name *n)
{
	struct parse *p = l->p;
	bool renamed = kind == KIND_FILE_CREATE && l->gone_len && l->gone_file == file &&
		       l->gone_transaction == transaction;
	int64_t ts = time_from_filetime(n->times[TIME_CHANGED]);
	unsigned what = renamed ? KIND_FILE_RENAME : kind;

	l->name.len = 0;
	text_utf16(&l->name, n->name);
	event_start(p, what, ts, ts == TIME_NONE ? "Not a time" : "Metadata Modification Time",
		    offset);
	p->event.record = lsn;
	event_add(p, "TargetFilename", value_view(buffer_as_view(&l->name)));
	if (renamed)
		event_add(p, "SourceFilename", value_utf16(view_of(l->gone_name, l->gone_len)));
	if (file)
		event_addf(p, "FileReference", "%llu-%u", (unsigned long long)NTFS_REF(file),
			   NTFS_SEQUENCE(file));
	event_addf(p, "ParentReference", "%llu-%u", (unsigned long long)NTFS_REF(n->parent),
		   NTFS_SEQUENCE(n->parent));
	event_add(p, "Operation", value_text(verb));
	event_add(p, "FileSize", value_unsigned(n->size));
	event_add(p, "FileAttributes", value_hex(n->flags));
	event_add(p, "CreationTime", value_time(time_from_filetime(n->times[TIME_CREATED])));
	event_add(p, "ModificationTime", value_time(time_from_filetime(n->times[TIME_MODIFIED])));
	event_add(p, "Lsn", value_unsigned(lsn));
	event_add(p, "Transaction", value_hex(transaction));
	event_messagef(p, "%s: %.*s",
		       renamed			  ? "Renamed"
		       : kind == KIND_FILE_DELETE ? "Name removed"
						  : "Name entered",
		       (int)l->name.len, l->name.data);
	if (kind == KIND_FILE_DELETE && n->name.len <= sizeof(l->gone_name)) {
		l->gone_file = file;
		l->gone_transaction = transaction;
		l->gone_len = n->name.len;
		memcpy(l->gone_name, n->name.data, n->name.len);
	} else if (renamed) {
		l->gone_len = 0;
	}
	return event_emit(p);
}

/* An index entry: reference, length, length of content, flags, $FILE_NAME. */
static int index_entry(struct ntfs_log *l, struct view e, bool added, uint64_t offset, uint64_t lsn,
		       uint32_t transaction)
{
	struct ntfs_name n;

	/* DOS names come beside the long ones. */
	if (!ntfs_name_read(view_from(e, 16), &n) || n.space == 2 ||
	    time_from_filetime(n.times[0]) == TIME_NONE)
		return OK;
	return name_event(l, added ? KIND_FILE_CREATE : KIND_FILE_DELETE,
			  added ? "index entry added" : "index entry deleted", offset, lsn,
			  view_get64(e, 0), transaction, &n);
}

/* A file record as it was first written: its names. */
static int file_record(struct ntfs_log *l, struct view r, uint64_t offset, uint64_t lsn,
		       uint32_t transaction)
{
	size_t off = view_get16(r, 20);
	uint32_t type, len;
	int status = OK;

	if (!view_starts(r, "FILE", 4))
		return OK;
	while (status >= 0 && view_u32le(r, off, &type) && type != UINT32_MAX &&
	       view_u32le(r, off + 4, &len) && len >= 24 && len <= r.len - off) {
		struct view a = view_sub(r, off, len),
			    content = view_sub(a, view_get16(a, 20), view_get32(a, 16));
		struct ntfs_name n;

		if (type == 0x30 && ntfs_name_read(content, &n) && n.space != 2)
			status = name_event(l, KIND_FILE_CREATE, "file record initialised", offset,
					    lsn,
					    view_get32(r, 44) | (uint64_t)view_get16(r, 16) << 48,
					    transaction, &n);
		off += len;
	}
	return status;
}

static int record_events(struct ntfs_log *l, struct view r, uint64_t offset)
{
	uint64_t lsn = view_get64(r, 0);
	uint32_t transaction = view_get32(r, 36);
	struct view client = view_from(r, RECORD_HEAD);
	uint16_t redo = view_get16(client, 0), undo = view_get16(client, 2);
	struct view redo_data = view_sub(client, view_get16(client, 4), view_get16(client, 6));
	struct view undo_data = view_sub(client, view_get16(client, 8), view_get16(client, 10));

	if (view_get32(r, 32) != 1) /* a checkpoint */
		return OK;
	if (redo == OP_INIT_RECORD)
		return file_record(l, redo_data, offset, lsn, transaction);
	if (redo == OP_ADD_ROOT || redo == OP_ADD_ALLOCATION)
		return index_entry(l, redo_data, true, offset, lsn, transaction);
	if ((redo == OP_DELETE_ROOT || redo == OP_DELETE_ALLOCATION) &&
	    (undo == OP_ADD_ROOT || undo == OP_ADD_ALLOCATION))
		return index_entry(l, undo_data, false, offset, lsn, transaction);
	return OK;
}

/* Bytes of a record that may go over pages, in l->record; 0 when it does not end. */
static size_t gather(struct ntfs_log *l, size_t page, size_t off, size_t len)
{
	size_t have = 0;

	while (have < len) {
		size_t n = PAGE - off;

		if (n > len - have)
			n = len - have;
		memcpy(l->record + have, l->page + off, n);
		have += n;
		page += PAGE;
		off = PAGE_HEAD;
		if (have < len && !page_load(l, page))
			return 0;
	}
	return have;
}

static bool record_here(struct view page, size_t off, size_t *len)
{
	uint32_t client = view_get32(page, off + 24), type = view_get32(page, off + 32);
	uint64_t lsn = view_get64(page, off), previous = view_get64(page, off + 8);

	if (!view_has(page, off, RECORD_HEAD) || lsn == 0 || lsn >> 56 || previous > lsn ||
	    (type != 1 && type != 2) || client < 16 || client > RECORD_MAX - RECORD_HEAD)
		return false;
	/* The operations go up to 0x25. */
	if (type == 1 && view_has(page, off + RECORD_HEAD, 4) &&
	    (view_get16(page, off + RECORD_HEAD) > 0x25 ||
	     view_get16(page, off + RECORD_HEAD + 2) > 0x25))
		return false;
	*len = RECORD_HEAD + (client + 7u) / 8 * 8;
	return true;
}

static int parse(struct parse *p, struct view bytes)
{
	static struct ntfs_log l;
	size_t skip = 0, skip_page = SIZE_MAX;
	int status = OK;

	l = (struct ntfs_log){.p = p, .bytes = bytes, .page_at = SIZE_MAX};
	if (!view_starts(bytes, "RSTR", 4) && !view_starts(bytes, "CHKD", 4) &&
	    !view_starts(bytes, "RCRD", 4))
		return parse_fail(p, ERR_FORMAT, 0, "not a $LogFile");
	l.record = xmalloc(RECORD_MAX);
	for (size_t at = 0; at + PAGE <= bytes.len && status >= 0; at += PAGE) {
		size_t off = PAGE_HEAD, len;

		if (!page_load(&l, at))
			continue;
		/* The tail of a record that began on an earlier page. */
		if (skip_page == at)
			off = skip;
		while (off + RECORD_HEAD <= PAGE && status >= 0) {
			struct view page = view_of(l.page, PAGE);

			if (!record_here(page, off, &len)) {
				off += 8; /* the next one that looks like a record */
				continue;
			}
			if (gather(&l, at, off, len))
				status = record_events(&l, view_of(l.record, len), at + off);
			if (len > PAGE - off) {
				size_t rest = len - (PAGE - off), room = PAGE - PAGE_HEAD;

				skip_page = at + PAGE * (1 + rest / room);
				skip = PAGE_HEAD + rest % room;
				/* Pages that hold nothing but its middle are passed over. */
				at = skip_page - PAGE;
				break;
			}
			off += len;
			if (!page_load(&l, at))
				break;
		}
		parse_release(p, at);
	}
	free(l.record);
	buffer_release(&l.name);
	return status;
}

static int probe(const struct probe *p)
{
	if (!view_starts(p->head, "RSTR", 4) && !view_starts(p->head, "CHKD", 4))
		return BID_NO;
	return view_get16(p->head, 6) == 9 || view_get16(p->head, 6) == 0 ? BID_MAGIC : BID_NO;
}

const struct parser parser_ntfs_log = {
	.name = "ntfs_log",
	.title = "NTFS journal ($LogFile)",
	.version = 1,
	.probe = probe,
	.parse = parse,
};
