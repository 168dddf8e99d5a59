/* konseki collect: this host, or a mounted tree, into a bundle. Also the whole of the static
 * konseki-collect, and of konseki-collect.exe. */
#include "cmd/command.h"

#include "base/age.h"
#include "base/bundle_format.h"
#include "base/text.h"
#include "cmd/host.h"
#include "cmd/image.h"
#include "collectors/collection.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

static const char *output, *profile_name, *root, *case_id, *operator_name, *reference_time, *since,
	*sign, *drives, *image;
static bool list, secrets, no_walk, nice_run, json_progress, quiet, checksum;
static struct option_list encrypt;
static uint64_t limit_rate, cpu_percent, max_size, item_timeout;

#ifdef _WIN32
static const bool windows = true;
#else
static const bool windows = false;
#endif

static const struct option options[] = {
	{OPTION_TEXT, 'o', "output", "FILE",
	 "write the bundle there; - is standard output; a folder gets HOST-TIME.tar.zst", &output},
	{OPTION_TEXT, 0, "profile", "NAME|FILE",
	 "what to take: triage (the default), another that is built in, or a file", &profile_name},
#ifdef _WIN32
	{OPTION_TEXT, 0, "drives", "LETTERS",
	 "collect the files of these drives (CD), instead of every fixed one", &drives},
#else
	{OPTION_TEXT, 0, "root", "DIR", "collect from a mounted tree instead of the running system",
	 &root},
	{OPTION_TEXT, 0, "image", "FILE", "collect from a disk image or a raw device instead",
	 &image},
	{OPTION_FLAG, 0, "no-walk", NULL, "leave out the walk of the whole tree (bodyfile)",
	 &no_walk},
#endif
	{OPTION_FLAG, 0, "list", NULL, "only list what would be taken, with sizes", &list},
	{OPTION_FLAG, 0, "secrets", NULL, "take password hashes, private keys and saved logins too",
	 &secrets},
	{OPTION_TEXT, 0, "since", "BUNDLE",
	 "leave out files that are unchanged since an earlier bundle", &since},
	{OPTION_NUMBER, 0, "max-size", "BYTES", "leave out larger files, whatever the profile says",
	 &max_size},
	{OPTION_NUMBER, 0, "item-timeout", "SECONDS", "give up on a read after this (20)",
	 &item_timeout},
	{OPTION_FLAG, 0, "checksum", NULL, "write FILE.sha256 too, which sha256sum -c reads",
	 &checksum},
	{OPTION_LIST, 0, "encrypt", "RECIPIENT",
	 "encrypt to age1... (konseki keygen); may be given several times", &encrypt},
	{OPTION_TEXT, 0, "sign", "KEY",
	 "sign the manifest with this Ed25519 key of ssh-keygen (no passphrase)", &sign},
	{OPTION_TEXT, 0, "case-id", "ID", "written into the manifest", &case_id},
	{OPTION_TEXT, 0, "operator", "NAME", "written into the manifest", &operator_name},
	{OPTION_TEXT, 0, "reference-time", "TIME",
	 "the time now by a clock you trust; the manifest tells the host's error", &reference_time},
	{OPTION_NUMBER, 0, "limit-rate", "BYTES", "write at most so many bytes a second",
	 &limit_rate},
	{OPTION_NUMBER, 0, "cpu", "PERCENT", "use at most so much of one processor", &cpu_percent},
	{OPTION_FLAG, 0, "nice", NULL, "run at the lowest priority of processor and disk",
	 &nice_run},
	{OPTION_FLAG, 0, "json-progress", NULL, "progress as JSON lines on standard error",
	 &json_progress},
	{OPTION_FLAG, 'q', "quiet", NULL, "no progress", &quiet},
	{OPTION_END},
};
static const struct command_help help = {
	"collect",
	"",
#ifdef _WIN32
	"collect from this host into one bundle",
	"Run as administrator to get all;"
#else
	"collect from this host, a mounted tree or an image into one bundle",
	"Run as root to get all;"
#endif
	" what could not be read is listed at the end and in the manifest.\n"
	"Nothing but FILE is written.",
};

/* ---- the output ---- */

struct file_output {
	struct bundle_output out;
	struct host_file *file;
	uint64_t written;
	int64_t start;		 /* ns, host_clock */
	struct sha256 digest;	 /* of the file as written */
	struct age_encrypt *age; /* NULL: not encrypted */
};

static bool to_file(void *file, const void *data, size_t n)
{
	struct file_output *f = file;
	const char *at = data;

	sha256_update(&f->digest, data, n);
	while (n) {
		/* A slow line is fed in small pieces, so that the rate is even. */
		size_t piece = limit_rate && n > 65536 ? 65536 : n;
		ptrdiff_t done = host_write(f->file, at, piece);

		if (done <= 0)
			return false;
		at += done;
		n -= (size_t)done;
		f->written += (uint64_t)done;
		if (limit_rate)
			host_sleep((int64_t)((double)f->written / (double)limit_rate * 1e9) -
				   (host_clock() - f->start));
	}
	return true;
}

static bool write_file(struct bundle_output *out, const void *data, size_t n)
{
	struct file_output *f = (struct file_output *)out;

	return f->age ? age_encrypt_data(f->age, data, n) : to_file(f, data, n);
}

/* After the output is open: the header of the age file. */
static bool start_encryption(struct file_output *f, const char *path,
			     const struct age_key *recipients)
{
	f->age = age_encrypt_new(recipients, encrypt.count, to_file, f);
	if (!f->age)
		complainf(path, "cannot encrypt: %s", strerror(errno));
	return f->age;
}

/* Opens what -o says; *path gets the name. Never writes over a file that is there. */
static const char *base_name(const char *path)
{
	const char *name = path;

	for (const char *s = path; *s; s++)
		if (*s == '/' || *s == host_separator[0])
			name = s + 1;
	return name;
}

/* What host it is, an image tells only when it is read: its own name stands for it. */
static char *image_name(const char *path)
{
	char *name = xstrdup(base_name(path));

	for (char *s = name; *s; s++)
		if (!((*s | 0x20) >= 'a' && (*s | 0x20) <= 'z') && !(*s >= '0' && *s <= '9') &&
		    *s != '-' && *s != '_' && (*s != '.' || s == name))
			*s = '_';
	return name;
}

/* FILE.sha256, opened before anything is collected: afterwards would be late for an error. */
static bool open_checksum(const char *path, struct host_file **file, char **name)
{
	if (!checksum)
		return true;
	if (strcmp(path, "-") == 0) {
		complainf(NULL, "--checksum needs -o FILE");
		return false;
	}
	*name = xasprintf("%s.sha256", path);
	*file = host_create(*name);
	if (!*file)
		complainf(*name, "%s", strerror(errno));
	return *file;
}

/* "HASH  NAME"; a name with a newline or a backslash is escaped, and the line begins with a
 * backslash then (coreutils, "md5sum invocation"). */
static bool write_checksum(struct host_file *file, const char *path, const char *digest)
{
	struct buffer line = {0};
	const char *name = base_name(path);
	bool ok = true;

	buffer_printf(&line, "%s%s  ", strpbrk(name, "\\\n\r") ? "\\" : "", digest);
	for (const char *s = name; *s; s++) {
		if (*s == '\\' || *s == '\n' || *s == '\r')
			buffer_char(&line, '\\');
		buffer_char(&line, *s == '\n' ? 'n' : *s == '\r' ? 'r' : *s);
	}
	buffer_char(&line, '\n');
	for (size_t at = 0; ok && at < line.len;) {
		ptrdiff_t n = host_write(file, line.data + at, line.len - at);

		ok = n > 0;
		at += ok ? (size_t)n : 0;
	}
	buffer_release(&line);
	return ok && host_sync(file);
}

static bool open_output(struct file_output *f, char **path)
{
	struct buffer name = {0};

	f->out.write = write_file;
	f->start = host_clock();
	sha256_init(&f->digest);
	if (output && strcmp(output, "-") == 0) {
		*path = xstrdup("-");
		if (host_is_terminal(stdout)) {
			complainf(NULL, "a bundle is not for a terminal: give -o FILE, or a pipe");
			return false;
		}
		f->file = host_standard_output();
		return f->file;
	}
	if (!output || host_is_folder(output)) {
		char *host = image ? image_name(image) : collect_host(root);
		struct civil t = time_to_civil(time_now());

		if (output)
			buffer_printf(&name, "%s%s", output, host_separator);
		buffer_printf(&name, "%s-%04d%02u%02uT%02u%02u%02uZ.tar.zst%s", host, (int)t.year,
			      t.month, t.day, t.hour, t.minute, t.second,
			      encrypt.count ? ".age" : "");
		free(host);
	} else {
		buffer_string(&name, output);
	}
	*path = xstrdup(buffer_text(&name));
	buffer_release(&name);
	f->file = host_create(*path);
	if (!f->file)
		complainf(*path, "%s", strerror(errno));
	return f->file;
}

/* ---- --since ---- */

struct earlier {
	struct old {
		char *path;
		uint64_t size;
		int64_t mtime, ctime;
	} * files;
	size_t count, cap;
	char digest[7 + 2 * SHA256_SIZE + 1]; /* "sha256:..." of the bundle */
};

static int by_path(const void *a, const void *b)
{
	return strcmp(((const struct old *)a)->path, ((const struct old *)b)->path);
}

static bool load_earlier(const char *path, struct earlier *e)
{
	struct bundle_index index = {0};
	const struct bundle_entry *entry;
	struct problem problem = {PROBLEM_NO_OFFSET, ""};
	struct buffer text = {0}, value = {0};
	struct view rest, line, bytes;
	bool ok = false;

	if (!host_map(path, &bytes)) {
		complainf(path, "%s", errno == ENODATA ? "is empty" : strerror(errno));
		return false;
	}
	if (age_probe(bytes)) {
		complainf(path,
			  "is encrypted, and what it has can only be read from its "
			  "decrypted copy (konseki decrypt)");
		goto out;
	}
	if (bundle_index_load(bytes, &index, &problem) < 0 ||
	    !(entry = bundle_index_find(&index, "manifest.jsonl")) ||
	    bundle_read(bytes, entry, 4ull << 30, &text, &problem) < 0) {
		complainf(path, "%s", problem.reason[0] ? problem.reason : "has no manifest");
		goto out;
	}
	{
		uint8_t raw[SHA256_SIZE];

		sha256(bytes, raw);
		memcpy(e->digest, "sha256:", 7);
		sha256_hex(raw, e->digest + 7);
	}
	rest = buffer_as_view(&text);
	while (view_line(&rest, &line)) {
		struct old o = {.mtime = TIME_NONE, .ctime = TIME_NONE};
		bool zoned;

		bool same = false;

		/* Left out for being unchanged since a still earlier one: its line has no size, and
		 * its times say as much. What else has an error is not there (whole). */
		if (bundle_json_value(line, "error", &value)) {
			same = view_is(buffer_as_view(&value), COLLECT_UNCHANGED);
			if (!same)
				continue;
		}
		o.size = UINT64_MAX;
		if (!same) {
			if (!bundle_json_value(line, "size", &value))
				continue;
			o.size = strtoull(buffer_text(&value), NULL, 10);
		}
		if (!bundle_json_value(line, "mtime", &value) ||
		    !time_parse_iso(buffer_as_view(&value), &o.mtime, &zoned, NULL) ||
		    !bundle_json_value(line, "ctime", &value) ||
		    !time_parse_iso(buffer_as_view(&value), &o.ctime, &zoned, NULL) ||
		    (!same && (!bundle_json_value(line, "member", &value) ||
			       strncmp(buffer_text(&value), "files/", 6) != 0)) ||
		    !bundle_json_value(line, "path", &value))
			continue;
		o.path = xmemdup0(value.data, value.len);
		e->files = xgrow(e->files, &e->cap, e->count + 1, sizeof(*e->files));
		e->files[e->count++] = o;
	}
	if (e->count)
		qsort(e->files, e->count, sizeof(*e->files), by_path);
	ok = true;
out:
	host_unmap(bytes);
	bundle_index_release(&index);
	buffer_release(&text);
	buffer_release(&value);
	return ok;
}

/* A name, or a file. NULL after a complaint. */
static const struct profile *load_profile(const char *name, struct profile **own)
{
	const struct profile *p = profile_find(name);
	struct problem problem = {PROBLEM_NO_OFFSET, ""};
	struct buffer text = {0};
	struct buffer notes = {0};
	struct view rest, line;

	if (p)
		return p;
	if (!file_slurp(name, 16 << 20, &text)) {
		complainf(name, "no such profile, and as a file: %s", strerror(errno));
		for (size_t i = 0; profiles[i]; i++)
			(void)fprintf(stderr, "  %-8s %s\n", profiles[i]->name,
				      profiles[i]->summary);
	} else {
		p = *own = profile_read(buffer_as_view(&text), windows, &problem, &notes);
		if (!p)
			complain(name, &problem);
		rest = buffer_as_view(&notes);
		while (view_line(&rest, &line))
			complainf(name, "left out: %.*s", (int)line.len, (const char *)line.data);
	}
	buffer_release(&text);
	buffer_release(&notes);
	return p;
}

/* The key of --sign. False after a complaint. */
static bool load_key(const char *path, struct ssh_key *key)
{
	struct problem problem = {PROBLEM_NO_OFFSET, ""};
	struct buffer text = {0};
	bool ok = file_slurp(path, 64 << 10, &text);

	if (!ok) {
		complainf(path, "%s", strerror(errno));
	} else if (ssh_private_key(buffer_as_view(&text), key, &problem) < 0) {
		complain(path, &problem);
		ok = false;
	}
	if (text.data)
		explicit_bzero(text.data, text.cap);
	buffer_release(&text);
	return ok;
}

/* ---- progress ---- */

struct watch {
	struct earlier earlier;
	int64_t start, last;
	bool terminal;
	uint64_t listed, listed_bytes;
};

static bool unchanged(void *data, const char *path, uint64_t size, int64_t mtime, int64_t ctime)
{
	const struct watch *w = data;
	struct buffer text = {0};
	struct old key;
	const struct old *files = w->earlier.files;
	size_t low = 0, high = w->earlier.count;
	bool same = false;

	/* The manifest has paths as text: names that are none may be alike there, so that each of
	 * that path is asked. */
	text_utf8(&text, view_text(path));
	key.path = (char *)(uintptr_t)buffer_text(&text);
	while (low < high) {
		size_t middle = (low + high) / 2;

		if (by_path(&files[middle], &key) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	/* The files of /proc have no size and no history. */
	for (; size && !same && low < w->earlier.count && by_path(&files[low], &key) == 0; low++)
		same = (files[low].size == size || files[low].size == UINT64_MAX) &&
		       files[low].mtime == mtime && files[low].ctime == ctime;
	buffer_release(&text);
	return same;
}

static void progress(void *data, const char *item, const struct bundle_counts *n)
{
	struct watch *w = data;
	int64_t now = host_clock();
	double seconds = (double)(now - w->start) / 1e9;
	struct buffer line = {0};

	if (cpu_percent && cpu_percent < 100) {
		int64_t used = host_cpu(), may = (now - w->start) / 100 * (int64_t)cpu_percent;

		if (used > may)
			host_sleep((used - may) * 100 / (int64_t)cpu_percent);
	}
	if ((!w->terminal && !json_progress) || !item ||
	    now - w->last < (json_progress ? TIME_SECOND : TIME_SECOND / 10))
		return;
	w->last = now;
	if (json_progress) {
		buffer_printf(&line,
			      "{\"type\":\"progress\",\"files\":%" PRIu64 ",\"bytes\":%" PRIu64
			      ",\"written\":%" PRIu64 ",\"failures\":%" PRIu64
			      ",\"seconds\":%.1f,\"rate\":%.0f,\"item\":",
			      n->members, n->bytes, n->written, n->failures, seconds,
			      seconds > 0 ? (double)n->bytes / seconds : 0);
		text_json_quoted(&line, view_text(item));
		buffer_string(&line, "}\n");
	} else if (seconds >= 2) {
		struct buffer text = {0};
		size_t from;

		text_terminal(&text, view_text(item));
		from = text.len > 30 ? text.len - 30 : 0;
		/* Not into the middle of a character. */
		while (from && from < text.len && ((unsigned char)text.data[from] & 0xc0) == 0x80)
			from++;
		buffer_printf(&line, "\r%" PRIu64 " files, %.1f MB, %.1f MB/s, %.0f s, %s",
			      n->members, (double)n->bytes / 1e6, (double)n->bytes / 1e6 / seconds,
			      seconds, from ? "..." : "");
		buffer_view(&line, view_from(buffer_as_view(&text), from));
		/* Blanks over the rest of the line before: old consoles know no escape sequences. */
		while (line.len < 79)
			buffer_char(&line, ' ');
		buffer_release(&text);
	}
	(void)fwrite(line.data, 1, line.len, stderr);
	(void)fflush(stderr);
	buffer_release(&line);
}

static void list_file(void *data, const char *collector, const char *path, uint64_t size,
		      const char *error)
{
	struct watch *w = data;
	struct buffer line = {0};

	if (!error) {
		buffer_printf(&line, "%" PRIu64, size);
		w->listed++;
		w->listed_bytes += size;
	} else {
		buffer_char(&line, '-');
	}
	buffer_printf(&line, "\t%s\t", collector);
	if (host_is_terminal(stdout))
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

#define FAILURES_SHOWN 10

static void summary(FILE *to, const char *path, const struct collect_result *r, uint64_t written,
		    const char *digest, const struct ssh_key *key)
{
	struct buffer text = {0};
	struct view rest = buffer_as_view(&r->failures), one;
	unsigned shown = 0;

	while (r->counts.failures && view_token(&rest, '\0', &one)) {
		if (one.len == 0 || ++shown > FAILURES_SHOWN)
			continue;
		text.len = 0;
		text_terminal(&text, one);
		(void)fprintf(stderr, "konseki: not taken whole: %s\n", buffer_text(&text));
	}
	if (r->counts.failures > FAILURES_SHOWN)
		(void)fprintf(stderr,
			      "konseki: and %" PRIu64
			      " more: see manifest.jsonl, lines with an error\n",
			      r->counts.failures - FAILURES_SHOWN);
	text.len = 0;
	text_terminal(&text, view_text(path));
	(void)fprintf(to,
		      "bundle     %s\nsize       %" PRIu64 " bytes\nsha256     %s\nhost       %s\n",
		      buffer_text(&text), written, digest, r->host);
	if (encrypt.count)
		(void)fprintf(to, "encrypted  to %zu; sha256 of the bundle in it %s\n",
			      encrypt.count, r->sha256);
	if (key) {
		text.len = 0;
		ssh_key_fingerprint(&text, key->public);
		(void)fprintf(to, "signed by  %s\n", buffer_text(&text));
	}
	if (case_id) {
		text.len = 0;
		text_terminal(&text, view_text(case_id));
		(void)fprintf(to, "case       %s\n", buffer_text(&text));
	}
	if (operator_name) {
		text.len = 0;
		text_terminal(&text, view_text(operator_name));
		(void)fprintf(to, "operator   %s\n", buffer_text(&text));
	}
	text.len = 0;
	time_append(&text, r->start);
	buffer_string(&text, " to ");
	time_append(&text, r->end);
	(void)fprintf(to, "time       %s (%.1f s)\n", buffer_text(&text),
		      (double)(r->end - r->start) / 1e9);
	(void)fprintf(to, "taken      %" PRIu64 " files, %" PRIu64 " bytes", r->counts.members,
		      r->counts.bytes);
	if (!root && !image)
		(void)fprintf(to, "; %" PRIu64 " processes", r->processes);
	(void)fprintf(to, ", %" PRIu64 " accounts, %" PRIu64 " autoruns", r->accounts, r->autoruns);
#ifdef _WIN32
	(void)fprintf(to, ", %" PRIu64 " raw volumes, %" PRIu64 " shadow copies\n", r->raw_volumes,
		      r->shadow_copies);
#else
	(void)fprintf(to, ", %" PRIu64 " entries walked\n", r->walked);
#endif
	if (r->unchanged)
		(void)fprintf(to, "unchanged  %" PRIu64 " files since %s\n", r->unchanged, since);
	(void)fprintf(to, "failed     %" PRIu64 "; left out on purpose %" PRIu64 "\n",
		      r->counts.failures, r->counts.left_out);
	if (r->lost)
		(void)fprintf(to, "lost       %u reads that did not answer in time\n", r->lost);
	if (r->near_empty)
		(void)fprintf(stderr,
			      "konseki: WARNING: NEARLY EMPTY: this bundle holds next to nothing "
			      "of a system. %s\n",
			      root    ? "Wrong --root?"
			      : image ? "Wrong --image?"
				      : "Not allowed?");
	else if (!root && !r->privileged)
		(void)fprintf(stderr, "konseki: not %s: much of this host could not be read\n",
			      host_privilege);
	buffer_release(&text);
}

static int run(int argc, char **argv)
{
	struct collect_options o = {.reference = TIME_NONE};
	struct collect_result r = {0};
	struct file_output f = {.file = NULL};
	struct watch w = {0};
	char *path = NULL, digest[2 * SHA256_SIZE + 1];
	struct age_key *recipients = NULL;
	struct ssh_key key;
	struct profile *own_profile = NULL;
	struct host_file *sums = NULL;
	char *sums_name = NULL;
	bool regular;
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
	o.profile = profile_name ? load_profile(profile_name, &own_profile) : profiles[0];
	if (!o.profile)
		goto out;
	if (reference_time &&
	    !time_parse_user(view_text(reference_time), time_now(), &o.reference)) {
		complainf(reference_time, "not a time");
		goto out;
	}
	if (sign) {
		if (!load_key(sign, &key))
			goto out;
		o.key = &key;
	}
	recipients = xcalloc(encrypt.count, sizeof(*recipients));
	for (size_t i = 0; i < encrypt.count; i++) {
		if (age_recipient_parse(view_text(encrypt.items[i]), &recipients[i]))
			continue;
		complainf(encrypt.items[i], "not a recipient (age1...)");
		goto out;
	}
	for (const char *d = drives; d && *d; d++)
		if ((*d | 32) < 'a' || (*d | 32) > 'z') {
			complainf(drives, "drives are letters");
			goto out;
		}
	if (root && image) {
		complainf(NULL, "--root or --image, not both");
		goto out;
	}
	o.root = root;
	o.image = image;
	o.drives = drives;
	o.secrets = secrets;
	o.no_walk = no_walk;
	o.item_seconds = item_timeout	      ? (unsigned)item_timeout
			 : o.profile->timeout ? o.profile->timeout
					      : 20;
	o.max_file = max_size;
	o.case_id = case_id;
	o.operator_name = operator_name;
	o.reference_time = reference_time;
	o.data = &w;
	/* A full disk, a limit and a closed pipe are errors of write(2), not the end: the summary
	 * still says so. */
#ifndef _WIN32
	(void)signal(SIGXFSZ, SIG_IGN);
	(void)signal(SIGPIPE, SIG_IGN);
	/* A terminal that goes away, as of an ssh that breaks, ends no collection into a file. */
	if (!output || strcmp(output, "-") != 0)
		(void)signal(SIGHUP, SIG_IGN);
#endif
	w.start = w.last = host_clock();
	w.terminal = !quiet && host_is_terminal(stderr);
	if (w.terminal || json_progress || cpu_percent)
		o.progress = progress;
	if (since) {
		if (!load_earlier(since, &w.earlier))
			goto out;
		o.unchanged = unchanged;
		o.since = w.earlier.digest;
	}
	if (nice_run)
		host_lowest_priority();
	if (list) {
		o.list = list_file;
		status = image ? collect_image(&o, NULL, &r) : collect_run(&o, NULL, &r);
		if (status < 0 && image)
			goto out; /* told */
		if (status < 0) {
			complainf(root ? root : "/", "%s",
				  r.error ? strerror(r.error) : status_text(status));
			goto out;
		}
		(void)fflush(stdout);
		(void)fprintf(stderr, "%" PRIu64 " files, %" PRIu64 " bytes\n", w.listed,
			      w.listed_bytes);
		result = EXIT_COMPLETE;
		goto out;
	}
	if (!open_output(&f, &path))
		goto out;
	regular = host_identity(f.file, &o.output_dev, &o.output_inode);
	if (encrypt.count && !start_encryption(&f, path, recipients))
		goto out;
	if (!open_checksum(path, &sums, &sums_name))
		goto out;
	status = image ? collect_image(&o, &f.out, &r) : collect_run(&o, &f.out, &r);
	if (status == OK && f.age && !age_encrypt_end(f.age)) {
		r.error = errno;
		status = ERR_IO;
	}
	if (w.terminal)
		(void)fprintf(stderr, "\r%79s\r", "");
	if (status == OK && !host_sync(f.file)) {
		r.error = errno;
		status = ERR_IO;
	}
	if (status < 0) {
		if (sums)
			host_remove(sums_name);
		if (!f.written || status == ERR_UNSUPPORTED) {
			if (!image) /* else it is told */
				complainf(r.host ? path : root, "%s",
					  r.error ? strerror(r.error) : status_text(status));
			if (regular && strcmp(path, "-") != 0) {
				host_close(f.file);
				f.file = NULL;
				host_remove(path);
			}
		} else {
			complainf(path,
				  "%s: INCOMPLETE after %" PRIu64
				  " bytes; konseki verify tells what is whole",
				  strerror(r.error), f.written);
		}
		goto out;
	}
	{
		uint8_t raw[SHA256_SIZE];

		sha256_final(&f.digest, raw);
		sha256_hex(raw, digest);
	}
	if (sums && !write_checksum(sums, path, digest)) {
		complainf(sums_name, "%s", strerror(errno));
		goto out;
	}
	summary(strcmp(path, "-") == 0 ? stderr : stdout, path, &r, f.written, digest, o.key);
	if (json_progress) {
		struct buffer line = {0};

		buffer_string(&line, "{\"type\":\"done\",\"bundle\":");
		text_json_quoted(&line, view_text(path));
		buffer_printf(&line,
			      ",\"size\":%" PRIu64 ",\"sha256\":\"%s\",\"files\":%" PRIu64
			      ",\"bytes\":%" PRIu64 ",\"failures\":%" PRIu64
			      ",\"near_empty\":%s}\n",
			      f.written, digest, r.counts.members, r.counts.bytes,
			      r.counts.failures, r.near_empty ? "true" : "false");
		(void)fwrite(line.data, 1, line.len, stderr);
		buffer_release(&line);
	}
	result = r.counts.failures || r.near_empty ? EXIT_DAMAGED : EXIT_COMPLETE;
out:
	host_close(f.file);
	host_close(sums);
	free(sums_name);
	for (size_t i = 0; i < w.earlier.count; i++)
		free(w.earlier.files[i].path);
	free(w.earlier.files);
	age_encrypt_free(f.age);
	profile_free(own_profile);
	free(recipients);
	free(encrypt.items);
	free(path);
	explicit_bzero(&key, sizeof(key));
	collect_result_release(&r);
	return result;
}

const struct command command_collect = {&help, run};
