/*
 * collect --image: what a profile takes, out of an image or a raw device, through libtsk. Nothing is
 * mounted and no copy is made on the way. Once image and bundle are open the process is in the
 * sandbox: a file system is the work of whoever had the machine.
 */
#include "cmd/image.h"

#include "base/autorun_place.h"
#include "base/limits.h"
#include "cmd/command.h"
#include "cmd/sandbox.h"
#include "collectors/collect.h"
#include "collectors/lines.h"
#include "evidence/evidence.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#define HEAD_SIZE 65536
#define PART_SIZE ((size_t)8 << 20)

struct imaging {
	const struct collect_options *o;
	struct collect_result *r;
	struct bundle_writer *w; /* NULL when only listing */
	struct path_set taken;
	char **homes; /* of the image's accounts */
	size_t home_count, home_cap;
	char *os;
	struct buffer body; /* a part of live/bodyfile.txt */
	unsigned body_parts;
	uint64_t *totals; /* bytes of each rule so far */
	int status;
};

/* ---- which files ---- */

static bool part_like(struct view part, struct view want)
{
	char glob[256];

	if (want.len >= sizeof(glob))
		return false;
	memcpy(glob, want.data, want.len);
	glob[want.len] = '\0';
	return view_glob(part, glob);
}

/* Part by part: * stays in one, ** is any number of them. */
static bool path_like(struct view path, struct view pattern)
{
	struct view want, part;

	if (!view_token(&pattern, '/', &want) || (want.len == 0 && !pattern.data))
		return path.len == 0;
	if (view_starts(want, "**", 2)) { /* "**2" too: a depth, which here is any */
		if (!pattern.data)
			return path.len > 0;
		for (;;) {
			if (path_like(path, pattern))
				return true;
			if (!view_token(&path, '/', &part) || !path.data)
				return false;
		}
	}
	if (!view_token(&path, '/', &part) || !part_like(part, want))
		return false;
	if (!path.data)
		return !pattern.data;
	return pattern.data && path_like(path, pattern);
}

/* `path` is without its drive or volume and without a leading slash, and without a stream's name
 * where the pattern has none. */
static bool rule_matches(const struct imaging *m, const char *pattern, struct view path,
			 bool windows)
{
	static const char *const folders[] = {"Users/*/", "Documents and Settings/*/"};
	struct buffer whole = {0};
	bool yes = false;

	if (pattern[0] != '~') {
		struct view v = view_text(pattern);

		while (v.len && v.data[0] == '/')
			v = view_from(v, 1);
		if (v.len > 1 && v.data[1] == ':') /* a drive: which one, an image does not say */
			v = view_from(v, 3);
		return path_like(path, v);
	}
	for (size_t i = 0; i < (windows ? 2 : m->home_count) && !yes; i++) {
		whole.len = 0;
		buffer_string(&whole, windows ? folders[i] : m->homes[i]);
		buffer_string(&whole, pattern + 2);
		yes = path_like(path, buffer_as_view(&whole));
	}
	buffer_release(&whole);
	return yes;
}

static bool listed(const char *const *patterns, const char *path)
{
	for (; *patterns; patterns++)
		if (view_glob(view_text(path), *patterns))
			return true;
	return false;
}

/* The rule that takes a file; NULL when none does. *total is what it took so far. */
static const struct profile_rule *rule_of(struct imaging *m, const char *path, uint64_t **total)
{
	static const struct profile_rule persistence = {.collector = "persistence",
							.limit = 16ull << 20};
	const struct profile *p = m->o->profile;
	bool windows = path[0] && path[1] == ':';
	const struct profile_rule *rules = windows && p == profiles[0] ? windows_triage : p->rules;
	struct view v = view_text(path), plain;
	size_t colon;

	if (windows)
		v = view_from(v, 2);
	else if (v.len && v.data[0] != '/') /* "p2/etc": another volume */
		v = view_from(v, view_find(v, 0, "/", 1));
	while (v.len && v.data[0] == '/')
		v = view_from(v, 1);
	if (windows && view_glob(view_clip(v, 0, 12), "Windows.old/") &&
	    view_glob(view_sub(v, 12, 8), "Windows/"))
		v = view_from(v, 12);
	colon = windows ? view_find(v, 0, ":", 1) : v.len;
	plain = view_clip(v, 0, colon);
	for (size_t i = 0; rules[i].pattern; i++) {
		const struct profile_rule *rule = &rules[i];

		if (rule->live ||
		    !rule_matches(m, rule->pattern, strchr(rule->pattern + 3, ':') ? v : plain,
				  windows))
			continue;
		*total = &m->totals[i];
		return rule;
	}
	*total = NULL;
	if (!windows && p->autoruns && autorun_place_of(view_text(path)))
		return &persistence;
	return NULL;
}

/* ---- taking them ---- */

struct taking {
	struct imaging *m;
	const struct bundle_file *about;
	uint64_t size;
	bool begun, secret;
};

static bool piece_came(void *data, const void *piece, size_t n)
{
	struct taking *t = data;
	struct imaging *m = t->m;

	if (!t->begun) {
		if (!m->o->secrets && collect_is_private_key(view_of(piece, n))) {
			t->secret = true;
			return false;
		}
		t->begun = true;
		if (bundle_begin(m->w, t->about, t->size) < 0)
			m->status = ERR_IO;
	}
	if (m->status == OK && bundle_data(m->w, piece, n) < 0)
		m->status = ERR_IO;
	if (m->o->progress) {
		struct bundle_counts counts = bundle_counts(m->w);

		m->o->progress(m->o->data, t->about->path, &counts);
	}
	return m->status == OK;
}

static void leave(struct imaging *m, const struct bundle_file *about, const char *why,
		  bool on_purpose)
{
	if (m->o->list)
		m->o->list(m->o->data, about->collector, about->path, 0, why);
	else if (on_purpose)
		bundle_left_out(m->w, about, why);
	else
		bundle_missing(m->w, about, why);
}

static void take(struct imaging *m, struct evidence *e, const struct item *item,
		 const struct profile_rule *rule, uint64_t *total)
{
	const struct collect_options *o = m->o;
	struct bundle_file about = {.path = item->path,
				    .collector = rule->collector,
				    .has_stat = item->has_meta,
				    .no_owner = item->path[0] && item->path[1] == ':',
				    .uid = item->uid,
				    .gid = item->gid,
				    .mode = item->mode,
				    .inode = item->inode,
				    .mtime = item->mtime,
				    .atime = item->atime,
				    .ctime = item->ctime,
				    .btime = item->btime};
	struct taking t = {.m = m, .about = &about, .size = item->size};
	struct problem problem = {PROBLEM_NO_OFFSET, ""};
	uint64_t limit = o->max_file ? o->max_file : rule->limit ? rule->limit : PROFILE_LIMIT;
	char text[160];

	if (listed(o->profile->exclude, item->path) || !path_set_add(&m->taken, item->path))
		return;
	if (!o->secrets && (rule->secret || listed(o->profile->secret, item->path))) {
		leave(m, &about, "left out: a secret (--secrets takes it)", true);
	} else if (item->unreadable) {
		leave(m, &about, item->error ? item->error : "cannot be read", false);
	} else if (item->size > limit) {
		(void)snprintf(text, sizeof(text), "left out: %llu bytes, the limit is %llu",
			       (unsigned long long)item->size, (unsigned long long)limit);
		leave(m, &about, text, true);
	} else if (total && rule->total && (*total += item->size) > rule->total) {
		(void)snprintf(text, sizeof(text), "left out: beyond %llu bytes for this pattern",
			       (unsigned long long)rule->total);
		leave(m, &about, text, true);
	} else if (o->unchanged &&
		   o->unchanged(o->data, item->path, item->size, item->mtime, item->ctime)) {
		m->r->unchanged++;
		leave(m, &about, COLLECT_UNCHANGED, true);
	} else if (o->list) {
		o->list(o->data, rule->collector, item->path, item->size, NULL);
	} else if (item->size == 0) {
		if (bundle_whole(m->w, &about, VIEW_EMPTY, NULL) < 0)
			m->status = ERR_IO;
	} else {
		(void)evidence_stream(e, piece_came, &t, &problem);
		if (t.secret)
			leave(m, &about, "left out: a private key (--secrets takes it)", true);
		else if (!t.begun)
			leave(m, &about, problem.reason[0] ? problem.reason : "cannot be read",
			      false);
		else if (m->status == OK &&
			 bundle_end(m->w, problem.reason[0] ? problem.reason : NULL) < 0)
			m->status = ERR_IO;
	}
}

static void body_part(struct imaging *m)
{
	char name[48];
	struct bundle_file f = {.member = name, .collector = "walk", .mtime = TIME_NONE};

	if (++m->body_parts == 1)
		(void)snprintf(name, sizeof(name), "live/bodyfile.txt");
	else
		(void)snprintf(name, sizeof(name), "live/bodyfile.%u.txt", m->body_parts);
	if (m->status == OK && bundle_whole(m->w, &f, buffer_as_view(&m->body), NULL) < 0)
		m->status = ERR_IO;
	m->body.len = 0;
}

static int collect_item(void *data, struct evidence *e, const struct item *item)
{
	struct imaging *m = data;
	const struct profile_rule *rule;
	uint64_t *total;

	if (m->w && m->o->profile->walk && !m->o->no_walk) {
		const struct tree_stat st = {.mode = 0100000 | item->mode,
					     .uid = item->uid,
					     .gid = item->gid,
					     .inode = item->inode,
					     .size = item->size,
					     .mtime = item->mtime,
					     .atime = item->atime,
					     .ctime = item->ctime,
					     .btime = item->btime};
		struct buffer name = {0};

		buffer_printf(&name, "%s%s", item->path, item->deleted ? " (deleted)" : "");
		body_line(&m->body, buffer_text(&name), NULL, &st);
		buffer_release(&name);
		m->r->walked++;
		if (m->body.len > PART_SIZE)
			body_part(m);
	}
	/* What is deleted has its line; its content may be another file's. */
	rule = item->deleted ? NULL : rule_of(m, item->path, &total);
	if (rule && m->status == OK)
		take(m, e, item, rule, total);
	return m->status == OK ? OK : ERR_STOPPED;
}

/* ---- the accounts' homes, from passwd ---- */

struct gathering {
	struct buffer passwd, release;
};

static bool keep_piece(void *data, const void *piece, size_t n)
{
	struct buffer *b = data;

	buffer_append(b, piece, n);
	return b->len < 4 << 20;
}

static int gather(void *data, struct evidence *e, const struct item *item)
{
	struct gathering *g = data;
	struct problem problem;

	if (item->deleted || item->unreadable)
		return OK;
	if (strcmp(item->path, "/etc/passwd") == 0)
		(void)evidence_stream(e, keep_piece, &g->passwd, &problem);
	else if (strcmp(item->path, "/usr/lib/os-release") == 0 ||
		 (strcmp(item->path, "/etc/os-release") == 0 && item->size))
		(void)evidence_stream(e, keep_piece, &g->release, &problem);
	return OK;
}

static void add_home(struct imaging *m, struct view home)
{
	while (home.len && home.data[0] == '/')
		home = view_from(home, 1);
	if (home.len == 0 || view_is(home, "nonexistent"))
		return;
	m->homes = xgrow(m->homes, &m->home_cap, m->home_count + 1, sizeof(char *));
	m->homes[m->home_count++] = xasprintf("%.*s/", (int)home.len, (const char *)home.data);
}

static void find_homes(struct imaging *m, struct evidence *e)
{
	struct gathering g = {0};
	struct problem problem = {PROBLEM_NO_OFFSET, ""};
	struct view rest, line, field;

	(void)evidence_walk(e, gather, &g, &problem);
	rest = buffer_as_view(&g.passwd);
	while (view_line(&rest, &line)) {
		unsigned n = 0;

		while (n < 6 && view_token(&line, ':', &field))
			n++;
		if (n == 6)
			add_home(m, field);
	}
	/* Where there is no passwd, as on a volume of homes alone. */
	if (!m->home_count) {
		add_home(m, view_text("root"));
		add_home(m, view_text("home/*"));
	}
	rest = buffer_as_view(&g.release);
	while (!m->os && view_line(&rest, &line))
		if (view_starts(line, "PRETTY_NAME=", 12)) {
			line = view_from(line, 12);
			if (line.len >= 2 && line.data[0] == '"')
				line = view_sub(line, 1, line.len - 2);
			m->os = xmemdup0(line.data, line.len);
		}
	buffer_release(&g.passwd);
	buffer_release(&g.release);
}

/* ---- all of it ---- */

/* The size of a file or a device; its first bytes. False with errno. */
static bool look(int fd, struct buffer *head, uint64_t *size)
{
	off_t end = lseek(fd, 0, SEEK_END);
	ssize_t n = pread(fd, buffer_reserve(head, HEAD_SIZE), HEAD_SIZE, 0);

	if (end < 0 || n < 0)
		return false;
	head->len = (size_t)n;
	*size = (uint64_t)end;
	return true;
}

int collect_image(const struct collect_options *o, struct bundle_output *out,
		  struct collect_result *r)
{
	const struct evidence_options options = {.by_name = true, .scratch = -1};
	struct problem problem = {PROBLEM_NO_OFFSET, ""};
	struct imaging m = {.o = o, .r = r};
	struct buffer first = {0}, head = {0};
	struct evidence *e = NULL;
	const char *why = NULL;
	uint8_t digest[SHA256_SIZE];
	uint64_t size = 0;
	size_t rules = 0;
	int fd = open(o->image, O_RDONLY | O_CLOEXEC | O_NOCTTY), status = ERR_UNSUPPORTED;

	*r = (struct collect_result){.start = time_now(), .privileged = true};
	if (fd < 0 || !look(fd, &first, &size)) {
		complainf(o->image, "%s", strerror(errno));
		goto out;
	}
	if (evidence_look(buffer_as_view(&first), size, o->image, &why) != EVIDENCE_IMAGE) {
		complainf(o->image, "%s", why ? why : "is no disk image that can be read");
		goto out;
	}
	e = evidence_open(o->image, fd, EVIDENCE_IMAGE, &options, &problem);
	if (!e) {
		complain(o->image, &problem);
		goto out;
	}
	if (sandbox_enter() < 0) {
		complainf(NULL, "no sandbox: %s", strerror(errno));
		goto out;
	}
	find_homes(&m, e);
	r->host = xstrdup(evidence_host(e) ? evidence_host(e) : "unknown");
	while (o->profile->rules[rules].pattern)
		rules++;
	for (size_t i = 0; windows_triage[i].pattern; i++)
		rules = i + 1 > rules ? i + 1 : rules;
	m.totals = xcalloc(rules + 1, sizeof(*m.totals));
	if (!o->list) {
		m.w = bundle_writer_new(out, 3);
		if (!m.w) {
			status = ERR_MEMORY;
			goto out;
		}
		bundle_writer_sign(m.w, o->key);
	}
	(void)evidence_walk(e, collect_item, &m, &problem);
	status = m.status;
	if (m.w && problem.reason[0] && status == OK) {
		/* A volume that cannot be read, a part of one that is not there. */
		struct bundle_file about = {.path = o->image, .collector = "image"};

		bundle_missing(m.w, &about, problem.reason);
	}
	if (m.w && status == OK) {
		r->near_empty = bundle_counts(m.w).members < 5 && !r->unchanged;
		if (m.body.len || (o->profile->walk && !o->no_walk))
			body_part(&m);
		r->end = time_now();
		collection_head(&head, o, r, "image");
		line_text(&head, "os", m.os);
		line_text(&head, "image", o->image);
		line_text(&head, "image_type", evidence_type(e));
		line_number(&head, "image_size", (int64_t)size);
		line_bool(&head, "live", false);
		status = m.status == OK ? bundle_finish(m.w, buffer_as_view(&head), digest)
					: m.status;
	}
	if (m.w) {
		struct view failures = bundle_failures(m.w);

		if (status == OK)
			sha256_hex(digest, r->sha256);
		else
			r->error = errno;
		r->counts = bundle_counts(m.w);
		buffer_view(&r->failures, failures);
	}
out:
	bundle_writer_free(m.w);
	evidence_close(e);
	if (fd >= 0)
		(void)close(fd);
	path_set_release(&m.taken);
	for (size_t i = 0; i < m.home_count; i++)
		free(m.homes[i]);
	free(m.homes);
	free(m.os);
	free(m.totals);
	buffer_release(&m.body);
	buffer_release(&first);
	buffer_release(&head);
	return status;
}
