"""Recordings as CSV that lead the encoder through its modes: columns by name, of doubles or bits.

Like golden_blocks.py, without a call to libm, so that a run is like the other.
"""
from golden_blocks import BEGIN, SECOND, Signal, to_float, wave
from numbers_in import bits_of, double


def printed(v, digits):
    return float(f'{v:.{digits}g}')


def nudged(v, ulps):
    return double(bits_of(v) + ulps)


def float_nudged(v, ulps):
    return to_float(v * (1 + ulps * 2.0 ** -23))


def columns(rows):
    """Many kinds, one for each way to write and more."""
    s = Signal(rows)
    level = [0.0, 40_000.0]

    def walk(step):
        level[0] += s.noise(step)
        return level[0]

    def packets():
        level[1] += 1460.0 * s.below(40) if s.below(8) == 0 else 66.0
        return level[1]

    stretch = [s.below(1 << 52) / 7 for _ in range(40)]
    makers = {
        'decimal': lambda i: (wave(i, 700) * 3 + s.noise(9)) / 100,
        'walk': lambda i: walk(20) / 10,
        'float decimal': lambda i: to_float((2000 + s.noise(50)) / 100),
        'decimal, ulps': lambda i: nudged((23_000 + s.noise(400)) / 100, s.below(3)),
        'sums of 0.1': lambda i: (wave(i, 90) + s.noise(30)) * 0.1,
        'grid': lambda i: (wave(i, 60) + s.noise(30)) * 0.0023942,
        'float grid': lambda i: to_float((3000 + wave(i, 60) + s.noise(30)) * 0.0023942),
        'float bits': lambda i: to_float((s.below(1 << 40) + (1 << 40)) / 3),
        'floats around 0': lambda i: to_float(s.noise(1 << 30) / 7 * 2.0 ** -s.below(30)),
        'float decimal, ulps': lambda i: float_nudged(to_float((5000 + s.noise(200)) / 100),
                                                      s.below(3)),
        'printed float': lambda i: printed(to_float((20_000 + s.noise(3000)) / 1000), 15),
        'rarely printed': lambda i: nudged(to_float((3_000 + s.noise(300)) / 100),
                                           s.below(50) == 0),
        'sevenths': lambda i: (s.below(1_000_003) + i) / 7,
        'near sevenths': lambda i: nudged((2_000 + s.below(1_003)) / 7, s.below(2)),
        'near float grid': lambda i: float_nudged(
            to_float((3000 + wave(i, 60) + s.noise(30)) * 0.0023942), 1 + s.below(3)),
        'smooth float bits': lambda i: to_float((1 << 24) / (3 + i // 2 * 2.0 ** -12)),
        'constant': lambda i: 1.0 / 3,
        'random bits': lambda i: double(s.below(1 << 31) << 31 | s.below(1 << 31)),
        'smooth in bits': lambda i: (1 << 52 | i * i * 977 + s.below(9)) / 3 * 2.0 ** -40,
        'stretches': lambda i: stretch[(i + i // 97 * 11) % 40],
        'few specials': lambda i: ((0xfff8 << 48 | i,) if i % 97 == 9 else
                                   (0xfff << 52,) if i % 89 == 3 else s.below(9) / 4),
        'many specials': lambda i: ((0x7ff8 << 48,), (1 << 63,), (0x7ff << 52,), 1.5, 2.5,
                                    (0x7ff0000000000001,))[s.below(6)],
        'gaps': lambda i: None if s.below(3) == 0 else float(s.below(50)),
        'one gap': lambda i: None if i == 2 else float(i),
        'counter': lambda i: float(i * 1500 + s.below(2) * 1500),
        'packets': lambda i: packets(),
        'multiples': lambda i: float(s.noise(40) * 2500 + 7),
        'steps of 7': lambda i: float(7 * i - 100),
        'quadratic': lambda i: float(i * i * 41 + s.below(3)),
        'sparse': lambda i: float((3, 8_000_123, 17, 95_811, 1_000_003)[s.below(5)]),
        'spikes': lambda i: float(s.below(1 << 45) if s.below(60) == 0 else s.below(4)),
        'mostly 0': lambda i: float(s.noise(3000)) if i % 1500 < 60 else 0.0,
        'wide': lambda i: float(s.below(1 << 25) << 25 | s.below(1 << 25)),
        'states': lambda i: float(s.below(100) == 0),
        'resonance': lambda i: wave(i, 23) / 8 + wave(i, 61) / 4 + s.noise(2) / 8,
    }
    return {name: [make(i) for i in range(rows)] for name, make in makers.items()}


def sure_columns(rows):
    """Of which a coder that learns becomes so sure that its odds reach their bounds."""
    s = Signal(rows)
    return {'two levels': [float((2 * s.below(2) - 1) * (8 << 16 | s.below(1 << 16)))
                           for _ in range(rows)]}


def short_columns(rows):
    """So many that their differences, an odd number of them, fill two segments."""
    s = Signal(rows)
    return {f'channel {n}': [(2300 + s.noise(5)) / 10 for _ in range(rows)] for n in range(69)}


CLOCKS = {
    'regular': lambda s, i: BEGIN + i * SECOND,
    'jitter': lambda s, i: BEGIN + i * 100_000_000 + s.noise(4) * 1_000_000,
    'tick': lambda s, i: BEGIN + i * 8_547_008 // 15_600_000 * 15_600_000,
    'alternating': lambda s, i: BEGIN + i * 20_000_000 + i % 3 * 1_000_000 + s.below(40) // 39,
    'random': lambda s, i: BEGIN + s.below(1 << 31) * s.below(1 << 30),
}


def clock(name, rows):
    s = Signal(rows)
    return [CLOCKS[name](s, i) for i in range(rows)]


def cell(v):
    if v is None:
        return ''
    return f'0x{v[0]:016x}' if isinstance(v, tuple) else repr(v)


def csv(times, values):
    lines = ['timestamp_ns,' + ','.join(n.replace(',', '') for n in values)]
    for i, t in enumerate(times):
        lines.append(f'{t},' + ','.join(cell(v[i]) for v in values.values()))
    return '\n'.join(lines) + '\n'
