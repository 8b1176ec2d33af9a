#!/usr/bin/env python3
"""Plain JSON readings from a real Kafka: they are answered as is estimated, once each also over
kill -9 of the node and of the broker, late ones revise, and what is no reading is a dead letter.

Exits 0, 1 with what was wrong, or 77 when no broker can be had."""
import json
import sys
import urllib.request
from datetime import datetime, timedelta, timezone

import kafka_broker
from stack import Failed, Stack, ledger_adds_up, wait_for

TOPIC = 'plant.readings'
PARTITIONS = 3
DEVICES = ('press-07', 'press-08')
MINUTES = 6
BEGIN = datetime(2026, 11, 21, 2, 0, tzinfo=timezone.utc)
VIEW = 'minute'


class Node(Stack):
    """A cloud node that reads the topic; no gateway, no edge, and no topics for them."""

    def way(self):
        return (f'kafka = {{ brokers = "{self.kafka}", prefix = "test" }}\n'
                f'json = {{ topic = "{TOPIC}", gather = "50ms" }}')


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
            for a in node.answers(VIEW)}


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


def look(node):
    status = node.cloud_status()
    readings = 60 * MINUTES * len(DEVICES)
    expect(status['ledger']['answered'] == readings and status['ledger']['pending'] == 0 and
           ledger_adds_up(status['ledger']), f'the ledger: {status["ledger"]}')
    last = utc(BEGIN + timedelta(minutes=MINUTES - 1))
    for a in node.answers(VIEW):
        expect(a['estimated'] and a['completeness'] == 1, f'not estimated: {a}')
        expect(a['state'] == ('provisional' if a['start'] == last else 'sealed'), f'state: {a}')
    code, out, err = node.cli('cloud', 'query', 'avg */power by 10s', '--json')
    shorter = json.loads(out)['answers']
    expect(len(shorter) == 6 * MINUTES * len(DEVICES) and all(a['estimated'] for a in shorter),
           f'windows of 10 s: {code} {len(shorter)} {err}')


def letters(node):
    with urllib.request.urlopen(f'http://127.0.0.1:{node.http_port}/v1/deadletters?limit=100',
                                timeout=10) as got:
        return json.load(got)['deadletters']


def look_at_letters(node):
    found = wait_for('dead letters', lambda: letters(node), 30)
    expect(len(found) == len({one['edge'] for one in found}) == 2 * MINUTES,
           f'dead letters: {found}')
    expect(all(one['edge'].startswith(TOPIC + '/') for one in found), f'dead letters: {found}')
    missing = sum(one['reason'] == "it has no 'time'" for one in found)
    expect(missing == MINUTES, f'reasons: {found}')


def run(folder, broker):
    with Node(folder) as node:
        node.kafka = broker.address
        node.prepare_cloud()
        node.start_cloud()
        broker.make(TOPIC, PARTITIONS)  # while the node waits for it
        take_all(node, broker)
        look(node)
        look_at_letters(node)
        broker.write(TOPIC, [record(DEVICES[0], 30, 1000)])

        def revised():
            first = min((a for a in node.answers(VIEW) if a['series'] == 'json/press-07/power'),
                        key=lambda a: a['start'])
            return first['values'] == {**first['values'], 'count': 61, 'max': 1000} and first
        answer = wait_for('a late reading to revise', revised, 60, 0.3)
        expect(answer['state'] == 'revised' and answer['cause'] == 'late' and answer['estimated'],
               f'a late reading: {answer}')


if __name__ == '__main__':
    sys.exit(kafka_broker.run_alone(run))
