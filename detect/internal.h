/* What the files of the engine share. */
#ifndef KONSEKI_DETECT_INTERNAL_H
#define KONSEKI_DETECT_INTERNAL_H

#include "detect/engine.h"
#include "detect/hash.h"
#include "detect/tree.h"

#include <hs.h>
#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

/* How a predicate gets its truth. */
enum how {
	HOW_LAZY,   /* computed when a rule asks */
	HOW_EXACT,  /* the scan of its field decides */
	HOW_VERIFY, /* the scan says no or perhaps; the pattern then decides */
	HOW_EAGER, /* computed for each value that is scanned: a rule has nothing better to be found by */
};

struct use { /* of a literal by a predicate */
	uint32_t predicate;
	uint32_t anchor; /* enum anchor; never ANCHOR_WHOLE */
};
struct literal {
	struct view text; /* folded */
	uint32_t field;
	uint32_t use_first, use_count;
};
struct whole { /* predicates that want the whole value to be one text */
	uint64_t hash;
	struct view text;
	uint32_t field, next; /* next: index + 1 in the same slot */
	uint32_t predicate;
};
struct field_index {
	uint32_t literal_first, literal_count;
	hs_database_t *database;
	uint32_t whole_max; /* bytes of the longest whole text, + 1; 0: none */
	bool numbers; /* some whole text is a number: 0x values are looked up as numbers too */
	bool scanned; /* a value must be looked at when the event comes */
	uint32_t eager_first, eager_count; /* in eager */
	bool constant;			   /* part of a context: EventID, Channel, Provider_Name */
};
struct list {
	uint32_t first, count;
};

struct fed { /* rules of one word of a bit set */
	uint32_t word;
	uint64_t rules;
};
struct feeds {
	struct list *of; /* by predicate */
	struct fed *fed;
};

struct engine {
	struct ruleset *set;
	struct trees *trees; /* of the rules, or NULL */
	struct buffer trees_file;
	struct mapping *mapping;
	struct engine_cost cost;
	bool plain;
	uint32_t words; /* of a bit set of rules */

	uint8_t *how; /* by predicate */
	bool *plain_predicates; /* by predicate: what is looked for could be (part of) a number, time or GUID */
	pcre2_code **regex; /* by predicate, or NULL */
	struct feeds feeds
		[2]; /* rules that cannot hold without one of a list of predicates, nor without one of another */
	uint64_t *single;	  /* rules that have no second list */
	struct node **conditions; /* by rule */
	struct list *lists_of;	  /* by predicate: long lists (OR nodes) that it stands in */
	uint32_t *in_list;
	uint32_t list_count;
	struct field_index *fields;
	struct literal *literals; /* sorted by field */
	size_t literal_count;
	struct use *uses;
	size_t use_count;
	struct whole *wholes;
	size_t whole_count;
	uint32_t *whole_slots;
	size_t whole_mask;

	uint32_t *eager;	  /* HOW_EAGER predicates, by field */
	uint64_t *uncovered;	  /* rules that are evaluated whatever was found */
	uint64_t **source_rules;  /* by source */
	struct list *rule_fields; /* by rule: fields of its predicates */
	uint32_t *rule_field;
	struct guard {
		struct node *node; /* NULL: no condition */
	} * guards;		   /* by source */
	pcre2_match_context *match_context;
};

/* A field of rules in an event of one context: where its value is. */
struct slot {
	uint32_t field;
	int32_t index;		     /* of the event's first value of that name, or SLOT_ */
	const struct derive *derive; /* SLOT_DERIVED */
	int32_t from[8];	     /* of derive->from, or -1 */
};
enum { SLOT_NONE = -1, SLOT_DERIVED = -2, SLOT_USER = -3, SLOT_HOST = -4, SLOT_MESSAGE = -5 };

/* A value of an event of one context, and the fields of rules that are made of it alone. */
struct plan {
	int32_t index;	       /* of the event's value, or SLOT_USER, SLOT_HOST, SLOT_MESSAGE */
	uint32_t first, count; /* in plan_fields */
	bool any;	       /* keywords are looked for in it, too */
	bool constant;	       /* part of the context's key */
	struct memo *last;
};

#define CONTEXT_SOURCES 32
struct context {
	uint64_t hash;
	uint64_t shape_hash;
	uint32_t shape_count;
	uint8_t *key; /* channel, provider, event id, kind, parser */
	size_t key_len;
	bool has_channel;
	bool any_plain;		 /* some keyword here could be (part of) a number, time or GUID */
	uint16_t *slot_of_field; /* index + 1 into slots; 0: not resolved yet */
	struct slot *slots;
	uint32_t slot_count, slot_cap;
	uint64_t serial;    /* no other context of the state ever had it */
	struct plan *plans; /* values to scan of every event */
	uint32_t plan_count;
	uint32_t *plan_fields;
	uint32_t *loose; /* fields made of several values */
	uint32_t loose_count;
	uint64_t *relevant; /* predicates that a rule asks for here */
	uint32_t *constant; /* predicates found in the values that make the context */
	uint32_t constant_count;
	uint64_t *rules;  /* may hold here */
	uint64_t *always; /* of these, those that need no bit */
	const struct source *sources[CONTEXT_SOURCES];
	uint32_t source_count;
	bool guarded;		/* some source has a condition */
	uint32_t *rule_sources; /* guarded: by rule, bits of sources */
	struct context *next;
};

struct text {		/* one text of a field's value */
	size_t at, len; /* in a buffer of the state */
};
struct text_list {
	bool made;
	uint32_t first, count;
};

/*
 * Predicates that were found in a value, sorted; with FOUND_TRUE where more than the literal was looked at and it holds. Equal ones
 * are one, so that a pointer tells them apart.
 */
struct found {
	uint64_t hash;
	struct found *next;
	uint32_t count;
	uint32_t predicates[];
};
#define FOUND_TRUE UINT32_C(0x80000000)
/* Bytes of a value's texts up to which its patterns are evaluated at once, to be remembered with it. */
#define SETTLE_MAX  4096u
#define FOUND_SLOTS 16384u

/* What was found in a value, by all fields that it makes in its context. */
struct memo {
	uint64_t hash, context;
	int32_t index;
	uint32_t type, len, cap;
	uint8_t *data;
	const struct found *found;
};
#define MEMO_SLOTS 65536u
#define MEMO_BYTES 16384u      /* of a value */
#define MEMO_TOTAL (24u << 20) /* of all values */

/*
 * What is left to evaluate where a context's values have these findings: the rules that they do not
 * decide. Most events of a log share their findings with others, and most findings leave nothing.
 */
struct verdict {
	uint64_t hash, context;
	struct verdict *next;
	uint32_t rule_count;
	const uint32_t *rules;
	const struct found *key[]; /* by plan of the context, then by loose field */
};
#define VERDICT_SLOTS 16384u
#define VERDICT_TOTAL (24u << 20) /* bytes of all findings and verdicts, forgotten together */

#define CONTEXT_SLOTS 4096u
#define CONTEXT_MAX   2048u

struct engine_state {
	const struct engine *engine;
	hs_scratch_t *scratch;
	uint8_t *mark; /* by predicate: MARK_ */
	uint32_t *touched;
	size_t touched_count;
	uint32_t *epochs, epoch; /* by predicate: found in the text being scanned */
	uint32_t *finds;	 /* in the value being scanned */
	size_t find_count;
	uint64_t *candidates, *seconds; /* rules of which the one, the other list is there */
	uint32_t *lists, serial;	/* by list: the event in which one of it was found */
	struct memo *memo;
	size_t memo_bytes;
	struct found **found_sets;
	struct verdict **verdicts;
	struct arena verdict_arena;
	const struct found **key; /* of the event, as verdict.key */
	size_t key_count, key_cap;
	uint32_t *undecided;
	size_t undecided_cap;
	const uint64_t *relevant; /* of the context, or NULL: all predicates */
	uint64_t serials;	  /* of contexts */

	struct context *contexts[CONTEXT_SLOTS], *last;
	uint32_t context_count;
	struct buffer context_key;

	/* of the event */
	const struct event *event;
	const struct event_origin *origin;
	struct context *context;
	struct buffer raw, folded, scratch_text, derived;
	struct text *texts;
	size_t text_count, text_cap;
	struct text_list *raw_list, *folded_list; /* by slot; [0]: all values */
	size_t list_cap;

	struct matched *matched;
	size_t matched_count, matched_cap;
	pcre2_match_data *match_data;
	pcre2_jit_stack *jit_stack;
	uint64_t limits; /* regular expressions that gave up */
};
enum { MARK_UNKNOWN, MARK_MAYBE, MARK_TRUE, MARK_FALSE };

enum truth { FALSE, TRUE, OPEN };

/* context.c: the context of an event, made when it is the first of its kind. Valid until the next call. */
struct context *context_find(struct engine_state *s, const struct event *e,
			     const struct event_origin *origin);
void contexts_drop(struct engine_state *s);
/* Truth of a condition as far as the leaves that are known tell. */
enum truth node_partial(struct engine_state *s, const struct node *n,
			enum truth (*leaf)(struct engine_state *s, uint32_t predicate));

/* scan.c: the findings of the values that make a context, of an event (s->key), of one field whatever the context wants. */
void scan_constants(struct engine_state *s, struct context *c);
void scan_event(struct engine_state *s, struct context *c);
void scan_field(struct engine_state *s, uint32_t field);
/* What there is to evaluate of the event; its findings are marked where that is anything. Valid until verdicts_drop. */
const struct verdict *verdict_of(struct engine_state *s, const struct context *c);
void verdicts_drop(struct engine_state *s);

/* field.c: the texts of a field in the event at hand. */
uint16_t slot_resolve(struct engine_state *s, struct context *c, uint32_t field);
bool field_present(struct engine_state *s, uint32_t field);
struct text_list *field_texts(struct engine_state *s, uint32_t field, bool folded);
static inline struct view text_view(const struct engine_state *s, const struct text *t, bool folded)
{
	return view_of((folded ? s->folded.data : s->raw.data) + t->at, t->len);
}
/* Appends a value's text or texts (a list's items) as entries of s->texts. */
void value_texts(struct engine_state *s, const struct value *v, bool folded,
		 struct text_list *into);
/* The value of a slot that is no derived one, or NULL; `i` goes over repeated names from 0. */
const struct value *slot_value(const struct engine_state *s, const struct slot *slot, int32_t *at);

/* What numbers, times and identifiers are written with, in either case. */
extern const bool text_plain[256];

bool predicate_eval(struct engine_state *s, uint32_t index);
/* Whether this predicate holds for one text of its field (STRING, REGEX, CIDR, NUMBER, COMPARE). */
bool predicate_text(struct engine_state *s, uint32_t index, struct view text);
bool predicate_wants_folded(const struct predicate *p);

/* build.c */
int engine_build(struct engine *e, const struct engine_options *options, struct problem *problem);

/* cache.c: what was made of rules, on disk. Key: 32 bytes. The blob is a part of the file's bytes. */
bool cache_read(const uint8_t key[32], struct buffer *file, struct view *blob);
void cache_write(const uint8_t key[32], struct view blob);

#endif
