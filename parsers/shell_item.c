#include "parsers/shell_item.h"

#include "base/text.h"

#include <stdlib.h>
#include <string.h>

/* Shell folders (CLSIDs) and known folders (KNOWNFOLDERID) that stand in shell items and in
 * UserAssist's paths. */
static const struct {
	const char *guid, *name;
} folders[] = {
	{"{20D04FE0-3AEA-1069-A2D8-08002B30309D}", "My Computer"},
	{"{450D8FBA-AD25-11D0-98A8-0800361B1103}", "My Documents"},
	{"{208D2C60-3AEA-1069-A2D7-08002B30309D}", "My Network Places"},
	{"{F02C1A0D-BE21-4350-88B0-7367FC96EF3C}", "Network"},
	{"{645FF040-5081-101B-9F08-00AA002F954E}", "Recycle Bin"},
	{"{21EC2020-3AEA-1069-A2DD-08002B30309D}", "Control Panel"},
	{"{26EE0668-A00A-44D7-9371-BEB064C98683}", "Control Panel"},
	{"{5399E694-6CE5-4D6C-8FCE-1D8870FDCBA0}", "Control Panel"},
	{"{2227A280-3AEA-1069-A2DE-08002B30309D}", "Printers"},
	{"{871C5380-42A0-1069-A2EA-08002B30309D}", "Internet Explorer"},
	{"{031E4825-7B94-4DC3-B131-E946B44C8DD5}", "Libraries"},
	{"{59031A47-3F72-44A7-89C5-5595FE6B30EE}", "User Folder"},
	{"{679F85CB-0220-4080-B29B-5540CC05AAB6}", "Quick Access"},
	{"{F874310E-B6B7-47DC-BC84-B9E6B38F5903}", "Home"},
	{"{018D5C66-4533-4307-9B53-224DE2ED1FE6}", "OneDrive"},
	{"{00021401-0000-0000-C000-000000000046}", "Shortcut"},
	{"{B4BFCC3A-DB2C-424C-B029-7FE99A87C641}", "Desktop"},
	{"{A8CDFF1C-4878-43BE-B5FD-F8091C1C60D0}", "Documents"},
	{"{D3162B92-9365-467A-956B-92703ACA08AF}", "Documents"},
	{"{FDD39AD0-238F-46AF-ADB4-6C85480369C7}", "Documents"},
	{"{374DE290-123F-4565-9164-39C4925E467B}", "Downloads"},
	{"{088E3905-0323-4B02-9826-5D99428E115F}", "Downloads"},
	{"{1CF1260C-4DD0-4EBB-811F-33C572699FDE}", "Music"},
	{"{3DFDF296-DBEC-4FB4-81D1-6A3438BCF4DE}", "Music"},
	{"{4BD8D571-6D19-48D3-BE97-422220080E43}", "Music"},
	{"{3ADD1653-EB32-4CB0-BBD7-DFA0ABB5ACCA}", "Pictures"},
	{"{24AD3AD4-A569-4530-98E1-AB02F9417AA8}", "Pictures"},
	{"{33E28130-4E1E-4676-835A-98395C3BC3BB}", "Pictures"},
	{"{A0953C92-50DC-43BF-BE83-3742FED03C9C}", "Videos"},
	{"{F86FA3AB-70D2-4FC7-9C99-FCBF05467F3A}", "Videos"},
	{"{18989B1D-99B5-455B-841C-AB7C74E4DDFC}", "Videos"},
	{"{0DB7E03F-FC29-4DC6-9020-FF41B59E513A}", "3D Objects"},
	{"{1777F761-68AD-4D8A-87BD-30B759FA33DD}", "Favorites"},
	{"{323CA680-C24D-4099-B94D-446DD2D7249E}", "Favorites"},
	{"{905E63B6-C1BF-494E-B29C-65B732D3D21A}", "%ProgramFiles%"},
	{"{6D809377-6AF0-444B-8957-A3773F02200E}", "%ProgramFiles%"},
	{"{7C5A40EF-A0FB-4BFC-874A-C0F2E0B9FA8E}", "%ProgramFiles(x86)%"},
	{"{F7F1ED05-9F6D-47A2-AAAE-29D317C6F066}", "%CommonProgramFiles%"},
	{"{DE974D24-D9C6-4D3E-BF91-F4455120B917}", "%CommonProgramFiles(x86)%"},
	{"{1AC14E77-02E7-4E5D-B744-2EB1AE5198B7}", "%SystemRoot%\\System32"},
	{"{D65231B0-B2F1-4857-A4CE-A8E7C6EA7D27}", "%SystemRoot%\\SysWOW64"},
	{"{F38BF404-1D43-42F2-9305-67DE0B28FC23}", "%SystemRoot%"},
	{"{0139D44E-6AFE-49F2-8690-3DAFCAE6FFB8}",
	 "%ProgramData%\\Microsoft\\Windows\\Start Menu\\Programs"},
	{"{A4115719-D62E-491D-AA7C-E74B8BE3B067}", "%ProgramData%\\Microsoft\\Windows\\Start Menu"},
	{"{82A5EA35-D9CD-47C5-9629-E15D2F714E6E}",
	 "%ProgramData%\\Microsoft\\Windows\\Start Menu\\Programs\\StartUp"},
	{"{C4AA340D-F20F-4863-AFEF-F87EF2E6BA25}", "%PUBLIC%\\Desktop"},
	{"{62AB5D82-FDC1-4DC3-A9DD-070D1D495D97}", "%ProgramData%"},
	{"{5E6C858F-0E22-4760-9AFE-EA3317B67173}", "%USERPROFILE%"},
	{"{A77F5D77-2E2B-44C3-A6A2-ABA601054A51}",
	 "%APPDATA%\\Microsoft\\Windows\\Start Menu\\Programs"},
	{"{9E3995AB-1F9C-4F13-B827-48B24B6C7174}",
	 "%APPDATA%\\Microsoft\\Internet Explorer\\Quick Launch\\User Pinned"},
	{"{3EB685DB-65F9-4CF6-A03A-E3EF65729F3D}", "%APPDATA%"},
	{"{F1B32785-6FBA-4FCF-9D55-7B8E7F157091}", "%LOCALAPPDATA%"},
	{"{A520A1A4-1780-4FF6-BD18-167343C5AF16}", "%USERPROFILE%\\AppData\\LocalLow"},
	{"{B97D20BB-F46A-4C97-BA10-5E3608430854}",
	 "%APPDATA%\\Microsoft\\Windows\\Start Menu\\Programs\\Startup"},
	{"{2112AB0A-C86A-4FFE-A368-0DE96E47012E}", "Music Library"},
	{"{7B0DB17D-9CD2-4A93-9733-46CC89022E7C}", "Documents Library"},
	{"{A990AE9F-A03B-4E80-94BC-9912D7504104}", "Pictures Library"},
	{"{491E922F-5643-4AF4-A7EB-4E7A138D8174}", "Videos Library"},
	{"{B155BDF8-02F0-451E-9A26-AE317CFD7779}", "Desktop (delegate)"},
	{"{A8A91A66-3A7D-4424-8D24-04E180695C7A}", "Devices and Printers"},
	{"{ED228FDF-9EA8-4870-83B1-96B02CFE0D52}", "Games"},
	{"{7007ACC7-3202-11D1-AAD2-00805FC1270E}", "Network Connections"},
	{"{8E908FC9-BECC-40F6-915B-F4CA0E70D03D}", "Network and Sharing Center"},
	{"{BB06C0E4-D293-4F75-8A90-CB05B6477EEE}", "System"},
	{"{60632754-C523-4B62-B45C-4172DA012619}", "User Accounts"},
	{"{7B81BE6A-CE2B-4676-A29E-EB907A5126C5}", "Programs and Features"},
	{"{36EEF7DB-88AD-4E81-AD49-0E313F0C35F8}", "Windows Update"},
	{"{4026492F-2F69-46B8-B9BF-5654FC07E423}", "Windows Firewall"},
	{"{ED834ED6-4B5A-4BFE-8F11-A626DCB6A921}", "Personalization"},
};

static const char *guid_text(struct arena *a, const uint8_t *guid)
{
	struct value v = value_guid(guid);
	struct buffer b = {0};
	const char *text;

	value_append(&b, &v);
	text = arena_strndup(a, b.data, b.len);
	buffer_release(&b);
	return text ? text : "";
}

const char *shell_folder_name(const uint8_t guid[16])
{
	struct value v = value_guid(guid);
	struct buffer b = {0};
	const char *name = NULL;

	value_append(&b, &v);
	for (size_t i = 0; i < sizeof(folders) / sizeof(folders[0]) && !name; i++)
		if (view_is(buffer_as_view(&b), folders[i].guid))
			name = folders[i].name;
	buffer_release(&b);
	return name;
}

static const char *keep(struct arena *a, struct buffer *b)
{
	const char *text = arena_strndup(a, b->data, b->len);

	buffer_release(b);
	return text ? text : "";
}

/* A NUL-terminated string of 8-bit (system code page, read as 1252) or 16-bit units; *end is set
 * past its NUL. */
static const char *string_at(struct arena *a, struct view v, size_t off, bool wide, size_t *end)
{
	struct view rest = view_from(v, off);
	struct buffer b = {0};
	size_t n = 0;

	if (wide) {
		while (n + 2 <= rest.len && (rest.data[n] || rest.data[n + 1]))
			n += 2;
		text_utf16(&b, view_clip(rest, 0, n));
		n += 2;
	} else {
		while (n < rest.len && rest.data[n])
			n++;
		text_cp1252(&b, view_clip(rest, 0, n));
		n++;
	}
	if (end)
		*end = off + (n > rest.len ? rest.len : n);
	return keep(a, &b);
}

static int64_t fat_time(struct view v, size_t off)
{
	return time_from_dos(view_get16(v, off), view_get16(v, off + 2));
}

/* Extension blocks: 16-bit size, 16-bit version, 32-bit signature 0xbeefXXXX, one behind the other.
 */
static void extensions(struct shell_item *item, struct arena *a, size_t off)
{
	struct view v = item->bytes;
	uint16_t size, version;
	uint32_t signature;

	while (view_u16le(v, off, &size) && view_u16le(v, off + 2, &version) &&
	       view_u32le(v, off + 4, &signature) && size >= 8 && signature >> 16 == 0xbeef) {
		struct view block = view_clip(v, off, size);

		if (signature == 0xbeef0004) { /* file entry: times, reference, long name */
			size_t at = 18;
			const char *name;

			item->created = fat_time(block, 8);
			item->accessed = fat_time(block, 12);
			if (version >= 7) {
				item->reference = view_get64(block, 20);
				at = 36;
			}
			at += version >= 3 ? 2 : 0;
			at += version >= 9 ? 4 : 0;
			at += version >= 8 ? 4 : 0;
			name = version >= 3 ? string_at(a, block, at, true, NULL) : "";
			if (*name) {
				item->short_name = *item->name ? item->name : NULL;
				item->name = name;
			}
		}
		off += size;
	}
}

/* A file entry of the file system; `off` is where its class type stands (inside a delegate item it
 * is not 2). */
static void file_entry(struct shell_item *item, struct arena *a, size_t off)
{
	struct view v = item->bytes;
	uint8_t type = view_get8(v, off);
	size_t end, at;

	item->directory = type & 1;
	item->size = view_get32(v, off + 2);
	item->modified = fat_time(v, off + 6);
	item->attributes = view_get16(v, off + 10);
	item->name = string_at(a, v, off + 12, type & 4, &end);
	at = (end + 1) & ~(size_t)1;
	if (view_get32(v, at + 4) >> 16 != 0xbeef) {
		/* Before XP a second name stood here; delegate items have two GUIDs first. Look at
		 * each even place. */
		const char *second = view_get16(v, at) ? string_at(a, v, at, type & 4, NULL) : "";

		for (; at + 8 <= v.len; at += 2)
			if (view_get32(v, at + 4) >> 16 == 0xbeef && view_get16(v, at) >= 8)
				break;
		if (at + 8 > v.len && *second)
			item->short_name = second;
	}
	extensions(item, a, at);
}

static void named_guid(struct shell_item *item, struct arena *a, size_t off)
{
	const char *name;

	if (!view_has(item->bytes, off, 16))
		return;
	item->guid = item->bytes.data + off;
	name = shell_folder_name(item->guid);
	item->name = name ? name : guid_text(a, item->guid);
}

/* First block of the signature 0xbeefXXXX at an even place; v.len when there is none. */
static size_t find_extension(struct view v)
{
	size_t at;

	for (at = 4; at + 8 <= v.len; at += 2)
		if (view_get32(v, at + 4) >> 16 == 0xbeef && view_get16(v, at) >= 8 &&
		    view_get16(v, at) <= v.len - at)
			return at;
	return v.len;
}

/*
 * A serialized property store ([MS-PROPSTORE] 2.2): storages of size, "1SPS", format; values of
 * size, id, a reserved byte, typed value. The storage format {B725F130-47EF-101A-A5F1-02608C9EEBAC}
 * holds a file's name (10) and times (14 to 16), {28636AA6-953D-11D2-B5D6-00C04FD918D0} its whole
 * path (30).
 */
static void properties(struct shell_item *item, struct arena *a, struct view v)
{
	static const uint8_t format[16] = {0x30, 0xf1, 0x25, 0xb7, 0xef, 0x47, 0x1a, 0x10,
					   0xa5, 0xf1, 0x02, 0x60, 0x8c, 0x9e, 0xeb, 0xac};
	static const uint8_t shell[16] = {0xa6, 0x6a, 0x63, 0x28, 0x3d, 0x95, 0xd2, 0x11,
					  0xb5, 0xd6, 0x00, 0xc0, 0x4f, 0xd9, 0x18, 0xd0};
	uint32_t size;

	for (; view_u32le(v, 0, &size) && size >= 24 && size <= v.len; v = view_from(v, size)) {
		struct view storage = view_sub(v, 0, size), value;
		bool names = view_starts(view_from(storage, 8), format, 16);
		uint32_t n;

		if (!view_starts(view_from(storage, 4), "1SPS", 4) ||
		    (!names && !view_starts(view_from(storage, 8), shell, 16)))
			continue;
		for (value = view_from(storage, 24);
		     view_u32le(value, 0, &n) && n >= 13 && n <= value.len;
		     value = view_from(value, n)) {
			uint32_t id = view_get32(value, 4);
			uint16_t type = view_get16(value, 9);
			int64_t ts = type == 0x40 ? time_from_filetime(view_get64(value, 13))
						  : TIME_NONE;

			if (!names) {
				if (id == 30 && type == 0x1f) {
					item->name =
						string_at(a, view_sub(value, 0, n), 17, true, NULL);
					item->rooted = item->name[0] && item->name[1] == ':';
				}
				continue;
			}
			if (id == 10 && type == 0x1f && !item->rooted)
				item->name = string_at(a, view_sub(value, 0, n), 17, true, NULL);
			else if (id == 14)
				item->modified = ts;
			else if (id == 15)
				item->created = ts;
			else if (id == 16)
				item->accessed = ts;
		}
	}
}

static void read_item(struct shell_item *item, struct arena *a)
{
	struct view v = item->bytes;
	uint8_t type = view_get8(v, 2);
	uint32_t signature = view_get32(v, 6);
	const char *name;

	item->type = type;
	if (signature == 0x46534643) { /* "CFSF": a file entry behind a delegate header */
		file_entry(item, a, 12);
	} else if (type == 0x1f) {
		named_guid(item, a, 4);
		item->rooted = true;
	} else if ((type & 0x70) == 0x20) {
		if (type & 1) {
			item->name = string_at(a, v, 3, false, NULL);
			item->rooted = true;
		} else {
			named_guid(item, a, 4);
		}
		extensions(item, a, find_extension(v));
	} else if ((type & 0x70) == 0x30) {
		file_entry(item, a, 2);
	} else if ((type & 0x70) == 0x40) { /* network: flags, location, description, comments */
		item->name = string_at(a, v, 5, false, NULL);
		item->rooted = item->name[0] == '\\';
	} else if (type == 0x61) { /* URI: flags, size of the data part, [data], string */
		uint16_t data = view_get16(v, 4);

		item->name =
			string_at(a, v, data ? 8u + data - 2 : 6, view_get8(v, 3) & 0x80, NULL);
		if (!*item->name)
			item->name = string_at(a, v, 6u + data, view_get8(v, 3) & 0x80, NULL);
		item->rooted = true;
	} else if (type == 0x70 || type == 0x71) { /* control panel */
		named_guid(item, a, 14);
	} else if (signature == 0x10141981) { /* users property view of a file: properties behind an
						 identifier */
		properties(item, a,
			   view_clip(v, 14 + (size_t)view_get16(v, 12), view_get16(v, 10)));
	} else if (signature == 0x23febbee) { /* users property view: a known folder */
		named_guid(item, a, 14);
		extensions(item, a, find_extension(v));
	} else if (type == 0x01) { /* control panel category */
		static const char *const categories[] = {"All Control Panel Items",
							 "Appearance and Personalization",
							 "Hardware and Sound",
							 "Network and Internet",
							 "Sound, Speech and Audio Devices",
							 "System and Security",
							 "Clock, Language and Region",
							 "Ease of Access",
							 "Programs",
							 "User Accounts",
							 "Security Center",
							 "Mobile PC"};
		uint32_t n = view_get32(v, 8);

		item->name = n < sizeof(categories) / sizeof(categories[0])
				     ? categories[n]
				     : "Control Panel category";
	} else if (signature == 0x10312005 ||
		   signature == 0x07192006) { /* MTP device or file entry */
		uint32_t n = signature == 0x10312005 ? view_get32(v, 38) : view_get32(v, 62);
		size_t off = signature == 0x10312005 ? 54 : 74;
		struct buffer b = {0};

		text_utf16z(&b, view_clip(v, off, n < v.len ? 2 * (size_t)n : 0));
		item->name = keep(a, &b);
		if (signature == 0x07192006) {
			item->modified = time_from_filetime(view_get64(v, 26));
			item->created = time_from_filetime(view_get64(v, 34));
		}
	} else {
		size_t at = find_extension(v);

		extensions(item, a, at);
	}
	if (!*item->name && item->short_name)
		item->name = item->short_name;
	/* Items of other namespaces (network, control panel, ...) mostly keep a property store, behind heads of many kinds. */
	if (!*item->name) {
		size_t store = view_find(v, 0, "1SPS", 4);

		if (store >= 4 && store < v.len)
			properties(item, a, view_from(v, store - 4));
	}
	if (!*item->name && (name = arena_printf(a, "[item 0x%02x]", type)) != NULL)
		item->name = name;
}

bool shell_item_next(struct view *list, struct arena *a, struct shell_item *item)
{
	uint16_t size;

	*item = (struct shell_item){
		.name = "", .modified = TIME_NONE, .created = TIME_NONE, .accessed = TIME_NONE};
	if (!view_u16le(*list, 0, &size) || size < 3 || size > list->len)
		return false;
	item->bytes = view_sub(*list, 0, size);
	*list = view_from(*list, size);
	read_item(item, a);
	return true;
}

size_t shell_item_list_size(struct view v)
{
	size_t at = 0;
	uint16_t size;

	while (view_u16le(v, at, &size)) {
		if (size == 0)
			return at + 2;
		if (size > v.len - at)
			break;
		at += size;
	}
	return at;
}

const char *shell_item_join(struct arena *a, const char *path, const struct shell_item *item)
{
	size_t n = strlen(path);
	const char *joined;

	/* "My Computer" is only the way to a drive, and "Control Panel" stays what it is. */
	if (n == 0 || (item->rooted && item->type != 0x1f))
		return item->name;
	joined = arena_printf(a, path[n - 1] == '\\' ? "%s%s" : "%s\\%s", path, item->name);
	return joined ? joined : path;
}

/* Items of a list: a path of LIMIT_PATH bytes has no more. */
#define ITEMS_MAX 1024

const char *shell_item_path_last(struct view list, struct arena *a, struct shell_item *last)
{
	struct shell_item item;
	struct buffer b = {0};
	unsigned n = 0;

	if (last)
		*last = (struct shell_item){.name = "",
					    .modified = TIME_NONE,
					    .created = TIME_NONE,
					    .accessed = TIME_NONE};
	while (n++ < ITEMS_MAX && shell_item_next(&list, a, &item)) {
		if (item.rooted && item.type != 0x1f)
			b.len = 0;
		else if (b.len && b.data[b.len - 1] != '\\')
			buffer_char(&b, '\\');
		if (b.len + strlen(item.name) > LIMIT_PATH)
			break;
		buffer_string(&b, item.name);
		if (last)
			*last = item;
	}
	return keep(a, &b);
}

const char *shell_item_path(struct view list, struct arena *a)
{
	return shell_item_path_last(list, a, NULL);
}
