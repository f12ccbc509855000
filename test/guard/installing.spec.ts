import semver from 'semver';
import { manifest, read } from './repository.js';

interface Locked {
  readonly version?: string;
  readonly engines?: { readonly node?: string };
  readonly optionalDependencies?: Record<string, string>;
}

const OURS = '';
const locked = (JSON.parse(read('package-lock.json')) as { packages: Record<string, Locked> }).packages;
const entries = Object.entries(locked).filter(([path]) => path !== OURS);

/** The paths where Node looks for a package, from the package at `path` up to the root. */
function placesOf(name: string, path: string): string[] {
  const above = path.lastIndexOf('node_modules/');
  const place = `${path === OURS ? '' : `${path}/`}node_modules/${name}`;
  return path === OURS ? [place] : [place, ...placesOf(name, path.slice(0, Math.max(0, above - 1)))];
}

// npm only warns about these, or says nothing; yarn 1 refuses to install.
describe('the installed dependencies', () => {
  const { engines, overrides, resolutions } = manifest();

  it('support the oldest Node that the library supports', () => {
    const oldest = semver.minVersion(engines.node) ?? '';
    const unfit = entries.filter(([, { engines: own }]) => own?.node && !semver.satisfies(oldest, own.node));
    expect(unfit.map(([path, { version }]) => `${path} ${version}`)).toEqual([]);
  });

  it('are locked for every platform', () => {
    const missing = entries.flatMap(([path, { version, optionalDependencies = {} }]) =>
      Object.keys(optionalDependencies)
        .filter((name) => !placesOf(name, path).some((place) => place in locked))
        .map((name) => `${path} ${version} wants ${name}`),
    );
    expect(missing).toEqual([]);
  });

  it('have the same global overrides for npm and for yarn', () => {
    const forEveryone = Object.entries(overrides).filter(([, version]) => typeof version === 'string');
    expect(resolutions).toEqual(Object.fromEntries(forEveryone));
  });
});
