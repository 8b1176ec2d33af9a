"""Anomalies: what the machine's own history has of them is what the cloud and its topic say."""
import json

from stack import Failed, toml_table, wait_for

SPIKES = {'spike_every': 90}  # of a sensor: ten times the value, above every HI
HI = 100
LIMIT = 100_000


def rules():
    return toml_table('[[rule]]', {'select': '**'}) + (
        f'detectors = [{{ type = "spike" }}, {{ type = "limit", hi = {HI}, on_delay = "0s", '
        'off_delay = "0s" }]\n\n')


def key_of(event):
    return event['series'], event['time'], event['cause'], event['state']


def of_the_machine(stack):
    """What was raised and what was cleared; the id of each."""
    found = {}
    for e in stack.json('event', 'list', '--limit', str(LIMIT))['events']:
        found[e['series'], e['time'], e['cause'], 'raised'] = e['id']
        if e['cleared']:
            found[e['series'], e['cleared'], e['cause'], 'cleared'] = e['id']
    return found


def of_the_cloud(stack, *options):
    events = stack.json('cloud', 'events', '--limit', str(LIMIT), *options)['events']
    found = {key_of(e): e['id'] for e in events}
    if len(found) != len(events):
        raise Failed(f'{len(events)} events have {len(found)} names')
    times = [e['time'] for e in events]
    if times != sorted(times, reverse=True):
        raise Failed('the newest event is not the first')
    return found


def of_the_topic(records):
    """Of records with a key and a payload; one may be there twice."""
    found = {}
    for r in records:
        event = json.loads(r['payload'])
        name = '\t'.join([*key_of(event), str(event['id'])])
        if r['key'] != name or event['v'] != 1 or not event['known_at']:
            raise Failed(f'{r["key"]} says {event}')
        found[key_of(event)] = event['id']
    return found


def same(where, ask, wanted, limit=60):
    """Waits until what `ask` finds there is what the machine has."""
    left = {}

    def agree():
        found = ask()
        left['short'] = sorted(wanted.items() - found.items())[:3]
        left['more'] = sorted(found.items() - wanted.items())[:3]
        return found == wanted
    try:
        wait_for(f'{where} to have the {len(wanted)} events of the machine', agree, limit, 1)
    except Failed as failed:
        raise Failed(f'{failed}: {left}') from None


def judge(stack, *options):
    """How many there are, of each state one at least."""
    wanted = of_the_machine(stack)
    states = {state for *_, state in wanted}
    if states != {'raised', 'cleared'}:
        raise Failed(f'{len(wanted)} events, of the states {states}')
    same('the cloud', lambda: of_the_cloud(stack, *options), wanted)
    return wanted
