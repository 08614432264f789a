// How it goes: a glance, then the hour behind it.

import { badge, bar, h, link, nothing, part, renew, soft, table, to } from './dom.js';
import { get } from './api.js';
import { chart, gather } from './chart.js';
import { live } from './live.js';
import { ENDINGS, KINDS, count, hour, many, ms, short, span } from './words.js';

export const title = 'Overview';
const EVERY = 3000;

const perSecond = (number, brief) => (Number.isFinite(number) ? `${short(number)}${brief ? '' : '/s'}` : '–');

const [SECONDS, MINUTE] = [10_000, 60_000];
const HOUR = 60 * MINUTE;

/** What came in several steps together: counts are added up. */
function joined(points) {
	const last = points.at(-1);
	const sum = of => points.reduce((all, point) => all + (of(point) ?? 0), 0);
	return {
		sessions: last.sessions, steps: points.length,
		requests: sum(point => point.requests), refused: sum(point => point.refused), errors: sum(point => point.errors),
		lengths: last.lengths.map((_, at) => sum(point => point.lengths[at])), longest: Math.max(...points.map(point => point.longestMs ?? 0)),
		ended: Object.fromEntries(Object.keys(last.ended).map(reason => [reason, sum(point => point.ended[reason])])),
	};
}

/** What this share of the requests of a time did not pass; of too few, none lies above it, and nobody knows. */
function atMost({ lengths, longest }, bounds, share) {
	const all = lengths.reduce((sum, one) => sum + one, 0);
	if (all * (1 - share) < 1 - 1e-9) return undefined;
	let left = all * share - 1e-9;
	const at = lengths.findIndex(one => (left -= one) <= 0);
	return Math.min(bounds[at] ?? Infinity, longest);
}

// Steps of ten seconds are too many for a line: it is of each minute, as soon as there are some.
const each = length => (length < MINUTE ? `${length / 1000} seconds` : length > MINUTE ? `${length / MINUTE} minutes` : 'minute');

/** The four charts; each gets the hour in steps that fit it. */
function charts(reasons) {
	let step = 1;
	let bounds = [];
	const rate = of => point => (of(point) * 1000) / (point.steps * step);
	const limit = share => point => atMost(point, bounds, share);
	const all = [
		[SECONDS, 'requests per second', chart({ id: 'traffic', title: 'Traffic', format: perSecond, series: [
			{ label: 'requests', of: rate(point => point.requests) },
			{ label: 'refused', of: rate(point => point.refused) },
			{ label: 'errors', of: rate(point => point.errors) }] })],
		[SECONDS, 'ms or less', chart({ id: 'latency', title: 'Time to answer', format: (value, brief) => (brief ? short(value) : ms(value)), series: [
			{ label: 'half', of: limit(0.5) }, { label: '99 of 100', of: limit(0.99) }, { label: 'longest', of: point => (point.requests || point.longest ? point.longest : undefined) }] })],
		[SECONDS, 'sessions', chart({ id: 'alive', title: 'Sessions alive', format: count, whole: true, series: [{ label: 'sessions', of: point => point.sessions }] })],
		[MINUTE, 'by reason', chart({ id: 'ended', title: 'Sessions ended', format: count, whole: true, series: reasons.map(reason => ({ label: ENDINGS[reason]?.[0] ?? reason, of: point => point.ended[reason] ?? 0 })) })],
	];
	return {
		figures: all.map(([, , one]) => one.figure),
		update: ({ points, stepMs, boundsMs }) => {
			[step, bounds] = [stepMs, boundsMs];
			const known = points.length * stepMs;
			for (const [least, unit, one] of all) {
				// Sixty at most: steps of ten seconds for ten minutes, minutes for an hour.
				const length = least === MINUTE && known > HOUR / 4 ? 5 * MINUTE : known > HOUR / 6 ? Math.max(MINUTE, least) : least;
				const bins = gather(points, stepMs, length, joined);
				// Of the first minute of a full hour only a part is left.
				if (known >= HOUR - stepMs && !bins[0]?.whole) bins.shift();
				one.update(bins, `${unit}, each ${each(length)}`);
			}
		},
	};
}

function tile(label, number, detail, state) {
	return h('div.tile', h('dt', label), h('dd', h('span.great', number), detail && soft(detail), state));
}

/** How well an app is by its breaker's state. */
export const appLevel = (state, errorRate, slow) => (state === 'open' ? 'bad' : state === 'half_open' || errorRate > 0.01 || slow ? 'warn' : 'good');
/** Whether somebody should look at it. */
export const isUnwell = app => appLevel(app.state ?? app.breaker, app.errorRate, app.slow) !== 'good';
const STORE = { ok: ['good', 'answers'], catching_up: ['warn', 'catching up'], down: ['bad', 'does not answer'] };
const ALIVE = ['anonymous', 'light', 'authenticated'];

/** Whether the last five minutes are all of them, and how they are called. */
const lately = seen => (seen.now - seen.startedAt < 5 * MINUTE ? 'since the start' : 'in the last 5 minutes');

/** How long things took, by what is known of it: a limit of many, the longest of few. */
export const worst = ({ p99, longest }) => p99 ?? longest ?? undefined;
export const within = known => (Number.isFinite(known) ? `≤ ${ms(known)}`.replaceAll(' ', '\u00a0') : '–');

function answered(seen) {
	const { count: all, longest, p50, p99 } = seen.latencyMs;
	if (!all) return ['–', `no request ${lately(seen)}`];
	const half = p50 < longest && p50 !== null ? `; half took ${ms(p50)} or less` : '';
	if (!Number.isFinite(p99)) return [ms(longest), `the longest of ${many(all, 'request')} ${lately(seen)}${half}`];
	return [within(p99), `99 of 100 ${lately(seen)}${half}; the longest ${ms(longest)}`];
}

function tiles(seen, traffic) {
	const { apps } = seen;
	const unwell = apps.filter(isUnwell);
	const how = app => (app.slow ? `${app.name} (slow, ${ms(worst(app.latencyMs))})` : app.name);
	const alive = seen.sessions.filter(one => ALIVE.includes(one.kind)).reduce((sum, one) => sum + one.count, 0);
	const { ok, reasons } = seen.ready;
	const { latencyMs, owed } = seen.store;
	const store = !latencyMs.count ? '' : Number.isFinite(latencyMs.p99) ? `99 of 100 operations ${within(latencyMs.p99)}` : `longest of ${many(latencyMs.count, 'operation')} ${ms(latencyMs.longest)}`;
	return h('dl.tiles',
		tile('Ready for traffic', ok ? 'yes' : 'no', reasons.map(one => [one.name, one.message].filter(Boolean).join(': ')).join('; '), badge(ok ? (reasons.length ? 'warn' : 'good') : 'bad', ok ? (reasons.length ? 'degraded' : 'ready') : 'not ready')),
		tile('Traffic', perSecond(traffic), `${many(seen.totals.requests, 'request')} in ${span(seen.now - seen.startedAt)}`),
		tile('Time to answer', ...answered(seen)),
		tile('Sessions alive', count(alive), `${count(seen.expiries.reduce((sum, one) => sum + one.count, 0))} ended so far`),
		tile('Apps', apps.length ? `${apps.length - unwell.length} of ${apps.length} well` : 'none', unwell.map(how).slice(0, 4).join(', '),
			apps.length > 0 && (unwell.length ? h('a', { href: to('apps', 'troubled'), 'data-keep': 'troubled' }, badge('warn', 'look at these')) : badge('good', 'all well'))),
		tile('Store', seen.store.kind ?? 'sessions', [store, owed && `${many(owed, 'change')} still to be written`].filter(Boolean).join('; '), badge(...(STORE[seen.store.state] ?? ['idle', seen.store.state]))));
}

/** Counts with bars to the greatest; `tell` gives the cells before the number. */
function counts(caption, heads, all, tell) {
	const greatest = Math.max(1, ...all.map(one => one.count));
	return table(caption, [...heads, h('th.number', { scope: 'col' }, 'Sessions'), h('th.wide', { scope: 'col' }, h('span.away', 'Share'))],
		all.map(one => h('tr', tell(one), h('td.number', count(one.count)), h('td', bar(one.count / greatest)))));
}

function kinds({ sessions }) {
	const all = sessions.filter(one => one.count > 0);
	if (all.length === 0) return nothing('No session is alive.', 'Open the store in a browser; its first page makes one.');
	return counts('Sessions by kind', ['Kind'], all, one => h('th', { scope: 'row' }, KINDS[one.kind] ?? one.kind));
}

function endings({ expiries }) {
	const all = expiries.filter(one => one.count > 0);
	if (all.length === 0) return nothing('No session has ended yet.', 'Why each one ends is told here.');
	return counts('Ended sessions by reason', ['Reason', 'What it means'], all, one => [h('th', { scope: 'row' }, ENDINGS[one.reason]?.[0] ?? one.reason, h('br'), h('code.soft', one.reason)), h('td', ENDINGS[one.reason]?.[1])]);
}

export async function show({ content, heading, signal }) {
	const glance = h('div');
	const lists = h('div.pair');
	const past = h('div.charts');
	let drawn;
	let reasons;
	const known = h('span');
	const ask = async () => {
		const [seen, history] = await Promise.all([get(['overview'], signal), get(['history'], signal)]);
		return { seen, history };
	};
	const fill = ({ seen, history }) => {
		if (!past.isConnected) {
			const names = seen.accounts;
			renew(content, heading, fresh.line, glance, part('hour', known, past), part('alive-ended', 'Alive and ended', lists),
				h('p.soft', `Vestibule ${seen.version}, ${many(names.length, 'account')}: ${names.join(', ')}. `, link('../metrics', 'Metrics as text')));
		}
		known.textContent = seen.now - seen.startedAt < HOUR ? `Since the start at ${hour(seen.startedAt)}` : 'The last hour';
		const ways = seen.expiries.map(one => one.reason).sort();
		// The lines of the last chart are the reasons there are, so a new one draws the charts anew.
		if (ways.join() !== reasons) {
			reasons = ways.join();
			drawn = charts(ways);
			renew(past, drawn.figures);
		}
		drawn.update(history);
		const latest = history.points.at(-1);
		renew(glance, tiles(seen, latest && (latest.requests * 1000) / history.stepMs));
		renew(lists, h('div', h('h3', 'Alive, by kind'), kinds(seen)), h('div', h('h3', 'Ended, by reason'), endings(seen)));
	};
	const fresh = live({ every: EVERY, ask, show: fill, signal });
	await fresh.begin();
}
