/*
 * The matcher: all rules over each event in one pass.
 *
 * Every string of every rule sits in one multi-pattern database a field; a value is folded and scanned
 * once and sets bits, and only rules whose logsource fits the event and that have a bit they cannot do
 * without are evaluated. An event is never dropped beforehand: what has no such bit (null, not, regex)
 * is always evaluated where its logsource fits.
 *
 * Made in the parent, read-only afterwards, so that workers made by fork share its pages:
 *
 *	engine = engine_load(&options, &problem);     the parent
 *	state = engine_state_new(engine);             each worker
 *	engine_match(engine, state, event, origin, on_hit, data);   each event
 */
#ifndef KONSEKI_DETECT_ENGINE_H
#define KONSEKI_DETECT_ENGINE_H

#include "base/event.h"
#include "detect/mapping.h"
#include "detect/rule.h"

struct engine_options {
	const char *const *rules; /* files and folders */
	size_t rule_count;
	const char *const *mappings; /* more mapping files: --mapping */
	size_t mapping_count;
	const char *placeholders; /* values for |expand, or NULL */
	enum level level;	  /* rules below it are not loaded into the matcher */
	bool no_cache;		  /* neither read nor write the compiled databases */
	bool plain;		  /* no automaton: every predicate is evaluated by itself */
};

struct engine;
struct engine_state;

/* NULL with *problem when a path or mapping cannot be read. Refused rules are in engine_rules()->problems. */
struct engine *engine_load(const struct engine_options *options, struct problem *problem);
void engine_free(struct engine *engine);
const struct ruleset *engine_rules(const struct engine *engine);
const struct mapping *engine_mapping(const struct engine *engine);

/* What a run of engine_load cost, for --verbose and `make bench`. */
struct engine_cost {
	double read_seconds, compile_seconds;
	bool cached; /* the databases came from the cache */
	size_t literals, databases, bytes;
};
struct engine_cost engine_cost(const struct engine *engine);

/* Scratch of one worker; bounded. */
struct engine_state *engine_state_new(const struct engine *engine);
void engine_state_free(struct engine_state *state);

/* What of the event made the rule true. Text is valid UTF-8, as the event has it. */
struct matched {
	const char *selection;
	const char *field; /* as the rule calls it; "" for a keyword */
	struct view value; /* empty when the field's absence matched */
};
struct hit {
	const struct rule *rule;
	const struct matched *matched;
	size_t count;
	struct engine_state *state; /* for engine_value */
};

/* 0 to go on; a negative status ends engine_match, which returns it. Spans are valid during the call. */
typedef int engine_hit(void *data, const struct hit *hit);

/*
 * A script that was put together (field PartLengths: the bytes of each part of its ScriptBlockText) hits
 * only where no part does by itself: that hit is told at the part.
 */
int engine_match(const struct engine *engine, struct engine_state *state, const struct event *event,
		 const struct event_origin *origin, engine_hit *fn, void *data);

/*
 * Inside an engine_hit: the text of the event's field of that name as rules see it (aliases of the
 * logsource applied), appended to out. False when it is not there.
 */
bool engine_value(struct engine_state *state, const char *field, struct buffer *out);

/*
 * How a rule's parts stand on an event, true or not, hit or not: fn for every selection and every
 * predicate below it (depth 0 is the condition). Returns whether the logsource fits.
 */
struct explained {
	unsigned depth;
	const struct node *node;
	const struct predicate *predicate; /* NULL for inner nodes */
	bool holds;
	struct view value; /* of the predicate's field, empty when it is not there */
	bool present;
};
bool engine_explain(const struct engine *engine, struct engine_state *state,
		    const struct rule *rule, const struct event *event,
		    const struct event_origin *origin,
		    void (*fn)(void *data, const struct explained *part), void *data);

/* Whether any source of the mapping feeds this rule; *why (static) says what it lacks. */
bool engine_rule_is_fed(const struct engine *engine, const struct rule *rule, const char **why);

/* Whether a rule of that logsource means this source. */
bool engine_source_is_for(const struct source *source, const struct logsource *logsource);

#endif
