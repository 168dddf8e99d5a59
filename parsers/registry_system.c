/*
 * The machine's own keys (SYSTEM, SOFTWARE, SECURITY): services, drivers, tasks, what ran
 * (application compatibility cache, background activity), devices, networks, identity, audit
 * policy. Facts: libyal's winreg-kb; Microsoft's documentation of each key; Geoff Chappell and
 * FireEye on the compatibility cache.
 */
#include "parsers/registry.h"

#include "base/text.h"

#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

#define WINDOWS_NT "Microsoft\\Windows NT\\CurrentVersion"

static const char *key_name(struct registry *r, const struct hive_key *k)
{
	return registry_name(r, k->name, k->ascii);
}

/* ---- scheduled tasks: TaskCache, when they ran (winreg-kb, "Task scheduler") ---- */

static int task(struct registry *r, const struct hive_key *k, const struct registry_rule *rule)
{
	struct view info = registry_bytes(r, k, "DynamicInfo");
	const char *name = registry_text(r, k, "Path"), *context = NULL, *command;
	int status;
	static const struct {
		size_t offset;
		enum event_kind kind;
		const char *desc, *verb;
	} times[] = {
		{4, KIND_TASK_CREATE, "Creation Time", "registered"},
		{12, KIND_TASK_RUN, "Last Time Executed", "last run"},
		{28, KIND_TASK_RUN, "Last Time Completed", "last completed"},
	};

	(void)rule;
	if (!name)
		name = key_name(r, k);
	command = task_actions(&r->arena, registry_bytes(r, k, "Actions"), &context);
	for (size_t i = 0; i < 3; i++) {
		int64_t ts = time_from_filetime(view_get64(info, times[i].offset));

		if (ts == TIME_NONE)
			continue;
		registry_event(r, k, times[i].kind, ts, times[i].desc, NULL);
		event_add(r->p, "TaskName", value_text(name));
		registry_add(r, "CommandLine", command);
		if (command && *command && *command != '{')
			registry_add(r, "Image", command_image(&r->arena, command));
		if (times[i].kind == KIND_TASK_RUN)
			event_add(r->p, "ResultCode", value_hex(view_get32(info, 24)));
		event_messagef(r->p, "Task %s %s: %s", name, times[i].verb, command);
		if ((status = event_emit(r->p)) < 0)
			return status;
	}
	return OK;
}

/* ---- application compatibility cache ---- */

struct cached {
	struct view path;  /* UTF-16LE */
	uint64_t modified; /* FILETIME of the file */
	uint64_t updated;  /* XP: FILETIME of the entry */
	uint64_t size;
	int executed; /* -1: not recorded */
};

static int cached_event(struct registry *r, const struct hive_key *k, const struct cached *c,
			unsigned index)
{
	const char *path = parse_utf16z(&r->arena, c->path), *image = path;
	int64_t ts = time_from_filetime(c->modified), updated = time_from_filetime(c->updated);

	if (strncmp(image, "\\??\\", 4) == 0)
		image += 4;
	registry_event(r, k, KIND_PROCESS_SEEN, ts,
		       ts == TIME_NONE ? "Not a time" : "Content Modification Time",
		       "AppCompatCache");
	event_add(r->p, "Image", value_text(image));
	event_add(r->p, "CacheEntry", value_unsigned(index));
	if (c->executed >= 0)
		event_add(r->p, "Executed", value_bool(c->executed));
	if (c->size)
		event_add(r->p, "FileSize", value_unsigned(c->size));
	event_add(r->p, "Artifact", value_text("ShimCache"));
	event_messagef(r->p, "ShimCache entry %u: %s%s", index, image,
		       c->executed > 0 ? " (executed)" : "");
	if (updated != TIME_NONE) {
		int status = event_emit(r->p);

		return status < 0 ? status : event_emit_at(r->p, updated, "Update Time");
	}
	return event_emit(r->p);
}

static int shim_cache(struct registry *r, const struct hive_key *k,
		      const struct registry_rule *rule)
{
	struct view d = registry_bytes(r, k, "AppCompatCache");
	uint32_t magic = view_get32(d, 0), count = view_get32(d, 4);
	size_t off;
	int status = OK;
	unsigned n = 0;

	(void)rule;
	if (magic ==
	    0xdeadbeef) { /* Windows XP, 32 bit: entries of 552 bytes behind a head of 400 */
		for (off = 400; n < count && view_has(d, off, 552) && status >= 0; off += 552)
			status = cached_event(r, k,
					      &(struct cached){.path = view_sub(d, off, 528),
							       .modified = view_get64(d, off + 528),
							       .size = view_get64(d, off + 536),
							       .updated = view_get64(d, off + 544),
							       .executed = -1},
					      n++);
		return status;
	}
	if (magic == 0xbadc0ffe ||
	    magic == 0xbadc0fee) { /* Windows 2003, Vista, 2008; Windows 7, 2008 R2 */
		bool seven = magic == 0xbadc0fee;
		bool wide;
		size_t step;

		off = seven ? 128 : 8;
		wide = view_get32(d, off + 4) == 0; /* padding before a 64-bit offset */
		step = seven ? (wide ? 48 : 32) : (wide ? 32 : 24);
		for (; n < count && view_has(d, off, step) && status >= 0; off += step) {
			struct cached c = {.executed = -1};
			uint64_t at = wide ? view_get64(d, off + 8) : view_get32(d, off + 4), last;

			c.modified = view_get64(d, off + (wide ? 16 : 8));
			last = view_get64(d, off + (wide ? 24 : 16));
			c.path = view_sub(d, at > d.len ? d.len : (size_t)at, view_get16(d, off));
			/* 2003 keeps the file's size, later systems flags, of which 2 says that it
			 * was executed. */
			if (seven || last < 0x100)
				c.executed = (last & 2) != 0;
			else
				c.size = last;
			status = cached_event(r, k, &c, n++);
		}
		return status;
	}
	/* Windows 8 and later: the head's size comes first (8: 0x80; 10: 0x30; since 1703: 0x34),
	 * entries begin with "00ts" (8.0) or "10ts". */
	off = magic < 128 && view_starts(view_from(d, magic), "10ts", 4) ? magic : 128;
	while (status >= 0 && (view_starts(view_from(d, off), "10ts", 4) ||
			       view_starts(view_from(d, off), "00ts", 4))) {
		uint32_t size = view_get32(d, off + 8);
		struct view e = view_clip(d, off + 12, size);
		size_t at = view_get16(e, 0);
		struct cached c = {.path = view_sub(e, 2, at), .executed = -1};

		at += 2;
		if (magic < 128) { /* Windows 10, 11 */
			struct view data = view_clip(e, at + 12, view_get32(e, at + 8));

			c.modified = view_get64(e, at);
			if (data.len >= 4)
				c.executed = view_get32(data, data.len - 4) == 1;
		} else {
			at += 2 + (size_t)view_get16(e, at); /* package name */
			c.executed = (view_get32(e, at) & 2) != 0;
			c.modified = view_get64(e, at + 8);
		}
		status = cached_event(r, k, &c, n++);
		off += 12 + (size_t)size;
	}
	return status;
}

/* ---- background and desktop activity moderator: last execution by account ---- */

static int activity(struct registry *r, const struct hive_key *k, const struct registry_rule *rule)
{
	uint32_t n = hive_value_count(&r->hive, k);
	const char *sid = key_name(r, k);
	int status = OK;

	for (uint32_t i = 0; i < n && status >= 0; i++) {
		struct hive_value v;
		struct view d;
		const char *name;

		if (!hive_value_at(&r->hive, k, i, &v) || v.type != REG_BINARY)
			continue;
		d = registry_data(r, &v);
		name = registry_name(r, v.name, v.ascii);
		registry_event(r, k, KIND_PROCESS_SEEN, time_from_filetime(view_get64(d, 0)),
			       "Last Time Executed", name);
		event_user(r->p, value_text(sid));
		event_add(r->p, "Image", value_text(name));
		event_add(r->p, "UserSid", value_text(sid));
		event_add(r->p, "Artifact", value_text(rule->place));
		event_messagef(r->p, "%s ran, account %s (%s)", name, sid, rule->place);
		status = event_emit(r->p);
	}
	return status;
}

/* ---- identity ---- */

static int info_texts(struct registry *r, const struct hive_key *k, int64_t ts, const char *ts_desc,
		      const char *what, const char *const *names)
{
	struct buffer b = {0};
	bool any = false;
	int status = OK;

	registry_event(r, k, KIND_SYSTEM_INFO, ts, ts_desc, NULL);
	for (; names[0]; names += 2) {
		const char *text = registry_text(r, k, names[0]);

		if (!text || !*text)
			continue;
		registry_add(r, names[1], text);
		buffer_printf(&b, "%s%s %s", any ? ", " : "", names[1], text);
		any = true;
	}
	if (any) {
		event_messagef(r->p, "%s: %s", what, buffer_text(&b));
		status = event_emit(r->p);
	}
	buffer_release(&b);
	return status;
}

static int computer_name(struct registry *r, const struct hive_key *k,
			 const struct registry_rule *rule)
{
	static const char *const names[] = {"ComputerName", "ComputerName", NULL, NULL};

	(void)rule;
	return info_texts(r, k, time_from_filetime(k->written), "Content Modification Time",
			  "Computer name", names);
}

static int host_name(struct registry *r, const struct hive_key *k, const struct registry_rule *rule)
{
	static const char *const names[] = {"Hostname",
					    "HostName",
					    "NV Hostname",
					    "NVHostName",
					    "Domain",
					    "Domain",
					    "DhcpDomain",
					    "DhcpDomain",
					    "DhcpNameServer",
					    "DhcpNameServer",
					    "NameServer",
					    "NameServer",
					    NULL,
					    NULL};

	(void)rule;
	return info_texts(r, k, time_from_filetime(k->written), "Content Modification Time",
			  "Network name", names);
}

static int time_zone(struct registry *r, const struct hive_key *k, const struct registry_rule *rule)
{
	static const char *const names[] = {
		"TimeZoneKeyName", "TimeZone",	   "StandardName", "StandardName",
		"DaylightName",	   "DaylightName", NULL,	   NULL};
	static const char *const numbers[] = {"Bias", "ActiveTimeBias", "StandardBias",
					      "DaylightBias"};
	int status = OK;
	struct buffer b = {0};
	const char *zone = registry_text(r, k, names[0]);

	(void)rule;
	if (!zone || !*zone)
		zone = registry_text(r, k, names[2]);
	registry_event(r, k, KIND_SYSTEM_INFO, time_from_filetime(k->written),
		       "Content Modification Time", NULL);
	for (size_t i = 0; names[i]; i += 2)
		registry_add(r, names[i + 1], registry_text(r, k, names[i]));
	for (size_t i = 0; i < 4; i++) {
		uint64_t n;

		if (!registry_number(r, k, numbers[i], &n))
			continue;
		event_add(r->p, numbers[i], value_signed((int32_t)n));
		buffer_printf(&b, ", %s %d", numbers[i], (int32_t)n);
	}
	event_messagef(r->p, "Time zone: %s%s", zone ? zone : "unnamed", buffer_text(&b));
	status = event_emit(r->p);
	buffer_release(&b);
	return status;
}

static int version(struct registry *r, const struct hive_key *k, const struct registry_rule *rule)
{
	static const char *const names[] = {"ProductName",
					    "ProductName",
					    "DisplayVersion",
					    "DisplayVersion",
					    "ReleaseId",
					    "ReleaseId",
					    "CurrentVersion",
					    "CurrentVersion",
					    "CurrentBuild",
					    "CurrentBuild",
					    "UBR",
					    "UBR",
					    "CSDVersion",
					    "CSDVersion",
					    "EditionID",
					    "EditionID",
					    "RegisteredOwner",
					    "RegisteredOwner",
					    "RegisteredOrganization",
					    "RegisteredOrganization",
					    "SystemRoot",
					    "SystemRoot",
					    "BuildLabEx",
					    "BuildLabEx",
					    NULL,
					    NULL};
	uint64_t date = 0;

	(void)rule;
	if (!registry_number(r, k, "InstallDate", &date) && !registry_text(r, k, "ProductName"))
		return OK;
	return info_texts(r, k, time_from_unix((int64_t)(uint32_t)date), "Installation Time",
			  "Windows", names);
}

static int upgrade(struct registry *r, const struct hive_key *k, const struct registry_rule *rule)
{
	return strncasecmp(key_name(r, k), "Source OS", 9) == 0 ? version(r, k, rule) : OK;
}

static int shutdown_time(struct registry *r, const struct hive_key *k,
			 const struct registry_rule *rule)
{
	struct view d = registry_bytes(r, k, "ShutdownTime");

	(void)rule;
	if (d.len != 8)
		return OK;
	registry_event(r, k, KIND_SYSTEM_STOP, time_from_filetime(view_get64(d, 0)),
		       "Last Shutdown Time", "ShutdownTime");
	event_messagef(r->p, "Windows was shut down");
	return event_emit(r->p);
}

static int profile(struct registry *r, const struct hive_key *k, const struct registry_rule *rule)
{
	static const struct {
		const char *low, *high, *desc, *verb;
	} times[] = {
		{"LocalProfileLoadTimeLow", "LocalProfileLoadTimeHigh", "Last Login Time",
		 "loaded"},
		{"ProfileLoadTimeLow", "ProfileLoadTimeHigh", "Last Login Time", "loaded"},
		{"LocalProfileUnloadTimeLow", "LocalProfileUnloadTimeHigh", "Last Logout Time",
		 "unloaded"},
	};
	const char *path = registry_text(r, k, "ProfileImagePath"), *sid = key_name(r, k), *name;
	int status;

	(void)rule;
	if (!path)
		return OK;
	name = strrchr(path, '\\') ? strrchr(path, '\\') + 1 : path;
	registry_event(r, k, KIND_ACCOUNT_SEEN, time_from_filetime(k->written),
		       "Content Modification Time", NULL);
	event_user(r->p, value_text(name));
	event_add(r->p, "TargetUserName", value_text(name));
	event_add(r->p, "TargetUserSid", value_text(sid));
	event_add(r->p, "ProfilePath", value_text(path));
	event_messagef(r->p, "Profile of %s: %s", sid, path);
	status = event_emit(r->p);
	for (size_t i = 0; i < 3 && status >= 0; i++) {
		uint64_t low, high;

		if (!registry_number(r, k, times[i].low, &low) ||
		    !registry_number(r, k, times[i].high, &high) || !(low | high))
			continue;
		event_messagef(r->p, "Profile of %s %s: %s", sid, times[i].verb, path);
		status = event_emit_at(r->p, time_from_filetime(high << 32 | (low & 0xffffffff)),
				       times[i].desc);
	}
	return status;
}

static int last_user(struct registry *r, const struct hive_key *k, const struct registry_rule *rule)
{
	const char *name = registry_text(r, k, "LastLoggedOnUser");

	(void)rule;
	if (!name || !*name)
		return OK;
	registry_event(r, k, KIND_ACCOUNT_SEEN, time_from_filetime(k->written), "Last Login Time",
		       "LastLoggedOnUser");
	event_user(r->p, value_text(name));
	event_add(r->p, "TargetUserName", value_text(name));
	registry_add(r, "TargetUserSid", registry_text(r, k, "LastLoggedOnUserSID"));
	event_messagef(r->p, "%s was the last to log on at the console", name);
	return event_emit(r->p);
}

/* ---- installed programs, exclusions ---- */

static int installed(struct registry *r, const struct hive_key *k, const struct registry_rule *rule)
{
	const char *name = registry_text(r, k, "DisplayName"),
		   *version_text = registry_text(r, k, "DisplayVersion");

	(void)rule;
	if (!name || !*name)
		return OK;
	registry_event(r, k, KIND_PACKAGE_INSTALL, time_from_filetime(k->written),
		       "Content Modification Time", NULL);
	event_add(r->p, "Name", value_text(name));
	registry_add(r, "Version", version_text);
	registry_add(r, "Publisher", registry_text(r, k, "Publisher"));
	registry_add(r, "InstallDate", registry_text(r, k, "InstallDate"));
	registry_add(r, "InstallLocation", registry_text(r, k, "InstallLocation"));
	registry_add(r, "InstallSource", registry_text(r, k, "InstallSource"));
	registry_add(r, "UninstallString", registry_text(r, k, "UninstallString"));
	event_messagef(r->p, "Installed: %s %s", name, version_text ? version_text : "");
	return event_emit(r->p);
}

static int exclusion(struct registry *r, const struct hive_key *k, const struct registry_rule *rule)
{
	uint32_t n = hive_value_count(&r->hive, k);
	const char *list = key_name(r, k);
	int status = OK;

	(void)rule;
	for (uint32_t i = 0; i < n && status >= 0; i++) {
		struct hive_value v;
		const char *name;

		if (!hive_value_at(&r->hive, k, i, &v) || !v.name.len)
			continue;
		name = registry_name(r, v.name, v.ascii);
		registry_event(r, k, KIND_POLICY_CHANGE, time_from_filetime(k->written),
			       "Content Modification Time", name);
		event_add(r->p, "Exclusion", value_text(name));
		event_add(r->p, "ExclusionType", value_text(list));
		event_add(r->p, "Details", value_text(registry_value_text(r, &v)));
		event_messagef(r->p, "Windows Defender does not look at %s (%s)", name, list);
		status = event_emit(r->p);
	}
	return status;
}

/* ---- devices ---- */

/* A device property of the class {83da6326-97a6-4088-9453-a1923f573b29}: 0064 to 0067 (Windows 8
 * on: unnamed value; 7: 00000000\Data). */
static int64_t device_time(struct registry *r, const struct hive_key *k, unsigned id)
{
	struct hive_key at;
	struct hive_value v;
	const char *path = arena_printf(
		&r->arena, "Properties\\{83da6326-97a6-4088-9453-a1923f573b29}\\%04x", id);

	if (path && hive_find(&r->hive, k, path, &at) && hive_find_value(&r->hive, &at, "", &v))
		return time_from_filetime(view_get64(registry_data(r, &v), 0));
	path = arena_printf(&r->arena,
			    "Properties\\{83da6326-97a6-4088-9453-a1923f573b29}\\%08x\\00000000",
			    id);
	if (path && hive_find(&r->hive, k, path, &at) && hive_find_value(&r->hive, &at, "Data", &v))
		return time_from_filetime(view_get64(registry_data(r, &v), 0));
	return TIME_NONE;
}

static int device(struct registry *r, const struct hive_key *k, const struct registry_rule *rule)
{
	static const struct {
		unsigned id;
		const char *desc, *verb;
	} times[] = {
		{0x64, "Installation Time", "installed"},
		{0x65, "First Installation Time", "first installed"},
		{0x66, "Last Connection Time", "last connected"},
		{0x67, "Last Disconnection Time", "last removed"},
	};
	struct hive_key parent;
	const char *kind = hive_key_at(&r->hive, k->parent, &parent) ? key_name(r, &parent) : "",
		   *serial = key_name(r, k);
	const char *name = registry_text(r, k, "FriendlyName"),
		   *desc = registry_text(r, k, "DeviceDesc");
	int status;

	if (desc && strrchr(desc, ';'))
		desc = strrchr(desc, ';') + 1;
	registry_event(r, k, KIND_DEVICE_CONNECT, time_from_filetime(k->written),
		       "Content Modification Time", NULL);
	event_add(r->p, "Bus", value_text(rule->place));
	event_add(r->p, "DeviceName", value_text(name && *name ? name : desc));
	event_add(r->p, "DeviceId", value_text(kind));
	event_add(r->p, "SerialNumber", value_text(serial));
	registry_add(r, "DeviceDescription", desc);
	registry_add(r, "Manufacturer", registry_text(r, k, "Mfg"));
	registry_add(r, "Service", registry_text(r, k, "Service"));
	registry_add(r, "ParentIdPrefix", registry_text(r, k, "ParentIdPrefix"));
	registry_add(r, "ContainerId", registry_text(r, k, "ContainerID"));
	event_messagef(r->p, "%s device %s, serial number %s", rule->place,
		       name && *name ? name : kind, serial);
	status = event_emit(r->p);
	for (size_t i = 0; i < 4 && status >= 0; i++) {
		int64_t ts = device_time(r, k, times[i].id);

		if (ts == TIME_NONE)
			continue;
		event_messagef(r->p, "%s device %s, serial number %s, %s", rule->place,
			       name && *name ? name : kind, serial, times[i].verb);
		status = event_emit_at(r->p, ts, times[i].desc);
	}
	return status;
}

static int mounted(struct registry *r, const struct hive_key *k, const struct registry_rule *rule)
{
	uint32_t n = hive_value_count(&r->hive, k);
	int status = OK;

	(void)rule;
	for (uint32_t i = 0; i < n && status >= 0; i++) {
		struct hive_value v;
		struct view d;
		const char *name, *to;

		if (!hive_value_at(&r->hive, k, i, &v))
			continue;
		d = registry_data(r, &v);
		name = registry_name(r, v.name, v.ascii);
		/* 12 bytes: disk signature and offset; "DMIO:ID:" and a GUID; else the device's
		 * path. */
		if (d.len == 12)
			to = arena_printf(&r->arena, "disk 0x%08x offset %llu", view_get32(d, 0),
					  (unsigned long long)view_get64(d, 4));
		else if (view_starts(d, "DMIO:ID:", 8) && d.len >= 24) {
			struct value g = value_guid(d.data + 8);

			to = parse_value_text(&r->arena, &g);
		} else
			to = parse_utf16z(&r->arena, d);
		registry_event(r, k, KIND_DEVICE_CONNECT, time_from_filetime(k->written),
			       "Content Modification Time", name);
		event_add(r->p, "Bus", value_text("Mounted devices"));
		event_add(r->p, "DeviceName", value_text(name));
		registry_add(r, "Device", to);
		event_messagef(r->p, "%s is %s", name, to ? to : "");
		status = event_emit(r->p);
	}
	return status;
}

/* ---- networks ---- */

static int network(struct registry *r, const struct hive_key *k, const struct registry_rule *rule)
{
	static const char *const values[] = {"DateCreated", "DateLastConnected"};
	const char *name = registry_text(r, k, "ProfileName");
	uint64_t type = 0;
	int status = OK;

	(void)rule;
	(void)registry_number(r, k, "NameType", &type);
	for (size_t i = 0; i < 2 && status >= 0; i++) {
		struct view d = registry_bytes(r, k, values[i]);

		if (d.len < 16)
			continue;
		registry_event(r, k, KIND_NETWORK_CONNECT, time_from_systemtime(view_sub(d, 0, 16)),
			       i ? "Last Connection Time" : "Creation Time", NULL);
		r->p->event.flags = EVENT_ZONE_ASSUMED; /* the profile keeps local time */
		registry_add(r, "NetworkName", name);
		event_add(r->p, "NetworkType",
			  value_text(type == 0x47   ? "wireless"
				     : type == 0x06 ? "wired"
				     : type == 0x17 ? "broadband"
						    : "other"));
		registry_add(r, "Description", registry_text(r, k, "Description"));
		event_add(r->p, "ProfileGuid", value_text(key_name(r, k)));
		event_messagef(r->p, "Network %s %s", name ? name : "",
			       i ? "last connected" : "first connected");
		status = event_emit(r->p);
	}
	return status;
}

static int network_signature(struct registry *r, const struct hive_key *k,
			     const struct registry_rule *rule)
{
	struct view mac = registry_bytes(r, k, "DefaultGatewayMac");
	const char *name = registry_text(r, k, "FirstNetwork");

	(void)rule;
	if (!name && !mac.len)
		return OK;
	registry_event(r, k, KIND_NETWORK_CONNECT, time_from_filetime(k->written),
		       "Content Modification Time", NULL);
	registry_add(r, "NetworkName", name);
	if (mac.len >= 6)
		event_addf(r->p, "GatewayMac", "%02x:%02x:%02x:%02x:%02x:%02x", mac.data[0],
			   mac.data[1], mac.data[2], mac.data[3], mac.data[4], mac.data[5]);
	registry_add(r, "DnsSuffix", registry_text(r, k, "DnsSuffix"));
	registry_add(r, "ProfileGuid", registry_text(r, k, "ProfileGuid"));
	event_messagef(r->p, "Network %s known by its gateway", name ? name : "");
	return event_emit(r->p);
}

static int interface(struct registry *r, const struct hive_key *k, const struct registry_rule *rule)
{
	const char *dhcp = registry_text(r, k, "DhcpIPAddress"),
		   *fixed = registry_text(r, k, "IPAddress");
	const char *address = dhcp && *dhcp && strcmp(dhcp, "0.0.0.0") != 0 ? dhcp : fixed;
	uint64_t from = 0, to = 0;
	int status;

	(void)rule;
	if (!address || !*address)
		return OK;
	registry_event(r, k, KIND_INTERFACE_SEEN, time_from_filetime(k->written),
		       "Content Modification Time", NULL);
	event_add(r->p, "IpAddress", value_text(address));
	event_add(r->p, "Interface", value_text(key_name(r, k)));
	registry_add(r, "DhcpServer", registry_text(r, k, "DhcpServer"));
	registry_add(r, "DhcpDomain", registry_text(r, k, "DhcpDomain"));
	registry_add(r, "DefaultGateway",
		     registry_text(r, k, dhcp ? "DhcpDefaultGateway" : "DefaultGateway"));
	registry_add(r, "NameServer", registry_text(r, k, dhcp ? "DhcpNameServer" : "NameServer"));
	event_messagef(r->p, "Interface had address %s", address);
	status = event_emit(r->p);
	if (status >= 0 && address == dhcp && registry_number(r, k, "LeaseObtainedTime", &from) &&
	    from) {
		event_messagef(r->p, "Interface was leased address %s", address);
		status = event_emit_at(r->p, time_from_unix((int64_t)from), "Start Time");
	}
	if (status >= 0 && address == dhcp && registry_number(r, k, "LeaseTerminatesTime", &to) &&
	    to) {
		event_messagef(r->p, "Lease of address %s ends", address);
		status = event_emit_at(r->p, time_from_unix((int64_t)to), "Expiration Time");
	}
	return status;
}

/* ---- audit policy: SECURITY\Policy\PolAdtEv ---- */

static int audit_policy(struct registry *r, const struct hive_key *k,
			const struct registry_rule *rule)
{
	static const char *const names[] = {
		"Security State Change",
		"Security System Extension",
		"System Integrity",
		"IPsec Driver",
		"Other System Events",
		"Logon",
		"Logoff",
		"Account Lockout",
		"IPsec Main Mode",
		"Special Logon",
		"IPsec Quick Mode",
		"IPsec Extended Mode",
		"Other Logon/Logoff Events",
		"Network Policy Server",
		"User / Device Claims",
		"Group Membership",
		"File System",
		"Registry",
		"Kernel Object",
		"SAM",
		"Other Object Access Events",
		"Certification Services",
		"Application Generated",
		"Handle Manipulation",
		"File Share",
		"Filtering Platform Packet Drop",
		"Filtering Platform Connection",
		"Detailed File Share",
		"Removable Storage",
		"Central Policy Staging",
		"Sensitive Privilege Use",
		"Non Sensitive Privilege Use",
		"Other Privilege Use Events",
		"Process Creation",
		"Process Termination",
		"DPAPI Activity",
		"RPC Events",
		"Plug and Play Events",
		"Token Right Adjusted Events",
		"Audit Policy Change",
		"Authentication Policy Change",
		"Authorization Policy Change",
		"MPSSVC Rule-Level Policy Change",
		"Filtering Platform Policy Change",
		"Other Policy Change Events",
		"User Account Management",
		"Computer Account Management",
		"Security Group Management",
		"Distribution Group Management",
		"Application Group Management",
		"Other Account Management Events",
		"Directory Service Access",
		"Directory Service Changes",
		"Directory Service Replication",
		"Detailed Directory Service Replication",
		"Credential Validation",
		"Kerberos Service Ticket Operations",
		"Other Account Logon Events",
		"Kerberos Authentication Service",
	};
	/* How many of each of the nine categories' names a version has: Windows 10 on, 7, and 8. */
	static const uint8_t whole[9] = {5, 11, 14, 3, 6, 6, 6, 4, 4},
			     seven[9] = {5, 9, 12, 3, 4, 6, 6, 4, 4},
			     eight[9] = {5, 10, 14, 3, 4, 6, 6, 4, 4};
	static const char *const states[] = {"none", "success", "failure", "success and failure"};
	static const char *const old_names[] = {"System",
						"Logon",
						"Object Access",
						"Privilege Use",
						"Process Tracking",
						"Policy Change",
						"Account Management",
						"Directory Service Access",
						"Account Logon"};
	struct view d = registry_bytes(r, k, "");
	size_t count = d.len >= 32 ? (d.len - 32) / 2 : 0, at = 12, n = 0, on = 0;
	const uint8_t *have = count == 53   ? seven
			      : count == 56 ? eight
			      : count == 59 ? whole
					    : NULL;
	struct value *list = arena_alloc(&r->arena, 64 * sizeof(*list));

	(void)rule;
	if (!list || d.len < 12)
		return OK;
	if (have) {
		const char *const *name = names;

		for (unsigned c = 0; c < 9; name += whole[c], c++) {
			for (unsigned s = 0; s < have[c]; s++, at += 2) {
				unsigned state = view_get16(d, at) & 3;

				on += state != 0;
				list[n++] = value_text(
					arena_printf(&r->arena, "%s: %s", name[s], states[state]));
			}
		}
	} else if (d.len <=
		   44 + 4) { /* NT to 2003: 32-bit flags for each category, behind the switch */
		for (unsigned c = 0; c < 9 && view_has(d, 4 + 4 * c, 4); c++) {
			unsigned state = view_get32(d, 4 + 4 * c) & 3;

			on += state != 0 && view_get32(d, 0);
			list[n++] = value_text(arena_printf(&r->arena, "%s: %s", old_names[c],
							    states[view_get32(d, 0) ? state : 0]));
		}
	} else {
		return OK;
	}
	registry_event(r, k, KIND_SYSTEM_INFO, time_from_filetime(k->written),
		       "Content Modification Time", "");
	event_add(r->p, "AuditPolicy",
		  (struct value){.type = VALUE_LIST, .len = (uint32_t)n, .list = list});
	event_messagef(r->p, "Audit policy: %zu of %zu subcategories are audited", on, n);
	return event_emit(r->p);
}

/* ---- LSA: SECURITY\\Policy (winreg-kb, "Security") ---- */

/* The unnamed value as UNICODE_STRING: length, maximum, offset behind these eight bytes. */
static int lsa_name(struct registry *r, const struct hive_key *k, const struct registry_rule *rule)
{
	struct view d = registry_bytes(r, k, "");
	const char *text = parse_utf16z(&r->arena, view_clip(view_from(d, 8), 0, view_get16(d, 0)));

	if (d.len < 8 || !*text)
		return OK;
	registry_event(r, k, KIND_SYSTEM_INFO, time_from_filetime(k->written),
		       "Content Modification Time", "");
	event_add(r->p, rule->place, value_text(text));
	event_messagef(r->p, "%s: %s", rule->place, text);
	return event_emit(r->p);
}

static int lsa_sid(struct registry *r, const struct hive_key *k, const struct registry_rule *rule)
{
	struct view d = registry_bytes(r, k, "");
	struct value sid = {.type = VALUE_SID, .len = (uint32_t)d.len, .data = d.data};

	if (d.len < 8 || d.len > 68)
		return OK;
	registry_event(r, k, KIND_SYSTEM_INFO, time_from_filetime(k->written),
		       "Content Modification Time", "");
	event_add(r->p, rule->place, sid);
	event_messagef(r->p, "%s: %s", rule->place, parse_value_text(&r->arena, &sid));
	return event_emit(r->p);
}

/* Secrets stay encrypted; their names tell of service accounts (_SC_*), automatic logon (DefaultPassword) and cached logons. CupdTime
 * and OupdTime: when the current and the former were set. */
static int lsa_secret(struct registry *r, const struct hive_key *k,
		      const struct registry_rule *rule)
{
	static const struct {
		const char *key, *desc, *verb;
	} times[] = {
		{"CupdTime", "Content Modification Time", "set"},
		{"OupdTime", "Previous Modification Time", "set before"},
	};
	const char *name = key_name(r, k);
	int status = OK;

	(void)rule;
	for (size_t i = 0; i < 2 && status >= 0; i++) {
		struct hive_key at;
		int64_t ts = hive_find(&r->hive, k, times[i].key, &at)
				     ? time_from_filetime(view_get64(registry_bytes(r, &at, ""), 0))
				     : TIME_NONE;

		if (ts == TIME_NONE)
			continue;
		registry_event(r, k, KIND_OTHER, ts, times[i].desc, NULL);
		event_add(r->p, "SecretName", value_text(name));
		if (strncasecmp(name, "_SC_", 4) == 0)
			event_add(r->p, "ServiceName", value_text(name + 4));
		event_add(r->p, "Artifact", value_text("LSA secret"));
		event_messagef(r->p, "LSA secret %s was %s", name, times[i].verb);
		status = event_emit(r->p);
	}
	return status;
}

#define CONTROL "ControlSet*\\Control\\"

const struct registry_rule registry_system_rules[] = {
	{ON_SOFTWARE, WINDOWS_NT "\\Schedule\\TaskCache\\Tasks\\*", task, NULL, NULL},
	{ON_SYSTEM, CONTROL "Session Manager\\AppCompatCache", shim_cache, NULL, NULL},
	{ON_SYSTEM, CONTROL "Session Manager\\AppCompatibility", shim_cache, NULL, NULL},
	{ON_SYSTEM, "ControlSet*\\Services\\bam\\State\\UserSettings\\*", activity, "BAM", NULL},
	{ON_SYSTEM, "ControlSet*\\Services\\bam\\UserSettings\\*", activity, "BAM", NULL},
	{ON_SYSTEM, "ControlSet*\\Services\\dam\\State\\UserSettings\\*", activity, "DAM", NULL},
	{ON_SYSTEM, "ControlSet*\\Services\\dam\\UserSettings\\*", activity, "DAM", NULL},
	{ON_SYSTEM, CONTROL "ComputerName\\ComputerName", computer_name, NULL, NULL},
	{ON_SYSTEM, "ControlSet*\\Services\\Tcpip\\Parameters", host_name, NULL, NULL},
	{ON_SYSTEM, "ControlSet*\\Services\\Tcpip\\Parameters\\Interfaces\\*", interface, NULL,
	 NULL},
	{ON_SYSTEM, "ControlSet*\\Services\\Tcpip\\Parameters\\Interfaces\\*\\*", interface, NULL,
	 NULL},
	{ON_SYSTEM, CONTROL "TimeZoneInformation", time_zone, NULL, NULL},
	{ON_SYSTEM, CONTROL "Windows", shutdown_time, NULL, NULL},
	{ON_SYSTEM, "ControlSet*\\Enum\\USBSTOR\\*\\*", device, "USBSTOR", NULL},
	{ON_SYSTEM, "ControlSet*\\Enum\\USB\\*\\*", device, "USB", NULL},
	{ON_SYSTEM, "ControlSet*\\Enum\\SCSI\\*\\*", device, "SCSI", NULL},
	{ON_SYSTEM, "ControlSet*\\Enum\\IDE\\*\\*", device, "IDE", NULL},
	{ON_SYSTEM, "ControlSet*\\Enum\\SWD\\WPDBUSENUM\\*", device, "WPD", NULL},
	{ON_SYSTEM, "ControlSet*\\Enum\\BTHENUM\\*\\*", device, "Bluetooth", NULL},
	{ON_SYSTEM, "MountedDevices", mounted, NULL, NULL},
	{ON_SYSTEM, "Setup\\*", upgrade, NULL, NULL},
	{ON_SOFTWARE, WINDOWS_NT, version, NULL, NULL},
	{ON_SOFTWARE, WINDOWS_NT "\\ProfileList\\*", profile, NULL, NULL},
	{ON_SOFTWARE, WINDOWS_NT "\\NetworkList\\Profiles\\*", network, NULL, NULL},
	{ON_SOFTWARE, WINDOWS_NT "\\NetworkList\\Signatures\\*\\*", network_signature, NULL, NULL},
	{ON_SOFTWARE, "Microsoft\\Windows\\CurrentVersion\\Authentication\\LogonUI", last_user,
	 NULL, NULL},
	{ON_SOFTWARE | ON_USER, "~\\Microsoft\\Windows\\CurrentVersion\\Uninstall\\*", installed,
	 NULL, NULL},
	{ON_SOFTWARE, "~\\Microsoft\\Windows Defender\\Exclusions\\*", exclusion, NULL, NULL},
	{ON_SOFTWARE, "~\\Policies\\Microsoft\\Windows Defender\\Exclusions\\*", exclusion, NULL,
	 NULL},
	{ON_SECURITY, "Policy\\PolAdtEv", audit_policy, NULL, NULL},
	{ON_SECURITY, "Policy\\PolAcDmN", lsa_name, "AccountDomain", NULL},
	{ON_SECURITY, "Policy\\PolPrDmN", lsa_name, "PrimaryDomain", NULL},
	{ON_SECURITY, "Policy\\PolDnDDN", lsa_name, "DnsDomain", NULL},
	{ON_SECURITY, "Policy\\PolAcDmS", lsa_sid, "AccountDomainSid", NULL},
	{ON_SECURITY, "Policy\\PolPrDmS", lsa_sid, "PrimaryDomainSid", NULL},
	{ON_SECURITY, "Policy\\Secrets\\*", lsa_secret, NULL, NULL},
	{0},
};
