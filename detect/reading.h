/*
 * What the readers of rules share. A function that reads returns OK, or ERR_FORMAT after refuse: the document is then refused with
 * that reason. All that they make lives in the set's arena.
 */
#ifndef KONSEKI_DETECT_READING_H
#define KONSEKI_DETECT_READING_H

#include "detect/rule.h"

struct filter {
	const char **rules; /* ids or names; count 0: any */
	uint32_t rule_count;
	struct logsource logsource;
	struct rule *body; /* selections and condition */
	const char *path;
	uint32_t line;
};

struct placeholder {
	const char *name;
	struct texts_list {
		const char **items;
		uint32_t count;
	} values;
};

struct ruleset_private {
	uint32_t *predicate_slots, *field_slots; /* index + 1, open addressing */
	size_t predicate_mask, field_mask;
	struct filter *filters;
	size_t filter_count, filter_cap;
	struct placeholder *placeholders;
	size_t placeholder_count, placeholder_cap;
	struct trees *trees; /* or NULL */
	/* of the document being read */
	struct problem problem;
	uint32_t line;
	uint32_t predicates; /* of this rule */
	const char *path;
};

/* ruleset.c. Zeroed memory of the set; copies of texts, NUL-terminated (NULL stays NULL). */
void *ruleset_need(struct ruleset *set, size_t n);
const char *ruleset_keep(struct ruleset *set, const char *s, size_t n);
const char *ruleset_text(struct ruleset *set, const char *s);
/* Notes a document that was refused. */
void ruleset_problem(struct ruleset *set, const char *path, uint32_t line, const char *title,
		     const char *id, const char *reason);
/* ERR_FORMAT, with the reason for the document being read; `at`: the node that it is about, or NULL. */
#define refuse(set, at, ...) ruleset_refuse(set, (at) ? (at)->line : 0, __VA_ARGS__)
__attribute__((format(printf, 3, 4))) int ruleset_refuse(struct ruleset *set, uint32_t line,
							 const char *fmt, ...);
/* What lint says of a document that loads nevertheless. */
#define warn(set, at, ...) ruleset_warn(set, (set)->private->path, (at)->line, __VA_ARGS__)

/* value.c */
/* A growing list of nodes. */
struct nodes {
	struct node **items;
	size_t count, cap;
};
int nodes_add(struct ruleset *set, struct nodes *list, struct node *n, const struct yaml *at);
/* The list as one node; the list is empty then. */
struct node *nodes_join(struct ruleset *set, struct nodes *list, enum node_type type);
int selection_read(struct ruleset *set, const struct yaml *y, struct node **out, unsigned depth);

/* condition.c */
struct lexer {
	struct ruleset *set;
	struct rule *rule;
	const struct yaml *at;
	const char *p;
	char token[256];
	unsigned depth;
	/* Looks a name up: a selection, or (temporal correlations) a rule. */
	struct node *(*lookup)(struct lexer *l, const char *name);
};
int condition_text(struct lexer *l, struct node **out);
/* The selections of `detection:` and their condition, into the rule. */
int detection_read(struct ruleset *set, struct rule *rule, const struct yaml *detection,
		   const struct yaml *condition);

/* rule.c: a document of a file, for yaml_read; data is a struct file. */
struct file {
	struct ruleset *set;
	const char *path;
	struct yaml *global, *last;
};
int rule_document(void *data, struct yaml *doc);
/* A text or a list of texts. */
int texts_read(struct ruleset *set, const struct yaml *y, const char ***items, uint32_t *count);

#endif
