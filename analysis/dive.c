#include "analysis/dive.h"

#include <stdlib.h>

/* An event being looked at: what is taken out of it lives until the next one. */
struct looking {
	struct case_db *c;
	struct dive *d;
	const struct dive_options *options;
	struct case_event *e;
	struct arena arena;
	struct buffer text;
	struct problem *problem;
};

static char *copy(struct arena *a, const char *text)
{
	return text ? arena_strndup(a, text, strlen(text)) : NULL;
}

/* What is shown of an event, kept. */
static struct dive_event describe(struct looking *l)
{
	struct arena *a = &l->d->arena;
	struct case_event *e = l->e;
	struct dive_event shown = {.id = e->id, .ts = e->ts, .process = PROCESS_NONE};
	char time[TIME_TEXT];

	if (e->ts != TIME_NONE)
		shown.time = arena_strndup(a, time, time_format(e->ts, time));
	shown.kind = copy(a, e->kind);
	shown.user = copy(a, e->user);
	shown.source = copy(a, e->source);
	l->text.len = 0;
	case_event_message(e, &l->text);
	shown.message = arena_strndup(a, l->text.data, l->text.len);
	return shown;
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
static const char *text_field(struct looking *l, const char *const *names)
{
	for (; *names; names++) {
		l->text.len = 0;
		if (case_event_field(l->e, *names, &l->text) && l->text.len &&
		    !view_is(buffer_as_view(&l->text), "-") &&
		    !view_is(buffer_as_view(&l->text), "null"))
			return arena_strndup(&l->arena, l->text.data, l->text.len);
	}
	return NULL;
}
#define TEXT(l, ...) text_field(l, (const char *const[]){__VA_ARGS__, NULL})

/* A process id as a number, in decimal or as 0x text. */
static uint64_t id_field(struct looking *l, const char *name)
{
	const char *text = TEXT(l, name);
	char *end;
	uint64_t n;

	if (!text || *text == '-')
		return UINT64_MAX;
	n = strtoull(text, &end, 0);
	return *end ? UINT64_MAX : n;
}

/* GUIDs that say nothing: Sysmon writes zeros when it does not know. */
static const char *guid_field(struct looking *l, const char *a, const char *b)
{
	const char *text = TEXT(l, a, b);

	return text && strspn(text, "{}0-") < strlen(text) ? text : NULL;
}

static struct process_record process_of(struct looking *l)
{
	struct case_event *e = l->e;
	struct process_record r = {.ts = e->ts, .event = e->id, .user = e->user};
	bool audit;

	l->text.len = 0;
	/* 4688 and 4689 name the new process NewProcessId, and in ProcessId who made it. */
	audit = case_event_field(e, "NewProcessId", &l->text);
	r.what = strcmp(e->kind, "process_start") == 0	? PROCESS_STARTED
		 : strcmp(e->kind, "process_stop") == 0 ? PROCESS_STOPPED
							: PROCESS_SEEN;
	r.pid = id_field(l, audit ? "NewProcessId" : "ProcessId");
	r.ppid = id_field(l, audit ? "ProcessId" : "ParentProcessId");
	r.image =
		audit ? TEXT(l, "NewProcessName", "Image") : TEXT(l, "Image", "ProcessName", "exe");
	r.command_line = TEXT(l, "CommandLine");
	r.guid = guid_field(l, "ProcessGuid", "ProcessGUID");
	r.parent_guid = guid_field(l, "ParentProcessGuid", "ParentProcessGUID");
	r.parent_image = TEXT(l, "ParentImage", "ParentProcessName");
	r.parent_command_line = TEXT(l, "ParentCommandLine");
	if (TEXT(l, "User"))
		r.user = TEXT(l, "User");
	return r;
}

/* The process that an event of another kind is about. */
static size_t process_behind(struct looking *l)
{
	static const struct {
		const char *guid, *guid2, *id;
	} names[] = {{"ProcessGuid", "ProcessGUID", "ProcessId"},
		     {"SourceProcessGUID", "SourceProcessGuid", "SourceProcessId"}};
	const struct process_table *t = l->d->processes;
	const char *provider;

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		size_t p = process_find(t, guid_field(l, names[i].guid, names[i].guid2),
					id_field(l, names[i].id), l->e->ts);

		if (p != PROCESS_NONE)
			return p;
	}
	/* Who writes a PowerShell event is the PowerShell process itself; elsewhere it is only a
	 * logging service. */
	provider = TEXT(l, "Provider_Name");
	if (provider && (strcmp(provider, "Microsoft-Windows-PowerShell") == 0 ||
			 strcmp(provider, "PowerShellCore") == 0))
		return process_find(t, NULL, id_field(l, "Execution_ProcessID"), l->e->ts);
	return PROCESS_NONE;
}

/* ---- steps ---- */

static int add_process(void *data, struct case_event *e)
{
	struct looking *l = data;
	struct process_record r;

	l->e = e;
	r = process_of(l);
	if (r.pid != UINT64_MAX || r.guid)
		process_table_add(l->d->processes, &r);
	arena_reset(&l->arena);
	return OK;
}

static struct case_filter on_host(const struct dive *d)
{
	return (struct case_filter){
		.one_host = true, .host = d->host_id, .since = TIME_NONE, .until = TIME_NONE};
}

static int load_processes(struct looking *l)
{
	static const char *const kinds[] = {"process_start", "process_stop", "process_seen"};
	struct case_filter f = on_host(l->d);
	int status;

	f.kinds = kinds;
	f.kind_count = 3;
	f.any_order = true;
	l->d->processes = process_table_new();
	status = case_select(l->c, &f, add_process, l, l->problem);
	process_table_link(l->d->processes);
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

static int add_touched(void *data, struct case_event *e)
{
	struct looking *l = data;
	struct dive *d = l->d;
	enum event_kind kind = event_kind_of(view_text(e->kind));
	bool own = kind == KIND_PROCESS_START || kind == KIND_PROCESS_STOP ||
		   kind == KIND_PROCESS_SEEN;
	int64_t window = l->options->window;
	struct dive_list *list = NULL;
	struct dive_event shown = {.id = e->id};
	size_t process;

	l->e = e;
	process = own ? PROCESS_NONE : process_behind(l);
	arena_reset(&l->arena);
	if (process != PROCESS_NONE && d->in_tree[process]) {
		list = &d->touched[process].events;
		if (kind < KIND_COUNT)
			d->touched[process].kinds[kind]++;
	} else if (e->id != d->focus.id && e->ts >= d->focus.ts - window &&
		   e->ts <= d->focus.ts + window) {
		list = &d->around;
	}
	if (list && list->count < l->options->limit) {
		shown = describe(l);
		shown.process = process;
	}
	if (list)
		list_add(list, &shown, l->options->limit);
	return OK;
}

static int load_touched(struct looking *l)
{
	struct case_filter f = on_host(l->d);
	int64_t window = l->options->window;
	const struct dive *d = l->d;

	if (d->focus.ts == TIME_NONE)
		return OK;
	tree_span(d, &f.since, &f.until);
	if (f.since > d->focus.ts - window)
		f.since = d->focus.ts - window;
	if (f.until < d->focus.ts + window)
		f.until = d->focus.ts + window;
	return case_select(l->c, &f, add_touched, l, l->problem);
}

/* The last events of a walk, in a ring. */
struct last {
	int64_t *ids;
	size_t size;
	uint64_t count;
};

static int remember(void *data, struct case_event *e)
{
	struct last *last = data;

	if (last->size)
		last->ids[last->count % last->size] = e->id;
	last->count++;
	return OK;
}

static int add_logon(void *data, struct case_event *e)
{
	struct looking *l = data;
	struct dive_event shown;

	l->e = e;
	shown = describe(l);
	list_add(&l->d->logons, &shown, l->options->limit);
	return OK;
}

/* The logons that opened the session, the latest first. */
static int load_logons(struct looking *l, const char *logon_id)
{
	const char *kind = "logon", *field = NULL;
	char *text = xasprintf("TargetLogonId=%s", logon_id);
	struct case_filter f = on_host(l->d), one = {.since = TIME_NONE, .until = TIME_NONE};
	struct last last = {.size = l->options->limit};
	int status;

	field = text;
	f.kinds = &kind;
	f.kind_count = 1;
	f.fields = &field;
	f.field_count = 1;
	f.until = l->d->focus.ts == TIME_NONE ? time_now() : l->d->focus.ts;
	last.ids = xcalloc(last.size + 1, sizeof(*last.ids));
	status = case_select(l->c, &f, remember, &last, l->problem);
	for (uint64_t i = 0; i < last.size && i < last.count && status == OK; i++) {
		one.id = last.ids[(last.count - 1 - i) % last.size];
		status = case_select(l->c, &one, add_logon, l, l->problem);
	}
	if (last.count > last.size)
		l->d->logons.more = last.count - last.size;
	free(last.ids);
	free(text);
	return status;
}

/* What the rest begins with. */
struct focus {
	struct looking *l;
	char *logon;
	bool found;
};

static int take_focus(void *data, struct case_event *e)
{
	struct focus *f = data;
	struct dive *d = f->l->d;
	const char *logon;

	f->l->e = e;
	f->found = true;
	d->focus = describe(f->l);
	d->host = e->host ? xstrdup(e->host) : NULL;
	d->host_id = e->host_id;
	logon = TEXT(f->l, "LogonId", "SubjectLogonId", "TargetLogonId");
	f->logon = logon ? xstrdup(logon) : NULL;
	return OK;
}

static int find_process(void *data, struct case_event *e)
{
	struct looking *l = data;
	struct process_record own;

	l->e = e;
	if (strncmp(e->kind, "process_st", 10) == 0 || strcmp(e->kind, "process_seen") == 0) {
		own = process_of(l);
		l->d->process = process_find(l->d->processes, own.guid, own.pid, own.ts);
	} else {
		l->d->process = process_behind(l);
	}
	arena_reset(&l->arena);
	return OK;
}

int dive_run(struct case_db *c, int64_t event, const struct dive_options *o, struct dive *d,
	     struct problem *problem)
{
	struct looking l = {
		.c = c, .d = d, .options = o, .problem = problem, .arena.limit = SIZE_MAX};
	struct focus focus = {.l = &l};
	struct case_filter one = {.id = event, .since = TIME_NONE, .until = TIME_NONE};
	int status;

	*d = (struct dive){.process = PROCESS_NONE, .arena.limit = (size_t)1 << 30};
	if (event < 1 ||
	    ((status = case_select(c, &one, take_focus, &focus, problem)) == OK && !focus.found))
		return problem_set(problem, ERR_NOT_FOUND, PROBLEM_NO_OFFSET,
				   "no event %lld in this case", (long long)event);
	if (status == OK && (status = load_processes(&l)) == OK) {
		d->touched = xcalloc(process_count(d->processes), sizeof(*d->touched));
		d->in_tree = xcalloc(process_count(d->processes), sizeof(*d->in_tree));
		status = case_select(c, &one, find_process, &l, problem);
	}
	if (status == OK && d->process != PROCESS_NONE)
		mark_tree(d);
	if (status == OK)
		status = load_touched(&l);
	if (status == OK && focus.logon)
		status = load_logons(&l, focus.logon);
	free(focus.logon);
	arena_release(&l.arena);
	buffer_release(&l.text);
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
