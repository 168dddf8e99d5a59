#!/usr/bin/env python3
"""TAP: hives with their logs beside them, parsed from disk: the events are those of the hive that Windows would load."""
import json, os, shutil, subprocess, sys, tarfile, tempfile, zipfile

konseki = os.path.abspath(os.environ.get('KONSEKI', 'build/konseki'))
work = tempfile.mkdtemp()
failed = []
tests = 0

def check(good, what, more=''):
    global tests
    tests += 1
    print(f'{"ok" if good else "not ok"} {tests} - {what}')
    if not good:
        print('#', more)

def keys(name):
    got = subprocess.run([konseki, 'parse', '--parser', 'regf', os.path.join(folder, name)], capture_output=True, text=True)
    events = [json.loads(l) for l in got.stdout.splitlines()]
    about = next((e['fields'] for e in events if 'Dirty' in e['fields']), {})
    return sorted(json.dumps([e['ts'], e['fields']]) for e in events if e['kind'] == 'registry_key'), about

try:
    subprocess.run([sys.executable, 'tests/fixtures/make_regf.py', work], check=True)
    folder = os.path.join(work, '_hive')
    for case, want, entries in (('new-one', 'want-1', 1), ('new-both', 'want-2', 2), ('new-torn', 'want-1', 1), ('new-gap', 'want-1', 1), ('new-header', 'want-1', 1),
                                ('old-one', 'want-1', 1), ('old-grown', 'want-2', 1), ('old-header', 'want-1', 1),
                                ('old-header-foreign', 'want-0', 0), ('new-late', 'want-0', 0), ('new-hash', 'want-0', 0), ('new-size', 'want-0', 0), ('new-cut', 'want-1', 1),
                                ('new-wrap', 'want-2', 2), ('new-lame', 'want-1', 1)):
        mine, about = keys(case)
        check(mine == keys(want)[0] and about.get('LogEntriesReplayed') == entries, f'{case} becomes {want}', [about, mine])
    mine, about = keys('old-foreign')
    check(about.get('LogEntriesReplayed') == 0 and 'LogNote' in about, 'a log of another state is left, and said so', about)
    mine, about = keys('new-clean')
    check(about.get('Dirty') is False and mine == keys('want-1')[0], 'a clean hive does not take its logs', about)
    # in archives, before and behind the hive: what a triage tool packs is read as the folder would be
    for kind, order in (('zip', ('', '.LOG1', '.LOG2')), ('tar', ('.LOG2', '', '.LOG1')), ('tar.gz', ('', '.LOG2', '.LOG1'))):
        path = os.path.join(work, 'collected.' + kind)
        members = [(f'C/Windows/System32/config/SYSTEM{s}', os.path.join(folder, 'new-both' + s)) for s in order]
        if kind == 'zip':
            with zipfile.ZipFile(path, 'w', zipfile.ZIP_DEFLATED) as z:
                for name, source in members:
                    z.write(source, name)
        else:
            with tarfile.open(path, 'w:gz' if kind.endswith('gz') else 'w') as t:
                for name, source in members:
                    t.add(source, name)
        got = subprocess.run([konseki, 'parse', path], capture_output=True, text=True)
        about = next((f for f in (json.loads(l)['fields'] for l in got.stdout.splitlines()) if 'Dirty' in f), {})
        check(about.get('LogEntriesReplayed') == 2, f'logs are replayed out of a {kind} file', [about, got.stderr])
    # names as a case-preserving system has them
    for name in os.listdir(folder):
        if name.startswith('new-both.'):
            os.rename(os.path.join(folder, name), os.path.join(folder, name.lower()))
    mine, about = keys('new-both')
    check(about.get('LogEntriesReplayed') == 2, 'logs are found in lower case too', about)
finally:
    shutil.rmtree(work)
print(f'1..{tests}')
