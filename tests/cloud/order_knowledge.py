"""How well windows can be known, by what was sent, came, and was counted: for order_oracle.py."""
from collections import defaultdict

MINUTE = 60 * 10 ** 9


def minutes_of(start, what):
    return range(start[what][0], start[what][1] + 1) if start[what] else range(0)


class Knowledge:
    """How well a window can be known (semantics A2, A3, B8, D14). A block that did not come is
    evicted, where its edge said so, lost, where a seal counted it, and otherwise never was. Where
    counts were dropped nobody knows, unless all blocks of that start are here; nor of what a start
    took that went with its medium, behind its last seal (unheard)."""

    def __init__(self, case):
        self.sent, self.here = defaultdict(int), defaultdict(int)   # (start, edge, minute)
        self.lost = defaultdict(list)                               # times, by edge
        self.rows, self.ahead, self.gone = [], 0, {'evicted': 0, 'lost': 0}
        self.unknown = set()                                        # (edge, minute)
        starts = [(s['edge'], s['counted'], set(s['arrived']), set(s['evicted']),
                   minutes_of(s, 'dropped'))
                  for s in case['starts']]
        self.starts = range(len(starts))
        # Series are known by the first block of their edge that comes.
        self.edges = {edge for edge, _, arrived, _, _ in starts if arrived}
        # Nor is anything proved by blocks of which something waits in quarantine.
        aside = {start for _, time, _, _, start, block in case['readings']
                 if time >= case['ahead'] and block in starts[start][2]}
        for n, (edge, counted, arrived, _, dropped) in enumerate(starts):
            if n in aside or any(block not in arrived for block in range(1, counted)):
                self.unknown |= {(edge, minute) for minute in dropped}
        for s in case['starts']:
            self.unknown |= {(s['edge'], minute) for minute in minutes_of(s, 'unheard')}
        for series, time, value, good, start, block in case['readings']:
            edge, counted, arrived, evicted, dropped = starts[start]
            fate = 'evicted' if block in evicted else 'lost' if block < counted else None
            if block in arrived:
                self.here[start, edge, time // MINUTE] += 1
                if time < case['ahead']:
                    self.rows.append((series, time, value, good))
                else:
                    self.ahead += 1
            elif fate:
                self.gone[fate] += 1
                self.lost[edge].append(time)
            else:
                continue
            if time // MINUTE not in dropped:
                self.sent[start, edge, time // MINUTE] += 1

    def of(self, edges, start, end, gap):
        """What may be said: (completeness, lost, estimated). Counts are by the minute: a finer
        window has all of its own where nothing is missing in its minutes; otherwise it is as
        complete as they are, which is an estimate, unless what was lost is of other times."""
        minutes = [(edge, m) for edge in edges
                   for m in range(start // MINUTE, (end - 1) // MINUTE + 1)]
        whole = start % MINUTE == 0 and end % MINUTE == 0
        each = [(self.sent.get((n, *m), 0), self.here.get((n, *m), 0))
                for m in minutes for n in self.starts]
        here = sum(came for _, came in each)
        lacking = sum(max(0, sent - came) for sent, came in each)
        uncounted = any(came > sent for sent, came in each)
        if any(m in self.unknown for m in minutes):
            return [(-1, lacking if whole else 0, True)]
        if whole:
            known = here / (here + lacking) if lacking else 1
            return [(known, lacking, gap or uncounted)]
        of_minutes = [(here / (here + lacking), 0, True)] if lacking or uncounted else []
        return of_minutes + ([] if self.lacks(edges, start, end) else [(1, 0, gap)])

    def lacks(self, edges, start, end):
        return any(start <= time < end for edge in edges for time in self.lost[edge])

    def may_lack(self, edge, start, end):
        """As far as anybody can tell by the minute."""
        return any((edge, m) in self.unknown or
                   any(self.sent.get((n, edge, m), 0) > self.here.get((n, edge, m), 0)
                       for n in self.starts)
                   for m in range(start // MINUTE, (end - 1) // MINUTE + 1))
