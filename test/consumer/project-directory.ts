import { exec } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { promisify } from 'node:util';
import { assertPacked, PACKAGE } from './packed-library.js';

const run = promisify(exec);
const COMMAND_LIMIT_MS = 240_000;
/** In the environment and not on the command line, so that commands of the documents run word for word. */
const QUIET_NPM = {
  npm_config_audit: 'false',
  npm_config_fund: 'false',
  npm_config_loglevel: 'error',
  npm_config_package_lock: 'false',
};

/** The directory of one consumer project. Its packages stay from one run to the next, its sources do not. */
export class ProjectDirectory {
  private readonly stamp: string;

  constructor(readonly path: string) {
    this.stamp = `${path}/node_modules/.installed`;
  }

  /**
   * Installs the library in every run, and the packages beside it once per recipe: the text that decides which packages
   * these are. `create` installs both into an empty directory.
   */
  async install(recipe: string, tarball: string, create: () => Promise<void>): Promise<void> {
    const hash = createHash('sha256').update(recipe).digest('hex');
    const isInstalled = existsSync(this.stamp) && readFileSync(this.stamp, 'utf8') === hash;
    if (isInstalled) {
      await this.replaceLibrary(tarball);
    } else {
      rmSync(this.path, { recursive: true, force: true });
      mkdirSync(this.path, { recursive: true });
      await create();
    }
    assertPacked(this.path);
    writeFileSync(this.stamp, hash);
  }

  /** Removes what the previous run wrote and compiled. */
  clear(): void {
    for (const old of ['src', 'dist']) rmSync(`${this.path}/${old}`, { recursive: true, force: true });
  }

  write(path: string, text: string): void {
    mkdirSync(dirname(`${this.path}/${path}`), { recursive: true });
    writeFileSync(`${this.path}/${path}`, text);
  }

  /** False for a package that Node would find only further up, in the repository. */
  hasPackage(name: string): boolean {
    return existsSync(`${this.path}/node_modules/${name}/package.json`);
  }

  /** Runs a shell command in this directory. @throws {Error} with its output if it fails */
  async run(command: string): Promise<void> {
    const options = { cwd: this.path, env: { ...process.env, ...QUIET_NPM }, timeout: COMMAND_LIMIT_MS };
    await run(command, options).catch((error: Error & { stdout?: string; stderr?: string }) => {
      throw new Error(`${command}: ${error.stdout ?? ''}${error.stderr ?? error.message}`);
    });
  }

  private async replaceLibrary(tarball: string): Promise<void> {
    // Otherwise npm takes the same version for the same package, and keeps the old one.
    rmSync(`${this.path}/node_modules/${PACKAGE}`, { recursive: true, force: true });
    await this.run(`npm install --no-save --prefer-offline '${tarball}'`);
  }
}
