/* PowerShell script blocks in parts: put together in any order, over the ends of segments and of the
 * ring, and what is missing said; encoded commands are bounded. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/sha256.h"
#include "base/text.h"
#include "parsers/encoded.h"
#include "parsers/script.h"
#include "tests/lib/evtx_writer.h"

#include <stdio.h>
#include <stdlib.h>

struct told {
	struct sink sink;
	struct buffer text; /* of each script: id, what is missing or its hash, text; a line each */
	size_t count;
	bool all; /* events that are no scripts count too */
	size_t events;
};

static void field(struct buffer *out, const struct event *e, const char *name)
{
	const struct value *v = event_find(e, name);

	if (v)
		value_append(out, v);
	buffer_char(out, '|');
}

static int tell(struct sink *sink, const struct event *e)
{
	struct told *t = (struct told *)sink;

	t->events++;
	if (!event_find(e, "PartLengths"))
		return OK;
	t->count++;
	field(&t->text, e, "ScriptBlockId");
	field(&t->text, e, "MissingParts");
	field(&t->text, e, "PartRecords");
	field(&t->text, e, "PartLengths");
	field(&t->text, e, "ScriptBlockText");
	buffer_char(&t->text, '\n');
	return OK;
}

static struct value wide(struct buffer *b, const char *bytes, size_t n)
{
	b->len = 0;
	for (size_t i = 0; i < n; i++) {
		buffer_char(b, bytes[i]);
		buffer_char(b, 0);
	}
	return value_utf16(buffer_as_view(b));
}

static void add(struct scripts *s, struct parse *p, uint32_t number, uint32_t total,
		struct value text)
{
	static const char *const names[] = {"MessageNumber", "MessageTotal", "ScriptBlockText",
					    "ScriptBlockId", "EventRecordID"};
	struct view views[5];
	struct value values[5] = {value_signed(number), value_signed(total), text, value_text("id"),
				  value_unsigned(100 + number)};
	struct event e = {
		.ts = 1000 - (int64_t)number, .kind = KIND_SCRIPT_BLOCK, .values = values};

	for (size_t i = 0; i < 5; i++)
		views[i] = view_text(names[i]);
	e.shape = shape_intern(p->shapes, views, 5);
	assert_true(script_shape(e.shape));
	assert_int_equal(scripts_add(s, p, &e, 0), OK);
}

static void test_order(void **unused)
{
	struct told t = {.sink.event = tell};
	struct shape_table *shapes = shape_table_new();
	struct scripts s = {0};
	struct parse p;
	struct buffer b = {0};
	/* U+1F600, cut in its middle */
	static const uint8_t high[] = {'a', 0, 0x3d, 0xd8}, low[] = {0x00, 0xde, 'b', 0};

	(void)unused;
	parse_init(&p, &t.sink, shapes);
	add(&s, &p, 2, 2, value_utf16(view_of(low, 4)));
	add(&s, &p, 2, 2, value_utf16(view_of(low, 4))); /* of a copy of the log */
	assert_int_equal(t.count, 0);
	add(&s, &p, 1, 2, value_utf16(view_of(high, 4)));
	assert_int_equal(t.count, 1);
	assert_string_equal(buffer_text(&t.text),
			    "id||101, 102|1, 5|a\xf0\x9f\x98\x80"
			    "b|\n");
	assert_null(s.open);
	t.text.len = 0;
	/* Halves whose other half is missing, and a part of a number that cannot be. */
	add(&s, &p, 1, 4, value_utf16(view_of(high, 4)));
	add(&s, &p, 3, 4, value_utf16(view_of(low, 4)));
	add(&s, &p, 9, 4, wide(&b, "x", 1));
	add(&s, &p, 1, 1, wide(&b, "x", 1));
	assert_int_equal(scripts_end(&s, &p), OK);
	assert_string_equal(buffer_text(&t.text),
			    "id|2, 4|101, 103|4, 5|a\xef\xbf\xbd\n\xef\xbf\xbd"
			    "b|\n");
	buffer_release(&b);
	buffer_release(&t.text);
	parse_done(&p);
	shape_table_free(shapes);
}

/* Memory is bounded whatever comes, and nothing that was taken is forgotten. */
static void test_bound(void **unused)
{
	struct told t = {.sink.event = tell};
	struct shape_table *shapes = shape_table_new();
	struct scripts s = {0};
	struct parse p;
	size_t n = 1u << 19;
	char *text = xcalloc(1, n);
	struct value v = value_view(view_of(memset(text, 'x', n), n));

	(void)unused;
	parse_init(&p, &t.sink, shapes);
	for (uint32_t i = 1; i <= 100; i++) {
		add(&s, &p, i, LIMIT_SCRIPT_PARTS, v);
		assert_true(s.bytes <= LIMIT_SCRIPTS);
	}
	assert_int_equal(scripts_end(&s, &p), OK);
	assert_true(t.text.len > 100 * n);
	buffer_release(&t.text);
	parse_done(&p);
	shape_table_free(shapes);
	free(text);
}

/* ---- in a log that is read in segments ---- */

static struct evtx_writer_template record = {
	.xml = "<Event><System><Provider Name='Test'/><EventID>4104</EventID><TimeCreated "
	       "SystemTime='?0'/><EventRecordID>%1</EventRecordID><Computer>host</Computer>"
	       "</System><EventData><Data Name='MessageNumber'>%2</Data><Data "
	       "Name='MessageTotal'>%3</Data><Data Name='ScriptBlockText'>%4</Data><Data "
	       "Name='ScriptBlockId'>%5</Data></EventData></Event>"};

static int keep(void *data, const void *bytes, size_t n)
{
	buffer_append(data, bytes, n);
	return 0;
}

static void put(struct evtx_writer *w, uint32_t number, uint32_t total, const char *id,
		const char *text)
{
	const uint64_t ticks = UINT64_C(133400000000000000), n = w->record;
	const struct evtx_writer_value v[] = {{.type = 17, .data = &ticks, .size = 8},
					      {.type = 10, .data = &n, .size = 8},
					      {.type = 7, .data = &number, .size = 4},
					      {.type = 7, .data = &total, .size = 4},
					      {.type = 1, .text = text},
					      {.type = 1, .text = id}};

	assert_int_equal(evtx_writer_record(w, ticks, &record, v, 6), 0);
}

static int by_line(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* The lines in order, so that who found them does not matter. */
static char *sorted(struct buffer *b)
{
	char *text = xstrdup(buffer_text(b)), *lines[64], *save = NULL, *line;
	struct buffer out = {0};
	size_t n = 0;

	for (line = strtok_r(text, "\n", &save); line && n < 64; line = strtok_r(NULL, "\n", &save))
		lines[n++] = line;
	qsort(lines, n, sizeof(*lines), by_line);
	for (size_t i = 0; i < n; i++)
		buffer_printf(&out, "%s\n", lines[i]);
	free(text);
	text = xstrdup(buffer_text(&out));
	buffer_release(&out);
	return text;
}

static void test_segments(void **unused)
{
	static struct evtx_writer w;
	static char filler[24000];
	struct buffer log = {0};
	struct told whole = {.sink.event = tell}, parts = {.sink.event = tell};
	const struct parser *evtx = parser_find("evtx");
	const uint32_t chunks = 3 * 64;
	uint32_t segments;
	char *a, *b;

	(void)unused;
	memset(filler, '.', sizeof(filler) - 1);
	memset(buffer_reserve(&log, 4096), 0, 4096);
	log.len = 4096;
	evtx_writer_init(&w, keep, &log);
	while (w.number < chunks || w.pos < 40000) {
		uint32_t n = w.number; /* chunk of the next record, or the one before it */
		static uint32_t last;

		put(&w, 1, 1, "filler", filler);
		if (w.number == last)
			continue;
		last = n = w.number;
		if (n == 1)
			put(&w, 2, 2, "ring", "second"), put(&w, 3, 3, "lost", "third");
		if (n == 30 || n == 31)
			put(&w, n - 29, 2, "inside", "x");
		if (n >= 60 && n < 72)
			put(&w, n - 59, 12, "over the end", "y");
		if (n == 63 || n == 66)
			put(&w, n == 63 ? 3 : 1, 3, "over the end, one lost", "z");
		if (n >= 120 && n < 136 && n != 128)
			put(&w, n - 119, 16, "over the end, long", "v");
		if (n == 128)
			put(&w, 9, 16, "over the end, long", "nine");
		if (n == chunks)
			put(&w, 1, 2, "ring", "first");
	}
	assert_int_equal(evtx_writer_end(&w), 0);
	evtx_writer_head(&w, (uint8_t *)log.data);
	segments = evtx->segments(buffer_as_view(&log));
	assert_true(segments >= 3);
	for (uint32_t i = 0; i <= segments; i++) {
		struct shape_table *shapes = shape_table_new();
		struct parse p;

		parse_init(&p, i ? &parts.sink : &whole.sink, shapes);
		if (i) {
			p.segment_from = i - 1;
			p.segment_to = i;
		}
		assert_int_equal(evtx->parse(&p, buffer_as_view(&log)), OK);
		parse_done(&p);
		shape_table_free(shapes);
	}
	assert_int_equal(whole.count, 6);
	a = sorted(&whole.text);
	b = sorted(&parts.text);
	assert_string_equal(a, b);
	assert_int_equal(parts.events, whole.events);
	assert_non_null(strstr(a, "ring||"));
	assert_non_null(strstr(a, "over the end||"));
	assert_non_null(strstr(a, "over the end, one lost|2|"));
	assert_non_null(strstr(a, "lost|1-2|"));
	free(a);
	free(b);
	buffer_release(&whole.text);
	buffer_release(&parts.text);
	buffer_release(&log);
}

/* ---- encoded commands ---- */

static void base64(struct buffer *out, struct view v)
{
	static const char letters[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

	for (size_t i = 0; i < v.len; i += 3) {
		uint32_t n = (uint32_t)view_get8(v, i) << 16 | (uint32_t)view_get8(v, i + 1) << 8 |
			     view_get8(v, i + 2);

		for (unsigned k = 0; k < 4; k++)
			buffer_char(out, i + k <= v.len ? letters[n >> (18 - 6 * k) & 63] : '=');
	}
}

static void test_depth(void **unused)
{
	struct arena arena = {0};
	struct buffer text = {0}, wide_ = {0};
	struct encoded found = {0};

	(void)unused;
	buffer_string(&text, "whoami /priv");
	for (unsigned i = 0; i < 12; i++) {
		struct buffer next = {0};

		wide_.len = 0;
		(void)wide(&wide_, text.data, text.len);
		buffer_string(&next, "powershell -e ");
		base64(&next, buffer_as_view(&wide_));
		buffer_release(&text);
		text = next;
		memset(&found, 0, sizeof(found));
		encoded_find(&arena, buffer_as_view(&text), &found);
		assert_int_equal(found.count, i + 1 < ENCODED_DEPTH ? i + 1 : ENCODED_DEPTH);
		if (i < ENCODED_DEPTH)
			assert_true(view_is(view_of(found.text[i].data, found.text[i].len),
					    "whoami /priv"));
		if (text.len > 200000)
			break;
	}
	buffer_release(&text);
	buffer_release(&wide_);
	arena_release(&arena);
}

static bool likely(const char *s)
{
	struct value v = value_text(s);

	return encoded_likely(&v);
}

static void test_likely(void **unused)
{
	char text[64];

	(void)unused;
	assert_true(likely("-e dwBoAG8AYQBtAGkA"));
	assert_false(
		likely("C:\\Windows\\System32\\WindowsPowerShell\\v1.0\\powershell.exe -File x"));
	/* A run is seen wherever it begins. */
	for (unsigned i = 0; i < 40; i++) {
		(void)snprintf(text, sizeof(text), "%*sdwBoAG8AYQBtAGkA %*s", (int)i, "", (int)i,
			       "");
		assert_true(likely(text));
		(void)snprintf(text, sizeof(text), "%*sabcdefghijklmnopqrstuvwx", (int)i, "");
		assert_true(likely(text));
		(void)snprintf(text, sizeof(text), "%*sabcdefghijklmnopqrstuvw", (int)i, "");
		assert_false(likely(text));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_order), cmocka_unit_test(test_bound),
		cmocka_unit_test(test_segments), cmocka_unit_test(test_depth),
		cmocka_unit_test(test_likely)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
