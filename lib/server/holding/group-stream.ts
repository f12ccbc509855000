import type { MessageHandler } from '@nestjs/microservices';
import type { HandlerSettings } from '../../options/settings.js';
import { deadLetterKey, siblingKey } from '../../topology/keys.js';
import type { Membership } from '../../redis/scripts.js';
import { HeldEntry } from './held-entry.js';
import type { EntryPhase } from './held-entry.js';

/** What runs for an entry of one stream in one group. */
export interface Route {
  readonly pattern: string;
  readonly group: string;
  readonly settings: HandlerSettings;
  /** All of them run for each event; it is settled when the last one is done. */
  readonly eventHandlers: MessageHandler[];
  messageHandler: MessageHandler | undefined;
}

/** Neither new nor running: they hold no slot, and are bounded all the same. */
const isBacklog = (phase: EntryPhase): boolean => phase === 'waiting' || phase === 'settling';

/** A stream as one consumer group of this process sees it, with the entries that this process owns. */
export class GroupStream implements Membership {
  readonly deadLetterStream: string;
  /** Hash that says what the stream is beyond itself. */
  readonly shape: string;

  private readonly held = new Map<string, HeldEntry>();
  private backlogSize = 0;
  private waitingBytes = 0;
  private start: string;
  /** Redis refused it; left alone until then (monotonic clock). */
  private unusableUntil = 0;
  private settledCount = 0;
  private createdAt = -Infinity;

  constructor(
    readonly stream: string,
    readonly consumer: string,
    readonly route: Route,
  ) {
    this.deadLetterStream = deadLetterKey(stream);
    this.shape = siblingKey(stream, 'shape');
    this.start = route.settings.startFrom;
  }

  get group(): string {
    return this.route.group;
  }

  /** Where a group that has to be created starts; `'0'` once this process had it: what came in between counts. */
  get startFrom(): string {
    return this.start;
  }

  get isUsable(): boolean {
    return this.unusableUntil === 0 || this.unusableUntil <= performance.now();
  }

  /** Entries that wait for a further attempt, or for Redis to take their ack or their dead letter. */
  get backlog(): number {
    return this.backlogSize;
  }

  /** What Redis has yet to take of the replies in that backlog. */
  get backlogBytes(): number {
    return this.waitingBytes;
  }

  get entries(): Iterable<HeldEntry> {
    return this.held.values();
  }

  get heldCount(): number {
    return this.held.size;
  }

  holds(id: string): boolean {
    return this.held.has(id);
  }

  /** Takes note of an entry that Redis has given to this consumer; undefined when it is held already. */
  hold(id: string, attempt: number, fields: readonly string[] | null, ownedAt?: number): HeldEntry | undefined {
    if (this.held.has(id)) return undefined;
    const entry = new HeldEntry(this, id, attempt, fields, ownedAt);
    this.held.set(id, entry);
    return entry;
  }

  inPhase(...phases: readonly EntryPhase[]): HeldEntry[] {
    return [...this.held.values()].filter(({ phase }) => phases.includes(phase));
  }

  /** The group exists; `isNew`: it was made just now. */
  joined(isNew: boolean): void {
    this.start = '0';
    this.unusableUntil = 0;
    if (isNew) this.createdAt = performance.now();
  }

  /** How long the group has been there, as far as this process knows. */
  get ageMs(): number {
    return performance.now() - this.createdAt;
  }

  refusedFor(ms: number): void {
    this.unusableUntil = performance.now() + ms;
  }

  countSettled(count: number): void {
    this.settledCount += count;
  }

  /** Entries settled since the last call. */
  takeSettledCount(): number {
    const { settledCount } = this;
    this.settledCount = 0;
    return settledCount;
  }

  get settledSinceTrim(): number {
    return this.settledCount;
  }

  /** @internal For the entry itself. */
  forget(entry: HeldEntry): void {
    if (this.held.get(entry.id) === entry) this.held.delete(entry.id);
  }

  /** @internal For the entry itself. */
  phaseChanged(previous: EntryPhase, next: EntryPhase): void {
    this.backlogSize += Number(isBacklog(next)) - Number(isBacklog(previous));
  }

  /** @internal For the entry itself. */
  bytesChanged(by: number): void {
    this.waitingBytes += by;
  }
}
