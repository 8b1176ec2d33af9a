"""What a technician at the machine sees: windows and events at a local broker and in the history,
equal to the plant's own log, while the same readings travel in partials with raw context; and all
of it again with no link and no agent."""
import collections
import json
import os
import sqlite3
import subprocess
import time

import anomalies
import oracle
import scenarios
from stack import EDGE, Failed, toml_table, wait_for

AGGREGATES = list(oracle.AGGREGATES)
TUMBLING, HOPPING = 'odd/t', 'm00/a'


def rules(stack):
    publish = 'tidemark/press/{series}'
    return toml_table('[publish]', {'url': f'mqtt://127.0.0.1:{stack.broker_port}'}) + toml_table(
        '[[rule]]', {
            'select': TUMBLING, 'window': {'type': 'tumbling', 'size': '1s', 'lateness': '20s'},
            'aggregates': [*AGGREGATES, 'p95', 'twa', 'increase'],
            'forward': 'windows+context', 'context': {'before': '1s', 'after': '1s'},
            'publish': publish}) + 'detectors = [{ type = "spike" }]\n\n' + toml_table(
                '[[rule]]', {
                    'select': HOPPING, 'window': {'type': 'hopping', 'size': '4s', 'hop': '1s'},
                    'aggregates': AGGREGATES, 'publish': publish})


class Panel:
    """mosquitto_sub, as the machine's own panel."""

    def __init__(self, stack):
        self.path = stack.path('log', 'panel.jsonl')
        with open(self.path, 'wb') as out:
            stack.running['panel'] = subprocess.Popen(
                ['mosquitto_sub', '-p', str(stack.broker_port), '-t', 'tidemark/#', '-F', '%t %p'],
                stdin=subprocess.DEVNULL, stdout=out, start_new_session=True)

    def messages(self):
        with open(self.path, encoding='utf-8') as lines:
            return [(line.split(' ', 1)[0], json.loads(line.split(' ', 1)[1]))
                    for line in lines if line.endswith('\n')]

    def windows(self):
        """(series, start) -> the newest revision."""
        found = {}
        for topic, m in self.messages():
            if m['type'] != 'window':
                continue
            series = m['series'].split('/', 1)[1]
            if topic != f'tidemark/press/{series}':
                raise Failed(f'{m["series"]} came on topic {topic}')
            key = series, oracle.parse_time(m['start'])
            if m['revision'] != (found[key]['revision'] + 1 if key in found else 0):
                raise Failed(f'revision {m["revision"]} of {key} came out of turn')
            found[key] = m
        return found

    def events(self):
        return [m for _, m in self.messages() if m['type'] == 'event']


def compare(found, expected, where):
    problems = []
    for key, figures in sorted(expected.items()):
        if key not in found:
            problems.append(f'{where}: no window {key}')
            continue
        values = found[key]['values']
        problems += [f'{where} {key}: {d}' for d in oracle.differences(figures, values)]
        if values['count'] != figures['count']:
            problems.append(f'{where} {key}: {values["count"]} of {figures["count"]}')
    problems += [f'{where}: {key} was not published' for key in found if key not in expected]
    return problems


def history(stack, series):
    windows = stack.json('series', 'history', series, '--limit', '100000')['windows']
    return {(series, oracle.parse_time(w['start'])): w for w in windows}


def look(stack, expected, events):
    """The history through its command and through SQL alone."""
    found = {**history(stack, TUMBLING), **history(stack, HOPPING)}
    problems = compare(found, expected, 'history')
    listed = stack.json('event', 'list', '--limit', '10000')['events']
    if sorted(e['id'] for e in listed) != sorted(e['id'] for e in events):
        problems.append(f'{len(events)} events were published, {len(listed)} are listed')
    with sqlite3.connect(stack.path('data/edge/history.db')) as db:
        rows = db.execute('SELECT series, json_extract("values", \'$.count\') FROM history')
        counts = collections.Counter()
        for series, count in rows:
            counts[series] += count
    for series in (TUMBLING, HOPPING):
        right = sum(f['count'] for (s, _), f in expected.items() if s == series)
        if counts[f'{EDGE}/{series}'] != right:
            problems.append(f'SQL: {counts[f"{EDGE}/{series}"]} readings of {series}, not {right}')
    if problems:
        raise Failed('\n'.join(problems[:20]))


def gaps_are_told(stack):
    """Each start says from when until when windows may be missing, whatever ended the last."""
    def told():
        return stack.json('series', 'history', TUMBLING)['gaps']
    if told():
        raise Failed(f'gaps before the second start: {told()}')
    for n, end in enumerate((stack.kill, stack.stop), 1):
        stack.start_edge()
        gaps = told()
        if len(gaps) != n or any(oracle.parse_time(g['from']) > oracle.parse_time(g['to'])
                                 for g in gaps):
            raise Failed(f'{n} starts after the first, and these gaps: {gaps}')
        end('edge')
    _, _, err = stack.cli('series', 'history', TUMBLING)
    if err.count('gap: the agent ended between') != 2:
        raise Failed(f'gaps are not shown: {err}')


def machine(stack, seconds=20):
    stack.start_broker()
    scenarios.start_chain(stack, extra=rules(stack))
    panel = Panel(stack)
    time.sleep(1)
    stack.start_plant(sensors=[
        {'name': 'odd', 'channels': ['t'], 'rate': 50, 'spike_every': 230, 'swap_every': 7},
        *scenarios.sensors(1, 20)], run_for=f'{seconds}s')
    stack.finish_plant(seconds + 40)

    log = oracle.PlantLog(stack.plant_log)
    of = {s: [r for r in log.readings if r.series == s] for s in (TUMBLING, HOPPING)}
    expected = {**oracle.expected_windows(of[TUMBLING], oracle.SECOND),
                **oracle.expected_windows(of[HOPPING], 4 * oracle.SECOND, oracle.SECOND)}
    wait_for('the last windows', lambda: set(expected) <= set(panel.windows()), 60, 1)
    problems = compare(panel.windows(), expected, 'panel')
    if problems:
        raise Failed('\n'.join(problems[:20]))

    # Partials carry, context and results are copies: the cloud's answers and the ledger are right.
    scenarios.judge(stack)
    status = stack.edge_status()
    events = panel.events()
    recorder, kept = status['recorder'], status['history']
    if not events or recorder['contexts'] == 0 or recorder['readings'] < 50:
        raise Failed(f'{len(events)} events, recorder {recorder}')
    if status['events'] != {'sent': len(events), 'skipped': 0}:
        raise Failed(f'{len(events)} events were published, to the cloud went {status["events"]}')
    look(stack, expected, events)
    anomalies.same('the cloud', lambda: anomalies.of_the_cloud(stack),
                   {anomalies.key_of(e): e['id'] for e in events})
    explained = stack.json('event', 'explain', str(events[0]['id']))
    if explained['series'] != f'{EDGE}/{TUMBLING}' or not explained['windows']:
        raise Failed(f'the event is not explained: {explained}')
    stack.cli('event', 'ack', str(events[0]['id']), '--by', 'ana', '--note', 'a loose wire')
    if stack.edge_status()['history']['bytes_written'] == 0:
        raise Failed('what the history writes is not counted')

    # No link, then no agent.
    for name in ('gateway', 'cloud', 'edge'):
        stack.stop(name)
        look(stack, expected, events)
    still_open = stack.json('event', 'list', '--open')['events']
    if len(still_open) != len(events) - 1:
        raise Failed(f'{len(still_open)} of {len(events)} events are open after one was seen')
    code, _, err = stack.cli('series', 'history', 'odd/x', check=False)
    if code != 66 or 'odd/t' not in err:
        raise Failed(f'a series that is not there: exit {code}, {err}')
    code, _, _ = stack.cli('event', 'explain', '999999', check=False)
    if code != 66:
        raise Failed(f'an event that is not there: exit {code}')
    gaps_are_told(stack)
    look(stack, expected, events)
    print(f'{len(expected)} windows at the panel and in the history, {len(events)} events, '
          f'{recorder["readings"]} readings of context, history: {kept["bytes_written"]} bytes '
          f'written for {kept["windows"]} results; {os.path.getsize(panel.path)} bytes heard')
