import { Controller } from '@nestjs/common';
import type { Type } from '@nestjs/common';
import { Ctx, EventPattern, MessagePattern, Payload } from '@nestjs/microservices';
import { RedisStreamContext } from 'nestjs-redis-stream-transport';
import { eventually } from './eventually.js';

/** The record of one run of a handler. */
export interface Run {
  readonly name: string;
  readonly id: string;
  readonly attempt: number;
  readonly startedAt: number;
  endedAt?: number;
  aborted: boolean;
}

/** The body of a handler: the test decides what it returns or throws, and whether it settles. */
export type Act = (name: string, ctx: RedisStreamContext) => unknown;

/** A service with one event and one request handler, and a record of every run of both. */
export interface RecordedService {
  readonly handlers: Type[];
  readonly runs: Run[];
  /** The runs of one payload. */
  of(name: string): Run[];
  /** The names of all runs, in order; a name appears once for each run. */
  names(): string[];
  untilRun(count: number, within?: number): Promise<void>;
}

const QUIETLY: Act = () => undefined;

export const SERVICE_PATTERNS = { event: 'job', request: 'job.ask' };
/** The patterns of the worker processes, for a recorded service that is another instance of their service. */
export const WORKER_PATTERNS = { event: 'work', request: 'work.request' };

/** @param act what both handlers do; by default they just complete */
export function recordedService(act: Act = QUIETLY, patterns = SERVICE_PATTERNS): RecordedService {
  const runs: Run[] = [];

  function perform(payload: unknown, ctx: RedisStreamContext): unknown {
    const name = nameOf(payload);
    const entry = { name, id: ctx.getMessageId(), attempt: ctx.getAttempt() };
    const run: Run = { ...entry, startedAt: performance.now(), aborted: false };
    runs.push(run);
    ctx.signal.addEventListener('abort', () => (run.aborted = true));
    const over = (): void => {
      run.endedAt = performance.now();
    };
    let result: unknown;
    try {
      result = act(name, ctx);
    } catch (error) {
      over();
      throw error;
    }
    if (isThenable(result)) result.then(over, over);
    else over();
    return result;
  }

  @Controller()
  class RecordedController {
    @EventPattern<string>(patterns.event)
    job(@Payload() payload: unknown, @Ctx() ctx: RedisStreamContext): unknown {
      return perform(payload, ctx);
    }

    @MessagePattern(patterns.request)
    ask(@Payload() payload: unknown, @Ctx() ctx: RedisStreamContext): unknown {
      return perform(payload, ctx);
    }
  }

  return {
    handlers: [RecordedController],
    runs,
    of: (name) => runs.filter((run) => run.name === name),
    names: () => runs.map(({ name }) => name),
    untilRun: (count, within = 8_000) =>
      eventually(() => expect(runs.length).toBeGreaterThanOrEqual(count), { within }),
  };
}

/** Promises of Node's own modules come from another realm than those of a test, so `instanceof` fails. */
const isThenable = (value: unknown): value is PromiseLike<unknown> =>
  typeof value === 'object' && value !== null && 'then' in value;

/** Workers get tasks with a name, recorded services only the name. */
function nameOf(payload: unknown): string {
  const isTask = typeof payload === 'object' && payload !== null && 'name' in payload;
  return String(isTask ? payload.name : payload);
}

/** Runs of one entry that overlapped in one process (invariant I4). */
export function overlaps(runs: readonly Run[]): string[] {
  const inOrder = runs.toSorted((a, b) => a.startedAt - b.startedAt);
  return inOrder
    .filter((run, at) =>
      inOrder.slice(0, at).some((earlier) => earlier.id === run.id && (earlier.endedAt ?? Infinity) > run.startedAt),
    )
    .map(({ id, attempt }) => `${id} attempt ${attempt}`);
}
