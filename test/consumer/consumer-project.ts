import { execFile } from 'node:child_process';
import { cpSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import type { RunningRedis } from '../../scripts/redis-server.js';
import type { Consumer } from './consumer.js';
import { ProjectDirectory } from './project-directory.js';

const run = promisify(execFile);
const HERE = fileURLToPath(new URL('.', import.meta.url));
const RUN_LIMIT_MS = 60_000;

/** A project from a folder beside this file, copied out of the repository so that it has its own node_modules. */
export class ConsumerProject implements Consumer {
  private readonly directory: ProjectDirectory;

  constructor(
    readonly name: string,
    cache: string,
  ) {
    this.directory = new ProjectDirectory(`${cache}/${name}`);
  }

  async install(tarball: string): Promise<void> {
    const manifest = readFileSync(`${HERE}${this.name}/package.json`, 'utf8');
    await this.directory.install(manifest, tarball, async () => {
      this.directory.write('package.json', manifest);
      await this.directory.run(`npm install --no-save '${tarball}'`);
    });
    this.directory.clear();
    cpSync(`${HERE}${this.name}`, this.directory.path, { recursive: true });
    cpSync(`${HERE}shared`, `${this.directory.path}/src`, { recursive: true });
  }

  async check(redis: RunningRedis): Promise<readonly string[]> {
    await this.directory.run('npm run --silent build');
    return this.start(redis.port);
  }

  /** Returns the lines that the project printed, one per check. */
  private async start(redisPort: number): Promise<string[]> {
    const env = { ...process.env, REDIS_PORT: String(redisPort), NO_COLOR: '1' };
    const options = { cwd: this.directory.path, env, timeout: RUN_LIMIT_MS, killSignal: 'SIGKILL' as const };
    const { stdout, stderr, failed } = await run(process.execPath, ['dist/main.js'], options).then(
      (output) => ({ ...output, failed: false }),
      (error: { stdout: string; stderr: string }) => ({ ...error, failed: true }),
    );
    const lines = stdout.split('\n').filter((line) => /^(not )?ok /.test(line));
    // A process that crashes or hangs after its last line counts as one more failure.
    if (failed && !lines.some((line) => line.startsWith('not ok '))) lines.push(`not ok exit code 0: ${stderr.trim()}`);
    // Nor does one that ends early pass for those that it did not come to.
    const [, planned = '?'] = /^1\.\.(\d+)$/m.exec(stdout) ?? [];
    if (String(lines.length) !== planned) lines.push(`not ok it ran ${lines.length} of ${planned} checks`);
    return lines;
  }
}
