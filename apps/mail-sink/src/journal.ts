import { closeSync, openSync, writeSync } from 'node:fs';
import { makePrivate, wholeLines } from '#platform';

/** The ids of all mails in a private file, one per line. Written lines survive the process, however it ends. */
export class Journal {
  /** The ids in the file when it was opened. */
  readonly ids: readonly string[];
  private readonly file: number;

  constructor(path: string) {
    makePrivate(path);
    this.ids = wholeLines(path);
    this.file = openSync(path, 'a');
  }

  append(id: string): void {
    writeSync(this.file, `${id}\n`);
  }

  close(): void {
    closeSync(this.file);
  }
}
