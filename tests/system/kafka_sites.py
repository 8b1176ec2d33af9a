#!/usr/bin/env python3
"""Groups over partitions: a view by site and metric over edges of all partitions of a Kafka, two
cloud nodes that share them, and one that serves what these publish.

    kafka_sites.py [--edges 8] [--seconds 24] [--keep FOLDER]

Each node dies by kill -9 while data come, and comes back. In the end every window of every group is
answered by one node, sealed, complete, and to the bit what the plant published; so says the node
that serves, where nobody saw a revision go back, and the topic of answers. Exits 0, 1 with what was
wrong, or 77 when no broker can be had."""
import argparse
import sys
import time
from collections import defaultdict

import kafka_broker
import oracle
from kafka_chaos import Chaos
from kafka_fleet import PARTITIONS, start_fleet
from kafka_group import check_topic
from kafka_serving import Served
from stack import Failed, Stack, toml_table, wait_for

VIEW = 'hall'
RATE = 10
NODES = ('cloud1', 'cloud2')
SERVES = 'serve'
SEALED = ('sealed', 'revised')
SEAL_LIMIT = 120  # an idle edge seals each 30 s, and a node that takes over waits for the session


def write_view(stack):
    stack.write(f'views.d/{VIEW}.toml', toml_table('[[view]]', {
        'name': VIEW, 'select': '**', 'group_by': ['site', 'metric'],
        'window': {'type': 'tumbling', 'size': '1s'},
        'aggregates': list(oracle.AGGREGATES),
        'emit': {'early': '1s', 'revision_interval': '1s'}}))


def expected(log):
    """(metric, start) -> figures of all edges' readings."""
    slices = defaultdict(list)
    for r in oracle.once([r for r in log.readings if r.event]):
        metric = r.series.split('/', 1)[1]
        slices[metric, r.event // oracle.SECOND * oracle.SECOND].append(r)
    found = {key: oracle.aggregate(rows) for key, rows in slices.items()}
    return {key: figures for key, figures in found.items() if figures}


def answers_of(stack, cloud, name):
    _, out, _ = stack.cli('cloud', 'query', VIEW, '--json', '--limit', '100000', '--url',
                          f'http://127.0.0.1:{cloud.port(name)}', limit=120)
    return oracle.load_answers(out)


def problems_of(answers, wanted):
    """What is not as it should be, in words. `answers`: of each node."""
    problems, seen = [], {}
    metrics = {metric for metric, _ in wanted}
    for name, some in answers.items():
        for a in some:
            if a['labels']['metric'] not in metrics:  # texts
                continue
            key = a['labels']['metric'], oracle.parse_time(a['start'])
            if key in seen:
                problems.append(f'{key} is answered by {seen[key][0]} and {name}')
            seen[key] = name, a
    for key, figures in sorted(wanted.items()):
        where = f'{key[0]} {oracle.format_time(key[1])}'
        if key not in seen:
            problems.append(f'{where}: no answer for {figures["count"]:.0f} readings')
            continue
        node, a = seen[key]
        problems += [f'{where}: {d}' for d in oracle.differences(figures, a['values'])]
        if a['state'] not in SEALED or a['completeness'] != 1:
            problems.append(f'{where}: {a["state"]} by {node}, completeness {a["completeness"]}, '
                            f'missing {a["missing"]}')
    for key, (node, a) in sorted(seen.items()):
        if key not in wanted and a['values'].get('count'):
            problems.append(f'{key}: {node} answers for nothing published: {a["values"]}')
    return problems


def run(arguments, folder, broker):
    with Stack(folder) as stack:
        stack.kafka, stack.kafka_broker = broker.address, broker
        stack.more_of_cloud = '[publish]\nanswers = true\n'
        write_view(stack)
        fleet = start_fleet(stack, arguments.edges, len(NODES))
        gateways, edges, cloud = fleet
        used = set(edges.partition.values())
        if len(used) < 2:
            raise Failed('all edges are in one partition')
        served = Served(stack, (VIEW,))
        served.start(SERVES)
        served.thread.start()
        try:
            stack.start_plant(sensors=edges.sensors(RATE))
            for name in NODES:
                time.sleep(arguments.seconds / 3)
                stack.kill(name)
                other = [n for n in NODES if n != name]
                wait_for(f'{other} to have all partitions', lambda o=other: cloud.all_shared(o), 90,
                         0.3)
                cloud.start(name)
                wait_for('the nodes to share the partitions', cloud.all_shared, 90, 0.3)
            time.sleep(arguments.seconds / 3)
            stack.stop_plant()
            Chaos(stack, broker, fleet, 0, 0).settle()
            wanted = expected(oracle.PlantLog(stack.plant_log))
            left = []

            def settled(answers):
                left[:] = problems_of(answers(), wanted)
                return not left

            def of_nodes():
                return {name: answers_of(stack, cloud, name) for name in NODES}

            def of_served():
                return {SERVES: served.answers(SERVES, VIEW)}
            try:
                wait_for('all groups to be sealed', lambda: settled(of_nodes), SEAL_LIMIT, 2)
                wait_for('the node that serves to say the same', lambda: settled(of_served), 60, 1)
            except Failed as failed:
                raise Failed('\n'.join([str(failed), *left[:30]])) from None
            served.judge()
            for name in edges.names:  # else new windows are sealed while the topic is read
                stack.stop(name)
            check_topic(stack, cloud, NODES, (VIEW, 'minute'), PARTITIONS)
            print(f'{len(wanted)} windows of groups over {len(used)} partitions and '
                  f'{len(edges.names)} edges compared, {stack.kills} kills, {served.asked} answers '
                  'served meanwhile')
        finally:
            cloud.close()
            gateways.close()


def main():
    parser = argparse.ArgumentParser(description=__doc__.split('\n', maxsplit=1)[0])
    parser.add_argument('--edges', type=int, default=8)
    parser.add_argument('--seconds', type=int, default=24)
    parser.add_argument('--keep', metavar='FOLDER', help='work there, and leave it')
    arguments = parser.parse_args()
    return kafka_broker.run_alone(lambda folder, broker: run(arguments, folder, broker),
                                  keep=arguments.keep)


if __name__ == '__main__':
    sys.exit(main())
