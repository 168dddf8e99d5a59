/* The case: rows travel whole, hostile ones are refused, artefacts load once, equal records become
 * one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "timeline/query.h"
#include "timeline/row.h"
#include "timeline/signature.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define S TIME_SECOND

static char folder[] = "/tmp/konseki-case.XXXXXX";
static unsigned files;

static char *new_path(void)
{
	return xasprintf("%s/%u.db", folder, files++);
}

static struct case_db *open_case(const char *path, enum case_mode mode)
{
	struct problem problem = {0};
	struct case_db *c;

	if (case_open(path, mode, &c, &problem) < 0)
		fail_msg("%s: %s", path, problem.reason);
	return c;
}

/* Text of the first column of the first row. */
static char *ask(struct case_db *c, const char *sql)
{
	sqlite3_stmt *s = NULL;
	char *text = NULL;

	assert_int_equal(sqlite3_prepare_v2(case_handle(c), sql, -1, &s, NULL), SQLITE_OK);
	if (sqlite3_step(s) == SQLITE_ROW && sqlite3_column_text(s, 0))
		text = xstrdup((const char *)sqlite3_column_text(s, 0));
	sqlite3_finalize(s);
	return text;
}

static void assert_answer(struct case_db *c, const char *sql, const char *want)
{
	char *text = ask(c, sql);

	if (!text || strcmp(text, want) != 0)
		fail_msg("%s\n gives %s\n not   %s", sql, text ? text : "NULL", want);
	free(text);
}

/* ---- events to load ---- */

struct maker {
	struct shape_table *shapes;
	struct row_encoder *encoder;
	struct buffer blocks;
};

static void make_begin(struct maker *m)
{
	memset(m, 0, sizeof(*m));
	m->shapes = shape_table_new();
	m->encoder = row_encoder_new();
	row_encoder_begin(m->encoder);
}

static void make_event(struct maker *m, int64_t ts, const char *line)
{
	struct view names[] = {view_text("Line")};
	struct value values[] = {value_text(line)};
	struct event e = {.ts = ts,
			  .ts_desc = "Recorded Time",
			  .kind = KIND_LOGON,
			  .offset = 7,
			  .host = value_text("alpha"),
			  .user = value_text("bob"),
			  .values = values};

	e.shape = shape_intern(m->shapes, names, 1);
	assert_int_equal(row_encode(m->encoder, &m->blocks, &e), OK);
}

static void make_done(struct maker *m)
{
	row_encoder_end(m->encoder, &m->blocks);
	row_encoder_free(m->encoder);
	shape_table_free(m->shapes);
}

static int64_t load(struct case_db *c, const char *path, const char *sha256, const struct maker *m)
{
	int64_t id = case_artifact_begin(c, &(struct case_artifact){.path = path,
								    .sha256 = sha256,
								    .parser = "test",
								    .parser_version = 1,
								    .mtime = TIME_NONE,
								    .host = "alpha"});

	assert_true(id > 0);
	assert_int_equal(case_load(c, id, buffer_as_view(&m->blocks)), OK);
	assert_int_equal(case_artifact_end(c, id, &(struct case_end){.status = "complete"}), OK);
	return id;
}

/* ---- what goes in comes out ---- */

struct seen {
	struct buffer json;
	size_t count;
};

static int see(void *data, struct case_event *e)
{
	struct seen *s = data;

	case_event_json(e, &s->json);
	s->count++;
	return OK;
}

static void odd_format(struct buffer *out, const struct value *v)
{
	buffer_string(out, "<");
	value_append(out, v);
	buffer_string(out, ">");
}

/* Every type of value, names that stand twice, lists among them, control characters, own and made
 * messages, odd times. */
static void test_round_trip(void **unused)
{
	static const uint8_t guid[16] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16};
	static const uint8_t sid[] = {1, 1, 0, 0, 0, 0, 0, 5, 18, 0, 0, 0};
	static const uint8_t utf16[] = {'h', 0, 0xe9, 0, 0x3d, 0xd8, 0x00, 0xde};
	struct value items[] = {value_text("x"), value_unsigned(2)};
	struct value list = {.type = VALUE_LIST, .len = 2, .list = items};
	struct value none = {.type = VALUE_ABSENT};
	const char *all[] = {"Provider_Name",
			     "EventID",
			     "Computer",
			     "Data",
			     "Data",
			     "Level",
			     "Big",
			     "Real",
			     "Quote\"d",
			     "Data",
			     "Json",
			     "TimeCreated_SystemTime",
			     "T"};
	struct message_part parts[] = {{.text = view_text("at "), .field = -1},
				       {.field = 6, .format = odd_format},
				       {.text = view_text(" of "), .field = -1},
				       {.field = 2},
				       {.field = 8},
				       {.field = 7}};
	struct {
		struct event e;
		struct value v[13];
	} cases[] = {
		{{.ts = 5, .kind = KIND_LOGON},
		 {value_text("P"),
		  value_unsigned(4624),
		  value_text("h1"),
		  value_text("a"),
		  value_text("b"),
		  value_unsigned(4),
		  value_unsigned(UINT64_MAX),
		  {.type = VALUE_DOUBLE, .f = 0.1},
		  value_text("tab\there \\ \"q\""),
		  value_text("c"),
		  {.type = VALUE_JSON, .len = 15, .data = (const uint8_t *)"{\"a\":[1,2,null]}"},
		  value_filetime(132223104005000000),
		  value_time(-1)}},
		{{.ts = -1,
		  .kind = KIND_LOGON,
		  .host = value_text("h1"),
		  .user = value_view(view_of("\xff\x01", 2))},
		 {value_text("P"),
		  value_unsigned(4624),
		  value_text("h1"),
		  list,
		  value_text("b"),
		  none,
		  value_hex(26),
		  {.type = VALUE_FLOAT, .f = 1.5f},
		  value_bool(true),
		  list,
		  none,
		  none,
		  none}},
		{{.ts = TIME_NONE, .kind = KIND_DAMAGE, .message = value_text("two\nlines")},
		 {none,
		  none,
		  none,
		  none,
		  list,
		  none,
		  value_guid(guid),
		  {.type = VALUE_SID, .len = 12, .data = sid},
		  value_utf16(view_of(utf16, 8)),
		  none,
		  none,
		  none,
		  value_binary(view_of("\x01\xff", 2))}},
		{{.ts = INT64_C(1577836800500000000),
		  .kind = KIND_LOGON,
		  .host = value_text("h1"),
		  .parts = parts,
		  .part_count = 6},
		 {value_text("P"),
		  value_unsigned(4624),
		  value_text("h1"),
		  none,
		  none,
		  value_unsigned(4),
		  value_signed(-3),
		  {.type = VALUE_DOUBLE, .f = 3},
		  value_text("plain"),
		  none,
		  none,
		  value_filetime(132223104005000000),
		  none}},
		{{.ts = INT64_C(-1500000001), .kind = KIND_LOGON, .parts = parts, .part_count = 6},
		 {value_text("P"), value_unsigned(4624), none, none, none, value_unsigned(4),
		  value_text("\n"), none, value_text("x\ny"), none, none, none, none}},
		{{.ts = INT64_C(1577836800500000000) + 123400, .kind = KIND_LOGON},
		 {none, none, none, none, none, none, none, none, none, none, none, none, none}},
	};
	struct view names[13];
	struct maker m;
	struct buffer want = {0};
	struct seen seen = {0};
	struct case_filter filter = {.since = TIME_NONE, .until = TIME_NONE};
	struct event_origin origin = {.host = "alpha", .source = "/x", .parser = "test"};
	struct problem problem = {0};
	char *path = new_path(), *view;
	struct case_db *c = open_case(path, CASE_WRITE);
	size_t n = sizeof(cases) / sizeof(cases[0]);

	(void)unused;
	for (size_t i = 0; i < 13; i++)
		names[i] = view_text(all[i]);
	cases[0].v[10].len = 16;
	make_begin(&m);
	for (size_t i = 0; i < n; i++) {
		cases[i].e.shape = shape_intern(m.shapes, names, 13);
		cases[i].e.values = cases[i].v;
		cases[i].e.ts_desc = "Creation Time";
		assert_int_equal(row_encode(m.encoder, &m.blocks, &cases[i].e), OK);
	}
	row_encoder_end(m.encoder, &m.blocks);
	load(c, "/x", "aa", &m);
	assert_int_equal(case_finish(c, NULL, NULL), OK);

	/* By C, one by one, as parse prints it; by stock SQL, the same fields and message. */
	for (size_t i = 0; i < n; i++) {
		struct buffer fields = {0}, message = {0};
		char sql[200], prefix[40];

		want.len = seen.json.len = 0;
		(void)snprintf(prefix, sizeof(prefix), "{\"id\":%zu,", i + 1);
		buffer_string(&want, prefix);
		event_json(&want, &cases[i].e, &origin);
		memmove(want.data + strlen(prefix), want.data + strlen(prefix) + 1,
			want.len - strlen(prefix) - 1);
		want.len--;
		filter.id = (int64_t)i + 1;
		assert_int_equal(case_select(c, &filter, see, &seen, &problem), OK);
		assert_string_equal(buffer_text(&seen.json), buffer_text(&want));
		event_fields_json(&fields, &cases[i].e);
		event_message(&message, &cases[i].e);
		(void)snprintf(sql, sizeof(sql), "SELECT fields FROM timeline WHERE id = %zu",
			       i + 1);
		assert_answer(c, sql, buffer_text(&fields));
		(void)snprintf(sql, sizeof(sql),
			       "SELECT json_valid(fields) AND message IS NOT NULL FROM timeline "
			       "WHERE id = %zu",
			       i + 1);
		assert_answer(c, sql, "1");
		(void)snprintf(sql, sizeof(sql), "SELECT message FROM timeline WHERE id = %zu",
			       i + 1);
		view = ask(c, sql);
		assert_string_equal(view, buffer_text(&message));
		free(view);
		if (cases[i].e.ts != TIME_NONE) {
			char text[TIME_TEXT];

			time_format(cases[i].e.ts, text);
			(void)snprintf(sql, sizeof(sql), "SELECT time FROM timeline WHERE id = %zu",
				       i + 1);
			assert_answer(c, sql, text);
		}
		buffer_release(&fields);
		buffer_release(&message);
	}
	assert_answer(c, "SELECT time IS NULL FROM timeline WHERE id = 3", "1");
	case_close(c);
	row_encoder_free(m.encoder);
	shape_table_free(m.shapes);
	buffer_release(&m.blocks);
	buffer_release(&want);
	buffer_release(&seen.json);
	free(path);
}

/* ---- hostile rows ---- */

/* Any damage to the bytes is refused or harmless: the case stays whole and its JSON valid. */
static void test_hostile(void **unused)
{
	struct maker m;
	struct row_hit hit = {
		view_text("id"),    view_text("title"), view_text("high"), view_text("[]"),
		view_text("r.yml"), view_text("[]"),	VIEW_EMPTY,	   false};
	uint32_t seed = 1;
	unsigned refused = 0;
	char *path = new_path();
	struct case_db *c = open_case(path, CASE_WRITE);

	(void)unused;
	make_begin(&m);
	for (int i = 0; i < 5; i++)
		make_event(&m, i * S, "some text \xc3\xa9 \\ \"");
	row_encode_hit(m.encoder, &hit);
	make_done(&m);
	for (unsigned round = 0; round < 1500; round++) {
		char *copy = xmemdup0(m.blocks.data, m.blocks.len);
		struct view bytes = view_of(copy, m.blocks.len);
		char name[40];
		int64_t id;
		int status;

		seed = seed * 1103515245 + 12345;
		if (round % 5 == 0)
			bytes.len = (seed >> 8) % m.blocks.len;
		else
			copy[(seed >> 8) % m.blocks.len] = (char)(seed >> 3);
		(void)snprintf(name, sizeof(name), "/h%u", round);
		id = case_artifact_begin(c, &(struct case_artifact){.path = name,
								    .parser = "test",
								    .mtime = TIME_NONE});
		status = case_load(c, id, bytes);
		assert_true(status == OK || status == ERR_FORMAT);
		refused += status == ERR_FORMAT;
		assert_int_equal(
			case_artifact_end(
				c, id,
				&(struct case_end){.status = status ? "failed" : "complete"}),
			OK);
		free(copy);
	}
	assert_int_equal(case_finish(c, NULL, NULL), OK);
	assert_true(refused > 300);
	assert_answer(c,
		      "SELECT count(*) FROM timeline WHERE NOT json_valid(fields) OR message IS "
		      "NULL OR kind IS NULL",
		      "0");
	assert_answer(c,
		      "SELECT count(*) FROM event WHERE NOT EXISTS (SELECT 1 FROM block WHERE "
		      "event.id BETWEEN first AND last)",
		      "0");
	assert_answer(c,
		      "SELECT (SELECT sum(events) FROM shape_host) = (SELECT count(*) FROM event)",
		      "1");
	assert_answer(c, "PRAGMA integrity_check", "ok");
	case_close(c);
	buffer_release(&m.blocks);
	free(path);
}

static void test_json(void **unused)
{
	static const struct {
		const char *text;
		int64_t count;
	} texts[] = {
		{"[]", 0},
		{"[1]", 1},
		{"[1,\"a\",{\"b\":[]},null]", 4},
		{" [ 1 , 2 ] ", 2},
		{"[-0.5e+3]", 1},
		{"", -1},
		{"[", -1},
		{"[1", -1},
		{"[1,]", -1},
		{"[,1]", -1},
		{"[01]", -1},
		{"[1.]", -1},
		{"[.5]", -1},
		{"[+1]", -1},
		{"[\"]", -1},
		{"[\"\\x\"]", -1},
		{"[\"\\u12g4\"]", -1},
		{"[\"\n\"]", -1},
		{"[\"\xc0\x80\"]", -1},
		{"[\"\xed\xa0\x80\"]", -1},
		{"[\"\xf4\x90\x80\x80\"]", -1},
		{"[\"\xe2\x82\xac\"]", 1},
		{"[tru]", -1},
		{"[1]x", -1},
		{"{\"a\":1}", -1},
		{"[{\"a\"}]", -1},
		{"[{1:2}]", -1},
		{"[1}", -1},
		{"[\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\"]", 1},
		{"[\"aaaaaaaaaaaaaaaaaaaa\x01\"]", -1},
		{"[NaN]", -1},
	};

	(void)unused;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		if (row_values(view_text(texts[i].text), NULL, 0) != texts[i].count)
			fail_msg("%s", texts[i].text);
}

/* ---- once ---- */

static void test_once(void **unused)
{
	struct case_artifact a = {.path = "/log",
				  .sha256 = "aa",
				  .parser = "test",
				  .parser_version = 1,
				  .mtime = TIME_NONE,
				  .host = "alpha"};
	struct case_known known;
	struct maker m;
	char *path = new_path();
	struct case_db *c = open_case(path, CASE_WRITE);
	int64_t id;

	(void)unused;
	make_begin(&m);
	for (int i = 0; i < 3000; i++)
		make_event(&m, i * S, "line");
	make_done(&m);
	assert_false(case_known(c, &a, &known));
	load(c, "/log", "aa", &m);
	assert_true(case_known(c, &a, &known));
	assert_string_equal(known.sha256, "aa");
	a.sha256 = "bb";
	assert_false(case_known(c, &a, &known));

	/* Begun, loaded, not ended: gone at the next opening. */
	id = case_artifact_begin(
		c, &(struct case_artifact){.path = "/half", .parser = "test", .mtime = TIME_NONE});
	assert_int_equal(case_load(c, id, buffer_as_view(&m.blocks)), OK);
	assert_int_equal(case_finish(c, NULL, NULL), OK);
	assert_answer(c, "SELECT count(*) FROM event", "6000");
	case_close(c);
	c = open_case(path, CASE_WRITE);
	assert_answer(c, "SELECT count(*) FROM event", "3000");
	assert_answer(c, "SELECT count(*) FROM artifact", "1");
	assert_answer(c, "SELECT sum(events) FROM shape_host", "3000");

	/* Read anew by a later parser: what it replaces goes. */
	load(c, "/log", "aa", &m);
	assert_int_equal(case_finish(c, NULL, NULL), OK);
	assert_answer(c, "SELECT count(*) FROM event", "3000");
	assert_answer(c, "SELECT count(*) FROM block", "24");
	case_close(c);
	buffer_release(&m.blocks);
	free(path);
}

static void test_refuse(void **unused)
{
	struct problem problem = {0};
	char *path = new_path(), *other = new_path();
	struct case_db *c;
	sqlite3 *db;
	FILE *f = fopen(other, "w");

	(void)unused;
	fputs("this is a text and no database, long enough to have a header of a hundred bytes and "
	      "something more ......",
	      f);
	fclose(f);
	assert_int_equal(case_open(path, CASE_READ, &c, &problem), ERR_NOT_FOUND);
	assert_int_equal(case_open(other, CASE_READ, &c, &problem), ERR_FORMAT);
	assert_int_equal(case_open(other, CASE_WRITE, &c, &problem), ERR_FORMAT);
	sqlite3_open(path, &db);
	sqlite3_exec(db, "CREATE TABLE t(x)", NULL, NULL, NULL);
	sqlite3_close(db);
	assert_int_equal(case_open(path, CASE_WRITE, &c, &problem), ERR_FORMAT);
	unlink(path);
	case_close(open_case(path, CASE_WRITE));
	sqlite3_open(path, &db);
	sqlite3_exec(db, "PRAGMA user_version = 99", NULL, NULL, NULL);
	sqlite3_close(db);
	assert_int_equal(case_open(path, CASE_READ, &c, &problem), ERR_UNSUPPORTED);
	free(path);
	free(other);
}

/* ---- equal records ---- */

static char *content(struct case_db *c)
{
	return ask(c,
		   "SELECT group_concat(x, char(10)) FROM (SELECT t.time || '|' || t.source || '|' "
		   "|| t.fields || '|' ||"
		   " coalesce((SELECT group_concat(source, ',') FROM (SELECT source FROM sources "
		   "WHERE event = t.id ORDER BY 1)), '-') AS x"
		   " FROM timeline t ORDER BY 1)");
}

/* The same line twice in one file is two events; in two files it is one, with both as sources. In
 * whatever order, and however cut into runs. */
static void test_merge(void **unused)
{
	static const char *const paths[] = {"/b", "/a", "/c"};
	static const int orders[][3] = {{0, 1, 2}, {2, 1, 0}, {1, 2, 0}};
	struct maker m[3];
	char *first = NULL;

	(void)unused;
	for (int i = 0; i < 3; i++) {
		make_begin(&m[i]);
		for (int k = 0; k < 2000; k++)
			make_event(&m[i], (k + 1000 * i) * S, "common"); /* they overlap */
		for (int k = 0; k <= i; k++)
			make_event(&m[i], 1500 * S, "repeated"); /* 1, 2 and 3 times */
		make_event(&m[i], TIME_NONE, "no time");
		make_done(&m[i]);
	}
	for (size_t o = 0; o < 6; o++) {
		char *path = new_path(), *text, sha[3] = "s0";
		struct case_db *c = open_case(path, CASE_WRITE);

		for (int i = 0; i < 3; i++) {
			int which = orders[o % 3][i];

			sha[1] = (char)('0' + which);
			load(c, paths[which], sha, &m[which]);
			if (o >= 3) { /* a run for each */
				assert_int_equal(case_finish(c, NULL, NULL), OK);
				case_close(c);
				c = open_case(path, CASE_WRITE);
			}
		}
		assert_int_equal(case_finish(c, NULL, NULL), OK);
		/* 4000 seconds with a line each, 3 repeated ones, 3 without a time, of different
		 * files */
		assert_answer(c, "SELECT count(*) FROM event", "4006");
		assert_answer(c, "SELECT sum(events) FROM shape_host", "4006");
		assert_answer(c, "SELECT count(*) FROM timeline WHERE fields LIKE '%repeated%'",
			      "3");
		assert_answer(c,
			      "SELECT source FROM timeline WHERE time = '1970-01-01T00:25:00Z' AND "
			      "fields LIKE '%common%'",
			      "/a");
		text = content(c);
		if (first)
			assert_string_equal(text, first);
		else
			first = xstrdup(text);
		free(text);
		case_close(c);
		free(path);
	}
	free(first);

	/* One of the sources is read anew and then has other content: the event stays with the
	 * other. */
	{
		char *path = new_path();
		struct case_db *c = open_case(path, CASE_WRITE);

		load(c, "/a", "s1", &m[1]);
		load(c, "/b", "s0", &m[0]);
		assert_int_equal(case_finish(c, NULL, NULL), OK);
		assert_answer(c, "SELECT count(*) FROM event", "3004");
		load(c, "/a", "s1", &m[2]);
		assert_int_equal(case_finish(c, NULL, NULL), OK);
		assert_answer(c, "SELECT count(*) FROM timeline WHERE source = '/b'",
			      "2001"); /* "repeated" is in both, and /a sorts first */
		assert_answer(c,
			      "SELECT count(*) FROM event_source WHERE artifact NOT IN (SELECT id "
			      "FROM artifact)",
			      "0");
		assert_answer(c,
			      "SELECT sum(events) = (SELECT count(*) FROM event) FROM shape_host",
			      "1");
		case_close(c);
		free(path);
	}
	for (int i = 0; i < 3; i++)
		buffer_release(&m[i].blocks);
}

/* ---- filters ---- */

static size_t count(struct case_db *c, struct case_filter f)
{
	struct seen seen = {0};
	struct problem problem = {0};

	if (!f.since && !f.until)
		f.since = f.until = TIME_NONE;
	if (case_select(c, &f, see, &seen, &problem) < 0)
		fail_msg("%s", problem.reason);
	buffer_release(&seen.json);
	return seen.count;
}

static void test_filters(void **unused)
{
	struct maker m;
	char *path = new_path(), line[80];
	struct case_db *c = open_case(path, CASE_WRITE);

	(void)unused;
	make_begin(&m);
	for (int i = 0; i < 5000; i++) {
		(void)snprintf(line, sizeof(line), "C:\\Temp\\file%d.exe", i);
		make_event(&m, i * S, line);
	}
	make_event(&m, TIME_NONE, "tab\there");
	make_done(&m);
	load(c, "/log", "aa", &m);
	assert_int_equal(case_finish(c, NULL, NULL), OK);
#define GREP(t) count(c, (struct case_filter){.greps = (const char *const[]){t}, .grep_count = 1})
#define FIELD(t)                                                                                   \
	count(c, (struct case_filter){.fields = (const char *const[]){t}, .field_count = 1})
	assert_int_equal(GREP("FILE4999.EXE"), 1);
	assert_int_equal(GREP("temp\\file4999"), 1);
	assert_int_equal(GREP("file499"), 11); /* 499, 4990..4999 */
	assert_int_equal(GREP("nothing like it"), 0);
	assert_int_equal(GREP("ile"), 5000);
	assert_int_equal(GREP("\there"), 1);
	assert_int_equal(GREP("there"), 0); /* not the t of \t */
	assert_int_equal(GREP("bob"), 5001);
	assert_int_equal(GREP("alpha"), 5001);
	assert_int_equal(FIELD("Line=c:\\temp\\FILE7.exe"), 1);
	assert_int_equal(FIELD("Line=*file49?.exe"), 10);
	assert_int_equal(FIELD("Line=file7"), 0);
	assert_int_equal(FIELD("Other=*"), 0);
	assert_int_equal(count(c, (struct case_filter){.since = 10 * S, .until = 19 * S}), 10);
	assert_int_equal(count(c, (struct case_filter){.since = 4990 * S, .until = TIME_NONE}), 10);
	assert_int_equal(count(c, (struct case_filter){.kinds = (const char *const[]){"logon"},
						       .kind_count = 1}),
			 5001);
	assert_int_equal(count(c, (struct case_filter){.kinds = (const char *const[]){"logoff"},
						       .kind_count = 1}),
			 0);
	assert_int_equal(count(c, (struct case_filter){.hosts = (const char *const[]){"AL*"},
						       .host_count = 1}),
			 5001);
	assert_int_equal(count(c, (struct case_filter){.hosts = (const char *const[]){"beta"},
						       .host_count = 1}),
			 0);
	assert_int_equal(count(c, (struct case_filter){.limit = 7}), 7);
	assert_int_equal(count(c, (struct case_filter){.id = 17}), 1);
#undef GREP
#undef FIELD
	case_close(c);
	buffer_release(&m.blocks);
	free(path);
}

/* Signatures of a load that was killed stay behind in their group: its ids are never given again. */
static void test_killed_group(void **unused)
{
	struct maker m, other;
	char *path = new_path(), line[80];
	struct case_db *c = open_case(path, CASE_WRITE);
	int64_t id;

	(void)unused;
	make_begin(&m);
	for (int i = 0; i < 150000; i++) {
		(void)snprintf(line, sizeof(line), "of the killed load %d", i);
		make_event(&m, i * S, line);
	}
	make_done(&m);
	id = case_artifact_begin(
		c, &(struct case_artifact){.path = "/half", .parser = "test", .mtime = TIME_NONE});
	assert_int_equal(case_load(c, id, buffer_as_view(&m.blocks)), OK);
	assert_int_equal(case_finish(c, NULL, NULL), OK);
	assert_answer(c, "SELECT count(*) FROM signature_group", "1");
	case_close(c);
	c = open_case(path, CASE_WRITE);
	assert_answer(c, "SELECT count(*) FROM event", "0");
	make_begin(&other);
	for (int i = 0; i < 3000; i++) {
		(void)snprintf(line, sizeof(line), "another text %d", i);
		make_event(&other, i * S, line);
	}
	make_done(&other);
	load(c, "/whole", "aa", &other);
	assert_int_equal(case_finish(c, NULL, NULL), OK);
	assert_int_equal(count(c,
			       (struct case_filter){
				       .fields = (const char *const[]){"Line=another text 2987"},
				       .field_count = 1}),
			 1);
	assert_int_equal(
		count(c, (struct case_filter){.greps = (const char *const[]){"another text"},
					      .grep_count = 1}),
		3000);
	assert_int_equal(count(c, (struct case_filter){.greps = (const char *const[]){"killed"},
						       .grep_count = 1}),
			 0);
	assert_int_equal(count(c, (struct case_filter){.kinds = (const char *const[]){"logon"},
						       .kind_count = 1,
						       .hosts = (const char *const[]){"alpha"},
						       .host_count = 1}),
			 3000);
	assert_answer(c, "SELECT sum(events) FROM summary", "3000");
	case_close(c);
	buffer_release(&m.blocks);
	buffer_release(&other.blocks);
	free(path);
}

static int setup(void **unused)
{
	(void)unused;
	return mkdtemp(folder) ? 0 : -1;
}

static int teardown(void **unused)
{
	char *command = xasprintf("rm -rf %s", folder);
	int status = system(command);

	(void)unused;
	free(command);
	return status;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_json),	cmocka_unit_test(test_round_trip),
		cmocka_unit_test(test_hostile), cmocka_unit_test(test_once),
		cmocka_unit_test(test_refuse),	cmocka_unit_test(test_merge),
		cmocka_unit_test(test_filters), cmocka_unit_test(test_killed_group),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
