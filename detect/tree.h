/*
 * Reads YAML as yaml_read does, and keeps the trees as bytes, to be read back in a tenth of the time.
 */
#ifndef KONSEKI_DETECT_TREE_H
#define KONSEKI_DETECT_TREE_H

#include "detect/yaml.h"

struct trees;

/* From what trees_save made, or an empty view. The blob must outlive the trees and every node that is read. */
struct trees *trees_new(struct view blob);
void trees_free(struct trees *trees);

/* As yaml_read; with NULL for trees, the same. */
int trees_read(struct trees *trees, struct view text, struct arena *arena, yaml_document *fn,
	       void *data, struct problem *problem, uint32_t *line);

/* Texts that were read and can be kept; whether they are others than the blob has. */
size_t trees_count(const struct trees *trees);
bool trees_changed(const struct trees *trees);
void trees_save(const struct trees *trees, struct buffer *out);

#endif
