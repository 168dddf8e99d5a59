#include "base/option.h"

#include "base/memory.h"
#include "base/version.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

void option_usage(FILE *to, const struct command_help *help, const struct option *table)
{
	fprintf(to, "usage: konseki%s%s [options]%s%s\n\n%s.\n\n", *help->name ? " " : "",
		help->name, *help->operands ? " " : "", help->operands, help->summary);
	for (const struct option *o = table; o->type != OPTION_END; o++) {
		char left[80];
		int n = snprintf(left, sizeof(left), "%s%c%s--%s%s%s", o->letter ? "-" : " ",
				 o->letter ? o->letter : ' ', o->letter ? ", " : "  ", o->name,
				 o->argument ? " " : "", o->argument ? o->argument : "");

		fprintf(to, "  %-26s%s%s\n", left, n > 25 ? "\n                            " : " ",
			o->help);
	}
	fprintf(to, "  %-26s %s\n  %-26s %s\n", "    --help", "print this and exit",
		"    --version", "print the version and exit");
	if (help->text)
		fprintf(to, "\n%s\n", help->text);
}

static bool number(const char *text, uint64_t *out)
{
	char *end;
	uint64_t n, unit = 1;

	errno = 0;
	n = strtoull(text, &end, 10);
	if (errno || end == text || text[0] == '-')
		return false;
	if (*end == 'K')
		unit = 1ull << 10;
	else if (*end == 'M')
		unit = 1ull << 20;
	else if (*end == 'G')
		unit = 1ull << 30;
	if (unit != 1)
		end++;
	return *end == '\0' && !__builtin_mul_overflow(n, unit, out);
}

static enum option_result misuse(const struct command_help *help, const char *what, const char *arg)
{
	fprintf(stderr, "konseki%s%s: %s: %s (see --help)\n", *help->name ? " " : "", help->name,
		arg, what);
	return OPTION_MISUSE;
}

static bool store(const struct option *o, const char *value)
{
	switch (o->type) {
	case OPTION_FLAG:
		*(bool *)o->into = true;
		return true;
	case OPTION_TEXT:
		*(const char **)o->into = value;
		return true;
	case OPTION_NUMBER:
		return number(value, o->into);
	case OPTION_LIST: {
		struct option_list *list = o->into;

		list->items = xgrow(list->items, &list->cap, list->count + 1, sizeof(char *));
		list->items[list->count++] = value;
		return true;
	}
	case OPTION_END:
		break;
	}
	return false;
}

enum option_result option_parse(const struct command_help *help, const struct option *table,
				int argc, char **argv, int *operands)
{
	int out = 1;

	for (int i = 1; i < argc; i++) {
		const char *arg = argv[i], *value = NULL;
		const struct option *o;
		size_t n;

		if (arg[0] != '-' || arg[1] == '\0') {
			argv[out++] = argv[i];
			continue;
		}
		if (strcmp(arg, "--") == 0) {
			while (++i < argc)
				argv[out++] = argv[i];
			break;
		}
		if (strcmp(arg, "--help") == 0) {
			option_usage(stdout, help, table);
			return OPTION_EXIT_OK;
		}
		if (strcmp(arg, "--version") == 0) {
			puts("konseki " KONSEKI_VERSION);
			return OPTION_EXIT_OK;
		}
		n = strcspn(arg, "=");
		for (o = table; o->type != OPTION_END; o++)
			if (arg[1] == '-' ? strlen(o->name) == n - 2 &&
						    memcmp(arg + 2, o->name, n - 2) == 0
					  : o->letter && o->letter == arg[1])
				break;
		if (o->type == OPTION_END)
			return misuse(help, "no such option", arg);
		if (arg[1] == '-' && arg[n] == '=')
			value = arg + n + 1;
		else if (arg[1] != '-' && arg[2])
			value = arg + 2;
		if (o->type == OPTION_FLAG) {
			if (value)
				return misuse(help, "takes no value", arg);
		} else if (!value) {
			if (i + 1 >= argc)
				return misuse(help, "needs a value", arg);
			value = argv[++i];
		}
		if (!store(o, value))
			return misuse(help, "not a number", value);
	}
	argv[out] = NULL;
	*operands = out - 1;
	return OPTION_GO;
}
