#!/usr/bin/env python3
"""TAP: what never answers costs a collection its time limit, nothing else: files and folders whose opening hangs, dead mounts."""
import ctypes, os, subprocess, sys, tempfile, time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '../lib'))
import tap
from tap import Bundle, konseki, ok, run, skip

if os.geteuid() != 0:
    print('1..0 # SKIP needs root')
    sys.exit(0)
libc = ctypes.CDLL(None, use_errno=True)
work = tempfile.mkdtemp(prefix='stuck.')
tree = os.path.join(work, 'tree')
tap.put(tree, 'etc/passwd', b'root:x:0:0:root:/root:/bin/sh\n')
for n in range(40):
    tap.put(tree, f'var/log/{n:02}.log', b'line\n')
for n in range(3):
    tap.put(tree, f'var/log/dead{n}/x.log', b'line\n')
os.makedirs(os.path.join(tree, 'var/log/mount'))

def collect(name, *more):
    start = time.monotonic()
    try:
        r = run(konseki, 'collect', '-o', os.path.join(work, name), '--item-timeout', '2', *more, timeout=100)
    except subprocess.TimeoutExpired:
        ok(False, f'{name}: ended at all')
        return None, None, 100
    seconds = time.monotonic() - start
    return r, Bundle(os.path.join(work, name)) if os.path.exists(os.path.join(work, name)) else None, seconds

# A listener for permissions that gives none: fanotify(7).
fan = libc.fanotify_init(0x4, 0)
def hang(path, folder=False):
    return libc.fanotify_mark(fan, 1, ctypes.c_uint64(0x10000 | (0x40000000 if folder else 0)), -100, path.encode()) == 0
if fan >= 0 and hang(os.path.join(tree, 'var/log/07.log')) and hang(os.path.join(tree, 'var/log/23.log')) and \
        all(hang(os.path.join(tree, f'var/log/dead{n}'), True) for n in range(3)):
    r, b, seconds = collect('files.tar.zst', '--root', tree)
    ok(r.returncode == 1 and run(konseki, 'verify', os.path.join(work, 'files.tar.zst')).returncode == 0, 'files and folders that hang: the collection ends, and is whole')
    ok(all(f'files/var/log/{n:02}.log' in b.files for n in range(40) if n not in (7, 23)), 'all the others are taken')
    ok(all('did not answer' in b.by_path[p].get('error', '') for p in ('/var/log/07.log', '/var/log/23.log', '/var/log/dead0', '/var/log/dead2')), 'each is told with its reason')
    ok(b.head['lost_reads'] >= 5 and b'did not answer' in r.stdout, 'and how many there were')
    ok(seconds < 60, f'it did not take long ({seconds:.0f} s)')
    os.close(fan)   # the kernel now lets everybody through
else:
    skip('files that hang', 'no fanotify permissions here')

# A FUSE mount whose server never says a word.
try:
    fuse = os.open('/dev/fuse', os.O_RDWR)
except OSError:
    fuse = -1
mount = os.path.join(tree, 'var/log/mount')
if fuse >= 0 and libc.mount(b'dead', mount.encode(), b'fuse', 0, f'fd={fuse},rootmode=40000,user_id=0,group_id=0'.encode()) == 0:
    r, b, seconds = collect('mount.tar.zst', '--root', tree)
    ok('network file system' in b.by_path['/var/log/mount']['error'] and 'files/var/log/39.log' in b.files and b.head.get('lost_reads', 0) == 0, 'a dead mount in the tree is not touched, and told')
    live = os.path.join(work, 'live.yml')
    open(live, 'w').write(f'name: t\nlive: false\nwalk: false\nrules:\n  - {tree}/var/log/**\n')
    r, b, seconds = collect('running.tar.zst', '--profile', live)
    ok('network file system' in b.by_path[mount]['error'] and f'files{tree}/var/log/39.log' in b.files, 'nor on the running system')
    r, b, seconds = collect('root.tar.zst', '--root', mount)
    ok(r.returncode == 2 and r.stderr.count(b'timed out') == 1 and not os.path.exists(os.path.join(work, 'root.tar.zst')) and seconds < 30, f'a root that is dead itself: exit 2, and why {r.stderr}')
    libc.umount2(mount.encode(), 2)
    os.close(fuse)
else:
    skip('a dead mount', 'no FUSE here')

run('rm', '-rf', work)
tap.done()
