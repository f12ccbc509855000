import type { ServerEvents } from '../../../../lib/interfaces/events.js';
import { Connection } from '../../../../lib/redis/connection.js';
import { RedisClock } from '../../../../lib/redis/redis-clock.js';
import { ServerEventEmitter } from '../../../../lib/server/holding/server-events.js';
import { EntryDecoder } from '../../../../lib/server/running/entry-decoder.js';
import type { DecoderRules } from '../../../../lib/server/running/entry-decoder.js';
import type { RunParts } from '../../../../lib/server/running/entry-run.js';
import { DeadLetterStore } from '../../../../lib/server/settling/dead-letter-store.js';
import { Responders } from '../../../../lib/server/settling/responder.js';
import { RetryQueue } from '../../../../lib/server/settling/retry-queue.js';
import { Settler } from '../../../../lib/server/settling/settler.js';
import { ThrottledLog } from '../../../../lib/server/throttled-log.js';
import { DeadlineWheel } from '../../../../lib/timing/deadline-wheel.js';
import { serverSettings } from './entries.js';

const LEASE_MS = 30_000;
/** A port that no server listens on. */
const NO_SERVER = 1;
const EVENTS = ['retried', 'deadLettered', 'entryLost', 'leaseLost', 'requestExpired', 'replyDropped'] as const;

export type EventRecord = { [Name in keyof ServerEvents]: [name: Name, event: ServerEvents[Name]] }[keyof ServerEvents];

/** A connection as the server makes it. Without a port it is never ready, and sends nothing. */
export const writerTo = (port?: number): Connection =>
  new Connection('writer', { host: '127.0.0.1', port: port ?? NO_SERVER }, 100, {
    statusChanged: () => undefined,
    failed: () => undefined,
  });

/** The parts that runs need, wired as in a server: everything between a slot and Redis is real. */
export class ServerParts {
  readonly emitted: EventRecord[] = [];
  readonly failures: unknown[] = [];
  readonly run: RunParts;
  readonly settler: Settler;

  private readonly deadLetters: DeadLetterStore;
  private readonly retries: RetryQueue;

  constructor(
    readonly writer: Connection,
    { decoding, ...overrides }: Partial<RunParts> & { readonly decoding?: Partial<DecoderRules> } = {},
  ) {
    const events = new ServerEventEmitter((error) => void this.failures.push(error));
    for (const name of EVENTS) events.on(name, (event) => void this.emitted.push([name, event] as EventRecord));
    const log = new ThrottledLog(() => undefined);
    this.settler = new Settler({ writer, leaseMs: LEASE_MS, events, log });
    this.deadLetters = new DeadLetterStore({ writer, events, log });
    this.retries = new RetryQueue(writer, events);
    const { settler, deadLetters, retries } = this;
    const responders = new Responders(settler, serverSettings);
    const isOnlyGroup = overrides.isOnlyGroup ?? ((): Promise<boolean> => Promise.resolve(true));
    const shared = { settler, deadLetters, retries, events, responders, isOnlyGroup };
    this.run = {
      ...shared,
      decoder: new EntryDecoder(
        { ...shared, client: writer.client },
        { maxPayloadBytes: serverSettings.maxPayloadBytes, deserializer: undefined, ...decoding },
      ),
      handlers: {
        isRetriable: () => true,
        deadlines: new DeadlineWheel((expire) => expire()),
        teardownFailed: (error) => void this.failures.push(error),
      },
      clock: new RedisClock(),
      hooks: { started: (_context, run) => void run.work(), ended: () => undefined },
      isStopped: () => false,
      ...overrides,
    };
  }

  close(): void {
    void this.retries.close();
    this.settler.close();
    this.deadLetters.close();
    void this.writer.close();
  }
}
