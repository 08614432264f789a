// Where the nodes of a graph in columns stand: ordered by barycentres, so that few lines cross.
// Pure: nothing is drawn here.

const SWEEPS = 12;

/** `columns`: lists of names; `links`: pairs of names. Returns the height of each and of all. */
export function layout(columns, links, step) {
	const beside = new Map(columns.flat().map(name => [name, []]));
	for (const [one, other] of links) {
		beside.get(one).push(other);
		beside.get(other).push(one);
	}
	const y = new Map();
	const middle = name => {
		const others = beside.get(name);
		return others.length ? others.reduce((sum, one) => sum + y.get(one), 0) / others.length : y.get(name);
	};
	const height = Math.max(1, ...columns.map(column => column.length)) * step;
	const spread = column => column.forEach((name, at) => y.set(name, ((at + 0.5) * height) / column.length));
	const ordered = columns.map(column => [...column]);
	ordered.forEach(spread);
	for (let sweep = 0; sweep < SWEEPS; sweep += 1) {
		for (const column of sweep % 2 ? [...ordered].reverse() : ordered) {
			const wanted = new Map(column.map(name => [name, middle(name)]));
			column.sort((one, other) => wanted.get(one) - wanted.get(other));
			spread(column);
		}
	}
	return { y, height, ordered };
}
