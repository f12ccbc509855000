import type { IncomingMessage } from '../../codec/entry.codec.js';
import { RedisStreamContext } from '../../context/redis-stream.context.js';
import type { RedisClock } from '../../redis/redis-clock.js';
import { entryTime } from '../../redis/stream-commands.js';
import type { ConcurrencyGate, SlotTaker } from './concurrency-gate.js';
import type { DecodeSink, DecoderParts, EntryDecoder } from './entry-decoder.js';
import type { HeldEntry } from '../holding/group-stream.js';
import type { HandlerSet, MessageSink } from './handler-set.js';
import type { Responder } from '../settling/responder.js';
import { settlementOf } from '../settling/settlement.js';
import type { RunOutcome } from '../settling/settlement.js';

/** What Nest's processing hooks are put around. */
export interface ProcessedRun {
  /** Starts the handler. Resolves when the run is over. */
  work(): Promise<void>;
  /** The hook threw, before or after it started the handler. */
  hookFailed(error: unknown): void;
}

export interface ProcessingHooks {
  started(context: RedisStreamContext, run: ProcessedRun): void;
  ended(context: RedisStreamContext): void;
}

/** Whom a run asks, and whom it hands things on to. */
export interface RunParts extends Omit<DecoderParts, 'intake'> {
  readonly decoder: EntryDecoder;
  readonly handlers: HandlerSet;
  readonly clock: RedisClock;
  readonly hooks: ProcessingHooks;
  readonly isStopped: () => boolean;
}

/**
 * One run of an entry, from its slot to its settlement: decode, run, settle. One object per run, which is told what
 * happens, rather than functions made for each: with quick handlers those are most of the work.
 */
export class EntryRun implements SlotTaker, DecodeSink, ProcessedRun, MessageSink {
  private message: IncomingMessage | undefined;
  private responder: Responder | undefined;
  private working: Promise<void> | undefined;
  private finish: (() => void) | undefined;

  constructor(
    private readonly parts: RunParts,
    private readonly entry: HeldEntry,
    private readonly gate: ConcurrencyGate,
    private readonly over: (() => void) | undefined,
  ) {}

  start(): void {
    const { entry } = this;
    if (this.parts.isStopped() || entry.isLost) {
      this.leave();
      return;
    }
    entry.phase = 'running';
    entry.started = true;
    this.parts.decoder.decode(entry, this);
  }

  unusable(): void {
    this.leave();
  }

  decoded(message: IncomingMessage): void {
    if (this.isForAnotherGroup(message) || this.isExpired(message)) this.leave();
    else this.execute(message);
  }

  work(): Promise<void> {
    return (this.working ??= new Promise((resolve) => {
      this.finish = resolve;
      this.handle();
    }));
  }

  hookFailed(error: unknown): void {
    // Unless it has kept the handler from running, what the handler comes to is what counts.
    if (!this.working) this.settle({ kind: 'failed', error, isRetriable: true });
  }

  value(value: unknown): void {
    this.responder?.value(value);
  }

  ended(outcome: RunOutcome): void {
    if (this.entry.context) this.parts.hooks.ended(this.entry.context);
    this.settle(outcome);
    this.finish?.();
  }

  private execute(message: IncomingMessage): void {
    const { entry, parts } = this;
    this.message = message;
    this.responder = message.request && parts.decoder.responderOf(entry, message.request);
    entry.context = contextOf(entry, message);
    parts.hooks.started(entry.context, this);
  }

  private handle(): void {
    const { context, groupStream } = this.entry;
    if (context)
      this.parts.handlers.run(groupStream.route, this.message?.data, context, this.responder !== undefined, this);
  }

  private isForAnotherGroup({ onlyGroup }: IncomingMessage): boolean {
    if (onlyGroup === undefined || onlyGroup === this.entry.groupStream.group) return false;
    this.parts.settler.ack(this.entry);
    return true;
  }

  /** Counted on the clock of Redis alone, so that two hosts need not agree on the time. */
  private isExpired({ request }: IncomingMessage): boolean {
    const { entry, parts } = this;
    if (!request || request.ttl === 0) return false;
    if (entryTime(entry.id) + request.ttl > parts.clock.now()) return false;
    parts.events.emit('requestExpired', entry.place);
    parts.settler.ack(entry);
    return true;
  }

  private settle(outcome: RunOutcome): void {
    if (outcome.kind === 'done') this.responder?.done();
    else this.responder?.failed(outcome.error);
    this.settleEntry(outcome);
    this.leave();
  }

  private settleEntry(outcome: RunOutcome): void {
    const { entry } = this;
    if (entry.isLost) {
      entry.groupStream.release(entry);
      return;
    }
    const { settler, retries, deadLetters } = this.parts;
    const verdict = settlementOf(outcome, {
      isRequest: this.responder !== undefined,
      attempt: entry.attempt,
      settings: entry.groupStream.route.settings,
      wish: entry.context?.wish,
    });
    switch (verdict.kind) {
      case 'ack':
        settler.ack(entry);
        return;
      case 'retry':
        retries.add(entry, verdict.delayMs);
        return;
      case 'dead-letter':
        deadLetters.store(entry, verdict.reason, verdict.error);
    }
  }

  private leave(): void {
    this.gate.leave();
    this.over?.();
  }
}

function contextOf(entry: HeldEntry, message: IncomingMessage): RedisStreamContext {
  const { headers, messageId, request, otherFields } = message;
  const { stream, group, consumer, route } = entry.groupStream;
  const { id, attempt } = entry;
  const isRequest = request !== undefined;
  return new RedisStreamContext({
    stream,
    pattern: route.pattern,
    id,
    group,
    consumer,
    attempt,
    headers,
    messageId,
    isRequest,
    otherFields,
  });
}
