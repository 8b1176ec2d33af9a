// What the node tells: loaded once, then kept up by server-sent events. Knows nothing of the page.
//
// Answers are kept by what they are about, newest revision wins, so that a repeated event changes
// nothing. Per card at most WINDOWS_MAX windows are held.

const WINDOWS_MAX = 240;
const LOAD_FROM = '-1h';
const STALE_AFTER_MS = 5000;
const RETRY_MS = 2000;

export class Feed {
  constructor() {
    this.cards = new Map();   // key -> {key, view, series, labels, unit, windows: [answer by start]}
    this.status = null;       // of /v1/edges
    this.views = [];
    this.heard = 0;           // when anything came last, by this machine's clock
    this.position = null;
    this.onAnswers = () => {};  // (Set of keys)
    this.onStatus = () => {};
    this.changed = new Set();
    this.source = null;
  }

  static key(a) {
    const labels = Object.entries(a.labels).map(([k, v]) => `${k}=${v}`).join(',');
    return `${a.view}\n${a.series || labels}`;
  }

  get stale() {
    return Date.now() - this.heard > STALE_AFTER_MS;
  }

  take(a) {
    const key = Feed.key(a);
    let card = this.cards.get(key);
    if (!card) {
      card = {key, view: a.view, series: a.series, labels: a.labels, unit: a.unit, windows: []};
      this.cards.set(key, card);
    }
    a.at = Date.parse(a.start);
    const list = card.windows;
    let i = list.length;
    while (i > 0 && list[i - 1].at > a.at) --i;
    const same = i > 0 && list[i - 1].at === a.at ? list[i - 1] : null;
    if (same) {
      if (a.revision < same.revision) return;
      // What it was before it was revised stays to be shown, also when the answer does not say.
      if (!a.previous && a.revision > same.revision) a.previous = same.values;
      if (!a.previous && same.previous) a.previous = same.previous;
      list[i - 1] = a;
    } else {
      list.splice(i, 0, a);
      if (list.length > WINDOWS_MAX) list.shift();
    }
    this.changed.add(key);
  }

  flush() {
    if (this.changed.size === 0) return;
    const changed = this.changed;
    this.changed = new Set();
    this.onAnswers(changed);
  }

  takeStatus(status) {
    this.status = status;
    this.heard = Date.now();
    this.onStatus(status);
  }

  async get(path) {
    const reply = await fetch(path, {headers: {Accept: 'application/json'}});
    const body = await reply.json();
    if (!reply.ok) throw new Error(body.error?.text ?? reply.statusText);
    this.heard = Date.now();
    return body;
  }

  // Position first, then answers: what is emitted in between comes twice rather than never.
  async load() {
    const status = await this.get('/v1/edges');
    this.position = status.position;
    this.takeStatus(status);
    this.views = (await this.get('/v1/views')).views;
    this.cards.clear();
    for (const view of this.views) {
      const path = `/v1/answers?view=${encodeURIComponent(view)}&from=${LOAD_FROM}&limit=20000`;
      for (const a of (await this.get(path)).answers) this.take(a);
    }
    this.flush();
  }

  async start() {
    try {
      await this.load();
    } catch {
      setTimeout(() => this.start(), RETRY_MS);
      return;
    }
    this.listen();
  }

  listen() {
    this.source?.close();
    const source = new EventSource(`/v1/stream?position=${this.position}`);
    this.source = source;
    source.addEventListener('answer', (e) => {
      this.heard = Date.now();
      this.position = Number(e.lastEventId);
      this.take(JSON.parse(e.data));
    });
    source.addEventListener('status', (e) => this.takeStatus(JSON.parse(e.data)));
    source.addEventListener('reset', () => {
      source.close();
      this.start();
    });
    source.onerror = () => {
      // The browser comes back by itself with its last id, unless the node refused it for good.
      if (source.readyState === EventSource.CLOSED) {
        setTimeout(() => this.start(), RETRY_MS);
      }
    };
  }
}
