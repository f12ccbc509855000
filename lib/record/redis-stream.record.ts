import { brand } from '../errors/brand.js';
import { RedisStreamOptionError } from '../errors/option-error.js';
import { isTime, MAX_TIME_MS } from '../timing/time.js';
import { isIllFormed } from '../topology/text.js';

/** The data of a message and what is sent with it. */
export interface RedisStreamRecordParts<T = unknown> {
  readonly data: T;
  readonly headers?: Readonly<Record<string, string>> | undefined;
  /** Id by which handlers recognize a message that they have already seen. */
  readonly messageId?: string | undefined;
  /** How long a request waits for its (next) reply, in ms; if absent, `option.requestTimeout` applies. */
  readonly timeout?: number | undefined;
}

/** Data with headers, a message id and a timeout; `send` and `emit` accept it in place of plain data. */
export class RedisStreamRecord<T = unknown> implements RedisStreamRecordParts<T> {
  static {
    brand(this, 'RedisStreamRecord');
  }

  readonly data: T;
  readonly headers: Readonly<Record<string, string>> | undefined;
  readonly messageId: string | undefined;
  /** In ms; if undefined, `option.requestTimeout` applies. */
  readonly timeout: number | undefined;

  /** @throws {RedisStreamOptionError} for a message id or a timeout that the builder would also refuse */
  constructor({ data, headers, messageId, timeout }: RedisStreamRecordParts<T>) {
    if (messageId !== undefined) assertMessageId(messageId);
    if (timeout !== undefined) assertTimeout(timeout);
    this.data = data;
    this.headers = headers;
    this.messageId = messageId;
    this.timeout = timeout;
  }
}

function assertMessageId(messageId: string): void {
  if (typeof messageId !== 'string' || messageId === '' || isIllFormed(messageId)) {
    throw new RedisStreamOptionError('messageId', 'a non-empty, well-formed string', messageId);
  }
}

function assertTimeout(timeout: number): void {
  if (!isTime(timeout)) {
    throw new RedisStreamOptionError('timeout', `an integer from 0 to ${MAX_TIME_MS}`, timeout);
  }
}

/** Builds a {@link RedisStreamRecord}. */
export class RedisStreamRecordBuilder<T = unknown> {
  private headers: Record<string, string> | undefined;
  private messageId: string | undefined;
  private timeout: number | undefined;

  constructor(private data?: T) {}

  setData(data: T): this {
    this.data = data;
    return this;
  }

  /**
   * Replaces all headers. Nest 12's dispatch hook may add to them.
   * @throws {RedisStreamOptionError} if a value is not a string
   */
  setHeaders(headers: Readonly<Record<string, string>>): this {
    this.headers = undefined;
    for (const [name, value] of Object.entries(headers)) this.setHeader(name, value);
    return this;
  }

  /** @throws {RedisStreamOptionError} if the value is not a string */
  setHeader(name: string, value: string): this {
    if (typeof value !== 'string') throw new RedisStreamOptionError(`headers.${name}`, 'a string', value);
    this.headers = { ...this.headers, [name]: value };
    return this;
  }

  /**
   * Id by which handlers recognize a message that they have already seen; `ctx.getMessageId()` returns it.
   * @throws {RedisStreamOptionError} if it is not a string, is empty, or has half of a surrogate pair
   */
  setMessageId(messageId: string): this {
    assertMessageId(messageId);
    this.messageId = messageId;
    return this;
  }

  /**
   * How long this request waits for its (next) reply, in ms; 0 means no limit.
   * @throws {RedisStreamOptionError} if it is not an integer from 0 to 2147483647 (24.8 days)
   */
  setTimeout(timeout: number): this {
    assertTimeout(timeout);
    this.timeout = timeout;
    return this;
  }

  build(): RedisStreamRecord<T> {
    return new RedisStreamRecord({
      data: this.data as T,
      headers: this.headers,
      messageId: this.messageId,
      timeout: this.timeout,
    });
  }
}
