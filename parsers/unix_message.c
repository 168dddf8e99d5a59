#define _GNU_SOURCE
#include "parsers/unix_message.h"

/* Places that a {*Name} is tried to end at: no honest message comes near, and a hostile one must
 * not cost its length squared. */
#define MAX_TRIES 64

/*
 * A pattern is text that must stand there, and holes: {Name} takes a word without blanks, {+Name}
 * anything up to the next text of the pattern, {*Name} the same but as much as possible (names of
 * users are chosen by whoever attacks: "Failed password for x from 1.1.1.1 port 1 from 2.2.2.2 port
 * 2" came from 2.2.2.2). {} leaves the word out. A final ~ allows anything behind.
 */
struct pattern {
	enum event_kind kind;
	const char *text;
	const char *name, *value; /* a field that the wording implies */
};

static void put(struct unix_message *m, struct view name, struct view value)
{
	if (name.len && value.len && m->count < UNIX_MESSAGE_FIELDS) {
		m->names[m->count] = name;
		m->values[m->count++] = value;
	}
}

static void put_text(struct unix_message *m, const char *name, struct view value)
{
	put(m, view_text(name), value);
}

static struct view found(const struct unix_message *m, const char *name)
{
	for (unsigned i = 0; i < m->count; i++)
		if (view_is(m->names[i], name))
			return m->values[i];
	return VIEW_EMPTY;
}

static bool starts(struct view v, const char *s)
{
	return view_starts(v, s, strlen(s));
}

static size_t last_find(struct view v, const char *needle, size_t n)
{
	size_t end = v.len >= n ? v.len - n + 1 : 0;
	const uint8_t *hit;

	while (end > 0 && (hit = memrchr(v.data, needle[0], end)) != NULL) {
		if (memcmp(hit, needle, n) == 0)
			return (size_t)(hit - v.data);
		end = (size_t)(hit - v.data);
	}
	return v.len;
}

static bool match(struct unix_message *m, const char *pattern, struct view text)
{
	for (;;) {
		const char *name, *end, *literal;
		size_t n = 0, stop;
		struct view value;
		unsigned count = m->count;
		char mode;

		while (*pattern && *pattern != '{' && *pattern != '~') {
			if (text.len == 0 || text.data[0] != (uint8_t)*pattern)
				return false;
			text = view_from(text, 1);
			pattern++;
		}
		if (*pattern == '~')
			return true;
		if (*pattern == '\0')
			return view_trim(text).len == 0;
		name = pattern + 1;
		mode = *name == '+' || *name == '*' ? *name++ : ' ';
		end = strchr(name, '}');
		if (!end)
			return false;
		literal = end + 1;
		while (literal[n] && literal[n] != '{' && literal[n] != '~')
			n++;
		if (n == 0) {
			stop = text.len;
			if (mode == ' ')
				for (stop = 0; stop < text.len && text.data[stop] != ' ';)
					stop++;
			value = view_trim(view_clip(text, 0, stop));
			put(m, view_of(name, (size_t)(end - name)), value);
			text = view_from(text, stop);
			pattern = end + 1;
			continue;
		}
		if (mode == '*') {
			/* From the longest on: what follows has to fit. */
			struct view before = text;

			for (unsigned tries = 0;
			     tries < MAX_TRIES &&
			     (stop = last_find(before, literal, n)) < before.len;
			     tries++) {
				put(m, view_of(name, (size_t)(end - name)),
				    view_clip(text, 0, stop));
				if (match(m, end + 1, view_from(text, stop)))
					return true;
				m->count = count;
				before = view_clip(text, 0, stop + n - 1);
			}
			return false;
		}
		stop = view_find(text, 0, literal, n);
		if (stop == text.len)
			return false;
		value = view_clip(text, 0, stop);
		if (mode == ' ' && value.len && memchr(value.data, ' ', value.len))
			return false;
		put(m, view_of(name, (size_t)(end - name)), value);
		text = view_from(text, stop);
		pattern = end + 1;
	}
}

static const struct pattern sshd[] = {
	{KIND_LOGON,
	 "Accepted {AuthenticationMethod} for {*TargetUserName} from {IpAddress} port {IpPort} "
	 "ssh2: {+PublicKey}",
	 NULL, NULL},
	{KIND_LOGON,
	 "Accepted {AuthenticationMethod} for {*TargetUserName} from {IpAddress} port {IpPort}~",
	 NULL, NULL},
	{KIND_LOGON_FAILURE,
	 "Failed {AuthenticationMethod} for invalid user {*TargetUserName} from {IpAddress} port "
	 "{IpPort}~",
	 "Reason", "invalid user"},
	{KIND_LOGON_FAILURE,
	 "Failed {AuthenticationMethod} for {*TargetUserName} from {IpAddress} port {IpPort}~",
	 NULL, NULL},
	{KIND_LOGON_FAILURE, "Invalid user {*TargetUserName} from {IpAddress} port {IpPort}~",
	 "Reason", "invalid user"},
	{KIND_LOGON_FAILURE, "Invalid user {*TargetUserName} from {IpAddress}~", "Reason",
	 "invalid user"},
	{KIND_LOGON_FAILURE,
	 "User {*TargetUserName} from {IpAddress} not allowed because {+Reason}", NULL, NULL},
	{KIND_LOGON_FAILURE, "ROOT LOGIN REFUSED FROM {IpAddress} port {IpPort}~", "TargetUserName",
	 "root"},
	{KIND_LOGON_FAILURE, "ROOT LOGIN REFUSED FROM {IpAddress}~", "TargetUserName", "root"},
	{KIND_LOGON_FAILURE,
	 "error: maximum authentication attempts exceeded for invalid user {*TargetUserName} from "
	 "{IpAddress} port {IpPort}~",
	 "Reason", "maximum authentication attempts exceeded"},
	{KIND_LOGON_FAILURE,
	 "error: maximum authentication attempts exceeded for {*TargetUserName} from {IpAddress} "
	 "port {IpPort}~",
	 "Reason", "maximum authentication attempts exceeded"},
	{KIND_LOGON_FAILURE,
	 "Connection closed by authenticating user {*TargetUserName} {IpAddress} port {IpPort}~",
	 "Reason", "closed before authentication"},
	{KIND_LOGON_FAILURE,
	 "Connection closed by invalid user {*TargetUserName} {IpAddress} port {IpPort}~", "Reason",
	 "invalid user"},
	{KIND_LOGON_FAILURE,
	 "Connection reset by authenticating user {*TargetUserName} {IpAddress} port {IpPort}~",
	 "Reason", "reset before authentication"},
	{KIND_LOGON_FAILURE,
	 "Connection reset by invalid user {*TargetUserName} {IpAddress} port {IpPort}~", "Reason",
	 "invalid user"},
	{KIND_LOGON_FAILURE,
	 "Disconnected from authenticating user {*TargetUserName} {IpAddress} port {IpPort}~",
	 "Reason", "disconnected before authentication"},
	{KIND_LOGON_FAILURE,
	 "Disconnected from invalid user {*TargetUserName} {IpAddress} port {IpPort}~", "Reason",
	 "invalid user"},
	{KIND_LOGOFF, "Disconnected from user {*TargetUserName} {IpAddress} port {IpPort}~", NULL,
	 NULL},
	{KIND_OTHER, "Disconnected from {IpAddress} port {IpPort}~", NULL, NULL},
	{KIND_OTHER, "Received disconnect from {IpAddress} port {IpPort}:{+Reason}", NULL, NULL},
	{KIND_OTHER, "Connection closed by {IpAddress} port {IpPort}~", NULL, NULL},
	{KIND_OTHER, "Connection reset by {IpAddress} port {IpPort}~", NULL, NULL},
	{KIND_OTHER,
	 "Postponed {AuthenticationMethod} for {*TargetUserName} from {IpAddress} port {IpPort}~",
	 NULL, NULL},
	{KIND_NETWORK_CONNECT, "Connection from {IpAddress} port {IpPort}~", NULL, NULL},
	{KIND_OTHER, "Did not receive identification string from {IpAddress} port {IpPort}~", NULL,
	 NULL},
	{KIND_OTHER, "Unable to negotiate with {IpAddress} port {IpPort}: {+Reason}", NULL, NULL},
	{KIND_OTHER, "fatal: Timeout before authentication for {IpAddress} port {IpPort}~", NULL,
	 NULL},
	{KIND_OTHER, "banner exchange: Connection from {IpAddress} port {IpPort}: {+Reason}", NULL,
	 NULL},
	{KIND_OTHER,
	 "Starting session: {+SessionType} for {*TargetUserName} from {IpAddress} port {IpPort}~",
	 NULL, NULL},
	{KIND_OTHER, "subsystem request for {Subsystem} by user {TargetUserName}~", NULL, NULL},
	{KIND_NETWORK_LISTEN, "Server listening on {IpAddress} port {IpPort}.", NULL, NULL},
	{KIND_OTHER, NULL, NULL, NULL},
};

static const struct pattern su[] = {
	{KIND_PRIVILEGE_USE, "Successful su for {TargetUserName} by {SubjectUserName}", NULL, NULL},
	{KIND_LOGON_FAILURE, "FAILED su for {TargetUserName} by {SubjectUserName}", NULL, NULL},
	{KIND_PRIVILEGE_USE, "+ {TerminalDevice} {SubjectUserName}:{TargetUserName}", NULL, NULL},
	{KIND_LOGON_FAILURE, "- {TerminalDevice} {SubjectUserName}:{TargetUserName}", NULL, NULL},
	{KIND_PRIVILEGE_USE, "(to {TargetUserName}) {SubjectUserName} on {TerminalDevice}", NULL,
	 NULL},
	{KIND_LOGON_FAILURE,
	 "FAILED SU (to {TargetUserName}) {SubjectUserName} on {TerminalDevice}", NULL, NULL},
	{KIND_OTHER, NULL, NULL, NULL},
};

static const struct pattern accounts[] = {
	{KIND_ACCOUNT_CREATE,
	 "new user: name={TargetUserName}, UID={UserId}, GID={GroupId}, home={+Home}, "
	 "shell={+Shell}, from={+TerminalDevice}",
	 NULL, NULL},
	{KIND_ACCOUNT_CREATE,
	 "new user: name={TargetUserName}, UID={UserId}, GID={GroupId}, home={+Home}, "
	 "shell={+Shell}",
	 NULL, NULL},
	{KIND_GROUP_CHANGE, "new group: name={TargetGroupName}, GID={GroupId}", NULL, NULL},
	{KIND_GROUP_CHANGE,
	 "group added to {TargetFilename}: name={TargetGroupName}, GID={GroupId}", NULL, NULL},
	{KIND_GROUP_CHANGE, "group added to {TargetFilename}: name={TargetGroupName}", NULL, NULL},
	{KIND_GROUP_CHANGE, "add '{TargetUserName}' to group '{TargetGroupName}'", "Action", "add"},
	{KIND_GROUP_CHANGE, "add '{TargetUserName}' to shadow group '{TargetGroupName}'", "Action",
	 "add"},
	{KIND_GROUP_CHANGE, "delete '{TargetUserName}' from group '{TargetGroupName}'", "Action",
	 "delete"},
	{KIND_GROUP_CHANGE, "delete '{TargetUserName}' from shadow group '{TargetGroupName}'",
	 "Action", "delete"},
	{KIND_ACCOUNT_DELETE, "delete user '{TargetUserName}'", NULL, NULL},
	{KIND_GROUP_CHANGE, "removed group '{TargetGroupName}' owned by '{TargetUserName}'",
	 "Action", "delete"},
	{KIND_GROUP_CHANGE, "removed shadow group '{TargetGroupName}' owned by '{TargetUserName}'",
	 "Action", "delete"},
	{KIND_GROUP_CHANGE, "group '{TargetGroupName}' removed~", "Action", "delete"},
	{KIND_GROUP_CHANGE, "group changed in {}~", NULL, NULL},
	{KIND_ACCOUNT_CHANGE,
	 "change user '{TargetUserName}' {+Attribute} from '{+OldValue}' to '{+NewValue}'", NULL,
	 NULL},
	{KIND_ACCOUNT_CHANGE, "change user '{TargetUserName}' {+Attribute}", NULL, NULL},
	{KIND_ACCOUNT_CHANGE, "lock user '{TargetUserName}' password", "Attribute", "lock"},
	{KIND_ACCOUNT_CHANGE, "unlock user '{TargetUserName}' password", "Attribute", "unlock"},
	{KIND_ACCOUNT_CHANGE, "password for '{TargetUserName}' changed by '{SubjectUserName}'",
	 "Attribute", "password"},
	{KIND_ACCOUNT_CHANGE, "changed password expiry for {TargetUserName}", "Attribute",
	 "password expiry"},
	{KIND_ACCOUNT_CHANGE, "changed user '{TargetUserName}' {+Attribute}", NULL, NULL},
	{KIND_GROUP_CHANGE,
	 "user {TargetUserName} added by {SubjectUserName} to group {TargetGroupName}", "Action",
	 "add"},
	{KIND_GROUP_CHANGE,
	 "user {TargetUserName} removed by {SubjectUserName} from group {TargetGroupName}",
	 "Action", "delete"},
	{KIND_GROUP_CHANGE,
	 "members of group {TargetGroupName} set by {SubjectUserName} to {+Members}", "Action",
	 "set"},
	{KIND_OTHER, NULL, NULL, NULL},
};

static const struct pattern login[] = {
	{KIND_LOGON, "LOGIN ON {TerminalDevice} BY {TargetUserName} FROM {IpAddress}", NULL, NULL},
	{KIND_LOGON, "LOGIN ON {TerminalDevice} BY {TargetUserName}", NULL, NULL},
	{KIND_LOGON, "ROOT LOGIN ON {TerminalDevice} FROM {IpAddress}", "TargetUserName", "root"},
	{KIND_LOGON, "ROOT LOGIN ON {TerminalDevice}", "TargetUserName", "root"},
	{KIND_LOGON, "ROOT LOGIN  on '{TerminalDevice}'~", "TargetUserName", "root"},
	{KIND_LOGON_FAILURE,
	 "FAILED LOGIN ({}) on '{TerminalDevice}' from '{IpAddress}' FOR '{*TargetUserName}', "
	 "{+Reason}",
	 NULL, NULL},
	{KIND_LOGON_FAILURE,
	 "FAILED LOGIN ({}) on '{TerminalDevice}' FOR '{*TargetUserName}', {+Reason}", NULL, NULL},
	{KIND_LOGON_FAILURE,
	 "FAILED LOGIN {} FROM {TerminalDevice} FOR {*TargetUserName}, {+Reason}", NULL, NULL},
	{KIND_OTHER, NULL, NULL, NULL},
};

static const struct pattern logind[] = {
	{KIND_LOGON, "New session {SessionId} of user {TargetUserName}.", NULL, NULL},
	{KIND_LOGON, "New session '{SessionId}' of user '{TargetUserName}'~", NULL, NULL},
	{KIND_LOGOFF, "Removed session {SessionId}.", NULL, NULL},
	{KIND_OTHER, "Session {SessionId} logged out. Waiting for processes to exit.", NULL, NULL},
	{KIND_SYSTEM_STOP, "System is rebooting~", NULL, NULL},
	{KIND_SYSTEM_STOP, "System is powering down~", NULL, NULL},
	{KIND_SYSTEM_STOP, "The system will reboot now~", NULL, NULL},
	{KIND_SYSTEM_STOP, "The system will power off now~", NULL, NULL},
	{KIND_OTHER, NULL, NULL, NULL},
};

static const struct pattern systemd[] = {
	{KIND_OTHER, "Started Session {SessionId} of ~", NULL, NULL},
	{KIND_OTHER, "Started session-{SessionId}.scope~", NULL, NULL},
	{KIND_SERVICE_START, "Started {ServiceName}.service - {+ServiceDescription}.", NULL, NULL},
	{KIND_SERVICE_START, "Started {+ServiceName}.", NULL, NULL},
	{KIND_SERVICE_STOP, "Stopped {ServiceName}.service - {+ServiceDescription}.", NULL, NULL},
	{KIND_SERVICE_STOP, "Stopped {+ServiceName}.", NULL, NULL},
	{KIND_SYSTEM_STOP, "Shutting down.", NULL, NULL},
	{KIND_OTHER, NULL, NULL, NULL},
};

static const struct pattern cron[] = {
	{KIND_TASK_RUN, "({User}) CMD ({+CommandLine}", NULL, NULL},
	{KIND_OTHER, "({User}) CMDEND ({+CommandLine}", NULL, NULL},
	{KIND_TASK_CREATE, "({User}) REPLACE ({TargetUserName})", NULL, NULL},
	{KIND_TASK_DELETE, "({User}) DELETE ({TargetUserName})", NULL, NULL},
	{KIND_OTHER, "({User}) BEGIN EDIT ({TargetUserName})", NULL, NULL},
	{KIND_OTHER, "({User}) END EDIT ({TargetUserName})", NULL, NULL},
	{KIND_OTHER, "({User}) LIST ({TargetUserName})", NULL, NULL},
	{KIND_TASK_RUN, "Job `{+TaskName}' started", NULL, NULL},
	{KIND_TASK_RUN, "Starting job {TaskName} ({}) for user '{User}' ({})", NULL, NULL},
	{KIND_OTHER, NULL, NULL, NULL},
};

static const struct pattern polkit[] = {
	{KIND_PRIVILEGE_USE,
	 "Operator of {SessionId} successfully authenticated as unix-user:{TargetUserName} to gain "
	 "{+AuthorizationType} authorization for action {Action} for {+Subject}",
	 NULL, NULL},
	{KIND_LOGON_FAILURE,
	 "Operator of {SessionId} FAILED to authenticate to gain authorization for action {Action} "
	 "for {+Subject}",
	 NULL, NULL},
	{KIND_PRIVILEGE_USE,
	 "{SubjectUserName}: Executing command [USER={TargetUserName}] [TTY={TerminalDevice}] "
	 "[CWD={+CurrentDirectory}] [COMMAND={+CommandLine}",
	 NULL, NULL},
	{KIND_LOGON_FAILURE,
	 "{SubjectUserName}: Error executing command as another user: {+Reason} "
	 "[USER={TargetUserName}] [TTY={TerminalDevice}] [CWD={+CurrentDirectory}] "
	 "[COMMAND={+CommandLine}",
	 NULL, NULL},
	{KIND_PRIVILEGE_USE,
	 "{SubjectUserName} ran command {*CommandLine} as {TargetUserName} from "
	 "{+CurrentDirectory}",
	 NULL, NULL},
	{KIND_LOGON_FAILURE, "command not permitted for {SubjectUserName}: {+CommandLine}", NULL,
	 NULL},
	{KIND_OTHER, NULL, NULL, NULL},
};

static const struct pattern mail[] = {
	{KIND_LOGON,
	 "{}-login: Login: user=<{+TargetUserName}>, method={AuthenticationMethod}, "
	 "rip={IpAddress}, ~",
	 NULL, NULL},
	{KIND_LOGON_FAILURE,
	 "{}-login: {+Reason}: user=<{+TargetUserName}>, method={AuthenticationMethod}, "
	 "rip={IpAddress}, ~",
	 NULL, NULL},
	{KIND_LOGON_FAILURE,
	 "warning: {}[{IpAddress}]: SASL {AuthenticationMethod} authentication failed~", NULL,
	 NULL},
	{KIND_OTHER, NULL, NULL, NULL},
};

/* yum.log and dnf.rpm.log: "Installed: name-version.arch" stands where others have their program.
 */
static const struct pattern installed[] = {{KIND_PACKAGE_INSTALL, "{+Package}", NULL, NULL},
					   {KIND_OTHER, NULL, NULL, NULL}};
static const struct pattern removed[] = {{KIND_PACKAGE_REMOVE, "{+Package}", NULL, NULL},
					 {KIND_OTHER, NULL, NULL, NULL}};

static const struct pattern kernel[] = {
	{KIND_SYSTEM_START, "Linux version {Version} ~", NULL, NULL},
	{KIND_DEVICE_CONNECT,
	 "usb {DeviceName}: New USB device found, idVendor={VendorId}, idProduct={ProductId}, "
	 "bcdDevice={}~",
	 NULL, NULL},
	{KIND_DEVICE_CONNECT,
	 "usb {DeviceName}: New USB device found, idVendor={VendorId}, idProduct={ProductId}~",
	 NULL, NULL},
	{KIND_OTHER, "usb {DeviceName}: Product: {+Product}", NULL, NULL},
	{KIND_OTHER, "usb {DeviceName}: SerialNumber: {+SerialNumber}", NULL, NULL},
	{KIND_IMAGE_LOAD, "{ModuleName}: loading out-of-tree module taints kernel.", NULL, NULL},
	{KIND_OTHER, "{ModuleName}: module verification failed: {+Reason}", NULL, NULL},
	{KIND_INTERFACE_SEEN, "device {InterfaceName} entered promiscuous mode", NULL, NULL},
	{KIND_OTHER, NULL, NULL, NULL},
};

static const struct {
	const char *program;
	const struct pattern *patterns;
} programs[] = {
	{"sshd", sshd},
	{"sshd-session", sshd},
	{"sshd-auth", sshd},
	{"su", su},
	{"useradd", accounts},
	{"usermod", accounts},
	{"userdel", accounts},
	{"groupadd", accounts},
	{"groupmod", accounts},
	{"groupdel", accounts},
	{"passwd", accounts},
	{"chpasswd", accounts},
	{"gpasswd", accounts},
	{"chage", accounts},
	{"chfn", accounts},
	{"chsh", accounts},
	{"adduser", accounts},
	{"newusers", accounts},
	{"login", login},
	{"systemd-logind", logind},
	{"systemd", systemd},
	{"CRON", cron},
	{"cron", cron},
	{"crond", cron},
	{"CROND", cron},
	{"crontab", cron},
	{"anacron", cron},
	{"atd", cron},
	{"polkitd", polkit},
	{"polkitd(authority=local)", polkit},
	{"polkit-agent-helper-1", polkit},
	{"pkexec", polkit},
	{"doas", polkit},
	{"dovecot", mail},
	{"postfix/smtpd", mail},
	{"kernel", kernel},
	{"Installed", installed},
	{"Updated", installed},
	{"Upgraded", installed},
	{"Upgrade", installed},
	{"Reinstalled", installed},
	{"Downgraded", installed},
	{"Erased", removed},
	{"Removed", removed},
};

/* KEY=VALUE of "...; USER=root ; COMMAND=ls": up to " ; ", or the end for COMMAND, which may hold
 * one. */
static struct view sudo_value(struct view text, const char *key)
{
	size_t n = strlen(key), at = 0;

	while ((at = view_find(text, at, key, n)) < text.len) {
		struct view value = view_from(text, at + n);

		if (at == 0 || text.data[at - 1] == ' ') {
			if (strcmp(key, "COMMAND=") != 0)
				value = view_clip(value, 0, view_find(value, 0, " ; ", 3));
			return view_trim(value);
		}
		at += n;
	}
	return VIEW_EMPTY;
}

/* sudoers(5), "LOG FORMAT": who : [why not ;] TTY= ; PWD= ; [GROUP= ; TSID= ;] USER= ; [ENV= ;]
 * COMMAND= */
static void read_sudo(struct unix_message *m, struct view text)
{
	size_t colon = view_find(text, 0, " : ", 3), command = view_find(text, 0, "COMMAND=", 8);
	struct view head, first;

	if (colon == text.len || command == text.len || command < colon)
		return;
	head = view_clip(text, 0, command); /* what the command says is not sudo's */
	first = view_from(head, colon + 3);
	first = view_trim(view_clip(first, 0, view_find(first, 0, " ; ", 3)));
	m->kind = KIND_PRIVILEGE_USE;
	put_text(m, "SubjectUserName", view_trim(view_clip(text, 0, colon)));
	put_text(m, "TargetUserName", sudo_value(head, "USER="));
	put_text(m, "TerminalDevice", sudo_value(head, "TTY="));
	put_text(m, "CurrentDirectory", sudo_value(head, "PWD="));
	put_text(m, "TargetGroupName", sudo_value(head, "GROUP="));
	put_text(m, "Environment", sudo_value(head, "ENV="));
	put_text(m, "CommandLine", view_trim(view_from(text, command + 8)));
	if (!starts(first, "TTY=") && !starts(first, "PWD=") && !starts(first, "HOST=")) {
		put_text(m, "Reason", first);
		m->kind = KIND_LOGON_FAILURE;
	}
}

/* KEY=value up to a blank or the end; a blank must stand before the key. */
static struct view word_value(struct view text, const char *key)
{
	size_t n = strlen(key), at = 0;

	while ((at = view_find(text, at, key, n)) < text.len) {
		struct view value = view_from(text, at + n);

		if (at == 0 || text.data[at - 1] == ' ')
			return view_clip(value, 0, view_find(value, 0, " ", 1));
		at += n;
	}
	return VIEW_EMPTY;
}

static struct view number_in(struct view text, const char *key)
{
	size_t n = strlen(key), at = view_find(text, 0, key, n), end = at + n;

	while (end < text.len && text.data[end] >= '0' && text.data[end] <= '9')
		end++;
	return at == text.len ? VIEW_EMPTY : view_sub(text, at + n, end - at - n);
}

/*
 * Linux-PAM: "pam_unix(sshd:session): session opened for user root(uid=0) by alice(uid=1000)".
 * sshd, sudo and cron say what happened themselves in a line of their own: for these the session
 * and the failure of PAM stay KIND_OTHER, so that a logon is not counted twice.
 */
static void read_pam(struct unix_message *m, struct view text)
{
	size_t open = view_find(text, 0, "(", 1), close = view_find(text, 0, "): ", 3), by;
	struct view inside, service, type, rest, target;
	bool told;

	if (open >= close || close == text.len)
		return;
	inside = view_sub(text, open + 1, close - open - 1);
	type = inside;
	if (!view_token(&type, ':', &service))
		return;
	rest = view_from(text, close + 3);
	told = starts(service, "sshd") || starts(service, "cron") || starts(service, "sudo") ||
	       starts(service, "atd") || view_is(service, "systemd-user");
	put_text(m, "Service", service);
	if (starts(rest, "session opened for user ")) {
		rest = view_from(rest, 24);
		by = last_find(rest, " by ", 4);
		target = view_clip(rest, 0, by);
		put_text(m, "TargetUserName",
			 view_clip(target, 0, view_find(target, 0, "(uid=", 5)));
		put_text(m, "UserId", number_in(target, "(uid="));
		if (by < rest.len) {
			rest = view_from(rest, by + 4);
			put_text(m, "SubjectUserName",
				 view_clip(rest, 0, view_find(rest, 0, "(uid=", 5)));
			put_text(m, "SubjectUserId", number_in(rest, "(uid="));
		}
		m->kind = told						       ? KIND_OTHER
			  : starts(service, "su") || starts(service, "polkit") ? KIND_PRIVILEGE_USE
									       : KIND_LOGON;
	} else if (starts(rest, "session closed for user ")) {
		put_text(m, "TargetUserName", view_trim(view_from(rest, 24)));
		m->kind = starts(service, "sshd") || !(told || starts(service, "su") ||
						       starts(service, "polkit"))
				  ? KIND_LOGOFF
				  : KIND_OTHER;
	} else if (starts(rest, "authentication failure;")) {
		struct view user = word_value(rest, "user=");

		put_text(m, "TargetUserName", user);
		put_text(m, "IpAddress", word_value(rest, "rhost="));
		put_text(m, "SubjectUserName", word_value(rest, "ruser="));
		put_text(m, "TerminalDevice", word_value(rest, "tty="));
		put_text(m, "SubjectUserId", word_value(rest, "uid="));
		m->kind = starts(service, "sshd") ? KIND_OTHER : KIND_LOGON_FAILURE;
	} else if (starts(rest, "password changed for ")) {
		put_text(m, "TargetUserName", view_trim(view_from(rest, 21)));
		put_text(m, "Attribute", view_text("password"));
		m->kind = KIND_ACCOUNT_CHANGE;
	} else if (starts(rest, "check pass; user unknown")) {
		put_text(m, "Reason", view_text("user unknown"));
	} else if (starts(rest, "Consecutive login failures for user ")) {
		struct view user = view_from(rest, 36);

		put_text(m, "TargetUserName", view_clip(user, 0, view_find(user, 0, " ", 1)));
		put_text(m, "Reason", view_text("account temporarily locked"));
		m->kind = KIND_LOGON_FAILURE;
	}
}

/* Packets that netfilter logs: "IN=eth0 OUT= MAC=... SRC=1.2.3.4 DST=... PROTO=TCP SPT=1 DPT=2 ..."
 * (xt_LOG). */
static void read_packet(struct unix_message *m, struct view text)
{
	struct view source = word_value(text, "SRC="), in = word_value(text, "IN=");

	if (source.len == 0)
		return;
	m->kind = KIND_NETWORK_CONNECT;
	put_text(m, "SourceIp", source);
	put_text(m, "SourcePort", word_value(text, "SPT="));
	put_text(m, "DestinationIp", word_value(text, "DST="));
	put_text(m, "DestinationPort", word_value(text, "DPT="));
	put_text(m, "Protocol", word_value(text, "PROTO="));
	put_text(m, "InterfaceName", in.len ? in : word_value(text, "OUT="));
	text = view_clip(text, 0, view_find(text, 0, "IN=", 3));
	put_text(m, "Rule", view_trim(text));
}

void unix_message_read(struct unix_message *m, struct view program, struct view text)
{
	const struct pattern *patterns = NULL, *group = NULL;

	m->kind = KIND_OTHER;
	m->user = VIEW_EMPTY;
	m->count = 0;
	text = view_trim(text);
	/* rsyslog and sysklogd: "message repeated 3 times: [ Failed password for ...]" */
	if (starts(text, "message repeated ")) {
		size_t at = view_find(text, 0, " times: [", 9);

		if (at < text.len) {
			put_text(m, "RepeatCount", view_sub(text, 17, at - 17));
			text = view_from(text, at + 9);
			if (text.len && text.data[text.len - 1] == ']')
				text.len--;
			text = view_trim(text);
		}
	}
	if (starts(text, "pam_")) {
		read_pam(m, text);
	} else {
		for (size_t i = program.len; i > 0 && program.data[0] == '/'; i--)
			if (program.data[i - 1] == '/')
				program = view_from(program, i);
		if (view_is(program, "sudo")) {
			read_sudo(m, text);
		} else {
			for (size_t i = 0; i < sizeof(programs) / sizeof(programs[0]) && !patterns;
			     i++)
				if (view_is(program, programs[i].program))
					patterns = programs[i].patterns;
		}
		group = patterns;
		if (group == kernel && text.len && text.data[0] == '[') {
			/* printk's seconds since boot */
			size_t close = view_find(text, 0, "] ", 2);

			if (close < 32)
				text = view_trim(view_from(text, close + 1));
		}
		for (unsigned before = m->count; patterns && patterns->text; patterns++) {
			/* The first letter settles most of them. */
			if (patterns->text[0] != '{' &&
			    (text.len == 0 || text.data[0] != (uint8_t)patterns->text[0]))
				continue;
			if (match(m, patterns->text, text)) {
				m->kind = patterns->kind;
				if (patterns->name)
					put_text(m, patterns->name, view_text(patterns->value));
				break;
			}
			m->count = before;
		}
		if (group == kernel && m->kind == KIND_OTHER)
			read_packet(m, text);
		/* cron and pkexec close the bracket that holds the command, where the line was not
		 * cut. */
		for (unsigned i = 0; (group == cron || group == polkit) && i < m->count; i++) {
			struct view *v = &m->values[i];

			if (view_is(m->names[i], "CommandLine") &&
			    v->data[v->len - 1] == (group == cron ? ')' : ']'))
				*v = view_trim(view_clip(*v, 0, v->len - 1));
		}
	}
	m->user = found(m, "SubjectUserName");
	if (m->user.len == 0)
		m->user = found(m, "User");
	if (m->user.len == 0 || m->kind == KIND_LOGON || m->kind == KIND_LOGON_FAILURE) {
		struct view target = found(m, "TargetUserName");

		if (target.len && !(m->kind == KIND_LOGON_FAILURE && m->user.len))
			m->user = target;
	}
}

void unix_message_add(struct parse *p, const struct unix_message *m)
{
	p->event.kind = m->kind;
	for (unsigned i = 0; i < m->count; i++)
		event_add_named(p, m->names[i], value_view(m->values[i]));
	if (m->user.len)
		event_user(p, value_view(m->user));
}

const char *syslog_facility(uint64_t number)
{
	static const char *const names[] = {"kern",	"user",	  "mail",   "daemon",	"auth",
					    "syslog",	"lpr",	  "news",   "uucp",	"cron",
					    "authpriv", "ftp",	  "ntp",    "security", "console",
					    "clock",	"local0", "local1", "local2",	"local3",
					    "local4",	"local5", "local6", "local7"};

	return number < sizeof(names) / sizeof(names[0]) ? names[number] : NULL;
}

const char *syslog_severity(uint64_t number)
{
	static const char *const names[] = {"emerg",   "alert",	 "crit", "err",
					    "warning", "notice", "info", "debug"};

	return number < sizeof(names) / sizeof(names[0]) ? names[number] : NULL;
}
