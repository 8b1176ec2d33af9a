"""FORMAT.md, "Residuals, dense"."""
import math
import re
from functools import cache

from numbers_in import CODEC, DENSE, USED, clamp, need, to_zero, wrap


@cache
def squash_table():
    return [0] + [int(65536 / (1 + math.exp(-x / 256))) for x in range(-2047, 2048)]


@cache
def stretch_table():
    squash, table, x = squash_table(), [], -2047
    for i in range(4096):
        while x < 2047 and squash[x + 2048] < 16 * i + 8:
            x += 1
        table.append(x)
    return table


DIGITS = {c: i for i, c in enumerate(
    '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz+-')}


@cache
def prior():
    digits = [DIGITS[c] for c in ''.join(
        re.findall(r'"(.*)"', (CODEC / 'dense_prior.inc').read_text()))]
    counters, end = [], 3 * (40 * 17 + 81 * 17 + 432 + 216)
    for at in range(0, end, 3):
        v = digits[at] << 12 | digits[at + 1] << 6 | digits[at + 2]
        counters.append((v >> 3 << 1 | 1, v & 7))
    weights = []
    for at in range(end, len(digits), 4):
        v = digits[at] << 18 | digits[at + 1] << 12 | digits[at + 2] << 6 | digits[at + 3]
        weights.append(v - (1 << 24) if v >> 23 else v)
    need(len(weights) == 2 * 68, 'the size of dense_prior.inc')
    return counters, weights


BY_LAST_TWO, SIGN, TOP = 40 * 17, 121 * 17, 121 * 17 + 432


class RangeDecoder:
    def __init__(self, src):
        self.data, self.at = src.data, src.at + 8
        self.code = int.from_bytes(self.data[src.at:self.at].ljust(8, b'\0'), 'big')
        self.range = (1 << 64) - 1

    def renormalise(self):
        if self.range < 1 << 32:
            word = int.from_bytes(self.data[self.at:self.at + 4].ljust(4, b'\0'), 'big')
            self.code = (self.code << 32 | word) & ((1 << 64) - 1)
            self.range <<= 32
            self.at += 4

    def bit(self, odds):
        bound = (self.range >> 16) * odds
        one = self.code < bound
        if one:
            self.range = bound
        else:
            self.code -= bound
            self.range -= bound
        self.renormalise()
        return 1 if one else 0

    def plain(self, n):
        self.range >>= n
        v = self.code // self.range
        need(v < 1 << n, 'plain bits')
        self.code -= v * self.range
        self.renormalise()
        return v

    def end(self):
        at = self.at - (self.range.bit_length() - 2) // 8
        need(at <= len(self.data), 'a stream behind its end')
        return at


class DenseModel:
    def __init__(self, coder):
        counters, weights = prior()
        self.coder, self.weights = coder, list(weights)
        self.p = [p for p, _ in counters]
        self.seen = [seen for _, seen in counters]

    def adapt(self, i, bit):
        seen = self.seen[i]
        self.p[i] += ((65535 if bit else 0) - self.p[i]) * (655360 // (10 * seen + 16)) >> 16
        self.seen[i] = min(seen + 1, 120)

    def single(self, i):
        bit = self.coder.bit(clamp(self.p[i], 32, 65504))
        self.adapt(i, bit)
        return bit

    def mixed(self, a, b, w):
        votes = stretch_table()[self.p[a] >> 4], stretch_table()[self.p[b] >> 4]
        logit = (votes[0] * self.weights[w] + votes[1] * self.weights[w + 1]) >> 16
        odds = squash_table()[clamp(logit, -2047, 2047) + 2048]
        bit = self.coder.bit(odds)
        error = (65536 if bit else 0) - odds
        for i, vote in enumerate(votes):
            moved = self.weights[w + i] + ((vote * error + 4096) >> 13)
            self.weights[w + i] = clamp(moved, -262144, 262144)
        self.adapt(a, bit)
        self.adapt(b, bit)
        return bit


class DenseStream:
    def __init__(self, coder, width):
        self.coder, self.model = coder, DenseModel(coder)
        self.fast = self.slow = 16 << (width - 1) if width > 0 else 0
        self.c1 = self.c2 = width
        self.s1 = self.s2 = 0

    def next(self):
        mean = (self.fast + self.slow) >> 1
        w = mean.bit_length()
        half = mean >> (w - 2) & 1 if w >= 2 else 0
        scale = mean if w < 2 else 2 * w + half - 2 if w < 20 else 38 + half
        e = clamp(w - 4, 0, 56)
        c = self.read_class(scale, e)
        a = sign = 0
        if c > 0:
            signs = 3 * (self.s1 + 1) + self.s2 + 1
            context = (signs * 4 + min(3, self.c1)) * 12 + min(11, c)
            sign = -1 if self.model.single(SIGN + context) else 1
            a = self.read_magnitude(c, TOP + 3 * (3 * min(c, 23) + clamp(c - e + 1, 0, 2)))
        cap = min(a, 1 << 54)
        self.fast += 4 * cap - (self.fast >> 2)
        self.slow += cap - (self.slow >> 4)
        self.c2, self.c1, self.s2, self.s1 = self.c1, c, self.s1, sign
        return wrap(sign * a)

    def read_class(self, scale, e):
        rough = e if e < 2 else 2 if e < 4 else 3
        last_two = 9 * (clamp(self.c1 - e, -4, 4) + 4) + clamp(self.c2 - e, -4, 4) + 4

        def ask(node):
            return self.model.mixed(17 * scale + node, BY_LAST_TWO + 17 * last_two + node,
                                    2 * (4 * node + rough))
        c = first = max(e, 1)
        if ask(0):
            while c < 64 and ask(min(8, c - first + 1)):
                c += 1
        else:
            c -= 1
            while c > 0 and ask(8 + min(8, first - c)):
                c -= 1
        return c

    def read_magnitude(self, c, t):
        a, left = 1, c - 1
        node = 0
        for _ in range(min(2, left)):
            bit = self.model.single(t + node)
            a, node, left = a << 1 | bit, 1 + bit, left - 1
        while left > 0:
            n = min(16, left)
            a, left = a << n | self.coder.plain(n), left - n
        return a


class DensePredictor:
    def __init__(self, width):
        self.width, self.weights, self.v = width, [0] * 17, [0] * 17

    def next(self, r):
        """The residual, of what was left over of it."""
        total = sum(w * v for w, v in zip(self.weights, self.v))
        shift = 21 - self.width
        residual = wrap(r + ((total + (1 << (shift - 1))) >> shift if shift > 0
                             else total << -shift))
        if self.width >= 8:
            value = clamp(residual >> (self.width - 8), -3800, 3800)
        else:
            most = 3800 >> (8 - self.width)
            value = clamp(residual, -most, most) << (8 - self.width)
        error = clamp(value - (total >> 13), -3800, 3800)
        gain = to_zero(error * 335544, sum(v * v for v in self.v) + 16384)
        self.weights = [clamp(w + ((gain * v + 2048) >> 12), -32767, 32767)
                        for w, v in zip(self.weights, self.v)]
        self.v = [value] + self.v[:-1]
        # A weight stays with its distance: the newest value has the first one.
        return residual


def read_dense(src, count):
    head = src.u8()
    width = head & 63
    need(head < 128 and width <= 49, 'the head of a dense stream')
    coder = RangeDecoder(src)
    stream = DenseStream(coder, width)
    residuals = [stream.next() for _ in range(count)]
    src.at = coder.end()
    if head & 64:
        USED.add((DENSE, 'predicted'))
        predictor = DensePredictor(width)
        residuals = [predictor.next(r) for r in residuals]
    return residuals
