import type { ConcurrencyGate } from './concurrency-gate.js';
import type { Dispatcher } from './dispatcher.js';
import type { GroupStream, HeldEntry } from '../holding/group-stream.js';

/**
 * Streams of one group that share slots and a reader. A handler with its own concurrency has a lane of its own, so that
 * nothing that is busy or slow elsewhere keeps it waiting, nor it others.
 */
export class Lane {
  constructor(
    readonly group: string,
    readonly streams: readonly GroupStream[],
    readonly gate: ConcurrencyGate,
    private readonly dispatcher: Dispatcher,
  ) {}

  /** Runs an entry that this process owns, once it has a slot. Calls `over` when the run is over. */
  run(entry: HeldEntry, over?: () => void): void {
    this.dispatcher.run(entry, this.gate, over);
  }
}
