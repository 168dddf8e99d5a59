/*
 * Amcache.hve: programs and drivers that were seen on the machine, with hashes. Two layouts:
 * Root\File and Root\Programs (Windows 8, early 10), Root\Inventory* (later 10, 11). Facts:
 * libyal's documentation of the Amcache file; ANSSI, "AmCache investigation".
 */
#include "parsers/registry.h"

#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

/* "0000" and a SHA-1 in hex. */
static const char *sha1_of(const char *text)
{
	return text && strlen(text) == 44 && strncmp(text, "0000", 4) == 0 ? text + 4 : NULL;
}

static void add_hash(struct registry *r, const char *text)
{
	const char *sha1 = sha1_of(text);

	if (sha1) {
		event_add(r->p, "SHA1", value_text(sha1));
		event_addf(r->p, "Hashes", "SHA1=%s", sha1);
	}
}

static int with_times(struct registry *r, size_t count, const int64_t *times,
		      const char *const *descs)
{
	int status = event_emit(r->p);

	for (size_t i = 0; i < count && status >= 0; i++)
		if (times[i] != TIME_NONE)
			status = event_emit_at(r->p, times[i], descs[i]);
	return status;
}

static int old_file(struct registry *r, const struct hive_key *k, const struct registry_rule *rule)
{
	static const char *const descs[] = {"Content Modification Time", "Creation Time",
					    "Content Modification Time", "Link Time"};
	const char *path = registry_text(r, k, "15");
	int64_t times[4] = {TIME_NONE, TIME_NONE, TIME_NONE, TIME_NONE};
	uint64_t n;

	(void)rule;
	if (registry_number(r, k, "11", &n))
		times[0] = time_from_filetime(n);
	if (registry_number(r, k, "12", &n))
		times[1] = time_from_filetime(n);
	if (registry_number(r, k, "17", &n))
		times[2] = time_from_filetime(n);
	if (times[2] == times[0])
		times[2] = TIME_NONE;
	if (registry_number(r, k, "f", &n))
		times[3] = time_from_unix((int64_t)n);
	registry_event(r, k, KIND_PROCESS_SEEN, time_from_filetime(k->written),
		       "Content Modification Time", NULL);
	registry_add(r, "Image", path);
	add_hash(r, registry_text(r, k, "101"));
	registry_add(r, "Product", registry_text(r, k, "0"));
	registry_add(r, "Company", registry_text(r, k, "1"));
	registry_add(r, "FileVersion", registry_text(r, k, "5"));
	registry_add(r, "FileSize", registry_text(r, k, "6"));
	registry_add(r, "Description", registry_text(r, k, "c"));
	registry_add(r, "ProgramId", registry_text(r, k, "100"));
	event_add(r->p, "Artifact", value_text("Amcache"));
	event_messagef(r->p, "Amcache: %s", path ? path : "a file");
	return with_times(r, 4, times, descs);
}

static int old_program(struct registry *r, const struct hive_key *k,
		       const struct registry_rule *rule)
{
	static const char *const descs[] = {"Installation Time", "Uninstallation Time"};
	const char *name = registry_text(r, k, "0");
	int64_t times[2] = {TIME_NONE, TIME_NONE};
	uint64_t n;

	(void)rule;
	if (registry_number(r, k, "a", &n))
		times[0] = time_from_unix((int64_t)n);
	if (registry_number(r, k, "b", &n))
		times[1] = time_from_unix((int64_t)n);
	registry_event(r, k, KIND_PACKAGE_INSTALL, time_from_filetime(k->written),
		       "Content Modification Time", NULL);
	registry_add(r, "Name", name);
	registry_add(r, "Version", registry_text(r, k, "1"));
	registry_add(r, "Publisher", registry_text(r, k, "2"));
	registry_add(r, "EntryType", registry_text(r, k, "6"));
	registry_add(r, "UninstallKey", registry_text(r, k, "7"));
	registry_add(r, "Paths", registry_text(r, k, "d"));
	registry_add(r, "ProgramId", registry_name(r, k->name, k->ascii));
	event_add(r->p, "Artifact", value_text("Amcache"));
	event_messagef(r->p, "Amcache: program %s", name ? name : "");
	return with_times(r, 2, times, descs);
}

static int new_file(struct registry *r, const struct hive_key *k, const struct registry_rule *rule)
{
	static const char *const descs[] = {"Link Time"};
	const char *path = registry_text(r, k, "LowerCaseLongPath");
	int64_t link = registry_american_time(registry_text(r, k, "LinkDate"));

	(void)rule;
	if (!path)
		return OK;
	registry_event(r, k, KIND_PROCESS_SEEN, time_from_filetime(k->written),
		       "Content Modification Time", NULL);
	event_add(r->p, "Image", value_text(path));
	add_hash(r, registry_text(r, k, "FileId"));
	registry_add(r, "OriginalFileName", registry_text(r, k, "OriginalFileName"));
	registry_add(r, "Product", registry_text(r, k, "ProductName"));
	registry_add(r, "Company", registry_text(r, k, "Publisher"));
	registry_add(r, "FileVersion", registry_text(r, k, "Version"));
	registry_add(r, "FileSize", registry_text(r, k, "Size"));
	registry_add(r, "BinaryType", registry_text(r, k, "BinaryType"));
	registry_add(r, "Usn", registry_text(r, k, "Usn"));
	registry_add(r, "ProgramId", registry_text(r, k, "ProgramId"));
	event_add(r->p, "Artifact", value_text("Amcache"));
	event_messagef(r->p, "Amcache: %s", path);
	return with_times(r, 1, &link, descs);
}

static int new_program(struct registry *r, const struct hive_key *k,
		       const struct registry_rule *rule)
{
	static const char *const descs[] = {"Installation Time", "Installation Time",
					    "Installation Time"};
	const char *name = registry_text(r, k, "Name");
	int64_t times[3] = {
		registry_american_time(registry_text(r, k, "InstallDate")),
		registry_american_time(registry_text(r, k, "InstallDateArpLastModified")),
		registry_american_time(registry_text(r, k, "InstallDateFromLinkFile"))};

	(void)rule;
	registry_event(r, k, KIND_PACKAGE_INSTALL, time_from_filetime(k->written),
		       "Content Modification Time", NULL);
	registry_add(r, "Name", name);
	registry_add(r, "Version", registry_text(r, k, "Version"));
	registry_add(r, "Publisher", registry_text(r, k, "Publisher"));
	registry_add(r, "InstallLocation", registry_text(r, k, "RootDirPath"));
	registry_add(r, "Source", registry_text(r, k, "Source"));
	registry_add(r, "UninstallString", registry_text(r, k, "UninstallString"));
	registry_add(r, "UserSid", registry_text(r, k, "UserSid"));
	registry_add(r, "ProgramId", registry_name(r, k->name, k->ascii));
	event_add(r->p, "Artifact", value_text("Amcache"));
	event_messagef(r->p, "Amcache: program %s", name ? name : "");
	return with_times(r, 3, times, descs);
}

static int new_driver(struct registry *r, const struct hive_key *k,
		      const struct registry_rule *rule)
{
	static const char *const descs[] = {"Content Modification Time", "Link Time"};
	const char *path = registry_name(r, k->name, k->ascii);
	int64_t times[2] = {registry_american_time(registry_text(r, k, "DriverLastWriteTime")),
			    TIME_NONE};
	uint64_t n;

	(void)rule;
	if (registry_number(r, k, "DriverTimeStamp", &n))
		times[1] = time_from_unix((int64_t)n);
	registry_event(r, k, KIND_MODULE_SEEN, time_from_filetime(k->written),
		       "Content Modification Time", NULL);
	event_add(r->p, "ImageLoaded", value_text(path));
	add_hash(r, registry_text(r, k, "DriverId"));
	registry_add(r, "DriverName", registry_text(r, k, "DriverName"));
	registry_add(r, "Company", registry_text(r, k, "DriverCompany"));
	registry_add(r, "FileVersion", registry_text(r, k, "DriverVersion"));
	registry_add(r, "Service", registry_text(r, k, "Service"));
	registry_add(r, "Signed", registry_text(r, k, "DriverSigned"));
	registry_add(r, "Inf", registry_text(r, k, "Inf"));
	event_add(r->p, "Artifact", value_text("Amcache"));
	event_messagef(r->p, "Amcache: driver %s", path);
	return with_times(r, 2, times, descs);
}

static int new_shortcut(struct registry *r, const struct hive_key *k,
			const struct registry_rule *rule)
{
	const char *path = registry_text(r, k, "ShortcutPath");

	(void)rule;
	if (!path)
		return OK;
	registry_event(r, k, KIND_FILE_METADATA, time_from_filetime(k->written),
		       "Content Modification Time", NULL);
	event_add(r->p, "TargetFilename", value_text(path));
	registry_add(r, "Image", registry_text(r, k, "ShortcutTargetPath"));
	event_add(r->p, "Artifact", value_text("Amcache"));
	event_messagef(r->p, "Amcache: shortcut %s", path);
	return event_emit(r->p);
}

static int new_device(struct registry *r, const struct hive_key *k,
		      const struct registry_rule *rule)
{
	const char *name = registry_text(r, k, "FriendlyName");

	(void)rule;
	if (!name || !*name)
		name = registry_text(r, k, "Description");
	if (!name || !*name)
		name = registry_text(r, k, "Model");
	registry_event(r, k, KIND_DEVICE_CONNECT, time_from_filetime(k->written),
		       "Content Modification Time", NULL);
	event_add(r->p, "DeviceName", value_text(name));
	event_add(r->p, "DeviceId", value_text(registry_name(r, k->name, k->ascii)));
	registry_add(r, "Manufacturer", registry_text(r, k, "Manufacturer"));
	registry_add(r, "Service", registry_text(r, k, "Service"));
	event_add(r->p, "Artifact", value_text("Amcache"));
	event_messagef(r->p, "Amcache: device %s", name ? name : "");
	return event_emit(r->p);
}

/* Syscache.hve (Windows 7, 2008 R2): programs that were looked at by the application identity service: their MFT reference and
 * SHA-1 of the whole file (winreg-kb, "Syscache hive"). */
static int syscache(struct registry *r, const struct hive_key *k, const struct registry_rule *rule)
{
	struct view id = registry_bytes(r, k, "AeFileID");
	const char *text = parse_utf16z(&r->arena, id);
	uint64_t reference = 0, usn = 0;

	(void)rule;
	if (!registry_number(r, k, "_FileId_", &reference))
		return OK;
	registry_event(r, k, KIND_PROCESS_SEEN, time_from_filetime(k->written),
		       "Content Modification Time", NULL);
	event_addf(r->p, "FileReference", "%llu-%llu",
		   (unsigned long long)(reference & 0xffffffffffff),
		   (unsigned long long)(reference >> 48));
	add_hash(r, text);
	if (registry_number(r, k, "_Usn_", &usn))
		event_add(r->p, "Usn", value_unsigned(usn));
	registry_add(r, "ProgramId", parse_utf16z(&r->arena, registry_bytes(r, k, "AeProgramID")));
	event_add(r->p, "Artifact", value_text("Syscache"));
	event_messagef(r->p, "Syscache: file %llu-%llu%s%s",
		       (unsigned long long)(reference & 0xffffffffffff),
		       (unsigned long long)(reference >> 48), sha1_of(text) ? ", SHA-1 " : "",
		       sha1_of(text) ? sha1_of(text) : "");
	return event_emit(r->p);
}

const struct registry_rule registry_amcache_rules[] = {
	{ON_OTHER, "DefaultObjectStore\\ObjectTable\\*", syscache, NULL, NULL},
	{ON_AMCACHE, "Root\\File\\*\\*", old_file, NULL, NULL},
	{ON_AMCACHE, "Root\\Programs\\*", old_program, NULL, NULL},
	{ON_AMCACHE, "Root\\InventoryApplicationFile\\*", new_file, NULL, NULL},
	{ON_AMCACHE, "Root\\InventoryApplication\\*", new_program, NULL, NULL},
	{ON_AMCACHE, "Root\\InventoryDriverBinary\\*", new_driver, NULL, NULL},
	{ON_AMCACHE, "Root\\InventoryApplicationShortcut\\*", new_shortcut, NULL, NULL},
	{ON_AMCACHE, "Root\\InventoryDevicePnp\\*", new_device, NULL, NULL},
	{ON_AMCACHE, "Root\\InventoryDeviceContainer\\*", new_device, NULL, NULL},
	{0},
};
