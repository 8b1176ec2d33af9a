#!/usr/bin/env python3
"""Checks of the source tree that a compiler does not make (style: see ARCHITECTURE.md).

    tidy.py [ROOT]      prints file:line: rule: what, and what to do instead; exits 1 when there is any

Rules, each with a case in tidy_selftest.py that must fail:
  layer    common <- edge, gateway, cloud; never between those; base <- model <- codec <- wire,
           base, model <- window, and base <- sqlite inside common
  root     a quoted include is written from the root of the tree
  once     a header begins with #pragma once
  foreign  a public header includes no third-party header: those belong in the adapter's .cpp
  line     at most 100 characters
  length   at most 600 lines; up to 800 with a line `tidy: long, because ...`
  orphan   every .cpp and test .py is named in a CMake file; every .h is named there or included
  ban      words with something better to use instead: BANS below
"""
import os
import re
import sys
from dataclasses import dataclass

TOPS = ('common', 'edge', 'gateway', 'cloud')
CODE_DIRS = TOPS + ('bench', 'tests')
CODE = ('.cpp', '.h')
SKIP_DIRS = {'.git', 'build', '__pycache__', '.cache', 'node_modules'}
LINE_MAX, FILE_MAX, FILE_ABSOLUTE = 100, 600, 800
# What a folder of common may include, besides itself. Those not listed may include all of common.
COMMON_MAY = {
    'base': set(),
    'model': {'base'},
    'codec': {'base', 'model'},
    'wire': {'base', 'model', 'codec'},
    'window': {'base', 'model'},
    'sqlite': {'base'},
}
COMMON_LOW = set(COMMON_MAY)
FOREIGN = re.compile(r'^\s*#\s*include\s*<(mosquitto|modbus|zmq|sqlite3|zstd|mbedtls/|simdjson|'
                     r'microhttpd|librdkafka|toml\+\+|CLI/|spdlog/)')


@dataclass(frozen=True)
class Ban:
    pattern: str
    instead: str
    inside: tuple = CODE_DIRS   # path prefixes where it holds
    except_in: tuple = ()       # path prefixes or file names where it is allowed
    in_comments: bool = False   # look at the raw text rather than at code only


ROOT = os.path.realpath(os.path.join(os.path.dirname(__file__), '../..'))


def paths_here():
    """This checkout and the folders beside it, wherever it lies."""
    parent, name = os.path.split(ROOT)
    names = [name] if parent == '/' else os.listdir(parent)
    return re.escape(parent.rstrip('/')) + '/(' + '|'.join(map(re.escape, names)) + r')\b'


BANS = (
    Ban(r'\bsystem_clock::now\b', 'take a tidemark::Clock (common/base/time.h)', TOPS,
        ('common/base/',)),
    Ban(r'\b(s?rand|random|drand48)\s*\(|\brandom_device\b|\bmt19937', 'take a tidemark::Random',
        TOPS, ('common/base/',)),
    Ban(r'\b(sleep_for|sleep_until|usleep|nanosleep|sleep)\s*\(',
        'wait for what you wait for: eventually() in tests/support/eventually.h',
        ('tests/',), ('tests/support/eventually.h',)),
    Ban(r'\bstd::(cout|cerr|clog)\b|(?<![\w:.>])(std::)?(printf|puts|putchar)\s*\(|\bfmt::print\b',
        'log with common/base/log.h; only cli and main print', TOPS,
        ('/cli/', 'main.cpp', 'common/base/log.cpp', 'common/base/check')),
    Ban(r'\b(TODO|FIXME|XXX|HACK)\b', 'do it, or say in an issue what is missing',
        in_comments=True),
    Ban(r'\busing\s+namespace\s+std\s*;', 'name what you use'),
    Ban(r'\b(sprintf|strcpy|strcat|strtok|gets|atoi|atol|atof)\s*\(',
        'fmt::format, std::string, or the parsers in common/base/text.h'),
    Ban(r'(?<!\w)assert\s*\(|#\s*include\s*<cassert>', 'TIDE_CHECK (it stays on in release)', TOPS),
    Ban(r'\.detach\s*\(\s*\)', 'join it: a thread has an owner', TOPS),
    Ban(r'\bmodbus_[gs]et_float', 'decode the words yourself: libmodbus 3.1.6 does not round-trip'),
    Ban(r'\bmodbus_(write_|mask_write|report_slave)', 'nothing: this product never writes to a '
        'device', ('edge/',)),
    Ban(r'\bsqlite3_\w+\s*\(', 'common/sqlite/database.h', TOPS, ('common/sqlite/',)),
    Ban(r'\bvolatile\b', 'std::atomic', TOPS),
    Ban(paths_here(), 'no path of this machine: take it from the environment',
        in_comments=True),
)


@dataclass(frozen=True, order=True)
class Finding:
    path: str
    line: int
    rule: str
    text: str

    def __str__(self):
        return f'{self.path}:{self.line}: {self.rule}: {self.text}'


def tree(root):
    """Paths of all files, relative to root, '/' between."""
    for folder, dirs, files in os.walk(root):
        dirs[:] = sorted(d for d in dirs if d not in SKIP_DIRS and not d.startswith('obj-'))
        for name in sorted(files):
            yield os.path.relpath(os.path.join(folder, name), root).replace(os.sep, '/')


TOKEN = re.compile(
    r'//[^\n]*|/\*.*?\*/|R"(?P<d>[^()\s\\]{0,16})\(.*?\)(?P=d)"|"(?:\\.|[^"\\\n])*"'
    r"|(?<![0-9a-fA-F])'(?:\\.|[^'\\\n])*'", re.S)


def code_only(text):
    """Comments and literals blanked, line numbers kept; includes stay as they are."""
    def blank(match):
        line_start = text.rfind('\n', 0, match.start()) + 1
        if match[0].startswith('"') and '#include' in text[line_start:match.start()]:
            return match[0]
        return re.sub(r'[^\n]', ' ', match[0])
    return TOKEN.sub(blank, text)


def may_include(path, target):
    """Why `path` must not include `target`, or None."""
    top, other = path.split('/')[0], target.split('/')[0]
    if top in TOPS and other not in TOPS:
        return f'{top} includes {other}: nothing that ships rests on tests or bench'
    if top == 'common' and other != 'common':
        return f'common knows nothing of {other}: move what is shared into common'
    if top in TOPS and other not in ('common', top):
        return f'{top} and {other} meet only in bytes (common/wire, common/codec)'
    if top == 'common':
        module, wanted = path.split('/')[1], target.split('/')[1]
        allowed = COMMON_MAY.get(module)
        if allowed is not None and wanted != module and wanted not in allowed:
            may = ', '.join(sorted(allowed)) or 'nothing of ours'
            return f'common/{module} may include {may}, not common/{wanted}'
    return None


def check_includes(path, code):
    for number, line in enumerate(code.split('\n'), 1):
        found = re.match(r'\s*#\s*include\s*"([^"]+)"', line)
        if not found:
            continue
        target = found[1]
        if target.split('/')[0] not in CODE_DIRS or '/' not in target or '..' in target:
            yield Finding(path, number, 'root', f'"{target}": write it from the root of the tree')
            continue
        why = may_include(path, target)
        if why:
            yield Finding(path, number, 'layer', why)


def check_text(path, text, code):
    lines = text.split('\n')
    for number, line in enumerate(lines, 1):
        if len(line) > LINE_MAX and 'http' not in line:
            yield Finding(path, number, 'line', f'{len(line)} characters, at most {LINE_MAX}')
    count = len(lines) - (lines[-1] == '')
    if count > FILE_ABSOLUTE or (count > FILE_MAX and 'tidy: long, because' not in text):
        yield Finding(path, count, 'length', f'{count} lines, at most {FILE_MAX}: look for the '
                      'second concept')
    if path.endswith('.h') and not re.search(r'^#pragma once$', text, re.M):
        yield Finding(path, 1, 'once', 'begin the header with #pragma once')
    for ban in BANS:
        if not any(path.startswith(p) for p in ban.inside):
            continue
        if any(path.startswith(p) or p in path for p in ban.except_in):
            continue
        for number, line in enumerate((text if ban.in_comments else code).split('\n'), 1):
            found = re.search(ban.pattern, line)
            if found:
                yield Finding(path, number, 'ban', f'{found[0].strip()!r}: use instead: '
                              f'{ban.instead}')


def public_headers(cmake_path, cmake_text):
    """Paths of headers that tide_module() calls declare as HEADERS."""
    folder = os.path.dirname(cmake_path)
    for call in re.finditer(r'tide_module\(([^)]*)\)', cmake_text, re.S):
        inside = False
        for word in call[1].split():
            if word in ('HEADERS', 'SOURCES', 'DEPS', 'PRIVATE_DEPS'):
                inside = word == 'HEADERS'
            elif inside and word.endswith('.h'):
                yield f'{folder}/{word}'


def check_orphans(files, texts):
    cmake = {p: texts[p] for p in files
             if p.endswith('.cmake') or p.split('/')[-1] == 'CMakeLists.txt'}
    listed = set()
    for path, text in cmake.items():
        folder = os.path.dirname(path)
        text = re.sub(r'#[^\n]*', '', text)
        for word in re.findall(r'[\w./${}+-]+\.(?:cpp|h|py)\b', text):
            word = re.sub(r'^.*?\$\{(?:CMAKE_CURRENT_\w+|PROJECT_SOURCE_DIR|CMAKE_SOURCE_DIR)\}/',
                          '', word)
            listed.add(os.path.normpath(f'{folder}/{word}'))
            listed.add(os.path.normpath(word))
            if path.startswith('tests/'):  # a test's list is read from tests/CMakeLists.txt
                listed.add(os.path.normpath(f'tests/{word}'))
    included, imported = set(), set()
    for path in files:
        if path.endswith(CODE):
            included.update(re.findall(r'#\s*include\s*"([^"]+)"', texts[path]))
        elif path.endswith('.py'):
            imported.update(re.findall(r'^\s*(?:from|import)\s+([\w.]+)', texts[path], re.M))
    for path in files:
        if not path.startswith(tuple(d + '/' for d in CODE_DIRS)) or path in listed:
            continue
        if path.endswith('.cpp') or (path.endswith('.h') and path not in included):
            yield Finding(path, 1, 'orphan', 'no CMake file names it: what is not built rots')
        if path.endswith('.py') and path.startswith('tests/') and \
                path.split('/')[-1][:-3] not in {m.split('.')[-1] for m in imported}:
            yield Finding(path, 1, 'orphan', 'no CMake file names it: a test that nobody runs')
    for path, text in cmake.items():
        for header in public_headers(path, text):
            for number, line in enumerate(texts.get(header, '').split('\n'), 1):
                if FOREIGN.match(line):
                    yield Finding(header, number, 'foreign', f'{line.strip()}: keep it in the '
                                  'adapter, behind a forward declaration')


def check_tree(root):
    files, texts = [], {}
    for path in tree(root):
        is_cmake = path.endswith('.cmake') or path.split('/')[-1] == 'CMakeLists.txt'
        if path.endswith(CODE + ('.py',)) or is_cmake:
            files.append(path)
            with open(os.path.join(root, path), encoding='utf-8') as stream:
                texts[path] = stream.read()
    found = []
    for path in files:
        # The rules' own words are examples of what they forbid.
        if path.startswith('tests/tidy/'):
            continue
        code = code_only(texts[path]) if path.endswith(CODE) else ''
        found += check_text(path, texts[path], code)
        if path.endswith(CODE):
            found += check_includes(path, code)
    found += check_orphans(files, texts)
    return sorted(set(found)), len(files)


def main():
    root = sys.argv[1] if len(sys.argv) > 1 else ROOT
    findings, count = check_tree(root)
    for finding in findings:
        print(finding)
    print(f'{count} files, {len(findings)} findings')
    return 1 if findings else 0


if __name__ == '__main__':
    sys.exit(main())
