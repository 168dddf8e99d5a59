#!/usr/bin/env python3
"""TAP: every command answers --help on stdout with 0, misuse on stderr with 2, and has a page that names all of its options."""
import os, re, subprocess

konseki = os.environ.get('KONSEKI', 'build/konseki')
def run(*command):
    return subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL)

commands = re.findall(r'COMMAND\((\w+)\)', open('cmd/list.h').read())
results = []
def check(good, what, detail=''):
    results.append((good, what, detail))

top = run(konseki, '--help')
check(top.returncode == 0 and not top.stderr, 'konseki --help')
check(run(konseki).returncode == 2, 'konseki alone is misuse')
check(run(konseki, 'nonsense').returncode == 2, 'an unknown command is misuse')
check(run(konseki, '--version').stdout.startswith('konseki '), 'konseki --version')
for name in commands:
    got = run(konseki, name, '--help')
    check(got.returncode == 0 and got.stdout.startswith('usage: konseki') and not got.stderr, f'{name} --help', got.stderr)
    check(re.search(rf'^  {name}\s', top.stdout, re.M) is not None, f'{name} is listed')
    bad = run(konseki, name, '--no-such-option')
    check(bad.returncode == 2 and not bad.stdout and bad.stderr, f'{name} --no-such-option is misuse', f'{bad.returncode} {bad.stdout}')
    page = f'man/konseki-{name}.1'
    if not os.path.exists(page):
        check(False, f'{page} exists')
        continue
    text = open(page).read()
    # "-o, --output FILE" or "    --format F": the page names the long form, or the letter
    options = re.findall(r'^  (?:-(\w), |    )--([a-z][a-z-]*)', got.stdout, re.M)
    named = lambda o: re.search(r'Fl (?:Fl |\\?-)' + re.escape(o).replace(r'\-', r'\\?-') + r'\b', text)
    missing = [o for letter, o in options if o not in ('help', 'version') and not named(o) and not (letter and re.search(rf'Fl {letter}\b', text))]
    check(not missing, f'{page} names every option', f'missing: {missing}')
page = open('man/konseki-parse.1').read()
missing = [n for n in re.findall(r'PARSER\((\w+)\)', open('parsers/list.h').read()) if not re.search(rf'^\.It Cm {n}$', page, re.M)]
check(not missing, 'man/konseki-parse.1 names every parser', f'missing: {missing}')
print(f'1..{len(results)}')
for i, (good, what, detail) in enumerate(results, 1):
    print(f'{"ok" if good else "not ok"} {i} - {what}')
    if not good and detail:
        print('#', detail.strip().replace('\n', '\n# '))
