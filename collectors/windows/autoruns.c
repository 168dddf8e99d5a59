/* What Windows starts by itself: the registry's places, tasks, startup folders, services and
 * drivers. */
#include "collectors/windows/registry.h"

#include <initguid.h>
#include <objbase.h>
#include <shlobj.h>
#include <stdlib.h>

#include "base/text.h"
#include "collectors/lines.h"

static bool is_service(const struct place *p)
{
	return strcmp(p->place, "Service") == 0;
}

static bool is_task(const struct place *p)
{
	return strcmp(p->place, "Scheduled task") == 0;
}

static bool is_other(const struct place *p)
{
	return !is_service(p) && !is_task(p);
}

static void autorun_line(struct step *s, const struct live_entry *e, void *data)
{
	struct buffer *b = step_lines(s);

	(void)data;
	line_start(b, "autorun");
	live_entry_fields(b, e);
	step_end(s);
}

/* ---- startup folders ---- */

/* Where a shortcut leads: its target and arguments, as they stand in it. Nothing is looked for on
 * the disk or the network. */
static bool shortcut(const char *path, char **target, char **arguments)
{
	IShellLinkW *link = NULL;
	IPersistFile *file = NULL;
	wchar_t *wide = wide_of(path), *text = xcalloc(4096, sizeof(*text));
	bool ok = false;

	*target = *arguments = NULL;
	if (SUCCEEDED(CoCreateInstance(&CLSID_ShellLink, NULL, CLSCTX_INPROC_SERVER,
				       &IID_IShellLinkW, (void **)&link)) &&
	    SUCCEEDED(link->lpVtbl->QueryInterface(link, &IID_IPersistFile, (void **)&file)) &&
	    SUCCEEDED(file->lpVtbl->Load(file, wide, STGM_READ))) {
		if (SUCCEEDED(link->lpVtbl->GetPath(link, text, 4096, NULL, SLGP_RAWPATH)))
			*target = utf8_of(text);
		if (SUCCEEDED(link->lpVtbl->GetArguments(link, text, 4096)))
			*arguments = utf8_of(text);
		ok = *target && **target;
	}
	if (file)
		(void)file->lpVtbl->Release(file);
	if (link)
		(void)link->lpVtbl->Release(link);
	free(wide);
	free(text);
	return ok;
}

/* As the parser of shortcuts tells of one in such a folder. */
static void startup_line(struct step *s, const char *path, const char *name, const char *user,
			 FILETIME mtime)
{
	struct buffer *b = step_lines(s);
	char *target, *arguments, *image;
	bool link = view_glob(view_text(name), "*.lnk") && shortcut(path, &target, &arguments);

	line_start(b, "autorun");
	line_text(b, "Place", "Startup folder");
	line_text(b, "Name", name);
	line_text(b, "File", path);
	if (link) {
		line_own(b, "CommandLine",
			 xasprintf("%s%s%s", target, arguments && *arguments ? " " : "",
				   arguments ? arguments : ""));
		line_text(b, "Image", target);
		image = windows_image(target);
		if (image)
			windows_image_fields(b, image);
		else
			line_bool(b, "Missing", true);
		free(image);
	} else {
		line_text(b, "CommandLine", path);
		line_text(b, "Image", path);
		windows_image_fields(b, path);
	}
	line_some(b, "User", user);
	line_time(b, "mtime", time_of_filetime(mtime));
	step_end(s);
	if (link) {
		free(target);
		free(arguments);
	}
}

static void startup_folder(struct step *s, const char *folder, const char *user)
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
		char *name = utf8_of(d.cFileName), *path = xasprintf("%s/%s", folder, name);

		/* As such a file's path is in a case. */
		for (char *at = path; *at; at++)
			if (*at == '\\')
				*at = '/';
		if (!(d.dwFileAttributes &
		      (FILE_ATTRIBUTE_DIRECTORY | FILE_ATTRIBUTE_REPARSE_POINT)) &&
		    !windows_elsewhere(d.dwFileAttributes) && _stricmp(name, "desktop.ini") != 0)
			startup_line(s, path, name, user, d.ftLastWriteTime);
		free(name);
		free(path);
	} while (!step_over(s) && FindNextFileW(h, &d));
	(void)FindClose(h);
}

static void own_startup(struct step *s, const char *home)
{
	const char *user = strrchr(home, '\\');
	char *folder = xasprintf(
		"%s\\AppData\\Roaming\\Microsoft\\Windows\\Start Menu\\Programs\\Startup", home);

	startup_folder(s, folder, user ? user + 1 : NULL);
	free(folder);
}

/* Every profile's folder by the list of profiles, whether the user is logged on or not. */
static void startup_folders(struct step *s)
{
	char *common = windows_expanded(
		"%ProgramData%\\Microsoft\\Windows\\Start Menu\\Programs\\Startup");
	bool com = SUCCEEDED(CoInitializeEx(NULL, COINIT_APARTMENTTHREADED));

	if (common[0] != '%')
		startup_folder(s, common, NULL);
	free(common);
	windows_profiles(own_startup, s);
	if (com)
		CoUninitialize();
}

void windows_autoruns(struct step *s)
{
	live_places(s, is_other, autorun_line, NULL);
	startup_folders(s);
}

void windows_profiles(void (*fn)(struct step *s, const char *home), struct step *s)
{
	HKEY list, profile;
	wchar_t sid[300];

	if (RegOpenKeyExW(HKEY_LOCAL_MACHINE,
			  L"Software\\Microsoft\\Windows NT\\CurrentVersion\\ProfileList", 0,
			  KEY_READ | KEY_WOW64_64KEY, &list) != ERROR_SUCCESS)
		return;
	for (DWORD i = 0, n = 300;
	     RegEnumKeyExW(list, i, sid, &n, NULL, NULL, NULL, NULL) == ERROR_SUCCESS;
	     i++, n = 300) {
		char *raw, *home;

		if (RegOpenKeyExW(list, sid, 0, KEY_READ | KEY_WOW64_64KEY, &profile) !=
		    ERROR_SUCCESS)
			continue;
		raw = registry_text(profile, L"ProfileImagePath");
		home = raw ? windows_expanded(raw) : NULL;
		if (home && home[0] && home[1] == ':')
			fn(s, home);
		free(raw);
		free(home);
		(void)RegCloseKey(profile);
	}
	(void)RegCloseKey(list);
}

/* ---- tasks ---- */

/* DynamicInfo: when it was registered, last run, last completed, its last result
 * (winreg-kb, "Task scheduler"). */
static void task_line(struct step *s, const struct live_entry *e, void *data)
{
	struct buffer *b = step_lines(s);
	struct place_value v;
	int64_t times[3];

	(void)data;
	line_start(b, "autorun");
	live_entry_fields(b, e);
	if (e->reader->find(e->reader, e->key, "DynamicInfo", &v) && v.data.len >= 28) {
		times[0] = time_from_filetime(view_get64(v.data, 4));
		times[1] = time_from_filetime(view_get64(v.data, 12));
		times[2] =
			v.data.len >= 36 ? time_from_filetime(view_get64(v.data, 28)) : TIME_NONE;
		line_time(b, "RegistrationTime", times[0]);
		line_time(b, "LastRunTime", times[1]);
		line_time(b, "LastCompletionTime", times[2]);
		if (times[1] != TIME_NONE)
			line_own(b, "LastResult", xasprintf("0x%08x", view_get32(v.data, 24)));
	}
	step_end(s);
}

void windows_tasks(struct step *s)
{
	live_places(s, is_task, task_line, NULL);
}

/* ---- services and drivers ---- */

struct running {
	char *name, *display;
	DWORD state, type, process;
	bool in_registry;
};
struct manager {
	struct running *all;
	size_t count, cap;
	bool drivers;
};

static const char *service_state(DWORD n)
{
	static const char *const names[] = {
		NULL,	   "Stopped",	       "Start Pending", "Stop Pending",
		"Running", "Continue Pending", "Pause Pending", "Paused"};

	return n < 8 ? names[n] : NULL;
}

/* What the service manager says runs. */
static void load_manager(struct step *s, struct manager *m)
{
	SC_HANDLE manager =
		OpenSCManagerW(NULL, NULL, SC_MANAGER_CONNECT | SC_MANAGER_ENUMERATE_SERVICE);
	const DWORD room = 256u << 10; /* the documented most; it comes in pages */
	BYTE *page = xmalloc(room);
	DWORD resume = 0, needed, count;
	bool more = manager;

	if (!manager)
		step_failed(s, "the service manager: %s", windows_error(GetLastError()));
	while (more) {
		BOOL done = EnumServicesStatusExW(
			manager, SC_ENUM_PROCESS_INFO, m->drivers ? SERVICE_DRIVER : SERVICE_WIN32,
			SERVICE_STATE_ALL, page, room, &needed, &count, &resume, NULL);
		DWORD code = done ? 0 : GetLastError();

		more = code == ERROR_MORE_DATA && count;
		if (!done && !more) {
			step_failed(s, "the list of services: %s", windows_error(code));
			break;
		}
		for (DWORD i = 0; i < count; i++) {
			const ENUM_SERVICE_STATUS_PROCESSW *e =
				&((const ENUM_SERVICE_STATUS_PROCESSW *)(const void *)page)[i];

			m->all = xgrow(m->all, &m->cap, m->count + 1, sizeof(*m->all));
			m->all[m->count++] = (struct running){
				utf8_of(e->lpServiceName),
				utf8_of(e->lpDisplayName),
				e->ServiceStatusProcess.dwCurrentState,
				e->ServiceStatusProcess.dwServiceType,
				e->ServiceStatusProcess.dwProcessId,
				false,
			};
		}
	}
	if (manager)
		(void)CloseServiceHandle(manager);
	free(page);
}

static void status_fields(struct buffer *b, const struct running *r)
{
	line_text(b, "State", service_state(r->state));
	if (r->process)
		line_number(b, "ProcessId", r->process);
}

/* The key's entry, with what the manager says of it. */
static void service_line(struct step *s, const struct live_entry *e, void *data)
{
	struct manager *m = data;
	struct buffer *b = step_lines(s);
	struct running *r = NULL;
	const char *dll = NULL;
	char *image;

	if ((strcmp(e->e->place, "Driver") == 0) != m->drivers)
		return;
	for (size_t i = 0; i < m->count && !r; i++)
		if (_stricmp(m->all[i].name, e->e->name) == 0)
			r = &m->all[i];
	line_start(b, "service");
	line_text(b, "ServiceName", e->e->name);
	live_entry_fields(b, e);
	line_some(b, "ImagePath", e->e->command);
	for (size_t i = 0; i < 10 && e->e->names[i]; i++)
		if (strcmp(e->e->names[i], "ServiceDll") == 0)
			dll = e->e->texts[i];
	image = dll && *dll ? windows_image(dll) : NULL;
	if (image) {
		const char *status = windows_signature_status(image);

		line_some(b, "ServiceDllHashes", windows_hash(image));
		line_some(b, "ServiceDllSignatureStatus", status);
	}
	free(image);
	if (r) {
		r->in_registry = true;
		status_fields(b, r);
	} else if (m->count) {
		/* Since the last start, or for good: a service that the manager does not know. */
		line_text(b, "State", "not known to the service manager");
	}
	step_end(s);
}

static void services(struct step *s, bool drivers)
{
	struct manager m = {.drivers = drivers};
	struct buffer *b = step_lines(s);

	load_manager(s, &m);
	live_places(s, is_service, service_line, &m);
	for (size_t i = 0; i < m.count; i++) {
		const struct running *r = &m.all[i];

		/* Per-user services have their key under the template's name; a key that is gone or
		 * shut is worth a look. */
		if (!r->in_registry && !step_over(s)) {
			line_start(b, "service");
			line_text(b, "ServiceName", r->name);
			line_text(b, "Place", drivers ? "Driver" : "Service");
			line_text(b, "Name", r->name);
			line_some(b, "DisplayName", r->display);
			status_fields(b, r);
			line_text(b, "Error", "no such key in the registry");
			step_end(s);
		}
		free(r->name);
		free(r->display);
	}
	free(m.all);
}

void windows_services(struct step *s)
{
	services(s, false);
}

void windows_drivers(struct step *s)
{
	services(s, true);
}
