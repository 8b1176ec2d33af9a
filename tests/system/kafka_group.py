"""Scenarios of cloud nodes that share the partitions of a Kafka (intake.kafka.group), with edges in
all of them: run with --kafka."""
import contextlib
import json
import signal
import sqlite3
import time
import urllib.error
import urllib.request

import anomalies
import oracle
from kafka_answers import answers_in, by_key, differences
from kafka_scenarios import check_poison, need_kafka, poison
from kafka_serving import Served
from scenarios import VIEW, Failed, connected, judge, sensors, start_chain, wait_for
from stack import free_port

GROUP = 'cloud'
SESSION = 6  # seconds; the brokers allow no less
CHECKPOINTS = 2  # seconds
PARTITIONS = 3
ANSWERS_MAX = 100_000
ONE_BATCH = 8  # records of one edge, at most; while the node stands still there come 40 and more


class Nodes:
    """Further cloud nodes of the group; the stack's own is `cloud`."""

    def __init__(self, stack, more_of_intake=''):
        self.stack = stack
        self.more_of_intake = more_of_intake
        self.ports = {}

    def start(self, name):
        stack = self.stack
        if name not in self.ports:
            self.ports[name] = free_port()
            stack.write(f'{name}.toml', f'data_dir = "{stack.path("data", name)}"\n\n'
                        f'[intake]\n{way(stack)}\n{self.more_of_intake}\n\n'
                        f'[http]\nlisten = "127.0.0.1:{self.ports[name]}"\n\n'
                        f'{stack.more_of_cloud}')
        stack.launch(name, stack.program('tidemark-cloud'), '--config',
                     stack.path('etc', f'{name}.toml'))
        stack.wait_port(name, self.ports[name])

    def port(self, name):
        return self.stack.http_port if name == 'cloud' else self.ports[name]

    def get(self, name, path):
        url = f'http://127.0.0.1:{self.port(name)}{path}'
        with urllib.request.urlopen(url, timeout=10) as reply:
            return json.load(reply, parse_int=oracle.parse_int)

    def answers(self, name, view):
        """As `tidemark cloud query` has them from a node."""
        _, out, _ = self.stack.cli('cloud', 'query', view, '--json', '--limit', str(ANSWERS_MAX),
                                   '--url', f'http://127.0.0.1:{self.port(name)}', limit=120)
        found = oracle.load_answers(out)
        if len(found) == ANSWERS_MAX:
            raise Failed('too many answers to compare')
        return found

    def has(self, name):
        """Partitions that are open on a node."""
        return {o['partition'] for o in self.get(name, '/v1/edges')['owners'] if o['here']}


def way(stack):
    return (f'kafka = {{ brokers = "{stack.kafka}", prefix = "test", group = "{GROUP}", '
            f'session = "{SESSION}s", checkpoint_interval = "{CHECKPOINTS}s" }}')


def start_group(stack, **options):
    """The chain, with its cloud node as the first of a group. `options`: of start_chain."""
    need_kafka(stack)
    cloud_way = way(stack)
    plain = stack.way
    prepare = stack.prepare_cloud

    def prepare_member(*arguments):
        stack.way = lambda: cloud_way
        prepare(*arguments)
        stack.way = plain
    stack.prepare_cloud = prepare_member
    stack.start_broker()
    start_chain(stack, **options)
    nodes = Nodes(stack)
    wait_for('the node to have all partitions',
             lambda: len(nodes.has('cloud')) == PARTITIONS, 60, 0.2)
    return nodes


def plant(stack, run_for=None, **sensor):
    options = {'run_for': run_for} if run_for else {}
    stack.start_plant(sensors=sensors(8, 50, **sensor), **options)


def owner_of_the_edge(stack, nodes, names):
    """The node that answers for the edge, once there is one."""
    def found():
        for name in names:
            edges = nodes.get(name, '/v1/edges')['edges']
            if edges:
                return name
        return None
    return wait_for('a node to have the edge', found, 90, 0.2)


def share(nodes, *names):
    """Waits until each node has a part, and all of them all."""
    def shared():
        parts = [nodes.has(name) for name in names]
        return all(parts) and sum(len(p) for p in parts) == PARTITIONS == len(set.union(*parts))
    wait_for(f'{names} to share the partitions', shared, 90, 0.2)


def group_alone(stack):
    """One node of a group answers what a node without one does; stopped, its stores read the
    same."""
    nodes = start_group(stack)
    plant(stack, '8s')
    stack.finish_plant(60)
    before = judge(stack)
    status = stack.cloud_status()
    owners = {o['partition']: o['owner'] for o in status['owners']}
    if len(owners) != PARTITIONS or len(set(owners.values())) != 1 or None in owners.values():
        raise Failed(f'owners are {status["owners"]}')
    stack.stop('cloud')
    after = stack.answers(VIEW)
    figures = [sorted((a['series'], a['start'], str(a['values'])) for a in some)
               for some in (before, after)]
    if figures[0] != figures[1]:
        raise Failed('the stores of the stopped node answer something else')
    stack.start_cloud()
    wait_for('the node to have all partitions again',
             lambda: len(nodes.has('cloud')) == PARTITIONS, 60, 0.2)
    judge(stack)


def take_over(stack, nodes, victim, other, disturb, again):
    """`victim` has the edge; `disturb` stops it, `again` brings it back when `other` has all."""
    started = time.monotonic()
    disturb()
    wait_for(f'{other} to have all partitions', lambda: len(nodes.has(other)) == PARTITIONS, 120,
             0.1)
    wait_for(f'{other} to answer for the edge',
             lambda: nodes.get(other, '/v1/edges')['edges'], 60, 0.05)
    restored = [o['partition'] for o in nodes.get(other, '/v1/edges')['owners']
                if o['here'] and o['restored']]
    print(f'{other} answers {time.monotonic() - started:.1f} s after {victim} stood still, '
          f'session {SESSION} s, partitions from a checkpoint: {restored}')
    again()


def judged_at(stack, nodes, name):
    """judge() asks the node at the stack's address."""
    stack.http_port = nodes.port(name)
    path = stack.path('etc', 'cloud.toml' if name == 'cloud' else f'{name}.toml')
    stack.environment['TIDEMARK_CLOUD_CONFIG'] = path
    return judge(stack, limit=120)


def group_poisoned(stack):
    """As `poisoned`: letters lie in the store of their partition."""
    start_group(stack)
    plant(stack)
    time.sleep(2)
    poison(stack)
    time.sleep(2)
    stack.stop_plant()
    judge(stack)
    check_poison(stack)


def group_moves(stack):
    """Of two nodes the one that has the edge dies by kill -9, two times."""
    nodes = start_group(stack)
    nodes.start('cloud2')
    share(nodes, 'cloud', 'cloud2')
    plant(stack)
    names = ['cloud', 'cloud2']
    for _ in range(2):
        victim = owner_of_the_edge(stack, nodes, names)
        other = names[1 - names.index(victim)]
        start = stack.start_cloud if victim == 'cloud' else lambda: nodes.start('cloud2')
        time.sleep(2)
        take_over(stack, nodes, victim, other, lambda: stack.kill(victim), start)
        share(nodes, 'cloud', 'cloud2')
    stack.stop_plant()
    connected(stack, 45)
    judged_at(stack, nodes, owner_of_the_edge(stack, nodes, names))


def check_topic(stack, nodes, names, views, partitions=PARTITIONS):
    """The topic's last record of each window is what its owner answers, and none went back."""
    left = []

    def agree():
        if any(o['unpublished'] for n in names for o in nodes.get(n, '/v1/edges')['owners']
               if o['here']):
            return None
        wanted = by_key(a for name in names for view in views for a in nodes.answers(name, view))
        records = stack.kafka_broker.committed('test.answers')
        found = answers_in(records, rising=True, partitions=partitions)
        left[:] = differences({key: a for key, a in found.items() if key[0] in views}, wanted)
        return None if left or not wanted else (len(records), len(wanted))
    try:
        records, windows = wait_for('the topic to say what the nodes answer', agree, 120, 1)
    except Failed as failed:
        raise Failed(f'{failed}: {len(left)} differences\n' + '\n'.join(left[:5])) from None
    print(f'{records} records of {windows} windows in the topic, as the nodes answer them')


def group_publishes(stack):
    """As group_moves, and one stands still until the other has its partitions: who reads the topic
    of answers sees no revision go back, whoever says it, and in the end what the nodes answer. So
    does who asks a node that serves them."""
    stack.more_of_cloud = '[publish]\nanswers = true\n'
    nodes = start_group(stack)
    nodes.start('cloud2')
    share(nodes, 'cloud', 'cloud2')
    served = Served(stack, (VIEW, 'minute'))
    served.start('serve')
    served.thread.start()
    plant(stack)
    names = ['cloud', 'cloud2']
    for how in ('killed', 'paused', 'killed'):
        victim = owner_of_the_edge(stack, nodes, names)
        other = names[1 - names.index(victim)]
        time.sleep(3)
        if how == 'killed':
            start = stack.start_cloud if victim == 'cloud' else lambda: nodes.start('cloud2')
            take_over(stack, nodes, victim, other, lambda: stack.kill(victim), start)
        else:
            paused = stack.running[victim]
            take_over(stack, nodes, victim, other, lambda: paused.send_signal(signal.SIGSTOP),
                      lambda: paused.send_signal(signal.SIGCONT))
        share(nodes, *names)
    stack.stop_plant()
    connected(stack, 45)
    judged_at(stack, nodes, owner_of_the_edge(stack, nodes, names))
    stack.stop('edge')  # else new windows are sealed while the topic is read
    check_topic(stack, nodes, names, (VIEW, 'minute'))

    def serves_them():
        wanted = by_key(a for name in names for view in served.views
                        for a in nodes.answers(name, view))
        return not differences(by_key(a for view in served.views
                                      for a in served.answers('serve', view)), wanted)
    wait_for('the node that serves to say what the nodes answer', serves_them, 60, 1)
    served.judge()
    print(f'{served.asked} answers that were served meanwhile did not go back')


def group_events(stack):
    """Of two nodes, which say what they answer, the one that has the edge dies two times: the one
    that has it in the end, and the topic, have every event that the machine has, once."""
    stack.more_of_cloud = '[publish]\nanswers = true\n'
    nodes = start_group(stack, extra=anomalies.rules())
    nodes.start('cloud2')
    names = ['cloud', 'cloud2']
    share(nodes, *names)
    plant(stack, **anomalies.SPIKES)
    for _ in range(2):
        victim = owner_of_the_edge(stack, nodes, names)
        other = names[1 - names.index(victim)]
        start = stack.start_cloud if victim == 'cloud' else lambda: nodes.start('cloud2')
        time.sleep(5)
        take_over(stack, nodes, victim, other, lambda name=victim: stack.kill(name), start)
        share(nodes, *names)
    stack.stop_plant()
    connected(stack, 45)
    owner = owner_of_the_edge(stack, nodes, names)
    judged_at(stack, nodes, owner)
    events = anomalies.judge(stack, '--url', f'http://127.0.0.1:{nodes.port(owner)}')
    records = []

    def of_the_topic():
        records[:] = stack.kafka_broker.committed('test.events')
        return anomalies.of_the_topic(records)
    anomalies.same('the topic', of_the_topic, events)
    if len(records) != len(events):
        raise Failed(f'{len(records)} records of {len(events)} events: some were said again')
    print(f'{len(events)} events, each once in the topic')


def positions(stack, node, parts):
    """How far a node has taken the live data of its partitions, by its stores."""
    found = {}
    for part in parts:
        path = stack.path('data', node, 'p', f'{part:03}', 'cloud.db')
        with contextlib.closing(sqlite3.connect(f'file:{path}?mode=ro', uri=True)) as store:
            rows = store.execute("SELECT value FROM meta WHERE key LIKE ?",
                                 (f'kafka % live {part}',)).fetchall()
        found[part] = rows[0][0] if rows else 0
    return found


def group_paused(stack):
    """The node that has the edge is stopped until others have its partitions, and goes on: it
    commits nothing more, says that it has lost them, and comes again as anybody does."""
    nodes = start_group(stack)
    nodes.start('cloud2')
    share(nodes, 'cloud', 'cloud2')
    plant(stack)
    names = ['cloud', 'cloud2']
    victim = owner_of_the_edge(stack, nodes, names)
    other = names[1 - names.index(victim)]
    time.sleep(3)
    parts = nodes.has(victim)
    before = {}

    def pause():
        stack.running[victim].send_signal(signal.SIGSTOP)
        before.update(positions(stack, victim, parts))
    take_over(stack, nodes, victim, other, pause, lambda: None)
    time.sleep(3)
    stack.running[victim].send_signal(signal.SIGCONT)
    wait_for(f'{victim} to hear that it has lost them',
             lambda: 'lost=true' in stack.log_tail(victim, 200), 30, 0.002)
    after = positions(stack, victim, parts)
    print(f'{victim} had taken {before}, and {after} when it heard of the loss')
    if not any(before.values()):
        raise Failed(f'{victim} had taken nothing before it stood still')
    for part, position in after.items():
        # A commit that had begun is ended; for more it has no right.
        if position - before[part] > ONE_BATCH:
            raise Failed(f'{victim} took records of partition {part} after it had lost it')
    share(nodes, *names)
    stack.stop_plant()
    connected(stack, 45)
    judged_at(stack, nodes, owner_of_the_edge(stack, nodes, names))


def group_grows(stack, rounds=3):
    """Nodes come and go: partitions that stay with their node are not touched, and no node that
    lives is counted out."""
    nodes = start_group(stack)
    plant(stack)
    for _ in range(rounds):
        for name in ('cloud2', 'cloud3'):
            nodes.start(name)
            share(nodes, *[n for n in ('cloud', 'cloud2', 'cloud3') if stack.alive(n)])
        for name in ('cloud2', 'cloud3'):
            stack.stop(name)
            share(nodes, *[n for n in ('cloud', 'cloud3') if stack.alive(n)])
    stack.stop_plant()
    judged_at(stack, nodes, 'cloud')
    for name in ('cloud', 'cloud2', 'cloud3'):
        lost = [line for line in stack.log_tail(name, 10_000).splitlines() if 'lost=true' in line]
        if lost:
            raise Failed(f'{name} was counted out:\n' + '\n'.join(lost))


def group_crashes(stack):
    """A node dies by kill -9 and comes again at once, as systemd does it: it waits until the
    brokers have counted out its former self, and the others work on, confirmed as members."""
    nodes = start_group(stack)
    names = ['cloud', 'cloud2', 'cloud3']
    for name in names[1:]:
        nodes.start(name)
    share(nodes, *names)
    plant(stack)
    for name in names[1:]:
        time.sleep(3)
        stack.kill(name)
        started = time.monotonic()
        nodes.start(name)
        others = [n for n in names if n != name]
        unsure = []

        def shared():
            unsure.extend(f'{n}: {why}' for n in others for why in [not_ready(nodes, n)]
                          if 'not confirmed' in why)
            return nodes.has(name) and len(set.union(*map(nodes.has, names))) == PARTITIONS
        wait_for(f'{name} to have a part again', shared, 90, 0.1)
        print(f'{name} has a part again after {time.monotonic() - started:.1f} s, '
              f'session {SESSION} s')
        if unsure:
            raise Failed('nodes that live were in doubt:\n' + '\n'.join(unsure[:5]))
        if 'waits to join' not in stack.log_tail(name, 10_000):
            raise Failed(f'{name} did not wait for the end of its former session')
        share(nodes, *names)
    stack.stop_plant()
    connected(stack, 45)
    judged_at(stack, nodes, owner_of_the_edge(stack, nodes, names))


def not_ready(nodes, name):
    """Why a node is not; empty when it is."""
    try:
        nodes.get(name, '/readyz')
    except urllib.error.HTTPError as error:
        return error.read().decode()
    return ''


GROUPS = {'group_alone': group_alone, 'group_poisoned': group_poisoned,
          'group_crashes': group_crashes, 'group_grows': group_grows, 'group_moves': group_moves,
          'group_paused': group_paused, 'group_publishes': group_publishes,
          'group_events': group_events}
