#include "analysis/diff.h"

#include "analysis/filter.h"
#include "timeline/query.h"
#include "timeline/row.h"

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

static void describe(struct buffer *out, struct case_event *e, const char *const *names, size_t max)
{
	struct buffer json = {0};

	for (size_t i = 0; i < max && names[i]; i++) {
		json.len = 0;
		if (!case_event_value(e, names[i], &json))
			continue;
		buffer_string(out, out->len ? ", " : "");
		buffer_string(out, names[i]);
		buffer_string(out, ": ");
		if (json.len && json.data[0] == '"')
			row_unescape(out, buffer_as_view(&json));
		else
			buffer_view(out, buffer_as_view(&json));
	}
	buffer_release(&json);
}

/* A bundle or a host, by name. */
static int find_side(sqlite3 *db, const char *name, int64_t *id, bool *bundle,
		     struct problem *problem)
{
	sqlite3_stmt *s = NULL;

	*id = 0;
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
		*id = sqlite3_column_int64(s, 0);
		*bundle = sqlite3_column_int(s, 1) != 0;
	}
	(void)sqlite3_finalize(s);
	return *id ? OK
		   : problem_set(problem, ERR_NOT_FOUND, PROBLEM_NO_OFFSET,
				 "%s: no such host or bundle in this case", name);
}

static const struct topic *topic_of(const char *kind)
{
	for (size_t i = 0; i < TOPICS; i++)
		if (kind && strcmp(topics[i].kind, kind) == 0)
			return &topics[i];
	return NULL;
}

struct loading {
	struct side *side;
	sqlite3_stmt *of_bundle; /* whether an event is of the bundle; NULL: of a host, all are */
	struct buffer text;
};

static int add_thing(void *data, struct case_event *e)
{
	struct loading *l = data;
	const struct topic *topic = topic_of(e->kind);
	struct side *side = l->side;
	struct thing *t;

	if (l->of_bundle) {
		bool of = false;

		sqlite3_bind_int64(l->of_bundle, 2, e->artifact);
		sqlite3_bind_int64(l->of_bundle, 3, e->id);
		of = sqlite3_step(l->of_bundle) == SQLITE_ROW &&
		     sqlite3_column_int(l->of_bundle, 0);
		sqlite3_reset(l->of_bundle);
		if (!of)
			return OK;
	}
	l->text.len = 0;
	describe(&l->text, e, topic->identity, 8);
	if (l->text.len == 0)
		return OK;
	side->things = xgrow(side->things, &side->cap, side->count + 1, sizeof(*side->things));
	t = &side->things[side->count++];
	t->topic = topic;
	t->event = e->id;
	t->what = xmemdup0(l->text.data, l->text.len);
	l->text.len = 0;
	describe(&l->text, e, topic->state, 6);
	t->state = xmemdup0(l->text.data, l->text.len);
	return OK;
}

static int load(struct case_db *c, const char *name, const char *kinds, struct side *side,
		struct problem *problem)
{
	sqlite3 *db = case_handle(c);
	struct case_filter filter = {.since = TIME_NONE, .until = TIME_NONE, .any_order = true};
	struct filter_lists lists = {0};
	struct loading l = {.side = side};
	bool bundle = false;
	size_t n = 0;
	int64_t id;
	int status = find_side(db, name, &id, &bundle, problem);

	if (status < 0)
		return status;
	filter_lists_read(&lists, kinds ? kinds : "*", NULL, &filter);
	for (size_t i = 0; i < filter.kind_count; i++)
		if (topic_of(lists.kinds[i]))
			lists.kinds[n++] = lists.kinds[i];
	filter.kind_count = n;
	if (!bundle) {
		filter.one_host = true;
		filter.host = id;
	} else if (sqlite3_prepare_v2(
			   db,
			   "SELECT EXISTS (SELECT 1 FROM artifact WHERE bundle = ?1 AND"
			   " id = ?2) OR EXISTS (SELECT 1 FROM event_source s JOIN artifact"
			   " a ON a.id = s.artifact WHERE s.event = ?3 AND a.bundle = ?1)",
			   -1, &l.of_bundle, NULL) != SQLITE_OK) {
		status = problem_set(problem, ERR_DATABASE, PROBLEM_NO_OFFSET, "%s",
				     sqlite3_errmsg(db));
	} else {
		sqlite3_bind_int64(l.of_bundle, 1, id);
	}
	if (status == OK && n)
		status = case_select(c, &filter, add_thing, &l, problem);
	sqlite3_finalize(l.of_bundle);
	filter_lists_release(&lists);
	buffer_release(&l.text);
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

/* The next state that differs from `before`, among the things from *at to `end`; "" past the last.
 * They are in order, those without a state first: a source that does not tell of it (a hive, of
 * hashes) says nothing against another that does. */
static const char *next_state(const struct side *s, size_t *at, size_t end, const char *before)
{
	while (*at < end && strcmp(s->things[*at].state, before) == 0)
		++*at;
	return *at < end ? s->things[*at].state : "";
}

/* Whether two groups of the same thing are in different states: then the first two that differ. */
static bool states_differ(const struct side *sides, const size_t from[2], const size_t to[2],
			  const char *state[2])
{
	size_t at[2] = {from[0], from[1]};
	bool told = true;

	state[0] = state[1] = "";
	for (;;) {
		for (int n = 0; n < 2; n++)
			state[n] = next_state(&sides[n], &at[n], to[n], state[n]);
		if (told && (!*state[0] || !*state[1])) /* one side tells of none */
			return false;
		told = false;
		if (strcmp(state[0], state[1]) != 0)
			return true;
		if (!*state[0])
			return false;
	}
}

int diff_run(struct case_db *c, const char *a, const char *b, const char *kinds,
	     int (*row)(void *data, const struct diff_row *row), void *data,
	     struct problem *problem)
{
	struct side sides[2] = {0};
	struct buffer change = {0};
	size_t i = 0, j = 0;
	int status = load(c, a, kinds, &sides[0], problem);

	if (status >= 0)
		status = load(c, b, kinds, &sides[1], problem);
	for (int n = 0; n < 2 && status >= 0; n++)
		if (sides[n].count)
			qsort(sides[n].things, sides[n].count, sizeof(struct thing), in_order);
	while (status == OK && (i < sides[0].count || j < sides[1].count)) {
		const struct thing *x = i < sides[0].count ? &sides[0].things[i] : NULL,
				   *y = j < sides[1].count ? &sides[1].things[j] : NULL;
		int order = !x ? 1 : !y ? -1 : compare_things(x, y);
		struct diff_row r = {.change = ""};
		const size_t from[2] = {i, j};
		const char *state[2] = {"", ""};

		if (order <= 0)
			i = behind(&sides[0], i);
		if (order >= 0)
			j = behind(&sides[1], j);
		if (order == 0 && !states_differ(sides, from, (const size_t[2]){i, j}, state))
			continue;
		r.side = order < 0 ? DIFF_ONLY_A : order > 0 ? DIFF_ONLY_B : DIFF_CHANGED;
		r.kind = (order > 0 ? y : x)->topic->kind;
		r.what = (order > 0 ? y : x)->what;
		r.event = (order >= 0 ? y : x)->event;
		if (order == 0) {
			change.len = 0;
			buffer_printf(&change, "%s -> %s", *state[0] ? state[0] : "(none)",
				      *state[1] ? state[1] : "(none)");
			r.change = buffer_text(&change);
		}
		status = row(data, &r);
	}
	buffer_release(&change);
	side_release(&sides[0]);
	side_release(&sides[1]);
	return status;
}
