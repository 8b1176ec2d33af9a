"""A scenario of persons who give orders to a group of cloud nodes: run with --kafka."""
import datetime
import json
import shutil
import time

from kafka_group import PARTITIONS, Nodes, owner_of_the_edge, plant, share, start_group, take_over
from scenarios import EDGE, VIEW, Failed, judge, wait_for
from stack import free_port

SOURCE = f'{EDGE}/floor'
NAMES = ['cloud', 'cloud2']
WITHIN = 10  # seconds, for whoever gives an order; the command itself waits for 12


def config(stack, name):
    return '--config', stack.path('etc', f'{name}.toml')


def give(stack, name, *words):
    """`tidemark cloud WORDS` on a node: exit code and what it says."""
    began = time.monotonic()
    code, out, err = stack.cli('cloud', *words, '--json', *config(stack, name), check=False)
    took = time.monotonic() - began
    if code in (0, 65) and took > WITHIN:
        raise Failed(f'{words} took {took:.1f} s')
    if not out:
        raise Failed(f'{words}: exit {code} {err}')
    print(f'{words[:3]} on {name}: {took:.1f} s, {out.strip()}')
    return code, json.loads(out)


def waived(nodes, name):
    return nodes.get(name, '/v1/waived')['waived']


def said(nodes, name):
    """What does not depend on when a node said it."""
    def told(a):
        words = [{k: w[k] for k in ('source', 'kind', 'until', 'by', 'reason')}
                 for w in a.get('waived', ())]
        return [a[k] for k in ('values', 'state', 'completeness', 'estimated')], words
    return {(view, a['series'], a['start']): told(a)
            for view in (VIEW, 'minute') for a in nodes.answers(name, view)}


def same(nodes, one, other):
    """Two nodes say the same, once what is due has been said."""
    left = {}

    def agree():
        wanted, found = said(nodes, one), said(nodes, other)
        left.clear()
        left.update({k: (wanted.get(k), found.get(k)) for k in wanted.keys() | found.keys()
                     if wanted.get(k) != found.get(k)})
        return len(wanted) if wanted and not left else None
    try:
        return wait_for(f'{other} to answer as {one}', agree, 90, 1)
    except Failed as failed:
        some = '\n'.join(f'{k}: {v}' for k, v in sorted(left.items())[:5])
        raise Failed(f'{failed}: {len(left)} differences\n{some}') from None


class Alone(Nodes):
    """A node without a group beside them, with a store of its own."""

    def start_alone(self, name):
        stack = self.stack
        self.ports[name] = free_port()
        stack.write(f'{name}.toml', f'data_dir = "{stack.path("data", name)}"\n\n[intake]\n'
                    f'kafka = {{ brokers = "{stack.kafka}", prefix = "test" }}\n\n'
                    f'[http]\nlisten = "127.0.0.1:{self.ports[name]}"\n')
        stack.launch(name, stack.program('tidemark-cloud'), *config(stack, name))
        stack.wait_port(name, self.ports[name])


def group_orders(stack):
    """Orders about the edge are given on the node that does not have it. Its owner obeys, and so
    does who gets the partition when that one dies; all answer as a node that has all."""
    nodes = start_group(stack)
    nodes.start('cloud2')
    share(nodes, *NAMES)
    plant(stack, '6s')
    stack.finish_plant(60)
    owner = owner_of_the_edge(stack, nodes, NAMES)
    other = NAMES[1 - NAMES.index(owner)]
    port, environment = stack.http_port, dict(stack.environment)
    stack.http_port = nodes.port(owner)
    stack.environment['TIDEMARK_CLOUD_CONFIG'] = config(stack, owner)[1]
    judge(stack)
    stack.http_port = port
    stack.environment.update(environment)
    stack.kill('edge')
    time.sleep(3)
    until = datetime.datetime.now(datetime.timezone.utc).strftime('%Y-%m-%dT%H:%M:%SZ')

    code, body = give(stack, other, 'source', 'waive', 'nobody/x', '--until', until, '--reason',
                      'r')
    if code != 65 or 'of an edge that the cloud knows' not in body['text']:
        raise Failed(f'an edge that nobody knows: exit {code}, {body}')
    waive = ('source', 'waive', SOURCE, '--until', until, '--reason', 'cable cut', '--by', 'ada')
    retire = ('source', 'retire', SOURCE, '--at', until, '--reason', 'scrapped', '--by', 'bob')
    for words in (waive, retire):
        code, body = give(stack, other, *words)
        if code != 0 or EDGE not in body['text']:
            raise Failed(f'{words}: exit {code}, {body}')
    before = waived(nodes, owner)
    if [(w['kind'], w['by']) for w in before] != [('waived', 'ada'), ('retired', 'bob')]:
        raise Failed(f'{owner} says {before}')
    code, body = give(stack, other, 'late', 'replay')
    if code != 0:
        raise Failed(f'replay of all: exit {code}, {body}')

    def by_word():
        newest = [a for a in nodes.answers(owner, VIEW) if a.get('waived')]
        return len(newest) if newest and all(a['state'] != 'provisional' for a in newest) else None
    print(wait_for('answers to say that the source is retired', by_word, 60, 0.5),
          'windows are sealed by word')

    alone = Alone(stack)
    alone.start_alone('alone')
    alone.ports.update(nodes.ports)
    wait_for('the node without a group to have the edge',
             lambda: alone.get('alone', '/v1/edges')['edges'], 60, 0.2)
    for words in (waive, retire):
        if (code := give(stack, 'alone', *words)[0]) != 0:
            raise Failed(f'{words} to one node: exit {code}')
    print(same(alone, 'alone', owner), 'answers as those of a node without a group')

    take_over(stack, nodes, owner, other, lambda: stack.kill(owner), lambda: None)
    wait_for(f'{other} to know what was ordered', lambda: waived(nodes, other) == before, 60, 0.5)
    same(alone, 'alone', other)
    shutil.rmtree(stack.path('data', owner))
    start = stack.start_cloud if owner == 'cloud' else lambda: nodes.start(owner)
    start()
    stack.stop(other)
    wait_for(f'{owner} to have all partitions', lambda: len(nodes.has(owner)) == PARTITIONS, 120,
             0.2)
    wait_for(f'{owner} to know it on an empty disk', lambda: waived(nodes, owner) == before, 60,
             0.5)
    same(alone, 'alone', owner)
    code, body = give(stack, owner, 'orders')
    outcomes = [o['ok'] for order in body['orders'] for o in order['outcomes']]
    if [o['by'] for o in body['orders']][1:3] != ['ada', 'bob'] or \
            outcomes != [False, True, True, True, True, True]:
        raise Failed(f'orders are {body}')
    stack.http_port = nodes.port(owner)


ORDERS = {'group_orders': group_orders}
