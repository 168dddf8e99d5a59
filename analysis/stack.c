#include "analysis/stack.h"

#include "analysis/filter.h"
#include "timeline/row.h"
#include "timeline/schema.h"

#include <stdlib.h>

void stack_sql(struct buffer *sql, const struct stack_options *o)
{
	unsigned any = 0;

	buffer_string(sql, "SELECT ");
	for (size_t i = 0; i < o->field_count; i++) {
		filter_column(sql, o->fields[i]);
		buffer_printf(sql, " AS f%zu, ", i);
	}
	/* min() and max() of the names stand for up to two of the hosts; one host is named alone.
	 */
	buffer_string(sql,
		      "count(DISTINCT ifnull(host, '')) AS hosts, count(*) AS events, min(time) AS "
		      "first, max(time) AS last, "
		      "CASE WHEN min(host) = max(host) THEN min(host) ELSE min(host) || ', ' || "
		      "max(host) || "
		      "CASE WHEN count(DISTINCT host) > 2 THEN ', ...' ELSE '' END END AS \"on\" "
		      "FROM timeline WHERE kind <> 'damage'");
	for (size_t i = 0; i < o->field_count; i++) {
		if (filter_is_column(o->fields[i]))
			continue;
		buffer_string(sql, any++ ? " OR " : " AND (");
		filter_column(sql, o->fields[i]);
		buffer_string(sql, " IS NOT NULL");
	}
	buffer_string(sql, any ? ")" : "");
	filter_events(sql, &(struct filter){o->kinds, o->hosts, o->since, o->until, o->fields,
					    o->field_count});
	buffer_string(sql, " GROUP BY ");
	for (size_t i = 0; i < o->field_count; i++)
		buffer_printf(sql, "%sf%zu", i ? ", " : "", i);
	if (o->max_hosts)
		buffer_printf(sql, " HAVING hosts <= %lu", o->max_hosts);
	buffer_printf(sql, " ORDER BY hosts%s, events%s", o->common_first ? " DESC" : "",
		      o->common_first ? " DESC" : "");
	for (size_t i = 0; i < o->field_count; i++)
		buffer_printf(sql, ", f%zu", i);
	if (o->limit)
		buffer_printf(sql, " LIMIT %lu", o->limit);
}

/* One value of the fields on one host. */
struct group {
	struct group *next; /* of the same slot */
	uint64_t hash;
	struct view key; /* of each field: type, bytes, text */
	int64_t host, events, first, last;
};

#define SLOTS	   65536u
#define MEMORY_MAX ((size_t)128 << 20) /* of groups, before they go to the temporary database */

struct counting {
	const struct stack_options *o;
	sqlite3 *db;
	sqlite3_stmt *insert;
	struct group **slots;
	struct arena arena;
	struct buffer key, json, text;
	struct problem *problem;
};

static int fail(struct counting *c)
{
	return problem_set(c->problem, ERR_DATABASE, PROBLEM_NO_OFFSET, "%s",
			   sqlite3_errmsg(c->db));
}

/* ---- the values of an event ---- */

enum type { TYPE_NULL, TYPE_NUMBER, TYPE_TEXT };

static enum type column(struct counting *c, struct case_event *e, const char *name)
{
	const char *text = NULL;

	if (strcmp(name, "id") == 0) {
		buffer_signed(&c->text, e->id);
		return TYPE_NUMBER;
	}
	if (strcmp(name, "message") == 0) {
		case_event_message(e, &c->text);
		return TYPE_TEXT;
	}
	if (strcmp(name, "time") == 0) {
		time_append(&c->text, e->ts);
		return e->ts == TIME_NONE ? TYPE_NULL : TYPE_TEXT;
	}
	text = strcmp(name, "host") == 0     ? e->host
	       : strcmp(name, "kind") == 0   ? e->kind
	       : strcmp(name, "user") == 0   ? e->user
	       : strcmp(name, "source") == 0 ? e->source
	       : strcmp(name, "parser") == 0 ? e->parser
					     : e->ts_desc;
	if (!text)
		return TYPE_NULL;
	buffer_string(&c->text, text);
	return TYPE_TEXT;
}

/* As json_extract has it. */
static enum type value(struct counting *c, struct case_event *e, const char *name)
{
	struct view v;

	c->json.len = 0;
	if (!case_event_value(e, name, &c->json))
		return TYPE_NULL;
	v = buffer_as_view(&c->json);
	if (v.len == 0 || view_is(v, "null"))
		return TYPE_NULL;
	if (v.data[0] == '"') {
		row_unescape(&c->text, v);
		return TYPE_TEXT;
	}
	if (view_is(v, "true") || view_is(v, "false")) {
		buffer_char(&c->text, v.data[0] == 't' ? '1' : '0');
		return TYPE_NUMBER;
	}
	buffer_view(&c->text, v);
	return v.data[0] == '[' || v.data[0] == '{' ? TYPE_TEXT : TYPE_NUMBER;
}

/* ---- counting ---- */

/* Two parameters: the JSON of a number, or a text. */
static void bind_part(sqlite3_stmt *s, int at, enum type type, struct view text)
{
	int to = type == TYPE_NUMBER ? at : at + 1;

	sqlite3_bind_null(s, at);
	sqlite3_bind_null(s, at + 1);
	if (type != TYPE_NULL)
		sqlite3_bind_text64(s, to, text.len ? (const char *)text.data : "", text.len,
				    SQLITE_STATIC, SQLITE_UTF8);
}

static int spill(struct counting *c)
{
	for (size_t i = 0; i < SLOTS; i++)
		for (const struct group *g = c->slots[i]; g; g = g->next) {
			struct view key = g->key;
			int at = 1;

			for (size_t f = 0; f < c->o->field_count; f++) {
				enum type type = (enum type)key.data[0];
				size_t n = view_get32(key, 1);

				bind_part(c->insert, at, type, view_sub(key, 5, n));
				at += 2;
				key = view_from(key, 5 + n);
			}
			if (g->host)
				sqlite3_bind_int64(c->insert, at++, g->host);
			else
				sqlite3_bind_null(c->insert, at++);
			sqlite3_bind_int64(c->insert, at++, g->events);
			if (g->first == TIME_NONE) {
				sqlite3_bind_null(c->insert, at++);
				sqlite3_bind_null(c->insert, at++);
			} else {
				sqlite3_bind_int64(c->insert, at++, g->first);
				sqlite3_bind_int64(c->insert, at++, g->last);
			}
			if (sqlite3_step(c->insert) != SQLITE_DONE ||
			    sqlite3_reset(c->insert) != SQLITE_OK)
				return fail(c);
		}
	memset(c->slots, 0, SLOTS * sizeof(*c->slots));
	arena_reset(&c->arena);
	return OK;
}

static int count(void *data, struct case_event *e)
{
	struct counting *c = data;
	uint64_t h = (uint64_t)e->host_id * UINT64_C(0x9e3779b97f4a7c15);
	bool any = false, fields = false;
	struct group *g;
	int status = OK;

	if (strcmp(e->kind, "damage") == 0)
		return OK;
	c->key.len = 0;
	for (size_t i = 0; i < c->o->field_count; i++) {
		const char *name = c->o->fields[i];
		bool own = filter_is_column(name);
		enum type type;
		uint32_t n;

		c->text.len = 0;
		type = own ? column(c, e, name) : value(c, e, name);
		fields = fields || !own;
		any = any || (!own && type != TYPE_NULL);
		n = type == TYPE_NULL ? 0 : (uint32_t)c->text.len;
		buffer_char(&c->key, (char)type);
		buffer_append(&c->key, &n, 4);
		buffer_append(&c->key, c->text.data, n);
	}
	if (fields && !any)
		return OK;
	for (size_t i = 0; i < c->key.len; i++)
		h = (h ^ (uint8_t)c->key.data[i]) * UINT64_C(0x100000001b3);
	h ^= h >> 31;
	for (g = c->slots[h % SLOTS]; g; g = g->next)
		if (g->hash == h && g->host == e->host_id &&
		    view_equal(g->key, buffer_as_view(&c->key)))
			break;
	if (!g) {
		char *key;

		if (c->arena.used > MEMORY_MAX && (status = spill(c)) < 0)
			return status;
		g = arena_alloc(&c->arena, sizeof(*g));
		key = arena_strndup(&c->arena, c->key.data, c->key.len);
		if (!g || !key)
			return ERR_MEMORY;
		*g = (struct group){.next = c->slots[h % SLOTS],
				    .hash = h,
				    .key = view_of(key, c->key.len),
				    .host = e->host_id,
				    .first = TIME_NONE,
				    .last = TIME_NONE};
		c->slots[h % SLOTS] = g;
	}
	g->events++;
	if (e->ts != TIME_NONE) {
		if (g->first == TIME_NONE || e->ts < g->first)
			g->first = e->ts;
		if (g->last == TIME_NONE || e->ts > g->last)
			g->last = e->ts;
	}
	return OK;
}

/* ---- the temporary database ---- */

static int copy_hosts(struct counting *c, sqlite3 *from)
{
	sqlite3_stmt *in = NULL, *out = NULL;
	int step = SQLITE_ERROR;

	if (sqlite3_prepare_v2(from, "SELECT id, name FROM host", -1, &in, NULL) == SQLITE_OK &&
	    sqlite3_prepare_v2(c->db, "INSERT INTO host VALUES(?,?)", -1, &out, NULL) == SQLITE_OK)
		while ((step = sqlite3_step(in)) == SQLITE_ROW) {
			sqlite3_bind_int64(out, 1, sqlite3_column_int64(in, 0));
			sqlite3_bind_value(out, 2, sqlite3_column_value(in, 1));
			if (sqlite3_step(out) != SQLITE_DONE || sqlite3_reset(out) != SQLITE_OK)
				break;
		}
	sqlite3_finalize(in);
	sqlite3_finalize(out);
	return step == SQLITE_DONE ? OK : fail(c);
}

static int make_tables(struct counting *c)
{
	struct buffer table = {0}, insert = {0};
	int status = OK;

	buffer_string(&table,
		      "PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; BEGIN; CREATE TABLE"
		      " host(id INTEGER PRIMARY KEY, name TEXT); CREATE TABLE part(");
	buffer_string(&insert, "INSERT INTO part VALUES(");
	for (size_t i = 0; i < c->o->field_count; i++) {
		buffer_printf(&table, "f%zu, ", i);
		/* A number is one as SQL's JSON has it. */
		buffer_string(&insert, "coalesce(json_extract(?, '$'), ?), ");
	}
	buffer_string(&table, "host INTEGER, events INTEGER, first INTEGER, last INTEGER)");
	buffer_string(&insert, "?, ?, ?, ?)");
	if (sqlite3_exec(c->db, buffer_text(&table), NULL, NULL, NULL) != SQLITE_OK ||
	    sqlite3_prepare_v2(c->db, buffer_text(&insert), -1, &c->insert, NULL) != SQLITE_OK)
		status = fail(c);
	buffer_release(&table);
	buffer_release(&insert);
	return status;
}

static int prepare_rows(struct counting *c, sqlite3_stmt **rows)
{
	const struct stack_options *o = c->o;
	struct buffer sql = {0};
	int status = OK;

	buffer_string(&sql, "SELECT ");
	for (size_t i = 0; i < o->field_count; i++)
		buffer_printf(&sql, "f%zu, ", i);
	buffer_string(&sql, "hosts, events, " SCHEMA_TIME("first") " AS first, " SCHEMA_TIME(
				    "last") " AS last, \"on\" FROM (SELECT ");
	for (size_t i = 0; i < o->field_count; i++)
		buffer_printf(&sql, "f%zu, ", i);
	/* min() and max() of the names stand for up to two of the hosts; one host is named alone. */
	buffer_string(
		&sql,
		"count(DISTINCT ifnull(host, 0)) AS hosts, sum(events) AS events,"
		" min(first) AS first, max(last) AS last,"
		" CASE WHEN min(name) = max(name) THEN min(name) ELSE min(name) || ', ' ||"
		" max(name) || CASE WHEN count(DISTINCT name) > 2 THEN ', ...' ELSE '' END END"
		" AS \"on\" FROM part LEFT JOIN host h ON h.id = part.host GROUP BY ");
	for (size_t i = 0; i < o->field_count; i++)
		buffer_printf(&sql, "%sf%zu", i ? ", " : "", i);
	if (o->max_hosts)
		buffer_printf(&sql, " HAVING hosts <= %lu", o->max_hosts);
	buffer_printf(&sql, ") ORDER BY hosts%s, events%s", o->common_first ? " DESC" : "",
		      o->common_first ? " DESC" : "");
	for (size_t i = 0; i < o->field_count; i++)
		buffer_printf(&sql, ", f%zu", i);
	if (o->limit)
		buffer_printf(&sql, " LIMIT %lu", o->limit);
	if (sqlite3_prepare_v2(c->db, buffer_text(&sql), -1, rows, NULL) != SQLITE_OK)
		status = fail(c);
	buffer_release(&sql);
	return status;
}

int stack_run(struct case_db *from, const struct stack_options *o, struct stack *stack,
	      struct problem *problem)
{
	struct counting c = {.o = o, .problem = problem, .arena.limit = SIZE_MAX};
	struct filter_lists lists = {0};
	struct case_filter filter = {.since = o->since,
				     .until = o->until == TIME_NONE ? TIME_NONE : o->until - 1,
				     .any_order = true};
	const char **having = xcalloc(o->field_count + 1, sizeof(*having));
	int status = ERR_DATABASE;

	memset(stack, 0, sizeof(*stack));
	filter.having = having;
	for (size_t i = 0; i < o->field_count; i++) {
		if (!filter_is_column(o->fields[i]))
			having[filter.having_count++] = o->fields[i];
	}
	if (sqlite3_open("", &stack->db) != SQLITE_OK) {
		(void)problem_set(problem, ERR_DATABASE, PROBLEM_NO_OFFSET, "%s",
				  sqlite3_errmsg(stack->db));
		goto out;
	}
	c.db = stack->db;
	c.slots = xcalloc(SLOTS, sizeof(*c.slots));
	filter_lists_read(&lists, o->kinds, o->hosts, &filter);
	if ((status = make_tables(&c)) == OK &&
	    (status = copy_hosts(&c, case_handle(from))) == OK &&
	    (!o->kinds || filter.kind_count) &&
	    (status = case_select(from, &filter, count, &c, problem)) == OK)
		status = spill(&c);
	if (status == OK)
		status = prepare_rows(&c, &stack->rows);
out:
	sqlite3_finalize(c.insert);
	filter_lists_release(&lists);
	arena_release(&c.arena);
	buffer_release(&c.key);
	buffer_release(&c.json);
	buffer_release(&c.text);
	free(c.slots);
	free(having);
	return status;
}

void stack_release(struct stack *stack)
{
	sqlite3_finalize(stack->rows);
	sqlite3_close(stack->db);
	memset(stack, 0, sizeof(*stack));
}
