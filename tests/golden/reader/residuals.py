"""FORMAT.md, "Residuals, fast" and "Residuals, standard"."""
import re
from functools import cache

from numbers_in import CODEC, FAST, STANDARD, USED, Bits, Bytes, need, unzigzag, wrap


def read_fast(src, count, stretches):
    residuals, zero_runs = [], 0
    while len(residuals) < count:
        n = min(256, count - len(residuals))
        head = src.u8() if zero_runs == 0 else 0
        if 64 < head < 128:
            zero_runs = head - 64
            USED.add((FAST, 'runs of zeros'))
        if zero_runs > 0:
            need(n == 256, 'a short run of zeros')
            zero_runs -= 1
            residuals += [0] * n
            continue
        width, low, patches = head & 127, src.svarint(), 0
        if head & 128:
            patches, patch_width = src.u8(), src.u8()
            need(1 <= patches <= n and width <= 31 and 1 <= patch_width <= 32, 'patches')
            USED.add((FAST, 'patched'))
        need(width <= 64, 'a width')
        numbers = src.numbers(n, width) if n < 256 else read_lanes(src, width, stretches)
        run = [wrap(low + v) for v in numbers]
        if patches:
            places = src.raw(patches)
            need(max(places) < n, 'a patch behind its run')
            for place, v in zip(places, src.numbers(patches, patch_width)):
                run[place] = wrap(low + unzigzag(v))
        residuals += run
    need(zero_runs == 0, 'runs of zeros behind the end')
    return residuals


def read_lanes(src, width, stretches):
    if width > 32:
        USED.add((FAST, 'halves'))
        low = read_lanes(src, 32, stretches)
        high = read_lanes(src, width - 32, stretches)
        return [h << 32 | v for h, v in zip(high, low)]
    USED.add((FAST, 'lanes of a delta of delta' if stretches else 'lanes'))
    data = src.raw(32 * width)
    lanes = []
    for lane in range(8):
        words = b''.join(data[at:at + 4] for at in range(4 * lane, len(data), 32))
        lanes.append(Bytes(words).numbers(32, width))
    if stretches:
        return [lanes[i // 32][i % 32] for i in range(256)]
    return [lanes[i % 8][i // 8] for i in range(256)]


CLASSES = [(1, 3)] * 10 + [(1, 1), (1, 3), (1, 3), (3, 5), (3, 7), (5, 11), (7, 15), (4, 10),
                           (6, 16)]  # by kind: the first symbols of classes 1 and 2


@cache
def frequencies():
    text = re.search(r'\(([\d\s]*)\)', (CODEC / 'tans_tables.inc').read_text())[1]
    return [[int(f) for f in line.split()] for line in text.strip().split('\n')]


@cache
def tans_table(line):
    """By state: symbol, bits, the next state without them."""
    spread, at = [0] * 1024, 0
    n = list(frequencies()[line])
    need(sum(n) == 1024, 'the sum of frequencies')
    for symbol, frequency in enumerate(n):
        for _ in range(frequency):
            spread[at] = symbol
            at = (at + 643) % 1024
    table = []
    for symbol in spread:
        bits = 11 - n[symbol].bit_length()
        table.append((symbol, bits, (n[symbol] << bits) - 1024))
        n[symbol] += 1
    return table


class Lane:
    def __init__(self, bits, scale):
        self.bits, self.state, self.scale = bits, bits.get(10), scale
        self.step, self.zeros = 0, False

    def symbol(self, line):
        symbol, bits, self.state = tans_table(line)[self.state]
        if bits:
            self.state += self.bits.get(bits)
        return symbol

    def next_scale(self):
        symbol = self.symbol(231 if self.zeros else 228 + min(abs(self.step), 2))
        self.zeros = symbol == 17
        if self.zeros:
            return 0
        if symbol == 18:
            USED.add((STANDARD, 'scale in full'))
        scale = self.bits.get(8) if symbol == 18 else self.scale + symbol - 8
        need(symbol <= 18 and 1 <= scale <= 130, 'a scale')
        self.step, self.scale = scale - self.scale, scale
        return scale


def past_table(bits, symbol):
    if symbol < 63:
        USED.add((STANDARD, 'tail'))
        sign = bits.get(1)
        return (bits.get(symbol - 52) + (1 << (symbol - 52)) + 25) << 1 | sign
    USED.add((STANDARD, 'escape'))
    length = bits.get(7)
    need(length <= 64, 'the length of an escape')
    return bits.get(length)


def read_standard(src, lane_count, rows):
    head = src.varint()
    if head < 96:
        low_bits, shape, scale = head & 1, head // 2 % 3, head // 6 + 1
    else:
        low_bits, shape, scale = 1, (head - 96) % 3, (head - 96) // 3 + 17
    need(scale <= 130, 'a first scale')
    USED.add((STANDARD, f'{lane_count} lanes'))
    USED.add((STANDARD, f'shape {shape}'))
    states_bytes = src.varint() if low_bits else src.left()
    states = src.data[src.at:src.at + states_bytes]
    need(states and states[0] > 0, 'states')
    bits = Bits(states, (states[0] & -states[0]).bit_length())
    low = Bits(src.data, 8 * (src.at + states_bytes))
    lanes = [Lane(bits, scale) for _ in range(lane_count)]
    segments = [[] for _ in lanes]
    for at in range(0, rows, 32):
        read_step(bits, low, lanes, shape, min(32, rows - at), segments)
    need(all(lane.state == 0 for lane in lanes) and bits.at % 8 == 0, 'the end of the states')
    need(not low_bits or bits.at == 8 * states_bytes, 'states behind their end')
    src.at = low.end() if low_bits else src.at + bits.at // 8
    return [r for segment in segments for r in segment]


def read_step(bits, low, lanes, shape, rows, segments):
    scales = [lane.next_scale() for lane in lanes]
    if not any(scales):
        for segment in segments:
            segment += [0] * rows
        return
    if not all(scales):
        USED.add((STANDARD, 'zeros beside others'))
    kinds = [s if s <= 16 else 17 + (s - 17) % 2 for s in scales]
    widths = [0 if s <= 16 else 1 + (s - 17) // 2 for s in scales]
    symbols, classes = [], [3] * len(lanes)
    for _ in range(rows):
        for i, lane in enumerate(lanes):
            symbol = lane.symbol((shape * 19 + kinds[i]) * 4 + classes[i])
            middle, large = CLASSES[kinds[i]]
            classes[i] = 2 if symbol >= large else 1 if symbol >= middle else 0
            symbols.append(symbol)
    values = [z if z < 52 else past_table(bits, z) for z in symbols]
    if any(widths):
        USED.add((STANDARD, 'low bits'))
    for at, z in enumerate(values):
        i = at % len(lanes)
        r = unzigzag(z) << widths[i]
        segments[i].append(wrap(r | low.get(widths[i])) if widths[i] else r)
    low.at = 8 * low.end()
