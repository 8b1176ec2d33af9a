#!/usr/bin/env python3
"""FORMAT.md is enough to read blocks: an independent reader against all that is known of them.

    read_block_test.py                     the golden blocks, against golden_blocks.py
    read_block_test.py --program TIDEMARK  recordings that `tidemark codec encode` writes, in all
                                           tiers, against what went in and `codec decode` gives
"""
import argparse
import copy
import re
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

import golden_blocks
import recordings
from block import read_block
from content import F64, TEXT
from numbers_in import USED, bits_of
from read_block import blocks_of, blocks_of_tdm

HERE = Path(__file__).resolve().parent
CODEC = HERE.parents[1] / 'common' / 'codec'
PROGRAM = None
# Recordings: columns, rows, rows per block, tiers. Blocks of 400, 1,600 and 4,000 rows and those
# that are left over are where the segments of tier standard change and where they are not full; a
# dense block has one segment whatever its rows, and takes longer to read here.
MANY, SURE, SHORT = recordings.columns, recordings.sure_columns, recordings.short_columns
SHAPES = ((MANY, 20, 5, (0, 1, 2)), (MANY, 303, 101, (0, 1, 2)), (MANY, 701, 701, (0, 1, 2)),
          (MANY, 803, 400, (1,)), (MANY, 2_003, 1_600, (0, 1)), (MANY, 5_603, 4_000, (0, 1)),
          (SURE, 2_500, 2_500, (2,)), (SHORT, 8, 8, (0, 1, 2)))
# Ways to write that the recordings must lead through, so that a pass says something. Who changes
# how the encoder chooses and misses one here adds a recording that leads there again.
EVERYWHERE = '''ordered bits · decimal · float decimal · decimal, ulps · grid, ulps · float split ·
    float decimal, ulps · constant bits · packed · stored · few specials · many specials ·
    float grid, ulps · printed float · ulps · short column · mean · delta · delta of delta ·
    constant · slope · table · divided · short · short differences · plain body · packed body'''
WAYS = {
    0: EVERYWHERE + ''' · float bits · joined decimal, ulps · joined grid, ulps ·
        joined float decimal, ulps · joined float grid, ulps · joined printed float · by standard ·
        lanes · lanes of a delta of delta · halves · patched · runs of zeros''',
    1: EVERYWHERE + ''' · delta table · linear · delta in segments · delta of delta in segments ·
        delta table in segments · linear in segments · mean in segments · table in segments ·
        constant in segments · slope in segments · ulps by fast · 1 lanes · 2 lanes · 4 lanes ·
        8 lanes · shape 0 · shape 1 · shape 2 · tail · escape · scale in full · low bits ·
        zeros beside others''',
    2: EVERYWHERE + ' · delta table · linear · predicted',
    'all': 'booleans 2 · booleans 3 · fitted times · pattern of times · footer · presence',
}


def one_bit_off(block):
    """The block with one thing changed, for each kind of thing in it."""
    def changed(change):
        other = copy.deepcopy(block)
        change(other)
        return other

    def flip(numbers, at):
        numbers[at] ^= 1

    for g, group in enumerate(block.groups):
        yield changed(lambda b: flip(b.groups[g].times, len(group.times) // 2))
        for i, c in enumerate(group.columns):
            column = (lambda b: b.groups[g].columns[i])
            if c.type == TEXT:
                yield changed(lambda b: column(b).values.__setitem__(-1, b'other'))
            else:
                yield changed(lambda b: flip(column(b).values, len(c.values) // 2))
            if c.present:
                yield changed(lambda b: flip(column(b).present, 0))
            if c.quality:
                yield changed(lambda b: flip(column(b).quality, 0))
    for p in range(len(block.partials)):
        yield changed(lambda b: setattr(b.partials[p], 'start', b.partials[p].start ^ 1))
    yield changed(lambda b: b.dictionaries.append(1))


class Golden(unittest.TestCase):
    def test_all_are_read_as_they_were_meant(self):
        self.assertEqual({p.name for p in HERE.glob('block_*.hex')}, set(golden_blocks.BLOCKS))
        for name, (content, tier) in golden_blocks.BLOCKS.items():
            with self.subTest(name):
                read, meant = blocks_of(str(HERE / name))[0], content(tier)
                self.assertTrue(read == meant, f'{name} holds something else')
                for other in one_bit_off(meant):
                    self.assertFalse(read == other, f'{name}: a changed bit is not seen')

    def test_example_of_the_document(self):
        text = (CODEC / 'FORMAT.md').read_text()
        block = read_block(bytes.fromhex(re.search(r'```hex\n(.*?)```', text, re.S)[1]))
        self.assertEqual(block, golden_blocks.example(0))

    def test_every_changed_byte_is_refused(self):
        for name in ('block_v2_all_types.hex', 'block_v2_many_columns.hex'):
            data = bytes.fromhex((HERE / name).read_text())
            for at in range(len(data)):
                changed = data[:at] + bytes([data[at] ^ 1 << at % 8]) + data[at + 1:]
                with self.assertRaises(ValueError, msg=f'{name}, byte {at}'):
                    read_block(changed)

    def test_sections_that_the_code_points_to_exist(self):
        sections = re.findall(r'^#+ (.*)$', (CODEC / 'FORMAT.md').read_text(), re.M)
        pointer = re.compile(r'FORMAT\.md under\s+(?://\s*)?"([^"]+)"')
        for path in sorted(CODEC.glob('*.*')):
            for section in pointer.findall(path.read_text()):
                self.assertIn(section, sections, f'{path.name} points to it')


class Generated(unittest.TestCase):
    def run_program(self, *arguments):
        subprocess.run([PROGRAM, 'codec', *arguments], check=True, stdout=subprocess.DEVNULL)

    def test_recordings_in_all_tiers(self):
        if PROGRAM is None:
            self.skipTest('no --program')
        USED.clear()
        clocks = list(recordings.CLOCKS)
        with tempfile.TemporaryDirectory() as folder:
            for n, (make, rows, per_block, tiers) in enumerate(SHAPES):
                times = recordings.clock(clocks[n % len(clocks)], rows)
                columns = make(rows)
                for tier in tiers:
                    with self.subTest(rows=rows, per_block=per_block, tier=tier):
                        self.check(Path(folder), times, columns, per_block, tier)
        self.check_ways()

    def check(self, folder, times, columns, per_block, tier):
        recording, packed, back = folder / 'in.csv', folder / 'blocks.tdm', folder / 'out.csv'
        recording.write_text(recordings.csv(times, columns))
        self.run_program('encode', '--in', recording, '--out', packed, '--tier',
                         ('fast', 'standard', 'dense')[tier], '--rows-per-block', str(per_block))
        self.run_program('decode', '--in', packed, '--out', back)
        blocks = blocks_of_tdm(packed.read_bytes())
        self.assertEqual([t for b in blocks for t in b.groups[0].times], times)
        theirs = cells_of(back.read_text())
        for i, (name, meant) in enumerate(columns.items()):
            meant = [None if v is None else bits_of(v) for v in meant]
            ours = [v for b in blocks for v in by_row(b.groups[0], i)]
            self.assertTrue(ours == meant, f'{name}: the reader has other values')
            self.assertTrue(theirs[i + 1] == meant, f'{name}: `codec decode` has other values')

    def check_ways(self):
        for tier, ways in WAYS.items():
            met = {way for t, way in USED if t == tier}
            missing = {w.strip() for w in ways.split('·')} - met
            self.assertEqual(missing, set(), f'ways of tier {tier} that no recording led through')


def by_row(group, i):
    c = group.columns[i]
    values = iter(c.values)
    assert c.type == F64
    return [next(values) if here else None for here in c.present or [1] * len(group.times)]


def cells_of(text):
    rows = [line.split(',') for line in text.splitlines()[1:]]
    return [[None if cell == '' else int(cell, 16) if cell.startswith('0x') else
             bits_of(float(cell)) for cell in column] for column in zip(*rows)]


if __name__ == '__main__':
    parser = argparse.ArgumentParser()
    parser.add_argument('--program')
    known, rest = parser.parse_known_args()
    PROGRAM = known.program
    chosen = ['Golden'] if PROGRAM is None else ['Generated']
    unittest.main(argv=[sys.argv[0], *chosen, *rest])
