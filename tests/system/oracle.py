#!/usr/bin/env python3
"""What the answers must be, computed from the plant's own log with integers and fractions.

Shares no code with the product. Compares bit for bit, series by series and window by window:

    oracle.py --log plant.log --answers answers.json --window 1s [--profile DEVICE=profile.toml]

answers.json is what `tidemark cloud query ... --json` prints. Readings that a device stamped have
their window from the log. Those that the edge stamps have a time that only the edge knows, so the
answers' counts say how a series falls into windows; each reading must then lie within TOLERANCE of
its window by the plant's clock, and all other figures must follow from that, bit for bit.
"""
import argparse
import json
import math
import re
import struct
import sys
import tomllib
from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime, timezone
from fractions import Fraction

SECOND = 1_000_000_000
TOLERANCE = SECOND // 2
AGGREGATES = ('count', 'min', 'max', 'sum', 'mean', 'stddev', 'first', 'last')
UNITS = {'ns': 1, 'us': 1000, 'ms': 10**6, 's': SECOND, 'min': 60 * SECOND, 'm': 60 * SECOND,
         'h': 3600 * SECOND, 'day': 86400 * SECOND, 'd': 86400 * SECOND}


def duration(text):
    number, unit = re.fullmatch(r'([\d.]+)\s*([a-z]+)', text).groups()
    return int(Fraction(number) * UNITS[unit])


def parse_time(text):
    """RFC 3339 with Z to ns."""
    whole, _, decimals = text.rstrip('Z').partition('.')
    seconds = datetime.strptime(whole, '%Y-%m-%dT%H:%M:%S').replace(tzinfo=timezone.utc)
    return int(seconds.timestamp()) * SECOND + int(decimals.ljust(9, '0')[:9] or 0)


def format_time(ns):
    text = datetime.fromtimestamp(ns // SECOND, timezone.utc).strftime('%Y-%m-%dT%H:%M:%S')
    return f'{text}.{ns % SECOND:09d}Z'


@dataclass(frozen=True)
class Reading:
    series: str      # device/metric
    event: int       # ns; 0: stamped by the edge
    exact: Fraction
    bits: int        # of the value: what makes two readings one
    good: bool
    wall: int        # when the plant sent it
    serial: int
    optional: bool = False  # may have been unread when the reader was killed


def parse_value(text):
    """(exact value, identity bits) of 'f1.5' or 'd2312e-1'."""
    if text[0] == 'd':
        mantissa, exponent = text[1:].split('e')
        return Fraction(int(mantissa)) * Fraction(10) ** int(exponent), int(mantissa)
    number = float(text[1:])
    bits = struct.unpack('<q', struct.pack('<d', number))[0]
    return (Fraction(number) if math.isfinite(number) else None), bits


class PlantLog:
    """The log, read: what was published and answered."""

    def __init__(self, path):
        self.readings = []       # from MQTT messages
        self.requests = []       # dicts of Modbus requests, each with its readings by address
        self.messages = 0
        self.ended = False
        self.published = self.acknowledged = 0
        context = None
        with open(path, encoding='utf-8') as stream:
            for line in stream:
                field = line.rstrip('\n').split('\t')
                if field[0] == 'm':
                    self.messages += 1
                    context = ('m', int(field[1]))
                elif field[0] == 'q':
                    request = {'wall': int(field[1]), 'serial': int(field[2]), 'device': field[3],
                               'connection': int(field[4]), 'address': int(field[6]),
                               'count': int(field[7]), 'outcome': field[8], 'points': {}}
                    self.requests.append(request)
                    context = ('q', request)
                elif field[0] == 'r' and len(field) == 7:
                    self._reading(field, context)
                elif field[0] == 'end':
                    self.ended = True
                    self.published += int(field[2])
                    self.acknowledged += int(field[3])

    def _reading(self, field, context):
        exact, bits = parse_value(field[4])
        wall = context[1] if context[0] == 'm' else context[1]['wall']
        reading = Reading(field[2], int(field[3]), exact, bits, field[5] == 'good', wall,
                          int(field[1]))
        if context[0] == 'm':
            self.readings.append(reading)
        else:
            context[1]['points'][int(field[6])] = reading

    def polled(self, profiles):
        """Readings that a reader of these profiles took from the slaves' answers.

        profiles: device -> {address: (metric, poll class)}. A request is made for the class of the
        point that it begins with; it may run over points of others, which are then not taken.
        Answers that may have been unread when the reader died are marked optional: those within a
        quarter second before the end of a connection that was followed by another.
        """
        last_of = {}
        for request in self.requests:
            key = (request['device'], request['connection'])
            last_of[key] = request['wall']
        out = []
        for request in self.requests:
            if request['outcome'] != 'ok' or request['device'] not in profiles:
                continue
            points = profiles[request['device']]
            key = (request['device'], request['connection'])
            optional = request['wall'] > last_of[key] - SECOND // 4
            poll_class = points.get(request['address'], (None, None))[1]
            for address, reading in sorted(request['points'].items()):
                metric, its_class = points.get(address, (None, None))
                if metric and its_class == poll_class:
                    out.append(Reading(**{**vars(reading), 'optional': optional,
                                          'series': f'{request["device"]}/{metric}'}))
        return out


def read_profile(path):
    """address -> (metric, poll class) of a profile file."""
    with open(path, 'rb') as stream:
        profile = tomllib.load(stream)
    return {p['address']: (p['name'], p.get('rate', 'normal')) for p in profile['point']}


def once(readings):
    """Device-stamped readings without repetitions: (series, event time, value bits) is identity."""
    seen, out = set(), []
    for r in readings:
        key = (r.series, r.event, r.bits)
        if r.event and key in seen:
            continue
        seen.add(key)
        out.append(r)
    return out


def nearest(value):
    """The double nearest to a fraction, ties to even; infinite past the range."""
    try:
        return value.numerator / value.denominator
    except OverflowError:
        return math.inf if value > 0 else -math.inf


def nearest_root(value):
    """The double nearest to the square root of a fraction."""
    if value == 0:
        return 0.0
    shift = max(0, 140 - value.numerator.bit_length() + value.denominator.bit_length())
    shift += shift & 1
    scaled, rest = divmod(value.numerator << shift, value.denominator)
    root = math.isqrt(scaled)
    # Half a last place for what was cut off: the root has at least 70 bits, so no tie is made.
    inexact = rest != 0 or root * root != scaled
    return nearest(Fraction(2 * root + inexact, 1 << (shift // 2 + 1)))


def aggregate(readings):
    """The figures of some readings; None when none of them has a value."""
    good = [r for r in readings if r.good and r.exact is not None]
    if not good:
        return None
    n = len(good)
    # Integers over one common denominator: sums of fractions would take gcds.
    scale = math.lcm(*{r.exact.denominator for r in good})
    whole = [r.exact.numerator * (scale // r.exact.denominator) for r in good]
    total = Fraction(sum(whole), scale)
    squares = Fraction(sum(w * w for w in whole), scale * scale)
    by_time = sorted(good, key=lambda r: (r.event, r.exact)) if good[0].event else good
    return {'count': float(n), 'min': nearest(min(r.exact for r in good)),
            'max': nearest(max(r.exact for r in good)), 'sum': nearest(total),
            'mean': nearest(total / n),
            'stddev': nearest_root((n * squares - total * total) / (n * n)),
            'first': nearest(by_time[0].exact), 'last': nearest(by_time[-1].exact)}


def expected_windows(readings, size, hop=None):
    """(series, start) -> figures, of device-stamped readings."""
    hop = hop or size
    slices = defaultdict(list)
    for r in once(readings):
        start = r.event // hop * hop
        while start > r.event - size:
            slices[r.series, start].append(r)
            start -= hop
    found = {key: aggregate(rows) for key, rows in slices.items()}
    return {key: figures for key, figures in found.items() if figures}


def same(a, b):
    """Bit for bit, but zeros: the exact value 0 has no sign."""
    if a is None or b is None:
        return a is b
    return struct.pack('<d', float(a)) == struct.pack('<d', float(b)) or float(a) == float(b) == 0


def differences(figures, values):
    return [f'{name}: published {figures[name]!r}, answered {values[name]!r}'
            for name in AGGREGATES if name in values and not same(figures[name], values[name])]


class Answers:
    """Answers by (device/metric, start), the newest revision of each."""

    def __init__(self, objects):
        self.by_window = {}
        self.states = defaultdict(int)
        for a in objects:
            key = a['series'].split('/', 1)[1], parse_time(a['start'])
            old = self.by_window.get(key)
            if old is None or a['revision'] >= old['revision']:
                self.by_window[key] = a
        for a in self.by_window.values():
            self.states[a['state']] += 1

    def windows_of(self, series):
        """[(start, answer)] with values, in order."""
        return sorted((start, a) for (s, start), a in self.by_window.items()
                      if s == series and a['values'].get('count'))


def compare_stamped(readings, answers, size):
    """Problems of all device-stamped series, and how many windows were compared."""
    expected = expected_windows(readings, size)
    problems = []
    names = {series for series, _ in expected}
    for key in sorted(expected):
        answer = answers.by_window.get(key)
        where = f'{key[0]} {format_time(key[1])}'
        if answer is None or not answer['values'].get('count'):
            problems.append(f'{where}: no answer for {expected[key]["count"]:.0f} readings')
            continue
        problems += [f'{where}: {d}' for d in differences(expected[key], answer['values'])]
    for (series, start), answer in sorted(answers.by_window.items()):
        if series in names and (series, start) not in expected and answer['values'].get('count'):
            problems.append(f'{series} {format_time(start)}: an answer for nothing published: '
                            f'{answer["values"]}')
    return problems, len(expected)


def compare_arriving(readings, answers, size):
    """The same for series that the edge stamps: the counts say which readings a window has."""
    by_series = defaultdict(list)
    for r in readings:
        if r.event == 0 and r.good and r.exact is not None:
            by_series[r.series].append(r)
    problems, compared = [], 0
    for series, rows in sorted(by_series.items()):
        windows = answers.windows_of(series)
        compared += len(windows)
        problem = fit(rows, windows, size)
        if problem:
            problems.append(f'{series}: {problem}')
    return problems, compared


def fit(rows, windows, size):
    """None when the rows fall into the windows; else where that fails first, at its furthest."""
    furthest = [-1, f'{len(rows)} readings sent, '
                    f'{sum(int(a["values"]["count"]) for _, a in windows)} answered']
    stack = [(0, 0)]   # (row, window): what is left to place
    tried = set()
    while stack:
        at, index = stack.pop()
        if (at, index) in tried:
            continue
        tried.add((at, index))
        if index == len(windows):
            rest = [r for r in rows[at:] if not r.optional]
            if not rest:
                return None
            report(furthest, index, f'{len(rest)} readings from serial {rest[0].serial} on have '
                   'no answer')
            continue
        start, answer = windows[index]
        count = int(answer['values']['count'])
        problem = None
        for taken, after in choices(rows, at, count):
            problem = misfit(taken, start, size, answer['values'])
            if problem is None:
                stack.append((after, index + 1))
        if problem:
            report(furthest, index, f'{format_time(start)}: {problem}')
    return furthest[1]


def report(furthest, index, text):
    if index >= furthest[0]:
        furthest[:] = [index, text]


def choices(rows, at, count):
    """Ways to take `count` rows from `at` on, leaving out optional ones: (rows, position after)."""
    found = [((), at)]
    for _ in range(count):
        longer = []
        for taken, position in found:
            while position < len(rows):
                longer.append((taken + (rows[position],), position + 1))
                if not rows[position].optional:
                    break
                position += 1
        found = longer[:256]
    if count == 0:
        return found
    return found or [(tuple(rows[at:]), len(rows))]


def misfit(taken, start, size, values):
    if len(taken) < int(values['count']):
        return f'{int(values["count"])} answered, {len(taken)} left that were sent'
    for r in taken:
        if not start - TOLERANCE <= r.wall < start + size + TOLERANCE:
            return f'serial {r.serial} was sent at {format_time(r.wall)}'
    found = differences(aggregate(taken), values)
    return '; '.join(found) or None


def compare(log, objects, size, profiles=None):
    """(problems, windows compared) of a whole log against answer objects."""
    answers = Answers(objects)
    stamped = [r for r in log.readings if r.event]
    arriving = [r for r in log.readings if not r.event] + log.polled(profiles or {})
    problems, n = compare_stamped(stamped, answers, size)
    more, m = compare_arriving(arriving, answers, size)
    return problems + more, n + m


def load_answers(text):
    """One object with "answers", or one answer a line."""
    objects = []
    for line in text.splitlines():
        if line.strip():
            found = json.loads(line, parse_int=parse_int)
            objects += found['answers'] if 'answers' in found else [found]
    return objects


def parse_int(text):
    return -0.0 if text == '-0' else int(text)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    parser.add_argument('--log', required=True)
    parser.add_argument('--answers', required=True)
    parser.add_argument('--window', required=True)
    parser.add_argument('--profile', action='append', default=[], metavar='DEVICE=FILE')
    arguments = parser.parse_args()
    profiles = {device: read_profile(path) for device, path in
                (p.split('=', 1) for p in arguments.profile)}
    with open(arguments.answers, encoding='utf-8') as stream:
        objects = load_answers(stream.read())
    problems, windows = compare(PlantLog(arguments.log), objects, duration(arguments.window),
                                profiles)
    for problem in problems[:50]:
        print(problem)
    print(f'{windows} windows compared, {len(problems)} problems')
    return 1 if problems or not windows else 0


if __name__ == '__main__':
    sys.exit(main())
