#!/usr/bin/env python3
"""`tidemark profile …` and `tidemark modbus read` against devices that this file plays: Modbus TCP
and RTU on a pseudo-terminal, with the register images of tests/golden/profiles, directly and
through a running agent.

    modbus_commands.py [CASE …]        TIDEMARK_BIN: where tidemark-edge is
"""
import json
import os
import select
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time
import tomllib
import tty

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
BIN = os.environ.get('TIDEMARK_BIN', os.path.join(ROOT, 'build/release/bin'))
PROFILES = os.path.join(ROOT, 'firmware-profiles')
IMAGES = os.path.join(ROOT, 'tests/golden/profiles')
EDGE = os.path.join(BIN, 'tidemark-edge')


def image_of(profile):
    registers = {}
    with open(os.path.join(IMAGES, profile + '.txt'), encoding='ascii') as stream:
        for line in stream:
            words = line.split()
            if words[0] in ('probe', '='):
                continue
            at = int(words[1].rstrip(':'), 16)
            for i, word in enumerate(words[2:]):
                registers[int(words[0]), at + i] = int(word, 16)
    return registers


def swap_bytes(registers):
    return {at: (w >> 8) | (w & 0xff) << 8 for at, w in registers.items()}


class Device:
    """What a unit answers to a request, and which functions it ever saw."""

    def __init__(self, registers, units=(1,)):
        self.registers, self.units, self.functions = registers, units, set()

    def answer(self, unit, pdu):
        """The PDU of the answer, or None for silence."""
        if unit not in self.units:
            return None
        function, address, count = struct.unpack('>BHH', pdu[:5])
        self.functions.add(function)
        try:
            words = [self.registers[function, address + i] for i in range(count)]
        except KeyError:
            served = any(f == function for f, _ in self.registers)
            return bytes([function | 0x80, 2 if served else 1])
        return struct.pack('>BB', function, 2 * count) + b''.join(
            struct.pack('>H', w) for w in words)


class TcpServer(threading.Thread):
    def __init__(self, device):
        super().__init__(daemon=True)
        self.device, self.connections = device, 0
        self.listener = socket.create_server(('127.0.0.1', 0))
        self.port = self.listener.getsockname()[1]
        self.start()

    def run(self):
        while True:
            peer, _ = self.listener.accept()
            self.connections += 1
            threading.Thread(target=self.serve, args=(peer,), daemon=True).start()

    def serve(self, peer):
        with peer:
            while True:
                header = peer.recv(7, socket.MSG_WAITALL)
                if len(header) < 7:
                    return
                number, _, length, unit = struct.unpack('>HHHB', header)
                pdu = peer.recv(length - 1, socket.MSG_WAITALL)
                answer = self.device.answer(unit, pdu)
                if answer is not None:
                    peer.sendall(struct.pack('>HHHB', number, 0, len(answer) + 1, unit) + answer)


def crc(data):
    value = 0xFFFF
    for byte in data:
        value ^= byte
        for _ in range(8):
            value = value >> 1 ^ (0xA001 if value & 1 else 0)
    return struct.pack('<H', value)


class Line(threading.Thread):
    """A pseudo-terminal with an RTU device at its far end."""

    def __init__(self, device, folder):
        super().__init__(daemon=True)
        self.device = device
        self.far, near = os.openpty()
        tty.setraw(near)
        self.near = near  # stays open: no hang-up between two commands
        self.port = os.path.join(folder, 'usb-line')
        os.symlink(os.ttyname(near), self.port)
        self.start()

    def run(self):
        frame = b''
        while True:
            select.select([self.far], [], [])
            frame += os.read(self.far, 256)
            while len(frame) >= 8:
                request, frame = frame[:8], frame[8:]
                answer = self.device.answer(request[0], request[1:6])
                if answer is not None:
                    out = request[:1] + answer
                    os.write(self.far, out + crc(out))


class Failed(Exception):
    pass


def expect(condition, text):
    if not condition:
        raise Failed(text)


class Case:
    def __init__(self, folder):
        self.folder = folder
        self.config = os.path.join(folder, 'edge.toml')
        self.agent = None
        self.configure('')

    def configure(self, sources):
        with open(self.config, 'w', encoding='utf-8') as out:
            # Relative to this file, wherever agent and commands are started.
            out.write('edge = "e"\ndata_dir = "data"\nrun_dir = "run"\n'
                      f'profile_path = ["profiles", "{PROFILES}"]\n'
                      f'[ring]\nsize = "16 MiB"\n{sources}')

    def start_agent(self):
        with open(os.path.join(self.folder, 'agent.log'), 'w', encoding='utf-8') as log:
            self.agent = subprocess.Popen([EDGE, '--config', self.config], stderr=log, stdout=log,
                                          cwd='/')
        for _ in range(600):
            done = self.run('edge', 'status', '--json', may_fail=True)
            if done.returncode in (0, 2) and json.loads(done.stdout)['sources'][0]['state'] == 'ok':
                return
            time.sleep(0.1)
        with open(os.path.join(self.folder, 'agent.log'), encoding='utf-8') as log:
            raise Failed('the agent does not read its device: ' + log.read())

    def stop(self):
        if self.agent:
            self.agent.terminate()
            self.agent.wait(30)

    def run(self, *words, code=0, may_fail=False):
        done = subprocess.run([EDGE, 'cli', *words, '--config', self.config], timeout=120,
                              capture_output=True, text=True, check=False)
        if not may_fail:
            expect(done.returncode == code, f'{words}: exit {done.returncode}, not {code}\n'
                   f'{done.stdout}{done.stderr}')
        return done

    def json(self, *words, code=0):
        return json.loads(self.run(*words, '--json', code=code).stdout)


def probe_names_the_order_and_writes(case):
    """The example of the product: 231.2 V that others print as 9.2e23."""
    device = Device(swap_bytes(image_of('eastron-sdm630')))
    where = ('--tcp', f'127.0.0.1:{TcpServer(device).port}', '--unit', '1')
    done = case.run('profile', 'probe', 'eastron-sdm630', *where, code=65)
    expect('differs: ' in done.stdout and 'byte order BADC' in done.stdout, done.stdout)
    expect('byte_order = "BADC"' in done.stderr, done.stderr)
    expect('231.2 V' in done.stdout, done.stdout)
    read = case.run('modbus', 'read', *where, '--fc', '4', '--type', 'f32', '--order', 'BADC')
    expect(read.stdout.split()[-1] == '231.2', f'not as the device means it: {read.stdout}')
    os.mkdir(os.path.join(case.folder, 'profiles'))
    found = case.json('profile', 'probe', 'eastron-sdm630', *where, '--write', 'our-meter')
    expect(found['found']['byte_order'] == 'BADC', found)
    case.run('profile', 'check', 'our-meter')
    expect(case.json('profile', 'probe', 'our-meter', *where)['verdict'] == 'follows', 'our-meter')
    case.run('profile', 'probe', 'eastron-sdm630', *where, '--write', 'our-meter', code=64)
    expect(device.functions <= {1, 2, 3, 4}, f'functions on the wire: {device.functions}')


def probe_refuses_to_guess(case):
    zeros = Device({at: 0 for at in image_of('eastron-sdm630')})
    where = ('--tcp', f'127.0.0.1:{TcpServer(zeros).port}')
    os.mkdir(os.path.join(case.folder, 'profiles'))
    found = case.json('profile', 'probe', 'eastron-sdm630', *where, '--write', 'guess', code=65)
    expect(found['verdict'] == 'undecidable' and found['written'] is None, found)
    two = Device(image_of('sma-inverter'))
    where = ('--tcp', f'127.0.0.1:{TcpServer(two).port}')
    found = case.json('profile', 'probe', 'sma-inverter', *where, '--write', 'guess', code=65)
    expect('more than one reading is plausible' in found['reason'], found)
    expect(os.listdir(os.path.join(case.folder, 'profiles')) == [], 'something was written')
    nobody = Device({}, units=())
    case.run('profile', 'probe', 'eastron-sdm630', '--timeout', '50ms', '--tcp',
             f'127.0.0.1:{TcpServer(nobody).port}', code=69)
    case.run('profile', 'probe', 'eastron-sdm63', '--tcp', 'x:1', may_fail=True)


def serial_line_is_read_and_scanned(case):
    line = Line(Device(image_of('carlogavazzi-em340'), units=(3,)), case.folder)
    done = case.json('modbus', 'read', '--serial', line.port, '--unit', '3', '--fc', '4', '--addr',
                     '0', '--type', 'i32', '--order', 'CDAB', '--count', '2')
    expect([v['value'] for v in done['values']] == [2312, 2308], done)
    done = case.run('modbus', 'read', '--serial', line.port, '--unit', '3', '--fc', '4', '--type',
                    'i32')
    expect('ABCD' in done.stdout and 'DCBA' in done.stdout, done.stdout)
    case.run('modbus', 'read', '--serial', line.port, '--unit', '3', '--addr', '0x100', code=76)
    case.run('modbus', 'read', '--serial', line.port, '--fc', '6', code=64)
    case.run('modbus', 'read', '--serial', line.port, '--unit', '4', '--timeout', '50ms', code=69)
    found = case.json('profile', 'scan', '--serial', line.port, '--units', '1-4',
                      '--timeout', '50ms')
    expect([u['unit'] for u in found['units']] == [3], found)
    expect(found['units'][0]['profiles'] == ['carlogavazzi-em340'], found)


def commands_go_through_the_agent(case):
    """Two masters on one line would collide: the port is the agent's, and commands ask it."""
    line = Line(Device(image_of('carlogavazzi-em340'), units=(3,)), case.folder)
    case.configure(f'[[source.modbus]]\nname = "meter"\nurl = "rtu://{line.port}?baud=9600"\n'
                   'unit = 3\nprofile = "carlogavazzi-em340"\n'
                   'poll = { fast = "100ms", normal = "200ms", slow = "500ms" }\n')
    case.start_agent()
    read = case.json('modbus', 'read', '--serial', line.port, '--unit', '3', '--fc', '4',
                     '--type', 'i32', '--order', 'CDAB')
    expect(read['through_agent'] and read['values'][0]['value'] == 2312, read)
    found = case.json('profile', 'probe', '--source', 'meter')
    expect(found['through_agent'] and found['verdict'] == 'follows', found)
    found = case.json('profile', 'scan', '--source', 'meter', '--units', '2-4',
                      '--timeout', '100ms')
    expect(found['through_agent'] and [u['unit'] for u in found['units']] == [3], found)
    status = case.json('edge', 'status')['sources'][0]  # without an uplink, which is no fault
    expect(status['state'] == 'ok' and status['heard'] > 0, status)


def csv_goes_out_and_comes_back(case):
    os.mkdir(os.path.join(case.folder, 'profiles'))
    for name in ('eastron-sdm630', 'sunspec-inverter', 'abb-b23', 'banner-qm30vt2'):
        table = os.path.join(case.folder, 'table.csv')
        case.run('profile', 'export', name, '--csv', table)
        made = os.path.join(case.folder, 'profiles', 'again.toml')
        case.run('profile', 'import', table, '--id', 'again', '--output', made)
        again = case.json('profile', 'show', 'again')
        first = case.json('profile', 'show', name)
        expect(again['points'] == first['points'], f'{name} is not the same')
        with open(made, 'rb') as stream:
            tomllib.load(stream)
    with open(table, 'w', encoding='utf-8') as out:
        out.write('name;address;type;scale\nvoltage;0;u16;0,1\n')
    done = case.run('profile', 'import', table, code=65)
    expect("table.csv:2: scale: '0,1' is not a number" in done.stderr, done.stderr)
    with open(table, 'w', encoding='utf-8') as out:
        out.write('name,adress,type\nvoltage,0,u16\n')
    done = case.run('profile', 'import', table, code=65)
    expect("column 2 is 'adress'; did you mean 'address'?" in done.stderr, done.stderr)
    with open(table, 'w', encoding='utf-8') as out:
        out.write('name,address,type\na,0,u16\nb,1,u17\n')
    done = case.run('profile', 'import', table, code=65)
    expect('table.csv:3:1: error' in done.stderr, done.stderr)


def traps_are_told(case):
    bad = os.path.join(case.folder, 'trap.toml')
    with open(bad, 'w', encoding='utf-8') as out:
        out.write('schema = 1\n[profile]\nid = "trap"\nprotocol = "modbus"\nsource = "s"\n'
                  'verified = "surely"\n[[point]]\nname = "power"\naddress = 40001\ntype = "f32"\n'
                  'unit = "kW"\n')
    done = case.json('profile', 'check', bad)
    texts = ' '.join(p['text'] for p in done['problems'])
    for words in ('no min and max', "looks like a manual's number", 'is in kW', 'is not "two',
                  'no [probe] point'):
        expect(words in texts, f'{words}: {texts}')
    expect(done['errors'] == 0 and done['warnings'] == 5, done)
    case.run('profile', 'check')
    case.run('profile', 'check', '/nowhere.toml', code=66)
    shipped = {f[:-5] for f in os.listdir(PROFILES) if f.endswith('.toml')}
    listed = {p['id'] for p in case.json('profile', 'list')['profiles']}
    expect(shipped <= listed and len(shipped) > 20, f'{shipped - listed} are missing')
    expect('voltage_l1' in case.run('profile', 'show', 'eastron-sdm630').stdout, 'show')


CASES = [probe_names_the_order_and_writes, probe_refuses_to_guess, serial_line_is_read_and_scanned,
         commands_go_through_the_agent, csv_goes_out_and_comes_back, traps_are_told]


def main():
    wanted = sys.argv[1:] or [c.__name__ for c in CASES]
    failed = 0
    for test in CASES:
        if test.__name__ not in wanted:
            continue
        with tempfile.TemporaryDirectory(prefix='tide-') as folder:
            case = Case(folder)
            try:
                test(case)
                print(f'ok      {test.__name__}')
            except Failed as problem:
                failed += 1
                print(f'FAILED  {test.__name__}: {problem}')
            finally:
                case.stop()
    return 1 if failed else 0


if __name__ == '__main__':
    sys.exit(main())
