// One card of a series: its newest value, a chart of its windows and the same as a table.
import {badge, day, element, local, number, percent, unit, utc} from './words.js';

const ORDER = ['mean', 'avg', 'twa', 'last', 'increase', 'max', 'sum', 'min', 'count'];
const TABLE_ROWS = 12;

// Its legend is made of inline styles, which our policy refuses; we tell the values ourselves.
const {Dygraph} = globalThis;
Dygraph.PLUGINS = Dygraph.PLUGINS.filter((plugin) => plugin !== Dygraph.Plugins.Legend);

function main(values) {
  return ORDER.find((name) => name in values) ?? Object.keys(values)[0];
}
function value(a, name) {
  const v = a.values[name];
  return v === undefined ? null : v;
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
    this.selected = null;
    this.chart.addEventListener('keydown', (e) => this.key(e));
    this.chart.addEventListener('blur', () => this.select(null));
  }

  rows() {
    const name = main(this.data.windows.at(-1).values);
    const list = this.data.windows;
    const band = 'min' in list.at(-1).values && 'max' in list.at(-1).values && name !== 'count';
    const none = [null, null, null];
    const triple = (a) => {
      const v = value(a, name);
      if (v === null) return none;
      return band ? [value(a, 'min') ?? v, v, value(a, 'max') ?? v] : [v, v, v];
    };
    return list.map((a, i) => {
      const done = settled(a);
      // A provisional line begins at the last settled point, so that there is no hole between.
      const joins = done && i + 1 < list.length && !settled(list[i + 1]);
      return [new Date(a.at), done ? triple(a) : none, !done || joins ? triple(a) : none];
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
        const a = this.data.windows[row];
        if (!a || series !== 'sealed' || !revised(a)) return;
        ctx.beginPath();
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

  draw() {
    const last = this.data.windows.at(-1);
    const name = main(last.values);
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
    const name = main(this.data.windows.at(-1).values);
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
    const last = this.data.windows.length - 1;
    const from = this.selected ?? last + 1;
    const to = {ArrowLeft: from - 1, ArrowRight: from + 1, Home: 0, End: last}[e.key];
    if (to === undefined) return;
    e.preventDefault();
    this.select(Math.min(Math.max(to, 0), last));
  }

  select(row) {
    this.selected = row;
    if (row === null) this.graph?.clearSelection();
    else this.graph?.setSelection(row);
    this.tell(row);
  }

  // One window in words: when, what, how well, and what was said before.
  tell(row) {
    const a = row === null ? this.data.windows.at(-1) : this.data.windows[row];
    if (!a) return;
    const name = main(a.values);
    const u = unit(a.unit);
    const out = [];
    if (row === null) {
      out.push(`${percent(a.completeness)} complete`);
      if (a.coverage !== null) out.push(`, device heard ${percent(a.coverage)}`);
      if (a.missing.length) {
        out.push(`; waits for ${a.missing.map((m) => `${m.source} (${m.reason})`).join(', ')}`);
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
      const before = a.previous?.[name];
      if (revised(a) && before !== undefined && before !== null) {
        out.push(element('span', {class: 'revised'},
          `  ${number(before)} → ${number(value(a, name))}${a.cause ? ` (${a.cause})` : ''}`));
      }
    }
    this.told.replaceChildren(...out);
  }
}
