// Why a session is over, in words. The answer to "why was that one logged out".

import { badge, h, link, soft, to } from './dom.js';
import { now } from './api.js';
import { ago, moment, span } from './words.js';

// What is said, and what stands before the moment.
const SAYS = {
	idle: [({ limitMs }) => `idle longer than ${span(limitMs)}`, '; over since '],
	absolute: [({ limitMs }) => `older than ${span(limitMs)}, the greatest age that it may have`, '; over since '],
	logout: [() => 'ended by a logout', ' at '],
	revoked: [() => 'ended by somebody: from this console, by the admin API or by the Session API', ' at '],
	replaced: [() => 'replaced at a login, or another change of who acts', ' at '],
};

/** One line, with a link to where it goes on. */
export function why({ account, ended }) {
	const { reason, at, successor } = ended;
	const [says, before] = SAYS[reason] ?? [() => reason, ' at '];
	return [says(ended), at && [before, h('time', { datetime: new Date(at).toISOString(), title: ago(at, now()) }, moment(at))],
		successor && [reason === 'replaced' ? ', by session ' : '; the shopper went on as session ', link(to('sessions', account, successor), h('code', `${successor.slice(0, 8)}…`))]];
}

const MORE = {
	idle: 'The shopper made no request in that time. The server judges by the last one that it saw.',
	absolute: 'However busy, a session ends then, and its login with it.',
	logout: 'The shopper logged out, or the login cookie was gone, had run out, or was ended elsewhere.',
	revoked: 'The audit log says by whom and when.',
	replaced: 'The same shopper goes on there, under another id, so that an id known from before is worth nothing.',
};

/** The page of a session that is over. */
export function over(one) {
	return [
		h('p', badge('idle', 'ended'), soft(' id '), h('code', one.id)),
		h('div.note', h('p', h('strong', 'Why it ended: '), why(one), '.'), h('p.soft', MORE[one.ended.reason])),
		h('p.row', h('a.button', { href: to('cycles', one.account, one.id) }, 'Its last cycles, if remembered'),
			one.ended.successor && h('a.button', { href: to('sessions', one.account, one.ended.successor) }, 'The session after it')),
	];
}
