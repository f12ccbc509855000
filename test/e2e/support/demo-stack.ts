import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { AppProcess } from '../../../scripts/launcher/app-process.js';
import type { AppName } from '../../../scripts/launcher/app-process.js';
import { CompiledApps } from '../../../scripts/launcher/compiled-apps.js';
import { startRedis } from '../../../scripts/redis-server.js';
import type { RunningRedis } from '../../../scripts/redis-server.js';
import { freePort } from '../../support/free-port.js';

type Variables = Readonly<Record<string, string>>;

export interface StackPlan {
  readonly requestors: number;
  readonly responders: number;
  readonly requestorEnv?: Variables;
  readonly responderEnv?: Variables;
}

/** The sample apps as processes on loopback, with a Redis of their own in a temporary directory. */
export class DemoStack {
  /** Base URLs. */
  readonly requestors: readonly string[];
  readonly providerUrl: string;
  responders: readonly AppProcess[] = [];
  private readonly others: AppProcess[] = [];

  private constructor(
    private readonly plan: StackPlan,
    private readonly compiled: CompiledApps,
    private readonly directory: string,
    private redis: RunningRedis,
    private readonly ports: readonly number[],
    readonly providerPort: number,
  ) {
    this.requestors = ports.map((port) => `http://127.0.0.1:${port}`);
    this.providerUrl = `http://127.0.0.1:${providerPort}`;
  }

  static async start(plan: StackPlan): Promise<DemoStack> {
    const directory = mkdtempSync(join(tmpdir(), 'redis-stream-e2e-'));
    const [redis, compiled] = await Promise.all([
      startRedis({ dir: directory, allowToy: false }),
      CompiledApps.compile(),
    ]);
    const ports: number[] = [];
    for (let i = 0; i <= plan.requestors; i++) ports.push(await freePort());
    const [providerPort = 0, ...requestorPorts] = ports;
    const stack = new DemoStack(plan, compiled, directory, redis, requestorPorts, providerPort);
    try {
      await Promise.all([stack.startRequestors(), stack.startResponders()]);
      return stack;
    } catch (error) {
      await stack.stop();
      throw error;
    }
  }

  get redisUrl(): string {
    return this.redis.url;
  }

  requestor(index: number): string {
    const url = this.requestors[index % this.requestors.length];
    if (url === undefined) throw new Error('This stack has no requestor');
    return url;
  }

  async startResponders(): Promise<void> {
    const names = Array.from({ length: this.plan.responders }, (_, index) => `responder-${index + 1}`);
    this.responders = names.map((name) => {
      const env = { REDIS_URL: this.redisUrl, SMS_PROVIDER_URL: this.providerUrl, INSTANCE: name };
      return new AppProcess({ app: 'responder', compiled: this.compiled, env: { ...env, ...this.plan.responderEnv } });
    });
    await Promise.all(this.responders.map((responder) => responder.ready));
  }

  async startProvider(env: Variables = {}): Promise<AppProcess> {
    return this.launch('sms-provider', { PORT: String(this.providerPort), ...env });
  }

  async killResponders(): Promise<void> {
    await Promise.all(this.responders.map((responder) => responder.stop('SIGKILL')));
  }

  async killRedis(): Promise<void> {
    await this.redis.stop('SIGKILL');
  }

  /** Same port, same directory. */
  async restartRedis(): Promise<void> {
    this.redis = await startRedis({ dir: this.directory, port: this.redis.port, allowToy: false });
  }

  async stop(): Promise<void> {
    await Promise.all([...this.responders, ...this.others].map((app) => app.stop()));
    await this.redis.stop();
    this.compiled.remove();
    rmSync(this.directory, { recursive: true, force: true });
  }

  private async startRequestors(): Promise<void> {
    await Promise.all(
      this.ports.map((port, index) => {
        const env = { REDIS_URL: this.redisUrl, PORT: String(port), INSTANCE: `requestor-${index + 1}` };
        return this.launch('requestor', { ...env, ...this.plan.requestorEnv });
      }),
    );
  }

  private async launch(app: AppName, env: Variables): Promise<AppProcess> {
    const process = new AppProcess({ app, compiled: this.compiled, env });
    this.others.push(process);
    await process.ready;
    return process;
  }
}
