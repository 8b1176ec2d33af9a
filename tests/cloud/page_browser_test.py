#!/usr/bin/env python3
"""The page in a real browser, over a made-up plant.

    page_browser_test.py PAGE_FEED [SCREENSHOT_FOLDER]

Exits 77 (skipped) without Chromium (Debian: chromium). With a folder, leaves light.png, dark.png
and mobile.png there.
"""
import os
import subprocess
import sys
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import browser  # noqa: E402

FEED, SHOTS = sys.argv[1], sys.argv[2] if len(sys.argv) > 2 else None
LIVE = "document.querySelector('#link .word').textContent === 'live'"
CARDS = "document.querySelectorAll('.card canvas').length >= 9"


# The node refuses the view all_1s as long as `refuse` is true.
REFUSE = """
    globalThis.refuse = true;
    const ask = globalThis.fetch;
    globalThis.fetch = (path, options) => globalThis.refuse && path.includes('view=all_1s')
      ? Promise.resolve(Response.json({error: {text: 'too hot today'}}, {status: 500}))
      : ask(path, options);
"""


# The card of a series in windows of one second, and of its chart's columns: has one the line's ink?
CARD = """[...document.querySelectorAll('.card')].find((c) =>
    c.querySelector('h3').textContent === '%s' && c.textContent.includes('all_1s'))"""
INK = """(() => {
    const canvas = (%s).querySelector('canvas');
    const {data, width} = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
    const ink = Array(width).fill(false);
    for (let i = 0; i < data.length; i += 4) {
      const [r, g, b, a] = data.subarray(i, i + 4);
      if (a > 100 && r < 80 && g > 80 && g < 140 && b > 100 && b < 170) ink[i / 4 %% width] = true;
    }
    return ink;
})()"""


class Page(unittest.TestCase):
    def setUp(self):
        self.feed = subprocess.Popen([FEED], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                     text=True)
        self.url = self.feed.stdout.readline().strip()

    def tearDown(self):
        self.stop_feed()
        self.feed.stdout.close()

    def stop_feed(self):
        if self.feed.stdin:
            self.feed.stdin.close()
            self.feed.stdin = None
        self.feed.wait(20)

    def open(self, **options):
        page = browser.Browser(**options)
        self.addCleanup(page.close)
        page.go(self.url)
        page.until(CARDS)
        page.until(LIVE)
        return page

    def shot(self, page, name):
        if SHOTS:
            os.makedirs(SHOTS, exist_ok=True)
            page.shoot(os.path.join(SHOTS, name + '.png'))

    def test_shows_series_edges_and_ledger_and_breaks_no_policy(self):
        page = self.open(height=1700)
        self.assertEqual(page.run("document.querySelectorAll('#watermarks li').length"), 3)
        self.assertIn('away', page.run("document.querySelector('#edges').textContent"))
        self.assertIn('The sum is right', page.run("document.querySelector('#ledger').textContent"))
        self.assertIn('dictionary 9f31',
                      page.until("document.querySelector('#trouble').textContent"))
        self.shot(page, 'light')
        self.assertEqual(page.complaints, [])

    def test_first_charts_are_there_at_once(self):
        page = self.open()
        first = page.run("performance.getEntriesByType('navigation')[0].domContentLoadedEventEnd")
        self.assertLess(first, 3000)  # a shared build machine; ~200 ms when it is idle

    def test_follows_the_stream(self):
        page = self.open()
        before = page.run("document.querySelector('#ledger').textContent")
        page.until(f"document.querySelector('#ledger').textContent !== {before!r}")
        value = page.run("document.querySelector('.card .value').textContent")
        self.assertRegex(value, r'\d')

    def test_a_revised_window_tells_old_and_new_by_keyboard(self):
        page = self.open()
        page.run("document.querySelector('.card .chart').focus()")
        for _ in range(60):
            page.press('ArrowLeft')
            if page.run("!!document.querySelector('.card .told .revised')"):
                break
        told = page.run("document.querySelector('.card .told').textContent")
        self.assertRegex(told, r'revised r\d+ .*→.*\(late\)')

    def test_a_window_is_told_under_the_mouse(self):
        page = self.open()
        box = page.run("(() => { const r = document.querySelector('.card .chart')"
                       ".getBoundingClientRect(); return [r.left, r.top, r.width, r.height]; })()")
        page.move_mouse(box[0] + box[2] / 2, box[1] + box[3] / 2)
        page.until("document.querySelector('.card .told b')?.textContent.endsWith('UTC')")

    def test_of_a_view_too_large_the_newest_windows_are_shown(self):
        page = self.open()
        page.run("(() => { const v = document.querySelector('#view'); v.value = 'all_1s';"
                 "v.dispatchEvent(new Event('change')); })()")
        page.until("document.querySelectorAll('.card .where').length === 9")
        self.assertTrue(page.run("document.querySelector('#failed').hidden"))

    def test_coarse_windows_come_before_fine_ones(self):
        page = self.open()
        page.until("[...document.querySelectorAll('.card .where')].filter("
                   "(w) => w.textContent.includes('all_1s')).length === 9")
        where = page.run("[...document.querySelectorAll('.card .where')].map((w) => w.textContent)")
        self.assertEqual(['all_1s' in w for w in where], [False] * 9 + [True] * 9)

    def test_a_sparse_series_has_a_line_that_its_silence_cuts(self):
        page = self.open()
        page.until(CARD % 'line1/frequency')
        ink = page.run(INK % (CARD % 'line1/frequency'))
        first, last = ink.index(True), len(ink) - 1 - ink[::-1].index(True)
        runs = ''.join('x' if i else ' ' for i in ink[first:last + 1]).split()
        self.assertEqual(len(runs), 2)
        self.assertGreater(sum(map(len, runs)), 0.6 * (last - first))
        # Also while its newest window is empty.
        for _ in range(10):
            value = page.run(f"new Promise((done) => setTimeout(() => done(({CARD})"
                             ".querySelector('.value').textContent), 300))" % 'line1/frequency')
            self.assertRegex(value, r'\d')

    def test_a_lone_value_is_a_point(self):
        page = self.open()
        page.until(CARD % 'floor/vibration_rms')
        self.assertIn(sum(page.run(INK % (CARD % 'floor/vibration_rms'))), range(2, 9))

    def test_of_a_silent_series_the_last_value_is_shown_and_since_when(self):
        page = self.open()
        page.until(CARD % 'chiller/flow')
        card = f"({CARD})" % 'chiller/flow'
        self.assertRegex(page.run(card + ".querySelector('.value').textContent"), r'\d')
        self.assertRegex(page.run(card + ".querySelector('.told').textContent"),
                         r'silent since \d\d:\d\d:\d\d UTC')

    def test_a_view_that_does_not_load_is_named_and_stops_no_other(self):
        page = browser.Browser()
        self.addCleanup(page.close)
        page.before_each_page(REFUSE)
        page.go(self.url)
        page.until(CARDS)
        page.until("!document.querySelector('#failed').hidden")
        self.assertIn('view all_1s (too hot today)',
                      page.run("document.querySelector('#failed').textContent"))
        self.assertEqual(page.run("document.querySelector('#link .word').textContent"),
                         'incomplete')
        before = page.run("document.querySelector('#ledger').textContent")
        page.until(f"document.querySelector('#ledger').textContent !== {before!r}")
        page.run("globalThis.refuse = false")
        page.until(LIVE, 20)
        self.assertTrue(page.run("document.querySelector('#failed').hidden"))

    def test_filter_and_table(self):
        page = self.open()
        page.run("(() => { const f = document.querySelector('#filter');"
                 "f.value = 'power_total power_1m'; f.dispatchEvent(new Event('input')); })()")
        self.assertEqual(page.run("document.querySelectorAll('.card').length"), 2)
        page.run("document.querySelector('.card details').open = true")
        page.until("document.querySelectorAll('.card tbody tr').length === 12")

    def test_says_when_it_is_stale_and_comes_back(self):
        page = self.open()
        self.stop_feed()
        page.until("!document.querySelector('#stale').hidden", 20)
        self.assertIn('No news', page.run("document.querySelector('#stale').textContent"))
        port = self.url.rstrip('/').rsplit(':', 1)[1]
        self.feed.stdout.close()
        self.feed = subprocess.Popen([FEED, port], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                     text=True)
        page.until(LIVE, 30)
        page.until("document.querySelector('#stale').hidden")

    def test_fits_a_phone(self):
        page = self.open(width=360, height=3600)
        self.assertLessEqual(page.run("document.documentElement.scrollWidth"), 360)
        self.shot(page, 'mobile')
        self.assertEqual(page.complaints, [])

    def test_dark(self):
        page = self.open(height=1700, dark=True)
        ground = page.run("getComputedStyle(document.body).backgroundColor")
        self.assertEqual(ground, 'rgb(14, 20, 26)')
        self.shot(page, 'dark')


if __name__ == '__main__':
    if not browser.available():
        print('skipped: no chromium')
        sys.exit(77)
    unittest.main(argv=sys.argv[:1], verbosity=2)
