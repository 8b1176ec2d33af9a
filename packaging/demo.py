"""The demo itself; packaging/demo builds first and then runs this."""
import argparse
import os
import shutil
import signal
import sys
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, os.path.join(ROOT, 'tests/system'))

import oracle      # noqa: E402
import scenarios   # noqa: E402
from stack import Failed, Stack, toml_table   # noqa: E402

MARK = '.tidemark-demo'
FIRST_CUT, EVERY, CUT = 15, 60, 10  # seconds

SLAVES = [{'name': 'line1', 'model': 'sdm630'},
          {'name': 'line2', 'model': 'em340', 'exception_every': 40},
          {'name': 'pump', 'model': 'qm30vt2'}]
SENSORS = [
    {'name': 'hall', 'channels': ['temperature', 'humidity'], 'rate': 1},
    {'name': 'oven', 'channels': ['temperature', 'pressure', 'flow'], 'rate': 10, 'swap_every': 7,
     'spike_every': 120},
    {'name': 'belt', 'channels': ['speed', 'current'], 'rate': 50, 'stuck_every': 900,
     'twice': True},
    {'name': 'press', 'format': 'array', 'channels': ['vibration'], 'rate': 1000, 'batch': 100,
     'spike_every': 7000},
    {'name': 'gauge', 'format': 'number', 'channels': ['data'], 'rate': 2},
]
POLL = {'fast': '1s', 'normal': '2s', 'slow': '5s'}


class Demo:
    def __init__(self, stack):
        self.stack = stack
        self.seen = {'cut': False, 'backlog': False, 'revision': False}

    def start(self):
        stack = self.stack
        stack.start_broker()
        stack.start_plant(slaves=SLAVES)
        stack.write('views.d/demo.toml', ''.join(toml_table('[[view]]', view) for view in (
            {'name': 'power_1m', 'select': '*/power_total',
             'group_by': ['site', 'edge', 'series'],
             'window': {'type': 'tumbling', 'size': '1min'},
             'aggregates': ['count', 'min', 'max', 'mean'],
             'emit': {'early': '5s', 'revision_interval': '5s'}},)))
        scenarios.start_chain(stack, stack.mqtt_source() + stack.modbus_source(
            'line1', 'eastron-sdm630', poll=POLL) + stack.modbus_source(
            'line2', 'carlogavazzi-em340', poll=POLL) + stack.modbus_source(
            'pump', 'banner-qm30vt2', poll=POLL))
        # Sensors begin when the broker knows who listens: until then it keeps nothing for anybody.
        stack.running['slaves'] = stack.running.pop('plant')
        stack.start_plant(sensors=SENSORS)
        command = stack.path('tidemark')
        with open(command, 'w', encoding='utf-8') as out:
            out.write('#!/bin/sh\n' + ''.join(
                f'export {name}="{stack.environment[name]}"\n' for name in
                ('TIDEMARK_EDGE_CONFIG', 'TIDEMARK_GATEWAY_CONFIG', 'TIDEMARK_CLOUD_CONFIG')) +
                f'exec "{stack.program("tidemark")}" "$@"\n')
        os.chmod(command, 0o755)
        shown = os.path.relpath(command)
        print(f'''
  page      http://127.0.0.1:{stack.http_port}/
  try       {shown} edge status
            {shown} tap 'line1/*' --count 5
            {shown} cloud query 'avg line1/power_total by 1m'

The uplink is cut for {CUT} s every minute, first in {FIRST_CUT} s. Ctrl-C ends everything.
''', flush=True)

    def run(self, seconds):
        """Cuts, watches and tells, until `seconds` have passed (None: for ever)."""
        start = time.monotonic()
        is_cut = False
        told = 0.0
        while seconds is None or time.monotonic() - start < seconds:
            self.stack.check_alive()
            at = time.monotonic() - start
            should_cut = at >= FIRST_CUT and (at - FIRST_CUT) % EVERY < CUT
            if should_cut != is_cut:
                is_cut = should_cut
                if is_cut:
                    self.stack.proxy.cut()
                else:
                    self.stack.proxy.restore()
                print(f'{at:5.0f} s  the uplink is {"cut" if is_cut else "whole again"}',
                      flush=True)
            if at - told >= 2:
                told = at
                self.watch(at, is_cut)
            time.sleep(0.1)
        if is_cut:
            self.stack.proxy.restore()

    def watch(self, at, is_cut):
        status = self.stack.edge_status()
        waiting = status['ring']['blocks_pending']
        away = status['uplink']['state'] != 'up'
        self.seen['cut'] |= is_cut and away
        self.seen['backlog'] |= is_cut and away and waiting > 0
        if not self.seen['revision']:
            self.seen['revision'] = any(a['revision'] > 0 for a in
                                        self.stack.answers(scenarios.VIEW))
        if int(at) % 10 < 2:
            ledger = status['ledger']
            print(f'{at:5.0f} s  {ledger["taken"]} readings taken, {waiting} blocks wait in the '
                  f'ring, uplink {status["uplink"]["state"]}', flush=True)

    def judge(self):
        self.stack.stop_plant()
        self.stack.stop('slaves')
        scenarios.judge(self.stack, faults=('lost',))
        missing = [what for what, seen in self.seen.items() if not seen]
        if missing:
            raise Failed(f'not seen: {", ".join(missing)}')
        print("seen: a cut, a backlog, a revision; the plant's log equals the answers")


def prepare(folder):
    """An empty folder; only one that a demo made is emptied."""
    if os.path.isdir(folder) and os.listdir(folder):
        if not os.path.exists(os.path.join(folder, MARK)):
            raise Failed(f'{folder} holds something that no demo made: take another --dir')
        shutil.rmtree(folder)
    os.makedirs(folder, exist_ok=True)
    with open(os.path.join(folder, MARK), 'w', encoding='utf-8'):
        pass


class Parser(argparse.ArgumentParser):
    def error(self, message):
        self.exit(64, f'demo: {message}\n  try: packaging/demo --help\n')


def length(text):
    """Seconds of "60s"."""
    try:
        return oracle.duration(text) / oracle.SECOND
    except (ValueError, KeyError, AttributeError, IndexError):
        raise argparse.ArgumentTypeError(f"'{text}' is no length of time such as 60s or 2min")


def main():
    parser = Parser(prog='packaging/demo')
    parser.add_argument('--dir', default=os.path.join(ROOT, 'build/demo'))
    parser.add_argument('--for', dest='length', metavar='60s', type=length)
    parser.add_argument('--only-arguments', action='store_true', help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.only_arguments:
        return 0
    # SIGINT too: a shell starts what it puts behind with & ignoring it.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.default_int_handler)
    try:
        seconds = arguments.length
        prepare(arguments.dir)
        with Stack(arguments.dir) as stack:
            demo = Demo(stack)
            demo.start()
            demo.run(seconds)
            demo.judge()
        return 0
    except KeyboardInterrupt:
        print('\ndemo: everything it started has ended')
        return 0
    except Failed as failed:
        print(f'demo: {failed}', file=sys.stderr)
        return 1


if __name__ == '__main__':
    sys.exit(main())
