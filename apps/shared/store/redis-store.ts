import { Logger } from '@nestjs/common';
import type { OnApplicationShutdown } from '@nestjs/common';
import { Redis } from 'ioredis';

const COMMAND_TIMEOUT_MS = 3_000;

/** The app's own state could not be read or written; the caller may retry. */
export class StoreUnavailableError extends Error {
  constructor(cause: unknown) {
    // The message is copied but the cause is not attached: ioredis keeps command arguments on its errors.
    super(`The store does not answer: ${cause instanceof Error ? cause.message : 'unknown reason'}`);
    this.name = 'StoreUnavailableError';
  }
}

/** Redis has reached its memory limit. Unlike other errors, this one goes away without a change to the data. */
export class StoreFullError extends StoreUnavailableError {
  constructor(cause: unknown) {
    super(cause);
    this.name = 'StoreFullError';
  }
}

/** In bytes. */
export interface RedisMemory {
  readonly used: number;
  /** Where Redis begins to refuse writes; `Infinity` if it never does. */
  readonly limit: number;
}

/**
 * Keeps the state of an app that must survive its process. Uses a connection separate from the transporter's: a command
 * that waits for Redis fails after a few seconds, so that an HTTP request gets its 503 in time.
 */
export class RedisStore implements OnApplicationShutdown {
  private readonly redis: Redis;
  private readonly logger = new Logger(RedisStore.name);

  constructor(url: string) {
    this.redis = new Redis(url, {
      commandTimeout: COMMAND_TIMEOUT_MS,
      maxRetriesPerRequest: 1,
      retryStrategy: (attempt) => Math.min(attempt * 100, 2_000),
    });
    let isDown = false;
    this.redis.on('ready', () => (isDown = false));
    this.redis.on('error', (error: Error) => {
      if (!isDown) this.logger.warn(`Redis is not reachable: ${error.message}`); // once, not on every attempt
      isDown = true;
    });
  }

  /** Runs a script atomically. Its keys must share one hash slot. */
  run(script: string, keys: readonly string[], values: readonly (string | number)[]): Promise<unknown> {
    return this.guard(this.redis.eval(script, keys.length, ...keys, ...values));
  }

  hash(key: string): Promise<Record<string, string>> {
    return this.guard(this.redis.hgetall(key));
  }

  increment(key: string, field: string): Promise<number> {
    return this.guard(this.redis.hincrby(key, field, 1));
  }

  /** Number of entries of a stream that a consumer group has not settled; all entries if the group does not exist. */
  async backlog(stream: string, group: string): Promise<number> {
    const groups = await this.guard(this.redis.xinfo('GROUPS', stream)).catch((error: Error) => {
      if (error.message.includes('no such key')) return [];
      throw error;
    });
    const known = (groups as unknown[][]).map(pairs).find((each) => each.get('name') === group);
    // Redis reports no lag after individual entries have been deleted.
    const unread = known?.get('lag') ?? (await this.guard(this.redis.xlen(stream)));
    return Number(unread) + Number(known?.get('pending') ?? 0);
  }

  /** Whether an entry was delivered to the group and is not acked yet. */
  async isPending(stream: string, group: string, entry: string): Promise<boolean> {
    const pending = await this.guard(this.redis.xpending(stream, group, entry, entry, 1));
    return pending.length > 0;
  }

  async memory(): Promise<RedisMemory> {
    const info = await this.guard(this.redis.info('memory')).catch((error: Error) => {
      if (error.message.includes('NOPERM')) return ''; // some hosted servers forbid INFO
      throw error;
    });
    const field = (name: string): string | undefined => new RegExp(`^${name}:(.*?)\\r?$`, 'm').exec(info)?.[1];
    // With any other policy Redis deletes keys instead of refusing writes, and stays full.
    const isLimited = field('maxmemory_policy') === 'noeviction' && field('maxmemory') !== '0';
    return { used: Number(field('used_memory') ?? 0), limit: isLimited ? Number(field('maxmemory')) : Infinity };
  }

  async ping(): Promise<void> {
    await this.guard(this.redis.ping());
  }

  onApplicationShutdown(): void {
    this.redis.disconnect();
  }

  private async guard<T>(command: Promise<T>): Promise<T> {
    try {
      return await command;
    } catch (error) {
      throw isFull(error) ? new StoreFullError(error) : new StoreUnavailableError(error);
    }
  }
}

/** Redis 6.2 reports it from inside a script with other words in front. */
const isFull = (error: unknown): boolean => error instanceof Error && error.message.includes('OOM command not allowed');

const pairs = (flat: readonly unknown[]): Map<unknown, unknown> =>
  new Map(flat.flatMap((name, i) => (i % 2 === 0 ? [[name, flat[i + 1]] as const] : [])));
