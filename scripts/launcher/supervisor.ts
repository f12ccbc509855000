import { setTimeout as delay } from 'node:timers/promises';

/** A running service or task that can be stopped and may end by itself. */
export interface Running {
  /** Resolves when it serves, rejects if it cannot; undefined if it serves as soon as it exists. */
  readonly ready?: Promise<unknown>;
  readonly ended: Promise<unknown>;
  stop(): Promise<void>;
}

export type Start = () => Running | Promise<Running>;

const RESTART_AFTER_MS = 1_000;

/**
 * Keeps services up until `stop()`: a service that ends by itself is restarted, so that `kill -9` on a part of the demo
 * shows how the rest reacts. Stops in reverse order of starting, one phase after the other.
 */
export class Supervisor {
  private readonly phases: Pick<Running, 'stop'>[][] = [];
  private stopping: Promise<void> | undefined;

  constructor(private readonly say: (line: string) => void) {}

  /** Starts services in parallel; resolves when all of them serve, rejects if one of them does not. */
  async up(services: Readonly<Record<string, Start>>): Promise<void> {
    if (this.stopping) throw new Error('Stopped while starting');
    const phase = Object.entries(services).map(([name, start]) => new Service(name, start, this.say));
    this.phases.push(phase);
    await Promise.all(phase.map((service) => service.start()));
  }

  /** Runs a task to its end; a stop in the meantime ends the task before the services it works on. */
  async run(start: Start): Promise<void> {
    if (this.stopping) throw new Error('Stopped while starting');
    const task = await start();
    this.phases.push([task]);
    await task.ready;
    await task.ended;
  }

  stop(): Promise<void> {
    return (this.stopping ??= this.stopAll());
  }

  private async stopAll(): Promise<void> {
    for (const phase of this.phases.toReversed()) await Promise.all(phase.map((service) => service.stop()));
  }
}

class Service {
  private current: Running | undefined;
  private isStopping = false;

  constructor(
    private readonly name: string,
    private readonly launch: Start,
    private readonly say: (line: string) => void,
  ) {}

  async start(): Promise<void> {
    const running = await this.launch();
    this.current = running;
    if (this.isStopping) await running.stop();
    await running.ready;
    void running.ended.then(() => this.restart());
  }

  async stop(): Promise<void> {
    this.isStopping = true;
    await this.current?.stop();
  }

  private async restart(): Promise<void> {
    while (!this.isStopping) {
      this.say(`${this.name} has ended; restarting it`);
      await delay(RESTART_AFTER_MS);
      if (this.isStopping) return;
      try {
        return await this.start();
      } catch (error) {
        this.say(error instanceof Error ? error.message : String(error));
      }
    }
  }
}
