"""bench/cluster's windows in Bytewax: bytewax_job.py BROKERS TOPIC ANSWERS WAIT_MS

A record of TOPIC is a reading as JSON under its device's name; ends when TOPIC has been read.
Windows take readings as they come (ordered=False), which costs less than the default."""
import sys
from datetime import datetime, timedelta, timezone

import bytewax.operators as op
import bytewax.operators.windowing as win
import orjson
from bytewax.connectors.kafka import KafkaSink, KafkaSinkMessage, KafkaSource
from bytewax.dataflow import Dataflow
from bytewax.testing import run_main

EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
BROKERS, TOPIC, ANSWERS, WAIT_MS = sys.argv[1:5]


def parsed(message):
    return message.key.decode(), orjson.loads(message.value)


def time_of(reading):
    return datetime.fromtimestamp(reading['ts'] / 1000, timezone.utc)


def fold(acc, reading):
    value = reading['v']
    acc[0] += 1
    acc[1] += value
    acc[2] = min(acc[2], value)
    acc[3] = max(acc[3], value)
    return acc


def merge(a, b):
    return [a[0] + b[0], a[1] + b[1], min(a[2], b[2]), max(a[3], b[3])]


def answer(item):
    device, (window, (count, total, low, high)) = item
    return KafkaSinkMessage(device.encode(), orjson.dumps({
        'device': device, 'start': window * 10_000, 'count': count, 'min': low, 'max': high,
        'avg': total / count}))


flow = Dataflow('windows')
records = op.input('in', flow, KafkaSource([BROKERS], [TOPIC], tail=False))
readings = op.map('parse', records, parsed)
clock = win.EventClock(time_of, wait_for_system_duration=timedelta(milliseconds=int(WAIT_MS)))
windows = win.fold_window('window', readings, clock,
                          win.TumblingWindower(length=timedelta(seconds=10), align_to=EPOCH),
                          lambda: [0, 0.0, float('inf'), float('-inf')], fold, merge, ordered=False)
op.output('out', op.map('answer', windows.down, answer), KafkaSink([BROKERS], ANSWERS))

run_main(flow)
