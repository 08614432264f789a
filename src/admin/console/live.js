// Asks again and again while somebody looks, and says so when the answers stop.

import { h, say } from './dom.js';
import { moment } from './words.js';

/** A line that says how fresh a page is, with a switch; and what keeps it fresh. */
export function live({ every, ask, show, signal }) {
	const words = h('span', 'Loading …');
	const again = h('button.small', { type: 'button', hidden: true }, 'Try now');
	const pause = h('button.small.pause', { type: 'button', 'aria-pressed': 'false', 'aria-keyshortcuts': 'p' }, 'Pause');
	const line = h('p.fresh', h('span.pulse', { 'aria-hidden': 'true' }), words, again, pause);
	let timer;
	let last;
	let failed = false;
	let paused = false;
	let asking = false;

	function tell(error) {
		const since = last ? `Last answer at ${moment(last)}` : 'No answer yet';
		line.classList.toggle('stale', Boolean(error));
		line.classList.toggle('paused', paused);
		again.hidden = !error;
		if (error) words.textContent = `Not up to date. ${since}. ${error.message}`;
		else if (paused) words.textContent = `Paused. ${since}.`;
		else words.textContent = last ? `Live: ${moment(last)}, every ${every / 1000} s` : 'Loading …';
		if (Boolean(error) !== failed) say(error ? words.textContent : 'Up to date again.');
		failed = Boolean(error);
	}

	async function turn(first) {
		clearTimeout(timer);
		if (signal.aborted || asking) return;
		asking = true;
		try {
			const answer = await ask();
			if (signal.aborted) return;
			last = Date.now();
			show(answer);
			tell();
		} catch (error) {
			if (signal.aborted || error.status === 401) return;
			if (first && !last) throw error;
			tell(error);
		} finally {
			asking = false;
			// A hidden page asks nothing; it catches up when it is seen again.
			if (!paused && !document.hidden && !signal.aborted) timer = setTimeout(turn, failed ? every * 2 : every);
		}
	}

	pause.addEventListener('click', () => {
		paused = !paused;
		pause.textContent = paused ? 'Resume' : 'Pause';
		pause.setAttribute('aria-pressed', String(paused));
		if (paused) clearTimeout(timer);
		else turn();
		tell();
		say(paused ? 'Live updates paused' : 'Live updates resumed');
	});
	again.addEventListener('click', () => turn());
	document.addEventListener('visibilitychange', () => { if (!document.hidden && !paused) turn(); }, { signal });
	signal.addEventListener('abort', () => clearTimeout(timer));
	return { line, begin: () => turn(true) };
}
