/*
 * apt's history.log: a stanza for each run, "Start-Date: 2019-07-10  16:38:12", "Commandline:",
 * "Requested-By: alice (1000)", "Install: name:arch (version, automatic), ...", Upgrade, Downgrade,
 * Reinstall, Remove, Purge, "Error:", "End-Date:"; and its term.log, what the terminal showed
 * between "Log started:" and "Log ended:" (apt, apt-pkg/deb/dpkgpm.cc). Times are local, without a
 * zone.
 */
#include "parsers/parser.h"

#define MAX_TERMINAL (64u << 10) /* bytes kept of what one run showed */

static bool value_of(struct view line, const char *key, struct view *value)
{
	size_t n = strlen(key);

	if (!view_starts(line, key, n))
		return false;
	*value = view_trim(view_from(line, n));
	return true;
}

/* Two blanks stand between date and time. */
static int64_t date(struct view v)
{
	char text[20];
	int64_t ts;

	if (v.len < 20 || v.data[10] != ' ')
		return TIME_NONE;
	memcpy(text, v.data, 11);
	v = view_trim(view_from(v, 10));
	if (v.len < 8)
		return TIME_NONE;
	memcpy(text + 11, v.data, 8);
	return time_parse_iso(view_of(text, 19), &ts, NULL, NULL) ? ts : TIME_NONE;
}

static int probe(const struct probe *p)
{
	struct view rest = p->head, line;

	while (view_line(&rest, &line))
		if (line.len)
			return view_starts(line, "Start-Date: ", 12) ||
					       view_starts(line, "Log started: ", 13)
				       ? BID_CONTENT + 10
				       : BID_NO;
	return BID_NO;
}

static const struct {
	const char *key, *action;
	enum event_kind kind;
} lists[] = {
	{"Install:", "install", KIND_PACKAGE_INSTALL},
	{"Reinstall:", "reinstall", KIND_PACKAGE_INSTALL},
	{"Upgrade:", "upgrade", KIND_PACKAGE_INSTALL},
	{"Downgrade:", "downgrade", KIND_PACKAGE_INSTALL},
	{"Remove:", "remove", KIND_PACKAGE_REMOVE},
	{"Purge:", "purge", KIND_PACKAGE_REMOVE},
	{"Disappeared:", "disappear", KIND_PACKAGE_REMOVE},
};
#define LISTS (sizeof(lists) / sizeof(lists[0]))

struct run {
	struct view start, end, command, by, error, lists[LISTS];
	uint64_t offset, line;
};

static int emit(struct parse *p, const struct run *r, size_t list)
{
	int64_t ts = date(r->start), end = date(r->end);
	const char *what = list < LISTS ? lists[list].action : "run";
	int status;

	event_start(p, list < LISTS ? lists[list].kind : KIND_OTHER, ts,
		    ts == TIME_NONE ? "Not a time" : "Start Time", r->offset);
	p->event.record = r->line;
	p->event.flags = EVENT_ZONE_ASSUMED | EVENT_SECOND_PRECISION;
	event_add(p, "Action", value_text(what));
	if (r->command.len)
		event_add(p, "CommandLine", value_view(r->command));
	if (r->by.len) {
		event_add(p, "RequestedBy", value_view(r->by));
		event_user(p, value_view(view_clip(r->by, 0, view_find(r->by, 0, " (", 2))));
	}
	if (list < LISTS)
		event_add(p, "Packages", value_view(r->lists[list]));
	if (r->error.len)
		event_add(p, "Error", value_view(r->error));
	if (ts == TIME_NONE && r->start.len)
		event_add(p, "RawTime", value_view(r->start));
	event_messagef(p, "%s%s%s: %.600s", what, r->command.len ? " by " : "",
		       parse_text(&p->scratch, r->command),
		       list < LISTS ? parse_text(&p->scratch, r->lists[list]) : "nothing");
	status = event_emit(p);
	if (status >= 0 && end != TIME_NONE && end != ts)
		status = event_emit_at(p, end, "End Time");
	return status;
}

static int finish(struct parse *p, const struct run *r)
{
	bool any = false;
	int status = OK;

	for (size_t i = 0; i < LISTS && status >= 0; i++)
		if (r->lists[i].len) {
			any = true;
			status = emit(p, r, i);
		}
	return status >= 0 && !any && r->start.len ? emit(p, r, LISTS) : status;
}

static int terminal(struct parse *p, struct view bytes)
{
	struct view rest = bytes, line, value, text = VIEW_EMPTY, started = VIEW_EMPTY;
	uint64_t number = 0, first = 0, offset = 0;
	int status = OK;

	while (status >= 0) {
		bool more = view_line(&rest, &line),
		     begins = more && value_of(line, "Log started: ", &value), ends;

		ends = more && value_of(line, "Log ended: ", &value);
		number++;
		if (started.len && (begins || ends || !more)) {
			int64_t ts = date(started), end = ends ? date(value) : TIME_NONE;

			event_start(p, KIND_OTHER, ts,
				    ts == TIME_NONE ? "Not a time" : "Start Time", offset);
			p->event.record = first;
			p->event.flags = EVENT_ZONE_ASSUMED | EVENT_SECOND_PRECISION |
					 (text.len > MAX_TERMINAL ? EVENT_CUT : 0u);
			event_add(p, "Action", value_text("terminal"));
			event_add(p, "Output", value_view(view_clip(text, 0, MAX_TERMINAL)));
			event_messagef(p, "apt's terminal: %.600s",
				       parse_text(&p->scratch, view_clip(text, 0, 600)));
			status = event_emit(p);
			if (status >= 0 && end != TIME_NONE && end != ts)
				status = event_emit_at(p, end, "End Time");
			started = VIEW_EMPTY;
		}
		if (!more)
			break;
		if (begins) {
			started = value;
			offset = (uint64_t)(line.data - bytes.data);
			first = number;
			text = VIEW_EMPTY;
		} else if (started.len && line.len) {
			text = text.len ? view_of(text.data,
						  (size_t)(line.data + line.len - text.data))
					: line;
		}
	}
	return status;
}

static int parse(struct parse *p, struct view bytes)
{
	struct view rest = bytes, line;
	struct run run = {0};
	uint64_t number = 0;
	int status = OK;

	for (struct view look = bytes; view_line(&look, &line);)
		if (line.len) {
			if (view_starts(line, "Log started: ", 13))
				return terminal(p, bytes);
			break;
		}
	while (status >= 0 && view_line(&rest, &line)) {
		struct view start;

		number++;
		if (value_of(line, "Start-Date:", &start)) {
			status = finish(p, &run);
			run = (struct run){.start = start,
					   .offset = (uint64_t)(line.data - bytes.data),
					   .line = number};
			continue;
		}
		if (line.len == 0)
			continue;
		(void)(value_of(line, "Commandline:", &run.command) ||
		       value_of(line, "Requested-By:", &run.by) ||
		       value_of(line, "Error:", &run.error) ||
		       value_of(line, "End-Date:", &run.end));
		for (size_t i = 0; i < LISTS; i++)
			(void)value_of(line, lists[i].key, &run.lists[i]);
	}
	return status >= 0 ? finish(p, &run) : status;
}

const struct parser parser_apt_history = {
	.name = "apt_history",
	.title = "apt's history.log and term.log",
	.version = 1,
	.probe = probe,
	.parse = parse,
};
