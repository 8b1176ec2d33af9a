#!/usr/bin/env python3
"""Everything dies in turn: three brokers, two gateways, three cloud nodes of a group, many edges.

    kafka_chaos.py [--edges 50] [--seconds 300] [--seed N] [--keep FOLDER]

Every ten seconds something happens: kill -9 of a cloud node, a gateway, a tenth of the edges, or a
broker whose copies are in sync; a broker stands still; a cloud node stands still until others have
its partitions, and goes on; one loses its disk; one is added, one leaves; edges move between
gateways. Machines without an edge send plain readings meanwhile. In the end each edge is asked for
its ledger, all answers of all nodes are compared with the plant's log and with what the topic of
plain readings holds, and the topic of answers with them. Exits 0, 1 with what was wrong, or 77 when
no brokers can be had."""
import argparse
import random
import shutil
import signal
import sys
import time
from collections import Counter, defaultdict
from dataclasses import dataclass, field

import kafka_broker
import oracle
from kafka_fleet import EVERY_MS, GATEWAYS, PARTITIONS, VIEW, Machines, start_fleet
from kafka_group import GROUP, SESSION, check_topic
from scenarios import compare
from stack import Failed, Stack, ledger_adds_up, wait_for

EVERY = 10      # seconds between events
QUIET = 12      # before the first
RATE = 5        # messages a second of an edge, three readings each
NODES = 3       # of the cloud, to begin with
TAKEOVER_LIMIT = 90
SETTLE_LIMIT = 240


@dataclass
class Event:
    what: str
    at: float
    until: float = 0
    took: float = None                           # until others had the partitions
    edges: set = field(default_factory=set)      # that this event itself touches
    everywhere: bool = False                     # it touches all edges
    led: set = field(default_factory=set)        # partitions whose broker it touches
    beside: bool = False                         # a broker that stands still, or comes back
    controls: bool = False                       # its broker is the controller, too


class Chaos:
    def __init__(self, stack, broker, fleet, seconds, seed):
        self.stack, self.broker = stack, broker
        self.gateways, self.edges, self.cloud = fleet
        self.seconds = seconds
        self.rng = random.Random(seed)
        self.events = []
        self.later = []   # (when, what is to be done)
        self.paused_broker = None
        self.broker_rests = 0  # until then: those that come back have taken their place again

    # Time

    def turn(self):
        """What is due by now; nothing may have died by itself."""
        self.stack.check_alive()
        for entry in [e for e in self.later if e[0] <= time.monotonic()]:
            self.later.remove(entry)
            entry[1]()

    def wait(self, what, condition, limit=TAKEOVER_LIMIT):
        def turned():
            self.turn()
            return condition()
        return wait_for(what, turned, limit, 0.1)

    def after(self, seconds, do):
        self.later.append((time.monotonic() + seconds, do))

    def rest(self, until):
        while time.time() < until:
            self.turn()
            time.sleep(0.1)

    # Events

    def owners_gone(self, victim, event):
        """Waits until the others have all partitions."""
        others = [n for n in self.cloud.alive() if n != victim]
        self.wait(f'{others} to have the partitions of {victim}',
                  lambda: self.cloud.all_shared(others))
        event.took = time.time() - event.at

    def a_node(self):
        """One that has partitions."""
        return self.rng.choice(self.wait('a node to have partitions', lambda: [
            n for n in self.cloud.alive() if self.cloud.parts(n)]))

    def kill_cloud(self, event):
        victim = self.a_node()
        event.what += f' {victim} of {sorted(self.cloud.parts(victim))}'
        event.at = time.time()
        self.stack.kill(victim)
        self.owners_gone(victim, event)
        self.cloud.start(victim)

    def crash_cloud(self, event):
        """As systemd does it: it comes again at once."""
        victim = self.a_node()
        event.what += f' {victim} of {sorted(self.cloud.parts(victim))}'
        event.at = time.time()
        self.stack.kill(victim)
        self.cloud.start(victim)
        self.wait('the nodes to share the partitions', self.cloud.all_shared)
        event.took = time.time() - event.at

    def wipe_cloud(self, event):
        victim = self.a_node()
        event.what += f' {victim} of {sorted(self.cloud.parts(victim))}'
        event.at = time.time()
        self.stack.kill(victim)
        shutil.rmtree(self.stack.path('data', victim))
        self.owners_gone(victim, event)
        self.cloud.start(victim)

    def pause_cloud(self, event):
        victim = self.a_node()
        event.what += f' {victim} of {sorted(self.cloud.parts(victim))}'
        event.at = time.time()
        self.stack.running[victim].send_signal(signal.SIGSTOP)
        self.owners_gone(victim, event)
        self.stack.running[victim].send_signal(signal.SIGCONT)

    def add_node(self, event):
        name = f'cloud{len(self.cloud.ports) + 1}'
        event.what += f' {name}'
        self.cloud.start(name)
        self.wait(f'{name} to have a part', lambda: self.cloud.parts(name))
        event.took = time.time() - event.at

    def remove_node(self, event):
        victim = self.a_node()
        event.what += f' {victim} of {sorted(self.cloud.parts(victim))}'
        event.at = time.time()
        if self.stack.stop(victim):
            raise Failed(f'{victim} did not leave well:\n{self.stack.log_tail(victim)}')
        self.owners_gone(victim, event)
        if len(self.cloud.alive()) < NODES:
            self.cloud.start(victim)

    def kill_gateway(self, event):
        victim = self.rng.choice(GATEWAYS)
        other = GATEWAYS[1 - GATEWAYS.index(victim)]
        event.what += f' {victim}'
        ways = self.gateways.led_to(victim)
        event.edges = {e for e in self.edges.names if self.edges.way_of(e) in ways}
        self.stack.kill(victim)
        for number in ways:
            self.gateways.lead(number, other)
        self.after(2, lambda: self.gateways.start(victim))

    def move_edges(self, event):
        number = self.rng.randrange(len(GATEWAYS))
        name = next(g for g in GATEWAYS if number not in self.gateways.led_to(g))
        event.what += f' to {name}'
        event.edges = {e for e in self.edges.names if self.edges.way_of(e) == number}
        self.gateways.lead(number, name)

    def kill_edges(self, event):
        names = self.rng.sample(self.edges.names, max(1, len(self.edges.names) // 10))
        event.what += f' {names}'
        event.edges = set(names)
        for name in names:
            self.stack.kill(name)
        self.after(1, lambda: [self.edges.start(name) for name in names])

    def kill_broker(self, event):
        if not self.may_lose_a_broker(event):
            return
        node = self.rng.choice(self.broker.nodes)
        self.touch(event, node)
        node.kill()
        self.stack.kills += 1
        self.after(3, node.launch)
        self.broker_rests = time.time() + 2 * EVERY

    def pause_broker(self, event):
        if not self.may_lose_a_broker(event):
            return
        node = self.rng.choice(self.broker.nodes)
        seconds = 60 if self.seconds >= 240 else 20
        self.touch(event, node)
        event.what += f' for {seconds} s'
        node.signal(signal.SIGSTOP)
        self.paused_broker = node
        self.after(seconds, self.wake_broker)

    def touch(self, event, node):
        event.everywhere = True
        event.led = {p.number for p in self.broker.partitions()
                     if p.topic == 'test.blocks.live' and p.leader == node.number}
        also = ', and the group' if self.broker.coordinator(GROUP) is node else ''
        if self.broker.controller() is node:
            event.controls = True
            also += ', and controls the others'
        event.what += f' {node.number} that leads {sorted(event.led)}{also}'

    def wake_broker(self):
        self.paused_broker.signal(signal.SIGCONT)
        self.paused_broker = None
        self.broker_rests = time.time() + EVERY

    def may_lose_a_broker(self, event):
        """Only when every copy is in sync, which one that just woke does not know; other things die
        else."""
        if self.paused_broker is None and time.time() >= self.broker_rests and \
                self.broker.in_sync():
            return True
        event.what = 'kill_edges, since copies are behind,'
        self.kill_edges(event)
        return False

    def one(self, kind):
        event = Event(kind.__name__, time.time())
        self.events.append(event)
        kind(event)
        event.beside = not event.everywhere and (
            self.paused_broker is not None or event.at < self.broker_rests)
        took = f': {event.took:.1f} s until others had them' if event.took else ''
        print(f'{event.at - self.begun:6.1f} s  {event.what}{took}', flush=True)
        self.rest(event.at + EVERY)
        event.until = time.time()

    def run(self):
        kinds = [self.kill_cloud, self.kill_gateway, self.kill_broker, self.pause_cloud,
                 self.kill_edges, self.add_node, self.crash_cloud, self.wipe_cloud, self.move_edges,
                 self.pause_broker, self.remove_node]
        self.begun = time.time()
        self.events.append(Event('nothing', self.begun))
        self.rest(self.begun + QUIET)
        self.events[0].until = time.time()
        deck = []
        while time.time() < self.begun + self.seconds:
            if not deck:
                deck = list(kinds)
                self.rng.shuffle(deck)
            self.one(deck.pop())
        self.wait('what is still to be done', lambda: not self.later, 120)
        self.wait('the nodes to share the partitions', self.cloud.all_shared)
        self.wait('the brokers to be in sync', self.broker.in_sync, 120)

    # Gaps

    def gaps(self):
        """Of answers to live readings, in partitions and edges that an event did not touch.

        Of a broker that stands still nothing is untouched: every partition has a copy there, for
        which the others wait until the brokers have seen it (their session, 2 s)."""
        answers = sorted(a for one in self.cloud.listeners.values() for a in one.answers)
        of_edge, of_partition = defaultdict(list), defaultdict(list)
        for when, edge in answers:
            of_edge[edge].append(when)
            of_partition[self.edges.partition[edge]].append(when)
        used = set(self.edges.partition.values())
        worst = defaultdict(lambda: [0.0, 0.0, 0.0])
        for event in self.events:
            still = (self.still(event) & used) - event.led
            touched = set() if event.everywhere else event.edges
            edges = [e for e in self.edges.names
                     if self.edges.partition[e] in still and e not in touched]
            kind = worst[event.what.split()[0].rstrip(',') + '+' * event.beside +
                         '*' * event.controls]
            spans = [max((gap(of_partition[p], event) for p in still), default=0),
                     max((gap(of_edge[e], event) for e in edges), default=0),
                     max((gap(of_partition[p], event) for p in used), default=0)]
            kind[:] = [max(pair) for pair in zip(kind, spans)]
        print(f'largest gaps between answers to live readings, in s (each {EVERY_MS} ms at best):\n'
              '  event          a partition that stayed  an edge of these  any partition')
        for kind, spans in sorted(worst.items()):
            print(f'  {kind:15}{spans[0]:23.1f}{spans[1]:18.1f}{spans[2]:15.1f}')
        if any(event.beside for event in self.events):
            print('  +: while a broker stood still, or came back')
        if any(event.controls for event in self.events):
            print('  *: of the broker that was the controller: another one is elected first, and '
                  'counts\n     all as alive for a session')

    def still(self, event):
        """Partitions that were on one and the same node from before the event to its end."""
        found = set()
        for one in self.cloud.listeners.values():
            seen = [parts for when, parts in one.parts
                    if event.at - 2 <= when <= event.until]
            if len(seen) >= (event.until - event.at) / 2:
                found |= frozenset.intersection(*seen)
        return found

    # Judgement

    def ledgers(self):
        """Of all edges as the cloud has them."""
        return {e['name']: e for name in self.cloud.alive()
                for e in self.cloud.get(name, '/v1/edges')['edges']}

    def unsettled(self):
        cloud = self.ledgers()
        found = {}
        for name in self.edges.names:
            edge = self.edges.status(name)
            here = cloud.get(name, {}).get('ledger')
            if not edge or edge['ledger']['pending'] or edge['ring']['blocks_pending'] or \
                    edge['ledger'] != here:
                found[name] = {'edge': edge and edge['ledger'], 'cloud': here}
        return found

    def settle(self):
        left = {}

        def settled():
            left.clear()
            left.update(self.unsettled())
            return not left
        try:
            self.wait('the ledgers to settle', settled, SETTLE_LIMIT)
        except Failed as failed:
            some = '\n'.join(f'{name}: {what}' for name, what in sorted(left.items())[:5])
            raise Failed(f'{failed}: {len(left)} edges have not\n{some}') from None

    def answers(self):
        found = []
        for name in self.cloud.alive():
            found += self.cloud.answers(name, VIEW)
        return found

    def of_edges(self):
        return [a for a in self.answers() if not a['series'].startswith(Machines.EDGE + '/')]

    def judge_machines(self, machines):
        wanted = machines.windows()
        found = {}

        def differ():
            found.clear()
            found.update(machines.answered(self.answers()))
            return [(key, wanted.get(key), found.get(key)) for key in wanted.keys() | found.keys()
                    if wanted.get(key) != found.get(key)]
        try:
            self.wait('plain readings to be answered', lambda: not differ(), 60)
        except Failed as failed:
            raise Failed(f'{failed}: {sorted(differ(), key=str)[:10]}') from None
        sent = sum(count for count, _ in wanted.values())
        taken = self.ledgers()[Machines.EDGE]['ledger']['taken']
        print(f'{sent} plain readings in {len(wanted)} windows, {taken} taken')
        if taken != sent:
            raise Failed(f'{taken} plain readings were taken')

    def recovered(self):
        """Every node says that it works, and knows who has what."""
        for name in self.cloud.alive():
            try:
                self.cloud.get(name, '/readyz')
            except OSError:
                return False
            if None in {o['owner'] for o in self.cloud.get(name, '/v1/edges')['owners']}:
                return False
        return True

    def judge(self):
        started = time.monotonic()
        self.settle()
        self.wait('all nodes to be ready and to know the owners', self.recovered, 60)
        log = oracle.PlantLog(self.stack.plant_log)
        sent = Counter(r.series.split('-m/')[0] for r in oracle.once(log.readings))
        problems, total = [], Counter()
        for name, edge in self.ledgers().items():
            if name == Machines.EDGE:
                continue
            ledger = edge['ledger']
            total.update(ledger)
            if not ledger_adds_up(ledger) or any(ledger[w] for w in (
                    'quarantined', 'evicted', 'late_ledger', 'lost', 'pending')):
                problems.append(f'{name}: {ledger}')
            if ledger['taken'] - ledger['duplicate'] != sent[name]:
                problems.append(f'{name}: {sent[name]} readings sent, {ledger}')
            problems += [f'{name}: alarm {alarm}' for alarm in edge['alarms']]
        found, windows, _ = compare(log, self.of_edges, within=10)
        problems += found
        print(f'{len(log.readings)} readings of {len(self.edges.names)} edges, {dict(total)}, '
              f'{windows} windows compared, {len(problems)} problems, settled and judged in '
              f'{time.monotonic() - started:.1f} s')
        if not windows or problems:
            raise Failed('\n'.join(problems[:30]) or 'no window was compared')


def run(arguments, folder, broker):
    seed = arguments.seed if arguments.seed is not None else random.randrange(1 << 30)
    print(f'seed {seed}, {arguments.edges} edges, {arguments.seconds} s, session {SESSION} s')
    with Stack(folder) as stack:
        stack.kafka, stack.kafka_broker = broker.address, broker
        stack.more_of_cloud = '[publish]\nanswers = true\n'
        started = time.monotonic()
        fleet = start_fleet(stack, arguments.edges, NODES)
        gateways, edges, cloud = fleet
        machines = Machines(broker)
        try:
            stack.start_plant(sensors=edges.sensors(RATE))
            print(f'all are up after {time.monotonic() - started:.0f} s', flush=True)
            chaos = Chaos(stack, broker, fleet, arguments.seconds, seed)
            chaos.run()
            stack.stop_plant()
            machines.stop()
            takeovers = sorted(e.took for e in chaos.events if e.took)
            print(f'{stack.kills} kills; takeovers: {", ".join(f"{t:.1f}" for t in takeovers)} s')
            chaos.gaps()
            chaos.judge()
            chaos.judge_machines(machines)
            for name in edges.names:  # else new windows are sealed while the topic is read
                stack.stop(name)
            check_topic(stack, cloud, cloud.alive(), (VIEW,), PARTITIONS)
        finally:
            cloud.close()
            gateways.close()


def gap(times, event):
    """The longest without an answer, from just before an event to its end."""
    seen = [t for t in times if event.at - 2 <= t <= event.until]
    edges = [max(event.at, seen[0]) if seen else event.at, *seen, event.until]
    return max(b - a for a, b in zip(edges, edges[1:]))


def main():
    parser = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    parser.add_argument('--edges', type=int, default=50)
    parser.add_argument('--seconds', type=int, default=300)
    parser.add_argument('--seed', type=int)
    parser.add_argument('--keep', metavar='FOLDER', help='work there, and leave it')
    arguments = parser.parse_args()
    return kafka_broker.run_alone(lambda folder, broker: run(arguments, folder, broker), nodes=3,
                                  keep=arguments.keep)


if __name__ == '__main__':
    sys.exit(main())
