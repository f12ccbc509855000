import type { MessageHandler } from '@nestjs/microservices';
import type { HandlerSettings } from '../../options/settings.js';
import { deadLetterKey, siblingKey } from '../../topology/keys.js';
import type { Membership } from '../../redis/scripts.js';
import { HeldEntry } from './held-entry.js';
import type { EntryPhase } from './held-entry.js';

/** The handlers of one pattern in one group. */
export interface Route {
  readonly pattern: string;
  readonly group: string;
  readonly settings: HandlerSettings;
  /** All of them run for each event, which is settled when the last one is done. */
  readonly eventHandlers: MessageHandler[];
  messageHandler: MessageHandler | undefined;
}

/** Neither new nor running: such entries hold no slot, but their number is bounded. */
const isBacklog = (phase: EntryPhase): boolean => phase === 'waiting' || phase === 'settling';

/** A stream as one consumer group of this process sees it, with the entries that this process owns. */
export class GroupStream implements Membership {
  readonly deadLetterStream: string;
  /** Key of the shape, the hash of what the groups of the stream ask for. */
  readonly shape: string;

  private readonly held = new Map<string, HeldEntry>();
  private backlogSize = 0;
  private waitingBytes = 0;
  private start: string;
  /** Redis refused the stream, which is left alone until then (monotonic clock). */
  private unusableUntil = 0;
  private settledCount = 0;
  private metAt = -Infinity;

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

  /** Where the group starts if it has to be created; `'0'` once joined, so that a lost group skips no entry. */
  get startFrom(): string {
    return this.start;
  }

  get isUsable(): boolean {
    return this.unusableUntil === 0 || this.unusableUntil <= performance.now();
  }

  /** Number of entries that wait for a retry, or for Redis to take their ack or dead letter. */
  get backlog(): number {
    return this.backlogSize;
  }

  /** Bytes of the replies in the backlog that Redis has not taken yet. */
  get backlogBytes(): number {
    return this.waitingBytes;
  }

  get entries(): Iterable<HeldEntry> {
    return this.held.values();
  }

  holds(id: string): boolean {
    return this.held.has(id);
  }

  /** Records an entry that Redis has given to this consumer; undefined if it is already held. */
  hold(id: string, attempt: number, fields: readonly string[] | null, ownedAt?: number): HeldEntry | undefined {
    if (this.held.has(id)) return undefined;
    const entry = new HeldEntry(this, id, attempt, fields, ownedAt);
    this.held.set(id, entry);
    return entry;
  }

  inPhase(...phases: readonly EntryPhase[]): HeldEntry[] {
    return [...this.held.values()].filter(({ phase }) => phases.includes(phase));
  }

  /** The group exists. */
  joined(): void {
    this.start = '0';
    this.unusableUntil = 0;
    this.met();
  }

  /** This process has just joined the group, or returned to it on a new connection: Redis may have lost groups meanwhile. */
  met(): void {
    this.metAt = performance.now();
  }

  /** Time since `met`. */
  get knownForMs(): number {
    return performance.now() - this.metAt;
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

  /** @internal Called by the entry. */
  forget(entry: HeldEntry): void {
    if (this.held.get(entry.id) === entry) this.held.delete(entry.id);
  }

  /** @internal Called by the entry. */
  phaseChanged(previous: EntryPhase, next: EntryPhase): void {
    this.backlogSize += Number(isBacklog(next)) - Number(isBacklog(previous));
  }

  /** @internal Called by the entry. */
  bytesChanged(by: number): void {
    this.waitingBytes += by;
  }
}
