#!/usr/bin/env python3
"""TAP: a collection's enemies: trees that change under its feet, hosts that lie in wait, disks that fill up, kills, lost terminals."""
import hashlib, json, os, random, resource, shutil, signal, subprocess, sys, tempfile, threading, time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '../lib'))
import tap
from tap import Bundle, konseki, ok, run as plain_run, skip

def run(*command, **more):
    more.setdefault('timeout', 120)
    return plain_run(*command, **more)
static = os.path.join(os.path.dirname(os.path.abspath(konseki)), 'konseki-collect')
small = [static] if os.path.exists(static) else [konseki, 'collect']
root = os.geteuid() == 0
work = tempfile.mkdtemp(prefix='hostile.')
def at(name):
    return os.path.join(work, name)
tree = at('tree')
tap.put(tree, 'etc/passwd', b'root:x:0:0:root:/root:/bin/sh\n')
tap.put(tree, 'etc/hostname', b'h\n')
SECRET = b'must never be taken'
outside = at('outside')
tap.put(outside, 'x.log', SECRET)
for n in range(30):
    tap.put(tree, f'var/log/app/{n:02}.log', os.urandom(20000))

def collect(name, *more, **kw):
    return run(*small, '--root', tree, '-o', at(name), *more, **kw)
def verified(name, says=b'whole'):
    v = run(konseki, 'verify', at(name))
    return says in v.stdout and (v.returncode == 0) == (says == b'whole')

# ---- a folder that turns into a link and back, as fast as it can ----
stop = threading.Event()
real, link = os.path.join(tree, 'var/log/race'), at('link')
tap.put(tree, 'var/log/race/x.log', b'inside')
os.symlink(outside, link)
def swap():
    libc = __import__('ctypes').CDLL(None)
    while not stop.is_set():   # renameat2(RENAME_EXCHANGE)
        libc.renameat2(-100, real.encode(), -100, link.encode(), 2)
thread = threading.Thread(target=swap)
thread.start()
leaks = trouble = 0
for n in range(25):
    name = f'race{n}.tar.zst'
    r = collect(name, *(() if n % 5 == 0 else ('--no-walk',)))
    b = Bundle(at(name))
    leaks += any(SECRET in c for c in b.files.values())
    trouble += not verified(name)
    os.unlink(at(name))
stop.set()
thread.join()
ok(leaks == 0 and trouble == 0, f'a link race of 25 collections leads out of none ({leaks} did, {trouble} bundles were not whole)')

# ---- files that grow, shrink, vanish, are huge and hollow ----
grow, shrink = os.path.join(tree, 'var/log/grow.log'), os.path.join(tree, 'var/log/shrink.log')
open(grow, 'wb').write(b'a' * (4 << 20))
open(shrink, 'wb').write(os.urandom(24 << 20))
stop.clear()
def change():
    n = 0
    while not stop.is_set():
        n += 1
        with open(grow, 'ab') as f:
            f.write(b'b' * 65536)
        if os.path.getsize(grow) > 200 << 20:
            os.truncate(grow, 4 << 20)
        os.truncate(shrink, (24 << 20) - n % 23 * (1 << 20))
        path = os.path.join(tree, f'var/log/brief{n % 50}')
        open(path, 'wb').write(b'x')
        if n > 25:
            os.unlink(os.path.join(tree, f'var/log/brief{(n - 25) % 50}'))
thread = threading.Thread(target=change)
thread.start()
whole = 0
for n in range(4):
    r = collect(f'change{n}.tar.zst', '--no-walk')
    b = Bundle(at(f'change{n}.tar.zst'))
    whole += verified(f'change{n}.tar.zst') and all(hashlib.sha256(b.files[l['member']]).hexdigest() == l['sha256'] for l in b.lines if 'member' in l) and \
        all('error' in l or len(b.files[l['member']]) == l['size'] for l in b.lines if 'member' in l)
stop.set()
thread.join()
ok(whole == 4, 'files that grow, shrink and vanish meanwhile leave every bundle whole')
os.unlink(shrink), os.unlink(grow)
with open(os.path.join(tree, 'var/log/sparse'), 'wb') as f:
    f.truncate(1 << 40)
with open(os.path.join(tree, 'var/log/hollow'), 'wb') as f:
    f.truncate(100 << 20)
os.link(os.path.join(tree, 'var/log/app/00.log'), os.path.join(tree, 'var/log/again.log'))
for n in range(3000):
    open(os.path.join(tree, f'var/log/app/many{n}'), 'w').close()
if root:
    os.makedirs(os.path.join(tree, 'var/log/loop'))
    looped = run('mount', '--bind', tree, os.path.join(tree, 'var/log/loop')).returncode == 0
    tap.put(tree, 'var/log/closed/x.log', b'x')
start = time.monotonic()
r = collect('large.tar.zst')
seconds = time.monotonic() - start
if root and looped:
    run('umount', os.path.join(tree, 'var/log/loop'))
b = Bundle(at('large.tar.zst'))
ok('left out: 1099511627776 bytes' in b.by_path['/var/log/sparse']['error'] and b.files['files/var/log/hollow'] == bytes(100 << 20), 'a hollow file of a terabyte is left out and told, one of 100 MB is taken')
ok(b.files['files/var/log/again.log'] == b.files['files/var/log/app/00.log'] and sum(n.startswith('files/var/log/app/many') for n in b.files) == 3000 and seconds < 90,
   f'hard links, large folders and a mount of the tree in itself end ({seconds:.0f} s)')
os.unlink(os.path.join(tree, 'var/log/sparse')), os.unlink(os.path.join(tree, 'var/log/hollow'))

# ---- as nobody ----
if root:
    os.chmod(work, 0o755)
    os.chmod(os.path.join(tree, 'var/log/closed'), 0o700)
    os.makedirs(at('theirs'))
    os.chmod(at('theirs'), 0o777)
    r = run(*small, '--root', tree, '-o', at('theirs/nobody.tar.zst'), '--no-walk', user=65534, group=65534, extra_groups=[])
    b = Bundle(at('theirs/nobody.tar.zst'))
    ok(r.returncode == 1 and 'Permission denied' in b.by_path['/var/log/closed']['error'] and 'files/var/log/app/07.log' in b.files, 'as nobody: what may not be read is told, the rest is taken')

# ---- environment, limits, descriptors ----
evil = {'LD_PRELOAD': at('evil.so'), 'LD_LIBRARY_PATH': work, 'GCONV_PATH': work, 'LOCPATH': work, 'TZ': ':' + at('tz'), 'TZDIR': work, 'MALLOC_PERTURB_': '165', 'LANG': 'xx_YY.UTF-8',
        'TMPDIR': at('nowhere'), 'HOME': '/nonexistent', 'PATH': '', 'POSIXLY_CORRECT': '1', 'BIG': 'x' * 100000, 'KONSEKI_CASE': '/x', 'GLIBC_TUNABLES': 'glibc.malloc.check=3'}
r = collect('env.tar.zst', '--no-walk', env=evil)
ok(r.returncode == 0 and verified('env.tar.zst'), 'hostile variables change nothing')
r = collect('noenv.tar.zst', '--no-walk', env={})
ok(r.returncode == 0 and verified('noenv.tar.zst'), 'nor does an empty environment')
def limits():
    resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))
    resource.setrlimit(resource.RLIMIT_AS, (200 << 20, 200 << 20))
    resource.setrlimit(resource.RLIMIT_STACK, (256 << 10, 256 << 10))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
r = collect('limits.tar.zst', preexec_fn=limits)
ok(r.returncode == 0 and verified('limits.tar.zst'), f'64 descriptors, 200 MB, a stack of 256 KB are enough {r.stderr[:200]}')
command = ' '.join(small)
for closing in ('<&-', '>&-', '2>&-', '<&- >&-', '<&- >&- 2>&-'):
    name = f'closed{len(closing)}.tar.zst'
    r = run('sh', '-c', f'exec {command} --root {tree} --no-walk -o {at(name)} {closing}')
    ok(verified(name), f'closed descriptors ({closing}): nothing of the messages gets into the bundle')
    os.unlink(at(name))

# ---- a terminal that goes away, a reader that goes away ----
pid, master = os.forkpty()
if pid == 0:
    os.execv(small[0], small + ['--root', tree, '--no-walk', '-o', at('hup.tar.zst'), '--limit-rate', '400000'])
for _ in range(500):
    if os.path.exists(at('hup.tar.zst')) and os.path.getsize(at('hup.tar.zst')) > 100000:
        break
    time.sleep(0.01)
os.close(master)   # the kernel sends SIGHUP
for _ in range(600):
    if os.waitpid(pid, os.WNOHANG)[0]:
        break
    time.sleep(0.1)
ok(verified('hup.tar.zst'), 'a collection into a file outlives its terminal')
reader, writer = os.pipe()
p = subprocess.Popen(small + ['--root', tree, '--no-walk', '-o', '-'], stdout=writer, stderr=subprocess.PIPE)
os.close(writer)
os.read(reader, 100000)
os.close(reader)
error = p.communicate(timeout=60)[1]
ok(p.returncode == 2 and b'INCOMPLETE' in error, 'a reader of -o - that goes away: exit 2, and it is said')

# ---- what it opens and starts ----
if shutil.which('strace') and run('strace', '-o', '/dev/null', 'true').returncode == 0:
    trace = at('trace')
    r = run('strace', '-f', '-o', trace, '-e', 'trace=%file,%process,%network', *small, '--profile', 'live', '-o', at('traced.tar.zst'), env={**os.environ, 'LD_PRELOAD': '', 'TZ': ':/etc/localtime'})
    lines = open(trace, errors='replace').read().splitlines()
    ok(sum('execve(' in l for l in lines) == 1 and not any(('fork(' in l or ('clone' in l and 'CLONE_THREAD' not in l)) for l in lines), 'nothing is executed')
    writes = [l for l in lines if any(w in l for w in ('O_WRONLY', 'O_RDWR', 'O_CREAT', 'unlink', 'rename', 'mkdir', 'chmod', 'chown', 'utime', 'setxattr'))]
    ok(len(writes) == 1 and 'traced.tar.zst' in writes[0], f'nothing but -o is opened for writing or changed {writes[:3]}')
    ok(small[0] != static or not any('.so' in l and 'openat' in l and '/lib' in l and 'ENOENT' not in l for l in lines), 'no library of the host is loaded')
    ok(not any(w in l for l in lines for w in ('connect(', 'sendto(')) or all('NETLINK' in l or 'nl_' in l for l in lines if 'connect(' in l or 'sendto(' in l), 'nothing is sent to anybody')
old = tap.put(tree, 'var/log/old.log', b'old')
os.utime(old, ns=(10**18, 2 * 10**18))
collect('atime.tar.zst')
ok(os.stat(old).st_atime_ns == 10**18, 'access times stay')

# ---- kills: at any moment ----
random.seed(7)
bad, cut = [], 0
for n in range(20):
    name = f'kill{n}.tar.zst'
    p = subprocess.Popen(small + ['--root', tree, '--no-walk', '-o', at(name), '--limit-rate', '300000'], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    time.sleep(0.02 + random.random() * 1.5)
    p.kill()
    p.wait()
    size = os.path.getsize(at(name)) if os.path.exists(at(name)) else 0
    if size < 500:
        continue
    cut += 1
    v = run(konseki, 'verify', at(name))
    if v.returncode != 1 or b'INCOMPLETE' not in v.stdout:
        bad.append((n, size, v.stdout, v.stderr))
    whole = int(v.stdout.split(b' of ')[1].split()[0]) if b' of ' in v.stdout else 0
    listing = run('tar', '--zstd', '-tf', at(name)).stdout.splitlines()
    if whole and len(listing) < whole:
        bad.append((n, 'stock tar sees less', len(listing), whole))
ok(cut >= 10 and not bad, f'kill -9 at {cut} moments: what was written opens, and says that it is incomplete {bad[:2]}')
last = max((at(f'kill{n}.tar.zst') for n in range(20) if os.path.exists(at(f'kill{n}.tar.zst'))), key=os.path.getsize)
r = run(konseki, 'ingest', '-c', at('case.db'), last)
got = run(konseki, 'query', '-c', at('case.db'), '--sql', 'SELECT count(*) FROM artifact', '--no-header').stdout.strip()
ok(r.returncode == 1 and (b'ncomplete' in r.stderr or b'cut' in r.stderr or b'end' in r.stderr) and int(got) > 3, f'ingest takes what is whole of it, and says so {r.stderr[:300]}')

# ---- a full disk ----
if root:
    for kind in ('tmpfs', 'ext4'):
        mount = at('full-' + kind)
        os.mkdir(mount)
        if kind == 'tmpfs':
            mounted = run('mount', '-t', 'tmpfs', '-o', 'size=300k', 'x', mount).returncode == 0
        else:
            with open(at('disk'), 'wb') as f:
                f.truncate(1 << 20)
            mounted = run('mke2fs', '-q', '-F', '-t', 'ext4', '-O', '^has_journal', at('disk'), env={'PATH': '/sbin:/usr/sbin:/bin:/usr/bin'}).returncode == 0 and \
                run('mount', '-o', 'loop', at('disk'), mount).returncode == 0
        if not mounted:
            skip(f'a full {kind}', 'no mount here')
            continue
        r = run(*small, '--root', tree, '--no-walk', '-o', mount + '/b.tar.zst')
        v = run(konseki, 'verify', mount + '/b.tar.zst')
        i = run(konseki, 'ingest', '-c', at(kind + '.db'), mount + '/b.tar.zst')
        run('umount', mount)
        ok(r.returncode == 2 and b'No space left' in r.stderr and b'INCOMPLETE' in r.stderr and v.returncode == 1 and b'INCOMPLETE' in v.stdout and b' 0 of' not in v.stdout and i.returncode == 1,
           f'a full {kind}: exit 2, what is there is proved and ingested {r.stderr[-200:]}')

run('rm', '-rf', work)
tap.done()
