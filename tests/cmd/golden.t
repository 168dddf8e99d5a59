#!/usr/bin/env python3
"""TAP: every fixture of every parser, parsed, equals its golden JSON lines.

Fixtures: tests/fixtures/PARSER/NAME (by hand) and $BUILD/fixtures/PARSER/NAME (made by
tests/fixtures/make_*.py). Golden: tests/golden/PARSER/NAME.jsonl, exactly the output of
`konseki parse --parser PARSER`, with the source's folder left out. A fixture without a golden
fails. `REGENERATE=1 tests/cmd/golden.t` writes them anew: read the diff before committing it.
Companions (-wal, .LOG1, .LOG2, -shm) and names that begin with a dot are not parsed by themselves.
"""
import json, os, subprocess

konseki = os.environ.get('KONSEKI', 'build/konseki')
build = os.environ.get('BUILD', 'build')
cases = []
for base in ('tests/fixtures', os.path.join(build, 'fixtures')):
    for parser in sorted(os.listdir(base)) if os.path.isdir(base) else []:
        folder = os.path.join(base, parser)
        if not os.path.isdir(folder) or parser.startswith(('.', '_')):
            continue
        for name in sorted(os.listdir(folder)):
            path = os.path.join(folder, name)
            if os.path.isfile(path) and not name.startswith('.') and not name.endswith(('-wal', '-shm', '.LOG1', '.LOG2')):
                cases.append((parser, name, path))

print(f'1..{len(cases)}')
for i, (parser, name, path) in enumerate(cases, 1):
    stamp = 1600000000  # inferred years depend on the file's own time
    os.utime(path, (stamp, stamp))
    got = subprocess.run([konseki, 'parse', '--parser', parser, path], capture_output=True, env=os.environ | {'TZ': 'UTC'})
    lines = []
    for line in got.stdout.decode('utf-8').split('\n')[:-1]:
        event = json.loads(line)
        event['source'] = os.path.basename(event['source'])
        lines.append(json.dumps(event, ensure_ascii=False))
    golden = os.path.join('tests/golden', parser, name + '.jsonl')
    if os.environ.get('REGENERATE'):
        os.makedirs(os.path.dirname(golden), exist_ok=True)
        open(golden, 'w').write(''.join(line + '\n' for line in lines))
    want = open(golden).read().split('\n')[:-1] if os.path.exists(golden) else None
    good = want == lines and got.returncode in (0, 1)
    print(f'{"ok" if good else "not ok"} {i} - {parser}: {name}')
    if not good:
        if want is None:
            print(f'# no golden {golden}')
        else:
            for a, b in zip(want + [''] * len(lines), lines + [''] * len(want)):
                if a != b:
                    print(f'# want {a}\n# have {b}')
                    break
        print('# ' + got.stderr.decode('utf-8', 'replace').replace('\n', '\n# '))
