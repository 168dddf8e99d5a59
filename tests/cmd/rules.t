#!/usr/bin/env python3
"""TAP: our own rules. rules/X.yml hits exactly the lines of tests/rules/X.jsonl whose message is "hit", or
of tests/rules/X.log (syslog) whose host is."""
import collections, glob, json, os, subprocess

konseki = os.environ.get('KONSEKI', 'build/konseki')
rules = sorted(glob.glob('rules/**/*.yml', recursive=True))
events = [next(iter(glob.glob(r.replace('rules/', 'tests/rules/', 1)[:-4] + '.*')), r + ': no events') for r in rules]
got = subprocess.run([konseki, 'detect', '--format', 'jsonl', '--rules', 'rules'] + events, capture_output=True)
hits = collections.defaultdict(set)
for line in got.stdout.decode().splitlines():
    hit = json.loads(line)
    hits[os.path.basename(hit['rule_path']), os.path.relpath(os.path.realpath(hit['source']))].add(hit['record'])
print(f'1..{len(rules) + 1}')
for i, (rule, file) in enumerate(zip(rules, events), 1):
    want, at, count = set(), 0, 0
    for line in open(file, 'rb'):
        word = json.loads(line)['message'] if file.endswith('.jsonl') else line.split()[1].decode()
        record = json.loads(line)['fields'].get('EventRecordID', at) if file.endswith('.jsonl') else at
        if word == 'hit':
            want.add(record)
        at += len(line)
        count += 1
    have = hits[os.path.basename(rule), file]
    good = have == want and 0 < len(want) < count
    print(f'{"ok" if good else "not ok"} {i} - {rule}')
    if not good:
        print(f'# want records {sorted(want)} of {count}, have {sorted(have)}')
print(f'{"ok" if got.returncode == 0 else "not ok"} {len(rules) + 1} - every rule loads')
for line in got.stderr.decode().splitlines():
    print('#', line)
