import type { RedisStreamError } from '../errors/transport-errors.js';
import type { Deadline } from '../timing/deadline-wheel.js';

/** A message on its way to Redis. `stored` and `failed` are called at most once, and never both. */
export interface Publication {
  readonly stream: string;
  /** Read when the message is sent, and again if it has to be sent later after all. */
  readonly fields: readonly string[];
  stored(entryId: string): void;
  failed(error: RedisStreamError): void;
}

/**
 * An accepted message. It waits until it is sent, and is over when it has an outcome or was withdrawn. A message that
 * could not be sent waits again.
 */
export class AcceptedMessage {
  /** On the monotonic clock. Set once the message has to wait, and not extended by failed attempts to send it. */
  expiresAt: number | undefined;
  deadline: Deadline | undefined;
  private state: 'waiting' | 'sent' | 'over' = 'waiting';
  private flight: object | undefined;

  constructor(
    readonly publication: Publication,
    /** Position in the order of the calls. */
    readonly order: number,
  ) {}

  get isWaiting(): boolean {
    return this.state === 'waiting';
  }

  /** @param flight identifies this attempt to send: the message may come back and be sent again */
  send(flight: object): void {
    this.forgetDeadline();
    this.state = 'sent';
    this.flight = flight;
  }

  /** Ends a flight, once. @returns false if the flight has ended already */
  arrive(flight: object): boolean {
    if (this.flight !== flight) return false;
    this.flight = undefined;
    return true;
  }

  waitAgain(): void {
    this.state = 'waiting';
  }

  /** @returns false if the message is over or in flight */
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
