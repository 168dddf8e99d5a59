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
	if (memchr(p->head.data ? p->head.data : (const uint8_t *)"", 0, p->head.len))
		return BID_NO;
	return named(p, "*bash_history*") || named(p, "*zsh_history*") || named(p, "*sh_history") ||
			       named(p, "fish_history*") || named(p, ".history") || named(p, "*.histfile") ?
		       BID_NAME :
		       BID_NO;
}

static int emit(struct parse *p, const char *shell, struct view command, int64_t ts, uint64_t offset,
		uint64_t line)
{
	struct view user = parse_path_user(p->path);

	event_start(p, KIND_COMMAND_HISTORY, ts, ts == TIME_NONE ? "Not a time" : "Command Execution Time", offset);
	p->event.record = line;
	if (user.len)
		event_user(p, value_view(user));
	event_add(p, "Shell", value_text(shell));
	event_add(p, "CommandLine", value_view(command));
	p->event.message = value_view(command);
	return event_emit(p);
}

static int parse(struct parse *p, struct view bytes)
{
	bool fish = view_starts(bytes, "- cmd:", 6);
	struct view rest = bytes, line;
	int64_t ts = TIME_NONE;
	uint64_t number = 0;
	int status = OK;

	while (status >= 0 && view_line(&rest, &line)) {
		uint64_t offset = (uint64_t)(line.data - bytes.data), seconds;
		struct view part = line, tail;

		number++;
		if (line.len == 0)
			continue;
		if (fish) {
			struct view when = rest, command = view_trim(view_from(line, 6));

			if (!view_starts(line, "- cmd:", 6))
				continue;
			ts = TIME_NONE;
			if (view_line(&when, &tail) && view_starts(tail, "  when:", 7) &&
			    view_decimal(view_trim(view_from(tail, 7)), &seconds))
				ts = time_from_unix((int64_t)seconds);
			status = emit(p, "fish", command, ts, offset, number);
		} else if (line.data[0] == '#' && view_decimal(view_from(line, 1), &seconds)) {
			ts = time_from_unix((int64_t)seconds);
		} else if (view_starts(line, ": ", 2) && (tail = view_from(line, 2), view_token(&tail, ':', &part)) &&
			   view_decimal(view_trim(part), &seconds) && view_token(&tail, ';', &part) && tail.data) {
			status = emit(p, "zsh", tail, time_from_unix((int64_t)seconds), offset, number);
		} else {
			status = emit(p, "sh", line, ts, offset, number);
			ts = TIME_NONE;
		}
	}
	return status;
}

const struct parser parser_shell_history = {
	.name = "shell_history",
	.title = "Shell histories (bash, zsh, fish)",
	.version = 1,
	.probe = probe,
	.parse = parse,
};
