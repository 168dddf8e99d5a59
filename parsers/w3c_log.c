/*
 * Logs in the W3C extended format (W3C, WD-logfile-960323) that Windows writes: IIS (web, FTP,
 * SMTP), HTTP.sys errors, and the firewall's pfirewall.log. "#Fields:" names the columns. IIS
 * writes UTC; the firewall says "#Time Format: Local". Exchange's logs (message tracking, HTTP proxy,
 * protocol logs) have the same head and comma-separated values below it (RFC 4180), in UTC.
 */
#include "parsers/textfile.h"

#define MAX_COLUMNS 64

static int probe(const struct probe *p)
{
	char text[1024];
	struct view head = textfile_head(p, text, sizeof(text));

	if (head.len == 0 || head.data[0] != '#' || view_index(head, "#Fields:") == head.len)
		return BID_NO;
	return view_index(head, "#Software: Microsoft") < head.len ? BID_MAGIC : BID_CONTENT + 5;
}

/* Columns whose own name is not the one that Sigma uses. */
static const char *const renamed[][2] = {
	{"cs(User-Agent)", "cs-user-agent"},
	{"cs(Referer)", "cs-referer"},
	{"cs(Cookie)", "cs-cookie"},
	{"cs(Host)", "cs-host"},
	{"action", "Action"},
	{"protocol", "Protocol"},
	{"src-ip", "SourceIp"},
	{"dst-ip", "DestinationIp"},
	{"src-port", "SourcePort"},
	{"dst-port", "DestinationPort"},
	/* Exchange */
	{"client-ip", "IpAddress"},
	{"ClientIpAddress", "c-ip"},
	{"HttpStatus", "sc-status"},
	{"Method", "cs-method"},
	{"UrlStem", "cs-uri-stem"},
	{"UrlQuery", "cs-uri-query"},
	{"UserAgent", "cs-user-agent"},
};

struct columns {
	const char *names[MAX_COLUMNS];
	size_t count;
	bool date, time, firewall, web, local;
	bool commas, tracking;
	int64_t day; /* of the last "#Date:" line */
};

static void directive(struct parse *p, struct columns *c, struct view line)
{
	struct view rest, name;
	int64_t ts;

	if (view_begins(line, "#Date: ") && time_scan(view_from(line, 7), "%Y-%m-%d", &ts, NULL))
		c->day = ts;
	if (view_begins(line, "#Time Format: Local"))
		c->local = true;
	if (!view_begins(line, "#Fields:"))
		return;
	c->count = 0;
	c->date = c->time = c->firewall = c->web = c->tracking = false;
	rest = view_from(line, 8);
	c->commas = view_index(rest, ",") < rest.len;
	while (c->count < MAX_COLUMNS && view_token(&rest, c->commas ? ',' : ' ', &name)) {
		const char *own;

		name = view_trim(name);
		if (!name.len)
			continue;
		own = parse_text(&p->arena, name);
		for (size_t i = 0; i < sizeof(renamed) / sizeof(renamed[0]); i++)
			if (strcmp(renamed[i][0], own) == 0)
				own = renamed[i][1];
		c->date |= strcmp(own, "date") == 0;
		c->time |= strcmp(own, "time") == 0;
		c->firewall |= strcmp(own, "SourceIp") == 0;
		c->web |= strncmp(own, "cs-", 3) == 0;
		c->tracking |= strcmp(own, "message-subject") == 0;
		c->names[c->count++] = own;
	}
}

static const char *text_of(struct parse *p, const char *name)
{
	for (size_t i = 0; i < p->count; i++)
		if (view_is(p->names[i], name))
			return parse_value_text(&p->scratch, &p->values[i]);
	return "";
}

/* The next value of a row with commas; quotes in quotes are doubled. */
static bool cell_of(struct parse *p, struct view *rest, struct view *cell)
{
	struct buffer b = {0};
	char *copy;
	size_t i = 1;

	if (!rest->len || rest->data[0] != '"')
		return view_token(rest, ',', cell);
	for (; i < rest->len; i++) {
		if (rest->data[i] != '"') {
			buffer_char(&b, (char)rest->data[i]);
			continue;
		}
		if (i + 1 == rest->len || rest->data[i + 1] != '"')
			break;
		buffer_char(&b, '"');
		i++;
	}
	copy = arena_strndup(&p->scratch, b.data, b.len);
	*cell = view_of(copy, copy ? b.len : 0);
	buffer_release(&b);
	*rest = view_from(*rest, i < rest->len ? i + 1 : i);
	*rest = rest->len && rest->data[0] == ',' ? view_from(*rest, 1) : VIEW_EMPTY;
	return true;
}

/* A row of Exchange: the time is the column of that name, ISO 8601. */
static int row(struct parse *p, const struct columns *c, struct view line, const struct textfile *t)
{
	struct view rest = line, cell;
	int64_t ts = TIME_NONE;
	size_t i = 0;

	event_start(p, c->web ? KIND_WEB_REQUEST : KIND_OTHER, TIME_NONE, "Recorded Time",
		    t->offset);
	p->event.record = t->line;
	while (i < c->count && cell_of(p, &rest, &cell)) {
		const char *name = c->names[i++];

		if ((strcmp(name, "date-time") == 0 || strcmp(name, "DateTime") == 0 ||
		     strcmp(name, "Timestamp") == 0) &&
		    time_parse_iso(cell, &ts, NULL, NULL))
			continue;
		if (cell.len)
			event_add(p, name, value_view(cell));
	}
	if (ts == TIME_NONE) {
		/* The names of the columns stand once more below the head of some. */
		if (view_begins(line, "DateTime,") || view_begins(line, "date-time,"))
			return OK;
		return parse_lost(p, t->offset, "line %llu is no record",
				  (unsigned long long)t->line);
	}
	if (i < c->count)
		p->event.flags |= EVENT_CUT;
	p->event.ts = ts;
	for (size_t k = 0; k < p->count; k++)
		if (view_is(p->names[k], "AuthenticatedUser"))
			event_user(p, p->values[k]);
	if (c->tracking)
		event_messagef(p, "Mail %s: %s to %s: %s", text_of(p, "event-id"),
			       text_of(p, "sender-address"), text_of(p, "recipient-address"),
			       text_of(p, "message-subject"));
	else if (c->web)
		event_messagef(p, "%s %s %s%s%s: %s", text_of(p, "c-ip"), text_of(p, "cs-method"),
			       text_of(p, "cs-uri-stem"), *text_of(p, "cs-uri-query") ? "?" : "",
			       text_of(p, "cs-uri-query"), text_of(p, "sc-status"));
	return event_emit(p);
}

static int record(struct parse *p, const struct columns *c, struct view line,
		  const struct textfile *t)
{
	struct view rest = line, cell, date = VIEW_EMPTY, clock = VIEW_EMPTY;
	int64_t day = c->day, ts = TIME_NONE, since;
	size_t i = 0;
	const char *query;

	event_start(p,
		    c->firewall ? KIND_NETWORK_CONNECT
		    : c->web	? KIND_WEB_REQUEST
				: KIND_OTHER,
		    TIME_NONE, "Recorded Time", t->offset);
	p->event.record = t->line;
	while (i < c->count && view_token(&rest, ' ', &cell)) {
		const char *name = c->names[i];

		if (!cell.len)
			continue;
		i++;
		if (strcmp(name, "date") == 0)
			date = cell;
		else if (strcmp(name, "time") == 0)
			clock = cell;
		else if (!view_is(cell, "-"))
			event_add(p, name, value_view(cell));
	}
	/* A line cut in its middle still tells what stands before. */
	if (i < c->count)
		p->event.flags |= EVENT_CUT;
	if (c->local)
		p->event.flags |= EVENT_ZONE_ASSUMED;
	if (date.len && !time_scan(date, "%Y-%m-%d", &day, NULL))
		day = TIME_NONE;
	if (day != TIME_NONE && clock.len && time_scan(clock, "%H:%M:%S", &since, NULL)) {
		ts = day + since;
	} else if (day != TIME_NONE && !c->time) {
		ts = day;
	}
	if (ts == TIME_NONE && i < 2)
		return parse_lost(p, t->offset, "line %llu is no record",
				  (unsigned long long)t->line);
	p->event.ts = ts;
	if (ts == TIME_NONE) {
		p->event.ts_desc = "Not a time";
		if (clock.len)
			event_add(p, "RawTime", value_view(clock));
	}
	if (c->firewall) {
		event_messagef(p, "%s %s %s:%s to %s:%s %s", text_of(p, "Action"),
			       text_of(p, "Protocol"), text_of(p, "SourceIp"),
			       text_of(p, "SourcePort"), text_of(p, "DestinationIp"),
			       text_of(p, "DestinationPort"), text_of(p, "path"));
	} else if (c->web) {
		const char *reason = text_of(p, "s-reason"); /* HTTP.sys */

		query = text_of(p, "cs-uri-query");
		event_messagef(p, "%s %s %s%s%s%s: %s%s%s", text_of(p, "c-ip"),
			       text_of(p, "cs-method"), text_of(p, "cs-uri-stem"),
			       text_of(p, "cs-uri"), *query ? "?" : "", query,
			       text_of(p, "sc-status"), *reason ? " " : "", reason);
		/* What was asked for as one text, as access logs have it. */
		if (*text_of(p, "cs-uri-stem") && !*text_of(p, "cs-uri"))
			event_addf(p, "cs-uri", "%s%s%s", text_of(p, "cs-uri-stem"),
				   *query ? "?" : "", query);
		for (size_t k = 0; k < p->count; k++)
			if (view_is(p->names[k], "cs-username"))
				event_user(p, p->values[k]);
	}
	return event_emit(p);
}

static int parse(struct parse *p, struct view bytes)
{
	struct columns c = {.day = TIME_NONE};
	struct textfile t;
	struct view line;
	int status = OK;

	textfile_open(&t, bytes);
	while (status >= 0 && textfile_line(&t, &line)) {
		line = view_trim(line);
		if (!line.len)
			continue;
		if (line.data[0] == '#')
			directive(p, &c, line);
		else if (c.count)
			status = c.commas ? row(p, &c, line, &t) : record(p, &c, line, &t);
		else
			status = parse_lost(p, t.offset, "line %llu stands before any #Fields:",
					    (unsigned long long)t.line);
	}
	textfile_release(&t);
	return status;
}

const struct parser parser_w3c_log = {
	.name = "w3c_log",
	.title = "W3C extended logs (IIS, HTTP.sys errors, Windows firewall, Exchange)",
	.version = 2,
	.probe = probe,
	.parse = parse,
};
