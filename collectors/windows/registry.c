#include "collectors/windows/registry.h"

#include <sddl.h>
#include <stdlib.h>

#include "base/text.h"
#include "collectors/lines.h"

#define DATA_MAX (4u << 20) /* of a value; the hive's parser stops there, too */

struct live_key {
	HKEY handle;
	char *path;
	FILETIME written;
	DWORD values, value_name_max, data_max;
	struct live_key *next; /* of those to be closed with the key at hand */
};

/* Names as the registry keeps them: a pattern has its own upper and lower case. */
struct true_name {
	char *parent, *name;
};

struct live_registry {
	struct place_reader reader;
	struct step *step;
	struct arena arena;
	HKEY root;
	const char *prefix, *user;
	struct live_key *opened;
	void (*found)(struct step *s, const struct live_entry *e, void *data);
	void *data;
	struct true_name *names;
	size_t name_count, name_cap;
	unsigned denied; /* keys that are not ours to read */
	char *first_denied;
};

/* ---- keys ---- */

static struct live_key *open_at(HKEY parent, const char *name, char *path)
{
	struct live_key *k = xcalloc(1, sizeof(*k));
	wchar_t *wide = wide_of(name);
	LONG status = RegOpenKeyExW(parent, wide, 0, KEY_READ | KEY_WOW64_64KEY, &k->handle);

	free(wide);
	if (status == ERROR_SUCCESS)
		status = RegQueryInfoKeyW(k->handle, NULL, NULL, NULL, NULL, NULL, NULL, &k->values,
					  &k->value_name_max, &k->data_max, NULL, &k->written);
	else
		k->handle = NULL;
	if (status != ERROR_SUCCESS) {
		if (k->handle)
			(void)RegCloseKey(k->handle);
		free(path);
		free(k);
		SetLastError((DWORD)status);
		return NULL;
	}
	k->path = path;
	return k;
}

static void close_key(struct live_key *k)
{
	(void)RegCloseKey(k->handle);
	free(k->path);
	free(k);
}

/* ---- what a place asks ---- */

static struct live_registry *of(struct place_reader *r)
{
	return (struct live_registry *)r;
}

static uint32_t count(struct place_reader *r, const void *key)
{
	(void)r;
	return ((const struct live_key *)key)->values;
}

static bool take_value(struct place_reader *r, const char *name, DWORD type, const BYTE *data,
		       DWORD size, struct place_value *out)
{
	void *kept = arena_alloc(r->arena, (size_t)size + 1);

	if (!kept || !name)
		return false;
	memcpy(kept, data, size);
	*out = (struct place_value){name, type, view_of(kept, size), size};
	return true;
}

static bool value(struct place_reader *r, const void *key, uint32_t i, struct place_value *out)
{
	const struct live_key *k = key;
	/* They may have grown since they were measured; 16383 units is the most of a name. */
	DWORD units = 16384, size = (k->data_max < DATA_MAX ? k->data_max : DATA_MAX) + 4096, type;
	wchar_t *name = xcalloc(units, sizeof(*name));
	BYTE *data = xmalloc(size);
	bool ok = RegEnumValueW(k->handle, i, name, &units, NULL, &type, data, &size) ==
		  ERROR_SUCCESS;

	if (ok) {
		char *utf8 = utf8_of_n(name, units);

		ok = take_value(r, arena_strndup(r->arena, utf8, strlen(utf8)), type, data, size,
				out);
		free(utf8);
	}
	free(name);
	free(data);
	return ok;
}

static bool find(struct place_reader *r, const void *key, const char *name, struct place_value *out)
{
	const struct live_key *k = key;
	DWORD size = (k->data_max < DATA_MAX ? k->data_max : DATA_MAX) + 4096, type;
	wchar_t *wide = wide_of(name);
	BYTE *data = xmalloc(size);
	bool ok = RegQueryValueExW(k->handle, wide, NULL, &type, data, &size) == ERROR_SUCCESS &&
		  take_value(r, arena_strndup(r->arena, name, strlen(name)), type, data, size, out);

	free(wide);
	free(data);
	return ok;
}

static const void *open_below(struct place_reader *r, const void *key, const char *path)
{
	struct live_registry *l = of(r);
	const struct live_key *k = key;
	struct live_key *opened = open_at(k ? k->handle : l->root, path,
					  xasprintf("%s\\%s", k ? k->path : l->prefix, path));

	if (opened) {
		opened->next = l->opened;
		l->opened = opened;
	}
	return opened;
}

static const char *path_of(struct place_reader *r, const void *key)
{
	(void)r;
	return ((const struct live_key *)key)->path;
}

static int found(struct place_reader *r, const void *key, const struct persistence *e)
{
	struct live_registry *l = of(r);
	const struct live_key *k = key;
	const struct live_entry entry = {e, k->path, l->user, time_of_filetime(k->written), r, key};

	l->found(l->step, &entry, l->data);
	return step_over(l->step) ? -1 : 0;
}

/* ---- the walk ---- */

/* The name that a key has under its parent, by any of its spellings. In the arena of nobody: kept. */
static const char *true_name(struct live_registry *l, const struct live_key *parent,
			     const char *name)
{
	wchar_t wide[300];
	struct true_name *t;

	for (size_t i = 0; i < l->name_count; i++)
		if (strcmp(l->names[i].parent, parent->path) == 0 &&
		    _stricmp(l->names[i].name, name) == 0)
			return l->names[i].name;
	for (DWORD i = 0, n = 300;
	     RegEnumKeyExW(parent->handle, i, wide, &n, NULL, NULL, NULL, NULL) == ERROR_SUCCESS;
	     i++, n = 300) {
		char *own = utf8_of_n(wide, n);

		if (_stricmp(own, name) != 0) {
			free(own);
			continue;
		}
		l->names = xgrow(l->names, &l->name_cap, l->name_count + 1, sizeof(*l->names));
		t = &l->names[l->name_count++];
		t->parent = xstrdup(parent->path);
		return t->name = own;
	}
	return NULL;
}

static void at_key(struct live_registry *l, const struct place *p, struct live_key *k)
{
	(void)p->fn(&l->reader, k, p);
	while (l->opened) {
		struct live_key *next = l->opened->next;

		close_key(l->opened);
		l->opened = next;
	}
	arena_reset(&l->arena);
}

/* A key that could not be opened: absent, or shut. */
static void not_opened(struct live_registry *l, const struct live_key *parent, const char *name)
{
	if (GetLastError() != ERROR_ACCESS_DENIED)
		return;
	if (l->denied++ == 0)
		l->first_denied = xasprintf("%s\\%s", parent->path, name);
}

static void walk(struct live_registry *l, const struct place *p, struct live_key *k,
		 const char *pattern, unsigned depth)
{
	size_t n = strcspn(pattern, "\\");
	const char *rest = pattern + n + (pattern[n] == '\\'), *name;
	char *part;
	struct live_key *child;

	if (!*pattern) {
		at_key(l, p, k);
		return;
	}
	if (depth > 64 || step_over(l->step))
		return;
	part = xmemdup0(pattern, n);
	if (!strpbrk(part, "*?")) {
		/* Most are not there: the look at all the names is for those that are. */
		child = open_at(k->handle, part, xasprintf("%s\\%s", k->path, part));
		if (!child)
			not_opened(l, k, part);
		name = child ? true_name(l, k, part) : NULL;
		if (name && strcmp(name, part) != 0) {
			free(child->path);
			child->path = xasprintf("%s\\%s", k->path, name);
		}
		if (child) {
			walk(l, p, child, rest, depth + 1);
			close_key(child);
		}
	} else {
		wchar_t wide[300];

		for (DWORD i = 0, units = 300;
		     !step_over(l->step) && RegEnumKeyExW(k->handle, i, wide, &units, NULL, NULL,
							  NULL, NULL) == ERROR_SUCCESS;
		     i++, units = 300) {
			char *own = utf8_of_n(wide, units);

			child = NULL;
			if (view_glob(view_text(own), part)) {
				child = open_at(k->handle, own, xasprintf("%s\\%s", k->path, own));
				if (!child)
					not_opened(l, k, own);
			}
			if (child) {
				walk(l, p, child, rest, depth + 1);
				close_key(child);
			}
			free(own);
		}
	}
	free(part);
}

/* The control set that runs, as the hive has it: "ControlSet001". Where there is only the link
 * (Wine), that. */
static char *control_set(void)
{
	char *n = registry_read(HKEY_LOCAL_MACHINE, L"SYSTEM\\Select", L"Current"),
	     *name = xasprintf("ControlSet%03u", n ? (unsigned)strtoul(n, NULL, 10) : 1),
	     *path = xasprintf("SYSTEM\\%s", name);
	struct live_key *k = open_at(HKEY_LOCAL_MACHINE, path, path);

	if (k) {
		close_key(k);
	} else {
		free(name);
		name = xstrdup("CurrentControlSet");
	}
	free(n);
	return name;
}

static void one_hive(struct live_registry *l, unsigned on, HKEY parent, const char *name,
		     const char *prefix, const char *user, bool (*wanted)(const struct place *p))
{
	struct live_key *root = open_at(parent, name, xstrdup(prefix));
	char *set = on == ON_SYSTEM ? control_set() : NULL;

	if (!root) {
		step_failed(l->step, "%s: %s", prefix, windows_error(GetLastError()));
		free(set);
		return;
	}
	l->root = root->handle;
	l->prefix = prefix;
	l->user = user;
	for (const struct place *p = persistence_places; p->pattern && !step_over(l->step); p++) {
		const char *rest, *const *before;

		if (!(p->on & on) || !wanted(p))
			continue;
		before = place_prefixes(on, p->pattern, &rest);
		/* A user's classes are a hive of their own, linked into his Software. */
		if (on == ON_USER && p->pattern[0] == '^')
			continue;
		for (; *before; before++) {
			bool sets = set && strncmp(rest, "ControlSet*", 11) == 0;
			char *pattern = sets ? xasprintf("%s%s", set, rest + 11)
					     : xasprintf("%s%s", *before, rest);

			walk(l, p, root, pattern, 0);
			free(pattern);
		}
	}
	free(set);
	close_key(root);
}

/* The name that the parser of a user's hive gives him: his folder's. */
char *windows_hive_user(const char *sid)
{
	wchar_t *wide = wide_of(sid), path[400];
	char *raw, *user = NULL, *slash;
	PSID id = NULL;

	(void)_snwprintf(path, 399,
			 L"SOFTWARE\\Microsoft\\Windows NT\\CurrentVersion\\ProfileList\\%ls",
			 wide);
	path[399] = L'\0';
	if (_stricmp(sid, ".DEFAULT") == 0)
		user = xstrdup("SYSTEM");
	else if (strcmp(sid, "S-1-5-19") == 0)
		user = xstrdup("LOCAL SERVICE");
	else if (strcmp(sid, "S-1-5-20") == 0)
		user = xstrdup("NETWORK SERVICE");
	else if ((raw = registry_read(HKEY_LOCAL_MACHINE, path, L"ProfileImagePath"))) {
		slash = strrchr(raw, '\\');
		user = xstrdup(slash ? slash + 1 : raw);
		free(raw);
	} else if (ConvertStringSidToSidW(wide, &id)) {
		raw = account_of_sid(id);
		slash = raw ? strrchr(raw, '\\') : NULL;
		user = raw ? xstrdup(slash ? slash + 1 : raw) : NULL;
		free(raw);
		(void)LocalFree(id);
	}
	free(wide);
	return user ? user : xstrdup(sid);
}

void live_places(struct step *s, bool (*wanted)(const struct place *p),
		 void (*fn)(struct step *s, const struct live_entry *e, void *data), void *data)
{
	struct live_registry *l = xcalloc(1, sizeof(*l));
	wchar_t wide[300];

	l->reader =
		(struct place_reader){&l->arena, count, value, find, open_below, path_of, found};
	l->step = s;
	l->found = fn;
	l->data = data;
	one_hive(l, ON_SYSTEM, HKEY_LOCAL_MACHINE, "SYSTEM", "HKLM\\SYSTEM", NULL, wanted);
	one_hive(l, ON_SOFTWARE, HKEY_LOCAL_MACHINE, "SOFTWARE", "HKLM\\SOFTWARE", NULL, wanted);
	/* The hives of those who are logged on; the others' are among the files. */
	for (DWORD i = 0, n = 300;
	     RegEnumKeyExW(HKEY_USERS, i, wide, &n, NULL, NULL, NULL, NULL) == ERROR_SUCCESS;
	     i++, n = 300) {
		char *sid = utf8_of_n(wide, n), *end = strstr(sid, "_Classes"), *user, *prefix;
		bool classes = end && !end[8];

		if (classes)
			*end = '\0';
		user = windows_hive_user(sid);
		prefix = xasprintf("HKU\\%s%s", user, classes ? "_Classes" : "");
		if (classes)
			*end = '_';
		if (strcmp(sid, "S-1-5-18") != 0) /* is .DEFAULT */
			one_hive(l, classes ? ON_CLASSES : ON_USER, HKEY_USERS, sid, prefix, user,
				 wanted);
		free(prefix);
		free(user);
		free(sid);
	}
	if (l->denied)
		step_failed(s, "%u keys are not ours to read, the first %s", l->denied,
			    l->first_denied);
	free(l->first_denied);
	for (size_t i = 0; i < l->name_count; i++) {
		free(l->names[i].parent);
		free(l->names[i].name);
	}
	free(l->names);
	arena_release(&l->arena);
	free(l);
}

void live_entry_fields(struct buffer *b, const struct live_entry *at)
{
	const struct persistence *e = at->e;
	const char *image = e->image, *module = e->module;
	char *object = e->value ? xasprintf("%s\\%s", at->path, *e->value ? e->value : "(Default)")
				: xstrdup(at->path),
	     *file;

	if (!image && e->command)
		image = command_image(at->reader->arena, e->command);
	if (e->command && image && !module)
		module = command_module(at->reader->arena, e->command, image);
	line_text(b, "Place", e->place);
	line_some(b, "Name", e->name);
	line_some(b, "CommandLine", e->command);
	line_some(b, "Image", image);
	line_some(b, "ImageLoaded", module);
	line_text(b, "TargetObject", object);
	if (e->value)
		line_some(b, "Details", e->command);
	line_some(b, "User", e->user ? e->user : at->user);
	for (size_t i = 0; i < 10 && e->names[i]; i++)
		line_some(b, e->names[i], e->texts[i]);
	line_time(b, "mtime", e->ts ? e->ts : at->written);
	/* What is run in the end: the DLL of rundll32 rather than rundll32. */
	file = windows_image(module ? module : e->command && *e->command ? e->command : image);
	if (!file && image)
		file = windows_image(image);
	if (file)
		windows_image_fields(b, file);
	else if (image && image[0] && image[1] == ':')
		line_bool(b, "Missing", true);
	free(file);
	free(object);
}
