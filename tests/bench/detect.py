"""Rules over logs: cost by number of rules, and of loading them cold and cached."""
import glob, os, shutil, subprocess, tempfile


def subset(world, folder, files, count):
    path = os.path.join(folder, str(count))
    os.makedirs(path)
    for n, file in enumerate(files[::max(1, len(files) // count)][:count]):
        shutil.copy(file, f'{path}/{n}.yml')
    return path


def bench(world):
    top = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    rules = os.path.join(world.shared, 'data/sigma') if world.shared else None
    found = sorted(f for part in ('rules', 'rules-emerging-threats', 'rules-threat-hunting', 'rules-compliance', 'rules-placeholder')
                   for f in glob.glob(f'{rules}/{part}/**/*.yml', recursive=True)) if rules else []
    folder = tempfile.mkdtemp()
    os.environ['XDG_CACHE_HOME'] = folder + '/cache'
    try:
        none = os.path.join(folder, 'none.yml')
        open(none, 'w').write('title: none\nlogsource: {product: nowhere}\ndetection: {s: {A: 1}, condition: s}\n')
        sets = [('0 rules', [none])]
        if found:
            sets += [(f'{n} rules', [subset(world, folder, found, n)]) for n in (100, 1000)]
            sets.append((f'{len(found)} rules', [subset(world, folder, found, len(found))]))
        else:
            sets.append(('own rules', [os.path.join(top, 'rules')]))
        empty = os.path.join(folder, 'empty.jsonl')
        open(empty, 'w').write('{"ts":null,"ts_desc":"Not a time","kind":"other","message":"","host":null,"user":null,"parser":"x","source":"x","fields":{}}\n')
        command = lambda paths, *more: [world.konseki, 'detect', '--format', 'jsonl'] + [x for p in paths for x in ('--rules', p)] + list(more)
        world.section('detect: loading the rules')
        for name, paths in sets:
            cold = world.run(command(paths, empty), runs=1, before=lambda: shutil.rmtree(folder + '/cache', ignore_errors=True))
            warm = world.run(command(paths, empty))
            print(f'  {name:34} {cold.seconds:7.2f} s cold {warm.seconds:7.2f} s cached {cold.peak:6.0f} MiB', flush=True)
        world.section('the matcher alone, one process: microseconds of an event, parsing included')
        matcher = os.path.join(world.build, 'tests/match')
        logs = [('made, Sysmon', world.log('sysmon', world.opt.size // 4, 'sysmon'))]
        for name, channel in (('Sysmon', 'Microsoft-Windows-Sysmon/Operational'), ('Security', 'Security'), ('all', None)):
            real = world.stitched(name, channel)
            if real:
                logs.append((f'real chunks, {name}', real))
        for log, (path, size, events) in logs:
            for name, paths in [('no matcher', ['-'])] + sets:
                said = subprocess.run([matcher, paths[0], '1', path], capture_output=True, text=True).stdout
                print(f'  {log + ", " + name:44} {said.strip()}', flush=True)
        for threads in (1, 2):
            world.section(f'detect, {threads} thread{"s" if threads > 1 else ""}')
            logs = [('made, Sysmon', world.log('sysmon', world.opt.size // 4, 'sysmon'))]
            real = world.stitched('all')
            if real:
                logs.append(('real chunks, all', real))
            for log, (path, size, events) in logs:
                for name, paths in sets:
                    world.line(f'{log}, {name}', size, events, world.run(command(paths, '--threads', str(threads), path)))
    finally:
        shutil.rmtree(folder)
