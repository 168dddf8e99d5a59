/* What the files of this layer share. */
#ifndef KONSEKI_EVIDENCE_INTERNAL_H
#define KONSEKI_EVIDENCE_INTERNAL_H

#include "base/limits.h"
#include "evidence/evidence.h"

#define HEAD_SIZE 65536

/* A content on its way: memory first, an unnamed temporary file when it grows. */
struct spill {
	int fd, scratch;
	uint64_t size; /* end of what was written */
	bool on_disk;
};
int spill_open(struct spill *s, int scratch); /* 0 or ERR_IO */
int spill_write(struct spill *s, uint64_t at, const void *data, size_t n);
/* Hands the descriptor over, sized (holes at the end count). */
void spill_finish(struct spill *s, uint64_t size, struct content *content);
void spill_drop(struct spill *s);

/* ---- layouts: whose collection it is, and what its members were called on the host ---- */

enum layout_kind {
	LAYOUT_PLAIN,
	LAYOUT_ROOT,
	LAYOUT_BUNDLE,
	LAYOUT_VELOCIRAPTOR,
	LAYOUT_KAPE,
	LAYOUT_UAC,
	LAYOUT_ACQUIRE,
	LAYOUT_CYLR,
	LAYOUT_ORC
};

struct layout;
struct layout *layout_new(const char *input_name);
void layout_free(struct layout *l);
/* Every name once, before anything is mapped. True: the content helps, give it to layout_read. */
bool layout_name(struct layout *l, const char *name);
void layout_read(struct layout *l, const char *name, struct view content);
/* After all names. */
void layout_decide(struct layout *l);
enum layout_kind layout_kind(const struct layout *l);
const char *layout_text(const struct layout *l);     /* "KAPE collection" */
const char *layout_host(const struct layout *l);     /* or NULL */
const char *layout_manifest(const struct layout *l); /* manifest.json of a bundle, or NULL */
/*
 * Fills path, host, mtime (where the collection states a better one), sha256, error of the item.
 * False: the member is the collection's own bookkeeping. The path's text is valid until the next
 * call.
 */
bool layout_map(struct layout *l, const char *name, struct item *item);
/* True when a member of that name is there. */
bool layout_has(const struct layout *l, const char *name);
/* Members that the manifest lists and that did not come: after the walk. fn's item is unreadable.
 */
int layout_missing(struct layout *l,
		   int (*fn)(void *data, struct evidence *e, const struct item *item), void *data,
		   struct evidence *e);

/* The kinds of evidence. All of a kind's state hangs on e->state. */
struct evidence {
	const struct evidence_kind_ops *ops;
	struct evidence_options options;
	const char *path;
	int fd;
	void *state;
	struct layout *layout;
	char type[200];
};

static inline void evidence_alive(const struct evidence *e)
{
	if (e->options.alive)
		e->options.alive(e->options.alive_data);
}

struct evidence_kind_ops {
	int (*open)(struct evidence *e, struct problem *problem);
	int (*walk)(struct evidence *e, int (*fn)(void *, struct evidence *, const struct item *),
		    void *data, struct problem *problem);
	struct view (*head)(struct evidence *e);
	int (*content)(struct evidence *e, struct content *content, struct problem *problem);
	int (*companion)(struct evidence *e, const char *suffix, struct content *content);
	void (*close)(struct evidence *e);
	uint64_t (*position)(const struct evidence *e); /* may be NULL */
	/* May be NULL. */
	int (*stream)(struct evidence *e, bool (*fn)(void *, const void *, size_t), void *data,
		      struct problem *problem);
};
extern const struct evidence_kind_ops evidence_archive, evidence_folder, evidence_image;

#endif
