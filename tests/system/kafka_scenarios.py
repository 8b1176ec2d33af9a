"""Scenarios of scenarios.py that know of the Kafka between gateway and cloud: run with --kafka."""
import json
import random
import shutil
import signal
import time

import oracle
from scenarios import VIEW, Failed, judge, sensors, start_chain, wait_for


def need_kafka(stack):
    if not stack.kafka_broker:
        raise Failed('this scenario is about Kafka: say --kafka')
    return stack.kafka_broker


def broker_dies(stack, rounds=6, seed=None):
    """Broker, gateway and cloud node take turns to die by kill -9; the broker also stands still."""
    broker = need_kafka(stack)
    seed = seed if seed is not None else random.randrange(1 << 30)
    print(f'seed {seed}')
    rng = random.Random(seed)
    stack.start_broker()
    start_chain(stack, sync='50ms')
    stack.start_plant(sensors=sensors(20, 55))
    time.sleep(2)
    for turn in range(rounds):
        time.sleep(rng.uniform(0.5, 2))
        broker.kill()
        if turn % 3 == 1:
            stack.kill('gateway')
            stack.start_gateway()
        if turn % 3 == 2:
            stack.kill('cloud')
            stack.start_cloud()
        time.sleep(rng.uniform(0, 2))
        broker.start()
    broker.signal(signal.SIGSTOP)
    time.sleep(8)
    broker.signal(signal.SIGCONT)
    time.sleep(2)
    stack.stop_plant()
    judge(stack, limit=240)


def cloud_wiped(stack):
    """A cloud node that has lost its disk makes all its answers anew from Kafka."""
    need_kafka(stack)
    stack.start_broker()
    start_chain(stack)
    stack.start_plant(sensors=sensors(8, 50), run_for='8s')
    stack.finish_plant(60)
    before = judge(stack)
    stack.kill('cloud')
    shutil.rmtree(stack.path('data', 'cloud'))
    stack.start_cloud()
    after = judge(stack)

    def figures(answers):
        return sorted((a['series'], a['start'], str(a['values'])) for a in answers)
    if figures(before) != figures(after):
        raise Failed('answers made anew are others')


def answers_topic(stack):
    """With publish.answers the topic holds, by key, what the node answers; also after kill -9."""
    broker = need_kafka(stack)
    stack.start_broker()
    stack.more_of_cloud = '[publish]\nanswers = true\n'
    start_chain(stack)
    stack.start_plant(sensors=sensors(4, 50))
    for _ in range(2):
        time.sleep(3)
        stack.kill('cloud')
        stack.start_cloud()
    time.sleep(2)
    stack.stop_plant()
    time.sleep(2)  # a window's first answer is due a second after its readings
    windows = {(a['series'], a['start']) for a in judge(stack)}

    def same():
        # The node goes on: windows are sealed, and later ones are answered.
        found = {}
        for value in broker.values('test.answers'):
            answer = json.loads(value, parse_int=oracle.parse_int)
            if answer['view'] == VIEW:
                found[answer['series'], answer['start']] = answer
        wanted = {(a['series'], a['start']): a for a in stack.answers(VIEW)}
        return windows <= wanted.keys() and all(
            found.get(key, {}).get(part) == wanted[key][part]
            for key in windows for part in ('values', 'revision', 'state', 'completeness'))
    wait_for(f'the topic to hold {len(windows)} answers', same, 90, 1)
    print(f'{len(windows)} answers in the topic')


KAFKA = {'answers_topic': answers_topic, 'broker_dies': broker_dies, 'cloud_wiped': cloud_wiped}
