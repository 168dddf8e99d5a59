/*
 * nginx' error log (nginx, src/core/ngx_log.c): "2020/05/01 10:00:00 [error] 123#456: *45 text, client:
 * 203.0.113.9, server: name, request: "GET / HTTP/1.1", host: "name"". Local time.
 */
#include "parsers/textfile.h"

#define NGINX_TIME "%Y/%m/%d %H:%M:%S ["

static bool read(struct view line, int64_t *ts, struct view *level, struct view *process,
		 struct view *text)
{
	struct view rest, head;
	size_t used;
	uint64_t n;

	if (!time_scan(line, NGINX_TIME, ts, &used))
		return false;
	rest = view_from(line, used);
	if (!view_cut(&rest, "] ", level) || level->len > 8 || !view_cut(&rest, ": ", &head) ||
	    !view_cut(&head, "#", process) || !view_decimal(*process, &n))
		return false;
	*text = rest;
	return true;
}

static int probe(const struct probe *p)
{
	struct view head = p->head, line, level, process, text;
	int64_t ts;

	for (int i = 0; i < 3 && view_line(&head, &line); i++)
		if (read(line, &ts, &level, &process, &text))
			return BID_CONTENT + 15;
	return BID_NO;
}

/* ", client: 203.0.113.9," or ", request: "GET / HTTP/1.1"," */
static struct view pair(struct view text, const char *key)
{
	struct view rest = text, skip, value;

	if (!view_cut(&rest, key, &skip))
		return VIEW_EMPTY;
	if (view_begins(rest, "\"")) {
		rest = view_from(rest, 1);
		(void)view_cut(&rest, "\"", &value);
	} else {
		(void)view_cut(&rest, ", ", &value);
	}
	return view_trim(value);
}

static int parse(struct parse *p, struct view bytes)
{
	static const char *const pairs[][2] = {{", client: ", "IpAddress"},
					       {", server: ", "ServerName"},
					       {", upstream: ", "Target"},
					       {", host: ", "cs-host"},
					       {", referrer: ", "cs-referer"}};
	struct textfile t;
	struct view line;
	int status = OK;

	textfile_open(&t, bytes);
	while (status >= 0 && textfile_line(&t, &line)) {
		struct view level, process, text, request, method;
		int64_t ts;

		if (!read(line, &ts, &level, &process, &text)) {
			if (view_trim(line).len)
				status = parse_lost(p, t.offset, "line %llu is no entry",
						    (unsigned long long)t.line);
			continue;
		}
		event_start(p, KIND_OTHER, ts, "Recorded Time", t.offset);
		p->event.record = t.line;
		p->event.flags |= EVENT_ZONE_ASSUMED;
		event_add(p, "Product", value_text("nginx"));
		event_add(p, "Level", value_view(level));
		event_add(p, "ProcessId", value_view(process));
		for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
			struct view v = pair(text, pairs[i][0]);

			if (v.len)
				event_add(p, pairs[i][1], value_view(v));
		}
		request = pair(text, ", request: ");
		if (request.len && view_token(&request, ' ', &method)) {
			event_add(p, "cs-method", value_view(method));
			(void)view_token(&request, ' ', &method);
			event_add(p, "cs-uri", value_view(method));
		}
		event_add(p, "Text", value_view(text));
		event_messagef(p, "nginx %s: %s", parse_text(&p->scratch, level),
			       parse_text(&p->scratch, view_clip(text, 0, 4000)));
		status = event_emit(p);
	}
	textfile_release(&t);
	return status;
}

const struct parser parser_nginx_error = {
	.name = "nginx_error",
	.title = "nginx' error log",
	.version = 1,
	.probe = probe,
	.parse = parse,
};
