/*
 * Tables of cron (crontab(5)): /etc/crontab and /etc/cron.d with a user in each line, the users'
 * own without, and anacrontab(5): "period delay name command". Assignments of what decides which
 * program runs (PATH, SHELL, LD_*) are told too.
 */
#include "parsers/autorun.h"

#include <ctype.h>

enum table { NONE, SYSTEM, USERS, ANACRON };

static enum table table_of(const char *path)
{
	struct view v = view_text(path), name = autorun_name(path);

	if (name.len == 0 || name.data[0] == '.')
		return NONE;
	if (view_glob(v, "*etc/anacrontab"))
		return ANACRON;
	if (view_glob(v, "*etc/crontab") || view_glob(v, "*etc/cron.d/*") || view_is(v, "crontab"))
		return SYSTEM;
	if (view_glob(v, "*var/spool/cron/crontabs/*") || view_glob(v, "*var/spool/cron/tabs/*") ||
	    (view_glob(v, "*var/spool/cron/*") && !view_glob(v, "*/cron/*/*")))
		return USERS;
	return NONE;
}

static int probe(const struct probe *p)
{
	if (p->size > 16u << 20 || (p->head.len && memchr(p->head.data, 0, p->head.len)))
		return BID_NO;
	return table_of(p->path) == NONE ? BID_NO : BID_NAME + 10;
}

static bool assignment(struct view line)
{
	size_t i = 0;

	while (i < line.len &&
	       (line.data[i] == '_' || isalpha(line.data[i]) || (i > 0 && isdigit(line.data[i]))))
		i++;
	line = view_trim(view_from(line, i));
	return i > 0 && line.len && line.data[0] == '=';
}

static int parse(struct parse *p, struct view bytes)
{
	enum table table = table_of(p->path);
	struct view rest = bytes, line;
	uint64_t number = 0;
	int status = OK;

	while (status >= 0 && view_line(&rest, &line)) {
		uint64_t offset = (uint64_t)(line.data - bytes.data);
		struct autorun a = {.place = table == ANACRON ? "anacron" : "cron",
				    .line = ++number,
				    .enabled = -1};
		struct view tail = view_trim(line), start = tail;
		unsigned fields = tail.len && tail.data[0] == '@' ? 1 : table == ANACRON ? 2 : 5;

		if (autorun_comment(tail))
			continue;
		if (assignment(tail)) {
			if (!view_starts(tail, "PATH", 4) && !view_starts(tail, "SHELL", 5) &&
			    !view_starts(tail, "LD_", 3))
				continue;
			a.command = tail;
			status = autorun_emit(p, &a, offset);
			continue;
		}
		for (unsigned i = 0; i < fields; i++)
			(void)view_word(&tail);
		a.schedule = view_trim(view_clip(
			start, 0, tail.data ? (size_t)(tail.data - start.data) : start.len));
		if (table == ANACRON) {
			a.name = view_word(&tail);
			a.user = view_text("root");
		} else if (table == USERS) {
			a.user = autorun_name(p->path);
		} else {
			a.user = view_word(&tail);
		}
		a.command = tail;
		status = tail.len	? autorun_emit(p, &a, offset)
			 : p->collected ? OK
					: parse_lost(p, offset, "a line that cron would refuse");
	}
	return status;
}

const struct parser parser_cron = {
	.name = "cron",
	.title = "cron tables",
	.version = 1,
	.probe = probe,
	.parse = parse,
};
