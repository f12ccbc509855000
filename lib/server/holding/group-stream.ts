import type { MessageHandler } from '@nestjs/microservices';
import type { RequestAddress } from '../../codec/entry.codec.js';
import type { RedisStreamContext } from '../../context/redis-stream.context.js';
import type { EntryAttempt, EntryPlace } from '../../interfaces/events.js';
import type { HandlerSettings } from '../../options/settings.js';
import { deadLetterKey } from '../../topology/keys.js';
import type { Membership } from '../../redis/scripts.js';

/**
 * What this process does with an entry that it owns:
 * `queued` (waits for a slot) → `running` → `settling` (ack or dead letter under way), or → `waiting` (for its next
 * attempt; holds no slot) → `queued` …
 */
export type EntryPhase = 'queued' | 'running' | 'waiting' | 'settling';

/** An entry that this process owns. Nobody else may run it while its lease is renewed. */
export class HeldEntry {
  phase: EntryPhase = 'queued';
  /** Whether a handler has seen it since it was taken. */
  started = false;
  /** Another consumer owns it by now: whatever comes out of the handler does not count. */
  isLost = false;
  context: RedisStreamContext | undefined;
  /** Called when this process has nothing to do with it any more: Redis has its ack, or somebody else has the entry. */
  released: (() => void) | undefined;
  request: RequestAddress | undefined;

  constructor(
    readonly groupStream: GroupStream,
    readonly id: string,
    public attempt: number,
    public fields: readonly string[] | null,
    /** When Redis last confirmed that it is ours, by the monotonic clock of this process. */
    public ownedAt = performance.now(),
  ) {}

  get place(): EntryPlace {
    return { stream: this.groupStream.stream, group: this.groupStream.group, id: this.id };
  }

  get placeAndAttempt(): EntryAttempt {
    return { ...this.place, attempt: this.attempt };
  }
}

/** What runs for an entry of one stream in one group. */
export interface Route {
  readonly pattern: string;
  readonly group: string;
  readonly settings: HandlerSettings;
  /** All of them run for each event; it is settled when the last one is done. */
  readonly eventHandlers: MessageHandler[];
  messageHandler: MessageHandler | undefined;
}

/** A stream as one consumer group of this process sees it, with the entries that this process owns. */
export class GroupStream implements Membership {
  readonly held = new Map<string, HeldEntry>();
  readonly deadLetterStream: string;
  /** Where a group that has to be created starts; `'0'` once this process had it: what came in between counts. */
  startFrom: string;
  /** Redis refused it; left alone until then (monotonic clock). */
  unusableUntil = 0;
  settledSinceTrim = 0;
  /** The last trim failed, or left what it should not have: the next turn of housekeeping looks again. */
  isOverlong = false;

  constructor(
    readonly stream: string,
    readonly consumer: string,
    readonly route: Route,
  ) {
    this.deadLetterStream = deadLetterKey(stream);
    this.startFrom = route.settings.startFrom;
  }

  get group(): string {
    return this.route.group;
  }

  get isUsable(): boolean {
    return this.unusableUntil <= performance.now();
  }

  /** Forgets an entry, unless it was taken anew in the meantime. */
  release(entry: HeldEntry): void {
    if (this.held.get(entry.id) === entry) this.held.delete(entry.id);
    entry.released?.();
  }
}
