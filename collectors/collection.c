/* What the manifests of all collections say alike. */
#include "collectors/collection.h"
#include "collectors/lines.h"

#include "base/version.h"

void collection_head(struct buffer *b, const struct collect_options *o,
		     const struct collect_result *r, const char *collector)
{
	buffer_string(b, "\"schema\":1,\"tool\":\"konseki " KONSEKI_VERSION "\"");
	line_text(b, "collector", collector);
	line_text(b, "host", r->host);
	line_name(b, "clock");
	buffer_string(b, "{\"source\":\"system clock\"");
	line_time(b, "reading", r->start);
	if (o->reference_time) {
		line_text(b, "reference", o->reference_time);
		line_name(b, "host_ahead_seconds");
		buffer_printf(b, "%.3f", (double)(r->start - o->reference) / 1e9);
	}
	buffer_char(b, '}');
	line_text(b, "profile", o->profile->name);
	line_text(b, "operator", o->operator_name);
	line_text(b, "case_id", o->case_id);
	line_text(b, "since", o->since);
	line_bool(b, "secrets", o->secrets);
	line_time(b, "start", r->start);
	line_time(b, "end", r->end);
	if (r->near_empty)
		line_bool(b, "near_empty", true);
}
