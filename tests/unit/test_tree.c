/* Trees of YAML kept as bytes: read back they are what was read, damaged bytes are as if there were none. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "detect/tree.h"

#include <stdlib.h>

static const char text[] =
	"title: 'a: b'\n"
	"list: [1, \"two\", null, {k: v}]\n"
	"anchor: &x {deep: [[[]]]}\n"
	"again: *x\n"
	"block: |\n"
	"  line\n"
	"  zero\n"
	"---\n"
	"second: document\n";

static void show(struct buffer *out, const struct yaml *n)
{
	buffer_char(out, n->type == YAML_SCALAR	   ? (n->quoted ? 'q' : 's')
			 : n->type == YAML_MAPPING ? 'm'
						   : 'l');
	buffer_char(out, (char)('0' + n->line));
	if (n->type == YAML_SCALAR) {
		assert_int_equal(n->text.data[n->text.len], 0);
		buffer_view(out, n->text);
	}
	buffer_char(out, '(');
	for (uint32_t i = 0; i < n->count; i++)
		show(out, n->items[i]);
	buffer_char(out, ')');
}

static int document(void *data, struct yaml *n)
{
	show(data, n);
	return OK;
}

/* What a reader with this blob sees; *saved, where given, is what it would keep. */
static void read_with(struct view blob, const char *what, struct buffer *seen, struct buffer *saved,
		      bool *changed)
{
	struct trees *t = trees_new(blob);
	struct arena arena = {0};
	struct problem problem;
	uint32_t line;

	assert_int_equal(trees_read(t, view_text(what), &arena, document, seen, &problem, &line),
			 OK);
	assert_int_equal(trees_count(t), 1);
	if (saved)
		trees_save(t, saved);
	*changed = trees_changed(t);
	trees_free(t);
	arena_release(&arena);
}

static void same_again(void **state)
{
	struct buffer first = {0}, second = {0}, blob = {0}, blob2 = {0};
	bool changed;

	(void)state;
	read_with(VIEW_EMPTY, text, &first, &blob, &changed);
	assert_true(changed);
	read_with(buffer_as_view(&blob), text, &second, &blob2, &changed);
	assert_false(changed);
	assert_true(view_equal(buffer_as_view(&first), buffer_as_view(&second)));
	assert_true(view_equal(buffer_as_view(&blob), buffer_as_view(&blob2)));
	second.len = 0;
	read_with(buffer_as_view(&blob), "another: text\n", &second, NULL, &changed);
	assert_true(changed);
	assert_string_equal(buffer_text(&second), "m1(s1another()s1text())");
	buffer_release(&first);
	buffer_release(&second);
	buffer_release(&blob);
	buffer_release(&blob2);
}

static void damaged(void **state)
{
	struct buffer seen = {0}, blob = {0};
	bool changed;

	(void)state;
	read_with(VIEW_EMPTY, text, &seen, &blob, &changed);
	srand(4);
	for (int i = 0; i < 4000; i++) {
		/* A block of its own size, so that a sanitizer sees a read behind it. */
		size_t len = i < 1000 ? (size_t)rand() % blob.len : blob.len;
		uint8_t *copy = malloc(len + 1);

		memcpy(copy, blob.data, len);
		for (int k = 0; i >= 1000 && k < 1 + i % 3; k++)
			copy[32 + (size_t)rand() % (len - 32)] = (uint8_t)rand();
		copy = realloc(copy, len ? len : 1);
		seen.len = 0;
		read_with(view_of(copy, len), text, &seen, NULL, &changed);
		free(copy);
	}
	buffer_release(&seen);
	buffer_release(&blob);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(same_again),
		cmocka_unit_test(damaged),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
