// Who may see this. The token goes to the API once and is kept nowhere here; the answer's cookie is
// out of reach of scripts.

import { h, problem, renew, say } from './dom.js';
import { post } from './api.js';

export function enter(content, refusal, after) {
	const token = h('input', { type: 'password', id: 'token', required: true, autocomplete: 'current-password' });
	const told = h('div');
	const button = h('button.main', 'Log in');
	const submit = async event => {
		event.preventDefault();
		button.disabled = true;
		try {
			await post(['login'], { token: token.value.trim() });
			token.value = '';
			say('Logged in');
			after();
		} catch (error) {
			told.replaceChildren(problem(Object.assign(error, { title: 'Not logged in.' })));
			button.disabled = false;
			token.select();
		}
	};
	const heading = h('h1', { tabindex: '-1' }, 'Log in');
	renew(content, heading,
		h('div.narrow',
			h('p', 'The console shows sessions of shoppers. It wants the admin token of this instance.'),
			refusal && h('p.soft', 'The API said: ', refusal.message),
			h('form.stack', { onsubmit: submit }, h('label', { for: 'token' }, 'Admin token'), token, h('div', button)),
			told,
			h('h2', 'Where is the token?'),
			h('ul.list',
				h('li', 'In the ', h('strong', 'demo'), ': open the one-time link that ', h('code', 'vestibule demo'), ' printed when it started. It works once; start the demo again for another.'),
				h('li', 'In operation: in the file that ', h('code', '[admin] token_file'), ' of the configuration names.')),
			h('p.soft', 'The token is sent once and kept nowhere in this browser. The login ends after twelve hours, or with “Log out”.')));
	document.title = 'Log in · Vestibule console';
	token.focus();
}

export async function leave() {
	try { await post(['logout'], {}); } catch { /* The next answer tells whether it is over. */ }
}
