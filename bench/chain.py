#!/usr/bin/env python3
"""What the whole chain costs, with real programs: one line a case, one table.

    bench/chain.py [--seconds N]        needs a release build (packaging/compile)

ingest   CPU seconds of the edge per million values, and values per CPU second, from a real broker:
         one value a message, and 100 values a message
drain    blocks a second from the ring through gateway and cloud to the acknowledgement, after an
         outage, and CPU seconds of each program per thousand blocks, until all is answered; with
         ZeroMQ between gateway and cloud, and with a Kafka of one broker
wire     bytes per reading on the uplink, TLS included
idle     bytes a day on the wire of an edge whose 20 sources say nothing, both ways, TLS, TCP and IP
         included, as the kernel counts them over --idle seconds
memory   resident memory of each program at the end of its case

CPU is user and system time of the process, from the kernel. Times on a shared machine vary: the
CPU figures and their ratios are the ones to compare.
"""
import argparse
import os
import re
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'tests',
                                'system'))
import kafka_broker  # noqa: E402  (the path comes first)
from stack import Failed, Stack, wait_for  # noqa: E402  (the path comes first)

TICKS = os.sysconf('SC_CLK_TCK')


def cpu_seconds(process):
    with open(f'/proc/{process.pid}/stat', encoding='ascii') as stat:
        fields = stat.read().rsplit(')', 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def resident_mib(process):
    with open(f'/proc/{process.pid}/status', encoding='ascii') as status:
        for line in status:
            if line.startswith('VmRSS'):
                return int(line.split()[1]) / 1024
    return 0.0


def taken(stack):
    return stack.edge_status()['ledger']['taken']


def print_row(*cells):
    print(f'{cells[0]:<34}' + ''.join(f'{cell:>18}' for cell in cells[1:]), flush=True)


def ingest(name, sensor, values):
    """The edge alone with a broker, no gateway: what it takes to get `values` into the ring."""
    with tempfile.TemporaryDirectory(prefix='tm-bench-') as folder, Stack(folder) as stack:
        stack.start_broker()
        stack.gateway_port = 1  # nobody: the ring keeps everything
        stack.write_edge(stack.mqtt_source(), ring='512 MiB')
        stack.start_edge()
        wait_for('the edge to answer', lambda: stack.cli('edge', 'status', check=False)[0] == 2)
        edge, broker = stack.running['edge'], stack.running['broker']
        before = cpu_seconds(edge), cpu_seconds(broker)
        started = time.monotonic()
        # Unpaced, the sensors' clock runs ahead: it begins so early that it ends in the past.
        stack.start_plant(sensors=[sensor], paced=False, start=f'-{values // 60_000 + 5}min')
        stack.finish_plant(600)
        wait_for('all values', lambda: taken(stack) >= values, 120)
        took = time.monotonic() - started
        cpu = cpu_seconds(edge) - before[0]
        print_row(name, f'{values / took / 1e3:.0f} k/s', f'{cpu / values * 1e6:.2f} s/M',
                  f'{values / cpu / 1e3:.0f} k', f'{resident_mib(edge):.1f} MiB',
                  f'{(cpu_seconds(broker) - before[1]) / values * 1e6:.2f} s/M')


def drain_over_kafka(seconds):
    """The same with a broker between gateway and cloud."""
    with tempfile.TemporaryDirectory(prefix='tm-bench-') as folder:
        broker = kafka_broker.Broker(folder)
        broker.start()
        try:
            drain(seconds, broker.address)
        finally:
            broker.stop()


def drain(seconds, kafka=None):
    """An outage's backlog, through gateway and cloud."""
    with tempfile.TemporaryDirectory(prefix='tm-bench-') as folder, Stack(folder) as stack:
        stack.kafka = kafka
        stack.start_broker()
        stack.start_cloud_and_gateway()
        stack.start_proxy()
        # Small blocks, so that there are enough of them to time.
        stack.write_edge(stack.mqtt_source(), ring='512 MiB', sync='20ms')
        stack.enroll()
        stack.start_edge()
        wait_for('the edge to connect', lambda: stack.edge_status()['uplink']['state'] == 'up')
        stack.proxy.cut()
        channels = [f'c{i}' for i in range(10)]
        stack.start_plant(sensors=[{'name': f'm{i:02d}', 'channels': channels, 'rate': 100}
                                   for i in range(20)], run_for=f'{seconds}s')
        stack.finish_plant(seconds + 60)
        waiting = stack.edge_status()['ring']
        blocks, readings = waiting['blocks_pending'], waiting['readings_pending']
        programs = {name: stack.running[name] for name in ('edge', 'gateway', 'cloud')}
        before = {name: cpu_seconds(p) for name, p in programs.items()}
        stack.proxy.restore()
        wait_for('the link', lambda: stack.edge_status()['uplink']['state'] == 'up', 60)
        started = time.monotonic()
        wait_for('the backlog to drain',
                 lambda: stack.edge_status()['ring']['blocks_pending'] == 0, 300)
        took = max(time.monotonic() - started, 0.001)
        stack.settle(120)  # to the answers: over Kafka they come after the acknowledgement
        print_row('program', 'blocks/s', 'readings/s', 'CPU s/1k blocks', 'CPU s/M readings',
                  'memory')
        for name, process in programs.items():
            cpu = cpu_seconds(process) - before[name]
            print_row(name, f'{blocks / took:.0f}', f'{readings / took / 1e3:.0f} k',
                      f'{cpu / blocks * 1e3:.2f}', f'{cpu / readings * 1e6:.2f}',
                      f'{resident_mib(process):.1f} MiB')
        status = stack.edge_status()
        per_reading = status['uplink']['bytes_per_reading']
        print(f'\n{blocks} blocks, {readings} readings; {per_reading:.2f} bytes per reading on the '
              'uplink, TLS and seals included')


HEADERS = 20 + 20 + 12  # of a segment: IPv4, TCP, its timestamps


def on_the_wire(port):
    """(bytes both ways, segments both ways) of the one connection to this port, since its start."""
    text = subprocess.run(['ss', '-Htin', 'state', 'established', f'dport = :{port}'],
                          capture_output=True, text=True, check=True).stdout
    found = dict(re.findall(r'(bytes_sent|bytes_received|segs_out|segs_in):(\d+)', text))
    if len(found) != 4:
        raise Failed(f'ss says of port {port}: {text!r}')
    found = {name: int(n) for name, n in found.items()}
    return found['bytes_sent'] + found['bytes_received'], found['segs_out'] + found['segs_in']


def idle(seconds, sources=20):
    """An edge with nothing to say, but for how far its sources are."""
    with tempfile.TemporaryDirectory(prefix='tm-bench-') as folder, Stack(folder) as stack:
        stack.start_broker()
        stack.start_cloud_and_gateway()
        stack.write_edge(''.join(stack.mqtt_source(f'line{i:02d}', [f'line{i:02d}/#'])
                                 for i in range(sources)))
        stack.enroll()
        stack.start_edge()
        wait_for('the edge to connect', lambda: stack.edge_status()['uplink']['state'] == 'up')
        time.sleep(75)  # until it takes itself for idle
        before = on_the_wire(stack.gateway_port)
        time.sleep(seconds)
        after = on_the_wire(stack.gateway_port)
        stack.check_alive()
        payload, segments = after[0] - before[0], after[1] - before[1]
        day = (payload + segments * HEADERS) * 86_400 / seconds
        print_row('', 'kB a day', 'segments', 'bytes', 'a segment')
        print_row(f'{sources} idle sources', f'{day / 1e3:.0f}', segments, payload,
                  f'{payload / max(segments, 1):.0f}')


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--seconds', type=int, default=20, help='of outage for the drain')
    parser.add_argument('--idle', type=int, default=240, help='of silence; 0: not')
    arguments = parser.parse_args()
    try:
        if arguments.idle:
            print(f'{arguments.idle} s of silence')
            idle(arguments.idle)
            print()
        print_row('edge ingest, MQTT QoS 1', 'values/s', 'edge CPU', 'values/CPU s', 'memory',
                  'broker CPU')
        ingest('one value a message',
               {'name': 'one', 'channels': ['v'], 'format': 'number', 'rate': 1000,
                'count': 200_000}, 200_000)
        ingest('100 values a message, JSON array',
               {'name': 'many', 'channels': ['v'], 'format': 'array', 'batch': 100, 'rate': 1000,
                'count': 20_000, 'serial': False}, 2_000_000)
        ingest('100 values a message, packed',
               {'name': 'many', 'channels': ['v'], 'format': 'packed', 'batch': 100, 'rate': 1000,
                'count': 20_000}, 2_000_000)
        print(f'\ndrain of a {arguments.seconds} s outage at 20,000 readings/s')
        drain(arguments.seconds)
        print('\nthe same over Kafka')
        drain_over_kafka(arguments.seconds)
    except kafka_broker.Unavailable as why:
        print(f'not run: {why}')
    except Failed as failed:
        print(f'bench/chain: {failed}', file=sys.stderr)
        return 1
    return 0


if __name__ == '__main__':
    sys.exit(main())
