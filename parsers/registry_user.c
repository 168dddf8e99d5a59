/*
 * What a user did, from the user's hives: programs started, documents and folders opened, addresses
 * typed, shares and servers connected to. Facts: libyal's winreg-kb and documentation of shell
 * items; Didier Stevens on UserAssist.
 *
 * Lists of most recently used things say their order; only the first was certainly used at the
 * key's last write time, so only it gets that time.
 */
#include "parsers/registry.h"
#include "parsers/shell_item.h"

#include "base/text.h"

#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

#define EXPLORER "~\\Microsoft\\Windows\\CurrentVersion\\Explorer\\"

static const char *key_name(struct registry *r, const struct hive_key *k)
{
	return registry_name(r, k->name, k->ascii);
}

/* ---- UserAssist ---- */

static void rot13(char *s)
{
	for (; *s; s++) {
		if ((*s >= 'a' && *s <= 'z') || (*s >= 'A' && *s <= 'Z')) {
			char base = *s >= 'a' ? 'a' : 'A';

			*s = (char)(base + (*s - base + 13) % 26);
		}
	}
}

static int user_assist(struct registry *r, const struct hive_key *k,
		       const struct registry_rule *rule)
{
	uint32_t n = hive_value_count(&r->hive, k);
	int status = OK;

	(void)rule;
	for (uint32_t i = 0; i < n && status >= 0; i++) {
		struct hive_value v;
		struct view d;
		char *name;
		const char *path;
		uint32_t count, focus = 0, held = 0;
		uint64_t last;

		if (!hive_value_at(&r->hive, k, i, &v))
			continue;
		d = registry_data(r, &v);
		name = (char *)(uintptr_t)registry_name(r, v.name, v.ascii);
		if (d.len != 16 && d.len != 72)
			continue;
		if (*name) /* the empty text of the arena's failure is not ours to change */
			rot13(name);
		count = view_get32(d, 4);
		if (d.len == 72) { /* Windows 7 on */
			focus = view_get32(d, 8);
			held = view_get32(d, 12);
			last = view_get64(d, 60);
		} else { /* up to Vista the count begins at 5 */
			count = count > 5 ? count - 5 : count;
			last = view_get64(d, 8);
		}
		path = name;
		if (strncmp(path, "UEME_", 5) == 0) {
			const char *colon = strchr(path, ':');

			if (strncmp(path, "UEME_RUN", 8) == 0 && colon)
				path = colon + 1;
		}
		if (path[0] == '{' && strlen(path) > 38 && path[37] == '}') {
			/* A known folder's GUID in front: put its bytes together for the table of
			 * names. */
			static const uint8_t at[16] = {7,  5,  3,  1,  12, 10, 17, 15,
						       20, 22, 25, 27, 29, 31, 33, 35};
			uint8_t guid[16];
			const char *folder;

			for (unsigned j = 0; j < 16; j++) {
				char two[3] = {path[at[j]], path[at[j] + 1], 0};

				guid[j] = (uint8_t)strtoul(two, NULL, 16);
			}
			folder = shell_folder_name(guid);
			if (folder)
				path = arena_printf(&r->arena, "%s%s", folder, path + 38);
		}
		registry_event(r, k, KIND_PROCESS_SEEN, time_from_filetime(last),
			       "Last Time Executed", name);
		if (r->p->event.ts == TIME_NONE)
			r->p->event.ts_desc = "Not a time";
		event_add(r->p, "Image", value_text(path));
		event_add(r->p, "RunCount", value_unsigned(count));
		if (d.len == 72) {
			event_add(r->p, "FocusCount", value_unsigned(focus));
			event_add(r->p, "FocusMilliseconds", value_unsigned(held));
		}
		event_add(r->p, "Entry", value_text(name));
		event_add(r->p, "Artifact", value_text("UserAssist"));
		event_messagef(r->p, "%s ran %u times from the desktop", path, count);
		status = event_emit(r->p);
	}
	return status;
}

/* ---- shell items: their own times ---- */

static int item_times(struct registry *r, const struct hive_key *k, const char *path,
		      const struct shell_item *item, const char *value)
{
	const struct {
		int64_t ts;
		const char *desc;
	} times[] = {
		{item->created, "Creation Time"},
		{item->modified, "Content Modification Time"},
		{item->accessed, "Last Access Time"},
	};
	int status = OK;

	for (size_t i = 0; i < 3 && status >= 0; i++) {
		if (times[i].ts == TIME_NONE)
			continue;
		registry_event(r, k, KIND_FILE_METADATA, times[i].ts, times[i].desc, value);
		event_add(r->p, "TargetFilename", value_text(path));
		registry_add(r, "ShortName", item->short_name);
		if (item->reference)
			event_addf(r->p, "FileReference", "%llu-%llu",
				   (unsigned long long)(item->reference & 0xffffffffffff),
				   (unsigned long long)(item->reference >> 48));
		event_add(r->p, "Artifact", value_text("Shell item"));
		event_messagef(r->p, "%s (shell item in %.*s)", path, (int)r->path.len,
			       r->path.data);
		status = event_emit(r->p);
	}
	return status;
}

/* Times of each item of a list. */
static int list_times(struct registry *r, const struct hive_key *k, struct view list,
		      const char *value)
{
	struct shell_item item;
	const char *path = "";
	int status = OK;

	for (unsigned n = 0; n < 256 && status >= 0 && shell_item_next(&list, &r->arena, &item);
	     n++) {
		path = shell_item_join(&r->arena, path, &item);
		status = item_times(r, k, path, &item, value);
	}
	return status;
}

/* ---- most recently used ---- */

enum mru_form {
	MRU_STRING,    /* text */
	MRU_NAME_ITEM, /* UTF-16 name, then a shell item */
	MRU_NAME_LIST, /* UTF-16 name, then a shell item list */
	MRU_LIST,      /* a shell item list */
};

struct mru {
	const char *what; /* Artifact */
	enum mru_form form;
	enum event_kind kind;
	const char *field; /* where the entry goes */
	const char *verb;
};

static const char *entry_text(struct registry *r, const struct hive_value *v, const struct mru *m,
			      struct view *items)
{
	struct view d = registry_data(r, v);
	const char *name, *path;
	size_t n = 0;

	*items = VIEW_EMPTY;
	switch (m->form) {
	case MRU_STRING:
		name = v->type == REG_BINARY ? parse_utf16z(&r->arena, d)
					     : registry_value_text(r, v);
		n = strlen(name); /* RunMRU ends each entry with "\1" */
		if (n > 2 && strcmp(name + n - 2, "\\1") == 0)
			name = arena_strndup(&r->arena, name, n - 2);
		return name ? name : "";
	case MRU_LIST:
		*items = d;
		return shell_item_path(d, &r->arena);
	case MRU_NAME_ITEM:
	case MRU_NAME_LIST:
		while (n + 2 <= d.len && (d.data[n] || d.data[n + 1]))
			n += 2;
		name = parse_utf16z(&r->arena, view_clip(d, 0, n));
		*items = view_from(d, n + 2);
		path = shell_item_path(*items, &r->arena);
		if (m->form == MRU_NAME_ITEM) /* the item names the shortcut in Recent, the text the
						 document */
			return name;
		return *path ? arena_printf(&r->arena, "%s (%s)", name, path) : name;
	}
	return "";
}

static int mru_entry(struct registry *r, const struct hive_key *k, const struct mru *m,
		     const struct hive_value *v, unsigned position)
{
	const char *name = registry_name(r, v->name, v->ascii);
	struct view items;
	const char *text = entry_text(r, v, m, &items);
	int64_t ts = position == 0 ? time_from_filetime(k->written) : TIME_NONE;
	int status;

	if (!text || !*text)
		return OK;
	registry_event(r, k, m->kind, ts,
		       ts == TIME_NONE ? "Not a time" : "Content Modification Time", name);
	if (m->form == MRU_NAME_LIST && strstr(text, " (")) {
		size_t n = (size_t)(strstr(text, " (") - text);

		event_add(r->p, "Image", value_view(view_of(text, n)));
		event_add(r->p, m->field, value_text(shell_item_path(items, &r->p->scratch)));
	} else {
		event_add(r->p, m->form == MRU_NAME_LIST ? "Image" : m->field, value_text(text));
	}
	event_add(r->p, "Position", value_unsigned(position));
	event_add(r->p, "Artifact", value_text(m->what));
	event_messagef(r->p, "%s: %s", m->verb, text);
	if ((status = event_emit(r->p)) < 0)
		return status;
	return list_times(r, k, items, name);
}

/* MRUListEx: 32-bit numbers of the values, newest first, ended by -1. MRUList: letters. */
static int mru_walk(struct registry *r, const struct hive_key *k, const struct mru *m)
{
	struct view order = registry_bytes(r, k, "MRUListEx");
	const char *letters = order.len ? NULL : registry_text(r, k, "MRUList");
	unsigned position = 0;
	int status = OK;

	if (order.len) {
		for (size_t i = 0; i + 4 <= order.len && i < 4 * 4096 && status >= 0; i += 4) {
			char name[16];
			struct hive_value v;

			if (view_get32(order, i) == UINT32_MAX)
				break;
			(void)snprintf(name, sizeof(name), "%u", view_get32(order, i));
			if (hive_find_value(&r->hive, k, name, &v))
				status = mru_entry(r, k, m, &v, position++);
		}
		return status;
	}
	for (; letters && *letters && position < 256 && status >= 0; letters++) {
		char name[2] = {*letters, 0};
		struct hive_value v;

		if (hive_find_value(&r->hive, k, name, &v))
			status = mru_entry(r, k, m, &v, position++);
	}
	return status;
}

#define MRU(name, ...)                                                                             \
	static int name(struct registry *r, const struct hive_key *k,                              \
			const struct registry_rule *rule)                                          \
	{                                                                                          \
		static const struct mru m = {__VA_ARGS__};                                         \
		(void)rule;                                                                        \
		return mru_walk(r, k, &m);                                                         \
	}
MRU(run_mru, "RunMRU", MRU_STRING, KIND_COMMAND_HISTORY, "CommandLine", "Typed in the Run dialog")
MRU(recent_docs, "RecentDocs", MRU_NAME_ITEM, KIND_FILE_READ, "TargetFilename", "Document opened")
MRU(open_save, "OpenSavePidlMRU", MRU_LIST, KIND_FILE_READ, "TargetFilename",
    "Opened or saved in a file dialog")
MRU(open_save_text, "OpenSaveMRU", MRU_STRING, KIND_FILE_READ, "TargetFilename",
    "Opened or saved in a file dialog")
MRU(last_visited, "LastVisitedPidlMRU", MRU_NAME_LIST, KIND_PROCESS_SEEN, "TargetFilename",
    "Program's last file dialog")
MRU(last_visited_text, "LastVisitedMRU", MRU_STRING, KIND_PROCESS_SEEN, "Image",
    "Program's last file dialog")
MRU(stream_mru, "StreamMRU", MRU_LIST, KIND_FILE_READ, "TargetFilename", "Folder opened")
MRU(first_folder, "FirstFolder", MRU_STRING, KIND_PROCESS_SEEN, "Image",
    "Program's first file dialog")
MRU(word_wheel, "WordWheelQuery", MRU_STRING, KIND_COMMAND_HISTORY, "Query", "Searched in Explorer")
MRU(ac_mru, "ACMru", MRU_STRING, KIND_COMMAND_HISTORY, "Query", "Searched")
MRU(map_drive, "Map Network Drive MRU", MRU_STRING, KIND_NETWORK_SHARE, "ShareName",
    "Network drive mapped")
MRU(any_mru, "MRU", MRU_STRING, KIND_FILE_READ, "TargetFilename", "Recently used")

/* ---- numbered values: TypedPaths, TypedURLs, mstsc ---- */

static int typed_paths(struct registry *r, const struct hive_key *k,
		       const struct registry_rule *rule)
{
	uint32_t n = hive_value_count(&r->hive, k);
	struct hive_key times;
	const char *parent = arena_printf(&r->arena, "%s",
					  "Software\\Microsoft\\Internet Explorer\\TypedURLsTime");
	bool urls = strcmp(rule->place, "TypedURLs") == 0, timed;
	int status = OK;

	timed = urls && parent && hive_find(&r->hive, &r->root, parent, &times);
	for (uint32_t i = 0; i < n && status >= 0; i++) {
		struct hive_value v;
		const char *name, *text;
		int64_t ts = TIME_NONE;
		bool first, own;

		if (!hive_value_at(&r->hive, k, i, &v) ||
		    (v.type != REG_SZ && v.type != REG_EXPAND_SZ))
			continue;
		name = registry_name(r, v.name, v.ascii);
		text = registry_value_text(r, &v);
		if (!*text)
			continue;
		first = strcasecmp(name, "url1") == 0 || strcasecmp(name, "MRU0") == 0;
		if (timed)
			ts = time_from_filetime(view_get64(registry_bytes(r, &times, name), 0));
		own = ts != TIME_NONE;
		if (!own && first)
			ts = time_from_filetime(k->written);
		registry_event(r, k,
			       urls ? KIND_WEB_VISIT
			       : strcmp(rule->place, "Terminal Server Client") == 0
				       ? KIND_NETWORK_CONNECT
				       : KIND_COMMAND_HISTORY,
			       ts,
			       ts == TIME_NONE ? "Not a time"
			       : own	       ? "Last Visited Time"
					       : "Content Modification Time",
			       name);
		event_add(r->p,
			  urls					   ? "Url"
			  : strcmp(rule->place, "TypedPaths") == 0 ? "CommandLine"
								   : "DestinationHostname",
			  value_text(text));
		event_add(r->p, "Artifact", value_text(rule->place));
		event_messagef(r->p, "%s: %s",
			       urls ? "Typed in Internet Explorer"
			       : strcmp(rule->place, "TypedPaths") == 0 ? "Typed in Explorer"
									: "Remote desktop to",
			       text);
		status = event_emit(r->p);
	}
	return status;
}

static int rdp_server(struct registry *r, const struct hive_key *k,
		      const struct registry_rule *rule)
{
	const char *name = key_name(r, k), *hint = registry_text(r, k, "UsernameHint");

	(void)rule;
	registry_event(r, k, KIND_NETWORK_CONNECT, time_from_filetime(k->written),
		       "Last Connection Time", NULL);
	event_add(r->p, "DestinationHostname", value_text(name));
	registry_add(r, "TargetUserName", hint);
	event_add(r->p, "DestinationPort", value_unsigned(3389));
	event_add(r->p, "Artifact", value_text("Terminal Server Client"));
	event_messagef(r->p, "Remote desktop to %s%s%s", name, hint && *hint ? " as " : "",
		       hint ? hint : "");
	return event_emit(r->p);
}

/* ---- shell bags ---- */

static int bag(struct registry *r, const struct hive_key *k, const struct registry_rule *rule)
{
	const char *name = key_name(r, k), *above, *path;
	struct hive_key parent;
	struct hive_value v;
	struct shell_item item;
	struct view d, order;
	bool newest;
	int64_t ts;
	int status;

	if (r->depth >= REGISTRY_BAGS)
		return OK;
	if (rule->value) { /* the root of the bags: the desktop */
		free(r->bags[r->depth]);
		r->bags[r->depth] = xstrdup("Desktop");
		return OK;
	}
	if (!hive_key_at(&r->hive, k->parent, &parent) ||
	    !hive_find_value(&r->hive, &parent, name, &v))
		return OK;
	d = registry_data(r, &v);
	above = r->bags[r->depth - 1] ? r->bags[r->depth - 1] : "";
	if (!shell_item_next(&d, &r->arena, &item))
		return OK;
	path = shell_item_join(&r->arena, strcmp(above, "Desktop") == 0 && item.rooted ? "" : above,
			       &item);
	if (strlen(path) > LIMIT_PATH)
		return OK;
	free(r->bags[r->depth]);
	r->bags[r->depth] = xstrdup(path);
	/* A bag's key is written when a folder below it is opened; the parent's list says whether
	 * this one was the newest. */
	order = registry_bytes(r, &parent, "MRUListEx");
	newest = order.len >= 4 && (uint32_t)strtoul(name, NULL, 10) == view_get32(order, 0);
	ts = time_from_filetime(k->written);
	registry_event(r, k, KIND_FILE_READ, ts,
		       ts == TIME_NONE ? "Not a time" : "Content Modification Time", NULL);
	event_add(r->p, "TargetFilename", value_text(path));
	if (newest)
		event_add(r->p, "LastOpened", value_time(time_from_filetime(parent.written)));
	registry_add(r, "NodeSlot", registry_text(r, k, "NodeSlot"));
	event_add(r->p, "Artifact", value_text("Shell bag"));
	event_messagef(r->p, "Folder seen in Explorer: %s", path);
	if ((status = event_emit(r->p)) < 0)
		return status;
	return item_times(r, k, path, &item, NULL);
}

/* ---- mounts and network drives ---- */

static int mount_point(struct registry *r, const struct hive_key *k,
		       const struct registry_rule *rule)
{
	char *name = (char *)(uintptr_t)key_name(r, k), *c;
	bool share = name[0] == '#' && name[1] == '#';

	(void)rule;
	if (share)
		for (c = name; *c; c++)
			if (*c == '#')
				*c = '\\';
	registry_event(r, k, share ? KIND_NETWORK_SHARE : KIND_DEVICE_CONNECT,
		       time_from_filetime(k->written), "Content Modification Time", NULL);
	event_add(r->p, share ? "ShareName" : "DeviceName", value_text(name));
	registry_add(r, "Label", registry_text(r, k, "_LabelFromReg"));
	event_add(r->p, "Artifact", value_text("MountPoints2"));
	event_messagef(r->p, "%s mounted: %s", share ? "Share" : "Volume", name);
	return event_emit(r->p);
}

static int network_drive(struct registry *r, const struct hive_key *k,
			 const struct registry_rule *rule)
{
	const char *path = registry_text(r, k, "RemotePath"),
		   *user = registry_text(r, k, "UserName");

	(void)rule;
	if (!path)
		return OK;
	registry_event(r, k, KIND_NETWORK_SHARE, time_from_filetime(k->written),
		       "Content Modification Time", NULL);
	event_add(r->p, "ShareName", value_text(path));
	event_add(r->p, "DeviceName", value_text(key_name(r, k)));
	if (user && strcmp(user, "0") != 0)
		registry_add(r, "TargetUserName", user);
	registry_add(r, "ProviderName", registry_text(r, k, "ProviderName"));
	event_messagef(r->p, "Network drive %s: %s", key_name(r, k), path);
	return event_emit(r->p);
}

/* ---- Office ---- */

/* "[F00000000][T01CD0146EA1EADB0][O00000000]*C:\path": T is a FILETIME in hex. */
static int office_mru(struct registry *r, const struct hive_key *k,
		      const struct registry_rule *rule)
{
	uint32_t n = hive_value_count(&r->hive, k);
	int status = OK;

	(void)rule;
	for (uint32_t i = 0; i < n && status >= 0; i++) {
		struct hive_value v;
		const char *name, *text, *stamp, *path;
		int64_t ts = TIME_NONE;

		if (!hive_value_at(&r->hive, k, i, &v) || v.type != REG_SZ)
			continue;
		name = registry_name(r, v.name, v.ascii);
		text = registry_value_text(r, &v);
		if (strncasecmp(name, "Item ", 5) != 0 && strncasecmp(name, "File", 4) != 0)
			continue;
		stamp = strstr(text, "[T");
		if (stamp)
			ts = time_from_filetime(strtoull(stamp + 2, NULL, 16));
		path = strchr(text, '*');
		path = stamp && path ? path + 1 : text;
		if (ts == TIME_NONE &&
		    (strcasecmp(name, "Item 1") == 0 || strcasecmp(name, "File1") == 0))
			ts = time_from_filetime(k->written);
		registry_event(r, k, KIND_FILE_READ, ts,
			       ts == TIME_NONE ? "Not a time"
			       : stamp	       ? "Last Access Time"
					       : "Content Modification Time",
			       name);
		event_add(r->p, "TargetFilename", value_text(path));
		event_add(r->p, "Artifact", value_text("Office MRU"));
		event_messagef(r->p, "Opened in Office: %s", path);
		status = event_emit(r->p);
	}
	return status;
}

/* Documents that the user trusted: path by value name; the first 8 bytes are a FILETIME, the last 4
 * say what was enabled. */
static int office_trust(struct registry *r, const struct hive_key *k,
			const struct registry_rule *rule)
{
	uint32_t n = hive_value_count(&r->hive, k);
	int status = OK;

	(void)rule;
	for (uint32_t i = 0; i < n && status >= 0; i++) {
		struct hive_value v;
		struct view d;
		const char *name;
		bool macros;

		if (!hive_value_at(&r->hive, k, i, &v) || v.type != REG_BINARY)
			continue;
		d = registry_data(r, &v);
		name = registry_name(r, v.name, v.ascii);
		macros = d.len >= 24 && view_get32(d, 20) == 0x7fffffff;
		registry_event(r, k, KIND_FILE_READ, time_from_filetime(view_get64(d, 0)),
			       "Last Access Time", name);
		event_add(r->p, "TargetFilename", value_text(name));
		event_add(r->p, "MacrosEnabled", value_bool(macros));
		event_add(r->p, "Artifact", value_text("Office trust record"));
		event_messagef(r->p, "Trusted in Office%s: %s", macros ? ", macros enabled" : "",
			       name);
		status = event_emit(r->p);
	}
	return status;
}

/*
 * ---- Explorer's program cache (winreg-kb, "Programs cache") ----
 * Shell item lists, each behind a byte (0: the folder of the next ones, 1: an entry, 2: the end of
 * a part) and its size in 32 bits. What stands before the first and between parts differs by
 * version (1, 9, 12, 13h) and is slid over.
 */
static bool cached_list(struct view d, size_t at, struct view *list)
{
	uint32_t size;

	if (view_get8(d, at) > 1 || !view_u32le(d, at + 1, &size) || size < 5)
		return false;
	*list = view_sub(d, at + 5, size);
	return list->len && shell_item_list_size(*list) == size && view_get16(*list, size - 2) == 0;
}

static int programs_cache(struct registry *r, const struct hive_key *k,
			  const struct registry_rule *rule)
{
	static const char *const values[] = {"ProgramsCache", "ProgramsCacheSMP",
					     "ProgramsCacheTBP"};
	int status = OK;

	(void)rule;
	for (size_t i = 0; i < 3 && status >= 0; i++) {
		struct view d = registry_bytes(r, k, values[i]), list;

		for (size_t at = 4; at < d.len && status >= 0;) {
			if (!cached_list(d, at, &list)) {
				at++;
				continue;
			}
			status = list_times(r, k, list, values[i]);
			at += 5 + list.len;
		}
	}
	return status;
}

/* ---- small ones ---- */

static int ccleaner(struct registry *r, const struct hive_key *k, const struct registry_rule *rule)
{
	const char *text =
		registry_text(r, k, "UpdateKey"); /* "07/13/2013 10:03:14 AM", local time */
	int64_t ts = registry_american_time(text);

	(void)rule;
	if (ts == TIME_NONE)
		return OK;
	registry_event(r, k, KIND_OTHER, ts, "Update Time", "UpdateKey");
	r->p->event.flags = EVENT_ZONE_ASSUMED | EVENT_SECOND_PRECISION;
	event_add(r->p, "Details", value_text(text));
	event_messagef(r->p, "CCleaner looked for updates");
	return event_emit(r->p);
}

/* Windows 10 1607 to 1709. */
static int recent_app(struct registry *r, const struct hive_key *k,
		      const struct registry_rule *rule)
{
	const char *path = registry_text(r, k, "AppPath"), *id = registry_text(r, k, "AppId");
	uint64_t last = 0, count = 0;

	(void)rule;
	(void)registry_number(r, k, "LastAccessedTime", &last);
	(void)registry_number(r, k, "LaunchCount", &count);
	if (!last)
		return OK;
	registry_event(r, k, KIND_PROCESS_SEEN, time_from_filetime(last), "Last Time Executed",
		       NULL);
	event_add(r->p, "Image", value_text(path && *path ? path : id));
	event_add(r->p, "RunCount", value_unsigned(count));
	event_add(r->p, "Artifact", value_text("RecentApps"));
	event_messagef(r->p, "%s ran %llu times",
		       path && *path ? path
		       : id	     ? id
				     : "?",
		       (unsigned long long)count);
	return event_emit(r->p);
}

/* Names of programs: no time of their own. */
static int program_names(struct registry *r, const struct hive_key *k,
			 const struct registry_rule *rule)
{
	uint32_t n = hive_value_count(&r->hive, k);
	int status = OK;

	for (uint32_t i = 0; i < n && status >= 0; i++) {
		struct hive_value v;
		const char *name;

		if (!hive_value_at(&r->hive, k, i, &v))
			continue;
		name = registry_name(r, v.name, v.ascii);
		if (!strchr(name, '\\') || name[0] == '@')
			continue;
		registry_event(r, k, KIND_PROCESS_SEEN, TIME_NONE, "Not a time", name);
		if (strcmp(rule->place, "MUICache") == 0 && strrchr(name, '.') &&
		    (strcasecmp(strrchr(name, '.'), ".FriendlyAppName") == 0 ||
		     strcasecmp(strrchr(name, '.'), ".ApplicationCompany") == 0))
			name = arena_strndup(&r->arena, name, (size_t)(strrchr(name, '.') - name));
		event_add(r->p, "Image", value_text(name));
		if (v.type == REG_SZ)
			registry_add(r, "Description", registry_value_text(r, &v));
		else if (v.type == REG_DWORD && strncmp(rule->place, "FeatureUsage", 12) == 0)
			registry_add(r, "RunCount", registry_value_text(r, &v));
		event_add(r->p, "Artifact", value_text(rule->place));
		event_messagef(r->p, "%s ran at some time (%s)", name, rule->place);
		status = event_emit(r->p);
	}
	return status;
}

static int eula(struct registry *r, const struct hive_key *k, const struct registry_rule *rule)
{
	uint64_t n = 0;
	const char *name = key_name(r, k);

	(void)rule;
	if (!registry_number(r, k, "EulaAccepted", &n) || !n)
		return OK;
	registry_event(r, k, KIND_PROCESS_SEEN, time_from_filetime(k->written),
		       "Content Modification Time", "EulaAccepted");
	event_add(r->p, "Image", value_text(name));
	event_add(r->p, "Details", value_unsigned(n));
	event_add(r->p, "Artifact", value_text("Sysinternals EULA"));
	event_messagef(r->p, "Sysinternals %s was run: its licence was accepted", name);
	return event_emit(r->p);
}

static int putty(struct registry *r, const struct hive_key *k, const struct registry_rule *rule)
{
	uint32_t n = hive_value_count(&r->hive, k);
	int status = OK;

	(void)rule;
	for (uint32_t i = 0; i < n && status >= 0; i++) {
		struct hive_value v;
		const char *name;

		if (!hive_value_at(&r->hive, k, i, &v))
			continue;
		name = registry_name(r, v.name, v.ascii);
		registry_event(r, k, KIND_NETWORK_CONNECT,
			       n == 1 ? time_from_filetime(k->written) : TIME_NONE,
			       n == 1 ? "Content Modification Time" : "Not a time", name);
		event_add(r->p, "DestinationHostname",
			  value_text(strchr(name, ':') ? strchr(name, ':') + 1 : name));
		event_add(r->p, "Artifact", value_text("PuTTY host key"));
		event_messagef(r->p, "SSH server known to PuTTY: %s", name);
		status = event_emit(r->p);
	}
	return status;
}

#define U  ON_USER
#define UC (ON_USER | ON_CLASSES)

const struct registry_rule registry_user_rules[] = {
	{U, EXPLORER "UserAssist\\*\\Count", user_assist, NULL, NULL},
	{U, EXPLORER "RunMRU", run_mru, NULL, NULL},
	{U, EXPLORER "RecentDocs", recent_docs, NULL, NULL},
	{U, EXPLORER "RecentDocs\\*", recent_docs, NULL, NULL},
	{U, EXPLORER "ComDlg32\\OpenSavePidlMRU", open_save, NULL, NULL},
	{U, EXPLORER "ComDlg32\\OpenSavePidlMRU\\*", open_save, NULL, NULL},
	{U, EXPLORER "ComDlg32\\OpenSaveMRU", open_save_text, NULL, NULL},
	{U, EXPLORER "ComDlg32\\OpenSaveMRU\\*", open_save_text, NULL, NULL},
	{U, EXPLORER "ComDlg32\\LastVisitedPidlMRU", last_visited, NULL, NULL},
	{U, EXPLORER "ComDlg32\\LastVisitedPidlMRULegacy", last_visited, NULL, NULL},
	{U, EXPLORER "ComDlg32\\CIDSizeMRU", first_folder, NULL, NULL},
	{U, EXPLORER "ComDlg32\\FirstFolder", first_folder, NULL, NULL},
	{U, EXPLORER "ComDlg32\\LastVisitedMRU", last_visited_text, NULL, NULL},
	{U, EXPLORER "StreamMRU", stream_mru, NULL, NULL},
	{U, EXPLORER "WordWheelQuery", word_wheel, NULL, NULL},
	{U, EXPLORER "WordWheelQuery\\*", word_wheel, NULL, NULL},
	{U, "Software\\Microsoft\\Search Assistant\\ACMru\\*", ac_mru, NULL, NULL},
	{U, EXPLORER "Map Network Drive MRU", map_drive, NULL, NULL},
	{U, "~\\Microsoft\\Windows\\CurrentVersion\\Applets\\*\\Recent File List", office_mru, NULL,
	 NULL},
	{U, "~\\Microsoft\\MediaPlayer\\Player\\RecentFileList", any_mru, NULL, NULL},
	{U, EXPLORER "TypedPaths", typed_paths, "TypedPaths", NULL},
	{U, "~\\Microsoft\\Internet Explorer\\TypedURLs", typed_paths, "TypedURLs", NULL},
	{U, "~\\Microsoft\\Terminal Server Client\\Default", typed_paths, "Terminal Server Client",
	 NULL},
	{U, "~\\Microsoft\\Terminal Server Client\\Servers\\*", rdp_server, NULL, NULL},
	{U, "~\\Microsoft\\Windows\\Shell\\BagMRU", bag, NULL, "root"},
	{U, "~\\Microsoft\\Windows\\ShellNoRoam\\BagMRU", bag, NULL, "root"},
	{U, "~\\Microsoft\\Windows\\Shell\\BagMRU\\**", bag, NULL, NULL},
	{U, "~\\Microsoft\\Windows\\ShellNoRoam\\BagMRU\\**", bag, NULL, NULL},
	{UC, "Local Settings\\Software\\Microsoft\\Windows\\Shell\\BagMRU", bag, NULL, "root"},
	{UC, "Local Settings\\Software\\Microsoft\\Windows\\ShellNoRoam\\BagMRU", bag, NULL,
	 "root"},
	{UC, "Local Settings\\Software\\Microsoft\\Windows\\Shell\\BagMRU\\**", bag, NULL, NULL},
	{UC, "Local Settings\\Software\\Microsoft\\Windows\\ShellNoRoam\\BagMRU\\**", bag, NULL,
	 NULL},
	{UC, "Wow6432Node\\Local Settings\\Software\\Microsoft\\Windows\\Shell\\BagMRU", bag, NULL,
	 "root"},
	{UC, "Wow6432Node\\Local Settings\\Software\\Microsoft\\Windows\\Shell\\BagMRU\\**", bag,
	 NULL, NULL},
	{U, EXPLORER "MountPoints2\\*", mount_point, NULL, NULL},
	{U, "Network\\*", network_drive, NULL, NULL},
	{U, "~\\Microsoft\\Office\\*\\*\\File MRU", office_mru, NULL, NULL},
	{U, "~\\Microsoft\\Office\\*\\*\\Place MRU", office_mru, NULL, NULL},
	{U, "~\\Microsoft\\Office\\*\\*\\User MRU\\*\\File MRU", office_mru, NULL, NULL},
	{U, "~\\Microsoft\\Office\\*\\*\\User MRU\\*\\Place MRU", office_mru, NULL, NULL},
	{U, "~\\Microsoft\\Office\\*\\*\\Recent Files", office_mru, NULL, NULL},
	{U, "~\\Microsoft\\Office\\*\\*\\Security\\Trusted Documents\\TrustRecords", office_trust,
	 NULL, NULL},
	{U, EXPLORER "StartPage", programs_cache, NULL, NULL},
	{U, EXPLORER "StartPage2", programs_cache, NULL, NULL},
	{U, "~\\Piriform\\CCleaner", ccleaner, NULL, NULL},
	{U, "~\\Microsoft\\Windows\\CurrentVersion\\Search\\RecentApps\\*", recent_app, NULL, NULL},
	{U, EXPLORER "FeatureUsage\\AppSwitched", program_names, "FeatureUsage AppSwitched", NULL},
	{U, EXPLORER "FeatureUsage\\AppLaunch", program_names, "FeatureUsage AppLaunch", NULL},
	{U,
	 "~\\Microsoft\\Windows NT\\CurrentVersion\\AppCompatFlags\\Compatibility Assistant\\Store",
	 program_names, "Compatibility Assistant", NULL},
	{U,
	 "~\\Microsoft\\Windows NT\\CurrentVersion\\AppCompatFlags\\Compatibility "
	 "Assistant\\Persisted",
	 program_names, "Compatibility Assistant", NULL},
	{U, "~\\Microsoft\\Windows\\ShellNoRoam\\MUICache", program_names, "MUICache", NULL},
	{UC, "Local Settings\\Software\\Microsoft\\Windows\\Shell\\MuiCache", program_names,
	 "MUICache", NULL},
	{U, "~\\Sysinternals\\*", eula, NULL, NULL},
	{U, "Software\\SimonTatham\\PuTTY\\SshHostKeys", putty, NULL, NULL},
	{U, "~\\WinRAR\\ArcHistory", any_mru, NULL, NULL},
	{0},
};
