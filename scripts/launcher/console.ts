const NAME_WIDTH = 12;

/** On a terminal, clears a progress bar on the current line; the bar is redrawn below. */
const FRESH_LINE = process.stdout.isTTY ? '\r\x1b[K' : '';

/** Prints a line of a service, after its name. */
export const line = (name: string, text: string): void =>
  console.log(`${FRESH_LINE}${name.padEnd(NAME_WIDTH)} | ${text}`);
/** Prints a line of the launcher itself. */
export const say = (text: string): void => line('start', text);

export const list = (rows: ReadonlyMap<string, string>): void => {
  for (const [name, text] of rows) say(`  ${name.padEnd(NAME_WIDTH)} ${text}`);
};
