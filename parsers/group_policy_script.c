/*
 * Scripts that a Group Policy runs: scripts.ini and psscripts.ini below Machine\Scripts and
 * User\Scripts, UTF-16 ([MS-GPSCR] 2.2.2 and 2.2.3): sections Startup, Shutdown, Logon, Logoff, in them
 * "0CmdLine=PROGRAM" and "0Parameters=ARGUMENTS", counted from 0.
 */
#include "base/persistence.h"
#include "parsers/textfile.h"

static int probe(const struct probe *p)
{
	return view_glob(view_text(p->path), "*/scripts/scripts.ini") ||
			       view_glob(view_text(p->path), "*/scripts/psscripts.ini")
		       ? BID_BOTH
		       : BID_NO;
}

static int script(struct parse *p, struct view section, struct view program, struct view arguments,
		  uint64_t line)
{
	const char *where = parse_text(&p->arena, section), *command;
	bool powershell = view_glob(view_text(p->path), "*/psscripts.ini");
	bool machine = view_glob(view_text(p->path), "*/machine/*");

	if (!program.len)
		return OK;
	event_start(p, KIND_PERSISTENCE, p->mtime,
		    p->mtime == TIME_NONE ? "Not a time" : "Content Modification Time", 0);
	p->event.record = line;
	command = arena_printf(&p->scratch, "%s%s%s", parse_text(&p->scratch, program),
			       arguments.len ? " " : "", parse_text(&p->scratch, arguments));
	event_add(p, "Place", value_text("Group policy script"));
	event_add(p, "Name", value_text(where));
	event_add(p, "CommandLine", value_text(command));
	event_add(p, "Image",
		  value_text(command_image(&p->scratch, parse_text(&p->scratch, program))));
	event_add(p, "Trigger", value_text(where));
	event_add(p, "Scope", value_text(machine ? "machine" : "user"));
	event_add(p, "TargetFilename", value_text(p->path));
	event_add(p, "Line", value_unsigned(line));
	event_messagef(p, "Autorun (Group Policy, %s%s): %s", where,
		       powershell ? ", PowerShell" : "", command);
	return event_emit(p);
}

static int parse(struct parse *p, struct view bytes)
{
	struct view section = VIEW_EMPTY, program = VIEW_EMPTY, arguments = VIEW_EMPTY, line, rest,
		    key;
	uint64_t number = 0, at = 0, n;
	struct textfile t;
	int status = OK;

	textfile_open(&t, bytes);
	while (status >= 0 && textfile_line(&t, &line)) {
		size_t digits = 0;

		line = view_trim(line);
		if (view_begins(line, "[") || !line.len) {
			if (line.len) {
				status = script(p, section, program, arguments, at);
				program = arguments = VIEW_EMPTY;
				section = view_from(line, 1);
				section.len = view_index(section, "]");
			}
			continue;
		}
		rest = line;
		while (digits < line.len && line.data[digits] >= '0' && line.data[digits] <= '9')
			digits++;
		if (!view_decimal(view_clip(line, 0, digits), &n) || !view_cut(&rest, "=", &key))
			continue;
		key = view_from(key, digits);
		if (n != number || (view_glob(key, "cmdline") && program.len)) {
			status = script(p, section, program, arguments, at);
			program = arguments = VIEW_EMPTY;
		}
		number = n;
		if (view_glob(key, "cmdline")) {
			program = view_trim(rest);
			at = t.line;
		} else if (view_glob(key, "parameters")) {
			arguments = view_trim(rest);
		}
	}
	if (status >= 0)
		status = script(p, section, program, arguments, at);
	textfile_release(&t);
	return status;
}

const struct parser parser_group_policy_script = {
	.name = "group_policy_script",
	.title = "Scripts of Group Policies (scripts.ini, psscripts.ini)",
	.version = 1,
	.probe = probe,
	.parse = parse,
};
