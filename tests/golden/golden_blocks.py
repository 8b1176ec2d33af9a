"""What the golden blocks hold: the contents of tests/common/codec_format_test.cpp, made anew here.

Integers, single operations of doubles and one linear congruence: no reader and no writer of blocks
has a part in it.
"""
import struct
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent / 'reader'))
from content import BOOLEAN, F64, I64, TEXT, Block, Column, Group, Partial  # noqa: E402
from numbers_in import DENSE, FAST, STANDARD, bits_of  # noqa: E402

BEGIN, SECOND = 1_763_690_400_000_000_000, 1_000_000_000  # 2025-11-21T02:00:00Z
MINUS_ZERO, NAN = (1 << 63,), (0x7ff8 << 48,)


def to_float(v):
    return struct.unpack('<f', struct.pack('<f', v))[0]


def integers(series, values):
    return Column(series, I64, values)


def doubles(series, values):
    return Column(series, F64, [bits_of(v) for v in values])


def empty(tier):
    return Block(tier, [])


def example(tier):
    columns = [integers(0, [2312, 2314]), doubles(1, [21.5, 21.5])]
    columns[1].quality = [0, 1]
    return Block(tier, [0x0123456789abcdef], [Group(False, [BEGIN, BEGIN + SECOND], columns)])


def all_types(tier):
    times = [BEGIN + ms * 1_000_000 for ms in (0, 3, 5, 4)]
    columns = [integers(5, [7, 7, 7, 7]),
               integers(6, [1, -1, 1, -1]),
               integers(7, [100_000, 100_001, 99_999, 100_003]),
               integers(9, [0, 1_000_000, 2_100_000, 3_300_000]),
               integers(8, [-1 << 63, 0, (1 << 63) - 1, -1]),
               doubles(10, [MINUS_ZERO, 1.5, (0x7ff8000000000123,), 1e-310]),
               doubles(11, [1.0 / 3, 1.0 / 3, 1.0 / 3, 1.0 / 7]),
               doubles(12, [21.5, 21.55, -3.25, 1e6]),
               Column(13, BOOLEAN, [1, 0, 1], [1, 0, 1, 1]),
               Column(13, BOOLEAN, [1, 1, 1], [1, 0, 1, 1]),
               Column(13, BOOLEAN, [2, 0, 1], [1, 0, 1, 1]),
               Column(20, TEXT, [b'running', b'running', b'stopped', b'running'],
                      quality=[0, 4, 4, 0]),
               Column(20, TEXT, [b'', b'a', b'b', b'c'])]
    groups = [Group(False, times, columns), Group(True, [-1], [doubles(0, [1e300])])]
    partials = [Partial(series, copy, BEGIN, 60 * SECOND, 1, 60, b'\0')
                for series, copy in ((5, False), (4, True))]
    return Block(tier, [1, (1 << 64) - 1], groups, partials)


class Signal:
    def __init__(self, seed):
        self.state = seed

    def below(self, n):
        self.state = (self.state * 6364136223846793005 + 1442695040888963407) & (1 << 64) - 1
        return (self.state >> 33) % n

    def noise(self, n):
        return self.below(n) + self.below(n) - n + 1


def wave(i, period):
    """Of parabolas, -1000 to 1000."""
    half = i % period * 2000 // period
    x = half % 1000
    return (1 if half < 1000 else -1) * (4 * x * (1000 - x) // 1000)


def many_columns(tier):
    s = Signal(9)
    columns = []
    for series in range(60):
        level = s.below(3000)
        columns.append(integers(series, [level + s.noise(4) for _ in range(5)]))
    return Block(tier, [1], [Group(False, [BEGIN + i * SECOND for i in range(5)], columns)])


def signals(tier, count):
    s, rows = Signal(7), range(count)
    jitter = [BEGIN + i * 100_000_000 + s.noise(4) * 1_000_000 for i in rows]
    tick = [BEGIN + i * 8_547_008 // 15_600_000 * 15_600_000 for i in rows]
    regular = [BEGIN + i * SECOND for i in rows]

    def special(i):
        return MINUS_ZERO if i % 97 == 5 else NAN if i % 101 == 7 else float(s.below(3) * 250)

    of_jitter = [
        doubles(0, [(wave(i, 700) * 3 + s.noise(9)) / 100 for i in rows]),
        doubles(1, [(wave(i, 90) + s.noise(3)) * 0.1 for i in rows]),
        doubles(2, [to_float((wave(i, 60) + s.noise(30)) * 0.0023942) for i in rows]),
        doubles(3, [to_float((2000 + s.noise(50) + i % 7) / 100) for i in rows]),
        doubles(4, [(s.below(1_000_003) + i) / 7 for i in rows]),
        doubles(5, [special(i) for i in rows])]
    counts, count_now = [], 40_000
    for _ in rows:
        count_now += 1460 * s.below(40) if s.below(8) == 0 else 66
        counts.append(count_now)
    of_tick = [integers(6, counts),
               integers(7, [s.noise(4) * 1000 + 7 for _ in rows]),
               integers(8, [wave(i, 50) * 1_000_003 for i in rows]),
               integers(9, [1 << i % 63 if s.below(40) == 0 else 5 for i in rows])]
    of_regular = [Column(10, BOOLEAN, [i // 100 % 2 for i in rows]),
                  Column(11, TEXT, [b'idle' if i // 30 % 3 == 0 else b'run' for i in rows])]
    return Block(tier, [], [Group(False, jitter, of_jitter), Group(False, tick, of_tick),
                            Group(False, regular, of_regular)])


def short_signals(tier):
    return signals(tier, 150)


def long_signals(tier):
    return signals(tier, 1_700)


# All that lie beside this file: the test says which are missing here.
BLOCKS = {
    'block_v2_example.hex': (example, STANDARD),
    'block_v2_all_types.hex': (all_types, STANDARD),
    'block_v2_many_columns.hex': (many_columns, STANDARD),
    'block_v2_empty.hex': (empty, STANDARD),
    'block_v2_short_fast.hex': (short_signals, FAST),
    'block_v2_short_standard.hex': (short_signals, STANDARD),
    'block_v2_short_dense.hex': (short_signals, DENSE),
    'block_v2_long_fast.hex': (long_signals, FAST),
    'block_v2_long_standard.hex': (long_signals, STANDARD),
    'block_v2_long_dense.hex': (long_signals, DENSE),
}
