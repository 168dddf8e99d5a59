/* The built-in profiles of Windows; the default one's rules are in collectors/windows_triage.c. */
#include "collectors/profile.h"

#include <stddef.h>

#define MB (1ull << 20)
#define TAKE(group, path, ...)                                                                     \
	{                                                                                          \
		.collector = group, .pattern = path, ##__VA_ARGS__                                 \
	}

/* The same without the browsers' and programs' own, for a first look. */
static const struct profile_rule logs[] = {
	TAKE("registry", "Windows/System32/config/SYSTEM*"),
	TAKE("registry", "Windows/System32/config/SOFTWARE*"),
	TAKE("registry", "Windows/System32/config/SAM*"),
	TAKE("registry", "Windows/System32/config/SECURITY*"),
	TAKE("registry", "~/NTUSER.DAT*"),
	TAKE("registry", "~/AppData/Local/Microsoft/Windows/UsrClass.dat*"),
	TAKE("registry", "Windows/AppCompat/Programs/Amcache.hve*"),
	TAKE("log", "Windows/System32/winevt/Logs/*.evtx"),
	TAKE("log", "Windows/System32/LogFiles/Firewall/pfirewall.*"),
	TAKE("log", "inetpub/logs/**"),
	TAKE("execution", "Windows/Prefetch/*"),
	TAKE("execution", "Windows/appcompat/pca/*"),
	TAKE("persistence", "Windows/System32/Tasks/**"),
	TAKE("persistence", "Windows/System32/wbem/Repository/**", .limit = 512 * MB),
	TAKE("user", "~/AppData/Roaming/Microsoft/Windows/PowerShell/PSReadLine/*_history.txt"),
	TAKE("defender", "ProgramData/Microsoft/Windows Defender/Support/*.log", .limit = 256 * MB),
	{.pattern = NULL},
};

/* Large, and private: only who asks gets it. */
#define WHOLE (1ull << 40)
static const struct profile_rule memory[] = {
	TAKE("memory", "hiberfil.sys", .limit = WHOLE),
	TAKE("memory", "pagefile.sys", .limit = WHOLE),
	TAKE("memory", "swapfile.sys", .limit = WHOLE),
	TAKE("memory", "Windows/MEMORY.DMP", .limit = WHOLE),
	TAKE("memory", "Windows/Minidump/*", .limit = WHOLE),
	TAKE("memory", "Windows/LiveKernelReports/**", .limit = WHOLE),
	TAKE("memory", "~/AppData/Local/CrashDumps/*", .limit = WHOLE),
	{.pattern = NULL},
};
static const struct profile_rule mail[] = {
	TAKE("mail", "~/AppData/Local/Microsoft/Outlook/*.?st", .limit = WHOLE),
	TAKE("mail", "~/Documents/Outlook Files/*.?st", .limit = WHOLE),
	TAKE("mail", "~/AppData/Local/Comms/**", .limit = WHOLE),
	TAKE("mail", "~/AppData/*/Thunderbird/Profiles/**", .limit = WHOLE),
	TAKE("chat", "~/AppData/Roaming/Microsoft/Teams/**"),
	TAKE("chat", "~/AppData/Local/Packages/MSTeams_*/LocalCache/Microsoft/MSTeams/**"),
	TAKE("chat", "~/AppData/Roaming/Slack/**"),
	TAKE("chat", "~/AppData/Roaming/Signal/**"),
	TAKE("chat", "~/AppData/Roaming/discord/**"),
	TAKE("chat", "~/AppData/Roaming/Telegram Desktop/tdata/**"),
	TAKE("chat", "~/AppData/Roaming/Skype/**"),
	TAKE("chat", "~/AppData/Local/Packages/Microsoft.SkypeApp_*/LocalState/**"),
	TAKE("chat", "~/AppData/*/WhatsApp/**"),
	TAKE("chat", "~/AppData/Local/Packages/*.WhatsAppDesktop_*/LocalState/**"),
	{.pattern = NULL},
};
static const struct profile_rule nothing[] = {{.pattern = NULL}};

static const char *const none[] = {NULL};
/* What the rules of the built-in profiles mark as secret, for profiles that name it otherwise. */
static const char *const secrets[] = {
	"*/Network/Cookies*",	     "*/Login Data*",	      "*/User Data/Local State",
	"*/cookies.sqlite*",	     "*/logins.json",	      "*/key4.db*",
	"*/Windows/NTDS/*",	     "*/Microsoft/Protect/*", "*/Microsoft/Vault/*",
	"*/Microsoft/Credentials/*", "*/.ssh/id_*",	      NULL,
};

static const struct profile
	triage_profile = {"triage",
			  "live state, autoruns, hives, logs, histories, file system (the default)",
			  windows_triage,
			  none,
			  none,
			  true,
			  false,
			  true,
			  0},
	logs_profile = {"logs",	 "live state, hives, logs and histories",
			logs,	 none,
			secrets, true,
			false,	 false,
			0},
	live_profile = {"live",	 "live state and autoruns only, no files",
			nothing, none,
			secrets, true,
			false,	 false,
			0},
	memory_profile = {"memory", "hiberfil.sys, pagefile.sys, dumps; no live state",
			  memory,   none,
			  secrets,  false,
			  false,    false,
			  0},
	mail_profile = {
		"mail", "mail and chat; no live state", mail, none, none, false, false, false, 0};

const struct profile *const profiles[] = {&triage_profile, &logs_profile, &live_profile,
					  &memory_profile, &mail_profile, NULL};
