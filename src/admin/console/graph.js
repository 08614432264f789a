// Which app listens to what, and what it writes, as the configuration says: parameters on the left,
// apps in the middle, the namespaces they write on the right; drawn, and as a list.

import { h, link, list, name, nothing, part, put, renew, s, to } from './dom.js';
import { accounts, get } from './api.js';
import { layout } from './layout.js';
import { many } from './words.js';

export const title = 'Cycles';

const STEP = 32;
const TALL = 24;
const WIDE = [292, 154, 154];
const GAP = 70;

/** Each app with the fields that it listens to and writes, and who writes and hears each field. */
function wiring({ nodes, edges }) {
	const named = new Map(nodes.map(node => [node.id, node.name]));
	const apps = new Map(nodes.filter(node => node.kind === 'app').map(node => [node.name, { ...node, reads: [], writes: [] }]));
	// By their ids, since an app and a namespace may share a name.
	const app = id => (id.startsWith('app/') ? apps.get(named.get(id)) : undefined);
	for (const { from, to, key } of edges) {
		app(to)?.reads.push(`${named.get(from)}.${key}`);
		app(from)?.writes.push(`${named.get(to)}.${key}`);
	}
	const those = (kind, wanted) => [...apps].filter(([, app]) => app[kind].includes(wanted)).map(([one]) => one);
	return { apps, writers: one => those('writes', one), readers: one => those('reads', one) };
}

const space = one => `${one.split('.')[0]}.*`;
const cut = (text, room) => (text.length > room ? `${text.slice(0, room / 2 - 1)}…${text.slice(1 - room / 2)}` : text);
const strong = all => list(all, one => h('strong', one));

/** What a node is about, in words. Nodes are `column name`, since an app and a namespace may share a name. */
function words(node, { apps, writers, readers }) {
	const one = node.slice(2);
	if (node[0] === '0') {
		const by = writers(one);
		return [name(one), by.length ? [' is written by ', strong(by)] : ' comes from requests', ' and heard by ', strong(readers(one)), '.'];
	}
	if (node[0] === '2') {
		const by = [...apps].filter(([, app]) => app.writes.some(field => space(field) === one)).map(([app]) => app);
		return [h('strong', one), ' is written by ', strong(by), '.'];
	}
	const { reads, writes, runOnCreate, conditional } = apps.get(one);
	const next = [...new Set(writes.flatMap(readers))];
	return [h('strong', one), ' listens to ', list(reads, name), ' and writes ', list(writes, name), '. ',
		next.length ? ['What it writes is heard by ', strong(next), '. '] : 'No other app listens to what it writes. ',
		runOnCreate && 'It is asked for every new session. ', conditional && 'It is asked only while its condition holds.'];
}

function shapeOf(column, x, y) {
	const [wide, half] = [WIDE[column], TALL / 2];
	if (column === 2) return s('path', { d: `M${x + 8} ${y - half}h${wide - 16}l8 ${half}l-8 ${half}h${16 - wide}l-8 ${-half}z` });
	return s('rect', { x, y: y - half, width: wide, height: TALL, rx: column === 0 ? half : 3 });
}

function draw(wires, room, tell) {
	const gap = Math.max(GAP, (room - WIDE[0] - WIDE[1] - WIDE[2] - 32) / 2);
	const left = [4, WIDE[0] + gap, WIDE[0] + WIDE[1] + 2 * gap];
	const width = left[2] + WIDE[2] + 4;
	const { apps, writers } = wires;
	const links = [...apps].flatMap(([app, { reads, writes }]) => [
		...reads.map(one => [`0 ${one}`, `1 ${app}`]), ...[...new Set(writes.map(space))].map(to => [`1 ${app}`, `2 ${to}`])]);
	const nodes = [...new Set([...[...apps.keys()].map(app => `1 ${app}`), ...links.flat()])];
	const { y, height, ordered } = layout([0, 1, 2].map(column => nodes.filter(node => Number(node[0]) === column)), links, STEP);
	const top = node => y.get(node) + 26;
	const drawing = s('svg.graph', { width, height: height + 40, viewBox: `0 0 ${width} ${height + 40}`, role: 'group', 'aria-label': 'App graph. Arrow keys lead from node to node.' },
		['Parameters', 'Apps', 'Namespaces'].map((text, at) => s('text.column', { x: left[at], y: 16 }, text)));
	const lines = links.map(([from, to]) => {
		const x = left[from[0]] + WIDE[from[0]];
		const end = left[to[0]];
		return { from, to, shape: s('path.edge', { d: `M${x} ${top(from)}C${x + gap / 2} ${top(from)} ${end - gap / 2} ${top(to)} ${end} ${top(to)}` }) };
	});
	const order = ordered.flat();
	const shapes = new Map(order.map(node => {
		const column = Number(node[0]);
		const one = node.slice(2);
		const x = left[column];
		const made = column === 0 && writers(one).length > 0;
		return [node, s(`g.node.k${column}${made ? '.made' : ''}`, { tabindex: '-1', role: 'button', 'aria-pressed': 'false', 'aria-label': one, 'data-node': node },
			s('title', one), shapeOf(column, x, top(node)), s('text.middle', { x: x + WIDE[column] / 2, y: top(node) + 4 }, cut(one, WIDE[column] / 7)))];
	}));

	let pinned;
	function light(node) {
		const near = new Set([node]);
		for (const line of lines) {
			const on = line.from === node || line.to === node;
			line.shape.classList.toggle('on', on);
			if (on) near.add(line.from).add(line.to);
		}
		drawing.classList.toggle('focused', node !== undefined);
		for (const [other, shape] of shapes) {
			shape.classList.toggle('near', near.has(other));
			shape.setAttribute('aria-pressed', String(other === pinned));
		}
		tell(node);
	}
	const pin = node => { pinned = pinned === node ? undefined : node; light(pinned); };
	const beside = (node, key) => {
		if (key === 'ArrowDown' || key === 'ArrowUp') return order[(order.indexOf(node) + (key === 'ArrowDown' ? 1 : -1) + order.length) % order.length];
		return key === 'ArrowRight' ? lines.find(line => line.from === node)?.to : lines.find(line => line.to === node)?.from;
	};
	const nodeOf = event => event.target.closest?.('.node')?.dataset.node;
	drawing.addEventListener('click', event => pin(nodeOf(event)));
	drawing.addEventListener('pointerover', event => light(nodeOf(event) ?? pinned));
	drawing.addEventListener('pointerleave', () => light(pinned));
	drawing.addEventListener('focusin', event => {
		drawing.querySelector('[tabindex="0"]')?.setAttribute('tabindex', '-1');
		event.target.setAttribute('tabindex', '0');
		light(nodeOf(event));
	});
	drawing.addEventListener('keydown', event => {
		const here = nodeOf(event);
		if (event.key === 'Escape') pin(pinned);
		else if (event.key === 'Enter' || event.key === ' ') pin(here);
		else if (event.key.startsWith('Arrow')) shapes.get(beside(here, event.key))?.focus();
		else return;
		event.preventDefault();
	});
	put(drawing, lines.map(line => line.shape), [...shapes.values()]);
	shapes.get(ordered[1][0])?.setAttribute('tabindex', '0');
	return { drawing, focus: app => {
		pinned = app && `1 ${app}`;
		light(pinned);
		shapes.get(pinned)?.scrollIntoView({ block: 'nearest', inline: 'nearest' });
	} };
}

export async function show({ content, heading, given, signal }) {
	const all = await accounts(signal);
	const account = given.account ?? all[0];
	const choice = h('select', { id: 'account', onchange: () => { location.hash = to('cycles', choice.value); } }, all.map(one => h('option', { selected: one === account }, one)));
	const place = h('div.stack');
	renew(content, heading,
		h('p', 'What the apps of one session were asked and answered, round by round, is drawn with that session: ', link('#/sessions', 'find it'), ', then “Its cycles”.'),
		all.length > 1 && h('p.row', h('label', { for: 'account' }, 'Account'), choice),
		part('graph', `Apps of ${account ?? 'no account'}, as configured`, place));
	const wires = wiring(await get(['accounts', account, 'graph'], signal));
	if (wires.apps.size === 0) {
		renew(place, nothing('This account has no app.', 'Apps are named in its configuration, under account.apps.'));
		return;
	}
	const hint = 'Choose an app, or point at anything, to see what it has to do with the others. Dashed parameters are written by apps.';
	const told = h('p.readout', { role: 'status' }, hint);
	const { drawing, focus } = draw(wires, place.clientWidth, node => renew(told, node ? words(node, wires) : hint));
	const apps = [...wires.apps.keys()].sort();
	const find = h('select', { id: 'node', onchange: () => focus(find.value) }, h('option', { value: '' }, 'none'), apps.map(one => h('option', one)));
	renew(place, h('p.row', h('label', { for: 'node' }, 'App in focus'), find), told,
		h('div.canvas', drawing),
		h('details', h('summary', `The same as a list (${many(apps.length, 'app')})`), h('ul.list', apps.map(one => h('li', words(`1 ${one}`, wires))))));
}
