#include "parsers/startup.h"

int startup_emit(struct parse *p, const char *place, const char *name, const char *command,
		 const char *arguments, struct view script, uint64_t offset)
{
	struct view user = parse_path_user(p->path);

	event_start(p, KIND_PERSISTENCE, p->mtime,
		    p->mtime == TIME_NONE ? "Not a time" : "Content Modification Time", offset);
	event_add(p, "Place", value_text(place));
	event_add(p, "Name", value_text(name));
	event_addf(p, "CommandLine", "%s%s%s", command, *arguments ? " " : "", arguments);
	event_add(p, "Image", value_text(command));
	event_add(p, "File", value_text(p->path));
	if (script.len)
		event_add(p, "Text", value_view(script));
	if (user.len) {
		event_add(p, "User", value_view(user));
		event_user(p, value_view(user));
	}
	event_messagef(p, "%s: %s runs %s%s%s", place, name, command, *arguments ? " " : "",
		       arguments);
	return event_emit(p);
}
