const NAME_WIDTH = 12;

/** On a terminal a progress bar may be there, which is then drawn anew below. */
const FRESH_LINE = process.stdout.isTTY ? '\r\x1b[K' : '';

/** A line of one of the services, under its name. */
export const line = (name: string, text: string): void =>
  console.log(`${FRESH_LINE}${name.padEnd(NAME_WIDTH)} | ${text}`);
/** A line of the launcher itself. */
export const say = (text: string): void => line('start', text);

export const list = (rows: ReadonlyMap<string, string>): void => {
  for (const [name, text] of rows) say(`  ${name.padEnd(NAME_WIDTH)} ${text}`);
};
