import type { MessageHandler } from '@nestjs/microservices';
import type { IncomingMessage } from '../../codec/entry.codec.js';
import { NO_MESSAGE_HANDLER } from '../../constants.js';
import { RedisStreamContext } from '../../context/redis-stream.context.js';
import type { RedisClock } from '../../redis/redis-clock.js';
import { entryTime } from '../../redis/stream-commands.js';
import type { Route } from '../holding/group-stream.js';
import type { ActiveRun, HeldEntry } from '../holding/held-entry.js';
import type { Responder } from '../settling/responder.js';
import { settlementOf } from '../settling/settlement.js';
import type { RunOutcome } from '../settling/settlement.js';
import type { ConcurrencyGate, SlotTaker } from './concurrency-gate.js';
import type { DecodeSink, DecoderParts, EntryDecoder } from './entry-decoder.js';
import { HandlerRun } from './handler-run.js';
import type { HandlerRules, HandlerSink } from './handler-run.js';

/** A run that Nest's processing hooks wrap. */
interface ProcessedRun {
  /** Starts the handler. Resolves when the run is over. */
  work(): Promise<void>;
  /** The hook threw, before or after it started the handler. */
  hookFailed(error: unknown): void;
}

export interface ProcessingHooks {
  started(context: RedisStreamContext, run: ProcessedRun): void;
  ended(context: RedisStreamContext): void;
}

/** The collaborators of a run. */
export interface RunParts extends Omit<DecoderParts, 'client'> {
  readonly decoder: EntryDecoder;
  readonly handlers: HandlerRules;
  readonly clock: RedisClock;
  readonly hooks: ProcessingHooks;
  readonly isStopped: () => boolean;
}

/**
 * One run of an entry, from its slot to its settlement: decode, run, settle. One object implements all callbacks of the
 * run: with quick handlers, creating closures would be most of the work.
 */
export class EntryRun implements SlotTaker, DecodeSink, ProcessedRun, HandlerSink, ActiveRun {
  private message: IncomingMessage | undefined;
  private responder: Responder | undefined;
  private context: RedisStreamContext | undefined;
  private handlerRun: HandlerRun | undefined;
  private working: Promise<void> | undefined;
  private finish: (() => void) | undefined;
  /** The slot is free again; whatever comes later is ignored. */
  private isOver = false;
  /** The entry was lost during this run, and is held until the handler has finished. */
  private holdsLost = false;

  constructor(
    private readonly parts: RunParts,
    private readonly entry: HeldEntry,
    private readonly gate: ConcurrencyGate,
    private readonly over: (() => void) | undefined,
  ) {}

  start(): void {
    const { entry } = this;
    if (this.parts.isStopped() || !entry.isOurs) {
      this.leave();
      return;
    }
    entry.run(this);
    this.parts.decoder.decode(entry, this);
  }

  unusable(): void {
    this.leave();
  }

  decoded(message: IncomingMessage): void {
    if (this.isOver) return;
    this.message = message;
    if (this.isForAnotherGroup(message) || this.isExpired(message)) this.leave();
    else if (!message.request) this.execute(false);
    else if (this.entry.groupStream.route.messageHandler) this.execute(true);
    else this.executeForEvents();
  }

  work(): Promise<void> {
    return (this.working ??= new Promise((resolve) => {
      this.finish = resolve;
      this.handle();
    }));
  }

  hookFailed(error: unknown): void {
    // Once the handler has started, its own outcome counts.
    if (!this.working && !this.isOver) this.settle({ kind: 'failed', error, isRetriable: true });
  }

  value(value: unknown): void {
    if (this.isOver || !this.responder || this.responder.value(value)) return;
    // The reply has failed, and the caller gets the error: what the handler still produces is ignored.
    this.handlerRun?.abandon();
    this.context?.abort(new Error('The reply has failed'));
    this.ended({ kind: 'done' });
  }

  ended(outcome: RunOutcome): void {
    if (this.isOver) return;
    if (this.context) this.parts.hooks.ended(this.context);
    this.settle(outcome);
    this.finish?.();
  }

  quiet(): void {
    // Not after a run that timed out: the entry may be held for a later run.
    if (this.holdsLost) this.entry.release();
  }

  cancel(reason: Error): void {
    if (this.isOver) return;
    this.end(reason);
    if (this.entry.isOurs) this.parts.settler.ack(this.entry);
  }

  /** The entry was lost: the outcome of the handler does not count. */
  abandon(reason: Error): boolean {
    if (this.isOver || this.end(reason)) return true;
    this.holdsLost = true;
    return false;
  }

  abort(reason: Error): void {
    this.context?.abort(reason);
  }

  /** @returns whether nothing of the handler is still running. A promise may be, without a slot. */
  private end(reason: Error): boolean {
    this.context?.abort(reason);
    const isQuiet = this.handlerRun?.abandon() ?? true;
    this.responder?.drop();
    if (this.context) this.parts.hooks.ended(this.context);
    this.leave();
    this.finish?.();
    return isQuiet;
  }

  /** Event handlers answer a request as in Nest's own transports, but never in place of another group. */
  private executeForEvents(): void {
    void this.parts.isOnlyGroup(this.entry.groupStream).then((isOnly) => {
      if (this.isOver) return;
      // For this group the request is an event: neither answered nor deleted.
      if (!isOnly) this.entry.request = undefined;
      this.execute(isOnly);
    });
  }

  private execute(answers: boolean): void {
    const { entry, parts, message } = this;
    if (!message) return;
    if (answers && message.request) this.responder = parts.responders.of(entry, message.request, this);
    this.context = contextOf(entry, message, answers);
    parts.hooks.started(this.context, this);
  }

  private handle(): void {
    const { context, message, parts } = this;
    if (this.isOver || !context) {
      this.finish?.();
      return;
    }
    const { route } = this.entry.groupStream;
    const handlers = handlersFor(route, this.responder !== undefined);
    if (handlers.length === 0) {
      this.ended({ kind: 'failed', error: NO_MESSAGE_HANDLER, isRetriable: false });
      return;
    }
    this.handlerRun = new HandlerRun(parts.handlers, context, this);
    this.handlerRun.start(handlers, message?.data, route.settings.handlerTimeoutMs);
  }

  private isForAnotherGroup({ onlyGroup }: IncomingMessage): boolean {
    if (onlyGroup === undefined || onlyGroup === this.entry.groupStream.group) return false;
    // The group it is meant for may not have read it yet, so the ack must not delete it.
    this.entry.request = undefined;
    this.parts.settler.ack(this.entry);
    return true;
  }

  /** By the clock of Redis alone, so that two hosts need not agree on the time. */
  private isExpired({ request }: IncomingMessage): boolean {
    const { entry, parts } = this;
    if (!request || request.ttl === 0) return false;
    if (entryTime(entry.id) + request.ttl > parts.clock.now()) return false;
    parts.events.emit('requestExpired', entry.place);
    parts.settler.ack(entry);
    return true;
  }

  private settle(outcome: RunOutcome): void {
    const { responder, entry } = this;
    if (!responder) this.settleEvent(outcome);
    else {
      if (outcome.kind === 'done') responder.done();
      else responder.failed(outcome.error);
      responder.settle(entry);
    }
    this.leave();
  }

  private settleEvent(outcome: RunOutcome): void {
    const { entry } = this;
    const { settler, retries, deadLetters } = this.parts;
    const verdict = settlementOf(outcome, {
      attempt: entry.attempt,
      settings: entry.groupStream.route.settings,
      wish: this.context?.wish,
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
    if (this.isOver) return;
    this.isOver = true;
    this.gate.leave();
    this.over?.();
  }
}

/** As in Nest's own transports, a request falls back to an event handler, and an event to a message handler. */
function handlersFor({ eventHandlers, messageHandler }: Route, isRequest: boolean): readonly MessageHandler[] {
  if (!isRequest && eventHandlers.length > 0) return eventHandlers;
  if (messageHandler) return [messageHandler];
  return eventHandlers.slice(0, 1);
}

function contextOf(entry: HeldEntry, message: IncomingMessage, isRequest: boolean): RedisStreamContext {
  const { stream, group, consumer, route } = entry.groupStream;
  const { id, attempt } = entry;
  const { headers, messageId, otherFields } = message;
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
