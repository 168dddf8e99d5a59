/* The collection as a whole, the files of the profile, and the one walk of the tree. */
#define _GNU_SOURCE
#include "collectors/collect.h"
#include "collectors/lines.h"

#include "base/autorun_place.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

/* A part of a live/ member: bounds the memory, and a bundle that is cut short loses at most this.
 */
#define PART_SIZE ((size_t)8 << 20)
/* Files whose size nothing tells (those of /proc): read into memory, up to this. */
#define UNSIZED_LIMIT ((size_t)64 << 20)
/* Of a file that starts something: scripts and settings. */
#define PERSISTENCE_LIMIT (16ull << 20)

/* ---- lines ---- */

static void part(struct lines *l)
{
	struct bundle_file f = {.collector = l->collector, .mtime = TIME_NONE};
	struct buffer name = {0};
	const char *dot = strrchr(l->name, '.');

	if (++l->part == 1)
		buffer_string(&name, l->name);
	else
		buffer_printf(&name, "%.*s.%u%s", (int)(dot - l->name), l->name, l->part, dot);
	f.member = buffer_text(&name);
	if (l->c->w && bundle_whole(l->c->w, &f, buffer_as_view(&l->text), NULL) < 0)
		l->c->status = ERR_IO;
	collect_progress(l->c, f.member);
	buffer_release(&name);
	l->text.len = 0;
}

void lines_check(struct lines *l)
{
	if (l->text.len > PART_SIZE)
		part(l);
}

void lines_finish(struct lines *l)
{
	if (l->text.len || !l->part)
		part(l);
	buffer_release(&l->text);
}

/* ---- sets ---- */

static uint64_t hash_text(const char *s)
{
	uint64_t h = 0xcbf29ce484222325u; /* FNV-1a */

	for (; *s; s++)
		h = (h ^ (uint8_t)*s) * 0x100000001b3u;
	return h;
}

/* False when it was there. */
bool path_set_add(struct path_set *set, const char *path)
{
	size_t at;

	if (set->count * 2 >= set->size) {
		struct path_set bigger = {.size = set->size ? set->size * 2 : 4096};

		bigger.slots = xcalloc(bigger.size, sizeof(char *));
		for (size_t i = 0; i < set->size; i++) {
			if (!set->slots[i])
				continue;
			at = hash_text(set->slots[i]) & (bigger.size - 1);
			while (bigger.slots[at])
				at = (at + 1) & (bigger.size - 1);
			bigger.slots[at] = set->slots[i];
		}
		bigger.count = set->count;
		free(set->slots);
		*set = bigger;
	}
	at = hash_text(path) & (set->size - 1);
	for (; set->slots[at]; at = (at + 1) & (set->size - 1))
		if (strcmp(set->slots[at], path) == 0)
			return false;
	set->slots[at] = xstrdup(path);
	set->count++;
	return true;
}

void path_set_release(struct path_set *set)
{
	for (size_t i = 0; i < set->size; i++)
		free(set->slots[i]);
	free(set->slots);
}

struct digest_cache {
	struct known {
		uint64_t dev, inode, size;
		int64_t mtime;
		char hex[2 * SHA256_SIZE + 1];
	} * known;
	size_t count, cap;
};

static bool digest_of(struct collector *c, struct tree_file *f, char hex[2 * SHA256_SIZE + 1])
{
	struct digest_cache *cache = c->digests;
	struct sha256 h;
	struct view piece;
	const char *why = NULL;
	uint8_t digest[SHA256_SIZE];

	for (size_t i = 0; i < cache->count; i++) {
		struct known *k = &cache->known[i];

		if (k->inode == f->stat.inode && k->dev == f->stat.dev && k->size == f->stat.size &&
		    k->mtime == f->stat.mtime) {
			memcpy(hex, k->hex, sizeof(k->hex));
			tree_file_close(f);
			return true;
		}
	}
	sha256_init(&h);
	while ((piece = tree_file_read(f, &why)).len) {
		sha256_update(&h, piece.data, piece.len);
		collect_progress(c, NULL);
	}
	sha256_final(&h, digest);
	sha256_hex(digest, hex);
	if (!why) {
		cache->known =
			xgrow(cache->known, &cache->cap, cache->count + 1, sizeof(*cache->known));
		cache->known[cache->count] =
			(struct known){f->stat.dev, f->stat.inode, f->stat.size, f->stat.mtime, ""};
		memcpy(cache->known[cache->count++].hex, hex, 2 * SHA256_SIZE + 1);
	}
	tree_file_close(f);
	return !why;
}

bool collect_digest(struct collector *c, int dir_fd, const char *name,
		    char hex[2 * SHA256_SIZE + 1])
{
	struct tree_file f;

	return !tree_file_open(&c->tree, &f, dir_fd, name) && digest_of(c, &f, hex);
}

bool collect_digest_exe(struct collector *c, const char *path, char hex[2 * SHA256_SIZE + 1])
{
	struct tree_file f;

	return !tree_file_open_exe(&c->tree, &f, path) && digest_of(c, &f, hex);
}

bool collect_digest_path(struct collector *c, const char *path, char hex[2 * SHA256_SIZE + 1])
{
	char *name = NULL, *canonical = NULL;
	bool ok;
	int fd;

	if (tree_resolve(&c->tree, path, true, &fd, &name, &canonical) < 0)
		return false;
	ok = collect_digest(c, fd, name, hex);
	(void)close(fd);
	free(name);
	free(canonical);
	return ok;
}

/* ---- one file ---- */

void collect_progress(struct collector *c, const char *item)
{
	struct bundle_counts counts = {0};

	if (!c->o->progress)
		return;
	if (c->w)
		counts = bundle_counts(c->w);
	c->o->progress(c->o->data, item, &counts);
}

static struct bundle_file described(const char *path, const char *member, const char *collector,
				    const struct tree_stat *st)
{
	struct bundle_file f = {.path = path,
				.member = member,
				.collector = collector,
				.mtime = TIME_NONE,
				.atime = TIME_NONE,
				.ctime = TIME_NONE,
				.btime = TIME_NONE};

	if (st) {
		f.has_stat = true;
		f.uid = st->uid;
		f.gid = st->gid;
		f.mode = st->mode & 07777;
		f.inode = st->inode;
		f.mtime = st->mtime;
		f.atime = st->atime;
		f.ctime = st->ctime;
		f.btime = st->btime;
	}
	return f;
}

static void missing(struct collector *c, const struct bundle_file *f, const char *why,
		    bool on_purpose)
{
	if (c->o->list)
		c->o->list(c->o->data, f->collector, f->path, 0, why);
	else if (on_purpose)
		bundle_left_out(c->w, f, why);
	else
		bundle_missing(c->w, f, why);
}

void collect_trouble(struct collector *c, const char *collector, const char *path,
		     const char *reason)
{
	struct bundle_file f = described(path, NULL, collector, NULL);

	if (c->w || c->o->list)
		missing(c, &f, reason, false);
}

/* RFC 7468: a text that begins with a private key. */
bool collect_is_private_key(struct view v)
{
	size_t end;

	v = view_clip(v, 0, 512);
	end = view_find(v, 0, "\n", 1);
	return view_starts(v, "-----BEGIN ", 11) &&
	       view_find(view_clip(v, 0, end), 0, "PRIVATE KEY-----", 16) < end;
}

static void write_file(struct collector *c, struct tree_file *f, const struct bundle_file *about)
{
	const char *why = NULL;
	struct view piece = tree_file_read(f, &why);

	if (!c->o->secrets && collect_is_private_key(piece)) {
		missing(c, about, "left out: a private key (--secrets takes it)", true);
		return;
	}
	if (piece.len < TREE_PIECE) {
		/* All of it, whatever its size was said to be. */
		if (bundle_whole(c->w, about, piece, why) < 0)
			c->status = ERR_IO;
		return;
	}
	if (f->stat.size <= TREE_PIECE) {
		struct buffer all = {0};

		do
			buffer_view(&all, piece);
		while (all.len < UNSIZED_LIMIT && (piece = tree_file_read(f, &why)).len);
		if (all.len >= UNSIZED_LIMIT && !why)
			why = "cut: it has no end within 64 MiB";
		if (bundle_whole(c->w, about, buffer_as_view(&all), why) < 0)
			c->status = ERR_IO;
		buffer_release(&all);
		return;
	}
	if (bundle_begin(c->w, about, f->stat.size) < 0) {
		c->status = ERR_IO;
		return;
	}
	for (uint64_t got = 0; piece.len; piece = tree_file_read(f, &why)) {
		if (bundle_data(c->w, piece.data, piece.len) < 0) {
			c->status = ERR_IO;
			return;
		}
		got += piece.len;
		collect_progress(c, about->path);
		if (got >= f->stat.size)
			break; /* it may go on growing: what it was when it was opened is taken */
	}
	if (bundle_end(c->w, why) < 0)
		c->status = ERR_IO;
}

static bool matches(const char *const *patterns, const char *path)
{
	for (; *patterns; patterns++)
		if (view_glob(view_text(path), *patterns))
			return true;
	return false;
}

void collect_file(struct collector *c, int dir_fd, const char *name, const char *path,
		  const char *member, const char *collector, uint64_t limit)
{
	struct bundle_file about = described(path, member, collector, NULL);
	struct tree_file f;
	const char *why;

	if (c->status < 0 ||
	    (!member && (matches(c->o->profile->exclude, path) || !path_set_add(&c->taken, path))))
		return;
	if (!member && !c->o->secrets && matches(c->o->profile->secret, path)) {
		missing(c, &about, "left out: a secret (--secrets takes it)", true);
		return;
	}
	if (c->o->max_file)
		limit = c->o->max_file;
	else if (!limit)
		limit = PROFILE_LIMIT;
	collect_progress(c, path);
	why = tree_file_open(&c->tree, &f, dir_fd, name);
	if (why) {
		missing(c, &about, why, false);
		return;
	}
	about = described(path, member, collector, &f.stat);
	if (f.stat.dev == c->o->output_dev && f.stat.inode == c->o->output_inode && f.stat.inode) {
		/* The bundle itself. */
	} else if (f.stat.size > limit) {
		char text[100];

		(void)snprintf(text, sizeof(text), "left out: %llu bytes, the limit is %llu",
			       (unsigned long long)f.stat.size, (unsigned long long)limit);
		missing(c, &about, text, true);
	} else if (c->o->unchanged && !member &&
		   c->o->unchanged(c->o->data, path, f.stat.size, f.stat.mtime, f.stat.ctime)) {
		c->result->unchanged++;
		missing(c, &about, COLLECT_UNCHANGED, true);
	} else if (c->o->list) {
		c->o->list(c->o->data, collector, path, f.stat.size, NULL);
		c->result->counts.members++;
		c->result->counts.bytes += f.stat.size;
	} else {
		write_file(c, &f, &about);
	}
	tree_file_close(&f);
}

/* ---- rules ---- */

struct taker {
	struct matcher matcher;
	struct collector *c;
	const struct profile_rule *rule;
	struct lines *links;
	uint64_t total, beyond; /* bytes; files left out because of the rule's total */
	int64_t deadline;	/* of the rule, or TIME_NONE; what comes later: */
	uint64_t late;
};

static void take(struct taker *t, int dir_fd, const struct tree_entry *e, const char *path)
{
	struct collector *c = t->c;

	if (S_ISLNK(e->stat.mode)) {
		if (e->target && !matches(c->o->profile->exclude, path) &&
		    path_set_add(&c->taken, path)) {
			line_start(&t->links->text, "link");
			line_text(&t->links->text, "path", path);
			line_text(&t->links->text, "target", e->target);
			line_end(&t->links->text);
			lines_check(t->links);
		}
		return;
	}
	if (!S_ISREG(e->stat.mode))
		return;
	if (t->deadline != TIME_NONE && time_now() > t->deadline) {
		t->late++;
		return;
	}
	if (t->rule->total) {
		t->total += t->rule->limit && e->stat.size > t->rule->limit ? 0 : e->stat.size;
		if (t->total > t->rule->total) {
			t->beyond++;
			return;
		}
	}
	collect_file(c, dir_fd, e->name, path, NULL, t->rule->collector, t->rule->limit);
}

/* Folders that "**" in the middle of a pattern may stand for. */
#define DEPTH_ANY 64

/* Goes through the matches of one pattern. */
struct expansion {
	struct tree_walker walker;
	struct collector *c;
	struct matcher *m;
};

static bool visit(struct tree_walker *w, int dir_fd, const struct tree_entry *e, const char *path)
{
	struct expansion *x = (struct expansion *)w;

	x->m->match(x->m, dir_fd, e->name, e, path);
	return x->c->status == OK;
}

static void trouble(struct tree_walker *w, const char *path, const char *reason)
{
	struct expansion *x = (struct expansion *)w;

	if (x->m->trouble)
		x->m->trouble(x->m, path, reason);
}

static void expand(struct expansion *x, const char *base, const char *pattern)
{
	struct collector *c = x->c;
	size_t fixed = 0; /* of the pattern: parts without wildcards */
	struct buffer path = {0}, part = {0};
	char *name = NULL, *canonical = NULL;
	const char *rest;
	int fd, status;

	if (c->status < 0)
		return;
	for (size_t i = 0; pattern[i] && pattern[i] != '*' && pattern[i] != '?'; i++)
		if (pattern[i] == '/')
			fixed = i + 1;
	if (!strpbrk(pattern, "*?"))
		fixed = strlen(pattern);
	buffer_string(&path, base);
	buffer_char(&path, '/');
	buffer_append(&path, pattern, fixed);
	rest = pattern + fixed;
	if (strcmp(rest, "**") == 0) {
		tree_walk(&c->tree, &x->walker, buffer_text(&path));
		goto out;
	}
	status = tree_resolve(&c->tree, buffer_text(&path), true, &fd, &name, &canonical);
	if (status < 0) {
		if (status != ERR_NOT_FOUND)
			trouble(&x->walker, buffer_text(&path), tree_error(status));
		goto out;
	}
	if (!*rest) {
		x->m->match(x->m, fd, name, NULL, canonical);
	} else {
		const char *slash = strchr(rest, '/');
		struct tree_list *l = tree_list(&c->tree, fd, name, canonical, false);
		bool any = slash && strncmp(rest, "**", 2) == 0;
		unsigned depth =
			any && rest[2] != '/' ? (unsigned)strtoul(rest + 2, NULL, 10) : DEPTH_ANY;

		buffer_append(&part, rest, slash ? (size_t)(slash - rest) : strlen(rest));
		if (!l || (l->error && l->error != ENOTDIR))
			trouble(&x->walker, canonical,
				l ? strerror(l->error) : tree_error(ERR_LIMIT));
		/* "**2/x" is "x", "DIR/x" and "DIR/DIR/x". */
		if (any)
			expand(x, strcmp(canonical, "/") == 0 ? "" : canonical, slash + 1);
		if (any && depth && depth <= DEPTH_ANY && !tree_is_pseudo(&c->tree, canonical)) {
			part.len = 0;
			buffer_printf(&part, "**%u%s", depth - 1, slash);
			for (size_t i = 0; l && i < l->count && c->status == OK; i++) {
				struct tree_entry *e = &l->entries[i];

				if (e->error || e->skipped || !S_ISDIR(e->stat.mode))
					continue;
				path.len = 0;
				buffer_printf(&path, "%s/%s",
					      strcmp(canonical, "/") == 0 ? "" : canonical,
					      e->name);
				expand(x, buffer_text(&path), buffer_text(&part));
			}
		}
		for (size_t i = 0; l && !any && i < l->count && c->status == OK; i++) {
			struct tree_entry *e = &l->entries[i];

			if (e->error || e->skipped ||
			    !view_glob(view_text(e->name), buffer_text(&part)))
				continue;
			path.len = 0;
			buffer_string(&path, strcmp(canonical, "/") == 0 ? "" : canonical);
			buffer_char(&path, '/');
			buffer_string(&path, e->name);
			if (!slash)
				x->m->match(x->m, l->fd, e->name, e, buffer_text(&path));
			else if (S_ISDIR(e->stat.mode))
				expand(x, buffer_text(&path), slash + 1);
		}
		tree_list_free(l);
	}
	(void)close(fd);
out:
	free(name);
	free(canonical);
	buffer_release(&path);
	buffer_release(&part);
}

void collect_match(struct collector *c, struct matcher *m, const char *pattern)
{
	struct expansion x = {.walker = {.visit = visit, .trouble = trouble}, .c = c, .m = m};

	m->account = NULL;
	if (pattern[0] != '~') {
		expand(&x, "", pattern + 1);
		return;
	}
	for (size_t i = 0; i < c->account_count; i++) {
		m->account = &c->accounts[i];
		if (!m->account->no_home)
			expand(&x, m->account->home, pattern + 2);
	}
	m->account = NULL;
}

static void match_file(struct matcher *m, int dir_fd, const char *name, const struct tree_entry *e,
		       const char *path)
{
	struct taker *t = (struct taker *)m;

	if (e)
		take(t, dir_fd, e, path);
	else
		collect_file(t->c, dir_fd, name, path, NULL, t->rule->collector, t->rule->limit);
}

static void match_trouble(struct matcher *m, const char *path, const char *reason)
{
	struct taker *t = (struct taker *)m;

	/* Rules overlap: a folder that cannot be read is told once. */
	if (path_set_add(&t->c->taken, path))
		collect_trouble(t->c, t->rule->collector, path, reason);
}

void linux_files(struct collector *c)
{
	struct lines links = {.c = c, .name = "live/links.jsonl", .collector = "links"};

	for (const struct profile_rule *r = c->o->profile->rules; r->pattern && c->status == OK;
	     r++) {
		struct taker t = {.matcher = {.match = match_file, .trouble = match_trouble},
				  .c = c,
				  .rule = r,
				  .links = &links,
				  .deadline = r->seconds ? time_now() + r->seconds * TIME_SECOND
							 : TIME_NONE};

		if ((!r->live || c->tree.live) && (!r->secret || c->o->secrets))
			collect_match(c, &t.matcher, r->pattern);
		if (t.beyond) {
			struct bundle_file f = described(r->pattern, NULL, r->collector, NULL);
			char text[120];

			(void)snprintf(text, sizeof(text),
				       "left out: %llu files beyond %llu bytes for this pattern "
				       "(the bodyfile lists them)",
				       (unsigned long long)t.beyond, (unsigned long long)r->total);
			missing(c, &f, text, true);
		}
		if (t.late) {
			struct bundle_file f = described(r->pattern, NULL, r->collector, NULL);
			char text[120];

			(void)snprintf(text, sizeof(text),
				       "left out: %llu files that came after %u seconds for this "
				       "pattern",
				       (unsigned long long)t.late, r->seconds);
			missing(c, &f, text, true);
		}
	}
	/* Whatever an autorun was read from is taken too. */
	for (const struct autorun_place *p = autorun_places;
	     c->o->profile->autoruns && p->place && c->status == OK; p++) {
		const struct profile_rule rule = {.collector = "persistence",
						  .pattern = p->pattern,
						  .limit = PERSISTENCE_LIMIT};
		struct taker t = {.matcher = {.match = match_file, .trouble = match_trouble},
				  .c = c,
				  .rule = &rule,
				  .links = &links,
				  .deadline = TIME_NONE};

		if (!(p->flags & AUTORUN_WALK) && (!(p->flags & AUTORUN_LIVE) || c->tree.live))
			collect_match(c, &t.matcher, p->pattern);
	}
	lines_finish(&links);
}

/* ---- the walk ---- */

struct walk {
	struct tree_walker walker;
	struct collector *c;
	struct lines body, notable;
	struct autoruns *autoruns; /* NULL: not asked for */
	uint64_t troubles;
};

/* As the Sleuth Kit writes modes: "r/rrwxr-xr-x". */
static void mode_text(char out[13], uint32_t mode)
{
	char type = S_ISDIR(mode)    ? 'd'
		    : S_ISLNK(mode)  ? 'l'
		    : S_ISCHR(mode)  ? 'c'
		    : S_ISBLK(mode)  ? 'b'
		    : S_ISFIFO(mode) ? 'p'
		    : S_ISSOCK(mode) ? 's'
				     : 'r';

	out[0] = type;
	out[1] = '/';
	out[2] = type;
	for (unsigned i = 0; i < 9; i++)
		out[3 + i] = mode & (0400u >> i) ? "rwx"[i % 3] : '-';
	if (mode & S_ISUID)
		out[5] = out[5] == 'x' ? 's' : 'S';
	if (mode & S_ISGID)
		out[8] = out[8] == 'x' ? 's' : 'S';
	if (mode & S_ISVTX)
		out[11] = out[11] == 'x' ? 't' : 'T';
	out[12] = '\0';
}

static void body_name(struct buffer *b, const char *name)
{
	for (; *name; name++) {
		if (*name == '|' || *name == '\n' || *name == '\r' || *name == '%')
			buffer_printf(b, "%%%02X", (unsigned char)*name);
		else
			buffer_char(b, *name);
	}
}

static void body_time(struct buffer *b, int64_t ts, char after)
{
	if (ts == TIME_NONE || ts < 0)
		buffer_char(b, '0');
	else
		buffer_unsigned(b, (uint64_t)(ts / TIME_SECOND));
	buffer_char(b, after);
}

void body_line(struct buffer *b, const char *path, const char *target, const struct tree_stat *st)
{
	char mode[13];

	mode_text(mode, st->mode);
	buffer_string(b, "0|");
	body_name(b, path);
	if (target) {
		buffer_string(b, " -> ");
		body_name(b, target);
	}
	buffer_char(b, '|');
	buffer_unsigned(b, st->inode);
	buffer_char(b, '|');
	buffer_append(b, mode, 12);
	buffer_char(b, '|');
	buffer_unsigned(b, st->uid);
	buffer_char(b, '|');
	buffer_unsigned(b, st->gid);
	buffer_char(b, '|');
	buffer_unsigned(b, st->size);
	buffer_char(b, '|');
	body_time(b, st->atime, '|');
	body_time(b, st->mtime, '|');
	body_time(b, st->ctime, '|');
	body_time(b, st->btime, '\n');
}

static bool visit_walk(struct tree_walker *walker, int dir_fd, const struct tree_entry *e,
		       const char *path)
{
	struct walk *w = (struct walk *)walker;
	const struct tree_stat *st = &e->stat;
	const char *reasons[10];
	unsigned n = 0;

	body_line(&w->body.text, path, e->target, st);
	lines_check(&w->body);
	w->c->result->walked++;
	if ((w->c->result->walked & 1023) == 0)
		collect_progress(w->c, path);

	if (S_ISREG(st->mode)) {
		/* The one place of autoruns that may be anywhere. */
		if (w->autoruns && strstr(path, "/.git/")) {
			linux_autoruns_file(w->autoruns, dir_fd, e, path);
			if (w->c->o->profile->autoruns && autorun_place_of(view_text(path)))
				collect_file(w->c, dir_fd, e->name, path, NULL, "persistence",
					     PERSISTENCE_LIMIT);
		}
		if (st->mode & S_ISUID)
			reasons[n++] = "suid";
		if ((st->mode & S_ISGID) && (st->mode & 0010))
			reasons[n++] = "sgid";
		if (e->capabilities)
			reasons[n++] = "capabilities";
		if ((st->mode & 0111) &&
		    (strncmp(path, "/tmp/", 5) == 0 || strncmp(path, "/dev/shm/", 9) == 0 ||
		     strncmp(path, "/var/tmp/", 9) == 0) &&
		    e->name[0] == '.')
			reasons[n++] = "hidden-executable-in-tmp";
	}
	if (st->immutable)
		reasons[n++] = "immutable";
	if (!S_ISLNK(st->mode) && !S_ISSOCK(st->mode) && (st->mode & 0002) &&
	    !(S_ISDIR(st->mode) && (st->mode & S_ISVTX)) && strncmp(path, "/dev/", 5) != 0)
		reasons[n++] = "world-writable";
	if (!collect_account(w->c, st->uid))
		reasons[n++] = "ownerless";
	if ((S_ISCHR(st->mode) || S_ISBLK(st->mode)) && strncmp(path, "/dev/", 5) != 0 &&
	    st->mode & 0777)
		reasons[n++] = "device-outside-dev";
	if (n) {
		struct buffer *b = &w->notable.text;

		line_start(b, "file");
		line_text(b, "path", path);
		line_name(b, "Reasons");
		for (unsigned i = 0; i < n; i++)
			buffer_printf(b, "%s\"%s\"", i ? "," : "[", reasons[i]);
		buffer_printf(b, "],\"mode\":\"%04o\"", st->mode & 07777);
		line_number(b, "uid", st->uid);
		line_number(b, "gid", st->gid);
		line_number(b, "size", (int64_t)st->size);
		line_number(b, "inode", (int64_t)st->inode);
		line_time(b, "mtime", st->mtime);
		line_time(b, "ctime", st->ctime);
		line_text(b, "User", collect_user(w->c, st->uid));
		if (e->capabilities)
			buffer_printf(b, ",\"Capabilities\":\"%llx\"",
				      (unsigned long long)e->capabilities);
		line_end(b);
		lines_check(&w->notable);
	}
	return w->c->status == OK;
}

static void trouble_walk(struct tree_walker *walker, const char *path, const char *reason)
{
	struct walk *w = (struct walk *)walker;

	/* A tree that nobody may read gives a line for each folder: some are enough. */
	if (w->troubles++ < 1000)
		collect_trouble(w->c, "walk", path, reason);
}

void linux_walk(struct collector *c)
{
	struct walk w = {
		.walker = {.visit = visit_walk, .trouble = trouble_walk, .capabilities = true},
		.c = c,
		.body = {.c = c, .name = "live/bodyfile.txt", .collector = "walk"},
		.notable = {.c = c, .name = "live/suspicious-files.jsonl", .collector = "walk"}};

	if (c->o->profile->processes)
		w.autoruns = linux_autoruns_start(c);
	tree_walk(&c->tree, &w.walker, "/");
	if (w.autoruns)
		linux_autoruns_finish(w.autoruns);
	lines_finish(&w.body);
	lines_finish(&w.notable);
}

/* ---- all of it ---- */

char *collect_host(const char *root)
{
	struct buffer text = {0};
	struct utsname u;
	struct view v, rest;
	char *host;

	if (root) {
		struct tree t;

		if (tree_open(&t, root, 5) == OK) {
			(void)tree_slurp(&t, "/etc/hostname", 4096, &text);
			tree_close(&t);
		}
	} else if (uname(&u) == 0) {
		buffer_string(&text, u.nodename);
	}
	rest = buffer_as_view(&text);
	if (!view_line(&rest, &v))
		v = VIEW_EMPTY;
	v = view_clip(view_trim(v), 0, 64);
	host = v.len ? xmemdup0(v.data, v.len) : xstrdup("unknown");
	for (char *s = host; *s; s++)
		if (!((*s | 0x20) >= 'a' && (*s | 0x20) <= 'z') && !(*s >= '0' && *s <= '9') &&
		    *s != '-' && *s != '_' && (*s != '.' || s == host))
			*s = '_';
	buffer_release(&text);
	return host;
}

/* A line NAME=VALUE of os-release(5), unquoted. Freed by the caller; NULL when there is none. */
static char *os_release(struct collector *c, const char *name)
{
	struct buffer text = {0};
	struct view rest, line;
	char *value = NULL;
	size_t n = strlen(name);

	if (tree_slurp(&c->tree, "/etc/os-release", 65536, &text) < 0)
		(void)tree_slurp(&c->tree, "/usr/lib/os-release", 65536, &text);
	rest = buffer_as_view(&text);
	while (!value && view_line(&rest, &line)) {
		if (!view_starts(line, name, n) || line.len <= n || line.data[n] != '=')
			continue;
		line = view_from(line, n + 1);
		if (line.len >= 2 && (line.data[0] == '"' || line.data[0] == '\''))
			line = view_sub(line, 1, line.len - 2);
		value = xmemdup0(line.data, line.len);
	}
	buffer_release(&text);
	return value;
}

/* "Europe/Berlin": what /etc/timezone says, or where /etc/localtime leads. */
static char *time_zone(struct collector *c)
{
	struct buffer text = {0};
	struct view rest, line = VIEW_EMPTY;
	char *name = NULL, *canonical = NULL, *zone = NULL, *at;
	int fd;

	if (tree_resolve(&c->tree, "/etc/localtime", true, &fd, &name, &canonical) == OK) {
		(void)close(fd);
		at = strstr(canonical, "/zoneinfo/");
		if (at)
			zone = xstrdup(at + 10);
	}
	if (!zone && tree_slurp(&c->tree, "/etc/timezone", 256, &text) == OK) {
		rest = buffer_as_view(&text);
		if (view_line(&rest, &line) && line.len)
			zone = xmemdup0(line.data, line.len);
	}
	free(name);
	free(canonical);
	buffer_release(&text);
	return zone;
}

static void build_head(struct collector *c, struct buffer *b)
{
	struct buffer text = {0};
	struct utsname u = {0};
	char *os = os_release(c, "PRETTY_NAME"), *zone = time_zone(c);
	struct view id, rest;

	c->result->end = time_now();
	collection_head(b, c->o, c->result, "linux");
	line_text(b, "os", os);
	if (c->tree.live && uname(&u) == 0) {
		line_text(b, "kernel", u.release);
		line_text(b, "kernel_version", u.version);
		line_text(b, "architecture", u.machine);
	}
	if (tree_slurp(&c->tree, "/etc/machine-id", 256, &text) == OK) {
		rest = buffer_as_view(&text);
		if (view_line(&rest, &id) && id.len)
			line_view(b, "machine_id", id);
	}
	line_text(b, "timezone", zone);
	line_text(b, "root", c->o->root);
	line_bool(b, "live", c->tree.live);
	line_number(b, "uid", geteuid());
	if (c->tree.guard.abandoned)
		line_number(b, "lost_reads", c->tree.guard.abandoned);
	free(os);
	free(zone);
	buffer_release(&text);
}

int collect_run(const struct collect_options *o, struct bundle_output *out,
		struct collect_result *r)
{
	struct collector c = {.o = o, .result = r};
	struct digest_cache digests = {0};
	struct buffer head = {0};
	uint8_t digest[SHA256_SIZE];

	*r = (struct collect_result){.start = time_now()};
	c.start = r->start;
	c.digests = &digests;
	if (tree_open(&c.tree, o->root, o->item_seconds) < 0) {
		r->error = errno;
		return ERR_IO;
	}
	c.host = r->host = collect_host(o->root);
	if (!o->list) {
		c.w = bundle_writer_new(out, 3);
		if (!c.w) {
			tree_close(&c.tree);
			return ERR_MEMORY;
		}
		bundle_writer_sign(c.w, o->key);
	}
	linux_accounts_load(&c);
	if (c.w && o->profile->processes) {
		if (c.tree.live)
			linux_live(&c);
		linux_accounts(&c);
		linux_autoruns(&c);
	}
	linux_files(&c);
	if (c.w && o->profile->walk && !o->no_walk && c.status == OK)
		linux_walk(&c);
	r->lost = c.tree.guard.abandoned;
	r->privileged = geteuid() == 0;
	if (c.w) {
		struct bundle_counts n = bundle_counts(c.w);
		struct view failures;

		/* A system has more than this, whatever it is: something went wrong and must not
		 * look like success. */
		r->near_empty = (o->profile == profiles[0] && n.members < 30 && !r->unchanged) ||
				(c.tree.live && o->profile->processes && r->processes < 2);
		if (c.status == OK) {
			build_head(&c, &head);
			c.status = bundle_finish(c.w, buffer_as_view(&head), digest);
		}
		if (c.status == OK)
			sha256_hex(digest, r->sha256);
		else
			r->error = errno;
		r->counts = bundle_counts(c.w);
		failures = bundle_failures(c.w);
		buffer_view(&r->failures, failures);
	}
	bundle_writer_free(c.w);
	path_set_release(&c.taken);
	for (size_t i = 0; i < c.account_count; i++) {
		free(c.accounts[i].name);
		free(c.accounts[i].home);
		free(c.accounts[i].shell);
		free(c.accounts[i].comment);
	}
	free(c.accounts);
	free(digests.known);
	buffer_release(&head);
	tree_close(&c.tree);
	return c.status;
}

void collect_result_release(struct collect_result *r)
{
	free(r->host);
	buffer_release(&r->failures);
}
