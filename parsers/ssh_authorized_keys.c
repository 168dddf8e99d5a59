/*
 * authorized_keys (sshd(8), AUTHORIZED_KEYS FILE FORMAT): "[options] type base64 [comment]"; blanks
 * inside of quotes do not end the options. The name of an entry is the key's fingerprint, as
 * `ssh-keygen -l` shows it.
 */
#include "parsers/autorun.h"

#include "base/sha256.h"

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

static int value_of(uint8_t c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	return c == '+' ? 62 : c == '/' ? 63 : -1;
}

/* SHA256 of the key's bytes, in base64 without padding. */
static void fingerprint(struct buffer *out, struct view key)
{
	static const char digits[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	struct buffer raw = {0};
	uint8_t digest[SHA256_SIZE + 1] = {0};
	uint32_t bits = 0;
	unsigned have = 0;

	for (size_t i = 0; i < key.len && value_of(key.data[i]) >= 0; i++) {
		bits = (bits << 6 | (uint32_t)value_of(key.data[i])) & 0xffffff;
		have += 6;
		if (have >= 8) {
			have -= 8;
			buffer_char(&raw, (char)(bits >> have & 0xff));
		}
	}
	sha256(buffer_as_view(&raw), digest);
	buffer_string(out, "SHA256:");
	/* 32 bytes are ten groups of four digits and a last one of three. */
	for (unsigned i = 0; i < 33; i += 3) {
		uint32_t n = (uint32_t)digest[i] << 16 | (uint32_t)digest[i + 1] << 8 |
			     (i + 2 < SHA256_SIZE ? digest[i + 2] : 0);

		for (unsigned k = 0; k < (i < 30 ? 4u : 3u); k++)
			buffer_char(out, digits[n >> (18 - 6 * k) & 63]);
	}
	buffer_release(&raw);
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
		if (!key_type(autorun_word(&first))) {
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
		a.key_type = autorun_word(&tail);
		key = autorun_word(&tail);
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
		fingerprint(&print, key);
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
