/* Processes, what they have loaded, and their hold on each other. */
#include "collectors/windows/windows.h"

#include <psapi.h>
#include <stdlib.h>
#include <tlhelp32.h>
#include <winternl.h>

#include "collectors/lines.h"

/* Written by the first collector, read by those after it; left alone when that one hangs. */
static struct windows_process *processes;
static size_t process_count;

const struct windows_process *windows_process_at(size_t i)
{
	return i < process_count ? &processes[i] : NULL;
}

const struct windows_process *windows_process_of(DWORD id)
{
	for (size_t i = 0; i < process_count; i++)
		if (processes[i].id == id)
			return &processes[i];
	return NULL;
}

void windows_owner(struct buffer *b, DWORD id)
{
	const struct windows_process *p = windows_process_of(id);

	line_number(b, "ProcessId", id);
	if (!p)
		return;
	line_some(b, "Image", p->image ? p->image : p->name);
	line_some(b, "CommandLine", p->command);
	line_some(b, "User", p->user);
}

/* ---- what another process's memory says ---- */

typedef LONG(NTAPI query_fn)(HANDLE, int, void *, ULONG, ULONG *);

/* A UNICODE_STRING of another process. */
static char *remote_text(HANDLE h, const UNICODE_STRING *s)
{
	wchar_t *text;
	SIZE_T got = 0;
	char *utf8 = NULL;

	if (s->Length == 0 || !s->Buffer)
		return NULL;
	text = xcalloc((size_t)s->Length / 2 + 1, sizeof(*text));
	if (ReadProcessMemory(h, s->Buffer, text, s->Length & ~1u, &got) && got)
		utf8 = utf8_of_n(text, got / 2);
	free(text);
	return utf8;
}

static void from_peb(HANDLE h, struct windows_process *p, query_fn *query)
{
	PROCESS_BASIC_INFORMATION basic;
	PEB peb;
	RTL_USER_PROCESS_PARAMETERS parameters;
	UNICODE_STRING directory;
	SIZE_T got;

	if (query(h, ProcessBasicInformation, &basic, sizeof(basic), NULL) != 0 ||
	    !basic.PebBaseAddress ||
	    !ReadProcessMemory(h, basic.PebBaseAddress, &peb, sizeof(peb), &got) ||
	    !peb.ProcessParameters ||
	    !ReadProcessMemory(h, peb.ProcessParameters, &parameters, sizeof(parameters), &got))
		return;
	p->command = remote_text(h, &parameters.CommandLine);
	/* CurrentDirectory.DosPath, at 0x38 of the 64-bit structure. */
	if (ReadProcessMemory(h, (const char *)peb.ProcessParameters + 0x38, &directory,
			      sizeof(directory), &got))
		p->directory = remote_text(h, &directory);
}

/* The kernel tells the command line of protected processes too (ProcessCommandLineInformation,
 * Windows 8.1 on): a UNICODE_STRING and its text behind it. */
static void from_kernel(HANDLE h, struct windows_process *p, query_fn *query)
{
	ULONG size = sizeof(UNICODE_STRING) + 65536 + 16, got = 0;
	UNICODE_STRING *s = xcalloc(1, size);
	const char *start = (const char *)s, *text;

	if (query(h, 60, s, size, &got) == 0 && s->Buffer && s->Length) {
		text = (const char *)s->Buffer;
		if (text >= start && text <= start + size && s->Length <= start + size - text)
			p->command = utf8_of_n(s->Buffer, s->Length / 2);
	}
	free(s);
}

static const char *integrity_of(HANDLE token)
{
	union {
		TOKEN_MANDATORY_LABEL label;
		BYTE room[256];
	} u;
	DWORD n, level;
	BYTE parts;

	if (!GetTokenInformation(token, TokenIntegrityLevel, &u, sizeof(u), &n) ||
	    !IsValidSid(u.label.Label.Sid))
		return NULL;
	parts = *GetSidSubAuthorityCount(u.label.Label.Sid);
	if (parts == 0)
		return NULL;
	level = *GetSidSubAuthority(u.label.Label.Sid, (DWORD)parts - 1);
	return level >= 0x4000	 ? "System"
	       : level >= 0x3000 ? "High"
	       : level >= 0x2000 ? "Medium"
	       : level >= 0x1000 ? "Low"
				 : "Untrusted";
}

static void from_token(HANDLE h, struct windows_process *p)
{
	union {
		TOKEN_USER user;
		BYTE room[256];
	} u;
	TOKEN_ELEVATION e = {0};
	HANDLE token;
	DWORD n;

	if (!OpenProcessToken(h, TOKEN_QUERY, &token))
		return;
	if (GetTokenInformation(token, TokenUser, &u, sizeof(u), &n))
		p->user = account_of_sid(u.user.User.Sid);
	p->integrity = integrity_of(token);
	p->has_elevated = GetTokenInformation(token, TokenElevation, &e, sizeof(e), &n);
	p->elevated = e.TokenIsElevated != 0;
	(void)CloseHandle(token);
}

/* "\Device\HarddiskVolume3\x" to "C:\x": what a process whose file is gone is still known by. */
static char *drive_path(const wchar_t *device)
{
	for (wchar_t letter = L'A'; letter <= L'Z'; letter++) {
		wchar_t drive[] = {letter, L':', L'\0'}, target[1024];
		DWORD n = QueryDosDeviceW(drive, target, 1024);
		size_t len = n ? wcslen(target) : 0;

		if (len && _wcsnicmp(device, target, len) == 0 && device[len] == L'\\') {
			char *rest = utf8_of(device + len),
			     *path = xasprintf("%c:%s", (char)letter, rest);

			free(rest);
			return path;
		}
	}
	return utf8_of(device);
}

static void from_handle(struct windows_process *p, query_fn *query)
{
	HANDLE h = OpenProcess(PROCESS_QUERY_INFORMATION | PROCESS_VM_READ, FALSE, p->id);
	bool limited = !h;
	wchar_t *image;
	DWORD n = 32768;
	FILETIME created, ended, kernel, user;
	BOOL wow64 = FALSE;

	if (!h)
		h = OpenProcess(PROCESS_QUERY_LIMITED_INFORMATION, FALSE, p->id);
	if (!h) {
		if (p->id > 4) /* the idle process and the kernel have nothing to tell */
			p->error = xstrdup(windows_error(GetLastError()));
		return;
	}
	image = xcalloc(n, sizeof(*image));
	if (QueryFullProcessImageNameW(h, 0, image, &n)) {
		p->image = utf8_of_n(image, n);
	} else {
		n = GetProcessImageFileNameW(h, image, 32768);
		if (n)
			p->image = drive_path(image);
	}
	free(image);
	if (GetProcessTimes(h, &created, &ended, &kernel, &user) &&
	    (created.dwLowDateTime || created.dwHighDateTime))
		p->start = time_of_filetime(created);
	p->wow64 = IsWow64Process(h, &wow64) && wow64;
	from_token(h, p);
	if (!limited && query)
		from_peb(h, p, query);
	if (!p->command && query)
		from_kernel(h, p, query);
	if (limited && !p->command)
		p->error = xstrdup("protected: no command line");
	(void)CloseHandle(h);
}

/* Processes that can be opened by number though no list names them: what a rootkit hides from the
 * lists. Ids are multiples of four. */
static void find_hidden(struct windows_process **list, size_t *n, size_t *cap, query_fn *query)
{
	const DWORD most = 4u << 20;
	bool *known = xcalloc(most / 4, sizeof(*known));
	DWORD last = 0;

	for (size_t i = 0; i < *n; i++)
		if ((*list)[i].id < most) {
			known[(*list)[i].id / 4] = true;
			last = (*list)[i].id > last ? (*list)[i].id : last;
		}
	for (DWORD id = 8; id < last + 4096 && id < most; id += 4) {
		HANDLE h;
		DWORD code = 0;

		if (known[id / 4])
			continue;
		h = OpenProcess(PROCESS_QUERY_LIMITED_INFORMATION, FALSE, id);
		if (!h)
			continue;
		/* One that has ended is kept while somebody holds it; one that began since the list
		 * was made is no secret: it is looked for in a new list below. */
		if (GetExitCodeProcess(h, &code) && code == STILL_ACTIVE && GetProcessId(h) == id) {
			struct windows_process p = {.id = id, .start = TIME_NONE, .hidden = true};

			p.name = xstrdup("");
			from_handle(&p, query);
			*list = xgrow(*list, cap, *n + 1, sizeof(**list));
			(*list)[(*n)++] = p;
		}
		(void)CloseHandle(h);
	}
	free(known);
}

/* Those that a second list names began in between. */
static void forgive_new_ones(struct windows_process *list, size_t n)
{
	HANDLE all = CreateToolhelp32Snapshot(TH32CS_SNAPPROCESS, 0);
	PROCESSENTRY32W e = {.dwSize = sizeof(e)};

	if (all != INVALID_HANDLE_VALUE && Process32FirstW(all, &e))
		do {
			for (size_t i = 0; i < n; i++)
				if (list[i].hidden && list[i].id == e.th32ProcessID) {
					list[i].hidden = false;
					list[i].parent = e.th32ParentProcessID;
					free(list[i].name);
					list[i].name = utf8_of(e.szExeFile);
				}
		} while (Process32NextW(all, &e));
	if (all != INVALID_HANDLE_VALUE)
		(void)CloseHandle(all);
}

static void load_processes(struct step *s)
{
	HANDLE all = CreateToolhelp32Snapshot(TH32CS_SNAPPROCESS, 0);
	PROCESSENTRY32W e = {.dwSize = sizeof(e)};
	query_fn *query = windows_proc(L"ntdll.dll", "NtQueryInformationProcess");
	struct windows_process *list = NULL;
	size_t n = 0, cap = 0;

	if (all == INVALID_HANDLE_VALUE || !Process32FirstW(all, &e)) {
		step_failed(s, "the list of processes: %s", windows_error(GetLastError()));
	} else {
		do {
			struct windows_process p = {.id = e.th32ProcessID,
						    .parent = e.th32ParentProcessID,
						    .start = TIME_NONE,
						    .threads = e.cntThreads};

			p.name = utf8_of(e.szExeFile);
			p.has_session = ProcessIdToSessionId(p.id, &p.session);
			from_handle(&p, query);
			list = xgrow(list, &cap, n + 1, sizeof(*list));
			list[n++] = p;
		} while (Process32NextW(all, &e));
	}
	if (all != INVALID_HANDLE_VALUE)
		(void)CloseHandle(all);
	if (n) {
		find_hidden(&list, &n, &cap, query);
		forgive_new_ones(list, n);
	}
	processes = list;
	process_count = n;
}

static bool file_is_gone(const char *path)
{
	wchar_t *wide = path && path[0] && path[1] == ':' ? wide_path(path) : NULL;
	bool gone =
		wide && GetFileAttributesW(wide) == INVALID_FILE_ATTRIBUTES &&
		(GetLastError() == ERROR_FILE_NOT_FOUND || GetLastError() == ERROR_PATH_NOT_FOUND);

	free(wide);
	return gone;
}

static void process_fields(struct buffer *b, const struct windows_process *p)
{
	const struct windows_process *parent = p->parent ? windows_process_of(p->parent) : NULL;

	/* An id is used again: who began later is no parent. */
	if (parent && parent->start != TIME_NONE && p->start != TIME_NONE &&
	    parent->start > p->start)
		parent = NULL;
	line_number(b, "ProcessId", p->id);
	if (!p->hidden)
		line_number(b, "ParentProcessId", p->parent);
	line_text(b, "Name", p->name);
	line_some(b, "Image", p->image);
	line_some(b, "CommandLine", p->command);
	line_some(b, "CurrentDirectory", p->directory);
	line_some(b, "User", p->user);
	line_text(b, "IntegrityLevel", p->integrity);
	if (p->has_elevated)
		line_bool(b, "Elevated", p->elevated);
	if (p->has_session)
		line_number(b, "SessionId", p->session);
	line_time(b, "StartTime", p->start);
	if (p->threads)
		line_number(b, "Threads", p->threads);
	if (p->wow64)
		line_bool(b, "Wow64", true);
	if (p->image)
		windows_image_fields(b, p->image);
	if (file_is_gone(p->image))
		line_bool(b, "Deleted", true);
	if (parent) {
		line_some(b, "ParentImage", parent->image);
		line_some(b, "ParentCommandLine", parent->command);
		line_some(b, "ParentUser", parent->user);
	}
	line_some(b, "Error", p->error);
}

void windows_processes(struct step *s)
{
	struct buffer *b = step_lines(s);

	load_processes(s);
	for (size_t i = 0; i < process_count && !step_over(s); i++) {
		const struct windows_process *p = &processes[i];

		if (p->hidden) {
			line_start(b, "hidden");
			line_text(b, "What", "process");
			process_fields(b, p);
			line_text(b, "Reason", "it can be opened, but no list of processes has it");
			step_end(s);
		}
		line_start(b, "process");
		process_fields(b, p);
		step_end(s);
	}
}

/* ---- modules ---- */

/* Where programs of others than the system's installers seldom lie. */
static bool odd_place(const char *path)
{
	static const char *const places[] = {
		"\\users\\",	    "\\programdata\\",	  "\\windows\\temp\\",	"\\perflogs\\",
		"\\$recycle.bin\\", "\\windows\\tasks\\", "\\windows\\debug\\", "\\temp\\"};
	char *lower = xstrdup(path);
	bool odd = false;

	text_lower(lower, strlen(lower));
	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]) && !odd; i++)
		odd = strstr(lower, places[i]) != NULL;
	/* C:\x.dll, and what is on no drive. */
	odd = odd || lower[0] == '\\' || (lower[0] && lower[1] == ':' && !strchr(lower + 3, '\\'));
	free(lower);
	return odd;
}

static void modules_of(struct step *s, const struct windows_process *p)
{
	HANDLE all = INVALID_HANDLE_VALUE;
	MODULEENTRY32W e = {.dwSize = sizeof(e)};
	struct buffer *b = step_lines(s);

	/* A list that changes while it is read gives ERROR_BAD_LENGTH: again, says its page. */
	for (int tries = 0; tries < 5 && all == INVALID_HANDLE_VALUE; tries++) {
		all = CreateToolhelp32Snapshot(TH32CS_SNAPMODULE | TH32CS_SNAPMODULE32, p->id);
		if (all == INVALID_HANDLE_VALUE && GetLastError() != ERROR_BAD_LENGTH)
			return; /* protected, of another user, ended: its process line says so */
	}
	if (all == INVALID_HANDLE_VALUE || !Module32FirstW(all, &e)) {
		if (all != INVALID_HANDLE_VALUE)
			(void)CloseHandle(all);
		return;
	}
	do {
		char *path = utf8_of(e.szExePath);
		bool gone;

		/* The program itself stands in its process line. */
		if (p->image && _stricmp(path, p->image) == 0) {
			free(path);
			continue;
		}
		gone = file_is_gone(path);
		line_start(b, "loaded_module");
		windows_owner(b, p->id);
		line_text(b, "ImageLoaded", path);
		line_own(b, "BaseAddress",
			 xasprintf("0x%llx", (unsigned long long)(uintptr_t)e.modBaseAddr));
		line_number(b, "Size", e.modBaseSize);
		windows_image_fields(b, path);
		if (gone)
			line_bool(b, "Deleted", true);
		if (gone || odd_place(path) || !windows_image_trusted(path)) {
			line_name(b, "Reasons");
			buffer_printf(b, "[%s%s%s%s%s]", gone ? "\"deleted\"" : "",
				      gone && odd_place(path) ? "," : "",
				      odd_place(path) ? "\"odd-path\"" : "",
				      (gone || odd_place(path)) && !windows_image_trusted(path)
					      ? ","
					      : "",
				      !windows_image_trusted(path) ? "\"unsigned\"" : "");
		}
		free(path);
		step_end(s);
	} while (!step_over(s) && Module32NextW(all, &e));
	(void)CloseHandle(all);
}

void windows_modules(struct step *s)
{
	for (size_t i = 0; i < process_count && !step_over(s); i++)
		if (processes[i].id > 4)
			modules_of(s, &processes[i]);
}

/* ---- handles of interest: into other processes, and named mutexes ---- */

struct handle_entry { /* SYSTEM_HANDLE_TABLE_ENTRY_INFO_EX */
	void *object;
	ULONG_PTR process, handle;
	ULONG access;
	USHORT backtrace, type;
	ULONG attributes, reserved;
};
struct handle_table {
	ULONG_PTR count, reserved;
	struct handle_entry entries[];
};

#define HANDLES_MAX ((size_t)512 << 20) /* bytes; some ten million handles */
#define TYPES	    256u

typedef LONG(NTAPI system_fn)(int, void *, ULONG, ULONG *);
typedef LONG(NTAPI object_fn)(HANDLE, int, void *, ULONG, ULONG *);

static struct handle_table *all_handles(struct step *s)
{
	system_fn *query = windows_proc(L"ntdll.dll", "NtQuerySystemInformation");
	ULONG size = 4u << 20, needed = 0;
	struct handle_table *table = NULL;
	LONG status = 0;

	while (query && size <= HANDLES_MAX) {
		table = xcalloc(1, size);
		status = query(64, table, size, &needed); /* SystemExtendedHandleInformation */
		if (status >= 0) {
			size_t most = (size - sizeof(*table)) / sizeof(table->entries[0]);

			if (table->count > most)
				table->count = most;
			return table;
		}
		free(table);
		table = NULL;
		if ((ULONG)status != 0xc0000004) /* STATUS_INFO_LENGTH_MISMATCH: it grew */
			break;
		size = needed > size && needed < HANDLES_MAX / 2 ? needed + (1u << 20) : size * 2;
	}
	step_failed(s, "the table of handles: status 0x%08lx", (unsigned long)status);
	return NULL;
}

/* The kind of an object by its number, asked once. Asking for the type never blocks. */
enum { OF_UNKNOWN, OF_OTHER, OF_PROCESS, OF_MUTANT };
static unsigned type_of(object_fn *query, HANDLE h)
{
	union {
		UNICODE_STRING name;
		BYTE room[1024];
	} u = {0};
	ULONG got;

	if (query(h, 2, &u, sizeof(u), &got) < 0 || !u.name.Buffer)
		return OF_OTHER;
	if (u.name.Length == 14 && memcmp(u.name.Buffer, L"Process", 14) == 0)
		return OF_PROCESS;
	return u.name.Length == 12 && memcmp(u.name.Buffer, L"Mutant", 12) == 0 ? OF_MUTANT
										: OF_OTHER;
}

static void process_handle(struct step *s, const struct handle_entry *e, HANDLE h)
{
	/* To write or read its memory, to start threads, to take its handles, to write to it in any
	 * way; all of it to lsass. */
	const ULONG strong = PROCESS_CREATE_THREAD | PROCESS_VM_OPERATION | PROCESS_VM_WRITE |
			     PROCESS_VM_READ | PROCESS_DUP_HANDLE;
	DWORD target = GetProcessId(h);
	const struct windows_process *t = windows_process_of(target);
	struct buffer *b = step_lines(s);

	if (!target || target == e->process || !(e->access & strong))
		return;
	/* Who starts a process keeps such a handle: its children are no news. */
	if (t && t->parent == e->process && _stricmp(t->name, "lsass.exe") != 0)
		return;
	line_start(b, "handle");
	line_text(b, "ObjectType", "Process");
	windows_owner(b, (DWORD)e->process);
	line_number(b, "TargetProcessId", target);
	if (t)
		line_some(b, "TargetImage", t->image ? t->image : t->name);
	line_own(b, "GrantedAccess", xasprintf("0x%lx", (unsigned long)e->access));
	step_end(s);
}

static void mutant_handle(struct step *s, object_fn *query, const struct handle_entry *e, HANDLE h)
{
	union {
		UNICODE_STRING name;
		BYTE room[2048];
	} u = {0};
	struct buffer *b = step_lines(s);
	ULONG got;

	if (query(h, 1, &u, sizeof(u), &got) < 0 || !u.name.Buffer || !u.name.Length)
		return;
	line_start(b, "handle");
	line_text(b, "ObjectType", "Mutant");
	windows_owner(b, (DWORD)e->process);
	line_own(b, "ObjectName", utf8_of_n(u.name.Buffer, u.name.Length / 2));
	step_end(s);
}

void windows_handles(struct step *s)
{
	object_fn *query = windows_proc(L"ntdll.dll", "NtQueryObject");
	struct handle_table *table = query ? all_handles(s) : NULL;
	uint8_t types[TYPES] = {0};
	DWORD open_id = 0, own = GetCurrentProcessId();
	HANDLE owner = NULL;

	for (size_t i = 0; table && i < table->count && !step_over(s); i++) {
		const struct handle_entry *e = &table->entries[i];
		HANDLE h = NULL;
		unsigned type = e->type < TYPES ? types[e->type] : OF_OTHER;

		if (type == OF_OTHER || e->process == own || e->process == 0)
			continue;
		if (open_id != e->process) {
			if (owner)
				(void)CloseHandle(owner);
			owner = OpenProcess(PROCESS_DUP_HANDLE, FALSE, (DWORD)e->process);
			open_id = (DWORD)e->process;
		}
		if (!owner)
			continue;
		if (!DuplicateHandle(owner, (HANDLE)e->handle, GetCurrentProcess(), &h,
				     type == OF_PROCESS ? PROCESS_QUERY_LIMITED_INFORMATION : 0,
				     FALSE, type == OF_PROCESS ? 0 : DUPLICATE_SAME_ACCESS))
			continue;
		if (type == OF_UNKNOWN)
			type = types[e->type] = (uint8_t)type_of(query, h);
		if (type == OF_PROCESS)
			process_handle(s, e, h);
		else if (type == OF_MUTANT)
			mutant_handle(s, query, e, h);
		(void)CloseHandle(h);
	}
	if (owner)
		(void)CloseHandle(owner);
	free(table);
}
