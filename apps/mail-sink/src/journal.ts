import { closeSync, openSync, readFileSync, truncateSync, writeSync } from 'node:fs';
import { makePrivate } from '#platform';

/** The ids of all mails in a private file, one per line. Written lines survive the process, however it ends. */
export class Journal {
  /** The ids in the file when it was opened. */
  readonly ids: readonly string[];
  private readonly file: number;

  constructor(path: string) {
    makePrivate(path);
    this.ids = whole(path);
    this.file = openSync(path, 'a');
  }

  append(id: string): void {
    writeSync(this.file, `${id}\n`);
  }

  close(): void {
    closeSync(this.file);
  }
}

/** Drops a last line that a kill cut short: that mail was never confirmed to a client. */
const whole = (path: string): string[] => {
  const bytes = readFileSync(path);
  const length = bytes.lastIndexOf('\n') + 1;
  if (length < bytes.length) truncateSync(path, length);
  return bytes.toString('utf8', 0, length).split('\n').slice(0, -1);
};
