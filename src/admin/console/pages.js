// A list whose pages the server turns, so that a million sessions cost a screen of rows.

import { h, problem, renew, say } from './dom.js';
import { rows } from './rows.js';

/** `ask(after)` answers `{ items, next }`, and `show` is told all of it; `columns` as for `rows`. */
export function pages({ caption, columns, empty, ask, show, signal }) {
	const list = rows({ caption, columns, empty });
	const turner = h('nav.row', { 'aria-label': `Pages of: ${caption}` });
	let asked = 0;

	// `places`: where each page after the first one begins, up to the page that is wanted.
	async function turn(places) {
		asked += 1;
		const mine = asked;
		try {
			const answer = await ask(places.at(-1));
			if (mine !== asked) return;
			list.update(answer.items);
			show(answer);
			const way = (keep, label, to, off) => h('button', { type: 'button', disabled: off, 'data-keep': keep, onclick: async () => { await turn(to); say(`Page ${to.length + 1}`); } }, label);
			renew(turner, (places.length > 0 || answer.next) && [way('newest', 'Newest', [], false), way('later', '← Later', places.slice(0, -1), places.length === 0),
				h('span', `Page ${places.length + 1}`), way('earlier', 'Earlier →', [...places, answer.next], !answer.next)]);
		} catch (error) {
			if (!signal.aborted && error.status !== 401) renew(turner, problem(error, () => turn(places)));
		}
	}

	return { element: [list.element, turner], begin: () => turn([]) };
}
