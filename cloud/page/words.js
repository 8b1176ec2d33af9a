// Numbers, times and states as people read them.

const numbers = new Map();
function format(digits) {
  if (!numbers.has(digits)) {
    numbers.set(digits, new Intl.NumberFormat('en', {
      maximumSignificantDigits: digits, useGrouping: true}));
  }
  return numbers.get(digits);
}

// Thin spaces between thousands: a comma means a decimal to half of the readers.
export function number(v, digits = 6) {
  if (v === null || v === undefined) return '–';
  if (v !== 0 && (Math.abs(v) < 1e-4 || Math.abs(v) >= 1e12)) return v.toExponential(3);
  return format(Math.max(digits, Math.ceil(Math.log10(Math.abs(v) + 1))))
    .format(v).replaceAll(',', ' ').replace('-', '−');
}

// 99.96 % is not complete: round down, so that 100 % means all.
export function percent(v) {
  if (v === null || v === undefined) return '–';
  return `${Math.floor(v * 1000) / 10} %`;
}

export function utc(t) {
  return new Date(t).toISOString().slice(11, 19);
}
export function local(t) {
  return new Date(t).toLocaleTimeString([], {hour12: false});
}
export function day(t) {
  return new Date(t).toISOString().slice(0, 10);
}

export function span(seconds) {
  if (seconds === null || seconds === undefined) return '–';
  const s = Math.max(0, seconds);
  if (s < 10) return `${s.toFixed(1)} s`;
  if (s < 120) return `${Math.round(s)} s`;
  if (s < 7200) return `${Math.round(s / 60)} min`;
  if (s < 172800) return `${Math.round(s / 3600)} h`;
  return `${Math.round(s / 86400)} d`;
}

const UNITS = {Cel: '°C', '%': '%', 'K': 'K', deg: '°', '1': '', 'm/s2': 'm/s²', 'm3': 'm³'};
export function unit(u) {
  return UNITS[u] ?? u ?? '';
}

// Which tone (colour and shape) a state has. The word stands beside it always.
export function tone(state) {
  return {sealed: 'good', frozen: 'good', revised: 'warn', provisional: 'wait', open: 'wait',
    connected: 'good', away: 'bad'}[state] ?? 'wait';
}

export function element(tag, attributes = {}, ...children) {
  const e = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name === 'class') e.className = value;
    else if (value === true) e.setAttribute(name, '');
    else if (value !== false && value !== null) e.setAttribute(name, value);
  }
  e.append(...children.filter((c) => c !== null && c !== undefined));
  return e;
}

export function badge(state, word = state) {
  return element('span', {class: 'badge', 'data-tone': tone(state)},
    element('span', {class: 'sign'}), element('span', {class: 'word'}, word));
}
