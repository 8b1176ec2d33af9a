#!/usr/bin/env python3
"""Every rule of tidy.py can fail, and a clean tree does not."""
import os
import tempfile
import unittest

import tidy

CLEAN = {
    'common/base/CMakeLists.txt': 'tide_module(common/base\n  HEADERS time.h\n  SOURCES time.cpp)\n',
    'common/base/time.h': '#pragma once\n// rand() in a comment, "rand()" in a text: both fine\n',
    'common/base/time.cpp': '#include "common/base/time.h"\nauto t = system_clock::now();\n',
    'edge/ring/CMakeLists.txt': 'tide_module(edge/ring\n  HEADERS ring.h SOURCES ring.cpp)\n',
    'edge/ring/ring.h': '#pragma once\n#include "common/base/time.h"\n',
    'edge/ring/ring.cpp': '#include "edge/ring/page.h"\nconst char* s = "printf(";\n',
    'edge/ring/page.h': '#pragma once\n',
    'gateway/log/CMakeLists.txt': 'tide_module(gateway/log SOURCES log.cpp)\n',
    'gateway/log/log.cpp': '#include "common/base/time.h"\n',
    'tests/edge/ring.cmake': 'tide_test(ring_test SOURCES edge/ring_test.cpp)\n',
    'tests/edge/ring_test.cpp': '#include "edge/ring/ring.h"\n',
}


def findings(changes):
    with tempfile.TemporaryDirectory() as root:
        for path, text in {**CLEAN, **changes}.items():
            full = os.path.join(root, path)
            os.makedirs(os.path.dirname(full), exist_ok=True)
            with open(full, 'w', encoding='utf-8') as stream:
                stream.write(text)
        return [(f.rule, f.path, f.line) for f in tidy.check_tree(root)[0]]


class Tidy(unittest.TestCase):
    def one(self, rule, path, text, line=1):
        self.assertEqual(findings({path: text}), [(rule, path, line)], text[:80])

    def test_clean_tree(self):
        self.assertEqual(findings({}), [])

    def test_layers(self):
        self.one('layer', 'gateway/log/log.cpp', '#include "edge/ring/ring.h"\n')
        self.one('layer', 'gateway/log/log.cpp', '#include "tests/support/eventually.h"\n')
        self.one('layer', 'common/base/time.cpp',
                 '#include "common/base/time.h"\n#include "edge/ring/ring.h"\n', 2)
        self.one('layer', 'common/base/time.cpp', '#include "common/model/series.h"\n')

    def test_layers_inside_common(self):
        for module in ('model', 'codec', 'wire', 'window'):
            for wanted in ('base', 'model', 'codec', 'wire', 'window', 'config'):
                why = tidy.may_include(f'common/{module}/x.cpp', f'common/{wanted}/y.h')
                allowed = wanted == module or wanted in tidy.COMMON_MAY[module]
                self.assertEqual(why is None, allowed, (module, wanted))

    def test_includes_from_the_root(self):
        self.one('root', 'edge/ring/ring.cpp', '#include "edge/ring/page.h"\n#include "page.h"\n', 2)
        self.one('root', 'gateway/log/log.cpp', '#include "../common/base/time.h"\n')

    def test_header_guard_and_foreign_headers(self):
        self.one('once', 'edge/ring/page.h', 'int x;\n')
        self.one('foreign', 'edge/ring/ring.h', '#pragma once\n#include <sqlite3.h>\n', 2)
        self.assertEqual(findings({'edge/ring/page.h': '#pragma once\n#include <sqlite3.h>\n'}), [])

    def test_lengths(self):
        self.one('line', 'gateway/log/log.cpp', 'int a;\n// ' + 'x' * 98 + '\n', 2)
        self.one('length', 'gateway/log/log.cpp', 'int a;\n' * 601, 601)
        marked = '// tidy: long, because it is one table\n'
        self.assertEqual(findings({'gateway/log/log.cpp': marked + 'int a;\n' * 601}), [])
        self.one('length', 'gateway/log/log.cpp', marked + 'int a;\n' * 800, 801)

    def test_orphans(self):
        self.one('orphan', 'edge/ring/lost.cpp', 'int x;\n')
        self.one('orphan', 'edge/ring/lost.h', '#pragma once\n')
        self.one('orphan', 'tests/edge/lost_test.cpp', 'int x;\n')
        self.one('orphan', 'tests/system/lost.py', 'x = 1\n')
        commented = CLEAN['edge/ring/CMakeLists.txt'] + '# lost.cpp\n'
        self.assertEqual(findings({'edge/ring/CMakeLists.txt': commented,
                                   'edge/ring/lost.cpp': 'int x;\n'}),
                         [('orphan', 'edge/ring/lost.cpp', 1)])

    def test_every_ban(self):
        samples = {
            'gateway/log/log.cpp': (
                'auto t = std::chrono::system_clock::now();', 'int x = rand();',
                'std::random_device d;', 'std::cout << 1;', 'std::printf("x");', 'puts("x");',
                'fmt::print("x");', '// TODO: later', 'using namespace std;', 'sprintf(b, "x");',
                'int i = atoi(s);', 'assert(x);', '#include <cassert>', 't.detach();',
                'modbus_get_float_abcd(r);', 'volatile int x;', 'sqlite3_open(p, &d);',
                '// as in ' + tidy.ROOT),
            'edge/ring/ring.cpp': ('modbus_write_register(c, 1, 2);',),
            'tests/edge/ring_test.cpp': ('std::this_thread::sleep_for(1s);', 'usleep(10);'),
        }
        hit = set()
        for path, lines in samples.items():
            for line in lines:
                extra = '#include "edge/ring/page.h"\n' if path == 'edge/ring/ring.cpp' else '\n'
                self.one('ban', path, extra + line + '\n', 2)
                hit.update(b for b in tidy.BANS if tidy.re.search(b.pattern, line))
        self.assertEqual(hit, set(tidy.BANS), 'a ban without a sample')

    def test_bans_know_their_place(self):
        self.assertEqual(findings({
            'gateway/cli/CMakeLists.txt': 'tide_module(gateway/cli SOURCES print.cpp)\n',
            'gateway/cli/print.cpp': 'void f() { std::cout << 1; }\nstatic_assert(true);\n',
        }), [])
        code = tidy.code_only('a = "x\\"rand()"; /* rand() */ b = \'"\'; // rand()\nrand();')
        self.assertEqual([i for i, l in enumerate(code.split('\n')) if 'rand' in l], [1])
        self.assertNotIn('rand', tidy.code_only('auto s = R"(rand() " rand())"; int n = 1\'000;'))


if __name__ == '__main__':
    unittest.main()
