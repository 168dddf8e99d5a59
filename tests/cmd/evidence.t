#!/usr/bin/env python3
"""TAP: evidence of every kind yields its files under the names that they had on their host."""
import bz2, gzip, io, json, lzma, os, shutil, struct, subprocess, tarfile, tempfile, zipfile

konseki = os.environ.get('KONSEKI', 'build/konseki')
work = tempfile.mkdtemp(prefix='evidence.')
n = 0
HISTORY = b'#1600000000\nid\n'

def ok(good, name, *why):
    global n
    n += 1
    print(f'{"ok" if good else "not ok"} {n} - {name}')
    if not good:
        for line in why:
            print('# ' + str(line)[:600].replace('\n', '\n# '))

def parse(*names, **more):
    got = subprocess.run([konseki, 'parse', *(os.path.join(work, name) for name in names)], capture_output=True, timeout=60, **more)
    return got, [json.loads(line) for line in got.stdout.decode().splitlines()]

def sources(*names):
    got, events = parse(*names)
    return sorted({(e['source'], e['host']) for e in events})

def tar(name, members, mode='w'):
    with tarfile.open(os.path.join(work, name), mode) as t:
        for path, data in members:
            info = tarfile.TarInfo(path)
            if isinstance(data, bytes):
                info.size, info.mtime = len(data), 1700000000
                t.addfile(info, io.BytesIO(data))
            else:
                info.type, info.linkname = tarfile.SYMTYPE, data[0]
                t.addfile(info)

def zipped(name, members):
    with zipfile.ZipFile(os.path.join(work, name), 'w', zipfile.ZIP_DEFLATED) as z:
        for path, data in members:
            z.writestr(path, data)

def put(name, data):
    path = os.path.join(work, name)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, 'wb') as f:
        f.write(data)
    return path

# Compressed logs: what is in them.
for suffix, pack in (('gz', gzip.compress), ('bz2', bz2.compress), ('xz', lzma.compress)):
    put(f'c/.bash_history.{suffix}', pack(HISTORY))
    got, events = parse(f'c/.bash_history.{suffix}')
    ok([e['message'] for e in events] == ['id'] and events[0]['source'].endswith('.' + suffix) and got.returncode == 0,
       f'a log in {suffix}', got.stderr)
whole = gzip.compress(b''.join(b'#%d\necho %d %d\n' % (1600000000 + i, i, i * i * 7919) for i in range(20000)))
put('cut/.bash_history.gz', whole[:len(whole) // 2])
got, events = parse('cut/.bash_history.gz')
ok(got.returncode == 1 and 5000 < len(events) < 20000 and b'decompression: ' in got.stderr and got.stderr.count(b'\n') == 1,
   'a cut one: told, and what is there is read', got.stderr, len(events))

# Archives that mean harm: names are only names.
outside = os.path.join(work, 'outside')
tar('evil.tar', [('../../../../../../' + outside + '/.bash_history', HISTORY), ('/' + outside + '/.bash_history', HISTORY),
                 ('link', (outside,)), ('link/.bash_history', HISTORY), ('ok/.bash_history', HISTORY)])
got, events = parse('evil.tar')
ok(len(events) == 4 and not os.path.exists(outside) and got.returncode == 0, 'a tar with .., absolute names and links writes nothing', got.stderr)
put('bomb/.bash_history.bz2', bz2.compress(b'#1600000000\nid\n' + b'\n' * (48 << 20)))
got, events = parse('bomb/.bash_history.bz2')
ok(got.returncode == 1 and b'decompressed beyond the limit' in got.stderr and events, 'a bomb is cut, and told', got.stderr)
tar('inner.tar.gz', [('root/.bash_history', HISTORY)], 'w:gz')
zipped('outer.zip', [('a/inner.tar.gz', open(os.path.join(work, 'inner.tar.gz'), 'rb').read()), ('.zsh_history', b': 1600000000:0;id\n')])
ok([s for s, _ in sources('outer.zip')] == ['.zsh_history', 'a/inner.tar.gz/root/.bash_history'], 'an archive in an archive', sources('outer.zip'))
deep = HISTORY
for i in range(6):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, 'w') as z:
        z.writestr('.bash_history' if i == 0 else 'x.zip', deep)
    deep = buffer.getvalue()
put('deep.zip', deep)
got, events = parse('deep.zip')
ok(got.returncode == 1 and b'nested too deep' in got.stderr, 'archives without end are not followed', got.stderr)
data = open(os.path.join(work, 'evil.tar'), 'rb').read()
put('short.tar', data[:2148])
got, events = parse('short.tar')
ok(got.returncode == 1 and 0 < len(events) < 4 and got.stderr.count(b'\n') >= 1, 'a cut tar: read up to there, and told', got.stderr)
put('nonsense.zip', b'PK\3\4' + os.urandom(4000))
got, events = parse('nonsense.zip', 'c/.bash_history.gz')
ok(got.returncode == 1 and len(events) == 1 and b'nonsense.zip: ' in got.stderr, 'what only looks like an archive', got.stderr)

# Folders: loose files, and the root of a system. Links are not followed.
put('loose/a/.bash_history', HISTORY)
os.symlink('/etc', os.path.join(work, 'loose/etc-link'))
ok(sources('loose') == [(os.path.join(work, 'loose/a/.bash_history'), None)], 'loose files keep their path', sources('loose'))
put('mnt/etc/hostname', b'web01\n')
put('mnt/root/.bash_history', HISTORY)
ok(sources('mnt') == [('/root/.bash_history', 'web01')], 'a mounted root: original path, host', sources('mnt'))
got = subprocess.run([konseki, 'parse', '--host', 'X', os.path.join(work, 'mnt')], capture_output=True)
ok([json.loads(line)['host'] for line in got.stdout.splitlines()] == ['X'], '--host wins')
closed = put('closed/sub/.bash_history', HISTORY)
put('closed/.bash_history', HISTORY)

# Other tools' collections.
zipped('Collection-WS7_corp-2026-01-02T03_04_05Z.zip', [
    ('client_info.json', json.dumps({'Hostname': 'WS7'})), ('collection_context.json', '{}'),
    ('uploads.json', json.dumps({'vfs_path': '\\\\.\\C:\\Users\\bob\\.bash_history', '_Components':
                                 ['uploads', 'ntfs', '%5C%5C.%5CC%3A', 'Users', 'bob', '.bash_history'], 'file_size': 15}) + '\n'),
    ('uploads/ntfs/%5C%5C.%5CC%3A/Users/bob/.bash_history', HISTORY), ('uploads/auto/C%3A/Users/al%20ice/.bash_history', HISTORY),
    ('uploads/auto/home/carol/.bash_history', HISTORY)])
ok(sources('Collection-WS7_corp-2026-01-02T03_04_05Z.zip') ==
   [('/home/carol/.bash_history', 'WS7'), ('C:/Users/al ice/.bash_history', 'WS7'), ('C:/Users/bob/.bash_history', 'WS7')],
   'Velociraptor', sources('Collection-WS7_corp-2026-01-02T03_04_05Z.zip'))
put('kape/2026-01-02T03_04_05_SANS_copylog.csv', b'CopiedTimestamp,SourceFile,DestinationFile,FileSize,SourceFileSha1,DeferredCopy,CreatedOnUtc,'
    b'ModifiedOnUtc,LastAccessedOnUtc,CopyDuration\r\n2026-01-02,C:\\Users\\dan\\.bash_history,E:\\out\\C\\Users\\dan\\.bash_history,15,x,False,'
    b'2026-01-01 00:00:00,2026-01-01 01:02:03.4,2026-01-01,0\r\n')
put('kape/C/Users/dan/.bash_history', HISTORY)
put('kape/D/tools/.bash_history', HISTORY)
ok([s for s, _ in sources('kape')] == ['C:/Users/dan/.bash_history', 'D:/tools/.bash_history'], 'KAPE', sources('kape'))
tar('uac-db01-linux-20260102030405.tar.gz', [('uac.log', b'x'), ('[root]/root/.bash_history', HISTORY), ('live_response/ps.txt', b'x')], 'w:gz')
ok(sources('uac-db01-linux-20260102030405.tar.gz') == [('/root/.bash_history', 'db01')], 'UAC', sources('uac-db01-linux-20260102030405.tar.gz'))
tar('srv9_20260102030405.tar', [('fs/c:/users/eve/.bash_history', HISTORY), ('fs/$rootfs$/root/.bash_history', HISTORY), ('$metadata$/x', b'x')])
ok(sources('srv9_20260102030405.tar') == [('/root/.bash_history', 'srv9'), ('C:/users/eve/.bash_history', 'srv9')], 'acquire', sources('srv9_20260102030405.tar'))
zipped('PC3.zip', [('C/Users/fay/.bash_history', HISTORY), ('C/$MFT', b'x')])
ok(sources('PC3.zip') == [('C:/Users/fay/.bash_history', 'PC3')], 'CyLR', sources('PC3.zip'))
zipped('orc.zip', [('Artefacts/GetThis.csv', 'ComputerName,VolumeID,FullName,SampleName\r\nDC1,0x1,\\Users\\gil\\.bash_history,'
                    '1_2_3_.bash_history\r\n'), ('Artefacts/1_2_3_.bash_history', HISTORY)])
ok(sources('orc.zip') == [('C:/Users/gil/.bash_history', 'DC1')], 'DFIR-ORC', sources('orc.zip'))

# Disk images: a volume made here, with a partition table in front of it as well.
volume = os.path.join(work, 'ext.dd')
put('tree/etc/hostname', b'img1\n')
put('tree/root/.bash_history', HISTORY)
made = shutil.which('mkfs.ext4', path='/sbin:/usr/sbin:' + os.environ['PATH'])
if made:
    with open(volume, 'wb') as f:
        f.truncate(4 << 20)
    subprocess.run([made, '-q', '-F', '-d', os.path.join(work, 'tree'), volume], check=True, stderr=subprocess.DEVNULL)
    ok(sources('ext.dd') == [('/root/.bash_history', 'img1')], 'an ext4 volume', sources('ext.dd'))
    table = bytearray(1 << 20)
    struct.pack_into('<B3sB3sII', table, 446, 0, b'\0\0\0', 0x83, b'\0\0\0', 2048, 8192)
    table[510:512] = b'\x55\xaa'
    put('disk.raw', bytes(table) + open(volume, 'rb').read())
    ok(sources('disk.raw') == [('/root/.bash_history', 'img1')], 'a disk with partitions', sources('disk.raw'))
    tar('image.tar', [('disk.raw', open(os.path.join(work, 'disk.raw'), 'rb').read())])
    ok(sources('image.tar') == [('/root/.bash_history', 'img1')], 'a disk image in an archive', sources('image.tar'))
    cut = open(volume, 'rb').read()[:102400]
    put('cut.dd', cut[:len(cut) // 512 * 512])
    got, events = parse('cut.dd')
    ok(got.returncode == 1 and b'crashed' not in got.stderr and got.stderr, 'a cut image is told', got.stderr)
else:
    for name in ('an ext4 volume', 'a disk with partitions', 'a disk image in an archive', 'a cut image is told'):
        ok(True, name + ' # SKIP mkfs.ext4 is not there')
put('x.qcow2', b'QFI\xfb' + bytes(1000))
got, events = parse('x.qcow2')
ok(got.returncode == 1 and b'qcow2 images are not supported' in got.stderr, 'qcow2 is told to be unsupported', got.stderr)
put('x.age', b'age-encryption.org/v1\n-> X25519 x\n')
got, events = parse('x.age')
ok(got.returncode == 1 and b'encrypted' in got.stderr, 'an encrypted bundle is told', got.stderr)

shutil.rmtree(work)
print(f'1..{n}')
