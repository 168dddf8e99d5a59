/* konseki detect: Sigma rules over files, without a case, or over a case. */
#define _GNU_SOURCE /* qsort_r */
#include "cmd/casefeed.h"
#include "cmd/command.h"
#include "cmd/detect.h"
#include "cmd/detection.h"
#include "cmd/pipeline.h"

#include "base/table.h"
#include "base/text.h"
#include "detect/correlate.h"
#include "detect/engine.h"
#include "detect/hit.h"
#include "detect/suppress.h"
#include "timeline/case.h"
#include "timeline/row.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- rules ---- */

/* rules/ beside the program: of the source tree, or installed. Static; NULL when there is none. */
static const char *own_rules(void)
{
	static const char *const places[] = {"/../share/konseki/rules", "/../rules",
					     "/../../rules"};
	static char path[PATH_MAX + 64];
	char self[PATH_MAX];
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);
	char *slash;

	if (n <= 0)
		return NULL;
	self[n] = '\0';
	slash = strrchr(self, '/');
	if (!slash)
		return NULL;
	*slash = '\0';
	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		(void)snprintf(path, sizeof(path), "%s%s", self, places[i]);
		if (access(path, R_OK | X_OK) == 0)
			return path;
	}
	return NULL;
}

struct engine *detect_load_quietly(const struct detect_rules *with, enum level level, int *status)
{
	struct engine_options options = {.rules = with->rules.items,
					 .rule_count = with->rules.count,
					 .mappings = with->mappings.items,
					 .mapping_count = with->mappings.count,
					 .placeholders = with->placeholders,
					 .no_cache = with->no_cache,
					 .plain = with->plain,
					 .level = level};
	const char *own = NULL;
	struct problem problem;
	struct engine *loaded;

	*status = EXIT_COMPLETE;
	if (!options.rule_count) {
		own = own_rules();
		if (!own) {
			complainf(NULL, "which rules? give --rules PATH");
			*status = EXIT_MISUSE;
			return NULL;
		}
		options.rules = &own;
		options.rule_count = 1;
	}
	loaded = engine_load(&options, &problem);
	if (!loaded) {
		complainf(NULL, "%s", problem.reason);
		*status = EXIT_MISUSE;
	}
	return loaded;
}

struct engine *detect_load(const struct detect_rules *with, enum level level, int *status)
{
	struct engine *loaded = detect_load_quietly(with, level, status);
	const struct ruleset *set;

	if (!loaded)
		return NULL;
	set = engine_rules(loaded);
	for (size_t i = 0; i < set->problem_count; i++) {
		const struct rule_problem *p = &set->problems[i];

		if (p->line)
			complainf(p->path, "line %u: %s", p->line, p->reason);
		else
			complainf(p->path, "%s", p->reason);
		*status = EXIT_DAMAGED;
	}
	if (set->problem_count)
		complainf(NULL, "%zu rules loaded, %zu refused", set->rule_count,
			  set->problem_count);
	return loaded;
}

/* ---- what a worker tells the parent of a hit ---- */

struct message {
	uint32_t size; /* of all of it */
	uint32_t rule;
	int64_t ts;
	uint64_t record;
	uint32_t host, line, matched; /* bytes of each text, in this order */
	uint32_t encoded;	      /* bytes for correlations, last */
	uint32_t print;		      /* whether the hit is one of its own */
	uint32_t suppressed;	      /* 1: somebody said it is none */
	int64_t id;		      /* row in the case, or 0 */
};

struct watch {
	struct task_sink base;
	const struct engine *engine;
	struct engine_state *state;
	const struct event *event;
	int64_t id;
	struct store *stored; /* case: what goes into `detection` */
};

static const struct engine *engine;
static struct suppress *known;
static bool want_lines, want_matched;
static enum level least_level;

/* A detection to be written when the reading is over: { id, rule, bytes of matched }. */
struct stored {
	int64_t id;
	uint32_t rule, matched;
};

/* Detections of a case while it is read: in a file once they are many. */
#define STORED_IN_MEMORY ((size_t)16 << 20)
struct store {
	struct buffer buffer;
	FILE *file;
	bool failed;
};

static void store(struct store *s, const struct hit *hit, int64_t id)
{
	struct buffer *out = &s->buffer;
	struct stored d = {.id = id, .rule = hit->rule->index};
	size_t at = out->len;

	buffer_append(out, &d, sizeof(d));
	hit_matched_json(out, hit);
	d.matched = (uint32_t)(out->len - at - sizeof(d));
	memcpy(out->data + at, &d, sizeof(d));
	if (out->len < STORED_IN_MEMORY)
		return;
	if (!s->file && !(s->file = tmpfile()))
		s->failed = true;
	if (s->file && fwrite(out->data, 1, out->len, s->file) != out->len)
		s->failed = true;
	out->len = 0;
}

/* The next one, its text in *matched; false at the end. */
static bool stored_next(struct store *s, size_t *at, struct stored *d, struct buffer *matched)
{
	struct view rest;

	matched->len = 0;
	if (s->file) {
		if (fread(d, 1, sizeof(*d), s->file) == sizeof(*d)) {
			(void)buffer_reserve(matched, d->matched + 1);
			matched->len = fread(matched->data, 1, d->matched, s->file);
			s->failed |= matched->len != d->matched;
			return !s->failed;
		}
		s->failed |= ferror(s->file) != 0;
	}
	rest = view_from(buffer_as_view(&s->buffer), *at);
	if (rest.len < sizeof(*d))
		return false;
	memcpy(d, rest.data, sizeof(*d));
	buffer_view(matched, view_sub(rest, sizeof(*d), d->matched));
	*at += sizeof(*d) + d->matched;
	return true;
}

static int on_hit(void *data, const struct hit *hit)
{
	struct watch *w = data;
	const struct event *e = w->event;
	struct message m = {
		.rule = hit->rule->index, .ts = e->ts, .record = hit_record(e), .id = w->id};
	size_t at = w->base.out.len, from;

	buffer_append(&w->base.out, &m, sizeof(m));
	from = w->base.out.len;
	if (e->host.type != VALUE_ABSENT)
		value_append(&w->base.out, &e->host);
	else if (w->base.origin.host)
		buffer_string(&w->base.out, w->base.origin.host);
	m.host = (uint32_t)(w->base.out.len - from);
	m.suppressed = suppress_match(known, hit, view_of(w->base.out.data + from, m.host)) >= 0;
	from = w->base.out.len;
	m.print = !m.suppressed && !hit->rule->silent && hit->rule->level >= least_level;
	if (want_lines && m.print)
		hit_json(&w->base.out, hit, e, &w->base.origin, w->id);
	m.line = (uint32_t)(w->base.out.len - from);
	from = w->base.out.len;
	if (want_matched)
		hit_text(&w->base.out, hit);
	m.matched = (uint32_t)(w->base.out.len - from);
	from = w->base.out.len;
	if (!m.suppressed)
		correlate_encode(&w->base.out, engine, hit);
	m.encoded = (uint32_t)(w->base.out.len - from);
	m.size = (uint32_t)(w->base.out.len - at);
	if (m.print && w->stored)
		store(w->stored, hit, w->id);
	memcpy(w->base.out.data + at, &m, sizeof(m));
	return OK;
}

static int put(struct sink *sink, const struct event *e)
{
	struct watch *w = (struct watch *)sink;
	int status;

	w->event = e;
	status = engine_match(w->engine, w->state, e, &w->base.origin, on_hit, w);
	return status >= 0 && w->base.out.len > 1 << 16 ? task_sink_send(&w->base) : status;
}

static void *start(void *data)
{
	struct watch *w = xcalloc(1, sizeof(*w));

	(void)data;
	w->engine = engine;
	w->state = engine_state_new(engine);
	w->base.sink.event = put;
	return w;
}

static void end(void *self, struct task *t, int status)
{
	struct watch *w = self;

	(void)t;
	(void)status;
	(void)task_sink_send(&w->base);
	task_sink_shrink(&w->base);
}

/* ---- the parent: counts, prints ---- */

struct name {
	char *text;
	struct name *next;
};
struct tally {
	uint64_t hits, hosts, suppressed;
	int64_t first, last;
	struct name *names; /* of hosts, up to HOSTS_KEPT */
};
#define HOSTS_KEPT 10000u

struct results {
	struct tally *tallies; /* by rule */
	uint64_t hits, suppressed;
	int worst; /* level, -1: none */
	struct table *rows;
	struct correlator *correlator;
	struct case_db *into; /* case: where detections go */
};

static void count(struct results *r, uint32_t rule, int64_t ts, struct view host)
{
	struct tally *t = &r->tallies[rule];
	struct name *n;

	r->hits++;
	t->hits++;
	if (ts != TIME_NONE) {
		if (t->first == TIME_NONE || ts < t->first)
			t->first = ts;
		if (t->last == TIME_NONE || ts > t->last)
			t->last = ts;
	}
	if (host.len == 0 || t->hosts >= HOSTS_KEPT)
		return;
	for (n = t->names; n; n = n->next)
		if (view_is(host, n->text))
			return;
	n = xmalloc(sizeof(*n));
	n->text = xmemdup0(host.data, host.len);
	n->next = t->names;
	t->names = n;
	t->hosts++;
}

static int consume(struct results *r, const char *source, struct view bytes)
{
	const struct ruleset *set = engine_rules(engine);
	size_t at = 0;

	while (view_has(bytes, at, sizeof(struct message))) {
		struct message m;
		const struct rule *rule;
		struct view host, line, matched;
		size_t text = at + sizeof(m);

		memcpy(&m, bytes.data + at, sizeof(m));
		/* A worker reads hostile bytes: what it says is checked like them. */
		if (m.size < sizeof(m) || !view_has(bytes, at, m.size) ||
		    m.rule >= set->rule_count ||
		    (uint64_t)m.host + m.line + m.matched + m.encoded + sizeof(m) != m.size)
			return ERR_FORMAT;
		rule = set->rules[m.rule];
		host = view_sub(bytes, text, m.host);
		line = view_sub(bytes, text + m.host, m.line);
		matched = view_sub(bytes, text + m.host + m.line, m.matched);
		if (m.encoded) {
			struct hit_place place = {.ts = m.ts,
						  .host = host,
						  .source = view_text(source),
						  .record = m.record,
						  .id = m.id};
			int status = correlator_feed(
				r->correlator, m.rule, &place,
				view_sub(bytes, at + m.size - m.encoded, m.encoded));

			if (status < 0)
				return status;
		}
		at += m.size;
		if (m.suppressed) {
			r->tallies[m.rule].suppressed++;
			r->suppressed++;
		}
		if (!m.print)
			continue;
		count(r, m.rule, m.ts, host);
		if (rule->level > r->worst)
			r->worst = rule->level;
		if (line.len)
			(void)fwrite(line.data, 1, line.len, stdout);
		if (r->rows) {
			char when[TIME_TEXT];

			(void)time_format(m.ts, when);
			table_text(r->rows, when);
			table_text(r->rows, level_text((enum level)rule->level));
			table_view(r->rows, host);
			table_text(r->rows, rule->title);
			table_view(r->rows, matched);
			table_text(r->rows, source);
			table_signed(r->rows, (int64_t)m.record);
		}
	}
	return ferror(stdout) ? ERR_STOPPED : OK;
}

static int data(void *user, struct artefact *file, struct view bytes)
{
	return consume(user, file->path, bytes);
}

static int on_correlated(void *user, const struct correlated *hit)
{
	struct results *r = user;
	struct view host = hit->one_host ? hit->place->host : VIEW_EMPTY;

	if (hit->rule->level < least_level)
		return OK;
	if (suppress_correlated(known, hit) >= 0) {
		r->tallies[hit->rule->index].suppressed++;
		r->suppressed++;
		return OK;
	}
	count(r, hit->rule->index, hit->last, host);
	if (hit->rule->level > r->worst)
		r->worst = hit->rule->level;
	if (r->into && hit->place->id) {
		int status = detection_write(r->into, hit->place->id, hit->rule, view_text("[]"),
					     hit->events);

		if (status < 0)
			return status;
	}
	if (want_lines) {
		struct buffer line = {0};

		correlated_json(&line, hit);
		(void)fwrite(line.data, 1, line.len, stdout);
		buffer_release(&line);
	}
	if (r->rows) {
		char when[TIME_TEXT];
		char *what = xasprintf("%llu events, value %.15g, %s",
				       (unsigned long long)hit->count, hit->value, hit->group);

		(void)time_format(hit->last, when);
		table_text(r->rows, when);
		table_text(r->rows, level_text((enum level)hit->rule->level));
		table_view(r->rows, host);
		table_text(r->rows, hit->rule->title);
		table_text(r->rows, what);
		table_view(r->rows, hit->place->source);
		table_signed(r->rows, (int64_t)hit->place->record);
		free(what);
	}
	return ferror(stdout) ? ERR_STOPPED : OK;
}

static int by_level(const void *a, const void *b, void *user)
{
	const struct results *r = user;
	const struct ruleset *set = engine_rules(engine);
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	if (set->rules[x]->level != set->rules[y]->level)
		return set->rules[x]->level > set->rules[y]->level ? -1 : 1;
	if (r->tallies[x].hits != r->tallies[y].hits)
		return r->tallies[x].hits > r->tallies[y].hits ? -1 : 1;
	return strcmp(set->rules[x]->title, set->rules[y]->title);
}

/* For a person: to the second, without ids, the rule last so that it has the room that is left. */
static void print_summary_for_people(struct results *r, const uint32_t *order, uint32_t n,
				     bool header)
{
	static const char *const columns[] = {"level", "hits", "suppressed", "hosts",
					      "first", "last", "rule"},
				 *const plain[] = {"level", "hits", "hosts",
						   "first", "last", "rule"};
	bool suppressed = r->suppressed > 0;
	struct table *t = table_open(stdout, TABLE_ALIGNED, suppressed ? columns : plain,
				     suppressed ? 7 : 6, header);

	for (uint32_t i = 0; i < n; i++) {
		const struct rule *rule = engine_rules(engine)->rules[order[i]];
		const struct tally *y = &r->tallies[order[i]];
		const int64_t times[2] = {y->first, y->last};

		table_text(t, level_text((enum level)rule->level));
		table_signed(t, (int64_t)y->hits);
		if (suppressed)
			table_signed(t, (int64_t)y->suppressed);
		table_signed(t, (int64_t)y->hosts);
		for (int k = 0; k < 2; k++) {
			char when[TIME_TEXT] = "";

			if (times[k] != TIME_NONE)
				(void)time_format(times[k] -
							  ((times[k] % TIME_SECOND) + TIME_SECOND) %
								  TIME_SECOND,
						  when);
			table_text(t, when);
		}
		table_text(t, rule->title);
	}
	table_close(t);
}

static void print_summary(struct results *r, enum table_format format, bool header)
{
	static const char *const columns[] = {"level", "hits", "hosts",	  "first",
					      "last",  "rule", "rule_id", "suppressed"};
	const struct ruleset *set = engine_rules(engine);
	uint32_t *order = xcalloc(set->rule_count + 1, sizeof(*order)), n = 0;
	struct table *t;

	for (uint32_t i = 0; i < set->rule_count; i++)
		if (r->tallies[i].hits || r->tallies[i].suppressed)
			order[n++] = i;
	qsort_r(order, n, sizeof(*order), by_level, r);
	if (format == TABLE_ALIGNED) {
		print_summary_for_people(r, order, n, header);
		free(order);
		return;
	}
	t = table_open(stdout, format, columns, sizeof(columns) / sizeof(columns[0]), header);
	for (uint32_t i = 0; i < n; i++) {
		const struct rule *rule = set->rules[order[i]];
		const struct tally *y = &r->tallies[order[i]];
		char when[TIME_TEXT];

		table_text(t, level_text((enum level)rule->level));
		table_signed(t, (int64_t)y->hits);
		table_signed(t, (int64_t)y->hosts);
		(void)time_format(y->first, when);
		table_text(t, when);
		(void)time_format(y->last, when);
		table_text(t, when);
		table_text(t, rule->title);
		table_text(t, rule->id);
		table_signed(t, (int64_t)y->suppressed);
	}
	table_close(t);
	free(order);
}

/* ---- over a case ---- */

struct case_run {
	struct watch watch;
	struct results *results;
	struct store stored;
};

static int case_event(void *user, const struct event *e, const struct case_place *place)
{
	struct case_run *run = user;
	struct watch *w = &run->watch;
	int status;

	w->event = e;
	w->id = place->id;
	w->base.origin = (struct event_origin){.source = place->source, .parser = place->parser};
	w->base.out.len = 0;
	status = engine_match(engine, w->state, e, &w->base.origin, on_hit, w);
	if (status >= 0 && w->base.out.len)
		status = consume(run->results, place->source, buffer_as_view(&w->base.out));
	return status;
}

static int finish_correlations(struct results *r)
{
	int status = correlator_finish(r->correlator, on_correlated, r);

	if (status == ERR_IO)
		complainf(NULL, "correlations: no room for temporary files");
	if (correlator_timeless(r->correlator))
		complainf(NULL, "%llu hits have no time and were left out of correlations",
			  (unsigned long long)correlator_timeless(r->correlator));
	return status;
}

/* The exit status. Detections of earlier runs are replaced. */
static int over_case(const char *path, struct results *r)
{
	struct case_filter all = {.since = TIME_NONE, .until = TIME_NONE};
	struct case_run run = {.results = r};
	struct problem problem = {.reason = ""};
	struct buffer matched = {0};
	struct stored d;
	struct case_db *c;
	size_t at = 0;
	int status = case_open(path, CASE_WRITE, &c, &problem);

	if (status < 0) {
		complain(path, &problem);
		return EXIT_MISUSE;
	}
	run.watch.engine = engine;
	run.watch.state = engine_state_new(engine);
	run.watch.stored = &run.stored;
	status = case_feed(c, &all, case_event, &run, &problem);
	if (status >= 0)
		status = case_detections_clear(c);
	if (run.stored.file)
		rewind(run.stored.file);
	while (status >= 0 && stored_next(&run.stored, &at, &d, &matched))
		status = detection_write(c, d.id, engine_rules(engine)->rules[d.rule],
					 buffer_as_view(&matched), NULL);
	if (status >= 0 && run.stored.failed)
		status =
			problem_set(&problem, ERR_IO, PROBLEM_NO_OFFSET,
				    "no room for temporary files: its detections are not complete");
	r->into = c;
	if (status >= 0)
		status = finish_correlations(r);
	if (status >= 0)
		status = case_finish(c, NULL, NULL);
	if (status == ERR_STOPPED)
		status = OK; /* nobody reads our output any more */
	else if (status < 0)
		complainf(path, "%s", problem.reason[0] ? problem.reason : case_problem(c)->reason);
	case_close(c);
	engine_state_free(run.watch.state);
	buffer_release(&run.watch.base.out);
	buffer_release(&run.stored.buffer);
	buffer_release(&matched);
	if (run.stored.file)
		(void)fclose(run.stored.file);
	return status < 0 ? EXIT_MISUSE : EXIT_COMPLETE;
}

/* ---- the command ---- */

static struct detect_rules rules;
static const char *format_name, *fail_name, *level_name, *host_name, *in_case, *suppress_name;
static bool each_hit, no_header, verbose;
static unsigned long threads;
static const struct option options[] = {
	{OPTION_TEXT, 'c', "case", "FILE", "the case to detect on, where no files are given",
	 &in_case},
	DETECT_RULE_OPTIONS(rules),
	{OPTION_TEXT, 0, "suppress", "FILE", "known good: hits that are counted only",
	 &suppress_name},
	{OPTION_TEXT, 0, "level", "LEVEL", "only rules of this level and above", &level_name},
	{OPTION_TEXT, 0, "format", "jsonl|table|tsv|csv",
	 "JSON line a hit (in a pipe), or a table of rules (on a terminal)", &format_name},
	{OPTION_FLAG, 0, "hits", NULL, "a row for every hit, not for every rule", &each_hit},
	{OPTION_FLAG, 0, "no-header", NULL, "no line of column names", &no_header},
	{OPTION_TEXT, 0, "fail-on", "LEVEL", "exit with 1 when a rule of this level or above hits",
	 &fail_name},
	{OPTION_TEXT, 0, "host", "NAME", "name of the machine that the files are from", &host_name},
	{OPTION_NUMBER, 0, "threads", "N", "worker processes (as many as processors)", &threads},
	{OPTION_FLAG, 'v', "verbose", NULL, "say what the rules cost to load", &verbose},
	{OPTION_END},
};
static const struct command_help help = {
	"detect", "[FILE...]", "run Sigma rules over a case, files, bundles, images",
	"Without --rules the rules that come with konseki are used."};

static bool level_option(const char *name, const char *text, enum level *level)
{
	if (!text)
		return true;
	*level = level_of(text);
	if (*level != LEVEL_COUNT)
		return true;
	complainf(NULL, "--%s %s: levels are informational, low, medium, high, critical", name,
		  text);
	return false;
}

static int run(int argc, char **argv)
{
	static const char *const columns[] = {"time",	 "level",  "host",  "rule",
					      "matched", "source", "record"};
	static const struct pipeline_ops ops = {
		.start = start, .begin = task_sink_begin, .end = end, .data = data};
	struct pipeline_options with = {.ordered = true, .verb = "detecting"};
	enum level level = LEVEL_INFORMATIONAL, fail_on = LEVEL_COUNT;
	enum table_format format = TABLE_AUTO;
	struct results results = {.worst = -1};
	const struct ruleset *set;
	struct pipeline *p;
	int n, status, load_status;

	switch (option_parse(&help, options, argc, argv, &n)) {
	case OPTION_EXIT_OK:
		return EXIT_COMPLETE;
	case OPTION_MISUSE:
		return EXIT_MISUSE;
	case OPTION_GO:
		break;
	}
	if (n == 0 && !in_case && !getenv("KONSEKI_CASE")) {
		option_usage(stderr, &help, options);
		return EXIT_MISUSE;
	}
	if (n == 0 && !(in_case = case_path(in_case)))
		return EXIT_MISUSE;
	if (n > 0 && in_case) {
		complainf(NULL, "a case or files, not both");
		return EXIT_MISUSE;
	}
	if (!table_format_of(format_name, &format)) {
		complainf(NULL, "no such format: %s", format_name);
		return EXIT_MISUSE;
	}
	if (!level_option("level", level_name, &level) ||
	    !level_option("fail-on", fail_name, &fail_on))
		return EXIT_MISUSE;
	if (format == TABLE_AUTO)
		format = isatty(STDOUT_FILENO) ? TABLE_ALIGNED : TABLE_JSONL;
	want_lines = format == TABLE_JSONL;
	want_matched = !want_lines && each_hit;
	least_level = level;
	if (suppress_name) {
		struct problem problem;

		known = suppress_load(suppress_name, &problem);
		if (!known) {
			complain(suppress_name, &problem);
			return EXIT_MISUSE;
		}
	}
	engine = detect_load(&rules, level, &load_status);
	if (!engine)
		return load_status;
	set = engine_rules(engine);
	if (verbose) {
		struct engine_cost c = engine_cost(engine);

		complainf(NULL,
			  "%zu rules, %zu predicates, %zu literals in %zu databases of %zu KiB; "
			  "read in %.3f s, "
			  "compiled in %.3f s%s",
			  set->rule_count, set->predicate_count, c.literals, c.databases,
			  c.bytes >> 10, c.read_seconds, c.compile_seconds,
			  c.cached ? " (cached)" : "");
	}
	results.tallies = xcalloc(set->rule_count + 1, sizeof(*results.tallies));
	for (size_t i = 0; i < set->rule_count; i++)
		results.tallies[i].first = results.tallies[i].last = TIME_NONE;
	if (want_matched)
		results.rows = table_open(stdout, format, columns,
					  sizeof(columns) / sizeof(columns[0]), !no_header);
	results.correlator = correlator_new(set);
	with.host = host_name;
	with.threads = (unsigned)(threads > 1024 ? 1024 : threads);
	if (n == 0) {
		status = over_case(in_case, &results);
		goto done;
	}
	p = pipeline_open(&with, &ops, &results);
	if (!p) {
		complainf(NULL, "no worker processes");
		return EXIT_MISUSE;
	}
	for (int i = 1; i <= n; i++)
		if (pipeline_input(p, argv[i]) < 0)
			break;
	status = pipeline_close(p);
	if (finish_correlations(&results) == ERR_IO)
		status = EXIT_DAMAGED;
done:
	if (results.suppressed)
		complainf(NULL, "%llu hits are suppressed by %s",
			  (unsigned long long)results.suppressed, suppress_name);
	correlator_free(results.correlator);
	if (results.rows)
		table_close(results.rows);
	if (!want_lines && !each_hit)
		print_summary(&results, format, !no_header);
	if (status == EXIT_COMPLETE)
		status = load_status;
	if (status == EXIT_COMPLETE && results.worst >= (int)fail_on)
		status = EXIT_DAMAGED;
	for (size_t i = 0; i < set->rule_count; i++) {
		struct name *next;

		for (struct name *name = results.tallies[i].names; name; name = next) {
			next = name->next;
			free(name->text);
			free(name);
		}
	}
	free(results.tallies);
	engine_free((struct engine *)(uintptr_t)engine);
	return status;
}

const struct command command_detect = {&help, run};
