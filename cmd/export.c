/* konseki export: the timeline of a case in the formats of other tools. */
#include "cmd/filter.h"

#include "base/text.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static struct filter_options filters;
static const char *format_name, *output_name;
static const struct option options[] = {
	FILTER_OPTIONS(filters),
	{OPTION_TEXT, 0, "format", "FORMAT",
	 "timesketch, l2tcsv, bodyfile, csv, jsonl or clickhouse", &format_name},
	{OPTION_TEXT, 'o', "output", "FILE", "write there, all or nothing; else to standard output",
	 &output_name},
	{OPTION_END},
};
static const struct command_help help = {
	"export", "", "write the timeline of a case in the format of another tool", NULL};

struct export
{
	FILE *to;
	struct buffer line, text;
	void (*row)(struct export * x, struct case_event * e);
};

static void text_or_null(struct buffer *b, const char *key, const char *text)
{
	buffer_string(b, key);
	if (text)
		text_json_quoted(b, view_text(text));
	else
		buffer_string(b, "null");
}

static struct view message(struct export *x, struct case_event *e)
{
	x->text.len = 0;
	case_event_message(e, &x->text);
	return buffer_as_view(&x->text);
}

/*
 * JSON lines as Timesketch and Plaso's json_line have them: message, datetime and timestamp_desc
 * have to be there; timestamp is microseconds. An event without a time gets Plaso's "Not a time",
 * because Timesketch refuses it else.
 */
static void timesketch(struct export *x, struct case_event *e)
{
	static const char *const own[] = {"message",  "datetime", "timestamp", "timestamp_desc",
					  "hostname", "username", "data_type", "display_name",
					  "parser",   "tag",	  "id",	       "fields"};
	struct buffer *b = &x->line;
	struct civil c = time_to_civil(e->ts == TIME_NONE ? 0 : e->ts);
	int64_t us = e->ts == TIME_NONE ? 0 : e->ts / 1000 - (e->ts % 1000 < 0);
	bool clash = false;

	buffer_string(b, "{\"message\":");
	text_json_quoted(b, message(x, e));
	buffer_printf(
		b,
		",\"datetime\":\"%04lld-%02u-%02uT%02u:%02u:%02u.%06u+00:00\",\"timestamp\":%lld",
		(long long)c.year, c.month, c.day, c.hour, c.minute, c.second, c.nanosecond / 1000,
		(long long)us);
	text_or_null(b, ",\"timestamp_desc\":", e->ts == TIME_NONE ? "Not a time" : e->ts_desc);
	text_or_null(b, ",\"hostname\":", e->host);
	text_or_null(b, ",\"username\":", e->user);
	buffer_string(b, ",\"data_type\":\"konseki:");
	buffer_string(b, e->kind);
	buffer_char(b, '"');
	text_or_null(b, ",\"display_name\":", e->source);
	text_or_null(b, ",\"parser\":", e->parser);
	buffer_printf(b, ",\"id\":%lld", (long long)e->id);
	for (size_t i = 0; i < sizeof(own) / sizeof(own[0]) && !clash; i++) {
		x->text.len = 0;
		clash = case_event_field(e, own[i], &x->text);
	}
	x->text.len = 0;
	case_event_fields(e, &x->text);
	if (clash) {
		buffer_string(b, ",\"fields\":");
		buffer_view(b, buffer_as_view(&x->text));
		buffer_char(b, '}');
	} else if (x->text.len > 2) {
		buffer_char(b, ',');
		buffer_append(b, x->text.data + 1, x->text.len - 1);
	} else {
		buffer_char(b, '}');
	}
	buffer_char(b, '\n');
}

static void csv_cell(struct buffer *b, struct view v, bool last)
{
	text_csv(b, v);
	buffer_string(b, last ? "\r\n" : ",");
}

/* The four letters of what a time means: modified, accessed, changed, born. */
static const char *macb(const char *desc)
{
	if (strcmp(desc, "Content Modification Time") == 0)
		return "M...";
	if (strstr(desc, "Access") || strstr(desc, "Executed"))
		return ".A..";
	if (strcmp(desc, "Metadata Modification Time") == 0)
		return "..C.";
	if (strcmp(desc, "Creation Time") == 0 || strcmp(desc, "Added Time") == 0)
		return "...B";
	return "....";
}

/* log2timeline's own CSV: 17 columns, seconds only. https://forensics.wiki/l2t_csv */
static void l2tcsv(struct export *x, struct case_event *e)
{
	struct buffer *b = &x->line;
	struct civil c = time_to_civil(e->ts == TIME_NONE ? 0 : e->ts);
	struct view text;
	size_t start;

	if (e->ts == TIME_NONE)
		buffer_string(b, "00/00/0000,--:--:--,");
	else
		buffer_printf(b, "%02u/%02u/%04lld,%02u:%02u:%02u,", c.month, c.day,
			      (long long)c.year, c.hour, c.minute, c.second);
	buffer_printf(b, "UTC,%s,", macb(e->ts_desc));
	csv_cell(b, view_text(e->channel ? e->channel : e->parser), false); /* source */
	csv_cell(b, view_text(e->kind), false);				    /* sourcetype */
	csv_cell(b, view_text(e->ts_desc), false);
	csv_cell(b, view_text(e->user ? e->user : "-"), false);
	csv_cell(b, view_text(e->host ? e->host : "-"), false);
	text = message(x, e);
	if (text.len > 80) { /* short: whole code points */
		struct view cut = view_sub(text, 0, 77);

		while (cut.len && (text.data[cut.len] & 0xc0) == 0x80)
			cut.len--;
		start = text.len;
		buffer_reserve(&x->text, cut.len + 3); /* so that the text stays where it is */
		buffer_append(&x->text, x->text.data, cut.len);
		buffer_string(&x->text, "...");
		csv_cell(b, view_of(x->text.data + start, x->text.len - start), false);
		text = view_of(x->text.data, start);
	} else {
		csv_cell(b, text, false);
	}
	csv_cell(b, text, false);
	buffer_string(b, "2,");
	csv_cell(b, view_text(e->source), false);
	buffer_string(b, "-,-,"); /* inode, notes */
	csv_cell(b, view_text(e->parser), false);
	x->text.len = 0;
	case_event_fields(e, &x->text);
	csv_cell(b, buffer_as_view(&x->text), true);
}

/* For mactime: MD5|name|inode|mode|UID|GID|size|atime|mtime|ctime|crtime, seconds, -1 for none.
 * Events without a time have no place there. */
static void bodyfile(struct export *x, struct case_event *e)
{
	struct buffer *b = &x->line;
	const char *letters = macb(e->ts_desc);
	long long seconds = e->ts / TIME_SECOND - (e->ts % TIME_SECOND < 0);
	size_t start;

	if (e->ts == TIME_NONE)
		return;
	buffer_string(b, "0|");
	start = b->len;
	if (e->host)
		buffer_printf(b, "[%s] ", e->host);
	buffer_printf(b, "%s: ", e->kind);
	buffer_view(b, message(x, e));
	if (e->source)
		buffer_printf(b, " (%s)", e->source);
	for (size_t i = start; i < b->len; i++)
		if (b->data[i] == '|' || (unsigned char)b->data[i] < 0x20)
			b->data[i] = b->data[i] == '|' ? '!' : ' ';
	buffer_string(b, "|0||0|0|0");
	buffer_printf(b, "|%lld", letters[1] == 'A' ? seconds : -1LL);
	buffer_printf(b, "|%lld",
		      letters[0] == 'M' || strcmp(letters, "....") == 0 ? seconds : -1LL);
	buffer_printf(b, "|%lld", letters[2] == 'C' ? seconds : -1LL);
	buffer_printf(b, "|%lld\n", letters[3] == 'B' ? seconds : -1LL);
}

static void csv(struct export *x, struct case_event *e)
{
	struct buffer *b = &x->line;
	char id[24], ts[TIME_TEXT];

	(void)snprintf(id, sizeof(id), "%lld", (long long)e->id);
	csv_cell(b, view_text(id), false);
	csv_cell(b, view_of(ts, time_format(e->ts, ts)), false);
	csv_cell(b, view_text(e->ts_desc), false);
	csv_cell(b, view_text(e->host), false);
	csv_cell(b, view_text(e->kind), false);
	csv_cell(b, view_text(e->user), false);
	csv_cell(b, message(x, e), false);
	csv_cell(b, view_text(e->source), false);
	csv_cell(b, view_text(e->parser), false);
	x->text.len = 0;
	case_event_fields(e, &x->text);
	csv_cell(b, buffer_as_view(&x->text), true);
}

static void jsonl(struct export *x, struct case_event *e)
{
	case_event_json(e, &x->line);
}

/* One statement that makes the table and one that fills it: `clickhouse-client --multiquery <
 * FILE`. */
static const char clickhouse_head[] =
	"CREATE TABLE IF NOT EXISTS event (id UInt64, time Nullable(DateTime64(9, 'UTC')), ts_desc "
	"LowCardinality(String),"
	" host LowCardinality(String), kind LowCardinality(String), user LowCardinality(String), "
	"message String,"
	" source LowCardinality(String), parser LowCardinality(String), provider "
	"LowCardinality(String),"
	" channel LowCardinality(String), event_id Nullable(UInt32), record Nullable(UInt64), "
	"process Nullable(UInt64),"
	" fields String CODEC(ZSTD(3))) ENGINE = MergeTree ORDER BY (host, kind, coalesce(time, "
	"toDateTime64(0, 9, 'UTC')), id);\n"
	"INSERT INTO event FORMAT JSONEachRow\n";

static void clickhouse(struct export *x, struct case_event *e)
{
	struct buffer *b = &x->line;
	struct civil c;

	buffer_printf(b, "{\"id\":%lld,\"time\":", (long long)e->id);
	if (e->ts == TIME_NONE) {
		buffer_string(b, "null");
	} else {
		c = time_to_civil(e->ts);
		buffer_printf(b, "\"%04lld-%02u-%02u %02u:%02u:%02u.%09u\"", (long long)c.year,
			      c.month, c.day, c.hour, c.minute, c.second, c.nanosecond);
	}
	text_or_null(b, ",\"ts_desc\":", e->ts_desc);
	text_or_null(b, ",\"host\":", e->host ? e->host : "");
	text_or_null(b, ",\"kind\":", e->kind);
	text_or_null(b, ",\"user\":", e->user ? e->user : "");
	buffer_string(b, ",\"message\":");
	text_json_quoted(b, message(x, e));
	text_or_null(b, ",\"source\":", e->source ? e->source : "");
	text_or_null(b, ",\"parser\":", e->parser ? e->parser : "");
	text_or_null(b, ",\"provider\":", e->provider ? e->provider : "");
	text_or_null(b, ",\"channel\":", e->channel ? e->channel : "");
#define NUMBER(key, n)                                                                             \
	if ((n) >= 0)                                                                              \
	buffer_printf(b, ",\"" key "\":%lld", (long long)(n))
	NUMBER("event_id", e->event_id);
	NUMBER("record", e->record);
	NUMBER("process", e->process);
#undef NUMBER
	x->text.len = 0;
	case_event_fields(e, &x->text);
	buffer_string(b, ",\"fields\":");
	text_json_quoted(b, buffer_as_view(&x->text));
	buffer_string(b, "}\n");
}

static const struct {
	const char *name, *head;
	void (*row)(struct export *x, struct case_event *e);
} formats[] = {
	{"timesketch", NULL, timesketch},
	{"l2tcsv",
	 "date,time,timezone,MACB,source,sourcetype,type,user,host,short,desc,version,filename,"
	 "inode,notes,format,extra\r\n",
	 l2tcsv},
	{"bodyfile", NULL, bodyfile},
	{"csv", "id,time,ts_desc,host,kind,user,message,source,parser,fields\r\n", csv},
	{"jsonl", NULL, jsonl},
	{"clickhouse", clickhouse_head, clickhouse},
};

static int put(void *data, struct case_event *e)
{
	struct export *x = data;

	x->line.len = 0;
	x->row(x, e);
	return fwrite(x->line.data, 1, x->line.len, x->to) == x->line.len ? OK : ERR_STOPPED;
}

/* A file beside the one that is wanted, which takes its name when all is written. */
static FILE *open_beside(const char *name, char **temporary)
{
	FILE *f;
	int fd;

	*temporary = xasprintf("%s.%ld.tmp", name, (long)getpid());
	fd = open(*temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
	f = fd < 0 ? NULL : fdopen(fd, "w");
	if (!f)
		complainf(*temporary, "%s", strerror(errno));
	return f;
}

static int run(int argc, char **argv)
{
	struct export x = {.to = stdout};
	struct case_filter filter;
	struct problem problem = {0};
	struct case_db *c = NULL;
	char *temporary = NULL;
	size_t f = 0;
	int n, status = EXIT_MISUSE;

	switch (option_parse(&help, options, argc, argv, &n)) {
	case OPTION_EXIT_OK:
		return EXIT_COMPLETE;
	case OPTION_MISUSE:
		return EXIT_MISUSE;
	case OPTION_GO:
		break;
	}
	if (n || !format_name) {
		complainf(NULL, n ? "export takes no operands"
				  : "which format? --format timesketch, l2tcsv, bodyfile, csv, "
				    "jsonl or clickhouse");
		return EXIT_MISUSE;
	}
	while (f < sizeof(formats) / sizeof(formats[0]) &&
	       strcmp(formats[f].name, format_name) != 0)
		f++;
	if (f == sizeof(formats) / sizeof(formats[0])) {
		complainf(NULL, "no such format: %s", format_name);
		return EXIT_MISUSE;
	}
	if (!filter_read(&filters, &filter) || !(c = filter_case(&filters)))
		goto out;
	if (output_name && !(x.to = open_beside(output_name, &temporary)))
		goto out;
	x.row = formats[f].row;
	if (formats[f].head)
		(void)fputs(formats[f].head, x.to);
	status = filter_status(&filters, case_select(c, &filter, put, &x, &problem), &problem);
	if (output_name) {
		bool good = status == EXIT_COMPLETE && fflush(x.to) == 0 && !ferror(x.to) &&
			    fsync(fileno(x.to)) == 0;

		if (fclose(x.to) != 0 || !good || rename(temporary, output_name) != 0) {
			if (status == EXIT_COMPLETE)
				complainf(output_name, "%s", strerror(errno));
			(void)unlink(temporary);
			status = EXIT_MISUSE;
		}
	} else {
		status = finish_stdout(status);
	}
out:
	free(temporary);
	buffer_release(&x.line);
	buffer_release(&x.text);
	filter_release(&filters);
	case_close(c);
	return status;
}

const struct command command_export = {&help, run};
