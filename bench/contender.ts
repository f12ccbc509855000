/** What every transport under comparison has to offer: the same three handlers, and a caller that reaches them. */

export interface Place {
  readonly redisPort: number;
  /** For contenders that bring a server of their own. */
  readonly freePort: number;
}

/** What the handlers do; the same for everybody. */
export interface Work {
  /** Answers a request with what it got. */
  echo(data: unknown): unknown;
  /** Notes that an event was handled. */
  count(): void;
}

export interface Served {
  close(): Promise<void>;
}

export interface Caller {
  /** Resolves with the whole reply. */
  send(data: unknown): Promise<unknown>;
  /** Resolves once the transport calls the event sent. */
  emit(data: unknown): Promise<void>;
  close(): Promise<void>;
}

export interface Contender {
  readonly name: string;
  readonly title: string;
  serve(place: Place, work: Work): Promise<Served>;
  call(place: Place): Promise<Caller>;
}

export const ECHO = 'bench.echo';
export const COUNT = 'bench.count';
