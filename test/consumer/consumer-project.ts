import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { cpSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const run = promisify(execFile);
const HERE = fileURLToPath(new URL('.', import.meta.url));
const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const PACKAGE = 'nestjs-redis-stream-transport';
const QUIET = ['--no-audit', '--no-fund', '--no-package-lock', '--loglevel=error'];
const INSTALL_LIMIT_MS = 240_000;
const RUN_LIMIT_MS = 60_000;

/** Packs what `npm publish` would upload, from the last build, and returns the path of the tarball. */
export async function packLibrary(folder: string): Promise<string> {
  const args = ['pack', '--json', '--ignore-scripts', '--pack-destination', folder];
  const { stdout } = await run('npm', args, { cwd: ROOT });
  const [packed] = JSON.parse(stdout) as { filename: string }[];
  if (!packed) throw new Error('npm pack named no package');
  return `${folder}/${packed.filename}`;
}

/** One project that uses the library, copied out of the repository so that it has its own node_modules. */
export class ConsumerProject {
  private readonly directory: string;
  private readonly stamp: string;

  constructor(
    private readonly name: string,
    cache: string,
  ) {
    this.directory = `${cache}/${name}`;
    this.stamp = `${this.directory}/node_modules/.installed`;
  }

  /** Installs the packages once per package.json, and the library in every run. */
  async install(tarball: string): Promise<void> {
    const manifest = readFileSync(`${HERE}${this.name}/package.json`);
    const hash = createHash('sha256').update(manifest).digest('hex');
    const isInstalled = existsSync(this.stamp) && readFileSync(this.stamp, 'utf8') === hash;
    if (!isInstalled) rmSync(this.directory, { recursive: true, force: true });

    mkdirSync(this.directory, { recursive: true });
    // Sources of the previous run must not linger; packages may.
    for (const old of ['src', 'dist']) rmSync(`${this.directory}/${old}`, { recursive: true, force: true });
    cpSync(`${HERE}${this.name}`, this.directory, { recursive: true });
    cpSync(`${HERE}shared`, `${this.directory}/src`, { recursive: true });

    if (!isInstalled) await this.npm('install');
    // Otherwise npm takes the same version for the same package, and keeps the old one.
    rmSync(`${this.directory}/node_modules/${PACKAGE}`, { recursive: true, force: true });
    await this.npm('install', '--no-save', '--prefer-offline', tarball);
    this.assertInstalled();
    writeFileSync(this.stamp, hash);
  }

  async build(): Promise<void> {
    await this.npm('run', '--silent', 'build');
  }

  /** Returns the lines that the project printed, one per check. */
  async start(redisPort: number): Promise<string[]> {
    const env = { ...process.env, REDIS_PORT: String(redisPort), NO_COLOR: '1' };
    const options = { cwd: this.directory, env, timeout: RUN_LIMIT_MS, killSignal: 'SIGKILL' as const };
    const { stdout, stderr, failed } = await run(process.execPath, ['dist/main.js'], options).then(
      (output) => ({ ...output, failed: false }),
      (error: { stdout: string; stderr: string }) => ({ ...error, failed: true }),
    );
    const lines = stdout.split('\n').filter((line) => /^(not )?ok /.test(line));
    // A process that crashes or hangs after its last line counts as one more failure.
    if (failed && !lines.some((line) => line.startsWith('not ok '))) lines.push(`not ok exit code 0: ${stderr.trim()}`);
    if (lines.length === 0) lines.push('not ok prints a check');
    return lines;
  }

  /** The installed build must be the packed one, not a copy that npm kept. */
  private assertInstalled(): void {
    const built = readFileSync(`${ROOT}dist/cjs/index.js`, 'utf8');
    const installed = readFileSync(`${this.directory}/node_modules/${PACKAGE}/dist/cjs/index.js`, 'utf8');
    if (built !== installed) throw new Error('npm installed a different build from the packed one');
  }

  private async npm(...args: string[]): Promise<void> {
    const flags = args[0] === 'install' ? QUIET : [];
    await run('npm', [...args, ...flags], { cwd: this.directory, timeout: INSTALL_LIMIT_MS }).catch(
      (error: Error & { stdout?: string; stderr?: string }) => {
        throw new Error(`npm ${args.join(' ')}: ${error.stdout ?? ''}${error.stderr ?? error.message}`);
      },
    );
  }
}
