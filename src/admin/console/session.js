// One session: who, until when, what it holds and why, and how to end it.

import { badge, h, name, nothing, part, put, renew, say, table, value } from './dom.js';
import { get, now, remove } from './api.js';
import { confirm } from './dialog.js';
import { lifeline } from './lifeline.js';
import { ENDINGS, KINDS, ago, count, many, moment, span } from './words.js';
import { byField, effects, fieldOf, occasion, story, writer } from './why.js';

export const title = 'Session';

const fact = (term, ...said) => [h('dt', {}, term), put(h('dd', {}), said)];
const when = (at) => [h('time', { datetime: new Date(at).toISOString() }, moment(at)), h('span', { class: 'soft' }, `, ${ago(at, now())}`)];

function over(one) {
  const end = one.ended;
  if (!end) return undefined;
  const [word, meaning] = ENDINGS[end.reason] ?? [end.reason, ''];
  return h('div', { class: 'problem' },
    h('p', {}, badge('bad', 'over'), ' ', h('strong', {}, `This session ended: ${word}.`), ' ', meaning),
    h('p', {}, end.at ? ['At ', ...when(end.at), one.seenAt ? `; the shopper had been seen ${span(end.at - one.seenAt)} before.` : '.'] : ''),
    end.successor && h('p', {}, 'What is not personal went on in ', h('a', { href: `#/sessions/${encodeURIComponent(one.account)}/${encodeURIComponent(end.successor)}` }, `session ${end.successor.slice(0, 8)}…`), '.'));
}

function times(one) {
  const age = now() - one.issuedAt;
  const due = one.lifetimeMs - one.windowMs;
  const timeout = due - age;
  return [
    h('dl', { class: 'facts' },
      fact('Created', ...when(one.createdAt)),
      fact('Seen last', ...when(one.seenAt)),
      fact('Cookie issued', ...when(one.issuedAt)),
      fact('Ends', ...when(one.endsAt), h('span', { class: 'soft' }, ' unless the shopper comes back before')),
      fact('Lifetime', span(one.lifetimeMs), h('span', { class: 'soft' }, ` (${count(one.lifetimeMs)} ms)`)),
      fact('Renewal window', span(one.windowMs), h('span', { class: 'soft' }, ` (${count(one.windowMs)} ms)`))),
    lifeline(one, now()),
    h('p', { class: 'sum' }, 'Time until the cookie is issued again: (lifetime − window) − age = ',
      h('code', {}, `(${count(one.lifetimeMs)} − ${count(one.windowMs)}) − ${count(age)} = ${count(timeout)} ms`), '. ',
      timeout > 0 ? `A request within the next ${span(timeout)} leaves the cookie as it is; a later one renews it.` : 'The next request of the shopper renews the cookie.'),
  ];
}

function documentOf(one, known) {
  const spaces = Object.entries(one.document?.namespaces ?? {}).sort(([a], [b]) => (a < b ? -1 : 1));
  if (spaces.length === 0) return nothing('The session holds nothing.', 'Values come with the first request that says something, or the first app that answers.');
  const filter = h('input', { type: 'search', id: 'within', autocomplete: 'off', spellcheck: 'false' });
  const list = h('div', {});
  const draw = () => {
    const want = filter.value.trim().toLowerCase();
    const parts = spaces.map(([space, keys]) => {
      const shown = Object.entries(keys).filter(([key, held]) => !want || `${space}.${key} ${JSON.stringify(held?.value ?? held)}`.toLowerCase().includes(want));
      return shown.length && namespace(space, shown, known);
    }).filter(Boolean);
    renew(list, parts.length ? parts : nothing('No value fits.', 'Names of fields and values are searched.'));
  };
  filter.addEventListener('input', draw);
  draw();
  return [h('div', { class: 'row search' }, h('div', { class: 'grow' }, h('label', { for: 'within' }, 'Search in the document'), filter)), list];
}

function namespace(space, keys, known) {
  return h('section', { class: 'space' }, h('h3', {}, name(space), h('span', { class: 'soft' }, ` ${many(keys.length, 'value')}`)),
    table(`Values of ${space}`, ['Key', 'Value', 'Written by', 'When', 'Why'], keys.map(([key, held]) => {
      const field = `${space}.${key}`;
      const one = known.get(field);
      const causes = one?.because ?? [];
      return h('tr', {},
        h('th', { scope: 'row', 'data-title': 'Key' }, name(key)),
        h('td', { 'data-title': 'Value' }, value(held !== null && typeof held === 'object' && 'value' in held ? held.value : held)),
        h('td', { 'data-title': 'Written by' }, writer(one)),
        h('td', { 'data-title': 'When', class: 'soft' }, occasion(one, now()) ?? '–'),
        h('td', { 'data-title': 'Why' }, causes.length
          ? h('details', { ontoggle: (event) => fillStory(event.target, field, known) }, h('summary', {}, causes.length === 1 ? name(fieldOf(causes[0])) : [name(fieldOf(causes[0])), ` and ${causes.length - 1} more`]))
          : h('span', { class: 'soft' }, '–')));
    }), { class: 'stacks' }));
}

function fillStory(details, field, known) {
  if (details.open && !details.querySelector('.story')) details.append(story(field, known, now()));
}

function endings(one, after) {
  const principal = one.principal ?? one.document?.namespaces?.profile?.id?.value;
  const endOne = () => confirm({
    title: 'End this session?',
    verb: 'End the session',
    facts: [
      'Its cookie stops to work at once, on every instance.',
      principal ? 'Whoever acts in it is logged out; their login token is not accepted again.' : 'The shopper goes on as a new anonymous one.',
      'What is not personal (campaign, culture, place) goes on in the new session.',
      'It is written to the audit log as ended from the console.'],
    act: () => remove(['accounts', one.account, 'sessions', one.id]),
  });
  const endAll = () => confirm({
    title: `End all sessions of ${principal}?`,
    verb: 'End all of them',
    facts: [
      `Every session of ${principal} in ${one.account} ends, on all devices and all instances.`,
      'The person is logged out everywhere and has to log in again.',
      'It is written to the audit log.'],
    act: () => remove(['accounts', one.account, 'principals', principal, 'sessions']),
  });
  const then = async (asked, said) => { if (await asked()) { say(said); await after(); } };
  return h('div', { class: 'row' },
    h('button', { type: 'button', class: 'danger', onclick: () => then(endOne, 'The session was ended.') }, 'End this session …'),
    principal && h('button', { type: 'button', class: 'danger', onclick: () => then(endAll, 'All sessions of this person were ended.') }, 'End all of this person …'));
}

export async function show(frame) {
  const { content, heading, given, signal } = frame;
  const one = await get(['accounts', given.account, 'sessions', given.id], {}, signal);
  const known = byField(one.values ?? []);
  const who = known.get('profile.email')?.value ?? one.principal;
  heading.textContent = who ? `Session of ${who}` : 'Session of an anonymous shopper';
  frame.title(heading.textContent);
  const here = [given.account, given.id].map(encodeURIComponent).join('/');
  renew(content,
    h('p', { class: 'crumbs' }, h('a', { href: '#/sessions' }, 'Sessions'), ' / ', one.account),
    heading,
    h('p', {}, badge(one.ended ? 'bad' : 'good', one.ended ? 'ended' : 'alive'), ' ', KINDS[one.kind] ?? one.kind, h('span', { class: 'soft' }, ' · id '), h('code', { class: 'name' }, one.id), one.document?.version !== undefined && h('span', { class: 'soft' }, ` · version ${one.document.version}`)),
    over(one),
    h('p', { class: 'row' }, h('a', { class: 'button', href: `#/cycles/${here}` }, 'Its cycles, round by round'), h('a', { class: 'button', href: `#/explain/${here}` }, 'Explain a request with it')),
    part('gets', 'What this shopper gets, and why', h('div', { class: 'cards' }, effects(known, now()))),
    part('time', 'Time', times(one)),
    part('document', 'Document', documentOf(one, known)),
    !one.ended && part('end', 'End it', endings(one, () => show(frame).catch(() => { location.hash = '#/sessions'; }))));
}
