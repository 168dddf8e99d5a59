#include "timeline/case_internal.h"

/* What tells rules apart, in c->key. */
static void rule_key(struct case_db *c, const struct row_hit *hit)
{
	c->key.len = 0;
	buffer_view(&c->key, hit->path);
	buffer_char(&c->key, '\0');
	buffer_view(&c->key, hit->rule_id);
	buffer_char(&c->key, '\0');
	buffer_view(&c->key, hit->title);
}

static int64_t rule_id(struct case_db *c, const struct row_hit *hit)
{
	struct entry *known;
	sqlite3_stmt *s;
	int64_t id = 0;

	rule_key(c, hit);
	if ((known = cache_get(&c->rules, buffer_as_view(&c->key))))
		return known->id;
	if (!(s = case_statement(c, FIND_RULE)))
		return ERR_DATABASE;
	bind_always(s, 1, hit->path);
	bind_always(s, 2, hit->rule_id);
	bind_always(s, 3, hit->title);
	if (sqlite3_step(s) == SQLITE_ROW)
		id = sqlite3_column_int64(s, 0);
	sqlite3_reset(s);
	if (!id) {
		if (!(s = case_statement(c, INSERT_RULE)))
			return ERR_DATABASE;
		bind_always(s, 1, hit->path);
		bind_always(s, 2, hit->rule_id);
		bind_always(s, 3, hit->title);
		bind_always(s, 4, hit->level);
		bind_always(s, 5, hit->tags);
		if (case_done(c, s) < 0)
			return ERR_DATABASE;
		id = sqlite3_last_insert_rowid(c->db);
	}
	cache_put(&c->rules, buffer_as_view(&c->key), id);
	return id;
}

static int add_detection(struct case_db *c, int64_t event, const struct row_hit *hit,
			 const char *events)
{
	sqlite3_stmt *s = case_statement(c, INSERT_DETECTION);
	int64_t rule = rule_id(c, hit);

	if (!s || rule < 0)
		return ERR_DATABASE;
	sqlite3_bind_int64(s, 1, rule);
	sqlite3_bind_int64(s, 2, event);
	bind_always(s, 3, hit->matched);
	bind_text(s, 4, events);
	if (case_done(c, s) < 0)
		return ERR_DATABASE;
	c->totals.detections++;
	return OK;
}

/* A hit while its event is loaded. */
int case_add_hit(struct case_db *c, int64_t event, const struct row_hit *hit)
{
	sqlite3_stmt *s;

	if (!hit->silent && add_detection(c, event, hit, NULL) < 0)
		return ERR_DATABASE;
	if (hit->correlated.len == 0)
		return OK;
	if (!(s = case_statement(c, INSERT_INPUT)))
		return ERR_DATABASE;
	rule_key(c, hit);
	sqlite3_bind_int64(s, 1, (int64_t)cache_hash(buffer_as_view(&c->key)));
	sqlite3_bind_int64(s, 2, event);
	sqlite3_bind_blob64(s, 3, hit->correlated.data, hit->correlated.len, SQLITE_STATIC);
	return case_done(c, s);
}

int case_detection(struct case_db *c, int64_t event, const struct row_hit *hit,
		   const char *events_json)
{
	return case_batch_begin(c) < 0 ? ERR_DATABASE : add_detection(c, event, hit, events_json);
}

int case_detections_clear(struct case_db *c)
{
	if (case_batch_begin(c) < 0)
		return ERR_DATABASE;
	cache_clear(&c->rules);
	return case_run(c, "DELETE FROM detection; DELETE FROM rule");
}

int case_detections_clear_rule(struct case_db *c, const struct row_hit *rule)
{
	sqlite3_stmt *s;
	int64_t id = 0;

	if (case_batch_begin(c) < 0 || !(s = case_statement(c, FIND_RULE)))
		return ERR_DATABASE;
	bind_always(s, 1, rule->path);
	bind_always(s, 2, rule->rule_id);
	bind_always(s, 3, rule->title);
	if (sqlite3_step(s) == SQLITE_ROW)
		id = sqlite3_column_int64(s, 0);
	sqlite3_reset(s);
	return id ? case_run_id(c, "DELETE FROM detection WHERE rule = ?", id) : OK;
}

int case_inputs(struct case_db *c, const struct row_hit *rule,
		int (*put)(void *data, const struct case_input *input), void *data)
{
	sqlite3_stmt *s = case_prepare(
		c,
		"SELECT e.id, e.ts, coalesce(h.name, ''), a.path, coalesce(e.record, e.offset, 0),"
		" i.encoded FROM correlation_input i JOIN event e ON e.id = i.event JOIN artifact a"
		" ON a.id = e.artifact LEFT JOIN host h ON h.id = e.host WHERE i.rule = ?");
	int status = s ? OK : ERR_DATABASE, step = SQLITE_DONE;

	rule_key(c, rule);
	if (s)
		sqlite3_bind_int64(s, 1, (int64_t)cache_hash(buffer_as_view(&c->key)));
	while (status == OK && (step = sqlite3_step(s)) == SQLITE_ROW) {
		const struct case_input input = {
			.event = sqlite3_column_int64(s, 0),
			.ts = sqlite3_column_type(s, 1) == SQLITE_NULL ? TIME_NONE
								       : sqlite3_column_int64(s, 1),
			.host = (const char *)sqlite3_column_text(s, 2),
			.source = (const char *)sqlite3_column_text(s, 3),
			.record = (uint64_t)sqlite3_column_int64(s, 4),
			.encoded = view_of(sqlite3_column_blob(s, 5),
					   (size_t)sqlite3_column_bytes(s, 5))};

		status = put(data, &input);
	}
	if (status == OK && step != SQLITE_DONE)
		status = case_fail(c);
	sqlite3_finalize(s);
	return status;
}
