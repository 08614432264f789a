// Why a value is what it is: from the value back to what a request said, one step after another.

import { h, name, soft, value } from './dom.js';
import { ago, moment, roundName } from './words.js';

const FURTHEST = 8;

export const fieldOf = one => `${one.namespace}.${one.key}`;

/** All values of a session by `namespace.key`. */
export const byField = values => new Map(values.map(one => [fieldOf(one), one]));

/** The steps from a field to its origin; never round in a circle. */
function chain(field, known, first) {
	const steps = [];
	const met = new Set();
	let next = { field };
	while (next && !met.has(next.field) && steps.length < FURTHEST) {
		met.add(next.field);
		const one = known.get(next.field);
		steps.push({ ...next, one });
		// An app is called for all that changed at once; the first that was not met yet leads on.
		const causes = steps.length === 1 && first ? [first] : one?.because ?? [];
		const cause = causes.find(each => !met.has(fieldOf(each)));
		next = cause && { field: fieldOf(cause), was: cause.value };
	}
	return steps;
}

const ORIGINS = {
	request: 'a request said so, by its query string or a cookie',
	api: 'a call of the Session API wrote it',
	default: 'every session holds it from its first moment',
	carried_over: 'taken over from the session before this one',
	unknown: 'written before what is remembered',
};

/** Who wrote a value, in words. */
export function writer(one) {
	const { kind, name: who } = one?.writer ?? { kind: 'unknown' };
	return kind === 'app' ? ['app ', h('strong', who)] : ORIGINS[kind] ?? kind;
}

/** In which cycle and round. */
export function occasion(one, now) {
	if (!one?.at) return undefined;
	const round = one.writer?.kind !== 'app' || !Number.isFinite(one.round) ? '' : `, in ${roundName(one.round)}`;
	return h('time', { datetime: new Date(one.at).toISOString(), title: ago(one.at, now) }, `${moment(one.at)}${round}`);
}

// Cookies are no part of a document, so of them there is only what they led to.
const lost = field => (field.startsWith('cookie.VtexIdclientAutCookie') ? 'somebody logged in, a request brought the login cookie of the shop'
	: field.startsWith('cookie.') ? 'a request brought this cookie' : 'it is not in the session any more');

/** The chain as a list: each line is the cause of the one above; `first` is the cause that it begins with. */
export function story(field, known, now, first) {
	return h('ol.story', chain(field, known, first).map(({ field: at, was, one }, place) => h('li', {},
		place > 0 && soft('because '), name(at), place > 0 ? ' became ' : ' is ', value(one ? one.value : was, 60), ': ',
		one ? [writer(one), one.writer?.kind === 'app' && ' worked it out'] : lost(at),
		one?.at && h('span.soft.small', ' (', occasion(one, now), ')'))));
}

/** The chains of all its causes, one after the other. */
export function stories(field, known, now) {
	const causes = known.get(field)?.because ?? [];
	if (causes.length < 2) return story(field, known, now);
	return h('ul.stories', { 'aria-label': 'All that it was called for' }, causes.map(cause => h('li', story(field, known, now, cause))));
}

// What a shopper notices, and the field that decides it.
const EFFECTS = [
	['Known as', 'profile.email', of => of('profile.email') || (of('profile.isAuthenticated') === 'true' ? 'logged in' : 'nobody: not logged in')],
	['Staff acting as', 'impersonate.storeUserEmail', of => of('impersonate.storeUserEmail')],
	['Prices', 'profile.priceTables', of => of('profile.priceTables') || 'standard: no price table'],
	['Trade policy', 'store.channel', of => ['store.channel', 'store.currencyCode', 'store.cultureInfo'].map(of).filter(Boolean).join(' · ') || 'not decided yet'],
	['Campaigns', 'rnb.campaigns', of => of('rnb.campaigns') || 'none'],
	['Region', 'checkout.regionId', of => of('checkout.regionId') || 'none'],
];

/** What this shopper gets, each with its story. */
export function effects(known, now) {
	const of = field => known.get(field)?.value;
	return EFFECTS.filter(([, , says]) => says(of)).map(([label, field, says]) => {
		const text = says(of);
		return h('article.card', h('h3', label), h('p.great', typeof text === 'string' ? text : JSON.stringify(text)),
			known.has(field) ? story(field, known, now) : h('p.soft.small', 'No app has written ', name(field), '.'));
	});
}
