/*
 * The case gives events as the lines that `query` prints, and the parser of our own lines reads
 * them back, a batch at a time.
 */
#include "cmd/casefeed.h"

#include "parsers/parser.h"

#include <stdlib.h>

#define BATCH ((size_t)1 << 20)

struct line {
	uint64_t at;
	int64_t id, offset;
	size_t source, parser; /* in names */
};

struct feeder {
	struct sink sink;
	struct parse parse;
	struct shape_table *shapes;
	struct buffer text, names;
	struct line *lines;
	size_t count, cap, next;
	case_feed_event *put;
	void *data;
};

static int read_back(struct sink *sink, const struct event *e)
{
	struct feeder *f = (struct feeder *)sink;
	struct event copy = *e;
	struct case_place place;

	while (f->next < f->count && f->lines[f->next].at < e->offset)
		f->next++;
	if (f->next == f->count || f->lines[f->next].at != e->offset)
		return OK; /* a line that could not be read: nothing of ours writes one */
	copy.offset = (uint64_t)(f->lines[f->next].offset < 0 ? 0 : f->lines[f->next].offset);
	place = (struct case_place){.id = f->lines[f->next].id,
				    .source = f->names.data + f->lines[f->next].source,
				    .parser = f->names.data + f->lines[f->next].parser};
	copy.parser = place.parser;
	return f->put(f->data, &copy, &place);
}

static int flush(struct feeder *f)
{
	int status;

	f->next = 0;
	status = parser_find("konseki_jsonl")->parse(&f->parse, buffer_as_view(&f->text));
	f->text.len = f->names.len = f->count = 0;
	arena_reset(&f->parse.arena);
	return status;
}

static int take(void *data, struct case_event *e)
{
	struct feeder *f = data;

	f->lines = xgrow(f->lines, &f->cap, f->count + 1, sizeof(*f->lines));
	f->lines[f->count++] =
		(struct line){.at = f->text.len,
			      .id = e->id,
			      .offset = e->offset,
			      .source = f->names.len,
			      .parser = f->names.len + strlen(e->source ? e->source : "") + 1};
	buffer_string(&f->names, e->source ? e->source : "");
	buffer_char(&f->names, '\0');
	buffer_string(&f->names, e->parser ? e->parser : "");
	buffer_char(&f->names, '\0');
	case_event_json(e, &f->text);
	if (f->text.len && f->text.data[f->text.len - 1] != '\n')
		buffer_char(&f->text, '\n');
	return f->text.len >= BATCH ? flush(f) : OK;
}

int case_feed(struct case_db *c, const struct case_filter *filter, case_feed_event *put, void *data,
	      struct problem *problem)
{
	struct feeder *f = xcalloc(1, sizeof(*f));
	int status;

	f->put = put;
	f->data = data;
	f->sink.event = read_back;
	f->shapes = shape_table_new();
	parse_init(&f->parse, &f->sink, f->shapes);
	status = case_select(c, filter, take, f, problem);
	if (status >= 0 && f->count)
		status = flush(f);
	parse_done(&f->parse);
	shape_table_free(f->shapes);
	buffer_release(&f->text);
	buffer_release(&f->names);
	free(f->lines);
	free(f);
	return status;
}
