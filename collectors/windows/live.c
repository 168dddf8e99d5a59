/* The running Windows: system, processes, sockets, services and drivers, network, sessions. Schema:
 * collectors/live.h. */
#include "collectors/windows/windows.h"

#include <ws2tcpip.h>
#include <iphlpapi.h>
#include <psapi.h>
#include <sddl.h>
#include <stdio.h>
#include <stdlib.h>
#include <tlhelp32.h>
#include <winternl.h>
#include <wtsapi32.h>

#include "collectors/lines.h"

static void own_text(struct buffer *b, const char *name, char *text)
{
	line_some(b, name, text);
	free(text);
}

static void own_wide(struct buffer *b, const char *name, const wchar_t *wide)
{
	if (wide)
		own_text(b, name, utf8_of(wide));
}

/* ---- hashes of files ---- */

struct known_hash {
	char *path, *text;
};
static struct known_hash *hashes;
static size_t hash_count, hash_cap;

#define HASH_LIMIT (512ull << 20) /* larger files are not hashed */

static char *hash_file(const char *path)
{
	wchar_t *wide = wide_path(path);
	HANDLE h = CreateFileW(
		wide, GENERIC_READ, FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE, NULL,
		OPEN_EXISTING,
		FILE_FLAG_BACKUP_SEMANTICS | FILE_FLAG_SEQUENTIAL_SCAN | FILE_FLAG_OPEN_NO_RECALL,
		NULL);
	static uint8_t bytes[1 << 18];
	struct sha256 state;
	uint8_t digest[SHA256_SIZE];
	char hex[2 * SHA256_SIZE + 1];
	uint64_t total = 0;
	DWORD got = 0;
	bool ok = h != INVALID_HANDLE_VALUE && GetFileType(h) == FILE_TYPE_DISK;

	free(wide);
	sha256_init(&state);
	while (ok && (ok = ReadFile(h, bytes, sizeof(bytes), &got, NULL)) && got) {
		sha256_update(&state, bytes, got);
		total += got;
		ok = total <= HASH_LIMIT;
	}
	if (h != INVALID_HANDLE_VALUE)
		(void)CloseHandle(h);
	if (!ok)
		return xstrdup("");
	sha256_final(&state, digest);
	sha256_hex(digest, hex);
	return xasprintf("SHA256=%s", hex);
}

const char *windows_hash(const char *path)
{
	/* Only a drive's paths: a path of the network could be an enemy's. */
	if (!path || !path[0] || path[1] != ':')
		return "";
	for (size_t i = 0; i < hash_count; i++)
		if (_stricmp(hashes[i].path, path) == 0)
			return hashes[i].text;
	hashes = xgrow(hashes, &hash_cap, hash_count + 1, sizeof(*hashes));
	hashes[hash_count].path = xstrdup(path);
	hashes[hash_count].text = hash_file(path);
	return hashes[hash_count++].text;
}

/* ---- the system ---- */

static const wchar_t current_version[] = L"SOFTWARE\\Microsoft\\Windows NT\\CurrentVersion";

static const char *architecture(void)
{
	SYSTEM_INFO s;

	GetNativeSystemInfo(&s);
	return s.wProcessorArchitecture == PROCESSOR_ARCHITECTURE_AMD64	  ? "x86_64"
	       : s.wProcessorArchitecture == PROCESSOR_ARCHITECTURE_ARM64 ? "aarch64"
									  : "other";
}

static void system_lines(struct windows_collector *c)
{
	struct buffer b = {0};
	RTL_OSVERSIONINFOW v = {.dwOSVersionInfoSize = sizeof(v)};
	/* It tells the truth where GetVersionEx tells what a manifest asked for. */
	LONG(WINAPI * version)
	(RTL_OSVERSIONINFOW *) = (LONG(WINAPI *)(RTL_OSVERSIONINFOW *))(void *)GetProcAddress(
		GetModuleHandleW(L"ntdll.dll"), "RtlGetVersion");
	TIME_ZONE_INFORMATION zone;
	wchar_t domain[300];
	DWORD n = 300;
	uint64_t up = GetTickCount64();
	char *installed;

	line_start(&b, "system");
	own_text(&b, "Hostname", windows_host());
	if (GetComputerNameExW(ComputerNameDnsDomain, domain, &n) && *domain)
		own_wide(&b, "Domain", domain);
	own_text(&b, "OperatingSystem",
		 registry_read(HKEY_LOCAL_MACHINE, current_version, L"ProductName"));
	if (version && version(&v) == 0) {
		char *ubr = registry_read(HKEY_LOCAL_MACHINE, current_version, L"UBR");

		own_text(&b, "Kernel",
			 xasprintf("%lu.%lu.%lu%s%s", v.dwMajorVersion, v.dwMinorVersion,
				   v.dwBuildNumber, ubr ? "." : "", ubr ? ubr : ""));
		free(ubr);
	}
	own_text(&b, "Version",
		 registry_read(HKEY_LOCAL_MACHINE, current_version, L"DisplayVersion"));
	line_text(&b, "Architecture", architecture());
	own_text(&b, "MachineId",
		 registry_read(HKEY_LOCAL_MACHINE, L"SOFTWARE\\Microsoft\\Cryptography",
			       L"MachineGuid"));
	line_time(&b, "BootTime", c->r->start - (int64_t)up * 1000000);
	line_time(&b, "CollectionTime", c->r->start);
	line_number(&b, "Uptime", (int64_t)(up / 1000));
	installed = registry_read(HKEY_LOCAL_MACHINE, current_version, L"InstallDate");
	if (installed)
		line_time(&b, "InstallTime", time_from_unix(strtoll(installed, NULL, 10)));
	free(installed);
	own_text(&b, "RegisteredOwner",
		 registry_read(HKEY_LOCAL_MACHINE, current_version, L"RegisteredOwner"));
	if (GetTimeZoneInformation(&zone) != TIME_ZONE_ID_INVALID) {
		own_wide(&b, "TimeZone", zone.StandardName);
		line_number(&b, "TimeZoneBias", zone.Bias);
	}
	line_bool(&b, "Elevated", c->r->elevated);
	line_end(&b);
	windows_member(c, "live/system.jsonl", "system", &b);
	buffer_release(&b);
}

/* ---- processes ---- */

struct process {
	DWORD id, parent;
	int64_t start;
	char *name, *image, *command, *directory, *user;
	const char *integrity;
	DWORD session, threads;
	bool has_session;
	char *error;
};
static struct process *processes;
static size_t process_count, process_cap;

static const struct process *process_of(DWORD id)
{
	for (size_t i = 0; i < process_count; i++)
		if (processes[i].id == id)
			return &processes[i];
	return NULL;
}

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

static void from_peb(HANDLE h, struct process *p)
{
	static LONG(NTAPI * query)(HANDLE, int, void *, ULONG, ULONG *);
	PROCESS_BASIC_INFORMATION basic;
	PEB peb;
	RTL_USER_PROCESS_PARAMETERS parameters;
	UNICODE_STRING directory;
	SIZE_T got;

	if (!query)
		query = (LONG(NTAPI *)(HANDLE, int, void *, ULONG, ULONG *))(void *)GetProcAddress(
			GetModuleHandleW(L"ntdll.dll"), "NtQueryInformationProcess");
	if (!query || query(h, ProcessBasicInformation, &basic, sizeof(basic), NULL) != 0 ||
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

static const char *integrity_of(HANDLE token)
{
	union {
		TOKEN_MANDATORY_LABEL label;
		BYTE room[256];
	} u;
	DWORD n, level;

	if (!GetTokenInformation(token, TokenIntegrityLevel, &u, sizeof(u), &n) ||
	    !IsValidSid(u.label.Label.Sid))
		return NULL;
	level = *GetSidSubAuthority(u.label.Label.Sid,
				    (DWORD)(*GetSidSubAuthorityCount(u.label.Label.Sid) - 1));
	return level >= 0x4000	 ? "System"
	       : level >= 0x3000 ? "High"
	       : level >= 0x2000 ? "Medium"
	       : level >= 0x1000 ? "Low"
				 : "Untrusted";
}

static void from_token(HANDLE h, struct process *p)
{
	union {
		TOKEN_USER user;
		BYTE room[256];
	} u;
	HANDLE token;
	DWORD n;

	if (!OpenProcessToken(h, TOKEN_QUERY, &token))
		return;
	if (GetTokenInformation(token, TokenUser, &u, sizeof(u), &n))
		p->user = account_of_sid(u.user.User.Sid);
	p->integrity = integrity_of(token);
	(void)CloseHandle(token);
}

static void from_handle(struct process *p)
{
	HANDLE h = OpenProcess(PROCESS_QUERY_INFORMATION | PROCESS_VM_READ, FALSE, p->id);
	bool limited = !h;
	static wchar_t image[32768];
	DWORD n = 32768;
	FILETIME created, ended, kernel, user;

	if (!h)
		h = OpenProcess(PROCESS_QUERY_LIMITED_INFORMATION, FALSE, p->id);
	if (!h) {
		if (p->id > 4) /* the idle process and the kernel have nothing to tell */
			p->error = xstrdup(windows_error(GetLastError()));
		return;
	}
	if (QueryFullProcessImageNameW(h, 0, image, &n))
		p->image = utf8_of_n(image, n);
	if (GetProcessTimes(h, &created, &ended, &kernel, &user))
		p->start = time_of_filetime(created);
	from_token(h, p);
	if (!limited)
		from_peb(h, p);
	else
		p->error = xstrdup("protected: no command line");
	(void)CloseHandle(h);
}

static void load_processes(void)
{
	HANDLE all = CreateToolhelp32Snapshot(TH32CS_SNAPPROCESS, 0);
	PROCESSENTRY32W e = {.dwSize = sizeof(e)};

	if (all == INVALID_HANDLE_VALUE)
		return;
	if (Process32FirstW(all, &e))
		do {
			struct process p = {.id = e.th32ProcessID,
					    .parent = e.th32ParentProcessID,
					    .start = TIME_NONE,
					    .threads = e.cntThreads};

			p.name = utf8_of(e.szExeFile);
			p.has_session = ProcessIdToSessionId(p.id, &p.session);
			from_handle(&p);
			processes = xgrow(processes, &process_cap, process_count + 1,
					  sizeof(*processes));
			processes[process_count++] = p;
		} while (Process32NextW(all, &e));
	(void)CloseHandle(all);
}

static void process_lines(struct windows_collector *c)
{
	struct buffer b = {0};

	for (size_t i = 0; i < process_count; i++) {
		const struct process *p = &processes[i],
				     *parent = p->parent ? process_of(p->parent) : NULL;

		/* An id is used again: who began later is no parent. */
		if (parent && parent->start != TIME_NONE && p->start != TIME_NONE &&
		    parent->start > p->start)
			parent = NULL;
		line_start(&b, "process");
		line_number(&b, "ProcessId", p->id);
		line_number(&b, "ParentProcessId", p->parent);
		line_text(&b, "Name", p->name);
		line_some(&b, "Image", p->image);
		line_some(&b, "CommandLine", p->command);
		line_some(&b, "CurrentDirectory", p->directory);
		line_some(&b, "User", p->user);
		line_text(&b, "IntegrityLevel", p->integrity);
		if (p->has_session)
			line_number(&b, "SessionId", p->session);
		line_time(&b, "StartTime", p->start);
		line_number(&b, "Threads", p->threads);
		if (p->image)
			line_some(&b, "Hashes", windows_hash(p->image));
		if (p->image && p->image[1] == ':') {
			wchar_t *wide = wide_path(p->image);

			if (GetFileAttributesW(wide) == INVALID_FILE_ATTRIBUTES &&
			    GetLastError() == ERROR_FILE_NOT_FOUND)
				line_bool(&b, "Deleted", true);
			free(wide);
		}
		if (parent) {
			line_some(&b, "ParentImage", parent->image);
			line_some(&b, "ParentCommandLine", parent->command);
			line_some(&b, "ParentUser", parent->user);
		}
		line_some(&b, "Error", p->error);
		line_end(&b);
	}
	c->r->processes = process_count;
	windows_member(c, "live/processes.jsonl", "processes", &b);
	buffer_release(&b);
}

/* ---- sockets ---- */

static void owner(struct buffer *b, DWORD id)
{
	const struct process *p = process_of(id);

	line_number(b, "ProcessId", id);
	if (!p)
		return;
	line_some(b, "Image", p->image ? p->image : p->name);
	line_some(b, "CommandLine", p->command);
	line_some(b, "User", p->user);
}

static void address(struct buffer *b, const char *name, int family, const void *raw)
{
	wchar_t text[INET6_ADDRSTRLEN];

	if (InetNtopW(family, raw, text, INET6_ADDRSTRLEN))
		own_wide(b, name, text);
}

static uint16_t port_of(DWORD network)
{
	return (uint16_t)((network & 0xff) << 8 | (network >> 8 & 0xff));
}

static const char *tcp_state(DWORD state)
{
	static const char *const names[] = {"",		  "CLOSE",	 "LISTEN",    "SYN_SENT",
					    "SYN_RECV",	  "ESTABLISHED", "FIN_WAIT1", "FIN_WAIT2",
					    "CLOSE_WAIT", "CLOSING",	 "LAST_ACK",  "TIME_WAIT",
					    "DELETE_TCB"};

	return state < sizeof(names) / sizeof(names[0]) ? names[state] : "";
}

/* The whole table of a kind; the caller's. It may grow between the two calls. */
static void *socket_table(bool tcp, int family)
{
	DWORD size = 1 << 16, status = ERROR_INSUFFICIENT_BUFFER;
	void *table = NULL;

	for (int tries = 0; tries < 6 && status == ERROR_INSUFFICIENT_BUFFER; tries++) {
		free(table);
		size += 1 << 14;
		table = xcalloc(size, 1);
		status = tcp ? GetExtendedTcpTable(table, &size, FALSE, (ULONG)family,
						   TCP_TABLE_OWNER_PID_ALL, 0)
			     : GetExtendedUdpTable(table, &size, FALSE, (ULONG)family,
						   UDP_TABLE_OWNER_PID, 0);
	}
	if (status == NO_ERROR)
		return table;
	free(table);
	return NULL;
}

static void tcp_line(struct buffer *b, int family, const void *local, DWORD local_port,
		     const void *remote, DWORD remote_port, DWORD state, DWORD id)
{
	bool listening = state == MIB_TCP_STATE_LISTEN;

	line_start(b, "socket");
	line_text(b, "Protocol", "tcp");
	line_number(b, "IpVersion", family == AF_INET ? 4 : 6);
	address(b, "SourceIp", family, local);
	line_number(b, "SourcePort", port_of(local_port));
	if (!listening) {
		address(b, "DestinationIp", family, remote);
		line_number(b, "DestinationPort", port_of(remote_port));
	}
	line_some(b, "State", tcp_state(state));
	line_bool(b, "Listening", listening);
	owner(b, id);
	line_end(b);
}

static void udp_line(struct buffer *b, int family, const void *local, DWORD local_port, DWORD id)
{
	line_start(b, "socket");
	line_text(b, "Protocol", "udp");
	line_number(b, "IpVersion", family == AF_INET ? 4 : 6);
	address(b, "SourceIp", family, local);
	line_number(b, "SourcePort", port_of(local_port));
	line_text(b, "State", "LISTEN");
	line_bool(b, "Listening", true);
	owner(b, id);
	line_end(b);
}

static void socket_lines(struct windows_collector *c)
{
	struct buffer b = {0};
	MIB_TCPTABLE_OWNER_PID *tcp = socket_table(true, AF_INET);
	MIB_TCP6TABLE_OWNER_PID *tcp6 = socket_table(true, AF_INET6);
	MIB_UDPTABLE_OWNER_PID *udp = socket_table(false, AF_INET);
	MIB_UDP6TABLE_OWNER_PID *udp6 = socket_table(false, AF_INET6);

	for (DWORD i = 0; tcp && i < tcp->dwNumEntries; i++) {
		const MIB_TCPROW_OWNER_PID *r = &tcp->table[i];

		tcp_line(&b, AF_INET, &r->dwLocalAddr, r->dwLocalPort, &r->dwRemoteAddr,
			 r->dwRemotePort, r->dwState, r->dwOwningPid);
	}
	for (DWORD i = 0; tcp6 && i < tcp6->dwNumEntries; i++) {
		const MIB_TCP6ROW_OWNER_PID *r = &tcp6->table[i];

		tcp_line(&b, AF_INET6, r->ucLocalAddr, r->dwLocalPort, r->ucRemoteAddr,
			 r->dwRemotePort, r->dwState, r->dwOwningPid);
	}
	for (DWORD i = 0; udp && i < udp->dwNumEntries; i++)
		udp_line(&b, AF_INET, &udp->table[i].dwLocalAddr, udp->table[i].dwLocalPort,
			 udp->table[i].dwOwningPid);
	for (DWORD i = 0; udp6 && i < udp6->dwNumEntries; i++)
		udp_line(&b, AF_INET6, udp6->table[i].ucLocalAddr, udp6->table[i].dwLocalPort,
			 udp6->table[i].dwOwningPid);
	windows_member(c, "live/sockets.jsonl", "sockets", &b);
	buffer_release(&b);
	free(tcp);
	free(tcp6);
	free(udp);
	free(udp6);
}

/* ---- services and drivers ---- */

static const char *start_type(DWORD n)
{
	static const char *const names[] = {"boot start", "system start", "auto start",
					    "demand start", "disabled"};

	return n < 5 ? names[n] : NULL;
}

/* As event 7045 says it. */
static const char *service_type(DWORD n)
{
	return n & SERVICE_KERNEL_DRIVER	 ? "kernel mode driver"
	       : n & SERVICE_FILE_SYSTEM_DRIVER	 ? "file system driver"
	       : n & SERVICE_WIN32_SHARE_PROCESS ? "user mode service, shared process"
						 : "user mode service";
}

static const char *service_state(DWORD n)
{
	static const char *const names[] = {
		NULL,	   "Stopped",	       "Start Pending", "Stop Pending",
		"Running", "Continue Pending", "Pause Pending", "Paused"};

	return n < 8 ? names[n] : NULL;
}

static void service_line(struct buffer *b, SC_HANDLE manager, const ENUM_SERVICE_STATUS_PROCESSW *e)
{
	SC_HANDLE service = OpenServiceW(manager, e->lpServiceName, SERVICE_QUERY_CONFIG);
	union {
		QUERY_SERVICE_CONFIGW config;
		BYTE room[8192]; /* the documented most */
	} u;
	DWORD needed;
	wchar_t key[600];
	char *image;

	line_start(b, "service");
	own_wide(b, "ServiceName", e->lpServiceName);
	own_wide(b, "DisplayName", e->lpDisplayName);
	line_text(b, "ServiceType", service_type(e->ServiceStatusProcess.dwServiceType));
	line_text(b, "State", service_state(e->ServiceStatusProcess.dwCurrentState));
	if (e->ServiceStatusProcess.dwProcessId)
		line_number(b, "ProcessId", e->ServiceStatusProcess.dwProcessId);
	if (service && QueryServiceConfigW(service, &u.config, sizeof(u), &needed)) {
		char *path = utf8_of(u.config.lpBinaryPathName);

		line_text(b, "StartType", start_type(u.config.dwStartType));
		line_some(b, "ImagePath", path);
		own_wide(b, "AccountName", u.config.lpServiceStartName);
		image = windows_image(path);
		if (image) {
			line_text(b, "Image", image);
			line_some(b, "Hashes", windows_hash(image));
		}
		free(image);
		free(path);
	}
	if (service)
		(void)CloseServiceHandle(service);
	(void)_snwprintf(key, 599, L"SYSTEM\\CurrentControlSet\\Services\\%ls\\Parameters",
			 e->lpServiceName);
	key[599] = L'\0';
	own_text(b, "ServiceDll", registry_read(HKEY_LOCAL_MACHINE, key, L"ServiceDll"));
	line_end(b);
}

static void service_lines(struct windows_collector *c, DWORD kinds, const char *member,
			  const char *collector)
{
	SC_HANDLE manager =
		OpenSCManagerW(NULL, NULL, SC_MANAGER_CONNECT | SC_MANAGER_ENUMERATE_SERVICE);
	static BYTE page[64 << 10]; /* the documented most is 256 KB; it comes in pages */
	DWORD resume = 0, needed, count;
	struct buffer b = {0};
	bool more = manager;

	while (more) {
		BOOL done = EnumServicesStatusExW(manager, SC_ENUM_PROCESS_INFO, kinds,
						  SERVICE_STATE_ALL, page, sizeof(page), &needed,
						  &count, &resume, NULL);

		more = !done && GetLastError() == ERROR_MORE_DATA && count;
		if (!done && !more)
			break;
		for (DWORD i = 0; i < count; i++)
			service_line(
				&b, manager,
				&((const ENUM_SERVICE_STATUS_PROCESSW *)(const void *)page)[i]);
	}
	if (manager)
		(void)CloseServiceHandle(manager);
	windows_member(c, member, collector, &b);
	buffer_release(&b);
}

/* What is in the kernel now, whoever says he is a service. */
static void module_lines(struct windows_collector *c)
{
	static void *bases[4096];
	wchar_t name[1024];
	struct buffer b = {0};
	DWORD size = 0;

	if (EnumDeviceDrivers(bases, sizeof(bases), &size))
		for (DWORD i = 0; i < size / sizeof(bases[0]) && i < 4096; i++) {
			char *path, *image;

			line_start(&b, "module");
			if (GetDeviceDriverBaseNameW(bases[i], name, 1024))
				own_wide(&b, "Name", name);
			if (GetDeviceDriverFileNameW(bases[i], name, 1024)) {
				path = utf8_of(name);
				image = windows_image(path);
				line_some(&b, "ImageLoaded", image ? image : path);
				if (image)
					line_some(&b, "Hashes", windows_hash(image));
				free(image);
				free(path);
			}
			line_end(&b);
		}
	windows_member(c, "live/modules.jsonl", "modules", &b);
	buffer_release(&b);
}

/* ---- network ---- */

static void text_of_address(struct buffer *out, const SOCKADDR *a)
{
	wchar_t text[INET6_ADDRSTRLEN] = L"";
	char *utf8;

	if (a->sa_family == AF_INET)
		(void)InetNtopW(AF_INET, &((const struct sockaddr_in *)(const void *)a)->sin_addr,
				text, INET6_ADDRSTRLEN);
	else if (a->sa_family == AF_INET6)
		(void)InetNtopW(AF_INET6,
				&((const struct sockaddr_in6 *)(const void *)a)->sin6_addr, text,
				INET6_ADDRSTRLEN);
	utf8 = utf8_of(text);
	buffer_string(out, utf8);
	free(utf8);
}

static void item(struct buffer *b, bool *first, const SOCKADDR *a, int prefix)
{
	buffer_string(b, *first ? "\"" : ",\"");
	*first = false;
	text_of_address(b, a);
	if (prefix >= 0)
		buffer_printf(b, "/%d", prefix);
	buffer_char(b, '"');
}

static void mac(struct buffer *b, const BYTE *bytes, DWORD n)
{
	char text[3 * 32 + 1] = "";

	for (DWORD i = 0; i < n && i < 32; i++)
		(void)snprintf(text + 3 * i - (i > 0), 5, i ? ":%02x" : "%02x", bytes[i]);
	line_some(b, "MacAddress", text);
}

static void interface_line(struct buffer *b, const IP_ADAPTER_ADDRESSES *a)
{
	bool first = true;

	line_start(b, "interface");
	own_wide(b, "Name", a->FriendlyName);
	own_wide(b, "Description", a->Description);
	line_number(b, "Index", a->IfIndex ? a->IfIndex : a->Ipv6IfIndex);
	if (a->PhysicalAddressLength <= sizeof(a->PhysicalAddress))
		mac(b, a->PhysicalAddress, a->PhysicalAddressLength);
	line_name(b, "Addresses");
	buffer_char(b, '[');
	for (const IP_ADAPTER_UNICAST_ADDRESS *u = a->FirstUnicastAddress; u; u = u->Next)
		item(b, &first, u->Address.lpSockaddr, u->OnLinkPrefixLength);
	buffer_char(b, ']');
	line_name(b, "Nameservers");
	buffer_char(b, '[');
	first = true;
	for (const IP_ADAPTER_DNS_SERVER_ADDRESS *d = a->FirstDnsServerAddress; d; d = d->Next)
		item(b, &first, d->Address.lpSockaddr, -1);
	buffer_char(b, ']');
	line_name(b, "Gateways");
	buffer_char(b, '[');
	first = true;
	for (const IP_ADAPTER_GATEWAY_ADDRESS *g = a->FirstGatewayAddress; g; g = g->Next)
		item(b, &first, g->Address.lpSockaddr, -1);
	buffer_char(b, ']');
	own_wide(b, "DnsSuffix", a->DnsSuffix);
	line_bool(b, "Up", a->OperStatus == IfOperStatusUp);
	line_number(b, "Mtu", a->Mtu == 0xffffffff ? 0 : (int64_t)a->Mtu);
	line_end(b);
}

static void network_lines(struct windows_collector *c)
{
	struct buffer b = {0};
	ULONG size = 1 << 16, status = ERROR_BUFFER_OVERFLOW;
	IP_ADAPTER_ADDRESSES *all = NULL;
	MIB_IPFORWARDTABLE *routes = NULL;
	MIB_IPNETTABLE *neighbours = NULL;
	ULONG route_size = 1 << 18, neighbour_size = 1 << 18;

	for (int tries = 0; tries < 4 && status == ERROR_BUFFER_OVERFLOW; tries++) {
		free(all);
		all = xcalloc(size, 1);
		status = GetAdaptersAddresses(AF_UNSPEC,
					      GAA_FLAG_INCLUDE_PREFIX | GAA_FLAG_INCLUDE_GATEWAYS,
					      NULL, all, &size);
	}
	for (const IP_ADAPTER_ADDRESSES *a = status == NO_ERROR ? all : NULL; a; a = a->Next)
		interface_line(&b, a);
	free(all);
	routes = xcalloc(route_size, 1);
	if (GetIpForwardTable(routes, &route_size, FALSE) == NO_ERROR)
		for (DWORD i = 0; i < routes->dwNumEntries; i++) {
			const MIB_IPFORWARDROW *r = &routes->table[i];
			wchar_t to[INET6_ADDRSTRLEN] = L"";
			char *text;

			(void)InetNtopW(AF_INET, &r->dwForwardDest, to, INET6_ADDRSTRLEN);
			text = utf8_of(to);
			line_start(&b, "route");
			own_text(&b, "Destination",
				 xasprintf("%s/%d", text,
					   __builtin_popcount((unsigned)r->dwForwardMask)));
			free(text);
			if (r->dwForwardNextHop)
				address(&b, "Gateway", AF_INET, &r->dwForwardNextHop);
			own_text(&b, "Interface", xasprintf("%lu", r->dwForwardIfIndex));
			line_number(&b, "Metric", r->dwForwardMetric1);
			line_number(&b, "IpVersion", 4);
			line_end(&b);
		}
	free(routes);
	neighbours = xcalloc(neighbour_size, 1);
	if (GetIpNetTable(neighbours, &neighbour_size, FALSE) == NO_ERROR)
		for (DWORD i = 0; i < neighbours->dwNumEntries; i++) {
			const MIB_IPNETROW *r = &neighbours->table[i];

			line_start(&b, "neighbour");
			address(&b, "IpAddress", AF_INET, &r->dwAddr);
			if (r->dwPhysAddrLen <= sizeof(r->bPhysAddr))
				mac(&b, r->bPhysAddr, r->dwPhysAddrLen);
			own_text(&b, "Interface", xasprintf("%lu", r->dwIndex));
			line_text(&b, "State",
				  r->dwType == 4   ? "static"
				  : r->dwType == 3 ? "dynamic"
				  : r->dwType == 2 ? "invalid"
						   : "other");
			line_end(&b);
		}
	free(neighbours);
	windows_member(c, "live/network.jsonl", "network", &b);
	buffer_release(&b);
}

/* ---- sessions ---- */

static char *session_text(DWORD session, WTS_INFO_CLASS what)
{
	wchar_t *text = NULL;
	DWORD n = 0;
	char *utf8 = NULL;

	if (WTSQuerySessionInformationW(NULL, session, what, &text, &n) && text)
		utf8 = utf8_of_n(text, n / 2);
	if (text)
		WTSFreeMemory(text);
	return utf8;
}

static void session_lines(struct windows_collector *c)
{
	static const char *const states[] = {"Active",	     "Connected", "ConnectQuery", "Shadow",
					     "Disconnected", "Idle",	  "Listen",	  "Reset",
					     "Down",	     "Init"};
	WTS_SESSION_INFOW *all = NULL;
	DWORD count = 0;
	struct buffer b = {0};

	if (!WTSEnumerateSessionsW(NULL, 0, 1, &all, &count))
		return;
	for (DWORD i = 0; i < count; i++) {
		char *user = session_text(all[i].SessionId, WTSUserName),
		     *domain = session_text(all[i].SessionId, WTSDomainName);
		WTS_CLIENT_ADDRESS *client = NULL;
		WTSINFOW *info = NULL;
		DWORD n = 0;

		if (user && *user) {
			line_start(&b, "logon");
			line_text(&b, "TargetUserName", user);
			line_some(&b, "TargetDomainName", domain);
			line_number(&b, "SessionId", all[i].SessionId);
			own_wide(&b, "TerminalDevice", all[i].pWinStationName);
			if ((size_t)all[i].State < sizeof(states) / sizeof(states[0]))
				line_text(&b, "State", states[all[i].State]);
			own_text(&b, "WorkstationName",
				 session_text(all[i].SessionId, WTSClientName));
			if (WTSQuerySessionInformationW(NULL, all[i].SessionId, WTSClientAddress,
							(wchar_t **)(void *)&client, &n) &&
			    client) {
				/* The address begins two bytes into the field, says the
				 * documentation of WTS_CLIENT_ADDRESS. */
				if (n >= sizeof(*client) && client->AddressFamily == AF_INET)
					address(&b, "IpAddress", AF_INET, client->Address + 2);
				WTSFreeMemory(client);
			}
			if (WTSQuerySessionInformationW(NULL, all[i].SessionId, WTSSessionInfo,
							(wchar_t **)(void *)&info, &n) &&
			    info) {
				FILETIME t = {(DWORD)info->LogonTime.u.LowPart,
					      (DWORD)info->LogonTime.u.HighPart};

				if (n >= sizeof(*info) && info->LogonTime.QuadPart)
					line_time(&b, "LogonTime", time_of_filetime(t));
				WTSFreeMemory(info);
			}
			line_end(&b);
		}
		free(user);
		free(domain);
	}
	WTSFreeMemory(all);
	windows_member(c, "live/sessions.jsonl", "sessions", &b);
	buffer_release(&b);
}

void windows_live(struct windows_collector *c)
{
	WSADATA winsock;

	(void)WSAStartup(MAKEWORD(2, 2), &winsock);
	load_processes();
	process_lines(c);
	socket_lines(c);
	session_lines(c);
	service_lines(c, SERVICE_WIN32, "live/services.jsonl", "services");
	service_lines(c, SERVICE_DRIVER, "live/drivers.jsonl", "drivers");
	module_lines(c);
	network_lines(c);
	system_lines(c);
	for (size_t i = 0; i < process_count; i++) {
		free(processes[i].name);
		free(processes[i].image);
		free(processes[i].command);
		free(processes[i].directory);
		free(processes[i].user);
		free(processes[i].error);
	}
	free(processes);
	processes = NULL;
	process_count = process_cap = 0;
	(void)WSACleanup();
}
