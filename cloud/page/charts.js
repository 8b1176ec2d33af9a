// One card of a series: its newest value, a chart of its windows and the same as a table.
import {badge, day, element, local, number, percent, unit, utc} from './words.js';

const ORDER = ['mean', 'avg', 'twa', 'last', 'increase', 'max', 'sum', 'min', 'count'];
const TABLE_ROWS = 12;
// A series is silent when nothing came for more than so many of its own intervals: one whose device
// is asked every two seconds has nothing in each other window of a second, and that is no gap.
const SILENT_INTERVALS = 3;

// Its legend is made of inline styles, which our policy refuses; we tell the values ourselves.
const {Dygraph} = globalThis;
Dygraph.PLUGINS = Dygraph.PLUGINS.filter((plugin) => plugin !== Dygraph.Plugins.Legend);

// The figure that is drawn. An empty window may have a count and no other.
function main(list) {
  const has = (name) => list.some((a) => value(a, name) !== null);
  return ORDER.find(has) ?? Object.keys(list.at(-1).values)[0];
}
function value(a, name) {
  const v = a.values[name];
  return v === undefined ? null : v;
}
function filled(a, name) {
  return value(a, name) !== null || a.texts?.last !== undefined;
}
// Longer than this between two filled windows is silence, in ms. The middle one of the distances:
// neither a burst nor one long pause says how often a series comes.
function patience(full) {
  const apart = full.slice(1).map((a, i) => a.at - full[i].at).sort((x, y) => x - y);
  return apart.length ? SILENT_INTERVALS * apart[Math.floor((apart.length - 1) / 2)] : Infinity;
}
function settled(a) {
  return a.state !== 'provisional' && a.state !== 'open';
}
// Windows that a reader saw with another figure before. Growth while provisional is no correction.
function revised(a) {
  return a.state === 'revised' || (a.state === 'frozen' && a.revision > 0 && a.cause !== null);
}
function colour(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}

export class Card {
  constructor(data) {
    this.data = data;
    const parts = (data.series || 'all').split('/');
    const name = parts.length > 2 ? parts.slice(1).join('/') : data.series;
    const labels = Object.entries(data.labels).map(([k, v]) => `${k} ${v}`).join(' · ');
    const title = name || labels || data.view;
    const where = [parts.length > 2 ? parts[0] : null, data.view, data.series ? null : labels]
      .filter(Boolean).join(' · ');

    this.value = element('span', {class: 'value'});
    this.state = element('span');
    this.sealed = element('span');
    this.chart = element('div', {class: 'chart', tabindex: '0', role: 'img'});
    this.told = element('p', {class: 'told'});
    this.body = element('tbody');
    this.table = element('details', {}, element('summary', {}, 'Table'),
      element('div', {class: 'scroll'}, element('table', {},
        element('thead', {}, element('tr', {}, ...['window', 'value', 'n', 'complete', 'state', 'rev']
          .map((t) => element('th', {scope: 'col'}, t)))), this.body)));
    this.table.addEventListener('toggle', () => this.fillTable());
    this.root = element('article', {class: 'card', 'aria-label': title},
      element('h3', {}, title), element('div', {class: 'where dim'}, `${where} · `, this.sealed),
      element('div', {class: 'now'}, this.value, this.state),
      this.chart, this.told, this.table);
    this.title = title;
    this.graph = null;
    this.drawn = [];       // of each row of the chart {at, window}; no window: the line is cut
    this.lone = new Set();  // rows without a neighbour to draw a line to
    this.selected = null;
    this.chart.addEventListener('keydown', (e) => this.key(e));
    this.chart.addEventListener('blur', () => this.select(null));
  }

  rows() {
    const list = this.data.windows;
    const name = main(list);
    const band = 'min' in list.at(-1).values && 'max' in list.at(-1).values && name !== 'count';
    this.arrange(list, name);
    const none = [null, null, null];
    const triple = (a) => {
      const v = value(a, name);
      if (v === null) return none;
      return band ? [value(a, 'min') ?? v, v, value(a, 'max') ?? v] : [v, v, v];
    };
    return this.drawn.map(({at, window: a}, i) => {
      if (!a) return [new Date(at), none, none];
      const done = settled(a);
      const next = this.drawn[i + 1]?.window;
      // A provisional line begins at the last settled point, so that there is no hole between.
      const joins = done && next && !settled(next);
      return [new Date(at), done ? triple(a) : none, !done || joins ? triple(a) : none];
    });
  }

  // Rows of the chart: the windows with a value, and a row without one where the series was silent
  // and at both ends, so that the chart is as long as what is known.
  arrange(list, name) {
    const full = list.filter((a) => filled(a, name));
    const most = patience(full);
    this.drawn = [];
    this.lone.clear();
    const cut = (at) => this.drawn.push({at, window: null});
    if (list[0] !== full[0]) cut(list[0].at);
    full.forEach((a, i) => {
      if (i > 0 && a.at - full[i - 1].at > most) cut((a.at + full[i - 1].at) / 2);
      this.drawn.push({at: a.at, window: a});
    });
    if (list.at(-1) !== full.at(-1) || full.length === 0) cut(list.at(-1).at);
    // From what is provisional no line goes to what is sealed, as in rows().
    const joined = (a, b) => a && b && (settled(a) || !settled(b));
    this.drawn.forEach(({window}, i) => {
      const alone = !joined(this.drawn[i - 1]?.window, window) &&
        !joined(window, this.drawn[i + 1]?.window);
      if (window && alone) this.lone.add(i);
    });
  }

  options() {
    const tide = colour('--tide');
    const soft = colour('--tide-soft');
    const mark = colour('--revised');
    return {
      labels: ['time', 'sealed', 'provisional'],
      customBars: true,
      fillAlpha: 0.14,
      series: {
        sealed: {color: tide, strokeWidth: 1.8},
        provisional: {color: soft, strokeWidth: 1.8, strokePattern: [4, 3]},
      },
      drawPoints: true,
      pointSize: 4,
      drawPointCallback: (g, series, ctx, x, y, ink, size, row) => {
        const a = this.drawn[row]?.window;
        if (!a) return;
        ctx.beginPath();
        if (series !== 'sealed' || !revised(a)) {
          if (!this.lone.has(row)) return;
          ctx.arc(x, y, size / 2, 0, 2 * Math.PI);
          ctx.fillStyle = ink;
          ctx.fill();
          return;
        }
        ctx.moveTo(x, y - size);
        ctx.lineTo(x + size, y);
        ctx.lineTo(x, y + size);
        ctx.lineTo(x - size, y);
        ctx.closePath();
        ctx.fillStyle = colour('--card');
        ctx.fill();
        ctx.strokeStyle = mark;
        ctx.lineWidth = 1.8;
        ctx.stroke();
      },
      labelsUTC: true,
      axisLineColor: colour('--line'),
      gridLineColor: colour('--line'),
      gridLineWidth: 0.6,
      highlightCircleSize: 3,
      interactionModel: {},  // no zoom or pan: the page scrolls, on touch screens too
      xRangePad: 6,
      axes: {
        x: {pixelsPerLabel: 70, axisLabelWidth: 56},
        y: {axisLabelWidth: 46, pixelsPerLabel: 20, axisLabelFormatter: (v) => number(v, 4)},
      },
      yRangePad: 6,
      highlightCallback: (e, x, points, row) => this.tell(row),
      unhighlightCallback: () => this.tell(null),
    };
  }

  // The newest window that says something; of a sparse series the very last one often does not.
  newest() {
    const list = this.data.windows;
    const name = main(list);
    return list.findLast((a) => filled(a, name)) ?? list.at(-1);
  }

  draw() {
    const last = this.newest();
    const name = main(this.data.windows);
    const text = last.texts?.last ?? number(value(last, name), 5);
    const shown = `${text}\n${last.unit}`;
    if (shown !== this.shown) {
      this.shown = shown;
      this.value.replaceChildren(text, ' ', element('span', {class: 'unit'}, unit(last.unit)));
      this.value.classList.remove('fresh');
      void this.value.offsetWidth;  // lets the animation begin again
      this.value.classList.add('fresh');
    }
    this.state.replaceChildren(badge(last.state));
    const proved = this.data.windows.findLast(settled);
    this.sealed.textContent = proved ? `sealed to ${utc(proved.end)}` : 'nothing sealed yet';
    this.chart.setAttribute('aria-label', `${this.title}, ${name}: ${text} ${unit(last.unit)}, ` +
      `${last.state}. Arrow keys read the windows.`);
    const rows = this.rows();
    if (!this.graph) {
      this.graph = new Dygraph(this.chart, rows, this.options());
    } else {
      this.graph.updateOptions({file: rows});
    }
    if (this.selected === null) this.tell(null);
    if (this.table.open) this.fillTable();
  }

  restyle() {
    this.graph?.updateOptions(this.options());
  }

  resize() {
    this.graph?.resize();
  }

  fillTable() {
    if (!this.table.open) return;
    const name = main(this.data.windows);
    this.body.replaceChildren(...this.data.windows.slice(-TABLE_ROWS).reverse().map((a) =>
      element('tr', {},
        element('td', {}, utc(a.start)),
        element('td', {class: 'number'}, number(value(a, name))),
        element('td', {class: 'number'}, number(value(a, 'count'))),
        element('td', {class: 'number'}, percent(a.completeness)),
        element('td', {}, a.state),
        element('td', {class: 'number'}, String(a.revision)))));
  }

  key(e) {
    const rows = [...this.drawn.keys()].filter((row) => this.drawn[row].window);
    if (rows.length === 0) return;
    const from = this.selected ?? this.drawn.length;
    const to = {ArrowLeft: rows.findLast((row) => row < from) ?? rows[0],
      ArrowRight: rows.find((row) => row > from) ?? rows.at(-1),
      Home: rows[0], End: rows.at(-1)}[e.key];
    if (to === undefined) return;
    e.preventDefault();
    this.select(to);
  }

  select(row) {
    this.selected = row;
    if (row === null) this.graph?.clearSelection();
    else this.graph?.setSelection(row);
    this.tell(row);
  }

  silent(a, end) {
    const name = main(this.data.windows);
    return end.at - a.at > patience(this.data.windows.filter((w) => filled(w, name)));
  }

  // One window in words: when, what, how well, and what was said before.
  tell(row) {
    const a = row === null ? this.newest() : this.drawn[row]?.window;
    if (!a) return;
    const name = main(this.data.windows);
    const u = unit(a.unit);
    const out = [];
    if (row === null) {
      const end = this.data.windows.at(-1);
      if (this.silent(a, end)) out.push(element('b', {}, `silent since ${utc(a.end)} UTC`), ', ');
      out.push(`${percent(a.completeness)} complete`);
      if (a.coverage !== null) out.push(`, device heard ${percent(a.coverage)}`);
      if (end.missing.length) {
        out.push(`; waits for ${end.missing.map((m) => `${m.source} (${m.reason})`).join(', ')}`);
      }
      if (a.lost) out.push(`; ${number(a.lost)} lost`);
    } else {
      const today = day(a.start) === day(Date.now()) ? '' : `${day(a.start)} `;
      out.push(element('b', {}, `${today}${utc(a.start)} UTC`), ` (${local(a.start)} here)  `,
        element('b', {}, `${number(value(a, name))} ${u}`), ` ${name}`);
      if ('min' in a.values && 'max' in a.values && name !== 'min') {
        out.push(`, ${number(a.values.min)} … ${number(a.values.max)}`);
      }
      out.push(`, ${percent(a.completeness)} complete, ${a.state}`);
      if (a.revision > 0) out.push(` r${a.revision}`);
      if (a.approximate) out.push(', approximate');
      for (const note of a.notes ?? []) out.push(`; ${note}`);
      const before = a.previous?.[name];
      if (revised(a) && before !== undefined && before !== null) {
        out.push(element('span', {class: 'revised'},
          `  ${number(before)} → ${number(value(a, name))}${a.cause ? ` (${a.cause})` : ''}`));
      }
    }
    this.told.replaceChildren(...out);
  }
}
