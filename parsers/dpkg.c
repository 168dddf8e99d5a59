/*
 * dpkg.log (dpkg(1), --log): "2016-08-06 17:35:39 install base-passwd:amd64 <none> 3.5.33", in the
 * host's own zone, which no line tells.
 */
#include "parsers/parser.h"

static const struct action {
	const char *name;
	enum event_kind kind;
} actions[] = {
	{"startup", KIND_OTHER},
	{"status", KIND_OTHER},
	{"install", KIND_PACKAGE_INSTALL},
	{"upgrade", KIND_PACKAGE_INSTALL},
	{"remove", KIND_PACKAGE_REMOVE},
	{"purge", KIND_PACKAGE_REMOVE},
	{"disappear", KIND_PACKAGE_REMOVE},
	{"trigproc", KIND_OTHER},
	{"configure", KIND_OTHER},
	{"conffile", KIND_OTHER},
};

static const struct action *read_head(struct view line, int64_t *ts, struct view *rest)
{
	size_t used;
	struct view word;

	if (!view_has(line, 0, 20) || line.data[10] != ' ' || line.data[19] != ' ' ||
	    !time_parse_iso(view_clip(line, 0, 19), ts, NULL, &used) || used != 19)
		return NULL;
	*rest = view_from(line, 20);
	if (!view_token(rest, ' ', &word))
		return NULL;
	for (size_t i = 0; i < sizeof(actions) / sizeof(actions[0]); i++)
		if (view_is(word, actions[i].name))
			return &actions[i];
	return NULL;
}

static int probe(const struct probe *p)
{
	struct view rest = p->head, line, tail;
	int64_t ts;

	for (unsigned i = 0; i < 3 && view_line(&rest, &line); i++)
		if (read_head(line, &ts, &tail))
			return view_glob(view_text(p->name), "*dpkg*") ? BID_BOTH : BID_CONTENT;
	return BID_NO;
}

static void add(struct parse *p, const char *name, struct view v)
{
	if (v.len && !view_is(v, "<none>"))
		event_add(p, name, value_view(v));
}

static int parse(struct parse *p, struct view bytes)
{
	struct view rest = bytes, line, tail, one = VIEW_EMPTY, two = VIEW_EMPTY,
		    three = VIEW_EMPTY;
	uint64_t number = 0;
	int status = OK;

	while (status >= 0 && view_line(&rest, &line)) {
		uint64_t offset = (uint64_t)(line.data - bytes.data);
		const struct action *action;
		int64_t ts;

		number++;
		if (line.len == 0)
			continue;
		action = read_head(line, &ts, &tail);
		if (!action) {
			status = parse_lost(p, offset, "no line of dpkg's");
			continue;
		}
		parse_release(p, offset);
		event_start(p, action->kind, ts, "Recorded Time", offset);
		p->event.record = number;
		p->event.flags = EVENT_ZONE_ASSUMED | EVENT_SECOND_PRECISION;
		event_add(p, "Action", value_text(action->name));
		one = two = three = VIEW_EMPTY;
		if (strcmp(action->name, "conffile") == 0) {
			/* A path may hold blanks: the decision is the last word. */
			size_t blank = tail.len;

			while (blank > 0 && tail.data[blank - 1] != ' ')
				blank--;
			add(p, "TargetFilename", view_trim(view_clip(tail, 0, blank)));
			add(p, "Decision", view_from(tail, blank));
		} else {
			(void)view_token(&tail, ' ', &one);
			(void)view_token(&tail, ' ', &two);
			(void)view_token(&tail, ' ', &three);
			if (strcmp(action->name, "startup") == 0) {
				add(p, "Mode", one);
				add(p, "Command", two);
			} else if (strcmp(action->name, "status") == 0) {
				add(p, "Status", one);
				add(p, "Package", two);
				add(p, "Version", three);
			} else {
				add(p, "Package", one);
				add(p, "OldVersion", two);
				add(p, "Version", three);
			}
		}
		p->event.message = value_view(view_from(line, 20));
		status = event_emit(p);
	}
	return status;
}

const struct parser parser_dpkg = {
	.name = "dpkg",
	.title = "dpkg.log",
	.version = 1,
	.probe = probe,
	.parse = parse,
};
