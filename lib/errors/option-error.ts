import { inspect } from 'node:util';
import { brand } from './brand.js';

/** A wrong option. The message names the option, the rule and the received value. */
export class RedisStreamOptionError extends TypeError {
  static {
    brand(this, 'RedisStreamOptionError');
  }

  readonly code = 'INVALID_OPTION';

  constructor(
    readonly option: string,
    rule: string,
    received: unknown,
    /** Whether the value may be a secret: then the message has only its type. */
    mayBeSecret = false,
  ) {
    super(`Expected \`${option}\` to be ${rule}, got ${mayBeSecret ? `a ${typeof received}` : describe(received)}`);
    this.name = 'RedisStreamOptionError';
  }
}

/** Objects are described only by their type: a connection object may have a password. */
function describe(value: unknown): string {
  if (value === null || value === undefined) return `\`${String(value)}\``;
  if (typeof value === 'object') return Array.isArray(value) ? 'an array' : 'an object';
  if (typeof value === 'function') return 'a function';
  return `\`${inspect(value, { maxStringLength: 80 })}\` (${typeof value})`;
}
