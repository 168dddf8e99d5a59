#!/usr/bin/env python3
"""TAP: konseki ingest: what is in the case; twice the same is once; killed and run again is the same; damage costs its own file."""
import glob, gzip, json, os, random, shutil, signal, sqlite3, subprocess, tempfile, time

konseki = os.environ.get('KONSEKI', 'build/konseki')
build = os.environ.get('BUILD', 'build')
testing = os.path.join(build, 'tests/konseki')
work = tempfile.mkdtemp(prefix='ingest.')
n = 0

def ok(good, name, *why):
    global n
    n += 1
    print(f'{"ok" if good else "not ok"} {n} - {name}')
    if not good:
        for line in why:
            print('# ' + str(line)[:800].replace('\n', '\n# '))

def ingest(case, *args, binary=konseki):
    return subprocess.run([binary, 'ingest', '-c', os.path.join(work, case), *args], capture_output=True, timeout=120)

def rows(case, sql):
    db = sqlite3.connect(f'file:{os.path.join(work, case)}?mode=ro', uri=True)
    got = db.execute(sql).fetchall()
    db.close()
    return got

def timeline(case):
    return rows(case, 'SELECT time, ts_desc, host, kind, user, message, source, parser, fields FROM timeline'
                      ' ORDER BY 1, 2, 3, 4, 5, 6, 7, 8, 9')

def dump(case):
    return rows(case, 'SELECT id, host, path, status FROM artifact ORDER BY id') + rows(case, 'SELECT id, time, message FROM timeline ORDER BY id')

def put(name, data):
    path = os.path.join(work, name)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    open(path, 'wb').write(data)
    return path

for i in range(40):
    put(f'in/home/u{i:02d}/.bash_history', b''.join(b'#%d\necho %d %d\n' % (1600000000 + i * 1000 + k, i, k) for k in range(1 + i * 13 % 90)))
put('in/home/gz/.bash_history.gz', gzip.compress(b'#1600000001\nzipped\n'))
put('in/etc/hostname', b'box1\n')
put('in/etc/motd', b'\0\1\2nobody claims this')
for log in glob.glob(os.path.join(build, 'fixtures/evtx/*.evtx'))[:6]:
    shutil.copy(log, os.path.join(work, 'in', os.path.basename(log)))
evidence = os.path.join(work, 'in')

got = ingest('a.db', evidence)
ok(got.returncode in (0, 1) and b' events of ' in got.stderr, 'a folder', got.stderr)
status = dict(rows('a.db', 'SELECT path, status FROM artifact'))
ok(status.get('/home/u07/.bash_history') == 'complete' and status.get('/home/gz/.bash_history.gz') == 'complete'
   and status.get('/etc/motd') == 'unclaimed', 'every file is an artefact, what nobody claims too', status)
ok(rows('a.db', "SELECT DISTINCT host FROM timeline WHERE parser = 'shell_history'") == [('box1',)], 'the host is that of etc/hostname')
want = sum(1 + i * 13 % 90 for i in range(40)) + 1
ok(rows('a.db', "SELECT count(*) FROM timeline WHERE parser = 'shell_history'") == [(want,)], 'every event is there')
before = dump('a.db')
again = ingest('a.db', evidence)
ok(dump('a.db') == before and b' 0 events of ' in again.stderr, 'the same again adds nothing', again.stderr)
put('in/home/u03/.bash_history', b'#1700000000\nnew\n')
ingest('a.db', evidence)
ok(rows('a.db', "SELECT count(*) FROM timeline WHERE message = 'new'") == [(1,)], 'a changed file is read')
got = ingest('t.db', '--threads', '1', evidence)
ingest('u.db', '--threads', '4', evidence)
ok(timeline('t.db') == timeline('u.db') and timeline('t.db'), 'one worker or four: the same rows')
ok(ingest('h.db', '--host', 'other', evidence).returncode in (0, 1)
   and rows('h.db', "SELECT DISTINCT host FROM timeline WHERE parser = 'shell_history'") == [('other',)], '--host wins')

clean = timeline('u.db')
rnd = random.Random(7)
took = time.monotonic()
ingest('k0.db', evidence)
took = time.monotonic() - took
whole = 0
for i in range(6):
    case = f'k{i + 1}.db'
    for _ in range(2):
        child = subprocess.Popen([konseki, 'ingest', '-c', os.path.join(work, case), evidence], stdout=subprocess.DEVNULL,
                                 stderr=subprocess.DEVNULL, start_new_session=True)
        time.sleep(took * rnd.random())
        try:
            os.killpg(child.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        child.wait()
    ingest(case, evidence)
    whole += timeline(case) == clean
ok(whole == 6, 'killed twice and run again: the same rows', whole)

put('bad/crash-me/.bash_history', b'#1600000000\nid\n')
put('bad/spin-me/.bash_history', b'#1600000000\nid\n')
put('bad/fine/.bash_history', b'#1600000000\nfine\n')
got = ingest('c.db', os.path.join(work, 'bad'), binary=testing)
status = {os.path.basename(os.path.dirname(p)): s for p, s in rows('c.db', 'SELECT path, status FROM artifact')}
ok(got.returncode == 1 and status == {'crash-me': 'crashed', 'spin-me': 'timeout', 'fine': 'complete'}, 'crash and timeout are recorded', status, got.stderr)
ok(b'shell_history parser timed out' in got.stderr and b'shell_history parser crashed' in got.stderr, 'and told', got.stderr)
ok(rows('c.db', 'SELECT message FROM timeline') == [('fine',)], 'the rest is in the case')

got = ingest('e.db', os.path.join(work, 'absent'), os.path.join(work, 'bad/fine'))
ok(got.returncode == 1 and rows('e.db', 'SELECT count(*) FROM timeline') == [(1,)], 'an input that is not there', got.stderr)
put('notacase.db', b'hello')
got = ingest('notacase.db', evidence)
ok(got.returncode == 2 and open(os.path.join(work, 'notacase.db'), 'rb').read() == b'hello', 'what is no case is left alone', got.stderr)
ok(ingest('m.db').returncode == 2, 'misuse is exit 2')

put('rule.yml', b'''title: Echo
id: 11111111-2222-3333-4444-555555555555
logsource:
    product: linux
detection:
    s:
        CommandLine|contains: 'echo 7 1'
    condition: s
level: low
''')
got = ingest('r.db', '--rules', os.path.join(work, 'rule.yml'), evidence)
ok(got.returncode in (0, 1) and b' 1 detections of 1 rules' in got.stderr, 'rules run in the same pass', got.stderr)
# Correlations while loading: what `detect -c` gives afterwards, over files, hosts and runs, killed or not.
put('corr.yml', b'''title: Echo of seven
name: seven
id: 11111111-2222-3333-4444-555555555556
logsource: {product: linux}
detection: {s: {CommandLine|contains: ' 7'}, condition: s}
level: low
---
title: Any echo
name: echo
logsource: {product: linux}
detection: {s: {CommandLine|startswith: 'echo'}, condition: s}
level: low
---
title: Many of one user
correlation: {type: event_count, rules: [echo], group-by: [Shell], timespan: 1h, condition: {gte: 40}}
level: high
---
title: Many of all
correlation: {type: event_count, rules: [echo, seven], timespan: 2h, condition: {gte: 200}, generate: true}
level: high
---
title: A seven and an echo
correlation: {type: temporal, rules: [seven, echo], group-by: [Shell], timespan: 5m}
level: medium
''')
rules = os.path.join(work, 'corr.yml')
def found(case): # ids are given as workers come: an event is told by what it is
    names = {row[0]: row[1:] for row in rows(case, 'SELECT id, time, host, source, message FROM timeline')}
    return sorted((title, level, tags, names[event], matched, [names[i] for i in json.loads(events or '[]')])
                  for title, level, tags, event, matched, events in
                  rows(case, 'SELECT r.title, r.level, r.tags, d.event, d.matched, d.events FROM detection d JOIN rule r ON r.id = d.rule'))
halves = [[os.path.join(evidence, 'home', f'u{i:02d}') for i in part] for part in (range(20), range(20, 40))]
def in_two(case, *more):
    ingest(case, '--host', 'one', *more, *halves[0])
    return ingest(case, '--host', 'two', *more, *halves[1])
in_two('plain.db')
subprocess.run([konseki, 'detect', '-c', os.path.join(work, 'plain.db'), '--rules', rules], stdout=subprocess.DEVNULL, check=True)
want = found('plain.db')
ok({row[0] for row in want} >= {'Many of one user', 'Many of all', 'A seven and an echo', 'Echo of seven'}, 'correlations hit', want)
got = in_two('corr.db', '--rules', rules)
ok(found('corr.db') == want, 'detections while loading are those of detect -c', got.stderr, found('corr.db')[:3], want[:3])
got = in_two('corr.db', '--rules', rules)
ok(found('corr.db') == want and b' 0 events of ' in got.stderr, 'and again nothing more', got.stderr)
subprocess.run([konseki, 'detect', '-c', os.path.join(work, 'corr.db'), '--rules', rules], stdout=subprocess.DEVNULL, check=True)
ok(found('corr.db') == want, 'detect -c over it changes nothing')
in_two('corr.db', '--rules', rules)
ok(found('corr.db') == want, 'nor ingest after that')
whole = 0
for i in range(4):
    case = f'ck{i}.db'
    for _ in range(2):
        child = subprocess.Popen([konseki, 'ingest', '-c', os.path.join(work, case), '--host', 'one', '--rules', rules, *halves[0]],
                                 stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)
        time.sleep(took * rnd.random())
        try:
            os.killpg(child.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        child.wait()
    in_two(case, '--rules', rules)
    whole += found(case) == want
ok(whole == 4, 'killed and run again: the same detections', whole)
# A copy of what is there already: its hits are those of the one event that stays.
shutil.copytree(os.path.join(evidence, 'home'), os.path.join(work, 'zcopy/home'))
ingest('corr.db', '--host', 'one', '--rules', rules, *[h.replace('/in/', '/zcopy/') for h in halves[0]])
ok(found('corr.db') == want, 'copies add no detection', len(found('corr.db')), len(want))

# Copies: one event each, every source kept; and more evidence after a merge.
for name in ('x/a', 'x/b', 'x/c'):
    put(f'{name}/.bash_history', b''.join(b'#%d\nls %d\n' % (1650000000 + k, k) for k in range(50)))
put('y/.bash_history', b'#1660000000\nlater\n')
ingest('d.db', os.path.join(work, 'x'))
one = rows('d.db', 'SELECT count(*) FROM timeline')
got = ingest('d.db', os.path.join(work, 'x'), os.path.join(work, 'y'))
ok(got.returncode == 0 and one == [(50,)] and rows('d.db', 'SELECT count(*) FROM timeline') == [(51,)], 'copies are one event, and the case takes more',
   one, got.stderr)
# A script whose parts are in two logs: put together in the case, once, whatever the order and the number of runs.
old, new = (os.path.join(build, f'fixtures/evtx/scripts-{x}.evtx') for x in ('old', 'new'))
whole = "SELECT message, fields ->> 'ScriptBlockText', fields ->> 'ScriptSha256', fields ->> 'PartRecords', host FROM timeline WHERE fields ->> 'PartLengths' IS NOT NULL AND fields ->> 'MissingParts' IS NULL"
open(os.path.join(work, 'across.yml'), 'w').write("""title: across
logsource: {product: windows, category: ps_script}
detection: {s: {ScriptBlockText|contains: Invoke-Rubeus}, condition: s}
level: high
""")
rule = ['--rules', os.path.join(work, 'across.yml')]
ingest('one.db', *rule, old)
ok(rows('one.db', whole) == [] and rows('one.db', "SELECT fields ->> 'MissingParts' FROM timeline WHERE fields ->> 'MissingParts' IS NOT NULL") == [('3',)],
   'one log says what is missing of a script')
got = ingest('one.db', *rule, new)
text = [r[1:] for r in rows('one.db', whole)]
ok([t[:1] + t[2:3] for t in text] == [('Invoke-Rubeus', '[1,2,3]')] and text[0][1] == __import__('hashlib').sha256(b'Invoke-Rubeus').hexdigest(),
   'two logs of a host are one script', text, got.stderr)
ok(rows('one.db', "SELECT rule, count(*) FROM detections GROUP BY 1") == [('across', 1)], 'and rules see it')
before = dump('one.db')
ingest('one.db', *rule, old, new)
ok(dump('one.db') == before, 'the same again changes nothing')
ingest('other.db', *rule, new, old)
ok(rows('other.db', whole) == rows('one.db', whole), 'the other way round is the same')
shutil.rmtree(work)
print(f'1..{n}')
