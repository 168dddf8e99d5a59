/*
 * Persistence places of the registry. What each does is documented by Microsoft (the value's own
 * page), by Sysinternals Autoruns' lists, and by MITRE ATT&CK's T1037, T1053, T1543, T1546, T1547.
 */
#include "base/persistence.h"

#include "base/status.h"
#include "base/text.h"
#include "base/timestamp.h"

#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

/* Types of values. */
enum {
	TYPE_SZ = 1,
	TYPE_EXPAND_SZ = 2,
	TYPE_BINARY = 3,
	TYPE_DWORD = 4,
	TYPE_DWORD_BE = 5,
	TYPE_LINK = 6,
	TYPE_MULTI_SZ = 7,
	TYPE_QWORD = 11
};

/* ---- commands ---- */

static bool ends_program(struct view v, size_t *end)
{
	static const char *const types[] = {".exe", ".dll", ".sys", ".com", ".bat", ".cmd",
					    ".scr", ".cpl", ".ocx", ".vbs", ".vbe", ".js",
					    ".jse", ".wsf", ".ps1", ".hta", ".pif", ".msc",
					    ".msi", ".drv", ".acm", ".ax",  ".tsp", ".lnk"};

	for (size_t i = 0; i + 3 <= v.len; i++) {
		if (v.data[i] != '.')
			continue;
		for (size_t t = 0; t < sizeof(types) / sizeof(types[0]); t++) {
			size_t n = strlen(types[t]);

			if (view_has(v, i, n) &&
			    strncasecmp((const char *)v.data + i, types[t], n) == 0 &&
			    (i + n == v.len || strchr(" \t\",;/", v.data[i + n]))) {
				*end = i + n;
				return true;
			}
		}
	}
	return false;
}

/* The path as a drive path: the forms that the kernel and the service manager take made into the
 * one that people use. */
static const char *plain_path(struct arena *a, struct view v)
{
	static const struct {
		const char *from, *to;
	} forms[] = {
		{"\\??\\", ""},
		{"\\\\?\\", ""},
		{"\\SystemRoot\\", "C:\\Windows\\"},
		{"%SystemRoot%\\", "C:\\Windows\\"},
		{"%windir%\\", "C:\\Windows\\"},
		{"system32\\", "C:\\Windows\\system32\\"},
		{"SysWOW64\\", "C:\\Windows\\SysWOW64\\"},
		{"%ProgramFiles%\\", "C:\\Program Files\\"},
		{"%ProgramFiles(x86)%\\", "C:\\Program Files (x86)\\"},
		{"%ProgramData%\\", "C:\\ProgramData\\"},
		{"%SystemDrive%\\", "C:\\"},
	};
	const char *text = "";

	for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
		size_t n = strlen(forms[i].from);

		if (v.len >= n && strncasecmp((const char *)v.data, forms[i].from, n) == 0) {
			text = forms[i].to;
			v = view_from(v, n);
			if (i > 1)
				break;
		}
	}
	text = arena_printf(a, "%s%.*s", text, (int)v.len, (const char *)v.data);
	return text ? text : "";
}

const char *command_image(struct arena *a, const char *command)
{
	struct view v = view_trim(view_text(command)), head;
	size_t end;

	if (v.len && v.data[0] == '@')
		v = view_from(v, 1);
	if (v.len && v.data[0] == '"') {
		v = view_from(v, 1);
		head = view_clip(v, 0, view_find(v, 0, "\"", 1));
	} else if (view_find(v, 0, "\\", 1) > view_find(v, 0, " ", 1)) {
		/* A bare name, looked for on the path: "cmd /c C:\\x.bat". */
		head = view_clip(v, 0, view_find(v, 0, " ", 1));
	} else if (ends_program(v, &end)) {
		head = view_clip(v, 0, end);
	} else {
		size_t space = view_find(v, 0, " ", 1), comma = view_find(v, 0, ",", 1);

		/* A path with spaces and no known ending is taken whole when it has no arguments
		 * that look like it. */
		head = view_clip(v, 0,
				 view_find(v, 0, "\\", 1) < v.len &&
						 view_find(v, 0, " -", 2) == v.len &&
						 view_find(v, 0, " /", 2) == v.len
					 ? v.len
				 : space < comma ? space
						 : comma);
	}
	return plain_path(a, head);
}

const char *command_module(struct arena *a, const char *command, const char *image)
{
	static const char *const hosts[] = {"rundll32.exe",   "rundll32",    "regsvr32.exe",
					    "regsvr32",	      "cmd.exe",     "cmd",
					    "wscript.exe",    "cscript.exe", "mshta.exe",
					    "powershell.exe", "msiexec.exe"};
	const char *name = strrchr(image, '\\');
	struct view v = view_text(command), part;
	size_t at, end;
	bool host = false;

	name = name ? name + 1 : image;
	for (size_t i = 0; i < sizeof(hosts) / sizeof(hosts[0]); i++)
		host = host || strcasecmp(name, hosts[i]) == 0;
	if (!host)
		return NULL;
	/* Past the host's own name, then the next thing that has a program's ending. */
	for (at = 0; at + strlen(name) <= v.len; at++)
		if (strncasecmp((const char *)v.data + at, name, strlen(name)) == 0)
			break;
	v = view_from(v, at + strlen(name) < v.len ? at + strlen(name) : v.len);
	while (v.len && strchr("\" \t", v.data[0]))
		v = view_from(v, 1);
	while (v.len && (v.data[0] == '/' || v.data[0] == '-')) {
		struct view rest = v;

		(void)view_token(&rest, ' ', &part);
		v = view_trim(rest);
	}
	if (v.len && v.data[0] == '"')
		v = view_from(v, 1);
	if (!ends_program(v, &end))
		return NULL;
	return plain_path(a, view_clip(v, 0, end));
}

/* ---- values ---- */

static void multi_append(struct buffer *out, struct view v)
{
	bool any = false;

	while (v.len >= 2) {
		size_t n = 0;

		while (n + 2 <= v.len && (v.data[n] || v.data[n + 1]))
			n += 2;
		if (n) {
			if (any)
				buffer_append(out, ", ", 2);
			text_utf16(out, view_sub(v, 0, n));
			any = true;
		}
		v = view_from(v, n + 2);
	}
}

void registry_data_text(struct buffer *out, uint32_t type, struct view v, uint32_t size,
			size_t binary_max)
{
	switch (type) {
	case TYPE_SZ:
	case TYPE_EXPAND_SZ:
	case TYPE_LINK:
		text_utf16z(out, v);
		return;
	case TYPE_MULTI_SZ:
		multi_append(out, v);
		return;
	case TYPE_DWORD:
		if (v.len == 4) {
			buffer_unsigned(out, view_get32(v, 0));
			return;
		}
		break;
	case TYPE_DWORD_BE:
		if (v.len == 4) {
			buffer_unsigned(out, __builtin_bswap32(view_get32(v, 0)));
			return;
		}
		break;
	case TYPE_QWORD:
		if (v.len == 8) {
			buffer_unsigned(out, view_get64(v, 0));
			return;
		}
		break;
	}
	v = view_clip(v, 0, binary_max);
	buffer_hex(out, v.data, v.len, true);
	if (size > v.len)
		buffer_printf(out, "... (%u bytes)", size);
}

static const char *kept(struct arena *a, struct buffer *b)
{
	const char *text = arena_strndup(a, b->data, b->len);

	buffer_release(b);
	return text ? text : "";
}

static const char *text_of_utf16(struct arena *a, struct view utf16)
{
	struct buffer b = {0};

	text_utf16z(&b, utf16);
	return kept(a, &b);
}

static const char *text_of_bytes(struct arena *a, struct view bytes)
{
	struct buffer b = {0};

	text_utf8(&b, bytes);
	return kept(a, &b);
}

static const char *value_text_of(struct place_reader *r, const struct place_value *v)
{
	struct buffer b = {0};

	registry_data_text(&b, v->type, v->data, v->size, 4096);
	return kept(r->arena, &b);
}

static const char *text_of(struct place_reader *r, const void *k, const char *name)
{
	struct place_value v;

	return r->find(r, k, name, &v) ? value_text_of(r, &v) : NULL;
}

static const char *text_in(struct place_reader *r, const void *k, const char *path,
			   const char *name)
{
	const void *at = r->open(r, k, path);

	return at ? text_of(r, at, name) : NULL;
}

static struct view bytes_of(struct place_reader *r, const void *k, const char *name)
{
	struct place_value v;

	return r->find(r, k, name, &v) ? v.data : VIEW_EMPTY;
}

static bool number_of(struct place_reader *r, const void *k, const char *name, uint64_t *n)
{
	struct view v = bytes_of(r, k, name);

	if (v.len == 8)
		*n = view_get64(v, 0);
	else if (v.len == 4)
		*n = view_get32(v, 0);
	else
		return false;
	return true;
}

/* A name in the key's path: 0 is the key's own, 1 its parent's. */
static const char *path_part(struct place_reader *r, const void *k, unsigned up)
{
	const char *path = r->path(r, k);
	size_t end = strlen(path), at = end;
	const char *text;

	for (;; up--, end = at - 1) {
		for (at = end; at > 0 && path[at - 1] != '\\';)
			at--;
		if (up == 0 || at == 0)
			break;
	}
	text = arena_strndup(r->arena, path + at, end - at);
	return text ? text : "";
}

static const char *key_name(struct place_reader *r, const void *k)
{
	return path_part(r, k, 0);
}

/* ---- functions of the table ---- */

static int one(struct place_reader *r, const void *k, const struct place *rule,
	       const struct place_value *v, const char *name)
{
	struct persistence e = {.place = rule->place,
				.name = name,
				.command = value_text_of(r, v),
				.value = v->name};

	if (!*e.command)
		return OK;
	return r->found(r, k, &e);
}

static bool is_text(const struct place_value *v)
{
	return v->type == TYPE_SZ || v->type == TYPE_EXPAND_SZ || v->type == TYPE_MULTI_SZ;
}

/* Explorer's verdict on an entry of a Run key, which stands in the same hive: the first byte is even while the entry is enabled
 * (observed on Windows 8 to 11). NULL: it has none, which means enabled. */
static const char *run_state(struct place_reader *r, const void *k, const char *name)
{
	const char *list = strstr(r->path(r, k), "\\Wow6432Node\\") ? "Run32" : "Run";
	static const char *const roots[] = {"Software\\",
					    ""}; /* of a user's hive, and of SOFTWARE */

	for (size_t i = 0; i < 2; i++) {
		const char *path = arena_printf(
			r->arena,
			"%sMicrosoft\\Windows\\CurrentVersion\\Explorer\\StartupApproved\\%s",
			roots[i], list);
		const void *at = path ? r->open(r, NULL, path) : NULL;
		struct view d = at ? bytes_of(r, at, name) : VIEW_EMPTY;

		if (d.len)
			return d.data[0] & 1 ? "disabled" : "enabled";
	}
	return NULL;
}

/* Run keys: each value is an entry, which Explorer may have disabled. */
static int run_values(struct place_reader *r, const void *k, const struct place *rule)
{
	uint32_t n = r->count(r, k);
	int status = OK;

	for (uint32_t i = 0; i < n && status >= 0; i++) {
		struct persistence e = {.place = rule->place, .names = {"State"}};
		struct place_value v;

		if (!r->value(r, k, i, &v) || !is_text(&v))
			continue;
		e.command = value_text_of(r, &v);
		e.value = v.name;
		e.name = *v.name ? v.name : key_name(r, k);
		e.texts[0] = run_state(r, k, v.name);
		if (*e.command)
			status = r->found(r, k, &e);
	}
	return status;
}

/* What msconfig.exe took out of the Run keys (up to Windows 7): it keeps the entry here. */
static int msconfig(struct place_reader *r, const void *k, const struct place *rule)
{
	struct persistence e = {.place = rule->place,
				.name = key_name(r, k),
				.command = text_of(r, k, "command"),
				.value = "command",
				.names = {"State", "List", "Hive"},
				.texts = {"disabled"}};

	e.texts[1] = text_of(r, k, "key");
	e.texts[2] = text_of(r, k, "hkey");
	return e.command && *e.command ? r->found(r, k, &e) : OK;
}

/* Every value is an entry: its name and its command. */
static int every_value(struct place_reader *r, const void *k, const struct place *rule)
{
	uint32_t n = r->count(r, k);
	int status = OK;

	for (uint32_t i = 0; i < n && status >= 0; i++) {
		struct place_value v;

		if (!r->value(r, k, i, &v) || !is_text(&v))
			continue;
		status = one(r, k, rule, &v, *v.name ? v.name : key_name(r, k));
	}
	return status;
}

/* What the entry is called: the key where the pattern ends in any name, the file type for its
 * commands, else the value. */
static const char *entry_name(struct place_reader *r, const void *k, const struct place *rule,
			      const char *value)
{
	const char *last =
		strrchr(rule->pattern, '\\') ? strrchr(rule->pattern, '\\') + 1 : rule->pattern;

	if (strcmp(last, "command") == 0) {
		const char *path = r->path(r, k);
		size_t len = strlen(path), end = len - (len > 8 ? strlen("\\command") : 0),
		       at = end;

		for (unsigned parts = 0; at > 0; at--)
			if (path[at - 1] == '\\' && ++parts == 3)
				break;
		return arena_strndup(r->arena, path + at, end - at);
	}
	return strpbrk(last, "*") || !*value ? key_name(r, k) : value;
}

/* The values that rule->value names ("A|B"; "" is the unnamed one; a name may end with *). */
static int some_values(struct place_reader *r, const void *k, const struct place *rule)
{
	uint32_t n = r->count(r, k);
	int status = OK;

	for (uint32_t i = 0; i < n && status >= 0; i++) {
		struct view wanted = view_text(rule->value), part;
		struct place_value v;
		const char *name;
		bool hit = false;

		if (!r->value(r, k, i, &v))
			continue;
		name = v.name;
		if (!*rule->value)
			hit = !*name;
		while (!hit && view_token(&wanted, '|', &part)) {
			const char *pattern = arena_strndup(r->arena, part.data, part.len);

			hit = pattern && view_glob(view_text(name), pattern);
		}
		if (hit)
			status = one(r, k, rule, &v, entry_name(r, k, rule, name));
	}
	return status;
}

/* Lists: each part of a multi-string, or of a text with commas (or blanks), is an entry. */
static int list_values(struct place_reader *r, const void *k, const struct place *rule)
{
	struct view wanted = view_text(rule->value), part;
	int status = OK;

	while (status >= 0 && view_token(&wanted, '|', &part)) {
		const char *name = arena_strndup(r->arena, part.data, part.len);
		struct place_value v;
		struct view text, item;

		if (!name || !r->find(r, k, name, &v))
			continue;
		text = view_text(value_text_of(r, &v));
		while (status >= 0 && view_token(&text, ',', &item)) {
			struct persistence e = {.place = rule->place, .value = name};

			item = view_trim(item);
			if (!item.len || view_is(item, "\"\""))
				continue;
			e.command = arena_strndup(r->arena, item.data, item.len);
			e.name = name;
			status = r->found(r, k, &e);
		}
	}
	return status;
}

/* The server of a COM class in this hive, or NULL. */
static const char *class_server(struct place_reader *r, const char *clsid)
{
	static const char *const roots[] = {"Classes\\CLSID\\", "Classes\\Wow6432Node\\CLSID\\",
					    "Software\\Classes\\CLSID\\", "CLSID\\"};
	static const char *const servers[] = {"InprocServer32", "LocalServer32"};

	if (clsid[0] != '{' || strlen(clsid) > 64)
		return NULL;
	for (size_t i = 0; i < sizeof(roots) / sizeof(roots[0]); i++) {
		for (size_t j = 0; j < 2; j++) {
			const char *path =
				arena_printf(r->arena, "%s%s\\%s", roots[i], clsid, servers[j]);
			const char *server = path ? text_in(r, NULL, path, "") : NULL;

			if (server && *server)
				return server;
		}
	}
	return NULL;
}

static int class_entry(struct place_reader *r, const void *k, const struct place *rule,
		       const char *clsid, const char *name, const char *value)
{
	struct persistence e = {.place = rule->place,
				.name = name,
				.value = value,
				.names = {"CLSID"},
				.texts = {clsid}};

	e.command = class_server(r, clsid);
	return r->found(r, k, &e);
}

/* The key is named by a class, or (handlers) its unnamed value names one. */
static int class_key(struct place_reader *r, const void *k, const struct place *rule)
{
	const char *name = key_name(r, k), *text = text_of(r, k, rule->value ? rule->value : "");

	if (text && text[0] == '{')
		return class_entry(r, k, rule, text, name, rule->value);
	return name[0] == '{' ? class_entry(r, k, rule, name, text && *text ? text : name, NULL)
			      : OK;
}

/* Values whose name or data is a class. */
static int class_values(struct place_reader *r, const void *k, const struct place *rule)
{
	uint32_t n = r->count(r, k);
	int status = OK;

	for (uint32_t i = 0; i < n && status >= 0; i++) {
		struct place_value v;
		const char *name, *text;

		if (!r->value(r, k, i, &v))
			continue;
		name = v.name;
		text = v.type == TYPE_SZ || v.type == TYPE_EXPAND_SZ ? value_text_of(r, &v) : "";
		if (text[0] == '{')
			status = class_entry(r, k, rule, text, name, name);
		else if (name[0] == '{')
			status = class_entry(r, k, rule, name, *text ? text : name, name);
	}
	return status;
}

/* CLSID\{...}\InprocServer32 and its kin: the class is the parent's name. */
static int class_server_key(struct place_reader *r, const void *k, const struct place *rule)
{
	struct persistence e = {.place = rule->place,
				.command = text_of(r, k, ""),
				.value = "",
				.names = {"Server"}};

	if (!e.command || !*e.command)
		return OK;
	e.name = path_part(r, k, 1);
	e.texts[0] = key_name(r, k);
	return r->found(r, k, &e);
}

/* Explorer's verdict on startup entries: 12 bytes, state and, when it was disabled, the time
 * (observed on Windows 8 to 11). */
static int startup_approved(struct place_reader *r, const void *k, const struct place *rule)
{
	uint32_t n = r->count(r, k);
	int status = OK;

	for (uint32_t i = 0; i < n && status >= 0; i++) {
		struct place_value v;
		struct view d;
		struct persistence e = {.place = rule->place, .names = {"State", "List"}};

		if (!r->value(r, k, i, &v) || v.type != TYPE_BINARY)
			continue;
		d = v.data;
		e.name = e.value = v.name;
		e.texts[0] = view_get8(d, 0) & 1 ? "disabled" : "enabled";
		e.texts[1] = key_name(r, k);
		if (view_get64(d, 4) && time_from_filetime(view_get64(d, 4)) != TIME_NONE)
			e.ts = time_from_filetime(view_get64(d, 4));
		status = r->found(r, k, &e);
	}
	return status;
}

/* Image File Execution Options: GlobalFlag's bit 0x200 arms SilentProcessExit; others are debugging
 * aids. */
static int global_flag(struct place_reader *r, const void *k, const struct place *rule)
{
	uint64_t flags;
	struct persistence e = {.place = rule->place,
				.name = key_name(r, k),
				.value = "GlobalFlag",
				.names = {"GlobalFlag"}};

	if (!number_of(r, k, "GlobalFlag", &flags) || !flags)
		return OK;
	e.texts[0] = arena_printf(r->arena, "0x%llx", (unsigned long long)flags);
	return r->found(r, k, &e);
}

/* A number that matters when it is set. */
static int number_value(struct place_reader *r, const void *k, const struct place *rule)
{
	uint64_t n;
	struct persistence e = {.place = rule->place,
				.name = rule->value,
				.value = rule->value,
				.names = {"Setting"}};

	if (!number_of(r, k, rule->value, &n) || n == 0)
		return OK;
	e.texts[0] = arena_printf(r->arena, "%llu", (unsigned long long)n);
	return r->found(r, k, &e);
}

/* Winsock protocol entries: the provider's path stands first in the packed item, 8-bit text of
 * MAX_PATH bytes. */
static int winsock_protocol(struct place_reader *r, const void *k, const struct place *rule)
{
	struct view d = bytes_of(r, k, "PackedCatalogItem"), path = view_clip(d, 0, 260);
	struct persistence e = {
		.place = rule->place, .name = key_name(r, k), .value = "PackedCatalogItem"};

	path.len = path.len ? strnlen((const char *)path.data, path.len) : 0;
	if (!path.len)
		return OK;
	e.command = text_of_bytes(r->arena, path);
	e.name = text_of_utf16(r->arena, view_from(d, 260 + 118 < d.len ? 260 + 118 : d.len));
	return r->found(r, k, &e);
}

/* Installed shim databases: the path of the database, and when it was installed. */
static int shim_database(struct place_reader *r, const void *k, const struct place *rule)
{
	struct persistence e = {
		.place = rule->place, .value = "DatabasePath", .names = {"Description"}};
	uint64_t stamp;

	e.name = key_name(r, k);
	e.command = text_of(r, k, "DatabasePath");
	e.texts[0] = text_of(r, k, "DatabaseDescription");
	if (number_of(r, k, "DatabaseInstallTimeStamp", &stamp) &&
	    time_from_filetime(stamp) != TIME_NONE) {
		e.ts = time_from_filetime(stamp);
		e.ts_desc = "Installation Time";
	}
	return e.command ? r->found(r, k, &e) : OK;
}

/* Office add-ins: the class by its program id, or a manifest. */
static int office_addin(struct place_reader *r, const void *k, const struct place *rule)
{
	struct persistence e = {.place = rule->place,
				.name = key_name(r, k),
				.names = {"FriendlyName", "LoadBehavior", "CLSID"}};
	const char *path = arena_printf(r->arena, "Classes\\%s\\CLSID", e.name);

	e.command = text_of(r, k, "Manifest");
	e.texts[0] = text_of(r, k, "FriendlyName");
	e.texts[1] = text_of(r, k, "LoadBehavior");
	e.texts[2] = path ? text_in(r, NULL, path, "") : NULL;
	if (!e.command && e.texts[2])
		e.command = class_server(r, e.texts[2]);
	if (!e.command && !e.texts[0] && !e.texts[1])
		return OK;
	return r->found(r, k, &e);
}

/* ---- services and drivers ([MS-SCMR] 2.2.15: types and start values) ---- */

/* As Windows writes them: {00112233-4455-...}. */
static void guid_append(struct buffer *b, struct view g)
{
	buffer_printf(b, "{%08X-%04X-%04X-", view_get32(g, 0), view_get16(g, 4), view_get16(g, 6));
	for (unsigned i = 8; i < 16; i++)
		buffer_printf(b, i == 9 ? "%02X-" : "%02X", view_get8(g, i));
	buffer_char(b, '}');
}

/* What starts or stops it besides its start type ([MS-SCMR] 2.2.30, SERVICE_TRIGGER): keys 0, 1, ... of TriggerInfo. */
static const char *triggers(struct place_reader *r, const void *service)
{
	static const struct {
		uint64_t type;
		const char *text;
	} types[] = {
		{1, "device arrives"},
		{2, "first IP address"},
		{3, "domain joined or left"},
		{4, "firewall port event"},
		{5, "group policy changed"},
		{6, "network request"},
		{7, "state changed"},
		{20, "event of a provider"},
		{30, "aggregate"},
	};
	struct buffer b = {0};

	for (unsigned n = 0; n < 32; n++) {
		const char *path = arena_printf(r->arena, "TriggerInfo\\%u", n), *text = NULL;
		const void *k = path ? r->open(r, service, path) : NULL;
		uint64_t type = 0, action = 0;
		struct view guid;

		if (!k)
			break;
		(void)number_of(r, k, "Type", &type);
		(void)number_of(r, k, "Action", &action);
		for (size_t t = 0; t < sizeof(types) / sizeof(types[0]); t++)
			if (types[t].type == type)
				text = types[t].text;
		buffer_printf(&b, "%s%s: ", b.len ? "; " : "",
			      action == 1   ? "start"
			      : action == 2 ? "stop"
					    : "unknown action");
		if (text)
			buffer_string(&b, text);
		else
			buffer_printf(&b, "type %llu", (unsigned long long)type);
		guid = bytes_of(r, k, "GUID");
		if (guid.len == 16) {
			buffer_char(&b, ' ');
			guid_append(&b, guid);
		}
	}
	if (b.len)
		return kept(r->arena, &b);
	buffer_release(&b);
	return NULL;
}

static int service(struct place_reader *r, const void *k, const struct place *rule)
{
	static const char *const starts[] = {"boot", "system", "auto", "demand", "disabled"};
	struct persistence e = {.place = "Service",
				.name = key_name(r, k),
				.names = {"StartType", "ServiceType", "ServiceDll", "DisplayName",
					  "FailureCommand", "RequiredPrivileges", "Triggers",
					  "DelayedAutoStart", "ServiceMain", "Group"}};
	uint64_t type, start = 99, delayed = 0;
	bool driver;

	(void)rule;
	if (!number_of(r, k, "Type", &type))
		return OK;
	(void)number_of(r, k, "Start", &start);
	(void)number_of(r, k, "DelayedAutostart", &delayed);
	driver = type & 0x0b;
	e.command = text_of(r, k, "ImagePath");
	if ((!e.command || !*e.command) && type == 4) /* an adapter's settings, no program */
		return OK;
	if (driver) {
		e.place = "Driver";
		/* A driver without a path is loaded from here (IoLoadDriver). */
		if (!e.command || !*e.command)
			e.image = arena_printf(r->arena, "C:\\Windows\\System32\\drivers\\%s.sys",
					       e.name);
	}
	e.value = e.command && *e.command ? "ImagePath" : NULL;
	e.user = text_of(r, k, "ObjectName");
	if (driver || (e.user && !*e.user))
		e.user = NULL;
	e.texts[0] = start < 5 ? starts[start] : NULL;
	e.texts[1] = driver	   ? (type & 2	 ? "file system driver"
				      : type & 8 ? "file system recognizer"
						 : "kernel driver")
		     : type & 0x10 ? (type & 0x40 ? "user own process" : "own process")
		     : type & 0x20 ? (type & 0x40 ? "user share process" : "share process")
				   : arena_printf(r->arena, "0x%llx", (unsigned long long)type);
	e.texts[2] = text_in(r, k, "Parameters", "ServiceDll");
	if (!e.texts[2])
		e.texts[2] = text_of(r, k, "ServiceDll");
	e.texts[3] = text_of(r, k, "DisplayName");
	e.texts[4] = text_of(r, k, "FailureCommand");
	e.texts[5] = text_of(r, k, "RequiredPrivileges");
	if (e.texts[2] && *e.texts[2]) /* svchost.exe is not what matters then */
		e.module = command_image(r->arena, e.texts[2]);
	e.texts[6] = triggers(r, k);
	e.texts[7] = delayed ? "true" : NULL;
	e.texts[8] = text_in(r, k, "Parameters", "ServiceMain");
	e.texts[9] = text_of(r, k, "Group");
	return r->found(r, k, &e);
}

/* ---- scheduled tasks ---- */

static const char *counted_text(struct arena *a, struct view d, size_t *off)
{
	uint32_t n;
	const char *text;

	if (!view_u32le(d, *off, &n) || n > d.len - *off - 4) {
		*off = d.len;
		return "";
	}
	text = text_of_utf16(a, view_sub(d, *off + 4, n));
	*off += 4 + (size_t)n;
	return text;
}

/* The actions of a task: command lines joined with " && " and COM classes; context is the account's
 * id in the task. */
const char *task_actions(struct arena *a, struct view d, const char **context)
{
	uint16_t version = view_get16(d, 0), magic;
	struct buffer b = {0};
	const char *text, *arguments;
	size_t off = 2;

	if (version >= 2)
		*context = counted_text(a, d, &off);
	for (unsigned n = 0; n < 32 && view_u16le(d, off, &magic); n++) {
		off += 2;
		(void)counted_text(a, d, &off); /* its id */
		if (b.len)
			buffer_string(&b, " && ");
		if (magic == 0x6666) { /* run a program: command, arguments, folder */
			text = counted_text(a, d, &off);
			arguments = counted_text(a, d, &off);
			buffer_printf(&b, "%s%s%s", text, *arguments ? " " : "", arguments);
			(void)counted_text(a, d, &off);
			off += version >= 3 ? 2 : 0;
		} else if (magic == 0x7777) { /* COM handler: class, data */
			struct view g = view_sub(d, off, 16);

			if (!g.len)
				break;
			off += 16;
			guid_append(&b, g);
			text = counted_text(a, d, &off);
			if (*text)
				buffer_printf(&b, " %s", text);
		} else {
			buffer_printf(&b, "[action 0x%04x]", magic);
			break;
		}
	}
	text = arena_strndup(a, b.data, b.len);
	buffer_release(&b);
	return text ? text : "";
}

static int task(struct place_reader *r, const void *k, const struct place *rule)
{
	struct persistence e = {.place = rule->place,
				.names = {"Author", "TaskId", "Hidden", "Principal", "URI",
					  "Source", "RegistrationDate"}};
	const char *path, *context = NULL;
	struct place_value v;
	const void *tree;

	e.name = text_of(r, k, "Path");
	if (!e.name)
		e.name = key_name(r, k);
	e.command = task_actions(r->arena, bytes_of(r, k, "Actions"), &context);
	e.texts[0] = text_of(r, k, "Author");
	e.texts[1] = key_name(r, k);
	e.texts[3] = context;
	e.texts[4] = text_of(r, k, "URI");
	e.texts[5] = text_of(r, k, "Source");
	e.texts[6] = text_of(r, k, "Date");
	/* A task that its tree does not list, or lists without a security descriptor, is not shown
	 * by Windows' own tools. */
	path = arena_printf(r->arena,
			    "Microsoft\\Windows NT\\CurrentVersion\\Schedule\\TaskCache\\Tree%s%s",
			    e.name[0] == '\\' ? "" : "\\", e.name);
	tree = path ? r->open(r, NULL, path) : NULL;
	if (path && !tree)
		e.texts[2] = "not in the task tree";
	else if (path && (!r->find(r, tree, "SD", &v) || !v.data.len))
		e.texts[2] = "no security descriptor";
	return r->found(r, k, &e);
}

/* ---- the table ---- */

const char *const *place_prefixes(unsigned on, const char *pattern, const char **rest)
{
	static const char *const software[] = {"", "Wow6432Node\\", NULL};
	static const char *const user[] = {"Software\\", "Software\\Wow6432Node\\", NULL};
	static const char *const classes[] = {"Classes\\", "Classes\\Wow6432Node\\",
					      "Wow6432Node\\Classes\\", NULL};
	static const char *const user_classes[] = {"Software\\Classes\\",
						   "Software\\Classes\\Wow6432Node\\", NULL};
	static const char *const plain[] = {"", NULL};

	*rest = pattern;
	if (pattern[0] != '~' && pattern[0] != '^')
		return plain;
	*rest = pattern + 2;
	if (pattern[0] == '~')
		return on == ON_USER ? user : software;
	return on == ON_USER ? user_classes : on == ON_CLASSES ? software : classes;
}

#define SW	(ON_SOFTWARE | ON_USER)
#define CL	(ON_SOFTWARE | ON_USER | ON_CLASSES)
#define CV	"~\\Microsoft\\Windows\\CurrentVersion\\"
#define NT	"~\\Microsoft\\Windows NT\\CurrentVersion\\"
#define CONTROL "ControlSet*\\Control\\"

const struct place persistence_places[] = {
	{SW, CV "Run", run_values, "Run key", NULL},
	{ON_SOFTWARE, "Microsoft\\Shared Tools\\MSConfig\\startupreg\\*", msconfig, "Run key",
	 NULL},
	{SW, CV "RunOnce", every_value, "RunOnce key", NULL},
	{SW, CV "RunOnce\\Setup", every_value, "RunOnce key", NULL},
	{SW, CV "RunOnceEx", every_value, "RunOnceEx key", NULL},
	{SW, CV "RunOnceEx\\*", every_value, "RunOnceEx key", NULL},
	{SW, CV "RunOnceEx\\*\\Depend", every_value, "RunOnceEx key", NULL},
	{SW, CV "RunServices", every_value, "RunServices key", NULL},
	{SW, CV "RunServicesOnce", every_value, "RunServicesOnce key", NULL},
	{SW, CV "Policies\\Explorer\\Run", every_value, "Run key (policy)", NULL},
	{SW,
	 "~\\Microsoft\\Windows NT\\CurrentVersion\\Terminal "
	 "Server\\Install\\Software\\Microsoft\\Windows\\CurrentVersion\\Run*",
	 every_value, "Run key (terminal server)", NULL},
	{SW, CV "Explorer\\StartupApproved\\*", startup_approved, "Startup approval", NULL},
	{SW, CV "Explorer\\User Shell Folders", some_values, "Startup folder",
	 "Startup|Common Startup"},
	{SW, CV "Explorer\\Shell Folders", some_values, "Startup folder", "Startup|Common Startup"},
	{SW, NT "Windows", some_values, "Windows Load and Run", "Load|Run"},
	{SW, NT "Windows", list_values, "AppInit_DLLs", "AppInit_DLLs"},
	{SW, NT "Windows", some_values, "IconServiceLib", "IconServiceLib"},
	{SW, "~\\Microsoft\\Active Setup\\Installed Components\\*", some_values, "Active Setup",
	 "StubPath"},
	{SW, NT "Winlogon", list_values, "Winlogon",
	 "Shell|Userinit|Taskman|VmApplet|AppSetup|System|GinaDLL|UIHost|MPNotify|LsaStart|"
	 "SaveDumpStart|ServiceControllerStart"},
	{SW, CV "Policies\\System", some_values, "Policy shell", "Shell"},
	{SW, NT "Winlogon\\GPExtensions\\*", some_values, "Group policy extension", "DllName"},
	{SW, NT "Winlogon\\Notify\\*", some_values, "Winlogon notification", "DLLName"},
	{SW, NT "Winlogon\\AlternateShells\\AvailableShells", every_value, "Alternate shell", NULL},
	{SW, CV "Group Policy\\Scripts\\*\\*\\*", some_values, "Group policy script", "Script"},
	{SW, CV "Group Policy\\State\\*\\Scripts\\*\\*\\*", some_values, "Group policy script",
	 "Script"},
	{SW, "~\\Policies\\Microsoft\\Windows\\System\\Scripts\\*\\*\\*", some_values,
	 "Group policy script", "Script"},
	{ON_USER, "Environment", some_values, "Logon script", "UserInitMprLogonScript"},
	{ON_USER, "Environment", some_values, ".NET profiler or hook",
	 "COR_PROFILER*|CORECLR_PROFILER*|DOTNET_STARTUP_HOOKS|DOTNET_ADDITIONAL_DEPS|APPDOMAIN_"
	 "MANAGER_*|COMPlus_*"},
	{ON_SYSTEM, CONTROL "Session Manager\\Environment", some_values, ".NET profiler or hook",
	 "COR_PROFILER*|CORECLR_PROFILER*|DOTNET_STARTUP_HOOKS|DOTNET_ADDITIONAL_DEPS|APPDOMAIN_"
	 "MANAGER_*|COMPlus_*"},
	{SW, "~\\Microsoft\\.NETFramework", some_values, ".NET profiler or hook",
	 "COR_PROFILER*|DbgManagedDebugger|DbgJITDebugLaunchSetting"},

	{ON_SYSTEM, CONTROL "SafeBoot", some_values, "Safe mode shell", "AlternateShell"},
	{ON_SYSTEM, CONTROL "Session Manager", list_values, "Session manager",
	 "BootExecute|SetupExecute|Execute|S0InitialCommand|PlatformExecute|BootShell"},
	{ON_SYSTEM, CONTROL "Session Manager\\AppCertDlls", every_value, "AppCertDlls", NULL},
	{ON_SYSTEM, CONTROL "Session Manager\\KnownDLLs", every_value, "KnownDLLs", NULL},
	{ON_SYSTEM, CONTROL "Session Manager\\SubSystems", some_values, "Subsystem",
	 "Windows|Posix|Optional"},
	{ON_SYSTEM, CONTROL "BootVerificationProgram", some_values, "Boot verification program",
	 "ImagePath"},
	{ON_SYSTEM, "Setup", some_values, "Setup command line", "CmdLine"},
	{ON_SYSTEM, CONTROL "ServiceControlManagerExtension", some_values,
	 "Service manager extension", ""},
	{ON_SYSTEM, CONTROL, some_values, "Service manager extension",
	 "ServiceControlManagerExtension"},

	{SW, NT "Image File Execution Options\\*", some_values, "Image File Execution Options",
	 "Debugger|VerifierDlls"},
	{SW, NT "Image File Execution Options\\*\\*", some_values, "Image File Execution Options",
	 "Debugger|VerifierDlls"},
	{SW, NT "Image File Execution Options\\*", global_flag, "Image File Execution Options",
	 NULL},
	{SW, NT "SilentProcessExit\\*", some_values, "Silent process exit monitor",
	 "MonitorProcess"},
	{SW, NT "MiniDumpAuxiliaryDlls", every_value, "Error reporting module", NULL},
	{SW, NT "KnownManagedDebuggingDlls", every_value, "Error reporting module", NULL},
	{SW, NT "AeDebug*", some_values, "Post-mortem debugger", "Debugger"},
	{SW, "~\\Microsoft\\Windows\\Windows Error Reporting\\Hangs", some_values,
	 "Error reporting debugger", "Debugger|ReflectDebugger"},
	{SW, "~\\Microsoft\\Windows\\Windows Error Reporting\\RuntimeExceptionHelperModules",
	 every_value, "Error reporting module", NULL},

	{ON_SYSTEM, CONTROL "Lsa", list_values, "LSA package",
	 "Authentication Packages|Notification Packages|Security Packages"},
	{ON_SYSTEM, CONTROL "Lsa\\OSConfig", list_values, "LSA package", "Security Packages"},
	{ON_SYSTEM, CONTROL "Lsa", number_value, "DSRM logon", "DsrmAdminLogonBehavior"},
	{ON_SYSTEM, CONTROL "LsaExtensionConfig\\LsaSrv", list_values, "LSA extension",
	 "Extensions"},
	{ON_SYSTEM, CONTROL "SecurityProviders", list_values, "Security provider",
	 "SecurityProviders"},
	{ON_SYSTEM, CONTROL "SecurityProviders\\SaslProfiles", every_value, "Security provider",
	 NULL},
	{ON_SYSTEM, CONTROL "NetworkProvider\\*rder", list_values, "Network provider order",
	 "ProviderOrder"},
	{ON_SYSTEM, "ControlSet*\\Services\\*\\NetworkProvider", some_values, "Network provider",
	 "ProviderPath"},
	{SW, CV "Authentication\\Credential Providers\\*", class_key, "Credential provider", NULL},
	{SW, CV "Authentication\\Credential Provider Filters\\*", class_key,
	 "Credential provider filter", NULL},
	{SW, CV "Authentication\\PLAP Providers\\*", class_key, "Pre-logon access provider", NULL},
	{SW, "~\\Microsoft\\AMSI\\Providers\\*", class_key, "AMSI provider", NULL},
	{ON_SYSTEM, "ControlSet*\\Services\\W32Time\\TimeProviders\\*", some_values,
	 "Time provider", "DllName"},

	{ON_SYSTEM, CONTROL "Print\\Monitors\\*", some_values, "Print monitor", "Driver"},
	{ON_SYSTEM, CONTROL "Print\\Providers\\*", some_values, "Print provider", "Name"},
	{ON_SYSTEM, CONTROL "Print\\Environments\\*\\Print Processors\\*", some_values,
	 "Print processor", "Driver"},
	{ON_SYSTEM,
	 "ControlSet*\\Services\\WinSock2\\Parameters\\Protocol_Catalog9\\Catalog_Entries*\\*",
	 winsock_protocol, "Winsock protocol", NULL},
	{ON_SYSTEM,
	 "ControlSet*\\Services\\WinSock2\\Parameters\\NameSpace_Catalog5\\Catalog_Entries*\\*",
	 some_values, "Winsock name space", "LibraryPath"},
	{ON_SYSTEM, "ControlSet*\\Services\\WinSock2\\Parameters", some_values, "Winsock autodial",
	 "AutodialDLL"},
	{ON_SYSTEM, "ControlSet*\\Services\\DNS\\Parameters", some_values, "DNS server plug-in",
	 "ServerLevelPluginDll"},
	{SW, "~\\Microsoft\\NetSh", every_value, "Netsh helper", NULL},
	{ON_SYSTEM, CONTROL "Terminal Server\\WinStations\\*", some_values, "RDP initial program",
	 "InitialProgram"},
	{ON_SYSTEM, CONTROL "Terminal Server\\Wds\\rdpwd", list_values, "RDP startup program",
	 "StartupPrograms"},
	{SW, "~\\Policies\\Microsoft\\Windows NT\\Terminal Services", some_values,
	 "RDP initial program", "InitialProgram"},
	{SW, "~\\Microsoft\\Terminal Server Client\\Default\\AddIns\\*", some_values,
	 "RDP client add-in", "Name"},
	{SW, NT "Drivers32", every_value, "Codec or driver (Drivers32)", NULL},
	{SW, NT "Font Drivers", every_value, "Font driver", NULL},

	{SW, CV "Explorer\\Browser Helper Objects\\*", class_key, "Browser helper object", NULL},
	{SW, CV "Explorer\\ShellExecuteHooks", class_values, "Shell execute hook", NULL},
	{SW, CV "Explorer\\SharedTaskScheduler", class_values, "Shared task scheduler", NULL},
	{SW, CV "Explorer\\ShellServiceObjects\\*", class_key, "Shell service object", NULL},
	{SW, CV "ShellServiceObjectDelayLoad", class_values, "Shell service object", NULL},
	{SW, CV "Explorer\\ShellIconOverlayIdentifiers\\*", class_key, "Icon overlay", NULL},
	{SW, CV "Explorer\\MyComputer\\*Path", some_values, "Explorer tool path", ""},
	{SW, "~\\Microsoft\\Internet Explorer\\UrlSearchHooks", class_values, "URL search hook",
	 NULL},
	{SW, "~\\Microsoft\\Internet Explorer\\Toolbar", class_values, "Internet Explorer toolbar",
	 NULL},
	{SW, "~\\Microsoft\\Internet Explorer\\Extensions\\*", some_values,
	 "Internet Explorer extension", "Exec|Script"},
	{SW, "~\\Microsoft\\Ctf\\LangBarAddin\\*", some_values, "Language bar add-in", "FilePath"},
	{CL, "^\\*\\shellex\\ContextMenuHandlers\\*", class_key, "Context menu handler", NULL},
	{CL, "^\\*\\*\\shellex\\ContextMenuHandlers\\*", class_key, "Context menu handler", NULL},
	{CL, "^\\*\\shellex\\PropertySheetHandlers\\*", class_key, "Property sheet handler", NULL},
	{CL, "^\\*\\shellex\\DragDropHandlers\\*", class_key, "Drag and drop handler", NULL},
	{CL, "^\\*\\shellex\\CopyHookHandlers\\*", class_key, "Copy hook handler", NULL},
	{CL, "^\\Folder\\shellex\\ColumnHandlers\\*", class_key, "Column handler", NULL},
	{CL, "^\\Protocols\\Filter\\*", class_key, "Protocol filter", "CLSID"},
	{CL, "^\\Protocols\\Handler\\*", class_key, "Protocol handler", "CLSID"},
	{CL, "^\\Protocols\\Name-Space Handler\\*\\*", class_key, "Protocol handler", "CLSID"},
	{CL, "^\\exefile\\shell\\*\\command", some_values, "Command of a file type",
	 "|DelegateExecute|IsolatedCommand"},
	{CL, "^\\comfile\\shell\\*\\command", some_values, "Command of a file type",
	 "|DelegateExecute"},
	{CL, "^\\batfile\\shell\\*\\command", some_values, "Command of a file type",
	 "|DelegateExecute"},
	{CL, "^\\cmdfile\\shell\\*\\command", some_values, "Command of a file type",
	 "|DelegateExecute"},
	{CL, "^\\piffile\\shell\\*\\command", some_values, "Command of a file type",
	 "|DelegateExecute"},
	{CL, "^\\scrfile\\shell\\*\\command", some_values, "Command of a file type",
	 "|DelegateExecute"},
	{CL, "^\\htafile\\shell\\*\\command", some_values, "Command of a file type",
	 "|DelegateExecute"},
	{CL, "^\\mscfile\\shell\\*\\command", some_values, "Command of a file type",
	 "|DelegateExecute"},
	{CL, "^\\.exe\\shell\\*\\command", some_values, "Command of a file type",
	 "|DelegateExecute"},
	{CL, "^\\ms-settings\\shell\\*\\command", some_values, "Command of a file type",
	 "|DelegateExecute"},
	{CL, "^\\Directory\\shell\\*\\command", some_values, "Command of a file type",
	 "|DelegateExecute"},
	{CL, "^\\Drive\\shell\\*\\command", some_values, "Command of a file type",
	 "|DelegateExecute"},
	{CL, "^\\AppX82a6gwre4fdg3bt635tn5ctqjf8msdd2\\shell\\*\\command", some_values,
	 "Command of a file type", "|DelegateExecute"},
	{CL, "^\\Folder\\shell\\*\\command", some_values, "Command of a file type",
	 "|DelegateExecute"},
	{ON_USER | ON_CLASSES, "^\\CLSID\\*\\InprocServer32", class_server_key,
	 "COM class of a user", NULL},
	{ON_USER | ON_CLASSES, "^\\CLSID\\*\\LocalServer32", class_server_key,
	 "COM class of a user", NULL},
	{ON_USER | ON_CLASSES, "^\\CLSID\\*\\ScriptletURL", class_server_key,
	 "COM scriptlet of a user", NULL},
	{CL, "^\\CLSID\\*\\TreatAs", class_server_key, "COM class treated as another", NULL},
	{SW, CV "Control Panel\\Cpls", every_value, "Control panel item", NULL},
	{SW, CV "App Paths\\*", some_values, "App path", ""},
	{ON_USER, "Control Panel\\Desktop", some_values, "Screen saver", "SCRNSAVE.EXE"},
	{SW, "~\\Policies\\Microsoft\\Windows\\Control Panel\\Desktop", some_values, "Screen saver",
	 "SCRNSAVE.EXE"},
	{SW, "~\\Microsoft\\Command Processor", some_values, "Command processor autorun",
	 "AutoRun"},
	{SW, "~\\Microsoft\\Office\\*\\Addins\\*", office_addin, "Office add-in", NULL},
	{SW, "~\\Microsoft\\Office\\*\\*\\Addins\\*", office_addin, "Office add-in", NULL},
	{SW, "~\\Microsoft\\Office test\\Special\\Perf", some_values, "Office test DLL", ""},
	{SW, "~\\Microsoft\\VBA\\VBE\\*\\Addins*\\*", office_addin, "Office add-in", NULL},
	{SW, "~\\Microsoft\\Office\\*\\Word\\Options", some_values, "Office startup path",
	 "STARTUP-PATH|GlobalDotName"},
	{SW, "~\\Microsoft\\Office\\*\\Common\\General", some_values, "Office templates",
	 "UserTemplates|SharedTemplates|Xlstart"},
	{SW, "~\\Microsoft\\Office\\*\\Excel\\Options", some_values, "Office startup path",
	 "OPEN*|AltStartup"},
	{SW, "~\\Microsoft\\Office\\*\\Outlook\\WebView\\*", some_values, "Outlook page", "URL"},
	{SW, "~\\Microsoft\\Office\\*\\Outlook\\Today", some_values, "Outlook page",
	 "URL|UserDefinedUrl"},
	{SW, NT "AppCompatFlags\\InstalledSDB\\*", shim_database, "Shim database", NULL},
	{SW, NT "AppCompatFlags\\Custom\\*", every_value, "Shimmed program", NULL},
	{SW, NT "Accessibility", list_values, "Accessibility program", "Configuration"},
	{SW, NT "Accessibility\\ATs\\*", some_values, "Accessibility program", "StartExe"},
	{SW, "~\\Microsoft\\Cryptography\\OID\\EncodingType 0\\CryptSIPDll*\\*", some_values,
	 "Subject interface package", "Dll"},
	{SW, "~\\Microsoft\\Cryptography\\Providers\\Trust\\*\\*", some_values, "Trust provider",
	 "$DLL"},
	{ON_SYSTEM, CONTROL "ContentIndex\\Language\\*", some_values, "Word breaker",
	 "DLLPathOverride|StemmerDLLPathOverride|WBDLLPathOverride"},
	{ON_SYSTEM, "ControlSet*\\Services\\*", service, "Service", NULL},
	{ON_SOFTWARE, "Microsoft\\Windows NT\\CurrentVersion\\Schedule\\TaskCache\\Tasks\\*", task,
	 "Scheduled task", NULL},
	{0},
};
