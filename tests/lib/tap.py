"""What the tests of commands share: TAP, running programs, opening a bundle with stock tools."""
import io, json, os, subprocess, sys, tarfile

konseki = os.environ.get('KONSEKI', 'build/konseki')
number = failed = 0

def ok(yes, what):
    global number, failed
    number += 1
    failed += not yes
    print(('ok' if yes else 'not ok'), number, '-', what, flush=True)
    return yes

def skip(what, why):
    global number
    number += 1
    print(f'ok {number} - {what} # SKIP {why}', flush=True)

def done():
    print(f'1..{number}')
    sys.exit(bool(failed))

def run(*command, **more):
    return subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, **more)

class Bundle:
    def __init__(self, path):
        data = subprocess.run(['zstd', '-dc', path], stdout=subprocess.PIPE, check=True).stdout
        self.tar = tarfile.open(fileobj=io.BytesIO(data))
        self.files = {m.name: self.tar.extractfile(m).read() for m in self.tar}
        self.kinds = {m.type for m in self.tar}
        self.head = json.loads(self.files['manifest.json'])
        self.lines = [json.loads(l) for l in self.files['manifest.jsonl'].splitlines()]
        self.by_path = {l['path']: l for l in self.lines}
    def live(self, name):
        return [json.loads(l) for l in self.files['live/' + name].splitlines()]

def put(tree, path, content=b'', mode=0o644):
    """A file in a tree, its folders made."""
    full = os.path.join(tree, path)
    os.makedirs(os.path.dirname(full), exist_ok=True)
    with open(full, 'wb') as f:
        f.write(content)
    os.chmod(full, mode)
    return full
