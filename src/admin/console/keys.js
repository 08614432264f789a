// Keys for those who do not reach for the mouse. They can be switched off, since single letters
// get in the way of speech input (WCAG 2.1.4).

import { h } from './dom.js';

const GO = { o: 'overview', s: 'sessions', c: 'cycles', a: 'apps', e: 'explain', f: 'configuration' };

const MEANINGS = [
	['g o', 'Overview'], ['g s', 'Sessions'], ['g c', 'Cycles'], ['g a', 'Apps'], ['g e', 'Explain'], ['g f', 'Configuration'],
	['/', 'Search on this page, or find a session'],
	['p', 'Pause or resume live updates'],
	['t', 'Next theme'],
	['?', 'This list'],
	['← →', 'In a chart: another moment. In the graph: another app'],
	['Esc', 'Close a dialog, clear a selection'],
];

function off() {
	try { return localStorage.getItem('keys') === 'off'; } catch { return false; }
}

const typing = target => target.closest('input, textarea, select') !== null;

function search() {
	const field = document.querySelector('main input[type=search]');
	if (field) { field.focus(); field.select(); return; }
	location.hash = '#/sessions';
}

export function startKeys() {
	let waiting = false;
	let timer;
	document.addEventListener('keydown', event => {
		if (event.ctrlKey || event.metaKey || event.altKey) return;
		if (off() && event.key !== '?') return;
		if (typing(event.target) || document.querySelector('dialog[open]')) return;
		if (waiting && GO[event.key]) {
			waiting = false;
			location.hash = `#/${GO[event.key]}`;
			event.preventDefault();
			return;
		}
		waiting = event.key === 'g';
		clearTimeout(timer);
		timer = setTimeout(() => { waiting = false; }, 1500);
		const act = { '/': search, '?': showKeys, t: () => document.getElementById('theme').click(), p: () => document.querySelector('main .pause')?.click() }[event.key];
		if (act) { event.preventDefault(); act(); }
	});
}

export function showKeys() {
	const choice = h('input', { type: 'checkbox', id: 'keys-on', onchange: () => {
		try { localStorage.setItem('keys', choice.checked ? 'on' : 'off'); } catch { /* It cannot be kept. */ }
	} });
	choice.checked = !off();
	const dialog = h('dialog', { 'aria-labelledby': 'keys-title', onclose: () => dialog.remove() },
		h('h2', { id: 'keys-title' }, 'Keys'),
		h('dl.keys', MEANINGS.map(([key, meaning]) => [
			h('dt', key.split(' ').map(one => h('kbd', one))), h('dd', meaning)])),
		h('p', choice, h('label', { for: 'keys-on' }, ' Single-letter keys are on')),
		h('form.row.end', { method: 'dialog' }, h('button.main', 'Close')));
	document.body.append(dialog);
	dialog.showModal();
}
