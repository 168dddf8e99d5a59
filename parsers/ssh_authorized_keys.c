/*
 * authorized_keys (sshd(8), AUTHORIZED_KEYS FILE FORMAT): "[options] type base64 [comment]"; blanks
 * inside of quotes do not end the options. The name of an entry is the key's fingerprint, as
 * `ssh-keygen -l` shows it.
 */
#include "parsers/autorun.h"

#include "base/ssh.h"

static bool key_type(struct view v)
{
	return view_starts(v, "ssh-", 4) || view_starts(v, "ecdsa-", 6) || view_starts(v, "sk-", 3);
}

static int probe(const struct probe *p)
{
	struct view rest = p->head, line;

	if (!view_glob(view_text(p->name), "authorized_keys*") &&
	    !view_glob(view_text(p->path), "*etc/ssh/authorized_keys/*"))
		return BID_NO;
	while (view_line(&rest, &line))
		if (line.len && memchr(line.data, 0, line.len))
			return BID_NO;
	return BID_NAME + 10;
}

static int parse(struct parse *p, struct view bytes)
{
	struct view rest = bytes, line, user = parse_path_user(p->path);
	struct buffer print = {0};
	uint64_t number = 0;
	int status = OK;

	while (status >= 0 && view_line(&rest, &line)) {
		uint64_t offset = (uint64_t)(line.data - bytes.data);
		struct autorun a = {
			.place = "authorized_keys", .user = user, .line = ++number, .enabled = -1};
		struct view tail = view_trim(line), first = tail, key;
		size_t at, end;

		if (autorun_comment(tail))
			continue;
		if (!key_type(view_word(&first))) {
			bool quoted = false;
			size_t i = 0;

			for (; i < tail.len &&
			       (quoted || (tail.data[i] != ' ' && tail.data[i] != '\t'));
			     i++)
				if (tail.data[i] == '"' && (i == 0 || tail.data[i - 1] != '\\'))
					quoted = !quoted;
			a.options = view_clip(tail, 0, i);
			tail = view_trim(view_from(tail, i));
		}
		a.key_type = view_word(&tail);
		key = view_word(&tail);
		if (!key_type(a.key_type) || key.len == 0) {
			status = p->collected ? OK : parse_lost(p, offset, "no key");
			continue;
		}
		a.comment = tail;
		at = view_find(a.options, 0, "command=\"", 9);
		if (at < a.options.len) {
			end = view_find(a.options, at + 9, "\"", 1);
			a.command = view_sub(a.options, at + 9, end - at - 9);
		}
		print.len = 0;
		ssh_fingerprint(&print, key);
		a.name = buffer_as_view(&print);
		status = autorun_emit(p, &a, offset);
	}
	buffer_release(&print);
	return status;
}

const struct parser parser_ssh_authorized_keys = {
	.name = "ssh_authorized_keys",
	.title = "SSH keys that may log on (authorized_keys)",
	.version = 1,
	.probe = probe,
	.parse = parse,
};
