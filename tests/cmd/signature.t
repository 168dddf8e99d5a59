#!/usr/bin/env python3
"""TAP: signed collections, held against the word of stock ssh-keygen."""
import os, shutil, subprocess, sys, tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '../lib'))
import tap
from tap import Bundle, konseki, ok, run

if not shutil.which('ssh-keygen'):
    print('1..0 # SKIP no ssh-keygen')
    sys.exit(0)
work = tempfile.mkdtemp(prefix='signature.')
def at(name):
    return os.path.join(work, name)
tree = at('tree')
tap.put(tree, 'etc/passwd', b'root:x:0:0:root:/root:/bin/sh\n')
tap.put(tree, 'var/log/syslog', b'Jan  1 00:00:00 h a: b\n' * 1000)
small = at('small.yml')
open(small, 'w').write('name: small\nwalk: false\nrules:\n  - /etc/passwd\n  - /var/log/**\n')

def keygen(name, *more):
    run('ssh-keygen', '-q', '-t', 'ed25519', '-N', '', '-C', name, '-f', at(name), *more)
    return at(name)
def collect(out, *more):
    return run(konseki, 'collect', '--root', tree, '--profile', small, '-o', at(out), *more)

key, stranger = keygen('key'), keygen('stranger')
print_of = run('ssh-keygen', '-lf', key + '.pub').stdout.decode().split()[1]

r = collect('signed.tar.zst', '--sign', key)
ok(r.returncode == 0 and f'signed by  {print_of}' in r.stdout.decode(), f'--sign says whose key it was {r.stderr.decode()[:200]}')
run('tar', '--zstd', '-xf', at('signed.tar.zst'), '-C', work, 'manifest.json', 'manifest.json.sig')
manifest = open(at('manifest.json'), 'rb').read()
r = run('ssh-keygen', '-Y', 'check-novalidate', '-n', 'file', '-s', at('manifest.json.sig'), input=manifest)
ok(r.returncode == 0 and print_of in r.stdout.decode(), f'ssh-keygen -Y check-novalidate {r.stdout.decode()} {r.stderr.decode()}')
open(at('allowed'), 'w').write('ann@example.org ' + open(key + '.pub').read())
def stock(name, text, signers='allowed'):
    return run('ssh-keygen', '-Y', 'verify', '-f', at(signers), '-I', 'ann@example.org', '-n', 'file', '-s', at(name), input=text)
ok(stock('manifest.json.sig', manifest).returncode == 0, 'ssh-keygen -Y verify')
ok(stock('manifest.json.sig', manifest.replace(b'small', b'smell')).returncode != 0, 'and not of another manifest')
run('ssh-keygen', '-Y', 'sign', '-n', 'file', '-f', key, at('manifest.json'), stdin=subprocess.DEVNULL)
run('rm', at('manifest.json.sig'))
run('ssh-keygen', '-Y', 'sign', '-n', 'file', '-f', key, at('manifest.json'), stdin=subprocess.DEVNULL)
b = Bundle(at('signed.tar.zst'))
ok(open(at('manifest.json.sig'), 'rb').read() == b.files['manifest.json.sig'], "it is, byte for byte, the one that ssh-keygen makes")
ok(b.head['signer'] == print_of and not any('manifest.json.sig' in l['path'] for l in b.lines), 'the manifest names the key; the signature has no line')

r = run(konseki, 'verify', at('signed.tar.zst'))
ok(r.returncode == 0 and print_of in r.stdout.decode() and b'--signer' in r.stdout, 'verify checks the signature against itself')
for name in (key + '.pub', at('allowed')):
    r = run(konseki, 'verify', '--signer', name, at('signed.tar.zst'))
    ok(r.returncode == 0 and b'signed by' in r.stdout, 'verify --signer ' + os.path.basename(name))
r = run(konseki, 'verify', '--signer', stranger + '.pub', at('signed.tar.zst'))
ok(r.returncode == 1 and b'none of the given' in r.stderr, 'a signature of somebody else is told')
r = run(konseki, 'verify', '--signer', stranger + '.pub', '--signer', key + '.pub', at('signed.tar.zst'))
ok(r.returncode == 0, 'one of several is enough')
collect('plain.tar.zst')
r = run(konseki, 'verify', '--signer', key + '.pub', at('plain.tar.zst'))
ok(r.returncode == 1 and b'nobody signed' in r.stderr, 'an unsigned bundle is told when a signature is demanded')
ok(run(konseki, 'verify', at('plain.tar.zst')).returncode == 0, 'and not otherwise')
open(at('cut'), 'wb').write(open(at('signed.tar.zst'), 'rb').read()[:900])
r = run(konseki, 'verify', '--signer', key + '.pub', at('cut'))
ok(r.returncode == 1 and b'proves nothing' in r.stderr, 'a bundle without its manifest has no signature to check')
open(at('nokeys'), 'w').write('# none\n')
ok(run(konseki, 'verify', '--signer', at('nokeys'), at('signed.tar.zst')).returncode == 2, 'a file without keys proves nothing: exit 2')

# ---- what does not sign ----
run('ssh-keygen', '-q', '-t', 'ed25519', '-N', 'secret', '-f', at('locked'))
run('ssh-keygen', '-q', '-t', 'rsa', '-b', '2048', '-N', '', '-f', at('rsa'))
run('ssh-keygen', '-q', '-t', 'ecdsa', '-N', '', '-f', at('ecdsa'))
run('ssh-keygen', '-q', '-t', 'rsa', '-b', '2048', '-m', 'PEM', '-N', '', '-f', at('pem'))
for name, why in (('locked', b'passphrase'), ('rsa', b'type ssh-rsa'), ('ecdsa', b'type ecdsa-sha2'), ('pem', b'PEM'), ('key.pub', b'public key'),
                  ('allowed', b'no private key'), ('none', b'No such file')):
    r = collect('never', '--sign', at(name))
    ok(r.returncode == 2 and why in r.stderr and not os.path.exists(at('never')), f'{name}: refused before anything is written, and why {r.stderr}')
damaged = bytearray(open(key, 'rb').read())
middle = damaged.index(b'\n', 200) + 10
damaged[middle] = ord('A') if damaged[middle] != ord('A') else ord('B')
open(at('damaged'), 'wb').write(damaged)
r = collect('never', '--sign', at('damaged'))
ok(r.returncode == 2 and b'damaged' in r.stderr, 'a damaged key is refused')

# ---- with encryption, from a pipe, by the static binary ----
run(konseki, 'keygen', '-o', at('identity'))
recipient = open(at('identity')).read().split('public key: ')[1].split()[0]
r = collect('both.tar.zst.age', '--sign', key, '--encrypt', recipient)
run(konseki, 'decrypt', '-i', at('identity'), at('both.tar.zst.age'))
ok(r.returncode == 0 and run(konseki, 'verify', '--signer', key + '.pub', at('both.tar.zst')).returncode == 0, 'signed and encrypted')
r = subprocess.run(['sh', '-c', f'cat {key} | {konseki} collect --root {tree} --profile {small} -o {at("piped.tar.zst")} --sign /dev/stdin'], stdout=subprocess.PIPE)
ok(run(konseki, 'verify', '--signer', key + '.pub', at('piped.tar.zst')).returncode == 0, 'the key may come through a pipe, so that it never is on the disk')
static = os.path.join(os.path.dirname(os.path.abspath(konseki)), 'konseki-collect')
if os.path.exists(static):
    r = run(static, '--root', tree, '--profile', small, '-o', at('static.tar.zst'), '--sign', key)
    ok(r.returncode == 0 and run(static, 'verify', '--signer', key + '.pub', at('static.tar.zst')).returncode == 0, 'the static binary signs and checks')
r = run(konseki, 'ingest', '-c', at('case.db'), at('signed.tar.zst'))
ok(r.returncode == 0 and b'manifest' not in r.stderr, f'ingest takes a signed bundle {r.stderr[:200]}')
run('rm', '-rf', work)
tap.done()
