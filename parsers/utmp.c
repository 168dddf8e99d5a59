/*
 * utmp, wtmp, btmp: fixed records of logons (utmp(5); glibc, bits/utmp.h). 384 bytes where times
 * have 32 bits (x86, x86-64, arm, ppc) and 400 where they have 64 (aarch64, s390x, riscv), in the
 * byte order of the machine: which of them it is, the first records tell. In a btmp every record is
 * a failed logon; a utmp says who is logged on now.
 */
#include "parsers/parser.h"

#include <arpa/inet.h>

enum {
	EMPTY,
	RUN_LEVEL,
	BOOT_TIME,
	NEW_TIME,
	OLD_TIME,
	INIT_PROCESS,
	LOGIN_PROCESS,
	USER_PROCESS,
	DEAD_PROCESS,
	ACCOUNTING
};

static const char *const type_names[] = {
	"EMPTY",	"RUN_LVL",	 "BOOT_TIME",	 "NEW_TIME",	 "OLD_TIME",
	"INIT_PROCESS", "LOGIN_PROCESS", "USER_PROCESS", "DEAD_PROCESS", "ACCOUNTING"};

struct layout {
	size_t size, session, time, address;
	bool wide, big; /* times of 64 bits; big-endian */
};

static const struct layout layouts[] = {
	{384, 336, 340, 348, false, false},
	{384, 336, 340, 348, false, true},
	{400, 336, 344, 360, true, false},
	{400, 336, 344, 360, true, true},
};

struct record {
	unsigned type;
	uint32_t pid, exit, session;
	int64_t seconds, micro;
	struct view line, id, user, host, address;
};

static uint64_t number(struct view v, size_t at, size_t size, bool big)
{
	uint16_t x16 = view_get16(v, at);
	uint32_t x32 = view_get32(v, at);
	uint64_t x64 = view_get64(v, at);

	if (size == 2)
		return big ? __builtin_bswap16(x16) : x16;
	if (size == 4)
		return big ? __builtin_bswap32(x32) : x32;
	return big ? __builtin_bswap64(x64) : x64;
}

static struct view text_at(struct view v, size_t at, size_t size)
{
	struct view text = view_sub(v, at, size);
	const uint8_t *end = text.len ? memchr(text.data, 0, text.len) : NULL;

	if (end)
		text.len = (size_t)(end - text.data);
	return text;
}

static void read_record(struct view v, const struct layout *l, struct record *r)
{
	r->type = (unsigned)number(v, 0, 2, l->big);
	r->pid = (uint32_t)number(v, 4, 4, l->big);
	r->line = text_at(v, 8, 32);
	r->id = text_at(v, 40, 4);
	r->user = text_at(v, 44, 32);
	r->host = text_at(v, 76, 256);
	r->exit = (uint32_t)number(v, 332, 4, false);
	r->session = (uint32_t)number(v, l->session, l->wide ? 8 : 4, l->big);
	if (l->wide) {
		r->seconds = (int64_t)number(v, l->time, 8, l->big);
		r->micro = (int64_t)number(v, l->time + 8, 8, l->big);
	} else {
		r->seconds = (int64_t)(uint32_t)number(v, l->time, 4, l->big);
		r->micro = (int64_t)(uint32_t)number(v, l->time + 4, 4, l->big);
	}
	r->address = view_sub(v, l->address, 16);
}

static bool all_zero(struct view v)
{
	return v.len == 0 || (v.data[0] == 0 && memcmp(v.data, v.data + 1, v.len - 1) == 0);
}

/* Text, then only zeros: nothing else is written there. Some writers leave rests of older text
 * behind the zero. */
static bool texty(struct view field)
{
	for (size_t i = 0; i < field.len; i++)
		if (field.data[i] < ' ' || field.data[i] == 127)
			return false;
	return true;
}

/* A record that a system wrote: known type, text in its texts, a time since 1980. */
static bool honest(struct view v, const struct layout *l)
{
	struct record r;

	read_record(v, l, &r);
	return r.type <= ACCOUNTING && texty(r.line) && texty(r.id) && texty(r.user) &&
	       texty(r.host) && (r.type == EMPTY || r.seconds > 315532800) &&
	       r.seconds < (int64_t)1 << 33 && r.seconds >= 0 && r.micro >= 0 && r.micro < 1000000;
}

/* The layout of which most of the first records are honest, or NULL. */
static const struct layout *layout_of(struct view v, unsigned *good)
{
	const struct layout *best = NULL;

	*good = 0;
	for (size_t i = 0; i < sizeof(layouts) / sizeof(layouts[0]); i++) {
		const struct layout *l = &layouts[i];
		unsigned n = 0;

		for (size_t at = 0, k = 0; view_has(v, at, l->size) && k < 32; at += l->size, k++) {
			struct view record = view_sub(v, at, l->size);

			n += !all_zero(record) && honest(record, l);
		}
		if (n > *good) {
			*good = n;
			best = l;
		}
	}
	return best;
}

static bool named(const char *name)
{
	return view_glob(view_text(name), "*utmp*") || view_glob(view_text(name), "*wtmp*") ||
	       view_glob(view_text(name), "*btmp*");
}

static int probe(const struct probe *p)
{
	unsigned good;
	const struct layout *l = layout_of(view_clip(p->head, 0, 400 * 8), &good);

	if (!l || !honest(view_sub(p->head, 0, l->size), l))
		return BID_NO;
	/* A single record of that shape may be chance. */
	return named(p->name)			     ? BID_EXACT
	       : good >= 2 && p->size % l->size == 0 ? BID_CONTENT
						     : BID_NO;
}

#define MAX_LINES                                                                                  \
	512 /* terminals that are remembered: who logged off there is not in its record            \
	     */

struct seat {
	struct view line, user;
};

static struct view *seat_of(struct seat *seats, size_t *count, struct view line, bool make)
{
	for (size_t i = 0; i < *count; i++)
		if (view_equal(seats[i].line, line))
			return &seats[i].user;
	if (!make || *count == MAX_LINES)
		return NULL;
	seats[*count].line = line;
	return &seats[(*count)++].user;
}

static int emit(struct parse *p, const struct record *r, bool failed, bool now, struct seat *seats,
		size_t *count, uint64_t offset, uint64_t index)
{
	int64_t ts = r->seconds == 0 ? TIME_NONE : time_from_unix_scaled(r->seconds, 1);
	enum event_kind kind = KIND_OTHER;
	struct view user = r->user, *seat;
	char address[INET6_ADDRSTRLEN] = "";
	const char *u, *line, *host;

	if (ts != TIME_NONE && r->micro >= 0 && r->micro < 1000000)
		ts += r->micro * 1000;
	if (!all_zero(r->address) && r->address.len == 16)
		(void)inet_ntop(all_zero(view_from(r->address, 4)) ? AF_INET : AF_INET6,
				r->address.data, address, sizeof(address));
	event_start(p, kind, ts, ts == TIME_NONE ? "Not a time" : "Recorded Time", offset);
	p->event.record = index;
	if (r->type == USER_PROCESS || failed) {
		kind = failed ? KIND_LOGON_FAILURE : now ? KIND_LOGON_SEEN : KIND_LOGON;
		if (!failed && r->line.len && (seat = seat_of(seats, count, r->line, true)))
			*seat = user;
	} else if (r->type == DEAD_PROCESS) {
		seat = r->line.len ? seat_of(seats, count, r->line, false) : NULL;
		if (user.len == 0 && seat)
			user = *seat;
		if (seat)
			*seat = VIEW_EMPTY;
		kind = now || user.len == 0 ? KIND_OTHER : KIND_LOGOFF;
	} else if (r->type == BOOT_TIME) {
		kind = KIND_SYSTEM_START;
		*count = 0; /* nobody is logged on any more */
	} else if (r->type == RUN_LEVEL && view_is(user, "shutdown")) {
		kind = KIND_SYSTEM_STOP;
		*count = 0;
	} else if (r->type == NEW_TIME || r->type == OLD_TIME) {
		kind = KIND_TIME_CHANGE;
	}
	p->event.kind = kind;
	event_add(p, "RecordType", value_text(type_names[r->type]));
	if (user.len)
		event_add(p, "TargetUserName", value_view(user));
	if (r->line.len)
		event_add(p, "TerminalDevice", value_view(r->line));
	if (r->id.len)
		event_add(p, "TerminalId", value_view(r->id));
	if (address[0])
		event_add(p, "IpAddress", value_text(address));
	if (r->host.len)
		event_add(p,
			  kind == KIND_SYSTEM_START || r->type == RUN_LEVEL ? "KernelVersion"
									    : "WorkstationName",
			  value_view(r->host));
	if (r->pid)
		event_add(p, "ProcessId", value_unsigned(r->pid));
	if (r->session)
		event_add(p, "SessionId", value_unsigned(r->session));
	if (r->exit)
		event_add(p, "ExitStatus", value_hex(r->exit));
	if (ts == TIME_NONE && r->seconds)
		event_add(p, "RawTime", value_signed(r->seconds));
	if (user.len && (r->type == USER_PROCESS || r->type == DEAD_PROCESS || failed))
		event_user(p, value_view(user));
	u = parse_text(&p->scratch, user);
	line = parse_text(&p->scratch, r->line);
	host = address[0] ? address : parse_text(&p->scratch, r->host);
	switch (kind) {
	case KIND_LOGON:
	case KIND_LOGON_SEEN:
	case KIND_LOGON_FAILURE:
		event_messagef(p, "%s %s at %s%s%s", u[0] ? u : "(no name)",
			       failed ? "failed to log on"
			       : now  ? "is logged on"
				      : "logged on",
			       line[0] ? line : "?", host[0] ? " from " : "", host);
		break;
	case KIND_LOGOFF:
		event_messagef(p, "%s logged off %s", u, line);
		break;
	case KIND_SYSTEM_START:
		event_messagef(p, "System started%s%s", host[0] ? ", kernel " : "", host);
		break;
	case KIND_SYSTEM_STOP:
		event_messagef(p, "System shut down");
		break;
	case KIND_TIME_CHANGE:
		event_messagef(p, "Clock was set: %s time", r->type == NEW_TIME ? "new" : "old");
		break;
	default:
		event_messagef(p, "%s %s%s%s", type_names[r->type], u, line[0] ? " on " : "", line);
	}
	return event_emit(p);
}

static int parse(struct parse *p, struct view bytes)
{
	const char *slash = strrchr(p->path, '/');
	struct view name = view_text(slash ? slash + 1 : p->path);
	bool failed = view_glob(name, "*btmp*"),
	     now = view_glob(name, "*utmp*") && !view_glob(name, "*wtmp*");
	unsigned good;
	const struct layout *l = layout_of(bytes, &good);
	struct seat *seats;
	size_t count = 0, at = 0;
	int status = OK;

	if (!l)
		l = &layouts[0];
	seats = arena_alloc(&p->arena, MAX_LINES * sizeof(*seats));
	if (!seats)
		return ERR_MEMORY;
	for (; status >= 0 && view_has(bytes, at, l->size); at += l->size) {
		struct view v = view_sub(bytes, at, l->size);
		struct record r;

		if (all_zero(v))
			continue;
		read_record(v, l, &r);
		if (r.type > ACCOUNTING || !texty(r.line))
			status = parse_lost(p, at, "a record of type %u is none", r.type);
		else
			status = emit(p, &r, failed, now, seats, &count, at, at / l->size);
	}
	if (status >= 0 && !all_zero(view_from(bytes, at)))
		status = parse_lost(p, at, "the last record is cut");
	return status;
}

const struct parser parser_utmp = {
	.name = "utmp",
	.title = "Logon records (utmp, wtmp, btmp)",
	.version = 1,
	.probe = probe,
	.parse = parse,
};
