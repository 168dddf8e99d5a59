/*
 * Accounts: passwd(5), group(5) and shadow(5). Of shadow only what it says about a password, never
 * the hash. A bundle lists the accounts itself (live/accounts.jsonl).
 */
#include "parsers/autorun.h"

static int probe(const struct probe *p)
{
	struct view rest = p->head, line;
	unsigned colons = 0;

	if (!view_is(view_text(p->name), "passwd") && !view_is(view_text(p->name), "group") &&
	    !view_is(view_text(p->name), "shadow") && !view_is(view_text(p->name), "passwd-") &&
	    !view_is(view_text(p->name), "group-") && !view_is(view_text(p->name), "shadow-"))
		return BID_NO;
	if (!view_line(&rest, &line))
		return BID_NO;
	for (size_t i = 0; i < line.len; i++)
		colons += line.data[i] == ':';
	return colons == (p->name[0] == 'p' ? 6u : p->name[0] == 'g' ? 3u : 8u) ? BID_BOTH : BID_NO;
}

#define DAY (86400 * TIME_SECOND)

static int parse(struct parse *p, struct view bytes)
{
	struct view name = autorun_name(p->path), rest = bytes, line;
	char type = name.len ? (char)name.data[0] : 'p';
	unsigned count = type == 'p' ? 7 : type == 'g' ? 4 : 9;
	uint64_t number = 0, n;
	int status = OK;

	while (status >= 0 && view_line(&rest, &line)) {
		uint64_t offset = (uint64_t)(line.data - bytes.data);
		struct view field[9] = {{0}}, tail = line;
		unsigned have = 0;
		int64_t ts = p->mtime;

		number++;
		if (line.len == 0 || line.data[0] == '#' || line.data[0] == '+' ||
		    line.data[0] == '-' || p->collected)
			continue;
		while (have < count && view_token(&tail, ':', &field[have]))
			have++;
		if (have != count || field[0].len == 0) {
			status = parse_lost(p, offset, "%u fields of %u", have, count);
			continue;
		}
		event_start(p, KIND_ACCOUNT_SEEN, ts,
			    ts == TIME_NONE ? "Not a time" : "Content Modification Time", offset);
		p->event.record = number;
		event_add(p, type == 'g' ? "TargetGroupName" : "TargetUserName",
			  value_view(field[0]));
		if (type == 's') {
			struct view hash = field[1];
			const char *state = hash.len == 0				 ? "none"
					    : hash.data[0] == '!' || hash.data[0] == '*' ? "locked"
											 : "hash";

			event_add(p, "PasswordState", value_text(state));
			if (view_decimal(field[2], &n) && n > 0 && n < 100000) {
				p->event.ts = (int64_t)n * DAY;
				p->event.ts_desc = "Last Password Set";
			}
			if (view_decimal(field[7], &n) && n > 0 && n < 100000)
				event_add(p, "AccountExpires", value_time((int64_t)n * DAY));
			event_messagef(p, "Account %s, password: %s",
				       parse_text(&p->scratch, field[0]), state);
		} else if (type == 'g') {
			if (view_decimal(field[2], &n))
				event_add(p, "GroupId", value_unsigned(n));
			if (field[3].len)
				event_add(p, "Members", value_view(field[3]));
			event_messagef(p, "Group %s: %s", parse_text(&p->scratch, field[0]),
				       parse_text(&p->scratch, field[3]));
		} else {
			bool root = view_is(field[2], "0");

			if (view_decimal(field[2], &n))
				event_add(p, "UserId", value_unsigned(n));
			if (view_decimal(field[3], &n))
				event_add(p, "GroupId", value_unsigned(n));
			event_add(p, "Home", value_view(field[5]));
			event_add(p, "Shell", value_view(field[6]));
			if (field[4].len)
				event_add(p, "Comment", value_view(field[4]));
			/* Anything but x here is a password that everybody can read, or none at
			 * all. */
			if (!view_is(field[1], "x") && !view_is(field[1], "*"))
				event_add(p, "PasswordState",
					  value_text(field[1].len ? "hash" : "none"));
			if (root)
				event_add(p, "Flags", value_text("uid0"));
			event_messagef(p, "Account %s (%s), shell %s",
				       parse_text(&p->scratch, field[0]),
				       parse_text(&p->scratch, field[2]),
				       parse_text(&p->scratch, field[6]));
		}
		if (type != 'g')
			event_user(p, value_view(field[0]));
		status = event_emit(p);
		/* Any name but root's with root's number is a way back in. */
		if (status >= 0 && type == 'p' && view_is(field[2], "0") &&
		    !view_is(field[0], "root")) {
			event_start(p, KIND_PERSISTENCE, ts,
				    ts == TIME_NONE ? "Not a time" : "Content Modification Time",
				    offset);
			p->event.record = number;
			event_add(p, "Place", value_text("uid0"));
			event_add(p, "TargetUserName", value_view(field[0]));
			event_add(p, "UserId", value_unsigned(0));
			event_add(p, "Shell", value_view(field[6]));
			event_user(p, value_view(field[0]));
			event_messagef(p, "Account %s has the rights of root (uid 0)",
				       parse_text(&p->scratch, field[0]));
			status = event_emit(p);
		}
	}
	return status;
}

const struct parser parser_passwd = {
	.name = "passwd",
	.title = "Unix accounts (passwd, group, shadow)",
	.version = 2,
	.probe = probe,
	.parse = parse,
};
