const whole = new Intl.NumberFormat('en');
const rough = new Intl.NumberFormat('en', { maximumFractionDigits: 1 });
const clock = new Intl.DateTimeFormat(undefined, { timeStyle: 'medium' });
const calendar = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium', timeStyle: 'medium' });
const distance = new Intl.RelativeTimeFormat('en');

const UNITS = [
  ['day', 86_400],
  ['hour', 3_600],
  ['minute', 60],
];

export const count = (number) => whole.format(number);

export const counted = (number, thing) => `${count(number)} ${thing}${number === 1 ? '' : 's'}`;

/** Rounded down: 100 % means that nothing is left. */
export const percent = (part, all) => (all === 0 ? '' : `${Math.floor((part / all) * 100)} %`);

export const rate = (perSecond) => `${perSecond < 10 ? rough.format(perSecond) : count(Math.round(perSecond))}/s`;

export function duration(seconds) {
  const left = Math.max(1, Math.round(seconds));
  if (left < 60) return `${left} s`;
  if (left < 3_600) return `${Math.floor(left / 60)} min ${left % 60} s`;
  return `${Math.floor(left / 3_600)} h ${Math.floor((left % 3_600) / 60)} min`;
}

export const time = (iso) => clock.format(new Date(iso));

export const exactTime = (iso) => calendar.format(new Date(iso));

/** How long ago that was, such as "3 minutes ago". */
export function ago(iso) {
  const seconds = (Date.now() - Date.parse(iso)) / 1_000;
  const [unit, length] = UNITS.find(([, each]) => seconds >= each) ?? [];
  return unit ? distance.format(-Math.floor(seconds / length), unit) : 'less than a minute ago';
}
