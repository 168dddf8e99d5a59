/* konseki-collect.exe: a Windows host into one bundle. */
#include "collectors/windows/windows.h"

#include "base/option.h"
#include "base/text.h"

#include <errno.h>
#include <fcntl.h>
#include <io.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

/* The exit statuses of all konseki's commands (cmd/command.h). */
enum { EXIT_COMPLETE = 0, EXIT_DAMAGED = 1, EXIT_MISUSE = 2 };
#define FAILURES_SHOWN 10

static const char *output, *drives, *case_id, *operator_name, *reference_time;
static bool list, secrets, quiet;

static const struct option options[] = {
	{OPTION_TEXT, 'o', "output", "FILE",
	 "write the bundle there; - is standard output; a folder gets HOST-TIME.tar.zst", &output},
	{OPTION_FLAG, 0, "list", NULL, "only list what would be taken, with sizes", &list},
	{OPTION_TEXT, 0, "drives", "LETTERS",
	 "collect the files of these drives (CD), instead of every fixed one", &drives},
	{OPTION_FLAG, 0, "secrets", NULL, "take cookies, saved logins and NTDS too", &secrets},
	{OPTION_TEXT, 0, "case-id", "ID", "written into the manifest", &case_id},
	{OPTION_TEXT, 0, "operator", "NAME", "written into the manifest", &operator_name},
	{OPTION_TEXT, 0, "reference-time", "TIME",
	 "the time now by a clock you trust; the manifest tells the host's error", &reference_time},
	{OPTION_FLAG, 'q', "quiet", NULL, "no progress", &quiet},
	{OPTION_END},
};
static const struct command_help help = {
	"collect",
	"",
	"collect from this Windows host into one bundle",
	"Run as administrator to get all; what could not be read is listed at the end and in the "
	"manifest.\n"
	"Nothing but FILE is written.",
};

struct file_output {
	struct bundle_output out;
	HANDLE h;
	uint64_t written;
};

__attribute__((format(gnu_printf, 2, 3))) static void complainf(const char *file, const char *fmt,
								...)
{
	struct buffer line = {0};
	char reason[1024];
	va_list args;

	va_start(args, fmt);
	(void)vsnprintf(reason, sizeof(reason), fmt, args);
	va_end(args);
	buffer_string(&line, "konseki: ");
	if (file) {
		text_terminal(&line, view_text(file));
		buffer_string(&line, ": ");
	}
	text_terminal(&line, view_text(reason));
	buffer_char(&line, '\n');
	(void)fwrite(line.data, 1, line.len, stderr);
	buffer_release(&line);
}

static bool write_file(struct bundle_output *out, const void *data, size_t n)
{
	struct file_output *f = (struct file_output *)out;
	const uint8_t *at = data;

	while (n) {
		DWORD piece = n > 1u << 20 ? 1u << 20 : (DWORD)n, done = 0;

		if (!WriteFile(f->h, at, piece, &done, NULL) || done == 0) {
			errno = GetLastError() == ERROR_DISK_FULL ? ENOSPC : EIO;
			return false;
		}
		at += done;
		n -= done;
		f->written += done;
	}
	return true;
}

static bool is_folder(const char *path)
{
	wchar_t *wide = wide_of(path);
	DWORD attributes = GetFileAttributesW(wide);

	free(wide);
	return attributes != INVALID_FILE_ATTRIBUTES && (attributes & FILE_ATTRIBUTE_DIRECTORY);
}

/* Opens what -o says; *path gets the name. Never writes over a file that is there. */
static bool open_output(struct file_output *f, char **path)
{
	wchar_t *wide;
	DWORD mode;

	f->out.write = write_file;
	if (output && strcmp(output, "-") == 0) {
		*path = xstrdup("-");
		f->h = GetStdHandle(STD_OUTPUT_HANDLE);
		if (GetConsoleMode(f->h, &mode)) {
			complainf(NULL, "a bundle is not for a terminal: give -o FILE, or a pipe");
			return false;
		}
		return true;
	}
	if (!output || is_folder(output)) {
		char *host = windows_host();
		struct civil t = time_to_civil(time_now());

		*path = xasprintf("%s%s%s-%04d%02u%02uT%02u%02u%02uZ.tar.zst", output ? output : "",
				  output ? "\\" : "", host, (int)t.year, t.month, t.day, t.hour,
				  t.minute, t.second);
		free(host);
	} else {
		*path = xstrdup(output);
	}
	wide = wide_of(*path);
	f->h = CreateFileW(wide, GENERIC_WRITE, FILE_SHARE_READ, NULL, CREATE_NEW,
			   FILE_ATTRIBUTE_NORMAL, NULL);
	free(wide);
	if (f->h == INVALID_HANDLE_VALUE)
		complainf(*path, "%s", windows_error(GetLastError()));
	return f->h != INVALID_HANDLE_VALUE;
}

/* ---- progress and lists ---- */

struct watch {
	uint64_t start, last, listed, listed_bytes;
};

static void progress(void *data, const char *item, const struct bundle_counts *n)
{
	struct watch *w = data;
	uint64_t now = GetTickCount64();
	struct buffer line = {0}, text = {0};
	double seconds = (double)(now - w->start) / 1e3;
	size_t from;

	if (now - w->last < 100 || seconds < 2)
		return;
	w->last = now;
	text_terminal(&text, view_text(item));
	from = text.len > 36 ? text.len - 36 : 0;
	while (from && from < text.len && ((unsigned char)text.data[from] & 0xc0) == 0x80)
		from++;
	/* Consoles before Windows 10 know no escape sequences: blanks wipe the rest of the line. */
	buffer_printf(&line, "\r%llu files, %.1f MB, %.1f MB/s, %.0f s, ",
		      (unsigned long long)n->members, (double)n->bytes / 1e6,
		      (double)n->bytes / 1e6 / seconds, seconds);
	buffer_view(&line, view_from(buffer_as_view(&text), from));
	while (line.len < 78)
		buffer_char(&line, ' ');
	(void)fwrite(line.data, 1, line.len, stderr);
	(void)fflush(stderr);
	buffer_release(&line);
	buffer_release(&text);
}

static void list_file(void *data, const char *group, const char *path, uint64_t size,
		      const char *error)
{
	struct watch *w = data;
	struct buffer line = {0};

	if (!error) {
		buffer_printf(&line, "%llu", (unsigned long long)size);
		w->listed++;
		w->listed_bytes += size;
	} else {
		buffer_char(&line, '-');
	}
	buffer_printf(&line, "\t%s\t", group);
	/* Names are hostile, and a console is a terminal. */
	if (_isatty(_fileno(stdout)))
		text_terminal(&line, view_text(path));
	else
		text_tsv(&line, view_text(path));
	buffer_char(&line, '\t');
	if (error)
		text_tsv(&line, view_text(error));
	buffer_char(&line, '\n');
	(void)fwrite(line.data, 1, line.len, stdout);
	buffer_release(&line);
}

/* ---- the end ---- */

static void row(struct buffer *b, const char *name, const char *value)
{
	buffer_printf(b, "%-10s ", name);
	text_terminal(b, view_text(value));
	buffer_char(b, '\n');
}

static void summary(FILE *to, const char *path, const struct windows_result *r, uint64_t written)
{
	struct buffer b = {0};
	struct view rest = buffer_as_view(&r->failures), one;
	unsigned shown = 0;

	while (r->counts.failures && view_token(&rest, '\0', &one)) {
		if (one.len == 0 || ++shown > FAILURES_SHOWN)
			continue;
		b.len = 0;
		text_terminal(&b, one);
		(void)fprintf(stderr, "konseki: not taken whole: %s\n", buffer_text(&b));
	}
	if (r->counts.failures > FAILURES_SHOWN)
		(void)fprintf(stderr,
			      "konseki: and %llu more: see manifest.jsonl, lines with an error\n",
			      (unsigned long long)(r->counts.failures - FAILURES_SHOWN));
	b.len = 0;
	row(&b, "bundle", path);
	buffer_printf(&b, "size       %llu bytes\nsha256     %s\n", (unsigned long long)written,
		      r->sha256);
	row(&b, "host", r->host);
	if (case_id)
		row(&b, "case", case_id);
	if (operator_name)
		row(&b, "operator", operator_name);
	buffer_string(&b, "time       ");
	time_append(&b, r->start);
	buffer_string(&b, " to ");
	time_append(&b, r->end);
	buffer_printf(&b, " (%.1f s)\n", (double)(r->end - r->start) / 1e9);
	buffer_printf(&b,
		      "taken      %llu files, %llu bytes; %llu processes, %llu autoruns, %llu raw "
		      "volumes\n",
		      (unsigned long long)r->counts.members, (unsigned long long)r->counts.bytes,
		      (unsigned long long)r->processes, (unsigned long long)r->autoruns,
		      (unsigned long long)r->raw_volumes);
	buffer_printf(&b, "failed     %llu; left out on purpose %llu\n",
		      (unsigned long long)r->counts.failures,
		      (unsigned long long)r->counts.left_out);
	(void)fwrite(b.data, 1, b.len, to);
	if (r->near_empty)
		(void)fprintf(stderr,
			      "konseki: WARNING: NEARLY EMPTY: this bundle holds next to nothing "
			      "of a system. Not allowed?\n");
	else if (!r->elevated)
		(void)fprintf(
			stderr,
			"konseki: not an administrator: much of this host could not be read\n");
	buffer_release(&b);
}

static int run(int argc, char **argv)
{
	struct windows_options o = {.reference = TIME_NONE};
	struct windows_result r = {0};
	struct file_output f = {.h = INVALID_HANDLE_VALUE};
	struct watch w = {0};
	char *path = NULL;
	int n, status, result = EXIT_MISUSE;

	switch (option_parse(&help, options, argc, argv, &n)) {
	case OPTION_EXIT_OK:
		return EXIT_COMPLETE;
	case OPTION_MISUSE:
		return EXIT_MISUSE;
	case OPTION_GO:
		break;
	}
	if (n) {
		option_usage(stderr, &help, options);
		return EXIT_MISUSE;
	}
	if (reference_time &&
	    !time_parse_user(view_text(reference_time), time_now(), &o.reference)) {
		complainf(reference_time, "not a time");
		return EXIT_MISUSE;
	}
	for (const char *d = drives; d && *d; d++)
		if ((*d | 32) < 'a' || (*d | 32) > 'z') {
			complainf(drives, "drives are letters");
			return EXIT_MISUSE;
		}
	o.secrets = secrets;
	o.item_seconds = 20;
	o.drives = drives;
	o.case_id = case_id;
	o.operator_name = operator_name;
	o.reference_time = reference_time;
	o.data = &w;
	w.start = GetTickCount64();
	if (!quiet && _isatty(_fileno(stderr)))
		o.progress = progress;
	if (list) {
		o.list = list_file;
		status = windows_collect(&o, NULL, &r);
		(void)fflush(stdout);
		(void)fprintf(stderr, "%llu files, %llu bytes\n", (unsigned long long)w.listed,
			      (unsigned long long)w.listed_bytes);
		windows_result_release(&r);
		return status == OK ? EXIT_COMPLETE : EXIT_MISUSE;
	}
	if (!open_output(&f, &path))
		goto out;
	status = windows_collect(&o, &f.out, &r);
	if (o.progress)
		(void)fprintf(stderr, "\r%78s\r", "");
	if (status == OK && strcmp(path, "-") != 0 && !FlushFileBuffers(f.h)) {
		errno = EIO;
		status = ERR_IO;
	}
	if (status < 0) {
		complainf(path,
			  "%s: INCOMPLETE after %llu bytes; konseki verify tells what is whole",
			  status == ERR_IO ? strerror(errno) : "out of memory",
			  (unsigned long long)f.written);
		goto out;
	}
	summary(strcmp(path, "-") == 0 ? stderr : stdout, path, &r, f.written);
	result = r.counts.failures || r.near_empty ? EXIT_DAMAGED : EXIT_COMPLETE;
out:
	if (f.h != INVALID_HANDLE_VALUE && path && strcmp(path, "-") != 0)
		(void)CloseHandle(f.h);
	free(path);
	windows_result_release(&r);
	return result;
}

int wmain(int argc, wchar_t **wide);
int wmain(int argc, wchar_t **wide)
{
	char **argv = xcalloc((size_t)argc + 1, sizeof(char *));
	UINT before = GetConsoleOutputCP();
	int result;

	for (int i = 0; i < argc; i++)
		argv[i] = utf8_of(wide[i]);
	/* Our text is UTF-8, and a newline is one byte. A missing disk is no question for a window.
	 */
	(void)SetConsoleOutputCP(CP_UTF8);
	(void)SetErrorMode(SEM_FAILCRITICALERRORS | SEM_NOOPENFILEERRORBOX);
	(void)_setmode(_fileno(stdout), _O_BINARY);
	(void)_setmode(_fileno(stderr), _O_BINARY);
	result = run(argc, argv);
	if (fflush(stdout) != 0)
		result = EXIT_MISUSE;
	if (before)
		(void)SetConsoleOutputCP(before);
	for (int i = 0; i < argc; i++)
		free(argv[i]);
	free(argv);
	return result;
}
