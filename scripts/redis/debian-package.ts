import { execa } from 'execa';
import { existsSync, mkdirSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { arch } from 'node:os';
import { join } from 'node:path';
import { lockForProcess } from '../../apps/shared/platform/process-lock.js';
import { cacheDirectories, isUsable } from './cache-directory.js';
import { findOnPath, provenBinary } from './redis-binary.js';
import type { RedisBinary } from './redis-binary.js';

/** Server, then the tools package that holds the real binary on Debian and Ubuntu. */
const PACKAGES = [
  ['redis-server', 'redis-tools'],
  ['valkey-server', 'valkey-tools'],
] as const;
/** Depth of the library search: a library of the server, a library of that library, and so on. */
const MAX_ROUNDS = 4;
const FETCH_WITHIN_MS = 240_000;
const UNPACKED = `debian-${arch()}`;

/**
 * The package of Debian or Ubuntu, unpacked into a cache directory and not installed: no root, no service started,
 * nothing on port 6379. Undefined if there is no apt or nothing can be fetched.
 */
export const unpackDebianPackage = async (say: (line: string) => void): Promise<RedisBinary | undefined> => {
  const ready = await findUnpacked(cacheDirectories());
  if (ready) return ready;
  if (!findOnPath('apt-get') || !findOnPath('dpkg')) return undefined;
  const cache = cacheDirectories().find(isUsable);
  if (cache === undefined) return undefined;

  let unlock: (() => void) | undefined;
  try {
    unlock = await lockForProcess(join(cache, 'fetch.lock'), {
      waitMs: FETCH_WITHIN_MS,
      held: (pid) => `process ${pid} has been at it for ${FETCH_WITHIN_MS} ms`,
    });
    // Another process may have fetched it while this one waited.
    const meanwhile = await findUnpacked([cache]);
    if (meanwhile) return meanwhile;
    say(`No redis-server found: unpacking the distribution's package into ${cache} (once) ...`);
    return await fetchInto(cache);
  } catch (error) {
    say(`Could not unpack it: ${error instanceof Error ? error.message.split('\n', 2).join(' ') : String(error)}`);
    return undefined;
  } finally {
    unlock?.();
  }
};

const findUnpacked = async (caches: readonly string[]): Promise<RedisBinary | undefined> => {
  for (const cache of caches) {
    const found = await unpackedBinary(join(cache, UNPACKED));
    if (found) return found;
  }
  return undefined;
};

const unpackedBinary = async (root: string): Promise<RedisBinary | undefined> => {
  for (const [server] of PACKAGES) {
    const command = join(root, 'usr/bin', server);
    if (!existsSync(command)) continue;
    return provenBinary(command, 'unpacked from the distribution', libraryPath(root));
  }
  return undefined;
};

/** Unpacks into a separate directory and renames it into place as a whole, so no reader sees a partial package. */
const fetchInto = async (cache: string): Promise<RedisBinary | undefined> => {
  const staging = join(cache, `staging-${process.pid}-${Date.now()}`);
  const root = join(staging, 'root');
  mkdirSync(root, { recursive: true });
  try {
    const apt = await AptSandbox.open(staging);
    const server = await apt.unpackFirst(PACKAGES, root);
    await unpackMissingLibraries(apt, server, root);
    if (!(await unpackedBinary(root))) throw new Error('the unpacked server does not run on this system');
    const place = join(cache, UNPACKED);
    rmSync(place, { recursive: true, force: true });
    renameSync(root, place);
    return await unpackedBinary(place);
  } finally {
    rmSync(staging, { recursive: true, force: true });
  }
};

/** Names of library packages differ between releases (libssl3, libssl3t64 ...), so this asks apt and ldd. */
const unpackMissingLibraries = async (apt: AptSandbox, packages: readonly string[], root: string): Promise<void> => {
  const seen = new Set(packages);
  let layer = packages;
  for (let round = 0; round < MAX_ROUNDS && (await missingLibraries(root)).length > 0; round++) {
    layer = (await apt.libraryDependencies(layer)).filter((name) => !seen.has(name));
    for (const name of layer) {
      seen.add(name);
      await apt.unpack(name, root).catch(() => undefined); // one of several alternatives may not exist here
    }
  }
  const missing = await missingLibraries(root);
  if (missing.length > 0) throw new Error(`no package found for ${missing.join(', ')}`);
};

const missingLibraries = async (root: string): Promise<readonly string[]> => {
  const servers = PACKAGES.map(([server]) => join(root, 'usr/bin', server)).filter((path) => existsSync(path));
  const { stdout } = await execa('ldd', servers, { env: libraryPath(root) });
  return [...stdout.matchAll(/^\s*(\S+) => not found/gm)].map(([, name]) => name ?? '');
};

const libraryPath = (root: string): Record<string, string> => {
  const folders = ['usr/lib', 'lib'].flatMap((base) => {
    const top = join(root, base);
    if (!existsSync(top)) return [];
    const nested = readdirSync(top, { withFileTypes: true }).filter((entry) => entry.isDirectory());
    return [top, ...nested.map((entry) => join(top, entry.name))];
  });
  return { LD_LIBRARY_PATH: [...folders, process.env['LD_LIBRARY_PATH'] ?? ''].filter(Boolean).join(':') };
};

/** apt with its own state: it neither needs root nor changes the system's lists, locks or caches. */
class AptSandbox {
  private constructor(
    private readonly directory: string,
    private readonly env: NodeJS.ProcessEnv,
  ) {}

  static async open(staging: string): Promise<AptSandbox> {
    const directory = join(staging, 'apt');
    mkdirSync(join(directory, 'archives/partial'), { recursive: true });
    const lines = [`Dir::Cache "${directory}";`, 'APT::Sandbox::User "root";'];
    const apt = new AptSandbox(directory, { LC_ALL: 'C', APT_CONFIG: join(directory, 'apt.conf') });
    apt.configure(lines);
    for (const [server] of PACKAGES) if (await apt.knows(server)) return apt;
    // Fresh containers come without package lists.
    mkdirSync(join(directory, 'lists/partial'), { recursive: true });
    apt.configure([...lines, `Dir::State::lists "${join(directory, 'lists')}";`]);
    await apt.call('apt-get', ['-qq', 'update']);
    return apt;
  }

  /** Unpacks the first family of packages that this release has, and returns that family. */
  async unpackFirst(families: readonly (readonly string[])[], root: string): Promise<readonly string[]> {
    for (const family of families) {
      const known = await Promise.all(family.map((name) => this.knows(name)));
      if (!known.every(Boolean)) continue;
      for (const name of family) await this.unpack(name, root);
      return family;
    }
    throw new Error('this release has neither redis-server nor valkey-server');
  }

  async unpack(name: string, root: string): Promise<void> {
    const folder = join(this.directory, 'debs', name);
    mkdirSync(folder, { recursive: true });
    await this.call('apt-get', ['-qq', 'download', name], folder);
    for (const file of readdirSync(folder)) await this.call('dpkg', ['-x', join(folder, file), root]);
  }

  /** Direct dependencies that are libraries, except the C library: it must be the system's, to match its loader. */
  async libraryDependencies(packages: readonly string[]): Promise<readonly string[]> {
    const others = ['recommends', 'suggests', 'conflicts', 'breaks', 'replaces', 'enhances'];
    const listing = await this.call('apt-cache', ['depends', ...others.map((kind) => `--no-${kind}`), ...packages]);
    const names = [...listing.matchAll(/Depends: ([a-z0-9][a-z0-9.+-]*)/g)].map(([, name]) => name ?? '');
    return [...new Set(names)].filter((name) => /^(lib|lua)/.test(name) && !name.startsWith('libc6'));
  }

  /** Not `apt-cache policy`, which also counts a package that is installed but can no longer be fetched. */
  private async knows(name: string): Promise<boolean> {
    const uris = await this.call('apt-get', ['-qq', '--print-uris', 'download', name]).catch(() => '');
    return uris.includes('://');
  }

  private configure(lines: readonly string[]): void {
    writeFileSync(join(this.directory, 'apt.conf'), `${lines.join('\n')}\n`);
  }

  private async call(command: string, args: readonly string[], cwd = this.directory): Promise<string> {
    const { stdout } = await execa(command, args, { cwd, env: this.env, timeout: 180_000 });
    return stdout;
  }
}
