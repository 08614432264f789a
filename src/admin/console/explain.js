// What would be decided about a request, without sending it; two of them side by side.

import { badge, h, name, nothing, press, problem, renew, value } from './dom.js';
import { get, post } from './api.js';
import { many } from './words.js';

export const title = 'Explain';

// The members of `vestibule explain --json`, in the order of a request's way.
const SECTIONS = [
	['summary', 'In short'], ['verdict', 'Verdict'], ['request', 'Request'], ['inputs', 'Inputs: what the request says'], ['lookup', 'Look-up of the session'], ['lifetime', 'Lifetime, in numbers'],
	['cycle', 'Cycle, round by round'], ['lookups', 'Look-ups at other services'], ['changed', 'Values that change'],
	['upstream_headers', 'Headers for the store'], ['set_cookies', 'Leaving with the response'], ['events', 'Events'],
];

const EXAMPLES = [
	'GET /?utm_campaign=blackfriday HTTP/1.1\nHost: HOST\nAccept: text/html\nSec-Fetch-Mode: navigate\nSec-Fetch-Dest: document\n',
	"curl 'http://HOST/?sc=2' -H 'Accept: text/html' -H 'Sec-Fetch-Mode: navigate'",
];

function form(which, host, begun = '') {
	const text = h('textarea', { id: `request-${which}`, rows: '7', spellcheck: 'false', autocapitalize: 'off', required: which === 0 });
	text.value = begun;
	const example = press('.small', () => { text.value = EXAMPLES[which].replaceAll('HOST', host); text.focus(); }, 'Put in an example');
	const label = h('label', { for: text.id }, which === 0 ? 'Request, as HTTP text or a curl line' : 'Compare with');
	return { text, element: h('div.grow', h('div.row.between', label, example), text) };
}

const alike = (one, two) => one.length === two.length && one.every((text, at) => text === two[at]);

/** Two lists of lines side by side: equal lines first, then equal names, each in their order. A line is its name, its words and, where that is more, the raw value. */
function align(left, right) {
	const rest = [...right];
	const take = fits => { const at = rest.findIndex(fits); return at < 0 ? undefined : rest.splice(at, 1)[0]; };
	const same = left.map(one => take(two => alike(one, two)));
	const lines = left.map((one, at) => [one[0], one, same[at] ?? take(([other]) => one[0] === other)]);
	return [...lines, ...rest.map(two => [two[0], undefined, two])];
}

const SIGNS = { same: ['=', 'same'], other: ['≠', 'different'], gone: ['−', 'only in the first'], added: ['+', 'only in the second'] };
const kindOf = ([, one, two]) => (one === undefined ? 'added' : two === undefined ? 'gone' : alike(one, two) ? 'same' : 'other');

/** The words, and the raw value beside them for whoever wants it. */
const words = line => (line ? [line[1], line[2] !== undefined && [' ', h('span.raw.soft', { title: 'as it stands' }, value(line[2], 48))]] : '–');

function row(line, compares) {
	const kind = compares ? kindOf(line) : 'plain';
	const [sign, word] = SIGNS[kind] ?? [];
	return h(`tr.${kind}`, compares && h('td.sign', h('span', { 'aria-hidden': 'true' }, sign), h('span.away', word)), h('th', { scope: 'row' }, name(line[0])),
		h('td', { 'data-title': compares && 'First' }, words(line[1])), compares && h('td', { 'data-title': 'Second' }, words(line[2])));
}

/** The explanation of one request, or of two with what differs. */
function told(first, second) {
	let differences = 0;
	const sections = SECTIONS.map(([key, label]) => {
		const lines = align(first[key] ?? [], second?.[key] ?? []);
		const unlike = lines.filter(line => kindOf(line) !== 'same').length;
		differences += unlike;
		const heads = [second && h('th.sign', { scope: 'col' }, h('span.away', 'Difference')), h('th.key', { scope: 'col' }, 'Name'), ...(second ? ['First', 'Second'] : ['Value']).map(head => h('th', { scope: 'col' }, head))];
		return h('section.explained', h('h3', label, ' ', second && badge(unlike ? 'warn' : 'good', unlike ? many(unlike, 'difference') : 'the same')),
			lines.length ? h('table.compare', h('caption.away', label), h('thead', h('tr', heads)), h('tbody', lines.map(line => row(line, second)))) : h('p.soft', 'nothing'));
	});
	return [second && h('p.lead', differences ? `${many(differences, 'difference')} between the two.` : 'The two are decided alike.'), sections];
}

/** A host of the account, for examples that are answered as they stand. */
async function hostOf(account, signal) {
	try {
		const { effective } = await get(['configuration'], signal);
		const all = effective.account ?? [];
		return (all.find(one => one.name === account) ?? all[0]).hosts.find(one => !one.includes('*')) ?? 'localhost';
	} catch (error) {
		if (signal.aborted || error.status === 401) throw error;
		return 'localhost';
	}
}

export async function show({ content, heading, given, signal }) {
	const host = await hostOf(given.account, signal);
	const first = form(0, host, given.id && `GET / HTTP/1.1\nHost: ${host}\nAccept: text/html\nSec-Fetch-Mode: navigate\nSec-Fetch-Dest: document\n`);
	const second = form(1, host);
	second.element.hidden = true;
	const session = h('input', { id: 'session', autocomplete: 'off', spellcheck: 'false', value: given.id });
	const held = h('input', { type: 'checkbox', id: 'held', checked: Boolean(given.id) });
	const both = h('input', { type: 'checkbox', id: 'both', onchange: () => { second.element.hidden = !both.checked; } });
	const results = h('div');
	const go = h('button.main', 'Explain');

	async function ask(event) {
		event?.preventDefault();
		go.disabled = true;
		const one = text => post(['explain'], { request: text, session: session.value.trim() || undefined, absentCookies: held.checked ? 'unchanged' : 'gone' }, signal);
		try {
			const two = both.checked && second.text.value.trim();
			const [left, right] = await Promise.all([one(first.text.value), two ? one(second.text.value) : undefined]);
			renew(results, h('h2', { tabindex: '-1' }, 'What would happen'), told(left, right));
			results.querySelector('h2').focus({ preventScroll: true });
			results.scrollIntoView({ block: 'start' });
		} catch (error) {
			if (!signal.aborted && error.status !== 401) renew(results, problem(error, () => ask()));
		} finally {
			go.disabled = false;
		}
	}

	renew(content, heading,
		h('div.note', h('p', h('strong', 'Apps may really be asked. '), 'Nothing is sent to the store and no session changes. But an app over HTTP that listens to what this request changes is called as for a shopper, and so are the services behind the login and the directory: nobody else knows what they would say.'),
			h('p', 'Not called are apps that nothing changes for, whose condition does not hold, whose answer the memo holds, or that are left alone after failures; the apps within Vestibule send nothing themselves.')),
		h('p.soft', 'A dry run: nothing is kept. Tokens are read, and not shown. Of login cookies a session keeps hashes alone: a request without them, sent like that, logs the shopper out.'),
		h('form.stack', { onsubmit: ask },
			h('div.pair', first.element, second.element),
			h('div.row.search',
				h('div.grow', h('label', { for: 'session' }, 'As this session (its id, may be left out)'), session),
				h('p.check', held, h('label', { for: 'held' }, ' As the shopper’s browser would send it: with the login cookies that the session knows')),
				h('p.check', both, h('label', { for: 'both' }, ' Compare with another')),
				go)),
		results);
	renew(results, nothing('Nothing was explained yet.', 'Put in a request, by “Copy as cURL” of the browser’s network panel or line by line, to see which inputs are read, which session is found, which apps run and why, and what leaves.'));
}
