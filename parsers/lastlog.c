/*
 * lastlog: the last logon of each account, at record number = user id (glibc, bits/utmp.h: struct
 * lastlog, 292 bytes: time of 32 bits, terminal[32], host[256]). Mostly a hole: one account with a
 * large id makes it gigabytes of zeros, which are passed over a page at a time. The names of the
 * accounts are in passwd, not here.
 */
#include "parsers/parser.h"

#define RECORD 292

static bool all_zero(struct view v)
{
	return v.len == 0 || (v.data[0] == 0 && memcmp(v.data, v.data + 1, v.len - 1) == 0);
}

static struct view text_at(struct view v, size_t at, size_t size)
{
	struct view text = view_sub(v, at, size);
	const uint8_t *end = text.len ? memchr(text.data, 0, text.len) : NULL;

	return end ? view_clip(text, 0, (size_t)(end - text.data)) : text;
}

static bool honest(struct view v)
{
	struct view line = text_at(v, 4, 32), host = text_at(v, 36, 256);

	for (size_t i = 0; i < line.len; i++)
		if (line.data[i] <= ' ' || line.data[i] > 126)
			return false;
	for (size_t i = 0; i < host.len; i++)
		if (host.data[i] < ' ' || host.data[i] == 127)
			return false;
	return view_get32(v, 0) != 0 || (line.len == 0 && host.len == 0);
}

static int probe(const struct probe *p)
{
	if (!view_glob(view_text(p->name), "lastlog*") || p->size % RECORD != 0)
		return BID_NO;
	for (size_t at = 0; view_has(p->head, at, RECORD); at += RECORD)
		if (!honest(view_sub(p->head, at, RECORD)))
			return BID_NO;
	return BID_BOTH;
}

static int parse(struct parse *p, struct view bytes)
{
	int status = OK;

	for (size_t at = 0; status >= 0 && view_has(bytes, at, RECORD);) {
		struct view v = view_sub(bytes, at, RECORD), line, host;
		const char *l, *h;
		int64_t ts;

		if (v.data[0] == 0 && all_zero(view_clip(bytes, at, 65536))) {
			/* The whole records in these zeros; at least one. */
			size_t zeros = view_clip(bytes, at, 65536).len / RECORD * RECORD;

			at += zeros ? zeros : RECORD;
			parse_release(p, at);
			continue;
		}
		if (all_zero(v)) {
			at += RECORD;
			continue;
		}
		line = text_at(v, 4, 32);
		host = text_at(v, 36, 256);
		if (!honest(v)) {
			status = parse_lost(p, at, "no lastlog record");
			at += RECORD;
			continue;
		}
		ts = time_from_unix((int64_t)view_get32(v, 0));
		event_start(p, KIND_LOGON, ts, "Last Login Time", at);
		p->event.record = at / RECORD;
		event_add(p, "TargetUserId", value_unsigned(at / RECORD));
		if (line.len)
			event_add(p, "TerminalDevice", value_view(line));
		if (host.len)
			event_add(p, "WorkstationName", value_view(host));
		l = parse_text(&p->scratch, line);
		h = parse_text(&p->scratch, host);
		event_messagef(p, "Last logon of user id %zu on %s%s%s", at / RECORD,
			       l[0] ? l : "?", h[0] ? " from " : "", h);
		status = event_emit(p);
		at += RECORD;
	}
	return status;
}

const struct parser parser_lastlog = {
	.name = "lastlog",
	.title = "Last logon of each account (lastlog)",
	.version = 1,
	.probe = probe,
	.parse = parse,
};
