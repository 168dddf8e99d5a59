#include "detect/hit.h"

#include "base/text.h"

#define VALUE_SHOWN ((size_t)4096) /* bytes of a value that a hit repeats: the event has the rest */

static void member(struct buffer *out, const char *key, const char *text)
{
	buffer_string(out, key);
	if (text)
		text_json_quoted(out, view_text(text));
	else
		buffer_string(out, "null");
}

void rule_json(struct buffer *out, const struct rule *rule)
{
	member(out, "\"rule_id\":", rule->id);
	member(out, ",\"rule_title\":", rule->title);
	member(out, ",\"level\":", level_text((enum level)rule->level));
	buffer_string(out, ",\"tags\":[");
	for (uint32_t i = 0; i < rule->tag_count; i++)
		member(out, i ? "," : "", rule->tags[i]);
	member(out, "],\"rule_path\":", rule->path);
}

static struct view shown(struct view v)
{
	if (v.len > VALUE_SHOWN) {
		v.len = VALUE_SHOWN;
		while (v.len && (v.data[v.len] & 0xc0) == 0x80)
			v.len--;
	}
	return v;
}

void hit_matched_json(struct buffer *out, const struct hit *hit)
{
	buffer_char(out, '[');
	for (size_t i = 0; i < hit->count; i++) {
		member(out, i ? ",{\"selection\":" : "{\"selection\":", hit->matched[i].selection);
		member(out, ",\"field\":", hit->matched[i].field);
		buffer_string(out, ",\"value\":");
		text_json_quoted(out, shown(hit->matched[i].value));
		buffer_char(out, '}');
	}
	buffer_char(out, ']');
}

void hit_text(struct buffer *out, const struct hit *hit)
{
	for (size_t i = 0; i < hit->count; i++) {
		if (i)
			buffer_string(out, "; ");
		if (*hit->matched[i].field) {
			buffer_string(out, hit->matched[i].field);
			buffer_char(out, '=');
		}
		buffer_view(out, shown(hit->matched[i].value));
	}
}

uint64_t hit_record(const struct event *event)
{
	const struct shape *s = event->shape;

	if (s && s->record_id >= 0) {
		const struct value *v = &event->values[s->record_id];

		if (v->type == VALUE_UNSIGNED || v->type == VALUE_SIGNED || v->type == VALUE_HEX)
			return v->u;
	}
	/* A script that was put together: the record of its first part. */
	if (event->kind == KIND_SCRIPT_BLOCK && s) {
		const struct value *parts = event_find(event, "PartRecords");
		struct buffer text = {0};
		struct view rest, first;
		uint64_t n = event->offset;

		if (parts)
			value_append(&text, parts);
		rest = buffer_as_view(&text);
		if (rest.len && rest.data[0] == '[') /* as JSON */
			rest = view_sub(rest, 1, rest.len - 2);
		if (!view_token(&rest, ',', &first) || !view_decimal(first, &n))
			n = event->offset;
		buffer_release(&text);
		return n;
	}
	return event->offset;
}

void hit_json(struct buffer *out, const struct hit *hit, const struct event *event,
	      const struct event_origin *origin, int64_t id)
{
	buffer_char(out, '{');
	rule_json(out, hit->rule);
	buffer_string(out, ",\"ts\":");
	if (event->ts == TIME_NONE) {
		buffer_string(out, "null");
	} else {
		buffer_char(out, '"');
		time_append(out, event->ts);
		buffer_char(out, '"');
	}
	if (event->host.type != VALUE_ABSENT) {
		buffer_string(out, ",\"host\":");
		value_json(out, &event->host);
	} else {
		member(out, ",\"host\":", origin->host);
	}
	member(out, ",\"source\":", origin->source);
	buffer_string(out, ",\"record\":");
	buffer_unsigned(out, hit_record(event));
	if (id)
		buffer_printf(out, ",\"id\":%lld", (long long)id);
	else
		buffer_string(out, ",\"id\":null");
	buffer_string(out, ",\"matched\":");
	hit_matched_json(out, hit);
	buffer_string(out, "}\n");
}
