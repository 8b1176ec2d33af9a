"""The topic of answers, read and judged."""
import json

import oracle
from kafka_broker import partition_of
from stack import Failed

PROVED = ('sealed', 'revised', 'frozen')


def subject_of(answer):
    """What it is about, as the record's key names it."""
    if answer['series']:
        return answer['series']
    return json.dumps(answer['labels'], separators=(',', ':'), sort_keys=True, ensure_ascii=False)


def place_of(answer):
    """What the partition of its record is the hash of."""
    if answer['series']:
        return answer['series'].split('/', 1)[0]
    return f'{answer["view"]}\t{subject_of(answer)}'


def answers_in(records, rising=False, partitions=None):
    """(view, subject, start) -> the last answer; Failed for a record that is not as it must be.

    `records`: dicts of key, payload and partition, those of a partition in their order. `rising`:
    none comes twice. `partitions`: that the topic has."""
    found, place, position = {}, {}, {}
    for r in records:
        answer = json.loads(r['payload'], parse_int=oracle.parse_int)
        key = answer['view'], subject_of(answer), answer['start']
        if r['key'] != '\t'.join(key):
            raise Failed(f'{key} lies under {r["key"]!r}')
        if place.setdefault(key[:2], r['partition']) != r['partition']:
            raise Failed(f'{key[:2]} lies in two partitions')
        if partitions and partition_of(place_of(answer), partitions) != r['partition']:
            raise Failed(f'{key} lies in partition {r["partition"]}')
        before = found.get(key)
        if before and answer['revision'] < before['revision'] + rising:
            raise Failed(f'{key} goes back from {before} to {answer}')
        if rising and answer['position'] <= position.get(r['partition'], 0):
            raise Failed(f'positions of partition {r["partition"]} go back: {answer}')
        position[r['partition']] = answer['position']
        found[key] = answer
    return found


def by_key(answers):
    return {(a['view'], subject_of(a), a['start']): a for a in answers}


def differences(found, wanted):
    """Between what the topic says and what nodes answer, both by key."""
    problems = [f'{key} is answered, and not in the topic: {wanted[key]}'
                for key in wanted.keys() - found.keys()]
    problems += [f'{key} is in the topic, and not answered: {found[key]}'
                 for key in found.keys() - wanted.keys()]
    for key in found.keys() & wanted.keys():
        said, asked = dict(found[key]), dict(wanted[key])
        if asked['state'] not in PROVED:  # what is waited for is named when somebody asks
            said['missing'] = asked['missing'] = []
        if said != asked:
            problems.append(f'{key}: the topic says {said}, the nodes {asked}')
    return sorted(problems)
