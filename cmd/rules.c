/* konseki rules: what rules there are, which were refused and why, what they cover, why one did or
 * did not hit. */
#define _GNU_SOURCE /* qsort_r */
#include "cmd/casefeed.h"
#include "cmd/command.h"
#include "cmd/detect.h"
#include "cmd/pipeline.h"

#include "base/table.h"
#include "base/text.h"
#include "base/version.h"
#include "detect/hit.h"
#include "detect/sql.h"
#include "timeline/case.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static struct detect_rules rules;
static const char *format_name, *navigator, *in_case;
static unsigned long event_id;
static bool no_header;
static unsigned long record_number;
static bool all_parts;

/* ---- which rules can fire at all ---- */

static bool glob_parser(const struct texts *list)
{
	for (uint32_t i = 0; i < list->count; i++)
		for (const struct parser *const *p = parsers; *p; p++)
			if (view_glob(view_text((*p)->name), list->items[i]))
				return true;
	return list->count == 0;
}

/* Why the rule cannot fire on anything that konseki reads; NULL when it can. */
static const char *unfed(const struct mapping *m, const struct ruleset *set,
			 const struct rule *rule)
{
	bool mapped = false;

	if (rule->correlation) {
		for (uint32_t i = 0; i < rule->correlation->rule_count; i++)
			if (unfed(m, set, set->rules[rule->correlation->rules[i]]))
				return "a rule it refers to cannot fire";
		return NULL;
	}
	for (size_t i = 0; i < m->count; i++) {
		if (!engine_source_is_for(m->sources[i], &rule->logsource))
			continue;
		mapped = true;
		if (glob_parser(&m->sources[i]->parser))
			return NULL;
	}
	return mapped ? "no parser reads its source" : "no source of the mapping is its logsource";
}

/* ---- what a case says ---- */

struct kinds_of_case { /* one kind of events that the case has */
	char *channel, *provider, *kind, *parser, *names;
	int64_t event_id;
};
struct known_case {
	struct case_db *db;
	struct kinds_of_case *kinds;
	size_t count, cap;
};

static char *column(sqlite3_stmt *s, int i)
{
	const char *text = (const char *)sqlite3_column_text(s, i);

	return xstrdup(text ? text : "");
}

static bool case_know(const char *path, struct known_case *k)
{
	static const char sql[] =
		"SELECT DISTINCT s.channel, s.provider, s.kind, a.parser, s.event_id, s.names FROM "
		"artifact_shape x"
		" JOIN shape s ON s.id = x.shape JOIN artifact a ON a.id = x.artifact";
	struct problem problem = {.reason = ""};
	sqlite3_stmt *s;

	memset(k, 0, sizeof(*k));
	if (case_open(path, CASE_READ, &k->db, &problem) < 0) {
		complain(path, &problem);
		return false;
	}
	if (sqlite3_prepare_v2(case_handle(k->db), sql, -1, &s, NULL) != SQLITE_OK) {
		complainf(path, "%s", sqlite3_errmsg(case_handle(k->db)));
		case_close(k->db);
		return false;
	}
	while (sqlite3_step(s) == SQLITE_ROW) {
		k->kinds = xgrow(k->kinds, &k->cap, k->count + 1, sizeof(*k->kinds));
		k->kinds[k->count++] =
			(struct kinds_of_case){.channel = column(s, 0),
					       .provider = column(s, 1),
					       .kind = column(s, 2),
					       .parser = column(s, 3),
					       .names = column(s, 5),
					       .event_id = sqlite3_column_type(s, 4) == SQLITE_NULL
								   ? -1
								   : sqlite3_column_int64(s, 4)};
	}
	sqlite3_finalize(s);
	return true;
}

static void case_forget(struct known_case *k)
{
	for (size_t i = 0; i < k->count; i++) {
		free(k->kinds[i].channel);
		free(k->kinds[i].provider);
		free(k->kinds[i].kind);
		free(k->kinds[i].parser);
		free(k->kinds[i].names);
	}
	free(k->kinds);
	case_close(k->db);
}

static bool any_of(const struct texts *list, const char *text)
{
	for (uint32_t i = 0; i < list->count; i++)
		if (view_glob(view_text(text), list->items[i]))
			return true;
	return list->count == 0;
}

static bool kind_feeds(const struct kinds_of_case *k, const struct source *s)
{
	bool logged = *k->channel || *k->provider, id = s->event_id_count == 0;

	if ((s->channel.count || s->provider.count) != logged)
		return false;
	if (logged && *k->channel && !any_of(&s->channel, k->channel))
		return false;
	if (logged && (!*k->channel || s->provider.count) &&
	    (!s->provider.count || !any_of(&s->provider, k->provider)))
		return false;
	for (uint32_t i = 0; i < s->event_id_count; i++)
		id |= k->event_id >= 0 && s->event_ids[i] == (uint64_t)k->event_id;
	if (!id || !any_of(&s->kind, k->kind) || !any_of(&s->parser, k->parser))
		return false;
	for (uint32_t i = 0; i < s->has.count; i++) {
		char *name = xasprintf("\"%s\"", s->has.items[i]);
		bool there = strstr(k->names, name) != NULL;

		free(name);
		if (!there)
			return false;
	}
	return true;
}

/* Why the rule cannot fire on this case, beyond unfed(); NULL when it can. */
static const char *unfed_here(const struct engine *e, const struct rule *rule,
			      const struct known_case *k)
{
	const struct mapping *m = engine_mapping(e);

	if (rule->correlation) {
		for (uint32_t i = 0; i < rule->correlation->rule_count; i++)
			if (unfed_here(e, engine_rules(e)->rules[rule->correlation->rules[i]], k))
				return "a rule it refers to cannot fire here";
		return NULL;
	}
	for (size_t i = 0; i < m->count; i++)
		for (size_t j = 0;
		     engine_source_is_for(m->sources[i], &rule->logsource) && j < k->count; j++)
			if (kind_feeds(&k->kinds[j], m->sources[i]))
				return NULL;
	return "the case has no events of its logsource";
}

/* Detections of the rule in the case. */
static int64_t case_hits(const struct known_case *k, const struct rule *rule)
{
	static const char sql[] =
		"SELECT count(*) FROM detection d JOIN rule r ON r.id = d.rule WHERE r.rule_id = "
		"?1 AND r.title = ?2";
	sqlite3_stmt *s;
	int64_t n = 0;

	if (sqlite3_prepare_v2(case_handle(k->db), sql, -1, &s, NULL) != SQLITE_OK)
		return 0;
	sqlite3_bind_text(s, 1, rule->id ? rule->id : "", -1, SQLITE_STATIC);
	sqlite3_bind_text(s, 2, rule->title, -1, SQLITE_STATIC);
	if (sqlite3_step(s) == SQLITE_ROW)
		n = sqlite3_column_int64(s, 0);
	sqlite3_finalize(s);
	return n;
}

/* ---- lint ---- */

static int by_place(const void *a, const void *b)
{
	const struct rule_problem *x = a, *y = b;
	int order = strcmp(x->path, y->path);

	return order ? order : x->line < y->line ? -1 : x->line > y->line;
}

static void print_problems(struct rule_problem *list, size_t count, const char *kind)
{
	if (count)
		qsort(list, count, sizeof(*list), by_place);
	for (size_t i = 0; i < count; i++) {
		struct buffer line = {0};

		text_terminal(&line, view_text(list[i].path));
		buffer_printf(&line, ":%u: %s", list[i].line, kind);
		text_terminal(&line, view_text(list[i].reason));
		buffer_char(&line, '\n');
		(void)fwrite(line.data, 1, line.len, stdout);
		buffer_release(&line);
	}
}

/* Rules whose logsource feeds nothing, and what ruleset_lint says. */
static bool lint_sources(struct ruleset *set)
{
	struct problem problem = {.reason = ""};
	struct mapping *m = mapping_new(&problem);
	bool good = m != NULL;

	for (size_t i = 0; good && i < rules.mappings.count; i++)
		good = mapping_add(m, rules.mappings.items[i], &problem) >= 0;
	if (!good) {
		complainf(NULL, "%s", problem.reason);
		mapping_free(m);
		return false;
	}
	for (size_t i = 0; i < set->rule_count; i++) {
		const struct rule *r = set->rules[i];
		const char *why = r->correlation ? NULL : unfed(m, set, r);

		if (why)
			ruleset_warn(set, r->path, r->line, "cannot fire: %s", why);
	}
	mapping_free(m);
	return true;
}

static int lint(int n, char **paths)
{
	struct ruleset *set = ruleset_new();
	struct problem problem;
	int status = EXIT_COMPLETE;

	set->lint = true;
	if (rules.placeholders && ruleset_placeholders(set, rules.placeholders, &problem) < 0) {
		complainf(rules.placeholders, "%s", problem.reason);
		ruleset_free(set);
		return EXIT_MISUSE;
	}
	for (int i = 0; i < n + (int)rules.rules.count; i++) {
		const char *path = i < n ? paths[i] : rules.rules.items[i - n];

		if (ruleset_add(set, path, &problem) < 0) {
			complainf(path, "%s", problem.reason);
			status = EXIT_MISUSE;
		}
	}
	ruleset_finish(set);
	ruleset_lint(set);
	if (!lint_sources(set))
		status = EXIT_MISUSE;
	print_problems(set->problems, set->problem_count, "");
	print_problems(set->warnings, set->warning_count, "warning: ");
	if (status == EXIT_COMPLETE && set->problem_count)
		status = EXIT_DAMAGED;
	complainf(NULL, "%zu files, %zu rules, %zu refused, %zu warnings", set->files,
		  set->rule_count, set->problem_count, set->warning_count);
	ruleset_free(set);
	return status;
}

/* ---- list ---- */

static void logsource_text(struct buffer *out, const struct rule *r)
{
	const char *const parts[] = {r->logsource.product, r->logsource.category,
				     r->logsource.service};

	if (r->correlation) {
		buffer_string(out, "correlation");
		return;
	}
	for (size_t i = 0; i < 3; i++) {
		if (i)
			buffer_char(out, '/');
		buffer_string(out, parts[i] ? parts[i] : "*");
	}
}

static int list(enum table_format format)
{
	static const char *const columns[] = {"level", "state", "logsource", "title",
					      "id",    "path",	"reason",    "hits"};
	size_t shown = in_case ? 8 : 7;
	struct known_case k;
	int status;
	struct engine *e = detect_load_quietly(&rules, LEVEL_INFORMATIONAL, &status);
	const struct ruleset *set;
	struct table *t;

	if (!e)
		return status;
	if (in_case && !case_know(in_case, &k)) {
		engine_free(e);
		return EXIT_MISUSE;
	}
	set = engine_rules(e);
	t = table_open(stdout, format, columns, shown, !no_header);
	for (size_t i = 0; i < set->rule_count; i++) {
		const struct rule *r = set->rules[i];
		const char *why = unfed(engine_mapping(e), set, r);
		struct buffer source = {0};

		if (!why && in_case)
			why = unfed_here(e, r, &k);
		logsource_text(&source, r);
		table_text(t, level_text((enum level)r->level));
		table_text(t, why ? "cannot fire" : "loaded");
		table_view(t, buffer_as_view(&source));
		table_text(t, r->title);
		table_text(t, r->id);
		table_text(t, r->path);
		table_text(t, why);
		if (in_case)
			table_signed(t, case_hits(&k, r));
		buffer_release(&source);
	}
	for (size_t i = 0; i < set->problem_count; i++) {
		const struct rule_problem *p = &set->problems[i];

		table_text(t, NULL);
		table_text(t, "refused");
		table_text(t, NULL);
		table_text(t, p->title);
		table_text(t, p->id);
		table_text(t, p->path);
		table_text(t, p->reason);
		if (in_case)
			table_text(t, NULL);
	}
	table_close(t);
	if (in_case)
		case_forget(&k);
	engine_free(e);
	return status;
}

/* ---- coverage ---- */

struct technique {
	char id[40];
	size_t rules, able;
	int64_t hits;
};

static struct technique *technique(struct technique **list, size_t *count, size_t *cap,
				   const char *id)
{
	for (size_t i = 0; i < *count; i++)
		if (strcmp((*list)[i].id, id) == 0)
			return &(*list)[i];
	*list = xgrow(*list, cap, *count + 1, sizeof(**list));
	memset(&(*list)[*count], 0, sizeof(**list));
	(void)snprintf((*list)[*count].id, sizeof((*list)[*count].id), "%s", id);
	return &(*list)[(*count)++];
}

static int by_id(const void *a, const void *b)
{
	return strcmp(((const struct technique *)a)->id, ((const struct technique *)b)->id);
}

static bool is_technique(const char *s)
{
	return (s[0] == 't' || s[0] == 'T') && s[1] >= '0' && s[1] <= '9';
}

/* A layer for the ATT&CK Navigator (layer format 4.5). */
static int navigator_write(const char *path, const struct technique *list, size_t count)
{
	struct buffer out = {0};
	size_t most = 1, shown = 0;
	FILE *f;
	int status = EXIT_COMPLETE;

	for (size_t i = 0; i < count; i++)
		if (is_technique(list[i].id) && list[i].able > most)
			most = list[i].able;
	buffer_string(&out,
		      "{\"name\":\"konseki "
		      "rules\",\"versions\":{\"layer\":\"4.5\",\"navigator\":\"5.1.0\"},"
		      "\"domain\":\"enterprise-attack\",");
	buffer_string(&out, "\"description\":\"Rules of konseki " KONSEKI_VERSION
			    " that can fire, by technique\",\"techniques\":[");
	for (size_t i = 0; i < count; i++) {
		struct buffer id = {0};

		if (!is_technique(list[i].id))
			continue;
		for (const char *c = list[i].id; *c; c++)
			buffer_char(&id, (char)(*c == 't' ? 'T' : *c));
		buffer_string(&out, shown++ ? ",\n{\"techniqueID\":" : "\n{\"techniqueID\":");
		text_json_quoted(&out, buffer_as_view(&id));
		buffer_printf(&out, ",\"score\":%zu,\"comment\":\"%zu rules, %zu can fire",
			      list[i].able, list[i].rules, list[i].able);
		if (in_case)
			buffer_printf(&out, ", %lld hits", (long long)list[i].hits);
		/* What was found stands out from what could be. */
		buffer_string(&out, list[i].hits ? "\",\"color\":\"#ff6666\"}" : "\"}");
		buffer_release(&id);
	}
	buffer_printf(&out,
		      "],\"gradient\":{\"colors\":[\"#ffffff\",\"#66b1ff\"],\"minValue\":0,"
		      "\"maxValue\":%zu}}\n",
		      most);
	f = strcmp(path, "-") == 0 ? stdout : fopen(path, "we");
	if (!f || fwrite(out.data, 1, out.len, f) != out.len || (f != stdout && fclose(f) != 0)) {
		complainf(path, "%s", strerror(errno));
		status = EXIT_MISUSE;
	}
	buffer_release(&out);
	return status;
}

static int coverage(enum table_format format)
{
	static const char *const columns[] = {"attack", "rules", "can_fire", "hits"};
	struct known_case known;
	struct technique *list = NULL;
	size_t count = 0, cap = 0;
	int status;
	struct engine *e = detect_load_quietly(&rules, LEVEL_INFORMATIONAL, &status);
	const struct ruleset *set;

	if (!e)
		return status;
	if (in_case && !case_know(in_case, &known)) {
		engine_free(e);
		return EXIT_MISUSE;
	}
	set = engine_rules(e);
	for (size_t i = 0; i < set->rule_count; i++) {
		const struct rule *r = set->rules[i];
		const char *why = unfed(engine_mapping(e), set, r);
		int64_t hits = 0;

		if (in_case) {
			why = why ? why : unfed_here(e, r, &known);
			hits = case_hits(&known, r);
		}
		for (uint32_t k = 0; k < r->tag_count; k++) {
			struct technique *x;

			if (strncmp(r->tags[k], "attack.", 7) != 0)
				continue;
			x = technique(&list, &count, &cap, r->tags[k] + 7);
			x->rules++;
			x->able += why == NULL;
			x->hits += hits;
		}
	}
	if (count)
		qsort(list, count, sizeof(*list), by_id);
	if (navigator) {
		int wrote = navigator_write(navigator, list, count);

		status = wrote ? wrote : status;
	} else {
		struct table *t = table_open(stdout, format, columns, in_case ? 4 : 3, !no_header);

		for (size_t i = 0; i < count; i++) {
			table_text(t, list[i].id);
			table_signed(t, (int64_t)list[i].rules);
			table_signed(t, (int64_t)list[i].able);
			if (in_case)
				table_signed(t, list[i].hits);
		}
		table_close(t);
	}
	if (in_case)
		case_forget(&known);
	free(list);
	engine_free(e);
	return status;
}

/* ---- explain ---- */

struct explainer {
	struct sink sink;
	struct engine_state *state;
	struct event_origin origin;
	struct task *task;
	struct buffer out;
};

static const struct engine *engine;
static const struct rule *wanted;
static volatile sig_atomic_t *explained; /* shared with the workers: whether the record was found */

static void explain_value(struct buffer *out, const struct predicate *p)
{
	static const char *const parts[] = {"",	     "minute ", "hour ", "day ",
					    "week ", "month ",	"year "};
	static const char *const ops[] = {"=", "<", "<=", ">", ">="};

	switch ((enum predicate_type)p->type) {
	case PREDICATE_STRING:
		buffer_string(out, "is \"");
		for (size_t i = 0; i < p->text.len; i++)
			buffer_char(out, p->text.data[i] == PATTERN_ANY	  ? '*'
					 : p->text.data[i] == PATTERN_ONE ? '?'
									  : (char)p->text.data[i]);
		buffer_char(out, '"');
		break;
	case PREDICATE_REGEX:
		buffer_string(out, "matches /");
		buffer_view(out, p->text);
		buffer_char(out, '/');
		break;
	case PREDICATE_CIDR:
		buffer_string(out, "in ");
		buffer_view(out, p->text);
		break;
	case PREDICATE_NUMBER:
		buffer_printf(out, "= %.15g", p->number);
		break;
	case PREDICATE_COMPARE:
		buffer_printf(out, "%s%s %.15g", parts[p->part], ops[p->op], p->number);
		break;
	case PREDICATE_NULL:
		buffer_string(out, "is not there");
		break;
	case PREDICATE_EXISTS:
		buffer_string(out, "is there");
		break;
	case PREDICATE_FIELDREF:
		buffer_printf(out, "%s field %s",
			      p->anchor == ANCHOR_START	   ? "starts with"
			      : p->anchor == ANCHOR_END	   ? "ends with"
			      : p->anchor == ANCHOR_INSIDE ? "contains"
							   : "equals",
			      engine_rules(engine)->fields[p->other]);
		break;
	}
}

static void explain_part(void *data, const struct explained *part)
{
	static const char *const names[] = {"all of", "any of", "not", "", "", "", "never"};
	struct explainer *x = data;
	struct buffer line = {0};

	/* A long list of values that all failed says nothing more than the first ones. */
	if (!all_parts && part->predicate && !part->holds && !part->present)
		return;
	buffer_string(&x->out, part->holds ? "  + " : "  - ");
	for (unsigned i = 0; i < part->depth; i++)
		buffer_string(&x->out, "  ");
	if (part->predicate) {
		const char *field = engine_rules(engine)->fields[part->predicate->field];

		buffer_string(&line, *field ? field : "any field");
		buffer_char(&line, ' ');
		explain_value(&line, part->predicate);
		if (part->present && *field) {
			buffer_string(&line, "   [");
			buffer_view(&line, view_clip(part->value, 0, 300));
			buffer_char(&line, ']');
		} else if (*field) {
			buffer_string(&line, "   (not there)");
		}
	} else if (part->node->type == NODE_SELECTION) {
		buffer_string(&line, part->node->name);
	} else if (part->node->type == NODE_COUNT) {
		buffer_printf(&line, "%u of", part->node->need);
	} else {
		buffer_string(&line, names[part->node->type]);
	}
	text_terminal(&x->out, buffer_as_view(&line));
	buffer_char(&x->out, '\n');
	buffer_release(&line);
}

static void explain_one(struct explainer *x, const struct event *e, const char *what,
			uint64_t number)
{
	struct buffer head = {0}, body, wants = {0};
	bool fits;

	body = x->out;
	memset(&x->out, 0, sizeof(x->out));
	fits = engine_explain(engine, x->state, wanted, e, &x->origin, explain_part, x);
	buffer_string(&head, what);
	buffer_unsigned(&head, number);
	buffer_string(&head, ": ");
	event_message(&head, e);
	text_terminal(&body, buffer_as_view(&head));
	logsource_text(&wants, wanted);
	buffer_printf(&body, "\n  %s its logsource, ", fits ? "+ from" : "- not from");
	text_terminal(&body, buffer_as_view(&wants));
	buffer_char(&body, '\n');
	buffer_release(&wants);
	buffer_view(&body, buffer_as_view(&x->out));
	buffer_release(&x->out);
	buffer_release(&head);
	x->out = body;
}

static int explain_event(struct sink *sink, const struct event *e)
{
	struct explainer *x = (struct explainer *)sink;

	if (hit_record(e) != record_number && e->record != record_number)
		return OK;
	*explained = 1;
	explain_one(x, e, "record ", hit_record(e));
	return task_output(x->task, &x->out);
}

static int explain_fed(void *data, const struct event *e, const struct case_place *place)
{
	struct explainer *x = data;

	x->origin = (struct event_origin){.source = place->source, .parser = place->parser};
	explain_one(x, e, "event ", (uint64_t)place->id);
	return OK;
}

/* An event of the case, by its id. */
static int explain_in_case(void)
{
	struct case_filter filter = {
		.since = TIME_NONE, .until = TIME_NONE, .id = (int64_t)event_id};
	struct explainer x = {.state = engine_state_new(engine)};
	struct problem problem = {.reason = ""};
	struct case_db *c;
	int status;

	if (case_open(in_case, CASE_READ, &c, &problem) < 0) {
		complain(in_case, &problem);
		engine_state_free(x.state);
		return EXIT_MISUSE;
	}
	status = case_feed(c, &filter, explain_fed, &x, &problem);
	if (status < 0)
		complain(in_case, &problem);
	else if (!x.out.len)
		complainf(in_case, "there is no event %lu", event_id);
	(void)fwrite(x.out.data, 1, x.out.len, stdout);
	status = status < 0 || !x.out.len ? EXIT_MISUSE : EXIT_COMPLETE;
	buffer_release(&x.out);
	engine_state_free(x.state);
	case_close(c);
	return status;
}

static void *explain_start(void *data)
{
	struct explainer *x = xcalloc(1, sizeof(*x));

	(void)data;
	x->state = engine_state_new(engine);
	x->sink.event = explain_event;
	return x;
}

static int explain_begin(void *self, struct task *t)
{
	struct explainer *x = self;

	x->task = t;
	x->out.len = 0;
	x->origin = (struct event_origin){
		.host = t->host, .source = t->path, .parser = t->parser->name};
	t->parse->sink = &x->sink;
	return OK;
}

static void explain_end(void *self, struct task *t, int status)
{
	struct explainer *x = self;

	(void)status;
	(void)task_finish(t, &x->out);
}

static int explain(int n, char **operands)
{
	static const struct pipeline_ops ops = {
		.start = explain_start, .begin = explain_begin, .end = explain_end};
	struct pipeline_options with = {.ordered = true, .prints = true};
	struct pipeline *p;
	int status;

	if (n < 1 || (n < 2 && !event_id)) {
		complainf(NULL,
			  "rules explain RULE FILE...: which rule, and the file that has the "
			  "record?");
		return EXIT_MISUSE;
	}
	engine = detect_load_quietly(&rules, LEVEL_INFORMATIONAL, &status);
	if (!engine)
		return status;
	wanted = ruleset_find(engine_rules(engine), operands[0]);
	if (!wanted || !wanted->condition) {
		complainf(operands[0], wanted ? "a correlation: explain the rules it refers to"
					      : "no such rule is loaded");
		return EXIT_MISUSE;
	}
	if (n < 2) {
		if (!in_case && !(in_case = case_path(NULL)))
			return EXIT_MISUSE;
		status = explain_in_case();
		engine_free((struct engine *)(uintptr_t)engine);
		return status;
	}
	explained = mmap(NULL, sizeof(*explained), PROT_READ | PROT_WRITE,
			 MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	p = explained != MAP_FAILED ? pipeline_open(&with, &ops, NULL) : NULL;
	if (!p) {
		complainf(NULL, "no worker processes");
		return EXIT_MISUSE;
	}
	for (int i = 1; i < n; i++)
		if (pipeline_input(p, operands[i]) < 0)
			break;
	status = pipeline_close(p);
	if (!*explained) {
		complainf(NULL, "there is no record %lu", record_number);
		status = EXIT_MISUSE;
	}
	engine_free((struct engine *)(uintptr_t)engine);
	return status;
}

/* ---- sql ---- */

static int sql(int n, char **operands)
{
	struct buffer out = {0};
	struct problem problem;
	const struct rule *rule;
	int status;
	struct engine *e;

	if (n != 1) {
		complainf(NULL, "rules sql RULE: which rule?");
		return EXIT_MISUSE;
	}
	e = detect_load_quietly(&rules, LEVEL_INFORMATIONAL, &status);
	if (!e)
		return status;
	rule = ruleset_find(engine_rules(e), operands[0]);
	if (!rule) {
		complainf(operands[0], "no such rule is loaded");
		status = EXIT_MISUSE;
	} else if (rule_sql(&out, e, rule, &problem) < 0) {
		complainf(rule->title, "has no SQL: %s", problem.reason);
		status = EXIT_DAMAGED;
	} else {
		(void)fwrite(out.data, 1, out.len, stdout);
		status = EXIT_COMPLETE;
	}
	buffer_release(&out);
	engine_free(e);
	return status;
}

/* ---- the command ---- */

static const struct option options[] = {
	DETECT_RULE_OPTIONS(rules),
	{OPTION_TEXT, 'c', "case", "FILE",
	 "list and coverage: what can fire in this case; explain: its events", &in_case},
	{OPTION_NUMBER, 0, "event", "ID", "explain: the event of the case", &event_id},
	{OPTION_NUMBER, 0, "record", "N", "explain: the record, as a hit names it", &record_number},
	{OPTION_FLAG, 0, "all", NULL, "explain: values of absent fields too", &all_parts},
	{OPTION_TEXT, 0, "navigator", "FILE", "coverage: write a layer for the ATT&CK Navigator",
	 &navigator},
	{OPTION_TEXT, 0, "format", "table|tsv|csv|jsonl", "of list and coverage", &format_name},
	{OPTION_FLAG, 0, "no-header", NULL, "no line of column names", &no_header},
	{OPTION_END},
};
static const struct command_help help = {
	"rules", "lint|list|explain|sql|coverage ...",
	"check rules, say what is loaded, and why one hit or did not",
	"  lint PATH...                  every refused rule: file, line, reason\n"
	"  list                          every rule: loaded, cannot fire and why, refused and why\n"
	"  explain RULE --event ID       which parts of the rule hold on that event of the case\n"
	"  explain RULE --record N FILE  the same on a record of a file\n"
	"  sql RULE                      SQL that finds the same events in a case\n"
	"  coverage                      ATT&CK tactics and techniques by rules"};

static int run(int argc, char **argv)
{
	enum table_format format = TABLE_AUTO;
	const char *verb;
	int n;

	switch (option_parse(&help, options, argc, argv, &n)) {
	case OPTION_EXIT_OK:
		return EXIT_COMPLETE;
	case OPTION_MISUSE:
		return EXIT_MISUSE;
	case OPTION_GO:
		break;
	}
	if (n == 0) {
		option_usage(stderr, &help, options);
		return EXIT_MISUSE;
	}
	if (!table_format_of(format_name, &format)) {
		complainf(NULL, "no such format: %s", format_name);
		return EXIT_MISUSE;
	}
	verb = argv[1];
	if (strcmp(verb, "lint") == 0)
		return lint(n - 1, argv + 2);
	if (strcmp(verb, "list") == 0)
		return list(format);
	if (strcmp(verb, "coverage") == 0)
		return coverage(format);
	if (strcmp(verb, "explain") == 0)
		return explain(n - 1, argv + 2);
	if (strcmp(verb, "sql") == 0)
		return sql(n - 1, argv + 2);
	complainf(verb, "rules does lint, list, explain, sql and coverage");
	return EXIT_MISUSE;
}

const struct command command_rules = {&help, run};
