import type { Deserializer } from '@nestjs/microservices';
import { UndecodableEntryError, decodeMessage } from '../codec/entry.codec.js';
import type { IncomingMessage, RequestAddress } from '../codec/entry.codec.js';
import { NO_MESSAGE_HANDLER } from '../constants.js';
import { RedisStreamContext } from '../context/redis-stream.context.js';
import { isUnrecoverable } from '../errors/unrecoverable.error.js';
import type { RedisClock } from '../redis/redis-clock.js';
import { entryTime } from '../redis/stream-commands.js';
import { DeadlineWheel } from '../timing/deadline-wheel.js';
import type { Deadline } from '../timing/deadline-wheel.js';
import type { ConcurrencyGate } from './concurrency-gate.js';
import type { DeadLetterOffice } from './dead-letter-office.js';
import type { Facts } from './facts.js';
import type { HeldEntry } from './group-stream.js';
import { HandlerRun } from './handler-run.js';
import { Responder } from './responder.js';
import type { ReplyRules } from './responder.js';
import type { RetryQueue } from './retry-queue.js';
import { settlementOf } from './settlement.js';
import type { RunOutcome } from './settlement.js';
import type { Settler } from './settler.js';

/** Wraps a run in Nest's processing hooks: `work` is called once, and calls `end` once. */
export type AroundProcessing = (context: RedisStreamContext, work: (end: () => void) => Promise<void>) => void;

export interface DispatchRules extends ReplyRules {
  readonly deserializer: Deserializer | undefined;
  readonly isRetriable: (error: unknown) => boolean;
}

/** Where the dispatcher hands things on to. */
export interface DispatchParts {
  readonly settler: Settler;
  readonly deadLetters: DeadLetterOffice;
  readonly retries: RetryQueue;
  readonly clock: RedisClock;
  readonly facts: Facts;
  readonly around: AroundProcessing;
}

const DONE: RunOutcome = { kind: 'done' };

/** Takes an entry from its bytes to its settlement: decode, route, run, settle. */
export class Dispatcher {
  private isStopped = false;
  private readonly overdue = new DeadlineWheel<() => void>((expire) => expire());

  constructor(
    private readonly parts: DispatchParts,
    private readonly rules: DispatchRules,
  ) {}

  /** Runs an entry that this process owns, once it has a slot. Resolves when the run is over. */
  run(entry: HeldEntry, gate: ConcurrencyGate): Promise<void> {
    entry.phase = 'queued';
    return new Promise((resolve) => {
      gate.enter(() => {
        const over = (): void => {
          gate.leave();
          resolve();
        };
        if (this.isStopped || entry.isLost) over();
        else this.begin(entry, over);
      });
    });
  }

  /** Gives up an entry whose consumers died as often as it may be tried. */
  abandon(entry: HeldEntry): void {
    const message = this.decode(entry);
    if (!message) return;
    const error = 'Its consumer died, or lost it, in every attempt';
    if (message.request) this.responderOf(entry, message.request).failed({ status: 'error', message: error });
    this.parts.deadLetters.store(entry, 'abandoned', error);
  }

  /** Nothing is started any more; what runs goes on. */
  stop(): void {
    this.isStopped = true;
  }

  close(): void {
    this.overdue.clear();
  }

  private begin(entry: HeldEntry, over: () => void): void {
    entry.phase = 'running';
    entry.started = true;
    const message = this.decode(entry);
    if (!message || this.isExpired(entry, message)) return over();
    const context = this.contextOf(entry, message);
    entry.context = context;
    const responder = message.request && this.responderOf(entry, message.request);
    let isOver = false;
    const conclude = (outcome: RunOutcome): void => {
      if (isOver) return;
      isOver = true;
      this.settle(entry, outcome, responder);
      over();
    };
    try {
      this.parts.around(context, (end) =>
        this.runHandlers(entry, message, responder, (outcome) => {
          end();
          conclude(outcome);
        }),
      );
    } catch (error) {
      conclude(this.failure(error));
    }
  }

  private decode(entry: HeldEntry): IncomingMessage | undefined {
    const { fields } = entry;
    entry.fields = null;
    if (fields === null) {
      this.parts.facts.tell('entryLost', entry.place);
      this.parts.settler.ack(entry);
      return undefined;
    }
    try {
      const message = decodeMessage(fields, this.rules.maxPayloadBytes, this.rules.deserializer !== undefined);
      entry.request = message.request;
      return message;
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      const request = error instanceof UndecodableEntryError ? error.request : undefined;
      entry.request = request;
      if (request) this.responderOf(entry, request).failed({ status: 'error', message: reason });
      this.parts.deadLetters.store(entry, 'undecodable', reason);
      return undefined;
    }
  }

  /** Counted on the clock of Redis alone, so that two hosts need not agree on the time. */
  private isExpired(entry: HeldEntry, { request }: IncomingMessage): boolean {
    if (!request || request.ttl === 0) return false;
    if (entryTime(entry.id) + request.ttl > this.parts.clock.now()) return false;
    this.parts.facts.tell('requestExpired', entry.place);
    this.parts.settler.ack(entry);
    return true;
  }

  private responderOf(entry: HeldEntry, request: RequestAddress): Responder {
    return new Responder(entry.home.stream, request, this.parts.settler, this.rules);
  }

  private contextOf(entry: HeldEntry, message: IncomingMessage): RedisStreamContext {
    const { stream, group, consumer, route } = entry.home;
    const { headers, messageId } = message;
    return new RedisStreamContext({
      stream,
      pattern: route.pattern,
      id: entry.id,
      group,
      consumer,
      attempt: entry.attempt,
      headers,
      messageId,
    });
  }

  private async runHandlers(
    entry: HeldEntry,
    message: IncomingMessage,
    responder: Responder | undefined,
    over: (outcome: RunOutcome) => void,
  ): Promise<void> {
    const { eventHandlers, messageHandler } = entry.home.route;
    // As in Nest's own transports, a request finds an event handler where there is no other, and the reverse.
    const handlers = message.request
      ? [messageHandler ?? eventHandlers[0]]
      : eventHandlers.length > 0
        ? eventHandlers
        : [messageHandler];
    if (!handlers[0]) {
      over({ kind: 'failed', error: NO_MESSAGE_HANDLER, isRetriable: false });
      return;
    }
    const data = this.deserialize(entry, message);
    await new Promise<void>((resolve) => {
      const runs: HandlerRun[] = [];
      let open = handlers.length;
      let failure: RunOutcome | undefined;
      let deadline: Deadline | undefined;
      const finish = (outcome: RunOutcome): void => {
        deadline?.cancel();
        over(outcome);
        resolve();
      };
      const ended = (outcome: RunOutcome): void => {
        if (outcome.kind === 'failed') failure ??= outcome;
        if (--open === 0) finish(failure ?? DONE);
      };
      deadline = this.startDeadline(entry, () => {
        for (const run of runs) run.abandon();
        finish(this.handlerTimedOut(entry));
      });
      for (const handler of handlers) {
        if (!handler) continue;
        const run = new HandlerRun({
          value: (value) => responder?.value(value),
          done: () => ended(DONE),
          failed: (error) => ended(this.failure(error)),
        });
        runs.push(run);
        run.start(handler, data, entry.context as RedisStreamContext);
      }
    });
  }

  private deserialize(entry: HeldEntry, message: IncomingMessage): unknown {
    const { deserializer } = this.rules;
    if (!deserializer) return message.data;
    const { stream, route } = entry.home;
    const packet = {
      pattern: route.pattern,
      data: message.data,
      metadata: message.headers,
      ...(message.request && { id: message.request.id }),
    };
    return (deserializer.deserialize(packet, { channel: stream }) as { data: unknown }).data;
  }

  private startDeadline(entry: HeldEntry, expire: () => void): Deadline | undefined {
    const { handlerTimeoutMs } = entry.home.route.settings;
    return handlerTimeoutMs > 0 ? this.overdue.add(expire, handlerTimeoutMs) : undefined;
  }

  private handlerTimedOut(entry: HeldEntry): RunOutcome {
    const { handlerTimeoutMs } = entry.home.route.settings;
    const message = `The handler did not settle within \`handlerTimeout\` (${handlerTimeoutMs} ms)`;
    entry.context?.abort(new Error(message));
    return { kind: 'failed', error: { status: 'error', message }, isRetriable: true };
  }

  private failure(error: unknown): RunOutcome {
    return { kind: 'failed', error, isRetriable: !isUnrecoverable(error) && this.isRetriable(error) };
  }

  private isRetriable(error: unknown): boolean {
    try {
      return this.rules.isRetriable(error);
    } catch {
      return true;
    }
  }

  private settle(entry: HeldEntry, outcome: RunOutcome, responder: Responder | undefined): void {
    if (outcome.kind === 'done') responder?.done();
    else responder?.failed(outcome.error);
    if (entry.isLost) return;
    const { settler, retries, deadLetters } = this.parts;
    const verdict = settlementOf(outcome, responder !== undefined, entry.attempt, entry.home.route.settings);
    switch (verdict.kind) {
      case 'ack':
        settler.ack(entry);
        return;
      case 'retry':
        retries.add(entry, verdict.delayMs);
        return;
      case 'dead-letter':
        deadLetters.store(entry, verdict.reason, outcome.kind === 'failed' ? describeError(outcome.error) : '');
    }
  }
}

/** One line about what a handler threw, for the dead letter. */
export function describeError(error: unknown): string {
  if (typeof error === 'string') return error.slice(0, 1_000);
  if (typeof error === 'object' && error !== null) {
    const { message } = error as { message?: unknown };
    if (typeof message === 'string') return message.slice(0, 1_000);
  }
  return 'unknown';
}
