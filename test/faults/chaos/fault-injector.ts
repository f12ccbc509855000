import type { Redis } from 'ioredis';
import { setTimeout as pause } from 'node:timers/promises';
import type { WorkerPool } from './worker-pool.js';
import { deadLettersOf, FLOWS, STREAMS } from './flows.js';
import type { Fault } from './ledger.js';
import type { Injection } from './injection-plan.js';
import { monotonicNow } from './notes.js';
import type { Producer } from './producer.js';
import type { Target } from './target.js';

/** Renames a key away and puts a string in its place. One script: a write in between would create a new stream. */
const TYPE_AWAY = `
if redis.call('EXISTS', KEYS[1]) == 1 then redis.call('RENAME', KEYS[1], KEYS[2]) end
redis.call('SET', KEYS[1], 'no stream')`;
const TYPE_BACK = `
redis.call('DEL', KEYS[1])
if redis.call('EXISTS', KEYS[2]) == 1 then redis.call('RENAME', KEYS[2], KEYS[1]) end`;

type Place = Pick<Fault, 'pids' | 'streams' | 'role'>;

/** Injects faults, and records each with its time and what it hit. */
export class FaultInjector {
  readonly faults: Fault[] = [];

  constructor(
    private readonly target: Target,
    private readonly pool: WorkerPool,
    private readonly producer: Producer,
    private readonly tell: (line: string) => void = () => undefined,
  ) {}

  async inject(injection: Injection): Promise<void> {
    const from = monotonicNow();
    const what = JSON.stringify(injection);
    this.tell(what);
    const before = this.placeOf(injection);
    await this.perform(injection);
    const after = this.placeOf(injection);
    // A worker that started in the meantime was hit as well.
    const pids = before.pids && [...new Set([...before.pids, ...(after.pids ?? [])])];
    const told = pids ? `${what} (pid ${pids.join()})` : what;
    // An outage goes on while the next injections happen.
    const to = injection.kind === 'outage' ? from + injection.ms : monotonicNow();
    this.faults.push({ kind: injection.kind, told, from, to, ...before, ...(pids && { pids }) });
  }

  private placeOf(injection: Injection): Place {
    if ('worker' in injection) return { pids: this.pidsAt(injection.worker) };
    if ('link' in injection) {
      const pids = injection.link === 'producer' ? [process.pid] : this.pidsAt(injection.link);
      return injection.kind === 'stall' ? { pids, role: injection.role } : { pids };
    }
    if (injection.kind === 'stop-master') return { streams: this.hungWith(injection.stream) };
    if (injection.kind === 'retype') return { streams: [injection.stream] };
    if (injection.kind === 'block-dead-letters') return { streams: [FLOWS.poison.stream] };
    return injection.kind === 'outage' ? { streams: [FLOWS.flaky.stream] } : {};
  }

  private pidsAt(place: number): number[] {
    const pid = this.pool.pidAt(place);
    return pid === undefined ? [] : [pid];
  }

  /** The streams on a stopped master, and those whose replies may go there. */
  private hungWith(stream: string): string[] {
    const { target, producer } = this;
    const isHung = (key: string): boolean => target.observerOf(key) === target.observerOf(stream);
    const answered = isHung(producer.replyStream) ? [FLOWS.request.stream] : [];
    return [...new Set([...STREAMS.filter(isHung), ...answered, FLOWS.streamed.stream])];
  }

  private async perform(injection: Injection): Promise<void> {
    if ('worker' in injection) return this.pool.inject(injection);
    if ('link' in injection) return this.target.break(injection);
    switch (injection.kind) {
      case 'restart-redis':
      case 'stop-master':
        return this.target.break(injection);
      case 'kill-clients':
        return this.everywhere((redis) => redis.call('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes'));
      case 'flush-scripts':
        return this.everywhere((redis) => redis.script('FLUSH'));
      case 'flush-all':
        return this.everywhere((redis) => redis.flushall());
      case 'retype':
        return this.retype(injection.stream, `{${injection.stream}}:away`, injection.ms);
      case 'block-dead-letters':
        this.producer.poisonFor(injection.ms);
        return this.retype(deadLettersOf(FLOWS.poison.stream), `{${FLOWS.poison.stream}}:away`, injection.ms);
      case 'outage':
        this.producer.failFor(injection.ms);
    }
  }

  private async everywhere(act: (redis: Redis) => Promise<unknown>): Promise<void> {
    await Promise.all(this.target.observers.map(act));
  }

  private async retype(key: string, aside: string, ms: number): Promise<void> {
    const redis = this.target.observerOf(key);
    await redis.eval(TYPE_AWAY, 2, key, aside);
    await pause(ms);
    await redis.eval(TYPE_BACK, 2, key, aside);
  }
}
