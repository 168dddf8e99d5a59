/*
 * Text logs of Microsoft's programs: SkyDrive and early OneDrive (version 1: "mm-dd-yyyy
 * HH:MM:SS.mmm ..."; version 2: "mm-dd-yy,HH:MM:SS.mmm,..." under "######Logging started"),
 * Configuration Manager ("<![LOG[text]LOG]!><time=...>"), Windows Error Reporting (Report.wer).
 * SkyDrive writes UTC; Configuration Manager local time and the minutes to add for UTC.
 */
#include "parsers/textfile.h"

enum format { NONE, SKYDRIVE1, SKYDRIVE2, SCCM, WER };

#define V1_TIME "%m-%d-%Y %H:%M:%S.%f "
#define V2_TIME "%m-%d-%y,%H:%M:%S.%f,"

static enum format format_of(struct view head)
{
	if (view_begins(head, "<![LOG["))
		return SCCM;
	if (view_begins(head, "######Logging started.") || time_scan(head, V2_TIME, NULL, NULL))
		return SKYDRIVE2;
	if (time_scan(head, V1_TIME, NULL, NULL))
		return SKYDRIVE1;
	if (view_begins(head, "Version=") && view_index(head, "EventType=") < head.len &&
	    view_index(head, "EventTime=") < head.len)
		return WER;
	return NONE;
}

static int probe(const struct probe *p)
{
	char text[512];

	switch (format_of(textfile_head(p, text, sizeof(text)))) {
	case SCCM:
	case WER:
		return BID_MAGIC;
	case SKYDRIVE2:
		return BID_CONTENT + 5;
	case SKYDRIVE1:
		return BID_CONTENT;
	case NONE:
		break;
	}
	return BID_NO;
}

static int skydrive(struct parse *p, struct textfile *t, bool second)
{
	/* Version 2: date, time, counter, thread, ?, module, source(line), ?, ?, level, text,
	 * parameters. */
	static const char *const names[] = {NULL, "ThreadId", NULL,    "Module", "SourceCode",
					    NULL, NULL,	      "Level", "Text",	 "Parameters"};
	struct view line;
	int status = OK;

	while (status >= 0 && textfile_line(t, &line)) {
		struct view rest, cell;
		int64_t ts;
		size_t used;

		if (view_begins(line, "######Logging started.")) {
			rest = line;
			if (!view_cut(&rest, "StartSystemTime:", &cell) ||
			    !time_scan(rest, "%Y-%m-%d-%H", &ts, &used))
				continue;
			/* "2013-08-12-010852.985" */
			{
				struct view digits = view_from(rest, used), ms;
				uint64_t minute = 0, second_ = 0, milli = 0;

				(void)view_decimal(view_clip(digits, 0, 2), &minute);
				(void)view_decimal(view_clip(digits, 2, 2), &second_);
				ms = view_clip(digits, 5, 3);
				(void)view_decimal(ms, &milli);
				ts += (int64_t)(minute * 60 + second_) * TIME_SECOND +
				      (int64_t)milli * 1000000;
			}
			event_start(p, KIND_OTHER, ts, "Recorded Time", t->offset);
			p->event.record = t->line;
			event_add(p, "Product", value_text("SkyDrive"));
			event_add(p, "Text", value_view(line));
			event_messagef(p, "SkyDrive: the log was started");
			status = event_emit(p);
		} else if (second && time_scan(line, V2_TIME, &ts, &used)) {
			struct view words = VIEW_EMPTY;

			event_start(p, KIND_OTHER, ts, "Recorded Time", t->offset);
			p->event.record = t->line;
			event_add(p, "Product", value_text("SkyDrive"));
			rest = view_from(line, used);
			for (size_t i = 0; i < sizeof(names) / sizeof(names[0]) && rest.len; i++) {
				if (i == 9)
					cell = rest;
				else
					(void)view_cut(&rest, ",", &cell);
				if (names[i] && cell.len)
					event_add(p, names[i], value_view(cell));
				if (i == 8)
					words = cell;
			}
			event_messagef(p, "SkyDrive: %s", parse_text(&p->scratch, words));
			status = event_emit(p);
		} else if (!second && time_scan(line, V1_TIME, &ts, &used)) {
			struct view source, level;

			event_start(p, KIND_OTHER, ts, "Recorded Time", t->offset);
			p->event.record = t->line;
			event_add(p, "Product", value_text("SkyDrive"));
			rest = view_from(line, used);
			if (view_cut(&rest, " (", &source) && view_cut(&rest, "): ", &level)) {
				event_add(p, "SourceCode", value_view(source));
				event_add(p, "Level", value_view(level));
			} else {
				rest = view_from(line, used);
			}
			event_add(p, "Text", value_view(rest));
			event_messagef(p, "SkyDrive: %s", parse_text(&p->scratch, rest));
			status = event_emit(p);
		}
	}
	return status;
}

/* The value of name="..." in a tag. */
static struct view attribute(struct view tag, const char *name)
{
	struct view value = VIEW_EMPTY, skip;

	if (!view_cut(&tag, name, &skip) || !view_starts(tag, "=\"", 2))
		return VIEW_EMPTY;
	tag = view_from(tag, 2);
	(void)view_cut(&tag, "\"", &value);
	return value;
}

static int sccm(struct parse *p, struct view text)
{
	struct view rest = text, before;
	int status = OK;

	while (status >= 0 && view_cut(&rest, "<![LOG[", &before)) {
		uint64_t offset = (uint64_t)(rest.data - text.data) - 7;
		struct view words, tag, date, clock;
		int64_t ts = TIME_NONE, day = 0, bias = 0;
		size_t used = 0;

		if (!view_cut(&rest, "]LOG]!>", &words) || !view_cut(&rest, ">", &tag)) {
			status = parse_lost(p, offset, "an entry without its end");
			break;
		}
		date = attribute(tag, "date");
		clock = attribute(tag, "time");
		event_start(p, KIND_OTHER, TIME_NONE, "Not a time", offset);
		if (time_scan(date, "%m-%d-%Y", &day, NULL) &&
		    time_scan(clock, "%H:%M:%S.%f", &ts, &used)) {
			struct view minutes = view_from(clock, used);
			uint64_t n = 0;

			/* "19:33:19.766-330": UTC is the local time less this many minutes. */
			if (minutes.len > 1 && view_decimal(view_from(minutes, 1), &n) &&
			    n <= 14 * 60)
				bias = minutes.data[0] == '-' ? -(int64_t)n : (int64_t)n;
			else
				p->event.flags |= EVENT_ZONE_ASSUMED;
			p->event.ts = day + ts - bias * 60 * TIME_SECOND;
			p->event.ts_desc = "Recorded Time";
		}
		event_add(p, "Product", value_text("Configuration Manager"));
		event_add(p, "Component", value_view(attribute(tag, "component")));
		event_add(p, "ThreadId", value_view(attribute(tag, "thread")));
		event_add(p, "SourceCode", value_view(attribute(tag, "file")));
		event_add(p, "Text", value_view(view_clip(words, 0, LIMIT_LINE)));
		event_messagef(p, "%s: %s", parse_text(&p->scratch, attribute(tag, "component")),
			       parse_text(&p->scratch, view_clip(words, 0, 2000)));
		status = event_emit(p);
	}
	return status;
}

static int wer(struct parse *p, struct textfile *t)
{
	static const char *const kept[][2] = {{"EventType", "EventType"},
					      {"AppPath", "Image"},
					      {"AppName", "Product"},
					      {"FriendlyEventName", "Description"},
					      {"ReportIdentifier", "ReportId"},
					      {"ReportStatus", "ReportStatus"},
					      {"TargetAppId", "TargetAppId"},
					      {"NsAppName", "AppName"},
					      {"OriginalFilename", "OriginalFileName"}};
	struct view line, image = VIEW_EMPTY, type = VIEW_EMPTY, name = VIEW_EMPTY;
	uint64_t ticks = 0, upload = 0;
	int status;

	event_start(p, KIND_PROCESS_SEEN, TIME_NONE, "Not a time", 0);
	while (textfile_line(t, &line) && p->count < 200) {
		struct view key, value = line;

		if (!view_cut(&value, "=", &key) || !value.len)
			continue;
		for (size_t i = 0; i < sizeof(kept) / sizeof(kept[0]); i++)
			if (view_is(key, kept[i][0]))
				event_add(p, kept[i][1], value_view(value));
		if (view_is(key, "AppPath"))
			image = value;
		if (view_is(key, "EventType"))
			type = value;
		if (view_is(key, "EventTime"))
			(void)view_decimal(value, &ticks);
		if (view_is(key, "UploadTime"))
			(void)view_decimal(value, &upload);
		/* "Sig[0].Name=Application Name", "Sig[0].Value=evil.exe" */
		if (view_begins(key, "Sig[") && view_index(key, ".Name") < key.len)
			name = value;
		if (view_begins(key, "Sig[") && view_index(key, ".Value") < key.len && name.len)
			event_add(p, parse_text(&p->scratch, name), value_view(value));
		/* "W:00061c1b...0000ffff!0000SHA1!NAME.EXE", as Amcache has it */
		if (view_is(key, "TargetAppId")) {
			struct view rest = value, sha1, skip;

			if (view_cut(&rest, "!0000", &skip) && view_cut(&rest, "!", &sha1) &&
			    sha1.len == 40)
				event_addf(p, "Hashes", "SHA1=%s", parse_text(&p->scratch, sha1));
		}
		if (view_begins(key, "LoadedModule["))
			event_add(p, "ImageLoaded", value_view(value));
	}
	event_messagef(p, "Error report (%s) of %s", parse_text(&p->scratch, type),
		       parse_text(&p->scratch, image));
	status =
		event_emit_at(p, time_from_filetime(ticks), ticks ? "Recorded Time" : "Not a time");
	if (status >= 0 && time_from_filetime(upload) != TIME_NONE)
		status = event_emit_at(p, time_from_filetime(upload), "Upload Time");
	return status;
}

static int parse(struct parse *p, struct view bytes)
{
	struct textfile t;
	int status = OK;

	textfile_open(&t, bytes);
	switch (format_of(t.text)) {
	case SCCM:
		status = sccm(p, t.text);
		break;
	case SKYDRIVE1:
		status = skydrive(p, &t, false);
		break;
	case SKYDRIVE2:
		status = skydrive(p, &t, true);
		break;
	case WER:
		status = wer(p, &t);
		break;
	case NONE:
		status = parse_fail(p, ERR_FORMAT, 0, "none of the logs that this parser knows");
		break;
	}
	textfile_release(&t);
	return status;
}

const struct parser parser_microsoft_log = {
	.name = "microsoft_log",
	.title = "SkyDrive, Configuration Manager and error reporting logs",
	.version = 2,
	.probe = probe,
	.parse = parse,
};
