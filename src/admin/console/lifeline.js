// A session's time as a line: when the cookie was issued, when it is renewed, when all ends.

import { h, s } from './dom.js';
import { moment } from './words.js';

const HEIGHT = 92;
const LINE = 52;
const SIDE = 12;

export function lifeline(one, now) {
  const drawing = s('svg', { height: HEIGHT, 'aria-hidden': 'true', focusable: 'false' });
  const from = Math.min(one.issuedAt, one.seenAt);
  const ends = one.ended?.at ?? one.endsAt;
  const to = Math.max(Math.min(ends, one.issuedAt + 3 * one.lifetimeMs), now, one.issuedAt + one.lifetimeMs);
  const due = one.issuedAt + one.lifetimeMs - one.windowMs;
  const marks = [
    { at: one.issuedAt, text: 'cookie issued', above: false },
    { at: one.seenAt, text: 'seen', above: true },
    { at: due, text: 'renewed from here', above: false },
    { at: ends, text: one.ended ? 'ended' : 'ends', above: true, end: true },
  ].filter((mark) => mark.at >= from && mark.at <= to);
  const holder = h('div', { class: 'lifeline' }, drawing);

  function draw(width) {
    const x = (at) => SIDE + ((at - from) / Math.max(1, to - from)) * (width - 2 * SIDE);
    drawing.replaceChildren();
    drawing.setAttribute('width', width);
    drawing.append(
      s('rect', { x: x(from), y: LINE - 5, width: Math.max(0, x(Math.min(due, to)) - x(from)), height: 10, class: 'calm' }),
      s('rect', { x: x(due), y: LINE - 5, width: Math.max(0, x(Math.min(to, one.issuedAt + one.lifetimeMs)) - x(due)), height: 10, class: 'window' }),
      s('line', { x1: SIDE, x2: width - SIDE, y1: LINE, y2: LINE, class: 'axis' }));
    const rows = { true: [-Infinity, -Infinity], false: [-Infinity, -Infinity] };
    for (const mark of [...marks].sort((a, b) => a.at - b.at)) {
      const text = `${mark.text} ${moment(mark.at)}`;
      const half = text.length * 3.4;
      const middle = Math.max(SIDE + half, Math.min(width - SIDE - half, x(mark.at)));
      const ends = rows[mark.above];
      const row = ends.findIndex((end) => end < middle - half - 6);
      const at = row < 0 ? 1 : row;
      ends[at] = middle + half;
      const y = mark.above ? 34 - at * 16 : LINE + 22 + at * 14;
      drawing.append(s('line', { x1: x(mark.at), x2: x(mark.at), y1: LINE - (mark.above ? 14 : 6), y2: LINE + (mark.above ? 6 : 10), class: mark.end ? 'stop' : 'axis' }),
        s('text', { x: middle, y, class: 'middle' }, text));
    }
    if (!one.ended && now <= to) {
      const at = x(now);
      drawing.append(s('path', { d: `M${at} ${LINE - 8}l5 8-5 8-5-8z`, class: 'now' }), s('title', {}, 'now'));
    }
  }
  new ResizeObserver(([entry]) => draw(Math.floor(entry.contentRect.width))).observe(holder);
  return h('figure', { class: 'chart' }, holder,
    h('figcaption', { class: 'soft small' }, 'The diamond is now. The plain part of the band: a request leaves the cookie alone. The striped part: a request renews it.'));
}
