#!/usr/bin/env python3
"""TAP: collect from a hostile tree, live, to a full disk, killed; verify says what each bundle is worth."""
import hashlib, json, os, resource, shutil, socket, subprocess, sys, tempfile, time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '../lib'))
import tap
from tap import Bundle, konseki, ok, run

static = os.path.join(os.path.dirname(os.path.abspath(konseki)), 'konseki-collect')
root_user = os.geteuid() == 0
work = tempfile.mkdtemp(prefix='collect.')
tree = os.path.join(work, 'tree').encode()

def put(path, content=b'', mode=0o644):
    return tap.put(tree, path, content, mode)

# ---- the tree ----
put(b'etc/passwd', b'root:x:0:0:root:/root:/bin/bash\nalice:x:1000:1000:Alice:/home/alice:/bin/zsh\n'
    b'bob:x:1001:1001::/home/bob:/bin/sh\ntoor:x:0:0::/root:/bin/sh\nbroken\n')
put(b'etc/group', b'root:x:0:\nsudo:x:27:alice,bob\n')
put(b'etc/shadow', b'root:$6$salt$hash:19000:0:99999:7:::\nalice::19001:0:99999:7:::\n', 0o600)
put(b'etc/hostname', b'evil/../host\n')
put(b'etc/os-release', b'PRETTY_NAME="Test OS"\n')
put(b'etc/ssh/ssh_host_rsa_key', b'-----BEGIN RSA PRIVATE KEY-----\nabc\n')
put(b'etc/mykey', b'-----BEGIN OPENSSH PRIVATE KEY-----\nabc\n')
put(b'etc/ld.so.preload', b'# comment\n/lib/libevil.so\n')
put(b'etc/crontab', b'SHELL=/bin/sh\n# m h\n*/5 * * * * root /tmp/x.sh --run "a b"\n@reboot bob /home/bob/b\n')
put(b'var/spool/cron/crontabs/alice', b'1 2 3 4 5 /home/alice/c\n')
put(b'usr/lib/systemd/system/evil.service', b'[Service]\nUser=bob\nExecStart=-/usr/bin/evil \\\n  --arg\n')
put(b'usr/lib/systemd/system/evil.timer', b'[Timer]\nOnCalendar=hourly\n')
put(b'usr/bin/evil', b'#!/bin/sh\n', 0o4755)
os.symlink('usr/lib', os.path.join(tree, b'lib'))
os.makedirs(os.path.join(tree, b'etc/systemd/system/multi-user.target.wants'))
os.symlink('/usr/lib/systemd/system/evil.service', os.path.join(tree, b'etc/systemd/system/multi-user.target.wants/evil.service'))
key = 'AAAAC3NzaC1lZDI1NTE5AAAAIIBVbJ4DRbFJBhQyTPCMuqVBz1YK8yl0mhbWdG7XG7sx'
put(b'home/alice/.ssh/authorized_keys', f'from="10.*",command="/bin/x y" ssh-ed25519 {key} alice@laptop\n'.encode())
put(b'home/alice/.bash_history', b'#1700000000\nwget http://x\n')
put(b'home/alice/.zsh_history', b': 1700000000:0;id\n')
put(b'home/alice/.ssh/id_ed25519', b'-----BEGIN OPENSSH PRIVATE KEY-----\n')
put(b'home/alice/.local/share/powershell/PSReadLine/ConsoleHost_history.txt', b'Get-Process\n')
os.symlink('../../../../../../../../..' + work, os.path.join(tree, b'home/bob'))   # a home that leads out
put(b'../outside/.bash_history', b'must not be taken\n')
put(b'../.bash_history', b'must not be taken\n')
put(b'var/log/syslog', b'Jan  1 00:00:00 h a: b\n' * 100000)
put(b'var/log/empty')
for n in range(20):
    put(b'var/log/app/%d.log' % n, b'line %d\n' % n)
put(b'var/log/100%\n\x1b[31m\xff\xfe \xc3\xa9|x\\y', b'odd name\n')
os.symlink('/etc/shadow', os.path.join(tree, b'var/log/shadow-link'))
os.symlink('/', os.path.join(tree, b'var/log/root-link'))
os.symlink('loop', os.path.join(tree, b'etc/loop'))
os.mkfifo(os.path.join(tree, b'etc/fifo'))
if root_user:
    try:
        os.mknod(os.path.join(tree, b'etc/zero'), 0o666 | 0o020000, os.makedev(1, 5))
    except OSError:
        pass
sock = socket.socket(socket.AF_UNIX)
here = os.getcwd()
os.chdir(os.path.join(tree, b'etc'))
sock.bind('socket')
os.mkdir('deep')
os.chdir('deep')
for _ in range(10000):
    os.mkdir('d')
    os.chdir('d')
open('bottom', 'w').write('deep down\n')
os.chdir(here)
put(b'tmp/big', b'x' * (11 << 20))
old = put(b'etc/old', b'old\n')
os.utime(old, ns=(10**18, 10**18 + 5 * 10**9 + 123456789))

def collect(out, *more, binary=konseki, **kw):
    command = [binary] + (['collect'] if binary == konseki else [])
    return run(*command, '--root', tree.decode(), '-o', out, *more, **kw)

# ---- a mounted tree ----
first = os.path.join(work, 'first.tar.zst')
before = os.stat(old).st_atime_ns
r = collect(first, '--no-walk', '--case-id', 'C-1', '--operator', 'Ann', '--reference-time', 'now')
ok(r.returncode == 0, f'a tree is collected, nothing failed ({r.stderr.decode()[:300]!r})')
v = run(konseki, 'verify', first)
ok(v.returncode == 0, 'verify says yes')
b = Bundle(first)
ok(b.kinds == {b'0'}, 'only regular files in the tar')
ok(run('tar', '--zstd', '-tf', first).returncode == 0, 'stock tar lists it')
ok(hashlib.sha256(open(first, 'rb').read()).hexdigest() in r.stdout.decode(), "the bundle's hash is printed")
ok((b.head['host'], b.head['os'], b.head['case_id'], b.head['operator']) == ('evil_.._host', 'Test OS', 'C-1', 'Ann'), 'the head names host, system, case, operator')
ok(abs(b.head['clock']['host_ahead_seconds']) < 60, 'the clock is held against the reference')
ok(all(hashlib.sha256(b.files[l['member']]).hexdigest() == l['sha256'] and len(b.files[l['member']]) == l['size']
       for l in b.lines if 'member' in l), 'size and hash of every line')
ok(b.files['files/var/log/syslog'] == b'Jan  1 00:00:00 h a: b\n' * 100000 and b.files['files/var/log/empty'] == b'', 'contents, large and empty')
odd = 'files/var/log/100%25%0A%1B[31m%FF%FE é|x%5Cy'
ok(b.files.get(odd) == b'odd name\n', 'a name of newline, escape and invalid UTF-8')
deep = 'files/etc/deep/' + 'd/' * 10000 + 'bottom'
ok(b.files.get(deep) == b'deep down\n', 'a file 10,000 folders deep')
ok(not any(b'must not be taken' in c for c in b.files.values()), 'nothing outside of the root is taken')
ok(b.files.get('files/home/alice/.local/share/powershell/PSReadLine/ConsoleHost_history.txt') == b'Get-Process\n'
   and 'files/home/alice/.bash_history' in b.files and 'files/home/alice/.zsh_history' in b.files, 'histories of a user of the tree')
ok(not any(b'PRIVATE KEY' in c or b'$6$salt' in c for c in b.files.values()), 'no secrets')
ok(all('left out' in b.by_path[p]['error'] for p in ('/etc/shadow', '/etc/mykey', '/home/alice/.ssh/id_ed25519')), 'and that they were left out is told')
ok('left out' in b.by_path['/tmp/big'].get('error', '') and 'member' not in b.by_path['/tmp/big'], 'a file over the limit is told')
ok(not any(n.endswith(('/fifo', '/socket', '/zero')) for n in b.files), 'no fifo, socket or device is read')
links = {l['path']: l['target'] for l in b.live('links.jsonl')}
ok(links.get('/var/log/shadow-link') == '/etc/shadow' and '/var/log/root-link' in links, 'links are listed, not followed')
line = b.by_path['/etc/old']
ok(line['mtime'] == '2001-09-09T01:46:45.123456789Z' and line['mode'] == '0644' and line['inode'] == os.stat(old).st_ino, 'times with nanoseconds, mode, inode')
ok(os.stat(old).st_atime_ns == before, 'the access time stays')
autoruns = b.live('autoruns.jsonl')
def autorun(**want):
    return any(all(a.get(k) == v for k, v in want.items()) for a in autoruns)
ok(autorun(Place='ld.so.preload', CommandLine='/lib/libevil.so'), 'autorun: ld.so.preload')
ok(autorun(Place='cron', User='root', Schedule='*/5 * * * *', CommandLine='/tmp/x.sh --run "a b"', Line=3) and
   autorun(Place='cron', User='bob', Schedule='@reboot', CommandLine='/home/bob/b') and
   autorun(Place='cron', User='alice', Schedule='1 2 3 4 5', CommandLine='/home/alice/c'), 'autorun: cron')
evil = hashlib.sha256(b'#!/bin/sh\n').hexdigest()
ok(autorun(Place='systemd-service', User='bob', CommandLine='-/usr/bin/evil --arg', Image='/usr/bin/evil', Enabled=True, Hashes='SHA256=' + evil), 'autorun: an enabled service, its program hashed')
ok(autorun(Place='systemd-timer', Trigger='evil.service', Schedule='OnCalendar=hourly'), 'autorun: a timer')
keys = [a for a in autoruns if a['Place'] == 'authorized_keys']
ok(len(keys) == 1 and keys[0]['User'] == 'alice' and keys[0]['CommandLine'] == '/bin/x y' and keys[0]['Comment'] == 'alice@laptop', 'autorun: authorized_keys')
fp = run('ssh-keygen', '-lf', os.path.join(tree, b'home/alice/.ssh/authorized_keys').decode()) if shutil.which('ssh-keygen') else None
ok(fp is None or fp.returncode or keys[0]['Name'] in fp.stdout.decode(), 'its fingerprint is the one of ssh-keygen')
accounts = {a['TargetUserName']: a for a in b.live('accounts.jsonl') if a['type'] == 'account'}
ok(accounts['alice']['Groups'] == ['sudo'] and accounts['alice']['AuthorizedKeys'] == 1 and accounts['toor']['Flags'] == ['uid0'], 'accounts of the tree')

# ---- secrets, since, list, walk ----
r = collect(os.path.join(work, 'secret.tar.zst'), '--no-walk', '--secrets')
ok(b'$6$salt' in Bundle(os.path.join(work, 'secret.tar.zst')).files.get('files/etc/shadow', b''), '--secrets takes them')
put(b'var/log/empty', b'not any more\n')
r = collect(os.path.join(work, 'since.tar.zst'), '--no-walk', '--since', first)
s = Bundle(os.path.join(work, 'since.tar.zst'))
ok(s.files.get('files/var/log/empty') == b'not any more\n' and 'files/var/log/syslog' not in s.files
   and 'unchanged' in s.by_path['/var/log/syslog']['error'], '--since takes only what changed')
ok(s.head['since'] == 'sha256:' + hashlib.sha256(open(first, 'rb').read()).hexdigest(), 'and names the earlier bundle by its hash')
r = collect(os.path.join(work, 'since2.tar.zst'), '--no-walk', '--since', os.path.join(work, 'since.tar.zst'))
s = Bundle(os.path.join(work, 'since2.tar.zst'))
ok('files/var/log/syslog' not in s.files and 'files/var/log/empty' not in s.files, 'a chain of them: neither what the one before took nor what it left out')
r = collect(os.path.join(work, 'summed.tar.zst'), '--no-walk', '--checksum')
ok(r.returncode == 0 and run('sha256sum', '-c', 'summed.tar.zst.sha256', cwd=work).returncode == 0, '--checksum: sha256sum -c reads it')
ok(collect('-', '--checksum').returncode == 2, 'which a stream has no place for')
r = run(konseki, 'collect', '--root', tree.decode(), '--list')
ok(r.returncode == 0 and b'2300000\tlog\t/var/log/syslog\t' in r.stdout and b'must not' not in r.stdout, '--list names files and sizes')
run('rm', '-rf', os.path.join(tree, b'etc/deep').decode())
r = collect(os.path.join(work, 'walk.tar.zst'))
w = Bundle(os.path.join(work, 'walk.tar.zst'))
body = w.files['live/bodyfile.txt'].decode('utf-8', 'surrogateescape').splitlines()
ok(all(len(l.split('|')) == 11 for l in body) and any('|/usr/bin/evil|' in l and 'r/rrwsr-xr-x' in l for l in body)
   and any('/var/log/shadow-link -> /etc/shadow' in l for l in body), 'the bodyfile')
ok(any(f['path'] == '/usr/bin/evil' and 'suid' in f['Reasons'] for f in w.live('suspicious-files.jsonl')), 'SUID files are listed')
if shutil.which('mactime'):
    m = os.path.join(work, 'body')
    open(m, 'wb').write(w.files['live/bodyfile.txt'])
    ok(b'/usr/bin/evil' in run('mactime', '-b', m).stdout, 'mactime reads it')

own = os.path.join(work, 'own.yml')
open(own, 'w').write('name: own\nlive: false\nwalk: false\nrules:\n  - group: mine\n    path: /var/log/**\n    limit: 1M\n  - ~/.bash_history\nexclude: [/var/log/app/*]\n')
r = collect(os.path.join(work, 'own.tar.zst'), '--profile', own)
p = Bundle(os.path.join(work, 'own.tar.zst'))
ok({n for n in p.files if n.startswith('files/')} == {odd, 'files/var/log/empty', 'files/home/alice/.bash_history'} and p.head['profile'] == 'own'
   and 'left out' in p.by_path['/var/log/syslog']['error'] and p.by_path['/var/log/empty']['collector'] == 'mine', 'a profile of one\'s own')
for n in ('', 'a/', 'a/b/', 'a/b/c/'):
    put(b'srv/' + n.encode() + b'deep.log', b'x')
open(own, 'w').write('live: false\nwalk: false\ntimeout: 5\nrules:\n  - /srv/**1/deep.log\n')
collect(os.path.join(work, 'one.tar.zst'), '--profile', own)
open(own, 'w').write('live: false\nwalk: false\nrules:\n  - path: /srv/**/deep.log\n    time: 60\n')
collect(os.path.join(work, 'any.tar.zst'), '--profile', own)
deep = lambda name: sorted(n for n in Bundle(os.path.join(work, name)).files if n.startswith('files/'))
ok(deep('one.tar.zst') == ['files/srv/a/deep.log', 'files/srv/deep.log'] and len(deep('any.tar.zst')) == 4, '** in the middle, with a depth and without')
open(own, 'w').write('---\nname: Logs\nsources:\n- type: FILE\n  attributes: {paths: [/srv/deep.log, "%%x%%/y"]}\n- type: COMMAND\n  attributes: {cmd: id}\nsupported_os: [Linux]\n---\n'
                     'name: Other\nsources:\n- type: FILE\n  attributes: {paths: [/x]}\nsupported_os: [Windows]\n')
r = collect(os.path.join(work, 'fa.tar.zst'), '--profile', own)
ok(r.returncode == 0 and deep('fa.tar.zst') == ['files/srv/deep.log'] and b'Logs: %%x%%/y: ' in r.stderr and b'Logs: a COMMAND' in r.stderr and b'Other' not in r.stderr,
   f'definitions of ForensicArtifacts: what is not taken is told, and why {r.stderr}')
open(own, 'w').write('name: Other\nsources:\n- type: FILE\n  attributes: {paths: [/x]}\nsupported_os: [Windows]\n')
r = collect(os.path.join(work, 'never2'), '--profile', own)
ok(r.returncode == 2 and b'for Linux' in r.stderr, 'definitions for another system only are refused')
open(own, 'w').write('rules:\n  - path: relative\n')
r = collect(os.path.join(work, 'never2'), '--profile', own)
ok(r.returncode == 2 and b'line 2' in r.stderr and not os.path.exists(os.path.join(work, 'never2')), 'a wrong profile is told with its line')

# ---- outputs ----
r = collect(first)
ok(r.returncode == 2 and b'exists' in r.stderr, 'a file that is there is never written over')
r = collect('-', '--no-walk')
piped = os.path.join(work, 'piped.tar.zst')
open(piped, 'wb').write(r.stdout)
ok(run(konseki, 'verify', piped).returncode == 0 and b'sha256' in r.stderr, '-o - streams')
r = collect(work, '--no-walk')
ok(any(n.startswith('evil_.._host-2') and n.endswith('Z.tar.zst') for n in os.listdir(work)), 'a folder as -o gets HOST-TIME')
full = os.path.join(work, 'full.tar.zst')
r = collect(full, '--no-walk', preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (9000, 9000)))
v = run(konseki, 'verify', full)
ok(r.returncode == 2 and b'INCOMPLETE' in r.stderr and v.returncode == 1 and b'INCOMPLETE' in v.stdout and b'faults' in v.stdout,
   'a full disk: what was written is whole up to its last member, and both say so')
killed = os.path.join(work, 'killed.tar.zst')
p = subprocess.Popen([konseki, 'collect', '--root', tree.decode(), '-o', killed, '--no-walk', '--limit-rate', '20000'],
                     stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
for _ in range(3000):
    if os.path.exists(killed) and os.path.getsize(killed) > 3000 or p.poll() is not None:
        break
    time.sleep(0.01)
p.kill()
p.wait()
v = run(konseki, 'verify', killed)
ok(v.returncode == 1 and b'INCOMPLETE' in v.stdout, 'killed: the same')
os.makedirs(os.path.join(work, 'nothing'))
r = run(konseki, 'collect', '--root', os.path.join(work, 'nothing'), '-o', os.path.join(work, 'nothing.tar.zst'))
ok(r.returncode == 1 and b'NEARLY EMPTY' in r.stderr, 'a near-empty collection says so loudly')
ok(run(konseki, 'collect', '--root', '/nonexistent', '-o', os.path.join(work, 'x')).returncode == 2, 'no such root: exit 2')
flip = bytearray(open(first, 'rb').read())
flip[len(flip) // 2] ^= 4
open(os.path.join(work, 'flip'), 'wb').write(flip)
v = run(konseki, 'verify', os.path.join(work, 'flip'), first)
ok(v.returncode == 1 and b'altered' in v.stderr and b'whole' in v.stdout, 'verify names what was altered, and goes on')
v = run(konseki, 'verify', '/etc/passwd', '/nonexistent', work)
ok(v.returncode == 1 and v.stderr.count(b'\n') == 3, 'what is no bundle gets one line each')

# ---- encrypted ----
identity = os.path.join(work, 'identity')
r = run(konseki, 'keygen', '-o', identity)
recipient = r.stdout.decode().strip()
ok(r.returncode == 0 and recipient.startswith('age1') and os.stat(identity).st_mode & 0o777 == 0o600, 'keygen')
ok(run(konseki, 'keygen', '-o', identity).returncode == 2, 'keygen never writes over an identity')
sealed, opened = os.path.join(work, 'sealed.tar.zst.age'), os.path.join(work, 'sealed.tar.zst')
second = run(konseki, 'keygen').stdout.decode()
other = os.path.join(work, 'other')
open(other, 'w').write(second)
r = collect(sealed, '--no-walk', '--encrypt', recipient, '--encrypt', second.split('public key: ')[1].split()[0])
ok(r.returncode == 0 and hashlib.sha256(open(sealed, 'rb').read()).hexdigest() in r.stdout.decode(), '--encrypt, to two; the hash is of what was written')
ok(open(sealed, 'rb').read(21) == b'age-encryption.org/v1' and b'syslog' not in open(sealed, 'rb').read(), 'nothing of it can be read')
r = run(konseki, 'decrypt', '-i', identity, sealed)
ok(r.returncode == 0 and run(konseki, 'verify', opened).returncode == 0, 'decrypt opens it, and it verifies')
if shutil.which('age'):
    ok(run('age', '-d', '-i', other, sealed).stdout == open(opened, 'rb').read(), 'stock age opens it too, with the second identity')
    theirs = os.path.join(work, 'theirs.age')
    run('age', '-r', recipient, '-o', theirs, first)
    ok(run(konseki, 'decrypt', '-i', identity, '-o', '-', theirs).stdout == open(first, 'rb').read(), "and decrypt opens age's own")
stranger = os.path.join(work, 'stranger')
run(konseki, 'keygen', '-o', stranger)
r = run(konseki, 'decrypt', '-i', stranger, '-o', os.path.join(work, 'never'), sealed)
ok(r.returncode == 1 and not os.path.exists(os.path.join(work, 'never')), 'a stranger does not')
cut = os.path.join(work, 'cut.age')
open(cut, 'wb').write(open(sealed, 'rb').read()[:-100])
r = run(konseki, 'decrypt', '-i', identity, '-o', os.path.join(work, 'cut'), cut)
ok(r.returncode == 1 and b'offset' in r.stderr, 'cut short is told')
r = collect(os.path.join(work, 'never3'), '--since', sealed)
ok(r.returncode == 2 and b'encrypted' in r.stderr and not os.path.exists(os.path.join(work, 'never3')), '--since an encrypted bundle is refused, and why')
r = run(konseki, 'verify', sealed)
ok(r.returncode == 1 and b'encrypted' in r.stderr, 'verify says that it is encrypted')
ok(collect(os.path.join(work, 'y'), '--encrypt', recipient[:-1] + 'q').returncode == 2 and not os.path.exists(os.path.join(work, 'y')), 'a mistyped recipient is refused before anything is written')

# ---- this host, and who writes where ----
live = os.path.join(work, 'live.tar.zst')
child = subprocess.Popen(['/bin/sleep', '1000'])
r = run(konseki, 'collect', '--profile', 'live', '-o', live)
l = Bundle(live)
mine = [p for p in l.live('processes.jsonl') if p['ProcessId'] == child.pid]
child.kill()
child.wait()
ok(run(konseki, 'verify', live).returncode == 0, 'a live collection verifies')
real = os.path.realpath('/bin/sleep')
ok(len(mine) == 1 and mine[0]['CommandLine'] == '/bin/sleep 1000' and mine[0]['ParentProcessId'] == os.getpid()
   and os.path.realpath(mine[0]['Image']) == real
   and mine[0]['Hashes'] == 'SHA256=' + hashlib.sha256(open(real, 'rb').read()).hexdigest() and not mine[0]['Deleted'], 'a process: command line, parent, image, hash')
ok(all(json.loads(x)['type'] for n, c in l.files.items() if n.startswith('live/') and n.endswith('.jsonl') for x in c.splitlines()), 'every live line has its type')
server = socket.create_server(('127.0.0.1', 0))
copy = os.path.join(work, 'gone')
shutil.copy('/bin/sleep', copy)
child = subprocess.Popen([copy, '1000'])
while os.readlink(f'/proc/{child.pid}/exe') != os.path.realpath(copy):
    time.sleep(0.01)
os.unlink(copy)
traced = os.path.join(work, 'strace')
command = [konseki, 'collect', '--profile', 'live', '-o', os.path.join(work, 'live2.tar.zst')]
if shutil.which('strace') and run('strace', '-o', '/dev/null', 'true').returncode == 0:
    r = run('strace', '-f', '-e', 'trace=open,openat,openat2,creat,unlink,unlinkat,rename,renameat,renameat2,mkdir,mkdirat,truncate,chmod,chown', '-o', traced, *command)
    writes = [x for x in open(traced, errors='replace') if any(w in x for w in ('O_WRONLY', 'O_RDWR', 'O_CREAT', 'creat(', 'unlink', 'rename', 'mkdir', 'truncate('))]
    ok(len(writes) == 1 and 'live2.tar.zst' in writes[0], f'strace: only -o is opened for writing {writes[:3]}')
else:
    r = run(*command)
l = Bundle(os.path.join(work, 'live2.tar.zst'))
gone = [p for p in l.live('processes.jsonl') if p['ProcessId'] == child.pid]
child.kill()
child.wait()
ok(len(gone) == 1 and gone[0]['Deleted'] and l.files.get(gone[0].get('Recovered')) == open(real, 'rb').read(), 'a deleted executable is recovered from its process')
port = server.getsockname()[1]
ok(any(s.get('SourcePort') == port and s['Listening'] and s['ProcessId'] == os.getpid() for s in l.live('sockets.jsonl')), 'a listening socket with its process')

# ---- the static binary ----
if os.path.exists(static):
    out = os.path.join(work, 'static.tar.zst')
    r = collect(out, '--no-walk', binary=static)
    ok(r.returncode == 0 and run(static, 'verify', out).returncode == 0 and run(konseki, 'verify', out).returncode == 0
       and set(Bundle(out).files) == set(Bundle(piped).files), 'the static binary does the same')
    ok(os.path.getsize(static) < 3 << 20 and run('readelf', '-d', static).stdout.count(b'NEEDED') == 0, 'it is small and needs no library')

run('rm', '-rf', work)
tap.done()
