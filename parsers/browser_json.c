/*
 * What browsers keep as JSON.
 *
 * Chromium (Chrome, Edge, Brave, ...; chromium/src: components/bookmarks/browser/bookmark_codec.cc,
 * extensions/browser/extension_prefs.cc, components/content_settings): Bookmarks; Preferences and Secure
 * Preferences (extensions, what sites were allowed, history that was cleared); Local State (profiles).
 * Firefox: logins.json, extensions.json, and the session (sessionstore.jsonlz4, recovery.jsonlz4,
 * previous.jsonlz4: "mozLz40\0", size, one LZ4 block).
 */
#include "parsers/json_value.h"
#include "parsers/parser.h"

#include <stdlib.h>

#define UNPACKED_MAX (24u << 20) /* bytes of a session; jansson takes several times that */

enum format { NONE, BOOKMARKS, PREFERENCES, LOCAL_STATE, LOGINS, ADDONS, SESSION };

static bool has(struct view v, const char *s)
{
	return view_find(v, 0, s, strlen(s)) < v.len;
}

static enum format format_of(struct view v, const char *name)
{
	struct view head = view_trim(view_clip(v, 0, PROBE_HEAD)), n = view_text(name);

	if (view_starts(v, "mozLz40", 8))
		return SESSION;
	if (!head.len || head.data[0] != '{')
		return NONE;
	if (view_glob(n, "bookmarks*") && has(head, "\"roots\""))
		return BOOKMARKS;
	if (view_glob(n, "*preferences*") &&
	    (has(head, "\"extensions\"") || has(head, "\"profile\"") || has(head, "\"browser\"") ||
	     has(head, "\"protection\"")))
		return PREFERENCES;
	if (view_glob(n, "local state*") &&
	    (has(head, "\"profile\"") || has(head, "\"os_crypt\"") || has(head, "\"browser\"")))
		return LOCAL_STATE;
	if (view_glob(n, "logins*.json") && has(head, "\"logins\""))
		return LOGINS;
	if (view_glob(n, "extensions.json") && has(head, "\"addons\""))
		return ADDONS;
	if (view_glob(n, "sessionstore*.js*") && has(head, "\"windows\""))
		return SESSION;
	return NONE;
}

static int probe(const struct probe *p)
{
	switch (format_of(p->head, p->name)) {
	case NONE:
		return BID_NO;
	case SESSION:
		return view_starts(p->head, "mozLz40", 8) ? BID_MAGIC : BID_BOTH;
	default:
		return BID_BOTH;
	}
}

/* ---- values ---- */

static const json_t *at(const json_t *v, const char *key)
{
	return json_object_get(v, key);
}

/* Microseconds since 1601, as text or number. */
static int64_t webkit(const json_t *v)
{
	struct view text = json_text(v);
	uint64_t n = 0;

	if (json_is_integer(v)) /* NOLINT(misc-redundant-expression): jansson's macro */
		n = (uint64_t)json_integer_value(v);
	else if (!view_decimal(text, &n))
		return TIME_NONE;
	return n ? time_from_webkit((int64_t)n) : TIME_NONE;
}

static int64_t millis(const json_t *v)
{
	double n = json_number_value(v);

	return n > 0 && n < 1e15 ? time_from_unix_scaled((int64_t)n, 1000) : TIME_NONE;
}

/* Seconds since 1970 with a fraction (older), or microseconds since 1601. */
static int64_t either(const json_t *v)
{
	double n = json_number_value(v);

	if (json_is_string(v)) /* NOLINT */
		return webkit(v);
	if (n > 0 && n < 1e11)
		return time_from_unix_scaled((int64_t)(n * 1e6), 1000000);
	return webkit(v);
}

static void add(struct parse *p, const char *name, const json_t *v)
{
	if (v && !(json_is_string(v) && !json_string_length(v))) /* NOLINT */
		event_add(p, name, json_value(&p->scratch, v));
}

static const char *browser_of(const char *path)
{
	static const char *const known[][2] = {{"*/edge/*", "Edge"},
					       {"*/bravesoftware/*", "Brave"},
					       {"*/opera*", "Opera"},
					       {"*/vivaldi/*", "Vivaldi"},
					       {"*/chromium/*", "Chromium"}};

	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (view_glob(view_text(path), known[i][0]))
			return known[i][1];
	return "Chrome";
}

static void begin(struct parse *p, enum event_kind kind, const char *browser)
{
	struct view user = parse_path_user(p->path);

	event_start(p, kind, TIME_NONE, "Not a time", 0);
	event_add(p, "Browser", value_text(browser));
	if (user.len)
		event_user(p, value_view(user));
}

static const char *shown(struct parse *p, const json_t *v)
{
	return parse_text(&p->scratch, view_clip(json_text(v), 0, 1000));
}

struct when {
	int64_t ts;
	const char *desc;
};

/* The event at each of its times, or once without. */
static int emit(struct parse *p, const struct when *w, size_t n)
{
	bool any = false;
	int status = OK;

	for (size_t i = 0; i < n && status >= 0; i++) {
		if (w[i].ts == TIME_NONE)
			continue;
		any = true;
		status = event_emit_at(p, w[i].ts, w[i].desc);
	}
	return any || status < 0 ? status : event_emit(p);
}
#define EMIT(p, ...)                                                                               \
	emit(p, (const struct when[]){__VA_ARGS__},                                                \
	     sizeof((const struct when[]){__VA_ARGS__}) / sizeof(struct when))

/* ---- Chromium ---- */

static int bookmarks(struct parse *p, const json_t *v, unsigned depth)
{
	const json_t *children = at(v, "children");
	bool folder = strcmp(json_is_string(at(v, "type")) ? json_string_value(at(v, "type")) : "",
			     "folder") == 0;
	int status = OK;

	if (depth > LIMIT_DEPTH)
		return OK;
	if (json_is_string(at(v, "url")) || (folder && depth > 1)) { /* NOLINT */
		begin(p, KIND_OTHER, browser_of(p->path));
		add(p, "Title", at(v, "name"));
		add(p, "Url", at(v, "url"));
		event_messagef(p, "Bookmark %s%s%s", shown(p, at(v, "name")), folder ? "" : " ",
			       shown(p, at(v, "url")));
		status = EMIT(p, {webkit(at(v, "date_added")), "Added Time"},
			      {webkit(at(v, "date_modified")), "Content Modification Time"},
			      {webkit(at(v, "date_last_used")), "Last Used Time"});
	}
	for (size_t i = 0; status >= 0 && i < json_array_size(children); i++)
		status = bookmarks(p, json_array_get(children, i), depth + 1);
	return status;
}

static int extension(struct parse *p, const char *id, const json_t *v)
{
	const json_t *manifest = at(v, "manifest"), *name = at(manifest, "name"),
		     *first = at(v, "first_install_time");

	begin(p, KIND_PACKAGE_INSTALL, browser_of(p->path));
	event_add(p, "ExtensionId", value_text(id));
	add(p, "Name", name);
	add(p, "Version", at(manifest, "version"));
	add(p, "Path", at(v, "path"));
	add(p, "FromWebStore", at(v, "from_webstore"));
	add(p, "State", at(v, "state"));
	/* 1 internal, 2 pref, 3 registry, 4 unpacked, 5 component, 8 command line, ...: Manifest::Location */
	add(p, "Location", at(v, "location"));
	add(p, "UpdateUrl", at(manifest, "update_url"));
	add(p, "Permissions", at(manifest, "permissions"));
	add(p, "Description", at(manifest, "description"));
	event_messagef(p, "%s extension %s%s%s was installed", browser_of(p->path), shown(p, name),
		       json_is_string(name) ? " " : "", id); /* NOLINT */
	return EMIT(p, {webkit(first ? first : at(v, "install_time")), "Time of installation"},
		    {first ? webkit(at(v, "last_update_time")) : TIME_NONE, "Update Time"});
}

static int setting(struct parse *p, const char *what, int64_t ts)
{
	if (ts == TIME_NONE)
		return OK;
	begin(p, KIND_OTHER, browser_of(p->path));
	event_add(p, "Setting", value_text(what));
	event_messagef(p, "%s: %s", browser_of(p->path), what);
	return event_emit_at(p, ts, "Recorded Time");
}

static int preferences(struct parse *p, const json_t *v)
{
	const json_t *settings = at(at(v, "extensions"), "settings"),
		     *exceptions = at(at(at(v, "profile"), "content_settings"), "exceptions"),
		     *update = at(at(v, "extensions"), "autoupdate");
	int status = setting(p, "browsing data was cleared",
			     webkit(at(at(v, "browser"), "last_clear_browsing_data_time")));

	if (status >= 0)
		status = setting(p, "extensions were looked for updates",
				 webkit(at(update, "last_check")));
	if (status >= 0)
		status = setting(p, "extensions are due for updates",
				 webkit(at(update, "next_check")));
	for (struct json_member m = json_first(settings); m.at && status >= 0; m = json_next(m))
		if (json_is_object(m.value)) /* NOLINT */
			status = extension(p, m.key, m.value);
	for (struct json_member g = json_first(exceptions); g.at; g = json_next(g)) {
		if (!json_is_object(g.value)) /* NOLINT */
			continue;
		for (struct json_member m = json_first(g.value); m.at; m = json_next(m)) {
			const json_t *item = m.value,
				     *engaged = at(at(item, "setting"), "lastEngagementTime");
			int64_t used = either(at(item, "last_used")),
				visited = either(at(item, "last_visited")),
				changed = either(at(item, "last_modified")),
				engagement = engaged ? either(engaged) : TIME_NONE;

			if (status < 0 || (used == TIME_NONE && visited == TIME_NONE &&
					   changed == TIME_NONE && engagement == TIME_NONE))
				continue;
			begin(p, KIND_WEB_VISIT, browser_of(p->path));
			event_add(p, "Url", value_text(m.key));
			event_add(p, "Permission", value_text(g.key));
			if (!json_is_object(at(item, "setting"))) /* NOLINT */
				add(p, "Setting", at(item, "setting"));
			event_messagef(p, "Site %s: %s", m.key, g.key);
			status =
				EMIT(p, {used, "Last Visited Time"}, {visited, "Last Visited Time"},
				     {engagement, "Last Visited Time"},
				     {changed, "Content Modification Time"});
		}
	}
	return status;
}

static int local_state(struct parse *p, const json_t *v)
{
	const json_t *profiles = at(at(v, "profile"), "info_cache");
	int status = OK;

	for (struct json_member m = json_first(profiles); m.at && status >= 0; m = json_next(m)) {
		const char *folder = m.key;
		const json_t *item = m.value;

		begin(p, KIND_ACCOUNT_SEEN, browser_of(p->path));
		event_add(p, "Profile", value_text(folder));
		add(p, "Name", at(item, "name"));
		add(p, "TargetUserName", at(item, "user_name"));
		add(p, "FullName", at(item, "gaia_name"));
		event_messagef(p, "%s profile %s (%s) %s", browser_of(p->path), folder,
			       shown(p, at(item, "name")), shown(p, at(item, "user_name")));
		status = EMIT(p, {either(at(item, "active_time")), "Last Used Time"});
	}
	return status;
}

/* ---- Firefox ---- */

static int logins(struct parse *p, const json_t *v)
{
	const json_t *list = at(v, "logins");
	int status = OK;

	for (size_t i = 0; status >= 0 && i < json_array_size(list); i++) {
		const json_t *l = json_array_get(list, i);

		begin(p, KIND_OTHER, "Firefox");
		add(p, "Url", at(l, "hostname"));
		add(p, "FormUrl", at(l, "formSubmitURL"));
		add(p, "UseCount", at(l, "timesUsed"));
		event_messagef(p, "Saved login at %s", shown(p, at(l, "hostname")));
		status = EMIT(p, {millis(at(l, "timeCreated")), "Creation Time"},
			      {millis(at(l, "timeLastUsed")), "Last Used Time"},
			      {millis(at(l, "timePasswordChanged")), "Last Password Set Time"});
	}
	return status;
}

static int addons(struct parse *p, const json_t *v)
{
	const json_t *list = at(v, "addons");
	int status = OK;

	for (size_t i = 0; status >= 0 && i < json_array_size(list); i++) {
		const json_t *a = json_array_get(list, i),
			     *name = at(at(a, "defaultLocale"), "name");
		int64_t installed = millis(at(a, "installDate")),
			updated = millis(at(a, "updateDate"));

		begin(p, KIND_PACKAGE_INSTALL, "Firefox");
		add(p, "ExtensionId", at(a, "id"));
		add(p, "Name", name);
		add(p, "Version", at(a, "version"));
		add(p, "Path", at(a, "path"));
		add(p, "Url", at(a, "sourceURI"));
		add(p, "Location", at(a, "location"));
		add(p, "Enabled", at(a, "active"));
		add(p, "Permissions", at(at(a, "userPermissions"), "permissions"));
		event_messagef(p, "Firefox extension %s %s was installed", shown(p, name),
			       shown(p, at(a, "id")));
		status = EMIT(p, {installed, "Time of installation"},
			      {updated == installed ? TIME_NONE : updated, "Update Time"});
	}
	return status;
}

static int tab(struct parse *p, const json_t *v, int64_t closed)
{
	const json_t *entries = at(v, "entries");
	size_t n = json_array_size(entries), current = (size_t)json_integer_value(at(v, "index"));
	int status = OK;

	/* What was open last has the tab's time; where it had been before has none. */
	for (size_t i = 0; status >= 0 && i < n; i++) {
		const json_t *e = json_array_get(entries, i);
		bool last = i + 1 == (current ? current : n);

		begin(p, KIND_WEB_VISIT, "Firefox");
		add(p, "Url", at(e, "url"));
		add(p, "Title", at(e, "title"));
		add(p, "ReferrerUrl", at(e, "referrer"));
		event_add(p, "TabClosed", value_bool(closed != TIME_NONE));
		event_messagef(p, "%s in a tab: %s", last ? "Open" : "Earlier",
			       shown(p, at(e, "url")));
		if (last)
			status = EMIT(p, {millis(at(v, "lastAccessed")), "Last Access Time"},
				      {closed, "Closed Time"});
		else
			status = event_emit(p);
	}
	return status;
}

static int tabs(struct parse *p, const json_t *window)
{
	const json_t *open = at(window, "tabs"), *closed = at(window, "_closedTabs");
	int status = OK;

	for (size_t i = 0; status >= 0 && i < json_array_size(open); i++)
		status = tab(p, json_array_get(open, i), TIME_NONE);
	for (size_t i = 0; status >= 0 && i < json_array_size(closed); i++)
		status = tab(p, at(json_array_get(closed, i), "state"),
			     millis(at(json_array_get(closed, i), "closedAt")));
	return status;
}

static int session(struct parse *p, const json_t *v)
{
	static const char *const lists[] = {"windows", "_closedWindows"};
	int status = OK;

	for (size_t k = 0; k < 2; k++)
		for (size_t i = 0; status >= 0 && i < json_array_size(at(v, lists[k])); i++)
			status = tabs(p, json_array_get(at(v, lists[k]), i));
	return status;
}

/* One LZ4 block (LZ4 block format): lengths and literals, then a distance back. What could be had. */
static void unpack(struct view in, size_t most, struct buffer *out)
{
	size_t at_ = 0;

	while (at_ < in.len && out->len < most) {
		uint8_t token = in.data[at_++], more = 255;
		size_t n = token >> 4;
		uint16_t back;

		while (n >= 15 && more == 255 && view_u8(in, at_, &more)) {
			at_++;
			n += more;
			if (n > most)
				return;
		}
		if (n > in.len - at_)
			n = in.len - at_;
		buffer_append(out, in.data + at_, n);
		at_ += n;
		if (!view_u16le(in, at_, &back))
			return;
		at_ += 2;
		if (!back || back > out->len)
			return;
		n = (token & 15u) + 4;
		more = 255;
		while (n >= 19 && more == 255 && view_u8(in, at_, &more)) {
			at_++;
			n += more;
			if (n > most)
				return;
		}
		buffer_grow(out, n);
		for (size_t i = 0; i < n; i++, out->len++)
			out->data[out->len] = out->data[out->len - back];
	}
}

static int parse(struct parse *p, struct view v)
{
	const char *slash = strrchr(p->path, '/');
	enum format format = format_of(v, slash ? slash + 1 : p->path);
	struct buffer text = {0};
	json_t *all;
	json_error_t error = {.text = ""};
	int status = OK;

	if (view_starts(v, "mozLz40", 8)) {
		uint32_t size = view_get32(v, 8);

		unpack(view_from(v, 12), size < UNPACKED_MAX ? size : UNPACKED_MAX, &text);
		if (text.len < size &&
		    (status = parse_lost(p, v.len, "%zu of %u bytes could be unpacked", text.len,
					 size)) < 0)
			goto out;
		v = buffer_as_view(&text);
	}
	if (format == NONE)
		format = BOOKMARKS;
	all = v.len <= UNPACKED_MAX
		      ? json_loadb((const char *)v.data, v.len, JSON_DISABLE_EOF_CHECK, &error)
		      : NULL;
	if (!all) {
		status = parse_fail(p, ERR_FORMAT, (uint64_t)error.position, "no JSON: %s",
				    v.len <= UNPACKED_MAX ? error.text : "too large");
		goto out;
	}
	switch (format) {
	case BOOKMARKS:
		for (struct json_member m = json_first(at(all, "roots")); m.at && status >= 0;
		     m = json_next(m))
			status = bookmarks(p, m.value, 1);
		break;
	case PREFERENCES:
		status = preferences(p, all);
		break;
	case LOCAL_STATE:
		status = local_state(p, all);
		break;
	case LOGINS:
		status = logins(p, all);
		break;
	case ADDONS:
		status = addons(p, all);
		break;
	case SESSION:
		status = session(p, all);
		break;
	case NONE:
		break;
	}
	json_decref(all);
out:
	buffer_release(&text);
	return status;
}

const struct parser parser_browser_json = {
	.name = "browser_json",
	.title = "Browsers' JSON: bookmarks, extensions, permissions, logins, sessions",
	.version = 1,
	.probe = probe,
	.parse = parse,
};
