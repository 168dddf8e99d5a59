/*
 * Shell histories: bash (HISTTIMEFORMAT's "#seconds" lines; bash manual, section 9.1), zsh extended
 * history (": start:elapsed;command"; zshoptions(1), EXTENDED_HISTORY), fish ("- cmd: ..." with
 * "  when: seconds"; fish-shell, history.cpp), and plain lines.
 */
#include "parsers/parser.h"

static bool named(const struct probe *p, const char *pattern)
{
	return view_glob(view_text(p->name), pattern);
}

static int probe(const struct probe *p)
{
	struct view rest = p->head, line;
	uint64_t n;

	if (memchr(p->head.data ? p->head.data : (const uint8_t *)"", 0, p->head.len))
		return BID_NO;
	if (named(p, "*bash_history*") || named(p, "*zsh*history*") || named(p, "*sh_history*") ||
	    named(p, "fish_history*") || named(p, ".history") || named(p, "*.histfile"))
		return BID_NAME;
	/* A name that somebody gave it: times tell. */
	if (view_starts(p->head, "- cmd: ", 7) &&
	    view_find(view_clip(p->head, 0, 4096), 0, "\n  when: ", 9) < 4096)
		return BID_CONTENT;
	if (view_line(&rest, &line) &&
	    ((line.len == 11 && line.data[0] == '#' && view_decimal(view_from(line, 1), &n)) ||
	     (view_starts(line, ": 1", 3) && view_find(line, 3, ":0;", 3) < 20)))
		return BID_CONTENT;
	return BID_NO;
}

static int emit(struct parse *p, const char *shell, struct view command, int64_t ts,
		uint64_t offset, uint64_t line)
{
	struct view user = parse_path_user(p->path);

	event_start(p, KIND_COMMAND_HISTORY, ts,
		    ts == TIME_NONE ? "Not a time" : "Command Execution Time", offset);
	p->event.record = line;
	if (user.len)
		event_user(p, value_view(user));
	event_add(p, "Shell", value_text(shell));
	event_add(p, "CommandLine", value_view(command));
	p->event.message = value_view(command);
	return event_emit(p);
}

/* "#1380630977": the time of the command that follows. */
static bool stamp(struct view line, uint64_t *seconds)
{
	return line.len > 6 && line.data[0] == '#' && view_decimal(view_from(line, 1), seconds);
}

/* True when the shell would want another line: a backslash at the end, or a quote that stays open.
 * *quote keeps it. */
static bool goes_on(struct view line, char *quote)
{
	for (size_t i = 0; i < line.len; i++) {
		char c = (char)line.data[i];

		if (c == '\\' && *quote != '\'') {
			if (++i >= line.len)
				return true;
		} else if (*quote ? c == *quote : c == '\'' || c == '"') {
			*quote = *quote ? '\0' : c;
		} else if (c == '#' && !*quote && (i == 0 || line.data[i - 1] == ' ')) {
			return false; /* a comment: its quotes are none */
		}
	}
	return *quote != '\0';
}

/* fish writes a newline as \n and a backslash as \\ (history_file.cpp). */
static void fish_text(struct buffer *out, struct view v)
{
	for (size_t i = 0; i < v.len; i++) {
		if (v.data[i] == '\\' && i + 1 < v.len &&
		    (v.data[i + 1] == 'n' || v.data[i + 1] == '\\'))
			buffer_char(out, v.data[++i] == 'n' ? '\n' : '\\');
		else
			buffer_char(out, (char)v.data[i]);
	}
}

/* zsh writes bytes that mean something to itself as 0x83 and the byte with bit 5 turned (zsh,
 * Src/utils.c, metafy). */
static void zsh_text(struct buffer *out, struct view v)
{
	for (size_t i = 0; i < v.len; i++) {
		if (v.data[i] == 0x83 && i + 1 < v.len)
			buffer_char(out, (char)(v.data[++i] ^ 0x20));
		else
			buffer_char(out, (char)v.data[i]);
	}
}

#define MAX_COMMAND_LINES 512 /* that one command is put together of */

static int parse(struct parse *p, struct view bytes)
{
	bool fish = view_starts(bytes, "- cmd:", 6);
	struct view rest = bytes, line;
	struct buffer command = {0};
	int64_t ts = TIME_NONE;
	uint64_t number = 0, first, seconds;
	int status = OK;

	while (status >= 0 && view_line(&rest, &line)) {
		uint64_t offset = (uint64_t)(line.data - bytes.data);
		struct view part = line, tail, look;

		first = ++number;
		command.len = 0;
		if (line.len == 0)
			continue;
		if (fish) {
			struct view when = rest;

			if (!view_starts(line, "- cmd:", 6))
				continue;
			fish_text(&command, view_trim(view_from(line, 6)));
			ts = TIME_NONE;
			if (view_line(&when, &tail) && view_starts(tail, "  when:", 7) &&
			    view_decimal(view_trim(view_from(tail, 7)), &seconds))
				ts = time_from_unix((int64_t)seconds);
			status = emit(p, "fish", buffer_as_view(&command), ts, offset, first);
		} else if (stamp(line, &seconds)) {
			ts = time_from_unix((int64_t)seconds);
		} else if (view_starts(line, ": ", 2) &&
			   (tail = view_from(line, 2), view_token(&tail, ':', &part)) &&
			   view_decimal(view_trim(part), &seconds) &&
			   view_token(&tail, ';', &part) && tail.data) {
			/* A newline in the command stands behind a backslash. */
			for (unsigned n = 0;
			     n < MAX_COMMAND_LINES && tail.len && tail.data[tail.len - 1] == '\\';
			     n++) {
				zsh_text(&command, view_clip(tail, 0, tail.len - 1));
				buffer_char(&command, '\n');
				number++;
				if (!view_line(&rest, &tail))
					tail = VIEW_EMPTY;
			}
			zsh_text(&command, tail);
			status = emit(p, "zsh", buffer_as_view(&command),
				      time_from_unix((int64_t)seconds), offset, first);
		} else {
			/*
			 * bash writes a command of several lines as they are. Only between two
			 * times is it plain where it can end at the latest; without them a stray
			 * quote would swallow the rest of the file.
			 */
			char quote = '\0';

			buffer_view(&command, line);
			for (unsigned n = 0;
			     ts != TIME_NONE && n < MAX_COMMAND_LINES && goes_on(line, &quote);
			     n++) {
				look = rest;
				if (!view_line(&look, &line) || stamp(line, &seconds))
					break;
				rest = look;
				number++;
				buffer_char(&command, '\n');
				buffer_view(&command, line);
			}
			status = emit(p, "sh", buffer_as_view(&command), ts, offset, first);
			ts = TIME_NONE;
		}
	}
	buffer_release(&command);
	return status;
}

const struct parser parser_shell_history = {
	.name = "shell_history",
	.title = "Shell histories (bash, zsh, fish)",
	.version = 2,
	.probe = probe,
	.parse = parse,
};
