#!/usr/bin/env python3
"""Programs that know nothing of Tidemark read its topics of answers, events and dead letters.

    kafka_consumers.py kcat|kafkajs

Each record of answers is JSON under the key that it names, the revisions of a key never go back,
and its last record is what `tidemark cloud query` says, also over kill -9 of the node; events are
those of the machine's own history; letters come with their reasons. Exits 0, 1 with what was
wrong, or 77 when the program cannot be had."""
import hashlib
import json
import os
import shutil
import subprocess
import sys
import time

import anomalies
import kafka_broker
import oracle
from kafka_answers import answers_in, by_key
from kafka_scenarios import POISON, poison
from scenarios import VIEW, judge, sensors, start_chain
from stack import Failed, Stack, wait_for

HERE = os.path.dirname(os.path.abspath(__file__))
FETCH_LIMIT = 200  # seconds
READ_LIMIT = 60


class Kcat:
    def __init__(self, folder):
        del folder
        kafka_broker.need('kcat', 'kcat')

    def words(self, address, topic):
        return ['kcat', '-b', address, '-C', '-t', topic, '-o', 'beginning', '-e', '-q', '-J']

    def record(self, line):
        """As kafkajs has it; kcat's headers are a list of names and values in turn."""
        found = json.loads(line)
        flat = found.get('headers', [])
        return {**found, 'headers': dict(zip(flat[::2], flat[1::2]))}


class Kafkajs:
    def __init__(self, folder):
        kafka_broker.need('node', 'nodejs')
        kafka_broker.need('npm', 'npm')
        package = os.path.join(HERE, 'kafka', 'package.json')
        with open(package, 'rb') as file:
            version = hashlib.sha256(file.read()).hexdigest()[:8]
        self.folder = os.path.expanduser(f'~/.cache/tidemark/kafkajs-{version}')
        if os.path.isdir(self.folder):
            return
        part = os.path.join(folder, 'npm')
        os.makedirs(part)
        shutil.copy(package, part)
        try:
            done = subprocess.run(['npm', 'install', '--ignore-scripts', '--no-audit', '--no-fund'],
                                  cwd=part, capture_output=True, text=True, timeout=FETCH_LIMIT,
                                  check=False)
        except subprocess.TimeoutExpired:
            raise kafka_broker.Unavailable(
                f'npm did not fetch kafkajs within {FETCH_LIMIT} s') from None
        if done.returncode:
            raise kafka_broker.Unavailable(f'npm could not fetch kafkajs: {done.stderr[-300:]}')
        os.makedirs(os.path.dirname(self.folder), exist_ok=True)
        shutil.move(part, self.folder)

    def words(self, address, topic):
        return ['env', f'NODE_PATH={self.folder}/node_modules', 'node',
                os.path.join(HERE, 'kafka', 'consume.js'), address, topic]

    def record(self, line):
        return json.loads(line)


PROGRAMS = {'kcat': Kcat, 'kafkajs': Kafkajs}


def read(program, address, topic):
    done = subprocess.run(program.words(address, topic), capture_output=True, text=True,
                          timeout=READ_LIMIT, check=False)
    if done.returncode:
        raise Failed(f'{topic} cannot be read: {done.stderr[-500:]}')
    return [program.record(line) for line in done.stdout.splitlines()]


def same_as_queried(stack, program, windows):
    """Whether the topic says what the node does; how many records and answers, then."""
    records = read(program, stack.kafka, 'test.answers')
    found = answers_in(records)
    wanted = by_key(a for view in (VIEW, 'minute') for a in stack.answers(view))
    if not windows <= wanted.keys():
        raise Failed('the node has lost answers')
    if found != wanted:
        return None
    return len(records), len(found)


def check_letters(stack, program):
    wanted = sorted((why, value) for _, value, why in POISON)
    records = []

    def come():
        records[:] = read(program, stack.kafka, 'test.deadletters')
        # One that was said just before the kill may come twice.
        return sorted({(r['headers']['why'], r['payload']) for r in records}) == wanted
    try:
        wait_for('the dead letters', come, 30, 1)
    except Failed:
        raise Failed(f'{records} instead of {wanted}') from None
    for r in records:
        headers = r['headers']
        if not headers['source'].startswith('test.blocks.live/') or not headers['reason'] or \
                oracle.parse_time(headers['at']) == 0:
            raise Failed(f'a letter says {headers}')


def run(program, folder, broker):
    os.makedirs(folder, exist_ok=True)
    consumer = PROGRAMS[program](folder)
    with Stack(folder) as stack:
        stack.kafka, stack.kafka_broker = broker.address, broker
        stack.more_of_cloud = '[publish]\nanswers = true\n'
        stack.start_broker()
        start_chain(stack, extra=anomalies.rules())
        stack.start_plant(sensors=sensors(4, 50, **anomalies.SPIKES))
        time.sleep(3)
        poison(stack)
        stack.kill('cloud')
        stack.start_cloud()
        time.sleep(3)
        stack.stop_plant()
        windows = {(a['view'], a['series'], a['start']) for a in judge(stack)}
        # The node goes on: windows are sealed, and later ones are answered.
        records, keys = wait_for('the topic to say what the node does',
                                 lambda: same_as_queried(stack, consumer, windows), 120, 1)
        check_letters(stack, consumer)
        events = anomalies.judge(stack)
        anomalies.same('the topic', lambda: anomalies.of_the_topic(
            read(consumer, stack.kafka, 'test.events')), events)
        print(f'{program}: {records} records of {keys} answers, as the node has them, '
              f'{len(events)} events, as the machine has them, and {len(POISON)} dead letters')


def main():
    if len(sys.argv) != 2 or sys.argv[1] not in PROGRAMS:
        print(__doc__.split('\n\n')[1], file=sys.stderr)
        return 64
    return kafka_broker.run_alone(lambda folder, broker: run(sys.argv[1], folder, broker))


if __name__ == '__main__':
    sys.exit(main())
