// One session: who, until when, what it holds and why, and how to end it.

import { badge, h, link, name, part, press, put, renew, say, soft, table, to, value } from './dom.js';
import { get, now, remove } from './api.js';
import { ANEW } from './cycles.js';
import { confirm } from './dialog.js';
import { over, whose } from './ended.js';
import { KINDS, ago, count, many, moment, span } from './words.js';
import { byField, effects, fieldOf, occasion, stories, writer } from './why.js';

export const title = 'Session';

// So many values of a namespace are shown at once.
const FIRST = 60;

function times(one) {
	const age = now() - one.issuedAt;
	const timeout = one.lifetimeMs - one.windowMs - age;
	const fact = (term, ...said) => h('div', h('dt', term), h('dd', said));
	const when = at => [h('time', { datetime: new Date(at).toISOString() }, moment(at)), soft(`, ${ago(at, now())}`)];
	return [
		h('dl.facts',
			fact('Created', when(one.createdAt)), fact('Seen last', when(one.seenAt)), fact('Cookie issued', when(one.issuedAt)),
			fact('Ends, unless used before', when(one.endsAt)),
			fact('Lifetime of a cookie', span(one.lifetimeMs), soft(` = ${count(one.lifetimeMs)} ms`)),
			fact('Renewed in its last', span(one.windowMs), soft(` = ${count(one.windowMs)} ms`))),
		h('p', 'Until the cookie is renewed: (lifetime − window) − age = ', h('code', `(${count(one.lifetimeMs)} − ${count(one.windowMs)}) − ${count(age)} = ${count(timeout)} ms`), '. ',
			timeout > 0 ? `A request within the next ${span(timeout)} leaves the cookie as it is; a later one renews it.` : 'The next request of the shopper renews it.'),
	];
}

const held = one => (one !== null && typeof one === 'object' && 'value' in one ? one.value : one);

function documentOf(one, known) {
	const spaces = Object.entries(one.document.namespaces).sort(([a], [b]) => (a < b ? -1 : 1));
	return spaces.map(([space, keys]) => namespace(space, Object.entries(keys), known));
}

function namespace(space, keys, known) {
	const row = ([key, each]) => {
		const field = `${space}.${key}`;
		const one = known.get(field);
		const causes = one?.because ?? [];
		const details = causes.length > 0 && h('details', { ontoggle: () => { if (!details.querySelector('.story')) details.append(stories(field, known, now())); } },
			h('summary', name(fieldOf(causes[0])), causes.length > 1 && ` and ${causes.length - 1} more`));
		const cell = (heading, ...said) => h('td', { 'data-title': heading }, said);
		return h('tr', h('th', { scope: 'row' }, name(key)), cell('Value', value(held(each))), cell('Written by', writer(one)), cell('When', occasion(one, now()) ?? '–'), cell('Because of', details || '–'));
	};
	const rows = table(`Values of ${space}`, ['Key', 'Value', 'Written by', 'When', 'Because of'], keys.slice(0, FIRST).map(row), 'stacks.even');
	const rest = keys.slice(FIRST);
	const more = rest.length > 0 && press('', () => { put(rows.querySelector('tbody'), rest.map(row)); more.remove(); rows.focus({ preventScroll: true }); }, `All ${many(keys.length, 'value')} of ${space}`);
	return h('section.space', h('h3', name(space), soft(` ${many(keys.length, 'value')}`)), rows, more);
}

function endings(one, person, after) {
	const ask = (question, path, said) => async () => {
		if (await confirm({ ...question, act: () => remove(path) })) { say(said); after(); }
	};
	const audit = 'It is written to the audit log.';
	const endOne = ask({ title: 'End this session?', verb: 'End the session', facts: [
		'Its cookie stops to work at once, on every instance.',
		person ? 'Whoever acts in it is logged out; the login that it came from is not accepted again.' : 'The shopper goes on as a new anonymous one.',
		'What is not personal (campaign, culture, place) goes on in the session after it.', audit],
	}, ['api', 'accounts', one.account, 'sessions', one.id], 'The session was ended.');
	const endAll = ask({ title: 'End all sessions of this person?', verb: 'End all of them', facts: [
		['Every session of ', name(person), ` in ${one.account} ends, on all devices and all instances.`],
		'The person is logged out everywhere and has to log in again.', audit],
	}, ['accounts', one.account, 'principals', person, 'sessions'], 'All sessions of this person were ended.');
	return h('p.row', press('.danger', endOne, 'End this session …'),
		person && press('.danger', endAll, 'End all of this person …'));
}

export async function show({ content, heading, given, signal }) {
	const one = await get(['accounts', given.account, 'sessions', given.id], signal);
	const crumbs = h('p', link('#/sessions', 'Sessions'), ' / ', one.account);
	if (one.ended) {
		heading.textContent = whose(one.was) ? `A session of ${whose(one.was)} that ended` : 'A session that ended';
		renew(content, crumbs, heading, over(one));
		return;
	}
	const known = byField(one.values);
	const of = field => known.get(field)?.value;
	const person = of('profile.id') || of('authentication.storeUserId') || of('authentication.adminUserId');
	const who = of('profile.email') || of('authentication.adminUserEmail') || person;
	heading.textContent = who ? `Session of ${who}` : `Session of an ${KINDS.anonymous}`;
	const gone = () => renew(content, crumbs, heading,
		h('p.note', badge('idle', 'ended'), ' It was ended from here. ', link('#/sessions', 'Find another session')));
	renew(content,
		crumbs, heading,
		h('p', badge('good', 'alive'), ' ', KINDS[one.kind] ?? one.kind, soft(' · id '), h('code', one.id), soft(` · version ${one.version}`)),
		h('p.row', h('a.button', { href: to('cycles', one.account, one.id) }, 'Its cycles, round by round'), h('a.button', { href: to('explain', one.account, one.id) }, 'Explain a request with it')),
		one.provenance === 'worked_out_anew' && h('p.note', ANEW),
		part('gets', 'What this shopper gets, and why', h('div.cards', effects(known, now()))),
		part('time', 'Time', times(one)),
		part('document', 'Document', documentOf(one, known)),
		part('end', 'End it', endings(one, person, gone)));
}
