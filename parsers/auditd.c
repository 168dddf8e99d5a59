/*
 * The Linux audit log: "type=SYSCALL msg=audit(1580000000.123:456): arch=c000003e syscall=59 ..."
 * (audit's "Linux Audit Documentation Project", specs/messages and specs/fields), as auditd writes
 * it, with the names that it appends behind a 0x1d byte (log_format = ENRICHED), and as ausearch
 * prints it, -i too.
 *
 * Every record is an event with its own fields, because rules ask for these. The records of one
 * event (same time and serial) together tell more: of an execve a process_start is made, of a
 * connect a network_connect, of paths created and deleted a file_create and file_delete.
 */
#include "parsers/parser.h"

#include "base/text.h"

#include <arpa/inet.h>

#define MAX_GROUPS 8 /* events whose records may be mixed with each other's */
#define MAX_LINES                                                                                  \
	48 /* records kept of one of them: execve with more arguments than fit a record has many   \
	    */

struct group {
	int64_t ts;
	uint64_t serial, offset, number, age;
	unsigned flags;
	struct view node;
	struct view lines[MAX_LINES]; /* what stands behind "audit(...):" */
	uint8_t types[MAX_LINES];     /* enum part */
	unsigned count;
};

enum part { PART_SYSCALL, PART_EXECVE, PART_CWD, PART_PATH, PART_SOCKADDR, PART_PROCTITLE };

struct pair {
	struct view name, value; /* value: without quotes, not decoded */
	bool quoted;
};

/* Text that an unprivileged user chooses is written as hex when it holds a blank, a quote or a
 * control character (libaudit, audit_value_needs_encoding). */
static bool encoded_field(struct view name, bool execve)
{
	static const char *const names[] = {"name",   "comm",	"exe",	"cwd", "cmd",	"proctitle",
					    "path",   "acct",	"data", "dir", "key",	"root_dir",
					    "file",   "vm",	"old",	"new", "watch", "uri",
					    "device", "cgroup", "sw"};

	if (execve && name.len > 1 && name.data[0] == 'a' && name.data[1] >= '0' &&
	    name.data[1] <= '9')
		return !memchr(name.data, '_', name.len); /* a1_len is a number */
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (view_is(name, names[i]))
			return true;
	return false;
}

static int nibble(uint8_t c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Bytes of hex digits in the arena; an empty view when it is not hex. */
static struct view unhex(struct arena *a, struct view v)
{
	uint8_t *out;

	if (v.len < 2 || v.len % 2)
		return VIEW_EMPTY;
	for (size_t i = 0; i < v.len; i++)
		if (nibble(v.data[i]) < 0)
			return VIEW_EMPTY;
	out = arena_alloc(a, v.len / 2);
	if (!out)
		return VIEW_EMPTY;
	for (size_t i = 0; i < v.len / 2; i++)
		out[i] = (uint8_t)(nibble(v.data[2 * i]) << 4 | nibble(v.data[2 * i + 1]));
	return view_of(out, v.len / 2);
}

static struct view decoded(struct parse *p, const struct pair *pair, bool execve)
{
	struct view text;

	if (pair->quoted || !encoded_field(pair->name, execve))
		return pair->value;
	text = unhex(&p->scratch, pair->value);
	if (text.len && view_is(pair->name, "proctitle")) {
		uint8_t *bytes = (uint8_t *)(uintptr_t)
					 text.data; /* arguments, each with a NUL: our own copy */

		for (size_t i = 0; i < text.len; i++)
			if (bytes[i] == 0)
				bytes[i] = ' ';
		text = view_trim(text);
	}
	return text.len ? text : pair->value;
}

/* Takes the next name=value off the record; words that are none go to *word. False at the end. */
static bool next_pair(struct view *rest, struct pair *pair, struct view *word)
{
	size_t i, start, end;
	struct view v;

again:
	i = 0;
	while (rest->len && (rest->data[0] == ' ' || rest->data[0] == 0x1d ||
			     rest->data[0] == ',' || rest->data[0] == '\''))
		*rest = view_from(*rest, 1);
	v = *rest;
	if (v.len == 0)
		return false;
	*word = VIEW_EMPTY;
	while (i < v.len && v.data[i] > ' ' && v.data[i] != '=' && v.data[i] != '"' &&
	       v.data[i] != '\'')
		i++;
	if (i == 0 || i >= v.len || v.data[i] != '=') {
		while (i < v.len && v.data[i] > ' ')
			i++;
		*word = view_clip(v, 0, i ? i : 1);
		*rest = view_from(v, word->len);
		return true;
	}
	pair->name = view_clip(v, 0, i);
	start = i + 1;
	pair->quoted = start < v.len && v.data[start] == '"';
	if (pair->quoted) {
		end = view_find(v, start + 1, "\"", 1);
		pair->value = view_sub(v, start + 1, end - start - 1);
		*rest = view_from(v, end < v.len ? end + 1 : end);
	} else if (start < v.len && v.data[start] == '\'' && view_is(pair->name, "msg")) {
		/* msg='...' holds pairs of its own: go on inside. */
		*rest = view_from(v, start + 1);
		goto again;
	} else if (start < v.len && v.data[start] == '{') {
		end = view_find(v, start, "}", 1);
		end = end < v.len ? end + 1 : end;
		pair->value = view_sub(v, start, end - start);
		*rest = view_from(v, end);
	} else {
		for (end = start; end < v.len && v.data[end] > ' ' && v.data[end] != '\'';)
			end++;
		pair->value = view_sub(v, start, end - start);
		*rest = view_from(v, end);
		if (pair->value.len && pair->value.data[pair->value.len - 1] == ',')
			pair->value.len--;
	}
	return true;
}

/* The value of a name in a record, decoded; empty when it is not there, "?", or "(null)". */
static struct view value_in(struct parse *p, struct view line, const char *name)
{
	struct view rest = line, word, value;
	struct pair pair;

	while (next_pair(&rest, &pair, &word)) {
		if (word.len || !view_is(pair.name, name))
			continue;
		value = decoded(p, &pair, false);
		return view_is(value, "?") || view_is(value, "(null)") || view_is(value, "(none)")
			       ? VIEW_EMPTY
			       : value;
	}
	return VIEW_EMPTY;
}

/* A user: the name that the log was enriched with, or the number. */
static struct view account_in(struct parse *p, struct view line, const char *name,
			      const char *number)
{
	struct view v = value_in(p, line, name);

	if (v.len == 0)
		v = value_in(p, line, number);
	return view_is(v, "4294967295") || view_is(v, "-1") || view_is(v, "unset") ? VIEW_EMPTY : v;
}

static void add(struct parse *p, const char *name, struct view v)
{
	if (v.len)
		event_add(p, name, value_view(v));
}

static void add_number(struct parse *p, const char *name, struct view v)
{
	uint64_t n;

	if (view_decimal(v, &n))
		event_add(p, name, value_unsigned(n));
}

static const struct {
	uint32_t number; /* x86-64; asm/unistd_64.h */
	const char *name;
} syscalls[] = {
	{0, "read"},
	{1, "write"},
	{2, "open"},
	{9, "mmap"},
	{10, "mprotect"},
	{41, "socket"},
	{42, "connect"},
	{43, "accept"},
	{44, "sendto"},
	{49, "bind"},
	{50, "listen"},
	{56, "clone"},
	{57, "fork"},
	{59, "execve"},
	{62, "kill"},
	{76, "truncate"},
	{77, "ftruncate"},
	{80, "chdir"},
	{82, "rename"},
	{83, "mkdir"},
	{84, "rmdir"},
	{85, "creat"},
	{86, "link"},
	{87, "unlink"},
	{88, "symlink"},
	{90, "chmod"},
	{91, "fchmod"},
	{92, "chown"},
	{93, "fchown"},
	{94, "lchown"},
	{101, "ptrace"},
	{105, "setuid"},
	{106, "setgid"},
	{113, "setreuid"},
	{117, "setresuid"},
	{132, "utime"},
	{135, "personality"},
	{155, "pivot_root"},
	{159, "adjtimex"},
	{161, "chroot"},
	{164, "settimeofday"},
	{165, "mount"},
	{166, "umount2"},
	{169, "reboot"},
	{170, "sethostname"},
	{171, "setdomainname"},
	{172, "iopl"},
	{175, "init_module"},
	{176, "delete_module"},
	{188, "setxattr"},
	{189, "lsetxattr"},
	{190, "fsetxattr"},
	{197, "removexattr"},
	{227, "clock_settime"},
	{235, "utimes"},
	{246, "kexec_load"},
	{257, "openat"},
	{258, "mkdirat"},
	{259, "mknodat"},
	{260, "fchownat"},
	{261, "futimesat"},
	{263, "unlinkat"},
	{264, "renameat"},
	{265, "linkat"},
	{266, "symlinkat"},
	{268, "fchmodat"},
	{272, "unshare"},
	{280, "utimensat"},
	{288, "accept4"},
	{304, "open_by_handle_at"},
	{308, "setns"},
	{310, "process_vm_readv"},
	{311, "process_vm_writev"},
	{313, "finit_module"},
	{316, "renameat2"},
	{319, "memfd_create"},
	{320, "kexec_file_load"},
	{321, "bpf"},
	{322, "execveat"},
	{425, "io_uring_setup"},
	{435, "clone3"},
	{437, "openat2"},
};

/* Name of a system call: as enriched, or from the number where the record says x86-64. */
static struct view syscall_name(struct parse *p, struct view line)
{
	struct view name = value_in(p, line, "SYSCALL"), number = value_in(p, line, "syscall");
	uint64_t n;

	if (name.len)
		return name;
	if (!view_decimal(number, &n))
		return number; /* ausearch -i */
	if (view_is(value_in(p, line, "arch"), "c000003e"))
		for (size_t i = 0; i < sizeof(syscalls) / sizeof(syscalls[0]); i++)
			if (syscalls[i].number == n)
				return view_text(syscalls[i].name);
	return VIEW_EMPTY;
}

static void append_argument(struct buffer *b, struct view v)
{
	if (b->len)
		buffer_char(b, ' ');
	if (v.len == 0 || memchr(v.data, ' ', v.len)) {
		buffer_char(b, '"');
		buffer_view(b, v);
		buffer_char(b, '"');
	} else {
		buffer_view(b, v);
	}
}

/* The arguments of EXECVE records: a0="ls" a1=2D6C; a long one in parts: a2_len=9000 a2[0]=...
 * a2[1]=... */
static struct view command_line(struct parse *p, const struct group *g)
{
	struct buffer b = {0}, part = {0};
	struct view pieces = VIEW_EMPTY; /* name of the argument that is being put together */
	struct view out;

	for (unsigned i = 0; i < g->count; i++) {
		struct view rest = g->lines[i], word;
		struct pair pair;

		if (g->types[i] != PART_EXECVE)
			continue;
		rest = view_clip(rest, 0, view_find(rest, 0, "\x1d", 1));
		while (next_pair(&rest, &pair, &word)) {
			struct view name = pair.name, value;
			size_t bracket;

			if (word.len || name.len < 2 || name.data[0] != 'a' || name.data[1] < '0' ||
			    name.data[1] > '9' || memchr(name.data, '_', name.len))
				continue;
			value = decoded(p, &pair, true);
			bracket = view_find(name, 0, "[", 1);
			if (pieces.len && !(bracket < name.len &&
					    view_equal(pieces, view_clip(name, 0, bracket)))) {
				append_argument(&b, buffer_as_view(&part));
				part.len = 0;
				pieces = VIEW_EMPTY;
			}
			if (bracket < name.len) {
				pieces = view_clip(name, 0, bracket);
				buffer_view(&part, value);
			} else {
				append_argument(&b, value);
			}
		}
	}
	if (pieces.len)
		append_argument(&b, buffer_as_view(&part));
	out = b.len ? view_of(arena_strndup(&p->scratch, b.data, b.len), b.len) : VIEW_EMPTY;
	if (!out.data)
		out = VIEW_EMPTY;
	buffer_release(&b);
	buffer_release(&part);
	return out;
}

/* What SYSCALL says of the process, under Sysmon's names. */
static void add_process(struct parse *p, struct view call)
{
	struct view user = account_in(p, call, "UID", "uid"),
		    audit = account_in(p, call, "AUID", "auid");

	add(p, "Image", value_in(p, call, "exe"));
	add_number(p, "ProcessId", value_in(p, call, "pid"));
	add_number(p, "ParentProcessId", value_in(p, call, "ppid"));
	add(p, "User", user);
	add(p, "AuditUser", audit);
	add(p, "TerminalDevice", value_in(p, call, "tty"));
	if (!view_is(value_in(p, call, "ses"), "4294967295"))
		add_number(p, "SessionId", value_in(p, call, "ses"));
	add(p, "AuditKey", value_in(p, call, "key"));
	if (audit.len || user.len)
		event_user(p, value_view(audit.len ? audit : user));
}

static void start(struct parse *p, const struct group *g, enum event_kind kind)
{
	event_start(p, kind, g->ts, g->ts == TIME_NONE ? "Not a time" : "Recorded Time", g->offset);
	p->event.record = g->number;
	p->event.flags = g->flags;
	if (g->node.len)
		event_host(p, value_view(g->node));
}

/* What the records of one event tell together. */
static int finish(struct parse *p, struct group *g)
{
	struct view call = VIEW_EMPTY, cwd = VIEW_EMPTY, title = VIEW_EMPTY, name;
	bool execve = false;
	int status = OK;

	for (unsigned i = 0; i < g->count; i++) {
		if (g->types[i] == PART_SYSCALL)
			call = g->lines[i];
		else if (g->types[i] == PART_CWD)
			cwd = g->lines[i];
		else if (g->types[i] == PART_PROCTITLE)
			title = g->lines[i];
		else if (g->types[i] == PART_EXECVE)
			execve = true;
	}
	arena_reset(&p->scratch);
	if (call.len && view_is(value_in(p, call, "success"), "no")) {
		g->count = 0;
		return OK; /* refused: the records say so, nothing started */
	}
	name = syscall_name(p, call);
	if (execve || view_is(name, "execve") || view_is(name, "execveat")) {
		struct view line;

		start(p, g, KIND_PROCESS_START);
		line = command_line(p, g);
		if (line.len == 0)
			line = value_in(p, title, "proctitle");
		add_process(p, call);
		add(p, "CommandLine", line);
		add(p, "CurrentDirectory", value_in(p, cwd, "cwd"));
		p->event.message =
			value_view(line.len ? view_clip(line, 0, 4096) : value_in(p, call, "exe"));
		if (p->count)
			status = event_emit(p);
	}
	for (unsigned i = 0; status >= 0 && i < g->count; i++) {
		if (g->types[i] == PART_SOCKADDR && view_is(name, "connect")) {
			struct view address;
			char text[INET6_ADDRSTRLEN] = "";
			uint16_t family, port = 0;

			start(p, g, KIND_NETWORK_CONNECT);
			address = unhex(&p->scratch, value_in(p, g->lines[i], "saddr"));
			/* struct sockaddr_in and sockaddr_in6 of a little-endian host; port in
			 * network order */
			if (!view_u16le(address, 0, &family) || !view_u16be(address, 2, &port))
				continue;
			if (family == AF_INET && view_has(address, 4, 4))
				(void)inet_ntop(AF_INET, address.data + 4, text, sizeof(text));
			else if (family == AF_INET6 && view_has(address, 8, 16))
				(void)inet_ntop(AF_INET6, address.data + 8, text, sizeof(text));
			if (!text[0])
				continue;
			add_process(p, call);
			event_add(p, "DestinationIp", value_text(text));
			event_add(p, "DestinationPort", value_unsigned(port));
			event_messagef(p, "%s connected to %s port %u",
				       parse_text(&p->scratch, value_in(p, call, "exe")), text,
				       port);
			status = event_emit(p);
		} else if (g->types[i] == PART_PATH && call.len) {
			struct view type, file, folder;
			bool made;

			start(p, g, KIND_OTHER);
			type = value_in(p, g->lines[i], "nametype");
			made = view_is(type, "CREATE");
			if (!made && !view_is(type, "DELETE"))
				continue;
			p->event.kind = made ? KIND_FILE_CREATE : KIND_FILE_DELETE;
			file = value_in(p, g->lines[i], "name");
			folder = value_in(p, cwd, "cwd");
			if (file.len == 0)
				continue;
			add_process(p, call);
			if (file.data[0] != '/' && folder.len)
				event_addf(p, "TargetFilename", "%s/%s",
					   parse_text(&p->scratch, folder),
					   parse_text(&p->scratch, file));
			else
				add(p, "TargetFilename", file);
			event_messagef(p, "%s %s %s",
				       parse_text(&p->scratch, value_in(p, call, "exe")),
				       made ? "created" : "deleted", parse_text(&p->scratch, file));
			status = event_emit(p);
		}
	}
	g->count = 0;
	return status;
}

static const struct {
	const char *type;
	enum event_kind good, bad;
} kinds[] = {
	{"USER_LOGIN", KIND_LOGON, KIND_LOGON_FAILURE},
	{"USER_AUTH", KIND_OTHER, KIND_LOGON_FAILURE},
	{"USER_LOGOUT", KIND_LOGOFF, KIND_OTHER},
	{"USER_CMD", KIND_PRIVILEGE_USE, KIND_LOGON_FAILURE},
	{"ADD_USER", KIND_ACCOUNT_CREATE, KIND_OTHER},
	{"DEL_USER", KIND_ACCOUNT_DELETE, KIND_OTHER},
	{"USER_MGMT", KIND_ACCOUNT_CHANGE, KIND_OTHER},
	{"USER_CHAUTHTOK", KIND_ACCOUNT_CHANGE, KIND_OTHER},
	{"ACCT_LOCK", KIND_ACCOUNT_CHANGE, KIND_OTHER},
	{"ACCT_UNLOCK", KIND_ACCOUNT_CHANGE, KIND_OTHER},
	{"ADD_GROUP", KIND_GROUP_CHANGE, KIND_OTHER},
	{"DEL_GROUP", KIND_GROUP_CHANGE, KIND_OTHER},
	{"GRP_MGMT", KIND_GROUP_CHANGE, KIND_OTHER},
	{"SERVICE_START", KIND_SERVICE_START, KIND_OTHER},
	{"SERVICE_STOP", KIND_SERVICE_STOP, KIND_OTHER},
	{"SYSTEM_BOOT", KIND_SYSTEM_START, KIND_OTHER},
	{"SYSTEM_SHUTDOWN", KIND_SYSTEM_STOP, KIND_OTHER},
	{"CONFIG_CHANGE", KIND_POLICY_CHANGE, KIND_OTHER},
	{"MAC_STATUS", KIND_POLICY_CHANGE, KIND_OTHER},
	{"MAC_POLICY_LOAD", KIND_POLICY_CHANGE, KIND_OTHER},
	{"KERN_MODULE", KIND_DRIVER_LOAD, KIND_OTHER},
	{"DAEMON_CONFIG", KIND_POLICY_CHANGE, KIND_OTHER},
};

struct head {
	struct view type, node, body; /* body: behind "): " */
	int64_t ts;
	uint64_t serial;
	unsigned flags;
};

/* "1580000000.123:456" or, by ausearch -i, "01/25/2020 10:20:30.123:456" */
static void read_stamp(struct view v, struct head *h)
{
	struct view rest = v, seconds, fraction;
	size_t colon = v.len;
	uint64_t s, ms = 0, month, day, year, hour, minute, second;

	h->ts = TIME_NONE;
	h->serial = 0;
	while (colon > 0 && v.data[colon - 1] != ':')
		colon--;
	if (colon > 0)
		(void)view_decimal(view_from(v, colon), &h->serial);
	if (v.len > 19 && v.data[2] == '/' && v.data[5] == '/') {
		if (view_decimal(view_sub(v, 0, 2), &month) &&
		    view_decimal(view_sub(v, 3, 2), &day) &&
		    view_decimal(view_sub(v, 6, 4), &year) &&
		    view_decimal(view_sub(v, 11, 2), &hour) &&
		    view_decimal(view_sub(v, 14, 2), &minute) &&
		    view_decimal(view_sub(v, 17, 2), &second)) {
			(void)view_decimal(view_sub(v, 20, 3), &ms);
			h->ts = time_from_civil((int64_t)year, (unsigned)month, (unsigned)day,
						(unsigned)hour, (unsigned)minute, (unsigned)second,
						(unsigned)(ms % 1000) * 1000000);
			h->flags = EVENT_ZONE_ASSUMED;
		}
		return;
	}
	if (colon > 0)
		rest = view_clip(v, 0, colon - 1);
	(void)view_token(&rest, '.', &seconds);
	fraction = rest;
	if (!view_decimal(seconds, &s) || s > 1u << 31)
		return;
	if (fraction.len && (fraction.len > 3 || !view_decimal(fraction, &ms)))
		return;
	h->ts = time_from_unix((int64_t)s);
	if (h->ts != TIME_NONE)
		h->ts += (int64_t)ms * 1000000;
}

static bool read_head(struct view line, struct head *h)
{
	size_t at, close;

	*h = (struct head){.ts = TIME_NONE};
	if (view_starts(line, "node=", 5)) {
		at = view_find(line, 0, " ", 1);
		h->node = view_sub(line, 5, at - 5);
		line = view_from(line, at + 1);
	}
	if (!view_starts(line, "type=", 5))
		return false;
	at = view_find(line, 5, " ", 1);
	h->type = view_sub(line, 5, at - 5);
	line = view_from(line, at + 1);
	if (h->type.len == 0 || !view_starts(line, "msg=audit(", 10))
		return false;
	close = view_find(view_clip(line, 0, 64), 10, ")", 1);
	if (close >= line.len || line.data[close] != ')')
		return false;
	read_stamp(view_sub(line, 10, close - 10), h);
	line = view_from(line, close + 1);
	while (line.len && (line.data[0] == ' ' || line.data[0] == ':'))
		line = view_from(line, 1);
	h->body = line;
	return true;
}

static int probe(const struct probe *p)
{
	struct view rest = p->head, line;
	struct head h;

	for (unsigned seen = 0; seen < 6 && view_line(&rest, &line);) {
		if (line.len == 0)
			continue;
		if (read_head(line, &h))
			return view_glob(view_text(p->name), "*audit*") ? BID_BOTH + 5
									: BID_CONTENT + 10;
		seen++;
	}
	return BID_NO;
}

static int record_event(struct parse *p, const struct head *h, uint64_t offset, uint64_t number)
{
	bool execve = view_is(h->type, "EXECVE"), bad = false, known = false;
	struct view rest = h->body, word, account = VIEW_EMPTY, audit = VIEW_EMPTY,
		    user = VIEW_EMPTY, loose = VIEW_EMPTY, before = VIEW_EMPTY;
	struct view terminal = VIEW_EMPTY, address = VIEW_EMPTY, exe = VIEW_EMPTY,
		    command = VIEW_EMPTY, cwd = VIEW_EMPTY, unit = VIEW_EMPTY, host = VIEW_EMPTY,
		    pid = VIEW_EMPTY, file = VIEW_EMPTY;
	enum event_kind kind = KIND_OTHER;
	struct pair pair;

	event_start(p, KIND_OTHER, h->ts, h->ts == TIME_NONE ? "Not a time" : "Recorded Time",
		    offset);
	p->event.record = number;
	p->event.flags = h->flags;
	event_add(p, "type", value_view(h->type));
	if (h->serial)
		event_add(p, "serial", value_unsigned(h->serial));
	while (next_pair(&rest, &pair, &word)) {
		struct view value;

		if (word.len) {
			/* "avc: denied { getattr } for": the words that stand together */
			before = word;
			if (view_is(word, "old") || view_is(word, "new"))
				continue;
			loose = loose.len && loose.data + loose.len + 2 >= word.data
					? view_of(loose.data,
						  (size_t)(word.data + word.len - loose.data))
				: loose.len ? loose
					    : word;
			continue;
		}
		if (pair.name.len > 64)
			continue;
		value = decoded(p, &pair, execve);
		if (view_is(before, "old") || view_is(before, "new")) {
			const char *joined =
				arena_printf(&p->scratch, "%.*s-%.*s", (int)before.len,
					     (const char *)before.data, (int)pair.name.len,
					     (const char *)pair.name.data);

			if (joined)
				pair.name = view_text(joined);
		}
		before = VIEW_EMPTY;
		event_add_named(p, pair.name, value_view(value));
		if (view_is(value, "?") || view_is(value, "(null)") || view_is(value, "(none)"))
			continue;
		if (view_is(pair.name, "acct"))
			account = value;
		else if (view_is(pair.name, "AUID"))
			audit = value;
		else if (view_is(pair.name, "UID"))
			user = value;
		else if (view_is(pair.name, "terminal") || view_is(pair.name, "tty"))
			terminal = value;
		else if (view_is(pair.name, "addr"))
			address = value;
		else if (view_is(pair.name, "hostname"))
			host = value;
		else if (view_is(pair.name, "exe"))
			exe = value;
		else if (view_is(pair.name, "cmd"))
			command = value;
		else if (view_is(pair.name, "cwd"))
			cwd = value;
		else if (view_is(pair.name, "unit"))
			unit = value;
		else if (view_is(pair.name, "pid"))
			pid = value;
		else if (view_is(pair.name, "name") && view_is(h->type, "KERN_MODULE"))
			file = value;
		else if (view_is(pair.name, "res") || view_is(pair.name, "success"))
			bad = view_is(value, "failed") || view_is(value, "no") ||
			      view_is(value, "0");
	}
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]) && !known; i++)
		if (view_is(h->type, kinds[i].type)) {
			kind = bad ? kinds[i].bad : kinds[i].good;
			known = true;
		}
	p->event.kind = kind;
	if (loose.len)
		add(p, "Text", view_clip(loose, 0, 512));
	/* The same under the names that all sources share. */
	add(p, "TargetUserName", account);
	add(p, "Image", exe);
	add(p, "CommandLine", command);
	add(p, "CurrentDirectory", command.len ? cwd : VIEW_EMPTY);
	add(p, "IpAddress", address);
	add(p, "WorkstationName", host);
	add(p, "TerminalDevice", terminal);
	add(p, "ServiceName", unit);
	add(p, "ImageLoaded", file);
	add_number(p, "ProcessId", pid);
	if (view_is(h->type, "SYSCALL") && value_in(p, h->body, "SYSCALL").len == 0)
		add(p, "SYSCALL", syscall_name(p, h->body));
	if (view_is(audit, "unset"))
		audit = VIEW_EMPTY;
	if (known && account.len &&
	    (kind == KIND_LOGON || kind == KIND_LOGON_FAILURE || kind == KIND_LOGOFF))
		event_user(p, value_view(account));
	else if (audit.len || user.len)
		event_user(p, value_view(audit.len ? audit : user));
	if (h->node.len)
		event_host(p, value_view(h->node));
	event_messagef(p, "%.*s %.*s", (int)h->type.len, (const char *)h->type.data,
		       (int)(h->body.len > 1000 ? 1000 : h->body.len),
		       (const char *)(h->body.data ? h->body.data : (const uint8_t *)""));
	return event_emit(p);
}

static int part_of(struct view type)
{
	static const char *const names[] = {"SYSCALL", "EXECVE",   "CWD",
					    "PATH",    "SOCKADDR", "PROCTITLE"};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (view_is(type, names[i]))
			return (int)i;
	return -1;
}

static int parse(struct parse *p, struct view bytes)
{
	struct view rest = bytes, line;
	struct group *groups, *g;
	uint64_t number = 0, age = 0;
	int status = OK;

	groups = arena_zalloc(&p->arena, MAX_GROUPS * sizeof(*groups));
	if (!groups)
		return ERR_MEMORY;
	while (status >= 0 && view_line(&rest, &line)) {
		uint64_t offset = (uint64_t)(line.data - bytes.data);
		struct head h;
		int part;

		number++;
		/* Blank lines, and what ausearch puts between events. */
		if (line.len == 0 || view_starts(line, "----", 4) || view_starts(line, "time->", 6))
			continue;
		line = view_clip(line, 0, LIMIT_LINE);
		if (!read_head(line, &h)) {
			status = parse_lost(p, offset, "no audit record");
			continue;
		}
		/* Pages that records still waiting lie in come back when they are read again. */
		parse_release(p, offset);
		status = record_event(p, &h, offset, number);
		part = part_of(h.type);
		if (status < 0 || h.ts == TIME_NONE || (part < 0 && !view_is(h.type, "EOE")))
			continue;
		g = NULL;
		for (unsigned i = 0; i < MAX_GROUPS; i++)
			if (groups[i].count && groups[i].ts == h.ts && groups[i].serial == h.serial)
				g = &groups[i];
		if (part < 0) {
			if (g)
				status = finish(p, g);
			continue;
		}
		if (!g) {
			g = &groups[0];
			for (unsigned i = 1; i < MAX_GROUPS && g->count; i++)
				if (groups[i].count == 0 || groups[i].age < g->age)
					g = &groups[i];
			if (g->count)
				status = finish(p, g);
			g->ts = h.ts;
			g->serial = h.serial;
			g->offset = offset;
			g->number = number;
			g->flags = h.flags;
			g->node = h.node;
			g->age = age++;
			g->count = 0;
		}
		if (g->count < MAX_LINES) {
			g->types[g->count] = (uint8_t)part;
			g->lines[g->count++] = h.body;
		}
	}
	/* In the order in which they began. */
	while (status >= 0) {
		g = NULL;
		for (unsigned i = 0; i < MAX_GROUPS; i++)
			if (groups[i].count && (!g || groups[i].age < g->age))
				g = &groups[i];
		if (!g)
			break;
		status = finish(p, g);
	}
	return status;
}

const struct parser parser_auditd = {
	.name = "auditd",
	.title = "Linux audit log",
	.version = 1,
	.probe = probe,
	.parse = parse,
};
