#include "collectors/profile.h"

#include <stddef.h>
#include <string.h>

#define MB (1ull << 20)
#define TAKE(group, path, ...)                                                                     \
	{                                                                                          \
		.collector = group, .pattern = path, ##__VA_ARGS__                                 \
	}

static const struct profile_rule triage[] = {
	/* Volatile first: what a reboot or a rotation takes away. */
	TAKE("proc", "/proc/modules", .live = true),
	TAKE("proc", "/proc/mounts", .live = true),
	TAKE("proc", "/proc/version", .live = true),
	TAKE("proc", "/proc/cmdline", .live = true),
	TAKE("proc", "/proc/net/*", .limit = 16 * MB, .live = true),
	TAKE("proc", "/proc/sys/kernel/core_pattern", .live = true),
	TAKE("proc", "/proc/sys/kernel/tainted", .live = true),
	TAKE("proc", "/proc/sys/fs/binfmt_misc/*", .live = true),
	TAKE("run", "/run/utmp"),
	TAKE("run", "/run/systemd/sessions/*"),
	TAKE("run", "/run/systemd/users/*"),
	TAKE("run", "/run/systemd/transient/**"),
	TAKE("run", "/run/systemd/generator*/**"),
	TAKE("run", "/run/systemd/system/**"),
	TAKE("log", "/run/log/journal/**"),
	TAKE("tmp", "/dev/shm/**", .limit = 10 * MB, .total = 256 * MB),
	TAKE("tmp", "/tmp/**", .limit = 10 * MB, .total = 256 * MB),
	TAKE("tmp", "/var/tmp/**", .limit = 10 * MB, .total = 256 * MB),
	/* Logs. */
	TAKE("log", "/var/log/**"),
	TAKE("log", "/var/account/**"),
	TAKE("log", "/var/adm/**"),
	/* Configuration and persistence. */
	TAKE("etc", "/etc/**", .limit = 256 * MB),
	TAKE("etc", "/usr/local/etc/**", .limit = 256 * MB),
	TAKE("cron", "/var/spool/cron/**"),
	TAKE("cron", "/var/spool/anacron/**"),
	TAKE("cron", "/var/spool/at/**"),
	TAKE("cron", "/var/spool/cron/atjobs/**"),
	TAKE("systemd", "/usr/lib/systemd/**", .limit = 1 * MB),
	TAKE("systemd", "/lib/systemd/**", .limit = 1 * MB),
	TAKE("systemd", "/usr/local/lib/systemd/**"),
	TAKE("systemd", "/var/lib/systemd/timers/*"),
	TAKE("systemd", "/var/lib/systemd/linger/*"),
	TAKE("persistence", "/usr/lib/udev/rules.d/*"),
	TAKE("persistence", "/lib/udev/rules.d/*"),
	TAKE("persistence", "/usr/share/dbus-1/system-services/*"),
	TAKE("persistence", "/usr/share/dbus-1/services/*"),
	TAKE("persistence", "/usr/share/polkit-1/**"),
	TAKE("persistence", "/var/lib/polkit-1/**"),
	TAKE("persistence", "/usr/share/initramfs-tools/**"),
	TAKE("persistence", "/usr/lib/modprobe.d/*"),
	TAKE("persistence", "/usr/lib/modules-load.d/*"),
	TAKE("persistence", "/usr/lib/NetworkManager/dispatcher.d/**"),
	TAKE("boot", "/boot/grub*/*.cfg"),
	TAKE("boot", "/boot/config*"),
	TAKE("boot", "/boot/System.map*"),
	TAKE("boot", "/boot/cmdline.txt"),
	TAKE("boot", "/boot/loader/**", .limit = 1 * MB),
	/* Homes. */
	TAKE("home", "~/.*history", .limit = 256 * MB),
	TAKE("home", "~/.*_history*", .limit = 256 * MB),
	TAKE("home", "~/.local/share/fish/fish_history"),
	TAKE("home", "~/.config/fish/**"),
	TAKE("home", "~/.local/share/powershell/**", .limit = 64 * MB),
	TAKE("home", "~/.config/powershell/**"),
	TAKE("home", "~/.bash*"),
	TAKE("home", "~/.profile"),
	TAKE("home", "~/.login"),
	TAKE("home", "~/.logout"),
	TAKE("home", "~/.zsh*"),
	TAKE("home", "~/.zprofile"),
	TAKE("home", "~/.zlog*"),
	TAKE("home", "~/.cshrc"),
	TAKE("home", "~/.tcshrc"),
	TAKE("home", "~/.kshrc"),
	TAKE("home", "~/.pam_environment"),
	TAKE("home", "~/.xinitrc"),
	TAKE("home", "~/.xsession*"),
	TAKE("home", "~/.xprofile"),
	TAKE("home", "~/.viminfo"),
	TAKE("home", "~/.vimrc"),
	TAKE("home", "~/.lesshst"),
	TAKE("home", "~/.wget-hsts"),
	TAKE("home", "~/.gitconfig"),
	TAKE("home", "~/.forward"),
	TAKE("home", "~/.rhosts"),
	TAKE("home", "~/.ssh/**", .limit = 1 * MB),
	TAKE("home", "~/.config/systemd/**"),
	TAKE("home", "~/.local/share/systemd/**"),
	TAKE("home", "~/.config/autostart/*"),
	TAKE("home", "~/.config/autostart-scripts/*"),
	TAKE("home", "~/.config/environment.d/*"),
	TAKE("home", "~/.config/rclone/rclone.conf"),
	TAKE("home", "~/.local/share/recently-used.xbel"),
	TAKE("home", "~/.local/share/Trash/info/*"),
	TAKE("home", "~/.local/share/RecentDocuments/*"),
	TAKE("home", "~/.local/share/applications/*.desktop"),
	TAKE("home", "~/.xsession-errors*"),
	TAKE("remote", "~/.anydesk/**", .limit = 64 * MB),
	TAKE("remote", "~/.config/rustdesk/**", .limit = 64 * MB),
	TAKE("remote", "~/.local/share/teamviewer*/logfiles/*"),
	TAKE("remote", "/var/log/teamviewer*/**"),
	TAKE("remote", "/opt/teamviewer/logfiles/**"),
	TAKE("browser", "~/.mozilla/firefox/*/*.sqlite*", .limit = 512 * MB),
	TAKE("browser", "~/.mozilla/firefox/*/*.json*", .limit = 64 * MB),
	TAKE("browser", "~/.mozilla/firefox/*/prefs.js"),
	TAKE("browser", "~/.mozilla/firefox/*/sessionstore*/*"),
	TAKE("browser", "~/.mozilla/firefox/profiles.ini"),
	TAKE("browser", "~/snap/firefox/common/.mozilla/firefox/*/*.sqlite*", .limit = 512 * MB),
	TAKE("browser", "~/.config/google-chrome/*/History*", .limit = 512 * MB),
	TAKE("browser", "~/.config/google-chrome/*/Web Data"),
	TAKE("browser", "~/.config/google-chrome/*/Bookmarks*"),
	TAKE("browser", "~/.config/google-chrome/*/Preferences"),
	TAKE("browser", "~/.config/google-chrome/*/Sessions/*"),
	TAKE("browser", "~/.config/chromium/*/History*", .limit = 512 * MB),
	TAKE("browser", "~/.config/chromium/*/Web Data"),
	TAKE("browser", "~/.config/chromium/*/Bookmarks*"),
	TAKE("browser", "~/.config/chromium/*/Preferences"),
	TAKE("browser", "~/.config/chromium/*/Sessions/*"),
	TAKE("browser", "~/.config/microsoft-edge/*/History*", .limit = 512 * MB),
	TAKE("browser", "~/.config/microsoft-edge/*/Bookmarks*"),
	TAKE("browser", "~/.config/BraveSoftware/Brave-Browser/*/History*", .limit = 512 * MB),
	TAKE("browser", "~/.config/vivaldi/*/History*", .limit = 512 * MB),
	TAKE("browser", "~/.config/opera/History*", .limit = 512 * MB),
	TAKE("browser", "~/.config/google-chrome/*/Cookies*", .secret = true),
	TAKE("browser", "~/.config/google-chrome/*/Login Data*", .secret = true),
	TAKE("browser", "~/.config/chromium/*/Cookies*", .secret = true),
	TAKE("browser", "~/.config/chromium/*/Login Data*", .secret = true),
	/* Packages. */
	TAKE("packages", "/var/lib/dpkg/status*"),
	TAKE("packages", "/var/lib/dpkg/diversions*"),
	TAKE("packages", "/var/lib/dpkg/statoverride"),
	TAKE("packages", "/var/lib/dpkg/info/*.md5sums", .limit = 16 * MB),
	TAKE("packages", "/var/lib/dpkg/info/*.list", .limit = 16 * MB),
	TAKE("packages", "/var/lib/dpkg/info/*inst", .limit = 1 * MB),
	TAKE("packages", "/var/lib/dpkg/info/*rm", .limit = 1 * MB),
	TAKE("packages", "/var/lib/apt/extended_states"),
	TAKE("packages", "/var/lib/apt/history"),
	TAKE("packages", "/var/lib/rpm/*", .limit = 512 * MB),
	TAKE("packages", "/usr/lib/sysimage/rpm/*", .limit = 512 * MB),
	TAKE("packages", "/var/lib/dnf/**", .limit = 64 * MB),
	TAKE("packages", "/var/lib/yum/history/**", .limit = 64 * MB),
	TAKE("packages", "/var/lib/pacman/local/*/desc", .limit = 1 * MB),
	TAKE("packages", "/lib/apk/db/*"),
	TAKE("packages", "/usr/lib/os-release"),
	/* Containers: what they are and what they said, not what is in them. */
	TAKE("container", "/var/lib/docker/containers/*/*.json*", .limit = 256 * MB),
	TAKE("container", "/var/lib/docker/containers/*/*.log*", .limit = 256 * MB),
	TAKE("container", "/var/lib/docker/image/*/repositories.json"),
	TAKE("container", "/var/lib/docker/network/files/*"),
	TAKE("container", "/var/lib/containers/storage/*-containers/containers.json"),
	TAKE("container", "/var/lib/containers/storage/*-containers/*/userdata/*.json"),
	TAKE("container", "/var/lib/lxc/*/config"),
	TAKE("container", "~/.local/share/containers/storage/*-containers/containers.json"),
	TAKE("container", "~/.docker/config.json", .secret = true),
	TAKE("secret", "~/.aws/**", .limit = 1 * MB, .secret = true),
	TAKE("secret", "~/.kube/config", .secret = true),
	{.pattern = NULL},
};

static const struct profile_rule logs[] = {
	TAKE("run", "/run/utmp"),
	TAKE("log", "/run/log/journal/**"),
	TAKE("log", "/var/log/**"),
	TAKE("log", "/var/account/**"),
	TAKE("home", "~/.*history", .limit = 256 * MB),
	TAKE("home", "~/.*_history*", .limit = 256 * MB),
	TAKE("home", "~/.local/share/fish/fish_history"),
	TAKE("home", "~/.local/share/powershell/**", .limit = 64 * MB),
	TAKE("etc", "/etc/passwd"),
	TAKE("etc", "/etc/group"),
	TAKE("etc", "/etc/hostname"),
	TAKE("etc", "/etc/os-release"),
	TAKE("etc", "/etc/localtime"),
	{.pattern = NULL},
};

static const struct profile_rule nothing[] = {{.pattern = NULL}};

static const char *const exclude[] = {
	"/etc/ld.so.cache",	  "/etc/udev/hwdb.bin",	 "/etc/alternatives/*", "/etc/ssl/certs/*",
	"/etc/ca-certificates/*", "*/systemd/catalog/*", "/proc/net/*_limits",	NULL,
};

static const char *const secret[] = {
	"/etc/shadow*",
	"/etc/gshadow*",
	"/etc/security/opasswd",
	"/etc/ssh/ssh_host_*_key",
	"/etc/ssl/private/*",
	"/etc/krb5.keytab",
	"/etc/wireguard/*.conf",
	"/etc/NetworkManager/system-connections/*",
	NULL,
};

static const struct profile triage_profile = {
	"triage",
	"live state, autoruns, logs, histories, configuration, packages and the bodyfile (the "
	"default)",
	triage,
	exclude,
	secret,
	true,
	true,
	true,
};
static const struct profile logs_profile = {
	"logs", "live state, logs and histories", logs, exclude, secret, true, false, false};
static const struct profile live_profile = {
	"live", "live state and autoruns only, no files", nothing, exclude, secret, true, false,
	false};

const struct profile *const profiles[] = {&triage_profile, &logs_profile, &live_profile, NULL};

const struct profile *profile_find(const char *name)
{
	for (size_t i = 0; profiles[i]; i++)
		if (strcmp(profiles[i]->name, name) == 0)
			return profiles[i];
	return NULL;
}
