"""A real Apache Kafka for tests: one node or three on loopback, in the test's own folder.

Needs Java 17 and, once, Maven, which copies the broker's jars into a cache (TIDEMARK_KAFKA_JARS,
else ~/.cache/tidemark/kafka-…); both are installed where they are missing and this user may.
Unavailable says why no broker can be had; a test is then skipped."""
import contextlib
import ctypes
import fcntl
import hashlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import uuid
from concurrent import futures

import kafka_metadata
from stack import ROOT, Failed, end_with_parent, free_port, wait_for

HERE = os.path.dirname(os.path.abspath(__file__))
POM = os.path.join(HERE, 'kafka', 'pom.xml')
FETCH_LIMIT = 500  # seconds
READY_LIMIT = 120
OFFSETS_PARTITIONS = 4


class Unavailable(Exception):
    """There is no broker to be had on this machine; the text says why."""


def partition_of(key, partitions):
    """As common/kafka/FORMAT.md has it."""
    xxhash = ctypes.CDLL('libxxhash.so.0')
    xxhash.XXH3_64bits.restype = ctypes.c_uint64
    return xxhash.XXH3_64bits(key.encode(), ctypes.c_size_t(len(key))) % partitions


def need(program, package):
    if shutil.which(program):
        return
    done = subprocess.run([os.path.join(ROOT, 'packaging', 'need'), package],
                          capture_output=True, text=True, check=False)
    if done.returncode or not shutil.which(program):
        raise Unavailable(f'no {program}, and {package} is not to be had: {done.stderr[-300:]}')


def jars():
    """The folder of the broker's jars; fetched when they are not there yet."""
    with open(POM, 'rb') as pom:
        version = hashlib.sha256(pom.read()).hexdigest()[:8]
    folder = os.environ.get('TIDEMARK_KAFKA_JARS',
                            os.path.expanduser(f'~/.cache/tidemark/kafka-{version}'))
    os.makedirs(os.path.dirname(folder), exist_ok=True)
    with open(folder + '.lock', 'w', encoding='utf-8') as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        need('java', 'openjdk-17-jre-headless')
        if os.path.isdir(folder):
            return folder
        need('mvn', 'maven')
        part = folder + '.part'
        shutil.rmtree(part, ignore_errors=True)
        try:
            done = subprocess.run(
                ['mvn', '-B', '-q', '-f', POM,
                 'dependency:copy-dependencies', '-DincludeScope=runtime',
                 f'-DoutputDirectory={part}'],
                capture_output=True, text=True, timeout=FETCH_LIMIT, check=False)
        except subprocess.TimeoutExpired:
            raise Unavailable(f'Maven did not fetch Kafka within {FETCH_LIMIT} s') from None
        if done.returncode:
            raise Unavailable(f'Maven could not fetch Kafka: {done.stdout[-300:]}')
        os.rename(part, folder)
    return folder


class Node:
    """One node of a Broker, its controller in the same process; it keeps its data when it dies."""

    def __init__(self, number, folder, folder_of_jars):
        self.number = number
        self.folder = folder
        self.jars = folder_of_jars
        self.port = free_port()
        self.controller_port = free_port()
        self.address = f'127.0.0.1:{self.port}'
        self.process = None
        self.properties = os.path.join(folder, 'server.properties')
        self.data = os.path.join(folder, 'log')
        os.makedirs(folder, exist_ok=True)

    def configure(self, nodes, settings):
        copies = len(nodes)
        lines = {
            'process.roles': 'broker,controller', 'node.id': self.number,
            'controller.quorum.voters': ','.join(
                f'{n.number}@127.0.0.1:{n.controller_port}' for n in nodes),
            'listeners': f'PLAINTEXT://{self.address},'
                         f'CONTROLLER://127.0.0.1:{self.controller_port}',
            'advertised.listeners': f'PLAINTEXT://{self.address}',
            'controller.listener.names': 'CONTROLLER',
            'listener.security.protocol.map': 'CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT',
            'log.dirs': self.data,
            'auto.create.topics.enable': 'false',
            'offsets.topic.replication.factor': copies,
            'offsets.topic.num.partitions': OFFSETS_PARTITIONS,
            'transaction.state.log.replication.factor': copies,
            'transaction.state.log.min.isr': min(2, copies),
            'share.coordinator.state.topic.replication.factor': copies,
            'share.coordinator.state.topic.min.isr': min(2, copies),
            'group.initial.rebalance.delay.ms': 0,
            'broker.session.timeout.ms': 2000, 'broker.heartbeat.interval.ms': 500,
            **settings}
        with open(self.properties, 'w', encoding='utf-8') as out:
            out.writelines(f'{name}={value}\n' for name, value in lines.items())

    def java(self, *words):
        with open(os.path.join(self.folder, 'broker.log'), 'ab') as log:
            return subprocess.Popen(
                ['java', '-Xms64m', '-Xmx512m', '-XX:+UseSerialGC', '-XX:TieredStopAtLevel=1',
                 '-Xshare:auto', '-cp', os.path.join(self.jars, '*'), *words],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
                preexec_fn=end_with_parent)

    def launch(self):
        self.process = self.java('kafka.Kafka', self.properties)

    def alive(self):
        return self.process is not None and self.process.poll() is None

    def listens(self):
        if not self.alive():
            raise Failed(f'node {self.number} of Kafka ended:\n{self.log_tail()}')
        try:
            socket.create_connection(('127.0.0.1', self.port), timeout=1).close()
            return True
        except OSError:
            return False

    def start(self):
        self.launch()
        wait_for('Kafka to listen', self.listens, READY_LIMIT, 0.2)

    def log_tail(self, lines=10):
        with open(os.path.join(self.folder, 'broker.log'), encoding='utf-8',
                  errors='replace') as log:
            return ''.join(log.readlines()[-lines:])

    def signal(self, number):
        self.process.send_signal(number)

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()
        self.process = None

    def stop(self):
        if self.alive():
            self.process.send_signal(signal.SIGCONT)
            self.process.terminate()
            try:
                self.process.wait(30)
            except subprocess.TimeoutExpired:
                self.kill()
        self.process = None


class Broker:
    """One node, or three that keep three copies of all. Topics come by order only, never by use."""

    def __init__(self, folder, nodes=1, **settings):
        folder = os.path.abspath(folder)
        self.jars = jars()
        self.nodes = [Node(i, os.path.join(folder, str(i)), self.jars)
                      for i in range(1, nodes + 1)]
        self.address = ','.join(n.address for n in self.nodes)
        more = {name.replace('_', '.'): value for name, value in settings.items()}
        cluster = str(uuid.uuid4())
        formats = []
        for node in self.nodes:
            node.configure(self.nodes, more)
            formats.append(node.java('kafka.tools.StorageTool', 'format', '-t', cluster, '-c',
                                     node.properties))
        for done in formats:
            done.wait(READY_LIMIT)

    def start(self):
        for node in self.nodes:
            node.launch()
        for node in self.nodes:
            wait_for('Kafka to listen', node.listens, READY_LIMIT, 0.2)

    def signal(self, number):
        for node in self.nodes:
            node.signal(number)

    def kill(self):
        for node in self.nodes:
            node.kill()

    def stop(self):
        # Together: the last of three would wait for a quorum that is not there any more.
        with futures.ThreadPoolExecutor() as all_at_once:
            list(all_at_once.map(Node.stop, self.nodes))

    def partitions(self):
        """Of all topics, as the first node that answers says."""
        for node in self.nodes:
            if node.alive():
                with contextlib.suppress(OSError):
                    return kafka_metadata.ask(node.port)
        return []

    def leader(self, topic, partition):
        """The node that leads it, when that one lives."""
        number = next((p.leader for p in self.partitions()
                       if (p.topic, p.number) == (topic, partition)), None)
        return next((n for n in self.nodes if n.number == number and n.alive()), None)

    def coordinator(self, group):
        """The node that leads the group."""
        code = 0
        for letter in group:
            code = (31 * code + ord(letter)) & 0xffffffff
        code = code - (1 << 32) if code & 0x80000000 else code
        return self.leader('__consumer_offsets', abs(code) % OFFSETS_PARTITIONS)

    def controller(self):
        """The node that says which nodes live and who leads what."""
        found = []
        for node in self.nodes:
            path = os.path.join(node.data, '__cluster_metadata-0', 'quorum-state')
            with open(path, encoding='utf-8') as state:
                known = json.load(state)
            found.append((known['leaderEpoch'], known['leaderId']))
        newest = max(found)[1]  # -1: being elected
        return next((n for n in self.nodes if n.number == newest), None)

    def in_sync(self):
        """Whether every node has all that it shall have: one of three may die now."""
        found = self.partitions()
        return bool(found) and all(
            len(p.in_sync) == len(p.replicas) == len(self.nodes) for p in found)

    def make(self, topic, partitions):
        self._tool('TopicCommand', '--create', '--topic', topic, '--partitions', str(partitions),
                   '--replication-factor', str(len(self.nodes)))

    def write(self, topic, lines):
        """A record a line, in partitions that the producer chooses."""
        self._tool('ConsoleProducer', '--topic', topic, '--batch-size', '512',
                   text=''.join(line + '\n' for line in lines))

    def writer(self, topic):
        """A process that writes the lines of its input, a record each, while brokers come and go:
        what the topic holds in the end says which."""
        return subprocess.Popen(
            self._words('ConsoleProducer') + [
                '--topic', topic, '--max-block-ms', '400000',
                '--message-send-max-retries', '2147483647'],
            stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            start_new_session=True, preexec_fn=end_with_parent)

    def records(self, topic):
        """All records of a topic: dicts of partition, timestamp type, headers, key and value.

        Read by Kafka's own tool, in another language and from other code than ours."""
        out = []
        for line in self._read(topic, timestamp=True, partition=True, headers=True, key=True,
                               value=False).splitlines():
            parts = line.split('|')
            if len(parts) < 4:
                continue
            stamp, partition, headers, key = parts[:4]
            pairs = (p.split(':', 1) for p in headers.split(',') if ':' in p)
            out.append({'partition': partition, 'stamp': stamp.split(':')[0],
                        'headers': dict(pairs), 'key': key})
        return out

    def values(self, topic):
        """The values of a topic, as text; those of a partition in their order."""
        return self._read(topic, value=True).splitlines()

    def committed(self, topic):
        """Records that no open or broken transaction holds: dicts of partition, key and payload,
        those of a partition in their order."""
        out = []
        for line in self._tool(*self._reading(topic, partition=True, key=True, value=True),
                               '--isolation-level', 'read_committed').splitlines():
            partition, key, payload = line.split('|', 2)
            number = int(partition.removeprefix('Partition:'))
            out.append({'partition': number, 'key': key, 'payload': payload})
        return out

    def produce(self, topic, key, headers, value):
        """One record of text, by Kafka's own tool: into the partition that it chooses."""
        named = ','.join(f'{name}:{text}' for name, text in headers.items())
        done = subprocess.run(
            ['java', '-Xmx256m', '-XX:TieredStopAtLevel=1', '-cp', os.path.join(self.jars, '*'),
             'org.apache.kafka.tools.ConsoleProducer', '--bootstrap-server', self.address,
             '--topic', topic, '--property', 'parse.key=true', '--property', 'parse.headers=true'],
            input=f'{named}\t{key}\t{value}\n'.encode(), capture_output=True,
            timeout=READY_LIMIT, check=False)
        if done.returncode:
            raise Failed(f'writing {topic}: {done.stderr.decode("utf-8", "replace")[-500:]}')

    def _read(self, topic, **shown):
        return self._tool(*self._reading(topic, **shown))

    @staticmethod
    def _reading(topic, **shown):
        return ('consumer.ConsoleConsumer', '--topic', topic, '--from-beginning', '--timeout-ms',
                '8000', '--formatter-property', 'key.separator=|',
                *(word for name, on in shown.items() for word in
                  ('--formatter-property', f'print.{name}={str(on).lower()}')))

    def _words(self, name):
        return ['java', '-Xmx256m', '-XX:TieredStopAtLevel=1', '-cp',
                os.path.join(self.jars, '*'), f'org.apache.kafka.tools.{name}',
                '--bootstrap-server', self.address]

    def _tool(self, name, *words, text=''):
        done = subprocess.run(self._words(name) + list(words), input=text.encode(),
                              capture_output=True, timeout=READY_LIMIT, check=False)
        if done.returncode:
            raise Failed(f'{name} {words}: {done.stderr.decode("utf-8", "replace")[-500:]}')
        return done.stdout.decode('utf-8', 'replace')


def run_alone(test, nodes=1, keep=None):
    """`test(folder, broker)` with a broker of its own; the exit code, 77 where there is none. The
    folder, `keep` or a new one, stays when it fails."""
    folder = keep or tempfile.mkdtemp(prefix='tm-kafka-')  # short, for the sockets in it
    try:
        broker = Broker(folder + '/kafka', nodes)
        try:
            broker.start()
            test(folder + '/stack', broker)
        finally:
            broker.stop()
    except Unavailable as why:
        print(f'skipped: {why}')
        return 77
    except Failed as why:
        print(f'FAILED, see {folder}: {why}', file=sys.stderr)
        return 1
    if not keep:
        shutil.rmtree(folder)
    return 0


if __name__ == '__main__':  # fetches what a broker needs
    try:
        jars()
    except Unavailable as why:
        sys.exit(str(why))
