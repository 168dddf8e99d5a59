/*
 * Whose collection it is, and what its members were called on the host they came from: our bundle,
 * Velociraptor, KAPE, UAC, acquire, CyLR, DFIR-ORC, a root of a system, or just files.
 */
#include "base/bundle_format.h"
#include "evidence/internal.h"

#include "base/memory.h"
#include "base/text.h"

#include <ctype.h>
#include <jansson.h>
#include <stdlib.h>
#include <strings.h>

/* Entries that we keep of manifests, and of names: a full collection of a server has under a
 * million. */
#define ENTRIES_MAX 4000000u

struct entry {
	char *member; /* key: name in the collection */
	char *path;   /* original, or NULL */
	char *sha256, *error, *host;
	int64_t mtime;
	uint64_t size;
	bool listed;  /* by a manifest */
	bool seen;    /* as a member */
	bool missing; /* listed as not taken */
};

struct layout {
	enum layout_kind kind;
	char *input; /* file name of the input */
	char *host;
	unsigned host_rank; /* see set_host */
	char *manifest_text;
	struct entry *entries;
	size_t count, cap;
	uint32_t *slots; /* index + 1 by hash of the member */
	size_t mask;
	struct buffer path;
	bool manifest, uploads, uploads_json, live, files, copylog, root, fs, drive, uac, orc, etc,
		windows, metadata;
};

static const struct {
	const char *text;
} kinds[] = {
	[LAYOUT_PLAIN] = {"files"},
	[LAYOUT_ROOT] = {"file tree"},
	[LAYOUT_BUNDLE] = {"bundle"},
	[LAYOUT_VELOCIRAPTOR] = {"Velociraptor collection"},
	[LAYOUT_KAPE] = {"KAPE collection"},
	[LAYOUT_UAC] = {"UAC collection"},
	[LAYOUT_ACQUIRE] = {"acquire collection"},
	[LAYOUT_CYLR] = {"CyLR collection"},
	[LAYOUT_ORC] = {"DFIR-ORC collection"},
};

struct layout *layout_new(const char *input_name)
{
	struct layout *l = xcalloc(1, sizeof(*l));

	l->input = xstrdup(input_name);
	l->mask = 1023;
	l->slots = xcalloc(l->mask + 1, sizeof(*l->slots));
	return l;
}

void layout_free(struct layout *l)
{
	if (!l)
		return;
	for (size_t i = 0; i < l->count; i++) {
		free(l->entries[i].member);
		free(l->entries[i].path);
		free(l->entries[i].sha256);
		free(l->entries[i].error);
		free(l->entries[i].host);
	}
	free(l->entries);
	free(l->slots);
	free(l->input);
	free(l->host);
	free(l->manifest_text);
	buffer_release(&l->path);
	free(l);
}

static uint64_t hash(const char *s)
{
	uint64_t h = UINT64_C(0xcbf29ce484222325);

	for (; *s; s++)
		h = (h ^ (uint8_t)*s) * UINT64_C(0x100000001b3);
	return h ^ h >> 29;
}

static struct entry *find(const struct layout *l, const char *member)
{
	for (size_t at = hash(member) & l->mask; l->slots[at]; at = (at + 1) & l->mask)
		if (strcmp(l->entries[l->slots[at] - 1].member, member) == 0)
			return &l->entries[l->slots[at] - 1];
	return NULL;
}

static struct entry *add(struct layout *l, const char *member)
{
	struct entry *e = find(l, member);
	size_t at;

	if (e || l->count >= ENTRIES_MAX)
		return e;
	if ((l->count + 1) * 2 > l->mask) {
		free(l->slots);
		l->mask = l->mask * 2 + 1;
		l->slots = xcalloc(l->mask + 1, sizeof(*l->slots));
		for (size_t i = 0; i < l->count; i++) {
			for (at = hash(l->entries[i].member) & l->mask; l->slots[at];
			     at = (at + 1) & l->mask)
				;
			l->slots[at] = (uint32_t)i + 1;
		}
	}
	l->entries = xgrow(l->entries, &l->cap, l->count + 1, sizeof(*l->entries));
	e = &l->entries[l->count++];
	*e = (struct entry){.member = xstrdup(member), .mtime = TIME_NONE, .size = UINT64_MAX};
	for (at = hash(member) & l->mask; l->slots[at]; at = (at + 1) & l->mask)
		;
	l->slots[at] = (uint32_t)l->count;
	return e;
}

bool layout_has(const struct layout *l, const char *name)
{
	const struct entry *e = find(l, name);

	return e && e->seen;
}

static bool begins(const char *s, const char *with)
{
	return strncmp(s, with, strlen(with)) == 0;
}

static bool ends(const char *s, const char *with)
{
	size_t n = strlen(s), w = strlen(with);

	return n >= w && strcasecmp(s + n - w, with) == 0;
}

static const char *last_part(const char *name)
{
	const char *slash = strrchr(name, '/');

	return slash ? slash + 1 : name;
}

/* "C/", "d/" at the front: a drive that lost its colon. */
static bool is_drive(const char *name)
{
	return isalpha((unsigned char)name[0]) && name[1] == '/';
}

bool layout_name(struct layout *l, const char *name)
{
	struct entry *e = add(l, name);
	const char *last = last_part(name);
	/* Some tools put everything into one folder named after the host. */
	const char *inner = strchr(name, '/');

	inner = inner ? inner + 1 : name;
	if (e)
		e->seen = true;
	if (begins(name, "uploads/"))
		l->uploads = true;
	if (begins(name, "files/"))
		l->files = true;
	if (begins(name, "live/"))
		l->live = true;
	if (begins(name, "[root]/") || begins(inner, "[root]/"))
		l->root = true;
	if (begins(name, "fs/") || begins(inner, "fs/"))
		l->fs = true;
	if (begins(name, "$metadata$/") || begins(inner, "$metadata$/"))
		l->metadata = true;
	if (strcmp(last, "uac.log") == 0)
		l->uac = true;
	if (begins(name, "etc/"))
		l->etc = true;
	if (begins(name, "Windows/") || begins(name, "WINDOWS/"))
		l->windows = true;
	if (is_drive(name) &&
	    (strncasecmp(name + 2, "Windows/", 8) == 0 || strncasecmp(name + 2, "Users/", 6) == 0 ||
	     strncasecmp(name + 2, "ProgramData/", 12) == 0 || name[2] == '$'))
		l->drive = true;
	if (strcmp(name, "manifest.jsonl") == 0 || strcmp(name, "manifest.json") == 0)
		return l->manifest = true;
	if (strcmp(name, "uploads.json") == 0)
		return l->uploads_json = true;
	if (ends(name, "_copylog.csv"))
		return l->copylog = true;
	if (strcasecmp(last, "GetThis.csv") == 0)
		return l->orc = true;
	return strcmp(last, "client_info.json") == 0 || ends(name, "etc/hostname");
}

static char *text_of(json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));

	return text ? xstrdup(text) : NULL;
}

/*
 * Who says the host's name, the more trusted the lower: what the collector wrote, then a hostname
 * file, the nearer to the top the better, then the input's own name. A planted /tmp/x/etc/hostname
 * must not rename the machine.
 */
enum { BY_COLLECTOR = 0, BY_FILE = 1, BY_NAME = UINT16_MAX };

static unsigned depth_of(const char *name)
{
	unsigned n = 0;

	for (; *name; name++)
		n += *name == '/';
	return n;
}

static void set_host(struct layout *l, const char *name, size_t n, unsigned rank)
{
	struct buffer b = {0};

	while (n && strchr(" \t\r\n", name[n - 1]))
		n--;
	if (n == 0 || n > 255 || (l->host && l->host_rank <= rank))
		return;
	free(l->host);
	l->host_rank = rank;
	text_utf8(&b, view_of(name, n));
	l->host = xmemdup0(b.data, b.len);
	buffer_release(&b);
}

static int64_t time_of(json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));
	int64_t ts;
	bool zoned;

	return text && time_parse_iso(view_text(text), &ts, &zoned, NULL) ? ts : TIME_NONE;
}

static json_t *parse_line(struct view line)
{
	return json_loadb((const char *)line.data, line.len,
			  JSON_DISABLE_EOF_CHECK | JSON_REJECT_DUPLICATES, NULL);
}

/* A line of our manifest. */
static void manifest_line(struct layout *l, struct view line)
{
	json_t *o = parse_line(line);
	const char *member = json_string_value(json_object_get(o, "member")),
		   *path = json_string_value(json_object_get(o, "path"));
	json_t *size = json_object_get(o, "size");
	struct entry *e;

	if (o && (member || path)) {
		char *key = member ? NULL : xasprintf("\1%s", path); /* not taken: no member */

		e = add(l, member ? member : key);
		if (e && !e->listed) {
			e->listed = true;
			/* Content that another member has is not missing. */
			e->missing = !member && !json_object_get(o, "same_as");
			e->path = text_of(o, "path");
			e->sha256 = text_of(o, "sha256");
			e->error = text_of(o, "error");
			e->mtime = time_of(o, "mtime");
			if (json_is_integer(size) && json_integer_value(size) >= 0)
				e->size = (uint64_t)json_integer_value(size);
		}
		free(key);
	}
	json_decref(o);
}

/* Velociraptor's list: vfs_path is the original, _Components where it lies. */
static void uploads_line(struct layout *l, struct view line)
{
	json_t *o = parse_line(line), *components = json_object_get(o, "_Components");
	const char *original = json_string_value(json_object_get(o, "vfs_path")),
		   *type = json_string_value(json_object_get(o, "Type"));
	struct buffer member = {0};
	struct entry *e;

	if (original && json_array_size(components) && !(type && strcmp(type, "idx") == 0)) {
		for (size_t i = 0; i < json_array_size(components); i++) {
			const char *part = json_string_value(json_array_get(components, i));

			buffer_printf(&member, "%s%s", i ? "/" : "", part ? part : "");
		}
		e = add(l, buffer_text(&member));
		if (e && !e->listed) {
			e->listed = true;
			e->path = xstrdup(original);
		}
	}
	buffer_release(&member);
	json_decref(o);
}

/* Takes a row of CSV (RFC 4180) off the text; the cells are NUL-terminated in `cells`. Quotes may
 * hold line breaks. */
#define CSV_COLUMNS 64
static size_t csv_row(struct view *rest, struct buffer *text, const char *cells[CSV_COLUMNS])
{
	size_t starts[CSV_COLUMNS], n = 0, at = 0;
	bool quoted = false, ended = false;

	text->len = 0;
	if (rest->len == 0)
		return 0;
	starts[n++] = 0;
	for (; at < rest->len && !ended; at++) {
		char c = (char)rest->data[at];

		if (quoted && c == '"' && at + 1 < rest->len && rest->data[at + 1] == '"') {
			buffer_char(text, '"');
			at++;
		} else if (c == '"') {
			quoted = !quoted;
		} else if (c == ',' && !quoted) {
			buffer_char(text, 0);
			if (n < CSV_COLUMNS)
				starts[n++] = text->len;
		} else if (c == '\n' && !quoted) {
			ended = true;
		} else if (c != '\r' || quoted) {
			buffer_char(text, c);
		}
	}
	buffer_char(text, 0);
	*rest = view_from(*rest, at);
	for (size_t i = 0; i < n; i++)
		cells[i] = text->data + starts[i];
	return n;
}

static int column(const char *const *cells, size_t n, const char *name)
{
	for (size_t i = 0; i < n; i++)
		if (strcasecmp(cells[i], name) == 0)
			return (int)i;
	return -1;
}

static const char *cell(const char *const *cells, size_t n, int at)
{
	return at >= 0 && (size_t)at < n && cells[at][0] ? cells[at] : NULL;
}

static void slashes(char *s)
{
	for (; *s; s++)
		if (*s == '\\')
			*s = '/';
}

/* KAPE's copy log and ORC's GetThis: original name and times of each copy. */
static void csv_list(struct layout *l, const char *name, struct view text, bool orc)
{
	const char *cells[CSV_COLUMNS];
	struct buffer row = {0};
	int source, target, mtime, host;
	size_t n;

	if (view_starts(text, "\xef\xbb\xbf", 3))
		text = view_from(text, 3);
	n = csv_row(&text, &row, cells);
	source = column(cells, n, orc ? "FullName" : "SourceFile");
	target = column(cells, n, orc ? "SampleName" : "DestinationFile");
	mtime = column(cells, n, orc ? "LastModificationDate" : "ModifiedOnUtc");
	host = column(cells, n, "ComputerName");
	while (source >= 0 && target >= 0 && (n = csv_row(&text, &row, cells)) > 0) {
		const char *from = cell(cells, n, source), *to = cell(cells, n, target),
			   *time = cell(cells, n, mtime);
		char *key;
		struct entry *e;
		bool zoned;

		if (orc && cell(cells, n, host))
			set_host(l, cell(cells, n, host), strlen(cell(cells, n, host)),
				 BY_COLLECTOR);
		if (!from || !to)
			continue;
		key = xstrdup(to);
		slashes(key);
		if (orc) {
			char *whole = xasprintf("%.*s%s", (int)(last_part(name) - name), name, key);

			free(key);
			key = whole;
		} else {
			/* the destination is a path of the analyst's machine: from the drive's
			 * folder on, it is ours */
			for (char *at = key; (at = strchr(at, '/')); at++)
				if (is_drive(at + 1) && find(l, at + 1)) {
					memmove(key, at + 1, strlen(at + 1) + 1);
					break;
				}
		}
		e = add(l, key);
		if (e && !e->listed) {
			e->listed = true;
			e->path = xstrdup(from);
			slashes(e->path);
			if (orc && begins(e->path, "/")) {
				char *drive = xasprintf("C:%s", e->path);

				free(e->path);
				e->path = drive;
			}
			if (time && !time_parse_iso(view_text(time), &e->mtime, &zoned, NULL))
				e->mtime = TIME_NONE;
		}
		free(key);
	}
	buffer_release(&row);
}

void layout_read(struct layout *l, const char *name, struct view content)
{
	const char *last = last_part(name);
	struct view line;

	if (strcmp(name, "manifest.jsonl") == 0) {
		while (view_line(&content, &line))
			manifest_line(l, line);
	} else if (strcmp(name, "manifest.json") == 0) {
		json_t *o = parse_line(content), *host = json_object_get(o, "host");
		const char *text = json_string_value(host);

		if (!text)
			text = json_string_value(json_object_get(host, "name"));
		if (!text)
			text = json_string_value(json_object_get(host, "hostname"));
		if (text)
			set_host(l, text, strlen(text), BY_COLLECTOR);
		if (o && content.len <= 32768 && !l->manifest_text)
			l->manifest_text = xmemdup0(content.data, content.len);
		json_decref(o);
	} else if (strcmp(name, "uploads.json") == 0) {
		while (view_line(&content, &line))
			uploads_line(l, line);
	} else if (strcmp(last, "client_info.json") == 0) {
		json_t *o = parse_line(content);
		json_t *inner = json_is_array(o) ? json_array_get(o, 0) : o;
		const char *text = json_string_value(json_object_get(inner, "Hostname"));

		if (!text)
			text = json_string_value(
				json_object_get(json_object_get(inner, "os_info"), "hostname"));
		if (text)
			set_host(l, text, strlen(text), BY_COLLECTOR);
		json_decref(o);
	} else if (ends(name, "_copylog.csv")) {
		csv_list(l, name, content, false);
	} else if (strcasecmp(last, "GetThis.csv") == 0) {
		csv_list(l, name, content, true);
	} else if (strcmp(last, "hostname") == 0 && view_line(&content, &line)) {
		set_host(l, (const char *)line.data, line.len, BY_FILE + depth_of(name));
	}
}

/* "uac-HOST-linux-20260102030405.tar.gz", "Collection-HOST-2026-01-02T...",
 * "HOST-20260102T030405Z.tar.zst", "HOST_20260102030405.tar", "HOST.zip". */
static void host_of_name(struct layout *l)
{
	const char *name = l->input, *end;

	switch (l->kind) {
	case LAYOUT_UAC:
		if (!begins(name, "uac-"))
			return;
		name += 4;
		end = strstr(name, "-linux-");
		break;
	case LAYOUT_VELOCIRAPTOR:
		if (!begins(name, "Collection-"))
			return;
		name += 11;
		for (end = name; *end; end++)
			if (*end == '-' && isdigit((unsigned char)end[1]) &&
			    isdigit((unsigned char)end[2]) && isdigit((unsigned char)end[3]) &&
			    isdigit((unsigned char)end[4]) && end[5] == '-')
				break;
		end = *end ? end : NULL;
		break;
	case LAYOUT_BUNDLE:
		for (end = name + strlen(name); end > name; end--)
			if (*end == '-' && strlen(end) > 16 && end[9] == 'T' && end[16] == 'Z')
				break;
		break;
	case LAYOUT_ACQUIRE:
		end = strrchr(name, '_');
		break;
	case LAYOUT_CYLR:
		end = strstr(name, ".zip");
		break;
	default:
		return;
	}
	if (end && end > name)
		set_host(l, name, (size_t)(end - name), BY_NAME);
}

void layout_decide(struct layout *l)
{
	if (l->manifest && (l->files || l->live))
		l->kind = LAYOUT_BUNDLE;
	else if (l->uploads && (l->uploads_json || !l->etc))
		l->kind = LAYOUT_VELOCIRAPTOR;
	else if (l->uac && l->root)
		l->kind = LAYOUT_UAC;
	else if (l->fs && (l->metadata || !l->etc))
		l->kind = LAYOUT_ACQUIRE;
	else if (l->orc)
		l->kind = LAYOUT_ORC;
	else if (l->copylog)
		l->kind = LAYOUT_KAPE;
	else if (l->live && (l->files || find(l, "live/processes.jsonl")))
		l->kind = LAYOUT_BUNDLE; /* cut before its manifest */
	else if (l->root)
		l->kind = LAYOUT_UAC;
	else if (l->drive)
		l->kind = ends(l->input, ".zip") ? LAYOUT_CYLR : LAYOUT_KAPE;
	else if (l->files && ends(l->input, "Z.tar.zst"))
		l->kind = LAYOUT_BUNDLE;
	else if (l->windows || l->etc)
		l->kind = LAYOUT_ROOT;
	if (!l->host)
		host_of_name(l);
}

enum layout_kind layout_kind(const struct layout *l)
{
	return l->kind;
}

const char *layout_text(const struct layout *l)
{
	return kinds[l->kind].text;
}

const char *layout_host(const struct layout *l)
{
	return l->host;
}

const char *layout_manifest(const struct layout *l)
{
	return l->manifest_text;
}

/* Appends with %XX decoded; a NUL is left encoded. */
static void decode(struct buffer *out, const char *s)
{
	for (; *s; s++) {
		if (*s == '%' && isxdigit((unsigned char)s[1]) && isxdigit((unsigned char)s[2])) {
			char pair[3] = {s[1], s[2], 0};
			long c = strtol(pair, NULL, 16);

			if (c) {
				buffer_char(out, (char)c);
				s += 2;
				continue;
			}
		}
		buffer_char(out, *s);
	}
}

/* A Windows path in any of its spellings: C:/Users/x. */
static void windows_path(struct buffer *out, const char *s)
{
	static const char *const prefixes[] = {"\\\\.\\", "\\\\?\\", "//./", "//?/"};

	for (size_t i = 0; i < 4; i++)
		if (begins(s, prefixes[i]) &&
		    (isalpha((unsigned char)s[4]) || begins(s + 4, "GLOBALROOT"))) {
			s += 4;
			break;
		}
	if (begins(s, "GLOBALROOT\\Device\\") || begins(s, "GLOBALROOT/Device/"))
		s += 18;
	for (; *s; s++)
		buffer_char(out, *s == '\\' ? '/' : *s);
}

/* "C:\\x", "\\\\?\\x": in a path of Linux a backslash is a letter like others. */
static bool is_windows(const char *s)
{
	return begins(s, "\\\\") || (isalpha((unsigned char)s[0]) && s[1] == ':' && s[2] == '\\');
}

bool layout_map(struct layout *l, const char *name, struct item *item)
{
	const struct entry *e = find(l, name);
	struct buffer *path = &l->path;
	const char *at;

	path->len = 0;
	item->host = l->host;
	if (e && e->listed) {
		if (e->mtime != TIME_NONE)
			item->mtime = e->mtime;
		item->sha256 = e->sha256;
		if (e->error)
			item->error = e->error;
		if (e->host)
			item->host = e->host;
	}
	switch (l->kind) {
	case LAYOUT_BUNDLE:
		if (bundle_own_member(name))
			return false;
		if (e && e->path && is_windows(e->path)) {
			windows_path(path, e->path);
		} else if (e && e->path) {
			buffer_string(path, e->path);
		} else if (begins(name, "files/")) { /* cut before the manifest */
			struct buffer decoded = {0};

			decode(&decoded, name + 6);
			if (begins(buffer_text(&decoded), "VSS") && strchr(decoded.data, '/') &&
			    is_drive(strchr(decoded.data, '/') + 1))
				buffer_printf(path, "HarddiskVolumeShadowCopy%.*s%s",
					      (int)strcspn(decoded.data + 3, "/"), decoded.data + 3,
					      strchr(decoded.data, '/') + 2);
			else if (decoded.len > 1 && isupper((unsigned char)decoded.data[0]) &&
				 decoded.data[1] == '/')
				buffer_printf(path, "%c:%s", decoded.data[0],
					      buffer_text(&decoded) + 1);
			else
				buffer_printf(path, "/%s", buffer_text(&decoded));
			buffer_release(&decoded);
		}
		break;
	case LAYOUT_VELOCIRAPTOR:
		if (strcmp(name, "uploads.json") == 0 || strcmp(name, "client_info.json") == 0 ||
		    ends(name, ".idx") || strcmp(name, "collection_context.json") == 0 ||
		    ends(name, ".index"))
			return false;
		if (e && e->path) {
			windows_path(path, e->path);
		} else if (begins(name, "uploads/") && (at = strchr(name + 8, '/'))) {
			struct buffer decoded = {0};

			decode(&decoded, at + 1);
			windows_path(path, buffer_text(&decoded));
			if (path->len < 2 ||
			    (path->data[1] != ':' && memchr(path->data, '/', path->len) &&
			     !begins(buffer_text(path), "Harddisk"))) {
				struct buffer rooted = {0};

				buffer_printf(&rooted, "/%s", buffer_text(path));
				buffer_release(path);
				*path = rooted;
			}
			buffer_release(&decoded);
		}
		break;
	case LAYOUT_KAPE:
	case LAYOUT_CYLR:
		if (ends(name, "_copylog.csv") || ends(name, "_skiplog.csv") ||
		    ends(name, "_ConsoleLog.txt"))
			return false;
		if (e && e->path)
			buffer_string(path, e->path);
		else if (is_drive(name))
			buffer_printf(path, "%c:%s", toupper((unsigned char)name[0]), name + 1);
		else
			buffer_string(path, name);
		/* alternate streams under names that a file may have */
		if (path->len > 11 && ends(buffer_text(path), "/$Extend/$J")) {
			path->len -= 2;
			buffer_string(path, "$UsnJrnl:$J");
		} else if (path->len > 13 && ends(buffer_text(path), "/$Extend/$Max")) {
			path->len -= 4;
			buffer_string(path, "$UsnJrnl:$Max");
		} else if (ends(buffer_text(path), "/$Secure_$SDS")) {
			path->len -= 5;
			buffer_string(path, ":$SDS");
		}
		break;
	case LAYOUT_UAC:
		at = strstr(name, "[root]/");
		if (at && (at == name || at[-1] == '/'))
			buffer_string(path, at + 6);
		break;
	case LAYOUT_ACQUIRE:
		at = begins(name, "fs/")    ? name + 3
		     : strstr(name, "/fs/") ? strstr(name, "/fs/") + 4
					    : NULL;
		if (at && begins(at, "$rootfs$/"))
			buffer_string(path, at + 8);
		else if (at && begins(at, "sysvol/"))
			buffer_printf(path, "C:/%s", at + 7);
		else if (at && isalpha((unsigned char)at[0]) && at[1] == ':')
			buffer_printf(path, "%c%s", toupper((unsigned char)at[0]), at + 1);
		else if (at && isalpha((unsigned char)at[0]) && at[1] == '/')
			buffer_printf(path, "%c:%s", toupper((unsigned char)at[0]), at + 1);
		else if (at)
			buffer_printf(path, "/%s", at);
		break;
	case LAYOUT_ORC:
		if (e && e->path)
			buffer_string(path, e->path);
		break;
	case LAYOUT_ROOT:
		buffer_printf(path, "%s%s", l->windows && !l->etc ? "C:/" : "/", name);
		break;
	case LAYOUT_PLAIN:
		break;
	}
	if (path->len == 0)
		buffer_string(path, name);
	item->path = buffer_text(path);
	return true;
}

int layout_missing(struct layout *l,
		   int (*fn)(void *data, struct evidence *e, const struct item *item), void *data,
		   struct evidence *e)
{
	int status = OK;

	for (size_t i = 0; status == OK && l->kind == LAYOUT_BUNDLE && i < l->count; i++) {
		const struct entry *entry = &l->entries[i];
		struct item item = {.path = entry->path,
				    .host = l->host,
				    .mtime = entry->mtime,
				    .size = entry->size,
				    .unreadable = true,
				    .error = entry->error};

		if (!entry->missing || !entry->path)
			continue;
		if (is_windows(entry->path)) {
			l->path.len = 0;
			windows_path(&l->path, entry->path);
			item.path = buffer_text(&l->path);
		}
		status = fn(data, e, &item);
	}
	return status;
}
