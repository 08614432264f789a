// The frame around the pages: which page an address means, keys, theme, login.

import { h, link, problem, renew, say, to } from './dom.js';
import { startKeys, showKeys } from './keys.js';
import { enter, leave } from './login.js';
import * as overview from './overview.js';
import * as sessions from './sessions.js';
import * as session from './session.js';
import * as cycles from './cycles.js';
import * as graph from './graph.js';
import * as apps from './apps.js';
import * as explain from './explain.js';
import * as configuration from './configuration.js';

// By the first part of an address and how many follow: an account, the id of a session. Tokens and
// what was searched for never stand in an address.
const PAGES = {
	overview: [overview], sessions: [sessions, undefined, session], cycles: [graph, graph, cycles],
	apps: [apps, apps], explain: [explain, undefined, explain], configuration: [configuration],
};

const content = document.getElementById('content');
let ending = new AbortController();
let moved = false;

function parts() {
	try {
		return location.hash.replace(/^#\/?/, '').split('/').filter(Boolean).map(decodeURIComponent);
	} catch {
		return ['?'];
	}
}

async function open() {
	ending.abort();
	ending = new AbortController();
	const { signal } = ending;
	const [first, account, id, ...more] = parts();
	if (first === undefined) {
		location.replace('#/overview');
		return;
	}
	const page = more.length || !Object.hasOwn(PAGES, first) ? undefined : PAGES[first][[account, id].filter(Boolean).length];
	for (const link of document.querySelectorAll('.side a')) {
		if (link.dataset.page === first) link.setAttribute('aria-current', account && page?.title !== link.textContent ? 'true' : 'page');
		else link.removeAttribute('aria-current');
	}
	// From a session's page, the menu leads to that session's cycles; from anywhere else, to the apps.
	document.querySelector('.side [data-page="cycles"]').href = first === 'sessions' && id ? to('cycles', account, id) : '#/cycles';
	const title = page?.title ?? 'No such page';
	const heading = h('h1', { tabindex: '-1' }, title);
	renew(content, heading, page ? h('p.soft', 'Loading …') : lost());
	document.title = `${title} · Vestibule console`;
	// After a link the focus is at the page's title, as after the load of a page.
	if (moved) { heading.focus({ preventScroll: true }); window.scrollTo(0, 0); }
	moved = true;
	try {
		await page?.show({ content, heading, signal, given: { account, id } });
	} catch (error) {
		if (!signal.aborted && error.status !== 401) renew(content, heading, problem(error, open));
	}
}

function lost() {
	return h('p', 'This address names no page of the console. ', link('#/overview', 'To the overview'));
}

function startTheme() {
	const button = document.getElementById('theme');
	const root = document.documentElement;
	const order = ['system', 'light', 'dark'];
	const tell = () => { button.textContent = `Theme: ${root.dataset.theme ?? 'system'}`; };
	button.addEventListener('click', () => {
		const next = order[(order.indexOf(root.dataset.theme ?? 'system') + 1) % order.length];
		if (next === 'system') delete root.dataset.theme;
		else root.dataset.theme = next;
		try { localStorage.setItem('theme', next); } catch { /* It holds for this page alone. */ }
		tell();
		say(`Theme: ${next}`);
	});
	tell();
}

// The skip link's fragment would be taken for a page's address.
document.getElementById('skip').addEventListener('click', event => {
	event.preventDefault();
	content.focus();
});
document.getElementById('keys').addEventListener('click', showKeys);
document.getElementById('leave').addEventListener('click', async () => { await leave(); open(); });
document.addEventListener('unauthorised', event => {
	ending.abort();
	enter(content, event.detail, open);
});
window.addEventListener('hashchange', open);
startTheme();
startKeys();
open();
