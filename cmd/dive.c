/* konseki dive: what happened around one event: its process, the parents, the children, what they
 * touched. */
#include "cmd/command.h"

#include "analysis/dive.h"
#include "base/table.h"
#include "base/text.h"
#include "timeline/case.h"

#include <stdlib.h>

static struct buffer out; /* the page is built whole, then written */
static bool colour;

static void put(const char *s)
{
	buffer_string(&out, s);
}

static void paint(const char *code)
{
	if (colour)
		put(code);
}

#define BOLD  "\033[1m"
#define DIM   "\033[2m"
#define RED   "\033[1;31m"
#define PLAIN "\033[0m"

/* Text of the evidence, escaped, at most `most` bytes of it. */
static void evidence(const char *s, size_t most)
{
	struct view v = view_text(s ? s : "");
	bool cut = v.len > most;

	v.len = cut ? most : v.len;
	while (cut && v.len && (v.data[v.len] & 0xc0) == 0x80)
		v.len--;
	text_terminal(&out, v);
	if (cut)
		put("\xe2\x80\xa6");
}

static void clock_of(int64_t ts)
{
	char text[TIME_TEXT];

	time_format(ts, text);
	text[19] = '\0';
	paint(DIM);
	put(ts == TIME_NONE ? "                    " : text);
	put(ts == TIME_NONE ? "" : "Z");
	paint(PLAIN);
}

static void process_line(const struct dive *d, size_t index, const char *lead)
{
	const struct process *p = process_at(d->processes, index);
	bool focus = index == d->process;

	clock_of(p->start);
	put("  ");
	put(lead);
	paint(focus ? RED : BOLD);
	evidence(p->image ? p->image : "(unknown image)", 120);
	paint(PLAIN);
	if (p->pid != UINT64_MAX)
		buffer_printf(&out, " [%llu]", (unsigned long long)p->pid);
	if (p->user) {
		put(" ");
		evidence(p->user, 60);
	}
	if (p->stop != TIME_NONE) {
		char text[TIME_TEXT];

		time_format(p->stop, text);
		text[19] = '\0';
		buffer_printf(&out, " (until %s)", text + 11);
	}
	if (p->event == 0)
		put(" (only named by its child)");
	if (focus)
		put("  <--");
	put("\n");
	if (p->command_line && (!p->image || strcmp(p->command_line, p->image) != 0)) {
		buffer_printf(&out, "%22s", "");
		for (const char *c = lead; *c; c++)
			if ((*c & 0xc0) != 0x80)
				put((uint8_t)*c == 0xe2 && (uint8_t)c[1] == 0x94 &&
						    ((uint8_t)c[2] == 0x82 || (uint8_t)c[2] == 0x9c)
					    ? "\xe2\x94\x82"
					    : " ");
		put("$ ");
		evidence(p->command_line, 300);
		put("\n");
	}
}

static void event_lines(const struct dive_list *l, const char *lead)
{
	for (size_t i = 0; i < l->count; i++) {
		clock_of(l->items[i].ts);
		put("  ");
		put(lead);
		buffer_printf(&out, "#%lld ", (long long)l->items[i].id);
		paint(BOLD);
		evidence(l->items[i].kind, 40);
		paint(PLAIN);
		put(" ");
		evidence(l->items[i].message, 200);
		put("\n");
	}
	if (l->more)
		buffer_printf(&out, "%22s%s... and %llu more (--events)\n", "", lead,
			      (unsigned long long)l->more);
}

/* The tree below a process, depth first, with an own stack: evidence decides how deep it is. */
#define DEPTH_SHOWN 40
static void subtree(const struct dive *d, size_t index, struct buffer *lead, unsigned depth)
{
	size_t before = lead->len;

	for (size_t c = process_at(d->processes, index)->first_child; c != PROCESS_NONE;
	     c = process_at(d->processes, c)->next_sibling) {
		bool last = process_at(d->processes, c)->next_sibling == PROCESS_NONE;

		if (depth >= DEPTH_SHOWN) {
			buffer_printf(&out, "%22s%s... deeper\n", "", buffer_text(lead));
			return;
		}
		buffer_string(lead,
			      last ? "\xe2\x94\x94\xe2\x94\x80 " : "\xe2\x94\x9c\xe2\x94\x80 ");
		process_line(d, c, buffer_text(lead));
		lead->len = before;
		buffer_string(lead, last ? "   " : "\xe2\x94\x82  ");
		buffer_string(lead, "  ");
		event_lines(&d->touched[c].events, buffer_text(lead));
		lead->len -= 2;
		subtree(d, c, lead, depth + 1);
		lead->len = before;
	}
}

static void page(const struct dive *d)
{
	struct buffer lead = {0};
	size_t chain[DEPTH_SHOWN], n = 0;

	buffer_printf(&out, "Event #%lld on ", (long long)d->focus.id);
	evidence(d->host ? d->host : "(unknown host)", 100);
	put("\n");
	event_lines(
		&(struct dive_list){.items = (struct dive_event *)(uintptr_t)&d->focus, .count = 1},
		"");
	buffer_printf(&out, "%22s", "");
	evidence(d->focus.source, 300);
	put("\n\n");
	if (d->logons.count) {
		paint(BOLD);
		put("Logon session\n");
		paint(PLAIN);
		event_lines(&d->logons, "");
		put("\n");
	}
	paint(BOLD);
	put("Processes\n");
	paint(PLAIN);
	if (d->process == PROCESS_NONE) {
		put("  none: nothing in the case tells which process is behind this event\n");
	} else {
		for (size_t p = d->process; p != PROCESS_NONE && n < DEPTH_SHOWN;
		     p = process_at(d->processes, p)->parent)
			chain[n++] = p;
		while (n-- > 0) {
			process_line(d, chain[n], buffer_text(&lead));
			if (n)
				buffer_string(&lead, "   ");
		}
		buffer_string(&lead, "  ");
		event_lines(&d->touched[d->process].events, buffer_text(&lead));
		subtree(d, d->process, &lead, 0);
	}
	if (d->around.count) {
		put("\n");
		paint(BOLD);
		put("On the same host at that time\n");
		paint(PLAIN);
		event_lines(&d->around, "");
	}
	buffer_release(&lead);
}

/* One object a line: role (focus, logon, ancestor, process, descendant, touched, around), then what
 * it is. */
static void rows(const struct dive *d, enum table_format format, bool header)
{
	static const char *const columns[] = {"role",  "time",	       "event", "kind",	  "pid",
					      "image", "command_line", "user",	"message"};
	struct table *t = table_open(stdout, format, columns, 9, header);
	const struct dive_list *lists[] = {&d->logons, &d->around};

#define EVENT_ROW(role, e, p)                                                                      \
	do {                                                                                       \
		struct value when = value_time((e)->ts);                                           \
		table_text(t, role);                                                               \
		table_cell(t, &when);                                                              \
		table_signed(t, (e)->id);                                                          \
		table_text(t, (e)->kind);                                                          \
		if ((p) != PROCESS_NONE && process_at(d->processes, p)->pid != UINT64_MAX)         \
			table_signed(t, (int64_t)process_at(d->processes, p)->pid);                \
		else                                                                               \
			table_text(t, NULL);                                                       \
		table_text(t, (p) != PROCESS_NONE ? process_at(d->processes, p)->image : NULL);    \
		table_text(t, NULL);                                                               \
		table_text(t, (e)->user);                                                          \
		table_text(t, (e)->message);                                                       \
	} while (0)
	EVENT_ROW("focus", &d->focus, d->process);
	for (size_t i = 0; i < process_count(d->processes) && d->process != PROCESS_NONE; i++) {
		const struct process *p = process_at(d->processes, i);
		struct value time = value_time(p->start);
		const char *role = i == d->process ? "process"
				   : d->in_tree[i] ? "descendant"
						   : NULL;

		for (size_t a = process_at(d->processes, d->process)->parent;
		     !role && a != PROCESS_NONE; a = process_at(d->processes, a)->parent)
			if (a == i)
				role = "ancestor";
		if (!role)
			continue;
		table_text(t, role);
		table_cell(t, &time);
		if (p->event)
			table_signed(t, p->event);
		else
			table_text(t, NULL);
		table_text(t, p->seen_only ? "process_seen" : "process_start");
		if (p->pid != UINT64_MAX)
			table_signed(t, (int64_t)p->pid);
		else
			table_text(t, NULL);
		table_text(t, p->image);
		table_text(t, p->command_line);
		table_text(t, p->user);
		table_text(t, NULL);
		for (size_t n = 0; n < d->touched[i].events.count; n++)
			EVENT_ROW("touched", &d->touched[i].events.items[n], i);
	}
	for (size_t l = 0; l < 2; l++)
		for (size_t n = 0; n < lists[l]->count; n++)
			EVENT_ROW(l ? "around" : "logon", &lists[l]->items[n],
				  lists[l]->items[n].process);
	table_close(t);
}

static const char *case_file, *event_text, *format_text;
static unsigned long limit = 20, window = 60;
static bool no_header;
static const struct option options[] = {
	{OPTION_TEXT, 'c', "case", "FILE", "the case (or $KONSEKI_CASE)", &case_file},
	{OPTION_TEXT, 0, "event", "ID", "the event, by its id in the timeline", &event_text},
	{OPTION_NUMBER, 0, "events", "N", "events listed for each process (20)", &limit},
	{OPTION_NUMBER, 0, "window", "SECONDS", "what counts as the same time (60)", &window},
	{OPTION_TEXT, 0, "format", "FORMAT", "tree, table, tsv, csv or jsonl (tree)", &format_text},
	{OPTION_FLAG, 0, "no-header", NULL, "rows only", &no_header},
	{OPTION_END},
};
static const struct command_help help = {
	"dive", "",
	"show the process behind an event, its parents, its children and what they touched", NULL};

static int run(int argc, char **argv)
{
	struct dive_options o;
	enum table_format format = TABLE_AUTO;
	struct problem problem = {0};
	const char *path;
	struct case_db *c = NULL;
	struct dive d;
	uint64_t id;
	int n, status;

	switch (option_parse(&help, options, argc, argv, &n)) {
	case OPTION_EXIT_OK:
		return EXIT_COMPLETE;
	case OPTION_MISUSE:
		return EXIT_MISUSE;
	case OPTION_GO:
		break;
	}
	if (n || !event_text || !view_decimal(view_text(event_text), &id) || id > INT64_MAX) {
		complainf("dive",
			  "which event? give --event ID (an id that konseki query printed)");
		return EXIT_MISUSE;
	}
	if (format_text && strcmp(format_text, "tree") != 0 &&
	    !table_format_of(format_text, &format)) {
		complainf("dive", "%s: no such format", format_text);
		return EXIT_MISUSE;
	}
	path = case_path(case_file);
	if (!path)
		return EXIT_MISUSE;
	if (case_open(path, CASE_READ, &c, &problem) < 0) {
		complain(path, &problem);
		return EXIT_MISUSE;
	}
	o = (struct dive_options){.limit = limit,
				  .window = (int64_t)(window > 1000000 ? 1000000 : window) *
					    TIME_SECOND};
	status = dive_run(c, (int64_t)id, &o, &d, &problem);
	if (status < 0) {
		complain(path, &problem);
	} else if (format_text && strcmp(format_text, "tree") != 0) {
		rows(&d, format, !no_header);
	} else {
		colour = table_colour(stdout);
		page(&d);
		(void)fwrite(out.data, 1, out.len, stdout);
	}
	buffer_release(&out);
	dive_release(&d);
	case_close(c);
	return status < 0 ? EXIT_MISUSE : EXIT_COMPLETE;
}

const struct command command_dive = {&help, run};
