/*
 * Settings of remote control programs that tell whose they are and where they report to: AnyDesk's
 * system.conf, service.conf and user.conf (KEY=VALUE), RustDesk's RustDesk.toml, RustDesk2.toml and
 * peers\ID.toml, ScreenConnect's system.config and user.config (the parameters that it was installed
 * with: ?e=Access&y=Guest&h=HOST&p=PORT&s=SESSION&k=KEY). Passwords and keys are not told, only that they
 * are set.
 */
#include "parsers/textfile.h"

enum product { NONE, ANYDESK, RUSTDESK, SCREENCONNECT };

static enum product product_of(const char *path)
{
	struct view v = view_text(path);

	if (view_glob(v, "*anydesk*/*.conf"))
		return ANYDESK;
	if (view_glob(v, "*rustdesk*/*.toml") || view_glob(v, "*/rustdesk*.toml"))
		return RUSTDESK;
	if (view_glob(v, "*screenconnect client*/system.config") ||
	    view_glob(v, "*screenconnect client*/user.config"))
		return SCREENCONNECT;
	return NONE;
}

static int probe(const struct probe *p)
{
	struct view head = view_clip(p->head, 0, 4096);

	switch (product_of(p->path)) {
	case ANYDESK:
		return view_index(head, "ad.") < head.len ? BID_BOTH : BID_NO;
	case RUSTDESK:
		return view_index(head, " = ") < head.len ? BID_BOTH : BID_NO;
	case SCREENCONNECT:
		return view_index(p->head, "<configuration") < p->head.len ? BID_BOTH : BID_NO;
	case NONE:
		break;
	}
	return BID_NO;
}

/* A key, the field that it is; secret: only that it has a value. */
static const struct {
	enum product product;
	const char *key, *field;
	bool secret;
} keys[] = {
	{ANYDESK, "ad.anynet.id", "OwnId", false},
	{ANYDESK, "ad.anynet.alias", "OwnName", false},
	{ANYDESK, "ad.anynet.fpr", "Fingerprint", false},
	{ANYDESK, "ad.anynet.last_relay", "Relay", false},
	{ANYDESK, "ad.anynet.relay.state", "RelayState", false},
	{ANYDESK, "ad.roster.items", "RemoteId", false},
	{ANYDESK, "ad.anynet.pwd_hash", "UnattendedPassword", true},
	{ANYDESK, "ad.security.permission_profiles._unattended_access.pwd", "UnattendedPassword",
	 true},
	{ANYDESK, "ad.anynet.token_salt", "UnattendedToken", true},
	{ANYDESK, "ad.security.interactive_access", "InteractiveAccess", false},
	{ANYDESK, "ad.security.acl_list", "AccessList", false},
	{RUSTDESK, "id", "OwnId", false},
	{RUSTDESK, "password", "UnattendedPassword", true},
	{RUSTDESK, "rendezvous_server", "Relay", false},
	{RUSTDESK, "custom-rendezvous-server", "Server", false},
	{RUSTDESK, "relay-server", "RelayServer", false},
	{RUSTDESK, "api-server", "ApiServer", false},
	{RUSTDESK, "key", "ServerKey", false},
	{RUSTDESK, "username", "RemoteUser", false},
	{RUSTDESK, "hostname", "RemoteName", false},
	{RUSTDESK, "platform", "RemoteOs", false},
	{RUSTDESK, "whitelist", "AccessList", false},
};

static struct view unquoted(struct view v)
{
	v = view_trim(v);
	if (v.len >= 2 && (v.data[0] == '\'' || v.data[0] == '"') && v.data[v.len - 1] == v.data[0])
		v = view_sub(v, 1, v.len - 2);
	return v;
}

static size_t settings(struct parse *p, enum product product, struct textfile *t)
{
	struct view line;
	size_t n = 0;

	while (n < 64 && textfile_line(t, &line)) {
		struct view value = line, key;

		if (!view_cut(&value, "=", &key))
			continue;
		key = view_trim(key);
		value = unquoted(value);
		for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]) && value.len; i++) {
			if (keys[i].product != product || !view_is(key, keys[i].key))
				continue;
			event_add(p, keys[i].field,
				  keys[i].secret ? value_bool(true)
						 : value_view(view_clip(value, 0, 8192)));
			n++;
			break;
		}
	}
	return n;
}

/* "h=HOST&amp;p=PORT&amp;s=..." behind a question mark, in an element's text or an attribute. */
static size_t launch(struct parse *p, struct view text)
{
	static const char *const names[][2] = {
		{"h", "Server"}, {"p", "ServerPort"},  {"s", "SessionId"}, {"e", "SessionType"},
		{"y", "Role"},	 {"i", "SessionName"}, {"t", "OwnName"}};
	struct view rest = text, skip;
	size_t n = 0;

	while (view_cut(&rest, "?", &skip)) {
		size_t end = 0, found = 0;
		struct view query, part, name;

		while (end < rest.len && !strchr("<\"' \t\r\n", rest.data[end]))
			end++;
		query = view_clip(rest, 0, end < 4096 ? end : 4096);
		while (view_token(&query, '&', &part)) {
			if (view_begins(part, "amp;"))
				part = view_from(part, 4);
			if (!view_token(&part, '=', &name) || !part.len)
				continue;
			for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
				if (view_is(name, names[i][0])) {
					event_add(p, names[i][1], value_view(part));
					found++;
				}
			}
		}
		n += found;
		if (found > 1)
			break;
	}
	return n;
}

static const char *text_of(struct parse *p, const char *name)
{
	for (size_t i = 0; i < p->count; i++)
		if (view_is(p->names[i], name))
			return parse_value_text(&p->scratch, &p->values[i]);
	return "";
}

static int parse(struct parse *p, struct view bytes)
{
	static const char *const products[] = {"", "AnyDesk", "RustDesk", "ScreenConnect"};
	enum product product = product_of(p->path);
	struct view user = parse_path_user(p->path);
	struct textfile t;
	const char *server;
	size_t n;
	int status = OK;

	textfile_open(&t, bytes);
	if (product == NONE) {
		struct view head = view_clip(t.text, 0, 4096);

		product = view_index(head, "ad.") < head.len		  ? ANYDESK
			  : view_index(head, "<configuration") < head.len ? SCREENCONNECT
									  : RUSTDESK;
	}
	event_start(p, KIND_SYSTEM_INFO, p->mtime,
		    p->mtime == TIME_NONE ? "Not a time" : "Content Modification Time", 0);
	event_add(p, "Product", value_text(products[product]));
	n = product == SCREENCONNECT ? launch(p, t.text) : settings(p, product, &t);
	if (user.len)
		event_user(p, value_view(user));
	server = text_of(p, *text_of(p, "Server") ? "Server" : "Relay");
	event_messagef(p, "%s settings%s%s%s%s%s", products[product],
		       *text_of(p, "OwnId") ? ": its id is " : "", text_of(p, "OwnId"),
		       *server ? ", its server " : "", server,
		       *text_of(p, "UnattendedPassword") ? ", access without anybody there is on"
							 : "");
	if (n)
		status = event_emit(p);
	textfile_release(&t);
	return status;
}

const struct parser parser_remote_config = {
	.name = "remote_config",
	.title = "Settings of remote control programs (AnyDesk, RustDesk, ScreenConnect)",
	.version = 1,
	.probe = probe,
	.parse = parse,
};
