/*
 * What the collector saw of the running system: JSON lines under live/ of a bundle, one object
 * each, "type" says what it is. The schema stands in collectors/live.h; fields keep their names.
 * JSON: RFC 8259, read by jansson, which bounds its own depth.
 *
 * A thing that has a time of its own has that (start of a process, last change of an autorun's
 * file); the others have that of their file: when the collector wrote down what it saw.
 */
#include "parsers/json_value.h"
#include "parsers/parser.h"

struct type {
	const char *name;
	enum event_kind kind;
	const char *time; /* the member that says when, or NULL */
	const char *ts_desc;
	const char *second; /* another time, for an event of its own */
	const char *second_desc;
};

static const struct type types[] = {
	{"process", KIND_PROCESS_SEEN, "StartTime", "Start Time", NULL, NULL},
	{"socket", KIND_OTHER, NULL, NULL, NULL, NULL}, /* by its state */
	{"logon", KIND_LOGON_SEEN, "LogonTime", "Start Time", NULL, NULL},
	{"hidden", KIND_PROCESS_SEEN, NULL, NULL, NULL, NULL},
	{"service", KIND_PERSISTENCE, "mtime", "Content Modification Time", NULL,
	 NULL}, /* of Windows, drivers too */
	{"module", KIND_MODULE_SEEN, NULL, NULL, NULL, NULL},
	{"mount", KIND_MOUNT_SEEN, NULL, NULL, NULL, NULL},
	{"interface", KIND_INTERFACE_SEEN, NULL, NULL, NULL, NULL},
	{"route", KIND_OTHER, NULL, NULL, NULL, NULL},
	{"neighbour", KIND_OTHER, NULL, NULL, NULL, NULL},
	{"resolver", KIND_OTHER, NULL, NULL, NULL, NULL},
	{"host_entry", KIND_OTHER, NULL, NULL, NULL, NULL},
	{"system", KIND_SYSTEM_INFO, "CollectionTime", "Collection Time", "BootTime",
	 "System Boot Time"},
	{"account", KIND_ACCOUNT_SEEN, NULL, NULL, "LastPasswordChange", "Last Password Set"},
	{"group", KIND_ACCOUNT_SEEN, NULL, NULL, NULL, NULL},
	{"autorun", KIND_PERSISTENCE, "mtime", "Content Modification Time", NULL, NULL},
	{"bpf_program", KIND_PERSISTENCE, "LoadTime", "Start Time", NULL, NULL},
	{"bpf_pin", KIND_PERSISTENCE, "mtime", "Content Modification Time", NULL, NULL},
	{"open_files", KIND_OTHER, NULL, NULL, NULL, NULL},
	{"maps", KIND_OTHER, NULL, NULL, NULL, NULL},
	{"link", KIND_FILE_METADATA, NULL, NULL, NULL, NULL},
	{"file", KIND_FILE_METADATA, "mtime", "Content Modification Time", "ctime",
	 "Metadata Modification Time"},
	/* Windows' own. */
	{"loaded_module", KIND_IMAGE_LOAD, NULL, NULL, NULL, NULL},
	{"handle", KIND_OTHER, NULL, NULL, NULL, NULL}, /* into a process: an access */
	{"dns_cache", KIND_DNS_QUERY, NULL, NULL, NULL, NULL},
	{"pipe", KIND_PIPE_CREATE, NULL, NULL, NULL, NULL},
	{"share", KIND_NETWORK_SHARE, NULL, NULL, NULL, NULL},
	{"share_session", KIND_NETWORK_SHARE, NULL, NULL, NULL, NULL},
	{"share_file", KIND_NETWORK_SHARE, NULL, NULL, NULL, NULL},
	{"share_use", KIND_NETWORK_SHARE, NULL, NULL, NULL, NULL},
	{"package", KIND_PACKAGE_INSTALL, "mtime", "Content Modification Time", NULL, NULL},
	{"hotfix", KIND_PACKAGE_INSTALL, NULL, NULL, NULL, NULL},
	{"firewall_rule", KIND_OTHER, NULL, NULL, NULL, NULL},
	{"firewall_profile", KIND_OTHER, NULL, NULL, NULL, NULL},
	{"setting", KIND_SYSTEM_INFO, "mtime", "Content Modification Time", NULL, NULL},
	{"environment", KIND_SYSTEM_INFO, "mtime", "Content Modification Time", NULL, NULL},
	{"audit_policy", KIND_SYSTEM_INFO, NULL, NULL, NULL, NULL},
	{"protection", KIND_SYSTEM_INFO, NULL, NULL, NULL, NULL},
};

static const struct type *type_of(const char *name)
{
	for (size_t i = 0; name && i < sizeof(types) / sizeof(types[0]); i++)
		if (strcmp(types[i].name, name) == 0)
			return &types[i];
	return NULL;
}

static int probe(const struct probe *p)
{
	struct view rest = p->head, line;
	char name[32];
	size_t end;

	if (!view_starts(rest, "{\"type\":\"", 9) || !view_line(&rest, &line))
		return BID_NO;
	end = view_find(line, 9, "\"", 1);
	if (end - 9 >= sizeof(name))
		return BID_NO;
	memcpy(name, line.data + 9, end - 9);
	name[end - 9] = '\0';
	if (!type_of(name))
		return BID_NO;
	return view_glob(view_text(p->path), "*live/*.jsonl") ? BID_EXACT : BID_CONTENT;
}

static const char *string(const json_t *object, const char *name)
{
	const char *s = json_string_value(json_object_get(object, name));

	return s ? s : "";
}

static long long number(const json_t *object, const char *name)
{
	return json_integer_value(json_object_get(object, name));
}

static int64_t time_of(const json_t *line, const char *name)
{
	int64_t ts;

	return name && time_parse_iso(json_text(json_object_get(line, name)), &ts, NULL, NULL)
		       ? ts
		       : TIME_NONE;
}

static void windows_message(struct parse *p, const char *type, const json_t *l)
{
	/* Texts around the values of up to three fields. */
	static const struct {
		const char *type, *text[3], *field[3];
	} forms[] = {
		{"loaded_module",
		 {"Loaded: ", " by ", " "},
		 {"ImageLoaded", "Image", "SignatureStatus"}},
		{"dns_cache",
		 {"Resolved: ", " ", ": "},
		 {"QueryName", "QueryType", "QueryResults"}},
		{"pipe", {"Named pipe ", "", ""}, {"PipeName", "", ""}},
		{"share", {"Share ", " of ", " "}, {"ShareName", "ShareLocalPath", "Remark"}},
		{"share_session",
		 {"", " uses a share from ", ""},
		 {"TargetUserName", "WorkstationName", ""}},
		{"share_file",
		 {"Open through a share: ", " by ", ""},
		 {"TargetFilename", "TargetUserName", ""}},
		{"share_use",
		 {"Connected to ", " as ", " by "},
		 {"ShareName", "LocalName", "User"}},
		{"package", {"Installed: ", " ", ""}, {"Name", "Version", ""}},
		{"hotfix", {"Installed: ", " ", " "}, {"Name", "Description", "InstalledOn"}},
		{"firewall_rule",
		 {"Firewall rule ", ": ", " "},
		 {"RuleName", "Action", "ApplicationPath"}},
		{"firewall_profile", {"Firewall, profile ", "", ""}, {"Profile", "", ""}},
		{"setting", {"Setting ", ": ", ""}, {"TargetObject", "Details", ""}},
		{"environment", {"Environment: ", "=", ""}, {"Name", "Details", ""}},
		{"audit_policy", {"Audited: ", ": ", ""}, {"Subcategory", "Setting", ""}},
		{"protection", {"Protection: ", " ", ""}, {"Name", "Image", ""}},
	};

	if (strcmp(type, "handle") == 0 && *string(l, "ObjectName"))
		event_messagef(p, "%s %s is open in %s (%lld)", string(l, "ObjectType"),
			       string(l, "ObjectName"), string(l, "Image"), number(l, "ProcessId"));
	else if (strcmp(type, "handle") == 0)
		event_messagef(p, "%s (%lld) has access %s to %s (%lld)", string(l, "Image"),
			       number(l, "ProcessId"), string(l, "GrantedAccess"),
			       string(l, "TargetImage"), number(l, "TargetProcessId"));
	for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
		const char *v[3];

		if (strcmp(type, forms[i].type) != 0)
			continue;
		for (size_t f = 0; f < 3; f++)
			v[f] = string(l, forms[i].field[f]);
		event_messagef(p, "%s%s%s%s%s%s%s", forms[i].text[0], v[0],
			       *v[1] ? forms[i].text[1] : "", v[1], *v[2] ? forms[i].text[2] : "",
			       v[2],
			       strcmp(type, "firewall_profile") != 0	     ? ""
			       : json_is_true(json_object_get(l, "Enabled")) ? " is on"
									     : " is off");
	}
}

static void message(struct parse *p, const struct type *t, const json_t *l)
{
	const char *command = string(l, "CommandLine"), *image = string(l, "Image");

	if (!*command)
		command = *image ? image : string(l, "Name");
	if (strcmp(t->name, "process") == 0)
		event_messagef(p, "Running: %s (%lld)%s%s%s", command, number(l, "ProcessId"),
			       *string(l, "User") ? " as " : "", string(l, "User"),
			       json_is_true(json_object_get(l, "Deleted")) ? ", its file is deleted"
			       : json_is_true(json_object_get(l, "Memfd")) ? ", from memory only"
									   : "");
	else if (p->event.kind == KIND_NETWORK_LISTEN)
		event_messagef(p, "Listening: %s %s port %lld%s%s", string(l, "Protocol"),
			       string(l, "SourceIp"), number(l, "SourcePort"), *command ? ": " : "",
			       command);
	else if (p->event.kind == KIND_NETWORK_CONNECT)
		event_messagef(p, "Connection: %s %s port %lld to %s port %lld, %s%s%s",
			       string(l, "Protocol"), string(l, "SourceIp"),
			       number(l, "SourcePort"), string(l, "DestinationIp"),
			       number(l, "DestinationPort"), string(l, "State"),
			       *command ? ": " : "", command);
	else if (strcmp(t->name, "socket") == 0)
		event_messagef(p, "Socket: %s %s%s %s%s%s", string(l, "Protocol"),
			       string(l, "Path"), string(l, "SourceIp"), string(l, "State"),
			       *command ? ": " : "", command);
	else if (strcmp(t->name, "logon") == 0)
		event_messagef(p, "%s is logged on at %s%s%s", string(l, "TargetUserName"),
			       string(l, "TerminalDevice"), *string(l, "IpAddress") ? " from " : "",
			       string(l, "IpAddress"));
	else if (strcmp(t->name, "hidden") == 0)
		event_messagef(p, "Hidden %s: %s (%lld): %s", string(l, "What"), command,
			       number(l, "ProcessId"), string(l, "Reason"));
	else if (strcmp(t->name, "service") == 0)
		event_messagef(p, "%s %s (%s, %s): %s",
			       *string(l, "Place") ? string(l, "Place") : "Service",
			       string(l, "ServiceName"), string(l, "State"), string(l, "StartType"),
			       string(l, "ImagePath"));
	else if (strcmp(t->name, "module") == 0)
		event_messagef(p, "Kernel module %s%s%s", string(l, "Name"),
			       *string(l, "Taint")	   ? ", taints: "
			       : *string(l, "ImageLoaded") ? ": "
							   : "",
			       string(l, *string(l, "Taint") ? "Taint" : "ImageLoaded"));
	else if (strcmp(t->name, "mount") == 0)
		event_messagef(p, "Mounted: %s on %s (%s, %s)", string(l, "Device"),
			       string(l, "MountPoint"), string(l, "FileSystem"),
			       string(l, "Options"));
	else if (strcmp(t->name, "interface") == 0)
		event_messagef(p, "Interface %s %s", string(l, "Name"), string(l, "MacAddress"));
	else if (strcmp(t->name, "route") == 0)
		event_messagef(p, "Route to %s by %s%s%s", string(l, "Destination"),
			       string(l, "Interface"), *string(l, "Gateway") ? " over " : "",
			       string(l, "Gateway"));
	else if (strcmp(t->name, "neighbour") == 0)
		event_messagef(p, "Neighbour %s is %s at %s", string(l, "IpAddress"),
			       string(l, "MacAddress"), string(l, "Interface"));
	else if (strcmp(t->name, "system") == 0)
		event_messagef(p, "%s: %s, kernel %s", string(l, "Hostname"),
			       string(l, "OperatingSystem"), string(l, "Kernel"));
	else if (strcmp(t->name, "account") == 0)
		event_messagef(p, "Account %s (%lld), shell %s", string(l, "TargetUserName"),
			       number(l, "UserId"), string(l, "Shell"));
	else if (strcmp(t->name, "group") == 0)
		event_messagef(p, "Group %s (%lld)", string(l, "TargetGroupName"),
			       number(l, "GroupId"));
	else if (strcmp(t->name, "autorun") == 0)
		event_messagef(p, "Autorun (%s) %s%s%s", string(l, "Place"), string(l, "Name"),
			       *string(l, "CommandLine") ? ": " : "", string(l, "CommandLine"));
	else if (strcmp(t->name, "link") == 0)
		event_messagef(p, "Link %s to %s", string(l, "path"), string(l, "target"));
	else if (strcmp(t->name, "file") == 0)
		event_messagef(p, "Remarkable file %s", string(l, "path"));
	else if (strcmp(t->name, "bpf_program") == 0)
		event_messagef(p, "BPF program %lld: %s %s", number(l, "Id"),
			       string(l, "ProgramType"), string(l, "Name"));
	else if (strcmp(t->name, "bpf_pin") == 0)
		event_messagef(p, "Pinned BPF object %s", string(l, "TargetFilename"));
	else if (strcmp(t->name, "open_files") == 0)
		event_messagef(p, "Open files of %s (%lld)", string(l, "Name"),
			       number(l, "ProcessId"));
	else if (strcmp(t->name, "maps") == 0)
		event_messagef(p, "Memory maps of %s (%lld)", string(l, "Name"),
			       number(l, "ProcessId"));
	else
		windows_message(p, t->name, l);
}

static bool has(const json_t *list, const char *text)
{
	for (size_t i = 0; i < json_array_size(list); i++)
		if (json_is_string(json_array_get(list, i)) &&
		    strcmp(json_string_value(json_array_get(list, i)), text) == 0)
			return true;
	return false;
}

/* How a thing that is no autorun keeps a way open all the same: the second event's Place. */
static const char *way_back(const struct type *t, const json_t *line)
{
	const json_t *reasons = json_object_get(line, "Reasons");

	if (strcmp(t->name, "file") == 0)
		return has(reasons, "capabilities") ? "capabilities"
		       : has(reasons, "suid")	    ? "suid"
		       : has(reasons, "sgid")	    ? "sgid"
						    : NULL;
	if (strcmp(t->name, "account") == 0 && has(json_object_get(line, "Flags"), "uid0") &&
	    strcmp(string(line, "TargetUserName"), "root") != 0)
		return "uid0";
	return NULL;
}

static void add_members(struct parse *p, const json_t *line)
{
	const char *key;
	json_t *item;

	json_object_foreach((json_t *)(uintptr_t)line, key, item) if (strcmp(key, "type") != 0)
		event_add(p, strcmp(key, "path") == 0 ? "TargetFilename" : key,
			  json_value(&p->scratch, item));
}

static int emit(struct parse *p, const json_t *line, uint64_t offset, uint64_t number_of_line)
{
	const struct type *t = type_of(json_string_value(json_object_get(line, "type")));
	enum event_kind kind;
	int64_t ts, second;
	const char *user, *place;
	int status;

	if (!t)
		return parse_lost(p, offset, "a live line of an unknown type");
	kind = t->kind;
	ts = time_of(line, t->time);
	if (strcmp(t->name, "socket") == 0 && !json_object_get(line, "Path"))
		kind = json_is_true(json_object_get(line, "Listening")) ? KIND_NETWORK_LISTEN
		       : json_object_get(line, "DestinationIp")		? KIND_NETWORK_CONNECT
									: KIND_OTHER;
	if (strcmp(t->name, "hidden") == 0 && strcmp(string(line, "What"), "module") == 0)
		kind = KIND_MODULE_SEEN;
	if (strcmp(t->name, "handle") == 0 && json_object_get(line, "TargetProcessId"))
		kind = KIND_PROCESS_ACCESS;
	if (ts == TIME_NONE)
		event_start(p, kind, p->mtime,
			    p->mtime == TIME_NONE ? "Not a time" : "Collection Time", offset);
	else
		event_start(p, kind, ts, t->ts_desc, offset);
	p->event.record = number_of_line;
	if (strncmp(t->name, "bpf_", 4) == 0)
		event_add(p, "Place", value_text("ebpf"));
	add_members(p, line);
	/* What else than the type tells these from others of their kind. */
	if (strcmp(t->name, "hidden") == 0)
		event_add(p, "Hidden", value_bool(true));
	user = *string(line, "User") ? string(line, "User") : string(line, "TargetUserName");
	if (*user)
		event_user(p, value_text(user));
	message(p, t, line);
	status = event_emit(p);
	second = time_of(line, t->second);
	if (status >= 0 && second != TIME_NONE)
		status = event_emit_at(p, second, t->second_desc);
	place = way_back(t, line);
	if (status >= 0 && place) {
		if (ts == TIME_NONE)
			event_start(p, KIND_PERSISTENCE, p->mtime,
				    p->mtime == TIME_NONE ? "Not a time" : "Collection Time",
				    offset);
		else
			event_start(p, KIND_PERSISTENCE, ts, t->ts_desc, offset);
		p->event.record = number_of_line;
		event_add(p, "Place", value_text(place));
		add_members(p, line);
		if (*user)
			event_user(p, value_text(user));
		if (strcmp(t->name, "account") == 0)
			event_messagef(p, "Account %s has the rights of root (uid 0)", user);
		else
			event_messagef(p, "File with rights of its own (%s): %s", place,
				       string(line, "path"));
		status = event_emit(p);
	}
	return status;
}

static int parse(struct parse *p, struct view bytes)
{
	struct view rest = bytes, line;
	uint64_t n = 0;
	int status = OK;

	while (status >= 0 && view_line(&rest, &line)) {
		uint64_t offset = (uint64_t)(line.data - bytes.data);
		json_error_t error;
		json_t *object;

		n++;
		if (line.len == 0)
			continue;
		parse_release(p, offset);
		/* A NUL as text cannot be in a name of ours; in a value it is what the process
		 * wrote. */
		object = line.len > LIMIT_LINE ? NULL
					       : json_loadb((const char *)line.data, line.len,
							    JSON_ALLOW_NUL, &error);
		if (json_is_object(object))
			status = emit(p, object, offset, n);
		else
			status = parse_lost(p, offset, "not a line of JSON");
		json_decref(object);
	}
	return status;
}

const struct parser parser_live = {
	.name = "live",
	.title = "The running system, as a collector saw it",
	.version = 3,
	.probe = probe,
	.parse = parse,
};
