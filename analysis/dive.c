#include "analysis/dive.h"

#include <jansson.h>
#include <stdlib.h>

#define ROW "id, time, kind, user, message, source, fields, host"
enum { COL_ID, COL_TIME, COL_KIND, COL_USER, COL_MESSAGE, COL_SOURCE, COL_FIELDS, COL_HOST };

static int database_error(sqlite3 *db, struct problem *problem)
{
	return problem_set(problem, ERR_DATABASE, PROBLEM_NO_OFFSET, "%s", sqlite3_errmsg(db));
}

static const char *column(struct arena *a, sqlite3_stmt *s, int i)
{
	const void *text = sqlite3_column_text(s, i);

	return text ? arena_strndup(a, text, (size_t)sqlite3_column_bytes(s, i)) : NULL;
}

static struct dive_event row_event(struct arena *a, sqlite3_stmt *s)
{
	struct dive_event e = {
		.id = sqlite3_column_int64(s, COL_ID), .ts = TIME_NONE, .process = PROCESS_NONE};

	e.time = column(a, s, COL_TIME);
	e.kind = column(a, s, COL_KIND);
	e.user = column(a, s, COL_USER);
	e.message = column(a, s, COL_MESSAGE);
	e.source = column(a, s, COL_SOURCE);
	if (e.time)
		(void)time_parse_iso(view_text(e.time), &e.ts, NULL, NULL);
	return e;
}

static void list_add(struct dive_list *l, const struct dive_event *e, size_t limit)
{
	if (l->count >= limit) {
		l->more++;
		return;
	}
	l->items = xgrow(l->items, &l->cap, l->count + 1, sizeof(*l->items));
	l->items[l->count++] = *e;
}

/* ---- fields ---- */

/* The first of these fields that is there and says something. */
static const char *text_field(const json_t *fields, const char *const *names)
{
	for (; *names; names++) {
		const json_t *v = json_object_get(fields, *names);
		const char *text = json_is_array(v) ? json_string_value(json_array_get(v, 0))
						    : json_string_value(v);

		if (text && *text && strcmp(text, "-") != 0)
			return text;
	}
	return NULL;
}
#define TEXT(fields, ...) text_field(fields, (const char *const[]){__VA_ARGS__, NULL})

/* A process id as a number, in decimal or as 0x text. */
static uint64_t id_field(const json_t *fields, const char *name)
{
	const json_t *v = json_object_get(fields, name);
	const char *text = json_string_value(v);
	char *end;
	uint64_t n;

	if (json_is_integer(v))
		return json_integer_value(v) >= 0 ? (uint64_t)json_integer_value(v) : UINT64_MAX;
	if (!text || !*text)
		return UINT64_MAX;
	n = strtoull(text, &end, 0);
	return *end ? UINT64_MAX : n;
}

/* GUIDs that say nothing: Sysmon writes zeros when it does not know. */
static const char *guid_field(const json_t *fields, const char *a, const char *b)
{
	const char *text = TEXT(fields, a, b);

	return text && strspn(text, "{}0-") < strlen(text) ? text : NULL;
}

static struct process_record process_of(const char *kind, int64_t ts, int64_t event,
					const char *user, const json_t *f)
{
	struct process_record r = {.ts = ts, .event = event, .user = user};
	/* 4688 and 4689 name the new process NewProcessId, and in ProcessId who made it. */
	bool audit = json_object_get(f, "NewProcessId") != NULL;

	r.what = strcmp(kind, "process_start") == 0  ? PROCESS_STARTED
		 : strcmp(kind, "process_stop") == 0 ? PROCESS_STOPPED
						     : PROCESS_SEEN;
	r.pid = id_field(f, audit ? "NewProcessId" : "ProcessId");
	r.ppid = id_field(f, audit ? "ProcessId" : "ParentProcessId");
	r.image =
		audit ? TEXT(f, "NewProcessName", "Image") : TEXT(f, "Image", "ProcessName", "exe");
	r.command_line = TEXT(f, "CommandLine");
	r.guid = guid_field(f, "ProcessGuid", "ProcessGUID");
	r.parent_guid = guid_field(f, "ParentProcessGuid", "ParentProcessGUID");
	r.parent_image = TEXT(f, "ParentImage", "ParentProcessName");
	r.parent_command_line = TEXT(f, "ParentCommandLine");
	if (TEXT(f, "User"))
		r.user = TEXT(f, "User");
	return r;
}

/* The process that an event of another kind is about. */
static size_t process_behind(const struct process_table *t, const json_t *f, int64_t ts)
{
	static const struct {
		const char *guid, *guid2, *id;
	} names[] = {{"ProcessGuid", "ProcessGUID", "ProcessId"},
		     {"SourceProcessGUID", "SourceProcessGuid", "SourceProcessId"}};
	const char *provider = TEXT(f, "Provider_Name");

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		size_t p = process_find(t, guid_field(f, names[i].guid, names[i].guid2),
					id_field(f, names[i].id), ts);

		if (p != PROCESS_NONE)
			return p;
	}
	/* Who writes a PowerShell event is the PowerShell process itself; elsewhere it is only a
	 * logging service. */
	if (provider && (strcmp(provider, "Microsoft-Windows-PowerShell") == 0 ||
			 strcmp(provider, "PowerShellCore") == 0))
		return process_find(t, NULL, id_field(f, "Execution_ProcessID"), ts);
	return PROCESS_NONE;
}

/* ---- steps ---- */

static void bind_host(sqlite3_stmt *s, const struct dive *d)
{
	if (d->host_id)
		(void)sqlite3_bind_int64(s, 1, d->host_id);
	else
		(void)sqlite3_bind_null(s, 1);
}

static int load_processes(sqlite3 *db, struct dive *d, struct problem *problem)
{
	sqlite3_stmt *s = NULL;
	int status = OK, step;

	d->processes = process_table_new();
	if (sqlite3_prepare_v2(db,
			       "SELECT " ROW " FROM timeline WHERE id IN (SELECT e.id FROM event e "
			       "WHERE e.host IS ?1 AND e.shape IN (SELECT id FROM "
			       "shape WHERE kind IN ('process_start', 'process_stop', "
			       "'process_seen'))) AND json_valid(fields)",
			       -1, &s, NULL) != SQLITE_OK)
		return database_error(db, problem);
	bind_host(s, d);
	while ((step = sqlite3_step(s)) == SQLITE_ROW) {
		struct arena a = {0};
		struct dive_event e = row_event(&a, s);
		json_t *f = json_loads((const char *)sqlite3_column_text(s, COL_FIELDS), 0, NULL);
		struct process_record r = process_of(e.kind, e.ts, e.id, e.user, f);

		if (r.pid != UINT64_MAX || r.guid)
			process_table_add(d->processes, &r);
		json_decref(f);
		arena_release(&a);
	}
	if (step != SQLITE_DONE)
		status = database_error(db, problem);
	(void)sqlite3_finalize(s);
	process_table_link(d->processes);
	return status;
}

/* The process and its descendants, without recursion: children come after their parents in no
 * order, so repeat by list. */
static void mark_tree(struct dive *d)
{
	size_t count = process_count(d->processes), *stack = xmalloc((count + 1) * sizeof(size_t)),
	       n = 0;

	stack[n++] = d->process;
	while (n) {
		size_t p = stack[--n];

		if (d->in_tree[p])
			continue;
		d->in_tree[p] = true;
		for (size_t c = process_at(d->processes, p)->first_child; c != PROCESS_NONE;
		     c = process_at(d->processes, c)->next_sibling)
			if (!d->in_tree[c])
				stack[n++] = c;
	}
	free(stack);
}

/* When the tree lived: from its first start to its last stop, or to a day after its last start. */
static void tree_span(const struct dive *d, int64_t *from, int64_t *until)
{
	*from = INT64_MAX;
	*until = INT64_MIN;
	for (size_t i = 0; i < process_count(d->processes); i++) {
		const struct process *p = process_at(d->processes, i);
		int64_t end = p->stop != TIME_NONE    ? p->stop
			      : p->start != TIME_NONE ? p->start + 86400 * TIME_SECOND
						      : TIME_NONE;

		if (!d->in_tree[i])
			continue;
		if (p->start != TIME_NONE && p->start < *from)
			*from = p->start;
		if (end != TIME_NONE && end > *until)
			*until = end;
	}
	if (*from > *until) {
		*from = d->focus.ts;
		*until = d->focus.ts;
	}
	*from -= 2 * TIME_SECOND;
	*until += 2 * TIME_SECOND;
}

static int load_touched(sqlite3 *db, struct dive *d, const struct dive_options *o,
			struct problem *problem)
{
	sqlite3_stmt *s = NULL;
	int64_t from, until;
	int status = OK, step;

	tree_span(d, &from, &until);
	if (from > d->focus.ts - o->window)
		from = d->focus.ts - o->window;
	if (until < d->focus.ts + o->window)
		until = d->focus.ts + o->window;
	if (d->focus.ts == TIME_NONE)
		return OK;
	if (sqlite3_prepare_v2(db,
			       "SELECT " ROW " FROM timeline WHERE id IN (SELECT e.id FROM event e "
			       "WHERE e.host IS ?1 AND e.ts BETWEEN ?2 AND ?3) "
			       "AND json_valid(fields) ORDER BY time, id",
			       -1, &s, NULL) != SQLITE_OK)
		return database_error(db, problem);
	bind_host(s, d);
	(void)sqlite3_bind_int64(s, 2, from);
	(void)sqlite3_bind_int64(s, 3, until);
	while ((step = sqlite3_step(s)) == SQLITE_ROW) {
		struct arena a = {0};
		struct dive_event e = row_event(&a, s);
		enum event_kind kind = event_kind_of(view_text(e.kind ? e.kind : ""));
		json_t *f = json_loads((const char *)sqlite3_column_text(s, COL_FIELDS), 0, NULL);
		bool own = kind == KIND_PROCESS_START || kind == KIND_PROCESS_STOP ||
			   kind == KIND_PROCESS_SEEN;
		struct dive_list *list = NULL;

		e.process = own ? PROCESS_NONE : process_behind(d->processes, f, e.ts);
		if (e.process != PROCESS_NONE && d->in_tree[e.process]) {
			list = &d->touched[e.process].events;
			if (kind < KIND_COUNT)
				d->touched[e.process].kinds[kind]++;
		} else if (e.id != d->focus.id && e.ts >= d->focus.ts - o->window &&
			   e.ts <= d->focus.ts + o->window) {
			list = &d->around;
		}
		if (list && list->count < o->limit) {
			size_t process = e.process;

			e = row_event(&d->arena, s);
			e.process = process;
		}
		if (list)
			list_add(list, &e, o->limit);
		json_decref(f);
		arena_release(&a);
	}
	if (step != SQLITE_DONE)
		status = database_error(db, problem);
	(void)sqlite3_finalize(s);
	return status;
}

/* The logons whose session id the event's fields name. */
static int load_logons(sqlite3 *db, struct dive *d, const char *logon_id, size_t limit,
		       struct problem *problem)
{
	sqlite3_stmt *s = NULL;
	int step;

	if (sqlite3_prepare_v2(
		    db,
		    "SELECT " ROW " FROM timeline WHERE id IN (SELECT e.id FROM event e WHERE "
		    "e.host IS ?1 AND e.ts <= ?3 AND e.shape IN "
		    "(SELECT id FROM shape WHERE kind = 'logon')) AND json_valid(fields) AND "
		    "json_extract(fields, '$.TargetLogonId') = ?2 ORDER BY time DESC",
		    -1, &s, NULL) != SQLITE_OK)
		return database_error(db, problem);
	bind_host(s, d);
	(void)sqlite3_bind_text(s, 2, logon_id, -1, SQLITE_STATIC);
	(void)sqlite3_bind_int64(s, 3, d->focus.ts == TIME_NONE ? time_now() : d->focus.ts);
	while ((step = sqlite3_step(s)) == SQLITE_ROW) {
		struct dive_event e = row_event(&d->arena, s);

		list_add(&d->logons, &e, limit);
	}
	(void)sqlite3_finalize(s);
	return step == SQLITE_DONE ? OK : database_error(db, problem);
}

int dive_run(sqlite3 *db, int64_t event, const struct dive_options *o, struct dive *d,
	     struct problem *problem)
{
	sqlite3_stmt *s = NULL;
	json_t *fields = NULL;
	struct process_record own;
	char *logon = NULL;
	int status;

	*d = (struct dive){.process = PROCESS_NONE, .arena.limit = (size_t)1 << 30};
	if (sqlite3_prepare_v2(
		    db,
		    "SELECT " ROW
		    ", (SELECT host FROM event WHERE event.id = ?1) FROM timeline WHERE id = ?1",
		    -1, &s, NULL) != SQLITE_OK)
		return database_error(db, problem);
	(void)sqlite3_bind_int64(s, 1, event);
	if (sqlite3_step(s) != SQLITE_ROW) {
		(void)sqlite3_finalize(s);
		return problem_set(problem, ERR_NOT_FOUND, PROBLEM_NO_OFFSET,
				   "no event %lld in this case", (long long)event);
	}
	d->focus = row_event(&d->arena, s);
	if (sqlite3_column_type(s, COL_HOST) != SQLITE_NULL)
		d->host = xstrdup((const char *)sqlite3_column_text(s, COL_HOST));
	d->host_id = sqlite3_column_int64(s, COL_HOST + 1);
	if (sqlite3_column_type(s, COL_FIELDS) != SQLITE_NULL)
		fields = json_loads((const char *)sqlite3_column_text(s, COL_FIELDS), 0, NULL);
	(void)sqlite3_finalize(s);
	status = load_processes(db, d, problem);
	if (status < 0)
		goto out;
	d->touched = xcalloc(process_count(d->processes), sizeof(*d->touched));
	d->in_tree = xcalloc(process_count(d->processes), sizeof(*d->in_tree));
	if (d->focus.kind && (strncmp(d->focus.kind, "process_st", 10) == 0 ||
			      strcmp(d->focus.kind, "process_seen") == 0)) {
		own = process_of(d->focus.kind, d->focus.ts, d->focus.id, NULL, fields);
		d->process = process_find(d->processes, own.guid, own.pid, own.ts);
	} else {
		d->process = process_behind(d->processes, fields, d->focus.ts);
	}
	if (d->process != PROCESS_NONE)
		mark_tree(d);
	status = load_touched(db, d, o, problem);
	if (TEXT(fields, "LogonId", "SubjectLogonId", "TargetLogonId"))
		logon = xstrdup(TEXT(fields, "LogonId", "SubjectLogonId", "TargetLogonId"));
	if (status >= 0 && logon)
		status = load_logons(db, d, logon, o->limit, problem);
out:
	free(logon);
	json_decref(fields);
	return status;
}

void dive_release(struct dive *d)
{
	if (d->touched)
		for (size_t i = 0; i < process_count(d->processes); i++)
			free(d->touched[i].events.items);
	free(d->touched);
	free(d->in_tree);
	free(d->logons.items);
	free(d->around.items);
	free(d->host);
	process_table_free(d->processes);
	arena_release(&d->arena);
}
