// The sessions that this process remembers, the latest first, a page at a time: the server turns the
// pages, so that a million sessions cost fifty rows.

import { h, nothing, part, problem, renew, say, soft } from './dom.js';
import { get } from './api.js';
import { rows } from './rows.js';
import { many } from './words.js';

const KINDS = [['', 'all kinds'], ['anonymous', 'anonymous shoppers'], ['shopper', 'shoppers, logged in'], ['staff', 'staff, logged in']];

function known({ here, total, complete }) {
	const all = total === null ? '; others may be in the store' : ', which are all there are';
	return `This process remembers ${many(here, 'session')}${all}.${complete ? '' : ' A million of them were looked at.'}`;
}

/** `columns` as for `rows`; `account` gives the account's name, or nothing. */
export function latest({ columns, account, signal }) {
	const list = rows({ caption: 'Sessions, the latest first', columns: columns.map(({ of, ...column }) => column), empty: nothing('No such session is remembered here.', 'Whoever opens the store has one. After a restart a session is remembered again when its shopper comes back.') });
	const kind = h('select', { id: 'kind', onchange: () => turn([]) }, KINDS.map(([value, text]) => h('option', { value }, text)));
	const told = soft();
	const turner = h('nav.row', { 'aria-label': 'Pages of: latest sessions' });
	const element = part('latest', 'Latest sessions', h('p.row', h('label', { for: 'kind' }, 'Kind'), kind, told), list.element, turner);
	let asked = 0;

	// `places`: where each page after the first one begins, up to the page that is wanted.
	async function turn(places) {
		asked += 1;
		const mine = asked;
		try {
			const answer = await get(['sessions', 'latest'], signal, { account: account(), kind: kind.value, after: places.at(-1) });
			if (mine !== asked) return;
			list.update(answer.sessions);
			told.textContent = known(answer);
			const way = (keep, label, to, off) => h('button', { type: 'button', disabled: off, 'data-keep': keep, onclick: async () => { await turn(to); say(`Page ${to.length + 1}`); } }, label);
			renew(turner, way('newest', 'Newest', [], false), way('later', '← Later', places.slice(0, -1), places.length === 0),
				h('span', `Page ${places.length + 1}`), way('earlier', 'Earlier →', [...places, answer.next], !answer.next));
		} catch (error) {
			if (!signal.aborted && error.status !== 401) renew(turner, problem(error, () => turn(places)));
		}
	}

	return { element, begin: () => turn([]) };
}
