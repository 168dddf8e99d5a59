/* The filters that commands over a case share: their options, and what they come to. */
#ifndef KONSEKI_CMD_FILTER_H
#define KONSEKI_CMD_FILTER_H

#include "cmd/command.h"
#include "timeline/query.h"

struct filter_options {
	const char *case_name;
	struct option_list hosts, kinds, greps, fields;
	const char *since, *until;
	unsigned long id, limit;
	char *kind_text; /* what filter_read made of kinds */
};

/* Lines of an option table. f is a static struct filter_options. */
#define FILTER_OPTIONS(f)                                                                            \
	{OPTION_TEXT, 'c', "case", "FILE", "the case; else $KONSEKI_CASE", &(f).case_name},          \
		{OPTION_LIST, 0, "host", "NAME", "events of this host (* and ? allowed)",            \
		 &(f).hosts},                                                                        \
		{OPTION_TEXT, 0, "since", "TIME", "not before: ISO 8601, or back from now (2h, 7d)", \
		 &(f).since},                                                                        \
		{OPTION_TEXT, 0, "until", "TIME", "not after", &(f).until},                          \
		{OPTION_LIST,                                                                        \
		 0,                                                                                  \
		 "kind",                                                                             \
		 "KIND,...",                                                                         \
		 "events of these kinds (process_start, logon, ...)",                                \
		 &(f).kinds},                                                                        \
		{OPTION_LIST, 0, "grep", "TEXT", "with this text in any value", &(f).greps},         \
		{OPTION_LIST,                                                                        \
		 0,                                                                                  \
		 "field",                                                                            \
		 "NAME=VALUE",                                                                       \
		 "with this value in a field (* and ? allowed)",                                     \
		 &(f).fields},                                                                       \
		{OPTION_NUMBER, 0, "id", "N", "this event", &(f).id},                                \
	{                                                                                            \
		OPTION_NUMBER, 0, "limit", "N", "at most so many", &(f).limit                        \
	}

/* The filter of the options, checked; false after having complained. Lists belong to the options.
 */
bool filter_read(struct filter_options *options, struct case_filter *filter);
void filter_release(struct filter_options *options);
/* Opens the case for reading; complains and returns NULL when that cannot be. */
struct case_db *filter_case(const struct filter_options *options);
/* Exit status of a walk; complains. */
int filter_status(const struct filter_options *options, int status, const struct problem *problem);

#endif
