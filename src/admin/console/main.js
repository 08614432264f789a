// The frame around the pages: which page an address means, keys, theme, login.

import { h, problem, renew, say } from './dom.js';
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

// An address is `#/` and path parts; ids may stand in it, tokens never do.
const PAGES = [
  [['overview'], overview],
  [['sessions'], sessions],
  [['sessions', ':account', ':id'], session],
  [['cycles'], graph],
  [['cycles', ':account'], graph],
  [['cycles', ':account', ':id'], cycles],
  [['apps'], apps],
  [['explain'], explain],
  [['explain', ':account', ':id'], explain],
  [['configuration'], configuration],
];

const content = document.getElementById('content');
let ending = new AbortController();
let moved = false;

function find(parts) {
  for (const [pattern, page] of PAGES) {
    if (pattern.length !== parts.length) continue;
    const given = {};
    const fits = pattern.every((want, at) => {
      if (!want.startsWith(':')) return want === parts[at];
      given[want.slice(1)] = parts[at];
      return true;
    });
    if (fits) return [page, given];
  }
  return [undefined, {}];
}

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
  const at = parts();
  if (at.length === 0) {
    location.replace('#/overview');
    return;
  }
  const [page, given] = find(at);
  for (const link of document.querySelectorAll('.side a')) {
    if (link.dataset.page === at[0]) link.setAttribute('aria-current', at.length === 1 ? 'page' : 'true');
    else link.removeAttribute('aria-current');
  }
  const title = page?.title ?? 'No such page';
  const heading = h('h1', { tabindex: '-1' }, title);
  renew(content, heading, page ? h('p', { class: 'soft waits' }, 'Loading …') : lost());
  document.title = `${title} · Vestibule console`;
  // After a link the focus is at the page's title, as after the load of a page.
  if (moved) { heading.focus({ preventScroll: true }); window.scrollTo(0, 0); }
  moved = true;
  if (!page) return;
  try {
    await page.show({ content, heading, given, signal, title: retitle });
  } catch (error) {
    if (signal.aborted || error.status === 401) return;
    renew(content, heading, problem(error, open));
  }
}

function retitle(text) {
  document.title = `${text} · Vestibule console`;
}

function lost() {
  return h('p', {}, 'This address names no page of the console. ', h('a', { href: '#/overview' }, 'To the overview'));
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
document.getElementById('skip').addEventListener('click', (event) => {
  event.preventDefault();
  content.focus();
});
document.getElementById('keys').addEventListener('click', showKeys);
document.getElementById('leave').addEventListener('click', async () => { await leave(); open(); });
document.addEventListener('unauthorised', (event) => {
  ending.abort();
  enter(content, event.detail, open);
});
window.addEventListener('hashchange', open);
startTheme();
startKeys();
open();
