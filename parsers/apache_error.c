/*
 * Apache httpd's error log (httpd.apache.org, core ErrorLogFormat): "[Fri May 01 10:00:00.123456 2020]
 * [core:error] [pid 1:tid 2] (13)Permission denied: [client 203.0.113.9:1234] AH00035: text, referer:
 * URL"; before 2.4 "[Fri May 01 10:00:00 2020] [error] [client 203.0.113.9] text". Local time.
 */
#include "parsers/textfile.h"

/* The bracketed part at the front. */
static bool bracket(struct view *rest, struct view *inside)
{
	*rest = view_trim(*rest);
	if (!view_begins(*rest, "["))
		return false;
	*rest = view_from(*rest, 1);
	return view_cut(rest, "]", inside);
}

static bool time_of(struct view *rest, int64_t *ts)
{
	static const char *const forms[] = {" %b %d %H:%M:%S.%f %Y", " %b %d %H:%M:%S %Y"};
	struct view when, copy = *rest;

	if (!bracket(&copy, &when) || when.len < 20 || when.len > 40)
		return false;
	when = view_from(when, 3); /* the day of the week */
	for (size_t i = 0; i < 2; i++) {
		if (time_scan(when, forms[i], ts, NULL)) {
			*rest = copy;
			return true;
		}
	}
	return false;
}

static int probe(const struct probe *p)
{
	struct view head = p->head, line, level;
	int64_t ts;

	for (int i = 0; i < 3 && view_line(&head, &line); i++)
		if (time_of(&line, &ts) && bracket(&line, &level))
			return BID_CONTENT + 8;
	return BID_NO;
}

static int parse(struct parse *p, struct view bytes)
{
	struct textfile t;
	struct view line;
	int status = OK;

	textfile_open(&t, bytes);
	while (status >= 0 && textfile_line(&t, &line)) {
		struct view rest = line, level, part, module = VIEW_EMPTY, client, skip, text;
		int64_t ts;
		bool ported = false;

		if (!view_trim(line).len)
			continue;
		if (!time_of(&rest, &ts)) {
			/* What a script wrote to its standard error has no time. */
			event_start(p, KIND_OTHER, TIME_NONE, "Not a time", t.offset);
			p->event.record = t.line;
			event_add(p, "Product", value_text("Apache"));
			event_add(p, "Text", value_view(line));
			event_messagef(p, "Apache: %s",
				       parse_text(&p->scratch, view_clip(line, 0, 4000)));
			status = event_emit(p);
			continue;
		}
		event_start(p, KIND_OTHER, ts, "Recorded Time", t.offset);
		p->event.record = t.line;
		p->event.flags |= EVENT_ZONE_ASSUMED;
		event_add(p, "Product", value_text("Apache"));
		level = VIEW_EMPTY;
		if (bracket(&rest, &part)) {
			level = part;
			if (view_index(level, ":") < level.len)
				(void)view_cut(&level, ":", &module);
			event_add(p, "Level", value_view(level));
			if (module.len)
				event_add(p, "Component", value_view(module));
		}
		while (skip = rest, bracket(&skip, &part) && view_begins(part, "pid ")) {
			struct view pid = view_from(part, 4);

			rest = skip;
			ported = true;
			event_add(p, "ProcessId",
				  value_view(view_clip(pid, 0, view_index(pid, ":"))));
		}
		text = view_trim(rest);
		rest = text;
		if (view_cut(&rest, "[client ", &skip) && view_cut(&rest, "]", &client)) {
			size_t at = client.len;

			/* From 2.4 on, the port is behind the last colon. */
			while (at && client.data[at - 1] != ':')
				at--;
			if (at && ported)
				client.len = at - 1;
			event_add(p, "IpAddress", value_view(client));
		}
		event_add(p, "Text", value_view(text));
		event_messagef(p, "Apache %s: %s", parse_text(&p->scratch, level),
			       parse_text(&p->scratch, view_clip(text, 0, 4000)));
		status = event_emit(p);
	}
	textfile_release(&t);
	return status;
}

const struct parser parser_apache_error = {
	.name = "apache_error",
	.title = "Apache httpd's error log",
	.version = 1,
	.probe = probe,
	.parse = parse,
};
