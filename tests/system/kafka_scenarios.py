"""Scenarios of scenarios.py that know of the Kafka between gateway and cloud: run with --kafka."""
import errno
import json
import os
import random
import shutil
import signal
import subprocess
import time
import urllib.error
import urllib.request

import oracle
from kafka_broker import Unavailable, partition_of
from scenarios import EDGE, VIEW, Failed, judge, sensors, start_chain, wait_for


def need_kafka(stack):
    if not stack.kafka_broker:
        raise Failed('this scenario is about Kafka: say --kafka')
    return stack.kafka_broker


def broker_dies(stack, rounds=6, seed=None):
    """Broker, gateway and cloud node take turns to die by kill -9; the broker also stands still."""
    broker = need_kafka(stack)
    seed = seed if seed is not None else random.randrange(1 << 30)
    print(f'seed {seed}')
    rng = random.Random(seed)
    stack.start_broker()
    start_chain(stack, sync='50ms')
    stack.start_plant(sensors=sensors(20, 55))
    time.sleep(2)
    for turn in range(rounds):
        time.sleep(rng.uniform(0.5, 2))
        broker.kill()
        if turn % 3 == 1:
            stack.kill('gateway')
            stack.start_gateway()
        if turn % 3 == 2:
            stack.kill('cloud')
            stack.start_cloud()
        time.sleep(rng.uniform(0, 2))
        broker.start()
    broker.signal(signal.SIGSTOP)
    time.sleep(8)
    broker.signal(signal.SIGCONT)
    time.sleep(2)
    stack.stop_plant()
    judge(stack, limit=240)


def goes_on(stack, what, limit=60):
    """A window that begins now is answered; prints how long that took."""
    started = time.time()
    wait_for(f'answers after {what}', lambda: any(
        oracle.parse_time(a['start']) > started * oracle.SECOND
        for a in stack.answers(VIEW, '--newest', '1')), limit, 0.1)
    print(f'{what}: the next window was answered {time.time() - started:.1f} s later')


class SmallDisk:
    """The data of a broker on a file system of its own, that can be filled."""
    SIZE = 96 << 20

    def __init__(self, node):
        self.node = node
        self.filler = os.path.join(node.data, 'filler')
        kept = node.data + '.before'
        node.stop()
        os.rename(node.data, kept)
        os.makedirs(node.data)
        subprocess.run(['mount', '-t', 'tmpfs', '-o', f'size={self.SIZE}', 'tmpfs', node.data],
                       check=True)
        shutil.copytree(kept, node.data, dirs_exist_ok=True)
        node.start()

    def fill(self):
        with open(self.filler, 'wb', buffering=0) as out:
            try:
                while True:
                    out.write(bytes(1 << 16))
            except OSError as full:
                if full.errno != errno.ENOSPC:
                    raise

    def end(self):
        self.node.stop()
        subprocess.run(['umount', self.node.data], check=True)


def disk_full(stack):
    """The disk of a broker is full. Of three the others go on, and the gateway says that copies are
    missing; where it is the only one gateway and cloud say so, the edge keeps what it has, and all
    goes on when there is room again."""
    broker = need_kafka(stack)
    if os.geteuid() != 0:
        raise Unavailable('only root mounts a file system')
    node = broker.nodes[-1]
    disk = SmallDisk(node)
    try:
        alone = len(broker.nodes) == 1
        stack.start_broker()
        start_chain(stack)
        stack.start_plant(sensors=sensors(8, 50))
        time.sleep(2)
        wait_for('all copies to be in sync', broker.in_sync, 120, 0.5)
        disk.fill()
        wait_for('Kafka to end for want of room', lambda: not node.alive(), 60, 0.2)
        if alone:
            def said():
                both = [stack.json('gateway', 'status')['cloud']['kafka']['problem'],
                        unready(stack)]
                return all(both) and both
            print(f'said: {wait_for("gateway and cloud to tell of it", said, 60, 0.5)}')
            wait_for('the edge to keep what it has', lambda: stack.blocks_pending() > 0, 30, 0.2)
        else:
            goes_on(stack, f'the disk of broker {node.number} of three was full')
            print('said: ' + wait_for('the gateway to tell of it', lambda: stack.json(
                'gateway', 'status')['cloud']['kafka']['note'], 60, 0.5))
        os.remove(disk.filler)
        node.start()
        goes_on(stack, 'there was room again', 120)
        if not alone:
            wait_for('the gateway to miss nothing', lambda: not stack.json(
                'gateway', 'status')['cloud']['kafka']['note'], 60, 0.5)
        stack.stop_plant()
        judge(stack, limit=240)
    finally:
        disk.end()


def unready(stack):
    """Why the cloud's node says that it is not ready; empty: it is."""
    try:
        with urllib.request.urlopen(f'http://127.0.0.1:{stack.http_port}/readyz', timeout=5):
            return ''
    except urllib.error.HTTPError as why:
        return why.read().decode()


def one_of_three(stack):
    """Of three brokers the one that leads dies or stands still, when the others have all:
    acknowledged blocks stay, and the chain goes on without it."""
    broker = need_kafka(stack)
    if len(broker.nodes) != 3:
        raise Failed('this scenario is about three brokers: say --kafka 3')
    stack.start_broker()
    start_chain(stack)
    state = stack.json('gateway', 'topics', 'check')
    if not state['good'] or state['layout']['dev'] or state['layout']['min_insync'] != 2:
        raise Failed(f'topics check: {state}')
    stack.start_plant(sensors=sensors(8, 50))
    time.sleep(2)
    live = ('test.blocks.live', partition_of(EDGE, stack.partitions))
    for _ in range(2):
        wait_for('all copies to be in sync', broker.in_sync, 120, 0.5)
        node = broker.leader(*live)
        node.kill()
        goes_on(stack, f'the leader, broker {node.number}, died')
        node.start()
        wait_for('all copies to be in sync', broker.in_sync, 120, 0.5)
        node = broker.leader(*live)
        node.signal(signal.SIGSTOP)
        goes_on(stack, f'the leader, broker {node.number}, stands still')
        node.signal(signal.SIGCONT)
    stack.stop_plant()
    judge(stack, limit=240)


def cloud_wiped(stack):
    """A cloud node that has lost its disk makes all its answers anew from Kafka."""
    need_kafka(stack)
    stack.start_broker()
    start_chain(stack)
    stack.start_plant(sensors=sensors(8, 50), run_for='8s')
    stack.finish_plant(60)
    before = judge(stack)
    stack.kill('cloud')
    shutil.rmtree(stack.path('data', 'cloud'))
    stack.start_cloud()
    after = judge(stack)

    def figures(answers):
        return sorted((a['series'], a['start'], str(a['values'])) for a in answers)
    if figures(before) != figures(after):
        raise Failed('answers made anew are others')


def answers_topic(stack):
    """With publish.answers the topic holds, by key, what the node answers; also after kill -9."""
    broker = need_kafka(stack)
    stack.start_broker()
    stack.more_of_cloud = '[publish]\nanswers = true\n'
    start_chain(stack)
    stack.start_plant(sensors=sensors(4, 50))
    for _ in range(2):
        time.sleep(3)
        stack.kill('cloud')
        stack.start_cloud()
    time.sleep(2)
    stack.stop_plant()
    time.sleep(2)  # a window's first answer is due a second after its readings
    windows = {(a['series'], a['start']) for a in judge(stack)}

    def same():
        # The node goes on: windows are sealed, and later ones are answered.
        found = {}
        for value in broker.values('test.answers'):
            answer = json.loads(value, parse_int=oracle.parse_int)
            if answer['view'] == VIEW:
                found[answer['series'], answer['start']] = answer
        wanted = {(a['series'], a['start']): a for a in stack.answers(VIEW)}
        return windows <= wanted.keys() and all(
            found.get(key, {}).get(part) == wanted[key][part]
            for key in windows for part in ('values', 'revision', 'state', 'completeness'))
    wait_for(f'the topic to hold {len(windows)} answers', same, 90, 1)
    print(f'{len(windows)} answers in the topic')


POISON = [({'type': 'block', 'lane': 'live'}, 'this is no block', 'unreadable'),
          ({'type': 'parquet'}, 'PAR1', 'foreign')]


def poison(stack):
    """A corrupt record and one of another format, into the partitions where edges are read."""
    for headers, value, _ in POISON:
        stack.kafka_broker.produce('test.blocks.live', EDGE, headers, value)


def check_poison(stack):
    """Both are named in the status, kept as they came, in their topic, and can be dropped."""
    wanted = {why: 1 for _, _, why in POISON}
    wait_for(f'the status to say {wanted}',
             lambda: stack.cloud_status()['dead_letters'] == wanted, 60, 0.5)
    gauges = stack.metrics_of('tidemark_cloud_dead_letters{')
    print(gauges)
    letters = stack.json('cloud', 'deadletter', 'list')['deadletters']
    for _, value, why in POISON:
        letter = next(l for l in letters if l['why'] == why)
        where = letter['partition']
        name = f'{letter["id"]}' if where is None else f'{where}/{letter["id"]}'
        if not letter['origin'].startswith('test.blocks.live/'):
            raise Failed(f'nobody can tell where it came from: {letter}')
        file = stack.path('letter')
        stack.cli('cloud', 'deadletter', 'show', name, '--raw', file)
        with open(file, encoding='utf-8') as raw:
            if raw.read() != value:
                raise Failed(f'{letter} is not as it came')
        code, _, err = stack.cli('cloud', 'deadletter', 'retry', name, check=False)
        if code != 65:
            raise Failed(f'retry of what nobody can read: exit {code} {err}')
        stack.cli('cloud', 'deadletter', 'drop', name, '--reason', 'a test')
    if stack.cloud_status()['dead_letters']:
        raise Failed('letters are kept that were dropped')
    wait_for('the topic to hold them', lambda: sorted(
        stack.kafka_broker.values('test.deadletters')) == sorted(v for _, v, _ in POISON), 60, 1)
    headers = [r['headers'] for r in stack.kafka_broker.records('test.deadletters')]
    print(json.dumps(headers, indent=1))
    if {h['why'] for h in headers} != set(wanted) or \
            not all(h['source'].startswith('test.blocks.live/') for h in headers):
        raise Failed(f'the records say {headers}')


def poisoned(stack):
    """A corrupt record, and one of another format, stop nothing."""
    need_kafka(stack)
    stack.start_broker()
    start_chain(stack)
    stack.start_plant(sensors=sensors(8, 50))
    time.sleep(2)
    poison(stack)
    time.sleep(2)
    stack.stop_plant()
    judge(stack)
    check_poison(stack)


KAFKA = {'answers_topic': answers_topic, 'poisoned': poisoned, 'broker_dies': broker_dies,
         'one_of_three': one_of_three, 'disk_full': disk_full, 'cloud_wiped': cloud_wiped}
