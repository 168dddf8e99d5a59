/*
 * Logs of remote control programs.
 *
 * TeamViewer: its log (local times; the header "Start: TIME (UTC-8:00)" tells the zone),
 * connections_incoming.txt and Connections.txt (UTC). AnyDesk: ad.trace and ad_svc.trace (UTC),
 * connection_trace.txt and file_transfer_trace.txt (local). RustDesk: "[TIME ZONE] LEVEL [place] text".
 * Splashtop: SPLog.txt ("<1>Feb16 06:05:19.349 SM_03280[part] text", local, without a year).
 * LogMeIn: LogMeIn.log ("TIME - Level - text", local).
 *
 * What a line of text is about is told by a phrase of it, see `phrases`; every line is an event.
 */
#include "parsers/textfile.h"

enum format {
	NONE,
	VIEWER,
	VIEWER_CONNECTIONS,
	ANYDESK,
	ANYDESK_CONNECTIONS,
	ANYDESK_FILES,
	RUSTDESK,
	SPLASHTOP,
	LOGMEIN
};

static const char *const products[] = {"",	  "TeamViewer", "TeamViewer", "AnyDesk", "AnyDesk",
				       "AnyDesk", "RustDesk",	"Splashtop",  "LogMeIn"};

#define LIST_TIME "%d-%m-%Y %H:%M:%S"

/*
 * A line that has `words` is of that kind; a value stands behind `after`, up to one of the letters
 * `until` (or the end), in `field`.
 */
struct phrase {
	enum format format;
	const char *words;
	enum event_kind kind;
	struct {
		const char *after, *until, *field;
	} part[2];
};

static const struct phrase phrases[] = {
	/* support.anydesk.com, "Trace files"; inversecos, "Forensic Analysis of AnyDesk Logs" */
	{ANYDESK, "Logged in from ", KIND_LOGON, {{"Logged in from ", ": ", "IpAddress"}}},
	{ANYDESK,
	 "Incoming session request: ",
	 KIND_NETWORK_CONNECT,
	 {{"Incoming session request: ", "(", "RemoteName"}, {"(", ")", "RemoteId"}}},
	{ANYDESK,
	 "Accept request from ",
	 KIND_NETWORK_CONNECT,
	 {{"Accept request from ", " (.", "RemoteId"}}},
	{ANYDESK,
	 "Client-ID: ",
	 KIND_NETWORK_CONNECT,
	 {{"Client-ID: ", " .(", "RemoteId"}, {"FPR: ", ")", "Fingerprint"}}},
	{ANYDESK,
	 "Authenticated by ",
	 KIND_LOGON,
	 {{"Authenticated by ", ".", "AuthenticationMethod"}}},
	{ANYDESK,
	 "Authenticated with ",
	 KIND_LOGON,
	 {{"Authenticated with ", ".", "AuthenticationMethod"}}},
	{ANYDESK,
	 "Making a new connection to client ",
	 KIND_NETWORK_CONNECT,
	 {{"to client ", " .", "RemoteId"}}},
	{ANYDESK, "Connecting to ", KIND_NETWORK_CONNECT, {{"Connecting to ", " ", "RemoteId"}}},
	{ANYDESK,
	 "External address: ",
	 KIND_OTHER,
	 {{"External address: ", ": ", "ExternalAddress"}}},
	{ANYDESK, "Remote OS: ", KIND_OTHER, {{"Remote OS: ", ",", "RemoteOs"}}},
	{ANYDESK, "Session closed", KIND_LOGOFF, {{0}}},
	{ANYDESK, "Session stopped", KIND_LOGOFF, {{0}}},
	{ANYDESK,
	 "Preparing files in '",
	 KIND_FILE_READ,
	 {{"Preparing files in '", "'", "TargetFilename"}}},
	/* TeamViewer's own words */
	{VIEWER,
	 "authentication using ",
	 KIND_LOGON,
	 {{"authentication using ", "", "AuthenticationMethod"}}},
	{VIEWER,
	 "::AddParticipant: ",
	 KIND_NETWORK_CONNECT,
	 {{"name=", "", "RemoteName"}, {"AddParticipant: [", ",", "RemoteId"}}},
	{VIEWER,
	 "New Participant added in CParticipantManager ",
	 KIND_NETWORK_CONNECT,
	 {{"CParticipantManager ", "(", "RemoteName"}, {"ID [", ",]", "RemoteId"}}},
	{VIEWER,
	 "punch received a=",
	 KIND_NETWORK_CONNECT,
	 {{"punch received a=", ": ", "IpAddress"}}},
	{VIEWER,
	 "incoming session via ",
	 KIND_NETWORK_CONNECT,
	 {{"incoming session via ", ", ", "Relay"}}},
	{VIEWER,
	 "Connection incoming",
	 KIND_NETWORK_CONNECT,
	 {{"sessionID = ", " ,", "SessionId"}}},
	{VIEWER,
	 "client hello received from ",
	 KIND_NETWORK_CONNECT,
	 {{"received from ", " ,", "RemoteId"}}},
	{VIEWER,
	 "server hello received from ",
	 KIND_NETWORK_CONNECT,
	 {{"received from ", " ,", "RemoteId"}}},
	{VIEWER, "Write file ", KIND_FILE_WRITE, {{"Write file ", "", "TargetFilename"}}},
	{VIEWER,
	 "Download from \"",
	 KIND_FILE_WRITE,
	 {{"Download from \"", "\"", "SourceFilename"}, {"to \"", "\"", "TargetFilename"}}},
	{VIEWER, "Send file ", KIND_FILE_READ, {{"Send file ", "", "TargetFilename"}}},
	{VIEWER, "::SessionTerminate", KIND_LOGOFF, {{0}}},
	/* rustdesk/src/server/connection.rs */
	{RUSTDESK,
	 "Connection opened from ",
	 KIND_NETWORK_CONNECT,
	 {{"opened from ", " ", "IpAddress"}}},
	{RUSTDESK, "Connection closed: ", KIND_LOGOFF, {{"Connection closed: ", "", "Reason"}}},
	{SPLASHTOP,
	 "OnUploadRequest",
	 KIND_FILE_WRITE,
	 {{"\"fileName\":\"", "\"", "TargetFilename"}}},
	{SPLASHTOP,
	 "OnUploadFileCPRequest",
	 KIND_FILE_WRITE,
	 {{"\"fileName\":\"", "\"", "TargetFilename"}}},
	{SPLASHTOP,
	 "OnDownloadRequest",
	 KIND_FILE_READ,
	 {{"\"fileName\":\"", "\"", "TargetFilename"}}},
};

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
	for (size_t i = n; i < most; i++)
		cells[i] = VIEW_EMPTY;
	return n;
}

/* What TeamViewer's log says at each start. */
struct header {
	bool zoned;
	int64_t bias;	 /* seconds east of UTC */
	int64_t started; /* local, or TIME_NONE */
};

/* A line of a log, taken apart. */
struct entry {
	int64_t ts;
	struct view level, component, process, thread, text;
	bool zoned, utc, no_year;
};

/* "   info 2024-02-16 06:05:19.349       gsvc   2136   3688   ...   component - text" */
static bool anydesk(struct view line, struct entry *e)
{
	struct view v = view_trim(line);
	size_t used, dash;

	if (!view_token(&v, ' ', &e->level) || e->level.len > 8)
		return false;
	v = view_trim(v);
	if (!time_scan(v, "%Y-%m-%d %H:%M:%S.%f ", &e->ts, &used))
		return false;
	v = view_trim(view_from(v, used));
	dash = view_index(v, " - ");
	e->component = view_trim(view_clip(v, 0, dash));
	e->text = view_trim(view_from(v, dash < v.len ? dash + 3 : 0));
	e->utc = true;
	return true;
}

/* "2024/02/16 06:05:19.349  2136       3688 S0   text"; older ones have a colon before the
 * milliseconds, two digits of the year, or no year. */
static bool viewer(struct view line, struct entry *e)
{
	static const char *const times[] = {
		"%Y/%m/%d %H:%M:%S.%f ", "%Y/%m/%d %H:%M:%S:%f ", "%Y/%m/%d %H:%M:%S ",
		"%y/%m/%d %H:%M:%S.%f ", "%y/%m/%d %H:%M:%S:%f ", "%y/%m/%d %H:%M:%S ",
		"%m/%d %H:%M:%S.%f ",	 "%m/%d %H:%M:%S:%f ",	  "%m/%d %H:%M:%S "};
	size_t used = 0, i = 0, n = sizeof(times) / sizeof(times[0]);
	struct view v;

	while (i < n && !time_scan(line, times[i], &e->ts, &used))
		i++;
	if (i == n)
		return false;
	e->no_year = i >= 6;
	v = view_trim(view_from(line, used));
	(void)view_token(&v, ' ', &e->process);
	v = view_trim(v);
	(void)view_token(&v, ' ', &e->thread);
	v = view_trim(v);
	(void)view_token(&v, ' ', &e->level);
	e->text = view_trim(v);
	return true;
}

/* "[2024-02-16 06:05:19.349123 +01:00] INFO [src/server/connection.rs:12] text" */
static bool rustdesk(struct view line, struct entry *e)
{
	struct view v = line, place;
	size_t used;

	if (!view_begins(v, "["))
		return false;
	v = view_from(v, 1);
	if (!time_scan(v, "%Y-%m-%d %H:%M:%S.%f %z] ", &e->ts, &used))
		return false;
	v = view_from(v, used);
	if (!view_token(&v, ' ', &e->level) || !view_begins(v, "[") || !view_cut(&v, "]", &place))
		return false;
	e->component = view_from(place, 1);
	e->text = view_trim(v);
	e->utc = true;
	return true;
}

/* "<1>Feb16 06:05:19.349 SM_03280[FTCnnel] text" */
static bool splashtop(struct view line, struct entry *e)
{
	struct view v = line;
	size_t used;

	if (!view_begins(v, "<") || v.len < 4 || v.data[2] != '>' ||
	    !time_scan(view_from(v, 3), "%b%d %H:%M:%S.%f ", &e->ts, &used))
		return false;
	e->level = view_sub(v, 1, 1);
	e->no_year = true;
	v = view_trim(view_from(v, 3 + used));
	e->text = v;
	(void)view_token(&v, ' ', &e->component);
	if (view_index(e->component, "[") < e->component.len && v.data)
		e->text = view_trim(v);
	else
		e->component = VIEW_EMPTY;
	return true;
}

/* "2013-01-03 11:46:14.359 - Info - LogMeIn - text" */
static bool logmein(struct view line, struct entry *e)
{
	struct view v;
	size_t used;

	if (!time_scan(line, "%Y-%m-%d %H:%M:%S.%f - ", &e->ts, &used))
		return false;
	v = view_from(line, used);
	if (!view_cut(&v, " - ", &e->level) || e->level.len > 12)
		return false;
	e->text = view_trim(v);
	return true;
}

static enum format format_of(struct view line, const char *name, struct entry *e)
{
	struct view cells[8];
	uint64_t n;
	size_t count;

	*e = (struct entry){.ts = TIME_NONE};
	if (viewer(line, e))
		return VIEWER;
	if (anydesk(line, e))
		return ANYDESK;
	if (rustdesk(line, e))
		return RUSTDESK;
	if (splashtop(line, e))
		return SPLASHTOP;
	if (view_glob(view_text(name), "*logmein*.log") && logmein(line, e))
		return LOGMEIN;
	if (view_glob(view_text(name), "connection_trace*.txt") &&
	    (view_begins(line, "Incoming") || view_begins(line, "Outgoing")))
		return ANYDESK_CONNECTIONS;
	count = cells_of(line, cells, 8);
	if (view_glob(view_text(name), "file_transfer_trace*.txt") && count >= 4)
		return ANYDESK_FILES;
	if (count >= 6 && view_decimal(cells[0], &n) &&
	    (time_scan(cells[1], LIST_TIME, NULL, NULL) ||
	     time_scan(cells[2], LIST_TIME, NULL, NULL)))
		return VIEWER_CONNECTIONS;
	return NONE;
}

static int probe(const struct probe *p)
{
	static const char *const names[] = {"teamviewer*",
					    "connections*.txt",
					    "*.trace",
					    "connection_trace*",
					    "*rustdesk*.log",
					    "splog*.txt",
					    "file_transfer_trace*.txt",
					    "*logmein*.log"};
	char text[2048];
	struct view head = textfile_head(p, text, sizeof(text)), line;
	struct entry e;
	bool named = false;

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		named |= view_glob(view_text(p->name), names[i]);
	if (head.len && memchr(head.data, 0, head.len))
		return BID_NO;
	for (int i = 0; i < 5 && view_line(&head, &line); i++) {
		if (!view_trim(line).len)
			continue;
		switch (format_of(line, p->name, &e)) {
		case VIEWER_CONNECTIONS:
		case ANYDESK_CONNECTIONS:
		case ANYDESK_FILES:
			return named ? BID_BOTH : BID_CONTENT;
		case RUSTDESK: /* its logs are called by their time */
		case SPLASHTOP:
			return named || view_glob(view_text(p->path), "*rustdesk*") ? BID_BOTH
										    : BID_CONTENT;
		case VIEWER:
		case ANYDESK:
		case LOGMEIN:
			return named ? BID_BOTH : BID_NO; /* times alone say nothing */
		case NONE:
			break;
		}
		if (view_begins(line, "Version:") && named)
			continue;
		if (!named)
			return BID_NO;
	}
	return BID_NO;
}

/* Up to a letter of `until`. */
static struct view up_to(struct view v, const char *until)
{
	size_t n = 0;

	while (n < v.len && (!*until || !strchr(until, v.data[n])))
		n++;
	return view_trim(view_clip(v, 0, n));
}

/* "203.0.113.9:7070" as "203.0.113.9"; of IPv6 only what stands in brackets or has no port. */
static struct view address(struct view v)
{
	size_t colon;

	while (v.len && strchr(":.", v.data[v.len - 1]))
		v.len--;
	colon = view_index(v, ":");
	if (view_begins(v, "["))
		return view_clip(view_from(v, 1), 0, view_index(view_from(v, 1), "]"));
	return view_index(view_from(v, colon + 1), ":") <
			       v.len - (colon < v.len ? colon + 1 : colon)
		       ? v
		       : view_clip(v, 0, colon);
}

static int log_line(struct parse *p, enum format format, const struct entry *e,
		    const struct textfile *t, const struct header *h)
{
	bool zoned = format == VIEWER && h->zoned;
	int64_t bias = format == VIEWER ? h->bias : 0;
	const struct phrase *known = NULL;

	for (size_t i = 0; i < sizeof(phrases) / sizeof(phrases[0]) && !known; i++)
		if (phrases[i].format == format &&
		    view_index(e->text, phrases[i].words) < e->text.len)
			known = &phrases[i];
	event_start(p, known ? known->kind : KIND_OTHER, e->ts, "Recorded Time", t->offset);
	p->event.record = t->line;
	if (e->no_year && format == VIEWER && h->started != TIME_NONE) {
		/* Between the start and the next one, less than a year. */
		struct civil c = time_to_civil(e->ts), start = time_to_civil(h->started);

		p->event.ts = time_from_civil(start.year + (c.month < start.month), c.month, c.day,
					      c.hour, c.minute, c.second, c.nanosecond);
		p->event.flags |= EVENT_YEAR_INFERRED;
	} else if (e->no_year) {
		p->event.ts = time_in_year(p, e->ts);
	}
	if (!e->utc && p->event.ts != TIME_NONE)
		p->event.ts -= bias * TIME_SECOND;
	p->event.flags |= e->utc || zoned ? 0 : EVENT_ZONE_ASSUMED;
	event_add(p, "Product", value_text(products[format]));
	if (e->process.len)
		event_add(p, "ProcessId", value_view(e->process));
	if (e->thread.len)
		event_add(p, "ThreadId", value_view(e->thread));
	event_add(p, "Level", value_view(e->level));
	if (e->component.len)
		event_add(p, "Component", value_view(e->component));
	event_add(p, "Text", value_view(e->text));
	for (size_t i = 0; known && i < 2 && known->part[i].after; i++) {
		struct view rest = e->text, skip, value;

		if (!view_cut(&rest, known->part[i].after, &skip))
			continue;
		if (strcmp(known->part[i].field, "IpAddress") == 0 ||
		    strcmp(known->part[i].field, "ExternalAddress") == 0)
			value = address(view_clip(up_to(rest, " ,)"), 0, 64));
		else
			value = up_to(rest, known->part[i].until);
		if (value.len)
			event_add(p, known->part[i].field, value_view(value));
	}
	/* "... was denied", "... was not successful" */
	if (known && known->kind == KIND_LOGON &&
	    (view_index(e->text, "denied") < e->text.len ||
	     view_index(e->text, "not successful") < e->text.len ||
	     view_index(e->text, "failed") < e->text.len))
		p->event.kind = KIND_LOGON_FAILURE;
	event_messagef(p, "%s: %s", products[format],
		       parse_text(&p->scratch, view_clip(e->text, 0, 4000)));
	return event_emit(p);
}

static int viewer_connection(struct parse *p, struct view line, const struct textfile *t)
{
	struct view cells[8];
	size_t first;
	int64_t begin = TIME_NONE, end = TIME_NONE;
	bool incoming;
	const char *who, *user;
	int status;

	(void)cells_of(line, cells, 8);
	incoming = !time_scan(cells[1], LIST_TIME, NULL, NULL);
	first = incoming ? 2 : 1;
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

static bool list_time(struct view cell, int64_t *ts)
{
	return time_scan(cell, "%Y-%m-%d, %H:%M", ts, NULL) ||
	       time_scan(cell, "%Y-%m-%d,%H:%M", ts, NULL);
}

/* Direction, time, how it was allowed (User, Passwd, Token, REJECTED), alias (or id), id. */
static int anydesk_connection(struct parse *p, struct view line, const struct textfile *t)
{
	struct view cells[8];
	int64_t ts = TIME_NONE;
	bool incoming, rejected;

	(void)cells_of(line, cells, 8);
	incoming = view_is(cells[0], "Incoming");
	rejected = view_is(cells[2], "REJECTED");
	if (!list_time(cells[1], &ts))
		return parse_lost(p, t->offset, "line %llu has no time",
				  (unsigned long long)t->line);
	event_start(p,
		    !incoming  ? KIND_NETWORK_CONNECT
		    : rejected ? KIND_LOGON_FAILURE
			       : KIND_LOGON,
		    ts, "Start Time", t->offset);
	p->event.record = t->line;
	p->event.flags |= EVENT_ZONE_ASSUMED;
	event_add(p, "Product", value_text("AnyDesk"));
	event_add(p, "Direction", value_view(cells[0]));
	event_add(p, "Permission", value_view(cells[2]));
	event_add(p, "RemoteId", value_view(cells[4].len ? cells[4] : cells[3]));
	if (cells[4].len && !view_equal(cells[3], cells[4]))
		event_add(p, "RemoteName", value_view(cells[3]));
	event_messagef(p, "AnyDesk: %s connection of %s (%s)", incoming ? "incoming" : "outgoing",
		       parse_text(&p->scratch, cells[3]), parse_text(&p->scratch, cells[2]));
	return event_emit(p);
}

/* What moved the file, nothing, time, "start" or "finish", "download" or "upload", 'FILE' (how much). */
static int anydesk_file(struct parse *p, struct view line, const struct textfile *t)
{
	struct view cells[8], name = VIEW_EMPTY, rest, skip;
	size_t at = 1;
	int64_t ts = TIME_NONE;
	bool in;

	(void)cells_of(line, cells, 8);
	while (at < 4 && !list_time(cells[at], &ts))
		at++;
	if (at == 4)
		return parse_lost(p, t->offset, "line %llu has no time",
				  (unsigned long long)t->line);
	in = view_is(cells[at + 2], "download");
	rest = cells[at + 3];
	if (view_cut(&rest, "'", &skip))
		(void)view_cut(&rest, "'", &name);
	event_start(p, in ? KIND_FILE_WRITE : KIND_FILE_READ, ts, "Recorded Time", t->offset);
	p->event.record = t->line;
	p->event.flags |= EVENT_ZONE_ASSUMED;
	event_add(p, "Product", value_text("AnyDesk"));
	event_add(p, "Component", value_view(cells[0]));
	event_add(p, "State", value_view(cells[at + 1]));
	event_add(p, "Direction", value_view(cells[at + 2]));
	event_add(p, "TargetFilename", value_view(name));
	event_add(p, "Text", value_view(cells[at + 3]));
	event_messagef(p, "AnyDesk: %s %s %s (%s)", parse_text(&p->scratch, cells[at + 2]),
		       parse_text(&p->scratch, cells[at + 1]),
		       parse_text(&p->scratch, cells[at + 3]), parse_text(&p->scratch, cells[0]));
	return event_emit(p);
}

/* "Start:              2024/02/16 06:05:19.548 (UTC-8:00)", older ones without the zone. */
static bool header_of(struct view line, struct header *h)
{
	struct view rest = line, head;
	uint64_t hours = 0, minutes = 0;
	bool west;

	if (!view_begins(line, "Start:"))
		return false;
	if (!time_scan(view_trim(view_from(line, 6)), "%Y/%m/%d %H:%M:%S", &h->started, NULL))
		return false;
	if (!view_cut(&rest, "(UTC", &head) || rest.len < 2)
		return true;
	west = rest.data[0] == '-';
	rest = view_from(rest, rest.data[0] == '-' || rest.data[0] == '+' ? 1 : 0);
	(void)(view_token(&rest, ':', &head) && view_decimal(head, &hours));
	(void)(view_token(&rest, ')', &head) && view_decimal(head, &minutes));
	if (hours <= 14 && minutes <= 59) {
		h->bias = (int64_t)(hours * 3600 + minutes * 60) * (west ? -1 : 1);
		h->zoned = true;
	}
	return true;
}

static int parse(struct parse *p, struct view bytes)
{
	const char *name = strrchr(p->path, '/');
	struct textfile t;
	struct view line, rest;
	struct entry e;
	enum format format;
	struct header header = {.started = TIME_NONE};
	int status = OK;

	name = name ? name + 1 : p->path;
	textfile_open(&t, bytes);
	/* The first lines stand before the header that tells the zone. */
	rest = t.text;
	for (int i = 0; i < 1000 && header.started == TIME_NONE && view_line(&rest, &line); i++)
		(void)header_of(line, &header);
	while (status >= 0 && textfile_line(&t, &line)) {
		if (view_begins(line, "Start:") && header_of(line, &header))
			continue;
		format = format_of(line, name, &e);
		switch (format) {
		case VIEWER_CONNECTIONS:
			status = viewer_connection(p, line, &t);
			break;
		case ANYDESK_CONNECTIONS:
			status = anydesk_connection(p, line, &t);
			break;
		case ANYDESK_FILES:
			status = anydesk_file(p, line, &t);
			break;
		case NONE:
			break; /* headers, and the rest of entries of several lines */
		default:
			status = log_line(p, format, &e, &t, &header);
		}
	}
	textfile_release(&t);
	return status;
}

const struct parser parser_remote_tool = {
	.name = "remote_tool",
	.title = "Remote control programs (TeamViewer, AnyDesk, RustDesk, Splashtop, LogMeIn)",
	.version = 2,
	.probe = probe,
	.parse = parse,
};
