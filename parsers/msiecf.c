/*
 * Internet Explorer 5 to 9: index.dat of the cache, history and cookies. Facts: libyal's
 * documentation "MSIE Cache File (index.dat) format", version 5.2. Records are found by their
 * signatures at blocks of 128 bytes, so that those whose block is no longer allocated are told too
 * (recovered).
 */
#include "base/text.h"
#include "parsers/parser.h"

#define BLOCK	    128
#define BITMAP	    0x250
#define BITMAP_SIZE 0x3db0
#define FIRST	    0x4000

static int probe(const struct probe *p)
{
	return view_starts(p->head, "Client UrlCache MMF Ver ", 24) ? BID_MAGIC : BID_NO;
}

static bool allocated(struct view v, size_t at)
{
	size_t block = (at - FIRST) / BLOCK;

	return block / 8 < BITMAP_SIZE && view_get8(v, BITMAP + block / 8) >> (block % 8) & 1;
}

static struct view until_zero(struct view v)
{
	const void *end = v.len ? memchr(v.data, 0, v.len) : NULL;

	return end ? view_clip(v, 0, (size_t)((const uint8_t *)end - v.data)) : v;
}

static const char *text(struct parse *p, struct view v)
{
	struct buffer b = {0};
	const char *out;

	if (text_is_utf8(v))
		return parse_text(&p->scratch, v);
	text_cp1252(&b, v);
	out = arena_strndup(&p->scratch, b.data, b.len);
	buffer_release(&b);
	return out ? out : "";
}

static int64_t fat(struct view r, size_t at)
{
	uint32_t x = view_get32(r, at);

	return x == 0 || x == UINT32_MAX ? TIME_NONE
					 : time_from_dos(view_get16(r, at), view_get16(r, at + 2));
}

static int url(struct parse *p, struct view r, uint64_t offset, unsigned flags, bool leak)
{
	struct view location = until_zero(view_from(r, view_get32(r, 52))), file = VIEW_EMPTY,
		    user = VIEW_EMPTY, address = location;
	uint32_t name_at = view_get32(r, 60), data_at = view_get32(r, 68),
		 data_size = view_get32(r, 72);
	bool history = view_starts(location, "Visited: ", 9),
	     list = view_starts(location, ":20", 3), cookie = view_starts(location, "Cookie:", 7);
	const char *where;
	struct {
		int64_t ts;
		const char *desc;
	} times[4];
	bool any = false;
	int status = OK;

	if (leak)
		location = address = VIEW_EMPTY;
	if (name_at && name_at < r.len)
		file = until_zero(view_from(r, name_at));
	/* "Visited: user@URL", ":2013030420130311: user@URL", "Cookie:user@host". */
	if (history || list || cookie) {
		struct view rest =
			view_from(location, cookie ? 7 : view_find(location, 1, ": ", 2) + 2);
		size_t at = view_find(rest, 0, "@", 1);

		if (at < rest.len) {
			user = view_clip(rest, 0, at);
			address = view_from(rest, at + 1);
		}
	}
	times[0].ts = time_from_filetime(view_get64(r, 8));
	times[0].desc = history || list ? "Unknown Time" : "Content Modification Time";
	times[1].ts = time_from_filetime(view_get64(r, 16));
	times[1].desc = history || list ? "Last Visited Time" : "Last Access Time";
	times[2].ts = fat(r, 24);
	times[2].desc = "Expiration Time";
	times[3].ts = fat(r, 80);
	times[3].desc = "Synchronization Time";
	event_start(p, history || list ? KIND_WEB_VISIT : KIND_OTHER, TIME_NONE, "Not a time",
		    offset);
	p->event.flags = flags;
	where = text(p, address);
	event_add(p, "Browser", value_text("Internet Explorer"));
	event_add(p, "Url", address.len ? value_text(where) : (struct value){0});
	event_add(p, "Location", value_view(location));
	if (user.len) {
		event_add(p, "User", value_view(user));
		event_user(p, value_view(user));
	}
	if (file.len)
		event_add(p, "CacheFile", value_text(text(p, file)));
	event_add(p, "FileSize", value_unsigned(view_get32(r, 32)));
	event_add(p, "HitCount", value_unsigned(view_get32(r, 84)));
	if (!history && !list && data_size && data_at)
		event_add(p, "HttpHeaders",
			  value_text(text(
				  p, view_trim(until_zero(view_clip(r, data_at, data_size))))));
	event_messagef(p,
		       history || list ? "Visited %s"
		       : cookie	       ? "Cookie of %s"
		       : leak	       ? "Leaked cache record%s"
				       : "Cached %s",
		       where);
	for (size_t i = 0; i < 4 && status >= 0; i++) {
		if (times[i].ts == TIME_NONE)
			continue;
		any = true;
		/* FAT times are local in history files, UTC in the cache; two seconds fine. */
		p->event.flags = flags | (i >= 2 ? EVENT_SECOND_PRECISION : 0);
		status = event_emit_at(p, times[i].ts, times[i].desc);
	}
	return any ? status : event_emit(p);
}

static int parse(struct parse *p, struct view v)
{
	int status = OK;

	if (view_get8(v, 24) < '5')
		return parse_fail(
			p, ERR_UNSUPPORTED, 24, "version %c",
			view_get8(v, 24) >= ' ' && view_get8(v, 24) < 127 ? view_get8(v, 24) : '?');
	for (size_t at = FIRST; at < v.len && status >= 0;) {
		struct view r = view_from(v, at);
		uint32_t blocks = view_get32(r, 4);
		unsigned flags = allocated(v, at) ? 0 : EVENT_RECOVERED;
		bool is_url = view_starts(r, "URL ", 4), leak = view_starts(r, "LEAK", 4),
		     redirect = view_starts(r, "REDR", 4);

		if (!is_url && !leak && !redirect) {
			at += BLOCK;
			continue;
		}
		if (blocks == 0 || blocks > (r.len + BLOCK - 1) / BLOCK) {
			status = parse_lost(p, at, "a record of %u blocks", blocks);
			at += BLOCK;
			continue;
		}
		r = view_clip(r, 0, (size_t)blocks * BLOCK);
		if (redirect) {
			event_start(p, KIND_WEB_VISIT, TIME_NONE, "Not a time", at);
			p->event.flags = flags;
			event_add(p, "Browser", value_text("Internet Explorer"));
			event_add(p, "Url", value_text(text(p, until_zero(view_from(r, 16)))));
			event_messagef(p, "Redirected to %s",
				       text(p, until_zero(view_from(r, 16))));
			status = event_emit(p);
		} else {
			status = url(p, r, at, flags, leak);
		}
		/* A recovered record may be partly overwritten by a live one: its blocks are looked
		 * at too. */
		at += flags ? BLOCK : r.len > BLOCK ? (size_t)blocks * BLOCK : BLOCK;
	}
	return status;
}

const struct parser parser_msiecf = {
	.name = "msiecf",
	.title = "Internet Explorer index.dat (cache, history, cookies)",
	.version = 1,
	.probe = probe,
	.parse = parse,
};
