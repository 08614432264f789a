// Elements are made here and nowhere else. Whatever the API says becomes text, never HTML.

// `what` is a name with classes, `p.soft`; attributes may be left out.
function make(space, what, rest) {
	const [name, ...classes] = what.split('.').filter(Boolean);
	const element = document.createElementNS(space, name);
	const given = rest[0]?.constructor === Object ? rest.shift() : {};
	if (classes.length) element.setAttribute('class', classes.join(' '));
	for (const [key, value] of Object.entries(given)) {
		if (value === null || value === undefined || value === false) continue;
		if (key.startsWith('on')) element.addEventListener(key.slice(2), value);
		else element.setAttribute(key, value === true ? '' : value);
	}
	put(element, rest);
	return element;
}

/** Appends what there is; nothing (null, undefined, false) is left out. */
export function put(element, ...children) {
	for (const child of children.flat(Infinity)) {
		if (child !== null && child !== undefined && child !== false) element.append(child);
	}
}

/** An HTML element: `h('p.soft', { id: 'x' }, 'text', child)`. */
export const h = (what, ...rest) => make('http://www.w3.org/1999/xhtml', what, rest);

/** An SVG element. */
export const s = (what, ...rest) => make('http://www.w3.org/2000/svg', what, rest);

/** What stands back. */
export const soft = (...said) => h('span.soft', said);

/** An address within the console. */
export const to = (...parts) => `#/${parts.map(encodeURIComponent).join('/')}`;

/** A link within the console. */
export const link = (address, ...said) => h('a', { href: address }, said);

/** A button that does something here; `classes` as in `.small`. */
export const press = (classes, onclick, ...said) => h(`button${classes}`, { type: 'button', onclick }, said);

/** A field to search in, or by. */
export const searchField = (id, more) => h('input', { type: 'search', id, autocomplete: 'off', spellcheck: 'false', 'aria-keyshortcuts': '/', ...more });

/** Puts new content in place of the old, and leaves the focus on what bears the same `data-keep`. */
export function renew(element, ...children) {
	const kept = element.contains(document.activeElement) ? document.activeElement.dataset.keep : undefined;
	const open = new Set([...element.querySelectorAll('details[open][data-keep]')].map(one => one.dataset.keep));
	element.replaceChildren();
	put(element, children);
	for (const one of element.querySelectorAll('details[data-keep]')) {
		if (!open.has(one.dataset.keep)) continue;
		one.open = true;
		// Told at once: by itself the event comes after the next frame, and the page would flicker.
		one.dispatchEvent(new Event('toggle'));
	}
	if (kept) element.querySelector(`[data-keep="${CSS.escape(kept)}"]`)?.focus({ preventScroll: true });
}

// As long as a screen reader may need to come to it; then whoever reads on meets nothing that is over.
const SAID = 5000;
let saying;

/** Tells a screen reader, once. */
export function say(text) {
	const said = document.getElementById('said');
	said.textContent = text;
	clearTimeout(saying);
	saying = setTimeout(() => { said.textContent = ''; }, SAID);
}

const GLYPHS = { good: '✓', warn: '!', bad: '✕', idle: '–' };

/** A state in a word, with a shape of its own beside the colour. */
export const badge = (level, word) =>
	h(`span.badge.${level}`, h('span.shape', { 'aria-hidden': 'true' }, h('span', GLYPHS[level] ?? '')), word);

/** Whose a session is: by e-mail where it is known, then by the shop's id. */
export function person({ email, principal, staffEmail, staff, impersonator }) {
	const one = (by, id) => [h('span.who', by ?? id), by && id && by !== id && [' ', h('span.soft.small.who', id)]];
	const through = impersonator ? [' through ', one(staffEmail, impersonator)] : '';
	if (email || principal) return [one(email, principal), through];
	return staff ? one(staffEmail, staff) : soft('nobody known');
}

/** A long name that may break after each dot, dash or underscore, and nowhere else. */
export function name(text) {
	const code = h('code.name');
	for (const part of String(text).split(/(?<=[._/-])/)) code.append(part, h('wbr'));
	return code;
}

/** One after the other with commas; `of` makes the element of each. */
export const list = (all, of) => (all.length ? all.map((one, at) => [at > 0 && ', ', of(one)]) : 'nothing');

/** A session's value: strings as they are, everything else as JSON, long ones cut until asked for. */
export function value(given, limit = 160) {
	if (given === undefined) return soft('not set');
	if (given === null) return soft('null');
	const text = typeof given === 'string' ? given : JSON.stringify(given);
	if (text === '') return soft('empty');
	if (text.length <= limit) return h('span.value', text);
	const shown = h('span', `${text.slice(0, limit)}…`);
	const more = press('.small', () => { shown.textContent = text; more.remove(); }, `all ${text.length} characters`);
	return h('span.value', shown, ' ', more);
}

/** An error as it was said, and the way to try again. */
export function problem(error, retry) {
	return h('div.problem', { role: 'alert' },
		h('p', h('strong', error.title ?? 'That did not work.'), ' ', error.message),
		error.code && h('p.soft.small', `Code ${error.code}${error.status ? `, status ${error.status}` : ''}`),
		retry && press('', retry, 'Try again'));
}

/** What to do where there is nothing. */
export const nothing = (title, ...advice) => h('div.nothing', h('p', h('strong', title)), h('p', advice));

/** A part of a page under a heading of its own. */
export function part(id, title, ...children) {
	return h('section.part', { 'aria-labelledby': id }, h('h2', { id }, title), children);
}

/** A table that scrolls by itself when it is wider than the page, by keyboard too. */
export function table(caption, heads, rows, classes = '') {
	return h(`div.scroll.${classes}`, { tabindex: '0', role: 'region', 'aria-label': caption },
		h('table', h('caption.away', caption),
			h('thead', h('tr', heads.map(head => (head instanceof Node ? head : h('th', { scope: 'col' }, head))))),
			h('tbody', rows)));
}

/** A bar of a share between 0 and 1; the number stands beside it. */
export function bar(share, level = '') {
	const filled = h(`span.fill.${level}`);
	filled.style.inlineSize = `${Math.max(0, Math.min(1, share)) * 100}%`;
	return h('span.bar', { 'aria-hidden': 'true' }, filled);
}
