#!/usr/bin/env python3
"""TAP: every place where persistence hides on Linux: planted in a tree, seen by the collector, taken, and a `persistence` event of the
case, whether a bundle or the tree itself is ingested; then what only a running system has."""
import ctypes, json, os, shutil, struct, subprocess, sys, tempfile, time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '../lib'))
import tap
from tap import Bundle, konseki, ok, run, skip

work = tempfile.mkdtemp(prefix='persistence.')
def at(name):
    return os.path.join(work, name)
tree = at('tree')
E = '/tmp/.evil'   # what each of them starts
key = 'AAAAC3NzaC1lZDI1NTE5AAAAIIBVbJ4DRbFJBhQyTPCMuqVBz1YK8yl0mhbWdG7XG7sx'
docker = 'ab' * 32
# place, path, content, what the command line must hold (None: the file as a whole)
plants = [
    ('cron', '/etc/crontab', f'* * * * * root {E} 1\n', f'{E} 1'),
    ('cron', '/etc/cron.d/x', f'@reboot root {E} 2\n', f'{E} 2'),
    ('cron', '/var/spool/cron/crontabs/alice', f'1 2 3 4 5 {E} 3\n', f'{E} 3'),
    ('cron', '/var/spool/cron/bob', f'1 2 3 4 5 {E} 4\n', f'{E} 4'),
    ('cron', '/etc/cron.daily/x', '#!/bin/sh\n', None), ('cron', '/etc/cron.hourly/x', '#!/bin/sh\n', None),
    ('cron', '/etc/cron.weekly/x', '#!/bin/sh\n', None), ('cron', '/etc/cron.monthly/x', '#!/bin/sh\n', None),
    ('at', '/var/spool/cron/atjobs/a0000101', f'#!/bin/sh\n{E}\n', None),
    ('at', '/var/spool/at/a0000201', f'#!/bin/sh\n{E}\n', None),
    ('anacron', '/etc/anacrontab', f'1 5 evil {E} 5\n', f'{E} 5'),
    ('systemd-service', '/etc/systemd/system/x.service', f'[Service]\nExecStart={E} 6\n', f'{E} 6'),
    ('systemd-service', '/etc/systemd/system/ssh.service.d/x.conf', f'[Service]\nExecStartPost={E} 7\n', f'{E} 7'),
    ('systemd-service', '/usr/lib/systemd/system/y.service', f'[Service]\nExecStart={E} 8\n', f'{E} 8'),
    ('systemd-service', '/usr/local/lib/systemd/system/z.service', f'[Service]\nExecStart={E} 9\n', f'{E} 9'),
    ('systemd-service', '/usr/lib/systemd/system-shutdown/x', '#!/bin/sh\n', None),
    ('systemd-service', '/usr/lib/systemd/system-sleep/x', '#!/bin/sh\n', None),
    ('systemd-service', '/etc/systemd/system.conf', f'[Manager]\nDefaultEnvironment=LD_PRELOAD={E}\n', E),
    ('systemd-timer', '/etc/systemd/system/x.timer', '[Timer]\nOnCalendar=daily\n', None),
    ('systemd-service', '/etc/systemd/system/x.path', '[Path]\nPathExists=/tmp/go\n', None),
    ('systemd-service', '/etc/systemd/system/x.socket', '[Socket]\nListenStream=4444\n', None),
    ('systemd-generator', '/etc/systemd/system-generators/x', '#!/bin/sh\n', None),
    ('systemd-generator', '/usr/lib/systemd/user-generators/x', '#!/bin/sh\n', None),
    ('systemd-generator', '/usr/lib/systemd/system-environment-generators/x', '#!/bin/sh\n', None),
    ('systemd-user', '/home/alice/.config/systemd/user/x.service', f'[Service]\nExecStart={E} 10\n', f'{E} 10'),
    ('systemd-user', '/etc/systemd/user/x.service', f'[Service]\nExecStart={E} 11\n', f'{E} 11'),
    ('systemd-user', '/home/alice/.local/share/systemd/user/y.service', f'[Service]\nExecStart={E} 12\n', f'{E} 12'),
    ('tmpfiles', '/etc/tmpfiles.d/x.conf', 'C /etc/cron.d/back - - - - /var/x\n', '/etc/cron.d/back'),
    ('init.d', '/etc/init.d/x', '#!/bin/sh\n', None), ('init.d', '/etc/rc3.d/S99x', '#!/bin/sh\n', None),
    ('init.d', '/etc/inittab', f'x:2:respawn:{E}\n', E), ('init.d', '/etc/init/x.conf', f'exec {E}\n', E),
    ('rc.local', '/etc/rc.local', f'{E}\n', None), ('rc.local', '/etc/rc.d/rc.local', f'{E}\n', None),
    ('xinetd', '/etc/xinetd.d/x', f'service x\n{{\n  server = {E}\n}}\n', E),
    ('xinetd', '/etc/inetd.conf', f'x stream tcp nowait root {E}\n', E),
    ('udev', '/etc/udev/rules.d/x.rules', f'ACTION=="add", RUN+="{E}"\n', E),
    ('udev', '/usr/lib/udev/rules.d/y.rules', f'PROGRAM="{E}"\n', E),
    ('modprobe', '/etc/modprobe.d/x.conf', f'install usb-storage {E}\n', E),
    ('modules-load', '/etc/modules-load.d/x.conf', 'evilmod\n', 'evilmod'), ('modules-load', '/etc/modules', 'evilmod\n', 'evilmod'),
    ('ld.so.preload', '/etc/ld.so.preload', f'{E}.so\n', f'{E}.so'), ('ld.so.conf', '/etc/ld.so.conf.d/x.conf', '/tmp/lib\n', '/tmp/lib'),
    ('pam', '/etc/pam.d/sshd', f'auth optional pam_exec.so {E}\n', E),
    ('nss', '/etc/nsswitch.conf', 'passwd: files evil\n', 'evil'),
    ('sshd', '/etc/ssh/sshd_config', f'AuthorizedKeysCommand {E}\n', E), ('sshd', '/etc/ssh/sshd_config.d/x.conf', f'ForceCommand {E}\n', E),
    ('sshd', '/etc/ssh/sshrc', f'{E}\n', None), ('sshd', '/home/alice/.ssh/rc', f'{E}\n', None),
    ('sshd', '/home/alice/.ssh/config', f'Host *\n  ProxyCommand {E}\n', E),
    ('authorized_keys', '/root/.ssh/authorized_keys', f'command="{E}" ssh-ed25519 {key} me\n', E),
    ('authorized_keys', '/home/alice/.ssh/authorized_keys2', f'ssh-ed25519 {key} me\n', None),
    *[('profile', '/etc/' + n, f'{E}\n', None) for n in ('profile', 'profile.d/x.sh', 'bash.bashrc', 'bashrc', 'zsh/zshenv', 'zshrc', 'csh.login', 'fish/config.fish')],
    *[('profile', '/home/alice/' + n, f'{E}\n', None) for n in
      ('.bashrc', '.bash_profile', '.bash_login', '.bash_logout', '.bash_aliases', '.profile', '.zshrc', '.zshenv', '.zprofile', '.zlogin', '.zlogout', '.cshrc',
       '.tcshrc', '.login', '.kshrc', '.config/fish/config.fish', '.config/fish/conf.d/x.fish', '.xinitrc', '.xprofile', '.xsession',
       '.config/powershell/profile.ps1', '.config/powershell/Microsoft.PowerShell_profile.ps1')],
    ('profile', '/opt/microsoft/powershell/7/profile.ps1', f'{E}\n', None),
    ('profile', '/etc/environment', f'LD_PRELOAD={E}\n', E), ('profile', '/home/alice/.config/environment.d/x.conf', f'LD_PRELOAD={E}\n', E),
    ('profile', '/home/alice/.pam_environment', f'LD_PRELOAD DEFAULT={E}\n', E),
    ('xdg-autostart', '/etc/xdg/autostart/x.desktop', f'[Desktop Entry]\nName=X\nExec={E} 13\n', f'{E} 13'),
    ('xdg-autostart', '/home/alice/.config/autostart/x.desktop', f'[Desktop Entry]\nExec={E} 14\n', f'{E} 14'),
    ('motd', '/etc/update-motd.d/99-x', f'#!/bin/sh\n{E}\n', None),
    ('apt-hook', '/etc/apt/apt.conf.d/x', f'APT::Update::Pre-Invoke {{"{E}";}};\n', E),
    ('apt-hook', '/etc/dpkg/dpkg.cfg.d/x', f'post-invoke={E}\n', E),
    ('dnf-plugin', '/etc/dnf/plugins/x.conf', '[main]\nenabled=1\n', None), ('dnf-plugin', '/usr/lib/python3.9/site-packages/dnf-plugins/x.py', 'import os\n', None),
    ('dnf-plugin', '/etc/dnf/plugins/post-transaction-actions.d/x.action', f'*:any:{E}\n', E),
    ('networkmanager', '/etc/NetworkManager/dispatcher.d/x', f'{E}\n', None), ('networkmanager', '/etc/networkd-dispatcher/routable.d/x', f'{E}\n', None),
    ('ifupdown', '/etc/network/if-up.d/x', f'{E}\n', None), ('ifupdown', '/etc/network/interfaces', f'iface eth0 inet dhcp\n  post-up {E}\n', E),
    ('ifupdown', '/etc/network/interfaces.d/x', f'up {E}\n', E), ('ifupdown', '/etc/dhcp/dhclient-exit-hooks.d/x', f'{E}\n', None),
    ('ifupdown', '/etc/ppp/ip-up.d/x', f'{E}\n', None),
    ('dbus', '/usr/share/dbus-1/system-services/x.service', f'[D-BUS Service]\nName=x\nExec={E} 15\nUser=root\n', f'{E} 15'),
    ('dbus', '/home/alice/.local/share/dbus-1/services/x.service', f'[D-BUS Service]\nName=x\nExec={E} 16\n', f'{E} 16'),
    ('dbus', '/etc/dbus-1/system.d/x.conf', '<busconfig/>\n', None),
    ('polkit', '/etc/polkit-1/rules.d/x.rules', 'polkit.addRule(function() { return "yes"; });\n', None),
    ('polkit', '/var/lib/polkit-1/localauthority/50-local.d/x.pkla', '[x]\nResultAny=yes\n', None),
    ('initramfs', '/etc/initramfs-tools/hooks/x', '#!/bin/sh\n', None), ('initramfs', '/etc/initramfs-tools/scripts/init-top/x', '#!/bin/sh\n', None),
    ('initramfs', '/etc/dracut.conf.d/x.conf', 'install_items+=" /tmp/x "\n', '/tmp/x'),
    ('grub', '/etc/default/grub', f'GRUB_CMDLINE_LINUX="init={E}"\n', E), ('grub', '/etc/default/grub.d/x.cfg', f'GRUB_CMDLINE_LINUX="init={E}"\n', E),
    ('grub', '/etc/grub.d/99_x', '#!/bin/sh\n', None), ('grub', '/boot/grub/custom.cfg', 'menuentry x {}\n', None),
    ('grub', '/etc/kernel/postinst.d/x', '#!/bin/sh\n', None),
    ('git-hook', '/usr/share/git-core/templates/hooks/post-checkout', '#!/bin/sh\n', None),
    ('git-hook', '/home/alice/.gitconfig', f'[core]\n  hooksPath = {E}\n', E),
    ('git-hook', '/home/alice/src/app/.git/hooks/post-commit', '#!/bin/sh\n', None),
    ('git-hook', '/srv/repo/.git/config', f'[core]\n  fsmonitor = {E}\n', E),
    ('python', '/usr/lib/python3/dist-packages/x.pth', f'import os; os.system("{E}")\n', E),
    ('python', '/home/alice/.local/lib/python3.11/site-packages/usercustomize.py', 'import os\n', None),
    ('sudoers', '/etc/sudoers', 'alice ALL=(ALL) NOPASSWD: ALL\n', 'NOPASSWD'), ('sudoers', '/etc/sudoers.d/x', 'bob ALL=(ALL) NOPASSWD: ALL\n', 'bob'),
    ('binfmt', '/etc/binfmt.d/x.conf', f':x:M::MZ::{E}:\n', E),
    ('core_pattern', '/etc/sysctl.d/x.conf', f'kernel.core_pattern=|{E} %p\n', E), ('core_pattern', '/etc/sysctl.conf', f'kernel.modprobe = {E}\n', E),
    ('container', '/etc/docker/daemon.json', '{}\n', None), ('container', '/etc/containers/systemd/x.container', f'[Container]\nExec={E}\n', None),
    ('container', '/home/alice/.config/containers/systemd/x.container', f'[Container]\nExec={E}\n', None),
    ('container', '/etc/kubernetes/manifests/x.yaml', 'kind: Pod\n', None), ('container', '/var/lib/lxc/x/config', f'lxc.hook.pre-start = {E}\n', E),
    ('container', f'/var/lib/docker/containers/{docker}/config.v2.json', json.dumps({'State': {'Pid': 0, 'Path': 'no'}, 'Path': E, 'Args': ['-c', 'a b'], 'Name': '/web'}), E),
]
# What looks like such a file and is none.
innocent = ['/home/alice/src/app/.git/hooks/pre-commit.sample', '/etc/cron.daily/.placeholder', '/etc/init.d/README', '/etc/udev/rules.d/quiet.rules', '/etc/sysctl.d/quiet.conf']
for place, path, content, want in plants:
    tap.put(tree, path[1:], content.encode(), 0o755)
for path in innocent:
    tap.put(tree, path[1:], b'# nothing\nvm.swappiness=1\n')
tap.put(tree, 'etc/hostname', b'victim\n')
tap.put(tree, 'etc/passwd', b'root:x:0:0:root:/root:/bin/bash\nalice:x:1000:1000::/home/alice:/bin/bash\nbob:x:1001:1001::/home/bob:/bin/sh\n'
        b'toor:x:0:0::/root:/bin/sh\n')
tap.put(tree, 'usr/bin/rootshell', b'\x7fELF', 0o4755)
tap.put(tree, 'usr/bin/mailer', b'\x7fELF', 0o2755)
capable = tap.put(tree, 'usr/bin/capable', b'\x7fELF', 0o755)
try:   # cap_setuid+ep: capabilities(7), struct vfs_cap_data
    os.setxattr(capable, 'security.capability', struct.pack('<5I', 0x02000001, 1 << 7, 0, 0, 0))
    capabilities = True
except OSError:
    capabilities = False

out = at('bundle.tar.zst')
r = run(konseki, 'collect', '--root', tree, '-o', out)
ok(r.returncode == 0, f'collected {r.stderr.decode()[:300]}')
b = Bundle(out)
autoruns = [json.loads(l) for n, c in b.files.items() if n.startswith('live/autoruns') for l in c.splitlines()]

def missing(found):
    """Of the plants, which are not among (place, path, command line)."""
    return [p[1] for p in plants if not any(place == p[0] and path.endswith(p[1]) and (p[3] is None or p[3] in command) for place, path, command in found)]
lost = missing([(a['Place'], a['TargetFilename'], a.get('CommandLine', '')) for a in autoruns])
ok(not lost, f'all of {len(plants)} planted autoruns have their line {lost[:8]}')
ok(not [p for p in innocent if any(a['TargetFilename'] == p for a in autoruns)], 'and what starts nothing has none')
lost = [p[1] for p in plants if b.files.get('files' + p[1]) != p[2].encode()]
ok(not lost, f'each of their files is taken {lost[:8]}')
ok(any(a['Name'] == '/web' and a['CommandLine'] == f'{E} ["-c", "a b"]' for a in autoruns), 'a container with its name and command')
notable = {f['path']: f['Reasons'] for f in b.live('suspicious-files.jsonl')}
ok(notable.get('/usr/bin/rootshell') == ['suid'] and 'sgid' in notable.get('/usr/bin/mailer', []) and
   (not capabilities or notable.get('/usr/bin/capable') == ['capabilities']), 'SUID, SGID, capabilities')

def persistence(case):
    q = run(konseki, 'query', '-c', case, '--kind', 'persistence', '--format', 'jsonl')
    return [json.loads(l) for l in q.stdout.splitlines()]
for name, source in (('bundle', out), ('tree', tree)):
    run(konseki, 'ingest', '-c', at(name + '.db'), source)
    events = persistence(at(name + '.db'))
    found = [(e['fields'].get('Place', ''), e['fields'].get('TargetFilename') or e['source'], e['fields'].get('CommandLine') or '') for e in events]
    lost = missing(found)
    ok(not lost, f'the {name}: each is a persistence event {lost[:8]}')
    ok(not [p for p in innocent if any(f[1].endswith(p) for f in found)], f'the {name}: nothing else is')
    ok(any(e['fields'].get('Place') == 'uid0' and e['user'] == 'toor' for e in events) and not any(e['fields'].get('Place') == 'uid0' and e['user'] == 'root' for e in events),
       f'the {name}: a second account of uid 0')
    if name == 'bundle':
        ok({'/usr/bin/rootshell', '/usr/bin/mailer'} <= {e['fields'].get('TargetFilename') for e in events if e['fields'].get('Place') in ('suid', 'sgid')} and
           (not capabilities or any(e['fields'].get('Place') == 'capabilities' for e in events)), 'the bundle: SUID, SGID and capabilities')
    ok(len({(e['fields'].get('Place'), e['fields'].get('TargetFilename') or e['source'], e['fields'].get('Line'), e['message'], e['ts_desc']) for e in events}) == len(events), f'the {name}: nothing is told twice')

# ---- the running system ----
def live(name, *more):
    r = run(konseki, 'collect', '--profile', 'live', '-o', at(name), *more)
    return Bundle(at(name))
if os.geteuid() == 0:
    libc = ctypes.CDLL(None, use_errno=True)
    code = ctypes.create_string_buffer(struct.pack('<BBhiBBhi', 0xb7, 0, 0, 0, 0x95, 0, 0, 0))   # return 0
    license = ctypes.create_string_buffer(b'GPL')
    attr = struct.pack('<IIQQIIQII16s', 1, 2, ctypes.addressof(code), ctypes.addressof(license), 0, 0, 0, 0, 0, b'evilprog')
    fd = libc.syscall(321, 5, ctypes.create_string_buffer(attr, 120), 120) if os.uname().machine == 'x86_64' else -1
    memfd = os.memfd_create('x')
    os.write(memfd, open('/bin/sleep', 'rb').read())
    child = subprocess.Popen([f'/proc/self/fd/{memfd}', '1000'], pass_fds=[memfd], env={'DB_PASSWORD': 'hunter2', 'PLAIN': 'value'})
    shell = subprocess.Popen(['/bin/sleep', '1000'])
    covered = os.path.ismount('/proc') and run('mount', '-t', 'tmpfs', 'x', f'/proc/{shell.pid}').returncode == 0
    time.sleep(0.2)
    l = live('live.tar.zst')
    secret = live('secret.tar.zst', '--secrets')
    if covered:
        run('umount', f'/proc/{shell.pid}')
    for p in (child, shell):
        p.kill()
        p.wait()
    mine = next(p for p in l.live('processes.jsonl') if p['ProcessId'] == child.pid)
    ok(mine['Memfd'] and l.files.get(mine.get('Recovered')) == open('/bin/sleep', 'rb').read(), 'a memfd executable is recovered')
    ok(mine['Environment'] == {'DB_PASSWORD': '(left out: a secret)', 'PLAIN': 'value'}, f"a process's environment, without its secrets {mine.get('Environment')}")
    ok(next(p for p in secret.live('processes.jsonl') if p['ProcessId'] == child.pid)['Environment']['DB_PASSWORD'] == 'hunter2', 'and with them when asked for')
    ok(any(f['ProcessId'] == child.pid and f['Files'].get(str(memfd), '').startswith('/memfd:x') for f in l.live('open-files.jsonl')), 'what a process has open')
    ok(any(m['ProcessId'] == child.pid and any('/memfd:x' in line and ' r-xp ' in line for line in m['Maps']) for m in l.live('maps.jsonl')), 'what it has mapped')
    ok(run('dmesg').returncode != 0 or b'] ' in l.files['live/dmesg.txt'], "the kernel's messages")
    ok('Cgroup' in mine and mine['CurrentDirectory'] == os.getcwd(), 'its cgroup and folder')
    if fd >= 0:
        program = [p for p in l.live('bpf.jsonl') if p.get('Name') == 'evilprog']
        ok(len(program) == 1 and program[0]['ProgramType'] == 'socket_filter' and program[0]['ProcessIds'] == [os.getpid()] and program[0]['User'] == 'root', f'a loaded BPF program and who holds it {program}')
        run(konseki, 'ingest', '-c', at('live.db'), at('live.tar.zst'))
        ok(any(e['fields'].get('Place') == 'ebpf' and e['fields'].get('Name') == 'evilprog' for e in persistence(at('live.db'))), 'it is a persistence event')
    else:
        skip('a loaded BPF program', 'bpf(2) does not load one here')
    if covered:
        ok(any(h['ProcessId'] == shell.pid and 'mounted over' in h['Reason'] for h in l.live('hidden.jsonl')), 'a process hidden by a mount over its folder')
    else:
        skip('a process hidden by a mount', 'no mount here')
    spaces = subprocess.Popen(['unshare', '-mn', 'sleep', '1000']) if shutil.which('unshare') else None
    if spaces:
        time.sleep(0.5)
        n = live('spaces.tar.zst')
        other = next((p for p in n.live('processes.jsonl') if p['ProcessId'] == spaces.pid), {})
        ok({'mnt', 'net'} <= set(other.get('Namespaces', {})) and any(m.get('MountNamespace') == other['Namespaces']['mnt'] for m in n.live('mounts.jsonl')),
           'namespaces, and the mounts of each')
        spaces.kill()
        spaces.wait()

run('rm', '-rf', work)
tap.done()
