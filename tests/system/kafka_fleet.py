"""Many edges behind two gateways, a Kafka of three brokers and a group of cloud nodes: what
kafka_chaos.py disturbs, and what it sees of it."""
import http.client
import json
import os
import shutil
import socket
import threading
import time
from collections import defaultdict
from concurrent import futures

import oracle
from kafka_broker import partition_of
from kafka_group import Nodes
from proxy import Proxy
from stack import PROFILES, free_port, toml, wait_for

PARTITIONS = 6
VIEW = 'all_1s'
OFTEN, EVERY_MS = 'often', 250  # what is listened to is answered so often, while readings come
CHANNELS = ['a', 'b']
GATEWAYS = ('gateway1', 'gateway2')
FRESH = 5  # seconds: answers for older windows are no live data


class Gateways:
    """Two of one CA. Edges reach them by two addresses, each of which leads to either."""

    def __init__(self, stack):
        self.stack = stack
        self.ports = {name: free_port() for name in GATEWAYS}
        for name in GATEWAYS:
            stack.write(f'{name}.toml', f'name = "{name}"\n'
                        f'data_dir = "{stack.path("data", name)}"\n'
                        f'run_dir = "{stack.path("run", name)}"\n'
                        f'listen = "127.0.0.1:{self.ports[name]}"\n\n'
                        f'[cloud]\n{stack.way()}\n\n[http]\nlisten = ""\n')
            os.makedirs(stack.path('run', name))
        first = self.words(GATEWAYS[0])
        stack.cli('gateway', 'ca', 'init', *first)
        alone = ['--dev'] if len(stack.kafka_broker.nodes) == 1 else []
        stack.cli('gateway', 'topics', 'init', '--partitions', str(PARTITIONS), *alone, *first)
        for name in GATEWAYS[1:]:
            shutil.copytree(stack.path('data', GATEWAYS[0], 'ca'), stack.path('data', name, 'ca'))
        for name in GATEWAYS:
            self.start(name)
        self.ways = [Proxy(port) for port in self.ports.values()]

    def words(self, name):
        return '--config', self.stack.path('etc', f'{name}.toml')

    def start(self, name):
        self.stack.launch(name, self.stack.program('tidemark-gateway'), *self.words(name))
        self.stack.wait_port(name, self.ports[name])

    def lead(self, way_number, name):
        """Edges of this address come to that gateway from now on."""
        one = self.ways[way_number]
        one.target_port = self.ports[name]
        one.cut()
        one.restore()

    def led_to(self, name):
        return [i for i, one in enumerate(self.ways) if one.target_port == self.ports[name]]

    def close(self):
        for one in self.ways:
            one.close()


class Edges:
    """`count` agents with a device each, in folders of their own."""

    def __init__(self, stack, gateways, count):
        self.stack = stack
        self.gateways = gateways
        self.names = [f'e{i:03d}' for i in range(count)]
        self.partition = {name: partition_of(name, PARTITIONS) for name in self.names}
        with futures.ThreadPoolExecutor(4) as some:
            list(some.map(self.enroll, self.names))
        for name in self.names:
            self.start(name)
        wait_for(f'{count} edges to connect', self.all_up, 60 + 2 * count, 0.5)

    def way_of(self, name):
        return int(name[1:]) % len(self.gateways.ways)

    def words(self, name):
        return '--config', self.stack.path('etc', f'{name}.toml')

    def enroll(self, name):
        stack, port = self.stack, self.gateways.ways[self.way_of(name)].port
        stack.write(f'{name}.toml', f'edge = "{name}"\nsite = "plant7"\n'
                    f'data_dir = "{stack.path("data", name)}"\n'
                    f'run_dir = "{stack.path("run", name)}"\n'
                    f'profile_path = {toml([PROFILES])}\n\n'
                    '[ring]\nsize = "8 MiB"\n\n'
                    f'[uplink]\ngateway = ["127.0.0.1:{port}"]\n\n' +
                    stack.mqtt_source(topics=[f'plant/{name}-m/data']))
        os.makedirs(stack.path('run', name))
        token = stack.json('gateway', 'token', 'create', '--edge', name, '--site', 'plant7',
                           *self.gateways.words(GATEWAYS[0]))['token']
        stack.cli('enroll', token, '--gateway', f'127.0.0.1:{self.gateways.ports[GATEWAYS[0]]}',
                  *self.words(name))

    def start(self, name):
        self.stack.launch(name, self.stack.program('tidemark-edge'), *self.words(name))

    def status(self, name):
        """None while the agent does not answer."""
        try:
            with socket.socket(socket.AF_UNIX) as agent:
                agent.settimeout(5)
                agent.connect(self.stack.path('run', name, 'edge.sock'))
                agent.sendall(b'{"command":"status"}\n')
                with agent.makefile('rb') as answer:
                    return json.loads(answer.readline())
        except (OSError, ValueError):
            return None

    def up(self, name):
        status = self.status(name)
        return bool(status) and status['uplink']['state'] == 'up' and all(
            s['state'] == 'ok' for s in status['sources'])

    def all_up(self):
        return all(self.up(name) for name in self.names)

    def sensors(self, rate):
        return [{'name': f'{name}-m', 'channels': CHANNELS, 'rate': rate} for name in self.names]


class Machines:
    """They have no edge: plain readings, in a thread, whatever becomes of brokers."""
    TOPIC = 'plant.readings'
    EDGE = 'json'
    INTAKE = f'json = {{ topic = "{TOPIC}" }}'

    def __init__(self, broker):
        self.broker = broker
        self._stopped = threading.Event()
        self._writer = broker.writer(self.TOPIC)
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self):
        value = 0
        while not self._stopped.wait(0.2):
            for machine in range(4):
                value += 1
                line = json.dumps({'series': f'mill-{machine}/load', 'value': value,
                                   'time': round(time.time() * 1000)})
                self._writer.stdin.write(line.encode() + b'\n')
            self._writer.stdin.flush()

    def stop(self):
        self._stopped.set()
        self._thread.join(120)
        self._writer.stdin.close()
        self._writer.wait(120)

    def windows(self):
        """What the topic holds: (series, start of a second) -> count, sum."""
        found = defaultdict(lambda: [0, 0])
        for line in self.broker.values(self.TOPIC):
            reading = json.loads(line)
            window = found[f'{self.EDGE}/{reading["series"]}', reading['time'] // 1000]
            window[0] += 1
            window[1] += reading['value']
        return {key: tuple(window) for key, window in found.items()}

    def answered(self, answers):
        """The same of answers."""
        return {(a['series'], oracle.parse_time(a['start']) // oracle.SECOND):
                (a['values']['count'], a['values']['sum']) for a in answers
                if a['series'].startswith(self.EDGE + '/') and a['values']['count']}


class Cloud(Nodes):
    """The nodes of the group, and who listens to what they answer."""

    def __init__(self, stack, count):
        super().__init__(stack, Machines.INTAKE)
        self.listeners = {}
        for i in range(count):
            self.start(f'cloud{i + 1}')

    def start(self, name):
        super().start(name)
        if name not in self.listeners:
            self.listeners[name] = Listener(name, self.ports[name])

    def alive(self):
        return sorted(name for name in self.ports if self.stack.alive(name))

    def parts(self, name):
        """Partitions that are open on a node; none when it does not answer."""
        try:
            return self.has(name)
        except OSError:
            return set()

    def all_shared(self, names=None):
        parts = [self.parts(name) for name in names or self.alive()]
        return sum(map(len, parts)) == PARTITIONS == len(set().union(*parts))

    def close(self):
        for one in self.listeners.values():
            one.stop()


class Listener:
    """Reads /v1/stream of a node in a thread, and comes again when the node does: when which edge
    was answered for, and which partitions were here when."""

    def __init__(self, node, port):
        self.node, self.port = node, port
        self.answers = []  # (when by time.time(), edge)
        self.parts = []    # (when, partitions)
        self._stopped = False
        self._newest = defaultdict(tuple)  # series -> its newest window, and the revision of that
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def stop(self):
        self._stopped = True

    def _run(self):
        while not self._stopped:
            try:
                connection = http.client.HTTPConnection('127.0.0.1', self.port, timeout=30)
                connection.request('GET', f'/v1/stream?view={OFTEN}')
                stream = connection.getresponse()
                while not self._stopped:
                    line = stream.readline()
                    if not line:
                        break
                    if line.startswith(b'data:'):
                        self._take(json.loads(line[5:]))
            except (OSError, http.client.HTTPException, ValueError):
                pass
            time.sleep(0.2)

    def _take(self, event):
        now = time.time()
        if 'owners' in event:
            self.parts.append((now, frozenset(o['partition'] for o in event['owners']
                                              if o['here'])))
        elif 'start' in event and (
                event['start'], event['revision']) > self._newest[event['series']]:
            self._newest[event['series']] = event['start'], event['revision']
            if oracle.parse_time(event['start']) > (now - FRESH) * oracle.SECOND:
                self.answers.append((now, event['series'].split('/', 1)[0]))


def start_fleet(stack, edges, nodes):
    """(gateways, edges, cloud), all connected and shared out."""
    stack.start_broker()
    stack.write_view(VIEW, '**', '1s')
    stack.write_view(OFTEN, '**/a', '1s', early=f'{EVERY_MS}ms')
    gateways = Gateways(stack)
    stack.kafka_broker.make(Machines.TOPIC, 3)
    cloud = Cloud(stack, nodes)
    wait_for('the nodes to share the partitions', cloud.all_shared, 90, 0.3)
    return gateways, Edges(stack, gateways, edges), cloud
