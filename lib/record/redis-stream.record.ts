import { RedisStreamOptionError } from '../errors/option-error.js';

/** Data together with what travels beside it; `send` and `emit` take it in place of plain data. */
export class RedisStreamRecord<T = unknown> {
  constructor(
    readonly data: T,
    readonly headers: Readonly<Record<string, string>> | undefined,
    readonly messageId: string | undefined,
    /** ms; undefined leaves `option.requestTimeout` in force. */
    readonly timeout: number | undefined,
  ) {}
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

  /** Replaces all headers. Values are strings; Nest 12's dispatch hook adds to them. */
  setHeaders(headers: Readonly<Record<string, string>>): this {
    this.headers = undefined;
    for (const [name, value] of Object.entries(headers)) this.setHeader(name, value);
    return this;
  }

  /** @throws {RedisStreamOptionError} when the value is no string */
  setHeader(name: string, value: string): this {
    if (typeof value !== 'string') throw new RedisStreamOptionError(`headers.${name}`, 'a string', value);
    this.headers = { ...this.headers, [name]: value };
    return this;
  }

  /** Id by which handlers tell a message that they have seen; `ctx.getMessageId()` returns it. */
  setMessageId(messageId: string): this {
    if (typeof messageId !== 'string' || messageId === '') {
      throw new RedisStreamOptionError('messageId', 'a non-empty string', messageId);
    }
    this.messageId = messageId;
    return this;
  }

  /** How long this request waits for its (next) reply, in ms; 0 waits for ever. */
  setTimeout(timeout: number): this {
    if (!Number.isSafeInteger(timeout) || timeout < 0) {
      throw new RedisStreamOptionError('timeout', 'an integer >= 0', timeout);
    }
    this.timeout = timeout;
    return this;
  }

  build(): RedisStreamRecord<T> {
    return new RedisStreamRecord(this.data as T, this.headers, this.messageId, this.timeout);
  }
}
