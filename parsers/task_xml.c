/*
 * Windows scheduled tasks as XML ([MS-TSCH] 2.3), one file each under Windows/System32/Tasks:
 * UTF-16 with a byte order mark, or UTF-8. libxml2 reads it from memory as a stream, without
 * network, external entities or entity substitution; a document type is refused altogether: no task
 * has one, and what it could declare is trouble.
 */
#include "parsers/parser.h"

#include "base/text.h"

#include <libxml/xmlreader.h>

#define MAX_TASK  (8u << 20) /* bytes: the Task Scheduler takes no more than some KiB */
#define MAX_ITEMS 64	     /* actions and triggers that are kept */

struct task {
	const char *author, *description, *uri, *date, *version, *source, *documentation, *sddl;
	const char *user, *group, *run_level, *logon_type;
	const char *enabled, *hidden, *wake, *delete_after;
	struct action {
		const char *command, *arguments, *folder, *class_id, *data, *type;
	} actions[MAX_ITEMS];
	unsigned action_count;
	struct trigger {
		const char *type, *start, *end, *interval, *enabled, *subscription, *user;
	} triggers[MAX_ITEMS];
	unsigned trigger_count;
};

static int probe(const struct probe *p)
{
	static const char space[] = "/mscorp/2004/02/mit/task"; /* the end of the schema's name */
	struct view head = view_clip(p->head, 0, 1024);
	uint8_t narrow[512];
	size_t n = 0;
	bool task, folder = view_glob(view_text(p->path), "*/System32/Tasks/*") ||
			    view_glob(view_text(p->path), "*/SysWOW64/Tasks/*");

	if (head.len >= 2 &&
	    (view_starts(head, "\xff\xfe", 2) || (head.data[0] == '<' && head.data[1] == 0)))
		for (size_t i = head.data[0] == '<' ? 0 : 2; i + 1 < head.len && n < sizeof(narrow);
		     i += 2)
			narrow[n++] = head.data[i + 1] ? '?' : head.data[i];
	else if (view_starts(head, "\xfe\xff", 2))
		for (size_t i = 2; i + 1 < head.len && n < sizeof(narrow); i += 2)
			narrow[n++] = head.data[i] ? '?' : head.data[i + 1];
	if (n)
		head = view_of(narrow, n);
	task = view_find(head, 0, "<Task", 5) < head.len;
	if (!task || !(view_find(head, 0, "<?xml", 5) < head.len || view_starts(head, "<Task", 5)))
		return BID_NO;
	return folder							     ? BID_BOTH
	       : view_find(head, 0, space + 7, strlen(space) - 7) < head.len ? BID_CONTENT + 5
									     : BID_NO;
}

static const char *keep(struct parse *p, const xmlChar *text)
{
	struct view v = view_trim(view_text((const char *)text));
	const char *kept = v.len ? arena_strndup(&p->arena, v.data, v.len) : NULL;

	return kept ? kept : NULL;
}

static bool is(const char *a, const char *b)
{
	return strcmp(a, b) == 0;
}

/* Text of an element, by the names on the way to it. path[0] is "Task". */
static void element(struct parse *p, struct task *t, char path[][64], unsigned depth,
		    const xmlChar *text)
{
	const char *name = path[depth - 1], *section = depth > 2 ? path[1] : "";
	const char **to = NULL;

	if (is(section, "RegistrationInfo") && depth == 3) {
		to = is(name, "Author")		      ? &t->author
		     : is(name, "Description")	      ? &t->description
		     : is(name, "URI")		      ? &t->uri
		     : is(name, "Date")		      ? &t->date
		     : is(name, "Version")	      ? &t->version
		     : is(name, "Source")	      ? &t->source
		     : is(name, "Documentation")      ? &t->documentation
		     : is(name, "SecurityDescriptor") ? &t->sddl
						      : NULL;
	} else if (is(section, "Principals") && depth == 4) {
		to = is(name, "UserId")	     ? &t->user
		     : is(name, "GroupId")   ? &t->group
		     : is(name, "RunLevel")  ? &t->run_level
		     : is(name, "LogonType") ? &t->logon_type
					     : NULL;
	} else if (is(section, "Settings") && depth == 3) {
		to = is(name, "Enabled")		  ? &t->enabled
		     : is(name, "Hidden")		  ? &t->hidden
		     : is(name, "WakeToRun")		  ? &t->wake
		     : is(name, "DeleteExpiredTaskAfter") ? &t->delete_after
							  : NULL;
	} else if (is(section, "Actions") && depth == 4 && t->action_count) {
		struct action *a = &t->actions[t->action_count - 1];

		to = is(name, "Command")	    ? &a->command
		     : is(name, "Arguments")	    ? &a->arguments
		     : is(name, "WorkingDirectory") ? &a->folder
		     : is(name, "ClassId")	    ? &a->class_id
		     : is(name, "Data")		    ? &a->data
						    : NULL;
	} else if (is(section, "Triggers") && depth >= 4 && t->trigger_count) {
		struct trigger *g = &t->triggers[t->trigger_count - 1];

		to = is(name, "StartBoundary")	? &g->start
		     : is(name, "EndBoundary")	? &g->end
		     : is(name, "Interval")	? &g->interval
		     : is(name, "Enabled")	? &g->enabled
		     : is(name, "Subscription") ? &g->subscription
		     : is(name, "UserId")	? &g->user
						: NULL;
	}
	if (to && !*to)
		*to = keep(p, text);
}

static void opened(struct parse *p, struct task *t, char path[][64], unsigned depth)
{
	if (depth != 3)
		return;
	if (is(path[1], "Actions") && t->action_count < MAX_ITEMS)
		t->actions[t->action_count++] =
			(struct action){.type = keep(p, (const xmlChar *)path[2])};
	else if (is(path[1], "Triggers") && t->trigger_count < MAX_ITEMS)
		t->triggers[t->trigger_count++] =
			(struct trigger){.type = keep(p, (const xmlChar *)path[2])};
}

static void quiet(void *data, const char *text, xmlParserSeverities severity,
		  xmlTextReaderLocatorPtr where)
{
	(void)data;
	(void)text;
	(void)severity;
	(void)where;
}

/* The file's place below Tasks is the task's name; its URI says the same. */
static const char *task_name(const struct parse *p, const struct task *t)
{
	const char *at = strstr(p->path, "/Tasks/");

	if (t->uri)
		return t->uri;
	at = at ? at + 6 : strrchr(p->path, '/');
	return at ? at : p->path;
}

static void add(struct parse *p, const char *name, const char *value)
{
	event_add(p, name, value_text(value));
}

static int emit(struct parse *p, const struct task *t)
{
	struct buffer command = {0}, triggers = {0};
	const char *name = task_name(p, t), *image = NULL;
	int64_t date = TIME_NONE, start = TIME_NONE;
	bool zoned = false, start_zoned = false;
	unsigned flags;
	int status;

	for (unsigned i = 0; i < t->action_count; i++) {
		const struct action *a = &t->actions[i];

		if (command.len)
			buffer_string(&command, " ; ");
		if (a->command) {
			buffer_string(&command, a->command);
			if (a->arguments)
				buffer_printf(&command, " %s", a->arguments);
			if (!image)
				image = a->command;
		} else if (a->class_id) {
			buffer_printf(&command, "COM %s%s%s", a->class_id, a->data ? " " : "",
				      a->data ? a->data : "");
		} else if (a->type) {
			buffer_string(&command, a->type);
		}
	}
	for (unsigned i = 0; i < t->trigger_count; i++) {
		const struct trigger *g = &t->triggers[i];

		buffer_printf(&triggers, "%s%s%s%s%s%s%s%s%s", triggers.len ? "; " : "",
			      g->type ? g->type : "?", g->start ? " from " : "",
			      g->start ? g->start : "", g->interval ? " every " : "",
			      g->interval ? g->interval : "", g->user ? " of " : "",
			      g->user ? g->user : "",
			      g->enabled && is(g->enabled, "false") ? " (off)" : "");
		if (g->start && start == TIME_NONE)
			(void)time_parse_iso(view_text(g->start), &start, &start_zoned, NULL);
	}
	if (t->date)
		(void)time_parse_iso(view_text(t->date), &date, &zoned, NULL);
	if (date != TIME_NONE)
		event_start(p, KIND_PERSISTENCE, date, "Creation Time", 0);
	else
		event_start(p, KIND_PERSISTENCE, p->mtime,
			    p->mtime == TIME_NONE ? "Not a time" : "Content Modification Time", 0);
	flags = date != TIME_NONE && !zoned ? EVENT_ZONE_ASSUMED : 0u;
	p->event.flags = flags;
	add(p, "Place", "scheduled task");
	add(p, "Name", name);
	add(p, "TaskName", name);
	event_add(p, "CommandLine",
		  command.len ? value_view(buffer_as_view(&command)) : value_text(NULL));
	add(p, "Image", image);
	if (t->action_count && t->actions[0].command) {
		add(p, "Command", t->actions[0].command);
		add(p, "Arguments", t->actions[0].arguments);
		add(p, "CurrentDirectory", t->actions[0].folder);
	}
	for (unsigned i = 0; i < t->action_count; i++)
		add(p, "ClassId", t->actions[i].class_id);
	add(p, "User", t->user ? t->user : t->group);
	add(p, "UserId", t->user);
	add(p, "GroupId", t->group);
	add(p, "RunLevel", t->run_level);
	add(p, "LogonType", t->logon_type);
	add(p, "Author", t->author);
	add(p, "Description", t->description);
	add(p, "Date", t->date);
	add(p, "Trigger", triggers.len ? buffer_text(&triggers) : NULL);
	event_add(p, "Enabled", value_bool(!t->enabled || !is(t->enabled, "false")));
	event_add(p, "Hidden", value_bool(t->hidden && is(t->hidden, "true")));
	add(p, "WakeToRun", t->wake);
	add(p, "DeleteExpiredTaskAfter", t->delete_after);
	add(p, "Version", t->version);
	add(p, "Source", t->source);
	add(p, "SecurityDescriptor", t->sddl);
	if (t->user)
		event_user(p, value_text(t->user));
	event_messagef(p, "Scheduled task %s%s%s", name, command.len ? ": " : "",
		       buffer_text(&command));
	status = event_emit(p);
	if (status >= 0 && date != TIME_NONE && p->mtime != TIME_NONE) {
		p->event.flags = 0;
		status = event_emit_at(p, p->mtime, "Content Modification Time");
	}
	if (status >= 0 && start != TIME_NONE) {
		p->event.flags = start_zoned ? 0u : EVENT_ZONE_ASSUMED;
		status = event_emit_at(p, start, "Scheduled to Start");
	}
	buffer_release(&command);
	buffer_release(&triggers);
	return status;
}

static int parse(struct parse *p, struct view bytes)
{
	struct task *t = arena_zalloc(&p->arena, sizeof(*t));
	char(*path)[64] = arena_zalloc(&p->arena, LIMIT_DEPTH * sizeof(*path));
	struct buffer utf8 = {0};
	xmlTextReaderPtr reader = NULL;
	unsigned depth = 0;
	bool task = false;
	int status = OK, more;

	if (!t || !path)
		return ERR_MEMORY;
	if (bytes.len > MAX_TASK)
		return parse_fail(p, ERR_LIMIT, 0, "a task of %zu bytes", bytes.len);
	/* libxml2 gets UTF-8, whatever the declaration says: it must not choose another reading of
	 * the bytes. */
	if (view_starts(bytes, "\xff\xfe", 2) ||
	    (bytes.len > 1 && bytes.data[0] == '<' && bytes.data[1] == 0))
		text_utf16(&utf8, view_from(bytes, bytes.data[0] == '<' ? 0 : 2));
	else
		text_utf8(&utf8, view_from(bytes, view_starts(bytes, "\xef\xbb\xbf", 3) ? 3 : 0));
	reader = xmlReaderForMemory(utf8.data ? utf8.data : "", (int)utf8.len, NULL, "UTF-8",
				    XML_PARSE_NONET | XML_PARSE_NOERROR | XML_PARSE_NOWARNING |
					    XML_PARSE_NOCDATA | XML_PARSE_COMPACT);
	if (!reader) {
		buffer_release(&utf8);
		return ERR_MEMORY;
	}
	xmlTextReaderSetErrorHandler(reader, quiet, NULL);
	while ((more = xmlTextReaderRead(reader)) == 1) {
		const xmlChar *name;

		depth = (unsigned)xmlTextReaderDepth(reader);
		if (depth >= LIMIT_DEPTH) {
			status = parse_fail(p, ERR_LIMIT, 0, "elements nested deeper than %d",
					    LIMIT_DEPTH);
			break;
		}
		switch (xmlTextReaderNodeType(reader)) {
		case XML_READER_TYPE_DOCUMENT_TYPE:
			status = parse_fail(p, ERR_FORMAT, 0, "a document type, which no task has");
			break;
		case XML_READER_TYPE_ELEMENT:
			name = xmlTextReaderConstLocalName(reader);
			(void)snprintf(path[depth], sizeof(path[depth]), "%s",
				       name ? (const char *)name : "");
			task = task || (depth == 0 && is(path[0], "Task"));
			opened(p, t, path, depth + 1);
			break;
		case XML_READER_TYPE_TEXT:
		case XML_READER_TYPE_CDATA:
			if (depth > 0)
				element(p, t, path, depth, xmlTextReaderConstValue(reader));
			break;
		default:
			break;
		}
		if (status < 0)
			break;
	}
	if (status >= 0 && !task)
		status = parse_fail(p, ERR_FORMAT, 0, "no <Task>");
	else if (status >= 0 && more < 0)
		status = parse_lost(p,
				    (uint64_t)(xmlTextReaderByteConsumed(reader) > 0
						       ? xmlTextReaderByteConsumed(reader)
						       : 0),
				    "the XML does not go on");
	xmlFreeTextReader(reader);
	buffer_release(&utf8);
	return status < 0 ? status : emit(p, t);
}

const struct parser parser_task_xml = {
	.name = "task_xml",
	.title = "Windows scheduled task (XML)",
	.version = 1,
	.probe = probe,
	.parse = parse,
};
