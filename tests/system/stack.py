"""Everything that a system test runs, as real programs in one folder on free ports: broker, plant,
edge, gateway, cloud, and the proxy between edge and gateway. Ends only what it started."""
import ctypes
import json
import os
import shutil
import signal
import socket
import subprocess
import time
import urllib.request

import oracle
from proxy import Proxy

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
START_LIMIT = 20  # seconds for a program to be ready
EDGE = 'press-07'


def end_with_parent():
    """In a child: it is killed when the test dies, however that dies."""
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG


class Failed(Exception):
    """A program or a wait that did not do as it should; the text says which and where to look."""


GIVEN = set()  # ports, which nobody may have bound yet


def free_port():
    while True:
        with socket.create_server(('127.0.0.1', 0)) as probe:
            port = probe.getsockname()[1]
        if port not in GIVEN:
            GIVEN.add(port)
            return port


def wait_for(what, condition, limit=START_LIMIT, pause=0.05):
    """The first true value of condition(); Failed when `limit` seconds have passed."""
    until = time.monotonic() + limit
    while True:
        found = condition()
        if found:
            return found
        if time.monotonic() > until:
            raise Failed(f'waited {limit} s for {what}')
        time.sleep(pause)


def toml(value):
    """A value as TOML, for the few shapes that configurations here have."""
    if isinstance(value, bool):
        return 'true' if value else 'false'
    if isinstance(value, (int, float)):
        return repr(value)
    if isinstance(value, str):
        return json.dumps(value)
    if isinstance(value, dict):
        return '{ ' + ', '.join(f'{json.dumps(k)} = {toml(v)}' for k, v in value.items()) + ' }'
    return '[' + ', '.join(toml(v) for v in value) + ']'


def toml_table(name, values):
    return f'{name}\n' + ''.join(f'{k} = {toml(v)}\n' for k, v in values.items()) + '\n'


class Stack:
    """One chain. Use as a context: at the end every program that was started is ended."""

    def __init__(self, folder, programs=None):
        self.folder = os.path.abspath(folder)
        self.programs = programs or os.environ.get('TIDEMARK_BIN',
                                                   os.path.join(ROOT, 'build/release/bin'))
        self.running = {}      # name -> Popen
        self.kills = 0
        self.proxy = None
        self.kafka = None      # brokers' address, in place of ZeroMQ between gateway and cloud
        self.kafka_broker = None  # for scenarios that know of it
        self.partitions = 3       # of topics
        self.more_of_cloud = ''   # of its configuration
        self.plant_log = self.path('plant.log')
        self.scenarios = 0
        self.slave_ports = {}
        self.profiles = {}     # device -> profile file, for the oracle
        self.environment = {**os.environ, 'NO_COLOR': '1', 'LC_ALL': 'C.UTF-8',
                            'TIDEMARK_EDGE_CONFIG': self.path('etc/edge.toml'),
                            'TIDEMARK_GATEWAY_CONFIG': self.path('etc/gateway.toml'),
                            'TIDEMARK_CLOUD_CONFIG': self.path('etc/cloud.toml')}
        for part in ('etc/views.d', 'etc/profiles', 'run', 'log', 'data'):
            os.makedirs(self.path(part), exist_ok=True)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def path(self, *parts):
        return os.path.join(self.folder, *parts)

    # Programs

    def launch(self, name, *words, stdout=None):
        """Starts a program; its output goes to log/NAME.log."""
        with open(self.path('log', f'{name}.log'), 'ab') as log:
            self.running[name] = subprocess.Popen(
                words, stdin=subprocess.DEVNULL, stdout=stdout or log, stderr=log,
                cwd=self.folder, env=self.environment, start_new_session=True,
                preexec_fn=end_with_parent)
        return self.running[name]

    def time_to_ready(self, name, *words, limit=START_LIMIT):
        """Starts a program that tells the service manager when it is ready; the seconds until."""
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
            path = self.path('run', f'{name}.notify')
            manager.bind(path)
            manager.settimeout(limit)
            self.environment['NOTIFY_SOCKET'] = path
            started = time.monotonic()
            self.launch(name, *words)
            del self.environment['NOTIFY_SOCKET']
            while b'READY=1' not in manager.recv(4096):
                pass
            return time.monotonic() - started

    def program(self, name):
        return os.path.join(self.programs, name)

    def alive(self, name):
        return name in self.running and self.running[name].poll() is None

    def check_alive(self):
        for name, process in self.running.items():
            if process.poll() is not None:
                raise Failed(f'{name} ended with {process.returncode}:\n{self.log_tail(name)}')

    def log_tail(self, name, lines=15):
        try:
            with open(self.path('log', f'{name}.log'), encoding='utf-8', errors='replace') as log:
                return ''.join(log.readlines()[-lines:])
        except OSError:
            return ''

    def kill(self, name):
        """kill -9, now."""
        process = self.running.pop(name)
        process.send_signal(signal.SIGKILL)
        process.wait()
        self.kills += 1

    def stop(self, name, limit=40):
        """SIGTERM and the exit code; Failed when it does not end."""
        process = self.running.pop(name, None)
        if process is None:
            return 0
        process.send_signal(signal.SIGTERM)
        try:
            return process.wait(limit)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            raise Failed(f'{name} did not end within {limit} s of SIGTERM:\n'
                         f'{self.log_tail(name)}') from None

    def close(self):
        for name in ('plant', 'edge', 'gateway', 'cloud', 'broker', *list(self.running)):
            process = self.running.pop(name, None)
            if process is None or process.poll() is not None:
                continue
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        if self.proxy:
            self.proxy.close()
            self.proxy = None

    def cli(self, *words, check=True, limit=60):
        """`tidemark WORDS`: (exit code, stdout, stderr)."""
        done = subprocess.run([self.program('tidemark'), *words], capture_output=True, text=True,
                              timeout=limit, env=self.environment, cwd=self.folder, check=False)
        if check and done.returncode not in (0, 2):
            raise Failed(f'tidemark {" ".join(words)}: exit {done.returncode}\n{done.stderr}'
                         f'{done.stdout}')
        return done.returncode, done.stdout, done.stderr

    def json(self, *words, check=True):
        code, out, err = self.cli(*words, '--json', check=check)
        try:
            return json.loads(out, parse_int=oracle.parse_int)
        except ValueError:
            raise Failed(f'tidemark {" ".join(words)} --json: exit {code}, no JSON: {out[:300]} '
                         f'{err[:600]}') from None

    # Broker and plant

    def start_broker(self, more='', port=None):
        self.broker_port = port or free_port()
        with open(self.path('etc/mosquitto.conf'), 'w', encoding='utf-8') as conf:
            conf.write(f'listener {self.broker_port} 127.0.0.1\nallow_anonymous true\n'
                       'persistence false\nmax_queued_messages 0\nmax_inflight_messages 200\n'
                       'set_tcp_nodelay true\nlog_type warning\nlog_type error\n' + more)
        program = shutil.which('mosquitto', path=os.environ.get('PATH', '') + ':/usr/sbin')
        self.launch('broker', program, '-c', self.path('etc/mosquitto.conf'))
        self.wait_port('broker', self.broker_port)

    def plugin_lines(self, topic):
        """For the broker: our plug-in hands over what is published to the topic."""
        # It drops its rights otherwise, and cannot reach this run's folder.
        user = 'user root\n' if os.geteuid() == 0 else ''
        return (f'{user}plugin {self.program("tidemark-mosquitto.so")}\n'
                f'plugin_opt_topic {topic}\n'
                f'plugin_opt_journal {self.path("run", "intake.journal")}\n')

    def wait_port(self, name, port):
        def answers():
            self.check_alive()
            try:
                socket.create_connection(('127.0.0.1', port), timeout=1).close()
                return True
            except OSError:
                return False
        wait_for(f'{name} on port {port}', answers)

    def start_plant(self, slaves=(), sensors=(), **options):
        """Runs bench/plant; its log is appended to over several starts."""
        self.scenarios += 1
        seed = options.pop('seed', self.scenarios)
        path = self.path('etc', f'plant-{self.scenarios}.toml')
        options = {'log': self.plant_log, 'broker': f'127.0.0.1:{self.broker_port}', 'seed': seed,
                   **{k.replace('run_for', 'for'): v for k, v in options.items()}}
        with open(path, 'w', encoding='utf-8') as out:
            out.write(toml_table('', options))
            for slave in slaves:
                out.write(toml_table('[[slave]]', slave))
            for sensor in sensors:
                out.write(toml_table('[[sensor]]', sensor))
        process = self.launch('plant', self.program('tidemark-plant'), path,
                              stdout=subprocess.PIPE)
        line = process.stdout.readline()
        if not line:
            raise Failed(f'the plant did not start:\n{self.log_tail("plant")}')
        self.slave_ports.update(json.loads(line)['slaves'])

    def stop_plant(self, limit=60):
        if 'plant' in self.running and self.stop('plant', limit) != 0:
            raise Failed('the broker did not acknowledge all that the plant published')

    def finish_plant(self, limit):
        """Waits until the plant ends by itself."""
        process = self.running['plant']
        try:
            code = process.wait(limit)
        except subprocess.TimeoutExpired:
            raise Failed(f'the plant did not end within {limit} s') from None
        del self.running['plant']
        if code:
            raise Failed(f'the plant ended with {code}:\n{self.log_tail("plant")}')

    # Cloud, gateway, edge

    def write(self, name, text):
        with open(self.path('etc', name), 'w', encoding='utf-8') as out:
            out.write(text)

    def write_view(self, name, select, size, early='1s', revision='1s', aggregates=None):
        self.write(f'views.d/{name}.toml', toml_table('[[view]]', {
            'name': name, 'select': select, 'group_by': ['edge', 'series'],
            'window': {'type': 'tumbling', 'size': size},
            'aggregates': list(aggregates or oracle.AGGREGATES),
            'emit': {'early': early, 'revision_interval': revision}}))

    def prepare_cloud(self, extra=''):
        self.http_port = free_port()
        self.zmq = f'ipc://{self.path("run", "cloud.zmq")}'
        self.write('cloud.toml', f'data_dir = "{self.path("data/cloud")}"\n\n'
                   f'[intake]\n{self.way()}\n\n'
                   f'[http]\nlisten = "127.0.0.1:{self.http_port}"\n\n{self.more_of_cloud}{extra}')

    def way(self):
        """The line of both configurations that says how gateway and cloud meet."""
        if not self.kafka:
            return f'zmq = "{self.zmq}"'
        return f'kafka = {{ brokers = "{self.kafka}", prefix = "test" }}'

    def start_cloud(self):
        self.launch('cloud', self.program('tidemark-cloud'), '--config',
                    self.path('etc/cloud.toml'))
        self.wait_port('cloud', self.http_port)

    def start_cloud_and_gateway(self):
        self.prepare_cloud()
        self.prepare_gateway()
        self.start_cloud()
        self.start_gateway()

    def prepare_gateway(self):
        self.gateway_port = free_port()
        self.gateway_http_port = free_port()
        self.write('gateway.toml', f'data_dir = "{self.path("data/gateway")}"\n'
                   f'run_dir = "{self.path("run")}"\n'
                   f'listen = "127.0.0.1:{self.gateway_port}"\n\n'
                   f'[cloud]\n{self.way()}\n\n'
                   f'[http]\nlisten = "127.0.0.1:{self.gateway_http_port}"\n')
        self.cli('gateway', 'ca', 'init')
        if self.kafka:
            copies = len(self.kafka_broker.nodes) if self.kafka_broker else 1
            self.cli('gateway', 'topics', 'init', '--partitions', str(self.partitions),
                     *(['--dev'] if copies == 1 else []))

    def start_gateway(self):
        self.launch('gateway', self.program('tidemark-gateway'), '--config',
                    self.path('etc/gateway.toml'))
        self.wait_port('gateway', self.gateway_port)

    def start_proxy(self):
        self.proxy = Proxy(self.gateway_port)

    def write_edge(self, sources, extra='', ring='64 MiB', sync='500ms', edge=EDGE):
        uplink = self.proxy.port if self.proxy else self.gateway_port
        self.write('edge.toml',
                   f'edge = "{edge}"\nsite = "plant7"\ndata_dir = "{self.path("data/edge")}"\n'
                   f'run_dir = "{self.path("run")}"\n'
                   f'profile_path = {toml([self.path("etc/profiles"), PROFILES])}\n\n'
                   f'[ring]\nsize = "{ring}"\nsync_interval = "{sync}"\n\n'
                   f'[uplink]\ngateway = ["127.0.0.1:{uplink}"]\n\n' + sources + extra)

    def enroll(self, edge=EDGE):
        """A token for the edge, and its certificate; the agent need not run."""
        token = self.json('gateway', 'token', 'create', '--edge', edge, '--site', 'plant7')
        self.cli('enroll', token['token'])

    def start_edge(self):
        self.launch('edge', self.program('tidemark-edge'), '--config', self.path('etc/edge.toml'))

        def answers():
            self.check_alive()
            return self.cli('edge', 'status', check=False)[0] in (0, 2)
        wait_for('the edge to answer', answers)

    def mqtt_source(self, name='floor', topics=('plant/+/data',), **options):
        url = {} if options.get('plugin') else {'url': f'mqtt://127.0.0.1:{self.broker_port}'}
        return toml_table('[[source.mqtt]]', {
            'name': name, **url, 'topics': list(topics), 'device': 'topic[1]', **options})

    def modbus_source(self, name, profile, **options):
        found = self.path('etc/profiles', profile + '.toml')
        self.profiles[name] = found if os.path.exists(found) else os.path.join(
            PROFILES, profile + '.toml')
        return toml_table('[[source.modbus]]', {
            'name': name, 'url': f'tcp://127.0.0.1:{self.slave_ports[name]}', 'unit': 1,
            'profile': profile, **options})

    # What it knows

    def edge_status(self):
        return self.json('edge', 'status')

    def ask_agent(self, command):
        """Asked at the agent's socket: a CLI takes longer than most blocks wait."""
        with socket.socket(socket.AF_UNIX) as agent:
            agent.settimeout(5)
            agent.connect(self.path('run', 'edge.sock'))
            agent.sendall(json.dumps({'command': command}).encode() + b'\n')
            answer = b''
            while not answer.endswith(b'\n'):
                answer += agent.recv(65536)
        return json.loads(answer)

    def blocks_pending(self):
        return self.ask_agent('buffer')['ring']['blocks_pending']

    def cloud_status(self):
        return self.json('cloud', 'status')

    def answers(self, view, *options):
        code, out, err = self.cli('cloud', 'query', view, '--json', '--limit', '100000', *options,
                                  limit=120)
        return oracle.load_answers(out)

    def metrics_of(self, *prefixes):
        """Lines of the cloud's metrics."""
        with urllib.request.urlopen(f'http://127.0.0.1:{self.http_port}/metrics', timeout=10) as got:
            lines = got.read().decode().splitlines()
        return ' '.join(line for line in lines if line.startswith(prefixes))

    def settle(self, limit=60):
        """Waits until what was taken is accounted for at the cloud; the ledger in total."""
        seen = {}

        def settled():
            self.check_alive()
            edge = self.edge_status()
            cloud = self.cloud_status()
            ledger = cloud['ledger']
            done = (edge['ledger']['pending'] == 0 and edge['ring']['blocks_pending'] == 0 and
                    ledger['pending'] == 0 and edge['ledger']['taken'] == ledger['taken'] and
                    seen.get('last') == ledger)
            seen['last'], seen['edge'] = ledger, edge['ledger']
            return ledger if done else None
        try:
            return wait_for('the ledger to settle', settled, limit, 0.7)
        except Failed as failed:
            raise Failed(f'{failed}: cloud {seen.get("last")}, edge {seen.get("edge")}') from None


PROFILES = os.path.join(ROOT, 'firmware-profiles')


def ledger_adds_up(ledger):
    return ledger['taken'] == sum(n for name, n in ledger.items() if name != 'taken')
