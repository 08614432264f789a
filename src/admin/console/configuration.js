// What is in force, and what became of the last change.

import { badge, h, name, nothing, part, renew, searchField, table, value } from './dom.js';
import { get, now } from './api.js';
import { ago, many, moment } from './words.js';

export const title = 'Configuration';

const isTable = one => one !== null && typeof one === 'object' && !Array.isArray(one);
const isTables = one => Array.isArray(one) && one.some(isTable);

/** What an entry of a list is called. */
const named = (one, at) => one?.name ?? one?.path ?? one?.address ?? String(at + 1);

/** Where a value is written; what is written nowhere is a default. A whole table may come from one place. */
const within = (origin, key) => (typeof origin === 'string' ? origin : origin?.[key]);

/** Every value below a table with its path, and where it is written; a list of plain values is one. */
function leaves(node, origin, path = '') {
	return Object.entries(node).flatMap(([key, one]) => {
		const at = path ? `${path}.${key}` : key;
		const from = within(origin, key);
		if (isTable(one) && Object.keys(one).length > 0) return leaves(one, from, at);
		if (isTables(one)) return one.flatMap((each, place) => leaves(each, within(from, place), `${at}[${named(each, place)}]`));
		return [{ key: at, text: plain(one), from: typeof from === 'string' ? from : undefined }];
	});
}

/**
 * The tables of the file in their order, each with its header as it is written there: `[store]`,
 * `[[account.route]]` with whose and which it is. Small tables within one stay with it.
 */
function sections(node, origin, path = '', whose = []) {
	const own = {};
	const below = [];
	for (const [key, one] of Object.entries(node)) {
		const at = path ? `${path}.${key}` : key;
		const from = within(origin, key);
		if (isTables(one)) below.push(...one.flatMap((each, place) => sections(each, within(from, place), at, [...whose, named(each, place)])));
		else if (isTable(one) && (!path || Object.keys(one).length > 3)) below.push(...sections(one, from, at, whose));
		else own[key] = one;
	}
	const header = whose.length && path.split('.').length <= whose.length ? `[[${path}]]` : `[${path}]`;
	const all = leaves(own, origin);
	return [...(all.length ? [{ header, whose: whose.join(' · '), all }] : []), ...below];
}

const plain = one => (Array.isArray(one) ? one.map(each => (typeof each === 'string' ? each : JSON.stringify(each))).join(', ') || '(none)' : typeof one === 'string' ? one : JSON.stringify(one));

function marked(text, want) {
	const at = want ? text.toLowerCase().indexOf(want) : -1;
	return at < 0 ? text : [text.slice(0, at), h('mark', text.slice(at, at + want.length)), text.slice(at + want.length)];
}

function reload(answer) {
	const last = answer.lastReload;
	if (!last) return h('p', badge('good', 'in force'), ` As read at the start, ${moment(answer.loadedAt)} (${ago(answer.loadedAt, now())}). Nothing was loaded since.`);
	const head = h('p', badge(last.ok ? 'good' : 'bad', last.ok ? 'put in force' : 'refused'), ` The last reload was at ${moment(last.at)} (${ago(last.at, now())}). `,
		last.ok ? '' : h('strong', `The configuration of ${moment(answer.loadedAt)} stays in force.`));
	const { changed, problems } = last;
	return [head,
		!last.ok && h('div.problem', h('p', `Why it was refused (${many(problems.length, 'problem')}):`), h('ul.list', problems.map(one => h('li', h('pre', one))))),
		changed.length > 0 && table('What the last reload changed', ['Key', 'Before', 'After'], changed.map(one => h('tr',
			h('th', { scope: 'row' }, name(one.path)), h('td', { 'data-title': 'Before' }, value(one.before)), h('td', { 'data-title': 'After' }, value(one.after)))), 'stacks'),
		last.ok && changed.length === 0 && h('p.soft', 'It changed nothing.')];
}

/** One value: set ones say where, in bold; of others that they are defaults. Neither needs a colour. */
function leaf({ key, text, from }, want) {
	const file = from?.split('/').at(-1);
	return h(`div${from ? '.set' : ''}`, h('dt', h('code', marked(key, want))), h('dd', h('span.value', marked(text, want)), ' ',
		from ? h('span.origin', { title: from }, `set in ${file}`) : h('span.origin.soft', 'default')));
}

export async function show({ content, heading, signal }) {
	const answer = await get(['configuration'], signal);
	const all = sections(answer.effective, answer.origins).map((one, at) => ({ ...one, id: `section-${at}`, title: [one.header, one.whose].filter(Boolean).join(' ') }));
	const total = all.reduce((sum, one) => sum + one.all.length, 0);
	const field = searchField('within', { oninput: () => draw() });
	const only = h('input', { type: 'checkbox', id: 'only-set', onchange: () => draw() });
	const jump = h('select', { id: 'jump', onchange: () => {
		const target = document.getElementById(jump.value);
		jump.value = '';
		target?.focus({ preventScroll: true });
		target?.scrollIntoView({ block: 'start' });
	} });
	const told = h('p.soft.small', { role: 'status' });
	const list = h('div.stack');
	const draw = () => {
		const want = field.value.trim().toLowerCase();
		const fits = ({ title }) => one => (!only.checked || one.from) && (!want || one.key.toLowerCase().includes(want) || one.text.toLowerCase().includes(want) || title.toLowerCase().includes(want));
		const shown = all.map(one => ({ ...one, all: one.all.filter(fits(one)) })).filter(one => one.all.length > 0);
		const sum = shown.reduce((all, one) => all + one.all.length, 0);
		told.textContent = `${sum < total ? `${sum} of ` : ''}${many(total, 'value')} in ${many(shown.length, 'section')}`;
		renew(jump, h('option', { value: '' }, 'choose a section'), shown.map(one => h('option', { value: one.id }, `${one.title} (${one.all.length})`)));
		renew(list, shown.length === 0 ? nothing('No key and no value fits.', 'Keys, values and names of sections are searched.')
			: shown.map(one => h('section.section', { 'aria-labelledby': one.id }, h('h3', { id: one.id, tabindex: '-1' }, h('code', marked(one.header, want)), one.whose && [' ', marked(one.whose, want)]), h('dl.leaves', one.all.map(each => leaf(each, want))))));
	};
	renew(content, heading,
		part('reload', 'Last reload', reload(answer)),
		part('effective', 'In force', h('p.soft', 'Files, environment variables and defaults put together, by the sections of the file. What is set is in bold and says where; the rest are defaults, or follow from others. Secrets are not sent here.'),
			h('div.row.search', h('div.grow', h('label', { for: 'within' }, 'Search keys and values'), field), h('div', h('label', { for: 'jump' }, 'Go to'), jump), h('p.check', only, h('label', { for: 'only-set' }, ' Only what is set'))), told, list));
	draw();
}
