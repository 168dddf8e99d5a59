/* The system itself: what it is, who is logged on, accounts, programs, firewall, settings. */
#include "collectors/windows/windows.h"

#include <lm.h>
#include <ntsecapi.h>
#include <psapi.h>
#include <sddl.h>
#include <stdlib.h>
#include <wtsapi32.h>

#include "base/text.h"
#include "collectors/lines.h"

static const wchar_t current_version[] = L"SOFTWARE\\Microsoft\\Windows NT\\CurrentVersion";

/* ---- the system ---- */

static const char *architecture(void)
{
	SYSTEM_INFO s;

	GetNativeSystemInfo(&s);
	return s.wProcessorArchitecture == PROCESSOR_ARCHITECTURE_AMD64	  ? "x86_64"
	       : s.wProcessorArchitecture == PROCESSOR_ARCHITECTURE_ARM64 ? "aarch64"
									  : "other";
}

void windows_system(struct step *s)
{
	struct buffer *b = step_lines(s);
	const struct collect_result *r = step_result(s);
	RTL_OSVERSIONINFOW v = {.dwOSVersionInfoSize = sizeof(v)};
	/* It tells the truth where GetVersionEx tells what a manifest asked for. */
	LONG(WINAPI * version)
	(RTL_OSVERSIONINFOW *) = windows_proc(L"ntdll.dll", "RtlGetVersion");
	DYNAMIC_TIME_ZONE_INFORMATION zone;
	DWORD which = GetDynamicTimeZoneInformation(&zone);
	wchar_t text[300];
	DWORD n = 300;
	uint64_t up = GetTickCount64();
	char *installed, *boot;

	line_start(b, "system");
	line_own(b, "Hostname", collect_host(NULL));
	if (GetComputerNameExW(ComputerNameDnsDomain, text, &n) && *text)
		line_wide(b, "Domain", text);
	line_own(b, "OperatingSystem",
		 registry_read(HKEY_LOCAL_MACHINE, current_version, L"ProductName"));
	if (version && version(&v) == 0) {
		char *ubr = registry_read(HKEY_LOCAL_MACHINE, current_version, L"UBR");

		line_own(b, "Kernel",
			 xasprintf("%lu.%lu.%lu%s%s", v.dwMajorVersion, v.dwMinorVersion,
				   v.dwBuildNumber, ubr ? "." : "", ubr ? ubr : ""));
		free(ubr);
	}
	line_own(b, "Version",
		 registry_read(HKEY_LOCAL_MACHINE, current_version, L"DisplayVersion"));
	line_own(b, "Edition", registry_read(HKEY_LOCAL_MACHINE, current_version, L"EditionID"));
	line_text(b, "Architecture", architecture());
	line_own(b, "MachineId",
		 registry_read(HKEY_LOCAL_MACHINE, L"SOFTWARE\\Microsoft\\Cryptography",
			       L"MachineGuid"));
	line_time(b, "BootTime", r->start - (int64_t)up * 1000000);
	line_time(b, "CollectionTime", r->start);
	line_number(b, "Uptime", (int64_t)(up / 1000));
	installed = registry_read(HKEY_LOCAL_MACHINE, current_version, L"InstallDate");
	if (installed)
		line_time(b, "InstallTime", time_from_unix(strtoll(installed, NULL, 10)));
	free(installed);
	line_own(b, "RegisteredOwner",
		 registry_read(HKEY_LOCAL_MACHINE, current_version, L"RegisteredOwner"));
	if (which != TIME_ZONE_ID_INVALID) {
		line_wide(b, "TimeZone",
			  zone.TimeZoneKeyName[0] ? zone.TimeZoneKeyName : zone.StandardName);
		line_number(b, "TimeZoneBias",
			    zone.Bias + (which == TIME_ZONE_ID_DAYLIGHT	  ? zone.DaylightBias
					 : which == TIME_ZONE_ID_STANDARD ? zone.StandardBias
									  : 0));
	}
	line_own(b, "SystemRoot", windows_folder());
	/* "1": UEFI with Secure Boot on. */
	boot = registry_read(HKEY_LOCAL_MACHINE,
			     L"SYSTEM\\CurrentControlSet\\Control\\SecureBoot\\State",
			     L"UEFISecureBootEnabled");
	if (boot)
		line_bool(b, "SecureBoot", strcmp(boot, "1") == 0);
	free(boot);
	line_bool(b, "Elevated", r->privileged);
	step_end(s);
}

/* ---- who is logged on ---- */

struct wts {
	BOOL(WINAPI *query)(HANDLE, DWORD, WTS_INFO_CLASS, wchar_t **, DWORD *);
	void(WINAPI *free)(void *);
};

static char *session_text(const struct wts *w, DWORD session, WTS_INFO_CLASS what)
{
	wchar_t *text = NULL;
	DWORD n = 0;
	char *utf8 = NULL;

	if (w->query(NULL, session, what, &text, &n) && text)
		utf8 = utf8_of_n(text, n / 2);
	if (text)
		w->free(text);
	return utf8;
}

static void session_line(struct step *s, const struct wts *w, const WTS_SESSION_INFOW *i)
{
	static const char *const states[] = {"Active",	     "Connected", "ConnectQuery", "Shadow",
					     "Disconnected", "Idle",	  "Listen",	  "Reset",
					     "Down",	     "Init"};
	char *user = session_text(w, i->SessionId, WTSUserName);
	WTS_CLIENT_ADDRESS *client = NULL;
	WTSINFOW *info = NULL;
	struct buffer *b = step_lines(s);
	DWORD n = 0;

	if (!user || !*user) {
		free(user);
		return;
	}
	line_start(b, "logon");
	line_text(b, "TargetUserName", user);
	line_own(b, "TargetDomainName", session_text(w, i->SessionId, WTSDomainName));
	line_number(b, "SessionId", i->SessionId);
	line_wide(b, "TerminalDevice", i->pWinStationName);
	if ((size_t)i->State < sizeof(states) / sizeof(states[0]))
		line_text(b, "State", states[i->State]);
	line_own(b, "WorkstationName", session_text(w, i->SessionId, WTSClientName));
	if (w->query(NULL, i->SessionId, WTSClientAddress, (wchar_t **)(void *)&client, &n) &&
	    client) {
		/* The address begins two bytes into the field, says the documentation of
		 * WTS_CLIENT_ADDRESS. */
		const BYTE *a = client->Address + 2;

		if (n >= sizeof(*client) && client->AddressFamily == 2 &&
		    (a[0] | a[1] | a[2] | a[3]))
			line_own(b, "IpAddress", xasprintf("%u.%u.%u.%u", a[0], a[1], a[2], a[3]));
		w->free(client);
	}
	if (w->query(NULL, i->SessionId, WTSSessionInfo, (wchar_t **)(void *)&info, &n) && info) {
		FILETIME on = {(DWORD)info->LogonTime.u.LowPart, (DWORD)info->LogonTime.u.HighPart},
			 off = {(DWORD)info->DisconnectTime.u.LowPart,
				(DWORD)info->DisconnectTime.u.HighPart};

		if (n >= sizeof(*info)) {
			if (info->LogonTime.QuadPart)
				line_time(b, "LogonTime", time_of_filetime(on));
			if (info->DisconnectTime.QuadPart)
				line_time(b, "DisconnectTime", time_of_filetime(off));
		}
		w->free(info);
	}
	step_end(s);
	free(user);
}

static void terminal_sessions(struct step *s)
{
	static const wchar_t dll[] = L"wtsapi32.dll";
	PROC(enumerate, dll, WTSEnumerateSessionsW);
	const struct wts w = {windows_proc(dll, "WTSQuerySessionInformationW"),
			      windows_proc(dll, "WTSFreeMemory")};
	WTS_SESSION_INFOW *all = NULL;
	DWORD count = 0;

	if (!enumerate || !w.query || !w.free || !enumerate(NULL, 0, 1, &all, &count)) {
		step_failed(s, "terminal sessions: %s", windows_error(GetLastError()));
		return;
	}
	for (DWORD i = 0; i < count; i++)
		session_line(s, &w, &all[i]);
	w.free(all);
}

static void lsa_text(struct buffer *b, const char *name, const LSA_UNICODE_STRING *text)
{
	if (text->Buffer && text->Length)
		line_own(b, name, utf8_of_n(text->Buffer, text->Length / 2));
}

static void logon_line(struct step *s, const SECURITY_LOGON_SESSION_DATA *d)
{
	struct buffer *b = step_lines(s);
	FILETIME t = {(DWORD)d->LogonTime.u.LowPart, (DWORD)d->LogonTime.u.HighPart};
	wchar_t *sid = NULL;

	line_start(b, "logon");
	lsa_text(b, "TargetUserName", &d->UserName);
	lsa_text(b, "TargetDomainName", &d->LogonDomain);
	line_own(b, "TargetLogonId",
		 xasprintf("0x%llx", (unsigned long long)(uint32_t)d->LogonId.HighPart << 32 |
					     d->LogonId.LowPart));
	line_number(b, "LogonType", (int64_t)d->LogonType);
	lsa_text(b, "AuthenticationPackageName", &d->AuthenticationPackage);
	lsa_text(b, "LogonServer", &d->LogonServer);
	line_number(b, "SessionId", d->Session);
	if (d->Sid && ConvertSidToStringSidW(d->Sid, &sid)) {
		line_wide(b, "TargetUserSid", sid);
		(void)LocalFree(sid);
	}
	if (d->LogonTime.QuadPart)
		line_time(b, "LogonTime", time_of_filetime(t));
	step_end(s);
}

static void logon_sessions(struct step *s)
{
	static const wchar_t dll[] = L"secur32.dll";
	PROC(enumerate, dll, LsaEnumerateLogonSessions);
	PROC(get, dll, LsaGetLogonSessionData);
	PROC(release, dll, LsaFreeReturnBuffer);
	ULONG count = 0, denied = 0;
	LUID *ids = NULL;
	NTSTATUS status =
		enumerate && get && release ? enumerate(&count, &ids) : (NTSTATUS)0xc0000002;

	if (status < 0) {
		step_failed(s, "logon sessions: status 0x%08lx", (unsigned long)status);
		return;
	}
	for (ULONG i = 0; i < count; i++) {
		SECURITY_LOGON_SESSION_DATA *d = NULL;

		/* Those of others are an administrator's to see. */
		status = get(&ids[i], &d);
		denied += status < 0;
		if (status >= 0 && d) {
			if (d->UserName.Length)
				logon_line(s, d);
			(void)release(d);
		}
	}
	if (ids)
		(void)release(ids);
	if (denied)
		step_failed(s, "%lu of %lu logon sessions are not ours to see",
			    (unsigned long)denied, (unsigned long)count);
}

void windows_sessions(struct step *s)
{
	terminal_sessions(s);
	logon_sessions(s);
}

/* ---- accounts ---- */

static const wchar_t netapi[] = L"netapi32.dll";

static void group_members(struct buffer *b, const wchar_t *group)
{
	PROC(members, netapi, NetLocalGroupGetMembers);
	PROC(release, netapi, NetApiBufferFree);
	DWORD_PTR resume = 0;
	NET_API_STATUS status = ERROR_MORE_DATA;
	bool first = true;

	line_name(b, "Members");
	buffer_char(b, '[');
	while (members && release && status == ERROR_MORE_DATA) {
		LOCALGROUP_MEMBERS_INFO_0 *list = NULL;
		DWORD read = 0, total = 0;

		status = members(NULL, group, 0, (BYTE **)(void *)&list, MAX_PREFERRED_LENGTH,
				 &read, &total, &resume);
		for (DWORD i = 0; list && i < read; i++) {
			char *name = account_of_sid(list[i].lgrmi0_sid);

			if (!name)
				continue;
			if (!first)
				buffer_char(b, ',');
			first = false;
			text_json_quoted(b, view_text(name));
			free(name);
		}
		if (list)
			(void)release(list);
		if (read == 0)
			break;
	}
	buffer_char(b, ']');
}

static void group_lines(struct step *s)
{
	PROC(enumerate, netapi, NetLocalGroupEnum);
	PROC(release, netapi, NetApiBufferFree);
	DWORD_PTR resume = 0;
	NET_API_STATUS status = ERROR_MORE_DATA;
	struct buffer *b = step_lines(s);

	while (enumerate && release && status == ERROR_MORE_DATA && !step_over(s)) {
		LOCALGROUP_INFO_1 *list = NULL;
		DWORD read = 0, total = 0;

		status = enumerate(NULL, 1, (BYTE **)(void *)&list, MAX_PREFERRED_LENGTH, &read,
				   &total, &resume);
		if (status != NERR_Success && status != ERROR_MORE_DATA)
			step_failed(s, "groups: %s", windows_error(status));
		for (DWORD i = 0; list && i < read; i++) {
			line_start(b, "group");
			line_wide(b, "TargetGroupName", list[i].lgrpi1_name);
			line_wide(b, "Comment", list[i].lgrpi1_comment);
			group_members(b, list[i].lgrpi1_name);
			step_end(s);
		}
		if (list)
			(void)release(list);
		if (read == 0)
			break;
	}
}

static void account_line(struct step *s, const USER_INFO_3 *u)
{
	static const struct {
		DWORD bit;
		const char *name;
	} flags[] = {{UF_ACCOUNTDISABLE, "disabled"},
		     {UF_LOCKOUT, "locked"},
		     {UF_PASSWD_NOTREQD, "no-password-required"},
		     {UF_DONT_EXPIRE_PASSWD, "password-never-expires"},
		     {UF_PASSWD_CANT_CHANGE, "password-cannot-change"}};
	struct buffer *b = step_lines(s);
	bool first = true;
	BYTE room[SECURITY_MAX_SID_SIZE];
	wchar_t domain[300], *sid = NULL;
	DWORD size = sizeof(room), units = 300;
	SID_NAME_USE use;

	line_start(b, "account");
	line_wide(b, "TargetUserName", u->usri3_name);
	line_number(b, "UserId", u->usri3_user_id);
	if (LookupAccountNameW(NULL, u->usri3_name, room, &size, domain, &units, &use) &&
	    ConvertSidToStringSidW(room, &sid)) {
		line_wide(b, "TargetSid", sid);
		(void)LocalFree(sid);
	}
	line_wide(b, "FullName", u->usri3_full_name);
	line_wide(b, "Comment", u->usri3_comment);
	line_wide(b, "Home", u->usri3_home_dir);
	line_wide(b, "ScriptPath", u->usri3_script_path);
	line_number(b, "PasswordAge", u->usri3_password_age);
	if (u->usri3_last_logon)
		line_time(b, "LastLogonTime", time_from_unix(u->usri3_last_logon));
	line_number(b, "LogonCount", u->usri3_num_logons);
	line_number(b, "BadPasswordCount", u->usri3_bad_pw_count);
	line_bool(b, "Administrator", u->usri3_priv == USER_PRIV_ADMIN);
	line_name(b, "Flags");
	buffer_char(b, '[');
	for (size_t i = 0; i < sizeof(flags) / sizeof(flags[0]); i++)
		if (u->usri3_flags & flags[i].bit) {
			buffer_printf(b, first ? "\"%s\"" : ",\"%s\"", flags[i].name);
			first = false;
		}
	buffer_char(b, ']');
	step_end(s);
}

void windows_accounts(struct step *s)
{
	PROC(enumerate, netapi, NetUserEnum);
	PROC(release, netapi, NetApiBufferFree);
	DWORD resume = 0;
	NET_API_STATUS status = ERROR_MORE_DATA;

	while (enumerate && release && status == ERROR_MORE_DATA && !step_over(s)) {
		USER_INFO_3 *list = NULL;
		DWORD read = 0, total = 0;

		status = enumerate(NULL, 3, FILTER_NORMAL_ACCOUNT, (BYTE **)(void *)&list,
				   MAX_PREFERRED_LENGTH, &read, &total, &resume);
		if (status != NERR_Success && status != ERROR_MORE_DATA)
			step_failed(s, "accounts: %s", windows_error(status));
		for (DWORD i = 0; list && i < read; i++)
			account_line(s, &list[i]);
		if (list)
			(void)release(list);
		if (read == 0)
			break;
	}
	group_lines(s);
}

/* ---- programs ---- */

static void program_line(struct step *s, HKEY key, const char *object, const char *user,
			 int64_t written)
{
	static const struct {
		const wchar_t *value;
		const char *name;
	} fields[] = {{L"DisplayVersion", "Version"},	   {L"Publisher", "Publisher"},
		      {L"InstallDate", "InstallDate"},	   {L"InstallLocation", "InstallLocation"},
		      {L"InstallSource", "InstallSource"}, {L"UninstallString", "UninstallString"}};
	char *name = registry_text(key, L"DisplayName");
	struct buffer *b = step_lines(s);

	if (name && *name) {
		line_start(b, "package");
		line_text(b, "Name", name);
		for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++)
			line_own(b, fields[i].name, registry_text(key, fields[i].value));
		line_text(b, "TargetObject", object);
		line_some(b, "User", user);
		line_time(b, "mtime", written);
		step_end(s);
	}
	free(name);
}

static void programs_of(struct step *s, HKEY root, const char *root_name, const char *path,
			const char *user)
{
	wchar_t *wide = wide_of(path), name[300];
	HKEY list, key;

	if (RegOpenKeyExW(root, wide, 0, KEY_READ | KEY_WOW64_64KEY, &list) == ERROR_SUCCESS) {
		for (DWORD i = 0, n = 300;
		     RegEnumKeyExW(list, i, name, &n, NULL, NULL, NULL, NULL) == ERROR_SUCCESS;
		     i++, n = 300) {
			char *own = utf8_of(name),
			     *object = xasprintf("%s\\%s\\%s", root_name, path, own);
			FILETIME t = {0, 0};

			if (RegOpenKeyExW(list, name, 0, KEY_READ | KEY_WOW64_64KEY, &key) ==
			    ERROR_SUCCESS) {
				(void)RegQueryInfoKeyW(key, NULL, NULL, NULL, NULL, NULL, NULL,
						       NULL, NULL, NULL, NULL, &t);
				program_line(s, key, object, user, time_of_filetime(t));
				(void)RegCloseKey(key);
			}
			free(object);
			free(own);
		}
		(void)RegCloseKey(list);
	}
	free(wide);
}

/* The loaded hives of users: calls fn with each key and its SID. */
static void each_user(struct step *s, void (*fn)(struct step *s, HKEY hive, const char *sid))
{
	wchar_t sid[300];
	HKEY hive;

	for (DWORD i = 0, n = 300;
	     RegEnumKeyExW(HKEY_USERS, i, sid, &n, NULL, NULL, NULL, NULL) == ERROR_SUCCESS;
	     i++, n = 300) {
		char *text = utf8_of(sid);

		if (!strstr(text, "_Classes") &&
		    RegOpenKeyExW(HKEY_USERS, sid, 0, KEY_READ, &hive) == ERROR_SUCCESS) {
			fn(s, hive, text);
			(void)RegCloseKey(hive);
		}
		free(text);
	}
}

#define UNINSTALL "Microsoft\\Windows\\CurrentVersion\\Uninstall"
static void user_programs(struct step *s, HKEY hive, const char *sid)
{
	char *user = windows_hive_user(sid), *root = xasprintf("HKU\\%s", user);

	programs_of(s, hive, root, "Software\\" UNINSTALL, user);
	programs_of(s, hive, root, "Software\\Wow6432Node\\" UNINSTALL, user);
	free(root);
	free(user);
}

void windows_software(struct step *s)
{
	programs_of(s, HKEY_LOCAL_MACHINE, "HKLM", "SOFTWARE\\" UNINSTALL, NULL);
	programs_of(s, HKEY_LOCAL_MACHINE, "HKLM", "SOFTWARE\\Wow6432Node\\" UNINSTALL, NULL);
	each_user(s, user_programs);
}

/* ---- firewall ---- */

#define FIREWALL "SYSTEM\\CurrentControlSet\\Services\\SharedAccess\\Parameters\\FirewallPolicy"

/* "v2.31|Action=Allow|Active=TRUE|Dir=In|App=C:\x.exe|...|" ([MS-FASP] 2.2.37's text form). */
static void rule_line(struct step *s, const char *object, const char *name, const char *text)
{
	struct view rest = view_text(text), part;
	struct buffer *b = step_lines(s);
	struct buffer ports = {0}, addresses = {0};

	line_start(b, "firewall_rule");
	line_text(b, "RuleId", name);
	line_text(b, "TargetObject", object);
	while (view_token(&rest, '|', &part)) {
		static const struct {
			const char *key, *name;
		} keys[] = {{"Action=", "Action"},	 {"Dir=", "Direction"},
			    {"Name=", "RuleName"},	 {"App=", "ApplicationPath"},
			    {"Svc=", "ServiceName"},	 {"Protocol=", "Protocol"},
			    {"Profile=", "Profiles"},	 {"Desc=", "Description"},
			    {"EmbedCtxt=", "Group"},	 {"RPort=", "RemotePorts"},
			    {"LUOwn=", "LocalUserOwner"}};

		if (view_starts(part, "Active=", 7))
			line_bool(b, "Enabled", view_is(view_from(part, 7), "TRUE"));
		if (view_starts(part, "LPort=", 6) || view_starts(part, "LPort2_10=", 10)) {
			buffer_string(&ports, ports.len ? "," : "");
			buffer_view(&ports, view_from(part, view_find(part, 0, "=", 1) + 1));
		}
		if (view_starts(part, "RA4=", 4) || view_starts(part, "RA6=", 4)) {
			buffer_string(&addresses, addresses.len ? "," : "");
			buffer_view(&addresses, view_from(part, 4));
		}
		for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
			size_t n = strlen(keys[i].key);

			/* The same key twice (Profile) would be one name twice in an object. */
			if (view_starts(part, keys[i].key, n)) {
				char *field = xasprintf(",\"%s\":", keys[i].name);

				if (!strstr(buffer_text(b), field))
					line_view(b, keys[i].name, view_from(part, n));
				free(field);
			}
		}
	}
	line_some(b, "LocalPorts", buffer_text(&ports));
	line_some(b, "RemoteAddresses", buffer_text(&addresses));
	buffer_release(&ports);
	buffer_release(&addresses);
	step_end(s);
}

static void firewall_rules(struct step *s, const char *path)
{
	wchar_t *wide = wide_of(path), *name = xcalloc(16384, sizeof(*name));
	HKEY key;

	if (RegOpenKeyExW(HKEY_LOCAL_MACHINE, wide, 0, KEY_READ | KEY_WOW64_64KEY, &key) ==
	    ERROR_SUCCESS) {
		for (DWORD i = 0, n = 16384;
		     !step_over(s) &&
		     RegEnumValueW(key, i, name, &n, NULL, NULL, NULL, NULL) == ERROR_SUCCESS;
		     i++, n = 16384) {
			char *text = registry_text(key, name), *own = utf8_of(name),
			     *object = xasprintf("HKLM\\%s\\%s", path, own);

			if (text)
				rule_line(s, object, own, text);
			free(object);
			free(own);
			free(text);
		}
		(void)RegCloseKey(key);
	}
	free(name);
	free(wide);
}

static void firewall_profile(struct step *s, const char *root, const char *name)
{
	char *path = xasprintf("%s\\%sProfile", root, name);
	wchar_t *wide = wide_of(path);
	HKEY key;
	struct buffer *b = step_lines(s);

	if (RegOpenKeyExW(HKEY_LOCAL_MACHINE, wide, 0, KEY_READ | KEY_WOW64_64KEY, &key) ==
	    ERROR_SUCCESS) {
		char *on = registry_text(key, L"EnableFirewall"),
		     *in = registry_text(key, L"DefaultInboundAction");

		if (on) {
			line_start(b, "firewall_profile");
			line_text(b, "Profile", name);
			line_bool(b, "Enabled", strcmp(on, "0") != 0);
			if (in)
				line_text(b, "DefaultInbound",
					  strcmp(in, "0") == 0 ? "Allow" : "Block");
			line_own(b, "TargetObject", xasprintf("HKLM\\%s\\EnableFirewall", path));
			step_end(s);
		}
		free(on);
		free(in);
		(void)RegCloseKey(key);
	}
	free(wide);
	free(path);
}

void windows_firewall(struct step *s)
{
	static const char *const roots[] = {FIREWALL,
					    "SOFTWARE\\Policies\\Microsoft\\WindowsFirewall"};
	static const char *const kinds[] = {"Domain", "Standard", "Private", "Public"};

	for (size_t i = 0; i < 2; i++)
		for (size_t j = 0; j < 4; j++)
			firewall_profile(s, roots[i], kinds[j]);
	firewall_rules(s, FIREWALL "\\FirewallRules");
	firewall_rules(s, FIREWALL "\\RestrictedServices\\AppIso\\FirewallRules");
	firewall_rules(s, FIREWALL "\\RestrictedServices\\Static\\System");
	firewall_rules(s, FIREWALL "\\RestrictedServices\\Configurable\\System");
	firewall_rules(s, "SOFTWARE\\Policies\\Microsoft\\WindowsFirewall\\FirewallRules");
}

/* ---- settings that matter to who is attacked ---- */

#define PS  "Microsoft\\Windows\\PowerShell"
#define DEF "Microsoft\\Windows Defender"
#define SET "SYSTEM\\CurrentControlSet\\"
#define POL "SOFTWARE\\Microsoft\\Windows\\CurrentVersion\\Policies\\System"
static const struct setting {
	const char *path, *value; /* NULL: every value */
} settings[] = {
	{"SOFTWARE\\Microsoft\\PowerShell\\1\\ShellIds\\Microsoft.PowerShell", "ExecutionPolicy"},
	{"SOFTWARE\\Policies\\" PS, "ExecutionPolicy"},
	{"SOFTWARE\\Policies\\" PS, "EnableScripts"},
	{"SOFTWARE\\Policies\\" PS "\\ScriptBlockLogging", NULL},
	{"SOFTWARE\\Policies\\" PS "\\ModuleLogging", NULL},
	{"SOFTWARE\\Policies\\" PS "\\Transcription", NULL},
	{"SOFTWARE\\Policies\\Microsoft\\PowerShellCore\\ScriptBlockLogging", NULL},
	{"SOFTWARE\\Policies\\Microsoft\\PowerShellCore\\Transcription", NULL},
	{POL, "EnableLUA"},
	{POL, "ConsentPromptBehaviorAdmin"},
	{POL, "LocalAccountTokenFilterPolicy"},
	{POL, "FilterAdministratorToken"},
	{POL "\\Audit", "ProcessCreationIncludeCmdLine_Enabled"},
	{SET "Control\\Lsa", "RunAsPPL"},
	{SET "Control\\Lsa", "LmCompatibilityLevel"},
	{SET "Control\\Lsa", "RestrictAnonymous"},
	{SET "Control\\Lsa", "DisableRestrictedAdmin"},
	{SET "Control\\Lsa", "SCENoApplyLegacyAuditPolicy"},
	{SET "Control\\SecurityProviders\\WDigest", "UseLogonCredential"},
	{SET "Control\\Terminal Server", "fDenyTSConnections"},
	{SET "Control\\Terminal Server\\WinStations\\RDP-Tcp", "PortNumber"},
	{SET "Control\\Terminal Server\\WinStations\\RDP-Tcp", "UserAuthentication"},
	{SET "Control\\DeviceGuard", "EnableVirtualizationBasedSecurity"},
	{SET "Control\\CI\\Config", "VulnerableDriverBlocklistEnable"},
	{SET "Services\\LanmanServer\\Parameters", "SMB1"},
	{SET "Services\\LanmanServer\\Parameters", "NullSessionShares"},
	{SET "Control\\FileSystem", "NtfsDisableLastAccessUpdate"},
	{SET "Control\\Session Manager\\Memory Management\\PrefetchParameters", "EnablePrefetcher"},
	{SET "Services\\EventLog\\Security", "MaxSize"},
	{SET "Services\\EventLog\\Security", "Retention"},
	{"SOFTWARE\\" DEF, "DisableAntiSpyware"},
	{"SOFTWARE\\" DEF "\\Real-Time Protection", "DisableRealtimeMonitoring"},
	{"SOFTWARE\\" DEF "\\Features", "TamperProtection"},
	{"SOFTWARE\\" DEF "\\Exclusions\\Paths", NULL},
	{"SOFTWARE\\" DEF "\\Exclusions\\Processes", NULL},
	{"SOFTWARE\\" DEF "\\Exclusions\\Extensions", NULL},
	{"SOFTWARE\\Policies\\" DEF, NULL},
	{"SOFTWARE\\Policies\\" DEF "\\Real-Time Protection", NULL},
	{"SOFTWARE\\Policies\\" DEF "\\Exclusions\\Paths", NULL},
	{"SOFTWARE\\Policies\\Microsoft\\Windows\\WindowsUpdate", NULL},
	{"SOFTWARE\\Policies\\Microsoft\\Windows\\EventLog\\EventForwarding\\SubscriptionManager",
	 NULL},
	{"SOFTWARE\\Microsoft\\Windows\\CurrentVersion\\WINEVT\\Channels\\Microsoft-Windows-Sysmon/"
	 "Operational",
	 "Enabled"},
	{"SOFTWARE\\Microsoft\\Windows Script Host\\Settings", "Enabled"},
	{"SOFTWARE\\Policies\\Microsoft\\Windows\\Installer", "AlwaysInstallElevated"},
	{SET "Control\\Session Manager\\Environment", NULL},
};

static void setting_line(struct step *s, HKEY key, const char *object, const char *type,
			 const wchar_t *value)
{
	char *text = registry_text(key, value), *name = utf8_of(value);
	struct buffer *b = step_lines(s);
	FILETIME t = {0, 0};

	if (text) {
		(void)RegQueryInfoKeyW(key, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL,
				       NULL, &t);
		line_start(b, type);
		line_text(b, "Name", *name ? name : "(Default)");
		line_own(b, "TargetObject",
			 xasprintf("%s\\%s", object, *name ? name : "(Default)"));
		line_text(b, "Details", text);
		line_time(b, "mtime", time_of_filetime(t));
		step_end(s);
	}
	free(name);
	free(text);
}

static void all_values(struct step *s, HKEY key, const char *object, const char *type)
{
	wchar_t *name = xcalloc(16384, sizeof(*name));

	for (DWORD i = 0, n = 16384; !step_over(s) && RegEnumValueW(key, i, name, &n, NULL, NULL,
								    NULL, NULL) == ERROR_SUCCESS;
	     i++, n = 16384)
		setting_line(s, key, object, type, name);
	free(name);
}

static void user_environment(struct step *s, HKEY hive, const char *sid)
{
	char *user = windows_hive_user(sid), *object = xasprintf("HKU\\%s\\Environment", user);
	HKEY key;

	if (RegOpenKeyExW(hive, L"Environment", 0, KEY_READ, &key) == ERROR_SUCCESS) {
		all_values(s, key, object, "environment");
		(void)RegCloseKey(key);
	}
	free(object);
	free(user);
}

static char *guid_text(const GUID *g)
{
	return xasprintf("{%08lX-%04X-%04X-%02X%02X-%02X%02X%02X%02X%02X%02X}", g->Data1, g->Data2,
			 g->Data3, g->Data4[0], g->Data4[1], g->Data4[2], g->Data4[3], g->Data4[4],
			 g->Data4[5], g->Data4[6], g->Data4[7]);
}

/* What is audited. Only who may manage the audit log may ask (SeSecurityPrivilege). */
static void audit_lines(struct step *s)
{
	static const wchar_t dll[] = L"advapi32.dll";
	static const char *const states[] = {"none", "success", "failure", "success and failure"};
	PROC(categories, dll, AuditEnumerateCategories);
	PROC(subcategories, dll, AuditEnumerateSubCategories);
	PROC(category_name, dll, AuditLookupCategoryNameW);
	PROC(subcategory_name, dll, AuditLookupSubCategoryNameW);
	PROC(query, dll, AuditQuerySystemPolicy);
	PROC(release, dll, AuditFree);
	GUID *all = NULL;
	ULONG count = 0;
	struct buffer *b = step_lines(s);

	(void)enable_privilege(L"SeSecurityPrivilege");
	if (!categories || !subcategories || !category_name || !subcategory_name || !query ||
	    !release || !categories(&all, &count)) {
		step_failed(s, "audit policy: %s", windows_error(GetLastError()));
		return;
	}
	for (ULONG i = 0; i < count; i++) {
		GUID *below = NULL;
		ULONG n = 0;
		AUDIT_POLICY_INFORMATION *policy = NULL;
		wchar_t *category = NULL, *name = NULL;

		if (!subcategories(&all[i], FALSE, &below, &n) || n == 0)
			continue;
		(void)category_name(&all[i], &category);
		if (!query(below, n, &policy)) {
			step_failed(s, "audit policy: %s", windows_error(GetLastError()));
			count = 0; /* the next would say the same */
		}
		for (ULONG j = 0; policy && j < n; j++) {
			line_start(b, "audit_policy");
			line_wide(b, "Category", category);
			if (subcategory_name(&policy[j].AuditSubCategoryGuid, &name)) {
				line_wide(b, "Subcategory", name);
				release(name);
			}
			line_own(b, "SubcategoryGuid", guid_text(&policy[j].AuditSubCategoryGuid));
			line_text(b, "Setting", states[policy[j].AuditingInformation & 3]);
			step_end(s);
		}
		if (policy)
			release(policy);
		if (category)
			release(category);
		release(below);
	}
	release(all);
}

void windows_settings(struct step *s)
{
	for (size_t i = 0; i < sizeof(settings) / sizeof(settings[0]); i++) {
		const struct setting *at = &settings[i];
		wchar_t *path = wide_of(at->path), *value = at->value ? wide_of(at->value) : NULL;
		char *object = xasprintf("HKLM\\%s", at->path);
		const char *type = strstr(at->path, "\\Environment") ? "environment" : "setting";
		HKEY key;

		if (RegOpenKeyExW(HKEY_LOCAL_MACHINE, path, 0, KEY_READ | KEY_WOW64_64KEY, &key) ==
		    ERROR_SUCCESS) {
			if (value)
				setting_line(s, key, object, type, value);
			else
				all_values(s, key, object, type);
			(void)RegCloseKey(key);
		}
		free(object);
		free(value);
		free(path);
	}
	each_user(s, user_environment);
	audit_lines(s);
}

/* ---- the kernel's modules ---- */

/* What is in the kernel now, whoever says he is a service. */
void windows_kernel_modules(struct step *s)
{
	DWORD size = 0, room = 4096 * sizeof(void *);
	void **bases = NULL;
	wchar_t name[1024];
	struct buffer *b = step_lines(s);

	for (int tries = 0; tries < 3; tries++) {
		free(bases);
		bases = xcalloc(1, room);
		if (!EnumDeviceDrivers(bases, room, &size)) {
			step_failed(s, "kernel modules: %s", windows_error(GetLastError()));
			size = 0;
		}
		if (size <= room)
			break;
		room = size + 1024;
	}
	if (size > room)
		size = room;
	for (DWORD i = 0; i < size / sizeof(bases[0]) && !step_over(s); i++) {
		char *path, *image;

		line_start(b, "module");
		if (GetDeviceDriverBaseNameW(bases[i], name, 1024))
			line_wide(b, "Name", name);
		/* Only who may debug is told addresses: without, all are zero, and so is the name. */
		if (bases[i])
			line_own(b, "Address",
				 xasprintf("0x%llx", (unsigned long long)(uintptr_t)bases[i]));
		if (GetDeviceDriverFileNameW(bases[i], name, 1024)) {
			path = utf8_of(name);
			image = windows_image(path);
			line_some(b, "ImageLoaded", image ? image : path);
			if (image)
				windows_image_fields(b, image);
			free(image);
			free(path);
		}
		step_end(s);
	}
	free(bases);
}
