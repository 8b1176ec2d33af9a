"""A block from its bytes: FORMAT.md, "Container" and "Body"."""
from content import F64, I64, Block, Column, Group, Partial, footers_of, read_footers
from doubles import quotient
from libraries import unpack, xxh3
from numbers_in import USED, Bytes, bits_of, need, unzigzag, wrap
from sequences import cut_of, read_residuals, read_sequence
from values import read_booleans, read_times, read_values

VERSION, BLOCK_BYTES_MAX, BODY_BYTES_MAX, ROWS_MAX = 2, 921_600, 16 << 20, 65_536


def read_block(data):
    need(len(data) <= BLOCK_BYTES_MAX and len(data) >= 10, 'the size of a block')
    need(data[0] == 0xd0 + VERSION, 'another version')
    need(xxh3(data[:-8]) == int.from_bytes(data[-8:], 'little'), 'the checksum')
    src = Bytes(data[:-8], 1)
    flags = src.u8()
    block = Block(flags >> 1 & 3, [])
    need(flags < 16 and block.tier <= 2, 'flags')
    block.dictionaries = [src.u64() for _ in range(src.varint())]
    rows, readings, time_min, span = src.varint(), src.varint(), src.svarint(), src.varint()
    body_bytes = src.varint() if flags & 1 else 0
    need(body_bytes <= BODY_BYTES_MAX, 'the size of a body')
    footers = read_footers(src, time_min) if flags & 8 else []
    need(bool(footers) == bool(flags & 8), 'footers')
    body = Bytes(unpack(src.raw(src.left()), body_bytes)) if flags & 1 else src
    USED.add((block.tier, 'packed body' if flags & 1 else 'plain body'))
    read_body(body, block, time_min)
    need(body.left() == 0, 'bytes behind the body')
    need((rows, readings, time_min, time_min + span) == head_of(block), 'another head')
    need(footers == footers_of(block), 'other footers')
    return block


def head_of(block):
    times = [t for g in block.groups for t in g.times]
    for p in block.partials:
        times += [p.start, min(p.start + max(p.size, 1) - 1, (1 << 63) - 1)]
    readings = sum(len(c.values) for g in block.groups if not g.copy for c in g.columns)
    readings += sum(p.readings for p in block.partials if not p.copy)
    rows = sum(len(g.times) for g in block.groups)
    return rows, readings, min(times, default=0), max(times, default=0)


def read_body(src, block, time_min):
    groups, unit = src.varint(), src.varint()
    need(1 <= unit <= 1 << 62, 'a unit of times')
    series, shorts, method = 0, [], 0
    for _ in range(groups):
        head = src.varint()
        need(head >> 1 <= ROWS_MAX, 'rows')
        times = read_times(src, block.tier, head >> 1)
        group = Group(bool(head & 1), [wrap(time_min + unit * t) for t in times])
        block.groups.append(group)
        for _ in range(src.varint()):
            head = src.varint()
            c = Column(series + unzigzag(head >> 6), head & 3)
            need(0 <= c.series < 1 << 32, 'a series')
            series = c.series + 1
            group.columns.append(c)
            count = read_states(src, block.tier, c, head, len(times))
            if head & 16:
                method = method if head & 32 else src.u8()
                need(method < 64 and 1 <= count <= 16, 'a short column')
                shorts.append((c, count, method, src.svarint()))
                continue
            need(not head & 32, 'a long column by the method of a short one')
            c.values = read_values(src, block.tier, c, count)
    read_short_columns(src, block.tier, shorts)
    read_partials(src, block, time_min)


def read_states(src, tier, c, head, rows):
    """Presence and qualities; how many values there are."""
    count = rows
    if head & 4:
        need(rows > 0, 'presence of no rows')
        c.present = read_booleans(src, tier, rows)
        need(set(c.present) <= {0, 1}, 'presence')
        count = sum(c.present)
        USED.add(('all', 'presence'))
    if head & 8:
        c.quality = read_sequence(src, tier, count)
        need(c.quality and min(c.quality) >= 0 and max(c.quality) <= 5, 'qualities')
        USED.add(('all', 'qualities'))
    return count


def read_short_columns(src, tier, shorts):
    count = sum(n - 1 for _, n, method, _ in shorts if method < 32)
    steps = iter(read_residuals(src, tier, *cut_of(tier, count)))
    for c, n, method, first in shorts:
        need((method & 16 > 0) == (c.type == I64) and c.type in (F64, I64), 'a short column')
        c.values = [first]
        for _ in range(n - 1):
            c.values.append(wrap(c.values[-1] + (0 if method & 32 else next(steps))))
        if c.type == F64:
            c.decimals = method & 15
            c.values = [bits_of(quotient(k, c.decimals)) for k in c.values]
        USED.add((tier, 'short column'))


def read_partials(src, block, time_min):
    series, start, size = 0, time_min, 0
    for _ in range(src.varint()):
        head = src.varint()
        series += unzigzag(head >> 1)
        start, size = wrap(start + src.svarint()), wrap(size + src.svarint())
        block.partials.append(Partial(series, bool(head & 1), start, size, src.varint(),
                                      src.varint(), src.blob()))
        USED.add(('all', 'partial'))
