#!/usr/bin/env python3
"""End to end, with real programs, against the plant's own log.

    scenarios.py NAME [--keep FOLDER] [--kafka [BROKERS]]
                                 one of NAMES below; exit 0 when nothing is wrong. --kafka: with a
                                 real broker, or three, between gateway and cloud, which the
                                 scenario does not know of; 77 when none can be had

Each ends with the same questions: do the answers equal what the oracle computes, does the ledger
add up, and was nothing quarantined, evicted or put into the late ledger?
"""
import argparse
import os
import random
import shutil
import sys
import tempfile
import time

import kafka_broker
import oracle
from stack import EDGE, START_LIMIT, Failed, Stack, ledger_adds_up, wait_for

VIEW = 'all_1s'
MINUTES = 'all_1min'
# Object sensors with device times: 5 readings a message, so 20 of them at 55 messages a second make
# 5,500 readings a second.
CHANNELS = ['a', 'b', 'c', 'd']
# After a cut an edge tries again at least every 30 s (kBackoffMax of edge/uplink), and greets then.
RECONNECT_LIMIT = 45
# Views here are answered each second before their seals; this is for a slow machine.
EARLY = 5


def sensors(count, rate, **options):
    return [{'name': f'm{i:02d}', 'channels': CHANNELS, 'rate': rate, **options}
            for i in range(count)]


def start_chain(stack, sources=None, views=True, **edge_options):
    """Broker and everything behind it; the plant is the caller's, and views if they say so."""
    if views:
        stack.write_view(VIEW, '**', '1s')
    stack.start_cloud_and_gateway()
    stack.start_proxy()
    stack.write_edge(sources or stack.mqtt_source(), **edge_options)
    stack.enroll()
    stack.start_edge()
    connected(stack)


def connected(stack, limit=START_LIMIT):
    """Waits for the uplink, and for the broker to know what the edge subscribes to."""
    def all_up():
        status = stack.edge_status()
        return status['uplink']['state'] == 'up' and all(
            s['state'] == 'ok' for s in status['sources'] if s.get('protocol') == 'mqtt')
    wait_for('the edge to connect', all_up, limit)


def compare(log, ask, size=oracle.SECOND, profiles=None, within=EARLY):
    """oracle.compare() and what it looked at. A reading is in the ledger when it is placed; its
    window is answered a moment later."""
    until = time.monotonic() + within
    while True:
        answers = ask()
        found, windows = oracle.compare(log, answers, size, profiles)
        if not found or time.monotonic() > until:
            return found, windows, answers
        time.sleep(0.5)


def judge(stack, published=None, faults=(), limit=90, view=VIEW, size=oracle.SECOND):
    """The closing questions. `faults`: ledger entries that the scenario planned to fill."""
    started = time.monotonic()
    ledger = stack.settle(limit)
    problems = []
    if not ledger_adds_up(ledger):
        problems.append(f'the ledger does not add up: {ledger}')
    edge = stack.edge_status()['ledger']
    if edge != ledger:
        problems.append(f'the edge says {edge}, the cloud {ledger}')
    for name in ('quarantined', 'evicted', 'late_ledger', 'lost', 'pending'):
        if ledger[name] != 0 and name not in faults:
            problems.append(f'ledger: {name} is {ledger[name]}')
    log = oracle.PlantLog(stack.plant_log)
    if not log.ended or log.published != log.acknowledged:
        problems.append('the plant did not end well')
    stamped = len(oracle.once([r for r in log.readings if r.event]))
    arriving = len([r for r in log.readings if not r.event])
    profiles = {d: oracle.read_profile(p) for d, p in stack.profiles.items()}
    polled = log.polled(profiles)
    certain = stamped + arriving + len([r for r in polled if not r.optional])
    kept = ledger['taken'] - ledger['duplicate']
    if 'quarantined' not in faults and not certain <= kept <= stamped + arriving + len(polled):
        problems.append(f'the plant sent {certain} to {stamped + arriving + len(polled)} '
                        f'readings, {kept} were taken once: {ledger}')
    found, windows, answers = compare(log, lambda: stack.answers(view), size, profiles)
    problems += found
    print(f'{stamped + arriving + len(polled)} readings sent, ledger {ledger}, {windows} windows '
          f'compared, {len(problems)} problems, settled and judged in '
          f'{time.monotonic() - started:.1f} s')
    if windows == 0:
        problems.append('no window was compared')
    if problems:
        raise Failed('\n'.join(problems[:30]))
    return answers


def mixed_sensors():
    return [*sensors(3, 20),
            {'name': 'vib1', 'format': 'array', 'channels': ['x'], 'rate': 1000, 'batch': 100},
            {'name': 'slow', 'channels': ['t'], 'rate': 1, 'swap_every': 4},
            {'name': 'odd', 'channels': ['t'], 'rate': 50, 'swap_every': 5, 'spike_every': 40,
             'stuck_every': 90}]


def plain(stack, seconds=15):
    """Everything works: Modbus and MQTT in all formats."""
    stack.start_broker()
    stack.start_plant(slaves=[{'name': 'line1', 'model': 'sdm630'},
                              {'name': 'line2', 'model': 'em340'},
                              {'name': 'pump', 'model': 'qm30vt2'}])
    polls = {'fast': '200ms', 'normal': '500ms', 'slow': '1s'}
    start_chain(stack, stack.mqtt_source() +
                stack.modbus_source('line1', 'eastron-sdm630', poll=polls) +
                stack.modbus_source('line2', 'carlogavazzi-em340', poll=polls) +
                stack.modbus_source('pump', 'banner-qm30vt2', poll=polls))
    slaves = stack.running.pop('plant')   # stays until the edge has stopped polling
    stack.start_plant(sensors=mixed_sensors(), run_for=f'{seconds}s')
    stack.finish_plant(seconds + 40)
    stop_polling(stack)
    stack.running['plant'] = slaves
    stack.stop_plant()
    judge(stack)


def stop_polling(stack):
    """The agent without its Modbus sources, so that what was polled can be compared in peace."""
    stack.stop('edge')
    stack.write_edge(stack.mqtt_source())
    stack.start_edge()
    connected(stack, RECONNECT_LIMIT)


def cut(stack, seconds=20, rate=50):
    """The uplink is cut for 20 s; live data is seen within 2 s of the reconnect."""
    stack.start_broker()
    start_chain(stack)
    stack.start_plant(sensors=sensors(4, rate))
    time.sleep(4)
    stack.proxy.cut()
    time.sleep(seconds)
    if stack.edge_status()['ring']['blocks_pending'] == 0:
        raise Failed('nothing waited in the ring during the cut')
    stack.proxy.restore()
    time.sleep(6)
    stack.stop_plant()
    answers = judge(stack)
    if not any(a['revision'] > 0 for a in answers):
        raise Failed('no answer was revised')


def backlog(stack, seconds=45):
    """Live data is visible within 2 s of the reconnect while the backlog still drains."""
    stack.start_broker()
    start_chain(stack)
    stack.start_plant(sensors=sensors(20, 55))
    time.sleep(3)
    stack.proxy.cut()
    time.sleep(seconds)
    stack.proxy.restore()
    joined = wait_for('the edge to connect', lambda: time.time() if
                         stack.edge_status()['uplink']['state'] == 'up' else None, 40, 0.02)
    floor = int(joined * oracle.SECOND) - oracle.SECOND // 2

    def newest():
        series = stack.json('cloud', 'series', 'm00/a')['series']
        return series and oracle.parse_time(series[0]['last']) >= floor
    wait_for('live data at the cloud', newest, 10, 0.05)
    took = time.time() - joined
    waiting = stack.edge_status()['ring']['blocks_pending']
    print(f'live data {took:.2f} s after the reconnect, {waiting} blocks of backlog left')
    stack.stop_plant()
    judge(stack, limit=180)
    if took > 2:
        raise Failed(f'live data came {took:.2f} s after the reconnect')


def twice(stack, seconds=10):
    """Every message is sent two times, with device times."""
    stack.start_broker()
    start_chain(stack)
    stack.start_plant(sensors=sensors(6, 50, twice=True), run_for=f'{seconds}s')
    stack.finish_plant(seconds + 40)
    judge(stack)
    duplicates = stack.cloud_status()['ledger']['duplicate']
    if duplicates == 0:
        raise Failed('no duplicate was counted')


def kill(stack, name, kills, pause=(0.3, 1.2), seed=None):
    """kill -9 of one program at random moments, at 5,500 readings a second."""
    seed = seed if seed is not None else random.randrange(1 << 30)
    print(f'seed {seed}')
    rng = random.Random(seed)
    stack.start_broker()
    # Small blocks, and a link on which an acknowledgement takes its time: some are always on it.
    start_chain(stack, sync='50ms')
    stack.proxy.delay = 0.15
    stack.start_plant(sensors=sensors(20, 55))
    time.sleep(2)
    for _ in range(kills):
        time.sleep(rng.uniform(*pause))
        # The kill waits for a moment at which blocks are under way.
        wait_for('blocks in flight', lambda: stack.blocks_pending() > 0, 10, 0.001)
        stack.kill(name)
        time.sleep(rng.uniform(0, 0.3))
        getattr(stack, 'start_' + name)()
    time.sleep(2)
    stack.stop_plant()
    judge(stack, limit=240)
    print(f'{kills} kills of {name}, each with unacknowledged blocks')


def kill_plugin(stack, kills, seed=None):
    """kill -9 of the broker with our plug-in, of the agent, of both: no reading whose sender has
    its PUBACK is lost, and one that is sent again because the broker died counts once."""
    seed = seed if seed is not None else random.randrange(1 << 30)
    print(f'seed {seed}')
    rng = random.Random(seed)
    lines = stack.plugin_lines('plant/#')
    stack.start_broker(lines)
    start_chain(stack, stack.mqtt_source(plugin=True), sync='50ms')
    stack.start_plant(sensors=sensors(20, 55))
    time.sleep(2)
    for turn in range(kills):
        time.sleep(rng.uniform(0.5, 1.5))
        victims = [['broker'], ['edge'], ['broker', 'edge']][turn % 3]
        for name in victims:
            stack.kill(name)
        time.sleep(rng.uniform(0, 0.5))
        if 'broker' in victims:
            stack.start_broker(lines, stack.broker_port)
        if 'edge' in victims:
            stack.start_edge()
    connected(stack, RECONNECT_LIMIT)
    time.sleep(3)
    stack.stop_plant()
    judge(stack, limit=240)
    print(f'{kills} kills of broker, edge and both')


def modbus_kill(stack, kills=20, seed=None):
    """kill -9 of the edge while it polls: an answer unread at the kill is not taken, others are."""
    seed = seed if seed is not None else random.randrange(1 << 30)
    print(f'seed {seed}')
    rng = random.Random(seed)
    stack.start_broker()
    stack.start_plant(slaves=[{'name': 'line1', 'model': 'sdm630'}])
    polls = {'fast': '100ms', 'normal': '100ms', 'slow': '200ms'}
    start_chain(stack, stack.modbus_source('line1', 'eastron-sdm630', poll=polls))
    for _ in range(kills):
        time.sleep(rng.uniform(1.0, 2.0))
        stack.kill('edge')
        stack.start_edge()
    time.sleep(3)
    stop_polling(stack)
    stack.stop_plant()
    judge(stack, limit=120)


def coverage(stack, minutes=1):
    """A meter that answers 20 of 60 polls: completeness 1, coverage 0.33."""
    stack.start_broker()
    stack.start_plant(slaves=[{'name': 'line1', 'model': 'sdm630', 'answers': 20, 'of': 60,
                               'spread': True, 'miss_by_exception': True}])
    polls = {'fast': '1s', 'normal': '1s', 'slow': '1s'}
    stack.write_view('minute', '*/voltage_l1', '1min')
    start_chain(stack, stack.modbus_source('line1', 'eastron-sdm630', poll=polls))
    # A whole minute of event time, and what seals it.
    time.sleep(60 - time.time() % 60 + 60 * minutes + 8)
    full = wait_for('a sealed minute', lambda: [
        a for a in stack.answers('minute') if a['state'] in ('sealed', 'revised') and
        a['coverage'] is not None and a['values'].get('count', 0) >= 18], 40, 1)
    print([(a['start'], a['values']['count'], a['completeness'], a['coverage']) for a in full])
    stop_polling(stack)
    stack.stop_plant()
    judge(stack)
    for a in full:
        if a['completeness'] != 1.0 or abs(a['coverage'] - 20 / 60) > 0.02:
            raise Failed(f'completeness {a["completeness"]}, coverage {a["coverage"]}, '
                         'not 1.0 and 0.33')


def pressure(stack):
    """A cut that the ring is too small for: what waits is merged, then turned into partials of 1 s
    and of 1 min. Every window of 1 min is as exact as without, none of 1 s claims what it lacks."""
    stack.start_broker()
    stack.write_view(MINUTES, '**', '1min')
    start_chain(stack, ring='3 MiB', sync='50ms')
    stack.start_plant(sensors=sensors(20, 55))
    time.sleep(3)
    stack.proxy.cut()
    wait_for('blocks to be reduced',
             lambda: stack.edge_status()['ring']['readings_reduced_1s'] > 20_000, 240)
    ring = stack.edge_status()['ring']
    if ring['readings_merged'] == 0 or ring['bytes'] > ring['size']:
        raise Failed(f'not merged first, or too large: {ring}')
    stack.proxy.restore()
    connected(stack, RECONNECT_LIMIT)
    time.sleep(3)
    stack.stop_plant()
    print({k: v for k, v in ring.items() if k.startswith('readings_')})
    judge(stack, limit=120, view=MINUTES, size=60 * oracle.SECOND)
    expected = oracle.expected_windows(oracle.PlantLog(stack.plant_log).readings, oracle.SECOND)
    answers = oracle.Answers(stack.answers(VIEW)).by_window
    claims = [f'{key}: {answers[key]}' for key, values in expected.items()
              if key in answers and answers[key]['completeness'] == 1 and
              oracle.differences(values, answers[key]['values'])]
    if claims:
        raise Failed('\n'.join(claims[:10]))


def evicted(stack):
    """The ring overflows during a cut, also of blocks of an earlier start: nothing waits for them,
    they are counted, and no answer that misses one of them calls itself complete."""
    stack.start_broker()
    start_chain(stack, ring='1 MiB', sync='50ms')
    stack.start_plant(sensors=sensors(20, 55))
    time.sleep(3)
    stack.proxy.cut()
    time.sleep(3)
    stack.kill('edge')
    stack.start_edge()
    wait_for('the ring to overflow', lambda: stack.edge_status()['ledger']['evicted'] > 30_000, 120)
    stack.proxy.restore()
    connected(stack, RECONNECT_LIMIT)
    time.sleep(3)
    stack.stop_plant()
    ledger = stack.settle(120)
    published = len(oracle.once([r for r in oracle.PlantLog(stack.plant_log).readings]))
    if not ledger_adds_up(ledger) or ledger != stack.edge_status()['ledger']:
        raise Failed(f'cloud {ledger}, edge {stack.edge_status()["ledger"]}')
    if ledger['taken'] - ledger['duplicate'] != published or ledger['evicted'] == 0:
        raise Failed(f'{published} readings sent, ledger {ledger}')
    answers = oracle.Answers(stack.answers(VIEW)).by_window
    expected = oracle.expected_windows(oracle.PlantLog(stack.plant_log).readings, oracle.SECOND)
    short, waiting, false_claims = 0, 0, []
    newest = max(start for _, start in expected)
    for key, values in expected.items():
        answer = answers.get(key)
        if answer is None:
            false_claims.append(f'{key}: no answer, not even an empty one')
        elif oracle.differences(values, answer['values']):
            short += 1
            if answer['completeness'] == 1:
                false_claims.append(f'{key}: {answer}')
        if answer and answer['state'] == 'provisional' and key[1] < newest - 20 * oracle.SECOND:
            waiting += 1
    print(f'{published} readings, {ledger["evicted"]} evicted, {len(expected)} windows, {short} of '
          f'them short, {waiting} old ones provisional')
    if false_claims or waiting or not short:
        raise Failed('\n'.join(false_claims[:10]) or 'old windows wait, or none was short')


def windows_that_say(stack, words):
    """By their start."""
    return {a['start']: a for a in stack.answers(VIEW)
            if any(words in m['reason'] for m in a['missing'])}


def power(stack):
    """The agent dies, is stopped before a reboot, and loses power; journals go with their boot.
    Only of the last may something be missing that nobody counted, and only its windows say so."""
    stack.start_broker()
    start_chain(stack, sync='50ms')
    stack.start_plant(sensors=sensors(4, 20))

    def cuts():
        return windows_that_say(stack, 'the power went')

    for end, boot in (('kill', False), ('stop', True), ('kill', True)):
        time.sleep(3)
        getattr(stack, end)('edge')
        if boot:
            os.remove(stack.path('run', 'intake.journal'))
        stack.start_edge()
        connected(stack)
        started = time.strftime('%Y-%m-%dT%H:%M:%SZ', time.gmtime())
        wait_for('a window of this start', lambda since=started: any(
            a['state'] == 'sealed' and a['start'] > since for a in stack.answers(VIEW)), 60)
        if bool(cuts()) != (end == 'kill' and boot):
            raise Failed(f'{end}, {"another" if boot else "the same"} boot: {list(cuts())}')
    if not all(a['estimated'] for a in cuts().values()):
        raise Failed(f'the power went, and all is known: {cuts()}')
    stack.stop_plant()
    print(f'{len(cuts())} windows say that the power went')


def wiped(stack):
    """The edge's medium is replaced: of what was in its ring nothing is known, and only windows up
    to the minute of the new start say so."""
    stack.start_broker()
    start_chain(stack, sync='50ms')
    stack.start_plant(sensors=sensors(4, 20))

    def sealed_since(start):
        return [a for a in stack.answers(VIEW) if a['state'] == 'sealed' and a['start'] >= start]

    def shown(seconds):
        return time.strftime('%Y-%m-%dT%H:%M:%SZ', time.gmtime(seconds))

    time.sleep(3)
    stack.kill('edge')
    os.remove(stack.path('run', 'intake.journal'))
    for name in os.listdir(stack.path('data/edge')):
        if name.startswith('ring.'):
            os.remove(stack.path('data/edge', name))
    time.sleep(2)
    begun = time.time()
    stack.start_edge()
    connected(stack)
    after = shown((int(time.time()) // 60 + 1) * 60)
    wait_for('a window behind the minute of the new start', lambda: sealed_since(after), 100)
    stack.stop_plant()
    doubted = windows_that_say(stack, 'lost a start')
    if not any(start <= shown(begun - 1) for start in doubted):
        raise Failed('no window says that a start is lost')
    sure = [a for a in doubted.values() if a['completeness'] is not None or not a['estimated']]
    false = [a for a in sealed_since(after) if a['estimated'] or a['completeness'] != 1]
    if sure or false or max(doubted) >= after:
        raise Failed(f'{sure[:3]} {false[:3]} {max(doubted)}')
    print(f'{len(doubted)} windows say that a start is lost')


def restored(stack):
    """The cloud comes back from a backup: what it had acknowledged since it asks for again, and
    what the edge counted is said again."""
    stack.start_broker()
    start_chain(stack, sync='50ms')
    stack.start_plant(sensors=sensors(4, 20))
    folder, backup = stack.path('data/cloud'), stack.path('data/backup')
    time.sleep(3)
    stack.stop('cloud')
    shutil.copytree(folder, backup)
    stack.start_cloud()
    connected(stack)
    time.sleep(5)
    stack.kill('cloud')
    shutil.rmtree(folder)
    shutil.copytree(backup, folder)
    stack.start_cloud()
    connected(stack)
    time.sleep(2)
    stack.stop_plant()
    judge(stack, limit=240)


NAMES = {
    'plain': plain,
    'restored': restored,
    'wiped': wiped,
    'power': power,
    'pressure': pressure,
    'evicted': evicted,
    'cut': cut,
    'cut_short': lambda stack: cut(stack, 6),
    'backlog': backlog,
    'twice': twice,
    'kill_plugin': lambda stack: kill_plugin(stack, 24),
    'kill_plugin_short': lambda stack: kill_plugin(stack, 3),
    'coverage': coverage,
    'modbus_kill': modbus_kill,
    'modbus_kill_short': lambda stack: modbus_kill(stack, 4),
    'kill_edge': lambda stack: kill(stack, 'edge', 24),
    'kill_gateway': lambda stack: kill(stack, 'gateway', 24),
    'kill_cloud': lambda stack: kill(stack, 'cloud', 24),
    'kill_edge_short': lambda stack: kill(stack, 'edge', 3),
    'kill_gateway_short': lambda stack: kill(stack, 'gateway', 3),
    'kill_cloud_short': lambda stack: kill(stack, 'cloud', 3),
}


def every():
    """These, and those of other files, which use this one."""
    import bad_input
    import kafka_group
    import kafka_orders
    import kafka_scenarios
    import machine
    import reload
    import replay
    import ways
    return {**NAMES, 'heartpy': replay.heartpy, 'machine': machine.machine,
            'bad_input': bad_input.bad_input, 'reload': reload.reloads, 'ways': ways.ways,
            **kafka_scenarios.KAFKA, **kafka_group.GROUPS, **kafka_orders.ORDERS}


def main():
    parser = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    parser.add_argument('name', choices=sorted(every()))
    parser.add_argument('--keep', metavar='FOLDER', help='work there, and leave it')
    parser.add_argument('--kafka', nargs='?', type=int, const=1, choices=(1, 3), metavar='BROKERS',
                        help='gateway and cloud meet in Kafka, of one broker or three')
    arguments = parser.parse_args()
    try:
        return run(every()[arguments.name], arguments.name, arguments.keep, arguments.kafka)
    except kafka_broker.Unavailable as why:
        print(f'skipped: {why}')
        return 77


def over_kafka(scenario, folder, brokers):
    """The scenario, with one line of two configurations changed."""
    broker = kafka_broker.Broker(folder + '/kafka', brokers)
    broker.start()
    try:
        with Stack(folder) as stack:
            stack.kafka, stack.kafka_broker = broker.address, broker
            scenario(stack)
            if stack.alive('cloud'):
                print('cloud:', stack.metrics_of('tidemark_cloud_kafka', 'tidemark_cloud_repeated'))
    finally:
        broker.stop()


def run(scenario, name, keep=None, kafka=None):
    """Runs one scenario in a folder of its own, over `kafka` brokers; it stays when it fails."""
    # Short, for the sockets in it.
    folder = keep or tempfile.mkdtemp(prefix=f'tm-{name}-')
    started = time.monotonic()
    try:
        if kafka:
            over_kafka(scenario, folder, kafka)
        else:
            with Stack(folder) as stack:
                scenario(stack)
    except Failed as failed:
        print(f'{name} failed, see {folder}:\n{failed}')
        return 1
    print(f'{name}: ok in {time.monotonic() - started:.0f} s')
    if not keep:
        shutil.rmtree(folder, ignore_errors=True)
    return 0


if __name__ == '__main__':
    sys.exit(main())
