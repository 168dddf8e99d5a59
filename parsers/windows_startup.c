/*
 * Files that Windows or its programs run because of where they lie: the Startup folders (shortcuts and programs there are lnk's
 * and pe's, which say so too), profiles of PowerShell (about_Profiles), scripts of group policy (scripts.ini, psscripts.ini:
 * [MS-GPSCR] 2.2.2), templates and add-ins that Office opens by itself (MITRE ATT&CK T1137.001), win.ini and system.ini.
 */
#include "parsers/startup.h"
#include "parsers/textfile.h"

#include <strings.h>

enum reading { WHOLE, POLICY, INI };

static const struct place {
	const char *place, *pattern;
	enum reading reading;
} places[] = {
	{"Startup folder", STARTUP_FOLDER, WHOLE},
	{"PowerShell profile", "*/windowspowershell/profile.ps1", WHOLE},
	{"PowerShell profile", "*/windowspowershell/*_profile.ps1", WHOLE},
	{"PowerShell profile", "*/windowspowershell/v1.0/profile.ps1", WHOLE},
	{"PowerShell profile", "*/windowspowershell/v1.0/*_profile.ps1", WHOLE},
	{"PowerShell profile", "*/powershell/profile.ps1", WHOLE},
	{"PowerShell profile", "*/powershell/*_profile.ps1", WHOLE},
	{"PowerShell profile", "*/powershell/7/profile.ps1", WHOLE},
	{"PowerShell profile", "*/powershell/7/*_profile.ps1", WHOLE},
	{"Group policy script", "*/scripts/scripts.ini", POLICY},
	{"Group policy script", "*/scripts/psscripts.ini", POLICY},
	{"Office startup folder", "*/microsoft/word/startup/*", WHOLE},
	{"Office startup folder", "*/microsoft/excel/xlstart/*", WHOLE},
	{"Office startup folder", "*/microsoft office/*/startup/*", WHOLE},
	{"Office startup folder", "*/microsoft office/*/xlstart/*", WHOLE},
	{"Office add-in", "*/microsoft/addins/*", WHOLE},
	{"Windows Load and Run", "*windows/win.ini", INI},
	{"Windows shell (system.ini)", "*windows/system.ini", INI},
};

static const struct place *place_of(const char *path)
{
	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++)
		if (view_glob(view_text(path), places[i].pattern))
			return &places[i];
	/* A loose file, named by --parser. */
	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++)
		if (places[i].reading == POLICY && view_glob(view_text(path), "*scripts.ini"))
			return &places[i];
	return NULL;
}

static const char *name_of(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

/* [Logon], then "0CmdLine=..." and "0Parameters=..." for each script; these may be missing. */
static int policy(struct parse *p, const struct place *place, struct textfile *t)
{
	const char *section = "", *command = NULL, *arguments = "";
	struct view line, key, name;
	uint64_t offset = 0;
	int status = OK;

	while (status >= 0) {
		bool more = textfile_line(t, &line), heads, starts;
		size_t digits = 0;

		line = view_trim(line);
		heads = line.len > 2 && line.data[0] == '[';
		while (digits < line.len && line.data[digits] >= '0' && line.data[digits] <= '9')
			digits++;
		name = view_from(line, digits);
		key = VIEW_EMPTY;
		if (digits && !view_cut(&name, "=", &key))
			key = VIEW_EMPTY;
		starts = view_glob(key, "cmdline");
		if ((!more || heads || starts) && command && *command) {
			status = startup_emit(p, place->place, section, command, arguments,
					      VIEW_EMPTY, offset);
			command = NULL;
			arguments = "";
		}
		if (!more)
			break;
		if (heads)
			section = parse_text(&p->arena, view_sub(line, 1, line.len - 2));
		if (starts) {
			command = parse_text(&p->arena, view_trim(name));
			offset = t->offset;
		} else if (view_glob(key, "parameters")) {
			arguments = parse_text(&p->arena, view_trim(name));
		}
	}
	return status;
}

/* win.ini: [windows] load= and run=; system.ini: [boot] shell=. */
static int ini(struct parse *p, const struct place *place, struct textfile *t)
{
	bool inside = false;
	struct view line, key;
	int status = OK;

	while (status >= 0 && textfile_line(t, &line)) {
		line = view_trim(line);
		if (line.len && line.data[0] == '[')
			inside = view_glob(line, "[windows]") || view_glob(line, "[boot]");
		else if (inside && view_cut(&line, "=", &key) && view_trim(line).len &&
			 (view_glob(view_trim(key), "load") || view_glob(view_trim(key), "run") ||
			  view_glob(view_trim(key), "shell")))
			status = startup_emit(
				p, place->place, parse_text(&p->arena, view_trim(key)),
				parse_text(&p->arena, view_trim(line)), "", VIEW_EMPTY, t->offset);
	}
	return status;
}

/* A script is short, and what it does is of interest. */
static struct view script_of(struct view bytes)
{
	return bytes.len <= 16384 && bytes.len && !memchr(bytes.data, 0, bytes.len) ? bytes
										    : VIEW_EMPTY;
}

static int parse(struct parse *p, struct view bytes)
{
	const struct place *place = place_of(p->path);
	struct textfile t;
	int status;

	if (!place || place->reading == WHOLE)
		return startup_emit(p, place ? place->place : "file", name_of(p->path), p->path, "",
				    script_of(bytes), 0);
	textfile_open(&t, bytes);
	status = place->reading == POLICY ? policy(p, place, &t) : ini(p, place, &t);
	textfile_release(&t);
	return status;
}

static int probe(const struct probe *p)
{
	/* What Explorer keeps there for itself. */
	if (p->size == 0 || strcasecmp(p->name, "desktop.ini") == 0)
		return BID_NO;
	return place_of(p->path) ? BID_NAME : BID_NO;
}

const struct parser parser_windows_startup = {
	.name = "windows_startup",
	.title = "Files that run at start and logon (Windows)",
	.version = 1,
	.probe = probe,
	.parse = parse,
};
