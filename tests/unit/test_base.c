/* The base: views, text, times, hashes, tables of options, events. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/event.h"
#include "base/sha256.h"
#include "base/text.h"

#include <stdlib.h>

static void is_text(const struct buffer *b, const char *want)
{
	assert_int_equal(b->len, strlen(want));
	assert_memory_equal(b->data, want, b->len);
}

static void test_view_bounds(void **unused)
{
	const uint8_t bytes[] = {1, 2, 3, 4, 5};
	struct view v = view_of(bytes, sizeof(bytes));
	uint32_t n32 = 7;
	uint16_t n16 = 7;

	(void)unused;
	assert_true(view_u32le(v, 1, &n32));
	assert_int_equal(n32, 0x05040302);
	assert_false(view_u32le(v, 2, &n32));
	assert_false(view_u16le(v, SIZE_MAX, &n16));
	assert_false(view_has(v, 4, SIZE_MAX));
	assert_int_equal(view_sub(v, 3, 3).len, 0);
	assert_int_equal(view_clip(v, 3, 9).len, 2);
	assert_int_equal(view_get32(v, 4), 0);
	assert_true(view_u16be(v, 0, &n16));
	assert_int_equal(n16, 0x0102);
}

static void test_view_text(void **unused)
{
	struct view rest = view_text("one\r\n\ntwo"), line;
	uint64_t n;

	(void)unused;
	assert_true(view_line(&rest, &line) && view_is(line, "one"));
	assert_true(view_line(&rest, &line) && view_is(line, ""));
	assert_true(view_line(&rest, &line) && view_is(line, "two"));
	assert_false(view_line(&rest, &line));
	assert_true(view_decimal(view_text("18446744073709551615"), &n));
	assert_false(view_decimal(view_text("18446744073709551616"), &n));
	assert_false(view_decimal(view_text("1x"), &n));
	assert_false(view_decimal(view_text(""), &n));
	assert_true(view_glob(view_text("bash_history.1"), "*SH_hist*"));
	assert_true(view_glob(view_text("aXbXc"), "a*x?"));
	assert_false(view_glob(view_text("ab"), "a?b"));
	assert_true(view_glob(view_text(""), "*"));
}

static void test_utf16(void **unused)
{
	static const uint8_t text[] = {'a',  0,	   0xe9, 0,    0xac, 0x20, 0x3d, 0xd8,
				       0x00, 0xde, 0x00, 0xd8, 'z',  0,	   9};
	struct buffer b = {0};

	(void)unused;
	text_utf16(&b, view_of(text, sizeof(text)));
	is_text(&b, "a\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\xef\xbf\xbdz");
	b.len = 0;
	/* A pair, and lone halves: high, low, high before a letter. */
	text_wtf8(&b, view_of("\x3d\xd8\x00\xde\x3d\xd8\x00\xde\x00\xde\x3d\xd8x", 13));
	assert_memory_equal(buffer_text(&b),
			    "\xf0\x9f\x98\x80\xf0\x9f\x98\x80\xed\xb8\x80\xed\xa0\xbd", 15);
	b.len = 0;
	text_json_utf16(&b, view_of("\"\0\\\0\n\0\1\0", 8));
	is_text(&b, "\\\"\\\\\\n\\u0001");
	buffer_release(&b);
}

static void test_escapes(void **unused)
{
	struct buffer b = {0};

	(void)unused;
	text_utf8(&b, view_of("a\xff\xc0\x80z\xed\xa0\x80", 8));
	is_text(&b, "a\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbdz\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd");
	b.len = 0;
	text_terminal(&b, view_text("x\033[31m\n\xe2\x80\xae\xc2\x9b\xc3\xa9\xff"));
	is_text(&b, "x\\x1b[31m\\x0a\\u{202e}\\u{9b}\xc3\xa9\\xff");
	b.len = 0;
	text_tsv(&b, view_text("a\tb\\c\nd"));
	is_text(&b, "a\\tb\\\\c\\nd");
	b.len = 0;
	text_csv(&b, view_text("say \"x\", y"));
	is_text(&b, "\"say \"\"x\"\", y\"");
	b.len = 0;
	text_xml(&b, view_of("<a b=\"&\">\1\0", 11));
	is_text(&b, "&lt;a b=&quot;&amp;&quot;&gt;");
	buffer_release(&b);
}

static void is_time(int64_t ts, const char *want)
{
	char text[TIME_TEXT];

	time_format(ts, text);
	assert_string_equal(text, want);
}

static void test_times(void **unused)
{
	int64_t ts;
	bool zoned;
	size_t used;

	(void)unused;
	is_time(time_from_filetime(UINT64_C(132223104000000001)), "2020-01-01T00:00:00.0000001Z");
	assert_true(time_from_filetime(0) == TIME_NONE);
	assert_true(time_from_filetime(UINT64_MAX) == TIME_NONE);
	is_time(time_from_filetime(1), "");
	is_time(time_from_unix(-1), "1969-12-31T23:59:59Z");
	is_time(time_from_unix_scaled(1600000000123, 1000), "2020-09-13T12:26:40.123Z");
	is_time(time_from_webkit(INT64_C(13222310400000001)), "2020-01-01T00:00:00.000001Z");
	is_time(time_from_cocoa(599529600.5), "2020-01-01T00:00:00.500Z");
	is_time(time_from_ole(43831.5), "2020-01-01T12:00:00Z");
	is_time(time_from_dos(0x5021, 0x6000), "2020-01-01T12:00:00Z");
	is_time(time_from_civil(2000, 2, 29, 23, 59, 60, 0), "2000-02-29T23:59:59Z");
	assert_true(time_from_civil(1900, 2, 29, 0, 0, 0, 0) == TIME_NONE);
	assert_true(
		time_parse_iso(view_text("2026-11-23T10:20:30.5+02:30 rest"), &ts, &zoned, &used));
	is_time(ts, "2026-11-23T07:50:30.500Z");
	assert_true(zoned);
	assert_int_equal(used, 27);
	assert_true(time_parse_iso(view_text("2026-11-23"), &ts, &zoned, NULL));
	assert_false(zoned);
	assert_false(time_parse_iso(view_text("2026-13-23"), &ts, NULL, NULL));
	assert_false(time_parse_iso(view_text("2026-11-23T10:20x"), &ts, NULL, NULL));
	assert_true(time_parse_user(view_text("2 days ago"), 3 * 86400 * TIME_SECOND, &ts));
	is_time(ts, "1970-01-02T00:00:00Z");
	assert_true(time_parse_user(view_text("-90m"), 7200 * TIME_SECOND, &ts));
	is_time(ts, "1970-01-01T00:30:00Z");
	assert_false(time_parse_user(view_text("soon"), 0, &ts));
	for (int64_t day = -80000; day < 80000; day += 13) { /* there and back */
		struct civil c = time_to_civil(day * 86400 * TIME_SECOND + 1);

		assert_true(time_from_civil(c.year, c.month, c.day, c.hour, c.minute, c.second,
					    c.nanosecond) == day * 86400 * TIME_SECOND + 1 ||
			    c.year < 1754);
	}
}

static void test_sha256(void **unused)
{
	/* FIPS 180-4's examples, and a million 'a'. */
	static const struct {
		const char *text, *hex;
	} cases[] = {
		{"", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
		{"abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
		{"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
		 "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"},
	};
	uint8_t digest[SHA256_SIZE];
	char hex[65], block[1000];
	struct sha256 h;

	(void)unused;
	for (size_t i = 0; i < 3; i++) {
		sha256(view_text(cases[i].text), digest);
		sha256_hex(digest, hex);
		assert_string_equal(hex, cases[i].hex);
	}
	memset(block, 'a', sizeof(block));
	sha256_init(&h);
	for (unsigned i = 0; i < 1000; i++)
		sha256_update(&h, block, sizeof(block));
	sha256_final(&h, digest);
	sha256_hex(digest, hex);
	assert_string_equal(hex,
			    "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

static void test_event_json(void **unused)
{
	struct shape_table *t = shape_table_new();
	struct view names[] = {view_text("a"), view_text("Data"), view_text("q\""),
			       view_text("Data"), view_text("none")};
	static const uint8_t sid[] = {1, 2, 0, 0, 0, 0, 0, 5, 32, 0, 0, 0, 0x20, 2, 0, 0};
	struct value values[] = {value_unsigned(7),
				 value_text("x"),
				 value_binary(view_of(sid, 2)),
				 value_utf16(view_of("y\0", 2)),
				 {0}};
	const struct shape *s = shape_intern(t, names, 5);
	struct event e = {.ts = 0,
			  .ts_desc = "Creation Time",
			  .kind = KIND_LOGON,
			  .shape = s,
			  .values = values};
	struct event_origin origin = {NULL, "/a\nb", "p"};
	struct value v = {.type = VALUE_SID, .len = sizeof(sid), .data = sid};
	struct buffer b = {0};

	(void)unused;
	assert_ptr_equal(s, shape_intern(t, names, 5));
	assert_ptr_not_equal(s, shape_intern(t, names, 4));
	assert_false(s->unique);
	event_fields_json(&b, &e);
	is_text(&b, "{\"a\":7,\"Data\":[\"x\",\"y\"],\"q\\\"\":\"0102\"}");
	b.len = 0;
	event_json(&b, &e, &origin);
	is_text(&b,
		"{\"ts\":\"1970-01-01T00:00:00Z\",\"ts_desc\":\"Creation "
		"Time\",\"kind\":\"logon\",\"message\":\"a: 7, Data: x, q\\\": 0102, "
		"Data: "
		"y\",\"host\":null,\"user\":null,\"parser\":\"p\",\"source\":\"/"
		"a\\nb\",\"fields\":{\"a\":7,\"Data\":[\"x\",\"y\"],"
		"\"q\\\"\":\"0102\"}}\n");
	b.len = 0;
	value_append(&b, &v);
	is_text(&b, "S-1-5-32-544");
	b.len = 0;
	v = value_filetime(UINT64_C(132223104001234567));
	value_append(&b, &v);
	is_text(&b, "2020-01-01T00:00:00.123456Z");
	assert_ptr_equal(event_find(&e, "none"), NULL);
	assert_int_equal(event_kind_of(view_text("logon_failure")), KIND_LOGON_FAILURE);
	buffer_release(&b);
	shape_table_free(t);
}

static void test_buffer_printf(void **unused)
{
	struct buffer b = {0};

	(void)unused;
	for (unsigned i = 0; i < 5000; i++) { /* over every edge of the capacity */
		buffer_printf(&b, "%c", 'a' + (int)(i % 26));
		assert_int_equal(b.data[i], 'a' + (int)(i % 26));
	}
	b.len = 0;
	buffer_printf(&b, "%0500d", 7);
	assert_int_equal(b.len, 500);
	assert_int_equal(b.data[499], '7');
	buffer_release(&b);
}

static void test_arena(void **unused)
{
	struct arena a = {.limit = 1 << 20};

	(void)unused;
	for (int round = 0; round < 3; round++) {
		char *last = NULL;

		for (size_t n = 1; n < 5000; n += 97) {
			char *p = arena_alloc(&a, n);

			assert_non_null(p);
			assert_int_equal((uintptr_t)p % 16, 0);
			memset(p, 1, n);
			assert_ptr_not_equal(p, last);
			last = p;
		}
		assert_null(arena_alloc(&a, 2 << 20));
		arena_reset(&a);
	}
	arena_release(&a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_view_bounds),   cmocka_unit_test(test_view_text),
		cmocka_unit_test(test_utf16),	      cmocka_unit_test(test_escapes),
		cmocka_unit_test(test_times),	      cmocka_unit_test(test_sha256),
		cmocka_unit_test(test_event_json),    cmocka_unit_test(test_arena),
		cmocka_unit_test(test_buffer_printf),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
