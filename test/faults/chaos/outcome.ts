import { RedisStreamError } from 'nestjs-redis-stream-transport';
import type { Sending } from './ledger.js';

/** Nest's error for a request to a stream that no group reads, and its code in the ledger. */
const NO_HANDLER_TEXT = 'There is no matching message handler defined in the remote service.';
export const NO_HANDLER = 'NO_HANDLER';

/** What an error says about the message. An error that is not the transport's says nothing, and is a violation. */
export function outcomeOfError(error: unknown): Pick<Sending, 'outcome' | 'code'> {
  if (error === NO_HANDLER_TEXT) return { outcome: 'failed', code: NO_HANDLER };
  if (!(error instanceof RedisStreamError)) return { outcome: 'unknown', code: `untyped: ${textOf(error)}` };
  return { outcome: error.outcome === 'not-stored' ? 'failed' : 'unknown', code: error.code };
}

const textOf = (error: unknown): string =>
  (error instanceof Error ? error.message : JSON.stringify(error)).slice(0, 200);
