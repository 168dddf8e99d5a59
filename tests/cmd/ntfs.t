#!/usr/bin/env python3
"""TAP: an NTFS volume made by mkntfs and ntfscp; its $MFT as konseki reads it equals what sleuthkit's fls and istat say."""
import collections, json, os, re, shutil, subprocess, tempfile

konseki = os.path.abspath(os.environ.get('KONSEKI', 'build/konseki'))
run = lambda *a, **k: subprocess.run(a, capture_output=True, check=True, env=os.environ | {'TZ': 'UTC', 'LC_ALL': 'C.UTF-8'}, **k).stdout
for tool in ('mkntfs', 'ntfscp', 'fls', 'istat', 'icat'):
    if not shutil.which(tool, path=os.environ['PATH'] + ':/usr/sbin:/sbin'):
        print(f'1..0 # SKIP {tool} is not installed')
        raise SystemExit(0)
os.environ['PATH'] += ':/usr/sbin:/sbin'
work = tempfile.mkdtemp()
try:
    volume, source = os.path.join(work, 'volume'), os.path.join(work, 'source')
    with open(volume, 'wb') as f:
        f.truncate(8 << 20)
    run('mkntfs', '-F', '-Q', '-q', volume)
    files = {'small.txt': b'resident', 'Ünïcode 漢字 Ω.bin': os.urandom(70000), 'empty': b'', 'with.stream': b'x' * 900}
    files |= {f'many {i:03}.dat': bytes(i * 37) for i in range(40)}
    for name, data in files.items():
        with open(source, 'wb') as f:
            f.write(data)
        run('ntfscp', '-q', '-f', volume, source, name)
    with open(source, 'wb') as f:
        f.write(b'[ZoneTransfer]\r\nZoneId=3\r\nHostUrl=http://x.example/f\r\n')
    run('ntfscp', '-q', '-f', '-N', 'Zone.Identifier', volume, source, 'with.stream')
    mft = os.path.join(work, '$MFT')
    with open(mft, 'wb') as f:
        f.write(run('icat', volume, '0'))
    events = [json.loads(l) for l in run(konseki, 'parse', mft).decode().splitlines()]

    # what konseki says of each record: path, size, eight times
    mine = {}
    for e in events:
        if e['kind'] != 'file_metadata':
            continue
        number = int(e['fields']['FileReference'].split('-')[0])
        m = mine.setdefault(number, {'path': e['fields']['TargetFilename'], 'size': e['fields'].get('FileSize'), 'si': {}, 'fn': {}})
        for field, times in (('Macb', m['si']), ('FnMacb', m['fn'])):
            for letter in e['fields'].get(field, '').replace('.', ''):
                times[letter] = e['ts']
    # what sleuthkit says
    theirs = {}
    for line in run('fls', '-r', '-p', volume).decode().splitlines():
        kind, _, rest = line.partition(' ')
        found = re.match(r'(\* )?(\d+)(?:-\d+-\d+)?:\t(.*)', rest)
        number, path = int(found[2]), found[3]
        if 'OrphanFiles' in path or kind.startswith('V') or (':' in path and not path.startswith('$')):
            continue
        theirs.setdefault(number, path.split(':')[0] if path.startswith('$') else path)
    def stamp(text):
        date, _, fraction = text.replace(' (UTC)', '').partition('.')
        fraction = fraction.rstrip('0') and fraction[:7]
        return date.replace(' ', 'T'), (fraction or '').rstrip('0')
    def same(ts, text):
        date, _, fraction = ts.rstrip('Z').partition('.')
        return (date, fraction.rstrip('0')) == stamp(text)
    wrong = []
    letters = {'Created': 'B', 'File Modified': 'M', 'MFT Modified': 'C', 'Accessed': 'A'}
    for number, path in sorted(theirs.items()):
        if number not in mine:
            wrong.append(f'{number} {path}: not found')
            continue
        if mine[number]['path'] != '\\' + path.replace('/', '\\'):
            wrong.append(f'{number} {path}: path {mine[number]["path"]}')
        part = None
        for line in run('istat', volume, str(number)).decode('utf-8', 'replace').splitlines():
            if line.startswith('$STANDARD_INFORMATION'):
                part = 'si'
            elif line.startswith('$FILE_NAME'):
                part = 'fn'
            elif line.startswith(('Attributes:', '$OBJECT_ID', '$ATTRIBUTE_LIST')):
                part = None
            name, _, value = line.partition(':\t')
            # mkntfs leaves the times of $MFT zero, which istat renders modulo 2^32 seconds: no time is right.
            if value.startswith('2076-11-29 08:54:34.000000000') and letters.get(name) not in mine[number].get(part, {}):
                continue
            if part and name in letters and not same(mine[number][part].get(letters[name], ''), value):
                wrong.append(f'{number} {path}: {part} {name} is {value}, not {mine[number][part].get(letters[name])}')
    print('1..4')
    print(f'{"ok" if len(theirs) > 50 and not wrong else "not ok"} 1 - {len(theirs)} files, paths and eight times as fls and istat say')
    for w in wrong[:10]:
        print('#', w)
    by_path = {m['path']: m for m in mine.values()}
    sizes = [n for n, d in files.items() if by_path.get('\\' + n, {}).get('size') != len(d)]
    print(f'{"not ok" if sizes else "ok"} 2 - sizes of what was copied {sizes}')
    down = [e for e in events if e['kind'] == 'download']
    print(f'{"ok" if len(down) == 1 and down[0]["fields"]["Url"] == "http://x.example/f" else "not ok"} 3 - the zone identifier tells the source')
    small = next(e for e in events if e['fields'].get('TargetFilename') == '\\small.txt')
    print(f'{"ok" if small["fields"].get("Contents") == "resident" else "not ok"} 4 - resident content')
finally:
    shutil.rmtree(work)
