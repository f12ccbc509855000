import type { RequestAddress } from './entry.codec.js';

/** An entry that cannot be decoded; another attempt would not help. */
export class UndecodableEntryError extends Error {
  override readonly name = 'UndecodableEntryError';

  constructor(
    field: string,
    rule: string,
    /** Where to send the error, if the rest of a request could be read. */
    readonly request?: RequestAddress,
  ) {
    super(`Field \`${field}\` is ${rule}`);
  }
}
