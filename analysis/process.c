#include "analysis/process.h"

#include <stdlib.h>
#include <strings.h>

struct process_table {
	struct process *list; /* after link: by (pid, start) */
	size_t count, cap;
	struct process_record *stops;
	size_t stop_count, stop_cap;
	size_t *by_guid; /* indices, sorted by guid */
	size_t guid_count;
	struct arena arena;
};

/* The same start from two sources (Sysmon and 4688) differs by little. */
#define SAME_START (2 * TIME_SECOND)

struct process_table *process_table_new(void)
{
	struct process_table *t = xcalloc(1, sizeof(*t));

	t->arena.limit = SIZE_MAX / 2; /* bounded by the case's own size */
	return t;
}

void process_table_free(struct process_table *t)
{
	if (!t)
		return;
	arena_release(&t->arena);
	free(t->list);
	free(t->stops);
	free(t->by_guid);
	free(t);
}

static const char *copy(struct process_table *t, const char *s)
{
	return s && *s ? arena_strndup(&t->arena, s, strlen(s)) : NULL;
}

void process_table_add(struct process_table *t, const struct process_record *r)
{
	struct process *p;

	if (r->what == PROCESS_STOPPED) {
		t->stops = xgrow(t->stops, &t->stop_cap, t->stop_count + 1, sizeof(*t->stops));
		t->stops[t->stop_count] = *r;
		t->stops[t->stop_count++].guid = copy(t, r->guid);
		return;
	}
	t->list = xgrow(t->list, &t->cap, t->count + 1, sizeof(*t->list));
	p = &t->list[t->count++];
	*p = (struct process){
		.start = r->ts,
		.stop = TIME_NONE,
		.event = r->event,
		.pid = r->pid,
		.ppid = r->ppid,
		.image = copy(t, r->image),
		.command_line = copy(t, r->command_line),
		.user = copy(t, r->user),
		.guid = copy(t, r->guid),
		.parent_guid = copy(t, r->parent_guid),
		.parent_image = copy(t, r->parent_image),
		.parent_command_line = copy(t, r->parent_command_line),
		.parent = PROCESS_NONE,
		.first_child = PROCESS_NONE,
		.next_sibling = PROCESS_NONE,
		.seen_only = r->what == PROCESS_SEEN,
	};
}

static int by_pid_start(const void *a, const void *b)
{
	const struct process *x = a, *y = b;

	if (x->pid != y->pid)
		return x->pid < y->pid ? -1 : 1;
	if (x->start != y->start)
		return x->start < y->start ? -1 : 1;
	if (x->seen_only != y->seen_only)
		return x->seen_only ? 1 : -1;
	return x->event < y->event ? -1 : x->event > y->event;
}

static bool same_text(const char *a, const char *b)
{
	return !a || !b || strcasecmp(a, b) == 0;
}

static void fill(const char **into, const char *from)
{
	if (!*into)
		*into = from;
}

/* One process told twice: by two sources within seconds, or by two collections while it ran. */
static bool is_same(const struct process *a, const struct process *b)
{
	if (a->pid != b->pid || a->pid == UINT64_MAX || !same_text(a->image, b->image))
		return false;
	if (a->guid && b->guid)
		return strcasecmp(a->guid, b->guid) == 0;
	if (a->start == TIME_NONE || b->start == TIME_NONE)
		return a->start == b->start;
	return b->start - a->start <= SAME_START && same_text(a->command_line, b->command_line);
}

static void merge(struct process_table *t)
{
	size_t kept = 0;

	for (size_t i = 0; i < t->count; i++) {
		struct process *p = &t->list[i], *last = kept ? &t->list[kept - 1] : NULL;

		if (!last || !is_same(last, p)) {
			t->list[kept++] = *p;
			continue;
		}
		if (last->seen_only && !p->seen_only) {
			last->event = p->event;
			last->seen_only = false;
		}
		fill(&last->image, p->image);
		fill(&last->command_line, p->command_line);
		fill(&last->user, p->user);
		fill(&last->guid, p->guid);
		fill(&last->parent_guid, p->parent_guid);
		fill(&last->parent_image, p->parent_image);
		fill(&last->parent_command_line, p->parent_command_line);
		if (last->ppid == UINT64_MAX)
			last->ppid = p->ppid;
	}
	t->count = kept;
}

static const struct process_table *sorting; /* for qsort, which takes no argument */

static int by_guid(const void *a, const void *b)
{
	return strcasecmp(sorting->list[*(const size_t *)a].guid,
			  sorting->list[*(const size_t *)b].guid);
}

static void index_guids(struct process_table *t)
{
	t->by_guid = xrealloc(t->by_guid, (t->count + 1) * sizeof(size_t));
	t->guid_count = 0;
	for (size_t i = 0; i < t->count; i++)
		if (t->list[i].guid)
			t->by_guid[t->guid_count++] = i;
	sorting = t;
	qsort(t->by_guid, t->guid_count, sizeof(size_t), by_guid);
}

static size_t find_guid(const struct process_table *t, const char *guid)
{
	size_t low = 0, high = t->guid_count;

	while (low < high) {
		size_t middle = (low + high) / 2;
		int order = strcasecmp(guid, t->list[t->by_guid[middle]].guid);

		if (order == 0)
			return t->by_guid[middle];
		if (order < 0)
			high = middle;
		else
			low = middle + 1;
	}
	return PROCESS_NONE;
}

/* The youngest of that id that had started by ts; one whose start is unknown may always have. */
static size_t find_pid(const struct process_table *t, uint64_t pid, int64_t ts, bool running)
{
	size_t low = 0, high = t->count, found = PROCESS_NONE;

	if (pid == UINT64_MAX)
		return PROCESS_NONE;
	while (low < high) {
		size_t middle = (low + high) / 2;
		const struct process *p = &t->list[middle];

		/* TIME_NONE is the smallest: an unknown start sorts before every other of its id.
		 */
		if (p->pid < pid ||
		    (p->pid == pid && (ts == TIME_NONE || p->start <= ts + SAME_START))) {
			if (p->pid == pid)
				found = middle;
			low = middle + 1;
		} else {
			high = middle;
		}
	}
	if (found != PROCESS_NONE && running && ts != TIME_NONE &&
	    t->list[found].stop != TIME_NONE && t->list[found].stop + SAME_START < ts)
		return PROCESS_NONE;
	return found;
}

size_t process_find(const struct process_table *t, const char *guid, uint64_t pid, int64_t ts)
{
	size_t i = guid && *guid ? find_guid(t, guid) : PROCESS_NONE;

	return i != PROCESS_NONE ? i : find_pid(t, pid, ts, true);
}

static void apply_stops(struct process_table *t)
{
	for (size_t i = 0; i < t->stop_count; i++) {
		const struct process_record *r = &t->stops[i];
		size_t at = r->guid ? find_guid(t, r->guid) : PROCESS_NONE;

		if (at == PROCESS_NONE)
			at = find_pid(t, r->pid, r->ts, false);
		if (at != PROCESS_NONE &&
		    (t->list[at].stop == TIME_NONE || r->ts < t->list[at].stop) &&
		    (t->list[at].start == TIME_NONE || r->ts >= t->list[at].start))
			t->list[at].stop = r->ts;
	}
}

static int by_start(const void *a, const void *b)
{
	const struct process *x = &sorting->list[*(const size_t *)a],
			     *y = &sorting->list[*(const size_t *)b];

	if (x->start != y->start)
		return x->start < y->start ? -1 : 1;
	return x->pid < y->pid ? -1 : x->pid > y->pid;
}

/* A parent that only its children name still joins them: one for each (guid) or (id, image). */
static void add_named_parents(struct process_table *t)
{
	size_t count = t->count;

	for (size_t i = 0; i < count; i++) {
		struct process *p = &t->list[i];
		struct process_record r = {.what = PROCESS_SEEN,
					   .ts = TIME_NONE,
					   .pid = p->ppid,
					   .ppid = UINT64_MAX,
					   .image = p->parent_image,
					   .guid = p->parent_guid,
					   .command_line = p->parent_command_line};
		size_t at;

		if (!p->parent_image || (!p->parent_guid && p->ppid == UINT64_MAX))
			continue;
		at = p->parent_guid ? find_guid(t, p->parent_guid) : PROCESS_NONE;
		if (at == PROCESS_NONE) {
			at = find_pid(t, p->ppid, p->start, true);
			if (at != PROCESS_NONE && p->parent_guid && t->list[at].guid)
				at = PROCESS_NONE; /* another process of that id */
			if (at != PROCESS_NONE && !same_text(t->list[at].image, p->parent_image))
				at = PROCESS_NONE;
		}
		if (at == PROCESS_NONE)
			process_table_add(t, &r);
	}
}

void process_table_link(struct process_table *t)
{
	size_t *order;

	qsort(t->list, t->count, sizeof(*t->list), by_pid_start);
	merge(t);
	index_guids(t);
	apply_stops(t);
	add_named_parents(t);
	qsort(t->list, t->count, sizeof(*t->list), by_pid_start);
	merge(t);
	index_guids(t);
	order = xmalloc((t->count + 1) * sizeof(size_t));
	for (size_t i = 0; i < t->count; i++) {
		struct process *p = &t->list[i];
		size_t parent = p->parent_guid ? find_guid(t, p->parent_guid) : PROCESS_NONE;

		order[i] = i;
		if (parent == PROCESS_NONE && p->ppid != p->pid)
			parent = find_pid(t, p->ppid, p->start, true);
		/* Image names decide where ids were reused unseen. */
		if (parent != PROCESS_NONE && !same_text(t->list[parent].image, p->parent_image)) {
			size_t other = parent;

			while (other > 0 && t->list[other - 1].pid == p->ppid &&
			       !same_text(t->list[other].image, p->parent_image))
				other--;
			if (same_text(t->list[other].image, p->parent_image))
				parent = other;
			else if (t->list[parent].guid == NULL || p->parent_guid == NULL)
				parent = PROCESS_NONE;
		}
		p->parent = parent == i ? PROCESS_NONE : parent;
	}
	/* Evidence can name a loop of parents: cut it where the walk comes back. */
	for (size_t i = 0; i < t->count; i++) {
		size_t slow = i, fast = i;

		for (;;) {
			fast = fast == PROCESS_NONE ? fast : t->list[fast].parent;
			fast = fast == PROCESS_NONE ? fast : t->list[fast].parent;
			if (fast == PROCESS_NONE)
				break;
			slow = t->list[slow].parent;
			if (slow == fast) {
				t->list[slow].parent = PROCESS_NONE;
				break;
			}
		}
	}
	sorting = t;
	qsort(order, t->count, sizeof(size_t), by_start);
	for (size_t n = t->count; n-- > 0;) {
		size_t i = order[n], parent = t->list[i].parent;

		if (parent != PROCESS_NONE) {
			t->list[i].next_sibling = t->list[parent].first_child;
			t->list[parent].first_child = i;
		}
	}
	free(order);
}

size_t process_count(const struct process_table *t)
{
	return t->count;
}

const struct process *process_at(const struct process_table *t, size_t index)
{
	return &t->list[index];
}
