"""As much of an MQTT 3.1.1 client as publishing with QoS 1 takes; mosquitto_pub -l sends some
hundred messages a second only."""
import socket

UNDER_WAY_MAX = 500


def field(data):
    return len(data).to_bytes(2, 'big') + data


def packet(head, body):
    length, rest = b'', len(body)
    while True:
        rest, low = divmod(rest, 128)
        length += bytes([low | (0x80 if rest else 0)])
        if not rest:
            return bytes([head]) + length + body


def read_exactly(connection, count):
    data = b''
    while len(data) < count:
        more = connection.recv(count - len(data))
        if not more:
            raise ConnectionError('the broker closed the connection')
        data += more
    return data


def publish(port, topic, payloads, client='tidemark-replay'):
    """Publishes in order; returns when the broker has acknowledged all."""
    with socket.create_connection(('127.0.0.1', port), timeout=60) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        hello = field(b'MQTT') + b'\x04\x02\x00\x3c' + field(client.encode())
        connection.sendall(packet(0x10, hello))
        if read_exactly(connection, 4) != b'\x20\x02\x00\x00':
            raise ConnectionError('the broker refused the connection')
        acknowledged = 0
        for sent, payload in enumerate(payloads, 1):
            identifier = (sent % 65000 + 1).to_bytes(2, 'big')
            connection.sendall(packet(0x32, field(topic.encode()) + identifier + payload))
            if sent - acknowledged >= UNDER_WAY_MAX:
                # A PUBACK has four bytes.
                read_exactly(connection, 4 * (UNDER_WAY_MAX // 2))
                acknowledged += UNDER_WAY_MAX // 2
        read_exactly(connection, 4 * (sent - acknowledged))
        connection.sendall(packet(0xE0, b''))
