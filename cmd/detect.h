/* What detect and rules share: loading rules as the options say, telling what was refused. */
#ifndef KONSEKI_CMD_DETECT_H
#define KONSEKI_CMD_DETECT_H

#include "base/option.h"
#include "detect/engine.h"

struct detect_rules {
	struct option_list rules, mappings;
	const char *placeholders;
	bool no_cache, plain;
};

#define DETECT_RULE_OPTIONS(into)                                                                    \
	{OPTION_LIST, 0, "rules", "PATH", "Sigma rules: a file or folder", &(into).rules},           \
		{OPTION_LIST, 0, "mapping", "FILE", "more logsources and fields", &(into).mappings}, \
		{OPTION_TEXT,	      0, "placeholders", "FILE", "values for |expand",               \
		 &(into).placeholders},                                                              \
		{OPTION_FLAG,	  0, "no-cache", NULL, "neither read nor write compiled rules",      \
		 &(into).no_cache},                                                                  \
	{                                                                                            \
		OPTION_FLAG, 0, "plain", NULL,                                                       \
			"evaluate one by one, without the automaton (slow)", &(into).plain           \
	}

/* Loads; refused rules are told on stderr. *status: EXIT_DAMAGED when some were, EXIT_MISUSE with
 * NULL. */
struct engine *detect_load(const struct detect_rules *with, enum level level, int *status);
/* The same without a line for every refused rule: for those who list them otherwise. */
struct engine *detect_load_quietly(const struct detect_rules *with, enum level level, int *status);

#endif
