#include "base/autorun_place.h"

#include "base/bundle_format.h"

/* clang-format off */
const struct autorun_place autorun_places[] = {
	{"cron", "/etc/crontab", AUTORUN_CRON, NULL, 0},
	{"cron", "/etc/cron.d/*", AUTORUN_CRON, NULL, 0},
	{"cron", "/var/spool/cron/crontabs/*", AUTORUN_CRONTAB, NULL, 0},
	{"cron", "/var/spool/cron/tabs/*", AUTORUN_CRONTAB, NULL, 0},
	{"cron", "/var/spool/cron/*", AUTORUN_CRONTAB, NULL, 0},
	{"cron", "/etc/cron.hourly/*", AUTORUN_FILE, NULL, 0},
	{"cron", "/etc/cron.daily/*", AUTORUN_FILE, NULL, 0},
	{"cron", "/etc/cron.weekly/*", AUTORUN_FILE, NULL, 0},
	{"cron", "/etc/cron.monthly/*", AUTORUN_FILE, NULL, 0},
	{"cron", "/etc/cron.yearly/*", AUTORUN_FILE, NULL, 0},
	{"anacron", "/etc/anacrontab", AUTORUN_ANACRON, NULL, 0},
	{"at", "/var/spool/cron/atjobs/*", AUTORUN_FILE, NULL, 0},
	{"at", "/var/spool/at/*", AUTORUN_FILE, NULL, 0},
	{"systemd", "/etc/systemd/system/*", AUTORUN_UNIT, NULL, 0},
	{"systemd", "/etc/systemd/system/*.d/*.conf", AUTORUN_UNIT, NULL, 0},
	{"systemd", "/etc/systemd/system.control/*", AUTORUN_UNIT, NULL, 0},
	{"systemd", "/etc/systemd/system.control/*.d/*.conf", AUTORUN_UNIT, NULL, 0},
	{"systemd", "/run/systemd/system/*", AUTORUN_UNIT, NULL, 0},
	{"systemd", "/run/systemd/system/*.d/*.conf", AUTORUN_UNIT, NULL, 0},
	{"systemd", "/run/systemd/system.control/*", AUTORUN_UNIT, NULL, 0},
	{"systemd", "/run/systemd/system.control/*.d/*.conf", AUTORUN_UNIT, NULL, 0},
	{"systemd", "/run/systemd/transient/*", AUTORUN_UNIT, NULL, 0},
	{"systemd", "/run/systemd/transient/*.d/*.conf", AUTORUN_UNIT, NULL, 0},
	{"systemd", "/usr/local/lib/systemd/system/*", AUTORUN_UNIT, NULL, 0},
	{"systemd", "/usr/local/lib/systemd/system/*.d/*.conf", AUTORUN_UNIT, NULL, 0},
	{"systemd", "/usr/lib/systemd/system/*", AUTORUN_UNIT, NULL, 0},
	{"systemd", "/usr/lib/systemd/system/*.d/*.conf", AUTORUN_UNIT, NULL, 0},
	{"systemd", "/lib/systemd/system/*", AUTORUN_UNIT, NULL, 0},
	{"systemd", "/lib/systemd/system/*.d/*.conf", AUTORUN_UNIT, NULL, 0},
	{"systemd", "/run/systemd/generator*/*", AUTORUN_UNIT, NULL, 0},
	{"systemd-service", "/etc/systemd/system.conf", AUTORUN_MATCH, "environment", 0},
	{"systemd-service", "/etc/systemd/system.conf.d/*", AUTORUN_MATCH, "environment", 0},
	{"systemd-user", "/etc/systemd/user/*", AUTORUN_UNIT, NULL, 0},
	{"systemd-user", "/etc/systemd/user/*.d/*.conf", AUTORUN_UNIT, NULL, 0},
	{"systemd-user", "/run/systemd/user/*", AUTORUN_UNIT, NULL, 0},
	{"systemd-user", "/run/systemd/user/*.d/*.conf", AUTORUN_UNIT, NULL, 0},
	{"systemd-user", "/usr/local/lib/systemd/user/*", AUTORUN_UNIT, NULL, 0},
	{"systemd-user", "/usr/local/lib/systemd/user/*.d/*.conf", AUTORUN_UNIT, NULL, 0},
	{"systemd-user", "/usr/lib/systemd/user/*", AUTORUN_UNIT, NULL, 0},
	{"systemd-user", "/usr/lib/systemd/user/*.d/*.conf", AUTORUN_UNIT, NULL, 0},
	{"systemd-user", "~/.config/systemd/user/*", AUTORUN_UNIT, NULL, 0},
	{"systemd-user", "~/.config/systemd/user/*.d/*.conf", AUTORUN_UNIT, NULL, 0},
	{"systemd-user", "~/.local/share/systemd/user/*", AUTORUN_UNIT, NULL, 0},
	{"systemd-user", "~/.local/share/systemd/user/*.d/*.conf", AUTORUN_UNIT, NULL, 0},
	{"systemd-user", "/etc/systemd/user.conf", AUTORUN_MATCH, "environment", 0},
	{"systemd-user", "/etc/systemd/user.conf.d/*", AUTORUN_MATCH, "environment", 0},
	{"systemd-generator", "/etc/systemd/system-generators/*", AUTORUN_FILE, NULL, 0},
	{"systemd-generator", "/etc/systemd/user-generators/*", AUTORUN_FILE, NULL, 0},
	{"systemd-generator", "/etc/systemd/system-environment-generators/*", AUTORUN_FILE, NULL, 0},
	{"systemd-generator", "/etc/systemd/user-environment-generators/*", AUTORUN_FILE, NULL, 0},
	{"systemd-generator", "/run/systemd/system-generators/*", AUTORUN_FILE, NULL, 0},
	{"systemd-generator", "/run/systemd/user-generators/*", AUTORUN_FILE, NULL, 0},
	{"systemd-generator", "/run/systemd/system-environment-generators/*", AUTORUN_FILE, NULL, 0},
	{"systemd-generator", "/run/systemd/user-environment-generators/*", AUTORUN_FILE, NULL, 0},
	{"systemd-generator", "/usr/local/lib/systemd/system-generators/*", AUTORUN_FILE, NULL, 0},
	{"systemd-generator", "/usr/local/lib/systemd/user-generators/*", AUTORUN_FILE, NULL, 0},
	{"systemd-generator", "/usr/local/lib/systemd/system-environment-generators/*", AUTORUN_FILE, NULL, 0},
	{"systemd-generator", "/usr/local/lib/systemd/user-environment-generators/*", AUTORUN_FILE, NULL, 0},
	{"systemd-generator", "/usr/lib/systemd/system-generators/*", AUTORUN_FILE, NULL, 0},
	{"systemd-generator", "/usr/lib/systemd/user-generators/*", AUTORUN_FILE, NULL, 0},
	{"systemd-generator", "/usr/lib/systemd/system-environment-generators/*", AUTORUN_FILE, NULL, 0},
	{"systemd-generator", "/usr/lib/systemd/user-environment-generators/*", AUTORUN_FILE, NULL, 0},
	{"systemd-generator", "/lib/systemd/system-generators/*", AUTORUN_FILE, NULL, 0},
	{"systemd-generator", "/lib/systemd/user-generators/*", AUTORUN_FILE, NULL, 0},
	{"systemd-generator", "/lib/systemd/system-environment-generators/*", AUTORUN_FILE, NULL, 0},
	{"systemd-generator", "/lib/systemd/user-environment-generators/*", AUTORUN_FILE, NULL, 0},
	{"systemd-service", "/usr/lib/systemd/system-shutdown/*", AUTORUN_FILE, NULL, 0},
	{"systemd-service", "/usr/lib/systemd/system-sleep/*", AUTORUN_FILE, NULL, 0},
	{"systemd-service", "/lib/systemd/system-shutdown/*", AUTORUN_FILE, NULL, 0},
	{"systemd-service", "/lib/systemd/system-sleep/*", AUTORUN_FILE, NULL, 0},
	{"systemd-service", "/etc/systemd/system-shutdown/*", AUTORUN_FILE, NULL, 0},
	{"systemd-service", "/etc/systemd/system-sleep/*", AUTORUN_FILE, NULL, 0},
	{"tmpfiles", "/etc/tmpfiles.d/*", AUTORUN_LINES, NULL, 0},
	{"tmpfiles", "/run/tmpfiles.d/*", AUTORUN_LINES, NULL, 0},
	{"tmpfiles", "/usr/local/lib/tmpfiles.d/*", AUTORUN_LINES, NULL, 0},
	{"tmpfiles", "~/.config/user-tmpfiles.d/*", AUTORUN_LINES, NULL, 0},
	{"init.d", "/etc/init.d/*", AUTORUN_FILE, NULL, 0},
	{"init.d", "/etc/rc.d/init.d/*", AUTORUN_FILE, NULL, 0},
	{"init.d", "/etc/rc?.d/*", AUTORUN_FILE, NULL, 0},
	{"init.d", "/etc/rc.d/rc?.d/*", AUTORUN_FILE, NULL, 0},
	{"init.d", "/etc/local.d/*", AUTORUN_FILE, NULL, 0},
	{"init.d", "/etc/inittab", AUTORUN_LINES, NULL, 0},
	{"init.d", "/etc/init/*.conf", AUTORUN_MATCH, "exec|script|respawn", 0},
	{"rc.local", "/etc/rc.local", AUTORUN_FILE, NULL, 0},
	{"rc.local", "/etc/rc.d/rc.local", AUTORUN_FILE, NULL, 0},
	{"rc.local", "/etc/rc.local.d/*", AUTORUN_FILE, NULL, 0},
	{"rc.local", "/etc/boot.local", AUTORUN_FILE, NULL, 0},
	{"rc.local", "/etc/init.d/boot.local", AUTORUN_FILE, NULL, 0},
	{"profile", "/etc/profile", AUTORUN_FILE, NULL, 0},
	{"profile", "/etc/profile.d/*", AUTORUN_FILE, NULL, 0},
	{"profile", "/etc/bash.bashrc", AUTORUN_FILE, NULL, 0},
	{"profile", "/etc/bashrc", AUTORUN_FILE, NULL, 0},
	{"profile", "/etc/bash.bash_logout", AUTORUN_FILE, NULL, 0},
	{"profile", "/etc/zsh/*", AUTORUN_FILE, NULL, 0},
	{"profile", "/etc/zshenv", AUTORUN_FILE, NULL, 0},
	{"profile", "/etc/zshrc", AUTORUN_FILE, NULL, 0},
	{"profile", "/etc/zprofile", AUTORUN_FILE, NULL, 0},
	{"profile", "/etc/zlogin", AUTORUN_FILE, NULL, 0},
	{"profile", "/etc/csh.cshrc", AUTORUN_FILE, NULL, 0},
	{"profile", "/etc/csh.login", AUTORUN_FILE, NULL, 0},
	{"profile", "/etc/ksh.kshrc", AUTORUN_FILE, NULL, 0},
	{"profile", "/etc/mkshrc", AUTORUN_FILE, NULL, 0},
	{"profile", "/etc/fish/*.fish", AUTORUN_FILE, NULL, 0},
	{"profile", "/etc/fish/conf.d/*", AUTORUN_FILE, NULL, 0},
	{"profile", "/etc/X11/Xsession.d/*", AUTORUN_FILE, NULL, 0},
	{"profile", "/etc/X11/xinit/xinitrc", AUTORUN_FILE, NULL, 0},
	{"profile", "/etc/X11/xinit/xinitrc.d/*", AUTORUN_FILE, NULL, 0},
	{"profile", "/etc/skel/.*", AUTORUN_FILE, NULL, 0},
	{"profile", "/etc/environment", AUTORUN_LINES, NULL, 0},
	{"profile", "/etc/environment.d/*", AUTORUN_LINES, NULL, 0},
	{"profile", "/usr/lib/environment.d/*", AUTORUN_LINES, NULL, 0},
	{"profile", "~/.bashrc", AUTORUN_FILE, NULL, 0},
	{"profile", "~/.bash_profile", AUTORUN_FILE, NULL, 0},
	{"profile", "~/.bash_login", AUTORUN_FILE, NULL, 0},
	{"profile", "~/.bash_logout", AUTORUN_FILE, NULL, 0},
	{"profile", "~/.bash_aliases", AUTORUN_FILE, NULL, 0},
	{"profile", "~/.profile", AUTORUN_FILE, NULL, 0},
	{"profile", "~/.zshrc", AUTORUN_FILE, NULL, 0},
	{"profile", "~/.zshenv", AUTORUN_FILE, NULL, 0},
	{"profile", "~/.zprofile", AUTORUN_FILE, NULL, 0},
	{"profile", "~/.zlogin", AUTORUN_FILE, NULL, 0},
	{"profile", "~/.zlogout", AUTORUN_FILE, NULL, 0},
	{"profile", "~/.cshrc", AUTORUN_FILE, NULL, 0},
	{"profile", "~/.tcshrc", AUTORUN_FILE, NULL, 0},
	{"profile", "~/.login", AUTORUN_FILE, NULL, 0},
	{"profile", "~/.logout", AUTORUN_FILE, NULL, 0},
	{"profile", "~/.kshrc", AUTORUN_FILE, NULL, 0},
	{"profile", "~/.mkshrc", AUTORUN_FILE, NULL, 0},
	{"profile", "~/.config/fish/config.fish", AUTORUN_FILE, NULL, 0},
	{"profile", "~/.config/fish/conf.d/*", AUTORUN_FILE, NULL, 0},
	{"profile", "~/.xinitrc", AUTORUN_FILE, NULL, 0},
	{"profile", "~/.xprofile", AUTORUN_FILE, NULL, 0},
	{"profile", "~/.xsession", AUTORUN_FILE, NULL, 0},
	{"profile", "~/.xsessionrc", AUTORUN_FILE, NULL, 0},
	{"profile", "~/.config/powershell/*profile.ps1", AUTORUN_FILE, NULL, 0},
	{"profile", "/opt/microsoft/powershell/*/*profile.ps1", AUTORUN_FILE, NULL, 0},
	{"profile", "/usr/share/powershell/*profile.ps1", AUTORUN_FILE, NULL, 0},
	{"profile", "/snap/powershell/*/opt/powershell/*profile.ps1", AUTORUN_FILE, NULL, 0},
	{"profile", "~/.pam_environment", AUTORUN_LINES, NULL, 0},
	{"profile", "~/.config/environment.d/*", AUTORUN_LINES, NULL, 0},
	{"profile", "~/.ssh/environment", AUTORUN_LINES, NULL, 0},
	{"ld.so.preload", "/etc/ld.so.preload", AUTORUN_LINES, NULL, 0},
	{"ld.so.conf", "/etc/ld.so.conf", AUTORUN_LINES, NULL, 0},
	{"ld.so.conf", "/etc/ld.so.conf.d/*", AUTORUN_LINES, NULL, 0},
	{"xdg-autostart", "/etc/xdg/autostart/*.desktop", AUTORUN_DESKTOP, NULL, 0},
	{"xdg-autostart", "~/.config/autostart/*.desktop", AUTORUN_DESKTOP, NULL, 0},
	{"xdg-autostart", "/usr/share/autostart/*.desktop", AUTORUN_DESKTOP, NULL, 0},
	{"xdg-autostart", "/usr/share/gnome/autostart/*.desktop", AUTORUN_DESKTOP, NULL, 0},
	{"xdg-autostart", "~/.config/autostart-scripts/*", AUTORUN_FILE, NULL, 0},
	{"xdg-autostart", "~/.config/plasma-workspace/env/*", AUTORUN_FILE, NULL, 0},
	{"xdg-autostart", "/etc/xdg/plasma-workspace/env/*", AUTORUN_FILE, NULL, 0},
	{"xdg-autostart", "~/.kde/Autostart/*", AUTORUN_FILE, NULL, 0},
	{"authorized_keys", "~/.ssh/authorized_keys", AUTORUN_KEYS, NULL, 0},
	{"authorized_keys", "~/.ssh/authorized_keys2", AUTORUN_KEYS, NULL, 0},
	{"authorized_keys", "/etc/ssh/authorized_keys/*", AUTORUN_KEYS, NULL, 0},
	{"authorized_keys", "/etc/ssh/authorized_keys", AUTORUN_KEYS, NULL, 0},
	{"pam", "/etc/pam.d/*", AUTORUN_LINES, NULL, 0},
	{"pam", "/etc/pam.conf", AUTORUN_LINES, NULL, 0},
	{"pam", "/usr/lib/pam.d/*", AUTORUN_LINES, NULL, 0},
	{"pam", "/etc/security/pam_env.conf", AUTORUN_LINES, NULL, 0},
	{"udev", "/etc/udev/rules.d/*", AUTORUN_MATCH, "run+=|run=|program=|program+=|run{|import{program}", 0},
	{"udev", "/run/udev/rules.d/*", AUTORUN_MATCH, "run+=|run=|program=|program+=|run{|import{program}", 0},
	{"udev", "/usr/local/lib/udev/rules.d/*", AUTORUN_MATCH, "run+=|run=|program=|program+=|run{|import{program}", 0},
	{"udev", "/usr/lib/udev/rules.d/*", AUTORUN_MATCH, "run+=|run=|program=|program+=|run{|import{program}", 0},
	{"udev", "/lib/udev/rules.d/*", AUTORUN_MATCH, "run+=|run=|program=|program+=|run{|import{program}", 0},
	{"modprobe", "/etc/modprobe.d/*", AUTORUN_MATCH, "install |remove ", 0},
	{"modprobe", "/run/modprobe.d/*", AUTORUN_MATCH, "install |remove ", 0},
	{"modprobe", "/usr/local/lib/modprobe.d/*", AUTORUN_MATCH, "install |remove ", 0},
	{"modprobe", "/usr/lib/modprobe.d/*", AUTORUN_MATCH, "install |remove ", 0},
	{"modprobe", "/lib/modprobe.d/*", AUTORUN_MATCH, "install |remove ", 0},
	{"modprobe", "/etc/modprobe.conf", AUTORUN_MATCH, "install |remove ", 0},
	{"modprobe", "/proc/sys/kernel/modprobe", AUTORUN_LINES, NULL, AUTORUN_LIVE},
	{"modprobe", "/sys/kernel/uevent_helper", AUTORUN_LINES, NULL, AUTORUN_LIVE},
	{"modules-load", "/etc/modules", AUTORUN_LINES, NULL, 0},
	{"modules-load", "/etc/modules-load.d/*", AUTORUN_LINES, NULL, 0},
	{"modules-load", "/run/modules-load.d/*", AUTORUN_LINES, NULL, 0},
	{"modules-load", "/usr/local/lib/modules-load.d/*", AUTORUN_LINES, NULL, 0},
	{"modules-load", "/usr/lib/modules-load.d/*", AUTORUN_LINES, NULL, 0},
	{"modules-load", "/lib/modules-load.d/*", AUTORUN_LINES, NULL, 0},
	{"motd", "/etc/update-motd.d/*", AUTORUN_FILE, NULL, 0},
	{"apt-hook", "/etc/apt/apt.conf", AUTORUN_MATCH, "invoke|pre-install-pkgs", 0},
	{"apt-hook", "/etc/apt/apt.conf.d/*", AUTORUN_MATCH, "invoke|pre-install-pkgs", 0},
	{"apt-hook", "~/.config/apt/apt.conf", AUTORUN_MATCH, "invoke|pre-install-pkgs", 0},
	{"apt-hook", "/etc/dpkg/dpkg.cfg", AUTORUN_MATCH, "invoke", 0},
	{"apt-hook", "/etc/dpkg/dpkg.cfg.d/*", AUTORUN_MATCH, "invoke", 0},
	{"apt-hook", "~/.dpkg.cfg", AUTORUN_MATCH, "invoke", 0},
	{"dnf-plugin", "/etc/dnf/plugins/*", AUTORUN_FILE, NULL, 0},
	{"dnf-plugin", "/etc/yum/pluginconf.d/*", AUTORUN_FILE, NULL, 0},
	{"dnf-plugin", "/usr/lib/python3*/site-packages/dnf-plugins/*.py", AUTORUN_FILE, NULL, 0},
	{"dnf-plugin", "/usr/lib/yum-plugins/*.py", AUTORUN_FILE, NULL, 0},
	{"dnf-plugin", "/usr/lib/zypp/plugins/**", AUTORUN_FILE, NULL, 0},
	{"dnf-plugin", "/etc/dnf/plugins/post-transaction-actions.d/*", AUTORUN_LINES, NULL, 0},
	{"dnf-plugin", "/etc/dnf/libdnf5-plugins/actions.d/*", AUTORUN_LINES, NULL, 0},
	{"dnf-plugin", "/etc/pacman.d/hooks/*", AUTORUN_MATCH, "exec", 0},
	{"sudoers", "/etc/sudoers", AUTORUN_LINES, NULL, 0},
	{"sudoers", "/etc/sudoers.d/*", AUTORUN_LINES, NULL, 0},
	{"sudoers", "/usr/local/etc/sudoers", AUTORUN_LINES, NULL, 0},
	{"sudoers", "/usr/local/etc/sudoers.d/*", AUTORUN_LINES, NULL, 0},
	{"sudoers", "/etc/doas.conf", AUTORUN_LINES, NULL, 0},
	{"sshd", "/etc/ssh/sshd_config", AUTORUN_MATCH, "command|authorizedkeysfile|permitrootlogin|subsystem|permituserenvironment|passwordauthentication", 0},
	{"sshd", "/etc/ssh/sshd_config.d/*", AUTORUN_MATCH, "command|authorizedkeysfile|permitrootlogin|subsystem|permituserenvironment|passwordauthentication", 0},
	{"sshd", "/etc/ssh/sshrc", AUTORUN_FILE, NULL, 0},
	{"sshd", "~/.ssh/rc", AUTORUN_FILE, NULL, 0},
	{"sshd", "~/.ssh/config", AUTORUN_MATCH, "command", 0},
	{"sshd", "/etc/ssh/ssh_config", AUTORUN_MATCH, "command", 0},
	{"sshd", "/etc/ssh/ssh_config.d/*", AUTORUN_MATCH, "command", 0},
	{"networkmanager", "/etc/NetworkManager/dispatcher.d/**", AUTORUN_FILE, NULL, 0},
	{"networkmanager", "/usr/lib/NetworkManager/dispatcher.d/**", AUTORUN_FILE, NULL, 0},
	{"networkmanager", "/etc/networkd-dispatcher/**", AUTORUN_FILE, NULL, 0},
	{"networkmanager", "/usr/lib/networkd-dispatcher/**", AUTORUN_FILE, NULL, 0},
	{"ifupdown", "/etc/network/if-*.d/*", AUTORUN_FILE, NULL, 0},
	{"ifupdown", "/etc/ppp/ip-*.d/*", AUTORUN_FILE, NULL, 0},
	{"ifupdown", "/etc/ppp/ip-up", AUTORUN_FILE, NULL, 0},
	{"ifupdown", "/etc/ppp/ip-down", AUTORUN_FILE, NULL, 0},
	{"ifupdown", "/etc/ppp/ip-up.local", AUTORUN_FILE, NULL, 0},
	{"ifupdown", "/etc/dhcp/dhclient-*-hooks.d/*", AUTORUN_FILE, NULL, 0},
	{"ifupdown", "/etc/dhcp/dhclient-*-hooks", AUTORUN_FILE, NULL, 0},
	{"ifupdown", "/etc/dhclient-*-hooks", AUTORUN_FILE, NULL, 0},
	{"ifupdown", "/etc/dhcpcd.*-hook", AUTORUN_FILE, NULL, 0},
	{"ifupdown", "/etc/sysconfig/network-scripts/ifup-local", AUTORUN_FILE, NULL, 0},
	{"ifupdown", "/etc/sysconfig/network-scripts/ifdown-local", AUTORUN_FILE, NULL, 0},
	{"ifupdown", "/etc/network/interfaces", AUTORUN_MATCH, "up |down ", 0},
	{"ifupdown", "/etc/network/interfaces.d/*", AUTORUN_MATCH, "up |down ", 0},
	{"dbus", "/usr/share/dbus-1/system-services/*", AUTORUN_DESKTOP, NULL, 0},
	{"dbus", "/usr/share/dbus-1/services/*", AUTORUN_DESKTOP, NULL, 0},
	{"dbus", "/usr/local/share/dbus-1/system-services/*", AUTORUN_DESKTOP, NULL, 0},
	{"dbus", "/usr/local/share/dbus-1/services/*", AUTORUN_DESKTOP, NULL, 0},
	{"dbus", "~/.local/share/dbus-1/services/*", AUTORUN_DESKTOP, NULL, 0},
	{"dbus", "/etc/dbus-1/system.d/*", AUTORUN_FILE, NULL, 0},
	{"dbus", "/etc/dbus-1/session.d/*", AUTORUN_FILE, NULL, 0},
	{"polkit", "/etc/polkit-1/rules.d/*", AUTORUN_FILE, NULL, 0},
	{"polkit", "/usr/share/polkit-1/rules.d/*", AUTORUN_FILE, NULL, 0},
	{"polkit", "/usr/local/share/polkit-1/rules.d/*", AUTORUN_FILE, NULL, 0},
	{"polkit", "/run/polkit-1/rules.d/*", AUTORUN_FILE, NULL, 0},
	{"polkit", "/etc/polkit-1/localauthority/**", AUTORUN_FILE, NULL, 0},
	{"polkit", "/var/lib/polkit-1/localauthority/**", AUTORUN_FILE, NULL, 0},
	{"git-hook", "/usr/share/git-core/templates/hooks/*", AUTORUN_FILE, NULL, 0},
	{"git-hook", "~/.config/git/hooks/*", AUTORUN_FILE, NULL, 0},
	{"git-hook", "~/.git-templates/hooks/*", AUTORUN_FILE, NULL, 0},
	{"git-hook", "/etc/gitconfig", AUTORUN_MATCH, "hookspath|templatedir|sshcommand|fsmonitor|pager|editor|helper", 0},
	{"git-hook", "~/.gitconfig", AUTORUN_MATCH, "hookspath|templatedir|sshcommand|fsmonitor|pager|editor|helper", 0},
	{"git-hook", "~/.config/git/config", AUTORUN_MATCH, "hookspath|templatedir|sshcommand|fsmonitor|pager|editor|helper", 0},
	{"git-hook", "/.git/hooks/*", AUTORUN_FILE, NULL, AUTORUN_WALK},
	{"git-hook", "/.git/config", AUTORUN_MATCH, "hookspath|sshcommand|fsmonitor|pager|editor|helper", AUTORUN_WALK},
	{"python", "/usr/lib/python3/dist-packages/*.pth", AUTORUN_MATCH, "import ", 0},
	{"python", "/usr/lib/python3*/site-packages/*.pth", AUTORUN_MATCH, "import ", 0},
	{"python", "/usr/lib64/python3*/site-packages/*.pth", AUTORUN_MATCH, "import ", 0},
	{"python", "/usr/local/lib/python3*/dist-packages/*.pth", AUTORUN_MATCH, "import ", 0},
	{"python", "/usr/local/lib/python3*/site-packages/*.pth", AUTORUN_MATCH, "import ", 0},
	{"python", "~/.local/lib/python3*/site-packages/*.pth", AUTORUN_MATCH, "import ", 0},
	{"python", "/usr/lib/python3/dist-packages/sitecustomize.py", AUTORUN_FILE, NULL, 0},
	{"python", "/usr/lib/python3/dist-packages/usercustomize.py", AUTORUN_FILE, NULL, 0},
	{"python", "/usr/lib/python3*/sitecustomize.py", AUTORUN_FILE, NULL, 0},
	{"python", "/usr/lib/python3*/usercustomize.py", AUTORUN_FILE, NULL, 0},
	{"python", "/usr/lib/python3*/site-packages/sitecustomize.py", AUTORUN_FILE, NULL, 0},
	{"python", "/usr/lib/python3*/site-packages/usercustomize.py", AUTORUN_FILE, NULL, 0},
	{"python", "/usr/local/lib/python3*/dist-packages/sitecustomize.py", AUTORUN_FILE, NULL, 0},
	{"python", "/usr/local/lib/python3*/dist-packages/usercustomize.py", AUTORUN_FILE, NULL, 0},
	{"python", "/usr/local/lib/python3*/site-packages/sitecustomize.py", AUTORUN_FILE, NULL, 0},
	{"python", "/usr/local/lib/python3*/site-packages/usercustomize.py", AUTORUN_FILE, NULL, 0},
	{"python", "~/.local/lib/python3*/site-packages/sitecustomize.py", AUTORUN_FILE, NULL, 0},
	{"python", "~/.local/lib/python3*/site-packages/usercustomize.py", AUTORUN_FILE, NULL, 0},
	{"binfmt", "/etc/binfmt.d/*", AUTORUN_LINES, NULL, 0},
	{"binfmt", "/run/binfmt.d/*", AUTORUN_LINES, NULL, 0},
	{"binfmt", "/usr/lib/binfmt.d/*", AUTORUN_LINES, NULL, 0},
	{"binfmt", "/usr/local/lib/binfmt.d/*", AUTORUN_LINES, NULL, 0},
	{"binfmt", "/proc/sys/fs/binfmt_misc/*", AUTORUN_MATCH, "interpreter ", AUTORUN_LIVE},
	{"core_pattern", "/proc/sys/kernel/core_pattern", AUTORUN_MATCH, "|", AUTORUN_LIVE},
	{"core_pattern", "/etc/sysctl.conf", AUTORUN_MATCH, "core_pattern|kernel.modprobe|kernel/modprobe|kernel.hotplug|kernel/hotplug", 0},
	{"core_pattern", "/etc/sysctl.d/*", AUTORUN_MATCH, "core_pattern|kernel.modprobe|kernel/modprobe|kernel.hotplug|kernel/hotplug", 0},
	{"core_pattern", "/run/sysctl.d/*", AUTORUN_MATCH, "core_pattern|kernel.modprobe|kernel/modprobe|kernel.hotplug|kernel/hotplug", 0},
	{"core_pattern", "/usr/local/lib/sysctl.d/*", AUTORUN_MATCH, "core_pattern|kernel.modprobe|kernel/modprobe|kernel.hotplug|kernel/hotplug", 0},
	{"core_pattern", "/usr/lib/sysctl.d/*", AUTORUN_MATCH, "core_pattern|kernel.modprobe|kernel/modprobe|kernel.hotplug|kernel/hotplug", 0},
	{"core_pattern", "/lib/sysctl.d/*", AUTORUN_MATCH, "core_pattern|kernel.modprobe|kernel/modprobe|kernel.hotplug|kernel/hotplug", 0},
	{"initramfs", "/etc/initramfs-tools/hooks/*", AUTORUN_FILE, NULL, 0},
	{"initramfs", "/etc/initramfs-tools/scripts/**", AUTORUN_FILE, NULL, 0},
	{"initramfs", "/usr/share/initramfs-tools/hooks/*", AUTORUN_FILE, NULL, 0},
	{"initramfs", "/usr/share/initramfs-tools/scripts/**", AUTORUN_FILE, NULL, 0},
	{"initramfs", "/usr/lib/dracut/modules.d/*/module-setup.sh", AUTORUN_FILE, NULL, 0},
	{"initramfs", "/etc/initramfs-tools/modules", AUTORUN_LINES, NULL, 0},
	{"initramfs", "/etc/dracut.conf", AUTORUN_LINES, NULL, 0},
	{"initramfs", "/etc/dracut.conf.d/*", AUTORUN_LINES, NULL, 0},
	{"initramfs", "/usr/lib/dracut/dracut.conf.d/*", AUTORUN_LINES, NULL, 0},
	{"initramfs", "/etc/mkinitcpio.conf", AUTORUN_LINES, NULL, 0},
	{"initramfs", "/etc/mkinitcpio.conf.d/*", AUTORUN_LINES, NULL, 0},
	{"grub", "/etc/default/grub", AUTORUN_MATCH, "cmdline", 0},
	{"grub", "/etc/default/grub.d/*", AUTORUN_MATCH, "cmdline", 0},
	{"grub", "/etc/grub.d/*", AUTORUN_FILE, NULL, 0},
	{"grub", "/boot/grub*/custom.cfg", AUTORUN_FILE, NULL, 0},
	{"grub", "/boot/grub*/grub.cfg", AUTORUN_MATCH, " init=| rdinit=", 0},
	{"grub", "/etc/kernel/*.d/*", AUTORUN_FILE, NULL, 0},
	{"grub", "/usr/lib/kernel/install.d/*", AUTORUN_FILE, NULL, 0},
	{"xinetd", "/etc/xinetd.d/*", AUTORUN_MATCH, "server", 0},
	{"xinetd", "/etc/xinetd.conf", AUTORUN_MATCH, "server", 0},
	{"xinetd", "/etc/inetd.conf", AUTORUN_LINES, NULL, 0},
	{"xinetd", "/etc/inetd.d/*", AUTORUN_LINES, NULL, 0},
	{"nss", "/etc/nsswitch.conf", AUTORUN_LINES, NULL, 0},
	{"container", "/etc/docker/daemon.json", AUTORUN_FILE, NULL, 0},
	{"container", "~/.config/docker/daemon.json", AUTORUN_FILE, NULL, 0},
	{"container", "/etc/containers/systemd/**", AUTORUN_FILE, NULL, 0},
	{"container", "/usr/share/containers/systemd/**", AUTORUN_FILE, NULL, 0},
	{"container", "~/.config/containers/systemd/**", AUTORUN_FILE, NULL, 0},
	{"container", "/etc/containers/oci/hooks.d/*", AUTORUN_FILE, NULL, 0},
	{"container", "/usr/share/containers/oci/hooks.d/*", AUTORUN_FILE, NULL, 0},
	{"container", "/etc/kubernetes/manifests/*", AUTORUN_FILE, NULL, 0},
	{"container", "/var/lib/rancher/*/server/manifests/**", AUTORUN_FILE, NULL, 0},
	{"container", "/var/lib/lxc/*/config", AUTORUN_MATCH, "hook|lxc.init|start.auto", 0},
	{"container", "/etc/lxc/*.conf", AUTORUN_MATCH, "hook|lxc.init|start.auto", 0},
	{"container", "/var/lib/docker/containers/*/config.v2.json", AUTORUN_DOCKER, NULL, 0},
	{"container", "~/.local/share/docker/containers/*/config.v2.json", AUTORUN_DOCKER, NULL, 0},
	{NULL, NULL, AUTORUN_FILE, NULL, 0},
};
/* clang-format on */

/* Takes the last part off; false when none is left. */
static bool last_part(struct view *path, struct view *part)
{
	size_t n;

	while (path->len && path->data[path->len - 1] == '/')
		path->len--;
	for (n = path->len; n > 0 && path->data[n - 1] != '/'; n--)
		;
	*part = view_from(*path, n);
	path->len = n;
	return part->len;
}

static bool ends_like(struct view path, struct view pattern)
{
	struct view want, have;
	char glob[80];

	if (pattern.len && pattern.data[0] == '~')
		pattern = view_from(pattern, 1);
	while (last_part(&pattern, &want)) {
		if (view_is(want, "**")) {
			/* Everything below: the rest of the pattern ends at any folder above. */
			while (last_part(&path, &have))
				if (ends_like(path, pattern))
					return true;
			return false;
		}
		if (!last_part(&path, &have) || want.len >= sizeof(glob))
			return false;
		memcpy(glob, want.data, want.len);
		glob[want.len] = '\0';
		if (!view_glob(have, glob))
			return false;
	}
	return true;
}

const struct autorun_place *autorun_place_of(struct view path)
{
	for (const struct autorun_place *p = autorun_places; p->place; p++)
		if (ends_like(path, view_text(p->pattern)))
			return p;
	return NULL;
}

bool autorun_holds(struct view line, const char *words)
{
	if (strcmp(words, "|") == 0)
		return line.len && line.data[0] == '|';
	while (*words) {
		size_t n = strcspn(words, "|");

		for (size_t at = 0; n && at + n <= line.len; at++) {
			size_t i = 0;

			while (i < n && (line.data[at + i] >= 'A' && line.data[at + i] <= 'Z'
						 ? line.data[at + i] | 0x20
						 : line.data[at + i]) == (uint8_t)words[i])
				i++;
			if (i == n)
				return true;
		}
		words += n + (words[n] == '|');
	}
	return false;
}

bool autorun_left_out(const struct autorun_place *place, struct view name)
{
	static const char *const nothing[] = {".placeholder", "README*", ".gitignore", NULL};

	for (size_t i = 0; nothing[i]; i++)
		if (view_glob(name, nothing[i]))
			return true;
	/* What git puts into every repository does not run under that name. */
	return strcmp(place->place, "git-hook") == 0 && view_glob(name, "*.sample");
}

bool autorun_docker(struct view json, struct buffer *name, struct buffer *command)
{
	struct buffer args = {0};
	bool found = bundle_json_value(json, "Path", command);

	if (!bundle_json_value(json, "Name", name))
		name->len = 0;
	/* The arguments stay JSON: what is in them may be anything. */
	if (found && bundle_json_value(json, "Args", &args) && args.len > 2) {
		buffer_char(command, ' ');
		buffer_view(command, buffer_as_view(&args));
	}
	buffer_release(&args);
	return found;
}
