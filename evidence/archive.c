/*
 * Archives through libarchive: twice over the input, once for the names, the manifests, and the files that belong to another
 * one (logs of hives and databases, which may stand behind or before it), once for the contents.
 */
#include "evidence/internal.h"

#include "base/memory.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#define BLOCK	     (256u << 10)
#define METADATA_MAX (256u << 20) /* bytes of a manifest: some million files */

/* Bytes of all companions together: those of a whole host have some hundred MiB. */
#define COMPANIONS_MAX (UINT64_C(8) << 30)

/* A file that belongs to another one, kept in the first pass: its bytes stand in state.kept. */
struct companion {
	char *name;
	uint64_t offset, size;
};

struct state {
	struct archive *a;
	struct spill kept;
	bool keeping;
	struct companion *companions; /* sorted by name */
	size_t companion_count, companion_cap;
	char *name; /* of the member at hand */
	bool in_entry;
	uint8_t *head;
	size_t head_len;
	bool head_read, head_ended;
	uint64_t out; /* bytes that came out of the archive */
};

static struct archive *start(int fd, bool raw)
{
	struct archive *a = archive_read_new();

	if (!a)
		return NULL;
	/* Only filters inside the library: some of the "all" start programs. */
	(void)archive_read_support_filter_gzip(a);
	(void)archive_read_support_filter_bzip2(a);
	(void)archive_read_support_filter_xz(a);
	(void)archive_read_support_filter_lzma(a);
	(void)archive_read_support_filter_zstd(a);
	(void)archive_read_support_filter_lz4(a);
	(void)archive_read_support_filter_compress(a);
	if (raw) {
		(void)archive_read_support_format_raw(a);
	} else {
		(void)archive_read_support_format_tar(a);
		(void)archive_read_support_format_zip(a);
		(void)archive_read_support_format_7zip(a);
		(void)archive_read_support_format_rar(a);
		(void)archive_read_support_format_rar5(a);
		(void)archive_read_support_format_cab(a);
	}
	(void)lseek(fd, 0, SEEK_SET);
	if (archive_read_open_fd(a, fd, BLOCK) != ARCHIVE_OK && archive_errno(a) != 0) {
		/* kept: archive_error_string tells why */
	}
	return a;
}

static const char *reason(struct archive *a)
{
	const char *text = archive_error_string(a);

	return text ? text : "not an archive that can be read";
}

/* More came out than any honest compression gives. */
static bool is_bomb(struct archive *a, uint64_t out)
{
	int64_t in = archive_filter_bytes(a, -1);

	return out > 1u << 20 && out / LIMIT_RATIO > (uint64_t)(in > 0 ? in : 1);
}

static const char *entry_name(struct archive_entry *entry)
{
	const char *name = archive_entry_pathname_utf8(entry);

	if (!name)
		name = archive_entry_pathname(entry);
	if (!name)
		return NULL;
	while (name[0] == '.' && name[1] == '/')
		name += 2;
	return *name ? name : NULL;
}

static struct buffer read_metadata(struct archive *a)
{
	struct buffer b = {0};

	for (;;) {
		char *room = buffer_reserve(&b, BLOCK);
		la_ssize_t n = archive_read_data(a, room, BLOCK);

		if (n <= 0)
			break;
		b.len += (size_t)n;
		if (b.len > METADATA_MAX || is_bomb(a, b.len))
			break;
	}
	return b;
}

/* Members that companions_of (cmd/) asks for: transaction logs of hives, journals of databases, the order of WMI's pages. */
static bool is_companion(const char *name)
{
	static const char *const patterns[] = {
		"*.log1",
		"*.log2",
		"*/ntuser.dat.log",
		"*/usrclass.dat.log",
		"*/system.log",
		"*/software.log",
		"*/sam.log",
		"*/security.log",
		"*/default.log",
		"*/amcache.hve.log",
		"*-wal",
		"*-journal",
		"*mapping?.map",
	};

	for (size_t i = 0; i < sizeof(patterns) / sizeof(patterns[0]); i++)
		if (view_glob(view_text(name), patterns[i]))
			return true;
	return false;
}

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct companion *)a)->name, ((const struct companion *)b)->name);
}

static void keep(struct evidence *e, struct archive *a, const char *name)
{
	struct state *s = e->state;
	uint64_t from = s->keeping ? s->kept.size : 0, at = from;
	uint8_t *block;
	la_ssize_t n;

	if (!s->keeping && spill_open(&s->kept, e->options.scratch) < 0)
		return;
	s->keeping = true;
	block = xmalloc(BLOCK);
	while ((n = archive_read_data(a, block, BLOCK)) > 0) {
		/* One that does not fit is left out: half a log could make a hive worse. */
		if (at - from + (uint64_t)n > e->options.max_file ||
		    at + (uint64_t)n > COMPANIONS_MAX || is_bomb(a, at - from) ||
		    spill_write(&s->kept, at, block, (size_t)n) < 0) {
			n = -1;
			break;
		}
		at += (uint64_t)n;
		evidence_alive(e);
	}
	free(block);
	if (n < 0 || at == from)
		return;
	s->companions = xgrow(s->companions, &s->companion_cap, s->companion_count + 1,
			      sizeof(*s->companions));
	s->companions[s->companion_count++] = (struct companion){xstrdup(name), from, at - from};
}

static int companion(struct evidence *e, const char *suffix, struct content *content)
{
	struct state *s = e->state;
	const char *slash = s->name ? strrchr(s->name, '/') : NULL;
	size_t folder = slash ? (size_t)(slash - s->name) + 1 : 0;
	struct companion key = {0}, *found;
	struct spill spill;
	uint8_t *block;
	uint64_t at = 0;

	if (!s->name || !s->companion_count)
		return ERR_NOT_FOUND;
	key.name = suffix[0] == '/' ? xasprintf("%.*s%s", (int)folder, s->name, suffix + 1)
				    : xasprintf("%s%s", s->name, suffix);
	found = bsearch(&key, s->companions, s->companion_count, sizeof(key), by_name);
	free(key.name);
	if (!found || spill_open(&spill, e->options.scratch) < 0)
		return ERR_NOT_FOUND;
	block = xmalloc(BLOCK);
	while (at < found->size) {
		size_t want = found->size - at < BLOCK ? (size_t)(found->size - at) : BLOCK;
		ssize_t n = pread(s->kept.fd, block, want, (off_t)(found->offset + at));

		if (n <= 0 || spill_write(&spill, at, block, (size_t)n) < 0)
			break;
		at += (uint64_t)n;
	}
	free(block);
	if (at < found->size) {
		spill_drop(&spill);
		return ERR_NOT_FOUND;
	}
	spill_finish(&spill, at, content);
	return OK;
}

static int open_archive(struct evidence *e, struct problem *problem)
{
	struct state *s = e->state = xcalloc(1, sizeof(*s));
	struct archive *a = start(e->fd, false);
	struct archive_entry *entry;
	int result = ARCHIVE_OK;
	unsigned long names = 0;
	char why[200];

	while (a && (result = archive_read_next_header(a, &entry)) >= ARCHIVE_WARN &&
	       result != ARCHIVE_EOF) {
		const char *name = entry_name(entry);

		names++;
		evidence_alive(e);
		if (name && archive_entry_filetype(entry) == AE_IFREG &&
		    layout_name(e->layout, name)) {
			struct buffer b = read_metadata(a);

			layout_read(e->layout, name, buffer_as_view(&b));
			buffer_release(&b);
		} else if (name && archive_entry_filetype(entry) == AE_IFREG &&
			   !archive_entry_is_encrypted(entry) && is_companion(name)) {
			keep(e, a, name);
		}
	}
	if (s->companion_count)
		qsort(s->companions, s->companion_count, sizeof(*s->companions), by_name);
	(void)snprintf(why, sizeof(why), "%s", a ? reason(a) : "no memory");
	if (names == 0 && result != ARCHIVE_EOF) {
		if (a)
			(void)archive_read_free(a);
		return problem_set(problem, ERR_FORMAT, PROBLEM_NO_OFFSET, "%s", why);
	}
	layout_decide(e->layout);
	(void)snprintf(e->type, sizeof(e->type), "%s (%s)", layout_text(e->layout),
		       archive_format_name(a));
	(void)archive_read_free(a);
	s->head = xmalloc(HEAD_SIZE);
	return OK;
}

static struct view head(struct evidence *e)
{
	struct state *s = e->state;

	while (!s->head_read && s->head_len < HEAD_SIZE) {
		la_ssize_t n =
			archive_read_data(s->a, s->head + s->head_len, HEAD_SIZE - s->head_len);

		if (n <= 0) {
			s->head_ended = true;
			break;
		}
		s->head_len += (size_t)n;
	}
	s->head_read = true;
	return view_of(s->head, s->head_len);
}

static int content(struct evidence *e, struct content *content, struct problem *problem)
{
	struct state *s = e->state;
	struct view first = head(e);
	struct spill spill;
	uint64_t at = first.len;
	uint8_t *block;
	la_ssize_t n = 0;

	if (spill_open(&spill, e->options.scratch) < 0 ||
	    spill_write(&spill, 0, first.data, first.len) < 0) {
		spill_drop(&spill);
		return problem_set(problem, ERR_IO, PROBLEM_NO_OFFSET, "%s", strerror(errno));
	}
	s->out += first.len;
	content->problem.reason[0] = 0;
	block = xmalloc(BLOCK);
	while (!s->head_ended && (n = archive_read_data(s->a, block, BLOCK)) > 0) {
		if (at + (uint64_t)n > e->options.max_file) {
			(void)problem_set(&content->problem, ERR_LIMIT, at,
					  "larger than the limit: cut");
			break;
		}
		if (is_bomb(s->a, s->out)) {
			(void)problem_set(&content->problem, ERR_LIMIT, at,
					  "compressed beyond %u times: taken for a bomb, cut",
					  LIMIT_RATIO);
			break;
		}
		if (spill_write(&spill, at, block, (size_t)n) < 0) {
			(void)problem_set(&content->problem, ERR_IO, at,
					  "no room for its content: cut");
			break;
		}
		at += (uint64_t)n;
		s->out += (uint64_t)n;
		evidence_alive(e);
	}
	if (n < 0)
		(void)problem_set(&content->problem, ERR_TRUNCATED, at, "%s", reason(s->a));
	free(block);
	spill_finish(&spill, at, content);
	return OK;
}

static int walk(struct evidence *e, int (*fn)(void *, struct evidence *, const struct item *),
		void *data, struct problem *problem)
{
	struct state *s = e->state;
	struct archive_entry *entry;
	int result, status = OK;

	s->a = start(e->fd, false);
	if (!s->a)
		return problem_set(problem, ERR_MEMORY, PROBLEM_NO_OFFSET, "no memory");
	while ((result = archive_read_next_header(s->a, &entry)) >= ARCHIVE_WARN &&
	       result != ARCHIVE_EOF) {
		const char *name = entry_name(entry);
		struct item item = {.size = UINT64_MAX, .mtime = TIME_NONE};

		if (!name || archive_entry_filetype(entry) != AE_IFREG)
			continue;
		if (archive_entry_hardlink(entry))
			continue; /* its content stands under the other name */
		if (archive_entry_size_is_set(entry) && archive_entry_size(entry) >= 0)
			item.size = (uint64_t)archive_entry_size(entry);
		if (archive_entry_mtime_is_set(entry)) {
			item.mtime = time_from_unix(archive_entry_mtime(entry));
			if (item.mtime != TIME_NONE)
				item.mtime += archive_entry_mtime_nsec(entry);
		}
		s->head_len = 0;
		s->head_read = s->head_ended = false;
		if (archive_entry_is_encrypted(entry)) {
			item.unreadable = true;
			item.error = "encrypted member";
		}
		item.member = name;
		free(s->name);
		s->name = xstrdup(name);
		if (!layout_map(e->layout, name, &item))
			continue;
		status = fn(data, e, &item);
		if (status < 0)
			break;
	}
	if (status == OK && result != ARCHIVE_EOF)
		(void)problem_set(problem, ERR_TRUNCATED, (uint64_t)archive_filter_bytes(s->a, -1),
				  "%s", reason(s->a));
	(void)archive_read_free(s->a);
	s->a = NULL;
	free(s->name);
	s->name = NULL;
	return status < 0 ? status : layout_missing(e->layout, fn, data, e);
}

static void close_archive(struct evidence *e)
{
	struct state *s = e->state;

	if (!s)
		return;
	if (s->a)
		(void)archive_read_free(s->a);
	free(s->head);
	free(s->name);
	for (size_t i = 0; i < s->companion_count; i++)
		free(s->companions[i].name);
	free(s->companions);
	if (s->keeping)
		spill_drop(&s->kept);
	free(s);
}

static uint64_t position(const struct evidence *e)
{
	const struct state *s = e->state;
	int64_t n = s->a ? archive_filter_bytes(s->a, -1) : 0;

	return n > 0 ? (uint64_t)n : 0;
}

const struct evidence_kind_ops evidence_archive = {open_archive, walk,		head,	  content,
						   companion,	 close_archive, position, NULL};

int evidence_expand(int fd, const struct evidence_options *options, struct content *content)
{
	struct archive *a = start(fd, true);
	struct archive_entry *entry;
	struct spill spill;
	uint64_t at = 0, limit = options->max_file ? options->max_file : LIMIT_MEMBER;
	uint8_t *block;
	la_ssize_t n = 0;

	*content = (struct content){.fd = -1};
	if (!a || archive_read_next_header(a, &entry) < ARCHIVE_WARN ||
	    archive_filter_count(a) < 2) {
		if (a)
			(void)archive_read_free(a);
		return ERR_FORMAT;
	}
	if (spill_open(&spill, options->scratch) < 0) {
		(void)archive_read_free(a);
		return ERR_IO;
	}
	block = xmalloc(BLOCK);
	while ((n = archive_read_data(a, block, BLOCK)) > 0) {
		int status = at + (uint64_t)n > limit || is_bomb(a, at)
				     ? ERR_LIMIT
				     : spill_write(&spill, at, block, (size_t)n);

		if (status < 0) {
			(void)problem_set(&content->problem, status, at,
					  status == ERR_LIMIT ? "decompressed beyond the limit: cut"
							      : "no room for its content: cut");
			break;
		}
		at += (uint64_t)n;
	}
	if (n < 0)
		(void)problem_set(&content->problem, ERR_TRUNCATED, at, "decompression: %s",
				  reason(a));
	free(block);
	spill_finish(&spill, at, content);
	(void)archive_read_free(a);
	return OK;
}
