/*
 * SetupAPI logs (setupapi.dev.log, setupapi.setup.log): devices and drivers installed, by sections
 * ">>>  [name]" to
 * "<<<  [Exit status: ...]"; and the setupapi.log of Windows XP, whose sections begin "[time pid.n
 * name]". Facts: Microsoft, "SetupAPI Text Logs". Times are local.
 */
#include "parsers/textfile.h"

#define WHEN "%Y/%m/%d %H:%M:%S.%f"

static int probe(const struct probe *p)
{
	char text[400];
	struct view head = textfile_head(p, text, sizeof(text));

	if (view_begins(head, "[Device Install Log]") || view_begins(head, "[SetupAPI Log]"))
		return BID_MAGIC;
	if (view_glob(view_text(p->name), "setupapi*.log") &&
	    (view_index(head, ">>>  [") < head.len ||
	     view_index(head, "[Boot Session") < head.len || view_begins(head, "[20")))
		return BID_BOTH;
	return BID_NO;
}

struct section {
	bool open;
	struct view title, command, status;
	int64_t begin, end;
	uint64_t offset, line;
};

static int close_section(struct parse *p, struct section *s)
{
	struct view name = s->title, what;
	const char *title;
	int status = OK;

	if (!s->open)
		return OK;
	s->open = false;
	event_start(p,
		    view_begins(s->title, "Device Install")	    ? KIND_DEVICE_CONNECT
		    : view_index(s->title, "Driver") < s->title.len ? KIND_DRIVER_LOAD
								    : KIND_OTHER,
		    s->begin, s->begin == TIME_NONE ? "Not a time" : "Added Time", s->offset);
	p->event.record = s->line;
	p->event.flags |= EVENT_ZONE_ASSUMED;
	if (view_cut(&name, " - ", &what)) {
		event_add(p, "Operation", value_view(what));
		event_add(p, "DeviceId", value_view(name));
	} else {
		event_add(p, "Operation", value_view(s->title));
	}
	if (s->command.len)
		event_add(p, "CommandLine", value_view(s->command));
	if (s->status.len)
		event_add(p, "ExitStatus", value_view(s->status));
	title = parse_text(&p->scratch, s->title);
	event_messagef(p, "%s", title);
	status = event_emit(p);
	if (status >= 0 && s->end != TIME_NONE) {
		event_messagef(p, "%s: ended%s%s", title, s->status.len ? ", " : "",
			       parse_text(&p->scratch, s->status));
		status = event_emit_at(p, s->end, "End Time");
	}
	return status;
}

static struct view bracketed(struct view v)
{
	size_t end;

	v = view_from(v, view_index(v, "[") + 1);
	end = v.len;
	while (end && v.data[end - 1] != ']')
		end--;
	return view_clip(v, 0, end ? end - 1 : v.len);
}

static int parse(struct parse *p, struct view bytes)
{
	struct section s = {.open = false};
	struct textfile t;
	struct view line;
	int status = OK;

	textfile_open(&t, bytes);
	while (status >= 0 && textfile_line(&t, &line)) {
		int64_t ts;
		size_t used;

		line = view_trim(line);
		if (view_begins(line, ">>>  [")) {
			status = close_section(p, &s);
			s = (struct section){.open = true,
					     .title = bracketed(line),
					     .begin = TIME_NONE,
					     .end = TIME_NONE,
					     .offset = t.offset,
					     .line = t.line};
		} else if (view_begins(line, ">>>  Section start ")) {
			if (s.open && time_scan(view_from(line, 19), WHEN, &ts, NULL))
				s.begin = ts;
		} else if (view_begins(line, "<<<  Section end ")) {
			if (!time_scan(view_from(line, 17), WHEN, &ts, NULL))
				ts = TIME_NONE;
			/* An end whose start was overwritten is told too. */
			if (!s.open || s.end != TIME_NONE) {
				status = close_section(p, &s);
				s = (struct section){
					.open = true,
					.title = view_text("Section whose start is lost"),
					.begin = TIME_NONE,
					.offset = t.offset,
					.line = t.line};
			}
			s.end = ts;
		} else if (view_begins(line, "<<<  [Exit status")) {
			s.status = bracketed(line);
			(void)view_cut(&s.status, ": ", &line);
			if (s.open)
				status = close_section(p, &s);
		} else if (view_begins(line, "cmd: ") && s.open && !s.command.len) {
			s.command = view_trim(view_from(line, 5));
		} else if (view_begins(line, "[Boot Session: ") &&
			   time_scan(view_from(line, 15), WHEN, &ts, NULL)) {
			status = close_section(p, &s);
			if (status < 0)
				break;
			event_start(p, KIND_SYSTEM_START, ts, "Start Time", t.offset);
			p->event.record = t.line;
			p->event.flags |= EVENT_ZONE_ASSUMED;
			event_messagef(
				p, "Windows had started (boot session of the installation log)");
			status = event_emit(p);
		} else if (view_begins(line, "[") &&
			   time_scan(view_from(line, 1), "%Y/%m/%d %H:%M:%S", &ts, &used)) {
			status = close_section(p, &s);
			line = view_trim(view_from(bracketed(line), used));
			(void)view_cut(&line, " ", &s.command);
			s = (struct section){.open = true,
					     .title = line,
					     .begin = ts,
					     .end = TIME_NONE,
					     .offset = t.offset,
					     .line = t.line};
		} else if (view_begins(line, "#-198 Command line processed: ") && s.open) {
			s.command = view_from(line, 30);
		}
	}
	if (status >= 0)
		status = close_section(p, &s);
	textfile_release(&t);
	return status;
}

const struct parser parser_setupapi = {
	.name = "setupapi",
	.title = "SetupAPI logs (devices and drivers installed)",
	.version = 1,
	.probe = probe,
	.parse = parse,
};
