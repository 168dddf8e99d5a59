/*
 * The mapping of logsources: which events a rule's logsource means, and how each source calls the
 * fields of a generic category. One readable YAML file (mapping.yml, built in and installed), which
 * users extend by files of the same form. The record's own channel, provider and event id decide, or
 * its kind and parser where it has no channel; never the name of a file.
 */
#ifndef KONSEKI_DETECT_MAPPING_H
#define KONSEKI_DETECT_MAPPING_H

#include "base/event.h"
#include "detect/yaml.h"

struct texts {
	const char **items;
	uint32_t count;
};

/* How a field that rules use is made of a source's own. */
struct derive {
	const char *field; /* as rules call it */
	struct texts from; /* fields of the source: the first that is there... */
	bool join;	   /* ...or all of them, joined by `with` */
	bool every; /* ...or each of them as a value; there when the one of its own name is */
	const char *with;
	const char *part; /* or the member of a list "NAME=value,NAME=value" */
	const char *
		after; /* or what stands in a text after this key: "\tHostName=", up to the line's end */
	const char **replace; /* pairs: a text at the start of the value, what stands for it */
	uint32_t replace_count;
	const char **values; /* pairs: the whole value, what stands for it */
	uint32_t value_count;
};

struct where {
	const char *field;
	struct texts values; /* one of them, without case */
};

struct source {
	const char *name;
	uint32_t index;
	const char *product;
	struct texts category, service;
	struct texts channel, provider; /* of the record, without case; * and ? */
	uint64_t *event_ids;
	uint32_t event_id_count; /* 0: any */
	struct texts parser;	 /* events without a channel: parser (glob)... */
	struct texts kind;	 /* ...and kind (glob); empty: any */
	struct texts has;	 /* ...and fields that must be there */
	struct where *where;	 /* further conditions, all of them */
	uint32_t where_count;
	struct derive *fields;
	uint32_t field_count;
};

struct mapping {
	struct arena arena;
	struct source **sources;
	size_t count, cap;
};

/* The built-in mapping. */
struct mapping *mapping_new(struct problem *problem);
/* Adds a file: a source of a name that exists replaces it. */
int mapping_add(struct mapping *m, const char *path, struct problem *problem);
int mapping_add_text(struct mapping *m, struct view text, struct problem *problem);
void mapping_free(struct mapping *m);

#endif
