import { execaNode } from 'execa';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { runningProcess } from '../../apps/shared/platform/process-lock.js';
import { freePort } from '../../scripts/free-port.js';
import { eventually, within } from '../support/eventually.js';

const PROJECT = fileURLToPath(new URL('../../', import.meta.url));
const UP_WITHIN_MS = 90_000;
const FEW_SECONDS_MS = 15_000;

/** What `npm start` runs. */
class Launcher {
  private readonly child;
  private output = '';

  constructor(env: Readonly<Record<string, string>>) {
    this.child = execaNode('scripts/start.ts', {
      nodeOptions: ['--import', '@swc-node/register/esm-register'],
      cwd: PROJECT,
      env: { REDIS_URL: '', DATABASE_URL: '', SMTP_URL: '', USERS: '10', ...env },
      ipc: false,
      all: true,
      reject: false,
    });
    this.child.all.on('data', (chunk: Buffer) => (this.output += chunk.toString()));
  }

  async up(): Promise<void> {
    await eventually(() => expect(this.output).toContain('Everything is up'), { within: UP_WITHIN_MS, every: 100 });
  }

  async end(signal?: NodeJS.Signals): Promise<{ exitCode: number | undefined; output: string }> {
    if (signal) this.child.kill(signal);
    const { exitCode } = await within(FEW_SECONDS_MS, 'the end of npm start', this.child);
    return { exitCode, output: this.output };
  }
}

describe('npm start', () => {
  let directory: string;
  const launchers: Launcher[] = [];
  const start = (env: Readonly<Record<string, string>> = {}): Launcher => {
    const launcher = new Launcher({ DATA_DIR: directory, ...env });
    launchers.push(launcher);
    return launcher;
  };

  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'redis-stream-start-'));
  });

  afterEach(async () => {
    await Promise.all(launchers.splice(0).map((launcher) => launcher.end('SIGTERM')));
    rmSync(directory, { recursive: true, force: true });
  }, 60_000);

  it('starts after a crash, even if the process ids of the crashed run belong to other programs now', async () => {
    mkdirSync(directory, { recursive: true });
    for (const name of ['start.pid', 'postgres.pid', 'redis.pid']) {
      writeFileSync(join(directory, name), `${process.pid} 1`);
    }
    const first = start();
    await first.up();
    await first.end('SIGKILL');

    const second = start();
    await second.up();
    const third = await start().end();
    expect(third.exitCode).toBe(1);
    expect(third.output).toMatch(/^npm start is already running \(pid \d+\)\. .*DATA_DIR.*\n$/);

    expect((await second.end('SIGTERM')).exitCode).toBe(0);
    expect(runningProcess(join(directory, 'redis.pid'))).toBeUndefined();
  }, 240_000);

  it.each([
    ['REDIS_URL', 'redis://:secret@'],
    ['DATABASE_URL', 'postgres://me:secret@'],
  ])(
    'ends with a sentence if no server listens at %s',
    async (variable, scheme) => {
      const address = `127.0.0.1:${await freePort()}`;
      const { exitCode, output } = await start({ [variable]: `${scheme}${address}/0` }).end();
      expect(output).toBe(
        `${variable} names a server that cannot be used, ${address}: connect ECONNREFUSED ${address}\n`,
      );
      expect(exitCode).toBe(1);
    },
    60_000,
  );

  it.each([
    ['REDIS_URL', 'redis://:secret@'],
    ['DATABASE_URL', 'postgres://me:secret@'],
  ])(
    'ends with a sentence if the server at %s does not answer',
    async (variable, scheme) => {
      const server = createServer().listen(0, '127.0.0.1');
      await once(server, 'listening');
      const address = `127.0.0.1:${(server.address() as AddressInfo).port}`;
      const { exitCode, output } = await start({ [variable]: `${scheme}${address}/0` }).end();
      expect(output).toBe(`${variable} names a server that cannot be used, ${address}: no answer within 3 s\n`);
      expect(exitCode).toBe(1);
      server.close();
    },
    60_000,
  );
});
