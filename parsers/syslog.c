/*
 * Syslog files as the daemons write them, told by their lines and not by their names (auth.log,
 * secure, messages, syslog, cron, maillog, kern.log, ...): BSD lines "Nov 23 10:20:30 host
 * program[pid]: text" (RFC 3164, 4.1), RFC 5424 with its priority and structured data, and
 * rsyslog's "2026-11-23T10:20:30.123+01:00 host program[pid]: text", also with a severity in the
 * place of the host (ChromeOS). A line that begins like none of them goes on with the message
 * before it.
 *
 * BSD lines have no year. The last line of the file is not later than the file's own time; from
 * there back every jump from a month to a much later one is a turn of the year. Their clock is the
 * host's own zone, which no line tells: read as UTC, and both flagged.
 */
#include "parsers/sysmon_message.h"
#include "parsers/unix_message.h"

struct header {
	int64_t ts;
	unsigned flags;
	bool zoned, bsd, modern; /* modern: RFC 5424 */
	unsigned month;		 /* of a BSD line */
	size_t used;		 /* bytes of the header: the message begins behind them */
	uint64_t priority;	 /* UINT64_MAX: none */
	struct view host, program, pid, severity, message_id, structured;
	size_t tag; /* where the program begins */
};

static bool digit(struct view v, size_t at)
{
	return at < v.len && v.data[at] >= '0' && v.data[at] <= '9';
}

static unsigned two(struct view v, size_t at)
{
	return (unsigned)(v.data[at] - '0') * 10 + (unsigned)(v.data[at + 1] - '0');
}

static bool clock_at(struct view v, size_t at, unsigned hms[3])
{
	if (!view_has(v, at, 8) || !digit(v, at) || !digit(v, at + 1) || v.data[at + 2] != ':' ||
	    !digit(v, at + 3) || !digit(v, at + 4) || v.data[at + 5] != ':' || !digit(v, at + 6) ||
	    !digit(v, at + 7))
		return false;
	hms[0] = two(v, at);
	hms[1] = two(v, at + 3);
	hms[2] = two(v, at + 6);
	return hms[0] < 24 && hms[1] < 60 && hms[2] <= 60;
}

/* "Nov 23 10:20:30" or "Nov  3 10:20:30", perhaps with a year behind the day (Cisco) or a fraction
 * (RFC 3164, 4.1.2). */
static bool bsd_time(struct view v, size_t *at, int64_t year, struct header *h)
{
	unsigned day, hms[3], nano = 0, scale = 100000000;
	size_t i = *at + 3;

	if (!view_has(v, *at, 15) || v.data[i] != ' ')
		return false;
	h->month = time_month(view_sub(v, *at, 3));
	if (!h->month)
		return false;
	i++;
	if (v.data[i] == ' ')
		i++;
	if (!digit(v, i))
		return false;
	day = (unsigned)(v.data[i++] - '0');
	if (digit(v, i))
		day = day * 10 + (unsigned)(v.data[i++] - '0');
	if (i >= v.len || v.data[i++] != ' ' || day < 1 || day > 31)
		return false;
	h->flags = EVENT_YEAR_INFERRED | EVENT_ZONE_ASSUMED | EVENT_SECOND_PRECISION;
	if (view_has(v, i, 5) && digit(v, i) && digit(v, i + 1) && digit(v, i + 2) &&
	    digit(v, i + 3) && v.data[i + 4] == ' ') {
		year = two(v, i) * 100 + two(v, i + 2);
		h->flags &= ~(unsigned)EVENT_YEAR_INFERRED;
		i += 5;
	}
	if (!clock_at(v, i, hms))
		return false;
	i += 8;
	if (i < v.len && v.data[i] == '.' && digit(v, i + 1)) {
		for (i++; digit(v, i); i++, scale /= 10)
			nano += (unsigned)(v.data[i] - '0') * scale;
		h->flags &= ~(unsigned)EVENT_SECOND_PRECISION;
	}
	h->ts = year ? time_from_civil(year, h->month, day, hms[0], hms[1], hms[2], nano)
		     : TIME_NONE;
	h->bsd = (h->flags & EVENT_YEAR_INFERRED) != 0;
	*at = i;
	return true;
}

static bool word(struct view v, size_t *at, struct view *out)
{
	size_t start = *at, i = start;

	while (i < v.len && v.data[i] != ' ')
		i++;
	*out = view_sub(v, start, i - start);
	if (out->len == 1 && out->data[0] == '-')
		*out = VIEW_EMPTY;
	*at = i < v.len ? i + 1 : i;
	return i > start;
}

/* [id name="value" ...][...]; RFC 5424, 6.3: a quote, backslash or bracket in a value has a
 * backslash. */
static bool structured(struct view v, size_t *at, struct view *out)
{
	size_t i = *at;
	bool quoted = false;

	if (i < v.len && v.data[i] == '-' && (i + 1 == v.len || v.data[i + 1] == ' ')) {
		*at = i + 1;
		return true;
	}
	while (i < v.len && v.data[i] == '[') {
		for (i++; i < v.len && (quoted || v.data[i] != ']'); i++) {
			if (v.data[i] == '\\')
				i++;
			else if (v.data[i] == '"')
				quoted = !quoted;
		}
		if (i >= v.len)
			return false;
		i++;
	}
	*out = view_sub(v, *at, i - *at);
	*at = i;
	return out->len > 0;
}

static bool severity_word(struct view w)
{
	static const char *const words[] = {"EMERG",
					    "ALERT",
					    "CRIT",
					    "ERR",
					    "ERROR",
					    "WARNING",
					    "WARN",
					    "NOTICE",
					    "INFO",
					    "DEBUG",
					    /* dnf */ "CRITICAL",
					    "SUBDEBUG",
					    "DDEBUG",
					    "TRACE"};

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (view_is(w, words[i]))
			return true;
	return false;
}

/* program[pid]: or program: at `at`; fills the program and gives where the text begins, or false.
 */
static bool tag_at(struct view v, size_t at, struct header *h)
{
	size_t i = at;

	while (i < v.len && i - at < 128 && v.data[i] > ' ' && v.data[i] != '[' &&
	       !(v.data[i] == ':' && (i + 1 >= v.len || v.data[i + 1] == ' ')))
		i++;
	if (i == at || i >= v.len || (v.data[i] != '[' && v.data[i] != ':'))
		return false;
	h->program = view_sub(v, at, i - at);
	h->tag = at;
	if (v.data[i] == '[') {
		size_t start = ++i;

		while (i < v.len && v.data[i] > ' ' && v.data[i] != ']')
			i++;
		if (i >= v.len || v.data[i] != ']')
			return false;
		h->pid = view_sub(v, start, i - start);
		i++;
		/* macOS: "program[pid] <Notice>: text" */
		if (view_starts(view_from(v, i), " <", 2)) {
			size_t close = view_find(v, i, ">:", 2);

			if (close - i < 16) {
				h->severity = view_sub(v, i + 2, close - i - 2);
				i = close + 1;
			}
		}
		if (i < v.len && v.data[i] == ':')
			i++;
		else if (i < v.len && v.data[i] != ' ')
			return false;
	} else {
		i++;
	}
	while (i < v.len && v.data[i] == ' ')
		i++;
	h->used = i;
	return true;
}

/* Reads what stands before the message; `year` for BSD lines. False when the line begins like no
 * syslog line. */
static bool read_header(struct view v, int64_t year, struct header *h)
{
	size_t at = 0, used;
	struct view first;

	*h = (struct header){.ts = TIME_NONE, .priority = UINT64_MAX};
	if (v.len < 15)
		return false;
	if (v.data[0] == '<') {
		size_t close = view_find(view_clip(v, 0, 5), 1, ">", 1);

		if (close < 2 || !view_decimal(view_sub(v, 1, close - 1), &h->priority) ||
		    h->priority > 191)
			return false;
		at = close + 1;
		if (view_starts(view_from(v, at), "1 ", 2)) {
			struct view when;
			bool zoned;

			at += 2;
			if (!word(v, &at, &when) ||
			    (when.len && !time_parse_iso(when, &h->ts, &zoned, NULL)))
				return false;
			h->zoned = h->modern = true;
			if (!word(v, &at, &h->host))
				return false;
			h->tag = at;
			if (!word(v, &at, &h->program) || !word(v, &at, &h->pid) ||
			    !word(v, &at, &h->message_id) || !structured(v, &at, &h->structured))
				return false;
			while (at < v.len && v.data[at] == ' ')
				at++;
			if (view_starts(view_from(v, at), "\xef\xbb\xbf",
					3)) /* RFC 5424, 6.4: BOM */
				at += 3;
			h->used = at;
			return true;
		}
	}
	if (at < v.len && v.data[at] >= 'A') {
		if (!bsd_time(v, &at, year, h))
			return false;
	} else {
		if (!view_has(v, at, 20) || v.data[at + 10] != 'T' ||
		    !time_parse_iso(view_clip(v, at, 40), &h->ts, &h->zoned, &used))
			return false;
		at += used;
		if (!h->zoned)
			h->flags |= EVENT_ZONE_ASSUMED;
	}
	if (at < v.len && v.data[at] == ':')
		at++;
	if (at >= v.len || v.data[at] != ' ')
		return false;
	while (at < v.len && v.data[at] == ' ')
		at++;
	h->tag = h->used = at;
	if (v.data[at - 2] == ':') /* "Nov 18 01:15:43: --- last message repeated ---": nobody's */
		return true;
	/* Without a host the first word is the program. */
	if (!tag_at(v, at, h)) {
		(void)word(v, &at, &first);
		if (severity_word(first))
			h->severity = first;
		else
			h->host = first;
		while (at < v.len && v.data[at] == ' ')
			at++;
		h->tag = h->used = at;
		(void)tag_at(v, at, h);
	}
	return true;
}

static bool log_name(const char *name)
{
	static const char *const names[] = {"syslog*",	   "messages*",	  "secure*",  "auth.log*",
					    "kern.log*",   "cron*",	  "maillog*", "mail.*",
					    "daemon.log*", "user.log*",	  "debug*",   "boot.log*",
					    "*sudo.log*",  "system.log*", "yum.log*", "dnf*.log*"};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (view_glob(view_text(name), names[i]))
			return true;
	return false;
}

static int probe(const struct probe *p)
{
	struct view rest = p->head, line;
	unsigned good = 0, seen = 0, tagged = 0;
	struct header h;

	while (seen < 20 && view_line(&rest, &line)) {
		if (rest.len == 0 && p->size > p->head.len)
			break; /* cut by the end of what we see */
		if (line.len == 0)
			continue;
		if (memchr(line.data, 0, line.len))
			return BID_NO;
		if (read_header(line, 2000, &h)) {
			good++;
			tagged += h.program.len > 0;
		} else if (seen == 0 && !log_name(p->name)) {
			return BID_NO;
		}
		seen++;
	}
	if (good == 0 || tagged * 3 < good || good * 4 < seen)
		return BID_NO;
	return log_name(p->name) ? BID_BOTH : BID_CONTENT;
}

static int emit(struct parse *p, struct view record, const struct header *h, uint64_t offset,
		uint64_t line)
{
	struct view message = view_from(record, h->used), all = view_from(record, h->tag);
	struct unix_message m;
	uint64_t pid;

	while (message.len &&
	       (message.data[message.len - 1] == '\n' || message.data[message.len - 1] == '\r'))
		message.len--;
	while (all.len && (all.data[all.len - 1] == '\n' || all.data[all.len - 1] == '\r'))
		all.len--;
	event_start(p, KIND_OTHER, h->ts, h->ts == TIME_NONE ? "Not a time" : "Recorded Time",
		    offset);
	p->event.record = line;
	p->event.flags = h->flags | (record.len > LIMIT_LINE ? EVENT_CUT : 0);
	message = view_clip(message, 0, LIMIT_LINE);
	unix_message_read(&m, h->program, message);
	if (h->ts == TIME_NONE)
		event_add(p, "RawTime", value_view(view_trim(view_clip(record, 0, 32))));
	event_add(p, "Program", h->program.len ? value_view(h->program) : value_text(NULL));
	if (view_decimal(h->pid, &pid))
		event_add(p, "ProcessId", value_unsigned(pid));
	else
		event_add(p, "ProcessId", h->pid.len ? value_view(h->pid) : value_text(NULL));
	if (h->priority != UINT64_MAX) {
		event_add(p, "Facility", value_text(syslog_facility(h->priority / 8)));
		event_add(p, "Severity", value_text(syslog_severity(h->priority % 8)));
	} else {
		event_add(p, "Severity",
			  h->severity.len ? value_view(h->severity) : value_text(NULL));
	}
	event_add(p, "MessageId", h->message_id.len ? value_view(h->message_id) : value_text(NULL));
	event_add(p, "StructuredData",
		  h->structured.len ? value_view(h->structured) : value_text(NULL));
	event_add(p, "Message", value_view(message));
	if (h->host.len)
		event_host(p, value_view(h->host));
	if (sysmon_message_add(p, h->program, message))
		return event_emit(p);
	unix_message_add(p, &m);
	if (h->modern)
		event_messagef(
			p, h->pid.len ? "%.*s[%.*s]: %.*s" : "%.*s%.*s: %.*s", (int)h->program.len,
			(const char *)h->program.data, (int)h->pid.len, (const char *)h->pid.data,
			message.len > 4096 ? 4096 : (int)message.len, (const char *)message.data);
	else
		p->event.message = value_view(view_clip(all, 0, 4096));
	return event_emit(p);
}

/* Year of the first BSD line: that of the last one, less the turns of the year between them. */
static int64_t first_year(struct parse *p, struct view bytes)
{
	struct view rest = bytes, line;
	struct header h, last = {0};
	int64_t latest = p->mtime == TIME_NONE || p->mtime > p->now ? p->now : p->mtime,
		year = time_to_civil(latest).year, turns = 0;
	struct view last_line = VIEW_EMPTY;
	size_t at;

	while (view_line(&rest, &line)) {
		parse_release(p, (uint64_t)(line.data - bytes.data));
		at = 0;
		if (line.len && line.data[0] == '<')
			at = view_find(view_clip(line, 0, 5), 1, ">", 1) + 1;
		h = (struct header){0};
		if (at >= line.len || line.data[at] < 'A' || !bsd_time(line, &at, 0, &h) || !h.bsd)
			continue;
		/* A month back is disorder (several programs write, clocks are set); more is a new
		 * year. */
		if (last.month > h.month + 1)
			turns++;
		last = h;
		last_line = line;
	}
	p->released = 0;
	at = last_line.len && last_line.data[0] == '<' ? view_find(last_line, 0, ">", 1) + 1 : 0;
	if (last_line.len && bsd_time(last_line, &at, year, &h) && h.ts != TIME_NONE &&
	    h.ts > latest + 2 * 86400 * TIME_SECOND)
		year--;
	return year - turns;
}

static int parse(struct parse *p, struct view bytes)
{
	struct view rest = bytes, line, record = VIEW_EMPTY;
	struct header h, next;
	int64_t year = first_year(p, bytes);
	uint64_t number = 0, first = 0;
	unsigned month = 0;
	bool have = false, told = false;
	int status = OK;

	while (status >= 0 && view_line(&rest, &line)) {
		uint64_t offset = (uint64_t)(line.data - bytes.data);

		number++;
		if (!read_header(line, year, &next)) {
			if (have)
				record.len = (size_t)(line.data + line.len - record.data);
			else if (line.len && !told) {
				told = true;
				status = parse_lost(p, offset, "begins like no syslog line");
			}
			continue;
		}
		if (have)
			status = emit(p, record, &h, (uint64_t)(record.data - bytes.data), first);
		if (next.bsd) {
			if (month > next.month + 1) {
				year++;
				(void)read_header(line, year, &next);
			}
			month = next.month;
		}
		parse_release(p, offset);
		h = next;
		record = line;
		first = number;
		have = true;
	}
	if (have && status >= 0)
		status = emit(p, record, &h, (uint64_t)(record.data - bytes.data), first);
	return status;
}

const struct parser parser_syslog = {
	.name = "syslog",
	.title = "Syslog files (RFC 3164, RFC 5424, rsyslog)",
	.version = 1,
	.probe = probe,
	.parse = parse,
};
