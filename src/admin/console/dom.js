// Elements are made here and nowhere else. Whatever the API says becomes text, never HTML.

const SVG = 'http://www.w3.org/2000/svg';

function fill(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes ?? {})) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith('on')) element.addEventListener(name.slice(2), value);
    else element.setAttribute(name, value === true ? '' : value);
  }
  put(element, children);
  return element;
}

/** Appends what there is; nothing (null, undefined, false) is left out. */
export function put(element, ...children) {
  for (const child of children.flat(Infinity)) {
    if (child !== null && child !== undefined && child !== false) element.append(child);
  }
  return element;
}

/** An HTML element. */
export const h = (name, attributes, ...children) => fill(document.createElement(name), attributes, children);

/** An SVG element. */
export const s = (name, attributes, ...children) => fill(document.createElementNS(SVG, name), attributes, children);

/** Puts new content in place of the old, and leaves the focus on what bears the same `data-keep`. */
export function renew(element, ...children) {
  const kept = element.contains(document.activeElement) ? document.activeElement.dataset.keep : undefined;
  const open = new Set([...element.querySelectorAll('details[open][data-keep]')].map((one) => one.dataset.keep));
  element.replaceChildren();
  put(element, children);
  for (const one of element.querySelectorAll('details[data-keep]')) if (open.has(one.dataset.keep)) one.open = true;
  if (kept) element.querySelector(`[data-keep="${CSS.escape(kept)}"]`)?.focus({ preventScroll: true });
}

/** Tells a screen reader, once. */
export function say(text) {
  document.getElementById('said').textContent = text;
}

const GLYPHS = { good: '✓', warn: '!', bad: '✕', idle: '–' };

/** A state in a word, with a shape of its own beside the colour. */
export const badge = (level, word) =>
  h('span', { class: `badge ${level}` }, h('span', { class: 'shape', 'aria-hidden': 'true' }, h('span', {}, GLYPHS[level] ?? '')), word);

/** A long name that may break after each dot, dash or underscore, and nowhere else. */
export function name(text) {
  const code = h('code', { class: 'name' });
  for (const part of String(text).split(/(?<=[._/-])/)) code.append(part, h('wbr'));
  return code;
}

/** One after the other with commas; `of` makes the element of each. */
export const list = (all, of) => (all.length ? all.map((one, at) => [at > 0 && ', ', of(one)]) : 'nothing');

/** A session's value: strings as they are, everything else as JSON, long ones cut until asked for. */
export function value(given, limit = 160) {
  if (given === undefined) return h('span', { class: 'soft' }, 'not set');
  if (given === null) return h('span', { class: 'soft' }, 'null');
  const text = typeof given === 'string' ? given : JSON.stringify(given);
  if (text === '') return h('span', { class: 'soft' }, 'empty');
  if (text.length <= limit) return h('span', { class: 'value' }, text);
  const shown = h('span', {}, `${text.slice(0, limit)}…`);
  const more = h('button', { type: 'button', class: 'small', onclick: () => { shown.textContent = text; more.remove(); } }, `all ${text.length} characters`);
  return h('span', { class: 'value' }, shown, ' ', more);
}

/** An error as it was said, and the way to try again. */
export function problem(error, retry) {
  return h('div', { class: 'problem', role: 'alert' },
    h('p', {}, h('strong', {}, error.title ?? 'That did not work.'), ' ', error.message),
    error.code && h('p', { class: 'soft small' }, `Code ${error.code}${error.status ? `, status ${error.status}` : ''}`),
    retry && h('button', { type: 'button', onclick: retry }, 'Try again'));
}

/** What to do where there is nothing. */
export const nothing = (title, ...advice) => h('div', { class: 'nothing' }, h('p', {}, h('strong', {}, title)), put(h('p', {}), advice));

/** A part of a page under a heading of its own. */
export function part(id, title, ...children) {
  return h('section', { class: 'part', 'aria-labelledby': id }, h('h2', { id }, title), children);
}

/** A table that scrolls by itself when it is wider than the page, by keyboard too. */
export function table(caption, heads, rows, options = {}) {
  return h('div', { class: `scroll ${options.class ?? ''}`, tabindex: '0', role: 'region', 'aria-label': caption },
    h('table', {}, h('caption', { class: options.showCaption ? '' : 'away' }, caption),
      h('thead', {}, h('tr', {}, heads.map((head) => (head instanceof Node ? head : h('th', { scope: 'col' }, head))))),
      h('tbody', {}, rows)));
}

/** A bar of a share between 0 and 1; the number stands beside it. */
export function bar(share, level = '') {
  const filled = h('span', { class: `fill ${level}` });
  filled.style.inlineSize = `${Math.max(0, Math.min(1, share)) * 100}%`;
  return h('span', { class: 'bar', 'aria-hidden': 'true' }, filled);
}
