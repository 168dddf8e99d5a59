/*
 * OLE compound files: when their storages were made and changed, and the summary of documents
 * ([MS-CFB], [MS-OLEPS]).
 */
#include "base/text.h"
#include "parsers/jump_list.h"

#include <stdio.h>

#define MAX_PROPERTIES 128

static int probe(const struct probe *p)
{
	return view_starts(p->head, "\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", 8) ? BID_MAGIC - 10
									   : BID_NO;
}

/* Properties of the summary ([MS-OLEPS] 2.25.1) and of the document summary (2.25.2) that tell
 * something. */
struct property {
	uint32_t id;
	const char *name;
	const char *ts_desc; /* a time gives an event of its own */
};
static const struct property summary[] = {
	{2, "Title", NULL},
	{3, "Subject", NULL},
	{4, "Author", NULL},
	{5, "Keywords", NULL},
	{6, "Comments", NULL},
	{7, "Template", NULL},
	{8, "LastSavedBy", NULL},
	{9, "RevisionNumber", NULL},
	{10, "EditingTime", NULL},
	{11, NULL, "Document Last Printed Time"},
	{12, NULL, "Document Creation Time"},
	{13, NULL, "Document Last Save Time"},
	{14, "PageCount", NULL},
	{15, "WordCount", NULL},
	{16, "CharacterCount", NULL},
	{18, "Application", NULL},
	{19, "Security", NULL},
	{0, NULL, NULL},
};
static const struct property document_summary[] = {
	{2, "Category", NULL},	{3, "PresentationTarget", NULL}, {14, "Manager", NULL},
	{15, "Company", NULL},	{26, "ContentType", NULL},	 {27, "ContentStatus", NULL},
	{28, "Language", NULL}, {29, "DocumentVersion", NULL},	 {0, NULL, NULL},
};

/* The typed value at the start of the view as text, or NULL (2.15); times go to *ticks. */
static const char *typed(struct arena *a, struct view v, unsigned codepage, uint64_t *ticks)
{
	struct buffer b = {0};
	struct view s;
	const char *text;

	*ticks = 0;
	switch (view_get16(v, 0)) {
	case 2:
		return arena_printf(a, "%d", (int)(int16_t)view_get16(v, 4));
	case 3:
		return arena_printf(a, "%d", (int32_t)view_get32(v, 4));
	case 0x13:
		return arena_printf(a, "%u", view_get32(v, 4));
	case 0x1e:
		s = view_clip(v, 8, view_get32(v, 4));
		if (codepage == 1200)
			return parse_utf16z(a, s);
		while (s.len && s.data[s.len - 1] == 0)
			s.len--;
		if (codepage == 65001)
			text_utf8(&b, s);
		else
			text_cp1252(&b, s);
		text = arena_strndup(a, b.data, b.len);
		buffer_release(&b);
		return text;
	case 0x1f:
		return parse_utf16z(a, view_clip(v, 8, (size_t)view_get32(v, 4) * 2));
	case 0x40:
		*ticks = view_get64(v, 4);
		return NULL;
	}
	return NULL;
}

static int properties(struct parse *p, struct view stream, const struct property *known,
		      uint64_t offset)
{
	/* 2.21: byte order, version, system, class, number of sets, then format id and offset of
	 * each. */
	struct view set = view_from(stream, view_get32(stream, 44));
	uint32_t count = view_get32(set, 4);
	unsigned codepage = 1252;
	struct {
		int64_t ts;
		const char *desc;
	} times[MAX_PROPERTIES];
	size_t n = 0;
	int status;

	if (view_get16(stream, 0) != 0xfffe || set.len < 8)
		return parse_lost(p, offset, "a property set that cannot be read");
	if (count > MAX_PROPERTIES)
		count = MAX_PROPERTIES;
	for (uint32_t i = 0; i < count; i++)
		if (view_get32(set, 8 + (size_t)i * 8) == 1)
			codepage = view_get16(set, (size_t)view_get32(set, 12 + (size_t)i * 8) + 4);
	event_start(p, KIND_FILE_METADATA, TIME_NONE, "Not a time", offset);
	for (uint32_t i = 0; i < count; i++) {
		uint32_t id = view_get32(set, 8 + (size_t)i * 8);

		for (const struct property *k = known; k->id; k++) {
			uint64_t ticks;
			const char *text;

			if (k->id != id)
				continue;
			text = typed(&p->scratch,
				     view_from(set, view_get32(set, 12 + (size_t)i * 8)), codepage,
				     &ticks);
			if (text && *text && k->name)
				event_add(p, k->name, value_text(text));
			if (k->ts_desc && ticks && time_from_filetime(ticks) != TIME_NONE) {
				times[n].ts = time_from_filetime(ticks);
				times[n++].desc = k->ts_desc;
			}
		}
	}
	if (n == 0)
		return p->count ? event_emit(p) : OK;
	for (size_t i = 0; i < n; i++)
		if ((status = event_emit_at(p, times[i].ts, times[i].desc)) < 0)
			return status;
	return OK;
}

static int parse(struct parse *p, struct view bytes)
{
	struct ole o;
	int status = ole_open(&o, bytes, &p->arena);

	if (status < 0)
		return parse_fail(p, status, 0, "no OLE compound file");
	for (size_t i = 0; i < o.entries; i++) {
		struct ole_entry e;

		/* A jump list whose name was lost. */
		if (ole_entry(&o, i, &e) && e.type == 2 && strcmp(e.name, "DestList") == 0)
			return jump_list_automatic(p, &o);
	}
	for (size_t i = 0; i < o.entries && status >= 0; i++) {
		struct ole_entry e;
		int64_t created, modified;

		if (!ole_entry(&o, i, &e))
			continue;
		created = time_from_filetime(e.created);
		modified = time_from_filetime(e.modified);
		event_start(p, KIND_FILE_METADATA, TIME_NONE, "Not a time", e.offset);
		event_add(p, "Item", value_text(e.name));
		event_add(p, "Size", e.type == 2 ? value_unsigned(e.size) : (struct value){0});
		event_messagef(p, "%s of the compound file", e.type == 5 ? "Root" : e.name);
		if (created != TIME_NONE)
			status = event_emit_at(p, created, "Creation Time");
		if (status >= 0 && modified != TIME_NONE)
			status = event_emit_at(p, modified, "Content Modification Time");
		if (status >= 0 && strcmp(e.name, "\005SummaryInformation") == 0)
			status = properties(p, ole_stream(&o, &e), summary, e.offset);
		else if (status >= 0 && strcmp(e.name, "\005DocumentSummaryInformation") == 0)
			status = properties(p, ole_stream(&o, &e), document_summary, e.offset);
	}
	return status;
}

const struct parser parser_olecf = {
	.name = "olecf",
	.title = "OLE compound files (documents, installers): times and summary",
	.version = 1,
	.probe = probe,
	.parse = parse,
};
