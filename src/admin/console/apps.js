// Which app is slow, which one fails, and what it last said.

import { badge, bar, h, link, list, name, nothing, renew, searchField, soft, to } from './dom.js';
import { get, now } from './api.js';
import { TRIGGERS } from './cycles.js';
import { live } from './live.js';
import { appLevel } from './overview.js';
import { rows } from './rows.js';
import { ago, count, moment, ms, percent } from './words.js';

export const title = 'Apps';
const EVERY = 5000;

function state(app) {
	const rate = app.errorRate ?? 0;
	const words = { open: 'left alone: it failed too often', half_open: 'being tried again' };
	const works = app.slow ? 'slow' : 'works';
	return badge(appLevel(app.breaker, rate, app.slow), words[app.breaker] ?? (rate > 0.01 ? `fails at times${app.slow ? ', and slow' : ''}` : works));
}

/** The answer to "which app is slow", in a sentence. */
function verdict(apps) {
	const asked = apps.filter(app => Number.isFinite(app.latencyMs?.p99));
	if (asked.length === 0) return 'No app was called in the last hour.';
	const slow = [...asked].sort((a, b) => b.latencyMs.p99 - a.latencyMs.p99);
	const failing = apps.filter(app => app.errorRate > 0.01).sort((a, b) => b.errorRate - a.errorRate);
	const [first, second] = slow;
	return [
		h('strong', first.name), ` is ${first.slow ? 'slow' : 'the slowest'}: 1 call of 100 takes ${ms(first.latencyMs.p99)} or more${first.over === '1h' ? ', as it was in the last hour' : ''}`,
		second ? [', the next is ', h('strong', second.name), ` with ${ms(second.latencyMs.p99)}. `] : '. ',
		failing.length ? ['Failing: ', failing.slice(0, 3).map((app, at) => [at > 0 && ', ', h('strong', app.name), ` (${percent(app.errorRate)} of its calls)`]), failing.length > 3 && ` and ${failing.length - 3} more`, '.'] : 'None fails.',
	];
}

function about(app) {
	const fill = () => details.querySelector('dl') ?? details.append(
		h('dl.facts.single',
			h('dt', 'Runs'), h('dd', app.endpoint ? ['at ', name(app.endpoint)] : 'within Vestibule', app.runOnCreate && '; asked for every new session'),
			h('dt', 'Listens to'), h('dd', list(app.listens, name), soft(' A shopper waits for it when one of these changes.')),
			h('dt', 'Writes'), h('dd', list(app.writes, name)),
			h('dt', 'Longest calls'), h('dd', app.longestCalls?.length
				? h('ul.list', app.longestCalls.map(one => h('li', h('strong', ms(one.tookMs)), soft(` ${moment(one.at)}, ${ago(one.at, now())}: `),
					link(to('cycles', app.account, one.session), TRIGGERS[one.trigger] ?? one.trigger))))
				: 'none of 50 ms or more is remembered'),
			h('dt', 'Last errors'), h('dd', app.lastErrors?.length
				? h('ul.list', app.lastErrors.map(one => h('li', soft(`${moment(one.at)}, ${ago(one.at, now())}: `), one.message)))
				: 'none')));
	// Filled when it is opened: of fifty apps few are.
	const details = h('details', { 'data-keep': `app ${app.account} ${app.name}`, ontoggle: fill }, h('summary', app.name));
	return details;
}

export async function show({ content, heading, signal }) {
	let slowest = 1;
	let asked = [];
	const field = searchField('named', { oninput: () => draw() });
	const answer = h('p.lead');
	const columns = [
		{ title: 'App', head: true, of: app => app.name, cell: about },
		{ title: 'Account', of: app => app.account, cell: app => app.account },
		{ title: 'State', of: app => ['half_open', 'open'].indexOf(app.breaker), cell: state },
		{ title: 'Calls', number: true, of: app => app.calls, cell: app => count(app.calls) },
		{ title: 'Error rate', number: true, of: app => app.errorRate, cell: app => [h('span', percent(app.errorRate ?? undefined)), bar(app.errorRate, app.errorRate > 0.01 ? 'bad' : '')] },
		{ title: 'p50', number: true, of: app => app.latencyMs?.p50, cell: app => ms(app.latencyMs?.p50) },
		{ title: 'p99', number: true, of: app => app.latencyMs?.p99, cell: app => [h('span', ms(app.latencyMs?.p99)), bar((app.latencyMs?.p99 ?? 0) / slowest)] },
		{ title: 'Last error', of: app => app.lastErrors?.[0]?.at, cell: app => (app.lastErrors?.[0] ? h('span', { title: app.lastErrors[0].message }, ago(app.lastErrors[0].at, now())) : '–') },
	];
	const all = rows({ caption: 'Apps of all accounts', columns, sort: 'p99', empty: () => (asked.length ? nothing('No app is called so.', 'Names of apps and accounts are searched.') : nothing('No app is configured.', 'Apps are named in the configuration, under account.apps.')) });
	const draw = () => {
		const want = field.value.trim().toLowerCase();
		all.update(asked.filter(app => `${app.name} ${app.account}`.toLowerCase().includes(want)));
	};
	const fresh = live({ every: EVERY, signal, ask: () => get(['apps'], signal), show: ({ apps }) => {
		if (!answer.isConnected) renew(content, heading, fresh.line, answer, h('div.row.search', h('div.grow', h('label', { for: 'named' }, 'Search apps'), field)), all.element, h('p.soft.small', 'Calls since the start; the rest is of the last five minutes, or of the last hour for an app that was not called in them: half of the calls took less than p50, 99 of 100 less than p99. Slow: half took 100 ms or longer, or one in a hundred half a second. Open an app for what it listens to, its longest calls with the sessions that waited for them, and its last errors.'));
		slowest = Math.max(1, ...apps.map(app => app.latencyMs?.p99 ?? 0));
		renew(answer, verdict(apps));
		asked = apps;
		draw();
	} });
	await fresh.begin();
}
