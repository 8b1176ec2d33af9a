"""The rows of a run, what is asked of them, and whether they meet it."""

BEHIND_MAX = 2.0   # seconds
RATE_SHARE = 0.95  # of the rate of a case, at least
MISSED_SHARE = 0.01  # of the polls that were due, at most


def flaw(row):
    """Why a row proves nothing, whatever it cost: the work was not done. Empty: it was."""
    if row.get('none'):
        return 'no rate'
    if row.get('lost', 0) > 0:
        return 'lost'
    if row.get('behind', 0) >= BEHIND_MAX:
        return 'behind'
    if row.get('missed', 0) > row.get('due', 0) * MISSED_SHARE:
        return 'missed'
    if row.get('rate', 0) < row.get('wanted', 0) * RATE_SHARE:
        return 'too slow'
    return ''


class Table:
    def __init__(self):
        self.rows = []

    def head(self, *cells):
        print()
        self.print(*cells)

    def print(self, *cells):
        print(f'{cells[0]:<34}' + ''.join(f'{cell:>12}' for cell in cells[1:]), flush=True)

    def add(self, **row):
        self.rows.append(row)

    def row(self, case, consumer):
        return next((r for r in self.rows if (r['case'], r['consumer']) == (case, consumer)), {})

    def summary(self, asked):
        """Each figure that was asked for, of all consumers; the verdict is on ours. Whether all
        are met."""
        self.head('all', 'asked', 'ours', 'with raw', 'floor', 'node-red', 'met')
        good = True
        for name, case, key, ours, shown, bound in asked:
            rows = [self.row(case, c) for c in (ours, ours + '+raw', 'floor', 'node-red')]
            figures = [row.get(key) for row in rows]
            if key == 'peak' and case == '':
                figures[0] = max((r['peak'] for r in self.rows if r.get('peak') and
                                  r['consumer'] not in ('floor', 'node-red')), default=None)
            why = flaw(rows[0])
            if figures[0] is None and not why:
                continue
            met = not why and (figures[0] >= bound if shown[0] == '>' else figures[0] <= bound)
            good = good and met
            sign = '≥ ' if shown[0] == '>' else '≤ '
            cells = [shown[1:].format(f) if f is not None else '' for f in figures]
            verdict = 'yes' if met else f'NO: {why}' if why else 'NO'
            self.print(name, sign + shown[1:].format(bound), *cells, verdict)
        return good


COSTS = (('one value a message, 20 k/s', 1, 20_000), ('one value a message, 60 k/s', 1, 60_000),
         ('100 values a message, 200 k/s', 100, 200_000))

# Name, case, figure, whose it is, how it is written ('>': at least), bound.
ASKED = (
    ('CPU s/M, single, 20 k/s', COSTS[0][0], 'cpu', 'edge', '<{:.2f}', 6),
    ('CPU s/M, single, 60 k/s', COSTS[1][0], 'cpu', 'edge', '<{:.2f}', 4.5),
    ('CPU s/M, batched, 200 k/s', COSTS[2][0], 'cpu', 'edge', '<{:.2f}', 0.4),
    ('lossless, single, values/s', 'max one value a message', 'rate', 'edge', '>{:,.0f}', 130e3),
    ('lossless, batched', 'max 100 values a message', 'rate', 'edge', '>{:,.0f}', 1.5e6),
    *((f'plug-in to broker alone, {text}', f'plugin one value a message, {text}', 'ratio',
       'plugin', '<{:.2f}x', 1.6) for text in ('QoS 0, 60 k/s', 'QoS 0, 200 k/s', 'QoS 1, 60 k/s')),
    ('plug-in lossless, QoS 0', 'plugin most without loss, QoS 0', 'rate', 'plugin', '>{:,.0f}',
     450e3),
    ('plug-in lossless, QoS 1', 'plugin most without loss, QoS 1', 'rate', 'plugin', '>{:,.0f}',
     150e3),
    ('burst, lost', 'burst', 'lost', 'edge', '<{:.0f}', 0),
    ('burst, peak MiB', 'burst', 'peak', 'edge', '<{:.1f}', 20),
    ('burst by the plug-in, lost', 'burst', 'lost', 'plugin', '<{:.0f}', 0),
    ('Modbus, CPU s/M registers', 'modbus', 'cpu', 'edge', '<{:.3f}', 0.3),
    *((f'device to payload bytes, {kib} KiB', f'ring write {kib}', 'bytes', 'edge', '<{:.3f}',
       bound) for kib, bound in ((16, 1.2), (64, 1.05))),
    ('bytes per reading, flushed', 'ring storage', 'flushed', 'edge', '<{:.2f}', 4),
    ('bytes per reading, merged', 'ring storage', 'merged', 'edge', '<{:.2f}', 2),
    *((f'recovery 1 GiB, index {which}, s', f'ring recovery {which}', 'seconds', 'edge',
       '<{:.3f}', 1) for which in ('kept', 'lost')),
    *((f'outage, kill -9: {name}', 'ring outage', key, 'edge', shown, bound)
      for name, key, shown, bound in (('lost', 'lost', '<{:.0f}', 0),
                                      ('counted twice', 'twice', '<{:.0f}', 0),
                                      ('live delay p50 s', 'p50', '<{:.3f}', 0.2))),
    ('idle MiB', 'size', 'idle', 'edge', '<{:.1f}', 10),
    ('peak MiB of all runs', '', 'peak', 'edge', '<{:.1f}', 20),
    ('kB a series with detectors', 'filter', 'kb', 'edge', '<{:.2f}', 4),
    ('program MB', 'size', 'program_mb', 'edge', '<{:.2f}', 5),
    ('ready s', 'size', 'ready', 'edge', '<{:.3f}', 0.2),
)
