/* What Windows starts by itself, by the registry and the startup folders. Services stand in
 * live/services.jsonl, tasks among the files. */
#include "collectors/windows/windows.h"

#include "collectors/lines.h"

#include <sddl.h>
#include <stdlib.h>

/* ---- the file of a command ---- */

static bool is_file(const char *path)
{
	wchar_t *wide = path[0] && path[1] == ':' ? wide_path(path) : NULL;
	DWORD attributes = wide ? GetFileAttributesW(wide) : INVALID_FILE_ATTRIBUTES;

	free(wide);
	return attributes != INVALID_FILE_ATTRIBUTES && !(attributes & FILE_ATTRIBUTE_DIRECTORY);
}

static char *expanded(const char *command)
{
	static wchar_t out[32768];
	wchar_t *wide = wide_of(command);
	DWORD n = ExpandEnvironmentStringsW(wide, out, 32768);

	free(wide);
	return n && n <= 32768 ? utf8_of(out) : xstrdup(command);
}

static char *windows_folder(void)
{
	wchar_t folder[MAX_PATH];
	UINT n = GetWindowsDirectoryW(folder, MAX_PATH);

	return utf8_of_n(folder, n < MAX_PATH ? n : 0);
}

/* As it stands, with ".exe", in System32: the first that is a file. The caller's, or NULL. */
static char *existing(const char *path, const char *windows)
{
	static const char *const folders[] = {"", "\\System32\\", "\\"};

	for (size_t i = 0; i < 3; i++)
		for (size_t with_exe = 0; with_exe < 2; with_exe++) {
			char *name = xasprintf("%s%s%s%s", i ? windows : "", folders[i], path,
					       with_exe ? ".exe" : "");

			if (is_file(name))
				return name;
			free(name);
		}
	return NULL;
}

char *windows_image(const char *command)
{
	char *text = expanded(command ? command : ""), *start = text, *found = NULL,
	     *windows = windows_folder(), *whole;
	size_t n;

	while (*start == ' ')
		start++;
	/* Names of the kernel's own: \??\C:\x, \SystemRoot\x, system32\x. */
	if (strncmp(start, "\\??\\", 4) == 0)
		start += 4;
	if (_strnicmp(start, "\\SystemRoot\\", 12) == 0)
		whole = xasprintf("%s\\%s", windows, start + 12);
	else if (_strnicmp(start, "system32\\", 9) == 0)
		whole = xasprintf("%s\\%s", windows, start);
	else
		whole = xstrdup(start);
	if (whole[0] == '"') {
		char *end = strchr(whole + 1, '"');

		if (end)
			*end = '\0';
		found = existing(whole + 1, windows);
	} else {
		/* Unquoted, Windows itself tries at every blank; so do we. */
		n = strlen(whole);
		for (size_t i = 1; i <= n && !found; i++) {
			char kept = whole[i];

			if (kept != ' ' && kept != '\0' && kept != ',')
				continue;
			whole[i] = '\0';
			found = existing(whole, windows);
			whole[i] = kept;
		}
	}
	free(whole);
	free(windows);
	free(text);
	return found;
}

/* ---- lines ---- */

struct autoruns {
	struct windows_collector *c;
	struct buffer lines;
};

struct autorun {
	const char *place, *name, *command, *user, *object, *file;
	int64_t mtime;
};

static void add(struct autoruns *a, const struct autorun *r)
{
	struct buffer *b = &a->lines;
	char *image = windows_image(r->command);

	line_start(b, "autorun");
	line_text(b, "Place", r->place);
	line_some(b, "Name", r->name);
	line_some(b, "CommandLine", r->command);
	line_some(b, "User", r->user);
	line_some(b, "TargetObject", r->object);
	line_some(b, "TargetFilename", r->file);
	line_some(b, "Image", image);
	if (image)
		line_some(b, "Hashes", windows_hash(image));
	else if (r->file)
		line_some(b, "Hashes", windows_hash(r->file));
	line_time(b, "mtime", r->mtime);
	line_end(b);
	a->c->r->autoruns++;
	free(image);
}

struct place {
	const char *name;
	const wchar_t *path;  /* of the key, below the root or a user's hive */
	const wchar_t *value; /* NULL: every value */
	bool subkeys;	      /* the value of every key below */
	bool user;	      /* in the hives of users, too */
};

#define CV   L"Software\\Microsoft\\Windows\\CurrentVersion\\"
#define CV32 L"Software\\Wow6432Node\\Microsoft\\Windows\\CurrentVersion\\"
#define NT   L"Software\\Microsoft\\Windows NT\\CurrentVersion\\"
#define SET  L"System\\CurrentControlSet\\"
static const struct place places[] = {
	{"run", CV L"Run", NULL, false, true},
	{"run-once", CV L"RunOnce", NULL, false, true},
	{"run-once-ex", CV L"RunOnceEx", NULL, false, true},
	{"run-services", CV L"RunServices", NULL, false, true},
	{"run-services", CV L"RunServicesOnce", NULL, false, true},
	{"policies-run", CV L"Policies\\Explorer\\Run", NULL, false, true},
	{"run", CV32 L"Run", NULL, false, true},
	{"run-once", CV32 L"RunOnce", NULL, false, true},
	{"windows-load", NT L"Windows", L"Load", false, true},
	{"windows-load", NT L"Windows", L"Run", false, true},
	{"appinit-dlls", NT L"Windows", L"AppInit_DLLs", false, false},
	{"appinit-dlls", L"Software\\Wow6432Node\\Microsoft\\Windows NT\\CurrentVersion\\Windows",
	 L"AppInit_DLLs", false, false},
	{"winlogon", NT L"Winlogon", L"Shell", false, true},
	{"winlogon", NT L"Winlogon", L"Userinit", false, true},
	{"winlogon", NT L"Winlogon", L"Taskman", false, true},
	{"winlogon", NT L"Winlogon", L"VmApplet", false, false},
	{"winlogon", NT L"Winlogon", L"AppSetup", false, false},
	{"winlogon-notify", NT L"Winlogon\\Notify", L"DLLName", true, false},
	{"ifeo", NT L"Image File Execution Options", L"Debugger", true, false},
	{"ifeo",
	 L"Software\\Wow6432Node\\Microsoft\\Windows NT\\CurrentVersion\\Image File Execution "
	 L"Options",
	 L"Debugger", true, false},
	{"silent-process-exit", NT L"SilentProcessExit", L"MonitorProcess", true, false},
	{"aedebug", NT L"AeDebug", L"Debugger", false, false},
	{"active-setup", L"Software\\Microsoft\\Active Setup\\Installed Components", L"StubPath",
	 true, true},
	{"active-setup", L"Software\\Wow6432Node\\Microsoft\\Active Setup\\Installed Components",
	 L"StubPath", true, false},
	{"cmd-autorun", L"Software\\Microsoft\\Command Processor", L"AutoRun", false, true},
	{"logon-script", L"Environment", L"UserInitMprLogonScript", false, true},
	{"screensaver", L"Control Panel\\Desktop", L"SCRNSAVE.EXE", false, true},
	{"boot-execute", SET L"Control\\Session Manager", L"BootExecute", false, false},
	{"boot-execute", SET L"Control\\Session Manager", L"SetupExecute", false, false},
	{"boot-execute", SET L"Control\\Session Manager", L"Execute", false, false},
	{"appcert-dlls", SET L"Control\\Session Manager\\AppCertDlls", NULL, false, false},
	{"known-dlls", SET L"Control\\Session Manager\\KnownDLLs", NULL, false, false},
	{"safe-boot", SET L"Control\\SafeBoot", L"AlternateShell", false, false},
	{"lsa", SET L"Control\\Lsa", L"Authentication Packages", false, false},
	{"lsa", SET L"Control\\Lsa", L"Security Packages", false, false},
	{"lsa", SET L"Control\\Lsa", L"Notification Packages", false, false},
	{"security-providers", SET L"Control\\SecurityProviders", L"SecurityProviders", false,
	 false},
	{"network-provider", SET L"Control\\NetworkProvider\\Order", L"ProviderOrder", false,
	 false},
	{"print-monitor", SET L"Control\\Print\\Monitors", L"Driver", true, false},
	{"time-provider", SET L"Services\\W32Time\\TimeProviders", L"DllName", true, false},
	{"dns-plugin", SET L"Services\\DNS\\Parameters", L"ServerLevelPluginDll", false, false},
	{"autodial", SET L"Services\\WinSock2\\Parameters", L"AutodialDLL", false, false},
	{"setup-cmdline", L"System\\Setup", L"CmdLine", false, false},
	{"netsh-helper", L"Software\\Microsoft\\NetSh", NULL, false, false},
};

static int64_t key_time(HKEY key)
{
	FILETIME t;

	if (RegQueryInfoKeyW(key, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, &t) !=
	    ERROR_SUCCESS)
		return TIME_NONE;
	return time_of_filetime(t);
}

static void one_value(struct autoruns *a, const struct place *p, HKEY key, const char *object,
		      const wchar_t *value, const char *user)
{
	char *command = registry_text(key, value), *name = utf8_of(value),
	     *full = xasprintf("%s\\%s", object, *name ? name : "(Default)");
	const struct autorun r = {.place = p->name,
				  .name = name,
				  .command = command,
				  .user = user,
				  .object = full,
				  .mtime = key_time(key)};

	if (command && *command)
		add(a, &r);
	free(command);
	free(name);
	free(full);
}

static void one_key(struct autoruns *a, const struct place *p, HKEY key, const char *object,
		    const char *user)
{
	static wchar_t name[16384]; /* the documented most */
	DWORD n = 16384;

	if (p->value) {
		one_value(a, p, key, object, p->value, user);
		return;
	}
	for (DWORD i = 0; RegEnumValueW(key, i, name, &n, NULL, NULL, NULL, NULL) == ERROR_SUCCESS;
	     i++, n = 16384) {
		wchar_t *own = wcsdup(name);

		if (own)
			one_value(a, p, key, object, own, user);
		free(own);
	}
}

static void one_place(struct autoruns *a, const struct place *p, HKEY root, const char *root_name,
		      const char *user)
{
	HKEY key, below;
	wchar_t name[300];
	DWORD n = 300;
	char *path, *object;

	if (RegOpenKeyExW(root, p->path, 0, KEY_READ | KEY_WOW64_64KEY, &key) != ERROR_SUCCESS)
		return;
	path = utf8_of(p->path);
	object = xasprintf("%s\\%s", root_name, path);
	if (!p->subkeys)
		one_key(a, p, key, object, user);
	for (DWORD i = 0;
	     p->subkeys && RegEnumKeyExW(key, i, name, &n, NULL, NULL, NULL, NULL) == ERROR_SUCCESS;
	     i++, n = 300) {
		char *child = utf8_of(name), *full = xasprintf("%s\\%s", object, child);

		if (RegOpenKeyExW(key, name, 0, KEY_READ, &below) == ERROR_SUCCESS) {
			one_key(a, p, below, full, user);
			(void)RegCloseKey(below);
		}
		free(child);
		free(full);
	}
	free(path);
	free(object);
	(void)RegCloseKey(key);
}

/* ---- startup folders ---- */

static void startup_folder(struct autoruns *a, const char *folder, const char *user)
{
	char *pattern = xasprintf("%s/*", folder);
	wchar_t *wide = wide_path(pattern);
	WIN32_FIND_DATAW d;
	HANDLE h = FindFirstFileW(wide, &d);

	free(wide);
	free(pattern);
	if (h == INVALID_HANDLE_VALUE)
		return;
	do {
		char *name = utf8_of(d.cFileName), *path = xasprintf("%s\\%s", folder, name);
		const struct autorun r = {.place = "startup-folder",
					  .name = name,
					  .user = user,
					  .file = path,
					  .mtime = time_of_filetime(d.ftLastWriteTime)};

		for (char *at = path; *at; at++)
			if (*at == '/')
				*at = '\\';
		if (!(d.dwFileAttributes &
		      (FILE_ATTRIBUTE_DIRECTORY | FILE_ATTRIBUTE_REPARSE_POINT)) &&
		    _stricmp(name, "desktop.ini") != 0)
			add(a, &r);
		free(name);
		free(path);
	} while (FindNextFileW(h, &d));
	(void)FindClose(h);
}

/* Every profile's folder by the list of profiles, whether the user is logged on or not. */
static void startup_folders(struct autoruns *a)
{
	HKEY list, profile;
	wchar_t sid[300];
	DWORD n = 300;
	wchar_t common[MAX_PATH];
	DWORD units = GetEnvironmentVariableW(L"ProgramData", common, MAX_PATH);

	if (units && units < MAX_PATH) {
		char *data = utf8_of(common),
		     *folder = xasprintf("%s\\Microsoft\\Windows\\Start Menu\\Programs\\Startup",
					 data);

		startup_folder(a, folder, NULL);
		free(folder);
		free(data);
	}
	if (RegOpenKeyExW(HKEY_LOCAL_MACHINE,
			  L"Software\\Microsoft\\Windows NT\\CurrentVersion\\ProfileList", 0,
			  KEY_READ | KEY_WOW64_64KEY, &list) != ERROR_SUCCESS)
		return;
	for (DWORD i = 0; RegEnumKeyExW(list, i, sid, &n, NULL, NULL, NULL, NULL) == ERROR_SUCCESS;
	     i++, n = 300) {
		char *raw, *home, *folder;
		const char *user;

		if (RegOpenKeyExW(list, sid, 0, KEY_READ, &profile) != ERROR_SUCCESS)
			continue;
		raw = registry_text(profile, L"ProfileImagePath");
		home = raw ? expanded(raw) : NULL;
		if (home) {
			user = strrchr(home, '\\');
			folder = xasprintf(
				"%s\\AppData\\Roaming\\Microsoft\\Windows\\Start "
				"Menu\\Programs\\Startup",
				home);
			startup_folder(a, folder, user ? user + 1 : NULL);
			free(folder);
		}
		free(raw);
		free(home);
		(void)RegCloseKey(profile);
	}
	(void)RegCloseKey(list);
}

void windows_autoruns(struct windows_collector *c)
{
	struct autoruns a = {.c = c};
	wchar_t sid[300];
	DWORD n = 300;
	HKEY hive;
	const size_t count = sizeof(places) / sizeof(places[0]);

	for (size_t i = 0; i < count; i++)
		one_place(&a, &places[i], HKEY_LOCAL_MACHINE, "HKLM", NULL);
	/* The hives of those who are logged on; the others' are among the files. */
	for (DWORD i = 0;
	     RegEnumKeyExW(HKEY_USERS, i, sid, &n, NULL, NULL, NULL, NULL) == ERROR_SUCCESS;
	     i++, n = 300) {
		char *name = utf8_of(sid), *root = xasprintf("HKU\\%s", name), *user = NULL;
		PSID id = NULL;

		if (RegOpenKeyExW(HKEY_USERS, sid, 0, KEY_READ, &hive) == ERROR_SUCCESS) {
			if (ConvertStringSidToSidW(sid, &id)) {
				user = account_of_sid(id);
				(void)LocalFree(id);
			}
			for (size_t j = 0; j < count; j++)
				if (places[j].user)
					one_place(&a, &places[j], hive, root, user);
			(void)RegCloseKey(hive);
		}
		free(user);
		free(root);
		free(name);
	}
	startup_folders(&a);
	windows_member(c, "live/autoruns.jsonl", "autoruns", &a.lines);
	buffer_release(&a.lines);
}
