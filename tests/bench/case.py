"""The writer alone, and queries over a case of ten million events of twenty hosts, made of logs of our own making."""
import os, subprocess

EVENTS = 10_000_000
LOG_MB = 64

def make_case(world, large):
    """Logs of one host after the other, each loaded and removed before the next but one is there."""
    maker, loader = (os.path.join(world.build, 'tests', name) for name in ('make_evtx', 'load'))
    child = subprocess.Popen([loader, large, '-'], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    records, seed = 0, 0
    while records < EVENTS:
        log = f'{large}.{seed}.evtx'
        said = subprocess.run([maker, log, str(LOG_MB), 'host', str(seed)], check=True, capture_output=True, text=True).stdout
        records += int(said.split()[-2])
        seed += 1
        child.stdin.write(log + '\n')
        child.stdin.flush()
    return child.communicate()[0]

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
    if not os.path.exists(note) or any(os.path.getmtime(note) < os.path.getmtime(os.path.join(world.build, 'tests', name))
                                       for name in ('make_evtx', 'load')):
        for name in (large, large + '-journal', note):
            if os.path.exists(name):
                os.unlink(name)
        said = make_case(world, large)
        open(note, 'w').write(said)
    print('  ten million events:', open(note).read().strip(), flush=True)

    ask = lambda sql: subprocess.run([world.konseki, 'query', '-c', large, '--no-header', '--sql', sql], capture_output=True,
                                     text=True).stdout.rstrip('\n').split('\n')[0].split('\t')
    middle, = ask(f'SELECT time FROM timeline WHERE id = {EVENTS // 2}')
    queries = [
        ('an event', ['--id', str(EVENTS // 2)]),
        ('a time, first hundred', ['--since', middle, '--limit', '100']),
        ('ten seconds', ['--since', middle, '--until', middle[:18] + '9Z']),
        ('a host, first hundred', ['--host', 'ws-07*', '--limit', '100']),
        ('a frequent kind, first hundred', ['--kind', 'process_start', '--limit', '100']),
        ('the rarest kind, all', ['--kind', 'log_cleared']),
        ('a rare kind, first hundred', ['--kind', 'task_create', '--limit', '100']),
        ('a host, a kind, a time', ['--host', 'ws-03*', '--kind', 'logon', '--since', middle, '--limit', '100']),
        ('a frequent event id', ['--field', 'EventID=4624', '--limit', '100']),
        ('a rare event id, all', ['--field', 'EventID=1102']),
        ('an event id that is not there', ['--field', 'EventID=4769']),
        ('a number in a field, all', ['--field', 'SourcePort=4444']),
        ('a number in a field, not there', ['--field', 'DestinationPort=4444']),
        ('a text in a field, all', ['--field', 'CommandLine=C:\\Users\\Public\\beacon.exe -port 4444']),
        ('a text in a field, not there', ['--field', 'TargetUserName=nobody']),
        ('a text in a field, very many', ['--field', 'User=CORP\\alice', '--limit', '100']),
        ('part of a field, all', ['--field', 'CommandLine=*beacon.exe*']),
        ('text, not there', ['--grep', 'zq no such text']),
        ('text, few', ['--grep', 'public\\beacon']),
        ('three letters, not there', ['--grep', 'zqx']),
        ('text, some thousand, first hundred', ['--grep', 'h4711.cdn', '--limit', '100']),
        ('text, some thousand, all', ['--grep', 'h471']),
        ('text, very many, first hundred', ['--grep', 'powershell', '--limit', '100']),
        ('text, very many, all (output)', ['--grep', 'inventory.ps1']),
        ('two letters (reads everything)', ['--grep', 'zq']),
        ('counts by host and kind', ['--sql', 'SELECT host, kind, sum(events) FROM summary GROUP BY 1, 2']),
    ]
    for what, args in queries:
        r = world.run([world.konseki, 'query', '-c', large] + args, runs=1 if 'output' in what else 3)
        print(f'  {what:36} {r.seconds * 1000:7.0f} ms  {r.cpu * 1000:6.0f} ms of cpu {r.peak:6.0f} MiB'
              + (f'  exit status {os.waitstatus_to_exitcode(r.status)}' if r.status else ''), flush=True)
    for what, args in (('stack', ['stack', 'Image', '--kind', 'process_start']), ('stack of all', ['stack', 'Image']),
                       ('coverage', ['coverage']), ('diff', ['diff', 'ws-01.corp.example.org', 'ws-02.corp.example.org']),
                       ('dive', ['dive', '--event', str(EVENTS // 2)]), ('export', ['export', '--format', 'jsonl', '--host', 'ws-05*'])):
        r = world.run([world.konseki, args[0], '-c', large] + args[1:], runs=1)
        print(f'  {what:36} {r.seconds * 1000:7.0f} ms  {r.cpu * 1000:6.0f} ms of cpu {r.peak:6.0f} MiB'
              + (f'  exit status {os.waitstatus_to_exitcode(r.status)}' if r.status else ''), flush=True)
