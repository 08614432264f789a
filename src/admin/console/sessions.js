// Finds sessions. What is typed is never part of the page's address and is kept nowhere.

import { badge, h, name, nothing, problem, renew, say } from './dom.js';
import { accounts, get, now } from './api.js';
import { rows } from './rows.js';
import { ENDINGS, KINDS, ago, many, moment } from './words.js';

export const title = 'Sessions';

/**
 * What to look for. Of a pasted token, or a whole cookie line, only the id in it is asked for, so
 * that the token stands in no address: these end in logs.
 */
export function wanted(text) {
  const trimmed = text.trim();
  const token = trimmed.match(/eyJ[\w-]+\.([\w-]+)\.[\w-]*/);
  if (!token) return { find: trimmed };
  try {
    const bytes = Uint8Array.from(atob(token[1].replaceAll('-', '+').replaceAll('_', '/')), (char) => char.charCodeAt(0));
    const claims = JSON.parse(new TextDecoder().decode(bytes));
    const id = claims.id ?? claims.userId ?? claims.sub;
    if (typeof id === 'string') return { find: id, token: true };
  } catch { /* It looks like a token and is none. */ }
  return { find: '', token: true };
}

const columns = [
  { title: 'Session', head: true, cell: (one) => h('a', { href: `#/sessions/${[one.account, one.id].map(encodeURIComponent).join('/')}` }, h('code', {}, one.id.slice(0, 8)), h('span', { class: 'away' }, one.id.slice(8)), '…') },
  { title: 'Who', of: (one) => one.principal ?? one.staff, cell: (one) => [one.principal || one.staff ? name(one.principal ?? one.staff) : h('span', { class: 'soft' }, 'nobody known'), one.impersonator && [' through ', name(one.impersonator)]] },
  { title: 'Kind', of: (one) => one.kind, cell: (one) => KINDS[one.kind] ?? one.kind },
  { title: 'Account', of: (one) => one.account, cell: (one) => one.account },
  { title: 'Trade policy', of: (one) => one.channel, cell: (one) => one.channel ?? '–' },
  { title: 'Seen', number: true, of: (one) => one.seenAt, cell: (one) => h('span', { title: moment(one.seenAt) }, ago(one.seenAt, now())) },
  { title: 'Ends', number: true, of: (one) => one.endsAt, cell: (one) => (one.ended ? badge('bad', ENDINGS[one.ended.reason]?.[0] ?? one.ended.reason) : h('span', { title: moment(one.endsAt) }, ago(one.endsAt, now()))) },
];

const VIA = { id: 'by its id', principal: 'by who acts in it', token: 'by the token', email: 'by the e-mail' };

function missing({ find, token }) {
  if (token && !find) return nothing('That is no session token.', 'Paste the whole value of the session cookie, three parts with dots between them.');
  return nothing('No session was found.', 'An e-mail or a customer’s id finds sessions in which that person is logged in now. To see what a cookie leads to, ', h('a', { href: '#/explain' }, 'explain a request'), ' that carries it.');
}

export async function show({ content, heading, signal }) {
  const all = await accounts(signal);
  const field = h('input', { type: 'search', id: 'find', autocomplete: 'off', spellcheck: 'false', 'aria-describedby': 'find-hint', 'aria-keyshortcuts': '/' });
  const account = h('select', { id: 'account' }, h('option', { value: '' }, 'all accounts'), all.map((one) => h('option', {}, one)));
  const results = h('div', { class: 'stack' });
  const found = rows({ caption: 'Sessions found', columns, sort: 'Seen' });
  let asked = 0;

  async function look() {
    asked += 1;
    const mine = asked;
    const want = wanted(field.value);
    // A token is not left on the screen for whoever walks by.
    if (want.token) field.value = want.find;
    if (!want.find) { renew(results, want.token ? missing(want) : first()); return; }
    try {
      const answer = await get(['sessions'], { account: account.value, find: want.find }, signal);
      if (mine !== asked) return;
      const ways = [...new Set(answer.found.map((one) => VIA[one.via]).filter(Boolean))].join(', ');
      const told = `${many(answer.found.length, 'session')}${ways ? `, found ${ways}` : ''}${answer.more ? '; there are more, or not all stores could be asked' : ''}.${want.token ? ' The token stayed in this page: only the id in it was asked for.' : ''}`;
      say(told);
      found.update(answer.found);
      renew(results, answer.found.length ? [h('p', { class: 'soft' }, told), found.element] : missing(want));
    } catch (error) {
      if (!signal.aborted && error.status !== 401) renew(results, problem(error, look));
    }
  }

  const first = () => nothing('Find a session to see what it holds and why.', 'From a shopper: their e-mail. From a log: the session id (x-session-id). From a browser: the value of the cookie vtex_session.');
  renew(content, heading,
    h('form', { class: 'row search', role: 'search', onsubmit: (event) => { event.preventDefault(); look(); } },
      h('div', { class: 'grow' }, h('label', { for: 'find' }, 'Session id, customer’s id or e-mail, or session cookie'), field),
      h('div', {}, h('label', { for: 'account' }, 'Account'), account),
      h('button', { class: 'main' }, 'Find')),
    h('p', { class: 'soft small', id: 'find-hint' }, 'What is typed here is not kept. A cookie’s value is read in this page, and only the id in it is looked for.'),
    results);
  renew(results, first());
  account.addEventListener('change', look);
  field.focus();
}
