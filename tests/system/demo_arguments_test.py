#!/usr/bin/env python3
"""packaging/demo tells a wrong argument in one line, and before it builds anything."""
import os
import subprocess
import unittest

DEMO = os.path.join(os.path.dirname(os.path.abspath(__file__)), '../../packaging/demo')


class Arguments(unittest.TestCase):
    def test_wrong_ones_are_64_and_named(self):
        for words, says in ((['--for', 'banana'], "'banana' is no length of time"),
                            (['--fr', '3'], 'unrecognized arguments: --fr 3')):
            with self.subTest(words):
                ran = subprocess.run([DEMO, *words], capture_output=True, text=True, timeout=60,
                                     check=False)
                self.assertEqual(ran.returncode, 64)
                self.assertIn(says, ran.stderr)
                self.assertNotIn('Traceback', ran.stderr)
                self.assertNotIn('building', ran.stderr)


if __name__ == '__main__':
    unittest.main()
