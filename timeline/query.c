#include "timeline/query.h"

#include "base/limits.h"
#include "base/text.h"
#include "timeline/row.h"
#include "timeline/signature.h"

#include <stdio.h>
#include <stdlib.h>

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

#define FILTERS 32 /* greps, and fields */
#define VALUES	(2 * LIMIT_EVENT_FIELDS)
/* Up to so many candidates, or this share of all, blocks are read and sorted; beyond it the index
 * is walked. */
#define SORT_EVENTS 100000u
#define SORT_SHARE  16
#define TEXT_EVENTS 16000000u /* what is found of them fits into 256 MiB */

/* How a filter stands to a shape. */
enum verdict { NEVER, LOOK, ALWAYS };

/* A field of a shape: either a fixed text or a hole. */
struct member {
	struct view name; /* unescaped */
	struct view json; /* the value, where it is fixed */
	int32_t hole;
};

struct known_shape {
	int64_t id;
	char *ts_desc, *kind, *provider, *channel;
	int64_t event_id;
	uint32_t values;
	struct view layout_json, message_json;
	bool wanted, parsed, broken;
	struct row_part *layout, *message;
	size_t layout_count, message_count;
	struct member *members;
	size_t member_count;
	uint8_t grep[FILTERS], field[FILTERS]; /* enum verdict */
};

struct block {
	int64_t first, last;
	bool wanted;
};

struct pattern {
	struct view text;	 /* lower case, as text */
	struct view escaped;	 /* lower case, as JSON holds it */
	const char *name, *glob; /* of fields */
	uint16_t bits[64];
	size_t bit_count;
};

struct found {
	int64_t ts, id;
};

struct text_cache {
	struct {
		int64_t id;
		char *text, *more;
	} slots[4096];
};

struct case_query {
	struct case_db *c;
	sqlite3 *db;
	const struct case_filter *filter;
	struct problem *problem;
	int (*put)(void *data, struct case_event *e);
	void *data;
	struct arena arena;

	struct known_shape *shapes; /* sorted by id */
	size_t shape_count;
	int64_t *hosts; /* wanted ones, sorted; 0 is none */
	size_t host_count;
	bool all_shapes, all_hosts;
	struct block *blocks;
	size_t block_count;
	uint64_t events, candidates;

	struct pattern greps[FILTERS], fields[FILTERS];
	sqlite3_stmt *by_id, *host_name, *user_name, *artifact;
	struct text_cache *host_texts, *user_texts, *artifact_texts;
	struct view spans[VALUES];
	int64_t span_count; /* of the event in work; -1: not split */
	struct buffer text, scratch;
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

static char *column_text(struct arena *a, sqlite3_stmt *s, int at)
{
	const void *p = sqlite3_column_text(s, at);

	return p ? arena_strndup(a, p, (size_t)sqlite3_column_bytes(s, at)) : NULL;
}

/* ---- finding text ---- */

size_t case_find_folded(struct view text, struct view lower)
{
	const uint8_t *p = text.data, *last;
	uint8_t a, upper;

	if (lower.len == 0)
		return 0;
	if (lower.len > text.len)
		return SIZE_MAX;
	last = text.data + (text.len - lower.len);
	a = lower.data[0];
	upper = a >= 'a' && a <= 'z' ? (uint8_t)(a - 32) : a;
#if defined(__SSE2__)
	{
		const __m128i va = _mm_set1_epi8((char)a), vb = _mm_set1_epi8((char)upper);

		while (last - p >= 16) { /* so 16 bytes may be read */
			__m128i v = _mm_loadu_si128((const __m128i *)(const void *)p);
			unsigned mask = (unsigned)_mm_movemask_epi8(
				_mm_or_si128(_mm_cmpeq_epi8(v, va), _mm_cmpeq_epi8(v, vb)));

			while (mask) {
				const uint8_t *at = p + __builtin_ctz(mask);
				size_t i = 1;

				while (i < lower.len && signature_fold[at[i]] == lower.data[i])
					i++;
				if (i == lower.len)
					return (size_t)(at - text.data);
				mask &= mask - 1;
			}
			p += 16;
		}
	}
#endif
	for (; p <= last; p++) {
		size_t i = 0;

		while (i < lower.len && signature_fold[p[i]] == lower.data[i])
			i++;
		if (i == lower.len)
			return (size_t)(p - text.data);
	}
	return SIZE_MAX;
}

static struct view folded(struct arena *a, struct view v)
{
	char *copy = arena_strndup(a, v.data, v.len);

	if (copy)
		text_lower(copy, v.len);
	return view_of(copy, copy ? v.len : 0);
}

/* True when one of the text's values (a JSON array) holds the pattern. */
static bool values_hold(struct view json, const struct pattern *p)
{
	size_t from = 0;

	for (;;) {
		size_t at = case_find_folded(view_from(json, from), p->escaped), slashes = 0;

		if (at == SIZE_MAX)
			return false;
		at += from;
		/* Not from the middle of an escape; and not over the edge of a value. */
		while (slashes < at && json.data[at - 1 - slashes] == '\\')
			slashes++;
		if (slashes % 2 == 0) {
			bool outside = false;

			for (size_t i = 0; i < p->escaped.len && !outside; i++)
				outside = strchr(",[]:{}", p->escaped.data[i]) != NULL &&
					  p->escaped.data[i];
			if (!outside)
				return true;
			/* Punctuation: it has to stand inside of a string. */
			bool quoted = false;

			for (size_t i = 0; i < at; i++) {
				if (json.data[i] == '\\')
					i++;
				else if (json.data[i] == '"')
					quoted = !quoted;
			}
			if (quoted)
				return true;
		}
		from = at + 1;
	}
}

/* ---- shapes ---- */

static const uint8_t *past_string(const uint8_t *p, const uint8_t *end)
{
	for (p++; p < end && *p != '"'; p++)
		if (*p == '\\')
			p++;
	return p < end ? p + 1 : end;
}

/* Takes the layout apart into names and values. A hole within is written as byte 1, its number,
 * byte 1. */
static void read_members(struct case_query *q, struct known_shape *s)
{
	struct buffer b = {0};
	struct arena *a = &q->arena;
	size_t cap = 0;
	struct member *list = NULL;
	char *text;
	const uint8_t *p, *end;

	for (size_t i = 0; i < s->layout_count; i++) {
		if (s->layout[i].hole == ROW_NO_HOLE)
			buffer_view(&b, s->layout[i].text);
		else
			buffer_printf(&b, "\001%d\001", s->layout[i].hole);
	}
	text = arena_strndup(a, b.data, b.len);
	p = (const uint8_t *)text;
	end = p ? p + b.len : p;
	if (p < end && *p == '{')
		p++;
	while (p && p < end && *p == '"') {
		const uint8_t *name = p, *value;
		struct view unescaped;
		unsigned depth = 0;

		p = past_string(p, end);
		b.len = 0;
		row_unescape(&b, view_of(name, (size_t)(p - name)));
		unescaped = view_of(arena_strndup(a, b.data, b.len), b.len);
		if (p < end)
			p++; /* : */
		/* One value, or the values of an array, each a member of that name. */
		for (value = p; p < end;) {
			if (*p == '"') {
				p = past_string(p, end);
				continue;
			}
			if (*p == '[' || *p == '{') {
				depth++;
				p++;
				if (depth == 1)
					value = p;
				continue;
			}
			if ((*p == ',' && depth <= 1) || ((*p == ']' || *p == '}') && depth <= 1)) {
				bool ends = depth == 0 || *p != ',';

				if (p > value) {
					list = xgrow(list, &cap, s->member_count + 1,
						     sizeof(*list));
					list[s->member_count++] = (struct member){
						.name = unescaped,
						.json = view_of(value, (size_t)(p - value)),
						/* a number that row_layout wrote. NOLINTNEXTLINE(cert-err34-c) */
						.hole = *value == 1 ? atoi((const char *)value + 1)
								    : ROW_NO_HOLE};
				}
				if (depth == 1 && ends)
					p++;
				if (ends)
					break;
				value = ++p;
				continue;
			}
			if (*p == ']' || *p == '}')
				depth--;
			p++;
		}
		if (p < end && *p == ',')
			p++;
	}
	s->members = arena_alloc(a, s->member_count * sizeof(*list) + 1);
	if (s->members && s->member_count)
		memcpy(s->members, list, s->member_count * sizeof(*list));
	else
		s->member_count = 0;
	free(list);
	buffer_release(&b);
}

static void parse_shape(struct case_query *q, struct known_shape *s)
{
	if (s->parsed)
		return;
	s->parsed = true;
	s->broken =
		!row_layout(&q->arena, s->layout_json, s->values, &s->layout, &s->layout_count) ||
		(s->message_json.len && !row_layout(&q->arena, s->message_json, s->values,
						    &s->message, &s->message_count));
	if (s->broken)
		s->layout_count = s->message_count = 0;
	else
		read_members(q, s);
}

static int by_id(const void *x, const void *y)
{
	int64_t a = *(const int64_t *)x, b = *(const int64_t *)y;

	return a < b ? -1 : a > b;
}

static struct known_shape *shape_of(struct case_query *q, int64_t id)
{
	return q->shape_count ? bsearch(&id, q->shapes, q->shape_count, sizeof(*q->shapes), by_id)
			      : NULL; /* id comes first */
}

static bool json_matches(struct case_query *q, struct view json, const char *glob)
{
	if (json.len && json.data[0] == '"') {
		q->scratch.len = 0;
		row_unescape(&q->scratch, json);
		return view_glob(buffer_as_view(&q->scratch), glob);
	}
	if (json.len && json.data[0] == '[') {
		struct view items[256];
		int64_t n = row_values(json, items, 256);

		for (int64_t i = 0; i < n && i < 256; i++)
			if (items[i].data[0] != '[' && json_matches(q, items[i], glob))
				return true;
	}
	return view_glob(json, glob);
}

/* What the filters say of all events of a shape. */
static void judge_shape(struct case_query *q, struct known_shape *s)
{
	const struct case_filter *f = q->filter;

	if (f->kind_count) {
		bool any = false;

		for (size_t i = 0; i < f->kind_count; i++)
			any = any || strcmp(s->kind, f->kinds[i]) == 0;
		if (!any)
			return;
	}
	s->wanted = true;
	if (f->grep_count + f->field_count == 0)
		return;
	parse_shape(q, s);
	for (size_t g = 0; g < f->grep_count; g++) {
		const struct pattern *p = &q->greps[g];

		s->grep[g] = LOOK;
		for (size_t i = 0; i < s->member_count && s->grep[g] == LOOK; i++) {
			struct view json = s->members[i].json;

			if (s->members[i].hole == ROW_NO_HOLE &&
			    case_find_folded(json, p->escaped) != SIZE_MAX) {
				q->scratch.len = 0;
				if (json.data[0] == '"')
					row_unescape(&q->scratch, json);
				else
					buffer_view(&q->scratch, json);
				if (case_find_folded(buffer_as_view(&q->scratch), p->text) !=
				    SIZE_MAX)
					s->grep[g] = ALWAYS;
			}
		}
		for (size_t i = 0; i < s->message_count && s->grep[g] == LOOK; i++)
			if (s->message[i].hole == ROW_NO_HOLE &&
			    case_find_folded(s->message[i].text, p->text) != SIZE_MAX)
				s->grep[g] = ALWAYS;
	}
	for (size_t k = 0; k < f->field_count; k++) {
		const struct pattern *p = &q->fields[k];

		s->field[k] = NEVER;
		for (size_t i = 0; i < s->member_count && s->field[k] != ALWAYS; i++) {
			if (!view_is(s->members[i].name, p->name))
				continue;
			if (s->members[i].hole != ROW_NO_HOLE)
				s->field[k] = LOOK;
			else if (json_matches(q, s->members[i].json, p->glob))
				s->field[k] = ALWAYS;
		}
		if (s->field[k] == NEVER)
			s->wanted = false;
	}
}

static int load_shapes(struct case_query *q)
{
	sqlite3_stmt *s = prepare(q,
				  "SELECT id, ts_desc, kind, provider, channel, event_id, vals, "
				  "layout, message FROM shape ORDER BY id");
	size_t cap = 0;
	int step;

	if (!s)
		return ERR_DATABASE;
	q->all_shapes = true;
	while ((step = sqlite3_step(s)) == SQLITE_ROW) {
		struct known_shape *k;
		char *text;

		q->shapes = xgrow(q->shapes, &cap, q->shape_count + 1, sizeof(*q->shapes));
		k = &q->shapes[q->shape_count++];
		memset(k, 0, sizeof(*k));
		k->id = sqlite3_column_int64(s, 0);
		k->ts_desc = column_text(&q->arena, s, 1);
		k->kind = column_text(&q->arena, s, 2);
		k->provider = column_text(&q->arena, s, 3);
		k->channel = column_text(&q->arena, s, 4);
		k->event_id =
			sqlite3_column_type(s, 5) == SQLITE_NULL ? -1 : sqlite3_column_int64(s, 5);
		k->values = (uint32_t)sqlite3_column_int64(s, 6);
		k->values = k->values > VALUES ? VALUES : k->values;
		text = column_text(&q->arena, s, 7);
		k->layout_json = view_text(text);
		text = column_text(&q->arena, s, 8);
		k->message_json = view_text(text);
		if (!k->kind || !k->ts_desc) {
			sqlite3_finalize(s);
			return problem_set(q->problem, ERR_FORMAT, PROBLEM_NO_OFFSET,
					   "the case's shapes are damaged");
		}
		judge_shape(q, k);
		q->all_shapes = q->all_shapes && k->wanted;
	}
	sqlite3_finalize(s);
	return step == SQLITE_DONE ? OK : fail(q);
}

static int load_hosts(struct case_query *q)
{
	sqlite3_stmt *s;
	size_t cap = 0;
	int step;

	q->all_hosts = q->filter->host_count == 0;
	if (q->all_hosts)
		return OK;
	if (!(s = prepare(q, "SELECT id, name FROM host ORDER BY id")))
		return ERR_DATABASE;
	while ((step = sqlite3_step(s)) == SQLITE_ROW) {
		struct view name =
			view_of(sqlite3_column_text(s, 1), (size_t)sqlite3_column_bytes(s, 1));

		for (size_t i = 0; i < q->filter->host_count; i++) {
			if (view_glob(name, q->filter->hosts[i])) {
				q->hosts =
					xgrow(q->hosts, &cap, q->host_count + 1, sizeof(*q->hosts));
				q->hosts[q->host_count++] = sqlite3_column_int64(s, 0);
				break;
			}
		}
	}
	sqlite3_finalize(s);
	return step == SQLITE_DONE ? OK : fail(q);
}

static bool wanted_host(const struct case_query *q, int64_t id)
{
	return q->all_hosts ||
	       (q->host_count && bsearch(&id, q->hosts, q->host_count, sizeof(*q->hosts), by_id));
}

/* ---- blocks ---- */

static struct block *block_of(struct case_query *q, int64_t event)
{
	size_t lo = 0, hi = q->block_count;

	while (lo < hi) {
		size_t mid = (lo + hi) / 2;

		if (q->blocks[mid].first <= event)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo && q->blocks[lo - 1].last >= event ? &q->blocks[lo - 1] : NULL;
}

static int load_blocks(struct case_query *q)
{
	const struct case_filter *f = q->filter;
	bool timed = f->since != TIME_NONE || f->until != TIME_NONE;
	sqlite3_stmt *s =
		prepare(q, "SELECT first, last, ts_first, ts_last FROM block ORDER BY first");
	size_t cap = 0;
	int step;

	if (!s)
		return ERR_DATABASE;
	while ((step = sqlite3_step(s)) == SQLITE_ROW) {
		struct block b = {.first = sqlite3_column_int64(s, 0),
				  .last = sqlite3_column_int64(s, 1),
				  .wanted = true};

		q->events += (uint64_t)(b.last - b.first) + 1;
		if (timed)
			b.wanted =
				sqlite3_column_type(s, 2) != SQLITE_NULL &&
				(f->until == TIME_NONE || sqlite3_column_int64(s, 2) <= f->until) &&
				(f->since == TIME_NONE || sqlite3_column_int64(s, 3) >= f->since);
		q->blocks = xgrow(q->blocks, &cap, q->block_count + 1, sizeof(*q->blocks));
		q->blocks[q->block_count++] = b;
	}
	sqlite3_finalize(s);
	return step == SQLITE_DONE ? OK : fail(q);
}

/*
 * Leaves of the wanted blocks those with a wanted shape on a wanted host. What is frequent is not
 * worth it: it is in most blocks, and the index by time has shape and host.
 */
static int blocks_by_shape(struct case_query *q)
{
	sqlite3_stmt *pairs, *s = NULL;
	uint64_t few = q->events / SORT_SHARE > SORT_EVENTS ? q->events / SORT_SHARE : SORT_EVENTS,
		 expected = 0;
	bool text = q->filter->grep_count + q->filter->field_count > 0;
	struct {
		int64_t shape, host;
	} *wanted = NULL;
	size_t cap = 0, count = 0;
	uint8_t *keep = NULL;
	int step, status = ERR_DATABASE;

	if (q->all_shapes && q->all_hosts)
		return OK;
	if (!(pairs = prepare(
		      q,
		      "SELECT shape, host, sum(events) FROM artifact_shape GROUP BY shape, host")))
		return ERR_DATABASE;
	while ((step = sqlite3_step(pairs)) == SQLITE_ROW) {
		struct known_shape *k = shape_of(q, sqlite3_column_int64(pairs, 0));
		int64_t host = sqlite3_column_int64(pairs, 1);

		if (!k || !k->wanted || !wanted_host(q, host))
			continue;
		wanted = xgrow(wanted, &cap, count + 1, sizeof(*wanted));
		wanted[count].shape = k->id;
		wanted[count++].host = host;
		expected += (uint64_t)sqlite3_column_int64(pairs, 2);
	}
	if (step != SQLITE_DONE)
		goto out;
	if (expected > few && !(text && expected < q->events / 2)) {
		status = OK;
		goto out;
	}
	keep = xcalloc(q->block_count + 1, 1);
	if (!(s = prepare(q, "SELECT block FROM block_shape WHERE shape = ? AND host = ?")))
		goto out;
	for (size_t i = 0; i < count; i++) {
		sqlite3_bind_int64(s, 1, wanted[i].shape);
		sqlite3_bind_int64(s, 2, wanted[i].host);
		while ((step = sqlite3_step(s)) == SQLITE_ROW) {
			struct block *b = block_of(q, sqlite3_column_int64(s, 0));

			if (b)
				keep[b - q->blocks] = 1;
		}
		if (step != SQLITE_DONE)
			goto out;
		sqlite3_reset(s);
	}
	for (size_t i = 0; i < q->block_count; i++)
		q->blocks[i].wanted = q->blocks[i].wanted && keep[i];
	status = OK;
out:
	if (status < 0)
		(void)fail(q);
	sqlite3_finalize(pairs);
	sqlite3_finalize(s);
	free(wanted);
	free(keep);
	return status;
}

/* For one text filter: the blocks that hold a shape which always matches need no signature. */
static int blocks_by_text(struct case_query *q, const struct pattern *p, bool grep, size_t number)
{
	sqlite3_stmt *s;
	uint8_t *always;
	size_t left = 0;
	int step = SQLITE_DONE;
	bool look = false;

	for (size_t i = 0; i < q->shape_count; i++)
		look = look ||
		       (q->shapes[i].wanted &&
			(grep ? q->shapes[i].grep[number] : q->shapes[i].field[number]) != ALWAYS);
	if (p->bit_count == 0 || !look)
		return OK;
	always = xcalloc(q->block_count + 1, 1);
	if (!(s = prepare(q, "SELECT block FROM block_shape WHERE shape = ?")))
		goto out;
	for (size_t i = 0; i < q->shape_count; i++) {
		const struct known_shape *k = &q->shapes[i];

		if (!k->wanted || (grep ? k->grep[number] : k->field[number]) != ALWAYS)
			continue;
		sqlite3_bind_int64(s, 1, k->id);
		while ((step = sqlite3_step(s)) == SQLITE_ROW) {
			struct block *b = block_of(q, sqlite3_column_int64(s, 0));

			if (b)
				always[b - q->blocks] = 1;
		}
		if (step != SQLITE_DONE)
			goto out;
		sqlite3_reset(s);
	}
	sqlite3_finalize(s);
	for (size_t i = 0; i < q->block_count; i++)
		left += q->blocks[i].wanted && !always[i];
	s = prepare(q, left < q->block_count / 8
			       ? "SELECT block, bits FROM signature WHERE block = ?"
			       : "SELECT block, bits FROM signature ORDER BY block");
	if (!s)
		goto out;
	if (left < q->block_count / 8) {
		step = SQLITE_DONE;
		for (size_t i = 0; i < q->block_count && step == SQLITE_DONE; i++) {
			if (!q->blocks[i].wanted || always[i])
				continue;
			sqlite3_bind_int64(s, 1, q->blocks[i].first);
			if ((step = sqlite3_step(s)) == SQLITE_ROW) {
				const void *bits = sqlite3_column_blob(s, 1);

				q->blocks[i].wanted = signature_may(
					view_of(bits, (size_t)sqlite3_column_bytes(s, 1)), p->bits,
					p->bit_count);
				step = SQLITE_DONE;
			}
			sqlite3_reset(s);
		}
		goto out;
	}
	for (size_t at = 0; (step = sqlite3_step(s)) == SQLITE_ROW;) {
		int64_t id = sqlite3_column_int64(s, 0);

		while (at < q->block_count && q->blocks[at].first < id)
			at++;
		if (at == q->block_count || q->blocks[at].first != id || !q->blocks[at].wanted ||
		    always[at])
			continue;
		const void *bits = sqlite3_column_blob(s, 1);

		q->blocks[at].wanted = signature_may(
			view_of(bits, (size_t)sqlite3_column_bytes(s, 1)), p->bits, p->bit_count);
	}
out:
	free(always);
	if (!s || step != SQLITE_DONE) {
		sqlite3_finalize(s);
		return fail(q);
	}
	sqlite3_finalize(s);
	return OK;
}

static int choose_blocks(struct case_query *q)
{
	int status;

	if ((status = load_blocks(q)) < 0 || (status = blocks_by_shape(q)) < 0)
		return status;
	for (size_t i = 0; i < q->filter->grep_count; i++)
		if ((status = blocks_by_text(q, &q->greps[i], true, i)) < 0)
			return status;
	for (size_t i = 0; i < q->filter->field_count; i++)
		if ((status = blocks_by_text(q, &q->fields[i], false, i)) < 0)
			return status;
	for (size_t i = 0; i < q->block_count; i++)
		if (q->blocks[i].wanted)
			q->candidates += (uint64_t)(q->blocks[i].last - q->blocks[i].first) + 1;
	return OK;
}

/* ---- events ---- */

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

#define EVENT_COLUMNS "id, ts, shape, host, user, artifact, record, offset, process, message, vals"

static void split(struct case_query *q, struct view values)
{
	if (q->span_count < 0) {
		q->span_count = row_values(values, q->spans, VALUES);
		if (q->span_count < 0 || q->span_count > VALUES)
			q->span_count = 0;
	}
}

static int64_t integer(sqlite3_stmt *s, int at)
{
	return sqlite3_column_type(s, at) == SQLITE_NULL ? -1 : sqlite3_column_int64(s, at);
}

/* Text of a hole in the row, as JSON; the result lives in q->text or in the row. */
static struct view hole_json(struct case_query *q, int32_t hole, int64_t ts, const char *host,
			     struct view values)
{
	if (hole >= 0) {
		split(q, values);
		return hole < q->span_count ? q->spans[hole] : VIEW_EMPTY;
	}
	q->text.len = 0;
	if (hole == ROW_TIME) {
		struct civil c = time_to_civil(ts);

		buffer_printf(&q->text, "\"%04lld-%02u-%02uT%02u:%02u:%02u.%06uZ\"",
			      (long long)c.year, c.month, c.day, c.hour, c.minute, c.second,
			      c.nanosecond / 1000);
	} else if (host) {
		text_json_quoted(&q->text, view_text(host));
	} else {
		buffer_string(&q->text, "null");
	}
	return buffer_as_view(&q->text);
}

/* True when the row in s passes all text filters. */
static bool row_passes(struct case_query *q, sqlite3_stmt *s)
{
	const struct case_filter *f = q->filter;
	struct known_shape *k = shape_of(q, sqlite3_column_int64(s, 2));
	int64_t host = sqlite3_column_int64(s, 3), ts;
	struct view values, message;

	if (!k || !k->wanted || !wanted_host(q, host))
		return false;
	ts = sqlite3_column_type(s, 1) == SQLITE_NULL ? TIME_NONE : sqlite3_column_int64(s, 1);
	if ((f->since != TIME_NONE && (ts == TIME_NONE || ts < f->since)) ||
	    (f->until != TIME_NONE && (ts == TIME_NONE || ts > f->until)))
		return false;
	if (f->grep_count + f->field_count == 0)
		return true;
	values = view_of(sqlite3_column_text(s, 10), (size_t)sqlite3_column_bytes(s, 10));
	q->span_count = -1;
	for (size_t i = 0; i < f->field_count; i++) {
		bool hit = k->field[i] == ALWAYS;

		for (size_t m = 0; m < k->member_count && !hit; m++)
			if (k->members[m].hole != ROW_NO_HOLE &&
			    view_is(k->members[m].name, q->fields[i].name))
				hit = json_matches(q,
						   hole_json(q, k->members[m].hole, ts,
							     host_name(q, host), values),
						   q->fields[i].glob);
		if (!hit)
			return false;
	}
	for (size_t i = 0; i < f->grep_count; i++) {
		const struct pattern *p = &q->greps[i];

		if (k->grep[i] == ALWAYS || values_hold(values, p))
			continue;
		message = view_of(sqlite3_column_text(s, 9), (size_t)sqlite3_column_bytes(s, 9));
		if (message.len && case_find_folded(message, p->text) != SIZE_MAX)
			continue;
		if (case_find_folded(view_text(user_name(q, sqlite3_column_int64(s, 4))),
				     p->text) != SIZE_MAX ||
		    case_find_folded(view_text(host_name(q, host)), p->text) != SIZE_MAX)
			continue;
		return false;
	}
	return true;
}

static int give(struct case_query *q, sqlite3_stmt *s)
{
	struct known_shape *k = shape_of(q, sqlite3_column_int64(s, 2));
	struct case_event e = {.query = q, .shape = k};

	if (!k)
		return OK;
	parse_shape(q, k);
	e.id = sqlite3_column_int64(s, 0);
	e.ts = sqlite3_column_type(s, 1) == SQLITE_NULL ? TIME_NONE : sqlite3_column_int64(s, 1);
	e.ts_desc = k->ts_desc;
	e.kind = k->kind;
	e.provider = k->provider;
	e.channel = k->channel;
	e.event_id = k->event_id;
	e.host = host_name(q, sqlite3_column_int64(s, 3));
	e.user = user_name(q, sqlite3_column_int64(s, 4));
	e.artifact = sqlite3_column_int64(s, 5);
	e.source = lookup(q, &q->artifact_texts, &q->artifact,
			  "SELECT path, parser FROM artifact WHERE id = ?", e.artifact, &e.parser);
	e.record = integer(s, 6);
	e.offset = integer(s, 7);
	e.process = integer(s, 8);
	e.own_message = view_of(sqlite3_column_text(s, 9), (size_t)sqlite3_column_bytes(s, 9));
	e.values = view_of(sqlite3_column_text(s, 10), (size_t)sqlite3_column_bytes(s, 10));
	q->span_count = -1;
	q->given++;
	return q->put(q->data, &e);
}

static bool full(const struct case_query *q)
{
	return q->filter->limit && q->given >= q->filter->limit;
}

/* The event of that id, checked again when `check`. */
static int give_id(struct case_query *q, int64_t id, bool check)
{
	int status = OK, step;

	if (!q->by_id &&
	    !(q->by_id = prepare(q, "SELECT " EVENT_COLUMNS " FROM event WHERE id = ?")))
		return ERR_DATABASE;
	sqlite3_bind_int64(q->by_id, 1, id);
	step = sqlite3_step(q->by_id);
	if (step == SQLITE_ROW && (!check || row_passes(q, q->by_id)))
		status = give(q, q->by_id);
	if (sqlite3_reset(q->by_id) != SQLITE_OK && status == OK)
		return fail(q);
	return status;
}

static int by_time(const void *x, const void *y)
{
	const struct found *a = x, *b = y;

	if (a->ts != b->ts) {
		if (a->ts == TIME_NONE || b->ts == TIME_NONE) /* without a time: last */
			return a->ts == TIME_NONE ? 1 : -1;
		return a->ts < b->ts ? -1 : 1;
	}
	return a->id < b->id ? -1 : a->id > b->id;
}

static int read_blocks(struct case_query *q)
{
	bool text = q->filter->grep_count + q->filter->field_count > 0;
	sqlite3_stmt *s =
		prepare(q, text ? "SELECT " EVENT_COLUMNS " FROM event WHERE id BETWEEN ? AND ?"
				: "SELECT id, ts, shape, host FROM event WHERE id BETWEEN ? AND ?");
	struct found *found = NULL;
	size_t cap = 0, count = 0;
	int status = OK, step = SQLITE_DONE;

	for (size_t i = 0; s && i < q->block_count && step == SQLITE_DONE; i++) {
		if (!q->blocks[i].wanted)
			continue;
		sqlite3_bind_int64(s, 1, q->blocks[i].first);
		sqlite3_bind_int64(s, 2, q->blocks[i].last);
		while ((step = sqlite3_step(s)) == SQLITE_ROW) {
			if (!row_passes(q, s))
				continue;
			found = xgrow(found, &cap, count + 1, sizeof(*found));
			found[count++] = (struct found){sqlite3_column_type(s, 1) == SQLITE_NULL
								? TIME_NONE
								: sqlite3_column_int64(s, 1),
							sqlite3_column_int64(s, 0)};
		}
		sqlite3_reset(s);
	}
	if (!s || step != SQLITE_DONE)
		status = fail(q);
	sqlite3_finalize(s);
	if (count)
		qsort(found, count, sizeof(*found), by_time);
	for (size_t i = 0; i < count && status == OK && !full(q); i++)
		status = give_id(q, found[i].id, false);
	free(found);
	return status;
}

/* Events of one time, in the order of their ids. */
static int flush_equal(struct case_query *q, struct found *equal, size_t *count)
{
	int status = OK;

	if (*count > 1)
		qsort(equal, *count, sizeof(*equal), by_time);
	for (size_t i = 0; i < *count && status == OK && !full(q); i++)
		status = give_id(q, equal[i].id, true);
	*count = 0;
	return status;
}

static int walk_index(struct case_query *q, bool timed)
{
	const struct case_filter *f = q->filter;
	sqlite3_stmt *s = prepare(
		q, timed ? "SELECT ts, host, shape, id FROM event WHERE ts >= ? AND ts <= ? ORDER "
			   "BY ts"
			 : "SELECT ts, host, shape, id FROM event WHERE ts IS NULL ORDER BY id");
	struct found *equal = NULL;
	size_t cap = 0, count = 0;
	int status = OK, step = SQLITE_DONE;
	bool all_blocks = q->candidates == q->events;

	if (!s)
		return ERR_DATABASE;
	if (timed) {
		sqlite3_bind_int64(s, 1, f->since == TIME_NONE ? INT64_MIN : f->since);
		sqlite3_bind_int64(s, 2, f->until == TIME_NONE ? INT64_MAX : f->until);
	}
	while (status == OK && !full(q) && (step = sqlite3_step(s)) == SQLITE_ROW) {
		int64_t ts = timed ? sqlite3_column_int64(s, 0) : TIME_NONE,
			id = sqlite3_column_int64(s, 3);
		struct known_shape *k;

		if (count && equal[0].ts != ts)
			status = flush_equal(q, equal, &count);
		if (!q->all_hosts && !wanted_host(q, sqlite3_column_int64(s, 1)))
			continue;
		if (!q->all_shapes &&
		    (!(k = shape_of(q, sqlite3_column_int64(s, 2))) || !k->wanted))
			continue;
		if (!all_blocks) {
			struct block *b = block_of(q, id);

			if (!b || !b->wanted)
				continue;
		}
		if (!timed) { /* in order already */
			if (status == OK)
				status = give_id(q, id, true);
			continue;
		}
		equal = xgrow(equal, &cap, count + 1, sizeof(*equal));
		equal[count++] = (struct found){ts, id};
	}
	if (status == OK && !full(q)) {
		if (step != SQLITE_DONE)
			status = fail(q);
		else
			status = flush_equal(q, equal, &count);
	}
	sqlite3_finalize(s);
	free(equal);
	return status;
}

/* ---- patterns ---- */

static void read_pattern(struct case_query *q, struct pattern *p, struct view text)
{
	struct buffer b = {0};

	p->text = folded(&q->arena, text);
	text_json(&b, text);
	p->escaped = folded(&q->arena, buffer_as_view(&b));
	p->bit_count = signature_need(p->escaped, p->bits, sizeof(p->bits) / sizeof(p->bits[0]));
	buffer_release(&b);
}

static int read_filters(struct case_query *q)
{
	const struct case_filter *f = q->filter;

	if (f->grep_count > FILTERS || f->field_count > FILTERS)
		return problem_set(q->problem, ERR_USAGE, PROBLEM_NO_OFFSET, "more than %d filters",
				   FILTERS);
	for (size_t i = 0; i < f->kind_count; i++)
		if (event_kind_of(view_text(f->kinds[i])) == KIND_COUNT)
			return problem_set(q->problem, ERR_USAGE, PROBLEM_NO_OFFSET,
					   "no such kind: %s", f->kinds[i]);
	for (size_t i = 0; i < f->grep_count; i++)
		read_pattern(q, &q->greps[i], view_text(f->greps[i]));
	for (size_t i = 0; i < f->field_count; i++) {
		const char *equals = strchr(f->fields[i], '='), *run;
		struct pattern *p = &q->fields[i];

		if (!equals || equals == f->fields[i])
			return problem_set(q->problem, ERR_USAGE, PROBLEM_NO_OFFSET,
					   "not NAME=VALUE: %s", f->fields[i]);
		p->name = arena_strndup(&q->arena, f->fields[i], (size_t)(equals - f->fields[i]));
		if (!p->name)
			return ERR_MEMORY;
		p->glob = equals + 1;
		/* The time and the host are not among the values: they have no trigrams of theirs.
		 */
		if (strcmp(p->name, "TimeCreated_SystemTime") == 0)
			continue;
		for (run = p->glob; *run;) {
			size_t n = strcspn(run, "*?");
			struct pattern part;

			memset(&part, 0, sizeof(part));
			read_pattern(q, &part, view_of(run, n));
			for (size_t k = 0; k < part.bit_count &&
					   p->bit_count < sizeof(p->bits) / sizeof(p->bits[0]);
			     k++)
				p->bits[p->bit_count++] = part.bits[k];
			run += n;
			run += strspn(run, "*?");
		}
	}
	return OK;
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
	uint64_t few;
	int status;

	q->c = c;
	q->db = case_handle(c);
	q->filter = filter;
	q->put = put;
	q->data = data;
	q->problem = problem;
	q->arena.limit = SIZE_MAX;
	if ((status = read_filters(q)) < 0 || (status = load_shapes(q)) < 0 ||
	    (status = load_hosts(q)) < 0)
		goto out;
	if (filter->id) {
		status = give_id(q, filter->id, true);
		goto out;
	}
	if ((status = choose_blocks(q)) < 0)
		goto out;
	few = q->events / SORT_SHARE > SORT_EVENTS ? q->events / SORT_SHARE : SORT_EVENTS;
	/* Looking into texts is much faster in the order of the table, if all that is found is
	 * wanted anyway. */
	if (q->candidates <= few ||
	    (!filter->limit && filter->grep_count + filter->field_count > 0 &&
	     q->candidates <= TEXT_EVENTS)) {
		status = read_blocks(q);
		goto out;
	}
	status = walk_index(q, true);
	if (status == OK && !full(q) && filter->since == TIME_NONE && filter->until == TIME_NONE)
		status = walk_index(q, false);
out:
	sqlite3_finalize(q->by_id);
	sqlite3_finalize(q->host_name);
	sqlite3_finalize(q->user_name);
	sqlite3_finalize(q->artifact);
	free_cache(q->host_texts);
	free_cache(q->user_texts);
	free_cache(q->artifact_texts);
	free(q->shapes);
	free(q->hosts);
	free(q->blocks);
	buffer_release(&q->text);
	buffer_release(&q->scratch);
	arena_release(&q->arena);
	free(q);
	return status;
}

/* ---- rendering ---- */

void case_event_fields(struct case_event *e, struct buffer *out)
{
	const struct known_shape *k = e->shape;

	if (k->broken)
		buffer_string(out, "{}");
	for (size_t i = 0; i < k->layout_count; i++) {
		const struct row_part *part = &k->layout[i];

		buffer_view(out, part->hole == ROW_NO_HOLE ? part->text
							   : hole_json(e->query, part->hole, e->ts,
								       e->host, e->values));
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
		v = hole_json(e->query, part->hole, e->ts, e->host, e->values);
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
	struct buffer *b = &e->query->scratch;

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
			v = hole_json(e->query, k->members[i].hole, e->ts, e->host, e->values);
		if (v.len && v.data[0] == '"')
			row_unescape(out, v);
		else
			buffer_view(out, v);
		return true;
	}
	return false;
}
