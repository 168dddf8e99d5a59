/*
 * Files that are run, sourced or obeyed at start, at logon or by other programs, where the place
 * says it all: ld.so.preload, rc.local, init scripts, profiles of shells, XDG autostart (Desktop
 * Entry Specification, "Exec"), PAM's files, udev's RUN, ...
 */
#include "parsers/autorun.h"

enum reading { WHOLE, LINES, DESKTOP, MATCH };

static const struct place {
	const char *place, *pattern;
	enum reading reading;
	const char *words; /* of MATCH */
} places[] = {
	{"ld.so.preload", "*etc/ld.so.preload", LINES, NULL},
	{"cron", "*etc/cron.hourly/*", WHOLE, NULL},
	{"cron", "*etc/cron.daily/*", WHOLE, NULL},
	{"cron", "*etc/cron.weekly/*", WHOLE, NULL},
	{"cron", "*etc/cron.monthly/*", WHOLE, NULL},
	{"at", "*var/spool/cron/atjobs/*", WHOLE, NULL},
	{"at", "*var/spool/at/a*", WHOLE, NULL},
	{"rc.local", "*etc/rc.local", WHOLE, NULL},
	{"rc.local", "*etc/rc.d/rc.local", WHOLE, NULL},
	{"init.d", "*etc/init.d/*", WHOLE, NULL},
	{"systemd-generator", "*systemd/system-generators/*", WHOLE, NULL},
	{"profile", "*etc/profile", WHOLE, NULL},
	{"profile", "*etc/profile.d/*", WHOLE, NULL},
	{"profile", "*etc/bash.bashrc", WHOLE, NULL},
	{"profile", "*/.bashrc", WHOLE, NULL},
	{"profile", "*/.bash_profile", WHOLE, NULL},
	{"profile", "*/.bash_login", WHOLE, NULL},
	{"profile", "*/.bash_logout", WHOLE, NULL},
	{"profile", "*/.profile", WHOLE, NULL},
	{"profile", "*/.zshrc", WHOLE, NULL},
	{"profile", "*/.zshenv", WHOLE, NULL},
	{"profile", "*/.zprofile", WHOLE, NULL},
	{"profile", "*/.config/fish/config.fish", WHOLE, NULL},
	{"profile", "*etc/environment", LINES, NULL},
	{"xdg-autostart", "*/autostart/*.desktop", DESKTOP, NULL},
	{"dbus", "*/dbus-1/system-services/*.service", DESKTOP, NULL},
	{"pam", "*etc/pam.d/*", LINES, NULL},
	{"udev", "*/udev/rules.d/*.rules", MATCH, "RUN"},
	{"modprobe", "*/modprobe.d/*.conf", MATCH, "install "},
	{"modules-load", "*etc/modules-load.d/*", LINES, NULL},
	{"modules-load", "*etc/modules", LINES, NULL},
	{"motd", "*etc/update-motd.d/*", WHOLE, NULL},
	{"apt-hook", "*etc/apt/apt.conf.d/*", MATCH, "Invoke"},
	{"sudoers", "*etc/sudoers", LINES, NULL},
	{"sudoers", "*etc/sudoers.d/*", LINES, NULL},
	{"sshd", "*etc/ssh/sshd_config", MATCH, "Command"},
	{"sshd", "*/.ssh/rc", WHOLE, NULL},
	{"networkmanager", "*/NetworkManager/dispatcher.d/*", WHOLE, NULL},
};

static const struct place *place_of(const char *path)
{
	struct view v = view_text(path);

	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++)
		if (view_glob(v, places[i].pattern))
			return &places[i];
	return NULL;
}

static int probe(const struct probe *p)
{
	const struct place *place;

	if (p->size == 0 || p->size > 16u << 20)
		return BID_NO;
	place = place_of(p->path);
	if (!place ||
	    (place->reading != WHOLE && p->head.len && memchr(p->head.data, 0, p->head.len)))
		return BID_NO;
	return BID_NAME;
}

static int parse(struct parse *p, struct view bytes)
{
	static const struct place entry = {"xdg-autostart", "", DESKTOP, NULL};
	const struct place *place = place_of(p->path);
	struct view rest = bytes, line, user = parse_path_user(p->path);
	struct autorun found = {
		.place = place ? place->place : "file", .user = user, .enabled = -1};
	uint64_t number = 0, offset = 0;
	int status = OK;

	if (!place && view_glob(autorun_name(p->path), "*.desktop")) {
		place = &entry;
		found.place = entry.place;
	}
	if (!place || place->reading == WHOLE)
		return autorun_emit(p, &found, 0);
	while (status >= 0 && view_line(&rest, &line)) {
		struct autorun a = {
			.place = place->place, .user = user, .line = ++number, .enabled = -1};
		struct view value;

		a.command = view_trim(line);
		if (autorun_comment(a.command))
			continue;
		if (place->reading == DESKTOP) {
			if ((value = autorun_value(a.command, "Exec")).len && !found.command.len) {
				found.command = value;
				found.line = number;
				offset = (uint64_t)(line.data - bytes.data);
			} else if ((value = autorun_value(a.command, "Name")).len &&
				   !found.name.len) {
				found.name = value;
			} else if ((value = autorun_value(a.command, "User")).len) {
				found.user = value;
			} else if ((value = autorun_value(a.command, "Hidden")).len) {
				found.enabled = !view_is(value, "true");
			}
			continue;
		}
		if (place->reading == MATCH &&
		    view_find(a.command, 0, place->words, strlen(place->words)) == a.command.len)
			continue;
		status = autorun_emit(p, &a, (uint64_t)(line.data - bytes.data));
	}
	if (status >= 0 && found.command.len)
		status = autorun_emit(p, &found, offset);
	return status;
}

const struct parser parser_startup_file = {
	.name = "startup_file",
	.title = "Files that run at start and logon (Linux)",
	.version = 1,
	.probe = probe,
	.parse = parse,
};
