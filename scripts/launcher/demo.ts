import { ProgressLine } from '../../apps/database/src/progress-line.js';
import type { Progress } from '../../apps/database/src/progress-line.js';
import { freePortFrom } from '../free-port.js';
import { locateRedis } from '../redis-server.js';
import { AppProcess } from './app-process.js';
import { APP_LIST } from './apps.js';
import type { AppName, DemoPart, Stage } from './apps.js';
import { CompiledApps } from './compiled-apps.js';
import { line, say } from './console.js';
import { DataDirectory } from './data-directory.js';
import { checkGivenServers } from './given-servers.js';
import { startOwnPostgres } from './postgres-service.js';
import { startOwnRedis, stopLeftOverRedis } from './redis-service.js';
import type { Start, Supervisor } from './supervisor.js';

const POSTGRES_PORT = 5499;
const REDIS_PORT = 6390;
const PARTS = APP_LIST.flatMap(([app, { demo }]) => (demo ? [[app, demo] as const] : []));
const USUAL_PORTS = new Set([
  ...PARTS.flatMap(([, { instances }]) => Object.values(instances).flatMap(Object.values<number>)),
  POSTGRES_PORT,
  REDIS_PORT,
]);

type Variables = Readonly<Record<string, string>>;

/** All services of the demo, each started once the services it needs are up. */
export class Demo {
  /** Variables that tell the apps where the other services are. */
  private readonly env: Record<string, string> = {};
  private readonly addresses = new Map<string, string>();
  private readonly starts: Readonly<Record<Stage, Record<string, Start>>> = { front: {}, workers: {} };

  private constructor(
    private readonly supervisor: Supervisor,
    private readonly compiled: CompiledApps,
    private readonly data: DataDirectory,
  ) {}

  /** @returns the addresses of the services by name, once all of them answer */
  static async bringUp(supervisor: Supervisor): Promise<ReadonlyMap<string, string>> {
    await checkGivenServers();
    const data = await DataDirectory.open();
    const demo = new Demo(supervisor, await CompiledApps.compile(), data);
    for (const [app, part] of PARTS) await demo.plan(app, part);
    // In parallel: a new database takes a while, and only the workers wait for it.
    await Promise.all([demo.front(), demo.database()]);
    await supervisor.up(demo.starts.workers);
    return demo.addresses;
  }

  private async plan(app: AppName, { stage, instances, files, tells, shows, unless }: DemoPart): Promise<void> {
    const other = unless && process.env[unless.variable];
    if (unless && other) return this.use(unless.variable, other, unless.as, `from ${unless.variable}`);
    const paths = Object.entries(files ?? {}).map(([variable, name]) => [variable, this.data.file(name)] as const);
    for (const [name, usual] of Object.entries(instances)) {
      const ports: Record<string, number> = {};
      for (const [variable, port] of Object.entries<number>(usual)) ports[variable] = await portFor(name, port);
      const given = Object.entries(ports).map(([variable, port]) => [variable, String(port)] as const);
      this.starts[stage][name] = this.app(name, app, Object.fromEntries([...given, ...paths]));
      Object.assign(this.env, tells?.(ports));
      for (const [title, address] of Object.entries(shows?.(ports) ?? {})) this.show(title, address);
    }
  }

  private async front(): Promise<void> {
    await this.redis();
    await this.supervisor.up(this.starts.front);
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
    const port = await portFor('Redis', REDIS_PORT);
    await this.supervisor.up({ redis: () => startOwnRedis(this.data, port, binary) });
    const url = `redis://127.0.0.1:${port}`;
    this.use('REDIS_URL', url, 'Redis', `${url}  ${binary.describe}`);
  }

  private async postgres(): Promise<void> {
    const given = process.env['DATABASE_URL'];
    if (given) return this.use('DATABASE_URL', given, 'Postgres', 'from DATABASE_URL');
    const port = await portFor('Postgres', POSTGRES_PORT);
    await this.supervisor.up({ postgres: () => startOwnPostgres(this.data, port, this.compiled) });
    const url = `postgres://postgres@127.0.0.1:${port}/postgres`;
    this.use('DATABASE_URL', url, 'Postgres', `${url}  PGlite`);
  }

  /** Creates the tables and the users. */
  private users(): Promise<void> {
    const bar = new ProgressLine('users', (text) => line('database', text));
    return this.supervisor.run(this.app('database', 'database', {}, (message) => bar.show(message as Progress)));
  }

  private use(variable: string, url: string, title: string, address: string): void {
    this.env[variable] = url;
    this.show(title, address);
  }

  /** Instances of one app share a line. */
  private show(title: string, address: string): void {
    const others = this.addresses.get(title);
    this.addresses.set(title, others === undefined ? address : `${others}  and  ${address}`);
  }

  /** The variables are read at each start: some are known only once Redis and Postgres are up. */
  private app(name: string, app: AppName, own: Variables, hear?: (message: unknown) => void): Start {
    const { compiled, env } = this;
    const said = (text: string): void => line(name, text);
    return () => new AppProcess({ app, compiled, env: { ...env, ...own, INSTANCE: name }, say: said, hear });
  }
}

const portFor = async (service: string, usual: number): Promise<number> => {
  const port = await freePortFrom(usual, USUAL_PORTS);
  if (port !== usual) say(`Port ${usual} is taken: ${service} uses ${port} instead`);
  return port;
};
