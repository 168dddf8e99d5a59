/*
 * Registry hives (REGF 1.3 to 1.6): the container. Offsets of cells count from the first hive bin,
 * which stands 4096 bytes into the file. Facts: Maxim Suhanov, "Windows registry file format
 * specification" (cited by its headings); libyal, "Windows NT Registry File (REGF) format".
 *
 * Nothing here prints or emits; every read is bounded; strings and data are views into the hive.
 */
#ifndef KONSEKI_PARSERS_HIVE_H
#define KONSEKI_PARSERS_HIVE_H

#include "base/event.h"
#include "base/limits.h"
#include "base/status.h"

#define HIVE_BASE 4096u
#define HIVE_NONE UINT32_MAX
/* "The registry tree can be 512 levels deep" (registry element size limits, Microsoft). */
#define HIVE_DEPTH 512

struct hive {
	struct view file;  /* the bytes in use: as given, or the overlay */
	struct view cells; /* hive bins: file from HIVE_BASE on */
	uint8_t *overlay;  /* owned copy with the logs replayed; NULL when none was */
	uint32_t root;	   /* cell of the root key; HIVE_NONE when it has to be searched */
	uint32_t major, minor;
	uint32_t primary, secondary; /* sequence numbers, as found in the file */
	uint64_t written;	     /* FILETIME of the base block */
	struct view name;	     /* UTF-16LE tail of the path that it was loaded from */
	bool header_bad;	     /* the base block's checksum is wrong */
	bool dirty;		     /* needs its logs: sequence numbers differ or header_bad */
	unsigned replayed;	     /* log entries (new format) or logs (old format) applied */
	unsigned pages;		     /* dirty pages or runs of sectors applied */
	const char *log_note;	     /* why a log was not used, or NULL */
};

struct hive_key {
	uint32_t offset; /* of its cell */
	uint16_t flags;
	uint64_t written; /* FILETIME */
	uint32_t parent;
	uint32_t subkeys, subkey_list; /* count and cell, as stated */
	uint32_t values, value_list;
	uint32_t class_cell;
	uint16_t class_len;
	struct view name; /* 8-bit (Latin-1) when ascii, else UTF-16LE */
	bool ascii;
};

enum {
	REG_NONE,
	REG_SZ,
	REG_EXPAND_SZ,
	REG_BINARY,
	REG_DWORD,
	REG_DWORD_BE,
	REG_LINK,
	REG_MULTI_SZ,
	REG_RESOURCE_LIST,
	REG_FULL_RESOURCE,
	REG_RESOURCE_REQUIREMENTS,
	REG_QWORD
};

struct hive_value {
	uint32_t offset; /* of its cell */
	struct view name;
	bool ascii;
	uint32_t type;
	uint32_t size;	  /* of the data, as stated */
	bool big;	  /* in segments: hive_data puts them together */
	struct view data; /* what can be seen without copying; the first segment when big */
	bool cut;	  /* less data than stated */
};

/*
 * Opens and, where the hive is dirty and a log fits, replays. Logs may be empty views. ERR_FORMAT:
 * no hive at all; anything less is read as far as it goes. Released with hive_release. The views
 * must outlive it.
 */
int hive_open(struct hive *h, struct view file, struct view log, struct view log1,
	      struct view log2);
void hive_release(struct hive *h);

/* The content of a cell, allocated or free; empty when it does not lie inside. */
struct view hive_cell(const struct hive *h, uint32_t offset);

bool hive_key_at(const struct hive *h, uint32_t offset, struct hive_key *k);
/* The same of a key whose cell content is known (inside a free cell). */
bool hive_key_in(struct view cell, uint32_t offset, struct hive_key *k);

/*
 * The cells of the subkeys, appended to (*list)[*count..] (grown by xgrow). The number of bad
 * entries goes to *bad. At most as many as the hive can hold; cyclic lists end.
 */
void hive_subkeys(const struct hive *h, const struct hive_key *k, uint32_t **list, size_t *cap,
		  size_t *count, unsigned *bad);

/* How many entries the list of values really has. */
uint32_t hive_value_count(const struct hive *h, const struct hive_key *k);
bool hive_value_at(const struct hive *h, const struct hive_key *k, uint32_t index,
		   struct hive_value *v);
bool hive_value_in(const struct hive *h, struct view cell, uint32_t offset, struct hive_value *v);
/* All of the data, at most `most` bytes; segments are put together in the arena. */
struct view hive_data(const struct hive *h, const struct hive_value *v, struct arena *a,
		      size_t most);

/* A name is this ASCII text, letters without case. */
bool hive_name_is(struct view name, bool ascii, const char *text);
/* Appends the name as UTF-8. */
void hive_name_append(struct buffer *out, struct view name, bool ascii);

/* Subkey of a key, by a path of names separated with '\'; letters without case. */
bool hive_find(const struct hive *h, const struct hive_key *from, const char *path,
	       struct hive_key *k);
/* Value of a key, by name; "" is the unnamed one. */
bool hive_find_value(const struct hive *h, const struct hive_key *k, const char *name,
		     struct hive_value *v);

/*
 * Walks the cells in the order of the file: (offset, content, allocated). `bad` is told of bins and
 * cells that do not fit, the walk goes on at the next bin. A negative return ends it.
 */
int hive_scan(const struct hive *h,
	      int (*cell)(void *data, uint32_t offset, struct view content, bool allocated),
	      int (*bad)(void *data, uint32_t offset, const char *why), void *data);

/* Exposed for tests: Marvin32, 64 bits of result. */
uint64_t hive_marvin32(uint64_t seed, struct view v);

#endif
