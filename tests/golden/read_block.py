#!/usr/bin/env python3
"""Prints what a block holds, by a reader made from common/codec/FORMAT.md alone (reader/).

    read_block.py FILE ...      .hex: a block as hex digits; .tdm: a file of blocks
                                (common/cli/series_file.h); other files: the bytes of one block
A line for each group, column and partial; doubles as their bits.
"""
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent / 'reader'))
from block import read_block  # noqa: E402
from content import F64  # noqa: E402
from libraries import xxh3  # noqa: E402
from numbers_in import Bytes, need  # noqa: E402


def blocks_of_tdm(data):
    src = Bytes(data)
    need(src.raw(4) == b'TDM\2', 'not a .tdm file of version 2')
    tier = src.u8()
    src.blob()  # the dictionary: names of columns
    count = int.from_bytes(src.raw(4), 'little')
    need(xxh3(data[:src.at]) == src.u64(), 'the checksum of the head')
    blocks = []
    for _ in range(count):
        blocks.append(read_block(src.raw(int.from_bytes(src.raw(4), 'little'))))
        need(blocks[-1].tier == tier, 'a block of another tier')
    need(src.left() == 0, 'bytes behind the last block')
    return blocks


def blocks_of(path):
    data = Path(path).read_bytes()
    if path.endswith('.tdm'):
        return blocks_of_tdm(data)
    return [read_block(bytes.fromhex(data.decode()) if path.endswith('.hex') else data)]


def lines_of(block):
    yield f'block: tier {block.tier}, dictionaries {[f"{d:016x}" for d in block.dictionaries]}'
    for group in block.groups:
        yield f' group: copy {group.copy}, times {group.times}'
        for c in group.columns:
            values = [f'{v:016x}' for v in c.values] if c.type == F64 else c.values
            yield f'  column: series {c.series}, type {c.type}, values {values}'
            for name, states in (('present', c.present), ('quality', c.quality)):
                if states is not None:
                    yield f'   {name} {states}'
    for partial in block.partials:
        yield f' {partial}'


if __name__ == '__main__':
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    for file in sys.argv[1:]:
        for each in blocks_of(file):
            print('\n'.join(lines_of(each)))
