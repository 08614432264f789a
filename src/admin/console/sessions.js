// Finds sessions. What is typed is never part of the page's address and is kept nowhere.

import { badge, h, link, nothing, person, renew, say, searchField, to } from './dom.js';
import { accounts, get, now } from './api.js';
import { why } from './ended.js';
import { latest } from './latest.js';
import { pages } from './pages.js';
import { SIZE } from './rows.js';
import { KINDS, ago, many, moment } from './words.js';

export const title = 'Sessions';

/**
 * What to look for. Of a pasted token, or a whole cookie line, only the id in it is asked for, so
 * that the token stands in no address: these end in logs.
 */
function wanted(text) {
	const trimmed = text.trim();
	const token = trimmed.match(/eyJ[\w-]+\.([\w-]+)\.[\w-]*/);
	if (!token) return { find: trimmed };
	try {
		const bytes = Uint8Array.from(atob(token[1].replaceAll('-', '+').replaceAll('_', '/')), char => char.charCodeAt(0));
		const claims = JSON.parse(new TextDecoder().decode(bytes));
		const id = claims.id ?? claims.userId ?? claims.sub;
		if (typeof id === 'string') return { find: id, token: true };
	} catch { /* It looks like a token and is none. */ }
	return { find: '', token: true };
}

const time = at => (at ? h('span', { title: moment(at) }, ago(at, now())) : '–');

const columns = [
	{ title: 'Session', head: true, cell: one => link(to('sessions', one.account, one.id), h('code', one.id.slice(0, 8)), h('span.away', one.id.slice(8)), '…') },
	{ title: 'Who, or why it ended', cell: one => (one.ended ? why(one) : person(one)) },
	{ title: 'Kind', cell: one => (one.ended ? badge('idle', 'ended') : KINDS[one.kind] ?? one.kind) },
	{ title: 'Account', cell: one => one.account },
	{ title: 'Trade policy', cell: one => one.channel ?? '–' },
	{ title: 'Seen', number: true, cell: one => time(one.seenAt) },
	{ title: 'Ends', number: true, cell: one => time(one.endsAt ?? one.ended.at) },
];

function missing({ find, token }) {
	if (token && !find) return nothing('That is no session token.', 'Paste the whole value of the session cookie.');
	return nothing('No session was found.', 'A person is found in sessions where they are logged in, or were lately. To see what a cookie leads to, ', link('#/explain', 'explain a request'), ' that carries it.');
}

export async function show({ content, heading, signal }) {
	const all = await accounts(signal);
	const field = searchField('find', { 'aria-describedby': 'find-hint' });
	const account = h('select', { id: 'account' }, h('option', { value: '' }, 'all accounts'), all.map(one => h('option', one)));
	const results = h('div.stack');
	const lately = latest({ columns, account: () => account.value, signal });
	let asked = 0;

	async function look() {
		asked += 1;
		const mine = asked;
		const want = wanted(field.value);
		// A token is not left on the screen for whoever walks by.
		if (want.token) field.value = want.find;
		if (!want.find) {
			renew(results, want.token ? missing(want) : lately.element);
			if (!want.token) await lately.begin();
			return;
		}
		const told = h('p.soft');
		const of = account.value;
		const found = pages({
			caption: 'Sessions found', columns, signal, empty: missing(want),
			ask: async after => {
				const answer = await get(['sessions'], signal, { account: of, find: want.find, after, limit: SIZE });
				return { ...answer, items: answer.found };
			},
			show: answer => {
				told.textContent = `${many(answer.total, 'session')}${answer.more && !answer.next ? '; there may be more' : ''}.${want.token ? ' The cookie stayed in this page.' : ''}`;
				told.hidden = answer.total === 0;
			},
		});
		await found.begin();
		if (mine !== asked) return;
		renew(results, told, found.element);
		say(told.textContent);
	}

	renew(content, heading,
		h('form.row.search', { role: 'search', onsubmit: event => { event.preventDefault(); look(); } },
			h('div.grow', h('label', { for: 'find' }, 'Session id, customer’s id or e-mail, or session cookie'), field),
			h('div', h('label', { for: 'account' }, 'Account'), account),
			h('button.main', 'Find')),
		h('p.soft.small', { id: 'find-hint' }, 'Find a session by a shopper’s e-mail, by the id in x-session-id of a log, or by the cookie vtex_session of a browser. Nothing typed here is kept; of a cookie, only the id in it is looked for.'),
		results);
	account.addEventListener('change', look);
	field.focus();
	await look();
}
