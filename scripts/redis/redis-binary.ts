import { execa } from 'execa';
import { accessSync, constants, statSync } from 'node:fs';
import { delimiter, join } from 'node:path';

/** A command that starts a Redis when `args` are followed by redis-server's own arguments. */
export interface RedisBinary {
  readonly command: string;
  readonly args: readonly string[];
  /** Added to the environment of this process (an unpacked package needs its library path). */
  readonly env: Readonly<Record<string, string>>;
  /** False for the toy: it forgets everything when it stops and takes none of redis-server's options. */
  readonly persistent: boolean;
  /** One human-readable line: what the binary is and where it came from. */
  readonly describe: string;
}

/** The first line of `--version`, or undefined when the binary cannot run here (wrong libc, missing library). */
const versionOf = async (command: string, env: Readonly<Record<string, string>>): Promise<string | undefined> => {
  try {
    const { stdout } = await execa(command, ['--version'], { env, timeout: 10_000 });
    return stdout.split('\n')[0]?.trim();
  } catch {
    return undefined;
  }
};

/** A server binary that is known to run here, or undefined. */
export const provenBinary = async (
  command: string,
  origin: string,
  env: Readonly<Record<string, string>> = {},
): Promise<RedisBinary | undefined> => {
  const version = await versionOf(command, env);
  if (version === undefined) return undefined;
  return {
    command,
    args: [],
    env,
    persistent: true,
    describe: `${version.replace(/ (sha|malloc)=.*$/, '')} (${origin})`,
  };
};

export const findOnPath = (name: string): string | undefined =>
  (process.env['PATH'] ?? '')
    .split(delimiter)
    .filter((directory) => directory !== '')
    .map((directory) => join(directory, name))
    .find(isExecutable);

const isExecutable = (path: string): boolean => {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
};
