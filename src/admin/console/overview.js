// How it goes: a glance, then the hour behind it.

import { badge, bar, h, nothing, part, put, renew, table } from './dom.js';
import { get, now } from './api.js';
import { chart } from './chart.js';
import { live } from './live.js';
import { ENDINGS, KINDS, ago, count, many, ms, percent, short } from './words.js';

export const title = 'Overview';
const EVERY = 3000;

const perSecond = (number, brief) => (Number.isFinite(number) ? `${short(number)}${brief ? '' : '/s'}` : '–');
const plain = (number) => count(number);

function charts(reasons) {
  const rate = (of) => (point) => (point.stepMs ? (of(point) * 1000) / point.stepMs : undefined);
  return {
    traffic: chart({ id: 'traffic', title: 'Traffic', unit: 'requests per second', format: perSecond, series: [
      { label: 'requests', of: rate((point) => point.requests) },
      { label: 'refused', of: rate((point) => point.refused) },
      { label: 'errors', of: rate((point) => point.errors) }] }),
    latency: chart({ id: 'latency', title: 'Time to answer', unit: 'milliseconds', format: (value, brief) => (brief ? short(value) : ms(value)), series: [
      { label: 'p50', of: (point) => point.p50Ms },
      { label: 'p90', of: (point) => point.p90Ms },
      { label: 'p99', of: (point) => point.p99Ms }] }),
    sessions: chart({ id: 'alive', title: 'Sessions alive', unit: 'sessions', format: plain, series: [
      { label: 'sessions', of: (point) => point.sessions }] }),
    ended: chart({ id: 'ended', title: 'Sessions ended', unit: 'per step, by reason', format: plain,
      series: reasons.map((reason) => ({ label: reason, of: (point) => point.ended?.[reason] ?? 0 })) }),
  };
}

function tile(label, number, detail, state) {
  return h('div', { class: 'tile' }, h('dt', {}, label), h('dd', {}, h('span', { class: 'great' }, number), detail && h('span', { class: 'soft' }, detail), state));
}

const appLevel = (state) => ({ closed: 'good', well: 'good', ok: 'good', half_open: 'warn', slow: 'warn', failing: 'warn', open: 'bad', down: 'bad' })[state] ?? 'idle';
const storeLevel = (state) => ({ ok: 'good', up: 'good', degraded: 'warn', down: 'bad' })[state] ?? 'idle';

function tiles(seen, latest) {
  const apps = seen.apps ?? [];
  const unwell = apps.filter((app) => appLevel(app.state) !== 'good' || app.errorRate > 0.01);
  const alive = (seen.sessions ?? []).reduce((sum, one) => sum + one.count, 0);
  const perStep = latest?.stepMs ? (latest.requests * 1000) / latest.stepMs : undefined;
  const ready = seen.ready ?? { ok: true, reasons: [] };
  return h('dl', { class: 'tiles' },
    tile('Ready for traffic', ready.ok ? 'yes' : 'no', (ready.reasons ?? []).join(', '), badge(ready.ok ? (ready.reasons?.length ? 'warn' : 'good') : 'bad', ready.ok ? (ready.reasons?.length ? 'degraded' : 'ready') : 'not ready')),
    tile('Traffic', perSecond(perStep), `${many(seen.totals?.requests, 'request')} since ${ago(seen.startedAt, seen.now ?? now())}`),
    tile('Time to answer', ms(seen.latencyMs?.p99), `99 of 100 are faster; half are under ${ms(seen.latencyMs?.p50)}`),
    tile('Sessions alive', count(alive), `${count((seen.expiries ?? []).reduce((sum, one) => sum + one.count, 0))} ended so far`),
    tile('Apps', apps.length ? `${apps.length - unwell.length} of ${apps.length} well` : 'none', unwell.map((app) => app.name).slice(0, 4).join(', '), badge(unwell.length ? 'warn' : 'good', unwell.length ? 'look at these' : 'all well')),
    tile('Store', seen.store?.kind ?? '–', seen.store?.latencyMs ? `p99 ${ms(seen.store.latencyMs.p99)}` : '', badge(storeLevel(seen.store?.state), seen.store?.state ?? 'unknown')));
}

function kinds(seen) {
  const all = seen.sessions ?? [];
  if (all.length === 0) return nothing('No session is alive.', 'Open the store in a browser; its first page makes one.');
  const greatest = Math.max(...all.map((one) => one.count));
  return table('Sessions by account and kind', ['Account', 'Kind', h('th', { scope: 'col', class: 'number' }, 'Sessions'), h('th', { scope: 'col', class: 'wide' }, h('span', { class: 'away' }, 'Share'))],
    all.map((one) => h('tr', {}, h('th', { scope: 'row' }, one.account), h('td', {}, KINDS[one.kind] ?? one.kind), h('td', { class: 'number' }, count(one.count)), h('td', {}, bar(one.count / greatest)))));
}

function endings(seen) {
  const all = seen.expiries ?? [];
  if (!all.some((one) => one.count > 0)) return nothing('No session has ended yet.', 'Why each one ends is told here.');
  const greatest = Math.max(...all.map((one) => one.count));
  return table('Ended sessions by reason', ['Reason', 'What it means', h('th', { scope: 'col', class: 'number' }, 'Sessions'), h('th', { scope: 'col', class: 'wide' }, h('span', { class: 'away' }, 'Share'))],
    all.map((one) => h('tr', {}, h('th', { scope: 'row' }, ENDINGS[one.reason]?.[0] ?? one.reason, h('br'), h('code', { class: 'soft small' }, one.reason)), h('td', {}, ENDINGS[one.reason]?.[1] ?? ''),
      h('td', { class: 'number' }, count(one.count)), h('td', {}, bar(one.count / greatest)))));
}

export async function show({ content, heading, signal }) {
  const glance = h('div', {});
  const lists = h('div', { class: 'pair' });
  const past = h('div', { class: 'charts' });
  let drawn;
  let reasons = '';
  const ask = async () => {
    const [seen, history] = await Promise.all([get(['overview'], {}, signal), get(['history'], {}, signal)]);
    return { seen, points: history.points.map((point) => ({ ...point, stepMs: history.stepMs })) };
  };
  const fill = ({ seen, points }) => {
    if (!past.isConnected) {
      renew(content, heading, fresh.line, glance, part('hour', 'The last hour', past), part('now-alive', 'Alive and ended', lists),
        h('p', { class: 'soft' }, `Vestibule ${seen.version}, `, many((seen.accounts ?? []).length, 'account'), `: ${(seen.accounts ?? []).map((one) => one.name ?? one).join(', ')}. `, h('a', { href: '../metrics' }, 'Metrics as text')));
    }
    const known = [...new Set([...(seen.expiries ?? []).map((one) => one.reason), ...points.flatMap((point) => Object.keys(point.ended ?? {}))])].sort();
    // The lines of the last chart are the reasons there are, so a new one draws the charts anew.
    if (!drawn || known.join() !== reasons) {
      reasons = known.join();
      drawn = charts(known);
      renew(past, ...Object.values(drawn).map((one) => one.figure));
    }
    for (const one of Object.values(drawn)) one.update(points);
    renew(glance, tiles(seen, points.at(-1)));
    renew(lists, h('div', {}, h('h3', {}, 'Alive, by kind'), kinds(seen)), h('div', {}, h('h3', {}, 'Ended, by reason'), endings(seen)));
    put(lists);
  };
  const fresh = live({ every: EVERY, ask, show: fill, signal });
  await fresh.begin();
}

export { appLevel, percent };
