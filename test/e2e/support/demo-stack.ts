import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort } from '../../../scripts/free-port.js';
import { AppProcess } from '../../../scripts/launcher/app-process.js';
import type { AppName } from '../../../scripts/launcher/apps.js';
import { CompiledApps } from '../../../scripts/launcher/compiled-apps.js';
import { startRedis } from '../../../scripts/redis-server.js';
import type { RunningRedis } from '../../../scripts/redis-server.js';
import { CampaignBacking } from './campaign-backing.js';
import type { CampaignPlan } from './campaign-backing.js';

export type Variables = Readonly<Record<string, string>>;

/** Roles that need no database. */
const SMS_ROLES = 'sms-worker,billing,delivery-status';
/** All clients of a test share one address. */
const UNLIMITED: Variables = { RATE_LIMIT: '0' };

export interface StackPlan {
  readonly requestors: number;
  readonly responders: number;
  readonly requestorEnv?: Variables;
  readonly responderEnv?: Variables;
  /** Options for Node itself, for requestors and responders. */
  readonly nodeArgs?: readonly string[];
  /** Receives what requestors and responders report, with the name of the instance. */
  readonly hear?: (instance: string, message: unknown) => void;
  /** Adds a database with users and a mail sink; without it, responders have only the SMS roles. */
  readonly campaign?: CampaignPlan;
}

/** The sample apps as processes on loopback, with their own Redis in a temporary directory. */
export class DemoStack {
  /** Base URLs. */
  readonly requestors: readonly string[];
  readonly providerUrl: string;
  responders: AppProcess[] = [];
  private gateways: readonly AppProcess[] = [];
  private readonly others: AppProcess[] = [];

  private constructor(
    private readonly plan: StackPlan,
    private readonly compiled: CompiledApps,
    private readonly directory: string,
    private redis: RunningRedis,
    private readonly ports: readonly number[],
    readonly providerPort: number,
    private readonly backing: CampaignBacking | undefined,
  ) {
    this.requestors = ports.map((port) => `http://127.0.0.1:${port}`);
    this.providerUrl = `http://127.0.0.1:${providerPort}`;
  }

  static async start(plan: StackPlan): Promise<DemoStack> {
    const directory = mkdtempSync(join(tmpdir(), 'redis-stream-e2e-'));
    const compiled = await CompiledApps.compile();
    const [redis, backing] = await Promise.all([
      startRedis({ dir: directory, allowToy: false, ownGroup: false }),
      plan.campaign && CampaignBacking.start(plan.campaign, compiled, directory),
    ]);
    const ports: number[] = [];
    for (let i = 0; i <= plan.requestors; i++) ports.push(await freePort());
    const [providerPort = 0, ...requestorPorts] = ports;
    const stack = new DemoStack(plan, compiled, directory, redis, requestorPorts, providerPort, backing);
    try {
      await Promise.all([stack.startRequestors(), stack.startResponders()]);
      return stack;
    } catch (error) {
      await stack.stop();
      throw error;
    }
  }

  /** The database and the mail sink. */
  get campaign(): CampaignBacking {
    if (!this.backing) throw new Error('This stack was started without campaigns');
    return this.backing;
  }

  get redisUrl(): string {
    return this.redis.url;
  }

  requestor(index: number): string {
    const url = this.requestors[index % this.requestors.length];
    if (url === undefined) throw new Error('This stack has no requestor');
    return url;
  }

  /** @param env on top of the plan's */
  async startResponders(env: Variables = {}): Promise<void> {
    this.responders = Array.from({ length: this.plan.responders }, (_, index) => this.responder(index, env));
    await Promise.all(this.responders.map((responder) => responder.ready));
  }

  /** Starts a responder in the place of one that has exited. */
  async startResponder(index: number, env: Variables = {}): Promise<void> {
    const responder = this.responder(index, env);
    this.responders[index] = responder;
    await responder.ready;
  }

  async startProvider(env: Variables = {}): Promise<AppProcess> {
    const all = { PORT: String(this.providerPort), ...env };
    return this.launch(new AppProcess({ app: 'sms-provider', compiled: this.compiled, env: all }));
  }

  async killResponder(index: number): Promise<void> {
    await this.responders[index]?.stop('SIGKILL');
  }

  async killResponders(): Promise<void> {
    await Promise.all(this.responders.map((responder) => responder.stop('SIGKILL')));
  }

  /** `SIGSTOP` makes the process hang with its connections open, `SIGCONT` lets it go on. */
  signalRequestor(index: number, signal: 'SIGSTOP' | 'SIGCONT'): void {
    this.gateways[index]?.kill(signal);
  }

  async killRedis(): Promise<void> {
    await this.redis.stop('SIGKILL');
  }

  /** Keeps the port and the directory. */
  async restartRedis(): Promise<void> {
    this.redis = await startRedis({ dir: this.directory, port: this.redis.port, allowToy: false, ownGroup: false });
  }

  async stop(): Promise<void> {
    await Promise.all([...this.responders, ...this.others].map((app) => app.stop()));
    await Promise.all([this.redis.stop(), this.backing?.stop()]);
    this.compiled.remove();
    rmSync(this.directory, { recursive: true, force: true });
  }

  private async startRequestors(): Promise<void> {
    this.gateways = await Promise.all(
      this.ports.map((port, index) => {
        const env = { REDIS_URL: this.redisUrl, PORT: String(port), INSTANCE: `requestor-${index + 1}` };
        const all = { ...env, ...UNLIMITED, ...this.backing?.requestorEnv, ...this.plan.requestorEnv };
        return this.launch(this.instance('requestor', all));
      }),
    );
  }

  private responder(index: number, env: Variables): AppProcess {
    const own = { REDIS_URL: this.redisUrl, SMS_PROVIDER_URL: this.providerUrl, INSTANCE: `responder-${index + 1}` };
    const backing = this.backing?.responderEnv ?? { ROLES: SMS_ROLES };
    const all = { ...own, ...backing, ...this.plan.responderEnv, ...env };
    return this.instance('responder', all);
  }

  private instance(app: AppName, env: Variables & { readonly INSTANCE: string }): AppProcess {
    const { nodeArgs = [], hear } = this.plan;
    const heard = (message: unknown): void => hear?.(env.INSTANCE, message);
    return new AppProcess({ app, compiled: this.compiled, env, nodeArgs, ...(hear && { hear: heard }) });
  }

  private async launch(process: AppProcess): Promise<AppProcess> {
    this.others.push(process);
    await process.ready;
    return process;
  }
}
