// The sessions that this process remembers, the latest first.

import { h, nothing, part, soft } from './dom.js';
import { get } from './api.js';
import { pages } from './pages.js';
import { SIZE } from './rows.js';
import { many } from './words.js';

const KINDS = [['', 'all kinds'], ['anonymous', 'anonymous shoppers'], ['shopper', 'shoppers, logged in'], ['staff', 'staff, logged in']];

function known({ here, total, complete }) {
	const all = total === null ? '; others may be in the store' : ', which are all there are';
	return `This process remembers ${many(here, 'session')}${all}.${complete ? '' : ' A million of them were looked at.'}`;
}

/** `columns` as for `rows`; `account` gives the account's name, or nothing. */
export function latest({ columns, account, signal }) {
	const kind = h('select', { id: 'kind', onchange: () => list.begin() }, KINDS.map(([value, text]) => h('option', { value }, text)));
	const told = soft();
	const list = pages({
		caption: 'Sessions, the latest first', columns, signal,
		empty: nothing('No such session is remembered here.', 'Whoever opens the store has one. After a restart a session is remembered again when its shopper comes back.'),
		ask: async after => {
			const answer = await get(['sessions', 'latest'], signal, { account: account(), kind: kind.value, after, limit: SIZE });
			return { ...answer, items: answer.sessions };
		},
		show: answer => { told.textContent = known(answer); },
	});
	return { element: part('latest', 'Latest sessions', h('p.row', h('label', { for: 'kind' }, 'Kind'), kind, told), list.element), begin: list.begin };
}
