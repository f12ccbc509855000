import type { ServerSettings } from '../options/settings.js';
import type { Connection } from '../redis/connection.js';
import type { ConnectionGroup } from '../redis/connection-group.js';
import { hashSlot } from '../topology/keys.js';
import { RedisClock } from '../redis/redis-clock.js';
import { handBack, retireConsumer } from '../redis/scripts.js';
import { inspectServer } from '../redis/server-check.js';
import { TransportUnavailableError } from '../errors/transport-errors.js';
import { MAX_WAITING_PER_SLOT } from '../constants.js';
import { DeadlineWheel } from '../timing/deadline-wheel.js';
import { ConcurrencyGate } from './running/concurrency-gate.js';
import { DeadLetterStore } from './settling/dead-letter-store.js';
import { Dispatcher } from './running/dispatcher.js';
import type { ProcessingHooks } from './running/entry-run.js';
import type { ServerEventEmitter } from './holding/server-events.js';
import type { GroupStream, HeldEntry } from './holding/group-stream.js';
import { HandlerSet } from './running/handler-set.js';
import { Intake } from './running/intake.js';
import { Lane } from './running/lane.js';
import { LeaseKeeper } from './keeping/lease-keeper.js';
import { Reclaimer } from './keeping/reclaimer.js';
import { Retention } from './keeping/retention.js';
import { RetryQueue } from './settling/retry-queue.js';
import { Settler } from './settling/settler.js';
import { StreamReader } from './reading/stream-reader.js';

/** Redis may be slow to take the last acks; a stop does not wait for it longer than this. */
const FLUSH_TIMEOUT_MS = 2_000;

/** A connection that has just been lost is back within this, if Redis is there. */
const RECONNECT_GRACE_MS = 400;

export interface ServerParts {
  readonly events: ServerEventEmitter;
  readonly hooks: ProcessingHooks;
  readonly warn: (message: string) => void;
}

/** Everything that lives between `listen()` and `close()`: wires the parts together, starts and stops them in order. */
export class ServerRuntime {
  private readonly warn: (message: string) => void;
  private readonly events: ServerEventEmitter;
  private isStopping = false;
  private draining: Promise<void> | undefined;
  private readonly clock = new RedisClock();
  private readonly handlerDeadlines = new DeadlineWheel<() => void>((expire) => expire());
  private readonly writer: Connection;
  private readonly settler: Settler;
  private readonly deadLetters: DeadLetterStore;
  private readonly retries: RetryQueue;
  private readonly dispatcher: Dispatcher;
  private readonly lanes: readonly Lane[];
  private readonly laneOf: ReadonlyMap<GroupStream, Lane>;
  private readonly readers: readonly StreamReader[];
  private readonly reclaimer: Reclaimer;
  private readonly leases: LeaseKeeper;
  private readonly retention: Retention;

  constructor(
    private readonly streams: readonly GroupStream[],
    private readonly settings: ServerSettings,
    connections: ConnectionGroup,
    { events, hooks, warn }: ServerParts,
  ) {
    this.warn = warn;
    this.events = events;
    const writer = connections.add('writer');
    this.writer = writer;
    this.settler = new Settler(writer, settings.leaseMs, events, warn);
    this.deadLetters = new DeadLetterStore(writer, events, warn);
    this.retries = new RetryQueue(writer, events);
    const { settler, deadLetters, retries, clock } = this;
    const intake = new Intake(writer.client, settings);
    const handlers = new HandlerSet({ isRetriable: settings.isRetriable, deadlines: this.handlerDeadlines });
    this.dispatcher = new Dispatcher(
      { intake, handlers, settler, deadLetters, retries, clock, events, hooks },
      settings,
    );
    this.lanes = this.makeLanes();
    this.laneOf = new Map(this.lanes.flatMap((lane) => lane.streams.map((groupStream) => [groupStream, lane])));
    this.readers = this.lanes.map(
      (lane) =>
        new StreamReader(
          { lane, connection: connections.add('reader'), writer, events, warn, room: () => this.room(lane) },
          settings,
        ),
    );
    this.reclaimer = new Reclaimer(this.lanes, { writer, dispatcher: this.dispatcher, events }, settings.leaseMs);
    this.leases = new LeaseKeeper(streams, writer, settings.leaseMs, events);
    this.retention = new Retention(streams, writer, this.clock, settings);
    this.retries.onDue = (entry) => this.runAgain(entry);
  }

  /** @throws {TransportUnavailableError} when the server is too old */
  async start(): Promise<void> {
    await this.checkServer();
    await this.clock.synchronise(this.writer.client).catch(() => undefined);
    await Promise.all(this.readers.map((reader) => reader.start()));
    this.leases.start();
    this.reclaimer.start(this.settings.sweepIntervalMs);
    this.retention.start();
  }

  /** Once, whoever calls. */
  drain(): Promise<void> {
    return (this.draining ??= this.windDown());
  }

  /** Order matters: no new entries, then no new runs, then the running ones, their settlement, and what is left. */
  private async windDown(): Promise<void> {
    const end = performance.now() + this.settings.shutdownTimeoutMs;
    this.isStopping = true;
    this.settler.wake();
    this.retries.wake();
    this.dispatcher.stop();
    for (const { gate } of this.lanes) gate.clear();
    // Without the writer nothing could be handed back, and would have to wait until its lease is over.
    const back = this.writer.ready(RECONNECT_GRACE_MS).catch(() => undefined);
    await Promise.all([
      ...this.readers.map((reader) => reader.stop(this.settings.blockMs)),
      this.reclaimer.stop(),
      back,
    ]);
    this.retention.stop();
    this.retries.close();
    const handedBack = this.handBackUnstarted();
    await this.runningDone(end);
    await handedBack;
    // What failed meanwhile waits for an attempt that is not to be had here.
    await this.handBackUnstarted();
    this.abortRunning();
    if (this.writer.isReady) {
      await this.settler.drained(FLUSH_TIMEOUT_MS);
      await withinLimit(this.deadLetters.drained(), FLUSH_TIMEOUT_MS);
      await withinLimit(this.retire(), FLUSH_TIMEOUT_MS);
    }
    this.leases.stop();
    this.settler.close();
    this.deadLetters.close();
    this.handlerDeadlines.clear();
  }

  private async checkServer(): Promise<void> {
    const { unfit, warnings } = await inspectServer(this.writer.client);
    if (unfit) throw new TransportUnavailableError(unfit);
    for (const warning of warnings) this.warn(warning);
  }

  /** One lane per group, one more for each handler with its own slots; in a cluster no read spans two slots. */
  private makeLanes(): Lane[] {
    const shared = new Map<string, GroupStream[]>();
    const own: Lane[] = [];
    for (const groupStream of this.streams) {
      const { concurrency } = groupStream.route.settings;
      if (concurrency !== undefined) {
        own.push(new Lane(groupStream.group, [groupStream], new ConcurrencyGate(concurrency), this.dispatcher));
        continue;
      }
      const key = this.writer.isCluster ? `${groupStream.group}\n${hashSlot(groupStream.stream)}` : groupStream.group;
      const together = shared.get(key);
      if (together) together.push(groupStream);
      else shared.set(key, [groupStream]);
    }
    const gates = new Map<string, ConcurrencyGate>();
    const lanes = [...shared.values()].map((groupStreams) => {
      const group = groupStreams[0]?.group ?? '';
      const gate = gates.get(group) ?? new ConcurrencyGate(this.settings.concurrency);
      gates.set(group, gate);
      return new Lane(group, groupStreams, gate, this.dispatcher);
    });
    return [...lanes, ...own];
  }

  /** What is settled here but not in Redis, and what waits for another attempt, is bounded like everything else. */
  private async room({ gate }: Lane): Promise<void> {
    const limit = gate.limit * MAX_WAITING_PER_SLOT;
    while (this.settler.backlog > limit && !this.isStopping) await this.settler.progress();
    while (this.retries.size > limit && !this.isStopping) await this.retries.progress();
  }

  private runAgain(entry: HeldEntry): void {
    this.laneOf.get(entry.groupStream)?.run(entry);
  }

  private held(phase: (entry: HeldEntry) => boolean): HeldEntry[] {
    return this.streams.flatMap(({ held }) => [...held.values()].filter(phase));
  }

  /** A stop counts for nobody: what never ran keeps its attempts, what waits for a retry goes elsewhere at once. */
  private async handBackUnstarted(): Promise<void> {
    if (!this.writer.isReady) return;
    for (const groupStream of this.streams) {
      for (const started of [true, false]) {
        const entries = [...groupStream.held.values()].filter(
          (entry) => (entry.phase === 'queued' || entry.phase === 'waiting') && entry.started === started,
        );
        if (entries.length === 0) continue;
        const ids = entries.map(({ id }) => id);
        const gone = await withinLimit(handBack(this.writer.client, groupStream, ids, started), FLUSH_TIMEOUT_MS);
        for (const entry of entries) {
          groupStream.release(entry);
          if (gone?.includes(entry.id)) this.events.emit('entryLost', entry.place);
        }
      }
    }
  }

  private async runningDone(end: number): Promise<void> {
    while (performance.now() < end && this.held(({ phase }) => phase === 'running').length > 0) {
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  }

  private abortRunning(): void {
    const reason = new Error('The server stops, and `shutdownTimeout` is over');
    for (const entry of this.held(({ phase }) => phase === 'running')) entry.context?.abort(reason);
  }

  private async retire(): Promise<void> {
    await Promise.all(
      this.streams.map((groupStream) => retireConsumer(this.writer.client, groupStream).catch(() => undefined)),
    );
  }
}

/** The result of something that may fail or hang when Redis does, if it comes in time. */
async function withinLimit<T>(work: Promise<T>, limitMs: number): Promise<T | undefined> {
  let timer: NodeJS.Timeout | undefined;
  const limit = new Promise<undefined>((resolve) => (timer = setTimeout(() => resolve(undefined), limitMs)));
  const result = await Promise.race([work.catch(() => undefined), limit]);
  clearTimeout(timer);
  return result;
}
