#!/usr/bin/env python3
"""TAP: the Sigma 2 specification, requirement by requirement.

Each case is a sentence of the specification (rules, modifiers, correlations, filters; version 2.1), a detection, an event,
and whether the rule hits it. All rules run over all events at once, with the automaton and without, with one worker and
two; a case is judged by its own rule on its own event.
"""
import json, os, shutil, subprocess, sys, tempfile

KONSEKI = os.environ['KONSEKI']
folder = tempfile.mkdtemp()
os.environ['XDG_CACHE_HOME'] = folder + '/cache'
number = failed = 0


def ok(good, name, note=''):
    global number, failed
    number += 1
    failed += not good
    print(f'{"ok" if good else "not ok"} {number} - {name}')
    if not good and note:
        print('# ' + str(note).replace('\n', '\n# '))


def write(name, text):
    with open(os.path.join(folder, name), 'w') as f:
        f.write(text)
    return os.path.join(folder, name)


CASES = []          # (sentence, detection, fields, hits)


def sentence(text, *cases):
    for detection, fields, hits in cases:
        CASES.append((text, detection, fields, hits))


def value(key, rule, event, hits):
    """One selection of one item on one field C."""
    return f's: {{{key}: {rule}}}\ncondition: s', {'C': event}, hits


def q(text):
    return "'" + text.replace("'", "''") + "'"


B = '\\'
sentence('all values are case-insensitive strings',
         value('C', q('CMD.exe'), 'cmd.EXE', 1), value('C', q('ÄÖÜ'), 'äöü', 1), value('C|contains', q('ПРИВЕТ'), 'x привет y', 1),
         value('C', q('cmd.exe'), 'cmd.exe ', 0), value('C', q('abc'), 'abcd', 0))
sentence('? is a single mandatory character', value('C', q('prog?.exe'), 'progA.exe', 1), value('C', q('prog?.exe'), 'prog.exe', 0),
         value('C', q('prog?.exe'), 'progAB.exe', 0), value('C', q('a?c'), 'aéc', 1), value('C', q('a?c'), 'a😀c', 1), value('C', q('a??c'), 'a😀c', 0),
         value('C', q('a?c'), 'a\nc', 1), value('C|contains', q('a?c'), 'xxa-cxx', 1), value('C|endswith', q('?c'), 'c', 0))
sentence('* is of any length', value('C', q('antivirus_V*.exe'), 'antivirus_V21.2.1.exe', 1), value('C', q('a*'), 'a', 1), value('C', q('*'), '', 1),
         value('C', q('a*b*c'), 'aXXbYYc', 1), value('C', q('a*b*c'), 'acb', 0), value('C', q('a*c'), 'a\nb\nc', 1), value('C|contains', q('a*c'), '-a--c-', 1),
         value('C|startswith', q('a*c'), 'a--c-', 1), value('C|endswith', q('a*c'), '-a--c', 1), value('C|endswith', q('a*c'), '-a--c-', 0),
         value('C', q('**a**'), 'bab', 1))
for place, event in (('', '{}'), ('|contains', 'x{}x'), ('|startswith', '{}x'), ('|endswith', 'x{}'), ('|cased', '{}')):
    e = lambda text: event.format(text)
    sentence(f'a plain backslash is one or two{place}', value('C' + place, q('a' + B + 'b'), e('a' + B + 'b'), 1),
             value('C' + place, q('a' + B * 2 + 'b'), e('a' + B + 'b'), 1), value('C' + place, q('a' + B * 2 + 'b'), e('a' + B * 2 + 'b'), 0))
    sentence(f'an escaped wildcard is itself{place}', value('C' + place, q('a' + B + '*b'), e('a*b'), 1), value('C' + place, q('a' + B + '*b'), e('aXb'), 0),
             value('C' + place, q('a' + B + '?b'), e('a?b'), 1), value('C' + place, q('a' + B + '?b'), e('aXb'), 0), value('C' + place, q('a' + B + '*b'), e('a' + B + '*b'), 0))
    sentence(f'an escaped backslash before a wildcard{place}', value('C' + place, q('a' + B * 2 + '*b'), e('a' + B + 'XXb'), 1),
             value('C' + place, q('a' + B * 2 + '*b'), e('aXXb'), 0), value('C' + place, q('a' + B * 2 + '?b'), e('a' + B + 'Xb'), 1))
    sentence(f'three backslashes escape both{place}', value('C' + place, q('a' + B * 3 + '*b'), e('a' + B + '*b'), 1),
             value('C' + place, q('a' + B * 3 + '*b'), e('a' + B + 'Xb'), 0))
    sentence(f'three or four backslashes are two{place}', value('C' + place, q('a' + B * 3 + 'b'), e('a' + B * 2 + 'b'), 1),
             value('C' + place, q('a' + B * 4 + 'b'), e('a' + B * 2 + 'b'), 1), value('C' + place, q('a' + B * 4 + 'b'), e('a' + B * 4 + 'b'), 0),
             value('C' + place, q('a' + B * 5 + '*b'), e('a' + B * 2 + '*b'), 1))
sentence('a backslash at the end is itself', value('C', q('a' + B), 'a' + B, 1), value('C|contains', q(B + 'a' + B), 'x' + B + 'a' + B + 'x', 1),
         value('C|startswith', q('a' + B), 'a' + B + 'b', 1), value('C|endswith', q('a' + B * 2), 'xa' + B, 1), value('C|endswith', q(B + 'cmd.exe'), 'C:' + B + 'cmd.exe', 1))
sentence('escapes in keywords', (f"k: [{q('a' + B + '*b')}]\ncondition: k", {'C': 'xa*bx'}, 1), (f"k: [{q('a' + B + '*b')}]\ncondition: k", {'C': 'xaYbx'}, 0),
         (f"k: [{q('a' + B * 2 + '*b')}]\ncondition: k", {'C': 'xa' + B + 'YYbx'}, 1), (f"k: [{q('a' + B * 2 + 'b')}]\ncondition: k", {'C': 'a' + B + 'b'}, 1))
sentence('list items of strings are applied to the whole message, linked with OR', ("k: [EVILSERVICE, 'svchost.exe -n evil']\ncondition: k", {'C': 'x', 'D': 'run SVCHOST.exe -n evil'}, 1),
         ("k: [EVILSERVICE, 'svchost.exe -n evil']\ncondition: k", {'C': 'evil service'}, 0), ('k: needle\ncondition: k', {'C': 'a needle'}, 1), ('k: [4711]\ncondition: k', {'C': 'pid 4711 died'}, 1),
         ('k: [4711]\ncondition: k', {'C': 4711}, 1), ("k: ['a', {C: b}]\ncondition: k", {'C': 'b'}, 1))
sentence('maps in a list are linked with OR', ("s: [{C|endswith: '\\example.exe'}, {D|contains: 'Test exe'}]\ncondition: s", {'C': 'x', 'D': 'a test EXEcutable'}, 1),
         ("s: [{C: a, D: b}, {C: c}]\ncondition: s", {'C': 'a', 'D': 'x'}, 0), ("s: [{C: a, D: b}, {C: c}]\ncondition: s", {'C': 'c'}, 1))
sentence('items of a map are linked with AND', ('s: {C: a, D: b}\ncondition: s', {'C': 'a', 'D': 'b'}, 1), ('s: {C: a, D: b}\ncondition: s', {'C': 'a', 'D': 'c'}, 0), ('s: {C: a, D: b}\ncondition: s', {'C': 'a'}, 0))
sentence('values of a list are linked with OR', value('C', '[517, 1102]', 1102, 1), value('C', '[517, 1102]', 1103, 0), value('C', '[[a, b], c]', 'b', 1))
sentence('numbers and their texts', value('C', '4624', '4624', 1), value('C', "'4624'", 4624, 1), value('C', '4624', 46240, 0), value('C', '4624', '04624', 0), value('C', "'0x17'", '0X17', 1),
         value('C', '0x17', 23, 1), value('C', '23', '0x17', 1), value('C', "'23'", '0x17', 0), value('C', '-5', '-5', 1), value('C', '1.5', '1.50', 1), value('C', "'1.5'", '1.50', 0), value('C|contains', '46', 14624, 1),
         value('C|startswith', '46', '4624', 1), value('C', "'4*'", 4624, 1))
sentence('booleans', value('C', 'true', True, 1), value('C', 'TRUE', 'true', 1), value('C', 'True', True, 1), value('C', "'true'", True, 1), value('C', 'false', True, 0), value('C|cased', 'True', True, 1), value('C', 'true', 1, 0))
sentence("an empty value is '', no value is null", value('C', "''", '', 1), ("s: {C: ''}\ncondition: s", {'D': 'x'}, 0), value('C', 'null', '', 0), ('s: {C: null}\ncondition: s', {'D': 'x'}, 1),
         ('s: {C: null}\ncondition: not s', {'C': 'x'}, 1), ('s: {C: }\ncondition: s', {'D': 'x'}, 1), ('s: {C: ~}\ncondition: s', {'C': 'null'}, 0), value('C', "'null'", 'null', 1), value('C', "['', null]", '', 1),
         ("a: {C: ''}\nb: {C: null}\ncondition: 1 of a* or 1 of b*", {'D': 'x'}, 1), value('C', "'-'", '', 0), value('C|contains', "''", 'x', 1), ("s: {C|contains: ''}\ncondition: s", {'D': 'x'}, 0))
sentence('exists verifies presence, not the value', value('C|exists', 'true', '', 1), value('C|exists', 'false', '', 0), ('s: {C|exists: false}\ncondition: s', {'D': 'x'}, 1), ('s: {C|exists: true}\ncondition: s', {'D': 'x'}, 0))
sentence('contains, startswith, endswith', value('C|contains', 'b', 'abc', 1), value('C|contains', 'd', 'abc', 0), value('C|startswith', 'ab', 'ABC', 1), value('C|startswith', 'bc', 'abc', 0),
         value('C|endswith', 'bc', 'aBC', 1), value('C|endswith', 'ab', 'abc', 0), value('C|endswith', 'abcd', 'bcd', 0))
sentence('all links a list with AND', value('C|contains|all', '[a, c]', 'xcxa', 1), value('C|contains|all', '[a, d]', 'xcxa', 0), value('C|all|contains', '[a, c]', 'ca', 1), value('C|all', "['*a*', '?b']", 'ab', 1),
         value('C|re|all', "['^a', 'b$']", 'aXb', 1), value('C|re|all', "['^a', 'c$']", 'aXb', 0), value('C|startswith|all', "[a, ab]", 'abc', 1))
sentence('|all on keywords', ("k: {'|all': [one, two]}\ncondition: k", {'C': 'two', 'D': 'one'}, 1), ("k: {'|all': [one, two]}\ncondition: k", {'C': 'two'}, 0), ("k: {'': [one, two]}\ncondition: k", {'C': 'two'}, 1),
         ("k: {'|contains|all': [one, two]}\ncondition: k", {'C': 'xtwoone'}, 1), ("k: {'|re': 'on[ef]'}\ncondition: k", {'C': 'xonf'}, 1), ("k: {'|cased': ['One']}\ncondition: k", {'C': 'one'}, 0))
sentence('cased is case-sensitive', value('C|cased', 'Abc', 'Abc', 1), value('C|cased', 'Abc', 'abc', 0), value('C|contains|cased', 'Ä', 'xÄx', 1), value('C|contains|cased', 'Ä', 'xäx', 0), value('C|cased|startswith', 'A*C', 'AxCx', 1),
         value('C|endswith|cased', 'B', 'ab', 0), value('C|cased', 'A?', 'Ax', 1))
sentence('neq is different from the values', value('C|neq', 'a', 'b', 1), value('C|neq', 'a', 'A', 0), value('C|neq', '[a, b]', 'b', 0), value('C|neq', '[a, b]', 'c', 1), value('C|neq', '5', 5, 0), value('C|neq', '5', 6, 1), value('C|neq', "'a*'", 'abc', 0),
         value('C|contains|neq', 'x', 'axb', 0), ('s: {C|fieldref|neq: D}\ncondition: s', {'C': 'a', 'D': 'b'}, 1), ('s: {C|fieldref|neq: D}\ncondition: s', {'C': 'a', 'D': 'a'}, 0), value('C|cased|neq', 'a', 'A', 1))
for dash in '-/–—―':
    sentence('windash: five dashes', value('C|windash|contains', q(' -enc '), f'x {dash}enc y', 1), value('C|windash|contains', q(' /enc '), f'x {dash}ENC y', 1), value('C|contains|windash', q(' -enc '), f'x {dash}enc y', 1),
             value('C|windash|contains', q(' –enc '), f'x {dash}enc y', 1), value('C|windash|endswith', q('-a —b'), f'x {dash}a {dash}b', 1), value('C|windash', q('-x -y'), f'/x {dash}y', 1),
             value('C|windash|startswith', q('-q*z'), f'{dash}qqz', 1), value('C|windash|contains|cased', q('-E'), f'{dash}E', 1), value('C|windash|contains|cased', q('-E'), f'{dash}e', 0))
sentence('windash with escapes', value('C|windash|contains', q('-a' + B + '*'), '/a*', 1), value('C|windash|contains', q('-a' + B + '*'), '/ab', 0), value('C|windash|contains', q('-a' + B + 'b'), '–a' + B + 'b', 1), value('C|windash|contains|all', "['-a', '-b']", '/b –a', 1),
         value('C|windash|contains', q('a-b'), 'a/b', 0), value('C|windash|contains', q('é-b'), 'é/b', 0), value('C|windash|contains', q('-é'), '/é', 1), value('C|windash|contains', q('x - y'), 'x / y', 0), value('C|windash|contains', q('*-b'), 'z /b', 1))
sentence('re: case counts, found anywhere', value('C|re', q('ab+c'), 'xabbcx', 1), value('C|re', q('AB'), 'ab', 0), value('C|re|i', q('AB'), 'ab', 1), value('C|re|i', q('Ä'), 'ä', 1), value('C|re', q('^ab$'), 'ab', 1), value('C|re', q('^b'), 'ab', 0),
         value('C|re', q('^b'), 'a\nb', 0), value('C|re|m', q('^b$'), 'a\nb\nc', 1), value('C|re', q('a.b'), 'a\nb', 0), value('C|re|s', q('a.b'), 'a\nb', 1), value('C|re|i|m|s', q('^B.C'), 'a\nb\nc', 1), value('C|re|m|s', q('^B.C'), 'a\nb\nc', 0),
         value('C|re', q('a.c'), 'aéc', 1), value('C|re', q('^a.c$'), 'a😀c', 1), value('C|re', q('[a-c]{2,3}(x|y)?z'), 'abcyz', 1), value('C|re', q(B + 'd+' + B + '.'), '12.', 1), value('C|re', q('(foo)|^bar$'), 'bar', 1), value('C|re', '[^a, ^b]', 'bx', 1),
         value('C|re', q('^$'), '', 1), value('C|re', q('(?i)AB'), 'ab', 1), value('C|re', '42', 1422, 1), value('C|re|ignorecase|multiline|dotall', q('^B.C'), 'a\nb\nc', 1))
sentence('re: escapes are the expression’s own', value('C|re', q(B * 2 + 'a'), B + 'a', 1), value('C|re', q('a' + B + '*'), 'a*', 1), value('C|re', q('a' + B + '*'), 'aaa', 0), value('C|re', q('a*b'), 'b', 1))
sentence('cidr of IPv4 and IPv6', value('C|cidr', '10.0.0.0/8', '10.255.1.2', 1), value('C|cidr', '10.0.0.0/8', '11.0.0.1', 0), value('C|cidr', '192.168.0.0/23', '192.168.1.255', 1), value('C|cidr', '192.168.0.0/23', '192.168.2.0', 0),
         value('C|cidr', '192.0.2.7', '192.0.2.7', 1), value('C|cidr', '0.0.0.0/0', '203.0.113.9', 1), value('C|cidr', '0.0.0.0/0', '::1', 0), value('C|cidr', q('2001:db8::/32'), '2001:0DB8:ffff::1', 1), value('C|cidr', q('2001:db8::/32'), '2001:db9::', 0),
         value('C|cidr', q('::1/128'), '0:0:0:0:0:0:0:1', 1), value('C|cidr', q('fe80::/10'), 'fe80::1%12', 1), value('C|cidr', q('fc00::/7'), 'fdff::', 1), value('C|cidr', '10.0.0.0/8', '::ffff:10.1.2.3', 1), value('C|cidr', '10.1.2.3/8', '10.9.9.9', 1),
         value('C|cidr', "['10.0.0.0/8', '::1']", '::1', 1), value('C|cidr', '10.0.0.0/8', '10.1.2', 0), value('C|cidr', '10.0.0.0/8', 'x10.1.2.3', 0), value('C|cidr', '10.0.0.0/8', '10.1.2.3:80', 0), value('C|cidr', q('::/0'), '10.1.2.3', 0))
sentence('lt, lte, gt, gte', value('C|lt', '5', 4, 1), value('C|lt', '5', 5, 0), value('C|lte', '5', 5, 1), value('C|gt', '5', '6', 1), value('C|gt', '5', 5, 0), value('C|gte', '5', '5', 1), value('C|gte', '5', '0x5', 1), value('C|gt', '0x10', '17', 1),
         value('C|gt', '1.5', '1.6', 1), value('C|lt', '-1', '-1.5', 1), value('C|gt', '5', 'six', 0), value('C|lt', '5', '', 0), ('s: {C|lt: 5}\ncondition: s', {'D': 1}, 0), value('C|gt', '5', '10', 1), value('C|gte', '[7, 9]', 8, 1), value('C|lt', '10', '9 apples', 0),
         value('C|gt', '4294967296', '0x100000001', 1))
for part, hit, miss in (('minute', 7, 6), ('hour', 5, 17), ('day', 31, 1), ('week', 53, 52), ('month', 12, 1), ('year', 2026, 26)):
    sentence(f'{part} of a date', value(f'C|{part}', hit, '2026-12-31T05:07:09Z', 1), value(f'C|{part}', miss, '2026-12-31T05:07:09Z', 0), value(f'C|{part}|gte', hit, '2026-12-31 05:07:09.123', 1), value(f'C|{part}|lt', hit, '2026-12-31T05:07:09Z', 0),
             value(f'C|{part}', f'[0, {hit}]', '2026-12-31T05:07:09Z', 1), value(f'C|{part}', hit, 'no date', 0))
sentence('weeks by ISO 8601', value('C|week', 1, '2025-12-29', 1), value('C|week', 53, '2021-01-03', 1), value('C|week', 1, '2021-01-04', 1))
W = lambda codec: (lambda text: __import__('base64').b64encode(text.encode(codec)).decode())
sentence('base64', value('C|base64|contains', 'whoami', 'x d2hvYW1p y', 1), value('C|base64|contains', 'whoami', 'eHdob2FtaQ==', 0), value('C|base64', "'a b'", 'YSBi', 1), value('C|base64|contains', 'é', 'w6k=', 1))
for lead in ('', 'x', 'xy', 'xyz'):
    data = __import__('base64').b64encode((lead + 'foobar tail').encode()).decode()
    wide = __import__('base64').b64encode((lead + 'ping 1').encode('utf-16-le')).decode()
    odd = __import__('base64').b64encode(b'z' + (lead + 'ping 1').encode('utf-16-le')).decode()
    sentence('base64offset: three alignments', value('C|base64offset|contains', 'foobar', f'-e {data} x', 1), value('C|base64offset|contains', 'fooba', f'-e {data} x', 1), value('C|base64offset|contains', 'foob', data, 1),
             value('C|base64offset|contains', 'notin', data, 0), value('C|base64offset|contains', '[nope, foobar]', data, 1), value('C|wide|base64offset|contains', "'ping'", wide, 1), value('C|utf16le|base64offset|contains', "'ping'", odd, 1),
             value('C|utf16be|base64offset|contains', "'gnip'", wide, 0), value('C|utf16|base64offset|contains', "'ping'", wide, 0))
binary = __import__('base64').b64encode(bytes([0x90, 0xff]) + b'foobar' + bytes([0xff, 0])).decode()
sentence('encodings', value('C|base64offset|contains', 'foobar', binary, 1), value('C|utf16be|base64|contains', 'ping', W('utf-16-be')('ping'), 1), value('C|utf16|base64|contains', 'cmd', __import__('base64').b64encode(b'\xff\xfec\0m\0d\0').decode(), 1),
         value('C|utf16|base64|contains', 'cmd', W('utf-16-le')('cmd'), 0), value('C|utf16le|base64|contains', 'é', W('utf-16-le')('é'), 1), value('C|wide|base64|contains', '😀', W('utf-16-le')('😀'), 1), value('C|windash|base64offset|contains', q('-enc'), __import__('base64').b64encode(b'x /enc').decode(), 1),
         value('C|base64|contains', q('a' + B + '*b'), __import__('base64').b64encode(b'a*b').decode(), 1))
sentence('expand: placeholders', value('C|expand', q('%one%'), 'alpha', 1), value('C|expand', q('%many%'), 'bobby', 1), value('C|expand', q('%many%'), 'eve', 0), value('C|contains|expand', q('%one%-%one%'), 'xalpha-alphax', 1), value('C|expand', q('%many%.%many%'), 'alice.bob1', 1),
         value('C', q('%one%'), '%one%', 1), value('C', q('%one%'), 'alpha', 0), value('C|expand', q(B + '%plain%one%'), '%plainalpha', 1), value('C|expand', q(B * 2 + '%one%'), B + 'alpha', 1), value('C|expand', q('100%'), '100%', 1), value('C|expand', q(B + '%one%'), '%one%', 1),
         value('C|expand', q('%percent%'), '%one%', 1), value('C|expand', q('%two words%'), 'gamma', 1), value('C|expand', q('%with-dash%'), 'delta', 1), value('C|re|expand', q('^%one%$'), 'alpha', 1), value('C|expand', q('%star%'), 'a*b', 1), value('C|expand', q('%star%'), 'aXb', 0),
         value('C|expand|endswith', q('*%one%'), 'yyalpha', 1), value('C|expand', '[x, ' + q('%one%') + ']', 'ALPHA', 1))
sentence('fieldref', ('s: {C|fieldref: D}\ncondition: s', {'C': 'Ab', 'D': 'aB'}, 1), ('s: {C|fieldref: D}\ncondition: s', {'C': 'ab', 'D': 'abc'}, 0), ('s: {C|fieldref: D}\ncondition: s', {'C': 'ab'}, 0), ('s: {C|fieldref|cased: D}\ncondition: s', {'C': 'Ab', 'D': 'aB'}, 0),
         ('s: {C|fieldref|startswith: D}\ncondition: s', {'C': 'abc', 'D': 'AB'}, 1), ('s: {C|fieldref|endswith: D}\ncondition: s', {'C': 'abc', 'D': 'BC'}, 1), ('s: {C|fieldref|endswith: D}\ncondition: s', {'C': 'abc', 'D': 'ab'}, 0), ('s: {C|fieldref|contains: D}\ncondition: s', {'C': 'abc', 'D': 'b'}, 1),
         ('s: {C|fieldref: [D, E]}\ncondition: s', {'C': 'a', 'D': 'b', 'E': 'a'}, 1), ('s: {C|fieldref: D}\ncondition: s', {'C': 5, 'D': '5'}, 1), ('s: {C|fieldref: D}\ncondition: s', {'C': '', 'D': ''}, 1), ('s: {C|fieldref: D}\ncondition: s', {'C': ['x', 'y'], 'D': ['y']}, 1))
A, Z = 'a: {C: 1}\nb: {C: 2}\n', {'C': 1}
sentence('precedence: or, and, not, x of, parentheses', (A + 'condition: a or b and b', Z, 1), (A + 'condition: (a or b) and b', Z, 0), (A + 'condition: not b and a', Z, 1), (A + 'condition: not (b and a)', Z, 1), (A + 'condition: not a or a', Z, 1), (A + 'condition: not not a', Z, 1),
         (A + 'condition: b or not b and a', Z, 1), (A + 'condition: not 1 of b*', Z, 1), (A + 'condition: not 1 of a* or b', Z, 0), (A + 'condition: a and not(b)', Z, 1), (A + 'condition: ((a))and((not b))', Z, 1), (A + 'condition: a AND NOT b', Z, 1),
         (A + 'condition: "a\n  and not\n  b"', Z, 1))
S = 'sel_a: {C: 1}\nsel_b: {C: 2}\nother: {C: 1}\n_hidden: {C: 2}\n'
sentence('1/all of them leaves out names that begin with _', (S + 'condition: 1 of them', Z, 1), (S + 'condition: all of them', Z, 0), ('x: {C: 1}\n_h: {C: 2}\ncondition: all of them', Z, 1), ('x: {C: 3}\n_h: {C: 1}\ncondition: 1 of them', Z, 0), ('x: {C: 3}\n_h: {C: 1}\ncondition: 1 of _*', Z, 1),
         ('x: {C: 1}\n_h: {C: 1}\ncondition: x and _h', Z, 1), (S + 'condition: any of them', Z, 1))
sentence('x of a pattern, with * anywhere', (S + 'condition: 1 of sel*', Z, 1), (S + 'condition: all of sel*', Z, 0), (S + 'condition: all of *_a', Z, 1), (S + 'condition: 1 of *_b', Z, 0), (S + 'condition: all of *e*a', Z, 1), (S + 'condition: all of *th*', Z, 1), (S + 'condition: all of other', Z, 1),
         (S + 'condition: 1 of sel* and not 1 of *_b', Z, 1), (S + 'condition: 2 of sel*', Z, 0), (S + 'condition: 2 of them', Z, 1), (S + 'condition: 3 of them', Z, 0))
sentence('a list of conditions is linked with OR', (A + 'condition: [b, a]', Z, 1), (A + 'condition: [b, a and b]', Z, 0))
sentence('fields that occur several times match by any value', value('C', 'b', ['a', 'b'], 1), value('C|contains|all', '[x, y]', ['ax', 'yb'], 1), value('C', "'a*'", ['b', 'abc'], 1), value('C', '7', [1, 7], 1), value('C', "'[x]'", ['[x]', 'y{'], 1), value('C', "'y{'", ['[x]', 'y{'], 1),
         value('C|neq', 'a', ['a', 'b'], 0), ('s: {C: a}\ncondition: not s', {'C': ['b', 'a']}, 0), ('s: {C: null}\ncondition: s', {'C': ['a']}, 0), value('C|re', q('^b$'), ['a', 'b'], 1))
sentence('field names are not case-sensitive and lose their spaces', ('s: {newvalue: x}\ncondition: s', {'New Value': 'x'}, 1), ('s: {NewValue: x}\ncondition: s', {'NewValue': 'x', 'New Value': 'y'}, 1), ("s: {'a.b': x}\ncondition: s", {'a.b': 'x'}, 1))

# ---- run them ----
def indent(text):
    return ''.join('    ' + x + '\n' for x in text.split('\n'))


rules = ''.join(f'title: case {i}\nlogsource: {{product: linux, category: process_creation}}\nlevel: low\ndetection:\n{indent(d)}---\n' for i, (_, d, _, _) in enumerate(CASES))
events = ''.join(json.dumps({'ts': '2026-01-01T00:00:00Z', 'ts_desc': 'Recorded Time', 'kind': 'process_start', 'message': 'm', 'host': str(i), 'user': None, 'parser': 'test', 'source': 'x', 'fields': f},
                            ensure_ascii=False, separators=(',', ':')) + '\n' for i, (_, _, f, _) in enumerate(CASES))
placeholders = write('p.yml', "one: [alpha]\nmany: [alice, bob*]\npercent: ['%one%']\n'two words': [gamma]\nwith-dash: [delta]\nstar: ['a\\*b']\n")
r, e = write('r.yml', rules), write('e.jsonl', events)
for options in ([], ['--plain'], ['--threads', '2'], ['--no-cache', '--threads', '1']):
    done = subprocess.run([KONSEKI, 'detect', '--format', 'jsonl', '--placeholders', placeholders, '--rules', r] + options + [e], capture_output=True, text=True)
    got = {(h['rule_title'], h['host']) for h in map(json.loads, done.stdout.splitlines())}
    wrong = [f'{s}: {d!r} on {f!r}: want {want}' for i, (s, d, f, want) in enumerate(CASES) if ((f'case {i}', str(i)) in got) != bool(want)]
    ok(not wrong and not done.stderr, f'{len(CASES)} cases of the specification {" ".join(options)}', done.stderr + '\n'.join(wrong))

# The same rules on a case: what the database gives back is what was read.
subprocess.run([KONSEKI, 'ingest', '-c', folder + '/case.db', e], capture_output=True)
done = subprocess.run([KONSEKI, 'detect', '-c', folder + '/case.db', '--format', 'jsonl', '--placeholders', placeholders, '--rules', r], capture_output=True, text=True)
got = {(h['rule_title'], h['host']) for h in map(json.loads, done.stdout.splitlines())}
wrong = [f'{s}: {d!r} on {f!r}: want {want}' for i, (s, d, f, want) in enumerate(CASES) if ((f'case {i}', str(i)) in got) != bool(want)]
ok(not wrong, 'and on a case', done.stderr + '\n'.join(wrong))

shutil.rmtree(folder)
print(f'1..{number}')
sys.exit(failed != 0)
