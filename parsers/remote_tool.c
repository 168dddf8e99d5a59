/*
 * Logs of remote control programs: TeamViewer (its log, connections_incoming.txt, Connections.txt)
 * and AnyDesk (ad.trace, ad_svc.trace, connection_trace.txt). TeamViewer's log has local times and
 * tells the zone in its header ("Start: TIME (UTC-8:00)"); its connection lists are UTC; AnyDesk's
 * traces are UTC, its connection_trace.txt local.
 */
#include "parsers/textfile.h"

enum format { NONE, VIEWER, VIEWER_CONNECTIONS, ANYDESK, ANYDESK_CONNECTIONS };

#define VIEWER_TIME "%Y/%m/%d %H:%M:%S.%f"
#define LIST_TIME   "%d-%m-%Y %H:%M:%S"

/* Columns of a connection list: by tabs, or by two blanks and more. */
static size_t cells_of(struct view line, struct view *cells, size_t most)
{
	size_t n = 0;
	bool tabs = view_index(line, "\t") < line.len;

	while (n < most && line.len) {
		size_t at = 0;

		while (at < line.len && (tabs ? line.data[at] != '\t'
					      : line.data[at] != ' ' || at + 1 >= line.len ||
							 line.data[at + 1] != ' '))
			at++;
		cells[n] = view_trim(view_clip(line, 0, at));
		if (tabs || cells[n].len)
			n++;
		line = view_from(line, at < line.len ? at + 1 : at);
		while (!tabs && line.len && line.data[0] == ' ')
			line = view_from(line, 1);
	}
	return n;
}

/* "   info 2024-02-16 06:05:19.349       gsvc   2136   3688   ..." */
static bool anydesk(struct view line, struct view *level, int64_t *ts, struct view *rest)
{
	struct view v = view_trim(line);
	size_t used;

	if (!view_token(&v, ' ', level) || level->len > 8)
		return false;
	v = view_trim(v);
	if (!time_scan(v, "%Y-%m-%d %H:%M:%S.%f ", ts, &used))
		return false;
	*rest = view_trim(view_from(v, used));
	return true;
}

static enum format format_of(struct view line, const char *name)
{
	struct view cells[8], level, rest;
	uint64_t n;
	int64_t ts;
	size_t count, used;

	if (time_scan(line, VIEWER_TIME " ", NULL, &used))
		return VIEWER;
	if (anydesk(line, &level, &ts, &rest))
		return ANYDESK;
	if (view_glob(view_text(name), "connection_trace*.txt") &&
	    (view_begins(line, "Incoming") || view_begins(line, "Outgoing")))
		return ANYDESK_CONNECTIONS;
	count = cells_of(line, cells, 8);
	if (count >= 6 && view_decimal(cells[0], &n) &&
	    (time_scan(cells[1], LIST_TIME, NULL, NULL) ||
	     time_scan(cells[2], LIST_TIME, NULL, NULL)))
		return VIEWER_CONNECTIONS;
	return NONE;
}

static int probe(const struct probe *p)
{
	char text[2048];
	struct view head = textfile_head(p, text, sizeof(text)), line;
	bool named = view_glob(view_text(p->name), "teamviewer*") ||
		     view_glob(view_text(p->name), "connections*.txt") ||
		     view_glob(view_text(p->name), "*.trace") ||
		     view_glob(view_text(p->name), "connection_trace*");

	if (head.len && memchr(head.data, 0, head.len))
		return BID_NO;
	for (int i = 0; i < 5 && view_line(&head, &line); i++) {
		enum format f;

		if (!view_trim(line).len)
			continue;
		f = format_of(line, p->name);
		if (f == VIEWER_CONNECTIONS || f == ANYDESK_CONNECTIONS)
			return named ? BID_BOTH : BID_CONTENT;
		if (f != NONE)
			return named ? BID_BOTH : BID_NO; /* times alone say nothing */
		if (view_begins(line, "Version:") && named)
			continue;
		if (!named)
			return BID_NO;
	}
	return BID_NO;
}

static int viewer(struct parse *p, struct view line, const struct textfile *t, bool zoned,
		  int64_t bias)
{
	struct view rest, pid, tid, level;
	size_t used = 0;
	int64_t ts = TIME_NONE;

	if (!time_scan(line, VIEWER_TIME " ", &ts, &used))
		return parse_lost(p, t->offset, "no line of TeamViewer's log");
	rest = view_trim(view_from(line, used));
	(void)view_token(&rest, ' ', &pid);
	rest = view_trim(rest);
	(void)view_token(&rest, ' ', &tid);
	rest = view_trim(rest);
	(void)view_token(&rest, ' ', &level);
	rest = view_trim(rest);
	event_start(p, KIND_OTHER, ts - bias * TIME_SECOND, "Recorded Time", t->offset);
	p->event.record = t->line;
	p->event.flags |= zoned ? 0 : EVENT_ZONE_ASSUMED;
	event_add(p, "Product", value_text("TeamViewer"));
	event_add(p, "ProcessId", value_view(pid));
	event_add(p, "ThreadId", value_view(tid));
	event_add(p, "Level", value_view(level));
	event_add(p, "Text", value_view(rest));
	event_messagef(p, "TeamViewer: %s", parse_text(&p->scratch, rest));
	return event_emit(p);
}

static int connection(struct parse *p, struct view line, const struct textfile *t)
{
	struct view cells[8];
	size_t n = cells_of(line, cells, 8), first;
	int64_t begin = TIME_NONE, end = TIME_NONE;
	bool incoming = !time_scan(cells[1], LIST_TIME, NULL, NULL);
	const char *who, *user;
	int status;

	first = incoming ? 2 : 1;
	for (size_t i = n; i < 8; i++)
		cells[i] = VIEW_EMPTY;
	(void)time_scan(cells[first], LIST_TIME, &begin, NULL);
	(void)time_scan(cells[first + 1], LIST_TIME, &end, NULL);
	event_start(p, incoming ? KIND_LOGON : KIND_NETWORK_CONNECT, begin, "Start Time",
		    t->offset);
	p->event.record = t->line;
	event_add(p, "Product", value_text("TeamViewer"));
	event_add(p, "RemoteId", value_view(cells[0]));
	if (incoming)
		event_add(p, "RemoteName", value_view(cells[1]));
	event_add(p, "User", value_view(cells[first + 2]));
	event_add(p, "ConnectionType", value_view(cells[first + 3]));
	event_add(p, "ConnectionId", value_view(cells[first + 4]));
	event_user(p, value_view(cells[first + 2]));
	who = parse_text(&p->scratch, incoming && cells[1].len ? cells[1] : cells[0]);
	user = parse_text(&p->scratch, cells[first + 2]);
	event_messagef(p,
		       incoming ? "TeamViewer: %s took control of the desktop of %s"
				: "TeamViewer: connected to %s as %s",
		       who, user);
	if ((status = event_emit(p)) < 0 || end == TIME_NONE)
		return status;
	if (incoming)
		p->event.kind = KIND_LOGOFF;
	event_messagef(p,
		       incoming ? "TeamViewer: %s left the desktop of %s"
				: "TeamViewer: disconnected from %s as %s",
		       who, user);
	return event_emit_at(p, end, "End Time");
}

static int trace(struct parse *p, struct view line, const struct textfile *t)
{
	struct view level, rest, source, words;
	int64_t ts = TIME_NONE;
	size_t dash;

	(void)anydesk(line, &level, &ts, &rest);
	dash = view_index(rest, " - ");
	source = view_trim(view_clip(rest, 0, dash));
	words = view_trim(view_from(rest, dash < rest.len ? dash + 3 : 0));
	event_start(p, view_index(words, "Logged in from ") < words.len ? KIND_LOGON : KIND_OTHER,
		    ts, "Recorded Time", t->offset);
	p->event.record = t->line;
	event_add(p, "Product", value_text("AnyDesk"));
	event_add(p, "Level", value_view(level));
	event_add(p, "Component", value_view(source));
	event_add(p, "Text", value_view(words));
	if (p->event.kind == KIND_LOGON) {
		struct view address = words, skip;

		(void)view_cut(&address, "Logged in from ", &skip);
		(void)view_token(&address, ' ', &skip);
		(void)view_token(&skip, ':', &address);
		event_add(p, "IpAddress", value_view(address));
	}
	event_messagef(p, "AnyDesk: %s", parse_text(&p->scratch, words));
	return event_emit(p);
}

static int anydesk_connection(struct parse *p, struct view line, const struct textfile *t)
{
	struct view cells[8];
	size_t n = cells_of(line, cells, 8), at = 1;
	int64_t ts = TIME_NONE;

	for (size_t i = n; i < 8; i++)
		cells[i] = VIEW_EMPTY;
	if (!time_scan(cells[1], "%Y-%m-%d, %H:%M", &ts, NULL) &&
	    !time_scan(cells[1], "%Y-%m-%d,%H:%M", &ts, NULL))
		return parse_lost(p, t->offset, "line %llu has no time",
				  (unsigned long long)t->line);
	event_start(p, view_is(cells[0], "Incoming") ? KIND_LOGON : KIND_NETWORK_CONNECT, ts,
		    "Start Time", t->offset);
	p->event.record = t->line;
	p->event.flags |= EVENT_ZONE_ASSUMED;
	event_add(p, "Product", value_text("AnyDesk"));
	event_add(p, "Direction", value_view(cells[0]));
	event_add(p, "Permission", value_view(cells[++at]));
	event_add(p, "RemoteId", value_view(cells[++at]));
	event_messagef(p, "AnyDesk: %s connection of %s (%s)",
		       view_is(cells[0], "Incoming") ? "incoming" : "outgoing",
		       parse_text(&p->scratch, cells[3]), parse_text(&p->scratch, cells[2]));
	return event_emit(p);
}

/* "Start:              2024/02/16 06:05:19.548 (UTC-8:00)": seconds east of UTC. */
static bool zone_of(struct view line, int64_t *bias)
{
	struct view rest = line, head;
	uint64_t h = 0, m = 0;
	bool west;

	if (!view_begins(line, "Start:") || !view_cut(&rest, "(UTC", &head) || rest.len < 2)
		return false;
	west = rest.data[0] == '-';
	rest = view_from(rest, rest.data[0] == '-' || rest.data[0] == '+' ? 1 : 0);
	(void)(view_token(&rest, ':', &head) && view_decimal(head, &h));
	(void)(view_token(&rest, ')', &head) && view_decimal(head, &m));
	if (h > 14 || m > 59)
		return false;
	*bias = (int64_t)(h * 3600 + m * 60) * (west ? -1 : 1);
	return true;
}

static int parse(struct parse *p, struct view bytes)
{
	const char *name = strrchr(p->path, '/');
	struct textfile t;
	struct view line, rest;
	int64_t bias = 0;
	bool zoned = false;
	int status = OK;

	name = name ? name + 1 : p->path;
	textfile_open(&t, bytes);
	/* The first lines stand before the header that tells the zone. */
	rest = t.text;
	for (int i = 0; i < 1000 && !zoned && view_line(&rest, &line); i++)
		zoned = zone_of(line, &bias);
	while (status >= 0 && textfile_line(&t, &line)) {
		if (view_begins(line, "Start:") && zone_of(line, &bias))
			continue;
		switch (format_of(line, name)) {
		case VIEWER:
			status = viewer(p, line, &t, zoned, bias);
			break;
		case VIEWER_CONNECTIONS:
			status = connection(p, line, &t);
			break;
		case ANYDESK:
			status = trace(p, line, &t);
			break;
		case ANYDESK_CONNECTIONS:
			status = anydesk_connection(p, line, &t);
			break;
		case NONE:
			break; /* headers, and the rest of entries of several lines */
		}
	}
	textfile_release(&t);
	return status;
}

const struct parser parser_remote_tool = {
	.name = "remote_tool",
	.title = "Remote control programs (TeamViewer, AnyDesk)",
	.version = 1,
	.probe = probe,
	.parse = parse,
};
