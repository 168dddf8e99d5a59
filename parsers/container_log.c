/*
 * What containers print, as their runtime keeps it: Docker's json-file driver,
 * {"log":"text\n","stream":"stdout","time":"..."} a line, and CRI's "2016-10-06T00:17:09.669794202Z
 * stdout F text" (Kubernetes, kuberuntime logs; P: the line goes on).
 */
#include "parsers/parser.h"

#include <jansson.h>

static bool cri(struct view line, int64_t *ts, struct view *stream, struct view *tag,
		struct view *text)
{
	struct view rest = line, when;

	if (!view_token(&rest, ' ', &when) || when.len < 20 || when.data[10] != 'T' ||
	    !time_parse_iso(when, ts, NULL, NULL) || !view_token(&rest, ' ', stream) ||
	    !(view_is(*stream, "stdout") || view_is(*stream, "stderr")) ||
	    !view_token(&rest, ' ', tag) || !(view_is(*tag, "F") || view_is(*tag, "P")))
		return false;
	*text = rest;
	return true;
}

static int probe(const struct probe *p)
{
	struct view rest = p->head, line, stream, tag, text;
	int64_t ts;

	if (!view_line(&rest, &line))
		return BID_NO;
	if (view_starts(line, "{\"log\":\"", 8) && view_find(line, 0, "\"time\":\"", 8) < line.len)
		return BID_MAGIC;
	return cri(line, &ts, &stream, &tag, &text) ? BID_BOTH + 5 : BID_NO;
}

static int emit(struct parse *p, int64_t ts, struct view stream, struct view text, uint64_t offset,
		uint64_t number)
{
	const char *at = strstr(p->path, "/containers/");

	event_start(p, KIND_OTHER, ts, ts == TIME_NONE ? "Not a time" : "Recorded Time", offset);
	p->event.record = number;
	text = view_trim(text);
	if (stream.len)
		event_add(p, "Stream", value_view(stream));
	event_add(p, "Message", value_view(text));
	if (at) {
		struct view id = view_text(at + 12);

		id = view_clip(id, 0, view_find(id, 0, "/", 1));
		event_add(p, "Container", value_view(id));
	}
	p->event.message = value_view(view_clip(text, 0, 4000));
	return event_emit(p);
}

static int parse(struct parse *p, struct view bytes)
{
	struct view rest = bytes, line, stream, tag, text;
	uint64_t number = 0;
	int64_t ts;
	int status = OK;

	while (status >= 0 && view_line(&rest, &line)) {
		uint64_t offset = (uint64_t)(line.data - bytes.data);

		number++;
		if (line.len == 0)
			continue;
		parse_release(p, offset);
		if (line.data[0] == '{') {
			json_t *object = line.len > LIMIT_LINE
						 ? NULL
						 : json_loadb((const char *)line.data, line.len,
							      JSON_ALLOW_NUL, NULL);
			json_t *log = json_object_get(object, "log"),
			       *when = json_object_get(object, "time");

			ts = TIME_NONE;
			if (json_is_string(when) &&
			    !time_parse_iso(view_text(json_string_value(when)), &ts, NULL, NULL))
				ts = TIME_NONE;
			if (json_is_string(log))
				status = emit(
					p, ts,
					view_text(json_string_value(
						json_object_get(object, "stream"))),
					view_of(json_string_value(log), json_string_length(log)),
					offset, number);
			else
				status = parse_lost(p, offset, "no line of a container's log");
			json_decref(object);
		} else if (cri(line, &ts, &stream, &tag, &text)) {
			status = emit(p, ts, stream, text, offset, number);
		} else {
			status = parse_lost(p, offset, "no line of a container's log");
		}
	}
	return status;
}

const struct parser parser_container_log = {
	.name = "container_log",
	.title = "Output of containers (Docker, CRI)",
	.version = 1,
	.probe = probe,
	.parse = parse,
};
