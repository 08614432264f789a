// Finds sessions. What is typed is never part of the page's address and is kept nowhere.

import { h, name, nothing, problem, renew, say } from './dom.js';
import { accounts, get, now } from './api.js';
import { rows } from './rows.js';
import { KINDS, ago, many, moment } from './words.js';

export const title = 'Sessions';

/**
 * What to look for. Of a pasted token (or a whole cookie line) only the id in it is asked for: the
 * token itself never leaves this page, so it ends in no log of an address.
 */
export function wanted(text) {
  const trimmed = text.trim();
  const token = trimmed.match(/[A-Za-z0-9_-]+\.([A-Za-z0-9_-]+)\.[A-Za-z0-9_-]*/);
  if (!token || !trimmed.includes('eyJ')) return { find: trimmed };
  try {
    const bytes = Uint8Array.from(atob(token[1].replaceAll('-', '+').replaceAll('_', '/')), (char) => char.charCodeAt(0));
    const claims = JSON.parse(new TextDecoder().decode(bytes));
    const id = claims.id ?? claims.sid ?? claims.userId ?? claims.sub;
    if (typeof id === 'string') return { find: id, token: true };
  } catch { /* It looks like a token and is none. */ }
  return { find: '', token: true };
}

const path = (one) => `#/sessions/${encodeURIComponent(one.account)}/${encodeURIComponent(one.id)}`;

const columns = [
  { title: 'Session', head: true, cell: (one) => h('a', { href: path(one) }, h('code', {}, one.id.slice(0, 8)), h('span', { class: 'away' }, one.id.slice(8)), '…') },
  { title: 'Who', of: (one) => one.principal ?? '', cell: (one) => [one.principal ? name(one.principal) : h('span', { class: 'soft' }, 'nobody known'), one.impersonator && h('span', { class: 'soft small' }, ' through ', name(one.impersonator))] },
  { title: 'Kind', of: (one) => one.kind, cell: (one) => KINDS[one.kind] ?? one.kind },
  { title: 'Account', of: (one) => one.account, cell: (one) => one.account },
  { title: 'Channel', of: (one) => one.channel, cell: (one) => one.channel ?? '–' },
  { title: 'Seen', number: true, of: (one) => one.seenAt, cell: (one) => h('span', { title: moment(one.seenAt) }, ago(one.seenAt, now())) },
  { title: 'Ends', number: true, of: (one) => one.endsAt, cell: (one) => h('span', { title: moment(one.endsAt) }, one.ended ? `ended: ${one.ended.reason ?? one.ended}` : ago(one.endsAt, now())) },
];

const VIA = {
  id: 'by its id', principal: 'by who acts in it', token: 'by the token', email: 'by the e-mail', recent: 'seen last',
};

export async function show({ content, heading, signal }) {
  const all = await accounts(signal);
  const field = h('input', { type: 'search', id: 'find', name: 'find', autocomplete: 'off', spellcheck: 'false', 'aria-describedby': 'find-hint', 'aria-keyshortcuts': '/' });
  const account = h('select', { id: 'account' }, h('option', { value: '' }, 'all accounts'), all.map((one) => h('option', {}, one)));
  const results = h('div', {});
  const told = h('p', { class: 'soft' });
  const found = rows({ caption: 'Sessions found', columns, sort: 'Seen' });
  let asked = 0;

  async function look() {
    const mine = ++asked;
    const { find, token } = wanted(field.value);
    // A token is not left on the screen for whoever walks by.
    if (token) field.value = find;
    if (token && !find) {
      renew(results, nothing('That is no session token.', 'Paste the whole value of the cookie vtex_session, three parts with dots between them.'));
      return;
    }
    results.setAttribute('aria-busy', 'true');
    try {
      const answer = await get(['sessions'], { account: account.value, find }, signal);
      if (mine !== asked) return;
      const ways = [...new Set(answer.found.map((one) => VIA[one.via]).filter(Boolean))].join(', ');
      told.textContent = `${find ? 'Found ' : 'Seen last: '}${many(answer.found.length, 'session')}${answer.more ? ', and there are more: narrow the search' : ''}${find && ways ? `, ${ways}` : ''}.${token ? ' The token stayed in this page; only the id in it was asked for, and its signature was not checked.' : ''}`;
      say(told.textContent);
      found.update(answer.found);
      renew(results, answer.found.length ? [told, found.element] : missing(find));
    } catch (error) {
      if (!signal.aborted && error.status !== 401) renew(results, problem(error, look));
    } finally {
      results.removeAttribute('aria-busy');
    }
  }

  renew(content, heading,
    h('form', { class: 'row search', role: 'search', onsubmit: (event) => { event.preventDefault(); look(); } },
      h('div', { class: 'grow' }, h('label', { for: 'find' }, 'Find a session'), field),
      h('div', {}, h('label', { for: 'account' }, 'Account'), account),
      h('button', { class: 'main' }, 'Find')),
    h('p', { class: 'soft small', id: 'find-hint' }, 'A session id, a customer’s id or e-mail, or the value of the session cookie. Nothing typed here is kept.'),
    results);
  account.addEventListener('change', look);
  await look();
}

function missing(find) {
  if (!find) return nothing('No session yet.', 'Open the store in a browser: its first page makes one, which is then listed here.');
  return nothing('No session was found.', 'An e-mail or a customer’s id finds sessions in which that person is logged in now. A session that ended is found by its id for a while. ', h('a', { href: '#/explain' }, 'Explain a request'), ' to see which session a cookie would lead to.');
}
