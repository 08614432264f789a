// How it goes: a glance, then the hour behind it.

import { badge, bar, h, link, nothing, part, renew, soft, table } from './dom.js';
import { get } from './api.js';
import { chart, gather } from './chart.js';
import { live } from './live.js';
import { ENDINGS, KINDS, count, many, ms, short, span } from './words.js';

export const title = 'Overview';
const EVERY = 3000;

const perSecond = (number, brief) => (Number.isFinite(number) ? `${short(number)}${brief ? '' : '/s'}` : '–');

// Steps of ten seconds are too many for a line: counts are added up, and of percentiles the worst of
// the time is shown, so that no peak is smoothed away.
const MINUTE = 60_000;
function joined(points) {
	const last = points.at(-1);
	const sum = of => points.reduce((all, point) => all + (of(point) ?? 0), 0);
	const worst = of => { const all = points.map(of).filter(Number.isFinite); return all.length ? Math.max(...all) : undefined; };
	return {
		at: last.at, sessions: last.sessions, steps: points.length,
		requests: sum(point => point.requests), refused: sum(point => point.refused), errors: sum(point => point.errors),
		p50Ms: worst(point => point.p50Ms), p90Ms: worst(point => point.p90Ms), p99Ms: worst(point => point.p99Ms),
		ended: Object.fromEntries(Object.keys(last.ended).map(reason => [reason, sum(point => point.ended[reason])])),
	};
}

/** The four charts; each gets the hour in steps that fit it. */
function charts(reasons) {
	const rate = of => point => (of(point) * 1000) / (point.steps * point.stepMs);
	const all = [
		[MINUTE, chart({ id: 'traffic', title: 'Traffic', unit: 'requests per second', format: perSecond, series: [
			{ label: 'requests', of: rate(point => point.requests) },
			{ label: 'refused', of: rate(point => point.refused) },
			{ label: 'errors', of: rate(point => point.errors) }] })],
		[MINUTE, chart({ id: 'latency', title: 'Time to answer', unit: 'milliseconds, worst of each minute', format: (value, brief) => (brief ? short(value) : ms(value)), series: [
			{ label: 'p50', of: point => point.p50Ms }, { label: 'p90', of: point => point.p90Ms }, { label: 'p99', of: point => point.p99Ms }] })],
		[MINUTE, chart({ id: 'alive', title: 'Sessions alive', unit: 'sessions', format: count, whole: true, series: [{ label: 'sessions', of: point => point.sessions }] })],
		[5 * MINUTE, chart({ id: 'ended', title: 'Sessions ended', unit: 'in 5 minutes, by reason', format: count, whole: true, series: reasons.map(reason => ({ label: ENDINGS[reason]?.[0] ?? reason, of: point => point.ended[reason] ?? 0 })) })],
	];
	return {
		figures: all.map(([, one]) => one.figure),
		update: ({ points, stepMs }) => {
			// A process that has just begun shows every step that there is.
			for (const [length, one] of all) {
				const size = points.length * stepMs < 4 * length ? 1 : Math.max(1, Math.round(length / stepMs));
				one.update(gather(points, size, joined).map(point => ({ ...point, stepMs })));
			}
		},
	};
}

function tile(label, number, detail, state) {
	return h('div.tile', h('dt', label), h('dd', h('span.great', number), detail && soft(detail), state));
}

/** How well an app is by its breaker's state. */
export const appLevel = (state, errorRate, slow) => (state === 'open' ? 'bad' : state === 'half_open' || errorRate > 0.01 || slow ? 'warn' : 'good');
const STORE = { ok: ['good', 'answers'], catching_up: ['warn', 'catching up'], down: ['bad', 'does not answer'] };
const ALIVE = ['anonymous', 'light', 'authenticated'];

function tiles(seen, traffic) {
	const { apps } = seen;
	const unwell = apps.filter(app => appLevel(app.state, app.errorRate, app.slow) !== 'good');
	const how = app => (app.slow ? `${app.name} (slow, ${ms(app.p99Ms)})` : app.name);
	const alive = seen.sessions.filter(one => ALIVE.includes(one.kind)).reduce((sum, one) => sum + one.count, 0);
	const { ok, reasons } = seen.ready;
	return h('dl.tiles',
		tile('Ready for traffic', ok ? 'yes' : 'no', reasons.map(one => [one.name, one.message].filter(Boolean).join(': ')).join('; '), badge(ok ? (reasons.length ? 'warn' : 'good') : 'bad', ok ? (reasons.length ? 'degraded' : 'ready') : 'not ready')),
		tile('Traffic', perSecond(traffic), `${many(seen.totals.requests, 'request')} in ${span(seen.now - seen.startedAt)}`),
		tile('Time to answer', ms(seen.latencyMs.p99), Number.isFinite(seen.latencyMs.p99) ? `99 of 100 in the last minutes took less, half under ${ms(seen.latencyMs.p50)}` : 'no request in the last minutes'),
		tile('Sessions alive', count(alive), `${count(seen.expiries.reduce((sum, one) => sum + one.count, 0))} ended so far`),
		tile('Apps', apps.length ? `${apps.length - unwell.length} of ${apps.length} well` : 'none', unwell.map(how).slice(0, 4).join(', '), apps.length > 0 && badge(unwell.length ? 'warn' : 'good', unwell.length ? 'look at these' : 'all well')),
		tile('Store', seen.store.kind ?? 'sessions', `p99 ${ms(seen.store.latencyMs.p99)}${seen.store.owed ? `; ${many(seen.store.owed, 'change')} still to be written` : ''}`, badge(...(STORE[seen.store.state] ?? ['idle', seen.store.state]))));
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
	const ask = async () => {
		const [seen, history] = await Promise.all([get(['overview'], signal), get(['history'], signal)]);
		return { seen, history };
	};
	const fill = ({ seen, history }) => {
		if (!past.isConnected) {
			const names = seen.accounts;
			renew(content, heading, fresh.line, glance, part('hour', 'The last hour', past), part('alive-ended', 'Alive and ended', lists),
				h('p.soft', `Vestibule ${seen.version}, ${many(names.length, 'account')}: ${names.join(', ')}. `, link('../metrics', 'Metrics as text')));
		}
		const known = seen.expiries.map(one => one.reason).sort();
		// The lines of the last chart are the reasons there are, so a new one draws the charts anew.
		if (known.join() !== reasons) {
			reasons = known.join();
			drawn = charts(known);
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
