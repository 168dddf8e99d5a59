#!/usr/bin/env python3
"""TAP: what a collection tells while it runs, and how it holds itself back."""
import json, os, pty, subprocess, sys, tempfile, time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '../lib'))
import tap
from tap import konseki, ok, run

work = tempfile.mkdtemp(prefix='progress.')
tree = os.path.join(work, 'tree')
tap.put(tree, 'etc/passwd', b'root:x:0:0:root:/root:/bin/sh\n')
for n in range(8):
    tap.put(tree, f'var/log/{n}\x1b[31m.log', os.urandom(100000))
def command(name, *more):
    return [konseki, 'collect', '--root', tree, '--no-walk', '-o', os.path.join(work, name), *more]

start = time.monotonic()
r = run(*command('json.tar.zst', '--json-progress', '--limit-rate', '250K'), timeout=60)
seconds = time.monotonic() - start
lines = [json.loads(l) for l in r.stderr.decode().splitlines() if l.startswith('{')]
ok(seconds > 2.5 and os.path.getsize(os.path.join(work, 'json.tar.zst')) > 800000, '--limit-rate holds it back')
ok(len(lines) >= 3 and all(l['type'] == 'progress' and {'files', 'bytes', 'written', 'failures', 'seconds', 'rate', 'item'} <= set(l) for l in lines[:-1]), '--json-progress: a line a second')
done = lines[-1]
ok(done['type'] == 'done' and done['sha256'] in r.stdout.decode() and done['files'] >= 9 and done['near_empty'] is True, 'and one at the end')
ok([l['bytes'] for l in lines[:-1]] == sorted(l['bytes'] for l in lines[:-1]) and any('/var/log/' in l['item'] for l in lines[:-1]), 'it grows, and says what is read')

pid, master = pty.fork()
if pid == 0:
    c = command('tty.tar.zst', '--limit-rate', '200K', '--nice')
    os.execv(c[0], c)
seen, nice = b'', None
while True:
    try:
        piece = os.read(master, 65536)
    except OSError:
        break
    if not piece:
        break
    seen += piece
    if nice is None and b'MB/s' in seen:
        nice = int(open(f'/proc/{pid}/stat').read().rsplit(')', 1)[1].split()[16])
os.waitpid(pid, 0)
ok(b'\r' in seen and b' files, ' in seen and b'MB/s' in seen and b'.log' in seen, 'a terminal gets files, bytes, rate and item')
ok(b'\x1b[31m' not in seen, 'names cannot write to it')
ok(nice == 19, f'--nice: the lowest priority ({nice})')
r = run(*command('quiet.tar.zst', '-q'))
ok(b'\r' not in r.stderr + r.stdout, 'no terminal, no progress')

big = os.path.join(work, 'big')
tap.put(big, 'etc/passwd', b'root:x:0:0:root:/root:/bin/sh\n')
for n in range(10):
    tap.put(big, f'var/log/{n}.log', os.urandom(6 << 20))
before = os.times()
start = time.monotonic()
run(konseki, 'collect', '--root', big, '--no-walk', '-o', os.path.join(work, 'cpu.tar.zst'), '--cpu', '20', timeout=100)
seconds, after = time.monotonic() - start, os.times()
used = after.children_user + after.children_system - before.children_user - before.children_system
ok(used < 0.2 * seconds + 0.15, f'--cpu 20: {used:.2f} s of processor in {seconds:.2f} s')
run('rm', '-rf', work)
tap.done()
