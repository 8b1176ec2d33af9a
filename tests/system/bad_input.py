"""What comes in wrong is counted and can be looked at, and the good stream goes on."""
import json
import shutil
import socket
import ssl
import subprocess
import time

import scenarios
from stack import Failed, wait_for

# Payload, and words of the reason that the quarantine must give.
BAD = [
    (b'{"ts": 1, "a": ', 'json is malformed'),
    (b'[1, 2', 'json is malformed'),
    (b'\xff\xfe\x00', 'no number'),
    (b'NaN', 'no number'),
    (b'{"ts":"1970-01-01T00:00:05Z","a":1.5}', 'its time is before'),
    (b'{"ts":"2100-01-01T00:00:00Z","a":1.5}', 'ahead of the clock'),
    (b'{"ts":"yesterday","a":1.5}', 'time cannot be read'),
    (b'TM\x01\x01\x00\xfe\x01\x00' + b'\x00' * 9, 'packed array'),
    (b'{"ts":1,"a":"' + b'x' * 300_000 + b'"}', 'too large'),
]


def publish(stack, topic, payload):
    subprocess.run(['mosquitto_pub', '-p', str(stack.broker_port), '-q', '1', '-t', topic, '-s'],
                   input=payload, check=True, timeout=30)


def bad_input(stack):
    stack.start_broker()
    stack.start_plant(slaves=[{'name': 'line1', 'model': 'em340', 'exception_every': 7,
                               'half_every': 11}])
    polls = {'fast': '100ms', 'normal': '200ms', 'slow': '500ms'}
    scenarios.start_chain(stack, stack.mqtt_source() + stack.modbus_source(
        'line1', 'carlogavazzi-em340', poll=polls, timeout='300ms'))
    slaves = stack.running.pop('plant')
    stack.start_plant(sensors=scenarios.sensors(4, 20))
    time.sleep(2)
    for payload, _ in BAD:
        publish(stack, 'plant/rogue/data', payload)
    publish(stack, 'elsewhere/rogue/data', b'{"a":1}')
    publish(stack, 'plant/rogue/data', b'{"a":"a text","b":1}')
    frames(stack)
    time.sleep(2)
    stack.stop_plant()
    scenarios.stop_polling(stack)
    stack.running['plant'] = slaves
    stack.stop_plant()
    check_quarantine(stack)
    check_config(stack)
    status = stack.edge_status()
    if status['uplink']['state'] != 'up':
        raise Failed(f'the uplink is {status["uplink"]}')
    # The rogue's one good message is not in the plant's log; its readings are counted here.
    scenarios.judge(stack, faults=('quarantined',))


def check_quarantine(stack):
    found = stack.json('edge', 'quarantine', '--limit', '100')
    reasons = [i['reason'].lower() for i in found['items']]
    print(json.dumps(reasons, indent=1))
    if len(reasons) < len(BAD):
        raise Failed(f'{len(BAD)} bad messages, {len(reasons)} in quarantine: {reasons}')
    for payload, words in BAD:
        if not any(words in r for r in reasons):
            raise Failed(f'no reason with "{words}" for {payload[:40]!r}: {reasons}')


def frames(stack):
    """Garbage, a half-sent handshake and a wrong certificate at the gateway's port."""
    for sent in (b'GET / HTTP/1.0\r\n\r\n', b'\x16\x03\x01\x02\x00\x01', b''):
        with socket.create_connection(('127.0.0.1', stack.gateway_port), timeout=5) as raw:
            raw.sendall(sent)
    key, cert = stack.path('etc/wrong.key'), stack.path('etc/wrong.pem')
    subprocess.run(['openssl', 'req', '-x509', '-newkey', 'ec', '-pkeyopt',
                    'ec_paramgen_curve:prime256v1', '-nodes', '-keyout', key, '-out', cert,
                    '-subj', '/CN=press-07', '-days', '2'], check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.load_cert_chain(cert, key)
    try:
        with socket.create_connection(('127.0.0.1', stack.gateway_port), timeout=5) as raw:
            with context.wrap_socket(raw) as tls:
                tls.settimeout(5)
                tls.sendall(b'\x10\x00\x00\x00\x01\x01\x00\x00' + b'\x00' * 16)
                answer = tls.recv(1)
    except OSError:
        answer = b''
    # An unknown certificate may be told why; it must not be welcomed and must be let go.
    if answer:
        print('the gateway answered a wrong certificate: a refusal')
    wait_for('the edge to be still connected',
             lambda: stack.edge_status()['uplink']['state'] == 'up')


def check_config(stack):
    """A bad configuration: file, line, column, cause and what to do; the exit code is 78."""
    bad = stack.path('etc/bad.toml')
    shutil.copy(stack.path('etc/edge.toml'), bad)
    with open(bad, 'a', encoding='utf-8') as out:
        out.write('\n[[source.modbus]]\nname = "x"\nurl = "tcp://127.0.0.1:1"\n'
                  'byte_ordr = "ABCD"\n')
    done = subprocess.run([stack.program('tidemark-edge'), '--config', bad], capture_output=True,
                          text=True, timeout=20, check=False)
    with open(bad, encoding='utf-8') as lines:
        line = next(n for n, text in enumerate(lines, 1) if 'byte_ordr' in text)
    if done.returncode != 78 or f'bad.toml:{line}:1' not in done.stderr or \
            "'byte_order'" not in done.stderr:
        raise Failed(f'a bad configuration: exit {done.returncode}\n{done.stderr}')
    with open(bad, 'a', encoding='utf-8') as out:
        out.write('site = "plant7\n')
    for words in (('edge', 'status'), ('event', 'list'), ('series', 'list'), ('tap',)):
        code, _, err = stack.cli(*words, '--config', bad, check=False)
        if code != 78 or f'bad.toml:{line + 1}:' not in err:
            raise Failed(f'{words} with broken TOML: exit {code}\n{err}')
