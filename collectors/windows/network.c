/* Sockets, interfaces, routes, neighbours, names, shares, pipes. */
#include "collectors/windows/windows.h"

#include <ws2tcpip.h>
#include <iphlpapi.h>
#include <lm.h>
#include <netioapi.h>
#include <sddl.h>
#include <stdio.h>
#include <stdlib.h>
#include <windns.h>

#include "collectors/lines.h"

static const wchar_t iphlpapi[] = L"iphlpapi.dll", netapi[] = L"netapi32.dll",
		     dnsapi[] = L"dnsapi.dll";

/* ---- sockets ---- */

/* InetNtop without Winsock, which an unstarted one refuses. */
static char *text_of_ip(int family, const void *raw)
{
	const uint8_t *b = raw;
	struct buffer text = {0};
	char *out;
	unsigned best = 8, best_len = 0;

	if (family == AF_INET)
		return xasprintf("%u.%u.%u.%u", b[0], b[1], b[2], b[3]);
	/* RFC 5952: the longest run of at least two zero groups is "::". */
	for (unsigned i = 0; i < 8; i++) {
		unsigned n = 0;

		while (i + n < 8 && b[2 * (i + n)] == 0 && b[2 * (i + n) + 1] == 0)
			n++;
		if (n > best_len && n > 1) {
			best = i;
			best_len = n;
		}
	}
	if (best == 0 && best_len == 5 && b[10] == 0xff && b[11] == 0xff)
		return xasprintf("::ffff:%u.%u.%u.%u", b[12], b[13], b[14], b[15]);
	for (unsigned i = 0; i < 8; i++) {
		if (i == best) {
			buffer_string(&text, "::");
			i += best_len - 1;
			continue;
		}
		if (text.len && text.data[text.len - 1] != ':')
			buffer_char(&text, ':');
		buffer_printf(&text, "%x", b[2 * i] << 8 | b[2 * i + 1]);
	}
	out = xmemdup0(text.data, text.len);
	buffer_release(&text);
	return out;
}

static char *text_of_address(const void *address)
{
	const SOCKADDR *a = address;

	if (a->sa_family == AF_INET)
		return text_of_ip(AF_INET,
				  &((const struct sockaddr_in *)(const void *)a)->sin_addr);
	if (a->sa_family == AF_INET6)
		return text_of_ip(AF_INET6,
				  &((const struct sockaddr_in6 *)(const void *)a)->sin6_addr);
	return xstrdup("");
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

/* The whole table of a kind; the caller's. It may grow between two calls. */
static void *socket_table(struct step *s, bool tcp, int family)
{
	PROC(tcp_table, iphlpapi, GetExtendedTcpTable);
	PROC(udp_table, iphlpapi, GetExtendedUdpTable);
	DWORD size = 1 << 16, status = ERROR_INSUFFICIENT_BUFFER;
	void *table = NULL;

	for (int tries = 0;
	     tries < 8 && status == ERROR_INSUFFICIENT_BUFFER && tcp_table && udp_table; tries++) {
		free(table);
		size += 1 << 14;
		table = xcalloc(size, 1);
		status = tcp ? tcp_table(table, &size, FALSE, (ULONG)family,
					 TCP_TABLE_OWNER_MODULE_ALL, 0)
			     : udp_table(table, &size, FALSE, (ULONG)family, UDP_TABLE_OWNER_MODULE,
					 0);
	}
	if (status == NO_ERROR)
		return table;
	free(table);
	/* A host without IPv6 has no such table. */
	if (family == AF_INET || (status != ERROR_NOT_SUPPORTED && status != ERROR_FILE_NOT_FOUND))
		step_failed(s, "%s sockets, IPv%d: %s", tcp ? "TCP" : "UDP",
			    family == AF_INET ? 4 : 6, windows_error(status));
	return NULL;
}

struct socket {
	const char *protocol;
	int family;
	const void *local, *remote; /* remote: NULL for UDP */
	DWORD local_port, remote_port, state, id;
	LARGE_INTEGER created;
};

static void socket_line(struct step *s, const struct socket *k)
{
	struct buffer *b = step_lines(s);
	bool listening = !k->remote || k->state == MIB_TCP_STATE_LISTEN;
	FILETIME t = {k->created.u.LowPart, (DWORD)k->created.u.HighPart};

	line_start(b, "socket");
	line_text(b, "Protocol", k->protocol);
	line_number(b, "IpVersion", k->family == AF_INET ? 4 : 6);
	line_own(b, "SourceIp", text_of_ip(k->family, k->local));
	line_number(b, "SourcePort", port_of(k->local_port));
	if (!listening) {
		line_own(b, "DestinationIp", text_of_ip(k->family, k->remote));
		line_number(b, "DestinationPort", port_of(k->remote_port));
	}
	line_some(b, "State", k->remote ? tcp_state(k->state) : "LISTEN");
	line_bool(b, "Listening", listening);
	windows_owner(b, k->id);
	if (k->created.QuadPart)
		line_time(b, "CreationTime", time_of_filetime(t));
	step_end(s);
}

void windows_sockets(struct step *s)
{
	MIB_TCPTABLE_OWNER_MODULE *tcp = socket_table(s, true, AF_INET);
	MIB_TCP6TABLE_OWNER_MODULE *tcp6 = socket_table(s, true, AF_INET6);
	MIB_UDPTABLE_OWNER_MODULE *udp = socket_table(s, false, AF_INET);
	MIB_UDP6TABLE_OWNER_MODULE *udp6 = socket_table(s, false, AF_INET6);

	for (DWORD i = 0; tcp && i < tcp->dwNumEntries; i++) {
		const MIB_TCPROW_OWNER_MODULE *r = &tcp->table[i];

		socket_line(s, &(struct socket){"tcp", AF_INET, &r->dwLocalAddr, &r->dwRemoteAddr,
						r->dwLocalPort, r->dwRemotePort, r->dwState,
						r->dwOwningPid, r->liCreateTimestamp});
	}
	for (DWORD i = 0; tcp6 && i < tcp6->dwNumEntries; i++) {
		const MIB_TCP6ROW_OWNER_MODULE *r = &tcp6->table[i];

		socket_line(s, &(struct socket){"tcp", AF_INET6, r->ucLocalAddr, r->ucRemoteAddr,
						r->dwLocalPort, r->dwRemotePort, r->dwState,
						r->dwOwningPid, r->liCreateTimestamp});
	}
	for (DWORD i = 0; udp && i < udp->dwNumEntries; i++) {
		const MIB_UDPROW_OWNER_MODULE *r = &udp->table[i];

		socket_line(s,
			    &(struct socket){"udp", AF_INET, &r->dwLocalAddr, NULL, r->dwLocalPort,
					     0, 0, r->dwOwningPid, r->liCreateTimestamp});
	}
	for (DWORD i = 0; udp6 && i < udp6->dwNumEntries; i++) {
		const MIB_UDP6ROW_OWNER_MODULE *r = &udp6->table[i];

		socket_line(s,
			    &(struct socket){"udp", AF_INET6, r->ucLocalAddr, NULL, r->dwLocalPort,
					     0, 0, r->dwOwningPid, r->liCreateTimestamp});
	}
	free(tcp);
	free(tcp6);
	free(udp);
	free(udp6);
}

/* ---- interfaces, routes, neighbours ---- */

static void item(struct buffer *b, bool *first, const SOCKADDR *a, int prefix)
{
	char *text = text_of_address(a);

	buffer_string(b, *first ? "\"" : ",\"");
	*first = false;
	buffer_string(b, text);
	if (prefix >= 0)
		buffer_printf(b, "/%d", prefix);
	buffer_char(b, '"');
	free(text);
}

static void mac(struct buffer *b, const BYTE *bytes, DWORD n)
{
	struct buffer text = {0};

	for (DWORD i = 0; i < n && i < 32; i++)
		buffer_printf(&text, i ? ":%02x" : "%02x", bytes[i]);
	line_some(b, "MacAddress", buffer_text(&text));
	buffer_release(&text);
}

static void interface_line(struct step *s, const IP_ADAPTER_ADDRESSES *a)
{
	struct buffer *b = step_lines(s);
	bool first = true;

	line_start(b, "interface");
	line_wide(b, "Name", a->FriendlyName);
	line_wide(b, "Description", a->Description);
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
	line_wide(b, "DnsSuffix", a->DnsSuffix);
	line_bool(b, "Up", a->OperStatus == IfOperStatusUp);
	line_number(b, "Mtu", a->Mtu == 0xffffffff ? 0 : (int64_t)a->Mtu);
	step_end(s);
}

static void interface_lines(struct step *s)
{
	PROC(addresses, iphlpapi, GetAdaptersAddresses);
	ULONG size = 1 << 16, status = ERROR_BUFFER_OVERFLOW;
	IP_ADAPTER_ADDRESSES *all = NULL;

	for (int tries = 0; tries < 5 && status == ERROR_BUFFER_OVERFLOW && addresses; tries++) {
		free(all);
		all = xcalloc(size, 1);
		status = addresses(AF_UNSPEC, GAA_FLAG_INCLUDE_PREFIX | GAA_FLAG_INCLUDE_GATEWAYS,
				   NULL, all, &size);
	}
	if (status != NO_ERROR && status != ERROR_NO_DATA)
		step_failed(s, "interfaces: %s", windows_error(status));
	for (const IP_ADAPTER_ADDRESSES *a = status == NO_ERROR ? all : NULL; a; a = a->Next)
		interface_line(s, a);
	free(all);
}

static bool is_zero(const SOCKADDR_INET *a)
{
	static const uint8_t zeros[16];

	return a->si_family == AF_INET ? a->Ipv4.sin_addr.s_addr == 0
				       : memcmp(&a->Ipv6.sin6_addr, zeros, 16) == 0;
}

static void route_lines(struct step *s)
{
	PROC(table_of, iphlpapi, GetIpForwardTable2);
	PROC(release, iphlpapi, FreeMibTable);
	MIB_IPFORWARD_TABLE2 *table = NULL;
	DWORD status = table_of && release ? table_of(AF_UNSPEC, &table) : ERROR_PROC_NOT_FOUND;
	struct buffer *b = step_lines(s);

	if (status != NO_ERROR) {
		step_failed(s, "routes: %s", windows_error(status));
		return;
	}
	for (ULONG i = 0; i < table->NumEntries; i++) {
		const MIB_IPFORWARD_ROW2 *r = &table->Table[i];
		char *to = text_of_address(&r->DestinationPrefix.Prefix);

		line_start(b, "route");
		line_own(b, "Destination",
			 xasprintf("%s/%u", to, r->DestinationPrefix.PrefixLength));
		if (!is_zero(&r->NextHop))
			line_own(b, "Gateway", text_of_address(&r->NextHop));
		line_own(b, "Interface", xasprintf("%lu", r->InterfaceIndex));
		line_number(b, "Metric", r->Metric);
		line_number(b, "IpVersion",
			    r->DestinationPrefix.Prefix.si_family == AF_INET ? 4 : 6);
		free(to);
		step_end(s);
	}
	release(table);
}

static void neighbour_lines(struct step *s)
{
	static const char *const states[] = {"unreachable", "incomplete", "probe",    "delay",
					     "stale",	    "reachable",  "permanent"};
	PROC(table_of, iphlpapi, GetIpNetTable2);
	PROC(release, iphlpapi, FreeMibTable);
	MIB_IPNET_TABLE2 *table = NULL;
	DWORD status = table_of && release ? table_of(AF_UNSPEC, &table) : ERROR_PROC_NOT_FOUND;
	struct buffer *b = step_lines(s);

	if (status == ERROR_NOT_FOUND) /* none */
		return;
	if (status != NO_ERROR) {
		step_failed(s, "neighbours: %s", windows_error(status));
		return;
	}
	for (ULONG i = 0; i < table->NumEntries; i++) {
		const MIB_IPNET_ROW2 *r = &table->Table[i];

		line_start(b, "neighbour");
		line_own(b, "IpAddress", text_of_address(&r->Address));
		if (r->PhysicalAddressLength <= sizeof(r->PhysicalAddress))
			mac(b, r->PhysicalAddress, r->PhysicalAddressLength);
		line_own(b, "Interface", xasprintf("%lu", r->InterfaceIndex));
		if ((size_t)r->State < sizeof(states) / sizeof(states[0]))
			line_text(b, "State", states[r->State]);
		step_end(s);
	}
	release(table);
}

/* C:\Windows\System32\drivers\etc\hosts, also where DataBasePath moved it to. */
static void host_lines(struct step *s)
{
	char *raw = registry_read(HKEY_LOCAL_MACHINE,
				  L"SYSTEM\\CurrentControlSet\\Services\\Tcpip\\Parameters",
				  L"DataBasePath"),
	     *folder = windows_expanded(raw && *raw ? raw : "%SystemRoot%\\System32\\drivers\\etc"),
	     *path = xasprintf("%s\\hosts", folder);
	wchar_t *wide = wide_path(path);
	HANDLE h = CreateFileW(wide, GENERIC_READ,
			       FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE, NULL,
			       OPEN_EXISTING, FILE_FLAG_BACKUP_SEMANTICS, NULL);
	char *text = xcalloc(1, 1 << 20);
	DWORD n = 0;
	struct view rest, line, word, name;
	struct buffer *b = step_lines(s);

	if (h != INVALID_HANDLE_VALUE) {
		(void)ReadFile(h, text, 1 << 20, &n, NULL);
		(void)CloseHandle(h);
	}
	rest = view_of(text, n);
	while (view_line(&rest, &line)) {
		bool first = true;

		line = view_clip(line, 0, view_find(line, 0, "#", 1));
		for (size_t i = 0; i < line.len; i++)
			if (((char *)(uintptr_t)line.data)[i] == '\t')
				((char *)(uintptr_t)line.data)[i] = ' ';
		line = view_trim(line);
		if (!line.len || !view_token(&line, ' ', &word))
			continue;
		line_start(b, "host_entry");
		line_view(b, "IpAddress", word);
		line_name(b, "Names");
		buffer_char(b, '[');
		while (view_token(&line, ' ', &name)) {
			if (!name.len)
				continue;
			if (!first)
				buffer_char(b, ',');
			first = false;
			text_json_quoted(b, name);
		}
		buffer_char(b, ']');
		step_end(s);
	}
	free(text);
	free(wide);
	free(path);
	free(folder);
	free(raw);
}

void windows_network(struct step *s)
{
	interface_lines(s);
	route_lines(s);
	neighbour_lines(s);
	host_lines(s);
}

/* ---- the resolver's cache ---- */

/* What dnsapi.dll's undocumented DnsGetCacheDataTable gives: a list of names and types, without
 * their data. */
struct cached_name {
	struct cached_name *next;
	wchar_t *name;
	WORD type, data_length;
	ULONG flags;
};

static const char *record_type(WORD type, char room[16])
{
	static const struct {
		WORD number;
		const char *name;
	} names[] = {{1, "A"},	   {2, "NS"},	  {5, "CNAME"}, {6, "SOA"},  {12, "PTR"},
		     {15, "MX"},   {16, "TXT"},	  {28, "AAAA"}, {33, "SRV"}, {41, "OPT"},
		     {64, "SVCB"}, {65, "HTTPS"}, {255, "ANY"}};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (names[i].number == type)
			return names[i].name;
	(void)snprintf(room, 16, "TYPE%u", type);
	return room;
}

static void record_text(struct buffer *b, const DNS_RECORDW *r)
{
	char *text = NULL;

	switch (r->wType) {
	case DNS_TYPE_A:
		text = text_of_ip(AF_INET, &r->Data.A.IpAddress);
		break;
	case DNS_TYPE_AAAA:
		text = text_of_ip(AF_INET6, &r->Data.AAAA.Ip6Address);
		break;
	case DNS_TYPE_CNAME:
	case DNS_TYPE_PTR:
	case DNS_TYPE_NS:
		text = utf8_of(r->Data.CNAME.pNameHost);
		break;
	case DNS_TYPE_MX:
		text = utf8_of(r->Data.MX.pNameExchange);
		break;
	case DNS_TYPE_SRV:
		text = utf8_of(r->Data.SRV.pNameTarget);
		break;
	case DNS_TYPE_TEXT:
		text = r->Data.TXT.dwStringCount ? utf8_of(r->Data.TXT.pStringArray[0]) : NULL;
		break;
	default:
		break;
	}
	if (text && *text)
		buffer_printf(b, "%s;", text);
	free(text);
}

void windows_dns(struct step *s)
{
	BOOL(WINAPI * cache)
	(struct cached_name *) = windows_proc(dnsapi, "DnsGetCacheDataTable");
	void(WINAPI * release)(void *, int) = windows_proc(dnsapi, "DnsFree");
	DNS_STATUS(WINAPI * query)
	(const wchar_t *, WORD, DWORD, void *, DNS_RECORDW **, void **) =
		windows_proc(dnsapi, "DnsQuery_W");
	struct cached_name head = {0};
	struct buffer *b = step_lines(s);

	if (!cache) {
		step_failed(s, "this Windows does not tell its resolver's cache");
		return;
	}
	/* An empty cache and a stopped service both say no. */
	if (!cache(&head) && !head.next)
		return;
	for (struct cached_name *c = head.next, *next; c; c = next) {
		DNS_RECORDW *records = NULL;
		struct buffer results = {0};
		char room[16];
		DWORD ttl = 0;

		next = c->next;
		/* From the cache and the hosts file alone: nothing may go over the wire. */
		if (query && c->name && !step_over(s) &&
		    query(c->name, c->type, DNS_QUERY_NO_WIRE_QUERY, NULL, &records, NULL) == 0)
			for (const DNS_RECORDW *r = records; r; r = r->pNext) {
				record_text(&results, r);
				ttl = r == records ? r->dwTtl : ttl;
			}
		line_start(b, "dns_cache");
		line_wide(b, "QueryName", c->name);
		line_text(b, "QueryType", record_type(c->type, room));
		line_some(b, "QueryResults", buffer_text(&results));
		if (records)
			line_number(b, "TimeToLive", ttl);
		step_end(s);
		buffer_release(&results);
		if (release) {
			if (records)
				release(records, DnsFreeRecordList);
			release(c->name, DnsFreeFlat);
			release(c, DnsFreeFlat);
		}
	}
}

/* ---- shares ---- */

/* A Net...Enum function page by page: `call` makes one, `line` writes one entry. */
struct pages {
	const char *what;
	NET_API_STATUS (*call)(struct pages *p, BYTE **data, DWORD *read, DWORD *total);
	void (*line)(struct step *s, const void *entry);
	size_t entry_size;
	DWORD_PTR resume;
	DWORD resume32;
	DWORD level;
};

static void each_page(struct step *s, struct pages *p)
{
	PROC(release, netapi, NetApiBufferFree);
	NET_API_STATUS status = ERROR_MORE_DATA;

	while (status == ERROR_MORE_DATA && !step_over(s)) {
		BYTE *data = NULL;
		DWORD read = 0, total = 0;

		status = p->call(p, &data, &read, &total);
		/* A service that does not run has nothing: 2138 workstation, 2114 server. */
		if (status != NERR_Success && status != ERROR_MORE_DATA && status != 2138 &&
		    status != 2114 && status != RPC_S_SERVER_UNAVAILABLE) {
			step_failed(s, "%s: %s", p->what, windows_error(status));
			break;
		}
		for (DWORD i = 0; data && i < read; i++)
			p->line(s, data + i * p->entry_size);
		if (data && release)
			(void)release(data);
		if (read == 0)
			break;
	}
}

static NET_API_STATUS shares(struct pages *p, BYTE **data, DWORD *read, DWORD *total)
{
	PROC(call, netapi, NetShareEnum);

	return call ? call(NULL, p->level, data, MAX_PREFERRED_LENGTH, read, total, &p->resume32)
		    : ERROR_PROC_NOT_FOUND;
}

static const char *share_type(DWORD type)
{
	static const char *const names[] = {"disk", "printer", "device", "ipc"};

	return (type & 0xff) < 4 ? names[type & 0xff] : NULL;
}

static void share_line(struct step *s, const void *entry)
{
	const SHARE_INFO_502 *i = entry;
	struct buffer *b = step_lines(s);
	wchar_t *sddl = NULL;

	line_start(b, "share");
	line_wide(b, "ShareName", i->shi502_netname);
	line_wide(b, "ShareLocalPath", i->shi502_path);
	line_text(b, "ShareType", share_type(i->shi502_type));
	line_bool(b, "Special", (i->shi502_type & STYPE_SPECIAL) != 0);
	line_wide(b, "Remark", i->shi502_remark);
	line_number(b, "CurrentUses", i->shi502_current_uses);
	if (i->shi502_security_descriptor && ConvertSecurityDescriptorToStringSecurityDescriptorW(
						     i->shi502_security_descriptor, SDDL_REVISION_1,
						     DACL_SECURITY_INFORMATION, &sddl, NULL)) {
		line_wide(b, "SecurityDescriptor", sddl);
		(void)LocalFree(sddl);
	}
	step_end(s);
}

/* The level that everybody may ask. */
static void plain_share_line(struct step *s, const void *entry)
{
	const SHARE_INFO_1 *i = entry;
	struct buffer *b = step_lines(s);

	line_start(b, "share");
	line_wide(b, "ShareName", i->shi1_netname);
	line_text(b, "ShareType", share_type(i->shi1_type));
	line_bool(b, "Special", (i->shi1_type & STYPE_SPECIAL) != 0);
	line_wide(b, "Remark", i->shi1_remark);
	step_end(s);
}

static NET_API_STATUS guests(struct pages *p, BYTE **data, DWORD *read, DWORD *total)
{
	PROC(call, netapi, NetSessionEnum);

	return call ? call(NULL, NULL, NULL, 10, data, MAX_PREFERRED_LENGTH, read, total,
			   &p->resume32)
		    : ERROR_PROC_NOT_FOUND;
}

static void guest_line(struct step *s, const void *entry)
{
	const SESSION_INFO_10 *i = entry;
	struct buffer *b = step_lines(s);

	line_start(b, "share_session");
	line_wide(b, "TargetUserName", i->sesi10_username);
	line_wide(b, "WorkstationName", i->sesi10_cname);
	line_number(b, "ConnectedSeconds", i->sesi10_time);
	line_number(b, "IdleSeconds", i->sesi10_idle_time);
	step_end(s);
}

static NET_API_STATUS files(struct pages *p, BYTE **data, DWORD *read, DWORD *total)
{
	PROC(call, netapi, NetFileEnum);

	return call ? call(NULL, NULL, NULL, 3, data, MAX_PREFERRED_LENGTH, read, total, &p->resume)
		    : ERROR_PROC_NOT_FOUND;
}

static void file_line(struct step *s, const void *entry)
{
	const FILE_INFO_3 *i = entry;
	struct buffer *b = step_lines(s);

	line_start(b, "share_file");
	line_wide(b, "TargetFilename", i->fi3_pathname);
	line_wide(b, "TargetUserName", i->fi3_username);
	line_own(b, "AccessMask", xasprintf("0x%lx", i->fi3_permissions));
	step_end(s);
}

static NET_API_STATUS uses(struct pages *p, BYTE **data, DWORD *read, DWORD *total)
{
	PROC(call, netapi, NetUseEnum);

	return call ? call(NULL, 2, data, MAX_PREFERRED_LENGTH, read, total, &p->resume32)
		    : ERROR_PROC_NOT_FOUND;
}

static void use_line(struct step *s, const void *entry)
{
	const USE_INFO_2 *i = entry;
	struct buffer *b = step_lines(s);

	line_start(b, "share_use");
	line_wide(b, "ShareName", i->ui2_remote);
	line_wide(b, "LocalName", i->ui2_local);
	line_wide(b, "User", i->ui2_username);
	line_text(b, "State", i->ui2_status == USE_OK ? "connected" : "not connected");
	step_end(s);
}

void windows_shares(struct step *s)
{
	struct pages some_shares = {"shares", shares, share_line, sizeof(SHARE_INFO_502),
				    0,	      0,      502},
		     plain_shares = {"shares", shares, plain_share_line, sizeof(SHARE_INFO_1), 0,
				     0,	       1},
		     some_guests = {"sessions of shares",
				    guests,
				    guest_line,
				    sizeof(SESSION_INFO_10),
				    0,
				    0,
				    0},
		     some_files = {"files open through shares",
				   files,
				   file_line,
				   sizeof(FILE_INFO_3),
				   0,
				   0,
				   0},
		     some_uses = {"connected shares", uses, use_line, sizeof(USE_INFO_2), 0, 0, 0};

	each_page(s, step_result(s)->privileged ? &some_shares : &plain_shares);
	each_page(s, &some_uses);
	each_page(s, &some_guests);
	each_page(s, &some_files);
}

/* ---- named pipes ---- */

void windows_pipes(struct step *s)
{
	WIN32_FIND_DATAW d;
	HANDLE h = FindFirstFileW(L"\\\\.\\pipe\\*", &d);
	struct buffer *b = step_lines(s);

	if (h == INVALID_HANDLE_VALUE) {
		step_failed(s, "named pipes: %s", windows_error(GetLastError()));
		return;
	}
	do {
		char *name = utf8_of(d.cFileName);

		line_start(b, "pipe");
		/* As Sysmon writes it. */
		line_own(b, "PipeName", xasprintf("\\%s", name));
		line_number(b, "Instances", d.nFileSizeLow);
		free(name);
		step_end(s);
	} while (FindNextFileW(h, &d));
	(void)FindClose(h);
}
