/*
 * Firefox's cache: version 1 (_CACHE_001_ to _003_: big-endian records at blocks of 256, 1024 and
 * 4096 bytes behind a bitmap; netwerk/cache, nsDiskCacheEntry.h) and version 2 (a file for each
 * entry, its metadata at the end; netwerk/cache2, CacheFileMetadata.h). Times are seconds since
 * 1970.
 */
#include "parsers/parser.h"

#define BITMAP 4096
#define CHUNK  (256u << 10)

static uint32_t be32(struct view v, size_t at)
{
	uint32_t x = 0;

	(void)view_u32be(v, at, &x);
	return x;
}

static uint16_t be16(struct view v, size_t at)
{
	uint16_t x = 0;

	(void)view_u16be(v, at, &x);
	return x;
}

/* A record of version 1: 1.x, a key that ends with a zero, and sizes that agree. */
static bool record_at(struct view v, size_t at, uint32_t *key, uint32_t *info)
{
	uint32_t n = be32(v, at + 28), m = be32(v, at + 32);
	struct view text;

	if (!view_has(v, at, 36) || be16(v, at) != 1 || be16(v, at + 2) == 0 ||
	    be16(v, at + 2) > 0x40 || n < 4 || n > 8192 || m > (1u << 20))
		return false;
	text = view_sub(v, at + 36, n);
	if (!text.data || text.data[n - 1] != 0 || !memchr(text.data, ':', n))
		return false;
	*key = n;
	*info = m;
	return true;
}

/* Where the metadata of a file of version 2 begins, or 0. */
static size_t metadata_at(struct view v)
{
	uint32_t size = v.len >= 44 ? be32(v, v.len - 4) : 0;
	size_t at = (size_t)size + 4 + (size_t)((size + CHUNK - 1) / CHUNK) * 2;
	uint32_t version = be32(v, at), key = be32(v, at + 24);

	if (v.len < 44 || size > v.len - 44 || !view_has(v, at, 28) || version == 0 ||
	    version > 3 || key == 0 || key > v.len - at - 28)
		return 0;
	return at;
}

static int probe(const struct probe *p)
{
	struct view name = view_text(p->name);
	uint32_t key, info;

	if (view_glob(name, "_cache_00?_"))
		return p->head.len > BITMAP && record_at(p->head, BITMAP, &key, &info) ? BID_BOTH
										       : BID_NAME;
	if (name.len != 40)
		return BID_NO;
	for (size_t i = 0; i < 40; i++)
		if (!strchr("0123456789ABCDEF", name.data[i]))
			return BID_NO;
	if (p->size == p->head.len)
		return metadata_at(p->head) ? BID_BOTH : BID_NO;
	return BID_NAME;
}

static struct view until_zero(struct view v)
{
	const void *end = v.len ? memchr(v.data, 0, v.len) : NULL;

	return end ? view_clip(v, 0, (size_t)((const uint8_t *)end - v.data)) : v;
}

static int entry(struct parse *p, uint64_t offset, struct view key, struct view pairs,
		 uint32_t count, uint32_t fetched, uint32_t modified, uint32_t expires,
		 uint32_t size)
{
	const struct {
		uint32_t seconds;
		const char *desc;
	} times[] = {
		{fetched, "Last Visited Time"},
		{modified, "Content Modification Time"},
		{expires, "Expiration Time"},
	};
	struct view user = parse_path_user(p->path), name, url = until_zero(key);
	size_t http = view_find(url, 0, "http", 4);
	bool any = false;
	int status = OK;

	if (http < url.len)
		url = view_from(url, http);
	event_start(p, KIND_WEB_VISIT, TIME_NONE, "Not a time", offset);
	if (user.len)
		event_user(p, value_view(user));
	event_add(p, "Browser", value_text("Firefox"));
	event_add(p, "Url", value_view(url));
	event_add(p, "CacheKey", value_view(until_zero(key)));
	event_add(p, "FetchCount", value_unsigned(count));
	event_add(p, "FileSize", value_unsigned(size));
	while (pairs.len && view_token(&pairs, '\0', &name)) {
		struct view value = VIEW_EMPTY;

		if (!view_token(&pairs, '\0', &value))
			break;
		if (view_is(name, "request-method"))
			event_add(p, "Method", value_view(value));
		else if (view_is(name, "response-head"))
			event_add(p, "HttpHeaders", value_view(view_trim(value)));
	}
	event_messagef(p, "Cached %s", parse_text(&p->scratch, url));
	for (size_t i = 0; i < 3 && status >= 0; i++) {
		if (times[i].seconds == 0 || times[i].seconds == UINT32_MAX)
			continue;
		any = true;
		status = event_emit_at(p, time_from_unix(times[i].seconds), times[i].desc);
	}
	return any ? status : event_emit(p);
}

static int parse(struct parse *p, struct view v)
{
	const char *name = strrchr(p->path, '/');
	size_t at = metadata_at(v), block = 256;
	uint32_t key, info, version;
	int status = OK;

	name = name ? name + 1 : p->path;
	if (at && !view_glob(view_text(name), "_cache_00?_")) {
		/* Version 2 added the flags (4 bytes) before the key. */
		size_t text;

		version = be32(v, at);
		key = be32(v, at + 24);
		text = at + 28 + (version >= 2 ? 4 : 0);
		return entry(p, at, view_clip(v, text, key),
			     view_clip(v, text + key + 1,
				       v.len - 4 - text < key + 1 ? 0 : v.len - 4 - text - key - 1),
			     be32(v, at + 4), be32(v, at + 8), be32(v, at + 12), be32(v, at + 20),
			     be32(v, v.len - 4));
	}
	if (view_glob(view_text(name), "_cache_002_"))
		block = 1024;
	else if (view_glob(view_text(name), "_cache_003_"))
		block = 4096;
	else if (!view_glob(view_text(name), "_cache_001_"))
		return parse_fail(p, ERR_FORMAT, v.len, "no metadata of a cache entry");
	for (at = BITMAP; at < v.len && status >= 0;) {
		uint64_t whole;

		if (!record_at(v, at, &key, &info)) {
			at += block;
			continue;
		}
		status = entry(p, at, view_clip(v, at + 36, key), view_clip(v, at + 36 + key, info),
			       be32(v, at + 8), be32(v, at + 12), be32(v, at + 16),
			       be32(v, at + 20), be32(v, at + 24));
		whole = 36 + (uint64_t)key + info;
		at += (size_t)((whole + block - 1) / block * block);
	}
	return status;
}

const struct parser parser_firefox_cache = {
	.name = "firefox_cache",
	.title = "Firefox cache (versions 1 and 2)",
	.version = 1,
	.probe = probe,
	.parse = parse,
};
