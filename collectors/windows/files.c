/*
 * The profile's files of every drive. From the raw volume through our own NTFS reader, so that
 * nothing is locked and no access time changes; where the volume cannot be opened (no
 * administrator, another file system) through the ordinary calls. Reparse points are never
 * followed.
 */
#include "collectors/windows/windows.h"

#include "base/bundle_format.h"
#include "base/limits.h"
#include "base/text.h"
#include "collectors/ntfs.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#define PIECE	(1u << 20) /* a read */
#define SECTORS 4096u	   /* raw reads are multiples of this, which every sector size divides */
#define SMALL	16384u	   /* smaller raw reads go through the cache */
#define SLOTS	256u	   /* of it: 4 MB */
#define ENTRIES (2u << 20) /* of one folder; more are left out, and said */

/* ---- a volume ---- */

struct known_folder {
	char *path; /* lower case */
	uint64_t record;
	bool found;
};

struct volume {
	struct windows_collector *c;
	char letter;
	HANDLE disk;
	struct ntfs *ntfs; /* NULL: through the ordinary calls */
	uint8_t *piece;	   /* PIECE bytes, aligned */
	uint8_t *cache;
	uint64_t cached[SLOTS]; /* offset + 1 */
	struct known_folder *known;
	size_t known_count, known_cap;
	struct buffer path;  /* of the current entry, without drive, '/' between */
	uint64_t rule_bytes; /* of the current rule */
	const struct profile_rule *rule;
};

struct entry {
	char *name;
	uint64_t record, size;
	bool directory, reparse;
};

struct folder {
	struct entry *entries;
	size_t count, cap;
	bool cut;
};

/* What was taken: several rules may name a file. */
struct taken {
	char **slots;
	size_t size, count;
};
static struct taken taken;

static uint64_t hash_of(const char *s)
{
	uint64_t h = 14695981039346656037u; /* FNV-1a */

	for (; *s; s++)
		h = (h ^ (uint8_t)*s) * 1099511628211u;
	return h;
}

/* False when it was there before. The text becomes the set's. */
static bool take_once(char *path)
{
	size_t at;

	text_lower(path, strlen(path));
	if (taken.count * 2 >= taken.size) {
		struct taken bigger = {.size = taken.size ? taken.size * 2 : 1024,
				       .count = taken.count};

		bigger.slots = xcalloc(bigger.size, sizeof(char *));
		for (size_t i = 0; i < taken.size; i++) {
			if (!taken.slots[i])
				continue;
			at = hash_of(taken.slots[i]) & (bigger.size - 1);
			while (bigger.slots[at])
				at = (at + 1) & (bigger.size - 1);
			bigger.slots[at] = taken.slots[i];
		}
		free(taken.slots);
		taken = bigger;
	}
	for (at = hash_of(path) & (taken.size - 1); taken.slots[at];
	     at = (at + 1) & (taken.size - 1))
		if (strcmp(taken.slots[at], path) == 0) {
			free(path);
			return false;
		}
	taken.slots[at] = path;
	taken.count++;
	return true;
}

/* Raw reads want whole sectors into aligned memory. At the volume's end a piece may be longer than
 * what is left: then sector by sector. */
static bool read_sectors(struct volume *v, uint64_t offset, uint8_t *out, DWORD n)
{
	LARGE_INTEGER at = {.QuadPart = (LONGLONG)offset};
	DWORD got = 0;

	if (SetFilePointerEx(v->disk, at, NULL, FILE_BEGIN) &&
	    ReadFile(v->disk, out, n, &got, NULL) && got == n)
		return true;
	memset(out, 0, n);
	for (DWORD done = 0; done < n; done += 512) {
		at.QuadPart = (LONGLONG)(offset + done);
		if (!SetFilePointerEx(v->disk, at, NULL, FILE_BEGIN) ||
		    !ReadFile(v->disk, out + done, 512, &got, NULL) || got != 512)
			return done > 0;
	}
	return true;
}

static int read_volume(void *data, uint64_t offset, void *out, size_t n)
{
	struct volume *v = data;
	uint8_t *to = out;

	if (offset > INT64_MAX - n)
		return ERR_IO;
	while (n) {
		bool small = n <= SMALL;
		uint64_t unit = small ? SMALL : SECTORS, start = offset & ~(unit - 1);
		size_t skip = (size_t)(offset - start), size = small ? SMALL : PIECE, part;
		uint8_t *from = v->piece;

		if (small) {
			size_t slot = (size_t)(start / SMALL) % SLOTS;

			from = v->cache + slot * SMALL;
			if (v->cached[slot] != start + 1) {
				v->cached[slot] = 0;
				if (!read_sectors(v, start, from, SMALL))
					return ERR_IO;
				v->cached[slot] = start + 1;
			}
		} else {
			if (skip + n < size)
				size = (skip + n + SECTORS - 1) & ~(size_t)(SECTORS - 1);
			if (!read_sectors(v, start, from, (DWORD)size))
				return ERR_IO;
		}
		part = size - skip < n ? size - skip : n;
		memcpy(to, from + skip, part);
		to += part;
		offset += part;
		n -= part;
	}
	return OK;
}

/* ---- folders, by either way ---- */

static void add_entry(struct folder *f, char *name, uint64_t record, uint64_t size, bool directory,
		      bool reparse)
{
	f->entries = xgrow(f->entries, &f->cap, f->count + 1, sizeof(*f->entries));
	f->entries[f->count++] = (struct entry){name, record, size, directory, reparse};
}

static int one_entry(void *data, const struct ntfs_entry *e)
{
	struct folder *f = data;

	if (f->count >= ENTRIES) {
		f->cut = true;
		return 1;
	}
	if (strcmp(e->name, ".") != 0)
		add_entry(f, xstrdup(e->name), e->record, e->size, e->directory, e->reparse);
	return OK;
}

static char *full_path(const struct volume *v, const char *path)
{
	return xasprintf("%c:/%s", v->letter, path);
}

static int read_folder(struct volume *v, const char *path, uint64_t record, struct folder *f)
{
	WIN32_FIND_DATAW d;
	char *text;
	wchar_t *wide;
	HANDLE h;

	if (v->ntfs) {
		int status = ntfs_list(v->ntfs, record, one_entry, f);

		return status < 0 ? status : OK;
	}
	text = xasprintf("%c:/%s%s*", v->letter, path, *path ? "/" : "");
	wide = wide_path(text);
	h = FindFirstFileExW(wide, FindExInfoBasic, &d, FindExSearchNameMatch, NULL,
			     FIND_FIRST_EX_LARGE_FETCH);
	free(text);
	free(wide);
	if (h == INVALID_HANDLE_VALUE) {
		DWORD code = GetLastError();

		return code == ERROR_FILE_NOT_FOUND || code == ERROR_PATH_NOT_FOUND ? ERR_NOT_FOUND
										    : ERR_IO;
	}
	do {
		if (wcscmp(d.cFileName, L".") == 0 || wcscmp(d.cFileName, L"..") == 0)
			continue;
		f->cut = f->count >= ENTRIES;
		if (!f->cut)
			add_entry(f, utf8_of(d.cFileName), 0,
				  (uint64_t)d.nFileSizeHigh << 32 | d.nFileSizeLow,
				  d.dwFileAttributes & FILE_ATTRIBUTE_DIRECTORY,
				  d.dwFileAttributes & FILE_ATTRIBUTE_REPARSE_POINT);
	} while (!f->cut && FindNextFileW(h, &d));
	(void)FindClose(h);
	return OK;
}

static void release_folder(struct folder *f)
{
	for (size_t i = 0; i < f->count; i++)
		free(f->entries[i].name);
	free(f->entries);
	*f = (struct folder){0};
}

/* ---- one file ---- */

static void failed(struct volume *v, const struct bundle_file *file, const char *group,
		   const char *path, const char *why)
{
	if (v->c->o->list)
		v->c->o->list(v->c->o->data, group, path, 0, why);
	else
		bundle_missing(v->c->w, file, why);
}

/* Over a limit: said, but no failure. */
static bool too_large(struct volume *v, const struct bundle_file *file, const char *path,
		      uint64_t size)
{
	uint64_t limit = v->rule->limit ? v->rule->limit : PROFILE_LIMIT;
	char why[120];

	if (size > limit)
		(void)snprintf(why, sizeof(why), "larger than the limit of %llu bytes: %llu",
			       (unsigned long long)limit, (unsigned long long)size);
	else if (v->rule->total && v->rule_bytes + size > v->rule->total)
		(void)snprintf(why, sizeof(why),
			       "the limit of %llu bytes for all files of its rule is reached",
			       (unsigned long long)v->rule->total);
	else {
		v->rule_bytes += size;
		return false;
	}
	if (v->c->o->list)
		v->c->o->list(v->c->o->data, v->rule->collector, path, size, why);
	else
		bundle_left_out(v->c->w, file, why);
	return true;
}

/* Begins the member, or tells of the file with --list; false when there is nothing more to do. */
static bool begin(struct volume *v, const struct bundle_file *file, const char *path, uint64_t size)
{
	struct windows_collector *c = v->c;
	struct bundle_counts n;

	if (too_large(v, file, path, size))
		return false;
	if (c->o->list) {
		c->o->list(c->o->data, v->rule->collector, path, size, NULL);
		return false;
	}
	if (c->o->progress) {
		n = bundle_counts(c->w);
		c->o->progress(c->o->data, path, &n);
	}
	c->status = bundle_begin(c->w, file, size);
	return c->status == OK;
}

/*
 * "C:\x" as the path, for people and parsers; the member by the '/' way.
 * The two names are the caller's to free.
 */
static struct bundle_file describe(struct volume *v, char *path)
{
	struct bundle_file file = {.collector = v->rule->collector,
				   .mtime = TIME_NONE,
				   .atime = TIME_NONE,
				   .ctime = TIME_NONE,
				   .btime = TIME_NONE};
	struct buffer member = {0};
	char *native = xstrdup(path);

	bundle_member_name(&member, view_text(path));
	for (char *at = native; *at; at++)
		if (*at == '/')
			*at = '\\';
	file.path = native;
	file.member = xmemdup0(member.data, member.len);
	buffer_release(&member);
	return file;
}

static void release_description(struct bundle_file *file)
{
	free((void *)(uintptr_t)file->path);
	free((void *)(uintptr_t)file->member);
}

/* A stream from the raw volume. */
static void take_raw(struct volume *v, char *path, uint64_t record, const char *stream)
{
	struct windows_collector *c = v->c;
	struct bundle_file file = describe(v, path);
	struct ntfs_info info;
	struct ntfs_stream *s = NULL;
	uint64_t size, at, start;
	const char *error = NULL;
	int status = ntfs_info(v->ntfs, record, &info);

	if (status == OK) {
		file.has_stat = file.no_owner = true;
		file.inode = record;
		file.mtime = info.modified;
		file.atime = info.accessed;
		file.ctime = info.changed;
		file.btime = info.created;
		status = ntfs_stream_open(v->ntfs, record, NTFS_DATA, stream, &s);
	}
	if (status < 0) {
		failed(v, &file, v->rule->collector, path, status_text(status));
		goto out;
	}
	/* The journal begins with a hole as long as all that it has forgotten; its records tell
	 * their place themselves. */
	size = ntfs_stream_size(s);
	start = strcmp(stream, "$J") == 0 ? ntfs_stream_data(s, 0) : 0;
	if (!begin(v, &file, path, size - start))
		goto out;
	for (at = start; at < size && c->status == OK;) {
		size_t got = 0;
		static uint8_t bytes[PIECE];

		status = ntfs_stream_read(s, at, bytes, sizeof(bytes), &got);
		if (got)
			c->status = bundle_data(c->w, bytes, got);
		at += got;
		if (status < 0 || got == 0) {
			error = status < 0 ? status_text(status) : NULL;
			break;
		}
	}
	if (c->status == OK)
		c->status = bundle_end(c->w, error);
out:
	if (s)
		ntfs_stream_close(s);
	release_description(&file);
}

/* A file, or "file:stream", by the ordinary calls. */
static void take_open(struct volume *v, char *path)
{
	struct windows_collector *c = v->c;
	struct bundle_file file = describe(v, path);
	BY_HANDLE_FILE_INFORMATION info;
	wchar_t *wide = wide_path(path);
	const char *error = NULL;
	uint64_t size, done = 0;
	HANDLE h = CreateFileW(wide, GENERIC_READ,
			       FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE, NULL,
			       OPEN_EXISTING,
			       FILE_FLAG_BACKUP_SEMANTICS | FILE_FLAG_OPEN_REPARSE_POINT |
				       FILE_FLAG_OPEN_NO_RECALL | FILE_FLAG_SEQUENTIAL_SCAN,
			       NULL);

	free(wide);
	if (h == INVALID_HANDLE_VALUE || !GetFileInformationByHandle(h, &info)) {
		failed(v, &file, v->rule->collector, path, windows_error(GetLastError()));
		goto out;
	}
	file.has_stat = file.no_owner = true;
	file.inode =
		((uint64_t)info.nFileIndexHigh << 32 | info.nFileIndexLow) & ((1ull << 48) - 1);
	file.mtime = time_of_filetime(info.ftLastWriteTime);
	file.atime = time_of_filetime(info.ftLastAccessTime);
	file.btime = time_of_filetime(info.ftCreationTime);
	size = (uint64_t)info.nFileSizeHigh << 32 | info.nFileSizeLow;
	if (!begin(v, &file, path, size))
		goto out;
	while (done < size && c->status == OK) {
		DWORD got = 0;

		if (!ReadFile(h, v->piece, PIECE, &got, NULL)) {
			error = windows_error(GetLastError());
			break;
		}
		if (got == 0)
			break; /* it shrank: bundle_end says so */
		c->status = bundle_data(c->w, v->piece, got);
		done += got;
	}
	if (c->status == OK)
		c->status = bundle_end(c->w, error);
out:
	if (h != INVALID_HANDLE_VALUE)
		(void)CloseHandle(h);
	release_description(&file);
}

struct streams {
	struct buffer names; /* each with a NUL */
	bool unnamed;
};

static int one_stream(void *data, const char *name, uint64_t size)
{
	struct streams *s = data;

	(void)size;
	if (*name)
		buffer_append(&s->names, name, strlen(name) + 1);
	else
		s->unnamed = true;
	return OK;
}

/* The names of a file's other streams, by the ordinary call: L":name:$DATA". */
static void open_streams(const char *path, struct streams *s)
{
	WIN32_FIND_STREAM_DATA d;
	wchar_t *wide = wide_path(path);
	HANDLE h = FindFirstStreamW(wide, FindStreamInfoStandard, &d, 0);

	free(wide);
	if (h == INVALID_HANDLE_VALUE)
		return;
	do {
		wchar_t *end = wcschr(d.cStreamName + 1, L':');
		char *name;

		if (!end || end == d.cStreamName + 1)
			continue;
		*end = L'\0';
		name = utf8_of(d.cStreamName + 1);
		buffer_append(&s->names, name, strlen(name) + 1);
		free(name);
	} while (FindNextStreamW(h, &d));
	(void)FindClose(h);
}

/* Whether Windows itself sees a plain file where the disk has a reparse point: a compressed system
 * file (WOF). */
static bool plain_to_windows(const char *path)
{
	wchar_t *wide = wide_path(path);
	DWORD attributes = GetFileAttributesW(wide);

	free(wide);
	return attributes != INVALID_FILE_ATTRIBUTES &&
	       !(attributes & (FILE_ATTRIBUTE_REPARSE_POINT | FILE_ATTRIBUTE_OFFLINE |
			       FILE_ATTRIBUTE_DIRECTORY));
}

/* The file of v->path; `only` names the one stream that is wanted, or is NULL for all. */
static void take(struct volume *v, const struct entry *e, const char *only)
{
	char *path = full_path(v, buffer_text(&v->path));
	struct streams s = {.unnamed = !v->ntfs};
	bool ordinary = !v->ntfs;

	if (!take_once(only ? xasprintf("%s:%s", path, only) : xstrdup(path)))
		goto out;
	if (v->ntfs && e->reparse) {
		if (!plain_to_windows(path)) {
			struct bundle_file file = describe(v, path);

			failed(v, &file, v->rule->collector, path,
			       "a reparse point: its content is elsewhere");
			release_description(&file);
			goto out;
		}
		ordinary = s.unnamed = true;
	}
	if (v->ntfs && !ordinary)
		(void)ntfs_streams(v->ntfs, e->record, one_stream, &s);
	else if (!only)
		open_streams(path, &s);
	if (only) {
		s.names.len = 0;
		s.unnamed = false;
		buffer_append(&s.names, only, strlen(only) + 1);
	}
	if (s.unnamed) {
		if (ordinary)
			take_open(v, path);
		else
			take_raw(v, path, e->record, "");
	}
	for (size_t at = 0; at < s.names.len && v->c->status == OK;
	     at += strlen(s.names.data + at) + 1) {
		char *named = xasprintf("%s:%s", path, s.names.data + at);

		if (ordinary)
			take_open(v, named);
		else
			take_raw(v, named, e->record, s.names.data + at);
		free(named);
	}
out:
	buffer_release(&s.names);
	free(path);
}

/* ---- rules ---- */

static bool wild(struct view part)
{
	return view_find(part, 0, "*", 1) < part.len || view_find(part, 0, "?", 1) < part.len;
}

static void match(struct volume *v, uint64_t record, struct view pattern, unsigned depth);

static void enter(struct volume *v, const struct entry *e, struct view pattern, unsigned depth)
{
	if (!e->reparse)
		match(v, e->record, pattern, depth + 1);
}

/* Everything of the folder at v->path that the rest of the pattern names. */
static void match(struct volume *v, uint64_t record, struct view pattern, unsigned depth)
{
	struct folder folder = {0};
	struct view rest = pattern, part = VIEW_EMPTY, stream = VIEW_EMPTY, name;
	size_t length = v->path.len, colon;
	char *only = NULL, *glob;
	bool last, any;
	int status;

	if (depth > LIMIT_DEPTH || !view_token(&rest, '/', &part))
		return;
	last = rest.len == 0;
	any = view_is(part, "**");
	if (last && (colon = view_find(part, 0, ":", 1)) < part.len) {
		stream = view_from(part, colon + 1);
		part = view_clip(part, 0, colon);
		only = xmemdup0(stream.data, stream.len);
	}
	glob = xmemdup0(part.data, part.len);
	status = read_folder(v, buffer_text(&v->path), record, &folder);
	if (status < 0 && status != ERR_NOT_FOUND) {
		char *path = full_path(v, buffer_text(&v->path));
		struct bundle_file file = describe(v, path);

		/* Once for the folder, not for each rule. */
		if (take_once(xasprintf("%s/", path)))
			failed(v, &file, v->rule->collector, path,
			       v->ntfs ? status_text(status) : windows_error(GetLastError()));
		release_description(&file);
		free(path);
	}
	if (folder.cut) {
		char *path = full_path(v, buffer_text(&v->path));
		struct bundle_file file = describe(v, path);

		failed(v, &file, v->rule->collector, path,
		       "the folder has too many entries: the others are left out");
		release_description(&file);
		free(path);
	}
	for (size_t i = 0; i < folder.count && v->c->status == OK; i++) {
		const struct entry *e = &folder.entries[i];

		name = view_text(e->name);
		v->path.len = length;
		if (length)
			buffer_char(&v->path, '/');
		buffer_view(&v->path, name);
		if (any) {
			if (e->directory)
				enter(v, e, pattern, depth);
			else if (last)
				take(v, e, NULL);
		} else if (view_glob(name, glob)) {
			if (last && !e->directory)
				take(v, e, only);
			else if (!last && e->directory)
				enter(v, e, rest, depth);
		}
	}
	v->path.len = length;
	release_folder(&folder);
	/* "**" stands for no folder, too. */
	if (any && !last && v->c->status == OK)
		match(v, record, rest, depth + 1);
	free(only);
	free(glob);
}

/* The record of a folder by the path without wildcards in front of a pattern. Kept: many rules
 * begin alike. */
static bool folder_record(struct volume *v, const char *path, uint64_t *record)
{
	struct known_folder k = {.path = xstrdup(path)};

	text_lower(k.path, strlen(k.path));
	for (size_t i = 0; i < v->known_count; i++)
		if (strcmp(v->known[i].path, k.path) == 0) {
			free(k.path);
			*record = v->known[i].record;
			return v->known[i].found;
		}
	if (v->ntfs) {
		struct ntfs_info info;

		k.found = ntfs_lookup(v->ntfs, path, &k.record) == OK &&
			  ntfs_info(v->ntfs, k.record, &info) == OK && info.directory &&
			  !info.reparse;
	} else {
		char *text = full_path(v, path);
		wchar_t *wide = wide_path(text);
		DWORD attributes = GetFileAttributesW(wide);

		k.found = attributes != INVALID_FILE_ATTRIBUTES &&
			  (attributes & FILE_ATTRIBUTE_DIRECTORY) &&
			  !(attributes & FILE_ATTRIBUTE_REPARSE_POINT);
		free(wide);
		free(text);
	}
	v->known = xgrow(v->known, &v->known_cap, v->known_count + 1, sizeof(*v->known));
	v->known[v->known_count++] = k;
	*record = k.record;
	return k.found;
}

static void apply(struct volume *v, const char *pattern)
{
	struct view all = view_text(pattern), rest = all, part, tail = all;
	uint64_t record = NTFS_ROOT;
	char *prefix;

	/* The folders before the first wildcard, or before the last part. */
	while (view_token(&rest, '/', &part) && rest.len && !wild(part))
		tail = rest;
	v->path.len = 0;
	if (tail.len < all.len) {
		buffer_append(&v->path, pattern, all.len - tail.len - 1);
		prefix = xstrdup(buffer_text(&v->path));
		if (!folder_record(v, prefix, &record)) {
			free(prefix);
			return;
		}
		free(prefix);
	}
	match(v, record, tail, 0);
}

static void apply_everywhere(struct volume *v, const struct profile_rule *rule)
{
	bool home = strncmp(rule->pattern, "~/", 2) == 0;
	char *pattern = home ? xasprintf("Users/*/%s", rule->pattern + 2) : xstrdup(rule->pattern);

	v->rule = rule;
	v->rule_bytes = 0;
	apply(v, pattern);
	/* An upgrade keeps the system before it. */
	if ((home || strncmp(pattern, "Windows/", 8) == 0) && v->c->status == OK) {
		char *old = xasprintf("Windows.old/%s", pattern);

		apply(v, old);
		free(old);
	}
	free(pattern);
}

static void one_drive(struct windows_collector *c, char letter)
{
	struct volume v = {.c = c, .letter = letter};
	struct ntfs_source source = {read_volume, &v};
	wchar_t device[] = L"\\\\.\\X:";
	struct problem problem = {PROBLEM_NO_OFFSET, ""};

	device[4] = (wchar_t)letter;
	v.piece =
		VirtualAlloc(NULL, PIECE + SLOTS * SMALL, MEM_COMMIT | MEM_RESERVE, PAGE_READWRITE);
	if (!v.piece)
		return;
	v.cache = v.piece + PIECE;
	v.disk = CreateFileW(device, GENERIC_READ,
			     FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE, NULL,
			     OPEN_EXISTING, 0, NULL);
	if (v.disk != INVALID_HANDLE_VALUE && ntfs_open(&v.ntfs, &source, &problem) < 0)
		v.ntfs = NULL;
	c->r->raw_volumes += v.ntfs != NULL;
	for (const struct profile_rule *rule = windows_triage; rule->pattern && c->status == OK;
	     rule++) {
		/* The file system's own files cannot be opened: without the raw volume there is
		 * nothing to try. */
		if ((rule->secret && !c->o->secrets) ||
		    (!v.ntfs && strcmp(rule->collector, "ntfs") == 0))
			continue;
		apply_everywhere(&v, rule);
	}
	if (!v.ntfs && !c->o->list && c->status == OK) {
		char *path = xasprintf("\\\\.\\%c:", letter);
		char *why = xasprintf(
			"the raw volume: %s; locked files and $MFT are not in this bundle",
			v.disk == INVALID_HANDLE_VALUE ? "cannot be opened" : "is no NTFS");
		struct bundle_file file = {.path = path, .collector = "ntfs"};

		/* Another file system has nothing more to give. */
		if (v.disk == INVALID_HANDLE_VALUE)
			bundle_missing(c->w, &file, why);
		else
			bundle_left_out(c->w, &file, why);
		free(path);
		free(why);
	}
	if (v.ntfs)
		ntfs_close(v.ntfs);
	if (v.disk != INVALID_HANDLE_VALUE)
		(void)CloseHandle(v.disk);
	for (size_t i = 0; i < v.known_count; i++)
		free(v.known[i].path);
	free(v.known);
	buffer_release(&v.path);
	(void)VirtualFree(v.piece, 0, MEM_RELEASE);
}

void windows_files(struct windows_collector *c)
{
	DWORD there = GetLogicalDrives();

	for (char letter = 'A'; letter <= 'Z' && c->status == OK; letter++) {
		wchar_t root[] = L"X:\\";

		root[0] = (wchar_t)letter;
		if (c->o->drives) {
			if (!strchr(c->o->drives, letter) && !strchr(c->o->drives, letter + 32))
				continue;
		} else if (!(there >> (letter - 'A') & 1) || GetDriveTypeW(root) != DRIVE_FIXED) {
			continue;
		}
		one_drive(c, letter);
	}
	for (size_t i = 0; i < taken.size; i++)
		free(taken.slots[i]);
	free(taken.slots);
	taken = (struct taken){0};
}
