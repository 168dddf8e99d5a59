/*
 * YAML as a tree of nodes (YAML 1.1, by libyaml). Rules are hostile: depth, count of nodes and size of
 * the text are bounded, an alias is a copy that counts against the same bound (so that a bomb of
 * aliases is refused), one that stands inside its own anchor is refused.
 */
#ifndef KONSEKI_DETECT_YAML_H
#define KONSEKI_DETECT_YAML_H

#include "base/buffer.h"
#include "base/status.h"

#define LIMIT_YAML_BYTES ((size_t)8 << 20) /* of a file: the largest rule of SigmaHQ has 160 KiB */
#define LIMIT_YAML_NODES 200000 /* of a document, aliases counted as what they stand for */

enum yaml_type { YAML_SCALAR, YAML_SEQUENCE, YAML_MAPPING };

struct yaml {
	enum yaml_type type;
	bool quoted;	  /* a scalar in quotes or a block: always text */
	uint32_t line;	  /* from 1 */
	uint32_t count;	  /* of items; a mapping has 2 * pairs: key, value, key, value */
	struct view text; /* of a scalar: UTF-8, NUL-terminated */
	struct yaml **items;
};

/* What a scalar is: YAML 1.1's core types without its surprises (yes, no, 1:30 and octal are text). */
enum yaml_scalar { YAML_NULL, YAML_BOOL, YAML_INTEGER, YAML_FLOAT, YAML_STRING };
enum yaml_scalar yaml_scalar(const struct yaml *n, int64_t *integer, double *number, bool *truth);

/* Value of a key of a mapping, or NULL. */
struct yaml *yaml_get(const struct yaml *mapping, const char *key);
/* The text of a key's scalar, or NULL when it is not there, null or no scalar. */
const char *yaml_string(const struct yaml *mapping, const char *key);

/* Takes the documents one by one; 0 goes on, a negative status stops and is returned. */
typedef int yaml_document(void *data, struct yaml *document);
/*
 * Reads all documents of the text; nodes live in the arena. ERR_FORMAT (the text is no YAML; what came
 * before was handed over), ERR_LIMIT, ERR_MEMORY; *problem then has the reason and *line the line.
 */
int yaml_read(struct view text, struct arena *arena, yaml_document *fn, void *data,
	      struct problem *problem, uint32_t *line);

/* A whole file into a buffer; at most LIMIT_YAML_BYTES. ERR_IO (errno), ERR_LIMIT. */
int yaml_slurp(const char *path, struct buffer *out);

#endif
