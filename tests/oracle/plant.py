#!/usr/bin/env python3
"""plant.py [-k KONSEKI] [--mapping FILE] [-o DIR] RULES...

Makes, for every rule, an event that should fire it, out of the rule's own selections and in the form that its source writes
(event logs, audit.log, syslog, access logs), runs `konseki detect` over all of them, and names each rule that did not fire
on its own event. The events are also evidence for other tests: -o keeps them. A rule is planted once for each source of the
mapping whose native form this program knows; the plain evaluator (sigma.py) says first that the event satisfies the rule.
"""
import argparse, collections, ipaddress, itertools, json, os, random, re, subprocess, sys, tempfile
from xml.sax.saxutils import escape
import yaml
import sigma

try:
    import exrex            # texts for regular expressions; without it such rules are left out
except ImportError:
    exrex = None

TOP = os.path.join(os.path.dirname(os.path.abspath(__file__)), '../..')


# ---- an event that satisfies a rule ----

def tree(text, names):
    """A condition as ('and'|'or'|'not'|'of', ...) over names of selections."""
    tokens = re.findall(r'\(|\)|[^\s()]+', text)

    def either():
        parts = [both()]
        while tokens and tokens[0].lower() == 'or':
            tokens.pop(0)
            parts.append(both())
        return parts[0] if len(parts) == 1 else ('or', parts)

    def both():
        parts = [unary()]
        while tokens and tokens[0].lower() == 'and':
            tokens.pop(0)
            parts.append(unary())
        return parts[0] if len(parts) == 1 else ('and', parts)

    def unary():
        word = tokens.pop(0)
        if word.lower() == 'not':
            return ('not', [unary()])
        if word == '(':
            inner = either()
            tokens.pop(0)
            return inner
        if tokens and tokens[0].lower() == 'of':
            tokens.pop(0)
            pattern = tokens.pop(0)
            chosen = [n for n in names if (not n.startswith('_') if pattern == 'them' else sigma.fnmatch.fnmatchcase(n, pattern))]
            return ('and' if word == 'all' else 'or', chosen) if word in ('all', '1', 'any') else ('and', chosen[:int(word)])
        return word
    return either()


def wanted(node, rng):
    """Names of selections that should hold."""
    if isinstance(node, str):
        return [node]
    kind, parts = node
    if kind == 'not':
        return []
    return [n for p in (parts if kind == 'and' else [rng.choice(parts)]) for n in wanted(p, rng)]


def plain(value, rng):
    """A text that the pattern matches."""
    return ''.join(rng.choice(['', 'q', 'zq']) if p is sigma.ANY else 'q' if p is sigma.ONE else p for p in sigma.unescape(value))


def pieces(key, value, rng, out):
    """Adds to out[field] what its text must be."""
    field, *mods = key.split('|')
    values = value if isinstance(value, list) else [value]
    for v in values if 'all' in mods else [rng.choice(values)]:
        if isinstance(v, bool) and 'exists' in mods:
            out[field].append(('there' if v else 'absent', ''))
        elif v is None:
            out[field].append(('absent', ''))
        elif 'fieldref' in mods:
            out[field].append(('same', str(v)))
        elif 'cidr' in mods:
            net = ipaddress.ip_network(v, strict=False)
            out[field].append(('whole', str(net[min(1, net.num_addresses - 1)])))
        elif 're' in mods:
            if not exrex:
                raise sigma.Unsupported('a regular expression')
            pattern = re.sub(r'\(\?[a-z]+\)', '', str(v)).lstrip('^')
            text = re.sub('[\x0b\x0c]', ' ', exrex.getone(pattern.replace('\\/', '/'), 3)) if len(pattern) < 400 else ''
            out[field].append(('start' if str(v).startswith('^') else 'inside', text))
        elif any(m in mods for m in ('gt', 'gte', 'lt', 'lte')):
            out[field].append(('whole', str(v + (1 if 'gt' in mods or 'gte' in mods else -1))))
        else:
            text = plain(str(v).lower() if isinstance(v, bool) else str(v), rng)
            if 'windash' in mods:
                text = re.sub(r'(^|\W)-(?=\w)', lambda m: m.group(1) + rng.choice('-/'), text)
            if any(m in mods for m in ('wide', 'utf16le', 'utf16', 'utf16be')):
                data = text.encode('utf-16-le')
            else:
                data = text.encode()
            if 'base64' in mods:
                text = sigma.base64.b64encode(data).decode()
            elif 'base64offset' in mods:
                text = sigma.base64.b64encode(b'z' * rng.randrange(3) + data + b'zz').decode()
            place = 'inside' if 'contains' in mods or 'base64offset' in mods or not field else 'start' if 'startswith' in mods else 'end' if 'endswith' in mods else 'whole'
            out[field].append((place, text))


def choose(y, rng, out):
    if isinstance(y, dict):
        for k, v in y.items():
            pieces(str(k), v, rng, out)
    elif isinstance(y, list):
        v = rng.choice(y)
        choose(v, rng, out) if isinstance(v, (dict, list)) else pieces('', v, rng, out)
    else:
        pieces('', y, rng, out)


def compose(parts):
    """A text of all the pieces; None for a field that must not be there."""
    if any(k == 'absent' for k, _ in parts):
        return None
    by = lambda kind: [t for k, t in parts if k == kind]
    if by('whole'):
        return by('whole')[0]
    starts, inside, ends = by('start'), by('inside'), by('end')
    text = max(starts, key=len, default='')
    tail = max(ends, key=len, default='')
    for t in inside:
        if t.lower() not in (text + tail).lower():
            text += ('' if t[:1] in ' \\/.' or not text else ' ') + t
    return text + tail


def fields_of(rule_doc):
    names = set()

    def walk(y):
        for v in y.values() if isinstance(y, dict) else y if isinstance(y, list) else []:
            walk(v)
        if isinstance(y, dict):
            names.update(str(k).split('|')[0] for k in y)
    for k, v in rule_doc['detection'].items():
        if k not in ('condition', 'timeframe'):
            walk(v)
    return names - {''}


def event_for(doc, rule, rng, keep, banned, tries=400):
    """{field: text, '': keyword} that the rule holds on. `keep`: fields of the source with their value."""
    conditions = doc['detection']['condition']
    names = list(rule.selections)
    for attempt in range(tries):
        node = tree(rng.choice(conditions) if isinstance(conditions, list) else conditions, names)
        out = collections.defaultdict(list)
        try:
            for name in wanted(node, rng):
                choose(doc['detection'][name], rng, out)
        except (ValueError, OverflowError, re.error):
            continue
        event = {}
        for field, parts in out.items():
            text = compose(parts)
            if text is not None:
                event[field] = text
        for field, parts in out.items():
            for kind, other in parts:
                if kind == 'same':
                    event[field] = event.setdefault(other, 'C:\\same.exe')
        if attempt % 2:
            for field in fields_of(doc):
                if field not in out:
                    event[field] = rng.choice(['zq', 'C:\\zq\\zq.exe', '-', '1'])
        for field, value in keep.items():
            if field in event and str(event[field]).lower() not in [str(x).lower() for x in value]:
                break
            event.setdefault(field, rng.choice(value))
        else:
            if banned & set(event):
                continue
            get = lambda name: [t for t in event.values()] if name == '' else [event[name]] if name in event else None
            if rule.holds(get):
                return event
    return None


# ---- native forms ----

def xml_text(text):
    text = ''.join(c for c in text if c in '\t\n\r' or ' ' <= c and c not in '\ufffe\uffff')
    text = re.sub(r'([%?])', r'\1\1', text)
    return escape(text, {"'": '&apos;', '"': '&quot;', '\n': '&#10;', '\r': '&#13;', '\t': '&#9;'})


SYSTEM = ('EventID', 'Channel', 'Provider_Name', 'Computer', 'Level', 'Task', 'Version', 'Keywords')


def windows_xml(number, event, channel, provider):
    e = dict(event)
    system = {k: e.pop(k) for k in SYSTEM if k in e}
    data = ''.join(f"<Data Name='{xml_text(k)}'>{xml_text(str(v))}</Data>" for k, v in e.items() if k)
    if '' in e:
        data += f'<Data>{xml_text(e[""])}</Data>'
    x = lambda k, d: xml_text(str(system.get(k, d)))
    return (f"<Event xmlns='http://schemas.microsoft.com/win/2004/08/events/event'><System><Provider Name='{x('Provider_Name', provider)}'/><EventID>{x('EventID', 1)}</EventID>"
            f"<Version>{x('Version', 1)}</Version><Level>{x('Level', 3)}</Level><Task>{x('Task', 0)}</Task><Opcode>0</Opcode><Keywords>{x('Keywords', '0x8000000000000000')}</Keywords>"
            f"<TimeCreated SystemTime='2026-01-02T03:04:05.1234567Z'/><EventRecordID>{number}</EventRecordID><Execution ProcessID='4' ThreadID='8'/>"
            f"<Channel>{x('Channel', channel)}</Channel><Computer>{x('Computer', 'host')}</Computer></System><EventData>{data}</EventData></Event>")


def provider_of(source, channel):
    given = sigma.some(source.y.get('provider'))
    if given and given[0] != '*':
        return given[0].replace('*', '')
    return {'Security': 'Microsoft-Windows-Security-Auditing', 'System': 'Service Control Manager', 'Application': 'Application'}.get(channel, channel.split('/')[0])


def inverse(source, event):
    """The event with the names and values that the source has of its own; None where this program cannot say."""
    e = dict(event)
    for field, d in (source.y.get('fields') or {}).items():
        if field not in e:
            continue
        d = d if isinstance(d, dict) else {'from': d}
        names = sigma.some(d.get('join', d.get('from')))
        value = str(e.pop(field))
        if 'part' in d:
            e[names[0]] = (e[names[0]] + ',' if names[0] in e else '') + f'{d["part"]}={value}'
            continue
        for old, new in (d.get('values') or {}).items():
            if value.lower() == str(new).lower():
                value = str(old)
                break
        else:
            for old, new in (d.get('replace') or {}).items():
                if value.lower().startswith(new.lower()):
                    value = old.replace('#', '2') + value[len(new):]
                    break
        if 'after' in d:
            value = 'x' + d['after'] + value
        if 'join' in d:
            head, _, tail = value.rpartition(d.get('with', ''))
            if names[0] in e or names[1] in e:
                return None
            e[names[0]], e[names[1]] = head, tail
            continue
        if names[0] in e and e[names[0]] != value:
            return None
        e[names[0]] = value
    return e


def audit_hex(v):
    v = str(v)
    return f'"{v}"' if v and all('!' <= c <= '~' and c != '"' for c in v) else v.encode().hex().upper()


# Records of clouds: what each has at least.
CLOUDS = {
    'aws': {'eventVersion': '1.08', 'eventTime': '2026-01-02T03:04:05Z', 'eventSource': 'x.amazonaws.com', 'eventName': 'X'},
    'azure': {'time': '2026-01-02T03:04:05Z', 'resourceId': '/tenants/x', 'operationName': 'X', 'category': 'X', 'tenantId': 'x'},
    'm365': {'CreationTime': '2026-01-02T03:04:05', 'Id': '1', 'Operation': 'X', 'Workload': 'Exchange'},
    'gcp': {'insertId': 'a', 'logName': 'projects/p/logs/cloudaudit.googleapis.com%2Factivity', 'timestamp': '2026-01-02T03:04:05Z', 'protoPayload': {'methodName': 'x'}},
    'kubernetes': {'kind': 'Event', 'apiVersion': 'audit.k8s.io/v1', 'auditID': 'a', 'verb': 'x', 'stageTimestamp': '2026-01-02T03:04:05Z'},
    'okta': {'published': '2026-01-02T03:04:05Z', 'eventType': 'x', 'actor': {'id': 'x'}, 'outcome': {'result': 'SUCCESS'}},
    'github': {'@timestamp': 1767323045000, 'action': 'x', 'actor': 'x', 'org': 'x'},
}


def nested(record, event):
    """The record with the members of the event, whose names are paths; None where a path meets a text."""
    record = json.loads(json.dumps(record))
    for path, value in sorted(event.items(), key=lambda x: x[0].count('.')):
        at = record
        *above, last = path.split('.')
        for name in above:
            at = at.setdefault(name, {})
            if not isinstance(at, dict):
                return None
        if isinstance(at.get(last), dict):
            return None
        at[last] = value
    return record


class Planter:
    def __init__(self, folder):
        self.folder, self.files, self.planted, self.number = folder, collections.defaultdict(list), collections.defaultdict(list), 0
        self.size, self.places = collections.Counter(), {}      # where in a text file an event begins

    def put(self, file, line, rule, source):
        self.number += 1
        self.files[file].append(line)
        self.planted[file].append((self.number, rule, source))
        self.places[os.path.join(self.folder, file), self.size[file]] = self.number
        self.size[file] += len((line + '\n').encode())

    def write(self, make_evtx):
        for file, lines in self.files.items():
            path = os.path.join(self.folder, file)
            os.makedirs(os.path.dirname(path), exist_ok=True)
            if file.endswith('.evtx'):
                subprocess.run([make_evtx, '--xml', path], input='\n'.join(lines) + '\n', text=True, check=True)
            else:
                with open(path, 'w') as f:
                    f.write('\n'.join(lines) + '\n')


def host_of(n):
    return f'planted{n}'


def plant(planter, doc, rule, source, rng):
    """A native event for the rule in that source; the reason why not, or None."""
    y = source.y
    n = planter.number + 1
    if 'channel' in y or 'provider' in y:
        sysmon_linux = str(y.get('channel')).startswith('Linux-Sysmon')
        where = {k: [plain(v, rng) for v in sigma.some(vs)] for k, vs in (y.get('where') or {}).items()}
        keep = dict(where)
        if 'event_id' in y:
            keep['EventID'] = sigma.some(y['event_id'])
        channels = [c.replace('*', 'Operational') for c in sigma.some(y.get('channel'))] or ['']
        keep['Channel'] = channels if channels != ['Operational'] else ['Application']
        unmapped = {k: v for k, v in (y.get('fields') or {}).items()}
        if 'provider' in y and sigma.some(y['provider']) != ['*']:
            keep['Provider_Name'] = [provider_of(source, '')]
        native = {v for k, v in unmapped.items() if isinstance(v, str)} - set(unmapped)
        event = event_for(doc, rule, rng, {k: v for k, v in keep.items() if k not in native}, set())
        if event is None:
            return 'no event satisfies it'
        joined = [k for k, d in (y.get('fields') or {}).items() if isinstance(d, dict) and 'join' in d and str(event.get(k, '')).endswith(d.get('with', ''))]
        for k in joined:        # the last of the parts has a text too
            event[k] += 'zq'
        if joined and not rule.holds(lambda name: [event[name]] if name in event else None):
            return 'its value has no last part'
        event = inverse(source, event)
        if event is None:
            return 'its fields are one of the source'
        for k, v in keep.items():
            event.setdefault(k, v[0])
        event['Computer'] = event.get('Computer', host_of(n))
        channel = event['Channel']
        xml = windows_xml(n, event, channel, provider_of(source, channel))
        if sysmon_linux:
            planter.put('linux/var/log/syslog', f'Jan  2 03:04:05 {host_of(n)} sysmon: ' + re.sub(r'(%%|\?\?)', lambda m: m.group()[0], xml).replace('\n', ' '), rule, y['name'])
        else:
            planter.put(f'windows/{n // 400}.evtx', xml, rule, y['name'])
        return None
    if y['name'] == 'process started':
        event = event_for(doc, rule, rng, {}, set(fields_of(doc)) - {'Image', 'CommandLine'})
        if event is None:
            return 'no event of Image and CommandLine satisfies it'
        line, image = event.get('CommandLine', event.get('', 'x')), event.get('Image', '/usr/bin/x')
        stamp = f'audit({1767323045 + n}.123:{n})'
        if line[:1] in ' -':         # a program is called by its name
            line = os.path.basename(image) + ' ' + line.lstrip()
        args = line.split(' ')
        planter.put('linux/var/log/audit/audit.log', f'node={host_of(n)} type=SYSCALL msg={stamp}: arch=c000003e syscall=59 success=yes exit=0 a0=1 a1=2 a2=3 a3=0 items=2 ppid=1 pid=2 auid=0 uid=0 gid=0 comm="x" exe={audit_hex(image)} key=(null)\n'
                    f'node={host_of(n)} type=EXECVE msg={stamp}: argc={len(args)} ' + ' '.join(f'a{i}={audit_hex(a)}' for i, a in enumerate(args)) + f'\nnode={host_of(n)} type=PROCTITLE msg={stamp}: proctitle={line.replace(" ", chr(0)).encode().hex().upper()}', rule, y['name'])
        return None
    if y['name'] == 'auditd record':
        event = event_for(doc, rule, rng, {}, {''})
        if event is None:
            event = event_for(doc, rule, rng, {}, set())
            if event is None:
                return 'no event satisfies it'
            event['comm'] = event.pop('')
        kind = event.pop('type', 'EXECVE' if 'a0' in event or 'a1' in event else 'SYSCALL')
        number = {'execve': '59', 'connect': '42', 'openat': '257', 'open': '2', 'unlink': '87', 'init_module': '175', 'finit_module': '313', 'ptrace': '101', 'mmap': '9'}
        body = []
        for k, v in event.items():
            if k.upper() == 'SYSCALL' and v in number:
                body.append(f'syscall={number[v]}')
                enriched = f'\x1dARCH=x86_64 SYSCALL={v}'
                continue
            quoted = k in ('name', 'exe', 'comm', 'key', 'cwd', 'proctitle') or re.fullmatch(r'a\d+', k) and kind == 'EXECVE'
            body.append(f'{k}={audit_hex(v) if quoted else v}')
        tail = next((f'\x1dARCH=x86_64 SYSCALL={v}' for k, v in event.items() if k == 'SYSCALL'), '')
        planter.put('linux/var/log/audit/audit.log', f'node={host_of(n)} type={kind} msg=audit({1767323045 + n}.123:{n}): ' + ('arch=c000003e ' if kind == 'SYSCALL' else '') + ' '.join(body) + tail, rule, y['name'])
        return None
    if y.get('has') and 'Message' in sigma.some(y['has']) and y.get('product') == 'linux':
        program = next((plain(v, rng) for v in sigma.some((y.get('where') or {}).get('Program'))), 'daemon')
        if fields_of(doc) - {'Message', 'Program', 'CommandLine'}:
            return 'it asks for fields that the source has not'
        event = event_for(doc, rule, rng, {}, {'CommandLine'})
        if event is None:
            return 'no event satisfies it'
        text = ' '.join(dict.fromkeys(event.values())).replace('\n', ' ')
        facility = (y.get('where') or {}).get('Facility')
        planter.put('linux/var/log/syslog', ('<38>' if facility else '') + f'Jan  2 03:04:05 {host_of(n)} {program}[{n}]: {text}', rule, y['name'])
        return None
    if y['name'] == 'typed command':
        event = event_for(doc, rule, rng, {}, fields_of(doc) - {'CommandLine'})
        if event is None:
            return 'no event satisfies it'
        planter.put(f'linux/home/{host_of(n)}/.bash_history', event.get('CommandLine', event.get('', '')).replace('\n', ' '), rule, y['name'])
        return None
    if y['name'] == 'web server':
        known = {'cs-method': 'GET', 'cs-uri-stem': '/', 'cs-uri-query': '', 'cs-uri': '', 'cs-user-agent': 'Mozilla', 'cs-referer': '-', 'sc-status': '200', 'c-ip': '192.0.2.1', 'cs-host': 'www', 'cs-cookie': '-', 'cs-version': 'HTTP/1.1', 'c-useragent': 'M'}
        event = event_for(doc, rule, rng, {}, fields_of(doc) - set(known))
        if event is None:
            return 'no event of an access log satisfies it'
        e = {k: v for k, v in event.items() if k}
        uri = e.get('cs-uri') or (e.get('cs-uri-stem', '') or '/') + ('?' + e['cs-uri-query'] if e.get('cs-uri-query') else '')
        if 'cs-uri-query' in e and 'cs-uri-stem' not in e and e['cs-uri-query'].startswith('/'):
            uri = e['cs-uri-query']
        if '' in event:
            uri += event['']
        quote = lambda t: ''.join(f'\\x{ord(c):02x}' if c in '"\\' or ord(c) < 32 else c for c in t)
        planter.put(f'web/var/log/{"nginx" if n % 2 else "apache2"}/access.log', f'192.0.2.{n % 250 + 1} - {host_of(n)} [02/Jan/2026:03:04:05 +0000] "{e.get("cs-method", "GET")} {quote(uri).replace(" ", "%20")} HTTP/1.1" {e.get("sc-status", 200)} 12 "{quote(e.get("cs-referer", "-"))}" "{quote(e.get("cs-user-agent", e.get("c-useragent", "-")))}"', rule, y['name'])
        return None
    cloud = str((y.get('where') or {}).get('Cloud'))
    if cloud in CLOUDS:
        event = event_for(doc, rule, rng, {}, set())
        text = event.pop('', None) if event else None
        event = inverse(source, event) if event else None
        if event is None:
            return 'no event satisfies it'
        if text:
            event['message'] = text
        record = nested(CLOUDS[cloud], event)
        if record is None:
            return 'a member that is a text and an object'
        planter.put(f'cloud/{cloud}.jsonl', json.dumps(record, ensure_ascii=False), rule, y['name'])
        return None
    return 'this program does not know its form'


def main():
    arg = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arg.add_argument('-k', '--konseki', default=TOP + '/build/konseki')
    arg.add_argument('--make-evtx', default=TOP + '/build/tests/make_evtx')
    arg.add_argument('--mapping', default=TOP + '/detect/mapping.yml')
    arg.add_argument('-o', '--output')
    arg.add_argument('--seed', type=int, default=1)
    arg.add_argument('rules', nargs='+')
    opt = arg.parse_args()
    folder = opt.output or tempfile.mkdtemp()
    mapping = [sigma.Source(y) for y in yaml.safe_load(open(opt.mapping))['sources']]
    planter, reasons, rng = Planter(folder), collections.defaultdict(collections.Counter), random.Random(opt.seed)
    without = {}
    for path in opt.rules:
        for file in sorted(sigma.glob.glob(path + '/**/*.yml', recursive=True)) if os.path.isdir(path) else [path]:
            for doc in yaml.load_all(open(file, encoding='utf-8'), sigma.Loader):
                if 'detection' not in doc:
                    continue
                try:
                    rule = sigma.Rule(doc, file)
                except sigma.Unsupported:
                    continue
                sources = [s for s in mapping if s.is_for(rule.logsource)]
                done, why = 0, []
                for s in sources:
                    try:
                        reason = plant(planter, doc, rule, s, rng)
                    except sigma.Unsupported as e:
                        reason = str(e)
                    done += reason is None
                    if reason:
                        why.append(f'{s.y["name"]}: {reason}')
                if sources and not done:
                    without[rule.path] = why
    planter.write(opt.make_evtx)
    command = [opt.konseki, 'detect', '--format', 'jsonl']
    for p in opt.rules:
        command += ['--rules', p]
    fired = set()
    for line in subprocess.run(command + [folder], capture_output=True).stdout.split(b'\n'):
        if line:
            h = json.loads(line)
            place = planter.places.get((h['source'], h['record']))
            for m in {h['host']} | ({host_of(place)} if place and not h['source'].endswith('.evtx') else set()) | set(re.findall(r'planted\d+', json.dumps(h))):
                fired.add((h['rule_path'], m))
    numbers = collections.defaultdict(set)
    for file, items in planter.planted.items():
        for n, rule, source in items:
            fine = (rule.path, host_of(n)) in fired
            numbers[source, fine].add(n)
            if not fine:
                print(f'{rule.path}: did not fire on {source} ({file}, planted{n})')
    for path, why in without.items():
        print(f'{path}: not planted: {"; ".join(why)}')
    sources = sorted({s for s, _ in numbers})
    for s in sources:
        print(f'{s}: {len(numbers[s, True])} of {len(numbers[s, True]) + len(numbers[s, False])} fired')
    print(f'{planter.number} events planted, {sum(len(v) for (s, f), v in numbers.items() if not f)} did not fire, {len(without)} rules without an event')
    sys.exit(any(v for (s, f), v in numbers.items() if not f))


if __name__ == '__main__':
    main()
