// Which app is slow, which one fails, and what it last said.

import { badge, bar, h, link, list, name, nothing, person, renew, searchField, soft, to } from './dom.js';
import { get, now } from './api.js';
import { TRIGGERS } from './cycles.js';
import { live } from './live.js';
import { appLevel, isUnwell, within, worst } from './overview.js';
import { rows } from './rows.js';
import { ago, count, many, moment, ms, percent, roundName } from './words.js';

export const title = 'Apps';
const EVERY = 5000;

function state(app) {
	const rate = app.errorRate ?? 0;
	const words = { open: 'left alone: it failed too often', half_open: 'being tried again' };
	const works = app.slow ? 'slow' : 'works';
	return badge(appLevel(app.breaker, rate, app.slow), words[app.breaker] ?? (rate > 0.01 ? `fails at times${app.slow ? ', and slow' : ''}` : works));
}

/** How long its calls take, as far as that is known. */
function length({ latencyMs: { p99, longest, count: all } }) {
	return Number.isFinite(p99) ? `99 of 100 calls took ${ms(p99)} or less` : all === 1 ? `its one call took ${ms(longest)}` : `the longest of its ${count(all)} calls took ${ms(longest)}`;
}

/** The answer to "which app is slow", in a sentence. */
function verdict(apps) {
	const asked = apps.filter(app => app.latencyMs.count);
	if (asked.length === 0) return 'No app was called in the last hour.';
	const [first, second] = [...asked].sort((a, b) => worst(b.latencyMs) - worst(a.latencyMs));
	const failing = apps.filter(app => app.errorRate > 0.01).sort((a, b) => b.errorRate - a.errorRate);
	return [
		h('strong', first.name), ` is ${first.slow ? 'slow' : 'the slowest'}: ${length(first)}${first.over === '1h' ? ', in the last hour' : ''}`,
		second ? ['. Next is ', h('strong', second.name), `: ${length(second)}. `] : '. ',
		failing.length ? ['Failing: ', failing.slice(0, 3).map((app, at) => [at > 0 && ', ', h('strong', app.name), ` (${percent(app.errorRate)} of its calls)`]), failing.length > 3 && ` and ${failing.length - 3} more`, '.'] : 'None fails.',
	];
}

/** One request, or whatever else a cycle was for, that waited for the app: once, with all its calls. */
function wait(app, one) {
	const several = one.calls.length > 1 && [` in ${one.calls.length} calls: `, one.calls.map((call, at) => `${at ? ' and ' : ''}${ms(call.tookMs)} in ${roundName(call.round)}`)];
	return h('li', h('strong', ms(one.tookMs)), several, soft(` ${moment(one.at)}, ${ago(one.at, now())}: `),
		link(to('cycles', app.account, one.session), TRIGGERS[one.trigger] ?? one.trigger), ', ', person(one));
}

function about(app) {
	// Below its row, since a column is narrow. Made when it is opened: of fifty apps few are.
	const toggle = () => {
		const row = details.closest('tr');
		const there = row.nextElementSibling?.matches('.below') ? row.nextElementSibling : undefined;
		if (!details.open) there?.remove();
		else if (!there) row.after(h('tr.below', h('td', { colspan: row.cells.length }, said())));
	};
	const said = () => h('dl.facts.single',
		h('dt', 'Runs'), h('dd', app.endpoint ? ['at ', name(app.endpoint)] : 'within Vestibule', app.runOnCreate && '; asked for every new session'),
		h('dt', 'Listens to'), h('dd', list(app.listens, name), soft(' A shopper waits for it when one of these changes.')),
		h('dt', 'Writes'), h('dd', list(app.writes, name)),
		h('dt', 'Waited for it longest'), h('dd', app.longestWaits.length
			? h('ul.list', app.longestWaits.map(one => wait(app, one)))
			: 'nothing of 50 ms or more is remembered'),
		h('dt', 'Last errors'), h('dd', app.lastErrors?.length
			? h('ul.list', app.lastErrors.map(one => h('li', soft(`${moment(one.at)}, ${ago(one.at, now())}: `), one.message)))
			: 'none'));
	const details = h('details', { 'data-keep': `app ${app.account} ${app.name}`, ontoggle: toggle }, h('summary', { 'data-keep': `summary ${app.account} ${app.name}` }, app.name));
	return details;
}

// In an address this stands for the apps that somebody should look at.
const TROUBLED = 'troubled';

/** Answers by whoever gave them, side by side. */
function columnsOf(greatest) {
	const latency = pick => app => pick(app.latencyMs) ?? undefined;
	const few = ({ count: all, p99 }) => (Number.isFinite(p99) ? within(p99) : all ? soft(many(all, 'call').replace(' ', '\u00a0')) : '–');
	return [
		{ title: 'App', head: true, of: app => app.name, cell: about },
		{ title: 'Account', of: app => app.account, cell: app => app.account },
		{ title: 'State', of: app => ['half_open', 'open'].indexOf(app.breaker), cell: state },
		{ title: 'By the app', number: true, of: app => app.calls, cell: app => count(app.calls) },
		{ title: 'From memo', number: true, of: app => app.fromMemo, cell: app => count(app.fromMemo ?? undefined) },
		{ title: 'Errors', number: true, of: app => app.errorRate, cell: app => [h('span', percent(app.errorRate ?? undefined)), bar(app.errorRate, app.errorRate > 0.01 ? 'bad' : '')] },
		{ title: 'Half', number: true, of: latency(one => one.p50), cell: app => within(app.latencyMs.p50) },
		// Of few calls the longest stands in its place, in the order of the table, too.
		{ title: '99 of 100', number: true, of: latency(worst), cell: app => [h('span', few(app.latencyMs)), bar((worst(app.latencyMs) ?? 0) / greatest())] },
		{ title: 'Longest', number: true, of: latency(one => one.longest), cell: app => ms(app.latencyMs.longest ?? undefined) },
		{ title: 'Last error', of: app => app.lastErrors[0]?.at, cell: app => (app.lastErrors[0] ? h('span', { title: app.lastErrors[0].message }, ago(app.lastErrors[0].at, now())) : '–') },
	];
}

export async function show({ content, heading, given, signal }) {
	let greatest = 1;
	let asked = [];
	const field = searchField('named', { oninput: () => draw() });
	const troubled = h('input', { type: 'checkbox', id: 'troubled', checked: given.account === TROUBLED, onchange: () => {
		history.replaceState(null, '', troubled.checked ? to('apps', TROUBLED) : to('apps'));
		draw();
	} });
	const answer = h('p.lead');
	const empty = () => (!asked.length ? nothing('No app is configured.', 'Apps are named in the configuration, under account.apps.')
		: troubled.checked && !field.value ? nothing('No app is in trouble.', 'None fails, none is slow.') : nothing('No app is called so.', 'Names of apps and accounts are searched.'));
	let all;
	const draw = () => {
		const want = field.value.trim().toLowerCase();
		all.update(asked.filter(app => `${app.name} ${app.account}`.toLowerCase().includes(want) && (!troubled.checked || isUnwell(app))));
	};
	const fresh = live({ every: EVERY, signal, ask: () => get(['apps'], signal), show: ({ apps }) => {
		if (!answer.isConnected) {
			// Of one account alone, each row would say the same.
			const several = new Set(apps.map(app => app.account)).size > 1;
			all = rows({ caption: 'Apps of all accounts', columns: columnsOf(() => greatest).filter(one => several || one.title !== 'Account'), sort: '99 of 100', empty });
			renew(content, heading, fresh.line, answer,
				h('div.row.search', h('div.grow', h('label', { for: 'named' }, 'Search apps'), field), h('p.check', troubled, h('label', { for: 'troubled' }, ' Only those in trouble'))), all.element,
				h('p.soft.small', 'Answers since the start: by the app itself, or from the memo, which keeps what an app answered to the same inputs. The rest is of the last five minutes, or of the last hour for an app that was not called in them: half of the calls, and 99 of 100, took as long or less, which is told only of so many that some took longer; the longest took exactly that. Slow: half took longer than 100 ms, or one in a hundred longer than half a second. Open an app for what it listens to, the requests that waited longest for it and whose they were, and its last errors.'));
		}
		greatest = Math.max(1, ...apps.map(app => worst(app.latencyMs) ?? 0));
		renew(answer, verdict(apps));
		asked = apps;
		draw();
	} });
	await fresh.begin();
}
