// The page: wires the feed to cards and tables, and redraws only what changed, four times a second.
import {Card} from './charts.js';
import {Feed} from './feed.js';
import {showEdges, showLedger, showTrouble, showWatermarks} from './tables.js';
import {local, utc} from './words.js';

const CARDS_MAX = 48;        // drawn at once; the filter reaches the others
const REDRAW_MS = 250;
const TROUBLE_MS = 10000;

const by = (id) => document.getElementById(id);
const feed = new Feed();
const cards = new Map();     // key -> Card, drawn ones only
let waiting = new Set();     // keys to redraw

// Coarse windows first, then what was chosen for few series: those are the views made for people,
// and a view of all in seconds would fill every place before them.
function ordered(list) {
  const series = new Map();
  for (const c of feed.cards.values()) series.set(c.view, (series.get(c.view) ?? 0) + 1);
  const width = (c) => Date.parse(c.windows[0].end) - c.windows[0].at;
  return list.map((c) => ({c, width: width(c), series: series.get(c.view)}))
    .sort((a, b) => b.width - a.width || a.series - b.series || (a.c.key < b.c.key ? -1 : 1))
    .map(({c}) => c);
}

function wanted() {
  const words = by('filter').value.toLowerCase().split(/\s+/).filter(Boolean);
  const view = by('view').value;
  return ordered([...feed.cards.values()]
    .filter((c) => (!view || c.view === view) &&
      words.every((w) => `${c.series} ${c.view} ${Object.values(c.labels).join(' ')}`
        .toLowerCase().includes(w))));
}

// Which cards there are, in order. Those that stay keep their chart.
function arrange() {
  const all = wanted();
  const shown = all.slice(0, CARDS_MAX);
  const keep = new Set(shown.map((c) => c.key));
  for (const [key, card] of cards) {
    if (keep.has(key) && feed.cards.get(key) === card.data) continue;
    card.root.remove();
    card.graph?.destroy();
    cards.delete(key);
  }
  shown.forEach((data, i) => {
    let card = cards.get(data.key);
    if (!card) {
      card = new Card(data);
      cards.set(data.key, card);
      waiting.add(data.key);
    }
    if (by('cards').children[i] !== card.root) {
      by('cards').insertBefore(card.root, by('cards').children[i] ?? null);
    }
  });
  by('shown').textContent = all.length > shown.length
    ? `${shown.length} of ${all.length}, narrow it by name` : all.length === 1 ? '1 series' : `${all.length} series`;
  by('none').hidden = feed.cards.size > 0;
}

function arrangeViews() {
  const select = by('view');
  const names = [...new Set([...feed.cards.values()].map((c) => c.view))].sort();
  if (names.join() === [...select.options].slice(1).map((o) => o.value).join()) return;
  const chosen = select.value;
  select.replaceChildren(new Option('all', ''), ...names.map((n) => new Option(n, n)));
  select.value = names.includes(chosen) ? chosen : '';
}

feed.onAnswers = (changed) => {
  let unknown = false;
  for (const key of changed) {
    if (cards.has(key) && cards.get(key).data === feed.cards.get(key)) waiting.add(key);
    else unknown = true;
  }
  if (unknown) {
    arrangeViews();
    arrange();
  }
};

feed.onStatus = (status) => {
  showWatermarks(by('watermarks'), status);
  showLedger(by('ledger'), status.ledger);
  showEdges(by('edges'), status);
};

function showLink() {
  const link = by('link');
  const word = !feed.heard ? 'connecting' : feed.stale ? 'stale'
    : feed.failed.size > 0 ? 'incomplete' : feed.loaded ? 'live' : 'loading';
  link.dataset.tone =
    {connecting: 'wait', loading: 'wait', live: 'good', incomplete: 'warn', stale: 'bad'}[word];
  link.querySelector('.word').textContent = word;
  const stale = by('stale');
  stale.hidden = word !== 'stale';
  if (word === 'stale') {
    const text = `No news from the node since ${utc(feed.heard)} UTC. ` +
      'What is shown is as of then; it comes back by itself.';
    if (stale.textContent !== text) stale.textContent = text;
  }
  const failed = by('failed');
  failed.hidden = feed.failed.size === 0;
  const text = [...feed.failed].map(([what, why]) => `Not loaded: ${what} (${why}). `).join('') +
    'What comes from now on is shown; the rest is asked for again by itself.';
  if (failed.textContent !== text) failed.textContent = text;
}

function tick() {
  feed.flush();
  const now = Date.now();
  by('clock-utc').textContent = utc(now);
  by('clock-local').textContent = `${local(now)} here`;
  showLink();
  const redraw = waiting;
  waiting = new Set();
  for (const key of redraw) cards.get(key)?.draw();
}

async function trouble() {
  try {
    const [late, losses, letters] = await Promise.all([
      feed.get('/v1/late?limit=50'), feed.get('/v1/losses'), feed.get('/v1/deadletters?limit=50')]);
    showTrouble(by('trouble'), late.late, losses.losses, letters.deadletters);
  } catch {
    // The banner says that the node does not answer; the lists stay as they were.
  }
}

by('filter').addEventListener('input', arrange);
by('view').addEventListener('change', arrange);
matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => {
  for (const card of cards.values()) card.restyle();
});
addEventListener('resize', () => {
  for (const card of cards.values()) card.resize();
});

setInterval(tick, REDRAW_MS);
setInterval(trouble, TROUBLE_MS);
feed.start().then(tick);
trouble();
