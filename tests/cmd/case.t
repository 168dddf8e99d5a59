#!/usr/bin/env python3
"""TAP: what a case must survive: SIGKILL over inputs of every kind, a full disk; and the same record from many sources."""
import io, itertools, json, os, random, shutil, signal, sqlite3, subprocess, tarfile, tempfile, time, zipfile

konseki = os.path.abspath(os.environ.get('KONSEKI', 'build/konseki'))
build = os.environ.get('BUILD', 'build')
kills = int(os.environ.get('KILLS', '6')) # cases that are killed; more for a long night
work = tempfile.mkdtemp(prefix='case.')
n = 0

def ok(good, name, *why):
    global n
    n += 1
    print(f'{"ok" if good else "not ok"} {n} - {name}')
    if not good:
        for line in why:
            print('# ' + str(line)[:800].replace('\n', '\n# '))

def at(*names):
    return os.path.join(work, *names)

def put(name, data):
    os.makedirs(os.path.dirname(at(name)), exist_ok=True)
    with open(at(name), 'wb') as f:
        f.write(data)
    return at(name)

def ingest(case, *args):
    return subprocess.run([konseki, 'ingest', '-c', at(case), *args], capture_output=True, timeout=300)

def rows(case, sql):
    db = sqlite3.connect(f'file:{at(case)}?mode=ro', uri=True)
    got = db.execute(sql).fetchall()
    db.close()
    return got

def content(case):
    """Events, sources and detections, whatever ids they have."""
    names = {row[0]: row[1:] for row in
             rows(case, 'SELECT id, time, ts_desc, host, kind, user, message, source, parser, fields FROM timeline')}
    key = lambda row: json.dumps(row)
    return (sorted(names.values(), key=key),
            sorted(((names[event], *more) for event, *more in rows(case, 'SELECT event, source, member, sha256, record FROM sources')), key=key),
            sorted(((title, names[event], matched, sorted((names[i] for i in json.loads(events or '[]')), key=key))
                    for title, event, matched, events in
                    rows(case, 'SELECT r.title, d.event, d.matched, d.events FROM detection d JOIN rule r ON r.id = d.rule')), key=key))

def log(name, size_mb, seed):
    os.makedirs(os.path.dirname(at(name)), exist_ok=True)
    subprocess.run([os.path.join(build, 'tests/make_evtx'), at(name), str(size_mb), 'security', str(seed)], check=True, stdout=subprocess.DEVNULL)
    return open(at(name), 'rb').read()

# ---- killed, over a bundle, a folder, an archive, an image and loose files, with rules ----
for i in range(12):
    put(f'tree/home/u{i:02d}/.bash_history', b''.join(b'#%d\nuseradd x%d%d\n' % (1600000000 + i * 100 + k, i, k) for k in range(1 + i * 7 % 30)))
put('tree/etc/hostname', b'box1\n')
put('tree/etc/passwd', b''.join(b'u%02d:x:%d:%d::/home/u%02d:/bin/bash\n' % (i, 1000 + i, 1000 + i, i) for i in range(12)))
inputs = []
log('loose/Security.evtx', 3, 1)
log('folder/winevt/Logs/Security.evtx', 2, 2)
put('folder/winevt/Logs/notes.bin', b'\0\1\2 nobody claims this')
inputs += [at('loose/Security.evtx'), at('folder')]
made = subprocess.run([konseki, 'collect', '--root', at('tree'), '-o', at('box1.tar.zst')], capture_output=True)
ok(os.path.exists(at('box1.tar.zst')), 'a bundle is made', made.stderr)
inputs.append(at('box1.tar.zst'))
with zipfile.ZipFile(at('other.zip'), 'w', zipfile.ZIP_DEFLATED) as z:
    z.write(at('tree/home/u07/.bash_history'), 'home/u07/.bash_history')
    z.writestr('home/zip/.bash_history', b'#1600000500\nuseradd zipped\n')
    z.writestr('C/Windows/System32/winevt/Logs/System.evtx', log('tmp/System.evtx', 1, 3))
inputs.append(at('other.zip'))
mkfs = shutil.which('mkfs.ext4', path='/sbin:/usr/sbin:' + os.environ['PATH'])
if mkfs and subprocess.run([mkfs, '-q', '-F', '-d', at('tree'), at('disk.raw'), '4M'], capture_output=True).returncode == 0:
    inputs.append(at('disk.raw'))
rules = put('rules.yml', b"""title: An account
name: account
logsource: {product: linux}
detection: {s: {CommandLine|startswith: useradd}, condition: s}
level: low
---
title: A logon
name: logon
logsource: {product: windows, service: security}
detection: {s: {EventID: 4624}, condition: s}
level: low
---
title: Many accounts
correlation: {type: event_count, rules: [account], group-by: [Shell], timespan: 1h, condition: {gte: 10}, generate: true}
level: high
---
title: Logons of one
correlation: {type: value_count, rules: [logon], group-by: [TargetUserName], timespan: 1d, condition: {gte: 3, field: IpAddress}}
level: high
""")
arguments = ['--rules', rules, *inputs]
start = time.monotonic()
got = ingest('clean.db', *arguments)
took = time.monotonic() - start
want = content('clean.db')
ok(got.returncode in (0, 1) and len(want[0]) > 3000 and (want[1] or len(inputs) < 5) and {'Many accounts', 'Logons of one', 'An account'} <= {d[0] for d in want[2]},
   f'{len(inputs)} inputs of all kinds with rules', got.stderr, len(want[0]), len(want[1]), {d[0] for d in want[2]})
rnd = random.Random(3)
whole = killed = 0
for i in range(kills):
    case, sound = f'k{i}.db', True
    for _ in range(2):
        child = subprocess.Popen([konseki, 'ingest', '-c', at(case), *arguments], start_new_session=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(took * rnd.uniform(0, .95))
        if child.poll() is None:
            os.killpg(child.pid, signal.SIGKILL)
            killed += 1
        child.wait()
        if os.path.exists(at(case)) and os.path.getsize(at(case)):
            subprocess.run([konseki, 'query', '-c', at(case), '--grep', 'useradd'], stdout=subprocess.DEVNULL, check=True)
            db = sqlite3.connect(at(case))
            sound = sound and db.execute('PRAGMA integrity_check').fetchone() == ('ok',)
            db.close()
    ingest(case, *arguments)
    whole += sound and content(case) == want
    os.unlink(at(case))
ok(whole == kills and killed, f'killed {killed} times and run again: the same case', whole)
again = ingest('clean.db', *arguments)
ok(content('clean.db') == want and b' 0 events of ' in again.stderr, 'the same again adds nothing', again.stderr)

# A writer that died while it wrote over old pages left a journal that has to be played back: who reads does it.
shutil.copy(at('clean.db'), at('hot.db'))
db = sqlite3.connect(at('hot.db'), isolation_level=None)
db.execute('PRAGMA cache_size = 2')
db.execute('BEGIN')
db.execute('UPDATE event SET vals = \'["lost"]\'')
shutil.copy(at('hot.db'), at('torn.db'))
shutil.copy(at('hot.db-journal'), at('torn.db-journal'))
db.execute('ROLLBACK')
db.close()
ok(open(at('torn.db-journal'), 'rb').read(8) == bytes.fromhex('d9d505f920a163d7'), 'a journal of a writer that died')
read = subprocess.run([konseki, 'query', '-c', at('torn.db'), '--limit', '1'], capture_output=True)
ok(read.returncode == 0 and content('torn.db') == want, 'a case is read whole after it', read.stderr)

# ---- a full disk ----
script = f"""mount -t tmpfs -o size=1m tmpfs {at('full')} || exit 99
{konseki} ingest -c {at('full/c.db')} {' '.join(arguments)} 2>{at('full.1')}; echo $? >{at('full.2')}
{konseki} query -c {at('full/c.db')} --limit 1 >/dev/null 2>&1; echo $? >>{at('full.2')}
mount -o remount,size=100m {at('full')} || exit 99
{konseki} ingest -c {at('full/c.db')} {' '.join(arguments)} 2>/dev/null; echo $? >>{at('full.2')}
cp {at('full/c.db')} {at('full.db')}"""
os.makedirs(at('full'))
mounted = subprocess.run(['unshare', '-rm', 'sh', '-c', script], capture_output=True) if shutil.which('unshare') else None
if mounted is None or mounted.returncode:
    for name in ('a full disk is told', 'the case still opens', 'and with room a second run completes it'):
        ok(True, name + ' # SKIP no file system of its own')
else:
    status = open(at('full.2')).read().split()
    said = open(at('full.1')).read()
    ok(status[0] == '2' and f"{at('full/c.db')}: database or disk is full" in said, 'a full disk is told', status, said)
    ok(status[1] == '0', 'the case still opens', status)
    ok(status[2] in '01' and content('full.db') == want, 'and with room a second run completes it', status)

# ---- the same record from a shadow copy, a backup, a second collection, a rotated log ----
whole_log = log('same/Security.evtx', 1.2, 9)
chunks = [whole_log[4096 + i * 65536:4096 + (i + 1) * 65536] for i in range((len(whole_log) - 4096) // 65536)]
head = whole_log[:4096]
third = len(chunks) // 3
put('same/Archive-Security-2023-09-20-04-26-40-123.evtx', head + b''.join(chunks[:2 * third]))
put('same/Security.evtx', head + b''.join(chunks[third:]))
put('same/vss1/Windows/System32/winevt/Logs/Security.evtx', head + b''.join(chunks[third:]))
put('same/backup of security.bin', whole_log)
with zipfile.ZipFile(at('same/second.zip'), 'w') as z:
    z.writestr('C/Windows/System32/winevt/Logs/Security.evtx', head + b''.join(chunks[third:]))
names = ['Archive-Security-2023-09-20-04-26-40-123.evtx', 'Security.evtx', 'vss1', 'backup of security.bin', 'second.zip']
put('one.evtx', whole_log)
ingest('one.db', at('one.evtx'))
records = [row[0] for row in rows('one.db', 'SELECT record FROM event ORDER BY 1')]
ok(len(records) > 500 and len(set(records)) == len(records), 'a log of single records', len(records))
first = None
orders = [tuple(range(5)), (4, 3, 2, 1, 0), (2, 0, 4, 1, 3), (1, 2, 3, 4, 0)]
same = 0
for i, order in enumerate(orders):
    case = f'same{i}.db'
    if i % 2: # a run for each
        for k in order:
            ingest(case, at('same', names[k]))
    else:
        ingest(case, *[at('same', names[k]) for k in order])
    have = content(case)
    first = first or have
    same += have == first
ok(same == len(orders), 'in whatever order and runs: the same events with the same sources', same)
ok(sorted(row[0] for row in rows('same0.db', 'SELECT record FROM event')) == records, 'each record is one event', len(records))
per = rows('same0.db', 'SELECT count(*), group_concat(DISTINCT n) FROM (SELECT event, count(*) AS n FROM sources GROUP BY event)')
ok(per == [(len(records), per[0][1])] and sorted(per[0][1].split(',')) == ['2', '4', '5'], 'every source is kept: 2 of the oldest records, 5 where all overlap, 4 of the newest', per)
ok(rows('same0.db', 'SELECT sum(events) FROM summary') == [(len(records),)], 'and counted once')
shutil.rmtree(work)
print(f'1..{n}')
