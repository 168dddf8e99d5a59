#include "timeline/case_internal.h"

#include <stdio.h>
#include <stdlib.h>

/* Entries that a cache of ids may hold; then it starts afresh. */
#define CACHE_ENTRIES 32768u
/* Below so many events an index is cheaper to build anew than to keep; and above that share of what
 * is there. */
#define REBUILD_EVENTS 200000
#define REBUILD_SHARE  4

/* ---- caches ---- */

uint64_t cache_hash(struct view v)
{
	uint64_t h = UINT64_C(0xcbf29ce484222325) ^ v.len;

	for (size_t i = 0; i < v.len; i++)
		h = (h ^ v.data[i]) * UINT64_C(0x100000001b3);
	return h ^ h >> 31;
}

struct entry *cache_get(struct cache *t, struct view key)
{
	uint64_t h = cache_hash(key);
	size_t mask = 2 * CACHE_ENTRIES - 1;

	if (!t->slots)
		t->slots = xcalloc(mask + 1, sizeof(*t->slots));
	for (size_t at = h & mask; t->slots[at].key.data; at = (at + 1) & mask)
		if (t->slots[at].hash == h && view_equal(t->slots[at].key, key))
			return &t->slots[at];
	return NULL;
}

struct entry *cache_put(struct cache *t, struct view key, int64_t id)
{
	static const uint8_t empty[1];
	uint64_t h = cache_hash(key);
	size_t mask = 2 * CACHE_ENTRIES - 1, at = h & mask;
	char *copy;

	if (t->count >= CACHE_ENTRIES || t->arena.used > (16u << 20)) {
		memset(t->slots, 0, (mask + 1) * sizeof(*t->slots));
		arena_reset(&t->arena);
		t->count = 0;
	}
	copy = arena_strndup(&t->arena, key.data, key.len);
	while (t->slots[at].key.data)
		at = (at + 1) & mask;
	t->slots[at] =
		(struct entry){.hash = h,
			       .key = view_of(copy ? (uint8_t *)copy : empty, copy ? key.len : 0),
			       .id = id};
	t->count++;
	return &t->slots[at];
}

void cache_release(struct cache *t)
{
	free(t->slots);
	arena_release(&t->arena);
}

void cache_clear(struct cache *t)
{
	cache_release(t);
	memset(t, 0, sizeof(*t));
}

/* The id of a text in a table of texts, made when it is not there. Negative: a status. */
int64_t case_text_id(struct case_db *c, struct cache *cache, enum statement find,
		     enum statement insert, struct view text)
{
	struct entry *known = cache_get(cache, text);
	sqlite3_stmt *s;
	int64_t id = 0;

	if (known)
		return known->id;
	if (!(s = case_statement(c, find)))
		return ERR_DATABASE;
	sqlite3_bind_text64(s, 1, (const char *)text.data, text.len, SQLITE_STATIC, SQLITE_UTF8);
	if (sqlite3_step(s) == SQLITE_ROW)
		id = sqlite3_column_int64(s, 0);
	sqlite3_reset(s);
	if (!id) {
		if (!(s = case_statement(c, insert)))
			return ERR_DATABASE;
		sqlite3_bind_text64(s, 1, (const char *)text.data, text.len, SQLITE_STATIC,
				    SQLITE_UTF8);
		if (case_done(c, s) < 0)
			return ERR_DATABASE;
		id = sqlite3_last_insert_rowid(c->db);
	}
	cache_put(cache, text, id);
	return id;
}

int64_t case_host_id(struct case_db *c, struct view name)
{
	return name.len ? case_text_id(c, &c->hosts, FIND_HOST, INSERT_HOST, name) : 0;
}

/* ---- tallies: what an artefact has of each shape and host ---- */

int case_write_tallies(struct case_db *c, struct loading *l)
{
	sqlite3_stmt *s = case_statement(c, UPSERT_ARTIFACT_SHAPE);

	if (!s)
		return ERR_DATABASE;
	for (size_t i = 0; l->tallies && i <= l->mask; i++) {
		const struct tally *t = &l->tallies[i];

		if (!t->used)
			continue;
		sqlite3_bind_int64(s, 1, l->id);
		sqlite3_bind_int64(s, 2, t->shape);
		sqlite3_bind_int64(s, 3, t->host);
		sqlite3_bind_int64(s, 4, (int64_t)t->events);
		sqlite3_bind_int64(s, 5, (int64_t)t->untimed);
		bind_time(s, 6, t->first);
		bind_time(s, 7, t->last);
		if (case_done(c, s) < 0)
			return ERR_DATABASE;
	}
	free(l->tallies);
	l->tallies = NULL;
	l->mask = l->count = 0;
	return OK;
}

static void widen(int64_t ts, int64_t *first, int64_t *last)
{
	if (ts == TIME_NONE)
		return;
	if (*first == TIME_NONE || ts < *first)
		*first = ts;
	if (*last == TIME_NONE || ts > *last)
		*last = ts;
}

static struct tally *tally_slot(struct tally *table, size_t mask, int64_t shape, int64_t host)
{
	size_t at = ((uint64_t)shape * 31 + (uint64_t)host * 1009) & mask;

	while (table[at].used && (table[at].shape != shape || table[at].host != host))
		at = (at + 1) & mask;
	return &table[at];
}

int case_add_tally(struct case_db *c, struct loading *l, const struct tally *add)
{
	struct tally *t;

	if (l->count > 65536 && l->id && case_write_tallies(c, l) < 0)
		return ERR_DATABASE;
	if (!l->tallies || l->count * 2 > l->mask) {
		size_t mask = l->tallies ? l->mask * 2 + 1 : 15;
		struct tally *bigger = xcalloc(mask + 1, sizeof(*bigger));

		for (size_t i = 0; l->tallies && i <= l->mask; i++)
			if (l->tallies[i].used)
				*tally_slot(bigger, mask, l->tallies[i].shape, l->tallies[i].host) =
					l->tallies[i];
		free(l->tallies);
		l->tallies = bigger;
		l->mask = mask;
	}
	t = tally_slot(l->tallies, l->mask, add->shape, add->host);
	if (!t->used) {
		*t = *add;
		t->used = true;
		l->count++;
		return OK;
	}
	t->events += add->events;
	t->untimed += add->untimed;
	widen(add->first, &t->first, &t->last);
	widen(add->last, &t->first, &t->last);
	return OK;
}

/* ---- loading ---- */

static int shape_id(struct case_db *c, const struct row_shape *shape, int64_t *id, uint32_t *values,
		    enum event_kind *kind)
{
	struct view hash = view_of(shape->hash, ROW_HASH);
	struct entry *known = cache_get(&c->shapes, hash);
	sqlite3_stmt *s;

	if (known) {
		*id = known->id;
		*values = known->values;
		*kind = known->kind;
		return OK;
	}
	if (!(s = case_statement(c, FIND_SHAPE)))
		return ERR_DATABASE;
	*id = 0;
	sqlite3_bind_blob(s, 1, shape->hash, ROW_HASH, SQLITE_STATIC);
	if (sqlite3_step(s) == SQLITE_ROW) {
		*id = sqlite3_column_int64(s, 0);
		*values = (uint32_t)sqlite3_column_int64(s, 1);
		*kind = event_kind_of(view_text((const char *)sqlite3_column_text(s, 2)));
	}
	sqlite3_reset(s);
	if (!*id) {
		if (!shape->defined)
			return ERR_FORMAT;
		if (!(s = case_statement(c, INSERT_SHAPE)))
			return ERR_DATABASE;
		sqlite3_bind_blob(s, 1, shape->hash, ROW_HASH, SQLITE_STATIC);
		bind_text(s, 2, event_kind_text((enum event_kind)shape->kind));
		sqlite3_bind_text64(s, 3,
				    shape->ts_desc.len ? (const char *)shape->ts_desc.data : "",
				    shape->ts_desc.len, SQLITE_STATIC, SQLITE_UTF8);
		bind_view(s, 4, shape->provider);
		bind_view(s, 5, shape->channel);
		if (shape->event_id >= 0)
			sqlite3_bind_int64(s, 6, shape->event_id);
		else
			sqlite3_bind_null(s, 6);
		sqlite3_bind_int64(s, 7, shape->flags);
		sqlite3_bind_int64(s, 8, shape->values);
		bind_view(s, 9, shape->names);
		bind_view(s, 10, shape->layout);
		bind_view(s, 11, shape->message);
		if (case_done(c, s) < 0)
			return ERR_DATABASE;
		*id = sqlite3_last_insert_rowid(c->db);
		*values = shape->values;
		*kind = (enum event_kind)shape->kind;
	}
	known = cache_put(&c->shapes, hash, *id);
	known->values = *values;
	known->kind = *kind;
	return OK;
}

static int count_row(struct case_db *c, int64_t shape, int64_t host, int64_t ts)
{
	struct tally *t = NULL;

	/* Few of them in a block, and mostly the one before. */
	for (size_t i = c->count_used; i-- > 0;) {
		if (c->counts[i].shape == shape && c->counts[i].host == host) {
			t = &c->counts[i];
			break;
		}
	}
	if (!t) {
		c->counts = xgrow(c->counts, &c->count_cap, c->count_used + 1, sizeof(*c->counts));
		t = &c->counts[c->count_used++];
		*t = (struct tally){
			.shape = shape, .host = host, .first = TIME_NONE, .last = TIME_NONE};
	}
	t->events++;
	t->untimed += ts == TIME_NONE;
	widen(ts, &t->first, &t->last);
	return OK;
}

static int insert_row(struct case_db *c, const struct loading *l, sqlite3_stmt *s,
		      const struct row *r)
{
	int64_t host = l->host, user = 0;

	if (r->host_index) {
		int64_t *known = &c->host_ids[r->host_index - 1];

		if (*known < 0 && (*known = case_host_id(c, r->host)) < 0)
			return ERR_DATABASE;
		host = *known ? *known : l->host;
	}
	if (r->user_index) {
		int64_t *known = &c->name_ids[r->user_index - 1];

		if (*known < 0 && (*known = r->user.len ? case_text_id(c, &c->names, FIND_NAME,
								       INSERT_NAME, r->user)
							: 0) < 0)
			return ERR_DATABASE;
		user = *known;
	}
	sqlite3_bind_int64(s, 1, c->next_event);
	bind_time(s, 2, r->ts);
	sqlite3_bind_int64(s, 3, c->shape_ids[r->shape]);
	bind_id(s, 4, host);
	bind_id(s, 6, user);
	/* A record number says where it is; without one the offset does. */
	bind_id(s, 7, (int64_t)r->record);
	if (r->record)
		sqlite3_bind_null(s, 8);
	else
		sqlite3_bind_int64(s, 8, (int64_t)r->offset);
	if (r->process >= 0)
		sqlite3_bind_int64(s, 9, r->process);
	else
		sqlite3_bind_null(s, 9);
	bind_view(s, 10, r->message);
	sqlite3_bind_text(s, 11, (const char *)r->values.data, (int)r->values.len, SQLITE_STATIC);
	if (sqlite3_step(s) != SQLITE_DONE) {
		(void)sqlite3_reset(s);
		return case_fail(c);
	}
	(void)sqlite3_reset(s);
	c->next_event++;
	return count_row(c, c->shape_ids[r->shape], host, r->ts);
}

/* Bulk: an index that would more than so much grow is dropped now and built again at the end. */
static int consider_index(struct case_db *c)
{
	if (!c->indexed ||
	    (c->events_before > REBUILD_EVENTS && c->events_new < c->events_before / REBUILD_SHARE))
		return OK;
	if (case_run(c, "DROP INDEX IF EXISTS event_ts") < 0)
		return ERR_DATABASE;
	c->indexed = false;
	return OK;
}

/* The worker's signature, and what only the case knows: kinds and hosts. */
static void sign_block(struct case_db *c, const struct loading *l)
{
	c->signature.len = 0;
	buffer_view(&c->signature, c->block.signature);
	for (uint32_t i = 0; i < c->block.shape_count; i++)
		signature_folded_add_term(&c->signature,
					  signature_kind(event_kind_text(c->shape_kinds[i])));
	for (size_t i = 0; i < c->count_used; i++) {
		signature_folded_add_term(&c->signature, signature_host(c->counts[i].host));
		if (c->counts[i].host == l->host && l->host)
			signature_folded_add(&c->signature, view_text(l->host_name));
	}
}

static int load_block(struct case_db *c, struct loading *l)
{
	struct row_block *b = &c->block;
	sqlite3_stmt *s = case_statement(c, INSERT_EVENT);
	int64_t first = c->next_event, ts_first = TIME_NONE, ts_last = TIME_NONE;
	struct row row;
	struct row_hit hit;
	uint32_t index;
	int status;

	if (!s)
		return ERR_DATABASE;
	if (b->shape_count > c->shape_cap) {
		c->shape_cap = b->shape_count;
		c->shape_ids = xrealloc(c->shape_ids, c->shape_cap * sizeof(*c->shape_ids));
		c->shape_values =
			xrealloc(c->shape_values, c->shape_cap * sizeof(*c->shape_values));
		c->shape_kinds = xrealloc(c->shape_kinds, c->shape_cap * sizeof(*c->shape_kinds));
	}
	if (b->string_count > c->string_cap) {
		c->string_cap = b->string_count;
		c->host_ids = xrealloc(c->host_ids, c->string_cap * sizeof(*c->host_ids));
		c->name_ids = xrealloc(c->name_ids, c->string_cap * sizeof(*c->name_ids));
	}
	for (uint32_t i = 0; i < b->shape_count; i++)
		if ((status = shape_id(c, &b->shapes[i], &c->shape_ids[i], &c->shape_values[i],
				       &c->shape_kinds[i])) < 0)
			return status;
	for (uint32_t i = 0; i < b->string_count; i++)
		c->host_ids[i] = c->name_ids[i] = -1;
	c->count_used = 0;
	sqlite3_bind_int64(s, 5, l->id);
	while ((status = row_block_next(b, c->shape_values, &row)) > 0)
		if ((status = insert_row(c, l, s, &row)) < 0)
			break;
	sqlite3_clear_bindings(s);
	while (status == 0 && (status = row_block_hit(b, &index, &hit)) > 0)
		status = case_add_hit(c, first + index, &hit);
	if (status < 0) { /* rows without a block would be found by nobody */
		char sql[200];

		(void)snprintf(
			sql, sizeof(sql),
			"DELETE FROM event WHERE id >= %lld; DELETE FROM detection WHERE event >="
			" %lld; DELETE FROM correlation_input WHERE event >= %lld",
			(long long)first, (long long)first, (long long)first);
		if (case_run(c, sql) < 0)
			return ERR_DATABASE;
		c->next_event = first;
		return status;
	}
	if (c->next_event == first)
		return OK;
	for (size_t i = 0; i < c->count_used; i++) {
		struct tally *t = &c->counts[i];

		widen(t->first, &ts_first, &ts_last);
		widen(t->last, &ts_first, &ts_last);
		if (case_add_tally(c, l, t) < 0)
			return ERR_DATABASE;
	}
	if (!(s = case_statement(c, INSERT_BLOCK)))
		return ERR_DATABASE;
	sqlite3_bind_int64(s, 1, first);
	sqlite3_bind_int64(s, 2, c->next_event - 1);
	sqlite3_bind_int64(s, 3, l->id);
	bind_time(s, 4, ts_first);
	bind_time(s, 5, ts_last);
	if (case_done(c, s) < 0 || !(s = case_statement(c, INSERT_SIGNATURE)))
		return ERR_DATABASE;
	sign_block(c, l);
	sqlite3_bind_int64(s, 1, first);
	sqlite3_bind_blob64(s, 2, c->signature.data, c->signature.len, SQLITE_STATIC);
	if (case_done(c, s) < 0)
		return ERR_DATABASE;
	block_rows_add(&c->signatures, b->signature.len);
	widen(ts_first, &l->first, &l->last);
	widen(ts_last, &l->first, &l->last);
	l->events += (uint64_t)(c->next_event - first);
	c->totals.events += (uint64_t)(c->next_event - first);
	c->events_new += (uint64_t)(c->next_event - first);
	return OK;
}

int case_load(struct case_db *c, int64_t artifact, struct view blocks)
{
	struct loading *l = case_loading_of(c, artifact);
	int status;

	if (!l)
		return ERR_USAGE;
	if (case_batch_begin(c) < 0 || consider_index(c) < 0)
		return ERR_DATABASE;
	c->batch_bytes += blocks.len;
	while ((status = row_block_open(&c->block, &blocks)) == OK)
		if ((status = load_block(c, l)) < 0)
			break;
	if (status == ERR_FORMAT)
		return problem_set(&c->problem, ERR_FORMAT, PROBLEM_NO_OFFSET,
				   "the parser's process sent nonsense");
	if (status != ERR_NOT_FOUND)
		return status;
	if (c->batch_bytes >= BATCH_BYTES) {
		/* What is counted of the artefacts under way is in memory, and goes with them. */
		return case_batch_commit(c);
	}
	return OK;
}
