#!/usr/bin/env python3
"""What the answers must be, whatever the order in which readings came: integers and fractions.

Lives as long as the test that starts it: reads one case a line as JSON, answers "ok WINDOWS" or
"no WHY". Shares no code with the product. A case:

    {"stamped": bool, "until": ns, "widths": [ns, ...], "max_hold": ns, "within": ns,
     "gap": ns, "hop": [size, every],
     "per_edge": n, "series": [{"type": "f64|i64|boolean|text", "exponent": e}, ...],
     "ahead": ns,                              from then on times are to come
     "starts": [{"edge": n, "counted": s, "arrived": [s, ...], "evicted": [s, ...],
                 "dropped": [first, last]}, ...],
     "readings": [[series, time, value, good, start, s], ...],   as taken, repeats included
     "groups": [[width, 1 for texts, start, proved, ...]],  of a minute, of all series together
     "joined": [[width, edge, start, proved, ...]],   a / b - 3 of its first series
     "hopping": [..], "sessions": [..],       as answers
     "answers": [[width, series, start, proved, completeness, lost, approximate,
                  {figure: bits}, {text: ..}, estimated]],
     "ledger": {"answered": n, "duplicate": n, "quarantined": n, "evicted": n, "lost": n,
                "rest": n}}

A value of type f64, and every figure, is the bits of a double as an integer. `s` is the number of a
block; `counted` is the first that no seal speaks of that ever came. Of the minutes in `dropped`,
which may be empty, no seal of the start has counts, and each says so. A completeness that nobody
knows is -1.
"""
import json
import math
import os
import struct
import sys
from collections import defaultdict
from fractions import Fraction

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'system'))
from oracle import nearest, nearest_root  # noqa: E402
from order_knowledge import MINUTE, Knowledge  # noqa: E402

FIGURES = ('count', 'min', 'max', 'sum', 'mean', 'stddev', 'first', 'last')
SIGN = 1 << 63
EXPONENT = 0x7ff << 52
SECOND = 10 ** 9


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


def in_order(series, rows):
    """What enters values, by time and then by value: (time, value, exact, key of the value)."""
    out = []
    for time, value, good in rows:
        if not good:
            continue
        if series['type'] == 'f64':
            if value & EXPONENT == EXPONENT:
                continue
            exact = Fraction(double_of(value))
            out.append((time, total_order(value), exact, exact))
        elif series['type'] == 'text':
            out.append((time, value, None, value))
        else:
            out.append((time, value, Fraction(value) * Fraction(10) ** series['exponent'], value))
    return sorted(out, key=lambda r: r[:2])


def state_of(series, key):
    """The state that a value is, as an integer; None for what is none."""
    if series['type'] != 'f64':
        return key
    return int(key) if key.denominator == 1 and abs(key) < 9_000_000_000_000_000 else None


def exact_order(series, taken, start, end, max_hold):
    """By the order of time, of all that was taken of the series: ns, value · ns, increase, ns by
    state, ns in values that are no state, and whether a value of before was held no longer when the
    first one came."""
    held, integral, states, other = 0, Fraction(0), defaultdict(int), 0
    increase, gap = None, False
    for i, (time, _, exact, key) in enumerate(taken):
        if time >= end:
            break
        until = min(end, time + max_hold)
        if i + 1 < len(taken):
            until = min(until, taken[i + 1][0])
        ns = until - max(time, start)
        if ns > 0:
            held += ns
            integral += exact * ns
            state = state_of(series, key)
            if state is None:
                other += ns
            else:
                states[state] += ns
        if i > 0 and time >= start:
            before = taken[i - 1][2]
            gap = gap or taken[i - 1][0] < start and time - taken[i - 1][0] > max_hold
            step = exact - before if exact >= before else exact
            increase = step if increase is None else increase + step
    return held, integral, increase, states, other, gap


def of_order(series, taken, start, end, max_hold):
    """The figures of that."""
    held, integral, increase, states, other, gap = exact_order(series, taken, start, end, max_hold)
    figures = {}
    if held:
        figures['twa'] = bits_of(nearest(integral / held))
        figures['integral'] = bits_of(nearest(integral / 10**9))
    if increase is not None:
        figures['increase'] = bits_of(nearest(increase))
    kept = sorted(states)[:16]
    seconds = {k: float(states[k]) / 1e9 for k in kept}
    other += sum(ns for k, ns in states.items() if k not in seconds)
    return figures, seconds, float(other) / 1e9, gap


def wrong_states(series, figures, seconds, other):
    """Names of states are numbers, true, false and other."""
    answered = {}
    for name in [n for n in figures if n.startswith('time_in_state:')]:
        word = name.split(':')[1]
        key = word if word == 'other' else {'true': 1.0, 'false': 0.0}.get(word)
        answered[float(word) if key is None else key] = double_of(figures.pop(name))
    scale = Fraction(10) ** series['exponent'] if series['type'] == 'i64' else 1
    if any(abs(k) >= 1 << 53 for k in seconds):
        return None  # several may have one name
    expected = {nearest(Fraction(k) * scale): s for k, s in seconds.items()}
    if other:
        expected['other'] = other
    return None if answered == expected else f'states: expected {expected}, answered {answered}'


def wrong_quantile(series, name, answered, values):
    """Exact to the step of integers, within 1/256 of doubles."""
    rank = max(1, -(-len(values) * int(name[1:]) // 100))
    exact = sorted(values)[rank - 1]
    error = abs(Fraction(double_of(answered)) - exact)
    if series['type'] == 'f64':
        bound = max(abs(exact) / 256, Fraction(1, 1 << 1021))
    else:
        bound = abs(exact) / (1 << 51)
    return None if error <= bound else f'{name}: {double_of(answered)}, exact {float(exact)}'


def wrong_figures(series, answer, figures, taken, start, width, max_hold):
    """Of those that need more than a sum of each pane; takes them out of `figures`. What is wrong,
    and whether the increase goes over a gap."""
    if answer[3]:
        return 'approximate', False
    inside = [r for r in taken if start <= r[0] < start + width]
    distinct = figures.pop('distinct', None)
    different = len({r[3] for r in inside})
    if different <= 256 and distinct != (bits_of(float(different)) if inside else None):
        return f'distinct: expected {different}, answered {distinct}', False
    if series['type'] == 'text':
        return None, False
    expected, seconds, other, gap = of_order(series, taken, start, start + width, max_hold)
    answered = {n: figures.pop(n) for n in ('twa', 'integral', 'increase') if n in figures}
    if answered != expected:
        return f'expected {expected}, answered {answered}', gap
    for name in ('p50', 'p99'):
        value = figures.pop(name, None)
        if (value is None) != (not inside):
            return f'{name}: {value} of {len(inside)} values', gap
        wrong = inside and wrong_quantile(series, name, value, [r[2] for r in inside])
        if wrong:
            return wrong, gap
    return wrong_states(series, figures, seconds, other), gap


def of_numbers(series, rows_of):
    """Of several series that may hold their numbers differently."""
    values = []
    for number, rows in rows_of.items():
        kind = series[number]
        for time, v, good in rows:
            if not good or (kind['type'] == 'f64' and v & EXPONENT == EXPONENT):
                continue
            if kind['type'] == 'f64':
                values.append((time, v, Fraction(double_of(v))))
            else:
                exact = v * Fraction(10) ** (kind['exponent'] if kind['type'] == 'i64' else 0)
                values.append((time, bits_of(nearest(exact)), exact))
    if not values:
        return {'count': 0}, {}
    scale = math.lcm(*(exact.denominator for _, _, exact in values))
    figures = statistics([int(exact * scale) for _, _, exact in values], scale)
    ordered = sorted((total_order(bits), bits) for _, bits, _ in values)
    in_time = sorted((time, total_order(bits), bits) for time, bits, _ in values)
    figures.update(min=ordered[0][1], max=ordered[-1][1], first=in_time[0][2], last=in_time[-1][2])
    return figures, {}


def wrong_order_of_group(answer, figures, parts, start, width, max_hold):
    """Of numbers: sums of what each series says; `parts` are all series with what was taken. As
    wrong_figures."""
    if answer[3]:
        return 'approximate', False
    held, integral, increase, gap = 0, Fraction(0), None, False
    for series, taken in parts:
        one = exact_order(series, taken, start, start + width, max_hold)
        held += one[0]
        integral += one[1]
        if one[2] is not None:
            increase = one[2] + (increase or 0)
        gap = gap or one[5]
    expected = {}
    if held:
        expected['twa'] = bits_of(nearest(integral / held))
        expected['integral'] = bits_of(nearest(integral / 10**9))
    if increase is not None:
        expected['increase'] = bits_of(nearest(increase))
    answered = {n: figures.pop(n) for n in ('twa', 'integral', 'increase') if n in figures}
    wrong = None if answered == expected else f'expected {expected}, answered {answered}'
    return wrong, gap


def differences(where, answer, case, number, rows, taken, start, width):
    """Of one series; `rows` are those in the window."""
    series, figures = case['series'][number], dict(answer[4])
    wrong, gap = wrong_figures(series, answer, figures, taken, start, width, case['max_hold'])
    if wrong:
        return f'{where}: {wrong}'
    known = case['knowledge'].of([number // case['per_edge']], start, start + width, gap)
    return plain_differences(where, answer, figures, known, *figures_of(series, rows))


def plain_differences(where, answer, figures, known, expected, expected_texts):
    proved, completeness, lost, _, _, texts, estimated = answer
    if figures != expected:
        return f'{where}: expected {expected}, answered {figures}'
    if texts != expected_texts:
        return f'{where}: expected {expected_texts}, answered {texts}'
    if not proved or (completeness, lost, estimated) not in known:
        return (f'{where}: proved {proved}, completeness {completeness}, lost {lost}, estimated '
                f'{estimated}; right is {" or ".join(map(str, known))}')
    return None


def check_groups(case, rows):
    """How many windows there are, or what is wrong."""
    answers = {(texts, start): rest for _, texts, start, *rest in case['groups']}
    if len(answers) != len(case['groups']):
        return 'a window of a group is answered twice'
    windows = 0
    for texts in (0, 1):
        slices, parts = defaultdict(lambda: defaultdict(list)), []
        for number, taken in rows.items():
            series = case['series'][number]
            if (series['type'] == 'text') == bool(texts):
                parts.append((series, in_order(series, taken)))
                for row in taken:
                    slices[row[0] // MINUTE * MINUTE][number].append(row)
        if not slices:
            continue
        for start in range(min(slices), case['until'] - MINUTE + 1, MINUTE):
            where = f'group {texts} from {start}'
            windows += 1
            if (texts, start) not in answers:
                return f'{where}: no answer'
            held = slices.get(start, {})
            answer = answers[texts, start]
            figures, wrong, gap = dict(answer[4]), None, False
            if texts:
                expected = of_texts([row for taken in held.values() for row in taken])
            else:
                expected = of_numbers(case['series'], held)
                wrong, gap = wrong_order_of_group(answer, figures, parts, start, MINUTE,
                                                  case['max_hold'])
            known = case['knowledge'].of(case['knowledge'].edges, start, start + MINUTE, gap)
            wrong = wrong or plain_differences(where, answer, figures, known, *expected)
            if wrong:
                return f'{where}: {wrong}'
    if windows != len(answers):
        return f'{len(answers)} answers of groups for {windows} windows'
    return windows


def sample(series, value):
    """As a double."""
    if series['type'] == 'f64':
        return double_of(value)
    if series['type'] == 'i64':
        return nearest(Fraction(value) * Fraction(10) ** series['exponent'])
    return float(value)


def samples(case, rows, number):
    """Good readings of numbers: (time, order of the value, value)."""
    if number is None or case['series'][number]['type'] == 'text':
        return []
    series = case['series'][number]
    return sorted((time, total_order(bits_of(v)), v) for time, v in
                  ((time, sample(series, value)) for time, value, good in rows.get(number, [])
                   if good and not (series['type'] == 'f64' and value & EXPONENT == EXPONENT)))


def quotient(a, b):
    """a / b - 3 in doubles, each step rounded once; None for what no double holds."""
    if b == 0:
        return None
    value = a / b
    return value - 3 if math.isfinite(value) else None


def pair_up(left, others, within):
    """(time, value) of each pair, and how many readings found no partner."""
    pairs, alone, at = [], [], 0
    for time, _, a in left:
        while at < len(others) and others[at][0] <= time:
            at += 1
        if at == 0 or time - others[at - 1][0] > within:
            alone.append(time)
            continue
        value = quotient(a, others[at - 1][2])
        if value is not None:
            pairs.append((time, value))
    return pairs, alone


def formula(case, rows, first, second, inside):
    """sum(a) / count(b) - min(a), of figures that are rounded once."""
    series = case['series'][first]
    if series['type'] == 'text':
        return None
    figures, _ = figures_of(series, [row for row in rows.get(first, []) if inside(row)])
    divisor = sum(1 for time, _, _ in samples(case, rows, second) if inside((time,)))
    if 'sum' not in figures or not divisor:
        return None
    value = double_of(figures['sum']) / divisor
    value = value - double_of(figures['min']) if math.isfinite(value) else value
    return bits_of(value) if math.isfinite(value) else None


def hops(case, taken):
    """Windows that overlap, from the first that holds the first pane."""
    size, every = case['hop']
    begin = (min(row[0] for row in taken) // SECOND * SECOND - size) // every * every + every
    return [(start, start + size) for start in range(begin, case['until'] - size + 1, every)]


def sessions(case, taken):
    """Runs of panes of a second, with no gap, that can no longer go on."""
    runs = []
    for pane in sorted({row[0] // SECOND * SECOND for row in taken}):
        if runs and pane - runs[-1][1] < case['gap']:
            runs[-1][1] = pane + SECOND
        else:
            runs.append([pane, pane + SECOND])
    return [run for run in runs if run[1] <= case['until'] - case['gap']]


def check_spans(case, rows):
    """Of hopping windows and sessions: how many there are, or what is wrong."""
    windows = 0
    for kind, spans in (('hopping', hops), ('sessions', sessions)):
        answers = {(series, start, width): rest for width, series, start, *rest in case[kind]}
        expected = 0
        for number, taken in rows.items():
            series = case['series'][number]
            ordered = in_order(series, taken)
            for start, end in spans(case, taken):
                expected += 1
                where = f'{kind}: series {number} from {start} to {end}'
                answer = answers.get((number, start, end - start))
                if answer is None:
                    return f'{where}: no answer'
                inside = [row for row in taken if start <= row[0] < end]
                wrong = differences(where, answer, case, number, inside, ordered, start,
                                    end - start)
                if wrong:
                    return wrong
        if expected != len(case[kind]):
            return f'{len(case[kind])} answers of {kind} for {expected} windows'
        windows += expected
    return windows


def check_joined(case, rows):
    """How many windows there are, or what is wrong."""
    answers = {(edge, start): rest for _, edge, start, *rest in case['joined']}
    if len(answers) != len(case['joined']):
        return 'a window of a join is answered twice'
    each = case['per_edge']
    windows = 0
    for edge in range(len(case['series']) // each):
        first, second = edge * each, edge * each + 1 if each > 1 else None
        taken = [row for number in (first, second) if number is not None
                 and case['series'][number]['type'] != 'text' for row in rows.get(number, [])]
        if not taken:
            continue
        pairs, alone = pair_up(samples(case, rows, first), samples(case, rows, second),
                               case['within'])
        begin = min(row[0] for row in taken) // MINUTE * MINUTE
        for start in range(begin, case['until'] - MINUTE + 1, MINUTE):
            windows += 1
            where = f'join of edge {edge} from {start}'
            if (edge, start) not in answers:
                return f'{where}: no answer'
            inside = [(t, bits_of(v), True) for t, v in pairs if start <= t < start + MINUTE]
            expected, _ = of_doubles(inside)
            expected['count'] = bits_of(float(len(inside)))
            expected['alone'] = bits_of(float(sum(start <= t < start + MINUTE for t in alone)))
            figure = formula(case, rows, first, second,
                             lambda row: start <= row[0] < start + MINUTE)
            if figure is not None:
                expected['formula'] = figure
            # A partner from before the window may be one that is lost.
            approximate = bool(answers[edge, start][3])
            before = edge, start - case['within'], start
            right = {second is not None and case['knowledge'].lacks([edge], *before[1:]),
                     second is not None and case['knowledge'].may_lack(*before)}
            wrong = approximate not in right and f'approximate: {approximate}'
            known = case['knowledge'].of([edge], start, start + MINUTE, False)
            wrong = wrong or plain_differences(where, answers[edge, start],
                                               dict(answers[edge, start][4]), known, expected, {})
            if wrong:
                return f'{where}: {wrong}'
    if windows != len(answers):
        return f'{len(answers)} answers of joins for {windows} windows'
    return windows


def check(case):
    rows, seen, duplicate = defaultdict(list), set(), 0
    knowledge = case['knowledge'] = Knowledge(case)
    for series, time, value, good in knowledge.rows:
        key = series, time, value
        if case['stamped'] and key in seen:
            duplicate += 1
            continue
        seen.add(key)
        rows[series].append((time, value, good))
    ledger = {'answered': sum(map(len, rows.values())), 'duplicate': duplicate,
              'quarantined': knowledge.ahead, **knowledge.gone, 'rest': 0}
    if case['ledger'] != ledger:
        return f'ledger: expected {ledger}, is {case["ledger"]}'
    answers = {(width, series, start): rest for width, series, start, *rest in case['answers']}
    if len(answers) != len(case['answers']):
        return 'a window is answered twice'
    windows = 0
    for width in case['widths']:
        for series, taken in rows.items():
            ordered = in_order(case['series'][series], taken)
            slices = defaultdict(list)
            for row in taken:
                slices[row[0] // width * width].append(row)
            for start in range(min(slices), case['until'] - width + 1, width):
                where = f'series {series} ({case["series"][series]}), {width} ns from {start}'
                answer = answers.get((width, series, start))
                windows += 1
                if answer is None:
                    return f'{where}: no answer'
                wrong = differences(where, answer, case, series, slices.get(start, []), ordered,
                                    start, width)
                if wrong:
                    return wrong
    if windows != len(answers):
        return f'{len(answers)} answers for {windows} windows'
    for further in (check_groups, check_joined, check_spans):
        found = further(case, rows)
        if isinstance(found, str):
            return found
        windows += found
    return windows


def main():
    for line in sys.stdin:
        outcome = check(json.loads(line))
        print(f'ok {outcome}' if isinstance(outcome, int) else f'no {outcome}', flush=True)


if __name__ == '__main__':
    main()
