/*
 * Event logs of NT to Windows Server 2003 (.evt): a ring of records behind a head of 48 bytes.
 * Layout: ELF_LOGFILE_HEADER, EVENTLOGRECORD and EVENTLOGEOF, Microsoft's "Event log file format".
 * Records outside the ring are what an overwrite has left, and are read too.
 */
#include "parsers/parser.h"

#include "base/text.h"

#include <strings.h>

#define HEADER	    48u
#define RECORD_HEAD 56u
#define STRINGS_MAX 256u

/* Events that have a kind: by source and id. Strings are numbered as they stand in the record. */
struct meaning {
	const char *source;
	uint16_t id;
	enum event_kind kind;
	const char *message;  /* %0 to %9: the strings */
	const char *names[8]; /* field names of the strings; NULL ends; "" skips */
};
static const struct meaning meanings[] = {
	{"EventLog", 6005, KIND_SYSTEM_START, "The event log service was started", {0}},
	{"EventLog", 6006, KIND_SYSTEM_STOP, "The event log service was stopped", {0}},
	{"EventLog", 6008, KIND_SYSTEM_STOP, "The last shutdown at %0 on %1 was unexpected", {0}},
	{"EventLog", 6009, KIND_SYSTEM_START, "Windows %0 %1 started", {0}},
	{"Security", 512, KIND_SYSTEM_START, "Windows is starting up", {0}},
	{"Security", 513, KIND_SYSTEM_STOP, "Windows is shutting down", {0}},
	{"Security",
	 517,
	 KIND_LOG_CLEARED,
	 "The audit log was cleared by %4\\%3",
	 {"", "", "", "SubjectUserName", "SubjectDomainName"}},
	{"Security", 520, KIND_TIME_CHANGE, "The system time was changed", {0}},
	{"Security",
	 528,
	 KIND_LOGON,
	 "Account %1\\%0 logged on, type %3",
	 {"TargetUserName", "TargetDomainName", "TargetLogonId", "LogonType", "LogonProcessName",
	  "AuthenticationPackageName", "WorkstationName"}},
	{"Security",
	 540,
	 KIND_LOGON,
	 "Account %1\\%0 logged on over the network, type %3",
	 {"TargetUserName", "TargetDomainName", "TargetLogonId", "LogonType", "LogonProcessName",
	  "AuthenticationPackageName", "WorkstationName"}},
	{"Security",
	 529,
	 KIND_LOGON_FAILURE,
	 "Logon of %1\\%0 failed: unknown name or wrong password, type %2, from %5",
	 {"TargetUserName", "TargetDomainName", "LogonType", "LogonProcessName",
	  "AuthenticationPackageName", "WorkstationName"}},
	{"Security",
	 530,
	 KIND_LOGON_FAILURE,
	 "Logon of %1\\%0 failed: not at this time",
	 {"TargetUserName", "TargetDomainName", "LogonType", "LogonProcessName",
	  "AuthenticationPackageName", "WorkstationName"}},
	{"Security",
	 531,
	 KIND_LOGON_FAILURE,
	 "Logon of %1\\%0 failed: account disabled",
	 {"TargetUserName", "TargetDomainName", "LogonType", "LogonProcessName",
	  "AuthenticationPackageName", "WorkstationName"}},
	{"Security",
	 532,
	 KIND_LOGON_FAILURE,
	 "Logon of %1\\%0 failed: account expired",
	 {"TargetUserName", "TargetDomainName", "LogonType", "LogonProcessName",
	  "AuthenticationPackageName", "WorkstationName"}},
	{"Security",
	 534,
	 KIND_LOGON_FAILURE,
	 "Logon of %1\\%0 failed: type %2 not granted",
	 {"TargetUserName", "TargetDomainName", "LogonType", "LogonProcessName",
	  "AuthenticationPackageName", "WorkstationName"}},
	{"Security",
	 535,
	 KIND_LOGON_FAILURE,
	 "Logon of %1\\%0 failed: password expired",
	 {"TargetUserName", "TargetDomainName", "LogonType", "LogonProcessName",
	  "AuthenticationPackageName", "WorkstationName"}},
	{"Security",
	 539,
	 KIND_LOGON_FAILURE,
	 "Logon of %1\\%0 failed: account locked out",
	 {"TargetUserName", "TargetDomainName", "LogonType", "LogonProcessName",
	  "AuthenticationPackageName", "WorkstationName"}},
	{"Security",
	 538,
	 KIND_LOGOFF,
	 "Account %1\\%0 logged off",
	 {"TargetUserName", "TargetDomainName", "TargetLogonId", "LogonType"}},
	{"Security",
	 551,
	 KIND_LOGOFF,
	 "Account %1\\%0 began to log off",
	 {"TargetUserName", "TargetDomainName", "TargetLogonId"}},
	{"Security",
	 552,
	 KIND_LOGON,
	 "Logon with other credentials: %1\\%0 as %4\\%3",
	 {"SubjectUserName", "SubjectDomainName", "SubjectLogonId", "TargetUserName",
	  "TargetDomainName"}},
	{"Security",
	 576,
	 KIND_PRIVILEGE_USE,
	 "Special privileges for %1\\%0: %3",
	 {"TargetUserName", "TargetDomainName", "TargetLogonId", "PrivilegeList"}},
	{"Security",
	 592,
	 KIND_PROCESS_START,
	 "Process started: %1 (%0)",
	 {"ProcessId", "Image", "ParentProcessId", "User", "SubjectDomainName", "SubjectLogonId"}},
	{"Security",
	 593,
	 KIND_PROCESS_STOP,
	 "Process ended: %1 (%0)",
	 {"ProcessId", "Image", "User", "SubjectDomainName", "SubjectLogonId"}},
	{"Security",
	 601,
	 KIND_SERVICE_INSTALL,
	 "Service %0 was installed: %1",
	 {"ServiceName", "ImagePath", "ServiceType", "StartType", "AccountName"}},
	{"Security",
	 602,
	 KIND_TASK_CREATE,
	 "Scheduled task was made: %0",
	 {"TaskName", "CommandLine"}},
	{"Security", 612, KIND_POLICY_CHANGE, "The audit policy was changed", {0}},
	{"Security",
	 624,
	 KIND_ACCOUNT_CREATE,
	 "Account %1\\%0 was made by %4\\%3",
	 {"TargetUserName", "TargetDomainName", "TargetSid", "SubjectUserName",
	  "SubjectDomainName"}},
	{"Security",
	 628,
	 KIND_ACCOUNT_CHANGE,
	 "The password of %1\\%0 was set",
	 {"TargetUserName", "TargetDomainName"}},
	{"Security",
	 630,
	 KIND_ACCOUNT_DELETE,
	 "Account %1\\%0 was deleted",
	 {"TargetUserName", "TargetDomainName"}},
	{"Security",
	 632,
	 KIND_GROUP_CHANGE,
	 "%0 was added to the global group %2",
	 {"MemberName", "MemberSid", "TargetUserName", "TargetDomainName"}},
	{"Security",
	 636,
	 KIND_GROUP_CHANGE,
	 "%0 (%1) was added to the local group %2",
	 {"MemberName", "MemberSid", "TargetUserName", "TargetDomainName"}},
	{"Security",
	 642,
	 KIND_ACCOUNT_CHANGE,
	 "Account %2\\%1 was changed",
	 {"", "TargetUserName", "TargetDomainName"}},
	{"Security",
	 680,
	 KIND_LOGON,
	 "Account %1 was authenticated by %0, from %2",
	 {"PackageName", "TargetUserName", "WorkstationName", "Status"}},
	{"Service Control Manager",
	 7035,
	 KIND_SERVICE_START,
	 "Service %0 was sent a %1 control",
	 {"ServiceName", "Control"}},
	{"Service Control Manager",
	 7036,
	 KIND_SERVICE_START,
	 "Service %0 entered the %1 state",
	 {"ServiceName", "State"}},
	{"Service Control Manager",
	 7045,
	 KIND_SERVICE_INSTALL,
	 "Service %0 was installed: %1",
	 {"ServiceName", "ImagePath", "ServiceType", "StartType", "AccountName"}},
};

static const struct meaning *meaning_of(const char *source, uint32_t id)
{
	for (size_t i = 0; i < sizeof(meanings) / sizeof(meanings[0]); i++)
		if (meanings[i].id == (id & 0xffff) && strcasecmp(meanings[i].source, source) == 0)
			return &meanings[i];
	return NULL;
}

static const char *level_text(uint16_t type)
{
	switch (type) {
	case 0:
	case 4:
		return "Information";
	case 1:
		return "Error";
	case 2:
		return "Warning";
	case 8:
		return "Audit success";
	case 16:
		return "Audit failure";
	}
	return NULL;
}

static const char *channel_of(const char *path)
{
	const char *name = strrchr(path, '/');

	name = name ? name + 1 : path;
	if (strncasecmp(name, "sec", 3) == 0)
		return "Security";
	if (strncasecmp(name, "sys", 3) == 0)
		return "System";
	return strncasecmp(name, "app", 3) == 0 ? "Application" : NULL;
}

static const char *fill(struct parse *p, const char *pattern, const struct value *strings,
			unsigned count)
{
	struct buffer b = {0};
	const char *text;

	for (; *pattern; pattern++) {
		if (*pattern == '%' && pattern[1] >= '0' && pattern[1] <= '9') {
			unsigned n = (unsigned)(*++pattern - '0');

			if (n < count)
				value_append(&b, &strings[n]);
		} else {
			buffer_char(&b, *pattern);
		}
	}
	text = arena_strndup(&p->scratch, b.data, b.len);
	buffer_release(&b);
	return text ? text : "";
}

static int record(struct parse *p, struct view r, uint64_t offset, unsigned flags,
		  const char *channel)
{
	uint32_t id = view_get32(r, 20), generated = view_get32(r, 12), written = view_get32(r, 16),
		 at = view_get32(r, 36);
	uint16_t type = view_get16(r, 24), count = view_get16(r, 26);
	struct view source = view_from(r, RECORD_HEAD), rest,
		    sid = view_sub(r, view_get32(r, 44), view_get32(r, 40));
	struct view data = view_sub(r, view_get32(r, 52), view_get32(r, 48));
	struct value *strings;
	const struct meaning *m;
	const char *name, *computer;
	unsigned n = 0;
	size_t end = 0;
	int status;

	event_start(p, KIND_OTHER, time_from_unix(generated), "Creation Time", offset);
	while (end + 2 <= source.len && (source.data[end] || source.data[end + 1]))
		end += 2;
	name = parse_utf16z(&p->scratch, source);
	computer = parse_utf16z(&p->scratch,
				view_from(source, end + 2 <= source.len ? end + 2 : source.len));
	strings = arena_alloc(&p->scratch, STRINGS_MAX * sizeof(*strings));
	rest = view_from(r, at <= r.len ? at : r.len);
	for (; strings && n < count && n < STRINGS_MAX && rest.len >= 2; n++) {
		size_t len = 0;

		while (len + 2 <= rest.len && (rest.data[len] || rest.data[len + 1]))
			len += 2;
		strings[n] = value_utf16(view_clip(rest, 0, len));
		rest = view_from(rest, len + 2 <= rest.len ? len + 2 : rest.len);
	}
	m = meaning_of(name, id);
	if (m && m->id == 7036 && n > 1 &&
	    strcmp(parse_value_text(&p->scratch, &strings[1]), "stopped") == 0)
		p->event.kind = KIND_SERVICE_STOP;
	else if (m)
		p->event.kind = m->kind;
	p->event.flags = flags;
	p->event.record = view_get32(r, 8);
	if (*computer)
		event_host(p, value_text(computer));
	event_add(p, "Provider_Name", value_text(name));
	event_add(p, "EventID", value_unsigned(id & 0xffff));
	if (id >> 16)
		event_add(p, "Qualifiers", value_unsigned(id >> 16));
	event_add(p, "Channel", value_text(channel));
	event_add(p, "Computer", value_text(computer));
	event_add(p, "EventRecordID", value_unsigned(view_get32(r, 8)));
	event_add(p, "Level", value_text(level_text(type)));
	if (view_get16(r, 28))
		event_add(p, "Task", value_unsigned(view_get16(r, 28)));
	if (sid.len >= 8) {
		struct value v = {.type = VALUE_SID, .len = (uint32_t)sid.len, .data = sid.data};

		event_add(p, "UserID", v);
		event_user(p, v);
	}
	for (unsigned i = 0; i < n; i++) {
		const char *field = m && i < 8 ? m->names[i] : NULL;
		bool named = true;

		for (unsigned j = 0; m && j < i && j < 8;
		     j++) /* after the end of the names there are none */
			named = named && m->names[j];
		event_add(p, field && *field && named ? field : "Data", strings[i]);
	}
	if (data.len)
		event_add(p, "Binary", value_binary(view_clip(data, 0, 4096)));
	if (m) {
		p->event.message = value_text(fill(p, m->message, strings, n));
	} else {
		struct buffer b = {0};

		for (unsigned i = 0; i < n && b.len < 1000; i++) {
			buffer_string(&b, i ? " | " : ": ");
			value_append(&b, &strings[i]);
		}
		event_messagef(p, "%s %u%s", name, id & 0xffff, buffer_text(&b));
		buffer_release(&b);
	}
	if (p->event.ts == TIME_NONE)
		p->event.ts_desc = "Not a time";
	status = event_emit(p);
	if (status >= 0 && written && written != generated)
		status = event_emit_at(p, time_from_unix(written), "Content Modification Time");
	return status;
}

static bool record_at(struct view v, size_t off, uint32_t *size)
{
	return view_u32le(v, off, size) && *size >= RECORD_HEAD && *size < 0x100000 &&
	       *size % 4 == 0 && view_starts(view_from(v, off + 4), "LfLe", 4);
}

static int parse(struct parse *p, struct view bytes)
{
	uint32_t start = view_get32(bytes, 16), end = view_get32(bytes, 20), size;
	const char *channel = channel_of(p->path);
	int status = OK;
	bool lost = false;

	if (!view_starts(view_from(bytes, 4), "LfLe", 4))
		return parse_fail(p, ERR_FORMAT, 0, "not an event log");
	for (size_t off = HEADER; off + 8 <= bytes.len && status >= 0;) {
		/* The ring: from start to end, or over the end of the file to the front. A log in
		 * use has a stale head. */
		bool inside = start < end ? off >= start && off < end : off >= start || off < end;
		struct view r;

		if (record_at(bytes, off, &size)) {
			if (size <= bytes.len - off) {
				r = view_sub(bytes, off, size);
			} else { /* goes on at the front */
				size_t first = bytes.len - off;
				uint8_t *whole = arena_alloc(&p->arena, size);

				if (!whole || !view_has(bytes, HEADER, size - first)) {
					status = parse_lost(p, off, "the last record is cut");
					break;
				}
				memcpy(whole, bytes.data + off, first);
				memcpy(whole + first, bytes.data + HEADER, size - first);
				r = view_of(whole, size);
			}
			if (view_get32(r, size - 4) != size) {
				/* Its front was overwritten, or its rest. */
				off += 4;
				continue;
			}
			status = record(p, r, off,
					inside || view_get32(bytes, 36) & 1 ? 0 : EVENT_RECOVERED,
					channel);
			off += size;
			lost = false;
			continue;
		}
		if (view_get32(bytes, off) == 0x28 &&
		    view_get32(bytes, off + 4) == 0x11111111) { /* end of the ring */
			off += 0x28;
			continue;
		}
		/* Between the end and the oldest record stand parts of overwritten ones; inside the
		 * ring that is damage. */
		if (inside && !lost && view_get32(bytes, off) != 0x27 &&
		    !(view_get32(bytes, 36) & 1) && start < end) {
			status = parse_lost(p, off, "no event record");
			lost = true;
		}
		off += 4;
	}
	return status;
}

static int probe(const struct probe *p)
{
	return view_get32(p->head, 0) == HEADER && view_starts(view_from(p->head, 4), "LfLe", 4)
		       ? BID_MAGIC
		       : BID_NO;
}

const struct parser parser_evt = {
	.name = "evt",
	.title = "Windows NT to 2003 event log",
	.version = 1,
	.probe = probe,
	.parse = parse,
};
