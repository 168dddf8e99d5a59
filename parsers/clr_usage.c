/*
 * Usage logs of the .NET runtime: AppData\Local\Microsoft\CLR_v4.0\UsageLogs\PROGRAM.log (32 bits:
 * CLR_v4.0_32) is written when a program with .NET code ends for the first time; programs that have none
 * of their own - rundll32.exe, wscript.exe, an injected notepad.exe - stand out. Each line that names an
 * assembly: 3,"NAME, Version=..., Culture=..., PublicKeyToken=...",N
 */
#include "parsers/textfile.h"

#define ASSEMBLIES 64 /* that are told */

static int probe(const struct probe *p)
{
	return view_glob(view_text(p->path), "*/microsoft/clr_v*/usagelogs/*.log") ? BID_BOTH
										   : BID_NO;
}

static int parse(struct parse *p, struct view bytes)
{
	const char *name = strrchr(p->path, '/');
	struct view user = parse_path_user(p->path), image = view_text(name ? name + 1 : p->path),
		    line;
	struct value list[ASSEMBLIES];
	uint32_t n = 0;
	struct textfile t;
	int status;

	if (view_glob(image, "*.log"))
		image.len -= 4;
	textfile_open(&t, bytes);
	event_start(p, KIND_PROCESS_SEEN, p->mtime,
		    p->mtime == TIME_NONE ? "Not a time" : "Content Modification Time", 0);
	while (n < ASSEMBLIES && textfile_line(&t, &line)) {
		struct view rest = line, assembly;

		if (view_cut(&rest, ",\"", &assembly) && view_cut(&rest, ",", &assembly) &&
		    assembly.len) {
			assembly.len -= assembly.data[assembly.len - 1] == '"';
			list[n++] = value_view(assembly);
		}
	}
	event_add(p, "Image", value_view(image));
	event_add(p, "Product", value_text(".NET"));
	if (n)
		event_add(p, "ImageLoaded",
			  (struct value){.type = VALUE_LIST, .len = n, .list = list});
	if (user.len) {
		event_add(p, "User", value_view(user));
		event_user(p, value_view(user));
	}
	event_messagef(p, "%s ran .NET code", parse_text(&p->scratch, image));
	status = event_emit(p);
	textfile_release(&t);
	return status;
}

const struct parser parser_clr_usage = {
	.name = "clr_usage",
	.title = ".NET's usage logs: programs that ran .NET code",
	.version = 1,
	.probe = probe,
	.parse = parse,
};
