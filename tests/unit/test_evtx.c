/* Event logs: what a writer of the format puts in comes out, whole or in segments, damaged or
 * carved; and JSON text. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/crc32.h"
#include "base/text.h"
#include "parsers/parser.h"
#include "tests/lib/evtx_writer.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

struct log {
	struct buffer b;
	struct evtx_writer w;
};

#define TEXT(s)                                                                                    \
	{                                                                                          \
		.type = 1, .text = (s)                                                             \
	}
#define NOTHING                                                                                    \
	{                                                                                          \
		.type = 0                                                                          \
	}

static int keep(void *data, const void *bytes, size_t n)
{
	buffer_append(&((struct log *)data)->b, bytes, n);
	return 0;
}

static struct evtx_writer_template template_of_test = {
	.xml = "<Event><System><Provider Name='Test'/><EventID>%0</EventID><TimeCreated "
	       "SystemTime='?1'/>"
	       "<EventRecordID>%2</EventRecordID><Computer>host</Computer></System>"
	       "<EventData><Data Name='Text'>%3</Data></EventData></Event>"};

/* A log of `count` records, numbered from 1. */
static struct log *make(unsigned count)
{
	struct log *l = xcalloc(1, sizeof(*l));

	memset(buffer_reserve(&l->b, 4096), 0, 4096);
	l->b.len = 4096;
	template_of_test.chunk = 0;
	evtx_writer_init(&l->w, keep, l);
	for (unsigned i = 0; i < count; i++) {
		const uint16_t id = 1;
		const uint64_t ticks = UINT64_C(133400000000000000) + i * UINT64_C(10000000),
			       record = i + 1;
		const struct evtx_writer_value v[] = {{.type = 6, .data = &id, .size = 2},
						      {.type = 17, .data = &ticks, .size = 8},
						      {.type = 10, .data = &record, .size = 8},
						      {.type = 1, .text = "some text of a record"}};

		assert_int_equal(evtx_writer_record(&l->w, ticks, &template_of_test, v, 4), 0);
	}
	assert_int_equal(evtx_writer_end(&l->w), 0);
	evtx_writer_head(&l->w, (uint8_t *)l->b.data);
	return l;
}

static void drop(struct log *l)
{
	buffer_release(&l->b);
	free(l);
}

struct counter {
	struct sink sink;
	uint64_t records[4096]; /* seen, by number */
	uint64_t count, damage, recovered, last;
	bool ordered;
};

static int count_event(struct sink *sink, const struct event *e)
{
	struct counter *c = (struct counter *)sink;
	const struct value *id = event_find(e, "EventRecordID");

	if (e->kind == KIND_DAMAGE) {
		c->damage++;
		return OK;
	}
	c->count++;
	c->recovered += (e->flags & EVENT_RECOVERED) != 0;
	if (id && id->u < 4096) {
		c->records[id->u]++;
		c->ordered = c->ordered && id->u > c->last;
		c->last = id->u;
	}
	return OK;
}

static struct counter parse_part(struct view bytes, bool carve, uint32_t from, uint32_t to)
{
	static struct parse p;
	struct counter c = {.sink.event = count_event, .ordered = true};
	struct shape_table *shapes = shape_table_new();

	parse_init(&p, &c.sink, shapes);
	p.carve = carve;
	p.segment_from = from;
	p.segment_to = to;
	(void)parser_find("evtx")->parse(&p, bytes);
	parse_done(&p);
	shape_table_free(shapes);
	return c;
}

static struct counter parse_all(struct view bytes, bool carve)
{
	return parse_part(bytes, carve, 0, UINT32_MAX);
}

static void test_healthy(void **unused)
{
	struct log *l = make(3000);
	struct counter c = parse_all(buffer_as_view(&l->b), false);

	(void)unused;
	assert_int_equal(c.count, 3000);
	assert_int_equal(c.damage, 0);
	assert_true(c.ordered);
	for (unsigned i = 1; i <= 3000; i++)
		assert_int_equal(c.records[i], 1);
	drop(l);
}

/* The segments together are the whole, also where bytes are missing and nothing is where it is due.
 */
static void test_segments(void **unused)
{
	struct log *l = make(1200);
	struct buffer big = {0};
	uint64_t whole, parts = 0;
	uint32_t segments;

	(void)unused;
	buffer_append(&big, l->b.data, 4096);
	while (big.len < (9u << 20))
		buffer_append(&big, l->b.data + 4096, l->b.len - 4096);
	for (unsigned cut = 0; cut < 2; cut++) {
		segments = parser_find("evtx")->segments(buffer_as_view(&big));
		assert_true(segments >= 2);
		whole = parse_all(buffer_as_view(&big), false).count;
		parts = 0;
		for (uint32_t i = 0; i < segments; i++)
			parts += parse_part(buffer_as_view(&big), false, i, i + 1).count;
		assert_int_equal(parts, whole);
		memmove(big.data + 70000, big.data + 70100, big.len - 70100);
		big.len -= 100;
	}
	buffer_release(&big);
	drop(l);
}

struct trail {
	struct sink sink;
	struct buffer records; /* offset and number of each, in order */
};

static int follow(struct sink *sink, const struct event *e)
{
	if (e->kind != KIND_DAMAGE)
		buffer_printf(&((struct trail *)sink)->records, "%llu:%llu ",
			      (unsigned long long)e->offset, (unsigned long long)e->record);
	return OK;
}

static void trail_of(struct trail *t, struct view bytes, uint32_t from, uint32_t to)
{
	static struct parse p;
	struct shape_table *shapes = shape_table_new();

	t->sink.event = follow;
	parse_init(&p, &t->sink, shapes);
	p.segment_from = from;
	p.segment_to = to;
	(void)parser_find("evtx")->parse(&p, bytes);
	parse_done(&p);
	shape_table_free(shapes);
}

/* Whatever the damage is and wherever: any division of the work reads the same records, in order. */
static void test_damaged_segments(void **unused)
{
	struct log *l = make(1200);
	struct buffer big = {0};

	(void)unused;
	srand(3);
	for (unsigned run = 0; run < 30; run++) {
		struct trail whole = {0}, parts = {0};
		uint32_t segments;

		big.len = 0;
		buffer_append(&big, l->b.data, 4096);
		while (big.len < (13u << 20))
			buffer_append(&big, l->b.data + 4096, l->b.len - 4096);
		for (unsigned k = 0; k < 1 + run; k++) {
			/* Mostly around the places where segments meet. */
			size_t at = (size_t)rand() % (big.len - 70000),
			       n = 1 + (size_t)rand() % 5000;

			if (k % 2)
				at = 4096 + (1 + (size_t)rand() % 2) * (4u << 20) - 70000 +
				     (size_t)rand() % 140000;
			switch (rand() % 4) {
			case 0: /* bytes are lost */
				memmove(big.data + at, big.data + at + n, big.len - at - n);
				big.len -= n;
				break;
			case 1:
				memset(big.data + at / 4096 * 4096, 0, 4096);
				break;
			case 2: /* a chunk's magic */
				memset(big.data + 4096 + at / 65536 * 65536, 0, 16);
				break;
			default:
				for (size_t i = 0; i < n; i++)
					big.data[at + i] = (char)rand();
			}
		}
		segments = parser_find("evtx")->segments(buffer_as_view(&big));
		assert_true(segments >= 3);
		trail_of(&whole, buffer_as_view(&big), 0, UINT32_MAX);
		for (uint32_t i = 0; i < segments; i++)
			trail_of(&parts, buffer_as_view(&big), i, i + 1);
		assert_string_equal(buffer_text(&whole.records), buffer_text(&parts.records));
		buffer_release(&whole.records);
		buffer_release(&parts.records);
	}
	buffer_release(&big);
	drop(l);
}

/* Every kind of damage costs the records that it hits and no other. */
static void test_damage(void **unused)
{
	struct log *l = make(1000);
	struct counter c;
	uint8_t *b = (uint8_t *)l->b.data;

	(void)unused;
	memset(b, 0, 4096); /* file header */
	c = parse_all(buffer_as_view(&l->b), false);
	assert_int_equal(c.count, 1000);
	assert_int_equal(c.damage, 1);
	memset(b + 4096, 0, 512); /* header of a chunk: the template is behind it */
	c = parse_all(buffer_as_view(&l->b), false);
	assert_int_equal(c.count, 1000);
	memset(b + 4096 + 65536, 0,
	       4096); /* a page with the template of its chunk: another chunk has it too */
	c = parse_all(buffer_as_view(&l->b), false);
	assert_true(c.count > 960 && c.count < 1000);
	assert_true(c.ordered);
	drop(l);
}

static void test_carve(void **unused)
{
	struct log *l = make(300);
	struct buffer b = {0};
	struct counter c;
	size_t free_at;

	(void)unused;
	/* Somewhere in other bytes, not aligned. */
	for (unsigned i = 0; i < 1013; i++)
		buffer_char(&b, (char)(i * 7));
	buffer_append(&b, l->b.data + 4096, 65536);
	c = parse_all(buffer_as_view(&b), true);
	assert_true(c.count > 100);
	assert_int_equal(c.recovered, 0);
	/* No chunk header any more. */
	memset(b.data + 1013, 0, 512);
	assert_int_equal(parse_all(buffer_as_view(&b), true).recovered, c.count);
	/* Slack: records behind the free space's offset belong to nobody. */
	free_at = 512 + (uint8_t)l->b.data[4096 + 512 + 4] +
		  (size_t)(uint8_t)l->b.data[4096 + 512 + 5] * 256;
	l->b.data[4096 + 48] = (char)free_at;
	l->b.data[4096 + 49] = (char)(free_at >> 8);
	l->b.data[4096 + free_at + 8] = 0x77; /* no successor of the record before it */
	l->b.len = 4096 + 65536;
	assert_int_equal(parse_all(buffer_as_view(&l->b), false).count, 1);
	assert_int_equal(parse_all(buffer_as_view(&l->b), true).count, c.count);
	assert_int_equal(parse_all(buffer_as_view(&l->b), true).recovered, c.count - 1);
	buffer_release(&b);
	drop(l);
}

static int append_xml(void *data, struct buffer *out)
{
	buffer_append(data, out->data, out->len);
	out->len = 0;
	return OK;
}

/* ---- carving ---- */

struct carved {
	struct sink sink;
	struct buffer lines; /* "offset flags json\n" of each event but damage */
	unsigned damage;
};

static int keep_line(struct sink *sink, const struct event *e)
{
	struct carved *c = (struct carved *)sink;

	if (e->kind == KIND_DAMAGE) {
		c->damage++;
		return OK;
	}
	buffer_printf(&c->lines, "%llu %s%s ", (unsigned long long)e->offset,
		      e->flags & EVENT_RECOVERED ? "recovered" : "whole",
		      e->flags & EVENT_CUT ? " cut" : "");
	event_fields_json(&c->lines, e);
	buffer_char(&c->lines, '\n');
	return OK;
}

static const char *carve(struct carved *c, struct view bytes)
{
	static struct parse p;
	struct shape_table *shapes = shape_table_new();

	c->sink.event = keep_line;
	parse_init(&p, &c->sink, shapes);
	p.carve = true;
	(void)parser_find("evtx")->parse(&p, bytes);
	parse_done(&p);
	shape_table_free(shapes);
	return buffer_text(&c->lines);
}

/* What memory and free space are full of. */
static void noise(struct buffer *b, size_t n)
{
	static const char pieces[][8] = {"",	    "**",	    "**\0\1", "ElfChnk",
					 "ElfFile", "\x0f\x01\x01", "text"};

	while (n) {
		const char *piece = pieces[(unsigned)rand() % 7];
		size_t len = (unsigned)rand() % 3 ? 1 : 1 + (unsigned)rand() % 8;

		if (len > n)
			len = n;
		for (size_t i = 0; i < len; i++)
			buffer_char(b, len > 1 ? piece[i] : (char)rand());
		n -= len;
	}
}

/* Records at any place of any bytes: with the chunk around them, with their template only, without it. */
static void test_carve_noise(void **unused)
{
	struct log *l = make(1000);
	const uint8_t *log = (const uint8_t *)l->b.data;
	struct buffer b = {0};
	struct carved c = {0};
	size_t first = 4096 + 512, second, third, place[3];
	char want[1000];

	(void)unused;
	srand(5);
	second = first + (log[first + 4] | (size_t)log[first + 5] << 8);
	third = second + (log[second + 4] | (size_t)log[second + 5] << 8);
	noise(&b, 70011);
	place[0] = b.len;
	buffer_append(&b, log + first, second - first); /* brings its template with it */
	noise(&b, 333);
	place[1] = b.len;
	buffer_append(&b, log + second, third - second); /* refers to it: the one above serves */
	noise(&b, 140001);
	place[2] = b.len;
	buffer_append(&b, log + 4096 + 65536, 65536);
	noise(&b, 5000);
	(void)carve(&c, buffer_as_view(&b));
	sprintf(want,
		"%zu recovered "
		"{\"Provider_Name\":\"Test\",\"EventID\":1,\"TimeCreated_SystemTime\":"
		"\"2023-09-24T03:33:20.000000Z\",\"EventRecordID\":1,\"Computer\":\"host\","
		"\"Text\":\"some text of a record\"}\n"
		"%zu recovered "
		"{\"Provider_Name\":\"Test\",\"EventID\":1,\"TimeCreated_SystemTime\":"
		"\"2023-09-24T03:33:21.000000Z\",\"EventRecordID\":2,\"Computer\":\"host\","
		"\"Text\":\"some text of a record\"}\n"
		"%zu whole {",
		place[0], place[1], place[2] + 512);
	assert_memory_equal(buffer_text(&c.lines), want, strlen(want));
	buffer_release(&c.lines);
	buffer_release(&b);
	drop(l);
}

/* No template anywhere: the values stand without names, but for those that every record has in the same order. */
static void test_carve_values(void **unused)
{
	static const uint8_t level = 4, opcode = 1, version = 2,
			     sid[12] = {1, 1, 0, 0, 0, 0, 0, 5, 18};
	static const uint16_t task = 12, id = 4711;
	static const uint64_t keywords = UINT64_C(0x8020000000000000),
			      ticks = UINT64_C(133400000000000000), record = 77;
	static const uint32_t pid = 640, tid = 644;
	static const uint8_t guid[16] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16};
	struct evtx_writer_template inner = {
		.xml = "<EventData><Data Name='A'>%0</Data><Data Name='B'>%1</Data></EventData>"};
	struct evtx_writer_template outer = {
		.xml = "<Event><System><EventID>%3</EventID></System>%17</Event>"};
	const struct evtx_writer_value data[] = {TEXT("value one"),
						 {.type = 8, .data = &pid, .size = 4}};
	const struct evtx_writer_value v[] = {
		{.type = 4, .data = &level, .size = 1},
		{.type = 4, .data = &opcode, .size = 1},
		{.type = 6, .data = &task, .size = 2},
		{.type = 6, .data = &id, .size = 2},
		NOTHING,
		{.type = 0x15, .data = &keywords, .size = 8},
		{.type = 0x11, .data = &ticks, .size = 8},
		NOTHING,
		{.type = 8, .data = &pid, .size = 4},
		{.type = 8, .data = &tid, .size = 4},
		{.type = 10, .data = &record, .size = 8},
		{.type = 4, .data = &version, .size = 1},
		{.type = 0x13, .data = sid, .size = 12},
		NOTHING,
		TEXT("Some-Provider"),
		{.type = 0x0f, .data = guid, .size = 16},
		TEXT("Some/Channel"),
		{.type = 0x21, .nested = &inner, .values = data, .count = 2}};
	struct log *l = xcalloc(1, sizeof(*l));
	struct buffer b = {0};
	struct carved c = {0};
	const uint8_t *log;
	size_t second;
	char want[1000];

	(void)unused;
	memset(buffer_reserve(&l->b, 4096), 0, 4096);
	l->b.len = 4096;
	evtx_writer_init(&l->w, keep, l);
	for (unsigned i = 0; i < 2; i++)
		assert_int_equal(evtx_writer_record(&l->w, ticks, &outer, v, 18), 0);
	/* And one whose values are in no known order. */
	assert_int_equal(evtx_writer_record(&l->w, ticks, &inner, data, 2), 0);
	assert_int_equal(evtx_writer_record(&l->w, ticks, &inner, data, 2), 0);
	assert_int_equal(evtx_writer_end(&l->w), 0);
	log = (const uint8_t *)l->b.data;
	second = 4096 + 512 + (log[4096 + 512 + 4] | (size_t)log[4096 + 512 + 5] << 8);
	srand(6);
	noise(&b, 1001);
	buffer_append(&b, log + second, log[second + 4] | (size_t)log[second + 5] << 8);
	noise(&b, 3000);
	second += log[second + 4] | (size_t)log[second + 5] << 8;
	second += log[second + 4] | (size_t)log[second + 5] << 8;
	buffer_append(&b, log + second, log[second + 4] | (size_t)log[second + 5] << 8);
	noise(&b, 3000);
	sprintf(want,
		"1001 recovered cut {\"Provider_Name\":\"Some-Provider\",\"Provider_Guid\":"
		"\"{04030201-0605-0807-090A-0B0C0D0E0F10}\",\"EventID\":4711,\"Version\":2,"
		"\"Level\":4,\"Task\":12,"
		"\"Opcode\":1,\"Keywords\":\"0x8020000000000000\",\"TimeCreated_SystemTime\":"
		"\"2023-09-24T03:33:20.000000Z\",\"EventRecordID\":77,\"Execution_ProcessID\":640,"
		"\"Execution_ThreadID\":644,\"Channel\":\"Some/"
		"Channel\",\"Security_UserID\":\"S-1-5-18\","
		"\"Data\":[\"value one\",640]}\n"
		"%zu recovered cut {\"EventRecordID\":\"4\",\"Data\":[\"value one\",640]}\n",
		b.len - 3000 - (log[second + 4] | (size_t)log[second + 5] << 8));
	assert_string_equal(carve(&c, buffer_as_view(&b)), want);
	assert_int_equal(c.damage, 2);
	buffer_release(&c.lines);
	buffer_release(&b);
	drop(l);
}

static void test_xml(void **unused)
{
	static struct parse p;
	struct log *l = make(2);
	struct counter c = {.sink.event = count_event};
	struct shape_table *shapes = shape_table_new();
	struct buffer out = {0}, all = {0};

	(void)unused;
	parse_init(&p, &c.sink, shapes);
	assert_int_equal(evtx_to_xml(&p, buffer_as_view(&l->b), &out, append_xml, &all), OK);
	assert_string_equal(
		buffer_text(&all),
		"<Event><System><Provider Name='Test'/><EventID>1</EventID><TimeCreated "
		"SystemTime='2023-09-24T03:33:20.000000Z'/>"
		"<EventRecordID>1</EventRecordID><Computer>host</Computer></System><EventData>"
		"<Data Name='Text'>some text of a record</Data></EventData></Event>\n"
		"<Event><System><Provider Name='Test'/><EventID>1</EventID><TimeCreated "
		"SystemTime='2023-09-24T03:33:21.000000Z'/>"
		"<EventRecordID>2</EventRecordID><Computer>host</Computer></System><EventData>"
		"<Data Name='Text'>some text of a record</Data></EventData></Event>\n");
	parse_done(&p);
	shape_table_free(shapes);
	buffer_release(&out);
	buffer_release(&all);
	drop(l);
}

/* ---- damage: the records that it does not touch come out, in order, whatever it is ---- */

#define KNOWN 1200u

struct damaged {
	struct sink sink;
	struct log *l;
	size_t at[KNOWN + 1], end[KNOWN + 1]; /* of record n */
	bool hit[KNOWN + 1];
	unsigned seen[KNOWN + 1];
	uint64_t last;		  /* record that is not hit */
	unsigned told[KNOWN + 1]; /* damage events whose offset is in the record */
	unsigned wrong;		  /* events that tell what no record holds */
	unsigned cut, disorder;
};

static char *known_text(char *to, unsigned n)
{
	sprintf(to, "record %u %.*s", n, (int)(n * 7919 % 90),
		"abcdefghijklmnopqrstuvwxyz abcdefghijklmnopqrstuvwxyz abcdefghijklmnopqrstuvwxyz "
		"abcdefg");
	return to;
}

static int note(struct sink *sink, const struct event *e)
{
	struct damaged *d = (struct damaged *)sink;
	const struct value *id = event_find(e, "EventRecordID"), *text = event_find(e, "Text");
	struct buffer b = {0};
	char want[200];
	uint64_t n = id && id->type == VALUE_UNSIGNED ? id->u : 0;

	if (e->kind == KIND_DAMAGE) {
		for (unsigned i = 1; i <= KNOWN; i++) {
			/* Of the first one of a chunk also what is said of the chunk's header. */
			size_t from = d->at[i] % 4096 == 512 ? d->at[i] - 512 : d->at[i];

			d->told[i] += e->offset >= from && e->offset < d->end[i];
		}
		return OK;
	}
	if (e->flags & EVENT_CUT) {
		d->cut++;
		return OK;
	}
	if (text)
		value_append(&b, text);
	if (n < 1 || n > KNOWN || e->record != n ||
	    strcmp(buffer_text(&b), known_text(want, (unsigned)n)) != 0) {
		d->wrong++;
	} else {
		d->seen[n]++;
		if (!d->hit[n]) {
			d->disorder += n <= d->last;
			d->last = n;
		}
	}
	buffer_release(&b);
	return OK;
}

static struct damaged *make_known(void)
{
	struct damaged *d = xcalloc(1, sizeof(*d));
	struct evtx_writer_template other = template_of_test;
	size_t at = 4096 + 512;

	d->sink.event = note;
	d->l = xcalloc(1, sizeof(*d->l));
	memset(buffer_reserve(&d->l->b, 4096), 0, 4096);
	d->l->b.len = 4096;
	template_of_test.chunk = other.chunk = 0;
	evtx_writer_init(&d->l->w, keep, d->l);
	for (unsigned i = 1; i <= KNOWN; i++) {
		char text[200];
		const uint16_t id = 1;
		const uint64_t ticks = UINT64_C(133400000000000000) + i, record = i;
		const struct evtx_writer_value v[] = {{.type = 6, .data = &id, .size = 2},
						      {.type = 17, .data = &ticks, .size = 8},
						      {.type = 10, .data = &record, .size = 8},
						      {.type = 1, .text = known_text(text, i)}};

		assert_int_equal(evtx_writer_record(&d->l->w, ticks, &template_of_test, v, 4), 0);
	}
	assert_int_equal(evtx_writer_end(&d->l->w), 0);
	evtx_writer_head(&d->l->w, (uint8_t *)d->l->b.data);
	for (unsigned i = 1; i <= KNOWN; i++) {
		const uint8_t *b = (const uint8_t *)d->l->b.data;

		while (memcmp(b + at, "**\0", 4) != 0)
			at++;
		d->at[i] = at;
		at += b[at + 4] | (size_t)b[at + 5] << 8;
		d->end[i] = at;
	}
	return d;
}

/* Damages record n, in one of the ways that disks and people have. */
static const char *damage_record(struct damaged *d, unsigned n, unsigned way)
{
	uint8_t *r = (uint8_t *)d->l->b.data + d->at[n];
	size_t size = d->end[n] - d->at[n];

	d->hit[n] = true;
	switch (way) {
	case 0:
		memset(r + 4, 0, 4);
		return "size of zero";
	case 1:
		memset(r + 4, 0xff, 4);
		return "size of 4 GiB";
	case 2:
		r[4] ^= 0x48;
		return "another size";
	case 3:
		memset(r, 0xcc, 4);
		return "magic";
	case 4:
		memset(r, 0, size);
		return "zeroed";
	case 5:
		memset(r + 24, 0xff, 12);
		return "tokens";
	case 6: /* what it is an instance of: nothing that the log has */
		r[30] ^= 0x5a;
		memset(r + 34, 0xee, 4);
		return "template";
	case 7:
		for (size_t i = 0; i < size; i++)
			r[i] = (uint8_t)rand();
		return "noise";
	default:
		memset(r + size - 4, 0, 4);
		return "size at its end";
	}
}
#define WAYS 9u

/* Everything whose bytes lie in [from, to) is hit. */
static void hit_range(struct damaged *d, size_t from, size_t to)
{
	for (unsigned i = 1; i <= KNOWN; i++)
		d->hit[i] |= d->at[i] < to && d->end[i] > from;
}

static void check_known(struct damaged *d, const char *what, bool tells)
{
	static struct parse p;
	static struct buffer xml;
	struct shape_table *shapes = shape_table_new();
	struct buffer out = {0};
	const char *rest;

	parse_init(&p, &d->sink, shapes);
	assert_int_equal(parser_find("evtx")->parse(&p, buffer_as_view(&d->l->b)), OK);
	parse_done(&p);
	for (unsigned i = 1; i <= KNOWN; i++) {
		if (!d->hit[i] && d->seen[i] != 1)
			fail_msg("%s: record %u seen %u times", what, i, d->seen[i]);
		if (d->seen[i] > 1)
			fail_msg("%s: record %u seen %u times, and it is damaged", what, i,
				 d->seen[i]);
		/* One word may be of several that follow each other. */
		if (i > 1 && d->hit[i] && d->hit[i - 1] && d->told[i - 1])
			d->told[i]++;
		if (tells && d->hit[i] && !d->seen[i] && !d->told[i])
			fail_msg("%s: no word of the loss of record %u", what, i);
	}
	if (d->disorder || d->wrong)
		fail_msg("%s: %u out of order, %u wrong", what, d->disorder, d->wrong);
	xml.len = 0;
	parse_init(&p, &d->sink, shapes);
	assert_int_equal(evtx_to_xml(&p, buffer_as_view(&d->l->b), &out, append_xml, &xml), OK);
	parse_done(&p);
	rest = buffer_text(&xml);
	for (unsigned i = 1; i <= KNOWN; i++) {
		char text[200], line[400];

		sprintf(line,
			"<EventRecordID>%u</EventRecordID><Computer>host</Computer></"
			"System><EventData>"
			"<Data Name='Text'>%s</Data></EventData></Event>\n",
			i, known_text(text, i));
		if (d->hit[i])
			continue;
		rest = strstr(rest, line);
		if (!rest)
			fail_msg("%s: record %u is not in the XML, or not in its place", what, i);
		rest += strlen(line);
	}
	shape_table_free(shapes);
	buffer_release(&out);
	drop(d->l);
	free(d);
}

static void test_damaged_records(void **unused)
{
	(void)unused;
	srand(7);
	/* Each way alone, at the first record of a chunk (which has the template), at the last, and between. */
	for (unsigned way = 0; way < WAYS; way++) {
		static const unsigned some[] = {1, 2, 300, KNOWN};

		for (unsigned i = 0; i < 4; i++) {
			struct damaged *d = make_known();

			check_known(d, damage_record(d, some[i], way), true);
		}
	}
	/* Any of them at once, more and more. */
	for (unsigned run = 0; run < 60; run++) {
		struct damaged *d = make_known();
		char what[40];

		for (unsigned k = 0; k < run * 4 + 1; k++) {
			unsigned n = 1 + (unsigned)rand() % KNOWN;

			if (!d->hit[n])
				(void)damage_record(d, n, (unsigned)rand() % WAYS);
		}
		sprintf(what, "run %u", run);
		check_known(d, what, false);
	}
}

static void test_damaged_chunks(void **unused)
{
	struct damaged *d;
	uint8_t *b, chunk[65536];

	(void)unused;
	srand(9);
	d = make_known(); /* no file header */
	memset(d->l->b.data, 0, 4096);
	check_known(d, "file header", true);
	d = make_known(); /* not even its place: chunks from the first byte on */
	memmove(d->l->b.data, d->l->b.data + 4096, d->l->b.len - 4096);
	d->l->b.len -= 4096;
	for (unsigned i = 1; i <= KNOWN; i++) {
		d->at[i] -= 4096;
		d->end[i] -= 4096;
	}
	check_known(d, "no file header", true);
	d = make_known(); /* dirty: the header of a log that was not closed says nothing of use */
	d->l->b.data[42] = 0;
	d->l->b.data[120] = 1;
	memset(d->l->b.data + 124, 0x11, 4);
	check_known(d, "dirty", true);
	for (unsigned which = 0; which < 2; which++) { /* a chunk's header: gone, or part of it */
		d = make_known();
		memset(d->l->b.data + 4096 + 65536 * which, 0, which ? 512 : 128);
		check_known(d, "chunk header", true);
	}
	for (unsigned at = 0; at < 128; at += 4) { /* any field of it wrong */
		d = make_known();
		memset(d->l->b.data + 4096 + 65536 + at, 0xa5, 4);
		check_known(d, "a field of the chunk header", true);
	}
	for (unsigned run = 0; run < 40; run++) { /* pages of nothing */
		size_t page;

		d = make_known();
		page = 4096 * (1 + (size_t)rand() % (d->l->b.len / 4096 - 1));
		memset(d->l->b.data + page, 0, 4096);
		hit_range(d, page, page + 4096);
		check_known(d, "zeroed page", true);
	}
	for (unsigned run = 0; run < 40; run++) { /* cut anywhere */
		size_t len;

		d = make_known();
		len = 4096 + (size_t)rand() % (d->l->b.len - 4096);
		hit_range(d, len, d->l->b.len);
		d->l->b.len = len;
		check_known(d, "cut", false);
	}
	d = make_known(); /* bytes went missing inside of a chunk, nothing after it is where it was */
	memmove(d->l->b.data + 30000, d->l->b.data + 30100, d->l->b.len - 30100);
	d->l->b.len -= 100;
	hit_range(d, 30000, 30100);
	check_known(d, "bytes lost", false);
	d = make_known(); /* chunks in another order: they come as they stand */
	b = (uint8_t *)d->l->b.data;
	assert_true(d->l->b.len >= 4096 + 3 * 65536);
	memcpy(chunk, b + 4096, sizeof(chunk));
	memcpy(b + 4096, b + 4096 + 65536, sizeof(chunk));
	memcpy(b + 4096 + 65536, chunk, sizeof(chunk));
	{
		struct counter c = parse_all(buffer_as_view(&d->l->b), false);

		assert_int_equal(c.count, KNOWN);
		assert_int_equal(c.damage, 0);
		for (unsigned i = 1; i <= KNOWN; i++)
			assert_int_equal(c.records[i], 1);
	}
	drop(d->l);
	free(d);
}

/* A log of three equal records: the first is walked, the others are written by the program. */
static const char *rendered(const char *xml, const struct evtx_writer_value *v, uint16_t count)
{
	static struct parse p;
	static struct buffer all;
	struct evtx_writer_template t = {.xml = xml};
	struct log *l = xcalloc(1, sizeof(*l));
	struct counter c = {.sink.event = count_event};
	struct shape_table *shapes = shape_table_new();
	struct buffer out = {0};
	size_t line;

	memset(buffer_reserve(&l->b, 4096), 0, 4096);
	l->b.len = 4096;
	evtx_writer_init(&l->w, keep, l);
	for (unsigned i = 0; i < 3; i++)
		assert_int_equal(evtx_writer_record(&l->w, 1, &t, v, count), 0);
	assert_int_equal(evtx_writer_end(&l->w), 0);
	evtx_writer_head(&l->w, (uint8_t *)l->b.data);
	all.len = 0;
	parse_init(&p, &c.sink, shapes);
	assert_int_equal(evtx_to_xml(&p, buffer_as_view(&l->b), &out, append_xml, &all), OK);
	assert_int_equal(c.damage, 0);
	assert_int_equal(p.events, 3);
	line = all.len / 3;
	assert_int_equal(all.data[line - 1], '\n');
	assert_memory_equal(all.data, all.data + line, line);
	assert_memory_equal(all.data, all.data + 2 * line, line);
	all.len = line - 1;
	parse_done(&p);
	shape_table_free(shapes);
	buffer_release(&out);
	drop(l);
	return buffer_text(&all);
}

/* The fields of the first of such records, as JSON. */
static int first_fields(struct sink *sink, const struct event *e)
{
	struct carved *c = (struct carved *)sink;

	if (!c->lines.len)
		event_fields_json(&c->lines, e);
	return OK;
}

static void test_json_fields(void **unused)
{
	static struct parse p;
	struct evtx_writer_template t = {
		.xml = "<Event><System><EventID>%0</EventID><Version>?1</Version></"
		       "System><EventData>"
		       "<Data Name='A'>?1</Data><Data Name='B'>%1</Data><Data Name='C'>?2</Data>"
		       "<Data Name='D' Type='?1'>%3</Data></EventData></Event>"};
	const uint16_t id = 7;
	const struct evtx_writer_value v[] = {{.type = 6, .data = &id, .size = 2},
					      NOTHING,
					      TEXT("text"),
					      {.type = 0x81, .text = "one\ntwo\n"}};
	struct log *l = xcalloc(1, sizeof(*l));
	struct carved c = {.sink.event = first_fields};
	struct shape_table *shapes = shape_table_new();

	(void)unused;
	memset(buffer_reserve(&l->b, 4096), 0, 4096);
	l->b.len = 4096;
	evtx_writer_init(&l->w, keep, l);
	assert_int_equal(evtx_writer_record(&l->w, 1, &t, v, 4), 0);
	assert_int_equal(evtx_writer_end(&l->w), 0);
	evtx_writer_head(&l->w, (uint8_t *)l->b.data);
	parse_init(&p, &c.sink, shapes);
	assert_int_equal(parser_find("evtx")->parse(&p, buffer_as_view(&l->b)), OK);
	parse_done(&p);
	/* What is optional and missing is not there; a null that is not optional is an empty text. */
	assert_string_equal(buffer_text(&c.lines),
			    "{\"EventID\":7,\"B\":\"\",\"C\":\"text\",\"D\":[\"one\",\"two\"]}");
	shape_table_free(shapes);
	buffer_release(&c.lines);
	drop(l);
}

/* What of a template appears, and how often; where evtx_dump 0.15 writes it otherwise it is said. */
static void test_substitution(void **unused)
{
	const struct evtx_writer_value v[] = {TEXT("t"),
					      NOTHING,
					      {.type = 0x81, .text = "one\n<two>\n"},
					      {.type = 0x81, .text = ""}};

	(void)unused;
	/* [MS-EVEN6] 3.1.4.7.2: a missing optional value takes what encloses it with it, whatever
	 * else is in there. (evtx_dump keeps the rest.) */
	assert_string_equal(
		rendered("<E a='?0' b='?1' c='x?1' d='?0?1'><F>x%0?1</F><G>?0</G></E>", v, 4),
		"<E a='t'><G>t</G></E>");
	/* It takes nothing further out, and one that is there nothing at all. */
	assert_string_equal(rendered("<E><F><G>?1</G>x</F><H><I b='?1'/>?0</H></E>", v, 4),
			    "<E><F>x</F><H><I/>t</H></E>");
	/* 2.2.12.3: a value that is not optional and null is an empty text. (evtx_dump leaves out the
	 * attribute.) */
	assert_string_equal(rendered("<E a='%1'><F>%1</F><G@1>x</G><H@0>y</H></E>", v, 4),
			    "<E a=''><F></F><H>y</H></E>");
	/* 3.1.4.7.5: an element for each item of an array, with all that is around it. */
	assert_string_equal(
		rendered("<E><F>%2</F><F>[%2]</F><F a='%2' b='%0'/><F>%3</F></E>", v, 4),
		"<E><F>one</F><F>&lt;two&gt;</F><F>[one]</F><F>[&lt;two&gt;]</F>"
		"<F a='one' b='t'/><F a='&lt;two&gt;' b='t'/><F></F></E>");
	assert_string_equal(rendered("<E><F@2><G>%2</G>%0</F></E>", v, 4),
			    "<E><F><G>one</G><G>&lt;two&gt;</G>t</F></E>");
	/* A number that no value has. */
	assert_string_equal(rendered("<E a='%9' b='?9'><F>%9</F><G@9>x</G></E>", v, 4),
			    "<E a=''><F></F></E>");
}

static void test_values(void **unused)
{
	static const double nan = (double)NAN, infinite = -(double)INFINITY;
	static const uint16_t time[8] = {1634, 4, 6, 8, 22, 31, 42, 477},
			      wrong[8] = {2023, 13, 0, 1};
	const struct evtx_writer_value v[] = {
		{.type = 0x0c, .data = &nan, .size = 8},
		{.type = 0x0c, .data = &infinite, .size = 8},
		{.type = 0x12, .data = time, .size = 16},
		{.type = 0x12, .data = wrong, .size = 16},
		TEXT("a\001\037b\r\n\t\xef\xbf\xbf\xef\xbf\xbd<\xf0\x9f\x94\xa5>"),
		{.type = 0x0e, .data = "0123456789abcdefXYZ", .size = 19},
	};

	(void)unused;
	/* xs:double; [XML10] 2.2 has no room for controls (evtx_dump puts _ there), 2.11 turns a carriage
	 * return into a line feed. */
	assert_string_equal(
		rendered("<E>%0 %1 %2 %3<F a='%4'>%4</F>%5</E>", v, 6),
		"<E>NaN -INF 1634-04-08T22:31:42.477000Z E7070D00000001000000000000000000"
		"<F a='ab&#xD;\n\t\xef\xbf\xbd&lt;\xf0\x9f\x94\xa5&gt;'>ab&#xD;\n\t\xef\xbf\xbd&lt;"
		"\xf0\x9f\x94\xa5&gt;</F>3031323334353637383961626364656658595A</E>");
}

/* A fragment whose last part is an instance of a template that the log has not shown before. */
static void test_fragment_and_instance(void **unused)
{
	static struct evtx_writer_template inner = {.xml = "<C d='e'>%0</C>"};
	const struct evtx_writer_value i[] = {TEXT("in")};
	const struct evtx_writer_value v[] = {{.type = 0x21,
					       .fragment = "<A b='c'><B>x</B></A>",
					       .nested = &inner,
					       .values = i,
					       .count = 1}};

	(void)unused;
	inner.chunk = 0;
	assert_string_equal(rendered("<E>%0</E>", v, 1),
			    "<E><A b='c'><B>x</B></A><C d='e'>in</C></E>");
}

/* A value that a template uses again and again: bounded, and still well-formed. */
static void test_bomb(void **unused)
{
	static char text[20001], xml[8000];
	const struct evtx_writer_value v[] = {TEXT(text),
					      {.type = 0x81, .text = "1\n2\n3\n4\n5\n6\n7\n8\n"}};
	const char *got;
	size_t n;

	(void)unused;
	memset(text, '<', sizeof(text) - 1);
	strcpy(xml, "<E><F a='%1'>");
	for (unsigned i = 0; i < 1000; i++)
		strcat(xml, "<G/>%0");
	strcat(xml, "</F></E>");
	got = rendered(xml, v, 2);
	n = strlen(got);
	assert_true(n > (8u << 20) && n < (9u << 20));
	assert_string_equal(got + n - 8, "</F></E>");
}

enum way { WAY_UTF8, WAY_JSON, WAY_FLAT, WAY_XML };

/* What the vectors must do, a unit at a time. */
static char *plain(char *p, const uint16_t *u, size_t n, enum way way)
{
	bool json = way == WAY_JSON || way == WAY_FLAT;

	for (size_t i = 0; i < n; i++) {
		uint32_t c = u[i];

		if (c >= 0xd800 && c < 0xdc00 && i + 1 < n && u[i + 1] >= 0xdc00 &&
		    u[i + 1] < 0xe000)
			c = 0x10000 + ((c - 0xd800) << 10) + (u[++i] - 0xdc00u);
		if (json && (c == '"' || c == '\\'))
			p += sprintf(p, "\\%c", (char)c);
		else if ((c < 0x20 || c == 0x7f) && way == WAY_FLAT)
			*p++ = ' ';
		else if (json && (c == '\n' || c == '\r' || c == '\t'))
			p += sprintf(p, "\\%c", c == '\n' ? 'n' : c == '\r' ? 'r' : 't');
		else if (json && (c < 0x20 || c == 0x7f))
			p += sprintf(p, "\\u%04x", c);
		else if (way == WAY_XML && c < 0x80 && strchr("&<>\"'\r", (char)c) && c)
			p += sprintf(p, "%s",
				     c == '&'	 ? "&amp;"
				     : c == '<'	 ? "&lt;"
				     : c == '>'	 ? "&gt;"
				     : c == '"'	 ? "&quot;"
				     : c == '\'' ? "&apos;"
						 : "&#xD;");
		else if (way == WAY_XML &&
			 ((c < 0x20 && c != '\t' && c != '\n') || c == 0xfffe || c == 0xffff))
			continue;
		else
			p += text_encode(c, (uint8_t *)p);
	}
	return p;
}

/* All styles of all mixtures of characters, at every length and alignment, against the plain way. */
static void test_text(void **unused)
{
	uint16_t units[96];
	char got[TEXT_JSON_ROOM(300)], want[1000];
	uint8_t place[200];
	struct buffer utf8 = {0}, xml = {0};

	(void)unused;
	srand(1);
	for (unsigned run = 0; run < 120000; run++) {
		size_t n = (size_t)rand() % 80, off = (size_t)rand() % 3, len;
		unsigned mode = run % 8;
		struct view text;

		for (size_t i = 0; i < n; i++) {
			int r = rand();

			units[i] = (uint16_t)('a' + r % 26);
			if (mode == 1 && r % 6 == 0)
				units[i] = r & 64 ? '\\' : '"';
			else if (mode == 2 && r % 20 == 0)
				units[i] = (uint16_t)(r % 64);
			else if (mode == 3 && r % 9 == 0)
				units[i] = (uint16_t)(r >> 8);
			else if (mode == 3 && r % 11 == 0)
				units[i] = (uint16_t)(0xd800 + (r >> 8) % 0x800);
			else if (mode == 3 && r % 13 == 0)
				units[i] = (uint16_t)(0x7f + (r >> 8) % 3);
			else if (mode == 4 && r % 8) /* Cyrillic between blanks */
				units[i] = (uint16_t)(r & 256 ? 0x400 + (r >> 9) % 256 : ' ');
			else if (mode == 5 && (r >> 5) % 40) /* Han, kana, a few marks */
				units[i] = (uint16_t)(0x3000 + (r >> 8) % 0x7000);
			else if (mode == 5)
				units[i] = (uint16_t)(r & 256 ? 0xfffd + (r >> 10) % 3 : '<');
			else if (mode == 6) /* pairs, whole and broken */
				units[i] = (uint16_t)((i & 1 ? 0xdc00 : 0xd800) + (r >> 8) % 0x400 +
						      ((r >> 4) % 30 == 0 ? 0x400 : 0));
			else if (mode == 7) /* around every border */
				units[i] = (uint16_t)((const uint16_t[]){0x7f, 0x80, 0x7ff, 0x800,
									 0xd7ff, 0xe000, 0xffff,
									 0x20, 0x1f}[r % 9]);
		}
		memcpy(place + off, units, n * 2);
		text = view_of(place + off, n * 2);
		for (unsigned flat = 0; flat < 2; flat++) {
			len = (size_t)(plain(want, units, n, flat ? WAY_FLAT : WAY_JSON) - want);
			assert_int_equal(text_put_json16(got, text, flat) - got, len);
			assert_memory_equal(got, want, len);
			utf8.len = 0;
			text_utf16(&utf8, text);
			assert_int_equal(text_put_json(got, buffer_as_view(&utf8), flat) - got,
					 len);
			assert_memory_equal(got, want, len);
		}
		len = (size_t)(plain(want, units, n, WAY_UTF8) - want);
		assert_int_equal(utf8.len, len);
		assert_memory_equal(utf8.data, want, len);
		len = (size_t)(plain(want, units, n, WAY_XML) - want);
		assert_int_equal(text_put_xml16(got, text) - got, len);
		assert_memory_equal(got, want, len);
		xml.len = 0;
		text_xml(&xml, buffer_as_view(&utf8));
		assert_int_equal(xml.len, len);
		assert_memory_equal(xml.data, want, len);
	}
	buffer_release(&utf8);
	buffer_release(&xml);
}

static void test_crc32(void **unused)
{
	uint8_t bytes[1000];

	(void)unused;
	assert_int_equal(crc32_add(0, view_text("123456789")),
			 0xcbf43926); /* the check value of every catalogue */
	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (uint8_t)(i * i + 3);
	/* Any way of cutting it gives the same. */
	for (size_t n = 0; n < sizeof(bytes); n += 13)
		assert_int_equal(crc32_add(crc32_add(0, view_of(bytes, n)),
					   view_of(bytes + n, sizeof(bytes) - n)),
				 crc32_add(0, view_of(bytes, sizeof(bytes))));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_healthy),	       cmocka_unit_test(test_segments),
		cmocka_unit_test(test_damage),	       cmocka_unit_test(test_damaged_records),
		cmocka_unit_test(test_damaged_chunks), cmocka_unit_test(test_damaged_segments),
		cmocka_unit_test(test_carve),	       cmocka_unit_test(test_carve_noise),
		cmocka_unit_test(test_carve_values),   cmocka_unit_test(test_xml),
		cmocka_unit_test(test_substitution),   cmocka_unit_test(test_json_fields),
		cmocka_unit_test(test_values),	       cmocka_unit_test(test_fragment_and_instance),
		cmocka_unit_test(test_bomb),	       cmocka_unit_test(test_text),
		cmocka_unit_test(test_crc32)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
