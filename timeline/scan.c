#include "timeline/scan.h"

#include "base/status.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define THREADS_MAX 16u
#define SHARE_MIN   16u /* blocks for which another thread is worth its start */

struct scanner {
	struct scan *scan;
	sqlite3 *db; /* its own but for the first */
	sqlite3_stmt *read;
	struct match_scratch scratch;
	struct scan_hits hits;
	int status;
	pthread_t thread;
	bool started;
};

struct scan {
	sqlite3 *db;
	const struct match *match;
	const struct shape_list *shapes;
	unsigned threads;
	struct scanner scanners[THREADS_MAX];
	const struct block *blocks;
	size_t count;
	atomic_size_t next;
	char problem[200];
};

struct scan *scan_open(sqlite3 *db, const struct match *match, const struct shape_list *shapes)
{
	struct scan *s = xcalloc(1, sizeof(*s));
	long processors = sysconf(_SC_NPROCESSORS_ONLN);

	s->db = db;
	s->match = match;
	s->shapes = shapes;
	s->threads = processors < 1		? 1
		     : processors > THREADS_MAX ? THREADS_MAX
						: (unsigned)processors;
	/* What this connection wrote and has not committed nobody else sees. */
	if (sqlite3_db_readonly(db, "main") != 1)
		s->threads = 1;
	for (unsigned i = 0; i < THREADS_MAX; i++)
		s->scanners[i].scan = s;
	s->scanners[0].db = db;
	return s;
}

void scan_close(struct scan *s)
{
	if (!s)
		return;
	for (unsigned i = 0; i < THREADS_MAX; i++) {
		struct scanner *t = &s->scanners[i];

		sqlite3_finalize(t->read);
		if (i)
			sqlite3_close(t->db);
		buffer_release(&t->scratch.text);
		buffer_release(&t->scratch.spans.text);
		free(t->hits.items);
	}
	free(s);
}

const char *scan_problem(const struct scan *s)
{
	return s->problem;
}

static int prepare(struct scanner *t)
{
	const struct case_filter *filter = t->scan->match->filter;

	if (!t->db) {
		if (sqlite3_open_v2(sqlite3_db_filename(t->scan->db, "main"), &t->db,
				    SQLITE_OPEN_READONLY | SQLITE_OPEN_NOMUTEX, NULL) != SQLITE_OK)
			return ERR_DATABASE;
		sqlite3_db_config(t->db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
		sqlite3_busy_timeout(t->db, 60000);
		if (sqlite3_exec(t->db,
				 "PRAGMA cell_size_check = 1; PRAGMA mmap_size = 1099511627776;"
				 "PRAGMA query_only = 1",
				 NULL, NULL, NULL) != SQLITE_OK)
			return ERR_DATABASE;
	}
	return sqlite3_prepare_v2(
		       t->db,
		       filter->grep_count + filter->field_count
			       ? "SELECT shape, vals, message, id, ts, host, user FROM event"
				 " WHERE id BETWEEN ? AND ?"
			       : "SELECT shape, NULL, NULL, id, ts, host, NULL FROM event"
				 " WHERE id BETWEEN ? AND ?",
		       -1, &t->read, NULL) == SQLITE_OK
		       ? OK
		       : ERR_DATABASE;
}

static struct view text_column(sqlite3_stmt *s, int at)
{
	const void *p = sqlite3_column_text(s, at);

	return view_of(p, (size_t)sqlite3_column_bytes(s, at));
}

static int read_block(struct scanner *t, const struct block *b)
{
	const struct scan *scan = t->scan;
	const struct known_shape *k = NULL;
	int step;

	sqlite3_bind_int64(t->read, 1, b->first);
	sqlite3_bind_int64(t->read, 2, b->last);
	while ((step = sqlite3_step(t->read)) == SQLITE_ROW) {
		struct match_row row = {.shape = sqlite3_column_int64(t->read, 0)};

		if (!k || k->id != row.shape)
			k = shape_list_find(scan->shapes, row.shape);
		if (!k || !k->wanted)
			continue;
		row.ts = sqlite3_column_type(t->read, 4) == SQLITE_NULL
				 ? TIME_NONE
				 : sqlite3_column_int64(t->read, 4);
		row.host = sqlite3_column_int64(t->read, 5);
		if (k->look) {
			row.values = text_column(t->read, 1);
			row.message = text_column(t->read, 2);
			row.user = sqlite3_column_int64(t->read, 6);
		}
		if (!match_event(scan->match, &t->scratch, k, &row))
			continue;
		t->hits.items = xgrow(t->hits.items, &t->hits.cap, t->hits.count + 1,
				      sizeof(*t->hits.items));
		t->hits.items[t->hits.count++] =
			(struct scan_hit){row.ts, sqlite3_column_int64(t->read, 3)};
	}
	sqlite3_reset(t->read);
	return step == SQLITE_DONE ? OK : ERR_DATABASE;
}

static void *work(void *data)
{
	struct scanner *t = data;
	size_t i;

	t->hits.count = 0;
	t->status = t->read ? OK : prepare(t);
	while (t->status == OK && (i = atomic_fetch_add(&t->scan->next, 1)) < t->scan->count)
		t->status = read_block(t, &t->scan->blocks[i]);
	return NULL;
}

int scan_blocks(struct scan *s, const struct block *blocks, size_t count, struct scan_hits **hits,
		size_t *parts)
{
	static struct scan_hits all[THREADS_MAX];
	unsigned n = count / SHARE_MIN < s->threads ? (unsigned)(count / SHARE_MIN) : s->threads;
	int status = OK;

	s->blocks = blocks;
	s->count = count;
	atomic_store(&s->next, 0);
	for (unsigned i = 1; i < n; i++)
		s->scanners[i].started =
			pthread_create(&s->scanners[i].thread, NULL, work, &s->scanners[i]) == 0;
	(void)work(&s->scanners[0]);
	*parts = 0;
	for (unsigned i = 0; i < (n ? n : 1); i++) {
		struct scanner *t = &s->scanners[i];

		if (i && !t->started)
			continue;
		if (i)
			(void)pthread_join(t->thread, NULL);
		t->started = false;
		if (t->status < 0 && status == OK) {
			status = t->status;
			(void)snprintf(s->problem, sizeof(s->problem), "%s", sqlite3_errmsg(t->db));
		}
		all[(*parts)++] = t->hits;
	}
	*hits = all;
	return status;
}
