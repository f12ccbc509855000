import { closeSync, fchmodSync, fstatSync, openSync } from 'node:fs';

/** Read and write for the owner, nothing for others. */
export const PRIVATE_MODE = 0o600;

/** Creates the file unless it exists, and takes the rights of all but its owner away. */
export const makePrivate = (path: string): void => {
  const file = openSync(path, 'a', PRIVATE_MODE);
  try {
    // Not /dev/null, which the whole machine uses.
    if (fstatSync(file).isFile()) fchmodSync(file, PRIVATE_MODE);
  } finally {
    closeSync(file);
  }
};
