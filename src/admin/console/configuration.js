// What is in force, and what became of the last change.

import { badge, h, name, nothing, part, renew, searchField, table, value } from './dom.js';
import { get, now } from './api.js';
import { ago, many, moment } from './words.js';

export const title = 'Configuration';

/** Every leaf with its path; entries of lists by their names where they have some. */
function flat(node, path = '') {
	if (node === null || typeof node !== 'object') return [[path, node]];
	const entries = Array.isArray(node)
		? node.map((one, at) => [`[${one?.name ?? one?.path ?? at}]`, one])
		: Object.entries(node).map(([key, one]) => [path ? `.${key}` : key, one]);
	// Lists of plain values read better in one line.
	if (entries.length === 0 || (Array.isArray(node) && node.every(one => one === null || typeof one !== 'object'))) return [[path, node]];
	return entries.flatMap(([key, one]) => flat(one, path + key));
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

export async function show({ content, heading, signal }) {
	const answer = await get(['configuration'], signal);
	const leaves = flat(answer.effective).map(([path, one]) => [path, plain(one)]);
	const field = searchField('within', { oninput: () => draw() });
	const told = h('p.soft.small', { role: 'status' });
	const list = h('div');
	const draw = () => {
		const want = field.value.trim().toLowerCase();
		const shown = leaves.filter(([path, text]) => !want || path.toLowerCase().includes(want) || text.toLowerCase().includes(want));
		told.textContent = want ? `${shown.length} of ${many(leaves.length, 'value')}` : many(leaves.length, 'value');
		renew(list, shown.length === 0 ? nothing('No key and no value fits.', 'Keys with their whole paths and values are searched.')
			: h('dl.leaves', shown.map(([path, text]) => h('div', h('dt', h('code', marked(path, want))), h('dd', marked(text, want))))));
	};
	renew(content, heading,
		part('reload', 'Last reload', reload(answer)),
		part('effective', 'In force', h('p.soft', 'Files, environment variables and defaults put together. Secrets are not sent here.'),
			h('div.row.search', h('div.grow', h('label', { for: 'within' }, 'Search keys and values'), field)), told, list));
	draw();
}
