#include "parsers/sqlite_view.h"

#include "base/memory.h"

#include <stdio.h>
#include <stdlib.h>

#define STEPS_PER_CALL 10000 /* virtual machine steps between two looks at the budget */
#define STEP_CALLS     40000 /* 400 million steps in all: some ten seconds */
#define HEAP	       (96 << 20)

/* What the database at hand reads: set by sqlite_view_open before the VFS is asked. */
struct source {
	struct view file, wal;
	uint32_t page_size;
	uint32_t pages;	    /* of the database as the log leaves it */
	uint32_t *frame_of; /* page number - 1 to frame number + 1, or 0 */
	uint64_t calls;
};
static _Thread_local struct source *current;

struct opened {
	sqlite3_file base;
	struct source *source;
};

static int fclose_(sqlite3_file *f)
{
	(void)f;
	return SQLITE_OK;
}

static int fread_(sqlite3_file *f, void *out, int n, sqlite3_int64 offset)
{
	struct source *s = ((struct opened *)f)->source;
	uint8_t *to = out;
	int short_read = 0;

	if (n < 0 || offset < 0)
		return SQLITE_IOERR_READ;
	memset(out, 0, (size_t)n);
	for (size_t done = 0; done < (size_t)n;) {
		uint64_t at = (uint64_t)offset + done, page = at / s->page_size,
			 in_page = at % s->page_size;
		size_t want = s->page_size - in_page;
		struct view from;

		if (want > (size_t)n - done)
			want = (size_t)n - done;
		if (page < s->pages && s->frame_of && s->frame_of[page])
			from = view_clip(
				s->wal,
				32 + (size_t)(s->frame_of[page] - 1) * (s->page_size + 24) + 24 +
					in_page,
				want);
		else
			from = view_clip(s->file, at, want);
		if (from.len < want)
			short_read = 1;
		if (from.len)
			memcpy(to + done, from.data, from.len);
		/* Bytes 18 and 19 say "write-ahead log"; this reader has it in already, and SQLite
		 * must not look for one. */
		for (uint64_t b = 18; b < 20; b++)
			if (at <= b && b < at + want)
				to[done + (b - at)] = 1;
		done += want;
	}
	return short_read ? SQLITE_IOERR_SHORT_READ : SQLITE_OK;
}

static int fwrite_(sqlite3_file *f, const void *data, int n, sqlite3_int64 offset)
{
	(void)f, (void)data, (void)n, (void)offset;
	return SQLITE_READONLY;
}
static int ftruncate_(sqlite3_file *f, sqlite3_int64 n)
{
	(void)f, (void)n;
	return SQLITE_READONLY;
}
static int fsync_(sqlite3_file *f, int flags)
{
	(void)f, (void)flags;
	return SQLITE_OK;
}
static int fsize_(sqlite3_file *f, sqlite3_int64 *size)
{
	struct source *s = ((struct opened *)f)->source;

	*size = s->frame_of ? (sqlite3_int64)s->pages * s->page_size : (sqlite3_int64)s->file.len;
	return SQLITE_OK;
}
static int flock_(sqlite3_file *f, int level)
{
	(void)f, (void)level;
	return SQLITE_OK;
}
static int freserved_(sqlite3_file *f, int *out)
{
	(void)f;
	*out = 0;
	return SQLITE_OK;
}
static int fcontrol_(sqlite3_file *f, int op, void *arg)
{
	(void)f, (void)op, (void)arg;
	return SQLITE_NOTFOUND;
}
static int fsector_(sqlite3_file *f)
{
	(void)f;
	return 4096;
}
static int ftraits_(sqlite3_file *f)
{
	(void)f;
	return SQLITE_IOCAP_IMMUTABLE;
}

static const sqlite3_io_methods methods = {
	.iVersion = 1,
	.xClose = fclose_,
	.xRead = fread_,
	.xWrite = fwrite_,
	.xTruncate = ftruncate_,
	.xSync = fsync_,
	.xFileSize = fsize_,
	.xLock = flock_,
	.xUnlock = flock_,
	.xCheckReservedLock = freserved_,
	.xFileControl = fcontrol_,
	.xSectorSize = fsector_,
	.xDeviceCharacteristics = ftraits_,
};

static int vopen(sqlite3_vfs *vfs, const char *name, sqlite3_file *file, int flags, int *out_flags)
{
	struct opened *o = (struct opened *)file;

	(void)vfs, (void)name;
	o->base.pMethods = NULL;
	if (!(flags & SQLITE_OPEN_MAIN_DB) || !current)
		return SQLITE_CANTOPEN;
	o->base.pMethods = &methods;
	o->source = current;
	if (out_flags)
		*out_flags = SQLITE_OPEN_READONLY | SQLITE_OPEN_MAIN_DB;
	return SQLITE_OK;
}
static int vdelete(sqlite3_vfs *vfs, const char *name, int sync)
{
	(void)vfs, (void)name, (void)sync;
	return SQLITE_READONLY;
}
static int vaccess(sqlite3_vfs *vfs, const char *name, int flags, int *out)
{
	(void)vfs, (void)name, (void)flags;
	*out = 0;
	return SQLITE_OK;
}
static int vpath(sqlite3_vfs *vfs, const char *name, int n, char *out)
{
	(void)vfs;
	(void)snprintf(out, (size_t)n, "%s", name);
	return SQLITE_OK;
}
static int vrandom(sqlite3_vfs *vfs, int n, char *out)
{
	(void)vfs;
	memset(out, 0, (size_t)n);
	return n;
}
static int vsleep(sqlite3_vfs *vfs, int n)
{
	(void)vfs;
	return n;
}
static int vtime(sqlite3_vfs *vfs, double *out)
{
	(void)vfs;
	*out = 2440587.5;
	return SQLITE_OK;
}
static int verror(sqlite3_vfs *vfs, int n, char *out)
{
	(void)vfs, (void)n, (void)out;
	return 0;
}

static sqlite3_vfs vfs = {
	.iVersion = 1,
	.szOsFile = sizeof(struct opened),
	.mxPathname = 64,
	.zName = "konseki-view",
	.xOpen = vopen,
	.xDelete = vdelete,
	.xAccess = vaccess,
	.xFullPathname = vpath,
	.xRandomness = vrandom,
	.xSleep = vsleep,
	.xCurrentTime = vtime,
	.xGetLastError = verror,
};

/* Section 4.2: the checksum of the log, over pairs of words in the byte order that the magic number
 * tells. */
static void sum(struct view v, bool big, uint32_t s[2])
{
	for (size_t i = 0; i + 8 <= v.len; i += 8) {
		uint32_t a = view_get32(v, i), b = view_get32(v, i + 4);

		s[0] += (big ? __builtin_bswap32(a) : a) + s[1];
		s[1] += (big ? __builtin_bswap32(b) : b) + s[0];
	}
}

static uint32_t be32(struct view v, size_t at)
{
	uint32_t x = 0;

	(void)view_u32be(v, at, &x);
	return x;
}

static void lay_log(struct source *s, struct sqlite_log *log)
{
	struct view w = s->wal;
	uint32_t magic = be32(w, 0), pages, s2[2] = {0, 0}, *pending = NULL;
	bool big = magic & 1;
	uint64_t count = 0;
	uint32_t most;

	if ((magic & 0xfffffffe) != 0x377f0682 || be32(w, 8) != s->page_size || w.len < 32)
		return;
	sum(view_sub(w, 0, 24), big, s2);
	if (s2[0] != be32(w, 24) || s2[1] != be32(w, 28))
		return;
	log->frames = (w.len - 32) / (s->page_size + 24);
	/* A page beyond what file and log could hold between them is nonsense. */
	most = (uint32_t)(s->file.len / s->page_size + log->frames + 1);
	pending = calloc(most, sizeof(*pending));
	s->frame_of = calloc(most, sizeof(*s->frame_of));
	if (!pending || !s->frame_of)
		goto out;
	for (uint64_t i = 0; i < log->frames; i++) {
		struct view f = view_sub(w, 32 + i * (s->page_size + 24), s->page_size + 24);

		if (be32(f, 8) != be32(w, 16) || be32(f, 12) != be32(w, 20))
			break; /* left over from an older log */
		sum(view_sub(f, 0, 8), big, s2);
		sum(view_from(f, 24), big, s2);
		if (s2[0] != be32(f, 16) || s2[1] != be32(f, 20) || be32(f, 0) == 0 ||
		    be32(f, 0) > most)
			break;
		pending[be32(f, 0) - 1] = (uint32_t)i + 1;
		count++;
		pages = be32(f, 4);
		if (pages == 0 || pages > most)
			continue;
		/* A commit: everything so far counts. */
		memcpy(s->frame_of, pending, most * sizeof(*pending));
		s->pages = pages;
		log->used = count;
	}
out:
	free(pending);
	if (!log->used) {
		free(s->frame_of);
		s->frame_of = NULL;
	}
}

static int budget(void *data)
{
	struct source *s = data;

	return ++s->calls > STEP_CALLS;
}

sqlite3 *sqlite_view_open(struct view file, struct view wal, struct sqlite_log *log,
			  struct problem *problem)
{
	static const int on[] = {SQLITE_DBCONFIG_DEFENSIVE};
	static const int off[] = {SQLITE_DBCONFIG_TRUSTED_SCHEMA, SQLITE_DBCONFIG_ENABLE_TRIGGER,
				  SQLITE_DBCONFIG_ENABLE_VIEW,
				  SQLITE_DBCONFIG_ENABLE_LOAD_EXTENSION,
				  SQLITE_DBCONFIG_ENABLE_FTS3_TOKENIZER};
	struct source *s;
	sqlite3 *db = NULL;
	uint16_t size = 0;

	*log = (struct sqlite_log){0};
	(void)view_u16be(file, 16, &size);
	if (!view_starts(file, "SQLite format 3\0", 16) ||
	    (size != 1 && (size < 512 || (size & (size - 1))))) {
		(void)problem_set(problem, ERR_FORMAT, 0, "no SQLite database");
		return NULL;
	}
	s = xcalloc(1, sizeof(*s));
	s->file = file;
	s->wal = wal;
	s->page_size = size == 1 ? 65536 : size;
	lay_log(s, log);
	current = s;
	if (sqlite3_vfs_register(&vfs, 0) != SQLITE_OK ||
	    sqlite3_open_v2("view", &db, SQLITE_OPEN_READONLY | SQLITE_OPEN_PRIVATECACHE,
			    "konseki-view") != SQLITE_OK) {
		(void)problem_set(problem, ERR_DATABASE, 0, "%s",
				  db ? sqlite3_errmsg(db) : "SQLite does not start");
		(void)sqlite3_close(db);
		free(s->frame_of);
		free(s);
		current = NULL;
		return NULL;
	}
	for (size_t i = 0; i < sizeof(on) / sizeof(on[0]); i++)
		(void)sqlite3_db_config(db, on[i], 1, NULL);
	for (size_t i = 0; i < sizeof(off) / sizeof(off[0]); i++)
		(void)sqlite3_db_config(db, off[i], 0, NULL);
	(void)sqlite3_hard_heap_limit64(HEAP);
	(void)sqlite3_limit(db, SQLITE_LIMIT_LENGTH, 16 << 20);
	(void)sqlite3_limit(db, SQLITE_LIMIT_ATTACHED, 0);
	(void)sqlite3_limit(db, SQLITE_LIMIT_EXPR_DEPTH, 100);
	(void)sqlite3_limit(db, SQLITE_LIMIT_VDBE_OP, 100000);
	(void)sqlite3_limit(db, SQLITE_LIMIT_WORKER_THREADS, 0);
	(void)sqlite3_exec(db,
			   "PRAGMA temp_store=2; PRAGMA cell_size_check=1; PRAGMA mmap_size=0; "
			   "PRAGMA cache_size=-16384",
			   NULL, NULL, NULL);
	sqlite3_progress_handler(db, STEPS_PER_CALL, budget, s);
	return db;
}

void sqlite_view_close(sqlite3 *db)
{
	if (!db)
		return;
	(void)sqlite3_close(db);
	if (current) {
		free(current->frame_of);
		free(current);
		current = NULL;
	}
}
