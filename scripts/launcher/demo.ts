import { ProgressLine } from '../../apps/database/src/progress-line.js';
import type { Progress } from '../../apps/database/src/progress-line.js';
import { locateRedis } from '../redis-server.js';
import { AppProcess } from './app-process.js';
import type { AppName } from './app-process.js';
import { CompiledApps } from './compiled-apps.js';
import { line, say } from './console.js';
import { DataDirectory } from './data-directory.js';
import { Ports } from './ports.js';
import { startOwnPostgres } from './postgres-service.js';
import { startOwnRedis, stopLeftOverRedis } from './redis-service.js';
import type { Start, Supervisor } from './supervisor.js';

const REQUESTORS = { 'requestor-1': 3081, 'requestor-2': 3082 };
const RESPONDERS = ['responder-1', 'responder-2'];
const PORTS = { provider: 3090, sink: 3091, smtp: 3092, postgres: 5499, redis: 6390 };

type Variables = Record<string, string>;

/** All services of the demo, each started once the services it needs are up. */
export class Demo {
  private readonly data = DataDirectory.open();
  private readonly ports = new Ports(new Set([...Object.values(REQUESTORS), ...Object.values(PORTS)]), say);
  /** Variables that tell requestors and responders where the other services are. */
  private readonly env: Variables = {};
  private readonly addresses = new Map<string, string>();

  private constructor(
    private readonly supervisor: Supervisor,
    private readonly compiled: CompiledApps,
  ) {}

  /** @returns the addresses of the services by name, once all of them answer */
  static async bringUp(supervisor: Supervisor): Promise<ReadonlyMap<string, string>> {
    const demo = new Demo(supervisor, await CompiledApps.compile());
    // In parallel: a new database takes a while, and only the responders wait for it.
    await Promise.all([demo.front(), demo.database()]);
    await supervisor.up(demo.responders());
    return demo.addresses;
  }

  private async front(): Promise<void> {
    const requestorPorts = await this.requestorPorts();
    const outside = { ...(await this.sink()), ...(await this.provider()) };
    await this.redis();
    await this.supervisor.up({ ...outside, ...this.requestors(requestorPorts) });
  }

  private async database(): Promise<void> {
    await this.postgres();
    await this.users();
  }

  private async redis(): Promise<void> {
    const given = process.env['REDIS_URL'];
    if (given) return this.use('REDIS_URL', given, 'Redis', 'from REDIS_URL');
    await stopLeftOverRedis(this.data);
    const binary = await locateRedis({ say });
    const port = await this.ports.claim('Redis', PORTS.redis);
    await this.supervisor.up({ redis: () => startOwnRedis(this.data, port, binary) });
    const url = `redis://127.0.0.1:${port}`;
    this.use('REDIS_URL', url, 'Redis', `${url}  ${binary.describe}`);
  }

  private async postgres(): Promise<void> {
    const given = process.env['DATABASE_URL'];
    if (given) return this.use('DATABASE_URL', given, 'Postgres', 'from DATABASE_URL');
    const port = await this.ports.claim('Postgres', PORTS.postgres);
    await this.supervisor.up({ postgres: () => startOwnPostgres(this.data, port, this.compiled) });
    const url = `postgres://postgres@127.0.0.1:${port}/postgres`;
    this.use('DATABASE_URL', url, 'Postgres', `${url}  PGlite`);
  }

  /** Creates the tables and the users. */
  private users(): Promise<void> {
    const bar = new ProgressLine('users', (text) => line('database', text));
    const show = (message: unknown): void => bar.show(message as Progress);
    return this.supervisor.run(this.app('database', 'database', this.env, show));
  }

  private async provider(): Promise<Record<string, Start>> {
    const port = await this.ports.claim('sms-provider', PORTS.provider);
    const url = `http://127.0.0.1:${port}`;
    this.use('SMS_PROVIDER_URL', url, 'SMS', `${url}/sent`);
    const env = { PORT: String(port), JOURNAL: this.data.file('sms-provider.jsonl') };
    return { 'sms-provider': this.app('sms-provider', 'sms-provider', env) };
  }

  private async sink(): Promise<Record<string, Start>> {
    const given = process.env['SMTP_URL'];
    if (given) {
      this.use('SMTP_URL', given, 'Mails', 'at the server from SMTP_URL');
      return {};
    }
    const port = await this.ports.claim('mail-sink', PORTS.sink);
    const smtpPort = await this.ports.claim('mail-sink', PORTS.smtp);
    const url = `http://127.0.0.1:${port}`;
    this.env['MAIL_SINK_URL'] = url;
    this.use('SMTP_URL', `smtp://127.0.0.1:${smtpPort}`, 'Mails', `${url}/  SMTP on port ${smtpPort}`);
    const env = { PORT: String(port), SMTP_PORT: String(smtpPort), JOURNAL: this.data.file('mails.jsonl') };
    return { 'mail-sink': this.app('mail-sink', 'mail-sink', env) };
  }

  private responders(): Record<string, Start> {
    return Object.fromEntries(RESPONDERS.map((name) => [name, this.app(name, 'responder', this.env)]));
  }

  private async requestorPorts(): Promise<ReadonlyMap<string, number>> {
    const ports = new Map<string, number>();
    for (const [name, usual] of Object.entries(REQUESTORS)) ports.set(name, await this.ports.claim(name, usual));
    const urls = [...ports.values()].map((port) => `http://127.0.0.1:${port}`);
    this.addresses.set('Page', urls.map((url) => `${url}/`).join('  and  '));
    this.addresses.set('API', urls.map((url) => `${url}/docs`).join('  and  '));
    return ports;
  }

  private requestors(ports: ReadonlyMap<string, number>): Record<string, Start> {
    const start = ([name, port]: [string, number]): [string, Start] => [
      name,
      this.app(name, 'requestor', { ...this.env, PORT: String(port) }),
    ];
    return Object.fromEntries([...ports].map(start));
  }

  private use(variable: string, url: string, name: string, address: string): void {
    this.env[variable] = url;
    this.addresses.set(name, address);
  }

  private app(name: string, app: AppName, env: Variables, hear?: (message: unknown) => void): Start {
    const { compiled } = this;
    return () =>
      new AppProcess({ app, compiled, env: { ...env, INSTANCE: name }, say: (text) => line(name, text), hear });
  }
}
