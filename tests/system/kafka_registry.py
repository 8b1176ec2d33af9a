#!/usr/bin/env python3
"""Two gateways of one CA and a real Kafka: a token, an enrolment, a revocation at one of them is so
at the other, also when that one was away with its disk lost, and a token is good for its number of
uses at both together. While Kafka stands still nothing is granted, and who is connected stays.

Exits 0, 1 with what was wrong, or 77 when no broker can be had."""
import json
import os
import shutil
import signal
import sys
from concurrent import futures

import kafka_broker
from kafka_fleet import GATEWAYS, Edges, Gateways
from stack import Failed, Stack, wait_for

FIRST, SECOND = GATEWAYS
WITHIN = 15  # seconds until the other one knows


def expect(good, what):
    if not good:
        raise Failed(what)


class Site:
    def __init__(self, stack, gateways):
        self.stack, self.gateways = stack, gateways

    def at(self, gateway, *words):
        return self.stack.json('gateway', *words, *self.gateways.words(gateway))

    def token(self, gateway, uses=1):
        return self.at(gateway, 'token', 'create', '--site', 'plant7', '--uses', str(uses))

    def enroll(self, gateway, token, edge):
        """Whether that gateway granted it, and what it said."""
        self.stack.write(f'{edge}.toml', f'edge = "{edge}"\nsite = "plant7"\n'
                         f'data_dir = "{self.stack.path("data", edge)}"\n'
                         f'run_dir = "{self.stack.path("run", edge)}"\n')
        code, out, err = self.stack.cli(
            'enroll', token, '--gateway', f'127.0.0.1:{self.gateways.ports[gateway]}', '--config',
            self.stack.path('etc', f'{edge}.toml'), check=False)
        return code == 0, out + err

    def edges(self, gateway):
        """Name -> its key, and whether it is revoked."""
        return {e['edge']: (e['key'], bool(e['revoked']))
                for e in self.at(gateway, 'edges')['edges']}

    def agree(self):
        def same():
            self.stack.check_alive()
            return self.edges(FIRST) == self.edges(SECOND) and \
                self.at(FIRST, 'token', 'list') == self.at(SECOND, 'token', 'list')
        wait_for('both gateways to know the same', same, WITHIN, 0.3)


def tokens(site):
    token = site.token(FIRST)['token']
    site.agree()
    good, said = site.enroll(SECOND, token, 'x1')
    expect(good, f'a token of the first gateway at the second: {said}')
    site.agree()
    good, said = site.enroll(FIRST, token, 'x2')
    expect(not good and 'used already' in said, f'a token that was used at the other: {said}')

    many = site.token(SECOND, uses=5)['token']
    site.agree()
    with futures.ThreadPoolExecutor(12) as some:
        outcomes = list(some.map(
            lambda i: site.enroll(GATEWAYS[i % 2], many, f'y{i:02d}'), range(12)))
    granted = sum(good for good, _ in outcomes)
    expect(granted == 5, f'{granted} of 12 were granted by a token of five uses: {outcomes}')
    expect(all('used already' in said for good, said in outcomes if not good),
           f'refused for another reason: {outcomes}')
    site.agree()


def revocation(site, edges):
    stack, gateways = site.stack, site.gateways
    expect(edges.way_of('e000') == 0, 'e000 comes by the first gateway')
    site.at(SECOND, 'edge', 'revoke', 'e000')

    def refused():
        return (edges.status('e000') or {}).get('uplink', {}).get('state') == 'refused'
    wait_for('the first gateway to end an edge that the second revoked', refused, WITHIN, 0.2)
    stack.kill('e000')
    gateways.lead(0, SECOND)
    edges.start('e000')
    wait_for('the second gateway to refuse it, too', refused, WITHIN, 0.2)
    gateways.lead(0, FIRST)
    site.agree()


def away(site):
    """One loses all but its CA, while the other goes on; and comes again."""
    stack, gateways = site.stack, site.gateways
    before = site.edges(SECOND)
    token = site.token(SECOND)
    stack.kill(SECOND)
    folder = stack.path('data', SECOND)
    for name in os.listdir(folder):
        path = os.path.join(folder, name)
        if name != 'ca':
            shutil.rmtree(path) if os.path.isdir(path) else os.remove(path)
    site.at(FIRST, 'token', 'drop', token['id'])
    site.at(FIRST, 'edge', 'revoke', 'y00' if 'y00' in before else next(
        name for name in before if name.startswith('y')))
    gateways.start(SECOND)
    site.agree()
    expect(site.edges(SECOND).keys() == before.keys(), 'edges are missing')


def standstill(site, edges, broker):
    stack = site.stack
    wait_for('e001 to be back', lambda: edges.up('e001'), 60, 0.3)
    broker.signal(signal.SIGSTOP)
    try:
        code, out, err = stack.cli('gateway', 'token', 'create', '--site', 'plant7',
                                   *site.gateways.words(FIRST), check=False)
        expect(code not in (0, 2) and 'test.registry' in err, f'a token without Kafka: {out} {err}')
        expect(edges.up('e001'), f'e001 was let go of: {edges.status("e001")}')
    finally:
        broker.signal(signal.SIGCONT)

    def made():
        code, out, _ = stack.cli('gateway', 'token', 'create', '--site', 'plant7', '--json',
                                 *site.gateways.words(FIRST), check=False)
        return json.loads(out)['token'] if code == 0 else None
    token = wait_for('a token with Kafka', made, 60, 0.5)
    site.agree()
    good, said = site.enroll(SECOND, token, 'z1')
    expect(good, f'after the standstill: {said}')
    site.agree()


def run(folder, broker):
    with Stack(folder) as stack:
        stack.kafka, stack.kafka_broker = broker.address, broker
        stack.start_broker()
        gateways = Gateways(stack)
        try:
            site = Site(stack, gateways)
            edges = Edges(stack, gateways, 2)
            site.agree()
            tokens(site)
            revocation(site, edges)
            away(site)
            standstill(site, edges, broker)
            print(f'{len(site.edges(FIRST))} edges, '
                  f'{len(broker.records("test.registry"))} records in the registry')
        finally:
            gateways.close()


if __name__ == '__main__':
    sys.exit(kafka_broker.run_alone(run))
