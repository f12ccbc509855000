import { jest } from '@jest/globals';
import { Periodic } from '../../../lib/timing/periodic.js';
import type { PeriodicRules } from '../../../lib/timing/periodic.js';
import { deferred } from '../../support/deferred.js';
import type { Deferred } from '../../support/deferred.js';

/** Tasks that the test completes by hand. */
class Tasks {
  readonly begun: string[] = [];
  private readonly open = new Map<string, Deferred>();

  readonly task = (target: string): Promise<void> => {
    this.begun.push(target);
    const run = deferred();
    this.open.set(target, run);
    return run.promise;
  };

  async end(target: string, error?: Error): Promise<void> {
    if (error) this.open.get(target)?.reject(error);
    else this.open.get(target)?.resolve();
    await jest.advanceTimersByTimeAsync(0);
  }

  /** The targets whose tasks began since the last call. */
  take(): string[] {
    return this.begun.splice(0);
  }
}

describe('Periodic', () => {
  let tasks: Tasks;
  let periodic: Periodic<string> | undefined;

  beforeEach(() => {
    jest.useFakeTimers();
    tasks = new Tasks();
  });
  afterEach(() => {
    void periodic?.stop();
    jest.useRealTimers();
  });

  const of = (targets: readonly string[], rules: Partial<PeriodicRules<string>> = {}): Periodic<string> =>
    (periodic = new Periodic({ everyMs: 100, targets: () => targets, task: tasks.task, ...rules }));

  it('runs the task for each target once per interval, the first time after one interval', async () => {
    of(['a', 'b']).start();
    expect(tasks.take()).toEqual([]);
    await jest.advanceTimersByTimeAsync(99);
    expect(tasks.take()).toEqual([]);
    await jest.advanceTimersByTimeAsync(1);
    expect(tasks.take()).toEqual(['a', 'b']);
    await tasks.end('a');
    await tasks.end('b');
    await jest.advanceTimersByTimeAsync(100);
    expect(tasks.take()).toEqual(['a', 'b']);
  });

  it('does not let a task that hangs delay other targets, and starts no second task for its target', async () => {
    of(['hangs', 'b']).start();
    for (let turn = 0; turn < 5; turn++) {
      await jest.advanceTimersByTimeAsync(100);
      await tasks.end('b');
    }
    expect(tasks.take()).toEqual(['hangs', 'b', 'b', 'b', 'b', 'b']);
    await tasks.end('hangs');
    await jest.advanceTimersByTimeAsync(100);
    expect(tasks.take()).toEqual(['hangs', 'b']);
  });

  it('does not let a task that fails delay other targets, and runs it again in the next turn', async () => {
    const failures: unknown[] = [];
    const oops = new Error('oops');
    of(['fails', 'b'], { failed: (target, error) => void failures.push([target, error]) }).start();
    await jest.advanceTimersByTimeAsync(100);
    await tasks.end('fails', oops);
    await tasks.end('b');
    await jest.advanceTimersByTimeAsync(100);
    expect(tasks.take()).toEqual(['fails', 'b', 'fails', 'b']);
    expect(failures).toEqual([['fails', oops]]);
  });

  it('treats a task that throws like one that rejects', async () => {
    const failures: unknown[] = [];
    const seen: string[] = [];
    of(['throws', 'b'], {
      task: (target) => {
        seen.push(target);
        if (target === 'throws') throw new Error('oops');
        return Promise.resolve();
      },
      failed: (target) => void failures.push(target),
    }).turn();
    await jest.advanceTimersByTimeAsync(0);
    expect([seen, failures]).toEqual([['throws', 'b'], ['throws']]);
  });

  it('asks for its targets again at each turn', async () => {
    const targets = ['a'];
    of(targets).start();
    await jest.advanceTimersByTimeAsync(100);
    targets.push('b');
    await jest.advanceTimersByTimeAsync(100);
    expect(tasks.take()).toEqual(['a', 'b']);
  });

  it('skips turns while `isPossible` is false', async () => {
    let isPossible = false;
    of(['a'], { isPossible: () => isPossible }).start();
    await jest.advanceTimersByTimeAsync(300);
    expect(tasks.take()).toEqual([]);
    isPossible = true;
    await jest.advanceTimersByTimeAsync(100);
    expect(tasks.take()).toEqual(['a']);
  });

  it('takes a turn at once on request, in addition to the regular ones', async () => {
    const rounds = of(['a']);
    rounds.start();
    rounds.turn();
    expect(tasks.take()).toEqual(['a']);
    await tasks.end('a');
    await jest.advanceTimersByTimeAsync(100);
    expect(tasks.take()).toEqual(['a']);
  });

  it('joins the run of a target that is in progress', async () => {
    const rounds = of(['a']);
    const first = rounds.run('a');
    expect(rounds.run('a')).toBe(first);
    expect(tasks.take()).toEqual(['a']);
    await tasks.end('a', new Error('oops'));
    await expect(first).resolves.toBeUndefined();
    void rounds.run('a');
    expect(tasks.take()).toEqual(['a']);
  });

  it('keeps one timer when it is started twice', () => {
    const rounds = of(['a']);
    rounds.start();
    rounds.start();
    expect(jest.getTimerCount()).toBe(1);
  });

  it('waits for running tasks when it stops, and starts no more', async () => {
    const rounds = of(['a', 'b']);
    rounds.start();
    rounds.turn();
    let isStopped = false;
    const stopping = rounds.stop().then(() => (isStopped = true));
    await tasks.end('a', new Error('oops'));
    expect(isStopped).toBe(false);
    await tasks.end('b');
    expect(isStopped).toBe(true);
    await stopping;
    tasks.take();
    rounds.start();
    rounds.turn();
    await rounds.run('a');
    await jest.advanceTimersByTimeAsync(1_000);
    expect(tasks.take()).toEqual([]);
    expect(jest.getTimerCount()).toBe(0);
    await rounds.stop();
  });

  it('stops at once where no task runs, and where it never started', async () => {
    await of(['a']).stop();
    const rounds = of(['a']);
    rounds.start();
    await rounds.stop();
    expect(jest.getTimerCount()).toBe(0);
  });
});

describe('Periodic in real time', () => {
  it('does not keep the process alive', async () => {
    const timers = (): number => process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length;
    const before = timers();
    const rounds = new Periodic<string>({ everyMs: 60_000, targets: () => ['a'], task: () => Promise.resolve() });
    rounds.start();
    expect(timers()).toBe(before);
    await rounds.stop();
  });
});
