import { encodeReply } from '../../codec/entry.codec.js';
import type { ReplyPart } from '../../codec/entry.codec.js';
import type { Connection } from '../../redis/connection.js';
import { runEach, runTogether } from '../../redis/command-batch.js';
import type { BatchCommand, BatchResult } from '../../redis/command-batch.js';
import { classify, replyCode, withoutArguments } from '../../redis/reply-error.js';
import { renewLease } from '../../redis/scripts.js';
import { DeadlineWheel } from '../../timing/deadline-wheel.js';
import type { ServerEventEmitter } from '../holding/server-events.js';
import type { GroupStream, HeldEntry } from '../holding/group-stream.js';

const MAX_BATCH = 512;
/** Reply, ack, deletion: what answers a single request gets there sooner without a script (`npm run bench -- requests`). */
const COMMANDS_OF_A_REQUEST = 3;
const RETRY_MS = 250;
const FORBIDDEN_RETRY_MS = 5_000;
/** Bounds what a streamed reply may pile up for a client that lives but does not read; looked at once in a while. */
const MAX_REPLIES = 100_000;
const REPLIES_PER_TRIM = 256;

/** A part of a reply on its way. Until it is sent, it can still become the last one. */
export type OutgoingReply = { -readonly [K in keyof ReplyPart]: ReplyPart[K] } & { isSent: boolean };

type Write =
  | { readonly kind: 'reply'; readonly key: string; readonly part: OutgoingReply; readonly stream: string }
  | { readonly kind: 'ack'; readonly groupStream: GroupStream; readonly entries: HeldEntry[] };

/**
 * Writes what handlers came to: the acks and replies of one turn of the event loop leave in one call, replies
 * first. What did not arrive is written again: acks are idempotent, and clients ignore repeated parts of a reply.
 */
export class Settler {
  private replies: Write[] = [];
  private acks = new Map<GroupStream, HeldEntry[]>();
  /** Writes to repeat, older than all the others. */
  private again: Write[] = [];
  private backlogSize = 0;
  private scheduled = false;
  private isFlushing = false;
  private isClosed = false;
  private retryTimer: NodeJS.Timeout | undefined;
  private progressed: (() => void)[] = [];
  /** Done, but whether they are still ours could not be asked. */
  private readonly unsure = new DeadlineWheel<HeldEntry>((entry) => void this.ackIfOwned(entry));

  constructor(
    private readonly writer: Connection,
    private readonly leaseMs: number,
    private readonly events: ServerEventEmitter,
    private readonly warn: (message: string) => void,
  ) {
    writer.client.on('ready', () => this.schedule());
  }

  /** Entries that are settled here but not yet in Redis. */
  get backlog(): number {
    return this.backlogSize;
  }

  reply(stream: string, key: string, part: OutgoingReply): void {
    this.replies.push({ kind: 'reply', key, part, stream });
    this.schedule();
  }

  ack(entry: HeldEntry): void {
    entry.phase = 'settling';
    this.backlogSize++;
    // XACK does not ask for the owner. After a stall it could hide what another consumer is doing by now.
    if (performance.now() - entry.ownedAt > this.leaseMs * 0.8) void this.ackIfOwned(entry);
    else this.enqueueAck(entry);
  }

  /** Resolves when something was settled, or Redis refused it for now. */
  progress(): Promise<void> {
    return new Promise((resolve) => this.progressed.push(resolve));
  }

  /** Resolves all who wait for progress. */
  wake(): void {
    for (const resolve of this.progressed.splice(0)) resolve();
  }

  /** Resolves when everything is settled, at the latest after `timeoutMs`. */
  async drained(timeoutMs: number): Promise<void> {
    const end = performance.now() + timeoutMs;
    while ((this.backlogSize > 0 || this.hasWork) && performance.now() < end) {
      this.schedule();
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  }

  close(): void {
    clearTimeout(this.retryTimer);
    this.isClosed = true;
    this.unsure.clear();
  }

  private get hasWork(): boolean {
    return this.again.length > 0 || this.replies.length > 0 || this.acks.size > 0;
  }

  private async ackIfOwned(entry: HeldEntry): Promise<void> {
    try {
      const [lost] = await renewLease(this.writer.client, entry.groupStream, [entry.id]);
      if (lost === undefined) entry.ownedAt = performance.now();
      else entry.isLost = true;
    } catch (error) {
      if (classify(error) !== 'rejoin') {
        // Not known. Acking blindly could hide another's work; giving up, the entry would be run again, by us.
        if (!this.isClosed) this.unsure.add(entry, RETRY_MS);
        return;
      }
      entry.isLost = true;
    }
    if (!entry.isLost) return this.enqueueAck(entry);
    this.events.emit('leaseLost', entry.place);
    this.settled(entry);
  }

  private enqueueAck(entry: HeldEntry): void {
    const entries = this.acks.get(entry.groupStream);
    if (entries) entries.push(entry);
    else this.acks.set(entry.groupStream, [entry]);
    this.schedule();
  }

  private schedule(): void {
    if (this.scheduled || this.isFlushing || !this.hasWork) return;
    this.scheduled = true;
    setImmediate(() => {
      this.scheduled = false;
      void this.flush();
    });
  }

  private async flush(): Promise<void> {
    if (this.isFlushing || !this.writer.isReady) return;
    this.isFlushing = true;
    const batch = this.nextBatch();
    try {
      const write = this.writer.isCluster ? this.writeOneByOne(batch) : this.writeTogether(batch);
      const results = await write.catch((error: Error) => batch.map((): BatchResult => [error, null]));
      this.conclude(batch, results);
    } finally {
      this.isFlushing = false;
      this.wake();
      if (!this.retryTimer) this.schedule();
    }
  }

  private nextBatch(): Write[] {
    const acks: Write[] = [...this.acks].map(([groupStream, entries]) => ({ kind: 'ack', groupStream, entries }));
    const all = [...this.again, ...this.replies, ...acks];
    this.again = all.slice(MAX_BATCH);
    this.replies = [];
    this.acks = new Map();
    return all.slice(0, MAX_BATCH);
  }

  private async writeTogether(batch: readonly Write[]): Promise<BatchResult[]> {
    const commands = batch.map(commandsOf);
    const all = commands.flat();
    const run = all.length <= COMMANDS_OF_A_REQUEST ? runEach : runTogether;
    const results = await run(this.writer.client, all);
    let at = 0;
    return commands.map(({ length }) => worst(results.slice(at, (at += length))));
  }

  /** Nothing that is sent at once may span the slots of a cluster. */
  private writeOneByOne(batch: readonly Write[]): Promise<BatchResult[]> {
    return Promise.all(batch.map(async (write) => worst(await runEach(this.writer.client, commandsOf(write)))));
  }

  private conclude(batch: readonly Write[], results: readonly BatchResult[]): void {
    const again: Write[] = [];
    let delayMs = 0;
    batch.forEach((write, i) => {
      const [error, result] = results[i] ?? [new Error('no answer'), null];
      const pauseMs = error ? repeatAfter(write, error) : undefined;
      if (pauseMs !== undefined) {
        again.push(write);
        delayMs = Math.max(delayMs, pauseMs);
      } else if (write.kind === 'ack') this.acked(write.entries, error);
      else this.replied(write, error, result);
    });
    if (again.length === 0) return;
    this.again = [...again, ...this.again];
    this.retryTimer = setTimeout(() => {
      this.retryTimer = undefined;
      this.schedule();
    }, delayMs).unref();
  }

  private acked(entries: readonly HeldEntry[], error: Error | null): void {
    if (error)
      this.warn(
        `Redis refused to settle ${entries.length} entries of "${entries[0]?.groupStream.stream}": ${withoutArguments(error).message}`,
      );
    for (const entry of entries) {
      entry.groupStream.settledSinceTrim++;
      this.settled(entry);
    }
  }

  private settled(entry: HeldEntry): void {
    this.backlogSize--;
    entry.groupStream.release(entry);
  }

  private replied(write: Extract<Write, { kind: 'reply' }>, error: Error | null, result: unknown): void {
    if (!error && result !== null) return;
    const reason = error ? withoutArguments(error).message : 'the caller is gone';
    this.events.emit('replyDropped', { stream: write.stream, id: write.part.id, reason });
  }
}

function commandsOf(write: Write): BatchCommand[] {
  if (write.kind === 'reply') {
    write.part.isSent = true;
    const cap = (write.part.seq + 1) % REPLIES_PER_TRIM === 0 ? ['MAXLEN', '~', MAX_REPLIES] : [];
    return [['XADD', write.key, 'NOMKSTREAM', ...cap, '*', ...encodeReply(write.part)]];
  }
  const { stream, group } = write.groupStream;
  const ack = ['XACK', stream, group, ...write.entries.map(({ id }) => id)];
  // A request has one addressee, and nothing to replay.
  const requests = write.entries.filter(({ request }) => request).map(({ id }) => id);
  return requests.length > 0 ? [ack, ['XDEL', stream, ...requests]] : [ack];
}

/** The first error, else the first reply. */
function worst(results: readonly BatchResult[]): BatchResult {
  return results.find(([error]) => error) ?? results[0] ?? [new Error('no answer'), null];
}

/** ms to wait before the same write is tried again; undefined when it is useless. */
function repeatAfter(write: Write, error: Error): number | undefined {
  switch (classify(error)) {
    case 'lost':
    case 'not-sent':
    case 'reconnect':
    case 'defect':
      return RETRY_MS;
    case 'retry':
      // Where memory is short, replies are what grows it; acks free it.
      return write.kind === 'reply' && replyCode(error.message) === 'OOM' ? undefined : RETRY_MS;
    case 'fatal':
      return write.kind === 'reply' ? undefined : FORBIDDEN_RETRY_MS;
    case 'rejoin':
    case 'reject':
      return undefined;
  }
}
