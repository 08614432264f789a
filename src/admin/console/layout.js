// Where the nodes of a graph stand: layers from left to right by the longest way, order within a
// layer by barycentres, so that few lines cross. Pure: no page, no drawing.

const SWEEPS = 12;

/** Edges that lead back, found by depth: without them the graph has an order. */
function backEdges(nodes, next) {
  const back = new Set();
  const state = new Map();
  for (const root of nodes) {
    const path = [[root, 0]];
    while (path.length > 0) {
      const top = path.at(-1);
      const [node, at] = top;
      if (at === 0 && state.has(node)) { path.pop(); continue; }
      if (at === 0) state.set(node, 'open');
      const ways = next.get(node) ?? [];
      if (at >= ways.length) { state.set(node, 'done'); path.pop(); continue; }
      top[1] += 1;
      const to = ways[at];
      if (state.get(to) === 'open') back.add(`${node}\n${to}`);
      else if (!state.has(to)) path.push([to, 0]);
    }
  }
  return back;
}

function layersOf(names, edges) {
  const layer = new Map(names.map((name) => [name, 0]));
  // As many rounds as there are nodes at most; without back edges it settles long before.
  for (let turn = 0; turn < names.length; turn += 1) {
    let moved = false;
    for (const { from, to } of edges) {
      if (layer.get(to) < layer.get(from) + 1) { layer.set(to, layer.get(from) + 1); moved = true; }
    }
    if (!moved) break;
  }
  return layer;
}

/** Moves sources next to what they feed: a lone input in the first column draws a line over all. */
function pullRight(names, edges, layer) {
  for (const name of names) {
    if (edges.some((edge) => edge.to === name)) continue;
    const targets = edges.filter((edge) => edge.from === name).map((edge) => layer.get(edge.to));
    if (targets.length > 0) layer.set(name, Math.max(0, Math.min(...targets) - 1));
  }
}

/** A long line is led through places of its own in the layers between. */
function withBends(edges, layer) {
  const places = new Map(layer);
  const short = [];
  const ways = edges.map((edge) => {
    const way = [edge.from];
    for (let at = layer.get(edge.from) + 1; at < layer.get(edge.to); at += 1) {
      const bend = `${edge.from}\n${edge.to}\n${at}`;
      places.set(bend, at);
      way.push(bend);
    }
    way.push(edge.to);
    for (let at = 1; at < way.length; at += 1) short.push([way[at - 1], way[at]]);
    return { ...edge, way };
  });
  return { places, short, ways };
}

function inOrder(places, short) {
  const columns = [];
  for (const [name, at] of places) (columns[at] ??= []).push(name);
  for (let at = 0; at < columns.length; at += 1) columns[at] ??= [];
  const before = new Map();
  const after = new Map();
  for (const [from, to] of short) {
    before.set(to, [...(before.get(to) ?? []), from]);
    after.set(from, [...(after.get(from) ?? []), to]);
  }
  const rank = new Map();
  const number = (column) => column.forEach((name, at) => rank.set(name, (at + 0.5) / column.length));
  columns.forEach(number);
  for (let sweep = 0; sweep < SWEEPS; sweep += 1) {
    const forward = sweep % 2 === 0;
    for (const column of forward ? columns : [...columns].reverse()) {
      const beside = forward ? before : after;
      const weight = new Map(column.map((name) => {
        const others = beside.get(name) ?? [];
        return [name, others.length ? others.reduce((sum, one) => sum + rank.get(one), 0) / others.length : rank.get(name)];
      }));
      column.sort((a, b) => weight.get(a) - weight.get(b));
      number(column);
    }
  }
  return { columns, before, after };
}

/** Heights: each node as near to the middle of its neighbours as those above and below leave room. */
function heights({ columns, before, after }, heightOf) {
  const y = new Map();
  const tallest = Math.max(...columns.map((column) => column.reduce((sum, name) => sum + heightOf(name), 0)), 1);
  for (const column of columns) {
    const own = column.reduce((sum, name) => sum + heightOf(name), 0);
    let at = (tallest - own) / 2;
    for (const name of column) { y.set(name, at + heightOf(name) / 2); at += heightOf(name); }
  }
  for (let turn = 0; turn < 6; turn += 1) {
    for (const column of turn % 2 ? [...columns].reverse() : columns) {
      const want = column.map((name) => {
        const others = [...(before.get(name) ?? []), ...(after.get(name) ?? [])];
        return others.length ? others.reduce((sum, one) => sum + y.get(one), 0) / others.length : y.get(name);
      });
      let floor = 0;
      column.forEach((name, at) => {
        const half = heightOf(name) / 2;
        y.set(name, Math.max(floor + half, want[at]));
        floor = y.get(name) + half;
      });
      // What was pushed past the end moves back up.
      let ceiling = Math.max(tallest, 0);
      [...column].reverse().forEach((name) => {
        const half = heightOf(name) / 2;
        y.set(name, Math.min(ceiling - half, y.get(name)));
        ceiling = y.get(name) - half;
      });
    }
  }
  return { y, tallest };
}

/**
 * Lays out `nodes` (names) and `edges` (`{from, to}`, each pair once).
 * Returns `{columns, column, y, height, ways}`; `ways` name the places that a line goes through,
 * and `back` says that it leads from right to left.
 */
export function layout(nodes, edges, heightOf) {
  const next = new Map();
  for (const { from, to } of edges) next.set(from, [...(next.get(from) ?? []), to]);
  const back = backEdges(nodes, next);
  const isBack = (edge) => back.has(`${edge.from}\n${edge.to}`);
  const forward = edges.filter((edge) => !isBack(edge));
  const layer = layersOf(nodes, forward);
  pullRight(nodes, forward, layer);
  const { places, short, ways } = withBends(forward, layer);
  const ordered = inOrder(places, short);
  const { y, tallest } = heights(ordered, heightOf);
  return {
    columns: ordered.columns.length,
    column: places,
    y,
    height: tallest,
    ways: [...ways, ...edges.filter(isBack).map((edge) => ({ ...edge, way: [edge.from, edge.to], back: true }))],
  };
}
