#!/usr/bin/env python3
"""Edge -> gateway -> a real Kafka: topics are made and checked, every block of the edge's ring lies
in Kafka once it is acknowledged, also over a broker that is paused, killed and away at the start.

Exits 0, 1 with what was wrong, or 77 when no broker can be had."""
import signal
import sys

import kafka_broker
from stack import EDGE, Failed, Stack, wait_for

PREFIX = 'test'
LIVE = f'{PREFIX}.blocks.live'
BACKLOG = f'{PREFIX}.blocks.backlog'


def expect(good, what):
    if not good:
        raise Failed(what)


def write_gateway(stack, broker):
    stack.zmq = 'ipc://unused'
    stack.prepare_gateway()
    with open(stack.path('etc', 'gateway.toml'), encoding='utf-8') as file:
        text = file.read()
    stack.write('gateway.toml', text.replace(
        f'zmq = "{stack.zmq}"',
        f'kafka = {{ brokers = "{broker.address}", prefix = "{PREFIX}" }}'))


def kafka_status(stack):
    return stack.json('gateway', 'status')['cloud']['kafka']


def all_acknowledged(stack):
    def done():
        stack.check_alive()
        return stack.blocks_pending() == 0
    wait_for('the edge to be acknowledged', done, 120, 0.5)


def blocks_in(broker):
    """Names of blocks in Kafka: (start of the edge, sequence)."""
    found = set()
    for topic in (LIVE, BACKLOG):
        for record in broker.records(topic):
            headers = record['headers']
            if headers.get('type') != 'block':
                continue
            expect(record['key'] == EDGE, f'a block under the key {record["key"]}')
            expect(record['stamp'] == 'LogAppendTime', f'a block stamped {record["stamp"]}')
            found.add((headers['incarnation'], int(headers['sequence'])))
    return found


def publish(stack, seconds):
    stack.start_plant(sensors=[{'name': 'm00', 'channels': ['a', 'b'], 'rate': 20}],
                      run_for=f'{seconds}s')
    stack.finish_plant(seconds + 60)


def topics(stack, broker):
    code, out, err = stack.cli('gateway', 'topics', 'check', check=False)
    expect(code == 1 and 'topics init' in out, f'check without topics: {code} {out} {err}')
    code, out, err = stack.cli('gateway', 'topics', 'init', check=False)
    expect(code != 0, f'one broker is enough for init without --dev: {out}')
    code, out, err = stack.cli('gateway', 'topics', 'init', '--dev', '--partitions', '3',
                               check=False)
    expect(code == 0 and LIVE in out, f'init --dev: {code} {out} {err}')
    state = stack.json('gateway', 'topics', 'check')
    expect(state['good'] and state['layout']['partitions'] == 3, f'check: {state}')
    code, out, err = stack.cli('gateway', 'topics', 'init', '--dev', '--partitions', '4',
                               check=False)
    expect(code != 0 and 'fixed' in err, f'another layout is taken: {out} {err}')


def run(folder, broker):
    with Stack(folder) as stack:
        write_gateway(stack, broker)
        stack.start_gateway()
        wait_for('the gateway to miss its topics',
                 lambda: 'topics init' in (kafka_status(stack)['problem'] or ''), 60, 0.5)
        topics(stack, broker)
        wait_for('the gateway to find its topics', lambda: not kafka_status(stack)['problem'], 60,
                 0.5)
        expect(kafka_status(stack)['note'], 'topics for development are not told of')

        stack.start_broker()
        stack.write_edge(stack.mqtt_source())
        stack.enroll()
        stack.start_edge()
        publish(stack, 5)
        all_acknowledged(stack)
        before = blocks_in(broker)
        expect(before, 'nothing in Kafka')

        broker.signal(signal.SIGSTOP)  # a pause: what waits does not get lost
        publish(stack, 3)
        broker.signal(signal.SIGCONT)
        all_acknowledged(stack)

        broker.kill()
        publish(stack, 3)
        wait_for('the gateway to tell of it', lambda: kafka_status(stack)['problem'], 60, 0.5)
        expect(stack.blocks_pending() > 0, 'blocks are acknowledged without a broker')
        stack.kill('gateway')  # what it held has no copy but the edge's
        stack.start_gateway()
        broker.start()
        all_acknowledged(stack)

        after = blocks_in(broker)
        expect(before < after, 'blocks of before are gone')
        for start in {name[0] for name in after}:
            sequences = sorted(n for s, n in after if s == start)
            expect(sequences == list(range(1, len(sequences) + 1)),
                   f'blocks of {start} are missing: {sequences}')
        sent = stack.edge_status()['uplink']
        print(f'{len(after)} blocks in Kafka, {sent}')


if __name__ == '__main__':
    sys.exit(kafka_broker.run_alone(run))
