/* Conditions of rules and of correlations: "1 of sel_* and not filter". */
#include "detect/reading.h"

#include "base/limits.h"

#include <stdio.h>
#include <stdlib.h>

static int lex(struct lexer *l)
{
	size_t n = 0;

	while (*l->p == ' ' || *l->p == '\t' || *l->p == '\n' || *l->p == '\r')
		l->p++;
	l->token[0] = '\0';
	if (!*l->p)
		return OK;
	if (*l->p == '(' || *l->p == ')' || *l->p == '|') {
		l->token[0] = *l->p++;
		l->token[1] = '\0';
		return OK;
	}
	while (*l->p && !strchr(" \t\n\r()|", *l->p)) {
		if (n + 1 >= sizeof(l->token))
			return refuse(l->set, l->at, "condition: a word of more than 255 bytes");
		l->token[n++] = *l->p++;
	}
	l->token[n] = '\0';
	return OK;
}

static struct node *selection_node(struct lexer *l, const char *name)
{
	struct rule *r = l->rule;

	for (uint32_t i = 0; i < r->selection_count; i++) {
		if (strcmp(r->selection_names[i], name) == 0) {
			struct node *n = node_make(l->set, NODE_SELECTION, 1);

			n->name = r->selection_names[i];
			n->kids[0] = r->selections[i];
			return n;
		}
	}
	return NULL;
}

static bool name_glob(const char *pattern, const char *name)
{
	for (; *pattern; pattern++, name++) {
		if (*pattern == '*') {
			while (pattern[1] == '*')
				pattern++;
			for (;; name++) {
				if (name_glob(pattern + 1, name))
					return true;
				if (!*name)
					return false;
			}
		}
		if (*pattern != *name)
			return false;
	}
	return !*name;
}

static int condition_or(struct lexer *l, struct node **out);

static int condition_of(struct lexer *l, struct node **out)
{
	char quantity[16];
	struct nodes list = {0};
	struct node *n;
	uint64_t wanted = 0;
	bool all, them;
	int status;

	(void)snprintf(quantity, sizeof(quantity), "%.15s", l->token);
	all = strcasecmp(quantity, "all") == 0;
	if (strcasecmp(quantity, "any") == 0)
		wanted = 1;
	else if (!all && (!view_decimal(view_text(quantity), &wanted) || wanted == 0))
		return refuse(l->set, l->at, "condition: '%s of' asks for nothing", quantity);
	status = lex(l); /* "of", then the pattern */
	if (status >= 0)
		status = lex(l);
	if (status < 0)
		return status;
	if (!l->token[0] || l->token[0] == '(')
		return refuse(l->set, l->at, "condition: '%s of' what?", quantity);
	them = strcasecmp(l->token, "them") == 0;
	for (uint32_t i = 0; i < l->rule->selection_count; i++) {
		const char *name = l->rule->selection_names[i];

		/* Names that begin with _ are left out of `them` (specification, "1/all of them"). */
		if (them ? name[0] != '_' : name_glob(l->token, name)) {
			n = selection_node(l, name);
			if ((status = nodes_add(l->set, &list, n, l->at)) < 0) {
				free(list.items);
				return status;
			}
		}
	}
	if (list.count == 0)
		return refuse(l->set, l->at, "condition: no selection is called '%s'", l->token);
	if (!all && wanted > list.count) {
		free(list.items);
		return refuse(l->set, l->at, "condition: %s of '%s', but there are fewer", quantity,
			      l->token);
	}
	if (all || wanted == 1) {
		*out = nodes_join(l->set, &list, all ? NODE_AND : NODE_OR);
	} else {
		n = node_make(l->set, NODE_COUNT, (uint32_t)list.count);
		memcpy(n->kids, list.items, list.count * sizeof(*n->kids));
		n->need = (uint32_t)wanted;
		free(list.items);
		*out = n;
	}
	return lex(l);
}

static int condition_not(struct lexer *l, struct node **out)
{
	const char *ahead;
	int status;

	if (++l->depth > LIMIT_DEPTH)
		return refuse(l->set, l->at, "condition: nested too deep");
	if (strcasecmp(l->token, "not") == 0) {
		struct node *n = node_make(l->set, NODE_NOT, 1);

		if ((status = lex(l)) < 0 || (status = condition_not(l, &n->kids[0])) < 0)
			return status;
		*out = n;
		l->depth--;
		return OK;
	}
	if (l->token[0] == '(') {
		if ((status = lex(l)) < 0 || (status = condition_or(l, out)) < 0)
			return status;
		if (l->token[0] != ')')
			return refuse(l->set, l->at, "condition: a parenthesis stays open");
		l->depth--;
		return lex(l);
	}
	if (!l->token[0] || l->token[0] == ')' || l->token[0] == '|' ||
	    strcasecmp(l->token, "and") == 0 || strcasecmp(l->token, "or") == 0)
		return refuse(l->set, l->at, "condition: something is missing before '%s'",
			      l->token[0] ? l->token : "the end");
	l->depth--;
	ahead = l->p + strspn(l->p, " \t\r\n");
	if (strncasecmp(ahead, "of", 2) == 0 && strchr(" \t\r\n", ahead[2]) && !l->lookup)
		return condition_of(l, out);
	*out = l->lookup ? l->lookup(l, l->token) : selection_node(l, l->token);
	if (!*out)
		return refuse(l->set, l->at, "condition: there is no %s '%s'",
			      l->lookup ? "rule" : "selection", l->token);
	return lex(l);
}

static int condition_and(struct lexer *l, struct node **out)
{
	struct nodes list = {0};
	int status = OK;

	for (;;) {
		struct node *n = NULL;

		if ((status = condition_not(l, &n)) < 0 ||
		    (status = nodes_add(l->set, &list, n, l->at)) < 0)
			break;
		if (strcasecmp(l->token, "and") != 0) {
			*out = nodes_join(l->set, &list, NODE_AND);
			return OK;
		}
		if ((status = lex(l)) < 0)
			break;
	}
	free(list.items);
	return status;
}

static int condition_or(struct lexer *l, struct node **out)
{
	struct nodes list = {0};
	int status = OK;

	for (;;) {
		struct node *n = NULL;

		if ((status = condition_and(l, &n)) < 0 ||
		    (status = nodes_add(l->set, &list, n, l->at)) < 0)
			break;
		if (strcasecmp(l->token, "or") != 0) {
			*out = nodes_join(l->set, &list, NODE_OR);
			return OK;
		}
		if ((status = lex(l)) < 0)
			break;
	}
	free(list.items);
	return status;
}

int condition_text(struct lexer *l, struct node **out)
{
	int status;

	if (strlen((const char *)l->at->text.data) != l->at->text.len)
		return refuse(l->set, l->at, "condition: a NUL in the text");
	l->p = (const char *)l->at->text.data;
	if ((status = lex(l)) < 0)
		return status;
	if (!l->token[0])
		return refuse(l->set, l->at, "condition: empty");
	if ((status = condition_or(l, out)) < 0)
		return status;
	if (l->token[0] == '|')
		return refuse(l->set, l->at,
			      "condition: aggregations behind '|' are not part of Sigma 2 (use a "
			      "correlation)");
	if (l->token[0])
		return refuse(l->set, l->at, "condition: unexpected '%s'", l->token);
	return OK;
}

static int condition_read(struct ruleset *set, struct rule *rule, const struct yaml *y,
			  struct node **out)
{
	struct lexer l = {.set = set, .rule = rule, .at = y};
	struct nodes list = {0};
	int status = OK;

	if (y->type == YAML_SCALAR)
		return condition_text(&l, out);
	if (y->type != YAML_SEQUENCE || y->count == 0)
		return refuse(set, y, "condition: neither a text nor a list of texts");
	for (uint32_t i = 0; i < y->count && status == OK;
	     i++) { /* several conditions: any of them */
		struct node *n = NULL;

		l.at = y->items[i];
		l.depth = 0;
		status = l.at->type == YAML_SCALAR ? condition_text(&l, &n)
						   : refuse(set, l.at, "condition: not a text");
		if (status == OK)
			status = nodes_add(set, &list, n, y);
	}
	if (status < 0) {
		free(list.items);
		return status;
	}
	*out = nodes_join(set, &list, NODE_OR);
	return OK;
}

int detection_read(struct ruleset *set, struct rule *rule, const struct yaml *detection,
		   const struct yaml *condition)
{
	uint32_t n = detection->count / 2;
	int status = OK;

	rule->selection_names = ruleset_need(set, n * sizeof(*rule->selection_names));
	rule->selections = ruleset_need(set, n * sizeof(*rule->selections));
	rule->selection_lines = ruleset_need(set, n * sizeof(*rule->selection_lines));
	for (uint32_t i = 0; i + 1 < detection->count && status == OK; i += 2) {
		const struct yaml *key = detection->items[i];

		if (detection->items[i + 1] == condition)
			continue;
		if (view_is(key->text, "timeframe")) {
			warn(set, key, "a timeframe without a correlation means nothing");
			continue;
		}
		if (key->text.len > 200)
			return refuse(set, key, "a selection's name of more than 200 bytes");
		status = selection_read(set, detection->items[i + 1],
					&rule->selections[rule->selection_count], 0);
		if (status == OK) {
			rule->selection_lines[rule->selection_count] = key->line;
			rule->selection_names[rule->selection_count++] =
				ruleset_text(set, (const char *)key->text.data);
		}
	}
	if (status < 0)
		return status;
	if (!condition)
		return refuse(set, detection, "no condition");
	if (rule->selection_count == 0)
		return refuse(set, detection, "no selection");
	return condition_read(set, rule, condition, &rule->condition);
}
