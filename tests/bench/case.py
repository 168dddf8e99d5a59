"""The writer alone, and queries over a case of ten million events, made once of logs of our own making."""
import os, subprocess

EVENTS = 10_000_000

def bench(world):
    loader = os.path.join(world.build, 'tests/load')
    log, size, records = world.log('varied', 64)
    case = os.path.join(world.folder, 'case.db')

    world.section('the case')
    if os.path.exists(case):
        os.unlink(case)
    said = subprocess.run([loader, case, '2', log], capture_output=True, text=True).stdout
    print('  writer alone:', said.strip(), flush=True)

    large = os.path.join(world.folder, 'case-10m.db')
    note = large + '.done'
    if not os.path.exists(note) or os.path.getmtime(note) < os.path.getmtime(os.path.join(world.build, 'tests/make_evtx')):
        for name in (large, large + '-journal', note):
            if os.path.exists(name):
                os.unlink(name)
        said = subprocess.run([loader, large, str(EVENTS // records + 1), log], capture_output=True, text=True).stdout
        open(note, 'w').write(said)
    print('  ten million events:', open(note).read().strip(), flush=True)

    ask = lambda sql: subprocess.run([world.konseki, 'query', '-c', large, '--no-header', '--sql', sql], capture_output=True,
                                     text=True).stdout.rstrip('\n').split('\n')[0].split('\t')
    first, last = ask('SELECT min(first), max(last) FROM artifact')
    host, = ask('SELECT host FROM summary WHERE host IS NOT NULL GROUP BY host ORDER BY sum(events) LIMIT 1')
    kind, = ask('SELECT kind FROM summary GROUP BY kind ORDER BY sum(events) LIMIT 1')
    middle, = ask(f'SELECT time FROM timeline WHERE id = {EVENTS // 2}')
    queries = [
        ('an event', ['--id', str(EVENTS // 2)]),
        ('by time', ['--since', middle, '--limit', '100']),
        ('by host', ['--host', host, '--limit', '100']),
        ('by rarest kind', ['--kind', kind, '--limit', '100']),
        ('by frequent kind', ['--kind', 'process_start', '--limit', '100']),
        ('by event id', ['--field', 'EventID=4625', '--limit', '100']),
        ('by value of a field', ['--field', 'CommandLine=*no such command*', '--limit', '100']),
        ('text that is nowhere', ['--grep', 'zq no such text']),
        ('text, first hundred', ['--grep', 'powershell', '--limit', '100']),
        ('counts by host and kind', ['--sql', 'SELECT host, kind, sum(events) FROM summary GROUP BY 1, 2']),
    ]
    for what, args in queries:
        r = world.run([world.konseki, 'query', '-c', large] + args, runs=3)
        print(f'  {what:34} {r.seconds * 1000:7.0f} ms  {r.cpu * 1000:6.0f} ms of cpu {r.peak:6.0f} MiB'
              + (f'  exit status {os.waitstatus_to_exitcode(r.status)}' if r.status else ''), flush=True)
