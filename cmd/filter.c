#include "cmd/filter.h"

#include <stdlib.h>
#include <string.h>

static bool read_time(const char *text, const char *name, int64_t *ts)
{
	*ts = TIME_NONE;
	if (!text || time_parse_user(view_text(text), time_now(), ts))
		return true;
	complainf(NULL, "--%s: not a time: %s", name, text);
	return false;
}

/* Kinds may come as "logon,logoff", as stack and diff take them. */
static void split_kinds(struct filter_options *o)
{
	size_t given = o->kinds.count, cap = given;
	struct buffer all = {0};

	for (size_t i = 0; i < given; i++) {
		buffer_string(&all, i ? "," : "");
		buffer_string(&all, o->kinds.items[i]);
	}
	if (given == 0)
		return;
	o->kind_text = xstrdup(buffer_text(&all));
	buffer_release(&all);
	o->kinds.count = 0;
	for (char *at = o->kind_text, *next; at; at = next) {
		next = strchr(at, ',');
		if (next)
			*next++ = '\0';
		o->kinds.items =
			xgrow(o->kinds.items, &cap, o->kinds.count + 1, sizeof(*o->kinds.items));
		o->kinds.items[o->kinds.count++] = at;
	}
}

bool filter_read(struct filter_options *o, struct case_filter *f)
{
	split_kinds(o);
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
	free(o->kind_text);
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
