#!/usr/bin/env python3
"""The oracle itself: it accepts what is right and sees what is wrong."""
import math
import random
import tempfile
import unittest
from decimal import Decimal, getcontext
from fractions import Fraction

import oracle

S = oracle.SECOND
T0 = 1_795_236_900 * S


def reading(series, event, value, wall=0, optional=False, serial=1):
    exact, bits = oracle.parse_value(value)
    return oracle.Reading(series, event, exact, bits, True, wall, serial, optional)


def answer(series, start, figures, revision=0):
    return {'series': 'edge/' + series, 'start': oracle.format_time(start), 'values': figures,
            'revision': revision, 'state': 'sealed'}


class Figures(unittest.TestCase):
    def test_root_against_decimal(self):
        getcontext().prec = 60
        rng = random.Random(7)
        for _ in range(2000):
            q = Fraction(rng.getrandbits(rng.randint(1, 200)), rng.getrandbits(80) + 1)
            exact = (Decimal(q.numerator) / Decimal(q.denominator)).sqrt()
            self.assertEqual(oracle.nearest_root(q), float(exact), q)
        for n in range(1, 100):
            self.assertEqual(oracle.nearest_root(Fraction(n * n, 49)), n / 7)

    def test_aggregate(self):
        rows = [reading('a/x', T0 + i, f'd{m}e-1') for i, m in enumerate((2312, 2314, 2310))]
        figures = oracle.aggregate(rows)
        self.assertEqual(figures['mean'], 231.2)
        self.assertEqual(figures['sum'], 693.6)
        self.assertEqual((figures['first'], figures['last'], figures['count']), (231.2, 231.0, 3))
        self.assertEqual(figures['stddev'], math.sqrt(8 / 3) / 10)

    def test_repetition_counts_once_for_device_times_only(self):
        rows = [reading('a/x', T0, 'f1.5')] * 2 + [reading('a/y', 0, 'f1.5')] * 2
        self.assertEqual(len(oracle.once(rows)), 3)


class Stamped(unittest.TestCase):
    rows = [reading('a/x', T0 + i * S // 4, f'f{i}.5') for i in range(16)]

    def answers(self):
        return [answer(s, t, f) for (s, t), f in oracle.expected_windows(self.rows, S).items()]

    def problems(self, objects):
        return oracle.compare_stamped(self.rows, oracle.Answers(objects), S)[0]

    def test_right(self):
        self.assertEqual(self.problems(self.answers()), [])

    def test_missing_window_extra_window_and_one_bit(self):
        self.assertEqual(len(self.problems(self.answers()[1:])), 1)
        extra = answer('a/x', T0 + 100 * S, {'count': 1.0})
        self.assertEqual(len(self.problems(self.answers() + [extra])), 1)
        wrong = self.answers()
        wrong[2]['values']['mean'] = math.nextafter(wrong[2]['values']['mean'], math.inf)
        self.assertEqual(len(self.problems(wrong)), 1)

    def test_newest_revision_counts(self):
        wrong = answer('a/x', T0, {'count': 2.0})
        right = self.answers()
        right[0]['revision'] = 3
        self.assertEqual(self.problems(right + [wrong]), [])

    def test_hopping(self):
        found = oracle.expected_windows(self.rows, 2 * S, S)
        self.assertEqual(found['a/x', T0 + S]['count'], 8)
        self.assertEqual(found['a/x', T0 - S]['count'], 4)


class Arriving(unittest.TestCase):
    def rows(self, optional=()):
        return [reading('m/v', 0, f'd{i}e-1', T0 + i * S // 10 + S // 20, i in optional, i)
                for i in range(50)]

    def answers(self, rows, shift=0):
        slices = {}
        for r in rows:
            slices.setdefault((r.wall + shift) // S * S, []).append(r)
        return [answer('m/v', t, oracle.aggregate(rs)) for t, rs in slices.items()]

    def problems(self, rows, objects):
        return oracle.compare_arriving(rows, oracle.Answers(objects), S)[0]

    def test_a_reading_may_fall_over_the_border(self):
        self.assertEqual(self.problems(self.rows(), self.answers(self.rows(), S // 10)), [])

    def test_lost_and_twice(self):
        rows = self.rows()
        self.assertTrue(self.problems(rows, self.answers(rows[:20] + rows[21:])))
        self.assertTrue(self.problems(rows, self.answers(rows[:20] + rows[19:])))
        self.assertTrue(self.problems(rows, self.answers(rows[:-1])))

    def test_unread_at_the_kill(self):
        rows = self.rows(optional=(20, 33, 49))
        for gone in ((), (20,), (33,), (20, 33), (20, 33, 49)):
            taken = [r for r in rows if r.serial not in gone]
            self.assertEqual(self.problems(rows, self.answers(taken)), [], gone)
        self.assertTrue(self.problems(rows, self.answers([r for r in rows if r.serial != 21])))

    def test_a_wrong_figure(self):
        objects = self.answers(self.rows())
        objects[3]['values']['max'] += 0.1
        self.assertTrue(self.problems(self.rows(), objects))


class Log(unittest.TestCase):
    def test_polls_take_the_class_that_a_request_begins_with(self):
        text = (f'q\t{T0}\t1\tm\t1\t4\t0\t6\tok\n'
                'r\t1\tm/a\t0\td1e0\tgood\t0\nr\t1\tm/b\t0\td2e0\tgood\t2\n'
                'r\t1\tm/c\t0\td3e0\tgood\t4\n'
                f'q\t{T0 + S}\t1\tm\t1\t4\t2\t2\tok\nr\t2\tm/b\t0\td2e0\tgood\t2\n'
                f'q\t{T0 + 9 * S}\t1\tm\t1\t4\t0\t6\tsilent\n')
        with tempfile.NamedTemporaryFile('w', suffix='.log') as stream:
            stream.write(text)
            stream.flush()
            log = oracle.PlantLog(stream.name)
        points = {0: ('a', 'fast'), 2: ('b', 'slow'), 4: ('d', 'fast')}
        taken = log.polled({'m': points})
        self.assertEqual([r.series for r in taken], ['m/a', 'm/d', 'm/b'])
        self.assertFalse(any(r.optional for r in taken))


if __name__ == '__main__':
    unittest.main()
