/* Accounts, and every place that makes something run by itself. Lines: live.h. */
#define _GNU_SOURCE
#include "collectors/collect.h"
#include "collectors/lines.h"
#include "collectors/live.h"

#include "base/autorun_place.h"
#include "base/ssh.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define FILE_LIMIT ((size_t)4 << 20)

/* ---- accounts: passwd(5), group(5), shadow(5); read by ourselves, a static binary has no NSS ----
 */

const struct account *collect_account(const struct collector *c, uint32_t uid)
{
	static _Thread_local const struct account
		*last; /* a walk asks for the same one again and again */

	if (last >= c->accounts && last < c->accounts + c->account_count && last->uid == uid)
		return last;
	for (size_t i = 0; i < c->account_count; i++)
		if (c->accounts[i].uid == uid)
			return last = &c->accounts[i];
	return NULL;
}

const char *collect_user(const struct collector *c, uint32_t uid)
{
	const struct account *a = collect_account(c, uid);

	return a ? a->name : NULL;
}

static size_t fields_of(struct view line, struct view *fields, size_t max)
{
	size_t n = 0;

	for (size_t i = 0; i < max; i++)
		fields[i] = VIEW_EMPTY;
	while (n < max && view_token(&line, ':', &fields[n]))
		n++;
	return n;
}

/* Asked once for all patterns: most accounts of a system have a home that is not there. */
static void find_homes(struct collector *c)
{
	struct path_set seen = {0};

	for (size_t i = 0; i < c->account_count; i++) {
		struct account *a = &c->accounts[i];
		char *name = NULL, *canonical = NULL;
		int fd, status;

		a->no_home = a->home[0] != '/' || strcmp(a->home, "/") == 0 ||
			     !path_set_add(&seen, a->home);
		if (a->no_home)
			continue;
		status = tree_resolve(&c->tree, a->home, true, &fd, &name, &canonical);
		a->no_home = status == ERR_NOT_FOUND;
		if (status == OK)
			(void)close(fd);
		free(name);
		free(canonical);
	}
	path_set_release(&seen);
}

void linux_accounts_load(struct collector *c)
{
	struct buffer text = {0};
	struct view rest, line, f[7];
	int status = tree_slurp(&c->tree, "/etc/passwd", FILE_LIMIT, &text);

	if (status < 0)
		collect_trouble(c, "accounts", "/etc/passwd", tree_error(status));
	rest = buffer_as_view(&text);
	while (view_line(&rest, &line)) {
		uint64_t uid, gid;

		if (fields_of(line, f, 7) < 6 || !view_decimal(f[2], &uid) ||
		    !view_decimal(f[3], &gid))
			continue;
		c->accounts = xgrow(c->accounts, &c->account_cap, c->account_count + 1,
				    sizeof(*c->accounts));
		c->accounts[c->account_count++] = (struct account){xmemdup0(f[0].data, f[0].len),
								   xmemdup0(f[5].data, f[5].len),
								   xmemdup0(f[6].data, f[6].len),
								   xmemdup0(f[4].data, f[4].len),
								   (uint32_t)uid,
								   (uint32_t)gid,
								   false};
	}
	find_homes(c);
	buffer_release(&text);
}

/* Keys in ~/.ssh/authorized_keys. */
static unsigned count_keys(struct collector *c, const struct account *a)
{
	struct buffer path = {0}, text = {0};
	struct view rest, line;
	unsigned n = 0;

	if (a->home[0] == '/') {
		buffer_printf(&path, "%s/.ssh/authorized_keys", a->home);
		(void)tree_slurp(&c->tree, buffer_text(&path), FILE_LIMIT, &text);
		rest = buffer_as_view(&text);
		while (view_line(&rest, &line)) {
			line = view_trim(line);
			n += line.len && line.data[0] != '#';
		}
	}
	buffer_release(&path);
	buffer_release(&text);
	return n;
}

static void account_line(struct collector *c, struct buffer *b, const struct account *a,
			 struct view shadow, struct view groups)
{
	struct view line, f[9], g[4], member;
	bool first = true, password = false,
	     shell = a->shell[0] && !strstr(a->shell, "nologin") && !strstr(a->shell, "/false") &&
		     !strstr(a->shell, "/sync");
	unsigned keys = count_keys(c, a);
	uint64_t days;

	line_start(b, "account");
	line_text(b, "TargetUserName", a->name);
	line_number(b, "UserId", a->uid);
	line_number(b, "GroupId", a->gid);
	line_text(b, "Home", a->home);
	line_text(b, "Shell", a->shell);
	line_some(b, "Comment", a->comment);
	while (view_line(&shadow, &line)) {
		if (fields_of(line, f, 9) < 3 || !view_is(f[0], a->name))
			continue;
		password = f[1].len == 0;
		line_text(b, "PasswordState",
			  f[1].len == 0				       ? "none"
			  : f[1].data[0] == '!' || f[1].data[0] == '*' ? "locked"
								       : "hash");
		if (view_decimal(f[2], &days) && days && days < 100000)
			line_time(b, "LastPasswordChange", (int64_t)days * 86400 * TIME_SECOND);
		break;
	}
	line_name(b, "Groups");
	while (view_line(&groups, &line)) {
		uint64_t gid = UINT64_MAX;
		bool in;

		if (fields_of(line, g, 4) < 3)
			continue;
		(void)view_decimal(g[2], &gid);
		in = gid == a->gid;
		while (!in && view_token(&g[3], ',', &member))
			in = view_is(member, a->name);
		if (!in)
			continue;
		buffer_char(b, first ? '[' : ',');
		first = false;
		text_json_quoted(b, g[0]);
	}
	buffer_string(b, first ? "[]" : "]");
	if (keys)
		line_number(b, "AuthorizedKeys", keys);
	line_name(b, "Flags");
	buffer_char(b, '[');
	first = true;
	if (a->uid == 0) {
		buffer_string(b, "\"uid0\"");
		first = false;
	}
	if (password) {
		buffer_string(b, first ? "\"no-password\"" : ",\"no-password\"");
		first = false;
	}
	if (shell && a->uid > 0 && a->uid < 1000)
		buffer_string(b, first ? "\"system-with-shell\"" : ",\"system-with-shell\"");
	buffer_char(b, ']');
	line_end(b);
}

void linux_accounts(struct collector *c)
{
	struct lines out = {.c = c, .name = "live/accounts.jsonl", .collector = "accounts"};
	struct buffer shadow = {0}, groups = {0};
	struct view rest, line, g[4], member;

	/* Only whether there is a password, never its hash. */
	(void)tree_slurp(&c->tree, "/etc/shadow", FILE_LIMIT, &shadow);
	(void)tree_slurp(&c->tree, "/etc/group", FILE_LIMIT, &groups);
	for (size_t i = 0; i < c->account_count; i++) {
		account_line(c, &out.text, &c->accounts[i], buffer_as_view(&shadow),
			     buffer_as_view(&groups));
		lines_check(&out);
	}
	c->result->accounts = c->account_count;
	rest = buffer_as_view(&groups);
	while (view_line(&rest, &line)) {
		struct buffer *b = &out.text;
		bool first = true;
		uint64_t gid;

		if (fields_of(line, g, 4) < 3 || !view_decimal(g[2], &gid))
			continue;
		line_start(b, "group");
		line_view(b, "TargetGroupName", g[0]);
		line_number(b, "GroupId", (int64_t)gid);
		line_name(b, "Members");
		while (view_token(&g[3], ',', &member)) {
			if (!member.len)
				continue;
			buffer_char(b, first ? '[' : ',');
			first = false;
			text_json_quoted(b, member);
		}
		buffer_string(b, first ? "[]" : "]");
		line_end(b);
		lines_check(&out);
	}
	lines_finish(&out);
	if (shadow.data)
		explicit_bzero(shadow.data, shadow.cap);
	buffer_release(&shadow);
	buffer_release(&groups);
}

/* ---- autoruns ---- */

struct autoruns {
	struct matcher matcher;
	struct collector *c;
	struct lines out;
	const struct autorun_place *place;
	/* Names below *.wants and *.requires: what is enabled. */
	char **enabled;
	size_t enabled_count, enabled_cap;
	/* Of the file that is being read. */
	const char *path, *name;
	int64_t mtime;
	char **done; /* canonical paths of units: /lib is often /usr/lib */
	size_t done_count, done_cap;
};

struct found {
	const char *place, *name;
	struct view command, user, schedule, trigger, comment, key_type, options, image;
	const char *user_text;
	unsigned line;
	int enabled; /* -1: does not apply */
};

/* The program of a command: its first word, when that is a path. */
static struct view program_of(struct view command)
{
	struct view v = command;

	/* systemd.service(5): prefixes of ExecStart. */
	while (v.len && strchr("-@:+!|", v.data[0]))
		v = view_from(v, 1);
	if (v.len && (v.data[0] == '"' || v.data[0] == '\'')) {
		size_t end = view_find(v, 1, v.data, 1);

		v = view_sub(v, 1, end > 1 && end < v.len ? end - 1 : 0);
	} else {
		size_t n = 0;

		while (n < v.len && v.data[n] != ' ' && v.data[n] != '\t' && v.data[n] != ';')
			n++;
		v = view_clip(v, 0, n);
	}
	return v.len && v.data[0] == '/' ? v : VIEW_EMPTY;
}

static void emit(struct autoruns *a, const struct found *f)
{
	struct buffer *b = &a->out.text;
	struct view image = f->image.len ? f->image : program_of(f->command);
	char hex[2 * SHA256_SIZE + 1];
	char *path = image.len ? xmemdup0(image.data, image.len) : NULL;

	line_start(b, "autorun");
	line_text(b, "Place", f->place ? f->place : a->place->place);
	line_text(b, "Name", f->name ? f->name : a->name);
	if (f->command.len)
		line_view(b, "CommandLine", f->command);
	if (f->user.len)
		line_view(b, "User", f->user);
	else
		line_text(b, "User",
			  f->user_text	       ? f->user_text
			  : a->matcher.account ? a->matcher.account->name
					       : NULL);
	line_text(b, "TargetFilename", a->path);
	if (f->line)
		line_number(b, "Line", f->line);
	if (f->schedule.len)
		line_view(b, "Schedule", f->schedule);
	if (f->enabled >= 0)
		line_bool(b, "Enabled", f->enabled);
	if (f->trigger.len)
		line_view(b, "Trigger", f->trigger);
	line_text(b, "Image", path);
	if (collect_digest_path(a->c, path ? path : a->path, hex))
		buffer_printf(b, ",\"Hashes\":\"SHA256=%s\"", hex);
	line_time(b, "mtime", a->mtime);
	if (f->comment.len)
		line_view(b, "Comment", f->comment);
	if (f->key_type.len)
		line_view(b, "KeyType", f->key_type);
	if (f->options.len)
		line_view(b, "Options", f->options);
	line_end(b);
	lines_check(&a->out);
	a->c->result->autoruns++;
	free(path);
}

static bool is_comment(struct view line)
{
	return line.len == 0 || line.data[0] == '#' || line.data[0] == ';';
}

static void read_cron(struct autoruns *a, struct view text, bool with_user)
{
	struct view line;

	for (unsigned n = 1; view_line(&text, &line); n++) {
		struct found f = {.line = n, .enabled = -1};
		struct view rest = view_trim(line), start;
		size_t equal, blank;

		if (is_comment(rest))
			continue;
		/* An assignment: NAME = value. */
		equal = view_find(rest, 0, "=", 1);
		blank = 0;
		while (blank < rest.len && rest.data[blank] != ' ' && rest.data[blank] != '\t')
			blank++;
		if (equal < rest.len && rest.data[0] != '*' && rest.data[0] != '@' &&
		    !(rest.data[0] >= '0' && rest.data[0] <= '9') &&
		    (equal < blank ||
		     view_trim(view_sub(rest, blank, equal >= blank ? equal - blank : 0)).len ==
			     0)) {
			if (view_starts(rest, "PATH", 4) || view_starts(rest, "SHELL", 5) ||
			    view_starts(rest, "LD_", 3)) {
				f.command = rest;
				emit(a, &f);
			}
			continue;
		}
		start = rest;
		if (rest.data[0] == '@')
			(void)view_word(&rest);
		else
			for (unsigned i = 0; i < 5; i++)
				(void)view_word(&rest);
		f.schedule = view_trim(view_clip(
			start, 0,
			(size_t)(rest.data ? rest.data - start.data : (ptrdiff_t)start.len)));
		if (with_user)
			f.user = view_word(&rest);
		else
			f.user_text = a->name;
		f.command = rest;
		if (rest.len)
			emit(a, &f);
	}
}

static bool enabled(const struct autoruns *a, const char *name)
{
	for (size_t i = 0; i < a->enabled_count; i++)
		if (strcmp(a->enabled[i], name) == 0)
			return true;
	return false;
}

static bool ends(const char *text, const char *tail)
{
	size_t n = strlen(text), m = strlen(tail);

	return n >= m && strcmp(text + n - m, tail) == 0;
}

/* The value of KEY=value, or an empty view with NULL data when it is another key. */
static struct view value_of(struct view line, const char *key)
{
	size_t n = strlen(key);

	if (!view_starts(line, key, n))
		return VIEW_EMPTY;
	line = view_trim(view_from(line, n));
	return line.len && line.data[0] == '=' ? view_trim(view_from(line, 1)) : VIEW_EMPTY;
}

static void read_unit(struct autoruns *a, struct view text)
{
	static const char *const commands[] = {
		"ExecStart",	"ExecStartPre", "ExecStartPost", "ExecStop",
		"ExecStopPost", "ExecReload",	"ExecCondition", NULL};
	static const char *const triggers[] = {
		"OnCalendar",	   "OnBootSec",		"OnStartupSec",
		"OnUnitActiveSec", "OnUnitInactiveSec", "OnActiveSec",
		"ListenStream",	   "ListenDatagram",	"ListenFIFO",
		"PathExists",	   "PathExistsGlob",	"PathChanged",
		"PathModified",	   "DirectoryNotEmpty", NULL};
	bool user_unit = strcmp(a->place->place, "systemd-user") == 0,
	     drop_in = ends(a->name, ".conf");
	bool timer = ends(a->name, ".timer"),
	     trigger_unit = timer || ends(a->name, ".socket") || ends(a->name, ".path");
	struct view rest = text, line, user = VIEW_EMPTY;
	struct buffer unit = {0}, schedule = {0}, whole = {0};
	bool any = false;

	if (!drop_in && !trigger_unit && !ends(a->name, ".service") && !ends(a->name, ".mount") &&
	    !ends(a->name, ".swap"))
		return;
	while (view_line(&rest, &line)) {
		struct view v = value_of(view_trim(line), "User");

		if (v.len)
			user = v;
		v = value_of(view_trim(line), "Unit");
		if (v.len) {
			unit.len = 0;
			buffer_view(&unit, v);
		}
	}
	rest = text;
	for (unsigned n = 1; view_line(&rest, &line); n++) {
		struct found f = {.place = user_unit ? "systemd-user"
					   : timer   ? "systemd-timer"
						     : "systemd-service",
				  .line = n,
				  .enabled = enabled(a, a->name),
				  .user = user,
				  .user_text = user_unit ? NULL : "root"};
		bool is_command = false;

		line = view_trim(line);
		/* A line that ends in a backslash goes on. */
		whole.len = 0;
		while (line.len && line.data[line.len - 1] == '\\') {
			buffer_view(&whole, view_clip(line, 0, line.len - 1));
			if (!view_line(&rest, &line))
				break;
			n++;
			line = view_trim(line);
		}
		if (whole.len) {
			buffer_view(&whole, line);
			line = buffer_as_view(&whole);
		}
		if (is_comment(line))
			continue;
		for (unsigned i = 0; commands[i] && !is_command; i++) {
			struct view v = value_of(line, commands[i]);

			if (!v.len)
				continue;
			is_command = true;
			f.command = v;
			f.trigger = view_text(commands[i]);
			emit(a, &f);
			any = true;
		}
		for (unsigned i = 0; triggers[i] && trigger_unit; i++) {
			struct view v = value_of(line, triggers[i]);

			if (v.len)
				buffer_printf(&schedule, "%s%s=%.*s", schedule.len ? "; " : "",
					      triggers[i], (int)v.len, (const char *)v.data);
		}
	}
	if (trigger_unit && schedule.len) {
		struct found f = {.place = user_unit ? "systemd-user"
					   : timer   ? "systemd-timer"
						     : "systemd-service",
				  .enabled = enabled(a, a->name),
				  .schedule = buffer_as_view(&schedule),
				  .user_text = user_unit ? NULL : "root"};

		if (!unit.len)
			buffer_printf(&unit, "%.*s.service", (int)(strrchr(a->name, '.') - a->name),
				      a->name);
		f.trigger = buffer_as_view(&unit);
		emit(a, &f);
	} else if (drop_in && !any) {
		struct view v = text;

		/* A drop-in may also change the environment: LD_PRELOAD. */
		for (unsigned n = 1; view_line(&v, &line); n++) {
			struct found f = {.place = user_unit ? "systemd-user" : "systemd-service",
					  .line = n,
					  .enabled = -1,
					  .command = view_trim(line),
					  .user_text = user_unit ? NULL : "root"};

			if (view_starts(f.command, "Environment", 11))
				emit(a, &f);
		}
	}
	buffer_release(&unit);
	buffer_release(&schedule);
	buffer_release(&whole);
}

static void read_desktop(struct autoruns *a, struct view text)
{
	struct view rest = text, line, v;
	struct found f = {.enabled = -1};
	struct buffer name = {0};
	bool dbus = strcmp(a->place->place, "dbus") == 0;

	for (unsigned n = 1; view_line(&rest, &line); n++) {
		line = view_trim(line);
		if ((v = value_of(line, "Exec")).len && !f.command.len) {
			f.command = v;
			f.line = n;
		} else if ((v = value_of(line, "Name")).len && !name.len) {
			buffer_view(&name, v);
		} else if (dbus && (v = value_of(line, "User")).len) {
			f.user = v;
		} else if ((v = value_of(line, "Hidden")).len) {
			f.enabled = !view_is(v, "true");
		} else if ((v = value_of(line, "X-GNOME-Autostart-enabled")).len &&
			   view_is(v, "false")) {
			f.enabled = 0;
		}
	}
	if (name.len)
		f.name = buffer_text(&name);
	if (f.command.len)
		emit(a, &f);
	buffer_release(&name);
}

static bool is_key_type(struct view v)
{
	return view_starts(v, "ssh-", 4) || view_starts(v, "ecdsa-", 6) || view_starts(v, "sk-", 3);
}

/* sshd(8), AUTHORIZED_KEYS FILE FORMAT: [options] type key [comment]; blanks in quotes do not end
 * the options. */
static void read_keys(struct autoruns *a, struct view text)
{
	struct view line;

	for (unsigned n = 1; view_line(&text, &line); n++) {
		struct found f = {.line = n, .enabled = -1};
		struct view rest = view_trim(line), first, key;
		struct buffer print = {0};
		size_t at;

		if (is_comment(rest))
			continue;
		first = rest;
		first = view_word(&first);
		if (!is_key_type(first)) {
			bool quoted = false;
			size_t i = 0;

			for (; i < rest.len &&
			       (quoted || (rest.data[i] != ' ' && rest.data[i] != '\t'));
			     i++)
				if (rest.data[i] == '"' && (i == 0 || rest.data[i - 1] != '\\'))
					quoted = !quoted;
			f.options = view_clip(rest, 0, i);
			rest = view_trim(view_from(rest, i));
		}
		f.key_type = view_word(&rest);
		key = view_word(&rest);
		if (!is_key_type(f.key_type) || !key.len)
			continue;
		f.comment = rest;
		at = view_find(f.options, 0, "command=\"", 9);
		if (at < f.options.len) {
			size_t end = view_find(f.options, at + 9, "\"", 1);

			f.command = view_sub(f.options, at + 9, end > at + 9 ? end - at - 9 : 0);
		}
		ssh_fingerprint(&print, key);
		f.name = buffer_text(&print);
		emit(a, &f);
		buffer_release(&print);
	}
}

static void read_lines(struct autoruns *a, struct view text, const char *words)
{
	struct view line;

	for (unsigned n = 1; view_line(&text, &line); n++) {
		struct found f = {.line = n, .enabled = -1, .command = view_trim(line)};

		if (is_comment(f.command) || (words && !autorun_holds(f.command, words)))
			continue;
		emit(a, &f);
	}
}

static void match_place(struct matcher *m, int dir_fd, const char *name, const struct tree_entry *e,
			const char *path)
{
	struct autoruns *a = (struct autoruns *)m;
	struct buffer text = {0};
	struct tree_file file;
	const char *why = NULL;
	struct view piece;
	char *real_name = NULL, *canonical = NULL;
	int fd = -1;

	if (e && !S_ISREG(e->stat.mode) && !S_ISLNK(e->stat.mode))
		return;
	/* A unit that is linked from elsewhere in the unit folders is read there; /dev/null masks
	 * it. */
	if (e && e->target && a->place->reading == AUTORUN_UNIT &&
	    (strcmp(e->target, "/dev/null") == 0 || strstr(e->target, "systemd/") ||
	     !strchr(e->target, '/')))
		return;
	if (e && e->target) {
		if (tree_resolve(&a->c->tree, path, true, &fd, &real_name, &canonical) < 0)
			return;
		dir_fd = fd;
		name = real_name;
	}
	a->path = path;
	a->name = strrchr(path, '/') ? strrchr(path, '/') + 1 : path;
	if (autorun_left_out(a->place, view_text(a->name)))
		goto out;
	/* Also the file that a link leads to: /etc/rc3.d/S01x is /etc/init.d/x. */
	for (size_t i = 0; i < a->done_count; i++)
		if (strcmp(a->done[i], path) == 0 ||
		    (canonical && strcmp(a->done[i], canonical) == 0))
			goto out;
	a->done = xgrow(a->done, &a->done_cap, a->done_count + 1, sizeof(char *));
	a->done[a->done_count++] = xstrdup(path);
	collect_progress(a->c, path);
	why = tree_file_open(&a->c->tree, &file, dir_fd, name);
	if (why)
		goto out; /* the files' part tells it */
	a->mtime = file.stat.mtime;
	while (text.len < FILE_LIMIT && (piece = tree_file_read(&file, &why)).len)
		buffer_view(&text, piece);
	tree_file_close(&file);
	piece = buffer_as_view(&text);
	switch (a->place->reading) {
	case AUTORUN_FILE: {
		struct found f = {.enabled = -1,
				  .image = view_text(path),
				  .user_text = m->account ? NULL : "root"};

		emit(a, &f);
		break;
	}
	case AUTORUN_LINES:
		read_lines(a, piece, NULL);
		break;
	case AUTORUN_MATCH:
		read_lines(a, piece, a->place->words);
		break;
	case AUTORUN_CRON:
		read_cron(a, piece, true);
		break;
	case AUTORUN_CRONTAB:
		read_cron(a, piece, false);
		break;
	case AUTORUN_ANACRON: {
		/* period delay identifier command */
		struct view line;

		for (unsigned n = 1; view_line(&piece, &line); n++) {
			struct found f = {.line = n, .enabled = -1, .user_text = "root"};
			struct view rest = view_trim(line);
			char *id;

			if (is_comment(rest) ||
			    (!(rest.data[0] >= '0' && rest.data[0] <= '9') && rest.data[0] != '@'))
				continue;
			f.schedule = view_word(&rest);
			(void)view_word(&rest);
			line = view_word(&rest);
			id = xmemdup0(line.data, line.len);
			f.name = id;
			f.command = rest;
			if (rest.len)
				emit(a, &f);
			free(id);
		}
		break;
	}
	case AUTORUN_UNIT:
		read_unit(a, piece);
		break;
	case AUTORUN_DESKTOP:
		read_desktop(a, piece);
		break;
	case AUTORUN_KEYS:
		read_keys(a, piece);
		break;
	case AUTORUN_DOCKER: {
		struct buffer container = {0}, command = {0};
		struct found f = {.enabled = -1};

		if (autorun_docker(piece, &container, &command)) {
			f.name = container.len ? buffer_text(&container) : NULL;
			f.command = buffer_as_view(&command);
			emit(a, &f);
		}
		buffer_release(&container);
		buffer_release(&command);
		break;
	}
	}
out:
	if (fd >= 0)
		(void)close(fd);
	free(real_name);
	free(canonical);
	buffer_release(&text);
}

static void match_wanted(struct matcher *m, int dir_fd, const char *name,
			 const struct tree_entry *e, const char *path)
{
	struct autoruns *a = (struct autoruns *)m;

	(void)dir_fd;
	(void)path;
	if (!e || enabled(a, name))
		return;
	a->enabled = xgrow(a->enabled, &a->enabled_cap, a->enabled_count + 1, sizeof(char *));
	a->enabled[a->enabled_count++] = xstrdup(name);
}

struct autoruns *linux_autoruns_start(struct collector *c)
{
	struct autoruns *a = xcalloc(1, sizeof(*a));

	a->c = c;
	a->out = (struct lines){.c = c,
				.name = "live/autoruns.jsonl",
				.collector = "autoruns",
				.part = c->autorun_parts};
	return a;
}

void linux_autoruns_file(struct autoruns *a, int dir_fd, const struct tree_entry *e,
			 const char *path)
{
	a->place = autorun_place_of(view_text(path));
	a->matcher.account = collect_account(a->c, e->stat.uid);
	if (a->place && (a->place->flags & AUTORUN_WALK))
		match_place(&a->matcher, dir_fd, e->name, e, path);
}

void linux_autoruns_finish(struct autoruns *a)
{
	lines_finish(&a->out);
	a->c->autorun_parts = a->out.part;
	for (size_t i = 0; i < a->enabled_count; i++)
		free(a->enabled[i]);
	free(a->enabled);
	for (size_t i = 0; i < a->done_count; i++)
		free(a->done[i]);
	free(a->done);
	free(a);
}

void linux_autoruns(struct collector *c)
{
	static const char *const wanted[] = {
		"/etc/systemd/system/*.wants/*",     "/etc/systemd/system/*.requires/*",
		"/usr/lib/systemd/system/*.wants/*", "/lib/systemd/system/*.wants/*",
		"/run/systemd/generator*/*.wants/*", "/etc/systemd/user/*.wants/*",
		"/usr/lib/systemd/user/*.wants/*",   "~/.config/systemd/user/*.wants/*"};
	struct autoruns *a = linux_autoruns_start(c);

	a->matcher.match = match_wanted;
	for (size_t i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++)
		collect_match(c, &a->matcher, wanted[i]);
	a->matcher.match = match_place;
	for (a->place = autorun_places; a->place->place; a->place++)
		if (!(a->place->flags & AUTORUN_WALK) &&
		    (!(a->place->flags & AUTORUN_LIVE) || c->tree.live))
			collect_match(c, &a->matcher, a->place->pattern);
	linux_autoruns_finish(a);
}
