/*
 * systemd units that run something: systemd.service(5), .timer, .socket, .path, and the drop-ins in
 * their ".d" folders. Whether a unit is enabled, links elsewhere tell; not this file.
 */
#include "parsers/autorun.h"

static int probe(const struct probe *p)
{
	static const char *const types[] = {"*.service", "*.timer", "*.socket",
					    "*.path",	 "*.mount", "*.swap"};
	struct view path = view_text(p->path), name = view_text(p->name);
	static const char *const sections[] = {"[Service]", "[Unit]",  "[Timer]", "[Socket]",
					       "[Path]",    "[Mount]", "[Swap]",  "[Install]"};
	bool type = view_glob(path, "*systemd/*.d/*.conf"), section = false;

	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++)
		type = type || view_glob(name, types[i]);
	if (!type || view_glob(path, "*dbus-1/*") || p->size > 1u << 20 ||
	    (p->head.len && memchr(p->head.data, 0, p->head.len)))
		return BID_NO;
	for (size_t i = 0; i < sizeof(sections) / sizeof(sections[0]) && !section; i++)
		section = view_find(p->head, 0, sections[i], strlen(sections[i])) < p->head.len;
	if (!section)
		return BID_NO;
	return view_glob(path, "*systemd/*") ? BID_BOTH : BID_CONTENT;
}

static bool any_of(const char *const *keys, struct view line, struct view *value, struct view *key)
{
	for (; *keys; keys++) {
		*value = autorun_value(line, *keys);
		if (value->len) {
			*key = view_text(*keys);
			return true;
		}
	}
	return false;
}

static int parse(struct parse *p, struct view bytes)
{
	static const char *const commands[] = {
		"ExecStartPre", "ExecStartPost", "ExecStart",	  "ExecStopPost",
		"ExecStop",	"ExecReload",	 "ExecCondition", NULL};
	static const char *const triggers[] = {
		"OnCalendar",	   "OnBootSec",		"OnStartupSec",
		"OnUnitActiveSec", "OnUnitInactiveSec", "OnActiveSec",
		"ListenStream",	   "ListenDatagram",	"ListenFIFO",
		"PathExistsGlob",  "PathExists",	"PathChanged",
		"PathModified",	   "DirectoryNotEmpty", NULL};
	struct view path = view_text(p->path), name = autorun_name(p->path), rest = bytes, line,
		    value, key, user = VIEW_EMPTY;
	bool of_user = view_glob(path, "*systemd/user/*"), timer = view_glob(name, "*.timer"),
	     drop_in = view_glob(name, "*.conf");
	bool fires = timer || view_glob(name, "*.socket") || view_glob(name, "*.path");
	const char *place = of_user ? "systemd-user" : timer ? "systemd-timer" : "systemd-service";
	struct buffer whole = {0}, schedule = {0}, unit = {0};
	uint64_t number = 0;
	int status = OK;

	while (view_line(&rest, &line)) {
		value = autorun_value(view_trim(line), "User");
		if (value.len)
			user = value;
	}
	if (user.len == 0)
		user = of_user ? parse_path_user(p->path) : view_text("root");
	rest = bytes;
	while (status >= 0 && view_line(&rest, &line)) {
		uint64_t offset = (uint64_t)(line.data - bytes.data);
		struct autorun a = {.place = place, .user = user, .line = ++number, .enabled = -1};

		line = view_trim(line);
		/* A line that ends in a backslash goes on (systemd.syntax(7)). */
		whole.len = 0;
		while (line.len && line.data[line.len - 1] == '\\' && whole.len < LIMIT_LINE) {
			buffer_append(&whole, line.data, line.len - 1);
			number++;
			if (!view_line(&rest, &line))
				line = VIEW_EMPTY;
			line = view_trim(line);
		}
		if (whole.len) {
			buffer_view(&whole, line);
			line = buffer_as_view(&whole);
		}
		if (autorun_comment(line))
			continue;
		if (any_of(commands, line, &a.command, &a.trigger) ||
		    (drop_in && view_starts(line, "Environment", 11) && (a.command = line, true)))
			status = autorun_emit(p, &a, offset);
		if (fires && any_of(triggers, line, &value, &key) && schedule.len < LIMIT_LINE) {
			buffer_string(&schedule, schedule.len ? "; " : "");
			buffer_view(&schedule, key);
			buffer_char(&schedule, '=');
			buffer_view(&schedule, value);
		}
		value = autorun_value(line, "Unit");
		if (value.len) {
			unit.len = 0;
			buffer_view(&unit, value);
		}
	}
	if (status >= 0 && schedule.len) {
		struct autorun a = {.place = place, .user = user, .enabled = -1};

		if (!unit.len) {
			size_t dot = name.len;

			while (dot > 0 && name.data[dot - 1] != '.')
				dot--;
			buffer_append(&unit, name.data, dot ? dot - 1 : name.len);
			buffer_string(&unit, ".service");
		}
		a.schedule = buffer_as_view(&schedule);
		a.trigger = buffer_as_view(&unit);
		status = autorun_emit(p, &a, 0);
	}
	buffer_release(&whole);
	buffer_release(&schedule);
	buffer_release(&unit);
	return status;
}

const struct parser parser_systemd_unit = {
	.name = "systemd_unit",
	.title = "systemd units",
	.version = 1,
	.probe = probe,
	.parse = parse,
};
