// Why a value is what it is: from the value back to what a request said, one step after another.

import { h, name, value } from './dom.js';
import { ago, moment } from './words.js';

const FURTHEST = 8;

export const fieldOf = (one) => `${one.namespace}.${one.key}`;

/** All values of a session by `namespace.key`. */
export const byField = (values) => new Map(values.map((one) => [fieldOf(one), one]));

/** The steps from a field to its origin; never round in a circle. */
export function chain(field, known) {
  const steps = [];
  const met = new Set();
  let next = field;
  while (next !== undefined && !met.has(next) && steps.length < FURTHEST) {
    met.add(next);
    const one = known.get(next);
    steps.push({ field: next, one });
    // An app is called for all its inputs at once; what was not met yet leads on.
    next = (one?.because ?? []).map(fieldOf).find((cause) => !met.has(cause));
  }
  return steps;
}

const ORIGINS = {
  request: 'a request said so (its query string or a cookie)',
  api: 'a call of the Session API wrote it',
  login: 'a login brought it',
  default: 'every session holds it from its first moment',
  carried: 'taken over from the session before this one',
};

/** Who wrote a value, in words. */
export function writer(one) {
  const by = one?.writer;
  if (!by) return 'nobody is known to have written it';
  if (by.kind === 'app') return ['app ', h('strong', {}, by.name), ' worked it out'];
  const words = ORIGINS[by.kind] ?? by.kind;
  return by.name && by.name !== by.kind ? [words, ' ', h('code', {}, by.name)] : words;
}

/** In which cycle and round. */
export function occasion(one, now) {
  if (!one?.at) return undefined;
  const round = Number.isFinite(one.round) ? (one.round === 0 ? ', create call' : `, round ${one.round}`) : '';
  return h('time', { datetime: new Date(one.at).toISOString(), title: ago(one.at, now) }, `${moment(one.at)}${round}`);
}

/** The chain as a list: each line is the cause of the one above. */
export function story(field, known, now) {
  const steps = chain(field, known);
  return h('ol', { class: 'story' }, steps.map(({ field: at, one }, place) => h('li', {},
    h('span', { class: 'soft' }, place === 0 ? '' : 'because '), name(at),
    one ? [' is ', value(one.value, 60), ': ', writer(one)] : ' changed; it is not kept in the session any more',
    one?.at && h('span', { class: 'soft small' }, ' (', occasion(one, now), ')'))));
}

// What a shopper notices, and the fields that decide it.
const EFFECTS = [
  { title: 'Known as', fields: ['profile.email', 'profile.isAuthenticated'], says: (of) => of('profile.email') ?? (of('profile.isAuthenticated') === 'true' ? 'logged in' : 'nobody: not logged in') },
  { title: 'Staff acting', fields: ['impersonate.storeUserEmail'], says: (of) => of('impersonate.storeUserEmail') && `as ${of('impersonate.storeUserEmail')}`, optional: true },
  { title: 'Prices', fields: ['profile.priceTables'], says: (of) => of('profile.priceTables') || 'standard prices, no price table' },
  { title: 'Trade policy', fields: ['store.channel'], says: (of) => of('store.channel') && [of('store.channel'), of('store.currencyCode'), of('store.cultureInfo')].filter(Boolean).join(' · ') },
  { title: 'Campaigns', fields: ['rnb.campaigns'], says: (of) => of('rnb.campaigns') || 'none' },
  { title: 'Region', fields: ['checkout.regionId'], says: (of) => of('checkout.regionId') || 'none' },
];

/** What this shopper gets, each with its story. */
export function effects(known, now) {
  const of = (field) => known.get(field)?.value;
  return EFFECTS.map((one) => {
    const told = one.says(of);
    if (one.optional && !told) return undefined;
    const from = one.fields.find((field) => known.has(field) && of(field) !== '' && of(field) !== null);
    return h('article', { class: 'card' }, h('h3', {}, one.title),
      h('p', { class: 'great' }, told ?? 'not decided yet'),
      from ? story(from, known, now) : h('p', { class: 'soft small' }, 'No value of ', name(one.fields[0]), ' in this session.'));
  });
}
