// Watermarks, ledger, edges and what went wrong, from the status and three small lists.
import {badge, day, element, number, percent, span, utc} from './words.js';

const AWAY_LAG_S = 30;  // a frontier further behind is shown as a problem of its edge
const LEDGER = [
  ['answered', 'in answers'], ['thinned', 'thinned on purpose'], ['duplicate', 'sent twice'],
  ['local', 'kept local'], ['pending', 'on the way'], ['late_ledger', 'too late, kept'],
  ['quarantined', 'quarantined'], ['evicted', 'evicted'], ['lost', 'lost'],
];
const PROBLEMS = new Set(['late_ledger', 'quarantined', 'evicted', 'lost']);

function behind(edge) {
  if (edge.state !== 'connected') return 'away';
  return edge.frontier_lag_s !== null && edge.frontier_lag_s > AWAY_LAG_S ? 'revised' : 'sealed';
}

export function showWatermarks(list, status) {
  list.replaceChildren(...status.edges.map((e) => {
    const item = element('li', {'data-edge': e.name}, badge(behind(e), e.name),
      element('b', {}, e.frontier ? utc(e.frontier) : 'no seal yet'),
      element('span', {class: 'dim'}, e.frontier ? `${span(e.frontier_lag_s)} behind` : ''),
      element('span', {}, percent(e.completeness)));
    item.title = `All that ${e.name} took up to ${e.frontier ?? 'now'} is in, or its loss is known`;
    return item;
  }));
}

export function showLedger(root, ledger) {
  if (!ledger) {
    root.replaceChildren(element('div', {class: 'dim', role: 'status'},
      'This node serves the answers of other nodes, which know where every reading is.'));
    return;
  }
  const item = (key, word) => element('div',
    {class: `${ledger[key] === 0 ? 'zero' : ''} ${PROBLEMS.has(key) && ledger[key] ? 'problem' : ''}`},
    element('dt', {}, word), element('dd', {}, number(ledger[key], 15)));
  const sum = LEDGER.reduce((n, [key]) => n + ledger[key], 0);
  root.replaceChildren(
    element('dl', {class: 'flow'},
      element('div', {}, element('dt', {}, 'taken'), element('dd', {}, number(ledger.taken, 15))),
      element('span', {'aria-hidden': 'true'}, '='),
      ...LEDGER.map(([key, word]) => item(key, word))),
    element('div', {class: 'dim', role: 'status'}, sum === ledger.taken
      ? 'The sum is right: nothing was lost in silence.'
      : `The sum is wrong by ${number(ledger.taken - sum)}: please report this.`));
}

// The day only when it is not today's.
function moment(t, now) {
  return day(t) === day(now) ? utc(t) : `${day(t)} ${utc(t)}`;
}

function row(cells) {
  return element('tr', {}, ...cells);
}
function figure(v, problem = false) {
  return element('td', {class: `number ${problem && v ? 'problem' : ''}`}, number(v, 15));
}

export function showEdges(table, status) {
  const titles = ['Edge', 'State', 'Watermark', 'Behind', 'Complete', 'On the way',
    'Blocks missing', 'Taken', 'Lost or refused', 'Last seen', 'Starts', 'Version'];
  const words = new Set(['Edge', 'State', 'Watermark', 'Version']);
  if (!table.tHead.rows.length) {
    table.tHead.append(row(titles.map((t) =>
      element('th', {scope: 'col', class: words.has(t) ? '' : 'number'}, t))));
  }
  table.tBodies[0].replaceChildren(...status.edges.map((e) => row([
    element('th', {scope: 'row'}, e.name, e.site ? element('span', {class: 'dim'}, ` ${e.site}`) : ''),
    element('td', e.away ? {title: e.away} : {}, badge(e.state)),
    element('td', {}, e.frontier ? moment(e.frontier, status.now) : '–'),
    element('td', {class: 'number'}, span(e.frontier_lag_s)),
    element('td', {class: 'number'}, percent(e.completeness)),
    figure(e.ledger.pending), figure(e.blocks_missing), figure(e.ledger.taken),
    figure(e.ledger.evicted + e.ledger.quarantined + e.ledger.lost + e.ledger.late_ledger, true),
    element('td', {class: 'number'}, e.seen ? moment(e.seen, status.now) : '–'), figure(e.starts),
    element('td', {}, e.version || '–'),
  ])));
}

function list(title, columns, rows, empty) {
  return element('div', {}, element('h3', {}, title), rows.length
    ? element('div', {class: 'scroll', tabindex: '0'}, element('table', {},
      element('thead', {}, row(columns.map((c) => element('th', {scope: 'col'}, c)))),
      element('tbody', {}, ...rows)))
    : element('p', {class: 'dim'}, empty));
}

export function showTrouble(root, late, losses, letters) {
  root.replaceChildren(
    list('Late readings, by window', ['series', 'window', 'readings', 'went to'],
      late.map((r) => row([element('td', {}, r.series), element('td', {}, utc(r.start)),
        figure(r.readings), element('td', {}, r.placement)])), 'None came late.'),
    list('Not in any answer', ['edge', 'reason', 'readings'],
      losses.map((r) => row([element('td', {}, r.edge), element('td', {}, r.reason),
        figure(r.readings, true)])), 'Nothing was lost, evicted or quarantined.'),
    list('Dead letters', ['edge', 'why', 'reason', 'at', 'readings', 'bytes', 'state'],
      letters.map((r) => row([element('td', {}, r.edge), element('td', {}, r.why),
        element('td', {}, r.reason), element('td', {}, utc(r.at)), figure(r.readings, true),
        figure(r.bytes), element('td', r.outcome ? {title: r.outcome} : {}, r.state)])),
      'Nothing was refused.'));
}
