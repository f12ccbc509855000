import { RpcException } from '@nestjs/microservices';
import { brand, sharedByCopies } from './brand.js';

const marked = sharedByCopies('unrecoverable', () => new WeakSet<object>());

/**
 * Thrown by a handler if another attempt is useless: an event becomes a dead letter at once, and a request is answered
 * with the error, as after any `RpcException`.
 */
export class RedisStreamUnrecoverableError extends RpcException {
  static {
    brand(this, 'RedisStreamUnrecoverableError');
  }

  constructor(error: string | object) {
    super(error);
    this.name = 'RedisStreamUnrecoverableError';
  }

  /**
   * Nest's exception filter passes the transport only what this returns, never the exception itself, so the mark is on
   * the returned object.
   */
  override getError(): string | object {
    const error = super.getError();
    const payload = typeof error === 'string' ? { status: 'error', message: error } : error;
    marked.add(payload);
    return payload;
  }
}

/** Whether an error, or what Nest's exception filter made of it, came from `RedisStreamUnrecoverableError`. */
export function isUnrecoverable(error: unknown): boolean {
  if (error instanceof RedisStreamUnrecoverableError) return true;
  return typeof error === 'object' && error !== null && marked.has(error);
}
