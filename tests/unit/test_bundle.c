/* Bundles: what is written is proved; no bit of it changes unseen; cut anywhere, the whole members
 * are there. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/bundle_verify.h"
#include "collectors/bundle.h"

#include <stdlib.h>

struct memory_output {
	struct bundle_output out;
	struct buffer bytes;
	size_t room; /* 0: no end */
};

static bool to_memory(struct bundle_output *out, const void *data, size_t n)
{
	struct memory_output *m = (struct memory_output *)out;

	if (m->room && n > m->room - m->bytes.len)
		return false;
	buffer_append(&m->bytes, data, n);
	return true;
}

static char long_name[400];

static int make(struct memory_output *m, uint8_t digest[SHA256_SIZE])
{
	struct bundle_writer *w;
	struct bundle_file live = {
		.member = "live/processes.jsonl", .collector = "processes", .mtime = TIME_NONE};
	struct bundle_file f = {.path = "/var/log/syslog",
				.collector = "log",
				.has_stat = true,
				.uid = 4000000,
				.mode = 0640,
				.inode = 7,
				.mtime = INT64_C(1763930000123456789),
				.atime = TIME_NONE,
				.ctime = TIME_NONE,
				.btime = TIME_NONE};
	int status;

	m->out.write = to_memory;
	w = bundle_writer_new(&m->out, 3);
	(void)bundle_whole(w, &live, view_text("{\"type\":\"process\"}\n"), NULL);
	(void)bundle_whole(w, &f, view_text("one\ntwo\n"), NULL);
	memset(long_name, 'x', sizeof(long_name) - 1);
	memcpy(long_name, "/tmp/", 5);
	f.path = long_name;
	(void)bundle_whole(w, &f, VIEW_EMPTY, NULL);
	f.path = "/home/\xc3\xa9/a\nb%\xff/..";
	(void)bundle_begin(w, &f, 700);
	(void)bundle_data(w, "short", 5);
	(void)bundle_end(w, NULL);
	f.path = "/etc/grown";
	(void)bundle_begin(w, &f, 3);
	(void)bundle_data(w, "abcdef", 6);
	(void)bundle_end(w, NULL);
	f.path = "/etc/shadow";
	bundle_missing(w, &f, "Permission denied");
	status = bundle_finish(w, view_text("\"schema\":1,\"host\":\"h\""), digest);
	bundle_writer_free(w);
	return status;
}

static void count_fault(struct bundle_verifier *v, const char *member,
			const struct problem *problem)
{
	(void)v;
	(void)member;
	assert_true(problem->reason[0] != '\0');
}

static void test_whole(void **unused)
{
	struct memory_output m = {0};
	struct bundle_verifier v = {.fault = count_fault};
	struct bundle_index index;
	struct buffer text = {0};
	const struct bundle_entry *e;
	struct problem p;
	uint8_t digest[SHA256_SIZE], again[SHA256_SIZE];

	(void)unused;
	assert_int_equal(make(&m, digest), OK);
	sha256(buffer_as_view(&m.bytes), again);
	assert_memory_equal(digest, again, sizeof(digest));
	assert_true(bundle_probe(buffer_as_view(&m.bytes)));
	assert_int_equal(bundle_verify(buffer_as_view(&m.bytes), &v), OK);
	assert_true(v.result.complete);
	assert_int_equal(v.result.members, 7);
	assert_int_equal(v.result.good, 7);
	assert_int_equal(v.result.notes, 2);

	assert_int_equal(bundle_index_load(buffer_as_view(&m.bytes), &index, &p), OK);
	e = bundle_index_find(&index, "files/var/log/syslog");
	assert_non_null(e);
	assert_int_equal(bundle_read(buffer_as_view(&m.bytes), e, 1 << 20, &text, &p), OK);
	assert_string_equal(buffer_text(&text), "one\ntwo\n");
	assert_int_equal(bundle_read(buffer_as_view(&m.bytes), e, 5, &text, &p), ERR_LIMIT);
	assert_string_equal(buffer_text(&text), "one\nt");
	e = bundle_index_find(&index, "files/home/\xc3\xa9/a%0Ab%25%FF/%2E%2E");
	assert_non_null(e);
	assert_int_equal(e->size, 700);
	e = bundle_index_find(&index, "files/etc/grown");
	assert_non_null(e);
	assert_int_equal(e->size, 3);
	bundle_index_release(&index);
	buffer_release(&text);
	buffer_release(&m.bytes);
}

static void test_every_bit(void **unused)
{
	struct memory_output m = {0};
	uint8_t digest[SHA256_SIZE];

	(void)unused;
	assert_int_equal(make(&m, digest), OK);
	for (size_t i = 0; i < m.bytes.len * 8; i++) {
		struct bundle_verifier v = {.fault = count_fault};

		m.bytes.data[i / 8] ^= (char)(1 << i % 8);
		if (bundle_verify(buffer_as_view(&m.bytes), &v) == OK)
			fail_msg("bit %zu of byte %zu changed unseen", i % 8, i / 8);
		m.bytes.data[i / 8] ^= (char)(1 << i % 8);
	}
	buffer_release(&m.bytes);
}

static void test_every_cut(void **unused)
{
	struct memory_output m = {0};
	struct bundle_index whole, index;
	struct problem p;
	uint8_t digest[SHA256_SIZE];

	(void)unused;
	assert_int_equal(make(&m, digest), OK);
	assert_int_equal(bundle_index_load(buffer_as_view(&m.bytes), &whole, &p), OK);
	for (size_t n = 0; n < m.bytes.len; n++) {
		/* A copy of exactly this length, so that a read past it is found by the sanitizer.
		 */
		char *copy = xmemdup0(m.bytes.data, n);
		struct view cut = view_of(copy, n);
		struct bundle_verifier v = {.fault = count_fault};
		size_t want = 0;

		while (want < whole.count && whole.entries[want].offset +
							     whole.entries[want].length +
							     BUNDLE_RECEIPT_SIZE <=
						     n)
			want++;
		assert_true(bundle_verify(cut, &v) < 0);
		assert_false(v.result.complete);
		if (want || v.result.members) {
			assert_int_equal(v.result.members, want);
			assert_int_equal(v.result.good, want);
			assert_int_equal(bundle_index_load(cut, &index, &p), OK);
			for (size_t i = 0; i < want; i++) {
				assert_string_equal(index.entries[i].name, whole.entries[i].name);
				assert_int_equal(index.entries[i].data_offset,
						 whole.entries[i].data_offset);
				assert_int_equal(index.entries[i].size, whole.entries[i].size);
			}
			bundle_index_release(&index);
		}
		free(copy);
	}
	bundle_index_release(&whole);
	buffer_release(&m.bytes);
}

/* Bytes lost in the middle and the index too: what follows is still found. */
static void test_hole(void **unused)
{
	struct memory_output m = {0};
	struct bundle_index index;
	struct problem p;
	uint8_t digest[SHA256_SIZE];

	(void)unused;
	assert_int_equal(make(&m, digest), OK);
	assert_int_equal(bundle_index_load(buffer_as_view(&m.bytes), &index, &p), OK);
	memset(m.bytes.data + index.entries[1].offset, 0xee, 20);
	m.bytes.len -= 8;
	bundle_index_release(&index);
	assert_int_equal(bundle_index_load(buffer_as_view(&m.bytes), &index, &p), OK);
	assert_int_equal(index.count, 6);
	assert_null(bundle_index_find(&index, "files/var/log/syslog"));
	assert_non_null(bundle_index_find(&index, "manifest.json"));
	bundle_index_release(&index);
	buffer_release(&m.bytes);
}

static void test_full_disk(void **unused)
{
	(void)unused;
	for (size_t room = 1; room < 3000; room += 53) {
		struct memory_output m = {.room = room};
		struct bundle_verifier v = {.fault = count_fault};
		uint8_t digest[SHA256_SIZE];

		assert_int_equal(make(&m, digest), ERR_IO);
		assert_true(m.bytes.len <= room);
		assert_true(bundle_verify(buffer_as_view(&m.bytes), &v) < 0);
		buffer_release(&m.bytes);
	}
}

static void test_names(void **unused)
{
	static const struct {
		const char *path, *member, *back;
	} cases[] = {
		{"/", "files", NULL},
		{"/a//b/", "files/a/b", "/a/b"},
		{"/a/%41", "files/a/%2541", "/a/%41"},
		{"/a/..", "files/a/%2E%2E", "/a/.."},
		{"/./...", "files/%2E/...", "/./..."},
		{"/\x1b[2J\x7f\\", "files/%1B[2J%7F%5C", "/\x1b[2J\x7f\\"},
		{"/\xed\xa0\x80", "files/%ED%A0%80", "/\xed\xa0\x80"},
		{"/\xef\xbf\xbd", "files/\xef\xbf\xbd", "/\xef\xbf\xbd"},
		{"C:/Users", "files/C/Users", NULL},
	};

	(void)unused;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct buffer b = {0}, back = {0};

		bundle_member_name(&b, view_text(cases[i].path));
		assert_string_equal(buffer_text(&b), cases[i].member);
		bundle_member_path(&back, buffer_as_view(&b));
		if (cases[i].back)
			assert_string_equal(buffer_text(&back), cases[i].back);
		buffer_release(&b);
		buffer_release(&back);
	}
}

static void test_json(void **unused)
{
	struct buffer b = {0};
	struct view line = view_text(
		"{\"a\":\"x\\\"\\u00e9\\n\",\"list\":[\"]\",{\"size\":9}], \"size\": "
		"12,\"t\":true}");

	(void)unused;
	assert_true(bundle_json_value(line, "a", &b));
	assert_string_equal(buffer_text(&b), "x\"\xc3\xa9\n");
	assert_true(bundle_json_value(line, "size", &b));
	assert_string_equal(buffer_text(&b), "12");
	assert_true(bundle_json_value(line, "t", &b));
	assert_string_equal(buffer_text(&b), "true");
	assert_false(bundle_json_value(line, "none", &b));
	for (size_t n = 0; n < line.len; n++) {
		char *copy = xmemdup0(line.data, n);

		(void)bundle_json_value(view_of(copy, n), "none", &b);
		free(copy);
	}
	buffer_release(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_whole),	  cmocka_unit_test(test_every_bit),
		cmocka_unit_test(test_every_cut), cmocka_unit_test(test_hole),
		cmocka_unit_test(test_full_disk), cmocka_unit_test(test_names),
		cmocka_unit_test(test_json),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
