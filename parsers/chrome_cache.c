/*
 * Disk caches of Chromium. The block file cache (Windows: Cache_Data\data_1, net/disk_cache/blockfile/
 * disk_format.h): the entries of 256 bytes, each with its URL and when it was made; long URLs and the
 * content are in other files. The simple cache (Linux, macOS, Android: HASH_0, net/disk_cache/simple/
 * simple_entry_format.h): a file an entry, with the response's head and times.
 */
#include "parsers/parser.h"

#define BLOCK_MAGIC  0xc104cac3u
#define SIMPLE_MAGIC UINT64_C(0xfcfb6d1ba7725c30)
#define EOF_MAGIC    UINT64_C(0xf4fa6f45970d41d8)
#define BLOCK_HEAD   8192u
#define ENTRY	     256u
#define KEY_INLINE   (ENTRY - 96u)

static int probe(const struct probe *p)
{
	/* Of the block files, the one with entries has blocks of 256 bytes. */
	if (view_get32(p->head, 0) == BLOCK_MAGIC)
		return view_get32(p->head, 12) == ENTRY ? BID_MAGIC : BID_NO;
	return view_get64(p->head, 0) == SIMPLE_MAGIC ? BID_MAGIC : BID_NO;
}

/* "1/0/_dk_https://site https://site https://url": what stands in front says whose cache it is. */
static struct view url_of(struct view key)
{
	size_t at = key.len;

	for (size_t i = 0; i + 1 < key.len; i++)
		if (key.data[i] == ' ')
			at = i + 1;
	if (at < key.len)
		return view_from(key, at);
	for (at = 0; at < key.len && at < 6; at++)
		if (key.data[at] == '/' && at + 1 < key.len && key.data[at + 1] >= 'a')
			return view_from(key, at + 1);
	return key;
}

static void begin(struct parse *p, struct view key, uint64_t offset)
{
	struct view user = parse_path_user(p->path), url = url_of(key);

	event_start(p, KIND_WEB_VISIT, TIME_NONE, "Not a time", offset);
	event_add(p, "Browser", value_text("Chromium"));
	event_add(p, "Url", value_view(url));
	if (url.len < key.len)
		event_add(p, "CacheKey", value_view(key));
	if (user.len)
		event_user(p, value_view(user));
	event_messagef(p, "Cached %s", parse_text(&p->scratch, view_clip(url, 0, 2000)));
}

/* ---- block files ---- */

static int blocks(struct parse *p, struct view v)
{
	uint32_t most = view_get32(v, 20); /* max_entries */
	int status = OK;

	for (uint32_t i = 0; i < most && status >= 0; i++) {
		struct view e = view_sub(v, BLOCK_HEAD + (size_t)i * ENTRY, ENTRY), key;
		uint32_t length, size[4];
		int64_t made;
		uint8_t used;

		if (!e.data)
			break;
		/* allocation_map: a bit a block. Those not in use may still be whole. */
		used = view_get8(v, 80 + i / 8) >> (i % 8) & 1;
		length = view_get32(e, 32);
		made = time_from_webkit((int64_t)view_get64(e, 24));
		if (!length || length > 65536 || made == TIME_NONE || view_get32(e, 20) > 2)
			continue;
		/* One of up to four blocks goes on in the next; a longer one stands elsewhere. */
		key = view_get32(e, 36)
			      ? view_text("?")
			      : view_clip(view_from(v, BLOCK_HEAD + (size_t)i * ENTRY + 96), 0,
					  length < KEY_INLINE + 3 * ENTRY ? length : 0);
		if (!key.len || memchr(key.data, 0, key.len) ||
		    (!view_get32(e, 36) && !memchr(key.data, ':', key.len)))
			continue;
		for (unsigned k = 0; k < 4; k++)
			size[k] = view_get32(e, 40 + 4 * k);
		begin(p, key, BLOCK_HEAD + (uint64_t)i * ENTRY);
		p->event.flags |= used ? 0 : EVENT_RECOVERED;
		event_add(p, "FileSize", value_unsigned(size[1]));
		event_add(p, "FetchCount", value_unsigned(view_get32(e, 12)));
		if (view_get32(e, 36))
			event_add(p, "UrlLength", value_unsigned(length));
		status = event_emit_at(p, made, "Creation Time");
	}
	return status;
}

/* ---- the simple cache ---- */

static struct view line_of(struct view headers, size_t *at)
{
	size_t end = view_find(headers, *at, "", 1);
	struct view line = view_clip(view_from(headers, *at), 0, end - *at);

	*at = end + 1;
	return line;
}

/* HttpResponseInfo as a pickle (net/http/http_response_info.cc): size, flags, times of request and
 * response, then the head's lines, each with a NUL behind it. */
static int response(struct parse *p, struct view v)
{
	int64_t asked = TIME_NONE, answered = TIME_NONE;
	struct view headers;
	uint32_t size;
	bool first = true;
	size_t at = 0;
	int status = OK;

	/* Flags with their highest bit set have more of them behind. */
	at = view_get32(v, 4) >> 31 ? 12 : 8;
	if (view_has(v, at, 16)) {
		asked = time_from_webkit((int64_t)view_get64(v, at));
		answered = time_from_webkit((int64_t)view_get64(v, at + 8));
	}
	/* A third time may stand before the head. */
	at = view_find(view_clip(v, 0, 96), at + 16, "HTTP/", 5);
	headers = at >= 4 && view_u32le(v, at - 4, &size) ? view_clip(view_from(v, at), 0, size)
							  : VIEW_EMPTY;
	at = 0;
	while (at < headers.len) {
		struct view line = line_of(headers, &at);

		if (!line.len)
			break;
		if (first && view_starts(line, "HTTP/", 5))
			event_add(p, "StatusLine", value_view(line));
		if (view_glob(line, "content-type:*"))
			event_add(p, "MimeType", value_view(view_trim(view_from(line, 13))));
		if (view_glob(line, "server:*"))
			event_add(p, "Server", value_view(view_trim(view_from(line, 7))));
		first = false;
	}
	if (asked != TIME_NONE)
		status = event_emit_at(p, asked, "Request Time");
	if (status >= 0 && answered != TIME_NONE)
		status = event_emit_at(p, answered, "Response Time");
	return asked == TIME_NONE && answered == TIME_NONE ? event_emit(p) : status;
}

static int simple(struct parse *p, struct view v)
{
	uint32_t length = view_get32(v, 12), size = 0, flags = 0;
	struct view key = view_clip(view_from(v, 24), 0, length), stream = VIEW_EMPTY;
	size_t end = v.len;

	if (length == 0 || key.len < length)
		return parse_fail(p, ERR_TRUNCATED, v.len, "the key has %u bytes", length);
	/*
	 * At the end: stream 0, its SHA-256 of the key (flag 2), and a record of 24 bytes: magic,
	 * flags, sum, size.
	 */
	if (end >= 24 && view_get64(v, end - 24) == EOF_MAGIC) {
		flags = view_get32(v, end - 16);
		size = view_get32(v, end - 8);
		end -= 24 + (flags & 2 ? 32 : 0);
		if (size <= end)
			stream = view_sub(v, end - size, size);
	}
	begin(p, key, 0);
	return response(p, stream);
}

static int parse(struct parse *p, struct view v)
{
	return view_get64(v, 0) == SIMPLE_MAGIC ? simple(p, v) : blocks(p, v);
}

const struct parser parser_chrome_cache = {
	.name = "chrome_cache",
	.title = "Disk caches of Chromium browsers",
	.version = 1,
	.probe = probe,
	.parse = parse,
};
