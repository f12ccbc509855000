import { accessSync, constants, lstatSync, mkdirSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const NAME = 'nestjs-redis-stream-transport';

/** Not `userInfo()`, which throws for a user without an entry in /etc/passwd, as in many containers. */
const uid = (): number => process.getuid?.() ?? -1;

const userCache = (): readonly string[] => {
  const named = process.env['XDG_CACHE_HOME'];
  if (named) return [named];
  try {
    return [join(homedir(), '.cache')];
  } catch {
    return []; // without HOME, the home directory of such a user is unknown, too
  }
};

/**
 * Where an unpacked Redis may be kept, best first: the project, the user's cache, a private temporary directory.
 * The later ones are for a checkout that another user owns and for users without a home directory.
 */
export const cacheDirectories = (): readonly string[] => [
  fileURLToPath(new URL('../../.cache/redis', import.meta.url)),
  ...userCache().map((directory) => join(directory, NAME, 'redis')),
  join(tmpdir(), `${NAME}-${uid()}`, 'redis'),
];

/** Creates the directory if needed; false if this user cannot write there or another user owns it. */
export const isUsable = (directory: string): boolean => {
  try {
    mkdirSync(directory, { recursive: true, mode: 0o755 });
    accessSync(directory, constants.W_OK | constants.X_OK);
    // Binaries are run from here: a directory that another user prepared under /tmp must not be trusted.
    return [directory, dirname(directory)].every((each) => lstatSync(each).uid === uid());
  } catch {
    return false;
  }
};
