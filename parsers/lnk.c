#include "parsers/lnk.h"

#include "base/text.h"
#include "parsers/shell_item.h"
#include "parsers/startup.h"

#include <stdio.h>

/* 2.1.1 */
#define HAS_ITEMS     0x1
#define HAS_INFO      0x2
#define HAS_NAME      0x4
#define HAS_RELATIVE  0x8
#define HAS_FOLDER    0x10
#define HAS_ARGUMENTS 0x20
#define HAS_ICON      0x40
#define IS_UNICODE    0x80

#define MAX_BLOCKS 64  /* of extra data; a dozen kinds exist */
#define MAX_ITEMS  256 /* of a target's list whose times are told */

bool lnk_is(struct view v)
{
	return view_starts(v, "\x4c\0\0\0\x01\x14\x02\0\0\0\0\0\xc0\0\0\0\0\0\0\x46", 20);
}

int64_t guid_time(struct view guid, char mac[18])
{
	/* 100 ns between 1582-10-15 and 1601-01-01. */
	const uint64_t gap = UINT64_C(5748192000000000);
	uint64_t ticks;

	mac[0] = '\0';
	if (guid.len < 16 || view_get16(guid, 6) >> 12 != 1)
		return TIME_NONE;
	ticks = view_get32(guid, 0) | (uint64_t)view_get16(guid, 4) << 32 |
		(uint64_t)(view_get16(guid, 6) & 0xfff) << 48;
	if (ticks <= gap)
		return TIME_NONE;
	(void)snprintf(mac, 18, "%02x:%02x:%02x:%02x:%02x:%02x", guid.data[10], guid.data[11],
		       guid.data[12], guid.data[13], guid.data[14], guid.data[15]);
	return time_from_filetime(ticks - gap);
}

static const char *ansi(struct arena *a, struct view v)
{
	struct buffer b = {0};
	const void *end = v.len ? memchr(v.data, 0, v.len) : NULL;
	const char *text;

	if (end)
		v.len = (size_t)((const uint8_t *)end - v.data);
	text_cp1252(&b, v);
	text = arena_strndup(a, b.data, b.len);
	buffer_release(&b);
	return text ? text : "";
}

static const char *wide(struct arena *a, struct view v)
{
	return parse_utf16z(a, v);
}

static void damaged(struct lnk *l, size_t at, const char *what)
{
	if (!l->damage.reason[0])
		(void)problem_set(&l->damage, OK, at, "%s", what);
}

static const char *const drive_types[] = {"unknown", "no root", "removable", "fixed",
					  "network", "CD-ROM",	"RAM disk"};

/* 2.3 */
static void link_info(struct lnk *l, struct view v, struct arena *a, const char **local)
{
	uint32_t head = view_get32(v, 4), flags = view_get32(v, 8);
	const char *base = NULL, *suffix;
	struct view part;

	suffix = head >= 0x24 && view_get32(v, 32) ? wide(a, view_from(v, view_get32(v, 32)))
						   : ansi(a, view_from(v, view_get32(v, 24)));
	if (flags & 1) {
		uint32_t type;

		part = view_from(v, view_get32(v, 12));
		part = view_clip(part, 0, view_get32(part, 0));
		type = view_get32(part, 4);
		l->drive_type = type < 7 ? drive_types[type] : "unknown";
		l->serial = view_get32(part, 8);
		l->volume_label = view_get32(part, 12) == 0x14
					  ? wide(a, view_from(part, view_get32(part, 16)))
					  : ansi(a, view_from(part, view_get32(part, 12)));
		base = head >= 0x24 && view_get32(v, 28) ? wide(a, view_from(v, view_get32(v, 28)))
							 : ansi(a, view_from(v, view_get32(v, 16)));
	}
	if (flags & 2) {
		part = view_from(v, view_get32(v, 20));
		part = view_clip(part, 0, view_get32(part, 0));
		l->share = view_get32(part, 8) > 0x14
				   ? wide(a, view_from(part, view_get32(part, 20)))
				   : ansi(a, view_from(part, view_get32(part, 8)));
		if (!base || !*base)
			base = arena_printf(a, "%s%s", l->share, *suffix ? "\\" : "");
	}
	if (base && *base)
		*local = *suffix ? arena_printf(a, "%s%s%s", base,
						base[strlen(base) - 1] == '\\' ? "" : "\\", suffix)
				 : base;
}

/* [MS-PROPSTORE] 2.2 to 2.4: strings, numbers and times of the property storages. */
static void properties(struct lnk *l, struct view v, struct arena *a)
{
	static const uint8_t model[16] = {0x55, 0x28, 0x4c, 0x9f, 0x79, 0x9f, 0x39, 0x4b,
					  0xa8, 0xd0, 0xe1, 0xd4, 0x2d, 0xe1, 0xd5, 0xf3};
	static const uint8_t named[16] = {0x05, 0xd5, 0xcd, 0xd5, 0x9c, 0x2e, 0x1b, 0x10,
					  0x93, 0x97, 0x08, 0x00, 0x2b, 0x2c, 0xf9, 0xae};

	while (v.len > 24) {
		uint32_t size = view_get32(v, 0);
		struct view store = view_sub(v, 0, size), format = view_sub(store, 8, 16);
		size_t at = 24;
		bool by_name;

		if (size < 24 || !store.data || view_get32(store, 4) != 0x53505331)
			return;
		v = view_from(v, size);
		by_name = memcmp(format.data, named, 16) == 0;
		while (view_has(store, at, 9) && view_get32(store, at) >= 9) {
			uint32_t bytes = view_get32(store, at), id = view_get32(store, at + 4);
			struct view value = view_sub(store, at, bytes), data;
			struct value key = value_guid(format.data);
			char when[TIME_TEXT];
			const char *text = NULL, *name;

			if (!value.data)
				return;
			at += bytes;
			data = view_from(value, by_name ? (size_t)9 + id : 9);
			switch (view_get16(data, 0)) { /* [MS-OLEPS] 2.15 */
			case 0x1f:
				text = wide(a, view_clip(data, 8, (size_t)view_get32(data, 4) * 2));
				break;
			case 0x13:
				text = arena_printf(a, "%u", view_get32(data, 4));
				break;
			case 0x15:
				text = arena_printf(a, "%llu",
						    (unsigned long long)view_get64(data, 4));
				break;
			case 0x40:
				(void)time_format(time_from_filetime(view_get64(data, 4)), when);
				text = arena_printf(a, "%s", when);
				break;
			}
			if (!text || !*text)
				continue;
			if (!by_name && id == 5 && memcmp(format.data, model, 16) == 0)
				l->app_id = text;
			name = by_name ? wide(a, view_clip(value, 9, id))
				       : parse_value_text(a, &key);
			if (l->property_count < sizeof(l->properties) / sizeof(l->properties[0]))
				l->properties[l->property_count++] =
					by_name ? arena_printf(a, "%s: %s", name, text)
						: arena_printf(a, "%s/%u: %s", name, id, text);
		}
	}
}

int lnk_read(struct view v, struct arena *a, struct lnk *l)
{
	const struct {
		uint32_t flag;
		const char **into;
	} strings[] = {
		{HAS_NAME, &l->name},	  {HAS_RELATIVE, &l->relative},
		{HAS_FOLDER, &l->folder}, {HAS_ARGUMENTS, &l->arguments},
		{HAS_ICON, &l->icon},
	};
	const char *local = NULL, *environment = NULL;
	size_t at = 76;

	*l = (struct lnk){.target = ""};
	if (!lnk_is(v))
		return ERR_FORMAT;
	if (v.len < at) {
		l->size = v.len;
		damaged(l, v.len, "the header is cut");
		return OK;
	}
	l->flags = view_get32(v, 20);
	l->attributes = view_get32(v, 24);
	l->created = view_get64(v, 28);
	l->accessed = view_get64(v, 36);
	l->modified = view_get64(v, 44);
	l->file_size = view_get32(v, 52);
	if (l->flags & HAS_ITEMS) {
		l->items = view_clip(v, at + 2, view_get16(v, at));
		if (l->items.len < view_get16(v, at))
			damaged(l, at, "the shell items are cut");
		at += 2 + l->items.len;
	}
	if (l->flags & HAS_INFO) {
		uint32_t size = view_get32(v, at);

		if (size < 28 || !view_has(v, at, size)) {
			damaged(l, at, "the link information does not fit");
		} else {
			link_info(l, view_sub(v, at, size), a, &local);
			at += size;
		}
	}
	for (size_t i = 0; i < sizeof(strings) / sizeof(strings[0]) && !l->damage.reason[0]; i++) {
		size_t n = (size_t)view_get16(v, at) * (l->flags & IS_UNICODE ? 2 : 1);

		if (!(l->flags & strings[i].flag))
			continue;
		if (!view_has(v, at, 2) || !view_has(v, at + 2, n)) {
			damaged(l, at, "a string runs past the end");
			break;
		}
		*strings[i].into = l->flags & IS_UNICODE ? wide(a, view_sub(v, at + 2, n))
							 : ansi(a, view_sub(v, at + 2, n));
		at += 2 + n;
	}
	for (int i = 0; i < MAX_BLOCKS && !l->damage.reason[0]; i++) { /* 2.5 */
		uint32_t size;
		struct view b;

		if (!view_u32le(v, at, &size))
			break; /* writers forget the terminal block */
		if (size < 4) {
			at += 4;
			break;
		}
		b = view_sub(v, at, size);
		if (!b.data) {
			damaged(l, at, "an extra block runs past the end");
			break;
		}
		switch (view_get32(b, 4)) {
		case 0xa0000001: /* 2.5.4 */
			environment = wide(a, view_sub(b, 268, 520));
			if (!*environment)
				environment = ansi(a, view_sub(b, 8, 260));
			break;
		case 0xa0000003: /* 2.5.10 */
			l->machine = ansi(a, view_sub(b, 16, 16));
			l->droid = view_sub(b, 32, 64);
			break;
		case 0xa0000009: /* 2.5.7 */
			properties(l, view_from(b, 8), a);
			break;
		case 0xa000000c: /* 2.5.11 */
			if (l->items.len <= 2)
				l->items = view_from(b, 8);
			break;
		}
		at += size;
	}
	l->size = at < v.len ? at : v.len;
	l->target = local && *local ? local : l->items.len > 2 ? shell_item_path(l->items, a) : "";
	if (!*l->target && environment)
		l->target = environment;
	if (!*l->target && l->relative)
		l->target = l->relative;
	return OK;
}

static void text_field(struct parse *p, const char *name, const char *text)
{
	if (text && *text)
		event_add(p, name, value_text(text));
}

static void start(struct parse *p, const struct lnk *l, enum event_kind kind, uint64_t offset,
		  const char *list, uint64_t entry)
{
	struct view user = parse_path_user(p->path);

	event_start(p, kind, TIME_NONE, "Not a time", offset);
	p->event.record = entry;
	if (user.len)
		event_user(p, value_view(user));
	text_field(p, "JumpList", list);
	text_field(p, "TargetFilename", l->target);
}

static int times_of_items(struct parse *p, const struct lnk *l, uint64_t offset, const char *list,
			  uint64_t entry)
{
	struct view items = l->items;
	struct shell_item item;
	const char *path = "";
	int status = OK;

	for (int i = 0; i < MAX_ITEMS && shell_item_next(&items, &p->arena, &item); i++) {
		const struct {
			int64_t ts;
			const char *desc;
		} times[] = {
			{item.modified, "Content Modification Time"},
			{item.created, "Creation Time"},
			{item.accessed, "Last Access Time"},
		};

		path = shell_item_join(&p->arena, path, &item);
		start(p, l, KIND_FILE_METADATA, offset, list, entry);
		event_add(p, "ShellItemPath", value_text(path));
		event_add(p, "ShortName", value_text(item.short_name));
		if (item.reference)
			event_addf(p, "FileReference", "%llu-%llu",
				   (unsigned long long)(item.reference & 0xffffffffffff),
				   (unsigned long long)(item.reference >> 48));
		for (size_t t = 0; t < 3; t++) {
			if (times[t].ts == TIME_NONE)
				continue;
			event_messagef(p, "%s, as a shortcut to %s recorded it", path,
				       *l->target ? l->target : path);
			if ((status = event_emit_at(p, times[t].ts, times[t].desc)) < 0)
				return status;
		}
	}
	return OK;
}

int lnk_emit(struct parse *p, const struct lnk *l, uint64_t offset, const char *list,
	     uint64_t entry)
{
	const struct {
		uint64_t ticks;
		const char *desc;
	} times[] = {
		{l->modified, "Content Modification Time"},
		{l->created, "Creation Time"},
		{l->accessed, "Last Access Time"},
	};
	char mac[18] = "";
	struct value list_of[32];
	int64_t born = l->droid.len ? guid_time(view_from(l->droid, 16), mac) : TIME_NONE;
	bool any = false;
	int status;

	start(p, l, KIND_FILE_METADATA, offset, list, entry);
	text_field(p, "CommandLineArguments", l->arguments);
	text_field(p, "CurrentDirectory", l->folder);
	text_field(p, "Description", l->name);
	text_field(p, "RelativePath", l->relative);
	text_field(p, "IconLocation", l->icon);
	event_add(p, "FileSize", value_unsigned(l->file_size));
	event_add(p, "FileAttributes", value_hex(l->attributes));
	if (l->drive_type) {
		event_add(p, "DriveType", value_text(l->drive_type));
		event_addf(p, "VolumeSerialNumber", "%08X", l->serial);
		text_field(p, "VolumeLabel", l->volume_label);
	}
	text_field(p, "ShareName", l->share);
	text_field(p, "MachineId", l->machine);
	if (l->droid.len == 64) {
		event_add(p, "DroidVolumeId", value_guid(l->droid.data));
		event_add(p, "DroidFileId", value_guid(l->droid.data + 16));
		event_add(p, "BirthDroidVolumeId", value_guid(l->droid.data + 32));
		event_add(p, "BirthDroidFileId", value_guid(l->droid.data + 48));
		text_field(p, "MacAddress", mac);
	}
	text_field(p, "AppUserModelId", l->app_id);
	for (size_t i = 0; i < l->property_count; i++)
		list_of[i] = value_text(l->properties[i]);
	if (l->property_count)
		event_add(p, "Properties",
			  (struct value){.type = VALUE_LIST,
					 .len = (uint32_t)l->property_count,
					 .list = list_of});
	event_messagef(p, "Shortcut to %s%s%s", *l->target ? l->target : "an unnamed place",
		       l->arguments && *l->arguments ? " " : "", l->arguments ? l->arguments : "");
	for (size_t i = 0; i < 3; i++) {
		int64_t ts = time_from_filetime(times[i].ticks);

		if (ts == TIME_NONE)
			continue;
		any = true;
		if ((status = event_emit_at(p, ts, times[i].desc)) < 0)
			return status;
	}
	if (!any && (status = event_emit_at(p, TIME_NONE, "Not a time")) < 0)
		return status;
	if (born != TIME_NONE) {
		event_messagef(p, "Tracking id of %s made on %s (%s)",
			       *l->target ? l->target : "a file", l->machine, mac);
		if ((status = event_emit_at(p, born, "Creation Time")) < 0)
			return status;
	}
	if (l->droid.len == 64 && memcmp(l->droid.data + 16, l->droid.data + 48, 16) != 0) {
		born = guid_time(view_from(l->droid, 48), mac);
		event_messagef(p, "Tracking id of %s was first made elsewhere (%s)",
			       *l->target ? l->target : "a file", mac);
		if (born != TIME_NONE && (status = event_emit_at(p, born, "Creation Time")) < 0)
			return status;
	}
	if ((status = times_of_items(p, l, offset, list, entry)) < 0)
		return status;
	return l->damage.reason[0]
		       ? parse_lost(p, offset + l->damage.offset, "%s", l->damage.reason)
		       : OK;
}

/* ---- the parser of single links ---- */

static int probe(const struct probe *p)
{
	return !lnk_is(p->head)				? BID_NO
	       : view_glob(view_text(p->name), "*.lnk") ? BID_EXACT
							: BID_MAGIC;
}

static int parse(struct parse *p, struct view bytes)
{
	const char *name = strrchr(p->path, '/');
	struct lnk l;
	int status = lnk_read(bytes, &p->arena, &l);

	if (status < 0)
		return parse_fail(p, status, 0, "no shell link");
	if ((status = lnk_emit(p, &l, 0, NULL, 0)) < 0)
		return status;
	/* A shortcut of the Startup folder runs at every logon. */
	if (!view_glob(view_text(p->path), STARTUP_FOLDER))
		return OK;
	return startup_emit(p, "Startup folder", name ? name + 1 : p->path, l.target,
			    l.arguments ? l.arguments : "", VIEW_EMPTY, 0);
}

const struct parser parser_lnk = {
	.name = "lnk",
	.title = "Windows shortcuts (LNK)",
	.version = 1,
	.probe = probe,
	.parse = parse,
};
