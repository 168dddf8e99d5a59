/*
 * make_evtx OUT SIZE_MB [KIND [SEED]]	an event log for timing: records of the kinds that fill real logs, or
 * of one of the kinds below; every value drawn from a pool or counted up, the same for each run
 * make_evtx --fixtures DIR	small logs for the golden tests: DIR/evtx/NAME
 * make_evtx --xml OUT	a log of the records of stdin, a line of XML each (no '%' or '?' before a digit but doubled)
 */
#include "tests/lib/evtx_writer.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

/* ---- values ---- */

#define TEXT(s)                                                                                    \
	{                                                                                          \
		.type = 0x01, .text = (s)                                                          \
	}
#define BYTES(t, p, n)                                                                             \
	{                                                                                          \
		.type = (t), .data = (p), .size = (n)                                              \
	}
#define NOTHING                                                                                    \
	{                                                                                          \
		.type = 0x00                                                                       \
	}
#define NESTED(t, v)                                                                               \
	{                                                                                          \
		.type = 0x21, .nested = (t), .values = (v), .count = sizeof(v) / sizeof((v)[0])    \
	}

static uint64_t state = 42;
static uint64_t begins = UINT64_C(133400000000000000);
static const char *one_host; /* NULL: any */

static uint32_t dice(uint32_t n)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return (uint32_t)(state >> 33) % n;
}

#define PICK(pool) (pool)[dice(sizeof(pool) / sizeof((pool)[0]))]

#define EVENT(provider, guid)                                                                      \
	"<Event xmlns='http://schemas.microsoft.com/win/2004/08/events/event'><System><Provider "  \
	"Name='" provider "' Guid='" guid                                                          \
	"'/>"                                                                                      \
	"<EventID@3>%3</EventID><Version@11>%11</Version><Level@0>%0</Level><Task@2>%2</"          \
	"Task><Opcode@1>%1</Opcode>"                                                               \
	"<Keywords@5>%5</Keywords><TimeCreated "                                                   \
	"SystemTime='?6'/><EventRecordID@10>%10</EventRecordID>"                                   \
	"<Correlation ActivityID='?7' RelatedActivityID='?13'/><Execution ProcessID='?8' "         \
	"ThreadID='?9'/>"                                                                          \
	"<Channel>%14</Channel><Computer>%15</Computer><Security "                                 \
	"UserID='?12'/></System>%16</Event>"

static struct evtx_writer_template sysmon = {
	.xml = EVENT("Microsoft-Windows-Sysmon", "{5770385F-C22A-43E0-BF4C-06F5698FFBD9}")};
static struct evtx_writer_template security = {
	.xml = EVENT("Microsoft-Windows-Security-Auditing",
		     "{54849625-5478-4994-A5BA-3E3B0328C30D}")};
static struct evtx_writer_template powershell = {
	.xml = EVENT("Microsoft-Windows-PowerShell", "{A0C1853B-5C40-4B15-8766-3CF1C58F985A}")};
static struct evtx_writer_template services = {
	.xml = EVENT("Service Control Manager", "{555908D1-A6D7-4695-8E1E-26931D2012F4}")};

#define D(n, i) "<Data Name='" n "'>%" #i "</Data>"

static struct evtx_writer_template data_sysmon1 = {
	.xml = "<EventData>" D("RuleName", 0) D("UtcTime", 1) D("ProcessGuid", 2) D("ProcessId", 3)
		D("Image", 4) D("FileVersion", 5) D("Description", 6) D("Product", 7) D(
			"Company", 8) D("OriginalFileName", 9) D("CommandLine", 10)
			D("CurrentDirectory", 11) D("User", 12) D("LogonGuid", 13) D("LogonId", 14)
				D("TerminalSessionId", 15) D("IntegrityLevel", 16) D("Hashes", 17)
					D("ParentProcessGuid", 18) D("ParentProcessId", 19)
						D("ParentImage", 20)
							D("ParentCommandLine", 21) "</EventData>"};
static struct evtx_writer_template data_sysmon3 = {
	.xml = "<EventData>" D("RuleName", 0) D("UtcTime", 1) D("ProcessGuid", 2) D(
		"ProcessId", 3) D("Image", 4) D("User", 5) D("Protocol", 6) D("Initiated", 7)
		D("SourceIsIpv6", 8) D("SourceIp", 9) D("SourceHostname", 10) D("SourcePort", 11)
			D("SourcePortName", 12) D("DestinationIsIpv6", 13) D("DestinationIp", 14)
				D("DestinationHostname", 15) D("DestinationPort", 16)
					D("DestinationPortName", 17) "</EventData>"};
static struct evtx_writer_template data_sysmon7 = {
	.xml = "<EventData>" D("RuleName", 0) D("UtcTime", 1) D("ProcessGuid", 2) D("ProcessId", 3)
		D("Image", 4) D("ImageLoaded", 5) D("FileVersion", 6) D("Description", 7)
			D("Product", 8) D("Company", 9) D("OriginalFileName", 10) D("Hashes", 11)
				D("Signed", 12) D("Signature", 13)
					D("SignatureStatus", 14) "</EventData>"};
static struct evtx_writer_template data_sysmon11 = {
	.xml = "<EventData>" D("RuleName", 0) D("UtcTime", 1) D("ProcessGuid", 2) D("ProcessId", 3)
		D("Image", 4) D("TargetFilename", 5) D("CreationUtcTime", 6) "</EventData>"};
static struct evtx_writer_template data_sysmon13 = {
	.xml = "<EventData>" D("RuleName", 0) D("EventType", 1) D("UtcTime", 2) D("ProcessGuid", 3)
		D("ProcessId", 4) D("Image", 5) D("TargetObject", 6)
			D("Details", 7) "</EventData>"};
static struct evtx_writer_template data_4624 = {
	.xml = "<EventData>" D("SubjectUserSid", 0) D("SubjectUserName", 1) D(
		"SubjectDomainName", 2) D("SubjectLogonId", 3) D("TargetUserSid", 4)
		D("TargetUserName", 5) D("TargetDomainName", 6) D("TargetLogonId", 7) D(
			"LogonType", 8) D("LogonProcessName", 9) D("AuthenticationPackageName", 10)
			D("WorkstationName", 11) D("LogonGuid", 12) D("TransmittedServices", 13)
				D("LmPackageName", 14) D("KeyLength", 15) D("ProcessId", 16)
					D("ProcessName", 17) D("IpAddress", 18) D("IpPort", 19)
						D("ImpersonationLevel", 20) "</EventData>"};
static struct evtx_writer_template data_4688 = {
	.xml = "<EventData>" D("SubjectUserSid", 0) D("SubjectUserName", 1)
		D("SubjectDomainName", 2) D("SubjectLogonId", 3) D("NewProcessId", 4)
			D("NewProcessName", 5) D("TokenElevationType", 6) D("ProcessId", 7)
				D("CommandLine", 8) D("TargetUserSid", 9) D("TargetUserName", 10)
					D("TargetDomainName", 11) D("TargetLogonId", 12)
						D("ParentProcessName", 13)
							D("MandatoryLabel", 14) "</EventData>"};
static struct evtx_writer_template data_5156 = {
	.xml = "<EventData>" D("ProcessID", 0) D("Application", 1) D("Direction", 2)
		D("SourceAddress", 3) D("SourcePort", 4) D("DestAddress", 5) D("DestPort", 6)
			D("Protocol", 7) D("FilterRTID", 8) D("LayerName", 9) D("LayerRTID", 10)
				D("RemoteUserID", 11) D("RemoteMachineID", 12) "</EventData>"};
static struct evtx_writer_template data_4104 = {
	.xml = "<EventData>" D("MessageNumber", 0) D("MessageTotal", 1) D("ScriptBlockText", 2)
		D("ScriptBlockId", 3) D("Path", 4) "</EventData>"};
static struct evtx_writer_template data_7045 = {
	.xml = "<EventData>" D("ServiceName", 0) D("ImagePath", 1) D("ServiceType", 2)
		D("StartType", 3) D("AccountName", 4) "</EventData>"};

static const char *const images[] = {
	"C:\\Windows\\System32\\svchost.exe",
	"C:\\Windows\\System32\\cmd.exe",
	"C:\\Windows\\System32\\WindowsPowerShell\\v1.0\\powershell.exe",
	"C:\\Program Files\\Mozilla Firefox\\firefox.exe",
	"C:\\Windows\\explorer.exe",
	"C:\\Program Files (x86)\\Microsoft\\Edge\\Application\\msedge.exe",
	"C:\\Windows\\System32\\rundll32.exe",
	"C:\\Windows\\System32\\wbem\\WmiPrvSE.exe",
	"C:\\ProgramData\\Vendor\\Agent\\agent64.exe",
	"C:\\Users\\m\xc3\xbcller\\AppData\\Local\\Temp\\setup.exe"};
static const char *const commands[] = {
	"C:\\Windows\\system32\\svchost.exe -k netsvcs -p -s Schedule",
	"cmd.exe /c \"dir /b C:\\Users\"",
	"powershell.exe -NoProfile -ExecutionPolicy Bypass -File C:\\ProgramData\\inventory.ps1",
	"rundll32.exe shell32.dll,Control_RunDLL",
	"\"C:\\Program Files\\Mozilla Firefox\\firefox.exe\" -contentproc "
	"--channel=\"1234.0.5678\\9\" tab",
	"wmiprvse.exe -secured -Embedding",
	"agent64.exe --config=\"C:\\ProgramData\\Vendor\\Agent\\agent.json\" --quiet"};
static const char *const users[] = {"CORP\\alice", "CORP\\bob", "NT AUTHORITY\\SYSTEM",
				    "CORP\\svc_backup", "NT AUTHORITY\\NETWORK SERVICE"};
static const char *const names[] = {"alice", "bob",	   "carol",	   "WS-0413$",
				    "DC01$", "svc_backup", "Administrator"};
static const char *const hosts[] = {"ws-0413.corp.example.org", "dc01.corp.example.org",
				    "srv-file2.corp.example.org"};
static const char *const addresses[] = {"10.20.30.40",
					"10.20.31.7",
					"192.168.178.22",
					"203.0.113.77",
					"fe80::1c2d:3e4f:5a6b:7c8d",
					"-"};
static const char *const levels[] = {"Medium", "High", "System", "Low"};
static const char *const keys[] = {
	"HKLM\\System\\CurrentControlSet\\Services\\bam\\State\\UserSettings\\S-1-5-21-1-2-3-1001",
	"HKU\\S-1-5-21-1-2-3-"
	"1001\\Software\\Microsoft\\Windows\\CurrentVersion\\Explorer\\RecentDocs",
	"HKLM\\SOFTWARE\\Microsoft\\Windows\\CurrentVersion\\Run\\Updater"};
static const char script[] =
	"function Get-Inventory {\n\tparam([string]$Path = \"C:\\ProgramData\")\n\tGet-ChildItem "
	"-Path $Path -Recurse |\n"
	"\t\tWhere-Object { $_.Length -gt 1MB } |\n\t\tForEach-Object { \"{0}\\t{1}\" -f "
	"$_.FullName, $_.Length }\n}\n";

/* Values that change from record to record; they live until the next record. */
static struct fresh {
	uint8_t level, opcode, version;
	uint16_t task, id;
	uint64_t keywords, time, record;
	uint32_t pid, tid, n[6];
	uint8_t guid[3][16];
	uint8_t sid[28], system[12];
	uint64_t logon[2];
	char text[6][1400];
} f;

static void fresh(uint64_t record)
{
	static const uint8_t sid[28] = {1,    5,    0,	  0,	0,    0,    0,	  5,	21,   0,
					0,    0,    0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77, 0x08,
					0x99, 0xaa, 0xbb, 0x0c, 0xe9, 3,    0,	  0};
	static const uint8_t local[12] = {1, 1, 0, 0, 0, 0, 0, 5, 18, 0, 0, 0};

	f.level = 4;
	f.keywords = UINT64_C(0x8000000000000000);
	f.time = begins + record * 3140000 + dice(3000000);
	f.record = record;
	f.pid = 400 + dice(9000) / 4 * 4;
	f.tid = 500 + dice(9000) / 4 * 4;
	for (unsigned i = 0; i < 6; i++)
		f.n[i] = dice(60000);
	for (unsigned i = 0; i < 3; i++)
		for (unsigned k = 0; k < 16; k++)
			f.guid[i][k] = (uint8_t)(k < 8 ? 17 * k + 3 : dice(256));
	memcpy(f.sid, sid, sizeof(sid));
	f.sid[24] = (uint8_t)dice(20);
	memcpy(f.system, local, sizeof(local));
	f.logon[0] = 0x3e7;
	f.logon[1] = 0x10000 + dice(1u << 30);
	(void)snprintf(f.text[0], sizeof(f.text[0]), "2023-09-%02u %02u:%02u:%02u.%03u",
		       1 + dice(28), dice(24), dice(60), dice(60), dice(1000));
	(void)snprintf(f.text[1], sizeof(f.text[1]),
		       "SHA1=%08X%08X%08X%08X%08X,MD5=%08X%08X%08X%08X,SHA256=%08X%08X%08X%08X%08X%"
		       "08X%08X%08X",
		       dice(~0u), dice(~0u), dice(~0u), dice(~0u), dice(~0u), dice(~0u), dice(~0u),
		       dice(~0u), dice(~0u), dice(~0u), dice(~0u), dice(~0u), dice(~0u), dice(~0u),
		       dice(~0u), dice(~0u), dice(~0u));
	(void)snprintf(f.text[2], sizeof(f.text[2]),
		       "C:\\Users\\%s\\AppData\\Local\\Temp\\%08x\\%s-%u.tmp", PICK(names),
		       dice(~0u), PICK(names), dice(100000));
	(void)snprintf(f.text[3], sizeof(f.text[3]), "%u", 1024 + dice(64000));
	(void)snprintf(f.text[4], sizeof(f.text[4]), "%s %u", PICK(commands), dice(1000000));
	if (one_host && dice(100000) == 0)
		(void)snprintf(f.text[4], sizeof(f.text[4]),
			       "C:\\Users\\Public\\beacon.exe -port 4444");
}

static int add(struct evtx_writer *w, struct evtx_writer_template *t, unsigned id, unsigned task,
	       const char *channel, struct evtx_writer_template *inner,
	       const struct evtx_writer_value *values, unsigned count)
{
	f.id = (uint16_t)id;
	f.task = (uint16_t)task;
	const struct evtx_writer_value all[] = {
		BYTES(0x04, &f.level, 1),
		BYTES(0x04, &f.opcode, 1),
		BYTES(0x06, &f.task, 2),
		BYTES(0x06, &f.id, 2),
		NOTHING,
		BYTES(0x15, &f.keywords, 8),
		BYTES(0x11, &f.time, 8),
		BYTES(t == &security ? 0x0f : 0x00, f.guid[2], t == &security ? 16 : 0),
		BYTES(0x08, &f.pid, 4),
		BYTES(0x08, &f.tid, 4),
		BYTES(0x0a, &f.record, 8),
		BYTES(0x04, &f.version, 1),
		BYTES(t == &security ? 0x00 : 0x13, f.system, t == &security ? 0 : 12),
		NOTHING,
		TEXT(channel),
		TEXT(one_host ? one_host : PICK(hosts)),
		{.type = 0x21, .nested = inner, .values = values, .count = (uint16_t)count},
	};

	return evtx_writer_record(w, f.time, t, all, sizeof(all) / sizeof(all[0]));
}

#define ADD(t, id, task, channel, inner, values)                                                   \
	add(w, &(t), id, task, channel, &(inner), values, sizeof(values) / sizeof((values)[0]))

static int add_sysmon(struct evtx_writer *w)
{
	static const char channel[] = "Microsoft-Windows-Sysmon/Operational";

	switch (dice(10)) {
	case 0:
	case 1: {
		const struct evtx_writer_value v[] = {
			TEXT("-"),
			TEXT(f.text[0]),
			BYTES(0x0f, f.guid[0], 16),
			BYTES(0x08, &f.n[0], 4),
			TEXT(PICK(images)),
			TEXT("10.0.19041.546 (WinBuild.160101.0800)"),
			TEXT("Host Process for Windows Services"),
			TEXT("Microsoft\xc2\xae Windows\xc2\xae Operating System"),
			TEXT("Microsoft Corporation"),
			TEXT("svchost.exe"),
			TEXT(f.text[4]),
			TEXT("C:\\Windows\\system32\\"),
			TEXT(PICK(users)),
			BYTES(0x0f, f.guid[1], 16),
			BYTES(0x15, &f.logon[1], 8),
			BYTES(0x08, &f.n[1], 4),
			TEXT(PICK(levels)),
			TEXT(f.text[1]),
			BYTES(0x0f, f.guid[2], 16),
			BYTES(0x08, &f.n[2], 4),
			TEXT(PICK(images)),
			TEXT(PICK(commands))};
		return ADD(sysmon, 1, 1, channel, data_sysmon1, v);
	}
	case 2:
	case 3: {
		static const uint32_t yes = 1, no = 0;
		const uint16_t port = (uint16_t)f.n[4], to = 443;
		const struct evtx_writer_value v[] = {TEXT("-"),
						      TEXT(f.text[0]),
						      BYTES(0x0f, f.guid[0], 16),
						      BYTES(0x08, &f.n[0], 4),
						      TEXT(PICK(images)),
						      TEXT(PICK(users)),
						      TEXT("tcp"),
						      BYTES(0x0d, &yes, 4),
						      BYTES(0x0d, &no, 4),
						      TEXT(PICK(addresses)),
						      TEXT(PICK(hosts)),
						      BYTES(0x06, &port, 2),
						      TEXT("-"),
						      BYTES(0x0d, &no, 4),
						      TEXT(PICK(addresses)),
						      TEXT("-"),
						      BYTES(0x06, &to, 2),
						      TEXT("https")};
		return ADD(sysmon, 3, 3, channel, data_sysmon3, v);
	}
	case 4:
	case 5: {
		const struct evtx_writer_value v[] = {
			TEXT("-"),
			TEXT(f.text[0]),
			BYTES(0x0f, f.guid[0], 16),
			BYTES(0x08, &f.n[0], 4),
			TEXT(PICK(images)),
			TEXT("C:\\Windows\\System32\\ntdll.dll"),
			TEXT("10.0.19041.1 (WinBuild.160101.0800)"),
			TEXT("NT Layer DLL"),
			TEXT("Microsoft\xc2\xae Windows\xc2\xae Operating System"),
			TEXT("Microsoft Corporation"),
			TEXT("ntdll.dll"),
			TEXT(f.text[1]),
			TEXT("true"),
			TEXT("Microsoft Windows"),
			TEXT("Valid")};
		return ADD(sysmon, 7, 7, channel, data_sysmon7, v);
	}
	case 6:
	case 7: {
		const struct evtx_writer_value v[] = {TEXT("-"),
						      TEXT(f.text[0]),
						      BYTES(0x0f, f.guid[0], 16),
						      BYTES(0x08, &f.n[0], 4),
						      TEXT(PICK(images)),
						      TEXT(f.text[2]),
						      TEXT(f.text[0])};
		return ADD(sysmon, 11, 11, channel, data_sysmon11, v);
	}
	default: {
		const struct evtx_writer_value v[] = {TEXT("-"),
						      TEXT("SetValue"),
						      TEXT(f.text[0]),
						      BYTES(0x0f, f.guid[0], 16),
						      BYTES(0x08, &f.n[0], 4),
						      TEXT(PICK(images)),
						      TEXT(PICK(keys)),
						      TEXT("DWORD (0x00000001)")};
		return ADD(sysmon, 13, 13, channel, data_sysmon13, v);
	}
	}
}

static int add_security(struct evtx_writer *w)
{
	static const char channel[] = "Security";
	const uint64_t pid = f.pid;

	f.keywords = UINT64_C(0x8020000000000000);
	f.level = 0;
	switch (dice(8)) {
	case 0:
	case 1: {
		static const uint32_t type = 3, zero = 0;
		const struct evtx_writer_value v[] = {BYTES(0x13, f.system, 12),
						      TEXT(PICK(names)),
						      TEXT("CORP"),
						      BYTES(0x15, &f.logon[0], 8),
						      BYTES(0x13, f.sid, 28),
						      TEXT(PICK(names)),
						      TEXT("CORP"),
						      BYTES(0x15, &f.logon[1], 8),
						      BYTES(0x08, &type, 4),
						      TEXT("NtLmSsp "),
						      TEXT("NTLM"),
						      TEXT("WS-0413"),
						      BYTES(0x0f, f.guid[1], 16),
						      TEXT("-"),
						      TEXT("NTLM V2"),
						      BYTES(0x08, &zero, 4),
						      BYTES(0x15, &pid, 8),
						      TEXT("-"),
						      TEXT(PICK(addresses)),
						      TEXT(f.text[3]),
						      TEXT("%%1833")};
		return ADD(security, 4624, 12544, channel, data_4624, v);
	}
	case 2:
	case 3: {
		const struct evtx_writer_value v[] = {BYTES(0x13, f.sid, 28),
						      TEXT(PICK(names)),
						      TEXT("CORP"),
						      BYTES(0x15, &f.logon[1], 8),
						      BYTES(0x15, &f.logon[0], 8),
						      TEXT(PICK(images)),
						      TEXT("%%1938"),
						      BYTES(0x15, &pid, 8),
						      TEXT(f.text[4]),
						      BYTES(0x13, f.system, 12),
						      TEXT("-"),
						      TEXT("-"),
						      BYTES(0x15, &f.logon[0], 8),
						      TEXT(PICK(images)),
						      BYTES(0x13, f.system, 12)};
		return ADD(security, 4688, 13312, channel, data_4688, v);
	}
	default: {
		static const uint32_t protocol = 6;
		const struct evtx_writer_value v[] = {
			BYTES(0x0a, &pid, 8),
			TEXT("\\device\\harddiskvolume3\\windows\\system32\\svchost.exe"),
			TEXT("%%14593"),
			TEXT(PICK(addresses)),
			TEXT(f.text[3]),
			TEXT(PICK(addresses)),
			TEXT("443"),
			BYTES(0x08, &protocol, 4),
			BYTES(0x0a, &f.logon[1], 8),
			TEXT("%%14611"),
			BYTES(0x0a, &f.logon[0], 8),
			BYTES(0x13, f.system, 12),
			BYTES(0x13, f.system, 12)};
		return ADD(security, 5156, 12810, channel, data_5156, v);
	}
	}
}

static int add_powershell(struct evtx_writer *w)
{
	static const uint32_t one = 1;
	static char text[6000];
	unsigned copies = 1 + dice(12);

	text[0] = '\0';
	for (unsigned i = 0; i < copies; i++)
		(void)snprintf(text + strlen(text), sizeof(text) - strlen(text), "# %u\n%s",
			       dice(100000), script);
	const struct evtx_writer_value v[] = {BYTES(0x07, &one, 4), BYTES(0x07, &one, 4),
					      TEXT(text),
					      TEXT("a2b1c9d8-1122-3344-5566-77889900aabb"),
					      TEXT("C:\\ProgramData\\inventory.ps1")};
	f.level = 5;
	return ADD(powershell, 4104, 2, "Microsoft-Windows-PowerShell/Operational", data_4104, v);
}

static int add_part(struct evtx_writer *w, uint32_t number, uint32_t total, const char *id,
		    const char *path, const char *text)
{
	const struct evtx_writer_value v[] = {BYTES(0x07, &number, 4), BYTES(0x07, &total, 4),
					      TEXT(text), TEXT(id), TEXT(path)};

	state = 3; /* one host */
	fresh(w->record);
	f.level = 5;
	return ADD(powershell, 4104, 2, "Microsoft-Windows-PowerShell/Operational", data_4104, v);
}

static int add_service(struct evtx_writer *w)
{
	const struct evtx_writer_value v[] = {TEXT("Vendor Agent"), TEXT(f.text[2]),
					      TEXT("user mode service"), TEXT("auto start"),
					      TEXT("LocalSystem")};

	return ADD(services, 7045, 0, "System", data_7045, v);
}

/* ---- what a reader may find harder than others ---- */

static struct evtx_writer_template other = {
	.xml = EVENT("Vendor-Agent", "{1E3F8F0B-28C5-4F7B-9AD1-0123456789AB}")};

/* Values that are bytes. */
static int add_binary(struct evtx_writer *w)
{
	static struct evtx_writer_template inner = {
		.xml = "<EventData>" D("Digest", 0)
			D("Packet", 1) "<Binary>%2</Binary></EventData>"};
	static uint8_t bytes[2048];

	for (size_t i = 0; i < sizeof(bytes); i += 4) {
		uint32_t n = dice(~0u);

		memcpy(bytes + i, &n, 4);
	}
	const struct evtx_writer_value v[] = {BYTES(0x0e, bytes, 32),
					      BYTES(0x0e, bytes, (uint16_t)(64 + dice(1400))),
					      BYTES(0x0e, bytes, (uint16_t)dice(600))};
	return ADD(other, 500, 1, "Vendor-Agent/Packets", inner, v);
}

/* Texts that are not ASCII: Han and kana, Cyrillic, accents, pairs. */
static int add_foreign(struct evtx_writer *w)
{
	static struct evtx_writer_template inner = {.xml = "<EventData>" D("TargetUserName", 0)
							    D("Reason", 1) D("Path", 2)
								    D("Note", 3) "</EventData>"};
	static const char *const people[] = {"田中太郎",   "李小龙", "Мария Ивановна",
					     "Zoë Müller", "김철수", "Ωμέγα"};
	static const char *const reasons[] = {
		"アクセスが拒否されました。管理者に連絡してください。",
		"操作已成功完成。系统找不到指定的文件，请检查路径和文件名是否正确。",
		"Отказано в доступе. Обратитесь к системному администратору за помощью.",
		"L’accès est refusé : vérifiez que vous avez le privilège nécessaire."};
	static const char *const paths[] = {"C:\\Users\\田中\\ドキュメント\\報告書 2023年9月.docx",
					    "C:\\Пользователи\\Мария\\Рабочий стол\\отчёт.xlsx",
					    "C:\\Users\\Zoë\\Téléchargements\\résumé (1).pdf"};
	static const char *const notes[] = {"🔥🔥 deploy 🚀 done ✅", "完了 👍🏽", "-",
					    "𠮷野家で𩸽"};
	const struct evtx_writer_value v[] = {TEXT(PICK(people)), TEXT(PICK(reasons)),
					      TEXT(PICK(paths)), TEXT(PICK(notes))};

	return ADD(other, 501, 1, "Vendor-Agent/Operational", inner, v);
}

/* Arrays: an element for each of their items. */
static int add_arrays(struct evtx_writer *w)
{
	static struct evtx_writer_template inner = {
		.xml = "<EventData><Data>%0</Data>" D("Ports", 1) D("Owners", 2) "</EventData>"};
	static char lines[1024];
	uint8_t sids[56];
	unsigned n = 1 + dice(9);

	lines[0] = 0;
	while (n--)
		(void)snprintf(lines + strlen(lines), sizeof(lines) - strlen(lines), "%s %u\n",
			       PICK(images), dice(1000));
	memcpy(sids, f.sid, 28);
	memcpy(sids + 28, f.sid, 28);
	const struct evtx_writer_value v[] = {{.type = 0x81, .text = lines},
					      BYTES(0x88, f.n, (uint16_t)(4 * (1 + dice(6)))),
					      BYTES(0x93, sids, sizeof(sids))};
	return ADD(other, 502, 1, "Vendor-Agent/Operational", inner, v);
}

/* UserData with many elements, some absent. */
static int add_userdata(struct evtx_writer *w)
{
	static struct evtx_writer_template inner = {
		.xml = "<UserData><RuleAndFileData xmlns='http://schemas.example.org/2009/rules'>"
		       "<PolicyNameBuffer>%0</PolicyNameBuffer><RuleId>%1</"
		       "RuleId><RuleNameBuffer@2>%2</RuleNameBuffer>"
		       "<RuleSddlBuffer>%3</RuleSddlBuffer><TargetUser>%4</"
		       "TargetUser><TargetProcessId>%5</TargetProcessId>"
		       "<Paths "
		       "Count='?6'><Full>%7</Full><Short@8>%8</Short></Paths><Fqbn>%9</"
		       "Fqbn><TargetLogonId>%10</TargetLogonId>"
		       "<Extra@8><Inner a='?8' b='%5'/></Extra></RuleAndFileData></UserData>"};
	const struct evtx_writer_value v[] = {
		TEXT("EXE"),
		BYTES(0x0f, f.guid[0], 16),
		TEXT("(Default Rule) All files located in the Windows folder"),
		TEXT("D:(XA;;FX;;;S-1-1-0;(APPID://PATH Contains \"%WINDIR%\\*\"))"),
		BYTES(0x13, f.sid, 28),
		BYTES(0x08, &f.pid, 4),
		BYTES(0x08, f.n, dice(2) ? 4 : 0),
		TEXT(PICK(images)),
		NOTHING,
		TEXT("-"),
		BYTES(0x15, f.logon, 8)};

	return ADD(other, 8002, 1, "Vendor-Agent/Operational", inner, v);
}

/* Binary XML in binary XML, eight deep. */
static int add_deep(struct evtx_writer *w)
{
	static struct evtx_writer_template level[8];
	struct evtx_writer_value v[8][2];

	for (unsigned i = 0; i < 8; i++) {
		static const char *const xml[8] = {"<L0 a='%1'>%0</L0>", "<L1 a='%1'>%0</L1>",
						   "<L2 a='%1'>%0</L2>", "<L3 a='%1'>%0</L3>",
						   "<L4 a='%1'>%0</L4>", "<L5 a='%1'>%0</L5>",
						   "<L6 a='%1'>%0</L6>", "<UserData>%0</UserData>"};

		level[i].xml = xml[i];
		v[i][0] = i ? (struct evtx_writer_value){.type = 0x21,
							 .nested = &level[i - 1],
							 .values = v[i - 1],
							 .count = 2}
			    : (struct evtx_writer_value)TEXT(PICK(commands));
		v[i][1] = (struct evtx_writer_value)BYTES(0x08, &f.n[i % 6], 4);
	}
	return ADD(other, 503, 1, "Vendor-Agent/Operational", level[7], v[7]);
}

/* Templates: names in a chunk's table point into their text, which must stay. */
static struct arena kept;

static char *keep_text(const char *text)
{
	return arena_strndup(&kept, text, strlen(text));
}

/* A template of its own for each record. */
static int add_unique(struct evtx_writer *w)
{
	char xml[1024];
	struct evtx_writer_template inner = {0};
	const struct evtx_writer_value v[] = {TEXT(PICK(commands)), BYTES(0x08, f.n, 4),
					      TEXT(PICK(users))};

	(void)snprintf(xml, sizeof(xml),
		       "<EventData><Data Name='Command%u'>%%0</Data><Data Name='Count'>%%1</Data>"
		       "<Data Name='User%u'>%%2</Data></EventData>",
		       dice(500), dice(500));
	inner.xml = keep_text(xml);
	return ADD(other, 504, 1, "Vendor-Agent/Operational", inner, v);
}

/* ---- whatever the format allows ---- */

#define HOLES	   10
#define TEXT_HOLES 8 /* binary XML is in those behind: elements do not stand in attributes */

static void random_text(struct buffer *b, bool attribute)
{
	static const char *const texts[] = {
		"some text",	 " blanks  inside ", "&lt;&amp;&gt;",
		"&#233;&#8364;", "&quot;&apos;",     "tab\tand line\nend",
		"100%% sure??",	 "日本語",	     "x"};

	for (unsigned n = 1 + dice(2); n--;) {
		if (dice(2))
			buffer_string(b, PICK(texts));
		else
			buffer_printf(b, "%c%u", '%', dice(attribute ? TEXT_HOLES : HOLES));
	}
}

static void random_element(struct buffer *b, unsigned depth)
{
	static const char *const elements[] = {"Data",	"Data", "Data", "ComplexData",	"Item",
					       "Inner", "a",	"b",	"Long.Name-1_x"};
	static const char *const attributes[] = {"Name", "Type", "v", "w", "State"};
	const char *name = PICK(elements);

	buffer_printf(b, "<%s", name);
	if (dice(4) == 0)
		buffer_printf(b, "@%u", dice(HOLES));
	for (unsigned n = dice(3), k = dice(5); n--; k++) {
		buffer_printf(b, " %s='", attributes[k % 5]);
		if (dice(2))
			buffer_printf(b, "%s%u", PICK(names)[0] == 'a' ? "Field" : "Param",
				      dice(9));
		else if (dice(2))
			buffer_printf(b, "?%u", dice(TEXT_HOLES));
		else
			random_text(b, true);
		buffer_char(b, '\'');
	}
	switch (dice(depth < 3 ? 9 : 6)) {
	case 0:
		buffer_string(b, "/>");
		return;
	case 1:
	case 2:
	case 3:
		buffer_printf(b, ">%%%u", dice(HOLES));
		break;
	case 4:
		buffer_char(b, '>');
		random_text(b, false);
		break;
	case 5:
		buffer_string(b, dice(2) ? "><![CDATA[a < b & c]]>" : "><?target its data?>");
		if (dice(2))
			random_text(b, false);
		break;
	default:
		buffer_char(b, '>');
		for (unsigned n = 1 + dice(4); n--;)
			random_element(b, depth + 1);
	}
	buffer_printf(b, "</%s>", name);
}

/* Bytes of a value of this type; *text gets what the writer wants as text instead. */
static unsigned random_bytes(unsigned type, uint8_t *p)
{
	static const uint64_t numbers[] = {0,
					   1,
					   127,
					   128,
					   255,
					   32768,
					   65535,
					   UINT64_C(0x7fffffff),
					   UINT64_C(0x80000000),
					   UINT64_C(0xffffffff),
					   UINT64_C(0x7fffffffffffffff),
					   UINT64_C(0x8000000000000000),
					   UINT64_MAX,
					   UINT64_C(116444736000000000),
					   UINT64_C(133400000001234567),
					   UINT64_C(2650467743999999999)};
	static const double reals[] = {
		0.0,	    -0.0, 1.5,	      -1e300,		1e-310,
		0.1,	    3.0,  12345678.0, (double)INFINITY, -(double)INFINITY,
		(double)NAN};
	static const uint8_t sizes[] = {0, 0, 0, 1, 1,	2, 2, 4,  4, 8, 8,
					4, 8, 4, 0, 16, 8, 8, 16, 0, 4, 8};
	uint64_t n = PICK(numbers);
	double d = PICK(reals);
	float g = (float)d;

	switch (type) {
	case 0x0b:
		memcpy(p, &g, 4);
		break;
	case 0x0c:
		memcpy(p, &d, 8);
		break;
	case 0x0d:
		n &= 1;
		memcpy(p, &n, 4);
		break;
	case 0x0e:
		for (unsigned i = 0; i < 64; i++)
			p[i] = (uint8_t)dice(256);
		return dice(64);
	case 0x0f:
		memcpy(p, f.guid[dice(3)], 16);
		break;
	case 0x11: /* what evtx_dump writes past 9999 is another question */
		n %= UINT64_C(2650467744000000000);
		memcpy(p, &n, 8);
		break;
	case 0x12: {
		const uint16_t time[8] = {
			(uint16_t)(1601 + dice(600)), (uint16_t)(1 + dice(12)), 3,
			(uint16_t)(1 + dice(28)),     (uint16_t)dice(24),	(uint16_t)dice(60),
			(uint16_t)dice(60),	      (uint16_t)dice(1000)};
		memcpy(p, time, 16);
		break;
	}
	case 0x13:
		memcpy(p, f.sid, 28);
		if (dice(2))
			return memcpy(p, f.system, 12), 12;
		return 28;
	default:
		memcpy(p, &n, 8);
		if (type == 0x10 && dice(2))
			return 4;
	}
	return type < sizeof(sizes) ? sizes[type] : 0;
}

static int add_any(struct evtx_writer *w, bool odd)
{
	static struct evtx_writer_template made[150], plain[4];
	static const char *const texts[] = {"",
					    "plain",
					    "<tag attr=\"1\">&'",
					    "line\r\nbreak\ttab",
					    "日本語 ё ü 🔥",
					    "trailing ",
					    "\001\037control",
					    "-",
					    "0x10",
					    "C:\\Windows\\System32\\cmd.exe /c \"dir\""};
	static const char *const lists[] = {"", "one\n", "one\ntwo\nthree\n", "\n\n",
					    "a<b\n&\n日本\n"};
	static const char *const fragments[] = {"<A>x</A>", "<B b='c'><C>deep</C></B>",
						"<Data Name='F'>a &amp; b</Data>", "text only"};
	static uint8_t bytes[HOLES][512];
	struct evtx_writer_template *t = &made[dice(150)];
	struct evtx_writer_value v[HOLES], inner[2] = {TEXT("inner text"), BYTES(0x08, f.n, 4)};

	if (!t->xml) {
		struct buffer b = {0};
		bool user = dice(4) == 0;

		buffer_string(&b, user ? "<UserData><Outer xmlns='urn:x'>" : "<EventData>");
		for (unsigned n = dice(7); n--;)
			random_element(&b, 0);
		buffer_string(&b, user ? "</Outer></UserData>" : "</EventData>");
		t->xml = keep_text(buffer_text(&b));
		buffer_release(&b);
	}
	for (unsigned i = 0; i < 4; i++)
		plain[i].xml = ((const char *const[]){"<X>%0</X>", "<X a='%0'>%1</X>",
						      "<X@1>%1</X>", "%0"})[i];
	for (unsigned i = 0; i < HOLES; i++) {
		unsigned type = dice(0x18), size = 0;

		type = type == 0x16 && (odd || i >= TEXT_HOLES) ? 0x21 : type > 0x15 ? 0x01 : type;
		v[i] = (struct evtx_writer_value){.type = (uint8_t)type};
		if (type == 0x01 || type == 0x02) {
			v[i].text = PICK(texts);
			if (type == 0x02) /* of one code page: ASCII is in all of them */
				v[i].text = dice(2) ? "ansi <text>" : "";
		} else if (type == 0x21) {
			v[i].nested = dice(3) ? &plain[dice(odd ? 4 : 3)] : NULL;
			v[i].values = inner;
			v[i].count = 2;
			v[i].fragment = v[i].nested && (!odd || dice(2))
						? NULL
						: fragments[dice(odd ? 4 : 3)];
		} else {
			size = random_bytes(type, bytes[i]);
			if (dice(6) == 0 && type && type != 0x0e && type != 0x10) {
				unsigned n = dice(4);

				v[i].type |= 0x80;
				for (unsigned k = 1; k < n; k++)
					size += random_bytes(type, bytes[i] + size);
				size = n ? size : 0;
			}
			v[i].data = bytes[i];
			if (odd && dice(3) == 0)
				size = dice(40);
			v[i].size = (uint16_t)size;
		}
		if (type == 0x01 && dice(6) == 0) {
			v[i].type = 0x81;
			v[i].text = PICK(lists);
		}
		if (odd && dice(8) == 0)
			v[i].type = (uint8_t)dice(256);
		if (v[i].type == 0x21 && type != 0x21)
			v[i].type = 0;
		if (v[i].type == 0x81 || v[i].type == 0x01 || v[i].type == 0x02 ||
		    v[i].type == 0x23)
			v[i].text = v[i].text ? v[i].text : "odd";
	}
	return ADD(other, 505, 1, "Vendor-Agent/Operational", *t, v);
}

static int add_random(struct evtx_writer *w)
{
	return add_any(w, false);
}

/* Sizes and types that do not fit each other. */
static int add_odd(struct evtx_writer *w)
{
	return add_any(w, true);
}

/* One record fills most of a chunk. */
static int add_huge(struct evtx_writer *w)
{
	static char text[29000];
	size_t n = 0;

	while (n < sizeof(text) - 400) {
		n += (size_t)snprintf(text + n, sizeof(text) - n, "[%u] %s\r\n", dice(1000000),
				      PICK(commands));
		n += (size_t)snprintf(text + n, sizeof(text) - n, "%s", script);
	}
	const struct evtx_writer_value v[] = {
		BYTES(0x07, &f.n[0], 4), BYTES(0x07, &f.n[1], 4), TEXT(text),
		TEXT("a2b1c9d8-1122-3344-5566-77889900aabb"), TEXT("")};
	return ADD(powershell, 4104, 2, "Microsoft-Windows-PowerShell/Operational", data_4104, v);
}

static int add_mixed(struct evtx_writer *w)
{
	uint32_t which = dice(100);

	return which < 45   ? add_sysmon(w)
	       : which < 90 ? add_security(w)
	       : which < 97 ? add_powershell(w)
			    : add_service(w);
}

/* Kinds that a log has few of, down to one in a million. */
static int add_rare(struct evtx_writer *w)
{
	static struct evtx_writer_template logoff = {
		.xml = "<EventData>" D("TargetUserSid", 0) D("TargetUserName", 1)
			D("TargetDomainName", 2) D("TargetLogonId", 3)
				D("LogonType", 4) "</EventData>"};
	static struct evtx_writer_template failure = {
		.xml = "<EventData>" D("TargetUserName", 0) D("Status", 1) D("LogonType", 2)
			D("WorkstationName", 3) D("IpAddress", 4) "</EventData>"};
	static struct evtx_writer_template stopped = {
		.xml = "<EventData>" D("RuleName", 0) D("UtcTime", 1) D("ProcessGuid", 2)
			D("ProcessId", 3) D("Image", 4) "</EventData>"};
	static struct evtx_writer_template asked = {
		.xml = "<EventData>" D("UtcTime", 0) D("ProcessId", 1) D("QueryName", 2)
			D("QueryResults", 3) D("Image", 4) "</EventData>"};
	static struct evtx_writer_template task = {
		.xml = "<EventData>" D("SubjectUserName", 0) D("TaskName", 1) D("TaskContent", 2)
			D("ClientProcessId", 3) D("ParentProcessId", 4) "</EventData>"};
	static struct evtx_writer_template account = {
		.xml = "<EventData>" D("TargetUserName", 0) D("TargetDomainName", 1)
			D("TargetSid", 2) D("SubjectUserName", 3)
				D("SubjectLogonId", 4) "</EventData>"};
	static struct evtx_writer_template cleared = {
		.xml = "<UserData><LogFileCleared><SubjectUserName>%0</SubjectUserName>"
		       "<SubjectDomainName>%1</SubjectDomainName></LogFileCleared></UserData>"};
	static const char sysmon_channel[] = "Microsoft-Windows-Sysmon/Operational";
	const uint32_t type = 2 + dice(10);
	uint32_t which = dice(100000);

	(void)snprintf(f.text[5], sizeof(f.text[5]), "h%u.cdn-%u.example.net", dice(5000),
		       dice(40));
	if (which < 50000) {
		const struct evtx_writer_value v[] = {BYTES(0x13, f.sid, 28), TEXT(PICK(names)),
						      TEXT("CORP"), BYTES(0x15, &f.logon[1], 8),
						      BYTES(0x08, &type, 4)};
		return ADD(security, 4634, 12545, "Security", logoff, v);
	}
	if (which < 70000) {
		const struct evtx_writer_value v[] = {TEXT(PICK(names)), TEXT("0xc000006d"),
						      BYTES(0x08, &type, 4), TEXT(f.text[3]),
						      TEXT(PICK(addresses))};
		return ADD(security, 4625, 12544, "Security", failure, v);
	}
	if (which < 90000) {
		const struct evtx_writer_value v[] = {TEXT("-"), TEXT(f.text[0]),
						      BYTES(0x0f, f.guid[0], 16),
						      BYTES(0x08, &f.n[0], 4), TEXT(PICK(images))};
		return ADD(sysmon, 5, 5, sysmon_channel, stopped, v);
	}
	if (which < 98900) {
		const struct evtx_writer_value v[] = {TEXT(f.text[0]), BYTES(0x08, &f.n[0], 4),
						      TEXT(f.text[5]), TEXT(PICK(addresses)),
						      TEXT(PICK(images))};
		return ADD(sysmon, 22, 22, sysmon_channel, asked, v);
	}
	if (which < 99990) {
		const struct evtx_writer_value v[] = {TEXT(PICK(names)), TEXT(f.text[2]),
						      TEXT(f.text[4]), BYTES(0x08, &f.n[1], 4),
						      BYTES(0x08, &f.n[2], 4)};
		return ADD(security, 4698, 12804, "Security", task, v);
	}
	if (which < 99999) {
		const struct evtx_writer_value v[] = {TEXT(f.text[3]), TEXT("CORP"),
						      BYTES(0x13, f.sid, 28), TEXT(PICK(names)),
						      BYTES(0x15, &f.logon[1], 8)};
		return ADD(security, 4720, 13824, "Security", account, v);
	}
	const struct evtx_writer_value v[] = {TEXT(PICK(names)), TEXT("CORP")};
	return ADD(security, 1102, 104, "Security", cleared, v);
}

/* A log of one host of many: what it has much of, and a tenth of rare kinds. */
static int add_host(struct evtx_writer *w)
{
	return dice(10) == 0 ? add_rare(w) : add_mixed(w);
}

static const struct {
	const char *name;
	int (*add)(struct evtx_writer *w);
} kinds[] = {{"mixed", add_mixed},	 {"sysmon", add_sysmon},
	     {"security", add_security}, {"powershell", add_powershell},
	     {"binary", add_binary},	 {"foreign", add_foreign},
	     {"arrays", add_arrays},	 {"userdata", add_userdata},
	     {"deep", add_deep},	 {"unique", add_unique},
	     {"huge", add_huge},	 {"random", add_random},
	     {"odd", add_odd},		 {"host", add_host}};
#define KINDS (sizeof(kinds) / sizeof(kinds[0]))

static int write_file(void *data, const void *bytes, size_t n)
{
	return fwrite(bytes, 1, n, data) == n ? 0 : -1;
}

static int make_log(const char *path, double megabytes, const char *kind)
{
	static struct evtx_writer w;
	uint8_t head[4096] = {0};
	double limit = megabytes * 1e6;
	unsigned k = 0;
	FILE *out;

	while (k < KINDS && strcmp(kinds[k].name, kind) != 0)
		k++;
	if (k == KINDS)
		return (void)fprintf(stderr, "make_evtx: no such kind: %s\n", kind), 2;
	out = fopen(path, "wb");
	if (!out || fwrite(head, 1, sizeof(head), out) != sizeof(head))
		return perror(path), 2;
	evtx_writer_init(&w, write_file, out);
	while ((double)w.number * 65536 + 4096 < limit) {
		fresh(w.record);
		if (kinds[k].add(&w) < 0)
			return perror(path), 2;
	}
	if (evtx_writer_end(&w) < 0)
		return perror(path), 2;
	evtx_writer_head(&w, head);
	rewind(out);
	if (fwrite(head, 1, sizeof(head), out) != sizeof(head) || fclose(out) != 0)
		return perror(path), 2;
	printf("%s: %u chunks, %llu records\n", path, w.number, (unsigned long long)w.record - 1);
	return 0;
}

/* ---- fixtures ---- */

struct memory {
	struct buffer b;
	struct evtx_writer w;
};

static int write_memory(void *data, const void *bytes, size_t n)
{
	buffer_append(&((struct memory *)data)->b, bytes, n);
	return 0;
}

static struct memory *begin(void)
{
	struct memory *m = xcalloc(1, sizeof(*m));

	memset(buffer_reserve(&m->b, 4096), 0, 4096);
	m->b.len = 4096;
	evtx_writer_init(&m->w, write_memory, m);
	return m;
}

static void close_log(struct memory *m)
{
	if (m->w.record > m->w.first)
		(void)evtx_writer_end(&m->w);
	evtx_writer_head(&m->w, (uint8_t *)m->b.data);
}

static int save(struct memory *m, const char *folder, const char *name, size_t len)
{
	char path[4096];
	FILE *out;
	bool good;

	(void)snprintf(path, sizeof(path), "%s/evtx", folder);
	(void)mkdir(path, 0777);
	(void)snprintf(path, sizeof(path), "%s/evtx/%s", folder, name);
	out = fopen(path, "wb");
	if (!out)
		return perror(path), -1;
	good = fwrite(m->b.data, 1, len, out) == len;
	if (fclose(out) != 0 || !good)
		return perror(path), -1;
	return 0;
}

static void drop(struct memory *m)
{
	buffer_release(&m->b);
	free(m);
}

#define NOW UINT64_C(133400000001234567)

static void all_types(struct memory *m)
{
	static const uint8_t guid[16] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16};
	static const int8_t i8[] = {-5, 7};
	static const uint8_t u8[] = {250, 3};
	static const int16_t i16[] = {-300, 300};
	static const uint16_t u16[] = {65000, 1};
	static const int32_t i32[] = {-70000, 70000};
	static const uint32_t u32[] = {4000000000u, 2}, yes[] = {1, 0}, hex[] = {0xdeadbeef, 16};
	static const int64_t i64[] = {-5000000000, 5000000000};
	static const uint64_t u64[] = {UINT64_C(18000000000000000000), 9},
			      ticks[] = {NOW, UINT64_C(116444736000000000)};
	static const float real32[] = {1.5f, -0.25f};
	static const double real64[] = {3.25, 1e100};
	static const uint16_t time[] = {2023, 9, 3, 20, 4, 26, 40, 123};
	static const uint8_t sids[] = {1, 1, 0, 0, 0, 0, 0,  5, 18, 0, 0,    0, 1, 2,
				       0, 0, 0, 0, 0, 5, 32, 0, 0,  0, 0x20, 2, 0, 0};
	static struct evtx_writer_template t = {
		.xml = "<Event "
		       "xmlns='http://schemas.microsoft.com/win/2004/08/events/event'><System>"
		       "<Provider Name='Test-Types'/><EventID>%0</EventID><TimeCreated "
		       "SystemTime='?1'/><EventRecordID>%2</EventRecordID>"
		       "<Channel>Test</Channel><Computer>host.example.org</Computer></"
		       "System><EventData>" D("String", 3) D("Ansi", 4) D("Int8", 5) D("UInt8", 6)
			       D("Int16", 7) D("UInt16", 8) D("Int32", 9) D("UInt32", 10) D(
				       "Int64", 11) D("UInt64", 12) D("Float", 13) D("Double", 14)
				       D("Boolean", 15) D("Binary", 16) D("Guid", 17) D("Size", 18)
					       D("FileTime", 19) D("SystemTime", 20) D("Sid", 21) D(
						       "Hex32", 22) D("Hex64", 23) D("Null", 24)
						       D("Missing", 99) "</EventData></Event>"};
	const uint16_t id = 1;

	for (unsigned array = 0; array < 2; array++) {
		const uint8_t flag = array ? 0x80 : 0;
#define V(type, data, size)                                                                        \
	BYTES((uint8_t)(type | flag), data, (uint16_t)(array ? 2 * (size) : (size)))
		const uint64_t record = m->w.record;
		const struct evtx_writer_value v[] = {
			BYTES(0x06, &id, 2),
			BYTES(0x11, ticks, 8),
			BYTES(0x0a, &record, 8),
			{.type = (uint8_t)(1 | flag),
			 .text = array ? "one\n\xc3\xa9t\xc3\xa9 \xf0\x9f\x94\x8d\n\"quoted\\\"\n"
				       : "one \"quoted\\\" \xc3\xa9t\xc3\xa9 \xf0\x9f\x94\x8d "
					 "<&>\ttab"},
			{.type = 0x02, .text = "ansi \x80\xe9"},
			V(3, i8, 1),
			V(4, u8, 1),
			V(5, i16, 2),
			V(6, u16, 2),
			V(7, i32, 4),
			V(8, u32, 4),
			V(9, i64, 8),
			V(10, u64, 8),
			V(11, real32, 4),
			V(12, real64, 8),
			V(13, yes, 4),
			BYTES(0x0e, guid, 5),
			V(15, guid, array ? 8 : 16),
			V(16, u64, 8),
			V(17, ticks, 8),
			BYTES((uint8_t)(18 | flag), time, 16),
			BYTES((uint8_t)(19 | flag), sids, (uint16_t)(array ? 28 : 12)),
			V(20, hex, 4),
			V(21, u64, 8),
			NOTHING};

		(void)evtx_writer_record(&m->w, NOW, &t, v, sizeof(v) / sizeof(v[0]));
	}
	/* Sizes that do not fit their types: nothing may be read beside them. */
	const uint64_t record = m->w.record;
	const struct evtx_writer_value odd[] = {BYTES(0x06, &id, 2),	 BYTES(0x11, ticks, 8),
						BYTES(0x0a, &record, 8), TEXT(""),
						{.type = 2, .text = ""}, BYTES(3, i8, 0),
						BYTES(4, u8, 0),	 BYTES(5, i16, 1),
						BYTES(6, u16, 1),	 BYTES(7, i32, 3),
						BYTES(8, u32, 2),	 BYTES(9, i64, 4),
						BYTES(10, u64, 7),	 BYTES(11, real32, 2),
						BYTES(12, real64, 4),	 BYTES(13, yes, 1),
						BYTES(0x0e, guid, 0),	 BYTES(15, guid, 8),
						BYTES(16, u64, 4),	 BYTES(17, ticks, 4),
						BYTES(18, time, 8),	 BYTES(19, sids, 5),
						BYTES(20, hex, 2),	 BYTES(21, u64, 3),
						BYTES(0x77, guid, 4)};
	(void)evtx_writer_record(&m->w, NOW, &t, odd, sizeof(odd) / sizeof(odd[0]));
}

#define SYSTEM(provider)                                                                           \
	"<System><Provider Name='" provider                                                        \
	"'/><EventID Qualifiers='?3'>%0</EventID><Version@4>%4</Version>"                          \
	"<TimeCreated "                                                                            \
	"SystemTime='?1'/><EventRecordID>%2</EventRecordID><Channel>Application</"                 \
	"Channel><Computer>host.example.org</Computer>"                                            \
	"<Security UserID='?5'/></System>"
#define COMMON                                                                                     \
	BYTES(0x06, &id, 2), BYTES(0x11, &ticks, 8), BYTES(0x0a, &m->w.record, 8),                 \
		BYTES(0x06, &qualifiers, 2), NOTHING, BYTES(0x13, sid, 12)

static void all_shapes(struct memory *m)
{
	static const uint16_t id = 1000, qualifiers = 16384;
	static const uint64_t ticks = NOW;
	static const uint8_t sid[12] = {1, 1, 0, 0, 0, 0, 0, 5, 19, 0, 0, 0};
	static struct evtx_writer_template positional = { .xml = "<Event>" SYSTEM("Old") "<EventData><Data>%6</Data><Data>%7</Data><Binary>%8</Binary></EventData></Event>" };
	static struct evtx_writer_template twice = { .xml = "<Event>" SYSTEM("Twice") "<EventData><Data Name='Level'>%6</Data><Data Name='Channel'>%7</Data><Data Name='Level'>c</Data></EventData></Event>" };
	static struct evtx_writer_template user = { .xml = "<Event>" SYSTEM("User") "<UserData><Outer xmlns='urn:x' Kind='?6'><First>%7</First><Inner><Second Unit='ms'>%6</Second></Inner><Empty/></Outer></UserData></Event>" };
	static struct evtx_writer_template mixed = { .xml = "<Event>" SYSTEM("Mixed") "<EventData><Data Name='Text'>a &lt; b &amp; &#233; %6 and ?7.</Data><Data Name='C'><![CDATA[x < y]]></Data>"
		"<Data Name='%6'>named by a value</Data><?target some data?></EventData></Event>" };
	static struct evtx_writer_template outer = {.xml = "<Event>" SYSTEM("Nested") "%6</Event>"};
	static struct evtx_writer_template inner = {
		.xml = "<EventData><Data Name='A'>%0</Data>%1</EventData>"};
	static struct evtx_writer_template innermost = {.xml = "<Data Name='B'>%0</Data>"};
	static struct evtx_writer_template forwarded = { .xml = "<Event>" SYSTEM("Forwarded") "<EventData><Data Name='X'>%6</Data></EventData>"
		"<RenderingInfo Culture='en-US'><Message>%7</Message><Level>Information</Level><Keywords><Keyword>Classic</Keyword></Keywords></RenderingInfo></Event>" };
	{
		const struct evtx_writer_value v[] = {COMMON, TEXT("first"), NOTHING,
						      BYTES(0x0e, sid, 4)};
		(void)evtx_writer_record(&m->w, NOW, &positional, v, 9);
	}
	{
		const struct evtx_writer_value v[] = {
			COMMON, {.type = 0x81, .text = "one\ntwo\nthree\n"}, TEXT("last"), NOTHING};
		(void)evtx_writer_record(&m->w, NOW, &positional, v, 9);
	}
	{
		const struct evtx_writer_value v[] = {COMMON, TEXT("a"), TEXT("b")};
		(void)evtx_writer_record(&m->w, NOW, &twice, v, 8);
	}
	{
		const struct evtx_writer_value v[] = {COMMON, TEXT("k"), TEXT("leaf")};
		(void)evtx_writer_record(&m->w, NOW, &user, v, 8);
	}
	{
		const struct evtx_writer_value v[] = {COMMON, TEXT("value"), NOTHING};
		(void)evtx_writer_record(&m->w, NOW, &mixed, v, 8);
	}
	{
		const struct evtx_writer_value b[] = {TEXT("deep")},
					       a[] = {TEXT("shallow"), NESTED(&innermost, b)};
		const struct evtx_writer_value v[] = {COMMON, NESTED(&inner, a)};
		(void)evtx_writer_record(&m->w, NOW, &outer, v, 7);
	}
	{
		const struct evtx_writer_value a[] = {TEXT("alone"), NOTHING};
		const struct evtx_writer_value v[] = {COMMON, NESTED(&inner, a)};
		(void)evtx_writer_record(&m->w, NOW, &outer, v, 7);
	}
	{
		const struct evtx_writer_value v[] = {
			COMMON,
			{.type = 0x21,
			 .fragment = "<EventData><Data Name='Raw'>no "
				     "template</Data><Data>plain</Data></EventData>"}};
		(void)evtx_writer_record(&m->w, NOW, &outer, v, 7);
	}
	{
		const struct evtx_writer_value v[] = {COMMON, TEXT("x"),
						      TEXT("What Windows would say.")};
		(void)evtx_writer_record(&m->w, NOW, &forwarded, v, 8);
	}
	(void)evtx_writer_fragment(
		&m->w, NOW,
		"<Event><System><Provider "
		"Name='No-Template'/><EventID>7</EventID><EventRecordID>10</EventRecordID>"
		"<TimeCreated "
		"SystemTime='2023-09-20T04:26:40.1234567Z'/><Computer>host.example.org</Computer></"
		"System><EventData><Data Name='A'>b</Data></EventData></Event>");
}

static void some_records(struct memory *m, unsigned count)
{
	state = 7;
	for (unsigned i = 0; i < count; i++) {
		fresh(m->w.record);
		(void)(i % 3 == 0   ? add_security(&m->w)
		       : i % 3 == 1 ? add_sysmon(&m->w)
				    : add_service(&m->w));
	}
}

/* Offset of record n (from 1) of the first chunk. */
static size_t record_offset(const struct memory *m, unsigned n)
{
	size_t at = 4096 + 512;

	while (--n)
		at += (uint8_t)m->b.data[at + 4] | (size_t)(uint8_t)m->b.data[at + 5] << 8;
	return at;
}

static int fixtures(const char *folder)
{
	struct memory *m = begin();
	int status;

	all_types(m);
	close_log(m);
	status = save(m, folder, "types.evtx", m->b.len);
	drop(m);

	m = begin();
	all_shapes(m);
	close_log(m);
	status |= save(m, folder, "shapes.evtx", m->b.len);
	drop(m);

	m = begin();
	some_records(m, 15);
	close_log(m);
	status |= save(m, folder, "healthy.evtx", m->b.len);
	status |= save(m, folder, "cut.evtx", record_offset(m, 5) + 100);
	m->b.data[record_offset(m, 3) + 4] = 0; /* a size of 256 or less */
	m->b.data[record_offset(m, 3) + 5] = 0;
	status |= save(m, folder, "zero-size.evtx", m->b.len);
	drop(m);

	m = begin();
	some_records(m, 12);
	close_log(m);
	memset(m->b.data + record_offset(m, 4) + 24, 0xff, 40); /* body of a record */
	m->b.data[record_offset(m, 9) + 24 + 10] ^= 0x55;	/* offset of a template */
	memset(m->b.data, 0, 4096);				/* file header */
	status |= save(m, folder, "damaged.evtx", m->b.len);
	drop(m);

	/* Script blocks in parts: out of order, with other records between, with parts missing; and
	 * commands that are encoded. */
	m = begin();
	(void)add_part(&m->w, 2, 3, "aaaaaaaa-0000-0000-0000-000000000001", "C:\\a.ps1",
		       "-Mimi\nWrite-Host 'two \xf0\x9f\x98\x80'\n");
	(void)add_part(&m->w, 1, 7, "aaaaaaaa-0000-0000-0000-000000000002", "", "one;");
	(void)add_part(&m->w, 1, 3, "aaaaaaaa-0000-0000-0000-000000000001", "C:\\a.ps1", "Invoke");
	(void)add_part(&m->w, 2, 7, "aaaaaaaa-0000-0000-0000-000000000002", "", "two;");
	(void)add_part(&m->w, 1, 1, "aaaaaaaa-0000-0000-0000-000000000003", "",
		       "powershell -nop -enc dwBoAG8AYQBtAGkAIAAvAGEAbABsAA==");
	(void)add_part(&m->w, 5, 7, "aaaaaaaa-0000-0000-0000-000000000002", "", "five;");
	(void)add_part(&m->w, 3, 3, "aaaaaaaa-0000-0000-0000-000000000001", "C:\\a.ps1",
		       "# three, and the end");
	(void)add_part(&m->w, 7, 7, "aaaaaaaa-0000-0000-0000-000000000002", "", "seven");
	close_log(m);
	status |= save(m, folder, "scripts.evtx", m->b.len);
	drop(m);

	/* One script in two logs, of which neither has all of it. */
	m = begin();
	(void)add_part(&m->w, 1, 3, "bbbbbbbb-0000-0000-0000-000000000001", "C:\\b.ps1", "Invoke-");
	(void)add_part(&m->w, 2, 3, "bbbbbbbb-0000-0000-0000-000000000001", "C:\\b.ps1", "Rub");
	close_log(m);
	status |= save(m, folder, "scripts-old.evtx", m->b.len);
	drop(m);
	m = begin();
	m->w.record = 3;
	(void)add_part(&m->w, 3, 3, "bbbbbbbb-0000-0000-0000-000000000001", "C:\\b.ps1", "eus");
	close_log(m);
	status |= save(m, folder, "scripts-new.evtx", m->b.len);
	drop(m);

	m = begin();
	some_records(m, 8);
	close_log(m);
	memset(m->b.data + 4096, 0, 128); /* the chunk's header */
	status |= save(m, folder, "no-chunk.evtx", m->b.len);
	drop(m);
	return status ? 2 : 0;
}

/* The writer keeps the names where they stand: all of stdin stays until the end. */
static int from_xml(const char *path)
{
	struct memory *m = begin();
	struct buffer all = {0};
	FILE *out = fopen(path, "wb");
	int status = out ? 0 : -1;
	size_t n;

	while ((n = fread(buffer_reserve(&all, 65536), 1, 65536, stdin)) > 0)
		all.len += n;
	for (char *line = (char *)(uintptr_t)buffer_text(&all), *end;
	     status == 0 && (end = strchr(line, '\n')); line = end + 1) {
		*end = '\0';
		status = evtx_writer_fragment(&m->w, NOW + m->w.record * 10000000, line);
	}
	close_log(m);
	if (out && (fwrite(m->b.data, 1, m->b.len, out) != m->b.len || fclose(out) != 0))
		status = -1;
	buffer_release(&all);
	drop(m);
	return status < 0 ? 2 : 0;
}

/* Logs of kind "host": seeds go round twenty hosts, each of whose logs follows its last one in time. */
static void be_host(unsigned long seed, double megabytes)
{
	static char host[40];

	(void)snprintf(host, sizeof(host), "%s-%02lu.corp.example.org",
		       seed % 20 < 16 ? "ws" : "srv", seed % 20);
	one_host = host;
	state = 42 + seed * UINT64_C(0x9e3779b97f4a7c15);
	begins += seed / 20 * UINT64_C(3140000) * (uint64_t)(megabytes * 900);
}

int main(int argc, char **argv)
{
	if (argc == 3 && strcmp(argv[1], "--xml") == 0)
		return from_xml(argv[2]);
	if (argc == 3 && strcmp(argv[1], "--fixtures") == 0)
		return fixtures(argv[2]);
	if (argc == 5)
		state = strtoull(argv[4], NULL, 10) * 2 + 1;
	if (argc == 5 && strcmp(argv[3], "host") == 0)
		be_host(strtoul(argv[4], NULL, 10), strtod(argv[2], NULL));
	if (argc >= 3 && argc <= 5)
		return make_log(argv[1], strtod(argv[2], NULL), argc >= 4 ? argv[3] : "mixed");
	(void)fputs(
		"usage: make_evtx OUT SIZE_MB [KIND [SEED]]\n       make_evtx --fixtures "
		"DIR\n       make_evtx --xml OUT < RECORDS\nkinds:",
		stderr);
	for (unsigned k = 0; k < KINDS; k++)
		(void)fprintf(stderr, " %s", kinds[k].name);
	(void)fputs("\n", stderr);
	return 2;
}
