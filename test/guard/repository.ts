import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/** Absolute path of the repository, with a trailing slash. */
export const ROOT = fileURLToPath(new URL('../..', import.meta.url));

export const read = (path: string): string => readFileSync(ROOT + path, 'utf8');

/** Files below a folder, as sorted paths from the root of the repository. */
export function filesIn(folder: string, extension: string): string[] {
  return readdirSync(ROOT + folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith(extension))
    .map((entry) => `${entry.parentPath}/${entry.name}`.slice(ROOT.length))
    .toSorted();
}

export interface Manifest {
  readonly name: string;
  readonly version: string;
  readonly engines: { readonly node: string };
  readonly exports: Record<string, unknown>;
  readonly scripts: Record<string, string>;
  readonly dependencies: Record<string, string>;
  readonly peerDependencies: Record<string, string>;
  readonly overrides: Record<string, unknown>;
  readonly resolutions: Record<string, string>;
}

export const manifest = (): Manifest => JSON.parse(read('package.json')) as Manifest;
