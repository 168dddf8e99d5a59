/*
 * Sigma rules, read as they are (Sigma 2.1: rules, correlations, filters, collections) into trees of
 * predicates. A predicate that several rules share exists once in the set. What cannot be read is
 * refused whole, with file, line and reason; the rest of the files is read.
 * Source of every decision: sigma-specification 2.1, and pySigma where the specification is silent.
 */
#ifndef KONSEKI_DETECT_RULE_H
#define KONSEKI_DETECT_RULE_H

#include "detect/yaml.h"

/* Predicates that one rule may have after all its lists are expanded. */
#define LIMIT_RULE_PREDICATES 100000
/* Variants of one value that windash, base64offset and expand may make. */
#define LIMIT_VARIANTS 3125
/* Rules that a correlation may refer to. */
#define LIMIT_CORRELATION_RULES 64
/* Events that one window of a correlation holds: beyond it the oldest go, and the hit says so. */
#define LIMIT_WINDOW 1000000
/* Bytes that all rules may take. */
#define LIMIT_RULES_MEMORY ((size_t)512 << 20)

/* Wildcards inside a pattern: bytes that UTF-8 never has. */
#define PATTERN_ANY ((uint8_t)0xfe) /* '*': any text */
#define PATTERN_ONE ((uint8_t)0xff) /* '?': one code point */

enum predicate_type {
	PREDICATE_STRING,   /* the whole value matches the pattern */
	PREDICATE_REGEX,    /* PCRE finds it in the value */
	PREDICATE_CIDR,	    /* the value is an address of the network */
	PREDICATE_NUMBER,   /* the value is that number */
	PREDICATE_COMPARE,  /* the value, or a part of its time, compares so with number */
	PREDICATE_NULL,	    /* the field is not there */
	PREDICATE_EXISTS,   /* the field is there */
	PREDICATE_FIELDREF, /* the value relates to that of another field */
};
enum compare_op { COMPARE_EQ, COMPARE_LT, COMPARE_LTE, COMPARE_GT, COMPARE_GTE };
enum time_part { PART_NONE, PART_MINUTE, PART_HOUR, PART_DAY, PART_WEEK, PART_MONTH, PART_YEAR };
enum anchor { ANCHOR_WHOLE, ANCHOR_START, ANCHOR_END, ANCHOR_INSIDE };

#define FIELD_ANY 0u /* of keywords: every value of the event */

struct predicate {
	uint8_t type;	/* enum predicate_type */
	bool cased;	/* STRING, FIELDREF: letters' case counts */
	uint8_t op;	/* COMPARE: enum compare_op */
	uint8_t part;	/* COMPARE: enum time_part */
	uint8_t anchor; /* FIELDREF: enum anchor: how the value relates to the other's */
	bool regex_i, regex_m, regex_s;
	uint8_t family; /* CIDR: 4 or 6 */
	uint8_t prefix;
	uint8_t address[16];
	uint32_t field; /* index into ruleset.fields */
	uint32_t other; /* FIELDREF */
	double number;	/* NUMBER, COMPARE */
	bool integral;	/* NUMBER: integer holds it exactly */
	int64_t integer;
	struct view
		text; /* STRING: the pattern, folded unless cased; REGEX: the expression; else as written */
};

enum node_type {
	NODE_AND,
	NODE_OR,
	NODE_NOT,
	NODE_COUNT,
	NODE_PREDICATE,
	NODE_SELECTION,
	NODE_NEVER
};

struct node {
	uint8_t type;
	uint32_t need;	    /* COUNT: how many kids must hold */
	uint32_t count;	    /* of kids */
	uint32_t predicate; /* PREDICATE: index into ruleset.predicates */
	uint32_t list;	  /* OR of scanned predicates: the engine's number of it, from 1; else 0 */
	bool exact;	  /* ...all of which the scan decides */
	const char *name; /* SELECTION: its name */
	struct node **kids;
};

enum level {
	LEVEL_INFORMATIONAL,
	LEVEL_LOW,
	LEVEL_MEDIUM,
	LEVEL_HIGH,
	LEVEL_CRITICAL,
	LEVEL_COUNT
};
const char *level_text(enum level level);
/* LEVEL_COUNT when there is no such level. */
enum level level_of(const char *text);

struct logsource {
	const char *product, *category, *service; /* NULL: not given */
};

enum correlation_type {
	CORRELATE_EVENT_COUNT,
	CORRELATE_VALUE_COUNT,
	CORRELATE_TEMPORAL,
	CORRELATE_TEMPORAL_ORDERED,
	CORRELATE_VALUE_SUM,
	CORRELATE_VALUE_AVG,
	CORRELATE_VALUE_PERCENTILE,
	CORRELATE_VALUE_MEDIAN,
};

struct correlation {
	enum correlation_type type;
	uint32_t *rules;	 /* indices into ruleset.rules, in the order given */
	const char **references; /* as written */
	uint32_t rule_count;
	const char **group_by; /* names of fields or aliases */
	uint32_t group_count;
	const char **fields; /* of value_*: more than one makes a tuple (value_count) */
	uint32_t field_count;
	struct alias {
		const char *name;
		uint32_t count;
		const char **references; /* rule... */
		uint32_t *rules;
		const char **fields; /* ...and its field of that name */
	} * aliases;
	uint32_t alias_count;
	int64_t timespan; /* ns */
	bool has_lower, lower_open, has_upper, upper_open, has_equal, has_unequal;
	double lower, upper, equal, unequal;
	double percentile; /* 0..100 */
	bool generate;	   /* the rules it refers to report on their own too */
	struct node *
		condition; /* temporal with an expression: PREDICATE nodes index `rules`; else NULL */
};

struct rule {
	const char *id, *name, *title, *status, *description, *author, *date, *taxonomy;
	const char *path; /* as given: file, or folder + file found in it */
	uint32_t line;
	uint32_t index;	 /* in ruleset.rules */
	uint8_t level;	 /* enum level; LEVEL_INFORMATIONAL when the rule has none */
	bool silent;	 /* only feeds correlations that do not `generate` */
	bool referenced; /* some correlation needs its hits */
	struct logsource logsource;
	const char **tags;
	uint32_t tag_count;
	struct node *condition; /* NULL for a correlation */
	const char **selection_names;
	struct node **selections;
	uint32_t *selection_lines;
	uint32_t selection_count;
	const char **output_fields; /* `fields:` of the rule */
	uint32_t output_count;
	struct correlation *correlation;
};

/* A document that was refused. */
struct rule_problem {
	const char *path;
	uint32_t line;
	const char *title; /* or NULL */
	const char *id;	   /* or NULL */
	const char *reason;
};

struct ruleset {
	struct arena arena;
	struct rule **rules;
	size_t rule_count, rule_cap;
	struct rule_problem *problems;
	size_t problem_count, problem_cap;
	bool lint;		       /* collect warnings: set before anything is added */
	struct rule_problem *warnings; /* of rules that load, but hardly mean what they say */
	size_t warning_count, warning_cap;
	struct predicate *predicates;
	size_t predicate_count, predicate_cap;
	const char **fields; /* [FIELD_ANY] is "" */
	size_t field_count, field_cap;
	size_t files, filters; /* read, applied */
	struct ruleset_private *private;
};

/* Values for |expand: `name: [value, ...]` in a YAML file. */
struct placeholders;

struct ruleset *ruleset_new(void);
void ruleset_free(struct ruleset *set);

/* Rules that are added later are read through these; they must outlive the set. */
struct trees;
void ruleset_trees(struct ruleset *set, struct trees *trees);

/* Placeholder values for what is added later. ERR_IO, ERR_FORMAT with *problem. */
int ruleset_placeholders(struct ruleset *set, const char *path, struct problem *problem);

/*
 * Adds all rules of a file, or of every *.yml and *.yaml below a folder (sorted; links not followed).
 * Refused documents go to set->problems. ERR_IO when the path itself cannot be read.
 */
int ruleset_add(struct ruleset *set, const char *path, struct problem *problem);
/* Adds the documents of a text; `path` names it. */
void ruleset_add_text(struct ruleset *set, const char *path, struct view text);

/* When everything is added: applies filters, resolves what correlations refer to. Rules that fail go to problems. */
void ruleset_finish(struct ruleset *set);

/* detect/lint.c: after that, adds what is odd about the rules that load to set->warnings. */
void ruleset_lint(struct ruleset *set);
__attribute__((format(printf, 4, 5))) void ruleset_warn(struct ruleset *set, const char *path,
							uint32_t line, const char *fmt, ...);

/* Index of a field, added when it is new. */
uint32_t ruleset_field(struct ruleset *set, const char *name);
/* The same without adding: FIELD_ANY when there is none. */
uint32_t ruleset_field_find(const struct ruleset *set, const char *name);
/* A predicate's index; equal ones share one. */
uint32_t ruleset_predicate(struct ruleset *set, const struct predicate *p);
/* By id, name or title; NULL when there is none. */
const struct rule *ruleset_find(const struct ruleset *set, const char *text);

/* Whether the whole text matches the pattern of a PREDICATE_STRING; both folded, or neither. */
bool pattern_matches(struct view pattern, struct view text);

/* A node in the set's arena. */
struct node *node_make(struct ruleset *set, enum node_type type, uint32_t count);

/* Appends the code points of the text without case: one rule for patterns and values. Repairs invalid UTF-8. */
void fold_utf8(struct buffer *out, struct view text);
void fold_utf16(struct buffer *out, struct view utf16le);
uint32_t fold_code(uint32_t code);
bool fold_is_letter(uint32_t code); /* or a digit, beyond ASCII */

#endif
