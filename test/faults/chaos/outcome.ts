import { RedisStreamError } from 'nestjs-redis-stream-transport';
import type { Sending } from './ledger.js';

/** What an error says about the message. An error that is not the transport's says nothing, and is a violation. */
export function outcomeOfError(error: unknown): Pick<Sending, 'outcome' | 'code'> {
  if (!(error instanceof RedisStreamError)) return { outcome: 'unknown', code: `untyped: ${textOf(error)}` };
  return { outcome: error.outcome === 'not-stored' ? 'failed' : 'unknown', code: error.code };
}

const textOf = (error: unknown): string =>
  (error instanceof Error ? error.message : JSON.stringify(error)).slice(0, 200);
