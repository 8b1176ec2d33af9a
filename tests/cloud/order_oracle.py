#!/usr/bin/env python3
"""What the answers must be, whatever the order in which readings came: integers and fractions.

Lives as long as the test that starts it: reads one case a line as JSON, answers "ok WINDOWS" or
"no WHY". Shares no code with the product. A case:

    {"stamped": bool, "until": ns, "widths": [ns, ...],
     "series": [{"type": "f64|i64|boolean|text", "exponent": e}, ...],
     "readings": [[series, time, value, good], ...],      as they were taken, repeats included
     "answers": [[width, series, start, proved, completeness, lost, {figure: bits}, {text: ..}]],
     "ledger": {"answered": n, "duplicate": n, "rest": n}}

A value of type f64, and every figure, is the bits of a double as an integer.
"""
import json
import os
import struct
import sys
from collections import defaultdict
from fractions import Fraction

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'system'))
from oracle import nearest, nearest_root  # noqa: E402

FIGURES = ('count', 'min', 'max', 'sum', 'mean', 'stddev', 'first', 'last')
SIGN = 1 << 63
EXPONENT = 0x7ff << 52


def bits_of(number):
    return struct.unpack('<Q', struct.pack('<d', number))[0]


def double_of(bits):
    return struct.unpack('<d', struct.pack('<Q', bits))[0]


def total_order(bits):
    """-0 is below +0."""
    return -(bits - SIGN) - 1 if bits & SIGN else bits


def statistics(whole, scale):
    """Of integers that count 1/scale each."""
    n, total = len(whole), sum(whole)
    spread = n * sum(w * w for w in whole) - total * total
    return {'count': bits_of(float(n)), 'sum': bits_of(nearest(Fraction(total) / scale)),
            'mean': bits_of(nearest(Fraction(total, n) / scale)),
            'stddev': bits_of(nearest_root(Fraction(spread, n * n) / (scale * scale)))}


def of_doubles(rows):
    values = [(time, bits) for time, bits, good in rows
              if good and bits & EXPONENT != EXPONENT]
    if not values:
        return {'count': 0}, {}
    ratios = [double_of(bits).as_integer_ratio() for _, bits in values]
    scale = max(d for _, d in ratios)   # powers of two
    figures = statistics([n * (scale // d) for n, d in ratios], scale)
    ordered = sorted((total_order(bits), bits) for _, bits in values)
    in_time = sorted((time, total_order(bits), bits) for time, bits in values)
    figures.update(min=ordered[0][1], max=ordered[-1][1], first=in_time[0][2], last=in_time[-1][2])
    return figures, {}


def of_integers(rows, exponent):
    values = [(time, v) for time, v, good in rows if good]
    if not values:
        return {'count': 0}, {}
    scale = Fraction(10) ** -exponent

    def shown(v):
        return bits_of(nearest(v / scale))
    figures = statistics([v for _, v in values], scale)
    in_time = sorted(values)
    figures.update(min=shown(min(v for _, v in values)), max=shown(max(v for _, v in values)),
                   first=shown(in_time[0][1]), last=shown(in_time[-1][1]))
    return figures, {}


def of_texts(rows):
    values = sorted((time, v) for time, v, good in rows if good)
    if not values:
        return {'count': 0}, {}
    return ({'count': bits_of(float(len(values)))},
            {'first': values[0][1], 'last': values[-1][1]})


def figures_of(series, rows):
    if series['type'] == 'f64':
        return of_doubles(rows)
    return of_texts(rows) if series['type'] == 'text' else of_integers(rows, series['exponent'])


def shown_as(figures):
    return {name: bits for name, bits in figures.items() if bits is not None}


def differences(where, answer, series, rows):
    proved, completeness, lost, figures, texts = answer
    expected, expected_texts = figures_of(series, rows)
    if shown_as(figures) != expected:
        return f'{where}: expected {expected}, answered {shown_as(figures)}'
    if texts != expected_texts:
        return f'{where}: expected {expected_texts}, answered {texts}'
    if not proved or completeness != 1 or lost:
        return f'{where}: proved {proved}, completeness {completeness}, lost {lost}'
    return None


def check(case):
    rows, seen, duplicate = defaultdict(list), set(), 0
    for series, time, value, good in case['readings']:
        key = series, time, value
        if case['stamped'] and key in seen:
            duplicate += 1
            continue
        seen.add(key)
        rows[series].append((time, value, good))
    ledger = {'answered': sum(map(len, rows.values())), 'duplicate': duplicate, 'rest': 0}
    if case['ledger'] != ledger:
        return f'ledger: expected {ledger}, is {case["ledger"]}'
    answers = {(width, series, start): rest for width, series, start, *rest in case['answers']}
    if len(answers) != len(case['answers']):
        return 'a window is answered twice'
    windows = 0
    for width in case['widths']:
        for series, taken in rows.items():
            slices = defaultdict(list)
            for row in taken:
                slices[row[0] // width * width].append(row)
            for start in range(min(slices), case['until'] - width + 1, width):
                where = f'series {series} ({case["series"][series]}), {width} ns from {start}'
                answer = answers.get((width, series, start))
                windows += 1
                if answer is None:
                    return f'{where}: no answer'
                wrong = differences(where, answer, case['series'][series], slices.get(start, []))
                if wrong:
                    return wrong
    if windows != len(answers):
        return f'{len(answers)} answers for {windows} windows'
    return windows


def main():
    for line in sys.stdin:
        outcome = check(json.loads(line))
        print(f'ok {outcome}' if isinstance(outcome, int) else f'no {outcome}', flush=True)


if __name__ == '__main__':
    main()
