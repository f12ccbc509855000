import type { RequestAddress } from '../../codec/entry.codec.js';
import type { EntryAttempt, EntryPlace } from '../../interfaces/events.js';
import type { GroupStream } from './group-stream.js';

/**
 * What this process does with an entry that it owns:
 *
 *     taken → queued → running → settling → released
 *               ↑         ↓
 *               └───── waiting
 *
 * `queued` waits for a slot, `waiting` for its next attempt (without a slot), `settling` until Redis has its ack or its
 * dead letter. From any of these phases it can become `lost`: another consumer owns it, or it is no longer pending. A
 * lost entry is kept while its handler still runs, so that it cannot run beside itself if it comes back.
 */
export type EntryPhase = 'taken' | 'queued' | 'running' | 'waiting' | 'settling' | 'lost' | 'released';

/** The phases that each phase may follow. */
const PREVIOUS: Readonly<Record<EntryPhase, readonly EntryPhase[]>> = {
  taken: [],
  queued: ['taken', 'waiting'],
  running: ['queued'],
  waiting: ['running', 'taken'],
  settling: ['running', 'taken'],
  lost: ['taken', 'queued', 'running', 'waiting', 'settling'],
  released: ['taken', 'queued', 'running', 'waiting', 'settling', 'lost'],
};

/** How others end a run. */
export interface ActiveRun {
  /** Ends the run without a result; what the handler still does is ignored. True if nothing of it is still running. */
  abandon(reason: Error): boolean;
  /** Aborts the handler's signal. The run goes on, and its result counts. */
  abort(reason: Error): void;
  /** The caller no longer waits: ends the run, and settles the entry without an answer. */
  cancel(reason: Error): void;
}

/** An entry that this process owns. No other consumer may run it while its lease is renewed. */
export class HeldEntry {
  /** Return address of a request, set when the entry is decoded; undefined for an event. */
  request: RequestAddress | undefined;

  private current: EntryPhase = 'taken';
  private activeRun: ActiveRun | undefined;
  private hasStarted = false;
  private whenReleased: (() => void) | undefined;
  private isAckUnconfirmed = false;
  /** Unwritten bytes of its reply, counted from the end of the run until the entry is settled. */
  private waitingBytes = 0;

  constructor(
    readonly groupStream: GroupStream,
    readonly id: string,
    private currentAttempt: number,
    private body: readonly string[] | null,
    /** When Redis last confirmed that this consumer owns the entry (monotonic clock). */
    private confirmedAt = performance.now(),
  ) {}

  get phase(): EntryPhase {
    return this.current;
  }

  /** Counted by Redis; 1 for the first run. */
  get attempt(): number {
    return this.currentAttempt;
  }

  get ownedAt(): number {
    return this.confirmedAt;
  }

  /** Whether the current attempt has started to run. */
  get isStarted(): boolean {
    return this.hasStarted;
  }

  /** Whether the result of its handler still counts. */
  get isOurs(): boolean {
    return this.current !== 'lost' && this.current !== 'released';
  }

  get place(): EntryPlace {
    return { stream: this.groupStream.stream, group: this.groupStream.group, id: this.id };
  }

  get placeAndAttempt(): EntryAttempt {
    return { ...this.place, attempt: this.currentAttempt };
  }

  /** An ack was sent but never confirmed, so Redis may have done it. */
  get isAckMaybeDone(): boolean {
    return this.isAckUnconfirmed;
  }

  ackMayBeDone(): void {
    this.isAckUnconfirmed = true;
  }

  /** Returns the fields, once: they are not kept while the handler runs. */
  takeFields(): readonly string[] | null {
    const { body } = this;
    this.body = null;
    return body;
  }

  confirm(at: number): void {
    this.confirmedAt = at;
  }

  queue(): void {
    this.enter('queued');
  }

  run(run: ActiveRun): void {
    this.enter('running');
    this.activeRun = run;
    this.hasStarted = true;
  }

  wait(): void {
    this.enter('waiting');
    this.activeRun = undefined;
  }

  /** Starts a further attempt: Redis has counted it and returned the fields again. */
  retake(attempt: number, fields: readonly string[], ownedAt = performance.now()): void {
    this.currentAttempt = attempt;
    this.body = fields;
    this.hasStarted = false;
    this.confirmedAt = ownedAt;
  }

  /** @param waitingBytes unwritten bytes of its reply */
  settle(waitingBytes = 0): void {
    this.enter('settling');
    this.activeRun = undefined;
    this.weigh(waitingBytes);
  }

  /** Another consumer owns the entry, or it is no longer pending. */
  lose(reason: Error): void {
    const { activeRun } = this;
    this.enter('lost');
    this.activeRun = undefined;
    if (!activeRun || activeRun.abandon(reason)) this.release();
  }

  /** This process is done with the entry. */
  release(): void {
    if (this.current === 'released') return;
    this.enter('released');
    this.activeRun = undefined;
    this.weigh(0);
    this.groupStream.forget(this);
    this.whenReleased?.();
  }

  /** Calls back when this process is done with the entry: settled, lost or handed back. One listener at a time. */
  onReleased(listener: () => void): void {
    this.whenReleased = listener;
  }

  /** Aborts the signal of its handler, if the entry runs. */
  abortRun(reason: Error): void {
    this.activeRun?.abort(reason);
  }

  /** Cancels its run, if the entry runs, because the caller no longer waits. */
  cancelRun(reason: Error): void {
    this.activeRun?.cancel(reason);
  }

  private weigh(bytes: number): void {
    if (bytes === this.waitingBytes) return;
    this.groupStream.bytesChanged(bytes - this.waitingBytes);
    this.waitingBytes = bytes;
  }

  private enter(next: EntryPhase): void {
    const previous = this.current;
    if (!PREVIOUS[next].includes(previous)) {
      throw new Error(`Entry ${this.id} of "${this.groupStream.stream}" cannot be ${next} after ${previous}`);
    }
    this.current = next;
    this.groupStream.phaseChanged(previous, next);
  }
}
