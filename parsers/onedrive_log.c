/*
 * OneDrive logs (.odl, .odlgz, .odlsent, .aodl): a header of 256 bytes ("EBFGONED"), then,
 * compressed with gzip or not, blocks of a 56-byte header and the entry: source file, code,
 * function, and parameters. Not documented by its maker; what the fields are follows from the
 * files. Names of files are often obfuscated by words: they stay as they are.
 */
#include "base/text.h"
#include "parsers/inflate.h"
#include "parsers/parser.h"

#define MAX_TEXT (96u << 20) /* decompressed */
#define BLOCK	 56

static int probe(const struct probe *p)
{
	return view_starts(p->head, "EBFGONED", 8) ? BID_MAGIC : BID_NO;
}

static struct view counted(struct view v, size_t *at)
{
	uint32_t n;
	struct view s;

	if (!view_u32le(v, *at, &n) || !view_has(v, *at + 4, n))
		return VIEW_EMPTY;
	s = view_sub(v, *at + 4, n);
	*at += 4 + (size_t)n;
	return s;
}

/* Printable runs of the parameters, as a person would look for them. */
static const char *words(struct parse *p, struct view v)
{
	struct buffer b = {0};
	const char *out;

	for (size_t i = 0; i < v.len;) {
		size_t n = 0;

		while (i + n < v.len && v.data[i + n] >= 0x20 && v.data[i + n] < 0x7f)
			n++;
		if (n >= 4) {
			if (b.len)
				buffer_string(&b, " ");
			buffer_append(&b, v.data + i, n);
		}
		i += n ? n : 1;
	}
	out = arena_strndup(&p->scratch, b.data, b.len);
	buffer_release(&b);
	return out ? out : "";
}

static int parse(struct parse *p, struct view bytes)
{
	struct view user = parse_path_user(p->path), v = view_from(bytes, 256);
	struct buffer own = {0};
	int status = OK, made = OK;
	size_t at = 0;

	if (view_starts(v, "\x1f\x8b", 2)) {
		made = inflate_gzip(v, MAX_TEXT, &own);
		v = buffer_as_view(&own);
	}
	while (status >= 0 && view_has(v, at, BLOCK)) {
		struct view head = view_sub(v, at, BLOCK), data;
		size_t in = 0, end;
		bool whole;
		struct view file, function;
		uint32_t code;
		const char *rest;

		if (!view_starts(head, "\xcc\xdd\xee\xff", 4)) {
			size_t next = view_find(v, at + 1, "\xcc\xdd\xee\xff", 4);

			status = parse_lost(p, at, "no block for %zu bytes", next - at);
			at = next;
			continue;
		}
		data = view_clip(v, at + BLOCK, view_get32(head, 48));
		end = at + BLOCK + data.len;
		/* A size that does not lead to the next block is wrong: the entry ends where the
		 * next block begins. */
		whole = data.len == view_get32(head, 48) &&
			(end == v.len || view_starts(view_from(v, end), "\xcc\xdd\xee\xff", 4));
		if (!whole) {
			end = view_find(v, at + 4, "\xcc\xdd\xee\xff", 4);
			data = view_clip(data, 0, end > at + BLOCK ? end - at - BLOCK : 0);
		}
		file = counted(data, &in);
		code = view_get32(data, in);
		in += 4;
		function = counted(data, &in);
		event_start(p, KIND_OTHER,
			    time_from_unix_scaled((int64_t)view_get64(head, 8), 1000),
			    "Recorded Time", at);
		if (p->event.ts == TIME_NONE)
			p->event.ts_desc = "Not a time";
		if (!whole)
			p->event.flags |= EVENT_CUT;
		if (user.len)
			event_user(p, value_view(user));
		event_add(p, "Product", value_text("OneDrive"));
		event_add(p, "SourceCode", value_view(file));
		event_add(p, "Code", value_unsigned(code));
		event_add(p, "Function", value_view(function));
		rest = words(p, view_from(data, in));
		if (*rest)
			event_add(p, "Parameters", value_text(rest));
		event_messagef(p, "OneDrive: %s%s%s", parse_text(&p->scratch, function),
			       *rest ? ": " : "", rest);
		status = event_emit(p);
		if (status >= 0 && !whole)
			status = parse_lost(p, at,
					    "a block of %u bytes that the next one does not follow",
					    view_get32(head, 48));
		at = end;
	}
	if (status >= 0 && made != OK)
		status = parse_lost(p, 256, "decompression ended after %zu bytes: %s", own.len,
				    status_text(made));
	buffer_release(&own);
	return status;
}

const struct parser parser_onedrive_log = {
	.name = "onedrive_log",
	.title = "OneDrive logs (ODL)",
	.version = 1,
	.probe = probe,
	.parse = parse,
};
