/*
 * Scheduled tasks of Windows NT to XP (.job): [MS-TSCH] 2.4. All its times are local.
 */
#include "parsers/parser.h"

static int probe(const struct probe *p)
{
	uint16_t product = view_get16(p->head, 0);
	bool versions = product == 0x400 || product == 0x500 || product == 0x501 ||
			(product >= 0x600 && product <= 0x603) || product == 0xa00;

	/* Product version, file version 1, offsets of the application's name and of the triggers
	 * (2.4.1). */
	if (!versions || view_get16(p->head, 2) != 1 || view_get16(p->head, 20) < 70 ||
	    view_get16(p->head, 22) < 72)
		return BID_NO;
	return view_glob(view_text(p->name), "*.job") ? BID_BOTH : BID_CONTENT;
}

/* A string: count of characters with the NUL, then the characters (2.4.2.1). */
static bool string(struct parse *p, struct view v, size_t *at, const char **out)
{
	uint16_t n;

	*out = "";
	if (!view_u16le(v, *at, &n) || !view_has(v, *at + 2, (size_t)n * 2))
		return false;
	*out = parse_utf16z(&p->arena, view_sub(v, *at + 2, (size_t)n * 2));
	*at += 2 + (size_t)n * 2;
	return true;
}

struct job {
	const char *program, *arguments, *folder, *author, *comment;
};

static void add_job(struct parse *p, const struct job *j)
{
	const char *name = strrchr(p->path, '/');

	p->event.flags |= EVENT_ZONE_ASSUMED;
	event_add(p, "Place", value_text("Scheduled task"));
	event_add(p, "Name", value_text(name ? name + 1 : p->path));
	event_addf(p, "CommandLine", "%s%s%s", j->program, *j->arguments ? " " : "", j->arguments);
	event_add(p, "Image", value_text(j->program));
	if (*j->folder)
		event_add(p, "CurrentDirectory", value_text(j->folder));
	if (*j->author) {
		event_add(p, "User", value_text(j->author));
		event_user(p, value_text(j->author));
	}
	if (*j->comment)
		event_add(p, "Comment", value_text(j->comment));
}

static const char *trigger_type(uint32_t type)
{
	static const char *const types[] = {
		"once",	   "daily",	      "weekly",	 "monthly", "monthly by day of week",
		"on idle", "at system start", "at logon"};

	return type < sizeof(types) / sizeof(types[0]) ? types[type] : "unknown";
}

static int parse(struct parse *p, struct view v)
{
	struct job j = {"", "", "", "", ""};
	struct view last = view_sub(v, 52, 16);
	int64_t ran = last.data ? time_from_systemtime(last) : TIME_NONE;
	size_t at = 70;
	uint16_t count = 0, skip;
	uint32_t flags = view_get32(v, 48), exit_code = view_get32(v, 40);
	int status;

	if (!view_has(v, 0, 70))
		return parse_fail(p, ERR_TRUNCATED, v.len, "%zu bytes only", v.len);
	if (!string(p, v, &at, &j.program) || !string(p, v, &at, &j.arguments) ||
	    !string(p, v, &at, &j.folder) || !string(p, v, &at, &j.author) ||
	    !string(p, v, &at, &j.comment))
		if ((status = parse_lost(p, at, "a string runs past the end")) < 0)
			return status;
	event_start(p, KIND_TASK_RUN, ran, ran == TIME_NONE ? "Not a time" : "Last Time Executed",
		    52);
	add_job(p, &j);
	event_add(p, "ExitCode", value_unsigned(exit_code));
	event_messagef(p, "Scheduled task %s %s", *j.program ? j.program : p->path,
		       ran == TIME_NONE ? "has never run" : "ran");
	if ((status = event_emit(p)) < 0)
		return status;
	/* User data and reserved data, sized, then the triggers (2.4.2). */
	for (int i = 0; i < 2; i++) {
		if (!view_u16le(v, at, &skip) || !view_has(v, at + 2, skip))
			return parse_lost(p, at, "the task's data runs past the end");
		at += 2 + (size_t)skip;
	}
	if (!view_u16le(v, at, &count))
		return parse_lost(p, at, "the triggers are not there");
	at += 2;
	for (unsigned i = 0; i < count || (i == 0 && count == 0); i++, at += 48) {
		struct view t = view_sub(v, at, 48);
		int64_t start = TIME_NONE;

		if (count && !t.data)
			return parse_lost(p, at, "trigger %u of %u is not there", i + 1, count);
		if (count)
			start = time_from_civil(view_get16(t, 4), view_get16(t, 6),
						view_get16(t, 8), view_get16(t, 16),
						view_get16(t, 18), 0, 0);
		event_start(p, KIND_PERSISTENCE, start,
			    start == TIME_NONE ? "Not a time" : "Scheduled to start", at);
		add_job(p, &j);
		/* 2.4.1: TASK_FLAG_DISABLED 0x04, hidden 0x200. */
		event_add(p, "Enabled", value_bool(!(flags & 0x4)));
		event_add(p, "Hidden", value_bool(flags & 0x200));
		if (count) {
			event_add(p, "Trigger", value_text(trigger_type(view_get32(t, 32))));
			if (view_get16(t, 10))
				event_addf(p, "EndTime", "%04u-%02u-%02u", view_get16(t, 10),
					   view_get16(t, 12), view_get16(t, 14));
			event_add(p, "DurationMinutes", value_unsigned(view_get32(t, 20)));
			event_add(p, "IntervalMinutes", value_unsigned(view_get32(t, 24)));
			event_messagef(p, "Scheduled task runs %s%s%s (%s)", j.program,
				       *j.arguments ? " " : "", j.arguments,
				       trigger_type(view_get32(t, 32)));
		} else {
			event_messagef(p, "Scheduled task would run %s %s, but has no trigger",
				       j.program, j.arguments);
		}
		if ((status = event_emit(p)) < 0)
			return status;
	}
	return OK;
}

const struct parser parser_winjob = {
	.name = "winjob",
	.title = "Scheduled tasks of Windows XP and before (.job)",
	.version = 1,
	.probe = probe,
	.parse = parse,
};
