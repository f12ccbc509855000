import { Injectable, Logger } from '@nestjs/common';
import type { OnApplicationShutdown } from '@nestjs/common';
import { parseJson } from '../codec/json.js';
import { DEAD_FIELD, FIELD } from '../constants.js';
import { RedisStreamOptionError } from '../errors/option-error.js';
import type { RedisClient } from '../interfaces/connection.js';
import type { RedisStreamClientOptions } from '../options/options.js';
import type { Connection } from '../redis/connection.js';
import { ConnectionGroup } from '../redis/connection-group.js';
import { deadLetterKey, streamKey } from '../topology/keys.js';
import { withoutArguments } from '../redis/reply-error.js';
import { redriveLetter } from '../redis/scripts.js';
import { nextId } from '../redis/stream-commands.js';
import { resolveClientOptions } from '../options/settings.js';
import type { ClientSettings } from '../options/settings.js';

const DEFAULT_PAGE = 100;
const MAX_PAGE = 1_000;
const IDLE_BLOCK_MS = 0;

/** A message that was given up, with why and where. */
export interface DeadLetter {
  /** Id in the dead-letter stream; what `redrive` and `purge` take. */
  readonly id: string;
  readonly stream: string;
  readonly group: string;
  /** Id that the entry had in its stream. */
  readonly entryId: string;
  readonly attempts: number;
  readonly reason: string;
  readonly error: string;
  readonly failedAt: Date;
  /** The parsed payload; undefined where it is no JSON. */
  readonly data: unknown;
  /** Every field of the original entry, byte for byte. */
  readonly fields: ReadonlyMap<string, Buffer>;
}

export interface DeadLetterPage {
  readonly letters: readonly DeadLetter[];
  /** Pass it as `after` for the next page; undefined on the last one. */
  readonly next: string | undefined;
}

/**
 * Looks into the dead-letter streams, and gives letters another life. Provide it with the options of a client:
 * `{ provide: RedisStreamDeadLetters, useFactory: () => new RedisStreamDeadLetters({ connection }) }`.
 */
@Injectable()
export class RedisStreamDeadLetters implements OnApplicationShutdown {
  private readonly logger = new Logger(RedisStreamDeadLetters.name);
  private readonly settings: ClientSettings;
  private connections: ConnectionGroup | undefined;
  private connection: Connection | undefined;

  /** @throws {RedisStreamOptionError} */
  constructor(options: RedisStreamClientOptions) {
    this.settings = resolveClientOptions(options);
  }

  /** Letters of a pattern, oldest first, at most 1,000 at a time. */
  async list(pattern: string, page: { after?: string; count?: number } = {}): Promise<DeadLetterPage> {
    const { after, count = DEFAULT_PAGE } = page;
    if (!Number.isSafeInteger(count) || count < 1 || count > MAX_PAGE) {
      throw new RedisStreamOptionError('count', `an integer from 1 to ${MAX_PAGE}`, count);
    }
    const key = this.deadLetters(pattern);
    const start = after === undefined ? '-' : nextId(after);
    const found = await this.ask((client) => client.xrangeBuffer(key, start, '+', 'COUNT', count));
    const letters = found.map(([id, fields]) => readLetter(String(id), fields));
    return { letters, next: letters.length === count ? letters.at(-1)?.id : undefined };
  }

  async count(pattern: string): Promise<number> {
    const key = this.deadLetters(pattern);
    return this.ask((client) => client.xlen(key));
  }

  async inspect(pattern: string, id: string): Promise<DeadLetter | undefined> {
    const key = this.deadLetters(pattern);
    const [found] = await this.ask((client) => client.xrangeBuffer(key, id, id));
    return found && readLetter(String(found[0]), found[1]);
  }

  /**
   * Runs the message again, in the group that gave it up and in no other, with all its attempts before it. Atomic: it is
   * either a letter or pending again. False when there is no such letter.
   */
  async redrive(pattern: string, id: string): Promise<boolean> {
    const stream = this.stream(pattern);
    return this.ask((client) => redriveLetter(client, stream, deadLetterKey(stream), id));
  }

  /** Redrives every letter that is there now; one that fails again meanwhile is not taken twice. */
  async redriveAll(pattern: string): Promise<number> {
    const key = this.deadLetters(pattern);
    const [newest] = await this.ask((client) => client.xrevrange(key, '+', '-', 'COUNT', 1));
    if (!newest) return 0;
    let redriven = 0;
    for (;;) {
      const letters = await this.ask((client) => client.xrange(key, '-', newest[0], 'COUNT', DEFAULT_PAGE));
      if (letters.length === 0) return redriven;
      for (const [id] of letters) if (await this.redrive(pattern, id)) redriven++;
    }
  }

  /** Deletes one letter, or all of a pattern. Returns how many. */
  async purge(pattern: string, id?: string): Promise<number> {
    const key = this.deadLetters(pattern);
    return this.ask((client) => (id === undefined ? client.xtrim(key, 'MAXLEN', 0) : client.xdel(key, id)));
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

  private stream(pattern: string): string {
    return streamKey(this.settings.prefix, pattern);
  }

  private deadLetters(pattern: string): string {
    return deadLetterKey(this.stream(pattern));
  }

  /** @throws {Error} of Redis, without the arguments that ioredis puts on it */
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
      });
      this.connection = this.connections.add('writer');
      this.connections.open();
    }
    await this.connection.ready(this.settings.connectTimeoutMs);
    return this.connection;
  }
}

const OWN_FIELDS: ReadonlySet<string> = new Set(Object.values(DEAD_FIELD));

function readLetter(id: string, flat: readonly Buffer[]): DeadLetter {
  const about = new Map<string, string>();
  const fields = new Map<string, Buffer>();
  for (let i = 0; i + 1 < flat.length; i += 2) {
    const name = String(flat[i]);
    const value = flat[i + 1] as Buffer;
    if (OWN_FIELDS.has(name)) about.set(name, String(value));
    else fields.set(name, value);
  }
  const own = (name: string): string => about.get(name) ?? '';
  return {
    id,
    stream: own(DEAD_FIELD.stream),
    group: own(DEAD_FIELD.group),
    entryId: own(DEAD_FIELD.id),
    attempts: Number(own(DEAD_FIELD.attempts)),
    reason: own(DEAD_FIELD.reason),
    error: own(DEAD_FIELD.error),
    failedAt: new Date(own(DEAD_FIELD.failedAt)),
    data: parsedOrUndefined(fields.get(FIELD.data)),
    fields,
  };
}

function parsedOrUndefined(data: Buffer | undefined): unknown {
  try {
    return data && parseJson(String(data));
  } catch {
    return undefined;
  }
}
