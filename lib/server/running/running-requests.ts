import { RequestCancelledError } from '../../errors/transport-errors.js';

/** The run of a request, as far as its caller may end it. */
export interface CancellableRun {
  cancel(reason: Error): void;
}

/** The requests that run in this process, by their ids, so that a caller who leaves can end them. */
export class RunningRequests {
  private readonly runs = new Map<string, CancellableRun>();

  get size(): number {
    return this.runs.size;
  }

  add(id: string, run: CancellableRun): void {
    this.runs.set(id, run);
  }

  remove(id: string, run: CancellableRun): void {
    if (this.runs.get(id) === run) this.runs.delete(id);
  }

  /** Unknown ids are requests of other servers, or are over. */
  cancel(id: string, why: string): void {
    this.runs.get(id)?.cancel(new RequestCancelledError(why));
  }
}
