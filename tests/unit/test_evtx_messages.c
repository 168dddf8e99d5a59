/*
 * What an event of a known provider and id becomes: its kind, its user and its line for a person.
 * tests/lib/evtx_events.tsv has for each an event with the fields that the provider gives it, and
 * below it what it must become. REGENERATE=1 writes what it becomes: read it before you commit it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "parsers/evtx.h"
#include "tests/lib/evtx_writer.h"

#include <stdio.h>
#include <stdlib.h>

#define EVENTS	   "tests/lib/evtx_events.tsv"
#define VALUES_MAX 48

/* One line of the file: the event, and the result that should stand below it. */
struct sample {
	char *line, *want;
	char *provider;
	unsigned id;
};

static struct sample samples[4096];
static unsigned sample_count;
static struct buffer head; /* comments */
static struct arena arena;

static void read_samples(void)
{
	FILE *in = fopen(EVENTS, "r");
	char *line = NULL;
	size_t cap = 0;
	ssize_t n;

	assert_non_null(in);
	while ((n = getline(&line, &cap, in)) > 0) {
		line[n - 1] = 0;
		if (line[0] == '#') {
			buffer_printf(&head, "%s\n", line);
		} else if (line[0] == '\t') {
			assert_true(sample_count > 0);
			samples[sample_count - 1].want =
				arena_strndup(&arena, line + 1, strlen(line + 1));
		} else {
			struct sample *s = &samples[sample_count++];
			size_t len = strcspn(line, "\t");

			s->line = arena_strndup(&arena, line, strlen(line));
			s->provider = arena_strndup(&arena, line, len);
			s->id = (unsigned)strtoul(line + len + 1, NULL, 10);
		}
	}
	free(line);
	(void)fclose(in);
}

static struct buffer log_bytes;

static int keep(void *data, const void *bytes, size_t n)
{
	(void)data;
	buffer_append(&log_bytes, bytes, n);
	return 0;
}

static void *copy(const void *bytes, size_t n)
{
	return arena_strndup(&arena, bytes, n);
}

/* The value of a text, in the type that it looks like. */
static struct evtx_writer_value value_of(char *text)
{
	char *end;

	if (strncmp(text, "s:", 2) == 0)
		return (struct evtx_writer_value){.type = 0x01, .text = text + 2};
	if (strncmp(text, "b:", 2) == 0) {
		const uint32_t b = text[2] == 't';

		return (struct evtx_writer_value){.type = 0x0d, .data = copy(&b, 4), .size = 4};
	}
	if (strncmp(text, "0x", 2) == 0) {
		const uint64_t n = strtoull(text, &end, 16);

		if (*end == 0)
			return (struct evtx_writer_value){.type = n >> 32 ? 0x15 : 0x14,
							  .data = copy(&n, 8),
							  .size = n >> 32 ? 8 : 4};
	}
	if (*text >= '0' && *text <= '9') {
		const uint32_t n = (uint32_t)strtoul(text, &end, 10);
		int64_t ts;

		if (*end == 0)
			return (struct evtx_writer_value){
				.type = 0x08, .data = copy(&n, 4), .size = 4};
		if (strlen(text) == 20 && time_parse_iso(view_text(text), &ts, NULL, NULL)) {
			const uint64_t ticks = (uint64_t)(ts / 100) + UINT64_C(116444736000000000);

			return (struct evtx_writer_value){
				.type = 0x11, .data = copy(&ticks, 8), .size = 8};
		}
	}
	if (*text == '{' && strlen(text) == 38) {
		static const uint8_t guid[16] = {0x44, 0x33, 0x22, 0x11, 0x66, 0x55, 0x88, 0x77,
						 0x99, 0xaa, 0xbb, 0xcc, 0xdd, 0xee, 0xff, 0};

		return (struct evtx_writer_value){.type = 0x0f, .data = guid, .size = 16};
	}
	if (strncmp(text, "S-1-", 4) == 0) {
		uint8_t sid[68] = {1};

		sid[7] = (uint8_t)strtoul(text + 4, &end, 10);
		while (*end == '-' && sid[1] < 15) {
			const uint32_t part = (uint32_t)strtoul(end + 1, &end, 10);

			memcpy(sid + 8 + 4 * sid[1]++, &part, 4);
		}
		return (struct evtx_writer_value){.type = 0x13,
						  .data = copy(sid, 8 + 4u * sid[1]),
						  .size = (uint16_t)(8 + 4 * sid[1])};
	}
	return (struct evtx_writer_value){.type = 0x01, .text = text};
}

static void write_sample(struct evtx_writer *w, const struct sample *s)
{
	struct evtx_writer_template t = {0};
	struct evtx_writer_value v[VALUES_MAX + 2];
	struct buffer xml = {0};
	char *line = copy(s->line, strlen(s->line)), *field, *rest = line;
	const uint16_t id = (uint16_t)s->id;
	const uint64_t ticks = UINT64_C(133400000000000000);
	unsigned n = 2;
	bool user;

	(void)strsep(&rest, "\t");
	(void)strsep(&rest, "\t");
	user = *strsep(&rest, "\t") == 'U';
	v[0] = (struct evtx_writer_value){.type = 0x06, .data = copy(&id, 2), .size = 2};
	v[1] = (struct evtx_writer_value){.type = 0x11, .data = copy(&ticks, 8), .size = 8};
	buffer_printf(
		&xml,
		"<Event><System><Provider Name='%s'/><EventID>%%0</EventID><TimeCreated "
		"SystemTime='?1'/><Channel>Test</Channel><Computer>ws-0413</Computer></System>%s",
		s->provider, user ? "<UserData><EventXML>" : "<EventData>");
	while ((field = strsep(&rest, "\t")) != NULL) {
		char *name = strsep(&field, "=");

		assert_non_null(field);
		assert_true(n < VALUES_MAX);
		if (user)
			buffer_printf(&xml, "<%s>%%%u</%s>", name, n, name);
		else if (strcmp(name, "Data") == 0)
			buffer_printf(&xml, "<Data>%%%u</Data>", n);
		else
			buffer_printf(&xml, "<Data Name='%s'>%%%u</Data>", name, n);
		v[n++] = value_of(field);
	}
	buffer_string(&xml, user ? "</EventXML></UserData></Event>" : "</EventData></Event>");
	t.xml = copy(buffer_text(&xml), xml.len);
	assert_int_equal(evtx_writer_record(w, ticks, &t, v, (uint16_t)n), 0);
	buffer_release(&xml);
}

struct results {
	struct sink sink;
	char *got[4096];
	unsigned count;
};

static int result(struct sink *sink, const struct event *e)
{
	struct results *r = (struct results *)sink;
	struct buffer b = {0};

	assert_int_not_equal(e->kind, KIND_DAMAGE);
	/* Scripts put together and the like follow their event. */
	if (!event_find(e, "EventID"))
		return OK;
	buffer_printf(&b, "%s\t", event_kind_text(e->kind));
	value_append(&b, &e->user);
	buffer_char(&b, '\t');
	event_message(&b, e);
	r->got[r->count++] = copy(buffer_text(&b), b.len);
	buffer_release(&b);
	return OK;
}

static void test_messages(void **unused)
{
	static struct results r = {.sink.event = result};
	static struct evtx_writer w;
	static struct parse p;
	struct shape_table *shapes = shape_table_new();
	const char *regenerate = getenv("REGENERATE");
	unsigned bad = 0;

	(void)unused;
	read_samples();
	memset(buffer_reserve(&log_bytes, 4096), 0, 4096);
	log_bytes.len = 4096;
	evtx_writer_init(&w, keep, NULL);
	for (unsigned i = 0; i < sample_count; i++)
		write_sample(&w, &samples[i]);
	assert_int_equal(evtx_writer_end(&w), 0);
	evtx_writer_head(&w, (uint8_t *)log_bytes.data);
	parse_init(&p, &r.sink, shapes);
	assert_int_equal(parser_find("evtx")->parse(&p, buffer_as_view(&log_bytes)), OK);
	parse_done(&p);
	shape_table_free(shapes);
	assert_int_equal(r.count, sample_count);
	if (regenerate && *regenerate) {
		FILE *out = fopen(EVENTS, "w");

		assert_non_null(out);
		(void)fputs(buffer_text(&head), out);
		for (unsigned i = 0; i < sample_count; i++)
			(void)fprintf(out, "%s\n\t%s\n", samples[i].line, r.got[i]);
		(void)fclose(out);
		return;
	}
	for (unsigned i = 0; i < sample_count; i++) {
		const struct sample *s = &samples[i];

		if (s->want && strcmp(s->want, r.got[i]) == 0)
			continue;
		print_error("%s %u\n  want %s\n  have %s\n", s->provider, s->id,
			    s->want ? s->want : "(nothing)", r.got[i]);
		bad++;
	}
	assert_int_equal(bad, 0);
}

/* Every provider and id of the table has its event here, and a line that lacks nothing. */
static void test_coverage(void **unused)
{
	unsigned known = 0, bad = 0;

	(void)unused;
	for (unsigned i = 0; i < sample_count; i++) {
		const struct sample *s = &samples[i];
		const struct evtx_known *k = evtx_known(view_text(s->provider), s->id);

		known += k != NULL;
		if (!k || !s->want || strchr(s->want, '?')) {
			print_error("%s %u: %s\n", s->provider, s->id,
				    s->want ? s->want : "(nothing)");
			bad++;
		}
	}
	assert_int_equal(bad, 0);
	assert_int_equal(known, evtx_known_count());
	assert_true(known > 700);
}

/* Names in another case, instances, and the name that Defender has on servers. */
static void test_providers(void **unused)
{
	(void)unused;
	assert_non_null(evtx_known(view_text("USER32"), 1074));
	assert_ptr_equal(evtx_known(view_text("USER32"), 1074),
			 evtx_known(view_text("User32"), 1074));
	assert_ptr_equal(evtx_known(view_text("MSSQL$SQLEXPRESS"), 18456),
			 evtx_known(view_text("MSSQLSERVER"), 18456));
	assert_ptr_equal(evtx_known(view_text("Microsoft Antimalware"), 1116),
			 evtx_known(view_text("Microsoft-Windows-Windows Defender"), 1116));
	assert_null(evtx_known(view_text("Microsoft-Windows-Windows Defende"), 1116));
	assert_null(evtx_known(view_text("MSSQL$X"), 4624));
	assert_null(evtx_known(VIEW_EMPTY, 4624));
	assert_null(evtx_known(view_text("User32"), UINT64_MAX));
}

/* Parts of a sentence that are there only with their value, and codes in words. */
static void test_formats(void **unused)
{
	static const struct {
		const char *format;
		struct value v;
		const char *want;
	} cases[] = {
		{"from", {.type = VALUE_UTF16, .len = 2, .data = (const uint8_t *)"-"}, ""},
		{"from", {.type = VALUE_UTF8, .len = 0}, ""},
		{"from", {.type = VALUE_ABSENT}, ""},
		{"from",
		 {.type = VALUE_UTF8, .len = 15, .data = (const uint8_t *)"::ffff:10.0.0.5"},
		 " from 10.0.0.5"},
		{"from",
		 {.type = VALUE_UTF8, .len = 8, .data = (const uint8_t *)"fe80::17"},
		 " from fe80::17"},
		{"domain",
		 {.type = VALUE_UTF8, .len = 4, .data = (const uint8_t *)"CORP"},
		 "CORP\\"},
		{"domain", {.type = VALUE_UTF8, .len = 1, .data = (const uint8_t *)"-"}, ""},
		{"logon", {.type = VALUE_UNSIGNED, .u = 10}, "RDP"},
		{"logon", {.type = VALUE_UNSIGNED, .u = 99}, "type 99"},
		{"status", {.type = VALUE_HEX, .u = 0xc000006a}, "wrong password"},
		{"status", {.type = VALUE_HEX, .u = 0xc0ffee}, "0xc0ffee"},
		{"kerberos", {.type = VALUE_HEX, .u = 0x18}, "wrong password"},
		{"encryption", {.type = VALUE_HEX, .u = 0x17}, "RC4"},
		{"error",
		 {.type = VALUE_UTF8, .len = 6, .data = (const uint8_t *)"%%1053"},
		 "it did not answer in time"},
		{"error",
		 {.type = VALUE_UTF8, .len = 7, .data = (const uint8_t *)"%%99999"},
		 "%%99999"},
		{"words",
		 {.type = VALUE_UTF8,
		  .len = 22,
		  .data = (const uint8_t *)"%%8449, \r\n\t\t%%8451 100%"},
		 "success added, failure added 100"},
		{"words", {.type = VALUE_UTF8, .len = 2, .data = (const uint8_t *)"%%"}, "%%"},
		{"file",
		 {.type = VALUE_UTF8, .len = 12, .data = (const uint8_t *)"C:\\a\\tool.ex"},
		 "tool.ex"},
		{"using", {.type = VALUE_ABSENT}, ""},
	};

	(void)unused;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		evtx_format format = evtx_format_named(view_text(cases[i].format));
		struct buffer b = {0};

		assert_non_null(format);
		format(&b, &cases[i].v);
		assert_string_equal(buffer_text(&b), cases[i].want);
		buffer_release(&b);
	}
	assert_null(evtx_format_named(view_text("nonsense")));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_messages), cmocka_unit_test(test_coverage),
		cmocka_unit_test(test_providers), cmocka_unit_test(test_formats)};
	int failed = cmocka_run_group_tests(tests, NULL, NULL);

	arena_release(&arena);
	buffer_release(&log_bytes);
	buffer_release(&head);
	return failed;
}
