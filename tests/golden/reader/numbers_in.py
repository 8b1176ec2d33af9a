"""Numbers in the bytes of a block, and what the layers above share."""
import struct
from pathlib import Path

FAST, STANDARD, DENSE = 0, 1, 2
CODEC = Path(__file__).resolve().parents[3] / 'common' / 'codec'
USED = set()  # what was met so far, in words, so that a test can say what it has covered


def need(condition, what):
    if not condition:
        raise ValueError(what)


def wrap(v):
    """As a number of 64 bits with a sign."""
    return ((v + (1 << 63)) & ((1 << 64) - 1)) - (1 << 63)


def unzigzag(v):
    return v >> 1 if v & 1 == 0 else -(v >> 1) - 1


def clamp(v, low, high):
    return low if v < low else high if v > high else v


def to_zero(a, b):
    return a // b if a >= 0 else -(-a // b)


def double(bits):
    return struct.unpack('<d', struct.pack('<Q', bits))[0]


def bits_of(v):
    """Of a double; NaN keep theirs by being told as (bits,)."""
    return v[0] if isinstance(v, tuple) else struct.unpack('<Q', struct.pack('<d', v))[0]


class Bytes:
    def __init__(self, data, at=0):
        self.data, self.at = data, at

    def left(self):
        return len(self.data) - self.at

    def raw(self, n):
        need(n <= self.left(), 'the bytes end too early')
        self.at += n
        return self.data[self.at - n:self.at]

    def u8(self):
        return self.raw(1)[0]

    def peek(self):
        need(self.left() > 0, 'the bytes end too early')
        return self.data[self.at]

    def u64(self):
        return int.from_bytes(self.raw(8), 'little')

    def varint(self):
        v = shift = 0
        while True:
            b = self.u8()
            v |= (b & 127) << shift
            if b < 128:
                need((b > 0 or shift == 0) and v < 1 << 64, 'a padded varint')
                return v
            shift += 7

    def svarint(self):
        return unzigzag(self.varint())

    def blob(self):
        return self.raw(self.varint())

    def numbers(self, n, width):
        """Of `width` bits each; the rest of the last byte is 0."""
        bits = Bits(self.raw((n * width + 7) // 8))
        numbers = [bits.get(width) for _ in range(n)]
        bits.end()
        return numbers


class Bits:
    def __init__(self, data, at=0):
        self.data, self.at = data, at

    def get(self, n):
        begin, end = self.at >> 3, (self.at + n + 7) >> 3
        need(end <= len(self.data), 'the bits end too early')
        v = int.from_bytes(self.data[begin:end], 'little') >> (self.at & 7) & ((1 << n) - 1)
        self.at += n
        return v

    def end(self):
        """Nothing but zeros up to the next byte, whose place is returned."""
        need(self.get(-self.at % 8) == 0, 'unused bits that are set')
        return self.at // 8
