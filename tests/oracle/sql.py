#!/usr/bin/env python3
"""sql.py [-k KONSEKI] [-n COUNT] -c CASE RULES...

Runs the SQL of every rule on a case's timeline with stock SQLite, and says where its rows are others than the events that
`konseki detect -c` hit; why rules have none; how many of those that were compared had hits.
"""
import argparse, collections, json, multiprocessing, os, random, sqlite3, subprocess, sys

TOP = os.path.join(os.path.dirname(os.path.abspath(__file__)), '../..')


db = None


def begin(case):
    """What the view gives, kept by each worker, so that it is not put together anew for every rule."""
    global db
    db = sqlite3.connect(f'file:{case}?mode=ro', uri=True)
    db.execute('CREATE TEMP TABLE timeline AS SELECT * FROM main.timeline')


def compare(work):
    konseki, path, rule, want = work
    done = subprocess.run([konseki, 'rules', 'sql', '--no-cache', '--rules', path, rule], capture_output=True, text=True)
    if done.returncode:
        return path, 'none', done.stderr.strip().rsplit('SQL: ', 1)[-1]
    try:
        rows = {r[0] for r in db.execute(done.stdout.rstrip().rstrip(';'))}
    except sqlite3.Error as e:
        return path, 'wrong', str(e)
    if rows != want:
        return path, 'wrong', f'SQL alone {sorted(rows - want)[:5]}, engine alone {sorted(want - rows)[:5]}, both {len(rows & want)}'
    return path, 'same', len(want)


def main():
    arg = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arg.add_argument('-k', '--konseki', default=TOP + '/build/konseki')
    arg.add_argument('-c', '--case', required=True)
    arg.add_argument('-n', '--count', type=int, help='rules, drawn at random; all without it')
    arg.add_argument('rules', nargs='+')
    opt = arg.parse_args()
    rules = [x for p in opt.rules for x in ('--rules', p)]
    listed = [json.loads(x) for x in subprocess.run([opt.konseki, 'rules', 'list', '--format', 'jsonl'] + rules, capture_output=True, text=True).stdout.splitlines()]
    hits = collections.defaultdict(set)
    for line in subprocess.run([opt.konseki, 'detect', '-c', opt.case, '--format', 'jsonl'] + rules, capture_output=True).stdout.split(b'\n'):
        if line:
            h = json.loads(line)
            hits[h['rule_path']].add(h['id'])
    work = [(opt.konseki, r['path'], r['id'] or r['title'], hits[r['path']]) for r in listed if r['state'] == 'loaded' and r['logsource'] != 'correlation']
    if opt.count:
        work = random.Random(1).sample(work, min(opt.count, len(work)))
    counts, reasons, fired = collections.Counter(), collections.Counter(), 0
    with multiprocessing.Pool(2, begin, (opt.case,)) as pool:
        for path, what, note in pool.imap(compare, work, 8):
            counts[what] += 1
            if what == 'wrong':
                print(f'{path}: {note}', flush=True)
            elif what == 'none':
                reasons[note] += 1
            else:
                fired += note > 0
    print(f'{counts["same"]} rules give the same rows ({fired} of them hit something), {counts["wrong"]} differ, {counts["none"]} have no SQL: {dict(reasons)}')
    sys.exit(counts['wrong'] > 0)


if __name__ == '__main__':
    main()
