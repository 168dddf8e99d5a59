/*
 * Jump lists: what a program opened lately. Automatic destinations are OLE compound files: a
 * DestList stream names the entries, and a stream for each holds its shell link. Custom
 * destinations are shell links in a row. Facts: libyal's documentation "Jump lists format".
 */
#include "parsers/jump_list.h"

#include "parsers/lnk.h"

#include <stdio.h>

#define MAX_ENTRIES 100000

/* Programs by the identifier that begins the file's name: what our own machines and the field's
 * public lists agree on. */
static const struct {
	const char *id, *program;
} programs[] = {
	{"1b4dd67f29cb1962", "Windows Explorer"}, {"f01b4d95cf55d32a", "Windows Explorer"},
	{"5f7b5f1e01b83767", "Quick Access"},	  {"9b9cdc69c1c24e2b", "Notepad"},
	{"1bc392b8e104a00e", "Remote Desktop"},	  {"5d696d521de238c3", "Google Chrome"},
	{"9d1f905ce5044aee", "Microsoft Edge"},	  {"28c8b86deab549a1", "Internet Explorer"},
	{"a7bd71699cd38d1c", "Microsoft Word"},	  {"b8ab77100df80ab2", "Microsoft Excel"},
	{"7e4dca80246863e3", "Control Panel"},	  {"12dc1ea8e34b5a6", "Microsoft Paint"},
	{"918e0ecb43d17e23", "Notepad"},	  {"290532160612e071", "WinRAR"},
};

static const char *list_name(struct parse *p)
{
	const char *name = strrchr(p->path, '/');

	name = name ? name + 1 : p->path;
	for (size_t i = 0; i < sizeof(programs) / sizeof(programs[0]); i++)
		if (strncmp(name, programs[i].id, strlen(programs[i].id)) == 0)
			return programs[i].program;
	return name;
}

static int destinations(struct parse *p, struct view v, const char *list)
{
	uint32_t version = view_get32(v, 0), count = view_get32(v, 4);
	struct view user = parse_path_user(p->path);
	size_t at = 32, fixed = version >= 3 ? 130 : 114;
	int status = OK;

	if (version == 0 || version > 6)
		return parse_lost(p, 0, "destination list of version %u", version);
	for (uint32_t i = 0; i < count && i < MAX_ENTRIES && status >= 0; i++) {
		struct view e = view_sub(v, at, fixed), path;
		int64_t used, born, first;
		char mac[18], first_mac[18];
		const char *host, *target;

		if (!e.data)
			return parse_lost(p, at,
					  "entry %u of %u of the destination list is not there",
					  i + 1, count);
		path = view_clip(v, at + fixed, (size_t)view_get16(e, fixed - 2) * 2);
		used = time_from_filetime(view_get64(e, 100));
		born = guid_time(view_sub(e, 24, 16), mac);
		first = guid_time(view_sub(e, 56, 16), first_mac);
		event_start(p, KIND_FILE_READ, used,
			    used == TIME_NONE ? "Not a time" : "Content Modification Time", at);
		p->event.record = view_get32(e, 88);
		if (user.len)
			event_user(p, value_view(user));
		host = parse_text(&p->scratch,
				  view_sub(e, 72, strnlen((const char *)e.data + 72, 16)));
		target = parse_utf16z(&p->scratch, path);
		event_add(p, "JumpList", value_text(list));
		event_add(p, "TargetFilename", value_text(target));
		event_add(p, "MachineId", value_text(host));
		event_add(p, "EntryNumber", value_unsigned(view_get32(e, 88)));
		if (version >= 3)
			event_add(p, "AccessCount", value_unsigned(view_get32(e, 116)));
		event_add(p, "Pinned", value_bool(view_get32(e, 108) != UINT32_MAX));
		event_add(p, "DroidVolumeId", value_guid(e.data + 8));
		event_add(p, "DroidFileId", value_guid(e.data + 24));
		event_add(p, "BirthDroidVolumeId", value_guid(e.data + 40));
		event_add(p, "BirthDroidFileId", value_guid(e.data + 56));
		if (*mac)
			event_add(p, "MacAddress", value_text(mac));
		event_messagef(p, "%s was opened with %s", target, list);
		status = event_emit(p);
		if (status >= 0 && born != TIME_NONE) {
			p->event.kind = KIND_FILE_METADATA;
			event_messagef(p, "Tracking id of %s made on %s (%s)", target, host, mac);
			status = event_emit_at(p, born, "Creation Time");
		}
		if (status >= 0 && first != TIME_NONE && first != born) {
			p->event.kind = KIND_FILE_METADATA;
			event_messagef(p, "Tracking id of %s was first made elsewhere (%s)", target,
				       first_mac);
			status = event_emit_at(p, first, "Creation Time");
		}
		at += fixed + path.len + (version >= 3 ? 4 : 0);
	}
	return status;
}

int jump_list_automatic(struct parse *p, const struct ole *o)
{
	const char *list = list_name(p);
	int status = OK;

	for (size_t i = 0; i < o->entries && status >= 0; i++) {
		struct ole_entry e;
		struct view bytes;
		struct lnk l;
		unsigned long long number = 0;
		int used = 0;

		if (!ole_entry(o, i, &e))
			continue;
		if (e.type != 2) {
			int64_t ts = time_from_filetime(e.modified);

			if (ts == TIME_NONE)
				continue;
			event_start(p, KIND_FILE_METADATA, ts, "Content Modification Time",
				    e.offset);
			event_add(p, "JumpList", value_text(list));
			event_messagef(p, "Jump list of %s was changed", list);
			status = event_emit(p);
			continue;
		}
		bytes = ole_stream(o, &e);
		if (strcmp(e.name, "DestList") == 0)
			status = destinations(p, bytes, list);
		/* NOLINTNEXTLINE(cert-err34-c): overflow makes a number that names no entry */
		else if (sscanf(e.name, "%llx%n", &number, &used) == 1 && e.name[used] == '\0' &&
			 lnk_read(bytes, &p->arena, &l) == OK)
			status = lnk_emit(p, &l, e.offset, list, number);
	}
	return status;
}

/* Custom destinations: the links are found by their headers, so that a damaged one costs no other.
 */
static int custom(struct parse *p, struct view v)
{
	const char *list = list_name(p);
	size_t at = 0;
	uint64_t number = 0;
	int status = OK;

	while (status >= 0) {
		struct lnk l;

		at = view_find(v, at, "\x4c\0\0\0\x01\x14\x02\0\0\0\0\0\xc0\0\0\0\0\0\0\x46", 20);
		if (at >= v.len)
			break;
		arena_reset(&p->arena);
		if (lnk_read(view_from(v, at), &p->arena, &l) == OK)
			status = lnk_emit(p, &l, at, list, ++number);
		at += l.size > 20 ? l.size : 20;
	}
	return status;
}

static int probe(const struct probe *p)
{
	if (view_glob(view_text(p->name), "*.automaticdestinations-ms"))
		return view_starts(p->head, "\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", 8) ? BID_EXACT
										   : BID_NAME;
	if (view_glob(view_text(p->name), "*.customdestinations-ms"))
		return view_get32(p->head, 0) <= 2 ? BID_BOTH : BID_NAME;
	return BID_NO;
}

static int parse(struct parse *p, struct view bytes)
{
	struct ole o;

	if (ole_open(&o, bytes, &p->arena) == OK)
		return jump_list_automatic(p, &o);
	if (view_starts(bytes, "\xd0\xcf\x11\xe0", 4))
		return parse_fail(p, ERR_FORMAT, 0, "no OLE compound file");
	return custom(p, bytes);
}

const struct parser parser_jump_list = {
	.name = "jump_list",
	.title = "Jump lists (automatic and custom destinations)",
	.version = 1,
	.probe = probe,
	.parse = parse,
};
