import { setImmediate as nextTurn } from 'node:timers/promises';
import type { ServerSettings } from '../../options/settings.js';
import type { Connection } from '../../redis/connection.js';
import { classify, withoutArguments } from '../../redis/reply-error.js';
import { HANDED_OVER_IDLE_MS, takeEntries } from '../../redis/scripts.js';
import type { TakeRule } from '../../redis/scripts.js';
import { createGroup, nextId, pendingEntries, readGroup } from '../../redis/stream-commands.js';
import type { PendingEntry, StreamEntries } from '../../redis/stream-commands.js';
import type { ServerEventEmitter } from '../holding/server-events.js';
import { HeldEntry } from '../holding/group-stream.js';
import type { GroupStream } from '../holding/group-stream.js';
import type { Lane } from '../running/lane.js';
import { ReadPlan } from './read-plan.js';
import { mayRunBesideOthers } from '../settling/settlement.js';

const DRAIN_PAGE = 100;
const RETRY_MS = 200;
const UNUSABLE_MS = 5_000;
const UNBLOCK_EVERY_MS = 20;
/** Redis looks for reads that blocked long enough ten times a second. */
const BLOCK_SLACK_MS = 200;

export interface ReaderParts {
  readonly lane: Lane;
  /** Used for nothing but blocking reads and what prepares them. */
  readonly connection: Connection;
  /** Takes entries, and wakes the reader when it has to stop. */
  readonly writer: Connection;
  readonly events: ServerEventEmitter;
  readonly warn: (message: string) => void;
  /** Resolves when so little waits to be settled or tried again that more may be read. */
  readonly room: () => Promise<void>;
}

/**
 * The one blocking loop of a lane: exactly one read in flight, whatever reconnects happen.
 *
 * After every (re)connect it creates groups that are missing and pages its own pending list before it reads on: an entry
 * whose reply died with the old socket sits there, and `>` never shows it again.
 */
export class StreamReader {
  private readonly plan = new ReadPlan<GroupStream>();
  private readonly byName: ReadonlyMap<string, GroupStream>;
  private readonly blockMs: number;
  /** An answer that took no longer is of entries whose leases still run. */
  private readonly freshMs: number;
  /** Connection that was recovered last; 0 before the first, -1 when a read was lost on the one we have. */
  private epoch = 0;
  private hasRead = false;
  private isStopped = false;
  private clientId: number | undefined;
  private loop: Promise<void> = Promise.resolve();
  private wakePause: () => void = () => undefined;

  constructor(
    private readonly parts: ReaderParts,
    { blockMs, leaseMs }: Pick<ServerSettings, 'blockMs' | 'leaseMs'>,
  ) {
    this.blockMs = blockMs;
    // How long an answer was under way shows only where a lease is longer than a read may block.
    this.freshMs = Math.max(leaseMs * 0.8, blockMs + BLOCK_SLACK_MS);
    this.byName = new Map(parts.lane.streams.map((groupStream) => [groupStream.stream, groupStream]));
  }

  /** Creates the groups, then reads until `stop`. Resolves when the groups exist. */
  async start(): Promise<void> {
    await this.join(false);
    this.loop = this.readForEver();
  }

  /** Resolves when no read is in flight; within `timeoutMs` where Redis forbids to wake a blocked client. */
  async stop(timeoutMs: number): Promise<void> {
    this.isStopped = true;
    this.parts.lane.gate.wake();
    this.wakePause();
    let isOver = false;
    const over = this.loop.then(() => (isOver = true));
    const end = performance.now() + timeoutMs;
    while (!isOver && performance.now() < end) {
      // The read may just be on its way, so once is not enough.
      await this.unblock();
      await Promise.race([over, new Promise((resolve) => setTimeout(resolve, UNBLOCK_EVERY_MS))]);
    }
    await Promise.all([this.parts.connection.close(), over]);
  }

  private async unblock(): Promise<void> {
    const { connection, writer } = this.parts;
    if (!connection.isReady) return connection.close();
    if (this.clientId === undefined || !writer.isReady) return;
    await writer.client.client('UNBLOCK', this.clientId).catch(() => undefined);
  }

  private async readForEver(): Promise<void> {
    while (!this.isStopped) {
      try {
        await this.parts.connection.ready();
        if (this.parts.connection.epoch !== this.epoch) await this.recover();
        await this.readOnce();
      } catch (error) {
        if (this.isStopped || this.parts.connection.isClosed) return;
        await this.digest(error);
      }
    }
  }

  private async readOnce(): Promise<void> {
    const { lane, connection, room } = this.parts;
    await room();
    await this.slots();
    const streams = lane.streams.filter(({ isUsable }) => isUsable);
    if (this.isStopped) return;
    if (streams.length === 0) return this.pause(RETRY_MS);
    const plan = this.plan.next(streams, lane.gate.free);
    const asked = performance.now();
    const batches = await readGroup(connection.client, {
      group: lane.group,
      consumer: plan.streams[0]?.consumer ?? '',
      count: plan.count,
      blockMs: plan.blocks ? this.blockMs : undefined,
      streams: plan.streams.map(({ stream }) => stream),
    });
    const answered = performance.now();
    // What came late, to a process or over a link that stood still, others may have by now: Redis knows what is still ours.
    const isFresh = answered - asked < this.freshMs;
    if (isFresh || this.isStopped || batches.length === 0) this.accept(batches, plan.count, answered);
    else this.epoch = -1;
  }

  /** Resolves when there are slots to read for. */
  private async slots(): Promise<void> {
    const { gate } = this.parts.lane;
    if (!this.isStopped) await gate.available();
    if (!this.plan.isBacklog || gate.free === gate.limit) return;
    // Quick handlers are done by then, and have given back all of theirs.
    await nextTurn();
    if (!this.isStopped) await gate.available();
  }

  private accept(batches: readonly StreamEntries[], count: number, ownedAt: number): void {
    const busy: GroupStream[] = [];
    const full: GroupStream[] = [];
    for (const { stream, entries } of batches) {
      const groupStream = this.byName.get(stream);
      if (!groupStream || entries.length === 0) continue;
      busy.push(groupStream);
      if (entries.length >= count) full.push(groupStream);
      for (const { id, fields } of entries) this.hold(new HeldEntry(groupStream, id, 1, fields, ownedAt));
    }
    this.plan.brought(busy, full);
  }

  private hold(entry: HeldEntry): void {
    const { held } = entry.groupStream;
    // An operator has moved the cursor back, or the lease is short and the sweep was faster.
    if (held.has(entry.id)) return;
    held.set(entry.id, entry);
    this.parts.lane.run(entry);
  }

  /** The socket is new: whatever the old one was answered last is in the pending list, and nowhere else. */
  private async recover(): Promise<void> {
    const { connection, lane } = this.parts;
    const { epoch } = connection;
    this.clientId = connection.isCluster ? undefined : await this.ownClientId();
    for (const groupStream of lane.streams) {
      if (groupStream.isUsable && !this.isStopped) await this.drainOwnPending(groupStream);
    }
    this.epoch = epoch;
    this.hasRead = true;
  }

  private async ownClientId(): Promise<number | undefined> {
    try {
      return await this.parts.connection.client.client('ID');
    } catch {
      return undefined;
    }
  }

  private async drainOwnPending(groupStream: GroupStream): Promise<void> {
    const { connection, writer, lane, events } = this.parts;
    const rule = this.drainRule(groupStream);
    let cursor = '-';
    for (;;) {
      const page = await pendingEntries(
        connection.client,
        groupStream,
        { consumer: groupStream.consumer },
        cursor,
        DRAIN_PAGE,
      );
      const unknown = page.filter((entry) => this.isForDrain(groupStream, entry)).map(({ id }) => id);
      while (unknown.length > 0 && !this.isStopped) {
        await lane.gate.available();
        const ids = unknown.splice(0, Math.max(1, lane.gate.free));
        // On the connection of the sweep and of the acks: an answer that overtakes none of theirs cannot bring back what the
        // sweep has taken and run, and what is settled by now.
        for (const { id, attempt, fields } of await takeEntries(writer.client, groupStream, rule, ids)) {
          // The sweep has found it at the same time.
          if (groupStream.held.has(id)) continue;
          if (fields) this.hold(new HeldEntry(groupStream, id, attempt, fields));
          else events.emit('entryLost', { stream: groupStream.stream, group: groupStream.group, id });
        }
      }
      const last = page.at(-1);
      if (!last || page.length < DRAIN_PAGE || this.isStopped) return;
      cursor = nextId(last.id);
    }
  }

  /**
   * On the first connect these are from an earlier life under the same name and were run. Later ones never were, but for
   * what another consumer handed over when it stopped: that may have been, and the sweep counts it.
   */
  private drainRule({ consumer }: GroupStream): TakeRule {
    const own = { from: consumer, minIdleMs: 0 };
    if (!this.hasRead) return { ...own, countAttempt: true };
    return { ...own, belowIdleMs: HANDED_OVER_IDLE_MS, countAttempt: false };
  }

  /** Not what may have killed the earlier life: the sweep runs that alone, or not at all any more. */
  private isForDrain({ held, route }: GroupStream, { id, attempt }: PendingEntry): boolean {
    return !held.has(id) && (this.hasRead || mayRunBesideOthers(attempt + 1, route.settings.maxAttempts));
  }

  private async digest(error: unknown): Promise<void> {
    switch (classify(error)) {
      case 'rejoin':
        await this.join(true).catch(() => this.pause(RETRY_MS));
        return;
      case 'fatal':
      case 'reject':
        // One stream of many is the culprit; creating the groups again tells which.
        await this.join(true).catch(() => undefined);
        if (this.parts.lane.streams.some(({ isUsable }) => !isUsable)) return;
        this.parts.warn(`Reading in group "${this.parts.lane.group}" failed: ${withoutArguments(error).message}`);
        return this.pause(UNUSABLE_MS);
      case 'retry':
      case 'reconnect':
      case 'defect':
        return this.pause(RETRY_MS);
      case 'lost':
      case 'not-sent':
        // The connection comes back by itself; `ready()` waits for it. What the read took has to be looked for.
        this.epoch = -1;
        return this.pause(this.parts.connection.isReady ? RETRY_MS : 0);
    }
  }

  /** Creates the groups that are missing. A stream that Redis refuses is left alone for a while, the others go on. */
  private async join(again: boolean): Promise<void> {
    const { connection, lane, events } = this.parts;
    await connection.ready();
    await Promise.all(
      lane.streams.map(async (groupStream) => {
        try {
          const isNew = await createGroup(
            connection.client,
            groupStream.stream,
            groupStream.group,
            groupStream.startFrom,
          );
          if (again && isNew) events.emit('groupRecreated', { stream: groupStream.stream, group: groupStream.group });
          groupStream.startFrom = '0';
          groupStream.unusableUntil = 0;
        } catch (error) {
          this.joinFailed(groupStream, error, again);
        }
      }),
    );
  }

  private joinFailed(groupStream: GroupStream, error: unknown, again: boolean): void {
    const kind = classify(error);
    const isUnusable = kind === 'reject' || kind === 'fatal';
    if (!isUnusable || !again) throw withoutArguments(error);
    const reason = withoutArguments(error).message;
    groupStream.unusableUntil = performance.now() + UNUSABLE_MS;
    this.parts.warn(`The stream "${groupStream.stream}" cannot be read: ${reason}`);
    this.parts.events.emit('streamUnusable', { stream: groupStream.stream, group: groupStream.group, reason });
  }

  private pause(ms: number): Promise<void> {
    if (this.isStopped) return Promise.resolve();
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, ms);
      this.wakePause = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }
}
