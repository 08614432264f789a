// What is in force, and what became of the last change.

import { badge, h, name, nothing, part, problem, renew, say, table, value } from './dom.js';
import { get, now } from './api.js';
import { ago, many, moment } from './words.js';

export const title = 'Configuration';

/** Every leaf with its path; entries of lists by their names where they have some. */
export function flat(node, path = '') {
  if (node === null || typeof node !== 'object') return [[path, node]];
  const entries = Array.isArray(node)
    ? node.map((one, at) => [`[${one?.name ?? one?.path ?? at}]`, one])
    : Object.entries(node).map(([key, one]) => [path ? `.${key}` : key, one]);
  // Lists of plain values read better in one line.
  if (entries.length === 0 || (Array.isArray(node) && node.every((one) => one === null || typeof one !== 'object'))) return [[path, node]];
  return entries.flatMap(([key, one]) => flat(one, path + key));
}

const plain = (one) => (Array.isArray(one) ? one.map((each) => (typeof each === 'string' ? each : JSON.stringify(each))).join(', ') || '(none)' : typeof one === 'string' ? one : JSON.stringify(one));

function marked(text, want) {
  const at = want ? text.toLowerCase().indexOf(want) : -1;
  return at < 0 ? text : [text.slice(0, at), h('mark', {}, text.slice(at, at + want.length)), text.slice(at + want.length)];
}

function reload(answer) {
  const last = answer.lastReload;
  if (!last) return h('p', {}, badge('good', 'in force'), ` As read at the start, ${moment(answer.loadedAt)} (${ago(answer.loadedAt, now())}). Nothing was loaded since.`);
  const head = h('p', {}, badge(last.ok ? 'good' : 'bad', last.ok ? 'put in force' : 'refused'), ` The last reload was at ${moment(last.at)} (${ago(last.at, now())}). `,
    last.ok ? '' : h('strong', {}, `The configuration of ${moment(answer.loadedAt)} stays in force.`));
  const changed = last.changed ?? [];
  return [head,
    !last.ok && h('div', { class: 'problem' }, h('p', {}, `Why it was refused (${many((last.problems ?? []).length, 'problem')}):`), h('ul', { class: 'list' }, (last.problems ?? []).map((one) => h('li', {}, h('pre', {}, typeof one === 'string' ? one : one.message ?? JSON.stringify(one)))))),
    changed.length > 0 && table('What the last reload changed', ['Key', 'Before', 'After'], changed.map((one) => h('tr', {},
      h('th', { scope: 'row', 'data-title': 'Key' }, name(one.path ?? one)), h('td', { 'data-title': 'Before' }, h('del', {}, value(one.before))), h('td', { 'data-title': 'After' }, value(one.after)))), { class: 'stacks' }),
    last.ok && changed.length === 0 && h('p', { class: 'soft' }, 'It changed nothing.')];
}

export async function show({ content, heading, signal }) {
  const answer = await get(['configuration'], {}, signal);
  const leaves = flat(answer.effective).map(([path, one]) => [path, plain(one)]);
  const field = h('input', { type: 'search', id: 'within', autocomplete: 'off', spellcheck: 'false', 'aria-keyshortcuts': '/' });
  const told = h('p', { class: 'soft small', role: 'status' });
  const list = h('div', {});
  const draw = () => {
    const want = field.value.trim().toLowerCase();
    const shown = leaves.filter(([path, text]) => !want || path.toLowerCase().includes(want) || text.toLowerCase().includes(want));
    told.textContent = want ? `${shown.length} of ${many(leaves.length, 'value')}` : many(leaves.length, 'value');
    renew(list, shown.length === 0 ? nothing('No key and no value fits.', 'The whole path of a key is searched, such as “lifetime”, and values.')
      : h('dl', { class: 'leaves' }, shown.map(([path, text]) => h('div', {}, h('dt', {}, h('code', {}, marked(path, want))), h('dd', { class: text === '(hidden)' ? 'soft' : '' }, marked(text, want))))));
  };
  field.addEventListener('input', draw);
  const copy = h('button', { type: 'button', class: 'small', onclick: async () => {
    try { await navigator.clipboard.writeText(answer.text); say('Copied'); copy.textContent = 'Copied'; } catch (error) { copy.replaceWith(problem(error)); }
  } }, 'Copy');
  renew(content, heading,
    part('reload', 'Last reload', reload(answer)),
    part('effective', 'In force', h('p', { class: 'soft' }, 'Every key with the value that counts: files, the overlay, environment variables and defaults put together. Secrets are not shown; they are not sent here.'),
      h('div', { class: 'row search' }, h('div', { class: 'grow' }, h('label', { for: 'within' }, 'Search keys and values'), field)), told, list),
    answer.text && h('details', {}, h('summary', {}, 'The same as text'), h('p', {}, copy), h('pre', { class: 'scroll tall', tabindex: '0', role: 'region', 'aria-label': 'Configuration as text' }, answer.text)));
  draw();
}
