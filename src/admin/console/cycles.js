// The cycles of one session as the platform draws them: parameters on the left, apps on the right,
// a row for each round, and what led to what.

import { badge, h, name, nothing, renew, s, value } from './dom.js';
import { get, now } from './api.js';
import { ago, many, moment, ms } from './words.js';
import { fieldOf } from './why.js';

export const title = 'Cycles of a session';

const OUTCOMES = {
  answered: ['good', 'answered'], ok: ['good', 'answered'], unchanged: ['good', 'answered, nothing new'], memo: ['good', 'answered from the memo'],
  refused: ['warn', 'refused'], idle: ['idle', 'not called: its condition does not hold'],
  timeout: ['bad', 'failed: no answer in time'], unavailable: ['bad', 'failed: cannot be reached'], bad_reply: ['bad', 'failed: its reply makes no sense'], broken: ['bad', 'failed: left alone for a while'], failed: ['bad', 'failed'],
};

const TRIGGERS = {
  create: 'a new session', request: 'a request', api: 'a call of the Session API', login: 'a login', logout: 'a logout', age: 'an answer grew old', retry: 'a failed app was tried again', pending: 'a failed app was tried again',
};

const failed = (app) => OUTCOMES[app.outcome]?.[0] === 'bad' || Boolean(app.error);

function parameter(one) {
  const was = one.before === undefined || one.before === null ? undefined : [h('del', {}, value(one.before, 40)), h('span', { 'aria-hidden': 'true' }, ' → ')];
  const is = 'after' in one ? one.after : one.value;
  return h('li', { class: 'parameter', 'data-field': fieldOf(one) }, name(fieldOf(one)),
    h('span', { class: 'change' }, was && h('span', { class: 'away' }, 'was '), was, was && h('span', { class: 'away' }, 'is '), is === undefined || is === null ? h('em', {}, 'removed') : value(is, 40)));
}

function app(one, listens) {
  const [level, word] = OUTCOMES[one.outcome] ?? ['idle', one.outcome];
  const wrote = one.wrote ?? [];
  return h('li', { class: `app ${level}`, 'data-app': one.name, 'data-listens': JSON.stringify((one.because ?? []).map(fieldOf).concat(listens.get(one.name) ?? [])) },
    h('span', { class: 'app-head' }, h('strong', {}, one.name), h('span', { class: 'took' }, ms(one.tookMs))),
    badge(level, word),
    one.error && h('span', { class: 'small wrap' }, one.error),
    one.because?.length > 0 && h('span', { class: 'small soft cause' }, 'because of ', one.because.map((cause, at) => [at > 0 && ', ', name(fieldOf(cause))])),
    h('span', { class: 'small soft' }, wrote.length ? ['wrote ', wrote.map((field, at) => [at > 0 && ', ', name(fieldOf(field))])] : 'wrote nothing new'));
}

function round(one, number, first, listens) {
  const label = number === 0 ? 'Create call' : `Round ${number}`;
  return h('li', { class: 'round' }, h('h4', {}, label),
    h('div', { class: 'sides' },
      h('div', { class: 'side-parameters' }, h('h5', { class: first ? '' : 'away' }, 'Changed parameters'),
        one.parameters?.length ? h('ul', {}, one.parameters.map(parameter)) : h('p', { class: 'soft small' }, number === 0 ? 'none: a new session, asked with nothing' : 'none: asked for the age of their answers')),
      h('div', { class: 'side-apps' }, h('h5', { class: first ? '' : 'away' }, 'Apps that listen'),
        one.apps?.length ? h('ul', {}, one.apps.map((each) => app(each, listens))) : h('p', { class: 'soft small' }, 'no app listens to these'))));
}

/** Arrows between what was measured: parameter to app in a row, app to parameter of the next row. */
function arrows(diagram) {
  const drawing = s('svg', { class: 'arrows', 'aria-hidden': 'true', focusable: 'false' });
  diagram.append(drawing);
  const draw = () => {
    const origin = diagram.getBoundingClientRect();
    drawing.replaceChildren();
    const rounds = [...diagram.querySelectorAll('.round')];
    // Where the columns stand one below the other, words alone say what led to what.
    const sides = diagram.querySelector('.sides');
    if (!sides || getComputedStyle(sides).gridTemplateColumns.split(' ').length < 2) return;
    const box = (element) => { const at = element.getBoundingClientRect(); return { left: at.left - origin.left, right: at.right - origin.left, top: at.top - origin.top, middle: at.top - origin.top + at.height / 2, bottom: at.bottom - origin.top }; };
    const head = (x, y, kind, way) => s('path', { d: `M${x} ${y}l${-7 * way}-4v8z`, class: `head ${kind}` });
    rounds.forEach((here, at) => {
      for (const target of here.querySelectorAll('.app')) {
        const listens = new Set(JSON.parse(target.dataset.listens));
        for (const from of here.querySelectorAll('.parameter')) {
          if (!listens.has(from.dataset.field)) continue;
          const [a, b] = [box(from), box(target)];
          const end = Math.min(b.top + 20, b.middle);
          drawing.append(s('path', { d: `M${a.right} ${a.middle}C${a.right + 30} ${a.middle} ${b.left - 36} ${end} ${b.left - 6} ${end}`, class: 'reads' }), head(b.left - 1, end, 'reads', 1));
        }
        const next = rounds[at + 1];
        for (const field of JSON.parse(target.dataset.wrote ?? '[]')) {
          const to = next?.querySelector(`.parameter[data-field="${CSS.escape(field)}"]`);
          if (!to) continue;
          const [a, b] = [box(target), box(to)];
          const out = Math.max(a.bottom - 14, a.middle);
          drawing.append(s('path', { d: `M${a.left} ${out}C${a.left - 44} ${out} ${b.right + 44} ${b.middle} ${b.right + 6} ${b.middle}`, class: 'writes' }), head(b.right + 1, b.middle, 'writes', -1));
        }
      }
    });
  };
  new ResizeObserver(draw).observe(diagram);
}

function diagram(cycle, listens) {
  const rounds = cycle.rounds ?? [];
  if (rounds.length === 0) return h('p', { class: 'soft' }, 'No app was asked.');
  const offset = cycle.trigger === 'create' ? 0 : 1;
  const list = h('ol', { class: 'rounds' }, rounds.map((one, at) => round(one, one.number ?? at + offset, at === 0, listens)), outcome(cycle));
  list.querySelectorAll('.app').forEach((element, at) => {
    element.dataset.wrote = JSON.stringify((rounds.flatMap((one) => one.apps ?? [])[at].wrote ?? []).map(fieldOf));
  });
  const holder = h('div', { class: 'diagram' }, list);
  arrows(holder);
  return holder;
}

/** The row after the last round: what it wrote, to which no app listens any more. */
function outcome(cycle) {
  const written = (cycle.rounds.at(-1).apps ?? []).flatMap((one) => (one.wrote ?? []).map((field) => ({ ...field, after: field.value })));
  return h('li', { class: 'round' }, h('h4', {}, cycle.settled ? 'Settled' : 'Loop'),
    h('div', { class: 'sides' }, h('div', { class: 'side-parameters' }, written.length ? h('ul', {}, written.map(parameter)) : h('p', { class: 'soft small' }, 'nothing changed any more')),
      h('div', { class: 'side-apps' }, h('p', { class: 'small' }, cycle.settled
        ? [badge('good', 'settled'), ' No app listens to what changed last. The session was saved once.']
        : [badge('bad', 'would not settle'), ' Keys that kept changing have the value from before the cycle.']))));
}

function article(cycle, at, listens) {
  const bad = (cycle.rounds ?? []).flatMap((one) => one.apps ?? []).filter(failed);
  const state = !cycle.settled ? badge('bad', 'would not settle') : bad.length ? badge('warn', `settled, ${many(bad.length, 'app')} failed`) : badge('good', 'settled');
  const body = h('div', {});
  const details = h('details', { class: 'cycle', 'data-keep': `cycle ${cycle.at}`, open: at === 0, ontoggle: () => { if (details.open && !body.hasChildNodes()) body.append(diagram(cycle, listens)); } },
    h('summary', {}, h('h2', {}, h('time', { datetime: new Date(cycle.at).toISOString() }, moment(cycle.at)), ` after ${TRIGGERS[cycle.trigger] ?? cycle.trigger}`), ' ', state,
      h('span', { class: 'soft' }, ` ${ago(cycle.at, now())} · ${many((cycle.rounds ?? []).length, 'round')} · ${ms(cycle.tookMs)}${cycle.memo ? ' · from the memo' : ''}`)), body);
  return details;
}

/** What each app listens to, by the graph; without it the diagram has fewer arrows. */
export async function listening(account, signal) {
  try {
    const { edges } = await get(['accounts', account, 'graph'], {}, signal);
    const listens = new Map();
    for (const edge of edges) listens.set(edge.to, [...(listens.get(edge.to) ?? []), edge.key]);
    return listens;
  } catch (error) {
    if (signal.aborted || error.status === 401) throw error;
    return new Map();
  }
}

export async function show({ content, heading, given, signal }) {
  const [{ cycles }, listens] = await Promise.all([
    get(['accounts', given.account, 'sessions', given.id, 'cycles'], {}, signal), listening(given.account, signal)]);
  const here = `#/sessions/${[given.account, given.id].map(encodeURIComponent).join('/')}`;
  renew(content, h('p', { class: 'crumbs' }, h('a', { href: '#/sessions' }, 'Sessions'), ' / ', h('a', { href: here }, `session ${given.id.slice(0, 8)}…`)), heading,
    h('p', { class: 'soft' }, 'Newest first. A request changes parameters; the apps that listen to them are asked, all at once; what they write is the next round, until nothing changes.'),
    cycles.length ? cycles.map((cycle, at) => article(cycle, at, listens)) : nothing('No cycle of this session is remembered.', 'Cycles are kept in memory since the process started. The next request that changes something is drawn here.'));
}
