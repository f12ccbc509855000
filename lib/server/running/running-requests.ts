import { RequestCancelledError } from '../../errors/transport-errors.js';
import type { GroupStream } from '../holding/group-stream.js';

/**
 * The requests that run in this process, so that a caller can cancel them. A search among the held entries, because
 * callers rarely cancel and a separate map would be written twice per request (a third more garbage survived with it).
 */
export class RunningRequests {
  constructor(private readonly streams: readonly GroupStream[]) {}

  /** An unknown id belongs to a request of another server, or to one that is over. */
  cancel(id: string, why: string): void {
    for (const { entries } of this.streams) {
      for (const entry of entries) if (entry.request?.id === id) entry.cancelRun(new RequestCancelledError(why));
    }
  }
}
