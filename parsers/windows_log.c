/*
 * Text logs of Windows itself, one line (or two) an entry, in local time:
 *
 *	PFRO.log	renames and deletions that waited for a restart
 *	SchedLgU.txt	the task scheduler of Windows XP and 2003, and of AT jobs
 *	CBS.log, DISM.log, setupact.log	"DATE, LEVEL  COMPONENT  text"
 *	WindowsUpdate.log	to Windows 8.1, with tabs; what Get-WindowsUpdateLog makes of Windows 10's
 *	NetSetup.LOG	joining and leaving a domain
 *	DhcpSrvLog-*.log	leases that a DHCP server gave (Microsoft, "Analyze DHCP Server Log Files")
 *	dns.log		a DNS server's debug log: packets, its header names the columns
 */
#include "parsers/textfile.h"

#include <stdlib.h>

enum format { NONE, PFRO, SCHEDLGU, SERVICING, UPDATE, NETSETUP, DHCP, DNS };

static bool level_word(struct view v)
{
	static const char *const words[] = {"Info", "Warning", "Error", "Perf", "FatalError"};

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (view_is(v, words[i]))
			return true;
	return false;
}

#define SERVICING_TIME "%Y-%m-%d %H:%M:%S, "
#define UPDATE_OLD     "%Y-%m-%d\t%H:%M:%S:%f"
#define UPDATE_NEW     "%Y/%m/%d %H:%M:%S.%f "
#define NETSETUP_TIME  "%m/%d/%Y %H:%M:%S:%f "
#define DNS_HEAD       "DNS Server log file creation at "

static enum format format_of(struct view head, const char *name)
{
	struct view line, level;
	size_t used;
	int64_t ts;

	if (view_index(head, "Microsoft DHCP Service Activity Log") < head.len ||
	    view_index(head, "Microsoft Windows DHCP Service Activity Log") < head.len ||
	    view_index(head, "DHCPv6 Service Activity Log") < head.len)
		return DHCP;
	if (view_index(head, DNS_HEAD) < head.len)
		return DNS;
	for (int i = 0; i < 8 && view_line(&head, &line); i++) {
		if (view_begins(line, "\"Task Scheduler Service\""))
			return SCHEDLGU;
		if (time_scan(line, SERVICING_TIME, NULL, &used)) {
			struct view rest = view_from(line, used);

			(void)view_token(&rest, ' ', &level);
			if (level_word(level))
				return SERVICING;
		}
		if (time_scan(line, UPDATE_OLD, NULL, NULL))
			return UPDATE;
		if (view_glob(view_text(name), "*windowsupdate*.log") &&
		    time_scan(line, UPDATE_NEW, NULL, NULL))
			return UPDATE;
		if (view_glob(view_text(name), "netsetup.*") &&
		    time_scan(line, NETSETUP_TIME, NULL, NULL))
			return NETSETUP;
		if (time_scan_local(line, &ts, &used) &&
		    view_begins(view_from(line, used), " - PFRO "))
			return PFRO;
		if (time_scan_local(line, &ts, &used) && view_index(line, " PACKET  ") < line.len)
			return DNS;
	}
	return view_glob(view_text(name), "schedlgu.txt") ? SCHEDLGU : NONE;
}

static int probe(const struct probe *p)
{
	char text[4096];
	enum format f = format_of(textfile_head(p, text, sizeof(text)), p->name);

	return f == NONE				 ? BID_NO
	       : f == SCHEDLGU || f == PFRO || f == DHCP ? BID_MAGIC
							 : BID_CONTENT + 8;
}

static void start(struct parse *p, enum event_kind kind, int64_t ts, const struct textfile *t,
		  const char *product)
{
	event_start(p, kind, ts, "Recorded Time", t->offset);
	p->event.record = t->line;
	p->event.flags |= EVENT_ZONE_ASSUMED;
	event_add(p, "Product", value_text(product));
}

/* A line that goes on with the one before belongs to it, and says no more than it. */
static bool blank(struct view v)
{
	return view_trim(v).len == 0;
}

/* "5/1/2020 10:00:32 - PFRO Error: \??\C:\x.dll, |delete operation|, 0xc0000034" */
static int pfro(struct parse *p, struct view line, const struct textfile *t)
{
	struct view rest, text, name, operation = VIEW_EMPTY, skip;
	int64_t ts;
	size_t used, n;
	bool error;

	if (!time_scan_local(line, &ts, &used))
		return OK;
	text = view_from(line, used);
	text = view_begins(text, " - ") ? view_from(text, 3) : view_trim(text);
	error = view_begins(text, "PFRO Error");
	rest = text;
	start(p, KIND_OTHER, ts, t, "Pending file renames");
	if (view_cut(&rest, "\\??\\", &skip)) {
		for (n = 0; n < rest.len && rest.data[n] != '|' && rest.data[n] != ','; n++)
			;
		name = view_trim(view_clip(rest, 0, n));
		event_add(p, "TargetFilename", value_view(name));
	}
	rest = text;
	if (view_cut(&rest, "|", &skip) && view_cut(&rest, "|", &operation))
		event_add(p, "Operation", value_view(view_trim(operation)));
	else if (rest.data && rest.len)
		event_add(p, "Operation", value_view(view_trim(operation = rest)));
	if (!error && view_begins(view_trim(operation), "delete"))
		p->event.kind = KIND_FILE_DELETE;
	if (!error && view_begins(view_trim(operation), "rename"))
		p->event.kind = KIND_FILE_RENAME;
	event_add(p, "Text", value_view(text));
	event_messagef(p, "At restart: %s", parse_text(&p->scratch, view_clip(text, 0, 4000)));
	return event_emit(p);
}

/*
 * "NAME.job" (PROGRAM)
 *	Started 14-9-2003 13:21:01	("Finished ...", "Exited at ...", "** ERROR **")
 *	Result: The task completed with an exit code of (65).
 */
static int schedlgu(struct parse *p, struct textfile *t)
{
	struct view line, job = VIEW_EMPTY, program = VIEW_EMPTY;
	bool pending = false;
	int status = OK;

	while (status >= 0) {
		bool more = textfile_line(t, &line);
		struct view rest, state, skip;
		int64_t ts;
		size_t at;

		if (more && !blank(line) && line.data[0] != '"' && pending) {
			struct view code = line;

			/* The last line of an entry: its result. */
			if (view_index(line, "(") < line.len && view_cut(&code, "(", &skip) &&
			    view_cut(&code, ")", &skip))
				event_add(p, "ExitCode", value_view(skip));
			if (!view_begins(view_trim(line), "["))
				event_add(p, "Result", value_view(view_trim(line)));
		}
		if (pending) {
			status = event_emit(p);
			pending = false;
		}
		if (!more)
			break;
		if (line.len && line.data[0] == '"') {
			rest = view_from(line, 1);
			(void)view_cut(&rest, "\"", &job);
			program = VIEW_EMPTY;
			if (view_cut(&rest, "(", &skip))
				(void)view_cut(&rest, ")", &program);
			continue;
		}
		rest = view_trim(line);
		for (at = 0; at < rest.len && (rest.data[at] < '0' || rest.data[at] > '9'); at++)
			;
		if (at == rest.len || !job.len || !time_scan_local(view_from(rest, at), &ts, NULL))
			continue;
		state = view_trim(view_clip(rest, 0, at));
		if (state.len > 3 && view_is(view_from(state, state.len - 3), " at"))
			state.len -= 3;
		start(p, program.len ? KIND_TASK_RUN : KIND_OTHER, ts, t, "Task scheduler");
		event_add(p, "TaskName", value_view(job));
		if (program.len)
			event_add(p, "CommandLine", value_view(program));
		event_add(p, "State", value_view(state));
		event_messagef(p, "%s %s%s%s%s", parse_text(&p->scratch, job),
			       program.len ? "(" : "", parse_text(&p->scratch, program),
			       program.len ? ") " : "", parse_text(&p->scratch, state));
		pending = true;
	}
	return status;
}

static void log_text(struct parse *p, const char *product, struct view component, struct view text)
{
	if (component.len)
		event_add(p, "Component", value_view(component));
	event_add(p, "Text", value_view(text));
	event_messagef(p, "%s: %s%s%s", product, parse_text(&p->scratch, component),
		       component.len ? ": " : "",
		       parse_text(&p->scratch, view_clip(text, 0, 4000)));
}

/* "2019-03-19 04:43:52, Info                  CBS    text" */
static int servicing(struct parse *p, struct view line, const struct textfile *t)
{
	struct view rest, level, component = VIEW_EMPTY;
	int64_t ts;
	size_t used;

	if (!time_scan(line, SERVICING_TIME, &ts, &used))
		return OK;
	rest = view_from(line, used);
	(void)view_token(&rest, ' ', &level);
	rest = view_trim(rest);
	if (!view_begins(rest, "[")) {
		struct view after = rest;

		(void)view_token(&after, ' ', &component);
		if (component.len <= 8 && after.data)
			rest = view_trim(after);
		else
			component = VIEW_EMPTY;
	}
	start(p, KIND_OTHER, ts, t, "Windows servicing");
	event_add(p, "Level", value_view(level));
	log_text(p, "Windows servicing", component, rest);
	return event_emit(p);
}

static int update(struct parse *p, struct view line, const struct textfile *t)
{
	struct view rest, pid, tid, component;
	int64_t ts;
	size_t used;
	char sep = '\t';

	if (!time_scan(line, UPDATE_OLD, &ts, &used)) {
		if (!time_scan(line, UPDATE_NEW, &ts, &used))
			return OK;
		sep = ' ';
	}
	rest = view_trim(view_from(line, used));
	(void)view_token(&rest, sep, &pid);
	rest = view_trim(rest);
	(void)view_token(&rest, sep, &tid);
	rest = view_trim(rest);
	(void)view_token(&rest, sep, &component);
	rest = view_trim(rest);
	start(p, KIND_OTHER, ts, t, "Windows Update");
	event_add(p, "ProcessId", value_view(view_trim(pid)));
	event_add(p, "ThreadId", value_view(view_trim(tid)));
	log_text(p, "Windows Update", view_trim(component), rest);
	return event_emit(p);
}

static int netsetup(struct parse *p, struct view line, const struct textfile *t)
{
	int64_t ts;
	size_t used;

	if (!time_scan(line, NETSETUP_TIME, &ts, &used))
		return OK;
	start(p, KIND_OTHER, ts, t, "Domain join");
	log_text(p, "Domain join", VIEW_EMPTY, view_trim(view_from(line, used)));
	return event_emit(p);
}

/* ---- DHCP ---- */

static const struct {
	unsigned id;
	const char *what;
} dhcp_events[] = {
	{0, "the log was started"},
	{1, "the log was stopped"},
	{2, "the log was paused, the disk is full"},
	{10, "got a new lease"},
	{11, "renewed its lease"},
	{12, "gave its lease back"},
	{13, "has an address that was in use"},
	{14, "was refused: no address is left"},
	{15, "was refused a lease"},
	{16, "had its lease deleted"},
	{17, "had its lease expire"},
	{18, "had its lease expire, and its DNS records deleted"},
	{20, "got an address by BOOTP"},
	{30, "DNS update was asked for"},
	{31, "DNS update failed"},
	{32, "DNS update succeeded"},
	{33, "was dropped by a policy"},
};

/* The columns as the log's own line names them: "ID,Date,Time,Description,IP Address,..." */
#define DHCP_COLUMNS 24
static int dhcp(struct parse *p, struct textfile *t)
{
	static const char *const known[][2] = {
		{"IP Address", "IpAddress"},	       {"IPv6 Address", "IpAddress"},
		{"Host Name", "ClientName"},	       {"MAC Address", "MacAddress"},
		{"User Name", "TargetUserName"},       {"Description", "Description"},
		{"TransactionID", "TransactionId"},    {"QResult", "QuarantineResult"},
		{"VendorClass(ASCII)", "VendorClass"}, {"DnsRegError", "DnsError"},
		{"Duid Bytes(Hex)", "Duid"},	       {"Error Code", "ErrorCode"},
	};
	const char *fields[DHCP_COLUMNS] = {NULL};
	struct view line, cell;
	int date = -1, clock = -1, id = -1;
	size_t count = 0;
	int status = OK;

	while (status >= 0 && textfile_line(t, &line)) {
		struct view rest = line, cells[DHCP_COLUMNS];
		size_t n = 0;
		uint64_t number;
		int64_t day, since;
		const char *what = NULL, *who, *address;

		while (n < DHCP_COLUMNS && view_token(&rest, ',', &cell))
			cells[n++] = view_trim(cell);
		if (n >= 5 && view_is(cells[0], "ID") && view_is(cells[1], "Date")) {
			count = n;
			for (size_t i = 0; i < n; i++) {
				fields[i] = NULL;
				for (size_t k = 0; k < sizeof(known) / sizeof(known[0]); k++)
					if (view_is(cells[i], known[k][0]))
						fields[i] = known[k][1];
				date = view_is(cells[i], "Date") ? (int)i : date;
				clock = view_is(cells[i], "Time") ? (int)i : clock;
				id = view_is(cells[i], "ID") ? (int)i : id;
			}
			continue;
		}
		if (!count || n < 4 || !view_decimal(cells[id], &number))
			continue;
		if ((size_t)date >= n || (size_t)clock >= n ||
		    (!time_scan(cells[date], "%m/%d/%Y", &day, NULL) &&
		     !time_scan(cells[date], "%m/%d/%y", &day, NULL)) ||
		    !time_scan(cells[clock], "%H:%M:%S", &since, NULL)) {
			status = parse_lost(p, t->offset, "line %llu has no time",
					    (unsigned long long)t->line);
			continue;
		}
		start(p, KIND_OTHER, day + since, t, "DHCP server");
		event_add(p, "EventID", value_unsigned(number));
		who = address = "";
		for (size_t i = 0; i < n && i < count; i++) {
			if (!fields[i] || !cells[i].len)
				continue;
			event_add(p, fields[i], value_view(cells[i]));
			if (strcmp(fields[i], "ClientName") == 0)
				who = parse_text(&p->scratch, cells[i]);
			if (strcmp(fields[i], "IpAddress") == 0)
				address = parse_text(&p->scratch, cells[i]);
			if (strcmp(fields[i], "MacAddress") == 0 && !*who)
				who = parse_text(&p->scratch, cells[i]);
			if (strcmp(fields[i], "Description") == 0)
				what = parse_text(&p->scratch, cells[i]);
		}
		for (size_t i = 0; i < sizeof(dhcp_events) / sizeof(dhcp_events[0]); i++)
			if (dhcp_events[i].id == number)
				what = dhcp_events[i].what;
		event_messagef(p, "DHCP: %s%s%s%s%s%s", who, *who ? " " : "", what ? what : "?",
			       *address ? " (" : "", address, *address ? ")" : "");
		status = event_emit(p);
	}
	return status;
}

/* ---- DNS ---- */

/* "(3)www(7)example(3)com(0)" as "www.example.com" */
static const char *dns_name(struct parse *p, struct view v)
{
	struct buffer b = {0};
	struct view label;
	const char *name;

	while (view_begins(v, "(")) {
		uint64_t n;

		v = view_from(v, 1);
		if (!view_cut(&v, ")", &label) || !view_decimal(label, &n) || n == 0 || n > v.len)
			break;
		if (b.len)
			buffer_char(&b, '.');
		buffer_view(&b, view_clip(v, 0, n));
		v = view_from(v, n);
	}
	name = b.len ? parse_text(&p->scratch, buffer_as_view(&b)) : ".";
	buffer_release(&b);
	return name;
}

/*
 * TIME THREAD PACKET  ID UDP Rcv 10.2.0.1        6226 R Q [8281   DR SERVFAIL] A      (2)ip(0)
 * The response's mark may be missing; other contexts than PACKET are told as they are.
 */
static int dns(struct parse *p, struct view line, const struct textfile *t)
{
	struct view rest, thread, context, words[6], flags, type, skip, name;
	const char *asked, *who;
	int64_t ts;
	size_t used, n = 0;
	bool response, received;

	if (!time_scan_local(line, &ts, &used))
		return OK;
	rest = view_trim(view_from(line, used));
	(void)view_token(&rest, ' ', &thread);
	rest = view_trim(rest);
	(void)view_token(&rest, ' ', &context);
	rest = view_trim(rest);
	if (!view_is(context, "PACKET") || view_index(rest, "[") == rest.len) {
		start(p, KIND_OTHER, ts, t, "DNS server");
		log_text(p, "DNS server", context, rest);
		return event_emit(p);
	}
	(void)view_cut(&rest, "[", &skip);
	while (n < 6 && view_trim(skip).len) {
		skip = view_trim(skip);
		(void)view_token(&skip, ' ', &words[n++]);
	}
	/* identifier, protocol, direction, address, XID; then R and the opcode */
	if (n < 5)
		return parse_lost(p, t->offset, "line %llu is no packet",
				  (unsigned long long)t->line);
	response = n == 6 && view_is(words[5], "R");
	received = view_is(words[2], "Rcv");
	(void)view_cut(&rest, "]", &flags);
	rest = view_trim(rest);
	(void)view_token(&rest, ' ', &type);
	name = view_trim(rest);
	start(p, KIND_DNS_QUERY, ts, t, "DNS server");
	asked = dns_name(p, name);
	event_add(p, "QueryName", value_text(asked));
	event_add(p, "QueryType", value_view(type));
	event_add(p, "Protocol", value_view(words[1]));
	event_add(p, "Direction", value_view(words[2]));
	event_add(p, "IpAddress", value_view(words[3]));
	event_add(p, "TransactionId", value_view(words[4]));
	event_add(p, "Response", value_bool(response));
	/* "8281   DR SERVFAIL": the code comes last */
	flags = view_trim(flags);
	for (used = flags.len; used && flags.data[used - 1] != ' '; used--)
		;
	event_add(p, "QueryStatus", value_view(view_from(flags, used)));
	who = parse_text(&p->scratch, words[3]);
	if (response)
		event_messagef(p,
			       received ? "DNS: %s answered about %s (%s): %s"
					: "DNS: %s was answered about %s (%s): %s",
			       who, asked, parse_text(&p->scratch, type),
			       parse_text(&p->scratch, view_from(flags, used)));
	else
		event_messagef(p,
			       received ? "DNS: %s asked for %s (%s)"
					: "DNS: the server asked %s for %s (%s)",
			       who, asked, parse_text(&p->scratch, type));
	return event_emit(p);
}

static int parse(struct parse *p, struct view bytes)
{
	const char *slash = strrchr(p->path, '/');
	struct textfile t;
	struct view line;
	enum format format;
	int status = OK;

	textfile_open(&t, bytes);
	format = format_of(view_clip(t.text, 0, 4096), slash ? slash + 1 : p->path);
	if (format == NONE)
		status = parse_fail(p, ERR_FORMAT, 0, "none of the logs that this parser knows");
	else if (format == SCHEDLGU)
		status = schedlgu(p, &t);
	else if (format == DHCP)
		status = dhcp(p, &t);
	while (status >= 0 && textfile_line(&t, &line)) {
		if (format == PFRO)
			status = pfro(p, line, &t);
		else if (format == SERVICING)
			status = servicing(p, line, &t);
		else if (format == UPDATE)
			status = update(p, line, &t);
		else if (format == NETSETUP)
			status = netsetup(p, line, &t);
		else if (format == DNS)
			status = dns(p, line, &t);
	}
	textfile_release(&t);
	return status;
}

const struct parser parser_windows_log = {
	.name = "windows_log",
	.title = "Windows' text logs (PFRO, SchedLgU, CBS, WindowsUpdate, NetSetup, DHCP and DNS "
		 "server)",
	.version = 1,
	.probe = probe,
	.parse = parse,
};
