import { setImmediate as nextTurn } from 'node:timers/promises';
import type { ServerSettings } from '../../options/settings.js';
import type { Connection } from '../../redis/connection.js';
import { classify, withoutArguments } from '../../redis/reply-error.js';
import { readGroup } from '../../redis/stream-commands.js';
import type { StreamEntries } from '../../redis/stream-commands.js';
import type { GroupStream } from '../holding/group-stream.js';
import type { ServerEventEmitter } from '../holding/server-events.js';
import type { Lane } from '../running/lane.js';
import type { ThrottledLog } from '../throttled-log.js';
import { GroupMembership } from './group-membership.js';
import { OwnPending } from './own-pending.js';
import { ReadPlan } from './read-plan.js';
import type { PlannedRead } from './read-plan.js';

const RETRY_MS = 200;
const UNUSABLE_MS = 5_000;
/** How often a reader checks whether a full backlog has shrunk. */
const FULL_MS = 20;
/** While a stream is left out, a read of the others blocks no longer than this: it may soon be readable again. */
const LEFT_OUT_BLOCK_MS = 200;
const UNBLOCK_EVERY_MS = 20;
/** Redis checks for expired blocking reads ten times a second. */
const BLOCK_SLACK_MS = 200;

export interface ReaderParts {
  readonly lane: Lane;
  /** The streams of the lane that this reader reads. */
  readonly streams: readonly GroupStream[];
  /** Whether other readers take slots of the same lane. */
  readonly sharesSlots: boolean;
  /** Used only for blocking reads and their preparation. */
  readonly connection: Connection;
  /** Takes pending entries, and unblocks the reader when it has to stop. */
  readonly writer: Connection;
  readonly events: ServerEventEmitter;
  readonly log: ThrottledLog;
}

/**
 * - `new`: the groups may not exist yet
 * - `joined`: the groups exist; what an earlier process with the same consumer name left pending is not checked yet
 * - `reading`: this process knows every entry that Redis has given to this consumer
 * - `behind`: a read may be lost, so the pending list must be checked before the next one
 * - `stopped`: final
 */
export type ReaderState = 'new' | 'joined' | 'reading' | 'behind' | 'stopped';

const PREVIOUS: Readonly<Record<ReaderState, readonly ReaderState[]>> = {
  new: [],
  joined: ['new'],
  reading: ['joined', 'reading', 'behind'],
  behind: ['reading', 'behind'],
  stopped: ['new', 'joined', 'reading', 'behind', 'stopped'],
};

/**
 * One blocking loop over streams of a lane, with one read in flight, even across reconnects.
 *
 * After every (re)connect it pages through its own pending list before it reads on: an entry whose reply was lost with
 * the old socket is in that list, and `>` never returns it again.
 */
export class StreamReader {
  private readonly plan: ReadPlan<GroupStream>;
  private readonly membership: GroupMembership;
  private readonly pending: OwnPending;
  private readonly byName: ReadonlyMap<string, GroupStream>;
  private readonly blockMs: number;
  /** Entries of an answer that took no longer than this can still have their leases renewed in time. */
  private readonly freshMs: number;
  /** Whether the lease is long enough to be counted from the moment the read was sent. */
  private readonly hasLongLease: boolean;
  private state: ReaderState = 'new';
  /** Epoch of the connection at which the pending list was last checked. */
  private knownEpoch = 0;
  private clientId: number | undefined;
  private loop: Promise<void> = Promise.resolve();
  private wakePause: () => void = () => undefined;

  constructor(
    private readonly parts: ReaderParts,
    { blockMs, leaseMs }: Pick<ServerSettings, 'blockMs' | 'leaseMs'>,
  ) {
    this.plan = new ReadPlan(parts.sharesSlots);
    this.membership = new GroupMembership(parts, UNUSABLE_MS);
    this.pending = new OwnPending(parts, () => this.isStopped);
    this.blockMs = blockMs;
    // Half of the lease has to cover the longest read; the other half is for the next renewal.
    this.hasLongLease = leaseMs / 2 > blockMs + BLOCK_SLACK_MS;
    this.freshMs = Math.max(leaseMs / 2, blockMs + BLOCK_SLACK_MS);
    this.byName = new Map(parts.streams.map((groupStream) => [groupStream.stream, groupStream]));
  }

  /** Creates the groups, then reads until `stop`. Resolves when the groups exist. */
  async start(): Promise<void> {
    await this.membership.join();
    this.enter('joined');
    this.loop = this.readUntilStopped();
  }

  /** Resolves when no read is in flight; takes up to `timeoutMs` where Redis forbids CLIENT UNBLOCK. */
  async stop(timeoutMs: number): Promise<void> {
    this.enter('stopped');
    this.parts.lane.gate.wake();
    this.wakePause();
    let isOver = false;
    const over = this.loop.then(() => (isOver = true));
    const end = performance.now() + timeoutMs;
    while (!isOver && performance.now() < end) {
      // The read may not have reached Redis yet, so one UNBLOCK is not enough.
      await this.unblock();
      await Promise.race([over, new Promise((resolve) => setTimeout(resolve, UNBLOCK_EVERY_MS))]);
    }
    await Promise.all([this.parts.connection.close(), over]);
  }

  private get isStopped(): boolean {
    return this.state === 'stopped';
  }

  private enter(next: ReaderState): void {
    if (!PREVIOUS[next].includes(this.state)) throw new Error(`A reader cannot be ${next} after ${this.state}`);
    this.state = next;
  }

  private async unblock(): Promise<void> {
    const { connection, writer } = this.parts;
    if (!connection.isReady) return connection.close();
    if (this.clientId === undefined || !writer.isReady) return;
    await writer.client.client('UNBLOCK', this.clientId).catch(() => undefined);
  }

  private async readUntilStopped(): Promise<void> {
    while (!this.isStopped) {
      try {
        await this.parts.connection.ready();
        if (this.state !== 'reading' || this.parts.connection.epoch !== this.knownEpoch) await this.catchUp();
        await this.readOnce();
      } catch (error) {
        if (this.isStopped || this.parts.connection.isClosed) return;
        await this.digest(error);
      }
    }
  }

  /** On a new socket, the entries of the old one's last answer are in the pending list and nowhere else. */
  private async catchUp(): Promise<void> {
    const { connection } = this.parts;
    const { epoch } = connection;
    for (const groupStream of this.parts.streams) groupStream.met();
    this.clientId = connection.isCluster ? undefined : await this.ownClientId();
    await this.pending.take(this.state === 'joined');
    if (this.isStopped) return;
    this.knownEpoch = epoch;
    this.enter('reading');
  }

  private async ownClientId(): Promise<number | undefined> {
    try {
      return await this.parts.connection.client.client('ID');
    } catch {
      return undefined;
    }
  }

  private async readOnce(): Promise<void> {
    const { lane, streams } = this.parts;
    await this.slots();
    if (this.isStopped) return;
    const readable = lane.readable(streams);
    if (readable.length === 0) return this.pause(FULL_MS);
    const plan = this.plan.next(readable, lane.gate.free);
    const slots = plan.blocks ? 0 : plan.count * plan.streams.length;
    lane.gate.ask(slots);
    try {
      await this.readBy(plan);
    } finally {
      // Only once the entries have entered the gate: earlier, other readers would ask for the same slots.
      lane.gate.answered(slots);
    }
  }

  private async readBy(plan: PlannedRead<GroupStream>): Promise<void> {
    const asked = performance.now();
    const batches = await this.read(plan);
    const answered = performance.now();
    // After a stall of the process or the link, others may own these entries: Redis knows which are still ours.
    const isFresh = answered - asked < this.freshMs;
    // The lease starts when Redis delivers the entry, and that may be right after the read was sent.
    const ownedAt = this.hasLongLease ? asked : answered;
    if (isFresh || this.isStopped || batches.length === 0) this.accept(batches, plan.count, ownedAt);
    else this.enter('behind');
  }

  private read(plan: PlannedRead<GroupStream>): Promise<StreamEntries[]> {
    const { lane, connection } = this.parts;
    return readGroup(connection.client, {
      group: lane.group,
      consumer: plan.streams[0]?.consumer ?? '',
      count: plan.count,
      blockMs: plan.blocks ? this.blockFor(plan) : undefined,
      streams: plan.streams.map(({ stream }) => stream),
    });
  }

  private blockFor({ streams }: PlannedRead<GroupStream>): number {
    return streams.length < this.parts.streams.length ? Math.min(this.blockMs, LEFT_OUT_BLOCK_MS) : this.blockMs;
  }

  /** Resolves when there are free slots to read for. */
  private async slots(): Promise<void> {
    const { gate } = this.parts.lane;
    if (!this.isStopped) await gate.available();
    if (!this.plan.isBacklog || gate.isIdle) return;
    // By then quick handlers have finished and freed their slots.
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
      for (const { id, fields } of entries) {
        // Already held if an operator moved the cursor back, or if the lease is short and the sweep was faster.
        const entry = groupStream.hold(id, 1, fields, ownedAt);
        if (entry) this.parts.lane.run(entry);
      }
    }
    this.plan.brought(busy, full);
  }

  private async digest(error: unknown): Promise<void> {
    switch (classify(error)) {
      case 'rejoin':
        await this.membership.rejoin().catch(() => this.pause(RETRY_MS));
        return;
      case 'fatal':
      case 'reject':
      case 'defect':
        return this.refused(error);
      case 'retry':
      case 'reconnect':
        return this.pause(RETRY_MS);
      case 'lost':
      case 'not-sent':
        // The connection comes back by itself; `ready()` waits for it. The pending list has what the read took.
        if (this.state === 'reading') this.enter('behind');
        return this.pause(this.parts.connection.isReady ? RETRY_MS : 0);
    }
  }

  /** One of the streams caused the error; creating the groups again finds out which. */
  private async refused(error: unknown): Promise<void> {
    const { lane, log, streams } = this.parts;
    await this.membership.rejoin().catch(() => undefined);
    if (streams.some(({ isUsable }) => !isUsable)) return;
    log.warn(
      `read ${lane.group}`,
      `Reading in group "${lane.group}" failed and will be retried: ${withoutArguments(error).message}`,
    );
    await this.pause(UNUSABLE_MS);
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
