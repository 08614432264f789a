// Finds sessions. What is typed is never part of the page's address and is kept nowhere.

import { badge, h, link, name, nothing, problem, renew, say, searchField, soft, to } from './dom.js';
import { accounts, get, now } from './api.js';
import { why } from './ended.js';
import { latest } from './latest.js';
import { rows } from './rows.js';
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
	{ title: 'Who, or why it ended', of: one => one.principal ?? one.staff, cell: one => (one.ended ? why(one) : [one.principal || one.staff ? name(one.principal ?? one.staff) : soft('nobody known'), one.impersonator && [' through ', name(one.impersonator)]]) },
	{ title: 'Kind', of: one => one.kind, cell: one => (one.ended ? badge('idle', 'ended') : KINDS[one.kind] ?? one.kind) },
	{ title: 'Account', of: one => one.account, cell: one => one.account },
	{ title: 'Trade policy', of: one => one.channel, cell: one => one.channel ?? '–' },
	{ title: 'Seen', number: true, of: one => one.seenAt, cell: one => time(one.seenAt) },
	{ title: 'Ends', number: true, of: one => one.endsAt ?? one.ended.at, cell: one => time(one.endsAt ?? one.ended.at) },
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
	const found = rows({ caption: 'Sessions found', columns, sort: 'Seen' });
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
		try {
			const answer = await get(['sessions'], signal, { account: account.value, find: want.find });
			if (mine !== asked) return;
			const told = `${many(answer.found.length, 'session')}${answer.more ? '; there may be more' : ''}.${want.token ? ' The cookie stayed in this page.' : ''}`;
			say(told);
			found.update(answer.found);
			renew(results, answer.found.length ? [h('p.soft', told), found.element] : missing(want));
		} catch (error) {
			if (!signal.aborted && error.status !== 401) renew(results, problem(error, look));
		}
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
