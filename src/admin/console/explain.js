// What would be decided about a request, without sending it; two of them side by side.

import { badge, h, name, nothing, problem, renew, say } from './dom.js';
import { get, post } from './api.js';
import { many } from './words.js';

export const title = 'Explain';

// The members of `vestibule explain --json`, in the order of a request's way.
const SECTIONS = [
  ['verdict', 'Verdict'], ['request', 'Request'], ['inputs', 'Inputs: what the request says'], ['lookup', 'Look-up of the session'], ['lifetime', 'Lifetime, in numbers'],
  ['cycle', 'Cycle, round by round'], ['lookups', 'Look-ups at other services'], ['changed', 'Values that change'],
  ['upstream_headers', 'Headers for the store'], ['set_cookies', 'Leaving with the response'], ['events', 'Events'],
];

const EXAMPLES = [
  'GET /?utm_campaign=blackfriday HTTP/1.1\nHost: HOST\nAccept: text/html\nSec-Fetch-Mode: navigate\nSec-Fetch-Dest: document\n',
  "curl 'http://HOST/?sc=2' -H 'Accept: text/html' -H 'Sec-Fetch-Mode: navigate'",
];

function form(which, optional, host) {
  const text = h('textarea', { id: `request-${which}`, rows: '7', spellcheck: 'false', autocomplete: 'off', autocapitalize: 'off', required: !optional });
  const example = h('button', { type: 'button', class: 'small', onclick: () => { text.value = EXAMPLES[which].replaceAll('HOST', host); text.focus(); } }, 'Put in an example');
  return { text, element: h('div', { class: 'grow' }, h('div', { class: 'row between' }, h('label', { for: `request-${which}` }, which === 0 ? 'Request, as HTTP text or a curl line' : 'Compare with'), example), text) };
}

const pairs = (report, section) => report?.[section] ?? [];

/** A part of a cycle's line: the round as a heading, the sentence beneath. */
function single(report) {
  return SECTIONS.filter(([key]) => key !== 'lookups' || pairs(report, key).length).map(([key, label]) => h('section', { class: 'explained' }, h('h3', {}, label),
    pairs(report, key).length
      ? h('dl', { class: 'pairs' }, grouped(pairs(report, key)).map(([first, seconds]) => h('div', {}, h('dt', {}, name(first)), seconds.map((second) => h('dd', {}, second)))))
      : h('p', { class: 'soft' }, 'nothing')));
}

/** Lines that follow each other under one name stand under it together. */
function grouped(lines) {
  const groups = [];
  for (const [first, second] of lines) {
    if (groups.at(-1)?.[0] === first) groups.at(-1)[1].push(second);
    else groups.push([first, [second]]);
  }
  return groups;
}

/** Aligns two lists of pairs by name, repeated names in their order. */
export function align(left, right) {
  const rest = right.map(([first, second]) => ({ first, second, taken: false }));
  const lines = left.map(([first, second]) => {
    const same = rest.find((one) => !one.taken && one.first === first && one.second === second) ?? rest.find((one) => !one.taken && one.first === first && !left.some((other) => other[0] === first && other[1] === one.second));
    if (same) same.taken = true;
    return { first, left: second, right: same?.second };
  });
  for (const one of rest) if (!one.taken) lines.push({ first: one.first, left: undefined, right: one.second });
  return lines;
}

const SIGNS = { same: ['=', 'same'], other: ['≠', 'different'], gone: ['−', 'only in the first'], added: ['+', 'only in the second'] };
const kindOf = (line) => (line.left === undefined ? 'added' : line.right === undefined ? 'gone' : line.left === line.right ? 'same' : 'other');

function compared(first, second) {
  let differences = 0;
  const sections = SECTIONS.map(([key, label]) => {
    const lines = align(pairs(first, key), pairs(second, key));
    if (lines.length === 0) return undefined;
    const unlike = lines.filter((line) => kindOf(line) !== 'same').length;
    differences += unlike;
    return h('section', { class: 'explained' }, h('h3', {}, label, ' ', badge(unlike ? 'warn' : 'good', unlike ? many(unlike, 'difference') : 'the same')),
      h('table', { class: 'compare' }, h('caption', { class: 'away' }, label),
        h('thead', {}, h('tr', {}, h('th', { scope: 'col', class: 'sign' }, h('span', { class: 'away' }, 'Difference')), ['Name', 'First', 'Second'].map((one) => h('th', { scope: 'col' }, one)))),
        h('tbody', {}, lines.map((line) => {
          const kind = kindOf(line);
          const [sign, word] = SIGNS[kind];
          return h('tr', { class: kind }, h('td', { class: 'sign' }, h('span', { 'aria-hidden': 'true' }, sign), h('span', { class: 'away' }, word)), h('th', { scope: 'row' }, name(line.first)),
            h('td', { 'data-title': 'First' }, line.left ?? '–'), h('td', { 'data-title': 'Second' }, line.right ?? '–'));
        }))));
  });
  return [h('p', { class: 'lead', tabindex: '-1' }, differences ? `${many(differences, 'difference')} between the two.` : 'The two are decided alike.',
    h('span', { class: 'soft small' }, ' = same, ≠ different, − only in the first, + only in the second')), sections];
}

/** A host of the account, for examples that are answered as they stand. */
async function hostOf(account, signal) {
  try {
    const { effective } = await get(['configuration'], {}, signal);
    const all = effective.account ?? [];
    return (all.find((one) => one.name === account) ?? all[0]).hosts.find((one) => !one.includes('*')) ?? 'localhost';
  } catch (error) {
    if (signal.aborted || error.status === 401) throw error;
    return 'localhost';
  }
}

export async function show({ content, heading, given, signal }) {
  const host = await hostOf(given.account, signal);
  const first = form(0, false, host);
  const second = form(1, true, host);
  second.element.hidden = true;
  const session = h('input', { id: 'session', autocomplete: 'off', spellcheck: 'false', value: given.id });
  const both = h('input', { type: 'checkbox', id: 'both', onchange: () => { second.element.hidden = !both.checked; } });
  const results = h('div', { class: 'results' });
  const go = h('button', { class: 'main' }, 'Explain');

  async function ask(event) {
    event?.preventDefault();
    go.disabled = true;
    results.setAttribute('aria-busy', 'true');
    const one = (text) => post(['explain'], { request: text, session: session.value.trim() || undefined }, signal);
    try {
      const two = both.checked && second.text.value.trim();
      const [left, right] = await Promise.all([one(first.text.value), two ? one(second.text.value) : undefined]);
      renew(results, h('h2', { tabindex: '-1' }, 'What would happen'), right ? compared(left, right) : single(left));
      results.querySelector('h2').focus({ preventScroll: true });
      results.scrollIntoView({ block: 'start' });
      say('Explained');
    } catch (error) {
      if (!signal.aborted && error.status !== 401) renew(results, problem(error, () => ask()));
    } finally {
      go.disabled = false;
      results.removeAttribute('aria-busy');
    }
  }

  renew(content, heading,
    h('p', { class: 'soft' }, 'A dry run: nothing is sent to the store, nothing is kept, no session changes. Tokens in a request are read and not shown.'),
    h('form', { class: 'stack', onsubmit: ask },
      h('div', { class: 'pair' }, first.element, second.element),
      h('div', { class: 'row search' },
        h('div', { class: 'grow' }, h('label', { for: 'session' }, 'As this session (its id, may be left out)'), session),
        h('p', { class: 'check' }, both, h('label', { for: 'both' }, ' Compare with another')),
        go)),
    results);
  renew(results, nothing('Nothing was explained yet.', 'Put in a request: from the browser’s network panel by “Copy as cURL”, or write its lines. It tells which inputs are read, which session is found, which apps run and why, and what leaves.'));
}
