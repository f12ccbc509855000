import { eventually } from '../../support/eventually.js';
import { deadLettersOf, FLOWS, STREAMS } from './flows.js';
import type { ChaosTask } from './flows.js';
import type { Ledger } from './ledger.js';
import type { Target } from './target.js';
import { pidOf } from './watch.js';

const QUIET_WITHIN_MS = 30_000;

interface Membership {
  readonly stream: string;
  readonly group: string;
}

/** What Redis still holds at the end of a run (I7). */
export class Leftovers {
  private readonly memberships: readonly Membership[];

  constructor(
    private readonly target: Target,
    withAudit: boolean,
  ) {
    this.memberships = Object.values(FLOWS).flatMap(({ stream, groups }) =>
      (withAudit ? groups : groups.slice(0, 1)).map((group) => ({ stream, group })),
    );
  }

  /** Waits until nothing is pending or unread, for 30 s at most; the ledger shows what is left. */
  async untilQuiet(): Promise<void> {
    await eventually(
      async () => {
        for (const at of this.memberships) {
          const left = (await this.pending(at)) + (await this.unread(at));
          if (left > 0) throw new Error(`${at.stream} has ${left} left`);
        }
      },
      { within: QUIET_WITHIN_MS, every: 100 },
    ).catch(() => undefined);
  }

  async look(): Promise<Pick<Ledger, 'dead' | 'leftPending' | 'leftEntries' | 'leftReplyKeys'>> {
    const [pending, unread, dead] = await Promise.all([
      Promise.all(this.memberships.map((at) => this.pending(at))),
      Promise.all(this.memberships.map((at) => this.unread(at))),
      Promise.all(STREAMS.map((stream) => this.lettersOf(stream))),
    ]);
    const requests = [FLOWS.request.stream, FLOWS.streamed.stream];
    const settled = await Promise.all(requests.map((stream) => this.target.observerOf(stream).xlen(stream)));
    return {
      dead: dead.flat(),
      leftPending: sum(pending),
      leftEntries: { 'requests in their streams': sum(settled), 'unread entries': sum(unread) },
      leftReplyKeys: await eventually(async () => {
        const count = await this.replyKeys();
        if (count > 0) throw new Error('reply streams are left');
        return count;
      }).catch(() => this.replyKeys()),
    };
  }

  /** For use after an orderly stop of these processes. All other consumers are left over from killed processes. */
  async consumersOf(pids: readonly number[]): Promise<Ledger['leftEntries']> {
    const counts = await Promise.all(
      this.memberships.map(async ({ stream, group }) => {
        const rows = (await this.target.observerOf(stream).call('XINFO', 'CONSUMERS', stream, group)) as unknown[][];
        return rows.filter((row) => pids.includes(pidOf(String(row[1])))).length;
      }),
    );
    return { 'consumers of stopped workers': sum(counts) };
  }

  private async replyKeys(): Promise<number> {
    const keys = await Promise.all(this.target.observers.map((redis) => redis.keys('*reply:*')));
    return keys.flat().length;
  }

  /** Message numbers of dead letters. */
  private async lettersOf(stream: string): Promise<number[]> {
    const key = deadLettersOf(stream);
    const letters = await this.target.observerOf(key).xrange(key, '-', '+');
    return letters.map(([, fields]) => (JSON.parse(String(fields[fields.indexOf('data') + 1])) as ChaosTask).n);
  }

  private async pending({ stream, group }: Membership): Promise<number> {
    return Number((await this.target.observerOf(stream).xpending(stream, group))[0]);
  }

  private async unread({ stream, group }: Membership): Promise<number> {
    const redis = this.target.observerOf(stream);
    const rows = (await redis.call('XINFO', 'GROUPS', stream)) as unknown[][];
    const row = rows.find((words) => words[1] === group);
    if (!row) throw new Error(`stream ${stream} has no group ${group}`);
    const delivered = String(row[row.indexOf('last-delivered-id') + 1]);
    return (await redis.xrange(stream, `(${delivered}`, '+')).length;
  }
}

const sum = (numbers: readonly number[]): number => numbers.reduce((total, number) => total + number, 0);
