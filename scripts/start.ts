/**
 * `npm start`: everything on one machine, with no set-up beyond `npm install`. Starts phase after phase, prints the
 * addresses once all of it answers, and stops it in reverse order on Ctrl-C.
 *
 * A further part (a database, a mail server) is one more entry of a phase and one more variable in `env`.
 */
import { AppProcess } from './launcher/app-process.js';
import type { AppName } from './launcher/app-process.js';
import { CompiledApps } from './launcher/compiled-apps.js';
import { DataDirectory } from './launcher/data-directory.js';
import { Ports } from './launcher/ports.js';
import { startOwnRedis, stopLeftOverRedis } from './launcher/redis-service.js';
import { Supervisor } from './launcher/supervisor.js';
import type { Start } from './launcher/supervisor.js';
import { locateRedis } from './redis-server.js';

const REQUESTORS = { 'requestor-1': 3081, 'requestor-2': 3082 };
const RESPONDERS = ['responder-1', 'responder-2'];
const SMS_PROVIDER_PORT = 3090;
const REDIS_PORT = 6390;
const NAME_WIDTH = 12;
const ORPHAN_CHECK_MS = 250;
const SECOND_THOUGHT_MS = 500;

const line = (name: string, text: string): void => console.log(`${name.padEnd(NAME_WIDTH)} | ${text}`);
const say = (text: string): void => line('start', text);

const supervisor = new Supervisor(say);
const stop = async (code: number): Promise<never> => {
  await supervisor.stop();
  process.exit(code);
};

let stoppingSince: number | undefined;
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  process.on(signal, () => {
    // One Ctrl-C arrives twice under npm: from the terminal, and passed on by npm. A later one means: at once.
    if (stoppingSince !== undefined && Date.now() - stoppingSince > SECOND_THOUGHT_MS) process.exit(1);
    if (stoppingSince !== undefined) return;
    stoppingSince = Date.now();
    say('Stopping ...');
    void stop(0);
  });
}

// npm runs scripts through a shell. A signal that ends npm or that shell, and not us, must not leave all this behind.
const parent = process.ppid;
const isOrphan = (): boolean => process.env['npm_lifecycle_event'] !== undefined && process.ppid !== parent;
const orphanCheck = setInterval(() => {
  if (!isOrphan()) return;
  clearInterval(orphanCheck);
  process.emit('SIGTERM', 'SIGTERM');
}, ORPHAN_CHECK_MS).unref();

// Nest colours its lines for terminals only if it is told where there is none.
if (!process.stdout.isTTY) process.env['NO_COLOR'] = '1';

const app =
  (compiled: CompiledApps, name: string, kind: AppName, env: Record<string, string>): Start =>
  () =>
    new AppProcess({ app: kind, compiled, env: { ...env, INSTANCE: name }, say: (text) => line(name, text) });

const bringUp = async (): Promise<Record<string, string>> => {
  const addresses: Record<string, string> = {};
  const data = DataDirectory.open();
  const ports = new Ports(new Set([...Object.values(REQUESTORS), SMS_PROVIDER_PORT, REDIS_PORT]), say);
  const env: Record<string, string> = {};
  const compiled = await CompiledApps.compile();

  const given = process.env['REDIS_URL'];
  if (given === undefined || given === '') {
    await stopLeftOverRedis(data);
    const binary = await locateRedis({ say });
    const port = await ports.claim('Redis', REDIS_PORT);
    await supervisor.up({ redis: () => startOwnRedis(data, port, binary) });
    env['REDIS_URL'] = `redis://127.0.0.1:${port}`;
    addresses['Redis'] = `${env['REDIS_URL']}  ${binary.describe}`;
  } else {
    env['REDIS_URL'] = given;
    addresses['Redis'] = 'the one that REDIS_URL names';
  }

  const providerPort = await ports.claim('sms-provider', SMS_PROVIDER_PORT);
  env['SMS_PROVIDER_URL'] = `http://127.0.0.1:${providerPort}`;
  const provider = { PORT: String(providerPort), JOURNAL: data.file('sms-provider.jsonl') };
  addresses['SMS provider'] = `${env['SMS_PROVIDER_URL']}/sent`;

  const services: Record<string, Start> = { 'sms-provider': app(compiled, 'sms-provider', 'sms-provider', provider) };
  for (const name of RESPONDERS) services[name] = app(compiled, name, 'responder', env);
  for (const [name, usual] of Object.entries(REQUESTORS)) {
    const port = await ports.claim(name, usual);
    services[name] = app(compiled, name, 'requestor', { ...env, PORT: String(port) });
    addresses[name] = `http://127.0.0.1:${port}  API at http://127.0.0.1:${port}/docs`;
  }
  await supervisor.up(services);
  return addresses;
};

try {
  const addresses = await bringUp();
  say('Everything is up:');
  for (const [name, address] of Object.entries(addresses)) say(`  ${name.padEnd(NAME_WIDTH)} ${address}`);
  say('Stop with Ctrl-C.');
} catch (error) {
  if (stoppingSince === undefined) {
    console.error(error instanceof Error ? error.message : error);
    await stop(1);
  }
}
