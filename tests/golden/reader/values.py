"""Values by their type: FORMAT.md, "Values"."""
import struct

from content import BOOLEAN, F64, I64
from doubles import read_doubles
from libraries import unpack
from numbers_in import FAST, STANDARD, USED, Bytes, bits_of, need, wrap
from sequences import read_sequence


def read_values(src, tier, c, count):
    if count == 0:
        return []
    if c.type == F64:
        head = src.peek()
        c.decimals = head >> 4 if head & 15 == 1 else None
        return [bits_of(v) for v in read_doubles(src, tier, count)]
    if c.type == I64:
        return read_integers(src, tier, count)
    return read_booleans(src, tier, count) if c.type == BOOLEAN else read_texts(src, tier, count)


def read_integers(src, tier, count):
    if src.peek() != 9:
        return read_sequence(src, tier, count)
    USED.add((tier, 'packed integers'))
    src.u8()
    return list(struct.unpack(f'<{count}q', unpack(src.blob(), 8 * count)))


def read_times(src, tier, rows):
    if rows == 0:
        return []
    tier = STANDARD if tier == FAST else tier
    head = src.peek()
    if head not in (16, 17):
        return read_sequence(src, tier, rows)
    src.u8()
    if head == 17:
        return read_pattern(src, rows)
    USED.add(('all', 'fitted times'))
    first, unit, period = src.svarint(), src.varint(), src.varint()
    jitter = read_sequence(src, tier, rows)
    return [wrap(first + unit * ((wrap(period * i) >> 16) + j)) for i, j in enumerate(jitter)]


def read_pattern(src, rows):
    USED.add(('all', 'pattern of times'))
    first, unit, n = src.svarint(), src.varint(), src.varint()
    need(n <= 15 and rows >= 2, 'a pattern')
    steps = [src.svarint() for _ in range(n)]
    symbols = read_symbols(src.blob(), rows - 1)
    times = [first]
    for symbol in symbols:
        need(symbol < n or symbol == 15, 'a step of a pattern')
        step = src.svarint() if symbol == 15 else steps[symbol]
        times.append(wrap(times[-1] + unit * step))
    return times


def read_symbols(data, count):
    data = iter(data + bytes(5 * count + 4))
    zero, seen = [[16384] * 16 for _ in range(256)], [[0] * 16 for _ in range(256)]
    last = before = 0
    limit, code = 0xffffffff, int.from_bytes([next(data) for _ in range(4)], 'big')
    symbols = []
    for _ in range(count):
        odds, often, node = zero[16 * before + last], seen[16 * before + last], 1
        for _ in range(4):
            bound = (limit >> 15) * odds[node]
            bit = code >= bound
            code, limit = (code - bound, limit - bound) if bit else (code, bound)
            while limit < 1 << 24:
                limit, code = limit << 8, (code << 8 | next(data)) & 0xffffffff
            way = (32 if bit else 32736) - odds[node]
            odds[node] += int(way / (often[node] + 2))  # towards zero
            often[node] = min(often[node] + 1, 30)
            node = 2 * node + bit
        before, last = last, node - 16
        symbols.append(last)
    return symbols


def read_booleans(src, tier, count):
    if count == 0:
        return []
    method = src.u8()
    need(method <= 3, 'booleans')
    USED.add(('all', f'booleans {method}'))
    if method == 3:
        return read_sequence(src, tier, count)
    return src.numbers(count, 1) if method == 2 else [method] * count


def read_texts(src, tier, count):
    if src.peek() != 1:
        return read_plain_texts(src, count)
    USED.add(('all', 'dictionary of texts'))
    src.u8()
    n = src.varint()
    need(1 <= n <= min(4096, count), 'the size of a dictionary')
    entries = read_plain_texts(src, n)
    indices = read_sequence(src, tier, count)
    need(min(indices) >= 0 and max(indices) < n, 'an index of a text')
    return [entries[i] for i in indices]


def read_plain_texts(src, count):
    method = src.u8()
    need(method in (0, 2), 'texts')
    USED.add(('all', 'packed texts' if method else 'plain texts'))
    if method == 0:
        return [src.blob() for _ in range(count)]
    size = src.varint()
    unpacked = Bytes(unpack(src.blob(), size))
    texts = [unpacked.blob() for _ in range(count)]
    need(unpacked.left() == 0, 'bytes behind texts')
    return texts
