#include "cmd/filter.h"

#include <stdlib.h>

static bool read_time(const char *text, const char *name, int64_t *ts)
{
	*ts = TIME_NONE;
	if (!text || time_parse_user(view_text(text), time_now(), ts))
		return true;
	complainf(NULL, "--%s: not a time: %s", name, text);
	return false;
}

bool filter_read(const struct filter_options *o, struct case_filter *f)
{
	*f = (struct case_filter){
		.hosts = o->hosts.items,
		.host_count = o->hosts.count,
		.kinds = o->kinds.items,
		.kind_count = o->kinds.count,
		.greps = o->greps.items,
		.grep_count = o->greps.count,
		.fields = o->fields.items,
		.field_count = o->fields.count,
		.id = (int64_t)o->id,
		.limit = o->limit,
	};
	return read_time(o->since, "since", &f->since) && read_time(o->until, "until", &f->until);
}

void filter_release(struct filter_options *o)
{
	free(o->hosts.items);
	free(o->kinds.items);
	free(o->greps.items);
	free(o->fields.items);
}

struct case_db *filter_case(const struct filter_options *o)
{
	const char *path = case_path(o->case_name);
	struct problem problem = {0};
	struct case_db *c;

	if (!path)
		return NULL;
	if (case_open(path, CASE_READ, &c, &problem) < 0) {
		complain(path, &problem);
		return NULL;
	}
	return c;
}

int filter_status(const struct filter_options *o, int status, const struct problem *problem)
{
	if (status == OK || status == ERR_STOPPED)
		return EXIT_COMPLETE;
	complain(status == ERR_USAGE ? NULL : case_path(o->case_name), problem);
	return EXIT_MISUSE;
}
