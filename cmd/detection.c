#include "cmd/detection.h"

#include "base/text.h"

#include <stdlib.h>

struct row_hit detection_rule(const struct rule *rule, struct buffer *tags)
{
	tags->len = 0;
	buffer_char(tags, '[');
	for (uint32_t i = 0; i < rule->tag_count; i++) {
		if (i)
			buffer_char(tags, ',');
		text_json_quoted(tags, view_text(rule->tags[i]));
	}
	buffer_char(tags, ']');
	return (struct row_hit){.rule_id = view_text(rule->id ? rule->id : ""),
				.title = view_text(rule->title),
				.level = view_text(level_text((enum level)rule->level)),
				.tags = buffer_as_view(tags),
				.path = view_text(rule->path)};
}

/* The ids in a correlation's list of events, as the case wants them. */
static void ids_json(struct buffer *out, const char *events)
{
	static const char key[] = "\"id\":";

	buffer_char(out, '[');
	for (const char *p = events; (p = strstr(p, key)); p += sizeof(key) - 1) {
		long long id = strtoll(p + sizeof(key) - 1, NULL, 10);

		/* Inside a text the quotation marks would be escaped: this is the member. */
		if (id > 0)
			buffer_printf(out, out->len > 1 ? ",%lld" : "%lld", id);
	}
	buffer_char(out, ']');
}

int detection_write(struct case_db *c, int64_t event, const struct rule *rule, struct view matched,
		    const char *events)
{
	struct buffer tags = {0}, ids = {0};
	struct row_hit row = detection_rule(rule, &tags);
	int status;

	row.matched = matched;
	if (events)
		ids_json(&ids, events);
	status = case_detection(c, event, &row, events ? buffer_text(&ids) : NULL);
	buffer_release(&tags);
	buffer_release(&ids);
	return status;
}

/* ---- correlations of what was hit while it was loaded ---- */

struct feeding {
	struct case_db *c;
	struct correlator *correlator;
	uint32_t rule;
	uint64_t left_out;
};

static int feed(void *data, const struct case_input *input)
{
	struct feeding *f = data;
	const struct hit_place place = {.ts = input->ts,
					.host = view_text(input->host),
					.source = view_text(input->source),
					.record = input->record,
					.id = input->event};
	int status = correlator_feed(f->correlator, f->rule, &place, input->encoded);

	if (status != ERR_FORMAT)
		return status;
	f->left_out++;
	return OK;
}

static int on_correlated(void *data, const struct correlated *hit)
{
	struct feeding *f = data;

	return detection_write(f->c, hit->place->id, hit->rule, view_text("[]"), hit->events);
}

int detection_correlate(struct case_db *c, const struct ruleset *set, uint64_t *left_out)
{
	struct feeding f = {.c = c, .correlator = correlator_new(set)};
	struct buffer tags = {0};
	int status = OK;

	for (size_t i = 0; i < set->rule_count && status == OK; i++) {
		struct row_hit rule = detection_rule(set->rules[i], &tags);

		f.rule = (uint32_t)i;
		status = set->rules[i]->correlation ? case_detections_clear_rule(c, &rule)
						    : case_inputs(c, &rule, feed, &f);
	}
	if (status == OK)
		status = correlator_finish(f.correlator, on_correlated, &f);
	*left_out = f.left_out;
	correlator_free(f.correlator);
	buffer_release(&tags);
	return status;
}
