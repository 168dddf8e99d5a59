/*
 * Option tables. A command declares its options; parsing, --help and the usage line follow from the
 * table. Every table inherits --help and --version. Long options take "--name VALUE" or
 * "--name=VALUE"; one-letter ones "-c VALUE" or "-cVALUE"; "--" ends them; options may follow
 * operands.
 */
#ifndef KONSEKI_BASE_OPTION_H
#define KONSEKI_BASE_OPTION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

enum option_type {
	OPTION_END,    /* closes the table */
	OPTION_FLAG,   /* bool *: set to true */
	OPTION_TEXT,   /* const char ** */
	OPTION_NUMBER, /* uint64_t *: decimal, with K, M, G (1024s) allowed */
	OPTION_LIST,   /* struct option_list *: may be given several times */
};

struct option_list {
	const char **items; /* freed by the caller with free(); the texts are argv's */
	size_t count, cap;
};

struct option {
	enum option_type type;
	char letter;	      /* 0 for none */
	const char *name;     /* without "--" */
	const char *argument; /* name of the value in the help ("FILE"); NULL for flags */
	const char *help;     /* one phrase */
	void *into;
};

struct command_help {
	const char *name;     /* "query" */
	const char *operands; /* "BUNDLE..." or "" */
	const char *summary;  /* one phrase, no full stop */
	const char *text;     /* paragraphs after the options, or NULL */
};

enum option_result { OPTION_GO, OPTION_EXIT_OK, OPTION_MISUSE };

/*
 * Reads argv[1..]; operands are moved to argv[1..*operands]. --help prints to stdout and gives
 * OPTION_EXIT_OK; a mistake is told on stderr and gives OPTION_MISUSE.
 */
enum option_result option_parse(const struct command_help *help, const struct option *table,
				int argc, char **argv, int *operands);
void option_usage(FILE *to, const struct command_help *help, const struct option *table);

#endif
