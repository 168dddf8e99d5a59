/* Process trees: ids that are reused, parents that nobody recorded, sources that tell the same
 * start twice. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "analysis/process.h"

#define S TIME_SECOND

static void start(struct process_table *t, int64_t second, uint64_t pid, uint64_t ppid,
		  const char *image, const char *parent_image)
{
	process_table_add(t, &(struct process_record){.what = PROCESS_STARTED,
						      .ts = second * S,
						      .event = second,
						      .pid = pid,
						      .ppid = ppid,
						      .image = image,
						      .parent_image = parent_image});
}

static void stop(struct process_table *t, int64_t second, uint64_t pid)
{
	process_table_add(t, &(struct process_record){.what = PROCESS_STOPPED,
						      .ts = second * S,
						      .pid = pid,
						      .ppid = UINT64_MAX});
}

static const char *parent_image(struct process_table *t, size_t i)
{
	size_t parent = i == PROCESS_NONE ? i : process_at(t, i)->parent;

	return parent == PROCESS_NONE ? "none" : process_at(t, parent)->image;
}

static void test_reuse(void **unused)
{
	struct process_table *t = process_table_new();

	(void)unused;
	start(t, 100, 10, 1, "first", NULL);
	stop(t, 200, 10);
	start(t, 300, 10, 1, "second", NULL);
	start(t, 150, 20, 10, "child-of-first", NULL);
	start(t, 350, 21, 10, "child-of-second", NULL);
	start(t, 250, 22, 10, "between", NULL); /* its parent was gone: nobody's child */
	process_table_link(t);
	assert_string_equal(parent_image(t, process_find(t, NULL, 20, 150 * S)), "first");
	assert_string_equal(parent_image(t, process_find(t, NULL, 21, 400 * S)), "second");
	assert_string_equal(parent_image(t, process_find(t, NULL, 22, 260 * S)), "none");
	assert_int_equal(process_find(t, NULL, 10, 250 * S), PROCESS_NONE);
	assert_int_equal(process_find(t, NULL, 10, 50 * S), PROCESS_NONE);
	assert_int_equal(process_at(t, process_find(t, NULL, 10, 150 * S))->stop, 200 * S);
	process_table_free(t);
}

static void test_named_parent(void **unused)
{
	struct process_table *t = process_table_new();
	size_t a, b;

	(void)unused;
	start(t, 100, 20, 4, "a", "C:\\explorer.exe");
	start(t, 110, 21, 4, "b", "C:\\Explorer.exe");
	process_table_link(t);
	a = process_find(t, NULL, 20, 100 * S);
	b = process_find(t, NULL, 21, 110 * S);
	assert_string_equal(parent_image(t, a), "C:\\explorer.exe");
	assert_int_equal(process_at(t, a)->parent, process_at(t, b)->parent);
	assert_int_equal(process_count(t), 3);
	assert_int_equal(process_at(t, process_at(t, a)->parent)->first_child, a);
	assert_int_equal(process_at(t, a)->next_sibling, b);
	process_table_free(t);
}

static void test_two_sources(void **unused)
{
	struct process_table *t = process_table_new();
	const struct process *p;

	(void)unused;
	process_table_add(t, &(struct process_record){.what = PROCESS_STARTED,
						      .ts = 100 * S,
						      .event = 1,
						      .pid = 5,
						      .ppid = UINT64_MAX,
						      .image = "X"});
	process_table_add(t, &(struct process_record){.what = PROCESS_STARTED,
						      .ts = 100 * S + 5,
						      .event = 2,
						      .pid = 5,
						      .ppid = 3,
						      .image = "x",
						      .guid = "{G}",
						      .user = "bob"});
	process_table_add(t, &(struct process_record){.what = PROCESS_STARTED,
						      .ts = 100 * S + 9,
						      .event = 3,
						      .pid = 5,
						      .ppid = 3,
						      .image = "x",
						      .guid = "{H}"});
	process_table_link(t);
	assert_int_equal(process_count(t), 2);
	p = process_at(t, process_find(t, "{g}", 0, 0));
	assert_string_equal(p->user, "bob");
	assert_int_equal(p->ppid, 3);
	process_table_free(t);
}

static void test_loop(void **unused)
{
	struct process_table *t = process_table_new();

	(void)unused;
	for (int i = 0; i < 3; i++)
		process_table_add(t, &(struct process_record){
					     .what = PROCESS_STARTED,
					     .ts = i,
					     .event = i + 1,
					     .pid = (uint64_t)i,
					     .ppid = UINT64_MAX,
					     .guid = (const char *[]){"a", "b", "c"}[i],
					     .parent_guid = (const char *[]){"b", "c", "a"}[i]});
	process_table_link(t);
	for (size_t i = 0; i < process_count(t); i++) {
		size_t steps = 0;

		for (size_t at = i; at != PROCESS_NONE; at = process_at(t, at)->parent)
			assert_true(steps++ < 10);
	}
	process_table_free(t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_reuse), cmocka_unit_test(test_named_parent),
		cmocka_unit_test(test_two_sources), cmocka_unit_test(test_loop)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
