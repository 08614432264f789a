// Long tables: sorted by any column, a page at a time, so that ten thousand rows cost a few.

import { h, renew, say, table } from './dom.js';
import { count } from './words.js';

/** So many rows are drawn at once, here and where the server turns the pages: what a screen holds, and a tenth of a second. */
export const SIZE = 20;

/** `columns`: `[{title, of?(item), cell(item), number?, head?}]`; with `of`, a column can be sorted by. */
export function rows({ caption, columns, sort, descending = true, empty }) {
	let items = [];
	let ordered = [];
	let by = columns.find(column => column.title === sort);
	let down = descending;
	let page = 0;
	const element = h('div.rows');

	function arrange() {
		// Without a column to sort by, they stay as they came.
		if (!by) { ordered = items; draw(); return; }
		const sign = down ? -1 : 1;
		ordered = [...items].sort((one, other) => {
			const [a, b] = [by.of(one), by.of(other)];
			// What has no value comes last either way.
			if (a === undefined || a === null) return 1;
			if (b === undefined || b === null) return -1;
			return a < b ? -sign : a > b ? sign : 0;
		});
		draw();
	}

	function head(column) {
		const what = `th.${column.number ? 'number' : ''}`;
		if (!column.of) return h(what, { scope: 'col' }, column.title);
		const current = column === by;
		const press = () => {
			down = current ? !down : Boolean(column.number);
			by = column;
			page = 0;
			arrange();
			say(`Sorted by ${column.title}, ${down ? 'greatest' : 'least'} first`);
		};
		return h(what, { scope: 'col', 'aria-sort': current ? (down ? 'descending' : 'ascending') : undefined },
			h('button.sort', { type: 'button', 'data-keep': `sort ${column.title}`, onclick: press }, column.title,
				h('span.order', { 'aria-hidden': 'true' }, current ? (down ? ' ▼' : ' ▲') : ' ↕')));
	}

	function row(item) {
		return h('tr', columns.map(column =>
			h(`${column.head ? 'th' : 'td'}.${column.number ? 'number' : ''}`, { scope: column.head && 'row', 'data-title': column.title }, column.cell(item))));
	}

	function turner(pages) {
		const to = where => () => { page = where; draw(); say(`Page ${page + 1} of ${pages}`); };
		return h('nav.row', { 'aria-label': `Pages of: ${caption}` },
			h('button', { type: 'button', disabled: page === 0, 'data-keep': 'before', onclick: to(page - 1) }, '← Before'),
			h('span', `${count(page * SIZE + 1)}–${count(Math.min(items.length, (page + 1) * SIZE))} of ${count(items.length)}`),
			h('button', { type: 'button', disabled: page >= pages - 1, 'data-keep': 'next', onclick: to(page + 1) }, 'Next →'));
	}

	function draw() {
		if (items.length === 0) { renew(element, typeof empty === 'function' ? empty() : empty); return; }
		const pages = Math.ceil(items.length / SIZE);
		page = Math.min(page, pages - 1);
		const shown = ordered.slice(page * SIZE, (page + 1) * SIZE);
		renew(element, table(caption, columns.map(head), shown.map(row), 'stacks.rows'), pages > 1 && turner(pages));
	}

	return { element, update(fresh) { items = fresh; arrange(); } };
}
