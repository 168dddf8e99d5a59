/*
 * PSReadLine's history (ConsoleHost_history.txt, Visual Studio Code Host_history.txt; Windows and
 * Linux): one command a line, a line that ends in a backtick goes on in the next one (PSReadLine,
 * History.cs). No times: the file's own says when the last command was added, and only that.
 */
#include "parsers/parser.h"

static int probe(const struct probe *p)
{
	if (p->head.len && memchr(p->head.data, 0, p->head.len))
		return BID_NO;
	return view_glob(view_text(p->name), "*Host_history.txt") ? BID_BOTH : BID_NO;
}

static int parse(struct parse *p, struct view bytes)
{
	struct view rest = bytes, line, user = parse_path_user(p->path);
	struct buffer command = {0};
	uint64_t number = 0, first, offset;
	int status = OK;

	if (view_starts(rest, "\xef\xbb\xbf", 3))
		rest = view_from(rest, 3);
	while (status >= 0 && view_line(&rest, &line)) {
		first = ++number;
		offset = (uint64_t)(line.data - bytes.data);
		if (line.len == 0)
			continue;
		command.len = 0;
		while (line.len && line.data[line.len - 1] == '`' && command.len < LIMIT_LINE) {
			buffer_append(&command, line.data, line.len - 1);
			buffer_char(&command, '\n');
			number++;
			if (!view_line(&rest, &line)) {
				line = VIEW_EMPTY;
				break;
			}
		}
		if (command.len) {
			buffer_view(&command, line);
			line = buffer_as_view(&command);
		}
		event_start(p, KIND_COMMAND_HISTORY, TIME_NONE, "Not a time", offset);
		p->event.record = first;
		if (user.len)
			event_user(p, value_view(user));
		event_add(p, "Shell", value_text("powershell"));
		event_add(p, "CommandLine", value_view(line));
		p->event.message = value_view(line);
		status = event_emit(p);
	}
	buffer_release(&command);
	return status;
}

const struct parser parser_powershell_history = {
	.name = "powershell_history",
	.title = "PowerShell's PSReadLine history",
	.version = 1,
	.probe = probe,
	.parse = parse,
};
