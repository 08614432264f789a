// Numbers and times as people read them.

const grouped = new Intl.NumberFormat('en', { maximumFractionDigits: 0 });
const clock = new Intl.DateTimeFormat('en-GB', { hour: '2-digit', minute: '2-digit', second: '2-digit' });
const brief = new Intl.DateTimeFormat('en-GB', { hour: '2-digit', minute: '2-digit' });
const day = new Intl.DateTimeFormat('en-GB', { day: 'numeric', month: 'short' });

export const count = (number) => (Number.isFinite(number) ? grouped.format(number) : '–');

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

export const hour = (at) => brief.format(at);

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

/** What the end of a session means, by its reason. */
export const ENDINGS = {
  idle: ['idle too long', 'The shopper stayed away longer than the idle limit.'],
  absolute: ['reached its greatest age', 'The session got as old as any session may.'],
  logout: ['logged out', 'The shopper logged out, or the login cookie was gone.'],
  revoked: ['ended from outside', 'Somebody ended it: by this console, the admin API or the Session API.'],
  deleted: ['ended by the Session API', 'A page or a service asked for its end (DELETE /api/sessions).'],
  rotated: ['got a new id', 'Login, logout or impersonation moved everything to a new session id.'],
};

export const KINDS = {
  anonymous: 'anonymous shopper',
  light: 'anonymous shopper, nothing stored yet',
  authenticated: 'shopper who is logged in',
  shopper: 'shopper who is logged in',
  staff: 'staff',
  impersonated: 'staff acting as a customer',
};
