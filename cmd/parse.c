/* konseki parse: any artefact to JSON lines on stdout, no case needed. */
#include "cmd/pipeline.h"

#include "base/text.h"
#include "cmd/command.h"

#include <stdlib.h>
#include <string.h>

static bool xml;

static int put(struct sink *sink, const struct event *e)
{
	struct task_sink *s = (struct task_sink *)sink;

	event_json(&s->out, e, &s->origin);
	return task_output(s->task, &s->out);
}

/* Beside the records of an XML document what else is to say stands in comments: damage. */
static int put_comment(struct sink *sink, const struct event *e)
{
	struct task_sink *s = (struct task_sink *)sink;
	struct buffer text = {0};

	event_message(&text, e);
	for (size_t i = 1; i < text.len; i++)
		if (text.data[i] == '-' && text.data[i - 1] == '-') /* [XML10] 2.5 */
			text.data[i] = '_';
	buffer_string(&s->out, "<!-- ");
	text_xml(&s->out, buffer_as_view(&text));
	buffer_string(&s->out, " -->\n");
	buffer_release(&text);
	return task_output(s->task, &s->out);
}

static void *start(void *data)
{
	struct task_sink *s = xcalloc(1, sizeof(*s));

	(void)data;
	s->sink.event = xml ? put_comment : put;
	return s;
}

static int flush_xml(void *data, struct buffer *out)
{
	return task_output(data, out);
}

static int run_task(void *self, struct task *t)
{
	struct task_sink *s = self;

	if (!xml)
		return t->parser->parse(t->parse, t->bytes);
	if (strcmp(t->parser->name, "evtx") == 0)
		return evtx_to_xml(t->parse, t->bytes, &s->out, flush_xml, t);
	return parse_fail(t->parse, ERR_UNSUPPORTED, PROBLEM_NO_OFFSET,
			  "only event logs have an XML form, this is %s", t->parser->title);
}

static void end(void *self, struct task *t, int status)
{
	struct task_sink *s = self;

	(void)status;
	(void)task_finish(t, &s->out);
	task_sink_shrink(s);
}

static const char *parser_name, *format_name, *host_name;
static bool carve;
static unsigned long threads;
static const struct option options[] = {
	{OPTION_TEXT, 0, "parser", "NAME", "read every file as this format", &parser_name},
	{OPTION_TEXT, 0, "format", "jsonl|xml", "JSON lines (default), or event logs as XML",
	 &format_name},
	{OPTION_TEXT, 0, "host", "NAME", "name of the machine that the files are from", &host_name},
	{OPTION_FLAG, 0, "carve", NULL, "look for records in slack and damaged space too", &carve},
	{OPTION_NUMBER, 0, "threads", "N", "worker processes (as many as processors)", &threads},
	{OPTION_END},
};
static const struct command_help help = {"parse", "FILE...",
					 "print the events of artefacts as JSON lines", NULL};

static int run(int argc, char **argv)
{
	static const struct pipeline_ops ops = {
		.start = start, .begin = task_sink_begin, .run = run_task, .end = end};
	struct pipeline_options with = {.ordered = true, .prints = true};
	struct pipeline *p;
	int n, status;

	switch (option_parse(&help, options, argc, argv, &n)) {
	case OPTION_EXIT_OK:
		return EXIT_COMPLETE;
	case OPTION_MISUSE:
		return EXIT_MISUSE;
	case OPTION_GO:
		break;
	}
	if (n == 0) {
		option_usage(stderr, &help, options);
		return EXIT_MISUSE;
	}
	xml = format_name && strcmp(format_name, "xml") == 0;
	if (format_name && !xml && strcmp(format_name, "jsonl") != 0) {
		complainf(NULL, "no such format: %s", format_name);
		return EXIT_MISUSE;
	}
	if (parser_name && !(with.parser = parser_find(parser_name))) {
		complainf(NULL, "no such parser: %s", parser_name);
		return EXIT_MISUSE;
	}
	with.host = host_name;
	with.carve = carve;
	with.threads = (unsigned)(threads > 1024 ? 1024 : threads);
	p = pipeline_open(&with, &ops, NULL);
	if (!p) {
		complainf(NULL, "no worker processes");
		return EXIT_MISUSE;
	}
	if (xml) {
		fputs("<Events>\n", stdout);
		(void)fflush(stdout);
	}
	for (int i = 1; i <= n; i++)
		if (pipeline_input(p, argv[i]) < 0)
			break;
	status = pipeline_close(p);
	if (xml)
		fputs("</Events>\n", stdout);
	return status;
}

const struct command command_parse = {&help, run};
