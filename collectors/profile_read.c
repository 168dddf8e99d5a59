/*
 * Profiles from a file: our own, and the definitions of ForensicArtifacts (its FILE sources for
 * the system at hand). Both are YAML; what is read here is the part of it that such files use, so that the
 * static collector needs no library: block mappings and sequences, flow sequences, quoted and plain
 * scalars on one line, block scalars (left out), comments, several documents.
 */
#include "collectors/profile.h"

#include "base/buffer.h"
#include "base/status.h"

#include <stdlib.h>

struct reader {
	struct profile *profile;
	struct profile_rule *rules;
	size_t rule_count, rule_cap;
	char **exclude, **secret;
	size_t exclude_count, exclude_cap, secret_count, secret_cap;
	/* The list that items go to, and the indentation of its key. */
	enum {
		LIST_NONE,
		LIST_RULES,
		LIST_EXCLUDE,
		LIST_SECRET,
		LIST_PATHS,
		LIST_OS,
		LIST_DOC_OS
	} list;
	/* ForensicArtifacts: where the rules of the document and of the source begin. */
	size_t doc_first, source_first;
	bool file_source, os_named, os_linux, doc_os_named, doc_os_linux, artifacts;
	char *artifact;
	struct buffer notes;		/* what is not taken, and why: lines */
	size_t doc_notes, source_notes; /* where those of the document and of the source begin */
	bool windows;			/* a profile for Windows */
};

static char *scalar(struct view v)
{
	v = view_trim(v);
	if (v.len >= 2 && (v.data[0] == '"' || v.data[0] == '\'') &&
	    v.data[v.len - 1] == v.data[0]) {
		struct buffer b = {0};
		uint8_t quote = v.data[0];
		char *text;

		v = view_sub(v, 1, v.len - 2);
		for (size_t i = 0; i < v.len; i++) {
			/* '' in single quotes; \\ and \" in double ones. */
			if (quote == '\'' && v.data[i] == '\'' && i + 1 < v.len)
				i++;
			else if (quote == '"' && v.data[i] == '\\' && i + 1 < v.len)
				i++;
			buffer_char(&b, (char)v.data[i]);
		}
		text = xmemdup0(b.data, b.len);
		buffer_release(&b);
		return text;
	}
	return xmemdup0(v.data, v.len);
}

/* What is behind " #", outside of quotes, is a comment. */
static struct view without_comment(struct view v)
{
	uint8_t quote = 0;

	for (size_t i = 0; i < v.len; i++) {
		if (quote && v.data[i] == quote && i + 1 < v.len && v.data[i + 1] == quote)
			i++; /* '' in single quotes */
		else if (quote == '"' && v.data[i] == '\\')
			i++;
		else if (quote ? v.data[i] == quote
			       : v.data[i] == '"' || (v.data[i] == '\'' &&
						      (i == 0 || strchr(" [,", v.data[i - 1]))))
			quote = quote ? 0 : v.data[i];
		else if (!quote && v.data[i] == '#' && (i == 0 || v.data[i - 1] == ' '))
			return view_clip(v, 0, i);
	}
	return v;
}

/* Where "key:" ends, or len when there is no key. */
static size_t key_end(struct view v)
{
	if (v.len && (v.data[0] == '"' || v.data[0] == '\''))
		return v.len;
	for (size_t i = 0; i < v.len; i++)
		if (v.data[i] == ':' && (i + 1 == v.len || v.data[i + 1] == ' '))
			return i;
	return v.len;
}

static bool yes(const char *text)
{
	return strcmp(text, "true") == 0 || strcmp(text, "yes") == 0 || strcmp(text, "on") == 0;
}

static bool size_of(const char *text, uint64_t *out)
{
	char *end;
	unsigned long long n = strtoull(text, &end, 10);
	unsigned shift = *end == 'K' ? 10 : *end == 'M' ? 20 : *end == 'G' ? 30 : 0;

	if (end == text || text[0] == '-' || (shift ? end[1] : *end) || n > UINT64_MAX >> shift)
		return false;
	*out = (uint64_t)n << shift;
	return true;
}

static bool seconds_of(const char *text, unsigned *out)
{
	uint64_t n;

	if (!view_decimal(view_text(text), &n) || n == 0 || n > 1000000)
		return false;
	*out = (unsigned)n;
	return true;
}

/* ForensicArtifacts' variables and its "**5" (a depth) into our patterns. NULL: cannot be one of
 * ours. */
static char *artifact_path(const char *path)
{
	static const char home[] = "%%users.homedir%%";
	struct buffer b = {0};
	const char *stars;
	char *text;

	if (strncmp(path, home, sizeof(home) - 1) == 0) {
		buffer_char(&b, '~');
		path += sizeof(home) - 1;
	}
	if (path[0] != '/' || strstr(path, "%%")) {
		buffer_release(&b);
		return NULL;
	}
	/* As the last part it is everything below; in the middle a depth, three where none is
	 * said (ForensicArtifacts, "Artifact definition format", path globs). */
	stars = strstr(path, "**");
	if (stars && !strchr(stars, '/')) {
		buffer_append(&b, path, (size_t)(stars - path) + 2);
	} else if (stars && stars[2] == '/') {
		buffer_append(&b, path, (size_t)(stars - path) + 2);
		buffer_char(&b, '3');
		buffer_string(&b, stars + 2);
	} else {
		buffer_string(&b, path);
	}
	text = xmemdup0(b.data, b.len);
	buffer_release(&b);
	return text;
}

/* Variables of Windows, of both kinds, and what they stand for in patterns. */
static const struct {
	const char *name, *path;
} variables[] = {
	{"%SystemRoot%", "Windows"},
	{"%WinDir%", "Windows"},
	{"%SystemDrive%", ""},
	{"%HomeDrive%", ""},
	{"%ProgramData%", "ProgramData"},
	{"%AllUsersProfile%", "ProgramData"},
	{"%ProgramFiles%", "Program Files"},
	{"%ProgramFiles(x86)%", "Program Files (x86)"},
	{"%Public%", "Users/Public"},
	{"%UserProfile%", "~"},
	{"%AppData%", "~/AppData/Roaming"},
	{"%LocalAppData%", "~/AppData/Local"},
	{"%Temp%", "~/AppData/Local/Temp"},
	{"%%environ_systemroot%%", "Windows"},
	{"%%environ_windir%%", "Windows"},
	{"%%environ_systemdrive%%", ""},
	{"%%environ_programfiles%%", "Program Files"},
	{"%%environ_programfilesx86%%", "Program Files (x86)"},
	{"%%environ_programdata%%", "ProgramData"},
	{"%%environ_allusersappdata%%", "ProgramData"},
	{"%%environ_allusersprofile%%", "ProgramData"},
	{"%%users.userprofile%%", "~"},
	{"%%users.homedir%%", "~"},
	{"%%users.appdata%%", "~/AppData/Roaming"},
	{"%%users.localappdata%%", "~/AppData/Local"},
	{"%%users.temp%%", "~/AppData/Local/Temp"},
};

static bool starts_like(const char *s, const char *with)
{
	struct view v = view_text(s);
	size_t n = strlen(with);

	return v.len >= n && view_glob(view_clip(v, 0, n), with);
}

/* One that is not known here, or in the middle: "%x%", "%%x%%". A name may hold a % all the same
 * ("Microsoft-Windows-Sysmon%4Operational.evtx"). */
static bool has_variable(const char *path)
{
	for (; (path = strchr(path, '%')); path++) {
		size_t n = strcspn(path + 1, "%/") + 1;

		if (path[1] == '%' ||
		    (path[n] == '%' && ((path[1] | 32) >= 'a' && (path[1] | 32) <= 'z')))
			return true;
	}
	return false;
}

char *profile_windows_path(const char *path)
{
	struct buffer b = {0};
	const char *rest = path;
	char *out;

	for (size_t i = 0; i < sizeof(variables) / sizeof(variables[0]); i++)
		if (starts_like(path, variables[i].name)) {
			buffer_string(&b, variables[i].path);
			rest = path + strlen(variables[i].name);
			break;
		}
	/* "C:\x" is on that drive; "\x" and "/x" are on every one, as in the built-in profiles. */
	if (!b.len)
		while (*rest == '\\' || *rest == '/')
			rest++;
	for (const char *at = rest; *at; at++) {
		/* Whose it is, in the middle of a name: anybody's. */
		static const char *const whose[] = {"%%users.username%%", "%%users.sid%%",
						    "%UserName%"};

		for (size_t i = 0; i < sizeof(whose) / sizeof(whose[0]); i++)
			if (starts_like(at, whose[i])) {
				buffer_char(&b, '*');
				at += strlen(whose[i]);
				break;
			}
		if (!*at)
			break;
		/* ForensicArtifacts' "**5" is a depth: all depths are. */
		if (at >= rest + 2 && at[-1] == '*' && at[-2] == '*' && *at >= '0' && *at <= '9')
			continue;
		if (*at == '\\' || *at == '/') {
			if (b.len && b.data[b.len - 1] != '/')
				buffer_char(&b, '/');
		} else {
			buffer_char(&b, *at);
		}
	}
	if (b.len == 0 || has_variable(buffer_text(&b))) {
		buffer_release(&b);
		return NULL;
	}
	if (b.data[b.len - 1] == '/')
		buffer_string(&b, "**");
	out = xmemdup0(b.data, b.len);
	buffer_release(&b);
	return out;
}

/* Of exclude and secret: against whole paths, C:/Users/x. */
static char *windows_glob(char *text)
{
	char *pattern = profile_windows_path(text), *whole;

	if (!pattern)
		return text;
	free(text);
	whole = pattern[0] == '~' ? xasprintf("*:/*%s", pattern + 1)
		: pattern[0] == '*' || (pattern[0] && pattern[1] == ':')
			? xstrdup(pattern)
			: xasprintf("*:/%s", pattern);
	free(pattern);
	return whole;
}

static void add_text(char ***list, size_t *count, size_t *cap, char *text)
{
	*list = xgrow(*list, cap, *count + 2, sizeof(char *));
	(*list)[(*count)++] = text;
	(*list)[*count] = NULL;
}

static struct profile_rule *add_rule(struct reader *r)
{
	r->rules = xgrow(r->rules, &r->rule_cap, r->rule_count + 2, sizeof(*r->rules));
	r->rules[r->rule_count] = (struct profile_rule){.collector = NULL};
	return &r->rules[r->rule_count++];
}

static void drop_rules(struct reader *r, size_t first)
{
	while (r->rule_count > first) {
		struct profile_rule *rule = &r->rules[--r->rule_count];

		free((void *)(uintptr_t)rule->collector);
		free((void *)(uintptr_t)rule->pattern);
	}
}

static void end_source(struct reader *r)
{
	if (r->os_named && !r->os_linux) {
		drop_rules(r, r->source_first);
		r->notes.len = r->source_notes;
	}
	r->source_first = r->rule_count;
	r->source_notes = r->notes.len;
	r->file_source = r->os_named = r->os_linux = false;
}

static void end_document(struct reader *r)
{
	if (!r->artifacts)
		return;
	end_source(r);
	if (r->doc_os_named && !r->doc_os_linux) {
		drop_rules(r, r->doc_first);
		r->notes.len = r->doc_notes;
	}
	r->doc_first = r->source_first = r->rule_count;
	r->doc_notes = r->source_notes = r->notes.len;
	r->doc_os_named = r->doc_os_linux = false;
	free(r->artifact);
	r->artifact = NULL;
}

/* Sources of ForensicArtifacts that are no files, and why they are not taken. */
static const struct {
	const char *type, *why;
} other_types[] = {
	{"COMMAND", "a COMMAND source: nothing of the host is run"},
	{"PATH", "a PATH source: it names folders, no files"},
	{"ARTIFACT_GROUP", "a group: the definitions that it names count"},
	{"REGISTRY_KEY", "a REGISTRY_KEY source: the hives are taken, not single keys"},
	{"REGISTRY_VALUE", "a REGISTRY_VALUE source: the hives are taken, not single values"},
	{"WMI", "a WMI source: nothing is asked of WMI for it"},
	{"DIRECTORY", "a DIRECTORY source: it names folders, no files"},
};

static void note(struct reader *r, const char *path, const char *why)
{
	buffer_printf(&r->notes, "%s: %s%s%s\n", r->artifact ? r->artifact : "profile",
		      path ? path : "", path ? ": " : "", why);
}

static void item(struct reader *r, struct view v)
{
	char *text = scalar(v), *path;

	switch (r->list) {
	case LIST_EXCLUDE:
		text = r->windows ? windows_glob(text) : text;
		add_text(&r->exclude, &r->exclude_count, &r->exclude_cap, text);
		return;
	case LIST_SECRET:
		text = r->windows ? windows_glob(text) : text;
		add_text(&r->secret, &r->secret_count, &r->secret_cap, text);
		return;
	case LIST_RULES:
		if (r->windows) {
			path = profile_windows_path(text);
			if (path)
				add_rule(r)->pattern = path;
			else
				note(r, text, "a variable that is not known");
			break;
		}
		if (text[0] == '/' || text[0] == '~') {
			add_rule(r)->pattern = text;
			return;
		}
		break;
	case LIST_PATHS:
		path = !r->file_source ? NULL
		       : r->windows    ? profile_windows_path(text)
				       : artifact_path(text);
		if (path) {
			struct profile_rule *rule = add_rule(r);

			rule->pattern = path;
			rule->collector = xstrdup(r->artifact ? r->artifact : "artifact");
		} else if (r->file_source) {
			note(r, text, "a variable that is not known, or no whole path");
		}
		break;
	case LIST_OS:
		r->os_named = true;
		r->os_linux = r->os_linux || strcmp(text, r->windows ? "Windows" : "Linux") == 0;
		break;
	case LIST_DOC_OS:
		r->doc_os_named = true;
		r->doc_os_linux =
			r->doc_os_linux || strcmp(text, r->windows ? "Windows" : "Linux") == 0;
		break;
	case LIST_NONE:
		break;
	}
	free(text);
}

/* NULL, or what is wrong. */
static const char *pair(struct reader *r, size_t indent, bool dash, struct view key,
			struct view value)
{
	struct profile_rule *rule = r->rule_count ? &r->rules[r->rule_count - 1] : NULL;
	char *text = scalar(value);
	const char *why = NULL;

	if (indent == 0 && !dash) {
		r->list = LIST_NONE;
		if (view_is(key, "name")) {
			free(r->artifact);
			r->artifact = xstrdup(text);
			if (!r->profile->name)
				r->profile->name = xstrdup(text);
		} else if (view_is(key, "live")) {
			r->profile->processes = yes(text);
		} else if (view_is(key, "walk")) {
			r->profile->walk = yes(text);
		} else if (view_is(key, "timeout")) {
			why = seconds_of(text, &r->profile->timeout) ? NULL
								     : "not a number of seconds";
		} else if (view_is(key, "rules")) {
			r->list = LIST_RULES;
		} else if (view_is(key, "exclude")) {
			r->list = LIST_EXCLUDE;
		} else if (view_is(key, "secret")) {
			r->list = LIST_SECRET;
		} else if (view_is(key, "sources")) {
			r->artifacts = true;
		} else if (view_is(key, "supported_os")) {
			r->list = LIST_DOC_OS;
		} else if (!view_is(key, "summary") && !view_is(key, "doc") &&
			   !view_is(key, "labels") && !view_is(key, "urls") &&
			   !view_is(key, "aliases") && !view_is(key, "provides") &&
			   !view_is(key, "conditions")) {
			why = "no such key";
		}
	} else if (r->artifacts) {
		if (view_is(key, "type")) {
			end_source(r);
			r->file_source = strcmp(text, "FILE") == 0;
			for (size_t i = 0; i < sizeof(other_types) / sizeof(other_types[0]); i++)
				if (strcmp(text, other_types[i].type) == 0)
					note(r, NULL, other_types[i].why);
			r->list = LIST_NONE;
		} else if (view_is(key, "paths")) {
			r->list = LIST_PATHS;
		} else if (view_is(key, "supported_os")) {
			r->list = LIST_OS;
		} else {
			r->list = LIST_NONE;
		}
	} else if (r->list == LIST_RULES) {
		if (dash)
			rule = add_rule(r);
		if (!rule) {
			why = "a rule begins with a dash";
		} else if (view_is(key, "path") && !rule->pattern) {
			if (r->windows) {
				rule->pattern = profile_windows_path(text);
				goto out;
			}
			rule->pattern = text;
			text = NULL;
			if (rule->pattern[0] != '/' && strncmp(rule->pattern, "~/", 2) != 0)
				why = "a path begins with / or ~/";
		} else if (view_is(key, "group") && !rule->collector) {
			rule->collector = text;
			text = NULL;
		} else if (view_is(key, "limit")) {
			why = size_of(text, &rule->limit) ? NULL : "not a size";
		} else if (view_is(key, "total")) {
			why = size_of(text, &rule->total) ? NULL : "not a size";
		} else if (view_is(key, "time") && !r->windows) {
			why = seconds_of(text, &rule->seconds) ? NULL : "not a number of seconds";
		} else if (view_is(key, "secret")) {
			rule->secret = yes(text);
		} else {
			why = "no such key of a rule";
		}
	} else {
		why = "a key where none is expected";
	}
out:
	free(text);
	return why;
}

static const char *const none[] = {NULL};

static void free_list(const char *const *list)
{
	for (size_t i = 0; list[i]; i++)
		free((void *)(uintptr_t)list[i]);
	free((void *)(uintptr_t)list);
}

void profile_free(struct profile *p)
{
	if (!p)
		return;
	for (const struct profile_rule *rule = p->rules; rule->pattern || rule->collector; rule++) {
		free((void *)(uintptr_t)rule->collector);
		free((void *)(uintptr_t)rule->pattern);
	}
	free((void *)(uintptr_t)p->rules);
	if (p->exclude != none)
		free_list(p->exclude);
	if (p->secret != profiles[0]->secret)
		free_list(p->secret);
	free((void *)(uintptr_t)p->name);
	free(p);
}

struct profile *profile_read(struct view yaml, bool windows, struct problem *problem,
			     struct buffer *notes)
{
	struct profile *p = xcalloc(1, sizeof(*p));
	struct reader r = {.profile = p, .windows = windows};
	struct buffer flow = {0}, mapping = {0};
	struct view line, all = yaml;
	size_t block = SIZE_MAX; /* indentation of a key whose block scalar is left out */
	const char *why = NULL;
	unsigned number = 0;

	p->processes = p->walk = true;
	while (!why && view_line(&yaml, &line)) {
		size_t indent = 0, end;
		bool dash = false;
		struct view v;

		number++;
		while (indent < line.len && line.data[indent] == ' ')
			indent++;
		v = view_trim(without_comment(view_from(line, indent)));
		if (v.len == 0)
			continue;
		if (block != SIZE_MAX) {
			if (indent > block)
				continue;
			block = SIZE_MAX;
		}
		if (view_is(v, "---") || view_is(v, "...")) {
			end_document(&r);
			continue;
		}
		if (line.data[indent == line.len ? 0 : indent] == '\t') {
			why = "a tab in the indentation";
			break;
		}
		if (v.data[0] == '-' && (v.len == 1 || v.data[1] == ' ')) {
			dash = true;
			v = view_trim(view_from(v, 1));
		}
		end = key_end(v);
		if (end < v.len) {
			struct view key = view_clip(v, 0, end),
				    value = view_trim(view_from(v, end + 1));

			if (value.len && (value.data[0] == '|' || value.data[0] == '>')) {
				block = indent;
				value = VIEW_EMPTY;
			}
			why = pair(&r, indent, dash, key, value);
			/* A plain scalar that goes on in the next lines, and nested mappings of
			 * keys that mean nothing here. */
			if (!why && indent == 0 && !dash && r.list == LIST_NONE &&
			    !view_is(key, "sources"))
				block = value.len ? indent : block;
			v = value;
		} else if (!dash) {
			if (r.list == LIST_NONE)
				continue;
			why = "neither a key nor an item";
			break;
		}
		if (why)
			break;
		if (v.len && v.data[0] == '{') {
			size_t at;

			/* A flow mapping: of it only the paths. */
			flow.len = 0;
			buffer_view(&flow, v);
			while (flow.len && flow.data[flow.len - 1] != '}' &&
			       view_line(&yaml, &line)) {
				number++;
				buffer_char(&flow, ' ');
				buffer_view(&flow, view_trim(without_comment(view_trim(line))));
			}
			v = buffer_as_view(&flow);
			at = view_find(v, 0, "paths:", 6);
			at = at < v.len ? view_find(v, at, "[", 1) : v.len;
			v = view_from(v, at);
			v = view_clip(v, 0, view_find(v, 0, "]", 1) + 1);
			mapping.len = 0;
			buffer_view(&mapping, v);
			v = buffer_as_view(&mapping);
			r.list = LIST_PATHS;
		}
		if (v.len && v.data[0] == '[') {
			struct view one, inside;

			/* A flow sequence may go over lines. */
			flow.len = 0;
			buffer_view(&flow, v);
			while (flow.len && flow.data[flow.len - 1] != ']' &&
			       view_line(&yaml, &line)) {
				number++;
				buffer_char(&flow, ' ');
				buffer_view(&flow, view_trim(without_comment(view_trim(line))));
			}
			if (flow.data[flow.len - 1] != ']') {
				why = "a [ without its ]";
				break;
			}
			inside = view_sub(buffer_as_view(&flow), 1, flow.len - 2);
			while (inside.len && view_token(&inside, ',', &one))
				if (view_trim(one).len)
					item(&r, one);
		} else if (dash && end == v.len && v.len) {
			item(&r, v);
		}
	}
	if (!why)
		end_document(&r);
	if (!why && all.len && !r.rule_count && !p->processes)
		why = "takes nothing";
	if (!why && r.artifacts && !r.rule_count)
		why = windows ? "no FILE source for Windows in it"
			      : "no FILE source for Linux in it";
	for (size_t i = 0; i < r.rule_count && !why; i++) {
		if (!r.rules[i].pattern)
			why = windows ? "a rule without a path, or of a variable that is not known"
				      : "a rule without a path";
		else if (!r.rules[i].collector)
			r.rules[i].collector = xstrdup("profile");
	}
	if (!r.rules)
		(void)add_rule(&r), r.rule_count = 0;
	r.rules[r.rule_count] = (struct profile_rule){.pattern = NULL};
	p->rules = r.rules;
	p->exclude = r.exclude ? (const char *const *)r.exclude : none;
	p->secret = r.secret ? (const char *const *)r.secret : profiles[0]->secret;
	if (!p->name)
		p->name = xstrdup("file");
	if (notes)
		buffer_view(notes, buffer_as_view(&r.notes));
	buffer_release(&r.notes);
	free(r.artifact);
	buffer_release(&flow);
	buffer_release(&mapping);
	if (why) {
		(void)problem_set(problem, ERR_FORMAT, PROBLEM_NO_OFFSET, "line %u: %s", number,
				  why);
		profile_free(p);
		return NULL;
	}
	return p;
}

const struct profile *profile_find(const char *name)
{
	for (size_t i = 0; profiles[i]; i++)
		if (strcmp(profiles[i]->name, name) == 0)
			return profiles[i];
	return NULL;
}
