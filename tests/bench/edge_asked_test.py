#!/usr/bin/env python3
"""The verdicts of bench/edge: a figure is met only by a row whose work was done."""
import contextlib
import io
import os
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '../../bench/edge'))
from asked import ASKED, Table, flaw  # found by the line above

DONE = {'cpu': 0.2, 'rate': 500_000, 'wanted': 500_000, 'lost': 0, 'behind': 0.1, 'peak': 15.0}


def verdict(case='burst', consumer='edge', **changes):
    table = Table()
    table.add(case=case, consumer=consumer, **{**DONE, **changes})
    shown = io.StringIO()
    with contextlib.redirect_stdout(shown):
        met = table.summary([row for row in ASKED if row[1] == case and row[3] == consumer])
    return met, shown.getvalue()


class Verdicts(unittest.TestCase):
    def test_work_that_was_done_within_the_bound_is_met(self):
        met, shown = verdict()
        self.assertTrue(met)
        self.assertNotIn('NO', shown)

    def test_a_figure_beyond_its_bound_is_not(self):
        self.assertFalse(verdict(peak=20.1)[0])

    def test_no_figure_makes_up_for_work_that_was_not_done(self):
        for why, changes in (('lost', {'lost': 1}), ('behind', {'behind': 2.0}),
                             ('too slow', {'rate': 400_000}),
                             ('missed', {'missed': 50, 'due': 100}), ('no rate', {'none': True})):
            met, shown = verdict(**changes)
            self.assertFalse(met, why)
            self.assertIn('NO: ' + why, shown)

    def test_half_of_the_registers_are_not_half_of_the_cost(self):
        row = {'cpu': 0.2, 'rate': 50_000, 'wanted': 100_000, 'missed': 0, 'due': 500}
        self.assertFalse(verdict('modbus', **row)[0])
        self.assertFalse(verdict('modbus', **{**row, 'rate': 99_000, 'missed': 10})[0])
        self.assertTrue(verdict('modbus', **{**row, 'rate': 99_000, 'missed': 5})[0])

    def test_a_case_that_found_no_rate_is_judged(self):
        table = Table()
        table.add(case='max one value a message', consumer='edge', none=True)
        with contextlib.redirect_stdout(io.StringIO()):
            self.assertFalse(table.summary(ASKED))

    def test_what_was_not_run_is_not_judged(self):
        with contextlib.redirect_stdout(io.StringIO()):
            self.assertTrue(Table().summary(ASKED))
        self.assertEqual(flaw({}), '')


if __name__ == '__main__':
    unittest.main()
