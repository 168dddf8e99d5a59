#include "parsers/autorun.h"

struct view autorun_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return view_text(slash ? slash + 1 : path);
}

bool autorun_comment(struct view line)
{
	return line.len == 0 || line.data[0] == '#' || line.data[0] == ';';
}

struct view autorun_value(struct view line, const char *key)
{
	size_t n = strlen(key);

	if (!view_starts(line, key, n))
		return VIEW_EMPTY;
	line = view_trim(view_from(line, n));
	return line.len && line.data[0] == '=' ? view_trim(view_from(line, 1)) : VIEW_EMPTY;
}

/* The program of a command: its first word when that is a path. systemd's prefixes
 * (systemd.service(5)) and quotes are not of it. */
static struct view program_of(struct view command)
{
	size_t end;

	command = view_trim(command);
	while (command.len && strchr("-@:+!|", command.data[0]))
		command = view_from(command, 1);
	if (command.len && (command.data[0] == '"' || command.data[0] == '\'')) {
		end = view_find(command, 1, command.data, 1);
		command = view_sub(command, 1, end - 1);
		return command.len && command.data[0] == '/' ? command : VIEW_EMPTY;
	}
	command = view_word(&command);
	return command.len && command.data[0] == '/' ? command : VIEW_EMPTY;
}

static void add(struct parse *p, const char *name, struct view v)
{
	if (v.len)
		event_add(p, name, value_view(v));
}

int autorun_emit(struct parse *p, const struct autorun *a, uint64_t offset)
{
	struct view name = a->name.len ? a->name : autorun_name(p->path);

	if (p->collected)
		return OK;
	event_start(p, KIND_PERSISTENCE, p->mtime,
		    p->mtime == TIME_NONE ? "Not a time" : "Content Modification Time", offset);
	p->event.record = a->line;
	event_add(p, "Place", value_text(a->place));
	add(p, "Name", name);
	add(p, "CommandLine", a->command);
	add(p, "User", a->user);
	event_add(p, "TargetFilename", value_text(p->path));
	if (a->line)
		event_add(p, "Line", value_unsigned(a->line));
	add(p, "Schedule", a->schedule);
	if (a->enabled >= 0)
		event_add(p, "Enabled", value_bool(a->enabled));
	add(p, "Trigger", a->trigger);
	add(p, "Image", program_of(a->command));
	add(p, "Comment", a->comment);
	add(p, "KeyType", a->key_type);
	add(p, "Options", a->options);
	if (a->user.len)
		event_user(p, value_view(a->user));
	event_messagef(p, "Autorun (%s) %s%s%s", a->place, parse_text(&p->scratch, name),
		       a->command.len ? ": " : "",
		       parse_text(&p->scratch, view_clip(a->command, 0, 2000)));
	return event_emit(p);
}
