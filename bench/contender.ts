/** What every transport under comparison has to offer: the same handlers, and a caller that reaches them. */

export interface Place {
  readonly redisPort: number;
  /** For contenders without a broker. */
  readonly freePort: number;
  /** Undefined where no NATS server runs. */
  readonly natsPort: number | undefined;
}

/** How soon the entries of a dead consumer go to another one. */
export interface Takeover {
  readonly leaseMs: number;
  readonly sweepMs: number;
}

/** What a workload asks of a server; the same for everybody. */
export interface Setup {
  /** Request patterns that it answers; the first of them is `ECHO`. */
  readonly patterns?: number;
  /** Its event handlers never end. */
  readonly holds?: boolean;
  /** Default: the contender's own defaults. */
  readonly takeover?: Takeover;
}

/** What the handlers do; the same for everybody. */
export interface Work {
  readonly patterns: readonly string[];
  /** Answers a request with what it got. */
  echo(data: unknown): unknown;
  /** Notes that an event was handled. */
  count(): void | Promise<void>;
  /** Answers a request with so many values, one in each turn of the event loop. */
  parts(amount: number): AsyncIterable<unknown>;
}

export interface Served {
  close(): Promise<void>;
}

export interface Caller {
  /** Resolves with the whole reply. */
  send(data: unknown, pattern?: string): Promise<unknown>;
  /** Resolves once the transport calls the event sent. */
  emit(data: unknown): Promise<void>;
  /** Asks for a reply of so many values; resolves with how many came. */
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

/** The group of those who have groups, so that a workload can put entries into it. */
export const GROUP = 'bench';

export const echoPattern = (index: number): string => (index === 0 ? ECHO : `${ECHO}.${index}`);
