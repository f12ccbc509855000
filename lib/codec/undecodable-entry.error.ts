import type { RequestAddress } from './entry.codec.js';

/** An entry that can never be understood; another attempt would not help. */
export class UndecodableEntryError extends Error {
  override readonly name = 'UndecodableEntryError';

  constructor(
    field: string,
    rule: string,
    /** Whom to tell, when the rest of a request could be read. */
    readonly request?: RequestAddress,
  ) {
    super(`Field \`${field}\` is ${rule}`);
  }
}
