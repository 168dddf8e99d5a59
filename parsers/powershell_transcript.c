/*
 * PowerShell transcripts, in any language: blocks between lines of asterisks. Labels are localised,
 * so blocks are told by what they hold: the first has a time of 14 digits, accounts, the machine
 * with its Windows version, the program and its process id; a block of one time alone begins a
 * command (invocation header); commands follow the prompt "PS PATH>". Times are local.
 */
#include "parsers/textfile.h"

#define MAX_OUTPUT 16384 /* bytes of a command's output that are kept */

static bool stars(struct view line)
{
	line = view_trim(line);
	if (line.len < 20)
		return false;
	for (size_t i = 0; i < line.len; i++)
		if (line.data[i] != '*')
			return false;
	return true;
}

/* "20200501100000" */
static bool compact(struct view v, int64_t *ts)
{
	uint64_t n;

	v = view_trim(v);
	if (v.len != 14 || !view_decimal(v, &n))
		return false;
	*ts = time_from_civil((int64_t)(n / 10000000000), (unsigned)(n / 100000000 % 100),
			      (unsigned)(n / 1000000 % 100), (unsigned)(n / 10000 % 100),
			      (unsigned)(n / 100 % 100), (unsigned)(n % 100), 0);
	return *ts != TIME_NONE;
}

static int probe(const struct probe *p)
{
	char text[1024];
	struct view head = textfile_head(p, text, sizeof(text)), line, key;
	int64_t ts;

	if (!view_line(&head, &line) || !stars(line) || !view_line(&head, &line))
		return BID_NO;
	/* Languages whose colon is full width become '?' in a converted head. */
	if (!view_line(&head, &line))
		return BID_NO;
	key = view_trim(line);
	if (key.len > 14)
		key = view_from(key, key.len - 14);
	return compact(key, &ts) ? BID_MAGIC : BID_NO;
}

/* "Label: value", also with the full-width colon of Chinese and Japanese. */
static bool label(struct view line, struct view *key, struct view *value)
{
	size_t plain = view_index(line, ":"), wide = view_index(line, "\xef\xbc\x9a");

	if (plain == line.len && wide == line.len)
		return false;
	*key = view_clip(line, 0, plain < wide ? plain : wide);
	*value = view_trim(view_from(line, plain < wide ? plain + 1 : wide + 3));
	return true;
}

/* A block that we know holds a time, and no prompt. */
static bool known(struct view lines)
{
	struct view line, key, value;
	int64_t ts;
	bool time = false;

	while (view_line(&lines, &line)) {
		if (view_begins(line, "PS ") && view_index(line, ">") < line.len)
			return false;
		time |= label(line, &key, &value) && compact(value, &ts);
	}
	return time;
}

struct transcript {
	struct view user, run_as, machine, program, process;
	int64_t begin, command_at;
	struct view command, output;
	uint64_t offset, line;
};

static void common(struct parse *p, const struct transcript *s)
{
	p->event.flags |= EVENT_ZONE_ASSUMED;
	if (s->user.len) {
		event_add(p, "User", value_view(s->user));
		event_user(p, value_view(s->user));
	}
	if (s->machine.len)
		event_host(p, value_view(s->machine));
	if (s->process.len)
		event_add(p, "ProcessId", value_view(s->process));
}

static int flush(struct parse *p, struct transcript *s)
{
	struct view command = s->command;

	if (!command.len)
		return OK;
	s->command = VIEW_EMPTY;
	/* Without an invocation header a command has no time of its own: the transcript's start is
	 * told beside it. */
	event_start(p, KIND_COMMAND_HISTORY, s->command_at,
		    s->command_at == TIME_NONE ? "Not a time" : "Command Execution Time",
		    s->offset);
	s->command_at = TIME_NONE; /* a header stands for one command */
	p->event.record = s->line;
	event_add(p, "Shell", value_text("powershell"));
	event_add(p, "CommandLine", value_view(command));
	common(p, s);
	event_add(p, "TranscriptStart", value_time(s->begin));
	if (s->output.len)
		event_add(p, "Output", value_view(view_trim(s->output)));
	p->event.message = value_view(command);
	s->output = VIEW_EMPTY;
	return event_emit(p);
}

/* The lines of a block between asterisks. */
static int block(struct parse *p, struct transcript *s, struct view lines, uint64_t offset,
		 uint64_t number)
{
	struct view rest = lines, line;
	size_t accounts = 0, count = 0;
	int64_t ts = TIME_NONE, found;
	bool machine_next = false, words = false;
	struct transcript n = {.begin = TIME_NONE, .command_at = TIME_NONE};
	int status;

	while (view_line(&rest, &line)) {
		struct view value = VIEW_EMPTY, key;
		uint64_t id;

		line = view_trim(line);
		if (!line.len)
			continue;
		count++;
		if (!label(line, &key, &value)) {
			words = true;
			continue;
		}
		if (ts == TIME_NONE && compact(value, &found))
			ts = found;
		else if (machine_next && value.len)
			n.program = value, machine_next = false;
		else if (view_index(value, "(Microsoft Windows") < value.len) {
			n.machine = view_trim(view_clip(value, 0, view_index(value, "(")));
			machine_next = true;
		} else if (view_find(value, 0, "\\", 1) < value.len && accounts < 2 &&
			   !n.machine.len) {
			if (accounts++ == 0)
				n.user = value;
			else
				n.run_as = value;
		} else if (n.program.len && !n.process.len && view_decimal(value, &id)) {
			n.process = value;
		}
	}
	if (ts == TIME_NONE)
		return OK;
	if (count == 1 && !words) { /* an invocation header */
		s->command_at = ts;
		return OK;
	}
	if (!n.user.len && !n.program.len) { /* the end of the transcript */
		event_start(p, KIND_PROCESS_STOP, ts, "End Time", offset);
		p->event.record = number;
		common(p, s);
		event_add(p, "Image", s->program.len ? value_view(s->program) : (struct value){0});
		event_messagef(p, "PowerShell transcript ended");
		return event_emit(p);
	}
	n.begin = ts;
	*s = n;
	event_start(p, KIND_PROCESS_START, ts, "Start Time", offset);
	p->event.record = number;
	common(p, s);
	event_add(p, "CommandLine", n.program.len ? value_view(n.program) : (struct value){0});
	if (n.run_as.len)
		event_add(p, "RunAsUser", value_view(n.run_as));
	if (n.machine.len)
		event_add(p, "Computer", value_view(n.machine));
	event_messagef(p, "PowerShell transcript of %s began: %s", parse_text(&p->scratch, n.user),
		       parse_text(&p->scratch, n.program));
	status = event_emit(p);
	return status;
}

static int parse(struct parse *p, struct view bytes)
{
	struct transcript s = {.begin = TIME_NONE, .command_at = TIME_NONE};
	struct textfile t;
	struct view line;
	int status = OK;

	textfile_open(&t, bytes);
	while (status >= 0 && textfile_line(&t, &line)) {
		bool output = true;

		if (stars(line)) {
			uint64_t offset = t.offset, number = t.line;
			struct view begin = t.rest, inner = VIEW_EMPTY, rest;
			struct textfile ahead = t;
			size_t lines = 0;
			bool closed = false;

			/* A block is short; output that looks like its beginning must not swallow
			 * the rest. */
			while (!closed && lines++ < 64 && textfile_line(&ahead, &rest)) {
				closed = stars(rest);
				inner = view_clip(begin, 0, (size_t)(rest.data - begin.data));
			}
			if (closed && known(inner)) {
				status = flush(p, &s);
				if (status >= 0)
					status = block(p, &s, inner, offset, number);
				t.rest = ahead.rest;
				t.line = ahead.line;
				output = false;
			}
		}
		if (!output)
			continue;
		if (view_begins(line, "PS ") && view_index(line, ">") < line.len) {
			struct view command = line, prompt;

			status = flush(p, &s);
			(void)view_cut(&command, ">", &prompt);
			s.command = view_trim(command);
			s.offset = t.offset;
			s.line = t.line;
			s.output = VIEW_EMPTY;
		} else if (s.command.len) {
			/* Lines of the text lie one behind the other: the output is one span. */
			if (!s.output.len)
				s.output = view_of(line.data, line.len);
			else if (line.data)
				s.output.len = (size_t)(line.data - s.output.data) + line.len;
			if (s.output.len > MAX_OUTPUT)
				s.output.len = MAX_OUTPUT;
		}
	}
	if (status >= 0)
		status = flush(p, &s);
	textfile_release(&t);
	return status;
}

const struct parser parser_powershell_transcript = {
	.name = "powershell_transcript",
	.title = "PowerShell transcripts, in any language",
	.version = 1,
	.probe = probe,
	.parse = parse,
};
