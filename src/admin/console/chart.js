// Lines over time, drawn at the width there is so that text stays crisp. Each series has a dash of
// its own beside its colour. The legend is the readout; a slider of the keyboard reads any moment.

import { h, s, table } from './dom.js';
import { hour, moment, span } from './words.js';

const HEIGHT = 190;
const EDGE = { top: 12, bottom: 26, left: 52, right: 62 };
const DASHES = ['', '7 4', '2 4', '10 3 2 3', '1 3'];

/**
 * Fewer points where there are many: those of each minute, or whatever `length` is, become one. The
 * minutes are the clock's, so that none of them slides while new points come in. `join` makes one of
 * several that were counted between two moments.
 */
export function gather(points, stepMs, length, join) {
	const bins = new Map();
	for (const point of points) {
		const bin = length <= stepMs ? point.at - stepMs : Math.floor((point.at - stepMs / 2) / length) * length;
		if (!bins.has(bin)) bins.set(bin, []);
		bins.get(bin).push(point);
	}
	return [...bins].map(([bin, all], at) => {
		const [from, to] = [all[0].at - stepMs, all.at(-1).at];
		return { ...join(all), bin, from, to, whole: to - from > length - stepMs, last: at === bins.size - 1 };
	});
}

// An axis is as long as one of these, in minutes: it stands still until what it shows has outgrown it.
const SPANS = [2, 5, 10, 20, 30, 60].map(one => one * 60_000);

/** From when to when the axis goes. */
function axis(points) {
	const [first, last] = [points[0].bin, points.at(-1).bin];
	const long = SPANS.find(one => last - first <= one) ?? 3_600_000;
	const from = Math.max(first, last - long);
	return [from, from + long];
}

/** Of which time a point is, in words: of the minute that has not ended, and of the one in which counting began, a part. */
export function during({ from, to, whole, last }) {
	if (whole) return `${moment(from)} to ${moment(to)}`;
	return `${span(to - from)}${last ? ' so far' : ''}, from ${moment(from)}`;
}

/** The end of an axis and its steps: 1, 2 or 5 times a power of ten. */
function scale(greatest, whole, steps = 4) {
	if (!(greatest > 0)) return { end: 1, step: 1 };
	// Counts have no halves.
	const raw = whole ? Math.max(1, greatest / steps) : greatest / steps;
	const power = 10 ** Math.floor(Math.log10(raw));
	const step = [1, 2, 5, 10].find(factor => factor * power >= raw) * power;
	return { end: Math.ceil(greatest / step - 1e-9) * step, step };
}

function ticksOfTime(from, to, room) {
	const step = [1, 2, 5, 10, 15, 30, 60].map(one => one * 60_000).find(one => (to - from) / one <= room / 70) ?? 3_600_000;
	const ticks = [];
	for (let at = Math.ceil(from / step) * step; at <= to; at += step) ticks.push(at);
	return ticks;
}

/** One chart. `series`: `[{label, of(point)}]`; `unit` comes with the points, since it is theirs; `format` writes a value with its unit; `whole`: of counts. */
export function chart({ id, title, series, format, whole = false }) {
	let points = [];
	let chosen = -1;
	const legend = h('ul.legend');
	const when = h('span.when');
	const units = h('span.soft.unit');
	const drawing = s('svg', { height: HEIGHT, 'aria-hidden': 'true' });
	const slider = h('div.plot', { role: 'slider', tabindex: '0', 'aria-labelledby': `${id}-title`, 'aria-valuemin': '0', 'aria-valuemax': '0', 'aria-valuenow': '0' }, drawing);
	const listed = h('details', { ontoggle: () => fillTable() }, h('summary', 'As a table'));
	const figure = h('figure.chart',
		h('figcaption', h('h3', { id: `${id}-title` }, title, ' ', units), when),
		legend, slider, listed);
	let width = 0;
	const inner = () => width - EDGE.left - EDGE.right;

	let ends = [0, 1];
	const x = at => EDGE.left + ((at - ends[0]) / (ends[1] - ends[0])) * inner();

	function draw() {
		if (width < 120) return;
		drawing.replaceChildren();
		drawing.setAttribute('width', width);
		drawing.setAttribute('viewBox', `0 0 ${width} ${HEIGHT}`);
		if (points.length < 2) {
			drawing.append(s('text.middle', { x: width / 2, y: HEIGHT / 2 }, points.length ? 'One value so far; the line begins with the next.' : 'Nothing measured yet.'));
			return;
		}
		ends = axis(points);
		const values = points.flatMap(point => series.map(one => one.of(point))).filter(Number.isFinite);
		const { end, step } = scale(Math.max(0, ...values), whole);
		const floor = HEIGHT - EDGE.bottom;
		const y = value => floor - (value / end) * (floor - EDGE.top);
		for (let value = 0; value <= end + step / 2; value += step) {
			drawing.append(s('line.grid', { x1: EDGE.left, x2: width - EDGE.right, y1: y(value), y2: y(value) }),
				s('text.end', { x: EDGE.left - 6, y: y(value) + 4 }, format(value, true)));
		}
		for (const at of ticksOfTime(...ends, inner())) {
			drawing.append(s('line.axis', { x1: x(at), x2: x(at), y1: floor, y2: floor + 4 }), s('text.middle', { x: x(at), y: HEIGHT - 8 }, hour(at)));
		}
		const tips = [];
		series.forEach((one, place) => {
			let path = '';
			let pen = 'M';
			const measured = at => Number.isFinite(points[at] && one.of(points[at]));
			points.forEach((point, at) => {
				// Where nothing was measured the line has a gap, never a zero.
				if (!measured(at)) { pen = 'M'; return; }
				path += `${pen}${x(point.bin).toFixed(1)} ${y(one.of(point)).toFixed(1)}`;
				pen = 'L';
				// Alone between two gaps a value is no line.
				if (!measured(at - 1) && !measured(at + 1)) drawing.append(s(`circle.dot.s${place}`, { cx: x(point.bin), cy: y(one.of(point)), r: 3 }));
			});
			drawing.append(s(`path.line.s${place}`, { d: path, 'stroke-dasharray': DASHES[place] }));
			const last = one.of(points.at(-1));
			if (Number.isFinite(last)) tips.push({ place, last, at: y(last) });
		});
		labelEnds(tips, floor, y);
		drawing.append(s('line.axis', { x1: EDGE.left, x2: width - EDGE.right, y1: floor, y2: floor }));
		if (chosen >= 0) {
			const point = points[chosen];
			drawing.append(s('line.cursor', { x1: x(point.bin), x2: x(point.bin), y1: EDGE.top, y2: floor }));
			series.forEach((one, place) => {
				const value = one.of(point);
				if (Number.isFinite(value)) drawing.append(s(`circle.dot.s${place}`, { cx: x(point.bin), cy: y(value), r: 4 }));
			});
		}
	}

	// Last values stand at the end of their lines, pushed apart where they would overlap.
	function labelEnds(tips, floor, y) {
		const tip = x(points.at(-1).bin);
		tips.sort((one, other) => one.at - other.at);
		let above = -Infinity;
		const places = tips.map(one => { above = Math.max(one.at, above + 14); return above; });
		// Those that would stand below the floor are pushed up, and others only as far as these need it.
		let below = floor + 14;
		for (let at = places.length - 1; at >= 0; at -= 1) below = places[at] = Math.min(places[at], below - 14);
		tips.forEach((one, at) => {
			drawing.append(s(`circle.dot.s${one.place}`, { cx: tip, cy: y(one.last), r: 3 }),
				s(`text.end-value.s${one.place}`, { x: tip + 8, y: places[at] + 4 }, format(one.last)));
		});
	}

	function read() {
		const point = points[chosen < 0 ? points.length - 1 : chosen];
		when.textContent = point ? `${chosen < 0 ? 'last: ' : ''}${during(point)}` : '';
		legend.replaceChildren(...series.map((one, place) => h('li',
			s('svg', { width: 28, height: 10, 'aria-hidden': 'true' }, s(`line.line.s${place}`, { x1: 1, x2: 27, y1: 5, y2: 5, 'stroke-dasharray': DASHES[place] })),
			`${one.label} `, h('strong', point ? format(one.of(point)) : '–'))));
		if (!point) return;
		slider.setAttribute('aria-valuemax', String(points.length - 1));
		slider.setAttribute('aria-valuenow', String(chosen < 0 ? points.length - 1 : chosen));
		slider.setAttribute('aria-valuetext', `${during(point)}: ${series.map(one => `${one.label} ${format(one.of(point))}`).join(', ')}`);
	}

	function choose(at) {
		chosen = at < 0 ? -1 : Math.min(points.length - 1, at);
		draw();
		read();
	}

	function fillTable() {
		if (!listed.open) return;
		listed.querySelector('.scroll')?.remove();
		listed.append(table(`${title} as a table`, ['Time', ...series.map(one => h('th.number', { scope: 'col' }, one.label))],
			[...points].reverse().map(point => h('tr', h('th', { scope: 'row' }, during(point)), series.map(one => h('td.number', format(one.of(point)))))), 'tall'));
	}

	slider.addEventListener('pointermove', event => {
		if (points.length < 2) return;
		const share = (event.clientX - slider.getBoundingClientRect().left - EDGE.left) / inner();
		const at = ends[0] + share * (ends[1] - ends[0]);
		const away = point => Math.abs(point.bin - at);
		choose(points.reduce((best, point, place) => (away(point) < away(points[best]) ? place : best), 0));
	});
	slider.addEventListener('pointerleave', () => choose(-1));
	slider.addEventListener('blur', () => choose(-1));
	slider.addEventListener('keydown', event => {
		const here = chosen < 0 ? points.length - 1 : chosen;
		const to = { ArrowLeft: here - 1, ArrowDown: here - 1, ArrowRight: here + 1, ArrowUp: here + 1, Home: 0, End: points.length - 1, Escape: -1 }[event.key];
		if (to === undefined || points.length === 0) return;
		event.preventDefault();
		choose(event.key === 'Escape' ? -1 : Math.max(0, to));
	});
	new ResizeObserver(([entry]) => {
		width = Math.floor(entry.contentRect.width);
		draw();
	}).observe(slider);

	return {
		figure,
		update(fresh, unit) {
			units.textContent = unit;
			// A moment that is being read stays in place while new ones arrive.
			const reading = chosen >= 0 ? points[chosen]?.bin : undefined;
			points = fresh;
			chosen = reading === undefined ? -1 : points.findIndex(point => point.bin >= reading);
			draw();
			read();
		},
	};
}
