import { RequestCancelledError } from '../../errors/transport-errors.js';
import type { GroupStream } from '../holding/group-stream.js';

/**
 * The requests that run in this process, so that a caller who leaves can end them. Looked for among the entries that are held:
 * callers seldom leave, and a map of its own would be written twice for every request (a third more garbage survived with it).
 */
export class RunningRequests {
  constructor(private readonly streams: readonly GroupStream[]) {}

  /** Unknown ids are requests of other servers, or are over. */
  cancel(id: string, why: string): void {
    for (const { entries } of this.streams) {
      for (const entry of entries) if (entry.request?.id === id) entry.cancelRun(new RequestCancelledError(why));
    }
  }
}
