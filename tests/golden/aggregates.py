#!/usr/bin/env python3
"""Prints aggregates.txt: figures of random series, computed with fractions and integers only.

Independent of the program: the C++ test reads the lines and must get the same doubles, bit for
bit. With --check: exit code 1 when the file beside this program is not what it prints.
Line: type exponent | values (integers, or hex doubles) | sum mean stddev (hex doubles)
"""
import random
import sys
from fractions import Fraction
from math import isqrt
from pathlib import Path


def nearest(x: Fraction) -> float:
    return x.numerator / x.denominator  # int / int is correctly rounded


def nearest_root(x: Fraction) -> float:
    """The double nearest to sqrt(x): a root with more places than a double, and a sticky bit."""
    if x == 0:
        return 0.0
    shift = 2 * max(0, 140 - (x.numerator.bit_length() - x.denominator.bit_length()))
    scaled, rest = divmod(x.numerator << shift, x.denominator)
    root = isqrt(scaled)
    sticky = 1 if rest or root * root != scaled else 0
    return nearest(Fraction(2 * root + sticky, 1 << (shift // 2 + 1)))


def figures(values: list[Fraction]) -> str:
    n = len(values)
    total = sum(values)
    variance = (n * sum(v * v for v in values) - total * total) / Fraction(n * n)
    return " ".join(f.hex() for f in (nearest(total), nearest(total / n), nearest_root(variance)))


def lines() -> list[str]:
    rng = random.Random(20261121)
    out = []
    for _ in range(150):
        exponent = rng.randint(-18, 18)
        bits = rng.choice([4, 12, 33, 63])
        values = [rng.randint(-(1 << bits), (1 << bits) - 1) for _ in range(rng.randint(1, 12))]
        told = " ".join(map(str, values))
        exact = [v * Fraction(10) ** exponent for v in values]
        out.append(f"i64 {exponent} | {told} | {figures(exact)}")
    for _ in range(150):
        scale = rng.choice([0, 0, 3, 100, -300, -1070])
        values = [rng.choice([rng.uniform(-1, 1), round(rng.uniform(-50, 50), 2), 21.5])
                  * 2.0 ** scale for _ in range(rng.randint(1, 12))]
        told = " ".join(v.hex() for v in values)
        out.append(f"f64 0 | {told} | {figures([Fraction(v) for v in values])}")
    return out


if __name__ == "__main__":
    text = "\n".join(lines()) + "\n"
    if sys.argv[1:] == ["--check"]:
        sys.exit(Path(__file__).with_suffix(".txt").read_text() != text)
    sys.stdout.write(text)
