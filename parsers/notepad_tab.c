/*
 * Tabs of Windows 11's Notepad: LocalState\TabState\GUID.bin, one a tab, saved to a file or not, with
 * the text as it is, and text that was deleted again while the edits are not yet folded in.
 *
 * Not documented by its maker; facts: ogmini, Notepad-State-Library; Fox-IT, dissect.target. Numbers
 * are LEB128, text is UTF-16LE.
 */
#include "parsers/parser.h"

#include "base/sha256.h"

#include <stdlib.h>

#define TEXT_MAX (1u << 20) /* UTF-16 units of a tab that are kept */
#define MOVED_MAX                                                                                  \
	(256u << 20) /* bytes that edits may move in all: hostile ones move all of it each */

struct cursor {
	struct view v;
	size_t at;
	bool good;
};

static uint64_t number(struct cursor *c)
{
	uint64_t n = 0;

	for (unsigned shift = 0; shift < 64; shift += 7) {
		uint8_t b;

		if (!view_u8(c->v, c->at, &b))
			break;
		c->at++;
		n |= (uint64_t)(b & 0x7f) << shift;
		if (!(b & 0x80))
			return n;
	}
	c->good = false;
	return 0;
}

static struct view units(struct cursor *c, uint64_t n)
{
	struct view text = n <= c->v.len / 2 ? view_sub(c->v, c->at, (size_t)n * 2) : VIEW_EMPTY;

	if (n && !text.data)
		c->good = false;
	c->at += text.len;
	return text;
}

static void skip(struct cursor *c, size_t n)
{
	if (!view_has(c->v, c->at, n))
		c->good = false;
	else
		c->at += n;
}

/* The rest: edits, each an offset, how much goes and what comes, and a checksum. */
static bool edits(struct cursor *c, struct buffer *text, struct buffer *deleted)
{
	uint64_t moved = 0;

	while (c->at < c->v.len) {
		uint64_t offset = number(c), gone = number(c), added = number(c);
		struct view more;
		size_t at, n, rest;

		if (!c->good)
			return false;
		more = units(c, added);
		skip(c, 4);
		if (!c->good || offset > text->len / 2 || text->len + more.len > TEXT_MAX * 2)
			return false;
		at = (size_t)offset * 2;
		n = gone < (text->len - at) / 2 ? (size_t)gone * 2 : text->len - at;
		if (n && deleted->len < TEXT_MAX * 2)
			buffer_append(deleted, text->data + at, n);
		rest = text->len - at - n;
		moved += rest;
		if (moved > MOVED_MAX)
			return false;
		(void)buffer_reserve(text, more.len + 1);
		memmove(text->data + at + more.len, text->data + at + n, rest);
		if (more.len)
			memcpy(text->data + at, more.data, more.len);
		text->len = at + more.len + rest;
	}
	return true;
}

static int parse(struct parse *p, struct view v)
{
	struct cursor c = {.v = v, .at = 2, .good = true};
	struct view path = VIEW_EMPTY, hash = VIEW_EMPTY, user = parse_path_user(p->path);
	struct buffer text = {0}, deleted = {0};
	int64_t ts = TIME_NONE;
	const char *shown, *name;
	uint64_t type, fixed, options;
	char hex[2 * SHA256_SIZE + 1];
	bool whole = true;
	int status = OK;

	(void)number(&c);
	type = number(&c);
	if (!view_starts(v, "NP", 2) || !c.good || type > 1)
		return type > 1 ? OK /* settings of the window */
				: parse_fail(p, ERR_FORMAT, 0, "no tab of Notepad");
	if (type == 1) {
		path = units(&c, number(&c));
		(void)number(&c);
		(void)number(&c);
		(void)number(&c);
		ts = time_from_filetime(number(&c));
		hash = view_sub(v, c.at, SHA256_SIZE);
		skip(&c, 34);
	} else {
		skip(&c, 1);
	}
	fixed = number(&c);
	(void)number(&c);
	skip(&c, 3);
	options = view_get8(v, c.at);
	skip(&c, 1);
	for (uint64_t i = 0; i < options && options < 16; i++)
		(void)number(&c);
	if (type == 0 && fixed == 0)
		skip(&c, 6);
	if (c.good && fixed) {
		struct view all = units(&c, number(&c));
		uint8_t more = view_get8(v, c.at);

		buffer_view(&text, view_clip(all, 0, TEXT_MAX * 2));
		skip(&c, 5);
		if (more == 1 && c.good)
			whole = edits(&c, &text, &deleted);
	} else if (c.good) {
		whole = edits(&c, &text, &deleted);
	}
	if (!c.good || !whole)
		status = parse_lost(p, c.at, "the tab's text goes on, and cannot be read");
	if (status < 0)
		goto out;
	event_start(p, KIND_FILE_WRITE, ts != TIME_NONE ? ts : p->mtime,
		    ts == TIME_NONE && p->mtime == TIME_NONE ? "Not a time"
							     : "Content Modification Time",
		    0);
	event_add(p, "Product", value_text("Notepad"));
	name = parse_utf16z(&p->scratch, path);
	if (path.len)
		event_add(p, "TargetFilename", value_text(name));
	event_add(p, "Saved", value_bool(type == 1));
	event_add(p, "Text", value_utf16(buffer_as_view(&text)));
	if (deleted.len)
		event_add(p, "DeletedText", value_utf16(buffer_as_view(&deleted)));
	if (hash.data) {
		sha256_hex(hash.data, hex);
		event_addf(p, "Hashes", "SHA256=%s", hex);
	}
	if (user.len)
		event_user(p, value_view(user));
	shown = parse_utf16z(&p->scratch, view_clip(buffer_as_view(&text), 0, 2000));
	if (type == 1)
		event_messagef(p, "Notepad has %s open: %s", name, shown);
	else
		event_messagef(p, "Notepad has text that was not saved: %s", shown);
	status = event_emit(p);
out:
	buffer_release(&text);
	buffer_release(&deleted);
	return status;
}

static int probe(const struct probe *p)
{
	return view_starts(p->head, "NP", 2) && view_glob(view_text(p->path), "*/tabstate/*.bin")
		       ? BID_EXACT
		       : BID_NO;
}

const struct parser parser_notepad_tab = {
	.name = "notepad_tab",
	.title = "Notepad's tabs (Windows 11)",
	.version = 1,
	.probe = probe,
	.parse = parse,
};
