// Numbers and times as people read them.

const grouped = new Intl.NumberFormat('en', { maximumFractionDigits: 0 });
const clock = new Intl.DateTimeFormat('en-GB', { hour: '2-digit', minute: '2-digit', second: '2-digit' });
const brief = new Intl.DateTimeFormat('en-GB', { hour: '2-digit', minute: '2-digit' });
const day = new Intl.DateTimeFormat('en-GB', { day: 'numeric', month: 'short' });

export const count = number => (Number.isFinite(number) ? grouped.format(number) : '–');

/** `one session`, `3 sessions`. */
export const many = (number, one, more = `${one}s`) => `${count(number)} ${number === 1 ? one : more}`;

/** Three significant digits at most. */
export function short(number) {
	if (!Number.isFinite(number)) return '–';
	const size = Math.abs(number);
	if (size >= 100) return grouped.format(number);
	return String(Number(number.toFixed(size >= 10 ? 1 : 2)));
}

/** Milliseconds, in the unit that fits. */
export function ms(number) {
	if (!Number.isFinite(number)) return '–';
	if (number >= 10_000) return `${short(number / 1000)} s`;
	if (number > 0 && number < 0.01) return '< 0.01 ms';
	return `${short(number)} ms`;
}

export function percent(share) {
	if (!Number.isFinite(share)) return '–';
	if (share > 0 && share < 0.001) return '< 0.1 %';
	return `${short(share * 100)} %`;
}

/** `1 d 2 h`, `34 min 12 s`: the two greatest units. */
export function span(milliseconds) {
	if (!Number.isFinite(milliseconds)) return '–';
	let left = Math.max(0, Math.round(milliseconds / 1000));
	const parts = [];
	for (const [unit, size] of [['d', 86_400], ['h', 3600], ['min', 60], ['s', 1]]) {
		const whole = Math.floor(left / size);
		left -= whole * size;
		if (whole > 0) parts.push(`${whole} ${unit}`);
		else if (parts.length > 0) break;
	}
	return parts.slice(0, 2).join(' ') || '0 s';
}

export const hour = at => brief.format(at);

/** The time of day; the day too where it is not today. */
export function moment(at) {
	const date = new Date(at);
	const today = new Date().toDateString() === date.toDateString();
	return today ? clock.format(date) : `${day.format(date)} ${clock.format(date)}`;
}

export function ago(at, now) {
	const past = now - at;
	if (Math.abs(past) < 1000) return 'now';
	return past > 0 ? `${span(past)} ago` : `in ${span(-past)}`;
}

/** Rounds have one numbering everywhere: by the answers that came in them. */
export const roundName = number => (number === 0 ? 'the create call' : `round ${number}`);

/** What the end of a session means, by its reason. */
export const ENDINGS = {
	idle: ['stayed away too long', 'The shopper made no request for longer than the idle limit.'],
	absolute: ['got too old', 'The session reached the greatest age that any session may have.'],
	logout: ['logged out', 'The shopper logged out, or the login cookie was gone or ended.'],
	revoked: ['ended by somebody', 'From this console, by the admin API or by the Session API.'],
};

export const KINDS = {
	anonymous: 'anonymous shopper', light: 'anonymous shopper, nothing to store yet',
	authenticated: 'shopper or staff, logged in', shopper: 'shopper, logged in', staff: 'staff, logged in',
	replaced: 'old ids of sessions that got a new one', ended: 'ended, remembered for a while',
};
