/* Documents: rules, correlations, filters, and what stands for several of them. */
#include "detect/reading.h"

#include "base/limits.h"

#include <stdio.h>
#include <stdlib.h>

int texts_read(struct ruleset *set, const struct yaml *y, const char ***items, uint32_t *count)
{
	*count = 0;
	*items = NULL;
	if (!y || (y->type == YAML_SCALAR && yaml_scalar(y, NULL, NULL, NULL) == YAML_NULL))
		return OK;
	if (y->type == YAML_SCALAR) {
		*items = ruleset_need(set, sizeof(**items));
		(*items)[(*count)++] = ruleset_text(set, (const char *)y->text.data);
		return OK;
	}
	if (y->type != YAML_SEQUENCE)
		return refuse(set, y, "neither a text nor a list of texts");
	*items = ruleset_need(set, y->count * sizeof(**items));
	for (uint32_t i = 0; i < y->count; i++) {
		if (y->items[i]->type != YAML_SCALAR)
			return refuse(set, y->items[i], "not a text");
		(*items)[(*count)++] = ruleset_text(set, (const char *)y->items[i]->text.data);
	}
	return OK;
}

static const char *const logsource_keys[] = {"product", "category", "service", "definition", NULL};
static const char *const correlation_keys[] = {"type",	    "rules",	 "group-by",
					       "timespan",  "timeframe", "generate",
					       "condition", "aliases",	 NULL};
/* What the specification names; rules may have keys of their own beside them. */
static const char *const rule_keys[] = {
	"title",  "id",		 "related",	"name",		  "taxonomy", "status",
	"author", "license",	 "references",	"date",		  "modified", "logsource",
	"fields", "detection",	 "description", "falsepositives", "level",    "tags",
	"scope",  "correlation", "filter",	"generate",	  "action",   NULL};

static bool is_one_of(struct view text, const char *const *list)
{
	for (; *list; list++)
		if (view_is(text, *list))
			return true;
	return false;
}

/* One letter too many, too few, another, or two of them the wrong way round; or only the case differs. */
static bool nearly(const char *a, const char *b)
{
	if (strcasecmp(a, b) == 0)
		return true;
	while (*a && *a == *b) {
		a++;
		b++;
	}
	if (!*a || !*b)
		return strlen(a) + strlen(b) == 1;
	return strcmp(a + 1, b) == 0 || strcmp(a, b + 1) == 0 || strcmp(a + 1, b + 1) == 0 ||
	       (a[0] == b[1] && a[1] == b[0] && strcmp(a + 2, b + 2) == 0);
}

/* A key that is nearly one of the specification: a slip of the pen, and what it holds is not read. */
static void keys_check(struct ruleset *set, const struct yaml *y, const char *const *known,
		       bool closed)
{
	for (uint32_t i = 0; i + 1 < y->count; i += 2) {
		const char *key = (const char *)y->items[i]->text.data, *meant = NULL;

		if (is_one_of(y->items[i]->text, known))
			continue;
		for (const char *const *k = known; *k && !meant; k++)
			if (nearly(key, *k))
				meant = *k;
		if (meant)
			warn(set, y->items[i], "'%s' is not read: is '%s' meant?", key, meant);
		else if (closed)
			warn(set, y->items[i], "'%s' is not read", key);
	}
}

static int logsource_read(struct ruleset *set, const struct yaml *doc, struct logsource *out)
{
	const struct yaml *y = yaml_get(doc, "logsource");

	if (!y)
		return refuse(set, doc, "no logsource");
	if (y->type != YAML_MAPPING)
		return refuse(set, y, "the logsource is no mapping");
	for (uint32_t i = 0; i + 1 < y->count; i += 2)
		if (!is_one_of(y->items[i]->text, logsource_keys))
			warn(set, y->items[i], "'%s' of a logsource chooses no events",
			     (const char *)y->items[i]->text.data);
	out->product = ruleset_text(set, yaml_string(y, "product"));
	out->category = ruleset_text(set, yaml_string(y, "category"));
	out->service = ruleset_text(set, yaml_string(y, "service"));
	if (!out->product && !out->category && !out->service)
		return refuse(set, y, "the logsource has no product, category or service");
	return OK;
}

/* 30s, 5m, 1h, 2d, 1w, 1M (30 days), 1y (365 days): specification of correlations, "timespan". */
static bool timespan_parse(const char *text, int64_t *ns)
{
	size_t n = strspn(text, "0123456789");
	uint64_t count;
	int64_t unit;

	if (!n || !text[n] || text[n + 1] || !view_decimal(view_of(text, n), &count))
		return false;
	switch (text[n]) {
	case 's':
		unit = 1;
		break;
	case 'm':
		unit = 60;
		break;
	case 'h':
		unit = 3600;
		break;
	case 'd':
		unit = 86400;
		break;
	case 'w':
		unit = 7 * 86400;
		break;
	case 'M':
		unit = 30 * 86400;
		break;
	case 'y':
		unit = 365 * 86400;
		break;
	default:
		return false;
	}
	if (count == 0 || count > (uint64_t)(INT64_MAX / 4 / 1000000000 / unit))
		return false;
	*ns = (int64_t)count * unit * 1000000000;
	return true;
}

static struct node *rule_reference(struct lexer *l, const char *name)
{
	struct correlation *c = l->rule->correlation;

	for (uint32_t i = 0; i < c->rule_count; i++) {
		if (strcmp(c->references[i], name) == 0) {
			struct node *n = node_make(l->set, NODE_PREDICATE, 0);

			n->predicate = i;
			return n;
		}
	}
	return NULL;
}

static int correlation_read(struct ruleset *set, struct rule *rule, const struct yaml *doc)
{
	static const char *const types[] = {"event_count",	"value_count", "temporal",
					    "temporal_ordered", "value_sum",   "value_avg",
					    "value_percentile", "value_median"};
	const struct yaml *y = yaml_get(doc, "correlation"), *v;
	struct correlation *c = rule->correlation = ruleset_need(set, sizeof(*c));
	const char *type, *span;
	bool found = false, truth = false, counts;
	int status;

	if (y->type != YAML_MAPPING)
		return refuse(set, y, "the correlation is no mapping");
	keys_check(set, y, correlation_keys, true);
	type = yaml_string(y, "type");
	for (unsigned i = 0; type && i < sizeof(types) / sizeof(types[0]); i++) {
		if (strcmp(types[i], type) == 0) {
			c->type = (enum correlation_type)i;
			found = true;
		}
	}
	if (!found)
		return refuse(set, y, "there is no correlation type '%s'", type ? type : "");
	if ((status = texts_read(set, yaml_get(y, "rules"), &c->references, &c->rule_count)) < 0)
		return status;
	if (c->rule_count == 0)
		return refuse(set, y, "a correlation without rules");
	if (c->rule_count > LIMIT_CORRELATION_RULES)
		return refuse(set, y, "a correlation of more than %d rules",
			      LIMIT_CORRELATION_RULES);
	if ((status = texts_read(set, yaml_get(y, "group-by"), &c->group_by, &c->group_count)) < 0)
		return status;
	span = yaml_string(y, "timespan");
	if (!span)
		span = yaml_string(y, "timeframe");
	if (!span || !timespan_parse(span, &c->timespan))
		return refuse(set, y,
			      "the timespan '%s' is none (a count and s, m, h, d, w, M or y)",
			      span ? span : "");
	v = yaml_get(y, "generate");
	if (!v)
		v = yaml_get(doc, "generate");
	if (v) {
		if (v->type != YAML_SCALAR || yaml_scalar(v, NULL, NULL, &truth) != YAML_BOOL)
			return refuse(set, v, "generate wants true or false");
		c->generate = truth;
	}
	v = yaml_get(y, "aliases");
	if (v) {
		if (v->type != YAML_MAPPING)
			return refuse(set, v, "the aliases are no mapping");
		c->aliases = ruleset_need(set, v->count / 2 * sizeof(*c->aliases));
		for (uint32_t i = 0; i + 1 < v->count; i += 2) {
			const struct yaml *m = v->items[i + 1];
			struct alias *a = &c->aliases[c->alias_count++];

			if (m->type != YAML_MAPPING)
				return refuse(set, m, "an alias is no mapping of rules to fields");
			a->name = ruleset_text(set, (const char *)v->items[i]->text.data);
			a->references = ruleset_need(set, m->count / 2 * sizeof(*a->references));
			a->fields = ruleset_need(set, m->count / 2 * sizeof(*a->fields));
			for (uint32_t k = 0; k + 1 < m->count; k += 2) {
				if (m->items[k + 1]->type != YAML_SCALAR)
					return refuse(set, m,
						      "an alias is no mapping of rules to fields");
				a->references[a->count] =
					ruleset_text(set, (const char *)m->items[k]->text.data);
				a->fields[a->count++] =
					ruleset_text(set, (const char *)m->items[k + 1]->text.data);
			}
		}
	}
	v = yaml_get(y, "condition");
	counts = c->type != CORRELATE_TEMPORAL && c->type != CORRELATE_TEMPORAL_ORDERED;
	if (!v) {
		if (counts)
			return refuse(set, y, "a correlation without a condition");
		return OK;
	}
	if (v->type == YAML_SCALAR && !counts) {
		struct lexer l = {.set = set, .rule = rule, .at = v, .lookup = rule_reference};

		if (c->type == CORRELATE_TEMPORAL_ORDERED)
			return refuse(
				set, v,
				"temporal_ordered takes no expression: its rules are its order");
		return condition_text(&l, &c->condition);
	}
	if (v->type != YAML_MAPPING)
		return refuse(set, v, "the correlation's condition is no mapping");
	for (uint32_t i = 0; i + 1 < v->count; i += 2) {
		const char *key = (const char *)v->items[i]->text.data;
		const struct yaml *x = v->items[i + 1];
		double number = 0;
		enum yaml_scalar t;

		if (strcmp(key, "field") == 0) {
			if ((status = texts_read(set, x, &c->fields, &c->field_count)) < 0)
				return status;
			continue;
		}
		t = x->type == YAML_SCALAR ? yaml_scalar(x, NULL, &number, NULL) : YAML_STRING;
		if (t != YAML_INTEGER && t != YAML_FLOAT)
			return refuse(set, x, "'%s' of a correlation's condition wants a number",
				      key);
		if (strcmp(key, "percentile") == 0) {
			c->percentile = number;
		} else if (strcmp(key, "gt") == 0 || strcmp(key, "gte") == 0) {
			if (c->has_lower)
				return refuse(set, x, "two lower bounds");
			c->has_lower = true;
			c->lower = number;
			c->lower_open = key[2] == '\0';
		} else if (strcmp(key, "lt") == 0 || strcmp(key, "lte") == 0) {
			if (c->has_upper)
				return refuse(set, x, "two upper bounds");
			c->has_upper = true;
			c->upper = number;
			c->upper_open = key[2] == '\0';
		} else if (strcmp(key, "eq") == 0) {
			c->has_equal = true;
			c->equal = number;
		} else if (strcmp(key, "neq") == 0) {
			c->has_unequal = true;
			c->unequal = number;
		} else {
			return refuse(set, x, "a correlation's condition has no '%s'", key);
		}
	}
	if (counts && !c->has_lower && !c->has_upper && !c->has_equal && !c->has_unequal)
		return refuse(set, v, "the correlation's condition compares nothing");
	/* What no window can hold is no rule that waits in silence. */
	if (c->type <= CORRELATE_VALUE_COUNT && ((c->has_lower && c->lower > LIMIT_WINDOW) ||
						 (c->has_equal && c->equal > LIMIT_WINDOW)))
		return refuse(set, v, "a window holds no more than %d events", LIMIT_WINDOW);
	if (c->type == CORRELATE_TEMPORAL_ORDERED) {
		double least = c->has_equal ? c->equal : c->lower + c->lower_open;

		if (c->has_upper || c->has_unequal || (c->has_equal && c->equal != c->rule_count))
			return refuse(set, v,
				      "temporal_ordered counts the rules that happened in their "
				      "order: gte or gt");
		if ((c->has_equal || c->has_lower) &&
		    (least < 1 || least > c->rule_count || least != (double)(uint32_t)least))
			return refuse(set, v, "temporal_ordered of %u rules cannot count to %.15g",
				      c->rule_count, least);
	}
	if (counts && c->type != CORRELATE_EVENT_COUNT && c->field_count == 0)
		return refuse(set, v, "the correlation's condition names no field");
	if (c->type != CORRELATE_VALUE_COUNT && c->field_count > 1)
		return refuse(set, v, "more than one field");
	if (c->type == CORRELATE_VALUE_PERCENTILE &&
	    (c->percentile < 0 || c->percentile > 100 || !yaml_get(v, "percentile")))
		return refuse(set, v, "value_percentile wants a percentile of 0 to 100");
	return OK;
}

static int filter_read(struct ruleset *set, const struct yaml *doc, const char *path)
{
	const struct yaml *y = yaml_get(doc, "filter"), *rules;
	struct ruleset_private *x = set->private;
	struct filter f = {.path = ruleset_text(set, path), .line = doc->line};
	int status;

	if (y->type != YAML_MAPPING)
		return refuse(set, y, "the filter is no mapping");
	if ((status = logsource_read(set, doc, &f.logsource)) < 0)
		return status;
	rules = yaml_get(y, "rules");
	if (!rules) /* one word less must not silence every rule */
		return refuse(set, y, "a filter without rules (a list of them, or any)");
	if (!(rules->type == YAML_SCALAR &&
	      (view_is(rules->text, "any") || view_is(rules->text, "Any"))))
		if ((status = texts_read(set, rules, &f.rules, &f.rule_count)) < 0)
			return status;
	if (rules->type == YAML_SEQUENCE && rules->count == 0)
		return refuse(set, rules, "a filter for no rule");
	f.body = ruleset_need(set, sizeof(*f.body));
	/* `rules` is no selection: leave it out of the detection. */
	{
		struct yaml *copy = ruleset_need(set, sizeof(*copy));

		*copy = *y;
		copy->items = ruleset_need(set, y->count * sizeof(*copy->items));
		copy->count = 0;
		for (uint32_t i = 0; i + 1 < y->count; i += 2) {
			if (y->items[i + 1] == rules)
				continue;
			copy->items[copy->count++] = y->items[i];
			copy->items[copy->count++] = y->items[i + 1];
		}
		if ((status = detection_read(set, f.body, copy, yaml_get(y, "condition"))) < 0)
			return status;
	}
	x->filters = xgrow(x->filters, &x->filter_cap, x->filter_count + 1, sizeof(*x->filters));
	x->filters[x->filter_count++] = f;
	return OK;
}

static int rule_read(struct ruleset *set, const struct yaml *doc, const char *path)
{
	const struct yaml *detection = yaml_get(doc, "detection"), *v;
	const char *level;
	struct rule *r;
	int status;

	set->private->predicates = 0;
	if (doc->type != YAML_MAPPING)
		return refuse(set, doc, "not a rule: no mapping");
	if (yaml_get(doc, "filter"))
		return filter_read(set, doc, path);
	if (!detection && !yaml_get(doc, "correlation"))
		return refuse(set, doc, "not a rule: neither detection, correlation nor filter");
	r = ruleset_need(set, sizeof(*r));
	r->path = ruleset_text(set, path);
	r->line = doc->line;
	r->title = ruleset_text(set, yaml_string(doc, "title"));
	r->id = ruleset_text(set, yaml_string(doc, "id"));
	r->name = ruleset_text(set, yaml_string(doc, "name"));
	r->status = ruleset_text(set, yaml_string(doc, "status"));
	r->description = ruleset_text(set, yaml_string(doc, "description"));
	r->author = ruleset_text(set, yaml_string(doc, "author"));
	r->date = ruleset_text(set, yaml_string(doc, "date"));
	if (!r->title)
		return refuse(set, doc, "no title");
	keys_check(set, doc, rule_keys, false);
	r->taxonomy = ruleset_text(set, yaml_string(doc, "taxonomy"));
	level = yaml_string(doc, "level");
	if (level) {
		enum level l = level_of(level);

		if (l == LEVEL_COUNT)
			return refuse(set, yaml_get(doc, "level"), "there is no level '%s'", level);
		r->level = (uint8_t)l;
	}
	if ((status = texts_read(set, yaml_get(doc, "tags"), &r->tags, &r->tag_count)) < 0)
		return status;
	v = yaml_get(doc, "fields");
	if (v && (status = texts_read(set, v, &r->output_fields, &r->output_count)) < 0)
		return status;
	if (!detection) {
		status = correlation_read(set, r, doc);
	} else if (detection->type != YAML_MAPPING) {
		status = refuse(set, detection, "the detection is no mapping");
	} else if ((status = logsource_read(set, doc, &r->logsource)) == OK) {
		status = detection_read(set, r, detection, yaml_get(detection, "condition"));
	}
	if (status < 0)
		return status;
	set->rules = xgrow(set->rules, &set->rule_cap, set->rule_count + 1, sizeof(*set->rules));
	r->index = (uint32_t)set->rule_count;
	set->rules[set->rule_count++] = r;
	return OK;
}

/* What `action: global` puts under each rule: a rule's own keys win, mappings merge. */
static struct yaml *merge(struct ruleset *set, struct yaml *under, struct yaml *over,
			  unsigned depth)
{
	struct yaml *n;

	if (!under)
		return over;
	if (under->type != YAML_MAPPING || over->type != YAML_MAPPING || depth > LIMIT_DEPTH)
		return over;
	n = ruleset_need(set, sizeof(*n));
	*n = *over;
	n->items = ruleset_need(set, (size_t)(under->count + over->count) * sizeof(*n->items));
	n->count = 0;
	for (uint32_t i = 0; i + 1 < under->count; i += 2) {
		struct yaml *own = yaml_get(over, (const char *)under->items[i]->text.data);

		n->items[n->count++] = under->items[i];
		n->items[n->count++] =
			own ? merge(set, under->items[i + 1], own, depth + 1) : under->items[i + 1];
	}
	for (uint32_t i = 0; i + 1 < over->count; i += 2) {
		if (yaml_get(under, (const char *)over->items[i]->text.data))
			continue;
		n->items[n->count++] = over->items[i];
		n->items[n->count++] = over->items[i + 1];
	}
	return n;
}

int rule_document(void *data, struct yaml *doc)
{
	struct file *f = data;
	struct ruleset *set = f->set;
	const char *action = yaml_string(doc, "action");

	if (doc->type == YAML_SCALAR && yaml_scalar(doc, NULL, NULL, NULL) == YAML_NULL)
		return OK;
	if (action && strcmp(action, "global") == 0) {
		f->global = merge(set, f->global, doc, 0);
		return OK;
	}
	if (action && strcmp(action, "reset") == 0) {
		f->global = NULL;
		if (!yaml_get(doc, "detection") && !yaml_get(doc, "correlation"))
			return OK;
	} else if (action && strcmp(action, "repeat") == 0) {
		if (!f->last) {
			ruleset_problem(set, f->path, doc->line, yaml_string(doc, "title"),
					yaml_string(doc, "id"),
					"action: repeat without a rule before it");
			return OK;
		}
		doc = merge(set, f->last, doc, 0);
	} else if (action) {
		char reason[100];

		(void)snprintf(reason, sizeof(reason), "there is no action '%.60s'", action);
		ruleset_problem(set, f->path, doc->line, yaml_string(doc, "title"),
				yaml_string(doc, "id"), reason);
		return OK;
	}
	if (f->global)
		doc = merge(set, f->global, doc, 0);
	f->last = doc;
	if (rule_read(set, doc, f->path) < 0)
		ruleset_problem(set, f->path, set->private->line ? set->private->line : doc->line,
				yaml_string(doc, "title"), yaml_string(doc, "id"),
				set->private->problem.reason);
	return OK;
}
