"""Where Kafka's partitions lie and which copies are in sync: one request of its protocol (Metadata,
version 1), since Kafka's own tools take seconds of a CPU each time."""
import socket
import struct
from dataclasses import dataclass

METADATA, VERSION, ALL_TOPICS = 3, 1, -1
LIMIT = 2  # seconds; a node that stands still does not answer


@dataclass(frozen=True)
class Partition:
    topic: str
    number: int
    leader: int          # -1: none
    replicas: frozenset  # numbers of nodes
    in_sync: frozenset


class Fields:
    """What a response is made of, one after another."""

    def __init__(self, data):
        self.data, self.at = data, 0

    def number(self, form):
        value, = struct.unpack_from('>' + form, self.data, self.at)
        self.at += struct.calcsize('>' + form)
        return value

    def text(self):
        length = self.number('h')
        if length < 0:
            return None
        self.at += length
        return self.data[self.at - length:self.at].decode()

    def many(self, one):
        return [one() for _ in range(self.number('i'))]

    def broker(self):
        return self.number('i'), self.text(), self.number('i'), self.text()

    def partition(self, topic):
        self.number('h')  # its error: a leader that is missing is told by its number too
        return Partition(topic, self.number('i'), self.number('i'),
                         frozenset(self.many(lambda: self.number('i'))),
                         frozenset(self.many(lambda: self.number('i'))))

    def topic(self):
        self.number('h')
        name = self.text()
        self.number('b')  # whether it is Kafka's own
        return self.many(lambda: self.partition(name))


def ask(port):
    """All partitions as the node at this port of loopback knows them. OSError: it does not say."""
    client = b'test'
    request = struct.pack('>hhih4si', METADATA, VERSION, 1, len(client), client, ALL_TOPICS)
    with socket.create_connection(('127.0.0.1', port), timeout=LIMIT) as node:
        node.sendall(struct.pack('>i', len(request)) + request)
        with node.makefile('rb') as answer:
            head = answer.read(4)
            body = answer.read(int.from_bytes(head, 'big'))
    if len(head) < 4 or len(body) < int.from_bytes(head, 'big'):
        raise ConnectionError('the node closed the connection')
    fields = Fields(body)
    fields.number('i')  # of the request
    fields.many(fields.broker)
    fields.number('i')  # of the controller
    return [p for topic in fields.many(fields.topic) for p in topic]
