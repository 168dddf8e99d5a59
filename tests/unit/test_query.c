/*
 * Queries by signatures and indexes give what reading every event would give: random events, random
 * questions, and the answer worked out from the events as they were made.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "timeline/query.h"
#include "timeline/row.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define S TIME_SECOND

static uint64_t state = 42;

static unsigned dice(unsigned n)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return (unsigned)(state >> 33) % n;
}

/* ---- events ---- */

enum { PROVIDER, ID, COMPUTER, TEXT, NUMBER, DATA, OTHER_DATA, LIST, FIELDS };
static const char *const names[FIELDS] = {"Provider_Name", "EventID", "Computer", "Text",
					  "Number",	   "Data",    "Data",	  "List"};

struct made {
	int64_t ts;
	enum event_kind kind;
	const char *host, *user, *message; /* message: of its own, or NULL */
	char *values[FIELDS];		   /* NULL: absent */
	char *items[2];			   /* of the list */
	char *flat;			   /* the message where the text has lines, or NULL */
};

#define WORDING "Fixed wording of "

#define FILES  6
#define EVENTS 28000 /* of a file */
static struct made events[FILES * EVENTS];

#define PICK(pool) (pool)[dice(sizeof(pool) / sizeof((pool)[0]))]

/* Words with everything that escapes, folds, or looks like an escape. */
static char *words(void)
{
	static const char *const pieces[] = {
		"cmd",	      "CMD.exe",  "\"",	      "\\",
		"\\\\",	      "u0041",	  "\t",	      "\n",
		"\x01",	      "\xc3\xa9", "\xc3\x89", "\xe6\xbc\xa2",
		"deadbeef",   "4444",	  "44",	      "7f",
		",",	      "[",	  "]",	      "{",
		"}",	      ":",	  " ",	      "t",
		"true",	      "null",	  "zq",	      "\xf0\x9f\x94\x8d",
		"C:\\Temp\\", "a",	  "B",	      "x"};
	struct buffer b = {0};
	unsigned n = dice(6);
	char *text;

	for (unsigned i = 0; i < n; i++)
		buffer_string(&b, PICK(pieces));
	if (dice(4) == 0)
		buffer_printf(&b, "%u", dice(100000));
	text = xstrdup(buffer_text(&b));
	buffer_release(&b);
	return text;
}

static void make(struct made *m, unsigned file, unsigned i)
{
	static const char *const hosts[] = {"alpha", "Beta\\1", "gamma \"g\"", "\xc3\xa9psilon"};
	static const char *const users[] = {"bob", "CORP\\alice", "x\"y"};
	static const char *const providers[] = {"Provider-One", "Provider \"Two\"", "deadbeef"};
	static const enum event_kind kinds[] = {KIND_LOGON, KIND_PROCESS_START, KIND_FILE_CREATE};

	m->ts = dice(50) == 0 ? TIME_NONE
		: file == 5   ? (int64_t)dice(1000000) * S /* each block spans it all */
			      : (int64_t)(i / 3 + file * 5000) * S;
	m->kind = dice(3000) == 0 ? KIND_LOG_CLEARED : kinds[dice(3)];
	m->host = file == 1 ? NULL : hosts[dice(file == 0 ? 4 : 2)];
	m->user = dice(3) ? users[dice(3)] : NULL;
	m->values[PROVIDER] = xstrdup(providers[dice(3)]);
	m->values[ID] = xasprintf("%u", 4620 + dice(4));
	if (m->host && dice(2))
		m->values[COMPUTER] = xstrdup(m->host);
	if (dice(5))
		m->values[TEXT] = words();
	if (dice(5))
		m->values[NUMBER] = xasprintf("%u", dice(60000));
	if (dice(3) == 0)
		m->values[DATA] = words();
	if (dice(3) == 0)
		m->values[OTHER_DATA] = words();
	if (dice(20) == 0) {
		m->items[0] = words();
		m->items[1] = words();
	}
	if (dice(10) == 0)
		m->message = "its own \"message\" with C:\\ in it";
	else if (m->values[TEXT] && strpbrk(m->values[TEXT], "\t\n\x01")) {
		m->flat = xasprintf(WORDING "%s", m->values[TEXT]);
		for (char *p = m->flat; *p; p++)
			*p = (uint8_t)*p < 0x20 ? ' ' : *p;
	}
}

static void encode(struct row_encoder *e, struct buffer *out, const struct shape *shape,
		   const struct made *m)
{
	static struct message_part parts[2];
	struct value v[FIELDS] = {0}, items[2];
	struct event ev = {.ts = m->ts,
			   .ts_desc = "Recorded Time",
			   .kind = m->kind,
			   .shape = shape,
			   .values = v,
			   .parts = parts,
			   .part_count = 2};

	parts[0] = (struct message_part){.text = view_text(WORDING), .field = -1};
	parts[1].field = TEXT;
	for (unsigned i = 0; i < FIELDS; i++)
		v[i] = m->values[i] ? value_text(m->values[i])
				    : (struct value){.type = VALUE_ABSENT};
	v[ID] = value_unsigned(strtoul(m->values[ID], NULL, 10));
	if (m->values[NUMBER])
		v[NUMBER] = value_unsigned(strtoul(m->values[NUMBER], NULL, 10));
	if (m->items[0]) {
		items[0] = value_text(m->items[0]);
		items[1] = value_text(m->items[1]);
		v[LIST] = (struct value){.type = VALUE_LIST, .len = 2, .list = items};
	}
	if (m->host)
		ev.host = value_text(m->host);
	if (m->user)
		ev.user = value_text(m->user);
	if (m->message)
		ev.message = value_text(m->message);
	assert_int_equal(row_encode(e, out, &ev), OK);
}

static const char *host_of(const struct made *m)
{
	return m->host ? m->host : "artefact-host";
}

/* ---- the plain answer ---- */

static bool same_letter(char a, char b)
{
	return tolower((unsigned char)a) == tolower((unsigned char)b);
}

static bool holds(const char *text, const char *needle)
{
	size_t n = strlen(needle);

	for (; text && *text; text++) {
		size_t i = 0;

		while (i < n && text[i] && same_letter(text[i], needle[i]))
			i++;
		if (i == n)
			return true;
	}
	return text && n == 0;
}

static bool globs(const char *text, const char *glob)
{
	if (*glob == '*')
		return globs(text, glob + 1) || (*text && globs(text + 1, glob));
	if (!*glob || !*text)
		return !*glob && !*text;
	return (*glob == '?' || same_letter(*text, *glob)) && globs(text + 1, glob + 1);
}

static bool grep_holds(const struct made *m, const char *needle)
{
	for (unsigned i = 0; i < FIELDS; i++)
		if (holds(m->values[i], needle))
			return true;
	return holds(m->items[0], needle) || holds(m->items[1], needle) || holds(m->user, needle) ||
	       holds(host_of(m), needle) || holds(m->message, needle) ||
	       (!m->message && holds(WORDING, needle)) || holds(m->flat, needle);
}

static bool field_holds(const struct made *m, const char *filter)
{
	const char *glob = strchr(filter, '=') + 1;

	for (unsigned i = 0; i < FIELDS; i++)
		if (strncmp(names[i], filter, (size_t)(glob - filter) - 1) == 0 &&
		    strlen(names[i]) == (size_t)(glob - filter) - 1) {
			if (m->values[i] && globs(m->values[i], glob))
				return true;
			if (i == LIST && m->items[0] &&
			    (globs(m->items[0], glob) || globs(m->items[1], glob)))
				return true;
		}
	return false;
}

static bool wanted(const struct made *m, const struct case_filter *f)
{
	bool any = f->kind_count == 0;

	for (size_t i = 0; i < f->kind_count; i++)
		any = any || strcmp(event_kind_text(m->kind), f->kinds[i]) == 0;
	if (!any)
		return false;
	any = f->host_count == 0;
	for (size_t i = 0; i < f->host_count; i++)
		any = any || globs(host_of(m), f->hosts[i]);
	if (!any || (f->since != TIME_NONE && (m->ts == TIME_NONE || m->ts < f->since)) ||
	    (f->until != TIME_NONE && (m->ts == TIME_NONE || m->ts > f->until)))
		return false;
	for (size_t i = 0; i < f->grep_count; i++)
		if (!grep_holds(m, f->greps[i]))
			return false;
	for (size_t i = 0; i < f->field_count; i++)
		if (!field_holds(m, f->fields[i]))
			return false;
	return true;
}

static int in_time(const void *x, const void *y)
{
	const int64_t a = *(const int64_t *)x, b = *(const int64_t *)y;
	int64_t s = events[a - 1].ts, t = events[b - 1].ts;

	if (s != t)
		return s == TIME_NONE ? 1 : t == TIME_NONE ? -1 : s < t ? -1 : 1;
	return a < b ? -1 : a > b;
}

static int64_t answer[FILES * EVENTS], got[FILES * EVENTS];
static size_t got_count;

static int take(void *data, struct case_event *e)
{
	(void)data;
	got[got_count++] = e->id;
	return OK;
}

static int by_number(const void *x, const void *y)
{
	int64_t a = *(const int64_t *)x, b = *(const int64_t *)y;

	return a < b ? -1 : a > b;
}

/* What was asked and made, with escapes. */
static const char *shown(const char *text)
{
	static struct buffer all;
	size_t at = all.len;

	for (; text && *text; text++)
		buffer_printf(&all,
			      (uint8_t)*text < 0x20 || (uint8_t)*text > 0x7e ? "<%02x>" : "%c",
			      (uint8_t)*text);
	buffer_char(&all, '\0');
	buffer_reserve(&all, 1 << 16);
	return all.data + at;
}

static void complain(const struct case_filter *f, int64_t id)
{
	const struct made *m = &events[id - 1];

	for (size_t i = 0; i < f->grep_count; i++)
		print_message("grep %s\n", shown(f->greps[i]));
	for (size_t i = 0; i < f->field_count; i++)
		print_message("field %s\n", shown(f->fields[i]));
	print_message("event %lld, kind %s, host %s, user %s, message %s\n", (long long)id,
		      event_kind_text(m->kind), shown(m->host), shown(m->user), shown(m->message));
	for (unsigned i = 0; i < FIELDS; i++)
		print_message("%s: %s\n", names[i], shown(m->values[i]));
	print_message("List: %s, %s\n", shown(m->items[0]), shown(m->items[1]));
}

static void ask(struct case_db *c, struct case_filter f)
{
	struct problem problem = {0};
	size_t n = 0;

	for (size_t i = 0; i < FILES * EVENTS; i++)
		if (wanted(&events[i], &f))
			answer[n++] = (int64_t)i + 1;
	qsort(answer, n, sizeof(answer[0]), in_time);
	for (unsigned round = 0; round < 2; round++) { /* in order, and in any */
		f.any_order = round == 1;
		if (f.any_order && f.limit)
			continue;
		got_count = 0;
		assert_int_equal(case_select(c, &f, take, NULL, &problem), OK);
		if (f.any_order) {
			qsort(got, got_count, sizeof(got[0]), by_number);
			qsort(answer, n, sizeof(answer[0]), by_number);
		}
		for (size_t i = 0; i < n && i < got_count; i++)
			if (got[i] != answer[i]) {
				complain(&f, got[i] < answer[i] ? got[i] : answer[i]);
				fail_msg("place %zu is %lld, not %lld", i, (long long)got[i],
					 (long long)answer[i]);
			}
		if (got_count != (f.limit && f.limit < n ? f.limit : n)) {
			complain(&f, got_count < n ? answer[got_count] : got[n]);
			fail_msg("%zu events of %zu", got_count, n);
		}
	}
}

/* ---- questions ---- */

/* A piece of a text that is there, on whole characters, in other letters; or one that is nowhere. */
static char *needle(void)
{
	const struct made *m = &events[dice(FILES * EVENTS)];
	const char *text = m->values[dice(FIELDS)];
	size_t len, from, to;
	char *cut;

	if (dice(12) == 0)
		return words();
	if (dice(15) == 0)
		text = m->message ? m->message : WORDING;
	if (dice(15) == 0)
		text = dice(2) ? host_of(m) : m->user;
	if (!text)
		text = "nothing like it";
	len = strlen(text);
	from = len ? dice((unsigned)len) : 0;
	to = from + (len > from ? 1 + dice((unsigned)(len - from)) : 0);
	while (from && ((uint8_t)text[from] & 0xc0) == 0x80)
		from--;
	while (to < len && ((uint8_t)text[to] & 0xc0) == 0x80)
		to++;
	cut = (char *)xmemdup0(text + from, to - from);
	for (char *p = cut; *p; p++)
		if (dice(3) == 0)
			*p = (char)(islower((unsigned char)*p) ? toupper((unsigned char)*p) : *p);
	return cut;
}

static char *field_question(void)
{
	const struct made *m = &events[dice(FILES * EVENTS)];
	unsigned i = dice(FIELDS);
	const char *value = i == LIST ? m->items[dice(2)] : m->values[i];
	char *part, *text;

	if (!value || strpbrk(value, "*?"))
		value = "absent";
	switch (dice(4)) {
	case 0:
	case 1:
		text = xasprintf("%s=%s", names[i], value);
		break;
	case 2:
		part = needle();
		text = xasprintf("%s=*%s*", names[i], part);
		free(part);
		break;
	default:
		text = xasprintf("%s=?%s", names[i], *value ? value + 1 : "");
	}
	return text;
}

static void test_answers(void **unused)
{
	char folder[] = "/tmp/konseki-query.XXXXXX", *path;
	struct shape_table *shapes = shape_table_new();
	struct view views[FIELDS];
	struct problem problem = {0};
	struct case_db *c;
	sqlite3_stmt *s;

	(void)unused;
	assert_non_null(mkdtemp(folder));
	path = xasprintf("%s/q.db", folder);
	assert_int_equal(case_open(path, CASE_WRITE, &c, &problem), OK);
	for (unsigned i = 0; i < FIELDS; i++)
		views[i] = view_text(names[i]);
	for (unsigned file = 0; file < FILES; file++) {
		struct row_encoder *e = row_encoder_new();
		struct buffer blocks = {0};
		char name[20];
		int64_t id;

		row_encoder_begin(e);
		for (unsigned i = 0; i < EVENTS; i++) {
			struct made *m = &events[file * EVENTS + i];

			make(m, file, i);
			encode(e, &blocks, shape_intern(shapes, views, FIELDS), m);
		}
		row_encoder_end(e, &blocks);
		row_encoder_free(e);
		(void)snprintf(name, sizeof(name), "/file%u", file);
		id = case_artifact_begin(c, &(struct case_artifact){.path = name,
								    .parser = "test",
								    .mtime = TIME_NONE,
								    .host = "artefact-host"});
		assert_int_equal(case_load(c, id, buffer_as_view(&blocks)), OK);
		assert_int_equal(case_artifact_end(c, id, &(struct case_end){.status = "complete"}),
				 OK);
		buffer_release(&blocks);
	}
	/* Before the indexes are there, and after; both kinds of signatures. */
	for (unsigned round = 0; round < 2; round++) {
		if (round)
			assert_int_equal(case_finish(c, NULL, NULL), OK);
		for (unsigned i = 0; i < (round ? 50u : 12u); i++) {
			static const char *const kinds[] = {"logon", "log_cleared",
							    "process_start"};
			static const char *const hosts[] = {"beta*", "artefact-host", "no such"};
			const char *kind = kinds[dice(3)], *host = hosts[dice(3)];
			const char *greps[2] = {needle(), needle()},
				   *fields[2] = {field_question(), field_question()};
			struct case_filter f = {.since = TIME_NONE, .until = TIME_NONE};

			f.greps = greps;
			f.grep_count = dice(3) ? 1 : dice(3);
			f.fields = fields;
			f.field_count = f.grep_count ? dice(5) == 0 : 1 + (dice(4) == 0);
			f.kinds = &kind;
			f.kind_count = dice(4) == 0;
			f.hosts = &host;
			f.host_count = dice(4) == 0;
			if (dice(4) == 0)
				f.since = (int64_t)dice(30000) * S;
			if (dice(4) == 0)
				f.until = (int64_t)dice(60000) * S;
			f.limit = dice(3) ? 0 : 1 + dice(50);
			ask(c, f);
			for (unsigned k = 0; k < 2; k++) {
				free((char *)(uintptr_t)greps[k]);
				free((char *)(uintptr_t)fields[k]);
			}
		}
	}
	assert_int_equal(sqlite3_prepare_v2(case_handle(c),
					    "SELECT (SELECT count(*) FROM signature_group) > 0 AND"
					    " (SELECT count(*) FROM signature) > 0",
					    -1, &s, NULL),
			 SQLITE_OK);
	assert_int_equal(sqlite3_step(s), SQLITE_ROW);
	assert_int_equal(sqlite3_column_int(s, 0), 1);
	sqlite3_finalize(s);
	case_close(c);

	/* By several threads. */
	assert_int_equal(case_open(path, CASE_READ, &c, &problem), OK);
	for (unsigned i = 0; i < 20; i++) {
		const char *grep = needle();

		ask(c, (struct case_filter){.since = TIME_NONE,
					    .until = TIME_NONE,
					    .greps = &grep,
					    .grep_count = 1,
					    .limit = i % 2 * 20});
		free((char *)(uintptr_t)grep);
	}
	case_close(c);
	for (size_t i = 0; i < FILES * EVENTS; i++) {
		for (unsigned k = 0; k < FIELDS; k++)
			free(events[i].values[k]);
		free(events[i].items[0]);
		free(events[i].items[1]);
		free(events[i].flat);
	}
	shape_table_free(shapes);
	unlink(path);
	rmdir(folder);
	free(path);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_answers)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
