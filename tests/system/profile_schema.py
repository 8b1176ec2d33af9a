#!/usr/bin/env python3
"""The schema that editors use takes every shipped profile, and refuses what `profile check` refuses
of keys and types. Needs python3-jsonschema (exit 77 without)."""
import copy
import glob
import json
import os
import sys
import tomllib

try:
    import jsonschema
except ImportError:
    print('skipped: python3-jsonschema is not installed')
    sys.exit(77)

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
PROFILES = os.path.join(ROOT, 'firmware-profiles')


def profile(name):
    with open(os.path.join(PROFILES, name + '.toml'), 'rb') as stream:
        return tomllib.load(stream)


def changed(name, change):
    content = copy.deepcopy(profile(name))
    change(content)
    return content


MISTAKES = {
    'an unknown key': ('eastron-sdm630', lambda p: p['point'][0].update(adress=1)),
    'an unknown table': ('eastron-sdm630', lambda p: p.update(modbuss={})),
    'an unknown type': ('eastron-sdm630', lambda p: p['point'][0].update(type='u17')),
    'an unknown order': ('eastron-sdm630', lambda p: p['modbus'].update(byte_order='ACBD')),
    'a writing function': ('eastron-sdm630', lambda p: p['modbus'].update(function=6)),
    'no address': ('eastron-sdm630', lambda p: p['point'][0].pop('address')),
    'an address beyond the last': ('abb-b23', lambda p: p['point'][0].update(address=65536)),
    'a text for a number': ('abb-b23', lambda p: p['point'][0].update(scale='0.1')),
    'no source': ('abb-b23', lambda p: p['profile'].pop('source')),
    'no [profile]': ('abb-b23', lambda p: p.pop('profile')),
    'a number for a pause': ('huawei-sun2000',
                             lambda p: p['quirks'].update(pause_after_connect=1)),
    'a path in a Modbus point': ('abb-b23', lambda p: p['point'][0].update(path='$.a')),
    'an address in an MQTT point': ('tasmota', lambda p: p['point'][0].update(address=1)),
    'an unknown protocol': ('tasmota', lambda p: p['profile'].update(protocol='opcua')),
}


def main():
    with open(os.path.join(PROFILES, 'profile.schema.json'), encoding='utf-8') as stream:
        schema = json.load(stream)
    jsonschema.Draft7Validator.check_schema(schema)
    validator = jsonschema.Draft7Validator(schema)
    wrong = 0
    names = sorted(os.path.basename(f)[:-5] for f in glob.glob(PROFILES + '/*.toml'))
    for name in names:
        for error in validator.iter_errors(profile(name)):
            inner = min(error.context or [error], key=lambda e: -len(e.absolute_path))
            print(f'{name}: {list(inner.absolute_path)}: {inner.message}')
            wrong += 1
    for what, (name, change) in MISTAKES.items():
        if validator.is_valid(changed(name, change)):
            print(f'{what} passes for a profile')
            wrong += 1
    print(f'{len(names)} profiles, {len(MISTAKES)} mistakes: {wrong} wrong')
    return 1 if wrong or len(names) < 30 else 0


if __name__ == '__main__':
    sys.exit(main())
