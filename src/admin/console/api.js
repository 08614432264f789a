// The way to the admin API: one place for addresses, errors, and the server's clock.

const ROOT = new URL('../', document.baseURI);
const PATIENCE = 15_000;

/** What went wrong, as the API says it. */
export class ApiError extends Error {
	constructor(status, code, message, title) {
		super(message);
		Object.assign(this, { status, code, title });
	}
}

let skew = 0;

/** The server's time: clocks of two machines differ, and "seen 3 s ago" must not. */
export const now = () => Date.now() + skew;

function heed(response) {
	const date = Date.parse(response.headers.get('date') ?? '');
	// The header knows whole seconds, so a smaller difference is none.
	if (Number.isFinite(date)) skew = Math.abs(date - Date.now()) > 2000 ? date - Date.now() : 0;
}

async function refusal(response) {
	const text = await response.text();
	let told = {};
	try { told = JSON.parse(text).error ?? {}; } catch { /* Not JSON: shown as it is. */ }
	const message = told.message ?? (text.trim().slice(0, 500) || `The answer was ${response.status} without a word.`);
	return new ApiError(response.status, told.code, message);
}

async function call(method, path, { query, body, signal } = {}) {
	const address = new URL(path.map(encodeURIComponent).join('/'), ROOT);
	for (const [name, value] of Object.entries(query ?? {})) {
		if (value !== undefined && value !== '') address.searchParams.set(name, value);
	}
	const patience = AbortSignal.timeout(PATIENCE);
	let response;
	try {
		response = await fetch(address, {
			method,
			signal: signal ? AbortSignal.any([signal, patience]) : patience,
			headers: body === undefined ? {} : { 'content-type': 'application/json' },
			body: body === undefined ? undefined : JSON.stringify(body),
		});
	} catch (error) {
		if (signal?.aborted) throw error;
		const why = patience.aborted ? `No answer within ${PATIENCE / 1000} s.` : 'The admin listener cannot be reached. Is the process running?';
		throw new ApiError(0, undefined, why, 'No answer.');
	}
	heed(response);
	if (!response.ok) {
		const error = await refusal(response);
		// A wrong token at the login is told there.
		if (response.status === 401 && path[1] !== 'login') document.dispatchEvent(new CustomEvent('unauthorised', { detail: error }));
		throw error;
	}
	const text = await response.text();
	return text ? JSON.parse(text) : undefined;
}

export const get = (path, signal, query) => call('GET', ['api', ...path], { query, signal });
export const post = (path, body, signal) => call('POST', ['api', ...path], { body, signal });
/** Its path is whole: what ends a person's sessions is older than the rest of the API. */
export const remove = path => call('DELETE', path);

let known;

/** The names of the accounts, asked for once. */
export async function accounts(signal) {
	known ??= (await get(['overview'], signal)).accounts;
	return known;
}
