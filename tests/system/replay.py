#!/usr/bin/env python3
"""A recorded data set with its own clock, replayed over MQTT: data3.csv of the PyPI package heartpy
(MIT), taken from the package at test time. `tidemark cloud query` must give the figures that a few
lines of Python over the file give.

The recording repeats some samples with the same time and value; by the product's rule such a one
counts once (a device that says the same twice), so the file is read as a set.
"""
import glob
import os
import shutil
import subprocess
import sys
import zipfile
from collections import defaultdict
from datetime import datetime, timezone

import mqtt
import oracle
import scenarios
from stack import Failed, wait_for

PACKAGE = 'heartpy==1.2.7'
MEMBER = 'heartpy/data/data3.csv'


def fetch(folder):
    """The rows of the file: (ns UTC, value)."""
    pip = [sys.executable, '-m', 'pip']
    if subprocess.run([*pip, '--version'], capture_output=True, check=False).returncode:
        pip = [shutil.which('pip3') or 'pip3']
    done = subprocess.run([*pip, 'download', '--quiet', '--no-deps', '--dest', folder, PACKAGE],
                          capture_output=True, text=True, check=False)
    if done.returncode:
        raise Failed(f'pip download {PACKAGE}: {done.stderr}')
    with zipfile.ZipFile(glob.glob(os.path.join(folder, 'heartpy-*.whl'))[0]) as package:
        lines = package.read(MEMBER).decode().splitlines()[1:]
    rows = []
    for line in lines:
        text, value = line.split(',')
        time = datetime.fromisoformat(text).replace(tzinfo=timezone.utc)
        seconds = int(time.replace(microsecond=0).timestamp())
        rows.append((seconds * oracle.SECOND + time.microsecond * 1000, value))
    return rows


def heartpy(stack):
    rows = fetch(stack.path())
    stack.start_broker()
    stack.write_view('pulse_1min', '*/pulse/*', '1min')
    scenarios.start_chain(stack, stack.mqtt_source(topics=['lab/+/hr']))
    mqtt.publish(stack.broker_port, 'lab/pulse/hr', [
        f'{{"ts":"{oracle.format_time(ns)}","hr":{value}}}'.encode() for ns, value in rows])
    wait_for('all rows to be taken',
             lambda: stack.edge_status()['ledger']['taken'] >= len(rows), 120, 0.5)
    ledger = stack.settle(120)
    unique = set(rows)
    kept = ledger['taken'] - ledger['duplicate']
    print(f'{len(rows)} rows, {len(unique)} of them different, ledger {ledger}')
    if kept != len(unique) or ledger['quarantined'] or ledger['late_ledger']:
        raise Failed(f'{len(unique)} different rows, {kept} taken once')
    # The few lines of Python: figures by minute.
    minutes = defaultdict(list)
    for ns, value in sorted(unique):
        minutes[ns // (60 * oracle.SECOND)].append(int(value))
    span = ['--from', '2016-11-24T13:00:00Z', '--to', '2016-11-24T15:00:00Z']
    for expression in ('pulse_1min', 'avg pulse/hr by 1min'):
        # The last window is answered when its early emission comes.
        answers = wait_for(f'{len(minutes)} answers to {expression}', lambda e=expression: full(
            stack.answers(e, *span), len(minutes)), 20, 0.5)
        for a in answers:
            values = minutes[oracle.parse_time(a['start']) // (60 * oracle.SECOND)]
            expected = {'count': len(values), 'min': min(values), 'max': max(values),
                        'mean': sum(values) / len(values), 'avg': sum(values) / len(values)}
            for name, figure in expected.items():
                if name in a['values'] and a['values'][name] != figure:
                    raise Failed(f'{expression} {a["start"]} {name}: {a["values"][name]}, by '
                                 f'Python {figure}')


def full(answers, count):
    """Those with figures, when there are `count` of them."""
    found = [a for a in answers if any(a['values'].values())]
    return found if len(found) == count else None
