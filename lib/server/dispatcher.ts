import { UndecodableEntryError } from '../codec/entry.codec.js';
import type { IncomingMessage, RequestAddress } from '../codec/entry.codec.js';
import { RedisStreamContext } from '../context/redis-stream.context.js';
import type { RedisClock } from '../redis/redis-clock.js';
import { entryTime } from '../redis/stream-commands.js';
import type { ConcurrencyGate } from './concurrency-gate.js';
import type { DeadLetterOffice } from './dead-letter-office.js';
import type { Facts } from './facts.js';
import type { HeldEntry } from './group-stream.js';
import type { HandlerSet } from './handler-set.js';
import type { Intake } from './intake.js';
import { Responder } from './responder.js';
import type { ReplyRules } from './responder.js';
import type { RetryQueue } from './retry-queue.js';
import { settlementOf } from './settlement.js';
import type { RunOutcome } from './settlement.js';
import type { Settler } from './settler.js';

/** Before Redis is asked again what it could not say. */
const ASK_AGAIN_MS = 1_000;

/** Wraps a run in Nest's processing hooks: `work` is called once, and calls `end` once. */
export type AroundProcessing = (context: RedisStreamContext, work: (end: () => void) => Promise<void>) => void;

/** Whom the dispatcher asks, and whom it hands things on to. */
export interface DispatchParts {
  readonly intake: Intake;
  readonly handlers: HandlerSet;
  readonly settler: Settler;
  readonly deadLetters: DeadLetterOffice;
  readonly retries: RetryQueue;
  readonly clock: RedisClock;
  readonly facts: Facts;
  readonly around: AroundProcessing;
}

/** Takes an entry from its bytes to its settlement: decode, route, run, settle. */
export class Dispatcher {
  private isStopped = false;

  constructor(
    private readonly parts: DispatchParts,
    private readonly replyRules: ReplyRules,
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
    const error = 'Its consumer died, or lost it, in every attempt';
    this.decode(entry, (message) => {
      if (message.request) this.responderOf(entry, message.request).failed({ status: 'error', message: error });
      this.parts.deadLetters.store(entry, 'abandoned', error);
    });
  }

  /** Nothing is started any more; what runs goes on. */
  stop(): void {
    this.isStopped = true;
  }

  private begin(entry: HeldEntry, over: () => void): void {
    entry.phase = 'running';
    entry.started = true;
    this.decode(
      entry,
      (message) => {
        if (this.isForAnotherGroup(entry, message) || this.isExpired(entry, message)) over();
        else this.execute(entry, message, over);
      },
      over,
    );
  }

  private execute(entry: HeldEntry, message: IncomingMessage, over: () => void): void {
    const context = contextOf(entry, message);
    entry.context = context;
    const responder = message.request && this.responderOf(entry, message.request);
    const work = async (end: () => void): Promise<void> => {
      const value = (produced: unknown): void => responder?.value(produced);
      const outcome = await this.parts.handlers.run(entry.home.route, message.data, context, !!responder, value);
      end();
      this.settle(entry, outcome, responder);
      over();
    };
    try {
      this.parts.around(context, work);
    } catch (error) {
      // A processing hook that throws has kept the handler from running.
      this.settle(entry, { kind: 'failed', error, isRetriable: true }, responder);
      over();
    }
  }

  /** Calls one of both, at once where it can be told at once. */
  private decode(entry: HeldEntry, decoded: (message: IncomingMessage) => void, settled?: () => void): void {
    const { fields } = entry;
    entry.fields = null;
    const failed = (error: unknown): void => {
      this.undecodable(entry, error);
      settled?.();
    };
    if (fields === null) {
      this.parts.facts.tell('entryLost', entry.place);
      this.parts.settler.ack(entry);
      settled?.();
      return;
    }
    const accept = (message: IncomingMessage): void => {
      entry.request = message.request;
      decoded(message);
    };
    let message: IncomingMessage | Promise<IncomingMessage>;
    try {
      message = this.parts.intake.decode(entry, fields);
    } catch (error) {
      failed(error);
      return;
    }
    if (message instanceof Promise) message.then(accept, failed);
    else accept(message);
  }

  private undecodable(entry: HeldEntry, error: unknown): void {
    if (!(error instanceof UndecodableEntryError)) {
      // Redis could not be asked what the bytes are; nothing is known against the entry.
      this.parts.retries.add(entry, ASK_AGAIN_MS);
      return;
    }
    entry.request = error.request;
    if (error.request) this.responderOf(entry, error.request).failed({ status: 'error', message: error.message });
    this.parts.deadLetters.store(entry, 'undecodable', error.message);
  }

  private isForAnotherGroup(entry: HeldEntry, { onlyGroup }: IncomingMessage): boolean {
    if (onlyGroup === undefined || onlyGroup === entry.home.group) return false;
    this.parts.settler.ack(entry);
    return true;
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
    return new Responder(entry.home.stream, request, this.parts.settler, this.replyRules);
  }

  private settle(entry: HeldEntry, outcome: RunOutcome, responder: Responder | undefined): void {
    if (outcome.kind === 'done') responder?.done();
    else responder?.failed(outcome.error);
    if (entry.isLost) {
      entry.home.release(entry);
      return;
    }
    const { settler, retries, deadLetters } = this.parts;
    const verdict = settlementOf(outcome, {
      isRequest: responder !== undefined,
      attempt: entry.attempt,
      settings: entry.home.route.settings,
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
}

function contextOf(entry: HeldEntry, { headers, messageId, request }: IncomingMessage): RedisStreamContext {
  const { stream, group, consumer, route } = entry.home;
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
  });
}
