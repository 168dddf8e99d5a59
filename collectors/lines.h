/* JSON lines on their way into a live/ member. */
#ifndef KONSEKI_COLLECTORS_LINES_H
#define KONSEKI_COLLECTORS_LINES_H

#include "base/buffer.h"
#include "base/text.h"
#include "base/timestamp.h"

/* {"type":TYPE ... line_end. Fields with NULL text or TIME_NONE are left out. */
static inline void line_start(struct buffer *b, const char *type)
{
	buffer_string(b, "{\"type\":\"");
	buffer_string(b, type);
	buffer_char(b, '"');
}

static inline void line_name(struct buffer *b, const char *name)
{
	buffer_string(b, ",\"");
	buffer_string(b, name);
	buffer_string(b, "\":");
}

static inline void line_view(struct buffer *b, const char *name, struct view v)
{
	line_name(b, name);
	text_json_quoted(b, v);
}

static inline void line_text(struct buffer *b, const char *name, const char *text)
{
	if (text)
		line_view(b, name, view_text(text));
}

/* Left out when empty, too. */
static inline void line_some(struct buffer *b, const char *name, const char *text)
{
	if (text && *text)
		line_view(b, name, view_text(text));
}

static inline void line_number(struct buffer *b, const char *name, int64_t n)
{
	line_name(b, name);
	buffer_signed(b, n);
}

static inline void line_bool(struct buffer *b, const char *name, bool yes)
{
	line_name(b, name);
	buffer_string(b, yes ? "true" : "false");
}

static inline void line_time(struct buffer *b, const char *name, int64_t ts)
{
	char text[TIME_TEXT];

	if (ts != TIME_NONE && time_format(ts, text))
		line_text(b, name, text);
}

static inline void line_end(struct buffer *b)
{
	buffer_string(b, "}\n");
}

#endif
