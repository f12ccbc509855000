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
 * dead letter. From each of them it may be `lost`: another consumer owns it by now, or it was deleted. A lost entry is
 * kept while its handler still runs, so that it cannot run beside itself should it come back.
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

/** The run of a handler, as far as others may end it. */
export interface ActiveRun {
  /** Ends it without a result: what the handler still does is of no interest. True when nothing of it goes on. */
  abandon(reason: Error): boolean;
  /** Tells the handler, and waits for what it comes to. */
  abort(reason: Error): void;
  /** Its caller is gone: ends it, and settles the entry without an answer. */
  cancel(reason: Error): void;
}

/** An entry that this process owns. No other consumer may run it while its lease is renewed. */
export class HeldEntry {
  /** Set when it is decoded: the entry is a request, and this is its return address. */
  request: RequestAddress | undefined;

  private current: EntryPhase = 'taken';
  private activeRun: ActiveRun | undefined;
  private hasStarted = false;
  private whenReleased: (() => void) | undefined;
  private isAckUnconfirmed = false;
  /** Of its reply, from the end of its run until it is settled. */
  private waitingBytes = 0;

  constructor(
    readonly groupStream: GroupStream,
    readonly id: string,
    private currentAttempt: number,
    private body: readonly string[] | null,
    /** When Redis last confirmed that it is ours, by the monotonic clock of this process. */
    private confirmedAt = performance.now(),
  ) {}

  get phase(): EntryPhase {
    return this.current;
  }

  /** 1 for the first run, as Redis counts. */
  get attempt(): number {
    return this.currentAttempt;
  }

  get ownedAt(): number {
    return this.confirmedAt;
  }

  /** Whether a handler has seen it since it was taken. */
  get isStarted(): boolean {
    return this.hasStarted;
  }

  /** Whether what comes out of its handler still counts. */
  get isOurs(): boolean {
    return this.current !== 'lost' && this.current !== 'released';
  }

  get place(): EntryPlace {
    return { stream: this.groupStream.stream, group: this.groupStream.group, id: this.id };
  }

  get placeAndAttempt(): EntryAttempt {
    return { ...this.place, attempt: this.currentAttempt };
  }

  /** An ack of it was sent, and its answer never came. */
  get isAckMaybeDone(): boolean {
    return this.isAckUnconfirmed;
  }

  ackMayBeDone(): void {
    this.isAckUnconfirmed = true;
  }

  /** Its fields, once: they are not kept while the handler runs. */
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

  /** A further attempt: Redis has counted it, and given the fields again. */
  retake(attempt: number, fields: readonly string[], ownedAt = performance.now()): void {
    this.currentAttempt = attempt;
    this.body = fields;
    this.hasStarted = false;
    this.confirmedAt = ownedAt;
  }

  /** @param waitingBytes of its reply that Redis has yet to take */
  settle(waitingBytes = 0): void {
    this.enter('settling');
    this.activeRun = undefined;
    this.weigh(waitingBytes);
  }

  /** Another consumer has it, or it is gone. */
  lose(reason: Error): void {
    const { activeRun } = this;
    this.enter('lost');
    this.activeRun = undefined;
    if (!activeRun || activeRun.abandon(reason)) this.release();
  }

  /** This process has nothing to do with it any more. */
  release(): void {
    if (this.current === 'released') return;
    this.enter('released');
    this.activeRun = undefined;
    this.weigh(0);
    this.groupStream.forget(this);
    this.whenReleased?.();
  }

  /** Calls back when Redis has its ack, or another consumer has the entry. One listener at a time. */
  onReleased(listener: () => void): void {
    this.whenReleased = listener;
  }

  /** Aborts the signal of its handler, if it runs. */
  abortRun(reason: Error): void {
    this.activeRun?.abort(reason);
  }

  /** Ends its handler, if it runs, as nobody waits for the answer. */
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
