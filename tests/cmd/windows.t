#!/usr/bin/env python3
"""TAP: konseki-collect.exe under Wine: planted files, an NTFS volume read raw, its bundle verified, listed and ingested."""
import hashlib, json, os, re, shutil, subprocess, sys, tempfile, time

here = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(here, '../lib'), os.path.join(here, '../fixtures')]
import make_regf, tap
from tap import Bundle, ok

konseki = os.path.abspath(os.environ.get('KONSEKI', 'build/konseki'))
exe = os.path.abspath('build/windows/konseki-collect.exe')
os.environ['PATH'] += ':/usr/sbin:/sbin:/usr/lib/wine'
wine = next((w for w in ('wine64', 'wine') if shutil.which(w)), None)
for there, what in ((os.path.exists(exe), 'no build/windows/konseki-collect.exe (make windows)'), (wine, 'Wine is not installed'),
                    (shutil.which('mkntfs') and shutil.which('ntfscp'), 'ntfs-3g is not installed')):
    if not there:
        print('1..0 # SKIP', what)
        raise SystemExit(0)
IMPORTS = {'KERNEL32.dll', 'ADVAPI32.dll', 'msvcrt.dll', 'ole32.dll', 'OLEAUT32.dll'}  # KnownDLLs all: never from the program's folder

def run(*command, **more):
    return tap.run(*command, timeout=400, **more)

work = tempfile.mkdtemp(prefix='windows.')
prefix = os.path.join(work, 'prefix')
os.environ |= {'WINEPREFIX': prefix, 'WINEDEBUG': '-all', 'DISPLAY': '', 'WINEDLLOVERRIDES': 'mscoree=d;mshtml=d;winemenubuilder.exe=d'}
try:
    imports = set(re.findall(r'DLL Name: (\S+)', run('x86_64-w64-mingw32-objdump', '-p', exe).stdout.decode())) if shutil.which('x86_64-w64-mingw32-objdump') else set()
    if run(wine, 'wineboot', '-i').returncode and not os.path.exists(os.path.join(prefix, 'system.reg')):
        print('1..0 # SKIP Wine does not start here')
        raise SystemExit(0)
    ok(imports <= IMPORTS and os.path.getsize(exe) < 2 << 20, f'under 2 MB, no other DLL than the system has in every version {imports - IMPORTS} {os.path.getsize(exe)}')
    # ---- the drive: ordinary files, long and not ASCII ----
    drive = os.path.join(prefix, 'drive_c')
    planted = {}
    def put(path, content):
        full = os.path.join(drive, path)
        os.makedirs(os.path.dirname(full), exist_ok=True)
        open(full, 'wb').write(content)
        planted['files/C/' + path] = content
    put('windows/System32/winevt/Logs/Application.evtx', b'ElfFile\0' + os.urandom(70000))
    put('windows/Prefetch/CMD.EXE-1234ABCD.pf', b'MAM\x04' + os.urandom(300))
    put('windows/System32/Tasks/Ünïcode/Aufgabe 漢字', '<Task>ä</Task>'.encode('utf-16'))
    long = 'windows/System32/Tasks/' + '/'.join(['a rather long folder name %d' % i for i in range(14)])
    put(long + '/task', b'<Task/>')
    put('users/änn/AppData/Roaming/Microsoft/Windows/PowerShell/PSReadLine/ConsoleHost_history.txt', b'whoami\r\n')
    put('users/änn/NTUSER.DAT', b'regf' + bytes(4092))
    put('$Recycle.Bin/S-1-5-21-1/$IABCDEF.txt', bytes(28))
    for n in range(20):
        put('windows/Prefetch/P%02d.EXE-%08X.pf' % (n, n), b'%d' % n)
    not_taken = os.path.join(drive, 'users/änn/Documents/private.txt')
    os.makedirs(os.path.dirname(not_taken))
    open(not_taken, 'w').write('private')
    secret = 'users/änn/AppData/Local/Google/Chrome/User Data/Default/Login Data'
    os.makedirs(os.path.dirname(os.path.join(drive, secret)))
    open(os.path.join(drive, secret), 'w').write('secret')
    EVIL = r'"C:\windows\system32\cmd.exe" /c powershell -nop -w hidden C:\ProgramData\evil.ps1'
    run(wine, 'reg', 'add', r'HKCU\Software\Microsoft\Windows\CurrentVersion\Run', '/v', 'Évil', '/d', EVIL)
    # What an attacker plants, place by place; a service of a DLL; a hidden task.
    IFEO = r'HKLM\Software\Microsoft\Windows NT\CurrentVersion\Image File Execution Options\sethc.exe'
    run(wine, 'reg', 'add', IFEO, '/v', 'Debugger', '/d', r'C:\windows\system32\cmd.exe')
    SERVICE = r'HKLM\System\CurrentControlSet\Services\planted'
    for value, kind, content in (('Type', 'REG_DWORD', '32'), ('Start', 'REG_DWORD', '2'), ('ObjectName', 'REG_SZ', 'LocalSystem'),
                                 ('ImagePath', 'REG_EXPAND_SZ', r'%SystemRoot%\system32\svchost.exe -k planted')):
        run(wine, 'reg', 'add', SERVICE, '/v', value, '/t', kind, '/d', content)
    run(wine, 'reg', 'add', SERVICE + r'\Parameters', '/v', 'ServiceDll', '/t', 'REG_EXPAND_SZ', '/d', r'C:\ProgramData\planted.dll')
    TASK = r'HKLM\Software\Microsoft\Windows NT\CurrentVersion\Schedule\TaskCache\Tasks\{11111111-2222-3333-4444-555555555555}'
    run(wine, 'reg', 'add', TASK, '/v', 'Path', '/d', r'\Updäte')
    actions = make_regf.action(r'C:\ProgramData\task.exe', '-x')
    run(wine, 'reg', 'add', TASK, '/v', 'Actions', '/t', 'REG_BINARY', '/d', actions.hex())
    put('ProgramData/planted.dll', b'MZ planted')
    del planted['files/C/ProgramData/planted.dll']
    startup = 'ProgramData/Microsoft/Windows/Start Menu/Programs/Startup/start.bat'
    put(startup, b'@echo planted')

    # ---- the volume; folders and their files only where it can be mounted for a moment ----
    volume, source = os.path.join(work, 'volume'), os.path.join(work, 'source')
    with open(volume, 'wb') as f:
        f.truncate(16 << 20)
    run('mkntfs', '-F', '-Q', '-q', '-C', volume)
    for name in ['small', 'many 漢字'] + ['file %d' % n for n in range(60)]:
        open(source, 'wb').write(name.encode() * 999)
        run('ntfscp', '-q', '-f', volume, source, name)
    os.symlink(volume, os.path.join(prefix, 'dosdevices', 'e::'))
    raw, mount = {}, os.path.join(work, 'mount')
    os.mkdir(mount)
    if os.geteuid() == 0 and shutil.which('ntfs-3g') and run('ntfs-3g', '-o', 'streams_interface=windows', volume, mount).returncode == 0:
        try:
            for name, content in (('Windows/System32/config/SYSTEM', b'regf' + os.urandom(300000)), ('Windows/System32/config/SYSTEM.LOG1', b'x'),
                                  ('Windows/Prefetch/Ä 漢.pf', b'MAM' + os.urandom(9000)), ('Windows.old/Windows/Prefetch/OLD.pf', b'old'),
                                  ('Windows/Prefetch/lone\ud83d.pf', b'high'), ('Windows/Prefetch/lone\ud83e.pf', b'another'),
                                  ('Users/änn/NTUSER.DAT', os.urandom(70000)), ('Users/änn/AppData/Roaming/Microsoft/Windows/Recent/a/b.lnk', b'L'),
                                  ('Users/änn/AppData/Roaming/Microsoft/Windows/Recent/a/b.lnk:Zone.Identifier', b'[ZoneTransfer]'),
                                  *(('Windows/System32/winevt/Logs/Log %d.evtx' % n, b'ElfFile%d' % n) for n in range(150))):
                full = os.path.join(mount, name).encode('utf-8', 'surrogatepass')
                os.makedirs(os.path.dirname(full), exist_ok=True)
                open(full, 'wb').write(content)
                # Half a pair is no text: its bytes are told by number, so that two such names stay two.
                raw['files/E/' + re.sub('[\ud800-\udfff]', lambda m: ''.join('%%%02X' % b for b in m[0].encode('utf-8', 'surrogatepass')), name)] = content
        finally:
            run('umount', mount)
    # A shadow copy: the volume as it is, which then changes. (Wine opens \\?\GLOBALROOT by a link of that name.)
    if raw:
        os.makedirs(os.path.join(work, 'globalroot/Device'))
        shutil.copy(volume, os.path.join(work, 'globalroot/Device/HarddiskVolumeShadowCopy3'))
        os.symlink(os.path.join(work, 'globalroot'), os.path.join(prefix, 'dosdevices', 'globalroot'))
        run('ntfs-3g', '-o', 'streams_interface=windows', volume, mount)
        try:
            gone, changed = 'Windows.old/Windows/Prefetch/OLD.pf', 'Windows/Prefetch/Ä 漢.pf'
            then = {'files/VSS3/E/' + n: raw['files/E/' + n] for n in (gone, changed)}
            os.remove(os.path.join(mount, gone))
            del raw['files/E/' + gone]
            raw['files/E/' + changed] = b'now'
            open(os.path.join(mount, changed), 'wb').write(b'now')
        finally:
            run('umount', mount)
    before = hashlib.sha256(open(volume, 'rb').read()).digest()

    bundle = os.path.join(work, 'bundle ü.tar.zst')
    r = run(wine, exe, '-o', 'Z:' + bundle.replace('/', '\\'), '--drives', 'CE', '--case-id', 'Fäll 7', '--operator', 'Ann', '--reference-time', 'now')
    out = r.stdout.decode('utf-8', 'replace')
    data = open(bundle, 'rb').read()
    ok(hashlib.sha256(data).hexdigest() in out and str(len(data)) + ' bytes' in out and 'Fäll 7' in out, 'size, hash and case are told ' + repr(out + r.stderr.decode('utf-8', 'replace'))[:600])
    v = run(konseki, 'verify', bundle)
    ok(v.returncode == 0, 'konseki verify: whole ' + repr((v.stdout + v.stderr).decode())[:200])
    ok(run('tar', '--zstd', '-tf', bundle).returncode == 0, 'stock tar reads it')
    whole = Bundle(bundle)
    files, lines, live = whole.files, whole.lines, whole.live
    head = whole.head
    lower = {k.lower(): v for k, v in files.items()}
    wrong = [n for n, content in planted.items() if lower.get(n.lower()) != content]
    ok(not wrong, f'every planted file is there, content and all {wrong}')
    ok(not [n for n in lower if 'private' in n or 'login data' in n], 'what the profile does not name, and secrets, are not')
    ok(all(len(files[l['member']]) == l['size'] and hashlib.sha256(files[l['member']]).hexdigest() == l['sha256'] for l in lines if 'member' in l),
       'size and hash of every line')
    # mkntfs leaves the times of $MFT zero: no time is right.
    ok(all(('mtime' in l or '$MFT' in l['member']) and 'uid' not in l for l in lines if l.get('member', '').startswith('files/')),
       'times, and nothing that Windows has not')
    ok((head['collector'], head['case_id'], head['raw_volumes']) == ('windows', 'Fäll 7', 1) and abs(head['clock']['host_ahead_seconds']) < 60,
       'the head of the manifest')
    for name, number_of in (('$MFT', '0-128-1'), ('$LogFile', '2'), ('$Boot', '7'), ('$Secure:$SDS', '9-128-2')):
        mine = files.get('files/E/' + name)
        theirs = run('icat', volume, number_of).stdout if shutil.which('icat') else mine
        ok(mine and mine == theirs, f'{name} of the raw volume is what sleuthkit reads')
    wrong = [n for n, content in raw.items() if files.get(n) != content]
    ok(not wrong, f'{len(raw)} files of the profile and their streams, raw from folders {wrong}' if raw else 'files raw from folders # SKIP cannot mount NTFS')
    if raw:
        ok({n: c for n, c in files.items() if n.startswith('files/VSS') and '$' not in n} == then,
           f'of a shadow copy what the volume has no more as it was {sorted(n for n in files if "VSS" in n)}')
        ok(head['shadow_copies'] == 1 and any(l.get('same_as') == 'files/E/Windows/System32/config/SYSTEM' and l['left_out'] for l in lines),
           'what is the same is told, not written again')
    ok(hashlib.sha256(open(volume, 'rb').read()).digest() == before, 'the volume is untouched')

    # ---- live state ----
    me = [p for p in live('processes.jsonl') if p['Name'] == 'konseki-collect.exe']
    ok(len(me) == 1 and me[0]['Image'].endswith('konseki-collect.exe') and '--drives CE' in me[0]['CommandLine'] and 'User' in me[0] and
       me[0]['Hashes'] == 'SHA256=' + hashlib.sha256(open(exe, 'rb').read()).hexdigest(), 'our own process: image, command line, user, hash')
    autoruns = live('autoruns.jsonl')
    evil = [a for a in autoruns if a['Name'] == 'Évil']
    ok(len(evil) == 1 and evil[0]['TargetObject'].endswith(r'\CurrentVersion\Run\Évil') and evil[0]['Place'] == 'Run key' and
       evil[0]['User'] in evil[0]['TargetObject'] and evil[0]['Hashes'].startswith('SHA256=') and 'SignatureStatus' in evil[0] and
       evil[0]['Image'].lower() == r'c:\windows\system32\cmd.exe' and 'mtime' in evil[0], f'a Run value: whose, where, its image {evil}')
    ok(any(a['Place'] == 'Image File Execution Options' and a['Name'] == 'sethc.exe' for a in autoruns), 'a debugger of sethc.exe')
    ok(any(a['Place'] == 'Startup folder' and a['Name'] == 'start.bat' and a['Hashes'] == 'SHA256=' + hashlib.sha256(b'@echo planted').hexdigest()
           for a in autoruns), 'a file of the common startup folder, with its hash')
    service = [v for v in live('services.jsonl') if v['ServiceName'] == 'planted']
    ok(service and service[0]['CommandLine'] == r'%SystemRoot%\system32\svchost.exe -k planted' and service[0]['ServiceDllHashes'] ==
       'SHA256=' + hashlib.sha256(b'MZ planted').hexdigest() and service[0]['Place'] == 'Service' and service[0]['State'] != 'Running',
       f'a planted service, and the hash of its DLL {service}')
    task = live('tasks.jsonl')
    ok(len(task) == 1 and task[0]['Name'] == r'\Updäte' and task[0]['CommandLine'] == r'C:\ProgramData\task.exe -x' and
       task[0]['Hidden'] == 'not in the task tree', f'a task that no tool of Windows shows {task}')
    ok([m for m in live('loaded-modules.jsonl') if m['Image'].endswith('konseki-collect.exe') and m['ImageLoaded'].lower().endswith('ntdll.dll')
        and m['Hashes'].startswith('SHA256=')], 'what a process has loaded')
    ok(any(s['ServiceName'] == 'Eventlog' and s.get('ImagePath') for s in live('services.jsonl')), 'services with their commands')

    # ---- list, refusals ----
    r = run(wine, exe, '--list', '--drives', 'C', '--secrets')
    ok(r.returncode == 0 and 'CMD.EXE-1234ABCD.pf' in r.stdout.decode() and 'Login Data' in r.stdout.decode(), '--list; secrets when asked for')
    dos = lambda path: 'Z:' + path.replace('/', '\\')
    at = lambda name: os.path.join(work, name)
    ok(run(wine, exe, '-o', dos(bundle)).returncode == 2 and open(bundle, 'rb').read() == data, 'never over a file that is there')
    piped = run(wine, exe, '-o', '-', '--drives', 'E').stdout
    open(source, 'wb').write(piped)
    ok(run(konseki, 'verify', source).returncode == 0, '-o - into a pipe')
    for wrong in (['--drives', '1'], ['--profile', 'nothing'], ['--encrypt', 'x'], ['--sign', dos(source)], ['--reference-time', 'x'], ['more']):
        ok(run(wine, exe, '-o', dos(at('never')), *wrong).returncode == 2 and not os.path.exists(at('never')), f'refused before anything is written: {wrong[0]}')

    # ---- the options that Linux has, too ----
    def collect(name, *more):
        return run(wine, exe, '-o', dos(at(name)), *more)
    open(at('own.yml'), 'w').write("name: own\nlive: false\nrules:\n  - path: '%SystemRoot%\\Prefetch\\**'\n    limit: 1K\n  - group: home\n    path: ~\\NTUSER.DAT\n"
                                   "  - C:/windows/**/Aufgabe*\nexclude: ['%SystemRoot%\\Prefetch\\P1*']\n")
    r = collect('own.tar.zst', '--drives', 'C', '--profile', dos(at('own.yml')))
    own = Bundle(at('own.tar.zst'))
    names = {n.lower() for n in own.files if n.startswith('files/')}
    ok(names == {n.lower() for n in planted if ('Prefetch' in n and '/P1' not in n) or n.endswith('NTUSER.DAT') or 'Aufgabe' in n},
       f'a profile with variables, limits, exclude and ** in the middle {sorted(names)}')
    ok(own.head['profile'] == 'own' and not [n for n in own.files if n.startswith('live/')], 'without live state when it says so')
    more = []
    if shutil.which('ssh-keygen'):
        run('ssh-keygen', '-q', '-t', 'ed25519', '-N', '', '-C', 'k', '-f', at('key'))
        more = ['--sign', dos(at('key'))]
    for n in ('one', 'two'):
        run(konseki, 'keygen', '-o', at(n))
    recipients = [re.search('age1[0-9a-z]+', open(at(n)).read())[0] for n in ('one', 'two')]
    r = collect('sealed.age', '--drives', 'E', '--profile', 'logs', '--encrypt', recipients[0], '--encrypt', recipients[1], *more,
                '--json-progress', '--limit-rate', '4M', '--cpu', '90', '--nice', '--case-id', 'x')
    lines = [json.loads(l) for l in r.stderr.decode().splitlines() if l.startswith('{')]
    ok(lines and lines[-1]['type'] == 'done' and lines[-1]['sha256'] == hashlib.sha256(open(at('sealed.age'), 'rb').read()).hexdigest(),
       f'--json-progress ends with the hash of what was written {r.stderr.decode()[-300:]}')
    for n in ('one', 'two'):
        ok(run(konseki, 'decrypt', '--identity', at(n), '-o', at('open.' + n), at('sealed.age')).returncode == 0 and
           run(konseki, 'verify', *(['--signer', at('key.pub')] if more else []), at('open.' + n)).returncode == 0, f'--encrypt: opened by recipient {n}; --sign')
    if shutil.which('age'):
        ok(run('age', '-d', '-i', at('one'), '-o', at('stock'), at('sealed.age')).returncode == 0 and
           open(at('stock'), 'rb').read() == open(at('open.one'), 'rb').read(), 'stock age opens it')
    open(os.path.join(drive, 'windows/Prefetch/P00.EXE-00000000.pf'), 'wb').write(b'changed since')
    collect('later.tar.zst', '--drives', 'CE', '--since', dos(bundle))
    later = Bundle(at('later.tar.zst'))
    took = {n.lower() for n in later.files if n.startswith('files/C/')}
    ok('files/c/windows/prefetch/p00.exe-00000000.pf' in took and not [n for n in took if 'p01' in n] and
       not [n for n in later.files if n.startswith('files/E/') and '$' not in n], f'--since takes only what changed {sorted(took)[:5]}')

    # ---- its enemies ----
    if os.geteuid() == 0:
        os.mkdir(at('tiny'))
        if run('mount', '-t', 'tmpfs', '-o', 'size=200k', 'none', at('tiny')).returncode == 0:
            try:
                r = collect('tiny/b.tar.zst', '--drives', 'CE')
                ok(r.returncode == 2 and b'INCOMPLETE' in r.stderr and b'No space left' in r.stderr, f'a full disk is told {r.stderr.decode()[-200:]}')
                v = run(konseki, 'verify', at('tiny/b.tar.zst'))
                ok(v.returncode == 1 and b'members are proved' in v.stdout + v.stderr, f'and the bundle opens up to its last whole member {(v.stdout + v.stderr).decode()[:200]}')
            finally:
                run('umount', at('tiny'))
    child = subprocess.Popen([wine, exe, '-o', dos(at('killed')), '--drives', 'CE', '--limit-rate', '20K'], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    deadline = time.time() + 60
    while time.time() < deadline and not (os.path.exists(at('killed')) and os.path.getsize(at('killed')) > 60000):
        time.sleep(0.2)
    child.kill()
    child.wait()
    v = run(konseki, 'verify', at('killed'))
    ok(v.returncode == 1 and b'members are proved' in v.stdout + v.stderr, f'kill -9: open up to its last whole member {(v.stdout + v.stderr).decode()[:200]}')

    # ---- ingest, detection, comparison ----
    case = at('case')
    r = run(konseki, 'ingest', '-c', case, bundle)
    def query(*more):
        return [json.loads(l) for l in run(konseki, 'query', '-c', case, '--format', 'jsonl', *more).stdout.decode().splitlines()]
    ok(any('konseki-collect.exe' in json.dumps(e) for e in query('--kind', 'process_seen')), 'ingested: its processes are events')
    history = query('--kind', 'command_history')
    ok([e for e in history if e.get('user') == 'änn'], f'users are known by the path {history[:1]}')
    hits = run(konseki, 'detect', bundle, '--rules', os.path.join(os.path.dirname(os.path.abspath(__file__)), '../../rules'), '--format', 'jsonl').stdout.decode()
    ok('Run key points to a user folder or interpreter' in hits, f'our rules hit the planted autorun {hits[:300]}')
    if raw:
        ok(any('HarddiskVolumeShadowCopy3/' in json.dumps(e) for e in query()), 'what a shadow copy had stands in the case')
    # The same Run value in a hive of a file: the same event but for where it was read.
    user = evil[0]['User']
    hive = at('homes/Users/%s/NTUSER.DAT' % user)
    os.makedirs(os.path.dirname(hive))
    run_key = make_regf.tree({r'Software\Microsoft\Windows\CurrentVersion\Run': [('Évil', 1, (EVIL + '\0').encode('utf-16-le'))]})
    open(hive, 'wb').write(make_regf.Hive(run_key, 'ntuser.dat').file())
    told = [json.loads(l) for l in run(konseki, 'parse', '--format', 'jsonl', at('homes')).stdout.decode().splitlines()]
    told = [e for e in told if e.get('kind') == 'persistence']
    mine = {k: evil[0].get(k) for k in ('Place', 'Name', 'CommandLine', 'User', 'TargetObject', 'Image', 'Details')}
    theirs = {k: told[0]['fields'].get(k) for k in mine} if told else None
    ok(theirs == mine, f'an autorun is told of in the same words by the exe and by the parser of a hive {theirs} {mine}')
    run(konseki, 'ingest', '-c', case, '--host', 'other', at('homes'))
    r = run(konseki, 'diff', '-c', case, '--kind', 'persistence', '--format', 'jsonl', head['host'], 'other')
    rows = r.stdout.decode().splitlines()
    ok(r.returncode == 0 and len(rows) > 3 and not [l for l in rows if 'Évil' in l], f'diff finds the autorun on both hosts, whatever it was read from, and others on one {len(rows)} {r.stderr.decode()[:200]} {[l for l in rows if "Évil" in l]}')
finally:
    subprocess.run(['wineserver', '-k'], stderr=subprocess.DEVNULL) if shutil.which('wineserver') else None
    shutil.rmtree(work, ignore_errors=True)
tap.done()
