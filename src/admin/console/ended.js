// Why a session is over, in words. The answer to "why was that one logged out".

import { badge, h, link, name, soft, to } from './dom.js';
import { now } from './api.js';
import { KINDS, ago, moment, span } from './words.js';

const when = at => h('time', { datetime: new Date(at).toISOString(), title: ago(at, now()) }, moment(at));

// Which of the ways to be logged out it was; what is said at length stands in the second part.
const CAUSES = {
	no_login_cookie: ['the browser sent no login cookie any more', 'The shopper logged out at the shop, or cleared cookies, or the browser dropped the cookie.'],
	login_ran_out: [({ tokenEndsAt }) => ['the login cookie’s token had run out', tokenEndsAt && [' at ', when(tokenEndsAt)]], 'The browser still sent the cookie. The shop decides how long its tokens hold; a new login is needed then.'],
	login_refused: [({ detail }) => `the login cookie was refused: ${(REFUSALS[detail] ?? detail ?? 'no reason is known')}`, 'The browser still sent the cookie, and it proved nobody.'],
	login_ended_elsewhere: [({ detail }) => `its login was ended elsewhere: ${ENDED[detail] ?? detail}`, 'Every session of one login ends with it. The browser may still have the cookie; it opens no session any more.'],
	login_unproven: ['the login cookie came, and no app said any more whose it is', 'See the apps: the authentication or the profile app may have failed.'],
	too_large: ['it had grown so large that not even who somebody is fitted in', 'Limits of sessions are part of the configuration.'],
	session_api: ['the shopper’s page called DELETE of the Session API', 'That is how a shop’s own logout button may end a session.'],
};

const REFUSALS = {
	bad_signature: 'its signature does not fit', unknown_key: 'no key is known by which it is signed', foreign_account: 'it is of another account',
	not_yet: 'it does not hold yet', wrong_issuer: 'it is of another issuer', not_confirmed: 'the login’s service did not confirm it', malformed: 'it is malformed', too_long: 'it is too long',
	ambiguous: 'it contradicts another login cookie', wrong_algorithm: 'it names another algorithm than its key’s',
};
const ENDED = { logout: 'by a logout in another session', revoked: 'by somebody', idle: 'none of its sessions was used for too long', absolute: 'it reached its greatest age' };

// What is said, and what stands before the moment.
const SAYS = {
	idle: [({ limitMs }) => `idle longer than ${span(limitMs)}`, '; over since '],
	absolute: [({ limitMs }) => `older than ${span(limitMs)}, the greatest age that it may have`, '; over since '],
	logout: [() => 'ended by a logout', ' at '],
	revoked: [() => 'ended by somebody: from this console, by the admin API or by the Session API', ' at '],
	replaced: [() => 'replaced at a login, or another change of who acts', ' at '],
};

function causeOf({ cause }) {
	const [says] = CAUSES[cause?.kind] ?? [];
	return says && [': ', typeof says === 'string' ? says : says(cause)];
}

/** One line, with a link to where it goes on. */
export function why({ account, ended }) {
	const { reason, at, successor } = ended;
	const [says, before] = SAYS[reason] ?? [() => reason, ' at '];
	return [says(ended), at && [before, when(at)], causeOf(ended),
		successor && [reason === 'replaced' ? ', by session ' : '; the shopper went on as session ', link(to('sessions', account, successor), h('code', `${successor.slice(0, 8)}…`))]];
}

const MORE = {
	idle: 'The shopper made no request in that time. The server judges by the last one that it saw.',
	absolute: 'However busy, a session ends then, and its login with it.',
	logout: 'Which way is not known: this process does not remember it, as after a restart or where another instance ended it. The shopper logged out, or the login cookie was gone, had run out, was refused, or its login was ended elsewhere.',
	revoked: 'The audit log says by whom and when.',
	replaced: 'The same shopper goes on there, under another id, so that an id known from before is worth nothing.',
};

function more({ reason, cause }) {
	const { kind, request, tokenEndsAt, detail } = cause ?? {};
	return [h('p.soft', CAUSES[kind]?.[1] ?? MORE[reason]),
		kind === 'no_login_cookie' && tokenEndsAt && h('p.soft', 'The token in the last one ', tokenEndsAt > now() ? 'holds until ' : 'ran out at ', when(tokenEndsAt), ', by its own word.'),
		request && h('p.soft', 'It was noticed at the request ', h('code', `${request.method} ${request.path}`), detail && ['; the reason in logs: ', h('code', detail)], '.')];
}

/** Whose it was, as a live session's page tells it. */
function facts(was, ended) {
	const fact = (term, ...said) => h('div', h('dt', term), h('dd', said));
	const unknown = soft('not known any more');
	const who = was?.email ?? was?.principal;
	const staff = was?.staffEmail ?? was?.staff;
	const until = was?.seenAt ?? ended.at;
	return h('dl.facts',
		fact('Who', was ? [who ? name(who) : !staff && 'nobody known', staff && [who ? ' through ' : '', name(staff)]] : unknown, was && soft(` · ${KINDS[was.kind]}`)),
		was?.email && was.principal && fact('The shop’s id', name(was.principal)),
		fact('Created', was?.createdAt ? when(was.createdAt) : unknown),
		fact('Seen last', was?.seenAt ? [when(was.seenAt), soft(`, ${ago(was.seenAt, now())}`)] : unknown),
		was?.createdAt && until && fact('Lasted', span(until - was.createdAt)));
}

/** Whose it was, for a heading. */
export const whose = was => was?.email ?? was?.staffEmail ?? was?.principal ?? was?.staff;

/** The page of a session that is over. */
export function over(one) {
	return [
		h('p', badge('idle', 'ended'), soft(' id '), h('code', one.id)),
		h('div.note', h('p', h('strong', 'Why it ended: '), why(one), '.'), more(one.ended)),
		facts(one.was, one.ended),
		h('p.row', h('a.button', { href: to('cycles', one.account, one.id) }, 'Its last cycles, if remembered'),
			one.ended.successor && h('a.button', { href: to('sessions', one.account, one.ended.successor) }, 'The session after it')),
	];
}
