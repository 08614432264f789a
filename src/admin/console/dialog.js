// Asks before something is done that cannot be undone.

import { h, problem } from './dom.js';

/** Resolves to whether it was done. `facts` say what will happen; `act` does it. */
export function confirm({ title, facts, verb, act }) {
	return new Promise(resolve => {
		let done = false;
		const told = h('div');
		const go = h('button.danger', { type: 'button' }, verb);
		const dialog = h('dialog', { 'aria-labelledby': 'confirm-title', 'aria-describedby': 'confirm-facts', onclose: () => { dialog.remove(); resolve(done); } },
			h('h2', { id: 'confirm-title' }, title),
			h('ul.list', { id: 'confirm-facts' }, facts.map(fact => h('li', fact))),
			told,
			// The first button has the focus: whoever presses Enter without reading does no harm.
			h('form.row.end', { method: 'dialog' }, h('button', { autofocus: true }, 'Keep it'), go));
		go.addEventListener('click', async () => {
			go.disabled = true;
			try {
				await act();
				done = true;
				dialog.close();
			} catch (error) {
				told.replaceChildren(problem(error));
				go.disabled = false;
			}
		});
		document.body.append(dialog);
		dialog.showModal();
	});
}
