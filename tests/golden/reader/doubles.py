"""FORMAT.md, "Doubles"."""
import struct

from libraries import unpack
from numbers_in import FAST, STANDARD, USED, bits_of, double, need, wrap
from sequences import read_sequence

MODES = ('ordered bits', 'decimal', 'float decimal', 'decimal, ulps', 'grid, ulps', 'float bits',
         'float decimal, ulps', 'float split', 'constant bits', 'packed', 'stored', 'special',
         'float grid, ulps', 'printed float', 'joined')
SPECIAL_BITS = {1: 1 << 63, 2: 0x7ff << 52, 3: 0xfff << 52, 4: 0x7ff8 << 48}


def to_float(v):
    return struct.unpack('<f', struct.pack('<f', v))[0]


def from_ordered(k):
    return double(k if k >= 0 else -(1 << 63) - k & (1 << 64) - 1)


def ordered(v):
    b = wrap(bits_of(v))
    return b if b >= 0 else -(1 << 63) - b


def from_ordered_float(k):
    return struct.unpack('<f', struct.pack('<I', k if k >= 0 else -k | 1 << 31))[0]


def ordered_float(v):
    b = struct.unpack('<i', struct.pack('<f', v))[0]
    return b if b >= 0 else -(b & 0x7fffffff)


def quotient(k, exponent):
    need(abs(k) < 1 << 51, 'a decimal past 2^51')
    return float(k) / 10.0 ** exponent


def base_of(mode, k, exponent, scale):
    need(abs(k) < 1 << 51, 'a multiple past 2^51')
    v = float(k) * scale if mode in (4, 12) else quotient(k, exponent)
    return to_float(v) if mode in (2, 6, 12, 13) else v


def move(mode, v, ulps):
    if ulps == 0:
        return v
    if mode in (6, 12):
        return from_ordered_float(ordered_float(v) + ulps)
    return from_ordered(ordered(v) + ulps)


def read_doubles(src, tier, count):
    head = src.peek()
    if head in (9, 10):
        USED.add((tier, MODES[head]))
        src.u8()
        raw = unpack(src.blob(), 8 * count) if head == 9 else src.raw(8 * count)
        return [(v,) for v in struct.unpack(f'<{count}Q', raw)]
    if head != 11:
        return read_ordinary(src, tier, count)
    src.u8()
    specials = read_specials(src, tier, count)
    values = read_ordinary(src, tier, count)
    for row, bits in specials.items():
        values[row] = (bits,)
    return values


def read_specials(src, tier, count):
    kinds, specials, row = {}, {}, 0
    n = src.varint()
    USED.add((tier, 'few specials' if n else 'many specials'))
    for _ in range(n):
        step = src.varint()
        row += step >> 3
        need(row < count and 1 <= step & 7 <= 5, 'a special value')
        specials[row] = SPECIAL_BITS.get(step & 7) or src.u64()
    if n == 0:
        kinds = read_sequence(src, tier, count)
        for row, kind in enumerate(kinds):
            need(0 <= kind <= 5, 'a special value')
            if kind:
                specials[row] = SPECIAL_BITS.get(kind) or src.u64()
    return specials


def read_ordinary(src, tier, count):
    head = src.u8()
    mode, exponent = head & 15, head >> 4
    need(mode not in (9, 10, 11, 15), 'a mode')
    USED.add((tier, MODES[mode]))
    if mode == 8:
        return [(src.u64(),)] * count
    if mode in (0, 5):
        restore = from_ordered if mode == 0 else from_ordered_float
        return [restore(k) for k in read_sequence(src, tier, count)]
    if mode == 7:
        tops = read_sequence(src, tier, count)
        return [struct.unpack('<f', struct.pack('<I', (t & 1) << 31 | t >> 1 << 23 | m))[0]
                for t, m in zip(tops, src.numbers(count, 23))]
    joined = 0
    if mode == 14:
        head = src.u8()
        mode, joined = head & 15, head >> 4
        need(mode in (3, 4, 6, 12, 13) and 1 <= joined <= 7, 'joined')
        USED.add((tier, 'joined ' + MODES[mode]))
    scale = double(src.u64()) if mode in (4, 12) else None
    k = read_sequence(src, tier, count)
    if mode in (1, 2):
        return [base_of(mode, i, exponent, scale) for i in k]
    if joined:
        half, mask = 1 << (joined - 1), (1 << joined) - 1
        u, k = [(x & mask) - half for x in k], [x >> joined for x in k]
    else:
        by_fast = tier == STANDARD and count >= 4000
        u = read_sequence(src, FAST if by_fast else tier, count)
        USED.add((tier, 'ulps by fast' if by_fast else 'ulps'))
    return [move(mode, base_of(mode, i, exponent, scale), ulps) for i, ulps in zip(k, u)]
