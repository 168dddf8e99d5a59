#!/usr/bin/env python3
"""sigma.py [-k KONSEKI] [--mapping FILE] [--sql] --rules PATH... -- FILE...
sigma.py [-k KONSEKI] --generate SEED COUNT
sigma.py [-k KONSEKI] --correlations SEED COUNT

A slow, plain evaluator of Sigma rules, written apart from the engine: PyYAML reads the rules, every condition is walked
on every event that `konseki parse` prints, nothing is indexed or skipped. Says where `konseki detect` differs and exits
with 1. With --sql, runs `konseki rules sql` of every rule that hit or nearly did on a database that looks like a case.
With --generate, makes rules and events that use what published rules do not, and compares on those; with --correlations,
correlations and what they refer to.
"""
import argparse, base64, collections, fnmatch, glob, ipaddress, json, os, random, re, sqlite3, subprocess, sys, tempfile
import datetime
import yaml

HERE = os.path.dirname(os.path.abspath(__file__))


class Loader(yaml.SafeLoader):
    pass


# konseki reads dates, yes/no and octal numbers as text: so does the oracle.
Loader.yaml_implicit_resolvers = {
    k: [(t, r) for t, r in v if t in ('tag:yaml.org,2002:null', 'tag:yaml.org,2002:merge')]
    for k, v in yaml.SafeLoader.yaml_implicit_resolvers.items()}
for tag, pattern, first in (
        ('bool', r'^(?:true|True|TRUE|false|False|FALSE)$', 'tTfF'),
        ('int', r'^[-+]?(?:0|[1-9][0-9]*|0x[0-9a-fA-F]+)$', '-+0123456789'),
        ('float', r'^[-+]?(?:[0-9][0-9]*\.[0-9]*(?:[eE][-+]?[0-9]+)?|\.[0-9]+)$', '-+.0123456789')):
    Loader.add_implicit_resolver('tag:yaml.org,2002:' + tag, re.compile(pattern), list(first))


def fold(text):
    return ''.join(c.lower() if len(c.lower()) == 1 else c for c in text)


ANY, ONE = object(), object()


def unescape(text):
    out, i = [], 0
    while i < len(text):
        c = text[i]
        if c == '\\' and i + 1 < len(text) and text[i + 1] in '*?\\':
            out.append(text[i + 1])
            i += 1
        elif c == '*':
            out.append(ANY)
        elif c == '?':
            out.append(ONE)
        else:
            out.append(c)
        i += 1
    return out


def as_regex(parts, cased):
    text = ''.join('.*' if p is ANY else '.' if p is ONE else re.escape(p if cased else fold(p)) for p in parts)
    compiled = re.compile(text, re.S)
    return (lambda t: compiled.fullmatch(t) is not None) if cased else (lambda t: compiled.fullmatch(fold(t)) is not None)


def texts_of(value):
    if value is None:
        return []
    if isinstance(value, bool):
        return ['true' if value else 'false']
    if isinstance(value, list):
        return [t for v in value if not isinstance(v, list) for t in texts_of(v)]
    if isinstance(value, dict):
        return [json.dumps(value, ensure_ascii=False, separators=(',', ':'))]
    return [str(value)]


class Unsupported(Exception):
    pass


def dash_variants(parts):
    out = [[]]
    word = lambda p: p is not ANY and p is not ONE and (p.isalnum() or p == '_')
    for i, p in enumerate(parts):
        begins = p in ('-', '/', '\u2013', '\u2014', '\u2015') and (i == 0 or not word(parts[i - 1])) and i + 1 < len(parts) and word(parts[i + 1])
        out = [o + [d] for o in out for d in (('-', '/', '\u2013', '\u2014', '\u2015') if begins else (p,))]
    return out


def number_of(text):
    text = text.strip()
    try:
        if re.fullmatch(r'0[xX][0-9a-fA-F]+', text):
            return int(text, 16)
        if re.fullmatch(r'[-+]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][-+]?[0-9]+)?', text):
            return float(text)
    except ValueError:
        pass
    return None


def time_part(text, part):
    m = re.fullmatch(r'(\d{4})-(\d\d)-(\d\d)(?:[T ](\d\d):(\d\d)(?::\d\d(?:[.,]\d+)?)?Z?)?', text.strip())
    if not m:
        return None
    y, mo, d, h, mi = (int(x or 0) for x in m.groups())
    return {'minute': mi, 'hour': h, 'day': d, 'month': mo, 'year': y,
            'week': datetime.date(y, mo, d).isocalendar()[1]}[part]


def compare(op, x, y):
    return x is not None and {'lt': x < y, 'lte': x <= y, 'gt': x > y, 'gte': x >= y, 'eq': x == y}[op]


def in_network(net, text):
    try:
        address = ipaddress.ip_address(text.strip().split('%')[0])
    except ValueError:
        return False
    if address.version == 6 and net.version == 4:
        address = address.ipv4_mapped
        if address is None:
            return False
    return address.version == net.version and address in net


def item(key, value):
    """A field with its modifiers and values: a function of get(field) -> [texts] or None for absent."""
    field, *mods = key.split('|')
    values = value if isinstance(value, list) else [value]
    flat = []
    for v in values:
        flat.extend(v if isinstance(v, list) else [v])
    tests = [one(field, mods, v) for v in flat]
    if 'all' in mods and isinstance(value, list):
        result = lambda get: all(t(get) for t in tests)
    else:
        result = lambda get: any(t(get) for t in tests)
    if 'neq' in mods:
        return lambda get: not result(get)
    return result


def one(field, mods, v):
    cased = 'cased' in mods
    here = lambda get, test: any(test(t) for t in get(field) or [])
    if 'exists' in mods:
        return lambda get: absent(get(field)) != v
    if v is None:
        return lambda get: absent(get(field))
    op = next((m for m in mods if m in ('lt', 'lte', 'gt', 'gte')), None)
    part = next((m for m in mods if m in ('minute', 'hour', 'day', 'week', 'month', 'year')), None)
    if part:
        return lambda get: here(get, lambda t: compare(op or 'eq', time_part(t, part), v))
    if op:
        return lambda get: here(get, lambda t: compare(op, number_of(t), v))
    if 'fieldref' in mods:
        f = (lambda t: t) if cased else fold
        def related(get):
            for a in get(field) or []:
                for b in get(v) or []:
                    x, y = f(a), f(b)
                    if ('startswith' in mods and x.startswith(y)) or ('endswith' in mods and x.endswith(y)) or \
                       ('contains' in mods and y in x) or x == y:
                        return True
            return False
        return related
    if 'cidr' in mods:
        net = ipaddress.ip_network(v, strict=False)
        return lambda get: here(get, lambda t: in_network(net, t))
    if isinstance(v, bool):
        v = 'true' if v else 'false'
    if 're' in mods:
        flags = re.A | (re.I if 'i' in mods else 0) | (re.M if 'm' in mods else 0) | (re.S if 's' in mods else 0)
        try:
            compiled = re.compile(str(v), flags)
        except re.error as e:
            raise Unsupported(f'Python has no {v!r}: {e}')
        return lambda get: here(get, lambda t: compiled.search(t) is not None)
    anchored = [m for m in mods if m in ('contains', 'startswith', 'endswith')]
    chain = [m for m in mods if m in ('windash', 'base64', 'base64offset', 'utf16le', 'wide', 'utf16be', 'utf16', 'expand')]
    if isinstance(v, int) and not anchored and not chain and field:
        return lambda get: here(get, lambda t: t == str(v) or (re.fullmatch(r'0[xX][0-9a-fA-F]+', t) and int(t, 16) == v))
    if isinstance(v, float) and not anchored and not chain and field:
        return lambda get: here(get, lambda t: number_of(t) == v)
    variants = [unescape(str(v))]
    raw = None
    for m in chain:
        if m == 'expand':
            raise Unsupported('placeholders')
        if m == 'windash':
            variants = [x for p in variants for x in dash_variants(p)]
        elif m in ('utf16le', 'wide', 'utf16be', 'utf16'):
            codec = 'utf-16-be' if m == 'utf16be' else 'utf-16-le'
            raw = [(b'\xff\xfe' if m == 'utf16' else b'') + ''.join(p).encode(codec) for p in variants]
        else:
            data = raw or [''.join(p).encode() for p in variants]
            if m == 'base64':
                variants = [list(base64.b64encode(d).decode()) for d in data]
            else:
                variants = [list(base64.b64encode(b' ' * i + d)[(0, 2, 3)[i]:(None, -3, -2)[(len(d) + i) % 3]].decode())
                            for d in data for i in range(3)]
            raw = None
    if raw:
        variants = [list(d.decode()) for d in raw]
    tests = []
    for p in variants:
        if 'contains' in anchored or 'endswith' in anchored or not field:
            p = [ANY] + p
        if 'contains' in anchored or 'startswith' in anchored or not field:
            p = p + [ANY]
        tests.append(as_regex(p, cased))
    return lambda get: here(get, lambda t: any(x(t) for x in tests))


def selection(y):
    if isinstance(y, dict):
        parts = [item(str(k), v) for k, v in y.items()]
        return lambda get: all(p(get) for p in parts)
    if isinstance(y, list):
        parts = [selection(v) if isinstance(v, (dict, list)) else one('', [], v) for v in y]
        return lambda get: any(p(get) for p in parts)
    return one('', [], y)


def condition(text, names):
    tokens = re.findall(r'\(|\)|[^\s()]+', text)
    at = 0

    def peek():
        return tokens[at].lower() if at < len(tokens) else None

    def take():
        nonlocal at
        at += 1
        return tokens[at - 1]

    def either():
        parts = [both()]
        while peek() == 'or':
            take()
            parts.append(both())
        return parts[0] if len(parts) == 1 else lambda t: any(p(t) for p in parts)

    def both():
        parts = [unary()]
        while peek() == 'and':
            take()
            parts.append(unary())
        return parts[0] if len(parts) == 1 else lambda t: all(p(t) for p in parts)

    def unary():
        nonlocal at
        if peek() == 'not':
            take()
            inner = unary()
            return lambda t: not inner(t)
        if peek() == '(':
            take()
            inner = either()
            assert take() == ')'
            return inner
        word = take()
        if peek() == 'of':
            take()
            pattern = take()
            chosen = [n for n in names if (not n.startswith('_') if pattern.lower() == 'them' else fnmatch.fnmatchcase(n, pattern))]
            need = len(chosen) if word.lower() == 'all' else 1 if word.lower() == 'any' else int(word)
            return lambda t: sum(bool(t(n)) for n in chosen) >= need
        assert word in names, word
        return lambda t: t(word)

    whole = either()
    assert at == len(tokens), text
    return whole


class Rule:
    def __init__(self, doc, path):
        self.title, self.id, self.path, self.logsource = doc.get('title'), doc.get('id'), path, doc['logsource']
        detection = dict(doc['detection'])
        conditions = detection.pop('condition')
        detection.pop('timeframe', None)
        self.selections = {str(k): selection(v) for k, v in detection.items()}
        self.conditions = [condition(c, list(self.selections)) for c in (conditions if isinstance(conditions, list) else [conditions])]

    def holds(self, get):
        test = lambda name: self.selections[name](get)
        return any(c(test) for c in self.conditions)


def load_rules(paths):
    rules, left = [], []
    for path in paths:
        for file in sorted(glob.glob(path + '/**/*.yml', recursive=True)) if os.path.isdir(path) else [path]:
            for doc in yaml.load_all(open(file, encoding='utf-8'), Loader):
                try:
                    rules.append(Rule(doc, file))
                except Unsupported as e:
                    left.append((file, str(e)))
    return rules, left


def some(v):
    return [] if v is None else [str(x) for x in v] if isinstance(v, list) else [str(v)]


def like(patterns, text):
    return any(re.fullmatch(''.join('.*' if c == '*' else '.' if c == '?' else re.escape(c) for c in p.lower()), text.lower(), re.S)
               for p in patterns)


def first(v):
    return v[0] if isinstance(v, list) and v else v


class Source:
    def __init__(self, y):
        self.y = y

    def is_for(self, logsource):
        return all(k not in logsource or str(logsource[k]).lower() in [x.lower() for x in some(self.y.get(k))]
                   for k in ('product', 'category', 'service'))

    def fits(self, event):
        y, fields = self.y, event['fields']
        logged = 'Channel' in fields or 'Provider_Name' in fields
        if 'channel' in y or 'provider' in y:
            if not logged:
                return False
            channel, provider = str(first(fields.get('Channel')) or ''), str(first(fields.get('Provider_Name')) or '')
            if channel:
                if 'channel' in y and not like(some(y['channel']), channel):
                    return False
                if 'provider' in y and not like(some(y['provider']), provider):
                    return False
            elif 'provider' not in y or not like(some(y['provider']), provider):
                return False
        elif logged:
            return False
        if 'event_id' in y and str(first(fields.get('EventID'))) not in some(y['event_id']):
            return False
        if 'kind' in y and not like(some(y['kind']), event['kind']):
            return False
        if 'parser' in y and not like(some(y['parser']), event['parser'] or ''):
            return False
        return all(f in fields for f in some(y.get('has')))

    def guard(self, get):
        return all(any(like([v], t) for v in some(values) for t in get(field) or []) for field, values in (self.y.get('where') or {}).items())


def find_name(fields, name):
    if name in fields:
        return name
    low = name.lower()
    for f in fields:
        if f.lower() == low or f.lower().replace(' ', '') == low or (' ' in f and f.lower().replace(' ', '_') == low):
            return f
    return None


class Several(list):
    """The values of a field that is made of several; `missing`: the one of its own name is not among them."""
    def __init__(self, texts, missing):
        super().__init__(texts)
        self.missing = missing


def absent(texts):
    return texts is None or getattr(texts, 'missing', False)


def derive(d, fields):
    d = {'from': d} if not isinstance(d, dict) else d
    names = some(d.get('join', d.get('every', d.get('from'))))
    found = [f for f in (find_name(fields, n) for n in names) if f and fields[f] is not None]
    if not found:
        return None
    if 'every' in d:
        return Several([t for f in found for t in texts_of(fields[f])], d.get('name') in names and d.get('name') not in found)
    if 'join' in d:
        text = d.get('with', '').join(t for t in (', '.join(texts_of(fields[f])) for f in found) if t not in ('', '-'))
    elif len(d) == 1:
        return texts_of(fields[found[0]])
    else:
        text = ', '.join(texts_of(fields[found[0]]))
    own = d.get('from') is not None and found[0] == d.get('name')
    if 'part' in d:
        for member in text.split(','):
            key, eq, rest = member.strip().partition('=')
            if eq and key.lower() == d['part'].lower() and rest:
                return [rest]
        return None
    if 'after' in d:
        if d['after'] not in text:
            return None
        text = re.split(r'[\r\n]', text.split(d['after'], 1)[1])[0]
    for old, new in (d.get('values') or {}).items():
        if text.lower() == str(old).lower():
            return [str(new)] + ([text] if own else [])
    for old, new in (d.get('replace') or {}).items():
        m = re.match(re.escape(old).replace(r'\#', '[0-9]+').replace('#', '[0-9]+'), text, re.I)
        if m:
            return [new + text[m.end():]] + ([text] if own else [])
    return [text]


def getter(event, sources):
    fields, cache = event['fields'], {}
    logged = 'Channel' in fields or 'Provider_Name' in fields

    def find(name):
        if name == '':
            out = [t for v in fields.values() for t in texts_of(v)]
            if not logged and event['message'] is not None:
                out += [event['message']]
            return out
        same = other = None
        for s in sources:
            d = (s.y.get('fields') or {}).get(name)
            if d is None:
                continue
            d = dict(d) if isinstance(d, dict) else {'from': d}
            d['name'] = name
            names = some(d.get('join', d.get('every', d.get('from'))))
            if not any(find_name(fields, n) for n in names):
                continue
            plain = {k: v for k, v in d.items() if k != 'name'} if set(d) == {'from', 'name'} else d
            if name in names:
                same = same or plain
            else:
                other = other or plain
        if same:
            return derive(same, fields)
        if name in fields:
            return texts_of(fields[name]) if fields[name] is not None else None
        if other:
            return derive(other, fields)
        f = find_name(fields, name)
        if f:
            return texts_of(fields[f]) if fields[f] is not None else None
        if not logged:
            v = event['user'] if name == 'User' else event['host'] if name in ('Computer', 'Hostname') else \
                event['message'] if name == 'Message' else None
            return texts_of(v) if v is not None else None
        return None

    def get(name):
        if name not in cache:
            cache[name] = find(name)
        return cache[name]
    return get


def evaluate(rules, mapping, events):
    """Yields (index of event, rule)."""
    by_source = [(s, [r for r in rules if s.is_for(r.logsource)]) for s in mapping]
    contexts = {}
    for n, event in enumerate(events):
        f = event['fields']
        key = (str(f.get('Channel')), str(f.get('Provider_Name')), str(f.get('EventID')), event['kind'], event['parser'], tuple(f))
        if key not in contexts:
            contexts[key] = [(s, r) for s, r in by_source if s.fits(event)]
        fitting = contexts[key]
        get = getter(event, [s for s, _ in fitting])
        done = set()
        for s, candidates in fitting:
            if not s.guard(get):
                continue
            for r in candidates:
                if id(r) not in done:
                    done.add(id(r))
                    if r.holds(get):
                        yield n, r


def read_events(konseki, files):
    out = subprocess.run([konseki, 'parse', '--'] + files, capture_output=True).stdout
    return [json.loads(line, parse_float=str) for line in out.split(b'\n') if line]


def record_of(event):
    v = event['fields'].get('EventRecordID')
    return v if isinstance(v, int) else None


def differences(konseki, rule_paths, files, mapping_path, out=sys.stdout, extra=()):
    rules, left = load_rules(rule_paths)
    mapping = [Source(y) for y in yaml.safe_load(open(mapping_path))['sources']]
    events = read_events(konseki, files)
    want = collections.Counter()
    seconds = []
    for n, r in evaluate(rules, mapping, events):
        e = events[n]
        want[e['source'], record_of(e) if record_of(e) is not None else e['ts'], r.path, r.title] += 1
        seconds.append((n, r))
    command = [konseki, 'detect', '--format', 'jsonl'] + list(extra)
    for p in rule_paths:
        command += ['--rules', p]
    got = collections.Counter()
    skip = {path for path, _ in left}
    for line in subprocess.run(command + ['--'] + files, capture_output=True).stdout.split(b'\n'):
        if line:
            h = json.loads(line)
            if h['rule_path'] not in skip:
                got[h['source'], h['record'], h['rule_path'], h['rule_title']] += 1
    # Records without a number of their own: compared by their time, which a hit has too.
    wrong = 0
    by_time = any(record_of(e) is None for e in events)
    if by_time:
        got = collections.Counter()
        for line in subprocess.run(command + ['--'] + files, capture_output=True).stdout.split(b'\n'):
            if line:
                h = json.loads(line)
                if h['rule_path'] not in skip:
                    got[h['source'], h['ts'], h['rule_path'], h['rule_title']] += 1
        want = collections.Counter()
        for n, r in seconds:
            want[events[n]['source'], events[n]['ts'], r.path, r.title] += 1
    for key in sorted(set(want) | set(got), key=str):
        if want[key] != got[key]:
            wrong += 1
            if wrong <= 40:
                print(f'{"engine alone" if got[key] > want[key] else "oracle alone"}: {key} engine {got[key]}, oracle {want[key]}', file=out)
    print(f'{len(rules)} rules ({len(left)} that the oracle cannot read), {len(events)} events, {sum(want.values())} hits of the oracle, '
          f'{sum(got.values())} of the engine, {wrong} differences', file=out)
    return wrong, rules, events, seconds


def check_sql(konseki, rule_paths, rules, events, hits, out=sys.stdout):
    db = sqlite3.connect(':memory:')
    db.execute('CREATE TABLE timeline(id INTEGER PRIMARY KEY,time,ts_desc,host,kind,user,message,source,parser,fields)')
    for n, e in enumerate(events):
        db.execute('INSERT INTO timeline VALUES(?,?,?,?,?,?,?,?,?,?)', (n, e['ts'], e['ts_desc'], e['host'], e['kind'], e['user'], e['message'],
                   e['source'], e['parser'], json.dumps(e['fields'])))
    want = collections.defaultdict(set)
    for n, r in hits:
        want[r.id].add(n)
    ids = collections.Counter(r.id for r in rules)
    same = wrong = without = 0
    reasons = collections.Counter()
    for r in rules:
        if not r.id or ids[r.id] > 1:
            continue
        command = [konseki, 'rules', 'sql', r.id, '--no-cache']
        done = subprocess.run(command + ['--rules', r.path], capture_output=True)
        if done.returncode:
            without += 1
            reasons[done.stderr.decode().strip().split('SQL: ')[-1]] += 1
            continue
        try:
            rows = {row[0] for row in db.execute(done.stdout.decode().rstrip().rstrip(';'))}
        except sqlite3.Error as e:
            rows = f'{e}'
        if rows == want[r.id]:
            same += 1
        else:
            wrong += 1
            print(f'SQL of {r.path}: {rows if isinstance(rows, str) else sorted(rows ^ want[r.id])[:5]}', file=out)
    print(f'SQL: {same} rules give the rows of the oracle, {wrong} differ, {without} have none: {dict(reasons)}', file=out)
    return wrong


# ---- generated rules and events ----

WORDS = ['abc', 'ABC', 'a*c', 'a?c', 'C:\\Windows\\cmd.exe', 'cmd.exe', '\\cmd.exe', '-enc /x', 'whoami /all', '/tmp/x', '', '*', '10.1.2.3', '192.168.0.9',
         'fe80::1', '2001:db8::5', '::ffff:10.1.2.3', '7', '0x7', '255', '0xff', '12.5', '-3', 'true', 'äÖß', 'ÄöSS', 'naïve', '2026-03-04T05:06:07Z',
         '2026-12-31 23:59:00', 'back\\slash', 'star*', 'q?', 'x\ny', 'line\nwhoami', 'eHl6enk=', 'powershell –enc', 'ﬁ', 'K', '%name%', 'a,b', '"quoted"']
FIELDS = ['Image', 'CommandLine', 'ParentImage', 'User', 'Num', 'Ip', 'When']


def make_events(rng, count):
    for n in range(count):
        fields = {'Program': 'gen', 'Message': rng.choice(WORDS)}
        for f in FIELDS:
            roll = rng.random()
            if roll < 0.2:
                continue
            if roll < 0.3:
                fields[f] = [rng.choice(WORDS) for _ in range(rng.randint(1, 3))]
            elif roll < 0.4:
                fields[f] = rng.choice([0, 7, 255, 4688, -3, 1000000])
            elif roll < 0.45:
                fields[f] = rng.choice([True, False])
            else:
                fields[f] = ''.join(rng.choice(WORDS) for _ in range(rng.choice([1, 1, 1, 2, 3])))
        yield {'ts': f'2026-01-01T00:{n // 60 % 60:02d}:{n % 60:02d}.{n // 3600:03d}Z' if n // 3600 else f'2026-01-01T00:{n // 60:02d}:{n % 60:02d}Z', 'ts_desc': 'Recorded Time', 'kind': 'process_start', 'message': rng.choice([w for w in WORDS if w and '\n' not in w]),
               'host': 'h', 'user': None, 'parser': 'test', 'source': 'x', 'fields': fields}


def make_item(rng):
    field = rng.choice(FIELDS)
    kind = rng.random()
    word = lambda: rng.choice(WORDS) if rng.random() < 0.8 else rng.choice(WORDS)[:3] + rng.choice(['*', '?', '\\*', '\\?', '\\\\', '']) + rng.choice(WORDS)[-4:]
    many = lambda make: make() if rng.random() < 0.5 else [make() for _ in range(rng.randint(1, 4))]
    if kind < 0.1:
        return f'{field}|{rng.choice(["lt", "lte", "gt", "gte"])}', rng.choice([0, 7, 7.5, 12.5, 255, -3])
    if kind < 0.15:
        return f'{field}|cidr', many(lambda: rng.choice(['10.0.0.0/8', '192.168.0.0/28', 'fe80::/10', '2001:db8::/32', '10.1.2.3', '::/0', '0.0.0.0/0']))
    if kind < 0.2:
        return f'{field}|re' + rng.choice(['', '|i', '|m', '|s', '|i|m']), many(lambda: rng.choice(
            ['^abc', 'c$', 'who.*all', 'w[gh]oami', 'x.y', '^whoami', 'cmd\\.exe$', 'a+b?c', '(foo|abc)', 'ABC', 'slash', '\\\\cmd']))
    if kind < 0.25:
        return f'{field}|exists', rng.choice([True, False])
    if kind < 0.3:
        return field, rng.choice([None, [None, 'abc'], ''])
    if kind < 0.35:
        return f'{field}|fieldref' + rng.choice(['', '|startswith', '|endswith', '|contains', '|cased']), rng.choice(FIELDS)
    if kind < 0.4:
        return field + rng.choice(['', '|neq']), many(lambda: rng.choice([7, 255, 0, -3, 12.5, True, 4688]))
    if kind < 0.45:
        return f'{field}|' + rng.choice(['minute', 'hour', 'day', 'week', 'month', 'year', 'hour|gte', 'week|lt']), rng.choice([3, 5, 6, 10, 12, 53, 2026])
    if kind < 0.5:
        return f'{field}|windash|contains', many(lambda: rng.choice(['-enc', ' /all', '-x -y', '/x', '–enc', ' —all', '-e*c', 'a-b /x', '-ä']))
    if kind < 0.55:
        return f'{field}|' + rng.choice(['wide|', 'utf16be|', '', 'utf16|']) + rng.choice(['base64|contains', 'base64offset|contains']), many(
            lambda: rng.choice(['xyzz', 'whoami', 'abc']))
    mods = rng.choice(['', '|contains', '|startswith', '|endswith', '|contains|all', '|cased', '|contains|cased', '|endswith|cased', '|neq', '|contains|neq', '|startswith|all'])
    return field + mods, many(word)


def make_rule(rng, n):
    names = [rng.choice(['sel', 'filter', 'selection_', '_hidden']) + str(i) for i in range(rng.randint(1, 4))]
    detection = {}
    for name in names:
        roll = rng.random()
        if roll < 0.15:
            detection[name] = [rng.choice([w for w in WORDS if w]) for _ in range(rng.randint(1, 3))]
        elif roll < 0.25:
            detection[name] = [dict(make_item(rng) for _ in range(rng.randint(1, 2))) for _ in range(rng.randint(1, 3))]
        else:
            detection[name] = dict(make_item(rng) for _ in range(rng.randint(1, 3)))

    def expression(depth):
        roll = rng.random()
        if depth > 3 or roll < 0.4:
            return rng.choice(names)
        if roll < 0.55:
            return f'not {expression(depth + 1)}'
        if roll < 0.7 and any(not x.startswith('_') for x in names):
            shown = [x for x in names if not x.startswith('_')]
            return f'{rng.choice(["1", "all", "any", str(rng.randint(1, len(shown)))])} of them' if rng.random() < 0.5 else \
                f'{rng.choice(["1", "all", "any"])} of {rng.choice([names[0][:3] + "*", "*" + names[0][-1], "*" + names[0][2:4] + "*", names[0]])}'
        return f'({expression(depth + 1)} {rng.choice(["and", "or"])} {expression(depth + 1)})'
    detection['condition'] = expression(0) if rng.random() < 0.9 else [expression(1), expression(1)]
    return {'title': f'generated {n}', 'id': f'00000000-0000-4000-8000-{n:012d}', 'logsource': {'product': 'linux', 'category': 'process_creation'},
            'level': 'low', 'detection': detection}


def generated(konseki, mapping, seed, count, extra=()):
    rng = random.Random(seed)
    with tempfile.TemporaryDirectory() as folder:
        os.mkdir(folder + '/rules')
        for n in range(count):
            yaml.safe_dump(make_rule(rng, n), open(f'{folder}/rules/{n}.yml', 'w'), allow_unicode=True, sort_keys=False)
        with open(folder + '/events.jsonl', 'w') as f:
            for e in make_events(rng, 300):
                f.write(json.dumps(e, ensure_ascii=False, separators=(',', ':')) + '\n')
        wrong, *_ = differences(konseki, [folder + '/rules'], [folder + '/events.jsonl'], mapping, extra=['--no-cache'] + list(extra))
        if wrong and os.environ.get('KEEP'):
            subprocess.run(['cp', '-r', folder, os.environ['KEEP']])
        return wrong


# ---- correlations ----

def windows_of(events, span):
    """Of events in order of time: (first, last) of each window that ends with an event, and whether no further event fits into it."""
    first = 0
    for last, e in enumerate(events):
        while e['t'] - events[first]['t'] > span:
            first += 1
        yield first, last, last + 1 == len(events) or events[last + 1]['t'] - events[first]['t'] > span


def measured(kind, window, rules, percentile):
    numbers = sorted(float(e['N']) for e in window) if kind.startswith('value_') and kind != 'value_count' else []
    if kind == 'event_count':
        return len(window)
    if kind == 'value_count':
        return len({e['V'] for e in window})
    if kind == 'temporal':
        return len({e['rule'] for e in window})
    if kind == 'value_sum':
        return sum(numbers)
    if kind == 'value_avg':
        return sum(numbers) / len(numbers)
    rank = (0.5 if kind == 'value_median' else percentile / 100) * (len(numbers) - 1)
    low = int(rank)
    return numbers[low] + (rank - low) * (numbers[min(low + 1, len(numbers) - 1)] - numbers[low])


def correlated_hits(c, events):
    """Plainly, by the specification: [(time of the last event, count)] of one group."""
    events = sorted(events, key=lambda e: (e['t'], e['n']))
    rules, span, hits, taken = c['rules'], c['span'], [], -1
    compare = {'gt': lambda x, y: x > y, 'gte': lambda x, y: x >= y, 'lt': lambda x, y: x < y, 'lte': lambda x, y: x <= y,
               'eq': lambda x, y: x == y, 'neq': lambda x, y: x != y}
    bounds = [(compare[k], v) for k, v in c['bounds'].items()]
    if c['type'] == 'temporal_ordered':
        need = min(int(c['bounds'].get('gte', len(rules))), len(rules))

        def reach(last, rest, length, at):
            if length == 0:
                return True
            return any(rules.index(events[i]['rule']) < rest and events[last]['t'] - events[i]['t'] <= span and
                       reach(last, rules.index(events[i]['rule']), length - 1, i) for i in range(at - 1, taken, -1))
        for last, e in enumerate(events):
            if reach(last, rules.index(e['rule']), need - 1, last):
                hits.append((e['t'], need))
                taken = last
        return hits
    late = any(k in c['bounds'] for k in ('lt', 'lte', 'eq', 'neq')) or 'not ' in (c['expression'] or '')
    for first, last, over in windows_of(events, span):
        window = events[first:last + 1]
        if first <= taken or (late and not over):
            continue
        there = {e['rule'] for e in window}
        if c['expression']:
            good = condition(c['expression'], rules)(lambda name: name in there)
        elif c['type'] == 'temporal' and not bounds:
            good = there == set(rules)
        else:
            good = all(f(measured(c['type'], window, rules, c['percentile']), y) for f, y in bounds)
        if good:
            hits.append((events[last]['t'], len(window)))
            taken = last
    return hits


def correlations(konseki, seed, count):
    rng = random.Random(seed)
    names = ['r0', 'r1', 'r2']
    wrong = hits = 0
    with tempfile.TemporaryDirectory() as folder:
        events = []
        for n in range(400):
            e = {'n': n, 't': rng.randint(0, 900), 'rule': rng.choice(names), 'G': rng.choice('ab'), 'H': rng.choice('xy'), 'V': rng.choice('klmn'), 'N': rng.choice([0, 1, 2, 5, 10, 0.5])}
            if rng.random() < 0.1:
                del e[rng.choice('GHVN')]
            events.append(e)
        with open(folder + '/e.jsonl', 'w') as f:
            for e in events:
                stamp = datetime.datetime(2026, 1, 1) + datetime.timedelta(seconds=e['t'])
                f.write(json.dumps({'ts': stamp.isoformat() + 'Z', 'ts_desc': 'Recorded Time', 'kind': 'process_start', 'message': 'm', 'host': 'h', 'user': None,
                                    'parser': 'test', 'source': 'x', 'fields': {k: v for k, v in e.items() if k not in 'nt'}}, separators=(',', ':')) + '\n')
        docs = [{'title': r, 'name': r, 'logsource': {'product': 'linux', 'category': 'process_creation'}, 'level': 'low', 'detection': {'s': {'rule': r}, 'condition': 's'}} for r in names]
        made = []
        for n in range(count):
            kind = rng.choice(['event_count', 'value_count', 'temporal', 'temporal', 'temporal_ordered', 'temporal_ordered', 'value_sum', 'value_avg', 'value_median', 'value_percentile'])
            c = {'type': kind, 'rules': rng.sample(names, rng.randint(1 if kind[0] in 'ev' else 2, 3)), 'group': rng.choice([[], ['G'], ['G', 'H']]), 'span': rng.choice([10, 20, 60, 120]),
                 'bounds': {}, 'expression': None, 'percentile': rng.choice([0, 25, 80, 99, 100])}
            if kind == 'temporal_ordered':
                c['bounds'] = rng.choice([{}, {'gte': 2}])
            elif kind != 'temporal' or rng.random() < 0.5:
                low = rng.choice([1, 2, 3, 4]) if kind[0] == 'e' or kind == 'value_count' else rng.choice([1, 2]) if kind == 'temporal' else rng.choice([1, 2.5, 5, 12])
                c['bounds'] = rng.choice([{'gte': low}, {'gt': low}, {'gt': low, 'lte': low + 2}, {'lt': low + 1}, {'eq': low}, {'neq': low}, {'gte': low, 'neq': low + 1}])
            elif rng.random() < 0.6:
                c['expression'] = rng.choice(['{0} and {1}', '{0} or {1}', '{0} and not {1}', 'not {0} and not {1}'] + (['({0} or {1}) and {2}', '{0} and {1} and not {2}'] if len(c['rules']) > 2 else [])).format(*c['rules'])
            test = dict(c['bounds'])
            if kind.startswith('value_'):
                test['field'] = 'V' if kind == 'value_count' else 'N'
            if kind == 'value_percentile':
                test['percentile'] = c['percentile']
            body = {'type': kind, 'rules': c['rules'], 'timespan': f'{c["span"]}s', 'condition': c['expression'] or test}
            if not body['condition']:
                del body['condition']
            if c['group']:
                body['group-by'] = c['group']
            docs.append({'title': f'c{n}', 'level': 'high', 'correlation': body})
            made.append(c)
        yaml.safe_dump_all(docs, open(folder + '/r.yml', 'w'), sort_keys=False)
        for threads in '12':
            done = subprocess.run([konseki, 'detect', '--no-cache', '--format', 'jsonl', '--threads', threads, '--rules', folder + '/r.yml', folder + '/e.jsonl'], capture_output=True, text=True)
            got = collections.defaultdict(list)
            for line in done.stdout.splitlines():
                h = json.loads(line)
                got[h['rule_title'], tuple(h['group'].values())].append((h['ts'], h['count']))
            if done.returncode:
                print(done.stderr)
                wrong += 1
            for n, c in enumerate(made):
                need = c['group'] + (['V'] if c['type'] == 'value_count' else ['N'] if c['type'].startswith('value_') else [])
                groups = collections.defaultdict(list)
                for e in events:
                    if e['rule'] in c['rules'] and all(k in e for k in need):
                        groups[tuple(e[k] for k in c['group'])].append(e)
                for group, inside in groups.items():
                    want = [((datetime.datetime(2026, 1, 1) + datetime.timedelta(seconds=t)).isoformat() + 'Z', k) for t, k in correlated_hits(c, inside)]
                    have = got.pop((f'c{n}', group), [])
                    hits += len(want)
                    if want != have:
                        wrong += 1
                        print(f'c{n} {docs[3 + n]["correlation"]} {group}: engine {have[:6]}, oracle {want[:6]}')
            wrong += len(got)
    print(f'{count} correlations, {hits} hits, {wrong} differences')
    return wrong


def main():
    arg = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arg.add_argument('-k', '--konseki', default='build/konseki')
    arg.add_argument('--mapping', default=os.path.join(HERE, '../../detect/mapping.yml'))
    arg.add_argument('--sql', action='store_true')
    arg.add_argument('--plain', action='store_true')
    arg.add_argument('--rules', action='append', default=[])
    arg.add_argument('--generate', nargs=2, type=int)
    arg.add_argument('--correlations', nargs=2, type=int)
    arg.add_argument('files', nargs='*')
    opt = arg.parse_args()
    extra = ['--plain'] if opt.plain else []
    if opt.generate:
        sys.exit(generated(opt.konseki, opt.mapping, opt.generate[0], opt.generate[1], extra) != 0)
    if opt.correlations:
        sys.exit(correlations(opt.konseki, *opt.correlations) != 0)
    wrong, rules, events, hits = differences(opt.konseki, opt.rules, opt.files, opt.mapping, extra=extra)
    if opt.sql:
        wrong += check_sql(opt.konseki, opt.rules, rules, events, hits)
    sys.exit(wrong != 0)


if __name__ == '__main__':
    main()
