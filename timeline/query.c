#include "timeline/query.h"

#include "base/text.h"
#include "timeline/blocks.h"
#include "timeline/match.h"
#include "timeline/scan.h"

#include <stdlib.h>

/* An event that is still to be given. */
struct found {
	int64_t key, id; /* its time; KEY_UNTIMED comes last */
};
#define KEY_UNTIMED INT64_MAX

struct text_cache {
	struct {
		int64_t id;
		char *text, *more;
	} slots[4096];
};

struct case_query {
	sqlite3 *db;
	const struct case_filter *filter;
	struct problem *problem;
	int (*put)(void *data, struct case_event *e);
	void *data;

	struct shape_list shapes;
	struct match match;
	struct match_scratch scratch;
	uint64_t events,
		wanted; /* in the case; of those the ones that shape and host let through */

	sqlite3_stmt *by_id, *host_name, *user_name, *artifact;
	struct text_cache *host_texts, *user_texts, *artifact_texts;
	struct row_spans spans; /* of the event that is given */
	struct buffer text;
	uint64_t given;
};

static int fail(struct case_query *q)
{
	return problem_set(q->problem, ERR_DATABASE, PROBLEM_NO_OFFSET, "%s",
			   sqlite3_errmsg(q->db));
}

static sqlite3_stmt *prepare(struct case_query *q, const char *sql)
{
	sqlite3_stmt *s = NULL;

	if (sqlite3_prepare_v2(q->db, sql, -1, &s, NULL) != SQLITE_OK)
		(void)fail(q);
	return s;
}

static bool full(const struct case_query *q)
{
	return q->filter->limit && q->given >= q->filter->limit;
}

/* ---- giving events ---- */

/* id to text, remembered. more: a second column. */
static const char *lookup(struct case_query *q, struct text_cache **cache, sqlite3_stmt **s,
			  const char *sql, int64_t id, const char **more)
{
	unsigned slot = (unsigned)id % 4096;

	if (more)
		*more = NULL;
	if (id <= 0)
		return NULL;
	if (!*cache)
		*cache = xcalloc(1, sizeof(**cache));
	if ((*cache)->slots[slot].id != id) {
		free((*cache)->slots[slot].text);
		free((*cache)->slots[slot].more);
		(*cache)->slots[slot].id = id;
		(*cache)->slots[slot].text = (*cache)->slots[slot].more = NULL;
		if (!*s && !(*s = prepare(q, sql)))
			return NULL;
		sqlite3_bind_int64(*s, 1, id);
		if (sqlite3_step(*s) == SQLITE_ROW) {
			const char *text = (const char *)sqlite3_column_text(*s, 0);

			if (text)
				(*cache)->slots[slot].text = xstrdup(text);
			text = more ? (const char *)sqlite3_column_text(*s, 1) : NULL;
			if (text)
				(*cache)->slots[slot].more = xstrdup(text);
		}
		sqlite3_reset(*s);
	}
	if (more)
		*more = (*cache)->slots[slot].more;
	return (*cache)->slots[slot].text;
}

static const char *host_name(struct case_query *q, int64_t id)
{
	return lookup(q, &q->host_texts, &q->host_name, "SELECT name FROM host WHERE id = ?", id,
		      NULL);
}

static const char *user_name(struct case_query *q, int64_t id)
{
	return lookup(q, &q->user_texts, &q->user_name, "SELECT text FROM name WHERE id = ?", id,
		      NULL);
}

static int64_t integer(sqlite3_stmt *s, int at)
{
	return sqlite3_column_type(s, at) == SQLITE_NULL ? -1 : sqlite3_column_int64(s, at);
}

static struct view text_column(sqlite3_stmt *s, int at)
{
	const void *p = sqlite3_column_text(s, at);

	return view_of(p, (size_t)sqlite3_column_bytes(s, at));
}

#define EVENT_COLUMNS                                                                              \
	"id, ts, shape, host, user, artifact, record, offset, process, message, vals FROM event"

/* The event that the statement stands at; looked at before when `test`. */
static int give_row(struct case_query *q, sqlite3_stmt *s, bool test)
{
	struct known_shape *k = shape_list_find(&q->shapes, sqlite3_column_int64(s, 2));
	struct case_event e = {.query = q, .shape = k};
	struct match_row row = {.id = sqlite3_column_int64(s, 0)};

	if (!k || (test && !k->wanted))
		return OK;
	row.ts = sqlite3_column_type(s, 1) == SQLITE_NULL ? TIME_NONE : sqlite3_column_int64(s, 1);
	row.shape = k->id;
	row.host = sqlite3_column_int64(s, 3);
	row.user = sqlite3_column_int64(s, 4);
	row.message = text_column(s, 9);
	row.values = text_column(s, 10);
	if (test && !match_event(&q->match, &q->scratch, k, &row))
		return OK;
	known_shape_parse(&q->shapes, k);
	e.id = row.id;
	e.ts = row.ts;
	e.ts_desc = k->ts_desc;
	e.kind = k->kind;
	e.provider = k->provider;
	e.channel = k->channel;
	e.event_id = k->event_id;
	e.host_id = row.host;
	e.host = host_name(q, row.host);
	e.user = user_name(q, row.user);
	e.artifact = sqlite3_column_int64(s, 5);
	e.source = lookup(q, &q->artifact_texts, &q->artifact,
			  "SELECT path, parser FROM artifact WHERE id = ?", e.artifact, &e.parser);
	e.record = integer(s, 6);
	e.offset = integer(s, 7);
	e.process = integer(s, 8);
	e.own_message = row.message;
	e.values = row.values;
	q->spans.count = -1;
	q->given++;
	return q->put(q->data, &e);
}

/* The event of that id, if it is there. */
static int give(struct case_query *q, int64_t id, bool test)
{
	int status = OK;

	if (!q->by_id && !(q->by_id = prepare(q, "SELECT " EVENT_COLUMNS " WHERE id = ?")))
		return ERR_DATABASE;
	sqlite3_bind_int64(q->by_id, 1, id);
	if (sqlite3_step(q->by_id) == SQLITE_ROW)
		status = give_row(q, q->by_id, test);
	if (sqlite3_reset(q->by_id) != SQLITE_OK && status == OK)
		return fail(q);
	return status;
}

static int compare_found(const void *x, const void *y)
{
	const struct found *a = x, *b = y;

	if (a->key != b->key)
		return a->key < b->key ? -1 : 1;
	return a->id < b->id ? -1 : a->id > b->id;
}

/* ---- walking the index ---- */

static int walk(struct case_query *q, bool timed)
{
	const struct case_filter *f = q->filter;
	bool test = f->grep_count + f->field_count > 0;
	sqlite3_stmt *s =
		prepare(q, timed ? "SELECT id, host, shape FROM event WHERE ts >= ? AND ts <= ?"
				   " ORDER BY ts, id"
				 : "SELECT id, host, shape FROM event WHERE ts IS NULL ORDER"
				   " BY id");
	int status = s ? OK : ERR_DATABASE, step = SQLITE_ROW;

	if (s && timed) {
		sqlite3_bind_int64(s, 1, f->since == TIME_NONE ? INT64_MIN : f->since);
		sqlite3_bind_int64(s, 2, f->until == TIME_NONE ? INT64_MAX : f->until);
	}
	while (status == OK && !full(q) && (step = sqlite3_step(s)) == SQLITE_ROW) {
		const struct known_shape *k =
			shape_list_find(&q->shapes, sqlite3_column_int64(s, 2));

		if (k && k->wanted && match_host(&q->match, sqlite3_column_int64(s, 1)))
			status = give(q, sqlite3_column_int64(s, 0), test);
	}
	if (status == OK && step != SQLITE_ROW && step != SQLITE_DONE)
		status = fail(q);
	sqlite3_finalize(s);
	return status;
}

static int by_index(struct case_query *q)
{
	int status = walk(q, true);

	if (status == OK && !full(q) && q->filter->since == TIME_NONE &&
	    q->filter->until == TIME_NONE)
		status = walk(q, false);
	return status;
}

/* ---- reading blocks ---- */

/* Blocks that may hold what is asked for: a heap, the earliest first, because an answer mostly needs few
 * of them; and what was found in those that were read. */
struct blocks {
	struct block_list list;
	struct block *todo, *now; /* now: those being read */
	size_t count, batch;
	uint64_t left, read; /* events of todo, at most; of what was read */
	struct found *found; /* sorted from `at` on */
	size_t found_count, found_cap, at;
	struct scan *scan;
};

static int64_t block_key(const struct block *b)
{
	return b->ts_first == TIME_NONE ? KEY_UNTIMED : b->ts_first;
}

static uint64_t block_events(const struct block *b)
{
	return (uint64_t)(b->last - b->first) + 1;
}

static bool earlier(const struct block *a, const struct block *b)
{
	int64_t s = block_key(a), t = block_key(b);

	return s != t ? s < t : a->first < b->first;
}

static void sink_down(struct block *heap, size_t count, size_t at)
{
	struct block b = heap[at];

	for (size_t child; (child = 2 * at + 1) < count; at = child) {
		if (child + 1 < count && earlier(&heap[child + 1], &heap[child]))
			child++;
		if (!earlier(&heap[child], &b))
			break;
		heap[at] = heap[child];
	}
	heap[at] = b;
}

/* Leaves of the blocks those that may hold one of these. */
static int narrow(struct case_query *q, const struct block_list *list, uint8_t *may,
		  const struct signature_need *any, size_t count)
{
	uint8_t *these = xcalloc(list->count + 1, 1);
	int status = OK;

	for (size_t i = 0; i < count && status == OK; i++)
		status = block_list_ask(q->db, list, &any[i], these);
	for (size_t i = 0; i < list->count; i++)
		may[i] &= these[i];
	free(these);
	return status;
}

/* More than so many kinds or hosts are in most blocks. */
#define NARROW_MAX 16

static int narrow_all(struct case_query *q, const struct block_list *list, uint8_t *may)
{
	const struct case_filter *f = q->filter;
	struct signature_need any[NARROW_MAX] = {0};
	int status = OK;

	memset(may, 1, list->count);
	if (f->kind_count && f->kind_count <= NARROW_MAX) {
		for (size_t i = 0; i < f->kind_count; i++)
			signature_need_term(&any[i], signature_kind(f->kinds[i]));
		status = narrow(q, list, may, any, f->kind_count);
	}
	if (status == OK && !q->match.all_hosts && q->match.hosts.count <= NARROW_MAX) {
		memset(any, 0, sizeof(any));
		for (size_t i = 0; i < q->match.hosts.count; i++)
			signature_need_term(&any[i], signature_host(q->match.hosts.ids[i]));
		status = narrow(q, list, may, any, q->match.hosts.count);
	}
	match_need(&q->match, &any[0]);
	if (status == OK && any[0].count)
		status = narrow(q, list, may, any, 1);
	return status;
}

static int blocks_open(struct case_query *q, struct blocks *b)
{
	const struct case_filter *f = q->filter;
	bool timed = f->since != TIME_NONE || f->until != TIME_NONE;
	uint8_t *may;
	int status = block_list_load(q->db, &b->list);

	b->batch = 16; /* and twice as many each time */
	if (status < 0)
		return fail(q);
	may = xcalloc(b->list.count + 1, 1);
	status = narrow_all(q, &b->list, may);
	b->todo = xcalloc(b->list.count + 1, sizeof(*b->todo));
	for (size_t i = 0; i < b->list.count && status == OK; i++) {
		const struct block *k = &b->list.items[i];

		if (may[i] && !(timed && (k->ts_first == TIME_NONE ||
					  (f->until != TIME_NONE && k->ts_first > f->until) ||
					  (f->since != TIME_NONE && k->ts_last < f->since))))
			b->todo[b->count++] = *k;
	}
	free(may);
	for (size_t i = 0; i < b->count; i++)
		b->left += block_events(&b->todo[i]);
	for (size_t i = f->any_order ? 0 : b->count / 2; i-- > 0;)
		sink_down(b->todo, b->count, i);
	return status < 0 ? fail(q) : OK;
}

static void blocks_close(struct blocks *b)
{
	block_list_release(&b->list);
	scan_close(b->scan);
	free(b->todo);
	free(b->now);
	free(b->found);
	memset(b, 0, sizeof(*b));
}

/* The next blocks: more each time, so that a short answer reads few. */
static int read_batch(struct case_query *q, struct blocks *b)
{
	size_t n = b->count < b->batch ? b->count : b->batch;
	struct scan_hits *hits;
	size_t parts;
	int status;

	if (!b->scan)
		b->scan = scan_open(q->db, &q->match, &q->shapes);
	b->now = xrealloc(b->now, (n + 1) * sizeof(*b->now));
	for (size_t i = 0; i < n; i++) {
		b->now[i] = b->todo[0];
		b->todo[0] = b->todo[--b->count];
		sink_down(b->todo, b->count, 0);
		b->left -= block_events(&b->now[i]);
		b->read += block_events(&b->now[i]);
	}
	status = scan_blocks(b->scan, b->now, n, &hits, &parts);
	if (status < 0)
		return problem_set(q->problem, ERR_DATABASE, PROBLEM_NO_OFFSET, "%s",
				   scan_problem(b->scan));
	if (b->at)
		memmove(b->found, b->found + b->at, (b->found_count - b->at) * sizeof(*b->found));
	b->found_count -= b->at;
	b->at = 0;
	for (size_t p = 0; p < parts; p++)
		for (size_t i = 0; i < hits[p].count; i++) {
			const struct scan_hit *h = &hits[p].items[i];

			b->found = xgrow(b->found, &b->found_cap, b->found_count + 1,
					 sizeof(*b->found));
			b->found[b->found_count++] =
				(struct found){h->ts == TIME_NONE ? KEY_UNTIMED : h->ts, h->id};
		}
	if (b->found_count)
		qsort(b->found, b->found_count, sizeof(*b->found), compare_found);
	if (b->batch < 8192)
		b->batch *= 2;
	return OK;
}

/* What comes next, NULL when all is read. Nothing that is left may come before it. */
static int blocks_head(struct case_query *q, struct blocks *b, const struct found **head)
{
	int status = OK;

	*head = NULL;
	while (status == OK) {
		if (b->at < b->found_count &&
		    (b->count == 0 || b->found[b->at].key < block_key(&b->todo[0]))) {
			*head = &b->found[b->at];
			return OK;
		}
		if (b->count == 0)
			return OK;
		status = read_batch(q, b);
	}
	return status;
}

/*
 * Blocks that each span much time (of an $MFT) have to be read nearly all before the first event is
 * sure to be the first. When what was found says that an answer of `limit` events is nearer by the
 * index, true.
 */
static bool index_is_nearer(const struct case_query *q, const struct blocks *b)
{
	const struct case_filter *f = q->filter;
	bool text = f->grep_count + f->field_count > 0;
	double all = (double)(b->read + b->left), fetched, walked;

	if (!f->limit || b->found_count == 0 || q->wanted == 0 ||
	    b->found[0].key < block_key(&b->todo[0])) /* they come */
		return false;
	/* Rows of the index to the answer, and those of them that have to be fetched and looked at:
	 * each costs as much as several that are read one after the other. */
	fetched = (double)f->limit;
	if (text)
		fetched *= (double)b->read / (double)b->found_count * (double)q->wanted / all;
	walked = fetched * (double)q->events / (double)q->wanted;
	return fetched * (text ? 4 : 0) + walked / 2 < (double)b->left;
}

/* ---- the plan ---- */

static int count_wanted(struct case_query *q)
{
	sqlite3_stmt *s = prepare(q, "SELECT shape, host, events FROM shape_host");
	int step = SQLITE_ERROR;

	while (s && (step = sqlite3_step(s)) == SQLITE_ROW) {
		const struct known_shape *k =
			shape_list_find(&q->shapes, sqlite3_column_int64(s, 0));
		int64_t n = sqlite3_column_int64(s, 2);

		q->events += n > 0 ? (uint64_t)n : 0;
		if (k && k->wanted && match_host(&q->match, sqlite3_column_int64(s, 1)))
			q->wanted += n > 0 ? (uint64_t)n : 0;
	}
	sqlite3_finalize(s);
	return step == SQLITE_DONE ? OK : fail(q);
}

/* A load that did not come to its end left no index; the blocks are always there. */
static bool has_index(struct case_query *q)
{
	sqlite3_stmt *s = prepare(q, "SELECT 1 FROM sqlite_master WHERE name = 'event_ts'");
	bool has = s && sqlite3_step(s) == SQLITE_ROW;

	sqlite3_finalize(s);
	return has;
}

static int by_blocks(struct case_query *q, struct blocks *b, bool indexed)
{
	const struct found *found;
	int status = OK;

	for (unsigned i = 0; i < 2 && status == OK && b->count; i++)
		status = read_batch(q, b);
	if (status == OK && indexed && b->count && index_is_nearer(q, b))
		return by_index(q);
	while (status == OK && !full(q) && (status = blocks_head(q, b, &found)) == OK && found) {
		b->at++;
		status = give(q, found->id, false);
	}
	return status;
}

static int in_any_order(struct case_query *q, struct blocks *b)
{
	sqlite3_stmt *s = prepare(q, "SELECT " EVENT_COLUMNS " WHERE id BETWEEN ? AND ?");
	int status = s ? OK : ERR_DATABASE;

	for (size_t i = 0; i < b->count && status == OK; i++) {
		sqlite3_bind_int64(s, 1, b->todo[i].first);
		sqlite3_bind_int64(s, 2, b->todo[i].last);
		while (status == OK && !full(q) && sqlite3_step(s) == SQLITE_ROW)
			status = give_row(q, s, true);
		if (sqlite3_reset(s) != SQLITE_OK && status == OK)
			status = fail(q);
	}
	sqlite3_finalize(s);
	return status;
}

static int answer(struct case_query *q)
{
	const struct case_filter *f = q->filter;
	bool indexed = has_index(q), any = false;
	struct blocks b = {0};
	int status;

	/* Times alone are the index's own matter. */
	if (indexed && !f->any_order && q->match.all_shapes && q->match.all_hosts &&
	    f->grep_count + f->field_count == 0)
		return by_index(q);
	/* What is fixed for all events of a shape may say that there is nothing. */
	for (size_t i = 0; i < q->shapes.count && !any; i++)
		any = q->shapes.items[i].wanted;
	if (!any || (!q->match.all_hosts && q->match.hosts.count == 0))
		return OK;
	if ((status = count_wanted(q)) == OK && (status = blocks_open(q, &b)) == OK)
		status = f->any_order ? in_any_order(q, &b) : by_blocks(q, &b, indexed);
	blocks_close(&b);
	return status;
}

static void free_cache(struct text_cache *c)
{
	for (size_t i = 0; c && i < 4096; i++) {
		free(c->slots[i].text);
		free(c->slots[i].more);
	}
	free(c);
}

int case_select(struct case_db *c, const struct case_filter *filter,
		int (*put)(void *data, struct case_event *e), void *data, struct problem *problem)
{
	struct case_query *q = xcalloc(1, sizeof(*q));
	bool outermost;
	int status;

	q->db = case_handle(c);
	q->filter = filter;
	q->put = put;
	q->data = data;
	q->problem = problem;
	/* One state of the case from the first look to the last. */
	outermost = sqlite3_get_autocommit(q->db) != 0;
	if (outermost && sqlite3_exec(q->db, "BEGIN", NULL, NULL, NULL) != SQLITE_OK) {
		status = fail(q);
		goto out;
	}
	if ((status = shape_list_load(q->db, &q->shapes)) < 0)
		status = status == ERR_FORMAT ? problem_set(problem, ERR_FORMAT, PROBLEM_NO_OFFSET,
							    "the case's shapes are damaged")
					      : fail(q);
	else if ((status = match_init(&q->match, filter, q->db, &q->shapes, problem)) == OK)
		status = filter->id ? give(q, filter->id, true) : answer(q);
out:
	sqlite3_finalize(q->by_id);
	sqlite3_finalize(q->host_name);
	sqlite3_finalize(q->user_name);
	sqlite3_finalize(q->artifact);
	if (outermost)
		(void)sqlite3_exec(q->db, "END", NULL, NULL, NULL);
	free_cache(q->host_texts);
	free_cache(q->user_texts);
	free_cache(q->artifact_texts);
	shape_list_release(&q->shapes);
	match_release(&q->match);
	buffer_release(&q->scratch.text);
	buffer_release(&q->scratch.spans.text);
	buffer_release(&q->spans.text);
	buffer_release(&q->text);
	free(q);
	return status;
}

/* ---- rendering ---- */

static struct view hole(struct case_event *e, int32_t number)
{
	return row_spans_hole(&e->query->spans, number, e->ts, e->host, e->values);
}

void case_event_fields(struct case_event *e, struct buffer *out)
{
	const struct known_shape *k = e->shape;

	if (k->broken)
		buffer_string(out, "{}");
	for (size_t i = 0; i < k->layout_count; i++) {
		const struct row_part *part = &k->layout[i];

		buffer_view(out, part->hole == ROW_NO_HOLE ? part->text : hole(e, part->hole));
	}
}

void case_event_message(struct case_event *e, struct buffer *out)
{
	const struct known_shape *k = e->shape;

	if (e->own_message.len) {
		buffer_view(out, e->own_message);
		return;
	}
	for (size_t i = 0; i < k->message_count; i++) {
		const struct row_part *part = &k->message[i];
		struct view v;

		if (part->hole == ROW_NO_HOLE) {
			buffer_view(out, part->text);
			continue;
		}
		v = hole(e, part->hole);
		if (v.len && v.data[0] == '"')
			row_unescape(out, v);
		else
			buffer_view(out, v);
	}
}

static void json_text(struct buffer *out, const char *key, const char *text)
{
	buffer_string(out, key);
	if (text)
		text_json_quoted(out, view_text(text));
	else
		buffer_string(out, "null");
}

void case_event_json(struct case_event *e, struct buffer *out)
{
	struct buffer *b = &e->query->text;

	buffer_string(out, "{\"id\":");
	buffer_signed(out, e->id);
	buffer_string(out, ",\"ts\":");
	if (e->ts == TIME_NONE) {
		buffer_string(out, "null");
	} else {
		buffer_char(out, '"');
		time_append(out, e->ts);
		buffer_char(out, '"');
	}
	json_text(out, ",\"ts_desc\":", e->ts_desc);
	json_text(out, ",\"kind\":", e->kind);
	buffer_string(out, ",\"message\":");
	b->len = 0;
	case_event_message(e, b);
	text_json_quoted(out, buffer_as_view(b));
	json_text(out, ",\"host\":", e->host);
	json_text(out, ",\"user\":", e->user);
	json_text(out, ",\"parser\":", e->parser);
	json_text(out, ",\"source\":", e->source);
	buffer_string(out, ",\"fields\":");
	case_event_fields(e, out);
	buffer_append(out, "}\n", 2);
}

bool case_event_field(struct case_event *e, const char *name, struct buffer *out)
{
	const struct known_shape *k = e->shape;

	for (size_t i = 0; i < k->member_count; i++) {
		struct view v = k->members[i].json;

		if (!view_is(k->members[i].name, name))
			continue;
		if (k->members[i].hole != ROW_NO_HOLE)
			v = hole(e, k->members[i].hole);
		if (v.len && v.data[0] == '"')
			row_unescape(out, v);
		else
			buffer_view(out, v);
		return true;
	}
	return false;
}

bool case_event_value(struct case_event *e, const char *name, struct buffer *out)
{
	const struct known_shape *k = e->shape;
	size_t count = 0, shown = 0;

	for (size_t i = 0; i < k->member_count; i++)
		count += view_is(k->members[i].name, name);
	for (size_t i = 0; i < k->member_count && shown < count; i++) {
		if (!view_is(k->members[i].name, name))
			continue;
		if (count > 1)
			buffer_char(out, shown ? ',' : '[');
		buffer_view(out, k->members[i].hole == ROW_NO_HOLE ? k->members[i].json
								   : hole(e, k->members[i].hole));
		shown++;
	}
	if (count > 1)
		buffer_char(out, ']');
	return count > 0;
}
