#define _GNU_SOURCE
#include "base/table.h"

#include "base/text.h"

#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include <wchar.h>

#define HELD_ROWS 200

struct table {
	FILE *to;
	enum table_format format;
	const char *const *columns;
	size_t count, at;    /* columns; next column of the current row */
	struct buffer line;  /* the row being made (all but aligned) */
	struct buffer *held; /* cells held back, row after row (aligned) */
	size_t rows;	     /* held */
	unsigned *width;     /* of each column, once known */
	bool header, widths_known, colour;
	unsigned screen; /* columns of the terminal, 0 for unlimited */
};

bool table_format_of(const char *text, enum table_format *format)
{
	static const char *const names[] = {"auto", "table", "tsv", "csv", "jsonl"};

	*format = TABLE_AUTO;
	if (!text)
		return true;
	for (unsigned i = 0; i < 5; i++) {
		if (strcmp(text, names[i]) == 0) {
			*format = (enum table_format)i;
			return true;
		}
	}
	return false;
}

bool table_colour(FILE *to)
{
	const char *term = getenv("TERM");

	return isatty(fileno(to)) && !getenv("NO_COLOR") && term && strcmp(term, "dumb") != 0;
}

struct table *table_open(FILE *to, enum table_format format, const char *const *columns,
			 size_t count, bool header)
{
	struct table *t = xcalloc(1, sizeof(*t));
	struct winsize size;

	if (format == TABLE_AUTO)
		format = isatty(fileno(to)) ? TABLE_ALIGNED : TABLE_TSV;
	t->to = to;
	t->format = format;
	t->columns = columns;
	t->count = count;
	t->header = header;
	if (format == TABLE_ALIGNED) {
		t->held = xcalloc(HELD_ROWS * count, sizeof(struct buffer));
		t->width = xcalloc(count, sizeof(unsigned));
		if (ioctl(fileno(to), TIOCGWINSZ, &size) == 0)
			t->screen = size.ws_col;
		t->colour = table_colour(to);
	} else if (header && format != TABLE_JSONL) {
		for (size_t i = 0; i < count; i++)
			fprintf(to, "%s%s", i ? (format == TABLE_CSV ? "," : "\t") : "",
				columns[i]);
		fputs(format == TABLE_CSV ? "\r\n" : "\n", to);
	}
	return t;
}

/* Cells of a terminal: what is not ASCII is decoded; combining marks take none, wide ones two. */
static unsigned cells(struct view v)
{
	unsigned n = 0;
	uint32_t code;

	while (text_decode(&v, &code)) {
		int w = code < 0x7f ? 1 : wcwidth((wchar_t)code);

		n += w < 0 ? 1 : (unsigned)w;
	}
	return n;
}

/* The colour of a level of Sigma; "" for other texts. */
static const char *level_colour(struct view v)
{
	static const char *const colours[][2] = {{"critical", "\033[1;31m"},
						 {"high", "\033[31m"},
						 {"medium", "\033[33m"},
						 {"low", "\033[36m"},
						 {"informational", "\033[2m"}};

	for (size_t i = 0; i < sizeof(colours) / sizeof(colours[0]); i++)
		if (view_is(v, colours[i][0]))
			return colours[i][1];
	return "";
}

/* Takes cells from the widest columns until all fit the screen; the last one has what is left. */
static void fit(struct table *t)
{
	unsigned last = t->width[t->count - 1], total = last < 16 ? last : 16;

	for (size_t i = 0; i + 1 < t->count; i++)
		total += t->width[i] + 2;
	while (t->screen && total > t->screen) {
		size_t widest = 0;

		for (size_t i = 1; i + 1 < t->count; i++)
			if (t->width[i] > t->width[widest])
				widest = i;
		if (t->width[widest] <= 8)
			break;
		t->width[widest]--;
		total--;
	}
}

static void print_aligned(struct table *t, struct buffer *row)
{
	unsigned used = 0;

	for (size_t i = 0; i < t->count; i++) {
		struct view v = buffer_as_view(&row[i]);
		unsigned wide = cells(v), room = t->width[i];
		const char *colour =
			t->colour && strcmp(t->columns[i], "level") == 0 ? level_colour(v) : "";

		if (i + 1 == t->count)
			room = t->screen > used + 8 ? t->screen - used : t->screen ? 8 : UINT32_MAX;
		if (wide > room) { /* cut, with an ellipsis as the last cell */
			struct view rest = v, before;
			unsigned taken = 0;
			uint32_t code;

			while (taken + 1 < room) {
				int w;

				before = rest;
				if (!text_decode(&rest, &code))
					break;
				w = code < 0x7f ? 1 : wcwidth((wchar_t)code);
				taken += w < 0 ? 1 : (unsigned)w;
				if (taken >= room)
					rest = before;
			}
			fwrite(v.data, 1, v.len - rest.len, t->to);
			fputs("\xe2\x80\xa6", t->to);
			wide = room;
		} else {
			fputs(colour, t->to);
			fwrite(v.data, 1, v.len, t->to);
			fputs(*colour ? "\033[0m" : "", t->to);
		}
		if (i + 1 < t->count)
			fprintf(t->to, "%*s", (int)(room - (wide < room ? wide : room)) + 2, "");
		used += room + 2;
	}
	fputc('\n', t->to);
}

static void release_held(struct table *t)
{
	if (!t->widths_known) {
		unsigned most = t->screen ? (t->screen > 80 ? t->screen / 3 : 32) : 60;

		for (size_t i = 0; i < t->count; i++) {
			t->width[i] = (unsigned)strlen(t->columns[i]);
			for (size_t r = 0; r < t->rows; r++) {
				unsigned w = cells(buffer_as_view(&t->held[r * t->count + i]));

				if (w > t->width[i])
					t->width[i] = w;
			}
			if (t->width[i] > most)
				t->width[i] = most;
		}
		t->widths_known = true;
		fit(t);
		if (t->header) {
			struct buffer *names = xcalloc(t->count, sizeof(*names));

			for (size_t i = 0; i < t->count; i++)
				buffer_string(&names[i], t->columns[i]);
			if (t->colour)
				fputs("\033[1m", t->to);
			print_aligned(t, names);
			if (t->colour)
				fputs("\033[0m", t->to);
			for (size_t i = 0; i < t->count; i++)
				buffer_release(&names[i]);
			free(names);
		}
	}
	for (size_t r = 0; r < t->rows; r++)
		print_aligned(t, t->held + r * t->count);
	for (size_t i = 0; i < t->rows * t->count; i++)
		t->held[i].len = 0;
	t->rows = 0;
}

static void cell(struct table *t, const struct value *v)
{
	struct buffer plain = {0};

	if (t->format == TABLE_JSONL) {
		buffer_string(&t->line, t->at ? ",\"" : "{\"");
		text_json(&t->line, view_text(t->columns[t->at]));
		buffer_append(&t->line, "\":", 2);
		value_json(&t->line, v);
	} else {
		value_append(&plain, v);
		if (t->format == TABLE_ALIGNED) {
			text_terminal(&t->held[t->rows * t->count + t->at], buffer_as_view(&plain));
		} else {
			if (t->at)
				buffer_char(&t->line, t->format == TABLE_CSV ? ',' : '\t');
			if (t->format == TABLE_CSV)
				text_csv(&t->line, buffer_as_view(&plain));
			else
				text_tsv(&t->line, buffer_as_view(&plain));
		}
		buffer_release(&plain);
	}
	if (++t->at < t->count)
		return;
	t->at = 0;
	if (t->format == TABLE_ALIGNED) {
		if (++t->rows == HELD_ROWS)
			release_held(t);
		return;
	}
	buffer_string(&t->line, t->format == TABLE_JSONL ? "}\n"
				: t->format == TABLE_CSV ? "\r\n"
							 : "\n");
	fwrite(t->line.data, 1, t->line.len, t->to);
	t->line.len = 0;
}

void table_cell(struct table *t, const struct value *v)
{
	cell(t, v);
}

void table_text(struct table *t, const char *s)
{
	struct value v = value_text(s);

	cell(t, &v);
}

void table_view(struct table *t, struct view view)
{
	struct value v = value_view(view);

	cell(t, &v);
}

void table_signed(struct table *t, int64_t n)
{
	struct value v = value_signed(n);

	cell(t, &v);
}

void table_close(struct table *t)
{
	if (t->format == TABLE_ALIGNED) {
		release_held(t);
		for (size_t i = 0; i < HELD_ROWS * t->count; i++)
			buffer_release(&t->held[i]);
	}
	free(t->held);
	free(t->width);
	buffer_release(&t->line);
	free(t);
}
