#!/usr/bin/env python3
"""TAP: collect --image: a profile's files out of ext4 and NTFS images and a device, held against what was put in."""
import json, os, shutil, subprocess, sys, tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '../lib'))
import tap
from tap import Bundle, konseki, ok, run, skip

if not shutil.which('mke2fs', path='/sbin:/usr/sbin:' + os.environ['PATH']):
    print('1..0 # SKIP no mke2fs')
    sys.exit(0)
os.environ['PATH'] += ':/sbin:/usr/sbin'
# What libtsk's own libraries leak when they look at an image is not ours to mend.
os.environ.setdefault('ASAN_OPTIONS', 'detect_leaks=0')
work = tempfile.mkdtemp(prefix='image.')
def at(name):
    return os.path.join(work, name)
tree = at('tree')
big = os.urandom(3 << 20)
wanted = {
    '/etc/passwd': b'root:x:0:0:root:/root:/bin/sh\nalice:x:1000:1000::/srv/people/alice:/bin/sh\n',
    '/etc/hostname': b'imaged\n',
    '/etc/os-release': b'PRETTY_NAME="Test OS"\n',
    '/etc/cron.d/x': b'* * * * * root /tmp/evil\n',
    '/var/log/syslog': b'Jan  1 00:00:00 h a: b\n' * 5000,
    '/var/log/big': big,
    '/var/log/empty': b'',
    '/srv/people/alice/.bash_history': b'id\n',
    '/root/.bash_history': b'whoami\n',
    '/opt/microsoft/powershell/7/profile.ps1': b'evil\n',
}
unwanted = {'/usr/bin/ls': b'\x7fELF', '/home/bob/.bash_history': b'no account\n', '/etc/shadow': b'root:$6$x:1::::::\n',
            '/root/.ssh/id_rsa': b'-----BEGIN RSA PRIVATE KEY-----\nx\n'}
for path, content in {**wanted, **unwanted}.items():
    tap.put(tree, path[1:], content)
image = at('disk.raw')
with open(image, 'wb') as f:
    f.truncate(32 << 20)
run('mke2fs', '-q', '-F', '-t', 'ext4', '-d', tree, image)

def collect(name, *more, binary=None):
    return run(*(binary or (konseki, 'collect')), '-o', at(name), *more)
r = collect('ext4.tar.zst', '--image', image, '--case-id', 'C-9')
b = Bundle(at('ext4.tar.zst')) if os.path.exists(at('ext4.tar.zst')) else None
ok(r.returncode == 0 and run(konseki, 'verify', at('ext4.tar.zst')).returncode == 0, f'an ext4 image is collected {r.stderr.decode()[:300]}')
lost = [p for p, c in wanted.items() if b.files.get('files' + p) != c]
ok(not lost, f'all that the profile wants, byte for byte {lost}')
ok(not [p for p in unwanted if 'files' + p in b.files], 'and nothing else')
ok('left out' in b.by_path['/etc/shadow']['error'] and 'left out' in b.by_path['/root/.ssh/id_rsa']['error'], 'secrets are told')
ok((b.head['host'], b.head['os'], b.head['case_id'], b.head['live'], b.head['collector']) == ('imaged', 'Test OS', 'C-9', False, 'image'), 'the manifest')
line = b.by_path['/var/log/syslog']
st = os.stat(os.path.join(tree, 'var/log/syslog'))
ok(line['mode'] == '0644' and line['inode'] > 11 and line['mtime'][:10] and 'ctime' in line and line['uid'] == st.st_uid, 'mode, owner, inode, times')
body = b.files['live/bodyfile.txt'].decode().splitlines()
ok(all(len(l.split('|')) == 11 for l in body) and any('|/usr/bin/ls|' in l for l in body), 'the bodyfile has every file')
run(konseki, 'ingest', '-c', at('case.db'), at('ext4.tar.zst'))
events = [json.loads(l) for l in run(konseki, 'query', '-c', at('case.db'), '--kind', 'persistence', '--format', 'jsonl').stdout.splitlines()]
ok(any(e['fields'].get('CommandLine') == '/tmp/evil' and e['host'] == 'imaged' for e in events), 'its autoruns are persistence events: no live line told them before')

r = run(konseki, 'collect', '--image', image, '--list')
ok(r.returncode == 0 and b'\tlog\t/var/log/big\t' in r.stdout, '--list')
r = collect('since.tar.zst', '--image', image, '--since', at('ext4.tar.zst'))
s = Bundle(at('since.tar.zst'))
ok('files/var/log/big' not in s.files and s.by_path['/var/log/big']['error'].startswith('left out: unchanged'), '--since')
own = at('own.yml')
open(own, 'w').write('name: own\nwalk: false\nrules:\n  - path: /var/log/*\n    limit: 1M\n')
r = collect('own.tar.zst', '--image', image, '--profile', own)
s = Bundle(at('own.tar.zst'))
ok({n for n in s.files if n.startswith('files/')} == {'files/var/log/syslog', 'files/var/log/empty'} and 'limit' in s.by_path['/var/log/big']['error'], 'a profile of one\'s own')
folder = at('into')
os.mkdir(folder)
r = run(konseki, 'collect', '-o', folder, '--image', image, '--limit-rate', '1M', '--checksum')
names = sorted(os.listdir(folder))
ok(len(names) == 2 and names[0].startswith('disk.raw-2') and run('sha256sum', '-c', names[1], cwd=folder).returncode == 0, f'into a folder, with a checksum, at a rate {names}')

if os.geteuid() == 0 and shutil.which('losetup'):
    loop = run('losetup', '-f', '--show', '-r', image).stdout.decode().strip()
    if loop:
        r = collect('device.tar.zst', '--image', loop)
        ok(r.returncode == 0 and set(Bundle(at('device.tar.zst')).files) == set(b.files), 'a raw device gives the same')
        run('losetup', '-d', loop)
    else:
        skip('a raw device', 'no loop device')

# ---- NTFS ----
if shutil.which('mkntfs') and shutil.which('ntfscp'):
    ntfs = at('ntfs.raw')
    with open(ntfs, 'wb') as f:
        f.truncate(16 << 20)
    run('mkntfs', '-q', '-F', '-L', 'W', ntfs)
    if os.geteuid() == 0 and shutil.which('ntfs-3g'):
        os.mkdir(at('mnt'))
        mounted = run('ntfs-3g', ntfs, at('mnt')).returncode == 0
    else:
        mounted = False
    if mounted:
        for path, content in (('Windows/System32/config/SYSTEM', b'regf' + big[:100000]), ('Windows/System32/winevt/Logs/Security.evtx', b'ElfFile\0' + big[:5000]),
                              ('Users/ann/NTUSER.DAT', b'regf'), ('Windows/notepad.exe', b'MZ'), ('Windows.old/Windows/System32/config/SAM', b'regf')):
            tap.put(at('mnt'), path, content)
        run('umount', at('mnt'))
        r = collect('ntfs.tar.zst', '--image', ntfs)
        n = Bundle(at('ntfs.tar.zst'))
        ok(r.returncode == 0 and n.files.get('files/C/Windows/System32/config/SYSTEM') == b'regf' + big[:100000] and
           n.files.get('files/C/Users/ann/NTUSER.DAT') == b'regf' and n.files.get('files/C/Windows.old/Windows/System32/config/SAM') == b'regf' and
           'files/C/Windows/System32/winevt/Logs/Security.evtx' in n.files and 'files/C/Windows/notepad.exe' not in n.files, f'an NTFS image by the profile of Windows {r.stderr[:200]}')
        ok(n.files.get('files/C/$MFT', b'')[:4] == b'FILE' and 'files/C/$LogFile' in n.files, 'the $MFT and $LogFile')
    else:
        skip('an NTFS image', 'ntfs-3g cannot mount here')

# ---- what is none ----
text = at('text')
open(text, 'w').write('not an image\n' * 10000)
for what, args, why in (('a text', ['--image', text], b'no disk image'), ('nothing', ['--image', at('none')], b'No such file'), ('both', ['--image', image, '--root', '/'], b'not both')):
    r = collect('never', *args)
    ok(r.returncode == 2 and why in r.stderr and r.stderr.count(b'\n') == 1 and not os.path.exists(at('never')), f'{what}: exit 2, one line, nothing written {r.stderr}')
static = os.path.join(os.path.dirname(os.path.abspath(konseki)), 'konseki-collect')
if os.path.exists(static):
    r = collect('never', '--image', image, binary=(static,))
    ok(r.returncode == 2 and b'libtsk' in r.stderr and not os.path.exists(at('never')), 'the static binary says that it cannot')
cut = at('cut.raw')
open(cut, 'wb').write(open(image, 'rb').read()[:3 << 20])
r = collect('cut.tar.zst', '--image', cut)
ok(r.returncode == 1 and b'konseki' in r.stderr and run(konseki, 'verify', at('cut.tar.zst')).returncode == 0, f'a cut image: what is there, and what is not is told {r.stderr[:200]}')
run('rm', '-rf', work)
tap.done()
