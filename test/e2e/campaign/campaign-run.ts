import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { Client } from 'pg';
import { isOver } from '../../../apps/shared/contracts/index.js';
import type { CampaignStatus } from '../../../apps/shared/contracts/index.js';
import { DemoStack } from '../support/demo-stack.js';
import { get, post } from '../support/http.js';
import type { CampaignAccount } from './campaign-account.js';

export interface CampaignPlan {
  readonly users: number;
  readonly responders: number;
  /** Seconds between two kills of a random responder; 0 for no kills. */
  readonly killEverySeconds: number;
  /** Share of mails that the sink rejects with a temporary error. */
  readonly failRate: number;
  /** Whether Redis is killed and restarted during the fan-out. */
  readonly isRedisKilled: boolean;
  readonly withinSeconds: number;
  readonly tell: (line: string) => void;
}

const POLL_MS = 250;
const REPORT_MS = 5_000;
/** The transport's own bound on handlers that run at the same time. */
const IN_FLIGHT = 128;
const MEGABYTE = 1_048_576;
/** How long the entries of a dead responder wait to be taken over: short, because one dies every few seconds. */
const LEASE_MS = 5_000;
const CAMPAIGN = {
  name: 'The large one',
  subject: 'Hello {{name}}',
  body: 'Dear {{name}},\nthis goes to each of you, and to each of you once.',
};

/** Runs one campaign from its POST to its last mail, while the processes around it may be killed. */
export class CampaignRun {
  private readonly peaks: Record<string, number> = {};
  private kills = 0;
  private fanOutSeconds = 0;
  private isDone = false;

  private constructor(
    private readonly plan: CampaignPlan,
    private readonly stack: DemoStack,
  ) {}

  static async of(plan: CampaignPlan): Promise<CampaignAccount> {
    const heaps = (name: string, message: unknown): void => run?.heardOf(name, message);
    let run: CampaignRun | undefined;
    const stack = await DemoStack.start({
      requestors: 1,
      responders: plan.responders,
      responderEnv: { LEASE_MS: String(LEASE_MS), ROLES: 'campaign,user,notification,email' },
      campaign: { users: plan.users, sinkEnv: { FAIL_RATE: String(plan.failRate) } },
      nodeArgs: ['--import', fileURLToPath(new URL('heap-watch.mjs', import.meta.url))],
      hear: heaps,
    });
    try {
      run = new CampaignRun(plan, stack);
      return await run.toItsEnd();
    } finally {
      await stack.stop();
    }
  }

  private async toItsEnd(): Promise<CampaignAccount> {
    const started = performance.now();
    const { body } = await post<{ id: string }>(`${this.stack.requestor(0)}/api/v1/campaigns`, CAMPAIGN);
    const killing = this.killAtRandom();
    const redis = this.plan.isRedisKilled ? this.killRedis() : Promise.resolve();
    const status = await this.untilOver(body.id, started).finally(() => (this.isDone = true));
    const seconds = (performance.now() - started) / 1_000;
    await Promise.all([killing, redis]);
    return {
      audience: status.audience,
      sent: status.sent,
      failed: status.failed,
      ...(await this.intents(body.id)),
      ...(await this.mails()),
      kills: this.kills,
      inFlight: IN_FLIGHT,
      fanOutSeconds: this.fanOutSeconds,
      seconds,
      peakHeapMegabytes: this.peaks,
    };
  }

  private async untilOver(id: string, started: number): Promise<CampaignStatus> {
    let reported = 0;
    for (;;) {
      const elapsed = performance.now() - started;
      if (elapsed > this.plan.withinSeconds * 1_000) throw new Error(`Not done after ${this.plan.withinSeconds} s`);
      const status = await this.status(id);
      if (status && status.status !== 'queued' && status.status !== 'fanning-out') {
        this.fanOutSeconds ||= elapsed / 1_000;
        if (isOver(status)) return status;
      }
      if (status && elapsed - reported > REPORT_MS) {
        reported = elapsed;
        const { sent, failed, queued, ratePerSecond } = status;
        this.plan.tell(
          `${(elapsed / 1_000).toFixed(0)} s: ${status.status}, ${sent} sent, ${failed} failed, ${queued} queued, ${ratePerSecond}/s`,
        );
      }
      await delay(POLL_MS);
    }
  }

  /** Undefined while the API cannot answer. */
  private async status(id: string): Promise<CampaignStatus | undefined> {
    const answer = await get<CampaignStatus>(`${this.stack.requestor(0)}/api/v1/campaigns/${id}`).catch(
      () => undefined,
    );
    return answer?.status === 200 ? answer.body : undefined;
  }

  private async killAtRandom(): Promise<void> {
    const { killEverySeconds, responders, tell } = this.plan;
    if (killEverySeconds === 0) return;
    for (;;) {
      for (
        const until = performance.now() + killEverySeconds * 1_000;
        performance.now() < until;
        await delay(POLL_MS)
      ) {
        if (this.isDone) return;
      }
      const index = Math.floor(Math.random() * responders);
      this.kills += 1;
      await this.stack.killResponder(index);
      await this.stack.startResponder(index).catch((error: Error) => tell(error.message));
    }
  }

  private async killRedis(): Promise<void> {
    await delay(POLL_MS * 2);
    await this.stack.killRedis();
    await this.stack.restartRedis();
    this.plan.tell('Redis was killed and is back');
  }

  private async intents(id: string): Promise<Pick<CampaignAccount, 'intents' | 'users'>> {
    const client = new Client({ connectionString: this.stack.campaign.databaseUrl });
    await client.connect();
    const sql = `SELECT count(*)::int AS intents, count(DISTINCT user_id)::int AS users FROM intents WHERE campaign_id = $1`;
    const { rows } = await client.query<Pick<CampaignAccount, 'intents' | 'users'>>(sql, [id]);
    await client.end();
    const [found] = rows;
    if (!found) throw new Error('The database returned no counts');
    return found;
  }

  private async mails(): Promise<Pick<CampaignAccount, 'received' | 'unique'>> {
    const { body } = await get<{ received: number; unique: number }>(`${this.stack.campaign.sinkUrl}/stats`);
    return body;
  }

  private heardOf(name: string, message: unknown): void {
    const { heapUsedBytes } = message as { heapUsedBytes?: number };
    if (heapUsedBytes) this.peaks[name] = Math.max(this.peaks[name] ?? 0, heapUsedBytes / MEGABYTE);
  }
}
