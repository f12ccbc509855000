import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { freePort } from '../../../scripts/free-port.js';
import { AppProcess } from '../../../scripts/launcher/app-process.js';
import type { AppName } from '../../../scripts/launcher/apps.js';
import type { CompiledApps } from '../../../scripts/launcher/compiled-apps.js';
import { POSTGRES_TEMPLATES } from '../../../scripts/launcher/postgres-service.js';

type Variables = Readonly<Record<string, string>>;

export interface CampaignPlan {
  readonly users: number;
  readonly sinkEnv?: Variables;
}

/** What campaigns need besides Redis: a database with users, and a mail sink. */
export class CampaignBacking {
  readonly databaseUrl: string;
  /** URL of the sink's page. */
  readonly sinkUrl: string;
  readonly smtpUrl: string;
  private postgres: AppProcess | undefined;
  private sink: AppProcess | undefined;

  private constructor(
    private readonly plan: CampaignPlan,
    private readonly compiled: CompiledApps,
    private readonly directory: string,
    private readonly ports: { readonly postgres: number; readonly sink: number; readonly smtp: number },
  ) {
    this.databaseUrl = `postgres://postgres@127.0.0.1:${ports.postgres}/postgres`;
    this.sinkUrl = `http://127.0.0.1:${ports.sink}`;
    this.smtpUrl = `smtp://127.0.0.1:${ports.smtp}`;
  }

  static async start(plan: CampaignPlan, compiled: CompiledApps, directory: string): Promise<CampaignBacking> {
    mkdirSync(directory, { recursive: true });
    const ports = { postgres: await freePort(), sink: await freePort(), smtp: await freePort() };
    const backing = new CampaignBacking(plan, compiled, directory, ports);
    try {
      await Promise.all([backing.startPostgres(), backing.startSink()]);
      await backing.seed(plan.users);
      return backing;
    } catch (error) {
      await backing.stop();
      throw error;
    }
  }

  get requestorEnv(): Variables {
    return { MAIL_SINK_URL: this.sinkUrl };
  }

  get responderEnv(): Variables {
    return { DATABASE_URL: this.databaseUrl, SMTP_URL: this.smtpUrl };
  }

  /** Keeps its port and its directory across restarts. */
  async startPostgres(): Promise<void> {
    const directories = { PGLITE_DIR: join(this.directory, 'postgres'), PGLITE_TEMPLATES: POSTGRES_TEMPLATES };
    this.postgres = this.launch('postgres', { ...directories, PORT: String(this.ports.postgres) });
    await this.postgres.ready;
  }

  async killPostgres(): Promise<void> {
    await this.postgres?.stop('SIGKILL');
  }

  /** Keeps its ports and the mails that it has received across restarts. */
  async startSink(env: Variables = {}): Promise<void> {
    const { sink, smtp } = this.ports;
    const own = { PORT: String(sink), SMTP_PORT: String(smtp), JOURNAL: join(this.directory, 'mails.jsonl') };
    this.sink = this.launch('mail-sink', { ...own, ...this.plan.sinkEnv, ...env });
    await this.sink.ready;
  }

  async killSink(): Promise<void> {
    await this.sink?.stop('SIGKILL');
  }

  async seed(users: number): Promise<void> {
    const seeding = this.launch('database', { DATABASE_URL: this.databaseUrl, USERS: String(users) });
    await seeding.ready;
    await seeding.ended;
  }

  async stop(): Promise<void> {
    await Promise.all([this.postgres?.stop(), this.sink?.stop()]);
  }

  private launch(app: AppName, env: Variables): AppProcess {
    return new AppProcess({ app, compiled: this.compiled, env });
  }
}
