#!/usr/bin/env python3
"""TAP: NTFS volumes, one made by mkntfs and ntfscp and one used through ntfs-3g (where mounting is allowed): their $MFT as konseki
reads it equals what sleuthkit's fls and istat say, file by file: paths, eight times, sizes, streams, links, sequence numbers, in
use or deleted.

Neither tool writes $LogFile or $UsnJrnl as Windows does: their parsers rest on fixtures and real samples (tests/fixtures/make_ntfs.py).
"""
import collections, json, os, re, shutil, subprocess, tempfile

konseki = os.path.abspath(os.environ.get('KONSEKI', 'build/konseki'))
run = lambda *a, **k: subprocess.run(a, capture_output=True, check=True, env=os.environ | {'TZ': 'UTC', 'LC_ALL': 'C.UTF-8'}, **k).stdout
for tool in ('mkntfs', 'ntfscp', 'fls', 'istat', 'icat'):
    if not shutil.which(tool, path=os.environ['PATH'] + ':/usr/sbin:/sbin'):
        print(f'1..0 # SKIP {tool} is not installed')
        raise SystemExit(0)
os.environ['PATH'] += ':/usr/sbin:/sbin'
work = tempfile.mkdtemp()
tests = 0

def check(good, what, more=()):
    global tests
    tests += 1
    print(f'{"ok" if good else "not ok"} {tests} - {what}')
    if not good:
        for m in list(more)[:12]:
            print('#', str(m)[:300])

def skip(what, why):
    global tests
    tests += 1
    print(f'ok {tests} - {what} # SKIP {why}')

def volume(name, size):
    path = os.path.join(work, name)
    with open(path, 'wb') as f:
        f.truncate(size)
    run('mkntfs', '-F', '-Q', '-q', path)
    return path

def mft_of(path):
    mft = os.path.join(os.path.dirname(path), '$MFT')
    with open(mft, 'wb') as f:
        f.write(run('icat', path, '0'))
    return [json.loads(l) for l in run(konseki, 'parse', mft).decode().splitlines()]

def records(events):
    """What konseki says of each record."""
    mine = {}
    for e in events:
        if e['kind'] != 'file_metadata':
            continue
        f = e['fields']
        number, sequence = map(int, f['FileReference'].split('-'))
        m = mine.setdefault(number, {'path': f['TargetFilename'], 'size': f.get('FileSize'), 'si': {}, 'fn': {}, 'sequence': sequence, 'deleted': f.get('Deleted', False),
                                     'directory': f.get('Directory', False), 'streams': f.get('Streams', []), 'links': f.get('HardLinks', []), 'short': f.get('ShortName'), 'reparse': f.get('ReparseTag')})
        for field, times in (('Macb', m['si']), ('FnMacb', m['fn'])):
            for letter in f.get(field, '').replace('.', ''):
                times.setdefault(letter, []).append(e['ts'])
    return mine

def same(ts, text):
    """istat prints up to nanoseconds, trailing zeros and all."""
    (a, b), (c, d) = (t.partition('.')[::2] for t in (ts.rstrip('Z'), text.replace(' (UTC)', '').replace(' ', 'T')))
    return (a, b.rstrip('0')) == (c, d.rstrip('0'))

def compare(path, mine):
    """Differences between konseki and fls, istat; how many files were compared."""
    theirs, wrong, silent = collections.defaultdict(set), [], []
    letters = {'Created': 'B', 'File Modified': 'M', 'MFT Modified': 'C', 'Accessed': 'A'}
    for line in run('fls', '-r', '-p', path).decode().splitlines():
        kind, _, rest = line.partition(' ')
        found = re.match(r'(\* )?(\d+)(?:-(\d+)-\d+)?(\(realloc\))?:\t(.*)', rest)
        number, attribute, name = int(found[2]), found[3], found[5]
        if kind.startswith('V') or found[4] or name.startswith('$OrphanFiles'):
            continue
        # "name:stream" for streams, "$Secure:$SDS" and indexes too
        at = name.rfind('/') + 1
        if attribute in ('128', '144') and ':' in name[at:]:
            name = name[:at] + name[at:].split(':')[0]
        theirs[number].add('\\' + name.replace('/', '\\'))
    for number, names in sorted(theirs.items()):
        if number not in mine:
            wrong.append(f'{number} {names}: not found')
            continue
        m, part, streams, size = mine[number], None, {}, None
        have = {m['path'], *m['links']}
        got = subprocess.run(['istat', path, str(number)], capture_output=True, env=os.environ | {'TZ': 'UTC'})
        if got.returncode: # a number that only slack of an index names
            silent.append((number, got.stderr))
            continue
        text = got.stdout.decode('utf-8', 'replace')
        if m['deleted'] != ('Not Allocated' in text):
            wrong.append(f'{number} {names}: deleted {m["deleted"]}')
        if m['sequence'] != int(re.search(r'Sequence: (\d+)', text)[1]):
            wrong.append(f'{number} {names}: sequence {m["sequence"]}')
        # a name that only the index remembers (a deleted link) is not in the record
        if not (have == names or m['deleted'] and have & names or have < names):
            wrong.append(f'{number} {names}: path {have}')
        for line in text.splitlines():
            if line.startswith('$STANDARD_INFORMATION'):
                part = 'si'
            elif line.startswith('$FILE_NAME'):
                part = 'fn'
            elif line.startswith(('Attributes:', '$OBJECT_ID', '$ATTRIBUTE_LIST')):
                part = None
            data = re.match(r'(?:Type: )?\$DATA \(128-\d+\)\s+Name: (.*?)\s+(?:Non-)?Resident.*?size: (\d+)', line)
            if data:
                if data[1] == 'N/A':
                    size = int(data[2])
                else:
                    streams[data[1]] = int(data[2])
            name, _, value = line.partition(':\t')
            # mkntfs leaves the times of $MFT zero, which istat renders modulo 2^32 seconds: no time is right.
            if value.startswith('2076-11-29 08:54:34.000000000') and letters.get(name) not in m.get(part, {}):
                continue
            if part and name in letters and not any(same(ts, value) for ts in m[part].get(letters[name], [])):
                wrong.append(f'{number} {names}: {part} {name} is {value}, not {m[part].get(letters[name])}')
        if m['size'] != size:
            wrong.append(f'{number} {names}: size {m["size"]}, not {size}')
        if sorted(m['streams']) != sorted(f'{n} ({s} bytes)' for n, s in streams.items()):
            wrong.append(f'{number} {names}: streams {m["streams"]}, not {streams}')
    if len(silent) > 5:
        wrong += silent
    return wrong, len(theirs)

def copied():
    path, source = volume('volume', 8 << 20), os.path.join(work, 'source')
    files = {'small.txt': b'resident', 'Ünïcode 漢字 Ω.bin': os.urandom(70000), 'empty': b'', 'with.stream': b'x' * 900}
    files |= {f'many {i:03}.dat': bytes(i * 37) for i in range(40)}
    for name, data in files.items():
        with open(source, 'wb') as f:
            f.write(data)
        run('ntfscp', '-q', '-f', path, source, name)
    with open(source, 'wb') as f:
        f.write(b'[ZoneTransfer]\r\nZoneId=3\r\nHostUrl=http://x.example/f\r\n')
    run('ntfscp', '-q', '-f', '-N', 'Zone.Identifier', path, source, 'with.stream')
    events = mft_of(path)
    mine = records(events)
    wrong, count = compare(path, mine)
    check(count > 50 and not wrong, f'{count} files, as fls and istat say', wrong)
    by_path = {m['path']: m for m in mine.values()}
    sizes = [n for n, d in files.items() if by_path.get('\\' + n, {}).get('size') != len(d)]
    check(not sizes, 'sizes of what was copied', sizes)
    down = [e for e in events if e['kind'] == 'download']
    check(len(down) == 1 and down[0]['fields']['Url'] == 'http://x.example/f', 'the zone identifier tells the source', down)
    small = next(e for e in events if e['fields'].get('TargetFilename') == '\\small.txt')
    check(small['fields'].get('Contents') == 'resident', 'resident content')

def mounted():
    path, at = volume('used', 256 << 20), os.path.join(work, 'mnt')
    os.mkdir(at)
    what = 'a volume that was used through ntfs-3g'
    if not shutil.which('ntfs-3g'):
        return skip(what, 'ntfs-3g is not installed')
    got = subprocess.run(['ntfs-3g', '-o', 'streams_interface=xattr,compression', path, at], capture_output=True)
    if got.returncode:
        return skip(what, 'mounting is not allowed here')
    p = lambda *parts: os.path.join(at, *parts)
    def put(name, data=b''):
        with open(p(name), 'wb') as f:
            f.write(data)
    try:
        put('resident.txt', b'in the record')
        put('script.ps1', b'\xff\xfe' + 'Start-Process évil.exe'.encode('utf-16-le'))
        put('script.bat', b'rem ' + b'x' * 400 + b'\r\nstart evil.exe\r\n')
        put('large.bin', os.urandom(300000))
        put('streams.txt', b'main')
        os.setxattr(p('streams.txt'), 'user.secret', b'resident stream')
        os.setxattr(p('streams.txt'), 'user.large', bytes(50000))
        # hard links, a DOS name, names beyond the first plane, deep folders
        put('linked', b'1')
        os.mkdir(p('folder'))
        os.link(p('linked'), p('folder', 'other name'))
        os.link(p('linked'), p('third'))
        put('A long file name.text', b'2')
        os.setxattr(p('A long file name.text'), 'system.ntfs_dos_name', b'ALONGF~1.TEX')
        put('\U0001f600 \u202e 漢字 Ω é.txt', b'3')
        deep = '/'.join(f'level {i}' for i in range(60))
        os.makedirs(p(deep))
        put(deep + '/bottom', b'4')
        # a folder with many files: $INDEX_ALLOCATION
        os.mkdir(p('many'))
        for i in range(700):
            put(f'many/file number {i:04} with a name of some length', bytes(i))
        # attribute lists: many links and streams, a file in very many pieces
        put('listed', b'5')
        for i in range(60):
            os.link(p('listed'), p(f'listed under a rather long name so that it fills its record, link {i:02}'))
            if i % 6 == 0:
                os.setxattr(p('listed'), f'user.stream {i}', b'content of some length' * 20)
        with open(p('pieces'), 'wb') as f, open(p('between'), 'wb') as g:
            for i in range(1500):
                for h in (f, g):
                    h.write(os.urandom(4096))
                    h.flush()
                    os.fsync(h.fileno())
        with open(p('sparse'), 'wb') as f:
            f.seek(5 << 30)
            f.write(b'end')
        with open(p('holes'), 'wb') as f:
            for i in range(3000):
                f.seek(i * 131072)
                f.write(b'x')
        os.mkdir(p('packed'))
        os.setxattr(p('packed'), 'system.ntfs_attrib_be', (0x810).to_bytes(4, 'big'))
        put('packed/squeezed', b'abcdefgh' * 50000)
        os.symlink('resident.txt', p('symbolic'))
        os.mkdir(p('junction'))
        target = '\\??\\C:\\Windows'.encode('utf-16-le')
        os.setxattr(p('junction'), 'system.ntfs_reparse_data',
                    (0xa0000003).to_bytes(4, 'little') + (len(target) + 12).to_bytes(2, 'little') + b'\0\0' +
                    b'\0\0' + len(target).to_bytes(2, 'little') + (len(target) + 2).to_bytes(2, 'little') + b'\0\0' + target + b'\0\0\0\0')
        # deleted: a file, one of several, a folder with what is in it, one whose record is used again
        put('gone.txt', b'deleted content')
        put('folder/gone too.txt', b'x' * 2000)
        os.makedirs(p('tree/below'))
        put('tree/below/leaf.txt', b'leaf')
        put('replaced', b'old')
        os.sync()
        os.unlink(p('gone.txt'))
        os.unlink(p('folder/gone too.txt'))
        shutil.rmtree(p('tree'))
        os.unlink(p('many/file number 0003 with a name of some length'))
        os.rename(p('large.bin'), p('folder', 'renamed.bin'))
        os.utime(p('resident.txt'), ns=(1_000_000_000 * 10**9, 1_000_000_001 * 10**9))
    finally:
        run('umount', at)
    events = mft_of(path)
    mine = records(events)
    wrong, count = compare(path, mine)
    check(count > 700 and not wrong, f'{what}: {count} files, as fls and istat say', wrong)
    by = {name: m for m in mine.values() for name in (m['path'], *m['links'])}
    check(sorted([by['\\linked']['path'], *by['\\linked']['links']]) == ['\\folder\\other name', '\\linked', '\\third'], 'hard links', [by['\\linked']])
    check(len({by['\\listed']['path'], *by['\\listed']['links']}) == 61 and len(by['\\listed']['streams']) == 10, 'an attribute list: 61 links, 10 streams', [by.get('\\listed')])
    check(by['\\A long file name.text']['short'] == 'ALONGF~1.TEX', 'the DOS name', [by['\\A long file name.text']])
    check(by['\\sparse']['size'] == (5 << 30) + 3 and by['\\holes']['size'] == 2999 * 131072 + 1 and by['\\packed\\squeezed']['size'] == 400000 and by['\\pieces']['size'] == 1500 * 4096, 'sizes: sparse past 4 GiB, in thousands of pieces, compressed', [by['\\sparse'], by['\\holes'], by['\\pieces']])
    check('\\' + deep.replace('/', '\\') + '\\bottom' in by, 'a path of 60 folders')
    check(by['\\junction']['reparse'] == '0xa0000003', 'a junction', [by['\\junction']])
    check(all(by.get(n, {}).get('deleted') for n in ('\\gone.txt', '\\folder\\gone too.txt', '\\tree\\below\\leaf.txt')), 'deleted files keep their paths', [by.get('\\tree\\below\\leaf.txt')])
    told = {e['fields']['TargetFilename']: e['fields'].get('Contents') for e in events if e['fields'].get('Contents')}
    check(told.get('\\gone.txt') == 'deleted content', 'and their resident content', [told.get('\\gone.txt')])
    check(told.get('\\script.ps1') == 'Start-Process évil.exe' and told.get('\\script.bat', '').endswith('start evil.exe\r\n'), 'resident text is told whole', [told.get('\\script.ps1'), told.get('\\script.bat')])
    stomped = [e['fields'] for e in events if e['fields'].get('TargetFilename') == '\\resident.txt' and 'TimestompSigns' in e['fields']]
    check('\\resident.txt' in by and by['\\resident.txt']['si']['M'][0].startswith('2001-09-09T01:46:41'), 'times that were set', [by['\\resident.txt'], stomped])
    # the folder's index: all names that fls lists, and what its slack still holds of deleted ones
    many = next(n for n, m in mine.items() if m['path'] == '\\many')
    attribute = re.search(r'\$INDEX_ALLOCATION \((160-\d+)\)', run('istat', path, str(many)).decode())[1]
    index = os.path.join(work, '$I30')
    with open(index, 'wb') as f:
        f.write(run('icat', path, f'{many}-{attribute}'))
    listed = [json.loads(l) for l in run(konseki, 'parse', index).decode().splitlines()]
    live = {e['fields']['TargetFilename'] for e in listed if 'TargetFilename' in e['fields'] and 'recovered' not in (e.get('flags') or [])}
    there = {m['path'].split('\\')[-1] for m in mine.values() if m['path'].startswith('\\many\\') and not m['deleted']}
    # the few that part its nodes stand in the resident root
    check(len(there) == 699 and live <= there and len(there - live) < 8, "a folder's index", [sorted(there ^ live)[:9]])

try:
    copied()
    mounted()
finally:
    shutil.rmtree(work)
print(f'1..{tests}')
