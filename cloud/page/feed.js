// What the node tells: loaded once, then kept up by server-sent events. Knows nothing of the page.
//
// Answers are kept by what they are about, newest revision wins, so that a repeated event changes
// nothing. Per card at most WINDOWS_MAX windows are held. A view that does not load stops neither
// the others nor the events: it is named in `failed` and asked again.

const WINDOWS_MAX = 240;
const LOAD_FROM = '-7d';   // a machine that rests since Friday is still shown on Monday
const LOAD_MAX = 40000;    // answers of one view, ~15 MB before compression
// Windows of each series to ask for. Where a view has too many series for them, fewer, rather than
// none: the stream brings more.
const LOAD_WINDOWS = [WINDOWS_MAX, 60, 15, 1];
const PATIENCE_MS = 30000;
const STALE_AFTER_MS = 5000;
const RETRY_MS = 2000;     // of the node
const AGAIN_MS = 10000;    // of a single view
const HTTP_TOO_MUCH = 413;

export class Feed {
  constructor() {
    // key -> {key, view, series, labels, unit, windows: [answer by start]}, never without a window
    this.cards = new Map();
    this.status = null;       // of /v1/edges
    this.heard = 0;           // when anything came last, by this machine's clock
    this.loaded = false;      // each view was asked for
    this.failed = new Map();  // what did not load -> why
    this.position = null;
    this.onAnswers = () => {};  // (Set of keys)
    this.onStatus = () => {};
    this.changed = new Set();
    this.source = null;
    this.round = 0;           // a later start() ends what an earlier one still does
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
    const reply = await fetch(path, {headers: {Accept: 'application/json'},
      signal: AbortSignal.timeout(PATIENCE_MS)});
    const body = await reply.json();
    if (!reply.ok) {
      const error = new Error(body.error?.text ?? reply.statusText);
      error.status = reply.status;
      throw error;
    }
    this.heard = Date.now();
    return body;
  }

  // The newest windows of each series of a view, as many as the node gives at once.
  async newest(view) {
    for (const [i, windows] of LOAD_WINDOWS.entries()) {
      const path = `/v1/answers?view=${encodeURIComponent(view)}&from=${LOAD_FROM}` +
        `&newest=${windows}&limit=${LOAD_MAX}`;
      try {
        return (await this.get(path)).answers;
      } catch (error) {
        if (error.status !== HTTP_TOO_MUCH || i + 1 === LOAD_WINDOWS.length) throw error;
      }
    }
    return [];
  }

  // Views one by one, each shown as it comes. Without `wanted` all that there are.
  async load(round, wanted) {
    let views = wanted;
    try {
      views ??= (await this.get('/v1/views')).views;
      this.failed.delete('views');
    } catch (error) {
      if (round === this.round) this.failed.set('views', error.message);
    }
    for (const view of views ?? []) {
      const name = `view ${view}`;
      try {
        const answers = await this.newest(view);
        if (round !== this.round) return;
        for (const a of answers) this.take(a);
        this.failed.delete(name);
        this.flush();
      } catch (error) {
        if (round !== this.round) return;
        this.failed.set(name, error.message);
      }
    }
    if (round !== this.round) return;
    this.loaded = true;
    if (this.failed.size === 0) return;
    const again = views?.filter((view) => this.failed.has(`view ${view}`));
    setTimeout(() => round === this.round && this.load(round, again), AGAIN_MS);
  }

  // Position first, then events, then answers: what is emitted in between comes twice rather than
  // never, and nothing that does not load keeps the events away.
  async start() {
    const round = ++this.round;
    this.source?.close();
    this.loaded = false;
    this.failed.clear();
    try {
      const status = await this.get('/v1/edges');
      if (round !== this.round) return;
      this.position = status.position;
      this.takeStatus(status);
    } catch (error) {
      if (round !== this.round) return;
      this.failed.set('state of the node', error.message);
      setTimeout(() => this.start(), RETRY_MS);
      return;
    }
    this.cards.clear();
    this.listen();
    await this.load(round);
  }

  listen() {
    const source = new EventSource(`/v1/stream?position=${this.position}`);
    this.source = source;
    source.addEventListener('answer', (e) => {
      this.heard = Date.now();
      this.position = Number(e.lastEventId);
      this.take(JSON.parse(e.data));
    });
    source.addEventListener('status', (e) => this.takeStatus(JSON.parse(e.data)));
    source.addEventListener('reset', () => this.start());
    source.onerror = () => {
      // The browser comes back by itself with its last id, unless the node refused it for good.
      if (source.readyState === EventSource.CLOSED && source === this.source) {
        setTimeout(() => source === this.source && this.start(), RETRY_MS);
      }
    };
  }
}
