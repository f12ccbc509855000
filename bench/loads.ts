import { echoPattern, type Caller } from './contender.js';
import { wallClock, type Figures } from './figures.js';
import { distinct, PAYLOAD, payloadOf } from './payload.js';
import { quantile } from './statistics.js';

const EVENTS_IN_FLIGHT = 256;

/** A load ends after a time or after a number of messages. */
type Extent = { readonly seconds: number } | { readonly count: number };

/** What a client process has to send. */
export type Load =
  /** Requests that go to `patterns` patterns in turn. */
  | { kind: 'requests'; inFlight: number; extent: Extent; bytes: number; patterns: number }
  | { kind: 'events'; count: number }
  /** Requests for streamed replies of `parts` values each. */
  | { kind: 'streams'; inFlight: number; extent: Extent; parts: number };

type Of<K extends Load['kind']> = Extract<Load, { kind: K }>;

export function drive(caller: Caller, load: Load): Promise<Figures> {
  switch (load.kind) {
    case 'requests':
      return sendRequests(caller, load);
    case 'events':
      return emitEvents(caller, load);
    case 'streams':
      return collectStreams(caller, load);
  }
}

/** Times each request. */
async function sendRequests(caller: Caller, { inFlight, extent, bytes, patterns }: Of<'requests'>): Promise<Figures> {
  const latencies: number[] = [];
  const payload = payloadOf(bytes);
  const names = Array.from({ length: patterns }, (_, index) => echoPattern(index));
  let next = 0;
  const started = performance.now();
  await keepInFlight(inFlight, extent, async () => {
    const sent = performance.now();
    await caller.send(distinct(payload, next), names[next++ % patterns]);
    latencies.push(performance.now() - sent);
  });
  const seconds = (performance.now() - started) / 1_000;
  const messages = latencies.length;
  return { messages, rate: messages / seconds, p50: quantile(latencies, 0.5), p99: quantile(latencies, 0.99) };
}

/** The start and the end by the wall clock: the events are handled in another process. */
async function emitEvents(caller: Caller, { count }: Of<'events'>): Promise<Figures> {
  const startedAt = wallClock();
  await keepInFlight(EVENTS_IN_FLIGHT, { count }, () => caller.emit(PAYLOAD));
  return { startedAt, emittedAt: wallClock() };
}

/** Counts the values that arrive. */
async function collectStreams(caller: Caller, { inFlight, extent, parts }: Of<'streams'>): Promise<Figures> {
  let messages = 0;
  const started = performance.now();
  await keepInFlight(inFlight, extent, async () => {
    const came = await caller.collect(parts);
    if (came !== parts) throw new Error(`Expected a reply of ${parts} values, got ${came}`);
    messages += came;
  });
  return { messages, rate: (messages / (performance.now() - started)) * 1_000 };
}

async function keepInFlight(lanes: number, extent: Extent, call: () => Promise<unknown>): Promise<void> {
  const hasMore = moreWithin(extent);
  const lane = async (): Promise<void> => {
    while (hasMore()) await call();
  };
  await Promise.all(Array.from({ length: lanes }, lane));
}

/** A function that tells whether there is more to do. Each call counts as one message. */
function moreWithin(extent: Extent): () => boolean {
  if ('count' in extent) {
    let left = extent.count;
    return () => left-- > 0;
  }
  const end = performance.now() + extent.seconds * 1_000;
  return () => performance.now() < end;
}
