"""The readings of bench/cluster once more (readings.cpp), their windows in one batch, and what a
topic of answers holds of them."""
import json
import time
from datetime import datetime

import confluent_kafka
import numpy as np

DEVICES = 1000
WINDOW_MS = 10_000
VIEW = 'ten'
TOLERANCE = 1e-9
READ_LIMIT = 60  # seconds without a record
READ_TURN = 0.5


def values_of(device, count):
    k = np.arange(count, dtype=np.uint64)
    h = (k + np.uint64(1)) * np.uint64(0x9E3779B97F4A7C15)
    h += np.uint64((device * 0xBF58476D1CE4E5B9) % 2**64)
    h ^= h >> np.uint64(31)
    h *= np.uint64(0x94D049BB133111EB)
    h ^= h >> np.uint64(29)
    whole = (np.uint64(2000 + 10 * (device % 100)) + k // np.uint64(64) % np.uint64(300)
             + h % np.uint64(20))
    return whole.astype(np.float64) / 100


def windows(readings, rate):
    """{device: columns count, min, max, avg by window} of a batch over all readings."""
    of_device = readings // DEVICES
    of_window = rate * WINDOW_MS // 1000
    found = {}
    for device in range(DEVICES):
        v = values_of(device, of_device)
        starts = np.arange(0, of_device, of_window)
        counts = np.diff(np.append(starts, of_device))
        found[f'dev-{device:04}'] = np.stack([
            counts.astype(np.float64), np.minimum.reduceat(v, starts),
            np.maximum.reduceat(v, starts), np.add.reduceat(v, starts) / counts])
    return found


def peer_answer(record):
    answer = json.loads(record)
    return (answer['device'], answer['start'],
            (answer['count'], answer['min'], answer['max'], answer['avg']))


def our_answer(record):
    answer = json.loads(record)
    if answer['view'] != VIEW:
        return None
    start = datetime.fromisoformat(answer['start'].replace('Z', '+00:00'))
    v = answer['values']
    return (answer['series'].split('/')[1], round(start.timestamp() * 1000),
            (v['count'], v['min'], v['max'], v['mean']))


def read(broker, topic, begin):
    """(value, ms of the broker's clock) of all that is there from these offsets on."""
    consumer = confluent_kafka.Consumer({
        'bootstrap.servers': broker, 'group.id': 'oracle', 'enable.auto.commit': False,
        'auto.offset.reset': 'earliest', 'enable.partition.eof': True})
    consumer.assign([confluent_kafka.TopicPartition(topic, p, n) for p, n in enumerate(begin)])
    ended = set()
    heard = time.monotonic()
    while len(ended) < len(begin):
        messages = consumer.consume(1000, READ_TURN)  # it waits for so many, or so long
        heard = time.monotonic() if messages else heard
        if time.monotonic() - heard > READ_LIMIT:
            raise RuntimeError(f'{topic}: cannot be read to its end')
        for m in messages:
            if m.error() is None:
                yield m.value(), m.timestamp()[1]
            elif m.error().code() == confluent_kafka.KafkaError._PARTITION_EOF:
                ended.add(m.partition())
            else:
                raise RuntimeError(f'{topic}: {m.error()}')
    consumer.close()


def judge(broker, topic, parse, batch, start, begin):
    """What the topic says of the batch's windows; of a window the last answer counts."""
    last = {}
    newest, records = 0, 0
    for value, stamp in read(broker, topic, begin):
        newest = max(newest, stamp)
        records += 1
        answer = parse(value)
        if answer and answer[0] in batch:
            last[answer[0], (answer[1] - start) // WINDOW_MS] = answer[2]
    missing = twice = wrong = 0
    for device, columns in batch.items():
        for window, (count, low, high, mean) in enumerate(columns.T):
            got = last.get((device, window), (0, None, None, None))
            missing += max(0, int(count) - got[0])
            twice += max(0, got[0] - int(count))
            if got[0] == count and (got[1] != low or got[2] != high or
                                    abs(got[3] - mean) > TOLERANCE * abs(mean)):
                wrong += 1
    return {'missing': missing, 'twice': twice, 'wrong': wrong, 'answers': records,
            'ended_ms': newest}
