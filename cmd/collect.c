/* konseki collect: this host, or a mounted tree, into a bundle. Also the whole of the static
 * konseki-collect. */
#define _GNU_SOURCE
#include "cmd/command.h"

#include "base/age.h"
#include "base/bundle_format.h"
#include "base/text.h"
#include "collectors/collect.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static const char *output, *profile_name, *root, *case_id, *operator_name, *reference_time, *since,
	*sign;
static bool list, secrets, no_walk, nice_run, json_progress, quiet;
static struct option_list encrypt;
static unsigned long limit_rate, cpu_percent, max_size, item_timeout = 20;

static const struct option options[] = {
	{OPTION_TEXT, 'o', "output", "FILE",
	 "write the bundle there; - is standard output; a folder gets HOST-TIME.tar.zst", &output},
	{OPTION_TEXT, 0, "profile", "NAME|FILE",
	 "what to take: triage (the default), logs, live, or a file", &profile_name},
	{OPTION_TEXT, 0, "root", "DIR", "collect from a mounted tree instead of the running system",
	 &root},
	{OPTION_FLAG, 0, "list", NULL, "only list what would be taken, with sizes", &list},
	{OPTION_FLAG, 0, "secrets", NULL, "take password hashes, private keys and saved logins too",
	 &secrets},
	{OPTION_FLAG, 0, "no-walk", NULL, "leave out the walk of the whole tree (bodyfile)",
	 &no_walk},
	{OPTION_TEXT, 0, "since", "BUNDLE",
	 "leave out files that are unchanged since an earlier bundle", &since},
	{OPTION_NUMBER, 0, "max-size", "BYTES", "leave out larger files, whatever the profile says",
	 &max_size},
	{OPTION_NUMBER, 0, "item-timeout", "SECONDS", "give up on a read after this (20)",
	 &item_timeout},
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
	"collect from this host, or a mounted tree, into one bundle",
	"Run as root to get all; what could not be read is listed at the end and in the manifest.\n"
	"Nothing but FILE is written.",
};

/* ---- the output ---- */

struct file_output {
	struct bundle_output out;
	int fd;
	uint64_t written;
	int64_t start;		 /* ns, monotonic */
	struct sha256 digest;	 /* of the file as written */
	struct age_encrypt *age; /* NULL: not encrypted */
};

static int64_t monotonic(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * TIME_SECOND + t.tv_nsec;
}

static void sleep_ns(int64_t ns)
{
	struct timespec t = {ns / TIME_SECOND, ns % TIME_SECOND};

	while (ns > 0 && nanosleep(&t, &t) < 0 && errno == EINTR)
		;
}

static bool to_file(void *file, const void *data, size_t n)
{
	struct file_output *f = file;
	const char *at = data;

	sha256_update(&f->digest, data, n);
	while (n) {
		/* A slow line is fed in small pieces, so that the rate is even. */
		size_t piece = limit_rate && n > 65536 ? 65536 : n;
		ssize_t done = write(f->fd, at, piece);

		if (done < 0 && errno == EINTR)
			continue;
		if (done <= 0)
			return false;
		at += done;
		n -= (size_t)done;
		f->written += (uint64_t)done;
		if (limit_rate)
			sleep_ns((int64_t)((double)f->written / (double)limit_rate * 1e9) -
				 (monotonic() - f->start));
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
static bool open_output(struct file_output *f, char **path)
{
	struct stat st;
	struct buffer name = {0};

	f->out.write = write_file;
	f->start = monotonic();
	sha256_init(&f->digest);
	if (output && strcmp(output, "-") == 0) {
		*path = xstrdup("-");
		f->fd = STDOUT_FILENO;
		if (isatty(f->fd)) {
			complainf(NULL, "a bundle is not for a terminal: give -o FILE, or a pipe");
			return false;
		}
		return true;
	}
	if (!output || (stat(output, &st) == 0 && S_ISDIR(st.st_mode))) {
		char *host = collect_host(root);
		struct civil t = time_to_civil(time_now());

		if (output)
			buffer_printf(&name, "%s/", output);
		buffer_printf(&name, "%s-%04d%02u%02uT%02u%02u%02uZ.tar.zst%s", host, (int)t.year,
			      t.month, t.day, t.hour, t.minute, t.second,
			      encrypt.count ? ".age" : "");
		free(host);
	} else {
		buffer_string(&name, output);
	}
	*path = xstrdup(buffer_text(&name));
	buffer_release(&name);
	f->fd = open(*path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOCTTY, 0600);
	if (f->fd < 0 && errno == EEXIST && stat(*path, &st) == 0 && !S_ISREG(st.st_mode))
		f->fd = open(*path, O_WRONLY | O_CLOEXEC | O_NOCTTY); /* a pipe or a device */
	if (f->fd < 0)
		complainf(*path, "%s", strerror(errno));
	return f->fd >= 0;
}

/* ---- --since ---- */

struct earlier {
	struct old {
		char *path;
		uint64_t size;
		int64_t mtime, ctime;
	} * files;
	size_t count, cap;
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
	struct stat st;
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	void *at = MAP_FAILED;
	bool ok = false;

	if (fd < 0 || fstat(fd, &st) < 0 || st.st_size == 0 ||
	    (at = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0)) == MAP_FAILED) {
		complainf(path, "%s", fd >= 0 && st.st_size == 0 ? "is empty" : strerror(errno));
		goto out;
	}
	bytes = view_of(at, (size_t)st.st_size);
	if (bundle_index_load(bytes, &index, &problem) < 0 ||
	    !(entry = bundle_index_find(&index, "manifest.jsonl")) ||
	    bundle_read(bytes, entry, 4ull << 30, &text, &problem) < 0) {
		complainf(path, "%s", problem.reason[0] ? problem.reason : "has no manifest");
		goto out;
	}
	rest = buffer_as_view(&text);
	while (view_line(&rest, &line)) {
		struct old o = {.mtime = TIME_NONE, .ctime = TIME_NONE};
		bool zoned;

		/* Left out for being unchanged since a still earlier one: then it is still the
		 * same. */
		if (bundle_json_value(line, "error", &value))
			continue;
		if (!bundle_json_value(line, "size", &value))
			continue;
		o.size = strtoull(buffer_text(&value), NULL, 10);
		if (!bundle_json_value(line, "mtime", &value) ||
		    !time_parse_iso(buffer_as_view(&value), &o.mtime, &zoned, NULL) ||
		    !bundle_json_value(line, "ctime", &value) ||
		    !time_parse_iso(buffer_as_view(&value), &o.ctime, &zoned, NULL) ||
		    !bundle_json_value(line, "path", &value) || value.len == 0 ||
		    value.data[0] != '/')
			continue;
		o.path = xmemdup0(value.data, value.len);
		e->files = xgrow(e->files, &e->cap, e->count + 1, sizeof(*e->files));
		e->files[e->count++] = o;
	}
	if (e->count)
		qsort(e->files, e->count, sizeof(*e->files), by_path);
	ok = true;
out:
	if (at != MAP_FAILED)
		(void)munmap(at, (size_t)st.st_size);
	if (fd >= 0)
		(void)close(fd);
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
	unsigned skipped = 0;

	if (p)
		return p;
	if (!file_slurp(name, 16 << 20, &text)) {
		complainf(name, "no such profile, and as a file: %s", strerror(errno));
		for (size_t i = 0; profiles[i]; i++)
			(void)fprintf(stderr, "  %-8s %s\n", profiles[i]->name,
				      profiles[i]->summary);
	} else {
		p = *own = profile_read(buffer_as_view(&text), &problem, &skipped);
		if (!p)
			complain(name, &problem);
		else if (skipped)
			complainf(name, "%u paths are of a form that cannot be collected here",
				  skipped);
	}
	buffer_release(&text);
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
	struct old key = {.path = (char *)(uintptr_t)path};
	const struct old *o = w->earlier.count ? bsearch(&key, w->earlier.files, w->earlier.count,
							 sizeof(key), by_path)
					       : NULL;

	/* The files of /proc have no size and no history. */
	return o && size && o->size == size && o->mtime == mtime && o->ctime == ctime;
}

static void progress(void *data, const char *item, const struct bundle_counts *n)
{
	struct watch *w = data;
	int64_t now = monotonic();
	double seconds = (double)(now - w->start) / 1e9;
	struct buffer line = {0};

	if (cpu_percent && cpu_percent < 100) {
		struct timespec t;
		int64_t used, may;

		(void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
		used = t.tv_sec * TIME_SECOND + t.tv_nsec;
		may = (now - w->start) / 100 * (int64_t)cpu_percent;
		if (used > may)
			sleep_ns((used - may) * 100 / (int64_t)cpu_percent);
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
		from = text.len > 40 ? text.len - 40 : 0;
		/* Not into the middle of a character. */
		while (from && from < text.len && ((unsigned char)text.data[from] & 0xc0) == 0x80)
			from++;
		buffer_printf(&line, "\r\033[K%" PRIu64 " files, %.1f MB, %.1f MB/s, %.0f s, %s",
			      n->members, (double)n->bytes / 1e6, (double)n->bytes / 1e6 / seconds,
			      seconds, from ? "..." : "");
		buffer_view(&line, view_from(buffer_as_view(&text), from));
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
	if (isatty(STDOUT_FILENO))
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
	if (!root)
		(void)fprintf(to, "; %" PRIu64 " processes", r->processes);
	(void)fprintf(to,
		      ", %" PRIu64 " accounts, %" PRIu64 " autoruns, %" PRIu64 " entries walked\n",
		      r->accounts, r->autoruns, r->walked);
	if (r->unchanged)
		(void)fprintf(to, "unchanged  %" PRIu64 " files since %s\n", r->unchanged, since);
	(void)fprintf(to, "failed     %" PRIu64 "; left out on purpose %" PRIu64 "\n",
		      r->counts.failures, r->counts.left_out);
	if (r->lost)
		(void)fprintf(to, "lost       %u reads that did not answer in time\n", r->lost);
	if (r->near_empty)
		(void)fprintf(stderr,
			      "konseki: WARNING: NEARLY EMPTY: this bundle holds next to nothing "
			      "of a system. Wrong --root, or not allowed?\n");
	else if (!root && geteuid() != 0)
		(void)fprintf(stderr, "konseki: not root: much of this host could not be read\n");
	buffer_release(&text);
}

static int run(int argc, char **argv)
{
	struct collect_options o = {.reference = TIME_NONE};
	struct collect_result r = {0};
	struct file_output f = {.fd = -1};
	struct watch w = {0};
	char *path = NULL, digest[2 * SHA256_SIZE + 1];
	struct age_key *recipients = NULL;
	struct ssh_key key;
	struct profile *own_profile = NULL;
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
		return EXIT_MISUSE;
	if (reference_time &&
	    !time_parse_user(view_text(reference_time), time_now(), &o.reference)) {
		complainf(reference_time, "not a time");
		return EXIT_MISUSE;
	}
	if (sign) {
		if (!load_key(sign, &key))
			return EXIT_MISUSE;
		o.key = &key;
	}
	recipients = xcalloc(encrypt.count, sizeof(*recipients));
	for (size_t i = 0; i < encrypt.count; i++) {
		if (age_recipient_parse(view_text(encrypt.items[i]), &recipients[i]))
			continue;
		complainf(encrypt.items[i], "not a recipient (age1...)");
		free(recipients);
		return EXIT_MISUSE;
	}
	o.root = root;
	o.secrets = secrets;
	o.no_walk = no_walk;
	o.item_seconds = item_timeout ? (unsigned)item_timeout : 20;
	o.max_file = max_size;
	o.case_id = case_id;
	o.operator_name = operator_name;
	o.reference_time = reference_time;
	o.data = &w;
	/* A full disk, a limit and a closed pipe are errors of write(2), not the end: the summary
	 * still says so. */
	(void)signal(SIGXFSZ, SIG_IGN);
	(void)signal(SIGPIPE, SIG_IGN);
	w.start = w.last = monotonic();
	w.terminal = !quiet && isatty(STDERR_FILENO);
	if (w.terminal || json_progress || cpu_percent)
		o.progress = progress;
	if (since) {
		if (!load_earlier(since, &w.earlier)) {
			free(recipients);
			return EXIT_MISUSE;
		}
		o.unchanged = unchanged;
	}
	if (nice_run) {
		(void)!nice(19);
		(void)syscall(SYS_ioprio_set, 1, 0,
			      3 << 13); /* this process, the idle class: ioprio_set(2) */
	}
	if (list) {
		o.list = list_file;
		status = collect_run(&o, NULL, &r);
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
	{
		struct stat st;

		if (fstat(f.fd, &st) == 0 && S_ISREG(st.st_mode)) {
			o.output_dev = st.st_dev;
			o.output_inode = st.st_ino;
		}
	}
	if (encrypt.count && !start_encryption(&f, path, recipients))
		goto out;
	status = collect_run(&o, &f.out, &r);
	if (status == OK && f.age && !age_encrypt_end(f.age)) {
		r.error = errno;
		status = ERR_IO;
	}
	if (w.terminal)
		(void)fputs("\r\033[K", stderr);
	if (status == OK && f.fd != STDOUT_FILENO && fsync(f.fd) < 0 && errno != EINVAL &&
	    errno != EROFS) {
		r.error = errno;
		status = ERR_IO;
	}
	if (status < 0) {
		if (!f.written) {
			complainf(r.host ? path : root, "%s",
				  r.error ? strerror(r.error) : status_text(status));
			if (f.fd != STDOUT_FILENO && o.output_inode)
				(void)unlink(path);
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
	if (f.fd > STDERR_FILENO)
		(void)close(f.fd);
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
