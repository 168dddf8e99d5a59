/*
 * Disk images through libtsk: volumes, file systems, every file with its streams. The library is
 * loaded when the first image comes: it draws some forty others in, which every other command would
 * pay for.
 */
#define _GNU_SOURCE /* strcasestr */
#include "evidence/internal.h"

#include "base/memory.h"

#include <dlfcn.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <tsk/libtsk.h>

#define BLOCK	    (256u << 10)
#define VOLUMES_MAX 256

/* clang-format off */
#define TSK_CALLS(CALL)                                                                            \
	CALL(tsk_img_open_sing)                                                                    \
	CALL(tsk_img_close)                                                                        \
	CALL(tsk_vs_open)                                                                          \
	CALL(tsk_vs_close)                                                                         \
	CALL(tsk_vs_part_get) CALL(tsk_vs_type_toname) CALL(tsk_img_type_toname)                   \
		CALL(tsk_fs_open_img) CALL(tsk_fs_close) CALL(tsk_fs_type_toname)                  \
			CALL(tsk_fs_dir_walk) CALL(tsk_fs_file_attr_getsize)                       \
				CALL(tsk_fs_file_attr_get_idx) CALL(tsk_fs_attr_read)              \
					CALL(tsk_fs_path2inum) CALL(tsk_fs_file_open_meta)         \
						CALL(tsk_fs_file_close) CALL(tsk_fs_file_read)     \
							CALL(tsk_error_get) CALL(tsk_error_reset)
/* clang-format on */

static struct {
#define CALL(name) __typeof__(name) *name;
	TSK_CALLS(CALL)
#undef CALL
} tsk;

static bool load(struct problem *problem)
{
	void *library = dlopen("libtsk.so.19", RTLD_NOW | RTLD_LOCAL);

	if (!library)
		library = dlopen("libtsk.so", RTLD_NOW | RTLD_LOCAL);
	if (!library) {
		(void)problem_set(problem, ERR_UNSUPPORTED, PROBLEM_NO_OFFSET,
				  "disk images need libtsk: %s", dlerror());
		return false;
	}
#define CALL(name)                                                                                 \
	if (!(*(void **)&tsk.name = dlsym(library, #name))) {                                      \
		(void)problem_set(problem, ERR_UNSUPPORTED, PROBLEM_NO_OFFSET,                     \
				  "libtsk without " #name);                                        \
		return false;                                                                      \
	}
	TSK_CALLS(CALL)
#undef CALL
	return true;
}

struct volume {
	TSK_FS_INFO *fs;
	uint64_t offset; /* bytes into the image */
	char member[32]; /* "p2": where it is */
	char prefix[40]; /* before its paths: "C:/", "/" or "p2/" */
};

struct state {
	TSK_IMG_INFO *image;
	struct volume volumes[VOLUMES_MAX];
	size_t count;
	struct problem problem; /* of a volume that could not be read */
	/* The file at hand. */
	const TSK_FS_ATTR *attribute;
	uint64_t skip; /* bytes of leading holes that are left out */
	const char *folder, *name;
	TSK_FS_INFO *fs;
	uint8_t *head;
};

static const char *why(void)
{
	const char *text = tsk.tsk_error_get();

	return text ? text : "no reason given";
}

static bool has(TSK_FS_INFO *fs, const char *path)
{
	TSK_INUM_T found;
	bool yes = tsk.tsk_fs_path2inum(fs, path, &found, NULL) == 0;

	tsk.tsk_error_reset();
	return yes;
}

static bool windows_type(const TSK_FS_INFO *fs)
{
	return TSK_FS_TYPE_ISNTFS(fs->ftype) || TSK_FS_TYPE_ISFAT(fs->ftype);
}

static void add_volume(struct evidence *e, uint64_t offset, const char *member, bool told)
{
	struct state *s = e->state;
	TSK_FS_INFO *fs = tsk.tsk_fs_open_img(s->image, (TSK_OFF_T)offset, TSK_FS_TYPE_DETECT);
	struct volume *v;
	size_t n = strlen(e->type);

	if (!fs) {
		if (told)
			(void)problem_set(&s->problem, ERR_FORMAT, offset,
					  "%s: no file system that can be read: %s", member, why());
		tsk.tsk_error_reset();
		return;
	}
	if (s->count == VOLUMES_MAX) {
		tsk.tsk_fs_close(fs);
		return;
	}
	if (fs->last_block_act < fs->last_block)
		(void)problem_set(
			&s->problem, ERR_TRUNCATED,
			offset + (fs->last_block_act + 1) * fs->block_size,
			"%s: the image ends before its file system does (%llu of %llu blocks)",
			member, (unsigned long long)fs->last_block_act + 1,
			(unsigned long long)fs->last_block + 1);
	v = &s->volumes[s->count++];
	*v = (struct volume){.fs = fs, .offset = offset};
	(void)snprintf(v->member, sizeof(v->member), "%s", member);
	(void)snprintf(e->type + n, sizeof(e->type) - n, "%s%s", s->count > 1 ? ", " : "",
		       tsk.tsk_fs_type_toname(fs->ftype));
}

static void read_hostname(struct evidence *e, TSK_FS_INFO *fs)
{
	TSK_INUM_T found;
	TSK_FS_FILE *file;
	char text[256];
	ssize_t n = -1;

	if (tsk.tsk_fs_path2inum(fs, "/etc/hostname", &found, NULL) == 0 &&
	    (file = tsk.tsk_fs_file_open_meta(fs, NULL, found))) {
		n = tsk.tsk_fs_file_read(file, 0, text, sizeof(text), TSK_FS_FILE_READ_FLAG_NONE);
		tsk.tsk_fs_file_close(file);
	}
	tsk.tsk_error_reset();
	if (n > 0 && layout_name(e->layout, "etc/hostname"))
		layout_read(e->layout, "etc/hostname", view_of(text, (size_t)n));
}

static int open_image(struct evidence *e, struct problem *problem)
{
	struct state *s = e->state = xcalloc(1, sizeof(*s));
	TSK_VS_INFO *volumes;
	size_t prefix;
	char path[PATH_MAX];

	s->head = xmalloc(HEAD_SIZE);
	if (!load(problem))
		return ERR_UNSUPPORTED;
	/* By the descriptor, unless the format may go on in files beside it. */
	if (e->options.by_name && (strcasestr(e->path, ".e0") || strcasestr(e->path, ".s0") ||
				   strcasestr(e->path, ".001") || strcasestr(e->path, ".vmdk") ||
				   strcasestr(e->path, ".af") || strcasestr(e->path, ".vhd")))
		(void)snprintf(path, sizeof(path), "%s", e->path);
	else
		(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", e->fd);
	s->image = tsk.tsk_img_open_sing(path, TSK_IMG_TYPE_DETECT, 0);
	if (!s->image)
		return problem_set(problem, ERR_FORMAT, PROBLEM_NO_OFFSET, "disk image: %s", why());
	(void)snprintf(e->type, sizeof(e->type),
		       "%s image: ", tsk.tsk_img_type_toname(s->image->itype));
	prefix = strlen(e->type);
	volumes = tsk.tsk_vs_open(s->image, 0, TSK_VS_TYPE_DETECT);
	tsk.tsk_error_reset();
	if (volumes) {
		for (TSK_PNUM_T i = 0; i < volumes->part_count && i < VOLUMES_MAX; i++) {
			const TSK_VS_PART_INFO *part = tsk.tsk_vs_part_get(volumes, i);
			char member[32];

			if (!part || !(part->flags & TSK_VS_PART_FLAG_ALLOC))
				continue;
			(void)snprintf(member, sizeof(member), "p%u", (unsigned)part->addr);
			add_volume(e, (uint64_t)part->start * volumes->block_size + volumes->offset,
				   member, true);
		}
		tsk.tsk_vs_close(volumes);
	}
	if (s->count == 0) {
		struct problem earlier = s->problem;

		s->problem.reason[0] = 0;
		add_volume(e, 0, "volume", false);
		if (s->count == 0)
			s->problem = earlier;
	}
	if (s->count == 0) {
		if (s->problem.reason[0]) {
			*problem = s->problem;
			return ERR_FORMAT;
		}
		return problem_set(problem, ERR_FORMAT, PROBLEM_NO_OFFSET,
				   "disk image (%s): no file system that can be read",
				   tsk.tsk_img_type_toname(s->image->itype));
	}
	if (strlen(e->type) == prefix)
		(void)snprintf(e->type + prefix, sizeof(e->type) - prefix, "no file system");
	/* The volume of the system is called as the system called it, others by their place. */
	bool drive = false, root = false;
	for (size_t i = 0; i < s->count; i++) {
		struct volume *v = &s->volumes[i];
		bool windows = windows_type(v->fs);

		if (windows && !drive &&
		    (s->count == 1 || has(v->fs, "/Windows") || has(v->fs, "/WINDOWS"))) {
			(void)snprintf(v->prefix, sizeof(v->prefix), "C:/");
			drive = true;
		} else if (!windows && !root && (s->count == 1 || has(v->fs, "/etc"))) {
			(void)snprintf(v->prefix, sizeof(v->prefix), "/");
			root = true;
			read_hostname(e, v->fs);
		} else {
			(void)snprintf(v->prefix, sizeof(v->prefix), "%s/", v->member);
		}
	}
	return OK;
}

/* One stream's content from its `skip` on, into memory or a file. Holes stay holes. */
static int read_stream(struct evidence *e, const TSK_FS_ATTR *attribute, uint64_t skip,
		       struct content *content)
{
	uint64_t size = attribute->size > 0 ? (uint64_t)attribute->size : 0, at = skip, end = size;
	struct spill spill;
	char *block;

	content->problem.reason[0] = 0;
	if (spill_open(&spill, e->options.scratch) < 0)
		return ERR_IO;
	if (end - skip > e->options.max_file) {
		end = skip + e->options.max_file;
		(void)problem_set(&content->problem, ERR_LIMIT, end, "larger than the limit: cut");
	}
	block = xmalloc(BLOCK);
	while (at < end) {
		size_t want = end - at < BLOCK ? (size_t)(end - at) : BLOCK;
		ssize_t n = tsk.tsk_fs_attr_read(attribute, (TSK_OFF_T)at, block, want,
						 TSK_FS_FILE_READ_FLAG_NONE);

		if (n <= 0) {
			(void)problem_set(&content->problem, ERR_IO, at, "cannot be read whole: %s",
					  n < 0 ? why() : "cut");
			tsk.tsk_error_reset();
			break;
		}
		/* all zeros: a hole */
		if ((block[0] || memcmp(block, block + 1, (size_t)n - 1) != 0) &&
		    spill_write(&spill, at - skip, block, (size_t)n) < 0) {
			(void)problem_set(&content->problem, ERR_IO, at,
					  "no room for its content: cut");
			break;
		}
		at += (uint64_t)n;
		evidence_alive(e);
	}
	free(block);
	spill_finish(&spill, at - skip, content);
	return OK;
}

static int stream(struct evidence *e, bool (*fn)(void *, const void *, size_t), void *data,
		  struct problem *problem)
{
	struct state *s = e->state;
	uint64_t at = s->skip,
		 end = s->attribute && s->attribute->size > 0 ? (uint64_t)s->attribute->size : 0;
	char *block = xmalloc(BLOCK);
	int status = OK;

	while (status == OK && at < end) {
		ssize_t n = tsk.tsk_fs_attr_read(s->attribute, (TSK_OFF_T)at, block,
						 end - at < BLOCK ? (size_t)(end - at) : BLOCK,
						 TSK_FS_FILE_READ_FLAG_NONE);

		if (n <= 0) {
			status = problem_set(problem, ERR_IO, at, "cannot be read whole: %s",
					     n < 0 ? why() : "cut");
			tsk.tsk_error_reset();
		} else if (!fn(data, block, (size_t)n)) {
			status = ERR_STOPPED;
		} else {
			at += (uint64_t)n;
		}
	}
	free(block);
	return status;
}

/* Bytes of holes before the first data: the change journal is hours of them. */
static uint64_t leading_hole(const TSK_FS_ATTR *attribute, const TSK_FS_INFO *fs)
{
	uint64_t blocks = 0;

	if (!(attribute->flags & TSK_FS_ATTR_NONRES))
		return 0;
	for (const TSK_FS_ATTR_RUN *run = attribute->nrd.run;
	     run && (run->flags & (TSK_FS_ATTR_RUN_FLAG_SPARSE | TSK_FS_ATTR_RUN_FLAG_FILLER));
	     run = run->next)
		blocks = run->offset + run->len;
	blocks *= fs->block_size;
	return attribute->size > 0 && blocks < (uint64_t)attribute->size ? blocks : 0;
}

struct walker {
	int (*fn)(void *, struct evidence *, const struct item *);
	void *data;
	struct evidence *e;
	const struct volume *volume;
	struct buffer path, member;
	int status;
};

static int64_t time_of(time_t seconds, uint32_t nano)
{
	int64_t ts = seconds ? time_from_unix(seconds) : TIME_NONE;

	return ts != TIME_NONE && nano < 1000000000 ? ts + nano : ts;
}

static TSK_WALK_RET_ENUM visit(TSK_FS_FILE *file, const char *folder, void *data)
{
	struct walker *w = data;
	struct state *s = w->e->state;
	const TSK_FS_NAME *name = file->name;
	const TSK_FS_META *meta = file->meta;
	bool regular = (meta && meta->type == TSK_FS_META_TYPE_REG) ||
		       (name && name->type == TSK_FS_NAME_TYPE_REG);
	bool ntfs = TSK_FS_TYPE_ISNTFS(file->fs_info->ftype), any = false;
	int count;

	if (!name || !name->name || TSK_FS_ISDOT(name->name) ||
	    name->type == TSK_FS_NAME_TYPE_VIRT || name->type == TSK_FS_NAME_TYPE_VIRT_DIR ||
	    (meta && meta->type == TSK_FS_META_TYPE_VIRT))
		return TSK_WALK_CONT;
	if (!regular && !ntfs)
		return TSK_WALK_CONT; /* on NTFS a folder may have streams */
	s->fs = file->fs_info;
	s->folder = folder;
	s->name = name->name;
	count = meta ? tsk.tsk_fs_file_attr_getsize(file) : 0;
	tsk.tsk_error_reset();
	for (int i = 0; i <= count; i++) {
		const TSK_FS_ATTR *a = i < count ? tsk.tsk_fs_file_attr_get_idx(file, i) : NULL;
		struct item item = {.mtime = TIME_NONE,
				    .atime = TIME_NONE,
				    .ctime = TIME_NONE,
				    .btime = TIME_NONE};
		bool named;

		if (i < count && !a)
			continue;
		if (a && ((a->type != TSK_FS_ATTR_TYPE_NTFS_DATA &&
			   a->type != TSK_FS_ATTR_TYPE_DEFAULT &&
			   a->type != TSK_FS_ATTR_TYPE_HFS_DATA) ||
			  a->size < 0))
			continue;
		if (!a && (any || !regular))
			break; /* what has no data at all is still listed */
		named = a && a->name && a->name[0] && strcmp(a->name, "$Data") != 0 && ntfs;
		if (!named && !regular)
			continue;
		any = true;
		w->path.len = w->member.len = 0;
		buffer_printf(&w->path, "%s%s%s%s%s", w->volume->prefix, folder, name->name,
			      named ? ":" : "", named ? a->name : "");
		buffer_printf(&w->member, "%s/%s%s%s%s", w->volume->member, folder, name->name,
			      named ? ":" : "", named ? a->name : "");
		if (w->path.len > LIMIT_PATH)
			continue;
		s->attribute = a;
		s->skip = a && named && strcmp(a->name, "$J") == 0 ? leading_hole(a, file->fs_info)
								   : 0;
		item.path = buffer_text(&w->path);
		item.member = buffer_text(&w->member);
		item.host = layout_host(w->e->layout);
		item.size = a ? (uint64_t)a->size - s->skip : 0;
		item.deleted = name->flags & TSK_FS_NAME_FLAG_UNALLOC ||
			       (meta && meta->flags & TSK_FS_META_FLAG_UNALLOC);
		if (meta) {
			item.mtime = time_of(meta->mtime, meta->mtime_nano);
			item.atime = time_of(meta->atime, meta->atime_nano);
			item.ctime = time_of(meta->ctime, meta->ctime_nano);
			item.btime = time_of(meta->crtime, meta->crtime_nano);
			item.has_meta = true;
			item.mode = meta->mode & 07777;
			item.uid = (uint32_t)meta->uid;
			item.gid = (uint32_t)meta->gid;
			item.inode = meta->addr;
		}
		if (!meta || (!a && item.deleted)) {
			item.unreadable = true;
			item.error = "deleted: its content is not known any more";
		} else if (name->flags & TSK_FS_NAME_FLAG_UNALLOC &&
			   meta->flags & TSK_FS_META_FLAG_ALLOC) {
			item.unreadable = true;
			item.error = "deleted: its place belongs to another file";
		} else if (!a && meta->size > 0) {
			item.unreadable = true;
			item.error = "its content cannot be found";
		}
		w->status = w->fn(w->data, w->e, &item);
		if (w->status < 0)
			return TSK_WALK_STOP;
	}
	return TSK_WALK_CONT;
}

static int walk(struct evidence *e, int (*fn)(void *, struct evidence *, const struct item *),
		void *data, struct problem *problem)
{
	struct state *s = e->state;
	struct walker w = {.fn = fn, .data = data, .e = e};

	*problem = s->problem;
	for (size_t i = 0; w.status == OK && i < s->count; i++) {
		const TSK_FS_DIR_WALK_FLAG_ENUM flags = TSK_FS_DIR_WALK_FLAG_ALLOC |
							TSK_FS_DIR_WALK_FLAG_UNALLOC |
							TSK_FS_DIR_WALK_FLAG_RECURSE;

		w.volume = &s->volumes[i];
		if (tsk.tsk_fs_dir_walk(w.volume->fs, w.volume->fs->root_inum, flags, visit, &w) &&
		    w.status == OK)
			(void)problem_set(problem, ERR_FORMAT, w.volume->offset, "%s: %s",
					  w.volume->member, why());
		tsk.tsk_error_reset();
	}
	buffer_release(&w.path);
	buffer_release(&w.member);
	return w.status;
}

static struct view head(struct evidence *e)
{
	struct state *s = e->state;
	ssize_t n = s->attribute ? tsk.tsk_fs_attr_read(s->attribute, (TSK_OFF_T)s->skip,
							(char *)s->head, HEAD_SIZE,
							TSK_FS_FILE_READ_FLAG_NONE)
				 : -1;

	tsk.tsk_error_reset();
	return view_of(s->head, n > 0 ? (size_t)n : 0);
}

static int content(struct evidence *e, struct content *content, struct problem *problem)
{
	struct state *s = e->state;
	struct spill spill;

	if (!s->attribute) { /* an empty file */
		if (spill_open(&spill, -1) < 0)
			return problem_set(problem, ERR_IO, PROBLEM_NO_OFFSET, "%s",
					   strerror(errno));
		spill_finish(&spill, 0, content);
		return OK;
	}
	if (read_stream(e, s->attribute, s->skip, content) < 0)
		return problem_set(problem, ERR_IO, PROBLEM_NO_OFFSET, "%s", strerror(errno));
	return OK;
}

static int companion(struct evidence *e, const char *suffix, struct content *content)
{
	struct state *s = e->state;
	char *path = suffix[0] == '/' ? xasprintf("/%s%s", s->folder, suffix + 1)
				      : xasprintf("/%s%s%s", s->folder, s->name, suffix);
	TSK_FS_FILE *file = NULL;
	TSK_INUM_T found;
	int status = ERR_NOT_FOUND;

	if (tsk.tsk_fs_path2inum(s->fs, path, &found, NULL) == 0)
		file = tsk.tsk_fs_file_open_meta(s->fs, NULL, found);
	for (int i = 0; file && i < tsk.tsk_fs_file_attr_getsize(file) && status < 0; i++) {
		const TSK_FS_ATTR *a = tsk.tsk_fs_file_attr_get_idx(file, i);

		if (a && a->size > 0 &&
		    (a->type == TSK_FS_ATTR_TYPE_NTFS_DATA || a->type == TSK_FS_ATTR_TYPE_DEFAULT))
			status = read_stream(e, a, 0, content);
	}
	if (file)
		tsk.tsk_fs_file_close(file);
	tsk.tsk_error_reset();
	free(path);
	return status;
}

static void close_image(struct evidence *e)
{
	struct state *s = e->state;

	if (!s)
		return;
	for (size_t i = 0; i < s->count; i++)
		tsk.tsk_fs_close(s->volumes[i].fs);
	if (s->image)
		tsk.tsk_img_close(s->image);
	free(s->head);
	free(s);
}

const struct evidence_kind_ops evidence_image = {open_image, walk,	  head, content,
						 companion,  close_image, NULL, stream};
