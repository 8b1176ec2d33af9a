"""The other engines of bench/cluster: where they come from and how they are run.

Nothing of them lies in this tree: Maven and pip fetch them, once, into a folder of their own
(TIDEMARK_BENCH_CACHE, else ~/.cache/tidemark/bench-cluster)."""
import fcntl
import hashlib
import os
import shutil
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
CACHE = os.environ.get('TIDEMARK_BENCH_CACHE',
                       os.path.expanduser('~/.cache/tidemark/bench-cluster'))
HEAP = '1g'
FETCH_LIMIT = 900  # seconds
NEEDED = ('numpy==2.4.6', 'confluent-kafka==2.12.2')
PYTHON_PEERS = {'bytewax': ('bytewax[kafka]==0.21.1', 'orjson==3.13.0'),
                'quix': ('quixstreams==3.28.1',)}
OPENS = [f'--add-opens=java.base/java.{part}=ALL-UNNAMED' for part in
         ('lang', 'lang.reflect', 'util', 'util.concurrent', 'time', 'net', 'nio', 'text')]


class Unavailable(Exception):
    """An engine is not to be had here; the text says why."""


def call(what, *words):
    try:
        done = subprocess.run(words, capture_output=True, text=True, timeout=FETCH_LIMIT,
                              check=False)
    except (OSError, subprocess.TimeoutExpired) as why:
        raise Unavailable(f'{what}: {why}') from None
    if done.returncode:
        raise Unavailable(f'{what}: {(done.stdout + done.stderr)[-400:]}')


def once(name, make):
    """A folder of the cache, which make(folder) fills when it is not there."""
    folder = os.path.join(CACHE, name)
    os.makedirs(CACHE, exist_ok=True)
    with open(folder + '.lock', 'w', encoding='utf-8') as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not os.path.isdir(folder):
            try:
                make(folder)
            except Unavailable:
                shutil.rmtree(folder, ignore_errors=True)
                raise
    return folder


def digest(*names):
    all_bytes = hashlib.sha256()
    for name in names:
        with open(os.path.join(HERE, name), 'rb') as part:
            all_bytes.update(part.read())
    return all_bytes.hexdigest()[:8]


def python(packages):
    """A Python with these packages, in a virtual environment of its own."""
    def make(folder):
        part = folder + '.part'
        shutil.rmtree(part, ignore_errors=True)
        call('python3 -m venv', 'python3', '-m', 'venv', folder)
        call('pip', os.path.join(folder, 'bin', 'pip'), 'install', '-q', *packages)
    name = 'python-' + hashlib.sha256(' '.join(packages).encode()).hexdigest()[:8]
    return os.path.join(once(name, make), 'bin', 'python')


def java(part):
    """The class path of a Java program of this folder: its jars, and itself compiled."""
    for program in ('java', 'javac', 'mvn'):
        if not shutil.which(program):
            raise Unavailable(f'no {program} (Debian: openjdk-17-jdk-headless, maven)')
    pom, code = os.path.join(part, 'pom.xml'), os.path.join(part, 'WindowJob.java')
    jars = once(f'{part}-{digest(pom)}', lambda folder: call(
        'Maven', 'mvn', '-B', '-q', '-f', os.path.join(HERE, pom), 'dependency:copy-dependencies',
        '-DincludeScope=runtime', f'-DoutputDirectory={folder}'))
    path = os.path.join(jars, '*')
    classes = once(f'{part}-classes-{digest(pom, code)}', lambda folder: call(
        'javac', 'javac', '-cp', path, '-d', folder, os.path.join(HERE, code)))
    return f'{classes}:{path}'


def jvm(part, *words):
    return ['java', f'-Xmx{HEAP}', '-Dorg.slf4j.simpleLogger.defaultLogLevel=error', *OPENS, '-cp',
            java(part), 'WindowJob', *words]


# Of a run: broker, topic, answers' topic, records in it, milliseconds that windows wait, folder.
def flink(form):
    return lambda r: jvm('flink', r.broker, form, r.topic, r.answers, str(r.bound))


def streams(r):
    return jvm('streams', r.broker, r.topic, r.answers, str(r.bound), str(r.records), r.folder)


def bytewax(r):
    return [python(PYTHON_PEERS['bytewax']), os.path.join(HERE, 'bytewax_job.py'), r.broker,
            r.topic, r.answers, str(r.bound)]


def quix(r):
    return [python(PYTHON_PEERS['quix']), os.path.join(HERE, 'quix_job.py'), r.broker, r.topic,
            r.answers, str(r.bound), r.folder]


def become_python():
    """Goes on in a Python that has what the bench itself needs."""
    wanted = python(NEEDED)
    if os.path.realpath(sys.prefix) != os.path.realpath(os.path.dirname(os.path.dirname(wanted))):
        os.execv(wanted, [wanted, *sys.argv])
