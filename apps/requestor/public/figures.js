const whole = new Intl.NumberFormat('en');
const rough = new Intl.NumberFormat('en', { maximumFractionDigits: 1 });
const clock = new Intl.DateTimeFormat(undefined, { timeStyle: 'medium' });

export const count = (number) => whole.format(number);

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
