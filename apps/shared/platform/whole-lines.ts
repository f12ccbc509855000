import { readFileSync, truncateSync } from 'node:fs';

/**
 * The lines of a file. Drops a last line that a kill cut short: what it says was never confirmed to a caller, and the
 * next line must not become its end.
 */
export const wholeLines = (path: string): string[] => {
  const bytes = readFileSync(path);
  const length = bytes.lastIndexOf('\n') + 1;
  if (length < bytes.length) truncateSync(path, length);
  return bytes.toString('utf8', 0, length).split('\n').slice(0, -1);
};
