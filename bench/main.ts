/**
 * `npm run bench`: this library beside Nest's own transports and a bare streams loop, each server and each client in
 * its own process, one Redis for all. Contenders take turns within each round, so that a busy minute hurts all of
 * them, and are compared within a round. Figures of two runs, or of two machines, do not compare; ratios nearly do.
 */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Redis } from 'ioredis';
import { locateRedis, startRedis, type RunningRedis } from '../scripts/redis-server.js';
import type { Contender } from './contender.js';
import { printTables, toJson, type Rounds } from './report.js';
import { parseSettings, USAGE, type Settings } from './settings.js';
import { Stage } from './stage.js';
import type { Figures } from './workload.js';
import { workloadNamed } from './workloads/index.js';

const settings = readSettings();
const say = (line: string): void => console.error(line);

if (settings.build) {
  const script = fileURLToPath(new URL('../scripts/build.mjs', import.meta.url));
  execFileSync(process.execPath, [script], { stdio: ['ignore', 'ignore', 'inherit'] });
}

const dir = mkdtempSync(join(tmpdir(), 'redis-bench-'));
const redis = await startRedis({ binary: await locateRedis({ allowToy: false }), dir, appendonly: false });
const observer = new Redis({ port: redis.port });
try {
  const environment = await describeEnvironment(observer);
  if (!settings.json) console.log(Object.values(environment).join(', '));
  for (const name of settings.workloads) {
    const { title, metrics } = await workloadNamed(name);
    const rounds = await playRounds(name, settings, redis);
    if (settings.json) {
      console.log(JSON.stringify({ ...toJson(name, metrics, settings.contenders, rounds), environment }));
    } else printTables(title, metrics, settings.contenders, rounds);
  }
} finally {
  observer.disconnect();
  await redis.stop('SIGKILL');
  rmSync(dir, { recursive: true, force: true });
}

function readSettings(): Settings {
  try {
    return parseSettings(process.argv.slice(2));
  } catch (error) {
    console.error(`${error instanceof Error ? error.message : String(error)}\n\n${USAGE}`);
    process.exit(2);
  }
}

async function playRounds(
  name: string,
  { contenders, rounds, seconds }: Settings,
  server: RunningRedis,
): Promise<Rounds> {
  const played: Map<string, Figures>[] = [];
  for (let round = 0; round < rounds; round++) {
    const figures = new Map<string, Figures>();
    for (let turn = 0; turn < contenders.length; turn++) {
      // Somebody else begins each time: the first turn of a round is never quite like the last.
      const contender = contenders[(turn + round) % contenders.length] as Contender;
      say(`${name}: round ${round + 1} of ${rounds}, ${contender.title}`);
      figures.set(contender.name, await playTurn(name, contender, seconds, server));
    }
    played.push(figures);
  }
  return played;
}

async function playTurn(name: string, contender: Contender, seconds: number, server: RunningRedis): Promise<Figures> {
  await observer.flushall();
  const place = { redisPort: server.port, freePort: await freePort() };
  const stage = new Stage({ contender: contender.name, workload: name, place });
  try {
    return await (await workloadNamed(name)).run(stage, seconds);
  } finally {
    await stage.close();
  }
}

async function describeEnvironment(client: Redis): Promise<Record<string, string>> {
  const version = /redis_version:(\S+)/.exec(await client.info('server'))?.[1] ?? 'unknown';
  const cores = cpus();
  return {
    node: `Node ${process.version}`,
    redis: `Redis ${version}`,
    cpu: `${cores.length} x ${cores[0]?.model ?? '?'}`,
  };
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer().once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() => resolve(typeof address === 'object' && address ? address.port : 0));
    });
  });
}
