#!/usr/bin/env python3
"""Nodes that serve answers: they read the topics of one that makes them, and answer as it does.

Two of them, the second added while all runs; one dies by kill -9, one stands still, the node that
makes the answers dies as well, and records that are no answers lie in the topics. Nobody who asks
sees a revision go back, and in the end both say what `tidemark cloud query` and `cloud revisions`
say. Exits 0, 1 with what was wrong, or 77 when there is no Kafka to be had."""
import datetime
import json
import signal
import sys
import threading
import time
import urllib.error
import urllib.parse
import urllib.request

import kafka_broker
import oracle
from scenarios import VIEW, judge, sensors, start_chain
from stack import Failed, Stack, free_port, toml_table, wait_for

GROUPS = 'per_site'
NODES = ('serve1', 'serve2')
DAMAGED = ('test.answers', 'test.answers.history')
ALL = '100000'
STREAM_LIMIT = 20  # seconds until a listener has heard what there was


class Served:
    """The nodes, and what those who ask have seen of them."""

    def __init__(self, stack, views):
        self.stack = stack
        self.views = views
        self.ports = {}
        self.seen = {}     # of a node: (view, series, labels, start) -> revision
        self.wrong = []
        self.asked = 0
        self.ended = threading.Event()
        self.thread = threading.Thread(target=self.watch, daemon=True)

    def start(self, name):
        stack = self.stack
        if name not in self.ports:
            self.ports[name] = free_port()
            stack.write(f'{name}.toml', f'data_dir = "{stack.path("data", name)}"\n\n'
                        f'[intake]\nkafka = {{ brokers = "{stack.kafka}", prefix = "test", '
                        f'serve = "answers" }}\n\n'
                        f'[http]\nlisten = "127.0.0.1:{self.ports[name]}"\n')
        stack.launch(name, stack.program('tidemark-cloud'), '--config',
                     stack.path('etc', f'{name}.toml'))
        stack.wait_port(name, self.ports[name])

    def get(self, name, path, **parameters):
        words = urllib.parse.urlencode(parameters)
        with urllib.request.urlopen(f'http://127.0.0.1:{self.ports[name]}{path}?{words}',
                                    timeout=20) as reply:
            return json.load(reply, parse_int=oracle.parse_int)

    def answers(self, name, view, **parameters):
        return self.get(name, '/v1/answers', view=view, limit=ALL, **parameters)['answers']

    def has_answers(self, name, view):
        try:
            return bool(self.answers(name, view))
        except urllib.error.HTTPError as error:
            if error.code != 400:
                raise
            return False  # it has not heard of the view yet

    def ready(self, name):
        try:
            return self.get(name, '/readyz')['ok']
        except urllib.error.HTTPError as error:
            if error.code != 503:
                raise
            return False

    def look(self, name):
        revisions = self.seen.setdefault(name, {})
        for a in [a for view in self.views for a in self.answers(name, view, newest=5)]:
            key = a['view'], a['series'], str(a['labels']), a['start']
            before = revisions.get(key, -1)
            if a['revision'] < before:
                self.wrong.append(f'{name}: {key} goes back from {before} to {a["revision"]}')
            revisions[key] = a['revision']
            self.asked += 1

    def watch(self):
        while not self.ended.wait(0.2):
            for name in list(self.ports):
                try:
                    self.look(name)
                except OSError:
                    pass  # it is dead, stands still, or has heard of no view yet

    def judge(self):
        """Ends the watch: nobody may have seen a revision go back."""
        self.ended.set()
        self.thread.join()
        if self.wrong or not self.asked:
            raise Failed('\n'.join(self.wrong[:10]) or 'nobody saw an answer')

    def run_cli(self, name, *words):
        """`tidemark WORDS` about that node: (exit code, stdout, stderr)."""
        stack = self.stack
        before = stack.environment['TIDEMARK_CLOUD_CONFIG']
        stack.environment['TIDEMARK_CLOUD_CONFIG'] = stack.path('etc', f'{name}.toml')
        try:
            return stack.cli(*words, check=False)
        finally:
            stack.environment['TIDEMARK_CLOUD_CONFIG'] = before


def write_groups(stack):
    stack.write(f'views.d/{GROUPS}.toml', toml_table('[[view]]', {
        'name': GROUPS, 'select': '**', 'group_by': ['site'],
        'window': {'type': 'tumbling', 'size': '5s'}, 'aggregates': ['count', 'sum', 'max'],
        'emit': {'early': '1s', 'revision_interval': '1s'}}))


def listen(served, name, position):
    """Ids of the events of answers from a position on, until nothing comes for a second."""
    request = urllib.request.Request(f'http://127.0.0.1:{served.ports[name]}/v1/stream',
                                     headers={'Last-Event-ID': str(position)})
    ids = []
    with urllib.request.urlopen(request, timeout=STREAM_LIMIT) as stream:
        until = time.monotonic() + STREAM_LIMIT
        statuses = 0
        while statuses < 3 and time.monotonic() < until:
            line = stream.readline().decode().rstrip('\n')
            if line == 'event: reset':
                raise Failed(f'{name} does not know its own position {position}')
            if line.startswith('id: '):
                ids.append(int(line[4:]))
                statuses = 0
            statuses += line == 'event: status'
    return ids


def same(stack, served, name):
    """Whether a node says what the one says that makes the answers; how much, then."""
    counts = []
    for view in (VIEW, GROUPS, 'minute'):
        wanted = stack.answers(view)
        if served.answers(name, view) != wanted:
            return None
        counts.append(len(wanted))
        revisions = stack.json('cloud', 'revisions', '**', '--view', view, '--limit', ALL)
        found = served.get(name, '/v1/revisions', view=view, limit=ALL)['answers']
        if found != revisions['answers']:
            return None
        counts.append(len(found))
    return counts


def disturb(stack, served):
    """What may happen to each of them while all runs."""
    for topic in DAMAGED:
        stack.kafka_broker.produce(topic, 'a\tb\tc', {'type': 'x'}, 'no answer')
    served.start('serve2')
    wait_for('the second to be ready', lambda: served.ready('serve2'), 60, 0.2)
    stack.kill('serve1')
    time.sleep(1)
    served.start('serve1')
    wait_for('the first to be ready again', lambda: served.ready('serve1'), 60, 0.2)
    stack.running['serve2'].send_signal(signal.SIGSTOP)
    stack.kill('cloud')
    stack.start_cloud()
    time.sleep(3)
    newest = {}

    def goes_on():
        times = {n: max(a['start'] for a in served.answers(n, VIEW, newest=1)) for n in ('serve1',)}
        before = newest.setdefault('at', times)
        return times != before
    wait_for('the other to go on while one stands still', goes_on, 30, 0.3)
    stack.running['serve2'].send_signal(signal.SIGCONT)


def check_faces(stack, served):
    """What a node that serves knows, and what it says that it does not."""
    for name in NODES:
        status = served.get(name, '/v1/edges')
        serves = status['serves']
        if not serves['ready'] or serves['refused'] != len(DAMAGED) or status['ledger'] is not None:
            raise Failed(f'{name} says {status}')
        if {r['record'].split('/')[0] for r in serves['newest_refused']} != set(DAMAGED):
            raise Failed(f'{name} refused {serves["newest_refused"]}')
        code, out, err = served.run_cli(name, 'cloud', 'status')
        if code != 0 or 'serves answers of other nodes' not in out or 'no answer' in out:
            raise Failed(f'cloud status of {name}: exit {code}\n{out}{err}')
        for words in (('cloud', 'late'), ('cloud', 'deadletter', 'list'),
                      ('cloud', 'query', 'p99 ** by 3h'),
                      ('cloud', 'source', 'retire', 'a/b', '--reason', 'a test')):
            code, out, err = served.run_cli(name, *words)
            if code == 0 or ('nodes that make' not in err and 'a node that makes' not in err):
                raise Failed(f'{words} of {name}: exit {code}\n{out}{err}')
        code, out, err = served.run_cli(name, 'cloud', 'query', 'count ** by 1s', '--newest', '1')
        if code != 0 or 'press-07/' not in out + err:
            raise Failed(f'an expression at {name}: exit {code}\n{out}{err}')
    with urllib.request.urlopen(f'http://127.0.0.1:{served.ports["serve1"]}/metrics',
                                timeout=10) as got:
        lines = [line for line in got.read().decode().splitlines()
                 if line.startswith(('tidemark_cloud_served', 'tidemark_cloud_kafka'))]
    print('\n'.join(lines))


def run(folder, broker):
    with Stack(folder) as stack:
        stack.kafka, stack.kafka_broker = broker.address, broker
        stack.more_of_cloud = '[publish]\nanswers = true\n'
        stack.start_broker()
        write_groups(stack)
        start_chain(stack)
        served = Served(stack, (VIEW, GROUPS))
        served.start('serve1')
        served.thread.start()
        stack.start_plant(sensors=sensors(4, 50))
        time.sleep(3)
        wait_for('the first to have answers', lambda: served.has_answers('serve1', VIEW), 30,
                 0.2)
        first = served.get('serve1', '/v1/edges')['position']
        now = datetime.datetime.now(datetime.timezone.utc)
        halfway = now.strftime('%Y-%m-%dT%H:%M:%S.%fZ')
        disturb(stack, served)
        stack.stop_plant()
        answers = judge(stack)
        # The node goes on: windows are sealed, and later ones are answered.
        for name in NODES:
            started = time.monotonic()
            counts = wait_for(f'{name} to say what the node does',
                              lambda n=name: same(stack, served, n), 120, 0.5)
            print(f'{name}: answers and revisions of three views, as the node has them: {counts}, '
                  f'{time.monotonic() - started:.1f} s after the end')
        served.judge()
        found, windows = oracle.compare(oracle.PlantLog(stack.plant_log),
                                        served.answers('serve2', VIEW), oracle.SECOND, {})
        if found or not windows:
            raise Failed('\n'.join(found[:10]) or 'no window was compared')
        then = [served.answers(name, VIEW, as_of=halfway) for name in NODES]
        if not then[0] or then[0] != then[1] or len(then[0]) >= len(answers):
            raise Failed(f'as of {halfway} they say {len(then[0])} and {len(then[1])} answers')
        ids = listen(served, 'serve1', first)
        if not ids or ids != list(range(first + 1, first + 1 + len(ids))):
            raise Failed(f'after position {first} a listener hears of {ids[:10]}…')
        check_faces(stack, served)
        wanted = served.answers('serve2', VIEW)
        stack.stop('serve2')
        code, out, _ = served.run_cli('serve2', 'cloud', 'query', VIEW, '--json', '--limit', ALL)
        if code != 0 or oracle.load_answers(out) != wanted:
            raise Failed('the store of a stopped node says something else')
        print(f'{served.asked} answers looked at meanwhile, {windows} windows compared with what '
              f'was sent, {len(then[0])} answers as of {halfway}, {len(ids)} events heard')


if __name__ == '__main__':
    sys.exit(kafka_broker.run_alone(run))
