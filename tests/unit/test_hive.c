/* The hive container: Marvin32, and logs replayed to exactly what Windows would load. Cases:
 * tests/fixtures/make_regf.py. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stddef.h>
#include <cmocka.h>

#include "parsers/hive.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static char folder[] = "/tmp/test_hive.XXXXXX";
static struct arena files = {.limit = (size_t)1 << 30}; /* what load() gave, until the end */

static struct view load(const char *name, const char *suffix)
{
	char path[256];
	struct buffer b = {0};
	FILE *f;

	(void)snprintf(path, sizeof(path), "%s/_hive/%s%s", folder, name, suffix);
	if (!(f = fopen(path, "rb")))
		return VIEW_EMPTY;
	while (!feof(f))
		b.len += fread(buffer_reserve(&b, 65536), 1, 65536, f);
	(void)fclose(f);
	struct view v = view_of(arena_strndup(&files, b.data, b.len), b.len);

	buffer_release(&b);
	return v;
}

static void test_marvin(void **state)
{
	(void)state;
	/* Known answers of the public test vectors of the hash. */
	assert_int_equal(hive_marvin32(UINT64_C(0x004fb61a001bdbcc), VIEW_EMPTY),
			 UINT64_C(0x30ed35c100cd3c7d));
	assert_int_equal(hive_marvin32(UINT64_C(0x004fb61a001bdbcc), view_of("\xaf", 1)),
			 UINT64_C(0x48e73fc77d75ddc1));
	assert_int_equal(hive_marvin32(UINT64_C(0x004fb61a001bdbcc), view_of("\xe7\x0f", 2)),
			 UINT64_C(0xb5f6e1fc485dbff8));
}

static void test_replay(void **state)
{
	static const struct {
		const char *name, *want; /* NULL: as it was */
		unsigned entries;
	} cases[] = {
		{"new-one", "want-1", 1},    /* an older entry before it is passed over */
		{"new-both", "want-2", 2},   /* the second log holds the earlier entry */
		{"new-torn", "want-1", 1},   /* an entry whose hash is wrong ends the log */
		{"new-gap", "want-1", 1},    /* a number that does not follow ends the replay */
		{"new-header", "want-1", 1}, /* a bad base block: only the newer log */
		{"new-clean", NULL, 0},	     /* not dirty: logs are left alone */
		{"old-one", "want-1", 1},
		{"old-grown", "want-2", 1}, /* the log makes the hive longer */
		{"old-foreign", NULL, 0},   /* another time stamp: not of this state */
		{"old-header", "want-1", 1},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct view file = load(cases[i].name, ""),
			    want = cases[i].want ? load(cases[i].want, "") : file;
		struct hive h;
		struct hive_key root;

		assert_true(file.len > HIVE_BASE && want.len > HIVE_BASE);
		assert_int_equal(hive_open(&h, file, VIEW_EMPTY, load(cases[i].name, ".LOG1"),
					   load(cases[i].name, ".LOG2")),
				 OK);
		if (h.replayed != cases[i].entries)
			print_error("%s: %u entries\n", cases[i].name, h.replayed);
		assert_int_equal(h.replayed, cases[i].entries);
		assert_true(h.cells.len >= want.len - HIVE_BASE);
		assert_memory_equal(h.cells.data, want.data + HIVE_BASE, want.len - HIVE_BASE);
		assert_true(hive_key_at(&h, h.root, &root));
		assert_true(hive_name_is(root.name, root.ascii, "root"));
		hive_release(&h);
	}
}

static int nothing(void *data, uint32_t offset, struct view c, bool allocated)
{
	*(uint64_t *)data += offset + c.len + allocated;
	return OK;
}

static int told(void *data, uint32_t offset, const char *why)
{
	*(uint64_t *)data += offset + strlen(why);
	return OK;
}

/* Logs are evidence too: damaged ones end or are left, nothing else. */
static void test_damaged_logs(void **state)
{
	static const char *const names[] = {"new-both", "new-header", "old-grown", "old-header"};
	uint32_t random = 1;

	(void)state;
	for (size_t n = 0; n < 4; n++) {
		struct view file = load(names[n], ""), one = load(names[n], ".LOG1"),
			    two = load(names[n], ".LOG2");
		struct view target = one.len ? one : two;

		for (unsigned i = 0; i < 500; i++) {
			uint8_t *copy = xmalloc(target.len);
			size_t len = target.len;
			uint64_t sum = 0;
			struct hive h;

			memcpy(copy, target.data, len);
			for (unsigned j = 0; j < 1 + i % 4; j++) {
				random = random * 1664525 + 1013904223;
				copy[(random >> 8) % (i % 2 ? len : 1024)] =
					(uint8_t)(i % 3 ? random >> 3 : 0xff);
			}
			if (i % 5 == 0)
				len = random % len;
			assert_int_equal(hive_open(&h, file, VIEW_EMPTY, view_of(copy, len),
						   one.len ? two : VIEW_EMPTY),
					 OK);
			assert_int_equal(hive_scan(&h, nothing, told, &sum), OK);
			hive_release(&h);
			free(copy);
		}
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_marvin),
		cmocka_unit_test(test_replay),
		cmocka_unit_test(test_damaged_logs),
	};
	char command[256];
	int status;

	if (!mkdtemp(folder))
		return 1;
	(void)snprintf(command, sizeof(command), "python3 tests/fixtures/make_regf.py %s", folder);
	if (system(command) != 0)
		return 1;
	status = cmocka_run_group_tests(tests, NULL, NULL);
	arena_release(&files);
	(void)snprintf(command, sizeof(command), "rm -rf %s", folder);
	return system(command) != 0 || status;
}
