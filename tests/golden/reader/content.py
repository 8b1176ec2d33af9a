"""What a block holds, and what it says of its columns: FORMAT.md, "Footers"."""
from dataclasses import dataclass, field

from numbers_in import USED, double, wrap

F64, I64, BOOLEAN, TEXT = range(4)


@dataclass
class Column:
    series: int
    type: int
    values: list = None      # f64: their bits; text: bytes
    present: list = None     # by row; None: all
    quality: list = None     # by value; None: all good
    # Of doubles: their exponent, if they are written as decimals.
    decimals: int = field(default=None, compare=False)


@dataclass
class Group:
    copy: bool
    times: list
    columns: list = field(default_factory=list)


@dataclass
class Partial:
    series: int
    copy: bool
    start: int
    size: int
    revision: int
    readings: int
    state: bytes


@dataclass
class Block:
    tier: int
    dictionaries: list
    groups: list = field(default_factory=list)
    partials: list = field(default_factory=list)


def read_footers(src, time_min):
    footers, series = [], -1
    for _ in range(src.varint()):
        series += 1 + src.svarint()
        head = src.u8()
        count, missing = src.varint(), src.varint()
        first_time = time_min + src.varint()
        last_time = first_time + src.varint()
        f = {'series': series, 'head': head, 'count': count, 'missing': missing,
             'times': (first_time, last_time)}
        if head & 8:
            f['doubles'] = tuple(src.u64() for _ in range(4))
        else:
            first = src.svarint()
            last = wrap(first + src.svarint())
            least, largest = first - src.varint(), first + src.varint()
            low = src.svarint()
            high = src.svarint() + (-1 if low < 0 else 0)
            rest = (high << 64) + (low & ((1 << 64) - 1))
            f['numbers'] = (first, last, least, largest, rest + count * first)
        footers.append(f)
    return footers


def footers_of(block):
    return [footer_of(g, c) for g in block.groups for c in g.columns if has_footer(c)]


def has_footer(c):
    if len(c.values) < 128 or c.type == TEXT or c.quality is not None:
        return False
    return c.type != F64 or not any(v & ~(1 << 63) > 0x7ff << 52 for v in c.values)


def footer_of(group, c):
    USED.add(('all', 'footer'))
    head = c.type | (4 if group.copy else 0)
    f = {'series': c.series, 'count': len(c.values), 'missing': len(group.times) - len(c.values),
         'times': (min(group.times), max(group.times))}
    if c.type == F64 and c.decimals is None:
        by_value = sorted(c.values, key=double)  # stable: the first row of equal ones
        least, largest = by_value[0], max(c.values, key=double)
        return f | {'head': head | 8, 'doubles': (c.values[0], c.values[-1], least, largest)}
    numbers = c.values
    if c.type == F64:
        head |= c.decimals << 4
        numbers = [round(double(v) * 10.0 ** c.decimals) for v in c.values]
    return f | {'head': head, 'numbers': (numbers[0], numbers[-1], min(numbers), max(numbers),
                                          sum(numbers))}
