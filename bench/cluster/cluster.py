"""Runs the engines of bench/cluster over the same topics and prints what each cost."""
import os
import signal
import subprocess
import tempfile
import time
from dataclasses import dataclass, field

import confluent_kafka
from confluent_kafka.admin import AdminClient, NewTopic

import kafka_broker
import oracle
import peers
from stack import Failed, Stack, end_with_parent, free_port, wait_for

PARTITIONS = 4
RATE = 100               # readings a second of a device
SLOW_RATE = 10           # where engines would take hours
ROUND_MS = 10_000        # of a device in a record: 1,000 readings
SMALL_ROUND_MS = 500
DISORDER_MS = 5_000
# Rounds of devices lie one behind the other: what waits for disorder waits for a round, too.
PACKED_BOUND = DISORDER_MS + ROUND_MS
SENTINELS = PARTITIONS   # records at the end that close windows
BROKER_CORE, ENGINE_CORE = 0, os.cpu_count() - 1
RUN_LIMIT = 1500         # seconds
QUIET = 2.5              # seconds without a new answer: there are no more
ASKED_CPU, ASKED_RATE, ASKED_NATURAL, ASKED_PACKED = 0.04, 20e6, 35, 7


class Broken(Exception):
    """The bench cannot go on."""


@dataclass
class Input:
    """What lies in Kafka once, for all engines that read it."""
    name: str
    form: str            # of tidemark-cluster-load
    sizes: tuple         # readings of the smaller and the larger run
    rate: int = RATE
    round_ms: int = ROUND_MS
    words: tuple = ()

    def topic(self, size):
        return f'{self.name}-{size}'


@dataclass
class Line:
    name: str
    source: str          # name of an Input
    tables: tuple
    command: object = None  # Run -> words; without: Tidemark
    peer: str = ''
    bound: int = DISORDER_MS
    group: str = ''      # Tidemark as its one node
    found: dict = field(default_factory=dict)
    why_not: str = ''


@dataclass
class Run:
    broker: str
    topic: str
    answers: str
    records: int
    bound: int
    folder: str


def inputs(scale):
    def of(small, large):
        return tuple(max(1, round(n * scale)) * 1_000_000 for n in (small, large))
    return (Input('json', 'json', of(4, 10)),
            Input('slow', 'json', (400_000, 1_000_000), rate=SLOW_RATE),
            Input('packed', 'packed', of(20, 60)),
            Input('blocks', 'blocks', of(20, 60)),
            Input('small', 'blocks', of(4, 10), round_ms=SMALL_ROUND_MS),
            Input('free', 'blocks', of(20, 60), words=('free',)))


def floor(form):
    return lambda r: [program('tidemark-cluster-floor'), r.broker, form, r.topic, r.answers,
                      str(r.bound)]


def lines():
    return (
        Line('C++ by hand, JSON', 'json', ('natural',), floor('json'), 'floor'),
        Line('Flink, JSON', 'json', ('natural',), peers.flink('json'), 'flink'),
        Line('Kafka Streams, JSON', 'json', ('natural',), peers.streams, 'streams'),
        Line('Bytewax, JSON', 'slow', ('natural',), peers.bytewax, 'bytewax'),
        Line('Quix Streams, JSON', 'slow', ('natural',), peers.quix, 'quix'),
        Line('C++ by hand, packed', 'packed', ('packed',), floor('packed'), 'floor', PACKED_BOUND),
        Line('Flink, packed', 'packed', ('packed',), peers.flink('packed'), 'flink', PACKED_BOUND),
        Line('Flink, packed, summed while decoding', 'packed', ('packed',),
             peers.flink('combined'), 'flink', PACKED_BOUND),
        Line('Tidemark', 'blocks', ('natural', 'packed')),
        Line('Tidemark, JSON', 'json', ('natural',)),
        Line('Tidemark, JSON, of a group', 'json', ('natural',), group='cloud'),
        Line('Tidemark, blocks of 0.5 s', 'small', ('natural',)),
        Line('Tidemark, not device-stamped', 'free', ('packed',)))


def program(name):
    with tempfile.TemporaryDirectory() as nowhere:
        return Stack(nowhere).program(name)


class Bench:
    def __init__(self, broker, folder, options):
        self.broker = broker
        self.folder = folder
        self.options = options
        self.admin = AdminClient({'bootstrap.servers': broker.address})
        # A day ago, at a whole minute.
        self.start = (int(time.time()) - 86_400) // 60 * 60_000
        self.batches = {}
        self.bytes = {}

    # Topics

    def make_topic(self, name, **settings):
        config = {'retention.ms': '-1', **{k.replace('_', '.'): v for k, v in settings.items()}}
        made = self.admin.create_topics([NewTopic(name, PARTITIONS, 1, config=config)])
        made[name].result(60)

    def forget(self, *prefixes):
        names = [n for n in self.admin.list_topics(timeout=30).topics
                 if n.startswith(prefixes) and not n.startswith('__')]
        for done in self.admin.delete_topics(names).values() if names else ():
            done.result(60)

    def ends(self, topic):
        consumer = confluent_kafka.Consumer({'bootstrap.servers': self.broker.address,
                                             'group.id': 'ends'})
        try:
            return [consumer.get_watermark_offsets(confluent_kafka.TopicPartition(topic, p), 10)[1]
                    for p in range(PARTITIONS)]
        finally:
            consumer.close()

    # The readings

    def load(self, source, size):
        topic = source.topic(size)
        with Node(self.broker.address, topic, self.folder) as node:
            node.cli('gateway', 'topics', 'init', '--dev', '--partitions', str(PARTITIONS))
        if source.form != 'blocks':
            self.make_topic(topic)
        began = time.monotonic()
        done = subprocess.run(
            [program('tidemark-cluster-load'), self.broker.address, source.form, topic, str(size),
             str(source.rate), str(self.start), str(source.round_ms), *source.words],
            capture_output=True, text=True, timeout=RUN_LIMIT, check=False,
            preexec_fn=lambda: on_cores(range(os.cpu_count())))
        if done.returncode:
            raise Broken(f'the load of {topic}: {done.stderr[-500:]}')
        self.bytes[topic] = int(done.stdout)
        print(f'# {topic}: {int(done.stdout) / size:.2f} bytes a reading, loaded in '
              f'{time.monotonic() - began:.0f} s', flush=True)

    def batch(self, source, size):
        key = size, source.rate
        if key not in self.batches:
            self.batches[key] = oracle.windows(*key)
        return self.batches[key]

    # Engines

    def measure(self, line, source, size):
        """One run: CPU seconds, seconds until the last answer, what its answers miss."""
        with tempfile.TemporaryDirectory(prefix='run-', dir=self.folder) as folder:
            if line.command is None:
                return self.measure_node(source, size, folder, line.group)
            return self.measure_peer(line, source, size, folder)

    def measure_peer(self, line, source, size, folder):
        topic = source.topic(size)
        answers = f'answers-{topic}-{os.path.basename(folder)}'
        self.make_topic(answers, message_timestamp_type='LogAppendTime')
        words = line.command(Run(self.broker.address, topic, answers, size + SENTINELS, line.bound,
                                 folder))
        log_path = os.path.join(folder, 'log')
        with open(log_path, 'wb') as log:
            began = time.time()
            engine = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                      cwd=folder, preexec_fn=as_engine)
            used = used_by(engine)
        if engine.returncode:
            with open(log_path, encoding='utf-8', errors='replace') as log:
                raise peers.Unavailable(f'ended with {engine.returncode}: {log.read()[-600:]}')
        found = oracle.judge(self.broker.address, answers, oracle.peer_answer,
                             self.batch(source, size), self.start, [0] * PARTITIONS)
        return {**used, **found, 'seconds': found['ended_ms'] / 1000 - began}

    def measure_node(self, source, size, folder, group):
        topic = source.topic(size)
        with Node(self.broker.address, topic, folder, source.form == 'json', group) as node:
            # With a new store a node publishes nothing behind answers that are there; one of a
            # group goes on where a checkpoint, and the blocks of plain readings, end.
            self.forget(topic + ('.' if group else '.answers'))
            wait_for('new topics of answers', lambda: node.cli(
                'gateway', 'topics', 'init', '--dev', '--partitions', str(PARTITIONS),
                check=False)[0] == 0, 60, 1)
            before = self.ends(topic + '.answers')
            began = time.time()
            cloud = node.start_engine()
            perf = self.start_perf(cloud) if size == source.sizes[1] else None
            wait_for('all readings', lambda: node.placed() >= size, RUN_LIMIT, 0.5)
            self.wait_until_quiet(topic + '.answers')
            if perf:
                perf.send_signal(signal.SIGINT)
                perf.wait()
            cloud.send_signal(signal.SIGTERM)
            used = used_by(cloud)
            if cloud.returncode:
                raise Broken(f'tidemark-cloud: {node.log_tail("cloud")}')
        found = oracle.judge(self.broker.address, topic + '.answers', oracle.our_answer,
                             self.batch(source, size), self.start, before)
        return {**used, **found, 'seconds': found['ended_ms'] / 1000 - began}

    def start_perf(self, process):
        if not self.options.perf:
            return None
        return subprocess.Popen(['perf', 'record', '-q', '-F', '297', '--call-graph',
                                 'dwarf,16384', '-o', self.options.perf, '-p', str(process.pid)],
                                stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def wait_until_quiet(self, topic):
        last, since = None, time.monotonic()
        until = since + RUN_LIMIT
        while time.monotonic() - since < QUIET:
            if time.monotonic() > until:
                raise Broken(f'{topic} does not come to an end')
            ends = self.ends(topic)
            if ends != last:
                last, since = ends, time.monotonic()
            time.sleep(0.2)


class Node(Stack):
    """A cloud node that reads the topics of a prefix, and their gateway's configuration. With
    `json` it reads the plain readings of the topic that is called so, too; `group`: of which
    it is a node."""

    def __init__(self, broker, prefix, folder, json=False, group=''):
        self.json_topic = prefix if json else ''
        self.group = f', group = "{group}"' if group else ''
        self.room = tempfile.TemporaryDirectory(prefix='node-', dir=folder)
        super().__init__(self.room.name)
        self.kafka, self.prefix = broker, prefix
        self.more_of_cloud = '[publish]\nanswers = true\n'
        self.write_view(oracle.VIEW, '**', '10s', early='0s',
                        aggregates=('count', 'min', 'max', 'mean'))
        self.prepare_cloud()
        self.write('gateway.toml', f'data_dir = "{self.path("data/gateway")}"\n'
                   f'run_dir = "{self.path("run")}"\nlisten = "127.0.0.1:{free_port()}"\n\n'
                   f'[cloud]\n{self.brokers()}\n')

    def brokers(self, more=''):
        return f'kafka = {{ brokers = "{self.kafka}", prefix = "{self.prefix}"{more} }}'

    def way(self):
        return (f'{self.brokers(self.group)}\njson = {{ topic = "{self.json_topic}", time = "ts", '
                'value = "v", time_format = "unix_ms" }')

    def close(self):
        super().close()
        self.room.cleanup()

    def start_engine(self):
        with open(self.path('log', 'cloud.log'), 'ab') as log:
            return subprocess.Popen(
                [self.program('tidemark-cloud'), '--config', self.path('etc/cloud.toml')],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=self.folder,
                env=self.environment, preexec_fn=as_engine)

    def placed(self):
        """Readings that have a place."""
        try:
            text = self.metrics_of('tidemark_cloud_readings_total')
        except OSError:
            return 0
        return int(float(text.split()[-1])) if text else 0


def on_cores(cores):
    os.sched_setaffinity(0, cores)


def as_engine():
    end_with_parent()
    on_cores([ENGINE_CORE])


def used_by(process):
    """Waits for a process: its CPU seconds and its memory at most."""
    timer = time.monotonic() + RUN_LIMIT
    while True:
        pid, status, usage = os.wait4(process.pid, os.WNOHANG)
        if pid:
            break
        if time.monotonic() > timer:
            process.kill()
        time.sleep(0.02)
    process.returncode = os.waitstatus_to_exitcode(status)
    return {'cpu': usage.ru_utime + usage.ru_stime, 'rss_mib': usage.ru_maxrss / 1024}


def run_line(bench, line, source):
    try:
        for size in source.sizes:
            runs = [bench.measure(line, source, size) for _ in range(bench.options.runs)]
            line.found[size] = {key: (max if key in ('missing', 'twice', 'wrong') else min)(
                run[key] for run in runs) for key in runs[0]}
    except peers.Unavailable as why:
        line.why_not = str(why)
        return print(f'# {line.name}: not run: {why}', flush=True)
    small, large = (line.found[size] for size in source.sizes)
    millions = (source.sizes[1] - source.sizes[0]) / 1e6
    line.found.update(
        cpu=(large['cpu'] - small['cpu']) / millions,
        rate=millions * 1e6 / max(large['seconds'] - small['seconds'], 1e-3),
        missing=large['missing'], wrong=large['wrong'] + large['twice'],
        rss_mib=large['rss_mib'])
    print(f'# {line.name}: {small} {large}', flush=True)
    return None


HEADS = ('CPU s/M', 'ours is', 'readings/s', 'missing', 'wrong', 'MiB')


def print_table(title, table, rows, ours):
    print(f'\n{title}')
    print(f'{"":<38}' + ''.join(f'{head:>12}' for head in HEADS))
    for line in rows:
        if table not in line.tables:
            continue
        if line.why_not:
            print(f'{line.name:<38}  not run: {line.why_not.splitlines()[0][:80]}')
            continue
        f = line.found
        times = f'{f["cpu"] / ours:.2f}x' if ours else ''
        print(f'{line.name:<38}{f["cpu"]:>12.4f}{times:>12}{f["rate"] / 1e6:>10.2f} M'
              f'{f["missing"]:>12}{f["wrong"]:>12}{f["rss_mib"]:>12.0f}', flush=True)


def print_asked(rows):
    """What was asked, and what is so."""
    by_name = {line.name: line.found for line in rows if 'cpu' in line.found}
    ours = by_name.get('Tidemark')
    if not ours:
        return
    asked = [('CPU seconds per million', ours['cpu'], f'<= {ASKED_CPU}', ours['cpu'] <= ASKED_CPU),
             ('readings/s on one core', ours['rate'], f'>= {ASKED_RATE:.0f}',
              ours['rate'] >= ASKED_RATE),
             ('readings missing', ours['missing'], '0', ours['missing'] == 0)]
    for name, least in (('Flink, JSON', ASKED_NATURAL), ('Flink, packed', ASKED_PACKED)):
        if name in by_name:
            times = by_name[name]['cpu'] / ours['cpu']
            asked.append((f'times {name}', times, f'>= {least}', times >= least))
    print(f'\n{"asked":<38}{"bound":>14}{"found":>14}')
    for name, found, bound, met in asked:
        print(f'{name:<38}{bound:>14}{found:>14.4g}{"" if met else "   missed"}')


def run_all(options, wanted):
    rows = [line for line in lines() if options.only in line.name and
            (line.command is None or line.peer in wanted)]
    with tempfile.TemporaryDirectory(prefix='tm-cluster-', dir=options.folder) as folder:
        on_cores([BROKER_CORE])  # what is started from here on: the broker; engines say otherwise
        try:
            broker = kafka_broker.Broker(os.path.join(folder, 'kafka'))
            broker.start()
        except (kafka_broker.Unavailable, Failed) as why:
            raise Broken(why) from None
        try:
            bench = Bench(broker, folder, options)
            for source in inputs(options.scale):
                readers = [line for line in rows if line.source == source.name]
                for size in source.sizes if readers else ():
                    bench.load(source, size)
                for line in readers:
                    run_line(bench, line, source)
                if readers:
                    bench.forget(source.name + '-', f'answers-{source.name}-', 'windows-',
                                 'changelog__')
        except Failed as why:
            raise Broken(why) from None
        finally:
            broker.stop()
    ours = next((line.found.get('cpu') for line in rows if line.name == 'Tidemark'), None)
    print_table('each in its natural form', 'natural', rows, ours)
    print_table('records of 1,000 readings in columns', 'packed', rows, ours)
    print_asked(rows)
    return [{'name': line.name, 'why_not': line.why_not, 'tables': line.tables,
             **{str(k): v for k, v in line.found.items()}} for line in rows]
