#!/usr/bin/env python3
"""Writes the files of the page as C++ data.

    embed.py OUTPUT.cpp PATH=FILE...     PATH as it is asked for over HTTP

Refuses a page of more than 120 KB compressed: it must open at once over a bad link.
"""
import gzip
import hashlib
import sys

BUDGET = 120 * 1000
TYPES = {
    'html': 'text/html; charset=utf-8',
    'css': 'text/css; charset=utf-8',
    'js': 'text/javascript; charset=utf-8',
    'svg': 'image/svg+xml',
    'json': 'application/json',
}


def array(name, data):
    rows = [', '.join(str(b) for b in data[i:i + 32]) for i in range(0, len(data), 32)]
    return f'constexpr unsigned char {name}[] = {{\n' + ',\n'.join(rows) + '};\n'


def main():
    output, pairs = sys.argv[1], [p.split('=', 1) for p in sys.argv[2:]]
    arrays, table, total = [], [], 0
    for number, (path, file) in enumerate(pairs):
        with open(file, 'rb') as f:
            plain = f.read()
        packed = gzip.compress(plain, 9, mtime=0)
        if path != '/openapi.json':
            total += len(packed)
        etag = hashlib.sha256(plain).hexdigest()[:16]
        arrays += [array(f'kPlain{number}', plain), array(f'kGzip{number}', packed)]
        table.append(f'    {{"{path}", "{TYPES[file.rsplit(".", 1)[1]]}", "\\"{etag}\\"",\n'
                     f'     text(kPlain{number}), text(kGzip{number})}},')
    if total > BUDGET:
        sys.exit(f'the page is {total} B compressed, the budget is {BUDGET} B')
    with open(output, 'w', encoding='ascii') as f:
        f.write('// Made by cloud/page/embed.py.\n#include "cloud/page/page.h"\n\n'
                '#include <array>\n#include <cstddef>\n\n'
                'namespace tidemark::page {\nnamespace {\n\n' + '\n'.join(arrays) + '''
template <std::size_t N>
std::string_view text(const unsigned char (&bytes)[N]) {
  return {reinterpret_cast<const char*>(bytes), N};
}

}  // namespace

std::span<const Asset> assets() {
  static const std::array kAssets = std::to_array<Asset>({
''' + '\n'.join(table) + '''
  });
  return kAssets;
}

}  // namespace tidemark::page
''')
    print(f'page: {total} B compressed of {BUDGET} B')


if __name__ == '__main__':
    main()
