/*
 * Sessions of Chromium: "Session_N", "Tabs_N" (folder Sessions), "Current Session", "Last Tabs" and so
 * on: what was open, in which tab, and when each page of a tab's history was reached.
 *
 * Format (chromium/src: components/sessions/core/command_storage_backend.cc, session_service_commands.cc,
 * tab_restore_service_impl.cc, serialized_navigation_entry.cc; base/pickle.h): "SNSS", version, then
 * commands: size (16 bits), id (8 bits), payload. The payload of a navigation is a pickle: its size, then
 * values aligned to 4 bytes; texts with their length in front, in characters for UTF-16.
 */
#include "parsers/parser.h"

static int probe(const struct probe *p)
{
	uint32_t version = view_get32(p->head, 4);

	return view_starts(p->head, "SNSS", 4) && version >= 1 && version <= 4 ? BID_MAGIC : BID_NO;
}

struct pickle {
	struct view v;
	size_t at;
	bool good;
};

static uint32_t u32(struct pickle *k)
{
	uint32_t n = 0;

	if (!view_u32le(k->v, k->at, &n))
		k->good = false;
	k->at += 4;
	return n;
}

static int64_t i64(struct pickle *k)
{
	int64_t n = 0;

	if (!view_i64le(k->v, k->at, &n))
		k->good = false;
	k->at += 8;
	return n;
}

static struct view text(struct pickle *k, unsigned unit)
{
	uint32_t n = u32(k);
	struct view v = n <= k->v.len ? view_sub(k->v, k->at, (size_t)n * unit) : VIEW_EMPTY;

	if (n && !v.data)
		k->good = false;
	k->at += (v.len + 3) & ~(size_t)3;
	return v;
}

/* Tab, place in the tab's history, URL, title, state of the page, how it was reached, ... */
static int navigation(struct parse *p, struct view payload, uint64_t offset, bool tabs)
{
	struct pickle k = {.v = payload, .at = 4, .good = true};
	uint32_t tab = u32(&k), index = u32(&k), transition, status_code = 0;
	struct view url = text(&k, 1), title = text(&k, 2), referrer, original, user;
	int64_t ts = TIME_NONE, when;
	const char *shown;

	(void)text(&k, 1); /* page state */
	transition = u32(&k);
	if (!k.good || !url.len)
		return k.good ? OK : parse_lost(p, offset, "a navigation that is cut");
	/* Older versions end early: what is not there is left out. */
	(void)u32(&k);
	referrer = text(&k, 1);
	(void)u32(&k);
	original = text(&k, 1);
	(void)u32(&k);
	when = i64(&k);
	if (k.good && when > 0)
		ts = time_from_webkit(when);
	if (!k.good)
		referrer = original = VIEW_EMPTY;
	(void)text(&k, 2); /* search terms, once */
	status_code = u32(&k);
	event_start(p, KIND_WEB_VISIT, ts, ts == TIME_NONE ? "Not a time" : "Last Visited Time",
		    offset);
	event_add(p, "Browser", value_text("Chromium"));
	event_add(p, "Url", value_view(url));
	if (title.len)
		event_add(p, "Title", value_utf16(title));
	if (referrer.len)
		event_add(p, "ReferrerUrl", value_view(referrer));
	if (original.len && !view_equal(original, url))
		event_add(p, "OriginalUrl", value_view(original));
	event_add(p, "TabId", value_unsigned(tab));
	event_add(p, "TabIndex", value_unsigned(index));
	event_add(p, "Transition", value_unsigned(transition & 0xff));
	event_add(p, "TabClosed", value_bool(tabs));
	if (k.good && status_code >= 100 && status_code < 600)
		event_add(p, "StatusCode", value_unsigned(status_code));
	user = parse_path_user(p->path);
	if (user.len)
		event_user(p, value_view(user));
	shown = parse_text(&p->scratch, view_clip(url, 0, 2000));
	event_messagef(p, tabs ? "Was open in a tab: %s" : "Open in a tab: %s", shown);
	return event_emit(p);
}

static int parse(struct parse *p, struct view v)
{
	const char *slash = strrchr(p->path, '/');
	bool tabs = view_glob(view_text(slash ? slash + 1 : p->path), "*tabs*");
	size_t at = 8;
	int status = OK;

	if (!view_starts(v, "SNSS", 4))
		return parse_fail(p, ERR_FORMAT, 0, "no session of Chromium");
	/* kEncryptedFileVersion, kEncryptedFileVersionWithMarker */
	if (view_get32(v, 4) == 2 || view_get32(v, 4) == 4)
		return parse_fail(p, ERR_UNSUPPORTED, 4, "an encrypted session");
	while (status >= 0 && at < v.len) {
		uint16_t size;

		if (!view_u16le(v, at, &size) || size == 0 || !view_has(v, at + 2, size)) {
			status = parse_lost(p, at, "a command that is cut");
			break;
		}
		/* kCommandUpdateTabNavigation: 6 in a session, 1 in the list of closed tabs. */
		if (view_get8(v, at + 2) == (tabs ? 1 : 6))
			status = navigation(p, view_sub(v, at + 3, size - 1u), at, tabs);
		at += 2 + (size_t)size;
	}
	return status;
}

const struct parser parser_chrome_session = {
	.name = "chrome_session",
	.title = "Sessions of Chromium browsers (SNSS)",
	.version = 1,
	.probe = probe,
	.parse = parse,
};
