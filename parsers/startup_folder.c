/*
 * Whatever lies in a Startup folder of Windows runs at logon: programs, scripts, documents. Shortcuts
 * tell more, see parsers/lnk.c.
 */
#include "parsers/parser.h"

static int probe(const struct probe *p)
{
	struct view name = view_text(p->name);

	if (!view_glob(view_text(p->path), "*/start menu/programs/startup/*") ||
	    view_glob(name, "*.lnk") || view_glob(name, "desktop.ini"))
		return BID_NO;
	return BID_EXACT;
}

static int parse(struct parse *p, struct view v)
{
	const char *slash = strrchr(p->path, '/'), *name = slash ? slash + 1 : p->path;
	struct view user = parse_path_user(p->path);
	bool program = view_starts(v, "MZ", 2);

	event_start(p, KIND_PERSISTENCE, p->mtime,
		    p->mtime == TIME_NONE ? "Not a time" : "Content Modification Time", 0);
	event_add(p, "Place", value_text("Startup folder"));
	event_add(p, "Name", value_text(name));
	event_add(p, "CommandLine", value_text(p->path));
	event_add(p, "Image", value_text(p->path));
	event_add(p, "TargetFilename", value_text(p->path));
	event_add(p, "FileSize", value_unsigned(v.len));
	if (user.len) {
		event_add(p, "User", value_view(user));
		event_user(p, value_view(user));
	}
	/* A script is short, and what it does is of interest. */
	if (!program && v.len && v.len <= 16384 && !memchr(v.data, 0, v.len))
		event_add(p, "Text", value_view(v));
	event_messagef(p, "Startup folder: %s", name);
	return event_emit(p);
}

const struct parser parser_startup_folder = {
	.name = "startup_folder",
	.title = "Files in Windows' Startup folders",
	.version = 1,
	.probe = probe,
	.parse = parse,
};
