#!/usr/bin/env python3
"""TAP: konseki parse: order, options, and a parser that crashes, spins or eats memory costs its own file only."""
import json, os, shutil, subprocess, sys, tempfile

konseki = os.environ.get('KONSEKI', 'build/konseki')
build = os.environ.get('BUILD', 'build')
testing = os.path.join(build, 'tests/konseki')
work = tempfile.mkdtemp(prefix='parse.')
n = 0

def ok(good, name, *why):
    global n
    n += 1
    print(f'{"ok" if good else "not ok"} {n} - {name}')
    if not good:
        for line in why:
            print('# ' + str(line)[:400].replace('\n', '\n# '))

def run(*args, binary=konseki, **more):
    return subprocess.run([binary, 'parse', *args], capture_output=True, **more)

def lines(result):
    return [json.loads(line) for line in result.stdout.decode().splitlines()]

def put(name, text):
    path = os.path.join(work, name)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    open(path, 'w').write(text)
    return path

# Many files of many sizes on many workers: the output is that of one.
files = [put(f'{i:03d}/.bash_history', ''.join(f'#{1600000000 + i * 1000 + k}\necho {i} {k}\n' for k in range((i * 37) % 400 + 1)))
         for i in range(150)]
one, many = run('--threads', '1', *files), run('--threads', '5', *files)
want = [f'echo {i} {k}' for i in range(150) for k in range((i * 37) % 400 + 1)]
ok(one.returncode == 0 and [e['message'] for e in lines(one)] == want, 'events in the order of the files', one.stderr)
ok(one.stdout == many.stdout and many.returncode == 0, 'the same with several workers', many.stderr)
big = put('big/.bash_history', '#1600000000\necho something long enough to fill a buffer\n' * 150000)
two = run('--threads', '2', files[0], big, files[1])
ok(two.returncode == 0 and two.stdout.startswith(run(files[0]).stdout) and two.stdout.endswith(run(files[1]).stdout),
   'a file that outgrows the buffers stays in its place')

got = run('--host', 'WS1', files[0])
ok([e['host'] for e in lines(got)] == ['WS1'], '--host names the machine')
got = run('--parser', 'shell_history', put('odd', 'id\n'))
ok([e['message'] for e in lines(got)] == ['id'] and got.returncode == 0, '--parser reads any file')

got = run(put('nothing', 'x\0\1\2'), files[0])
ok(got.returncode == 1 and got.stderr.decode() == f'konseki: {work}/nothing: no parser claims this file\n' and len(lines(got)) == 1,
   'a file that no parser claims: one line, exit 1, the rest done', got.stderr)
got = run(os.path.join(work, 'absent'), files[0])
ok(got.returncode == 1 and b'absent: No such file or directory\n' in got.stderr and len(lines(got)) == 1, 'a file that is not there', got.stderr)
ok(run().returncode == 2 and run('--parser', 'nonsense', files[0]).returncode == 2
   and run('--format', 'nonsense', files[0]).returncode == 2, 'misuse is exit 2')
os.mkfifo(os.path.join(work, 'fifo'))
got = run(os.path.join(work, 'fifo'), files[0], timeout=20)
ok(got.returncode == 1 and len(lines(got)) == 1, 'a pipe is not waited for', got.stderr)

# A file of ever new and very long field names fills what a worker remembers of names; the next file must not pay for it.
import gzip
hostile = os.path.join(work, 'hostile.jsonl.gz')
with gzip.open(hostile, 'wb', 1) as f:
    for i in range(300):
        fields = ','.join(f'"{i}_{k}_{"n" * 800}":1' for k in range(900))
        f.write(('{"ts":null,"ts_desc":"Not a time","kind":"other","message":"","host":null,"user":null,"parser":"x","source":"x","fields":{%s}}\n' % fields).encode())
got = run('--threads', '1', hostile, files[3])
last = lines(run(files[3]))
ok(lines(got)[-len(last):] == last, 'hostile field names leave no want behind', got.stderr[-300:])

# Standard input, as a pipe, a file, compressed, an archive; a pipe that the shell made.
import gzip, io, tarfile
log = os.path.join(build, 'fixtures/evtx/healthy.evtx')
evtx = open(log, 'rb').read()
def renamed(result, name):
    return result.stdout.replace(json.dumps(log).encode(), json.dumps(name).encode())
want = renamed(run(log), 'stdin')
tar = io.BytesIO()
with tarfile.open(fileobj=tar, mode='w') as t:
    member = tarfile.TarInfo('logs/Security')
    member.size = len(evtx)
    t.addfile(member, io.BytesIO(evtx))
got = run('-', input=evtx)
ok(got.returncode == 0 and want and got.stdout == want, 'standard input', got.stderr)
got = run('-', stdin=open(log, 'rb'))
ok(got.returncode == 0 and got.stdout == want, 'standard input that is a file', got.stderr)
got = run('-', input=gzip.compress(evtx))
ok(got.returncode == 0 and got.stdout == want, 'standard input, compressed', got.stderr)
got = run('-', input=tar.getvalue())
ok(got.returncode == 0 and len(lines(got)) == want.count(b'\n'), 'standard input that is an archive', got.stderr)
got = run('--format', 'xml', '-', input=evtx)
ok(got.returncode == 0 and got.stdout == run('--format', 'xml', log).stdout, 'standard input to XML', got.stderr)
got = run('-', input=b'')
ok(got.returncode == 1 and b'stdin' in got.stderr, 'standard input with nothing in it', got.stderr)
got = subprocess.run(f'{konseki} parse <(cat {log})', shell=True, capture_output=True, executable='/bin/bash')
ok(got.returncode == 0 and got.stdout.count(b'\n') == want.count(b'\n'), "the shell's own pipe", got.stderr)
for name in ('Security.evtx.bak', 'log (1)~', 'a\nb.evtx', 'gz.evtx'):
    path = os.path.join(work, name)
    open(path, 'wb').write(gzip.compress(evtx) if name == 'gz.evtx' else evtx)
    got = run(path)
    ok(got.returncode == 0 and got.stdout == renamed(run(log), path), f'an unusual name: {name!r}', got.stderr)

# XML: one document whatever is in it, the same from any number of workers.
import xml.etree.ElementTree as ET
for name in ('healthy', 'damaged', 'cut', 'no-chunk', 'zero-size', 'types', 'shapes'):
    path = os.path.join(build, f'fixtures/evtx/{name}.evtx')
    got, two = run('--format', 'xml', '--carve', path), run('--format', 'xml', '--carve', '--threads', '2', path)
    events = [e for e in lines(run('--carve', path)) if e['kind'] != 'damage' and 'EventID' in e['fields']]
    found = ET.fromstring(got.stdout)
    ok(len(found) == len(events) and got.stdout == two.stdout, f'{name}: XML has the records of JSON', len(found), len(events))
    damage = [e for e in lines(run('--carve', path)) if e['kind'] == 'damage']
    ok(got.stdout.count(b'<!-- Damaged at offset') == len(damage), f'{name}: each loss is told', got.stdout[:300])

pipe = subprocess.run(f'{konseki} parse {big} | head -n 1', shell=True, capture_output=True, executable='/bin/bash')
ok(pipe.stderr == b'' and pipe.stdout.count(b'\n') == 1, 'a closed pipe ends it without a word', pipe.stderr)
if os.path.exists('/dev/full'):
    full = subprocess.run([konseki, 'parse', big], stdout=open('/dev/full', 'w'), stderr=subprocess.PIPE)
    ok(full.returncode == 2 and b'standard output' in full.stderr, 'a full disk is told', full.stderr)

for name, words in (('crash-me', 'shell_history parser crashed (signal 11)'), ('spin-me', 'shell_history parser timed out'),
                    ('eat-me', 'shell_history parser gave up: out of memory'), ('fork-me', 'shell_history parser crashed (signal 31)')):
    if 'sanitize' in build and name in ('eat-me', 'fork-me', 'crash-me'):
        continue  # the sanitizer's runtime stands in for the limits, and the filter is off
    bad = put(f'{name}/.bash_history', 'id\n')
    for threads in ('1', '3'):
        got = run('--threads', threads, files[0], bad, files[1], files[2], binary=testing, timeout=60)
        said = [line for line in got.stderr.decode().splitlines() if line.startswith('konseki: ' + bad)]
        expected = run(files[0], files[1], files[2]).stdout
        ok(got.returncode == 1 and said == [f'konseki: {bad}: {words}'] and got.stdout == expected,
           f'{name}, {threads} workers: told, and only its file is lost', got.returncode, got.stderr)
got = run(put('open-me/.bash_history', 'id\n'), binary=testing)
ok(got.returncode == 0 and len(lines(got)) == 1 or 'sanitize' in build, 'a parser cannot open files', got.stderr)

shutil.rmtree(work)
print(f'1..{n}')
