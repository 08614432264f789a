// A session's time as a line: when the cookie was issued, when it is renewed, when all ends.

import { h, s } from './dom.js';
import { moment } from './words.js';

const LINE = 52;
const SIDE = 12;

export function lifeline(one, now) {
  const due = one.issuedAt + one.lifetimeMs - one.windowMs;
  const old = one.issuedAt + one.lifetimeMs;
  const from = Math.min(one.issuedAt, one.seenAt);
  // An end that is days away would squeeze all else into one point.
  const to = Math.max(Math.min(one.endsAt, from + 3 * one.lifetimeMs), now, old);
  const marks = [[one.issuedAt, 'cookie issued', false], [one.seenAt, 'seen', true], [due, 'renewed from here', false], [one.endsAt, 'ends', true]]
    .filter(([at]) => at >= from && at <= to).sort((a, b) => a[0] - b[0]);
  const drawing = s('svg', { height: 92, 'aria-hidden': 'true' });

  function draw(width) {
    if (width < 2 * SIDE) return;
    const x = (at) => SIDE + ((at - from) / Math.max(1, to - from)) * (width - 2 * SIDE);
    drawing.replaceChildren(
      s('rect', { x: x(from), y: LINE - 4, width: x(due) - x(from), height: 8, class: 'calm' }),
      s('rect', { x: x(due), y: LINE - 9, width: x(old) - x(due), height: 18, class: 'window' }),
      s('line', { x1: SIDE, x2: width - SIDE, y1: LINE, y2: LINE, class: 'axis' }));
    drawing.setAttribute('width', width);
    const ends = { true: -1, false: -1 };
    for (const [at, word, above] of marks) {
      const text = `${word} ${moment(at)}`;
      const half = text.length * 3.4;
      const middle = Math.max(SIDE + half, Math.min(width - SIDE - half, x(at)));
      // Where two words would touch, the later one stands a line further out.
      const out = middle - half < ends[above] + 6 ? 1 : 0;
      if (!out) ends[above] = middle + half;
      drawing.append(s('line', { x1: x(at), x2: x(at), y1: LINE - (above ? 14 : 4), y2: LINE + (above ? 4 : 12), class: 'axis' }),
        s('text', { x: middle, y: above ? 34 - out * 16 : LINE + 24 + out * 14, class: 'middle' }, text));
    }
    if (now <= to) drawing.append(s('path', { d: `M${x(now)} ${LINE - 8}l5 8-5 8-5-8z`, class: 'now' }));
  }
  const holder = h('div', {}, drawing);
  new ResizeObserver(([entry]) => draw(Math.floor(entry.contentRect.width))).observe(holder);
  return h('figure', { class: 'chart' }, holder,
    h('figcaption', { class: 'soft small' }, 'The diamond is now. In the thin part of the band a request leaves the cookie alone; in the thick part it renews it.'));
}
