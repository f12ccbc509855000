import { Redis } from 'ioredis';
import type { Command, RedisOptions } from 'ioredis';

type Stream = Parameters<Redis['sendCommand']>[1];

/** An ioredis client that counts its reads in flight. */
export class WatchedRedis extends Redis {
  /** Number of reads that wait for a reply. */
  readsInFlight = 0;
  mostReadsInFlight = 0;
  private readonly seen = new WeakSet<Command>();

  constructor(options: RedisOptions) {
    super({ ...options, replyMapping: 'legacy' });
  }

  override sendCommand(command: Command, stream?: Stream): unknown {
    // A command that ioredis resends after a reconnect is still the same read.
    if (/^xread/i.test(command.name) && !this.seen.has(command)) {
      this.seen.add(command);
      this.readsInFlight += 1;
      this.mostReadsInFlight = Math.max(this.mostReadsInFlight, this.readsInFlight);
      const landed = (): void => {
        this.readsInFlight -= 1;
      };
      command.promise.then(landed, landed);
    }
    return super.sendCommand(command, stream);
  }
}
