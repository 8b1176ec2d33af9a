"""Sequences of integers: FORMAT.md, "Sequences" and "Residuals"."""
from dense import read_dense
from numbers_in import DENSE, FAST, STANDARD, USED, Bits, need, unzigzag, wrap
from residuals import read_fast, read_standard


def cut_of(tier, count):
    """How many segments, and their length."""
    lanes = 1 if count < 400 else 2 if count < 1600 else 4 if count < 4000 else 8
    lanes = lanes if tier == STANDARD else 1
    return lanes, (count + lanes - 1) // lanes


def read_sequence(src, tier, count):
    if count == 0:
        return []
    if src.peek() != 7:
        return read_undivided(src, tier, count)
    USED.add((tier, 'divided'))
    src.u8()
    divisor, base = src.varint(), src.svarint()
    need(divisor >= 2 and src.peek() != 7, 'a divisor')
    return [wrap(base + divisor * k) for k in read_undivided(src, tier, count)]


def read_undivided(src, tier, count):
    head = src.peek()
    if head & 0x80:
        return read_short(src, tier, count)
    if head == 6:
        src.u8()
        cut = cut_of(tier, count)
        USED.add((tier, 'table' + (' in segments' if cut[0] > 1 else '')))
        return read_table(src, tier, count, cut)
    if head == 8:
        src.u8()
        lanes, rows = cut_of(tier, count)
        USED.add((tier, 'delta table' + (' in segments' if lanes > 1 else '')))
        firsts = read_firsts(src, lanes, src.svarint())
        steps = read_table(src, tier, lanes * (rows - 1), (lanes, rows - 1), may_switch=False)
        values = []
        for lane, v in enumerate(firsts):
            values.append(v)
            for step in steps[lane * (rows - 1):(lane + 1) * (rows - 1)]:
                v = wrap(v + step)
                values.append(v)
        return values[:count]
    return read_plain(src, tier, count, cut_of(tier, count))


def read_short(src, tier, count):
    head = src.u8()
    width, delta = head & 63, head & 0x40
    USED.add((tier, 'short differences' if delta else 'short'))
    need(count <= 64, 'a short sequence of many values')
    v = src.svarint()
    if not delta:
        return [wrap(v + n) for n in src.numbers(count, width)]
    values = [v]
    for step in src.numbers(count - 1, width):
        values.append(wrap(values[-1] + unzigzag(step)))
    return values


def read_table(src, tier, count, cut, may_switch=True):
    n = src.varint()
    need(2 <= n <= count, 'the size of a table')
    lanes = cut_of(tier, 4 * n)[0]
    entries = read_plain(src, tier, n, (lanes, (n + lanes - 1) // lanes))
    need(may_switch or src.peek() < 0x40, 'ranks by another coder')
    ranks = read_plain(src, tier, count, cut)
    need(min(ranks) >= 0 and max(ranks) < n, 'ranks outside of a table')
    return [entries[r] for r in ranks]


def read_firsts(src, lanes, first):
    firsts = [first]
    while len(firsts) < lanes:
        firsts.append(wrap(firsts[-1] + src.svarint()))
    return firsts


def read_plain(src, tier, count, cut):
    """One of 0 to 5."""
    kind, of = src.u8(), tier
    if kind & 0x40:
        need(tier == FAST and kind & 63 < 4, 'another coder')
        kind, of = kind & 63, STANDARD
        cut = cut_of(STANDARD, count)
        USED.add((tier, 'by standard'))
    need(kind <= 5, f'a sequence of kind {kind}')
    lanes, rows = cut
    name = ('mean', 'delta', 'delta of delta', 'linear', 'constant', 'slope')[kind]
    USED.add((tier, name + (' in segments' if lanes > 1 else '')))
    if kind >= 4:
        first, step = src.svarint(), src.svarint() if kind == 5 else 0
        return [wrap(first + step * i) for i in range(count)]
    if kind == 0:
        mean = src.svarint()
        return [wrap(mean + r) for r in read_residuals(src, of, lanes, rows)][:count]
    first = src.svarint()
    step = src.svarint() if kind == 2 else 0
    firsts = read_firsts(src, lanes, first)
    linear = read_linear(src, first) if kind == 3 else None
    residuals = read_residuals(src, of, lanes, rows - 1, stretches=kind == 2)
    values = []
    for lane, first in enumerate(firsts):
        own = residuals[lane * (rows - 1):(lane + 1) * (rows - 1)]
        values += restore_linear(first, own, linear) if linear else restore(kind, first, step, own)
    return values[:count]


def restore(kind, v, step, residuals):
    values = [v]
    for r in residuals:
        step = wrap(step + r) if kind == 2 else r
        v = wrap(v + step)
        values.append(v)
    return values


def read_linear(src, first):
    mean = wrap(first + src.svarint())
    shape = src.u8()
    taps, fraction = (shape & 31) + 1, 2 * ((shape >> 5) + 3)
    need(taps in (1, 2, 3, 4, 6, 8, 12, 16, 24, 32) and fraction <= 12, 'a linear prediction')
    bits = Bits(src.data, 8 * src.at)
    width = bits.get(4) + 1
    weights = [unzigzag(bits.get(width)) for _ in range(taps)]
    src.at = bits.end()
    return mean, fraction, weights


def restore_linear(first, residuals, linear):
    mean, fraction, weights = linear
    taps = len(weights)
    x = [first]
    for row, r in enumerate(residuals, 1):
        if row < taps:
            x.append(wrap(x[-1] + r))
            continue
        total = sum(w * (x[row - 1 - j] - mean) for j, w in enumerate(weights))
        total += (mean << fraction) + (1 << (fraction - 1)) + (r << fraction)
        x.append(wrap(total) >> fraction)
    return x


def read_residuals(src, tier, lanes, rows, stretches=False):
    """Those of one segment behind the other."""
    if rows == 0:
        return []
    if tier == STANDARD:
        return read_standard(src, lanes, rows)
    return read_dense(src, rows) if tier == DENSE else read_fast(src, rows, stretches)
