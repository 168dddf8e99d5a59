/*
 * Java's download cache (.idx), versions 602 to 605: where an applet came from. Facts: libyal's
 * documentation "Java Cache IDX file format". Numbers are big-endian, times milliseconds since
 * 1970.
 */
#include "parsers/textfile.h"

#define MAX_HEADERS 256

static uint16_t be16(struct view v, size_t at)
{
	uint16_t x = 0;

	(void)view_u16be(v, at, &x);
	return x;
}

static int probe(const struct probe *p)
{
	uint32_t version = 0;

	if (!view_u32be(p->head, 2, &version) || version < 602 || version > 605 ||
	    p->head.data[0] > 1 || p->head.data[1] > 1)
		return BID_NO;
	return view_glob(view_text(p->name), "*.idx") ? BID_BOTH : BID_CONTENT;
}

/* A string with its size of 16 bits before it. */
static bool string(struct view v, size_t *at, struct view *out)
{
	size_t n = be16(v, *at);

	if (!view_has(v, *at, 2) || !view_has(v, *at + 2, n))
		return false;
	*out = view_sub(v, *at + 2, n);
	*at += 2 + n;
	return true;
}

static int parse(struct parse *p, struct view v)
{
	struct view url = VIEW_EMPTY, address = VIEW_EMPTY, skip = VIEW_EMPTY, name, value,
		    user = parse_path_user(p->path);
	uint32_t version = 0, count = 0, size = 0;
	uint64_t modified = 0;
	int64_t downloaded = TIME_NONE, ts;
	size_t at;
	bool whole;
	int status;

	(void)view_u32be(v, 2, &version);
	if (version < 602 || version > 605)
		return parse_fail(p, ERR_UNSUPPORTED, 2, "version %u", version);
	(void)view_u32be(v, version == 602 ? 9 : 7, &size);
	(void)view_u64be(v, version == 602 ? 13 : 11, &modified);
	at = version == 602 ? 29 : 128;
	whole = string(v, &at, &skip) && string(v, &at, &url) && string(v, &at, &skip);
	if (whole && version != 602)
		whole = string(v, &at, &address);
	event_start(p, KIND_DOWNLOAD, TIME_NONE, "Not a time", 0);
	if (user.len)
		event_user(p, value_view(user));
	event_add(p, "Browser", value_text("Java"));
	event_add(p, "Url", value_view(url));
	if (address.len)
		event_add(p, "IpAddress", value_view(address));
	event_add(p, "FileSize", value_unsigned(size));
	if (whole && view_u32be(v, at, &count))
		at += 4;
	for (uint32_t i = 0; whole && i < count && i < MAX_HEADERS; i++) {
		whole = string(v, &at, &name) && string(v, &at, &value);
		if (!whole)
			break;
		if (view_is(name, "date") && view_index(value, ", ") < value.len &&
		    time_scan(view_from(value, view_index(value, ", ") + 2), "%d %b %Y %H:%M:%S",
			      &ts, NULL))
			downloaded = ts;
		event_add(p, "HttpHeaders",
			  value_text(arena_printf(&p->scratch, "%s: %s",
						  parse_text(&p->scratch, name),
						  parse_text(&p->scratch, value))));
	}
	event_messagef(p, "Java loaded %s", parse_text(&p->scratch, url));
	ts = time_from_unix_scaled((int64_t)modified, 1000);
	status = OK;
	if (ts != TIME_NONE)
		status = event_emit_at(p, ts, "Content Modification Time");
	if (status >= 0 && downloaded != TIME_NONE)
		status = event_emit_at(p, downloaded, "Downloaded Time");
	if (status >= 0 && ts == TIME_NONE && downloaded == TIME_NONE)
		status = event_emit(p);
	return status < 0 || whole ? status : parse_lost(p, at, "a string runs past the end");
}

const struct parser parser_java_idx = {
	.name = "java_idx",
	.title = "Java download cache (IDX)",
	.version = 1,
	.probe = probe,
	.parse = parse,
};
