'use strict';
// Colours by role, in the light or the dark of the moment, and numbers as people read them.

const darkness = window.matchMedia('(prefers-color-scheme: dark)');

// '--train' of page.css as '#rrggbb', or with an opacity as '#rrggbbaa'.
function colour(name, opacity = 1) {
  const value = getComputedStyle(document.documentElement).getPropertyValue('--' + name).trim();
  return opacity === 1 ? value : value + Math.round(255 * opacity).toString(16).padStart(2, '0');
}

function roleColour(role, opacity) {
  return colour(typeof role === 'number' ? 'series-' + role % 8 : role ?? 'series-0', opacity);
}

// A format is "percent", or the words that whole numbers from 0 stand for.
function shownNumber(value, format) {
  if (value === null || value === undefined || Number.isNaN(value)) return 'none';
  if (typeof value !== 'number') return String(value);
  if (Array.isArray(format)) return format[Math.round(value)] ?? '';
  if (format === 'percent') return shownNumber(100 * value) + ' %';
  const size = Math.abs(value);
  if (size !== 0 && (size < 1e-4 || size >= 1e7)) {
    const [digits, power] = value.toExponential(3).split('e');
    return Number(digits) + 'e' + Number(power);
  }
  return value.toLocaleString('en', {maximumSignificantDigits: size >= 1000 ? Math.ceil(Math.log10(size + 1)) : 4});
}

// Along an axis, where room is short: 20k, 1.5M.
function shownTick(value, format) {
  if (Array.isArray(format)) return Number.isInteger(value) ? format[value] ?? '' : '';
  if (format === 'percent') return shownNumber(100 * value) + ' %';
  const size = Math.abs(value);
  if (size >= 1e9 || (size !== 0 && size < 1e-3)) return shownNumber(Number(value.toPrecision(3)));
  if (size >= 1e6) return shownNumber(value / 1e6) + 'M';
  if (size >= 1e4) return shownNumber(value / 1e3) + 'k';
  return shownNumber(Number(value.toPrecision(6)));
}

// A colour between stops of '#rrggbb', at 0 … 1.
function between(stops, at) {
  const place = Math.min(Math.max(at, 0), 1) * (stops.length - 1);
  const low = Math.min(Math.floor(place), stops.length - 2);
  const channel = (text, i) => parseInt(text.slice(1 + 2 * i, 3 + 2 * i), 16);
  return [0, 1, 2].map(i => {
    const from = channel(stops[low], i), to = channel(stops[low + 1], i);
    return Math.round(from + (to - from) * (place - low));
  });
}
