import { TransportUnavailableError } from '../errors/transport-errors.js';
import type { ServerSettings } from '../options/settings.js';
import type { Connection } from '../redis/connection.js';
import type { ConnectionGroup } from '../redis/connection-group.js';
import { RedisClock } from '../redis/redis-clock.js';
import { handBack } from '../redis/scripts.js';
import { inspectServer } from '../redis/server-check.js';
import { DeadlineWheel } from '../timing/deadline-wheel.js';
import { within } from '../timing/within.js';
import { controlChannel } from '../topology/keys.js';
import { ControlChannel } from './control-channel.js';
import type { GroupStream } from './holding/group-stream.js';
import type { EntryPhase, HeldEntry } from './holding/held-entry.js';
import type { ServerEventEmitter } from './holding/server-events.js';
import { LeaseKeeper } from './keeping/lease-keeper.js';
import { Reclaimer } from './keeping/reclaimer.js';
import { Retention } from './keeping/retention.js';
import { lanesByStream, makeLanes } from './lanes.js';
import { OnlyGroup } from './only-group.js';
import { ReaderSet } from './reading/reader-set.js';
import { EntryDecoder } from './running/entry-decoder.js';
import type { ProcessingHooks, RunParts } from './running/entry-run.js';
import type { Lane } from './running/lane.js';
import { RunningRequests } from './running/running-requests.js';
import { DeadLetterStore } from './settling/dead-letter-store.js';
import { Responders } from './settling/responder.js';
import { RetryQueue } from './settling/retry-queue.js';
import { Settler } from './settling/settler.js';
import { ThrottledLog } from './throttled-log.js';

/** Limit for each step of a shutdown that waits for Redis, such as for the last acks. */
const FLUSH_TIMEOUT_MS = 2_000;

/** A connection that was just lost is back within this if Redis is up. */
const RECONNECT_GRACE_MS = 400;

const RUNNING_POLL_MS = 10;

/** A handler that heeds its signal ends within this. */
const ABORT_GRACE_MS = 100;

/** Where a server reports: events, Nest's hooks, the log. */
export interface ServerVoice {
  readonly events: ServerEventEmitter;
  readonly hooks: ProcessingHooks;
  readonly info: (message: string) => void;
  readonly warn: (message: string) => void;
  readonly failed: (error: unknown) => void;
}

/** Everything that exists between `listen()` and `close()`: creates the parts, starts and stops them in order. */
export class ServerRuntime {
  private isStopping = false;
  private draining: Promise<void> | undefined;
  private readonly clock = new RedisClock();
  private readonly handlerDeadlines = new DeadlineWheel<() => void>((expire) => expire());
  private readonly writer: Connection;
  private readonly settler: Settler;
  private readonly deadLetters: DeadLetterStore;
  private readonly retries: RetryQueue;
  private readonly lanes: readonly Lane[];
  private readonly readers: readonly ReaderSet[];
  private readonly reclaimer: Reclaimer;
  private readonly leases: LeaseKeeper;
  private readonly retention: Retention;
  private readonly control: ControlChannel | undefined;

  constructor(
    private readonly streams: readonly GroupStream[],
    private readonly settings: ServerSettings,
    connections: ConnectionGroup,
    private readonly voice: ServerVoice,
  ) {
    const { events, info } = voice;
    const writer = connections.add('writer');
    const log = new ThrottledLog(voice.warn);
    this.writer = writer;
    this.settler = new Settler({ writer, leaseMs: settings.leaseMs, events, log });
    this.deadLetters = new DeadLetterStore({ writer, events, log });
    this.retries = new RetryQueue(writer, events);
    this.lanes = makeLanes(streams, settings.concurrency, this.runParts());
    const laneOf = lanesByStream(this.lanes);
    this.readers = this.lanes.map((lane) => new ReaderSet({ lane, writer, events, log }, connections, settings));
    this.reclaimer = new Reclaimer(laneOf, { writer, events }, settings);
    this.leases = new LeaseKeeper(streams, { writer, events }, settings.leaseMs);
    this.retention = new Retention(streams, { writer, clock: this.clock, events, info }, settings);
    this.control = this.controlFor(connections);
    this.retries.onDue = (entry) => laneOf.get(entry.groupStream)?.run(entry);
  }

  /**
   * @throws {TransportUnavailableError} when Redis is too old
   * @throws {Error} when Redis refuses a group
   */
  async start(): Promise<void> {
    await this.checkServer();
    await this.clock.synchronise(this.writer.client).catch(() => undefined);
    this.control?.open();
    await Promise.all(this.readers.map((reader) => reader.start()));
    this.leases.start();
    this.reclaimer.start();
    this.retention.start();
  }

  /** Runs once; every call returns the same promise. */
  drain(): Promise<void> {
    return (this.draining ??= this.windDown());
  }

  private runParts(): RunParts {
    const { writer, settler, deadLetters, retries, clock, settings } = this;
    const { events, hooks, failed } = this.voice;
    const responders = new Responders(settler, settings);
    const onlyGroup = new OnlyGroup(writer);
    const isOnlyGroup = (groupStream: GroupStream): Promise<boolean> => onlyGroup.check(groupStream);
    const shared = { settler, responders, deadLetters, retries, events, isOnlyGroup };
    return {
      ...shared,
      decoder: new EntryDecoder({ ...shared, client: writer.client }, settings),
      handlers: { isRetriable: settings.isRetriable, deadlines: this.handlerDeadlines, teardownFailed: failed },
      clock,
      hooks,
      isStopped: () => this.isStopping,
    };
  }

  /** Only requests can be cancelled: a server without request handlers needs no control connection. */
  private controlFor(connections: ConnectionGroup): ControlChannel | undefined {
    const { writer, streams, settings } = this;
    if (!streams.some(({ route }) => route.messageHandler)) return undefined;
    const connection = writer.isCluster ? writer : connections.add('control');
    return new ControlChannel({
      connection,
      channel: controlChannel(settings.prefix),
      requests: new RunningRequests(streams),
      info: this.voice.info,
    });
  }

  private async checkServer(): Promise<void> {
    const { unfit, warnings } = await inspectServer(this.writer.client);
    if (unfit) throw new TransportUnavailableError(unfit);
    for (const warning of warnings) this.voice.warn(warning);
  }

  /** Order matters: nothing new starts, unstarted entries are handed back, running ones finish and are settled. */
  private async windDown(): Promise<void> {
    const end = performance.now() + this.settings.shutdownTimeoutMs;
    this.isStopping = true;
    for (const { gate } of this.lanes) gate.clear();
    await this.stopTaking();
    await within(FLUSH_TIMEOUT_MS, this.retries.close());
    const handedBack = this.handBackUnstarted();
    await this.runningDone(end);
    this.abortRunning();
    await this.runningDone(performance.now() + ABORT_GRACE_MS);
    await handedBack;
    // Entries that failed in the meantime wait for a retry that this process will not run.
    await this.handBackUnstarted();
    if (this.writer.isReady) {
      await this.settler.drained(FLUSH_TIMEOUT_MS);
      await within(FLUSH_TIMEOUT_MS, this.deadLetters.drained());
      await within(FLUSH_TIMEOUT_MS, this.retire());
    }
    void this.leases.stop();
    this.control?.close();
    this.settler.close();
    this.deadLetters.close();
    this.handlerDeadlines.clear();
  }

  private async stopTaking(): Promise<void> {
    // Handing back needs the writer. Without it, entries have to wait until their lease ends.
    const back = this.writer.ready(RECONNECT_GRACE_MS).catch(() => undefined);
    await Promise.all([
      ...this.readers.map((reader) => reader.stop()),
      within(FLUSH_TIMEOUT_MS, this.reclaimer.stop()),
      within(FLUSH_TIMEOUT_MS, this.retention.stop()),
      back,
    ]);
  }

  private held(...phases: readonly EntryPhase[]): HeldEntry[] {
    return this.streams.flatMap((groupStream) => groupStream.inPhase(...phases));
  }

  /** A shutdown costs no attempt: unstarted entries get theirs back, and waiting retries go elsewhere at once. */
  private async handBackUnstarted(): Promise<void> {
    if (!this.writer.isReady) return;
    await Promise.all(this.streams.map((groupStream) => this.handBackOf(groupStream)));
  }

  private async handBackOf(groupStream: GroupStream): Promise<void> {
    const entries = groupStream.inPhase('taken', 'queued', 'waiting');
    for (const isStarted of [true, false]) {
      const some = entries.filter((entry) => entry.isStarted === isStarted);
      if (some.length === 0) continue;
      const ids = some.map(({ id }) => id);
      const gone = await within(FLUSH_TIMEOUT_MS, handBack(this.writer.client, groupStream, ids, isStarted));
      for (const entry of some) {
        entry.release();
        if (gone?.includes(entry.id)) this.voice.events.emit('entryLost', entry.place);
      }
    }
  }

  private async runningDone(end: number): Promise<void> {
    while (performance.now() < end && this.held('running').length > 0) {
      await new Promise((resolve) => setTimeout(resolve, RUNNING_POLL_MS));
    }
  }

  private abortRunning(): void {
    const reason = new Error('The server is stopping and `shutdownTimeout` has passed');
    for (const entry of this.held('running')) entry.abortRun(reason);
  }

  private async retire(): Promise<void> {
    await Promise.all(this.streams.map((groupStream) => this.retention.leave(groupStream).catch(() => undefined)));
  }
}
