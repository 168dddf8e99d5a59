/*
 * Text logs of servers:
 *
 *	PostgreSQL (log_line_prefix of Debian and default: "TIME ZONE [PID] USER@DB LEVEL:  text")
 *	Confluence, Jira, Bitbucket ("TIME,MS LEVEL [thread] text", local)
 *	Bitbucket's audit log ("ADDRESS | event | user | ms since 1970 | entity | details | ...")
 *	Microsoft SQL Server's ERRORLOG ("TIME process      text", local), MySQL's and MariaDB's error log
 *	("TIMEZ thread [Level] [code] [part] text")
 *	Tomcat ("01-May-2020 10:00:00.123 SEVERE [thread] class text", local)
 *	OpenSSH on Windows ("PID TIME text", local)
 *	programs with Google's logging library ("I0718 06:07:40.123456 12345 file.cc:65] text"; its head
 *	has the year)
 */
#include "parsers/textfile.h"
#include "parsers/unix_message.h"

enum format { NONE, POSTGRESQL, ATLASSIAN, BITBUCKET_AUDIT, GLOG, MSSQL, MYSQL, TOMCAT, OPENSSH };

struct entry {
	int64_t ts;
	struct view level, process, user, database, component, text;
	uint64_t offset, line;
	bool zoned;
};

#define TEXT_MAX 16384 /* bytes of an entry's lines that are kept */

static bool level_of(struct view v)
{
	static const char *const levels[] = {"TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL"};

	for (size_t i = 0; i < sizeof(levels) / sizeof(levels[0]); i++)
		if (view_is(v, levels[i]))
			return true;
	return false;
}

/* "2022-04-12 00:16:05.526 UTC [7755] alice@shop LOG:  text" */
static bool postgresql(struct view line, struct entry *e)
{
	static const char *const levels[] = {"LOG",	"ERROR", "FATAL",  "PANIC",  "WARNING",
					     "NOTICE",	"INFO",	 "DETAIL", "HINT",   "STATEMENT",
					     "CONTEXT", "QUERY", "DEBUG1", "DEBUG2", "DEBUG3"};
	struct view rest, zone, head, number;
	size_t used;
	uint64_t n;

	*e = (struct entry){.ts = TIME_NONE};
	if (!time_scan(line, "%Y-%m-%d %H:%M:%S.%f ", &e->ts, &used) &&
	    !time_scan(line, "%Y-%m-%d %H:%M:%S ", &e->ts, &used))
		return false;
	rest = view_from(line, used);
	if (!view_token(&rest, ' ', &zone) || !view_begins(rest, "[") ||
	    !view_cut(&rest, "]", &number))
		return false;
	number = view_from(number, 1);
	e->process = view_clip(number, 0, view_index(number, "-")); /* "[7755-1]" */
	if (!view_decimal(e->process, &n))
		return false;
	e->zoned = view_is(zone, "UTC") || view_is(zone, "GMT") || view_is(zone, "Etc/UTC");
	if (zone.len >= 3 && (zone.data[0] == '+' || zone.data[0] == '-')) {
		int64_t east;

		if (time_scan(zone, "%z", &east, NULL)) {
			e->ts += east; /* of 1970-01-01T00:00: minus the zone */
			e->zoned = true;
		}
	}
	rest = view_trim(rest);
	if (view_begins(rest, ":"))
		rest = view_trim(view_from(rest, 1));
	if (!view_cut(&rest, ":  ", &head))
		return false;
	e->level = head;
	for (size_t i = head.len; i > 0; i--) {
		if (head.data[i - 1] == ' ') {
			struct view who = view_trim(view_clip(head, 0, i - 1));

			e->level = view_from(head, i);
			if (view_index(who, "@") < who.len)
				(void)view_cut(&who, "@", &e->user);
			e->database = who;
			break;
		}
	}
	e->text = view_trim(rest);
	for (size_t i = 0; i < sizeof(levels) / sizeof(levels[0]); i++)
		if (view_is(e->level, levels[i]))
			return true;
	return false;
}

/* Level before or behind the thread in brackets or bare. */
static bool atlassian(struct view line, struct entry *e)
{
	struct view rest, word, thread;
	size_t used;

	*e = (struct entry){.ts = TIME_NONE};
	if (!time_scan(line, "%Y-%m-%d %H:%M:%S,%f ", &e->ts, &used))
		return false;
	rest = view_trim(view_from(line, used));
	/* "[-0700]" stands behind the time where the zone is logged. */
	(void)view_token(&rest, ' ', &word);
	if (!level_of(word)) { /* Jira: the thread first */
		thread = word;
		rest = view_trim(rest);
		(void)view_token(&rest, ' ', &word);
		if (!level_of(word))
			return false;
		e->component = thread;
	}
	e->level = word;
	rest = view_trim(rest);
	if (view_begins(rest, "[") && !e->component.len && view_cut(&rest, "]", &thread))
		e->component = view_from(thread, 1);
	e->text = view_trim(rest);
	return true;
}

/* "I0718 06:07:40.123456 12345 file.cc:65] text" */
static bool glog(struct view line, struct entry *e)
{
	struct view rest, place;
	unsigned digits = 0;
	int64_t day, since;
	size_t used;
	uint64_t n;

	*e = (struct entry){.ts = TIME_NONE};
	if (line.len < 25 || !strchr("IWEF", line.data[0]))
		return false;
	while (digits < 4 && line.data[1 + digits] >= '0' && line.data[1 + digits] <= '9')
		digits++;
	/* Of the leap year that time_in_year starts from. */
	day = digits < 4 ? TIME_NONE
			 : time_from_civil(1972, (line.data[1] - 48u) * 10 + (line.data[2] - 48u),
					   (line.data[3] - 48u) * 10 + (line.data[4] - 48u), 0, 0,
					   0, 0);
	if (day == TIME_NONE || !time_scan(view_from(line, 5), " %H:%M:%S.%f ", &since, &used))
		return false;
	e->ts = day + since;
	rest = view_trim(view_from(line, 5 + used));
	(void)view_token(&rest, ' ', &e->process);
	if (!view_decimal(e->process, &n) || !view_cut(&rest, "] ", &place))
		return false;
	e->component = place;
	e->level = view_text(line.data[0] == 'I'   ? "INFO"
			     : line.data[0] == 'W' ? "WARNING"
			     : line.data[0] == 'E' ? "ERROR"
						   : "FATAL");
	e->text = rest;
	return true;
}

/* "2020-05-01 10:00:00.12 Logon       Login failed for user 'sa'." */
static bool mssql(struct view line, struct entry *e)
{
	struct view rest;
	size_t used;

	*e = (struct entry){.ts = TIME_NONE};
	if (!time_scan(line, "%Y-%m-%d %H:%M:%S.%f ", &e->ts, &used) || used < 22 || used > 27)
		return false;
	rest = view_from(line, used);
	/* The process is padded to 12 letters. */
	e->component = view_trim(view_clip(rest, 0, 12));
	e->text = view_trim(view_from(rest, 12));
	return (view_begins(e->component, "spid") || view_is(e->component, "Server") ||
		view_is(e->component, "Logon") || view_is(e->component, "Backup") ||
		view_is(e->component, "Error")) &&
	       e->text.len;
}

/* "2020-05-01T10:00:00.123456Z 8 [Note] [MY-010926] [Server] text" */
static bool mysql(struct view line, struct entry *e)
{
	struct view rest = line, when, part;
	uint64_t n;

	*e = (struct entry){.ts = TIME_NONE};
	if (!view_token(&rest, ' ', &when) || when.len < 20 || when.data[10] != 'T' ||
	    !time_parse_iso(when, &e->ts, &e->zoned, NULL))
		return false;
	rest = view_trim(rest);
	if (!view_token(&rest, ' ', &e->process) || !view_decimal(e->process, &n) ||
	    !view_begins(rest, "[") || !view_cut(&rest, "]", &part))
		return false;
	e->level = view_from(part, 1);
	if (!view_is(e->level, "Note") && !view_is(e->level, "Warning") &&
	    !view_is(e->level, "ERROR") && !view_is(e->level, "System"))
		return false;
	rest = view_trim(rest);
	while (view_begins(rest, "[") && view_cut(&rest, "]", &part)) {
		e->component = view_from(part, 1);
		rest = view_trim(rest);
	}
	e->text = rest;
	return true;
}

/* "01-May-2020 10:00:00.123 SEVERE [main] org.apache.catalina.core.X.y text" */
static bool tomcat(struct view line, struct entry *e)
{
	static const char *const levels[] = {"SEVERE", "WARNING", "INFO", "CONFIG", "FINE"};
	struct view rest, part;
	size_t used, i = 0;

	*e = (struct entry){.ts = TIME_NONE};
	if (!time_scan(line, "%d-%b-%Y %H:%M:%S.%f ", &e->ts, &used))
		return false;
	rest = view_from(line, used);
	(void)view_token(&rest, ' ', &e->level);
	while (i < 5 && !view_is(e->level, levels[i]))
		i++;
	rest = view_trim(rest);
	if (i == 5 || !view_begins(rest, "[") || !view_cut(&rest, "]", &part))
		return false;
	rest = view_trim(rest);
	(void)view_token(&rest, ' ', &e->component);
	e->text = view_trim(rest);
	return true;
}

/* "4242 2020-05-01 10:00:00.123 Accepted password for alice from 203.0.113.9 port 50123 ssh2" */
static bool openssh(struct view line, struct entry *e)
{
	struct view rest = line;
	size_t used;
	uint64_t n;

	*e = (struct entry){.ts = TIME_NONE};
	if (!view_token(&rest, ' ', &e->process) || !view_decimal(e->process, &n) ||
	    !time_scan(rest, "%Y-%m-%d %H:%M:%S.%f ", &e->ts, &used))
		return false;
	e->text = view_from(rest, used);
	return true;
}

static bool audit(struct view line, struct view *cells, int64_t *ts)
{
	struct view rest = line;
	uint64_t n;
	size_t count = 0;

	while (count < 8 && view_cut(&rest, " | ", &cells[count]))
		count++;
	if (count < 8)
		cells[count++] = rest;
	for (size_t i = count; i < 8; i++)
		cells[i] = VIEW_EMPTY;
	if (count < 6 || !view_decimal(cells[3], &n) || n < UINT64_C(900000000000) ||
	    n > UINT64_C(9000000000000))
		return false;
	*ts = time_from_unix_scaled((int64_t)n, 1000);
	return true;
}

static enum format format_of(struct view head)
{
	struct view line, cells[8];
	struct entry e;
	int64_t ts;

	if (view_index(view_clip(head, 0, 1024), "Log line format: [IWEF]mmdd") <
	    view_clip(head, 0, 1024).len)
		return GLOG;
	for (int i = 0; i < 5 && view_line(&head, &line); i++) {
		if (!view_trim(line).len)
			continue;
		if (postgresql(line, &e))
			return POSTGRESQL;
		if (atlassian(line, &e))
			return ATLASSIAN;
		if (mssql(line, &e))
			return MSSQL;
		if (mysql(line, &e))
			return MYSQL;
		if (tomcat(line, &e))
			return TOMCAT;
		if (openssh(line, &e))
			return OPENSSH;
		if (audit(line, cells, &ts))
			return BITBUCKET_AUDIT;
		if (glog(line, &e))
			return GLOG;
	}
	return NONE;
}

static int probe(const struct probe *p)
{
	char text[4096];

	switch (format_of(textfile_head(p, text, sizeof(text)))) {
	case NONE:
		return BID_NO;
	case ATLASSIAN: /* log4j's usual layout, which others write too */
		return BID_CONTENT - 10;
	default:
		return BID_CONTENT + 5;
	}
}

static const char *const products[] = {"",	     "PostgreSQL", "",	     "Bitbucket", "",
				       "SQL Server", "MySQL",	   "Tomcat", "OpenSSH"};

static const char *product_of(const struct parse *p, enum format format)
{
	static const char *const names[] = {"Confluence", "Jira", "Bitbucket"};
	static const char *const patterns[] = {"*confluence*", "*jira*", "*bitbucket*"};

	for (size_t i = 0; format == ATLASSIAN && i < 3; i++)
		if (view_glob(view_text(p->path), patterns[i]))
			return names[i];
	return products[format];
}

static bool says(struct view text, const char *words)
{
	return view_index(text, words) < text.len;
}

/* What each says in its own words; PostgreSQL with log_connections on. */
static const struct {
	enum format format;
	bool begins;
	const char *words;
	enum event_kind kind;
} known[] = {
	{POSTGRESQL, true, "connection authorized: ", KIND_LOGON},
	{POSTGRESQL, true, "disconnection: ", KIND_LOGOFF},
	{POSTGRESQL, false, "authentication failed for user", KIND_LOGON_FAILURE},
	{POSTGRESQL, true, "connection received: ", KIND_NETWORK_CONNECT},
	{POSTGRESQL, true, "database system is ready", KIND_SERVICE_START},
	{POSTGRESQL, true, "database system is shut down", KIND_SERVICE_STOP},
	{MSSQL, true, "Login failed for user", KIND_LOGON_FAILURE},
	{MSSQL, true, "Login succeeded for user", KIND_LOGON},
	{MSSQL, true, "Configuration option '", KIND_POLICY_CHANGE},
	{MSSQL, true, "SQL Server is starting", KIND_SERVICE_START},
	{MSSQL, true, "SQL Server is terminating", KIND_SERVICE_STOP},
	{MYSQL, true, "Access denied for user", KIND_LOGON_FAILURE},
	{MYSQL, false, "ready for connections", KIND_SERVICE_START},
	{MYSQL, false, "Shutdown complete", KIND_SERVICE_STOP},
};

static enum event_kind kind_of(enum format format, struct view text)
{
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (known[i].format == format &&
		    (known[i].begins ? view_begins(text, known[i].words)
				     : says(text, known[i].words)))
			return known[i].kind;
	return KIND_OTHER;
}

/* What stands between two texts. */
static void add_between(struct parse *p, struct view text, const char *from, const char *to,
			const char *field)
{
	struct view rest = text, skip, value;

	if (view_cut(&rest, from, &skip) && view_cut(&rest, to, &value) && value.len)
		event_add(p, field, value_view(value));
}

/* "host=203.0.113.9", "user=alice" */
static void add_pair(struct parse *p, struct view text, const char *key, const char *field)
{
	struct view rest = text, skip, value;

	if (!view_cut(&rest, key, &skip))
		return;
	(void)view_token(&rest, ' ', &value);
	if (value.len)
		event_add(p, field, value_view(value));
}

static int entry(struct parse *p, enum format format, const struct entry *e, int64_t year)
{
	const char *product = product_of(p, format);

	event_start(p, kind_of(format, e->text), e->ts, "Recorded Time", e->offset);
	p->event.record = e->line;
	p->event.flags |= e->zoned ? 0 : EVENT_ZONE_ASSUMED;
	if (format == GLOG && year) {
		struct civil c = time_to_civil(e->ts);

		p->event.ts = time_from_civil(year, c.month, c.day, c.hour, c.minute, c.second,
					      c.nanosecond);
	} else if (format == GLOG) {
		p->event.ts = time_in_year(p, e->ts);
	}
	if (p->event.ts == TIME_NONE)
		p->event.ts_desc = "Not a time";
	if (*product)
		event_add(p, "Product", value_text(product));
	if (e->level.len)
		event_add(p, "Level", value_view(e->level));
	if (e->process.len)
		event_add(p, "ProcessId", value_view(e->process));
	if (e->component.len)
		event_add(p, "Component", value_view(e->component));
	if (e->user.len) {
		event_add(p, "User", value_view(e->user));
		event_user(p, value_view(e->user));
	}
	if (e->database.len)
		event_add(p, "Database", value_view(e->database));
	if (format == POSTGRESQL) {
		add_pair(p, e->text, "host=", "IpAddress");
		add_pair(p, e->text, "user=", "TargetUserName");
	} else if (format == MSSQL) {
		add_between(p, e->text, "user '", "'", "TargetUserName");
		add_between(p, e->text, "[CLIENT: ", "]", "IpAddress");
	} else if (format == MYSQL) {
		add_between(p, e->text, "user '", "'@", "TargetUserName");
		add_between(p, e->text, "'@'", "'", "IpAddress");
	} else if (format == OPENSSH) {
		struct unix_message m;

		unix_message_read(&m, view_text("sshd"), e->text);
		unix_message_add(p, &m);
	}
	event_add(p, "Text", value_view(e->text));
	event_messagef(p, "%s%s%s: %s", product, *product && e->level.len ? " " : "",
		       parse_text(&p->scratch, e->level),
		       parse_text(&p->scratch, view_clip(e->text, 0, 4000)));
	return event_emit(p);
}

static int audited(struct parse *p, struct view *cells, int64_t ts, const struct textfile *t)
{
	event_start(p, KIND_OTHER, ts, "Recorded Time", t->offset);
	p->event.record = t->line;
	event_add(p, "Product", value_text("Bitbucket"));
	event_add(p, "IpAddress", value_view(cells[0]));
	event_add(p, "EventType", value_view(cells[1]));
	event_add(p, "User", value_view(cells[2]));
	event_user(p, value_view(cells[2]));
	if (!view_is(cells[4], "-"))
		event_add(p, "Object", value_view(cells[4]));
	if (!view_is(cells[5], "-"))
		event_add(p, "Details", value_view(cells[5]));
	event_messagef(p, "Bitbucket: %s: %s %s (%s)", parse_text(&p->scratch, cells[2]),
		       parse_text(&p->scratch, cells[1]), parse_text(&p->scratch, cells[4]),
		       parse_text(&p->scratch, cells[0]));
	return event_emit(p);
}

static int parse(struct parse *p, struct view bytes)
{
	struct textfile t;
	struct view line, cells[8];
	struct entry e, pending = {.ts = TIME_NONE};
	enum format format;
	int64_t year = 0, ts;
	bool any = false;
	int status = OK;

	textfile_open(&t, bytes);
	format = format_of(t.text);
	if (format == NONE)
		status = parse_fail(p, ERR_FORMAT, 0, "none of the logs that this parser knows");
	while (status >= 0 && textfile_line(&t, &line)) {
		bool good;

		if (format == BITBUCKET_AUDIT) {
			if (audit(line, cells, &ts))
				status = audited(p, cells, ts, &t);
			else if (line.len)
				status = parse_lost(p, t.offset, "no record of the audit log");
			continue;
		}
		if (format == GLOG && view_begins(line, "Log file created at: ") &&
		    time_scan(view_from(line, 21), "%Y/%m/%d", &ts, NULL))
			year = time_to_civil(ts).year;
		good = format == POSTGRESQL  ? postgresql(line, &e)
		       : format == ATLASSIAN ? atlassian(line, &e)
		       : format == MSSQL     ? mssql(line, &e)
		       : format == MYSQL     ? mysql(line, &e)
		       : format == TOMCAT    ? tomcat(line, &e)
		       : format == OPENSSH   ? openssh(line, &e)
					     : glog(line, &e);
		if (!good) {
			/* Lines of the text lie one behind the other: the entry is one span. */
			if (any && line.data && pending.text.data)
				pending.text.len =
					(size_t)(line.data - pending.text.data) + line.len;
			if (pending.text.len > TEXT_MAX)
				pending.text.len = TEXT_MAX;
			continue;
		}
		if (any)
			status = entry(p, format, &pending, year);
		pending = e;
		pending.offset = t.offset;
		pending.line = t.line;
		any = true;
	}
	if (status >= 0 && any)
		status = entry(p, format, &pending, year);
	textfile_release(&t);
	return status;
}

const struct parser parser_server_log = {
	.name = "server_log",
	.title = "Logs of servers (SQL Server, MySQL, PostgreSQL, Tomcat, Confluence, Jira, "
		 "Bitbucket, "
		 "OpenSSH on Windows, glog)",
	.version = 1,
	.probe = probe,
	.parse = parse,
};
