/*
 * The profile's files of every drive, and what differs of them in its shadow copies. From the raw
 * volume through our own NTFS reader, so that nothing is locked and no access time changes; where
 * the volume cannot be opened (no administrator, another file system) through the ordinary calls.
 * Reparse points that lead elsewhere are never followed, and nothing is fetched from a cloud.
 */
#include "collectors/windows/windows.h"

#include "base/bundle_format.h"
#include "base/limits.h"
#include "base/text.h"
#include "collectors/ntfs.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <winternl.h>

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
	unsigned shadow;    /* number of the shadow copy; 0: the drive itself */
	char *prefix;	    /* of native paths: "C:", "\\\\?\\GLOBALROOT\\Device\\..." */
	struct ntfs *now;   /* of a shadow copy: the drive as it is now */
	bool metadata_only; /* of a shadow copy: times tell whether a file is the same */
	DWORD serial;	    /* as Windows has it */
	HANDLE disk;
	struct ntfs *ntfs; /* NULL: through the ordinary calls */
	uint8_t *piece;	   /* PIECE bytes, aligned */
	uint8_t *cache;
	uint64_t cached[SLOTS]; /* offset + 1 */
	struct known_folder *known;
	size_t known_count, known_cap;
	struct buffer path;  /* of the current entry, without drive, '/' between */
	uint64_t rule_bytes; /* of the current rule */
	uint64_t deadline;   /* of it: GetTickCount64, or 0; files that came later */
	uint64_t late;
	const struct profile_rule *rule;
};

struct entry {
	char *name;
	uint64_t record;
	uint32_t tag; /* by the ordinary calls: of a reparse point */
	bool directory, reparse, elsewhere;
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

/* Contents that are in the bundle: SHA-256 and the member that has it. Shadow copies repeat much. */
struct content {
	uint8_t digest[SHA256_SIZE];
	char *member;
};
static struct content *contents;
static size_t content_count, content_cap;

static const char *content_of(const uint8_t *digest)
{
	for (size_t i = content_count; i-- > 0;)
		if (memcmp(contents[i].digest, digest, SHA256_SIZE) == 0)
			return contents[i].member;
	return NULL;
}

static void remember(const uint8_t *digest, const char *member)
{
	contents = xgrow(contents, &content_cap, content_count + 1, sizeof(*contents));
	memcpy(contents[content_count].digest, digest, SHA256_SIZE);
	contents[content_count++].member = xstrdup(member);
}

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

static void add_entry(struct folder *f, struct entry e)
{
	f->entries = xgrow(f->entries, &f->cap, f->count + 1, sizeof(*f->entries));
	f->entries[f->count++] = e;
}

static int one_entry(void *data, const struct ntfs_entry *e)
{
	struct folder *f = data;

	if (f->count >= ENTRIES) {
		f->cut = true;
		return 1;
	}
	if (strcmp(e->name, ".") != 0)
		add_entry(f, (struct entry){.name = xstrdup(e->name),
					    .record = e->record,
					    .directory = e->directory,
					    .reparse = e->reparse});
	return OK;
}

/* "C:/x", and of a shadow copy "VSS1/C/x": what a member's name is made of. */
static char *full_path(const struct volume *v, const char *path)
{
	return v->shadow ? xasprintf("VSS%u/%c/%s", v->shadow, v->letter, path)
			 : xasprintf("%c:/%s", v->letter, path);
}

/* As Windows has it: "C:\x", "\\?\GLOBALROOT\Device\HarddiskVolumeShadowCopy1\x". */
static char *native_path(const struct volume *v, const char *path)
{
	char *native = xasprintf("%s\\%s", v->prefix, path);

	for (char *at = native; *at; at++)
		if (*at == '/')
			*at = '\\';
	return native;
}

/* For the ordinary calls, without the limit of 260 units. */
static wchar_t *wide_native(const struct volume *v, const char *path)
{
	char *native = native_path(v, path),
	     *text = v->shadow ? xstrdup(native) : xasprintf("\\\\?\\%s", native);
	wchar_t *wide = wide_of(text);

	free(text);
	free(native);
	return wide;
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
	text = xasprintf("%s%s*", path, *path ? "/" : "");
	wide = wide_native(v, text);
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
			add_entry(f, (struct entry){
					     .name = utf8_of(d.cFileName),
					     .directory =
						     d.dwFileAttributes & FILE_ATTRIBUTE_DIRECTORY,
					     .reparse = d.dwFileAttributes &
							FILE_ATTRIBUTE_REPARSE_POINT,
					     .tag = d.dwReserved0,
					     .elsewhere = windows_elsewhere(d.dwFileAttributes),
				     });
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

/* A file on its way: names are its own. */
struct taking {
	struct volume *v;
	char *path; /* full_path */
	struct bundle_file file;
};

static struct taking taking_of(struct volume *v, const char *below)
{
	struct taking t = {v,
			   full_path(v, below),
			   {.collector = v->rule->collector,
			    .mtime = TIME_NONE,
			    .atime = TIME_NONE,
			    .ctime = TIME_NONE,
			    .btime = TIME_NONE}};
	struct buffer member = {0};

	bundle_member_name(&member, view_text(t.path));
	t.file.path = native_path(v, below);
	t.file.member = xmemdup0(member.data, member.len);
	buffer_release(&member);
	return t;
}

static void taking_end(struct taking *t)
{
	free((void *)(uintptr_t)t->file.path);
	free((void *)(uintptr_t)t->file.member);
	free(t->path);
}

static void failed(const struct taking *t, const char *why)
{
	const struct windows_collector *c = t->v->c;

	if (c->o->list)
		c->o->list(c->o->data, t->v->rule->collector, t->file.path, 0, why);
	else
		bundle_missing(c->w, &t->file, why);
}

/* On purpose: no failure. */
static void left_out(const struct taking *t, uint64_t size, const char *why)
{
	const struct windows_collector *c = t->v->c;

	if (c->o->list)
		c->o->list(c->o->data, t->v->rule->collector, t->file.path, size, why);
	else
		bundle_left_out(c->w, &t->file, why);
}

/* Over a limit. */
static bool too_large(struct taking *t, uint64_t size)
{
	struct volume *v = t->v;
	uint64_t limit = v->c->o->max_file ? v->c->o->max_file
			 : v->rule->limit  ? v->rule->limit
					   : PROFILE_LIMIT;
	char why[120];

	if (size > limit) {
		(void)snprintf(why, sizeof(why), "larger than the limit of %llu bytes: %llu",
			       (unsigned long long)limit, (unsigned long long)size);
	} else if (v->rule->total && v->rule_bytes + size > v->rule->total) {
		(void)snprintf(why, sizeof(why),
			       "the limit of %llu bytes for all files of its rule is reached",
			       (unsigned long long)v->rule->total);
	} else {
		v->rule_bytes += size;
		return false;
	}
	left_out(t, size, why);
	return true;
}

/* Begins the member, or tells of the file with --list; false when there is nothing more to do. */
static bool begin(struct taking *t, uint64_t size)
{
	struct windows_collector *c = t->v->c;
	struct bundle_counts n;

	if (c->o->unchanged &&
	    c->o->unchanged(c->o->data, t->file.path, size, t->file.mtime, t->file.ctime)) {
		c->r->unchanged++;
		left_out(t, size, "unchanged since the earlier bundle");
		return false;
	}
	if (too_large(t, size))
		return false;
	if (c->o->list) {
		c->o->list(c->o->data, t->v->rule->collector, t->file.path, size, NULL);
		return false;
	}
	if (c->o->progress) {
		n = bundle_counts(c->w);
		c->o->progress(c->o->data, t->file.path, &n);
	}
	c->status = bundle_begin(c->w, &t->file, size);
	return c->status == OK;
}

static void end(struct taking *t, const char *error)
{
	struct windows_collector *c = t->v->c;

	if (c->status == OK)
		c->status = bundle_end(c->w, error);
	if (c->status == OK && !error)
		remember(bundle_last_digest(c->w), t->file.member);
}

/* Now and then while a large file is read: --cpu, and what the user sees. */
static void still_at(struct taking *t)
{
	struct windows_collector *c = t->v->c;
	struct bundle_counts n;

	if (!c->o->progress)
		return;
	n = bundle_counts(c->w);
	c->o->progress(c->o->data, t->file.path, &n);
}

/* Of a shadow copy: whether the same content is in the bundle already, which is told. */
static bool same_content(struct taking *t, struct ntfs_stream *s, uint64_t start, uint64_t size)
{
	struct sha256 state;
	uint8_t digest[SHA256_SIZE], *piece = xmalloc(PIECE);
	const char *member = NULL;
	uint64_t at = start;
	size_t got = 1;
	char *why;

	sha256_init(&state);
	while (at < size && got) {
		if (ntfs_stream_read(s, at, piece, PIECE, &got) < 0)
			break;
		sha256_update(&state, piece, got);
		at += got;
		still_at(t);
	}
	free(piece);
	if (at < size)
		return false; /* the reading for the bundle says why */
	sha256_final(&state, digest);
	member = content_of(digest);
	if (!member)
		return false;
	why = xasprintf("the same content as %s", member);
	t->file.same_as = member;
	left_out(t, size - start, why);
	free(why);
	return true;
}

/* A stream from the raw volume. */
static void take_raw(struct volume *v, const char *below, uint64_t record, const char *stream)
{
	struct windows_collector *c = v->c;
	char *named = *stream ? xasprintf("%s:%s", below, stream) : xstrdup(below);
	struct taking t = taking_of(v, named);
	/* An index is no data, but a stream for all that. */
	uint32_t type = strcmp(stream, "$SII") == 0 ? 0xa0 : NTFS_DATA;
	struct ntfs_info info;
	struct ntfs_stream *s = NULL;
	uint64_t size, at, start;
	const char *error = NULL;
	int status = ntfs_info(v->ntfs, record, &info);

	if (status == OK) {
		t.file.has_stat = t.file.no_owner = true;
		t.file.inode = record;
		t.file.mtime = info.modified;
		t.file.atime = info.accessed;
		t.file.ctime = info.changed;
		t.file.btime = info.created;
		status = ntfs_stream_open(v->ntfs, record, type, stream, &s);
		if (status == ERR_NOT_FOUND && type != NTFS_DATA) /* a small one */
			status = ntfs_stream_open(v->ntfs, record, 0x90, stream, &s);
	}
	if (status < 0) {
		failed(&t, status_text(status));
		goto out;
	}
	/* The journal begins with a hole as long as all that it has forgotten; its records tell
	 * their place themselves. */
	size = ntfs_stream_size(s);
	start = strcmp(stream, "$J") == 0 ? ntfs_stream_data(s, 0) : 0;
	if (v->shadow && !c->o->list && same_content(&t, s, start, size))
		goto out;
	if (!begin(&t, size - start))
		goto out;
	if (ntfs_stream_encrypted(s))
		error = "encrypted by the file system (EFS): this is the ciphertext";
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
		still_at(&t);
	}
	end(&t, error);
out:
	if (s)
		ntfs_stream_close(s);
	taking_end(&t);
	free(named);
}

/* A file, or "file:stream", by the ordinary calls. `filter`: through what the reparse point stands
 * for (compressed, deduplicated), not the point itself. */
static void take_open(struct volume *v, const char *below, bool filter)
{
	struct windows_collector *c = v->c;
	struct taking t = taking_of(v, below);
	BY_HANDLE_FILE_INFORMATION info;
	FILE_BASIC_INFO basic;
	wchar_t *wide = wide_native(v, below);
	const char *error = NULL;
	uint64_t size, number, done = 0;
	HANDLE h = windows_open(wide, filter ? 0 : FILE_FLAG_OPEN_REPARSE_POINT);

	free(wide);
	if (h == INVALID_HANDLE_VALUE || !GetFileInformationByHandle(h, &info)) {
		failed(&t, windows_error(GetLastError()));
		goto out;
	}
	number = (uint64_t)info.nFileIndexHigh << 32 | info.nFileIndexLow;
	if (c->o->output_inode && number == c->o->output_inode &&
	    info.dwVolumeSerialNumber == c->o->output_dev) {
		left_out(&t, 0, "the bundle itself");
		goto out;
	}
	t.file.has_stat = t.file.no_owner = true;
	t.file.inode = number & ((1ull << 48) - 1);
	t.file.mtime = time_of_filetime(info.ftLastWriteTime);
	t.file.atime = time_of_filetime(info.ftLastAccessTime);
	t.file.btime = time_of_filetime(info.ftCreationTime);
	if (GetFileInformationByHandleEx(h, FileBasicInfo, &basic, sizeof(basic)) &&
	    basic.ChangeTime.QuadPart)
		t.file.ctime = time_from_filetime((uint64_t)basic.ChangeTime.QuadPart);
	size = (uint64_t)info.nFileSizeHigh << 32 | info.nFileSizeLow;
	if (strchr(below, ':')) { /* the handle's size is the stream's, the information's is not */
		LARGE_INTEGER own;

		if (GetFileSizeEx(h, &own))
			size = (uint64_t)own.QuadPart;
	}
	if (!begin(&t, size))
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
		still_at(&t);
	}
	end(&t, error);
out:
	if (h != INVALID_HANDLE_VALUE)
		(void)CloseHandle(h);
	taking_end(&t);
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
static void open_streams(const struct volume *v, const char *below, struct streams *s)
{
	WIN32_FIND_STREAM_DATA d;
	wchar_t *wide = wide_native(v, below);
	HANDLE h = FindFirstStreamW(wide, FindStreamInfoStandard, &d, 0);

	free(wide);
	if (h == INVALID_HANDLE_VALUE)
		return;
	do {
		wchar_t *colon = wcschr(d.cStreamName + 1, L':');
		char *name;

		if (!colon || colon == d.cStreamName + 1)
			continue;
		*colon = L'\0';
		name = utf8_of(d.cStreamName + 1);
		buffer_append(&s->names, name, strlen(name) + 1);
		free(name);
	} while (FindNextStreamW(h, &d));
	(void)FindClose(h);
}

/* What a file that is a reparse point is for us. */
enum point {
	POINT_RAW,   /* its content is where every file's is */
	POINT_OPEN,  /* Windows puts it together: only through the ordinary calls */
	POINT_AWAY,  /* in a cloud, on tape: reading it would fetch it */
	POINT_OTHER, /* a link, or nothing that can be read */
};

/* Tags: [MS-FSCC] 2.1.2.1. */
static enum point point_of(struct volume *v, const struct entry *e, uint32_t *tag)
{
	struct ntfs_stream *s;
	enum point p = POINT_OTHER;

	*tag = v->ntfs ? ntfs_reparse_tag(v->ntfs, e->record) : e->tag;
	if (*tag == 0x80000017 || *tag == 0x80000013) /* WOF: compressed; DEDUP */
		return POINT_OPEN;
	if ((*tag & 0xffff0fff) != 0x9000001a) /* CLOUD, CLOUD_1 to CLOUD_F */
		return *tag == 0xc0000004 || *tag == 0x80000006 ? POINT_AWAY /* HSM */
								: POINT_OTHER;
	/* One that is kept on this disk has all its clusters. */
	if (!v->ntfs)
		return e->elsewhere ? POINT_AWAY : POINT_OPEN;
	if (ntfs_stream_open(v->ntfs, e->record, NTFS_DATA, "", &s) >= 0) {
		p = ntfs_stream_whole(s) ? POINT_RAW : POINT_AWAY;
		ntfs_stream_close(s);
	}
	return p;
}

/* The file is on the drive as it was in the shadow copy, by all that its record says. */
static bool as_now(const struct volume *v, const struct entry *e)
{
	struct ntfs_info then, now;

	return v->now && v->metadata_only && ntfs_info(v->ntfs, e->record, &then) == OK &&
	       ntfs_info(v->now, e->record, &now) == OK && now.in_use &&
	       then.sequence == now.sequence && then.modified == now.modified &&
	       then.changed == now.changed && then.created == now.created;
}

static bool listed(const char *const *patterns, const char *path)
{
	for (; *patterns; patterns++)
		if (view_glob(view_text(path), *patterns))
			return true;
	return false;
}

/* The file of v->path; `only` names the one stream that is wanted, or is NULL for all. */
static void take(struct volume *v, const struct entry *e, const char *only)
{
	const struct windows_collector *c = v->c;
	char *below = xstrdup(buffer_text(&v->path)), *path = full_path(v, below);
	struct streams s = {.unnamed = !v->ntfs};
	bool ordinary = !v->ntfs, filter = false;
	struct taking t;
	uint32_t tag;
	char why[100];

	if (v->deadline && GetTickCount64() >= v->deadline) {
		v->late++;
		goto out;
	}
	if (listed(c->o->profile->exclude, path) ||
	    !take_once(only ? xasprintf("%s:%s", path, only) : xstrdup(path)))
		goto out;
	t = taking_of(v, below);
	if (!c->o->secrets && listed(c->o->profile->secret, path)) {
		left_out(&t, 0, "a secret: --secrets takes it");
		goto done;
	}
	if (v->ntfs && c->o->output_inode && !v->shadow && v->serial == c->o->output_dev &&
	    e->record == (c->o->output_inode & ((1ull << 48) - 1))) {
		left_out(&t, 0, "the bundle itself");
		goto done;
	}
	if (as_now(v, e)) {
		v->c->r->shadow_unchanged++;
		goto done;
	}
	if (e->reparse || e->elsewhere) {
		switch (e->reparse ? point_of(v, e, &tag) : POINT_AWAY) {
		case POINT_RAW:
			break;
		case POINT_OPEN:
			ordinary = filter = s.unnamed = true;
			break;
		case POINT_AWAY:
			left_out(&t, 0, "not on this disk: reading would fetch it");
			goto done;
		case POINT_OTHER:
			(void)snprintf(why, sizeof(why),
				       "a reparse point (0x%08x): its content is elsewhere",
				       (unsigned)tag);
			left_out(&t, 0, why);
			goto done;
		}
	}
	if (v->ntfs && !ordinary)
		(void)ntfs_streams(v->ntfs, e->record, one_stream, &s);
	else if (!only)
		open_streams(v, below, &s);
	if (only) {
		s.names.len = 0;
		s.unnamed = false;
		buffer_append(&s.names, only, strlen(only) + 1);
	}
	if (s.unnamed) {
		if (ordinary)
			take_open(v, below, filter);
		else
			take_raw(v, below, e->record, "");
	}
	for (size_t at = 0; at < s.names.len && c->status == OK;
	     at += strlen(s.names.data + at) + 1) {
		/* Where compressed files keep their content: it was taken as the file's. */
		if (strcmp(s.names.data + at, "WofCompressedData") == 0)
			continue;
		if (ordinary) {
			char *named = xasprintf("%s:%s", below, s.names.data + at);

			take_open(v, named, filter);
			free(named);
		} else {
			take_raw(v, below, e->record, s.names.data + at);
		}
	}
done:
	taking_end(&t);
out:
	buffer_release(&s.names);
	free(path);
	free(below);
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
	if ((status < 0 && status != ERR_NOT_FOUND) || folder.cut) {
		DWORD code = GetLastError();
		struct taking t = taking_of(v, buffer_text(&v->path));

		/* Once for the folder, not for each rule. */
		if (take_once(xasprintf("%s/", t.path)))
			failed(&t, folder.cut ? "the folder has too many entries: the others are "
						"left out"
				   : v->ntfs  ? status_text(status)
					      : windows_error(code));
		taking_end(&t);
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
		wchar_t *wide = wide_native(v, path);
		DWORD attributes = GetFileAttributesW(wide);

		k.found = attributes != INVALID_FILE_ATTRIBUTES &&
			  (attributes & FILE_ATTRIBUTE_DIRECTORY) &&
			  !(attributes & FILE_ATTRIBUTE_REPARSE_POINT);
		free(wide);
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

/* Folders of users: of the list of profiles, wherever they are, and what is in Users. */
static char **homes; /* "C:/Users/x" */
static size_t home_count, home_cap;

static void one_home(struct step *s, const char *path)
{
	char *home = xstrdup(path);

	(void)s;
	for (char *at = home; *at; at++)
		if (*at == '\\')
			*at = '/';
	homes = xgrow(homes, &home_cap, home_count + 1, sizeof(char *));
	homes[home_count++] = home;
}

static bool same_letter(char a, char b)
{
	return (a | 32) == (b | 32);
}

static void apply_with_old(struct volume *v, const char *pattern, bool home)
{
	apply(v, pattern);
	/* An upgrade keeps the system before it. */
	if ((home || _strnicmp(pattern, "Windows/", 8) == 0) && v->c->status == OK) {
		char *old = xasprintf("Windows.old/%s", pattern);

		apply(v, old);
		free(old);
	}
}

static void apply_everywhere(struct volume *v, const struct profile_rule *rule)
{
	const char *pattern = rule->pattern;
	char *other = windows_folder(), *text;

	v->rule = rule;
	v->rule_bytes = v->late = 0;
	v->deadline = rule->seconds ? GetTickCount64() + rule->seconds * 1000ull : 0;
	/* Those files have no times of their own, or are written without changing them: their
	 * content decides. */
	v->metadata_only =
		strcmp(rule->collector, "registry") != 0 && strcmp(rule->collector, "ntfs") != 0 &&
		strcmp(rule->collector, "log") != 0 && strcmp(rule->collector, "execution") != 0;
	if (pattern[0] && pattern[1] == ':') { /* of one drive */
		if (same_letter(pattern[0], v->letter))
			apply(v, pattern + 2 + (pattern[2] == '/'));
	} else if (strncmp(pattern, "~/", 2) == 0) {
		text = xasprintf("Users/*/%s", pattern + 2);
		apply_with_old(v, text, true);
		free(text);
		for (size_t i = 0; i < home_count && v->c->status == OK; i++) {
			if (!same_letter(homes[i][0], v->letter) || strlen(homes[i]) < 4)
				continue;
			text = xasprintf("%s/%s", homes[i] + 3, pattern + 2);
			apply(v, text);
			free(text);
		}
	} else {
		apply_with_old(v, pattern, false);
		/* A system that is not in a folder called Windows. */
		if (_strnicmp(pattern, "Windows/", 8) == 0 && strlen(other) > 3 &&
		    _stricmp(other + 3, "Windows") != 0 && same_letter(other[0], v->letter) &&
		    v->c->status == OK) {
			text = xasprintf("%s/%s", other + 3, pattern + 8);
			apply(v, text);
			free(text);
		}
	}
	if (v->late && v->c->status == OK) {
		char why[100];
		struct taking t = taking_of(v, pattern);

		(void)snprintf(why, sizeof(why),
			       "%llu files that came after %u seconds for this rule",
			       (unsigned long long)v->late, rule->seconds);
		left_out(&t, 0, why);
		taking_end(&t);
	}
	free(other);
}

/* ---- drives and their shadow copies ---- */

/* What is there instead of NTFS, by its boot sector. */
static const char *other_file_system(struct volume *v)
{
	const uint8_t *b = v->piece;

	if (!read_sectors(v, 0, v->piece, SECTORS))
		return "cannot be read";
	return memcmp(b + 3, "-FVE-FS-", 8) == 0       ? "is locked by BitLocker"
	       : memcmp(b + 3, "ReFS\0\0\0\0", 8) == 0 ? "is ReFS"
	       : memcmp(b + 3, "EXFAT   ", 8) == 0     ? "is exFAT"
	       : memcmp(b + 82, "FAT32", 5) == 0 || memcmp(b + 54, "FAT1", 4) == 0 ? "is FAT"
										   : "is no NTFS";
}

static bool open_volume(struct volume *v, const wchar_t *device)
{
	struct ntfs_source source = {read_volume, v};
	struct problem problem = {PROBLEM_NO_OFFSET, ""};

	v->piece =
		VirtualAlloc(NULL, PIECE + SLOTS * SMALL, MEM_COMMIT | MEM_RESERVE, PAGE_READWRITE);
	if (!v->piece)
		return false;
	v->cache = v->piece + PIECE;
	v->disk = CreateFileW(device, GENERIC_READ,
			      FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE, NULL,
			      OPEN_EXISTING, 0, NULL);
	if (v->disk != INVALID_HANDLE_VALUE && ntfs_open(&v->ntfs, &source, &problem) < 0)
		v->ntfs = NULL;
	return true;
}

static void close_volume(struct volume *v)
{
	if (v->ntfs)
		ntfs_close(v->ntfs);
	if (v->disk && v->disk != INVALID_HANDLE_VALUE)
		(void)CloseHandle(v->disk);
	for (size_t i = 0; i < v->known_count; i++)
		free(v->known[i].path);
	free(v->known);
	buffer_release(&v->path);
	free(v->prefix);
	if (v->piece)
		(void)VirtualFree(v->piece, 0, MEM_RELEASE);
}

static void apply_profile(struct volume *v)
{
	const struct collect_options *o = v->c->o;

	for (const struct profile_rule *rule = o->profile->rules;
	     rule->pattern && v->c->status == OK; rule++) {
		/* The file system's own files cannot be opened: without the raw volume there is
		 * nothing to try. */
		if ((rule->secret && !o->secrets) ||
		    (!v->ntfs && strcmp(rule->collector, "ntfs") == 0))
			continue;
		apply_everywhere(v, rule);
	}
}

/* A shadow copy is a device of its own; which drive it is of, the volume's serial number says. */
struct shadows {
	unsigned *numbers;
	size_t count, cap;
};

static void add_shadow(struct shadows *s, unsigned number)
{
	for (size_t i = 0; i < s->count; i++)
		if (s->numbers[i] == number)
			return;
	s->numbers = xgrow(s->numbers, &s->cap, s->count + 1, sizeof(*s->numbers));
	s->numbers[s->count++] = number;
}

static int by_number(const void *a, const void *b)
{
	const unsigned *x = a, *y = b;

	return *x < *y ? -1 : *x > *y;
}

/* The names in \Device: no service is asked, so none can be stopped to hide them. */
static void find_shadows(struct shadows *found)
{
	static const wchar_t name[] = L"HarddiskVolumeShadowCopy";
	LONG(NTAPI * open)
	(HANDLE *, ACCESS_MASK, OBJECT_ATTRIBUTES *) =
		windows_proc(L"ntdll.dll", "NtOpenDirectoryObject");
	LONG(NTAPI * query)
	(HANDLE, void *, ULONG, BOOLEAN, BOOLEAN, ULONG *, ULONG *) =
		windows_proc(L"ntdll.dll", "NtQueryDirectoryObject");
	UNICODE_STRING path = {14, 16, (wchar_t *)(uintptr_t)L"\\Device"};
	OBJECT_ATTRIBUTES attributes = {.Length = sizeof(attributes),
					.ObjectName = &path,
					.Attributes = OBJ_CASE_INSENSITIVE};
	struct {
		UNICODE_STRING name, type;
		BYTE room[2048];
	} one;
	HANDLE folder = NULL;
	ULONG context = 0, got;
	const size_t n = wcslen(name);

	if (open && query && open(&folder, 1 /* DIRECTORY_QUERY */, &attributes) >= 0) {
		/* One at a time: the names stand behind the structure. */
		for (BOOLEAN first = TRUE;
		     query(folder, &one, sizeof(one), TRUE, first, &context, &got) >= 0;
		     first = FALSE)
			if (one.name.Buffer && one.name.Length / 2 > n &&
			    _wcsnicmp(one.name.Buffer, name, n) == 0)
				add_shadow(found, (unsigned)wcstoul(one.name.Buffer + n, NULL, 10));
		(void)CloseHandle(folder);
	}
	/* Where the folder cannot be read, or does not tell: the first numbers. */
	for (unsigned i = 1, none = !found->count; none && i <= 64; i++) {
		wchar_t device[80];
		HANDLE h;

		(void)_snwprintf(device, 80, L"\\\\?\\GLOBALROOT\\Device\\%ls%u", name, i);
		h = CreateFileW(device, 0, FILE_SHARE_READ | FILE_SHARE_WRITE, NULL, OPEN_EXISTING,
				0, NULL);
		if (h == INVALID_HANDLE_VALUE)
			continue;
		(void)CloseHandle(h);
		add_shadow(found, i);
	}
	if (found->count)
		qsort(found->numbers, found->count, sizeof(*found->numbers), by_number);
}

/* The newest first: what it shares with older ones is taken from it. */
static void shadow_copies(struct volume *now, const struct shadows *all)
{
	struct windows_collector *c = now->c;

	for (size_t i = all->count; i-- > 0 && c->status == OK;) {
		struct volume v = {
			.c = c, .letter = now->letter, .shadow = all->numbers[i], .now = now->ntfs};
		wchar_t device[80];

		v.prefix = xasprintf("\\\\?\\GLOBALROOT\\Device\\HarddiskVolumeShadowCopy%u",
				     v.shadow);
		(void)_snwprintf(device, 80,
				 L"\\\\?\\GLOBALROOT\\Device\\HarddiskVolumeShadowCopy%u",
				 v.shadow);
		if (open_volume(&v, device) && v.ntfs &&
		    ntfs_serial(v.ntfs) == ntfs_serial(now->ntfs)) {
			c->r->shadow_copies++;
			apply_profile(&v);
		}
		close_volume(&v);
	}
}

static void one_drive(struct windows_collector *c, char letter, const struct shadows *shadows)
{
	struct volume v = {.c = c, .letter = letter};
	wchar_t device[] = L"\\\\.\\X:", root[] = L"X:\\";

	device[4] = root[0] = (wchar_t)letter;
	v.prefix = xasprintf("%c:", letter);
	(void)GetVolumeInformationW(root, NULL, 0, &v.serial, NULL, NULL, NULL, 0);
	if (!open_volume(&v, device)) {
		close_volume(&v);
		return;
	}
	c->r->raw_volumes += v.ntfs != NULL;
	apply_profile(&v);
	if (v.ntfs && c->status == OK)
		shadow_copies(&v, shadows);
	if (!v.ntfs && !c->o->list && c->status == OK && c->o->profile->rules->pattern) {
		bool closed = v.disk == INVALID_HANDLE_VALUE;
		char *path = xasprintf("\\\\.\\%c:", letter);
		char *why =
			xasprintf("the raw volume %s; locked files and $MFT are not in this bundle",
				  closed ? "cannot be opened" : other_file_system(&v));
		struct bundle_file file = {.path = path, .collector = "ntfs"};

		/* Another file system has nothing more to give. */
		if (closed)
			bundle_missing(c->w, &file, why);
		else
			bundle_left_out(c->w, &file, why);
		free(path);
		free(why);
	}
	close_volume(&v);
}

void windows_files(struct windows_collector *c)
{
	DWORD there = GetLogicalDrives();
	struct shadows shadows = {0};

	windows_profiles(one_home, NULL);
	find_shadows(&shadows);
	for (char letter = 'A'; letter <= 'Z' && c->status == OK; letter++) {
		wchar_t root[] = L"X:\\";

		root[0] = (wchar_t)letter;
		if (c->o->drives) {
			if (!strchr(c->o->drives, letter) && !strchr(c->o->drives, letter + 32))
				continue;
		} else if (!(there >> (letter - 'A') & 1) || GetDriveTypeW(root) != DRIVE_FIXED) {
			continue;
		}
		one_drive(c, letter, &shadows);
	}
	for (size_t i = 0; i < taken.size; i++)
		free(taken.slots[i]);
	free(taken.slots);
	taken = (struct taken){0};
	for (size_t i = 0; i < content_count; i++)
		free(contents[i].member);
	free(contents);
	contents = NULL;
	content_count = content_cap = 0;
	for (size_t i = 0; i < home_count; i++)
		free(homes[i]);
	free(homes);
	homes = NULL;
	home_count = home_cap = 0;
	free(shadows.numbers);
}
