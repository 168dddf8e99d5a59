#define _GNU_SOURCE /* memfd_create, O_TMPFILE */
#include "evidence/internal.h"

#include "base/memory.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <strings.h>
#include <sys/mman.h>
#include <unistd.h>

/* Contents up to this stay in memory. */
#define SPILL_MEMORY (32u << 20)

static bool ends(const char *name, const char *suffix)
{
	size_t n = strlen(name), s = strlen(suffix);

	return n >= s && strcasecmp(name + n - s, suffix) == 0;
}

static bool ends_any(const char *name, const char *const *suffixes)
{
	for (; *suffixes; suffixes++)
		if (ends(name, *suffixes))
			return true;
	return false;
}

bool evidence_compressed(struct view head)
{
	return view_starts(head, "\x1f\x8b\x08", 3) ||
	       view_starts(head,
			   "\xfd"
			   "7zXZ\0",
			   6) ||
	       view_starts(head, "\x28\xb5\x2f\xfd", 4) ||
	       view_starts(head, "\x04\x22\x4d\x18", 4) || view_starts(head, "\x1f\x9d", 2) ||
	       (view_starts(head, "BZh", 3) && view_get8(head, 3) >= '1' &&
		view_get8(head, 3) <= '9' &&
		memcmp(view_clip(head, 4, 6).len == 6 ? (const char *)head.data + 4
						      : "\0\0\0\0\0\0",
		       "\x31\x41\x59\x26\x53\x59", 6) == 0);
}

/* A volume or a table of them: boot sectors and superblocks of what libtsk reads. */
static bool looks_like_volume(struct view head)
{
	if (view_starts(view_from(head, 3), "NTFS    ", 8) ||
	    view_starts(view_from(head, 3), "EXFAT   ", 8) ||
	    view_starts(view_from(head, 512), "EFI PART", 8) ||
	    view_starts(view_from(head, 4096), "EFI PART", 8) ||
	    view_starts(view_from(head, 32769), "CD001", 5))
		return true;
	if (view_get16(head, 1080) == 0xef53 &&
	    view_get32(head, 1048) < 7) /* ext superblock: s_magic, s_log_block_size */
		return true;
	if (view_starts(view_from(head, 1024), "H+", 2) ||
	    view_starts(view_from(head, 1024), "HX", 2) ||
	    view_starts(view_from(head, 32), "NXSB", 4))
		return true;
	if (view_get16(head, 510) == 0xaa55) {
		if (view_starts(view_from(head, 54), "FAT1", 4) ||
		    view_starts(view_from(head, 82), "FAT32", 5))
			return true;
		for (unsigned i = 0; i < 4;
		     i++) { /* MBR entries: status, type, first sector, count */
			size_t at = 446 + 16 * (size_t)i;
			uint8_t status = view_get8(head, at);

			if (status != 0 && status != 0x80)
				return false;
			if (view_get8(head, at + 4) && view_get32(head, at + 8) &&
			    view_get32(head, at + 12))
				return true;
		}
	}
	return false;
}

enum evidence_kind evidence_look(struct view head, uint64_t size, const char *name,
				 const char **why)
{
	/* Compressed tars are told by name: a compressed log looks the same from outside. */
	static const char *const tars[] = {".tar.gz", ".tgz",	  ".tar.zst", ".tzst",
					   ".tar.xz", ".txz",	  ".tar.bz2", ".tbz2",
					   ".tbz",    ".tar.lz4", ".tar.Z",   NULL};
	/* Documents that are zips. */
	static const char *const documents[] = {
		".docx",  ".xlsx", ".pptx", ".docm", ".xlsm", ".odt", ".ods",
		".odp",	  ".jar",  ".war",  ".apk",  ".xpi",  ".crx", ".whl",
		".nupkg", ".epub", ".vsix", ".appx", ".msix", ".ipa", NULL};
	static const struct {
		const char *magic;
		size_t len;
		const char *why;
	} unsupported[] = {
		{"QFI\xfb", 4,
		 "qcow2 images are not supported (convert with: qemu-img convert -O raw)"},
		{"vhdxfile", 8,
		 "VHDX images are not supported (convert with: qemu-img convert -O raw)"},
		{"EVF2\r\n\x81", 7, "Ex01 images are not supported (export as E01 or raw)"},
		{"ADSEGMENTEDFILE", 15, "AD1 images are not supported (export as E01 or raw)"},
		{"age-encryption.org/v1", 21,
		 "it is encrypted: age -d -i KEY FILE > BUNDLE.tar.zst first"},
		{"LVFF", 4, "Ex01 logical evidence is not supported"},
	};

	if (why)
		*why = NULL;
	for (size_t i = 0; i < sizeof(unsupported) / sizeof(unsupported[0]); i++)
		if (view_starts(head, unsupported[i].magic, unsupported[i].len)) {
			if (why)
				*why = unsupported[i].why;
			return EVIDENCE_UNSUPPORTED;
		}
	if (view_starts(view_from(head, 64), "\x7f\x10\xda\xbe", 4)) {
		if (why)
			*why = "VDI images are not supported (convert with: qemu-img convert -O "
			       "raw)";
		return EVIDENCE_UNSUPPORTED;
	}
	if ((view_starts(head, "PK\3\4", 4) || view_starts(head, "PK\5\6", 4)) &&
	    !ends_any(name, documents))
		return EVIDENCE_ARCHIVE;
	if (view_starts(head, "7z\xbc\xaf\x27\x1c", 6) || view_starts(head, "Rar!\x1a\x07", 6) ||
	    view_starts(view_from(head, 257), "ustar", 5) ||
	    (view_starts(head, "MSCF\0\0\0\0", 8) && ends(name, ".cab")))
		return EVIDENCE_ARCHIVE;
	if (evidence_compressed(head) && ends_any(name, tars))
		return EVIDENCE_ARCHIVE;
	if (view_starts(head, "EVF\x09\x0d\x0a\xff\0", 8) || view_starts(head, "KDMV", 4) ||
	    view_starts(head, "COWD", 4) || view_starts(head, "# Disk DescriptorFile", 21) ||
	    view_starts(head, "conectix", 8) || view_starts(head, "AFF10\r\n", 7))
		return EVIDENCE_IMAGE;
	if (ends(name, ".vhd") && size >= 512)
		return EVIDENCE_IMAGE; /* fixed: its mark stands at the end */
	if (size >= 32768 && size % 512 == 0 && looks_like_volume(head))
		return EVIDENCE_IMAGE;
	return EVIDENCE_FILE;
}

struct evidence *evidence_open(const char *path, int fd, enum evidence_kind kind,
			       const struct evidence_options *options, struct problem *problem)
{
	struct evidence *e = xcalloc(1, sizeof(*e));
	const char *name = strrchr(path, '/');

	e->options = *options;
	if (e->options.max_file == 0 || e->options.max_file > LIMIT_MEMBER)
		e->options.max_file = LIMIT_MEMBER;
	e->path = path;
	e->fd = fd;
	e->ops = kind == EVIDENCE_FOLDER  ? &evidence_folder
		 : kind == EVIDENCE_IMAGE ? &evidence_image
					  : &evidence_archive;
	e->layout = layout_new(name && name[1] ? name + 1 : path);
	if (e->ops->open(e, problem) == OK)
		return e;
	evidence_close(e);
	return NULL;
}

const char *evidence_type(const struct evidence *e)
{
	return e->type;
}

const char *evidence_manifest(const struct evidence *e)
{
	return layout_manifest(e->layout);
}

const char *evidence_host(const struct evidence *e)
{
	return layout_host(e->layout);
}

bool evidence_is_loose(const struct evidence *e)
{
	return layout_kind(e->layout) == LAYOUT_PLAIN && e->ops == &evidence_folder;
}

bool evidence_is_plain_archive(const struct evidence *e)
{
	return layout_kind(e->layout) == LAYOUT_PLAIN && e->ops == &evidence_archive;
}

uint64_t evidence_position(const struct evidence *e)
{
	return e->ops->position ? e->ops->position(e) : 0;
}

int evidence_walk(struct evidence *e,
		  int (*fn)(void *data, struct evidence *e, const struct item *item), void *data,
		  struct problem *problem)
{
	int status;

	problem->reason[0] = 0;
	problem->offset = PROBLEM_NO_OFFSET;
	status = e->ops->walk(e, fn, data, problem);
	/* It may be cut between two members, where tar and zstd miss nothing. */
	if (status == OK && !problem->reason[0] && e->layout &&
	    layout_kind(e->layout) == LAYOUT_BUNDLE && !layout_has(e->layout, "manifest.json"))
		(void)problem_set(problem, ERR_TRUNCATED, PROBLEM_NO_OFFSET,
				  "the bundle is INCOMPLETE: it ends before its manifest; what is "
				  "whole before that was read");
	return status;
}

struct view evidence_head(struct evidence *e)
{
	return e->ops->head(e);
}

int evidence_content(struct evidence *e, struct content *content, struct problem *problem)
{
	*content = (struct content){.fd = -1};
	return e->ops->content(e, content, problem);
}

int evidence_stream(struct evidence *e, bool (*fn)(void *data, const void *piece, size_t n),
		    void *data, struct problem *problem)
{
	return e->ops->stream ? e->ops->stream(e, fn, data, problem) : ERR_UNSUPPORTED;
}

bool evidence_lists_autoruns(const struct evidence *e)
{
	return e->layout && layout_kind(e->layout) == LAYOUT_BUNDLE &&
	       layout_has(e->layout, "live/autoruns.jsonl");
}

int evidence_companion(struct evidence *e, const char *suffix, struct content *content)
{
	*content = (struct content){.fd = -1};
	return e->ops->companion ? e->ops->companion(e, suffix, content) : ERR_NOT_FOUND;
}

void evidence_close(struct evidence *e)
{
	if (!e)
		return;
	e->ops->close(e);
	layout_free(e->layout);
	free(e);
}

/* ---- contents ---- */

int spill_open(struct spill *s, int scratch)
{
	*s = (struct spill){.scratch = scratch};
	s->fd = memfd_create("content", MFD_CLOEXEC);
	return s->fd < 0 ? ERR_IO : OK;
}

static int write_all(int fd, uint64_t at, const uint8_t *data, size_t n)
{
	while (n) {
		ssize_t done = pwrite(fd, data, n, (off_t)at);

		if (done < 0 && errno == EINTR)
			continue;
		if (done <= 0)
			return ERR_IO;
		data += done;
		at += (uint64_t)done;
		n -= (size_t)done;
	}
	return OK;
}

static int to_disk(struct spill *s)
{
	int disk = openat(s->scratch, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	uint8_t *block = xmalloc(1u << 20);
	int status = disk < 0 ? ERR_IO : OK;

	for (uint64_t at = 0; status == OK && at < s->size;) {
		ssize_t n = pread(s->fd, block, 1u << 20, (off_t)at);

		status = n <= 0 ? ERR_IO : write_all(disk, at, block, (size_t)n);
		at += n > 0 ? (uint64_t)n : 0;
	}
	free(block);
	if (status != OK) {
		if (disk >= 0)
			(void)close(disk);
		return status;
	}
	(void)close(s->fd);
	s->fd = disk;
	s->on_disk = true;
	return OK;
}

int spill_write(struct spill *s, uint64_t at, const void *data, size_t n)
{
	if (!s->on_disk && s->scratch >= 0 && at + n > SPILL_MEMORY && to_disk(s) != OK)
		s->scratch =
			-1; /* a folder that takes no such files: memory it is, up to its limit */
	if (!s->on_disk && at + n > LIMIT_ARENA)
		return ERR_MEMORY;
	if (write_all(s->fd, at, data, n) < 0)
		return ERR_IO;
	if (at + n > s->size)
		s->size = at + n;
	return OK;
}

void spill_finish(struct spill *s, uint64_t size, struct content *content)
{
	if (size > s->size && ftruncate(s->fd, (off_t)size) == 0)
		s->size = size;
	content->fd = s->fd;
	content->memory = s->on_disk ? 0 : s->size;
	s->fd = -1;
}

void spill_drop(struct spill *s)
{
	if (s->fd >= 0)
		(void)close(s->fd);
	s->fd = -1;
}
