/*
 * konseki's own JSON lines, as `parse` and `query --format jsonl` print them: what was parsed on
 * one machine is ingested or detected on at another. Every line is an object with `ts`, `ts_desc`,
 * `kind`, `message`, `host`, `user`, `source` and `fields` (man konseki-parse). JSON: RFC 8259.
 */
#include "parsers/json_value.h"
#include "parsers/parser.h"

/* Members that every line has: enough to tell our lines from anybody's. */
static int probe(const struct probe *p)
{
	struct view rest = p->head, line;

	if (!view_starts(rest, "{\"", 2) || !view_line(&rest, &line))
		return BID_NO;
	return view_find(line, 0, "\"ts_desc\":", 10) < line.len &&
			       view_find(line, 0, "\"kind\":", 7) < line.len &&
			       view_find(line, 0, "\"fields\":", 9) < line.len
		       ? BID_MAGIC
		       : BID_NO;
}

/* ts_desc must outlive the event in sinks that keep the pointer: one copy of each text. */
static const char *kept_description(struct parse *p, struct view text)
{
	static const char *const usual[] = {"Content Modification Time",
					    "Creation Time",
					    "Recorded Time",
					    "Not a time",
					    "Last Access Time",
					    "Metadata Modification Time",
					    "Start Time"};

	for (size_t i = 0; i < sizeof(usual) / sizeof(usual[0]); i++)
		if (view_is(text, usual[i]))
			return usual[i];
	return parse_text(&p->arena, view_clip(text, 0, 80));
}

static int line_event(struct parse *p, const json_t *line, uint64_t offset, uint64_t number)
{
	const json_t *fields = json_object_get(line, "fields"), *record;
	struct view ts = json_text(json_object_get(line, "ts"));
	enum event_kind kind = event_kind_of(json_text(json_object_get(line, "kind")));
	int64_t time = TIME_NONE;
	void *at;

	if (!json_is_object(fields) || kind == KIND_COUNT ||
	    (ts.len && !time_parse_iso(ts, &time, NULL, NULL)))
		return parse_lost(p, offset, "line %llu is not an event of ours",
				  (unsigned long long)number);
	event_start(p, kind, time, kept_description(p, json_text(json_object_get(line, "ts_desc"))),
		    offset);
	for (size_t i = 0; i < json_array_size(json_object_get(line, "flags")); i++)
		for (unsigned bit = 1; event_flag_text(bit); bit <<= 1)
			if (view_is(json_text(json_array_get(json_object_get(line, "flags"), i)),
				    event_flag_text(bit)))
				p->event.flags |= bit;
	p->event.record = number;
	p->event.parser = parse_text(&p->scratch,
				     view_clip(json_text(json_object_get(line, "parser")), 0, 80));
	if (json_is_string(json_object_get(line, "host")))
		event_host(p, value_view(json_text(json_object_get(line, "host"))));
	if (json_is_string(json_object_get(line, "user")))
		event_user(p, value_view(json_text(json_object_get(line, "user"))));
	if (json_is_string(json_object_get(line, "message")))
		p->event.message = value_view(json_text(json_object_get(line, "message")));
	for (at = json_object_iter((json_t *)(uintptr_t)fields); at;
	     at = json_object_iter_next((json_t *)(uintptr_t)fields, at))
		event_add(p, json_object_iter_key(at),
			  json_value(&p->scratch, json_object_iter_value(at)));
	record = json_object_get(fields, "EventRecordID");
	if (json_is_integer(record) && json_integer_value(record) > 0)
		p->event.record = (uint64_t)json_integer_value(record);
	return event_emit(p);
}

static int parse(struct parse *p, struct view bytes)
{
	struct view rest = bytes, line;
	uint64_t number = 0;
	int status = OK;

	while (status >= 0 && view_line(&rest, &line)) {
		uint64_t offset = (uint64_t)(line.data - bytes.data);
		json_error_t error;
		json_t *object;

		number++;
		if (view_trim(line).len == 0)
			continue;
		if (line.len > LIMIT_LINE * 16) {
			status = parse_lost(p, offset, "line %llu is longer than %u bytes",
					    (unsigned long long)number, LIMIT_LINE * 16);
			continue;
		}
		object = json_loadb((const char *)line.data, line.len, JSON_ALLOW_NUL, &error);
		if (json_is_object(object)) /* NOLINT(misc-redundant-expression): jansson's macro */
			status = line_event(p, object, offset, number);
		else
			status = parse_lost(p, offset, "line %llu: %s", (unsigned long long)number,
					    object ? "not an object" : error.text);
		json_decref(object);
		parse_release(p, offset);
	}
	return status;
}

const struct parser parser_konseki_jsonl = {
	.name = "konseki_jsonl",
	.title = "konseki's own JSON lines",
	.version = 1,
	.probe = probe,
	.parse = parse,
};
