#include "timeline/match.h"

#include "base/text.h"

#include <stdlib.h>

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

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

/* True when the byte at `at` is inside of an escape that began before it. */
static bool in_escape(struct view json, size_t at)
{
	for (size_t back = 1; back <= 5 && back <= at; back++) {
		size_t slash = at - back, before = 0;

		if (json.data[slash] != '\\')
			continue;
		while (before < slash && json.data[slash - 1 - before] == '\\')
			before++;
		if (before % 2 == 0 && (back == 1 || json.data[slash + 1] == 'u'))
			return true;
	}
	return false;
}

/* True when one of the text's values (a JSON array) holds the pattern. */
static bool values_hold(struct view json, const struct match_text *p)
{
	size_t from = 0;

	for (;;) {
		size_t at = case_find_folded(view_from(json, from), p->escaped);

		if (at == SIZE_MAX)
			return false;
		at += from;
		/* Not from the middle of an escape; and not over the edge of a value. */
		if (!in_escape(json, at)) {
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

/* ---- ids ---- */

static int by_id(const void *x, const void *y)
{
	int64_t a = *(const int64_t *)x, b = *(const int64_t *)y;

	return a < b ? -1 : a > b;
}

bool id_set_has(const struct id_set *set, int64_t id)
{
	return set->count && bsearch(&id, set->ids, set->count, sizeof(*set->ids), by_id);
}

static void id_set_add(struct id_set *set, int64_t id)
{
	set->ids = xgrow(set->ids, &set->cap, set->count + 1, sizeof(*set->ids));
	set->ids[set->count++] = id;
}

/* ---- the filter ---- */

static struct view folded(struct arena *a, struct view v)
{
	char *copy = arena_strndup(a, v.data, v.len);

	if (copy)
		text_lower(copy, v.len);
	return view_of(copy, copy ? v.len : 0);
}

static void read_grep(struct match *m, struct match_text *p, struct view text)
{
	struct buffer b = {0};

	p->text = folded(&m->arena, text);
	text_json(&b, text);
	p->escaped = folded(&m->arena, buffer_as_view(&b));
	signature_need_text(&p->need, p->text);
	buffer_release(&b);
}

static int read_field(struct match *m, struct match_text *p, const char *text,
		      struct problem *problem)
{
	const char *equals = strchr(text, '=');

	if (!equals || equals == text)
		return problem_set(problem, ERR_USAGE, PROBLEM_NO_OFFSET, "not NAME=VALUE: %s",
				   text);
	p->name = arena_strndup(&m->arena, text, (size_t)(equals - text));
	p->glob = equals + 1;
	/* The time is not among the values: a signature knows nothing of it. */
	if (strcmp(p->name, "TimeCreated_SystemTime") == 0)
		return OK;
	/* The whole value first: it tells more than the letters it is made of. */
	if (!strpbrk(p->glob, "*?"))
		signature_need_term(&p->need, signature_term(signature_name(view_text(p->name)),
							     view_text(p->glob)));
	for (const char *run = p->glob; *run;) {
		size_t n = strcspn(run, "*?");

		signature_need_text(&p->need, folded(&m->arena, view_of(run, n)));
		run += n;
		run += strspn(run, "*?");
	}
	return OK;
}

static int read_filter(struct match *m, struct problem *problem)
{
	const struct case_filter *f = m->filter;
	int status = OK;

	if (f->grep_count > MATCH_TEXTS || f->field_count > MATCH_TEXTS)
		return problem_set(problem, ERR_USAGE, PROBLEM_NO_OFFSET, "more than %d filters",
				   MATCH_TEXTS);
	for (size_t i = 0; i < f->kind_count; i++)
		if (event_kind_of(view_text(f->kinds[i])) == KIND_COUNT)
			return problem_set(problem, ERR_USAGE, PROBLEM_NO_OFFSET,
					   "no such kind: %s", f->kinds[i]);
	for (size_t i = 0; i < f->grep_count; i++)
		read_grep(m, &m->greps[i], view_text(f->greps[i]));
	for (size_t i = 0; i < f->field_count && status == OK; i++)
		status = read_field(m, &m->fields[i], f->fields[i], problem);
	return status;
}

static bool glob_text(void *data, struct view text)
{
	return view_glob(text, data);
}

static bool json_matches(struct buffer *scratch, struct view json, const char *glob)
{
	return json.len && row_each_text(json, scratch, glob_text, (void *)(uintptr_t)glob);
}

/* Names of hosts: which are wanted, and which a text filter matches. */
static void judge_host(struct match *m, struct buffer *scratch, int64_t id, struct view name)
{
	const struct case_filter *f = m->filter;
	bool wanted = f->one_host && id == f->host;

	for (size_t i = 0; i < f->host_count && id; i++)
		wanted = wanted || view_glob(name, f->hosts[i]);
	if (wanted)
		id_set_add(&m->hosts, id);
	for (size_t i = 0; i < f->grep_count && id; i++)
		if (case_find_folded(name, m->greps[i].text) != SIZE_MAX)
			id_set_add(&m->greps[i].hosts, id);
	/* As a value of a field: no host is null. */
	for (size_t i = 0; i < f->field_count; i++)
		if (id ? view_glob(name, m->fields[i].glob)
		       : json_matches(scratch, view_text("null"), m->fields[i].glob))
			id_set_add(&m->fields[i].hosts, id);
}

static int judge_names(struct match *m, sqlite3 *db)
{
	struct buffer scratch = {0};
	sqlite3_stmt *s = NULL;
	int step = SQLITE_DONE;

	m->all_hosts = m->filter->host_count == 0 && !m->filter->one_host;
	judge_host(m, &scratch, 0, VIEW_EMPTY);
	if (sqlite3_prepare_v2(db, "SELECT id, name FROM host ORDER BY id", -1, &s, NULL) !=
	    SQLITE_OK)
		step = SQLITE_ERROR;
	while (step != SQLITE_ERROR && (step = sqlite3_step(s)) == SQLITE_ROW)
		judge_host(m, &scratch, sqlite3_column_int64(s, 0),
			   view_of(sqlite3_column_text(s, 1), (size_t)sqlite3_column_bytes(s, 1)));
	sqlite3_finalize(s);
	buffer_release(&scratch);
	if (step != SQLITE_DONE || m->filter->grep_count == 0)
		return step == SQLITE_DONE ? OK : ERR_DATABASE;
	s = NULL;
	if (sqlite3_prepare_v2(db, "SELECT id, text FROM name ORDER BY id", -1, &s, NULL) !=
	    SQLITE_OK)
		step = SQLITE_ERROR;
	while (step != SQLITE_ERROR && (step = sqlite3_step(s)) == SQLITE_ROW)
		for (size_t i = 0; i < m->filter->grep_count; i++)
			if (case_find_folded(view_of(sqlite3_column_text(s, 1),
						     (size_t)sqlite3_column_bytes(s, 1)),
					     m->greps[i].text) != SIZE_MAX)
				id_set_add(&m->greps[i].users, sqlite3_column_int64(s, 0));
	sqlite3_finalize(s);
	return step == SQLITE_DONE ? OK : ERR_DATABASE;
}

enum verdict { NEVER, LOOK, ALWAYS };

/* What a text stands to all events of a shape: whatever they share of it. */
static enum verdict grep_verdict(const struct match_text *p, const struct known_shape *s,
				 struct buffer *scratch)
{
	for (size_t i = 0; i < s->member_count; i++) {
		struct view json = s->members[i].json;

		if (s->members[i].hole != ROW_NO_HOLE ||
		    case_find_folded(json, p->escaped) == SIZE_MAX)
			continue;
		scratch->len = 0;
		if (json.data[0] == '"')
			row_unescape(scratch, json);
		else
			buffer_view(scratch, json);
		if (case_find_folded(buffer_as_view(scratch), p->text) != SIZE_MAX)
			return ALWAYS;
	}
	for (size_t i = 0; i < s->message_count; i++)
		if (s->message[i].hole == ROW_NO_HOLE &&
		    case_find_folded(s->message[i].text, p->text) != SIZE_MAX)
			return ALWAYS;
	return LOOK;
}

static enum verdict field_verdict(const struct match_text *p, const struct known_shape *s,
				  struct buffer *scratch)
{
	enum verdict v = NEVER;

	for (size_t i = 0; i < s->member_count && v != ALWAYS; i++) {
		if (!view_is(s->members[i].name, p->name))
			continue;
		if (s->members[i].hole != ROW_NO_HOLE)
			v = LOOK;
		else if (json_matches(scratch, s->members[i].json, p->glob))
			v = ALWAYS;
	}
	return v;
}

static void judge_shape(const struct match *m, struct shape_list *list, struct known_shape *s,
			struct buffer *scratch)
{
	const struct case_filter *f = m->filter;
	bool any = f->kind_count == 0;

	for (size_t i = 0; i < f->kind_count; i++)
		any = any || strcmp(s->kind, f->kinds[i]) == 0;
	if (!any)
		return;
	if (f->grep_count + f->field_count + f->having_count)
		known_shape_parse(list, s);
	any = f->having_count == 0;
	for (size_t i = 0; i < f->having_count; i++)
		for (size_t k = 0; k < s->member_count && !any; k++)
			any = view_is(s->members[k].name, f->having[i]);
	if (!any)
		return;
	for (size_t i = 0; i < f->grep_count; i++)
		if (grep_verdict(&m->greps[i], s, scratch) == LOOK)
			s->look |= UINT64_C(1) << i;
	for (size_t i = 0; i < f->field_count; i++) {
		enum verdict v = field_verdict(&m->fields[i], s, scratch);

		if (v == NEVER)
			return;
		if (v == LOOK)
			s->look |= UINT64_C(1) << (MATCH_TEXTS + i);
	}
	s->wanted = true;
}

int match_init(struct match *m, const struct case_filter *filter, sqlite3 *db,
	       struct shape_list *shapes, struct problem *problem)
{
	struct buffer scratch = {0};
	int status;

	m->filter = filter;
	m->arena.limit = SIZE_MAX;
	if ((status = read_filter(m, problem)) < 0)
		return status;
	if (judge_names(m, db) < 0)
		return problem_set(problem, ERR_DATABASE, PROBLEM_NO_OFFSET, "%s",
				   sqlite3_errmsg(db));
	m->all_shapes = true;
	for (size_t i = 0; i < shapes->count; i++) {
		judge_shape(m, shapes, &shapes->items[i], &scratch);
		m->all_shapes = m->all_shapes && shapes->items[i].wanted;
	}
	buffer_release(&scratch);
	return OK;
}

void match_release(struct match *m)
{
	for (size_t i = 0; i < MATCH_TEXTS; i++) {
		free(m->greps[i].hosts.ids);
		free(m->greps[i].users.ids);
		free(m->fields[i].hosts.ids);
	}
	free(m->hosts.ids);
	arena_release(&m->arena);
}

/* ---- rows ---- */

bool match_host(const struct match *m, int64_t host)
{
	return m->all_hosts || id_set_has(&m->hosts, host);
}

bool match_time(const struct match *m, int64_t ts)
{
	const struct case_filter *f = m->filter;

	return (f->since == TIME_NONE || (ts != TIME_NONE && ts >= f->since)) &&
	       (f->until == TIME_NONE || (ts != TIME_NONE && ts <= f->until));
}

static bool field_holds(const struct match_text *p, struct match_scratch *scratch,
			const struct known_shape *k, const struct match_row *row)
{
	for (size_t i = 0; i < k->member_count; i++) {
		const struct member *member = &k->members[i];

		if (member->hole == ROW_NO_HOLE || !view_is(member->name, p->name))
			continue;
		if (member->hole == ROW_HOST
			    ? id_set_has(&p->hosts, row->host)
			    : json_matches(&scratch->text,
					   row_spans_hole(&scratch->spans, member->hole, row->ts,
							  NULL, row->values),
					   p->glob))
			return true;
	}
	return false;
}

bool match_event(const struct match *m, struct match_scratch *scratch, const struct known_shape *k,
		 const struct match_row *row)
{
	if (!k->wanted || !match_host(m, row->host) || !match_time(m, row->ts))
		return false;
	if (!k->look)
		return true;
	scratch->spans.count = -1;
	for (size_t i = 0; i < m->filter->grep_count; i++) {
		const struct match_text *p = &m->greps[i];

		if (k->look >> i & 1 && !values_hold(row->values, p) &&
		    !(row->message.len && case_find_folded(row->message, p->text) != SIZE_MAX) &&
		    !id_set_has(&p->users, row->user) && !id_set_has(&p->hosts, row->host))
			return false;
	}
	for (size_t i = 0; i < m->filter->field_count; i++)
		if (k->look >> (MATCH_TEXTS + i) & 1 &&
		    !field_holds(&m->fields[i], scratch, k, row))
			return false;
	return true;
}

void match_need(const struct match *m, struct signature_need *need)
{
	memset(need, 0, sizeof(*need));
	/* They share the room: of each something, then more. */
	for (size_t n = 0; n < SIGNATURE_NEED; n++)
		for (size_t i = 0; i < 2 * MATCH_TEXTS && need->count < SIGNATURE_NEED; i++) {
			const struct signature_need *one =
				i < MATCH_TEXTS ? &m->greps[i].need
						: &m->fields[i - MATCH_TEXTS].need;

			if (n < one->count)
				need->bits[need->count++] = one->bits[n];
		}
}
