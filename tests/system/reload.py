"""A running agent takes a changed configuration: what did not change keeps its connection and its
windows, a configuration with a fault changes nothing, and no reading is lost or counted twice."""
import os
import time

import scenarios
from stack import Failed, toml_table, wait_for

POLLS = {'fast': '200ms', 'normal': '500ms', 'slow': '1s'}
CLIENTS = {'floor': 'tidemark-press-07-floor', 'hall': 'tidemark-press-07-hall'}


def connects(stack):
    """How often each client of the agent came to the broker, by the broker's own word."""
    with open(stack.path('log', 'broker.log'), encoding='utf-8') as log:
        lines = [line for line in log if 'New client connected' in line]
    return {name: sum(f' as {client} ' in line for line in lines)
            for name, client in CLIENTS.items()}


def reload(stack, **expected):
    """`edge reload`; what it says about each source is what was expected."""
    said = stack.json('edge', 'reload')
    for word in ('kept', 'changed', 'added', 'removed', 'restart'):
        if sorted(said[word]) != sorted(expected.get(word, [])):
            raise Failed(f'reload says {said}, not {expected}')


def refused(stack, sources, words, **options):
    """A configuration with a fault: told, exit 78, and nothing is another."""
    before = stack.edge_status()
    stack.write_edge(sources, **options)
    code, out, err = stack.cli('edge', 'reload', check=False)
    if code != 78 or 'nothing was changed' not in err or words not in err:
        raise Failed(f'a wrong configuration: exit {code}, {out}{err}')
    after = stack.edge_status()
    for key in ('version', 'waits'):
        if before['config'][key] != after['config'][key]:
            raise Failed(f'{key} was {before["config"]}, is {after["config"]}')
    if after['config']['state'] != 'changed on disk':
        raise Failed(f'the status does not tell of the file: {after["config"]}')


def sources_of(stack):
    return {s['name']: s for s in stack.edge_status()['sources']}


def reloads(stack):
    stack.start_broker('log_type notice\n')
    stack.start_plant(slaves=[{'name': 'line1', 'model': 'sdm630'},
                              {'name': 'line2', 'model': 'em340'}])
    floor = stack.mqtt_source(topics=['plant/odd/data', 'plant/m00/data', 'plant/m01/data'])
    hall = stack.mqtt_source('hall',
                             topics=['plant/slow/data', 'plant/vib1/data', 'plant/m02/data'])
    line1 = stack.modbus_source('line1', 'eastron-sdm630', poll=POLLS)
    line2 = stack.modbus_source('line2', 'carlogavazzi-em340', poll=POLLS)
    # Their readings travel in windows: those that are open at a reload must not be cut.
    rules = toml_table('[[rule]]', {
        'select': 'odd/*', 'window': {'type': 'tumbling', 'size': '1s', 'lateness': '20s'},
        'forward': 'windows'})
    scenarios.start_chain(stack, floor + hall + line1, extra=rules)
    slaves = stack.running.pop('plant')
    stack.start_plant(sensors=scenarios.mixed_sensors())
    time.sleep(3)
    if connects(stack) != {'floor': 1, 'hall': 1}:
        raise Failed(f'connected {connects(stack)} times before any reload')

    refused(stack, floor + hall + line1 + 'byte_ordr = "abcd"\n', 'byte_order', extra=rules)
    refused(stack, floor + hall + line1 + line2.replace('carlogavazzi-em340', 'nobodys-meter'),
            'nobodys-meter', extra=rules)
    refused(stack, floor + hall.replace('name = "hall"', 'name = "floor"') + line1, 'floor',
            extra=rules)
    time.sleep(1)

    stack.write_edge(floor + hall + line1 + line2, extra=rules)
    reload(stack, kept=['floor', 'hall', 'line1'], added=['line2'])
    wait_for('the new meter', lambda: sources_of(stack)['line2'].get('good', 0) > 3, 20)
    time.sleep(2)

    stack.write_edge(floor + hall.replace('[[source.mqtt]]\n', '[[source.mqtt]]\nlateness = "9s"\n')
                     + line1 + line2, extra=rules)
    reload(stack, kept=['floor', 'line1', 'line2'], changed=['hall'])
    wait_for('the changed source', lambda: sources_of(stack)['hall']['state'] == 'ok', 20)
    time.sleep(2)
    if connects(stack) != {'floor': 1, 'hall': 2}:
        raise Failed(f'the broker saw {connects(stack)}: one source was made anew')

    # Rules and the ring wait for a restart, and that is said until then.
    stack.write_edge(floor + hall + line1, extra=rules, ring='65 MiB')
    reload(stack, kept=['floor', 'line1'], changed=['hall'], removed=['line2'],
           restart=['ring.size'])
    now = stack.edge_status()['config']
    if (now['state'], now['waits'], now['version']) != ('restart needed', ['ring.size'], 4):
        raise Failed(f'after three reloads the status says {now}')
    time.sleep(2)
    stack.stop_plant()
    scenarios.stop_polling(stack)
    stack.running['plant'] = slaves
    stack.stop_plant()
    scenarios.judge(stack)
    restart(stack, floor + line1, line2, rules)


def restart(stack, good, line2, rules):
    """A profile that nobody has and a secret that is not there stop no other source; the secret is
    found when it comes; and the ring, in which nothing waits, has its new size."""
    secret = stack.path('etc/late.secret')
    late = stack.mqtt_source('late', ['late/#'], username='x', password_file=secret)
    bad = line2.replace('carlogavazzi-em340', 'nobodys-meter')
    stack.stop('edge')
    stack.write_edge(good + late + bad, extra=rules, ring='65 MiB')
    stack.start_edge()
    wait_for('the good source', lambda: sources_of(stack)['floor']['state'] == 'ok')
    states = {n: (s['state'], s['error']) for n, s in sources_of(stack).items()}
    for name, word in (('late', 'late.secret'), ('line2', 'nobodys-meter')):
        if states[name][0] != 'failing' or word not in states[name][1]:
            raise Failed(f'{name} is {states[name]}')
    if stack.edge_status()['ring']['size'] != 65 << 20:
        raise Failed(f'the ring is {stack.edge_status()["ring"]}')
    with open(secret, 'w', encoding='ascii') as out:
        os.chmod(secret, 0o600)
        out.write('y\n')
    wait_for('the source whose secret has come',
             lambda: sources_of(stack)['late']['state'] == 'ok', 60)
    if sources_of(stack)['line2']['state'] != 'failing':
        raise Failed('a meter without a profile runs')
