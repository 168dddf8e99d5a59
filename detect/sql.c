#include "detect/sql.h"

#include "base/text.h"
#include "detect/internal.h"

struct writer {
	struct buffer *out;
	const struct engine *engine;
	const struct source *source;
	struct problem *problem;
};

#define no_sql(w, ...) problem_set((w)->problem, ERR_UNSUPPORTED, PROBLEM_NO_OFFSET, __VA_ARGS__)

static void quoted(struct buffer *out, struct view text)
{
	buffer_char(out, '\'');
	for (size_t i = 0; i < text.len; i++) {
		if (text.data[i] == '\'')
			buffer_char(out, '\'');
		buffer_char(out, (char)text.data[i]);
	}
	buffer_char(out, '\'');
}

/* '$."Name"' */
static void path(struct buffer *out, const char *name)
{
	struct buffer b = {0};

	buffer_string(&b, "$.\"");
	buffer_string(&b, name);
	buffer_char(&b, '"');
	quoted(out, buffer_as_view(&b));
	buffer_release(&b);
}

static void extract(struct buffer *out, const char *name)
{
	buffer_string(out, "json_extract(fields,");
	path(out, name);
	buffer_char(out, ')');
}

static void is_there(struct buffer *out, const char *name)
{
	buffer_string(out, "json_type(fields,");
	path(out, name);
	buffer_string(out, ") IS NOT NULL");
}

/* LIKE of a glob of the mapping (* and ?). */
static void like_glob(struct buffer *out, const char *glob)
{
	struct buffer b = {0};

	for (; *glob; glob++) {
		if (*glob == '%' || *glob == '_' || *glob == '\\')
			buffer_char(&b, '\\');
		buffer_char(&b, (char)(*glob == '*' ? '%' : *glob == '?' ? '_' : *glob));
	}
	buffer_string(out, " LIKE ");
	quoted(out, buffer_as_view(&b));
	buffer_string(out, " ESCAPE '\\'");
	buffer_release(&b);
}

/* LIKE without case, or GLOB with it; false when letters beyond ASCII would need a case that LIKE does not know. */
static bool pattern(struct buffer *out, const char *value, const struct predicate *p)
{
	struct buffer b = {0};
	struct view rest = p->text;
	bool good = true;

	while (rest.len) {
		uint8_t c = rest.data[0];
		uint32_t code;

		if (c == PATTERN_ANY || c == PATTERN_ONE) {
			buffer_char(&b, (char)(p->cased ? (c == PATTERN_ANY ? '*' : '?')
							: (c == PATTERN_ANY ? '%' : '_')));
			rest = view_from(rest, 1);
			continue;
		}
		(void)text_decode(&rest, &code);
		if (code == 0 || (!p->cased && code >= 0x80 && !(code >= 0x2000 && code < 0x2c00)))
			good = false;
		if (p->cased && (code == '*' || code == '?' || code == '[')) {
			buffer_char(&b, '[');
			buffer_char(&b, (char)code);
			buffer_char(&b, ']');
			continue;
		}
		if (!p->cased && (code == '%' || code == '_' || code == '\\'))
			buffer_char(&b, '\\');
		b.len += text_encode(code, (uint8_t *)buffer_reserve(&b, 4));
	}
	if (p->text.len == 4 && memcmp(p->text.data, "true", 4) == 0)
		buffer_printf(out, "CASE %s.type WHEN 'true' THEN 'true' ELSE %s.value END", value,
			      value);
	else if (p->text.len == 5 && memcmp(p->text.data, "false", 5) == 0)
		buffer_printf(out, "CASE %s.type WHEN 'false' THEN 'false' ELSE %s.value END",
			      value, value);
	else
		buffer_printf(out, "%s.value", value);
	buffer_string(out, p->cased ? " GLOB " : " LIKE ");
	quoted(out, buffer_as_view(&b));
	if (!p->cased)
		buffer_string(out, " ESCAPE '\\'");
	buffer_release(&b);
	return good;
}

/* WHEN the value begins so ('#': digits) THEN the other text and what stands behind. */
static void beginning(struct buffer *out, const char *value, const char *start, const char *other)
{
	struct buffer rest = {0}, next = {0};

	buffer_string(&rest, value);
	buffer_string(out, " WHEN ");
	for (const char *p = start; *p;) {
		size_t n = strcspn(p, "#");

		if (p > start)
			buffer_string(out, " AND ");
		next.len = 0;
		if (n) {
			buffer_printf(out, "lower(substr(%s,1,%zu))=lower(", buffer_text(&rest), n);
			quoted(out, view_of(p, n));
			buffer_char(out, ')');
			buffer_printf(&next, "substr(%s,%zu)", buffer_text(&rest), n + 1);
		} else {
			n = 1;
			buffer_printf(out, "%s GLOB '[0-9]*'", buffer_text(&rest));
			buffer_printf(&next, "ltrim(%s,'0123456789')", buffer_text(&rest));
		}
		rest.len = 0;
		buffer_view(&rest, buffer_as_view(&next));
		p += n;
	}
	buffer_string(out, " THEN ");
	quoted(out, view_text(other));
	buffer_printf(out, "||%s", buffer_text(&rest));
	buffer_release(&rest);
	buffer_release(&next);
}

/* One text that a mapping makes of others. */
static int derived(struct writer *w, const struct derive *d)
{
	struct buffer base = {0};
	const char *value;

	if (d->after)
		return no_sql(w, "the mapping takes %s out of a text", d->field);
	if (d->join) {
		/* Each part that is there with the text between before it, and that of the first cut off. */
		buffer_string(&base, "substr(");
		for (uint32_t i = 0; i < d->from.count; i++) {
			if (i)
				buffer_string(&base, "||");
			buffer_string(&base, "CASE WHEN ");
			extract(&base, d->from.items[i]);
			buffer_string(&base, " IS NULL OR ");
			extract(&base, d->from.items[i]);
			buffer_string(&base, " IN ('','-') THEN '' ELSE ");
			quoted(&base, view_text(d->with));
			buffer_string(&base, "||");
			extract(&base, d->from.items[i]);
			buffer_string(&base, " END");
		}
		buffer_printf(&base, ",%zu)", strlen(d->with) + 1);
	} else {
		buffer_string(&base, "coalesce(NULL");
		for (uint32_t i = 0; i < d->from.count; i++) {
			buffer_char(&base, ',');
			extract(&base, d->from.items[i]);
		}
		buffer_string(&base, ")");
	}
	value = buffer_text(&base);
	if (d->part) {
		buffer_printf(w->out,
			      "CASE WHEN instr(','||upper(%s),',%s=')>0 THEN "
			      "substr(substr(%s,instr(','||upper(%s),',%s=')+%zu),1,"
			      "instr(substr(%s,instr(','||upper(%s),',%s=')+%zu)||',',',')-1) END",
			      value, d->part, value, value, d->part, strlen(d->part) + 1, value,
			      value, d->part, strlen(d->part) + 1);
	} else if (d->value_count) {
		buffer_printf(w->out, "CASE %s", value);
		for (uint32_t i = 0; i < d->value_count; i++) {
			buffer_string(w->out, " WHEN ");
			quoted(w->out, view_text(d->values[2 * i]));
			buffer_string(w->out, " THEN ");
			quoted(w->out, view_text(d->values[2 * i + 1]));
		}
		buffer_printf(w->out, " ELSE %s END", value);
	} else if (d->replace_count) {
		buffer_string(w->out, "CASE");
		for (uint32_t i = 0; i < d->replace_count; i++)
			beginning(w->out, value, d->replace[2 * i], d->replace[2 * i + 1]);
		buffer_printf(w->out, " ELSE %s END", value);
	} else {
		buffer_string(w->out, value);
	}
	buffer_release(&base);
	return OK;
}

/* The path of a field whose name is the same without case, and without the blanks of "Threat Name". */
static void loosely(struct buffer *out, const char *name)
{
	buffer_string(out,
		      "(SELECT '$.\"'||key||'\"' FROM json_each(fields) WHERE lower(replace(key,' "
		      "',''))=lower(");
	quoted(out, view_text(name));
	buffer_string(out, ") OR (key LIKE '% %' AND lower(replace(key,' ','_'))=lower(");
	quoted(out, view_text(name));
	buffer_string(out, ")) LIMIT 1)");
}

/* The values of a field as a table with the column `value`, as the engine resolves the name. */
static int rows(struct writer *w, uint32_t field, const char *alias)
{
	const char *name = w->engine->set->fields[field];
	const struct source *s = w->source;
	const struct derive *own = NULL, *other = NULL;
	int status;

	if (strchr(name, '"'))
		return no_sql(w, "a field's name with a quotation mark");
	for (uint32_t i = 0; i < s->field_count; i++) {
		if (strcmp(s->fields[i].field, name) != 0)
			continue;
		other = &s->fields[i];
		for (uint32_t k = 0; k < other->from.count; k++)
			if (strcmp(other->from.items[k], name) == 0)
				own = other;
	}
	if (other && other->every) {
		buffer_string(w->out, "json_each(json_array(");
		for (uint32_t i = 0; i < other->from.count; i++) {
			if (i)
				buffer_char(w->out, ',');
			extract(w->out, other->from.items[i]);
		}
		buffer_printf(w->out, ")) %s", alias);
		return OK;
	}
	if (own) {
		buffer_string(w->out, "json_each(json_array(");
		if ((status = derived(w, own)) < 0)
			return status;
		buffer_string(w->out, ",");
		extract(w->out, name);
		buffer_printf(w->out, ")) %s", alias);
		return OK;
	}
	if (other && (other->join || other->part || other->value_count || other->replace_count ||
		      other->after)) {
		buffer_string(w->out, "json_each(CASE WHEN ");
		is_there(w->out, name);
		buffer_string(w->out, " THEN json_array(");
		extract(w->out, name);
		buffer_string(w->out, ") ELSE json_array(");
		if ((status = derived(w, other)) < 0)
			return status;
		buffer_printf(w->out, ") END) %s", alias);
		return OK;
	}
	if (!s->channel.count && !s->provider.count &&
	    (strcmp(name, "User") == 0 || strcmp(name, "Computer") == 0 ||
	     strcmp(name, "Hostname") == 0 || strcmp(name, "Message") == 0)) {
		buffer_string(w->out, "json_each(json_array(coalesce(");
		extract(w->out, name);
		buffer_printf(w->out, ",%s))) %s",
			      name[0] == 'U'   ? "user"
			      : name[0] == 'M' ? "message"
					       : "host",
			      alias);
		return OK;
	}
	buffer_string(w->out, "json_each(fields,coalesce(CASE WHEN ");
	is_there(w->out, name);
	buffer_string(w->out, " THEN ");
	path(w->out, name);
	buffer_string(w->out, " END");
	for (uint32_t i = 0; other && i < other->from.count; i++) {
		buffer_string(w->out, ",CASE WHEN ");
		is_there(w->out, other->from.items[i]);
		buffer_string(w->out, " THEN ");
		path(w->out, other->from.items[i]);
		buffer_string(w->out, " END,");
		loosely(w->out, other->from.items[i]);
	}
	buffer_char(w->out, ',');
	loosely(w->out, name);
	buffer_printf(w->out, ")) %s", alias);
	return OK;
}

/* A test of `v.value`. */
static int test(struct writer *w, const struct predicate *p)
{
	static const char *const ops[] = {"=", "<", "<=", ">", ">="};
	static const char *const parts[] = {"", "%M", "%H", "%d", "", "%m", "%Y"};

	switch ((enum predicate_type)p->type) {
	case PREDICATE_STRING:
		buffer_string(w->out, "(v.value IS NOT NULL AND ");
		if (!pattern(w->out, "v", p))
			return no_sql(w, "letters beyond ASCII, whose case SQLite does not know");
		buffer_char(w->out, ')');
		return OK;
	case PREDICATE_NUMBER:
		if (!p->integral)
			return no_sql(w, "a fraction");
		buffer_printf(w->out, "(CAST(v.value AS TEXT)='%lld'", (long long)p->integer);
		if (p->integer >= 0)
			buffer_printf(w->out,
				      " OR (v.value LIKE '0x%%' AND "
				      "ltrim(substr(lower(v.value),3),'0')=ltrim(printf('%%x',%lld)"
				      ",'0'))",
				      (long long)p->integer);
		buffer_char(w->out, ')');
		return OK;
	case PREDICATE_COMPARE:
		if (p->part == PART_WEEK)
			return no_sql(w, "the week of a time");
		if (p->part != PART_NONE)
			buffer_printf(w->out, "CAST(strftime('%s',v.value) AS INTEGER)%s%.17g",
				      parts[p->part], ops[p->op], p->number);
		else
			buffer_printf(w->out,
				      "(v.value NOT GLOB '*[^0-9.+-]*' AND v.value GLOB '*[0-9]*' "
				      "AND CAST(v.value AS REAL)%s%.17g)",
				      ops[p->op], p->number);
		return OK;
	case PREDICATE_CIDR: {
		unsigned whole = p->prefix / 8, rest = p->prefix % 8,
			 n = rest ? 1u << (8 - rest) : 1;

		if (p->family != 4)
			return no_sql(w, "an IPv6 network");
		buffer_char(w->out, '(');
		for (unsigned i = 0; i < n; i++) {
			buffer_string(w->out, i ? " OR v.value LIKE '" : "v.value LIKE '");
			for (unsigned k = 0; k < whole; k++)
				buffer_printf(w->out, k ? ".%u" : "%u", p->address[k]);
			if (rest)
				buffer_printf(w->out, whole ? ".%u" : "%u", p->address[whole] + i);
			buffer_string(w->out, whole + (rest > 0) == 4 ? "'"
					      : whole + rest	      ? ".%'"
								      : "%.%.%.%'");
		}
		buffer_char(w->out, ')');
		return OK;
	}
	case PREDICATE_REGEX:
		return no_sql(w, "a regular expression");
	case PREDICATE_NULL:
	case PREDICATE_EXISTS:
	case PREDICATE_FIELDREF:
		break;
	}
	return no_sql(w, "a predicate that is no test of one value");
}

static int fieldref(struct writer *w, const struct predicate *p)
{
	const char *a = p->cased ? "v.value" : "lower(v.value)",
		   *b = p->cased ? "o.value" : "lower(o.value)";
	int status;

	buffer_string(w->out, "EXISTS(SELECT 1 FROM ");
	if ((status = rows(w, p->field, "v")) < 0)
		return status;
	buffer_char(w->out, ',');
	if ((status = rows(w, p->other, "o")) < 0)
		return status;
	switch ((enum anchor)p->anchor) {
	case ANCHOR_WHOLE:
		buffer_printf(w->out, " WHERE %s=%s)", a, b);
		break;
	case ANCHOR_START:
		buffer_printf(w->out, " WHERE substr(%s,1,length(o.value))=%s)", a, b);
		break;
	case ANCHOR_END:
		buffer_printf(w->out,
			      " WHERE length(v.value)>=length(o.value) AND "
			      "substr(%s,length(v.value)-length(o.value)+1)=%s)",
			      a, b);
		break;
	case ANCHOR_INSIDE:
		buffer_printf(w->out, " WHERE instr(%s,%s)>0)", a, b);
		break;
	}
	return OK;
}

/* SQLite refuses expressions deeper than 1000, and a chain of ORs is one: lists are halved. */
static int tests(struct writer *w, struct node *const *kids, uint32_t from, uint32_t to)
{
	int status;

	if (to - from == 1)
		return test(w, &w->engine->set->predicates[kids[from]->predicate]);
	buffer_char(w->out, '(');
	if ((status = tests(w, kids, from, from + (to - from) / 2)) < 0)
		return status;
	buffer_string(w->out, " OR ");
	if ((status = tests(w, kids, from + (to - from) / 2, to)) < 0)
		return status;
	buffer_char(w->out, ')');
	return OK;
}

/* Whether the field is several values, one of which has its own name. */
static bool every_own(const struct writer *w, uint32_t field)
{
	const char *name = w->engine->set->fields[field];

	for (uint32_t i = 0; i < w->source->field_count; i++) {
		const struct derive *d = &w->source->fields[i];

		for (uint32_t k = 0; d->every && strcmp(d->field, name) == 0 && k < d->from.count;
		     k++)
			if (strcmp(d->from.items[k], name) == 0)
				return true;
	}
	return false;
}

static int write_node(struct writer *w, const struct node *n);

static int halves(struct writer *w, struct node *const *kids, uint32_t from, uint32_t to,
		  const char *op)
{
	int status;

	if (to - from == 1)
		return write_node(w, kids[from]);
	buffer_char(w->out, '(');
	if ((status = halves(w, kids, from, from + (to - from) / 2, op)) < 0)
		return status;
	buffer_string(w->out, op);
	if ((status = halves(w, kids, from + (to - from) / 2, to, op)) < 0)
		return status;
	buffer_char(w->out, ')');
	return OK;
}

static bool is_test(const struct predicate *p)
{
	return p->type != PREDICATE_NULL && p->type != PREDICATE_EXISTS &&
	       p->type != PREDICATE_FIELDREF;
}

/* EXISTS over the values of one field, for any of these predicates. */
static int values_test(struct writer *w, struct node *const *kids, uint32_t count, uint32_t field)
{
	int status;

	if (field == FIELD_ANY) {
		bool logged = w->source->channel.count || w->source->provider.count;

		buffer_string(w->out,
			      "EXISTS(SELECT 1 FROM (SELECT atom AS value,type FROM "
			      "json_tree(fields) WHERE atom IS NOT NULL");
		if (!logged)
			buffer_string(w->out, " UNION ALL SELECT message,'text'");
		buffer_string(w->out, ") v");
	} else {
		buffer_string(w->out, "EXISTS(SELECT 1 FROM ");
		if ((status = rows(w, field, "v")) < 0)
			return status;
	}
	buffer_string(w->out, " WHERE ");
	if ((status = tests(w, kids, 0, count)) < 0)
		return status;
	buffer_char(w->out, ')');
	return OK;
}

static int write_node(struct writer *w, const struct node *n)
{
	const struct predicate *predicates = w->engine->set->predicates;
	int status;

	switch ((enum node_type)n->type) {
	case NODE_SELECTION:
		return write_node(w, n->kids[0]);
	case NODE_NEVER:
		buffer_char(w->out, '0');
		return OK;
	case NODE_NOT:
		buffer_string(w->out, "NOT ");
		if (n->kids[0]->type != NODE_AND && n->kids[0]->type != NODE_OR) {
			buffer_char(w->out, '(');
			status = write_node(w, n->kids[0]);
			buffer_char(w->out, ')');
			return status;
		}
		buffer_char(w->out, '(');
		status = write_node(w, n->kids[0]);
		buffer_char(w->out, ')');
		return status;
	case NODE_AND:
		return n->count ? halves(w, n->kids, 0, n->count, " AND ") : OK;
	case NODE_OR: {
		bool same = n->count > 1;

		for (uint32_t i = 0; i < n->count && same; i++)
			same = n->kids[i]->type == NODE_PREDICATE &&
			       is_test(&predicates[n->kids[i]->predicate]) &&
			       predicates[n->kids[i]->predicate].field ==
				       predicates[n->kids[0]->predicate].field;
		if (same)
			return values_test(w, n->kids, n->count,
					   predicates[n->kids[0]->predicate].field);
		return halves(w, n->kids, 0, n->count, " OR ");
	}
	case NODE_COUNT:
		buffer_char(w->out, '(');
		for (uint32_t i = 0; i < n->count; i++) {
			buffer_string(w->out, i ? "+(" : "(");
			if ((status = write_node(w, n->kids[i])) < 0)
				return status;
			buffer_char(w->out, ')');
		}
		buffer_printf(w->out, ">=%u)", n->need);
		return OK;
	case NODE_PREDICATE: {
		const struct predicate *p = &predicates[n->predicate];
		struct node *self = (struct node *)(uintptr_t)n;

		if (p->type == PREDICATE_FIELDREF)
			return fieldref(w, p);
		if (p->type == PREDICATE_NULL || p->type == PREDICATE_EXISTS) {
			buffer_string(w->out, p->type == PREDICATE_NULL
						      ? "NOT EXISTS(SELECT 1 FROM "
						      : "EXISTS(SELECT 1 FROM ");
			if (every_own(w, p->field)) { /* its own value says whether it is there */
				buffer_string(w->out, "json_each(json_array(");
				extract(w->out, w->engine->set->fields[p->field]);
				buffer_string(w->out, ")) v WHERE v.value IS NOT NULL)");
				return OK;
			}
			if ((status = rows(w, p->field, "v")) < 0)
				return status;
			buffer_string(w->out, " WHERE v.value IS NOT NULL)");
			return OK;
		}
		return values_test(w, &self, 1, p->field);
	}
	}
	return OK;
}

static void any_of(struct buffer *out, const char *what, const struct texts *list)
{
	buffer_char(out, '(');
	for (uint32_t i = 0; i < list->count; i++) {
		if (i)
			buffer_string(out, " OR ");
		buffer_string(out, what);
		like_glob(out, list->items[i]);
	}
	buffer_char(out, ')');
}

static int write_source(struct writer *w)
{
	const struct source *s = w->source;
	const struct node *guard = w->engine->guards[s->index].node;
	int status;

	if (s->channel.count || s->provider.count) {
		buffer_string(w->out,
			      "(json_type(fields,'$.\"Channel\"') IS NOT NULL OR "
			      "json_type(fields,'$.\"Provider_Name\"') IS NOT NULL)");
		if (s->channel.count) {
			buffer_string(w->out, " AND ");
			any_of(w->out,
			       "coalesce(json_extract(fields,CASE "
			       "json_type(fields,'$.\"Channel\"') WHEN 'array' THEN "
			       "'$.\"Channel\"[0]' ELSE '$.\"Channel\"' END),'')",
			       &s->channel);
		}
		if (s->provider.count) {
			buffer_string(w->out, " AND ");
			any_of(w->out,
			       "coalesce(json_extract(fields,CASE "
			       "json_type(fields,'$.\"Provider_Name\"') WHEN 'array' THEN "
			       "'$.\"Provider_Name\"[0]' ELSE '$.\"Provider_Name\"' END),'')",
			       &s->provider);
		}
	} else {
		buffer_string(w->out,
			      "json_type(fields,'$.\"Channel\"') IS NULL AND "
			      "json_type(fields,'$.\"Provider_Name\"') IS NULL");
	}
	if (s->event_id_count) {
		buffer_string(
			w->out,
			" AND CAST(json_extract(fields,CASE json_type(fields,'$.\"EventID\"') WHEN "
			"'array' THEN '$.\"EventID\"[0]' ELSE '$.\"EventID\"' END) AS TEXT) IN (");
		for (uint32_t i = 0; i < s->event_id_count; i++)
			buffer_printf(w->out, i ? ",'%llu'" : "'%llu'",
				      (unsigned long long)s->event_ids[i]);
		buffer_char(w->out, ')');
	}
	if (s->kind.count) {
		buffer_string(w->out, " AND ");
		any_of(w->out, "kind", &s->kind);
	}
	if (s->parser.count) {
		buffer_string(w->out, " AND ");
		any_of(w->out, "parser", &s->parser);
	}
	for (uint32_t i = 0; i < s->has.count; i++) {
		buffer_string(w->out, " AND ");
		is_there(w->out, s->has.items[i]);
	}
	if (guard) {
		buffer_string(w->out, " AND ");
		if ((status = write_node(w, guard)) < 0)
			return status;
	}
	return OK;
}

int rule_sql(struct buffer *out, const struct engine *engine, const struct rule *rule,
	     struct problem *problem)
{
	struct writer w = {.out = out, .engine = engine, .problem = problem};
	uint32_t sources = 0;
	int status;

	if (!rule->condition)
		return no_sql(&w, "a correlation");
	buffer_string(out, "-- ");
	for (const char *c = rule->title; *c; c++)
		buffer_char(out, (char)((uint8_t)*c < ' ' ? ' ' : *c));
	buffer_string(out, "\nSELECT id, time, host, message, source FROM timeline WHERE\n");
	for (size_t i = 0; i < engine->mapping->count; i++) {
		w.source = engine->mapping->sources[i];
		if (!engine_source_is_for(w.source, &rule->logsource))
			continue;
		buffer_string(out, sources++ ? "\nOR (" : "(");
		if ((status = write_source(&w)) < 0)
			return status;
		buffer_string(out, "\n AND ");
		if ((status = write_node(&w, rule->condition)) < 0)
			return status;
		buffer_char(out, ')');
	}
	if (!sources)
		return no_sql(&w, "no source of the mapping is its logsource");
	buffer_string(out, ";\n");
	return OK;
}
