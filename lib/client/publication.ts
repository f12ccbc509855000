import type { RedisStreamError } from '../errors/transport-errors.js';
import type { Deadline } from '../timing/deadline-wheel.js';

/** A message on its way to Redis. `stored` and `failed` are called at most once, and never both. */
export interface Publication {
  readonly stream: string;
  /** Read when it is sent, and anew should it have to be kept for later after all. */
  readonly fields: readonly string[];
  stored(entryId: string): void;
  failed(error: RedisStreamError): void;
}

/**
 * A message that was accepted: it waits until it is sent, and is over when it has an outcome or was withdrawn. One that could
 * not be sent waits again.
 */
export class AcceptedMessage {
  /** By the monotonic clock; set once it has to wait, and not extended by attempts that come to nothing. */
  expiresAt: number | undefined;
  deadline: Deadline | undefined;
  private state: 'waiting' | 'sent' | 'over' = 'waiting';
  private flight: object | undefined;

  constructor(
    readonly publication: Publication,
    /** Its place in the order of the calls. */
    readonly order: number,
  ) {}

  get isWaiting(): boolean {
    return this.state === 'waiting';
  }

  /** @param flight which of its ways to Redis this is: it may have to come back, and set out once more */
  send(flight: object): void {
    this.forgetDeadline();
    this.state = 'sent';
    this.flight = flight;
  }

  /** Once for each flight. @returns false when it has arrived already */
  arrive(flight: object): boolean {
    if (this.flight !== flight) return false;
    this.flight = undefined;
    return true;
  }

  waitAgain(): void {
    this.state = 'waiting';
  }

  /** @returns false when it is over already, or on its way */
  withdraw(): boolean {
    if (this.state !== 'waiting') return false;
    this.end();
    return true;
  }

  stored(entryId: string): void {
    this.end();
    this.publication.stored(entryId);
  }

  failed(error: RedisStreamError): void {
    this.end();
    this.publication.failed(error);
  }

  private end(): void {
    this.forgetDeadline();
    this.state = 'over';
  }

  private forgetDeadline(): void {
    this.deadline?.cancel();
    this.deadline = undefined;
  }
}
