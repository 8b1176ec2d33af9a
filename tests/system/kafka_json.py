#!/usr/bin/env python3
"""Plain JSON readings from a real Kafka: they are answered as is estimated, once each also over
kill -9 of the node and of the broker, late ones revise, and what is no reading is a dead letter.

    kafka_json.py [group]

`group`: by three nodes that share the partitions; of these the one that reads them dies, loses its
disk, and stands still until another does. Exits 0, 1 with what was wrong, or 77 when no broker can
be had."""
import json
import shutil
import signal
import sys
import urllib.request
from datetime import datetime, timedelta, timezone

import kafka_broker
from kafka_group import PARTITIONS as PARTITIONS_OF_GROUP
from kafka_group import Nodes, owner_of_the_edge, share
from stack import Failed, Stack, ledger_adds_up, wait_for

TOPIC = 'plant.readings'
PARTITIONS = 3
DEVICES = ('press-07', 'press-08')
MINUTES = 6
BEGIN = datetime(2026, 11, 21, 2, 0, tzinfo=timezone.utc)
VIEW = 'minute'
JSON = f'json = {{ topic = "{TOPIC}", gather = "50ms" }}'


class Node(Stack):
    """A cloud node that reads the topic; no gateway, no edge, and no topics for them."""

    def way(self):
        return f'kafka = {{ brokers = "{self.kafka}", prefix = "test" }}\n{JSON}'

    def urls(self):
        return [f'http://127.0.0.1:{self.http_port}']

    def ledger(self):
        return self.cloud_status()['ledger']

    def minutes(self):
        return self.answers(VIEW)


class Group(Stack):
    """Three nodes, of which one has the partition of the readings' edge."""
    NAMES = ('cloud1', 'cloud2', 'cloud3')

    def start(self):
        self.partitions = PARTITIONS_OF_GROUP
        self.prepare_gateway()  # which makes the topics
        self.nodes = Nodes(self, JSON)
        for name in self.NAMES:
            self.nodes.start(name)
        share(self.nodes, *self.NAMES)

    def alive_ones(self):
        return [name for name in self.NAMES if self.alive(name)]

    def owner(self):
        return owner_of_the_edge(self, self.nodes, self.alive_ones())

    def urls(self):
        return [f'http://127.0.0.1:{self.nodes.port(name)}' for name in self.alive_ones()]

    def ledger(self):
        return self.nodes.get(self.owner(), '/v1/edges')['ledger']

    def minutes(self):
        return [a for name in self.alive_ones() for a in self.nodes.answers(name, VIEW)]

    def moved_from(self, victim):
        wait_for(f'another node to have what {victim} had', lambda: sum(
            len(self.nodes.has(name)) for name in self.alive_ones() if name != victim
        ) == self.partitions, 90, 0.2)


def expect(good, what):
    if not good:
        raise Failed(what)


def utc(at):
    return at.strftime('%Y-%m-%dT%H:%M:%SZ')


def record(device, second, value):
    """Of every form that there is one."""
    at = BEGIN + timedelta(seconds=second)
    ms = round(at.timestamp() * 1000)
    if second % 3 == 0:
        return json.dumps({'series': f'{device}/power', 'time': utc(at), 'value': value})
    one = {'device': device, 'metric': 'power', 'time': ms, 'value': value}
    return json.dumps([one] if second % 3 == 1 else one)


def of_minute(minute):
    """A reading a second of each device, and two records that are none."""
    lines = ['garbage', '{"device":"press-07","value":1}']
    for second in range(60 * minute, 60 * minute + 60):
        lines += [record(device, second, second / 4) for device in DEVICES]
    return lines


def counts(node):
    return {(a['series'], a['start']): (a['values']['count'], a['values']['max'])
            for a in node.minutes()}


def wanted(minutes):
    """What whoever sent it counts."""
    return {(f'json/{device}/power', utc(BEGIN + timedelta(minutes=m))): (60, (60 * m + 59) / 4)
            for device in DEVICES for m in range(minutes)}


def all_here(node, minutes):
    wait_for(f'{minutes} minutes to be answered', lambda: counts(node) == wanted(minutes), 60, 0.3)


def take_all(node, broker):
    for minute in range(MINUTES):
        broker.write(TOPIC, of_minute(minute))
        if minute == 2:
            node.kill('cloud')
        if minute == 3:
            node.start_cloud()
            broker.kill()
            broker.start()
    all_here(node, MINUTES)


def take_all_in_turns(group, broker):
    for minute in range(MINUTES):
        broker.write(TOPIC, of_minute(minute))
        if minute in (0, 5):
            continue
        victim = group.owner()
        if minute == 2:
            group.running[victim].send_signal(signal.SIGSTOP)
            group.moved_from(victim)
            group.running[victim].send_signal(signal.SIGCONT)
        else:
            group.kill(victim)
            if minute == 3:
                shutil.rmtree(group.path('data', victim))
            if minute == 4:
                broker.kill()
                broker.start()
            group.moved_from(victim)
            group.nodes.start(victim)
        share(group.nodes, *group.NAMES)
    all_here(group, MINUTES)


def look(node):
    ledger = node.ledger()
    readings = 60 * MINUTES * len(DEVICES)
    expect(ledger['answered'] == readings and ledger['pending'] == 0 and ledger_adds_up(ledger),
           f'the ledger: {ledger}')
    last = utc(BEGIN + timedelta(minutes=MINUTES - 1))
    for a in node.minutes():
        expect(a['estimated'] and a['completeness'] == 1, f'not estimated: {a}')
        expect(a['state'] == ('provisional' if a['start'] == last else 'sealed'), f'state: {a}')


def look_at_shorter(node):
    code, out, err = node.cli('cloud', 'query', 'avg */power by 10s', '--json')
    shorter = json.loads(out)['answers']
    expect(len(shorter) == 6 * MINUTES * len(DEVICES) and all(a['estimated'] for a in shorter),
           f'windows of 10 s: {code} {len(shorter)} {err}')


def letters(node):
    found = []
    for url in node.urls():
        with urllib.request.urlopen(f'{url}/v1/deadletters?limit=100', timeout=10) as got:
            found += json.load(got)['deadletters']
    return found


def look_at_letters(node):
    found = wait_for('dead letters', lambda: letters(node), 30)
    expect(len(found) == len({one['edge'] for one in found}) == 2 * MINUTES,
           f'dead letters: {found}')
    expect(all(one['edge'].startswith(TOPIC + '/') for one in found), f'dead letters: {found}')
    missing = sum(one['reason'] == "it has no 'time'" for one in found)
    expect(missing == MINUTES, f'reasons: {found}')


def look_at_a_late_one(node, broker):
    broker.write(TOPIC, [record(DEVICES[0], 30, 1000)])

    def revised():
        first = min((a for a in node.minutes() if a['series'] == 'json/press-07/power'),
                    key=lambda a: a['start'])
        return first['values'] == {**first['values'], 'count': 61, 'max': 1000} and first
    answer = wait_for('a late reading to revise', revised, 60, 0.3)
    expect(answer['state'] == 'revised' and answer['cause'] == 'late' and answer['estimated'],
           f'a late reading: {answer}')


def run(folder, broker):
    with Node(folder) as node:
        node.kafka = broker.address
        node.prepare_cloud()
        node.start_cloud()
        broker.make(TOPIC, PARTITIONS)  # while the node waits for it
        take_all(node, broker)
        look(node)
        look_at_shorter(node)
        look_at_letters(node)
        look_at_a_late_one(node, broker)


def run_group(folder, broker):
    with Group(folder) as group:
        group.kafka, group.kafka_broker = broker.address, broker
        broker.make(TOPIC, PARTITIONS)
        group.start()
        take_all_in_turns(group, broker)
        look(group)
        look_at_letters(group)
        look_at_a_late_one(group, broker)


if __name__ == '__main__':
    sys.exit(kafka_broker.run_alone(run_group if sys.argv[1:] == ['group'] else run))
