/*
 * Safari's Cookies.binarycookies: "cook", a big-endian list of page sizes, pages of little-endian
 * records whose times are seconds since 2001. Facts: libyal's documentation "Safari cookies
 * (binarycookies) format".
 */
#include "parsers/cookie.h"

#include <math.h>

#define MAX_COOKIES 1000000

static int probe(const struct probe *p)
{
	return view_starts(p->head, "cook", 4) && p->size > 8 ? BID_MAGIC : BID_NO;
}

static struct view string(struct view r, size_t at)
{
	struct view v = view_from(r, view_get32(r, at));
	const void *end = v.len ? memchr(v.data, 0, v.len) : NULL;

	return !view_get32(r, at) ? VIEW_EMPTY
	       : end		  ? view_clip(v, 0, (size_t)((const uint8_t *)end - v.data))
				  : v;
}

static int64_t cocoa(struct view r, size_t at)
{
	uint64_t raw = view_get64(r, at);
	double d;

	memcpy(&d, &raw, sizeof(d));
	return isfinite(d) && d != 0 ? time_from_cocoa(d) : TIME_NONE;
}

static int cookie(struct parse *p, struct view r, uint64_t offset)
{
	struct view host = string(r, 16), name = string(r, 20), path = string(r, 24),
		    value = string(r, 28);
	int64_t expires = cocoa(r, 40), created = cocoa(r, 48);
	uint32_t flags = view_get32(r, 8);
	int status = OK;

	event_start(p, KIND_OTHER, TIME_NONE, "Not a time", offset);
	event_add(p, "Browser", value_text("Safari"));
	event_add(p, "Host", value_view(host));
	event_add(p, "CookieName", value_view(name));
	event_add(p, "CookieValue", value_view(value));
	event_add(p, "Path", value_view(path));
	event_add(p, "Secure", value_bool(flags & 1));
	event_add(p, "HttpOnly", value_bool(flags & 4));
	event_messagef(p, "Cookie %s of %s", parse_text(&p->scratch, name),
		       parse_text(&p->scratch, host));
	if (created == TIME_NONE && expires == TIME_NONE)
		return event_emit(p);
	if (created != TIME_NONE)
		status = event_emit_at(p, created, "Creation Time");
	if (status >= 0 && expires != TIME_NONE)
		status = event_emit_at(p, expires, "Expiration Time");
	return status < 0 ? status : cookie_times(p, name, value);
}

static int parse(struct parse *p, struct view v)
{
	uint32_t pages = 0, size, count, left = MAX_COOKIES;
	size_t at;
	int status = OK;

	(void)view_u32be(v, 4, &pages);
	if (pages > v.len / 4)
		return parse_fail(p, ERR_FORMAT, 4, "%u pages", pages);
	at = 8 + (size_t)pages * 4;
	for (uint32_t i = 0; i < pages && status >= 0; i++) {
		struct view page;

		if (!view_u32be(v, 8 + (size_t)i * 4, &size) || size < 12 ||
		    !view_has(v, at, size)) {
			status = parse_lost(p, at, "page %u of %u does not fit", i + 1, pages);
			break;
		}
		page = view_sub(v, at, size);
		count = view_get32(page, 4);
		if (count > page.len / 4)
			status = parse_lost(p, at, "a page of %u cookies", count), count = 0;
		for (uint32_t k = 0; k < count && status >= 0 && left; k++, left--) {
			uint32_t where = view_get32(page, 8 + (size_t)k * 4),
				 length = view_get32(page, where);
			struct view r = view_sub(page, where, length);

			status = length >= 56 && r.data
					 ? cookie(p, r, at + where)
					 : parse_lost(p, at + where,
						      "cookie %u of page %u does not fit", k + 1,
						      i + 1);
		}
		at += size;
	}
	return status;
}

const struct parser parser_binary_cookies = {
	.name = "binary_cookies",
	.title = "Safari cookies (Cookies.binarycookies)",
	.version = 1,
	.probe = probe,
	.parse = parse,
};
