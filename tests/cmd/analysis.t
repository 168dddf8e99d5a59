#!/usr/bin/env python3
"""TAP: dive, stack and diff over a case that is made of events written here."""
import json, os, subprocess, tempfile, shutil

konseki = os.environ.get('KONSEKI', 'build/konseki')
work = tempfile.mkdtemp(prefix='konseki-analysis.')
case = os.path.join(work, 'case.db')
results = []
def check(good, what, detail=''):
    results.append((bool(good), what, detail))
def run(*args, ok=0):
    got = subprocess.run([konseki, *args], capture_output=True, text=True)
    check(got.returncode == ok, f'{" ".join(args)[:70]}: exit {ok}', f'{got.returncode} {got.stderr}')
    return got.stdout
def event(second, kind, host, message, **fields):
    return json.dumps({'ts': f'2026-01-02T03:{second // 60:02d}:{second % 60:02d}Z', 'ts_desc': 'Recorded Time', 'kind': kind, 'message': message,
                       'host': host, 'user': None, 'parser': 't', 'source': 't', 'fields': fields})
P = 'Microsoft-Windows-Sysmon'
def start(second, pid, ppid, image, host='pc1', **more):
    return event(second, 'process_start', host, image, ProcessId=pid, ParentProcessId=ppid, Image=image, CommandLine=image + ' -x', **more)

first = [
    start(0, 100, 1, 'winword.exe', LogonId='0x77'),
    event(0, 'logon', 'pc1', 'alice came', TargetLogonId='0x77', TargetUserName='alice'),
    start(10, 200, 100, 'cmd.exe'), start(11, 201, 200, 'whoami.exe'), start(12, 202, 200, 'evil\x1b[31m.exe'),
    event(13, 'file_create', 'pc1', 'dropped a.dll', ProcessId=202, TargetFilename='a.dll'),
    event(14, 'process_stop', 'pc1', 'gone', ProcessId=202),
    start(100, 202, 1, 'innocent.exe'),  # the id again
    event(101, 'file_create', 'pc1', 'wrote b.txt', ProcessId=202, TargetFilename='b.txt'),
    event(12, 'registry_set', 'pc1', 'somebody else', ProcessId=900, TargetObject='HKLM'),
    event(1, 'persistence', 'pc1', 'p', Place='cron', Name='a', CommandLine='/bin/a', Hashes='SHA256=1'),
    event(1, 'persistence', 'pc1', 'p', Place='cron', Name='b', CommandLine='/bin/b', Hashes='SHA256=2'),
    event(1, 'network_listen', 'pc1', 'l', Protocol='tcp', SourceIp='0.0.0.0', SourcePort=22, Image='/sbin/sshd'),
]
second = [
    start(0, 5, 1, 'cmd.exe', host='pc2'),
    event(1, 'persistence', 'pc2', 'p', Place='cron', Name='b', CommandLine='/bin/b', Hashes='SHA256=3'),
    event(1, 'persistence', 'pc2', 'p', Place='cron', Name="c'", CommandLine='/bin/c', Hashes='SHA256=3'),
    event(1, 'network_listen', 'pc2', 'l', Protocol='tcp', SourceIp='0.0.0.0', SourcePort=22, Image='/sbin/sshd'),
]
files = []
for name, lines in (('one.jsonl', first), ('two.jsonl', second)):
    files.append(os.path.join(work, name[:-6] + '.tar'))
    open(os.path.join(work, name), 'w').write('\n'.join(lines) + '\n')
    subprocess.run(['tar', '-C', work, '-cf', files[-1], name], check=True)
run('ingest', '-c', case, *files)

def ids(**want):
    out = run('query', '-c', case, '--format', 'jsonl', *[x for k, v in want.items() for x in (f'--{k}', v)])
    return [json.loads(line) for line in out.splitlines()]
evil = ids(grep='evil')[0]['id']
rows = [json.loads(line) for line in run('dive', '-c', case, '--event', str(evil), '--format', 'jsonl').splitlines()]
role = lambda r: [x['image'] or x['message'] for x in rows if x['role'] == r]
check(role('process') == ['evil\x1b[31m.exe'], 'dive finds the process', rows)
check(role('ancestor') == ['winword.exe', 'cmd.exe'] or role('ancestor') == ['cmd.exe', 'winword.exe'], 'its parents', role('ancestor'))
check([x['message'] for x in rows if x['role'] == 'touched'] == ['dropped a.dll'], 'what it touched, and not what its id touched later', rows)
check('somebody else' in [x['message'] for x in rows if x['role'] == 'around'], 'what happened beside it', rows)
tree = run('dive', '-c', case, '--event', str(evil))
check('\x1b' not in tree and '\\x1b[31m' in tree, 'text of the evidence is escaped', tree)
dropped = [e for e in ids(kind='file_create') if 'a.dll' in e['message']][0]['id']
rows = [json.loads(line) for line in run('dive', '-c', case, '--event', str(dropped), '--format', 'jsonl').splitlines()]
check(role('process') == ['evil\x1b[31m.exe'], 'dive from a file to the process that made it', rows)
winword = [e for e in ids(kind='process_start') if e['message'] == 'winword.exe'][0]['id']
rows = [json.loads(line) for line in run('dive', '-c', case, '--event', str(winword), '--format', 'jsonl').splitlines()]
check({'cmd.exe', 'whoami.exe'} <= set(role('descendant')) and 'innocent.exe' not in role('descendant'), 'its children', rows)
check([x['message'] for x in rows if x['role'] == 'logon'] == ['alice came'], 'the logon of its session', rows)
run('dive', '-c', case, '--event', '999999', ok=2)
run('dive', '-c', case, '--event', 'x', ok=2)

rows = [json.loads(line) for line in run('stack', '-c', case, '--format', 'jsonl', '--kind', 'persistence', 'CommandLine').splitlines()]
check([(r['CommandLine'], r['hosts'], r['events']) for r in rows] == [('/bin/a', 1, 1), ('/bin/c', 1, 1), ('/bin/b', 2, 2)], 'stack counts, rarest first', rows)
rows = run('stack', '-c', case, '--format', 'tsv', '--no-header', '--max-hosts', '1', '--host', 'pc?', 'Image', 'host').splitlines()
check(len(rows) == 8 and all(r.split('\t')[2] == '1' for r in rows), 'stack over two fields, of few hosts', rows)
rows = run('stack', '-c', case, '--format', 'tsv', '--no-header', '--since', '2026-01-02T03:01:00Z', 'kind').splitlines()
check([r.split('\t')[0] for r in rows] == ['file_create', 'process_start'], 'stack in time', rows)

def diff(*args):
    return [json.loads(line) for line in run('diff', '-c', case, '--format', 'jsonl', *args).splitlines()]
rows = diff('--kind', 'persistence,network_listen', 'pc1', 'pc2')
short = [(r['side'], r['what'].split('CommandLine: ')[-1]) for r in rows]
check(sorted(short) == [('+', '/bin/c'), ('-', '/bin/a'), ('~', '/bin/b')], 'diff of two hosts', rows)
check([r['change'] for r in rows if r['side'] == '~'] == ['Hashes: SHA256=2 -> Hashes: SHA256=3'], 'and what changed', rows)
check(diff('pc1', 'pc1') == [], 'a host is like itself')
check(len(diff('--kind', 'persistence', files[0], 'two.tar')) == 3, 'diff of two inputs', '')
check('evil' in run('query', '-c', case, '--sql', "SELECT message FROM timeline WHERE fields ->> 'Image' LIKE 'evil%'"), 'SQL over the view')
run('diff', '-c', case, 'pc1', 'nobody', ok=2)

# Whose machine is it? A hostname file deep in a tree is anybody's.
root = os.path.join(work, 'root')
for path, text in (('tmp/x/etc/hostname', 'planted'), ('etc/hostname', 'real'), ('root/.bash_history', 'id')):
    os.makedirs(os.path.dirname(os.path.join(root, path)), exist_ok=True)
    open(os.path.join(root, path), 'w').write(text + '\n')
subprocess.run(['tar', '-C', root, '-cf', os.path.join(work, 'root.tar'), 'tmp', 'etc', 'root'], check=True)
run('ingest', '-c', os.path.join(work, 'root.db'), os.path.join(work, 'root.tar'))
hosts = run('query', '-c', os.path.join(work, 'root.db'), '--sql', 'SELECT DISTINCT host FROM timeline', '--format', 'tsv', '--no-header')
check(hosts.split() == ['real'], 'a planted hostname file does not rename the machine', hosts)

print(f'1..{len(results)}')
for i, (good, what, detail) in enumerate(results, 1):
    print(f'{"ok" if good else "not ok"} {i} - {what}')
    if not good:
        print('#', str(detail).replace('\n', '\n# '))
shutil.rmtree(work)
