/** What every compared transport has to provide: the same handlers, and a caller that reaches them. */

export interface Place {
  readonly redisPort: number;
  /** For contenders without a broker. */
  readonly freePort: number;
  /** Undefined if no NATS server runs. */
  readonly natsPort: number | undefined;
}

/** How soon another consumer takes over the entries of a dead one. */
interface Takeover {
  readonly leaseMs: number;
  readonly sweepMs: number;
}

/** What a workload requires of a server; the same for all contenders. */
export interface Setup {
  /** Number of request patterns that the server answers; the first of them is `ECHO`. */
  readonly patterns?: number;
  /** The event handlers never end. */
  readonly holds?: boolean;
  /** Default: the contender's own defaults. */
  readonly takeover?: Takeover;
}

/** What the handlers do; the same for all contenders. */
export interface Work {
  readonly patterns: readonly string[];
  /** Answers a request with its own data. */
  echo(data: unknown): unknown;
  /** Counts an event as handled. */
  count(): void | Promise<void>;
  /** Answers a request with `amount` values, one per turn of the event loop. */
  parts(amount: number): AsyncIterable<unknown>;
}

export interface Served {
  close(): Promise<void>;
}

export interface Caller {
  /** Resolves with the whole reply. */
  send(data: unknown, pattern?: string): Promise<unknown>;
  /** Resolves once the transport reports the event as sent. */
  emit(data: unknown): Promise<void>;
  /** Requests a reply of `parts` values; resolves with the number of values received. */
  collect(parts: number): Promise<number>;
  close(): Promise<void>;
}

export interface Contender {
  readonly name: string;
  readonly title: string;
  serve(place: Place, work: Work, setup: Setup): Promise<Served>;
  call(place: Place): Promise<Caller>;
}

export const ECHO = 'bench.echo';
export const COUNT = 'bench.count';
export const PARTS = 'bench.parts';

/** Consumer group of the contenders that use groups; fixed, so that a workload can prepare entries in it. */
export const GROUP = 'bench';

export const echoPattern = (index: number): string => (index === 0 ? ECHO : `${ECHO}.${index}`);
