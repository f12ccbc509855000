import type { Redis } from 'ioredis';
import { eventually } from '../../support/eventually.js';
import type { Ledger } from './ledger.js';
import type { ChaosTask } from './worker.js';

const QUIET_WITHIN_MS = 30_000;

/** What Redis still holds when the nemesis has gone (I7). */
export class Remains {
  constructor(
    private readonly raw: Redis,
    private readonly names: { readonly group: string; readonly events: string; readonly requests: string },
  ) {}

  /** Waits until nothing is pending or unread; what is not quiet by then shows in the ledger. */
  async untilQuiet(): Promise<void> {
    await eventually(
      async () => {
        for (const stream of this.streams) {
          const left = (await this.pending(stream)) + (await this.unread(stream));
          if (left > 0) throw new Error(`${stream} has ${left} left`);
        }
      },
      { within: QUIET_WITHIN_MS, every: 100 },
    ).catch(() => undefined);
  }

  async look(): Promise<Pick<Ledger, 'dead' | 'leftPending' | 'leftEntries' | 'leftReplyKeys'>> {
    const { events, requests } = this.names;
    return {
      dead: [...(await this.lettersOf(events)), ...(await this.lettersOf(requests))],
      leftPending: (await this.pending(events)) + (await this.pending(requests)),
      leftEntries: {
        'requests that are settled': await this.raw.xlen(requests),
        'events nobody read': await this.unread(events),
      },
      leftReplyKeys: await eventually(async () => {
        const keys = await this.raw.keys('*reply:*');
        if (keys.length > 0) throw new Error('reply streams are left');
        return keys.length;
      }).catch(async () => (await this.raw.keys('*reply:*')).length),
    };
  }

  /** After an orderly stop of these processes: all others in the group are ghosts of those who were killed. */
  async consumersOf(pids: readonly number[]): Promise<Ledger['leftEntries']> {
    const rows = (await this.raw.call('XINFO', 'CONSUMERS', this.names.events, this.names.group)) as unknown[][];
    const isOfThese = (name: string): boolean => pids.some((pid) => name.split('-').includes(String(pid)));
    return { 'consumers that were stopped': rows.filter((row) => isOfThese(String(row[1]))).length };
  }

  private get streams(): readonly string[] {
    return [this.names.events, this.names.requests];
  }

  /** Payload numbers of dead letters. */
  private async lettersOf(stream: string): Promise<number[]> {
    const letters = await this.raw.xrange(`{${stream}}:dead`, '-', '+');
    return letters.map(([, fields]) => (JSON.parse(String(fields[fields.indexOf('data') + 1])) as ChaosTask).n);
  }

  private async pending(stream: string): Promise<number> {
    return Number((await this.raw.xpending(stream, this.names.group))[0]);
  }

  private async unread(stream: string): Promise<number> {
    const [group] = (await this.raw.call('XINFO', 'GROUPS', stream)) as unknown[][];
    const delivered = String(group?.[group.indexOf('last-delivered-id') + 1]);
    return (await this.raw.xrange(stream, `(${delivered}`, '+')).length;
  }
}
