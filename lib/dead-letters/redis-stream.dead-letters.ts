import { Injectable, Logger } from '@nestjs/common';
import type { OnApplicationShutdown } from '@nestjs/common';
import type { RedisClient } from '../interfaces/connection.js';
import type { RedisStreamClientOptions } from '../options/options.js';
import { resolveClientOptions } from '../options/settings.js';
import type { ClientSettings } from '../options/settings.js';
import type { Connection } from '../redis/connection.js';
import { ConnectionGroup } from '../redis/connection-group.js';
import { withoutArguments } from '../redis/reply-error.js';
import { redriveLetter } from '../redis/scripts.js';
import { Topology } from '../topology/topology.js';
import { readLetter } from './dead-letter.js';
import type { DeadLetter } from './dead-letter.js';
import { DEFAULT_PAGE, FIRST_ID, LAST_ID, assertPageSize, entryId } from './dead-letter-page.js';
import type { DeadLetterPage } from './dead-letter-page.js';
import { Leftovers } from './leftovers.js';

const IDLE_BLOCK_MS = 0;

/**
 * Lists, redrives and deletes dead letters. Provide it with the options of a client:
 * `{ provide: RedisStreamDeadLetters, useFactory: () => new RedisStreamDeadLetters({ connection }) }`.
 *
 * An entry that no server wrote as a dead letter is left alone and named in a warning; only `count`, `purge` and
 * `purgeAll` treat it like a dead letter.
 */
@Injectable()
export class RedisStreamDeadLetters implements OnApplicationShutdown {
  private readonly logger = new Logger(RedisStreamDeadLetters.name);
  private readonly settings: ClientSettings;
  private readonly topology: Topology;
  private connections: ConnectionGroup | undefined;
  private connection: Connection | undefined;

  /** @throws {RedisStreamOptionError} */
  constructor(options: RedisStreamClientOptions) {
    this.settings = resolveClientOptions(options);
    this.topology = new Topology(this.settings.prefix);
  }

  /**
   * Dead letters of a pattern, oldest first or with `newestFirst` the other way round, at most 1,000 at a time (100 by
   * default). Pages follow each other in the same order.
   * @throws {RedisStreamOptionError} for a `count` out of bounds, or an `after` that is not an id
   */
  async list(
    pattern: string,
    page: { after?: string | undefined; count?: number; newestFirst?: boolean } = {},
  ): Promise<DeadLetterPage> {
    const { after, count = DEFAULT_PAGE, newestFirst = false } = page;
    assertPageSize(count);
    const key = this.deadLetters(pattern);
    const [first, last] = newestFirst ? (['+', '-'] as const) : (['-', '+'] as const);
    const start = after === undefined ? first : `(${entryId('after', after)}`;
    // Redis refuses a range that begins beyond the last possible id.
    if (after === (newestFirst ? FIRST_ID : LAST_ID)) return { letters: [], next: undefined };
    const found = await this.ask((client) =>
      newestFirst
        ? client.xrevrangeBuffer(key, start, last, 'COUNT', count)
        : client.xrangeBuffer(key, start, last, 'COUNT', count),
    );
    const letters = this.lettersAmong(key, found);
    return { letters, next: found.length === count ? String(found.at(-1)?.[0]) : undefined };
  }

  async count(pattern: string): Promise<number> {
    const key = this.deadLetters(pattern);
    return this.ask((client) => client.xlen(key));
  }

  /** One dead letter; undefined if it does not exist. @throws {RedisStreamOptionError} for a malformed id */
  async inspect(pattern: string, id: string): Promise<DeadLetter | undefined> {
    const key = this.deadLetters(pattern);
    const start = entryId('id', id);
    const found = await this.ask((client) => client.xrangeBuffer(key, start, start));
    return this.lettersAmong(key, found)[0];
  }

  /**
   * Runs the message again, only in the group that gave it up, and with all of its attempts. Atomic: the message is
   * either a dead letter or back in its stream. Returns false if the dead letter does not exist or cannot be redriven
   * (a warning says why).
   * @throws {RedisStreamOptionError} for a malformed id
   */
  async redrive(pattern: string, id: string): Promise<boolean> {
    const left = new Leftovers();
    const isRedriven = await this.redriveOne(this.topology.streamToWrite(pattern), entryId('id', id), left);
    this.warnOf(left, pattern);
    return isRedriven;
  }

  /**
   * Redrives every dead letter that exists now and returns how many; a message that fails again in the meantime is not
   * redriven twice. Dead letters that cannot be redriven stay, and one warning per reason counts them.
   */
  async redriveAll(pattern: string): Promise<number> {
    const stream = this.topology.streamToWrite(pattern);
    const key = this.topology.deadLettersOf(stream);
    const [newest] = await this.ask((client) => client.xrevrange(key, '+', '-', 'COUNT', 1));
    const left = new Leftovers();
    let redriven = 0;
    let from = '-';
    while (newest) {
      const start = from;
      const found = await this.ask((client) => client.xrange(key, start, newest[0], 'COUNT', DEFAULT_PAGE));
      for (const [id] of found) if (await this.redriveOne(stream, id, left)) redriven++;
      const last = found.at(-1)?.[0];
      if (last === undefined || last === newest[0]) break;
      from = `(${last}`;
    }
    this.warnOf(left, pattern);
    return redriven;
  }

  /**
   * Deletes one dead letter. Returns how many were deleted: 1 or 0.
   * @throws {RedisStreamOptionError} for a malformed id; `purgeAll` deletes all dead letters of a pattern
   */
  async purge(pattern: string, id: string): Promise<number> {
    const key = this.deadLetters(pattern);
    const letter = entryId('id', id);
    return this.ask((client) => client.xdel(key, letter));
  }

  /** Deletes every dead letter of a pattern. Returns how many. */
  async purgeAll(pattern: string): Promise<number> {
    const key = this.deadLetters(pattern);
    return this.ask((client) => client.xtrim(key, 'MAXLEN', 0));
  }

  async close(): Promise<void> {
    const { connections } = this;
    this.connections = undefined;
    this.connection = undefined;
    await connections?.close();
  }

  onApplicationShutdown(): Promise<void> {
    return this.close();
  }

  private deadLetters(pattern: string): string {
    return this.topology.deadLettersOf(this.topology.streamToWrite(pattern));
  }

  private async redriveOne(stream: string, id: string, left: Leftovers): Promise<boolean> {
    const key = this.topology.deadLettersOf(stream);
    const outcome = await this.ask((client) => redriveLetter(client, stream, key, id));
    if (outcome !== 'redriven' && outcome !== 'missing') left.add(outcome, id);
    return outcome === 'redriven';
  }

  private lettersAmong(key: string, found: readonly [Buffer, Buffer[]][]): DeadLetter[] {
    const left = new Leftovers();
    const letters: DeadLetter[] = [];
    for (const [id, fields] of found) {
      const letter = readLetter(String(id), fields);
      if (letter) letters.push(letter);
      else left.add('foreign', String(id));
    }
    for (const line of left.lines) this.logger.warn(`In "${key}" ${line}`);
    return letters;
  }

  private warnOf(left: Leftovers, pattern: string): void {
    for (const line of left.lines) this.logger.warn(`In "${this.deadLetters(pattern)}" ${line}`);
  }

  /** @throws {Error} the error of Redis, without the command arguments that ioredis puts on it */
  private async ask<T>(question: (client: RedisClient) => Promise<T>): Promise<T> {
    const { client } = await this.ready();
    return question(client).catch((error: unknown) => {
      throw withoutArguments(error);
    });
  }

  private async ready(): Promise<Connection> {
    if (!this.connection) {
      this.connections = new ConnectionGroup(this.settings.connection, IDLE_BLOCK_MS, {
        statusChanged: () => undefined,
        failed: (_, error) => this.logger.error(`Redis connection for dead letters: ${error.message}`),
        recovered: () => this.logger.log('Redis connection for dead letters is back'),
        listenerFailed: (error) => this.logger.error(error),
      });
      this.connection = this.connections.add('writer');
      this.connections.open();
    }
    await this.connection.ready(this.settings.connectTimeoutMs);
    return this.connection;
  }
}
