// Which app listens to what, and what it writes, as the configuration says: drawn and as a list.

import { h, name, nothing, part, problem, put, renew, s } from './dom.js';
import { accounts, get } from './api.js';
import { layout } from './layout.js';
import { many } from './words.js';

export const title = 'Cycles';

const NODE = { width: 178, height: 30, gap: 10 };
const COLUMN = 268;
const KINDS = { input: 'parameter', app: 'app', namespace: 'namespace' };

/** Edges between the same two, once, with all their keys. */
function merged(edges) {
  const all = new Map();
  for (const edge of edges) {
    const key = `${edge.from}\n${edge.to}`;
    const one = all.get(key) ?? { from: edge.from, to: edge.to, keys: [] };
    if (edge.key) one.keys.push(edge.key);
    all.set(key, one);
  }
  return [...all.values()];
}

const cut = (text) => (text.length > 23 ? `${text.slice(0, 11)}…${text.slice(-11)}` : text);

function draw(graph, tell) {
  const edges = merged(graph.edges);
  const kinds = new Map(graph.nodes.map((node) => [node.name, node.kind]));
  const heightOf = (one) => (kinds.has(one) ? NODE.height + NODE.gap : 8);
  const placed = layout([...kinds.keys()], edges, heightOf);
  const x = (one) => 8 + placed.column.get(one) * COLUMN;
  const y = (one) => 10 + placed.y.get(one);
  const width = (placed.columns - 1) * COLUMN + NODE.width + 60;
  const drawing = s('svg', { width, height: placed.height + 40, viewBox: `0 0 ${width} ${placed.height + 40}`, class: 'graph', role: 'group', 'aria-label': 'App graph. Arrow keys move between nodes.' });
  const lines = placed.ways.map((way) => ({ ...way, shape: s('path', { d: path(way), class: `edge${way.back ? ' back' : ''}` }, s('title', {}, way.keys.join(', '))) }));

  function path({ way, back }) {
    if (back) {
      const [from, to] = way;
      const [x1, y1, x2, y2] = [x(from) + NODE.width, y(from), x(to), y(to)];
      const low = Math.max(y1, y2) + 34;
      return `M${x1} ${y1}C${x1 + 40} ${y1} ${x1 + 40} ${low} ${(x1 + x2) / 2} ${low}S${x2 - 40} ${y2} ${x2 - 5} ${y2}`;
    }
    let line = `M${x(way[0]) + NODE.width} ${y(way[0])}`;
    let at = [x(way[0]) + NODE.width, y(way[0])];
    for (const [place, one] of way.slice(1).entries()) {
      const last = place === way.length - 2;
      const to = [x(one) - (last ? 5 : 0), y(one)];
      const bend = (to[0] - at[0]) / 2;
      line += `C${at[0] + bend} ${at[1]} ${to[0] - bend} ${to[1]} ${to[0]} ${to[1]}`;
      at = to;
      // Through the width of the column between, straight on.
      if (!last) { line += `h${NODE.width}`; at = [to[0] + NODE.width, to[1]]; }
    }
    return line;
  }

  const shapes = new Map();
  const order = [...kinds.keys()].sort((a, b) => x(a) - x(b) || y(a) - y(b));
  for (const one of order) {
    const kind = kinds.get(one);
    const outline = kind === 'app'
      ? s('rect', { x: x(one), y: y(one) - NODE.height / 2, width: NODE.width, height: NODE.height, rx: 4 })
      : kind === 'input'
        ? s('rect', { x: x(one), y: y(one) - NODE.height / 2, width: NODE.width, height: NODE.height, rx: NODE.height / 2 })
        : s('path', { d: `M${x(one) + 8} ${y(one) - NODE.height / 2}h${NODE.width - 16}l8 ${NODE.height / 2}l-8 ${NODE.height / 2}h${16 - NODE.width}l-8 ${-NODE.height / 2}z` });
    shapes.set(one, s('g', { class: `node ${kind}`, tabindex: '-1', role: 'button', 'aria-pressed': 'false', 'aria-label': `${KINDS[kind]} ${one}`, 'data-node': one },
      s('title', {}, one), outline, s('text', { x: x(one) + NODE.width / 2, y: y(one) + 4.5, class: 'middle' }, cut(one))));
  }

  let pinned;
  function light(one) {
    const near = new Set([one]);
    for (const line of lines) {
      const on = line.from === one || line.to === one;
      line.shape.classList.toggle('on', on);
      if (on) { near.add(line.from); near.add(line.to); }
    }
    drawing.classList.toggle('focused', one !== undefined);
    for (const [other, shape] of shapes) {
      shape.classList.toggle('near', one !== undefined && near.has(other));
      shape.setAttribute('aria-pressed', String(other === pinned));
    }
    tell(one, lines);
  }
  const pin = (one) => { pinned = pinned === one ? undefined : one; light(pinned); };
  const first = shapes.get(order.find((one) => kinds.get(one) === 'app') ?? order[0]);
  first?.setAttribute('tabindex', '0');
  const move = (from, key) => {
    const at = order.indexOf(from);
    if (key === 'ArrowDown' || key === 'ArrowUp') return order[(at + (key === 'ArrowDown' ? 1 : -1) + order.length) % order.length];
    const line = key === 'ArrowRight' ? lines.find((each) => each.from === from) : lines.find((each) => each.to === from);
    return line && (key === 'ArrowRight' ? line.to : line.from);
  };
  const nodeOf = (event) => event.target.closest?.('.node')?.dataset.node;
  drawing.addEventListener('click', (event) => pin(nodeOf(event)));
  drawing.addEventListener('pointerover', (event) => light(nodeOf(event) ?? pinned));
  drawing.addEventListener('pointerleave', () => light(pinned));
  drawing.addEventListener('focusin', (event) => {
    for (const shape of shapes.values()) shape.setAttribute('tabindex', '-1');
    event.target.setAttribute('tabindex', '0');
    light(nodeOf(event));
  });
  drawing.addEventListener('keydown', (event) => {
    const here = nodeOf(event);
    if (event.key === 'Enter' || event.key === ' ') { event.preventDefault(); pin(here); }
    if (event.key === 'Escape') { pinned = undefined; light(); }
    if (!event.key.startsWith('Arrow')) return;
    event.preventDefault();
    const to = shapes.get(move(here, event.key));
    to?.focus();
    to?.scrollIntoView({ block: 'nearest', inline: 'nearest' });
  });
  put(drawing, lines.map((line) => line.shape), lines.map((line) => head(line)), [...shapes.values()]);

  function head(line) {
    const to = line.way.at(-1);
    return s('path', { d: `M${x(to)} ${y(to)}l-7-4v8z`, class: 'edge-head' });
  }
  return { drawing, light: (one) => { pinned = one; light(one); shapes.get(one)?.scrollIntoView({ block: 'nearest', inline: 'center' }); } };
}

/** What a node is about, in words. */
function words(one, graph) {
  const reads = graph.edges.filter((edge) => edge.to === one);
  const writes = graph.edges.filter((edge) => edge.from === one);
  const kind = graph.nodes.find((node) => node.name === one)?.kind;
  const list = (edges, other) => (edges.length ? edges.map((edge, at) => [at > 0 && ', ', name(full(edge, other))]) : 'nothing');
  if (kind === 'app') return [h('strong', {}, one), ' listens to ', list(reads, 'from'), ' and writes ', list(writes, 'to'), '.'];
  return [h('strong', {}, one), ': ', reads.length ? ['written by ', names(reads.map((edge) => edge.from))] : 'set by requests', '; ', writes.length ? ['heard by ', names(writes.map((edge) => edge.to))] : 'no app listens', '.'];
}

const names = (all) => [...new Set(all)].map((one, at) => [at > 0 && ', ', h('strong', {}, one)]);
// A key stands with its namespace, once.
const full = (edge, other) => (!edge.key ? edge[other] : edge.key.includes('.') || edge[other].endsWith(`.${edge.key}`) || edge[other] === edge.key ? edge.key : `${edge[other]}.${edge.key}`);

function listed(graph) {
  const all = graph.nodes.filter((node) => node.kind === 'app');
  return h('details', { class: 'listed' }, h('summary', {}, `The same as a list (${many(all.length, 'app')})`),
    h('ul', { class: 'list' }, all.map((node) => h('li', {}, words(node.name, graph)))));
}

export async function show({ content, heading, given, signal }) {
  const all = await accounts(signal);
  const account = given.account ?? all[0];
  const choice = h('select', { id: 'account', onchange: () => { location.hash = `#/cycles/${encodeURIComponent(choice.value)}`; } }, all.map((one) => h('option', { selected: one === account }, one)));
  const place = h('div', {});
  renew(content, heading, all.length > 1 && h('p', { class: 'row' }, h('label', { for: 'account' }, 'Account'), choice),
    part('graph', `Apps of ${account ?? 'no account'}`, place),
    part('of-session', 'Cycles of a session', h('p', {}, 'What an app was asked and answered, round by round, is drawn for each session: ', h('a', { href: '#/sessions' }, 'find the session'), ', then “Its cycles”.')));
  if (!account) return;
  let graph;
  try {
    graph = await get(['accounts', account, 'graph'], {}, signal);
  } catch (error) {
    if (signal.aborted || error.status === 401) return;
    renew(place, problem(error, () => show({ content, heading, given, signal })));
    return;
  }
  const apps = graph.nodes.filter((node) => node.kind === 'app').map((node) => node.name).sort();
  if (apps.length === 0) {
    renew(place, nothing('This account has no app.', 'Apps are named in its configuration, under account.apps.'));
    return;
  }
  const hint = 'Choose an app, or hold the pointer over anything, to see what it has to do with the others. Boxes are apps, round ends are parameters of requests, pointed ends are namespaces of the session.';
  const told = h('p', { class: 'readout', role: 'status' }, hint);
  const { drawing, light } = draw(graph, (one) => renew(told, one ? words(one, graph) : hint));
  const find = h('select', { id: 'node', onchange: () => light(find.value || undefined) }, h('option', { value: '' }, 'none'), apps.map((one) => h('option', {}, one)));
  renew(place, h('p', { class: 'row' }, h('label', { for: 'node' }, 'App in focus'), find), told,
    h('div', { class: 'scroll canvas' }, drawing), listed(graph));
}
