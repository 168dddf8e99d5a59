#include "analysis/diff.h"

#include "analysis/filter.h"

#include <jansson.h>
#include <stdlib.h>

/* What makes a thing of a kind the same thing, and what of it is its state. Fields that are not
 * there are left out. */
static const struct topic {
	const char *kind;
	const char *identity[8], *state[6];
} topics[] = {
	{"persistence",
	 {"Place", "Name", "CommandLine", "User", "TargetFilename", "TargetObject"},
	 {"Hashes", "Enabled", "Schedule"}},
	{"account_seen",
	 {"TargetUserName", "UserId", "TargetSid"},
	 {"PasswordState", "LastPasswordChange", "Groups", "Shell", "AuthorizedKeys"}},
	{"network_listen", {"Protocol", "SourceIp", "SourcePort", "Path", "Image"}, {"User"}},
	{"process_seen", {"Image", "Name", "CommandLine", "User"}, {"Hashes", "Deleted", "Memfd"}},
	{"module_seen", {"Name", "ImageLoaded"}, {"Hashes"}},
};
#define TOPICS (sizeof(topics) / sizeof(topics[0]))

struct thing {
	const struct topic *topic;
	char *what, *state;
	int64_t event;
};

struct side {
	struct thing *things;
	size_t count, cap;
};

static void side_release(struct side *s)
{
	for (size_t i = 0; i < s->count; i++) {
		free(s->things[i].what);
		free(s->things[i].state);
	}
	free(s->things);
}

static void describe(struct buffer *out, const json_t *fields, const char *const *names, size_t max)
{
	for (size_t i = 0; i < max && names[i]; i++) {
		const json_t *v = json_object_get(fields, names[i]);
		char *text;

		if (!v)
			continue;
		buffer_string(out, out->len ? ", " : "");
		buffer_string(out, names[i]);
		buffer_string(out, ": ");
		if (json_is_string(v)) {
			buffer_append(out, json_string_value(v), json_string_length(v));
		} else {
			text = json_dumps(v, JSON_COMPACT | JSON_ENCODE_ANY);
			buffer_string(out, text ? text : "");
			free(text);
		}
	}
}

/* " AND (what the event must be)": of the bundle, or of the host. */
static int condition(sqlite3 *db, struct buffer *sql, const char *name, struct problem *problem)
{
	sqlite3_stmt *s = NULL;
	int64_t id = 0;
	bool bundle = false;

	if (sqlite3_prepare_v2(db,
			       "SELECT id, 1 FROM bundle WHERE path = ?1 OR substr(path, "
			       "-length('/' || ?1)) = '/' || ?1 "
			       "UNION ALL SELECT id, 0 FROM host WHERE name = ?1 COLLATE NOCASE "
			       "ORDER BY 2 DESC, 1 DESC LIMIT 1",
			       -1, &s, NULL) != SQLITE_OK)
		return problem_set(problem, ERR_DATABASE, PROBLEM_NO_OFFSET, "%s",
				   sqlite3_errmsg(db));
	(void)sqlite3_bind_text(s, 1, name, -1, SQLITE_STATIC);
	if (sqlite3_step(s) == SQLITE_ROW) {
		id = sqlite3_column_int64(s, 0);
		bundle = sqlite3_column_int(s, 1) != 0;
	}
	(void)sqlite3_finalize(s);
	if (!id)
		return problem_set(problem, ERR_NOT_FOUND, PROBLEM_NO_OFFSET,
				   "%s: no such host or bundle in this case", name);
	if (bundle)
		buffer_printf(sql,
			      " AND (e.artifact IN (SELECT id FROM artifact WHERE bundle = %lld) "
			      "OR e.id IN (SELECT event FROM event_source "
			      "WHERE artifact IN (SELECT id FROM artifact WHERE bundle = %lld)))",
			      (long long)id, (long long)id);
	else
		buffer_printf(sql, " AND e.host = %lld", (long long)id);
	return OK;
}

static const struct topic *topic_of(const char *kind)
{
	for (size_t i = 0; i < TOPICS; i++)
		if (kind && strcmp(topics[i].kind, kind) == 0)
			return &topics[i];
	return NULL;
}

static int load(sqlite3 *db, const char *name, const char *kinds, struct side *side,
		struct problem *problem)
{
	struct buffer sql = {0}, shapes = {0}, text = {0};
	sqlite3_stmt *s = NULL;
	int status, step;

	buffer_string(&shapes, "(SELECT id FROM shape WHERE kind IN (");
	for (size_t i = 0; i < TOPICS; i++) {
		buffer_string(&shapes, i ? ", " : "");
		filter_quote(&shapes, topics[i].kind);
	}
	buffer_char(&shapes, ')');
	filter_list(&shapes, "kind", kinds);
	buffer_char(&shapes, ')');
	/* By blocks that have such events: a case of millions has few of them. */
	buffer_printf(&sql,
		      "SELECT t.kind, t.fields, t.id FROM timeline t WHERE t.id IN (SELECT e.id "
		      "FROM (SELECT DISTINCT block FROM block_shape "
		      "WHERE shape IN %s) x JOIN block b ON b.first = x.block JOIN event e ON e.id "
		      "BETWEEN b.first AND b.last WHERE e.shape IN %s",
		      buffer_text(&shapes), shapes.data);
	status = condition(db, &sql, name, problem);
	buffer_char(&sql, ')');
	if (status >= 0 && sqlite3_prepare_v2(db, buffer_text(&sql), -1, &s, NULL) != SQLITE_OK)
		status = problem_set(problem, ERR_DATABASE, PROBLEM_NO_OFFSET, "%s",
				     sqlite3_errmsg(db));
	while (status >= 0 && (step = sqlite3_step(s)) != SQLITE_DONE) {
		const struct topic *topic;
		struct thing *t;
		json_t *fields;

		if (step != SQLITE_ROW) {
			status = problem_set(problem, ERR_DATABASE, PROBLEM_NO_OFFSET, "%s",
					     sqlite3_errmsg(db));
			break;
		}
		topic = topic_of((const char *)sqlite3_column_text(s, 0));
		fields = sqlite3_column_text(s, 1)
				 ? json_loads((const char *)sqlite3_column_text(s, 1), 0, NULL)
				 : NULL;
		text.len = 0;
		if (topic && fields)
			describe(&text, fields, topic->identity, 8);
		if (text.len) {
			side->things = xgrow(side->things, &side->cap, side->count + 1,
					     sizeof(*side->things));
			t = &side->things[side->count++];
			t->topic = topic;
			t->event = sqlite3_column_int64(s, 2);
			t->what = xmemdup0(text.data, text.len);
			text.len = 0;
			describe(&text, fields, topic->state, 6);
			t->state = xmemdup0(text.data, text.len);
		}
		json_decref(fields);
	}
	(void)sqlite3_finalize(s);
	buffer_release(&sql);
	buffer_release(&shapes);
	buffer_release(&text);
	return status;
}

static int compare_things(const struct thing *x, const struct thing *y)
{
	return x->topic != y->topic ? (x->topic < y->topic ? -1 : 1) : strcmp(x->what, y->what);
}

static int in_order(const void *a, const void *b)
{
	const struct thing *x = a, *y = b;
	int order = compare_things(x, y);

	if (order == 0)
		order = strcmp(x->state, y->state);
	return order ? order : x->event < y->event ? -1 : x->event > y->event;
}

/* Index behind the things that are the same as the one at i (many processes of one command line are
 * one thing). */
static size_t behind(const struct side *s, size_t i)
{
	size_t n = i + 1;

	while (n < s->count && compare_things(&s->things[i], &s->things[n]) == 0)
		n++;
	return n;
}

int diff_run(sqlite3 *db, const char *a, const char *b, const char *kinds,
	     int (*row)(void *data, const struct diff_row *row), void *data,
	     struct problem *problem)
{
	struct side sides[2] = {0};
	struct buffer change = {0};
	size_t i = 0, j = 0;
	int status = load(db, a, kinds, &sides[0], problem);

	if (status >= 0)
		status = load(db, b, kinds, &sides[1], problem);
	for (int n = 0; n < 2 && status >= 0; n++)
		if (sides[n].count)
			qsort(sides[n].things, sides[n].count, sizeof(struct thing), in_order);
	while (status == OK && (i < sides[0].count || j < sides[1].count)) {
		const struct thing *x = i < sides[0].count ? &sides[0].things[i] : NULL,
				   *y = j < sides[1].count ? &sides[1].things[j] : NULL;
		int order = !x ? 1 : !y ? -1 : compare_things(x, y);
		struct diff_row r = {.change = ""};

		if (order <= 0)
			i = behind(&sides[0], i);
		if (order >= 0)
			j = behind(&sides[1], j);
		if (order == 0 && strcmp(x->state, y->state) == 0)
			continue;
		r.side = order < 0 ? DIFF_ONLY_A : order > 0 ? DIFF_ONLY_B : DIFF_CHANGED;
		r.kind = (order > 0 ? y : x)->topic->kind;
		r.what = (order > 0 ? y : x)->what;
		r.event = (order >= 0 ? y : x)->event;
		if (order == 0) {
			change.len = 0;
			buffer_printf(&change, "%s -> %s", *x->state ? x->state : "(none)",
				      *y->state ? y->state : "(none)");
			r.change = buffer_text(&change);
		}
		status = row(data, &r);
	}
	buffer_release(&change);
	side_release(&sides[0]);
	side_release(&sides[1]);
	return status;
}
