// The cycles of one session as the platform draws them: parameters on the left, apps on the right,
// a row for each round, and what led to what.

import { badge, h, link, list, name, nothing, put, renew, s, soft, to, value } from './dom.js';
import { get, now } from './api.js';
import { ago, many, moment, ms, roundName } from './words.js';
import { fieldOf } from './why.js';

export const title = 'Cycles of a session';

const OUTCOMES = {
	answered: ['good', 'answered'], refused: ['warn', 'refused'], idle: ['idle', 'not called: its condition does not hold'],
	timeout: ['bad', 'failed: no answer in time'], unavailable: ['bad', 'failed: cannot be reached'],
	bad_reply: ['bad', 'failed: its reply makes no sense'], broken: ['bad', 'failed: broken'],
};

export const TRIGGERS = {
	first_visit: 'First visit', successor: 'Went on after a session that ended', page: 'A request that said something new', api: 'A call of the Session API',
	retry: 'A failed app tried again', worked_out_anew: 'Worked out anew',
};

export const ANEW = 'Nothing is remembered of this session’s past: it is older than this process or came from another instance. This was worked out anew from what it holds.';

function parameter(one) {
	const is = one.after ?? undefined;
	return h('li.parameter', { 'data-field': fieldOf(one) }, name(fieldOf(one)), h('span', {},
		(one.before ?? undefined) !== undefined && [h('span.away', 'was '), h('del', value(one.before, 40)), ' → '],
		is === undefined ? h('em', 'removed') : value(is, 40)));
}

/** From here on a shopper feels it, in milliseconds: the same as for an app as a whole. */
const SLOW = 100;

function took(one) {
	if (one.memo) return h('span', 'from the memo');
	if (one.tookMs === null) return h('span');
	return one.tookMs >= SLOW ? badge('warn', `slow: ${ms(one.tookMs)}`) : h('span', ms(one.tookMs));
}

function app(one) {
	const [level, word] = OUTCOMES[one.outcome] ?? ['idle', one.outcome];
	const fields = all => list(all, each => name(fieldOf(each)));
	return h(`li.app.${level}`, { 'data-because': JSON.stringify(one.because.map(fieldOf)), 'data-wrote': JSON.stringify(one.wrote.map(fieldOf)) },
		h('span.app-head', h('strong', one.name), took(one)),
		badge(level, word), one.error && h('span', one.error),
		one.because.length > 0 && h('span.soft.cause', 'because of ', fields(one.because)),
		soft(one.wrote.length ? ['wrote ', fields(one.wrote)] : 'wrote nothing'));
}

// So many are shown where no app listened to them; the others when they are asked for.
const FEW = 24;

/** What changed before a round, by `who`: first what its apps listened to, since lines lead from there. */
function changed(who, parameters, heard) {
	const near = parameters.filter(one => heard.has(fieldOf(one)));
	const others = parameters.filter(one => !heard.has(fieldOf(one)));
	const all = each => h('ul', { 'aria-label': `Changed ${who}` }, each.map(parameter));
	if (others.length <= FEW) return all([...near, ...others]);
	const details = h('details', { ontoggle: () => { if (!details.querySelector('ul')) details.append(all(others)); } },
		h('summary', `${many(others.length, 'parameter')} that no app listened to`));
	return h('div', near.length > 0 && all(near), details);
}

/** One row: what changed before, and who was asked for it. */
function row(label, parameters, right, none, apps = []) {
	const heard = new Set(apps.flatMap(one => one.because.map(fieldOf)));
	const groups = parameters.filter(([, fields]) => fields.length);
	return h('li.round', h('h3', label), h('div.sides',
		groups.length ? h('div.causes', groups.map(([who, fields]) => [h('p.soft.small', `Changed ${who}`), changed(who, fields, heard)])) : h('p.soft.small', none), right));
}

/** What had changed before a round, by whoever changed it: the request, and the answers of the round before. */
function causes(parameters, before) {
	if (!before) return [['by the request', parameters]];
	const theirs = new Set(before.changed.map(fieldOf));
	return [['by the request', parameters.filter(one => !theirs.has(fieldOf(one)))], [`in ${roundName(before.number)}`, parameters.filter(one => theirs.has(fieldOf(one)))]];
}

function rowsOf({ rounds, asked, settled, looped, denied }) {
	const end = settled
		? [badge('good', 'settled'), ' No app listens to what changed last. Saved once.']
		: [badge('bad', 'would not settle'), ' ', list(looped?.apps ?? [], one => h('strong', one)), ' kept changing ', list(looped?.fields ?? [], name), ': back to the value from before the cycle.'];
	return [
		...rounds.map(({ number, parameters, apps }, at) => row(number === 0 ? 'Create call' : `Round ${number}`, causes(parameters, rounds[at - 1]), h('ul', { 'aria-label': 'Apps that were asked' }, apps.map(app)),
			number === 0 ? 'A new session: apps are asked with nothing.' : 'Nothing: answers had grown old, or an app had failed.', apps)),
		row('End', rounds.length ? [[`in ${roundName(rounds.at(-1).number)}`, rounds.at(-1).changed]] : [['by the request', asked]], h('p.small', end, denied && ` What the request asked for was refused: ${denied}.`), 'Nothing changed any more.'),
	];
}

/** Arrows between what stands on the page: parameter to app in a row, app to parameter in the next. */
function arrows(diagram) {
	const drawing = s('svg.arrows', { 'aria-hidden': 'true' });
	diagram.append(drawing);
	const line = (kind, [x1, y1], [x2, y2]) => {
		const way = Math.sign(x2 - x1);
		return [s('path', { d: `M${x1} ${y1}C${x1 + 40 * way} ${y1} ${x2 - 44 * way} ${y2} ${x2 - 6 * way} ${y2}`, class: kind }),
			s('path', { d: `M${x2} ${y2}l${-8 * way}-4v8z`, class: `head ${kind}` })];
	};
	new ResizeObserver(() => {
		drawing.replaceChildren();
		// Where the columns stand one below the other, words alone say what led to what.
		if (getComputedStyle(diagram.querySelector('.sides')).gridTemplateColumns.split(' ').length < 2) return;
		const origin = diagram.getBoundingClientRect();
		const box = element => {
			const at = element.getBoundingClientRect();
			return { left: at.left - origin.left, right: at.right - origin.left, high: at.top - origin.top + Math.min(20, at.height / 2), low: at.bottom - origin.top - Math.min(14, at.height / 2), middle: at.top - origin.top + at.height / 2 };
		};
		const rows = [...diagram.querySelectorAll('.round')];
		const parameters = rows.map(row => new Map([...row.querySelectorAll('.parameter')].map(one => [one.dataset.field, one])));
		// All is measured before anything is drawn: each change between would have the page laid out anew.
		const lines = rows.flatMap((here, at) => [...here.querySelectorAll('.app')].flatMap(target => {
			const to = box(target);
			const join = (kind, row, fields, draw) => JSON.parse(fields).map(field => parameters[row]?.get(field)).filter(Boolean).map(one => draw(kind, box(one)));
			return [...join('reads', at, target.dataset.because, (kind, from) => line(kind, [from.right, from.middle], [to.left, to.high])),
				...join('writes', at + 1, target.dataset.wrote, (kind, next) => line(kind, [to.left, to.low], [next.right, next.middle]))];
		}));
		put(drawing, lines);
	}).observe(diagram);
}

function diagram(cycle) {
	const holder = h('div.diagram', h('p.heads', { 'aria-hidden': 'true' }, h('span', 'What had changed'), h('span', 'Apps that were asked for it')), h('ol', rowsOf(cycle)));
	arrows(holder);
	return holder;
}

/** How many rounds it took; the create call is none. */
function length(rounds) {
	const created = rounds[0]?.number === 0;
	const counted = rounds.length - (created ? 1 : 0);
	return created ? `create call${counted ? ` and ${many(counted, 'round')}` : ''}` : many(counted, 'round');
}

function article(cycle, at) {
	const bad = cycle.rounds.flatMap(one => one.apps).filter(one => OUTCOMES[one.outcome]?.[0] === 'bad');
	const state = !cycle.settled ? badge('bad', 'would not settle') : bad.length ? badge('warn', `settled, ${bad.length === 1 ? `${bad[0].name} failed` : `${bad.length} calls failed`}`) : badge('good', 'settled');
	// An app may be asked in several rounds: what a shopper waited for is all of them.
	const waited = new Map();
	for (const one of cycle.rounds.flatMap(round => round.apps)) if (!one.memo) waited.set(one.name, (waited.get(one.name) ?? 0) + (one.tookMs ?? 0));
	const [slowest] = [...waited].filter(([, sum]) => sum >= SLOW).sort(([, one], [, other]) => other - one);
	const details = h('details.cycle', { open: at === 0, ontoggle: () => { if (details.open && !details.querySelector('.diagram')) details.append(diagram(cycle)); } },
		h('summary', h('h2', `${TRIGGERS[cycle.trigger] ?? cycle.trigger}, ${moment(cycle.at)}`), ' ', state,
			soft(` ${ago(cycle.at, now())} · ${length(cycle.rounds)} · ${ms(cycle.tookMs)}${slowest ? `, of which ${slowest[0]} took ${ms(slowest[1])}` : ''}${cycle.memo ? ' · all from the memo' : ''}${cycle.from ? ` · the id was ${cycle.from.slice(0, 8)}… before` : ''}`)));
	return details;
}

export async function show({ content, heading, given, signal }) {
	const { cycles, provenance } = await get(['accounts', given.account, 'sessions', given.id, 'cycles'], signal);
	const here = to('sessions', given.account, given.id);
	renew(content, h('p', link('#/sessions', 'Sessions'), ' / ', link(here, `session ${given.id.slice(0, 8)}…`)), heading,
		h('p.soft', 'Newest first. A request changes parameters; the apps that listen to them are asked, all at once: that is round 1. What their answers change has the next round asked, until nothing changes. A value is of the round in which an app answered it.'),
		provenance === 'worked_out_anew' && h('p.note', ANEW),
		cycles.length ? cycles.map(article) : nothing('No cycle of this session is remembered.', 'Cycles are kept in memory. Of a session that lives, the next request that changes something is drawn here.'));
}
