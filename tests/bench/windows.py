"""Hives, $MFT and the change journal: made by the fixtures' writers, so that they are the same everywhere."""
import os, subprocess, sys

def made(world, name, *command):
    path = os.path.join(world.folder, name)
    if not os.path.exists(path):
        subprocess.run([sys.executable, *command, path], check=True)
    return path

def bench(world):
    world.section('NTFS and registry, JSON lines')
    fixtures = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), 'fixtures')
    for title, parser, path in (
            ('$MFT, 300,000 records', 'mft', made(world, '300000.mft', os.path.join(fixtures, 'make_ntfs.py'), '--mft', '300000')),
            ('$UsnJrnl:$J', 'usnjrnl', made(world, '100.usn', os.path.join(fixtures, 'make_ntfs.py'), '--usn', '100')),
            ('$MFT, 1,000,000 records', 'mft', made(world, '1000000.mft', os.path.join(fixtures, 'make_ntfs.py'), '--mft', '1000000')),
            ('SOFTWARE hive, 60,000 keys', 'regf', made(world, '60000.hive', os.path.join(fixtures, 'make_regf.py'), '--large', '12000'))):
        events = int(subprocess.run(['sh', '-c', '"$0" "$@" | wc -l', world.konseki, 'parse', '--parser', parser, path], capture_output=True).stdout)
        world.line(title, os.path.getsize(path), events, world.run([world.konseki, 'parse', '--parser', parser, path]))
    # the same million into a case: the target is ten seconds
    mft, case = os.path.join(world.folder, '1000000.mft'), os.path.join(world.folder, 'mft.case')
    forget = lambda: [os.remove(case + s) for s in ('', '-wal', '-shm') if os.path.exists(case + s)]
    world.line('the million into a case', os.path.getsize(mft), None, world.run([world.konseki, 'ingest', '-c', case, mft], before=forget))
    forget()
