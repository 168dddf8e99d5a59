/* konseki ingest: evidence of any kind into a case. */
#include "cmd/pipeline.h"

#include "base/text.h"
#include "cmd/casefeed.h"
#include "cmd/command.h"
#include "cmd/detect.h"
#include "cmd/detection.h"
#include "detect/hit.h"
#include "parsers/script.h"
#include "timeline/case.h"
#include "timeline/row.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- in a worker ---- */

struct row_sink {
	struct task_sink base;
	struct row_encoder *encoder;
	struct engine_state *state; /* with --rules */
	struct buffer tags, matched, correlated;
};

static const struct engine *engine; /* NULL: no rules */

static int on_hit(void *data, const struct hit *hit)
{
	struct row_sink *s = data;
	struct row_hit row;

	s->matched.len = s->correlated.len = 0;
	correlate_encode(&s->correlated, engine, hit);
	if (hit->rule->silent && s->correlated.len == 0)
		return OK;
	row = detection_rule(hit->rule, &s->tags);
	hit_matched_json(&s->matched, hit);
	row.matched = buffer_as_view(&s->matched);
	row.correlated = buffer_as_view(&s->correlated);
	row.silent = hit->rule->silent;
	row_encode_hit(s->encoder, &row);
	return OK;
}

static int put(struct sink *sink, const struct event *e)
{
	struct row_sink *s = (struct row_sink *)sink;
	int status = row_encode(s->encoder, &s->base.out, e);

	if (status == ERR_LIMIT) /* lost, and told; the artefact goes on */
		return e->kind == KIND_DAMAGE ? OK
					      : parse_lost(s->base.task->parse, e->offset,
							   "an event larger than a case holds");
	if (status == OK && s->state)
		status = engine_match(engine, s->state, e, &s->base.origin, on_hit, s);
	return status < 0 ? status : task_sink_send(&s->base);
}

static void *start(void *data)
{
	struct row_sink *s = xcalloc(1, sizeof(*s));

	(void)data;
	s->base.sink.event = put;
	s->encoder = row_encoder_new();
	s->state = engine ? engine_state_new(engine) : NULL;
	return s;
}

static int begin(void *self, struct task *t)
{
	row_encoder_begin(((struct row_sink *)self)->encoder);
	return task_sink_begin(self, t);
}

static void end(void *self, struct task *t, int status)
{
	struct row_sink *s = self;

	(void)t;
	(void)status;
	row_encoder_end(s->encoder, &s->base.out);
	(void)task_sink_send(&s->base);
	task_sink_shrink(&s->base);
}

/* ---- in the parent: the one writer ---- */

struct ingest {
	struct case_db *db;
	const char *path;
	int64_t *bundles; /* by number of the input */
	size_t bundle_count, bundle_cap;
	int64_t begun;
	bool tty, said;
	int64_t next, since; /* of the progress line: when it is due, when its subject began */
	const char *doing;
};

static int database_failed(struct ingest *in)
{
	complain(in->path, case_problem(in->db));
	return ERR_DATABASE;
}

static int64_t bundle_of(const struct ingest *in, uint64_t input)
{
	return input < in->bundle_count ? in->bundles[input] : 0;
}

static int input(void *data, uint64_t number, const char *path, const char *type, const char *host,
		 const char *manifest)
{
	struct ingest *in = data;
	const struct case_bundle bundle = {
		.path = path, .type = type, .host = host, .manifest = manifest};
	int64_t id = 0;

	in->bundles = xgrow(in->bundles, &in->bundle_cap, number + 1, sizeof(*in->bundles));
	while (in->bundle_count <= number)
		in->bundles[in->bundle_count++] = 0;
	if (type && (id = case_bundle(in->db, &bundle)) < 0)
		return database_failed(in);
	in->bundles[number] = id;
	return OK;
}

static void input_problem(void *data, uint64_t number, const char *shown,
			  const struct problem *problem)
{
	struct ingest *in = data;

	if (case_error(in->db, bundle_of(in, number), shown, problem) < 0)
		(void)database_failed(in);
}

static struct case_artifact describe(const struct ingest *in, const struct artefact *a)
{
	return (struct case_artifact){.bundle = bundle_of(in, a->input),
				      .host = a->host,
				      .path = a->path,
				      .member = a->loose ? NULL : a->member,
				      .size = a->size == UINT64_MAX ? 0 : a->size,
				      .mtime = a->mtime,
				      .sha256 = a->sha256[0] ? a->sha256 : NULL,
				      .parser = a->parser ? a->parser->name : NULL,
				      .parser_version = a->parser ? a->parser->version : 0};
}

static const char *known(void *data, const struct artefact *a)
{
	static struct case_known k;
	const struct case_artifact artifact = describe(data, a);
	const struct parser *parser;

	if (!case_known(((struct ingest *)data)->db, &artifact, &k) || !k.sha256[0])
		return NULL;
	parser = parser_find(k.parser);
	return parser && parser->version == k.parser_version ? k.sha256 : NULL;
}

/* Nothing new: the case has the same file, and nobody claimed it then either. */
static bool unclaimed_before(struct ingest *in, const struct artefact *a)
{
	const struct case_artifact artifact = describe(in, a);
	struct case_known k;

	return a->tag == NULL && case_known(in->db, &artifact, &k) && !k.parser[0] &&
	       strcmp(k.sha256, a->sha256) == 0;
}

/* The row of the artefact, made when its first bytes or its end come. */
static int64_t artifact_row(struct ingest *in, struct artefact *a)
{
	int64_t id = (int64_t)(intptr_t)a->tag;

	if (id == 0) {
		const struct case_artifact artifact = describe(in, a);

		id = case_artifact_begin(in->db, &artifact);
		a->tag = (void *)(intptr_t)(id < 0 ? 0 : id);
	}
	return id;
}

static int load(void *data, struct artefact *a, struct view bytes)
{
	struct ingest *in = data;
	int64_t id = artifact_row(in, a);
	int status = id < 0 ? ERR_DATABASE : case_load(in->db, id, bytes);

	if (status == ERR_FORMAT) { /* only a worker that was taken over sends such */
		(void)problem_set(&a->problem, ERR_FORMAT, PROBLEM_NO_OFFSET,
				  "its worker sent what is no block of rows");
		return OK;
	}
	return status < 0 ? database_failed(in) : OK;
}

static int done(void *data, struct artefact *a)
{
	struct ingest *in = data;
	struct problem problem = a->problem;
	struct case_end e = {.status = "complete",
			     .sha256 = a->sha256[0] ? a->sha256 : NULL,
			     .parser = a->parser ? a->parser->name : NULL,
			     .parser_version = a->parser ? a->parser->version : 0,
			     .losses = a->losses};
	int64_t id;

	if (a->outcome == OUTCOME_SKIPPED)
		return a->tag && case_artifact_drop(in->db, (int64_t)(intptr_t)a->tag) < 0
			       ? database_failed(in)
			       : OK;
	if (!problem.reason[0] && a->stated && a->sha256[0] &&
	    strcasecmp(a->stated, a->sha256) != 0)
		(void)problem_set(&problem, ERR_INTEGRITY, PROBLEM_NO_OFFSET,
				  "its SHA-256 is not the one in the manifest");
	if (!problem.reason[0] && a->note)
		(void)problem_set(&problem, ERR_IO, PROBLEM_NO_OFFSET, "at collection: %s",
				  a->note);
	switch (a->outcome) {
	case OUTCOME_PARSED:
		if (problem.reason[0] || a->losses)
			e.status = "damaged";
		break;
	case OUTCOME_UNCLAIMED:
		if (unclaimed_before(in, a))
			return OK;
		e.status = "unclaimed";
		break;
	case OUTCOME_LEFT_OUT:
		e.status = "left out";
		break;
	case OUTCOME_FAILED:
		e.status = a->parser ? "failed" : "unreadable";
		break;
	case OUTCOME_CRASHED:
		e.status = "crashed";
		(void)problem_set(&problem, ERR_FORMAT, PROBLEM_NO_OFFSET, "%s parser %s %d",
				  a->parser ? a->parser->name : "any",
				  a->signal > 0	  ? "crashed, signal"
				  : a->signal < 0 ? "crashed, exit status"
						  : "ran out of memory",
				  a->signal < 0 ? -a->signal : a->signal);
		break;
	case OUTCOME_TIMED_OUT:
		e.status = "timeout";
		(void)problem_set(&problem, ERR_LIMIT, PROBLEM_NO_OFFSET, "%s parser timed out",
				  a->parser ? a->parser->name : "any");
		break;
	case OUTCOME_SKIPPED:
		break;
	}
	e.problem = problem.reason[0] ? &problem : NULL;
	id = artifact_row(in, a);
	return id < 0 || case_artifact_end(in->db, id, &e) < 0 ? database_failed(in) : OK;
}

/* ---- PowerShell scripts whose parts are in several logs ---- */

#define ACROSS_PATH "PowerShell scripts of several logs"
#define ACROSS_MAX  (64u << 20) /* bytes of rows; more than a case has of such scripts */

struct across {
	struct scripts scripts;
	struct row_sink rows;
	struct sink sink; /* hashes what goes to rows */
	struct parse parse;
	struct sha256 hash;
	struct buffer line;
	uint64_t told;
};

static int across_put(struct sink *sink, const struct event *e)
{
	struct across *a = (struct across *)((char *)sink - offsetof(struct across, sink));

	a->line.len = 0;
	event_json(&a->line, e, &a->rows.base.origin);
	sha256_update(&a->hash, a->line.data, a->line.len);
	a->told++;
	return a->rows.base.out.len < ACROSS_MAX ? put(&a->rows.base.sink, e) : OK;
}

static int across_expect(void *data, const struct event *e, const struct case_place *place)
{
	struct across *a = data;

	if (strcmp(place->source, ACROSS_PATH) != 0)
		scripts_expect(&a->scripts, e);
	return OK;
}

static int across_add(void *data, const struct event *e, const struct case_place *place)
{
	struct across *a = data;
	uint64_t at = UINT64_C(14695981039346656037);

	for (const char *s = place->source; *s; s++)
		at = (at ^ (uint8_t)*s) * UINT64_C(1099511628211);
	return scripts_add(&a->scripts, &a->parse, e, at);
}

/*
 * The parser of a log puts together what is in that log. What is left - a log that was archived or
 * wrapped in the middle of a script - is put together here, from all logs of a host, and stands in the
 * case as an artefact of its own, made anew when it changes. 1 when it did.
 */
static int scripts_across(struct case_db *db)
{
	static const char *const kind[] = {"script_block"};
	static const char *const missing[] = {"MissingParts=*"}, *const part[] = {
									 "MessageNumber=*"};
	struct case_filter filter = {.kinds = kind,
				     .kind_count = 1,
				     .fields = missing,
				     .field_count = 1,
				     .since = TIME_NONE,
				     .until = TIME_NONE};
	struct case_artifact artifact = {.path = ACROSS_PATH,
					 .mtime = TIME_NONE,
					 .parser = "script_block",
					 .parser_version = 1};
	struct case_end end = {.status = "complete", .replaces = true};
	struct across *a = xcalloc(1, sizeof(*a));
	struct shape_table *shapes = shape_table_new();
	uint8_t digest[SHA256_SIZE];
	char hex[2 * SHA256_SIZE + 1];
	struct case_known known;
	struct problem problem = {.reason = ""};
	int64_t id;
	int status;

	a->rows.base.sink.event = put;
	a->rows.encoder = row_encoder_new();
	a->rows.state = engine ? engine_state_new(engine) : NULL;
	a->rows.base.origin =
		(struct event_origin){.source = ACROSS_PATH, .parser = "script_block"};
	row_encoder_begin(a->rows.encoder);
	a->sink.event = across_put;
	sha256_init(&a->hash);
	parse_init(&a->parse, &a->sink, shapes);
	status = case_feed(db, &filter, across_expect, a, &problem);
	if (status >= 0 && a->scripts.open) {
		filter.fields = part;
		a->scripts.known_only = a->scripts.across = true;
		status = case_feed(db, &filter, across_add, a, &problem);
	}
	if (status >= 0)
		status = scripts_end(&a->scripts, &a->parse);
	row_encoder_end(a->rows.encoder, &a->rows.base.out);
	sha256_final(&a->hash, digest);
	sha256_hex(digest, hex);
	artifact.sha256 = end.sha256 = hex;
	artifact.size = a->rows.base.out.len;
	if (status >= 0 && a->told &&
	    !(case_known(db, &artifact, &known) && strcmp(known.sha256, hex) == 0)) {
		id = case_artifact_begin(db, &artifact);
		status = id < 0 ? (int)id : case_load(db, id, buffer_as_view(&a->rows.base.out));
		if (status >= 0)
			status = case_artifact_end(db, id, &end);
		if (status >= 0)
			status = 1;
	}
	if (status < 0)
		complainf(NULL, "scripts of several logs: %s",
			  problem.reason[0] ? problem.reason : case_problem(db)->reason);
	scripts_release(&a->scripts);
	parse_done(&a->parse);
	shape_table_free(shapes);
	row_encoder_free(a->rows.encoder);
	if (a->rows.state)
		engine_state_free(a->rows.state);
	buffer_release(&a->rows.base.out);
	buffer_release(&a->rows.tags);
	buffer_release(&a->rows.matched);
	buffer_release(&a->rows.correlated);
	buffer_release(&a->line);
	free(a);
	return status;
}

static void finishing(void *data, const char *what, double share)
{
	struct ingest *in = data;
	int64_t now = time_now();

	if (!in->tty || now - in->begun < 2 * TIME_SECOND || now < in->next)
		return;
	in->next = now + TIME_SECOND / 4;
	if (what != in->doing) {
		in->doing = what;
		in->since = now;
	}
	if (share < 0)
		fprintf(stderr, "\r\033[K%s, %lld s", what,
			(long long)((now - in->since) / TIME_SECOND));
	else
		fprintf(stderr, "\r\033[K%s: %.0f %%", what, share * 100);
	(void)fflush(stderr);
	in->said = true;
}

static uint64_t count_hosts(struct case_db *db)
{
	sqlite3_stmt *statement;
	uint64_t n = 0;

	if (sqlite3_prepare_v2(case_handle(db), "SELECT count(*) FROM host", -1, &statement,
			       NULL) == SQLITE_OK &&
	    sqlite3_step(statement) == SQLITE_ROW)
		n = (uint64_t)sqlite3_column_int64(statement, 0);
	(void)sqlite3_finalize(statement);
	return n;
}

/* Correlations span files, hosts and runs: they are made when all is in the case. */
static int correlate(struct ingest *in)
{
	uint64_t left_out;
	int status = detection_correlate(in->db, engine_rules(engine), &left_out);

	if (status == ERR_IO)
		complainf(NULL, "correlations: no room for temporary files");
	if (left_out)
		complainf(NULL,
			  "%llu hits of an earlier version of these rules were left out of "
			  "correlations",
			  (unsigned long long)left_out);
	return status < 0 ? status : case_finish(in->db, NULL, NULL);
}

static const char *case_name, *host_name;
static struct detect_rules rules;
static bool carve;
static unsigned long threads;
static const struct option options[] = {
	{OPTION_TEXT, 'c', "case", "FILE", "the case; made when it is not there (or $KONSEKI_CASE)",
	 &case_name},
	{OPTION_TEXT, 0, "host", "NAME", "name of the machine, over what the evidence says",
	 &host_name},
	{OPTION_LIST, 0, "rules", "PATH",
	 "run these Sigma rules in the same pass: a file or folder", &rules.rules},
	{OPTION_FLAG, 0, "carve", NULL, "look for records in slack and damaged space too", &carve},
	{OPTION_NUMBER, 0, "threads", "N", "worker processes (as many as processors)", &threads},
	{OPTION_END},
};
static const struct command_help help = {
	"ingest", "INPUT...", "load evidence into a case",
	"An INPUT is a bundle, a folder, an archive or collection of another tool, a disk image, "
	"or a file.\n"
	"What is in the case already is skipped; an ingest that was killed goes on where it was."};

static int run(int argc, char **argv)
{
	static const struct pipeline_ops ops = {.start = start,
						.begin = begin,
						.end = end,
						.input = input,
						.input_problem = input_problem,
						.known = known,
						.data = load,
						.done = done};
	struct pipeline_options with = {
		.hash = true, .quiet = true, .absolute = true, .verb = "ingesting"};
	struct ingest in = {.begun = time_now(), .tty = isatty(STDERR_FILENO)};
	struct pipeline_totals totals = {0};
	struct problem problem = {.offset = PROBLEM_NO_OFFSET};
	const char *path;
	struct pipeline *p;
	int n, status, result, rule_status = EXIT_COMPLETE;

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
	path = case_path(case_name);
	if (!path)
		return EXIT_MISUSE;
	in.path = path;
	with.host = host_name;
	with.carve = carve;
	with.totals = &totals;
	with.threads = (unsigned)(threads > 1024 ? 1024 : threads);
	if (rules.rules.count) {
		engine = detect_load(&rules, LEVEL_INFORMATIONAL, &rule_status);
		if (!engine)
			return EXIT_MISUSE;
	}
	/* Workers first: they must not inherit the case. */
	p = pipeline_open(&with, &ops, &in);
	if (!p) {
		complainf(NULL, "no worker processes");
		return EXIT_MISUSE;
	}
	if (case_open(path, CASE_WRITE, &in.db, &problem) < 0) {
		complain(path, &problem);
		(void)pipeline_close(p);
		return EXIT_MISUSE;
	}
	for (int i = 1; i <= n; i++)
		pipeline_expect(p, argv[i]);
	for (int i = 1; i <= n; i++)
		if (pipeline_input(p, argv[i]) < 0)
			break;
	status = pipeline_close(p);
	if (status != EXIT_MISUSE) {
		result = case_finish(in.db, finishing, &in);
		if (result >= 0 && (result = scripts_across(in.db)) > 0)
			result = case_finish(in.db, NULL, NULL);
		if (result >= 0 && engine)
			result = correlate(&in);
		if (in.said)
			fputs("\r\033[K", stderr);
		if (result < 0) {
			(void)database_failed(&in);
			status = EXIT_MISUSE;
		} else {
			const struct case_totals *made = case_totals(in.db);
			double seconds = (double)(time_now() - in.begun) / (double)TIME_SECOND;
			uint64_t hosts = count_hosts(in.db);

			if (engine)
				complainf(NULL, "%llu detections of %zu rules",
					  (unsigned long long)made->detections,
					  engine_rules(engine)->rule_count);
			complainf(NULL,
				  "%llu events of %llu artefacts (%llu damaged or failed, %llu "
				  "unclaimed, %llu known already), "
				  "%llu merged, %llu host%s in the case, %.1f s",
				  (unsigned long long)made->events,
				  (unsigned long long)(totals.artefacts),
				  (unsigned long long)totals.damaged +
					  (unsigned long long)totals.failed +
					  (unsigned long long)totals.damaged_inputs,
				  (unsigned long long)totals.unclaimed,
				  (unsigned long long)totals.skipped,
				  (unsigned long long)made->merged, (unsigned long long)hosts,
				  hosts == 1 ? "" : "s", seconds);
		}
	}
	case_close(in.db);
	free(in.bundles);
	return status == EXIT_COMPLETE ? rule_status : status;
}

const struct command command_ingest = {&help, run};
