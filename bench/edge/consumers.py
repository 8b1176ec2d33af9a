"""Who takes what the load sends: a counter, the agent in its modes, Node-RED."""
import json
import mmap
import os
import shutil
import struct
import subprocess
import sys
import tempfile
import time
import urllib.request

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, '..', '..', 'tests', 'system'))
from stack import Failed, free_port, wait_for  # noqa: E402  (the path comes first)

RULE = '\n[[rule]]\nselect = "**"\nwindow = {{ type = "tumbling", size = "1s" }}\n' \
       'aggregates = ["count", "min", "max", "mean"]\nforward = "{}"\n'


class Nobody:
    """No subscriber: what the broker costs by itself."""
    name = 'nobody'

    def __init__(self, stack):
        self.stack = stack

    def start(self):
        self.process = None

    def broker_lines(self):
        return ''

    def taken(self):
        return None


class Floor(Nobody):
    name = 'floor'

    def start(self):
        path = self.stack.path('run', 'floor.count')
        self.process = self.stack.launch('floor', self.stack.program('tidemark-edge-floor'),
                                         str(self.stack.broker_port), path)
        wait_for('the floor', lambda: os.path.exists(path) and os.path.getsize(path) == 8)
        with open(path, 'rb') as file:
            self.count = mmap.mmap(file.fileno(), 8, prot=mmap.PROT_READ)
        time.sleep(0.5)  # its subscription: it does not tell

    def taken(self):
        return struct.unpack('Q', self.count[:8])[0] * self.batch


class Agent(Nobody):
    name = 'edge'
    forward = 'windows'
    source = {}
    more = ''

    def start(self):
        self.stack.gateway_port = 1  # nobody: the ring keeps everything
        source = self.stack.mqtt_source(topics=['bench/#'], **self.source)
        self.stack.write_edge(source, RULE.format(self.forward) + self.more, ring='512 MiB')
        self.stack.start_edge()
        self.process = self.stack.running['edge']
        wait_for('the subscription', lambda: self.status()['sources'][0]['state'] == 'ok')

    def status(self):
        return self.stack.ask_agent('status')

    def taken(self):
        return self.status()['ledger']['taken']

    def check(self):
        ledger = self.status()['ledger']
        for fate in ('duplicate', 'quarantined', 'evicted', 'lost', 'thinned'):
            if ledger[fate]:
                raise Failed(f'the agent counts {ledger[fate]} as {fate}')


class Plugin(Agent):
    """The agent without a client: the broker's plug-in hands over."""
    name = 'plugin'
    source = {'plugin': True}

    def broker_lines(self):
        return self.stack.plugin_lines('bench/#')


class AgentRaw(Agent):
    name = 'edge+raw'
    forward = 'both'


class AgentFiltered(Agent):
    """Its peak beside that of Agent: what detectors hold of each series."""
    name = 'edge+detectors'
    more = 'detectors = [{ type = "spike" }, { type = "rate", max = 1e9 }, { type = "stuck", ' \
           'after = "10min" }, { type = "limit", hi = 1e9 }]\n'


FLOW_FUNCTION = """
const w = flow.get('w') || {n: 0, by: {}};
const p = msg.payload;
const values = Array.isArray(p.v) ? p.v : [p.v];
const t0 = p.t0 !== undefined ? p.t0 / 1e9 : p.ts / 1e6;
const dt = p.dt_us !== undefined ? p.dt_us / 1e6 : 0;
let s = w.by[msg.topic];
for (let i = 0; i < values.length; ++i) {
  const second = Math.floor(t0 + i * dt), v = values[i];
  if (s === undefined || s.second !== second) {
    if (s !== undefined) {
      node.send({topic: msg.topic, payload: {start: s.second, count: s.count, min: s.min,
                                             max: s.max, mean: s.sum / s.count}});
    }
    s = w.by[msg.topic] = {second: second, count: 0, min: v, max: v, sum: 0};
  }
  s.count += 1; s.sum += v;
  if (v < s.min) s.min = v;
  if (v > s.max) s.max = v;
}
w.n += values.length;
if (w.n === values.length) flow.set('w', w);
return null;
"""


class NodeRed(Nobody):
    name = 'node-red'

    def start(self):
        home = self.stack.path('run', 'node-red')
        os.makedirs(home, exist_ok=True)
        port = free_port()
        tab = {'z': 'flow'}
        flow = [
            {'id': 'flow', 'type': 'tab', 'label': 'bench'},
            {'id': 'broker', 'type': 'mqtt-broker', 'broker': '127.0.0.1',
             'port': str(self.stack.broker_port), 'clientid': 'node-red', 'autoConnect': True,
             'keepalive': '60', 'cleansession': True, 'protocolVersion': '4'},
            {**tab, 'id': 'in', 'type': 'mqtt in', 'topic': 'bench/#', 'qos': '0',
             'datatype': 'json', 'broker': 'broker', 'wires': [['window']]},
            {**tab, 'id': 'window', 'type': 'function', 'func': FLOW_FUNCTION, 'outputs': 1,
             'wires': [['last']]},
            {**tab, 'id': 'last', 'type': 'function', 'func': "flow.set('last', msg.payload);",
             'outputs': 0, 'wires': []},
            {**tab, 'id': 'ask', 'type': 'http in', 'url': '/count', 'method': 'get',
             'wires': [['count']]},
            {**tab, 'id': 'count', 'type': 'function', 'outputs': 1, 'wires': [['answer']],
             'func': "msg.payload = {n: (flow.get('w') || {n: 0}).n}; return msg;"},
            {**tab, 'id': 'answer', 'type': 'http response', 'wires': []},
        ]
        with open(os.path.join(home, 'flows.json'), 'w', encoding='utf-8') as out:
            json.dump(flow, out)
        with open(os.path.join(home, 'settings.js'), 'w', encoding='utf-8') as out:
            out.write(f'module.exports = {{ uiPort: {port}, uiHost: "127.0.0.1", '
                      'flowFile: "flows.json", disableEditor: true, '
                      'logging: { console: { level: "warn" } } };\n')
        self.url = f'http://127.0.0.1:{port}/count'
        script = os.path.join(node_red_folder(), 'node_modules', 'node-red', 'red.js')
        self.process = self.stack.launch('node-red', shutil.which('node'), script, '-u', home)

        def answers():
            self.stack.check_alive()
            try:
                return self.taken() is not None
            except OSError:
                return False
        wait_for('node-red to answer', answers, 60)
        time.sleep(2)  # its subscription: it does not tell

    def taken(self):
        with urllib.request.urlopen(self.url, timeout=30) as answer:
            return json.load(answer)['n']


def node_red_folder(cache=[]):
    """Where node-red is, installed on the way when NODE_RED names no place."""
    if not cache:
        folder = os.environ.get('NODE_RED') or tempfile.mkdtemp(prefix='tm-node-red-')
        if not os.path.exists(os.path.join(folder, 'node_modules', 'node-red')):
            done = subprocess.run(['npm', 'install', '--no-audit', '--no-fund', '--prefix', folder,
                                   'node-red'], capture_output=True, text=True, check=False)
            if done.returncode:
                raise Failed(f'npm install node-red: {done.stderr[-300:]}')
        cache.append(folder)
    return cache[0]


class PluginRaw(Plugin):
    name = 'plugin+raw'
    forward = 'both'
